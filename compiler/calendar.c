/*
 * Zones are looked up in the tables of the host that compiles, to find what is misspelt; the
 * machine has their names alone, and does not depend on those tables. Where there are none nothing
 * is said here: `rbk run` looks again, and begins nothing in a zone it does not know.
 */
#include "compiler/calendar.h"

#include "compiler/nearest.h"
#include "runtime/zones/zones.h"

/* A table, and what is made of it. */
#define ZONE_BYTES_MAX ((size_t)8 << 20)

static const struct {
    const char *word;
    uint32_t days;
} words[] = {{"mon", 1},  {"tue", 2},  {"wed", 4},          {"thu", 8},         {"fri", 16},
             {"sat", 32}, {"sun", 64}, {"weekdays", 0x1fu}, {"weekends", 0x60u}};

static uint32_t days_of(const struct rbk_tree_name *name)
{
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        if (rbk_str_is(name->name->text, words[i].word)) {
            return words[i].days;
        }
    }
    return 0;
}

uint32_t rbk_calendar_days(const struct rbk_tree_name *names)
{
    uint32_t days = names == NULL ? RBK_EVERY_DAY : 0;
    for (; names != NULL; names = names->next) {
        days |= days_of(names);
    }
    return days;
}

struct rbk_daily_window rbk_calendar_window(const struct rbk_tree_statement *window)
{
    return (struct rbk_daily_window){
        .from_minute = window->window.from_minute,
        .to_minute = window->window.to_minute,
        .days = rbk_calendar_days(window->names),
    };
}

/* ---- what is reported ------------------------------------------------------------------------ */

static void report_unknown_day(struct rbk_analysis *analysis, const struct rbk_tree_name *name)
{
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, name->span),
        "unknown day `%.*s`", RBK_STR_ARG(name->name->text));
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, name->name->text);
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        struct rbk_str word = rbk_str_from(words[i].word);
        if (word.bytes == 3 && rbk_str_starts(name->name->text, word)) {
            nearest.best = word; /* `monday` */
            break;
        }
        rbk_nearest_offer(&nearest, word);
    }
    if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    } else {
        rbk_diagnostic_help(diagnostic,
                            "Days are `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, `weekdays` "
                            "and `weekends`.");
    }
}

static void check_days(struct rbk_analysis *analysis, const struct rbk_tree_name *names)
{
    uint32_t seen = 0;
    for (const struct rbk_tree_name *name = names; name != NULL; name = name->next) {
        uint32_t days = days_of(name);
        if (days == 0) {
            report_unknown_day(analysis, name);
        } else if ((seen & days) != 0) {
            rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                                     rbk_analysis_place(analysis, name->span),
                                                     "`%.*s` names a day that is named before it",
                                                     RBK_STR_ARG(name->name->text)),
                                "Name each day once.");
        }
        seen |= days;
    }
}

/* Whether this host has a zone; each is looked up once, and nothing of it is kept. */
static enum rbk_zone_found look_up(struct rbk_analysis *analysis, struct rbk_str name)
{
    const struct rbk_map_entry *known = rbk_map_find(&analysis->zones, name);
    if (known != NULL) {
        return (enum rbk_zone_found)known->value.index;
    }
    const struct rbk_zone *zone;
    struct rbk_arena arena;
    rbk_arena_init(&arena, ZONE_BYTES_MAX);
    enum rbk_zone_found found = rbk_zones_find(&arena, name, &zone);
    rbk_arena_fini(&arena);
    rbk_map_set_index(&analysis->zones, name, (uint32_t)found);
    return found;
}

static void check_zone(struct rbk_analysis *analysis, const struct rbk_tree_expr *text)
{
    if (text == NULL || text->kind != RBK_EXPR_STRING || text->has_parts) {
        return;
    }
    enum rbk_zone_found found = look_up(analysis, text->text);
    if (found != RBK_ZONE_UNKNOWN && found != RBK_ZONE_DAMAGED) {
        return;
    }
    rbk_diagnostic_help(
        rbk_diagnostic_error(
            &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, text->span),
            "unknown time zone \"%.*s\": %s", RBK_STR_ARG(text->text), rbk_zones_why(found)),
        "A zone is \"UTC\", an offset such as \"+01:00\", or a name such as \"Europe/Berlin\".");
}

void rbk_calendar_check(struct rbk_analysis *analysis, const struct rbk_tree_statement *statement)
{
    if (statement->kind == RBK_STATEMENT_WINDOW) {
        check_days(analysis, statement->names);
    }
    check_zone(analysis, statement->text);
}
