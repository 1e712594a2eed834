/*
 * What a message says of its run: one short line of any text, and values that are read back as they
 * were kept, or not at all.
 */
#include "runtime/executor/about.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/utf8.h"

static void expect_summary(const char *text, const char *wanted)
{
    struct rbk_arena arena;
    struct rbk_str got;

    rbk_arena_init(&arena, (size_t)1 << 20);
    got = rbk_about_summary(rbk_str_from(text), &arena);
    ck_assert_uint_eq(got.bytes, strlen(wanted));
    ck_assert_int_eq(memcmp(got.data, wanted, got.bytes), 0);
    rbk_arena_fini(&arena);
}

START_TEST(a_summary_is_one_line_without_control_characters)
{
    expect_summary("", "");
    expect_summary("back: disk full", "back: disk full");
    expect_summary("  a\r\n\tb\x1b[2Jc \n\n", "a b [2Jc");
    expect_summary("one\xc2\x85two\xe2\x80\xa8three\x7f", "one two three");
    expect_summary("Rückfall – нет", "Rückfall – нет");
}
END_TEST

START_TEST(a_summary_is_cut_between_two_characters)
{
    struct rbk_arena arena;
    char text[2001];
    struct rbk_str got;

    for (size_t i = 0; i < 1000; i++) {
        memcpy(text + 2 * i, "ä", 2);
    }
    text[2000] = '\0';
    rbk_arena_init(&arena, (size_t)1 << 20);
    got = rbk_about_summary(rbk_str_from(text), &arena);
    ck_assert_uint_eq(got.bytes, (RBK_SUMMARY_CHARACTERS_MAX - 1) * 2 + 3);
    ck_assert(rbk_utf8_valid(got, NULL));
    /* A text that just fits is left alone. */
    text[2 * RBK_SUMMARY_CHARACTERS_MAX] = '\0';
    got = rbk_about_summary(rbk_str_from(text), &arena);
    ck_assert_uint_eq(got.bytes, 2 * RBK_SUMMARY_CHARACTERS_MAX);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(what_was_kept_is_read_again)
{
    struct rbk_value values[RBK_VARIABLE_COUNT];
    struct rbk_arena arena;

    rbk_arena_init(&arena, (size_t)1 << 20);
    rbk_about_read(RBK_STR("{\"event\":{\"type\":\"text\",\"value\":\"abort\"},"
                           "\"run.elapsed\":{\"type\":\"duration\",\"value\":90000}}"),
                   &arena, values);
    ck_assert(rbk_str_is(values[RBK_VARIABLE_MESSAGE_EVENT].as.text, "abort"));
    ck_assert_int_eq(values[RBK_VARIABLE_RUN_ELAPSED].as.integer, 90000);
    ck_assert_int_eq(values[RBK_VARIABLE_RUN_STATUS].type, RBK_TYPE_UNKNOWN);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(what_is_not_such_an_object_says_nothing)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "3",
        "{\"event\":\"abort\"}",
        "{\"event\":{\"type\":\"int\",\"value\":3}}",
        "{\"event\":{\"type\":\"text\",\"value\":\"a\"},\"event\":{\"type\":\"text\",\"value\":\"b\"}}"};
    struct rbk_value values[RBK_VARIABLE_COUNT];
    struct rbk_arena arena;

    rbk_arena_init(&arena, (size_t)1 << 20);
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        rbk_about_read(rbk_str_from(texts[i]), &arena, values);
        for (size_t j = 0; j < RBK_VARIABLE_COUNT; j++) {
            ck_assert_int_eq(values[j].type, RBK_TYPE_UNKNOWN);
        }
    }
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor_about");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, a_summary_is_one_line_without_control_characters);
    tcase_add_test(tcase, a_summary_is_cut_between_two_characters);
    tcase_add_test(tcase, what_was_kept_is_read_again);
    tcase_add_test(tcase, what_is_not_such_an_object_says_nothing);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
