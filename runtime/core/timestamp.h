#ifndef RBK_RUNTIME_CORE_TIMESTAMP_H
#define RBK_RUNTIME_CORE_TIMESTAMP_H

/*
 * Instants as ISO 8601 text in UTC, without libc's time zones. The calendar is the Gregorian one,
 * continued in both directions; there are no leap seconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/* Room for any instant's text, its NUL included. */
#define RBK_TIMESTAMP_BYTES ((size_t)40)

/*
 * Print milliseconds since 1970-01-01 UTC: "2026-11-22T06:00:00Z", with ".250" before the Z where
 * the milliseconds are not 0; years outside 0 to 9999 with a sign ("+12026-…").
 * @return Bytes written, without the NUL.
 */
size_t rbk_timestamp_print(char out[RBK_TIMESTAMP_BYTES], int64_t time_ms);

/*
 * Read "2026-11-22", or a day and "T" or a blank and "06:00", "06:00:00" or "06:00:00.25", then
 * nothing, "Z", " UTC" or an offset ("+01", "+01:30", "+0130"). Without one it is UTC. Digits after
 * the third of a fraction are cut.
 * @ret_time_ms  Set on true only.
 */
RBK_MUST_USE bool rbk_timestamp_parse(struct rbk_str text, int64_t *ret_time_ms);

/* Days since 1970-01-01 of a day, and back. A day that the month does not have is carried over;
 * months are 1 to 12, years within ±300 million. */
int64_t rbk_timestamp_days(int64_t year, int64_t month, int64_t day);
void rbk_timestamp_date(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day);

/* The day an instant falls on, in UTC: "2026-11-22". @return As rbk_timestamp_print(). */
size_t rbk_timestamp_print_day(char out[RBK_TIMESTAMP_BYTES], int64_t time_ms);

#endif
