/*
 * Arithmetic. An operand is an exact integer or a double; two integers that give an integer never
 * pass through a double. What overflows, divides by zero or is not a number is missing.
 */
#include "runtime/core/expr_ops.h"
#include "runtime/core/value_text.h"

#include <math.h>

struct operand {
    bool missing;
    bool whole; /* `integer` holds it exactly; `number` always holds it, rounded */
    int64_t integer;
    double number;
};

static struct operand operand_of(struct rbk_value value)
{
    if (!value.missing && (value.type == RBK_TYPE_SCALAR || value.type == RBK_TYPE_JSON)) {
        struct rbk_value whole = rbk_value_parse(RBK_TYPE_INT, value.as.text);
        value = whole.missing ? rbk_value_parse(RBK_TYPE_NUMBER, value.as.text) : whole;
    }
    if (value.missing) {
        return (struct operand){.missing = true};
    }
    if (rbk_type_is_integer(value.type)) {
        return (struct operand){
            .whole = true, .integer = value.as.integer, .number = (double)value.as.integer};
    }
    if (rbk_type_is_real(value.type)) {
        return (struct operand){.number = value.as.number};
    }
    return (struct operand){.missing = true};
}

static struct rbk_value whole_result(enum rbk_op op, enum rbk_type type, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool bad = true;
    switch (op) {
    case RBK_OP_ADD:
        bad = __builtin_add_overflow(a, b, &result);
        break;
    case RBK_OP_SUBTRACT:
        bad = __builtin_sub_overflow(a, b, &result);
        break;
    case RBK_OP_MULTIPLY:
        bad = __builtin_mul_overflow(a, b, &result);
        break;
    case RBK_OP_DIVIDE:
        bad = b == 0 || (a == INT64_MIN && b == -1);
        result = bad ? 0 : a / b;
        break;
    default:
        break;
    }
    return bad ? rbk_value_missing(type) : rbk_value_integer(type, result);
}

/* A double as a value of a numeric type. */
static struct rbk_value number_result(enum rbk_type type, double number)
{
    if (rbk_type_is_real(type)) {
        return rbk_value_number(type, number);
    }
    double rounded = nearbyint(number);
    /* NaN fails both comparisons. */
    if (rbk_type_is_integer(type) && rounded >= -0x1p63 && rounded < 0x1p63) {
        return rbk_value_integer(type, (int64_t)rounded);
    }
    return rbk_value_missing(type);
}

struct rbk_value rbk_op_arithmetic(enum rbk_op op, enum rbk_type type, struct rbk_value a,
                                   struct rbk_value b)
{
    struct operand left = operand_of(a);
    struct operand right = operand_of(b);
    if (left.missing || right.missing) {
        return rbk_value_missing(type);
    }
    if (left.whole && right.whole && rbk_type_is_integer(type)) {
        return whole_result(op, type, left.integer, right.integer);
    }
    switch (op) {
    case RBK_OP_ADD:
        return number_result(type, left.number + right.number);
    case RBK_OP_SUBTRACT:
        return number_result(type, left.number - right.number);
    case RBK_OP_MULTIPLY:
        return number_result(type, left.number * right.number);
    case RBK_OP_DIVIDE:
        return right.number == 0 ? rbk_value_missing(type)
                                 : number_result(type, left.number / right.number);
    default:
        return rbk_value_missing(type);
    }
}

/* A scalar as the number it is, other values as they are. */
static struct rbk_value plain(struct rbk_value a)
{
    if (a.missing || (a.type != RBK_TYPE_SCALAR && a.type != RBK_TYPE_JSON)) {
        return a;
    }
    struct operand operand = operand_of(a);
    if (operand.missing) {
        return rbk_value_missing(RBK_TYPE_NUMBER);
    }
    return operand.whole ? rbk_value_integer(RBK_TYPE_INT, operand.integer)
                         : rbk_value_number(RBK_TYPE_NUMBER, operand.number);
}

struct rbk_value rbk_op_negate(struct rbk_value a)
{
    a = plain(a);
    if (a.missing) {
        return a;
    }
    if (rbk_type_is_integer(a.type)) {
        return a.as.integer == INT64_MIN ? rbk_value_missing(a.type)
                                         : rbk_value_integer(a.type, -a.as.integer);
    }
    return rbk_type_is_real(a.type) ? rbk_value_number(a.type, -a.as.number)
                                    : rbk_value_missing(a.type);
}

struct rbk_value rbk_op_abs(struct rbk_value a)
{
    a = plain(a);
    if (a.missing) {
        return a;
    }
    if (rbk_type_is_integer(a.type)) {
        return a.as.integer < 0 ? rbk_op_negate(a) : a;
    }
    return rbk_type_is_real(a.type) ? rbk_value_number(a.type, fabs(a.as.number))
                                    : rbk_value_missing(a.type);
}

struct rbk_value rbk_op_ratio(struct rbk_value a, struct rbk_value b)
{
    struct operand left = operand_of(a);
    struct operand right = operand_of(b);
    if (left.missing || right.missing || right.number == 0) {
        return rbk_value_missing(RBK_TYPE_RATIO);
    }
    return rbk_value_number(RBK_TYPE_RATIO, left.number / right.number);
}

struct rbk_value rbk_op_print_as(struct rbk_value a, enum rbk_unit unit)
{
    enum rbk_type type = unit < RBK_UNIT_BYTE ? RBK_TYPE_DURATION : RBK_TYPE_BYTES;
    if (a.missing || a.type != type) {
        return rbk_value_missing(RBK_TYPE_NUMBER);
    }
    return rbk_value_number(RBK_TYPE_NUMBER, (double)a.as.integer / (double)rbk_unit_factor(unit));
}
