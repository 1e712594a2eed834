/*
 * The calendar is counted in eras of 400 years, which have 146097 days each, from a year that
 * begins on the first of March: then the leap day is the last of a year and months have a regular
 * length.
 */
#include "runtime/core/timestamp.h"

#include <stdio.h>

#define MS_PER_DAY INT64_C(86400000)
#define DAYS_PER_ERA INT64_C(146097)
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01 */
#define YEAR_MAX INT64_C(300000000)  /* a little more than fits */

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t rbk_timestamp_days(int64_t year, int64_t month, int64_t day)
{
    int64_t march_year = year - (month <= 2);
    int64_t era = divide_down(march_year, 400);
    int64_t year_of_era = march_year - era * 400;
    int64_t march_month = (month + 9) % 12;
    int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

void rbk_timestamp_date(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    days += DAYS_TO_1970;
    int64_t era = divide_down(days, DAYS_PER_ERA);
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * march_month + 2) / 5 + 1;
    *ret_month = march_month < 10 ? march_month + 3 : march_month - 9;
    *ret_year = era * 400 + year_of_era + (*ret_month <= 2);
}

size_t rbk_timestamp_print_day(char out[RBK_TIMESTAMP_BYTES], int64_t time_ms)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    rbk_timestamp_date(divide_down(time_ms, MS_PER_DAY), &year, &month, &day);
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    return (size_t)snprintf(out, RBK_TIMESTAMP_BYTES, "%s%04lld-%02d-%02d", sign,
                            (long long)(year < 0 ? -year : year), (int)month, (int)day);
}

size_t rbk_timestamp_print(char out[RBK_TIMESTAMP_BYTES], int64_t time_ms)
{
    size_t bytes = rbk_timestamp_print_day(out, time_ms);
    int64_t of_day = time_ms % MS_PER_DAY;
    of_day = of_day < 0 ? of_day + MS_PER_DAY : of_day;
    int hour = (int)(of_day / 3600000);
    int minute = (int)(of_day / 60000 % 60);
    int second = (int)(of_day / 1000 % 60);
    int ms = (int)(of_day % 1000);
    size_t left = RBK_TIMESTAMP_BYTES - bytes;
    int more = ms ? snprintf(out + bytes, left, "T%02d:%02d:%02d.%03dZ", hour, minute, second, ms)
                  : snprintf(out + bytes, left, "T%02d:%02d:%02dZ", hour, minute, second);
    return bytes + (size_t)more;
}

/* What is still to be read. Each take_… moves on only when it succeeds. */
struct cursor {
    struct rbk_str left;
};

static bool take_byte(struct cursor *cursor, char byte)
{
    if (cursor->left.bytes == 0 || cursor->left.data[0] != byte) {
        return false;
    }
    cursor->left = rbk_str_slice(cursor->left, 1, cursor->left.bytes);
    return true;
}

/* Between count_min and count_max digits. */
static bool take_digits(struct cursor *cursor, size_t count_min, size_t count_max, int64_t *ret)
{
    int64_t number = 0;
    size_t count = 0;
    while (count < count_max && count < cursor->left.bytes && cursor->left.data[count] >= '0' &&
           cursor->left.data[count] <= '9') {
        number = number * 10 + (cursor->left.data[count++] - '0');
    }
    if (count < count_min) {
        return false;
    }
    cursor->left = rbk_str_slice(cursor->left, count, cursor->left.bytes);
    *ret = number;
    return true;
}

static bool take_date(struct cursor *cursor, int64_t *ret_days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    bool negative = take_byte(cursor, '-');
    bool expanded = negative || take_byte(cursor, '+');
    if (!take_digits(cursor, 4, expanded ? 9 : 4, &year) || year > YEAR_MAX ||
        !take_byte(cursor, '-') || !take_digits(cursor, 2, 2, &month) || !take_byte(cursor, '-') ||
        !take_digits(cursor, 2, 2, &day)) {
        return false;
    }
    year = negative ? -year : year;
    *ret_days = rbk_timestamp_days(year, month, day);
    /* A day the month does not have comes back as another one. */
    int64_t same[3] = {0};
    rbk_timestamp_date(*ret_days, &same[0], &same[1], &same[2]);
    return month >= 1 && month <= 12 && same[0] == year && same[1] == month && same[2] == day;
}

static bool take_time(struct cursor *cursor, int64_t *ret_ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    if (!take_digits(cursor, 2, 2, &hour) || !take_byte(cursor, ':') ||
        !take_digits(cursor, 2, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    if (take_byte(cursor, ':') && (!take_digits(cursor, 2, 2, &second) || second > 59)) {
        return false;
    }
    if (take_byte(cursor, '.')) {
        size_t before = cursor->left.bytes;
        if (!take_digits(cursor, 1, 3, &fraction)) {
            return false;
        }
        for (size_t digits = before - cursor->left.bytes; digits < 3; digits++) {
            fraction *= 10;
        }
        int64_t rest = 0;
        (void)take_digits(cursor, 0, 9, &rest);
    }
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

static bool take_zone(struct cursor *cursor, int64_t *ret_offset_ms)
{
    *ret_offset_ms = 0;
    if (cursor->left.bytes == 0 || take_byte(cursor, 'Z')) {
        return true;
    }
    if (rbk_str_is(cursor->left, " UTC")) {
        cursor->left.bytes = 0;
        return true;
    }
    bool negative = take_byte(cursor, '-');
    if (!negative && !take_byte(cursor, '+')) {
        return false;
    }
    int64_t hour = 0;
    int64_t minute = 0;
    if (!take_digits(cursor, 2, 2, &hour)) {
        return false;
    }
    if (cursor->left.bytes > 0) {
        (void)take_byte(cursor, ':');
        if (!take_digits(cursor, 2, 2, &minute)) {
            return false;
        }
    }
    int64_t offset = (hour * 60 + minute) * 60000;
    *ret_offset_ms = negative ? -offset : offset;
    return hour <= 23 && minute <= 59;
}

bool rbk_timestamp_parse(struct rbk_str text, int64_t *ret_time_ms)
{
    struct cursor cursor = {text};
    int64_t days = 0;
    int64_t of_day_ms = 0;
    int64_t offset_ms = 0;
    if (!take_date(&cursor, &days)) {
        return false;
    }
    if (cursor.left.bytes > 0) {
        if ((!take_byte(&cursor, 'T') && !take_byte(&cursor, ' ')) ||
            !take_time(&cursor, &of_day_ms) || !take_zone(&cursor, &offset_ms)) {
            return false;
        }
    }
    if (cursor.left.bytes > 0) {
        return false;
    }
    /* The last day that begins before the limit may end beyond it, and the other way round. */
    __int128 time_ms = (__int128)days * MS_PER_DAY + of_day_ms - offset_ms;
    if (time_ms < INT64_MIN || time_ms > INT64_MAX) {
        return false;
    }
    *ret_time_ms = (int64_t)time_ms;
    return true;
}
