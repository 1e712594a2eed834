/*
 * libcurl tells which sockets and which time it waits for; we tell it what happened.
 * - Its timer callback must not call back into it: a time of zero becomes a timer of 1 ms.
 * - A negative status of a poll handle is passed on as CURL_CSELECT_ERR, and the handle, which
 * libuv has stopped, is started again in case libcurl keeps the socket.
 * - The object of a socket is freed in the close callback of its handle, never before.
 * - Ended transfers are collected first and reported afterwards, one by one, since a report may add
 *   or remove others.
 */
#include "runtime/drivers/curl_loop.h"

#include "runtime/core/base/assert.h"

#include <stdlib.h>

#define KEPT_CONNECTIONS_MAX 8L

struct transfer {
    CURL *easy;
    rbk_curl_done_fn *on_done;
    void *owner;
    struct transfer *next;
};

struct rbk_curl_loop {
    struct rbk_task_driver *driver;
    CURLM *multi;
    uv_timer_t timer;
    struct transfer *transfers; /* under way */
};

/* One socket of libcurl's. */
struct watched {
    uv_poll_t poll;
    struct rbk_curl_loop *curl; /* NULL once closing */
    struct rbk_task_driver *driver;
    curl_socket_t socket;
    int wanted; /* UV_READABLE, UV_WRITABLE */
};

static struct transfer **find(struct rbk_curl_loop *curl, const CURL *easy)
{
    struct transfer **at = &curl->transfers;
    while (*at && (*at)->easy != easy) {
        at = &(*at)->next;
    }
    return at;
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
        struct transfer **at = find(curl, message->easy_handle);
        struct transfer *transfer = *at;
        RBK_ASSERT(transfer);
        *at = transfer->next;
        (void)curl_multi_remove_handle(curl->multi, transfer->easy);
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

int rbk_curl_loop_add(struct rbk_curl_loop *curl, CURL *easy, rbk_curl_done_fn *on_done,
                      void *owner)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer) {
        return -RBK_ENOMEM;
    }
    *transfer = (struct transfer){
        .easy = easy, .on_done = on_done, .owner = owner, .next = curl->transfers};
    curl->transfers = transfer;
    if (curl_multi_add_handle(curl->multi, easy) != CURLM_OK) {
        curl->transfers = transfer->next;
        free(transfer);
        return -RBK_ENOMEM;
    }
    return 0;
}

void rbk_curl_loop_remove(struct rbk_curl_loop *curl, CURL *easy)
{
    struct transfer **at = find(curl, easy);
    struct transfer *transfer = *at;
    if (transfer) {
        *at = transfer->next;
        (void)curl_multi_remove_handle(curl->multi, easy);
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
