#ifndef RBK_RUNTIME_DRIVERS_REDIS_H
#define RBK_RUNTIME_DRIVERS_REDIS_H

/*
 * Redis commands, one per request, each on a connection of its own: `words` are the command, an
 * address is redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE].
 *
 * Strings, status replies and integers are a SCALAR; nil is MISSING for a reading, and no value for
 * an effect; an array is JSON text. An error reply is FAIL. A connection or a deadline lost after
 * the command was sent is DOUBT for an effect that is not declared idempotent. There is no
 * recover(): what a dead runner had sent is in doubt. Commands that turn a connection into a stream
 * are refused.
 */

#include "runtime/drivers/driver.h"

/** Opens the driver; `setup` is borrowed for its life. close() frees it. -RBK_ENOMEM. */
RBK_MUST_USE int rbk_redis_open(const struct rbk_driver_setup *setup,
                                struct rbk_driver **ret_driver, struct rbk_error *reterr);

#endif
