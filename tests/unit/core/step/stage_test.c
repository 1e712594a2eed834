/*
 * The way forward: a stage's life from waiting to applied, and where each position of a failure
 * leads; when it may begin is in begin_test.c. Each run is driven event by event; run.c asserts the
 * promises after every one.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>
#include <stdio.h>
#include <time.h>

START_TEST(a_plan_of_one_stage_runs_to_its_end)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    run_init(&run, mb);
    ck_status(&run, "ready");
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_status(&run, "running");
    ck_at(&run, a, "a.apply.1 running");
    ck_assert_uint_eq(run.state->first_effect_ms, run.now_ms);
    run.now_ms += 5;
    run_ok(&run, "a.apply.1");
    ck_at(&run, a, "a.verify.1 running");
    run_ok(&run, "a.verify.1");
    ck_status(&run, "completed");
    ck_at(&run, a, "a.applied idle");
    ck_assert_uint_eq(run.state->ended_ms, run.now_ms);
    ck_assert_uint_eq(run.finished, 1);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_START], 1);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_STAGE], 1);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_COMPLETED], 1);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ENDED);
    run_fini(&run);
}
END_TEST

/* Every phase, in order, with plan effects and a lock around it. */
static struct machine_builder *every_phase(void)
{
    struct machine_builder *mb = mb_new();
    mb_plan_step(mb, RBK_PHASE_REQUIRE, RBK_EFFECT_REQUIRE);
    mb_lock(mb);
    mb_plan_step(mb, RBK_PHASE_PLAN, RBK_EFFECT_BASELINE);
    mb_plan_step(mb, RBK_PHASE_PLAN, RBK_EFFECT_ARM);
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_REQUIRE, RBK_EFFECT_REQUIRE);
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return mb;
}

static const char *const every_state[] = {
    "plan.require.1", "plan.plan.1", "plan.plan.2", "plan.plan.3", "a.require.1",
    "a.prepare.1",    "a.apply.1",   "a.apply.2",   "a.verify.1",  "plan.release.1",
};

START_TEST(phases_follow_each_other_and_the_lock_is_released)
{
    struct run run;
    run_start(&run, every_phase());
    for (size_t i = 0; i < RBK_COUNT(every_state); i++) {
        run_ok(&run, every_state[i]);
    }
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(a_failing_release_is_passed_over)
{
    struct run run;
    run_start(&run, every_phase());
    for (size_t i = 0; i + 1 < RBK_COUNT(every_state); i++) {
        run_ok(&run, every_state[i]);
    }
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ENDING);
    run_fail(&run, "plan.release.1");
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

/* _i is the position that fails: before the apply the run is held, from it on the stage goes back.
 */
START_TEST(each_position_of_a_failure_leads_where_it_should)
{
    struct run run;
    run_start(&run, every_phase());
    for (int i = 0; i < _i; i++) {
        run_ok(&run, every_state[i]);
    }
    run_fail(&run, every_state[_i]);
    bool before_apply = _i < 6;
    if (before_apply) {
        ck_status(&run, "held");
        ck_assert_uint_eq(run.hooks[RBK_HOOK_HOLD], 1);
        ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_FAILURE);
        ck_assert(rbk_str_is(run.machine->states[run.state->cause.index].name, every_state[_i]));
    } else {
        ck_at(&run, 1, "a.rollback.1 running");
        ck_assert_uint_eq(run.state->rollbacks, 1);
        run_ok(&run, "a.rollback.1");
        run_ok(&run, "a.rollback_verify.1");
        ck_at(&run, 1, "a.rolled_back idle");
        ck_status(&run, "held");
    }
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(each_position_of_a_failure_ends_in_an_abort_when_nobody_decides)
{
    struct run run;
    run_start(&run, every_phase());
    for (int i = 0; i < _i; i++) {
        run_ok(&run, every_state[i]);
    }
    run_result(&run, every_state[_i], RBK_OUTCOME_TIMEOUT);
    run_drain(&run);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->hold_due_ms, run.now_ms + 3600000);
    run_due(&run);
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_UNDECIDED);
    if (_i > 0) { /* the lock had been tried: it is released */
        ck_status(&run, "aborting");
        run_ok(&run, "plan.release.2");
    }
    ck_status(&run, "aborted");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_ABORTED], 1);
    run_fini(&run);
}
END_TEST

START_TEST(retries_are_carried_out_before_a_step_fails)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_effect(mb, step)->retry_count = 2;
    mb_effect(mb, step)->retry_every_ms = 500;
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    for (int attempt = 1; attempt <= 2; attempt++) {
        run_fail(&run, "a.apply.1");
        ck_at(&run, a, "a.apply.1 retry");
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 500);
        run_due(&run);
        ck_at(&run, a, "a.apply.1 running");
        ck_assert_uint_eq(run.actions.items[0].attempt, (uint32_t)attempt + 1);
    }
    run_fail(&run, "a.apply.1");
    ck_at(&run, a, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_check_is_not_retried_by_step)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t step = mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_effect(mb, step)->retry_count = 9;
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_ok(&run, "a.apply.1");
    run_result(&run, "a.verify.1", RBK_OUTCOME_MISSING);
    ck_at(&run, a, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(an_optional_failure_is_passed_over)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_effect(mb, step)->optional = true;
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(a_test_that_does_not_hold_is_no_failure)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t test = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_TEST);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t other = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_next(mb, test, RBK_OUTCOME_FAIL, other);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    ck_at(&run, a, "a.apply.3 running");
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, a)->cause.kind, RBK_CAUSE_NONE);
    run_fini(&run);

    /* … but one that cannot be read is, where the table names no state for it. */
    mb = mb_new();
    a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_TEST);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_result(&run, "a.apply.1", RBK_OUTCOME_MISSING);
    ck_at(&run, a, "a.rollback.1 running");
    ck_assert_uint_eq(run.state->rollbacks, 1);
    run_fini(&run);
}
END_TEST

START_TEST(observe_grace_and_retire_follow_the_last_stage)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_observe(mb);
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_step(mb, retire, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    run_start(&run, mb);
    run_drain(&run);
    ck_status(&run, "observing");
    ck_assert_uint_eq(run.state->all_applied_ms, run.now_ms);
    run_pass(&run, 59999);
    ck_status(&run, "observing");
    run_pass(&run, 1);
    ck_status(&run, "grace");
    run_pass(&run, 120000);
    ck_at(&run, retire, "retire.apply.1 running");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_PAST_GRACE);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_PAST_GRACE);
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

static struct machine_builder *with_retire(enum rbk_reaction_kind otherwise)
{
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    uint32_t reaction = mb_reaction(mb, otherwise, RBK_NONE);
    uint32_t gate = mb_step(mb, retire, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, gate)->question = mb_question(mb, RBK_QUESTION_APPROVE, 0, 5000, reaction);
    mb_next(mb, gate, RBK_OUTCOME_EXPIRED, mb_rest(mb, retire));
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    return mb;
}

START_TEST(a_retire_that_nobody_approves_keeps_the_old_system)
{
    struct run run;
    run_start(&run, with_retire(RBK_REACTION_KEEP));
    run_drain(&run);
    run_pass(&run, 120000);
    ck_at(&run, 2, "retire.approve.1 asking");
    if (_i == 0) {
        run_due(&run);
    } else {
        ck_assert_int_eq(run_answer(&run, "retire.approve.1", RBK_ANSWER_NO, 1),
                         RBK_REFUSAL_ACCEPTED);
    }
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(a_failed_retire_is_held_and_silence_destroys_nothing)
{
    struct run run;
    run_start(&run, with_retire(RBK_REACTION_KEEP));
    run_drain(&run);
    run_pass(&run, 120000);
    ck_assert_int_eq(run_answer(&run, "retire.approve.1", RBK_ANSWER_YES, 1), RBK_REFUSAL_ACCEPTED);
    run_fail(&run, "retire.apply.1");
    ck_status(&run, "held");
    if (_i == 0) {
        run_due(&run);
    } else if (_i == 1) {
        ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 2, RBK_ANSWER_DONE),
                         RBK_REFUSAL_ACCEPTED);
    } else {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
        ck_assert_int_eq(run_answer(&run, "retire.approve.1", RBK_ANSWER_YES, 1),
                         RBK_REFUSAL_ACCEPTED);
        run_ok(&run, "retire.apply.1");
    }
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(reports_come_at_their_interval_and_missed_ones_are_skipped)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_report(mb);
    mb_plain_stage(mb, "a");
    run_start(&run, mb);
    run_pass(&run, 30000);
    ck_assert_uint_eq(run.reported, 3);
    run.now_ms += 35000;
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_TIME});
    ck_assert_uint_eq(run.reported, 4);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 1000000 + 70000);
    run_drain(&run);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    run_fini(&run);
}
END_TEST

START_TEST(time_never_goes_back)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    run_start(&run, mb);
    run.now_ms -= 500000;
    run_ok(&run, "a.apply.1");
    ck_assert_uint_eq(run.state->now_ms, 1000000);
    run_fini(&run);
}
END_TEST

START_TEST(events_out_of_place_are_refused)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    run_init(&run, mb);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_NOT_STARTED);
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_assert_int_eq(run_post(&run, (struct rbk_event){.kind = RBK_EVENT_START}),
                     RBK_REFUSAL_STARTED);
    struct rbk_event result = {.kind = RBK_EVENT_RESULT, .serial = 99};
    ck_assert_int_eq(run_post(&run, result), RBK_REFUSAL_STALE);
    result.serial = 0;
    ck_assert_int_eq(run_post(&run, result), RBK_REFUSAL_STALE);
    result.serial = 1;
    result.outcome = RBK_OUTCOME_EXPIRED;
    ck_assert_int_eq(run_post(&run, result), RBK_REFUSAL_UNKNOWN);
    struct rbk_event note = {.kind = RBK_EVENT_NOTE, .serial = 1};
    ck_assert_int_eq(run_post(&run, note), RBK_REFUSAL_ACCEPTED);
    note.serial = 2;
    ck_assert_int_eq(run_post(&run, note), RBK_REFUSAL_STALE);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_SIGNAL, 0, RBK_ANSWER_YES),
                     RBK_REFUSAL_UNKNOWN);
    ck_assert_int_eq(run_trigger(&run, 0, RBK_LEVEL_TRUE), RBK_REFUSAL_UNKNOWN);
    run_ok(&run, "a.apply.1");
    result.outcome = RBK_OUTCOME_OK;
    ck_assert_int_eq(run_post(&run, result), RBK_REFUSAL_STALE);
    run_fini(&run);
}
END_TEST

/* The bound is far above what it takes (a microsecond or two), and far below what a look at every
 * state would: 20,000 steps that scanned 20,000 states would need seconds. */
START_TEST(a_step_does_not_look_at_every_state)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    for (int i = 0; i < 20000; i++) {
        mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_NOTHING);
    }
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    clock_t began = clock();
    uint32_t steps = 0;
    while (!run.state->ended_ms) {
        struct rbk_event event = {.kind = RBK_EVENT_RESULT,
                                  .now_ms = run.now_ms,
                                  .serial = rbk_state_region(run.machine, run.state, a)->serial};
        if (rbk_step(run.machine, &run.settings, run.state, &event, &run.actions)) {
            ck_abort_msg("refused");
        }
        (void)rbk_state_next_due(run.machine, run.state);
        steps++;
    }
    double us = (double)(clock() - began) * 1e6 / CLOCKS_PER_SEC / steps;
    fprintf(stderr, "%.2f us a step with its deadline\n", us);
    ck_assert_uint_eq(steps, 20000);
    ck_assert_double_lt(us, 100);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_stage");
    TCase *tests = tcase_create("stage");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_plan_of_one_stage_runs_to_its_end);
    tcase_add_test(tests, phases_follow_each_other_and_the_lock_is_released);
    tcase_add_test(tests, a_failing_release_is_passed_over);
    tcase_add_loop_test(tests, each_position_of_a_failure_leads_where_it_should, 0, 9);
    tcase_add_loop_test(tests, each_position_of_a_failure_ends_in_an_abort_when_nobody_decides, 0,
                        9);
    tcase_add_test(tests, retries_are_carried_out_before_a_step_fails);
    tcase_add_test(tests, a_check_is_not_retried_by_step);
    tcase_add_test(tests, an_optional_failure_is_passed_over);
    tcase_add_test(tests, a_test_that_does_not_hold_is_no_failure);
    tcase_add_test(tests, observe_grace_and_retire_follow_the_last_stage);
    tcase_add_loop_test(tests, a_retire_that_nobody_approves_keeps_the_old_system, 0, 2);
    tcase_add_loop_test(tests, a_failed_retire_is_held_and_silence_destroys_nothing, 0, 3);
    tcase_add_test(tests, reports_come_at_their_interval_and_missed_ones_are_skipped);
    tcase_add_test(tests, time_never_goes_back);
    tcase_add_test(tests, events_out_of_place_are_refused);
    tcase_add_test(tests, a_step_does_not_look_at_every_state);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
