/*
 * The jq filters of a program, collected for whoever can say whether they compile (filter_check.h).
 *
 * The compiler knows nothing of jq, and libjq is no place for hostile text: so the analysis notes
 * what will be given to jq and where it is written, and goes on. A filter is the text in
 * `http.json(url, '…')` and `run.json("…", '…')`, the text that becomes such a parameter of a
 * reading, an action or a channel, by however many calls, and the default of a `param` that does.
 * What is known only when a plan runs is not among them: a parameter's value, `--set`.
 */
#ifndef RBK_COMPILER_FILTERS_H
#define RBK_COMPILER_FILTERS_H

#include "compiler/source.h"
#include "runtime/core/base/str.h"

#include <stdint.h>

struct rbk_compile;
struct rbk_tree_expr;

/** The rule for filters that do not compile: RBK129. */
#define RBK_RULE_FILTER 129

/** One text, as it is written in one place. */
struct rbk_filter_text {
    struct rbk_filter_text *next; /**< In the order found. */
    struct rbk_str text;          /**< What jq is given. */
    struct rbk_place place;       /**< The STRING in the plan or in a module. */
};

/** The filters of a compilation; zeroed is empty. Its arena owns them. */
struct rbk_filters {
    struct rbk_filter_text *first, *last;
    uint32_t count;
};

/**
 * Note what a CALL gives to jq. Texts of the standard library are left out, since they are compiled
 * when it is tested. Everything called is resolved.
 * @source  Where the call stands.
 */
void rbk_filters_collect(struct rbk_compile *compile, const struct rbk_source *source,
                         const struct rbk_tree_expr *call);

#endif
