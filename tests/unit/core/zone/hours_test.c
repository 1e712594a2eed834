/*
 * When a stage may begin by its window and `not before`, until when that holds, and what a runner
 * is told to post: through nights on which the clocks are changed, too. What a stage needs of its
 * window is given here; that it is what the compiler proves is held in tests/unit/compiler/times.
 */
#include "runtime/core/daily.h"
#include "runtime/core/hours.h"
#include "tests/unit/core/zone/tables.h"

#include <check.h>
#include <stdlib.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define ARENA_BYTES ((size_t)1 << 24)
#define EVERY_DAY 0x7fu
#define SUNDAY 0x40u
#define STAGE 1u /* the region that is asked about; 2 is another one, without hours */
#define MINUTE_MS UINT64_C(60000)
#define NEVER ""

static struct rbk_arena arena;
static struct rbk_region regions[3];
static struct rbk_daily_window window;
static struct rbk_machine_state states[3];
static struct rbk_machine machine;
static struct rbk_hours hours;

static void open_case(void)
{
    rbk_arena_init(&arena, ARENA_BYTES);
    for (uint32_t i = 0; i < RBK_COUNT(regions); i++) {
        regions[i] = (struct rbk_region){.kind = i == 0 ? RBK_REGION_PLAN : RBK_REGION_STAGE,
                                         .states = {i, 1},
                                         .window = RBK_NONE};
        states[i] = (struct rbk_machine_state){.kind = RBK_STATE_WAITING, .region = i};
    }
    window = (struct rbk_daily_window){1320, 240, EVERY_DAY, 0, RBK_STR("Test/Zone")};
    machine = (struct rbk_machine){.regions = regions,
                                   .region_count = RBK_COUNT(regions),
                                   .states = states,
                                   .state_count = RBK_COUNT(states),
                                   .daily_windows = &window,
                                   .daily_window_count = 1,
                                   .daily_window = RBK_NONE};
    regions[STAGE].window = 0;
}

static void close_case(void)
{
    rbk_hours_fini(&hours);
    rbk_arena_fini(&arena);
}

/* The machine as it is by now, its window in Berlin. */
static void begin(uint64_t needs_ms)
{
    const struct rbk_zone *zone = table_of_rule(&arena, BERLIN);
    ck_assert_int_eq(rbk_hours_init(&hours, &machine, NULL), 0);
    hours.windows[0] = zone;
    hours.regions[STAGE] = zone;
    hours.needs_ms[STAGE] = needs_ms;
}

static uint64_t at_ms(const char *text)
{
    return (uint64_t)table_at(text) * 1000;
}

/* One question: at, what is said, until when. */
struct row {
    uint64_t needs_ms;
    const char *at;
    enum rbk_hours_wait wait;
    const char *until;
};

static void hold(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        begin(rows[i].needs_ms);
        uint64_t now_ms = at_ms(rows[i].at);
        struct rbk_hours_answer answer = rbk_hours_ask(&hours, STAGE, now_ms);
        uint64_t until_ms =
            rbk_str_is(rbk_str_from(rows[i].until), NEVER) ? RBK_DAILY_NEVER : at_ms(rows[i].until);
        ck_assert_msg(answer.wait == rows[i].wait, "row %zu: %d", i, (int)answer.wait);
        /* The last moment at which it still fits is a millisecond before. */
        uint64_t slack_ms = answer.until_ms > until_ms ? answer.until_ms - until_ms : 0;
        ck_assert_msg(answer.until_ms == until_ms || slack_ms == 1, "row %zu: until %lld, not %lld",
                      i, (long long)answer.until_ms / 1000, (long long)until_ms / 1000);
        rbk_hours_fini(&hours);
    }
}

#define MIN(n) ((n)*MINUTE_MS)

START_TEST(a_stage_begins_while_it_fits_into_what_is_left)
{
    static const struct row rows[] = {
        /* 22:00 to 04:00 of a summer night, in Berlin: 20:00Z to 02:00Z */
        {MIN(60), "2026-06-01T19:59:59Z", RBK_HOURS_CLOSED, "2026-06-01T20:00:00Z"},
        {MIN(60), "2026-06-01T20:00:00Z", RBK_HOURS_COME, "2026-06-02T01:00:00Z"},
        {MIN(60), "2026-06-02T01:00:00Z", RBK_HOURS_COME, "2026-06-02T01:00:00Z"},
        {MIN(60), "2026-06-02T01:00:01Z", RBK_HOURS_TOO_LITTLE, "2026-06-02T20:00:00Z"},
        {MIN(60), "2026-06-02T02:00:00Z", RBK_HOURS_CLOSED, "2026-06-02T20:00:00Z"},
        /* as long as the window: it begins with it, be the look a little late */
        {MIN(360), "2026-06-01T20:00:00Z", RBK_HOURS_COME, "2026-06-01T20:00:05Z"},
        {MIN(360), "2026-06-01T20:00:04Z", RBK_HOURS_COME, "2026-06-01T20:00:05Z"},
        {MIN(360), "2026-06-01T20:00:05Z", RBK_HOURS_TOO_LITTLE, "2026-06-02T20:00:00Z"},
        /* longer than the window: nothing is ever left for it */
        {MIN(361), "2026-06-01T20:00:00Z", RBK_HOURS_TOO_LITTLE, "2026-06-02T20:00:00Z"},
        /* it needs nothing of it: as long as the window is open */
        {0, "2026-06-02T01:59:59Z", RBK_HOURS_COME, "2026-06-02T02:00:00Z"},
    };
    hold(rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(what_is_left_is_time_that_passes_on_nights_when_clocks_change)
{
    static const struct row rows[] = {
        /* 2026-03-29: 01:00Z is 03:00 in Berlin; the window is 21:00Z to 02:00Z, five hours */
        {MIN(360), "2026-03-28T21:00:00Z", RBK_HOURS_TOO_LITTLE, "2026-03-29T20:00:00Z"},
        {MIN(300), "2026-03-28T21:00:01Z", RBK_HOURS_COME, "2026-03-28T21:00:05Z"},
        {MIN(90), "2026-03-29T00:30:00Z", RBK_HOURS_COME, "2026-03-29T00:30:00Z"},
        {MIN(90), "2026-03-29T00:30:01Z", RBK_HOURS_TOO_LITTLE, "2026-03-29T20:00:00Z"},
        /* 2026-10-25: 01:00Z is 02:00 again; the window is 20:00Z to 03:00Z, seven hours */
        {MIN(420), "2026-10-24T20:00:00Z", RBK_HOURS_COME, "2026-10-24T20:00:05Z"},
        {MIN(90), "2026-10-25T01:30:00Z", RBK_HOURS_COME, "2026-10-25T01:30:00Z"},
        {MIN(90), "2026-10-25T01:30:01Z", RBK_HOURS_TOO_LITTLE, "2026-10-25T21:00:00Z"},
    };
    hold(rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(an_opening_that_is_skipped_is_not_waited_for)
{
    window.from_minute = 130; /* 02:10 to 02:50 */
    window.to_minute = 170;
    static const struct row every_day[] = {
        {MIN(10), "2026-03-28T12:00:00Z", RBK_HOURS_CLOSED, "2026-03-30T00:10:00Z"},
        {MIN(10), "2026-03-29T01:00:00Z", RBK_HOURS_CLOSED, "2026-03-30T00:10:00Z"},
        {MIN(10), "2026-10-25T00:20:00Z", RBK_HOURS_CLOSED, "2026-10-25T01:10:00Z"},
        {MIN(10), "2026-10-25T01:10:00Z", RBK_HOURS_COME, "2026-10-25T01:40:00Z"},
    };
    hold(every_day, RBK_COUNT(every_day));
    window.days = SUNDAY;
    static const struct row sundays[] = {
        {MIN(10), "2026-03-22T12:00:00Z", RBK_HOURS_CLOSED, "2026-04-05T00:10:00Z"},
    };
    hold(sundays, RBK_COUNT(sundays));
}
END_TEST

START_TEST(not_before_is_waited_for_first_and_then_the_window)
{
    regions[STAGE].not_before_zone = RBK_STR("Test/Zone");
    regions[STAGE].not_before_shown_ms = at_ms("2026-03-29T02:30:00Z"); /* skipped: 03:00 */
    static const struct row rows[] = {
        {MIN(60), "2026-03-28T21:30:00Z", RBK_HOURS_NOT_BEFORE, "2026-03-29T01:00:00Z"},
        {MIN(60), "2026-03-29T00:59:59Z", RBK_HOURS_NOT_BEFORE, "2026-03-29T01:00:00Z"},
        {MIN(60), "2026-03-29T01:00:00Z", RBK_HOURS_COME, "2026-03-29T01:00:00Z"},
        {MIN(60), "2026-03-29T01:00:01Z", RBK_HOURS_TOO_LITTLE, "2026-03-29T20:00:00Z"},
        {MIN(60), "2026-03-29T02:00:00Z", RBK_HOURS_CLOSED, "2026-03-29T20:00:00Z"},
    };
    hold(rows, RBK_COUNT(rows));
    regions[STAGE].window = RBK_NONE;
    static const struct row alone[] = {
        {0, "2026-03-29T00:59:59Z", RBK_HOURS_NOT_BEFORE, "2026-03-29T01:00:00Z"},
        {0, "2026-03-29T01:00:00Z", RBK_HOURS_COME, NEVER},
    };
    hold(alone, RBK_COUNT(alone));
}
END_TEST

START_TEST(a_window_that_never_closes_has_room_for_everything)
{
    window.from_minute = window.to_minute = 0;
    static const struct row rows[] = {
        {MIN(1000000), "2026-03-29T01:00:01Z", RBK_HOURS_COME, NEVER},
    };
    hold(rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(nothing_begins_by_a_zone_that_is_not_known)
{
    begin(MINUTE_MS);
    hours.windows[0] = NULL;
    ck_assert_int_eq(rbk_hours_ask(&hours, STAGE, at_ms("2026-06-01T21:00:00Z")).wait,
                     RBK_HOURS_ZONE);
    regions[STAGE].not_before_zone = RBK_STR("Test/Zone");
    hours.regions[STAGE] = NULL;
    hours.kept_ms[STAGE] = 0;
    ck_assert_int_eq(rbk_hours_ask(&hours, STAGE, at_ms("2026-06-01T21:00:00Z")).wait,
                     RBK_HOURS_ZONE);
}
END_TEST

START_TEST(a_clock_that_is_set_back_is_looked_at_anew)
{
    begin(MINUTE_MS);
    ck_assert_int_eq(rbk_hours_ask(&hours, STAGE, at_ms("2026-06-01T21:00:00Z")).wait,
                     RBK_HOURS_COME);
    ck_assert_int_eq(rbk_hours_ask(&hours, STAGE, at_ms("2026-06-01T19:00:00Z")).wait,
                     RBK_HOURS_CLOSED);
    ck_assert_int_eq(rbk_hours_ask(&hours, STAGE, at_ms("2026-06-01T20:00:00Z")).wait,
                     RBK_HOURS_COME);
}
END_TEST

START_TEST(a_state_is_told_once_what_has_changed)
{
    struct rbk_state *state = calloc(1, rbk_state_bytes(&machine));
    struct rbk_event event;
    uint32_t region = 0;
    ck_assert_ptr_nonnull(state);
    rbk_state_init(&machine, state);
    begin(MINUTE_MS);
    ck_assert(!rbk_hours_next(&hours, state, at_ms("2026-06-01T19:00:00Z"), &region, &event));
    region = 0;
    ck_assert(rbk_hours_next(&hours, state, at_ms("2026-06-01T20:00:00Z"), &region, &event));
    ck_assert(event.kind == RBK_EVENT_WINDOW && event.index == STAGE);
    ck_assert_int_eq(event.level, RBK_LEVEL_TRUE);
    ck_assert(!rbk_hours_next(&hours, state, at_ms("2026-06-01T20:00:00Z"), &region, &event));
    rbk_state_region(&machine, state, STAGE)->flags |= RBK_FLAG_WINDOW_OPEN;
    region = 0;
    ck_assert(!rbk_hours_next(&hours, state, at_ms("2026-06-01T20:00:01Z"), &region, &event));
    region = 0;
    ck_assert(rbk_hours_next(&hours, state, at_ms("2026-06-02T02:00:00Z"), &region, &event));
    ck_assert_int_eq(event.level, RBK_LEVEL_FALSE);
    free(state);
}
END_TEST

START_TEST(a_plan_without_hours_is_never_looked_at)
{
    regions[STAGE].window = RBK_NONE;
    begin(0);
    ck_assert(!hours.any);
    ck_assert_uint_eq(rbk_hours_window(&machine, STAGE), RBK_NONE);
    machine.daily_window = 0;
    ck_assert_uint_eq(rbk_hours_window(&machine, STAGE), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hours");
    TCase *tests = tcase_create("hours");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, open_case, close_case);
    tcase_add_test(tests, a_stage_begins_while_it_fits_into_what_is_left);
    tcase_add_test(tests, what_is_left_is_time_that_passes_on_nights_when_clocks_change);
    tcase_add_test(tests, an_opening_that_is_skipped_is_not_waited_for);
    tcase_add_test(tests, not_before_is_waited_for_first_and_then_the_window);
    tcase_add_test(tests, a_window_that_never_closes_has_room_for_everything);
    tcase_add_test(tests, nothing_begins_by_a_zone_that_is_not_known);
    tcase_add_test(tests, a_clock_that_is_set_back_is_looked_at_anew);
    tcase_add_test(tests, a_state_is_told_once_what_has_changed);
    tcase_add_test(tests, a_plan_without_hours_is_never_looked_at);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
