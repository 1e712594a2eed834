/*
 * The tables, and whether a file is one of ours.
 *
 * The id of an event is the number of its run, times 2^32, plus its place in the journal: a row is
 * found without an index, and an append goes to the end of one tree, which SQLite does by writing
 * one page (a WITHOUT ROWID table, or an index on run and place, costs nearly another page for
 * every step).
 */
#include "runtime/store/sqlite_internal.h"

#include <string.h>

/* Tells our files from other people's databases ("rbk1"). */
#define RBK_SQLITE_APPLICATION_ID 0x72626b31

static const char schema[] =
    "CREATE TABLE machines (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL REFERENCES machines(hash),"
    " plan TEXT NOT NULL, title TEXT NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL,"
    " directory TEXT NOT NULL, params TEXT NOT NULL, unrehearsed TEXT NOT NULL,"
    " status TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " events INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE leases (run TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL,"
    " taken_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE snapshots (run TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (run, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE inbox (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " who TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, reply TEXT NOT NULL) STRICT;"
    "CREATE INDEX inbox_open ON inbox (run, id) WHERE reply = '';"
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " channel INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL,"
    " stage TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " sent_ms INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX outbox_open ON outbox (run, id) WHERE sent_ms = 0;"
    "CREATE TABLE evidence (id INTEGER PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, label TEXT NOT NULL, sha256 TEXT NOT NULL, content TEXT NOT NULL)"
    " STRICT;"
    "CREATE INDEX evidence_run ON evidence (run, id);"
    "CREATE TABLE rehearsals (machine TEXT NOT NULL, at_ms INTEGER NOT NULL, record TEXT NOT NULL,"
    " PRIMARY KEY (machine, at_ms)) STRICT;";

static int pragma_number(struct rbk_store *store, const char *pragma, int64_t *ret_number,
                         struct rbk_error *reterr)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, pragma, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_ROW) {
        int result = rbk_sqlite_failed(store, code, "cannot read the store", reterr);

        sqlite3_finalize(statement);
        return result;
    }
    *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return 0;
}

static int create(struct rbk_store *store, struct rbk_error *reterr)
{
    char pragmas[128];
    int code = sqlite3_exec(store->database, schema, NULL, NULL, NULL);

    if (code == SQLITE_OK) {
        sqlite3_snprintf(sizeof(pragmas), pragmas,
                         "PRAGMA application_id = %d; PRAGMA user_version = %d",
                         RBK_SQLITE_APPLICATION_ID, RBK_STORE_SCHEMA_VERSION);
        code = sqlite3_exec(store->database, pragmas, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        return rbk_sqlite_failed(store, code, "cannot create the store", reterr);
    }
    return 0;
}

int rbk_sqlite_prepare_schema(struct rbk_store *store, struct rbk_error *reterr)
{
    int64_t application = 0, version = 0, tables = 0;
    int error;

    if ((error = pragma_number(store, "PRAGMA application_id", &application, reterr)) != 0 ||
        (error = pragma_number(store, "PRAGMA user_version", &version, reterr)) != 0 ||
        (error = pragma_number(store, "SELECT count(*) FROM sqlite_schema", &tables, reterr)) !=
            0) {
        return error;
    }

    if (application == RBK_SQLITE_APPLICATION_ID && version == RBK_STORE_SCHEMA_VERSION) {
        return 0;
    }
    if (application == RBK_SQLITE_APPLICATION_ID) {
        return rbk_error_set(
            reterr, RBK_EVERSION,
            "the store \"%s\" has version %lld, this program reads version %d; use "
            "the rbk that wrote it, or another --store",
            store->path, (long long)version, RBK_STORE_SCHEMA_VERSION);
    }
    if (tables != 0) {
        return rbk_error_set(reterr, RBK_ECORRUPT,
                             "\"%s\" is a database, but not a store of rbk; give another --store",
                             store->path);
    }
    if (store->role != RBK_STORE_RUNNER) {
        return rbk_error_set(reterr, RBK_ENOTFOUND, "there are no runs in \"%s\"", store->path);
    }

    /* Two runners may create it at once: look again under the write lock. */
    if ((error = rbk_store_begin(store, reterr)) != 0) {
        return error;
    }
    if ((error = pragma_number(store, "SELECT count(*) FROM sqlite_schema", &tables, reterr)) ==
            0 &&
        tables == 0) {
        error = create(store, reterr);
    }
    if (error != 0) {
        rbk_store_rollback(store);
        return error;
    }
    return rbk_store_commit(store, reterr);
}
