/*
 * The arithmetic of worst cases: what is known of one step, and how that of steps one after the
 * other, side by side, repeated, or under a time limit follows from it. Two walks put it together:
 * compiler/times goes over a plan's tree, since lowering a long plan costs more than checking it,
 * and core/worst_walk.c over a machine, for those who have no plan. A test holds them against each
 * other.
 *
 * All times are milliseconds and saturate at RBK_WORST_MS_MAX. Each number is an upper bound over
 * every way the steps can go, and each is reached by some way (docs/internals.md says by which, and
 * where a bound is not tight).
 */
#ifndef RBK_RUNTIME_CORE_WORST_H
#define RBK_RUNTIME_CORE_WORST_H

#include <stdbool.h>
#include <stdint.h>

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
    const void *stop_by; /**< The step that takes stop_ms to stop, as the walk knows it; NULL: none,
                            or nobody asks. Borrowed. */
    const void *stop_source; /**< Where that step stands, likewise. */
    bool open; /**< Something in it has no limit of its own: it takes what remains of the block
                    around it, and ok_ms, end_ms count the rest only. */
};

/** a + b, saturating. */
uint64_t rbk_worst_add_ms(uint64_t a, uint64_t b);

/** a * b, saturating. */
uint64_t rbk_worst_times_ms(uint64_t a, uint64_t b);

/** One step that takes exactly this long at worst and stops at once: a wait, a question. */
struct rbk_worst rbk_worst_of(uint64_t ms);

/** How often what was looked for and not found is done again, beyond the retries that are written.
 */
#define RBK_WORST_DOUBTS 2u

/** What is known of the time of an effect that changes something. */
struct rbk_worst_effect {
    uint64_t timeout_ms; /**< 0: what remains of the block around it. */
    uint64_t attempts;   /**< As written, at least 1. */
    uint64_t delay_ms;   /**< Between them. */
    uint64_t dead_ms;    /**< From being told to stop to being shown dead. */
    uint64_t asked_ms;   /**< The questions when it is in doubt; 0: nobody is asked. */
    uint64_t look_ms;    /**< Its `done when`, when it is in doubt whenever it is cut off. */
    bool looks;          /**< That is so. */
};

/** An effect: attempt, timeout, stopped, delay, attempt … */
struct rbk_worst rbk_worst_of_effect(const struct rbk_worst_effect *effect);

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

/**
 * How long a stage takes until it was done and undone: it fails at its latest, what failed is
 * stopped, and then all its ways back are gone. What has to fit into its window: RBK113 holds it
 * against the whole of one, a run against what is left of it (core/hours.h).
 * @forward  From the first gate to the end of `verify`, once.
 * @back_ms  All ways back.
 */
uint64_t rbk_worst_done_and_undone_ms(const struct rbk_worst *forward, uint64_t back_ms);

/** A failure is passed over: however it ends, what follows goes on. */
struct rbk_worst rbk_worst_passed(struct rbk_worst step);

#endif
