#ifndef RBK_RUNTIME_CORE_WORST_WALK_H
#define RBK_RUNTIME_CORE_WORST_WALK_H

/*
 * Worst-case times of a machine: how long a stage takes forward, how long each way back takes, and
 * what remains of one that is under way. compiler/times says the same of a plan, with the same
 * arithmetic (worst.h) and the same limits (stop_times.h); for a machine of a plan the figures are
 * equal, and tests/unit/compiler/times holds them against each other. Only where `undo` takes back
 * an `if` with calls on both sides the machine's is longer: it asks of each call whether it was
 * begun, and does not know that one side excludes the other.
 *
 * The states of a region are walked from the last to the first: lowering writes them in the order
 * in which they are entered. A machine that goes backwards is legal; such an edge is left out, and
 * the figure is then too small rather than endless.
 */

#include "runtime/core/base/attributes.h"
#include "runtime/core/state.h"
#include "runtime/core/worst.h"

/* Of a machine; the caller's memory. */
struct rbk_worst_ways {
    const struct rbk_machine *machine; /* borrowed */
    const struct rbk_value *params;    /* borrowed; NULL: their defaults */
    struct rbk_worst *branches;        /* owned, by region: of a BRANCH, from its first state on */
    struct rbk_worst *strategies; /* owned, by strategy: its `when`, steps and verify; open where
                                     nothing says how long */
    bool *copied; /* owned, by region: of a BRANCH whose outermost block has the limit of the one
                     that its fork stands in */
    struct rbk_worst release; /* of the locks at the end of a run that was aborted */
};

/* @return 0 or -RBK_ENOMEM with nothing held. */
RBK_MUST_USE int rbk_worst_ways_init(struct rbk_worst_ways *ways,
                                     const struct rbk_machine *machine);
/* Of a run, in which a `wait` for a parameter takes as long as that says. @params  As many as the
 * machine has; borrowed as long as the figures are used. NULL: their defaults. */
RBK_MUST_USE int rbk_worst_ways_init_run(struct rbk_worst_ways *ways,
                                         const struct rbk_machine *machine,
                                         const struct rbk_value *params);
void rbk_worst_ways_fini(struct rbk_worst_ways *ways);

/* A STAGE forward, once: from its first gate until it stands applied, or has failed and nothing of
 * it lives (end_ms). @return 0 or -RBK_ENOMEM; `ret_worst` is set on 0. */
RBK_MUST_USE int rbk_worst_forward(const struct rbk_worst_ways *ways, uint32_t region,
                                   struct rbk_worst *ret_worst);

/* The same and its way back: how long a stage takes to be done and undone, which has to fit into
 * its window. RBK_WORST_MS_MAX: nothing says; a longer time is one less.
 * @forward  As rbk_worst_forward() says. */
uint64_t rbk_worst_round_ms(const struct rbk_worst_ways *ways, uint32_t region,
                            struct rbk_worst forward);

/* All ways back of a stage that has not begun the first: all but the last fail at their latest, the
 * last ends well, at its latest. Only ok_ms and open count. */
struct rbk_worst rbk_worst_way_back(const struct rbk_worst_ways *ways, uint32_t region);

/* The same of a stage whose rollback is under way, from the state it is in and with the deadlines
 * that run; open where nothing says, or for want of memory. */
struct rbk_worst rbk_worst_rest(const struct rbk_worst_ways *ways, const struct rbk_state *state,
                                uint32_t region, uint64_t now_ms);

/* How long it takes to stop the effect of a machine's state, and to know what became of it. */
uint64_t rbk_worst_stop_ms(const struct rbk_machine *machine, uint32_t machine_state);

#endif
