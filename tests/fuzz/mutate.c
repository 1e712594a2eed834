/*
 * Mutating text as text: what libFuzzer does to bytes leaves hardly any plan that parses, so half
 * of the time a token, a line or a block in brackets is removed, doubled, moved or put in the place
 * of another. Linked into the targets that read text, with libFuzzer only.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

/* Of a text: from, and up to. */
struct piece {
    size_t start;
    size_t end;
};

/* xorshift (G. Marsaglia, 2003): good enough to choose with. */
static uint32_t draw(uint32_t *random, size_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return below > 0 ? *random % (uint32_t)below : 0;
}

static bool is_word(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

static struct piece token_at(const uint8_t *data, size_t bytes, size_t at)
{
    struct piece piece = {at, at + 1};
    bool word = is_word(data[at]);
    while (word && piece.start > 0 && is_word(data[piece.start - 1])) {
        piece.start--;
    }
    while (word && piece.end < bytes && is_word(data[piece.end])) {
        piece.end++;
    }
    return piece;
}

static struct piece line_at(const uint8_t *data, size_t bytes, size_t at)
{
    struct piece piece = {at, at};
    while (piece.start > 0 && data[piece.start - 1] != '\n') {
        piece.start--;
    }
    while (piece.end < bytes && data[piece.end] != '\n') {
        piece.end++;
    }
    piece.end += piece.end < bytes;
    return piece;
}

/* From the start of a line to the end of the block that opens in or behind it. */
static struct piece block_at(const uint8_t *data, size_t bytes, size_t at)
{
    struct piece piece = line_at(data, bytes, at);
    size_t depth = 0;
    for (size_t i = piece.start; i < bytes; i++) {
        if (data[i] == '{') {
            depth++;
        } else if (data[i] == '}' && depth <= 1) {
            piece.end = i + 1;
            break;
        } else if (data[i] == '}') {
            depth--;
        }
    }
    return piece;
}

static struct piece choose(const uint8_t *data, size_t bytes, uint32_t *random)
{
    size_t at = draw(random, bytes);
    switch (draw(random, 4)) {
    case 0:
    case 1:
        return token_at(data, bytes, at);
    case 2:
        return line_at(data, bytes, at);
    default:
        return block_at(data, bytes, at);
    }
}

/* Put a copy of @what, which may overlap, where @where is. @return the new length, or 0: too long.
 */
static size_t replace(uint8_t *data, size_t bytes, size_t bytes_max, struct piece where,
                      struct piece what)
{
    uint8_t copy[4096];
    size_t add = what.end - what.start;
    size_t cut = where.end - where.start;
    if (add > sizeof(copy) || bytes - cut + add > bytes_max) {
        return 0;
    }
    (void)memcpy(copy, data + what.start, add);
    (void)memmove(data + where.start + add, data + where.end, bytes - where.end);
    (void)memcpy(data + where.start, copy, add);
    return bytes - cut + add;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned seed)
{
    uint32_t random = seed * 2654435761u + 1u;
    (void)draw(&random, 1);
    if (bytes == 0 || draw(&random, 2) == 0) {
        return LLVMFuzzerMutate(data, bytes, bytes_max);
    }
    struct piece what = choose(data, bytes, &random);
    struct piece where = choose(data, bytes, &random);
    size_t result = 0;
    switch (draw(&random, 4)) {
    case 0: /* remove */
        result = replace(data, bytes, bytes_max, what, (struct piece){0, 0});
        break;
    case 1: /* insert before */
        result = replace(data, bytes, bytes_max, (struct piece){where.start, where.start}, what);
        break;
    case 2: /* double */
        result = replace(data, bytes, bytes_max, (struct piece){what.start, what.start}, what);
        break;
    default:
        result = replace(data, bytes, bytes_max, where, what);
        break;
    }
    return result > 0 ? result : LLVMFuzzerMutate(data, bytes, bytes_max);
}
