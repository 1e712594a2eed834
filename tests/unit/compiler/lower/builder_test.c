/*
 * The builder: states made in any order end up side by side by region, and every reference to them
 * means the same state as before.
 */
#include "compiler/lower/builder.h"

#include <check.h>
#include <stdlib.h>

static struct rbk_arena arena;
static struct rbk_builder builder;

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)1 << 24);
    rbk_builder_init(&builder, &arena);
}

static void tear_down(void)
{
    rbk_arena_fini(&arena);
}

static uint32_t region(void)
{
    struct rbk_region row = {.applied = RBK_NONE,
                             .rollback = RBK_NONE,
                             .rolled_back = RBK_NONE,
                             .held = RBK_NONE,
                             .stuck = RBK_NONE,
                             .apply = RBK_NONE};
    return rbk_build_region(&builder, row);
}

/* A state that leads to `ok` and `fail`. */
static uint32_t state(uint32_t in, const char *name, uint32_t ok, uint32_t fail)
{
    struct rbk_machine_state row = {.name = rbk_str_from(name), .region = in, .guard = RBK_NONE};
    for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        row.next[i] = RBK_NONE;
    }
    row.next[RBK_OUTCOME_OK] = ok;
    row.next[RBK_OUTCOME_FAIL] = fail;
    return rbk_builder_state(&builder, row);
}

static const char *name_of(uint32_t index)
{
    return index == RBK_NONE ? "none" : builder.machine->states[index].name.data;
}

START_TEST(states_of_a_region_end_up_side_by_side_in_the_order_they_were_made)
{
    uint32_t a = region();
    uint32_t b = region();
    state(a, "a1", RBK_NONE, RBK_NONE);
    state(b, "b1", RBK_NONE, RBK_NONE);
    state(a, "a2", RBK_NONE, RBK_NONE);
    state(b, "b2", RBK_NONE, RBK_NONE);
    rbk_builder_finish(&builder);
    const struct rbk_region *regions = builder.machine->regions;
    ck_assert_uint_eq(regions[a].states.first, 0);
    ck_assert_uint_eq(regions[a].states.count, 2);
    ck_assert_uint_eq(regions[b].states.first, 2);
    ck_assert_uint_eq(regions[b].states.count, 2);
    ck_assert_str_eq(name_of(0), "a1");
    ck_assert_str_eq(name_of(1), "a2");
    ck_assert_str_eq(name_of(2), "b1");
    ck_assert_str_eq(name_of(3), "b2");
}
END_TEST

START_TEST(every_kind_of_reference_finds_its_state)
{
    uint32_t a = region();
    uint32_t b = region();
    uint32_t later = rbk_builder_label(&builder);
    uint32_t a1 = state(a, "a1", RBK_REF_NEXT, later);
    uint32_t b1 = state(b, "b1", RBK_NONE, RBK_NONE);
    uint32_t a2 = state(a, "a2", RBK_REF_NEXT, a1);
    rbk_builder_set(&builder, later, a);
    uint32_t a3 = state(a, "a3", RBK_NONE, a2);
    builder.machine->states[a3].guard = b1;
    rbk_builder_finish(&builder);
    const struct rbk_machine_state *states = builder.machine->states;
    ck_assert_str_eq(name_of(states[0].next[RBK_OUTCOME_OK]), "a2");
    ck_assert_str_eq(name_of(states[0].next[RBK_OUTCOME_FAIL]), "a3");
    ck_assert_str_eq(name_of(states[1].next[RBK_OUTCOME_OK]), "a3");
    ck_assert_str_eq(name_of(states[1].next[RBK_OUTCOME_FAIL]), "a1");
    ck_assert_str_eq(name_of(states[2].next[RBK_OUTCOME_OK]), "none");
    ck_assert_str_eq(name_of(states[2].next[RBK_OUTCOME_FAIL]), "a2");
    ck_assert_str_eq(name_of(states[2].guard), "b1");
}
END_TEST

START_TEST(an_equal_constant_is_kept_once)
{
    uint32_t five = rbk_builder_constant(&builder, rbk_value_integer(RBK_TYPE_INT, 5));
    uint32_t text = rbk_builder_constant(&builder, rbk_value_text(RBK_TYPE_TEXT, RBK_STR("5")));
    uint32_t url = rbk_builder_constant(&builder, rbk_value_text(RBK_TYPE_URL, RBK_STR("5")));
    ck_assert_uint_ne(five, text);
    ck_assert_uint_ne(text, url);
    for (int64_t i = 0; i < 1000; i++) {
        (void)rbk_builder_constant(&builder, rbk_value_integer(RBK_TYPE_INT, i));
    }
    ck_assert_uint_eq(rbk_builder_constant(&builder, rbk_value_integer(RBK_TYPE_INT, 5)), five);
    ck_assert_uint_eq(rbk_builder_constant(&builder, rbk_value_text(RBK_TYPE_TEXT, RBK_STR("5"))),
                      text);
    ck_assert_uint_eq(builder.machine->constant_count, 1002);
}
END_TEST

START_TEST(what_is_built_inside_an_expression_leaves_it_whole)
{
    uint32_t outer = builder.open_code_count;
    rbk_builder_push_code(&builder, RBK_OP_CONST, 1);
    uint32_t inner = builder.open_code_count;
    rbk_builder_push_code(&builder, RBK_OP_CONST, 2);
    struct rbk_slice inside = rbk_builder_close_codes(&builder, inner);
    rbk_builder_push_code(&builder, RBK_OP_CONST, 3);
    struct rbk_slice whole = rbk_builder_close_codes(&builder, outer);
    const struct rbk_op_code *codes = builder.machine->codes;
    ck_assert_uint_eq(inside.count, 1);
    ck_assert_uint_eq(codes[inside.first].operand, 2);
    ck_assert_uint_eq(whole.count, 2);
    ck_assert_uint_eq(codes[whole.first].operand, 1);
    ck_assert_uint_eq(codes[whole.first + 1].operand, 3);
    ck_assert_uint_eq(builder.open_code_count, outer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/lower/builder");
    TCase *cases = tcase_create("builder");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, states_of_a_region_end_up_side_by_side_in_the_order_they_were_made);
    tcase_add_test(cases, every_kind_of_reference_finds_its_state);
    tcase_add_test(cases, an_equal_constant_is_kept_once);
    tcase_add_test(cases, what_is_built_inside_an_expression_leaves_it_whole);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
