/*
 * An effect that was cut off and may have happened all the same: with `done when` it is looked for
 * before anything is taken back, whatever cut it off and whoever dies meanwhile; a person is asked
 * only when the look cannot tell. It is never carried out again.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

/* Stage a, whose apply changes something by a request. */
static struct machine_builder *one_request(enum rbk_crash_rule rule, uint64_t within_ms)
{
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    mb_effect(mb, step)->crash = rule;
    mb_effect(mb, step)->done_when =
        rule == RBK_CRASH_LOOK || rule == RBK_CRASH_TRANSACTION ? 0 : RBK_NONE;
    mb_effect(mb, step)->retry_count = 2;
    if (within_ms) {
        mb_within(mb, a, RBK_PHASE_APPLY, within_ms);
    }
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    uint32_t back = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    mb_trigger(mb, a, back, back);
    return mb;
}

/* Whatever can cut it off. */
enum by { BY_PERSON, BY_TRIGGER, BY_TIME, BY_COUNT };

static void cut_off(struct run *run, enum by by)
{
    if (by == BY_PERSON) {
        ck_assert_int_eq(run_command(run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    } else if (by == BY_TRIGGER) {
        ck_assert_int_eq(run_trigger(run, 0, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
    } else {
        run_due(run);
    }
}

static void ck_looks(struct run *run)
{
    ck_at(run, 1, "a.apply.1 looking");
    ck_assert(run_did(run, RBK_ACTION_LOOK, "a.apply.1"));
    ck_assert_uint_eq(run_count(run, RBK_ACTION_DISPATCH), 0);
    ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_OPEN), 0);
}

/* What the look says: done, not done, unknown, no answer in time. */
static const enum rbk_outcome looked[] = {RBK_OUTCOME_OK, RBK_OUTCOME_FAIL, RBK_OUTCOME_MISSING,
                                          RBK_OUTCOME_TIMEOUT};

static void ck_after_look(struct run *run, enum rbk_outcome outcome)
{
    run_result(run, "a.apply.1", outcome);
    if (outcome != RBK_OUTCOME_OK && outcome != RBK_OUTCOME_FAIL) {
        ck_at(run, 1, "a.apply.1 doubt");
        ck_assert_uint_eq(run_count(run, RBK_ACTION_DISPATCH), 0);
        ck_assert_int_eq(run_answer(run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
    }
    ck_at(run, 1, "a.rollback.1 running");
    ck_assert_uint_eq(rbk_state_region(run->machine, run->state, 1)->rollbacks, 1);
    run_drain(run);
    ck_at(run, 1, run->state->turned ? "a.rolled_back done" : "a.rolled_back idle");
}

START_TEST(what_is_cut_off_is_looked_for_before_it_is_taken_back)
{
    struct run run;
    run_start(&run, one_request(_i < 12 ? RBK_CRASH_LOOK : RBK_CRASH_TRANSACTION, 9000));
    cut_off(&run, (enum by)(_i / 4 % BY_COUNT));
    ck_at(&run, 1, "a.apply.1 cancelling");
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_looks(&run);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0); /* its block has no say */
    ck_after_look(&run, looked[_i % 4]);
    run_fini(&run);
}
END_TEST

START_TEST(what_is_known_to_be_dead_is_not_looked_for)
{
    struct run run;
    run_start(&run, one_request(RBK_CRASH_LOOK, 0));
    cut_off(&run, BY_PERSON);
    run_result(&run, "a.apply.1", _i ? RBK_OUTCOME_OK : RBK_OUTCOME_FAIL);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_look_that_is_under_way_goes_on_when_the_run_turns_round)
{
    struct run run;
    run_start(&run, one_request(RBK_CRASH_LOOK, 9000));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_looks(&run);
    cut_off(&run, (enum by)(_i / 4));
    ck_at(&run, 1, "a.apply.1 looking");
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_CANCEL), 0);
    ck_after_look(&run, looked[_i % 4]);
    run_fini(&run);
}
END_TEST

START_TEST(what_is_told_to_stop_for_two_reasons_is_looked_for_once)
{
    struct run run;
    run_start(&run, one_request(RBK_CRASH_LOOK, 9000));
    cut_off(&run, BY_TIME);
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_looks(&run);
    cut_off(&run, BY_PERSON);
    ck_at(&run, 1, "a.apply.1 looking");
    ck_after_look(&run, RBK_OUTCOME_OK);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

/* _i / 4: it dies when: the request is being stopped; the look is under way; the doubt of a request
 * that nobody stopped was found by a runner before. */
START_TEST(a_new_runner_looks_before_it_takes_back)
{
    struct run run;
    run_start(&run, one_request(RBK_CRASH_LOOK, 0));
    if (_i / 4 < 2) {
        cut_off(&run, BY_PERSON);
    }
    if (_i / 4 == 1) {
        run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    }
    run_resume(&run);
    if (_i / 4 != 1) {
        ck_at(&run, 1, "a.apply.1 resolving");
        if (_i / 4 == 2) {
            cut_off(&run, BY_PERSON);
            ck_at(&run, 1, "a.apply.1 resolving");
        }
        run_resolved(&run, "a.apply.1", RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_OK);
    }
    ck_looks(&run);
    run_resume(&run);
    ck_looks(&run);
    ck_after_look(&run, looked[_i % 4]);
    run_fini(&run);
}
END_TEST

START_TEST(what_a_driver_knows_after_a_crash_is_not_looked_for)
{
    struct run run;
    run_start(&run, one_request(RBK_CRASH_LOOK, 0));
    cut_off(&run, BY_PERSON);
    run_resume(&run);
    run_resolved(&run, "a.apply.1", _i ? RBK_RECOVERY_NOT_STARTED : RBK_RECOVERY_KNOWN,
                 RBK_OUTCOME_OK);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(without_done_when_a_person_is_asked)
{
    static const enum rbk_crash_rule rules[] = {RBK_CRASH_ASK, RBK_CRASH_ATTACH, RBK_CRASH_AGAIN};
    struct run run;
    run_start(&run, one_request(rules[_i], 0));
    cut_off(&run, BY_PERSON);
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_at(&run, 1, "a.apply.1 doubt");
    run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_branch_that_is_stopped_for_another_is_looked_for)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t branch = mb_fork(mb, a, RBK_PHASE_APPLY, 2);
    uint32_t step = mb_step(mb, branch, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    mb_effect(mb, step)->crash = RBK_CRASH_LOOK;
    mb_effect(mb, step)->done_when = 0;
    mb_step(mb, branch + 1, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    run_start(&run, mb);
    const char *names[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t row = rbk_state_region(run.machine, run.state, branch + i)->state;
        names[i] = run.machine->states[row].name.data;
    }
    run_fail(&run, names[1]);
    run_result(&run, names[0], RBK_OUTCOME_DOUBT);
    ck_assert(run_did(&run, RBK_ACTION_LOOK, names[0]));
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 0);
    run_result(&run, names[0], looked[_i]);
    ck_at(&run, 1, "a.rollback.1 running");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_cut_off");
    TCase *tests = tcase_create("cut_off");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, what_is_cut_off_is_looked_for_before_it_is_taken_back, 0, 24);
    tcase_add_loop_test(tests, what_is_known_to_be_dead_is_not_looked_for, 0, 2);
    tcase_add_loop_test(tests, a_look_that_is_under_way_goes_on_when_the_run_turns_round, 0, 12);
    tcase_add_test(tests, what_is_told_to_stop_for_two_reasons_is_looked_for_once);
    tcase_add_loop_test(tests, a_new_runner_looks_before_it_takes_back, 0, 12);
    tcase_add_loop_test(tests, what_a_driver_knows_after_a_crash_is_not_looked_for, 0, 2);
    tcase_add_loop_test(tests, without_done_when_a_person_is_asked, 0, 3);
    tcase_add_loop_test(tests, a_branch_that_is_stopped_for_another_is_looked_for, 0, 2);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
