/*
 * Every call into hiredis may free the context, and with it detach the adapter; so `context` is
 * looked at again after each. Writing comes first: it is there that a failed connect is found out.
 *
 * Three things keep a hostile server from holding up the loop: the bytes are counted before they
 * are read; the elements when an array is announced, before the library allocates (and later walks)
 * them; and a line without an end is given up before it is searched again and again.
 */
#include "runtime/drivers/redis_adapter.h"

#include "runtime/core/base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* hiredis reads this much at a time. */
#define READ_BYTES ((size_t)16 << 10)

#if HIREDIS_MAJOR > 0
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct adapter {
    uv_poll_t poll;
    redisAsyncContext *context; /* NULL once detached */
    struct rbk_task_driver *driver;
    const struct rbk_redis_adapter_events *events;
    void *owner;
    int wanted;                          /* UV_READABLE, UV_WRITABLE */
    size_t received;                     /* bytes */
    size_t elements;                     /* announced */
    redisReplyObjectFunctions functions; /* the library's, but for create_array() */
    void *(*create_array_of_library)(const redisReadTask *task, element_count elements);
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

static void refuse(struct adapter *adapter, const char *what, size_t max, const char *unit)
{
    char why[96];
    (void)snprintf(why, sizeof(why), "the reply %s %zu %s", what, max, unit);
    adapter->events->on_refused(adapter->owner, why);
}

/* NULL ends the context: the library takes it for a lack of memory. */
static void *create_array(const redisReadTask *task, element_count elements)
{
    struct adapter *adapter = task->privdata;
    if ((size_t)elements > RBK_REDIS_ELEMENTS_MAX - adapter->elements) {
        refuse(adapter, "has more than", RBK_REDIS_ELEMENTS_MAX, "elements");
        return NULL;
    }
    adapter->elements += (size_t)elements;
    return adapter->create_array_of_library(task, elements);
}

/* Counts what is about to be read. */
static bool is_too_much(struct adapter *adapter)
{
    int ready = 0;
    if (ioctl(adapter->context->c.fd, FIONREAD, &ready) == 0 && ready > 0) {
        size_t bytes = (size_t)ready;
        adapter->received += bytes < READ_BYTES ? bytes : READ_BYTES;
    }
    return adapter->received > RBK_REDIS_REPLY_BYTES_MAX;
}

/* What the library has not taken begins with a line: of a number, a text, or a string's length. */
static bool has_endless_line(const redisReader *reader)
{
    return reader->len - reader->pos > RBK_REDIS_LINE_BYTES_MAX &&
           !memmem(reader->buf + reader->pos, RBK_REDIS_LINE_BYTES_MAX, "\r\n", 2);
}

static void read_some(struct adapter *adapter)
{
    if (is_too_much(adapter)) {
        refuse(adapter, "is larger than", RBK_REDIS_REPLY_BYTES_MAX, "bytes");
        redisAsyncFree(adapter->context);
        return;
    }
    redisAsyncHandleRead(adapter->context);
    if (adapter->context && has_endless_line(adapter->context->c.reader)) {
        refuse(adapter, "has a line of more than", RBK_REDIS_LINE_BYTES_MAX, "bytes");
        redisAsyncFree(adapter->context);
    }
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
        read_some(adapter);
    }
    if (adapter->context && status < 0) {
        watch(adapter, adapter->wanted); /* libuv stopped the handle */
    }
}

/* The reader's tasks carry its private data; the replies of the context's caller do not change. */
static void bound_arrays(struct adapter *adapter, redisReader *reader)
{
    adapter->functions = *reader->fn;
    adapter->create_array_of_library = reader->fn->createArray;
    adapter->functions.createArray = create_array;
    reader->fn = &adapter->functions; /* freed, with the reader, before the adapter */
    reader->privdata = adapter;
}

int rbk_redis_attach(struct rbk_task_driver *driver, redisAsyncContext *context,
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
    bound_arrays(adapter, context->c.reader);
    rbk_task_driver_hold(driver);
    context->ev.data = adapter;
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = cleanup;
    return 0;
}
