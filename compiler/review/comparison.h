/*
 * A comparison of two plans under way. Private to the difference_*.c files.
 *
 * `before` and `after` are the two plans everywhere; functions take one node of each.
 */
#ifndef RBK_COMPILER_REVIEW_COMPARISON_H
#define RBK_COMPILER_REVIEW_COMPARISON_H

#include "compiler/review/difference.h"
#include "compiler/review/wording.h"
#include "compiler/tree.h"
#include "runtime/core/base/attributes.h"

#include <stdbool.h>

/** How much of a statement or expression is shown in a sentence. */
#define RBK_COMPARISON_SHOWN 110u

/** A comparison; the caller's memory. */
struct rbk_comparison {
    struct rbk_arena *arena;
    const struct rbk_wording *before; /**< The files being compared. */
    const struct rbk_wording *after;
    struct rbk_str module; /**< Their module; empty for the plan's own. */
    struct rbk_str where;  /**< " of `migrate`" and the like: ends sentences; may be empty. */
    bool in_rollback;      /**< Inside a rollback or a restore. */
    struct rbk_change *first;
    struct rbk_change *last;
    uint32_t count;
};

/** Add a sentence. @before, @after  Where it stands; NULL: not there. */
RBK_PRINTF(5, 6)
void rbk_comparison_add(struct rbk_comparison *comparison, enum rbk_change_weight weight,
                        const struct rbk_span *before, const struct rbk_span *after,
                        const char *format, ...);

/** A part of either plan on one line, without marks. */
struct rbk_str rbk_comparison_before(const struct rbk_comparison *comparison, struct rbk_span span);
struct rbk_str rbk_comparison_after(const struct rbk_comparison *comparison, struct rbk_span span);

/** Whether two parts are written the same. */
bool rbk_comparison_same(const struct rbk_comparison *comparison, struct rbk_span before,
                         struct rbk_span after);

/* ---- difference_match.c ---------------------------------------------------------------------- */

/** Compare two lists of statements: what is gone, new, moved, or written otherwise. Either may be
 *  NULL, which is an empty one. */
void rbk_comparison_blocks(struct rbk_comparison *comparison, const struct rbk_tree_block *before,
                           const struct rbk_tree_block *after);

/* ---- difference_name.c ----------------------------------------------------------------------- */

/** What a statement is called in a sentence: "trigger `slow`", "`run "a"`". With marks. */
struct rbk_str rbk_comparison_name(const struct rbk_comparison *comparison, bool is_after,
                                   const struct rbk_tree_statement *statement);

/** The fixed part of a statement: up to its clauses and block. */
struct rbk_span rbk_statement_fixed(const struct rbk_tree_statement *statement);

/** Whether its kind makes a plan safer by being there. */
bool rbk_statement_protects(const struct rbk_tree_statement *statement);

/** Where the statements in the block of @outer stand: " of `migrate`", " in the apply of
 * `migrate`".
 *  @outer is a statement of `after`, or NULL for the file. */
struct rbk_str rbk_comparison_where(const struct rbk_comparison *comparison, bool is_after,
                                    const struct rbk_tree_statement *outer);

/* ---- difference_statement.c ------------------------------------------------------------------ */

/** Compare two statements of one kind that were matched. */
void rbk_comparison_statements(struct rbk_comparison *comparison,
                               const struct rbk_tree_statement *before,
                               const struct rbk_tree_statement *after);

/* ---- difference_clause.c --------------------------------------------------------------------- */

/** Compare the clauses of two matched statements. */
void rbk_comparison_clauses(struct rbk_comparison *comparison,
                            const struct rbk_tree_statement *before,
                            const struct rbk_tree_statement *after);

/* ---- difference_times.c ---------------------------------------------------------------------- */

/** Compare the worst cases of two plans without errors. */
void rbk_comparison_times(struct rbk_comparison *comparison, struct rbk_compile *before,
                          struct rbk_compile *after);

/* ---- difference_value.c ---------------------------------------------------------------------- */

/**
 * Whether a condition became harder or easier to fulfil.
 * @return 1: harder, -1: easier, 0: cannot be told.
 */
int rbk_condition_change(const struct rbk_comparison *comparison,
                         const struct rbk_tree_expr *before, const struct rbk_tree_expr *after);

/** The two literals when a condition differs in one limit only ("5%", "8%"); else false. */
bool rbk_condition_limits(const struct rbk_comparison *comparison,
                          const struct rbk_tree_expr *before, const struct rbk_tree_expr *after,
                          struct rbk_span *ret_before, struct rbk_span *ret_after);

/** How strong a reaction is: abort 5, rollback 4, pause 3, ask 2, notify 1; less with a question.
 */
int rbk_reaction_strength(const struct rbk_tree_reaction *reaction);

/** Two statements under comparison, with the name they have in sentences. */
struct rbk_pair_compared {
    struct rbk_comparison *comparison;
    const struct rbk_tree_statement *before;
    const struct rbk_tree_statement *after;
    struct rbk_str name; /**< With where it stands. */
};

/** Add a sentence about a pair. */
#define RBK_TELL(PAIR, WEIGHT, ...)                                                               \
    rbk_comparison_add((PAIR)->comparison, (WEIGHT), &(PAIR)->before->span, &(PAIR)->after->span, \
                       __VA_ARGS__)

#endif
