/*
 * See the header for the order of questions. A connection that cannot be made, or breaks, is made
 * again until the limit: a server that restarts (perhaps the reason for the whole inquiry) answers
 * a moment later.
 */
#include "runtime/drivers/postgres/fate.h"

#include "runtime/core/base/assert.h"
#include "runtime/drivers/postgres/link.h"
#include "runtime/drivers/postgres/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MS 100
#define AGAIN_MS 20

/* Aggregates see only rows that passed WHERE: no other backend is ever signalled. */
static const char terminate_sql[] =
    "SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid)) "
    "FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() "
    "AND usename = current_user "
    "AND ((pid = $1::int AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2::bigint) "
    "OR application_name = $3::text)";

/* The status, then whether the log up to the note survived the server's last recovery. */
#define SURVIVED \
    " || ' ' || coalesce((pg_catalog.pg_last_wal_replay_lsn() >= $2::pg_lsn)::text, '?')"
static const char status_sql[] = "SELECT pg_catalog.pg_xact_status($1::text::xid8)" SURVIVED;
static const char old_status_sql[] = "SELECT pg_catalog.txid_status($1::text::bigint)" SURVIVED;

enum phase { CONNECTING, IDENTIFYING, TERMINATING, ASKING, WAITING, ENDED };

struct rbk_postgres_inquiry {
    struct rbk_task_driver *driver;
    const struct rbk_request *request;
    struct rbk_postgres_note note;
    bool has_note;
    bool by_name;
    enum phase phase;
    struct rbk_postgres_link *link;
    uv_timer_t pause; /* before the next try */
    uv_timer_t limit;
    unsigned handles;
    rbk_postgres_fate_fn *on_fate;
    void *owner;
    bool closed;
    bool plain;   /* the role may not ask for the system's identity */
    bool crashed; /* the server may have crashed since the note */
    char name[RBK_POSTGRES_NAME_BYTES + 1];
    char trouble[512]; /* why the last try failed */
};

static void connect_now(struct rbk_postgres_inquiry *inquiry);
static void terminate(struct rbk_postgres_inquiry *inquiry);

static void end(struct rbk_postgres_inquiry *inquiry, enum rbk_postgres_fate fate,
                const char *reason)
{
    inquiry->phase = ENDED;
    (void)uv_timer_stop(&inquiry->pause);
    (void)uv_timer_stop(&inquiry->limit);
    rbk_postgres_link_close(inquiry->link);
    inquiry->link = NULL;
    inquiry->on_fate(inquiry->owner, fate, reason);
}

static void on_limit(uv_timer_t *timer)
{
    struct rbk_postgres_inquiry *inquiry =
        RBK_CONTAINER_OF(timer, struct rbk_postgres_inquiry, limit);
    char reason[640];
    (void)snprintf(reason, sizeof(reason), "the server could not be asked in time%s%s",
                   *inquiry->trouble ? ": " : "", inquiry->trouble);
    end(inquiry, RBK_POSTGRES_FATE_UNKNOWN, reason);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct rbk_postgres_inquiry *inquiry =
        RBK_CONTAINER_OF(timer, struct rbk_postgres_inquiry, pause);
    if (inquiry->link) {
        terminate(inquiry);
    } else {
        connect_now(inquiry);
    }
}

static void again(struct rbk_postgres_inquiry *inquiry, uint64_t delay_ms)
{
    inquiry->phase = WAITING;
    RBK_ASSERT(uv_timer_start(&inquiry->pause, on_pause_over, delay_ms, 0) == 0);
}

static void reconnect(struct rbk_postgres_inquiry *inquiry, const char *trouble)
{
    (void)snprintf(inquiry->trouble, sizeof(inquiry->trouble), "%s", trouble);
    rbk_postgres_link_close(inquiry->link);
    inquiry->link = NULL;
    again(inquiry, RECONNECT_MS);
}

static void on_connected(void *owner, const char *failure)
{
    struct rbk_postgres_inquiry *inquiry = owner;
    if (failure) {
        reconnect(inquiry, failure);
        return;
    }
    inquiry->phase = IDENTIFYING;
    rbk_postgres_link_send(inquiry->link, inquiry->plain ? rbk_postgres_identity_plain_sql
                                                         : rbk_postgres_identity_sql);
}

static void terminate(struct rbk_postgres_inquiry *inquiry)
{
    char pid[32];
    char started[32];
    (void)snprintf(pid, sizeof(pid), "%d", inquiry->note.identity.pid);
    (void)snprintf(started, sizeof(started), "%" PRId64, inquiry->note.identity.started_us);
    bool known = inquiry->has_note && inquiry->note.identity.pid != 0;
    const char *const params[3] = {known ? pid : NULL, known ? started : NULL,
                                   inquiry->by_name ? inquiry->name : NULL};
    inquiry->phase = TERMINATING;
    rbk_postgres_link_send_one(inquiry->link, terminate_sql, params, NULL, 3);
}

static void ask(struct rbk_postgres_inquiry *inquiry)
{
    if (!inquiry->has_note || !*inquiry->note.xid) {
        end(inquiry, RBK_POSTGRES_FATE_GONE, "its backend is gone");
        return;
    }
    bool modern = rbk_postgres_link_version(inquiry->link) >= 130000;
    const char *const params[2] = {inquiry->note.xid,
                                   *inquiry->note.lsn ? inquiry->note.lsn : NULL};
    inquiry->phase = ASKING;
    rbk_postgres_link_send_one(inquiry->link, modern ? status_sql : old_status_sql, params, NULL,
                               2);
}

static void take_identity(struct rbk_postgres_inquiry *inquiry,
                          const struct rbk_postgres_reply *reply)
{
    struct rbk_postgres_identity here;
    if (reply->failed && !inquiry->plain) {
        inquiry->plain = true;
        on_connected(inquiry, NULL);
    } else if (reply->failed || rbk_postgres_identity_read(reply->value, &here) != 0) {
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN, "the server does not say which one it is");
    } else if (inquiry->has_note && !rbk_postgres_same_server(&inquiry->note.identity, &here)) {
        char reason[256];
        (void)snprintf(reason, sizeof(reason),
                       "another history answers: system %s timeline %s, instead of %s %s",
                       here.system, here.timeline, inquiry->note.identity.system,
                       inquiry->note.identity.timeline);
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN, reason);
    } else {
        inquiry->crashed = inquiry->has_note && inquiry->note.identity.reset_us != here.reset_us;
        terminate(inquiry);
    }
}

/* See note.h: a number that was lost in a crash may belong to another transaction now, but
 * the number of a committed one is never lost. So only "committed" can be wrong. */
static void take_status(struct rbk_postgres_inquiry *inquiry,
                        const struct rbk_postgres_reply *reply)
{
    bool survived = rbk_str_ends(reply->value, RBK_STR(" true"));
    bool future = reply->failed && strcmp(reply->sqlstate, "22023") == 0;
    if (reply->failed && !future) {
        char text[512];
        (void)snprintf(text, sizeof(text), "%.*s", RBK_STR_ARG(reply->message));
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN, text);
    } else if (future) {
        end(inquiry, RBK_POSTGRES_FATE_ABORTED, "the server crashed and lost the transaction");
    } else if (rbk_str_starts(reply->value, RBK_STR("aborted "))) {
        end(inquiry, RBK_POSTGRES_FATE_ABORTED, "the server says that it was rolled back");
    } else if (rbk_str_starts(reply->value, RBK_STR("in progress "))) {
        again(inquiry, AGAIN_MS); /* its backend is on the way out */
    } else if (!rbk_str_starts(reply->value, RBK_STR("committed "))) {
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN,
            "the server does not remember the transaction any more");
    } else if (inquiry->crashed && !survived) {
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN,
            "the server says \"committed\", but it has crashed since, and may mean another "
            "transaction with the same number");
    } else {
        end(inquiry, RBK_POSTGRES_FATE_COMMITTED, "the server says that it was committed");
    }
}

static void on_reply(void *owner, const struct rbk_postgres_reply *reply)
{
    struct rbk_postgres_inquiry *inquiry = owner;
    char text[512];
    (void)snprintf(text, sizeof(text), "%.*s", RBK_STR_ARG(reply->message));
    if (reply->lost) {
        reconnect(inquiry, text);
    } else if (inquiry->phase == IDENTIFYING) {
        take_identity(inquiry, reply);
    } else if (reply->failed && inquiry->phase != ASKING) {
        end(inquiry, RBK_POSTGRES_FATE_UNKNOWN, text);
    } else if (inquiry->phase == TERMINATING && rbk_str_is(reply->value, "0")) {
        ask(inquiry);
    } else if (inquiry->phase == TERMINATING) {
        again(inquiry, AGAIN_MS);
    } else {
        take_status(inquiry, reply);
    }
}

static void on_lost(void *owner)
{
    reconnect(owner, "the connection was lost");
}

static const struct rbk_postgres_link_events link_events = {
    .on_connected = on_connected, .on_reply = on_reply, .on_lost = on_lost};

static void connect_now(struct rbk_postgres_inquiry *inquiry)
{
    struct rbk_request plain = {.run = inquiry->request->run, .stage = inquiry->request->stage};
    char own_name[RBK_POSTGRES_NAME_BYTES + 1];
    rbk_postgres_name(&plain, own_name); /* without the serial, which is what is looked for */
    inquiry->phase = CONNECTING;
    if (rbk_postgres_link_open(inquiry->driver, inquiry->request->address.data, own_name, 4096,
                               &link_events, inquiry, &inquiry->link) != 0) {
        again(inquiry, RECONNECT_MS);
    }
}

int rbk_postgres_inquire(struct rbk_task_driver *driver,
                         const struct rbk_postgres_question *question,
                         rbk_postgres_fate_fn *on_fate, void *owner,
                         struct rbk_postgres_inquiry **ret_inquiry)
{
    struct rbk_postgres_inquiry *inquiry = calloc(1, sizeof(*inquiry));
    if (!inquiry) {
        return -RBK_ENOMEM;
    }
    inquiry->driver = driver;
    inquiry->request = question->request;
    inquiry->on_fate = on_fate;
    inquiry->owner = owner;
    inquiry->by_name = question->by_name;
    rbk_postgres_name(question->request, inquiry->name);
    if (question->note) {
        inquiry->has_note = true;
        inquiry->note = *question->note;
        inquiry->note.value = NULL;
    }
    uv_loop_t *loop = driver->setup->loop;
    uv_update_time(loop);
    RBK_ASSERT(uv_timer_init(loop, &inquiry->pause) == 0);
    RBK_ASSERT(uv_timer_init(loop, &inquiry->limit) == 0);
    RBK_ASSERT(uv_timer_start(&inquiry->limit, on_limit, question->limit_ms, 0) == 0);
    inquiry->handles = 2;
    rbk_task_driver_hold(driver);
    again(inquiry, 0);
    *ret_inquiry = inquiry;
    return 0;
}

static void release(struct rbk_postgres_inquiry *inquiry)
{
    if (--inquiry->handles == 0) {
        struct rbk_task_driver *driver = inquiry->driver;
        free(inquiry);
        rbk_task_driver_release(driver);
    }
}

static void on_pause_closed(uv_handle_t *handle)
{
    release(RBK_CONTAINER_OF(handle, struct rbk_postgres_inquiry, pause));
}

static void on_limit_closed(uv_handle_t *handle)
{
    release(RBK_CONTAINER_OF(handle, struct rbk_postgres_inquiry, limit));
}

void rbk_postgres_inquiry_close(struct rbk_postgres_inquiry *inquiry)
{
    if (!inquiry || inquiry->closed) {
        return;
    }
    inquiry->closed = true;
    rbk_postgres_link_close(inquiry->link);
    inquiry->link = NULL;
    uv_close((uv_handle_t *)&inquiry->pause, on_pause_closed);
    uv_close((uv_handle_t *)&inquiry->limit, on_limit_closed);
}
