#ifndef RBK_RUNTIME_DRIVERS_FILTER_H
#define RBK_RUNTIME_DRIVERS_FILTER_H

/*
 * jq filters, in a child worker with limits (CPU, address space, deadline) and an empty
 * environment, because an arbitrary filter can abort or never return. The worker keeps compiled
 * filters; one that misbehaves is killed and a new one is started for the next request.
 */

#include "runtime/drivers/driver.h"

struct rbk_filter;

RBK_MUST_USE int rbk_filter_open(const struct rbk_driver_setup *setup,
                                 struct rbk_filter **ret_filter, struct rbk_error *reterr);

/*
 * Apply `filter` to `json`; exactly one callback on a later turn of the loop.
 * on_done: error 0 and the first output as a value (SCALAR for a string, number, bool; JSON for an
 *          object or array; missing for null, `empty` or no output), or a negative code with
 * `message` (compile error, runtime error, not JSON, deadline).
 */
RBK_MUST_USE int rbk_filter_apply(struct rbk_filter *filter, struct rbk_str program,
                                  struct rbk_str json, uint64_t timeout_ms, void *owner,
                                  void (*on_done)(void *owner, int error, struct rbk_value value,
                                                  struct rbk_str message),
                                  struct rbk_error *reterr);
/* Forget a pending apply of this owner: its callback will not run. */
void rbk_filter_cancel(struct rbk_filter *filter, void *owner);
void rbk_filter_close(struct rbk_filter *filter, void (*on_closed)(void *context), void *context);

#endif
