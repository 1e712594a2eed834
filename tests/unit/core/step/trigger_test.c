/*
 * Triggers: when they are armed, each reaction, each rule for missing data, holding, asking,
 * approval, one reaction an edge, and who comes first when several are due at once.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

/* Stages a and b, and a trigger: of the plan (stage RBK_NONE) or of a stage. */
static struct machine_builder *watched(uint32_t stage, enum rbk_reaction_kind kind,
                                       enum rbk_reaction_kind missing)
{
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_observe(mb);
    uint32_t reaction = mb_reaction(mb, kind, RBK_NONE);
    mb_trigger(mb, stage, reaction, mb_reaction(mb, missing, RBK_NONE));
    return mb;
}

START_TEST(each_reaction_does_what_it_says)
{
    struct run run;
    enum rbk_reaction_kind kinds[] = {RBK_REACTION_ABORT, RBK_REACTION_ROLLBACK, RBK_REACTION_PAUSE,
                                      RBK_REACTION_NOTIFY};
    enum rbk_reaction_kind kind = kinds[_i / 2];
    bool missing = _i % 2;
    run_start(&run,
              watched(1, missing ? RBK_REACTION_KEEP : kind, missing ? kind : RBK_REACTION_KEEP));
    ck_assert_int_eq(run_trigger(&run, 0, missing ? RBK_LEVEL_MISSING : RBK_LEVEL_TRUE),
                     RBK_REFUSAL_ACCEPTED);
    switch (kind) {
    case RBK_REACTION_ABORT:
        ck_status(&run, "aborting");
        break;
    case RBK_REACTION_ROLLBACK:
        ck_status(&run, "running");
        ck_at(&run, 1, "a.apply.1 cancelling");
        break;
    case RBK_REACTION_PAUSE:
        ck_status(&run, "paused");
        ck_at(&run, 1, "a.apply.1 running");
        break;
    default:
        ck_assert_uint_eq(run.notified, 1);
        ck_status(&run, "running");
        break;
    }
    if (kind == RBK_REACTION_ABORT || kind == RBK_REACTION_PAUSE) {
        ck_assert_uint_eq(run.state->cause.kind,
                          missing ? RBK_CAUSE_TRIGGER_MISSING : RBK_CAUSE_TRIGGER);
    }
    run_fini(&run);
}
END_TEST

START_TEST(one_edge_gives_one_reaction)
{
    struct run run;
    run_start(&run, watched(RBK_NONE, RBK_REACTION_NOTIFY, RBK_REACTION_NOTIFY));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(run.notified, 1);
    run_trigger(&run, 0, RBK_LEVEL_FALSE);
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(run.notified, 2);
    run_trigger(&run, 0, RBK_LEVEL_FALSE);
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    ck_assert_uint_eq(run.notified, 3);
    run_trigger(&run, 0, RBK_LEVEL_TRUE); /* after missing data: the real thing counts */
    ck_assert_uint_eq(run.notified, 4);
    run_fini(&run);
}
END_TEST

static bool armed(const struct run *run, uint32_t trigger)
{
    return rbk_trigger_armed(run->machine, run->state, trigger);
}

START_TEST(triggers_are_armed_for_their_time_only)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_observe(mb);
    mb_grace(mb);
    uint32_t notify = mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE);
    uint32_t plan = mb_trigger(mb, RBK_NONE, notify, notify);
    uint32_t own = mb_trigger(mb, b, notify, notify);
    uint32_t since = mb_trigger(mb, RBK_NONE, notify, notify);
    mb_trigger_row(mb, since)->since = RBK_SINCE_STAGE_APPLIED;
    mb_trigger_row(mb, since)->since_region = a;
    uint32_t during = mb_trigger(mb, RBK_NONE, notify, notify);
    mb_trigger_row(mb, during)->since = RBK_SINCE_DURING_APPLY;
    mb_trigger_row(mb, during)->since_region = b;
    uint32_t except = mb_trigger(mb, RBK_NONE, notify, notify);
    mb_except(mb, except, b);
    run_init(&run, mb);
    ck_assert_int_eq(run_trigger(&run, plan, RBK_LEVEL_TRUE), RBK_REFUSAL_NOT_STARTED);
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_assert(armed(&run, plan) && !armed(&run, own) && !armed(&run, since));
    ck_assert(armed(&run, except) && !armed(&run, during));
    run_ok(&run, "a.apply.1");
    ck_assert_int_eq(run_trigger(&run, own, RBK_LEVEL_TRUE), RBK_REFUSAL_NOT_ARMED);
    run_ok(&run, "a.verify.1");
    ck_at(&run, b, "b.apply.1 running");
    ck_assert(armed(&run, own) && armed(&run, since) && armed(&run, during));
    ck_assert(!armed(&run, except));
    run_ok(&run, "b.apply.1");
    ck_assert(armed(&run, own) && !armed(&run, during));
    run_ok(&run, "b.verify.1");
    ck_status(&run, "observing");
    ck_assert(armed(&run, own) && armed(&run, except));
    run_pass(&run, 60000);
    ck_status(&run, "grace");
    ck_assert(armed(&run, own) && armed(&run, plan));
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_assert(!armed(&run, own) && !armed(&run, plan) && !armed(&run, since));
    run_fini(&run);
}
END_TEST

START_TEST(a_stage_that_goes_back_disarms_its_own_trigger_and_arms_it_afresh)
{
    struct run run;
    run_start(&run, watched(1, RBK_REACTION_ROLLBACK, RBK_REACTION_KEEP));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_assert(!armed(&run, 0));
    ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, 0)->mode, RBK_TRIGGER_QUIET);
    run_drain(&run);
    ck_status(&run, "held");
    run_command(&run, RBK_COMMAND_RETRY);
    ck_assert(armed(&run, 0));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_at(&run, 1, "a.apply.1 cancelling");
    ck_assert_uint_eq(run.state->rollbacks, 2);
    run_fini(&run);
}
END_TEST

static struct machine_builder *holding(enum rbk_reaction_kind then)
{
    struct machine_builder *mb = watched(RBK_NONE, RBK_REACTION_NOTIFY, RBK_REACTION_NOTIFY);
    uint32_t reaction = mb_hold(mb, 5000, mb_reaction(mb, then, RBK_NONE));
    mb_trigger_row(mb, 0)->missing = reaction;
    return mb;
}

START_TEST(missing_data_is_held_for_a_time_and_then_reacted_to)
{
    struct run run;
    run_start(&run, holding(RBK_REACTION_PAUSE));
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 5000);
    if (_i == 0) {
        run_due(&run);
        ck_status(&run, "paused");
        ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER_MISSING);
    } else if (_i == 1) { /* the data came back */
        run_trigger(&run, 0, RBK_LEVEL_FALSE);
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    } else { /* the data came, and is bad */
        run_trigger(&run, 0, RBK_LEVEL_TRUE);
        ck_assert_uint_eq(run.notified, 1);
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    }
    run_fini(&run);
}
END_TEST

/* A trigger that asks (kind ASK) or wants approval for a reaction. */
static struct machine_builder *asking(enum rbk_reaction_kind kind, enum rbk_reaction_kind otherwise)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_observe(mb);
    uint32_t other = mb_reaction(mb, otherwise, RBK_NONE);
    enum rbk_question_kind asks =
        kind == RBK_REACTION_ASK ? RBK_QUESTION_DECIDE : RBK_QUESTION_APPROVE;
    uint32_t question = mb_question(mb, asks, 1, 2000, other);
    mb_trigger(mb, 1, mb_reaction(mb, kind, question), other);
    return mb;
}

START_TEST(a_person_chooses_among_the_answers_to_ask)
{
    struct run run;
    run_start(&run, asking(RBK_REACTION_ASK, RBK_REACTION_ABORT));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    ck_assert_int_eq(run.actions.items[0].owner, RBK_OWNER_TRIGGER);
    ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_YES, 1), RBK_REFUSAL_WRONG_ANSWER);
    ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_ABORT, 2), RBK_REFUSAL_NOT_YOURS);
    enum rbk_answer answers[] = {RBK_ANSWER_ABORT, RBK_ANSWER_ROLLBACK, RBK_ANSWER_PAUSE,
                                 RBK_ANSWER_IGNORE};
    if (_i < 4) {
        ck_assert_int_eq(run_answer_trigger(&run, 0, answers[_i], 1), RBK_REFUSAL_ACCEPTED);
    } else {
        run_due(&run);
    }
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    const char *const statuses[] = {"aborting", "running", "paused", "running", "aborting"};
    ck_status(&run, statuses[_i]);
    ck_at(&run, 1, _i == 2 || _i == 3 ? "a.apply.1 running" : "a.apply.1 cancelling");
    ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_ABORT, 1), RBK_REFUSAL_NO_QUESTION);
    run_fini(&run);
}
END_TEST

START_TEST(with_approval_waits_for_a_yes)
{
    struct run run;
    run_start(&run, asking(RBK_REACTION_ABORT, _i == 2 ? RBK_REACTION_PAUSE : RBK_REACTION_ABORT));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_status(&run, "running");
    if (_i == 0) {
        ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_YES, 1), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "aborting");
    } else if (_i == 1) {
        ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "running");
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    } else {
        run_due(&run);
        ck_status(&run, "paused");
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_question_stays_open_when_the_level_falls_and_closes_when_the_run_turns)
{
    struct run run;
    run_start(&run, asking(RBK_REACTION_ASK, RBK_REACTION_PAUSE));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    run_trigger(&run, 0, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 0);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_IGNORE, 1), RBK_REFUSAL_NO_QUESTION);
    run_fini(&run);
}
END_TEST

START_TEST(real_data_overtakes_a_question_about_missing_data)
{
    struct run run;
    struct machine_builder *mb = asking(RBK_REACTION_ASK, RBK_REACTION_PAUSE);
    mb_trigger_row(mb, 0)->missing = mb_trigger_row(mb, 0)->reaction;
    mb_trigger_row(mb, 0)->reaction = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    run_start(&run, mb);
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_status(&run, "aborting");
    run_fini(&run);
}
END_TEST

START_TEST(of_several_due_at_once_the_strongest_comes_first)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    enum rbk_reaction_kind kinds[] = {RBK_REACTION_NOTIFY, RBK_REACTION_PAUSE, RBK_REACTION_ABORT};
    for (int i = 0; i < 3; i++) {
        uint32_t hold = mb_hold(mb, 1000, mb_reaction(mb, kinds[i], RBK_NONE));
        mb_trigger(mb, RBK_NONE, hold, hold);
    }
    run_start(&run, mb);
    for (uint32_t i = 0; i < (_i ? 3u : 2u); i++) {
        run_trigger(&run, i, RBK_LEVEL_TRUE);
    }
    run_due(&run);
    if (_i) {
        ck_status(&run, "aborting");
        ck_assert_uint_eq(run.state->cause.index, 2);
        ck_assert_uint_eq(run.notified, 0);
        ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 0);
    } else {
        ck_status(&run, "paused");
        ck_assert_int_eq(run.actions.items[0].kind, RBK_ACTION_HOOK);
        ck_assert_int_eq(run.actions.items[1].kind, RBK_ACTION_NOTIFY);
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_trigger_aborts_a_held_and_a_paused_run)
{
    struct run run;
    run_start(&run, watched(RBK_NONE, RBK_REACTION_ABORT, RBK_REACTION_KEEP));
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    if (_i) {
        run_command(&run, RBK_COMMAND_PAUSE);
        ck_status(&run, "paused");
    } else {
        run_fail(&run, "b.apply.1");
        run_drain(&run);
        ck_status(&run, "held");
    }
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    ck_status(&run, "aborting");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(a_criterion_that_reads_probes_comes_as_an_event)
{
    struct run run;
    struct machine_builder *mb = watched(RBK_NONE, RBK_REACTION_KEEP, RBK_REACTION_KEEP);
    mb_abort_when_probe(mb);
    run_start(&run, mb);
    struct rbk_event event = {.kind = RBK_EVENT_CRITERION, .index = 1};
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_UNKNOWN);
    event.index = 0;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_CRITERION);
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_NOT_ARMED);
    run_fini(&run);
}
END_TEST

START_TEST(a_new_runner_finds_the_same_level_and_nothing_happens_again)
{
    struct run run;
    enum rbk_level level = _i ? RBK_LEVEL_MISSING : RBK_LEVEL_TRUE;
    run_start(&run, watched(RBK_NONE, RBK_REACTION_NOTIFY, RBK_REACTION_NOTIFY));
    run_trigger(&run, 0, level);
    ck_assert_uint_eq(run.notified, 1);
    run_resume(&run);
    ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, 0)->level, level);
    run_trigger(&run, 0, level);
    ck_assert_uint_eq(run.notified, 1);
    run_trigger(&run, 0, RBK_LEVEL_FALSE);
    run_trigger(&run, 0, level);
    ck_assert_uint_eq(run.notified, 2);
    run_fini(&run);
}
END_TEST

START_TEST(what_came_true_while_no_runner_lived_is_reacted_to)
{
    struct run run;
    enum rbk_level level = _i ? RBK_LEVEL_MISSING : RBK_LEVEL_TRUE;
    run_start(&run, watched(RBK_NONE, RBK_REACTION_NOTIFY, RBK_REACTION_NOTIFY));
    run_resume(&run);
    ck_assert_uint_eq(run.notified, 0);
    run_trigger(&run, 0, level);
    ck_assert_uint_eq(run.notified, 1);
    run_fini(&run);
}
END_TEST

START_TEST(a_hold_begins_anew_with_a_new_runner)
{
    struct run run;
    run_start(&run, holding(RBK_REACTION_PAUSE));
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    run.now_ms += 60000; /* nobody read anything */
    run_resume(&run);
    ck_status(&run, "running");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 5000);
    if (_i == 0) {
        run_due(&run);
        ck_status(&run, "paused");
    } else { /* the data came back in the meantime */
        run_trigger(&run, 0, RBK_LEVEL_FALSE);
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    }
    run_fini(&run);
}
END_TEST

START_TEST(an_answer_meant_for_an_earlier_question_is_not_taken_for_the_next)
{
    struct run run;
    run_start(&run, asking(RBK_REACTION_ASK, RBK_REACTION_NOTIFY));
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    uint32_t first = rbk_state_trigger(run.machine, run.state, 0)->serial;
    ck_assert_uint_ne(first, 0);
    run_due(&run); /* nobody answered */
    ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, 0)->serial, 0);
    run_trigger(&run, 0, RBK_LEVEL_FALSE);
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    uint32_t second = rbk_state_trigger(run.machine, run.state, 0)->serial;
    ck_assert_uint_ne(second, first);
    struct rbk_event event = {.kind = RBK_EVENT_ANSWER,
                              .owner = RBK_OWNER_TRIGGER,
                              .serial = first,
                              .answer = RBK_ANSWER_ABORT,
                              .seats = 1};
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_OTHER_QUESTION);
    run_resume(&run); /* the same question, asked again */
    ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, 0)->serial, second);
    event.serial = second;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborting");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_trigger");
    TCase *tests = tcase_create("trigger");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_reaction_does_what_it_says, 0, 8);
    tcase_add_test(tests, one_edge_gives_one_reaction);
    tcase_add_test(tests, triggers_are_armed_for_their_time_only);
    tcase_add_test(tests, a_stage_that_goes_back_disarms_its_own_trigger_and_arms_it_afresh);
    tcase_add_loop_test(tests, missing_data_is_held_for_a_time_and_then_reacted_to, 0, 3);
    tcase_add_loop_test(tests, a_person_chooses_among_the_answers_to_ask, 0, 5);
    tcase_add_loop_test(tests, with_approval_waits_for_a_yes, 0, 3);
    tcase_add_test(tests, a_question_stays_open_when_the_level_falls_and_closes_when_the_run_turns);
    tcase_add_test(tests, real_data_overtakes_a_question_about_missing_data);
    tcase_add_loop_test(tests, of_several_due_at_once_the_strongest_comes_first, 0, 2);
    tcase_add_loop_test(tests, a_trigger_aborts_a_held_and_a_paused_run, 0, 2);
    tcase_add_test(tests, a_criterion_that_reads_probes_comes_as_an_event);
    tcase_add_loop_test(tests, a_new_runner_finds_the_same_level_and_nothing_happens_again, 0, 2);
    tcase_add_loop_test(tests, what_came_true_while_no_runner_lived_is_reacted_to, 0, 2);
    tcase_add_loop_test(tests, a_hold_begins_anew_with_a_new_runner, 0, 2);
    tcase_add_test(tests, an_answer_meant_for_an_earlier_question_is_not_taken_for_the_next);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
