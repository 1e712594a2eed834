/*
 * Conditions and reactions: which of two is the stricter one.
 *
 * A condition is harder to fulfil when its limit moved away from what fulfils it. Only what can be
 * told from the limits alone is told: one literal, or one literal in a sum or product with parts
 * that stayed the same, on either side of a comparison; `and` and `or` of such.
 */
#include "compiler/review/comparison.h"

static bool is_number(const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
        return true;
    default:
        return false;
    }
}

static double number_of(const struct rbk_tree_expr *expr)
{
    double value = (double)expr->number;
    bool decimal = expr->kind == RBK_EXPR_NUMBER || expr->kind == RBK_EXPR_RATIO;
    for (unsigned i = 0; i < expr->decimals && decimal; i++) {
        value /= 10;
    }
    return value;
}

static bool same(const struct rbk_comparison *comparison, const struct rbk_tree_expr *before,
                 const struct rbk_tree_expr *after)
{
    return rbk_comparison_same(comparison, before->span, after->span);
}

/* Whether a value became larger (1) or smaller (-1); 0: cannot be told. */
static int value_change(const struct rbk_comparison *comparison, const struct rbk_tree_expr *before,
                        const struct rbk_tree_expr *after)
{
    if (before->kind != after->kind) {
        return 0;
    }
    if (is_number(before)) {
        double was = number_of(before);
        double now = number_of(after);
        return now > was ? 1 : now < was ? -1 : 0;
    }
    if (before->kind == RBK_EXPR_BINARY && before->op == after->op &&
        (before->op == RBK_OPERATOR_ADD || before->op == RBK_OPERATOR_MULTIPLY)) {
        if (same(comparison, before->left, after->left)) {
            return value_change(comparison, before->right, after->right);
        }
        if (same(comparison, before->right, after->right)) {
            return value_change(comparison, before->left, after->left);
        }
    }
    return 0;
}

static bool is_and_or(const struct rbk_tree_expr *expr)
{
    return expr->op == RBK_OPERATOR_AND || expr->op == RBK_OPERATOR_OR;
}

int rbk_condition_change(const struct rbk_comparison *comparison,
                         const struct rbk_tree_expr *before, const struct rbk_tree_expr *after)
{
    if (before->kind != RBK_EXPR_BINARY || after->kind != RBK_EXPR_BINARY) {
        return 0;
    }
    bool left = same(comparison, before->left, after->left);
    bool right = same(comparison, before->right, after->right);
    bool stricter = after->op == RBK_OPERATOR_LESS || after->op == RBK_OPERATOR_GREATER;
    if (before->op != after->op) {
        /* `<` against `<=` with the same sides. */
        bool pair =
            (before->op == RBK_OPERATOR_LESS && after->op == RBK_OPERATOR_LESS_EQUAL) ||
            (before->op == RBK_OPERATOR_LESS_EQUAL && after->op == RBK_OPERATOR_LESS) ||
            (before->op == RBK_OPERATOR_GREATER && after->op == RBK_OPERATOR_GREATER_EQUAL) ||
            (before->op == RBK_OPERATOR_GREATER_EQUAL && after->op == RBK_OPERATOR_GREATER);
        return pair && left && right ? (stricter ? 1 : -1) : 0;
    }
    if (is_and_or(before)) {
        int of_left = left ? 0 : rbk_condition_change(comparison, before->left, after->left);
        int of_right = right ? 0 : rbk_condition_change(comparison, before->right, after->right);
        if ((!left && of_left == 0) || (!right && of_right == 0) || of_left * of_right < 0) {
            return 0;
        }
        return of_left != 0 ? of_left : of_right;
    }
    int change = left    ? value_change(comparison, before->right, after->right)
                 : right ? -value_change(comparison, before->left, after->left)
                         : 0;
    switch ((enum rbk_operator)before->op) {
    case RBK_OPERATOR_GREATER:
    case RBK_OPERATOR_GREATER_EQUAL:
        return change;
    case RBK_OPERATOR_LESS:
    case RBK_OPERATOR_LESS_EQUAL:
        return -change;
    default:
        return 0;
    }
}

bool rbk_condition_limits(const struct rbk_comparison *comparison,
                          const struct rbk_tree_expr *before, const struct rbk_tree_expr *after,
                          struct rbk_span *ret_before, struct rbk_span *ret_after)
{
    if (before->kind != RBK_EXPR_BINARY || after->kind != RBK_EXPR_BINARY ||
        before->op != after->op || is_and_or(before) ||
        !same(comparison, before->left, after->left) || before->right->kind != after->right->kind ||
        !is_number(before->right)) {
        return false;
    }
    *ret_before = before->right->span;
    *ret_after = after->right->span;
    return true;
}

int rbk_reaction_strength(const struct rbk_tree_reaction *reaction)
{
    if (reaction == NULL) {
        return 0;
    }
    int strength = 0;
    switch ((enum rbk_reaction_kind)reaction->kind) {
    case RBK_REACTION_ABORT:
        strength = 50;
        break;
    case RBK_REACTION_ROLLBACK:
        strength = 40;
        break;
    case RBK_REACTION_PAUSE:
    case RBK_REACTION_CANCEL:
        strength = 30;
        break;
    case RBK_REACTION_ASK:
        strength = 20;
        break;
    case RBK_REACTION_NOTIFY:
        strength = 10;
        break;
    case RBK_REACTION_KEEP:
    case RBK_REACTION_HOLD:
    case RBK_REACTION_KIND_COUNT:
        break;
    }
    bool asks = reaction->roles != NULL && reaction->kind != RBK_REACTION_ASK;
    return strength - (asks ? 5 : 0);
}
