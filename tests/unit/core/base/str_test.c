/*
 * Borrowed strings: comparing and cutting, with empty and NULL strings as the edges.
 */
#include "runtime/core/base/str.h"

#include <check.h>
#include <stdlib.h>

START_TEST(null_and_empty_are_equal)
{
    ck_assert(rbk_str_equal(rbk_str_from(NULL), RBK_STR("")));
    ck_assert(!rbk_str_equal(RBK_STR("a"), RBK_STR("")));
    ck_assert(rbk_str_is(RBK_STR("gate"), "gate"));
    ck_assert(!rbk_str_is(RBK_STR("gate"), "gates"));
}
END_TEST

START_TEST(prefixes_and_suffixes_fit_or_not)
{
    ck_assert(rbk_str_starts(RBK_STR("plan.rbk"), RBK_STR("plan")));
    ck_assert(rbk_str_ends(RBK_STR("plan.rbk"), RBK_STR(".rbk")));
    ck_assert(!rbk_str_starts(RBK_STR("pl"), RBK_STR("plan")));
    ck_assert(!rbk_str_ends(RBK_STR("bk"), RBK_STR(".rbk")));
    ck_assert(rbk_str_starts(rbk_str_from(NULL), RBK_STR("")));
    ck_assert(rbk_str_ends(rbk_str_from(NULL), RBK_STR("")));
}
END_TEST

START_TEST(order_is_by_bytes_then_by_length)
{
    ck_assert_int_lt(rbk_str_compare(RBK_STR("a"), RBK_STR("b")), 0);
    ck_assert_int_lt(rbk_str_compare(RBK_STR("a"), RBK_STR("ab")), 0);
    ck_assert_int_gt(rbk_str_compare(RBK_STR("\xff"), RBK_STR("a")), 0);
    ck_assert_int_eq(rbk_str_compare(rbk_str_from(NULL), RBK_STR("")), 0);
}
END_TEST

START_TEST(slices_are_clamped)
{
    ck_assert(rbk_str_is(rbk_str_slice(RBK_STR("rollback"), 4, 100), "back"));
    ck_assert(rbk_str_is(rbk_str_slice(RBK_STR("rollback"), 0, 4), "roll"));
    ck_assert_uint_eq(rbk_str_slice(RBK_STR("rollback"), 9, 4).bytes, 0);
    ck_assert_uint_eq(rbk_str_slice(rbk_str_from(NULL), 1, 2).bytes, 0);
}
END_TEST

START_TEST(trimming_takes_white_space_at_both_ends)
{
    ck_assert(rbk_str_is(rbk_str_trim(RBK_STR(" \t a b \r\n")), "a b"));
    ck_assert_uint_eq(rbk_str_trim(RBK_STR(" \n ")).bytes, 0);
    ck_assert_uint_eq(rbk_str_trim(rbk_str_from(NULL)).bytes, 0);
}
END_TEST

START_TEST(finding_gives_the_position_or_the_length)
{
    ck_assert_uint_eq(rbk_str_find(RBK_STR("name=value"), '='), 4);
    ck_assert_uint_eq(rbk_str_find(RBK_STR("name"), '='), 4);
    ck_assert_uint_eq(rbk_str_find(rbk_str_from(NULL), '='), 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("str");
    tcase_add_test(cases, null_and_empty_are_equal);
    tcase_add_test(cases, prefixes_and_suffixes_fit_or_not);
    tcase_add_test(cases, order_is_by_bytes_then_by_length);
    tcase_add_test(cases, slices_are_clamped);
    tcase_add_test(cases, trimming_takes_white_space_at_both_ends);
    tcase_add_test(cases, finding_gives_the_position_or_the_length);
    Suite *suite = suite_create("base/str");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
