#ifndef RBK_RUNTIME_CORE_WORST_INTERNAL_H
#define RBK_RUNTIME_CORE_WORST_INTERNAL_H

/* Between worst_walk.c and worst_effect.c. */

#include "runtime/core/worst_walk.h"

/*
 * The worst case of one effect.
 * @params   Of the run; NULL: their defaults.
 * @limited  A block around it has a `within`, which limits what has no timeout of its own.
 */
struct rbk_worst rbk_worst_of_machine_effect(const struct rbk_machine *machine,
                                             const struct rbk_value *params,
                                             const struct rbk_effect *effect, bool limited);

#endif
