#ifndef RBK_RUNTIME_CORE_MACHINE_CHECK_H
#define RBK_RUNTIME_CORE_MACHINE_CHECK_H

/*
 * The parts of rbk_machine_check(), in the order in which they run. Each relies on those before it:
 * first every index lies in its table, then expressions are sound, then rows say what their kind
 * needs. Each returns 0, -RBK_EMACHINE, -RBK_ELIMIT or -RBK_ENOMEM. Internal to runtime/core.
 */

#include "runtime/core/base/error.h"
#include "runtime/core/machine_format.h"

/* Programs balance, are typed, and read only what is there (expr_check.c). */
RBK_MUST_USE int rbk_machine_check_exprs(const struct rbk_machine *machine,
                                         struct rbk_error *reterr);
/* Effects, readings, probes, questions, reactions, triggers (machine_check_rows.c). */
RBK_MUST_USE int rbk_machine_check_rows(const struct rbk_machine *machine,
                                        struct rbk_error *reterr);
/* Regions, states, blocks (machine_check_graph.c). */
RBK_MUST_USE int rbk_machine_check_graph(const struct rbk_machine *machine,
                                         struct rbk_error *reterr);

/* "machine, row 3 of "states": …", -RBK_EMACHINE. */
RBK_PRINTF(4, 5)
int rbk_machine_refuse(struct rbk_error *reterr, enum rbk_table_id table, uint32_t row,
                       const char *format, ...);

#endif
