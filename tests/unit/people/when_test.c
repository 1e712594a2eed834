/*
 * Times as people read them. Tests run with TZ=UTC.
 */
#include "runtime/people/when.h"

#include <check.h>
#include <stdlib.h>

#define DAY_MS 86400000u

START_TEST(spans_have_at_most_two_units)
{
    ck_assert_str_eq(rbk_when_span(0).text, "0ms");
    ck_assert_str_eq(rbk_when_span(999).text, "999ms");
    ck_assert_str_eq(rbk_when_span(4249).text, "4.2s");
    ck_assert_str_eq(rbk_when_span(59999).text, "59.9s");
    ck_assert_str_eq(rbk_when_span(125000).text, "2m 05s");
    ck_assert_str_eq(rbk_when_span(3840000).text, "1h 04m");
    ck_assert_str_eq(rbk_when_span(3u * DAY_MS + 7200000u).text, "3d 02h");
    ck_assert_str_eq(rbk_when_ticks(4249).text, "4s");
}
END_TEST

START_TEST(an_instant_of_another_day_says_its_day)
{
    uint64_t at_ms = 1795298651000u; /* 2026-11-21 22:04:11 UTC */
    ck_assert_str_eq(rbk_when_clock(at_ms).text, "22:04:11");
    ck_assert_str_eq(rbk_when_day(at_ms).text, "2026-11-21");
    ck_assert_str_eq(rbk_when_until(at_ms, at_ms - 60000).text, "22:04:11");
    ck_assert_str_eq(rbk_when_until(at_ms, at_ms - DAY_MS).text, "2026-11-21 22:04");
}
END_TEST

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    TCase *cases = tcase_create("when");
    tcase_add_test(cases, spans_have_at_most_two_units);
    tcase_add_test(cases, an_instant_of_another_day_says_its_day);
    Suite *suite = suite_create("people/when");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
