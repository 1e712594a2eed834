/*
 * The table of names: open addressing, doubled when two thirds full. Reserved words come first, so
 * that their ids are the same in every compilation.
 *
 * The hash is FNV-1a with a final mix. A plan is written by its user, so nobody gains from names
 * that collide, and a fixed hash keeps the ids, and all that is numbered by them, the same in every
 * run.
 */
#include "compiler/name.h"

#include "compiler/keyword.h"
#include "rbk_parser.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

#include <string.h>

/** Slots at the start: room for the reserved words and a plan of usual size. */
#define SLOT_COUNT_MIN 1024u

static uint32_t hash_text(struct rbk_str text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.bytes; i++) {
        hash ^= (unsigned char)text.data[i];
        hash *= 16777619u;
    }
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6du;
    return hash ^ (hash >> 12);
}

/* The slot that holds the text, or the free one where it belongs. */
static struct rbk_name **find_slot(struct rbk_name **slots, uint32_t slot_count,
                                   struct rbk_str text, uint32_t hash)
{
    uint32_t at = hash & (slot_count - 1);
    while (slots[at] && (slots[at]->hash != hash || slots[at]->text.bytes != text.bytes ||
                         memcmp(slots[at]->text.data, text.data, text.bytes) != 0)) {
        at = (at + 1) & (slot_count - 1);
    }
    return &slots[at];
}

static void grow(struct rbk_names *names)
{
    uint32_t slot_count = names->slot_count ? names->slot_count * 2 : SLOT_COUNT_MIN;
    struct rbk_name **slots = rbk_new_array(names->arena, struct rbk_name *, slot_count);
    for (uint32_t i = 0; i < names->slot_count; i++) {
        struct rbk_name *name = names->slots[i];
        if (name) {
            *find_slot(slots, slot_count, name->text, name->hash) = name;
        }
    }
    names->slots = slots;
    names->slot_count = slot_count;
}

struct rbk_name *rbk_names_intern(struct rbk_names *names, struct rbk_str text)
{
    uint32_t hash = hash_text(text);
    struct rbk_name **slot = find_slot(names->slots, names->slot_count, text, hash);
    if (*slot) {
        return *slot;
    }
    if (names->count >= names->slot_count / 3 * 2) {
        grow(names);
        slot = find_slot(names->slots, names->slot_count, text, hash);
    }
    struct rbk_name *name = rbk_new(names->arena, struct rbk_name);
    name->text = rbk_arena_copy(names->arena, text);
    name->id = names->count++;
    name->hash = hash;
    name->token = RBK_TOKEN_ID;
    *slot = name;
    return name;
}

struct rbk_name *rbk_names_find(const struct rbk_names *names, struct rbk_str text)
{
    return *find_slot(names->slots, names->slot_count, text, hash_text(text));
}

void rbk_names_init(struct rbk_names *names, struct rbk_arena *arena)
{
    static const struct {
        int token;
        bool serves_as_name;
        struct rbk_str word;
    } keywords[] = {
#define KEYWORD(TOKEN, WORD) {RBK_TOKEN_##TOKEN, true, {WORD, sizeof(WORD) - 1}},
        RBK_WORDS_AS_NAMES(KEYWORD)
#undef KEYWORD
#define KEYWORD(TOKEN, WORD) {RBK_TOKEN_##TOKEN, false, {WORD, sizeof(WORD) - 1}},
            RBK_WORDS_RESERVED(KEYWORD)
#undef KEYWORD
    };

    *names = (struct rbk_names){.arena = arena};
    grow(names);
    for (size_t i = 0; i < RBK_COUNT(keywords); i++) {
        struct rbk_name *name = rbk_names_intern(names, keywords[i].word);
        RBK_DCHECK(name->id == i);
        name->token = keywords[i].token;
        name->serves_as_name = keywords[i].serves_as_name;
    }
}
