#ifndef RBK_RUNTIME_CORE_CHECK_H
#define RBK_RUNTIME_CORE_CHECK_H

/*
 * The life of one reading effect (let, check, test, require, wait until, capture): how often its
 * condition is read, and when that is decided. Pure: the executor takes the readings, evaluates the
 * condition and feeds the level; the simulator and the tests feed it in virtual time.
 *
 *   let, capture, test, require   one reading decides; `retry N every D` allows N more while the
 *                                 condition is missing (let, capture, test) or not true (require)
 *   check                         true decides at once; a false or missing reading uses up a retry,
 *                                 and without one left fails
 *   wait until                    not yet is not failed: read every `every_ms` until true
 *   check, require, wait until    … `for D`: must stay true for D, read every `every_ms`. Another
 *                                 reading begins the span anew; but a check's or require's fails
 *                                 where no `timeout` is written and no retry is left
 *
 * The effect's timeout covers all of it and is the executor's deadline: outcome TIMEOUT.
 */

#include "runtime/core/state.h"

/* The level of a condition's value: a bool, or a scalar that reads as one; anything else is
 * MISSING. */
enum rbk_level rbk_level_of(struct rbk_value value);

/* Progress of one reading effect. Caller's memory; starts zeroed by rbk_check_start. */
struct rbk_check {
    const struct rbk_effect *effect;
    uint64_t started_ms;   /* monotonic */
    uint64_t true_from_ms; /* start of the current unbroken span of true readings, if in_span */
    bool in_span;          /* `for D`: the last reading was true */
    uint32_t retries_used;
    uint32_t readings;
};

/* What to do after a reading. */
struct rbk_check_verdict {
    bool decided;
    enum rbk_outcome outcome; /* when decided */
    uint64_t next_ms;         /* else: when to read again (monotonic) */
};

/* @now_ms  Monotonic milliseconds. The first reading is taken at once. */
void rbk_check_start(struct rbk_check *check, const struct rbk_effect *effect, uint64_t now_ms);
/* Feed the level of one evaluation. For LET and CAPTURE, TRUE means "not missing". */
struct rbk_check_verdict rbk_check_feed(struct rbk_check *check, enum rbk_level level,
                                        uint64_t now_ms);

/* Nobody looked for a while (the runner was stopped, its host slept): a span begins anew. */
void rbk_check_broken_off(struct rbk_check *check);

#endif
