/*
 * The two sides of a comparison, cut out of its stack program and evaluated each for itself: the
 * program of `a > b` is that of a, that of b, then GT. Where b begins is found by walking back from
 * the end until exactly one value is accounted for.
 */
#include "runtime/people/gauge.h"

#include "runtime/core/expr_ops.h"

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
static bool evaluate(const struct rbk_scope *scope, uint32_t first, uint32_t end,
                     struct rbk_arena *arena, struct rbk_value *ret_value)
{
    struct rbk_expr piece = {.code = {first, end - first}};
    struct rbk_machine machine = *scope->machine;
    struct rbk_scope inner = *scope;
    machine.exprs = &piece;
    machine.expr_count = 1;
    inner.machine = &machine;
    return first < end && rbk_expr_evaluate(&inner, 0, arena, ret_value, NULL) == 0;
}

static bool as_number(struct rbk_value value, double *ret_number)
{
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

static void set_share(struct rbk_gauge *gauge, enum rbk_op op, struct rbk_value right)
{
    double value = 0, limit = 0;
    if (op == RBK_OP_EQ || op == RBK_OP_NE || !as_number(gauge->value, &value) ||
        !as_number(right, &limit) || value < 0 || limit < 0) {
        return;
    }
    bool upwards = op == RBK_OP_GT || op == RBK_OP_GE;
    double above = upwards ? value : limit, below = upwards ? limit : value;
    gauge->share = above <= 0 ? 0 : below <= 0 || above >= below ? 1 : above / below;
    gauge->has_share = true;
}

bool rbk_gauge_read(const struct rbk_scope *scope, uint32_t condition, struct rbk_arena *arena,
                    struct rbk_gauge *ret_gauge)
{
    const struct rbk_machine *machine = scope->machine;
    struct rbk_value right;
    if (condition >= machine->expr_count) {
        return false;
    }
    const struct rbk_expr *expr = &machine->exprs[condition];
    if (expr->reads.count != 0 || expr->code.count < 3) {
        return false;
    }
    uint32_t first = expr->code.first, last = first + expr->code.count - 1;
    if (!is_comparison(machine->codes[last].op)) {
        return false;
    }
    uint32_t middle = value_start(machine->codes, first, last);
    *ret_gauge = (struct rbk_gauge){.has_share = false};
    if (!evaluate(scope, first, middle, arena, &ret_gauge->value) ||
        !evaluate(scope, middle, last, arena, &right)) {
        return false;
    }
    set_share(ret_gauge, machine->codes[last].op, right);
    return true;
}
