/*
 * Graphs: cycles are found whole and once, whatever their length; heights count the longest way; a
 * chain of a million nodes needs no stack.
 */
#include "compiler/cycle.h"
#include "runtime/core/base/arena.h"

#include <check.h>
#include <stdlib.h>

#define LONG 1000000u

static struct rbk_arena arena;

/* What the walks of a test reported. */
struct found {
    uint32_t cycles;
    uint32_t length; /* Of the last one. */
    uint32_t first;  /* Its first edge. */
};

static void open_arena(void)
{
    rbk_arena_init(&arena, (size_t)1 << 30);
}

static void close_arena(void)
{
    rbk_arena_fini(&arena);
}

static void note(void *context, const uint32_t *edges, uint32_t count)
{
    struct found *found = context;
    found->cycles++;
    found->length = count;
    found->first = edges[0];
}

static struct found walk(uint32_t nodes, uint32_t edges, const uint32_t *from, const uint32_t *to,
                         uint32_t *ret_height)
{
    struct found found = {0};
    rbk_graph_walk(
        &arena,
        &(struct rbk_graph){.node_count = nodes, .edge_count = edges, .from = from, .to = to}, note,
        &found, ret_height);
    return found;
}

START_TEST(a_graph_without_cycles_has_heights)
{
    const uint32_t from[] = {0, 0, 1, 2};
    const uint32_t to[] = {1, 2, 2, 3};
    uint32_t height[5];
    struct found found = walk(5, 4, from, to, height);
    ck_assert_uint_eq(found.cycles, 0);
    ck_assert_uint_eq(height[0], 3);
    ck_assert_uint_eq(height[1], 2);
    ck_assert_uint_eq(height[3], 0);
    ck_assert_uint_eq(height[4], 0);
}
END_TEST

START_TEST(a_node_that_reaches_itself_is_a_cycle_of_one)
{
    const uint32_t from[] = {0, 1};
    const uint32_t to[] = {1, 1};
    struct found found = walk(2, 2, from, to, NULL);
    ck_assert_uint_eq(found.cycles, 1);
    ck_assert_uint_eq(found.length, 1);
    ck_assert_uint_eq(found.first, 1);
}
END_TEST

START_TEST(what_leads_to_a_cycle_is_not_part_of_it)
{
    const uint32_t from[] = {0, 1, 2, 3};
    const uint32_t to[] = {1, 2, 3, 1};
    struct found found = walk(4, 4, from, to, NULL);
    ck_assert_uint_eq(found.cycles, 1);
    ck_assert_uint_eq(found.length, 3);
    ck_assert_uint_eq(found.first, 1);
}
END_TEST

START_TEST(a_node_is_in_one_report_only)
{
    /* Two cycles through node 0, and one apart. */
    const uint32_t from[] = {0, 1, 0, 2, 3, 4};
    const uint32_t to[] = {1, 0, 2, 0, 4, 3};
    struct found found = walk(5, 6, from, to, NULL);
    ck_assert_uint_eq(found.cycles, 2);
    ck_assert_uint_eq(found.length, 2);
}
END_TEST

START_TEST(a_cycle_of_a_million_nodes_is_found)
{
    uint32_t *from = rbk_new_array(&arena, uint32_t, LONG);
    uint32_t *to = rbk_new_array(&arena, uint32_t, LONG);
    for (uint32_t i = 0; i < LONG; i++) {
        from[i] = i;
        to[i] = (i + 1) % LONG;
    }
    struct found found = walk(LONG, LONG, from, to, NULL);
    ck_assert_uint_eq(found.cycles, 1);
    ck_assert_uint_eq(found.length, LONG);
    uint32_t *height = rbk_new_array(&arena, uint32_t, LONG);
    found = walk(LONG, LONG - 1, from, to, height);
    ck_assert_uint_eq(found.cycles, 0);
    ck_assert_uint_eq(height[0], LONG - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cycle");
    TCase *tests = tcase_create("cycle");
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_graph_without_cycles_has_heights);
    tcase_add_test(tests, a_node_that_reaches_itself_is_a_cycle_of_one);
    tcase_add_test(tests, what_leads_to_a_cycle_is_not_part_of_it);
    tcase_add_test(tests, a_node_is_in_one_report_only);
    tcase_add_test(tests, a_cycle_of_a_million_nodes_is_found);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
