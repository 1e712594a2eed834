/*
 * Days, times and zones in a plan: `window weekdays 22:00 to 02:00 "Europe/Berlin"`,
 * `not before 2026-11-22 06:00 "Europe/Berlin"`.
 */
#ifndef RBK_COMPILER_CALENDAR_H
#define RBK_COMPILER_CALENDAR_H

#include "compiler/analysis.h"
#include "runtime/core/machine.h"

/** Every day: the `days` of a window without a word. */
#define RBK_EVERY_DAY 0x7fu

/** The days that the words of a window stand for, a bit each from Monday on; unknown words stand
 * for none. No words: every day. */
uint32_t rbk_calendar_days(const struct rbk_tree_name *names);

/** When a WINDOW is open, as a row of the machine without its zone. */
struct rbk_daily_window rbk_calendar_window(const struct rbk_tree_statement *window);

/** Report unknown and repeated days, and a zone that this host's tables do not have. Of a WINDOW or
 * NOT_BEFORE. */
void rbk_calendar_check(struct rbk_analysis *analysis, const struct rbk_tree_statement *statement);

#endif
