/*
 * The way back: strategies in their order, stuck, dependants first, one stage at a time, the step
 * under way stopped before anything is taken back, attempts, deadlines of blocks and of the whole
 * rollback.
 */
#include "runtime/core/variable.h"
#include "tests/unit/core/step/run.h"

#include <check.h>

/* A stage with strategies: `down` when …, then from_backup without a condition. */
static struct machine_builder *two_strategies(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, true, 2000);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_SQL);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_escalation(mb, 0);
    mb_escalation(mb, 600000);
    return mb;
}

START_TEST(a_run_is_spoken_of_by_the_stage_that_is_under_way_or_was_last)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    run_init(&run, mb);
    ck_assert_uint_eq(rbk_run_stage(run.machine, run.state), RBK_NONE);
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_assert_uint_eq(rbk_run_stage(run.machine, run.state), a);
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    ck_assert_uint_eq(rbk_run_stage(run.machine, run.state), b);
    run_ok(&run, "b.apply.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    run_ok(&run, "b.verify.1"); /* it was under way, and is stopped first */
    ck_at(&run, b, "b.rollback.1 running");
    ck_assert_uint_eq(rbk_run_stage(run.machine, run.state), b);
    run_ok(&run, "b.rollback.1");
    run_ok(&run, "b.rollback_verify.1");
    ck_at(&run, a, "a.rollback.1 running");
    ck_assert_uint_eq(rbk_run_stage(run.machine, run.state), a);
    run_fini(&run);
}
END_TEST

START_TEST(the_first_strategy_whose_condition_holds_runs)
{
    struct run run;
    run_start(&run, two_strategies());
    run_fail(&run, "a.apply.1");
    run_ok(&run, "a.rollback.1");
    run_ok(&run, "a.rollback.2");
    run_ok(&run, "a.rollback_verify.1");
    ck_at(&run, 1, "a.rolled_back idle");
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_FAILURE);
    run_fini(&run);
}
END_TEST

/* _i: how the first strategy does not work out. */
START_TEST(the_next_strategy_runs_when_one_does_not_apply_or_fails)
{
    struct run run;
    run_start(&run, two_strategies());
    run_fail(&run, "a.apply.1");
    if (_i == 0) {
        run_fail(&run, "a.rollback.1");
    } else if (_i == 1) {
        run_result(&run, "a.rollback.1", RBK_OUTCOME_MISSING);
    } else if (_i == 2) {
        run_ok(&run, "a.rollback.1");
        run_fail(&run, "a.rollback.2");
    } else if (_i == 3) {
        run_ok(&run, "a.rollback.1");
        run_ok(&run, "a.rollback.2");
        run_fail(&run, "a.rollback_verify.1");
    } else { /* its deadline passes; the step under way is stopped first */
        run_ok(&run, "a.rollback.1");
        run_due(&run);
        ck_at(&run, 1, "a.rollback.2 cancelling");
        run_fail(&run, "a.rollback.2");
    }
    ck_at(&run, 1, "a.rollback.3 running");
    ck_assert_uint_eq(run.state->rollbacks, 1);
    run_drain(&run);
    ck_at(&run, 1, "a.rolled_back idle");
    run_fini(&run);
}
END_TEST

static void get_stuck(struct run *run)
{
    run_start(run, two_strategies());
    run_fail(run, "a.apply.1");
    run_fail(run, "a.rollback.1");
    run_fail(run, "a.rollback.3");
}

START_TEST(a_stage_without_a_strategy_left_is_stuck_and_escalates)
{
    struct run run;
    get_stuck(&run);
    ck_status(&run, "stuck");
    ck_at(&run, 1, "a.stuck idle");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_STUCK], 1);
    ck_assert_uint_eq(run.escalated, 1);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 600000);
    run_due(&run);
    ck_assert_uint_eq(run.escalated, 2);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ALREADY_STILL);
    run_fini(&run);
}
END_TEST

START_TEST(whoever_answers_ends_the_escalation_until_it_gets_stuck_again)
{
    struct run run;
    get_stuck(&run);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ALREADY_STILL);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 600000);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_NOT_DONE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "stuck");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    run_resume(&run);
    ck_assert_uint_eq(run.escalated, 1);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run_fail(&run, "a.rollback.1");
    run_fail(&run, "a.rollback.3");
    ck_status(&run, "stuck");
    ck_assert_uint_eq(run.escalated, 2); /* the first again */
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 600000);
    run_fini(&run);
}
END_TEST

START_TEST(retry_of_a_stuck_stage_tries_its_strategies_from_the_first)
{
    struct run run;
    get_stuck(&run);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.rollback.1 running");
    run_drain(&run);
    ck_at(&run, 1, "a.rolled_back idle");
    ck_status(&run, "held");
    run_fini(&run);
}
END_TEST

START_TEST(a_person_can_declare_a_stuck_stage_rolled_back)
{
    struct run run;
    get_stuck(&run);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_NOT_DONE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "stuck");
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_IGNORE),
                     RBK_REFUSAL_WRONG_ANSWER);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "stuck");
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_DONE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

static struct machine_builder *three_stages(void)
{
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_plain_stage(mb, "c");
    return mb;
}

static void apply_two(struct run *run)
{
    run_ok(run, "a.apply.1");
    run_ok(run, "a.verify.1");
    run_ok(run, "b.apply.1");
    run_ok(run, "b.verify.1");
}

START_TEST(abort_rolls_back_every_touched_stage_the_last_first)
{
    struct run run;
    run_start(&run, three_stages());
    apply_two(&run);
    ck_at(&run, 3, "c.apply.1 running");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_ABORT], 1);
    ck_at(&run, 3, "c.apply.1 cancelling");
    ck_at(&run, 2, "b.rollback turn");
    ck_assert(run_did(&run, RBK_ACTION_CANCEL, "c.apply.1"));
    run_ok(&run, "c.apply.1"); /* it succeeded all the same: it is dead, and taken back */
    run_ok(&run, "c.rollback.1");
    run_ok(&run, "c.rollback_verify.1");
    ck_at(&run, 2, "b.rollback.1 running");
    ck_at(&run, 1, "a.rollback turn");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_TURNED);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_TURNED);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_TURNED);
    run_drain(&run);
    ck_status(&run, "aborted");
    ck_assert_uint_eq(run.state->rollbacks, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_uint_eq(rbk_state_region(run.machine, run.state, i)->order, 0);
    }
    run_fini(&run);
}
END_TEST

START_TEST(an_untouched_stage_stays_untouched_on_abort)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_stage(mb, "b");
    mb_step(mb, b, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, b, false, 0);
    mb_step(mb, b, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    uint32_t c = mb_plain_stage(mb, "c");
    run_start(&run, mb);
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, b, "b.prepare.1 cancelling");
    ck_at(&run, 1, "a.rollback turn"); /* b depends on a, and is not dead yet */
    run_fail(&run, "b.prepare.1");
    ck_at(&run, b, "b.held done");
    ck_at(&run, c, "c.waiting idle");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(dependants_are_rolled_back_first_and_follow_again)
{
    struct run run;
    struct machine_builder *mb = three_stages();
    uint32_t rollback = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    uint32_t trigger = mb_trigger(mb, 1, rollback, rollback);
    mb_observe(mb);
    run_start(&run, mb);
    run_drain(&run);
    ck_status(&run, "observing");
    ck_assert_int_eq(run_trigger(&run, trigger, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    ck_assert_uint_eq(run.state->rollbacks, 3);
    ck_at(&run, 3, "c.rollback.1 running");
    ck_at(&run, 2, "b.rollback turn");
    ck_at(&run, 1, "a.rollback turn");
    run_drain(&run);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    ck_at(&run, 2, "b.waiting idle");
    ck_at(&run, 3, "c.waiting idle");
    run_drain(&run);
    ck_status(&run, "observing");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 60000);
    run_fini(&run);
}
END_TEST

START_TEST(a_dependant_before_its_apply_is_stopped_and_waits_again)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_stage(mb, "b");
    mb_step(mb, b, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, b, false, 0);
    mb_step(mb, b, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    uint32_t rollback = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    uint32_t trigger = mb_trigger(mb, a, rollback, rollback);
    run_start(&run, mb);
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    ck_at(&run, b, "b.prepare.1 running");
    ck_assert_int_eq(run_trigger(&run, trigger, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, a, "a.rollback turn");
    run_fail(&run, "b.prepare.1");
    ck_at(&run, b, "b.waiting idle");
    ck_at(&run, a, "a.rollback.1 running");
    ck_assert_uint_eq(run.state->rollbacks, 1);
    run_fini(&run);
}
END_TEST

START_TEST(attempts_start_a_rolled_back_stage_again)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    mb_region(mb, a)->attempts = 2;
    mb_region(mb, a)->attempts_every_ms = 600000;
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    run_ok(&run, "a.rollback.1");
    run_ok(&run, "a.rollback_verify.1");
    ck_at(&run, a, "a.waiting idle");
    ck_status(&run, "running");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 600000);
    run_due(&run);
    ck_at(&run, a, "a.apply.1 running");
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, a)->stage_attempt, 2);
    run_fail(&run, "a.apply.1");
    run_drain(&run);
    ck_status(&run, "held");
    run_fini(&run);
}
END_TEST

START_TEST(undo_takes_back_only_what_this_attempt_dispatched)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t first = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t second = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, false, 0);
    mb_guarded_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN, second);
    mb_guarded_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN, first);
    run_start(&run, mb);
    run_ok(&run, "a.apply.1");
    run_fail(&run, "a.apply.2");
    run_ok(&run, "a.rollback.1");
    run_ok(&run, "a.rollback.2");
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run_fail(&run, "a.apply.1");
    ck_at(&run, a, "a.rollback.2 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_deadline_of_the_apply_rolls_back_and_counts_from_its_start)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_within(mb, a, RBK_PHASE_APPLY, 10000);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run.now_ms += 9000;
    run_ok(&run, "a.apply.1");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 1000);
    run_due(&run);
    ck_at(&run, a, "a.apply.2 cancelling");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    run_result(&run, "a.apply.2", RBK_OUTCOME_TIMEOUT);
    ck_at(&run, a, "a.rollback.1 running");
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, a)->cause.kind, RBK_CAUSE_TIMEOUT);
    run_drain(&run);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 10000);
    run_fini(&run);
}
END_TEST

START_TEST(time_that_is_up_before_the_first_effect_takes_nothing_back)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_within(mb, a, RBK_PHASE_APPLY, 10000);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    run_ok(&run, "a.prepare.1");
    ck_at(&run, a, "a.apply.1 parked");
    run_pass(&run, 10000);
    ck_at(&run, a, "a.held idle");
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "cancelled");
    run_fini(&run);
}
END_TEST

START_TEST(what_cannot_be_shown_dead_is_asked_about_before_it_is_taken_back)
{
    struct run run;
    run_start(&run, three_stages());
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 doubt");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    if (_i == 0) {
        run_due(&run);
    } else {
        enum rbk_answer answer = _i == 1 ? RBK_ANSWER_DONE : RBK_ANSWER_NOT_DONE;
        ck_assert_int_eq(run_answer(&run, "a.apply.1", answer, 1), RBK_REFUSAL_ACCEPTED);
    }
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_late_rollback_is_told_to_the_first_of_the_escalation)
{
    struct run run;
    struct machine_builder *mb = three_stages();
    mb_machine(mb)->rollback_within_ms = 5000;
    mb_escalation(mb, 0);
    run_start(&run, mb);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    run_ok(&run, "a.apply.1");
    run_due(&run);
    ck_assert_uint_eq(run.state->overdue, 1);
    ck_assert_uint_eq(run.escalated, 1);
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(a_stuck_stage_keeps_earlier_ones_from_being_taken_back)
{
    struct run run;
    run_start(&run, three_stages());
    apply_two(&run);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    run_ok(&run, "c.apply.1");
    run_fail(&run, "c.rollback.1");
    ck_status(&run, "stuck");
    ck_at(&run, 2, "b.rollback turn");
    run_pass(&run, 7200000);
    ck_at(&run, 2, "b.rollback turn");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

/* What began the way back is not lost by what failed on it, whichever way that is mended. */
START_TEST(a_stage_that_was_stuck_keeps_why_it_went_back_and_what_failed_then)
{
    struct run run;
    run_start(&run, two_strategies());
    run_fail(&run, "a.apply.1");
    const struct rbk_region_state *a = rbk_state_region(run.machine, run.state, 1);
    uint32_t began = a->cause.index;
    ck_assert_uint_eq(a->cause.kind, RBK_CAUSE_FAILURE);
    ck_assert_uint_eq(a->failed_back.kind, RBK_CAUSE_NONE);
    run_ok(&run, "a.rollback.1");
    run_fail(&run, "a.rollback.2");
    uint32_t first_way = a->failed_back.index; /* another way is tried */
    ck_assert_uint_eq(a->failed_back.kind, RBK_CAUSE_FAILURE);
    ck_assert_uint_ne(first_way, began);
    run_fail(&run, "a.rollback.3");
    ck_status(&run, "stuck");
    uint32_t failed_back = a->failed_back.index;
    ck_assert_uint_eq(a->failed_back.kind, RBK_CAUSE_FAILURE);
    ck_assert(failed_back != began && failed_back != first_way);
    if (_i == 0) {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.rollback.1 running");
        run_drain(&run);
    } else {
        ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_DONE),
                         RBK_REFUSAL_ACCEPTED);
    }
    ck_status(&run, "held");
    ck_assert_uint_eq(a->cause.kind, RBK_CAUSE_FAILURE);
    ck_assert_uint_eq(a->cause.index, began);
    ck_assert_uint_eq(a->failed_back.index, failed_back);
    ck_assert_uint_eq(run.state->cause.index, began);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(a->cause.kind, RBK_CAUSE_NONE); /* it begins anew */
    ck_assert_uint_eq(a->failed_back.kind, RBK_CAUSE_NONE);
    run_fini(&run);
}
END_TEST

/* Of a way back that is not open at the end, and one that failed, the failure is what to mend. */
START_TEST(a_way_back_that_is_not_open_does_not_hide_the_one_that_failed)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, true, 2000);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_SQL);
    mb_strategy(mb, a, true, 2000);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    const struct rbk_region_state *rs = rbk_state_region(run.machine, run.state, a);
    if (_i == 0) {
        run_ok(&run, "a.rollback.1");
        run_fail(&run, "a.rollback.2");
    } else {
        run_fail(&run, "a.rollback.1");
    }
    run_fail(&run, "a.rollback.3");
    ck_status(&run, "stuck");
    ck_assert_uint_eq(rs->failed_back.kind, RBK_CAUSE_FAILURE);
    ck_assert(rbk_str_equal(run.machine->states[rs->failed_back.index].name,
                            rbk_str_from(_i == 0 ? "a.rollback.2" : "a.rollback.3")));
    run_fini(&run);
}
END_TEST

START_TEST(a_parallel_on_a_way_back_names_the_step_that_failed_in_it)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, false, 0);
    uint32_t branches = mb_fork(mb, a, RBK_PHASE_ROLLBACK, 2);
    mb_step(mb, branches, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, branches + 1, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    const struct rbk_region_state *rs = rbk_state_region(run.machine, run.state, a);
    uint32_t second = rbk_state_region(run.machine, run.state, branches + 1)->state;
    run_fail(&run, run.machine->states[second].name.data);
    run_drain(&run);
    ck_status(&run, "stuck");
    ck_assert_uint_eq(rs->failed_back.kind, RBK_CAUSE_FAILURE);
    ck_assert_uint_eq(rs->failed_back.index, second);
    run_fini(&run);
}
END_TEST

START_TEST(a_paused_run_that_was_stuck_has_fresh_time_to_be_decided)
{
    struct run run;
    run_start(&run, two_strategies());
    run_fail(&run, "a.apply.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    run_fail(&run, "a.rollback.1");
    run_fail(&run, "a.rollback.3");
    ck_status(&run, "stuck");
    run_pass(&run, 7200000); /* nothing is automatic while a stage is stuck */
    ck_assert_uint_eq(run.state->turned, 0);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "paused");
    ck_assert_uint_eq(run.state->hold_due_ms, run.now_ms + 3600000);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(one_of_two_parallel_stages_fails_while_the_other_goes_on)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    ck_at(&run, 1, "a.rollback.1 running");
    run_ok(&run, "b.apply.1");
    ck_at(&run, b, "b.verify.1 running");
    run_ok(&run, "a.rollback.1");
    run_ok(&run, "a.rollback_verify.1");
    ck_status(&run, "held");
    run_ok(&run, "b.verify.1");
    ck_at(&run, b, "b.applied idle");
    /* Two that roll back go one after the other. */
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, 1)->order, 3);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, b, "b.rollback turn");
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(the_stage_that_is_stuck_says_why_a_run_without_a_cause_is_where_it_is)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    run_start(&run, mb);
    const struct rbk_region_state *stuck = rbk_state_region(run.machine, run.state, b);
    const struct rbk_region_state *waits = rbk_state_region(run.machine, run.state, 1);
    ck_assert_uint_eq(rbk_run_cause(run.machine, run.state).kind, RBK_CAUSE_NONE);
    run_fail(&run, "b.apply.1");
    uint32_t began = stuck->cause.index;
    ck_assert_uint_eq(rbk_run_cause(run.machine, run.state).index, began);
    run_fail(&run, "a.apply.1");
    ck_at(&run, 1, "a.rollback turn");
    ck_assert_uint_eq(rbk_run_cause(run.machine, run.state).index, waits->cause.index);
    run_fail(&run, "b.rollback.1");
    ck_status(&run, "stuck");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_NONE);
    ck_assert_uint_ne(waits->cause.index, began);
    ck_assert_uint_eq(rbk_run_cause(run.machine, run.state).index, began);
    run_fini(&run);
}
END_TEST

START_TEST(too_many_rollbacks_abort_the_run)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_abort_when_rollbacks(mb, 1);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    run_drain(&run);
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run_fail(&run, "a.apply.1");
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_CRITERION);
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(a_criterion_of_time_is_known_to_the_millisecond)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_abort_when_elapsed(mb, 7200000);
    run_start(&run, mb);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0); /* no effect yet */
    run.now_ms += 1000;
    run_ok(&run, "a.prepare.1");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 7200001);
    run_due(&run);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_CRITERION);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_rollback");
    TCase *tests = tcase_create("rollback");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_run_is_spoken_of_by_the_stage_that_is_under_way_or_was_last);
    tcase_add_test(tests, the_first_strategy_whose_condition_holds_runs);
    tcase_add_loop_test(tests, the_next_strategy_runs_when_one_does_not_apply_or_fails, 0, 5);
    tcase_add_test(tests, a_stage_without_a_strategy_left_is_stuck_and_escalates);
    tcase_add_test(tests, whoever_answers_ends_the_escalation_until_it_gets_stuck_again);
    tcase_add_test(tests, retry_of_a_stuck_stage_tries_its_strategies_from_the_first);
    tcase_add_test(tests, a_person_can_declare_a_stuck_stage_rolled_back);
    tcase_add_test(tests, abort_rolls_back_every_touched_stage_the_last_first);
    tcase_add_test(tests, an_untouched_stage_stays_untouched_on_abort);
    tcase_add_test(tests, dependants_are_rolled_back_first_and_follow_again);
    tcase_add_test(tests, a_dependant_before_its_apply_is_stopped_and_waits_again);
    tcase_add_test(tests, attempts_start_a_rolled_back_stage_again);
    tcase_add_test(tests, undo_takes_back_only_what_this_attempt_dispatched);
    tcase_add_test(tests, a_deadline_of_the_apply_rolls_back_and_counts_from_its_start);
    tcase_add_test(tests, time_that_is_up_before_the_first_effect_takes_nothing_back);
    tcase_add_loop_test(tests, what_cannot_be_shown_dead_is_asked_about_before_it_is_taken_back, 0,
                        3);
    tcase_add_test(tests, a_late_rollback_is_told_to_the_first_of_the_escalation);
    tcase_add_test(tests, a_stuck_stage_keeps_earlier_ones_from_being_taken_back);
    tcase_add_loop_test(tests, a_stage_that_was_stuck_keeps_why_it_went_back_and_what_failed_then,
                        0, 2);
    tcase_add_loop_test(tests, a_way_back_that_is_not_open_does_not_hide_the_one_that_failed, 0, 2);
    tcase_add_test(tests, a_parallel_on_a_way_back_names_the_step_that_failed_in_it);
    tcase_add_test(tests, a_paused_run_that_was_stuck_has_fresh_time_to_be_decided);
    tcase_add_test(tests, one_of_two_parallel_stages_fails_while_the_other_goes_on);
    tcase_add_test(tests, the_stage_that_is_stuck_says_why_a_run_without_a_cause_is_where_it_is);
    tcase_add_test(tests, too_many_rollbacks_abort_the_run);
    tcase_add_test(tests, a_criterion_of_time_is_known_to_the_millisecond);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
