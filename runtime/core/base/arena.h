/*
 * Arenas: memory that is allocated piece by piece and freed whole. One arena per lifetime, passed
 * as a parameter. Every allocation is zeroed. An arena has a maximum, given at creation.
 *
 * Under AddressSanitizer what has not been allocated, and what a reset took back, is poisoned.
 */
#ifndef RBK_RUNTIME_CORE_BASE_ARENA_H
#define RBK_RUNTIME_CORE_BASE_ARENA_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdalign.h>
#include <stddef.h>

struct rbk_arena_chunk;

/** An arena; the caller's memory, set up by rbk_arena_init(). Do not copy it. */
struct rbk_arena {
    struct rbk_arena_chunk *chunks; /**< Owned; the newest first. NULL before the first use. */
    size_t bytes_max;               /**< What all chunks together may take from the system. */
    size_t bytes_held;              /**< What they have taken. */
    size_t bytes_used;              /**< What was handed out, alignment included. */
};

/** Sets up an empty arena that takes at most `bytes_max` from the system. Allocates nothing. */
void rbk_arena_init(struct rbk_arena *arena, size_t bytes_max);

/** Gives all memory back. The arena is empty and usable again; a zeroed arena is fine. */
void rbk_arena_fini(struct rbk_arena *arena);

/** Takes back every allocation, but keeps the largest chunk, for scratch arenas. */
void rbk_arena_reset(struct rbk_arena *arena);

/**
 * Zeroed memory of `bytes` bytes at a multiple of `align` (a power of two, at most a page).
 * Never NULL: when the maximum or the system's memory is used up, the process ends with a message
 * on stderr and exit status 3. For the compiler; the runtime uses rbk_arena_try_alloc().
 */
RBK_MUST_USE void *rbk_arena_alloc(struct rbk_arena *arena, size_t bytes, size_t align)
    __attribute__((returns_nonnull));

/** Like rbk_arena_alloc(), but NULL when memory is used up; the arena stays usable. */
RBK_MUST_USE void *rbk_arena_try_alloc(struct rbk_arena *arena, size_t bytes, size_t align);

/** As rbk_arena_alloc() for `count` items of `item_bytes`; a product that overflows is exhaustion.
 */
RBK_MUST_USE void *rbk_arena_alloc_array(struct rbk_arena *arena, size_t count, size_t item_bytes,
                                         size_t align) __attribute__((returns_nonnull));

/** A copy that ends in NUL (not counted in the result's bytes). Ends the process when exhausted. */
struct rbk_str rbk_arena_copy(struct rbk_arena *arena, struct rbk_str str);

/** Formatted text in the arena; ends in NUL (not counted). Ends the process when exhausted. */
RBK_PRINTF(2, 3)
struct rbk_str rbk_arena_printf(struct rbk_arena *arena, const char *format, ...);

/** A zeroed TYPE, or a zeroed array of COUNT of them; never NULL. */
#define rbk_new(ARENA, TYPE) ((TYPE *)rbk_arena_alloc((ARENA), sizeof(TYPE), alignof(TYPE)))
#define rbk_new_array(ARENA, TYPE, COUNT) \
    ((TYPE *)rbk_arena_alloc_array((ARENA), (COUNT), sizeof(TYPE), alignof(TYPE)))

#endif
