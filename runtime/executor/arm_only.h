#ifndef RBK_RUNTIME_EXECUTOR_ARM_ONLY_H
#define RBK_RUNTIME_EXECUTOR_ARM_ONLY_H

/*
 * Arming without a run: what `rbk run PLAN --arm-only` does. Parameters and secrets are read as for
 * a real run, each probe and each reading of a trigger's own is taken once, and every condition is
 * evaluated. No store is opened, no effect carried out, nothing told, and what the drivers need on
 * disk is gone afterwards.
 */

#include "runtime/core/state.h"
#include "runtime/executor/run.h"

/* What was read for one condition. Borrowed for the length of the call. */
struct rbk_armed {
    bool criterion;          /* else a trigger */
    uint32_t index;          /* row of criteria or triggers */
    uint32_t expr;           /* its condition */
    enum rbk_level level;    /* before `for` */
    bool early;              /* a `count` in it counts what nobody has watched yet */
    bool later;              /* MISSING because it looks at a value that only the run itself sets */
    struct rbk_str readings; /* "avg error_rate over 5m = 8%": what it looked at */
    struct rbk_str no_data;  /* MISSING: which source gave what, one a line */
    const struct rbk_scope *scope; /* to evaluate it again, or a part of it; without secrets */
};
typedef void rbk_armed_fn(void *context, const struct rbk_armed *armed);

/*
 * @options    Only `user` is used.
 * @directory  As for rbk_run_create().
 * @each       Called for every trigger, then for every criterion that reads, in the plan's order.
 * @ret_ready  Set when 0 is returned: each of them has a value, but for those that are `later`.
 * @return 0, or a negative error as rbk_run_create() gives for parameters, secrets and drivers.
 */
RBK_MUST_USE int rbk_arm_only(const struct rbk_run_options *options,
                              const struct rbk_machine *machine, const char *directory,
                              const struct rbk_run_setting *settings, size_t setting_count,
                              rbk_armed_fn *each, void *context, bool *ret_ready,
                              struct rbk_error *reterr);

#endif
