/*
 * Texts: what stands between quotes and what it means.
 */
#include "compiler/diagnostic.h"
#include "compiler/name.h"
#include "compiler/parse.h"
#include "compiler/tree.h"
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX ((size_t)64 << 20)

static struct rbk_arena arena;

/* The tree of `plan p { title … }`, and its text. */
static const struct rbk_tree_expr *parse_text(const char *literal)
{
    struct rbk_names names;
    struct rbk_diagnostics diagnostics;
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
    rbk_diagnostics_init(&diagnostics, &arena);
    struct rbk_str text = rbk_arena_printf(&arena, "plan p {\n    title %s\n}\n", literal);
    struct rbk_source *source = rbk_source_from_text(&arena, RBK_STR("t.rbk"), text);
    struct rbk_tree_file *file = rbk_parse_source(&arena, &names, source, &diagnostics);
    ck_assert_msg(!file->broken, "%s is refused", literal);
    return file->block.first->block->first->value;
}

static void assert_means(const char *literal, const char *meaning)
{
    const struct rbk_tree_expr *text = parse_text(literal);
    ck_assert_int_eq(text->kind, RBK_EXPR_STRING);
    ck_assert(!text->has_parts);
    ck_assert_msg(rbk_str_is(text->text, meaning), "%s means \"%.*s\"", literal,
                  RBK_STR_ARG(text->text));
    rbk_arena_fini(&arena);
}

START_TEST(escapes_are_resolved_in_double_quotes_only)
{
    assert_means("\"a\\tb\\nc\\\"d\\\\e\"", "a\tb\nc\"d\\e");
    assert_means("'a\\tb'", "a\\tb");
    assert_means("'''a\\tb'''", "a\\tb");
    assert_means("\"\"\"a\\tb \"quoted\" \"\"\"", "a\tb \"quoted\" ");
    assert_means("\"\"", "");
    assert_means("''", "");
    assert_means("\"\"\"\"\"\"", "");
}
END_TEST

START_TEST(a_doubled_dollar_is_a_literal_interpolation)
{
    assert_means("\"$${x} $ $$ $1\"", "${x} $ $$ $1");
    assert_means("'${x} $${x}'", "${x} $${x}");
}
END_TEST

START_TEST(common_indentation_is_removed)
{
    assert_means("\"\"\"\n      a\n        b\n\n      c\n      \"\"\"", "a\n  b\n\nc");
    assert_means("\"\"\"\n      a\n    b\"\"\"", "  a\nb");
    assert_means("'''\n\ta\n\tb\n'''", "a\nb");
    assert_means("\"\"\"first\n    second\"\"\"", "first\nsecond");
    assert_means("\"\"\"\n    \"\"\"", "");
    assert_means("\"\"\"\n    a\n\n    \"\"\"", "a\n");
    assert_means("\"\"\"   one line   \"\"\"", "   one line   ");
}
END_TEST

START_TEST(an_escaped_line_end_does_not_begin_a_line)
{
    assert_means("\"\"\"\n    a\\n    b\n    \"\"\"", "a\n    b");
}
END_TEST

START_TEST(parts_are_texts_and_expressions)
{
    const struct rbk_tree_expr *text = parse_text("\"a ${b} $${c} ${d}${e}\"");
    ck_assert(text->has_parts);
    const struct rbk_tree_expr *part = text->parts;
    ck_assert(rbk_str_is(part->text, "a "));
    part = part->next;
    ck_assert_int_eq(part->kind, RBK_EXPR_NAME);
    part = part->next;
    ck_assert_int_eq(part->kind, RBK_EXPR_TEXT);
    ck_assert(rbk_str_is(part->text, " ${c} "));
    part = part->next;
    ck_assert_int_eq(part->kind, RBK_EXPR_NAME);
    part = part->next;
    ck_assert_int_eq(part->kind, RBK_EXPR_NAME);
    ck_assert_ptr_null(part->next);
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(indentation_goes_at_line_starts_only_also_around_parts)
{
    const struct rbk_tree_expr *text =
        parse_text("\"\"\"\n      x ${a}    y\n        ${b}\n      \"\"\"");
    const struct rbk_tree_expr *part = text->parts;
    ck_assert(rbk_str_is(part->text, "x "));
    part = part->next->next;
    ck_assert(rbk_str_is(part->text, "    y\n  "));
    ck_assert_ptr_null(part->next->next);
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/text");
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, escapes_are_resolved_in_double_quotes_only);
    tcase_add_test(tests, a_doubled_dollar_is_a_literal_interpolation);
    tcase_add_test(tests, common_indentation_is_removed);
    tcase_add_test(tests, an_escaped_line_end_does_not_begin_a_line);
    tcase_add_test(tests, parts_are_texts_and_expressions);
    tcase_add_test(tests, indentation_goes_at_line_starts_only_also_around_parts);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
