/*
 * Reading text as a value: the one conversion behind scalars, `as`, --set and params files. Blanks
 * and line ends around anything but a text are passed over, since commands print them.
 */
#include "runtime/core/value.h"

#include "runtime/core/number.h"
#include "runtime/core/timestamp.h"
#include "runtime/core/value_text.h"

#include <jansson.h>

const struct rbk_text_unit rbk_duration_units[RBK_DURATION_UNITS] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
const struct rbk_text_unit rbk_bytes_units[RBK_BYTES_UNITS] = {{"TiB", UINT64_C(1) << 40},
                                                               {"GiB", UINT64_C(1) << 30},
                                                               {"MiB", UINT64_C(1) << 20},
                                                               {"KiB", UINT64_C(1) << 10},
                                                               {"B", 1}};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* A sign in front of digits; moves `at` past it. */
static bool take_sign(struct rbk_str text, size_t *at)
{
    bool negative = false;
    if (*at < text.bytes && (text.data[*at] == '-' || text.data[*at] == '+')) {
        negative = text.data[*at] == '-';
        (*at)++;
    }
    return negative;
}

/* The signed integer of a magnitude; false when it does not fit. */
static bool with_sign(unsigned __int128 magnitude, bool negative, int64_t *ret)
{
    unsigned __int128 limit = (unsigned __int128)INT64_MAX + (negative ? 1 : 0);
    if (magnitude > limit) {
        return false;
    }
    *ret = negative ? (int64_t) - (uint64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool parse_integer(struct rbk_str text, int64_t *ret)
{
    size_t at = 0;
    bool negative = take_sign(text, &at);
    uint64_t magnitude = 0;
    if (at == text.bytes) {
        return false;
    }
    for (; at < text.bytes; at++) {
        if (!is_digit(text.data[at]) ||
            __builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(text.data[at] - '0'), &magnitude)) {
            return false;
        }
    }
    return with_sign(magnitude, negative, ret);
}

/* One "1.5GiB" at *at, with at most 19 digits. Sets the unit's position in the table and the
 * amount, rounded to the nearest. */
static bool take_amount(struct rbk_str text, size_t *at, const struct rbk_text_unit *units,
                        size_t unit_count, size_t *ret_unit, uint64_t *ret_amount)
{
    uint64_t mantissa = 0;
    uint64_t scale = 1;
    size_t digits = 0;
    bool fraction = false;
    for (; *at < text.bytes; (*at)++) {
        char byte = text.data[*at];
        if (byte == '.' && !fraction && digits > 0) {
            fraction = true;
        } else if (is_digit(byte) && digits < 19) {
            mantissa = mantissa * 10 + (uint64_t)(byte - '0');
            scale *= fraction ? 10 : 1;
            digits++;
        } else {
            break;
        }
    }
    if (digits == 0 || text.data[*at - 1] == '.') {
        return false;
    }
    if (*at < text.bytes && text.data[*at] == ' ') {
        (*at)++;
    }
    size_t start = *at;
    while (*at < text.bytes && is_letter(text.data[*at])) {
        (*at)++;
    }
    struct rbk_str word = rbk_str_slice(text, start, *at);
    for (size_t i = 0; i < unit_count; i++) {
        if (rbk_str_is(word, units[i].word)) {
            unsigned __int128 amount =
                ((unsigned __int128)mantissa * units[i].factor + scale / 2) / scale;
            *ret_unit = i;
            *ret_amount = (uint64_t)amount;
            return amount <= (unsigned __int128)INT64_MAX + 1;
        }
    }
    return false;
}

/* Amounts in falling units: "1h 30m", "1h30m", "90s". */
static bool parse_amounts(struct rbk_str text, const struct rbk_text_unit *units, size_t unit_count,
                          int64_t *ret)
{
    size_t at = 0;
    bool negative = take_sign(text, &at);
    unsigned __int128 sum = 0;
    size_t next_unit = 0;
    if (at == text.bytes) {
        return false;
    }
    while (at < text.bytes) {
        size_t unit = 0;
        uint64_t amount = 0;
        if (!take_amount(text, &at, units, unit_count, &unit, &amount) || unit < next_unit) {
            return false;
        }
        next_unit = unit + 1;
        sum += amount;
        if (at < text.bytes && text.data[at] == ' ') {
            at++;
        }
    }
    return with_sign(sum, negative, ret);
}

static struct rbk_value parse_ratio(struct rbk_str text)
{
    double ratio = 0;
    bool percent = rbk_str_ends(text, RBK_STR("%"));
    struct rbk_str number = percent ? rbk_str_trim(rbk_str_slice(text, 0, text.bytes - 1)) : text;
    if (!rbk_number_parse(number, percent ? -2 : 0, &ratio)) {
        return rbk_value_missing(RBK_TYPE_RATIO);
    }
    return rbk_value_number(RBK_TYPE_RATIO, ratio);
}

static struct rbk_value parse_bool(struct rbk_str text)
{
    bool truth = rbk_str_is(text, "true") || rbk_str_is(text, "t");
    if (!truth && !rbk_str_is(text, "false") && !rbk_str_is(text, "f")) {
        return rbk_value_missing(RBK_TYPE_BOOL);
    }
    return rbk_value_bool(truth);
}

/* "scheme://rest" in visible ASCII; what else a URL may be is the HTTP library's to say. */
static bool is_url(struct rbk_str text)
{
    size_t at = 0;
    while (at < text.bytes && (is_letter(text.data[at]) ||
                               (at > 0 && (is_digit(text.data[at]) || text.data[at] == '+' ||
                                           text.data[at] == '-' || text.data[at] == '.')))) {
        at++;
    }
    if (at == 0 || !rbk_str_starts(rbk_str_slice(text, at, text.bytes), RBK_STR("://")) ||
        at + 3 == text.bytes) {
        return false;
    }
    for (; at < text.bytes; at++) {
        if (text.data[at] <= ' ' || text.data[at] > '~') {
            return false;
        }
    }
    return true;
}

static bool is_json(struct rbk_str text)
{
    json_t *json = json_loadb(text.data ? text.data : "", text.bytes,
                              JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    json_decref(json);
    return json;
}

struct rbk_value rbk_value_parse(enum rbk_type type, struct rbk_str text)
{
    struct rbk_str trimmed = rbk_str_trim(text);
    int64_t integer = 0;
    double number = 0;
    bool good = false;
    switch (type) {
    case RBK_TYPE_TEXT:
    case RBK_TYPE_SCALAR:
    case RBK_TYPE_SECRET:
        return rbk_value_text(type, text);
    case RBK_TYPE_URL:
        return is_url(trimmed) ? rbk_value_text(type, trimmed) : rbk_value_missing(type);
    case RBK_TYPE_JSON:
        return is_json(trimmed) ? rbk_value_text(type, trimmed) : rbk_value_missing(type);
    case RBK_TYPE_BOOL:
        return parse_bool(trimmed);
    case RBK_TYPE_NUMBER:
        good = rbk_number_parse(trimmed, 0, &number);
        return good ? rbk_value_number(type, number) : rbk_value_missing(type);
    case RBK_TYPE_RATIO:
        return parse_ratio(trimmed);
    case RBK_TYPE_INT:
        good = parse_integer(trimmed, &integer);
        break;
    case RBK_TYPE_DURATION:
        good = parse_amounts(trimmed, rbk_duration_units, RBK_DURATION_UNITS, &integer);
        break;
    case RBK_TYPE_BYTES:
        good = parse_amounts(trimmed, rbk_bytes_units, RBK_BYTES_UNITS, &integer);
        break;
    case RBK_TYPE_TIME:
        good = rbk_timestamp_parse(trimmed, &integer);
        break;
    case RBK_TYPE_LIST: /* its items' type is not known here */
    case RBK_TYPE_UNKNOWN:
    case RBK_TYPE_COUNT:
        break;
    }
    return good ? rbk_value_integer(type, integer) : rbk_value_missing(type);
}
