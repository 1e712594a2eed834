#ifndef RBK_RUNTIME_CORE_GAUGE_H
#define RBK_RUNTIME_CORE_GAUGE_H

/*
 * How near a condition is to being true, where it is a simple comparison of two values: the value
 * it looks at, the threshold, and the way between them. The live view and `rbk status`
 * draw it, `rbk run --arm-only` spells it, readings.json has it for programs.
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

#define RBK_GAUGE_TEXT_BYTES 96

/* The same as a person reads it, for whoever has no scope of the run. */
struct rbk_gauge_text {
    bool compared;    /* it is a comparison whose sides could be read, or not for want of data */
    bool has_reading; /* there is a value to compare */
    bool has_share;
    double share;                         /* 0 to 1; 1: the threshold is reached */
    char reading[RBK_GAUGE_TEXT_BYTES];   /* "2.1%" */
    char threshold[RBK_GAUGE_TEXT_BYTES]; /* "> 5%" */
    char distance[RBK_GAUGE_TEXT_BYTES];  /* "2.9% below 5%"; may be empty */
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
/* Append the comparison and its right side: "> 5%". */
void rbk_gauge_print_limit(const struct rbk_gauge *gauge, struct rbk_buffer *out);
/* Append how far a comparison that does not hold is from holding: "4.8% below 5%", "at 5%", "is
 * 200", "is not 5". Nothing when a side is missing. */
void rbk_gauge_distance(const struct rbk_gauge *gauge, struct rbk_buffer *out);

#endif
