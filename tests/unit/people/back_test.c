/*
 * How long the way back takes at worst, from a machine alone.
 */
#include "runtime/people/back.h"

#include <check.h>
#include <stdlib.h>

#include "runtime/core/stop_times.h"
#include "tests/unit/people/told.h"

#define MINUTE ((uint64_t)60000)

/* A way back of one RUN with a timeout and one CHECK, under a limit. */
static uint32_t add_way(struct machine_builder *mb, uint32_t stage, bool when, uint64_t within_ms,
                        uint64_t timeout_ms)
{
    uint32_t handle;
    mb_strategy(mb, stage, when, within_ms);
    handle = mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_effect(mb, handle)->timeout_ms = timeout_ms;
    (void)mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return handle;
}

static uint32_t add_stage(struct machine_builder *mb, const char *name, uint64_t within_ms)
{
    uint32_t stage = mb_stage(mb, name);
    (void)mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    (void)mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    (void)add_way(mb, stage, false, within_ms, MINUTE);
    return stage;
}

static uint64_t back_of(struct machine_builder *mb, uint32_t stage)
{
    struct rbk_back back;
    ck_assert_int_eq(rbk_back_init(&back, mb_finish(mb), NULL), 0);
    uint64_t ms = rbk_back_of_stage(&back, stage);
    rbk_back_fini(&back);
    mb_free(mb);
    return ms;
}

START_TEST(a_step_without_a_limit_takes_what_its_block_has)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = add_stage(mb, "a", 5 * MINUTE);
    ck_assert_uint_eq(back_of(mb, stage), 5 * MINUTE);
}
END_TEST

START_TEST(without_any_limit_nothing_is_said_of_a_command)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_plain_stage(mb, "a");
    ck_assert_uint_eq(back_of(mb, stage), RBK_BACK_UNKNOWN);
}
END_TEST

START_TEST(timeouts_and_attempts_are_added)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "a"), handle;
    (void)mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, stage, false, 0);
    handle = mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_effect(mb, handle)->timeout_ms = MINUTE;
    mb_effect(mb, handle)->retry_count = 1;
    mb_effect(mb, handle)->retry_every_ms = 5000;
    handle = mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_effect(mb, handle)->timeout_ms = 30000;
    mb_effect(mb, handle)->retry_count = 9; /* covered by its timeout */
    ck_assert_uint_eq(back_of(mb, stage), 2 * MINUTE + 5000 + RBK_STOP_EXEC_MS + 30000);
}
END_TEST

START_TEST(a_way_that_fails_at_its_latest_comes_before_the_next)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "a");
    (void)mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    (void)mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    (void)add_way(mb, stage, false, 2 * MINUTE, 0);
    (void)add_way(mb, stage, false, 6 * MINUTE, MINUTE);
    ck_assert_uint_eq(back_of(mb, stage), 2 * MINUTE + RBK_STOP_EXEC_MS + 6 * MINUTE);
}
END_TEST

/* ---- a run ------------------------------------------------------------------------------------
 */

static enum rbk_back_kind ask(struct told *told, uint64_t *ret_ms)
{
    return rbk_back_of_run(&told->view, told->run.state, &told->track.back, told->run.now_ms,
                           ret_ms);
}

static struct machine_builder *two_stages(void)
{
    struct machine_builder *mb = mb_new();
    (void)add_stage(mb, "a", 2 * MINUTE);
    (void)add_stage(mb, "b", 3 * MINUTE);
    return mb;
}

START_TEST(what_was_touched_and_the_step_under_way_count)
{
    struct told told;
    uint64_t ms = 0;
    told_start(&told, two_stages());
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, RBK_STOP_EXEC_MS + 2 * MINUTE);
    told_result(&told, "a.apply.1", RBK_OUTCOME_OK, NULL);
    told_result(&told, "a.verify.1", RBK_OUTCOME_OK, NULL);
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, RBK_STOP_EXEC_MS + 5 * MINUTE);
    told_fini(&told);
}
END_TEST

START_TEST(who_is_asked_what_became_of_a_step_is_waited_for)
{
    struct told told;
    uint64_t ms = 0;
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t others = mb_question(mb, RBK_QUESTION_DOUBT, 0, 20 * MINUTE, abort);
    uint32_t next = mb_reaction(mb, RBK_REACTION_ASK, others);
    mb_effect(mb, step)->crash = RBK_CRASH_ASK;
    mb_effect(mb, step)->doubt_question = mb_question(mb, RBK_QUESTION_DOUBT, 0, 10 * MINUTE, next);
    (void)add_way(mb, stage, false, 2 * MINUTE, MINUTE);
    told_start(&told, mb);
    told_result(&told, "a.apply.1", RBK_OUTCOME_DOUBT, NULL);
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, 30 * MINUTE + 2 * MINUTE);
    told.run.now_ms += 4 * MINUTE;
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, 26 * MINUTE + 2 * MINUTE);
    told_fini(&told);
}
END_TEST

START_TEST(a_promise_of_the_plan_shortens_nothing)
{
    struct told told;
    uint64_t ms = 0;
    struct machine_builder *mb = two_stages();
    mb_machine(mb)->rollback_within_ms = MINUTE;
    told_start(&told, mb);
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, RBK_STOP_EXEC_MS + 2 * MINUTE); /* it was waived: RBK111 */
    told_fini(&told);
}
END_TEST

START_TEST(a_rollback_under_way_counts_down_and_is_stuck_at_last)
{
    struct told told;
    uint64_t ms = 0;
    told_start(&told, two_stages());
    told_result(&told, "a.apply.1", RBK_OUTCOME_FAIL, "no");
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, 2 * MINUTE);
    told.run.now_ms += 50000;
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_OPEN);
    ck_assert_uint_eq(ms, 2 * MINUTE - 50000);
    told_result(&told, "a.rollback.1", RBK_OUTCOME_FAIL, "no");
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_STUCK);
    told_fini(&told);
}
END_TEST

START_TEST(before_the_first_effect_there_is_nothing_to_take_back)
{
    struct told told;
    uint64_t ms = 0;
    told_start(&told, told_plan());
    ck_assert_int_eq(ask(&told, &ms), RBK_BACK_NOTHING);
    told_fini(&told);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("back");
    tcase_add_test(cases, a_step_without_a_limit_takes_what_its_block_has);
    tcase_add_test(cases, without_any_limit_nothing_is_said_of_a_command);
    tcase_add_test(cases, timeouts_and_attempts_are_added);
    tcase_add_test(cases, a_way_that_fails_at_its_latest_comes_before_the_next);
    tcase_add_test(cases, what_was_touched_and_the_step_under_way_count);
    tcase_add_test(cases, who_is_asked_what_became_of_a_step_is_waited_for);
    tcase_add_test(cases, a_promise_of_the_plan_shortens_nothing);
    tcase_add_test(cases, a_rollback_under_way_counts_down_and_is_stuck_at_last);
    tcase_add_test(cases, before_the_first_effect_there_is_nothing_to_take_back);
    Suite *suite = suite_create("people/back");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
