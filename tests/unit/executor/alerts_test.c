/*
 * Alerts with labels: a question asks for a name and some labels, and what else an alert carries
 * does not matter; alerts of one name are told apart by all their labels, in whatever order.
 */
#include "runtime/executor/alerts.h"

#include <check.h>
#include <string.h>

static struct rbk_arena arena;
static struct rbk_alerts alerts;

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)1 << 20);
    alerts = (struct rbk_alerts){0};
}

static void tear_down(void)
{
    rbk_arena_fini(&arena);
}

#define PAIR(name, value)             \
    {                                 \
        RBK_STR(name), RBK_STR(value) \
    }

static const struct rbk_pair leads[] = {PAIR("service", "leads")};
static const struct rbk_pair leads_1[] = {PAIR("service", "leads"), PAIR("pod", "1")};
static const struct rbk_pair leads_1_turned[] = {PAIR("pod", "1"), PAIR("service", "leads")};
static const struct rbk_pair leads_2[] = {PAIR("service", "leads"), PAIR("pod", "2")};
static const struct rbk_pair no_stage[] = {PAIR("service", "leads"), PAIR("stage", "")};

static void set(const char *name, const struct rbk_pair *labels, size_t count, bool firing)
{
    rbk_alerts_set(&alerts, &arena, rbk_str_from(name), labels, count, firing);
}

static bool fires(const char *name, const struct rbk_pair *labels, size_t count)
{
    return rbk_alerts_fire(&alerts, rbk_str_from(name), labels, count);
}

START_TEST(an_alert_carries_what_is_asked_for_and_more)
{
    set("Broken", leads_1, 2, true);
    ck_assert(fires("Broken", NULL, 0));
    ck_assert(fires("Broken", leads, 1));
    ck_assert(fires("Broken", leads_1_turned, 2));
    ck_assert(!fires("Broken", leads_2, 2));
    ck_assert(!fires("broken", leads, 1));
}
END_TEST

START_TEST(an_alert_without_a_label_that_is_asked_for_is_another)
{
    set("Broken", NULL, 0, true);
    ck_assert(fires("Broken", NULL, 0));
    ck_assert(!fires("Broken", leads, 1));
}
END_TEST

START_TEST(several_of_one_name_are_resolved_one_by_one)
{
    set("Broken", leads_1, 2, true);
    set("Broken", leads_2, 2, true);
    set("Broken", leads_1_turned, 2, true);
    ck_assert_uint_eq(alerts.count, 2);
    set("Broken", leads, 1, false); /* another one, which does not fire */
    set("Other", leads_1, 2, false);
    ck_assert_uint_eq(alerts.count, 2);
    set("Broken", leads_1_turned, 2, false);
    ck_assert(!fires("Broken", leads_1, 2) && fires("Broken", leads, 1));
    set("Broken", leads_2, 2, false);
    ck_assert(!fires("Broken", NULL, 0));
}
END_TEST

START_TEST(an_empty_label_is_none)
{
    set("Broken", no_stage, 2, true);
    ck_assert(fires("Broken", leads, 1) && fires("Broken", no_stage, 2));
    set("Broken", leads, 1, false);
    ck_assert_uint_eq(alerts.count, 0);
    set("Broken", leads, 1, true);
    set("Broken", no_stage, 2, false);
    ck_assert_uint_eq(alerts.count, 0);
}
END_TEST

START_TEST(many_fire_at_once)
{
    char names[100][4];

    for (unsigned i = 0; i < 100; i++) {
        names[i][0] = 'a';
        names[i][1] = (char)('0' + i / 10);
        names[i][2] = (char)('0' + i % 10);
        names[i][3] = '\0';
        set(names[i], leads, 1, true);
    }
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(fires(names[i], leads, 1));
        set(names[i], leads, 1, false);
        ck_assert(!fires(names[i], leads, 1));
    }
}
END_TEST

START_TEST(what_they_take_up_is_known)
{
    ck_assert_uint_eq(rbk_alerts_bytes(&alerts), 0);
    set("Broken", leads_1, 2, true);
    size_t one = rbk_alerts_bytes(&alerts);
    ck_assert_uint_gt(one, strlen("Broken"));
    set("Broken", leads_1, 2, true); /* the same: nothing more */
    ck_assert_uint_eq(rbk_alerts_bytes(&alerts), one);
    set("Broken", leads_2, 2, true);
    ck_assert_uint_gt(rbk_alerts_bytes(&alerts), one);
    set("Broken", leads_2, 2, false);
    ck_assert_uint_eq(rbk_alerts_bytes(&alerts), one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor/alerts");
    TCase *cases = tcase_create("alerts");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_alert_carries_what_is_asked_for_and_more);
    tcase_add_test(cases, an_alert_without_a_label_that_is_asked_for_is_another);
    tcase_add_test(cases, several_of_one_name_are_resolved_one_by_one);
    tcase_add_test(cases, an_empty_label_is_none);
    tcase_add_test(cases, many_fire_at_once);
    tcase_add_test(cases, what_they_take_up_is_known);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
