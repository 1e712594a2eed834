/*
 * Which stage certainly stands applied before another begins, and which can be under way together.
 */
#ifndef RBK_COMPILER_RULES_ORDER_H
#define RBK_COMPILER_RULES_ORDER_H

#include "compiler/rules/rules.h"

#include <stdbool.h>
#include <stdint.h>

/** The order of a plan's stages; in the compilation's arena. */
struct rbk_stage_order {
    uint32_t count;       /**< Stages of the plan. */
    uint32_t words;       /**< Words of a row of `before`. */
    uint64_t *before;     /**< Row i, bit j: stage j comes before stage i. NULL: as written. */
    bool has_concurrency; /**< Some two stages can be under way at the same time. */
};

/** The order of the plan's stages, found once a compilation. Cycles (RBK141) and more stages than
 * RBK_STAGES_MAX (RBK170) give the order in which they are written. */
const struct rbk_stage_order *rbk_stage_order(struct rbk_rules *rules);

/** Whether stage number @first certainly stands applied when stage number @second begins. */
static inline bool rbk_stage_before(const struct rbk_stage_order *order, uint32_t first,
                                    uint32_t second)
{
    return order->before
               ? (order->before[(size_t)second * order->words + first / 64] >> first % 64 & 1) != 0
               : first < second;
}

/** Whether two stages can be under way at the same time. */
static inline bool rbk_stage_concurrent(const struct rbk_stage_order *order, uint32_t a, uint32_t b)
{
    return a != b && !rbk_stage_before(order, a, b) && !rbk_stage_before(order, b, a);
}

#endif
