#ifndef RBK_RUNTIME_PEOPLE_FACTS_H
#define RBK_RUNTIME_PEOPLE_FACTS_H

/*
 * What is true of a run beside its state, and what only its runner knows at every moment: how long
 * a condition has held, how often a check was read, which messages could not be sent. Whoever draws
 * a run asks through here; a run that nobody drives has none of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/gauge.h"

#define RBK_FACTS_REASON_BYTES 160

/* A `check`, `require` or `wait until` under way. */
struct rbk_check_fact {
    uint32_t readings;     /* taken so far */
    uint32_t retries_used; /* of effect->retry_count */
    bool holds;            /* `for D`: the last reading was true */
    uint64_t held_ms;      /* … and has been for so long */
    bool has_progress;     /* `progress EXPR` was read */
    double progress;       /* … and said so: 0 to 1 */
};

/* An armed trigger, before its `for` is over. */
struct rbk_trigger_fact {
    bool watched;                /* a runner reads it; else nothing below is known */
    bool holds;                  /* the condition holds at the moment */
    uint64_t held_ms;            /* … and has for so long */
    uint32_t true_readings;      /* … in so many readings, counted to `for N readings` */
    struct rbk_gauge_text gauge; /* how near it is, where it is a comparison */
};

/* Messages that wait to be sent again, and those that do not. */
struct rbk_unsent_fact {
    size_t count;
    size_t aside;                        /* refused and set aside, for a person to send again */
    bool or_more;                        /* they were not counted any further */
    char reason[RBK_FACTS_REASON_BYTES]; /* why the oldest was not sent; may be empty */
};

/* Any function may be NULL; each returns false, and sets nothing, when there is nothing to tell. */
struct rbk_facts {
    void *context;
    bool (*check)(void *context, uint32_t region, struct rbk_check_fact *ret_fact);
    bool (*trigger)(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact);
    bool (*unsent)(void *context, struct rbk_unsent_fact *ret_fact);
};

#endif
