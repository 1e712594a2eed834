/*
 * Programs of expressions for tests: short lists of codes over the constants of a small machine.
 */
#include "tests/unit/core/machine/expr_program.h"

#include <check.h>
#include <string.h>

struct rbk_arena arena;
struct rbk_machine machine;
struct rbk_value constants[ROWS_MAX];
struct rbk_op_code codes[ROWS_MAX];
struct rbk_expr expr;
struct rbk_slot slots[1] = {{{"s", 1}, RBK_TYPE_INT}};
struct rbk_param params[1] = {{.name = {"p", 1}, .type = RBK_TYPE_INT}};
struct rbk_secret secrets[1] = {{.name = {"key", 3}}};
struct rbk_window windows[1];
struct rbk_baseline baselines[1];
struct rbk_scope scope;
struct rbk_error failure;

void set_up(void)
{
    rbk_arena_init(&arena, (size_t)64 << 20);
    machine = (struct rbk_machine){.constants = constants,
                                   .codes = codes,
                                   .exprs = &expr,
                                   .expr_count = 1,
                                   .slots = slots,
                                   .slot_count = 1,
                                   .params = params,
                                   .param_count = 1,
                                   .secrets = secrets,
                                   .secret_count = 1,
                                   .windows = windows,
                                   .window_count = 1,
                                   .baselines = baselines,
                                   .baseline_count = 1};
    expr = (struct rbk_expr){.text = RBK_STR("the expression")};
    scope = (struct rbk_scope){.machine = &machine};
    failure = (struct rbk_error){0};
}

void tear_down(void)
{
    rbk_arena_fini(&arena);
}

void begin(void)
{
    machine.constant_count = 0;
    machine.code_count = 0;
    expr.type = RBK_TYPE_UNKNOWN;
}

void op(enum rbk_op code, uint32_t operand)
{
    ck_assert_uint_lt(machine.code_count, ROWS_MAX);
    codes[machine.code_count++] = (struct rbk_op_code){code, operand};
    expr.code.count = machine.code_count;
}

void push(struct rbk_value value)
{
    constants[machine.constant_count] = value;
    op(RBK_OP_CONST, machine.constant_count++);
}

struct rbk_value run(void)
{
    struct rbk_value value = {0};
    ck_assert_msg(rbk_expr_evaluate(&scope, 0, &arena, &value, &failure) == 0, "%s", failure.text);
    return value;
}

int run_code(void)
{
    struct rbk_value value = rbk_value_bool(true);
    int code = rbk_expr_evaluate(&scope, 0, &arena, &value, &failure);
    ck_assert_int_eq(value.type, RBK_TYPE_BOOL);
    return code;
}

/* Short words for values. */
struct rbk_value integer(int64_t number)
{
    return rbk_value_integer(RBK_TYPE_INT, number);
}

struct rbk_value number(double value)
{
    return rbk_value_number(RBK_TYPE_NUMBER, value);
}

struct rbk_value ratio(double value)
{
    return rbk_value_number(RBK_TYPE_RATIO, value);
}

struct rbk_value duration(int64_t ms)
{
    return rbk_value_integer(RBK_TYPE_DURATION, ms);
}

struct rbk_value text(const char *words)
{
    return rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(words));
}

struct rbk_value scalar(const char *words)
{
    return rbk_value_text(RBK_TYPE_SCALAR, rbk_str_from(words));
}

struct rbk_value missing(void)
{
    return rbk_value_missing(RBK_TYPE_INT);
}

struct rbk_value unary(enum rbk_op code, uint32_t operand, struct rbk_value a)
{
    begin();
    push(a);
    op(code, operand);
    return run();
}

struct rbk_value binary(enum rbk_op code, uint32_t operand, struct rbk_value a, struct rbk_value b)
{
    begin();
    push(a);
    push(b);
    op(code, operand);
    return run();
}

void expect(struct rbk_value value, const char *printed)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, (size_t)8 << 20);
    rbk_value_print(&buffer, value);
    ck_assert_str_eq(buffer.bytes ? buffer.data : "", printed);
    rbk_buffer_fini(&buffer);
}

/* The order of two values: '<', '=', '>', or '?' when they do not compare. All six operations must
 * agree, and so must the two values the other way round. */
void expect_order(struct rbk_value a, char order, struct rbk_value b)
{
    static const struct {
        enum rbk_op op;
        const char *holds;
    } ops[] = {{RBK_OP_EQ, "="},  {RBK_OP_NE, "<>"}, {RBK_OP_LT, "<"},
               {RBK_OP_LE, "<="}, {RBK_OP_GT, ">"},  {RBK_OP_GE, ">="}};
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
            struct rbk_value result = binary(ops[i].op, 0, a, b);
            ck_assert_int_eq(result.type, RBK_TYPE_BOOL);
            ck_assert_int_eq(result.missing, order == '?');
            if (order != '?') {
                ck_assert_int_eq(result.as.truth, strchr(ops[i].holds, order) != NULL);
            }
        }
        struct rbk_value other = a;
        a = b;
        b = other;
        order = order == '<' ? '>' : order == '>' ? '<' : order;
    }
}
