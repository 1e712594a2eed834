/*
 * The review page: what somebody needs who must decide whether a plan may run, as one page of
 * Markdown that fits into a comment of a pull request.
 */
#ifndef RBK_COMPILER_REVIEW_REVIEW_H
#define RBK_COMPILER_REVIEW_REVIEW_H

#include "compiler/review/difference.h"
#include "runtime/core/base/str.h"

#include <stdbool.h>

struct rbk_arena;
struct rbk_compile;
struct rbk_explore_result;
struct rbk_machine;

/** What GitHub takes as a comment is 65,536 characters; a page stays below, counted in bytes. */
#define RBK_REVIEW_BYTES_MAX ((size_t)65000)

/** What a page is made of. */
struct rbk_review {
    struct rbk_compile *compile; /**< Loaded and, where it parsed, analysed. Borrowed. */
    const struct rbk_machine
        *machine; /**< Written once, for its hash; NULL when there are errors. */
    const struct rbk_difference *difference; /**< NULL when there is nothing to compare with. */
    const struct rbk_explore_result *exploration; /**< Of the machine; NULL: too long. */
    struct rbk_str against;     /**< What it was compared with, as the user said it. */
    struct rbk_str no_old_plan; /**< What a reader must know of the comparison: why there is none,
                                   or what it lacks; may be empty. */
    bool whole;                 /**< Leave nothing out, however long. */
};

/**
 * Write the page. What does not fit is left out, the least needed first, and the page says so.
 * @ret_text  Set to the whole text; in the compilation's arena.
 * @return 0 or -RBK_ENOMEM, -RBK_ELIMIT.
 */
int rbk_review_write(const struct rbk_review *review, struct rbk_str *ret_text);

#endif
