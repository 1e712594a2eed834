/* Items are kept once, keep their numbers, and a budget that is used up changes nothing. */
#include "compiler/explore/intern.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(equal_items_have_one_number)
{
    struct rbk_intern_budget budget = {.bytes_max = (size_t)1 << 24};
    struct rbk_intern set;
    rbk_intern_init(&set, &budget, 12);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            uint32_t item[3] = {i, i * 7, i % 3};
            uint32_t number;
            bool new;
            ck_assert(rbk_intern_add(&set, item, &number, &new));
            ck_assert_uint_eq(number, i);
            ck_assert_int_eq(new, round == 0);
        }
    }
    const uint32_t *kept = rbk_intern_item(&set, 4321);
    ck_assert_uint_eq(kept[1], 4321u * 7);
    ck_assert_uint_eq(set.count, 5000);
    rbk_intern_fini(&set);
}
END_TEST

START_TEST(a_budget_that_is_used_up_is_said_and_changes_nothing)
{
    struct rbk_intern_budget budget = {.bytes_max = 40000};
    struct rbk_intern set;
    uint32_t number;
    uint32_t i = 0;
    bool new;
    rbk_intern_init(&set, &budget, 8);
    for (;; i++) {
        uint32_t item[2] = {i, i};
        ck_assert_uint_lt(i, 100000);
        if (!rbk_intern_add(&set, item, &number, &new)) {
            break;
        }
    }
    ck_assert_uint_gt(i, 100);
    ck_assert_uint_eq(set.count, i);
    ck_assert_uint_le(budget.bytes, budget.bytes_max);
    uint32_t first[2] = {0, 0};
    if (rbk_intern_add(&set, first, &number, &new)) {
        ck_assert_uint_eq(number, 0);
    }
    rbk_intern_fini(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore_intern");
    TCase *tests = tcase_create("intern");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, equal_items_have_one_number);
    tcase_add_test(tests, a_budget_that_is_used_up_is_said_and_changes_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
