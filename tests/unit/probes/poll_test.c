/*
 * The schedule of probes to the millisecond, in virtual time. The clock and the timers are the
 * test's own (the functions of libuv that poll.c calls are defined here), and so are the readings:
 * each answers after a time, and with a value, that the test chooses. tests/unit/executor has the
 * same on a real loop.
 */
#include "runtime/probes/poll.h"

#include "runtime/core/base/attributes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBES_MAX 1000u
#define TIMERS_MAX (PROBES_MAX + 1u)
#define POLLS_MAX 200u
#define START_MS 1000000u
#define NEVER UINT64_MAX

struct rbk_reading {
    bool under_way;
    uint64_t answer_ms;
    void *owner;
    rbk_reading_fn *on_done;
};

/* What one probe is like, and what was seen of it. */
struct source {
    uint64_t takes_ms; /* NEVER: no answer until it is set */
    bool gives;
    unsigned begun, told, told_missing, failed;
    uint64_t begun_ms[POLLS_MAX], told_ms[POLLS_MAX];
    char message[128];
    struct rbk_reading reading;
};

static uint64_t now_ms;
static struct {
    uv_timer_t *timer;
    uv_timer_cb callback;
    uint64_t due_ms;
    bool active;
} timers[TIMERS_MAX];
static unsigned timer_count;
static uv_loop_t loop;
static struct source sources[PROBES_MAX];
static struct rbk_probe probes[PROBES_MAX];
static struct rbk_trigger triggers[1];
static struct rbk_expr exprs[PROBES_MAX + 1u];
static struct rbk_machine machine;
static struct rbk_watch *watch;
static struct rbk_poll *poll;

/* ---- the clock and the timers ---------------------------------------------------------------- */

uint64_t uv_now(const uv_loop_t *at)
{
    (void)at;
    return now_ms;
}

void uv_update_time(uv_loop_t *at)
{
    (void)at;
}

int uv_timer_init(uv_loop_t *at, uv_timer_t *timer)
{
    ck_assert_uint_lt(timer_count, TIMERS_MAX);
    timer->loop = at;
    timers[timer_count++].timer = timer;
    return 0;
}

static unsigned place(const uv_timer_t *timer)
{
    unsigned i = 0;
    while (timers[i].timer != timer) {
        i++;
        ck_assert_uint_lt(i, timer_count);
    }
    return i;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout, uint64_t repeat)
{
    unsigned i = place(timer);
    ck_assert_uint_eq(repeat, 0);
    timers[i].callback = callback;
    timers[i].due_ms = now_ms + timeout;
    timers[i].active = true;
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    timers[place(timer)].active = false;
    return 0;
}

int uv_is_active(const uv_handle_t *handle)
{
    return timers[place((const uv_timer_t *)(const void *)handle)].active;
}

void uv_close(uv_handle_t *handle, uv_close_cb callback)
{
    timers[place((uv_timer_t *)(void *)handle)].active = false;
    callback(handle);
}

/* ---- the readings ---------------------------------------------------------------------------- */

int rbk_reading_start(struct rbk_reader *reader, uint32_t expr, const char *name, const char *stage,
                      uint64_t timeout_ms, void *owner, rbk_reading_fn *on_done,
                      struct rbk_reading **ret_reading, struct rbk_error *reterr)
{
    struct source *source = &sources[expr];
    (void)reader, (void)name, (void)stage, (void)timeout_ms, (void)reterr;
    ck_assert_msg(!source->reading.under_way, "two polls of one probe at once");
    source->reading = (struct rbk_reading){
        .under_way = true,
        .answer_ms = source->takes_ms == NEVER ? NEVER : now_ms + source->takes_ms,
        .owner = owner,
        .on_done = on_done};
    ck_assert_uint_lt(source->begun, POLLS_MAX);
    source->begun_ms[source->begun++] = now_ms;
    *ret_reading = &source->reading;
    return 0;
}

void rbk_reading_cancel(struct rbk_reading *reading)
{
    reading->under_way = false;
}

void rbk_reading_describe(const struct rbk_reading *reading, struct rbk_buffer *out)
{
    (void)reading, (void)out;
}

static void on_probe(void *context, uint32_t probe, struct rbk_value value, struct rbk_str message,
                     uint32_t failures)
{
    struct source *source = &sources[probe];
    (void)context;
    ck_assert_uint_eq(failures, source->failed);
    source->failed = value.missing ? source->failed + 1 : 0;
    ck_assert_uint_lt(source->told, POLLS_MAX);
    source->told_ms[source->told++] = now_ms;
    source->told_missing += value.missing;
    snprintf(source->message, sizeof source->message, "%.*s", RBK_STR_ARG(message));
}

static void on_trigger(void *context, uint32_t trigger, const struct rbk_reading *reading,
                       struct rbk_value value, struct rbk_str message)
{
    (void)context, (void)message;
    ck_assert(value.missing == (reading == NULL));
    ck_assert_uint_eq(trigger, 0);
    sources[machine.probe_count].told++;
    sources[machine.probe_count].told_missing += value.missing;
}

/* Time passes: answers first, then timers, each when it is due. */
static void pass(uint64_t ms)
{
    for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms++) {
        if (now_ms % 1000 == 0) {
            rbk_poll_alive(poll); /* as a runner does every second */
        }
        for (uint32_t i = 0; i <= machine.probe_count; i++) {
            struct rbk_reading *reading = &sources[i].reading;
            if (reading->under_way && reading->answer_ms <= now_ms) {
                struct rbk_value value =
                    sources[i].gives ? rbk_value_bool(true) : rbk_value_missing(RBK_TYPE_BOOL);
                reading->under_way = false;
                reading->on_done(reading->owner, reading, value, RBK_STR("its own words"));
            }
        }
        for (unsigned i = 0; i < timer_count; i++) {
            if (timers[i].active && timers[i].due_ms <= now_ms) {
                timers[i].active = false;
                timers[i].callback(timers[i].timer);
            }
        }
    }
}

/* ---- set up ---------------------------------------------------------------------------------- */

static void begin(uint32_t count, uint64_t every_ms, uint32_t missing_after, const char *run)
{
    now_ms = START_MS;
    for (uint32_t i = 0; i < count; i++) {
        probes[i] = (struct rbk_probe){.name = RBK_STR("p"),
                                       .expr = i,
                                       .type = RBK_TYPE_BOOL,
                                       .every_ms = every_ms,
                                       .timeout_ms = every_ms < 1000 ? every_ms : 1000,
                                       .missing_after = missing_after,
                                       .ring_capacity = 4};
        sources[i] = (struct source){.takes_ms = 3, .gives = true};
    }
    sources[count] = (struct source){.takes_ms = 3, .gives = true};
    triggers[0] = (struct rbk_trigger){.name = RBK_STR("t"),
                                       .condition = count,
                                       .every_ms = every_ms,
                                       .since = RBK_SINCE_FIRST_APPLY};
    machine.probes = probes;
    machine.probe_count = count;
    machine.triggers = triggers;
    machine.trigger_count = 1;
    machine.exprs = exprs;
    machine.expr_count = count + 1;
    watch = rbk_watch_new(&machine);
    ck_assert_ptr_nonnull(watch);
    const struct rbk_poll_setup setup = {.loop = &loop,
                                         .machine = &machine,
                                         .watch = watch,
                                         .run = run,
                                         .on_probe = on_probe,
                                         .on_trigger = on_trigger};
    poll = rbk_poll_new(&setup);
    ck_assert_ptr_nonnull(poll);
    rbk_poll_start(poll);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void end(void)
{
    bool closed = false;
    rbk_poll_close(poll, on_closed, &closed);
    ck_assert(closed);
    rbk_watch_free(watch);
    timer_count = 0;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* ---- promises -------------------------------------------------------------------------------- */

START_TEST(the_first_readings_do_not_wait_for_the_interval)
{
    begin(200, 60000, 1, "run");
    pass(200);
    for (uint32_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(sources[i].told, 1);
    }
    end();
}
END_TEST

START_TEST(probes_of_one_interval_are_spread_over_all_of_it)
{
    static uint64_t at[PROBES_MAX];
    uint32_t count = 200;
    uint64_t every_ms = 10000;
    begin(count, every_ms, 1, "run");
    pass(25000);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = sources[i].begun_ms[1] % every_ms;
    }
    qsort(at, count, sizeof at[0], compare);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t gap = i + 1 < count ? at[i + 1] - at[i] : at[0] + every_ms - at[i];
        /* even would be 50 ms; the golden ratio keeps within a small factor of that */
        ck_assert_uint_ge(gap, 10);
        ck_assert_uint_le(gap, 150);
    }
    end();
}
END_TEST

START_TEST(the_phase_is_of_the_run_and_the_probe)
{
    uint64_t first, other;
    begin(3, 10000, 1, "run-a");
    pass(25000);
    first = sources[1].begun_ms[1];
    end();
    begin(3, 10000, 1, "run-a");
    pass(25000);
    ck_assert_uint_eq(sources[1].begun_ms[1], first);
    end();
    begin(3, 10000, 1, "run-b");
    pass(25000);
    other = sources[1].begun_ms[1];
    end();
    ck_assert_uint_ne(other, first);
}
END_TEST

START_TEST(how_long_a_reading_takes_moves_no_later_one)
{
    begin(1, 1000, 1, "run");
    sources[0].takes_ms = 700;
    pass(50500);
    ck_assert_uint_ge(sources[0].begun, 50);
    for (unsigned i = 2; i < sources[0].begun; i++) {
        ck_assert_uint_eq(sources[0].begun_ms[i] - sources[0].begun_ms[i - 1], 1000);
    }
    end();
}
END_TEST

START_TEST(slots_that_passed_are_left_out)
{
    begin(1, 100, 1, "run");
    pass(1000);
    unsigned before = sources[0].begun;
    uint64_t phase = sources[0].begun_ms[before - 1] % 100;
    now_ms += 5000; /* the loop stood still */
    pass(1000);
    ck_assert_uint_le(sources[0].begun - before, 11);
    ck_assert_uint_eq(sources[0].begun_ms[sources[0].begun - 1] % 100, phase);
    end();
}
END_TEST

START_TEST(a_reading_without_an_answer_is_missing_at_its_deadline)
{
    begin(1, 2000, 1, "run");
    sources[0].takes_ms = NEVER;
    pass(1100);
    ck_assert_uint_eq(sources[0].told, 0);
    pass(300);
    ck_assert_uint_eq(sources[0].told, 1);
    ck_assert_uint_eq(sources[0].told_missing, 1);
    ck_assert_ptr_nonnull(strstr(sources[0].message, "no answer within 1000 ms"));
    /* it goes on, so no second one is begun; each slot counts, further and further apart */
    pass(60000);
    ck_assert_uint_eq(sources[0].begun, 1);
    ck_assert_uint_ge(sources[0].told, 6);
    ck_assert_uint_eq(sources[0].told, sources[0].told_missing);
    /* what comes at last is too old to count, but then it is asked again */
    unsigned told = sources[0].told;
    sources[0].reading.answer_ms = now_ms;
    sources[0].takes_ms = 3;
    pass(2);
    ck_assert_uint_eq(sources[0].told, told);
    pass(17000);
    ck_assert_uint_ge(sources[0].begun, 2);
    ck_assert_uint_gt(sources[0].told, sources[0].told_missing);
    end();
}
END_TEST

START_TEST(back_off_does_not_delay_what_missing_after_promises)
{
    begin(1, 1000, 4, "run");
    pass(2500);
    sources[0].gives = false;
    uint64_t down_ms = now_ms;
    while (sources[0].told_missing < 4) {
        pass(1);
    }
    ck_assert_uint_le(now_ms - down_ms, 4 * 1000 + 10);
    /* from then on less and less, down to every eighth slot */
    pass(60000);
    unsigned last = sources[0].begun - 1;
    ck_assert_uint_eq(sources[0].begun_ms[last] - sources[0].begun_ms[last - 1], 8000);
    /* and at once as ever when it gives something again */
    sources[0].gives = true;
    unsigned missing = sources[0].told_missing, told = sources[0].told;
    while (sources[0].told == told) {
        pass(1);
    }
    ck_assert_uint_eq(sources[0].told_missing, missing);
    last = sources[0].begun;
    pass(3000);
    ck_assert_uint_eq(sources[0].begun - last, 3);
    end();
}
END_TEST

START_TEST(a_runner_that_stands_still_all_the_time_hears_of_a_source_that_is_down)
{
    begin(1, 1000, 1, "run");
    pass(1500);
    sources[0].gives = false;
    sources[0].takes_ms = 100;
    for (unsigned i = 0; i < 20; i++) {
        now_ms += 2000;
        pass(1);
    }
    ck_assert_uint_ge(sources[0].told_missing, 2);
    end();
}
END_TEST

START_TEST(there_is_no_back_off_while_a_trigger_holds_for_a_source)
{
    static struct rbk_op_code code = {RBK_OP_WINDOW, 0};
    static struct rbk_window window = {RBK_WINDOW_LAST, 0, 0};
    begin(1, 1000, 1, "run");
    triggers[0].every_ms = 0;
    exprs[1].code = (struct rbk_slice){0, 1};
    machine.codes = &code;
    machine.windows = &window;
    machine.code_count = machine.window_count = 1;
    static struct rbk_region region;
    static struct rbk_machine_state resting;
    machine.regions = &region;
    machine.states = &resting;
    machine.region_count = machine.state_count = 1;
    struct rbk_state *state = calloc(1, rbk_state_bytes(&machine));
    rbk_state_init(&machine, state);
    sources[0].gives = false;
    pass(20000); /* backed off to eight intervals */
    unsigned begun = sources[0].begun;
    rbk_state_trigger(&machine, state, 0)->mode = RBK_TRIGGER_HOLDING;
    rbk_poll_arm(poll, state);
    pass(5000);
    ck_assert_uint_ge(sources[0].begun, begun + 5);
    rbk_state_trigger(&machine, state, 0)->mode = RBK_TRIGGER_FIRED;
    rbk_poll_arm(poll, state);
    begun = sources[0].begun;
    pass(8000);
    ck_assert_uint_le(sources[0].begun, begun + 2);
    free(state);
    exprs[1].code = (struct rbk_slice){0, 0};
    machine.code_count = machine.window_count = machine.region_count = machine.state_count = 0;
    end();
}
END_TEST

START_TEST(back_off_is_never_longer_than_half_a_minute)
{
    begin(1, 20000, 1, "run");
    sources[0].gives = false;
    pass(400000);
    unsigned last = sources[0].begun - 1;
    ck_assert_uint_eq(sources[0].begun_ms[last] - sources[0].begun_ms[last - 1], 20000);
    end();
    begin(1, 6000, 1, "run");
    sources[0].gives = false;
    pass(400000);
    last = sources[0].begun - 1;
    ck_assert_uint_eq(sources[0].begun_ms[last] - sources[0].begun_ms[last - 1], 30000);
    end();
}
END_TEST

START_TEST(a_second_look_is_taken_at_once_and_moves_no_slot)
{
    begin(1, 10000, 1, "run");
    pass(25000);
    unsigned begun = sources[0].begun;
    uint64_t slot_ms = sources[0].begun_ms[begun - 1];
    ck_assert(!sources[0].reading.under_way);
    rbk_poll_again(poll, false, 0);
    pass(2);
    ck_assert_uint_eq(sources[0].begun, begun + 1);
    pass(10000);
    ck_assert_uint_eq(sources[0].begun, begun + 2);
    ck_assert_uint_eq(sources[0].begun_ms[begun + 1], slot_ms + 10000);
    end();
}
END_TEST

START_TEST(a_second_look_during_a_reading_begins_no_other)
{
    begin(1, 10000, 1, "run");
    sources[0].takes_ms = 500;
    pass(100);
    ck_assert(sources[0].reading.under_way);
    rbk_poll_again(poll, false, 0);
    pass(300);
    ck_assert_uint_eq(sources[0].begun, 1);
    end();
}
END_TEST

START_TEST(a_second_look_that_gives_nothing_is_taken_again_a_second_later)
{
    begin(1, 60000, 1, "run");
    sources[0].gives = false;
    pass(100);
    uint64_t first_ms = sources[0].begun_ms[0];
    rbk_poll_again(poll, false, 0);
    rbk_poll_again(poll, false, 0); /* asked twice is asked once */
    pass(1100);
    ck_assert_uint_eq(sources[0].begun, 2);
    ck_assert_uint_eq(sources[0].begun_ms[1], first_ms + 1000);
    end();
}
END_TEST

START_TEST(an_interval_longer_than_the_host_is_up_has_its_slot)
{
    begin(2, UINT64_C(30) * 24 * 3600 * 1000, 1, "run");
    pass(200);
    ck_assert_uint_eq(sources[0].begun, 1);
    ck_assert_uint_eq(sources[1].begun, 1);
    for (unsigned i = 0; i < timer_count; i++) {
        ck_assert(!timers[i].active ||
                  timers[i].due_ms <= now_ms + UINT64_C(30) * 24 * 3600 * 1000);
    }
    end();
}
END_TEST

START_TEST(a_runner_that_stood_still_holds_it_against_no_source)
{
    begin(1, 1000, 1, "run");
    pass(5000);
    sources[0].takes_ms = 500;
    while (!sources[0].reading.under_way) {
        pass(1);
    }
    /* stopped in the middle of a reading, whose own time ran out meanwhile */
    sources[0].gives = false;
    now_ms += 20000;
    unsigned told = sources[0].told, begun = sources[0].begun;
    pass(1);
    sources[0].gives = true;
    pass(600);
    ck_assert_uint_eq(sources[0].begun, begun + 1);
    ck_assert_uint_eq(sources[0].told, told + 1);
    ck_assert_uint_eq(sources[0].told_missing, 0);
    /* and of one that does not come back: it has its time once more, and no longer */
    sources[0].takes_ms = NEVER;
    while (!sources[0].reading.under_way) {
        pass(1);
    }
    now_ms += 20000;
    pass(1200);
    ck_assert_uint_eq(sources[0].told_missing, 0);
    pass(100);
    ck_assert_uint_eq(sources[0].told_missing, 1);
    end();
}
END_TEST

START_TEST(late_polls_are_counted)
{
    begin(1, 1000, 1, "run");
    pass(5000);
    ck_assert_uint_eq(rbk_poll_counts(poll).late, 0);
    ck_assert_uint_eq(rbk_poll_counts(poll).taken, sources[0].begun);
    while (!(sources[0].begun_ms[sources[0].begun - 1] + 900 == now_ms)) {
        pass(1);
    }
    now_ms += 300;
    pass(50);
    ck_assert_uint_eq(rbk_poll_counts(poll).late, 1);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probes/poll");
    TCase *cases = tcase_create("poll");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, the_first_readings_do_not_wait_for_the_interval);
    tcase_add_test(cases, probes_of_one_interval_are_spread_over_all_of_it);
    tcase_add_test(cases, the_phase_is_of_the_run_and_the_probe);
    tcase_add_test(cases, how_long_a_reading_takes_moves_no_later_one);
    tcase_add_test(cases, slots_that_passed_are_left_out);
    tcase_add_test(cases, a_reading_without_an_answer_is_missing_at_its_deadline);
    tcase_add_test(cases, back_off_does_not_delay_what_missing_after_promises);
    tcase_add_test(cases, a_runner_that_stands_still_all_the_time_hears_of_a_source_that_is_down);
    tcase_add_test(cases, there_is_no_back_off_while_a_trigger_holds_for_a_source);
    tcase_add_test(cases, back_off_is_never_longer_than_half_a_minute);
    tcase_add_test(cases, a_second_look_is_taken_at_once_and_moves_no_slot);
    tcase_add_test(cases, a_second_look_during_a_reading_begins_no_other);
    tcase_add_test(cases, a_second_look_that_gives_nothing_is_taken_again_a_second_later);
    tcase_add_test(cases, an_interval_longer_than_the_host_is_up_has_its_slot);
    tcase_add_test(cases, a_runner_that_stood_still_holds_it_against_no_source);
    tcase_add_test(cases, late_polls_are_counted);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
