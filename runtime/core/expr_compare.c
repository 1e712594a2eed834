/*
 * Comparison and three-valued logic.
 */
#include "runtime/core/expr_ops.h"
#include "runtime/core/value_text.h"

#include <math.h>

enum order { LESS, EQUAL, GREATER, UNEQUAL, UNKNOWN };

static enum order order_of_integers(int64_t a, int64_t b)
{
    return a < b ? LESS : a > b ? GREATER : EQUAL;
}

static enum order order_of_numbers(double a, double b)
{
    return a < b ? LESS : a > b ? GREATER : EQUAL;
}

/* Exact: an integer beyond 2^53 is not rounded to the double it is compared with. */
static enum order order_of_mixed(int64_t a, double b)
{
    if (b >= 0x1p63) {
        return LESS;
    }
    if (b < -0x1p63) {
        return GREATER;
    }
    double whole = trunc(b);
    enum order order = order_of_integers(a, (int64_t)whole);
    return order == EQUAL ? order_of_numbers(0, b - whole) : order;
}

static enum order order_of_text(struct rbk_str a, struct rbk_str b)
{
    int order = rbk_str_compare(a, b);
    return order < 0 ? LESS : order > 0 ? GREATER : EQUAL;
}

static bool is_from_outside(enum rbk_type type)
{
    return type == RBK_TYPE_SCALAR || type == RBK_TYPE_JSON;
}

/* Text as a value of `type`; whole or not where any number will do. */
static struct rbk_value read_text(struct rbk_str text, enum rbk_type type)
{
    struct rbk_value value = rbk_value_parse(type, text);
    return value.missing && type == RBK_TYPE_INT ? rbk_value_parse(RBK_TYPE_NUMBER, text) : value;
}

static enum order order_of_plain(struct rbk_value a, struct rbk_value b)
{
    if (a.type == RBK_TYPE_INT && b.type == RBK_TYPE_NUMBER) {
        return order_of_mixed(a.as.integer, b.as.number);
    }
    if (a.type == RBK_TYPE_NUMBER && b.type == RBK_TYPE_INT) {
        enum order order = order_of_mixed(b.as.integer, a.as.number);
        return order == LESS ? GREATER : order == GREATER ? LESS : order;
    }
    if (a.type != b.type) {
        return UNKNOWN;
    }
    if (rbk_type_is_integer(a.type)) {
        return order_of_integers(a.as.integer, b.as.integer);
    }
    if (rbk_type_is_real(a.type)) {
        return order_of_numbers(a.as.number, b.as.number);
    }
    if (a.type == RBK_TYPE_BOOL) {
        return a.as.truth == b.as.truth ? EQUAL : UNEQUAL;
    }
    return UNKNOWN;
}

/* Two texts from outside: numbers when both are, then bools, else text. */
static enum order order_of_scalars(struct rbk_str a, struct rbk_str b)
{
    enum rbk_type types[] = {RBK_TYPE_INT, RBK_TYPE_BOOL};
    for (size_t i = 0; i < RBK_COUNT(types); i++) {
        struct rbk_value left = read_text(a, types[i]);
        struct rbk_value right = read_text(b, types[i]);
        if (!left.missing && !right.missing) {
            return order_of_plain(left, right);
        }
    }
    return order_of_text(a, b);
}

/* Anything but lists. */
static enum order order_of(struct rbk_value a, struct rbk_value b)
{
    if (a.missing || b.missing) {
        return UNKNOWN;
    }
    if (rbk_type_is_text(a.type) && rbk_type_is_text(b.type)) {
        return is_from_outside(a.type) && is_from_outside(b.type)
                   ? order_of_scalars(a.as.text, b.as.text)
                   : order_of_text(a.as.text, b.as.text);
    }
    if (is_from_outside(a.type)) {
        a = read_text(a.as.text, b.type);
    } else if (is_from_outside(b.type)) {
        b = read_text(b.as.text, a.type);
    }
    return a.missing || b.missing ? UNKNOWN : order_of_plain(a, b);
}

static enum order order_of_lists(struct rbk_value a, struct rbk_value b)
{
    if (a.as.list.count != b.as.list.count) {
        return UNEQUAL;
    }
    enum order all = EQUAL;
    for (size_t i = 0; i < a.as.list.count && all != UNKNOWN; i++) {
        enum order order = order_of(a.as.list.items[i], b.as.list.items[i]);
        all = order == EQUAL ? all : order == UNKNOWN ? UNKNOWN : UNEQUAL;
    }
    return all;
}

struct rbk_value rbk_op_compare(enum rbk_op op, struct rbk_value a, struct rbk_value b)
{
    bool lists = !a.missing && !b.missing && a.type == RBK_TYPE_LIST && b.type == RBK_TYPE_LIST;
    enum order order = lists ? order_of_lists(a, b) : order_of(a, b);
    bool ordered = order == LESS || order == EQUAL || order == GREATER;
    bool known = order != UNKNOWN;
    bool truth = false;
    switch (op) {
    case RBK_OP_EQ:
        truth = order == EQUAL;
        break;
    case RBK_OP_NE:
        truth = order != EQUAL;
        break;
    case RBK_OP_LT:
        truth = order == LESS;
        break;
    case RBK_OP_LE:
        truth = order != GREATER;
        break;
    case RBK_OP_GT:
        truth = order == GREATER;
        break;
    case RBK_OP_GE:
        truth = order != LESS;
        break;
    default:
        known = false;
        break;
    }
    /* Bools and lists have no order, not even when they are equal. */
    if (op != RBK_OP_EQ && op != RBK_OP_NE) {
        known = ordered && !lists && a.type != RBK_TYPE_BOOL && b.type != RBK_TYPE_BOOL;
    }
    return known ? rbk_value_bool(truth) : rbk_value_missing(RBK_TYPE_BOOL);
}

static struct rbk_value truth_of(struct rbk_value a)
{
    if (!a.missing && is_from_outside(a.type)) {
        return rbk_value_parse(RBK_TYPE_BOOL, a.as.text);
    }
    return !a.missing && a.type == RBK_TYPE_BOOL ? a : rbk_value_missing(RBK_TYPE_BOOL);
}

struct rbk_value rbk_op_not(struct rbk_value a)
{
    a = truth_of(a);
    return a.missing ? a : rbk_value_bool(!a.as.truth);
}

struct rbk_value rbk_op_and(struct rbk_value a, struct rbk_value b)
{
    a = truth_of(a);
    b = truth_of(b);
    if ((!a.missing && !a.as.truth) || (!b.missing && !b.as.truth)) {
        return rbk_value_bool(false);
    }
    return a.missing || b.missing ? rbk_value_missing(RBK_TYPE_BOOL) : rbk_value_bool(true);
}

struct rbk_value rbk_op_or(struct rbk_value a, struct rbk_value b)
{
    a = truth_of(a);
    b = truth_of(b);
    if ((!a.missing && a.as.truth) || (!b.missing && b.as.truth)) {
        return rbk_value_bool(true);
    }
    return a.missing || b.missing ? rbk_value_missing(RBK_TYPE_BOOL) : rbk_value_bool(false);
}
