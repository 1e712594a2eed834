/*
 * The types of the compiler: those of run-time values (enum rbk_type) and, behind them, what an
 * expression can be that never becomes a value. struct rbk_tree_typing holds either in `type`.
 *
 *   - RBK_TYPE_UNKNOWN (0) is the poison: an error was reported, whoever meets it stays silent.
 *   - RBK_TYPE_LIST has its item type in `element`; UNKNOWN there is an empty list.
 *   - RBK_TYPING_CONNECTION has in `element` which kinds fit: a mask of RBK_CONNECTION_BIT(kind).
 *
 * A value that must be turned into another type where it is used (a scalar compared with a number,
 * an int where a number is wanted, a text where a url is) carries the wanted type beside its own:
 * rbk_expr_read_as(). Lowering puts RBK_OP_READ_AS with that type behind the expression's own code.
 */
#ifndef RBK_COMPILER_TYPING_H
#define RBK_COMPILER_TYPING_H

#include "compiler/tree.h"
#include "runtime/core/base/str.h"
#include "runtime/core/value.h"

#include <stdbool.h>

struct rbk_arena;

/** Types without values, numbered after enum rbk_type. */
enum {
    RBK_TYPING_CONNECTION = RBK_TYPE_COUNT, /**< A connection of the plan, or a parameter of type
                                                 `connection`, `postgres`, `sqlite`, `redis`. */
    RBK_TYPING_KINDS,                       /**< How many there are. */
};

/** The bit of a connection kind in the `element` of a connection's typing. */
#define RBK_CONNECTION_BIT(KIND) (1u << (KIND))
/** Connections that SQL can be sent to. */
#define RBK_CONNECTIONS_SQL \
    (RBK_CONNECTION_BIT(RBK_CONNECTION_POSTGRES) | RBK_CONNECTION_BIT(RBK_CONNECTION_SQLITE))
/** Any connection. */
#define RBK_CONNECTIONS_ANY (RBK_CONNECTIONS_SQL | RBK_CONNECTION_BIT(RBK_CONNECTION_REDIS))

/** A typing without element. @type: enum rbk_type or RBK_TYPING_CONNECTION. */
static inline struct rbk_tree_typing rbk_typing_make(unsigned type)
{
    return (struct rbk_tree_typing){(uint8_t)type, 0};
}

/** A list of @element. */
static inline struct rbk_tree_typing rbk_typing_list(unsigned element)
{
    return (struct rbk_tree_typing){RBK_TYPE_LIST, (uint8_t)element};
}

/**
 * The type this expression's value is read as where it stands (RBK_OP_READ_AS), or
 * RBK_TYPE_UNKNOWN when it is used as it is. `typing` stays the expression's own type.
 */
static inline enum rbk_type rbk_expr_read_as(const struct rbk_tree_expr *expr)
{
    return (enum rbk_type)expr->annotation_flags;
}

/** The value of a literal; its text is borrowed. @return false for everything else.
 * types_constant.c. */
bool rbk_expr_literal(const struct rbk_tree_expr *expr, struct rbk_value *ret_value);

/** The type of the value after rbk_expr_read_as(). */
static inline enum rbk_type rbk_expr_type(const struct rbk_tree_expr *expr)
{
    return (enum rbk_type)(expr->annotation_flags ? expr->annotation_flags : expr->typing.type);
}

/** int, number, ratio, duration, bytes: what can be added, averaged and ordered. */
bool rbk_type_is_quantity(unsigned type);

/** ratio, duration, bytes, time: what a scalar must be given a unit for. */
bool rbk_type_has_unit(unsigned type);

/** "list of int", "duration", "a redis connection" …, for messages; static or in @arena. */
struct rbk_str rbk_typing_words(struct rbk_arena *arena, struct rbk_tree_typing typing);

/**
 * What a word means after `as`: a unit of time or size (`seconds`, `KiB`; the aliases `ms`,
 * `milliseconds`), or a type. @ret_unit and @ret_type are set on success only: for a unit, ret_type
 * is DURATION or BYTES; for a type ret_unit is RBK_UNIT_COUNT. The word `bytes` is the unit.
 *
 * What lowering does with `left as WORD`, by the type of left (read_as applied):
 *   unit, left is of the unit's type      PRINT_AS unit; the result is a NUMBER
 *   unit, left is int or number           times one unit; the result is of the unit's type
 *   unit, left is a scalar                READ_UNIT unit; the result is of the unit's type
 *   type                                  READ_AS that type
 */
RBK_MUST_USE bool rbk_as_word(struct rbk_str word, enum rbk_unit *ret_unit,
                              enum rbk_type *ret_type);

#endif
