/*
 * "Did you mean …?": the candidate nearest to a misspelt word.
 *
 *     struct rbk_nearest nearest;
 *     rbk_nearest_init(&nearest, word);
 *     for (…) rbk_nearest_offer(&nearest, candidate);
 *     if (nearest.best.bytes) rbk_diagnostic_help(d, "Did you mean `%.*s`?",
 * RBK_STR_ARG(nearest.best));
 */
#ifndef RBK_COMPILER_NEAREST_H
#define RBK_COMPILER_NEAREST_H

#include "runtime/core/base/str.h"

/** A search under way. The caller's memory. */
struct rbk_nearest {
    struct rbk_str word; /**< What was written; borrowed. */
    struct rbk_str best; /**< The nearest candidate so far, borrowed; empty when none is near. */
    unsigned distance; /**< Its distance; while there is none, one more than what counts as near. */
};

/** Begin: near is up to a third of the word's letters away, one at least; one letter has no near.
 */
void rbk_nearest_init(struct rbk_nearest *nearest, struct rbk_str word);

/** Offer a candidate. Of equally near ones the first stays. The word itself is never offered. */
void rbk_nearest_offer(struct rbk_nearest *nearest, struct rbk_str candidate);

#endif
