#ifndef RBK_RUNTIME_EXECUTOR_SETTINGS_H
#define RBK_RUNTIME_EXECUTOR_SETTINGS_H

/* What a run is started with: parameters from a person, and what follows from them for its whole
 * life. */

#include "runtime/executor/run.h"

/*
 * Read and check every parameter of the machine.
 * @return 0 with machine->param_count values in `arena`; -RBK_EUSAGE naming the parameter (unknown,
 *         given twice, missing, not of its type, `where` does not hold).
 */
RBK_MUST_USE int rbk_settings_read(const struct rbk_machine *machine,
                                   const struct rbk_run_setting *settings, size_t setting_count,
                                   struct rbk_arena *arena, struct rbk_value **ret_params,
                                   struct rbk_error *reterr);
/* Observe, grace and report intervals from the parameters. 0 or -RBK_EUSAGE. */
RBK_MUST_USE int rbk_settings_derive(const struct rbk_machine *machine,
                                     const struct rbk_value *params, struct rbk_arena *arena,
                                     struct rbk_settings *ret_settings, struct rbk_error *reterr);
/* Parameters as the store keeps them: {"name": value}. Appends to `out`; 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_settings_encode(const struct rbk_machine *machine,
                                     const struct rbk_value *params, struct rbk_buffer *out);
RBK_MUST_USE int rbk_settings_decode(const struct rbk_machine *machine, struct rbk_str text,
                                     struct rbk_arena *arena, struct rbk_value **ret_params,
                                     struct rbk_error *reterr);
/*
 * What the store keeps of a run beside its journal and never changes (parameters, folder, who,
 * where, when, unrehearsed, machine), as one SHA-256: it stands in the START event, so that it is
 * as safe as the journal. Secrets are no part of it. 0 or -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_settings_hash(const struct rbk_store_run *run, char ret_hex[65]);

#endif
