/*
 * Limits and order of the analysis: too much of something is one RBK170, errors come in the order
 * of the source and do not give rise to others, calls that are too deep do not take the compiler
 * down.
 */
#include "compiler/compile.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <check.h>
#include <stdlib.h>

static struct rbk_compile compile;
static struct rbk_buffer text;

static void open_compile(void)
{
    rbk_compile_open(&compile, "/nonexistent");
    rbk_buffer_init(&text, (size_t)64 << 20);
}

static void close_compile(void)
{
    rbk_buffer_fini(&text);
    rbk_compile_close(&compile);
}

static const char stage_text[] =
    "    stage s \"S\" {\n"
    "        unwatched because \"a test\"\n"
    "        apply within 1m { sql db \"UPDATE t SET a = 1\" }\n"
    "        verify within 1m { check \"c\" sql.value(db, \"SELECT 1\") == 1 }\n"
    "        rollback within 1m {\n"
    "            sql db \"UPDATE t SET a = 0\"\n"
    "            verify { check \"c\" sql.value(db, \"SELECT 1\") == 0 }\n"
    "        }\n"
    "    }\n"
    "}\n";

static void begin_plan(void)
{
    rbk_buffer_append_str(&text, RBK_STR("plan p {\n    connection db = sqlite(\"x.db\")\n"));
}

/* Compile what has been written; returns the errors. */
static uint32_t analyse(void)
{
    rbk_buffer_append_str(&text, rbk_str_from(stage_text));
    rbk_compile_load_text(&compile, "p.rbk", rbk_buffer_str(&text));
    int status = rbk_compile_analyse(&compile);
    ck_assert_int_eq(status != 0, compile.diagnostics.errors != 0);
    return compile.diagnostics.errors;
}

START_TEST(one_param_too_many_is_one_error)
{
    begin_plan();
    for (size_t i = 0; i <= RBK_PARAMETERS_MAX; i++) {
        rbk_buffer_printf(&text, "    param _p%zu: int = 1\n", i);
    }
    ck_assert_uint_eq(analyse(), 1);
    ck_assert_uint_eq(compile.diagnostics.first->code, 170);
}
END_TEST

START_TEST(as_many_params_as_the_limit_are_fine)
{
    begin_plan();
    for (size_t i = 0; i < RBK_PARAMETERS_MAX; i++) {
        rbk_buffer_printf(&text, "    param _p%zu: int = 1\n", i);
    }
    ck_assert_uint_eq(analyse(), 0);
}
END_TEST

START_TEST(actions_that_call_too_deep_are_one_error)
{
    rbk_buffer_append_str(&text, RBK_STR("action a0() { run \"x\" timeout 1s idempotent }\n"));
    for (int i = 1; i < 20000; i++) {
        rbk_buffer_printf(&text, "action a%d() { do a%d() }\n", i, i - 1);
    }
    begin_plan();
    ck_assert_uint_eq(analyse(), 1);
    ck_assert_uint_eq(compile.diagnostics.first->code, 170);
}
END_TEST

START_TEST(twenty_errors_are_twenty_records)
{
    begin_plan();
    for (int i = 0; i < 20; i++) {
        rbk_buffer_printf(&text, "    abort when unknown_%d > %s \"x\"\n", i, i % 2 ? "5s" : "5%");
    }
    ck_assert_uint_eq(analyse(), 20);
    uint32_t last = 0;
    for (const struct rbk_diagnostic *at = compile.diagnostics.first; at; at = at->next) {
        ck_assert_uint_eq(at->code, 140);
        ck_assert_uint_ge(at->place.span.start, last);
        last = at->place.span.start;
    }
}
END_TEST

START_TEST(a_name_is_reported_as_unknown_once)
{
    begin_plan();
    for (int i = 0; i < 20; i++) {
        rbk_buffer_append_str(&text, RBK_STR("    abort when nowhere > 5 \"x\"\n"));
    }
    ck_assert_uint_eq(analyse(), 1);
}
END_TEST

START_TEST(names_are_free_again_after_an_analysis)
{
    begin_plan();
    ck_assert_uint_eq(analyse(), 0);
    struct rbk_name *name = rbk_names_find(&compile.names, RBK_STR("db"));
    ck_assert_ptr_nonnull(name);
    ck_assert_ptr_null(name->bound);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limit");
    TCase *tests = tcase_create("limit");
    tcase_add_checked_fixture(tests, open_compile, close_compile);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, one_param_too_many_is_one_error);
    tcase_add_test(tests, as_many_params_as_the_limit_are_fine);
    tcase_add_test(tests, actions_that_call_too_deep_are_one_error);
    tcase_add_test(tests, twenty_errors_are_twenty_records);
    tcase_add_test(tests, a_name_is_reported_as_unknown_once);
    tcase_add_test(tests, names_are_free_again_after_an_analysis);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
