/*
 * Rows of the live view without a runner: what only the runner knows comes from readings.json.
 */
#include "runtime/people/status_rows.h"

#include <jansson.h>
#include <string.h>

#include "runtime/core/timestamp.h"
#include "runtime/people/when.h"

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

/* Text of the readings, cut between characters. */
static void take_text(const json_t *object, const char *key, char out[RBK_GAUGE_TEXT_BYTES])
{
    const char *text = json_string_value(json_object_get(object, key));
    size_t bytes = text != NULL ? strlen(text) : 0;
    if (bytes >= RBK_GAUGE_TEXT_BYTES) {
        bytes = RBK_GAUGE_TEXT_BYTES - 1;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0u) == 0x80u) {
            bytes--;
        }
    }
    if (bytes != 0) {
        memcpy(out, text, bytes);
    }
    out[bytes] = '\0';
}

static void take_gauge(const json_t *object, struct rbk_gauge_text *gauge)
{
    const json_t *share = json_object_get(object, "share");
    gauge->compared = json_object_get(object, "threshold") != NULL;
    gauge->has_reading = json_object_get(object, "reading") != NULL;
    gauge->has_share = share != NULL;
    gauge->share = json_number_value(share);
    take_text(object, "reading", gauge->reading);
    take_text(object, "threshold", gauge->threshold);
    take_text(object, "distance", gauge->distance);
}

/* How long it has been so, by the wall clock; 0: not known. */
static uint64_t held_ms(const struct rbk_status_rows *rows, const json_t *object)
{
    const char *since = json_string_value(json_object_get(object, "since"));
    int64_t since_ms = 0;
    return since != NULL && rbk_timestamp_parse(rbk_str_from(since), &since_ms) && since_ms > 0
               ? rbk_when_between((uint64_t)since_ms, rows->picture.now_ms)
               : 0;
}

static bool check_fact(void *context, uint32_t region, struct rbk_check_fact *ret_fact)
{
    const struct rbk_status_rows *rows = context;
    const struct rbk_machine *machine = rows->view.machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, rows->picture.state, region);
    const json_t *object = find(rows, "checks", "step", machine->states[rs->state].name);
    const json_t *progress = json_object_get(object, "progress");

    if (object == NULL) {
        return false;
    }
    *ret_fact = (struct rbk_check_fact){
        .retries_used = (uint32_t)json_integer_value(json_object_get(object, "retries")),
        .holds = json_is_true(json_object_get(object, "holds")),
        .held_ms = held_ms(rows, object),
        .has_progress = progress != NULL,
        .progress = json_number_value(progress),
    };
    return true;
}

static bool trigger_fact(void *context, uint32_t trigger, struct rbk_trigger_fact *ret_fact)
{
    const struct rbk_status_rows *rows = context;
    const json_t *object =
        find(rows, "triggers", "trigger", rows->view.machine->triggers[trigger].name);
    const char *raw = json_string_value(json_object_get(object, "raw"));

    if (raw == NULL) {
        return false;
    }
    memset(ret_fact, 0, sizeof(*ret_fact));
    ret_fact->watched = true;
    ret_fact->true_readings =
        (uint32_t)json_integer_value(json_object_get(object, "true_readings"));
    take_gauge(object, &ret_fact->gauge);
    ret_fact->holds = strcmp(raw, rbk_level_name(RBK_LEVEL_TRUE)) == 0;
    ret_fact->held_ms = held_ms(rows, object);
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
    rows->view = history->view;
    rows->facts = (struct rbk_facts){.context = rows, .check = check_fact, .trigger = trigger_fact};
    rows->picture = (struct rbk_picture){.view = &rows->view,
                                         .state = history->replay->state,
                                         .track = &history->track,
                                         .style = style,
                                         .facts = &rows->facts,
                                         .reason = history->replay->reason,
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
