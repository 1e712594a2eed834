/*
 * Zones: rules and tables, clocks that skip an hour or show one twice, and files that are none.
 * What a clock comes to show is held against looking at it second by second.
 */
#include "tests/unit/core/zone/tables.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define ARENA_BYTES ((size_t)1 << 26)

static struct rbk_arena arena;

static void open_arena(void)
{
    rbk_arena_init(&arena, ARENA_BYTES);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

/* The next of a sequence that is always the same, below a bound. */
static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % below;
}

START_TEST(a_rule_changes_the_clocks_on_its_days)
{
    static const struct {
        const char *rule, *at;
        int32_t offset_s;
    } rows[] = {
        {BERLIN, "2026-03-29T00:59:59Z", 3600},
        {BERLIN, "2026-03-29T01:00:00Z", 7200},
        {BERLIN, "2026-10-25T00:59:59Z", 7200},
        {BERLIN, "2026-10-25T01:00:00Z", 3600},
        {BERLIN, "2027-01-01T00:00:00Z", 3600},
        {BERLIN, "1969-07-01T00:00:00Z", 7200},
        /* the other half of the world: summer over new year */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", 36000},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T15:59:59Z", 39600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T16:00:00Z", 36000},
        /* half hours, quoted names, an hour before its day (Greenland), a day of the year */
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01T00:00:00Z", 39600},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600},
        {"AAA3BBB,J60,J300", "2028-03-01T04:59:59Z", -10800},
        {"AAA3BBB,J60,J300", "2028-03-01T05:00:00Z", -7200},
        {"AAA3BBB,59,300", "2028-02-29T05:00:00Z", -7200},
        {"AAA3BBB,59,300", "2026-03-01T04:59:59Z", -10800},
        {"AAA3BBB,59,300", "2026-03-01T05:00:00Z", -7200},
        /* summer all year */
        {"EXT3EDT4,0/0,J365/23", "2026-01-01T03:00:00Z", -14400},
        {"EXT3EDT4,0/0,J365/23", "2026-12-31T23:59:59Z", -14400},
        {"<+0545>-5:45", "2026-06-01T00:00:00Z", 20700},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        int32_t offset_s =
            rbk_zone_offset_s(table_of_rule(&arena, rows[i].rule), table_at(rows[i].at));
        ck_assert_msg(offset_s == rows[i].offset_s, "%s at %s: %d", rows[i].rule, rows[i].at,
                      (int)offset_s);
    }
}
END_TEST

START_TEST(a_table_counts_until_its_end_and_the_rule_from_then_on)
{
    static const struct table_change changes[] = {{1000000, 3600}, {2000000, 7200}};
    const struct rbk_zone *zone =
        rbk_zone_read(&arena, table_make(&arena, -60, changes, RBK_COUNT(changes), BERLIN));
    ck_assert_ptr_nonnull(zone);
    ck_assert_int_eq(rbk_zone_offset_s(zone, INT64_MIN), -60);
    ck_assert_int_eq(rbk_zone_offset_s(zone, 999999), -60);
    ck_assert_int_eq(rbk_zone_offset_s(zone, 1000000), 3600);
    ck_assert_int_eq(rbk_zone_offset_s(zone, 2000000), 7200);
    ck_assert_int_eq(rbk_zone_offset_s(zone, 3000000),
                     7200); /* winter: the rule has no change yet */
    ck_assert_int_eq(rbk_zone_offset_s(zone, table_at("2026-01-01")), 3600);
    int64_t at_s = 0;
    ck_assert(rbk_zone_next_change(zone, 0, &at_s));
    ck_assert_int_eq(at_s, 1000000);
    ck_assert(rbk_zone_next_change(zone, 2000000, &at_s));
    ck_assert_int_eq(at_s, table_at("1970-03-29T01:00:00Z"));
    zone = rbk_zone_read(&arena, table_make(&arena, -60, changes, RBK_COUNT(changes), ""));
    ck_assert_int_eq(rbk_zone_offset_s(zone, INT64_MAX), 7200);
    ck_assert(!rbk_zone_next_change(zone, 2000000, &at_s));
}
END_TEST

START_TEST(what_is_shown_twice_comes_twice_and_what_is_skipped_with_the_change)
{
    const struct rbk_zone *zone = table_of_rule(&arena, BERLIN);
    static const struct {
        const char *shown, *first, *last;
    } rows[] = {
        {"2026-06-01T12:00:00Z", "2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z"},
        {"2026-10-25T01:59:59Z", "2026-10-24T23:59:59Z", "2026-10-24T23:59:59Z"},
        {"2026-10-25T02:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
        {"2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
        {"2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"},
        {"2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"},
        {"2026-03-29T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
        {"2026-03-29T02:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
        {"2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
        {"2026-03-29T03:00:01Z", "2026-03-29T01:00:01Z", "2026-03-29T01:00:01Z"},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        int64_t shown_s = table_at(rows[i].shown);
        ck_assert_msg(rbk_zone_first(zone, shown_s) == table_at(rows[i].first), "%s",
                      rows[i].shown);
        ck_assert_msg(rbk_zone_last(zone, shown_s) == table_at(rows[i].last), "%s", rows[i].shown);
    }
}
END_TEST

/* A clock that jumps about: what is computed is what one sees who looks every second. */
START_TEST(what_is_computed_is_what_one_sees)
{
    uint64_t seed = 20261122;
    for (int round = 0; round < 40; round++) {
        struct table_change changes[5];
        int32_t offset_s = (int32_t)draw(&seed, 200) - 100;
        int32_t before_s = offset_s;
        for (size_t i = 0; i < RBK_COUNT(changes); i++) {
            changes[i].at_s = (int64_t)(i * 200) + 20 + (int64_t)draw(&seed, 170);
            changes[i].offset_s = (int32_t)draw(&seed, 200) - 100;
        }
        const struct rbk_zone *zone =
            rbk_zone_read(&arena, table_make(&arena, offset_s, changes, RBK_COUNT(changes), ""));
        for (int64_t shown_s = 200; shown_s < 800; shown_s += 7) {
            int64_t first_s = INT64_MAX;
            int64_t last_s = INT64_MIN;
            int64_t seen_s = -500 + before_s;
            for (int64_t at_s = -499; at_s < 1500; at_s++) {
                int64_t shows_s = at_s + rbk_zone_offset_s(zone, at_s);
                if ((seen_s < shown_s && shows_s >= shown_s) || shows_s == shown_s) {
                    first_s = at_s < first_s ? at_s : first_s;
                    last_s = at_s;
                }
                seen_s = shows_s;
            }
            ck_assert_int_eq(rbk_zone_first(zone, shown_s), first_s);
            ck_assert_int_eq(rbk_zone_last(zone, shown_s), last_s);
        }
    }
}
END_TEST

START_TEST(offsets_are_zones_and_names_are_not)
{
    static const struct {
        const char *text;
        int32_t offset_s;
    } rows[] = {{"UTC", 0},         {"Z", 0},         {"+01:00", 3600},
                {"-03:30", -12600}, {"+0545", 20700}, {"+00", 0}};
    static const char *const none[] = {"",       "+",      "Europe/Berlin", "UTC+1",
                                       "+25:00", "+01:60", "GMT",           "+1"};
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        const struct rbk_zone *zone = rbk_zone_of_offset(&arena, rbk_str_from(rows[i].text));
        ck_assert_msg(zone != NULL, "%s", rows[i].text);
        ck_assert_int_eq(rbk_zone_offset_s(zone, 1000), rows[i].offset_s);
        ck_assert_int_eq(rbk_zone_first(zone, 1000000), 1000000 - rows[i].offset_s);
    }
    for (size_t i = 0; i < RBK_COUNT(none); i++) {
        ck_assert_msg(rbk_zone_of_offset(&arena, rbk_str_from(none[i])) == NULL, "%s", none[i]);
    }
}
END_TEST

START_TEST(names_lead_out_of_no_folder)
{
    static const char *const good[] = {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                       "Etc/GMT+5", "America/Port-au-Prince"};
    static const char *const bad[] = {
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        ".x",
        "a b",
        "a\nb",
        "a.b",
        "-x",
        "ä",
        "a234567890a234567890a234567890a234567890a234567890a234567890a2345"};
    for (size_t i = 0; i < RBK_COUNT(good); i++) {
        ck_assert_msg(rbk_zone_name_valid(rbk_str_from(good[i])), "%s", good[i]);
    }
    for (size_t i = 0; i < RBK_COUNT(bad); i++) {
        ck_assert_msg(!rbk_zone_name_valid(rbk_str_from(bad[i])), "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_rule_that_is_none_is_no_zone)
{
    static const char *const rules[] = {"CET",
                                        "CE-1",
                                        "CET-26",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J5",
                                        "CET-1CEST,M3.5.0/200,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0x",
                                        "<CET-1",
                                        "CET-1:60",
                                        "-1"};
    for (size_t i = 0; i < RBK_COUNT(rules); i++) {
        ck_assert_msg(rbk_zone_read(&arena, table_make(&arena, 0, NULL, 0, rules[i])) == NULL, "%s",
                      rules[i]);
    }
}
END_TEST

START_TEST(a_damaged_file_is_no_zone_or_another_one)
{
    static const struct table_change changes[] = {{1000000, 3600}, {2000000, 7200}, {3000000, 0}};
    struct rbk_str file = table_make(&arena, -60, changes, RBK_COUNT(changes), BERLIN);
    for (size_t bytes = 0; bytes < file.bytes; bytes++) {
        ck_assert_ptr_null(rbk_zone_read(&arena, rbk_str_slice(file, 0, bytes)));
    }
    uint64_t seed = 4711;
    for (int round = 0; round < 3000; round++) {
        ck_assert_uint_gt(file.bytes, 0);
        char *copy = malloc(file.bytes); /* so that reading beyond it is seen */
        memcpy(copy, file.data, file.bytes);
        for (int flips = (int)draw(&seed, 3); flips >= 0; flips--) {
            copy[draw(&seed, file.bytes)] = (char)draw(&seed, 256);
        }
        const struct rbk_zone *zone = rbk_zone_read(&arena, (struct rbk_str){copy, file.bytes});
        free(copy);
        if (zone != NULL) { /* whatever it says, it is answered */
            (void)rbk_zone_first(zone, (int64_t)draw(&seed, 4000000000));
            (void)rbk_zone_last(zone, INT64_MIN);
            (void)rbk_zone_last(zone, INT64_MAX);
        }
        rbk_arena_reset(&arena);
        file = table_make(&arena, -60, changes, RBK_COUNT(changes), BERLIN);
    }
    ck_assert_ptr_null(rbk_zone_read(&arena, RBK_STR("")));
    ck_assert_ptr_null(
        rbk_zone_read(&arena, RBK_STR("not a zone, but long enough to be a header of one")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zone");
    TCase *tests = tcase_create("zone");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_add_test(tests, a_rule_changes_the_clocks_on_its_days);
    tcase_add_test(tests, a_table_counts_until_its_end_and_the_rule_from_then_on);
    tcase_add_test(tests, what_is_shown_twice_comes_twice_and_what_is_skipped_with_the_change);
    tcase_add_test(tests, what_is_computed_is_what_one_sees);
    tcase_add_test(tests, offsets_are_zones_and_names_are_not);
    tcase_add_test(tests, names_lead_out_of_no_folder);
    tcase_add_test(tests, a_rule_that_is_none_is_no_zone);
    tcase_add_test(tests, a_damaged_file_is_no_zone_or_another_one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
