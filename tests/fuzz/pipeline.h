#ifndef RBK_TESTS_FUZZ_PIPELINE_H
#define RBK_TESTS_FUZZ_PIPELINE_H

/*
 * A plan on its way through the compiler, and what must be true of each thing that is made of it.
 * A check that does not hold ends the process.
 */

#include "compiler/compile.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/machine.h"

#include <stdbool.h>

/* Larger inputs are passed over: they find nothing that smaller ones do not. */
#define FUZZ_PLAN_BYTES_MAX ((size_t)64 << 10)

/* A plan that was compiled as far as it goes; the caller's memory. */
struct fuzz_plan {
    struct rbk_compile compile;
    struct rbk_machine *machine; /* Of a plan without errors, with its hash; else NULL. */
    struct rbk_buffer text;      /* The machine's. */
    bool whole;                  /* No file of it has syntax errors. */
};

/*
 * Compile. Every finding has a message, a number and a place in a source; whatever is refused has a
 * finding; a plan without errors gives a machine that passes its check and, read back, writes the
 * same bytes.
 */
void fuzz_plan_open(struct fuzz_plan *plan, struct rbk_str text);

/* Give all memory back. */
void fuzz_plan_close(struct fuzz_plan *plan);

/* What was found, in every format: JSON and SARIF are JSON with as many entries as there are
 * findings, pages are whole, and nothing of the plan becomes markup or a command. */
void fuzz_check_findings(const struct fuzz_plan *plan);

/* The one layout is accepted, is its own layout, and makes the same machine. */
void fuzz_check_layout(struct fuzz_plan *plan);

/* Only of a plan without errors: the steps of each longest path add up to the time they explain,
 * and both reports are well formed. */
void fuzz_check_times(struct fuzz_plan *plan);

/* Fixing leaves no more errors than there were, and nothing to fix. @text The plan. */
void fuzz_check_fix(struct rbk_str text);

/* ---- check_machine.c ------------------------------------------------------------------------- */

/* What a machine came from. */
enum fuzz_origin {
    FUZZ_FROM_BYTES, /* Anything that passes the check: it may break every promise. */
    FUZZ_FROM_PLAN,  /* A plan without errors: it keeps those that step() keeps. */
};

/* Explore within small limits: they hold, stories and exits are within the machine, both reports
 * are well formed; of a plan's machine no promise is broken that a plan cannot break, and, where it
 * is small, full exploration has the same verdict and exits. */
void fuzz_check_exploration(const struct rbk_machine *machine, enum fuzz_origin origin);

/* The pictures and the model in Promela: brackets and quotes balance, lines are text. */
void fuzz_check_pictures(const struct rbk_machine *machine, enum fuzz_origin origin);

/* ---- check_pages.c --------------------------------------------------------------------------- */

/* The runbook of a plan without errors, as Markdown and as HTML. */
void fuzz_check_runbook(struct fuzz_plan *plan);

/* The review page, alone and against another plan: short enough for a comment unless whole, and
 * nothing of the plan becomes markup. The same machine means no difference, another one means at
 * least one, whichever of the two is the old one. @before May be NULL. */
void fuzz_check_review(struct fuzz_plan *before, struct fuzz_plan *plan);

#endif
