#ifndef RBK_TESTS_UNIT_CORE_STEP_RANDOM_H
#define RBK_TESTS_UNIT_CORE_STEP_RANDOM_H

/* Random runs, and crashes in them. */

#include "tests/unit/core/step/run.h"

/* A number below `limit`; the same seed gives the same row of numbers everywhere. */
uint32_t run_below(uint64_t *seed, uint32_t limit);
/* One event of some kind; most are results, many are refused. */
enum rbk_refusal run_random_event(struct run *run, uint64_t *seed);
/* The most harmless next event for a run that nobody but time and drivers cares for; what is being
 * resolved is found as `recovery`, a stuck stage is tried again, what a step by hand is looked for
 * by is there. An agreeable run has its gates opened, and its steps by hand done by people. False
 * when there is none. */
bool run_drive(struct run *run, enum rbk_recovery recovery);
/* A copy of the run is resumed here, resumed again in the middle of that, and must come to an end.
 */
void run_crash_here(const struct run *run, enum rbk_recovery recovery);

#endif
