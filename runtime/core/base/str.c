/*
 * Comparing and cutting borrowed strings. memcmp and memchr are not called on a NULL pointer, which
 * the standard leaves undefined even for no bytes.
 */
#include "runtime/core/base/str.h"

#include <string.h>

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct rbk_str rbk_str_from(const char *text)
{
    return (struct rbk_str){text, text ? strlen(text) : 0};
}

bool rbk_str_equal(struct rbk_str a, struct rbk_str b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

bool rbk_str_is(struct rbk_str str, const char *text)
{
    return rbk_str_equal(str, rbk_str_from(text));
}

bool rbk_str_starts(struct rbk_str str, struct rbk_str prefix)
{
    return rbk_str_equal(rbk_str_slice(str, 0, prefix.bytes), prefix);
}

bool rbk_str_ends(struct rbk_str str, struct rbk_str suffix)
{
    return str.bytes >= suffix.bytes &&
           rbk_str_equal(rbk_str_slice(str, str.bytes - suffix.bytes, str.bytes), suffix);
}

int rbk_str_compare(struct rbk_str a, struct rbk_str b)
{
    size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

struct rbk_str rbk_str_slice(struct rbk_str str, size_t start, size_t end)
{
    end = end < str.bytes ? end : str.bytes;
    if (start >= end) {
        return (struct rbk_str){NULL, 0};
    }
    return (struct rbk_str){str.data + start, end - start};
}

struct rbk_str rbk_str_trim(struct rbk_str str)
{
    size_t start = 0;
    size_t end = str.bytes;
    while (start < end && is_space(str.data[start])) {
        start++;
    }
    while (end > start && is_space(str.data[end - 1])) {
        end--;
    }
    return rbk_str_slice(str, start, end);
}

size_t rbk_str_find(struct rbk_str str, char byte)
{
    const char *found = str.bytes == 0 ? NULL : memchr(str.data, byte, str.bytes);
    return found ? (size_t)(found - str.data) : str.bytes;
}
