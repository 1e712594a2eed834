#ifndef RBK_RUNTIME_EXECUTOR_VALUES_H
#define RBK_RUNTIME_EXECUTOR_VALUES_H

/*
 * Values that a run keeps: one table of places, each overwritten as often as its step runs. A value
 * and everything it refers to lie in one block of memory, which goes when the value is replaced; so
 * a run holds what it needs now, however long it goes on.
 */

#include "runtime/core/value.h"

/* A table; zero is one without places. */
struct rbk_values {
    struct rbk_value *items; /* owned: what is bound now; texts and lists lie in `blocks` */
    void **blocks;           /* owned, as their items; NULL: a value that needs none */
    size_t count;            /* of items */
    size_t bytes;            /* of all blocks */
};

/* A table of `count` missing values of an unknown type. 0 or -RBK_ENOMEM. */
RBK_MUST_USE int rbk_values_init(struct rbk_values *values, size_t count);
void rbk_values_fini(struct rbk_values *values);
/* Bind a copy to a place; what was there is freed, and whoever borrowed it must not look again.
 * @return 0; -RBK_ENOMEM, with the place as it was. */
RBK_MUST_USE int rbk_values_set(struct rbk_values *values, size_t index, struct rbk_value value);
/* Bytes that a copy takes beside its struct rbk_value. */
size_t rbk_value_block_bytes(struct rbk_value value);

#endif
