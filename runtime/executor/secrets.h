#ifndef RBK_RUNTIME_EXECUTOR_SECRETS_H
#define RBK_RUNTIME_EXECUTOR_SECRETS_H

/*
 * The secrets of a run: read once from environment, file or command, kept in locked memory that no
 * core dump holds, and known to the redactor from the first moment on.
 */

#include "runtime/core/base/error.h"
#include "runtime/core/machine.h"
#include "runtime/drivers/redact.h"

struct rbk_secrets;

/*
 * @return 0; -RBK_EUSAGE naming the secret and where it was to come from (unset, unreadable, empty,
 *         shorter than four bytes, the command failed).
 */
RBK_MUST_USE int rbk_secrets_load(const struct rbk_machine *machine, const struct rbk_value *params,
                                  const char *directory, struct rbk_secrets **ret_secrets,
                                  struct rbk_error *reterr);
/* The value of secret `index`; borrowed. */
struct rbk_str rbk_secrets_get(const struct rbk_secrets *secrets, uint32_t index);
/* All of them, in order: machine->secret_count. */
const struct rbk_str *rbk_secrets_all(const struct rbk_secrets *secrets);
/* A copy of `text` with no secret in it, in `arena`. */
struct rbk_str rbk_secrets_redact(const struct rbk_secrets *secrets, struct rbk_arena *arena,
                                  struct rbk_str text);
/* Wipes. */
void rbk_secrets_free(struct rbk_secrets *secrets);

#endif
