#ifndef RBK_RUNTIME_PEOPLE_WAYS_H
#define RBK_RUNTIME_PEOPLE_WAYS_H

/*
 * The ways back of a stage that stands applied, as `rbk status` shows them: each strategy with what
 * its condition said last, since when, and when it was read last. Changes are in the journal; the
 * time of the last look is the living runner's.
 */

#include "runtime/people/history.h"

struct json_t;

/* One strategy. Borrowed for the length of the call. */
struct rbk_way_shown {
    struct rbk_str name;  /* "down"; "rollback 2" where the plan has no name for it */
    struct rbk_str when;  /* its condition, as spelled; empty: it has none, and is always open */
    enum rbk_level level; /* TRUE: open, FALSE: closed, MISSING: unknown */
    uint64_t since_ms;    /* wall clock; 0: not read yet */
    uint64_t read_ms;     /* of the last look that is known of; 0: none */
    const char *missing;  /* why the last look gave no answer; NULL: it did */
};
typedef void rbk_way_fn(void *context, const struct rbk_way_shown *way);

/* Whether there is something to show: it stands applied, and a strategy of it has a condition. */
bool rbk_ways_shown(const struct rbk_history *history, uint32_t region);
/* Every strategy of a stage, in their order. @live  From rbk_readings_load(), or NULL. */
void rbk_ways_each(const struct rbk_history *history, const struct json_t *live, uint32_t region,
                   rbk_way_fn *each, void *context);

#endif
