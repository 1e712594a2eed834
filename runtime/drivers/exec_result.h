/*
 * From the supervisor's dry ENDED to the result a person and the machine read: outcome, one line of
 * message, last lines of output, the value.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_RESULT_H
#define RBK_RUNTIME_DRIVERS_EXEC_RESULT_H

#include "runtime/drivers/driver.h"
#include "runtime/drivers/exec_protocol.h"

/** What a result carries of the output when the request does not say. */
#define RBK_EXEC_VALUE_BYTES ((size_t)1 << 20)

/** A result with the memory its texts lie in. */
struct rbk_exec_result {
    struct rbk_result result;
    struct rbk_buffer message, detail, output, path; /**< Owned. */
};

/** How much of the output a result for this request carries. */
size_t rbk_exec_value_bytes(const struct rbk_request *request);

/** Whether output goes back in the message instead of a file: what only looks, or has no serial. */
bool rbk_exec_is_reading(const struct rbk_request *request);

/**
 * Makes the result of a command that has ended.
 * @run_directory, directory  The run's directory, and it open: an effect's output is read from
 * there.
 */
void rbk_exec_result_init(struct rbk_exec_result *result, const struct rbk_request *request,
                          const struct rbk_exec_ended *ended, const char *run_directory,
                          int directory);

/** Makes a result without an ENDED. */
void rbk_exec_result_init_plain(struct rbk_exec_result *result, enum rbk_outcome outcome,
                                const char *message);

/** Frees what a result holds. */
void rbk_exec_result_fini(struct rbk_exec_result *result);

/**
 * Appends text so that a terminal and a log can take it: line ends and tabs stay, every other
 * control character, invalid UTF-8 and characters that change the direction of text or the place of
 * a line's end become "\x1b" or "\u202e".
 */
void rbk_exec_append_harmless(struct rbk_buffer *out, struct rbk_str text);

#endif
