/* A driver's file is taken when it is of this rbk, and refused by its name when it is not. */
#include "runtime/drivers/module.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rbk_driver_module *module;
static struct rbk_error error;
static char path[4096];

static int load(const char *folder, const char *file)
{
    module = NULL;
    snprintf(path, sizeof(path), "%s/%s", getenv(folder), file);
    return rbk_driver_module_load(path, &module, &error);
}

static void refused(int result, enum rbk_err code)
{
    ck_assert_int_eq(result, -(int)code);
    ck_assert_ptr_null(module);
    ck_assert_msg(strstr(error.text, path) != NULL, "%s", error.text);
    ck_assert_msg(strstr(error.text, "install rbk") != NULL, "%s", error.text);
}

START_TEST(those_of_this_rbk_are_loaded)
{
    ck_assert_int_eq(load("RBK_BIN", "rbk-driver-http.so"), 0);
    ck_assert_ptr_nonnull(module->open);
    ck_assert_ptr_null(module->environment);
    ck_assert_int_eq(load("RBK_BIN", "rbk-driver-postgres.so"), 0);
    ck_assert_ptr_nonnull(module->open);
    ck_assert_ptr_nonnull(module->environment);
}
END_TEST

START_TEST(loading_one_twice_gives_the_same)
{
    ck_assert_int_eq(load("RBK_BIN", "rbk-driver-http.so"), 0);
    const struct rbk_driver_module *first = module;
    ck_assert_int_eq(load("RBK_BIN", "rbk-driver-http.so"), 0);
    ck_assert_ptr_eq(module, first);
}
END_TEST

START_TEST(one_that_is_missing_is_named)
{
    refused(load("RBK_BIN", "rbk-driver-none.so"), RBK_ENOTFOUND);
}
END_TEST

START_TEST(a_file_that_is_no_library_is_named)
{
    refused(load("RBK_SOURCE", "README.md"), RBK_ENOTFOUND);
}
END_TEST

START_TEST(a_library_that_is_no_driver_is_refused)
{
    refused(load("RBK_TEST_BIN", "rbk_test_stranger.so"), RBK_EVERSION);
}
END_TEST

START_TEST(the_driver_of_another_version_is_refused)
{
    refused(load("RBK_TEST_BIN", "rbk_test_older.so"), RBK_EVERSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module");
    TCase *tests = tcase_create("load");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, those_of_this_rbk_are_loaded);
    tcase_add_test(tests, loading_one_twice_gives_the_same);
    tcase_add_test(tests, one_that_is_missing_is_named);
    tcase_add_test(tests, a_file_that_is_no_library_is_named);
    tcase_add_test(tests, a_library_that_is_no_driver_is_refused);
    tcase_add_test(tests, the_driver_of_another_version_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
