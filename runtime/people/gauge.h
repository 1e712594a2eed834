#ifndef RBK_RUNTIME_PEOPLE_GAUGE_H
#define RBK_RUNTIME_PEOPLE_GAUGE_H

/*
 * How near a condition is to being true, where it is a simple comparison of two numbers: the value
 * it looks at, the threshold, and the share of the way between.
 */

#include "runtime/core/machine.h"

struct rbk_gauge {
    struct rbk_value value; /* of the left side; its text lives in the arena */
    bool has_share;         /* both sides are numbers of one kind */
    double share;           /* 0 to 1; 1: the threshold is reached */
};

/*
 * Read a condition through a scope with windows.
 * @return false when it is not a comparison, or needs readings of its own.
 */
bool rbk_gauge_read(const struct rbk_scope *scope, uint32_t condition, struct rbk_arena *arena,
                    struct rbk_gauge *ret_gauge);

#endif
