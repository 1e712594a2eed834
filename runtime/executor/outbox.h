#ifndef RBK_RUNTIME_EXECUTOR_OUTBOX_H
#define RBK_RUNTIME_EXECUTOR_OUTBOX_H

/* What the two files of the outbox share: outbox.c (queues, attempts, pauses, the store) and
 * outbox_send.c (one attempt). Nobody else includes this. */

#include "runtime/executor/run_internal.h"

/* What an attempt came to. */
enum lane_end {
    LANE_SENT,
    LANE_FAILED,  /* it may go well another time: a dead connection, HTTP 5xx, 408, 429, … */
    LANE_REFUSED, /* the other side does not want this message: HTTP 400, 403, 404, 413, … */
};

struct attempt {
    enum lane_end end;
    struct rbk_str reason;   /* why it was not sent; borrowed, may hold secrets */
    uint64_t retry_after_ms; /* what the other side asks for, as in struct rbk_result */
};

/* A message that is not known to be sent. */
struct mail {
    struct mail *next;
    int64_t id;
    int64_t at_ms;
    int64_t attempts;
    unsigned refusals;                      /* of those by this runner */
    struct rbk_str key, text, stage, about; /* in its own arena */
    struct rbk_arena arena;
};

/* One channel's queue and what is being sent. */
struct lane {
    struct rbk_client client; /* first */
    struct outbox *outbox;
    uint32_t channel; /* row of machine->channels; UINT32_MAX: terminal and log */
    struct mail *first, **end;
    int64_t loaded;    /* id of the last row taken from the store */
    bool more;         /* rows behind it may be in the store */
    unsigned failures; /* attempts in a row that failed: how long the next pause is */
    unsigned asides;   /* messages in a row that were set aside */
    uint32_t effect;   /* of the channel, being carried out */
    bool *wanted;      /* owned: which of its effects this attempt carries out */
    bool looks;        /* the effect under way only asks the other side for something */
    bool sending;
    struct rbk_driver *driver;
    struct rbk_activity *activity;
    uv_timer_t timer; /* next attempt */
    struct rbk_scope scope;
    char *kept;                                 /* owned: of its last `into kept`; NULL: nothing */
    struct rbk_value about[RBK_VARIABLE_COUNT]; /* of the first mail, in `arena_about` */
    struct rbk_arena arena_about;
    struct rbk_arena arena; /* the request under way */
};

/* ---- outbox_send.c ---- */

/* Whether the result of an effect of a channel (not OK) says that the message is refused for good.
 */
bool rbk_lane_is_refused(uint32_t effect_kind, const struct rbk_result *result);

/* Begin an attempt with the first mail. Its end is reported through rbk_lane_done(), perhaps before
 * this returns. */
void rbk_lane_send(struct lane *lane);

/* ---- outbox.c ---- */

struct rbk_run *rbk_lane_run(const struct lane *lane);

/* How long the next attempt waits after so many that failed in a row: 0 after the first, then at
 * most a minute and a quarter. */
uint64_t rbk_lane_pause_ms(unsigned failures);
/* The same for a message that was refused so many times. */
uint64_t rbk_lane_refused_pause_ms(unsigned refusals);
/* How often a message is refused until it is set aside, when so many before it were in a row. */
unsigned rbk_lane_refusals_max(unsigned asides);
/* The attempt is over: what becomes of the message is decided here. */
void rbk_lane_done(struct lane *lane, const struct attempt *attempt);
/* The next attempt may begin, unless a pause is under way. */
void rbk_lane_next(struct lane *lane);

#endif
