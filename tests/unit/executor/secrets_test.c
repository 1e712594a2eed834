/*
 * Where secrets come from: each source gives what it holds, and what cannot be read says which
 * secret, from where, and why. What was read is known to the redactor.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/executor/secrets.h"

static struct plan plan;
static struct rbk_secrets *secrets;
static struct rbk_error error;

/* A plan whose only secret has this source. */
static int load(const char *source, const char *file)
{
    char head[512];

    snprintf(head, sizeof(head), "secret token from %s", source);
    plan_open(&plan, head, "run \"touch made\" env { T: token } idempotent");
    if (file != NULL) {
        plan_write(&plan, "token", file, strlen(file));
    }
    return rbk_secrets_load(plan.machine, NULL, plan.folder, &secrets, &error);
}

static void teardown(void)
{
    rbk_secrets_free(secrets);
    secrets = NULL;
    plan_close(&plan);
}

static void expect(const char *value)
{
    ck_assert_str_eq(rbk_secrets_get(secrets, 0).data, value);
    ck_assert_uint_eq(rbk_secrets_all(secrets)[0].bytes, strlen(value));
}

static void expect_refused(int result, const char *says)
{
    ck_assert_int_eq(result, -RBK_EUSAGE);
    ck_assert_msg(strstr(error.text, says) != NULL, "%s", error.text);
    ck_assert_ptr_null(secrets);
}

START_TEST(the_environment_gives_its_bytes)
{
    setenv("RBK_T", " spaced and\nlong\n", 1);
    ck_assert_int_eq(load("env \"RBK_T\"", NULL), 0);
    expect(" spaced and\nlong\n");
}
END_TEST

START_TEST(a_file_gives_all_but_its_last_line_ends)
{
    ck_assert_int_eq(load("file \"token\"", "two\nlines\r\n\n"), 0);
    expect("two\nlines");
}
END_TEST

START_TEST(a_command_gives_its_output)
{
    ck_assert_int_eq(load("command \"sh -c 'echo say \\\"it twice\\\"'\"", NULL), 0);
    expect("say it twice");
}
END_TEST

START_TEST(what_is_not_there_is_refused)
{
    unsetenv("RBK_T");
    expect_refused(load("env \"RBK_T\"", NULL), "secret `token` cannot be read from env RBK_T");
    plan_close(&plan);
    expect_refused(load("file \"none\"", NULL), "secret `token` cannot be read from file none");
    plan_close(&plan);
    expect_refused(load("command \"/none/such\"", NULL),
                   "secret `token` cannot be read from command /none/such");
}
END_TEST

START_TEST(a_command_that_fails_gives_nothing)
{
    expect_refused(load("command \"sh -c 'echo secret; exit 3'\"", NULL), "its command failed");
    ck_assert_ptr_null(strstr(error.text, "secret\n"));
}
END_TEST

/* The compiler refuses such a plan; a machine may come from elsewhere. */
START_TEST(words_that_do_not_end_are_refused)
{
    expect_refused(load("file \"echo 'open\"", NULL), "cannot be read from file");
    struct rbk_machine machine = *plan.machine;
    machine.secrets[0].source = RBK_SECRET_COMMAND;
    expect_refused(rbk_secrets_load(&machine, NULL, plan.folder, &secrets, &error),
                   "cannot be read from command");
}
END_TEST

START_TEST(one_too_short_to_be_hidden_is_refused)
{
    expect_refused(load("file \"token\"", "abc\n"), "shorter than 4 bytes");
    ck_assert_ptr_null(strstr(error.text, "abc"));
    plan_close(&plan);
    expect_refused(load("file \"token\"", "\n"), "shorter than 4 bytes");
}
END_TEST

START_TEST(one_too_long_is_refused)
{
    char *large = malloc(RBK_SECRET_BYTES_MAX + 2);

    memset(large, 'x', RBK_SECRET_BYTES_MAX + 1);
    large[RBK_SECRET_BYTES_MAX + 1] = '\0';
    expect_refused(load("file \"token\"", large), "File too large");
    plan_close(&plan);
    setenv("RBK_T", large, 1);
    expect_refused(load("env \"RBK_T\"", NULL), "File too large");
    plan_close(&plan);
    large[RBK_SECRET_BYTES_MAX] = '\0';
    ck_assert_int_eq(load("file \"token\"", large), 0);
    ck_assert_uint_eq(rbk_secrets_get(secrets, 0).bytes, RBK_SECRET_BYTES_MAX);
    free(large);
}
END_TEST

START_TEST(what_was_read_is_hidden)
{
    ck_assert_int_eq(load("file \"token\"", "hush-hush\n"), 0);
    struct rbk_str shown =
        rbk_secrets_redact(secrets, &plan.arena, RBK_STR("it is hush-hush, hush%2Dhush not"));
    ck_assert_ptr_null(strstr(shown.data, "hush-hush"));
    ck_assert_ptr_nonnull(strstr(shown.data, "it is "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor secrets");
    TCase *cases = tcase_create("sources");
    tcase_add_checked_fixture(cases, NULL, teardown);
    tcase_add_test(cases, the_environment_gives_its_bytes);
    tcase_add_test(cases, a_file_gives_all_but_its_last_line_ends);
    tcase_add_test(cases, a_command_gives_its_output);
    tcase_add_test(cases, what_is_not_there_is_refused);
    tcase_add_test(cases, a_command_that_fails_gives_nothing);
    tcase_add_test(cases, words_that_do_not_end_are_refused);
    tcase_add_test(cases, one_too_short_to_be_hidden_is_refused);
    tcase_add_test(cases, one_too_long_is_refused);
    tcase_add_test(cases, what_was_read_is_hidden);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
