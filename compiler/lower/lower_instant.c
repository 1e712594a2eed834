/*
 * `not before 2026-11-22 06:00 "Europe/Berlin"`: from a day, a time and a zone.
 *
 * With UTC or an offset from it that is an instant. With the name of a zone it is what the clocks
 * there show: an instant would make the machine depend on the tables of the host that compiles, and
 * rules may change before the day comes. The runner looks when it is.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/timestamp.h"

void rbk_lower_instant(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                       struct rbk_region *region)
{
    struct rbk_str zone = rbk_lower_literal(lower, statement->text, "a time zone");
    bool utc = rbk_str_is(zone, "UTC") || rbk_str_is(zone, "Z");
    bool named = !utc && (zone.bytes == 0 || (zone.data[0] != '+' && zone.data[0] != '-'));
    unsigned minute = statement->instant.minute;
    struct rbk_str text = rbk_arena_printf(
        &lower->scratch, "%04u-%02u-%02uT%02u:%02u%.*s", (unsigned)statement->instant.year,
        (unsigned)statement->instant.month, (unsigned)statement->instant.day, minute / 60,
        minute % 60, utc || named ? 1 : (int)zone.bytes, utc || named ? "Z" : zone.data);
    int64_t time_ms;
    if (!rbk_timestamp_parse(text, &time_ms) || time_ms <= 0) {
        (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                   rbk_lower_place(lower, statement->text->span),
                                   "not an instant: %.*s", RBK_STR_ARG(text));
        return;
    }
    if (named) {
        region->not_before_shown_ms = (uint64_t)time_ms;
        region->not_before_zone = zone;
    } else {
        region->not_before_ms = (uint64_t)time_ms;
    }
}
