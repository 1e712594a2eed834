/*
 * The rule behind the table of a zone, as POSIX has it in TZ: names and offsets of standard and
 * summer time, and the days on which one follows the other. Offsets count from a place to UTC
 * there, so they are turned round; the hour of a change may be negative or beyond its day (RFC
 * 9636).
 */
#include "runtime/core/zone_internal.h"

#include "runtime/core/timestamp.h"

#define DAY_S 86400
#define CHANGE_S_DEFAULT 7200 /* at two o'clock */
#define SUMMER_S_DEFAULT 3600 /* ahead of standard time */
#define OFFSET_HOURS_MAX 25
#define CHANGE_HOURS_MAX 167

/* ---- reading --------------------------------------------------------------------------------- */

struct cursor {
    struct rbk_str left;
};

static char peek(const struct cursor *cursor)
{
    return cursor->left.bytes > 0 ? cursor->left.data[0] : '\0';
}

static void skip(struct cursor *cursor)
{
    cursor->left = rbk_str_slice(cursor->left, 1, cursor->left.bytes);
}

static bool take(struct cursor *cursor, char byte)
{
    if (peek(cursor) != byte || cursor->left.bytes == 0) {
        return false;
    }
    skip(cursor);
    return true;
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* `CET`, `<+0330>`: what people call it is not for us. */
static bool take_name(struct cursor *cursor)
{
    bool quoted = take(cursor, '<');
    size_t bytes = 0;
    while (is_letter(peek(cursor)) ||
           (quoted && (is_digit(peek(cursor)) || peek(cursor) == '+' || peek(cursor) == '-'))) {
        skip(cursor);
        bytes++;
    }
    return bytes >= 3 && (!quoted || take(cursor, '>'));
}

static bool take_number(struct cursor *cursor, int32_t min, int32_t max, int32_t *ret)
{
    int32_t number = 0;
    size_t digits = 0;
    while (is_digit(peek(cursor)) && digits < 4) {
        number = number * 10 + (peek(cursor) - '0');
        skip(cursor);
        digits++;
    }
    *ret = number;
    return digits > 0 && number >= min && number <= max;
}

/* `[+-]hh[:mm[:ss]]`, in seconds. */
static bool take_time(struct cursor *cursor, int32_t hours_max, int32_t *ret_s)
{
    bool negative = take(cursor, '-');
    if (!negative) {
        (void)take(cursor, '+');
    }
    int32_t hours = 0;
    int32_t minutes = 0;
    int32_t seconds = 0;
    if (!take_number(cursor, 0, hours_max, &hours) ||
        (take(cursor, ':') && (!take_number(cursor, 0, 59, &minutes) ||
                               (take(cursor, ':') && !take_number(cursor, 0, 59, &seconds))))) {
        return false;
    }
    int32_t sum = hours * 3600 + minutes * 60 + seconds;
    *ret_s = negative ? -sum : sum;
    return true;
}

static bool take_date(struct cursor *cursor, struct rbk_zone_date *date)
{
    bool good = true;
    if (take(cursor, 'M')) {
        date->kind = 'M';
        good = take_number(cursor, 1, 12, &date->month) && take(cursor, '.') &&
               take_number(cursor, 1, 5, &date->week) && take(cursor, '.') &&
               take_number(cursor, 0, 6, &date->day);
    } else if (take(cursor, 'J')) {
        date->kind = 'J';
        good = take_number(cursor, 1, 365, &date->day);
    } else {
        date->kind = '0';
        good = take_number(cursor, 0, 365, &date->day);
    }
    date->time_s = CHANGE_S_DEFAULT;
    return good && (!take(cursor, '/') || take_time(cursor, CHANGE_HOURS_MAX, &date->time_s));
}

bool rbk_zone_rule_read(struct rbk_str text, struct rbk_zone_rule *ret_rule)
{
    struct cursor cursor = {text};
    struct rbk_zone_rule rule = {.summer = false};
    if (!take_name(&cursor) || !take_time(&cursor, OFFSET_HOURS_MAX, &rule.standard_s)) {
        return false;
    }
    rule.standard_s = -rule.standard_s;
    if (cursor.left.bytes > 0) {
        rule.summer = true;
        rule.summer_s = rule.standard_s + SUMMER_S_DEFAULT;
        if (!take_name(&cursor)) {
            return false;
        }
        if (peek(&cursor) != ',') {
            if (!take_time(&cursor, OFFSET_HOURS_MAX, &rule.summer_s)) {
                return false;
            }
            rule.summer_s = -rule.summer_s;
        }
        if (!take(&cursor, ',') || !take_date(&cursor, &rule.begin) || !take(&cursor, ',') ||
            !take_date(&cursor, &rule.end)) {
            return false;
        }
    }
    *ret_rule = rule;
    return cursor.left.bytes == 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day of a change, since 1970. */
static int64_t day_of(const struct rbk_zone_date *date, int64_t year)
{
    int64_t new_year = rbk_timestamp_days(year, 1, 1);
    if (date->kind == '0') {
        return new_year + date->day;
    }
    if (date->kind == 'J') {
        return new_year + date->day - 1 + (date->day >= 60 && is_leap(year));
    }
    int64_t first = rbk_timestamp_days(year, date->month, 1);
    int64_t next = date->month == 12 ? rbk_timestamp_days(year + 1, 1, 1)
                                     : rbk_timestamp_days(year, date->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* of the first of the month; 0 is Sunday */
    int64_t day = first + (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
    return day < next ? day : day - 7; /* the fifth one is the last one */
}

static struct rbk_zone_change change_of(const struct rbk_zone_rule *rule, int64_t year, bool begins)
{
    const struct rbk_zone_date *date = begins ? &rule->begin : &rule->end;
    int32_t in_force_s = begins ? rule->standard_s : rule->summer_s;
    return (struct rbk_zone_change){
        .at_s = day_of(date, year) * DAY_S + date->time_s - in_force_s,
        .offset_s = begins ? rule->summer_s : rule->standard_s,
    };
}

static int64_t year_of(int64_t at_s)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    rbk_timestamp_date(at_s / DAY_S - (at_s % DAY_S < 0), &year, &month, &day);
    return year;
}

struct rbk_zone_change rbk_zone_rule_before(const struct rbk_zone_rule *rule, int64_t at_s)
{
    int64_t year = year_of(at_s);
    struct rbk_zone_change found = change_of(rule, year - 2, false);
    for (int64_t i = year - 2; i <= year + 1; i++) {
        for (int begins = 0; begins < 2; begins++) { /* to summer time last: it counts */
            struct rbk_zone_change change = change_of(rule, i, begins != 0);
            if (change.at_s <= at_s && change.at_s >= found.at_s) {
                found = change;
            }
        }
    }
    return found;
}

struct rbk_zone_change rbk_zone_rule_after(const struct rbk_zone_rule *rule, int64_t at_s)
{
    int64_t year = year_of(at_s);
    struct rbk_zone_change found = change_of(rule, year + 2, false);
    for (int64_t i = year - 1; i <= year + 2; i++) {
        for (int begins = 0; begins < 2; begins++) {
            struct rbk_zone_change change = change_of(rule, i, begins != 0);
            if (change.at_s > at_s && change.at_s <= found.at_s) {
                found = change;
            }
        }
    }
    return found;
}
