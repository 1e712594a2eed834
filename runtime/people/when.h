#ifndef RBK_RUNTIME_PEOPLE_WHEN_H
#define RBK_RUNTIME_PEOPLE_WHEN_H

/*
 * Instants and spans as a person on call reads them: local time of day, and at most two units.
 */

#include <stddef.h>
#include <stdint.h>

/* Room for any text of this module and its NUL. */
#define RBK_WHEN_BYTES 48

/* The text of a time, on the stack of whoever prints it. */
struct rbk_when {
    char text[RBK_WHEN_BYTES];
};

/* "22:04:11" */
struct rbk_when rbk_when_clock(uint64_t at_ms);
/* "2026-11-21" */
struct rbk_when rbk_when_day(uint64_t at_ms);
/* "2026-11-21 22:04:11 +0100" */
struct rbk_when rbk_when_full(uint64_t at_ms);
/* "22:06:10" on the same day as now, else "2026-11-22 22:06" */
struct rbk_when rbk_when_until(uint64_t at_ms, uint64_t now_ms);
/* "120ms", "4.2s", "2m 05s", "1h 04m", "3d 02h" */
struct rbk_when rbk_when_span(uint64_t span_ms);
/* The same without tenths of seconds, for a display that changes every second: "4s". */
struct rbk_when rbk_when_ticks(uint64_t span_ms);
/* A limit of a plan, in as few words as a plan has for it: "10m", "1h 30m". */
struct rbk_when rbk_when_limit(uint64_t limit_ms);

/* How long from one instant to another; 0 when the first is not known (0), or is the later. */
uint64_t rbk_when_between(uint64_t from_ms, uint64_t to_ms);
/* This host's wall clock, milliseconds since 1970. */
uint64_t rbk_when_now_ms(void);

#endif
