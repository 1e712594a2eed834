#ifndef RBK_RUNTIME_CORE_STOP_TIMES_H
#define RBK_RUNTIME_CORE_STOP_TIMES_H

#include <stdint.h>

/*
 * How long it takes until an effect that was told to stop is shown to be dead, or known to be in
 * doubt: what each driver keeps to, and what the proof of worst-case times (compiler/times) builds
 * on. One place for both, so that neither can change without the other.
 *
 * Each kind of effect has one bound, from the moment it is told to stop (its own time is up, its
 * block's is, or the run turns round) to its one result. The bounds hold while the machine itself
 * answers: a supervisor that was killed, and a kernel that keeps a process beyond SIGKILL, are
 * found out later and are crashes, with crash rules.
 *
 * All in milliseconds.
 */

/* exec: SIGTERM to the whole tree, SIGKILL after the grace, and again until all is gone; a `cancel`
 * command then runs under a limit of its own, and is stopped in the same way. */
#define RBK_STOP_TERM_MS 5000u            /* from SIGTERM to SIGKILL */
#define RBK_STOP_KILL_MS 5000u            /* from SIGKILL to "not shown dead" */
#define RBK_STOP_CANCEL_COMMAND_MS 30000u /* what a `cancel` command may take */
#define RBK_STOP_EXEC_MS (RBK_STOP_TERM_MS + RBK_STOP_KILL_MS)
#define RBK_STOP_EXEC_WITH_CANCEL_MS \
    (RBK_STOP_EXEC_MS + RBK_STOP_CANCEL_COMMAND_MS + RBK_STOP_EXEC_MS)

/* sql, PostgreSQL: a cancel request, then ending the backend; a COMMIT that was sent is asked
 * after. */
#define RBK_STOP_POSTGRES_CANCEL_MS 1000u
#define RBK_STOP_POSTGRES_KILL_MS 3000u   /* ending the backend, and seeing it gone */
#define RBK_STOP_POSTGRES_COMMIT_MS 3000u /* finding out what became of a COMMIT */
#define RBK_STOP_POSTGRES_MS (RBK_STOP_POSTGRES_CANCEL_MS + RBK_STOP_POSTGRES_KILL_MS)

/* sql, SQLite: the statement is interrupted; a disk that does not answer is given up. */
#define RBK_STOP_SQLITE_MS 5000u

/* http, redis: the connection is closed at once; so it is for every reading, wait and question. */
#define RBK_STOP_REQUEST_MS 0u
#define RBK_STOP_READING_MS 0u

/* One reading outside a block with a limit may take so long (language, principle 5). */
#define RBK_READING_MS_MAX 10000u

/* What was cut off and may have happened all the same is looked for by its `done when`, once,
 * before anything is taken back: within the effect's own timeout, or ten seconds for each thing
 * that is read. When the look cannot tell a person is asked; that is not counted. */
#define RBK_STOP_LOOKED_AT_MS RBK_READING_MS_MAX
static inline uint64_t rbk_stop_look_ms(uint64_t timeout_ms, uint64_t reads)
{
    return reads == 0 ? 0 : timeout_ms != 0 ? timeout_ms : reads * RBK_STOP_LOOKED_AT_MS;
}

#endif
