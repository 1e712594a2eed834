/*
 * Options: anywhere among the words, refused when a command does not take them.
 */
#include "runtime/people/options.h"

#include <check.h>
#include <stdlib.h>

#include "runtime/core/base/error.h"
#include "runtime/core/base/str.h"
#include "runtime/people/commands.h"

static const struct rbk_subcommand *command(const char *name)
{
    for (size_t i = 0; i < rbk_subcommand_count; i++) {
        if (rbk_str_is(rbk_str_from(rbk_subcommands[i].name), name)) {
            return &rbk_subcommands[i];
        }
    }
    ck_abort_msg("no command %s", name);
}

static int read_words(const char *name, struct rbk_options *options, int count,
                      const char *const *words)
{
    char *arguments[16];
    for (int i = 0; i < count; i++) {
        arguments[i] = (char *)words[i];
    }
    return rbk_options_read(command(name), count, arguments, options);
}

#define READ(name, options, ...)                                                             \
    read_words(name, options, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
               (const char *[]){__VA_ARGS__})

START_TEST(options_may_stand_anywhere)
{
    struct rbk_options options;
    ck_assert_int_eq(
        READ("run", &options, "--set", "a=1", "p.rbk", "--json", "--set=b=2", "-s", "x"), 0);
    ck_assert_uint_eq(options.word_count, 1);
    ck_assert_str_eq(options.words[0], "p.rbk");
    ck_assert_uint_eq(options.set_count, 2);
    ck_assert_str_eq(options.sets[1], "b=2");
    ck_assert(options.given[RBK_OPTION_JSON]);
    ck_assert_str_eq(rbk_options_store(&options), "x");
    rbk_options_fini(&options);
}
END_TEST

START_TEST(what_a_command_does_not_take_is_refused)
{
    struct rbk_options options;
    ck_assert_int_eq(READ("abort", &options, "r1", "--set", "a=1"), -RBK_EUSAGE);
    rbk_options_fini(&options);
    ck_assert_int_eq(READ("abort", &options, "r1", "r2"), -RBK_EUSAGE);
    rbk_options_fini(&options);
    ck_assert_int_eq(READ("resolve", &options, "r1", "--reason", "x"), -RBK_EUSAGE);
    rbk_options_fini(&options);
    ck_assert_int_eq(READ("abort", &options, "r1", "--reason"), -RBK_EUSAGE);
    rbk_options_fini(&options);
}
END_TEST

START_TEST(the_environment_names_a_store_unless_an_option_does)
{
    struct rbk_options options;
    (void)setenv("RBK_STORE", "/from/environment", 1);
    ck_assert_int_eq(READ("runs", &options, "--json"), 0);
    ck_assert_str_eq(rbk_options_store(&options), "/from/environment");
    rbk_options_fini(&options);
    ck_assert_int_eq(READ("runs", &options, "--store", "/given", "--store", "/later"), 0);
    ck_assert_str_eq(rbk_options_store(&options), "/later");
    rbk_options_fini(&options);
    (void)unsetenv("RBK_STORE");
}
END_TEST

START_TEST(the_word_after_a_value_option_is_its_value)
{
    ck_assert(rbk_option_wants_next("--store"));
    ck_assert(rbk_option_wants_next("-s"));
    ck_assert(rbk_option_wants_next("--reason"));
    ck_assert(!rbk_option_wants_next("--store=x"));
    ck_assert(!rbk_option_wants_next("--json"));
    ck_assert(!rbk_option_wants_next("run"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("options");
    tcase_add_test(cases, options_may_stand_anywhere);
    tcase_add_test(cases, what_a_command_does_not_take_is_refused);
    tcase_add_test(cases, the_environment_names_a_store_unless_an_option_does);
    tcase_add_test(cases, the_word_after_a_value_option_is_its_value);
    Suite *suite = suite_create("people/options");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
