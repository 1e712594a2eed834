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

START_TEST(a_refused_message_is_given_seconds_and_those_behind_it_less)
{
    uint64_t whole_ms = 0;

    for (unsigned refusals = 1; refusals < rbk_lane_refusals_max(0); refusals++) {
        whole_ms += rbk_lane_refused_pause_ms(refusals);
    }
    ck_assert_uint_ge(whole_ms, 2000);
    ck_assert_uint_le(whole_ms, 5000);
    ck_assert_uint_eq(rbk_lane_refused_pause_ms(1), 0);
    ck_assert_uint_eq(rbk_lane_refusals_max(1), 2);
    ck_assert_uint_eq(rbk_lane_refusals_max(1000), 2);
}
END_TEST

static bool is_refused_with(int64_t status)
{
    struct rbk_result result = {.outcome = RBK_OUTCOME_FAIL, .status = status, .whole = status > 0};

    return rbk_lane_is_refused(RBK_EFFECT_HTTP, &result);
}

START_TEST(a_server_refuses_for_good_with_statuses_that_blame_the_request)
{
    static const int64_t refused[] = {204, 301, 302, 307, 400, 401, 402, 403, 404, 405,
                                      406, 410, 411, 413, 414, 415, 422, 431, 451};
    static const int64_t passing[] = {-1,  408, 409, 420, 421, 423, 425,
                                      429, 500, 501, 502, 503, 504, 599};
    struct rbk_result cut_off = {.outcome = RBK_OUTCOME_FAIL, .status = 404};

    for (size_t i = 0; i < RBK_COUNT(refused); i++) {
        ck_assert_msg(is_refused_with(refused[i]), "%lld", (long long)refused[i]);
    }
    for (size_t i = 0; i < RBK_COUNT(passing); i++) {
        ck_assert_msg(!is_refused_with(passing[i]), "%lld", (long long)passing[i]);
    }
    ck_assert(!rbk_lane_is_refused(RBK_EFFECT_HTTP, &cut_off));
    cut_off.impossible = true;
    ck_assert(rbk_lane_is_refused(RBK_EFFECT_HTTP, &cut_off));
}
END_TEST

START_TEST(a_program_refuses_for_good_as_sysexits_has_it)
{
    static const int64_t refused[] = {64, 65, 66, 67, 69, 76, 77, 78, 126, 127};
    static const int64_t passing[] = {-1, 1, 2, 3, 68, 70, 71, 72, 73, 74, 75, 79, 128, 255};
    struct rbk_result result = {.outcome = RBK_OUTCOME_FAIL};

    for (size_t i = 0; i < RBK_COUNT(refused); i++) {
        result.status = refused[i];
        ck_assert_msg(rbk_lane_is_refused(RBK_EFFECT_RUN, &result), "%lld", (long long)refused[i]);
        ck_assert(rbk_lane_is_refused(RBK_EFFECT_SHELL, &result));
    }
    for (size_t i = 0; i < RBK_COUNT(passing); i++) {
        result.status = passing[i];
        ck_assert_msg(!rbk_lane_is_refused(RBK_EFFECT_RUN, &result), "%lld", (long long)passing[i]);
    }
    result.status = 69;
    result.detail = RBK_STR("msmtp: server message: 552 5.3.4 too big, at most 4000000");
    ck_assert(rbk_lane_is_refused(RBK_EFFECT_RUN, &result));
    result.detail = RBK_STR("msmtp: server message: 450 4.2.0 greylisted, try later");
    ck_assert(!rbk_lane_is_refused(RBK_EFFECT_RUN, &result));
    result.detail = RBK_STR("said: 451-busy");
    ck_assert(!rbk_lane_is_refused(RBK_EFFECT_RUN, &result));
    result.detail = RBK_STR(" 451");
    ck_assert(rbk_lane_is_refused(RBK_EFFECT_RUN, &result));
    result = (struct rbk_result){.outcome = RBK_OUTCOME_TIMEOUT, .status = 127};
    ck_assert(!rbk_lane_is_refused(RBK_EFFECT_RUN, &result));
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
    tcase_add_test(tcase, a_refused_message_is_given_seconds_and_those_behind_it_less);
    tcase_add_test(tcase, a_server_refuses_for_good_with_statuses_that_blame_the_request);
    tcase_add_test(tcase, a_program_refuses_for_good_as_sysexits_has_it);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
