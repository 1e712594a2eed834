/*
 * The identity of a process: its pid means nothing by itself, since pids are used again. Pid, start
 * time and the boot they belong to together name one process for ever.
 */
#ifndef RBK_RUNTIME_DRIVERS_PROCESS_H
#define RBK_RUNTIME_DRIVERS_PROCESS_H

#include "runtime/core/base/attributes.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Bytes of a boot id as text, its NUL included. */
#define RBK_BOOT_ID_BYTES 37

/** One process of one boot of this host. */
struct rbk_process_id {
    pid_t pid;                    /**< 0: none. */
    uint64_t start_time;          /**< Clock ticks after boot; 0: not known. */
    char boot[RBK_BOOT_ID_BYTES]; /**< The kernel's boot id; "": not known. */
};

/** What /proc says of a process. */
struct rbk_process_stat {
    char state; /**< 'R', 'S', 'Z', … */
    pid_t parent;
    pid_t group;
    pid_t session;
    uint64_t start_time;
};

/** Reads this boot's id; "" when it cannot be read. */
void rbk_boot_id_read(char ret_boot[RBK_BOOT_ID_BYTES]);

/**
 * Reads /proc/PID/stat.
 * @return 0; -RBK_ENOTFOUND when there is no such process; -RBK_EIO when it cannot be understood.
 */
RBK_MUST_USE int rbk_process_stat_read(pid_t pid, struct rbk_process_stat *ret_stat);

/** The identity of a process that exists; start_time 0 when it could not be read. */
struct rbk_process_id rbk_process_identify(pid_t pid, const char *boot);

/** Whether exactly this process exists now (a zombie does not count). False when in doubt. */
bool rbk_process_alive(const struct rbk_process_id *process, const char *boot);

/**
 * Sends a signal to exactly this process: through a pidfd, after its start time was compared.
 * @return 0; -RBK_ENOTFOUND when it is gone; -RBK_EDENIED. May be ignored by who looks again.
 */
int rbk_process_signal(const struct rbk_process_id *process, int signal);

#endif
