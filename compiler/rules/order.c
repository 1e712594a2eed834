/*
 * The transitive closure of `after`, a row of bits for each stage. A plan without `after` needs
 * none: its stages run as they are written.
 */
#include "compiler/rules/order.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

/* A stage whose row is being made, and the predecessor that is looked at next. */
struct visit {
    uint32_t stage;
    uint32_t next;
};

/* The number of predecessor @at of a stage; false at their end. Stages without `after` come after
 * the one above. */
static bool predecessor(const struct rbk_statements *stages, uint32_t stage, uint32_t at,
                        uint32_t *ret_stage)
{
    const struct rbk_statements *afters = &rbk_program_stage_of(stages->items[stage])->afters;
    if (!afters->count) {
        *ret_stage = stage - 1;
        return stage > 0 && at == 0;
    }
    for (uint32_t i = 0; i < afters->count; i++) {
        for (const struct rbk_tree_name *name = afters->items[i]->names; name; name = name->next) {
            if (name->ref && at-- == 0) {
                *ret_stage = rbk_program_stage_of(name->ref->statement)->index;
                return true;
            }
        }
    }
    return false;
}

/* Make the rows, each after those of its predecessors, with a stack of its own. False when stages
 * wait for each other. */
static bool close_rows(struct rbk_stage_order *order, struct rbk_arena *arena,
                       const struct rbk_statements *stages)
{
    enum { NEW, OPEN, DONE };
    uint8_t *state = rbk_new_array(arena, uint8_t, order->count);
    struct visit *stack = rbk_new_array(arena, struct visit, order->count);
    for (uint32_t start = 0; start < order->count; start++) {
        uint32_t depth = 0;
        if (state[start] == NEW) {
            stack[depth++] = (struct visit){start, 0};
            state[start] = OPEN;
        }
        while (depth) {
            struct visit *top = &stack[depth - 1];
            uint32_t before;
            if (!predecessor(stages, top->stage, top->next, &before)) {
                state[top->stage] = DONE;
                depth--;
            } else if (state[before] == NEW) {
                state[before] = OPEN;
                stack[depth++] = (struct visit){before, 0};
            } else if (state[before] == OPEN) {
                return false;
            } else {
                uint64_t *row = order->before + (size_t)top->stage * order->words;
                const uint64_t *other = order->before + (size_t)before * order->words;
                for (uint32_t i = 0; i < order->words; i++) {
                    row[i] |= other[i];
                }
                row[before / 64] |= UINT64_C(1) << before % 64;
                top->next++;
            }
        }
    }
    return true;
}

/* Whether two stages have no order: not every pair is in the closure. */
static bool any_concurrent(const struct rbk_stage_order *order)
{
    uint64_t pairs = 0;
    for (size_t i = 0; i < (size_t)order->count * order->words; i++) {
        pairs += (uint64_t)__builtin_popcountll(order->before[i]);
    }
    return pairs != (uint64_t)order->count * (order->count - 1) / 2;
}

const struct rbk_stage_order *rbk_stage_order(struct rbk_rules *rules)
{
    if (rules->order) {
        return rules->order;
    }
    struct rbk_arena *arena = &rules->compile->arena;
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    struct rbk_stage_order *order = rbk_new(arena, struct rbk_stage_order);
    rules->order = order;
    order->count = stages->count;
    order->words = (stages->count + 63) / 64;
    bool written = true;
    for (uint32_t i = 0; i < stages->count; i++) {
        written &= rbk_program_stage_of(stages->items[i])->afters.count == 0;
    }
    if (written || stages->count > RBK_STAGES_MAX) {
        return order;
    }
    order->before = rbk_new_array(arena, uint64_t, (size_t)order->count * order->words);
    if (close_rows(order, arena, stages)) {
        order->has_concurrency = any_concurrent(order);
    } else {
        order->before = NULL;
    }
    return order;
}
