#ifndef RBK_RUNTIME_CORE_WATCH_INTERNAL_H
#define RBK_RUNTIME_CORE_WATCH_INTERNAL_H

/*
 * What watch.c (readings and windows) and watch_level.c (levels of conditions) share. Nobody else
 * includes this.
 *
 * Marks tell whether a reading was begun after a look: `watch->mark` grows with each look that
 * wants a second one, and a reading carries the mark at which it was begun.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/watch.h"
#include "runtime/core/window.h"

struct watched_probe {
    struct rbk_ring ring;
    struct rbk_value last; /* good one; its text lies in `text` */
    uint64_t last_ms;      /* when it came */
    uint32_t good_count;
    uint32_t failed_count;
    uint32_t failed_in_row;
    uint64_t began_ms; /* when it was first read; older readings, if any, are not in the ring */
    bool unknown;      /* nobody watched when it should have been read, and it was not read since */
    uint64_t begun;    /* mark of the reading under way; 0: it was not announced */
    uint64_t fresh;    /* mark of the last good one */
    struct rbk_buffer text;
    struct rbk_slice conditions; /* of watch->dependents: those to judge after a reading of it */
    uint32_t first_window;       /* of a list through watch->next_window; RBK_NONE: none */
};

/* A probe in a condition with `for N readings`. */
struct counted {
    uint64_t seen;     /* good readings of it when the condition was last judged */
    uint32_t readings; /* of them, those in a row for which it held; no further than to N */
};

/* A trigger or, behind all triggers, a criterion. */
struct condition {
    uint32_t expr;
    uint64_t for_ms;
    uint32_t for_readings;
    uint64_t confirm_ms;     /* 0: it needs no second look */
    bool own_readings;       /* fed by rbk_watch_level() */
    bool counts;             /* it looks at `count(p, D)` of a probe that is polled */
    struct rbk_slice probes; /* of watch->probe_lists: those it depends on */
    bool armed;
    enum rbk_level level; /* as last given to the caller, or as the state has it */
    enum rbk_level raw;
    bool stood;   /* was TRUE, maybe before the restart, and not seen FALSE since */
    bool in_span; /* raw is TRUE since since_ms */
    uint64_t since_ms;
    uint32_t readings; /* true ones in a row of one of its sources, counted to for_readings */
    bool confirmed;    /* was TRUE at the second look, and not FALSE since */
    bool confirming;   /* waits for the second look, since confirming_ms */
    uint64_t confirming_ms;
    uint64_t asked;      /* readings of its probes with this mark or a later one are the second */
    uint64_t own_asked;  /* likewise for its own reading, once all its probes were read; 0: not */
    uint64_t own_begun;  /* mark of its own reading under way; 0: it was not announced */
    uint64_t own_fresh;  /* mark of its last own reading that was not missing */
    uint32_t pending_at; /* place in watch->pending + 1; 0: time alone changes nothing */
};

struct rbk_watch {
    const struct rbk_machine *machine; /* borrowed */
    struct rbk_arena arena;            /* everything below */
    struct rbk_arena scratch;          /* one evaluation */
    struct watched_probe *probes;
    struct rbk_aggregate *aggregates; /* by window; unused for LAST */
    uint32_t *next_window;            /* by window: the next one of the same probe */
    struct condition *conditions;
    uint32_t condition_count;
    uint32_t *dependents;    /* conditions, by probe */
    uint32_t *probe_lists;   /* probes, by condition */
    struct counted *counted; /* likewise */
    struct rbk_value *baselines;
    uint64_t mark;     /* at least 1 */
    uint32_t *pending; /* conditions that time alone may change: a span, a second look */
    uint32_t pending_count;
};

/* A span that is not complete begins anew, and a second look's time: of the conditions over probes
 * that are unknown by now. */
void rbk_watch_woke_levels(struct rbk_watch *watch, uint64_t now_ms);

/* Whether a probe failed too often in a row, or has not been read for longer than it may be. */
bool rbk_watch_probe_missing(const struct rbk_watch *watch, uint32_t probe, uint64_t now_ms);

#endif
