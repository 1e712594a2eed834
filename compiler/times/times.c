/*
 * The figures of stages and of the plan: parts forward, strategies back, abort points.
 *
 * At an abort the core cancels what is under way, everywhere at once, and rolls back one stage at a
 * time, the one whose apply began last first (step_stage.c, next_turn()). A stage under way can be
 * the last of all that do not depend on it, so the time to stop it and the times of all their ways
 * back add up; this is also why points with several stages under way are no longer than the longest
 * of those with one.
 */
#include "compiler/times/times.h"

#include "compiler/compile.h"
#include "compiler/times/walk.h"
#include "runtime/core/base/arena.h"

#define MINUTE_MS UINT64_C(60000)

struct rbk_times *rbk_times_of(struct rbk_compile *compile)
{
    if (!compile->times) {
        struct rbk_times *times = rbk_new(&compile->arena, struct rbk_times);
        times->compile = compile;
        times->program = &compile->program;
        times->arena = &compile->arena;
        times->stages = rbk_new_array(times->arena, struct rbk_stage_times *,
                                      compile->program.head[RBK_STATEMENT_STAGE].count + 1);
        compile->times = times;
    }
    return compile->times;
}

const struct rbk_statements *rbk_times_assumed(const struct rbk_times *times)
{
    return &times->assumed;
}

uint64_t rbk_times_guideline_ms(struct rbk_str kind)
{
    static const struct {
        const char *kind;
        uint64_t minutes;
    } guidelines[] = {
        {"application", 10}, {"configuration", 5},   {"database", 15},
        {"data", 30},        {"infrastructure", 20},
    };
    for (size_t i = 0; i < RBK_COUNT(guidelines); i++) {
        if (rbk_str_is(kind, guidelines[i].kind)) {
            return guidelines[i].minutes * MINUTE_MS;
        }
    }
    return 0;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static struct rbk_times_walk walk_of(struct rbk_times *times, const struct rbk_program_stage *stage)
{
    times->calls = 0;
    return (struct rbk_times_walk){
        .times = times,
        .source = times->program->files[0]->tree->source,
        .stage = stage,
    };
}

/* The gates of one kind, in their order. */
static struct rbk_worst gates(struct rbk_times_walk *walk, const struct rbk_program_stage *stage,
                              bool require)
{
    struct rbk_worst worst = {0};
    for (uint32_t i = 0; i < stage->gates.count; i++) {
        const struct rbk_tree_statement *gate = stage->gates.items[i];
        if ((gate->kind == RBK_STATEMENT_REQUIRE) == require) {
            worst = rbk_worst_then(worst, rbk_times_leaf(walk, gate));
        }
    }
    return worst;
}

static struct rbk_worst part_of(struct rbk_times_walk *walk, const struct rbk_program_stage *stage,
                                enum rbk_times_part part)
{
    switch (part) {
    case RBK_TIMES_REQUIRE:
        return gates(walk, stage, true);
    case RBK_TIMES_APPROVE:
        return gates(walk, stage, false);
    case RBK_TIMES_PREPARE:
        return rbk_times_part_of(walk, stage->prepare);
    case RBK_TIMES_APPLY:
        return rbk_times_part_of(walk, stage->apply);
    default:
        return rbk_times_part_of(walk, stage->verify);
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void find_stage(struct rbk_times *times, const struct rbk_program_stage *stage,
                       struct rbk_stage_times *ret)
{
    struct rbk_times_walk walk = walk_of(times, stage);
    walk.blocks = ret;
    ret->stage = stage;
    for (int part = 0; part < RBK_TIMES_PARTS; part++) {
        ret->parts[part] = part_of(&walk, stage, (enum rbk_times_part)part);
        ret->forward = rbk_worst_then(ret->forward, ret->parts[part]);
        struct rbk_worst *half = part < RBK_TIMES_APPLY ? &ret->early : &ret->work;
        *half = rbk_worst_then(*half, ret->parts[part]);
    }
    ret->strategy_count = stage->rollbacks.count;
    ret->strategies = rbk_new_array(times->arena, struct rbk_worst, ret->strategy_count + 1);
    for (uint32_t i = 0; i < ret->strategy_count; i++) {
        ret->strategies[i] = rbk_times_strategy_of(&walk, stage->rollbacks.items[i]);
        bool last = i + 1 == ret->strategy_count;
        ret->back_ms = rbk_worst_add_ms(ret->back_ms, last ? ret->strategies[i].ok_ms
                                                           : ret->strategies[i].end_ms);
    }
    if (stage->kind) {
        ret->guideline_ms = rbk_times_guideline_ms(stage->kind->name->name->text);
    }
}

const struct rbk_stage_times *rbk_times_stage(struct rbk_times *times,
                                              const struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    struct rbk_stage_times **slot =
        statement->kind == RBK_STATEMENT_RETIRE ? &times->retire : &times->stages[stage->index];
    if (!*slot) {
        *slot = rbk_new(times->arena, struct rbk_stage_times);
        find_stage(times, stage, *slot);
    }
    return *slot;
}

/* ---- paths ----------------------------------------------------------------------------------- */

void rbk_times_path_of_block(struct rbk_times *times, const struct rbk_program_stage *stage,
                             const struct rbk_times_block *block, struct rbk_times_path *ret_path)
{
    struct rbk_times_walk walk = walk_of(times, stage);
    const struct rbk_tree_statement *statement = block->statement;
    *ret_path = (struct rbk_times_path){0};
    walk.source = block->source;
    walk.path = ret_path;
    walk.by_needs = true;
    walk.limited = true;
    (void)rbk_times_steps(&walk, statement->block);
    rbk_times_path_merge(ret_path);
}

void rbk_times_path_of_part(struct rbk_times *times, const struct rbk_program_stage *stage,
                            enum rbk_times_part part, struct rbk_times_path *ret_path)
{
    struct rbk_times_walk walk = walk_of(times, stage);
    *ret_path = (struct rbk_times_path){0};
    walk.path = ret_path;
    (void)part_of(&walk, stage, part);
    rbk_times_path_merge(ret_path);
}

void rbk_times_path_of_strategy(struct rbk_times *times, const struct rbk_program_stage *stage,
                                uint32_t strategy, bool fails, struct rbk_times_path *ret_path)
{
    struct rbk_times_walk walk = walk_of(times, stage);
    *ret_path = (struct rbk_times_path){0};
    walk.path = ret_path;
    struct rbk_worst worst = rbk_times_strategy_of(&walk, stage->rollbacks.items[strategy]);
    if (fails) {
        rbk_times_share_stop(&walk, 0, worst.end_ms);
    }
    rbk_times_path_merge(ret_path);
}

/* ---- the order of stages --------------------------------------------------------------------- */

static const struct rbk_statements *stages_of(const struct rbk_times *times)
{
    return &times->program->head[RBK_STATEMENT_STAGE];
}

static const struct rbk_program_stage *stage_at(const struct rbk_times *times, uint32_t index)
{
    return rbk_program_stage_of(stages_of(times)->items[index]);
}

/* Called for each stage that one comes after. */
typedef void predecessor_fn(void *context, uint32_t before, uint64_t for_ms);

static void each_predecessor(const struct rbk_program_stage *stage, predecessor_fn *on,
                             void *context)
{
    if (stage->afters.count == 0 && stage->index > 0) {
        on(context, stage->index - 1, 0);
    }
    for (uint32_t i = 0; i < stage->afters.count; i++) {
        const struct rbk_tree_statement *after = stage->afters.items[i];
        const struct rbk_tree_clause *span = rbk_tree_clause_find(after, RBK_CLAUSE_FOR);
        for (const struct rbk_tree_name *name = after->names; name; name = name->next) {
            if (name->ref && name->ref->kind == RBK_DECLARATION_STAGE) {
                on(context, rbk_program_stage_of(name->ref->statement)->index,
                   span ? rbk_clause_duration_ms(span) : 0);
            }
        }
    }
}

static bool reaches(const struct rbk_times *times, uint32_t from, uint32_t to)
{
    if (!times->reach) {
        return to > from;
    }
    return times->reach[(size_t)from * times->reach_words + to / 64] >> (to % 64) & 1;
}

/* Adding the dependants of one stage to those of another. */
struct adding {
    struct rbk_times *times;
    uint32_t stage;
    bool again;
};

static void add_dependants(void *context, uint32_t before, uint64_t for_ms)
{
    struct adding *adding = context;
    struct rbk_times *times = adding->times;
    uint64_t *to = &times->reach[(size_t)before * times->reach_words];
    const uint64_t *from = &times->reach[(size_t)adding->stage * times->reach_words];
    (void)for_ms;
    for (uint32_t i = 0; i < times->reach_words; i++) {
        uint64_t own = adding->stage / 64 == i ? UINT64_C(1) << (adding->stage % 64) : 0;
        uint64_t bits = to[i] | from[i] | own;
        adding->again |= bits != to[i];
        to[i] = bits;
    }
}

/* Fill times->reach, unless the stages simply follow each other. From the last stage to the first
 * one pass is mostly enough. */
static void find_reach(struct rbk_times *times)
{
    uint32_t count = stages_of(times)->count;
    bool plain = true;
    for (uint32_t i = 0; i < count && plain; i++) {
        plain = stage_at(times, i)->afters.count == 0;
    }
    if (plain) {
        return;
    }
    times->reach_words = count / 64 + 1;
    times->reach = rbk_new_array(times->arena, uint64_t, (size_t)count * times->reach_words);
    struct adding adding = {times, 0, true};
    while (adding.again) {
        adding.again = false;
        for (uint32_t i = count; i-- > 0;) {
            adding.stage = i;
            each_predecessor(stage_at(times, i), add_dependants, &adding);
        }
    }
}

/* The latest moment at which a stage can start. */
struct starting {
    const uint64_t *applied_ms;
    uint64_t at_ms;
};

static void start_after(void *context, uint32_t before, uint64_t for_ms)
{
    struct starting *starting = context;
    starting->at_ms =
        larger(starting->at_ms, rbk_worst_add_ms(starting->applied_ms[before], for_ms));
}

uint64_t rbk_times_forward_ms(struct rbk_times *times)
{
    uint32_t count = stages_of(times)->count;
    uint64_t *applied_ms = rbk_new_array(times->arena, uint64_t, count + 1);
    uint64_t last_ms = 0;
    bool again = true;
    /* Stages mostly stand in the order they depend on each other; a plan without cycles needs as
     * many rounds as it has stages at most. */
    for (uint32_t round = 0; again && round <= count; round++) {
        again = false;
        for (uint32_t i = 0; i < count; i++) {
            struct starting starting = {applied_ms, 0};
            each_predecessor(stage_at(times, i), start_after, &starting);
            const struct rbk_stage_times *stage =
                rbk_times_stage(times, stages_of(times)->items[i]);
            uint64_t at_ms = rbk_worst_add_ms(starting.at_ms, stage->forward.ok_ms);
            again |= at_ms != applied_ms[i];
            applied_ms[i] = at_ms;
            last_ms = larger(last_ms, at_ms);
        }
    }
    return last_ms;
}

/* ---- abort points ---------------------------------------------------------------------------- */

/* The parts of the plan's locks of one kind, one after the other. */
static struct rbk_worst locks(struct rbk_times *times, enum rbk_statement_kind kind)
{
    const struct rbk_statements *list = &times->program->head[RBK_STATEMENT_LOCK];
    struct rbk_times_walk walk = walk_of(times, NULL);
    struct rbk_worst worst = {0};
    walk.passes = kind == RBK_STATEMENT_RELEASE;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct rbk_tree_block *block = list->items[i]->block;
        for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
            if (at->kind == kind) {
                struct rbk_worst part = rbk_times_part_of(&walk, at);
                worst = rbk_worst_then(worst, walk.passes ? rbk_worst_passed(part) : part);
            }
        }
    }
    return worst;
}

/* @under_way What is to be stopped; NULL: nothing. */
static void add_point(struct rbk_abort_points *points, struct rbk_abort_point *items,
                      struct rbk_abort_point point, const struct rbk_worst *under_way)
{
    if (under_way) {
        point.stop_ms = under_way->stop_ms;
        point.stop_by = under_way->stop_by;
        point.stop_source = under_way->stop_source;
    }
    point.total_ms =
        rbk_worst_add_ms(rbk_worst_add_ms(point.stop_ms, point.back_ms), point.release_ms);
    if (points->count == 0 || point.total_ms > items[points->worst].total_ms) {
        points->worst = points->count;
    }
    items[points->count++] = point;
}

bool rbk_times_point_covers(struct rbk_times *times, const struct rbk_abort_point *point,
                            uint32_t stage)
{
    switch (point->kind) {
    case RBK_POINT_HEAD:
        return false;
    case RBK_POINT_EARLY:
        return stage != point->stage && !reaches(times, point->stage, stage);
    case RBK_POINT_STAGE:
        return !reaches(times, point->stage, stage);
    default:
        return true;
    }
}

/* Rolling back every other stage that does not depend on one. Where stages simply follow each other
 * those are all above it. */
static uint64_t others_back_ms(struct rbk_times *times, uint32_t stage)
{
    uint64_t sum_ms = 0;
    for (uint32_t i = 0; i < stages_of(times)->count; i++) {
        if (i != stage && !reaches(times, stage, i)) {
            const struct rbk_stage_times *other =
                rbk_times_stage(times, stages_of(times)->items[i]);
            sum_ms = rbk_worst_add_ms(sum_ms, other->back_ms);
        }
    }
    return sum_ms;
}

const struct rbk_abort_points *rbk_times_points(struct rbk_times *times)
{
    uint32_t count = stages_of(times)->count;
    if (times->points) {
        return times->points;
    }
    find_reach(times);
    times->points = rbk_new(times->arena, struct rbk_abort_points);
    struct rbk_abort_point *items =
        rbk_new_array(times->arena, struct rbk_abort_point, (size_t)count * 2 + 2);
    struct rbk_worst acquire = locks(times, RBK_STATEMENT_ACQUIRE);
    uint64_t release_ms = locks(times, RBK_STATEMENT_RELEASE).ok_ms;
    uint64_t all_ms = 0;
    struct rbk_abort_point point = {.kind = RBK_POINT_HEAD, .release_ms = release_ms};
    add_point(times->points, items, point, &acquire);
    for (uint32_t i = 0; i < count; i++) {
        const struct rbk_stage_times *stage = rbk_times_stage(times, stages_of(times)->items[i]);
        uint64_t before_ms = times->reach ? others_back_ms(times, i) : all_ms;
        all_ms = rbk_worst_add_ms(all_ms, stage->back_ms);
        point.stage = i;
        point.kind = RBK_POINT_EARLY;
        point.back_ms = before_ms;
        if (stage->early.stop_ms) {
            add_point(times->points, items, point, &stage->early);
        }
        point.kind = RBK_POINT_STAGE;
        point.back_ms = rbk_worst_add_ms(before_ms, stage->back_ms);
        add_point(times->points, items, point, &stage->work);
    }
    point = (struct rbk_abort_point){
        .kind = RBK_POINT_ALL, .back_ms = all_ms, .release_ms = release_ms};
    add_point(times->points, items, point, NULL);
    times->points->items = items;
    return times->points;
}

/* Which of two stages goes back first on the longest way: the one under way, then the later ones.
 */
const struct rbk_times_leg *rbk_times_way_back(struct rbk_times *times,
                                               const struct rbk_abort_point *point,
                                               uint32_t *ret_count)
{
    uint32_t count = stages_of(times)->count;
    uint32_t legs = 0;
    struct rbk_times_leg *items = NULL;
    for (int pass = 0; pass < 2; pass++) {
        legs = 0;
        for (uint32_t turn = 0; turn <= count; turn++) {
            /* Turn 0 is the stage under way, wherever it stands. */
            bool under_way = point->kind == RBK_POINT_STAGE;
            uint32_t index = turn == 0 ? point->stage : count - turn;
            if ((turn == 0) != (under_way && index == point->stage) ||
                !rbk_times_point_covers(times, point, index)) {
                continue;
            }
            const struct rbk_stage_times *stage =
                rbk_times_stage(times, stages_of(times)->items[index]);
            for (uint32_t i = 0; i < stage->strategy_count; i++, legs++) {
                bool fails = i + 1 < stage->strategy_count;
                if (items) {
                    items[legs] = (struct rbk_times_leg){stage, i, fails,
                                                         fails ? stage->strategies[i].end_ms
                                                               : stage->strategies[i].ok_ms};
                }
            }
        }
        if (!items) {
            items = rbk_new_array(times->arena, struct rbk_times_leg, legs + 1);
        }
    }
    *ret_count = legs;
    return items;
}
