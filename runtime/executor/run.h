#ifndef RBK_RUNTIME_EXECUTOR_RUN_H
#define RBK_RUNTIME_EXECUTOR_RUN_H

/*
 * A run: one machine carried out on one libuv loop, with its journal in a store. Everything that
 * happens goes one way: driver -> record -> step() -> journal -> actions -> driver.
 *
 * Whoever shows a run (people/) gives an observer; the observer sees the state only after it is in
 * the journal, and never changes it.
 */

#include <uv.h>

#include "runtime/core/check.h"
#include "runtime/core/gauge.h"
#include "runtime/core/step.h"
#include "runtime/core/watch.h"
#include "runtime/executor/record.h"
#include "runtime/store/store.h"

struct rbk_run;

/* What a person gave for a parameter: `--set name=value` or a key of a --params file. */
struct rbk_run_setting {
    struct rbk_str name;
    struct rbk_str text; /* read as the parameter's type; a list as a JSON array of texts */
    const char *origin;  /* "--set", or the params file's path, for messages */
};

/* Called on the loop; the run's accessors below may be used in them. Any may be NULL. */
struct rbk_observer {
    void *context;
    /* A record is in the journal and the state has changed. `before` is the state before it. */
    void (*on_record)(void *context, struct rbk_run *run, int64_t seq,
                      const struct rbk_record *record, const struct rbk_state *before,
                      const struct rbk_actions *actions);
    /* Something worth a line that is not in the journal: a message was sent, a source is down. */
    void (*on_notice)(void *context, struct rbk_run *run, const char *text);
};

struct rbk_run_options {
    const char *store_path;
    const char *user; /* operating system user */
    const char *url;  /* base of links to the run, kept with it when it is created; NULL: none */
    bool no_wait;     /* end (exit 30 or 20) as soon as only a person or time goes on */
    struct rbk_observer observer;
};

/* ---- life -------------------------------------------------------------------------------------
 */

/*
 * Create a run: parameters are read and checked, secrets are loaded, the machine and the run are
 * stored, the lease is taken. Nothing has happened yet; rbk_run_drive starts it.
 * @machine, @machine_text  Borrowed for the life of the run.
 * @directory   Where commands run and relative files are: the plan's folder (absolute).
 * @unrehearsed Reason of --unrehearsed, or NULL.
 * @return 0; -RBK_EUSAGE (a parameter is missing, wrong, unknown: place names it),
 * -RBK_EUNSUPPORTED (something the plan uses is not carried out), -RBK_EREFUSED (no fresh
 * rehearsal), or a store's error.
 */
RBK_MUST_USE int rbk_run_create(const struct rbk_run_options *options,
                                const struct rbk_machine *machine, struct rbk_str machine_text,
                                const char *directory, const struct rbk_run_setting *settings,
                                size_t setting_count, const char *unrehearsed,
                                struct rbk_run **ret_run, struct rbk_error *reterr);

/* Open an unfinished run again: lease, machine and journal from the store, state rebuilt. */
RBK_MUST_USE int rbk_run_reopen(const struct rbk_run_options *options, const char *id,
                                struct rbk_run **ret_run, struct rbk_error *reterr);

/*
 * Run the loop until the run has ended, or stops here (interrupted and paused, no_wait, store
 * failed).
 * @return The exit status of 3-runtime.md: 0, 10, 20, 30, 40; 1 with reterr set when the store
 * failed.
 */
int rbk_run_drive(struct rbk_run *run, struct rbk_error *reterr);

/* Ask for a pause after the current step (Ctrl-C); asked again, the runner stops at once, leaving
 * commands to their supervisor. Call on the loop only. */
void rbk_run_interrupt(struct rbk_run *run);
/* How often that was asked since the run went on last: after a `continue` it begins anew. */
unsigned rbk_run_interrupts(const struct rbk_run *run);

void rbk_run_free(struct rbk_run *run);

/* ---- what an observer may look at -------------------------------------------------------------
 */

uv_loop_t *rbk_run_loop(struct rbk_run *run);
const char *rbk_run_id(const struct rbk_run *run);
const struct rbk_machine *rbk_run_machine(const struct rbk_run *run);
const struct rbk_state *rbk_run_state(const struct rbk_run *run);
const struct rbk_settings *rbk_run_settings(const struct rbk_run *run);
/* A scope that evaluates templates without secrets, for labels and questions. */
const struct rbk_scope *rbk_run_scope(struct rbk_run *run);
/* The `check`, `require` or `wait until` under way in a region, borrowed until the loop goes on;
 * its times are those of the loop. NULL: there is none. */
const struct rbk_check *rbk_run_check(const struct rbk_run *run, uint32_t region);
/* How far the `wait until … progress EXPR` under way in a region is. @return false when that is not
 * known, or there is none. */
bool rbk_run_progress(const struct rbk_run *run, uint32_t region, double *ret_share);
/* How a trigger stands before its `for` is over, redacted. */
struct rbk_trigger_seen {
    bool holds;                  /* the condition holds at the moment */
    uint64_t held_ms;            /* … and has for so long */
    uint32_t true_readings;      /* … in so many readings, counted to `for N readings` */
    struct rbk_gauge_text gauge; /* how near it is, where it is a comparison */
};
void rbk_run_trigger_seen(struct rbk_run *run, uint32_t trigger, struct rbk_trigger_seen *ret_seen);
/* Why it paused, was held, turned or got stuck, for a person; borrowed until the next record. */
struct rbk_str rbk_run_reason(const struct rbk_run *run);
/*
 * Messages that could not be sent so far.
 * @reason  Why, of the first that was tried; `bytes` of room. Set unless 0 is returned.
 * @return  How many wait, counted up to RBK_RUN_UNSENT_MAX; 0 when none of them failed, or the
 * store does not answer.
 */
#define RBK_RUN_UNSENT_MAX 100u
uint32_t rbk_run_unsent(struct rbk_run *run, char *reason, size_t bytes);
/* How many messages were refused and are set aside; 0 also when the store does not answer. */
uint32_t rbk_run_set_aside(struct rbk_run *run);
/* Wall clock as the run sees it. */
uint64_t rbk_run_now_ms(const struct rbk_run *run);

#endif
