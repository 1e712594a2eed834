/*
 * When a stage may begin: after whom, at what time, and only while every applied stage has a way
 * back.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

START_TEST(independent_stages_run_at_the_same_time_and_the_next_waits_for_both)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    uint32_t c = mb_plain_stage(mb, "c");
    mb_after_nothing(mb, c);
    mb_after(mb, c, a, 0);
    mb_after(mb, c, b, 0);
    run_start(&run, mb);
    ck_at(&run, a, "a.apply.1 running");
    ck_at(&run, b, "b.apply.1 running");
    ck_at(&run, c, "c.waiting idle");
    run_ok(&run, "b.apply.1");
    run_ok(&run, "b.verify.1");
    ck_at(&run, c, "c.waiting idle");
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    ck_at(&run, c, "c.apply.1 running");
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, a)->order, 1);
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, b)->order, 2);
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, c)->order, 3);
    run_fini(&run);
}
END_TEST

START_TEST(a_stage_after_another_for_a_time_waits_that_long)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    mb_after(mb, b, a, 86400000);
    run_start(&run, mb);
    run_drain(&run);
    ck_at(&run, b, "b.waiting idle");
    uint64_t applied_ms = rbk_state_region(run.machine, run.state, a)->applied_ms;
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), applied_ms + 86400000);
    run.now_ms += 1000;
    ck_assert_int_eq(run_post(&run, (struct rbk_event){.kind = RBK_EVENT_TIME}),
                     RBK_REFUSAL_NOTHING_DUE);
    run_due(&run);
    ck_at(&run, b, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(what_a_stage_waits_for_is_what_keeps_it_from_starting)
{
    struct run run;
    struct rbk_stage_wait wait;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    mb_after(mb, b, a, 5000);
    mb_region(mb, b)->window = 0;
    run_init(&run, mb);
    ck_assert(rbk_stage_waits(run.machine, run.state, a, &wait));
    ck_assert(!wait.stages && !wait.hours && wait.at_ms == 0);
    ck_assert(!rbk_stage_waits(run.machine, run.state, 0, &wait));
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_assert(!rbk_stage_waits(run.machine, run.state, a, &wait));
    ck_assert(rbk_stage_waits(run.machine, run.state, b, &wait));
    ck_assert(wait.stages && wait.hours);
    run_drain(&run);

    const struct rbk_predecessor *before =
        &run.machine->predecessors[run.machine->regions[b].predecessors.first];
    struct rbk_region_state *rs = rbk_state_region(run.machine, run.state, a);
    ck_assert(rbk_predecessor_stands(run.machine, run.state, before));
    ck_assert(rbk_stage_waits(run.machine, run.state, b, &wait));
    ck_assert(!wait.stages && wait.hours);
    ck_assert_uint_eq(wait.at_ms, rs->applied_ms + 5000);
    rs->target = run.machine->regions[a].rollback; /* told to go back */
    ck_assert(!rbk_predecessor_stands(run.machine, run.state, before));
    ck_assert(rbk_stage_waits(run.machine, run.state, b, &wait) && wait.stages);
    rs->target = RBK_NONE;

    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = b, .level = RBK_LEVEL_TRUE});
    ck_assert(rbk_stage_waits(run.machine, run.state, b, &wait) && !wait.hours);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), wait.at_ms);
    run_due(&run);
    ck_at(&run, b, "b.apply.1 running");
    ck_assert(!rbk_stage_waits(run.machine, run.state, b, &wait));
    run_fini(&run);
}
END_TEST

START_TEST(not_before_and_windows_keep_a_stage_waiting)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    mb_region(mb, a)->not_before_ms = 1005000;
    mb_region(mb, a)->window = 0;
    uint32_t b = mb_plain_stage(mb, "b");
    mb_machine(mb)->daily_window = 0;
    run_init(&run, mb);
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    ck_at(&run, a, "a.waiting idle");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = a, .level = RBK_LEVEL_TRUE});
    ck_at(&run, a, "a.waiting idle");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 1005000);
    run_due(&run);
    run_drain(&run);
    ck_at(&run, a, "a.applied idle");
    ck_at(&run, b, "b.waiting idle");
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = 0, .level = RBK_LEVEL_TRUE});
    ck_at(&run, b, "b.apply.1 running");
    /* A window that closes stops nothing that has begun. */
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = 0, .level = RBK_LEVEL_FALSE});
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(not_before_in_a_zone_is_for_the_executor_to_say)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    mb_region(mb, a)->not_before_shown_ms = 5000;
    mb_region(mb, a)->not_before_zone = RBK_STR("Europe/Berlin");
    if (_i == 1) {
        mb_machine(mb)->daily_window = 0;
    }
    run_start(&run, mb);
    ck_at(&run, a, "a.waiting idle");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    /* What opens for those without hours of their own does not open for it. */
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = 0, .level = RBK_LEVEL_TRUE});
    ck_at(&run, a, "a.waiting idle");
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = a, .level = RBK_LEVEL_TRUE});
    ck_at(&run, a, "a.apply.1 running");
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(no_stage_starts_while_an_applied_one_has_no_way_back)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after_nothing(mb, b);
    mb_after(mb, b, a, 1000);
    run_start(&run, mb);
    ck_assert_int_eq(run_post(&run, (struct rbk_event){.kind = RBK_EVENT_WAY_BACK, .index = a}),
                     RBK_REFUSAL_STALE);
    run_drain(&run);
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_WAY_BACK, .index = a});
    ck_assert_uint_eq(run.hooks[RBK_HOOK_NO_WAY_BACK], 1);
    run_pass(&run, 5000);
    ck_at(&run, b, "b.waiting idle");
    run_accept(&run,
               (struct rbk_event){.kind = RBK_EVENT_WAY_BACK, .index = a, .level = RBK_LEVEL_TRUE});
    ck_at(&run, b, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

static struct rbk_event way_back(uint32_t stage, enum rbk_level level)
{
    return (struct rbk_event){.kind = RBK_EVENT_WAY_BACK, .index = stage, .level = level};
}

/* Stages a and b; each way back of a has a condition. */
static void start_closable(struct run *run, struct machine_builder *mb)
{
    run_init(run, mb);
    run->machine->strategies[run->machine->regions[1].strategies.first].when = 0;
    ck_assert(rbk_stage_closable(run->machine, 1) && !rbk_stage_closable(run->machine, 2));
    run_accept(run, (struct rbk_event){.kind = RBK_EVENT_START});
    run_ok(run, "a.apply.1");
    run_ok(run, "a.verify.1");
}

/* _i: open, closing, closed. */
START_TEST(no_stage_starts_before_the_first_look_at_the_way_back)
{
    const enum rbk_level levels[] = {RBK_LEVEL_TRUE, RBK_LEVEL_MISSING, RBK_LEVEL_FALSE};
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    start_closable(&run, mb);
    ck_at(&run, 2, "b.waiting idle");
    ck_status(&run, "running");
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), 0);
    run_resume(&run);
    ck_at(&run, 2, "b.waiting idle");
    run_accept(&run, way_back(1, levels[_i]));
    ck_at(&run, 2, _i < 2 ? "b.apply.1 running" : "b.waiting idle");
    ck_status(&run, _i < 2 ? "running" : "held");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_NO_WAY_BACK], _i == 2);
    run_fini(&run);
}
END_TEST

START_TEST(a_closed_way_back_holds_the_run_until_one_opens)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_observe(mb);
    start_closable(&run, mb);
    run_accept(&run, way_back(1, RBK_LEVEL_FALSE));
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_WAY_BACK);
    ck_assert_uint_eq(run.state->cause.index, 1);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_HOLD], 1);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_NO_WAY_BACK);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_NO_WAY_BACK);
    run_resume(&run);
    ck_status(&run, "held");
    run_accept(&run, way_back(1, RBK_LEVEL_FALSE)); /* still: no second edge */
    ck_assert_uint_eq(run.hooks[RBK_HOOK_NO_WAY_BACK], 1);
    if (_i == 0) {
        run_accept(&run, way_back(1, RBK_LEVEL_MISSING));
        ck_status(&run, "running");
        run_ok(&run, "b.apply.1");
        run_accept(&run, way_back(1, RBK_LEVEL_FALSE)); /* what has begun goes on */
        ck_assert_uint_eq(run.hooks[RBK_HOOK_NO_WAY_BACK], 2);
        ck_at(&run, 2, "b.verify.1 running");
        run_ok(&run, "b.verify.1");
        ck_status(&run, "observing"); /* nothing is left to start */
    } else if (_i == 1) {
        run_due(&run); /* nobody decided */
        run_drain(&run);
        ck_status(&run, "aborted");
    } else {
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
        run_drain(&run);
        ck_status(&run, "aborted");
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_closed_way_back_holds_nothing_that_could_not_start_anyway)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after(mb, b, 1, 5000);
    uint32_t c = mb_plain_stage(mb, "c");
    mb_after_nothing(mb, c);
    start_closable(&run, mb);
    ck_at(&run, c, "c.apply.1 running");
    run_accept(&run, way_back(1, RBK_LEVEL_FALSE));
    ck_status(&run, "running"); /* c is under way, b not yet due */
    run_pass(&run, 6000);
    ck_status(&run, "running");
    run_drain(&run);
    ck_status(&run, "held");
    ck_at(&run, c, "c.applied idle");
    run_accept(&run, way_back(1, RBK_LEVEL_TRUE));
    ck_at(&run, b, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_closed_way_back_holds_the_run_from_when_a_stage_would_start)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_plain_stage(mb, "b");
    mb_after(mb, b, 1, 5000);
    start_closable(&run, mb);
    run_accept(&run, way_back(1, RBK_LEVEL_FALSE));
    ck_status(&run, "running");
    run_due(&run);
    ck_status(&run, "held");
    run_fini(&run);
}
END_TEST

START_TEST(a_paused_run_stays_paused_when_a_way_back_closes)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    start_closable(&run, mb);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    run_accept(&run, way_back(1, RBK_LEVEL_FALSE));
    ck_status(&run, "paused");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    run_accept(&run, way_back(1, RBK_LEVEL_TRUE));
    ck_at(&run, 2, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_begin");
    TCase *tests = tcase_create("begin");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, independent_stages_run_at_the_same_time_and_the_next_waits_for_both);
    tcase_add_test(tests, a_stage_after_another_for_a_time_waits_that_long);
    tcase_add_test(tests, what_a_stage_waits_for_is_what_keeps_it_from_starting);
    tcase_add_test(tests, not_before_and_windows_keep_a_stage_waiting);
    tcase_add_loop_test(tests, not_before_in_a_zone_is_for_the_executor_to_say, 0, 2);
    tcase_add_test(tests, no_stage_starts_while_an_applied_one_has_no_way_back);
    tcase_add_loop_test(tests, no_stage_starts_before_the_first_look_at_the_way_back, 0, 3);
    tcase_add_loop_test(tests, a_closed_way_back_holds_the_run_until_one_opens, 0, 3);
    tcase_add_test(tests, a_closed_way_back_holds_nothing_that_could_not_start_anyway);
    tcase_add_test(tests, a_closed_way_back_holds_the_run_from_when_a_stage_would_start);
    tcase_add_test(tests, a_paused_run_stays_paused_when_a_way_back_closes);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
