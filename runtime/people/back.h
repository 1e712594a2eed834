#ifndef RBK_RUNTIME_PEOPLE_BACK_H
#define RBK_RUNTIME_PEOPLE_BACK_H

/*
 * How long it takes at worst until a run is back: every touched stage rolled back and verified, one
 * after the other, each by all its strategies at their latest. Worked out from the machine alone,
 * so that it is known for a resumed run and for a machine file; compiler/times says the same of a
 * plan, and a test compares the two.
 *
 * An upper bound: where blocks nest only the outermost limit cuts. Times of the drivers are those
 * of core/stop_times.h.
 */

#include "runtime/people/view.h"

/* "Nothing says how long." */
#define RBK_BACK_UNKNOWN UINT64_MAX

/* Of a machine; the caller's memory. */
struct rbk_back {
    const struct rbk_machine *machine; /* borrowed */
    uint64_t *inside;  /* owned, per state: from its beginning to the end of its outermost block */
    uint64_t *outside; /* owned, per state: from there to the end of its region, ending well */
    uint64_t *strategies; /* owned, per strategy: it, and those after it */
};

/* What can be said of a run. */
enum rbk_back_kind {
    RBK_BACK_NOTHING,   /* no stage has been touched */
    RBK_BACK_OPEN,      /* it takes so long at worst */
    RBK_BACK_UNBOUNDED, /* open, but nothing says how long it takes */
    RBK_BACK_CLOSED,    /* an applied stage has no way back open */
    RBK_BACK_STUCK,     /* a rollback has failed for good */
    RBK_BACK_GONE,      /* the old system has been retired */
};

/* @return 0 or -RBK_ENOMEM with nothing held. */
RBK_MUST_USE int rbk_back_init(struct rbk_back *back, const struct rbk_machine *machine);
void rbk_back_fini(struct rbk_back *back);

/* The ways back of one stage, from the first strategy on; RBK_BACK_UNKNOWN: nothing says. */
uint64_t rbk_back_of_stage(const struct rbk_back *back, uint32_t region);

/* The whole run, were it told to turn round now, or from where its rollback is. @ret_ms is set for
 * RBK_BACK_OPEN. */
enum rbk_back_kind rbk_back_of_run(const struct rbk_view *view, const struct rbk_state *state,
                                   const struct rbk_back *back, uint64_t now_ms, uint64_t *ret_ms);

#endif
