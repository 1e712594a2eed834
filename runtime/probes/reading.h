#ifndef RBK_RUNTIME_PROBES_READING_H
#define RBK_RUNTIME_PROBES_READING_H

/*
 * One evaluation of an expression together with the readings it needs: each reading is taken in
 * order through its driver (and jq, where it has a filter), then the stack program runs. Used by
 * probes, by every let/check/test effect, and by `done when`.
 */

#include "runtime/drivers/set.h"

struct rbk_reader;  /* takes readings for one run */
struct rbk_reading; /* one evaluation under way */

/* An evaluation ended. @value may be missing; then `message` says why. Valid during the call. */
typedef void rbk_reading_fn(void *owner, struct rbk_reading *reading, struct rbk_value value,
                            struct rbk_str message);

/* Where a reader finds everything. Borrowed for its life. */
struct rbk_reader_setup {
    uv_loop_t *loop;
    const struct rbk_scope *scope; /* values, parameters, variables, windows, secrets */
    struct rbk_drivers *drivers;
    const char *run;
    const char *directory;         /* what relative paths of files are below */
    const struct rbk_str *secrets; /* what no message of a driver may show, secret_count of them */
    size_t secret_count;
    /* Whether an alert is firing now. */
    bool (*alert)(void *context, struct rbk_str name, const struct rbk_pair *labels,
                  size_t label_count);
    void *context;
};

RBK_MUST_USE struct rbk_reader *rbk_reader_new(const struct rbk_reader_setup *setup);
/* The drivers are closed, so what was cancelled while one of them had it will not be answered: let
 * go of it, on the next turns of the loop. No reading may be under way that was not cancelled. */
void rbk_reader_drop(struct rbk_reader *reader);
void rbk_reader_free(struct rbk_reader *reader); /* no reading may be under way */

/*
 * Begin. The callback runs exactly once, on a later turn of the loop, unless cancelled.
 * @timeout_ms  For all readings together; each has its own limit as well.
 */
RBK_MUST_USE int rbk_reading_start(struct rbk_reader *reader, uint32_t expr, const char *name,
                                   const char *stage, uint64_t timeout_ms, void *owner,
                                   rbk_reading_fn *on_done, struct rbk_reading **ret_reading,
                                   struct rbk_error *reterr);
/* During the callback: append what was read, and what else the expression looked at
 * (core/expr_describe.h). Nothing when not everything was read. Not yet redacted. */
void rbk_reading_describe(const struct rbk_reading *reading, struct rbk_buffer *out);
/* During the callback: what was read, in the order of the expression's readings. */
const struct rbk_value *rbk_reading_results(const struct rbk_reading *reading);
/* The callback will not run; a driver's answer still under way is dropped when it comes. */
void rbk_reading_cancel(struct rbk_reading *reading);

#endif
