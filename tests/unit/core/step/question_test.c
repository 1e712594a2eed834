/*
 * Questions: gates answered, refused and left open with each `else`; manual steps; doubt about an
 * effect and every rule that resolves it.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

/* A stage whose gate stands before its apply, or (late) between apply and verify. */
static struct machine_builder *gated(enum rbk_reaction_kind otherwise, bool late)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    mb_role(mb, "infra", "ines");
    uint32_t a = mb_stage(mb, "a");
    if (late) {
        mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    }
    uint32_t reaction = mb_reaction(mb, otherwise, RBK_NONE);
    uint32_t gate =
        mb_step(mb, a, late ? RBK_PHASE_VERIFY : RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, gate)->question = mb_question(mb, RBK_QUESTION_APPROVE, 2, 30000, reaction);
    if (!late) {
        mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    }
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    return mb;
}

START_TEST(a_gate_opens_when_every_role_has_agreed)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_ABORT, false));
    ck_at(&run, 1, "a.approve.1 asking");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 0);
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 0), RBK_REFUSAL_NOT_YOURS);
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 4), RBK_REFUSAL_NOT_YOURS);
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_WRONG_ANSWER);
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 2), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.approve.1 asking");
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 1), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    run_fini(&run);
}
END_TEST

START_TEST(roles_are_spoken_for_by_their_members)
{
    struct run run;
    struct machine_builder *mb = gated(RBK_REACTION_ABORT, false);
    mb_question(mb, RBK_QUESTION_ASK, 0, 1, RBK_NONE);
    run_init(&run, mb);
    ck_assert_uint_eq(rbk_question_seats(run.machine, 0, RBK_STR("dana")), 1);
    ck_assert_uint_eq(rbk_question_seats(run.machine, 0, RBK_STR("ines")), 2);
    ck_assert_uint_eq(rbk_question_seats(run.machine, 0, RBK_STR("mallory")), 0);
    ck_assert_uint_eq(rbk_question_seats(run.machine, 1, RBK_STR("mallory")), 1);
    ck_assert_uint_eq(rbk_question_seats(run.machine, RBK_NONE, RBK_STR("mallory")), 1);
    run_fini(&run);
}
END_TEST

START_TEST(an_answer_after_its_time_is_refused)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_ABORT, false));
    run.now_ms += 30000;
    ck_assert_int_eq(run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 3), RBK_REFUSAL_TOO_LATE);
    run_due(&run);
    ck_status(&run, "aborted");
    ck_assert_int_eq(run_post(&run, (struct rbk_event){.kind = RBK_EVENT_ANSWER, .index = 1}),
                     RBK_REFUSAL_ENDED);
    run_fini(&run);
}
END_TEST

/* Refuse the gate (_i even) or leave it open (_i odd). */
static void turn_down(struct run *run, int how, const char *state)
{
    if (how % 2 == 0) {
        ck_assert_int_eq(run_answer(run, state, RBK_ANSWER_NO, 1), RBK_REFUSAL_ACCEPTED);
    } else {
        run_due(run);
    }
}

START_TEST(else_abort_ends_the_run)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_ABORT, false));
    turn_down(&run, _i, "a.approve.1");
    ck_status(&run, "aborted");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_GATE);
    run_fini(&run);

    run_start(&run, gated(RBK_REACTION_ABORT, true));
    run_ok(&run, "a.apply.1");
    turn_down(&run, _i, "a.verify.1");
    ck_at(&run, 1, "a.rollback.1 running");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(else_cancel_cancels_while_nothing_is_touched_and_aborts_after)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_CANCEL, false));
    turn_down(&run, _i, "a.approve.1");
    ck_status(&run, "cancelled");
    ck_at(&run, 1, "a.held done");
    run_fini(&run);

    run_start(&run, gated(RBK_REACTION_CANCEL, true));
    run_ok(&run, "a.apply.1");
    turn_down(&run, _i, "a.verify.1");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(else_pause_pauses_and_asks_again)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_PAUSE, false));
    turn_down(&run, _i, "a.approve.1");
    ck_status(&run, "paused");
    ck_at(&run, 1, "a.approve.1 parked");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 1);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.approve.1 asking");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 30000);
    run_fini(&run);
}
END_TEST

START_TEST(an_answer_is_for_the_question_that_was_meant)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_PAUSE, false));
    struct rbk_event event = {.kind = RBK_EVENT_ANSWER,
                              .owner = RBK_OWNER_REGION,
                              .index = 1,
                              .serial = rbk_state_region(run.machine, run.state, 1)->serial,
                              .answer = RBK_ANSWER_YES,
                              .seats = 3};
    turn_down(&run, 0, "a.approve.1");
    run_command(&run, RBK_COMMAND_CONTINUE); /* asks the same once more */
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_OTHER_QUESTION);
    ck_at(&run, 1, "a.approve.1 asking");
    run_resume(&run);
    event.serial = rbk_state_region(run.machine, run.state, 1)->serial;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(else_rollback_rolls_the_stage_back)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_ROLLBACK, true));
    run_ok(&run, "a.apply.1");
    turn_down(&run, _i, "a.verify.1");
    ck_at(&run, 1, "a.rollback.1 running");
    ck_assert_uint_eq(run.state->turned, 0);
    run_fini(&run);
}
END_TEST

START_TEST(else_notify_and_else_hold_treat_it_as_refused)
{
    struct run run;
    enum rbk_reaction_kind kind = _i < 2 ? RBK_REACTION_NOTIFY : RBK_REACTION_HOLD;
    run_start(&run, gated(kind, false));
    turn_down(&run, _i, "a.approve.1");
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_GATE);
    ck_assert_uint_eq(run.notified, kind == RBK_REACTION_NOTIFY);
    run_fini(&run);
}
END_TEST

START_TEST(a_refusal_in_a_rollback_only_fails_its_strategy)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, false, 0);
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t manual = mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_QUESTION);
    mb_effect(mb, manual)->question = mb_question(mb, RBK_QUESTION_MANUAL, 0, 1000, abort);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    ck_at(&run, a, "a.rollback.1 asking");
    if (_i == 0) {
        ck_assert_int_eq(run_answer(&run, "a.rollback.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
    } else if (_i == 1) {
        run_due(&run);
    } else {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
        ck_assert_int_eq(run_answer(&run, "a.rollback.1", RBK_ANSWER_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
        ck_at(&run, a, "a.rolled_back idle");
        run_fini(&run);
        return;
    }
    ck_at(&run, a, "a.rollback.2 running");
    ck_assert_uint_eq(run.state->turned, 0);
    run_fini(&run);
}
END_TEST

/* A stage with one effect in doubt; which: 0 in its apply, 1 in its rollback. */
static struct machine_builder *doubtful(enum rbk_crash_rule rule, uint32_t question_reaction)
{
    struct machine_builder *mb = mb_new();
    uint32_t question = RBK_NONE;
    if (question_reaction != RBK_NONE) {
        uint32_t reaction = mb_reaction(mb, question_reaction, RBK_NONE);
        question = mb_question(mb, RBK_QUESTION_DOUBT, 0, 5000, reaction);
    }
    uint32_t a = mb_stage(mb, "a");
    for (int i = 0; i < 2; i++) {
        enum rbk_phase phase = i ? RBK_PHASE_ROLLBACK : RBK_PHASE_APPLY;
        if (i) {
            mb_strategy(mb, a, false, 0);
        }
        uint32_t step = mb_step(mb, a, phase, RBK_EFFECT_HTTP);
        mb_effect(mb, step)->crash = rule;
        mb_effect(mb, step)->doubt_question = question;
    }
    return mb;
}

START_TEST(doubt_about_what_may_be_repeated_repeats_it_a_few_times)
{
    struct run run;
    run_start(&run, doubtful(RBK_CRASH_AGAIN, RBK_NONE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 running");
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_assert_uint_eq(run.actions.items[0].attempt, 3);
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(doubt_with_done_when_looks)
{
    struct run run;
    run_start(&run, doubtful(RBK_CRASH_LOOK, RBK_NONE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 looking");
    ck_assert(run_did(&run, RBK_ACTION_LOOK, "a.apply.1"));
    if (_i == 0) {
        run_ok(&run, "a.apply.1");
        ck_status(&run, "completed");
    } else if (_i == 1) {
        run_fail(&run, "a.apply.1");
        ck_at(&run, 1, "a.apply.1 running");
    } else if (_i == 2) {
        run_result(&run, "a.apply.1", RBK_OUTCOME_MISSING);
        ck_at(&run, 1, "a.apply.1 doubt");
    } else { /* not done, time and again */
        run_fail(&run, "a.apply.1");
        run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
        run_fail(&run, "a.apply.1");
        run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
        run_fail(&run, "a.apply.1");
        ck_at(&run, 1, "a.rollback.1 running");
    }
    run_fini(&run);
}
END_TEST

START_TEST(doubt_that_nobody_else_resolves_asks_a_person)
{
    struct run run;
    enum rbk_crash_rule rules[] = {RBK_CRASH_ATTACH, RBK_CRASH_TRANSACTION, RBK_CRASH_ASK};
    run_start(&run, doubtful(rules[_i % 3], RBK_NONE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 doubt");
    ck_assert_uint_eq(run.actions.items[0].question, RBK_NONE);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 3600000);
    ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_YES, 1), RBK_REFUSAL_WRONG_ANSWER);
    if (_i < 3) {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "completed");
    } else if (_i < 6) {
        ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_NOT_DONE),
                         RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.apply.1 running");
        ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_DONE),
                         RBK_REFUSAL_NOT_IN_DOUBT);
    } else { /* nobody: the stage fails */
        run_due(&run);
        ck_at(&run, 1, "a.rollback.1 running");
        run_result(&run, "a.rollback.1", RBK_OUTCOME_DOUBT);
        run_due(&run);
        ck_status(&run, "stuck"); /* in a rollback: the strategy fails */
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_question_of_doubt_has_its_own_time_and_else)
{
    struct run run;
    /* A transaction whose server cannot say asks what the plan says, too. */
    const enum rbk_crash_rule rules[] = {RBK_CRASH_ASK, RBK_CRASH_TRANSACTION};
    for (size_t i = 0; i < RBK_COUNT(rules); i++) {
        run_start(&run, doubtful(rules[i], RBK_REACTION_ABORT));
        run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
        ck_assert_uint_eq(run.actions.items[0].question, 0);
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 5000);
        run_due(&run);
        ck_status(&run, "aborting");
        ck_at(&run, 1, "a.rollback.1 running");
        run_fini(&run);
    }
}
END_TEST

START_TEST(not_done_in_a_rollback_is_done_again)
{
    struct run run;
    run_start(&run, doubtful(RBK_CRASH_ASK, RBK_REACTION_ABORT));
    run_fail(&run, "a.apply.1");
    run_result(&run, "a.rollback.1", RBK_OUTCOME_DOUBT);
    ck_assert_int_eq(run_answer(&run, "a.rollback.1", RBK_ANSWER_NOT_DONE, 1),
                     RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.rollback.1 running");
    run_ok(&run, "a.rollback.1");
    ck_at(&run, 1, "a.rolled_back idle");
    run_fini(&run);
}
END_TEST

START_TEST(an_abort_leaves_the_question_of_doubt_open_and_then_goes_back)
{
    struct run run;
    run_start(&run, doubtful(RBK_CRASH_ASK, RBK_REACTION_PAUSE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 doubt");
    run_due(&run);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_gate_closes_when_the_run_turns)
{
    struct run run;
    run_start(&run, gated(RBK_REACTION_PAUSE, false));
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

/* A stage whose apply is done by hand; it may be looked for. */
static struct machine_builder *by_hand(bool looked_for)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_QUESTION);
    uint32_t otherwise = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    mb_effect(mb, step)->question = mb_question(mb, RBK_QUESTION_MANUAL, 1, 30000, otherwise);
    mb_effect(mb, step)->crash = RBK_CRASH_DURABLE;
    mb_effect(mb, step)->done_when = looked_for ? 0 : RBK_NONE;
    mb_effect(mb, step)->every_ms = 1000;
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return mb;
}

static enum rbk_refusal looked(struct run *run, uint32_t serial, enum rbk_outcome outcome)
{
    return run_post(
        run, (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = serial, .outcome = outcome});
}

START_TEST(what_is_looked_for_ends_a_manual_step_once)
{
    struct run run;
    run_start(&run, by_hand(true));
    uint32_t serial = rbk_state_region(run.machine, run.state, 1)->serial;
    ck_assert_int_eq(looked(&run, serial, RBK_OUTCOME_FAIL), RBK_REFUSAL_STALE);
    ck_assert_int_eq(looked(&run, serial, RBK_OUTCOME_MISSING), RBK_REFUSAL_STALE);
    ck_at(&run, 1, "a.apply.1 asking");
    if (_i == 1) { /* a new runner asks, and looks, under the same number */
        run_resume(&run);
        ck_assert(run_did(&run, RBK_ACTION_QUESTION_OPEN, "a.apply.1"));
    } else if (_i == 2) { /* a pause keeps nobody from doing it */
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    }
    ck_assert_int_eq(looked(&run, serial, RBK_OUTCOME_OK), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_at(&run, 1, _i == 2 ? "a.verify.1 parked" : "a.verify.1 running");
    ck_assert_int_eq(looked(&run, serial, RBK_OUTCOME_OK), RBK_REFUSAL_STALE);
    ck_assert_int_eq(run_post(&run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                                       .index = 1,
                                                       .answer = RBK_ANSWER_DONE,
                                                       .seats = 1}),
                     RBK_REFUSAL_NO_QUESTION);
    run_fini(&run);
}
END_TEST

START_TEST(a_look_answers_no_question_that_is_not_looked_for)
{
    struct run run;
    run_start(&run, _i == 0 ? by_hand(false) : gated(RBK_REACTION_ABORT, false));
    uint32_t serial = rbk_state_region(run.machine, run.state, 1)->serial;
    ck_assert_int_eq(looked(&run, serial, RBK_OUTCOME_OK), RBK_REFUSAL_STALE);
    ck_at(&run, 1, _i == 0 ? "a.apply.1 asking" : "a.approve.1 asking");
    run_fini(&run);
}
END_TEST

/* As by_hand(), and somebody else knows whether it was done. */
static struct machine_builder *by_hand_in_doubt(enum rbk_reaction_kind otherwise)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "network", "nina");
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_QUESTION);
    uint32_t reaction = mb_reaction(mb, otherwise, RBK_NONE);
    uint32_t aborts = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    mb_effect(mb, step)->question = mb_question(mb, RBK_QUESTION_MANUAL, 1, 30000, reaction);
    mb_effect(mb, step)->doubt_question = mb_question(mb, RBK_QUESTION_DOUBT, 1, 7000, aborts);
    mb_effect(mb, step)->crash = RBK_CRASH_DURABLE;
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return mb;
}

START_TEST(a_manual_step_that_is_cut_off_is_asked_about_before_anything_is_taken_back)
{
    struct run run;
    run_start(&run, by_hand_in_doubt(RBK_REACTION_ABORT));
    uint32_t serial = rbk_state_region(run.machine, run.state, 1)->serial;
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 doubt");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    ck_assert_uint_ne(rbk_state_region(run.machine, run.state, 1)->serial, serial);
    if (_i == 0) {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
    } else if (_i == 1) {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
    } else {
        if (_i == 2) { /* a new runner asks the same */
            run_resume(&run);
            ck_assert(run_did(&run, RBK_ACTION_QUESTION_OPEN, "a.apply.1"));
        }
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 7000);
        run_due(&run);
    }
    ck_at(&run, 1, "a.rollback.1 running");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(silence_about_a_manual_step_is_a_doubt)
{
    struct run run;
    run_start(&run, by_hand_in_doubt(_i == 3 ? RBK_REACTION_PAUSE : RBK_REACTION_ABORT));
    run_due(&run);
    ck_at(&run, 1, "a.apply.1 doubt");
    ck_status(&run, "running");
    if (_i == 0) { /* it was done: on */
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.verify.1 running");
    } else if (_i == 1) { /* it was not: the `else` of the step */
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.rollback.1 running");
    } else if (_i == 2) { /* nobody knows: the `else` of the doubt */
        run_due(&run);
        ck_at(&run, 1, "a.rollback.1 running");
    } else {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "paused");
        ck_at(&run, 1, "a.apply.1 parked");
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.apply.1 asking");
    }
    run_fini(&run);
}
END_TEST

START_TEST(who_could_not_do_it_leaves_no_doubt)
{
    struct run run;
    run_start(&run, by_hand_in_doubt(RBK_REACTION_ABORT));
    ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_person_may_say_first_that_it_is_done)
{
    struct run run;
    run_start(&run, by_hand(true));
    ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_at(&run, 1, "a.verify.1 running");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_question");
    TCase *tests = tcase_create("question");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_gate_opens_when_every_role_has_agreed);
    tcase_add_test(tests, roles_are_spoken_for_by_their_members);
    tcase_add_test(tests, an_answer_after_its_time_is_refused);
    tcase_add_loop_test(tests, else_abort_ends_the_run, 0, 2);
    tcase_add_loop_test(tests, else_cancel_cancels_while_nothing_is_touched_and_aborts_after, 0, 2);
    tcase_add_loop_test(tests, else_pause_pauses_and_asks_again, 0, 2);
    tcase_add_test(tests, an_answer_is_for_the_question_that_was_meant);
    tcase_add_loop_test(tests, else_rollback_rolls_the_stage_back, 0, 2);
    tcase_add_loop_test(tests, else_notify_and_else_hold_treat_it_as_refused, 0, 4);
    tcase_add_loop_test(tests, a_refusal_in_a_rollback_only_fails_its_strategy, 0, 3);
    tcase_add_test(tests, doubt_about_what_may_be_repeated_repeats_it_a_few_times);
    tcase_add_loop_test(tests, doubt_with_done_when_looks, 0, 4);
    tcase_add_loop_test(tests, doubt_that_nobody_else_resolves_asks_a_person, 0, 9);
    tcase_add_test(tests, a_question_of_doubt_has_its_own_time_and_else);
    tcase_add_test(tests, not_done_in_a_rollback_is_done_again);
    tcase_add_test(tests, an_abort_leaves_the_question_of_doubt_open_and_then_goes_back);
    tcase_add_test(tests, a_gate_closes_when_the_run_turns);
    tcase_add_loop_test(tests, what_is_looked_for_ends_a_manual_step_once, 0, 3);
    tcase_add_loop_test(tests, a_look_answers_no_question_that_is_not_looked_for, 0, 2);
    tcase_add_test(tests, a_person_may_say_first_that_it_is_done);
    tcase_add_loop_test(
        tests, a_manual_step_that_is_cut_off_is_asked_about_before_anything_is_taken_back, 0, 4);
    tcase_add_loop_test(tests, silence_about_a_manual_step_is_a_doubt, 0, 4);
    tcase_add_test(tests, who_could_not_do_it_leaves_no_doubt);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
