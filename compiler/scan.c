/*
 * The scanner's helpers: numbers with units, dates, words beyond ASCII, and what is said about
 * bytes that are no token.
 *
 * Numbers are exact: an integer and a count of decimals, never a real. A literal with a unit
 * becomes a whole number of its smallest unit (milliseconds, bytes); one that does not is an error.
 */
#include "compiler/scan.h"

#include "compiler/parse.h"
#include "compiler/script.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/utf8.h"
#include "runtime/core/machine.h"

#include <string.h>

/** Digits behind a decimal point that still fit beside a whole part. */
#define DECIMALS_MAX 15

size_t rbk_scan_input(struct rbk_parse *parse, char *buffer, size_t bytes_max)
{
    struct rbk_str text = parse->source->text;
    size_t bytes = text.bytes - parse->input;
    bytes = bytes < bytes_max ? bytes : bytes_max;
    if (bytes > 0) {
        memcpy(buffer, text.data + parse->input, bytes);
        parse->input += (uint32_t)bytes;
    }
    return bytes;
}

static struct rbk_diagnostic *syntax_error(struct rbk_parse *parse, struct rbk_span span,
                                           const char *message, struct rbk_str what)
{
    parse->file->broken = true;
    rbk_parse_mark_error(parse, span);
    return rbk_diagnostic_error(parse->diagnostics, RBK_RULE_SYNTAX, rbk_parse_place(parse, span),
                                "%s `%.*s`", message, RBK_STR_ARG(what));
}

/* The literal's digits as number / 10^decimals. Returns false when they do not fit. */
static bool read_decimal(struct rbk_str text, struct rbk_literal *ret_literal, size_t *ret_bytes)
{
    int64_t number = 0;
    unsigned decimals = 0;
    bool behind_point = false;
    bool fits = true;
    size_t at = 0;
    for (; at < text.bytes; at++) {
        char byte = text.data[at];
        if (byte == '.') {
            behind_point = true;
            continue;
        }
        if (byte < '0' || byte > '9') {
            break;
        }
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, byte - '0', &number) ||
            (behind_point && ++decimals > DECIMALS_MAX)) {
            fits = false;
        }
    }
    *ret_literal = (struct rbk_literal){number, (uint8_t)decimals};
    *ret_bytes = at;
    return fits;
}

/* What one of the unit is worth in the smallest one; 0 for an unknown unit. */
static int64_t unit_factor(enum rbk_scan_unit kind, struct rbk_str unit)
{
    static const struct {
        enum rbk_scan_unit kind;
        const char *name;
        int64_t factor;
    } units[] = {
        {RBK_SCAN_UNIT_DURATION, "ms", 1},
        {RBK_SCAN_UNIT_DURATION, "s", 1000},
        {RBK_SCAN_UNIT_DURATION, "m", 60 * 1000},
        {RBK_SCAN_UNIT_DURATION, "h", 60 * 60 * 1000},
        {RBK_SCAN_UNIT_DURATION, "d", 24 * 60 * 60 * 1000},
        {RBK_SCAN_UNIT_BYTES, "B", 1},
        {RBK_SCAN_UNIT_BYTES, "kB", 1000},
        {RBK_SCAN_UNIT_BYTES, "MB", 1000 * 1000},
        {RBK_SCAN_UNIT_BYTES, "GB", 1000 * 1000 * 1000},
        {RBK_SCAN_UNIT_BYTES, "TB", INT64_C(1000) * 1000 * 1000 * 1000},
        {RBK_SCAN_UNIT_BYTES, "KiB", 1024},
        {RBK_SCAN_UNIT_BYTES, "MiB", 1024 * 1024},
        {RBK_SCAN_UNIT_BYTES, "GiB", 1024 * 1024 * 1024},
        {RBK_SCAN_UNIT_BYTES, "TiB", INT64_C(1024) * 1024 * 1024 * 1024},
    };
    for (size_t i = 0; i < RBK_COUNT(units); i++) {
        if (units[i].kind == kind && rbk_str_is(unit, units[i].name)) {
            return units[i].factor;
        }
    }
    return 0;
}

static int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;
    while (exponent--) {
        power *= 10;
    }
    return power;
}

/* Of a number that is too large; the place shows the rest. */
#define NUMBER_BYTES_SHOWN 40u

static void report_too_large(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                             enum rbk_scan_unit unit)
{
    parse->file->broken = true;
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        parse->diagnostics, RBK_RULE_LIMIT, rbk_parse_place(parse, span),
        "number `%.*s%s` is too large",
        (int)(text.bytes > NUMBER_BYTES_SHOWN ? NUMBER_BYTES_SHOWN : text.bytes), text.data,
        text.bytes > NUMBER_BYTES_SHOWN ? "…" : "");
    if (unit == RBK_SCAN_UNIT_DURATION) {
        rbk_diagnostic_help(diagnostic, "A duration has at most %d decimals and goes up to %llud.",
                            DECIMALS_MAX,
                            (unsigned long long)(RBK_MACHINE_MS_MAX / (24 * 60 * 60 * 1000)));
        return;
    }
    rbk_diagnostic_help(
        diagnostic,
        "Numbers have at most %d decimals and go up to 9223372036854775807; a size, to as many "
        "bytes.",
        DECIMALS_MAX);
}

int rbk_scan_number(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                    enum rbk_scan_unit unit, int token, RBK_YYSTYPE *value)
{
    struct rbk_literal literal;
    size_t digits;
    bool fits = read_decimal(text, &literal, &digits);
    value->literal = (struct rbk_literal){0, 0};
    if (fits && unit == RBK_SCAN_UNIT_RATIO) {
        literal.decimals = (uint8_t)(literal.decimals + 2);
    } else if (fits && unit != RBK_SCAN_UNIT_NONE) {
        int64_t factor = unit_factor(unit, rbk_str_slice(text, digits, text.bytes));
        if (factor == 0) {
            return rbk_scan_bad_unit(parse, span, text);
        }
        int64_t scale = power_of_ten(literal.decimals);
        fits = !__builtin_mul_overflow(literal.number, factor, &literal.number);
        if (fits && literal.number % scale != 0) {
            rbk_diagnostic_help(
                syntax_error(parse, span, "not a whole number of its smallest unit", text),
                "The smallest unit of a duration is 1ms, and of a size 1B.");
            return token;
        }
        literal.number /= scale;
        literal.decimals = 0;
        fits = fits &&
               (unit != RBK_SCAN_UNIT_DURATION || (uint64_t)literal.number <= RBK_MACHINE_MS_MAX);
    }
    if (!fits) {
        report_too_large(parse, span, text, unit);
    } else {
        value->literal = literal;
    }
    return token;
}

/* How a unit that is spelled as elsewhere is spelled here, or NULL. */
static const char *unit_meant(struct rbk_str unit)
{
    static const struct {
        const char *found;
        const char *meant;
    } rows[] = {
        {"msec", "ms"},  {"msecs", "ms"},  {"millis", "ms"}, {"sec", "s"},  {"secs", "s"},
        {"second", "s"}, {"seconds", "s"}, {"S", "s"},       {"min", "m"},  {"mins", "m"},
        {"minute", "m"}, {"minutes", "m"}, {"hr", "h"},      {"hrs", "h"},  {"hour", "h"},
        {"hours", "h"},  {"H", "h"},       {"day", "d"},     {"days", "d"}, {"D", "d"},
        {"KB", "kB"},    {"Ki", "KiB"},    {"Mi", "MiB"},    {"Gi", "GiB"}, {"Ti", "TiB"},
        {"mb", "MB"},    {"gb", "GB"},     {"tb", "TB"},     {"kb", "kB"},  {"percent", "%"},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (rbk_str_is(unit, rows[i].found)) {
            return rows[i].meant;
        }
    }
    return NULL;
}

static bool has_digit(struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9') {
            return true;
        }
    }
    return false;
}

/* Of a number as other languages write it: `e9`. */
static bool is_exponent(struct rbk_str unit)
{
    size_t at = 1;
    while (at < unit.bytes && unit.data[at] >= '0' && unit.data[at] <= '9') {
        at++;
    }
    return unit.bytes > 1 && (unit.data[0] == 'e' || unit.data[0] == 'E') && at == unit.bytes;
}

int rbk_scan_bad_unit(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text)
{
    struct rbk_literal literal;
    size_t digits;
    (void)read_decimal(text, &literal, &digits);
    if (parse->has_error && rbk_parse_is_echo(parse, span)) {
        return RBK_TOKEN_RBK_YYerror;
    }
    struct rbk_str unit = rbk_str_slice(text, digits, text.bytes);
    struct rbk_span place = rbk_span_make(span.start + (uint32_t)digits, span.end);
    struct rbk_diagnostic *diagnostic = syntax_error(parse, place, "unknown unit", unit);
    const char *instead = unit_meant(unit);
    if (instead) {
        rbk_diagnostic_help(diagnostic, "Write `%.*s%s`.", (int)digits, text.data, instead);
        rbk_diagnostic_fix(diagnostic, RBK_FIX_LIKELY, rbk_parse_place(parse, place),
                           rbk_str_from(instead));
    } else if (is_exponent(unit)) {
        rbk_diagnostic_help(diagnostic, "Numbers have no exponent: write all digits.");
    } else if (has_digit(unit)) {
        rbk_diagnostic_help(diagnostic, "A number has one unit: `90m` or `1.5h`, not `1h30m`.");
    } else {
        rbk_diagnostic_help(diagnostic, "Durations are in ms, s, m, h or d, sizes in B, KiB, MiB, "
                                        "GiB, TiB, kB, MB, GB or TB, ratios in %%.");
    }
    return RBK_TOKEN_RBK_YYerror;
}

static unsigned digits_of(struct rbk_str text, size_t start, size_t count)
{
    unsigned number = 0;
    for (size_t i = start; i < start + count; i++) {
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    return number;
}

int rbk_scan_time(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                  RBK_YYSTYPE *value)
{
    size_t hour_digits = text.bytes - 3;
    unsigned hour = digits_of(text, 0, hour_digits);
    unsigned minute = digits_of(text, hour_digits + 1, 2);
    if (hour > 23 || minute > 59) {
        rbk_diagnostic_help(syntax_error(parse, span, "not a time of day", text),
                            "Times run from 00:00 to 23:59.");
        hour = minute = 0;
    }
    value->minute = (uint16_t)(hour * 60 + minute);
    return RBK_TOKEN_TIME;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int rbk_scan_date(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                  RBK_YYSTYPE *value)
{
    unsigned year = digits_of(text, 0, 4);
    unsigned month = digits_of(text, 5, 2);
    unsigned day = digits_of(text, 8, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) {
        rbk_diagnostic_help(syntax_error(parse, span, "not a date", text),
                            "Dates are written year-month-day, such as 2026-11-22.");
        year = 1970;
        month = day = 1;
    }
    value->date = (struct rbk_date){(uint16_t)year, (uint8_t)month, (uint8_t)day};
    return RBK_TOKEN_DATE;
}

/* A character that looks like one of the language, or that an editor put in its place. */
static void advise_character(struct rbk_diagnostic *diagnostic, uint32_t character)
{
    static const struct {
        uint32_t first;
        uint32_t last;
        const char *help;
    } rows[] = {
        {0xa0, 0xa0, "It looks like a blank and is none (U+00A0): write a blank."},
        {0x1680, 0x1680, "It looks like a blank and is none: write a blank."},
        {0x2000, 0x200a, "It looks like a blank and is none: write a blank."},
        {0x202f, 0x202f, "It looks like a blank and is none (U+202F): write a blank."},
        {0x205f, 0x205f, "It looks like a blank and is none: write a blank."},
        {0x3000, 0x3000, "It looks like a blank and is none: write a blank."},
        {0x2010, 0x2015, "It looks like a minus and is none: write `-`."},
        {0x2212, 0x2212, "It looks like a minus and is none: write `-`."},
        {0xd7, 0xd7, "Write `*`."},
        {0xf7, 0xf7, "Write `/`."},
        {0x2260, 0x2260, "Write `!=`."},
        {0x2264, 0x2264, "Write `<=`."},
        {0x2265, 0x2265, "Write `>=`."},
        {0xff01, 0xff5e, "It is a wide form: write the one of ASCII."},
    };
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        if (character >= rows[i].first && character <= rows[i].last) {
            rbk_diagnostic_help(diagnostic, "%s", rows[i].help);
        }
    }
}

int rbk_scan_wide_word(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text,
                       RBK_YYSTYPE *value)
{
    struct rbk_script_check check = rbk_script_check(text);
    if (check.fault == RBK_SCRIPT_FINE) {
        return rbk_scan_word(parse, span, text, value);
    }
    uint32_t at = span.start + (uint32_t)check.offset;
    struct rbk_span bad = rbk_span_make(at, at + (uint32_t)check.bytes);
    if (check.fault == RBK_SCRIPT_NOT_A_LETTER) {
        /* What stands before the character is a word of its own; it is read again without it. */
        if (rbk_parse_is_echo(parse, bad)) {
            return RBK_TOKEN_RBK_YYerror;
        }
        struct rbk_str found = rbk_str_slice(text, check.offset, check.offset + check.bytes);
        struct rbk_diagnostic *diagnostic = syntax_error(parse, bad, "unexpected character", found);
        uint32_t character = 0;
        bool decoded = rbk_utf8_decode(found, 0, &character) > 0;
        if (check.quote) {
            rbk_diagnostic_help(diagnostic, "Texts stand between straight quotes: \"…\" or '…'.");
        } else if (decoded) {
            advise_character(diagnostic, character);
        }
        return RBK_TOKEN_RBK_YYerror;
    }
    parse->file->broken = true;
    struct rbk_place place = rbk_parse_place(parse, span);
    if (check.fault == RBK_SCRIPT_MIXED) {
        struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
            parse->diagnostics, RBK_RULE_TEXT, place, "name `%.*s` mixes %s and %s letters",
            RBK_STR_ARG(text), check.first_script, check.other_script);
        rbk_diagnostic_label(diagnostic, rbk_parse_place(parse, bad), "%s", check.other_script);
        rbk_diagnostic_help(diagnostic, "Letters of different scripts can look the same. Write "
                                        "the name in one script.");
    } else {
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(parse->diagnostics, RBK_RULE_TEXT, place,
                                 "name `%.*s` has a combining character", RBK_STR_ARG(text));
        rbk_diagnostic_help(diagnostic, "The same name can be written in several ways with it. "
                                        "Use letters that are one character each.");
    }
    value->word = rbk_names_intern(parse->names, text);
    return RBK_TOKEN_ID;
}

int rbk_scan_open_text(struct rbk_parse *parse, struct rbk_span span)
{
    bool triple = parse->string_quote == RBK_QUOTE_TRIPLE_DOUBLE ||
                  parse->string_quote == RBK_QUOTE_TRIPLE_SINGLE;
    uint32_t start = parse->string_start;
    struct rbk_span quotes = rbk_span_make(start, start + (triple ? 3 : 1));
    bool echo = rbk_parse_is_echo(parse, quotes);
    parse->file->broken = true;
    /* A text that runs to the end of the file explains whatever is missing there. */
    rbk_parse_mark_error(parse, triple ? span : quotes);
    if (echo) {
        return RBK_TOKEN_RBK_YYerror;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(parse->diagnostics, RBK_RULE_SYNTAX, rbk_parse_place(parse, quotes),
                             triple ? "text not closed before the end of the file"
                                    : "text not closed before the end of its line");
    rbk_diagnostic_mark(diagnostic, "begins here");
    if (!triple) {
        rbk_diagnostic_help(diagnostic, "A text over several lines stands between triple quotes.");
    }
    return RBK_TOKEN_RBK_YYerror;
}

/* A word for what stands at a span, without the blanks that are there already. */
static struct rbk_str spaced(const struct rbk_parse *parse, struct rbk_span span, const char *word)
{
    struct rbk_str text = parse->source->text;
    struct rbk_str result = rbk_str_from(word);
    if (span.start > 0 && text.data[span.start - 1] == ' ' &&
        rbk_str_starts(result, RBK_STR(" "))) {
        result = rbk_str_slice(result, 1, result.bytes);
    }
    if (span.end < text.bytes && text.data[span.end] == ' ' && rbk_str_ends(result, RBK_STR(" "))) {
        result = rbk_str_slice(result, 0, result.bytes - 1);
    }
    return result;
}

/* A semicolon and those right behind it: only the first is told of, and all go at once. */
static struct rbk_span semicolons(const struct rbk_parse *parse, struct rbk_span span)
{
    struct rbk_str text = parse->source->text;
    for (uint32_t at = span.end; at < text.bytes && memchr("; \t", text.data[at], 3); at++) {
        span.end = text.data[at] == ';' ? at + 1 : span.end;
    }
    return span;
}

int rbk_scan_bad_byte(struct rbk_parse *parse, struct rbk_span span, struct rbk_str text)
{
    static const struct {
        const char *bytes;
        const char *help;
        const char *instead; /* what the help says to write; NULL: it does not say */
        enum rbk_applicability applicability;
    } advice[] = {
        {";", "Statements need nothing between them; leave it out.", "", RBK_FIX_CERTAIN},
        {"&&", "Write `and`.", " and ", RBK_FIX_CERTAIN},
        {"||", "Write `or`.", " or ", RBK_FIX_CERTAIN},
        {"!", "Write `not`, or `!=` to compare.", "not ", RBK_FIX_LIKELY},
        {"%", "`%` is only a unit and stands right behind a number, as in `5%`.", NULL, 0},
        {"//", "Comments begin with `#`.", "#", RBK_FIX_LIKELY},
        {"/*", "Comments begin with `#` and end with the line.", NULL, 0},
        {"$", "Values are put into texts: \"${name}\"; elsewhere a name stands by itself.", NULL,
         0},
        {"`", "Texts stand between \"…\" or '…'.", NULL, 0},
    };
    if (rbk_parse_is_echo(parse, span)) {
        return RBK_TOKEN_RBK_YYerror;
    }
    bool backquote = rbk_str_is(text, "`");
    struct rbk_diagnostic *diagnostic =
        backquote ? syntax_error(parse, span, "unexpected backquote, expected", RBK_STR("\""))
                  : syntax_error(parse, span, "unexpected", text);
    for (size_t i = 0; i < RBK_COUNT(advice); i++) {
        if (rbk_str_is(text, advice[i].bytes)) {
            rbk_diagnostic_help(diagnostic, "%s", advice[i].help);
            if (advice[i].instead) {
                struct rbk_span place = i == 0 ? semicolons(parse, span) : span;
                rbk_diagnostic_fix(diagnostic, advice[i].applicability,
                                   rbk_parse_place(parse, place),
                                   spaced(parse, place, advice[i].instead));
            }
        }
    }
    return RBK_TOKEN_RBK_YYerror;
}

bool rbk_scan_line_ends_text(struct rbk_parse *parse, struct rbk_span span)
{
    bool ended = false;
    while (parse->open_count) {
        uint32_t at = parse->open_count;
        while (at > 0 && (parse->open[at - 1].kind == '(' || parse->open[at - 1].kind == '[')) {
            at--;
        }
        const struct rbk_open *open = at ? &parse->open[at - 1] : NULL;
        if (!open || open->kind != '$' || open->quote != RBK_QUOTE_DOUBLE) {
            break;
        }
        parse->open_count = at - 1;
        if (!ended && !rbk_parse_is_echo(parse, span)) {
            struct rbk_span place = rbk_span_make(open->start, open->start + 2);
            rbk_parse_mark_error(parse, place);
            parse->file->broken = true;
            rbk_diagnostic_error(parse->diagnostics, RBK_RULE_SYNTAX, rbk_parse_place(parse, place),
                                 "`${` not closed before the end of its line");
        }
        ended = true;
    }
    return ended;
}
