#ifndef RBK_RUNTIME_EXECUTOR_ARMING_H
#define RBK_RUNTIME_EXECUTOR_ARMING_H

/*
 * Arming: a trigger or criterion that cannot be read cannot fire, so a run whose conditions give no
 * finite value does not begin. What its sources gave last is kept here, to say which of them is the
 * reason.
 *
 * Nobody outside runtime/executor includes this.
 */

#include "runtime/core/condition.h"
#include "runtime/executor/work.h"

/* A probe was read. @message  Why it gives no value, redacted; forgotten with the next good one. */
void rbk_arming_note(struct rbk_run *run, uint32_t probe, bool missing, struct rbk_str message);
/* Append why a condition has no value, one source a line, each ending in a line end:
 * "probe errors, http.json(…, '.ratio'): the server answered 500".
 * @own  What its own readings failed with; empty: nothing, or it has none. */
void rbk_arming_explain(const struct rbk_run *run, uint32_t expr, struct rbk_str own,
                        struct rbk_buffer *out);
/* Why the last reading of a probe gave nothing, 400 bytes of it at most; empty when it gave a
 * value, or none was taken. Lives until the next note. */
struct rbk_str rbk_arming_failure(const struct rbk_run *run, uint32_t probe);
void rbk_arming_free(struct rbk_run *run);

/* The effect that arms: reads until all that is armed from the first apply on has a value. */
void rbk_arming_start(struct work *work);
/* The work is over: let go of what it still reads. */
void rbk_arming_drop(struct work *work);

#endif
