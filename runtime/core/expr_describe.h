#ifndef RBK_RUNTIME_CORE_EXPR_DESCRIBE_H
#define RBK_RUNTIME_CORE_EXPR_DESCRIBE_H

/*
 * What an expression looked at, and what it saw there: the readings that made a decision, for the
 * journal. The expression itself with its operators and limits is in the machine.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/expr.h"

/* The most one description takes; what does not fit any more ends in "…". */
#define RBK_DESCRIBE_BYTES_MAX ((size_t)1000)

/* Append what else is known of a window's value: " (avg of 20 readings)". */
typedef void rbk_describe_window_fn(void *context, uint32_t window, struct rbk_buffer *out);

/*
 * Append "avg error_rate over 5m = 8%, baseline p99 = 120ms, leads_before = 42" on one line: every
 * probe, baseline, reading, bound value, parameter and run variable that the expression names, each
 * once, in the order in which it is looked at. Constants are left out, secrets are named without
 * their value. Nothing for an expression of constants alone.
 * @scope        As for rbk_expr_evaluate(); scope->reads may be NULL: they count as missing.
 * @window_note  May be NULL; gets scope->context.
 */
void rbk_expr_describe(const struct rbk_scope *scope, uint32_t expr,
                       rbk_describe_window_fn *window_note, struct rbk_buffer *out);

#endif
