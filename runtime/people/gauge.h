#ifndef RBK_RUNTIME_PEOPLE_GAUGE_H
#define RBK_RUNTIME_PEOPLE_GAUGE_H

/*
 * How near a condition is to being true, where it is a simple comparison of two values: the value
 * it looks at, the threshold, and the way between them. The live view draws it, `rbk run
 * --arm-only` spells it.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/machine.h"

struct rbk_gauge {
    struct rbk_value value; /* of the left side; its text lives in the arena */
    struct rbk_value limit; /* of the right side; likewise */
    enum rbk_op op;         /* the comparison: EQ … GE */
    bool has_share;         /* both sides are numbers of one kind, and it is LT … GE */
    double share;           /* 0 to 1; 1: the threshold is reached */
};

/*
 * Read a condition through a scope with windows; one with readings of its own needs them in
 * scope->reads.
 * @return false when it is not a comparison, or its readings are not there.
 */
bool rbk_gauge_read(const struct rbk_scope *scope, uint32_t condition, struct rbk_arena *arena,
                    struct rbk_gauge *ret_gauge);

/* Append a value in as many digits as a person compares. */
void rbk_gauge_print(struct rbk_value value, struct rbk_buffer *out);
/* Append how far a comparison that does not hold is from holding: "4.8% below 5%", "at 5%", "is
 * 200", "is not 5". Nothing when a side is missing. */
void rbk_gauge_distance(const struct rbk_gauge *gauge, struct rbk_buffer *out);

#endif
