/*
 * `foreach`, `if` and `parallel`.
 *
 * A loop is written out. Over a list that stands in the plan, each turn binds the variable to the
 * item's expression. Over one that is known only when the block starts, the list is bound to a slot
 * (and so journalled), its length is checked against `at most N`, and N turns follow, each of which
 * leaves the loop when the list has no more items.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

static void push(struct rbk_lower *lower, enum rbk_op op, uint32_t operand)
{
    rbk_builder_push_code(&lower->builder, op, operand);
}

/* `count(slot) <op> number`, as a row of `exprs`. */
static uint32_t compare_length(struct rbk_lower *lower, uint32_t slot, enum rbk_op op,
                               uint32_t number, struct rbk_str text)
{
    struct rbk_expr_open open;
    struct rbk_value value = rbk_value_integer(RBK_TYPE_INT, number);
    rbk_lower_open(lower, &open);
    push(lower, RBK_OP_SLOT, slot);
    push(lower, RBK_OP_LENGTH, 0);
    push(lower, RBK_OP_CONST, rbk_builder_constant(&lower->builder, value));
    push(lower, op, 0);
    return rbk_lower_close(lower, &open, RBK_TYPE_BOOL, text);
}

/* One turn of a loop: the body in a frame of its own. */
static void turn(struct rbk_lower *lower, const struct rbk_context *context,
                 const struct rbk_tree_statement *statement, struct rbk_str name, uint32_t number,
                 struct rbk_binding item)
{
    struct rbk_context inner = *context;
    rbk_lower_check_size(lower, statement->head);
    inner.name = rbk_arena_printf(lower->builder.arena, "%.*s.turn_%u", RBK_STR_ARG(name), number);
    (void)rbk_lower_enter(lower, lower->source);
    rbk_lower_bind(lower, statement->declaration, item);
    rbk_lower_block(lower, &inner, statement->block);
    rbk_lower_leave(lower, true);
}

static void known_turns(struct rbk_lower *lower, const struct rbk_context *context,
                        const struct rbk_tree_statement *statement, struct rbk_str name,
                        const struct rbk_tree_expr *list, const struct rbk_source *source)
{
    uint32_t number = 0;
    for (const struct rbk_tree_expr *item = list->items; item != NULL; item = item->next) {
        struct rbk_binding binding = {.kind = RBK_BINDING_EXPR, .expr = item, .source = source};
        if (++number > RBK_FOREACH_MAX || lower->stopped) {
            rbk_lower_stop(lower, list->span, "the list has more than 10000 items");
            return;
        }
        if (rbk_lower_reads(lower, item)) {
            const struct rbk_source *outer = lower->source;
            lower->source = source;
            binding.kind = RBK_BINDING_SLOT;
            binding.slot =
                rbk_lower_let_state(lower, context,
                                    rbk_arena_printf(lower->builder.arena, "%.*s.turn_%u.item",
                                                     RBK_STR_ARG(name), number),
                                    item);
            lower->source = outer;
        }
        turn(lower, context, statement, name, number, binding);
    }
}

static void counted_turns(struct rbk_lower *lower, const struct rbk_context *context,
                          const struct rbk_tree_statement *statement, struct rbk_str name,
                          const struct rbk_tree_clause *most)
{
    struct rbk_arena *arena = lower->builder.arena;
    uint32_t turns = (uint32_t)rbk_clause_count(most);
    uint32_t done = rbk_builder_label(&lower->builder);
    uint32_t slot = rbk_lower_let_state(
        lower, context, rbk_arena_printf(arena, "%.*s.list", RBK_STR_ARG(name)), statement->value);
    struct rbk_str list = rbk_lower_expr_text(lower, statement->value);

    struct rbk_effect check = rbk_lower_effect_row(lower, RBK_EFFECT_CHECK, statement->head);
    uint32_t mark = lower->builder.open_arg_count;
    rbk_lower_arg_constant(lower, RBK_ARG_LABEL,
                           rbk_arena_printf(arena, "at most %u items", turns));
    check.args = rbk_builder_close_args(&lower->builder, mark);
    check.text = rbk_arena_printf(arena, "count(%.*s) <= %u", RBK_STR_ARG(list), turns);
    check.condition = compare_length(lower, slot, RBK_OP_LE, turns, check.text);
    check.every_ms = 1000;
    (void)rbk_lower_effect_state(lower, context,
                                 rbk_arena_printf(arena, "%.*s.count", RBK_STR_ARG(name)), check);

    for (uint32_t i = 0; i < turns && !lower->stopped; i++) {
        struct rbk_effect more = rbk_lower_effect_row(lower, RBK_EFFECT_TEST, statement->head);
        more.text = rbk_arena_printf(arena, "count(%.*s) > %u", RBK_STR_ARG(list), i);
        more.condition = compare_length(lower, slot, RBK_OP_GT, i, more.text);
        uint32_t test = rbk_lower_effect_state(
            lower, context, rbk_arena_printf(arena, "%.*s.turn_%u", RBK_STR_ARG(name), i + 1),
            more);
        rbk_lower_state(lower, test)->next[RBK_OUTCOME_FAIL] = done;
        turn(lower, context, statement, name, i + 1,
             (struct rbk_binding){.kind = RBK_BINDING_ITEM, .slot = slot, .item = i});
    }
    rbk_builder_set(&lower->builder, done, context->region);
}

void rbk_lower_foreach(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_tree_statement *statement, struct rbk_str name)
{
    const struct rbk_source *source;
    const struct rbk_tree_expr *list = rbk_lower_resolve(lower, statement->value, &source);
    const struct rbk_tree_clause *most = rbk_tree_clause_find(statement, RBK_CLAUSE_AT_MOST);
    if (list->kind == RBK_EXPR_LIST && most == NULL) {
        known_turns(lower, context, statement, name, list, source);
    } else if (most != NULL && rbk_clause_count(most) <= RBK_FOREACH_MAX) {
        counted_turns(lower, context, statement, name, most);
    } else {
        rbk_lower_refuse(lower, statement->value->span,
                         "a list whose length is not known, without `at most N`,");
    }
}

void rbk_lower_if(struct rbk_lower *lower, const struct rbk_context *context,
                  const struct rbk_tree_statement *statement, struct rbk_str name)
{
    struct rbk_arena *arena = lower->builder.arena;
    struct rbk_effect effect = rbk_lower_effect_row(lower, RBK_EFFECT_TEST, statement->head);
    uint32_t otherwise = rbk_builder_label(&lower->builder);
    effect.text = rbk_lower_statement_text(lower, statement);
    effect.condition = rbk_lower_condition(lower, statement->value, 0);
    uint32_t test = rbk_lower_effect_state(lower, context, name, effect);
    rbk_lower_state(lower, test)->next[RBK_OUTCOME_FAIL] = otherwise;

    struct rbk_context inner = *context;
    inner.name = rbk_arena_printf(arena, "%.*s.then", RBK_STR_ARG(name));
    rbk_lower_block(lower, &inner, statement->block);
    if (statement->else_block == NULL) {
        rbk_builder_set(&lower->builder, otherwise, context->region);
        return;
    }
    uint32_t after = rbk_builder_label(&lower->builder);
    uint32_t skip =
        rbk_lower_plain_state(lower, context, RBK_STATE_PASS,
                              rbk_arena_printf(arena, "%.*s.end", RBK_STR_ARG(name)), effect.place);
    rbk_lower_state(lower, skip)->next[RBK_OUTCOME_OK] = after;
    rbk_builder_set(&lower->builder, otherwise, context->region);
    inner.name = rbk_arena_printf(arena, "%.*s.else", RBK_STR_ARG(name));
    rbk_lower_block(lower, &inner, statement->else_block);
    rbk_builder_set(&lower->builder, after, context->region);
}

/* The time limit of a branch. Its region has blocks of its own; the limit around the `parallel` is
 * that of the region it stands in, which began earlier and stops the branches when it ends. So the
 * same span, begun with the branch, is never the first to end, and gives effects without a timeout
 * what remains. */
static uint32_t branch_block(struct rbk_lower *lower, const struct rbk_context *context,
                             uint32_t region, uint32_t failed)
{
    const struct rbk_machine *machine = lower->builder.machine;
    if (context->block == RBK_NONE) {
        return RBK_NONE;
    }
    struct rbk_block block = {
        .region = region,
        .parent = RBK_NONE,
        .within_ms = machine->blocks[context->block].within_ms,
        .expired = failed,
        .place = machine->blocks[context->block].place,
    };
    return rbk_build_block(&lower->builder, block);
}

/* One branch: its statement, and the two ways it can end. */
static void branch(struct rbk_lower *lower, const struct rbk_context *context,
                   const struct rbk_tree_statement *statement, uint32_t region, uint32_t number,
                   struct rbk_str name)
{
    struct rbk_arena *arena = lower->builder.arena;
    struct rbk_machine_place place = rbk_lower_machine_place(lower, statement->head);
    struct rbk_context inner = *context;
    uint32_t failed = rbk_builder_label(&lower->builder);
    inner.region = region;
    inner.failed = failed;
    inner.name = name;
    inner.block = branch_block(lower, context, region, failed);
    rbk_lower_step(lower, &inner, statement, number);
    inner.block = RBK_NONE;
    (void)rbk_lower_plain_state(lower, &inner, RBK_STATE_BRANCH_DONE,
                                rbk_arena_printf(arena, "%.*s.%u.done", RBK_STR_ARG(name), number),
                                place);
    rbk_builder_set(&lower->builder, failed, region);
    (void)rbk_lower_plain_state(
        lower, &inner, RBK_STATE_BRANCH_FAILED,
        rbk_arena_printf(arena, "%.*s.%u.failed", RBK_STR_ARG(name), number), place);
}

void rbk_lower_parallel(struct rbk_lower *lower, const struct rbk_context *context,
                        const struct rbk_tree_statement *statement, struct rbk_str name)
{
    struct rbk_slice branches = {lower->builder.machine->region_count, 0};
    uint32_t number = 0;
    for (const struct rbk_tree_statement *s = statement->block->first; s != NULL; s = s->next) {
        struct rbk_region region = rbk_lower_region_row(lower, RBK_REGION_BRANCH, s->head);
        region.name =
            rbk_arena_printf(lower->builder.arena, "%.*s.%u", RBK_STR_ARG(name), ++number);
        region.title = rbk_lower_statement_text(lower, s);
        region.parent = context->region;
        (void)rbk_build_region(&lower->builder, region);
        branches.count++;
    }
    if (branches.count == 0) {
        return;
    }
    if (branches.first + branches.count > RBK_REGIONS_MAX) {
        rbk_lower_stop(lower, statement->head,
                       "the plan has too many stages and parallel branches");
        return;
    }
    uint32_t fork = rbk_lower_plain_state(lower, context, RBK_STATE_FORK, name,
                                          rbk_lower_machine_place(lower, statement->head));
    rbk_lower_state(lower, fork)->branches = branches;
    rbk_lower_state(lower, fork)->next[RBK_OUTCOME_OK] = RBK_REF_NEXT;
    rbk_lower_state(lower, fork)->next[RBK_OUTCOME_FAIL] = context->failed;
    number = 0;
    for (const struct rbk_tree_statement *s = statement->block->first; s != NULL; s = s->next) {
        branch(lower, context, s, branches.first + number, number + 1, name);
        number++;
    }
}
