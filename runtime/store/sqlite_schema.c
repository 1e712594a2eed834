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

/* What makes each version of the one before: version 1 of nothing, version 2 of version 1, …. A new
 * store goes through all of them, so it has the tables that an old one brought up to date has. What
 * is below the last version never changes; new columns come by ALTER TABLE. */
static const char *const versions[RBK_STORE_SCHEMA_VERSION] = {
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
    " PRIMARY KEY (machine, at_ms)) STRICT;",

    /* 2: who may speak to `rbk serve`; links to a run; what a message is about and when it is
     * tried again. */
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, person TEXT NOT NULL,"
    " roles TEXT NOT NULL, scope TEXT NOT NULL, created_by TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL DEFAULT 0,"
    " revoked_ms INTEGER NOT NULL DEFAULT 0, used_ms INTEGER NOT NULL DEFAULT 0) STRICT;"
    "ALTER TABLE runs ADD COLUMN url TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE outbox ADD COLUMN about TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE outbox ADD COLUMN next_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN kept TEXT NOT NULL DEFAULT '';"
    "DROP INDEX outbox_open;"
    "CREATE INDEX outbox_run ON outbox (run, id);"
    "CREATE INDEX outbox_open ON outbox (run, channel, id) WHERE sent_ms = 0;",

    /* 3: messages that were refused for good stand aside. */
    "ALTER TABLE outbox ADD COLUMN aside_ms INTEGER NOT NULL DEFAULT 0;",
};

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

/* From a version to the present one, inside a transaction: all of it or nothing. */
static int bring_up(struct rbk_store *store, int64_t from, struct rbk_error *reterr)
{
    char pragmas[128];
    int code = SQLITE_OK;

    for (int64_t i = from; i < RBK_STORE_SCHEMA_VERSION && code == SQLITE_OK; i++) {
        code = sqlite3_exec(store->database, versions[i], NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        sqlite3_snprintf(sizeof(pragmas), pragmas,
                         "PRAGMA application_id = %d; PRAGMA user_version = %d",
                         RBK_SQLITE_APPLICATION_ID, RBK_STORE_SCHEMA_VERSION);
        code = sqlite3_exec(store->database, pragmas, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        return rbk_sqlite_failed(
            store, code, from == 0 ? "cannot create the store" : "cannot bring up to date", reterr);
    }
    return 0;
}

/* Which version the file has; 0: it is empty. Others' databases are refused. */
static int read_version(struct rbk_store *store, int64_t *ret_version, struct rbk_error *reterr)
{
    int64_t application = 0, version = 0, tables = 0;
    int error;

    if ((error = pragma_number(store, "PRAGMA application_id", &application, reterr)) != 0 ||
        (error = pragma_number(store, "PRAGMA user_version", &version, reterr)) != 0 ||
        (error = pragma_number(store, "SELECT count(*) FROM sqlite_schema", &tables, reterr)) !=
            0) {
        return error;
    }
    if (application == RBK_SQLITE_APPLICATION_ID) {
        if (version < 1 || version > RBK_STORE_SCHEMA_VERSION) {
            return rbk_error_set(
                reterr, RBK_EVERSION,
                "the store \"%s\" has version %lld, this program reads version %d; use "
                "the rbk that wrote it, or another --store",
                store->path, (long long)version, RBK_STORE_SCHEMA_VERSION);
        }
        *ret_version = version;
        return 0;
    }
    if (tables != 0) {
        return rbk_error_set(reterr, RBK_ECORRUPT,
                             "\"%s\" is a database, but not a store of rbk; give another --store",
                             store->path);
    }
    *ret_version = 0;
    return 0;
}

int rbk_sqlite_prepare_schema(struct rbk_store *store, struct rbk_error *reterr)
{
    int64_t version = 0;
    int error;

    if ((error = read_version(store, &version, reterr)) != 0 ||
        version == RBK_STORE_SCHEMA_VERSION) {
        return error;
    }
    if (store->role != RBK_STORE_RUNNER && store->role != RBK_STORE_KEEPER) {
        if (version == 0) {
            return rbk_error_set(reterr, RBK_ENOTFOUND, "there are no runs in \"%s\"", store->path);
        }
        return rbk_error_set(reterr, RBK_EVERSION,
                             "the store \"%s\" has version %lld, this program works with version "
                             "%d; `rbk token list` brings it up to date, as do run, resume and "
                             "serve, after which an older rbk cannot open it any more",
                             store->path, (long long)version, RBK_STORE_SCHEMA_VERSION);
    }

    /* Two may do it at once: look again under the write lock. */
    if ((error = rbk_store_begin(store, reterr)) != 0) {
        return error;
    }
    if ((error = read_version(store, &version, reterr)) == 0 &&
        version != RBK_STORE_SCHEMA_VERSION) {
        error = bring_up(store, version, reterr);
    }
    if (error != 0) {
        rbk_store_rollback(store);
        return error;
    }
    return rbk_store_commit(store, reterr);
}
