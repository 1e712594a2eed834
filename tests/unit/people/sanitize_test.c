/*
 * Nothing from outside controls the terminal.
 */
#include "runtime/people/sanitize.h"

#include <check.h>
#include <stdlib.h>

static const char *clean(struct rbk_str text)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, 4096);
    rbk_sanitize(&out, text);
    return rbk_buffer_take(&out, NULL);
}

#define ck_clean(literal, expected)                  \
    do {                                             \
        char *got = (char *)clean(RBK_STR(literal)); \
        ck_assert_str_eq(got, expected);             \
        free(got);                                   \
    } while (0)

START_TEST(escapes_become_visible)
{
    ck_clean("\033[2J\033]0;owned\007", "\\x1b[2J\\x1b]0;owned\\x07");
    ck_clean("a\rb\bc\x7f", "a\\x0db\\x08c\\x7f");
    ck_clean("\xc2\x9b"
             "31m",
             "\\x9b31m"); /* CSI as one C1 character */
}
END_TEST

START_TEST(a_line_end_begins_no_line)
{
    ck_clean("ok\n22:04:11  forged", "ok\\n22:04:11  forged");
    ck_clean("a\tb", "a b");
}
END_TEST

START_TEST(what_is_hidden_or_reorders_becomes_visible)
{
    ck_clean("a\xe2\x80\xae"
             "b",
             "a\\u{202e}b");
    ck_clean("a\xe2\x80\x8b"
             "b",
             "a\\u{200b}b");
    ck_clean("\xef\xbb\xbfx", "\\u{feff}x");
    ck_clean("\xe2\x80\xa8x", "\\u{2028}x");
}
END_TEST

START_TEST(bytes_that_are_no_text_become_visible)
{
    ck_clean("a\xff"
             "b",
             "a\\xffb");
    ck_clean("\xc3", "\\xc3");
    ck_clean("a\0b", "a\\x00b");
}
END_TEST

START_TEST(ordinary_text_stays)
{
    ck_clean("Stra\xc3\x9f"
             "e \xe2\x9c\x93 \xe6\x97\xa5",
             "Stra\xc3\x9f"
             "e \xe2\x9c\x93 \xe6\x97\xa5");
    ck_clean("", "");
}
END_TEST

START_TEST(width_is_counted_in_columns)
{
    ck_assert_uint_eq(rbk_sanitize_columns(RBK_STR("abc")), 3);
    ck_assert_uint_eq(rbk_sanitize_columns(RBK_STR("\xe6\x97\xa5")), 2);
    ck_assert_uint_eq(rbk_sanitize_columns(RBK_STR("e\xcc\x81")), 1);
    ck_assert_uint_eq(rbk_sanitize_columns(RBK_STR("\033")), 4);
}
END_TEST

static void check_cut(struct rbk_str text, size_t columns, bool utf8, const char *expected,
                      size_t expected_columns)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, 4096);
    ck_assert_uint_eq(rbk_sanitize_cut(&out, text, columns, utf8), expected_columns);
    ck_assert_str_eq(out.data, expected);
    rbk_buffer_fini(&out);
}

START_TEST(text_is_cut_at_columns_and_never_inside_a_character)
{
    check_cut(RBK_STR("abcdef"), 6, true, "abcdef", 6);
    check_cut(RBK_STR("abcdef"), 4, true, "abc…", 4);
    check_cut(RBK_STR("abcdef"), 4, false, "abc~", 4);
    check_cut(RBK_STR("\xe6\x97\xa5\xe6\x9c\xac"), 3, true, "\xe6\x97\xa5…", 3);
    check_cut(RBK_STR("\xe6\x97\xa5\xe6\x9c\xac"), 2, true, "…", 1);
    check_cut(RBK_STR("abc"), 0, true, "", 0);
    check_cut(RBK_STR("ab\033[0m"), 5, false, "ab~", 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("sanitize");
    tcase_add_test(cases, escapes_become_visible);
    tcase_add_test(cases, a_line_end_begins_no_line);
    tcase_add_test(cases, what_is_hidden_or_reorders_becomes_visible);
    tcase_add_test(cases, bytes_that_are_no_text_become_visible);
    tcase_add_test(cases, ordinary_text_stays);
    tcase_add_test(cases, width_is_counted_in_columns);
    tcase_add_test(cases, text_is_cut_at_columns_and_never_inside_a_character);
    Suite *suite = suite_create("people/sanitize");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
