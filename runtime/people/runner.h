#ifndef RBK_RUNTIME_PEOPLE_RUNNER_H
#define RBK_RUNTIME_PEOPLE_RUNNER_H

/*
 * The process that drives a run, as another process sees it: whether it lives, and whether it was
 * only stopped (Ctrl-Z, SIGSTOP). One that is stopped keeps the run to itself and does nothing for
 * it, so whoever looks at the run or waits for a reply has to be told. The one place that decides
 * it: for `rbk status`, `rbk runs`, requests and `rbk serve`.
 */

#include <stdbool.h>

#include "runtime/store/store.h"

#define RBK_RUNNER_HOST_BYTES 128

/* X(constant, word in JSON) */
#define RBK_RUNNER_STATES(X)                                                                \
    X(GONE, "gone")           /* nobody holds the run's lease */                            \
    X(ALIVE, "alive")         /* somebody does, and nothing says that he is stopped */      \
    X(STOPPED, "stopped")     /* a process of this host that the kernel does not let run */ \
    X(ELSEWHERE, "elsewhere") /* a process of another host, which cannot be looked at */
#define X(constant, word) RBK_RUNNER_##constant,
enum rbk_runner_state { RBK_RUNNER_STATES(X) RBK_RUNNER_STATE_COUNT };
#undef X

/* Zeroed it is one that is gone, and of which nothing is known. */
struct rbk_runner {
    enum rbk_runner_state state;
    long process;                     /* of GONE: the last one; 0: not known */
    char host[RBK_RUNNER_HOST_BYTES]; /* its host, as it calls itself; empty: not known */
    bool here;                        /* that is this host */
};

/* Look at the runner of a run. Never fails: what cannot be seen (no /proc) is taken for a runner
 * that goes on. */
struct rbk_runner rbk_runner_look(struct rbk_store *store, const char *run);

/* Whether somebody holds the lease, stopped or not: no other runner can take the run over. */
bool rbk_runner_lives(const struct rbk_runner *runner);

struct json_t;
/* {"state": "alive", "pid": 24137, "host": "db1"}; pid and host only where they are known. A new
 * reference; NULL: out of memory. */
struct json_t *rbk_runner_json(const struct rbk_runner *runner);

#endif
