/*
 * Values: making, copying and printing them. Reading text is in value_parse.c, the journal's JSON
 * in value_json.c.
 *
 * Printed text is exact: what is printed reads back (rbk_value_parse) as the value it was. So bytes
 * are shown in the largest unit in which an eighth is enough, and durations in all of theirs.
 */
#include "runtime/core/value.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/number.h"
#include "runtime/core/timestamp.h"
#include "runtime/core/value_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct rbk_value rbk_value_missing(enum rbk_type type)
{
    return (struct rbk_value){.type = type, .missing = true};
}

struct rbk_value rbk_value_bool(bool truth)
{
    return (struct rbk_value){.type = RBK_TYPE_BOOL, .as.truth = truth};
}

struct rbk_value rbk_value_integer(enum rbk_type type, int64_t integer)
{
    RBK_DCHECK(rbk_type_is_integer(type));
    return (struct rbk_value){.type = type, .as.integer = integer};
}

struct rbk_value rbk_value_number(enum rbk_type type, double number)
{
    RBK_DCHECK(rbk_type_is_real(type));
    if (!isfinite(number)) {
        return rbk_value_missing(type);
    }
    /* Minus zero becomes zero: they are equal and must print alike. */
    return (struct rbk_value){.type = type, .as.number = number == 0 ? 0 : number};
}

struct rbk_value rbk_value_text(enum rbk_type type, struct rbk_str text)
{
    RBK_DCHECK(rbk_type_is_text(type));
    return (struct rbk_value){.type = type, .as.text = text};
}

struct rbk_value rbk_value_list(const struct rbk_value *items, size_t count)
{
    return (struct rbk_value){.type = RBK_TYPE_LIST, .as.list = {items, count}};
}

static struct rbk_value copy_at(struct rbk_arena *arena, struct rbk_value value, unsigned depth)
{
    if (value.missing) {
        return rbk_value_missing(value.type);
    }
    if (rbk_type_is_text(value.type)) {
        value.as.text = rbk_arena_copy(arena, value.as.text);
    } else if (value.type == RBK_TYPE_LIST) {
        RBK_ASSERT(depth < RBK_VALUE_DEPTH_MAX);
        size_t count = value.as.list.count;
        struct rbk_value *items = rbk_new_array(arena, struct rbk_value, count);
        for (size_t i = 0; i < count; i++) {
            items[i] = copy_at(arena, value.as.list.items[i], depth + 1);
        }
        value.as.list.items = items;
    }
    return value;
}

struct rbk_value rbk_value_copy(struct rbk_arena *arena, struct rbk_value value)
{
    return copy_at(arena, value, 0);
}

static uint64_t magnitude(int64_t integer)
{
    return integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
}

/* "1d 2h 3m 4s 5ms" without what is 0; "0s". */
static size_t print_duration(char out[RBK_VALUE_SHORT_BYTES], int64_t duration_ms)
{
    uint64_t left = magnitude(duration_ms);
    size_t bytes = 0;
    if (left == 0) {
        (void)memcpy(out, "0s", 3);
        return 2;
    }
    for (size_t i = 0; i < RBK_DURATION_UNITS; i++) {
        uint64_t count = left / rbk_duration_units[i].factor;
        left %= rbk_duration_units[i].factor;
        if (count > 0) {
            const char *before = bytes > 0 ? " " : duration_ms < 0 ? "-" : "";
            bytes +=
                (size_t)snprintf(out + bytes, RBK_VALUE_SHORT_BYTES - bytes, "%s%llu%s", before,
                                 (unsigned long long)count, rbk_duration_units[i].word);
        }
    }
    return bytes;
}

/* "10GiB", "1.5KiB", "1000B". */
static size_t print_bytes(char out[RBK_VALUE_SHORT_BYTES], int64_t count)
{
    uint64_t left = magnitude(count);
    size_t i = 0;
    while (left < rbk_bytes_units[i].factor || left % ((rbk_bytes_units[i].factor + 7) / 8) != 0) {
        if (rbk_bytes_units[i].factor == 1) {
            break;
        }
        i++;
    }
    uint64_t factor = rbk_bytes_units[i].factor;
    uint64_t thousandths = factor > 1 ? left % factor / (factor / 8) * 125 : 0;
    int bytes = snprintf(out, RBK_VALUE_SHORT_BYTES, "%s%llu", count < 0 ? "-" : "",
                         (unsigned long long)(left / factor));
    if (thousandths > 0) {
        bytes += snprintf(out + bytes, RBK_VALUE_SHORT_BYTES - (size_t)bytes, ".%03u",
                          (unsigned)thousandths);
        while (out[bytes - 1] == '0') {
            bytes--;
        }
    }
    bytes +=
        snprintf(out + bytes, RBK_VALUE_SHORT_BYTES - (size_t)bytes, "%s", rbk_bytes_units[i].word);
    return (size_t)bytes;
}

size_t rbk_value_print_short(char out[RBK_VALUE_SHORT_BYTES], struct rbk_value value)
{
    const char *word = value.missing ? "(missing)" : "";
    switch (value.missing ? RBK_TYPE_UNKNOWN : value.type) {
    case RBK_TYPE_BOOL:
        word = value.as.truth ? "true" : "false";
        break;
    case RBK_TYPE_INT:
        return (size_t)snprintf(out, RBK_VALUE_SHORT_BYTES, "%lld", (long long)value.as.integer);
    case RBK_TYPE_NUMBER:
        return rbk_number_print(out, value.as.number, 0);
    case RBK_TYPE_RATIO: {
        size_t bytes = rbk_number_print(out, value.as.number, 2);
        (void)memcpy(out + bytes, "%", 2);
        return bytes + 1;
    }
    case RBK_TYPE_DURATION:
        return print_duration(out, value.as.integer);
    case RBK_TYPE_BYTES:
        return print_bytes(out, value.as.integer);
    case RBK_TYPE_TIME:
        return rbk_timestamp_print(out, value.as.integer);
    default:
        break;
    }
    return (size_t)snprintf(out, RBK_VALUE_SHORT_BYTES, "%s", word);
}

static void print_at(struct rbk_buffer *out, struct rbk_value value, unsigned depth)
{
    if (!value.missing && rbk_type_is_text(value.type)) {
        (void)rbk_buffer_append_str(out, value.as.text);
    } else if (!value.missing && value.type == RBK_TYPE_LIST) {
        RBK_ASSERT(depth < RBK_VALUE_DEPTH_MAX);
        for (size_t i = 0; i < value.as.list.count; i++) {
            if (i > 0) {
                (void)rbk_buffer_append_text(out, ", ");
            }
            print_at(out, value.as.list.items[i], depth + 1);
        }
    } else {
        char text[RBK_VALUE_SHORT_BYTES];
        (void)rbk_buffer_append(out, text, rbk_value_print_short(text, value));
    }
}

void rbk_value_print(struct rbk_buffer *out, struct rbk_value value)
{
    print_at(out, value, 0);
}
