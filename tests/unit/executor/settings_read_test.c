/*
 * What a run is started with: parameters read as their types, durations that follow from them, and
 * the same again from the store.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <string.h>

#include "runtime/executor/settings.h"

static struct plan plan;
static struct rbk_value *params;
static struct rbk_settings settings;
static struct rbk_error error;

static void setup(void)
{
    plan_open(&plan,
              "use std.http\n"
              "param watch: duration = 24h\n"
              "param rest: duration = 2 * watch\n"
              "param tell: duration = 15m\n"
              "param count: int = 3 where count > 0 \"at least one\"\n"
              "param names: list of text = [\"a\"]\n"
              "param free: text\n"
              "secret hook from env \"HOOK\"\n"
              "channel incident = http.webhook(hook)\n"
              "observe watch grace rest\n"
              "report to incident every tell \"still there\"",
              "run \"touch made ${free} ${count}\" idempotent");
}

static void teardown(void)
{
    plan_close(&plan);
}

static int read_settings(const struct rbk_run_setting *given, size_t count)
{
    return rbk_settings_read(plan.machine, given, count, &plan.arena, &params, &error);
}

#define GIVEN(name, text)                     \
    {                                         \
        RBK_STR(name), RBK_STR(text), "--set" \
    }
static const struct rbk_run_setting only_free = GIVEN("free", "x");

static int derive(void)
{
    return rbk_settings_derive(plan.machine, params, &plan.arena, &settings, &error);
}

START_TEST(durations_come_from_parameters)
{
    const struct rbk_run_setting given[] = {GIVEN("watch", "90m"), GIVEN("tell", "30s"),
                                            GIVEN("free", "x")};

    ck_assert_int_eq(read_settings(&only_free, 1), 0);
    ck_assert_int_eq(derive(), 0);
    ck_assert_uint_eq(settings.observe_ms, 24 * 3600000);
    ck_assert_uint_eq(settings.grace_ms, 48 * 3600000);
    ck_assert_uint_eq(settings.report_every_ms[0], 15 * 60000);
    ck_assert_int_eq(read_settings(given, 3), 0);
    ck_assert_int_eq(derive(), 0);
    ck_assert_uint_eq(settings.observe_ms, 90 * 60000);
    ck_assert_uint_eq(settings.grace_ms, 180 * 60000);
    ck_assert_uint_eq(settings.report_every_ms[0], 30000);
}
END_TEST

START_TEST(a_duration_of_nothing_is_refused)
{
    const struct rbk_run_setting given[][2] = {{GIVEN("watch", "0s"), GIVEN("free", "x")},
                                               {GIVEN("tell", "-1m"), GIVEN("free", "x")}};
    const char *what[] = {"`observe` needs a duration above zero",
                          "`report` needs a duration above zero"};

    ck_assert_int_eq(read_settings(given[_i], 2), 0);
    ck_assert_int_eq(derive(), -RBK_EUSAGE);
    ck_assert_str_eq(error.text, what[_i]);
}
END_TEST

static const struct {
    struct rbk_run_setting given;
    const char *says;
} wrong[] = {
    {GIVEN("watch", "90"), "parameter `watch`: \"90\" is not of type duration, such as 90s"},
    {GIVEN("count", "many"), "parameter `count`: \"many\" is not of type int, such as 42"},
    {GIVEN("count", "0"), "parameter `count`: at least one"},
    {GIVEN("names", "a"), "parameter `names` is a list"},
    {GIVEN("names", "[\"a\", {}]"), "item 2"},
    {GIVEN("other", "1"), "the plan has no parameter `other`"},
    {GIVEN("free", "\xff"), "parameter `free` is not UTF-8 text"},
};

START_TEST(what_is_not_of_its_type_is_refused)
{
    const struct rbk_run_setting given[] = {only_free, wrong[_i].given};

    ck_assert_int_eq(read_settings(given, 2), -RBK_EUSAGE);
    ck_assert_msg(strstr(error.text, wrong[_i].says) != NULL, "%s", error.text);
}
END_TEST

START_TEST(a_parameter_without_default_must_be_given)
{
    ck_assert_int_eq(read_settings(NULL, 0), -RBK_EUSAGE);
    ck_assert_str_eq(error.text, "parameter `free` (text) has no default: give --set free=…");
}
END_TEST

START_TEST(the_last_one_given_counts)
{
    const struct rbk_run_setting given[] = {GIVEN("count", "4"), only_free, GIVEN("count", "5")};

    ck_assert_int_eq(read_settings(given, 3), 0);
    ck_assert_int_eq(params[3].as.integer, 5);
}
END_TEST

START_TEST(the_store_gives_back_what_it_was_given)
{
    const struct rbk_run_setting given[] = {GIVEN("names", "[\"x\", \"y z\"]"), only_free};
    struct rbk_buffer text;
    struct rbk_value *again;

    ck_assert_int_eq(read_settings(given, 2), 0);
    rbk_buffer_init(&text, (size_t)1 << 20);
    ck_assert_int_eq(rbk_settings_encode(plan.machine, params, &text), 0);
    ck_assert_int_eq(
        rbk_settings_decode(plan.machine, rbk_buffer_str(&text), &plan.arena, &again, &error), 0);
    ck_assert_int_eq(again[0].as.integer, 24 * 3600000);
    ck_assert_uint_eq(again[4].as.list.count, 2);
    ck_assert_str_eq(again[4].as.list.items[1].as.text.data, "y z");
    ck_assert_str_eq(again[5].as.text.data, "x");
    ck_assert_int_ne(rbk_settings_decode(plan.machine, RBK_STR("{}"), &plan.arena, &again, &error),
                     0);
    rbk_buffer_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor settings");
    TCase *cases = tcase_create("read");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, durations_come_from_parameters);
    tcase_add_loop_test(cases, a_duration_of_nothing_is_refused, 0, 2);
    tcase_add_loop_test(cases, what_is_not_of_its_type_is_refused, 0, (int)RBK_COUNT(wrong));
    tcase_add_test(cases, a_parameter_without_default_must_be_given);
    tcase_add_test(cases, the_last_one_given_counts);
    tcase_add_test(cases, the_store_gives_back_what_it_was_given);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
