#ifndef RBK_RUNTIME_CORE_VALUE_TEXT_H
#define RBK_RUNTIME_CORE_VALUE_TEXT_H

/*
 * What the modules about values share among themselves: the families of types, the units of text,
 * and printing without a buffer. Others use value.h.
 */

#include "runtime/core/value.h"

/* TEXT, URL, JSON, SCALAR, SECRET: the value is in as.text. */
static inline bool rbk_type_is_text(enum rbk_type type)
{
    return type == RBK_TYPE_TEXT || type == RBK_TYPE_URL || type == RBK_TYPE_JSON ||
           type == RBK_TYPE_SCALAR || type == RBK_TYPE_SECRET;
}

/* INT, DURATION, BYTES, TIME: the value is in as.integer. */
static inline bool rbk_type_is_integer(enum rbk_type type)
{
    return type == RBK_TYPE_INT || type == RBK_TYPE_DURATION || type == RBK_TYPE_BYTES ||
           type == RBK_TYPE_TIME;
}

/* NUMBER, RATIO: the value is in as.number. */
static inline bool rbk_type_is_real(enum rbk_type type)
{
    return type == RBK_TYPE_NUMBER || type == RBK_TYPE_RATIO;
}

/* Anything that has a mean: a number, or text from outside that may be one. */
static inline bool rbk_type_is_number(enum rbk_type type)
{
    return rbk_type_is_integer(type) || rbk_type_is_real(type) || type == RBK_TYPE_SCALAR;
}

/* A unit as it is written in text; the largest first, the last one is the base. */
struct rbk_text_unit {
    const char *word;
    uint64_t factor; /* how many milliseconds or bytes one is */
};

#define RBK_DURATION_UNITS ((size_t)5)
#define RBK_BYTES_UNITS ((size_t)5)
extern const struct rbk_text_unit rbk_duration_units[RBK_DURATION_UNITS]; /* d h m s ms */
extern const struct rbk_text_unit rbk_bytes_units[RBK_BYTES_UNITS];       /* TiB GiB MiB KiB B */

/* Room for the text of any value that is neither a text nor a list, its NUL included. */
#define RBK_VALUE_SHORT_BYTES ((size_t)64)

/* rbk_value_print() for such a value, and for every missing one. @return Bytes, without the NUL. */
size_t rbk_value_print_short(char out[RBK_VALUE_SHORT_BYTES], struct rbk_value value);

#endif
