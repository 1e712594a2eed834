/*
 * A zone is a list of changes of its clocks, and a rule for the time after the last of them.
 * Between two changes a clock runs as any other, so that "when does it show" is a subtraction in
 * each such piece; what is left is to look at the few pieces around the instant in question.
 *
 * The layout of a file (RFC 9636): a header of 44 bytes and a block with instants of four bytes,
 * for old readers; from version 2 on the same again with eight, and a rule between two line ends.
 */
#include "runtime/core/zone.h"

#include "runtime/core/timestamp.h"
#include "runtime/core/zone_internal.h"

#include <string.h>

#define HEADER_BYTES 44u
#define TYPE_BYTES 6u
#define OFFSET_S_MAX 93600 /* 26 hours: nobody's clocks are further from UTC */
/* Changes within two days of an instant; a real zone has two at most. */
#define PIECES_MAX 64

struct rbk_zone {
    int32_t offset_s; /* before the first change */
    const struct rbk_zone_change *changes;
    size_t count;
    struct rbk_zone_rule rule; /* with has_rule: after the last change */
    bool has_rule;
};

/* ---- a file ---------------------------------------------------------------------------------- */

/* The counts of a header, in its order. */
struct header {
    char version;
    uint32_t utc, standard, leap, times, types, letters;
};

static uint32_t number_of(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t instant_of(const unsigned char *bytes, size_t width)
{
    if (width == 4) {
        return (int32_t)number_of(bytes);
    }
    return (int64_t)((uint64_t)number_of(bytes) << 32 | number_of(bytes + 4));
}

/* Read the header at the beginning of what is left, and the size of its block. */
static bool read_header(struct rbk_str left, size_t width, struct header *ret, size_t *ret_bytes)
{
    const unsigned char *at = (const unsigned char *)left.data;
    if (left.bytes < HEADER_BYTES || memcmp(left.data, "TZif", 4) != 0) {
        return false;
    }
    *ret = (struct header){
        .version = left.data[4],
        .utc = number_of(at + 20),
        .standard = number_of(at + 24),
        .leap = number_of(at + 28),
        .times = number_of(at + 32),
        .types = number_of(at + 36),
        .letters = number_of(at + 40),
    };
    uint64_t bytes = (uint64_t)ret->times * (width + 1) + (uint64_t)ret->types * TYPE_BYTES +
                     ret->letters + (uint64_t)ret->leap * (width + 4) + ret->standard + ret->utc;
    if (bytes > left.bytes - HEADER_BYTES || ret->types == 0 || ret->leap != 0) {
        return false;
    }
    *ret_bytes = HEADER_BYTES + (size_t)bytes;
    return true;
}

static bool read_type(const unsigned char *types, uint32_t count, uint32_t type, int32_t *ret_s)
{
    if (type >= count) {
        return false;
    }
    *ret_s = (int32_t)number_of(types + (size_t)type * TYPE_BYTES);
    return *ret_s >= -OFFSET_S_MAX && *ret_s <= OFFSET_S_MAX;
}

static bool read_block(struct rbk_arena *arena, const char *data, const struct header *header,
                       size_t width, struct rbk_zone *zone)
{
    const unsigned char *times = (const unsigned char *)data + HEADER_BYTES;
    const unsigned char *kinds = times + (size_t)header->times * width;
    const unsigned char *types = kinds + header->times;
    struct rbk_zone_change *changes =
        rbk_new_array(arena, struct rbk_zone_change, (size_t)header->times + 1);
    if (!read_type(types, header->types, 0, &zone->offset_s)) {
        return false;
    }
    for (uint32_t i = 0; i < header->times; i++) {
        changes[i].at_s = instant_of(times + i * width, width);
        if (!read_type(types, header->types, kinds[i], &changes[i].offset_s) ||
            (i > 0 && changes[i].at_s <= changes[i - 1].at_s)) {
            return false;
        }
    }
    zone->changes = changes;
    zone->count = header->times;
    return true;
}

const struct rbk_zone *rbk_zone_read(struct rbk_arena *arena, struct rbk_str bytes)
{
    struct rbk_zone *zone = rbk_new(arena, struct rbk_zone);
    struct header header;
    size_t block_bytes = 0;
    size_t width = 4;
    if (!read_header(bytes, width, &header, &block_bytes)) {
        return NULL;
    }
    if (header.version >= '2') {
        bytes = rbk_str_slice(bytes, block_bytes, bytes.bytes);
        width = 8;
        if (!read_header(bytes, width, &header, &block_bytes)) {
            return NULL;
        }
    }
    if (!read_block(arena, bytes.data, &header, width, zone)) {
        return NULL;
    }
    struct rbk_str rule = rbk_str_slice(bytes, block_bytes, bytes.bytes);
    if (width == 8) {
        if (rule.bytes < 2 || rule.data[0] != '\n') {
            return NULL;
        }
        rule = rbk_str_slice(rule, 1, rule.bytes);
        if (rule.data[rule.bytes - 1] != '\n') {
            return NULL; /* cut off */
        }
        rule.bytes = rbk_str_find(rule, '\n');
        zone->has_rule = rule.bytes > 0;
        if (zone->has_rule && !rbk_zone_rule_read(rule, &zone->rule)) {
            return NULL;
        }
    }
    return zone;
}

/* ---- without a file -------------------------------------------------------------------------- */

const struct rbk_zone *rbk_zone_of_offset(struct rbk_arena *arena, struct rbk_str text)
{
    int64_t time_ms = 0;
    bool utc = rbk_str_is(text, "UTC") || rbk_str_is(text, "Z");
    bool offset = text.bytes > 0 && (text.data[0] == '+' || text.data[0] == '-');
    struct rbk_str midnight =
        rbk_arena_printf(arena, "1970-01-01T00:00%.*s", RBK_STR_ARG(utc ? RBK_STR("Z") : text));
    if ((!utc && !offset) || !rbk_timestamp_parse(midnight, &time_ms)) {
        return NULL;
    }
    struct rbk_zone *zone = rbk_new(arena, struct rbk_zone);
    zone->offset_s = (int32_t)(-time_ms / 1000);
    return zone;
}

bool rbk_zone_name_valid(struct rbk_str name)
{
    bool begins = true; /* a part of the path */
    for (size_t i = 0; i < name.bytes; i++) {
        char byte = name.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                      (byte >= '0' && byte <= '9');
        if (!letter && (begins || (byte != '_' && byte != '+' && byte != '-' && byte != '/'))) {
            return false;
        }
        begins = byte == '/';
    }
    return !begins && name.bytes <= RBK_ZONE_NAME_BYTES_MAX;
}

/* ---- instants -------------------------------------------------------------------------------- */

static int64_t limited(int64_t seconds)
{
    return seconds > RBK_ZONE_SECONDS_MAX    ? RBK_ZONE_SECONDS_MAX
           : seconds < -RBK_ZONE_SECONDS_MAX ? -RBK_ZONE_SECONDS_MAX
                                             : seconds;
}

/* How many changes of the table are at or before an instant. */
static size_t changes_until(const struct rbk_zone *zone, int64_t at_s)
{
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t rbk_zone_offset_s(const struct rbk_zone *zone, int64_t at_s)
{
    at_s = limited(at_s);
    size_t count = changes_until(zone, at_s);
    if (count < zone->count || !zone->has_rule) {
        return count == 0 ? zone->offset_s : zone->changes[count - 1].offset_s;
    }
    if (!zone->rule.summer) {
        return zone->rule.standard_s;
    }
    struct rbk_zone_change change = rbk_zone_rule_before(&zone->rule, at_s);
    /* Between the last change of the table and the first one of the rule the table counts. */
    bool by_table = count > 0 && zone->changes[count - 1].at_s >= change.at_s;
    return by_table ? zone->changes[count - 1].offset_s : change.offset_s;
}

bool rbk_zone_next_change(const struct rbk_zone *zone, int64_t after_s, int64_t *ret_at_s)
{
    after_s = limited(after_s);
    size_t count = changes_until(zone, after_s);
    if (count < zone->count) {
        *ret_at_s = zone->changes[count].at_s;
        return true;
    }
    if (!zone->has_rule || !zone->rule.summer) {
        return false;
    }
    *ret_at_s = rbk_zone_rule_after(&zone->rule, after_s).at_s;
    return true;
}

/* When its clocks come to show this; `last`: for the last time. */
static int64_t comes_to(const struct rbk_zone *zone, int64_t shown_s, bool last)
{
    shown_s = limited(shown_s);
    int64_t from_s = shown_s - OFFSET_S_MAX - 1; /* it shows less, whatever the zone */
    int64_t end_s = shown_s + OFFSET_S_MAX + 1;  /* it shows more */
    int64_t found_s = end_s;
    bool below = true; /* it showed less at the end of the piece before */
    for (int pieces = 0; pieces < PIECES_MAX; pieces++) {
        int32_t offset_s = rbk_zone_offset_s(zone, from_s);
        int64_t to_s = end_s;
        bool more = rbk_zone_next_change(zone, from_s, &to_s) && to_s < end_s;
        to_s = more ? to_s : end_s;
        int64_t at_s = shown_s - offset_s;
        bool reached = true;
        if (at_s < from_s && below) {
            found_s = from_s; /* put forward over it */
        } else if (at_s >= from_s && at_s < to_s) {
            found_s = at_s;
        } else {
            reached = false;
        }
        below = to_s + offset_s <= shown_s;
        if ((reached && !last) || !more) {
            break;
        }
        from_s = to_s;
    }
    return found_s;
}

int64_t rbk_zone_first(const struct rbk_zone *zone, int64_t shown_s)
{
    return comes_to(zone, shown_s, false);
}

int64_t rbk_zone_last(const struct rbk_zone *zone, int64_t shown_s)
{
    return comes_to(zone, shown_s, true);
}
