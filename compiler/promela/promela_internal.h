/*
 * What the files of the Promela model share.
 */
#ifndef RBK_COMPILER_PROMELA_PROMELA_INTERNAL_H
#define RBK_COMPILER_PROMELA_PROMELA_INTERNAL_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/machine.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_buffer;

/** A model being written. */
struct promela {
    const struct rbk_machine *machine;
    struct rbk_buffer *out;
    uint32_t
        *guards; /**< For each state: its number among those a GUARD asks about, or RBK_NONE. */
    uint32_t guard_count;
};

/** Write text. */
RBK_PRINTF(2, 3)
void rbk_promela_put(struct promela *model, const char *format, ...);

/**
 * Write a name in a comment. A machine may come from anywhere, and its names need not be such as a
 * plan can have: what could end the comment, and become C that pan runs, is left out.
 */
void rbk_promela_put_name(struct promela *model, struct rbk_str name);

/** Whether stage @of depends on stage @on, directly or not. */
bool rbk_promela_depends(const struct rbk_machine *machine, uint32_t of, uint32_t on);

/** Write the process of a region. */
void rbk_promela_region(struct promela *model, uint32_t region);

/** Write how the effect of a state is carried out: promela_effect.c. */
void rbk_promela_effect(struct promela *model, uint32_t state);

/** Write `goto` for the state that follows; of one that is not there, to the region's end. */
void rbk_promela_goto(struct promela *model, uint32_t region, uint32_t next);

/** The states that the end of a block's time leads to, for a state; @return how many. */
uint32_t rbk_promela_expired(const struct rbk_machine *machine, uint32_t state,
                             uint32_t ret_targets[RBK_BLOCK_DEPTH_MAX]);

#endif
