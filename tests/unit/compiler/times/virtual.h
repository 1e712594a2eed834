#ifndef RBK_TESTS_UNIT_COMPILER_TIMES_VIRTUAL_H
#define RBK_TESTS_UNIT_COMPILER_TIMES_VIRTUAL_H

/*
 * A run of a compiled plan in virtual time, on the core's own step function. Whatever the world may
 * do is a choice: an effect ends at once or at its very deadline, well or not, or is cut off and
 * takes its driver's bound to be dead; a question is answered or not; results and deadlines of one
 * moment come in either order; somebody aborts at any of them. The choices of a walk are bytes: the
 * same bytes give the same walk, and other bytes near them one near it.
 */

#include "runtime/core/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOICES_MAX ((size_t)512)
#define STAGES_MAX ((size_t)8)

/* What a walk is made of. */
struct choices {
    uint8_t bytes[CHOICES_MAX];
    size_t used;       /* how many the walk took */
    uint32_t abort_at; /* before which event somebody aborts, from 1; 0: nobody does */
    bool abort_late;   /* at the moment of that event, not at that of the one before */
};

/* How long things took. */
struct measures {
    bool aborted;                          /* it was decided to abort, and everything went back */
    uint64_t back_ms;                      /* from the decision to the end */
    uint64_t stage_back_ms[STAGES_MAX];    /* of one turn of a stage; 0: it never went back */
    uint64_t stage_stuck_ms[STAGES_MAX];   /* of one that ended stuck */
    uint64_t stage_forward_ms[STAGES_MAX]; /* from its start to where it stands applied */
    uint32_t events;
};

/* Numbers; the same seed gives the same row of them everywhere. */
uint32_t virtual_below(uint64_t *seed, uint32_t limit);

/* Walk until the run ends or nothing more happens by itself. Measures are set anew. */
void virtual_walk(const struct rbk_machine *machine, struct choices *choices,
                  struct measures *ret_measures);

#endif
