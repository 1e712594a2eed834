#ifndef RBK_RUNTIME_STORE_STORE_H
#define RBK_RUNTIME_STORE_STORE_H

/*
 * The store: machines, runs, their journals, what people ask for (inbox), what is to be told
 * (outbox) and what is kept as proof (evidence). Everything that passes between people and runners
 * goes through it. One engine is behind this interface now, SQLite (sqlite.c); a second one
 * implements the same functions.
 *
 * Rules:
 * - every function that writes is durable when rbk_store_commit() returned 0, and not before;
 * - after any error of a write, the store refuses further writes (-RBK_ESTORE) until it is
 * reopened: a failed sync is never retried;
 * - text in rows handed to callbacks is borrowed for the callback; rows handed out in an arena live
 * as long as the arena;
 * - all times are milliseconds since 1970 (UTC).
 */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/str.h"

struct rbk_store;

#define RBK_STORE_SCHEMA_VERSION 1
#define RBK_RUN_ID_BYTES 32 /* room for a run id and its NUL */

/* Who opens it. A runner may checkpoint; others never do. */
enum rbk_store_role { RBK_STORE_RUNNER, RBK_STORE_CLIENT, RBK_STORE_READER };

/*
 * Open (and, as a runner, create) a store.
 * @path  A file; its directory is created with mode 0700 for a runner.
 * @return 0; -RBK_ENOTFOUND (client: no such store), -RBK_EVERSION (another version's),
 * -RBK_ECORRUPT, -RBK_EDENIED, -RBK_EFULL, -RBK_EBUSY, -RBK_ESTORE.
 */
RBK_MUST_USE int rbk_store_open(const char *path, enum rbk_store_role role,
                                struct rbk_store **ret_store, struct rbk_error *reterr);
void rbk_store_close(struct rbk_store *store);
/* The path it was opened with, and the directory for a run's files: DIR/runs/RUN beside the store.
 */
const char *rbk_store_path(const struct rbk_store *store);
/* Append the absolute directory of a run's files to `out` (no trailing slash). */
struct rbk_buffer;
void rbk_store_run_directory(const struct rbk_store *store, const char *run,
                             struct rbk_buffer *out);
/* $XDG_STATE_HOME/rbk/store.db, else $HOME/.local/state/rbk/store.db; 0 or -RBK_EUSAGE. */
RBK_MUST_USE int rbk_store_default_path(struct rbk_buffer *out, struct rbk_error *reterr);

/* ---- transactions -----------------------------------------------------------------------------
 */

/* Begin a write transaction (waits a bounded time for other writers: -RBK_EBUSY). */
RBK_MUST_USE int rbk_store_begin(struct rbk_store *store, struct rbk_error *reterr);
/* Make it durable. On an error nothing of it is. */
RBK_MUST_USE int rbk_store_commit(struct rbk_store *store, struct rbk_error *reterr);
void rbk_store_rollback(struct rbk_store *store);
/* Move the write-ahead log into the file when it has grown; a runner calls it when idle. */
void rbk_store_checkpoint(struct rbk_store *store);

/* ---- machines and runs ------------------------------------------------------------------------
 */

/* Inside a transaction; storing the same machine twice is fine. */
RBK_MUST_USE int rbk_store_put_machine(struct rbk_store *store, const char *hash,
                                       struct rbk_str text, struct rbk_error *reterr);
RBK_MUST_USE int rbk_store_get_machine(struct rbk_store *store, const char *hash,
                                       struct rbk_arena *arena, struct rbk_str *ret_text,
                                       struct rbk_error *reterr);

struct rbk_store_run {
    struct rbk_str id;
    struct rbk_str machine; /* hash */
    struct rbk_str plan;    /* its name */
    struct rbk_str title;
    struct rbk_str user; /* who started it */
    struct rbk_str host;
    struct rbk_str directory;   /* plan directory: where commands run */
    struct rbk_str params;      /* canonical JSON: {"name": value as in value.h} */
    struct rbk_str unrehearsed; /* reason; empty: none was needed */
    struct rbk_str status;      /* word of enum rbk_status */
    int64_t started_ms;
    int64_t ended_ms; /* 0: not yet */
    int64_t events;   /* journal length as of the last status change */
};

RBK_MUST_USE int rbk_store_create_run(struct rbk_store *store, const struct rbk_store_run *run,
                                      struct rbk_error *reterr);
RBK_MUST_USE int rbk_store_get_run(struct rbk_store *store, const char *id, struct rbk_arena *arena,
                                   struct rbk_store_run *ret_run, struct rbk_error *reterr);
/* Inside a transaction. */
RBK_MUST_USE int rbk_store_set_run_status(struct rbk_store *store, const char *id,
                                          const char *status, int64_t ended_ms, int64_t events,
                                          struct rbk_error *reterr);
/* Newest first. A callback that returns non-zero ends the walk. */
RBK_MUST_USE int rbk_store_each_run(struct rbk_store *store, bool unfinished_only,
                                    int (*each)(void *context, const struct rbk_store_run *run),
                                    void *context, struct rbk_error *reterr);

/* ---- leases -----------------------------------------------------------------------------------
 */

/*
 * Become the runner of a run: an exclusive lock on its directory plus a new epoch in the store.
 * @return 0; -RBK_EBUSY when another runner lives (reterr names its pid and host).
 */
RBK_MUST_USE int rbk_store_take_lease(struct rbk_store *store, const char *run, uint64_t *ret_epoch,
                                      struct rbk_error *reterr);
void rbk_store_release_lease(struct rbk_store *store);
/* Whether some runner holds the run's lease now. */
bool rbk_store_lease_held(struct rbk_store *store, const char *run);

/* ---- journal ----------------------------------------------------------------------------------
 */

struct rbk_store_event {
    int64_t seq; /* from 1, without gaps */
    int64_t at_ms;
    struct rbk_str kind; /* word of enum rbk_event_kind */
    struct rbk_str body; /* canonical JSON */
    char hash[65];       /* SHA-256 (hex) over previous hash, seq, at_ms, kind, body */
};

/*
 * Append inside a transaction. Fills event->hash from `previous`, the hash before it ("" for the
 * first). Refuses with -RBK_ELEASE when `epoch` is not the run's.
 */
RBK_MUST_USE int rbk_store_append_event(struct rbk_store *store, const char *run, uint64_t epoch,
                                        const char *previous, struct rbk_store_event *event,
                                        struct rbk_error *reterr);
/*
 * Walk the journal from `from_seq` on, checking gaps and the hash chain: -RBK_ECORRUPT names the
 * place. A callback that returns non-zero ends the walk with that value.
 */
RBK_MUST_USE int rbk_store_each_event(struct rbk_store *store, const char *run, int64_t from_seq,
                                      int (*each)(void *context,
                                                  const struct rbk_store_event *event),
                                      void *context, struct rbk_error *reterr);

/* The hash of one event, not checked. 0 or -RBK_ENOTFOUND. */
RBK_MUST_USE int rbk_store_event_hash(struct rbk_store *store, const char *run, int64_t seq,
                                      char ret_hash[65], struct rbk_error *reterr);

/* ---- snapshots --------------------------------------------------------------------------------
 */

/* Inside a transaction. Stored with its SHA-256; of each run the two newest are kept. */
RBK_MUST_USE int rbk_store_put_snapshot(struct rbk_store *store, const char *run, int64_t seq,
                                        struct rbk_str body, struct rbk_error *reterr);
/* Those whose SHA-256 is that of their body, newest first; the others are passed over. A callback
 * that returns non-zero ends the walk with that value. */
RBK_MUST_USE int rbk_store_each_snapshot(struct rbk_store *store, const char *run,
                                         int (*each)(void *context, int64_t seq,
                                                     struct rbk_str body),
                                         void *context, struct rbk_error *reterr);

/* ---- inbox ------------------------------------------------------------------------------------
 */

/* What somebody asks of a run. `reply` is filled by the runner: accepted, or why not. */
struct rbk_store_request {
    int64_t id;
    int64_t at_ms;
    struct rbk_str who;   /* operating system user */
    struct rbk_str kind;  /* command, answer, alert */
    struct rbk_str body;  /* canonical JSON */
    struct rbk_str reply; /* empty: not handled yet; "accepted" or a reason */
};

/* Durable by itself; rings the runner's bell. */
RBK_MUST_USE int rbk_store_ask(struct rbk_store *store, const char *run,
                               const struct rbk_store_request *request, int64_t *ret_id,
                               struct rbk_error *reterr);
/* Requests without a reply, oldest first. */
RBK_MUST_USE int rbk_store_each_request(struct rbk_store *store, const char *run,
                                        int (*each)(void *context,
                                                    const struct rbk_store_request *request),
                                        void *context, struct rbk_error *reterr);
/* Inside a transaction, together with the event it became. */
RBK_MUST_USE int rbk_store_reply(struct rbk_store *store, int64_t id, const char *reply,
                                 struct rbk_error *reterr);
/* The reply to a request; empty while there is none. */
RBK_MUST_USE int rbk_store_get_reply(struct rbk_store *store, int64_t id, struct rbk_arena *arena,
                                     struct rbk_str *ret_reply, struct rbk_error *reterr);

/* ---- outbox -----------------------------------------------------------------------------------
 */

struct rbk_store_message {
    int64_t id;
    int64_t at_ms;
    uint32_t channel;    /* row of machine->channels; UINT32_MAX: only the terminal and the log */
    struct rbk_str key;  /* dedupe key, unique in the store */
    struct rbk_str text; /* already redacted */
    struct rbk_str stage;
    int64_t attempts;
};

/* Inside a transaction; the same key twice is stored once. */
RBK_MUST_USE int rbk_store_put_message(struct rbk_store *store, const char *run,
                                       const struct rbk_store_message *message,
                                       struct rbk_error *reterr);
/* Unsent ones of a run, oldest first. */
RBK_MUST_USE int rbk_store_each_message(struct rbk_store *store, const char *run,
                                        int (*each)(void *context,
                                                    const struct rbk_store_message *message),
                                        void *context, struct rbk_error *reterr);
/* Durable by itself. sent = false counts a failed attempt and keeps the reason. */
RBK_MUST_USE int rbk_store_message_done(struct rbk_store *store, int64_t id, bool sent,
                                        const char *reason, struct rbk_error *reterr);

/* ---- evidence ---------------------------------------------------------------------------------
 */

struct rbk_store_evidence {
    int64_t seq; /* of the event it belongs to */
    int64_t at_ms;
    struct rbk_str label;
    struct rbk_str sha256;  /* hex, of `content` */
    struct rbk_str content; /* redacted, bounded */
};

RBK_MUST_USE int rbk_store_put_evidence(struct rbk_store *store, const char *run,
                                        const struct rbk_store_evidence *evidence,
                                        struct rbk_error *reterr);
RBK_MUST_USE int rbk_store_each_evidence(struct rbk_store *store, const char *run,
                                         int (*each)(void *context,
                                                     const struct rbk_store_evidence *evidence),
                                         void *context, struct rbk_error *reterr);

/* ---- rehearsals -------------------------------------------------------------------------------
 */

/* When this machine was last rehearsed, or 0. */
RBK_MUST_USE int rbk_store_last_rehearsal(struct rbk_store *store, const char *machine,
                                          int64_t *ret_at_ms, struct rbk_error *reterr);

#endif
