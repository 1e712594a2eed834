/*
 * Every call into hiredis may free the context, and with it detach the adapter; so `context` is
 * looked at again after each. Writing comes first: it is there that a failed connect is found out.
 */
#include "runtime/drivers/redis_adapter.h"

#include <stdlib.h>
#include <sys/ioctl.h>

/* hiredis reads this much at a time. */
#define READ_BYTES ((size_t)16 << 10)

struct adapter {
    uv_poll_t poll;
    redisAsyncContext *context; /* NULL once detached */
    struct rbk_task_driver *driver;
    const struct rbk_redis_adapter_events *events;
    void *owner;
    int wanted; /* UV_READABLE, UV_WRITABLE */
    size_t received;
    size_t received_max;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct adapter *adapter, int wanted)
{
    adapter->wanted = wanted;
    if (wanted) {
        (void)uv_poll_start(&adapter->poll, wanted, on_poll);
    } else {
        (void)uv_poll_stop(&adapter->poll);
    }
}

static void add_read(void *context)
{
    struct adapter *adapter = context;
    watch(adapter, adapter->wanted | UV_READABLE);
}

static void delete_read(void *context)
{
    struct adapter *adapter = context;
    watch(adapter, adapter->wanted & ~UV_READABLE);
}

static void add_write(void *context)
{
    struct adapter *adapter = context;
    watch(adapter, adapter->wanted | UV_WRITABLE);
}

static void delete_write(void *context)
{
    struct adapter *adapter = context;
    watch(adapter, adapter->wanted & ~UV_WRITABLE);
}

static void on_adapter_closed(uv_handle_t *handle)
{
    struct adapter *adapter = RBK_CONTAINER_OF(handle, struct adapter, poll);
    struct rbk_task_driver *driver = adapter->driver;
    free(adapter);
    rbk_task_driver_release(driver);
}

static void cleanup(void *context)
{
    struct adapter *adapter = context;
    adapter->context = NULL;
    uv_close((uv_handle_t *)&adapter->poll, on_adapter_closed);
}

/* Counts what is about to be read. */
static bool is_too_much(struct adapter *adapter)
{
    int ready = 0;
    if (ioctl(adapter->context->c.fd, FIONREAD, &ready) == 0 && ready > 0) {
        size_t bytes = (size_t)ready;
        adapter->received += bytes < READ_BYTES ? bytes : READ_BYTES;
    }
    return adapter->received > adapter->received_max;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct adapter *adapter = RBK_CONTAINER_OF(poll, struct adapter, poll);
    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE;
    }
    if (adapter->context && (events & UV_WRITABLE)) {
        redisAsyncHandleWrite(adapter->context);
        if (adapter->context && adapter->events->on_write) {
            adapter->events->on_write(adapter->owner);
        }
    }
    if (adapter->context && (events & UV_READABLE)) {
        if (is_too_much(adapter)) {
            adapter->events->on_too_large(adapter->owner);
        } else {
            redisAsyncHandleRead(adapter->context);
        }
    }
    if (adapter->context && status < 0) {
        watch(adapter, adapter->wanted); /* libuv stopped the handle */
    }
}

int rbk_redis_attach(struct rbk_task_driver *driver, redisAsyncContext *context, size_t bytes_max,
                     const struct rbk_redis_adapter_events *events, void *owner)
{
    struct adapter *adapter = calloc(1, sizeof(*adapter));
    if (!adapter) {
        return -RBK_ENOMEM;
    }
    if (uv_poll_init(driver->setup->loop, &adapter->poll, context->c.fd) != 0) {
        free(adapter);
        return -RBK_ECONNECT;
    }
    adapter->context = context;
    adapter->driver = driver;
    adapter->events = events;
    adapter->owner = owner;
    adapter->received_max = bytes_max;
    rbk_task_driver_hold(driver);
    context->ev.data = adapter;
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = cleanup;
    return 0;
}
