/*
 * UTF-8 by the table of RFC 3629: the first byte gives the length and the least code point of that
 * length, which excludes overlong forms.
 */
#include "runtime/core/base/utf8.h"

#define CHARACTER_MAX UINT32_C(0x10ffff)

static bool is_surrogate(uint32_t character)
{
    return character >= 0xd800 && character <= 0xdfff;
}

size_t rbk_utf8_decode(struct rbk_str str, size_t offset, uint32_t *ret_character)
{
    static const struct {
        unsigned char mask;  /* Bits of the first byte that name the length. */
        unsigned char value; /* Their value. */
        uint32_t least;      /* The least code point of this length. */
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    if (offset >= str.bytes) {
        return 0;
    }
    const unsigned char *bytes = (const unsigned char *)str.data + offset;
    for (size_t i = 0; i < RBK_COUNT(forms); i++) {
        if ((bytes[0] & forms[i].mask) != forms[i].value) {
            continue;
        }
        if (str.bytes - offset < i + 1) {
            return 0;
        }
        uint32_t character = bytes[0] & (unsigned char)~forms[i].mask;
        for (size_t k = 1; k <= i; k++) {
            if ((bytes[k] & 0xc0) != 0x80) {
                return 0;
            }
            character = character << 6 | (bytes[k] & 0x3fU);
        }
        if (character < forms[i].least || character > CHARACTER_MAX || is_surrogate(character)) {
            return 0;
        }
        if (ret_character) {
            *ret_character = character;
        }
        return i + 1;
    }
    return 0;
}

bool rbk_utf8_valid(struct rbk_str str, size_t *ret_offset)
{
    size_t offset = 0;
    while (offset < str.bytes) {
        size_t bytes =
            (unsigned char)str.data[offset] < 0x80 ? 1 : rbk_utf8_decode(str, offset, NULL);
        if (bytes == 0) {
            if (ret_offset) {
                *ret_offset = offset;
            }
            return false;
        }
        offset += bytes;
    }
    return true;
}

size_t rbk_utf8_count(struct rbk_str str)
{
    size_t count = 0;
    for (size_t offset = 0; offset < str.bytes; count++) {
        size_t bytes = rbk_utf8_decode(str, offset, NULL);
        offset += bytes ? bytes : 1;
    }
    return count;
}

size_t rbk_utf8_encode(uint32_t character, char out[4])
{
    if (character > CHARACTER_MAX || is_surrogate(character)) {
        return 0;
    }
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t bytes = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    out[0] = (char)(first[bytes] | character);
    return bytes;
}
