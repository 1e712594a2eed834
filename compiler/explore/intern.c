/* See intern.h. Open addressing, linear probing, at most half full. */
#include "compiler/explore/intern.h"

#include "runtime/core/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 256u
#define ITEMS_MAX (UINT32_MAX / 4)

void rbk_intern_init(struct rbk_intern *set, struct rbk_intern_budget *budget, size_t item_bytes)
{
    RBK_ASSERT(item_bytes && item_bytes % 4 == 0);
    *set = (struct rbk_intern){.budget = budget, .item_bytes = item_bytes};
}

void rbk_intern_fini(struct rbk_intern *set)
{
    free(set->items);
    free(set->slots);
    set->items = NULL;
    set->slots = NULL;
    set->count = set->capacity = set->slot_count = 0;
}

static uint32_t hash(const unsigned char *bytes, size_t count)
{
    uint64_t h = UINT64_C(0x9E3779B97F4A7C15) ^ count;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        h = (h ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
    }
    if (count) {
        uint32_t word;
        memcpy(&word, bytes, 4);
        h = (h ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
    }
    return (uint32_t)(h ^ h >> 29);
}

bool rbk_intern_grow(struct rbk_intern_budget *budget, void **array, size_t *capacity, size_t count,
                     size_t bytes)
{
    if (count <= *capacity) {
        return true;
    }
    size_t room = *capacity + *capacity / 2;
    room = room < 1024 ? 1024 : room;
    room = room < count ? count : room;
    size_t more = (room - *capacity) * bytes;
    if (more > budget->bytes_max - budget->bytes) {
        room = count;
        more = (room - *capacity) * bytes;
    }
    if (more > budget->bytes_max - budget->bytes) {
        return false;
    }
    void *grown = realloc(*array, room * bytes);
    if (!grown) {
        return false;
    }
    *array = grown;
    *capacity = room;
    budget->bytes += more;
    return true;
}

static bool rehash(struct rbk_intern *set)
{
    uint32_t count = set->slot_count ? set->slot_count * 2 : SLOTS_MIN;
    size_t bytes = (size_t)count * sizeof(*set->slots);
    if (bytes > set->budget->bytes_max - set->budget->bytes) {
        return false;
    }
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots) {
        return false;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t slot = hash(set->items + (size_t)i * set->item_bytes, set->item_bytes);
        for (slot &= count - 1; slots[slot]; slot = (slot + 1) & (count - 1)) {
        }
        slots[slot] = i + 1;
    }
    free(set->slots);
    set->slots = slots;
    set->budget->bytes += bytes - (size_t)set->slot_count * sizeof(*slots);
    set->slot_count = count;
    return true;
}

bool rbk_intern_add(struct rbk_intern *set, const void *item, uint32_t *ret_number, bool *ret_new)
{
    if (set->count >= set->slot_count / 2 && !rehash(set)) {
        return false;
    }
    uint32_t slot = hash(item, set->item_bytes) & (set->slot_count - 1);
    for (; set->slots[slot]; slot = (slot + 1) & (set->slot_count - 1)) {
        uint32_t number = set->slots[slot] - 1;
        if (memcmp(set->items + (size_t)number * set->item_bytes, item, set->item_bytes) == 0) {
            *ret_number = number;
            *ret_new = false;
            return true;
        }
    }
    size_t capacity = set->capacity;
    void *items = set->items;
    if (set->count == ITEMS_MAX ||
        !rbk_intern_grow(set->budget, &items, &capacity, (size_t)set->count + 1, set->item_bytes)) {
        return false;
    }
    set->items = items;
    set->capacity = capacity > ITEMS_MAX ? ITEMS_MAX : (uint32_t)capacity;
    memcpy(set->items + (size_t)set->count * set->item_bytes, item, set->item_bytes);
    set->slots[slot] = set->count + 1;
    *ret_number = set->count++;
    *ret_new = true;
    return true;
}

const void *rbk_intern_item(const struct rbk_intern *set, uint32_t number)
{
    RBK_DCHECK(number < set->count);
    return set->items + (size_t)number * set->item_bytes;
}
