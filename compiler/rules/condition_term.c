/*
 * Terms: values that are one and the same wherever they stand in a condition, and whether a value
 * can be missing.
 */
#include "compiler/rules/condition.h"

/* ---- missing -----------------------------------------------------------------------------------
 */

bool rbk_condition_may_miss(const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_BOOL:
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
        return false;
    case RBK_EXPR_STRING:
        return expr->has_parts;
    case RBK_EXPR_NAME:
        return !expr->ref || expr->ref->kind != RBK_DECLARATION_PARAM ||
               rbk_expr_type(expr) != (enum rbk_type)expr->ref->typing.type;
    case RBK_EXPR_NOT:
        return rbk_condition_may_miss(expr->left);
    case RBK_EXPR_BINARY:
        if (expr->op == RBK_OPERATOR_COALESCE) {
            return rbk_condition_may_miss(expr->right);
        }
        if (expr->op == RBK_OPERATOR_ADD || expr->op == RBK_OPERATOR_SUBTRACT ||
            expr->op == RBK_OPERATOR_MULTIPLY || expr->op == RBK_OPERATOR_DIVIDE) {
            return true; /* it may overflow */
        }
        return rbk_condition_may_miss(expr->left) || rbk_condition_may_miss(expr->right);
    default:
        return true;
    }
}

/* ---- terms -------------------------------------------------------------------------------------
 */

bool rbk_condition_is_term(const struct rbk_tree_expr *expr)
{
    if (expr->kind == RBK_EXPR_NAME || expr->kind == RBK_EXPR_MEMBER) {
        return expr->ref != NULL;
    }
    const struct rbk_builtin *builtin =
        expr->kind == RBK_EXPR_CALL ? rbk_builtin_of(expr->ref) : NULL;
    return builtin &&
           (builtin->kind == RBK_BUILTIN_AGGREGATE || builtin->kind == RBK_BUILTIN_BASELINE);
}

enum rbk_type rbk_condition_type(const struct rbk_tree_expr *expr)
{
    enum rbk_type type = rbk_expr_type(expr);
    return expr->typing.type == RBK_TYPE_INT && type == RBK_TYPE_NUMBER ? RBK_TYPE_INT : type;
}

bool rbk_condition_is_same(const struct rbk_condition *condition, const struct rbk_tree_expr *a,
                           const struct rbk_tree_expr *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->ref != b->ref || rbk_condition_type(a) != rbk_condition_type(b)) {
        return false;
    }
    return a->kind != RBK_EXPR_CALL || rbk_str_equal(rbk_source_text(condition->source, a->span),
                                                     rbk_source_text(condition->source, b->span));
}

const struct rbk_term *rbk_terms_find(const struct rbk_condition *condition,
                                      const struct rbk_terms *terms,
                                      const struct rbk_tree_expr *expr)
{
    for (uint32_t i = 0; i < terms->count; i++) {
        if (rbk_condition_is_same(condition, terms->items[i].expr, expr)) {
            return &terms->items[i];
        }
    }
    return NULL;
}

const struct rbk_tree_expr *rbk_condition_name_in(const struct rbk_tree_expr *expr,
                                                  const struct rbk_declaration *declaration)
{
    const struct rbk_tree_expr *found = NULL;
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        return expr->ref == declaration &&
                       rbk_condition_type(expr) == (enum rbk_type)expr->typing.type
                   ? expr
                   : NULL;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        return rbk_condition_name_in(expr->left, declaration);
    case RBK_EXPR_BINARY:
        found = rbk_condition_name_in(expr->left, declaration);
        return found ? found : rbk_condition_name_in(expr->right, declaration);
    default:
        return NULL;
    }
}
