/*
 * Deadline and cancel reach SQLite through its progress handler (between instructions) and our busy
 * handler (while another process holds the lock); so nothing here needs sqlite3_interrupt() and the
 * lifetime of a connection that another thread would use.
 *
 * Plans may not begin or end transactions themselves: the authorizer refuses to prepare such a
 * statement, and what was done before is rolled back.
 */
#include "runtime/drivers/sqlite_job.h"

#include "runtime/drivers/sql_bind.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_INSTRUCTIONS 1000
#define BUSY_SLEEP_MS 5

/* One connection and what a statement on it gave. */
struct session {
    struct rbk_sqlite_job *job;
    sqlite3 *db;
    bool in_transaction; /**< Ours: transaction control of the plan is refused. */
    uint64_t rows;       /**< Of the last statement that has columns. */
};

/** What a call came to. */
enum verdict { DONE, FAILED, STOPPED, ABSENT };

static bool must_stop(const struct rbk_sqlite_job *job)
{
    return atomic_load(&job->stop) != RBK_TASK_STOP_NONE || uv_hrtime() >= job->deadline_ns;
}

/* The message of a job that gave up. (task->stop is the loop's: this thread does not read it.) */
static enum verdict stopped(struct rbk_sqlite_job *job)
{
    rbk_task_message(job->task, "%s after %llu ms",
                     atomic_load(&job->stop) == RBK_TASK_STOP_CANCEL ? "cancelled" : "timed out",
                     (unsigned long long)rbk_task_elapsed_ms(job->task));
    return STOPPED;
}

static int on_progress(void *context)
{
    return must_stop(context);
}

static int on_busy(void *context, int count)
{
    (void)count;
    if (must_stop(context)) {
        return 0;
    }
    sqlite3_sleep(BUSY_SLEEP_MS);
    return 1;
}

static int on_authorize(void *context, int action, const char *first, const char *second,
                        const char *database, const char *trigger)
{
    (void)first;
    (void)second;
    (void)database;
    (void)trigger;
    const struct session *session = context;
    return session->in_transaction && action == SQLITE_TRANSACTION ? SQLITE_DENY : SQLITE_OK;
}

/* Describes the failure of the last call on the connection. */
static enum verdict describe(struct session *session, const char *what, const char *statement)
{
    struct rbk_task *task = session->job->task;
    int code = session->db ? sqlite3_extended_errcode(session->db) : SQLITE_NOMEM;
    const char *text = session->db ? sqlite3_errmsg(session->db) : "out of memory";
    if (must_stop(session->job) && ((code & 0xff) == SQLITE_BUSY || code == SQLITE_INTERRUPT)) {
        (void)stopped(session->job);
        if ((code & 0xff) == SQLITE_BUSY) {
            rbk_task_detail(task, "the database file was locked by another connection");
        }
        return STOPPED;
    }
    if (code == SQLITE_AUTH && session->in_transaction) {
        rbk_task_message(task, "a plan's SQL runs in one transaction of the runtime and may not "
                               "begin, commit or roll back one itself");
    } else {
        rbk_task_message(task, "%s%sSQLite error %d: %s", what, *what ? ": " : "", code, text);
    }
    if (statement) {
        size_t bytes = strnlen(statement, 400);
        rbk_task_detail(task, "STATEMENT: %.*s", (int)bytes, statement);
    }
    return FAILED;
}

static enum verdict execute(struct session *session, const char *sql)
{
    /* The commands of the runtime itself. */
    bool in_transaction = session->in_transaction;
    session->in_transaction = false;
    int code = sqlite3_exec(session->db, sql, NULL, NULL, NULL);
    session->in_transaction = in_transaction;
    return code == SQLITE_OK ? DONE : describe(session, "", sql);
}

static enum verdict open_session(struct session *session, int flags)
{
    struct rbk_sqlite_job *job = session->job;
    if (!(flags & SQLITE_OPEN_CREATE) && access(job->path, F_OK) != 0) {
        rbk_task_message(job->task, "there is no database file \"%s\"", job->path);
        return ABSENT;
    }
    int code = sqlite3_open_v2(job->path, &session->db,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (code != SQLITE_OK) {
        rbk_task_message(job->task, "cannot open the database file \"%s\": %s", job->path,
                         session->db ? sqlite3_errmsg(session->db) : "out of memory");
        return FAILED;
    }
    (void)sqlite3_extended_result_codes(session->db, 1);
    (void)sqlite3_busy_handler(session->db, on_busy, job);
    sqlite3_progress_handler(session->db, PROGRESS_INSTRUCTIONS, on_progress, job);
    (void)sqlite3_set_authorizer(session->db, on_authorize, session);
    return DONE;
}

static void close_session(struct session *session)
{
    (void)sqlite3_close(session->db);
    session->db = NULL;
}

static int bind_one(sqlite3_stmt *statement, int index, struct rbk_value value)
{
    if (value.missing) {
        return sqlite3_bind_null(statement, index);
    }
    switch (value.type) {
    case RBK_TYPE_BOOL:
        return sqlite3_bind_int(statement, index, value.as.truth);
    case RBK_TYPE_INT:
    case RBK_TYPE_BYTES:
    case RBK_TYPE_DURATION: /* SQLite has no intervals: milliseconds */
        return sqlite3_bind_int64(statement, index, value.as.integer);
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        return sqlite3_bind_double(statement, index, value.as.number);
    default:
        break;
    }
    struct rbk_buffer text;
    rbk_buffer_init(&text, (size_t)64 << 20);
    int code = SQLITE_NOMEM;
    if (rbk_sql_bind_text(&text, value) == 0) {
        code = sqlite3_bind_text64(statement, index, text.data, text.bytes, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    }
    rbk_buffer_fini(&text);
    return code;
}

/* The parameters of one statement are named $1, ?1 and so on after the request's binds. */
static enum verdict bind_all(struct session *session, sqlite3_stmt *statement)
{
    const struct rbk_request *request = session->job->task->request;
    int count = sqlite3_bind_parameter_count(statement);
    for (int index = 1; index <= count; index++) {
        const char *name = sqlite3_bind_parameter_name(statement, index);
        char *end = NULL;
        unsigned long number = name ? strtoul(name + 1, &end, 10) : 0;
        if (!end || *end != '\0' || number == 0 || number > request->bind_count) {
            rbk_task_message(session->job->task, "no value for the parameter \"%s\"",
                             name ? name : "?");
            return FAILED;
        }
        if (bind_one(statement, index, request->binds[number - 1]) != SQLITE_OK) {
            return describe(session, "a value cannot be bound", sqlite3_sql(statement));
        }
    }
    return DONE;
}

/* Steps to the end; keeps the first column of the first row, and counts the rows. */
static enum verdict step_all(struct session *session, sqlite3_stmt *statement)
{
    struct rbk_task *task = session->job->task;
    if (sqlite3_column_count(statement) > 0) {
        session->rows = 0;
        task->value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
    }
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        session->rows++;
        if (session->rows > 1 || sqlite3_column_type(statement, 0) == SQLITE_NULL) {
            continue;
        }
        struct rbk_str text = {(const char *)sqlite3_column_text(statement, 0), 0};
        text.bytes = text.data ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
        if (!rbk_task_set_scalar(task, text)) {
            rbk_task_message(task, "the value is larger than %zu bytes", task->output_bytes_max);
            return FAILED;
        }
    }
    return code == SQLITE_DONE ? DONE : describe(session, "", sqlite3_sql(statement));
}

/* Carries out every statement of the request; `single` refuses a second one, and writing ones. */
static enum verdict run_statements(struct session *session, bool single)
{
    struct rbk_task *task = session->job->task;
    struct rbk_str sql = task->request->statement;
    const char *at = sql.data;
    const char *end = sql.data + sql.bytes;
    unsigned count = 0;
    if (memchr(at, '\0', sql.bytes)) {
        rbk_task_message(task, "the statement holds a NUL byte");
        return FAILED;
    }
    while (at < end) {
        sqlite3_stmt *statement = NULL;
        const char *tail = end;
        if (must_stop(session->job)) {
            return stopped(session->job);
        }
        if (sqlite3_prepare_v2(session->db, at, (int)(end - at), &statement, &tail) != SQLITE_OK) {
            return describe(session, "", at);
        }
        at = tail;
        if (!statement) {
            continue; /* white space or a comment */
        }
        count++;
        enum verdict verdict = FAILED;
        if (single && count > 1) {
            rbk_task_message(task, "a reading is one statement; this has more");
        } else if (single && !sqlite3_stmt_readonly(statement)) {
            rbk_task_message(task, "a reading may not write");
        } else {
            verdict = bind_all(session, statement);
            verdict = verdict == DONE ? step_all(session, statement) : verdict;
        }
        (void)sqlite3_finalize(statement);
        if (verdict != DONE) {
            return verdict;
        }
    }
    if (count == 0 && single) {
        rbk_task_message(task, "there is no statement to read with");
        return FAILED;
    }
    return DONE;
}

static int bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    return sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

/* A receipt is replaced only by that of a later attempt, so a runner that lost its lease and comes
 * late undoes itself. */
static enum verdict write_receipt(struct session *session)
{
    static const char create[] =
        "CREATE TABLE IF NOT EXISTS rbk_receipt(run TEXT NOT NULL, step TEXT NOT NULL, "
        "key TEXT NOT NULL, attempt INTEGER NOT NULL, serial INTEGER NOT NULL, at TEXT NOT NULL, "
        "value TEXT, PRIMARY KEY (run, key))";
    static const char insert[] =
        "INSERT INTO rbk_receipt(run, step, key, attempt, serial, at, value) "
        "VALUES(?1, ?2, ?3, ?4, ?5, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?6) "
        "ON CONFLICT(run, key) DO UPDATE SET step = excluded.step, attempt = excluded.attempt, "
        "serial = excluded.serial, at = excluded.at, value = excluded.value "
        "WHERE excluded.serial > rbk_receipt.serial";
    struct rbk_task *task = session->job->task;
    const struct rbk_request *request = task->request;
    enum verdict verdict = execute(session, create);
    if (verdict != DONE) {
        return verdict;
    }
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(session->db, insert, -1, &statement, NULL) != SQLITE_OK) {
        return describe(session, "the receipt cannot be written", NULL);
    }
    bool bound = bind_text(statement, 1, request->run) == SQLITE_OK &&
                 bind_text(statement, 2, request->step) == SQLITE_OK &&
                 bind_text(statement, 3, request->key) == SQLITE_OK &&
                 sqlite3_bind_int64(statement, 4, request->attempt) == SQLITE_OK &&
                 sqlite3_bind_int64(statement, 5, request->serial) == SQLITE_OK;
    struct rbk_buffer kept;
    rbk_buffer_init(&kept, RBK_SQL_KEPT_VALUE_BYTES * 2);
    if (bound && !task->value.missing && task->value.as.text.bytes <= RBK_SQL_KEPT_VALUE_BYTES &&
        rbk_task_redact(task, task->value.as.text, &kept) == 0) {
        bound = sqlite3_bind_text64(statement, 6, kept.data, kept.bytes, SQLITE_TRANSIENT,
                                    SQLITE_UTF8) == SQLITE_OK;
    }
    rbk_buffer_fini(&kept);
    if (!bound || sqlite3_step(statement) != SQLITE_DONE) {
        verdict = describe(session, "the receipt cannot be written", NULL);
    } else if (sqlite3_changes(session->db) != 1) {
        rbk_task_message(task, "this step was carried out already, by another runner");
        verdict = FAILED;
    }
    (void)sqlite3_finalize(statement);
    return verdict;
}

/* Whether the receipt of this serial is there; its value becomes the task's. */
static enum verdict find_receipt(struct session *session)
{
    static const char select[] =
        "SELECT value FROM rbk_receipt WHERE run = ?1 AND key = ?2 AND serial = ?3";
    struct rbk_task *task = session->job->task;
    enum verdict verdict = execute(session, "BEGIN IMMEDIATE"); /* no writer is half-way */
    if (verdict != DONE) {
        return verdict;
    }
    sqlite3_stmt *statement = NULL;
    if (sqlite3_table_column_metadata(session->db, "main", "rbk_receipt", "serial", NULL, NULL,
                                      NULL, NULL, NULL) != SQLITE_OK) {
        verdict = ABSENT;
    } else if (sqlite3_prepare_v2(session->db, select, -1, &statement, NULL) != SQLITE_OK ||
               bind_text(statement, 1, task->request->run) != SQLITE_OK ||
               bind_text(statement, 2, task->request->key) != SQLITE_OK ||
               sqlite3_bind_int64(statement, 3, task->request->serial) != SQLITE_OK) {
        verdict = describe(session, "the receipt cannot be read", NULL);
    } else {
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
            struct rbk_str text = {(const char *)sqlite3_column_text(statement, 0), 0};
            text.bytes = text.data ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
            if (!rbk_task_set_scalar(task, text)) {
                rbk_task_detail(task, "its value is larger than this request may carry");
            }
        }
        if (code != SQLITE_ROW) {
            verdict = code == SQLITE_DONE ? ABSENT
                                          : describe(session, "the receipt cannot be read", NULL);
        }
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_exec(session->db, "ROLLBACK", NULL, NULL, NULL);
    return verdict;
}

/* Looks for the receipt on a connection of its own. */
static enum verdict look_for_receipt(struct rbk_sqlite_job *job)
{
    struct session session = {.job = job};
    /* Read and write: a journal left by a crash must be rolled back before anything is read. */
    enum verdict verdict = open_session(&session, SQLITE_OPEN_READWRITE);
    if (verdict == DONE) {
        verdict = find_receipt(&session);
    }
    close_session(&session);
    return verdict;
}

static enum rbk_outcome outcome_of(const struct rbk_sqlite_job *job, enum verdict verdict)
{
    switch (verdict) {
    case DONE:
        return RBK_OUTCOME_OK;
    case STOPPED:
        return atomic_load(&job->stop) == RBK_TASK_STOP_CANCEL ? RBK_OUTCOME_FAIL
                                                               : RBK_OUTCOME_TIMEOUT;
    default:
        return RBK_OUTCOME_FAIL;
    }
}

static enum rbk_outcome run_transaction(struct rbk_sqlite_job *job, struct session *session)
{
    enum verdict verdict = execute(session, "BEGIN IMMEDIATE");
    if (verdict != DONE) {
        return outcome_of(job, verdict);
    }
    session->in_transaction = true;
    verdict = run_statements(session, false);
    verdict = verdict == DONE ? write_receipt(session) : verdict;
    session->in_transaction = false;
    if (verdict == DONE) {
        int code = sqlite3_exec(session->db, "COMMIT", NULL, NULL, NULL);
        if (code == SQLITE_OK) {
            return RBK_OUTCOME_OK;
        }
        verdict = describe(session, "COMMIT", NULL);
        int primary = code & 0xff;
        if (primary == SQLITE_IOERR || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
            /* Written or not? The file itself knows, once the journal was rolled back. */
            close_session(session);
            enum verdict found = look_for_receipt(job);
            if (found == DONE || found == ABSENT) {
                return found == DONE ? RBK_OUTCOME_OK : RBK_OUTCOME_FAIL;
            }
            return RBK_OUTCOME_DOUBT;
        }
    }
    /* The handlers would stop the ROLLBACK of a transaction whose time is over. */
    sqlite3_progress_handler(session->db, 0, NULL, NULL);
    (void)sqlite3_exec(session->db, "ROLLBACK", NULL, NULL, NULL);
    return outcome_of(job, verdict);
}

static enum rbk_outcome run_reading(struct rbk_sqlite_job *job, struct session *session)
{
    struct rbk_task *task = job->task;
    enum verdict verdict = run_statements(session, true);
    if (verdict != DONE) {
        return outcome_of(job, verdict);
    }
    if (task->request->rows) {
        task->value =
            (struct rbk_value){.type = RBK_TYPE_INT, .as.integer = (int64_t)session->rows};
        return RBK_OUTCOME_OK;
    }
    if (session->rows > 1) {
        rbk_task_message(task, "one row was expected, but there are %" PRIu64, session->rows);
        return RBK_OUTCOME_FAIL;
    }
    if (task->value.missing) {
        rbk_task_message(task, session->rows == 0 ? "no row" : "the value is NULL");
        return RBK_OUTCOME_MISSING;
    }
    return RBK_OUTCOME_OK;
}

static void recover(struct rbk_sqlite_job *job)
{
    if (job->task->request->autocommit) {
        rbk_task_message(job->task, "statements outside a transaction leave no receipt");
        job->recovery = RBK_RECOVERY_UNKNOWN;
        return;
    }
    enum verdict verdict = look_for_receipt(job);
    if (verdict == DONE) {
        job->recovery = RBK_RECOVERY_KNOWN;
        job->outcome = RBK_OUTCOME_OK;
        rbk_task_message(job->task, "its receipt is in the database");
    } else if (verdict == ABSENT) {
        job->recovery = RBK_RECOVERY_NOT_STARTED;
        rbk_task_message(job->task, "its receipt is not in the database");
    } else {
        job->recovery = RBK_RECOVERY_UNKNOWN;
    }
}

void rbk_sqlite_job_run(struct rbk_sqlite_job *job)
{
    const struct rbk_request *request = job->task->request;
    if (job->task->recovering) {
        recover(job);
        return;
    }
    struct session session = {.job = job};
    int flags =
        request->reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    enum verdict verdict = open_session(&session, flags);
    if (verdict != DONE) {
        job->outcome = outcome_of(job, verdict);
    } else if (request->reading) {
        job->outcome = run_reading(job, &session);
    } else if (request->autocommit) {
        job->outcome = outcome_of(job, run_statements(&session, false));
    } else {
        job->outcome = run_transaction(job, &session);
    }
    close_session(&session);
}
