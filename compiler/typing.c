/*
 * Facts about types: which are quantities, which carry a unit, how they are called, and what the
 * words after `as` mean.
 */
#include "compiler/typing.h"

#include "compiler/builtins.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/machine.h"

bool rbk_type_is_quantity(unsigned type)
{
    return type == RBK_TYPE_INT || type == RBK_TYPE_NUMBER || type == RBK_TYPE_RATIO ||
           type == RBK_TYPE_DURATION || type == RBK_TYPE_BYTES;
}

bool rbk_type_has_unit(unsigned type)
{
    return type == RBK_TYPE_RATIO || type == RBK_TYPE_DURATION || type == RBK_TYPE_BYTES ||
           type == RBK_TYPE_TIME;
}

struct rbk_str rbk_typing_words(struct rbk_arena *arena, struct rbk_tree_typing typing)
{
    if (typing.type == RBK_TYPE_LIST && typing.element != RBK_TYPE_UNKNOWN) {
        return rbk_arena_printf(arena, "list of %s", rbk_type_name((enum rbk_type)typing.element));
    }
    if (typing.type != RBK_TYPING_CONNECTION) {
        return rbk_str_from(rbk_type_name((enum rbk_type)typing.type));
    }
    switch (typing.element) {
    case RBK_CONNECTION_BIT(RBK_CONNECTION_POSTGRES):
        return RBK_STR("postgres connection");
    case RBK_CONNECTION_BIT(RBK_CONNECTION_SQLITE):
        return RBK_STR("sqlite connection");
    case RBK_CONNECTION_BIT(RBK_CONNECTION_REDIS):
        return RBK_STR("redis connection");
    case RBK_CONNECTIONS_SQL:
        return RBK_STR("postgres or sqlite connection");
    default:
        return RBK_STR("connection");
    }
}

/* Spellings beside those of RBK_UNITS. */
static const struct {
    const char *word;
    enum rbk_unit unit;
} unit_aliases[] = {
    {"milliseconds", RBK_UNIT_MILLISECONDS},
    {"s", RBK_UNIT_SECONDS},
    {"m", RBK_UNIT_MINUTES},
    {"h", RBK_UNIT_HOURS},
    {"d", RBK_UNIT_DAYS},
};

bool rbk_as_word(struct rbk_str word, enum rbk_unit *ret_unit, enum rbk_type *ret_type)
{
    enum rbk_unit unit = RBK_UNIT_COUNT;
    for (unsigned i = 0; i < RBK_UNIT_COUNT; i++) {
        if (rbk_str_is(word, rbk_unit_name((enum rbk_unit)i))) {
            unit = (enum rbk_unit)i;
        }
    }
    for (size_t i = 0; i < RBK_COUNT(unit_aliases); i++) {
        if (rbk_str_is(word, unit_aliases[i].word)) {
            unit = unit_aliases[i].unit;
        }
    }
    if (unit != RBK_UNIT_COUNT) {
        *ret_unit = unit;
        *ret_type = unit >= RBK_UNIT_BYTE ? RBK_TYPE_BYTES : RBK_TYPE_DURATION;
        return true;
    }
    enum rbk_type type = rbk_type_from_name(word);
    if (type == RBK_TYPE_UNKNOWN || type == RBK_TYPE_LIST || type == RBK_TYPE_SCALAR ||
        type == RBK_TYPE_SECRET) {
        return false;
    }
    *ret_unit = RBK_UNIT_COUNT;
    *ret_type = type;
    return true;
}
