/*
 * Machines for tests of the executor, compiled from a few lines of plan; and a temporary folder.
 */
#ifndef RBK_TESTS_UNIT_EXECUTOR_PLAN_H
#define RBK_TESTS_UNIT_EXECUTOR_PLAN_H

#include "runtime/core/base/error.h"
#include "runtime/core/expr.h"
#include "runtime/people/plan_file.h"

struct plan {
    struct rbk_plan_file file;
    const struct rbk_machine *machine;
    struct rbk_arena arena; /**< For whatever a test needs. */
    char folder[64];        /**< Temporary; the plan lies in it. */
};

/** Compiles a plan with this head (a first line with `use` goes before the plan) and these steps in
 * the `apply` of its only stage; the test fails when it does not compile. */
void plan_open(struct plan *plan, const char *head, const char *apply);
/** Frees everything and removes the folder. */
void plan_close(struct plan *plan);
/** Writes a file into the folder. */
void plan_write(const struct plan *plan, const char *name, const char *data, size_t bytes);
/** The first effect of a kind. */
const struct rbk_effect *plan_effect(const struct plan *plan, enum rbk_effect_kind kind);

#endif
