/*
 * Errors: one table gives name, text and exit status; long messages are cut, and an error may be
 * built from the text of the one it replaces.
 */
#include "runtime/core/base/error.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(setting_returns_the_negative_code_and_fills_the_record)
{
    struct rbk_error error = {0};
    int result = rbk_error_set(&error, RBK_ESTORE, "cannot open \"%s\"", "runs.db");
    ck_assert_int_eq(result, -RBK_ESTORE);
    ck_assert_int_eq(error.code, RBK_ESTORE);
    ck_assert_str_eq(error.text, "cannot open \"runs.db\"");
    ck_assert_str_eq(error.place, "");
    rbk_error_set_place(&error, "%s:%d", "plan.rbk", 12);
    ck_assert_str_eq(error.place, "plan.rbk:12");
}
END_TEST

START_TEST(the_record_is_optional)
{
    ck_assert_int_eq(rbk_error_set(NULL, RBK_EIO, "unseen"), -RBK_EIO);
    rbk_error_set_place(NULL, "nowhere");
}
END_TEST

START_TEST(a_system_code_adds_its_text)
{
    struct rbk_error error = {0};
    ck_assert_int_eq(rbk_error_set_system(&error, RBK_EFULL, ENOSPC, "cannot write"), -RBK_EFULL);
    ck_assert_int_eq(error.system, ENOSPC);
    ck_assert_str_eq(error.text, "cannot write: No space left on device");
}
END_TEST

START_TEST(a_long_message_is_cut)
{
    struct rbk_error error = {0};
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(rbk_error_set_system(&error, RBK_EIO, EIO, "%s", text), -RBK_EIO);
    ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 1);
}
END_TEST

START_TEST(an_error_can_be_built_from_its_own_text)
{
    struct rbk_error error = {0};
    (void)rbk_error_set(&error, RBK_EIO, "read failed");
    (void)rbk_error_set(&error, RBK_ESTORE, "store: %s", error.text);
    ck_assert_str_eq(error.text, "store: read failed");
}
END_TEST

START_TEST(every_code_has_a_name_a_text_and_a_status_from_1_to_3)
{
    for (int code = 1; code < RBK_ERR_COUNT; code++) {
        ck_assert_int_eq(rbk_error_name(code)[0], 'E');
        ck_assert_str_ne(rbk_error_text(-code), "");
        ck_assert_int_ge(rbk_error_exit_status(-code), 1);
        ck_assert_int_le(rbk_error_exit_status(code), 3);
    }
    ck_assert_int_eq(rbk_error_exit_status(0), 0);
    ck_assert_str_eq(rbk_error_name(-RBK_ENOMEM), "ENOMEM");
    ck_assert_str_eq(rbk_error_name(RBK_ECHILD), "ECHILD");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("error");
    tcase_add_test(cases, setting_returns_the_negative_code_and_fills_the_record);
    tcase_add_test(cases, the_record_is_optional);
    tcase_add_test(cases, a_system_code_adds_its_text);
    tcase_add_test(cases, a_long_message_is_cut);
    tcase_add_test(cases, an_error_can_be_built_from_its_own_text);
    tcase_add_test(cases, every_code_has_a_name_a_text_and_a_status_from_1_to_3);
    Suite *suite = suite_create("base/error");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
