/*
 * The driver of commands: `run`, `shell`, `capture … run`, run.exit, run.output, run.json.
 *
 * Commands run under the supervisor of the run, a process of its own (see drivers/supervisor),
 * which is started with the first command and outlives the runner. What holds for every command:
 *
 * - no shell; argv arrives as given; its environment is PATH, HOME and LANG of the runner, what the
 *   request lists, and RBK_RUN, RBK_STEP, RBK_KEY, nothing else; a session of its own;
 * - stdin is /dev/null or the given bytes, as a file it need not read;
 * - an effect's output is in RUN_DIRECTORY/SERIAL.out and .err (there when there is any), secrets
 *   of at least 4 bytes hidden, at most RBK_OUTPUT_BYTES_MAX each; a reading's is kept in memory,
 *   and a reading dies with its runner;
 * - its timeout is a budget: time while no runner is connected to the supervisor does not count;
 * - when that is used up, or on cancel(), the whole tree below it gets SIGTERM, after 5 s SIGKILL;
 * then its `cancel` command runs, for 30 s at most. TIMEOUT, or FAIL with `cancelled`, once nothing
 * of it is left, DOUBT when something is or the cancel command fails;
 * - a command that succeeds may leave processes behind: `pg_ctl start` does. They are mentioned in
 *   the detail and live on; they should write their output to a file of their own, since the pipe
 *   they inherit ends with the run. What a failed command or a reading leaves behind is taken down
 *   before its result is given;
 * - value: its stdout without the line ends at its end, missing when it is not text, holds NUL or
 *   is longer than output_bytes_max; `status`: its exit status, 126 or 127 when it could not be
 *   started, -1 when a signal ended it.
 *
 * recover() may be called for effects (serial not 0): see enum rbk_recovery. NOT_STARTED is said
 * only with proof: the run was claimed (see below), and no supervisor since then knows the serial;
 * or the supervisor that lives now was the first to be given serials from a lower one on.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_H
#define RBK_RUNTIME_DRIVERS_EXEC_H

#include "runtime/drivers/driver.h"

/**
 * Notes in the directory of a run that has just been created that no command of it was ever given
 * to a supervisor, for rbk_exec_open() and recover() to rely on. To be called once, before the
 * run's first event is written; without it a crash before the first command leaves doubt.
 * @return 0; -RBK_EIO, -RBK_EFULL; -RBK_EEXISTS when the directory has seen a supervisor.
 */
RBK_MUST_USE int rbk_exec_claim(const char *run_directory, const char *run,
                                struct rbk_error *reterr);

/**
 * Opens the driver. Starts nothing. The process ignores SIGPIPE: a supervisor can be killed.
 * @setup  Borrowed for the driver's life; its run_directory exists and is the user's alone.
 * @return 0; -RBK_ENOMEM; -RBK_EIO, -RBK_EFULL when the run's directory cannot be used.
 */
RBK_MUST_USE int rbk_exec_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                               struct rbk_error *reterr);

#endif
