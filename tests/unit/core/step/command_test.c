/*
 * People's commands, locks at every end, and parallel branches: what is accepted when, what is
 * refused with which reason, and that a fork comes to rest whole.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

static struct machine_builder *two_stages(void)
{
    struct machine_builder *mb = mb_new();
    mb_lock(mb);
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_signal(mb, "integrity");
    return mb;
}

START_TEST(pause_lets_the_step_end_and_starts_nothing_new)
{
    struct run run;
    bool interrupt = _i;
    run_start(&run, two_stages());
    run_ok(&run, "plan.plan.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_NOT_HELD);
    ck_assert_int_eq(run_command(&run, interrupt ? RBK_COMMAND_INTERRUPT : RBK_COMMAND_PAUSE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "paused");
    ck_assert_int_eq(run_command(&run, interrupt ? RBK_COMMAND_INTERRUPT : RBK_COMMAND_PAUSE),
                     RBK_REFUSAL_ALREADY_STILL);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_NOTHING_TO_RETRY);
    run_ok(&run, "a.apply.1");
    ck_at(&run, 1, "a.verify.1 parked");
    if (interrupt) {
        run_resume(&run); /* Ctrl-C and `rbk resume`: it continues by itself */
    } else {
        run_resume(&run);
        ck_status(&run, "paused");
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    }
    ck_status(&run, "running");
    ck_at(&run, 1, "a.verify.1 running");
    ck_assert_uint_eq(run.state->hold_due_ms, 0);
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_that_somebody_wants_outlives_an_interrupt)
{
    struct run run;
    struct machine_builder *mb = two_stages();
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    mb_trigger(mb, RBK_NONE, pause, pause);
    run_start(&run, mb);
    run_ok(&run, "plan.plan.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_INTERRUPT), RBK_REFUSAL_ACCEPTED);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_INTERRUPT), RBK_REFUSAL_ALREADY_STILL);
    if (_i) {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    } else {
        ck_assert_int_eq(run_trigger(&run, 0, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
    }
    run_resume(&run);
    ck_status(&run, "paused");
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_does_not_start_the_next_stage)
{
    struct run run;
    run_start(&run, two_stages());
    run_ok(&run, "plan.plan.1");
    run_ok(&run, "a.apply.1");
    run_command(&run, RBK_COMMAND_PAUSE);
    run_ok(&run, "a.verify.1");
    ck_at(&run, 2, "b.waiting idle");
    run_command(&run, RBK_COMMAND_CONTINUE);
    ck_at(&run, 2, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_that_nobody_ends_aborts)
{
    struct run run;
    run_start(&run, two_stages());
    run_ok(&run, "plan.plan.1");
    run_command(&run, RBK_COMMAND_PAUSE);
    run_ok(&run, "a.apply.1");
    run_due(&run);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_UNDECIDED);
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(held_at_most_has_its_own_else)
{
    struct run run;
    enum rbk_reaction_kind kinds[] = {RBK_REACTION_CANCEL, RBK_REACTION_NOTIFY, RBK_REACTION_PAUSE};
    struct machine_builder *mb = two_stages();
    mb_machine(mb)->held_at_most_ms = 1000;
    mb_machine(mb)->held_otherwise = mb_reaction(mb, kinds[_i], RBK_NONE);
    run_start(&run, mb);
    run_fail(&run, "plan.plan.1");
    ck_status(&run, "held");
    run_due(&run);
    if (_i == 0) {
        run_ok(&run, "plan.release.3");
        ck_status(&run, "cancelled");
    } else {
        ck_status(&run, "held");
        ck_assert_uint_eq(run.notified, _i == 1);
        ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 1000);
    }
    run_fini(&run);
}
END_TEST

START_TEST(held_is_left_by_retry_abort_or_cancel_only)
{
    struct run run;
    run_start(&run, two_stages());
    run_fail(&run, "plan.plan.1");
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_NOT_PAUSED);
    ck_status(&run, "held");
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RETRY, 99, RBK_ANSWER_YES),
                     RBK_REFUSAL_UNKNOWN);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RETRY, 1, RBK_ANSWER_YES),
                     RBK_REFUSAL_NOT_THIS_ONE);
    if (_i == 0) {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 0, "plan.plan.1 running");
        run_drain(&run);
        ck_status(&run, "completed");
    } else if (_i == 1) {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
        run_ok(&run, "plan.release.2");
        ck_status(&run, "aborted");
    } else {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_ACCEPTED);
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ENDING);
        run_ok(&run, "plan.release.3");
        ck_status(&run, "cancelled");
    }
    run_fini(&run);
}
END_TEST

START_TEST(cancel_is_offered_only_while_nothing_stands_applied)
{
    struct run run;
    run_start(&run, two_stages());
    run_ok(&run, "plan.plan.1");
    ck_at(&run, 1, "a.apply.1 running");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_STANDS_APPLIED);
    run_fail(&run, "a.apply.1");
    run_drain(&run);
    ck_at(&run, 1, "a.rolled_back idle");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_ACCEPTED);
    run_drain(&run);
    ck_status(&run, "cancelled");
    run_fini(&run);
}
END_TEST

START_TEST(cancel_stops_what_is_under_way_before_it_releases)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_lock(mb);
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    run_start(&run, mb);
    if (_i == 0) { /* the plan's own effect is under way */
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 0, "plan.plan.1 cancelling");
        run_fail(&run, "plan.plan.1");
    } else {
        run_ok(&run, "plan.plan.1");
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_CANCEL), RBK_REFUSAL_ACCEPTED);
        ck_at(&run, a, "a.prepare.1 cancelling");
        run_fail(&run, "a.prepare.1");
        ck_at(&run, a, "a.held done");
    }
    run_ok(&run, "plan.release.3");
    ck_status(&run, "cancelled");
    run_fini(&run);
}
END_TEST

START_TEST(abort_before_the_stages_releases_what_was_acquired)
{
    struct run run;
    run_start(&run, two_stages());
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 0, "plan.plan.1 cancelling");
    run_ok(&run, "plan.plan.1");
    run_ok(&run, "plan.release.2");
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(abort_ends_only_when_what_is_under_way_is_dead)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    run_start(&run, mb);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, a, "a.prepare.1 cancelling");
    ck_status(&run, "aborting");
    run_ok(&run, "a.prepare.1");
    ck_at(&run, a, "a.held done");
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(a_signal_aborts_and_is_remembered)
{
    struct run run;
    run_start(&run, two_stages());
    run_ok(&run, "plan.plan.1");
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_SIGNAL, 0, RBK_ANSWER_YES),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_SIGNAL);
    ck_assert_uint_eq(run.state->signals, 1);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_SIGNAL, 0, RBK_ANSWER_YES),
                     RBK_REFUSAL_TURNED);
    run_fini(&run);
}
END_TEST

START_TEST(retry_of_one_of_two_held_stages_keeps_the_run_held)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    run_fail(&run, "b.apply.1");
    run_drain(&run);
    ck_at(&run, 1, "a.rolled_back idle");
    ck_at(&run, 2, "b.rolled_back idle");
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RETRY, 1, RBK_ANSWER_YES),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    ck_at(&run, 1, "a.waiting idle");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

/* ---- parallel ---- */

/* apply { parallel { run; run, run; parallel { run; run } } run } */
static struct machine_builder *parallel(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t branches = mb_fork(mb, a, RBK_PHASE_APPLY, 3);
    mb_step(mb, branches, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t inner = mb_fork(mb, branches + 2, RBK_PHASE_APPLY, 2);
    mb_step(mb, inner, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, inner + 1, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_within(mb, a, RBK_PHASE_APPLY, 60000);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    return mb;
}

START_TEST(branches_run_at_once_and_the_fork_waits_for_all)
{
    struct run run;
    run_start(&run, parallel());
    ck_at(&run, 1, "a.apply.1 forked");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 4);
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, 1)->order, 1);
    run_ok(&run, "a.branch.1.apply.1");
    run_ok(&run, "a.branch.3.branch.2.apply.1");
    run_ok(&run, "a.branch.2.apply.1");
    run_ok(&run, "a.branch.3.branch.1.apply.1");
    ck_at(&run, 1, "a.apply.1 forked");
    run_ok(&run, "a.branch.2.apply.2");
    ck_at(&run, 1, "a.apply.2 running");
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

/* _i: what stops the fork: a branch fails, one inside does, an abort, the deadline. */
START_TEST(a_fork_that_is_stopped_comes_to_rest_whole)
{
    struct run run;
    run_start(&run, parallel());
    run_ok(&run, "a.branch.1.apply.1");
    if (_i == 0) {
        run_fail(&run, "a.branch.2.apply.1");
    } else if (_i == 1) {
        run_fail(&run, "a.branch.3.branch.1.apply.1");
        ck_assert(run_did(&run, RBK_ACTION_CANCEL, "a.branch.3.branch.2.apply.1"));
        run_ok(&run, "a.branch.3.branch.2.apply.1");
    } else if (_i == 2) {
        run_command(&run, RBK_COMMAND_ABORT);
    } else {
        run_due(&run);
    }
    ck_at(&run, 1, "a.apply.1 forked");
    run_drain(&run);
    if (_i == 2) {
        ck_status(&run, "aborted");
    } else {
        ck_status(&run, "held");
        ck_at(&run, 1, "a.rolled_back idle");
        enum rbk_cause_kind cause = _i == 3 ? RBK_CAUSE_TIMEOUT : RBK_CAUSE_FAILURE;
        ck_assert_uint_eq(run.state->cause.kind, cause);
        if (_i == 0) {
            ck_assert(
                rbk_str_is(run.machine->states[run.state->cause.index].name, "a.branch.2.apply.1"));
        }
        run_command(&run, RBK_COMMAND_RETRY);
        ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 4);
        run_drain(&run);
        ck_status(&run, "completed");
    }
    run_fini(&run);
}
END_TEST

START_TEST(branches_park_while_paused)
{
    struct run run;
    run_start(&run, parallel());
    run_command(&run, RBK_COMMAND_PAUSE);
    run_ok(&run, "a.branch.2.apply.1");
    ck_at(&run, 3, "a.branch.2.apply.2 parked");
    run_command(&run, RBK_COMMAND_CONTINUE);
    ck_at(&run, 3, "a.branch.2.apply.2 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_step_in_a_branch_has_no_longer_than_the_blocks_around_its_fork)
{
    struct run run;
    struct rbk_effect effect = {.timeout_ms = 90000};
    run_start(&run, parallel());
    uint64_t now_ms = run.now_ms;
    uint32_t deepest = run.machine->region_count - 1;
    ck_assert_uint_ne(run.machine->regions[deepest].parent, 1);
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, deepest, &effect, now_ms), 60000);
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, 1, &effect, now_ms), 60000);
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, 1, &effect, now_ms + 59000), 1000);
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, 1, &effect, now_ms + 60000), 1);
    effect.timeout_ms = 5000;
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, deepest, &effect, now_ms), 5000);
    effect.timeout_ms = 0;
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, deepest, &effect, now_ms), 60000);
    ck_assert_uint_eq(rbk_effect_left_ms(run.machine, run.state, 0, &effect, now_ms),
                      RBK_EFFECT_MS_UNLIMITED);
    run_fini(&run);
}
END_TEST

START_TEST(a_gate_in_a_branch_can_turn_the_run)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t branches = mb_fork(mb, a, RBK_PHASE_APPLY, 2);
    mb_step(mb, branches, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t gate = mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_QUESTION);
    uint32_t reaction = mb_reaction(mb, _i ? RBK_REACTION_ROLLBACK : RBK_REACTION_ABORT, RBK_NONE);
    mb_effect(mb, gate)->question = mb_question(mb, RBK_QUESTION_ASK, 0, 1000, reaction);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_due(&run);
    ck_at(&run, 1, "a.apply.1 forked");
    ck_at(&run, 2, "a.branch.1.apply.1 cancelling");
    run_drain(&run);
    ck_status(&run, _i ? "held" : "aborted");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_command");
    TCase *tests = tcase_create("command");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, pause_lets_the_step_end_and_starts_nothing_new, 0, 2);
    tcase_add_loop_test(tests, a_pause_that_somebody_wants_outlives_an_interrupt, 0, 2);
    tcase_add_test(tests, a_pause_does_not_start_the_next_stage);
    tcase_add_test(tests, a_pause_that_nobody_ends_aborts);
    tcase_add_loop_test(tests, held_at_most_has_its_own_else, 0, 3);
    tcase_add_loop_test(tests, held_is_left_by_retry_abort_or_cancel_only, 0, 3);
    tcase_add_test(tests, cancel_is_offered_only_while_nothing_stands_applied);
    tcase_add_loop_test(tests, cancel_stops_what_is_under_way_before_it_releases, 0, 2);
    tcase_add_test(tests, abort_before_the_stages_releases_what_was_acquired);
    tcase_add_test(tests, abort_ends_only_when_what_is_under_way_is_dead);
    tcase_add_test(tests, a_signal_aborts_and_is_remembered);
    tcase_add_test(tests, retry_of_one_of_two_held_stages_keeps_the_run_held);
    tcase_add_test(tests, branches_run_at_once_and_the_fork_waits_for_all);
    tcase_add_test(tests, a_step_in_a_branch_has_no_longer_than_the_blocks_around_its_fork);
    tcase_add_loop_test(tests, a_fork_that_is_stopped_comes_to_rest_whole, 0, 4);
    tcase_add_test(tests, branches_park_while_paused);
    tcase_add_loop_test(tests, a_gate_in_a_branch_can_turn_the_run, 0, 2);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
