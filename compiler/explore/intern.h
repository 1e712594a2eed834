/*
 * Sets of equal-sized items, each kept once and known by its number: how states are stored in a few
 * words. An item never moves out of its number.
 */
#ifndef RBK_COMPILER_EXPLORE_INTERN_H
#define RBK_COMPILER_EXPLORE_INTERN_H

#include "runtime/core/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What all sets of one exploration may take together. */
struct rbk_intern_budget {
    size_t bytes_max;
    size_t bytes; /**< Taken so far. */
};

/** A set; the caller's memory. */
struct rbk_intern {
    struct rbk_intern_budget *budget; /**< Borrowed. */
    size_t item_bytes;                /**< A multiple of 4. */
    unsigned char *items;             /**< Owned: count items, one after the other. */
    uint32_t *slots;                  /**< Owned: open hashing of number + 1. */
    uint32_t count, capacity;
    uint32_t slot_count; /**< A power of two, at least twice count. */
};

/** An empty set of items of @item_bytes (a multiple of 4, not 0). Allocates nothing. */
void rbk_intern_init(struct rbk_intern *set, struct rbk_intern_budget *budget, size_t item_bytes);
/** Gives the memory back. */
void rbk_intern_fini(struct rbk_intern *set);

/**
 * The number of an item, which is added when it is new.
 * @return false when the budget or the system's memory is used up: the set is as before.
 */
RBK_MUST_USE bool rbk_intern_add(struct rbk_intern *set, const void *item, uint32_t *ret_number,
                                 bool *ret_new);

/** The item of a number below count; valid until the next rbk_intern_add(). */
const void *rbk_intern_item(const struct rbk_intern *set, uint32_t number);

/**
 * Make room for @count items of @bytes each in an array that is part of the same budget.
 * @array NULL or what this function returned. @capacity is changed with it.
 * @return false when it cannot be had: nothing has changed.
 */
RBK_MUST_USE bool rbk_intern_grow(struct rbk_intern_budget *budget, void **array, size_t *capacity,
                                  size_t count, size_t bytes);

#endif
