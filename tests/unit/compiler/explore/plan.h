#ifndef RBK_TESTS_UNIT_COMPILER_EXPLORE_PLAN_H
#define RBK_TESTS_UNIT_COMPILER_EXPLORE_PLAN_H

/*
 * Machines for the tests of exploration.
 */

#include "tests/unit/core/machine_builder.h"

#include <stdint.h>

/* Two stages, the second after the first, with a step of every part of a stage's life, a trigger of
 * each reaction, and a gate. The caller frees the builder, which is finished. */
struct machine_builder *plan_two_stages(void);

/* One of many small machines: stages one after the other and beside each other, branches, gates,
 * strategies, triggers, attempts, a retire, as the seed has it. */
struct machine_builder *plan_random(uint64_t seed);

#endif
