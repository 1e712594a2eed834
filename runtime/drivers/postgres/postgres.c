/*
 * The way of a task when nothing goes wrong; the other ways are in stop.c. The phases
 * are in task.h; each reply of the link moves a task from one to the next, in
 * on_reply().
 *
 * Statements of a file go out as the file has them, in one message, when they have no binds and run
 * in a transaction. Otherwise they are cut (sql_split.h) and sent one by one: outside a transaction
 * because several in one message would form one, with binds because that protocol takes one.
 */
#include "runtime/drivers/postgres/postgres.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/postgres/task.h"
#include "runtime/drivers/sql_bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest value kept in a note, in bytes. */
#define NOTED_VALUE_BYTES ((size_t)4096)
#define TEXT_TYPE 25

static void connect_now(struct rbk_postgres_task *self);

struct rbk_postgres_task *rbk_postgres_task_of(struct rbk_task *task)
{
    return RBK_CONTAINER_OF(task, struct rbk_postgres_task, task);
}

struct rbk_postgres_driver *rbk_postgres_driver_of(struct rbk_postgres_task *self)
{
    return RBK_CONTAINER_OF(self->task.driver, struct rbk_postgres_driver, base);
}

static void send_command(struct rbk_postgres_task *self, enum rbk_postgres_phase phase,
                         const char *sql)
{
    self->phase = phase;
    rbk_postgres_link_send(self->link, sql);
}

/* The server's own limits lie a little before our deadline, so that it is the server that stops and
 * says so; and waiting for a lock ends a little earlier still, with the better message. */
static void send_limits(struct rbk_postgres_task *self, enum rbk_postgres_phase phase,
                        const char *before, const char *scope)
{
    uint64_t left_ms = rbk_task_left_ms(&self->task);
    uint64_t margin_ms = left_ms / 20;
    margin_ms = margin_ms > 500 ? 500 : margin_ms;
    margin_ms = margin_ms < 20 ? 20 : margin_ms;
    uint64_t statement_ms = left_ms > margin_ms + 1 ? left_ms - margin_ms : 1;
    statement_ms = statement_ms > INT32_MAX ? INT32_MAX : statement_ms;
    uint64_t lock_ms = statement_ms > margin_ms ? statement_ms - margin_ms / 2 : statement_ms;
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "%sSET %s statement_timeout = %" PRIu64 "; SET %s lock_timeout = %" PRIu64,
                   before, scope, statement_ms, scope, lock_ms);
    self->limit_ms = lock_ms;
    self->limited_ns = uv_hrtime();
    send_command(self, phase, sql);
}

/* Sends one statement of the plan, with the binds it names. */
static void send_statement(struct rbk_postgres_task *self)
{
    const struct rbk_request *request = self->task.request;
    const struct rbk_sql_statement *statement = &self->statement;
    size_t count =
        statement->param_max < request->bind_count ? statement->param_max : request->bind_count;
    char *sql = strndup(statement->text.data, statement->text.bytes);
    Oid *types = calloc(count + 1, sizeof(*types));
    if (!sql || !types) {
        free(sql);
        free(types);
        rbk_task_message(&self->task, "out of memory");
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        /* A parameter that is passed over needs a type; the server finds out all others. */
        types[i] = rbk_sql_names_param(statement, i + 1) ? 0 : TEXT_TYPE;
    }
    self->phase = RBK_POSTGRES_WORKING;
    if (count > 0 || request->reading) {
        rbk_postgres_link_send_one(self->link, sql, (const char *const *)self->params, types,
                                   count);
    } else {
        rbk_postgres_link_send(self->link, sql);
    }
    free(types);
    free(sql);
}

static bool one_by_one(const struct rbk_postgres_task *self)
{
    const struct rbk_request *request = self->task.request;
    return request->reading || request->autocommit || request->bind_count > 0;
}

/* Keeps what the statements gave, for the result. */
static bool keep_value(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    struct rbk_task *task = &self->task;
    if (!reply->has_rows) {
        return true;
    }
    task->value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
    if (task->request->reading && task->request->rows) {
        task->value = (struct rbk_value){.type = RBK_TYPE_INT, .as.integer = (int64_t)reply->rows};
        return true;
    }
    bool fits = !reply->too_large && (!reply->has_value || rbk_task_set_scalar(task, reply->value));
    if (!fits) {
        rbk_task_message(task, "the value is larger than %zu bytes", task->output_bytes_max);
    }
    return fits;
}

/* What a failed statement means; the message is set. */
static enum rbk_outcome outcome_of_failure(struct rbk_postgres_task *self,
                                           const struct rbk_postgres_reply *reply)
{
    struct rbk_task *task = &self->task;
    bool cancelled = strcmp(reply->sqlstate, "57014") == 0;
    bool lock_waited = strcmp(reply->sqlstate, "55P03") == 0;
    uint64_t took_ms = (uv_hrtime() - self->limited_ns) / 1000000;
    if (self->phase == RBK_POSTGRES_WORKING && task->request->autocommit && self->done > 0) {
        rbk_task_detail(task, "%u statements before this one were carried out", self->done);
    }
    if (cancelled && task->stop != RBK_TASK_STOP_NONE) {
        rbk_task_detail(task, "%.*s", RBK_STR_ARG(reply->message));
        return rbk_task_stopped(task);
    }
    if ((cancelled || lock_waited) && took_ms + 5 >= self->limit_ms) {
        rbk_task_message(task, "timed out after %" PRIu64 " ms: %.*s", rbk_task_elapsed_ms(task),
                         RBK_STR_ARG(reply->message));
        return RBK_OUTCOME_TIMEOUT;
    }
    rbk_task_message(task, "%.*s", RBK_STR_ARG(reply->message));
    return RBK_OUTCOME_FAIL;
}

/* A stop found nothing to cancel: the reply came anyway. @return whether the task is ending. */
static bool end_if_stopped(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    if (self->task.stop == RBK_TASK_STOP_NONE) {
        return false;
    }
    if (reply->transaction == PQTRANS_IDLE || self->task.request->reading) {
        rbk_postgres_end(self, rbk_task_stopped(&self->task));
    } else {
        send_command(self, RBK_POSTGRES_UNDOING, "ROLLBACK");
    }
    return true;
}

/* The transaction's number, and the end of the log; see note.h for why both. */
static void ask_number(struct rbk_postgres_task *self)
{
    int version = rbk_postgres_link_version(self->link);
    const char *sql = "SELECT pg_catalog.pg_current_xact_id()::text || ' ' || "
                      "pg_catalog.pg_current_wal_insert_lsn()::text";
    if (version < 100000) { /* cannot be asked for a status later, so there is no use for it */
        sql = "SELECT ''::text";
    } else if (version < 130000) {
        sql = "SELECT pg_catalog.txid_current()::text || ' ' || "
              "pg_catalog.pg_current_wal_insert_lsn()::text";
    }
    send_command(self, RBK_POSTGRES_NUMBERING, sql);
}

static void after_work(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    struct rbk_task *task = &self->task;
    const struct rbk_request *request = task->request;
    bool stored = keep_value(self, reply);
    if (request->reading) {
        bool one = reply->rows <= 1 || request->rows;
        if (!one) {
            rbk_task_message(task, "one row was expected, but there are %" PRIu64, reply->rows);
        } else if (!reply->has_rows) {
            rbk_task_message(task, "the statement gives no rows to read");
        }
        if (!stored || !one || !reply->has_rows) {
            rbk_postgres_end(self, RBK_OUTCOME_FAIL);
            return;
        }
        send_command(self, RBK_POSTGRES_CLOSING, "COMMIT");
        return;
    }
    if (!stored) {
        rbk_task_detail(task, "%s", task->message.data);
        rbk_buffer_clear(&task->message);
    }
    self->done += one_by_one(self) ? 1 : reply->statements;
    bool last = !one_by_one(self) || !rbk_sql_next(&self->scan, &self->statement);
    PGTransactionStatusType wanted = request->autocommit ? PQTRANS_IDLE : PQTRANS_INTRANS;
    if (last && request->autocommit && reply->transaction == PQTRANS_IDLE) {
        rbk_postgres_end(self, RBK_OUTCOME_OK); /* done, even if it was to be stopped */
    } else if (end_if_stopped(self, reply)) {
        return;
    } else if (!request->autocommit && reply->transaction != wanted) {
        rbk_task_message(task, "the statements ended the transaction they run in; what they did "
                               "up to there may have been committed");
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
    } else if (last && request->autocommit) {
        rbk_task_message(task, "the statements left a transaction open, which is rolled back");
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
    } else if (last) {
        ask_number(self);
    } else if (request->autocommit && reply->transaction == PQTRANS_IDLE) {
        send_limits(self, RBK_POSTGRES_LIMITING, "", "");
    } else {
        send_statement(self);
    }
}

static void after_number(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    struct rbk_task *task = &self->task;
    struct rbk_str value = rbk_buffer_str(&task->output);
    if (end_if_stopped(self, reply)) {
        return;
    }
    size_t blank = rbk_str_find(reply->value, ' ');
    struct rbk_str xid = rbk_str_slice(reply->value, 0, blank);
    struct rbk_str lsn = rbk_str_slice(reply->value, blank + 1, reply->value.bytes);
    (void)snprintf(self->note.xid, sizeof(self->note.xid), "%.*s", RBK_STR_ARG(xid));
    (void)snprintf(self->note.lsn, sizeof(self->note.lsn), "%.*s", RBK_STR_ARG(lsn));
    if (!task->value.missing && value.bytes <= NOTED_VALUE_BYTES) {
        struct rbk_buffer kept;
        rbk_buffer_init(&kept, NOTED_VALUE_BYTES * 2);
        if (rbk_task_redact(task, value, &kept) == 0) {
            self->note.value_bytes = kept.bytes;
            self->note.value = rbk_buffer_take(&kept, NULL);
        }
        rbk_buffer_fini(&kept);
    }
    struct rbk_buffer text;
    rbk_buffer_init(&text, NOTED_VALUE_BYTES * 8);
    if (rbk_postgres_note_write(&self->note, &text) != 0) {
        rbk_task_message(task, "out of memory");
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
    } else {
        self->phase = RBK_POSTGRES_NOTING;
        rbk_task_hold(task);
        rbk_task_note(task, rbk_buffer_str(&text)); /* proceed() may come inside */
        rbk_task_release(task);
    }
    rbk_buffer_fini(&text);
}

static void proceed(struct rbk_task *task)
{
    struct rbk_postgres_task *self = rbk_postgres_task_of(task);
    if (self->phase == RBK_POSTGRES_NOTING) {
        send_command(self, RBK_POSTGRES_COMMITTING, "COMMIT");
    }
}

static void after_commit(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    if (strcmp(reply->tag, "COMMIT") == 0) {
        rbk_postgres_end(self, RBK_OUTCOME_OK);
    } else {
        rbk_task_message(&self->task, "the server answered COMMIT with \"%s\"", reply->tag);
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
    }
}

static void after_identity(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    struct rbk_task *task = &self->task;
    if (reply->failed && !self->plain_identity) {
        self->plain_identity = true; /* the role may not ask which server this is */
        rbk_buffer_clear(&task->detail);
        send_command(self, RBK_POSTGRES_IDENTIFYING, rbk_postgres_identity_plain_sql);
        return;
    }
    if (reply->failed || rbk_postgres_identity_read(reply->value, &self->note.identity) != 0 ||
        self->note.identity.pid == 0) {
        rbk_task_message(task, "the server does not say which backend this is: %.*s",
                         RBK_STR_ARG(reply->message));
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    if (!task->request->autocommit) {
        send_limits(self, RBK_POSTGRES_BEGINNING, "BEGIN; ", "LOCAL");
    } else if (rbk_sql_next(&self->scan, &self->statement)) {
        send_limits(self, RBK_POSTGRES_LIMITING, "", "");
    } else {
        rbk_postgres_end(self, RBK_OUTCOME_OK); /* nothing but comments */
    }
}

static void after_begin(struct rbk_postgres_task *self, const struct rbk_postgres_reply *reply)
{
    if (end_if_stopped(self, reply)) {
        return;
    }
    if (!one_by_one(self)) {
        self->phase = RBK_POSTGRES_WORKING;
        rbk_postgres_link_send(self->link, self->task.request->statement.data);
    } else if (self->task.request->autocommit || rbk_sql_next(&self->scan, &self->statement)) {
        send_statement(self);
    } else {
        ask_number(self); /* an effect of nothing but comments */
    }
}

static void end_reading(struct rbk_postgres_task *self)
{
    struct rbk_task *task = &self->task;
    rbk_postgres_kept_put(rbk_postgres_driver_of(self), self->link, task->request->address.data,
                          self->name);
    self->link = NULL;
    if (task->value.missing) {
        rbk_task_message(task, "no row, or NULL");
    }
    rbk_postgres_end(self, task->value.missing ? RBK_OUTCOME_MISSING : RBK_OUTCOME_OK);
}

static void on_reply(void *owner, const struct rbk_postgres_reply *reply)
{
    struct rbk_postgres_task *self = owner;
    struct rbk_task *task = &self->task;
    if (reply->lost && self->kept_link && self->phase == RBK_POSTGRES_BEGINNING &&
        task->stop == RBK_TASK_STOP_NONE) {
        rbk_postgres_link_close(self->link); /* it had died since the last reading */
        self->link = NULL;
        connect_now(self);
        return;
    }
    if (reply->lost) {
        rbk_task_message(task, "%s%.*s", reply->failed ? "" : "the connection was lost: ",
                         RBK_STR_ARG(reply->message));
        if (reply->failed && self->phase == RBK_POSTGRES_WORKING) {
            /* The server said why it ended the session: what ran was rolled back. */
            rbk_postgres_end(self, outcome_of_failure(self, reply));
        } else {
            rbk_postgres_take_loss(self);
        }
        return;
    }
    if (reply->failed && self->phase != RBK_POSTGRES_IDENTIFYING &&
        self->phase != RBK_POSTGRES_UNDOING) {
        rbk_postgres_end(self, outcome_of_failure(self, reply));
        return;
    }
    switch (self->phase) {
    case RBK_POSTGRES_IDENTIFYING:
        after_identity(self, reply);
        break;
    case RBK_POSTGRES_BEGINNING:
    case RBK_POSTGRES_LIMITING:
        after_begin(self, reply);
        break;
    case RBK_POSTGRES_WORKING:
        after_work(self, reply);
        break;
    case RBK_POSTGRES_NUMBERING:
        after_number(self, reply);
        break;
    case RBK_POSTGRES_COMMITTING:
        after_commit(self, reply);
        break;
    case RBK_POSTGRES_CLOSING:
        end_reading(self);
        break;
    case RBK_POSTGRES_UNDOING:
        rbk_postgres_end(self, rbk_task_stopped(task));
        break;
    default:
        RBK_UNREACHABLE();
    }
}

static void on_lost(void *owner)
{
    struct rbk_postgres_task *self = owner;
    rbk_task_message(&self->task, "the connection was lost before COMMIT was sent");
    rbk_postgres_take_loss(self);
}

static void begin_on_link(struct rbk_postgres_task *self)
{
    rbk_postgres_link_details(self->link, &self->task.detail);
    if (self->task.request->reading) {
        send_limits(self, RBK_POSTGRES_BEGINNING, "BEGIN READ ONLY; ", "LOCAL");
    } else {
        send_command(self, RBK_POSTGRES_IDENTIFYING, rbk_postgres_identity_sql);
    }
}

static void on_connected(void *owner, const char *failure)
{
    struct rbk_postgres_task *self = owner;
    if (failure) {
        rbk_task_message(&self->task, "no connection: %s", failure);
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
    } else {
        begin_on_link(self);
    }
}

static const struct rbk_postgres_link_events link_events = {
    .on_connected = on_connected, .on_reply = on_reply, .on_lost = on_lost};

static void connect_now(struct rbk_postgres_task *self)
{
    struct rbk_task *task = &self->task;
    self->kept_link = false;
    self->phase = RBK_POSTGRES_CONNECTING;
    if (rbk_postgres_link_open(task->driver, task->request->address.data, self->name,
                               task->output_bytes_max, &link_events, self, &self->link) != 0) {
        rbk_task_message(task, "out of memory");
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    rbk_postgres_link_details(self->link, &task->detail);
}

/* The texts of the binds. false: no memory, or one that no text can hold; the message is set. */
static bool make_params(struct rbk_postgres_task *self)
{
    const struct rbk_request *request = self->task.request;
    self->params = calloc(request->bind_count + 1, sizeof(*self->params));
    self->param_count = request->bind_count;
    bool fine = self->params != NULL;
    for (size_t i = 0; fine && i < request->bind_count; i++) {
        if (request->binds[i].missing) {
            continue;
        }
        struct rbk_buffer text;
        rbk_buffer_init(&text, RBK_TEMPLATE_BYTES_MAX);
        fine = rbk_sql_bind_text(&text, request->binds[i]) == 0;
        if (fine && memchr(text.data, '\0', text.bytes)) {
            rbk_task_message(&self->task, "the value of $%zu holds a NUL byte", i + 1);
            rbk_buffer_fini(&text);
            return false;
        }
        self->params[i] = rbk_buffer_take(&text, NULL);
        fine = fine && self->params[i] != NULL;
    }
    if (!fine) {
        rbk_task_message(&self->task, "out of memory");
    }
    return fine;
}

/* Refuses what must not be sent. The message is set. */
static bool may_send(struct rbk_postgres_task *self)
{
    const struct rbk_request *request = self->task.request;
    struct rbk_sql_scan scan = {.text = request->statement};
    struct rbk_sql_statement statement;
    unsigned count = 0;
    if (memchr(request->statement.data, '\0', request->statement.bytes)) {
        rbk_task_message(&self->task, "the statement holds a NUL byte");
        return false;
    }
    while (!request->autocommit && rbk_sql_next(&scan, &statement)) {
        count++;
        if (rbk_sql_controls_transaction(&statement)) {
            rbk_task_message(&self->task,
                             "a plan's SQL runs in one transaction of the runtime and may not "
                             "begin, commit or roll back one itself (statement %u: %s)",
                             count, statement.first);
            return false;
        }
    }
    if (request->reading && count != 1) {
        rbk_task_message(&self->task, "a reading is one statement; this has %u", count);
        return false;
    }
    return true;
}

static void begin(struct rbk_task *task)
{
    struct rbk_postgres_task *self = rbk_postgres_task_of(task);
    rbk_postgres_name(task->request, self->name);
    if (task->recovering) {
        rbk_postgres_begin_recovery(self);
        return;
    }
    self->scan.text = task->request->statement;
    if (!may_send(self) || !make_params(self)) {
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    if (task->request->reading) {
        self->link = rbk_postgres_kept_take(rbk_postgres_driver_of(self),
                                            task->request->address.data, self->name);
    }
    if (self->link) {
        self->kept_link = true;
        rbk_postgres_link_adopt(self->link, &link_events, self, task->output_bytes_max);
        begin_on_link(self);
    } else {
        connect_now(self);
    }
}

static void destroy(struct rbk_task *task)
{
    struct rbk_postgres_task *self = rbk_postgres_task_of(task);
    for (size_t i = 0; self->params && i < self->param_count; i++) {
        if (self->params[i]) {
            explicit_bzero(self->params[i], strlen(self->params[i]));
        }
        free(self->params[i]);
    }
    free(self->params);
    free(self->journalled);
    rbk_postgres_note_fini(&self->note);
    free(self);
}

static const struct rbk_task_ops task_ops = {
    .begin = begin, .stop = rbk_postgres_stop, .proceed = proceed, .destroy = destroy};

static int start_task(struct rbk_driver *driver, const struct rbk_request *request,
                      const struct rbk_str *note, void *owner, struct rbk_activity **ret_activity,
                      struct rbk_error *reterr)
{
    struct rbk_postgres_task *self = calloc(1, sizeof(*self));
    bool complete = self != NULL;
    if (self && note && note->bytes > 0) {
        self->journalled = strndup(note->data, note->bytes);
        complete = self->journalled != NULL;
    }
    int error = complete ? rbk_task_init(&self->task, rbk_task_driver_of(driver), &task_ops,
                                         request, note != NULL, owner, reterr)
                         : rbk_error_set(reterr, RBK_ENOMEM, "out of memory for a request");
    if (error) {
        free(self ? self->journalled : NULL);
        free(self);
        return error;
    }
    *ret_activity = rbk_task_activity(&self->task);
    return 0;
}

static int postgres_start(struct rbk_driver *driver, const struct rbk_request *request, void *owner,
                          struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    return start_task(driver, request, NULL, owner, ret_activity, reterr);
}

static int postgres_recover(struct rbk_driver *driver, const struct rbk_request *request,
                            struct rbk_str note, void *owner, struct rbk_activity **ret_activity,
                            struct rbk_error *reterr)
{
    return start_task(driver, request, &note, owner, ret_activity, reterr);
}

static void postgres_close(struct rbk_driver *driver, bool leave, void (*on_closed)(void *context),
                           void *context)
{
    (void)leave; /* a backend whose client is gone ends by itself; recover() makes sure of it */
    struct rbk_task_driver *base = rbk_task_driver_of(driver);
    rbk_task_driver_hold(base);
    rbk_task_driver_close(base, on_closed, context);
    rbk_postgres_kept_close_all(RBK_CONTAINER_OF(base, struct rbk_postgres_driver, base));
    rbk_task_driver_release(base);
}

static const struct rbk_driver_ops ops = {
    .name = "sql_postgres",
    .start = postgres_start,
    .cancel = rbk_task_cancel,
    .proceed = rbk_task_proceed,
    .recover = postgres_recover,
    .close = postgres_close,
};

static void destroy_driver(struct rbk_task_driver *driver)
{
    struct rbk_postgres_driver *self = RBK_CONTAINER_OF(driver, struct rbk_postgres_driver, base);
    rbk_postgres_cancels_free(self->cancels);
    free(self);
}

int rbk_sql_postgres_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                          struct rbk_error *reterr)
{
    struct rbk_postgres_driver *driver = calloc(1, sizeof(*driver));
    struct rbk_postgres_cancels *cancels = driver ? rbk_postgres_cancels_new() : NULL;
    if (!cancels) {
        free(driver);
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for the PostgreSQL driver");
    }
    driver->cancels = cancels;
    rbk_task_driver_init(&driver->base, &ops, setup, destroy_driver);
    *ret_driver = &driver->base.base;
    return 0;
}
