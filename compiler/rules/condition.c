/*
 * Conditions, three-valued as the core evaluates them.
 *
 * The lattice. What can become of a condition is a set of {true, false, missing}, ordered by
 * inclusion; all three are the top, where nothing is known. What a value can be is a range
 * (range.h), ordered by inclusion as well, with every number of its type as the top. What is known
 * of several values at once is one range for each of them (struct rbk_terms), without what ties
 * them together; ways that meet again are joined value by value, which takes more than either. So
 * each step only ever adds possibilities, and "cannot be true" is a proof that no values make it
 * true.
 *
 *   a < b           true when some value of a's range is less than some of b's; false likewise;
 *                   missing when either may be
 *   a and b         true when both can be, and what a teaches leaves b possible, and the other way
 *                   round; false when either can be; missing when either may be
 *   a or b          the same with true and false exchanged; `not a` exchanges them
 *   a ?? b          what a can be but missing, and, where a may be missing, what b can be
 *
 * A value that is missing makes a comparison missing, neither true nor false. So what is learned
 * from `x < 5` being true or false holds of an x that is there, and `x < 5 or x >= 5` can be true
 * or missing, but not false.
 *
 * One name is one value: parameters, `let`s, loop variables, values of the run, and the windows of
 * probes in triggers. In a check a probe is read anew for each place where it is named; a condition
 * that only holds when it changes in between is taken for the mistake it is. Two calls of a reading
 * are two values.
 */
#include "compiler/rules/condition.h"

/* Nodes looked at for one condition. A long one is looked at from several sides, so this bounds the
 * time; past it nothing more is found out. */
#define VISITS_MAX 3000u

struct rbk_condition rbk_condition_make(struct rbk_rules *rules)
{
    return (struct rbk_condition){.rules = rules, .source = rules->source};
}

bool rbk_condition_is_tired(struct rbk_condition *condition)
{
    return ++condition->visits > VISITS_MAX;
}

static bool is_comparison(unsigned op)
{
    return op == RBK_OPERATOR_EQUAL || op == RBK_OPERATOR_NOT_EQUAL || op == RBK_OPERATOR_LESS ||
           op == RBK_OPERATOR_LESS_EQUAL || op == RBK_OPERATOR_GREATER ||
           op == RBK_OPERATOR_GREATER_EQUAL;
}

/* ---- windows of one probe ----------------------------------------------------------------------
 */

/* The probe whose smallest, or greatest, reading this is; NULL when it is neither. */
static const struct rbk_declaration *extreme(const struct rbk_tree_expr *expr,
                                             enum rbk_window_kind kind)
{
    const struct rbk_builtin *builtin =
        expr->kind == RBK_EXPR_CALL ? rbk_builtin_of(expr->ref) : NULL;
    if (!builtin || builtin->kind != RBK_BUILTIN_AGGREGATE || builtin->is.window != kind) {
        return NULL;
    }
    const struct rbk_tree_expr *probe = rbk_call_value(expr, 0);
    return probe && probe->kind == RBK_EXPR_NAME ? probe->ref : NULL;
}

/* Both windows of one probe hold its latest good reading, so min(p, …) is at most max(p, …). */
static unsigned compare_extremes(enum rbk_operator op, const struct rbk_tree_expr *left,
                                 const struct rbk_tree_expr *right)
{
    const struct rbk_declaration *smallest = extreme(left, RBK_WINDOW_MIN);
    const struct rbk_declaration *greatest = extreme(right, RBK_WINDOW_MAX);
    if (!smallest || smallest->kind != RBK_DECLARATION_PROBE || smallest != greatest) {
        return RBK_CAN_BE_ANYTHING;
    }
    return op == RBK_OPERATOR_GREATER      ? RBK_CAN_BE_FALSE | RBK_CAN_BE_MISSING
           : op == RBK_OPERATOR_LESS_EQUAL ? RBK_CAN_BE_TRUE | RBK_CAN_BE_MISSING
                                           : RBK_CAN_BE_ANYTHING;
}

/* ---- what can become of it ---------------------------------------------------------------------
 */

/* Types whose values are numbers to a range. */
static bool has_range(enum rbk_type type)
{
    switch (type) {
    case RBK_TYPE_BOOL:
    case RBK_TYPE_INT:
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
    case RBK_TYPE_TIME:
        return true;
    default:
        return false;
    }
}

static bool is_number(enum rbk_type type)
{
    return type == RBK_TYPE_INT || type == RBK_TYPE_NUMBER;
}

/* Whether a comparison is one of numbers of one type, or asks whether two texts are the same. What
 * is neither is of no type that compares, which is reported elsewhere, or beyond this. */
static bool is_understood(const struct rbk_tree_expr *expr)
{
    enum rbk_type left = rbk_expr_type(expr->left);
    enum rbk_type right = rbk_expr_type(expr->right);
    bool equality = expr->op == RBK_OPERATOR_EQUAL || expr->op == RBK_OPERATOR_NOT_EQUAL;
    if (left != right && !(is_number(left) && is_number(right))) {
        return false;
    }
    return (has_range(left) && (equality || left != RBK_TYPE_BOOL)) ||
           (equality && left == RBK_TYPE_TEXT);
}

static unsigned compare(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                        const struct rbk_terms *terms)
{
    enum rbk_operator op = (enum rbk_operator)expr->op;
    bool misses = rbk_condition_may_miss(expr->left) || rbk_condition_may_miss(expr->right);
    if (rbk_condition_is_term(expr->left) &&
        rbk_condition_is_same(condition, expr->left, expr->right)) {
        bool same = op == RBK_OPERATOR_EQUAL || op == RBK_OPERATOR_LESS_EQUAL ||
                    op == RBK_OPERATOR_GREATER_EQUAL;
        return (same ? RBK_CAN_BE_TRUE : RBK_CAN_BE_FALSE) | RBK_CAN_BE_MISSING;
    }
    if (!is_understood(expr)) {
        return RBK_CAN_BE_ANYTHING;
    }
    struct rbk_range left = rbk_condition_range(condition, expr->left, terms, NULL);
    struct rbk_range right = rbk_condition_range(condition, expr->right, terms, NULL);
    struct rbk_range holds = rbk_range_compared(op, &right);
    struct rbk_range fails = rbk_range_compared(rbk_operator_opposite(op), &right);
    holds = rbk_range_meet(&left, &holds);
    fails = rbk_range_meet(&left, &fails);
    unsigned can = (holds.count > 0 ? RBK_CAN_BE_TRUE : 0u) |
                   (fails.count > 0 ? RBK_CAN_BE_FALSE : 0u) | (misses ? RBK_CAN_BE_MISSING : 0u);
    return can & compare_extremes(op, expr->left, expr->right) &
           compare_extremes(rbk_operator_turned(op), expr->right, expr->left);
}

static unsigned exchange(unsigned can)
{
    return ((can & RBK_CAN_BE_TRUE) ? RBK_CAN_BE_FALSE : 0u) |
           ((can & RBK_CAN_BE_FALSE) ? RBK_CAN_BE_TRUE : 0u) | (can & RBK_CAN_BE_MISSING);
}

/* Whether both sides can be @truth at once. */
static bool can_both(struct rbk_condition *condition, const struct rbk_tree_expr *expr, bool truth,
                     const struct rbk_terms *terms)
{
    struct rbk_terms both = *terms;
    rbk_condition_assume(condition, expr->left, truth, &both);
    if (!both.impossible) {
        rbk_condition_assume(condition, expr->right, truth, &both);
    }
    if (!both.impossible) { /* what the right side taught may rule the left one out */
        rbk_condition_assume(condition, expr->left, truth, &both);
    }
    return !both.impossible;
}

static unsigned outcomes_in(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                            const struct rbk_terms *terms, unsigned chain);

/* @chain: the operator this stands beside. In `a and b and c` the whole row is tried at once, not
 * each pair of it as well, so that a long row takes as long as it is. */
static unsigned connect(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                        const struct rbk_terms *terms, unsigned chain)
{
    bool all = expr->op == RBK_OPERATOR_AND; /* what both sides have to be for the whole to be it */
    unsigned both = all ? RBK_CAN_BE_TRUE : RBK_CAN_BE_FALSE;
    unsigned either = all ? RBK_CAN_BE_FALSE : RBK_CAN_BE_TRUE;
    unsigned left = outcomes_in(condition, expr->left, terms, expr->op);
    unsigned right = outcomes_in(condition, expr->right, terms, expr->op);
    unsigned can = (left | right) & (either | RBK_CAN_BE_MISSING);
    if ((left & right & both) && (chain == expr->op || can_both(condition, expr, all, terms))) {
        can |= both;
    }
    return can;
}

/* A value that is a bool itself. */
static unsigned outcomes_of_value(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                                  const struct rbk_terms *terms)
{
    if (rbk_expr_type(expr) != RBK_TYPE_BOOL) {
        return RBK_CAN_BE_ANYTHING;
    }
    struct rbk_range range = rbk_condition_range(condition, expr, terms, NULL);
    struct rbk_range one = rbk_range_point(1, true);
    struct rbk_range zero = rbk_range_point(0, true);
    one = rbk_range_meet(&range, &one);
    zero = rbk_range_meet(&range, &zero);
    return (one.count > 0 ? RBK_CAN_BE_TRUE : 0u) | (zero.count > 0 ? RBK_CAN_BE_FALSE : 0u) |
           (rbk_condition_may_miss(expr) ? RBK_CAN_BE_MISSING : 0u);
}

static unsigned outcomes_in(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                            const struct rbk_terms *terms, unsigned chain)
{
    if (rbk_condition_is_tired(condition)) {
        return RBK_CAN_BE_ANYTHING;
    }
    if (expr->kind == RBK_EXPR_NOT) {
        return exchange(rbk_condition_outcomes(condition, expr->left, terms));
    }
    if (expr->kind != RBK_EXPR_BINARY) {
        return outcomes_of_value(condition, expr, terms);
    }
    if (expr->op == RBK_OPERATOR_AND || expr->op == RBK_OPERATOR_OR) {
        return connect(condition, expr, terms, chain);
    }
    if (is_comparison(expr->op)) {
        return compare(condition, expr, terms);
    }
    if (expr->op == RBK_OPERATOR_COALESCE && rbk_expr_type(expr) == RBK_TYPE_BOOL) {
        unsigned left = rbk_condition_outcomes(condition, expr->left, terms);
        if (!(left & RBK_CAN_BE_MISSING)) {
            return left;
        }
        return (left & ~(unsigned)RBK_CAN_BE_MISSING) |
               rbk_condition_outcomes(condition, expr->right, terms);
    }
    return RBK_CAN_BE_ANYTHING;
}

unsigned rbk_condition_outcomes(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                                const struct rbk_terms *terms)
{
    return outcomes_in(condition, expr, terms, RBK_OPERATOR_KINDS);
}

/* ---- what follows from it ----------------------------------------------------------------------
 */

void rbk_condition_learn(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                         const struct rbk_range *range, struct rbk_terms *terms)
{
    struct rbk_range known = rbk_condition_range(condition, expr, terms, NULL);
    struct rbk_range met = rbk_range_meet(&known, range);
    if (met.count == 0) {
        terms->impossible = true;
        return;
    }
    if (!rbk_condition_is_term(expr)) {
        return;
    }
    struct rbk_term *term = (struct rbk_term *)rbk_terms_find(condition, terms, expr);
    if (!term && terms->count < RBK_TERMS_MAX) {
        term = &terms->items[terms->count++];
        term->expr = expr;
    }
    if (term) {
        term->range = met;
    }
}

static void assume_comparison(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                              bool truth, struct rbk_terms *terms)
{
    enum rbk_operator op = (enum rbk_operator)expr->op;
    if (!is_understood(expr)) {
        return;
    }
    op = truth ? op : rbk_operator_opposite(op);
    /* What ranges do not show: the same value twice, two windows of one probe. */
    unsigned wanted = truth ? RBK_CAN_BE_TRUE : RBK_CAN_BE_FALSE;
    if (expr->left->kind == expr->right->kind && !(compare(condition, expr, terms) & wanted)) {
        terms->impossible = true;
        return;
    }
    struct rbk_range right = rbk_condition_range(condition, expr->right, terms, NULL);
    struct rbk_range allowed = rbk_range_compared(op, &right);
    rbk_condition_learn(condition, expr->left, &allowed, terms);
    if (terms->impossible) {
        return;
    }
    struct rbk_range left = rbk_condition_range(condition, expr->left, terms, NULL);
    allowed = rbk_range_compared(rbk_operator_turned(op), &left);
    rbk_condition_learn(condition, expr->right, &allowed, terms);
}

/* What holds on either of two ways. A term that only one of them knows is not known. */
static void join(const struct rbk_condition *condition, const struct rbk_terms *one,
                 const struct rbk_terms *other, struct rbk_terms *ret_terms)
{
    if (one->impossible || other->impossible) {
        *ret_terms = one->impossible ? *other : *one;
        return;
    }
    rbk_terms_init(ret_terms);
    for (uint32_t i = 0; i < one->count; i++) {
        const struct rbk_term *term = &one->items[i];
        const struct rbk_term *same = rbk_terms_find(condition, other, term->expr);
        if (same) {
            ret_terms->items[ret_terms->count++] =
                (struct rbk_term){term->expr, rbk_range_join(&term->range, &same->range)};
        }
    }
}

/* One of both sides is @truth: the left one, or the right one. */
static void assume_either(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                          bool truth, struct rbk_terms *terms)
{
    struct rbk_terms left = *terms;
    struct rbk_terms right = *terms;
    rbk_condition_assume(condition, expr->left, truth, &left);
    rbk_condition_assume(condition, expr->right, truth, &right);
    join(condition, &left, &right, terms);
}

void rbk_condition_assume(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                          bool truth, struct rbk_terms *terms)
{
    if (terms->impossible || rbk_condition_is_tired(condition)) {
        return;
    }
    if (expr->kind == RBK_EXPR_NOT) {
        rbk_condition_assume(condition, expr->left, !truth, terms);
    } else if (expr->kind == RBK_EXPR_BINARY && is_comparison(expr->op)) {
        assume_comparison(condition, expr, truth, terms);
    } else if (expr->kind == RBK_EXPR_BINARY &&
               (expr->op == RBK_OPERATOR_AND || expr->op == RBK_OPERATOR_OR)) {
        if ((expr->op == RBK_OPERATOR_AND) == truth) {
            rbk_condition_assume(condition, expr->left, truth, terms);
            rbk_condition_assume(condition, expr->right, truth, terms);
        } else {
            assume_either(condition, expr, truth, terms);
        }
    } else if (expr->kind != RBK_EXPR_BINARY && rbk_expr_type(expr) == RBK_TYPE_BOOL) {
        struct rbk_range range = rbk_range_point(truth ? 1 : 0, true);
        rbk_condition_learn(condition, expr, &range, terms);
    }
}
