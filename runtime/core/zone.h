#ifndef RBK_RUNTIME_CORE_ZONE_H
#define RBK_RUNTIME_CORE_ZONE_H

/*
 * Time zones: what the clocks of a place show at an instant, and when they show something. Pure:
 * the bytes of a zone come from whoever can read files (runtime/zones).
 *
 * A clock that is put forward skips an hour, one that is put back shows one twice. So "when does it
 * show 02:30" has up to two answers, or none; what is asked here is when it comes to show at least
 * that, for the first or the last time, which always has one:
 *
 *                    first                        last
 *   as always        when it shows it             the same
 *   shown twice      the first of the two         the second
 *   skipped          the moment it is put forward the same
 *
 * Instants are seconds since 1970 UTC; what a clock shows is written as seconds, too, as if the
 * clock were one of UTC. Both stay within ±RBK_ZONE_SECONDS_MAX; what is beyond is treated as if it
 * were at that limit.
 */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/base/arena.h"
#include "runtime/core/base/str.h"

#define RBK_ZONE_SECONDS_MAX (INT64_C(1) << 44) /* 557,000 years */
#define RBK_ZONE_NAME_BYTES_MAX 64u

/* One zone. Lives in its arena; never changes. */
struct rbk_zone;

/**
 * A zone that needs no table: "UTC", "Z", or an offset such as "+01:00" or "-0330".
 * @return  NULL: not spelled like one, it is a name or nothing.
 */
const struct rbk_zone *rbk_zone_of_offset(struct rbk_arena *arena, struct rbk_str text);

/**
 * Read a compiled zone (TZif, RFC 9636: versions 1 to 4, and the rule behind the table for the time
 * after it). Leap seconds are not for us: a file that counts them is refused.
 * @bytes   Hostile. Borrowed until this returns.
 * @return  NULL: not such a file, or a damaged one.
 */
const struct rbk_zone *rbk_zone_read(struct rbk_arena *arena, struct rbk_str bytes);

/** Whether a text can be the name of a zone ("Europe/Berlin"): letters, digits, `_ + - /`, no part
 * that is empty or begins with a point, at most RBK_ZONE_NAME_BYTES_MAX bytes. */
bool rbk_zone_name_valid(struct rbk_str name);

/** How far its clocks are ahead of UTC at an instant, in seconds. */
int32_t rbk_zone_offset_s(const struct rbk_zone *zone, int64_t at_s);

/** The first instant after `after_s` at which its clocks may be put forward or back; false: none.
 */
bool rbk_zone_next_change(const struct rbk_zone *zone, int64_t after_s, int64_t *ret_at_s);

/** When its clocks come to show this for the first time, or for the last time: see above. */
int64_t rbk_zone_first(const struct rbk_zone *zone, int64_t shown_s);
int64_t rbk_zone_last(const struct rbk_zone *zone, int64_t shown_s);

#endif
