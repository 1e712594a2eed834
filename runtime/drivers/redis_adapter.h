#ifndef RBK_RUNTIME_DRIVERS_REDIS_ADAPTER_H
#define RBK_RUNTIME_DRIVERS_REDIS_ADAPTER_H

/*
 * hiredis on the loop. The adapter that comes with hiredis 0.14 drops a poll error: then no
 * callback ever runs. Here every error becomes "readable and writable", so that hiredis finds it
 * out itself and calls back. What a server sends, or only announces, is bounded by the limits of
 * RBK_REDIS_...: the library has none but for an array's depth, and allocates what is announced.
 */

#include <hiredis/async.h>

#include "runtime/drivers/task.h"

/** What the adapter tells; NULL members are not called. */
struct rbk_redis_adapter_events {
    /** Bytes of the commands given so far may have been handed to the kernel. (A write that failed
     * ends the context instead, and was not.) */
    void (*on_write)(void *owner);
    /** The reply goes beyond a limit, and `why` says which (borrowed for the call). The context
     * ends right after, as one whose connection is lost: its callbacks get NULL. */
    void (*on_refused)(void *owner, const char *why);
};

/**
 * Attaches a fresh context. From then on the adapter belongs to the context, and is closed with it;
 * it holds the driver until its handle is closed.
 * @return 0, or -RBK_ENOMEM / -RBK_ECONNECT with nothing attached.
 */
RBK_MUST_USE int rbk_redis_attach(struct rbk_task_driver *driver, redisAsyncContext *context,
                                  const struct rbk_redis_adapter_events *events, void *owner);

#endif
