#ifndef RBK_RUNTIME_CORE_VARIABLE_H
#define RBK_RUNTIME_CORE_VARIABLE_H

/*
 * The variables of a run that follow from its machine and state alone (`elapsed`, `rollbacks`,
 * `plan.title`, …): the same for an abort criterion, a message and what people are shown.
 */

#include "runtime/core/expr.h"
#include "runtime/core/state.h"

/**
 * @now_ms     The wall clock; spans that are over do not grow with it.
 * @ret_value  Its text borrows from the machine.
 * @return     false: it is not one of these, and ret_value is untouched.
 */
bool rbk_run_variable(const struct rbk_machine *machine, const struct rbk_state *state,
                      uint64_t now_ms, enum rbk_variable which, struct rbk_value *ret_value);

/** The stage (or retire) that a run is spoken of by: the one under way, of several the one whose
 * apply began last, which on the way back is taken back first; else the last that was begun.
 * RBK_NONE: none was. */
uint32_t rbk_run_stage(const struct rbk_machine *machine, const struct rbk_state *state);

/** From `from_ms` to `to_ms`; 0 where the first has not come yet. */
uint64_t rbk_span_ms(uint64_t from_ms, uint64_t to_ms);

#endif
