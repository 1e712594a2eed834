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

#define RBK_STORE_SCHEMA_VERSION 3
#define RBK_RUN_ID_BYTES 32 /* room for a run id and its NUL */

/* Who opens it. A runner may checkpoint; others never do. A keeper (`rbk serve`, `rbk token`) lives
 * beside the runs: like a runner it creates what is not there and brings an older store up to date.
 */
enum rbk_store_role { RBK_STORE_RUNNER, RBK_STORE_KEEPER, RBK_STORE_CLIENT, RBK_STORE_READER };

/*
 * Open (and, as a runner or keeper, create, or bring up to date) a store.
 * @path  A file; its directory is created with mode 0700 for a runner.
 * @return 0; -RBK_ENOTFOUND (client: no such store), -RBK_EVERSION (another version's; or an older
 * one, which a runner or keeper would bring up to date),
 * -RBK_ECORRUPT, -RBK_EDENIED, -RBK_EFULL, -RBK_EBUSY, -RBK_ESTORE.
 */
RBK_MUST_USE int rbk_store_open(const char *path, enum rbk_store_role role,
                                struct rbk_store **ret_store, struct rbk_error *reterr);
/*
 * The same for who must not be held up: neither this call nor anything that is done with the store
 * later waits for other processes. What one of them holds gives -RBK_EBUSY at once; nothing has
 * failed then, and the same may be tried again.
 */
RBK_MUST_USE int rbk_store_open_hasty(const char *path, enum rbk_store_role role,
                                      struct rbk_store **ret_store, struct rbk_error *reterr);
/* From here on as if it had been opened so. */
void rbk_store_hurry(struct rbk_store *store);
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

/* Begin a write transaction. Waits a bounded time for other writers, or not at all when the store
 * is hasty: -RBK_EBUSY. */
RBK_MUST_USE int rbk_store_begin(struct rbk_store *store, struct rbk_error *reterr);
/* Make it durable. On an error nothing of it is. */
RBK_MUST_USE int rbk_store_commit(struct rbk_store *store, struct rbk_error *reterr);
void rbk_store_rollback(struct rbk_store *store);
/* Move the write-ahead log into the file when it has grown; a runner calls it when idle. */
void rbk_store_checkpoint(struct rbk_store *store);
/* A number that changes when another connection has committed something, at the cost of one read;
 * 0 when it cannot be told. */
int64_t rbk_store_changes(struct rbk_store *store);

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
    struct rbk_str url;         /* base of links to it; empty: none */
    struct rbk_str status;      /* word of enum rbk_status */
    int64_t started_ms;
    int64_t ended_ms; /* 0: not yet */
    int64_t events;   /* journal length as of the last status change; from rbk_store_each_run(): as
                         it is now */
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
/* Append who took it last, "process 24137 on host1"; nothing when nobody ever did. */
RBK_MUST_USE int rbk_store_lease_holder(struct rbk_store *store, const char *run,
                                        struct rbk_buffer *out, struct rbk_error *reterr);

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
/* The same inside a transaction, which makes several of them durable together; ring afterwards. */
RBK_MUST_USE int rbk_store_put_request(struct rbk_store *store, const char *run,
                                       const struct rbk_store_request *request, int64_t *ret_id,
                                       struct rbk_error *reterr);
/* Wake the runner of a run, so that it looks into its inbox at once. */
void rbk_store_ring(struct rbk_store *store, const char *run);
/* One request of a run. 0 or -RBK_ENOTFOUND. */
RBK_MUST_USE int rbk_store_get_request(struct rbk_store *store, const char *run, int64_t id,
                                       struct rbk_arena *arena,
                                       struct rbk_store_request *ret_request,
                                       struct rbk_error *reterr);
/* All requests with their replies, oldest first. A callback that returns non-zero ends the walk. */
RBK_MUST_USE int rbk_store_each_asked(struct rbk_store *store, const char *run,
                                      int (*each)(void *context,
                                                  const struct rbk_store_request *request),
                                      void *context, struct rbk_error *reterr);
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
    int64_t id; /* grows: the order in which a run's messages were written */
    int64_t at_ms;
    uint32_t channel;    /* row of machine->channels; UINT32_MAX: only the terminal and the log */
    struct rbk_str key;  /* dedupe key, unique in the store */
    struct rbk_str text; /* already redacted */
    struct rbk_str stage;
    struct rbk_str about; /* what the run was then, redacted: JSON, runtime/executor/about.h */
    /* what has become of it; not read by rbk_store_put_message() */
    int64_t attempts;
    int64_t sent_ms;       /* 0: not yet */
    int64_t next_ms;       /* when it is tried again; 0: as soon as its channel is free */
    int64_t aside_ms;      /* since when it is set aside, refused for good; 0: it is not */
    struct rbk_str reason; /* why the last attempt failed; may be empty */
};

/* Inside a transaction; the same key twice is stored once. */
RBK_MUST_USE int rbk_store_put_message(struct rbk_store *store, const char *run,
                                       const struct rbk_store_message *message,
                                       struct rbk_error *reterr);
/* All of a run, oldest first, sent or not. A callback that returns non-zero ends the walk. */
RBK_MUST_USE int rbk_store_each_message(struct rbk_store *store, const char *run,
                                        int (*each)(void *context,
                                                    const struct rbk_store_message *message),
                                        void *context, struct rbk_error *reterr);
/* Those of a run and channel that are to be sent (neither sent nor set aside), oldest first, from
 * the one behind `after_id` on, `count_max` at most. */
RBK_MUST_USE int rbk_store_unsent(struct rbk_store *store, const char *run, uint32_t channel,
                                  int64_t after_id, uint32_t count_max,
                                  int (*each)(void *context,
                                              const struct rbk_store_message *message),
                                  void *context, struct rbk_error *reterr);
/* Inside a transaction: an attempt is over. `next_ms` 0: it is sent; else it failed for `reason`
 * and is tried again then. `kept`: what its channel keeps for later messages; may be empty. */
RBK_MUST_USE int rbk_store_message_done(struct rbk_store *store, int64_t id, int64_t next_ms,
                                        const char *reason, const char *kept,
                                        struct rbk_error *reterr);
/* What a channel of a run kept last; empty: nothing yet. */
RBK_MUST_USE int rbk_store_get_kept(struct rbk_store *store, const char *run, uint32_t channel,
                                    struct rbk_arena *arena, struct rbk_str *ret_kept,
                                    struct rbk_error *reterr);

/* Inside a transaction: the last attempt is over, and the message is set aside for `reason`. `kept`
 * as above. */
RBK_MUST_USE int rbk_store_set_aside(struct rbk_store *store, int64_t id, const char *reason,
                                     const char *kept, struct rbk_error *reterr);
/* Inside a transaction: a message that was set aside is to be sent again, as if it had never been
 * tried; `id` 0: all of the run. @ret_count  How many. */
RBK_MUST_USE int rbk_store_resend(struct rbk_store *store, const char *run, int64_t id,
                                  int64_t *ret_count, struct rbk_error *reterr);

/* How many of a run's messages are still to be sent, and how many are set aside. */
RBK_MUST_USE int rbk_store_count_unsent(struct rbk_store *store, const char *run,
                                        int64_t *ret_count, int64_t *ret_aside,
                                        struct rbk_error *reterr);

/* ---- evidence ---------------------------------------------------------------------------------
 */

struct rbk_store_evidence {
    int64_t id;  /* names it in the store; only read */
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
/* The same without what is large: content.data is NULL, content.bytes what there is of it. */
RBK_MUST_USE int rbk_store_each_evidence_head(
    struct rbk_store *store, const char *run,
    int (*each)(void *context, const struct rbk_store_evidence *evidence), void *context,
    struct rbk_error *reterr);
/* One piece of a run's evidence. 0 or -RBK_ENOTFOUND. */
RBK_MUST_USE int rbk_store_get_evidence(struct rbk_store *store, const char *run, int64_t id,
                                        struct rbk_arena *arena,
                                        struct rbk_store_evidence *ret_evidence,
                                        struct rbk_error *reterr);

/* ---- tokens -----------------------------------------------------------------------------------
 */

/* What `rbk serve` knows a person by. The secret itself is in no store: only its SHA-256, which is
 * enough for 256 random bits (there is nothing to guess, so nothing has to make guessing slow). */
struct rbk_store_token {
    struct rbk_str id;     /* in the token's own text, and in the clear */
    struct rbk_str sha256; /* hex, of the whole text */
    struct rbk_str person; /* who acts when it is shown */
    struct rbk_str roles;  /* JSON array of names: it answers for these roles only; []: for all that
                              the person has */
    struct rbk_str scope;  /* "all", "read", "alerts" */
    struct rbk_str created_by;
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t revoked_ms; /* 0: it has not been */
    int64_t used_ms;    /* about when it was last shown; 0: never */
};

/* Inside a transaction. -RBK_EEXISTS when the id is taken. */
RBK_MUST_USE int rbk_store_put_token(struct rbk_store *store, const struct rbk_store_token *token,
                                     struct rbk_error *reterr);
/* 0 or -RBK_ENOTFOUND; whether it has expired or was revoked is for the caller to see. */
RBK_MUST_USE int rbk_store_get_token(struct rbk_store *store, struct rbk_str id,
                                     struct rbk_arena *arena, struct rbk_store_token *ret_token,
                                     struct rbk_error *reterr);
/* Oldest first. A callback that returns non-zero ends the walk. */
RBK_MUST_USE int rbk_store_each_token(struct rbk_store *store,
                                      int (*each)(void *context,
                                                  const struct rbk_store_token *token),
                                      void *context, struct rbk_error *reterr);
/* Inside a transaction. -RBK_ENOTFOUND; -RBK_ESTATE when it has been revoked before. */
RBK_MUST_USE int rbk_store_revoke_token(struct rbk_store *store, struct rbk_str id, int64_t at_ms,
                                        struct rbk_error *reterr);
/* Inside a transaction: it was shown then. */
RBK_MUST_USE int rbk_store_touch_token(struct rbk_store *store, struct rbk_str id, int64_t at_ms,
                                       struct rbk_error *reterr);

/* ---- rehearsals -------------------------------------------------------------------------------
 */

/* When this machine was last rehearsed, or 0. */
RBK_MUST_USE int rbk_store_last_rehearsal(struct rbk_store *store, const char *machine,
                                          int64_t *ret_at_ms, struct rbk_error *reterr);

#endif
