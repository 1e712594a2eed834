#ifndef RBK_RUNTIME_PEOPLE_STATUS_H
#define RBK_RUNTIME_PEOPLE_STATUS_H

/*
 * Where a run stands: printed for a person (status_text.c) and as one JSON object (status_json.c).
 */

#include "runtime/people/history.h"

/* What an effect that is neither known to have happened nor not looks like to a person. */
struct rbk_open_effect {
    uint32_t region;
    const struct rbk_effect *effect;
    struct rbk_str step; /* name of its state */
    uint32_t attempt;
    uint64_t since_ms;   /* when it was dispatched */
    struct rbk_str note; /* what its driver noted before; may be empty */
    bool doubt;          /* a person is asked; else it is under way, or will be looked up */
    struct rbk_str why;  /* it is in doubt; may be empty */
};

typedef void rbk_open_effect_fn(void *context, const struct rbk_open_effect *open);
/* Every effect that was dispatched and whose result is not in the journal. */
void rbk_status_open_effects(const struct rbk_history *history, rbk_open_effect_fn *emit,
                             void *context);

/* What now: why the run does not go on by itself, also that nobody drives it, and the commands that
 * lead on; nothing for one that goes on. As rbk_view_explain(), with what only the store knows.
 * @now_ms  For what is said to come in so long. */
void rbk_status_explain(const struct rbk_history *history, uint64_t now_ms, rbk_line_fn *emit,
                        void *context);

struct json_t;
/* The status as one object: what `rbk status --json` prints and `rbk serve` sends. NULL with reterr
 * set; a new reference. */
struct json_t *rbk_status_json(const struct rbk_history *history, struct rbk_error *reterr);

/* Print to stdout. @return 0 or a negative error of the store. */
RBK_MUST_USE int rbk_status_print_text(const struct rbk_history *history, struct rbk_error *reterr);
RBK_MUST_USE int rbk_status_print_json(const struct rbk_history *history, struct rbk_error *reterr);

#endif
