#ifndef RBK_RUNTIME_EXECUTOR_WORK_H
#define RBK_RUNTIME_EXECUTOR_WORK_H

/*
 * One dispatched effect under way. Shared by work.c (life), work_driver.c and work_reading.c (what
 * it does); nobody else includes this.
 *
 *   started ──▶ result (exactly one record) ──▶ finished ──▶ freed when its timers are closed and
 * no driver or reading holds it any more
 */

#include "runtime/core/check.h"
#include "runtime/executor/run_internal.h"

struct rbk_arming;

struct work {
    struct rbk_client client; /* first: drivers call back through it */
    struct rbk_run *run;
    struct work *next;
    uint32_t serial, region, state, attempt;
    const struct rbk_effect *effect;
    bool look;                     /* evaluating `done when`, not the effect */
    bool watching;                 /* again and again: that of a question, while it is open */
    bool recovering;               /* a driver is finding out what happened */
    bool finished;                 /* its result is in the queue: what still comes is dropped */
    bool dropped;                  /* the runner is leaving: no result will be given */
    uint64_t deadline_ms;          /* loop time */
    struct rbk_driver *driver;     /* with activity */
    struct rbk_activity *activity; /* under way in a driver, or NULL */
    struct rbk_reading *reading;   /* under way, or NULL */
    struct rbk_check check;
    uint64_t fed_ms;                      /* loop time when it was last fed, or began */
    struct rbk_reading *progress_reading; /* of `progress EXPR`, under way, or NULL */
    double progress;                      /* as read last, if has_progress */
    bool has_progress;
    struct rbk_arming *arming; /* of the effect that arms, in the arena; else NULL */
    uint32_t condition;        /* what is read */
    uv_timer_t timer;          /* next reading, end of a wait */
    uv_timer_t deadline;       /* timeout of a reading effect */
    unsigned open_handles;
    struct rbk_arena arena;   /* the request, and a stepwise result */
    struct rbk_arena scratch; /* one evaluation that needs no reading; reset before each */
    const char *name, *stage; /* of a reading effect, for its readings; in the arena */
};

/* The result record, with the texts redacted and copied; then the work is over. */
struct work_result {
    enum rbk_outcome outcome;
    const struct rbk_value *value; /* NULL: none */
    struct rbk_str message, detail;
    int64_t status;
    uint64_t elapsed_ms;
    struct rbk_str label, content; /* evidence */
};
void rbk_work_finish(struct work *work, const struct work_result *result);
/* Put a result into the record it becomes: its serial and outcome, redacted copies of its texts,
 * its value if one is kept and the journal can hold it, its evidence. */
void rbk_work_fill(struct work *work, struct queued *queued, const struct work_result *result);
/* The same with an outcome and a line. */
void rbk_work_end(struct work *work, enum rbk_outcome outcome, struct rbk_str message);
/* Free when nothing refers to it any more. */
void rbk_work_release(struct work *work);

/* How long the effect may take from now on: rbk_effect_left_ms(). */
uint64_t rbk_work_time_left_ms(const struct work *work);
/* The stage of the work's region, and the idempotency key of its step. */
struct rbk_str rbk_work_stage(const struct work *work);
const char *rbk_work_key(struct work *work);
/* The first argument of a kind, evaluated without secrets; missing when there is none. */
struct rbk_value rbk_work_argument(struct work *work, enum rbk_arg_kind kind);

void rbk_work_driver_start(struct work *work);
void rbk_work_driver_recover(struct work *work, struct rbk_str note);
/* Read how far a wait is, unless that is being read; work_progress.c. */
void rbk_work_progress(struct work *work);
void rbk_work_progress_stop(struct work *work);
void rbk_work_reading_start(struct work *work);
void rbk_work_reading_cancel(struct work *work);

#endif
