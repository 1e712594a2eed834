#include "tests/unit/core/zone/tables.h"

#include "runtime/core/base/buffer.h"
#include "runtime/core/timestamp.h"

#include <check.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)

static void put_number(struct rbk_buffer *out, uint64_t number, size_t width)
{
    while (width-- > 0) {
        char byte = (char)(number >> (8 * width) & 0xff);
        ck_assert_int_eq(rbk_buffer_append(out, &byte, 1), 0);
    }
}

static void put_header(struct rbk_buffer *out, size_t times, size_t types)
{
    static const char zeros[15] = {0};
    rbk_buffer_append_text(out, "TZif2");
    ck_assert_int_eq(rbk_buffer_append(out, zeros, sizeof(zeros)), 0);
    put_number(out, 0, 4);
    put_number(out, 0, 4);
    put_number(out, 0, 4);
    put_number(out, times, 4);
    put_number(out, types, 4);
    put_number(out, 4, 4);
}

/* The types of a block: that before the first change, then one of each change. */
static void put_block(struct rbk_buffer *out, int32_t offset_s, const struct table_change *changes,
                      size_t count)
{
    put_header(out, count, count + 1);
    for (size_t i = 0; i < count; i++) {
        put_number(out, (uint64_t)changes[i].at_s, 8);
    }
    for (size_t i = 0; i < count; i++) {
        put_number(out, i + 1, 1);
    }
    for (size_t i = 0; i <= count; i++) {
        put_number(out, (uint32_t)(i == 0 ? offset_s : changes[i - 1].offset_s), 4);
        put_number(out, 0, 2);
    }
    put_number(out, 0x41424300, 4);
}

struct rbk_str table_make(struct rbk_arena *arena, int32_t offset_s,
                          const struct table_change *changes, size_t count, const char *rule)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, FILE_BYTES_MAX);
    put_header(&out, 0, 1); /* for readers of version 1: nothing of use */
    put_number(&out, 0, 6);
    put_number(&out, 0x41424300, 4);
    put_block(&out, offset_s, changes, count);
    rbk_buffer_printf(&out, "\n%s\n", rule);
    struct rbk_str file = rbk_arena_copy(arena, rbk_buffer_str(&out));
    rbk_buffer_fini(&out);
    return file;
}

const struct rbk_zone *table_of_rule(struct rbk_arena *arena, const char *rule)
{
    const struct rbk_zone *zone = rbk_zone_read(arena, table_make(arena, 0, NULL, 0, rule));
    ck_assert_msg(zone != NULL, "%s", rule);
    return zone;
}

int64_t table_at(const char *text)
{
    int64_t at_ms = 0;
    ck_assert_msg(rbk_timestamp_parse(rbk_str_from(text), &at_ms), "%s", text);
    return at_ms / 1000;
}
