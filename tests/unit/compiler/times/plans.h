#ifndef RBK_TESTS_UNIT_COMPILER_TIMES_PLANS_H
#define RBK_TESTS_UNIT_COMPILER_TIMES_PLANS_H

/* Random plans, as text. Small: what they do in a run has to be searched for the longest way. */

#include "runtime/core/base/buffer.h"

#include <stdint.h>

/* Append a plan that compiles; the same seed gives the same plan. */
void plans_write(struct rbk_buffer *out, uint64_t seed);

#endif
