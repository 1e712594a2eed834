/*
 * Exploration against itself: what is left out changes neither a verdict nor an exit.
 */
#include "compiler/explore/explore.h"

#include "runtime/core/base/error.h"
#include "tests/unit/compiler/explore/plan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30)
#define RANDOM_PLANS 40u
#define FULL_STATES_MAX 12000

static void explore(struct rbk_arena *arena, const struct rbk_machine *machine, bool full,
                    uint64_t states_max, struct rbk_explore_result *ret_result)
{
    struct rbk_explore_options options = {.full = full, .states_max = states_max};
    ck_assert_int_eq(rbk_explore(arena, machine, &options, ret_result), 0);
}

static void fail_with_story(const struct rbk_explore_violation *violation)
{
    for (uint32_t i = 0; i < violation->line_count; i++) {
        fprintf(stderr, "%u. %s\n", (unsigned)i + 1, violation->lines[i].text.data);
    }
    ck_abort_msg("%s: %s", rbk_explore_property_name(violation->property), violation->text.data);
}

START_TEST(a_plan_that_keeps_its_promises_is_proved)
{
    struct rbk_arena arena;
    struct rbk_explore_result result;
    struct machine_builder *mb = plan_two_stages();
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    explore(&arena, mb_machine(mb), false, 0, &result);
    if (result.violation_count) {
        fail_with_story(&result.violations[0]);
    }
    ck_assert(result.complete);
    ck_assert_uint_gt(result.states, 50);
    ck_assert_uint_gt(result.exit_count, 10);
    rbk_arena_fini(&arena);
    mb_free(mb);
}
END_TEST

START_TEST(a_limit_that_is_reached_leaves_nothing_proved)
{
    struct rbk_arena arena;
    struct rbk_explore_result result;
    struct machine_builder *mb = plan_two_stages();
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    explore(&arena, mb_machine(mb), false, 20, &result);
    ck_assert(!result.complete);
    ck_assert_uint_gt(result.frontier, 0);
    struct rbk_explore_options options = {.bytes_max = 100000};
    ck_assert_int_eq(rbk_explore(&arena, mb_machine(mb), &options, &result), 0);
    ck_assert(!result.complete);
    ck_assert_uint_le(result.bytes, 100000);
    rbk_arena_fini(&arena);
    mb_free(mb);
}
END_TEST

static const struct rbk_explore_exit *find_exit(const struct rbk_explore_result *result,
                                                const struct rbk_explore_exit *wanted)
{
    for (uint32_t i = 0; i < result->exit_count; i++) {
        const struct rbk_explore_exit *row = &result->exits[i];
        if (row->stage == wanted->stage && row->kind == wanted->kind &&
            row->phase == wanted->phase && row->trigger == wanted->trigger) {
            return row;
        }
    }
    return NULL;
}

/* In some turns what stands goes back in no time: there a run that turns has ended at once. */
static bool is_same_next(uint32_t next, uint32_t other, bool apart)
{
    return next == other || (apart && (next & ~other & ~(1u << RBK_STATUS_ABORTED)) == 0);
}

/* Every exit of one is one of the other, and leads to the same. A trigger that holds or asks is a
 * part of a state only when nothing is left out: what its deadline adds is in no other table. */
static void compare_exits(uint64_t seed, const struct rbk_explore_result *these,
                          const struct rbk_explore_result *those, uint32_t added, bool apart)
{
    for (uint32_t i = 0; i < these->exit_count; i++) {
        const struct rbk_explore_exit *row = &these->exits[i];
        const struct rbk_explore_exit *other = find_exit(those, row);
        if (row->kind == RBK_EXPLORE_EXIT_TRIGGER) {
            continue;
        }
        ck_assert_msg(other != NULL, "plan %u: %s in %s of %u is missing", (unsigned)seed,
                      rbk_explore_exit_name(row->kind), rbk_phase_name(row->phase),
                      (unsigned)row->stage);
        bool next = is_same_next(row->next, other->next, apart);
        ck_assert_msg(next && (row->ends & ~other->ends & ~added) == 0,
                      "plan %u: %s in %s of %u: next %x, %x; ends %x, %x", (unsigned)seed,
                      rbk_explore_exit_name(row->kind), rbk_phase_name(row->phase),
                      (unsigned)row->stage, (unsigned)row->next, (unsigned)other->next,
                      (unsigned)row->ends, (unsigned)other->ends);
    }
}

START_TEST(what_is_left_out_changes_neither_verdict_nor_exits)
{
    uint64_t from = (uint64_t)_i * RANDOM_PLANS / 4;
    uint32_t compared = 0;
    uint64_t full_states = 0;
    uint64_t reduced_states = 0;
    for (uint64_t seed = from; seed < from + RANDOM_PLANS / 4; seed++) {
        struct rbk_arena arena;
        struct rbk_explore_result full;
        struct rbk_explore_result reduced;
        struct machine_builder *mb = plan_random(seed);
        rbk_arena_init(&arena, ARENA_BYTES_MAX);
        explore(&arena, mb_machine(mb), false, 0, &reduced);
        explore(&arena, mb_machine(mb), true, FULL_STATES_MAX, &full);
        if (reduced.violation_count) {
            fprintf(stderr, "plan %u\n", (unsigned)seed);
            fail_with_story(&reduced.violations[0]);
        }
        ck_assert(reduced.complete);
        if (full.complete) {
            ck_assert_uint_eq(full.violations_seen, reduced.violations_seen);
            bool triggers = mb_machine(mb)->trigger_count != 0;
            compare_exits(seed, &full, &reduced, triggers ? UINT32_MAX : 0, false);
            compare_exits(seed, &reduced, &full, 0, false);
            compared++;
            full_states += full.states;
            reduced_states += reduced.states;
        }
        rbk_arena_fini(&arena);
        mb_free(mb);
    }
    fprintf(stderr, "%u of %u plans compared: %llu states, and %llu\n", (unsigned)compared,
            RANDOM_PLANS / 4, (unsigned long long)full_states, (unsigned long long)reduced_states);
    ck_assert_uint_gt(compared, RANDOM_PLANS / 20);
}
END_TEST

START_TEST(what_is_explored_apart_has_the_same_verdict_and_exits)
{
    uint32_t parted = 0;
    for (uint64_t seed = 1000; seed < 1000 + RANDOM_PLANS; seed++) {
        struct rbk_arena arena;
        struct rbk_explore_result together;
        struct rbk_explore_result apart;
        struct rbk_explore_options options = {.apart = true};
        struct machine_builder *mb = plan_random(seed);
        rbk_arena_init(&arena, ARENA_BYTES_MAX);
        explore(&arena, mb_machine(mb), false, 60000, &together);
        ck_assert_int_eq(rbk_explore(&arena, mb_machine(mb), &options, &apart), 0);
        ck_assert(apart.complete);
        if (apart.violation_count) {
            fprintf(stderr, "plan %u\n", (unsigned)seed);
            fail_with_story(&apart.violations[0]);
        }
        if (together.complete) {
            ck_assert_uint_eq(together.violations_seen, 0);
            /* What another one's gates and doubts keep from coming, or bring about, is in that
             * one's rows. */
            uint32_t gates =
                1u << RBK_STATUS_PAUSED | 1u << RBK_STATUS_HELD | 1u << RBK_STATUS_COMPLETED;
            compare_exits(seed, &together, &apart, gates, true);
            compare_exits(seed, &apart, &together, gates, true);
            parted += apart.states != together.states;
        }
        rbk_arena_fini(&arena);
        mb_free(mb);
    }
    ck_assert_uint_gt(parted, RANDOM_PLANS / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore");
    TCase *tests = tcase_create("explore");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 50);
    tcase_add_test(tests, a_plan_that_keeps_its_promises_is_proved);
    tcase_add_test(tests, a_limit_that_is_reached_leaves_nothing_proved);
    tcase_add_test(tests, what_is_explored_apart_has_the_same_verdict_and_exits);
    tcase_add_loop_test(tests, what_is_left_out_changes_neither_verdict_nor_exits, 0, 4);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
