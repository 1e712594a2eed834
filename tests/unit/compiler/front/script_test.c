/*
 * Scripts: what can stand in a name, and what is never shown.
 */
#include "compiler/script.h"

#include <check.h>
#include <stdlib.h>

static enum rbk_script_fault fault_of(const char *word)
{
    return rbk_script_check(rbk_str_from(word)).fault;
}

START_TEST(one_script_is_fine)
{
    ck_assert_int_eq(fault_of("größe_2"), RBK_SCRIPT_FINE);
    ck_assert_int_eq(fault_of("число_1"), RBK_SCRIPT_FINE);
    ck_assert_int_eq(fault_of("αβγ"), RBK_SCRIPT_FINE);
    ck_assert_int_eq(fault_of("日本ひらカナ"), RBK_SCRIPT_FINE);
    ck_assert_int_eq(fault_of("plain"), RBK_SCRIPT_FINE);
}
END_TEST

START_TEST(two_scripts_are_a_fault_at_the_second)
{
    struct rbk_script_check check = rbk_script_check(RBK_STR("p\xd0\xb0yload"));
    ck_assert_int_eq(check.fault, RBK_SCRIPT_MIXED);
    ck_assert_uint_eq(check.offset, 1);
    ck_assert_uint_eq(check.bytes, 2);
    ck_assert_str_eq(check.first_script, "Latin");
    ck_assert_str_eq(check.other_script, "Cyrillic");
    ck_assert_int_eq(fault_of("αa"), RBK_SCRIPT_MIXED);
    ck_assert_int_eq(fault_of("ａb"), RBK_SCRIPT_MIXED);
}
END_TEST

START_TEST(marks_and_symbols_are_no_letters)
{
    ck_assert_int_eq(fault_of("e\xcc\x81t"), RBK_SCRIPT_COMBINING);
    ck_assert_int_eq(fault_of("a–b"), RBK_SCRIPT_NOT_A_LETTER);
    ck_assert(rbk_script_check(RBK_STR("“")).quote);
    ck_assert(!rbk_script_check(RBK_STR("–")).quote);
}
END_TEST

START_TEST(hidden_characters_are_known)
{
    static const uint32_t hidden[] = {0xad,   0x61c,  0x200b, 0x200f, 0x202a,  0x202e, 0x2066,
                                      0x2069, 0x2028, 0xfeff, 0x3164, 0xe0041, 0x1160};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        ck_assert_msg(rbk_script_is_hidden(hidden[i]), "U+%04X", hidden[i]);
    }
    ck_assert(!rbk_script_is_hidden('a'));
    ck_assert(!rbk_script_is_hidden(0xe4));
    ck_assert(!rbk_script_is_hidden(0x1f600));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/script");
    TCase *tests = tcase_create("script");
    tcase_add_test(tests, one_script_is_fine);
    tcase_add_test(tests, two_scripts_are_a_fault_at_the_second);
    tcase_add_test(tests, marks_and_symbols_are_no_letters);
    tcase_add_test(tests, hidden_characters_are_known);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
