/*
 * From templates to a request: what a value may become in a command line, and that one which is
 * missing, or must not stand where it does, stops the step before anything is started.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/drivers/set.h"

static struct plan plan;
static struct rbk_request request;
static struct rbk_error error;

static void teardown(void)
{
    plan_close(&plan);
}

/* The request of the plan's first effect of a kind, with its only parameter bound to `value`. */
static int build(enum rbk_effect_kind kind, const char *apply, struct rbk_value value)
{
    plan_open(&plan,
              "param v: text\n"
              "connection db = sqlite(\"${v}.db\")",
              apply);

    const struct rbk_effect *effect = plan_effect(&plan, kind);
    const struct rbk_scope scope = {.machine = plan.machine, .params = &value};
    const struct rbk_request_source source = {.scope = &scope,
                                              .args = effect->args,
                                              .connection = effect->connection,
                                              .run = "run",
                                              .step = "step",
                                              .stage = "only",
                                              .key = "key"};

    return rbk_request_build(&source, &plan.arena, &request, &error);
}

static struct rbk_value text(const char *content)
{
    return rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(content));
}

static void expect_word(size_t index, const char *word)
{
    ck_assert_uint_gt(request.word_count, index);
    ck_assert_str_eq(request.words[index].data, word);
}

static const struct {
    const char *step, *value;
    bool refused;
} dashes[] = {
    {"run \"tool ${v}\"", "-rf", true},
    {"run \"tool ${v}\"", "-", true},
    {"run \"tool ${v}x\"", "--all", true},
    {"run [\"tool\", v]", "-rf", true},
    {"run \"tool '' ${v}\"", "-rf", true},
    {"run \"tool -- ${v}\"", "-rf", false},
    {"run [\"tool\", \"--\", v]", "-rf", false},
    {"run \"tool x${v}\"", "-rf", false},
    {"run \"tool --name=${v}\"", "-rf", false},
    {"run \"tool ${v}\"", "rf-", false},
    {"run \"tool ${v}\"", "", false},
    {"run \"tool ${v}\"", " -rf", false}, /* one word, and it begins with a blank */
};

START_TEST(a_value_with_a_dash_begins_a_word_only_after_two_dashes)
{
    char step[128];

    snprintf(step, sizeof(step), "%s idempotent", dashes[_i].step);

    int result = build(RBK_EFFECT_RUN, step, text(dashes[_i].value));

    ck_assert_int_eq(result, dashes[_i].refused ? -RBK_EREFUSED : 0);
    if (result == 0) {
        expect_word(0, "tool");
    }
}
END_TEST

START_TEST(a_value_never_splits_or_joins_words)
{
    ck_assert_int_eq(
        build(RBK_EFFECT_RUN, "run \"tool a${v}b 'c d' ${v}\" idempotent", text("x y; $(z) \"'\\")),
        0);
    ck_assert_uint_eq(request.word_count, 4);
    expect_word(1, "ax y; $(z) \"'\\b");
    expect_word(2, "c d");
    expect_word(3, "x y; $(z) \"'\\");
}
END_TEST

START_TEST(a_missing_value_stops_the_step)
{
    ck_assert_int_eq(
        build(RBK_EFFECT_RUN, "run \"tool a-${v}\" idempotent", rbk_value_missing(RBK_TYPE_TEXT)),
        -RBK_EMISSING);
    ck_assert_msg(strstr(error.text, "has no value") != NULL, "%s", error.text);
}
END_TEST

START_TEST(a_missing_bind_is_null)
{
    ck_assert_int_eq(build(RBK_EFFECT_SQL, "sql db \"INSERT INTO t VALUES (${v})\"", text("1")), 0);
    ck_assert_uint_eq(request.bind_count, 1);
    ck_assert_str_eq(request.binds[0].as.text.data, "1");
    ck_assert_str_eq(request.address.data, "1.db");
    ck_assert_ptr_null(strstr(request.statement.data, "${"));
}
END_TEST

START_TEST(an_address_without_value_stops_the_step)
{
    ck_assert_int_eq(build(RBK_EFFECT_SQL, "sql db \"DELETE FROM t WHERE a = 1\"",
                           rbk_value_missing(RBK_TYPE_TEXT)),
                     -RBK_EMISSING);
    ck_assert_str_eq(error.text, "the address of connection `db` has no value");
}
END_TEST

START_TEST(a_value_with_nul_reaches_no_command_line)
{
    const struct rbk_value nul = rbk_value_text(RBK_TYPE_TEXT, (struct rbk_str){"a\0b", 3});

    ck_assert_int_eq(build(RBK_EFFECT_RUN, "run \"tool ${v}\" idempotent", nul), -RBK_EREFUSED);
    ck_assert_msg(strstr(error.text, "holds a NUL byte") != NULL, "%s", error.text);
    plan_close(&plan);
    ck_assert_int_eq(build(RBK_EFFECT_RUN, "run \"tool\" stdin v idempotent", nul), 0);
    ck_assert(request.has_input);
    ck_assert_uint_eq(request.input.bytes, 3);
}
END_TEST

START_TEST(a_shell_gets_values_by_its_environment)
{
    ck_assert_int_eq(
        build(RBK_EFFECT_SHELL, "shell \"echo ${v} > made\" idempotent", text("$(rm -rf x)")), 0);
    expect_word(0, "/bin/sh");
    expect_word(1, "-c");
    ck_assert_ptr_null(strstr(request.words[2].data, "rm -rf"));
    ck_assert_uint_eq(request.environment_count, 1);
    ck_assert_str_eq(request.environment[0].value.data, "$(rm -rf x)");
}
END_TEST

START_TEST(a_url_gets_values_encoded)
{
    ck_assert_int_eq(build(RBK_EFFECT_HTTP,
                           "http PUT \"http://localhost/${v}\" json \"\"\"{ \"a\": ${v} }\"\"\" "
                           "idempotent",
                           text("a/b?c\"d")),
                     0);
    ck_assert_str_eq(request.url.data, "http://localhost/a%2Fb%3Fc%22d");
    ck_assert_ptr_nonnull(strstr(request.body.data, "\"a/b?c\\\"d\""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request build");
    TCase *cases = tcase_create("build");
    tcase_add_checked_fixture(cases, NULL, teardown);
    tcase_add_loop_test(cases, a_value_with_a_dash_begins_a_word_only_after_two_dashes, 0,
                        (int)RBK_COUNT(dashes));
    tcase_add_test(cases, a_value_never_splits_or_joins_words);
    tcase_add_test(cases, a_missing_value_stops_the_step);
    tcase_add_test(cases, a_missing_bind_is_null);
    tcase_add_test(cases, an_address_without_value_stops_the_step);
    tcase_add_test(cases, a_value_with_nul_reaches_no_command_line);
    tcase_add_test(cases, a_shell_gets_values_by_its_environment);
    tcase_add_test(cases, a_url_gets_values_encoded);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
