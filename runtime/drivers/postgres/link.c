/*
 * libpq on uv_poll. What has to be right, and is easy to get wrong:
 * - PQconnectPoll() may close the socket and open another, even with the same number. So the poll
 *   handle is stopped before the call and started after it, which registers the socket anew; for
 *   another number the old handle is closed and a new one made.
 * - libuv reports an error by stopping the handle and passing no events. libpq then gets the call
 * it would get for a readable and writable socket, and finds the error out itself.
 * - PQflush() must be called until it gives 0; the socket is watched for writing only meanwhile.
 * - Every callback of the owner may close the link. `depth` keeps the memory until the last of our
 *   frames has returned; after a call-out only `closed` is looked at.
 *
 * Rows are read one by one (single-row mode), so a result of any size takes no memory here.
 */
#include "runtime/drivers/postgres/link.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/postgres/address.h"
#include "runtime/drivers/postgres/taken.h"
#include "runtime/drivers/postgres/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What a server may send while it is asked nothing. A client that connects gets some hundred bytes,
 * or a list of authorities with TLS. */
#define UNASKED_BYTES_MAX ((size_t)256 << 10)
enum link_state { RESOLVING, CONNECTING, IDLE, BUSY, LOST };

/* A poll handle lives until its close callback, which may be after its link. */
struct watch {
    uv_poll_t poll;
    struct rbk_postgres_link *link; /* NULL once closing */
    struct rbk_task_driver *driver;
    int fd;
};

struct rbk_postgres_link {
    struct rbk_task_driver *driver;
    const struct rbk_postgres_link_events *events;
    void *owner;
    enum link_state state;
    bool closed;
    unsigned depth;
    struct rbk_postgres_address *address;
    struct rbk_dns *dns; /* under way */
    struct watch *watch;
    uv_timer_t later; /* an event that must not run inside a call of ours */
    PGconn *connection;
    char application_name[64];
    size_t value_bytes_max;
    struct rbk_buffer *details;

    /* The reply being gathered. */
    struct rbk_postgres_reply reply;
    struct rbk_buffer value;
    struct rbk_buffer message;
    bool in_set;    /* rows of one result are coming */
    size_t copies;  /* COPY … FROM STDIN that was refused */
    bool heard;     /* something that was understood came, since `taken` was set */
    uint64_t taken; /* bytes that libpq had taken from the socket by then */
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void resolve_next(struct rbk_postgres_link *link);

static void enter(struct rbk_postgres_link *link)
{
    link->depth++;
}

static void free_link(struct rbk_postgres_link *link)
{
    struct rbk_task_driver *driver = link->driver;
    rbk_postgres_address_free(link->address);
    rbk_buffer_fini(&link->value);
    rbk_buffer_fini(&link->message);
    free(link);
    rbk_task_driver_release(driver);
}

static void leave(struct rbk_postgres_link *link)
{
    link->depth--;
    if (link->depth == 0 && link->closed) {
        free_link(link);
    }
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = RBK_CONTAINER_OF(handle, struct watch, poll);
    struct rbk_task_driver *driver = watch->driver;
    free(watch);
    rbk_task_driver_release(driver);
}

static void unwatch(struct rbk_postgres_link *link)
{
    if (link->watch) {
        link->watch->link = NULL;
        uv_close((uv_handle_t *)&link->watch->poll, on_watch_closed);
        link->watch = NULL;
    }
}

/* Watches libpq's present socket for the events. */
static int watch_socket(struct rbk_postgres_link *link, int events)
{
    int fd = PQsocket(link->connection);
    if (fd < 0) {
        return -RBK_ECONNECT;
    }
    if (link->watch && link->watch->fd != fd) {
        unwatch(link);
    }
    if (!link->watch) {
        struct watch *watch = calloc(1, sizeof(*watch));
        if (!watch) {
            return -RBK_ENOMEM;
        }
        if (uv_poll_init(link->driver->setup->loop, &watch->poll, fd) != 0) {
            free(watch);
            return -RBK_ECONNECT;
        }
        watch->link = link;
        watch->driver = link->driver;
        watch->fd = fd;
        rbk_task_driver_hold(link->driver);
        link->watch = watch;
    }
    return uv_poll_start(&link->watch->poll, events, on_poll) == 0 ? 0 : -RBK_ECONNECT;
}

static void finish_connection(struct rbk_postgres_link *link)
{
    unwatch(link);
    PQfinish(link->connection);
    link->connection = NULL;
}

static void report_connected(struct rbk_postgres_link *link, const char *failure)
{
    link->state = failure ? LOST : IDLE;
    if (!link->closed) {
        link->events->on_connected(link->owner, failure);
    }
}

static void connect_failed(struct rbk_postgres_link *link, const char *text)
{
    if (rbk_buffer_append_text(&link->message, text) != 0) {
        rbk_buffer_clear(&link->message);
        (void)rbk_buffer_append_text(&link->message, RBK_POSTGRES_TOO_LONG);
    }
    rbk_postgres_trim(&link->message);
    finish_connection(link);
    report_connected(link, link->message.bytes ? link->message.data : "no connection");
}

static void on_notice(void *context, const PGresult *result)
{
    struct rbk_postgres_link *link = context;
    link->heard = link->state == BUSY;
    if (link->details) {
        rbk_postgres_put_notice(link->details, result);
    }
}

/* Whether the server has sent more than that since it last said something we understood. libpq has
 * no limit of its own: it makes room for a message of a gigabyte, and keeps whatever settings and
 * notifications a server makes up. Not known of a socket of this host. */
static bool is_too_much(struct rbk_postgres_link *link, size_t most)
{
    uint64_t taken;
    if (!rbk_postgres_taken(PQsocket(link->connection), &taken)) {
        return false;
    }
    if (link->heard) {
        link->heard = false;
        link->taken = taken;
    }
    return taken > link->taken && taken - link->taken > most;
}

static void poll_connection(struct rbk_postgres_link *link)
{
    if (link->watch) {
        (void)uv_poll_stop(&link->watch->poll);
    }
    PostgresPollingStatusType status = PQconnectPoll(link->connection);
    if (status == PGRES_POLLING_FAILED) {
        connect_failed(link, PQerrorMessage(link->connection));
        return;
    }
    if (status == PGRES_POLLING_READING && is_too_much(link, UNASKED_BYTES_MAX)) {
        connect_failed(link, "the server sends more than anybody needs to connect");
        return;
    }
    int events = status == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE;
    if (watch_socket(link, events) != 0) {
        connect_failed(link, "the connection's socket cannot be watched");
    } else if (status == PGRES_POLLING_OK) {
        (void)PQsetnonblocking(link->connection, 1);
        report_connected(link, NULL);
    }
}

static void start_connection(struct rbk_postgres_link *link)
{
    const char *const *keywords = NULL;
    const char *const *values = NULL;
    int error =
        rbk_postgres_address_finish(link->address, link->application_name, &keywords, &values);
    if (error) {
        connect_failed(link, error == -RBK_ENOTFOUND ? "the host's name cannot be resolved"
                                                     : "out of memory");
        return;
    }
    link->state = CONNECTING;
    link->connection = PQconnectStartParams(keywords, values, 0);
    if (!link->connection) {
        connect_failed(link, "out of memory");
        return;
    }
    PQsetNoticeReceiver(link->connection, on_notice, link);
    /* The socket must first become writable, before PQconnectPoll() may be called. */
    if (PQstatus(link->connection) == CONNECTION_BAD) {
        connect_failed(link, PQerrorMessage(link->connection));
    } else if (watch_socket(link, UV_WRITABLE) != 0) {
        connect_failed(link, "the connection's socket cannot be watched");
    }
}

static void on_dns(void *owner, int error, const struct rbk_dns_address *addresses, size_t count)
{
    struct rbk_postgres_link *link = owner;
    link->dns = NULL;
    if (error && link->details) {
        char text[128];
        (void)rbk_buffer_printf(link->details, "the host's name cannot be resolved: %s\n",
                                uv_strerror_r(error, text, sizeof(text)));
    }
    rbk_postgres_address_resolved(link->address, addresses, count);
    enter(link);
    resolve_next(link);
    leave(link);
}

static void resolve_next(struct rbk_postgres_link *link)
{
    const char *name = rbk_postgres_address_next_name(link->address);
    if (!name) {
        start_connection(link);
    } else if (rbk_dns_start(link->driver, name, on_dns, link, &link->dns) != 0) {
        connect_failed(link, "the host's name cannot be resolved");
    }
}

/* Ends the query: the owner hears of it, and may close the link or send the next one. */
static void report_reply(struct rbk_postgres_link *link)
{
    struct rbk_postgres_reply reply = link->reply;
    reply.message = rbk_buffer_str(&link->message);
    reply.value = rbk_buffer_str(&link->value);
    reply.transaction = link->connection ? PQtransactionStatus(link->connection) : PQTRANS_UNKNOWN;
    link->state = reply.lost ? LOST : IDLE;
    if (reply.lost) {
        finish_connection(link);
    }
    link->events->on_reply(link->owner, &reply);
}

static void note_failure(struct rbk_postgres_link *link, const PGresult *result)
{
    if (link->reply.failed || link->reply.lost) {
        return; /* the first error is the cause */
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate) {
        link->reply.lost = true; /* libpq's own: the connection broke */
        (void)rbk_buffer_append_text(&link->message, PQresultErrorMessage(result));
        rbk_postgres_trim(&link->message);
        return;
    }
    link->reply.failed = true;
    (void)snprintf(link->reply.sqlstate, sizeof(link->reply.sqlstate), "%s", sqlstate);
    rbk_postgres_put_error(&link->message, link->details, result);
}

/* Gives the connection up, for our own reason. */
RBK_PRINTF(2, 3)
static void lose(struct rbk_postgres_link *link, const char *format, ...)
{
    if (!link->reply.failed && !link->reply.lost) {
        va_list arguments;
        va_start(arguments, format);
        rbk_buffer_clear(&link->message);
        (void)rbk_buffer_vprintf(&link->message, format, arguments);
        va_end(arguments);
    }
    link->reply.lost = true;
}

static void refuse(struct rbk_postgres_link *link, const char *text)
{
    if (!link->reply.failed) {
        link->reply.failed = true;
        (void)rbk_buffer_append_text(&link->message, text);
    }
}

static void note_rows(struct rbk_postgres_link *link, const PGresult *result, bool complete)
{
    struct rbk_postgres_reply *reply = &link->reply;
    if (!link->in_set) {
        link->in_set = true;
        reply->has_rows = true;
        reply->rows = 0;
        reply->has_value = false;
        reply->too_large = false;
        rbk_buffer_clear(&link->value);
    }
    int rows = PQntuples(result);
    if (rows > 0 && reply->rows == 0 && PQnfields(result) > 0 && !PQgetisnull(result, 0, 0)) {
        size_t bytes = (size_t)PQgetlength(result, 0, 0);
        reply->too_large = bytes > link->value_bytes_max ||
                           rbk_buffer_append(&link->value, PQgetvalue(result, 0, 0), bytes) != 0;
        reply->has_value = !reply->too_large;
    }
    reply->rows += (uint64_t)rows;
    if (complete) {
        link->in_set = false;
    }
}

static void absorb(struct rbk_postgres_link *link, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    link->heard = true;
    switch (status) {
    case PGRES_SINGLE_TUPLE:
        note_rows(link, result, false);
        break;
    case PGRES_TUPLES_OK:
        note_rows(link, result, true);
        /* fall through */
    case PGRES_COMMAND_OK:
        link->reply.statements++;
        (void)snprintf(link->reply.tag, sizeof(link->reply.tag), "%s",
                       PQcmdStatus((PGresult *)(uintptr_t)result));
        break;
    case PGRES_COPY_IN:
        refuse(link, "COPY … FROM STDIN has nothing to read from in a plan");
        /* After the first refusal the server passes over the others. */
        if (++link->copies > 1 ||
            PQputCopyEnd(link->connection, "a plan has no data for COPY FROM STDIN") < 0) {
            link->reply.lost = true; /* nothing else ends this state of the protocol */
        }
        break;
    case PGRES_COPY_BOTH:
        refuse(link, "COPY in both directions, which only replication has");
        link->reply.lost = true; /* libpq gives this result again and again */
        break;
    case PGRES_COPY_OUT:
        refuse(link, "COPY … TO STDOUT has nowhere to write to in a plan");
        break;
    case PGRES_EMPTY_QUERY:
        break;
    default:
        note_failure(link, result);
        break;
    }
}

/* Throws away what COPY … TO STDOUT sends. false: more is to come. */
static bool drain_copy(struct rbk_postgres_link *link)
{
    char *row = NULL;
    int bytes;
    while ((bytes = PQgetCopyData(link->connection, &row, 1)) > 0) {
        link->heard = true;
        PQfreemem(row);
    }
    return bytes < 0;
}

/* Takes what has arrived. @return true when the query has been answered in full. */
static bool take_results(struct rbk_postgres_link *link)
{
    while (!link->reply.lost && !PQisBusy(link->connection)) {
        PGresult *result = PQgetResult(link->connection);
        if (!result) {
            return true;
        }
        bool copying = PQresultStatus(result) == PGRES_COPY_OUT;
        absorb(link, result);
        PQclear(result);
        if (copying && !drain_copy(link)) {
            return false;
        }
    }
    return false;
}

/* The connection broke: whatever the server said before is in libpq's hands still. */
static void take_last_words(struct rbk_postgres_link *link)
{
    PGresult *result;
    while (!link->reply.lost && PQstatus(link->connection) == CONNECTION_BAD &&
           (result = PQgetResult(link->connection)) != NULL) {
        absorb(link, result);
        PQclear(result);
    }
    link->reply.lost = true;
    if (link->message.bytes == 0) {
        (void)rbk_buffer_append_text(&link->message, PQerrorMessage(link->connection));
        rbk_postgres_trim(&link->message);
    }
    if (link->message.bytes == 0) {
        (void)rbk_buffer_append_text(&link->message, "the connection was lost");
    }
}

static void lose_idle(struct rbk_postgres_link *link)
{
    link->state = LOST;
    finish_connection(link);
    if (link->events->on_lost) {
        link->events->on_lost(link->owner);
    }
}

/* Writes what is waiting, watches for what is needed next. */
static void flush(struct rbk_postgres_link *link)
{
    int rest = PQflush(link->connection);
    int events = rest == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE;
    if (rest < 0 || watch_socket(link, events) != 0) {
        /* A reply may have come all the same, such as the reason why the server closed. */
        (void)PQconsumeInput(link->connection);
        take_last_words(link);
        report_reply(link);
    }
}

static void pump(struct rbk_postgres_link *link)
{
    bool alive = PQconsumeInput(link->connection) == 1;
    if (link->state == IDLE) {
        /* Being asked whether it is busy, libpq takes notices and settings out of its buffer. */
        alive = alive && !PQisBusy(link->connection) &&
                PQstatus(link->connection) != CONNECTION_BAD &&
                !is_too_much(link, UNASKED_BYTES_MAX);
        if (!alive || watch_socket(link, UV_READABLE) != 0) {
            lose_idle(link);
        }
        return;
    }
    bool complete = alive && take_results(link);
    if (alive && !complete && is_too_much(link, RBK_SQL_ROW_BYTES_MAX)) {
        lose(link, "a row, or what else the server sends at once, is larger than %zu bytes",
             RBK_SQL_ROW_BYTES_MAX);
    }
    if (!alive || link->reply.lost || PQstatus(link->connection) == CONNECTION_BAD) {
        take_last_words(link);
        report_reply(link);
    } else if (complete) {
        if (watch_socket(link, UV_READABLE) != 0) {
            link->reply.lost = true;
        }
        report_reply(link);
    } else {
        flush(link);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error counts as "readable and writable", see above */
    (void)events;
    struct watch *watch = RBK_CONTAINER_OF(poll, struct watch, poll);
    struct rbk_postgres_link *link = watch->link;
    if (!link) {
        return;
    }
    enter(link);
    if (link->state == CONNECTING) {
        poll_connection(link);
    } else if (link->state == IDLE || link->state == BUSY) {
        pump(link);
    }
    leave(link);
}

static void on_later(uv_timer_t *timer)
{
    struct rbk_postgres_link *link = RBK_CONTAINER_OF(timer, struct rbk_postgres_link, later);
    if (link->closed) {
        return;
    }
    enter(link);
    if (link->state == RESOLVING && !link->address) {
        connect_failed(link, ""); /* what is wrong with the address is said already */
    } else if (link->state == RESOLVING) {
        resolve_next(link);
    } else if (link->state == BUSY && !link->connection) {
        link->reply.lost = true;
        if (link->message.bytes == 0) {
            (void)rbk_buffer_append_text(&link->message, "the connection was lost");
        }
        report_reply(link);
    } else if (link->state == BUSY) {
        flush(link);
    }
    leave(link);
}

static void run_later(struct rbk_postgres_link *link)
{
    RBK_ASSERT(uv_timer_start(&link->later, on_later, 0, 0) == 0);
}

int rbk_postgres_link_open(struct rbk_task_driver *driver, const char *address,
                           const char *application_name, size_t value_bytes_max,
                           const struct rbk_postgres_link_events *events, void *owner,
                           struct rbk_postgres_link **ret_link)
{
    struct rbk_postgres_link *link = calloc(1, sizeof(*link));
    if (!link) {
        return -RBK_ENOMEM;
    }
    struct rbk_error error = {0};
    if (rbk_postgres_address_parse(address, &link->address, &error) == -RBK_ENOMEM) {
        free(link);
        return -RBK_ENOMEM;
    }
    link->driver = driver;
    link->events = events;
    link->owner = owner;
    link->value_bytes_max = value_bytes_max;
    link->state = RESOLVING;
    (void)snprintf(link->application_name, sizeof(link->application_name), "%s", application_name);
    rbk_buffer_init(&link->value, value_bytes_max);
    rbk_buffer_init(&link->message, RBK_MESSAGE_BYTES_MAX);
    RBK_ASSERT(uv_timer_init(driver->setup->loop, &link->later) == 0);
    rbk_task_driver_hold(driver);
    if (!link->address) {
        (void)rbk_buffer_append_text(&link->message, error.text);
    }
    run_later(link);
    *ret_link = link;
    return 0;
}

void rbk_postgres_link_adopt(struct rbk_postgres_link *link,
                             const struct rbk_postgres_link_events *events, void *owner,
                             size_t value_bytes_max)
{
    link->events = events;
    link->owner = owner;
    link->value_bytes_max = value_bytes_max;
    link->details = NULL;
    rbk_buffer_fini(&link->value);
    rbk_buffer_init(&link->value, value_bytes_max);
}

void rbk_postgres_link_details(struct rbk_postgres_link *link, struct rbk_buffer *details)
{
    link->details = details;
}

static void begin_query(struct rbk_postgres_link *link)
{
    RBK_ASSERT(link->state == IDLE || link->state == LOST);
    link->reply = (struct rbk_postgres_reply){0};
    link->in_set = false;
    link->copies = 0;
    link->heard = true;
    rbk_buffer_clear(&link->value);
    rbk_buffer_clear(&link->message);
}

static void sent(struct rbk_postgres_link *link, int accepted)
{
    if (accepted) {
        (void)PQsetSingleRowMode(link->connection);
    } else if (link->connection) {
        (void)rbk_buffer_append_text(&link->message, PQerrorMessage(link->connection));
        finish_connection(link);
    }
    link->state = BUSY;
    run_later(link);
}

void rbk_postgres_link_send(struct rbk_postgres_link *link, const char *sql)
{
    begin_query(link);
    sent(link, link->connection ? PQsendQuery(link->connection, sql) : 0);
}

void rbk_postgres_link_send_one(struct rbk_postgres_link *link, const char *sql,
                                const char *const *params, const Oid *types, size_t param_count)
{
    begin_query(link);
    sent(link, link->connection ? PQsendQueryParams(link->connection, sql, (int)param_count, types,
                                                    params, NULL, NULL, 0)
                                : 0);
}

bool rbk_postgres_link_is_idle(const struct rbk_postgres_link *link)
{
    return link->state == IDLE && link->connection &&
           PQtransactionStatus(link->connection) == PQTRANS_IDLE;
}

int rbk_postgres_link_version(const struct rbk_postgres_link *link)
{
    return link->connection ? PQserverVersion(link->connection) : 0;
}

PGconn *rbk_postgres_link_connection(const struct rbk_postgres_link *link)
{
    return link->connection;
}

static void on_later_closed(uv_handle_t *handle)
{
    struct rbk_postgres_link *link = RBK_CONTAINER_OF(handle, struct rbk_postgres_link, later);
    leave(link);
}

void rbk_postgres_link_close(struct rbk_postgres_link *link)
{
    if (!link || link->closed) {
        return;
    }
    enter(link); /* until the timer is closed */
    link->closed = true;
    rbk_dns_cancel(link->dns);
    link->dns = NULL;
    link->details = NULL;
    finish_connection(link);
    link->state = LOST;
    uv_close((uv_handle_t *)&link->later, on_later_closed);
}
