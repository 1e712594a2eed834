/*
 * Core readings of this host: file.exists, file.size, file.sha256, host.disk_free, host.load, env.
 * A file system can hang, so they are made on libuv's pool of threads, never on the loop.
 */
#ifndef RBK_RUNTIME_DRIVERS_HOST_H
#define RBK_RUNTIME_DRIVERS_HOST_H

#include <uv.h>

#include "runtime/core/base/error.h"
#include "runtime/core/machine.h"

struct rbk_host_read; /* one reading under way; frees itself */

/**
 * What was read. `value` is of the reading's type (BOOL, BYTES, TEXT, RATIO, NUMBER), or missing,
 * and `message` says why. Both are the reading's memory, valid during the call.
 */
typedef void rbk_host_fn(void *owner, struct rbk_value value, struct rbk_str message);

/**
 * Starts a reading; exactly one callback on a later turn of the loop, unless it is cancelled.
 * @kind       One of the six above; anything else is answered as missing.
 * @argument   Path or variable name; copied. Not looked at for host.load.
 * @directory  What a relative path is below; copied. Empty: the working directory.
 * @ret_read   May be NULL; for rbk_host_cancel(), valid until the callback.
 * @return 0, or -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_host_read(uv_loop_t *loop, enum rbk_read_kind kind, struct rbk_str argument,
                               struct rbk_str directory, void *owner, rbk_host_fn *on_read,
                               struct rbk_host_read **ret_read, struct rbk_error *reterr);

/** The callback will not run any more. A thread that hangs in a file system keeps its place in the
 * pool, and the loop alive, until the kernel lets it go. */
void rbk_host_cancel(struct rbk_host_read *read);

#endif
