#ifndef RBK_RUNTIME_PEOPLE_BACK_H
#define RBK_RUNTIME_PEOPLE_BACK_H

/*
 * How long it takes at worst until a run is back: what is under way stopped, then every touched
 * stage rolled back and verified, one after the other, each by all its strategies at their latest,
 * then the locks released. From the machine alone (core/worst_walk.h), so that it is known for a
 * resumed run and for a machine file; what the compiler proves of the plan is the same figure.
 */

#include "runtime/core/worst_walk.h"
#include "runtime/people/view.h"

/* "Nothing says how long." */
#define RBK_BACK_UNKNOWN UINT64_MAX

/* Of a machine; the caller's memory. */
struct rbk_back {
    struct rbk_worst_ways ways;
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

/* @params  Of the run, for its `wait`s; borrowed until rbk_back_fini(). NULL: their defaults.
 * @return 0 or -RBK_ENOMEM with nothing held. */
RBK_MUST_USE int rbk_back_init(struct rbk_back *back, const struct rbk_machine *machine,
                               const struct rbk_value *params);
void rbk_back_fini(struct rbk_back *back);

/* The ways back of one stage, from the first strategy on; RBK_BACK_UNKNOWN: nothing says. */
uint64_t rbk_back_of_stage(const struct rbk_back *back, uint32_t region);

/* The whole run, were it told to turn round now, or from where its rollback is. @ret_ms is set for
 * RBK_BACK_OPEN. */
enum rbk_back_kind rbk_back_of_run(const struct rbk_view *view, const struct rbk_state *state,
                                   const struct rbk_back *back, uint64_t now_ms, uint64_t *ret_ms);

#endif
