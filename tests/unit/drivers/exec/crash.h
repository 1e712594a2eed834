/*
 * Runners that die. The dead one is a forked process with a driver of its own that is killed with
 * SIGKILL at a known moment; commands and tests meet at two FIFOs.
 */
#ifndef RBK_TESTS_UNIT_DRIVERS_EXEC_CRASH_H
#define RBK_TESTS_UNIT_DRIVERS_EXEC_CRASH_H

#include "tests/unit/drivers/exec/world.h"

/** One of each for a test, which is a process of its own. */
extern struct world world;
extern struct answer answer;
extern int began; /**< A command writes here once it runs, a runner once it has a result. */
extern int go;    /**< A command waits here. */

/** Fixture: a claimed directory without a driver, and the FIFOs `began` and `go` in it. */
void crash_setup(void);
void crash_teardown(void);

/** Blocks until this letter comes out of `began`. */
void crash_await(char expected);
/** A runner that starts the command and lives until it is killed; it writes R once it has a result.
 */
pid_t crash_runner(const struct rbk_request *request);
/** Kills it and waits for it. */
void crash_end_runner(pid_t pid);
/** A command that says C when it runs, waits for crash_let_go(), writes `out` and `err`, and ends
 * with 5. */
struct rbk_request crash_patient(void);
void crash_let_go(void);

#endif
