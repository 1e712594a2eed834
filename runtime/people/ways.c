/* The ways back of a stage: what the journal says of them, and what the runner saw since. */
#include "runtime/people/ways.h"

#include <jansson.h>
#include <stdio.h>

#include "runtime/core/timestamp.h"

bool rbk_ways_shown(const struct rbk_history *history, uint32_t region)
{
    const struct rbk_machine *machine = history->replay->machine;
    struct rbk_slice rows = machine->regions[region].strategies;
    bool conditional = false;
    for (uint32_t i = 0; i < rows.count; i++) {
        conditional |= machine->strategies[rows.first + i].when != RBK_NONE;
    }
    return conditional && rbk_stage_applied(machine, history->replay->state, region);
}

/* What the living runner has noted of a strategy. */
static const json_t *find_live(const json_t *live, uint32_t strategy)
{
    const json_t *array = json_object_get(live, "ways"), *row;
    size_t i;
    json_array_foreach(array, i, row)
    {
        const json_t *number = json_object_get(row, "strategy");
        if (json_is_integer(number) && json_integer_value(number) == strategy) {
            return row;
        }
    }
    return NULL;
}

static uint64_t read_at(const json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "read"));
    int64_t at_ms = 0;
    if (text == NULL || !rbk_timestamp_parse(rbk_str_from(text), &at_ms) || at_ms < 0) {
        return 0;
    }
    return (uint64_t)at_ms;
}

void rbk_ways_each(const struct rbk_history *history, const json_t *live, uint32_t region,
                   rbk_way_fn *each, void *context)
{
    const struct rbk_machine *machine = history->replay->machine;
    uint64_t applied_ms = rbk_state_region(machine, history->replay->state, region)->applied_ms;
    struct rbk_slice rows = machine->regions[region].strategies;
    for (uint32_t i = 0; i < rows.count; i++) {
        const struct rbk_strategy *row = &machine->strategies[rows.first + i];
        const struct rbk_way_known *known = &history->replay->ways[rows.first + i];
        const json_t *noted = find_live(live, rows.first + i);
        struct rbk_way_shown way = {.name = row->name, .level = RBK_LEVEL_MISSING};
        char number[32];
        if (row->name.bytes == 0) {
            (void)snprintf(number, sizeof(number), "rollback %u", i + 1);
            way.name = rbk_str_from(number);
        }
        if (row->when == RBK_NONE) {
            way.level = RBK_LEVEL_TRUE;
            way.since_ms = applied_ms;
        } else {
            way.when = rbk_view_spelled(&history->view, row->when);
            if (known->since_ms >= applied_ms && known->since_ms != 0) {
                way.level = known->level;
                way.since_ms = known->since_ms;
                way.read_ms = known->level != RBK_LEVEL_MISSING ? known->since_ms : 0;
            }
            uint64_t read_ms = read_at(noted);
            way.read_ms = read_ms > way.read_ms ? read_ms : way.read_ms;
            way.missing = json_string_value(json_object_get(noted, "missing"));
        }
        each(context, &way);
    }
}
