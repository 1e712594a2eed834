/*
 * What analysis leaves on the tree for lowering, as program.h promises: refs, argument numbers,
 * conversions, the parts of a stage, and a walk over everything.
 */
#include "compiler/compile.h"

#include <check.h>
#include <stdlib.h>

static struct rbk_compile compile;

static const char plan_text[] =
    "action raise(by: int, table: text = \"prices\") {\n"
    "    let before = run.output(\"price\")\n"
    "    run \"raise ${by} ${table}\" timeout 5s idempotent\n"
    "    undo { run [\"lower\", before] timeout 5s idempotent }\n"
    "}\n"
    "plan shop {\n"
    "    param base: url = \"http://localhost/\"\n"
    "    param share: number = 1\n"
    "    connection db = sqlite(\"shop.db\")\n"
    "    connection cache = redis(\"redis://localhost/\")\n"
    "    probe load = host.load() every 5s\n"
    "    trigger busy when avg(load, 5m) > 10 * share then abort\n"
    "    stage prices \"Prices\" {\n"
    "        prepare within 1m { let first = sql.value(db, \"SELECT 1\") }\n"
    "        apply within 1m {\n"
    "            do raise(table: \"other\", by: 2)\n"
    "            do raise(3)\n"
    "            if first == 1 { run \"a\" idempotent } else { run \"b\" idempotent }\n"
    "        }\n"
    "        verify within 1m {\n"
    "            check \"raised\" redis.value(cache, \"GET\", \"a\", \"b\") == base\n"
    "        }\n"
    "        rollback down when first within 1m {\n"
    "            undo\n"
    "            run \"more\" idempotent\n"
    "            verify { check \"back\" sql.value(db, \"SELECT 1\") == 1 }\n"
    "        }\n"
    "    }\n"
    "}\n";

static void analyse(void)
{
    rbk_compile_open(&compile, "/nonexistent");
    rbk_compile_load_text(&compile, "shop.rbk", rbk_str_from(plan_text));
    ck_assert_int_eq(rbk_compile_analyse(&compile), 0);
}

static void close_compile(void)
{
    rbk_compile_close(&compile);
}

static const struct rbk_program_stage *stage(void)
{
    return rbk_program_stage_of(rbk_program_head(&compile.program, RBK_STATEMENT_STAGE));
}

START_TEST(the_parts_of_a_stage_are_found)
{
    const struct rbk_program_stage *found = stage();
    ck_assert_ptr_nonnull(found->prepare);
    ck_assert_ptr_nonnull(found->apply);
    ck_assert_ptr_nonnull(found->verify);
    ck_assert_uint_eq(found->rollbacks.count, 1);
    ck_assert_uint_eq(found->afters.count, 0);
    ck_assert_uint_eq(compile.program.triggers.count, 1);
    ck_assert_uint_eq(found->rollbacks.items[0]->declaration->kind, RBK_DECLARATION_STRATEGY);
}
END_TEST

START_TEST(arguments_are_numbered_by_their_parameters)
{
    const struct rbk_tree_expr *call = stage()->apply->block->first->value;
    ck_assert_uint_eq(call->ref->kind, RBK_DECLARATION_ACTION);
    ck_assert_uint_eq(call->arguments->index, 1);
    ck_assert_uint_eq(call->arguments->next->index, 0);
    ck_assert_int_eq(rbk_call_value(call, 0)->number, 2);
    ck_assert(rbk_str_is(rbk_call_value(call, 1)->text, "other"));
}
END_TEST

START_TEST(a_default_stands_in_for_an_argument)
{
    const struct rbk_tree_expr *call = stage()->apply->block->first->next->value;
    ck_assert_int_eq(rbk_call_value(call, 0)->number, 3);
    ck_assert(rbk_str_is(rbk_call_value(call, 1)->text, "prices"));
    ck_assert_ptr_null(rbk_call_value(call, 2));
}
END_TEST

START_TEST(a_repeated_parameter_gives_its_number_to_each_argument)
{
    const struct rbk_tree_expr *check = stage()->verify->block->first->value;
    const struct rbk_tree_expr *call = check->left;
    uint32_t words = 0;
    for (const struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        words += at->index == 1;
    }
    ck_assert_uint_eq(words, 3);
    ck_assert_uint_eq(rbk_builtin_of(call->ref)->is.read, RBK_READ_REDIS_VALUE);
}
END_TEST

START_TEST(conversions_stand_beside_the_type)
{
    const struct rbk_tree_expr *check = stage()->verify->block->first->value;
    ck_assert_uint_eq(check->left->typing.type, RBK_TYPE_SCALAR);
    ck_assert_uint_eq(rbk_expr_read_as(check->left), RBK_TYPE_URL);
    ck_assert_uint_eq(rbk_expr_read_as(check->right), RBK_TYPE_UNKNOWN);

    const struct rbk_tree_statement *share = compile.program.head[RBK_STATEMENT_PARAM].items[1];
    ck_assert_uint_eq(share->value->typing.type, RBK_TYPE_INT);
    ck_assert_uint_eq(rbk_expr_type(share->value), RBK_TYPE_NUMBER);

    const struct rbk_tree_clause *when =
        rbk_tree_clause_find(stage()->rollbacks.items[0], RBK_CLAUSE_WHEN);
    ck_assert_uint_eq(rbk_expr_read_as(when->value), RBK_TYPE_BOOL);
}
END_TEST

START_TEST(a_use_of_a_slot_points_at_its_declaration)
{
    const struct rbk_tree_statement *let = stage()->prepare->block->first;
    const struct rbk_tree_clause *when =
        rbk_tree_clause_find(stage()->rollbacks.items[0], RBK_CLAUSE_WHEN);
    ck_assert_ptr_eq(when->value->ref, let->declaration);
    ck_assert_uint_eq(let->declaration->typing.type, RBK_TYPE_SCALAR);
}
END_TEST

START_TEST(a_walk_meets_every_statement_once_and_else_blocks_after_blocks)
{
    struct rbk_tree_statement *apply = stage()->apply;
    const enum rbk_statement_kind expected[] = {
        RBK_STATEMENT_APPLY, RBK_STATEMENT_DO,  RBK_STATEMENT_DO,
        RBK_STATEMENT_IF,    RBK_STATEMENT_RUN, RBK_STATEMENT_RUN,
    };
    size_t count = 0;
    for (struct rbk_tree_statement *at = apply; at; at = rbk_statement_next(apply, at)) {
        ck_assert_uint_lt(count, RBK_COUNT(expected));
        ck_assert_uint_eq(at->kind, expected[count]);
        count++;
    }
    ck_assert_uint_eq(count, RBK_COUNT(expected));
}
END_TEST

START_TEST(what_belongs_to_lowering_is_untouched)
{
    struct rbk_tree_statement *plan = compile.program.plan;
    for (struct rbk_tree_statement *at = plan; at; at = rbk_statement_next(plan, at)) {
        ck_assert_uint_eq(at->annotation_index, 0);
        if (at->declaration) {
            ck_assert_uint_eq(at->declaration->index, 0);
        }
    }
    const struct rbk_tree_statement *action = compile.program.files[0]->actions.items[0];
    ck_assert_uint_eq(action->declaration->index, 0);
    ck_assert(rbk_program_action_of(action)->bounded);
    ck_assert(rbk_program_action_of(action)->has_effect);
    ck_assert_ptr_nonnull(rbk_program_action_of(action)->undo);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("annotation");
    TCase *tests = tcase_create("annotation");
    tcase_add_checked_fixture(tests, analyse, close_compile);
    tcase_add_test(tests, the_parts_of_a_stage_are_found);
    tcase_add_test(tests, arguments_are_numbered_by_their_parameters);
    tcase_add_test(tests, a_default_stands_in_for_an_argument);
    tcase_add_test(tests, a_repeated_parameter_gives_its_number_to_each_argument);
    tcase_add_test(tests, conversions_stand_beside_the_type);
    tcase_add_test(tests, a_use_of_a_slot_points_at_its_declaration);
    tcase_add_test(tests, a_walk_meets_every_statement_once_and_else_blocks_after_blocks);
    tcase_add_test(tests, what_belongs_to_lowering_is_untouched);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
