/*
 * Whoever compiles jq filters may hang or be gone. A worker of the test's own takes its place by
 * way of rbk_installed_path(), which is the test's too.
 */
#include "compiler/compile.h"
#include "compiler/filter_check.h"
#include "runtime/core/base/str.h"
#include "runtime/installed/installed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAN(FILTER) "plan p {\n probe q = run.json(\"x\", '" FILTER "') every 10s\n}\n"

/* Finds filters of two bytes fine, once it has heard them: its answer is never there before the
 * question. (The head of a request has 16 bytes.) */
#define AGREES "while head -c 18 >/dev/null; do printf '\\5\\0\\0\\0\\0\\0\\0\\0' >&0 || exit; done"
#define HANGS "exec sleep 60"

static const char *worker; /* NULL: none is installed */

char *rbk_installed_path(const char *name)
{
    ck_assert_str_eq(name, "rbk-filter-worker");
    return strdup(worker ? worker : "/nonexistent/rbk-filter-worker");
}

static void install(char path[64], const char *script)
{
    (void)snprintf(path, 64, "%s", "/tmp/rbk-filter-judge.XXXXXX");
    int descriptor = mkstemp(path);
    ck_assert(descriptor >= 0);
    ck_assert(dprintf(descriptor, "#!/bin/sh\n%s\n", script) > 0);
    ck_assert_int_eq(fchmod(descriptor, 0700), 0);
    ck_assert_int_eq(close(descriptor), 0);
    worker = path;
}

/* What is said first of a plan; "" for nothing. */
static void check_plan(struct rbk_filter_check *check, const char *plan, char ret_said[256],
                       bool *ret_helped)
{
    struct rbk_compile compile;
    rbk_compile_open(&compile, NULL);
    rbk_compile_load_text(&compile, "plan.rbk", rbk_str_from(plan));
    (void)!rbk_compile_analyse(&compile);
    uint32_t before = compile.diagnostics.errors;
    ck_assert_int_eq(rbk_filter_check_plan(check, &compile), 0);
    ck_assert_uint_eq(compile.diagnostics.errors, before);
    *ret_said = '\0';
    *ret_helped = false;
    for (const struct rbk_diagnostic *at = compile.diagnostics.first; at; at = at->next) {
        if (at->code == RBK_RULE_FILTER) {
            (void)snprintf(ret_said, 256, "%.*s", RBK_STR_ARG(at->message));
            *ret_helped = at->notes != NULL;
        }
    }
    rbk_compile_close(&compile);
}

START_TEST(a_worker_that_hangs_is_waited_for_once)
{
    struct rbk_filter_check check;
    char path[64], said[256];
    bool helped;
    install(path, HANGS);
    rbk_filter_check_init(&check);
    ck_assert_uint_eq(check.judge.answer_ms, RBK_FILTER_ANSWER_MS_MAX);
    check.judge.answer_ms = 50;
    check_plan(&check, PLAN(".a"), said, &helped);
    ck_assert_str_eq(said, "1 filter of jq was not checked: the program `rbk-filter-worker`, which "
                           "compiles them, did not answer in time");
    ck_assert(!helped); /* it is installed */
    ck_assert_int_eq(check.judge.worker, 0);
    worker = NULL; /* another start would be told of */
    check_plan(&check, PLAN(".b"), said, &helped);
    ck_assert_ptr_nonnull(strstr(said, "did not answer in time"));
    rbk_filter_check_fini(&check);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(each_plan_has_time_of_its_own)
{
    struct rbk_filter_check check;
    char path[64], said[256];
    bool helped;
    install(path, AGREES);
    rbk_filter_check_init(&check);
    check_plan(&check, PLAN(".a"), said, &helped);
    ck_assert_str_eq(said, "");
    ck_assert_uint_gt(check.judge.deadline_ms, 1);
    check.judge.deadline_ms = 1; /* the time of the plans before is over, long ago */
    check_plan(&check, PLAN(".b"), said, &helped);
    ck_assert_str_eq(said, "");
    rbk_filter_check_fini(&check);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_worker_that_is_missing_is_told_where_it_belongs)
{
    struct rbk_filter_check check;
    char said[256];
    bool helped;
    worker = NULL;
    rbk_filter_check_init(&check);
    check_plan(&check, PLAN(".a"), said, &helped);
    ck_assert_ptr_nonnull(strstr(said, "cannot be started: No such file or directory"));
    ck_assert(helped);
    rbk_filter_check_fini(&check);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter_judge");
    TCase *tests = tcase_create("filter_judge");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_worker_that_hangs_is_waited_for_once);
    tcase_add_test(tests, each_plan_has_time_of_its_own);
    tcase_add_test(tests, a_worker_that_is_missing_is_told_where_it_belongs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
