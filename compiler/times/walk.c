/*
 * Blocks, calls, loops and branches: the shape of a plan as lowering writes it out (compiler/lower:
 * lower_steps.c, lower_action.c, lower_backup.c, lower_loop.c), each construct here in the function
 * that answers to one there.
 */
#include "compiler/times/walk.h"

#include "compiler/rules/facts.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

#include <string.h>

/* ---- what is known once ---------------------------------------------------------------------- */

static uint32_t slot_of(const struct rbk_times *times, const struct rbk_tree_statement *statement,
                        bool limited)
{
    uint64_t hash = ((uint64_t)(uintptr_t)statement >> 4) * UINT64_C(0x9e3779b97f4a7c15) + limited;
    uint32_t slot = (uint32_t)(hash >> 32) & (times->known_slots - 1);
    while (times->known[slot].statement &&
           (times->known[slot].statement != statement || times->known[slot].limited != limited)) {
        slot = (slot + 1) & (times->known_slots - 1);
    }
    return slot;
}

static void grow(struct rbk_times *times)
{
    struct rbk_times_known *old = times->known;
    uint32_t old_slots = times->known_slots;
    times->known_slots = old_slots ? old_slots * 2 : 64;
    times->known = rbk_new_array(times->arena, struct rbk_times_known, times->known_slots);
    for (uint32_t i = 0; i < old_slots; i++) {
        if (old[i].statement) {
            times->known[slot_of(times, old[i].statement, old[i].limited)] = old[i];
        }
    }
}

struct rbk_times_known *rbk_times_known_of(struct rbk_times *times,
                                           const struct rbk_tree_statement *statement, bool limited,
                                           bool make)
{
    if (times->known_count * 2 >= times->known_slots) {
        grow(times);
    }
    struct rbk_times_known *known = &times->known[slot_of(times, statement, limited)];
    if (!known->statement && !make) {
        return NULL;
    }
    if (!known->statement) {
        known->statement = statement;
        known->limited = limited;
        times->known_count++;
    }
    return known;
}

/* A block that is the same wherever it is called from, unless a clause around it or an argument
 * makes it different. */
static struct rbk_worst known_steps(
    struct rbk_times_walk *walk, const struct rbk_tree_statement *owner,
    struct rbk_worst (*steps)(struct rbk_times_walk *walk, const struct rbk_tree_statement *owner))
{
    struct rbk_times *times = walk->times;
    bool plain = !walk->path && !walk->around && !walk->passes;
    const struct rbk_times_known *known =
        plain ? rbk_times_known_of(times, owner, walk->limited, false) : NULL;
    if (known) {
        return known->worst;
    }
    uint32_t bound = times->bound;
    struct rbk_worst worst = steps(walk, owner);
    if (plain && bound == times->bound) {
        rbk_times_known_of(times, owner, walk->limited, true)->worst = worst;
    }
    return worst;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

struct rbk_worst rbk_times_steps(struct rbk_times_walk *walk, const struct rbk_tree_block *block)
{
    struct rbk_worst worst = {0};
    for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
        if (at->kind != RBK_STATEMENT_UNDO_BLOCK) {
            worst = rbk_worst_then(worst, rbk_times_step(walk, at));
        }
    }
    return worst;
}

/* Put a limit around what was walked since @mark. */
static struct rbk_worst limit(struct rbk_times_walk *walk, uint32_t mark, struct rbk_worst inside,
                              uint64_t within_ms)
{
    struct rbk_worst worst = rbk_worst_within(inside, within_ms);
    if (within_ms) {
        rbk_times_share_fit(walk, mark, walk->by_needs ? worst.needs_ms : worst.ok_ms);
    }
    return worst;
}

static uint64_t within_of(const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *within = rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN);
    return within ? rbk_clause_duration_ms(within) : 0;
}

static void note_block(struct rbk_times_walk *walk, const struct rbk_tree_statement *statement,
                       uint64_t within_ms, struct rbk_worst inside)
{
    struct rbk_stage_times *stage = walk->blocks;
    if (!stage || !within_ms) {
        return;
    }
    /* Powers of two are when it is full. */
    if ((stage->block_count & (stage->block_count - 1)) == 0) {
        uint32_t capacity = stage->block_count ? stage->block_count * 2 : 1;
        struct rbk_times_block *blocks =
            rbk_new_array(walk->times->arena, struct rbk_times_block, capacity);
        if (stage->block_count) {
            memcpy(blocks, stage->blocks, stage->block_count * sizeof(*blocks));
        }
        stage->blocks = blocks;
    }
    stage->blocks[stage->block_count++] =
        (struct rbk_times_block){statement, walk->source, within_ms, inside};
}

struct rbk_worst rbk_times_part_of(struct rbk_times_walk *walk,
                                   const struct rbk_tree_statement *statement)
{
    if (!statement) {
        return (struct rbk_worst){0};
    }
    struct rbk_times_walk inner = *walk;
    uint64_t within_ms = within_of(statement);
    uint32_t mark = rbk_times_mark(walk);
    inner.limited = walk->limited || within_ms;
    inner.capped = walk->capped || within_ms;
    struct rbk_worst inside = rbk_times_steps(&inner, statement->block);
    note_block(walk, statement, within_ms, inside);
    return limit(walk, mark, inside, within_ms);
}

struct rbk_worst rbk_times_strategy_of(struct rbk_times_walk *walk,
                                       const struct rbk_tree_statement *rollback)
{
    const struct rbk_tree_clause *when = rbk_tree_clause_find(rollback, RBK_CLAUSE_WHEN);
    struct rbk_times_walk inner = *walk;
    uint64_t within_ms = within_of(rollback);
    uint32_t mark = rbk_times_mark(walk);
    inner.limited = walk->limited || within_ms;
    inner.capped = walk->capped || within_ms;
    struct rbk_worst inside = {0};
    if (when) {
        inside = rbk_times_test(&inner, rollback, when->value);
    }
    inside = rbk_worst_then(inside, rbk_times_steps(&inner, rollback->block));
    note_block(walk, rollback, within_ms, inside);
    return limit(walk, mark, inside, within_ms);
}

/* ---- calls ----------------------------------------------------------------------------------- */

const struct rbk_tree_statement *rbk_times_enter(const struct rbk_times_walk *walk,
                                                 const struct rbk_tree_statement *call,
                                                 struct rbk_times_walk *ret_inner,
                                                 struct rbk_times_frame *frame,
                                                 struct rbk_times_around *around)
{
    const struct rbk_tree_statement *action = rbk_fact_action(call);
    /* Beyond this lowering refuses the plan; calls that double themselves must not keep us here. */
    if (!action || ++walk->times->calls > RBK_ACTION_INSTANCES_MAX) {
        return NULL;
    }
    *ret_inner = *walk;
    *frame = (struct rbk_times_frame){call->value, walk->frame};
    *around = (struct rbk_times_around){call, walk->around};
    ret_inner->frame = frame;
    ret_inner->source = action->declaration->file->source;
    /* Only clauses that steps inherit make a difference to them. */
    for (const struct rbk_tree_clause *at = call->clauses; at; at = at->next) {
        if (at->kind != RBK_CLAUSE_TIMEOUT && at->kind != RBK_CLAUSE_OPTIONAL) {
            ret_inner->around = around;
        }
    }
    return action;
}

static struct rbk_worst body_of(struct rbk_times_walk *walk, const struct rbk_tree_statement *owner)
{
    return rbk_times_steps(walk, owner->block);
}

/* Readings among the arguments are bound to values before the call. */
static struct rbk_worst arguments(struct rbk_times_walk *walk,
                                  const struct rbk_tree_statement *call)
{
    struct rbk_worst worst = {0};
    uint32_t index = 0;
    const struct rbk_tree_parameter *parameter = rbk_call_parameters(call->value);
    for (; parameter; parameter = parameter->next, index++) {
        const struct rbk_tree_expr *value = rbk_call_value(call->value, index);
        worst = rbk_worst_then(worst, rbk_times_hoisted(walk, call, value));
    }
    return worst;
}

/* `timeout` and `optional` of a `do`, `take` or `restore`, around what was walked since @mark. */
static struct rbk_worst composite(struct rbk_times_walk *walk, uint32_t mark,
                                  const struct rbk_tree_statement *statement,
                                  struct rbk_worst inside)
{
    const struct rbk_tree_clause *timeout = rbk_tree_clause_find(statement, RBK_CLAUSE_TIMEOUT);
    struct rbk_worst worst =
        limit(walk, mark, inside, timeout ? rbk_clause_duration_ms(timeout) : 0);
    if (rbk_tree_clause_find(statement, RBK_CLAUSE_OPTIONAL)) {
        worst = rbk_worst_passed(worst);
        if (!walk->by_needs) {
            rbk_times_share_stop(walk, mark, worst.ok_ms);
        }
    }
    return worst;
}

static bool has_timeout(const struct rbk_tree_statement *statement)
{
    return rbk_tree_clause_find(statement, RBK_CLAUSE_TIMEOUT) != NULL;
}

static struct rbk_worst do_step(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement)
{
    struct rbk_times_walk inner;
    struct rbk_times_walk given = *walk;
    struct rbk_times_frame frame;
    struct rbk_times_around around;
    uint32_t mark = rbk_times_mark(walk);
    const struct rbk_tree_statement *action =
        rbk_times_enter(walk, statement, &inner, &frame, &around);
    if (!action) {
        return (struct rbk_worst){0};
    }
    given.limited = inner.limited = walk->limited || has_timeout(statement);
    given.capped = inner.capped = walk->capped || has_timeout(statement);
    struct rbk_worst worst = arguments(&given, statement);
    worst = rbk_worst_then(worst, known_steps(&inner, action, body_of));
    return composite(walk, mark, statement, worst);
}

static struct rbk_worst backup_part(struct rbk_times_walk *walk,
                                    const struct rbk_tree_statement *part)
{
    return part ? known_steps(walk, part, rbk_times_part_of) : (struct rbk_worst){0};
}

/* `take` and `restore`. */
static struct rbk_worst backup_step(struct rbk_times_walk *walk,
                                    const struct rbk_tree_statement *statement)
{
    const struct rbk_declaration *ref = statement->name ? statement->name->ref : NULL;
    if (!ref || ref->kind != RBK_DECLARATION_BACKUP) {
        return (struct rbk_worst){0};
    }
    const struct rbk_program_backup *backup = rbk_program_backup_of(ref->statement);
    struct rbk_times_around around = {statement, walk->around};
    struct rbk_times_walk inner = *walk;
    uint32_t mark = rbk_times_mark(walk);
    struct rbk_worst worst = {0};
    inner.source = ref->file->source;
    inner.frame = NULL;
    inner.around = statement->clauses ? &around : walk->around;
    inner.limited = walk->limited || has_timeout(statement);
    inner.capped = walk->capped || has_timeout(statement);
    if (statement->kind == RBK_STATEMENT_RESTORE) {
        worst = backup_part(&inner, backup->restore);
    } else {
        for (uint32_t i = 0; i < backup->lets.count; i++) {
            worst = rbk_worst_then(worst, rbk_times_leaf(&inner, backup->lets.items[i]));
        }
        worst = rbk_worst_then(worst, backup_part(&inner, backup->take));
        worst = rbk_worst_then(worst, backup_part(&inner, backup->verify));
    }
    return composite(walk, mark, statement, worst);
}

/* ---- loops and branches ---------------------------------------------------------------------- */

/* A loop's list where it is written, behind the parameters it was handed through; NULL: elsewhere.
 */
static const struct rbk_tree_expr *written_list(struct rbk_times_walk *walk,
                                                const struct rbk_tree_expr *list)
{
    const struct rbk_times_frame *frame = walk->frame;
    while (list && list->kind == RBK_EXPR_NAME && list->ref) {
        const struct rbk_tree_expr *value = NULL;
        if (list->ref->kind == RBK_DECLARATION_PARAMETER) {
            for (; frame && !value; frame = frame->outer) {
                uint32_t index = 0;
                const struct rbk_tree_parameter *at = rbk_call_parameters(frame->call);
                for (; at && at->declaration != list->ref; at = at->next) {
                    index++;
                }
                value = at ? rbk_call_value(frame->call, index) : NULL;
            }
            walk->times->bound++;
        }
        list = value;
    }
    return list && list->kind == RBK_EXPR_LIST ? list : NULL;
}

static struct rbk_worst foreach_step(struct rbk_times_walk *walk,
                                     const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *most = rbk_tree_clause_find(statement, RBK_CLAUSE_AT_MOST);
    struct rbk_worst worst = {0};
    uint64_t turns = 0;
    if (most) {
        turns = rbk_clause_count(most);
        worst = rbk_times_hoisted(walk, statement, statement->value);
    } else {
        const struct rbk_tree_expr *list = written_list(walk, statement->value);
        for (const struct rbk_tree_expr *item = list ? list->items : NULL; item;
             item = item->next) {
            turns++;
            worst = rbk_worst_then(worst, rbk_times_hoisted(walk, statement, item));
        }
    }
    if (turns == 0) {
        return worst;
    }
    uint32_t mark = rbk_times_mark(walk);
    struct rbk_worst each = rbk_times_steps(walk, statement->block);
    rbk_times_share_repeat(walk, mark, turns);
    return rbk_worst_then(worst, rbk_worst_repeat(each, turns));
}

/* Whether a branch makes the longer path. What is open takes all there is, but nothing of the times
 * that are written, unless a limit that is written is around. */
static bool is_longer(const struct rbk_times_walk *walk, struct rbk_worst a, struct rbk_worst b)
{
    if (a.open != b.open && (!walk->by_needs || walk->capped)) {
        return a.open;
    }
    return walk->by_needs ? a.needs_ms > b.needs_ms : a.ok_ms > b.ok_ms;
}

static struct rbk_worst if_step(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement)
{
    struct rbk_worst test = rbk_times_test(walk, statement, statement->value);
    struct rbk_times_walk figures = *walk;
    figures.path = NULL;
    struct rbk_worst then = rbk_times_steps(&figures, statement->block);
    struct rbk_worst otherwise = rbk_times_steps(&figures, statement->else_block);
    if (walk->path) {
        figures = *walk;
        figures.blocks = NULL;
        rbk_times_steps(&figures, is_longer(walk, otherwise, then) ? statement->else_block
                                                                   : statement->block);
    }
    return rbk_worst_then(test, rbk_worst_either(then, otherwise));
}

static struct rbk_worst parallel_step(struct rbk_times_walk *walk,
                                      const struct rbk_tree_statement *statement)
{
    struct rbk_times_walk figures = *walk;
    struct rbk_worst worst = {0};
    struct rbk_worst longest_worst = {0};
    const struct rbk_tree_statement *longest = NULL;
    figures.path = NULL;
    for (const struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        struct rbk_worst branch = rbk_times_step(&figures, at);
        worst = rbk_worst_either(worst, branch);
        if (!longest || is_longer(walk, branch, longest_worst)) {
            longest = at;
            longest_worst = branch;
        }
    }
    if (walk->path && longest) {
        figures = *walk;
        figures.blocks = NULL;
        rbk_times_step(&figures, longest);
    }
    return worst;
}

struct rbk_worst rbk_times_step(struct rbk_times_walk *walk,
                                const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_VERIFY:
        return rbk_times_part_of(walk, statement);
    case RBK_STATEMENT_DO:
        return do_step(walk, statement);
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_RESTORE:
        return backup_step(walk, statement);
    case RBK_STATEMENT_UNDO:
        return rbk_times_undo(walk);
    case RBK_STATEMENT_FOREACH:
        return foreach_step(walk, statement);
    case RBK_STATEMENT_IF:
        return if_step(walk, statement);
    case RBK_STATEMENT_PARALLEL:
        return parallel_step(walk, statement);
    default:
        return rbk_times_leaf(walk, statement);
    }
}

/* ---- undo ------------------------------------------------------------------------------------ */

static struct rbk_worst undo_block(struct rbk_times_walk *walk, struct rbk_times_walk *in,
                                   const struct rbk_tree_block *block);

/* The inverse of one call, or of the calls in an action that has none. @walk  Where `undo` stands.
 * @in  Where the call stands. */
static struct rbk_worst undo_call(struct rbk_times_walk *walk, struct rbk_times_walk *in,
                                  const struct rbk_tree_statement *statement)
{
    struct rbk_times_walk inner;
    struct rbk_times_frame frame;
    struct rbk_times_around around;
    const struct rbk_tree_statement *action =
        rbk_times_enter(in, statement, &inner, &frame, &around);
    if (!action || !rbk_program_action_of(action)->has_effect) {
        return (struct rbk_worst){0};
    }
    const struct rbk_tree_statement *undo = rbk_program_action_of(action)->undo;
    if (!undo) {
        return undo_block(walk, &inner, action->block);
    }
    /* The inverse runs in the rollback, with the arguments of the call. */
    struct rbk_times_walk back = *walk;
    back.frame = &frame;
    back.source = inner.source;
    return known_steps(&back, undo, body_of);
}

/* The inverses of what a step does; of branches of which only one runs, the longer ones. */
static struct rbk_worst undo_step(struct rbk_times_walk *walk, struct rbk_times_walk *in,
                                  const struct rbk_tree_statement *at)
{
    struct rbk_times_walk figures = *walk;
    figures.path = NULL;
    uint32_t mark = rbk_times_mark(walk);
    if (at->kind == RBK_STATEMENT_DO) {
        return undo_call(walk, in, at);
    }
    if (at->kind == RBK_STATEMENT_PARALLEL || at->kind == RBK_STATEMENT_VERIFY) {
        return undo_block(walk, in, at->block); /* one after the other, also of branches */
    }
    if (at->kind == RBK_STATEMENT_FOREACH) {
        const struct rbk_tree_clause *most = rbk_tree_clause_find(at, RBK_CLAUSE_AT_MOST);
        const struct rbk_tree_expr *list = most ? NULL : written_list(in, at->value);
        uint64_t turns = most ? rbk_clause_count(most) : 0;
        for (const struct rbk_tree_expr *item = list ? list->items : NULL; item;
             item = item->next) {
            turns++;
        }
        struct rbk_worst each = undo_block(walk, in, at->block);
        rbk_times_share_repeat(walk, mark, turns);
        return rbk_worst_repeat(each, turns);
    }
    if (at->kind == RBK_STATEMENT_IF) {
        struct rbk_worst then = undo_block(&figures, in, at->block);
        struct rbk_worst otherwise = undo_block(&figures, in, at->else_block);
        if (walk->path) {
            undo_block(walk, in, is_longer(walk, otherwise, then) ? at->else_block : at->block);
        }
        return rbk_worst_either(then, otherwise);
    }
    return (struct rbk_worst){0};
}

/* Last first. Blocks are singly linked: so each step, and its shares, is put before what came so
 * far. */
static struct rbk_worst undo_block(struct rbk_times_walk *walk, struct rbk_times_walk *in,
                                   const struct rbk_tree_block *block)
{
    uint32_t mark = rbk_times_mark(walk);
    struct rbk_worst worst = {0};
    for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
        uint32_t middle = rbk_times_mark(walk);
        worst = rbk_worst_then(undo_step(walk, in, at), worst);
        rbk_times_share_swap(walk, mark, middle);
    }
    return worst;
}

struct rbk_worst rbk_times_undo(struct rbk_times_walk *walk)
{
    if (!walk->stage || !walk->stage->apply) {
        return (struct rbk_worst){0};
    }
    struct rbk_times_walk in = {
        .times = walk->times,
        .source = walk->source,
        .stage = walk->stage,
    };
    return undo_block(walk, &in, walk->stage->apply->block);
}
