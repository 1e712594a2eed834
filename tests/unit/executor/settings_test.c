/*
 * The hash of what the store keeps of a run: every field that does not change over a run's life is
 * in it, none that does, and no field can be taken for another.
 */
#include "runtime/executor/settings.h"

#include <check.h>
#include <string.h>

static struct rbk_store_run sample(void)
{
    return (struct rbk_store_run){.id = RBK_STR("20261121-1010-abcd"),
                                  .machine = RBK_STR("m"),
                                  .plan = RBK_STR("p"),
                                  .title = RBK_STR("t"),
                                  .user = RBK_STR("u"),
                                  .host = RBK_STR("h"),
                                  .directory = RBK_STR("/d"),
                                  .params = RBK_STR("{\"n\":1}"),
                                  .started_ms = 1};
}

static void hash(const struct rbk_store_run *run, char ret_hex[65])
{
    ck_assert_int_eq(rbk_settings_hash(run, ret_hex), 0);
    ck_assert_uint_eq(strlen(ret_hex), 64);
}

START_TEST(each_setting_is_in_the_hash)
{
    struct rbk_store_run run = sample(), other = sample();
    struct rbk_str *texts[] = {&other.id,        &other.machine, &other.plan,
                               &other.title,     &other.user,    &other.host,
                               &other.directory, &other.params,  &other.unrehearsed};
    char before[65], after[65];

    hash(&run, before);
    *texts[_i] = RBK_STR("changed");
    hash(&other, after);
    ck_assert_str_ne(before, after);
    *texts[_i] = RBK_STR("chang\xff"); /* a folder's name may be anything */
    hash(&other, before);
    ck_assert_str_ne(before, after);
}
END_TEST

START_TEST(what_changes_while_a_run_lives_is_not)
{
    struct rbk_store_run run = sample(), other = sample();
    char before[65], after[65];

    other.status = RBK_STR("completed");
    other.ended_ms = other.events = 7;
    hash(&run, before);
    hash(&other, after);
    ck_assert_str_eq(before, after);
    other.started_ms = 2;
    hash(&other, after);
    ck_assert_str_ne(before, after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor/settings");
    TCase *cases = tcase_create("settings");

    tcase_add_loop_test(cases, each_setting_is_in_the_hash, 0, 9);
    tcase_add_test(cases, what_changes_while_a_run_lives_is_not);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
