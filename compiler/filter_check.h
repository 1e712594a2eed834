/*
 * RBK129: jq filters that do not compile are told with their place, not by the run that needs them.
 *
 *     struct rbk_filter_check filters;
 *     rbk_filter_check_init(&filters);
 *     … for each plan: result = rbk_compile_analyse(&compile);
 *                      result = rbk_filter_check_plan(&filters, &compile) != 0 ? … : result;
 *     rbk_filter_check_fini(&filters);
 *
 * One worker for a command line, started when a plan has filters; each different text is compiled
 * once. Whoever cannot be asked refuses nothing: the filters are said to be unchecked.
 */
#ifndef RBK_COMPILER_FILTER_CHECK_H
#define RBK_COMPILER_FILTER_CHECK_H

#include "compiler/filter_judge.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/map.h"

struct rbk_compile;

/** What is known of filters; the caller's memory. Private to filter_check.c. */
struct rbk_filter_check {
    struct rbk_filter_judge judge;
    struct rbk_arena arena;  /**< Owns verdicts and their texts. */
    struct rbk_map verdicts; /**< Text -> struct verdict. */
    uint32_t refused;        /**< Texts found not to compile, of the plan under way. */
};

/** Starts nothing and allocates nothing. */
void rbk_filter_check_init(struct rbk_filter_check *check);

/** End the worker, give all memory back. */
void rbk_filter_check_fini(struct rbk_filter_check *check);

/**
 * Check the filters that rbk_compile_analyse() has collected. Diagnostics: RBK129, an error for
 * what does not compile, a warning for what ended libjq, a note for what could not be checked.
 * @return 0, or -RBK_ECOMPILE when one does not compile.
 */
RBK_MUST_USE int rbk_filter_check_plan(struct rbk_filter_check *check, struct rbk_compile *compile);

/** The same for a command that has one plan. */
RBK_MUST_USE int rbk_filter_check_once(struct rbk_compile *compile);

#endif
