/*
 * One worker at a time, one request at a time; the others wait in a queue.
 *
 *   worker:  (none) ──spawn──▶ READY ──send──▶ BUSY ──reply──▶ READY
 *                ▲                └── exit, deadline (SIGKILL) ──┘ ──▶ (none), started for the next
 *
 * A worker that was given up is no longer the filter's; it frees itself when its two handles are
 * closed. An apply frees itself when its timer is closed.
 */
#include "runtime/drivers/filter.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/filter_protocol.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_BYTES_MAX (RBK_FILTER_VALUE_BYTES_MAX + sizeof(struct rbk_filter_reply))

typedef void done_fn(void *owner, int error, struct rbk_value value, struct rbk_str message);

/* One pending application. */
struct apply {
    struct rbk_filter *filter;
    struct apply *next;
    void *owner;
    done_fn *on_done; /* NULL: forgotten by its owner */
    uv_timer_t timer; /* its deadline */
    char *packet;     /* owned; header, program, document; moves to the write */
    size_t packet_bytes;
    const char *refusal; /* it is not sent at all: why */
    bool sent;
};

struct worker {
    struct rbk_filter *filter;
    uv_process_t process;
    uv_pipe_t channel;
    unsigned handles; /* open ones of the two */
    struct rbk_buffer received;
    bool exited;
};

struct rbk_filter {
    const struct rbk_driver_setup *setup; /* borrowed */
    struct worker *worker;                /* NULL: none */
    struct apply *first;                  /* the one at work, or next */
    uv_timer_t turn;                      /* runs pump() on a later turn */
    unsigned handles;                     /* everything of ours that is open on the loop */
    bool closing;
    void (*on_closed)(void *context);
    void *closed_context;
};

static void pump(struct rbk_filter *filter);

static void hold(struct rbk_filter *filter)
{
    filter->handles++;
}

static void release(struct rbk_filter *filter)
{
    RBK_ASSERT(filter->handles > 0);
    filter->handles--;
    if (filter->handles == 0) {
        void (*on_closed)(void *) = filter->on_closed;
        void *context = filter->closed_context;
        free(filter);
        if (on_closed) {
            on_closed(context);
        }
    }
}

static void on_turn(uv_timer_t *timer)
{
    pump(RBK_CONTAINER_OF(timer, struct rbk_filter, turn));
}

static void pump_later(struct rbk_filter *filter)
{
    if (!filter->closing) {
        RBK_ASSERT(uv_timer_start(&filter->turn, on_turn, 0, 0) == 0);
    }
}

static void free_packet(char *packet, size_t bytes)
{
    if (packet) {
        explicit_bzero(packet, bytes); /* a document may hold anything */
        free(packet);
    }
}

static void on_apply_closed(uv_handle_t *handle)
{
    struct apply *apply = RBK_CONTAINER_OF(handle, struct apply, timer);
    struct rbk_filter *filter = apply->filter;
    free_packet(apply->packet, apply->packet_bytes);
    free(apply);
    release(filter);
}

/* Takes an apply out of the queue and tells its owner. */
static void finish(struct apply *apply, int error, struct rbk_value value, struct rbk_str message)
{
    struct rbk_filter *filter = apply->filter;
    struct apply **at = &filter->first;
    while (*at != apply) {
        at = &(*at)->next;
    }
    *at = apply->next;
    uv_close((uv_handle_t *)&apply->timer, on_apply_closed);
    pump_later(filter);
    if (apply->on_done && !filter->closing) {
        apply->on_done(apply->owner, error, value, message);
    }
}

static void fail(struct apply *apply, enum rbk_err code, const char *text)
{
    finish(apply, -(int)code, (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true},
           rbk_str_from(text));
}

static void on_worker_handle_closed(struct worker *worker)
{
    struct rbk_filter *filter = worker->filter;
    worker->handles--;
    if (worker->handles == 0) {
        rbk_buffer_fini(&worker->received);
        free(worker);
    }
    release(filter);
}

static void on_process_closed(uv_handle_t *handle)
{
    on_worker_handle_closed(RBK_CONTAINER_OF(handle, struct worker, process));
}

static void on_channel_closed(uv_handle_t *handle)
{
    on_worker_handle_closed(RBK_CONTAINER_OF(handle, struct worker, channel));
}

/* Ends a worker; the process is killed and collected. */
static void give_up(struct worker *worker)
{
    if (worker->filter->worker == worker) {
        worker->filter->worker = NULL;
    }
    if (!uv_is_closing((uv_handle_t *)&worker->channel)) {
        uv_close((uv_handle_t *)&worker->channel, on_channel_closed);
    }
    if (worker->exited) {
        uv_close((uv_handle_t *)&worker->process, on_process_closed);
    } else {
        (void)uv_process_kill(&worker->process, SIGKILL); /* on_worker_exit() closes it */
    }
}

static void on_worker_exit(uv_process_t *process, int64_t status, int signal)
{
    struct worker *worker = RBK_CONTAINER_OF(process, struct worker, process);
    struct rbk_filter *filter = worker->filter;
    struct apply *apply = filter->first;
    bool was_ours = filter->worker == worker;
    (void)status;
    worker->exited = true;
    give_up(worker);
    if (was_ours && apply && apply->sent) {
        fail(apply, RBK_ECHILD,
             signal == SIGXCPU   ? "the filter used too much processor time"
             : signal == SIGABRT ? "the filter used too much memory"
                                 : "the filter ended its worker");
    }
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct worker *worker = RBK_CONTAINER_OF(handle, struct worker, channel);
    size_t bytes = suggested < 65536 ? suggested : 65536;
    buffer->base = rbk_buffer_reserve(&worker->received, bytes);
    buffer->len = buffer->base ? bytes : 0;
}

/* Takes a reply that has arrived in full. */
static void take_reply(struct worker *worker, struct apply *apply)
{
    struct rbk_filter_reply reply;
    memcpy(&reply, worker->received.data, sizeof(reply));
    struct rbk_str text = {worker->received.data + sizeof(reply), reply.bytes};
    struct rbk_value value = {.type = RBK_TYPE_SCALAR, .missing = true};
    struct rbk_buffer kept = worker->received; /* finish() may end the worker */
    rbk_buffer_init(&worker->received, REPLY_BYTES_MAX + 65536);
    switch (reply.kind) {
    case RBK_FILTER_SCALAR:
    case RBK_FILTER_JSON:
        value.type = reply.kind == RBK_FILTER_JSON ? RBK_TYPE_JSON : RBK_TYPE_SCALAR;
        value.missing = false;
        value.as.text = text;
        finish(apply, 0, value, RBK_STR(""));
        break;
    case RBK_FILTER_MISSING:
        finish(apply, 0, value, RBK_STR(""));
        break;
    case RBK_FILTER_INVALID:
        give_up(worker);
        finish(apply, -RBK_EINVALID, value, text);
        break;
    default:
        finish(apply, -RBK_EINVALID, value, text);
        break;
    }
    rbk_buffer_fini(&kept);
}

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    (void)buffer;
    struct worker *worker = RBK_CONTAINER_OF(stream, struct worker, channel);
    struct apply *apply = worker->filter->first;
    if (bytes < 0) {
        (void)uv_read_stop(stream); /* it has ended, or will: on_worker_exit() says how */
        (void)uv_process_kill(&worker->process, SIGKILL);
        return;
    }
    rbk_buffer_commit(&worker->received, (size_t)bytes);
    struct rbk_filter_reply reply;
    if (worker->received.bytes < sizeof(reply)) {
        return;
    }
    memcpy(&reply, worker->received.data, sizeof(reply));
    if (!apply || !apply->sent || reply.bytes > RBK_FILTER_VALUE_BYTES_MAX) {
        (void)uv_process_kill(&worker->process, SIGKILL); /* it does not follow the protocol */
    } else if (worker->received.bytes >= sizeof(reply) + reply.bytes) {
        take_reply(worker, apply);
    }
}

/* @return 0 or a libuv code. */
static int spawn(struct rbk_filter *filter)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return UV_ENOMEM;
    }
    worker->filter = filter;
    worker->handles = 2;
    hold(filter);
    hold(filter);
    rbk_buffer_init(&worker->received, REPLY_BYTES_MAX + 65536);
    RBK_ASSERT(uv_pipe_init(filter->setup->loop, &worker->channel, 0) == 0);
    char *arguments[] = {(char *)(uintptr_t) "rbk-filter-worker", NULL};
    char *environment[] = {NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE),
         .data.stream = (uv_stream_t *)&worker->channel},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE}};
    const uv_process_options_t options = {.exit_cb = on_worker_exit,
                                          .file = filter->setup->filter_worker,
                                          .args = arguments,
                                          .env = environment,
                                          .cwd = "/",
                                          .stdio_count = 3,
                                          .stdio = stdio};
    int error = filter->setup->filter_worker
                    ? uv_spawn(filter->setup->loop, &worker->process, &options)
                    : UV_ENOENT;
    if (error) {
        worker->exited = true;
        if (!filter->setup->filter_worker) { /* uv_spawn() did not set the handle up */
            worker->handles--;
            filter->handles--;
            uv_close((uv_handle_t *)&worker->channel, on_channel_closed);
        } else {
            give_up(worker);
        }
        return error;
    }
    filter->worker = worker;
    (void)uv_read_start((uv_stream_t *)&worker->channel, on_allocate, on_read);
    return 0;
}

struct write {
    uv_write_t request;
    struct rbk_filter *filter;
    char *packet;
    size_t bytes;
};

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a worker that cannot be written to exits, too */
    struct write *write = RBK_CONTAINER_OF(request, struct write, request);
    struct rbk_filter *filter = write->filter;
    free_packet(write->packet, write->bytes);
    free(write);
    release(filter);
}

static void send_packet(struct rbk_filter *filter, struct apply *apply)
{
    struct write *write = calloc(1, sizeof(*write));
    if (!write) {
        fail(apply, RBK_ENOMEM, "out of memory");
        return;
    }
    write->filter = filter;
    write->packet = apply->packet;
    write->bytes = apply->packet_bytes;
    apply->packet = NULL;
    apply->sent = true;
    rbk_buffer_clear(&filter->worker->received);
    hold(filter);
    uv_buf_t buffer = uv_buf_init(write->packet, (unsigned)write->bytes);
    if (uv_write(&write->request, (uv_stream_t *)&filter->worker->channel, &buffer, 1,
                 on_written) != 0) {
        on_written(&write->request, UV_EIO);
        fail(apply, RBK_ECHILD, "the filter worker cannot be written to");
    }
}

/* Starts what is first in the queue, unless it is at work. */
static void pump(struct rbk_filter *filter)
{
    struct apply *apply = filter->first;
    if (filter->closing || !apply || apply->sent) {
        return;
    }
    if (apply->refusal) {
        fail(apply, RBK_ELIMIT, apply->refusal);
        return;
    }
    int error = filter->worker ? 0 : spawn(filter);
    if (error) {
        char reason[128];
        char text[512];
        (void)snprintf(text, sizeof(text), "the filter worker \"%s\" cannot be started: %s",
                       filter->setup->filter_worker ? filter->setup->filter_worker : "",
                       uv_strerror_r(error, reason, sizeof(reason)));
        fail(apply, RBK_ECHILD, text);
        return;
    }
    send_packet(filter, apply);
}

static void on_deadline(uv_timer_t *timer)
{
    struct apply *apply = RBK_CONTAINER_OF(timer, struct apply, timer);
    struct rbk_filter *filter = apply->filter;
    if (apply->sent && filter->worker) {
        give_up(filter->worker); /* nothing in jq can be interrupted */
    }
    fail(apply, RBK_ETIMEOUT, "the filter did not end in time");
}

int rbk_filter_open(const struct rbk_driver_setup *setup, struct rbk_filter **ret_filter,
                    struct rbk_error *reterr)
{
    struct rbk_filter *filter = calloc(1, sizeof(*filter));
    if (!filter) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for filters");
    }
    filter->setup = setup;
    RBK_ASSERT(uv_timer_init(setup->loop, &filter->turn) == 0);
    uv_unref((uv_handle_t *)&filter->turn);
    hold(filter); /* the timer's */
    *ret_filter = filter;
    return 0;
}

static char *make_packet(struct rbk_str program, struct rbk_str json, uint64_t timeout_ms,
                         size_t *ret_bytes)
{
    const struct rbk_filter_request header = {
        .kind = RBK_FILTER_APPLY,
        .timeout_ms = timeout_ms < UINT32_MAX ? (uint32_t)timeout_ms : UINT32_MAX,
        .program_bytes = (uint32_t)program.bytes,
        .json_bytes = (uint32_t)json.bytes};
    size_t bytes = sizeof(header) + program.bytes + json.bytes;
    char *packet = malloc(bytes);
    if (packet) {
        memcpy(packet, &header, sizeof(header));
        if (program.bytes > 0) {
            memcpy(packet + sizeof(header), program.data, program.bytes);
        }
        if (json.bytes > 0) {
            memcpy(packet + sizeof(header) + program.bytes, json.data, json.bytes);
        }
    }
    *ret_bytes = bytes;
    return packet;
}

int rbk_filter_apply(struct rbk_filter *filter, struct rbk_str program, struct rbk_str json,
                     uint64_t timeout_ms, void *owner, done_fn *on_done, struct rbk_error *reterr)
{
    struct apply *apply = calloc(1, sizeof(*apply));
    if (!apply) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for a filter");
    }
    apply->filter = filter;
    apply->owner = owner;
    apply->on_done = on_done;
    if (program.bytes > RBK_FILTER_PROGRAM_BYTES_MAX || json.bytes > RBK_FILTER_JSON_BYTES_MAX) {
        apply->refusal = "the filter or its document is too large";
    } else if (memchr(program.bytes ? program.data : "x", '\0', program.bytes)) {
        apply->refusal = "the filter holds a NUL byte";
    } else {
        apply->packet = make_packet(program, json, timeout_ms, &apply->packet_bytes);
        if (!apply->packet) {
            free(apply);
            return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for a filter");
        }
    }
    uv_update_time(filter->setup->loop);
    RBK_ASSERT(uv_timer_init(filter->setup->loop, &apply->timer) == 0);
    RBK_ASSERT(uv_timer_start(&apply->timer, on_deadline, timeout_ms, 0) == 0);
    hold(filter);
    struct apply **at = &filter->first;
    while (*at) {
        at = &(*at)->next;
    }
    *at = apply;
    pump_later(filter);
    return 0;
}

void rbk_filter_cancel(struct rbk_filter *filter, void *owner)
{
    for (struct apply *apply = filter->first; apply; apply = apply->next) {
        if (apply->owner == owner) {
            apply->on_done = NULL; /* it goes on, up to its deadline at most */
        }
    }
}

static void on_turn_closed(uv_handle_t *handle)
{
    release(RBK_CONTAINER_OF(handle, struct rbk_filter, turn));
}

void rbk_filter_close(struct rbk_filter *filter, void (*on_closed)(void *context), void *context)
{
    filter->closing = true;
    filter->on_closed = on_closed;
    filter->closed_context = context;
    while (filter->first) {
        fail(filter->first, RBK_ECANCELLED, "");
    }
    if (filter->worker) {
        give_up(filter->worker);
    }
    uv_close((uv_handle_t *)&filter->turn, on_turn_closed);
}
