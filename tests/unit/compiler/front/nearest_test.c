/*
 * "Did you mean": near means mistyped, not merely short.
 */
#include "compiler/nearest.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The best of some candidates, which are separated by blanks. */
static struct rbk_str best_of(const char *word, const char *candidates)
{
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, rbk_str_from(word));
    for (const char *at = candidates; *at;) {
        size_t bytes = strcspn(at, " ");
        rbk_nearest_offer(&nearest, (struct rbk_str){at, bytes});
        at += bytes + (at[bytes] == ' ');
    }
    return nearest.best;
}

START_TEST(one_letter_wrong_missing_added_or_swapped_is_near)
{
    ck_assert(rbk_str_is(best_of("chack", "shell check run"), "check"));
    ck_assert(rbk_str_is(best_of("chek", "shell check run"), "check"));
    ck_assert(rbk_str_is(best_of("checck", "shell check run"), "check"));
    ck_assert(rbk_str_is(best_of("chekc", "shell check run"), "check"));
    ck_assert(rbk_str_is(best_of("Check", "shell check run"), "check"));
}
END_TEST

START_TEST(another_word_is_not_near)
{
    ck_assert_uint_eq(best_of("deploy", "shell check run").bytes, 0);
    ck_assert_uint_eq(best_of("xy", "ab cd").bytes, 0);
    ck_assert_uint_eq(best_of("", "a").bytes, 0);
}
END_TEST

START_TEST(the_nearest_wins_and_of_equals_the_first)
{
    ck_assert(rbk_str_is(best_of("rollbak", "rollbacks rollback"), "rollback"));
    ck_assert(rbk_str_is(best_of("bat", "cat hat"), "cat"));
}
END_TEST

START_TEST(the_word_itself_is_no_help)
{
    ck_assert_uint_eq(best_of("check", "check").bytes, 0);
}
END_TEST

START_TEST(very_long_words_are_not_compared)
{
    char word[200];
    char other[200];
    memset(word, 'a', sizeof(word) - 1);
    memset(other, 'a', sizeof(other) - 1);
    word[199] = other[199] = '\0';
    other[5] = 'b';
    ck_assert_uint_eq(best_of(word, other).bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/nearest");
    TCase *tests = tcase_create("nearest");
    tcase_add_test(tests, one_letter_wrong_missing_added_or_swapped_is_near);
    tcase_add_test(tests, another_word_is_not_near);
    tcase_add_test(tests, the_nearest_wins_and_of_equals_the_first);
    tcase_add_test(tests, the_word_itself_is_no_help);
    tcase_add_test(tests, very_long_words_are_not_compared);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
