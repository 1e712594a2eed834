/*
 * RBK150 as part of a check: lower the plan, explore its machine, and report what is found as
 * diagnostics. Run apart from the rules, since it needs the machine, and after them, since it
 * makes no sense of a plan with errors.
 */
#ifndef RBK_COMPILER_PROVE_H
#define RBK_COMPILER_PROVE_H

#include <stdbool.h>
#include <stdint.h>

struct rbk_compile;

/** Stages up to which a check explores; of a longer plan it says that it was not. */
#define RBK_PROVE_STAGES_MAX 200u
/** And states of its machine. */
#define RBK_PROVE_MACHINE_STATES_MAX 5000u

/** What a check may spend; zero is the default everywhere. */
struct rbk_prove_limits {
    uint64_t states_max; /**< States of the exploration; explore.h. */
    bool always;         /**< However long the plan is. */
};

/**
 * Explore a plan that was analysed without errors (compile.h), and add RBK150 for what is broken,
 * or what was not covered; a plan that is too long is not covered at all. Lowering may add errors,
 * too.
 */
void rbk_prove_plan(struct rbk_compile *compile, const struct rbk_prove_limits *limits);

#endif
