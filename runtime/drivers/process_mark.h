/*
 * The mark a command's processes carry: RBK_RUN, RBK_STEP and RBK_KEY in their environment, which
 * whatever they start inherits. It tells whose a process is where the tree of processes cannot.
 */
#ifndef RBK_RUNTIME_DRIVERS_PROCESS_MARK_H
#define RBK_RUNTIME_DRIVERS_PROCESS_MARK_H

#include <stddef.h>
#include <sys/types.h>

/** What a process's environment says. */
enum rbk_process_mark {
    RBK_PROCESS_UNMARKED, /**< It has no mark of the run, or cannot be read. */
    RBK_PROCESS_OTHER,    /**< It belongs to another step of the run. */
    RBK_PROCESS_MARKED    /**< It has this mark. */
};

/** Compares a process's mark. */
enum rbk_process_mark rbk_process_mark(pid_t pid, const char *run, const char *step,
                                       const char *key);

/** Whose a process is, within a run. */
struct rbk_process_owner {
    const char *step;
    const char *key;
};

/**
 * Ends by SIGKILL every process that has the mark of one of these, may be signalled and is not
 * watched elsewhere, and looks again until there is none; gives up after some walks through /proc,
 * or two seconds. For what a supervisor that is gone has left: the kernel ends only the first
 * process of its commands. A walk takes some 20 ms for each thousand processes of the host: so name
 * all owners at once.
 * @run_directory  Of the run, absolute. What lives below a supervisor of this run that serves
 *                 another directory is watched: this store is a copy of the one it belongs to.
 */
void rbk_process_end_marked(const char *run, const char *run_directory,
                            const struct rbk_process_owner *owners, size_t count);

#endif
