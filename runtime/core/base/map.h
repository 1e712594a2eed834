/*
 * A map from strings to pointers or small numbers, backed by an arena. Entries are kept in the
 * order in which they were added, so walking a map gives the same order in every run. No removal.
 */
#ifndef RBK_RUNTIME_CORE_BASE_MAP_H
#define RBK_RUNTIME_CORE_BASE_MAP_H

#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One key and its value; which member is valid is the map's user's knowledge. */
struct rbk_map_entry {
    struct rbk_str key; /**< Borrowed: must live as long as the map. */
    union {
        void *pointer;  /**< Set by rbk_map_add() and rbk_map_set(). */
        uint32_t index; /**< Set by rbk_map_add_index() and rbk_map_set_index(). */
    } value;
    uint32_t hash; /**< Of the key. */
};

/** A map; the caller's memory, set up by rbk_map_init(). Its arrays go with the arena. */
struct rbk_map {
    struct rbk_arena *arena;       /**< Borrowed; must live as long as the map. */
    struct rbk_map_entry *entries; /**< `count` entries in the order of adding. */
    uint32_t *slots;               /**< slot_count numbers: 0 is free, else entry index + 1. */
    size_t count;                  /**< Entries in use; walk entries[0..count). */
    size_t capacity;               /**< Entries there is room for. */
    size_t slot_count;             /**< A power of two, at least twice the capacity, or 0. */
    uint64_t seed;                 /**< Differs between maps and runs, against chosen keys. */
};

/** Sets up an empty map. Allocates nothing. Growing ends the process when the arena is exhausted.
 */
void rbk_map_init(struct rbk_map *map, struct rbk_arena *arena);

/** Adds a key; false, and nothing changed, when it is there already. The key is borrowed. */
RBK_MUST_USE bool rbk_map_add(struct rbk_map *map, struct rbk_str key, void *pointer);
RBK_MUST_USE bool rbk_map_add_index(struct rbk_map *map, struct rbk_str key, uint32_t index);

/** Adds a key or replaces its value. */
void rbk_map_set(struct rbk_map *map, struct rbk_str key, void *pointer);
void rbk_map_set_index(struct rbk_map *map, struct rbk_str key, uint32_t index);

/** The entry of a key, or NULL; borrowed until the next addition. */
struct rbk_map_entry *rbk_map_find(const struct rbk_map *map, struct rbk_str key);

/** The pointer of a key, or NULL. */
void *rbk_map_get(const struct rbk_map *map, struct rbk_str key);

/** Whether a key is there; if so its number is stored. */
RBK_MUST_USE bool rbk_map_get_index(const struct rbk_map *map, struct rbk_str key,
                                    uint32_t *ret_index);

#endif
