/*
 * The JSON of values, for the journal:
 *
 *     {"type":"duration","value":90000}      INT, DURATION, BYTES, TIME: an integer
 *     {"type":"ratio","value":"0.05"}        NUMBER, RATIO: a decimal string, the shortest
 *     {"type":"bool","value":true}
 *     {"type":"text","value":"…"}            TEXT, URL, JSON, SCALAR
 *     {"hex":"ff00","type":"scalar"}         a text that is not UTF-8, or holds NUL
 *     {"type":"list","value":[…]}            of the same
 *     {"missing":true,"type":"int"}
 *
 * A secret has no JSON: asking for it is a mistake in our code.
 */
#include "runtime/core/value.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/number.h"
#include "runtime/core/value_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static bool is_plain(struct rbk_str text)
{
    return rbk_utf8_valid(text, NULL) && rbk_str_find(text, '\0') == text.bytes;
}

static json_t *json_of_text(struct rbk_str text)
{
    return json_stringn_nocheck(text.data ? text.data : "", text.bytes);
}

static json_t *json_of_hex(struct rbk_str text)
{
    if (text.bytes > SIZE_MAX / 2) {
        return NULL;
    }
    char *hex = malloc(text.bytes * 2 + 1);
    if (!hex) {
        return NULL;
    }
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        hex[2 * i] = hex_digits[byte >> 4];
        hex[2 * i + 1] = hex_digits[byte & 15];
    }
    json_t *json = json_stringn_nocheck(hex, text.bytes * 2);
    free(hex);
    return json;
}

static json_t *json_of(struct rbk_value value, unsigned depth);

static json_t *json_of_list(struct rbk_value value, unsigned depth)
{
    RBK_ASSERT(depth < RBK_VALUE_DEPTH_MAX);
    json_t *array = json_array();
    for (size_t i = 0; array && i < value.as.list.count; i++) {
        if (json_array_append_new(array, json_of(value.as.list.items[i], depth + 1)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* The member that holds the content. */
static json_t *json_of_content(struct rbk_value value, bool hex, unsigned depth)
{
    if (value.missing) {
        return json_true();
    }
    if (value.type == RBK_TYPE_BOOL) {
        return json_boolean(value.as.truth);
    }
    if (rbk_type_is_integer(value.type)) {
        return json_integer(value.as.integer);
    }
    if (rbk_type_is_real(value.type)) {
        char text[RBK_NUMBER_BYTES];
        size_t bytes = rbk_number_print(text, value.as.number, 0);
        return json_stringn_nocheck(text, bytes);
    }
    if (value.type == RBK_TYPE_LIST) {
        return json_of_list(value, depth);
    }
    return hex ? json_of_hex(value.as.text) : json_of_text(value.as.text);
}

static json_t *json_of(struct rbk_value value, unsigned depth)
{
    RBK_ASSERT(value.type != RBK_TYPE_SECRET);
    RBK_ASSERT(value.missing || value.type != RBK_TYPE_UNKNOWN);
    bool hex = !value.missing && rbk_type_is_text(value.type) && !is_plain(value.as.text);
    const char *member = value.missing ? "missing" : hex ? "hex" : "value";
    json_t *object = json_object();
    /* Both setters take the member, and refuse a NULL one. */
    if (!object || json_object_set_new(object, "type", json_string(rbk_type_name(value.type))) ||
        json_object_set_new(object, member, json_of_content(value, hex, depth))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *rbk_value_to_json(struct rbk_value value)
{
    return json_of(value, 0);
}

static int invalid(void)
{
    return -RBK_EINVALID;
}

static int copy_text(struct rbk_arena *arena, const char *data, size_t bytes, struct rbk_str *ret)
{
    char *copy = rbk_arena_try_alloc(arena, bytes + 1, 1);
    if (!copy) {
        return -RBK_ENOMEM;
    }
    (void)memcpy(copy, data, bytes);
    *ret = (struct rbk_str){copy, bytes};
    return 0;
}

static int hex_value(char byte)
{
    const char *found = byte ? strchr(hex_digits, byte) : NULL;
    return found ? (int)(found - hex_digits) : -1;
}

static int text_from_hex(const json_t *json, struct rbk_arena *arena, struct rbk_str *ret)
{
    const char *hex = json_string_value(json);
    size_t bytes = json_string_length(json);
    if (!hex || bytes % 2 != 0) {
        return invalid();
    }
    char *text = rbk_arena_try_alloc(arena, bytes / 2 + 1, 1);
    if (!text) {
        return -RBK_ENOMEM;
    }
    for (size_t i = 0; i < bytes; i += 2) {
        int high = hex_value(hex[i]);
        int low = hex_value(hex[i + 1]);
        if (high < 0 || low < 0) {
            return invalid();
        }
        text[i / 2] = (char)(unsigned char)(high << 4 | low);
    }
    *ret = (struct rbk_str){text, bytes / 2};
    return is_plain(*ret) ? invalid() : 0;
}

static int real_from(const json_t *json, enum rbk_type type, struct rbk_value *ret)
{
    struct rbk_str text = {json_string_value(json), json_string_length(json)};
    double number = 0;
    char same[RBK_NUMBER_BYTES];
    if (!text.data || !rbk_number_parse(text, 0, &number)) {
        return invalid();
    }
    (void)rbk_number_print(same, number, 0);
    *ret = rbk_value_number(type, number);
    return rbk_str_is(text, same) ? 0 : invalid();
}

static int value_from(const json_t *json, struct rbk_arena *arena, unsigned depth,
                      struct rbk_value *ret);

static int list_from(const json_t *json, struct rbk_arena *arena, unsigned depth,
                     struct rbk_value *ret)
{
    if (!json_is_array(json) || depth >= RBK_VALUE_DEPTH_MAX) {
        return invalid();
    }
    size_t count = json_array_size(json);
    if (count > RBK_LIST_MAX) {
        return invalid();
    }
    struct rbk_value *items =
        rbk_arena_try_alloc(arena, count * sizeof(*items), _Alignof(struct rbk_value));
    if (!items) {
        return -RBK_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int error = value_from(json_array_get(json, i), arena, depth + 1, &items[i]);
        if (error) {
            return error;
        }
    }
    *ret = rbk_value_list(items, count);
    return 0;
}

static int content_from(const json_t *json, enum rbk_type type, struct rbk_arena *arena,
                        unsigned depth, struct rbk_value *ret)
{
    if (type == RBK_TYPE_BOOL) {
        *ret = rbk_value_bool(json_is_true(json));
        return json_is_boolean(json) ? 0 : invalid();
    }
    if (rbk_type_is_integer(type)) {
        *ret = rbk_value_integer(type, json_integer_value(json));
        return json_is_integer(json) ? 0 : invalid();
    }
    if (rbk_type_is_real(type)) {
        return real_from(json, type, ret);
    }
    if (type == RBK_TYPE_LIST) {
        return list_from(json, arena, depth, ret);
    }
    struct rbk_str text = {json_string_value(json), json_string_length(json)};
    if (!text.data || !is_plain(text)) {
        return invalid();
    }
    *ret = rbk_value_text(type, RBK_STR(""));
    return copy_text(arena, text.data, text.bytes, &ret->as.text);
}

static int value_from(const json_t *json, struct rbk_arena *arena, unsigned depth,
                      struct rbk_value *ret)
{
    const json_t *word = json_object_get(json, "type");
    if (!json_is_object(json) || json_object_size(json) != 2 || !json_is_string(word)) {
        return invalid();
    }
    enum rbk_type type =
        rbk_type_from_name((struct rbk_str){json_string_value(word), json_string_length(word)});
    if (type == RBK_TYPE_SECRET) {
        return invalid();
    }
    const json_t *content = json_object_get(json, "missing");
    if (content) {
        *ret = rbk_value_missing(type);
        return json_is_true(content) &&
                       (type != RBK_TYPE_UNKNOWN || !strcmp(json_string_value(word), "unknown"))
                   ? 0
                   : invalid();
    }
    if (type == RBK_TYPE_UNKNOWN) {
        return invalid();
    }
    content = json_object_get(json, "hex");
    if (content && rbk_type_is_text(type)) {
        *ret = rbk_value_text(type, RBK_STR(""));
        return text_from_hex(content, arena, &ret->as.text);
    }
    content = json_object_get(json, "value");
    return content ? content_from(content, type, arena, depth, ret) : invalid();
}

int rbk_value_from_json(const json_t *json, struct rbk_arena *arena, struct rbk_value *ret_value)
{
    struct rbk_value value = {0};
    int error = value_from(json, arena, 0, &value);
    if (!error) {
        *ret_value = value;
    }
    return error;
}
