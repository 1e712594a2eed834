/* What a message says of its run beside its text. */
#include "runtime/executor/about.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/executor/run_internal.h"

/* What changes as a run goes on, and so is kept with a message. */
static const enum rbk_variable kept[] = {
    RBK_VARIABLE_RUN_STATUS,
    RBK_VARIABLE_RUN_STAGE,
    RBK_VARIABLE_RUN_REASON,
    RBK_VARIABLE_RUN_ELAPSED,
    RBK_VARIABLE_RUN_ROLLBACK_ELAPSED,
    RBK_VARIABLE_RUN_REMAINING,
    RBK_VARIABLE_RUN_QUESTION,
    RBK_VARIABLE_STAGE_TITLE,
    RBK_VARIABLE_STAGE_ELAPSED,
    RBK_VARIABLE_ELAPSED,
    RBK_VARIABLE_ROLLBACKS,
};

static const char *const events[] = {
#define X(constant, event, severity) [RBK_TOLD_##constant] = (event),
    RBK_TOLD(X)
#undef X
};

static const char *const severities[] = {
#define X(constant, event, severity) [RBK_TOLD_##constant] = (severity),
    RBK_TOLD(X)
#undef X
};

static bool add(json_t *object, enum rbk_variable which, struct rbk_value value)
{
    json_t *json = rbk_value_to_json(value);

    return json != NULL && json_object_set_new(object, rbk_variable_name(which), json) == 0;
}

struct rbk_str rbk_about_write(struct rbk_run *run, enum rbk_told told, struct rbk_arena *arena)
{
    json_t *object = json_object();
    bool whole = object != NULL &&
                 add(object, RBK_VARIABLE_MESSAGE_EVENT,
                     rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(events[told]))) &&
                 add(object, RBK_VARIABLE_MESSAGE_SEVERITY,
                     rbk_value_text(RBK_TYPE_TEXT, rbk_str_from(severities[told])));
    struct rbk_str result = {NULL, 0};
    char *text;

    for (size_t i = 0; i < RBK_COUNT(kept) && whole; i++) {
        struct rbk_value value = run->open_scope.variable(run, kept[i]);

        if (!value.missing && rbk_type_is_text(value.type)) {
            value.as.text = rbk_secrets_redact(run->secrets, arena, value.as.text);
        }
        whole = value.missing || add(object, kept[i], value);
    }
    text = whole ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text != NULL) {
        result = rbk_arena_copy(arena, rbk_str_from(text));
    }
    free(text);
    json_decref(object);
    return result;
}

void rbk_about_read(struct rbk_str text, struct rbk_arena *arena, struct rbk_value *values)
{
    json_t *object =
        json_loadb(text.data != NULL ? text.data : "", text.bytes, JSON_REJECT_DUPLICATES, NULL);

    for (size_t i = 0; i < RBK_VARIABLE_COUNT; i++) {
        const json_t *json = json_object_get(object, rbk_variable_name((enum rbk_variable)i));

        if (json == NULL || rbk_value_from_json(json, arena, &values[i]) != 0 ||
            values[i].type != rbk_variable_type((enum rbk_variable)i)) {
            values[i] = rbk_value_missing(RBK_TYPE_UNKNOWN);
        }
    }
    json_decref(object);
}

struct rbk_str rbk_about_line(struct rbk_str message, size_t characters_max,
                              struct rbk_arena *arena)
{
    char *line = rbk_arena_alloc(arena, message.bytes + 8, 1);
    size_t bytes = 0, characters = 0, i = 0;

    while (i < message.bytes) {
        unsigned char first = (unsigned char)message.data[i];
        size_t width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        bool control = first < 0x20 || first == 0x7f;

        if (width > message.bytes - i) {
            break;
        }
        /* C1 controls, and the line and paragraph separators. */
        control = control ||
                  (width == 2 && first == 0xc2 && (unsigned char)message.data[i + 1] < 0xa0) ||
                  (width == 3 && (memcmp(message.data + i, "\xe2\x80\xa8", 3) == 0 ||
                                  memcmp(message.data + i, "\xe2\x80\xa9", 3) == 0));
        if (control || first == ' ') {
            if (bytes != 0 && line[bytes - 1] != ' ') {
                line[bytes++] = ' ';
                characters++;
            }
        } else {
            if (characters == characters_max - 1 && i + width < message.bytes) {
                memcpy(line + bytes, "…", 3);
                bytes += 3;
                break;
            }
            memcpy(line + bytes, message.data + i, width);
            bytes += width;
            characters++;
        }
        i += width;
    }
    while (bytes != 0 && line[bytes - 1] == ' ') {
        bytes--;
    }
    return (struct rbk_str){line, bytes};
}

struct rbk_str rbk_about_summary(struct rbk_str message, struct rbk_arena *arena)
{
    return rbk_about_line(message, RBK_SUMMARY_CHARACTERS_MAX, arena);
}
