/* See print.h. The JSON's fields are those of struct rbk_explore_result. */
#include "compiler/explore/print.h"

#include "compiler/explore/explore.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"

#include <jansson.h>
#include <stdlib.h>

#define FORMAT_VERSION 1

/* "plan.rbk:40"; nothing for no place. */
static void place(const struct rbk_machine *machine, struct rbk_machine_place at,
                  struct rbk_buffer *out)
{
    if (at.line && at.source < machine->source_count) {
        struct rbk_str path = machine->sources[at.source].path;
        (void)rbk_buffer_printf(out, "%.*s:%u", (int)path.bytes, path.data, (unsigned)at.line);
    }
}

void rbk_explore_print_statuses(uint32_t statuses, struct rbk_buffer *out)
{
    const char *comma = "";
    for (uint32_t i = 0; i < RBK_STATUS_COUNT; i++) {
        if (statuses >> i & 1) {
            (void)rbk_buffer_printf(out, "%s%s", comma, rbk_status_name((enum rbk_status)i));
            comma = ", ";
        }
    }
}

void rbk_explore_print_duration(uint64_t ms, struct rbk_buffer *out)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < RBK_COUNT(units); i++) {
        if (ms >= units[i].ms) {
            (void)rbk_buffer_printf(out, "%llu%s", (unsigned long long)(ms / units[i].ms),
                                    units[i].unit);
            ms %= units[i].ms;
        }
    }
}

/* ---- for people ---- */

static void print_violation(const struct rbk_machine *machine,
                            const struct rbk_explore_violation *violation, struct rbk_buffer *out)
{
    (void)rbk_buffer_printf(out, "\n%s\n  %.*s", rbk_explore_property_text(violation->property),
                            (int)violation->text.bytes, violation->text.data);
    if (violation->place.line) {
        (void)rbk_buffer_append_text(out, " (");
        place(machine, violation->place, out);
        (void)rbk_buffer_append_text(out, ")");
    }
    (void)rbk_buffer_append_text(out, "\n");
    for (uint32_t i = 0; i < violation->line_count; i++) {
        const struct rbk_explore_line *line = &violation->lines[i];
        (void)rbk_buffer_printf(out, "  %3u. %.*s", (unsigned)i + 1, (int)line->text.bytes,
                                line->text.data);
        if (line->place.line) {
            (void)rbk_buffer_printf(out, " (line %u)", (unsigned)line->place.line);
        }
        (void)rbk_buffer_append_text(out, "\n");
    }
}

static void print_exits(const struct rbk_machine *machine, const struct rbk_explore_result *result,
                        struct rbk_buffer *out)
{
    uint32_t stage = RBK_NONE;
    for (uint32_t i = 0; i < result->exit_count; i++) {
        const struct rbk_explore_exit *row = &result->exits[i];
        if (row->stage != stage) {
            stage = row->stage;
            struct rbk_str name = stage ? machine->regions[stage].name : machine->name;
            (void)rbk_buffer_printf(out, "\n%s%.*s\n", stage ? "stage " : "plan ", (int)name.bytes,
                                    name.data);
        }
        (void)rbk_buffer_printf(out, "  %s, %s", rbk_phase_name(row->phase),
                                rbk_explore_exit_text(row->kind));
        if (row->trigger != RBK_NONE) {
            struct rbk_str name = machine->triggers[row->trigger].name;
            (void)rbk_buffer_printf(out, " (%.*s)", (int)name.bytes, name.data);
        }
        (void)rbk_buffer_printf(out, "\n      %.*s", (int)row->what.bytes, row->what.data);
        if (row->ends) {
            (void)rbk_buffer_append_text(out, "\n      ends: ");
            rbk_explore_print_statuses(row->ends, out);
        }
        if (row->worst_ms) {
            (void)rbk_buffer_append_text(out, row->ends ? "; rolled back after at most "
                                                        : "\n      rolled back after at most ");
            rbk_explore_print_duration(row->worst_ms, out);
        }
        (void)rbk_buffer_append_text(out, "\n");
    }
}

void rbk_explore_print(const struct rbk_machine *machine, const struct rbk_explore_result *result,
                       struct rbk_buffer *out)
{
    (void)rbk_buffer_printf(
        out, "%llu states, %llu steps, %llu KiB: ", (unsigned long long)result->states,
        (unsigned long long)result->edges, (unsigned long long)(result->bytes / 1024));
    if (result->violations_seen) {
        (void)rbk_buffer_printf(out, "%u promise%s broken\n", (unsigned)result->violation_count,
                                result->violation_count == 1 ? " is" : "s are");
    } else if (result->complete) {
        (void)rbk_buffer_append_text(out, "every promise holds, wherever the run stops\n");
    } else {
        (void)rbk_buffer_append_text(out, "nothing wrong was found, and nothing is proved\n");
    }
    if (!result->complete) {
        (void)rbk_buffer_printf(out,
                                "not fully explored: %llu of these states were not looked at "
                                "(limits: %llu states, %llu bytes; --states, --memory)\n",
                                (unsigned long long)result->frontier,
                                (unsigned long long)result->states_max,
                                (unsigned long long)result->bytes_max);
    }
    for (uint32_t i = 0; i < result->violation_count; i++) {
        print_violation(machine, &result->violations[i], out);
    }
    if (result->complete) {
        print_exits(machine, result, out);
    }
}

/* ---- for programs ---- */

static json_t *text(struct rbk_str str)
{
    return json_stringn(str.data, str.bytes);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *place_json(const struct rbk_machine *machine, struct rbk_machine_place at)
{
    if (!at.line || at.source >= machine->source_count) {
        return json_null();
    }
    return json_pack("{so, so, so}", "source", text(machine->sources[at.source].path), "line",
                     number(at.line), "column", number(at.column));
}

static json_t *statuses_json(uint32_t statuses)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < RBK_STATUS_COUNT; i++) {
        if (statuses >> i & 1) {
            json_array_append_new(list, json_string(rbk_status_name((enum rbk_status)i)));
        }
    }
    return list;
}

static json_t *violation_json(const struct rbk_machine *machine,
                              const struct rbk_explore_violation *violation)
{
    json_t *lines = json_array();
    for (uint32_t i = 0; i < violation->line_count; i++) {
        const struct rbk_explore_line *line = &violation->lines[i];
        json_array_append_new(lines, json_pack("{so, so}", "text", text(line->text), "place",
                                               place_json(machine, line->place)));
    }
    return json_pack("{ss, so, so, so}", "property", rbk_explore_property_name(violation->property),
                     "text", text(violation->text), "place", place_json(machine, violation->place),
                     "story", lines);
}

static json_t *exit_json(const struct rbk_machine *machine, const struct rbk_explore_exit *row)
{
    json_t *stage = row->stage ? text(machine->regions[row->stage].name) : json_null();
    json_t *trigger =
        row->trigger != RBK_NONE ? text(machine->triggers[row->trigger].name) : json_null();
    return json_pack("{so, ss, ss, so, so, so, so, so, so}", "stage", stage, "exit",
                     rbk_explore_exit_name(row->kind), "during", rbk_phase_name(row->phase),
                     "trigger", trigger, "place", place_json(machine, row->place), "next",
                     statuses_json(row->next), "ends", statuses_json(row->ends), "what",
                     text(row->what), "worst_ms", number(row->worst_ms));
}

void rbk_explore_print_json(const struct rbk_machine *machine,
                            const struct rbk_explore_result *result, struct rbk_buffer *out)
{
    json_t *violations = json_array();
    json_t *exits = json_array();
    for (uint32_t i = 0; i < result->violation_count; i++) {
        json_array_append_new(violations, violation_json(machine, &result->violations[i]));
    }
    for (uint32_t i = 0; i < result->exit_count && result->complete; i++) {
        json_array_append_new(exits, exit_json(machine, &result->exits[i]));
    }
    json_t *all = json_pack("{si, so, sb, so, so, so, so, so, so}", "format_version",
                            FORMAT_VERSION, "plan", text(machine->name), "complete",
                            (int)result->complete, "states", number(result->states), "steps",
                            number(result->edges), "unexplored", number(result->frontier), "bytes",
                            number(result->bytes), "violations", violations, "exits", exits);
    char *dumped = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
    if (dumped) {
        (void)rbk_buffer_append_text(out, dumped);
        (void)rbk_buffer_append_byte(out, '\n');
        free(dumped);
    } else {
        out->error = -RBK_ENOMEM;
    }
    json_decref(all);
}
