/*
 * Openings are looked at day by day, from the one before yesterday on (a night may be 25 hours
 * long). They are in the order of their days, so that the first one that is not over is it.
 */
#include "runtime/core/daily.h"

#include "runtime/core/timestamp.h"

#define DAY_S INT64_C(86400)
#define DAY_MINUTES 1440u
#define WEEK_DAYS 7
#define AHEAD_DAYS 21 /* one opening a week, of which one may be skipped whole */
#define MONDAY_1970 3 /* 1970-01-01 was a Thursday: days after a Monday */

struct opening {
    bool opens;
    int64_t from_s, to_s;
};

static int64_t day_of(int64_t shown_s)
{
    return shown_s / DAY_S - (shown_s % DAY_S < 0);
}

static bool is_day_of(const struct rbk_daily_window *window, int64_t day)
{
    int64_t weekday = ((day + MONDAY_1970) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS;
    return (window->days >> weekday & 1) != 0;
}

/* That of a day, by the clock. */
static struct opening opening_of(const struct rbk_daily_window *window, const struct rbk_zone *zone,
                                 int64_t day)
{
    struct opening opening = {.opens = false};
    if (!is_day_of(window, day)) {
        return opening;
    }
    bool whole = window->from_minute == window->to_minute;
    int64_t from_s = day * DAY_S + window->from_minute * INT64_C(60);
    int64_t to_s = day * DAY_S + window->to_minute * INT64_C(60);
    if (window->to_minute <= window->from_minute) {
        to_s += DAY_S;
    }
    opening.from_s = whole ? rbk_zone_first(zone, from_s) : rbk_zone_last(zone, from_s);
    opening.to_s = rbk_zone_first(zone, to_s);
    if (opening.to_s <= opening.from_s) { /* all of it is in the hour that is shown twice */
        opening.to_s = rbk_zone_last(zone, to_s);
    }
    opening.opens = opening.to_s > opening.from_s;
    return opening;
}

/* When an opening ends that the next ones may follow on: RBK_DAILY_NEVER after a week of them. */
static uint64_t end_of(const struct rbk_daily_window *window, const struct rbk_zone *zone,
                       struct opening opening, int64_t day)
{
    for (int follows = 1; follows <= WEEK_DAYS; follows++) {
        struct opening next = opening_of(window, zone, day + follows);
        if (!next.opens || next.from_s > opening.to_s) {
            return (uint64_t)opening.to_s * 1000;
        }
        opening.to_s = next.to_s > opening.to_s ? next.to_s : opening.to_s;
    }
    return RBK_DAILY_NEVER;
}

struct rbk_daily_opening rbk_daily_look(const struct rbk_daily_window *window,
                                        const struct rbk_zone *zone, uint64_t now_ms)
{
    int64_t now_s = now_ms / 1000 > (uint64_t)RBK_ZONE_SECONDS_MAX ? RBK_ZONE_SECONDS_MAX
                                                                   : (int64_t)(now_ms / 1000);
    int64_t today = day_of(now_s + rbk_zone_offset_s(zone, now_s));
    for (int64_t day = today - 2; day <= today + AHEAD_DAYS; day++) {
        struct opening opening = opening_of(window, zone, day);
        if (opening.opens && now_s < opening.to_s && opening.to_s > 0) {
            return (struct rbk_daily_opening){
                .open = now_s >= opening.from_s,
                .from_ms = opening.from_s > 0 ? (uint64_t)opening.from_s * 1000 : 0,
                .until_ms = end_of(window, zone, opening, day),
            };
        }
    }
    return (struct rbk_daily_opening){.from_ms = RBK_DAILY_NEVER, .until_ms = RBK_DAILY_NEVER};
}

uint32_t rbk_daily_minutes(const struct rbk_daily_window *window)
{
    uint32_t minutes = (window->to_minute + DAY_MINUTES - window->from_minute) % DAY_MINUTES;
    if (minutes != 0) {
        return minutes;
    }
    uint32_t longest = 0;
    uint32_t row = 0;
    for (int day = 0; day < 2 * WEEK_DAYS; day++) { /* Sunday is followed by Monday */
        row = window->days >> day % WEEK_DAYS & 1 ? row + 1 : 0;
        longest = row > longest ? row : longest;
    }
    return longest >= WEEK_DAYS ? 0 : longest * DAY_MINUTES;
}

uint64_t rbk_daily_instant_ms(const struct rbk_zone *zone, uint64_t shown_ms)
{
    uint64_t shown_s = shown_ms / 1000;
    int64_t at_s = rbk_zone_last(
        zone, shown_s > (uint64_t)RBK_ZONE_SECONDS_MAX ? RBK_ZONE_SECONDS_MAX : (int64_t)shown_s);
    return at_s > 0 ? (uint64_t)at_s * 1000 : 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void print_days(struct rbk_buffer *out, uint32_t days)
{
    static const char *const words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    const char *separator = "";
    if (days == 0x1fu || days == 0x7fu) {
        rbk_buffer_append_text(out, days == 0x1fu ? "weekdays " : "");
        return;
    }
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        if ((days >> i & 1) != 0) {
            rbk_buffer_printf(out, "%s%s", separator, words[i]);
            separator = ", ";
        }
    }
    rbk_buffer_append_text(out, " ");
}

void rbk_daily_print(struct rbk_buffer *out, const struct rbk_daily_window *window)
{
    print_days(out, window->days);
    rbk_buffer_printf(out, "%02u:%02u to %02u:%02u %.*s", window->from_minute / 60,
                      window->from_minute % 60, window->to_minute / 60, window->to_minute % 60,
                      RBK_STR_ARG(window->zone));
}

void rbk_daily_print_shown(struct rbk_buffer *out, uint64_t shown_ms, struct rbk_str zone)
{
    char day[RBK_TIMESTAMP_BYTES];
    unsigned minute = (unsigned)(shown_ms / 60000 % DAY_MINUTES);
    (void)rbk_timestamp_print_day(day, (int64_t)shown_ms);
    rbk_buffer_printf(out, "%s %02u:%02u %.*s", day, minute / 60, minute % 60, RBK_STR_ARG(zone));
}
