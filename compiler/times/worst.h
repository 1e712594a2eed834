/*
 * The arithmetic of worst cases: what is known of one step, and how that of steps one after the
 * other, side by side, repeated, or under a time limit follows from it.
 *
 * All times are milliseconds and saturate at RBK_WORST_MS_MAX. Each number is an upper bound over
 * every way the steps can go, and each is reached by some way (docs/internals.md says by which, and
 * where a bound is not tight).
 */
#ifndef RBK_COMPILER_TIMES_WORST_H
#define RBK_COMPILER_TIMES_WORST_H

#include <stdbool.h>
#include <stdint.h>

struct rbk_source;
struct rbk_tree_statement;

/** The longest time there is; longer ones stay here. */
#define RBK_WORST_MS_MAX (UINT64_C(1) << 53)

/** The worst case of a step, a block, or a whole part of a stage. Zeroed: nothing to do. */
struct rbk_worst {
    uint64_t
        needs_ms;     /**< The times written in it, along the longest path: timeouts times attempts,
                           delays, waits. What a `within` around it must not be shorter than. */
    uint64_t ok_ms;   /**< Until it has ended well, at the latest. */
    uint64_t end_ms;  /**< Until it has ended in any way and nothing of it lives; >= ok_ms, since
                           what ran out of time has to be stopped. */
    uint64_t stop_ms; /**< From the moment it is told to stop until nothing of it lives. */
    uint64_t open_stop_ms; /**< The same for what can be under way when a limit around it ends
                                because something open came before; 0 unless open. */
    const struct rbk_tree_statement
        *stop_by;                         /**< The step that takes stop_ms to stop; NULL: none. */
    const struct rbk_source *stop_source; /**< Of that step. */
    bool open; /**< Something in it has no limit of its own: it takes what remains of the block
                    around it, and ok_ms, end_ms count the rest only. */
};

/** a + b, saturating. */
uint64_t rbk_worst_add_ms(uint64_t a, uint64_t b);

/** a * b, saturating. */
uint64_t rbk_worst_times_ms(uint64_t a, uint64_t b);

/** One step that takes exactly this long at worst and stops at once: a wait, a question. */
struct rbk_worst rbk_worst_of(uint64_t ms);

/** A step without a limit of its own. @least_ms It cannot end well in less (`for D`).  */
struct rbk_worst rbk_worst_open(uint64_t least_ms, uint64_t stop_ms);

/** @first, then @then when that ended well. */
struct rbk_worst rbk_worst_then(struct rbk_worst first, struct rbk_worst then);

/** Either of two, or both side by side. */
struct rbk_worst rbk_worst_either(struct rbk_worst a, struct rbk_worst b);

/** @count times, one after the other; 0 is nothing. */
struct rbk_worst rbk_worst_repeat(struct rbk_worst each, uint64_t count);

/** Under a limit: what is still under way when it ends is stopped. 0: no limit. */
struct rbk_worst rbk_worst_within(struct rbk_worst inside, uint64_t within_ms);

/** A failure is passed over: however it ends, what follows goes on. */
struct rbk_worst rbk_worst_passed(struct rbk_worst step);

#endif
