#ifndef RBK_RUNTIME_CORE_CONDITION_H
#define RBK_RUNTIME_CORE_CONDITION_H

/*
 * The conditions that turn a run round, triggers and abort criteria, as whoever reads for them
 * needs them: which there are, which must have a value before anything is changed, what a condition
 * comes to, and how long a reading may take. Pure.
 */

#include "runtime/core/check.h"
#include "runtime/core/expr.h"

/* A condition of the plan: a trigger or, else, an abort criterion that reads. */
struct rbk_condition {
    bool criterion;
    uint32_t index;
    uint32_t expr;
};

/* How many conditions the plan has, and number `number` of them: triggers first, in its order.
 * Criteria that look at nothing but the run are none. */
uint32_t rbk_condition_count(const struct rbk_machine *machine);
struct rbk_condition rbk_condition_at(const struct rbk_machine *machine, uint32_t number);

/* Whether it must have a value before the first apply: it is armed from then on, or before, and is
 * no pushed one, which says nothing until somebody pushes. */
bool rbk_condition_armed_first(const struct rbk_machine *machine, struct rbk_condition condition);

/* What a condition comes to before it is armed: missing also when only one side of an `and` is,
 * since it could not fire; but true when it would fire at once. @scope  With what it reads itself.
 */
struct rbk_value rbk_condition_value(const struct rbk_scope *scope, uint32_t expr,
                                     struct rbk_arena *arena);

/* How long one reading of a probe, or of a condition's own, may take: as long as it wants to, at
 * most RBK_PROBE_TIMEOUT_MS_MAX. 0: it does not say. */
uint64_t rbk_probe_timeout_ms(uint64_t wanted_ms);

/* The same of a condition that takes readings of its own: as long as its `every`. */
uint64_t rbk_condition_timeout_ms(const struct rbk_machine *machine,
                                  struct rbk_condition condition);

/* How many readings a baseline has to come of: as many as are written, or half of what its span
 * holds; at least one. @over_ms  The span, in this run. */
uint64_t rbk_baseline_readings(const struct rbk_machine *machine, uint32_t baseline,
                               uint64_t over_ms);

#endif
