/*
 * Decimal text of doubles. printf() and strtod() do the rounding, which libc does exactly; what
 * they write is taken apart into digits and an exponent, because the decimal point they use follows
 * the locale of the process.
 */
#include "runtime/core/number.h"

#include "runtime/core/base/assert.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 17           /* that always tell two doubles apart */
#define TEXT_BYTES_MAX 400      /* of a number to read */
#define PLAIN_EXPONENT_MIN (-7) /* 0.0000001 is plain, less is written with an exponent */
#define PLAIN_EXPONENT_MAX 17

/* d1.d2d3… × 10^exponent */
struct decimal {
    bool negative;
    char digits[DIGITS_MAX];
    size_t count; /* of digits, without trailing zeros; 1 for zero */
    int exponent;
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static void decimal_from(struct decimal *decimal, double number, int digits)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, fabs(number));
    const char *exponent = strchr(text, 'e');
    RBK_ASSERT(exponent);
    *decimal = (struct decimal){.negative = number < 0};
    for (const char *at = text; at < exponent; at++) {
        if (is_digit(*at)) {
            decimal->digits[decimal->count++] = *at;
        }
    }
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
    }
    decimal->exponent = (int)strtol(exponent + 1, NULL, 10);
}

/* Put the digits from `from` up to `to`; zeros beyond the last one. */
static char *put_digits(char *at, const struct decimal *decimal, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        *at++ = i < decimal->count ? decimal->digits[i] : '0';
    }
    return at;
}

static size_t decimal_print(char out[RBK_NUMBER_BYTES], const struct decimal *decimal)
{
    char *at = out;
    int exponent = decimal->exponent;
    if (decimal->negative) {
        *at++ = '-';
    }
    if (exponent >= 0 && exponent < PLAIN_EXPONENT_MAX) {
        size_t whole = (size_t)exponent + 1;
        at = put_digits(at, decimal, 0, whole);
        if (decimal->count > whole) {
            *at++ = '.';
            at = put_digits(at, decimal, whole, decimal->count);
        }
    } else if (exponent < 0 && exponent >= PLAIN_EXPONENT_MIN) {
        *at++ = '0';
        *at++ = '.';
        for (int i = -1; i > exponent; i--) {
            *at++ = '0';
        }
        at = put_digits(at, decimal, 0, decimal->count);
    } else {
        *at++ = decimal->digits[0];
        if (decimal->count > 1) {
            *at++ = '.';
            at = put_digits(at, decimal, 1, decimal->count);
        }
        at += snprintf(at, 8, "e%+d", exponent);
    }
    *at = '\0';
    return (size_t)(at - out);
}

size_t rbk_number_print(char out[RBK_NUMBER_BYTES], double number, int shift)
{
    RBK_ASSERT(isfinite(number));
    if (number == 0) {
        (void)memcpy(out, "0", 2);
        return 1;
    }
    struct decimal decimal;
    /* Any decimal of 15 digits survives a double, but only a normal one has that precision. */
    for (int digits = isnormal(number) ? 15 : 1; digits <= DIGITS_MAX; digits++) {
        decimal_from(&decimal, number, digits);
        char text[RBK_NUMBER_BYTES];
        size_t bytes = decimal_print(text, &decimal);
        double again = 0;
        if (rbk_number_parse((struct rbk_str){text, bytes}, 0, &again) && again == number) {
            break;
        }
    }
    decimal.exponent += shift;
    return decimal_print(out, &decimal);
}

/* The parts of a number's text; `mantissa` keeps its point, `fraction` counts the digits after it.
 */
struct parts {
    bool negative;
    struct rbk_str mantissa;
    size_t fraction;
    long exponent;
};

static bool split(struct rbk_str text, struct parts *parts)
{
    size_t at = 0;
    *parts = (struct parts){0};
    if (at < text.bytes && (text.data[at] == '-' || text.data[at] == '+')) {
        parts->negative = text.data[at++] == '-';
    }
    size_t start = at;
    while (at < text.bytes && is_digit(text.data[at])) {
        at++;
    }
    if (at == start) {
        return false;
    }
    if (at < text.bytes && text.data[at] == '.') {
        size_t point = at++;
        while (at < text.bytes && is_digit(text.data[at])) {
            at++;
        }
        parts->fraction = at - point - 1;
        if (parts->fraction == 0) {
            return false;
        }
    }
    parts->mantissa = rbk_str_slice(text, start, at);
    if (at < text.bytes && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        bool negative = false;
        if (at < text.bytes && (text.data[at] == '-' || text.data[at] == '+')) {
            negative = text.data[at++] == '-';
        }
        if (at == text.bytes) {
            return false;
        }
        for (; at < text.bytes && is_digit(text.data[at]); at++) {
            /* Beyond this every double has overflowed or vanished. */
            parts->exponent = parts->exponent > 9999 ? parts->exponent
                                                     : parts->exponent * 10 + (text.data[at] - '0');
        }
        parts->exponent = negative ? -parts->exponent : parts->exponent;
    }
    return at == text.bytes && is_digit(text.data[at - 1]);
}

/* The powers of ten that a double holds exactly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The common case, exact without libc: an integer below 2^53 times or through a power of ten that
 * is exact as well. */
static bool parse_short(const struct parts *parts, long exponent, double *ret_number)
{
    long scale = exponent - (long)parts->fraction;
    if (parts->mantissa.bytes > 16 || scale > 22 || scale < -22) {
        return false;
    }
    uint64_t whole = 0;
    for (size_t i = 0; i < parts->mantissa.bytes; i++) {
        char byte = parts->mantissa.data[i];
        whole = is_digit(byte) ? whole * 10 + (uint64_t)(byte - '0') : whole;
    }
    if (whole > (UINT64_C(1) << 53)) {
        return false;
    }
    double number = (double)whole;
    *ret_number = scale < 0 ? number / powers[-scale] : number * powers[scale];
    return true;
}

static bool parse_long(const struct parts *parts, long exponent, double *ret_number)
{
    char text[TEXT_BYTES_MAX + 16];
    (void)snprintf(text, sizeof(text), "%.*se%ld", RBK_STR_ARG(parts->mantissa), exponent);
    /* The "C" locale is a constant of libc: nothing is allocated. */
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!locale) {
        return false;
    }
    double number = strtod_l(text, NULL, locale);
    freelocale(locale);
    if (!isfinite(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool rbk_number_parse(struct rbk_str text, int shift, double *ret_number)
{
    struct parts parts;
    if (text.bytes > TEXT_BYTES_MAX || !split(text, &parts)) {
        return false;
    }
    double number = 0;
    if (!parse_short(&parts, parts.exponent + shift, &number) &&
        !parse_long(&parts, parts.exponent + shift, &number)) {
        return false;
    }
    /* No minus zero: it would print as another text than the zero it equals. */
    *ret_number = parts.negative && number != 0 ? -number : number;
    return true;
}
