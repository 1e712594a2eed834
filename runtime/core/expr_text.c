/*
 * Operations that make text or lists. Lengths are known before anything is copied, so a text that
 * would pass its limit (RBK_TEMPLATE_BYTES_MAX) is refused and not built.
 */
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/expr_ops.h"
#include "runtime/core/machine_text.h"
#include "runtime/core/number.h"
#include "runtime/core/value_text.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

/* Text built by what a secret went into stays one. */
static enum rbk_type text_type(struct rbk_value from)
{
    return from.type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_TEXT;
}

static int missing(enum rbk_type type, struct rbk_value *ret)
{
    *ret = rbk_value_missing(type);
    return 0;
}

/* Room for a text of `bytes` and a NUL. */
static int text_room(struct rbk_arena *arena, size_t bytes, char **ret)
{
    if (bytes > RBK_TEMPLATE_BYTES_MAX) {
        return -RBK_ELIMIT;
    }
    *ret = rbk_arena_try_alloc(arena, bytes + 1, 1);
    return *ret ? 0 : -RBK_ENOMEM;
}

static int list_room(struct rbk_arena *arena, size_t count, struct rbk_value **ret)
{
    if (count > RBK_LIST_MAX) {
        return -RBK_ELIMIT;
    }
    *ret = rbk_arena_try_alloc(arena, count * sizeof(**ret), alignof(struct rbk_value));
    return *ret ? 0 : -RBK_ENOMEM;
}

/* The content of a buffer as a text in the arena; frees the buffer. */
static int text_from(struct rbk_arena *arena, struct rbk_buffer *buffer, enum rbk_type type,
                     struct rbk_value *ret)
{
    char *text = NULL;
    struct rbk_str content = rbk_buffer_str(buffer);
    int error = buffer->error ? buffer->error : text_room(arena, content.bytes, &text);
    if (!error) {
        if (content.bytes > 0) {
            (void)memcpy(text, content.data, content.bytes);
        }
        *ret = rbk_value_text(type, (struct rbk_str){text, content.bytes});
    }
    rbk_buffer_fini(buffer);
    return error;
}

int rbk_op_text(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    if (a.missing) {
        return missing(RBK_TYPE_TEXT, ret);
    }
    if (rbk_type_is_text(a.type)) {
        *ret = rbk_value_text(text_type(a), a.as.text);
        return 0;
    }
    if (a.type == RBK_TYPE_LIST) {
        struct rbk_buffer buffer;
        rbk_buffer_init(&buffer, RBK_TEMPLATE_BYTES_MAX);
        rbk_value_print(&buffer, a);
        return text_from(arena, &buffer, RBK_TYPE_TEXT, ret);
    }
    char *text = NULL;
    int error = text_room(arena, RBK_VALUE_SHORT_BYTES, &text);
    if (!error) {
        size_t bytes = rbk_value_print_short(text, a);
        *ret = rbk_value_text(RBK_TYPE_TEXT, (struct rbk_str){text, bytes});
    }
    return error;
}

int rbk_op_concat(struct rbk_arena *arena, const struct rbk_value *parts, size_t count,
                  struct rbk_value *ret)
{
    enum rbk_type type = RBK_TYPE_TEXT;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].missing || !rbk_type_is_text(parts[i].type)) {
            return missing(RBK_TYPE_TEXT, ret);
        }
        type = parts[i].type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : type;
        if (__builtin_add_overflow(bytes, parts[i].as.text.bytes, &bytes)) {
            return -RBK_ELIMIT;
        }
    }
    char *text = NULL;
    int error = text_room(arena, bytes, &text);
    if (error) {
        return error;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].as.text.bytes > 0) {
            (void)memcpy(text + at, parts[i].as.text.data, parts[i].as.text.bytes);
            at += parts[i].as.text.bytes;
        }
    }
    *ret = rbk_value_text(type, (struct rbk_str){text, bytes});
    return 0;
}

static const char digits[] = "0123456789ABCDEF";

static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

int rbk_op_url_encode(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    if (a.missing || !rbk_type_is_text(a.type)) {
        return missing(RBK_TYPE_TEXT, ret);
    }
    size_t bytes = 0;
    for (size_t i = 0; i < a.as.text.bytes; i++) {
        bytes += is_unreserved((unsigned char)a.as.text.data[i]) ? 1 : 3;
    }
    char *text = NULL;
    int error = text_room(arena, bytes, &text);
    if (error) {
        return error;
    }
    char *at = text;
    for (size_t i = 0; i < a.as.text.bytes; i++) {
        unsigned char byte = (unsigned char)a.as.text.data[i];
        if (is_unreserved(byte)) {
            *at++ = (char)byte;
        } else {
            *at++ = '%';
            *at++ = digits[byte >> 4];
            *at++ = digits[byte & 15];
        }
    }
    *ret = rbk_value_text(text_type(a), (struct rbk_str){text, bytes});
    return 0;
}

static void put_escaped(struct rbk_buffer *out, struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char escape[RBK_JSON_ESCAPE_BYTES];
        (void)rbk_buffer_append(out, escape, rbk_json_escape(escape, (unsigned char)text.data[i]));
    }
}

int rbk_op_json_escape(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    if (a.missing || !rbk_type_is_text(a.type)) {
        return missing(RBK_TYPE_TEXT, ret);
    }
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, RBK_TEMPLATE_BYTES_MAX);
    put_escaped(&buffer, a.as.text);
    return text_from(arena, &buffer, text_type(a), ret);
}

/* A value as JSON: numbers and bools bare, JSON as it is, all else as a string of its text. False
 * when a part of it is missing. */
static bool put_json(struct rbk_buffer *out, struct rbk_value a, unsigned depth)
{
    char text[RBK_VALUE_SHORT_BYTES];
    if (a.missing || depth > RBK_VALUE_DEPTH_MAX) {
        return false;
    }
    switch (a.type) {
    case RBK_TYPE_BOOL:
    case RBK_TYPE_INT:
    case RBK_TYPE_NUMBER:
        (void)rbk_buffer_append(out, text, rbk_value_print_short(text, a));
        return true;
    case RBK_TYPE_RATIO:
        (void)rbk_buffer_append(out, text, rbk_number_print(text, a.as.number, 0));
        return true;
    case RBK_TYPE_JSON:
        (void)rbk_buffer_append_str(out, a.as.text);
        return true;
    case RBK_TYPE_LIST: {
        bool whole = true;
        (void)rbk_buffer_append_byte(out, '[');
        for (size_t i = 0; i < a.as.list.count && whole; i++) {
            if (i > 0) {
                (void)rbk_buffer_append_byte(out, ',');
            }
            whole = put_json(out, a.as.list.items[i], depth + 1);
        }
        (void)rbk_buffer_append_byte(out, ']');
        return whole;
    }
    default:
        (void)rbk_buffer_append_byte(out, '"');
        put_escaped(out, rbk_type_is_text(a.type)
                             ? a.as.text
                             : (struct rbk_str){text, rbk_value_print_short(text, a)});
        (void)rbk_buffer_append_byte(out, '"');
        return true;
    }
}

int rbk_op_json_value(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, RBK_TEMPLATE_BYTES_MAX);
    if (!put_json(&buffer, a, 0)) {
        rbk_buffer_fini(&buffer);
        return missing(RBK_TYPE_TEXT, ret);
    }
    return text_from(arena, &buffer, text_type(a), ret);
}

/* A number as a whole one, its fraction cut; missing when it does not fit. */
static struct rbk_value cut(double number)
{
    double whole = trunc(number);
    if (whole >= -0x1p63 && whole < 0x1p63) {
        return rbk_value_integer(RBK_TYPE_INT, (int64_t)whole);
    }
    return rbk_value_missing(RBK_TYPE_INT);
}

struct rbk_value rbk_op_read_unit(struct rbk_value a, enum rbk_unit unit)
{
    enum rbk_type type = unit < RBK_UNIT_BYTE ? RBK_TYPE_DURATION : RBK_TYPE_BYTES;
    if (a.missing || a.type == type) {
        return a.missing ? rbk_value_missing(type) : a;
    }
    if (rbk_type_is_text(a.type)) {
        struct rbk_value own = rbk_value_parse(type, a.as.text);
        if (!own.missing) {
            return own;
        }
        a = rbk_value_parse(RBK_TYPE_NUMBER, a.as.text);
    }
    return rbk_op_arithmetic(RBK_OP_MULTIPLY, type, a,
                             rbk_value_integer(type, rbk_unit_factor(unit)));
}

int rbk_op_read_as(struct rbk_arena *arena, enum rbk_type type, struct rbk_value a,
                   struct rbk_value *ret)
{
    if (a.missing) {
        return missing(type, ret);
    }
    if (a.type == type || (a.type == RBK_TYPE_SECRET && rbk_type_is_text(type))) {
        *ret = a;
        return 0;
    }
    if (rbk_type_is_text(type) && !rbk_type_is_text(a.type)) {
        int error =
            type == RBK_TYPE_JSON ? rbk_op_json_value(arena, a, ret) : rbk_op_text(arena, a, ret);
        if (!error) {
            ret->type = ret->type == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : type;
        }
        return error;
    }
    if (rbk_type_is_text(a.type)) {
        *ret = rbk_value_parse(type, a.as.text);
        if (ret->missing && type == RBK_TYPE_INT) {
            /* "3.0" is a whole number too; a fraction that is not 0 is no INT. */
            struct rbk_value number = rbk_value_parse(RBK_TYPE_NUMBER, a.as.text);
            bool whole = !number.missing && number.as.number == trunc(number.as.number);
            *ret = whole ? cut(number.as.number) : *ret;
        }
        return 0;
    }
    if (type == RBK_TYPE_INT && rbk_type_is_real(a.type)) {
        *ret = cut(a.as.number);
        return 0;
    }
    if (rbk_type_is_real(type) && (rbk_type_is_real(a.type) || a.type == RBK_TYPE_INT)) {
        *ret =
            rbk_value_number(type, rbk_type_is_real(a.type) ? a.as.number : (double)a.as.integer);
        return 0;
    }
    return missing(type, ret);
}

int rbk_op_list(struct rbk_arena *arena, const struct rbk_value *items, size_t count,
                struct rbk_value *ret)
{
    struct rbk_value *copy = NULL;
    int error = list_room(arena, count, &copy);
    if (error) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        /* A list of lists would be read by nothing, and its depth would have no bound. */
        copy[i] = items[i].type == RBK_TYPE_LIST ? rbk_value_missing(RBK_TYPE_LIST) : items[i];
    }
    *ret = rbk_value_list(copy, count);
    return 0;
}

int rbk_op_lines(struct rbk_arena *arena, struct rbk_value a, struct rbk_value *ret)
{
    if (a.missing || !rbk_type_is_text(a.type)) {
        return missing(RBK_TYPE_LIST, ret);
    }
    struct rbk_str text = a.as.text;
    size_t count = 0;
    for (size_t at = 0; at < text.bytes; count++) {
        at += rbk_str_find(rbk_str_slice(text, at, text.bytes), '\n') + 1;
    }
    struct rbk_value *lines = NULL;
    int error = list_room(arena, count, &lines);
    if (error) {
        return error;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct rbk_str rest = rbk_str_slice(text, at, text.bytes);
        struct rbk_str line = rbk_str_slice(rest, 0, rbk_str_find(rest, '\n'));
        at += line.bytes + 1;
        line.bytes -= rbk_str_ends(line, RBK_STR("\r")) ? 1 : 0;
        lines[i] = rbk_value_text(text_type(a), line);
    }
    *ret = rbk_value_list(lines, count);
    return 0;
}

struct rbk_value rbk_op_item(struct rbk_value list, struct rbk_value index)
{
    if (list.missing || index.missing || list.type != RBK_TYPE_LIST || index.type != RBK_TYPE_INT ||
        index.as.integer < 0 || (uint64_t)index.as.integer >= list.as.list.count) {
        return rbk_value_missing(RBK_TYPE_UNKNOWN);
    }
    return list.as.list.items[index.as.integer];
}

struct rbk_value rbk_op_length(struct rbk_value list)
{
    return list.missing || list.type != RBK_TYPE_LIST
               ? rbk_value_missing(RBK_TYPE_INT)
               : rbk_value_integer(RBK_TYPE_INT, (int64_t)list.as.list.count);
}
