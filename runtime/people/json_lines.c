/*
 * One event a line, for programs.
 */
#include "runtime/people/json_lines.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/utf8.h"
#include "runtime/core/timestamp.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/story.h"

json_t *rbk_json_text(struct rbk_str text)
{
    json_t *json;
    if (rbk_utf8_valid(text, NULL)) {
        return json_stringn(text.bytes != 0 ? text.data : "", text.bytes);
    }
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, RBK_VIEW_BYTES_MAX);
    rbk_sanitize(&clean, text);
    json = json_stringn(clean.data, clean.bytes);
    rbk_buffer_fini(&clean);
    return json;
}

json_t *rbk_json_time(uint64_t at_ms)
{
    char text[RBK_TIMESTAMP_BYTES];
    if (at_ms == 0) {
        return json_null();
    }
    (void)rbk_timestamp_print(text, (int64_t)at_ms);
    return json_string(text);
}

void rbk_json_set_text(json_t *object, const char *key, struct rbk_str text)
{
    if (text.bytes != 0) {
        (void)json_object_set_new(object, key, rbk_json_text(text));
    }
}

void rbk_json_set_time(json_t *object, const char *key, uint64_t at_ms)
{
    if (at_ms != 0) {
        (void)json_object_set_new(object, key, rbk_json_time(at_ms));
    }
}

static void write_object(struct rbk_show *show, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        size_t bytes = strlen(text);
        text[bytes] = '\n'; /* in the place of the NUL: one write, one line */
        rbk_show_write(show, text, bytes + 1);
    }
    free(text);
    json_decref(object);
}

static void add_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    json_t *line = json_object();
    (void)json_object_set_new(line, "tone", json_string(rbk_tone_name(tone)));
    rbk_json_set_text(line, "stage", stage);
    (void)json_object_set_new(line, "text", rbk_json_text(text));
    (void)json_array_append_new(context, line);
}

static void set_status(const struct rbk_view *view, json_t *object, const struct rbk_state *state)
{
    (void)json_object_set_new(object, "run", json_string(view->run));
    (void)json_object_set_new(object, "status",
                              json_string(rbk_status_name((enum rbk_status)state->status)));
}

static void set_subject(const struct rbk_view *view, json_t *object,
                        const struct rbk_shown_record *shown)
{
    const struct rbk_machine *machine = view->machine;
    const struct rbk_event *event = &shown->record->event;
    uint32_t region = rbk_story_region(view, shown->record, shown->before);
    if (region != RBK_NONE) {
        const struct rbk_region_state *rs = rbk_state_region(machine, shown->before, region);
        if (region != 0) {
            rbk_json_set_text(object, "stage", rbk_view_stage_name(view, region));
        }
        rbk_json_set_text(object, "step", machine->states[rs->state].name);
    }
    if (event->kind == RBK_EVENT_RESULT) {
        (void)json_object_set_new(object, "outcome", json_string(rbk_outcome_name(event->outcome)));
        (void)json_object_set_new(object, "elapsed_ms",
                                  json_integer((json_int_t)shown->record->elapsed_ms));
        if (shown->record->status >= 0) {
            (void)json_object_set_new(object, "exit", json_integer(shown->record->status));
        }
    } else if (event->kind == RBK_EVENT_TRIGGER && event->index < machine->trigger_count) {
        rbk_json_set_text(object, "trigger", machine->triggers[event->index].name);
        (void)json_object_set_new(object, "level", json_string(rbk_level_name(event->level)));
    } else if (event->kind == RBK_EVENT_ANSWER) {
        (void)json_object_set_new(object, "answer", json_string(rbk_answer_name(event->answer)));
    } else if (event->kind == RBK_EVENT_COMMAND) {
        (void)json_object_set_new(object, "command", json_string(rbk_command_name(event->command)));
    }
    rbk_json_set_text(object, "who", shown->record->who);
    rbk_json_set_text(object, "message", shown->record->message);
}

json_t *rbk_json_record(const struct rbk_view *view, const struct rbk_shown_record *shown)
{
    json_t *object = json_object(), *lines = json_array();
    (void)json_object_set_new(object, "seq", json_integer(shown->seq));
    (void)json_object_set_new(object, "at", rbk_json_time(shown->record->event.now_ms));
    (void)json_object_set_new(object, "kind",
                              json_string(rbk_event_name(shown->record->event.kind)));
    set_status(view, object, shown->after);
    set_subject(view, object, shown);
    rbk_story_tell(view, shown->record, shown->before, shown->after, shown->actions, add_line,
                   lines);
    if (json_array_size(lines) != 0) {
        (void)json_object_set(object, "text", json_object_get(json_array_get(lines, 0), "text"));
        (void)json_object_set(object, "lines", lines);
    }
    json_decref(lines);
    return object;
}

static void json_on_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    write_object(show, rbk_json_record(show->view, shown));
}

static void json_on_notice(struct rbk_show *show, const char *text)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "kind", json_string("notice"));
    (void)json_object_set_new(object, "at", rbk_json_time(show->now_ms));
    set_status(show->view, object, show->state);
    (void)json_object_set_new(object, "text", rbk_json_text(rbk_str_from(text)));
    write_object(show, object);
}

static void json_on_end(struct rbk_show *show, int status)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "kind", json_string("end"));
    (void)json_object_set_new(object, "at", rbk_json_time(show->now_ms));
    set_status(show->view, object, show->state);
    (void)json_object_set_new(object, "exit", json_integer(status));
    write_object(show, object);
}

const struct rbk_show_kind rbk_show_json = {
    .name = "json",
    .on_record = json_on_record,
    .on_notice = json_on_notice,
    .on_end = json_on_end,
};
