/*
 * Snapshots: what a run's state was after one event, so that recovery need not read the whole
 * journal. The body is the executor's; here it is kept whole, or known not to be.
 */
#include "runtime/store/sqlite_internal.h"

#include <string.h>

#include "runtime/core/base/hash.h"

int rbk_store_event_hash(struct rbk_store *store, const char *run, int64_t seq, char ret_hash[65],
                         struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EVENT_HASH, reterr);
    bool found = false;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, seq);
    while (rbk_sqlite_next(store, statement, "cannot read the journal in", &error, reterr)) {
        found = sqlite3_column_bytes(statement, 0) == 64;
        if (found) {
            memcpy(ret_hash, sqlite3_column_text(statement, 0), 65);
        }
    }
    if (error == 0 && !found) {
        error =
            rbk_error_set(reterr, RBK_ENOTFOUND, "run %s has no event %lld", run, (long long)seq);
    }
    return error;
}

int rbk_store_put_snapshot(struct rbk_store *store, const char *run, int64_t seq,
                           struct rbk_str body, struct rbk_error *reterr)
{
    char hash[RBK_SHA256_HEX_BYTES];
    sqlite3_stmt *statement;
    int error;

    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_PUT_SNAPSHOT, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sha256_hex(body.data, body.bytes, hash);
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    sqlite3_bind_int64(statement, 2, seq);
    rbk_sqlite_bind(statement, 3, rbk_str_from(hash));
    rbk_sqlite_bind(statement, 4, body);
    if ((error = rbk_sqlite_run(store, statement, "cannot write a snapshot to", reterr)) != 0) {
        return error;
    }
    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_DROP_SNAPSHOTS, reterr)) == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    return rbk_sqlite_run(store, statement, "cannot remove an old snapshot from", reterr);
}

int rbk_store_each_snapshot(struct rbk_store *store, const char *run,
                            int (*each)(void *context, int64_t seq, struct rbk_str body),
                            void *context, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_EACH_SNAPSHOT, reterr);
    char hash[RBK_SHA256_HEX_BYTES];
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    while (rbk_sqlite_next(store, statement, "cannot read a snapshot in", &error, reterr)) {
        struct rbk_str body = rbk_sqlite_text(statement, 2);
        rbk_sha256_hex(body.data, body.bytes, hash);
        if (rbk_str_is(rbk_sqlite_text(statement, 1), hash)) {
            error = each(context, sqlite3_column_int64(statement, 0), body);
        }
    }
    return error;
}
