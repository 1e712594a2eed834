/* Operations for what is said to other systems: a member of the JSON they answer with, and the
 * headers of a mail. */
#include "runtime/core/expr_ops.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/value_text.h"

/* A folded header's lines stay below the 78 columns of RFC 5322, the name of the header included.
 */
#define FOLD_COLUMN 50u
/* Bytes of one encoded word: 75 columns at most (RFC 2047), less "=?UTF-8?B?" and "?=". */
#define ENCODED_BYTES 45u

static int copied(struct rbk_arena *arena, struct rbk_buffer *buffer, enum rbk_type type,
                  struct rbk_value *ret)
{
    bool failed = buffer->error != 0;
    struct rbk_str text = rbk_buffer_str(buffer);
    char *copy = failed ? NULL : rbk_arena_try_alloc(arena, text.bytes + 1, 1);

    if (copy != NULL) {
        memcpy(copy, text.data, text.bytes);
        *ret = rbk_value_text(type, (struct rbk_str){copy, text.bytes});
    }
    rbk_buffer_fini(buffer);
    return failed ? -RBK_ELIMIT : copy == NULL ? -RBK_ENOMEM : 0;
}

/* A text as it is, anything else as JSON. */
static int printed(struct rbk_arena *arena, const json_t *json, enum rbk_type type,
                   struct rbk_value *ret)
{
    struct rbk_buffer buffer;

    rbk_buffer_init(&buffer, RBK_TEMPLATE_BYTES_MAX);
    if (json_is_string(json)) {
        (void)rbk_buffer_append(&buffer, json_string_value(json), json_string_length(json));
    } else {
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

        (void)rbk_buffer_append(&buffer, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
        free(text);
    }
    return copied(arena, &buffer, type, ret);
}

int rbk_op_member(struct rbk_arena *arena, struct rbk_value object, struct rbk_value name,
                  struct rbk_value *ret)
{
    enum rbk_type type = object.type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_SCALAR;
    json_t *json;
    const json_t *member;
    char *text;
    int error;

    *ret = rbk_value_missing(type);
    if (object.missing || name.missing || !rbk_type_is_text(object.type) ||
        !rbk_type_is_text(name.type) || memchr(name.as.text.data, '\0', name.as.text.bytes)) {
        return 0;
    }
    json = json_loadb(object.as.text.data, object.as.text.bytes, 0, NULL);
    text = strndup(name.as.text.data, name.as.text.bytes);
    member = text != NULL ? json_object_get(json, text) : NULL;
    free(text);
    if (member == NULL || json_is_null(member)) {
        json_decref(json);
        return 0;
    }
    error = printed(arena, member, type, ret);
    json_decref(json);
    return error;
}

/* What stands at "a.b.c" in a JSON value; borrowed. NULL: nothing. */
static const json_t *at_path(const json_t *json, struct rbk_str path)
{
    while (json != NULL) {
        size_t bytes = rbk_str_find(path, '.');

        json = json_object_getn(json, path.data, bytes);
        if (bytes == path.bytes) {
            return json;
        }
        path = rbk_str_slice(path, bytes + 1, path.bytes);
    }
    return NULL;
}

static bool is_text_of(struct rbk_value value)
{
    return !value.missing && rbk_type_is_text(value.type);
}

int rbk_op_find(struct rbk_arena *arena, const struct rbk_value *args, struct rbk_value *ret)
{
    enum rbk_type type = args[0].type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_SCALAR;
    const json_t *item, *found = NULL;
    json_t *json;
    size_t index;
    int error = 0;

    *ret = rbk_value_missing(type);
    if (!is_text_of(args[0]) || !is_text_of(args[1]) || !is_text_of(args[2])) {
        return 0;
    }
    json = json_loadb(args[0].as.text.data, args[0].as.text.bytes, 0, NULL);
    json_array_foreach(json, index, item)
    {
        const json_t *text = at_path(item, args[1].as.text);

        if (found == NULL && json_is_string(text) &&
            rbk_str_equal(args[2].as.text,
                          (struct rbk_str){json_string_value(text), json_string_length(text)})) {
            found = item;
        }
    }
    if (found != NULL) {
        error = printed(arena, found, type, ret);
    }
    json_decref(json);
    return error;
}

/* ---- mail --------------------------------------------------------------------------------------
 */

/* The text without control characters, blanks in a row being one. */
static void put_line(struct rbk_buffer *out, struct rbk_str text)
{
    bool blank = true;

    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte > ' ' && byte != 0x7f) {
            (void)rbk_buffer_append_byte(out, (char)byte);
            blank = false;
        } else if (!blank) {
            (void)rbk_buffer_append_byte(out, ' ');
            blank = true;
        }
    }
}

static void put_base64(struct rbk_buffer *out, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < count; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;

        three |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < count ? bytes[i + 2] : 0;
        (void)rbk_buffer_append_byte(out, digits[three >> 18]);
        (void)rbk_buffer_append_byte(out, digits[three >> 12 & 63]);
        (void)rbk_buffer_append_byte(out, i + 1 < count ? digits[three >> 6 & 63] : '=');
        (void)rbk_buffer_append_byte(out, i + 2 < count ? digits[three & 63] : '=');
    }
}

/* In encoded words, each of whole characters. */
static void put_encoded(struct rbk_buffer *out, struct rbk_str line)
{
    for (size_t at = 0; at < line.bytes;) {
        size_t end = line.bytes - at > ENCODED_BYTES ? at + ENCODED_BYTES : line.bytes;

        while (end < line.bytes && end > at + ENCODED_BYTES - 4 &&
               ((unsigned char)line.data[end] & 0xc0) == 0x80) {
            end--;
        }
        (void)rbk_buffer_printf(out, "%s=?UTF-8?B?", at != 0 ? "\n " : "");
        put_base64(out, (const unsigned char *)line.data + at, end - at);
        (void)rbk_buffer_printf(out, "?=");
        at = end;
    }
}

/* As it is, folded at blanks. */
static void put_folded(struct rbk_buffer *out, struct rbk_str line)
{
    size_t column = 0;

    for (size_t i = 0; i < line.bytes; i++, column++) {
        if (line.data[i] == ' ' && column > FOLD_COLUMN) {
            (void)rbk_buffer_append_byte(out, '\n');
            column = 0;
        }
        (void)rbk_buffer_append_byte(out, line.data[i]);
    }
}

static bool is_plain(struct rbk_str line)
{
    for (size_t i = 0; i < line.bytes; i++) {
        unsigned char byte = (unsigned char)line.data[i];

        if (byte < ' ' || byte > '~' ||
            (byte == '=' && i + 1 < line.bytes && line.data[i + 1] == '?')) {
            return false;
        }
    }
    return true;
}

int rbk_op_mail_header(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    enum rbk_type type = a.type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_TEXT;
    struct rbk_buffer line, header;
    struct rbk_str text;

    if (a.missing || !rbk_type_is_text(a.type)) {
        *ret = rbk_value_missing(type);
        return 0;
    }
    rbk_buffer_init(&line, RBK_TEMPLATE_BYTES_MAX);
    rbk_buffer_init(&header, RBK_TEMPLATE_BYTES_MAX);
    put_line(&line, a.as.text);
    text = rbk_buffer_str(&line);
    while (text.bytes != 0 && text.data[text.bytes - 1] == ' ') {
        text.bytes--;
    }
    if (is_plain(text)) {
        put_folded(&header, text);
    } else {
        put_encoded(&header, text);
    }
    rbk_buffer_fini(&line);
    return copied(arena, &header, type, ret);
}

/* Columns of a line of a body; RFC 2045 allows 76. What stands before a value in its line is not
 * known, so its first line is shorter. */
#define TEXT_COLUMNS 72u
#define TEXT_COLUMNS_FIRST 60u

/* Whether a byte of a line may stand as it is: not what ends lines, what the encoding itself uses,
 * a blank that a server would strip, nor the beginnings that mailboxes and SMTP have a use for. */
static bool stands(struct rbk_str text, size_t i, bool line_begins)
{
    unsigned char byte = (unsigned char)text.data[i];
    bool line_ends = i + 1 == text.bytes || text.data[i + 1] == '\n' || text.data[i + 1] == '\r';

    if (byte == ' ' || byte == '\t') {
        return !line_ends;
    }
    if (line_begins &&
        (byte == '.' || (text.bytes - i >= 5 && memcmp(text.data + i, "From ", 5) == 0))) {
        return false;
    }
    return byte > 0x20 && byte < 0x7f && byte != '=';
}

int rbk_op_mail_text(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    enum rbk_type type = a.type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_TEXT;
    size_t column = 0, columns = TEXT_COLUMNS_FIRST;
    struct rbk_buffer out;
    struct rbk_str text = a.as.text;

    *ret = rbk_value_missing(type);
    if (a.missing || !rbk_type_is_text(a.type)) {
        return 0;
    }
    rbk_buffer_init(&out, RBK_TEMPLATE_BYTES_MAX);
    for (size_t i = 0; i < text.bytes; i++) {
        bool plain = stands(text, i, column == 0);

        if (text.data[i] == '\r' && i + 1 < text.bytes && text.data[i + 1] == '\n') {
            continue;
        }
        if (text.data[i] == '\n') {
            (void)rbk_buffer_append_byte(&out, '\n');
            column = 0;
            columns = TEXT_COLUMNS;
            continue;
        }
        if (column + (plain ? 1 : 3) > columns) {
            (void)rbk_buffer_append_text(&out, "=\n");
            column = 0;
            columns = TEXT_COLUMNS;
            plain = stands(text, i, true);
        }
        if (plain) {
            (void)rbk_buffer_append_byte(&out, text.data[i]);
        } else {
            (void)rbk_buffer_printf(&out, "=%02X", (unsigned)(unsigned char)text.data[i]);
        }
        column += plain ? 1 : 3;
    }
    return copied(arena, &out, type, ret);
}
