/*
 * Pauses between attempts to send a message: none at first, longer and longer, never longer than
 * bearable, and not the same for everybody. What the outbox does with them is in
 * tests/integration/outbox_test.py.
 */
#include "runtime/executor/outbox.h"

#include <check.h>
#include <stdlib.h>

#define MINUTE_MS 60000u

START_TEST(the_first_failure_is_no_reason_to_wait)
{
    ck_assert_uint_eq(rbk_lane_pause_ms(0), 0);
    ck_assert_uint_eq(rbk_lane_pause_ms(1), 0);
}
END_TEST

START_TEST(pauses_double_and_are_a_quarter_off_at_most)
{
    uint64_t middle_ms = 100;

    for (unsigned failures = 2; failures < 12; failures++, middle_ms *= 2) {
        uint64_t pause_ms = rbk_lane_pause_ms(failures);
        uint64_t wanted_ms = middle_ms < MINUTE_MS ? middle_ms : MINUTE_MS;

        ck_assert_uint_ge(pause_ms, wanted_ms * 3 / 4);
        ck_assert_uint_lt(pause_ms, wanted_ms * 5 / 4 + 1);
    }
}
END_TEST

START_TEST(pauses_are_bounded_however_often_it_failed)
{
    static const unsigned failures[] = {12, 100, 1000000, UINT32_MAX};

    for (size_t i = 0; i < RBK_COUNT(failures); i++) {
        ck_assert_uint_ge(rbk_lane_pause_ms(failures[i]), MINUTE_MS * 3 / 4);
        ck_assert_uint_le(rbk_lane_pause_ms(failures[i]), MINUTE_MS * 5 / 4);
    }
}
END_TEST

START_TEST(pauses_differ)
{
    uint64_t first_ms = rbk_lane_pause_ms(12);
    bool differs = false;

    for (unsigned i = 0; i < 100000 && !differs; i++) {
        differs = rbk_lane_pause_ms(12) != first_ms;
    }
    ck_assert(differs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor_outbox");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, the_first_failure_is_no_reason_to_wait);
    tcase_add_test(tcase, pauses_double_and_are_a_quarter_off_at_most);
    tcase_add_test(tcase, pauses_are_bounded_however_often_it_failed);
    tcase_add_test(tcase, pauses_differ);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
