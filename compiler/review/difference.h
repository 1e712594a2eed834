/*
 * What differs between two plans, in sentences.
 *
 * Compared are the programs, statement by statement, by what is written and not by how it is laid
 * out: comments, blanks and `rbkc fmt` make no difference. Statements are matched by what they are
 * (a stage by its name, a check by its label, a step by what it does), so that one that moved is
 * told as moved. What a specific sentence does not name is told by a general one with both
 * wordings, so that nothing that differs is left out. Two plans of which both machines are known
 * and have the same hash mean the same, whatever is written.
 */
#ifndef RBK_COMPILER_REVIEW_DIFFERENCE_H
#define RBK_COMPILER_REVIEW_DIFFERENCE_H

#include "runtime/core/base/str.h"

#include <stdint.h>

struct rbk_arena;
struct rbk_compile;
struct rbk_machine;

/** How much a change matters, the heaviest first. */
enum rbk_change_weight {
    RBK_CHANGE_WEAKER,   /**< Something that made the plan safer is gone or looser. */
    RBK_CHANGE_OTHER,    /**< The plan does something else. */
    RBK_CHANGE_STRONGER, /**< Something that makes it safer is new or tighter. */
};

/** One sentence. */
struct rbk_change {
    struct rbk_change *next;
    enum rbk_change_weight weight;
    struct rbk_str text;   /**< With the marks of document.h; no full stop at the end. */
    struct rbk_str module; /**< Where it stands; empty for the plan's own file. */
    uint32_t old_line;     /**< From 1; 0: it was not there. */
    uint32_t new_line;     /**< From 1; 0: it is gone. */
};

/** One of the two plans. */
struct rbk_difference_side {
    struct rbk_compile *compile;       /**< Loaded, without syntax errors. Borrowed. */
    const struct rbk_machine *machine; /**< Its hash is set; NULL when it does not compile. */
};

/** All of them. */
struct rbk_difference {
    struct rbk_change *first; /**< In the order of weight, then of the plan. */
    uint32_t count;
    uint32_t weaker; /**< How many of them are RBK_CHANGE_WEAKER. */
};

/** Compare. Everything is in @arena. */
void rbk_difference_compare(struct rbk_arena *arena, const struct rbk_difference_side *before,
                            const struct rbk_difference_side *after,
                            struct rbk_difference *ret_difference);

#endif
