/*
 * Templates: a text of the plan in which values stand, cut into what a driver is given.
 *
 * Nothing is pasted. A text with values is a row of pieces, each either literal text or a value
 * that is known only at run time. The functions here look at the literal pieces alone and decide
 * where each value goes: into which word of an argv, into which variable of a shell script, to
 * which bind parameter of a statement, and whether it stands inside a JSON string. They are pure,
 * know nothing of the tree (a value is an opaque pointer), and can be tested without a plan.
 */
#ifndef RBK_COMPILER_LOWER_TEMPLATE_H
#define RBK_COMPILER_LOWER_TEMPLATE_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rbk_arena;

/** A piece of a template. */
struct rbk_piece {
    struct rbk_str text; /**< Literal text; meaningless when value is set. */
    const void *value;   /**< What stands here at run time, or NULL for literal text. Borrowed. */
};

/** A row of pieces, in order. Borrowed or in an arena. */
struct rbk_pieces {
    const struct rbk_piece *items;
    size_t count;
};

/** The words of an argv. */
struct rbk_words {
    const struct rbk_pieces
        *items; /**< Each word's pieces; an empty word has none. In the arena. */
    size_t count;
};

/**
 * Cut a command into words as a shell would, by blanks, quotes and backslashes, with no other
 * expansion. A value never splits and never joins words; next to text it becomes part of that word.
 *
 *   outside quotes    blanks and line ends separate; a backslash takes the next character as it is
 *                     and, before a line end, disappears with it
 *   inside '…'        everything is literal
 *   inside "…"        a backslash is special before " \ $ ` and a line end only
 *
 * @ret_fault  Set on failure: what is wrong, in the wording of a diagnostic.
 * @return 0, or -1 with nothing else set.
 */
RBK_MUST_USE int rbk_template_words(struct rbk_arena *arena, struct rbk_pieces command,
                                    struct rbk_words *ret_words, const char **ret_fault);

/** What a template becomes: one text, and the values that were taken out, in order. */
struct rbk_taken {
    struct rbk_str text;
    const void *const *values; /**< In the arena. */
    size_t count;
};

/**
 * Turn a shell script with values into one that reads them from the environment: value n (from 1)
 * becomes the variable RBK_n, quoted by where it stands, so that it is never split nor expanded.
 * @return 0, or -1 when a value stands where a shell would not expand it (a quoted here-document).
 */
RBK_MUST_USE int rbk_template_shell(struct rbk_arena *arena, struct rbk_pieces script,
                                    struct rbk_taken *ret_taken, const char **ret_fault);

/**
 * Turn a statement with values into one with bind parameters: value n (from 1) becomes $n.
 * @return 0, or -1 when a value stands inside a quoted literal, a quoted name or a comment, where
 *         no parameter can stand.
 */
RBK_MUST_USE int rbk_template_sql(struct rbk_arena *arena, struct rbk_pieces statement,
                                  struct rbk_taken *ret_taken, const char **ret_fault);

/**
 * For each value of a JSON text, in order: does it stand inside a JSON string?
 * @ret_inside  One for each value, in the arena.
 */
void rbk_template_json(struct rbk_arena *arena, struct rbk_pieces body, const bool **ret_inside,
                       size_t *ret_count);

#endif
