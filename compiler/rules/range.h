/*
 * Ranges: sets of numbers that a value is known to lie in. For RBK131.
 *
 * A range is up to four pieces of the line of reals, in order and apart from each other, with open
 * or closed ends that may be infinite. `whole` says that only whole numbers are in it (int,
 * duration and bytes, counted in their smallest unit; bools as 0 and 1; texts by number). A range
 * always holds at least what it should: where an operation cannot be exact it takes more. So
 * "empty" and "does not meet" are proofs, and nothing else is.
 *
 * The bounds of sums and products need no margin: the core computes with doubles, whose rounding
 * never turns the order of two results round, and the bounds are computed by the same operations.
 * Beyond 2^53, where whole numbers are no longer exact, a bound becomes infinite.
 */
#ifndef RBK_COMPILER_RULES_RANGE_H
#define RBK_COMPILER_RULES_RANGE_H

#include "compiler/tree.h"
#include "runtime/core/value.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_buffer;

#define RBK_RANGE_PIECES_MAX 4u

/** From one number to another. */
struct rbk_range_piece {
    double low, high;         /**< Finite or infinite, never NaN. */
    bool low_open, high_open; /**< The end itself does not belong to it. */
};

/** A set of numbers. */
struct rbk_range {
    struct rbk_range_piece pieces[RBK_RANGE_PIECES_MAX];
    uint8_t count; /**< Of pieces; 0: nothing. */
    bool whole;
};

/** Every number. */
struct rbk_range rbk_range_all(bool whole);

/** All from @low to @high, both included. */
struct rbk_range rbk_range_between(double low, double high, bool whole);

/** Just this one. */
struct rbk_range rbk_range_point(double number, bool whole);

/** What is in both. */
struct rbk_range rbk_range_meet(const struct rbk_range *a, const struct rbk_range *b);

/** At least what is in either. */
struct rbk_range rbk_range_join(const struct rbk_range *a, const struct rbk_range *b);

/** The numbers x of which `x op y` is true for some y of @other. @op: one of the six comparisons.
 */
struct rbk_range rbk_range_compared(enum rbk_operator op, const struct rbk_range *other);

/** At least all results of ADD, SUBTRACT, MULTIPLY, DIVIDE. Division by zero has none.
 * @whole: the result is rounded to a whole number. */
struct rbk_range rbk_range_compute(enum rbk_operator op, const struct rbk_range *a,
                                   const struct rbk_range *b, bool whole);

/** All x of which -x, or |x|, is what is asked for: the results of negation and abs(). */
struct rbk_range rbk_range_negate(const struct rbk_range *a);
struct rbk_range rbk_range_abs(const struct rbk_range *a);

/** Whether it is every number. */
bool rbk_range_is_all(const struct rbk_range *range);

/** The comparison that holds exactly when @op does not; @op: one of the six. */
enum rbk_operator rbk_operator_opposite(enum rbk_operator op);

/** The comparison `b op' a` that is the same as `a op b`. */
enum rbk_operator rbk_operator_turned(enum rbk_operator op);

/** Write "from 0% to 100%", "0 or more", "5" … with the values as a plan prints those of @type. */
void rbk_range_print(struct rbk_buffer *out, const struct rbk_range *range, enum rbk_type type);

#endif
