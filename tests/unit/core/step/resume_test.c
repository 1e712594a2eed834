/*
 * Crashes: what becomes of an effect, a question, a hold or a wait when its runner dies, and that
 * from any point of any run every finding of the next runner leads on to an end, also when that one
 * dies, too. Random runs print their seed; RBK_SEED replays one.
 */
#include "tests/unit/core/step/random.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct machine_builder *one_stage(enum rbk_effect_kind kind)
{
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, kind);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    return mb;
}

START_TEST(a_command_under_way_is_found_again)
{
    struct run run;
    run_start(&run, one_stage(RBK_EFFECT_RUN));
    uint32_t serial = rbk_state_region(run.machine, run.state, 1)->serial;
    run_resume(&run);
    ck_at(&run, 1, "a.apply.1 resolving");
    ck_assert(run_did(&run, RBK_ACTION_RESOLVE, "a.apply.1"));
    ck_assert_uint_eq(run.actions.items[0].serial, serial);
    run_resume(&run); /* that runner died, too */
    ck_at(&run, 1, "a.apply.1 resolving");
    switch (_i) {
    case 0:
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_ATTACHED, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.apply.1 running");
        ck_assert_uint_eq(rbk_state_region(run.machine, run.state, 1)->serial, serial);
        run_ok(&run, "a.apply.1");
        ck_at(&run, 1, "a.verify.1 running");
        break;
    case 1:
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_KNOWN, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.verify.1 running");
        break;
    case 2:
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_KNOWN, RBK_OUTCOME_FAIL);
        ck_at(&run, 1, "a.rollback.1 running");
        break;
    case 3:
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_NOT_STARTED, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.apply.1 running");
        ck_assert_uint_eq(run.actions.items[0].attempt, 1);
        ck_assert_uint_ne(run.actions.items[0].serial, serial);
        break;
    default:
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.apply.1 doubt");
        break;
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_reading_is_taken_again_without_asking)
{
    enum rbk_effect_kind kinds[] = {RBK_EFFECT_LET,        RBK_EFFECT_CHECK,  RBK_EFFECT_TEST,
                                    RBK_EFFECT_WAIT_UNTIL, RBK_EFFECT_NOTIFY, RBK_EFFECT_WAIT,
                                    RBK_EFFECT_CAPTURE};
    struct run run;
    run_start(&run, one_stage(kinds[_i]));
    uint32_t serial = rbk_state_region(run.machine, run.state, 1)->serial;
    run_resume(&run);
    ck_at(&run, 1, "a.apply.1 running");
    ck_assert(run_did(&run, RBK_ACTION_DISPATCH, "a.apply.1"));
    ck_assert_uint_eq(run.actions.items[0].attempt, 1);
    ck_assert_uint_gt(run.actions.items[0].serial, serial);
    struct rbk_event stale = {.kind = RBK_EVENT_RESULT, .serial = serial};
    ck_assert_int_eq(run_post(&run, stale), RBK_REFUSAL_STALE);
    run_fini(&run);
}
END_TEST

/* Ctrl-C between two stages, and resumed hours later: the window may be over by now. */
START_TEST(a_new_runner_says_anew_which_windows_are_open)
{
    bool known = _i == 1; /* as runs of the build before had it in their journals */
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_region(mb, b)->window = 0;
    run_start(&run, mb);
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = b, .level = RBK_LEVEL_TRUE});
    run_ok(&run, "a.apply.1");
    run_command(&run, RBK_COMMAND_INTERRUPT);
    run_drain(&run);
    ck_status(&run, "paused");
    ck_at(&run, a, "a.applied idle");
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_RESUMED,
                                        .level = known ? RBK_LEVEL_FALSE : RBK_LEVEL_MISSING});
    ck_status(&run, "running");
    ck_at(&run, b, known ? "b.apply.1 running" : "b.waiting idle");
    if (!known) {
        run_accept(&run, (struct rbk_event){
                             .kind = RBK_EVENT_WINDOW, .index = b, .level = RBK_LEVEL_TRUE});
        ck_at(&run, b, "b.apply.1 running");
    }
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(an_effect_that_was_being_stopped_goes_where_it_was_told)
{
    struct run run;
    run_start(&run, one_stage(RBK_EFFECT_RUN));
    run_command(&run, RBK_COMMAND_ABORT);
    run_resume(&run);
    ck_at(&run, 1, "a.apply.1 resolving");
    if (_i == 0) {
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_ATTACHED, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.apply.1 cancelling");
        ck_assert(run_did(&run, RBK_ACTION_CANCEL, "a.apply.1"));
        run_resume(&run);
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_KNOWN, RBK_OUTCOME_OK);
    } else if (_i == 1) {
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_NOT_STARTED, RBK_OUTCOME_OK);
    } else {
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_OK);
        ck_at(&run, 1, "a.apply.1 doubt");
        run_resume(&run);
        ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
        run_due(&run);
    }
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_reading_that_was_being_stopped_is_dead_with_its_runner)
{
    struct run run;
    run_start(&run, one_stage(RBK_EFFECT_WAIT_UNTIL));
    run_command(&run, RBK_COMMAND_ABORT);
    ck_at(&run, 1, "a.apply.1 cancelling");
    run_resume(&run);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(an_abort_while_resolving_waits_for_what_is_found)
{
    struct run run;
    run_start(&run, one_stage(RBK_EFFECT_RUN));
    run_resume(&run);
    run_command(&run, RBK_COMMAND_ABORT);
    ck_at(&run, 1, "a.apply.1 resolving");
    run_resolved(&run, "a.apply.1", RBK_RECOVERY_ATTACHED, RBK_OUTCOME_OK);
    ck_at(&run, 1, "a.apply.1 cancelling");
    run_ok(&run, "a.apply.1");
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(looking_is_repeated_and_questions_are_opened_again)
{
    struct run run;
    run_start(&run, one_stage(RBK_EFFECT_HTTP));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 looking");
    run_resume(&run);
    ck_assert(run_did(&run, RBK_ACTION_LOOK, "a.apply.1"));
    run_result(&run, "a.apply.1", RBK_OUTCOME_MISSING);
    uint64_t due_ms = rbk_state_next_due(run.machine, run.state);
    run.now_ms += 1000;
    run_resume(&run);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    ck_assert_uint_eq(run.actions.items[0].due_ms, due_ms); /* its time goes on */
    run_fini(&run);
}
END_TEST

/* ---- every point, every finding ---- */

/* A machine with everything: gates, retries, doubt, branches, strategies, triggers, locks. */
static struct machine_builder *everything(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t back = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    uint32_t keep = mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE);
    uint32_t gate = mb_question(mb, RBK_QUESTION_APPROVE, 0, 3000, pause);
    uint32_t doubt = mb_question(mb, RBK_QUESTION_DOUBT, 0, 3000, back);
    uint32_t decide = mb_question(mb, RBK_QUESTION_DECIDE, 0, 3000, abort);
    uint32_t manual = mb_question(mb, RBK_QUESTION_MANUAL, 0, 3000, abort);
    uint32_t kept = mb_question(mb, RBK_QUESTION_APPROVE, 0, 3000, keep);
    mb_lock(mb);
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = gate;
    mb_step(mb, a, RBK_PHASE_PREPARE, RBK_EFFECT_RUN);
    step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_effect(mb, step)->retry_count = 1;
    mb_effect(mb, step)->retry_every_ms = 100;
    uint32_t branches = mb_fork(mb, a, RBK_PHASE_APPLY, 2);
    mb_step(mb, branches, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    mb_within(mb, a, RBK_PHASE_APPLY, 20000);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, true, 5000);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_SQL);
    mb_strategy(mb, a, false, 0);
    step = mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_HTTP);
    mb_effect(mb, step)->crash = RBK_CRASH_ASK;
    mb_effect(mb, step)->doubt_question = doubt;
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_region(mb, a)->attempts = 2;
    mb_region(mb, a)->attempts_every_ms = 5000;
    uint32_t b = mb_stage(mb, "b");
    step = mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = manual;
    step = mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_effect(mb, step)->crash = RBK_CRASH_AGAIN;
    mb_strategy(mb, b, false, 0);
    mb_step(mb, b, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    uint32_t c = mb_plain_stage(mb, "c");
    mb_after_nothing(mb, c);
    mb_observe(mb);
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    step = mb_step(mb, retire, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = kept;
    mb_next(mb, step, RBK_OUTCOME_EXPIRED, mb_rest(mb, retire));
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_trigger(mb, RBK_NONE, mb_reaction(mb, RBK_REACTION_ASK, decide), mb_hold(mb, 1000, pause));
    mb_trigger(mb, a, back, pause);
    mb_abort_when_rollbacks(mb, 4);
    mb_report(mb);
    mb_escalation(mb, 100);
    return mb;
}

START_TEST(observe_does_not_end_before_somebody_has_looked)
{
    struct machine_builder *mb = one_stage(RBK_EFFECT_RUN);
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    mb_observe(mb);
    mb_trigger_row(mb, mb_trigger(mb, RBK_NONE, abort, abort))->for_ms = 2000;
    struct run run;
    run_start(&run, mb);
    run_drain(&run);
    ck_status(&run, "observing");
    run.now_ms += 3600000; /* nobody lived when it should have ended */
    run_resume(&run);
    ck_status(&run, "observing");
    run_pass(&run, 2000);
    ck_status(&run, "observing");
    if (_i == 0) {
        ck_assert_int_eq(run_trigger(&run, 0, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "aborting");
    } else {
        run_pass(&run, 10000);
        ck_status(&run, "completed");
    }
    run_fini(&run);
}
END_TEST

START_TEST(from_every_point_of_a_random_run_a_crash_leads_on_to_an_end)
{
    const char *replay = getenv("RBK_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : 20261121u + (uint64_t)_i;
    uint64_t first = seed;
    struct run run;
    run_start(&run, everything());
    fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)first);
    for (int events = 0; events < 1000 && !run.state->ended_ms; events++) {
        enum rbk_refusal refusal = run_random_event(&run, &seed);
        if (refusal == RBK_REFUSAL_ACCEPTED && !run.state->ended_ms) {
            run_crash_here(&run, (enum rbk_recovery)(events % 4));
        }
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_plain_run_survives_a_crash_at_each_event_with_each_finding)
{
    struct run run;
    run_start(&run, everything());
    for (int events = 0; events < 200 && !run.state->ended_ms; events++) {
        for (int recovery = 0; recovery < 4; recovery++) {
            run_crash_here(&run, (enum rbk_recovery)recovery);
        }
        const struct rbk_region_state *a = rbk_state_region(run.machine, run.state, 1);
        if (a->mode == RBK_MODE_ASKING) {
            run_answer(&run, "a.approve.1", RBK_ANSWER_YES, 1);
        } else {
            run_drive(&run, RBK_RECOVERY_KNOWN);
        }
    }
    ck_assert_uint_ne(run.state->ended_ms, 0);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_resume");
    TCase *tests = tcase_create("resume");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 50);
    tcase_add_loop_test(tests, a_command_under_way_is_found_again, 0, 5);
    tcase_add_loop_test(tests, a_reading_is_taken_again_without_asking, 0, 7);
    tcase_add_loop_test(tests, a_new_runner_says_anew_which_windows_are_open, 0, 2);
    tcase_add_loop_test(tests, an_effect_that_was_being_stopped_goes_where_it_was_told, 0, 3);
    tcase_add_test(tests, a_reading_that_was_being_stopped_is_dead_with_its_runner);
    tcase_add_test(tests, an_abort_while_resolving_waits_for_what_is_found);
    tcase_add_test(tests, looking_is_repeated_and_questions_are_opened_again);
    tcase_add_loop_test(tests, observe_does_not_end_before_somebody_has_looked, 0, 2);
    tcase_add_loop_test(tests, from_every_point_of_a_random_run_a_crash_leads_on_to_an_end, 0, 20);
    tcase_add_test(tests, a_plain_run_survives_a_crash_at_each_event_with_each_finding);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
