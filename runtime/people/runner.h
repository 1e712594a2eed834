#ifndef RBK_RUNTIME_PEOPLE_RUNNER_H
#define RBK_RUNTIME_PEOPLE_RUNNER_H

/*
 * The process that drives a run, as another process of the same host sees it: whether it lives, and
 * whether it was only stopped (Ctrl-Z, SIGSTOP). One that is stopped keeps the run to itself and
 * does nothing for it, so whoever looks at the run or waits for a reply has to be told.
 */

#include <stdbool.h>

#include "runtime/store/store.h"

struct rbk_runner {
    bool lives;   /* somebody holds the run's lease */
    bool stopped; /* it lives, and the kernel does not let it run */
    long process; /* of one that is stopped, to be told `kill -CONT`; else 0 */
};

/* Look at the runner of a run. Never fails: what cannot be seen (another host, no /proc) is taken
 * for a runner that goes on. */
struct rbk_runner rbk_runner_look(struct rbk_store *store, const char *run);

#endif
