#ifndef RBK_RUNTIME_DRIVERS_SQLITE_JOB_H
#define RBK_RUNTIME_DRIVERS_SQLITE_JOB_H

/*
 * The blocking half of the SQLite driver: one request carried out on a thread of the pool, on a
 * connection of its own.
 *
 * A transactional effect writes, in its own transaction, a row into the table rbk_receipt of the
 * target:  rbk_receipt(run, step, key, attempt, serial, at, value), primary key (run, key).
 * Row with this serial there ⇔ the effect happened. `value` is what the statements gave, so that
 * a recovery can give it again.
 */

#include <stdatomic.h>

#include "runtime/drivers/task.h"

/** The largest value kept in a receipt or a note, in bytes. */
#define RBK_SQL_KEPT_VALUE_BYTES ((size_t)4096)

/** One piece of blocking work; the driver's memory. */
struct rbk_sqlite_job {
    struct rbk_task *task; /**< Its request is read; value, output, message, detail are written. */
    const char *path;      /**< Absolute or relative to the process; borrowed. */
    uint64_t deadline_ns;  /**< uv_hrtime(); after it the job gives up by itself. */
    atomic_int stop;       /**< An enum rbk_task_stop; set by the loop to make it give up. */

    /* Valid when the job has ended. */
    enum rbk_outcome outcome;
    enum rbk_recovery recovery; /**< Of a recovering task. */
};

/** Carries the job out. On a thread of the pool. */
void rbk_sqlite_job_run(struct rbk_sqlite_job *job);

#endif
