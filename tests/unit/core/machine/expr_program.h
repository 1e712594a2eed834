#ifndef RBK_TESTS_UNIT_CORE_MACHINE_EXPR_PROGRAM_H
#define RBK_TESTS_UNIT_CORE_MACHINE_EXPR_PROGRAM_H

/*
 * A machine with one expression, that a test writes code by code; what the files that test
 * expressions share. Each test runs in a process of its own.
 */

#include "runtime/core/base/error.h"
#include "runtime/core/expr.h"
#include "runtime/core/machine.h"

#define ROWS_MAX 600u /* of constants, and of codes */

extern struct rbk_arena arena; /* of values; as the machine, made anew for each test */
extern struct rbk_machine machine;
extern struct rbk_value constants[ROWS_MAX];
extern struct rbk_op_code codes[ROWS_MAX];
extern struct rbk_expr expr;
extern struct rbk_slot slots[1];
extern struct rbk_param params[1];
extern struct rbk_secret secrets[1];
extern struct rbk_window windows[1];
extern struct rbk_baseline baselines[1];
extern struct rbk_scope scope;
extern struct rbk_error failure;

/* For tcase_add_checked_fixture(). */
void set_up(void);
void tear_down(void);

/* A new program; append a code, or the code that gives a value. */
void begin(void);
void op(enum rbk_op code, uint32_t operand);
void push(struct rbk_value value);
/* Run it: what it gives, or the error that it ends with. */
struct rbk_value run(void);
int run_code(void);

/* Short words for values. */
struct rbk_value integer(int64_t number);
struct rbk_value number(double value);
struct rbk_value ratio(double value);
struct rbk_value duration(int64_t ms);
struct rbk_value text(const char *words);
struct rbk_value scalar(const char *words);
struct rbk_value missing(void);

/* A program of one operation over one value, or over two. */
struct rbk_value unary(enum rbk_op code, uint32_t operand, struct rbk_value a);
struct rbk_value binary(enum rbk_op code, uint32_t operand, struct rbk_value a, struct rbk_value b);

/* The value as it is printed. */
void expect(struct rbk_value value, const char *printed);
/* The order of two values: '<', '=', '>', or '?' when they do not compare. */
void expect_order(struct rbk_value a, char order, struct rbk_value b);

#endif
