/*
 * From a request to the START message: the exact environment, the directory, and the refusal of
 * what no operating system could be given.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_COMMAND_H
#define RBK_RUNTIME_DRIVERS_EXEC_COMMAND_H

#include "runtime/core/stop_times.h"
#include "runtime/drivers/driver.h"

/** From SIGTERM to SIGKILL. */
#define RBK_EXEC_GRACE_MS RBK_STOP_TERM_MS
/** What a cancel command may take. */
#define RBK_EXEC_CANCEL_MS RBK_STOP_CANCEL_COMMAND_MS

/**
 * Appends a START frame.
 * @plan_directory  Absolute; where the command runs, or what a relative directory is below.
 * @why             For a person, written when the request is refused.
 * @return 0; -RBK_EINVALID with *why; -RBK_ELIMIT when it is too large; -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_exec_command_write(struct rbk_buffer *out, uint64_t ticket,
                                        const struct rbk_request *request,
                                        const char *plan_directory, struct rbk_buffer *why);

#endif
