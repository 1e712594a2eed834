#ifndef RBK_RUNTIME_CORE_EXPR_OPS_H
#define RBK_RUNTIME_CORE_EXPR_OPS_H

/*
 * What single operations do to values; expr.c runs programs of them. Every function takes any
 * value: where an operation has no meaning for a type, its result is missing. Internal to
 * runtime/core.
 */

#include "runtime/core/expr.h"

/* ---- expr.c: the shape of a program ---- */

/* How many values a code takes from the stack; it always gives one. */
size_t rbk_op_takes(struct rbk_op_code code);
/* Whether it takes its value from a table or the scope. */
bool rbk_op_is_leaf(enum rbk_op op);

/* ---- expr_compare.c ---- */

/* EQ NE LT LE GT GE. Numbers compare exactly, a scalar is read as what it is compared with, text
 * compares by bytes; bools and lists are only equal or not. */
struct rbk_value rbk_op_compare(enum rbk_op op, struct rbk_value a, struct rbk_value b);
/* NOT AND OR, three-valued. A scalar is read as a bool. */
struct rbk_value rbk_op_not(struct rbk_value a);
struct rbk_value rbk_op_and(struct rbk_value a, struct rbk_value b);
struct rbk_value rbk_op_or(struct rbk_value a, struct rbk_value b);

/* ---- expr_number.c ---- */

/* ADD SUBTRACT MULTIPLY DIVIDE with a result of `type`. Integers are exact and missing on overflow;
 * with a fraction in between an integer result is rounded to the nearest. */
struct rbk_value rbk_op_arithmetic(enum rbk_op op, enum rbk_type type, struct rbk_value a,
                                   struct rbk_value b);
struct rbk_value rbk_op_negate(struct rbk_value a);
struct rbk_value rbk_op_abs(struct rbk_value a);
struct rbk_value rbk_op_ratio(struct rbk_value a, struct rbk_value b);
/* A duration or a count of bytes as a number of units. */
struct rbk_value rbk_op_print_as(struct rbk_value a, enum rbk_unit unit);

/* ---- expr_text.c: results live in `arena`; 0, -RBK_ELIMIT or -RBK_ENOMEM ---- */

RBK_MUST_USE int rbk_op_read_as(struct rbk_arena *arena, enum rbk_type type, struct rbk_value a,
                                struct rbk_value *ret);
/* What names its unit is read so, a bare number counts `unit`s. */
struct rbk_value rbk_op_read_unit(struct rbk_value a, enum rbk_unit unit);
RBK_MUST_USE int rbk_op_text(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret);
/* SECRET when one part is. */
RBK_MUST_USE int rbk_op_concat(struct rbk_arena *arena, const struct rbk_value *parts, size_t count,
                               struct rbk_value *ret);
RBK_MUST_USE int rbk_op_url_encode(struct rbk_arena *arena, struct rbk_value a,
                                   struct rbk_value *ret);
RBK_MUST_USE int rbk_op_json_value(struct rbk_arena *arena, struct rbk_value a,
                                   struct rbk_value *ret);
RBK_MUST_USE int rbk_op_json_escape(struct rbk_arena *arena, struct rbk_value a,
                                    struct rbk_value *ret);
RBK_MUST_USE int rbk_op_list(struct rbk_arena *arena, const struct rbk_value *items, size_t count,
                             struct rbk_value *ret);
RBK_MUST_USE int rbk_op_member(struct rbk_arena *arena, struct rbk_value object,
                               struct rbk_value name, struct rbk_value *ret);
/* @args  Array, path, text. */
RBK_MUST_USE int rbk_op_find(struct rbk_arena *arena, const struct rbk_value *args,
                             struct rbk_value *ret);
RBK_MUST_USE int rbk_op_mail_header(struct rbk_arena *arena, struct rbk_value a,
                                    struct rbk_value *ret);
RBK_MUST_USE int rbk_op_mail_text(struct rbk_arena *arena, struct rbk_value a,
                                  struct rbk_value *ret);
RBK_MUST_USE int rbk_op_lines(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret);
struct rbk_value rbk_op_item(struct rbk_value list, struct rbk_value index);
struct rbk_value rbk_op_length(struct rbk_value list);

#endif
