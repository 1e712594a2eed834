/*
 * The timer of the earliest deadline: never early, once, in time also when the wall clock was set
 * back, and not at all where there is no deadline. Upper bounds are Check's timeout.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <string.h>
#include <time.h>

#include "runtime/executor/run_internal.h"

static struct plan plan;
static struct rbk_run run;

static void setup_with(const char *head)
{
    struct rbk_error error = {0};
    struct rbk_arena arena;

    plan_open(&plan, head, "run \"touch made\" idempotent");
    memset(&run, 0, sizeof(run));
    rbk_arena_init(&arena, (size_t)64 << 20);
    run.replay = rbk_replay_begin(&arena, plan.machine, rbk_new(&arena, struct rbk_value), &error);
    ck_assert_ptr_nonnull(run.replay);
    run.queue_end = &run.queue;
    ck_assert_int_eq(uv_loop_init(&run.loop), 0);
    uv_timer_init(&run.loop, &run.due_timer);
    uv_idle_init(&run.loop, &run.idle);
    run.due_timer.data = &run;
    run.replay->state->started_ms = 1;
}

static void setup(void)
{
    setup_with("");
}

static void teardown(void)
{
    uv_close((uv_handle_t *)&run.due_timer, NULL);
    uv_close((uv_handle_t *)&run.idle, NULL);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&run.loop), 0);
    while (run.queue != NULL) {
        struct queued *next = run.queue->next;

        rbk_queue_free(run.queue);
        run.queue = next;
    }
    rbk_replay_free(run.replay);
    plan_close(&plan);
}

static uint64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_deadline(uint64_t at_ms)
{
    run.replay->state->plan_due_ms = at_ms;
    ck_assert_uint_eq(rbk_state_next_due(plan.machine, run.replay->state), at_ms);
    rbk_due_arm(&run);
}

/* Turns the loop until the event of time is in the queue. */
static void await_event(void)
{
    while (run.queue == NULL) {
        uv_run(&run.loop, UV_RUN_ONCE);
    }
    ck_assert_int_eq(run.queue->record.event.kind, RBK_EVENT_TIME);
    ck_assert_ptr_null(run.queue->next);
}

START_TEST(without_a_deadline_there_is_no_timer)
{
    rbk_due_arm(&run);
    ck_assert(!uv_is_active((uv_handle_t *)&run.due_timer));
    set_deadline(wall_ms() + 1000000);
    ck_assert(uv_is_active((uv_handle_t *)&run.due_timer));
    run.replay->state->plan_due_ms = 0;
    rbk_due_arm(&run);
    ck_assert(!uv_is_active((uv_handle_t *)&run.due_timer));
}
END_TEST

START_TEST(a_deadline_gives_one_event_not_before_it)
{
    uint64_t due_ms = wall_ms() + 60;

    set_deadline(due_ms);
    await_event();
    ck_assert_uint_ge(wall_ms(), due_ms);
    ck_assert_uint_eq(run.queue->record.event.now_ms, due_ms);
    ck_assert(!uv_is_active((uv_handle_t *)&run.due_timer));
}
END_TEST

START_TEST(one_that_has_passed_is_due_at_once)
{
    set_deadline(wall_ms() - 5000);
    ck_assert_uint_eq(uv_timer_get_due_in(&run.due_timer), 0);
    ck_assert_ptr_null(run.queue); /* never inside the call */
    await_event();
}
END_TEST

START_TEST(an_earlier_deadline_comes_first)
{
    set_deadline(wall_ms() + 1000000);
    set_deadline(wall_ms() + 20);
    await_event();
}
END_TEST

START_TEST(arming_again_moves_nothing)
{
    set_deadline(wall_ms() + 100);

    uint64_t due_loop_ms = run.due_loop_ms;

    uv_update_time(&run.loop);
    rbk_due_arm(&run);
    ck_assert_uint_eq(run.due_loop_ms, due_loop_ms);
    await_event();
}
END_TEST

/* The last event happened in the future of this clock, which has been set back by an hour: its
 * deadline, 50 ms later, comes by the monotonic clock. */
START_TEST(a_clock_set_back_makes_no_wait_longer)
{
    uint64_t ahead_ms = wall_ms() + 3600000;

    run.replay->state->now_ms = ahead_ms;

    uint64_t began_ms = uv_hrtime() / 1000000;

    set_deadline(ahead_ms + 50);
    await_event();
    ck_assert_uint_ge(uv_hrtime() / 1000000 - began_ms, 49);
    ck_assert_uint_eq(run.queue->record.event.now_ms, ahead_ms + 50);
}
END_TEST

/* A far deadline is looked at every few seconds: a clock set forward must not make it late. */
START_TEST(a_far_deadline_is_looked_at_again)
{
    set_deadline(wall_ms() + 1000000000);
    ck_assert_uint_le(uv_timer_get_due_in(&run.due_timer), 10000);
}
END_TEST

/* A clock by which the runner stood still before each look. */
static uint64_t jumping_ms(void)
{
    return uv_hrtime() * 1000;
}

static void on_poll_closed(void *context)
{
    (void)context;
}

/* _i: it has just begun to wait for readings, or has done so for a minute. */
START_TEST(a_runner_that_stands_still_time_and_again_has_deadlines)
{
    teardown();
    setup_with("trigger big when file.size(\"big\") > 2B every 1s\n"
               "    then pause missing hold 1m then pause");
    struct rbk_watch *watch = rbk_watch_new(plan.machine);
    const struct rbk_poll_setup setup = {
        .loop = &run.loop, .machine = plan.machine, .watch = watch, .clock_ms = jumping_ms};

    run.poll = rbk_poll_new(&setup);
    ck_assert_ptr_nonnull(run.poll);
    rbk_state_trigger(plan.machine, run.replay->state, 0)->mode = RBK_TRIGGER_HOLDING;
    run.read_first_ms = _i == 0 ? 0 : uv_now(&run.loop) - 60000;
    set_deadline(wall_ms() - 5000);
    uv_run(&run.loop, UV_RUN_ONCE);
    ck_assert_int_eq(run.queue != NULL, _i);
    ck_assert_uint_ne(run.read_first_ms, 0);
    rbk_poll_close(run.poll, on_poll_closed, NULL);
    rbk_watch_free(watch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor due");
    TCase *cases = tcase_create("due");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 20);
    tcase_add_test(cases, without_a_deadline_there_is_no_timer);
    tcase_add_test(cases, a_deadline_gives_one_event_not_before_it);
    tcase_add_test(cases, one_that_has_passed_is_due_at_once);
    tcase_add_test(cases, an_earlier_deadline_comes_first);
    tcase_add_test(cases, arming_again_moves_nothing);
    tcase_add_test(cases, a_clock_set_back_makes_no_wait_longer);
    tcase_add_test(cases, a_far_deadline_is_looked_at_again);
    tcase_add_loop_test(cases, a_runner_that_stands_still_time_and_again_has_deadlines, 0, 2);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
