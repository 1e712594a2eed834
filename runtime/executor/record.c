/* Records and their canonical JSON: sorted keys, no white space, only what differs from the
 * default. */
#include "runtime/executor/record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

/* Text of servers and programs may be anything; the journal holds UTF-8 without NUL. A byte that is
 * not becomes U+FFFD. */
static json_t *text_to_json(struct rbk_str text)
{
    struct rbk_buffer clean;
    size_t offset;
    json_t *json;

    if (rbk_utf8_valid(text, &offset) && rbk_str_find(text, '\0') == text.bytes) {
        return json_stringn(text.data, text.bytes);
    }
    rbk_buffer_init(&clean, text.bytes * 3 + 1);
    for (size_t i = 0; i < text.bytes;) {
        uint32_t character;
        size_t bytes = rbk_utf8_decode(text, i, &character);

        if (bytes == 0 || character == 0) {
            rbk_buffer_append(&clean, "\xef\xbf\xbd", 3);
            i++;
        } else {
            rbk_buffer_append(&clean, text.data + i, bytes);
            i += bytes;
        }
    }
    json = json_stringn(clean.data, clean.bytes);
    rbk_buffer_fini(&clean);
    return json;
}

static void put_text(json_t *object, const char *key, struct rbk_str text)
{
    if (text.bytes != 0) {
        json_object_set_new(object, key, text_to_json(text));
    }
}

static void put_word(json_t *object, const char *key, const char *word)
{
    json_object_set_new(object, key, json_string(word));
}

static void put_integer(json_t *object, const char *key, int64_t integer)
{
    json_object_set_new(object, key, json_integer(integer));
}

/* Of the question that was meant, where one was. */
static void put_serial(json_t *object, uint32_t serial)
{
    if (serial != 0) {
        put_integer(object, "serial", serial);
    }
}

static void put_labels(json_t *object, const struct rbk_record *record)
{
    json_t *labels = json_object();

    for (size_t i = 0; i < record->label_count; i++) {
        const struct rbk_str name = record->labels[i].name;

        json_object_setn_new(labels, name.data, name.bytes, text_to_json(record->labels[i].value));
    }
    json_object_set_new(object, "labels", labels);
}

static void put_ways(json_t *object, const struct rbk_record *record)
{
    json_t *ways = json_array();

    for (size_t i = 0; i < record->way_count; i++) {
        json_array_append_new(ways, json_string(rbk_level_name((enum rbk_level)record->ways[i])));
    }
    json_object_set_new(object, "ways", ways);
}

static void put_event(json_t *object, const struct rbk_event *event)
{
    switch (event->kind) {
    case RBK_EVENT_RESULT:
        put_integer(object, "serial", event->serial);
        put_word(object, "outcome", rbk_outcome_name(event->outcome));
        break;
    case RBK_EVENT_RESOLVED:
        put_integer(object, "serial", event->serial);
        put_integer(object, "recovery", event->recovery);
        put_word(object, "outcome", rbk_outcome_name(event->outcome));
        break;
    case RBK_EVENT_NOTE:
        put_integer(object, "serial", event->serial);
        break;
    case RBK_EVENT_TRIGGER:
    case RBK_EVENT_WINDOW:
    case RBK_EVENT_WAY_BACK:
        put_integer(object, "index", event->index);
        put_word(object, "level", rbk_level_name(event->level));
        break;
    case RBK_EVENT_CRITERION:
        put_integer(object, "index", event->index);
        break;
    case RBK_EVENT_RESUMED:
        if (event->level != RBK_LEVEL_FALSE) { /* where nothing is to be said, nothing is written */
            put_word(object, "level", rbk_level_name(event->level));
        }
        break;
    case RBK_EVENT_ANSWER:
        put_word(object, "owner",
                 event->owner == RBK_OWNER_TRIGGER ? "trigger"
                 : event->owner == RBK_OWNER_RUN   ? "run"
                                                   : "region");
        put_integer(object, "index", event->index);
        put_serial(object, event->serial);
        put_word(object, "answer", rbk_answer_name(event->answer));
        put_integer(object, "seats", event->seats);
        break;
    case RBK_EVENT_COMMAND:
        put_word(object, "command", rbk_command_name(event->command));
        put_integer(object, "index", event->index);
        if (event->command == RBK_COMMAND_RESOLVE) {
            put_serial(object, event->serial);
            put_word(object, "answer", rbk_answer_name(event->answer));
            put_integer(object, "seats", event->seats);
        }
        break;
    default:
        break;
    }
}

int rbk_record_encode(const struct rbk_record *record, struct rbk_buffer *out)
{
    json_t *object = json_object();
    char *text;

    if (object == NULL) {
        return -RBK_ENOMEM;
    }
    put_event(object, &record->event);
    if (record->has_value) {
        json_object_set_new(object, "value", rbk_value_to_json(record->value));
    }
    if (record->status >= 0) {
        put_integer(object, "status", record->status);
    }
    if (record->elapsed_ms != 0) {
        put_integer(object, "elapsed", (int64_t)record->elapsed_ms);
    }
    put_text(object, "message", record->message);
    put_text(object, "detail", record->detail);
    put_text(object, "who", record->who);
    put_text(object, "note", record->note);
    if (record->alert.bytes != 0) {
        put_text(object, "alert", record->alert);
        json_object_set_new(object, "firing", json_boolean(record->firing));
    }
    if (record->label_count != 0) {
        put_labels(object, record);
    }
    if (record->way_count != 0) {
        put_ways(object, record);
    }
    put_text(object, "settings", record->settings);
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    if (text == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_buffer_append_text(out, text);
    free(text);
    return out->error;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static struct rbk_str get_text(const json_t *object, const char *key, struct rbk_arena *arena)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) {
        return (struct rbk_str){NULL, 0};
    }
    return rbk_arena_copy(arena,
                          (struct rbk_str){json_string_value(value), json_string_length(value)});
}

static void get_labels(json_t *object, struct rbk_arena *arena, struct rbk_record *record)
{
    json_t *labels = json_object_get(object, "labels"), *value;
    struct rbk_pair *pairs;
    const char *name;
    size_t bytes;

    if (!json_is_object(labels)) {
        return;
    }
    pairs = rbk_new_array(arena, struct rbk_pair, json_object_size(labels) + 1);
    record->labels = pairs;
    json_object_keylen_foreach(labels, name, bytes, value)
    {
        pairs[record->label_count++] =
            (struct rbk_pair){rbk_arena_copy(arena, (struct rbk_str){name, bytes}),
                              rbk_arena_copy(arena, (struct rbk_str){json_string_value(value),
                                                                     json_string_length(value)})};
    }
}

static uint32_t get_index(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    json_int_t value = json_is_integer(number) ? json_integer_value(number) : -1;

    return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : RBK_NONE;
}

/* The constant whose word stands under `key`; `count` when there is none. */
static unsigned get_word(const json_t *object, const char *key, unsigned count,
                         const char *(*name)(unsigned))
{
    const char *word = json_string_value(json_object_get(object, key));

    for (unsigned i = 0; word != NULL && i < count; i++) {
        if (strcmp(name(i), word) == 0) {
            return i;
        }
    }
    return count;
}

#define NAMER(function, enumeration)              \
    static const char *function##_(unsigned word) \
    {                                             \
        return function((enumeration)word);       \
    }
NAMER(rbk_outcome_name, enum rbk_outcome)
NAMER(rbk_level_name, enum rbk_level)
NAMER(rbk_answer_name, enum rbk_answer)
NAMER(rbk_command_name, enum rbk_command)
NAMER(rbk_event_name, enum rbk_event_kind)
#undef NAMER

/* The levels of a stage's strategies; -1: one of them is no level. */
static int get_ways(const json_t *object, struct rbk_arena *arena, struct rbk_record *record)
{
    const json_t *array = json_object_get(object, "ways"), *word;
    uint8_t *ways;
    size_t i;

    if (!json_is_array(array)) {
        return 0;
    }
    record->way_count = json_array_size(array);
    record->ways = ways = rbk_new_array(arena, uint8_t, record->way_count + 1);
    json_array_foreach(array, i, word)
    {
        const char *text = json_string_value(word);
        unsigned level = 0;

        while (level < RBK_LEVEL_COUNT &&
               (text == NULL || strcmp(text, rbk_level_name((enum rbk_level)level)) != 0)) {
            level++;
        }
        if (level == RBK_LEVEL_COUNT) {
            return -1;
        }
        ways[i] = (uint8_t)level;
    }
    return 0;
}

/* Each word must be one that exists; step() checks whether it means anything now. */
static int get_event(const json_t *object, struct rbk_event *event)
{
    const char *owner = json_string_value(json_object_get(object, "owner"));
    unsigned word;

    event->serial = json_object_get(object, "serial") != NULL ? get_index(object, "serial") : 0;
    event->index = json_object_get(object, "index") != NULL ? get_index(object, "index") : 0;
    event->seats = json_object_get(object, "seats") != NULL ? get_index(object, "seats") : 0;
    event->owner = owner == NULL                   ? RBK_OWNER_REGION
                   : strcmp(owner, "trigger") == 0 ? RBK_OWNER_TRIGGER
                   : strcmp(owner, "run") == 0     ? RBK_OWNER_RUN
                                                   : RBK_OWNER_REGION;
    if (json_object_get(object, "outcome") != NULL) {
        if ((word = get_word(object, "outcome", RBK_OUTCOME_COUNT, rbk_outcome_name_)) ==
            RBK_OUTCOME_COUNT) {
            return -1;
        }
        event->outcome = (enum rbk_outcome)word;
    }
    if (json_object_get(object, "level") != NULL) {
        if ((word = get_word(object, "level", RBK_LEVEL_COUNT, rbk_level_name_)) ==
            RBK_LEVEL_COUNT) {
            return -1;
        }
        event->level = (enum rbk_level)word;
    }
    if (json_object_get(object, "answer") != NULL) {
        if ((word = get_word(object, "answer", RBK_ANSWER_COUNT, rbk_answer_name_)) ==
            RBK_ANSWER_COUNT) {
            return -1;
        }
        event->answer = (enum rbk_answer)word;
    }
    if (event->kind == RBK_EVENT_COMMAND) {
        if ((word = get_word(object, "command", RBK_COMMAND_COUNT, rbk_command_name_)) ==
            RBK_COMMAND_COUNT) {
            return -1;
        }
        event->command = (enum rbk_command)word;
    }
    if (event->kind == RBK_EVENT_RESOLVED) {
        uint32_t recovery = get_index(object, "recovery");

        if (recovery > RBK_RECOVERY_UNKNOWN) {
            return -1;
        }
        event->recovery = (enum rbk_recovery)recovery;
    }
    return 0;
}

int rbk_record_decode(struct rbk_str kind, struct rbk_str body, int64_t at_ms,
                      struct rbk_arena *arena, struct rbk_record *ret_record,
                      struct rbk_error *reterr)
{
    struct rbk_record record = {.status = -1};
    json_error_t where;
    json_t *object = json_loadb(body.data, body.bytes, JSON_REJECT_DUPLICATES, &where);
    const json_t *value;
    int error = 0;

    for (unsigned i = 0; i <= RBK_EVENT_COUNT; i++) {
        if (i == RBK_EVENT_COUNT || !json_is_object(object)) {
            error = rbk_error_set(reterr, RBK_ECORRUPT,
                                  "the journal holds a row this program does "
                                  "not understand (%.*s)",
                                  RBK_STR_ARG(kind));
            goto out;
        }
        if (rbk_str_is(kind, rbk_event_name_(i))) {
            record.event.kind = (enum rbk_event_kind)i;
            break;
        }
    }
    record.event.now_ms = (uint64_t)at_ms;
    if (get_event(object, &record.event) != 0 || get_ways(object, arena, &record) != 0) {
        error = rbk_error_set(reterr, RBK_ECORRUPT, "the journal holds an unknown word in a %.*s",
                              RBK_STR_ARG(kind));
        goto out;
    }
    if ((value = json_object_get(object, "value")) != NULL) {
        if (rbk_value_from_json(value, arena, &record.value) != 0) {
            error = rbk_error_set(reterr, RBK_ECORRUPT,
                                  "the journal holds a value that cannot be read");
            goto out;
        }
        record.has_value = true;
    }
    if ((value = json_object_get(object, "status")) != NULL) {
        record.status = json_integer_value(value);
    }
    record.elapsed_ms = (uint64_t)json_integer_value(json_object_get(object, "elapsed"));
    record.message = get_text(object, "message", arena);
    record.detail = get_text(object, "detail", arena);
    record.who = get_text(object, "who", arena);
    record.note = get_text(object, "note", arena);
    record.alert = get_text(object, "alert", arena);
    record.firing = json_is_true(json_object_get(object, "firing"));
    get_labels(object, arena, &record);
    record.settings = get_text(object, "settings", arena);
    *ret_record = record;
out:
    json_decref(object);
    return error;
}
