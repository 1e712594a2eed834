#ifndef RBK_RUNTIME_PEOPLE_PARAMS_H
#define RBK_RUNTIME_PEOPLE_PARAMS_H

/*
 * What a person gave for a plan's parameters: --params FILE, then --set, which wins.
 */

#include "runtime/executor/run.h"
#include "runtime/people/options.h"

/* The caller's memory; texts live in its arena. */
struct rbk_params {
    struct rbk_arena arena;
    struct rbk_run_setting *items; /* each name once */
    size_t count;
};

/* @return 0; -RBK_EUSAGE (no `=`, a name given twice, no JSON object), -RBK_ENOTFOUND, -RBK_EIO. */
RBK_MUST_USE int rbk_params_read(const struct rbk_options *options, struct rbk_params *ret_params,
                                 struct rbk_error *reterr);
void rbk_params_fini(struct rbk_params *params);

#endif
