#ifndef RBK_TESTS_UNIT_CORE_STEP_GOLDEN_H
#define RBK_TESTS_UNIT_CORE_STEP_GOLDEN_H

/* The machines that the compiler makes of the plans in tests/golden/machine. */

#include "runtime/core/machine.h"

#define GOLDEN_COUNT 5u
extern const char *const golden_names[GOLDEN_COUNT];

/* Read one into the arena; the test fails when that is not possible. RBK_SOURCE names the sources.
 */
const struct rbk_machine *golden_load(struct rbk_arena *arena, const char *name);

#endif
