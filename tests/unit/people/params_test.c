/*
 * Parameters from --params and --set.
 */
#include "runtime/people/params.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct given {
    struct rbk_options options;
    char path[64];
    char *sets[8];
};

static void given_init(struct given *given, const char *json, const char *set1, const char *set2)
{
    memset(given, 0, sizeof(*given));
    if (json != NULL) {
        (void)snprintf(given->path, sizeof(given->path), "/tmp/rbk-params-%ld", (long)getpid());
        FILE *file = fopen(given->path, "wx");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(json, file), 0);
        ck_assert_int_eq(fclose(file), 0);
        given->options.values[RBK_OPTION_PARAMS] = given->path;
    }
    given->sets[0] = (char *)set1;
    given->sets[1] = (char *)set2;
    given->options.sets = given->sets;
    given->options.set_count = set1 == NULL ? 0 : set2 == NULL ? 1 : 2;
}

static void given_fini(struct given *given)
{
    if (given->path[0] != '\0') {
        (void)unlink(given->path);
    }
}

static const char *text_of(const struct rbk_params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++) {
        if (rbk_str_is(params->items[i].name, name)) {
            return params->items[i].text.data;
        }
    }
    return NULL;
}

START_TEST(values_of_a_file_become_text)
{
    struct given given;
    struct rbk_params params;
    given_init(&given,
               "{\"t\":\"a=b\",\"i\":-3,\"n\":0.25,\"b\":true,\"l\":[\"x\",2,false],\"e\":\"\"}",
               NULL, NULL);
    ck_assert_int_eq(rbk_params_read(&given.options, &params, NULL), 0);
    ck_assert_str_eq(text_of(&params, "t"), "a=b");
    ck_assert_str_eq(text_of(&params, "i"), "-3");
    ck_assert_str_eq(text_of(&params, "n"), "0.25");
    ck_assert_str_eq(text_of(&params, "b"), "true");
    ck_assert_str_eq(text_of(&params, "l"), "[\"x\",\"2\",\"false\"]");
    ck_assert_str_eq(text_of(&params, "e"), "");
    rbk_params_fini(&params);
    given_fini(&given);
}
END_TEST

START_TEST(set_wins_over_the_file)
{
    struct given given;
    struct rbk_params params;
    given_init(&given, "{\"a\":\"file\"}", "a=set=x", "b=");
    ck_assert_int_eq(rbk_params_read(&given.options, &params, NULL), 0);
    ck_assert_uint_eq(params.count, 2);
    ck_assert_str_eq(text_of(&params, "a"), "set=x");
    ck_assert_str_eq(text_of(&params, "b"), "");
    ck_assert_str_eq(params.items[0].origin, "--set");
    rbk_params_fini(&params);
    given_fini(&given);
}
END_TEST

static void check_refused(const char *json, const char *set1, const char *set2)
{
    struct given given;
    struct rbk_params params;
    struct rbk_error error = {0};
    given_init(&given, json, set1, set2);
    ck_assert_int_eq(rbk_params_read(&given.options, &params, &error), -RBK_EUSAGE);
    ck_assert(error.text[0] != '\0');
    given_fini(&given);
}

START_TEST(what_cannot_be_meant_is_refused)
{
    check_refused(NULL, "novalue", NULL);
    check_refused(NULL, "=x", NULL);
    check_refused(NULL, "a=1", "a=2");
    check_refused("[1]", NULL, NULL);
    check_refused("{\"a\":null}", NULL, NULL);
    check_refused("{\"a\":{}}", NULL, NULL);
    check_refused("{\"a\":[[1]]}", NULL, NULL);
    check_refused("{\"a\":1,\"a\":2}", NULL, NULL);
    check_refused("{", NULL, NULL);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("params");
    tcase_add_test(cases, values_of_a_file_become_text);
    tcase_add_test(cases, set_wins_over_the_file);
    tcase_add_test(cases, what_cannot_be_meant_is_refused);
    Suite *suite = suite_create("people/params");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
