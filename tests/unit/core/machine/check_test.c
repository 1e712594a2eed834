/*
 * The life of one reading effect, in virtual time: a series of levels goes in, the instants of the
 * readings and the verdict come out. A timeout is the executor's and is not seen here, except that
 * its being written lets a `for` begin again.
 */
#include "runtime/core/check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 0u /* a monotonic clock may well begin there */

/* Feeds `levels` ('t', 'f', 'm'), each when the tracker asks for it. All but the last must leave it
 * undecided. `when` is filled with the instants of the readings. */
static struct rbk_check_verdict play(const struct rbk_effect *effect, const char *levels,
                                     uint64_t *when)
{
    struct rbk_check check;
    struct rbk_check_verdict verdict = {0};
    uint64_t now_ms = START_MS;
    rbk_check_start(&check, effect, now_ms);
    for (size_t i = 0; levels[i]; i++) {
        ck_assert_msg(!verdict.decided, "decided before reading %zu", i);
        when[i] = now_ms;
        verdict = rbk_check_feed(&check,
                                 levels[i] == 't'   ? RBK_LEVEL_TRUE
                                 : levels[i] == 'f' ? RBK_LEVEL_FALSE
                                                    : RBK_LEVEL_MISSING,
                                 now_ms);
        if (!verdict.decided) {
            ck_assert_uint_gt(verdict.next_ms, now_ms);
            now_ms = verdict.next_ms;
        }
    }
    ck_assert_uint_eq(check.readings, strlen(levels));
    return verdict;
}

static void expect_outcome(const struct rbk_effect *effect, const char *levels,
                           enum rbk_outcome outcome)
{
    uint64_t when[64];
    struct rbk_check_verdict verdict = play(effect, levels, when);
    ck_assert_msg(verdict.decided, "\"%s\" is not decided", levels);
    ck_assert_str_eq(rbk_outcome_name(verdict.outcome), rbk_outcome_name(outcome));
}

static void expect_undecided(const struct rbk_effect *effect, const char *levels, uint64_t next_ms)
{
    uint64_t when[64];
    struct rbk_check_verdict verdict = play(effect, levels, when);
    ck_assert_msg(!verdict.decided, "\"%s\" is decided", levels);
    ck_assert_uint_eq(verdict.next_ms, next_ms);
}

START_TEST(one_reading_decides_let_capture_test_and_require)
{
    static const enum rbk_effect_kind kinds[] = {RBK_EFFECT_LET, RBK_EFFECT_CAPTURE,
                                                 RBK_EFFECT_TEST, RBK_EFFECT_REQUIRE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rbk_effect effect = {.kind = kinds[i]};
        expect_outcome(&effect, "t", RBK_OUTCOME_OK);
        expect_outcome(&effect, "f", RBK_OUTCOME_FAIL);
        expect_outcome(&effect, "m", RBK_OUTCOME_MISSING);
    }
}
END_TEST

START_TEST(retries_of_let_capture_and_test_are_for_what_is_missing)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_LET, .retry_count = 2, .retry_every_ms = 5000};
    expect_undecided(&effect, "m", 5000);
    expect_undecided(&effect, "mm", 10000);
    expect_outcome(&effect, "mmm", RBK_OUTCOME_MISSING);
    expect_outcome(&effect, "mmt", RBK_OUTCOME_OK);
    effect.kind = RBK_EFFECT_TEST;
    expect_outcome(&effect, "f", RBK_OUTCOME_FAIL);
    expect_outcome(&effect, "mf", RBK_OUTCOME_FAIL);
    effect.kind = RBK_EFFECT_CAPTURE;
    expect_outcome(&effect, "mt", RBK_OUTCOME_OK);
}
END_TEST

START_TEST(retries_of_require_are_for_what_is_not_true)
{
    struct rbk_effect effect = {
        .kind = RBK_EFFECT_REQUIRE, .retry_count = 2, .retry_every_ms = 5000};
    expect_undecided(&effect, "fm", 10000);
    expect_outcome(&effect, "fmf", RBK_OUTCOME_FAIL);
    expect_outcome(&effect, "ffm", RBK_OUTCOME_MISSING);
    expect_outcome(&effect, "fmt", RBK_OUTCOME_OK);
}
END_TEST

START_TEST(a_check_is_true_at_once_or_uses_its_retries)
{
    struct rbk_effect effect = {
        .kind = RBK_EFFECT_CHECK, .retry_count = 2, .retry_every_ms = 5000, .timeout_ms = 60000};
    expect_outcome(&effect, "t", RBK_OUTCOME_OK);
    expect_undecided(&effect, "ff", 10000);
    expect_outcome(&effect, "fft", RBK_OUTCOME_OK);
    expect_outcome(&effect, "fff", RBK_OUTCOME_FAIL);
    expect_outcome(&effect, "ffm", RBK_OUTCOME_MISSING);
    effect.retry_count = 0;
    expect_outcome(&effect, "f", RBK_OUTCOME_FAIL);
}
END_TEST

START_TEST(a_check_for_a_span_needs_it_unbroken)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_CHECK, .for_ms = 10000, .every_ms = 4000};
    uint64_t when[64];
    struct rbk_check_verdict verdict = play(&effect, "tttt", when);
    ck_assert(verdict.decided);
    ck_assert_int_eq(verdict.outcome, RBK_OUTCOME_OK);
    /* every 4 s, and exactly when the span is complete */
    ck_assert_uint_eq(when[1], 4000);
    ck_assert_uint_eq(when[2], 8000);
    ck_assert_uint_eq(when[3], 10000);
    expect_outcome(&effect, "ttf", RBK_OUTCOME_FAIL);
    expect_outcome(&effect, "ttm", RBK_OUTCOME_MISSING);
}
END_TEST

START_TEST(with_a_timeout_the_span_begins_again)
{
    struct rbk_effect effect = {
        .kind = RBK_EFFECT_CHECK, .for_ms = 10000, .every_ms = 4000, .timeout_ms = 180000};
    uint64_t when[64];
    struct rbk_check_verdict verdict = play(&effect, "ttfmtttt", when);
    ck_assert(verdict.decided);
    ck_assert_int_eq(verdict.outcome, RBK_OUTCOME_OK);
    ck_assert_uint_eq(when[4], 16000);
    ck_assert_uint_eq(when[7], 26000);
}
END_TEST

START_TEST(with_retries_the_span_begins_again_as_often)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_CHECK,
                                .for_ms = 10000,
                                .every_ms = 5000,
                                .retry_count = 1,
                                .retry_every_ms = 2000};
    expect_outcome(&effect, "tfttt", RBK_OUTCOME_OK);
    expect_outcome(&effect, "tftf", RBK_OUTCOME_FAIL);
}
END_TEST

START_TEST(wait_until_reads_on_until_it_is_true)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_WAIT_UNTIL, .every_ms = 30000};
    expect_undecided(&effect, "fmfmf", 150000);
    expect_outcome(&effect, "fmfmft", RBK_OUTCOME_OK);
}
END_TEST

START_TEST(wait_until_for_a_span_begins_it_anew)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_WAIT_UNTIL, .for_ms = 10000, .every_ms = 4000};
    uint64_t when[64];
    struct rbk_check_verdict verdict = play(&effect, "ftmftttt", when);
    ck_assert(verdict.decided);
    ck_assert_int_eq(verdict.outcome, RBK_OUTCOME_OK);
    ck_assert_uint_eq(when[4], 16000); /* the span counts from its first good reading */
    ck_assert_uint_eq(when[7], 26000);
    expect_undecided(&effect, "tttf", 14000);
}
END_TEST

START_TEST(require_for_a_span_reads_until_it_held_or_its_time_ends)
{
    struct rbk_effect effect = {
        .kind = RBK_EFFECT_REQUIRE, .for_ms = 10000, .every_ms = 5000, .timeout_ms = 60000};
    expect_outcome(&effect, "ttt", RBK_OUTCOME_OK);
    expect_outcome(&effect, "mftftmttt", RBK_OUTCOME_OK);
    expect_undecided(&effect, "ttf", 15000);
    effect.retry_count = 1;
    effect.retry_every_ms = 1000;
    expect_undecided(&effect, "f", 1000); /* the first retry comes at its own distance */
    expect_undecided(&effect, "ff", 6000);
    effect.timeout_ms = 0; /* RBK114 refuses this; a machine may still say it */
    expect_outcome(&effect, "ff", RBK_OUTCOME_FAIL);
    expect_outcome(&effect, "fm", RBK_OUTCOME_MISSING);
}
END_TEST

START_TEST(a_span_does_not_go_on_while_nobody_looks)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_CHECK, .for_ms = 10000, .every_ms = 1000};
    struct rbk_check check;
    rbk_check_start(&check, &effect, 0);
    ck_assert(!rbk_check_feed(&check, RBK_LEVEL_TRUE, 0).decided);
    rbk_check_broken_off(&check);
    ck_assert(!rbk_check_feed(&check, RBK_LEVEL_TRUE, 60000).decided);
    ck_assert(!rbk_check_feed(&check, RBK_LEVEL_TRUE, 69999).decided);
    ck_assert(rbk_check_feed(&check, RBK_LEVEL_TRUE, 70000).decided);
}
END_TEST

START_TEST(without_an_interval_a_second_passes)
{
    struct rbk_effect effect = {.kind = RBK_EFFECT_WAIT_UNTIL};
    expect_undecided(&effect, "f", 1000);
    effect = (struct rbk_effect){.kind = RBK_EFFECT_CHECK, .retry_count = 1};
    expect_undecided(&effect, "f", 1000);
}
END_TEST

START_TEST(the_level_of_a_value_is_three_valued)
{
    ck_assert_int_eq(rbk_level_of(rbk_value_bool(true)), RBK_LEVEL_TRUE);
    ck_assert_int_eq(rbk_level_of(rbk_value_bool(false)), RBK_LEVEL_FALSE);
    ck_assert_int_eq(rbk_level_of(rbk_value_missing(RBK_TYPE_BOOL)), RBK_LEVEL_MISSING);
    ck_assert_int_eq(rbk_level_of(rbk_value_text(RBK_TYPE_SCALAR, RBK_STR("t"))), RBK_LEVEL_TRUE);
    ck_assert_int_eq(rbk_level_of(rbk_value_integer(RBK_TYPE_INT, 1)), RBK_LEVEL_MISSING);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("check");
    tcase_add_test(cases, one_reading_decides_let_capture_test_and_require);
    tcase_add_test(cases, retries_of_let_capture_and_test_are_for_what_is_missing);
    tcase_add_test(cases, retries_of_require_are_for_what_is_not_true);
    tcase_add_test(cases, a_check_is_true_at_once_or_uses_its_retries);
    tcase_add_test(cases, a_check_for_a_span_needs_it_unbroken);
    tcase_add_test(cases, with_a_timeout_the_span_begins_again);
    tcase_add_test(cases, with_retries_the_span_begins_again_as_often);
    tcase_add_test(cases, a_span_does_not_go_on_while_nobody_looks);
    tcase_add_test(cases, wait_until_reads_on_until_it_is_true);
    tcase_add_test(cases, wait_until_for_a_span_begins_it_anew);
    tcase_add_test(cases, require_for_a_span_reads_until_it_held_or_its_time_ends);
    tcase_add_test(cases, without_an_interval_a_second_passes);
    tcase_add_test(cases, the_level_of_a_value_is_three_valued);
    Suite *suite = suite_create("core/check");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
