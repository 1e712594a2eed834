/*
 * The mark a command's processes carry: RBK_RUN, RBK_STEP and RBK_KEY in their environment, which
 * whatever they start inherits. It tells whose a process is where the tree of processes cannot.
 */
#ifndef RBK_RUNTIME_DRIVERS_PROCESS_MARK_H
#define RBK_RUNTIME_DRIVERS_PROCESS_MARK_H

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

/**
 * Ends by SIGKILL every process that has this mark, may be signalled and is not watched elsewhere,
 * and looks again until there is none; gives up after some walks through /proc. For what a
 * supervisor that is gone has left: the kernel ends only the first process of its commands. Takes
 * milliseconds.
 * @run_directory  Of the run, absolute. What lives below a supervisor of this run that serves
 *                 another directory is watched: this store is a copy of the one it belongs to.
 */
void rbk_process_end_marked(const char *run, const char *run_directory, const char *step,
                            const char *key);

#endif
