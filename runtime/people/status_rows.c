/*
 * Rows of the live view without a runner. The scope is the journal's, with the windows that
 * readings.json can stand for.
 */
#include "runtime/people/status_rows.h"

#include <jansson.h>
#include <string.h>

#include "runtime/core/timestamp.h"

static struct rbk_value variable(void *context, enum rbk_variable which)
{
    const struct rbk_status_rows *rows = context;
    return rows->history->scope.variable(rows->history->scope.context, which);
}

/* The object of this name in a list of the readings; NULL: it is not there. */
static const json_t *find(const struct rbk_status_rows *rows, const char *list, const char *key,
                          struct rbk_str name)
{
    const json_t *object;
    size_t index;
    json_array_foreach(json_object_get(rows->live, list), index, object)
    {
        const char *text = json_string_value(json_object_get(object, key));
        if (text != NULL && rbk_str_is(name, text)) {
            return object;
        }
    }
    return NULL;
}

/* The last reading of a probe, for a window that is just that. */
static struct rbk_value window(void *context, uint32_t index)
{
    const struct rbk_status_rows *rows = context;
    const struct rbk_machine *machine = rows->view.machine;
    const struct rbk_probe *probe = &machine->probes[machine->windows[index].probe];
    const json_t *object = find(rows, "probes", "probe", probe->name);
    const json_t *number = json_object_get(object, "number");

    if (machine->windows[index].kind != RBK_WINDOW_LAST || !json_is_number(number) ||
        json_object_get(object, "missing") != NULL) {
        return rbk_value_missing(probe->type);
    }
    switch (probe->type) {
    case RBK_TYPE_BOOL:
        return rbk_value_bool(json_number_value(number) != 0);
    case RBK_TYPE_INT:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
        return rbk_value_integer(probe->type, (int64_t)json_number_value(number));
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        return rbk_value_number(probe->type, json_number_value(number));
    default:
        return rbk_value_missing(probe->type);
    }
}

static bool trigger_fact(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact)
{
    const struct rbk_status_rows *rows = context;
    const json_t *object =
        find(rows, "triggers", "trigger", rows->view.machine->triggers[trigger].name);
    const char *raw = json_string_value(json_object_get(object, "raw"));
    const char *since = json_string_value(json_object_get(object, "since"));
    int64_t since_ms = 0;

    if (raw == NULL) {
        return false;
    }
    ret_fact->holds = strcmp(raw, rbk_level_name(RBK_LEVEL_TRUE)) == 0;
    ret_fact->held_ms = 0;
    if (since != NULL && rbk_timestamp_parse(rbk_str_from(since), &since_ms) && since_ms > 0 &&
        (uint64_t)since_ms < rows->picture.now_ms) {
        ret_fact->held_ms = rows->picture.now_ms - (uint64_t)since_ms;
    }
    return true;
}

void rbk_status_rows_init(struct rbk_status_rows *rows, const struct rbk_history *history,
                          const struct json_t *live, const struct rbk_style *style, uint64_t now_ms,
                          size_t columns)
{
    memset(rows, 0, sizeof(*rows));
    rbk_frame_init(&rows->frame);
    rows->history = history;
    rows->live = live;
    rows->scope = history->scope;
    rows->scope.context = rows;
    rows->scope.variable = variable;
    rows->scope.window = window;
    rows->view = history->view;
    rows->view.scope = &rows->scope;
    rows->facts = (struct rbk_facts){.context = rows, .trigger = trigger_fact};
    rows->picture = (struct rbk_picture){.view = &rows->view,
                                         .state = history->replay->state,
                                         .track = &history->track,
                                         .style = style,
                                         .facts = &rows->facts,
                                         .reason = history->replay->reason,
                                         .partial = true,
                                         .now_ms = now_ms,
                                         .columns = columns,
                                         .rows = RBK_FRAME_LINES_MAX};
}

void rbk_status_rows_fini(struct rbk_status_rows *rows)
{
    rbk_frame_fini(&rows->frame);
}

struct rbk_str rbk_status_rows_head(struct rbk_status_rows *rows)
{
    rbk_frame_head(&rows->frame, &rows->picture);
    return rbk_buffer_str(&rows->frame.text);
}

struct rbk_str rbk_status_rows_stage(struct rbk_status_rows *rows, uint32_t region)
{
    rbk_frame_stage(&rows->frame, &rows->picture, region);
    return rbk_buffer_str(&rows->frame.text);
}

struct rbk_str rbk_status_rows_trigger(struct rbk_status_rows *rows, uint32_t trigger)
{
    rbk_frame_trigger(&rows->frame, &rows->picture, trigger);
    return rbk_buffer_str(&rows->frame.text);
}
