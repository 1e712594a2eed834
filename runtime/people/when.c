/*
 * Times for people. The time zone is the one of the process (TZ or /etc/localtime).
 */
#include "runtime/people/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The layouts of an instant. */
enum layout { CLOCK, DAY, FULL, DAY_AND_MINUTE };

static struct rbk_when formatted(uint64_t at_ms, enum layout layout)
{
    size_t bytes = 0;
    struct rbk_when when = {"?"};
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) != NULL) {
        switch (layout) {
        case CLOCK:
            bytes = strftime(when.text, sizeof(when.text), "%H:%M:%S", &parts);
            break;
        case DAY:
            bytes = strftime(when.text, sizeof(when.text), "%Y-%m-%d", &parts);
            break;
        case FULL:
            bytes = strftime(when.text, sizeof(when.text), "%Y-%m-%d %H:%M:%S %z", &parts);
            break;
        case DAY_AND_MINUTE:
            bytes = strftime(when.text, sizeof(when.text), "%Y-%m-%d %H:%M", &parts);
            break;
        }
    }
    if (bytes == 0) {
        (void)snprintf(when.text, sizeof(when.text), "?");
    }
    return when;
}

struct rbk_when rbk_when_clock(uint64_t at_ms)
{
    return formatted(at_ms, CLOCK);
}

struct rbk_when rbk_when_day(uint64_t at_ms)
{
    return formatted(at_ms, DAY);
}

struct rbk_when rbk_when_full(uint64_t at_ms)
{
    return formatted(at_ms, FULL);
}

struct rbk_when rbk_when_until(uint64_t at_ms, uint64_t now_ms)
{
    struct rbk_when day = rbk_when_day(at_ms), today = rbk_when_day(now_ms);
    return strcmp(day.text, today.text) == 0 ? rbk_when_clock(at_ms)
                                             : formatted(at_ms, DAY_AND_MINUTE);
}

struct rbk_when rbk_when_ticks(uint64_t span_ms)
{
    struct rbk_when when;
    uint64_t seconds = span_ms / 1000;
    unsigned long long days = seconds / 86400, hours = seconds / 3600 % 24;
    unsigned long long minutes = seconds / 60 % 60, rest = seconds % 60;
    if (days != 0) {
        (void)snprintf(when.text, sizeof(when.text), "%llud %02lluh", days, hours);
    } else if (hours != 0) {
        (void)snprintf(when.text, sizeof(when.text), "%lluh %02llum", hours, minutes);
    } else if (minutes != 0) {
        (void)snprintf(when.text, sizeof(when.text), "%llum %02llus", minutes, rest);
    } else {
        (void)snprintf(when.text, sizeof(when.text), "%llus", rest);
    }
    return when;
}

struct rbk_when rbk_when_span(uint64_t span_ms)
{
    struct rbk_when when;
    if (span_ms < 1000) {
        (void)snprintf(when.text, sizeof(when.text), "%llums", (unsigned long long)span_ms);
        return when;
    }
    if (span_ms < 60000) {
        (void)snprintf(when.text, sizeof(when.text), "%llu.%llus",
                       (unsigned long long)(span_ms / 1000),
                       (unsigned long long)(span_ms / 100 % 10));
        return when;
    }
    return rbk_when_ticks(span_ms);
}

struct rbk_when rbk_when_limit(uint64_t limit_ms)
{
    struct rbk_when when = rbk_when_span(limit_ms);
    size_t bytes = strlen(when.text);
    /* "10m 00s" is "10m", "5.0s" is "5s". */
    if (bytes > 4 && strncmp(when.text + bytes - 4, " 00", 3) == 0) {
        when.text[bytes - 4] = '\0';
    } else if (bytes > 3 && strcmp(when.text + bytes - 3, ".0s") == 0) {
        (void)snprintf(when.text + bytes - 3, 3, "s");
    }
    return when;
}

uint64_t rbk_when_between(uint64_t from_ms, uint64_t to_ms)
{
    return from_ms != 0 && to_ms > from_ms ? to_ms - from_ms : 0;
}

uint64_t rbk_when_now_ms(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
