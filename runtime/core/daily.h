#ifndef RBK_RUNTIME_CORE_DAILY_H
#define RBK_RUNTIME_CORE_DAILY_H

/*
 * Windows by the clock of a zone: `window 22:00 to 02:00 "Europe/Berlin"`, `window sat, sun 08:00
 * to 20:00 "UTC"`. Pure.
 *
 * A window belongs to the day on which it opens; it lasts to `to` of the same day, or of the next
 * one where that is not later than `from`. It is never open while the clock shows a time outside
 * it: where the clock shows a time twice it opens the second time and closes the first time after
 * that; a time that is skipped comes when the clock is put forward. So on such a night it is an
 * hour shorter or longer than written, or does not open at all when all of it is skipped. One of 24
 * hours has no such seam; where the next opening begins when one ends, they are one.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/machine.h"
#include "runtime/core/zone.h"

#define RBK_DAILY_NEVER UINT64_MAX

/** An opening of a window. */
struct rbk_daily_opening {
    bool open;         /**< The window is in it; else it is the next one. */
    uint64_t from_ms;  /**< Of days that follow on each other: when this day began. RBK_DAILY_NEVER:
                          none in the three weeks to come. */
    uint64_t until_ms; /**< When it closes, or RBK_DAILY_NEVER. */
};

/** The opening that a window is in now, or its next one. */
struct rbk_daily_opening rbk_daily_look(const struct rbk_daily_window *window,
                                        const struct rbk_zone *zone, uint64_t now_ms);

/** How long a window is as written, at most: days in a row that follow on each other count
 * together. In minutes; 0: it never closes. */
uint32_t rbk_daily_minutes(const struct rbk_daily_window *window);

/** Append how a window is written: "weekdays 22:00 to 02:00 Europe/Berlin". */
void rbk_daily_print(struct rbk_buffer *out, const struct rbk_daily_window *window);

/** Append what a clock shows, with its zone: "2026-11-22 06:00 Europe/Berlin". */
void rbk_daily_print_shown(struct rbk_buffer *out, uint64_t shown_ms, struct rbk_str zone);

/** An instant by what the clocks of a zone show (as if they were UTC's, in milliseconds): never too
 * early, so of two the later one. */
uint64_t rbk_daily_instant_ms(const struct rbk_zone *zone, uint64_t shown_ms);

#endif
