#ifndef RBK_RUNTIME_DRIVERS_DRIVER_H
#define RBK_RUNTIME_DRIVERS_DRIVER_H

/*
 * The interface of everything that touches the world. A driver gets a request in which every
 * template has been evaluated already, and answers with exactly one result. It knows neither the
 * store, nor the machine, nor other drivers.
 *
 * Rules for every driver:
 * - start() returns before any callback can run; a request that cannot even be begun is answered
 *   through the callback on a later turn of the loop, not by start()'s return value, which only
 *   reports -RBK_ENOMEM and misuse.
 * - exactly one on_result per started activity, also after cancel(); afterwards the driver frees
 * the activity itself, in its last close callback.
 * - the request is borrowed until start() returns; a driver copies what it needs later.
 * - the driver enforces timeout_ms with its own timer: outcome TIMEOUT once the effect is shown to
 *   be dead, DOUBT when that cannot be shown.
 * - cancel() asks a running effect to stop; the result says how it ended (usually FAIL with
 *   `cancelled` set; OK if it ended well before it could be stopped; DOUBT if it cannot be shown
 * dead).
 */

#include <uv.h>

#include "runtime/core/base/error.h"
#include "runtime/core/machine.h"
#include "runtime/core/step.h"

struct rbk_activity;       /* one request under way; its driver defines and owns it */
struct rbk_driver;         /* one driver, open on one loop */
struct rbk_driver_modules; /* module.h */

/* What is to be done; each driver reads its own part. All memory is the caller's. */
struct rbk_request {
    /* every driver */
    const char *run;     /* run id */
    const char *step;    /* state name, `migrate.apply.1`; a reading: the name of what reads */
    const char *stage;   /* stage name, or the plan's */
    const char *key;     /* idempotency key: the same for all attempts of one step */
    uint32_t serial;     /* unique in the run; 0 for a reading outside the journal (probe, check) */
    uint32_t attempt;    /* from 1 */
    uint64_t timeout_ms; /* never 0 */
    bool reading;        /* only looks: nothing is journalled, nothing is in doubt */
    bool idempotent;
    bool unbounded; /* deliver the whole output in the result (a reading), up to output_bytes_max */
    size_t output_bytes_max; /* of what the result carries; 0: the driver's default (1 MiB) */
    /* what must not be shown: values of secrets used by the request; never logged */
    const struct rbk_str *secrets;
    size_t secret_count;

    /* exec */
    const struct rbk_str *words; /* argv; for a shell: {"/bin/sh", "-c", script} */
    size_t word_count;
    struct rbk_str directory;           /* empty: the plan's directory */
    const struct rbk_pair *environment; /* beside PATH, HOME, LANG, RBK_RUN, RBK_STEP, RBK_KEY */
    size_t environment_count;
    struct rbk_str input; /* stdin; empty: /dev/null */
    bool has_input;
    const int64_t *expect; /* accepted exit or HTTP statuses; none: 0, or 200-299 */
    size_t expect_count;
    const struct rbk_str *cancel_words; /* argv of the `cancel` command, run after the kill */
    size_t cancel_word_count;

    /* sql, redis */
    enum rbk_connection_kind connection_kind;
    const char *connection; /* its name in the plan */
    struct rbk_str address; /* conninfo or URL, path of a SQLite file; may hold secrets */
    struct rbk_str statement;
    const struct rbk_value *binds;
    size_t bind_count;
    bool autocommit;
    bool rows; /* sql.rows: the result's value is the number of rows */

    /* http */
    struct rbk_str method;
    struct rbk_str url;
    const struct rbk_pair *headers;
    size_t header_count;
    struct rbk_str body;
    bool has_body;
    bool status_only; /* http.status: any status is OK, the value is the status */
    /* The status is the whole answer: with one that is expected it is OK, whatever becomes of the
     * body behind it (too large, cut off, without an end), and there is no value. */
    bool status_enough;
};

/* How it ended. The driver's memory, valid during the callback. */
struct rbk_result {
    enum rbk_outcome outcome; /* OK, FAIL, TIMEOUT, MISSING (a reading without a sample), DOUBT */
    bool cancelled;           /* it ended because cancel() was called */
    struct rbk_value value;   /* SCALAR output, INT status, …; missing when there is none */
    struct rbk_str message;   /* one line for a person: "exit status 3", SQLSTATE and text */
    struct rbk_str
        detail;     /* more lines: last lines of stderr, the server's error fields, notices */
    int64_t status; /* exit status, HTTP status; -1: none */
    uint64_t elapsed_ms;
    struct rbk_str output_path; /* exec: file with the whole (bounded) output; empty: none */
    /* http: how long the server asks to be left alone (Retry-After of a 429, a 503 or the like);
     * 0: it does not say. Whatever a server says, so not bounded. */
    uint64_t retry_after_ms;
    bool whole;      /* http: the answer came whole, or as much of it as was wanted */
    bool impossible; /* http: the request itself is wrong, nothing was sent: so it always will be */
};

/* What a driver calls back. `owner` is what was given to start(). */
struct rbk_driver_callbacks {
    void (*on_result)(void *owner, struct rbk_activity *activity, const struct rbk_result *result);
    /*
     * A durable note the driver needs before it may go on (PostgreSQL: the transaction id before
     * COMMIT). The executor journals it and then calls proceed(). Text is small and holds no
     * secret.
     */
    void (*on_note)(void *owner, struct rbk_activity *activity, struct rbk_str note);
    /* The answer to recover(). ATTACHED: the activity goes on and gives on_result later; KNOWN: the
     * result is given here; otherwise the activity is over. */
    void (*on_recovered)(void *owner, struct rbk_activity *activity, enum rbk_recovery recovery,
                         const struct rbk_result *result);
};

/* The operations of a driver: a constant table. */
struct rbk_driver_ops {
    const char *name; /* "exec", "sql_postgres", … */
    RBK_MUST_USE int (*start)(struct rbk_driver *driver, const struct rbk_request *request,
                              void *owner, struct rbk_activity **ret_activity,
                              struct rbk_error *reterr);
    void (*cancel)(struct rbk_activity *activity);
    void (*proceed)(struct rbk_activity *activity);
    /*
     * Find out what became of a request a dead runner had started. `note` is the last journalled
     * note of that serial, or empty. NULL: the driver never knows (recovery UNKNOWN).
     */
    int (*recover)(struct rbk_driver *driver, const struct rbk_request *request,
                   struct rbk_str note, void *owner, struct rbk_activity **ret_activity,
                   struct rbk_error *reterr);
    /* The journal has the result of `serial`: what was kept for a recovery may go. May be NULL. */
    void (*forget)(struct rbk_driver *driver, uint32_t serial);
    /* Close everything idle; on_closed runs on a later turn when nothing is left on the loop.
     * From close() on no other callback runs: owners may be gone. `leave`: leave running commands
     * to their supervisor (the run goes on later). */
    void (*close)(struct rbk_driver *driver, bool leave, void (*on_closed)(void *context),
                  void *context);
};

struct rbk_driver {
    const struct rbk_driver_ops *ops;
};

/* What every driver is opened with. Borrowed for the driver's life. */
struct rbk_driver_setup {
    uv_loop_t *loop;
    struct rbk_driver_callbacks callbacks;
    const char *run;            /* run id */
    const char *run_directory;  /* private directory of the run (0700), exists: outputs, sockets */
    const char *plan_directory; /* where commands run unless they say otherwise */
    const char *supervisor;     /* path of the supervisor program */
    const char *filter_worker;  /* path of the jq worker program */
    const struct rbk_driver_modules *modules; /* of rbk_drivers_load(); for the set of drivers */
};

/* Constructors; one each in exec.h, sql_sqlite.h, redis.h, http/http.h, postgres/postgres.h:
 *     RBK_MUST_USE int rbk_exec_open(const struct rbk_driver_setup *setup,
 *                                    struct rbk_driver **ret_driver, struct rbk_error *reterr);
 */

#endif
