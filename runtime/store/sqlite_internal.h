#ifndef RBK_RUNTIME_STORE_SQLITE_INTERNAL_H
#define RBK_RUNTIME_STORE_SQLITE_INTERNAL_H

/* What the files of the SQLite engine share; nobody else includes this. */

#include <sqlite3.h>
#include <sys/types.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/hash.h"
#include "runtime/store/store.h"

/* Every statement, prepared on first use and kept: X(constant, text). */
#define RBK_SQLITE_STATEMENTS(X)                                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(PUT_MACHINE, "INSERT OR IGNORE INTO machines (hash, text) VALUES (?1, ?2)")                  \
    X(GET_MACHINE, "SELECT text FROM machines WHERE hash = ?1")                                    \
    X(CREATE_RUN, "INSERT INTO runs (id, machine, plan, title, user, host, directory, params, "    \
                  "unrehearsed, status, started_ms, url) VALUES "                                  \
                  "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)")                                      \
    X(GET_RUN, "SELECT id, machine, plan, title, user, host, directory, params, unrehearsed, "     \
               "status, started_ms, ended_ms, events, url FROM runs WHERE id = ?1")                \
    X(EACH_RUN, "SELECT id, machine, plan, title, user, host, directory, params, unrehearsed, "    \
                "status, started_ms, ended_ms, coalesce((SELECT max(id) & 4294967295 FROM "        \
                "events WHERE id BETWEEN runs.number << 32 AND (runs.number << 32) + "             \
                "4294967295), 0), url FROM runs WHERE ?1 = 0 OR "                                  \
                "ended_ms = 0 ORDER BY started_ms DESC, id DESC")                                  \
    X(SET_STATUS, "UPDATE runs SET status = ?2, ended_ms = ?3, events = ?4 WHERE id = ?1")         \
    X(TAKE_EPOCH, "INSERT INTO leases (run, epoch, holder, taken_ms) VALUES (?1, 1, ?2, ?3) "      \
                  "ON CONFLICT (run) DO UPDATE SET epoch = epoch + 1, holder = ?2, taken_ms = ?3") \
    X(GET_EPOCH, "SELECT epoch, holder FROM leases WHERE run = ?1")                                \
    X(APPEND, "INSERT INTO events (id, run, seq, at_ms, kind, body, hash) "                        \
              "SELECT (SELECT number << 32 FROM runs WHERE id = ?1) + ?2, ?1, ?2, ?3, ?4, ?5, ?6 " \
              "FROM leases WHERE run = ?1 AND epoch = ?7")                                         \
    X(EACH_EVENT, "SELECT seq, at_ms, kind, body, hash FROM events WHERE id BETWEEN "              \
                  "(SELECT number << 32 FROM runs WHERE id = ?1) + ?2 AND "                        \
                  "(SELECT number << 32 FROM runs WHERE id = ?1) + 4294967295 ORDER BY id")        \
    X(EVENT_HASH, "SELECT hash FROM events WHERE id = "                                            \
                  "(SELECT number << 32 FROM runs WHERE id = ?1) + ?2")                            \
    X(PUT_SNAPSHOT,                                                                                \
      "INSERT OR REPLACE INTO snapshots (run, seq, hash, body) VALUES (?1,?2,?3,?4)")              \
    X(DROP_SNAPSHOTS, "DELETE FROM snapshots WHERE run = ?1 AND seq NOT IN (SELECT seq FROM "      \
                      "snapshots WHERE run = ?1 ORDER BY seq DESC LIMIT 2)")                       \
    X(EACH_SNAPSHOT, "SELECT seq, hash, body FROM snapshots WHERE run = ?1 ORDER BY seq DESC")     \
    X(ASK, "INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?1,?2,?3,?4,?5,'')")    \
    X(EACH_REQUEST, "SELECT id, at_ms, who, kind, body, reply FROM inbox WHERE run = ?1 AND "      \
                    "reply = '' ORDER BY id")                                                      \
    X(EACH_ASKED, "SELECT id, at_ms, who, kind, body, reply FROM inbox WHERE run = ?1 "            \
                  "ORDER BY id")                                                                   \
    X(REPLY, "UPDATE inbox SET reply = ?2 WHERE id = ?1")                                          \
    X(GET_REPLY, "SELECT reply FROM inbox WHERE id = ?1")                                          \
    X(PUT_MESSAGE, "INSERT OR IGNORE INTO outbox (run, at_ms, channel, key, text, stage, "         \
                   "about) VALUES (?1,?2,?3,?4,?5,?6,?7)")                                         \
    X(EACH_MESSAGE, "SELECT id, at_ms, channel, key, text, stage, about, attempts, sent_ms, "      \
                    "next_ms, reason, aside_ms FROM outbox WHERE run = ?1 ORDER BY id")            \
    X(UNSENT, "SELECT id, at_ms, channel, key, text, stage, about, attempts, sent_ms, next_ms, "   \
              "reason, aside_ms FROM outbox WHERE run = ?1 AND channel = ?2 AND sent_ms = 0 AND "  \
              "aside_ms = 0 AND id > ?3 ORDER BY id LIMIT ?4")                                     \
    X(MESSAGE_DONE, "UPDATE outbox SET sent_ms = ?2, next_ms = ?3, reason = ?4, kept = ?5, "       \
                    "attempts = attempts + 1 WHERE id = ?1")                                       \
    X(SET_ASIDE, "UPDATE outbox SET aside_ms = ?2, next_ms = 0, reason = ?3, kept = ?4, "          \
                 "attempts = attempts + 1 WHERE id = ?1")                                          \
    X(RESEND, "UPDATE outbox SET aside_ms = 0, next_ms = 0, attempts = 0 WHERE run = ?1 AND "      \
              "sent_ms = 0 AND aside_ms <> 0 AND (?2 = 0 OR id = ?2)")                             \
    X(GET_KEPT, "SELECT kept FROM outbox WHERE run = ?1 AND channel = ?2 AND kept <> '' "          \
                "ORDER BY id DESC LIMIT 1")                                                        \
    X(PUT_EVIDENCE, "INSERT INTO evidence (run, seq, at_ms, label, sha256, content) "              \
                    "VALUES (?1,?2,?3,?4,?5,?6)")                                                  \
    X(EACH_EVIDENCE, "SELECT seq, at_ms, label, sha256, content, id FROM evidence WHERE run = ?1 " \
                     "ORDER BY id")                                                                \
    X(EACH_EVIDENCE_HEAD, "SELECT seq, at_ms, label, sha256, id FROM evidence WHERE run = ?1 "     \
                          "ORDER BY id")                                                           \
    X(GET_EVIDENCE, "SELECT seq, at_ms, label, sha256, content, id FROM evidence WHERE run = ?1 "  \
                    "AND id = ?2")                                                                 \
    X(GET_REQUEST, "SELECT id, at_ms, who, kind, body, reply FROM inbox WHERE run = ?1 AND "       \
                   "id = ?2")                                                                      \
    X(COUNT_UNSENT, "SELECT count(*), coalesce(sum(aside_ms <> 0), 0) FROM outbox WHERE run = ?1 " \
                    "AND sent_ms = 0")                                                             \
    X(DATA_VERSION, "PRAGMA data_version")                                                         \
    X(PUT_TOKEN, "INSERT OR IGNORE INTO tokens (id, sha256, person, roles, scope, created_by, "    \
                 "created_ms, expires_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")                       \
    X(GET_TOKEN, "SELECT id, sha256, person, roles, scope, created_by, created_ms, expires_ms, "   \
                 "revoked_ms, used_ms FROM tokens WHERE id = ?1")                                  \
    X(EACH_TOKEN, "SELECT id, sha256, person, roles, scope, created_by, created_ms, expires_ms, "  \
                  "revoked_ms, used_ms FROM tokens ORDER BY created_ms, id")                       \
    X(REVOKE_TOKEN, "UPDATE tokens SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0")          \
    X(TOUCH_TOKEN, "UPDATE tokens SET used_ms = ?2 WHERE id = ?1 AND used_ms < ?2")                \
    X(LAST_REHEARSAL, "SELECT coalesce(max(at_ms), 0) FROM rehearsals WHERE machine = ?1")

enum rbk_sqlite_statement {
#define X(constant, text) RBK_SQLITE_##constant,
    RBK_SQLITE_STATEMENTS(X)
#undef X
        RBK_SQLITE_STATEMENT_COUNT
};

/* What a name meant when it was looked at first; inode 0: it was not yet. */
struct rbk_sqlite_place {
    dev_t device;
    ino_t inode;
};

struct rbk_store {
    sqlite3 *database; /* owned */
    char *path;        /* owned, absolute */
    char *directory;   /* owned: of path */
    enum rbk_store_role role;
    int patience_ms; /* how long another process is waited for; 0: not at all */
    int write_lock;  /* descriptor of PATH-lock: one writer or checkpointer at a time */
    int lease_lock;  /* descriptor of the run's lock file; -1: no lease */
    bool in_transaction;
    bool failed; /* a write failed: nothing more is written */
    struct rbk_sqlite_place file_place, log_place;
    uint64_t wal_pages;    /* pages in the write-ahead log after the last commit */
    int64_t wal_bytes;     /* at least so long is its file; INT64_MAX: leave it as it is */
    struct rbk_sha256 sha; /* for one event after the other */
    sqlite3_stmt *statements[RBK_SQLITE_STATEMENT_COUNT]; /* owned, prepared on first use */
};

/* Fill reterr from the database's last error, remember a failed write, and return the code. */
int rbk_sqlite_failed(struct rbk_store *store, int code, const char *what,
                      struct rbk_error *reterr);
/* The prepared statement, reset and unbound; NULL with reterr set. */
sqlite3_stmt *rbk_sqlite_statement(struct rbk_store *store, enum rbk_sqlite_statement which,
                                   struct rbk_error *reterr);
void rbk_sqlite_bind(sqlite3_stmt *statement, int column, struct rbk_str text);
struct rbk_str rbk_sqlite_text(sqlite3_stmt *statement, int column);
/* Copy texts of a row into an arena, in place. -RBK_ELIMIT when there is no room: others can make
 * rows as large as they like. The statement is reset. */
int rbk_sqlite_keep(struct rbk_store *store, sqlite3_stmt *statement, struct rbk_arena *arena,
                    struct rbk_str *const *texts, size_t count, struct rbk_error *reterr);
/* Like rbk_sqlite_statement(), for one that writes: NULL outside a transaction, and after a write
 * has failed. */
sqlite3_stmt *rbk_sqlite_writer(struct rbk_store *store, enum rbk_sqlite_statement which,
                                struct rbk_error *reterr);
/* Go to the next row of a statement. False, with the statement reset, at the end; when *error is
 * set already, which is how the caller stops; and when reading fails, with *error and reterr set. A
 * caller that leaves before that resets it. */
bool rbk_sqlite_next(struct rbk_store *store, sqlite3_stmt *statement, const char *what, int *error,
                     struct rbk_error *reterr);
/* Run a statement that gives no rows; resets it. */
int rbk_sqlite_run(struct rbk_store *store, sqlite3_stmt *statement, const char *what,
                   struct rbk_error *reterr);
/* Inside a transaction, as every writer must be: -RBK_ESTORE otherwise. */
int rbk_sqlite_writable(struct rbk_store *store, struct rbk_error *reterr);

/**
 * Whether the file and its log are still those that were opened; before every transaction.
 * @return 0, or -RBK_ESTORE, and the store has failed.
 */
RBK_MUST_USE int rbk_sqlite_check_place(struct rbk_store *store, struct rbk_error *reterr);

/* Make the log longer before commits have to, for a runner, inside a transaction: SQLite's write
 * lock keeps others from doing so at the same time. Fails silently: the commits do without. */
void rbk_sqlite_write_ahead(struct rbk_store *store);
/* Make the file of a store that is not there, in its folder, for its owner alone, whatever the
 * umask: who can write it can answer in any name. SQLite gives its log the same mode. What is there
 * already keeps the mode it was given. Fails silently: SQLite meets what is in the way, too. */
void rbk_sqlite_make_new(const char *path, const char *folder);
/* The bytes of a new store's file, made when rbk was built; none in the program that makes them. */
struct rbk_str rbk_sqlite_empty_store(void);
/* Create or check the tables. */
int rbk_sqlite_prepare_schema(struct rbk_store *store, struct rbk_error *reterr);
/* Milliseconds since 1970, for rows written by clients. */
int64_t rbk_sqlite_now_ms(void);

#endif
