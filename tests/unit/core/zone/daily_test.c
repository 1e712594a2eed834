/*
 * Windows: on their days, over midnight, and through the nights on which the clocks are changed.
 */
#include "runtime/core/daily.h"
#include "tests/unit/core/zone/tables.h"

#include <check.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define ARENA_BYTES ((size_t)1 << 24)
#define EVERY_DAY 0x7fu
#define WEEKDAYS 0x1fu
#define WEEKENDS 0x60u
#define CLOSED ""
#define NEVER "never"

static struct rbk_arena arena;

static void open_arena(void)
{
    rbk_arena_init(&arena, ARENA_BYTES);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

static unsigned minute(unsigned clock)
{
    return clock / 100 * 60 + clock % 100;
}

struct row {
    uint32_t days;
    unsigned from, to; /* 2200 is 22:00 */
    const char *at, *until;
};

static void hold(const char *rule, const struct row *rows, size_t count)
{
    const struct rbk_zone *zone = table_of_rule(&arena, rule);
    for (size_t i = 0; i < count; i++) {
        struct rbk_daily_window window = {.from_minute = minute(rows[i].from),
                                          .to_minute = minute(rows[i].to),
                                          .days = rows[i].days};
        struct rbk_daily_opening opening =
            rbk_daily_look(&window, zone, (uint64_t)table_at(rows[i].at) * 1000);
        uint64_t until_ms = opening.until_ms;
        bool open = opening.open;
        bool closed = rbk_str_is(rbk_str_from(rows[i].until), CLOSED);
        ck_assert_msg(open == !closed, "row %zu: %s", i, open ? "open" : "closed");
        if (rbk_str_is(rbk_str_from(rows[i].until), NEVER)) {
            ck_assert_msg(until_ms == RBK_DAILY_NEVER, "row %zu", i);
        } else if (open) {
            ck_assert_msg(until_ms == (uint64_t)table_at(rows[i].until) * 1000,
                          "row %zu: until %lld, not %lld", i, (long long)until_ms / 1000,
                          (long long)table_at(rows[i].until));
        }
    }
}

START_TEST(a_window_is_open_from_one_clock_time_to_another)
{
    static const struct row rows[] = {
        {EVERY_DAY, 2200, 200, "2026-06-01T19:59:59Z", CLOSED},
        {EVERY_DAY, 2200, 200, "2026-06-01T20:00:00Z", "2026-06-02T00:00:00Z"},
        {EVERY_DAY, 2200, 200, "2026-06-01T23:59:59Z", "2026-06-02T00:00:00Z"},
        {EVERY_DAY, 2200, 200, "2026-06-02T00:00:00Z", CLOSED},
        {EVERY_DAY, 800, 2000, "2026-01-05T07:00:00Z", "2026-01-05T19:00:00Z"},
        {EVERY_DAY, 0, 1, "2026-01-05T22:59:59Z", CLOSED},
        {EVERY_DAY, 0, 1, "2026-01-05T23:00:30Z", "2026-01-05T23:01:00Z"},
    };
    hold(BERLIN, rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(a_window_belongs_to_the_day_on_which_it_opens)
{
    static const struct row rows[] = {
        /* 2026-06-05 is a Friday: its night ends on Saturday, and Sunday has none */
        {WEEKDAYS, 2200, 200, "2026-06-05T21:00:00Z", "2026-06-06T00:00:00Z"},
        {WEEKDAYS, 2200, 200, "2026-06-05T23:30:00Z", "2026-06-06T00:00:00Z"},
        {WEEKDAYS, 2200, 200, "2026-06-06T21:00:00Z", CLOSED},
        {WEEKDAYS, 2200, 200, "2026-06-07T21:00:00Z", CLOSED},
        {WEEKDAYS, 2200, 200, "2026-06-07T23:00:00Z", CLOSED}, /* Monday, 01:00 */
        {WEEKDAYS, 2200, 200, "2026-06-08T21:00:00Z", "2026-06-09T00:00:00Z"},
        {WEEKENDS, 800, 2000, "2026-06-06T10:00:00Z", "2026-06-06T18:00:00Z"},
        {WEEKENDS, 800, 2000, "2026-06-05T10:00:00Z", CLOSED},
        {1, 2200, 200, "2026-06-01T21:00:00Z", "2026-06-02T00:00:00Z"},
        {1, 2200, 200, "2026-06-02T21:00:00Z", CLOSED},
        {64, 800, 2000, "2026-06-07T10:00:00Z", "2026-06-07T18:00:00Z"},
        /* it is Sunday in Berlin already, and Saturday in UTC */
        {64, 0, 200, "2026-06-06T22:30:00Z", "2026-06-07T00:00:00Z"},
        {32, 0, 200, "2026-06-06T22:30:00Z", CLOSED},
    };
    hold(BERLIN, rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(a_night_that_skips_an_hour_is_shorter)
{
    static const struct row rows[] = {
        /* 2026-03-29: 02:00 CET (01:00Z) is 03:00 CEST */
        {EVERY_DAY, 2200, 400, "2026-03-28T22:00:00Z", "2026-03-29T02:00:00Z"},
        {EVERY_DAY, 2200, 230, "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"},
        {EVERY_DAY, 2200, 230, "2026-03-29T01:00:00Z", CLOSED},
        {EVERY_DAY, 230, 400, "2026-03-29T00:59:59Z", CLOSED},
        {EVERY_DAY, 230, 400, "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
        /* all of it is skipped */
        {EVERY_DAY, 210, 250, "2026-03-29T00:59:59Z", CLOSED},
        {EVERY_DAY, 210, 250, "2026-03-29T01:00:00Z", CLOSED},
        {EVERY_DAY, 210, 250, "2026-03-29T01:20:00Z", CLOSED},
        {EVERY_DAY, 210, 250, "2026-03-30T00:20:00Z", "2026-03-30T00:50:00Z"},
    };
    hold(BERLIN, rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(a_night_that_shows_an_hour_twice_is_never_open_beside_its_times)
{
    static const struct row rows[] = {
        /* 2026-10-25: 03:00 CEST (01:00Z) is 02:00 CET */
        {EVERY_DAY, 2200, 400, "2026-10-24T21:00:00Z", "2026-10-25T03:00:00Z"},
        {EVERY_DAY, 2200, 230, "2026-10-24T21:00:00Z", "2026-10-25T00:30:00Z"},
        {EVERY_DAY, 2200, 230, "2026-10-25T00:45:00Z", CLOSED}, /* 02:45 */
        {EVERY_DAY, 2200, 230, "2026-10-25T01:15:00Z", CLOSED}, /* 02:15 again */
        {EVERY_DAY, 230, 400, "2026-10-25T00:45:00Z", CLOSED},
        {EVERY_DAY, 230, 400, "2026-10-25T01:29:59Z", CLOSED},
        {EVERY_DAY, 230, 400, "2026-10-25T01:30:00Z", "2026-10-25T03:00:00Z"},
        {EVERY_DAY, 210, 250, "2026-10-25T00:20:00Z", CLOSED},
        {EVERY_DAY, 210, 250, "2026-10-25T01:10:00Z", "2026-10-25T01:50:00Z"},
        {EVERY_DAY, 200, 300, "2026-10-25T00:30:00Z", CLOSED},
        {EVERY_DAY, 200, 300, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
    };
    hold(BERLIN, rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(days_that_follow_on_each_other_are_one_window)
{
    static const struct row rows[] = {
        {EVERY_DAY, 0, 0, "2026-06-01T12:00:00Z", NEVER},
        {EVERY_DAY, 230, 230, "2026-10-25T00:45:00Z", NEVER},
        {EVERY_DAY, 230, 230, "2026-03-29T01:00:00Z", NEVER},
        {WEEKENDS, 0, 0, "2026-06-06T12:00:00Z", "2026-06-07T22:00:00Z"},
        {WEEKENDS, 0, 0, "2026-06-07T21:59:59Z", "2026-06-07T22:00:00Z"},
        {WEEKENDS, 0, 0, "2026-06-07T22:00:00Z", CLOSED},
        {WEEKENDS, 1200, 1200, "2026-06-07T22:00:00Z", "2026-06-08T10:00:00Z"},
        {0x61, 0, 0, "2026-06-06T12:00:00Z", "2026-06-08T22:00:00Z"}, /* sat, sun, mon */
        {5, 0, 0, "2026-06-01T12:00:00Z", "2026-06-01T22:00:00Z"},    /* mon, wed */
        /* the weekend on which the clocks are changed */
        {WEEKENDS, 0, 0, "2026-03-28T12:00:00Z", "2026-03-29T22:00:00Z"},
        {WEEKENDS, 0, 0, "2026-10-24T12:00:00Z", "2026-10-25T23:00:00Z"},
    };
    hold(BERLIN, rows, RBK_COUNT(rows));
}
END_TEST

START_TEST(a_day_that_there_never_was_has_no_window)
{
    /* Samoa went from the 29th to the 31st of December 2011. */
    static const struct table_change changes[] = {{1325239200, 50400}};
    const struct rbk_zone *zone =
        rbk_zone_read(&arena, table_make(&arena, -36000, changes, RBK_COUNT(changes), ""));
    struct rbk_daily_window window = {.from_minute = 480, .to_minute = 600, .days = EVERY_DAY};
    unsigned openings = 0;
    bool was = false;
    for (uint64_t at_s = 1325239200 - 3 * 86400; at_s < 1325239200 + 3 * 86400; at_s += 60) {
        bool open = rbk_daily_look(&window, zone, at_s * 1000).open;
        openings += open && !was;
        was = open;
    }
    ck_assert_uint_eq(openings, 6);
}
END_TEST

START_TEST(its_length_is_that_of_days_in_a_row)
{
    static const struct {
        uint32_t days;
        unsigned from, to;
        uint32_t minutes;
    } rows[] = {{EVERY_DAY, 2200, 200, 240}, {1, 800, 2000, 720},        {EVERY_DAY, 0, 0, 0},
                {WEEKDAYS, 0, 0, 7200},      {WEEKENDS, 600, 600, 2880}, {0x41, 0, 0, 2880},
                {0x15, 0, 0, 1440},          {0x3f, 0, 0, 8640}};
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        struct rbk_daily_window window = {.from_minute = minute(rows[i].from),
                                          .to_minute = minute(rows[i].to),
                                          .days = rows[i].days};
        ck_assert_uint_eq(rbk_daily_minutes(&window), rows[i].minutes);
    }
}
END_TEST

START_TEST(an_instant_is_never_too_early)
{
    const struct rbk_zone *zone = table_of_rule(&arena, BERLIN);
    static const char *const rows[][2] = {{"2026-11-22T06:00:00Z", "2026-11-22T05:00:00Z"},
                                          {"2026-03-29T02:30:00Z", "2026-03-29T01:00:00Z"},
                                          {"2026-10-25T02:30:00Z", "2026-10-25T01:30:00Z"}};
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        ck_assert_uint_eq(rbk_daily_instant_ms(zone, (uint64_t)table_at(rows[i][0]) * 1000),
                          (uint64_t)table_at(rows[i][1]) * 1000);
    }
    ck_assert_uint_eq(rbk_daily_instant_ms(zone, 0), 0);
    ck_assert_uint_gt(rbk_daily_instant_ms(zone, RBK_MACHINE_MS_MAX), 0);
}
END_TEST

START_TEST(it_is_told_as_it_is_written)
{
    static const struct {
        uint32_t days;
        const char *text;
    } rows[] = {{EVERY_DAY, "22:00 to 02:05 UTC"},
                {WEEKDAYS, "weekdays 22:00 to 02:05 UTC"},
                {WEEKENDS, "sat, sun 22:00 to 02:05 UTC"},
                {4, "wed 22:00 to 02:05 UTC"}};
    struct rbk_buffer out;
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        struct rbk_daily_window window = {1320, 125, rows[i].days, 0, RBK_STR("UTC")};
        rbk_buffer_init(&out, 1000);
        rbk_daily_print(&out, &window);
        ck_assert_str_eq(out.data, rows[i].text);
        rbk_buffer_fini(&out);
    }
    rbk_buffer_init(&out, 1000);
    rbk_daily_print_shown(&out, (uint64_t)table_at("2026-11-22T06:05:00Z") * 1000,
                          RBK_STR("Europe/Berlin"));
    ck_assert_str_eq(out.data, "2026-11-22 06:05 Europe/Berlin");
    rbk_buffer_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("daily");
    TCase *tests = tcase_create("daily");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_add_test(tests, a_window_is_open_from_one_clock_time_to_another);
    tcase_add_test(tests, a_window_belongs_to_the_day_on_which_it_opens);
    tcase_add_test(tests, a_night_that_skips_an_hour_is_shorter);
    tcase_add_test(tests, a_night_that_shows_an_hour_twice_is_never_open_beside_its_times);
    tcase_add_test(tests, days_that_follow_on_each_other_are_one_window);
    tcase_add_test(tests, a_day_that_there_never_was_has_no_window);
    tcase_add_test(tests, its_length_is_that_of_days_in_a_row);
    tcase_add_test(tests, an_instant_is_never_too_early);
    tcase_add_test(tests, it_is_told_as_it_is_written);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
