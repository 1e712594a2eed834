/*
 * Arithmetic on constants: what it comes to is known now, and what it cannot come to is said now,
 * with a place. In a run it would be missing, long after anybody could mend it. It is worked out by
 * the runtime's own operations, so that what is let through here is no surprise there.
 *
 * The typer asks once for the uppermost operator of each arithmetic expression; names, calls and
 * readings in it are unknown, and so is whatever is made of them.
 */
#include "compiler/types.h"

#include "compiler/parse.h"
#include "runtime/core/expr_ops.h"
#include "runtime/core/value_text.h"

#include <math.h>

/* Bytes of an expression that a message repeats; the place shows the rest. */
#define SHOWN_BYTES 60u

static double real_of(const struct rbk_tree_expr *expr)
{
    /* Powers of ten up to 22 are exact, so that the quotient is the nearest double. */
    return (double)expr->number / pow(10.0, expr->decimals);
}

bool rbk_expr_literal(const struct rbk_tree_expr *expr, struct rbk_value *ret_value)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_BOOL:
        *ret_value = rbk_value_bool(expr->number != 0);
        return true;
    case RBK_EXPR_INT:
        *ret_value = rbk_value_integer(RBK_TYPE_INT, expr->number);
        return true;
    case RBK_EXPR_NUMBER:
        *ret_value = rbk_value_number(RBK_TYPE_NUMBER, real_of(expr));
        return true;
    case RBK_EXPR_RATIO:
        *ret_value = rbk_value_number(RBK_TYPE_RATIO, real_of(expr));
        return true;
    case RBK_EXPR_DURATION:
        *ret_value = rbk_value_integer(RBK_TYPE_DURATION, expr->number);
        return true;
    case RBK_EXPR_BYTES:
        *ret_value = rbk_value_integer(RBK_TYPE_BYTES, expr->number);
        return true;
    case RBK_EXPR_STRING:
        if (expr->has_parts) {
            return false;
        }
        *ret_value = rbk_value_text(RBK_TYPE_TEXT, expr->text);
        return true;
    default:
        return false;
    }
}

bool rbk_type_is_arithmetic(const struct rbk_tree_expr *expr)
{
    return expr->kind == RBK_EXPR_NEGATE || expr->kind == RBK_EXPR_AS ||
           (expr->kind == RBK_EXPR_BINARY &&
            (expr->op == RBK_OPERATOR_ADD || expr->op == RBK_OPERATOR_SUBTRACT ||
             expr->op == RBK_OPERATOR_MULTIPLY || expr->op == RBK_OPERATOR_DIVIDE));
}

static void report_no_fit(const struct rbk_typer *typer, const struct rbk_tree_expr *expr)
{
    unsigned type = expr->typing.type;
    struct rbk_str text = rbk_source_text(typer->analysis->file->tree->source, expr->span);
    bool shown = text.bytes <= SHOWN_BYTES && rbk_str_find(text, '\n') == text.bytes;
    struct rbk_str words =
        type == RBK_TYPE_BYTES ? RBK_STR("a size") : rbk_type_a(typer, expr->typing);
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &typer->analysis->compile->diagnostics, RBK_RULE_LIMIT,
        rbk_analysis_place(typer->analysis, expr->span), "%s%.*s%s does not fit into %.*s",
        shown ? "`" : "what this comes to", RBK_STR_ARG(shown ? text : RBK_STR("")),
        shown ? "`" : "", RBK_STR_ARG(words));
    if (rbk_type_is_integer((enum rbk_type)type)) {
        rbk_diagnostic_help(diagnostic,
                            "It goes up to 9223372036854775807%s, and as far below zero.",
                            type == RBK_TYPE_DURATION ? " milliseconds"
                            : type == RBK_TYPE_BYTES  ? " bytes"
                                                      : "");
    } else {
        rbk_diagnostic_help(diagnostic, "It has at most 308 digits before its point.");
    }
}

static bool is_zero(struct rbk_value value)
{
    return !value.missing &&
           (rbk_type_is_integer(value.type) ? value.as.integer == 0 : value.as.number == 0);
}

static bool value_of(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                     struct rbk_value *ret_value);

/* What an operation came to; a message when that is nothing. */
static bool take(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                 struct rbk_value value, struct rbk_value *ret_value)
{
    if (value.missing) {
        report_no_fit(typer, expr);
        return false;
    }
    *ret_value = value;
    return true;
}

static bool value_of_binary(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                            struct rbk_value *ret_value)
{
    enum rbk_op op = expr->op == RBK_OPERATOR_ADD        ? RBK_OP_ADD
                     : expr->op == RBK_OPERATOR_SUBTRACT ? RBK_OP_SUBTRACT
                     : expr->op == RBK_OPERATOR_MULTIPLY ? RBK_OP_MULTIPLY
                                                         : RBK_OP_DIVIDE;
    struct rbk_value left;
    struct rbk_value right;
    bool left_known = value_of(typer, expr->left, &left);
    bool right_known = value_of(typer, expr->right, &right);
    if (op == RBK_OP_DIVIDE && right_known && is_zero(right)) {
        rbk_diagnostic_mark(rbk_type_error(typer, expr->right, "division by zero"), "is zero");
        return false;
    }
    return left_known && right_known &&
           take(typer, expr, rbk_op_arithmetic(op, (enum rbk_type)expr->typing.type, left, right),
                ret_value);
}

/* `left as UNIT`; what stands behind `as` otherwise is read from text, or becomes it. */
static bool value_of_as(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                        struct rbk_value *ret_value)
{
    enum rbk_unit unit;
    enum rbk_type type;
    struct rbk_value left;
    if (!value_of(typer, expr->left, &left) || !rbk_as_word(expr->name->name->text, &unit, &type) ||
        unit == RBK_UNIT_COUNT) {
        return false;
    }
    if (left.type == type) {
        return take(typer, expr, rbk_op_print_as(left, unit), ret_value);
    }
    return (left.type == RBK_TYPE_INT || left.type == RBK_TYPE_NUMBER) &&
           take(typer, expr,
                rbk_op_arithmetic(RBK_OP_MULTIPLY, type, left,
                                  rbk_value_integer(type, rbk_unit_factor(unit))),
                ret_value);
}

/* Whether the value is known. */
static bool value_of(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                     struct rbk_value *ret_value)
{
    if (expr->typing.type == RBK_TYPE_UNKNOWN) {
        return false;
    }
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NEGATE:
        return value_of(typer, expr->left, ret_value) &&
               take(typer, expr, rbk_op_negate(*ret_value), ret_value);
    case RBK_EXPR_AS:
        return value_of_as(typer, expr, ret_value);
    case RBK_EXPR_BINARY:
        return rbk_type_is_arithmetic(expr) && value_of_binary(typer, expr, ret_value);
    default:
        return rbk_expr_literal(expr, ret_value) && rbk_type_is_number(ret_value->type);
    }
}

bool rbk_type_arithmetic(const struct rbk_typer *typer, const struct rbk_tree_expr *expr)
{
    const struct rbk_diagnostics *diagnostics = &typer->analysis->compile->diagnostics;
    uint64_t before = (uint64_t)diagnostics->count + diagnostics->dropped;
    struct rbk_value value;
    (void)value_of(typer, expr, &value);
    return (uint64_t)diagnostics->count + diagnostics->dropped == before;
}
