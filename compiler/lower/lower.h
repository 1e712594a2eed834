/*
 * Lowering: from a checked plan to a machine.
 *
 * Everything a plan may say beside stages and steps becomes rows of the machine's tables; modules,
 * actions, backups, channels and loops are written out, so that the machine knows none of them.
 * What the machine has no place for is refused with a diagnostic: nothing is passed over silently.
 */
#ifndef RBK_COMPILER_LOWER_LOWER_H
#define RBK_COMPILER_LOWER_LOWER_H

#include "runtime/core/base/attributes.h"

struct rbk_compile;
struct rbk_error;
struct rbk_machine;

/** The rule under which lowering refuses what this version cannot carry out: RBK180. */
#define RBK_RULE_UNSUPPORTED 180
/** The rule for a secret that could become readable: RBK160. */
#define RBK_RULE_SECRET 160
/** The rule for names that lead nowhere, files included: RBK140. */
#define RBK_RULE_NAME 140
/** The rule for values that do not fit where they stand: RBK130. */
#define RBK_RULE_TYPE 130
/** The rule for signs of a shell where there is none: RBK128. */
#define RBK_RULE_SHELL_SIGN 128

/**
 * Lower the plan of a compilation for which rbk_compile_analyse() returned 0.
 * @ret_machine  Set on success only: lives in the compilation's arena and borrows its texts,
 * complete but for the hash, which rbk_machine_write() sets.
 * @return 0, or -RBK_ECOMPILE with diagnostics added: RBK130, RBK140 (an SQL file), RBK160, RBK170,
 *         RBK180.
 */
RBK_MUST_USE int rbk_compile_lower(struct rbk_compile *compile, struct rbk_machine **ret_machine);

#endif
