/*
 * Parsing: what the goldens cannot show, such as parents, spans, exact literals, and that no damage
 * to a plan goes unnoticed or ends badly.
 */
#include "compiler/parse.h"

#include "compiler/clause.h"
#include "compiler/diagnostic.h"
#include "compiler/format_scan.h"
#include "compiler/name.h"
#include "compiler/tree.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t)256 << 20)

static struct rbk_arena arena;
static struct rbk_names names;
static struct rbk_diagnostics diagnostics;

static struct rbk_tree_file *parse(struct rbk_str text)
{
    rbk_arena_init(&arena, MEMORY_MAX);
    rbk_names_init(&names, &arena);
    rbk_diagnostics_init(&diagnostics, &arena);
    struct rbk_source *source = rbk_source_from_text(&arena, RBK_STR("t.rbk"), text);
    return rbk_parse_source(&arena, &names, source, &diagnostics);
}

static const char plan[] =
    "plan p {\n"
    "    param limit: ratio = 0.1%\n"
    "    stage one \"One\" {\n"
    "        apply within 2m {\n"
    "            if limit < 5% { run \"a\" timeout 1.5s } else { run \"b\" }\n"
    "        }\n"
    "        rollback down when (limit) > 1 every 1m { undo }\n"
    "    }\n"
    "}\n";

START_TEST(parents_and_heads_are_set)
{
    struct rbk_tree_file *file = parse(rbk_str_from(plan));
    ck_assert(!file->broken);
    struct rbk_tree_statement *p = file->block.first;
    struct rbk_tree_statement *stage = p->block->last;
    struct rbk_tree_statement *apply = stage->block->first;
    struct rbk_tree_statement *branch = apply->block->first;
    ck_assert_ptr_null(p->parent);
    ck_assert_ptr_eq(stage->parent, p);
    ck_assert_ptr_eq(apply->parent, stage);
    ck_assert_ptr_eq(branch->block->first->parent, branch);
    ck_assert_ptr_eq(branch->else_block->first->parent, branch);
    ck_assert_uint_eq(p->block->count, 2);
    ck_assert(rbk_str_is(rbk_source_text(file->source, stage->head), "stage one \"One\""));
    ck_assert(rbk_str_is(rbk_source_text(file->source, apply->clauses->span), "within 2m"));
    struct rbk_tree_statement *rollback = stage->block->last;
    ck_assert(rbk_str_is(rbk_source_text(file->source, rollback->head), "rollback down"));
    struct rbk_tree_clause *when = rbk_tree_clause_find(rollback, RBK_CLAUSE_WHEN);
    ck_assert(rbk_str_is(rbk_source_text(file->source, when->value->span), "(limit) > 1"));
    rbk_arena_fini(&arena);
}
END_TEST

START_TEST(literals_are_exact)
{
    struct rbk_tree_file *file = parse(rbk_str_from(plan));
    struct rbk_tree_statement *p = file->block.first;
    struct rbk_tree_expr *ratio = p->block->first->value;
    ck_assert_int_eq(ratio->kind, RBK_EXPR_RATIO);
    ck_assert_int_eq(ratio->number, 1);
    ck_assert_uint_eq(ratio->decimals, 3);
    struct rbk_tree_statement *run = p->block->last->block->first->block->first->block->first;
    ck_assert_uint_eq(rbk_clause_duration_ms(run->clauses), 1500);
    rbk_arena_fini(&arena);
}
END_TEST

/* Parse a damaged plan: a diagnostic or a tree, and a printable one. */
static void assert_survives(struct rbk_str text)
{
    struct rbk_tree_file *file = parse(text);
    ck_assert_int_eq(file->broken, diagnostics.errors > 0);
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, (size_t)16 << 20);
    rbk_diagnostics_render(&diagnostics, RBK_DIAGNOSTIC_HUMAN, false, &buffer);
    ck_assert_int_eq(buffer.bytes > 0, diagnostics.count > 0);
    rbk_buffer_fini(&buffer);
    rbk_arena_fini(&arena);
}

START_TEST(any_token_may_be_missing_or_doubled)
{
    struct rbk_str text = rbk_str_from(plan);
    (void)parse(text);
    struct rbk_source *source = rbk_source_from_text(&arena, RBK_STR("t.rbk"), text);
    struct rbk_format_text tokens;
    rbk_format_scan(&arena, &names, source, &tokens);
    struct rbk_span spans[256];
    uint32_t count = tokens.token_count;
    ck_assert_uint_lt(count, 256);
    for (uint32_t i = 0; i < count; i++) {
        spans[i] = tokens.tokens[i].span;
    }
    rbk_arena_fini(&arena);

    for (uint32_t i = 0; i < count; i++) {
        struct rbk_buffer damaged;
        struct rbk_str token = rbk_str_slice(text, spans[i].start, spans[i].end);
        rbk_buffer_init(&damaged, (size_t)1 << 20);
        rbk_buffer_append_str(&damaged, rbk_str_slice(text, 0, spans[i].start));
        rbk_buffer_append_str(&damaged, rbk_str_slice(text, spans[i].end, text.bytes));
        assert_survives(rbk_buffer_str(&damaged));
        rbk_buffer_clear(&damaged);
        rbk_buffer_append_str(&damaged, rbk_str_slice(text, 0, spans[i].end));
        rbk_buffer_append_byte(&damaged, ' ');
        rbk_buffer_append_str(&damaged, token);
        rbk_buffer_append_str(&damaged, rbk_str_slice(text, spans[i].end, text.bytes));
        assert_survives(rbk_buffer_str(&damaged));
        rbk_buffer_fini(&damaged);
    }
}
END_TEST

/* How many errors a plan has that is @before, @count times @middle, and @after. */
static uint32_t errors_of(const char *before, const char *middle, size_t count, const char *after)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, (size_t)16 << 20);
    rbk_buffer_append_text(&text, before);
    for (size_t i = 0; i < count; i++) {
        rbk_buffer_append_text(&text, middle);
    }
    rbk_buffer_append_text(&text, after);
    (void)parse(rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    uint32_t errors = diagnostics.errors;
    if (errors == 1) {
        ck_assert_uint_eq(diagnostics.first->code, RBK_RULE_LIMIT);
    }
    rbk_arena_fini(&arena);
    return errors;
}

START_TEST(nesting_has_a_limit_and_reaches_it)
{
    /* The operand and the sum: one level each. */
    size_t depth = RBK_EXPRESSION_DEPTH_MAX - 1;
    ck_assert_uint_eq(errors_of("plan p { title 1", " + 1", depth, " }"), 0);
    ck_assert_uint_eq(errors_of("plan p { title 1", " + 1", depth + 1, " }"), 1);
    ck_assert_uint_eq(errors_of("plan p { title ", "-", depth, "1 }"), 0);
    ck_assert_uint_eq(errors_of("plan p { title ", "-", 100000, "1 }"), 1);
    ck_assert_uint_eq(errors_of("plan p { title ", "not ", 100000, "1 }"), 1);
    ck_assert_uint_eq(errors_of("plan p { title ", "(", 100000, ""), 1);
    ck_assert_uint_eq(errors_of("plan p { title ", "[", 100000, ""), 1);
    ck_assert_uint_eq(errors_of("plan p { title a", ".b", 100000, " }"), 1);
    ck_assert_uint_eq(errors_of("plan p { title ", "\"${", 100000, ""), 1);
    ck_assert_uint_eq(errors_of("plan p { stage s { apply {", "if a {", 100000, ""), 1);
    ck_assert_uint_eq(errors_of("plan p { param a: ", "list of ", 100000, "int }"), 1);
    ck_assert_uint_eq(
        errors_of("plan p { severity a then ", "ask b within 1m else ", 100000, "abort }"), 1);
}
END_TEST

START_TEST(a_text_may_be_as_long_as_it_may)
{
    ck_assert_uint_eq(errors_of("plan p { title \"", "x", RBK_STRING_BYTES_MAX, "\" }"), 0);
    ck_assert_uint_eq(errors_of("plan p { title \"", "x", RBK_STRING_BYTES_MAX + 1, "\" }"), 1);
    ck_assert_uint_eq(errors_of("plan ", "x", RBK_NAME_BYTES_MAX, " { }"), 0);
    ck_assert_uint_eq(errors_of("plan ", "x", RBK_NAME_BYTES_MAX + 1, " { }"), 1);
}
END_TEST

START_TEST(an_endless_list_of_errors_ends_where_no_more_are_shown)
{
    uint32_t errors = errors_of("plan p {", "title +\n", 100000, "}");
    ck_assert_uint_gt(errors, RBK_DIAGNOSTICS_MAX);
    ck_assert_uint_lt(errors, 2 * RBK_DIAGNOSTICS_MAX);
}
END_TEST

START_TEST(every_clause_belongs_somewhere)
{
    for (unsigned clause = 0; clause < RBK_CLAUSE_KINDS; clause++) {
        bool belongs = false;
        for (unsigned kind = 0; kind < RBK_STATEMENT_KINDS; kind++) {
            belongs |=
                rbk_clause_belongs((enum rbk_statement_kind)kind, (enum rbk_clause_kind)clause);
        }
        ck_assert_msg(belongs, "%s", rbk_clause_words((enum rbk_clause_kind)clause));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/parse");
    TCase *tests = tcase_create("parse");
    tcase_add_test(tests, parents_and_heads_are_set);
    tcase_add_test(tests, literals_are_exact);
    tcase_add_test(tests, any_token_may_be_missing_or_doubled);
    tcase_add_test(tests, nesting_has_a_limit_and_reaches_it);
    tcase_add_test(tests, a_text_may_be_as_long_as_it_may);
    tcase_add_test(tests, an_endless_list_of_errors_ends_where_no_more_are_shown);
    tcase_add_test(tests, every_clause_belongs_somewhere);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
