/*
 * Finding secrets in a stream. At each byte that can begin one of the forms of a secret, each form
 * is compared with the text by a small matcher that knows the encoding; so every spelling of an
 * encoding
 * (%2f and %2F, \n and \u000a, + and %20) is covered without listing them.
 *
 * A matcher answers NO, YES with a length, or PART when the text ended while everything still
 * fitted; a PART holds the text back from that byte on. With a PART it gives a length where the
 * text is a match already that could grow. Invariants: nothing is appended to `out` from a byte at
 * which a matcher said PART; a mark is written once for a run of overlapping matches; `covered`
 * carries that run across calls.
 */
#include "runtime/drivers/redact.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/drivers/redact_parts.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A value of several lines is also hidden line by line, from this length on. */
#define LINE_BYTES_MIN ((size_t)8)
/* How much of a stream is looked at in one go. */
#define SLICE_BYTES ((size_t)64 << 10)
/* The longest form of one byte of a secret: "\u00xx". */
#define FORM_BYTES_MAX ((size_t)6)

struct form {
    const char *data;
    size_t bytes;
    bool open; /* base64: one more character holds bits of the last byte, and others */
};

/* One value: its bytes and the characters of its base64 that do not depend on its neighbours. */
struct secret {
    struct secret *next; /* owned */
    size_t map_bytes;    /* of the mapping this object and its forms lie in */
    struct form raw;
    struct form base64[3]; /* by position of its first byte in a group of three */
};

struct rbk_redactor {
    struct secret *secrets;   /* owned */
    size_t bytes_max;         /* of the longest value */
    unsigned char first[256]; /* 1: a form of a secret may begin with this byte */
};

enum match { MATCH_NO, MATCH_YES, MATCH_PART };

typedef enum match match_fn(struct form form, const char *text, size_t bytes, size_t *ret_length);

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    if (byte >= 'A' && byte <= 'F') {
        return byte - 'A' + 10;
    }
    return -1;
}

static enum match match_raw(struct form form, const char *text, size_t bytes, size_t *ret_length)
{
    size_t common = bytes < form.bytes ? bytes : form.bytes;
    if (memcmp(form.data, text, common) != 0) {
        return MATCH_NO;
    }
    if (common < form.bytes) {
        return MATCH_PART;
    }
    *ret_length = form.bytes;
    return MATCH_YES;
}

static enum match match_hex(struct form form, const char *text, size_t bytes, size_t *ret_length)
{
    for (size_t index = 0; index < form.bytes * 2; index++) {
        if (index == bytes) {
            return MATCH_PART;
        }
        int byte = (unsigned char)form.data[index / 2];
        if (hex_digit(text[index]) != (index % 2 ? byte & 15 : byte >> 4)) {
            return MATCH_NO;
        }
    }
    *ret_length = form.bytes * 2;
    return MATCH_YES;
}

/* The URL-safe alphabet counts as the usual one; a line end may stand between two characters. */
static enum match match_base64(struct form form, const char *text, size_t bytes, size_t *ret_length)
{
    size_t at = 0;
    for (size_t index = 0; index < form.bytes; index++) {
        if (index && at < bytes && text[at] == '\r') {
            at++;
        }
        if (index && at < bytes && text[at] == '\n') {
            at++;
        }
        if (at == bytes) {
            return MATCH_PART;
        }
        char byte = text[at] == '-' ? '+' : text[at] == '_' ? '/' : text[at];
        if (byte != form.data[index]) {
            return MATCH_NO;
        }
        at++;
    }
    *ret_length = at;
    if (!form.open) {
        return MATCH_YES;
    }
    if (at == bytes) {
        return MATCH_PART;
    }
    *ret_length +=
        isalnum((unsigned char)text[at]) || (text[at] && strchr("+/-_", text[at])) ? 1 : 0;
    return MATCH_YES;
}

static enum match match_url(struct form form, const char *text, size_t bytes, size_t *ret_length)
{
    size_t at = 0;
    for (size_t index = 0; index < form.bytes; index++) {
        if (at == bytes) {
            return MATCH_PART;
        }
        int byte = (unsigned char)text[at++];
        if (byte == '+') {
            byte = form.data[index] == '+' ? '+' : ' ';
        } else if (byte == '%') {
            if (at < bytes && hex_digit(text[at]) < 0) {
                return MATCH_NO;
            }
            if (at + 1 < bytes && hex_digit(text[at + 1]) < 0) {
                return MATCH_NO;
            }
            if (at + 2 > bytes) {
                return MATCH_PART;
            }
            byte = hex_digit(text[at]) * 16 + hex_digit(text[at + 1]);
            at += 2;
        }
        if (byte != (unsigned char)form.data[index]) {
            return MATCH_NO;
        }
    }
    *ret_length = at;
    return MATCH_YES;
}

/* Reads `digits` hexadecimal digits; NO when one is not, PART when the text ends before. */
static enum match read_hex(const char *text, size_t bytes, size_t digits, uint32_t *ret_number)
{
    uint32_t number = 0;
    for (size_t index = 0; index < digits; index++) {
        if (index == bytes) {
            return MATCH_PART;
        }
        int digit = hex_digit(text[index]);
        if (digit < 0) {
            return MATCH_NO;
        }
        number = number * 16 + (uint32_t)digit;
    }
    *ret_number = number;
    return MATCH_YES;
}

/* A character written as \uXXXX, or as a pair of them; `text` begins after the "\u". */
static enum match read_unicode(const char *text, size_t bytes, uint32_t *ret_character,
                               size_t *ret_length)
{
    uint32_t high, low;
    enum match match = read_hex(text, bytes, 4, &high);
    if (match != MATCH_YES) {
        return match;
    }
    *ret_length = 4;
    *ret_character = high;
    if (high < 0xd800 || high > 0xdbff) {
        return MATCH_YES;
    }
    for (size_t index = 0; index < 2; index++) {
        if (4 + index == bytes) {
            return MATCH_PART;
        }
        if (text[4 + index] != "\\u"[index]) {
            return MATCH_NO;
        }
    }
    match = read_hex(text + 6, bytes - 6, 4, &low);
    if (match != MATCH_YES) {
        return match;
    }
    *ret_length = 10;
    *ret_character = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
    return MATCH_YES;
}

/* One escape of JSON, C or Python; `text` begins after the backslash. Writes the bytes it means. */
static enum match read_escape(const char *text, size_t bytes, char ret_bytes[4], size_t *ret_count,
                              size_t *ret_length)
{
    static const char names[] = "ntrbfv0";
    static const char meanings[] = "\n\t\r\b\f\v";
    if (bytes == 0) {
        return MATCH_PART;
    }
    *ret_count = 1;
    *ret_length = 1;
    uint32_t number;
    if (text[0] == 'x') {
        enum match match = read_hex(text + 1, bytes - 1, 2, &number);
        if (match != MATCH_YES) {
            return match;
        }
        *ret_length = 3;
        ret_bytes[0] = (char)number;
        return MATCH_YES;
    }
    if (text[0] == 'u') {
        enum match match = read_unicode(text + 1, bytes - 1, &number, ret_length);
        if (match != MATCH_YES) {
            return match;
        }
        *ret_length += 1;
        *ret_count = rbk_utf8_encode(number, ret_bytes);
        return *ret_count ? MATCH_YES : MATCH_NO;
    }
    const char *name = text[0] ? strchr(names, text[0]) : NULL;
    ret_bytes[0] = name ? meanings[name - names] : text[0];
    return MATCH_YES;
}

static enum match match_json(struct form form, const char *text, size_t bytes, size_t *ret_length)
{
    size_t at = 0;
    for (size_t index = 0; index < form.bytes;) {
        if (at == bytes) {
            return MATCH_PART;
        }
        char meant[4] = {text[at]};
        size_t count = 1, length = 0;
        at++;
        if (meant[0] == '\\') {
            enum match match = read_escape(text + at, bytes - at, meant, &count, &length);
            if (match != MATCH_YES) {
                return match;
            }
        }
        if (count > form.bytes - index || memcmp(meant, form.data + index, count) != 0) {
            return MATCH_NO;
        }
        at += length;
        index += count;
    }
    *ret_length = at;
    return MATCH_YES;
}

/* Appends the base64 characters that the value fixes when `skip` bytes stand before it in a group.
 */
static size_t base64_encode(struct form value, size_t skip, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bits = (skip + value.bytes) * 8;
    size_t count = 0;
    for (size_t bit = (skip * 8 + 5) / 6 * 6; bit + 6 <= bits; bit += 6) {
        size_t at = bit / 8 - skip;
        unsigned pair = (unsigned)(unsigned char)value.data[at] << 8;
        if (at + 1 < value.bytes) {
            pair |= (unsigned char)value.data[at + 1];
        }
        out[count++] = alphabet[(pair >> (10 - bit % 8)) & 63];
    }
    return count;
}

static void mark_first(struct rbk_redactor *redactor, const struct secret *secret)
{
    unsigned char byte = (unsigned char)secret->raw.data[0];
    redactor->first[byte] = 1;
    redactor->first['%'] = 1;
    redactor->first['\\'] = 1;
    if (byte == ' ') {
        redactor->first['+'] = 1;
    }
    redactor->first[(unsigned char)"0123456789abcdef"[byte >> 4]] = 1;
    redactor->first[(unsigned char)"0123456789ABCDEF"[byte >> 4]] = 1;
    for (size_t index = 0; index < 3; index++) {
        char first = secret->base64[index].data[0];
        redactor->first[(unsigned char)first] = 1;
        if (first == '+') {
            redactor->first['-'] = 1;
        }
        if (first == '/') {
            redactor->first['_'] = 1;
        }
    }
}

struct rbk_redactor *rbk_redactor_new(void)
{
    return calloc(1, sizeof(struct rbk_redactor));
}

static int add_one(struct rbk_redactor *redactor, struct rbk_str value)
{
    size_t base64_bytes = (value.bytes + 2) / 3 * 4 + 4;
    size_t map_bytes = sizeof(struct secret) + value.bytes + 3 * base64_bytes;
    struct secret *secret =
        mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED) {
        return -RBK_ENOMEM;
    }
    /* Both may be refused by a resource limit; hiding the value matters more than where it lies. */
    (void)mlock(secret, map_bytes);
    (void)madvise(secret, map_bytes, MADV_DONTDUMP);
    char *memory = (char *)(secret + 1);
    memcpy(memory, value.data, value.bytes);
    secret->map_bytes = map_bytes;
    secret->raw = (struct form){.data = memory, .bytes = value.bytes};
    memory += value.bytes;
    for (size_t skip = 0; skip < 3; skip++) {
        secret->base64[skip].data = memory;
        secret->base64[skip].bytes = base64_encode(secret->raw, skip, memory);
        secret->base64[skip].open = (skip + value.bytes) % 3 != 0;
        memory += base64_bytes;
    }
    secret->next = redactor->secrets;
    redactor->secrets = secret;
    if (value.bytes > redactor->bytes_max) {
        redactor->bytes_max = value.bytes;
    }
    mark_first(redactor, secret);
    return 0;
}

/* Removes the newest secrets until `last` is the newest again. */
static void drop_until(struct rbk_redactor *redactor, const struct secret *last)
{
    while (redactor->secrets != last) {
        struct secret *secret = redactor->secrets;
        redactor->secrets = secret->next;
        size_t map_bytes = secret->map_bytes;
        explicit_bzero(secret, map_bytes);
        munmap(secret, map_bytes);
    }
}

static int add_part(void *context, struct rbk_str part)
{
    return add_one(context, part);
}

int rbk_redactor_add(struct rbk_redactor *redactor, struct rbk_str value)
{
    if (value.bytes < RBK_REDACT_BYTES_MIN) {
        return -RBK_EINVALID;
    }
    if (value.bytes > RBK_SECRET_BYTES_MAX) {
        return -RBK_ELIMIT;
    }
    const struct secret *last = redactor->secrets;
    int result = add_one(redactor, value);
    size_t end = 0;
    for (size_t start = 0; result == 0 && start < value.bytes; start = end + 1) {
        struct rbk_str rest = rbk_str_slice(value, start, value.bytes);
        end = start + rbk_str_find(rest, '\n');
        struct rbk_str line = rbk_str_trim(rbk_str_slice(value, start, end));
        if (line.bytes >= LINE_BYTES_MIN && line.bytes < value.bytes) {
            result = add_one(redactor, line);
        }
    }
    if (result == 0) {
        result = rbk_redact_each_part(value, add_part, redactor);
    }
    if (result != 0) {
        drop_until(redactor, last);
    }
    return result;
}

void rbk_redactor_free(struct rbk_redactor *redactor)
{
    if (!redactor) {
        return;
    }
    drop_until(redactor, NULL);
    free(redactor);
}

/* The longest match of any form of any secret at `text`; PART when a longer text could change that.
 */
static enum match match_any(const struct rbk_redactor *redactor, const char *text, size_t bytes,
                            size_t *ret_length)
{
    static match_fn *const raw_matchers[] = {match_raw, match_hex, match_url, match_json};
    bool part = false;
    size_t longest = 0;
    for (const struct secret *secret = redactor->secrets; secret; secret = secret->next) {
        for (size_t index = 0; index < RBK_COUNT(raw_matchers) + 3; index++) {
            size_t length = 0;
            enum match match = index < RBK_COUNT(raw_matchers)
                                   ? raw_matchers[index](secret->raw, text, bytes, &length)
                                   : match_base64(secret->base64[index - RBK_COUNT(raw_matchers)],
                                                  text, bytes, &length);
            if (match == MATCH_PART) {
                part = true;
            }
            if (match != MATCH_NO && length > longest) {
                longest = length;
            }
        }
    }
    *ret_length = longest;
    return part ? MATCH_PART : longest ? MATCH_YES : MATCH_NO;
}

/*
 * Redacts as much of `text` as can be judged: all of it when `final`.
 * @covered  In: bytes at the front a mark was written for already; out: the same for the rest.
 * @return the number of bytes dealt with.
 */
static size_t scan(const struct rbk_redactor *redactor, struct rbk_str text, bool final,
                   size_t *covered, struct rbk_buffer *out)
{
    size_t at = 0;
    size_t shown = *covered; /* everything before is written, as it is or as a mark */
    for (; at < text.bytes; at++) {
        while (at < text.bytes && !redactor->first[(unsigned char)text.data[at]]) {
            at++;
        }
        if (at == text.bytes) {
            break;
        }
        size_t length;
        enum match match = match_any(redactor, text.data + at, text.bytes - at, &length);
        if (match == MATCH_PART && !final) {
            break;
        }
        if (length == 0) {
            continue;
        }
        if (at >= shown) {
            rbk_buffer_append(out, text.data + shown, at - shown);
            rbk_buffer_append_text(out, RBK_REDACT_MARK);
        }
        if (at + length > shown) {
            shown = at + length;
        }
    }
    if (shown < at) {
        rbk_buffer_append(out, text.data + shown, at - shown);
    }
    *covered = shown > at ? shown - at : 0;
    return at;
}

void rbk_redact(const struct rbk_redactor *redactor, struct rbk_str text, struct rbk_buffer *out)
{
    size_t covered = 0;
    if (!redactor || !redactor->secrets) {
        rbk_buffer_append_str(out, text);
    } else {
        scan(redactor, text, true, &covered, out);
    }
}

void rbk_redact_stream_init(struct rbk_redact_stream *stream, const struct rbk_redactor *redactor)
{
    *stream = (struct rbk_redact_stream){.redactor = redactor};
    size_t held_max = redactor ? redactor->bytes_max * FORM_BYTES_MAX * 2 : 0;
    rbk_buffer_init(&stream->held, held_max + SLICE_BYTES);
}

void rbk_redact_stream_feed(struct rbk_redact_stream *stream, struct rbk_str chunk,
                            struct rbk_buffer *out)
{
    if (!stream->redactor || !stream->redactor->secrets) {
        rbk_buffer_append_str(out, chunk);
        return;
    }
    /* All the room at once: a buffer that grows would leave copies of secrets behind. */
    struct rbk_buffer *held = &stream->held;
    if (held->capacity == 0 && !rbk_buffer_reserve(held, held->bytes_max)) {
        out->error = -RBK_ENOMEM;
        return;
    }
    for (size_t at = 0; at < chunk.bytes;) {
        size_t room = held->bytes_max - held->bytes;
        RBK_ASSERT(room > 0);
        struct rbk_str slice = rbk_str_slice(chunk, at, at + room);
        rbk_buffer_append_str(held, slice);
        at += slice.bytes;
        size_t done = scan(stream->redactor, rbk_buffer_str(held), false, &stream->covered, out);
        rbk_buffer_consume(held, done);
    }
}

void rbk_redact_stream_end(struct rbk_redact_stream *stream, struct rbk_buffer *out)
{
    if (!stream->redactor || stream->held.bytes == 0) {
        return;
    }
    scan(stream->redactor, rbk_buffer_str(&stream->held), true, &stream->covered, out);
    rbk_buffer_clear(&stream->held);
    stream->covered = 0;
}

void rbk_redact_stream_fini(struct rbk_redact_stream *stream)
{
    if (stream->held.capacity) {
        explicit_bzero(stream->held.data, stream->held.capacity);
    }
    rbk_buffer_fini(&stream->held);
}
