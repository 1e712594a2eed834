#ifndef RBK_TESTS_UNIT_CORE_MACHINE_SAMPLE_MACHINE_H
#define RBK_TESTS_UNIT_CORE_MACHINE_SAMPLE_MACHINE_H

/*
 * A small machine with at least one row in every table, for the tests of text, check and watch. One
 * stage `move` has a prepare, an apply that forks into two branches, a verify and one strategy that
 * is guarded; there are two probes, three triggers and a criterion.
 */

#include "runtime/core/machine.h"

/* Rows a test speaks of by name. */
enum {
    SAMPLE_REGION_MOVE = 1,
    SAMPLE_STATE_APPLY = 10,
    SAMPLE_STATE_FORK = 11,
    SAMPLE_STATE_GUARD = 15,
    SAMPLE_PROBE_ERRORS = 0,   /* a ratio, every 15 s */
    SAMPLE_PROBE_PAGED = 1,    /* pushed */
    SAMPLE_PROBE_LATENCY = 2,  /* a duration, every 5 s */
    SAMPLE_TRIGGER_ERRORS = 0, /* avg(errors, 1m) > 5% */
    SAMPLE_TRIGGER_PAGED = 1,  /* paged */
    SAMPLE_TRIGGER_SLOW = 2,   /* latency > 2 * baseline(latency) */
    SAMPLE_TRIGGER_OWN = 3     /* a reading of its own, every 30 s */
};

/* A machine of fresh, changeable rows in `arena`; texts are constants. It passes its check. */
struct rbk_machine *sample_machine(struct rbk_arena *arena);

#endif
