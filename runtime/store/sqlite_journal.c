/*
 * The journal: an append-only chain. Each event's hash covers the hash before it, so a cut, edited
 * or reordered journal shows on reading.
 */
#include "runtime/store/sqlite_internal.h"

#include <stdio.h>
#include <string.h>

static void hash_event(struct rbk_store *store, const char *previous, struct rbk_store_event *event)
{
    char head[160];
    int bytes = snprintf(head, sizeof(head), "%s\n%lld %lld ", previous, (long long)event->seq,
                         (long long)event->at_ms);

    rbk_sha256_restart(&store->sha);
    rbk_sha256_update(&store->sha, head, (size_t)bytes);
    rbk_sha256_update(&store->sha, event->kind.data, event->kind.bytes);
    rbk_sha256_update(&store->sha, "\n", 1);
    rbk_sha256_update(&store->sha, event->body.data, event->body.bytes);
    rbk_sha256_final_hex(&store->sha, event->hash);
}

int rbk_store_append_event(struct rbk_store *store, const char *run, uint64_t epoch,
                           const char *previous, struct rbk_store_event *event,
                           struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    int error;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_APPEND, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    hash_event(store, previous, event);
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, event->seq);
    sqlite3_bind_int64(statement, 3, event->at_ms);
    rbk_sqlite_bind(statement, 4, event->kind);
    rbk_sqlite_bind(statement, 5, event->body);
    rbk_sqlite_bind(statement, 6, rbk_str_from(event->hash));
    sqlite3_bind_int64(statement, 7, (int64_t)epoch);
    if ((error = rbk_sqlite_run(store, statement, "cannot append to the journal in", reterr)) !=
        0) {
        return error;
    }
    if (sqlite3_changes(store->database) != 1) {
        return rbk_error_set(reterr, RBK_ELEASE,
                             "another runner has taken over run %s; this one stops", run);
    }
    return 0;
}

/* The event in a row, if it is the one expected and its hash has the right form. */
static int read_event(sqlite3_stmt *statement, const char *run, int64_t expected,
                      struct rbk_store_event *event, char stored[65], struct rbk_error *reterr)
{
    event->seq = sqlite3_column_int64(statement, 0);
    event->at_ms = sqlite3_column_int64(statement, 1);
    event->kind = rbk_sqlite_text(statement, 2);
    event->body = rbk_sqlite_text(statement, 3);
    if (event->seq != expected || sqlite3_column_bytes(statement, 4) != 64) {
        return rbk_error_set(reterr, RBK_ECORRUPT,
                             "the journal of run %s is damaged: event %lld is missing", run,
                             (long long)expected);
    }
    memcpy(stored, sqlite3_column_text(statement, 4), 65);
    return 0;
}

/* Whether an event follows from the one before it, of which only the hash is known. */
static int check_chain(struct rbk_store *store, const char *run, const char *previous,
                       const char *stored, struct rbk_store_event *event, struct rbk_error *reterr)
{
    hash_event(store, previous, event);
    if (strcmp(stored, event->hash) != 0) {
        return rbk_error_set(reterr, RBK_ECORRUPT,
                             "the journal of run %s is damaged: event %lld does not follow from "
                             "the one before it",
                             run, (long long)event->seq);
    }
    return 0;
}

int rbk_store_each_event(struct rbk_store *store, const char *run, int64_t from_seq,
                         int (*each)(void *context, const struct rbk_store_event *event),
                         void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_EVENT, reterr);
    struct rbk_store_event event;
    char previous[65] = "", stored[65] = "";
    /* One event more is read, so that the chain can be checked from from_seq on. */
    int64_t expected = from_seq > 1 ? from_seq - 1 : 1;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, expected);
    while (rbk_sqlite_next(store, statement, "cannot read the journal in", &error, reterr)) {
        error = read_event(statement, run, expected++, &event, stored, reterr);
        if (error == 0 && event.seq >= from_seq) {
            error = check_chain(store, run, previous, stored, &event, reterr);
            error = error == 0 ? each(context, &event) : error;
        }
        memcpy(previous, stored, sizeof(previous));
    }
    return error;
}
