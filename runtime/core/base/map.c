/*
 * Open addressing with linear probing over a table of entry numbers; the entries themselves lie
 * densely in a second array. At most half of the slots are in use, so probing ends. The arrays
 * double; the old ones stay in the arena, which costs at most as much again.
 *
 * Names come from plans, which may be hostile: the hash is seeded with the map's addresses.
 */
#include "runtime/core/base/map.h"

#include "runtime/core/base/assert.h"

#include <string.h>

#define CAPACITY_MIN ((size_t)8)
#define CAPACITY_MAX ((size_t)1 << 30)

/** Multiply and fold eight bytes at a time; the high half comes back into the low one. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint32_t hash_of(const struct rbk_map *map, struct rbk_str key)
{
    uint64_t hash = map->seed ^ key.bytes;
    size_t at = 0;
    for (; key.bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, key.data + at, sizeof(word));
        hash = mix(hash, word);
    }
    uint64_t rest = 0;
    if (key.bytes > at) {
        memcpy(&rest, key.data + at, key.bytes - at);
    }
    hash = mix(mix(hash, rest), map->seed);
    return (uint32_t)(hash >> 32);
}

/** The slot that holds the key, or the free one where it belongs. */
static uint32_t *slot_of(const struct rbk_map *map, struct rbk_str key, uint32_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t position = hash & mask;
    while (map->slots[position] != 0) {
        const struct rbk_map_entry *entry = &map->entries[map->slots[position] - 1];
        if (entry->hash == hash && rbk_str_equal(entry->key, key)) {
            break;
        }
        position = (position + 1) & mask;
    }
    return &map->slots[position];
}

static void grow(struct rbk_map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : CAPACITY_MIN;
    RBK_ASSERT(capacity <= CAPACITY_MAX);
    struct rbk_map_entry *entries = rbk_new_array(map->arena, struct rbk_map_entry, capacity);
    if (map->count > 0) {
        memcpy(entries, map->entries, map->count * sizeof(*entries));
    }
    map->entries = entries;
    map->capacity = capacity;
    map->slot_count = capacity * 2;
    map->slots = rbk_new_array(map->arena, uint32_t, map->slot_count);
    for (size_t i = 0; i < map->count; i++) {
        *slot_of(map, entries[i].key, entries[i].hash) = (uint32_t)(i + 1);
    }
}

/** The entry of a key, made when it is not there; *ret_added says which. */
static struct rbk_map_entry *entry_of(struct rbk_map *map, struct rbk_str key, bool *ret_added)
{
    if (map->count == map->capacity) {
        grow(map);
    }
    uint32_t hash = hash_of(map, key);
    uint32_t *slot = slot_of(map, key, hash);
    *ret_added = *slot == 0;
    if (*ret_added) {
        map->entries[map->count] = (struct rbk_map_entry){.key = key, .hash = hash};
        map->count++;
        *slot = (uint32_t)map->count;
    }
    return &map->entries[*slot - 1];
}

void rbk_map_init(struct rbk_map *map, struct rbk_arena *arena)
{
    *map = (struct rbk_map){.arena = arena};
    map->seed = mix((uint64_t)(uintptr_t)map, (uint64_t)(uintptr_t)arena);
}

bool rbk_map_add(struct rbk_map *map, struct rbk_str key, void *pointer)
{
    bool added = false;
    struct rbk_map_entry *entry = entry_of(map, key, &added);
    if (added) {
        entry->value.pointer = pointer;
    }
    return added;
}

bool rbk_map_add_index(struct rbk_map *map, struct rbk_str key, uint32_t index)
{
    bool added = false;
    struct rbk_map_entry *entry = entry_of(map, key, &added);
    if (added) {
        entry->value.index = index;
    }
    return added;
}

void rbk_map_set(struct rbk_map *map, struct rbk_str key, void *pointer)
{
    bool added = false;
    entry_of(map, key, &added)->value.pointer = pointer;
}

void rbk_map_set_index(struct rbk_map *map, struct rbk_str key, uint32_t index)
{
    bool added = false;
    entry_of(map, key, &added)->value.index = index;
}

struct rbk_map_entry *rbk_map_find(const struct rbk_map *map, struct rbk_str key)
{
    if (map->count == 0) {
        return NULL;
    }
    uint32_t slot = *slot_of(map, key, hash_of(map, key));
    return slot == 0 ? NULL : &map->entries[slot - 1];
}

void *rbk_map_get(const struct rbk_map *map, struct rbk_str key)
{
    const struct rbk_map_entry *entry = rbk_map_find(map, key);
    return entry ? entry->value.pointer : NULL;
}

bool rbk_map_get_index(const struct rbk_map *map, struct rbk_str key, uint32_t *ret_index)
{
    const struct rbk_map_entry *entry = rbk_map_find(map, key);
    if (!entry) {
        return false;
    }
    *ret_index = entry->value.index;
    return true;
}
