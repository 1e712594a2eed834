/*
 * How long the way back takes is worked out twice: compiler/times goes over a plan's tree, so that
 * checking a long plan stays fast, and core/worst_walk.c over a machine, for a run, which has no
 * plan. The two must say the same at every point where a decision to abort can fall: of random
 * plans, of the plans and examples, and of what the documents show. Seeds are printed; RBK_SEED
 * replays one plan.
 */
#include "tests/unit/compiler/times/plans.h"

#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/times/times.h"
#include "runtime/core/base/error.h"
#include "runtime/core/worst_walk.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define RANDOM_PLANS 600u

/* A plan with its figures, and its machine with its own. */
struct subject {
    struct rbk_compile compile;
    struct rbk_machine *machine;
    struct rbk_times *times;
    struct rbk_worst_ways ways;
};

/* The loaded text. */
static void subject_init(struct subject *subject)
{
    if (rbk_compile_analyse(&subject->compile) != 0 ||
        rbk_compile_lower(&subject->compile, &subject->machine) != 0) {
        ck_assert_int_eq(
            rbk_diagnostics_print(&subject->compile.diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr), 0);
        ck_abort_msg("the plan does not compile");
    }
    subject->times = rbk_times_of(&subject->compile);
    ck_assert_int_eq(rbk_worst_ways_init(&subject->ways, subject->machine), 0);
}

static void subject_fini(struct subject *subject)
{
    rbk_worst_ways_fini(&subject->ways);
    rbk_compile_close(&subject->compile);
}

/* The region of the i-th stage. */
static uint32_t region_of(const struct subject *subject, uint32_t stage)
{
    for (uint32_t i = 0; i < subject->machine->region_count; i++) {
        if (subject->machine->regions[i].kind == RBK_REGION_STAGE && stage-- == 0) {
            return i;
        }
    }
    ck_abort_msg("no such stage");
}

/* The slowest to stop of the states of a region and its branches in these phases. */
static uint64_t slowest_ms(const struct subject *subject, uint32_t region, enum rbk_phase first,
                           enum rbk_phase last)
{
    const struct rbk_machine *machine = subject->machine;
    uint64_t slowest = 0;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *at = &machine->states[i];
        if (rbk_region_root(machine, at->region) == region && at->phase >= first &&
            at->phase <= last) {
            uint64_t ms = rbk_worst_stop_ms(machine, i);
            slowest = ms > slowest ? ms : slowest;
        }
    }
    return slowest;
}

static void agree(const char *what, uint32_t point, uint64_t plan_ms, uint64_t machine_ms)
{
    if (plan_ms != machine_ms) {
        ck_abort_msg("%s at point %u: of the plan %llu ms, of the machine %llu ms", what, point,
                     (unsigned long long)plan_ms, (unsigned long long)machine_ms);
    }
}

/* Whether a block has an `if` both of whose sides call actions: of those only one is done in a run,
 * which the plan says and the machine, where `undo` asks of each call whether it was begun, does
 * not. */
static bool has_either(const struct rbk_tree_block *block)
{
    bool found = false;
    for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
        found |= at->kind == RBK_STATEMENT_IF && at->block && at->else_block;
        found |= has_either(at->block) || has_either(at->else_block);
    }
    return found;
}

static bool has_undo(const struct rbk_tree_block *block)
{
    bool found = false;
    for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
        found |= at->kind == RBK_STATEMENT_UNDO || has_undo(at->block) || has_undo(at->else_block);
    }
    return found;
}

/* Each way back for itself, so that what differs is named. @return Whether all are the same, not
 * only no shorter. */
static bool assert_ways(struct subject *subject)
{
    bool same = true;
    const struct rbk_statements *stages = &subject->compile.program.head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_stage_times *stage = rbk_times_stage(subject->times, stages->items[i]);
        const struct rbk_region *region = &subject->machine->regions[region_of(subject, i)];
        ck_assert_uint_eq(region->strategies.count, stage->strategy_count);
        for (uint32_t k = 0; k < stage->strategy_count; k++) {
            const struct rbk_worst *plan = &stage->strategies[k];
            const struct rbk_worst *machine =
                &subject->ways.strategies[region->strategies.first + k];
            bool equal = plan->ok_ms == machine->ok_ms && plan->end_ms == machine->end_ms &&
                         plan->stop_ms == machine->stop_ms;
            const struct rbk_tree_statement *way = stage->stage->rollbacks.items[k];
            bool longer = plan->ok_ms <= machine->ok_ms && plan->end_ms <= machine->end_ms &&
                          has_undo(way->block) && has_either(stage->stage->apply->block);
            same &= equal;
            if (!equal && !longer) {
                ck_abort_msg(
                    "way back %u of stage %u: of the plan %llu, %llu, %llu ms, of the "
                    "machine %llu, %llu, %llu ms",
                    k, i, (unsigned long long)plan->ok_ms, (unsigned long long)plan->end_ms,
                    (unsigned long long)plan->stop_ms, (unsigned long long)machine->ok_ms,
                    (unsigned long long)machine->end_ms, (unsigned long long)machine->stop_ms);
            }
        }
    }
    return same;
}

/* How long each stage takes to be done and undone: what RBK113 holds against a whole window is what
 * a run holds against the rest of one. */
static void assert_rounds(struct subject *subject, bool same)
{
    const struct rbk_statements *stages = &subject->compile.program.head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_stage_times *plan = rbk_times_stage(subject->times, stages->items[i]);
        uint32_t region = region_of(subject, i);
        struct rbk_worst forward = {0};
        ck_assert_int_eq(rbk_worst_forward(&subject->ways, region, &forward), 0);
        agree("doing stage", i, plan->forward.end_ms, forward.end_ms);
        agree("doing well stage", i, plan->forward.ok_ms, forward.ok_ms);
        if (same) {
            agree("doing and undoing stage", i,
                  rbk_worst_done_and_undone_ms(&plan->forward, plan->back_ms),
                  rbk_worst_round_ms(&subject->ways, region, forward));
        }
    }
}

static void assert_agreement(struct subject *subject)
{
    bool same = assert_ways(subject);
    assert_rounds(subject, same);
    const struct rbk_abort_points *points = rbk_times_points(subject->times);
    const struct rbk_statements *stages = &subject->compile.program.head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < points->count; i++) {
        const struct rbk_abort_point *point = &points->items[i];
        uint32_t region = stages->count != 0 ? region_of(subject, point->stage) : 0;
        uint64_t stop_ms = point->kind == RBK_POINT_HEAD
                               ? slowest_ms(subject, 0, RBK_PHASE_PLAN, RBK_PHASE_PREPARE)
                           : point->kind == RBK_POINT_EARLY
                               ? slowest_ms(subject, region, RBK_PHASE_REQUIRE, RBK_PHASE_PREPARE)
                           : point->kind == RBK_POINT_STAGE
                               ? slowest_ms(subject, region, RBK_PHASE_APPLY, RBK_PHASE_VERIFY)
                               : 0;
        uint64_t back_ms = 0;
        for (uint32_t stage = 0; stage < stages->count; stage++) {
            if (rbk_times_point_covers(subject->times, point, stage)) {
                struct rbk_worst way =
                    rbk_worst_way_back(&subject->ways, region_of(subject, stage));
                ck_assert_msg(!way.open, "nothing says how long stage %u takes", stage);
                back_ms = rbk_worst_add_ms(back_ms, way.ok_ms);
            }
        }
        agree("stopping", i, point->stop_ms, stop_ms);
        agree("rolling back", i, point->back_ms, same ? back_ms : point->back_ms);
        agree("releasing", i, point->release_ms, subject->ways.release.ok_ms);
    }
}

START_TEST(the_figures_of_a_random_plan_are_those_of_its_machine)
{
    const char *replay = getenv("RBK_SEED");
    for (uint64_t seed = 1; seed <= (replay ? 1 : RANDOM_PLANS); seed++) {
        struct rbk_buffer text;
        struct subject subject;
        uint64_t number = replay ? strtoull(replay, NULL, 10) : seed;
        rbk_buffer_init(&text, TEXT_BYTES_MAX);
        plans_write(&text, number);
        fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)number);
        if (replay) {
            fprintf(stderr, "%.*s\n", RBK_STR_ARG(rbk_buffer_str(&text)));
        }
        rbk_compile_open(&subject.compile, NULL);
        rbk_compile_load_text(&subject.compile, "plan.rbk", rbk_buffer_str(&text));
        subject_init(&subject);
        assert_agreement(&subject);
        subject_fini(&subject);
        rbk_buffer_fini(&text);
    }
}
END_TEST

/* Where plans are kept, below the source. */
static const char *const kept[] = {"plans/*/plan.rbk", "examples/*/*.rbk",
                                   "tests/golden/machine/[a-z]*.rbk"};

START_TEST(the_figures_of_a_plan_that_is_kept_are_those_of_its_machine)
{
    const char *source = getenv("RBK_SOURCE");
    char pattern[4096];
    glob_t found;
    ck_assert_ptr_nonnull(source);
    (void)snprintf(pattern, sizeof(pattern), "%s/%s", source, kept[_i]);
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct subject subject;
        struct rbk_error error;
        fprintf(stderr, "%s\n", found.gl_pathv[i]);
        rbk_compile_open(&subject.compile, getenv("RBK_STDLIB"));
        ck_assert_int_eq(rbk_compile_load(&subject.compile, found.gl_pathv[i], &error), 0);
        subject_init(&subject);
        assert_agreement(&subject);
        subject_fini(&subject);
    }
    globfree(&found);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler_times_agree");
    TCase *tests = tcase_create("agree");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_figures_of_a_random_plan_are_those_of_its_machine);
    tcase_add_loop_test(tests, the_figures_of_a_plan_that_is_kept_are_those_of_its_machine, 0,
                        (int)(sizeof(kept) / sizeof(kept[0])));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
