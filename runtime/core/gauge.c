/*
 * The two sides of a comparison, cut out of its stack program and evaluated each for itself: the
 * program of `a > b` is that of a, that of b, then GT. Where b begins is found by walking back from
 * the end until exactly one value is accounted for.
 */
#include "runtime/core/gauge.h"

#include <math.h>

#include "runtime/core/expr_ops.h"
#include "runtime/core/value_text.h"

static bool is_comparison(enum rbk_op op)
{
    return op == RBK_OP_EQ || op == RBK_OP_NE || op == RBK_OP_LT || op == RBK_OP_LE ||
           op == RBK_OP_GT || op == RBK_OP_GE;
}

/* The first instruction of the value that ends just before `end`; `first` when there is none. */
static uint32_t value_start(const struct rbk_op_code *codes, uint32_t first, uint32_t end)
{
    uint64_t wanted = 1;
    while (end > first && wanted != 0) {
        end--;
        wanted = wanted - 1 + rbk_op_takes(codes[end]);
    }
    return end;
}

/* Evaluate a piece of a program, as if it were expression 0 of a machine like this one. */
static bool evaluate(const struct rbk_scope *scope, struct rbk_slice reads, uint32_t first,
                     uint32_t end, struct rbk_arena *arena, struct rbk_value *ret_value)
{
    struct rbk_expr piece = {.code = {first, end - first}, .reads = reads};
    struct rbk_machine machine = *scope->machine;
    struct rbk_scope inner = *scope;
    machine.exprs = &piece;
    machine.expr_count = 1;
    inner.machine = &machine;
    return first < end && rbk_expr_evaluate(&inner, 0, arena, ret_value, NULL) == 0;
}

/* The number of a value; a text from outside is read as `type`. */
static bool as_number(struct rbk_value value, enum rbk_type type, double *ret_number)
{
    if (value.type == RBK_TYPE_SCALAR && !value.missing) {
        value = rbk_value_parse(type == RBK_TYPE_SCALAR ? RBK_TYPE_NUMBER : type, value.as.text);
    }
    switch (value.type) {
    case RBK_TYPE_INT:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
        *ret_number = (double)value.as.integer;
        return !value.missing;
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        *ret_number = value.as.number;
        return !value.missing;
    default:
        return false;
    }
}

/* Both sides as numbers of one kind. */
static bool numbers(const struct rbk_gauge *gauge, double *ret_value, double *ret_limit)
{
    return gauge->op != RBK_OP_EQ && gauge->op != RBK_OP_NE &&
           as_number(gauge->value, gauge->limit.type, ret_value) &&
           as_number(gauge->limit, gauge->value.type, ret_limit);
}

static void set_share(struct rbk_gauge *gauge)
{
    double value = 0, limit = 0;
    if (!numbers(gauge, &value, &limit) || value < 0 || limit < 0) {
        return;
    }
    bool upwards = gauge->op == RBK_OP_GT || gauge->op == RBK_OP_GE;
    double above = upwards ? value : limit, below = upwards ? limit : value;
    gauge->share = above <= 0 ? 0 : below <= 0 || above >= below ? 1 : above / below;
    gauge->has_share = true;
}

bool rbk_gauge_read(const struct rbk_scope *scope, uint32_t condition, struct rbk_arena *arena,
                    struct rbk_gauge *ret_gauge)
{
    const struct rbk_machine *machine = scope->machine;
    if (condition >= machine->expr_count) {
        return false;
    }
    const struct rbk_expr *expr = &machine->exprs[condition];
    if ((expr->reads.count != 0 && scope->reads == NULL) || expr->code.count < 3) {
        return false;
    }
    uint32_t first = expr->code.first, last = first + expr->code.count - 1;
    if (!is_comparison(machine->codes[last].op)) {
        return false;
    }
    uint32_t middle = value_start(machine->codes, first, last);
    *ret_gauge = (struct rbk_gauge){.op = machine->codes[last].op};
    if (!evaluate(scope, expr->reads, first, middle, arena, &ret_gauge->value) ||
        !evaluate(scope, expr->reads, middle, last, arena, &ret_gauge->limit)) {
        return false;
    }
    set_share(ret_gauge);
    return true;
}

void rbk_gauge_print(struct rbk_value value, struct rbk_buffer *out)
{
    if (value.missing) {
        rbk_buffer_append_text(out, "no reading");
    } else if (value.type == RBK_TYPE_RATIO) {
        rbk_buffer_printf(out, "%.3g%%", value.as.number * 100);
    } else if (value.type == RBK_TYPE_NUMBER) {
        rbk_buffer_printf(out, "%.4g", value.as.number);
    } else {
        rbk_value_print(out, value);
    }
}

static const char *comparison(enum rbk_op op)
{
    switch (op) {
    case RBK_OP_EQ:
        return "==";
    case RBK_OP_NE:
        return "!=";
    case RBK_OP_LT:
        return "<";
    case RBK_OP_LE:
        return "<=";
    case RBK_OP_GT:
        return ">";
    default:
        return ">=";
    }
}

/* A difference, in the unit of what was compared. */
static void print_difference(double difference, enum rbk_type type, struct rbk_buffer *out)
{
    struct rbk_value value = rbk_value_number(RBK_TYPE_NUMBER, difference);
    if (type == RBK_TYPE_RATIO) {
        value.type = RBK_TYPE_RATIO;
    } else if (rbk_type_is_integer(type) && difference < 0x1p62) {
        value = rbk_value_integer(type, (int64_t)difference);
    }
    rbk_gauge_print(value, out);
}

void rbk_gauge_print_limit(const struct rbk_gauge *gauge, struct rbk_buffer *out)
{
    rbk_buffer_printf(out, "%s ", comparison(gauge->op));
    rbk_gauge_print(gauge->limit, out);
}

void rbk_gauge_distance(const struct rbk_gauge *gauge, struct rbk_buffer *out)
{
    double value = 0, limit = 0;
    if (gauge->value.missing || gauge->limit.missing) {
        return;
    }
    if (gauge->op == RBK_OP_EQ || gauge->op == RBK_OP_NE) {
        rbk_buffer_append_text(out, gauge->op == RBK_OP_NE ? "is " : "is not ");
        rbk_gauge_print(gauge->limit, out);
        return;
    }
    if (!numbers(gauge, &value, &limit)) {
        return;
    }
    if (value < limit || value > limit) {
        enum rbk_type type =
            gauge->limit.type == RBK_TYPE_SCALAR ? gauge->value.type : gauge->limit.type;
        print_difference(fabs(value - limit), type, out);
        rbk_buffer_append_text(out, value < limit ? " below " : " above ");
    } else {
        rbk_buffer_append_text(out, "at ");
    }
    rbk_gauge_print(gauge->limit, out);
}
