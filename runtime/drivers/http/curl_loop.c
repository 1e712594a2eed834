/*
 * libcurl tells which sockets and which time it waits for; we tell it what happened.
 * - Its timer callback must not call back into it: a time of zero becomes a timer of 1 ms.
 * - A negative status of a poll handle is passed on as CURL_CSELECT_ERR, and the handle, which
 * libuv has stopped, is started again in case libcurl keeps the socket.
 * - The object of a socket is freed in the close callback of its handle, never before.
 * - Ended transfers are collected first and reported afterwards, one by one, since a report may add
 *   or remove others.
 * - Of the readings of one host only so many are under way; the others wait in a queue of ours.
 */
#include "runtime/drivers/http/curl_loop.h"

#include "runtime/core/base/assert.h"

#include <stdlib.h>
#include <string.h>

/* Readings of one host under way at once; the others wait for their turn here. libcurl searches its
 * connections one by one, so thousands at once, as after a pause of the machine, would be slower
 * than one after the other. A host that hangs keeps only its own readings waiting. */
#define HOST_READINGS_MAX 512u
#define HOST_BUCKETS 256u
/* Connections that wait for the next request, of all hosts: as many as readings are under way at
 * once when thousands of probes are spread over their interval. */
#define KEPT_CONNECTIONS_MAX 512L

struct host;

struct transfer {
    CURL *easy;
    rbk_curl_done_fn *on_done;
    void *owner;
    struct host *host;             /* NULL: bound to nobody's number */
    bool waiting;                  /* in its host's queue; libcurl does not know of it yet */
    struct transfer *next, **link; /* of those under way, or of the queue; and what points at it */
};

/* A host with readings under way. */
struct host {
    struct host *next; /* in its bucket */
    size_t under_way;
    struct transfer *first, **last; /* the queue, and where the next one goes */
    size_t bytes;
    char name[];
};

struct rbk_curl_loop {
    struct rbk_task_driver *driver;
    CURLM *multi;
    uv_timer_t timer;
    struct transfer *transfers; /* under way */
    struct host *hosts[HOST_BUCKETS];
};

/* One socket of libcurl's. */
struct watched {
    uv_poll_t poll;
    struct rbk_curl_loop *curl; /* NULL once closing */
    struct rbk_task_driver *driver;
    curl_socket_t socket;
    int wanted; /* UV_READABLE, UV_WRITABLE */
};

/* The transfer of a handle that is under way, or NULL: thousands may be, so none is searched for.
 */
static struct transfer *find(CURL *easy)
{
    char *transfer = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return (void *)transfer;
}

static void put_in(struct transfer **at, struct transfer *transfer)
{
    transfer->next = *at;
    transfer->link = at;
    if (transfer->next) {
        transfer->next->link = &transfer->next;
    }
    *at = transfer;
}

static void unlink_one(struct transfer *transfer)
{
    *transfer->link = transfer->next;
    if (transfer->next) {
        transfer->next->link = transfer->link;
    }
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static struct host **bucket_of(struct rbk_curl_loop *curl, struct rbk_str name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.bytes; i++) {
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    }
    return &curl->hosts[hash % HOST_BUCKETS];
}

static struct host *host_of(struct rbk_curl_loop *curl, struct rbk_str name)
{
    struct host **bucket = bucket_of(curl, name), *host = *bucket;
    while (host && !rbk_str_equal((struct rbk_str){host->name, host->bytes}, name)) {
        host = host->next;
    }
    if (!host && (host = calloc(1, sizeof(*host) + name.bytes)) != NULL) {
        memcpy(host->name, name.data, name.bytes);
        host->bytes = name.bytes;
        host->last = &host->first;
        host->next = *bucket;
        *bucket = host;
    }
    return host;
}

static void forget_if_idle(struct rbk_curl_loop *curl, struct host *host)
{
    if (host->under_way == 0 && !host->first) {
        struct host **at = bucket_of(curl, (struct rbk_str){host->name, host->bytes});
        while (*at != host) {
            at = &(*at)->next;
        }
        *at = host->next;
        free(host);
    }
}

static void wait_in(struct host *host, struct transfer *transfer)
{
    struct transfer **last = host->last;
    transfer->waiting = true;
    put_in(last, transfer);
    host->last = &transfer->next;
}

static void leave_queue(struct transfer *transfer)
{
    if (transfer->host->last == &transfer->next) {
        transfer->host->last = transfer->link;
    }
    unlink_one(transfer);
    transfer->waiting = false;
}

static bool set_off(struct rbk_curl_loop *curl, struct transfer *transfer)
{
    if (curl_multi_add_handle(curl->multi, transfer->easy) != CURLM_OK) {
        return false;
    }
    put_in(&curl->transfers, transfer);
    if (transfer->host) {
        transfer->host->under_way++;
    }
    return true;
}

/* The next in the queue. One that cannot be set off stays, and ends by its own deadline. */
static void set_off_next(struct rbk_curl_loop *curl, struct host *host)
{
    struct transfer *transfer = host->first;
    if (transfer && host->under_way < HOST_READINGS_MAX) {
        leave_queue(transfer);
        if (!set_off(curl, transfer)) {
            wait_in(host, transfer);
        }
    }
    forget_if_idle(curl, host);
}

/* Out of libcurl or of the queue; not yet freed. */
static void take_out(struct rbk_curl_loop *curl, struct transfer *transfer)
{
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, NULL);
    if (transfer->waiting) {
        leave_queue(transfer);
        forget_if_idle(curl, transfer->host);
        return;
    }
    unlink_one(transfer);
    (void)curl_multi_remove_handle(curl->multi, transfer->easy);
    if (transfer->host) {
        transfer->host->under_way--;
        set_off_next(curl, transfer->host);
    }
}

/* Reports the transfers that have ended. A report may end any other; so the list of messages is
 * asked again from the start each time. */
static void report(struct rbk_curl_loop *curl)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result; /* the message goes with the handle */
        struct transfer *transfer = find(message->easy_handle);
        RBK_ASSERT(transfer);
        take_out(curl, transfer);
        transfer->on_done(transfer->owner, code);
        free(transfer);
    }
}

/* Feeds an event to libcurl. The driver is held, because a report may close everything. */
static void act(struct rbk_curl_loop *curl, curl_socket_t socket, int events)
{
    struct rbk_task_driver *driver = curl->driver;
    int running;
    rbk_task_driver_hold(driver);
    (void)curl_multi_socket_action(curl->multi, socket, events, &running);
    report(curl);
    rbk_task_driver_release(driver);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = RBK_CONTAINER_OF(poll, struct watched, poll);
    int flags = 0;
    if (!watched->curl) {
        return;
    }
    if (status < 0) {
        /* All three: with the error alone libcurl says only "select/poll returned error". */
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
    }
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(watched->curl, watched->socket, flags);
    if (status < 0 && watched->curl) { /* it is freed on a later turn only */
        (void)uv_poll_start(&watched->poll, watched->wanted, on_poll);
    }
}

static void on_watched_closed(uv_handle_t *handle)
{
    struct watched *watched = RBK_CONTAINER_OF(handle, struct watched, poll);
    struct rbk_task_driver *driver = watched->driver;
    free(watched);
    rbk_task_driver_release(driver);
}

static void unwatch(struct rbk_curl_loop *curl, struct watched *watched)
{
    if (watched) {
        (void)curl_multi_assign(curl->multi, watched->socket, NULL);
        watched->curl = NULL;
        uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
    }
}

static struct watched *watch(struct rbk_curl_loop *curl, curl_socket_t socket)
{
    struct watched *watched = calloc(1, sizeof(*watched));
    if (!watched || uv_poll_init_socket(curl->driver->setup->loop, &watched->poll, socket) != 0) {
        free(watched);
        return NULL;
    }
    watched->curl = curl;
    watched->driver = curl->driver;
    watched->socket = socket;
    rbk_task_driver_hold(curl->driver);
    (void)curl_multi_assign(curl->multi, socket, watched);
    return watched;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *object)
{
    (void)easy;
    struct rbk_curl_loop *curl = context;
    struct watched *watched = object;
    if (what == CURL_POLL_REMOVE) {
        unwatch(curl, watched);
        return 0;
    }
    watched = watched ? watched : watch(curl, socket);
    if (!watched) {
        return -1; /* fails the transfers of this socket */
    }
    watched->wanted = what & CURL_POLL_IN ? UV_READABLE : 0;
    watched->wanted |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    return uv_poll_start(&watched->poll, watched->wanted, on_poll) == 0 ? 0 : -1;
}

static void on_due(uv_timer_t *timer)
{
    act(RBK_CONTAINER_OF(timer, struct rbk_curl_loop, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct rbk_curl_loop *curl = context;
    if (timeout_ms < 0) {
        (void)uv_timer_stop(&curl->timer);
    } else {
        uv_update_time(curl->driver->setup->loop);
        RBK_ASSERT(uv_timer_start(&curl->timer, on_due, timeout_ms == 0 ? 1 : (uint64_t)timeout_ms,
                                  0) == 0);
    }
    return 0;
}

int rbk_curl_loop_open(struct rbk_task_driver *driver, struct rbk_curl_loop **ret_curl)
{
    struct rbk_curl_loop *curl = calloc(1, sizeof(*curl));
    if (!curl) {
        return -RBK_ENOMEM;
    }
    curl->driver = driver;
    curl->multi = curl_multi_init();
    if (!curl->multi) {
        free(curl);
        return -RBK_ENOMEM;
    }
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS_MAX);
    RBK_ASSERT(uv_timer_init(driver->setup->loop, &curl->timer) == 0);
    rbk_task_driver_hold(driver);
    *ret_curl = curl;
    return 0;
}

int rbk_curl_loop_add(struct rbk_curl_loop *curl, CURL *easy, struct rbk_str host,
                      rbk_curl_done_fn *on_done, void *owner)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer) {
        return -RBK_ENOMEM;
    }
    *transfer = (struct transfer){.easy = easy, .on_done = on_done, .owner = owner};
    if ((host.bytes > 0 && (transfer->host = host_of(curl, host)) == NULL) ||
        curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) != CURLE_OK) {
        free(transfer);
        return -RBK_ENOMEM;
    }
    if (transfer->host && transfer->host->under_way >= HOST_READINGS_MAX) {
        wait_in(transfer->host, transfer);
    } else if (!set_off(curl, transfer)) {
        (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
        if (transfer->host) {
            forget_if_idle(curl, transfer->host);
        }
        free(transfer);
        return -RBK_ENOMEM;
    }
    return 0;
}

void rbk_curl_loop_remove(struct rbk_curl_loop *curl, CURL *easy)
{
    struct transfer *transfer = find(easy);
    if (transfer) {
        take_out(curl, transfer);
        free(transfer);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct rbk_curl_loop *curl = RBK_CONTAINER_OF(handle, struct rbk_curl_loop, timer);
    struct rbk_task_driver *driver = curl->driver;
    free(curl);
    rbk_task_driver_release(driver);
}

void rbk_curl_loop_close(struct rbk_curl_loop *curl)
{
    RBK_ASSERT(!curl->transfers);
    (void)curl_multi_cleanup(curl->multi); /* closes kept connections: on_socket() runs inside */
    curl->multi = NULL;
    uv_close((uv_handle_t *)&curl->timer, on_timer_closed);
}
