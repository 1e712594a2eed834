/*
 * What is given to jq: each text once for each place it is written in, by however many calls it
 * gets there, and no text that a plan does not hold.
 */
#include "compiler/filters.h"

#include "compiler/compile.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGE(STEPS)                                                                      \
    "plan p {\n stage s \"S\" {\n  unwatched because \"x\"\n  prepare within 9m { " STEPS \
    " }\n  apply within 1m { run \"a\" idempotent }\n  verify within 1m { check \"a\" "   \
    "file.exists(\"a\") }\n  rollback within 1m {\n   run \"b\" idempotent\n   verify { " \
    "check \"b\" not file.exists(\"a\") }\n  }\n }\n}\n"

/* The filters of a plan, in the order found, each with a newline behind it. */
static void collects(const char *plan, const char *wanted)
{
    struct rbk_compile compile;
    char all[1024] = "";
    uint32_t count = 0;
    rbk_compile_open(&compile, NULL);
    rbk_compile_load_text(&compile, "plan.rbk", rbk_str_from(plan));
    (void)!rbk_compile_analyse(&compile);
    for (const struct rbk_filter_text *at = compile.filters.first; at; at = at->next) {
        size_t end = strlen(all);
        struct rbk_str source = at->place.source->text;
        struct rbk_str written = rbk_str_slice(source, at->place.span.start, at->place.span.end);
        (void)snprintf(all + end, sizeof(all) - end, "%.*s\n", RBK_STR_ARG(at->text));
        /* The place is that of the text, quotes included. */
        ck_assert_uint_eq(written.bytes, at->text.bytes + 2);
        ck_assert(memcmp(written.data + 1, at->text.data, at->text.bytes) == 0);
        count++;
    }
    ck_assert_str_eq(all, wanted);
    ck_assert_uint_eq(count, compile.filters.count);
    rbk_compile_close(&compile);
}

START_TEST(the_text_in_a_reading_is_one)
{
    collects(STAGE("let _a = run.json(\"x\", '.a') let _b = http.json(\"http://h/\", \".b\")"),
             ".a\n.b\n");
    collects(STAGE("let _a = run.output(\"jq .a x\") let _b = env(\"HOME\")"), "");
    collects("plan p {\n probe q = run.json(\"x\", '.q') every 10s\n}\n", ".q\n");
    collects(STAGE("let _a = run.json(\"${run.json(\"x\", '.in')}\", '.out')"), ".out\n.in\n");
}
END_TEST

START_TEST(a_value_of_the_run_is_none)
{
    collects("plan p {\n param f: text\n probe q = run.json(\"x\", f) every 10s\n}\n", "");
    collects(STAGE("let f = run.output(\"x\") let _a = run.json(\"x\", f)"), "");
    collects(STAGE("let _a = run.json(\"x\", \"a${run.id}\")"), "");
}
END_TEST

START_TEST(what_a_name_stands_for_is_one_and_is_found_once)
{
    collects("plan p {\n param f: text = '.f'\n probe q = run.json(\"x\", f) every 10s\n"
             " probe r = run.json(\"y\", f) every 10s\n}\n",
             ".f\n");
    collects(
        STAGE("let f = '.f' let g = f let _a = run.json(\"x\", g) let _b = run.json(\"x\", f)"),
        ".f\n");
    collects(STAGE("foreach f in ['.a', '.b'] { check \"x\" run.json(\"x\", f) == 1 }"),
             ".a\n.b\n");
}
END_TEST

START_TEST(parameters_hand_it_on)
{
    collects("reading far(n: text, f: text): text = near(f, n)\n"
             "reading near(f: text, n: text): text = run.json(\"x ${n}\", f) as text\n" STAGE(
                 "let _a = far(\"no filter\", '.a') let _b = near(n: \"none\", f: '.b')"),
             ".a\n.b\n");
    collects("reading get(f: text = '.default'): text = run.json(\"x\", f) as text\n" STAGE(
                 "let _a = get() let _b = get()"),
             ".default\n");
    collects(
        "action move(n: text, f: text) {\n let old = run.json(\"x\", f) timeout 1s\n"
        " run \"m ${n}\" timeout 1s idempotent\n undo { run \"m ${old}\" timeout 1s idempotent "
        "}\n}\n" STAGE("do move(\"no filter\", '.a')"),
        ".a\n");
}
END_TEST

START_TEST(a_parameter_is_found_wherever_it_stands_in_a_reading)
{
    static const char *const values[] = {
        "int(run.json(\"x\", '.')) + int(run.json(\"x\", f)) == 1",
        "int(run.json(\"x\", f)) + int(run.json(\"x\", '.')) == 1",
        "not (run.json(\"x\", f) == \"1\")",
        "-int(run.json(\"x\", f)) == 1",
        "run.output(\"a ${run.json(\"x\", '.')} ${run.json(\"x\", f)}\") == \"1\"",
        "(run.json(\"x\", f) as int) == 1",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char plan[2048];
        (void)snprintf(plan, sizeof(plan), "reading r(f: text): bool = %s\n%s", values[i],
                       STAGE("let _a = r('.given')"));
        struct rbk_compile compile;
        bool found = false;
        rbk_compile_open(&compile, NULL);
        rbk_compile_load_text(&compile, "plan.rbk", rbk_str_from(plan));
        (void)!rbk_compile_analyse(&compile);
        for (const struct rbk_filter_text *at = compile.filters.first; at; at = at->next) {
            found = found || rbk_str_is(at->text, ".given");
        }
        rbk_compile_close(&compile);
        ck_assert_msg(found, "%s", values[i]);
    }
}
END_TEST

START_TEST(calls_that_go_in_circles_end)
{
    collects("reading a(f: text): text = b(f)\nreading b(f: text): text = a(f)\n" STAGE(
                 "let _a = a('.a')"),
             "");
}
END_TEST

START_TEST(the_standard_library_is_not_looked_at_again)
{
    collects("use std.http as web\nuse std.kubernetes as k8s\n" STAGE(
                 "let _a = web.field(\"http://h/\", '.a') let _b = k8s.ready_replicas(\"x\")"),
             ".a\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filters");
    TCase *tests = tcase_create("filters");
    tcase_add_test(tests, the_text_in_a_reading_is_one);
    tcase_add_test(tests, a_value_of_the_run_is_none);
    tcase_add_test(tests, what_a_name_stands_for_is_one_and_is_found_once);
    tcase_add_test(tests, parameters_hand_it_on);
    tcase_add_test(tests, a_parameter_is_found_wherever_it_stands_in_a_reading);
    tcase_add_test(tests, calls_that_go_in_circles_end);
    tcase_add_test(tests, the_standard_library_is_not_looked_at_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
