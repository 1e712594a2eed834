/*
 * `not before 2026-11-22 06:00 "UTC"`: an instant, from a day, a time and a zone.
 *
 * Zones by name would make the machine depend on the time zone tables of the host that compiles,
 * and rules may change before the day comes; an instant is exact, so UTC and offsets from it are
 * taken.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/timestamp.h"

uint64_t rbk_lower_instant(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    struct rbk_str zone = rbk_lower_literal(lower, statement->text, "a time zone");
    bool utc = rbk_str_is(zone, "UTC") || rbk_str_is(zone, "Z");
    unsigned minute = statement->instant.minute;
    struct rbk_str text = rbk_arena_printf(
        &lower->scratch, "%04u-%02u-%02uT%02u:%02u%.*s", (unsigned)statement->instant.year,
        (unsigned)statement->instant.month, (unsigned)statement->instant.day, minute / 60,
        minute % 60, utc ? 1 : (int)zone.bytes, utc ? "Z" : zone.data);
    int64_t time_ms;
    if (!utc && (zone.bytes == 0 || (zone.data[0] != '+' && zone.data[0] != '-'))) {
        rbk_lower_refuse(lower, statement->text->span,
                         "a time zone other than \"UTC\" or an offset like \"+02:00\" here");
        return 0;
    }
    if (!rbk_timestamp_parse(text, &time_ms) || time_ms <= 0) {
        (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                   rbk_lower_place(lower, statement->text->span),
                                   "not an instant: %.*s", RBK_STR_ARG(text));
        return 0;
    }
    return (uint64_t)time_ms;
}
