/*
 * Diagnostics: order, layouts, and what a limit does. The layouts are compared whole.
 */
#include "compiler/diagnostic.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)64 << 20)

static struct rbk_arena arena;
static struct rbk_diagnostics diagnostics;
static struct rbk_buffer buffer;
static struct rbk_source *source;

static void start(const char *text)
{
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_diagnostics_init(&diagnostics, &arena);
    rbk_buffer_init(&buffer, (size_t)1 << 20);
    source = rbk_source_from_text(&arena, RBK_STR("t.rbk"), rbk_str_from(text));
}

/* Where @word stands for the first time. */
static struct rbk_place place_of(const char *word)
{
    const char *at = strstr(source->text.data, word);
    ck_assert_ptr_nonnull(at);
    uint32_t first = (uint32_t)(at - source->text.data);
    return rbk_place_make(source, rbk_span_make(first, first + (uint32_t)strlen(word)));
}

static void assert_text(enum rbk_diagnostic_format format, const char *expected)
{
    rbk_diagnostics_render(&diagnostics, format, false, &buffer);
    ck_assert_str_eq(rbk_buffer_str(&buffer).data, expected);
    rbk_buffer_fini(&buffer);
    rbk_arena_fini(&arena);
}

START_TEST(records_are_sorted_by_place)
{
    start("one two three\n");
    rbk_diagnostic_error(&diagnostics, 103, place_of("three"), "c");
    rbk_diagnostic_warning(&diagnostics, 102, place_of("two"), "b, found second");
    rbk_diagnostic_error(&diagnostics, 104, place_of("two"), "b, found third");
    rbk_diagnostic_error(&diagnostics, 101, place_of("one"), "a");
    rbk_diagnostic_error(&diagnostics, 170, rbk_place_none(), "no place");
    ck_assert_uint_eq(diagnostics.errors, 4);
    ck_assert_uint_eq(diagnostics.warnings, 1);
    assert_text(RBK_DIAGNOSTIC_GCC, "error: no place [RBK170]\n"
                                    "t.rbk:1:1: error: a [RBK101]\n"
                                    "t.rbk:1:5: warning: b, found second [RBK102]\n"
                                    "t.rbk:1:5: error: b, found third [RBK104]\n"
                                    "t.rbk:1:9: error: c [RBK103]\n");
}
END_TEST

START_TEST(the_line_is_shown_with_marks_labels_notes_and_help)
{
    start("a\nb first\nc\nd\ne second\n");
    struct rbk_diagnostic *record =
        rbk_diagnostic_error(&diagnostics, 140, place_of("second"), "`x` is declared twice");
    rbk_diagnostic_mark(record, "again");
    rbk_diagnostic_label(record, place_of("first"), "first here");
    rbk_diagnostic_note(record, place_of("c"), "by the way");
    rbk_diagnostic_help(record, "Remove one.");
    assert_text(RBK_DIAGNOSTIC_HUMAN, "error[RBK140]: `x` is declared twice\n"
                                      " --> t.rbk:5:3\n"
                                      "  |\n"
                                      "2 | b first\n"
                                      "  |   ----- first here\n"
                                      "...\n"
                                      "5 | e second\n"
                                      "  |   ^^^^^^ again\n"
                                      "  |\n"
                                      "  = note: by the way\n"
                                      "    --> t.rbk:3:1\n"
                                      "  = help: Remove one.\n\n");
}
END_TEST

START_TEST(tabs_are_widened_in_text_and_marks_alike)
{
    start("\tä\tword\n");
    rbk_diagnostic_error(&diagnostics, 100, place_of("word"), "m");
    assert_text(RBK_DIAGNOSTIC_HUMAN, "error[RBK100]: m\n"
                                      " --> t.rbk:1:4\n"
                                      "  |\n"
                                      "1 |     ä   word\n"
                                      "  |         ^^^^\n\n");
}
END_TEST

START_TEST(what_a_terminal_would_obey_is_replaced)
{
    start("a\033[31mb\xff");
    rbk_diagnostic_error(&diagnostics, 161, place_of("b"), "m");
    assert_text(RBK_DIAGNOSTIC_HUMAN, "error[RBK161]: m\n"
                                      " --> t.rbk:1:7\n"
                                      "  |\n"
                                      "1 | a\xef\xbf\xbd[31mb\xef\xbf\xbd\n"
                                      "  |       ^\n\n");
}
END_TEST

START_TEST(a_label_in_another_source_is_shown_there)
{
    start("use other\n");
    struct rbk_source *other =
        rbk_source_from_text(&arena, RBK_STR("other.rbk"), RBK_STR("broken\n"));
    other->id = 1;
    struct rbk_diagnostic *record = rbk_diagnostic_error(&diagnostics, 141, place_of("other"), "m");
    rbk_diagnostic_label(record, rbk_place_make(other, rbk_span_make(0, 6)), "here");
    assert_text(RBK_DIAGNOSTIC_HUMAN, "error[RBK141]: m\n"
                                      " --> t.rbk:1:5\n"
                                      "  |\n"
                                      "1 | use other\n"
                                      "  |     ^^^^^\n"
                                      " ::: other.rbk:1:1\n"
                                      "  |\n"
                                      "1 | broken\n"
                                      "  | ------ here\n\n");
}
END_TEST

START_TEST(a_fourth_label_becomes_a_note)
{
    start("a b c d e\n");
    struct rbk_diagnostic *record = rbk_diagnostic_error(&diagnostics, 100, place_of("a"), "m");
    rbk_diagnostic_label(record, place_of("b"), "1");
    rbk_diagnostic_label(record, place_of("c"), "2");
    rbk_diagnostic_label(record, place_of("d"), "3");
    rbk_diagnostic_label(record, place_of("e"), "4");
    assert_text(RBK_DIAGNOSTIC_GCC, "t.rbk:1:1: error: m [RBK100]\n"
                                    "t.rbk:1:3: note: 1\n"
                                    "t.rbk:1:5: note: 2\n"
                                    "t.rbk:1:7: note: 3\n"
                                    "t.rbk:1:9: note: 4\n");
}
END_TEST

START_TEST(what_is_beyond_the_limit_is_counted)
{
    start("x\n");
    diagnostics.count_max = 2;
    for (int i = 0; i < 5; i++) {
        rbk_diagnostic_help(
            rbk_diagnostic_label(rbk_diagnostic_error(&diagnostics, 100, place_of("x"), "%d", i),
                                 place_of("x"), "label"),
            "help");
    }
    ck_assert_uint_eq(diagnostics.errors, 5);
    ck_assert_uint_eq(diagnostics.count, 2);
    assert_text(RBK_DIAGNOSTIC_GCC, "t.rbk:1:1: error: 0 [RBK100]\n"
                                    "t.rbk:1:1: note: label\n"
                                    "t.rbk:1:1: note: help: help\n"
                                    "t.rbk:1:1: error: 1 [RBK100]\n"
                                    "t.rbk:1:1: note: label\n"
                                    "t.rbk:1:1: note: help: help\n"
                                    "error: at least 3 more not shown\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/diagnostic");
    TCase *tests = tcase_create("diagnostic");
    tcase_add_test(tests, records_are_sorted_by_place);
    tcase_add_test(tests, the_line_is_shown_with_marks_labels_notes_and_help);
    tcase_add_test(tests, tabs_are_widened_in_text_and_marks_alike);
    tcase_add_test(tests, what_a_terminal_would_obey_is_replaced);
    tcase_add_test(tests, a_label_in_another_source_is_shown_there);
    tcase_add_test(tests, a_fourth_label_becomes_a_note);
    tcase_add_test(tests, what_is_beyond_the_limit_is_counted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
