#ifndef RBK_TESTS_UNIT_CORE_MACHINE_BUILDER_INTERNAL_H
#define RBK_TESTS_UNIT_CORE_MACHINE_BUILDER_INTERNAL_H

/* What the two halves of the builder share: declaring (machine_builder.c) and finishing. */

#include "tests/unit/core/machine_builder.h"

#define REGIONS_MAX 64u
#define STATES_MAX 65536u
#define UNSET (RBK_NONE - 7u) /* next: to be filled in when finishing */

struct region_list {
    struct rbk_machine_state *states;
    uint32_t *strategy; /* of each state: number of its strategy, RBK_NONE forward */
    uint32_t count;
    uint32_t capacity;
    uint32_t strategies;
    uint32_t blocks[RBK_PHASE_COUNT];
    uint32_t strategy_blocks[16];
    uint32_t numbers[RBK_PHASE_COUNT];
    uint32_t first; /* row of its first state, once finished */
};

struct machine_builder {
    struct rbk_machine m;
    struct region_list lists[REGIONS_MAX];
    uint32_t locks[16];
    uint32_t lock_count;
    bool observe, grace, finished;
    uint32_t last_stage;
};

/* Append a zeroed row to a table of the machine. */
#define ADD(mb, rows, row)                                                             \
    ((mb)->m.rows = mb_grow((mb)->m.rows, (mb)->m.row##_count, sizeof(*(mb)->m.rows)), \
     &(mb)->m.rows[(mb)->m.row##_count++])

/* Rests are added when finishing; a handle that means "APPLIED of this region" until then. */
#define REST_HANDLE(region) (0xff000000u | (region))

/* Make room for a zeroed row behind `count` rows. */
void *mb_grow(void *rows, uint32_t count, size_t bytes);
struct region_list *mb_list_of(struct machine_builder *mb, uint32_t region);
struct rbk_machine_state *mb_state_of(struct machine_builder *mb, uint32_t handle);
/* A resting state, named by its kind. */
uint32_t mb_add_rest(struct machine_builder *mb, uint32_t region, enum rbk_state_kind kind);

#endif
