/*
 * Reading snapshots. What is read is judged as hostile: every index is checked, the state by
 * rbk_state_check(), and a snapshot that fails any of it is passed over for an older one, in the
 * end for the whole journal.
 */
#include "runtime/executor/snapshot.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/executor/settings.h"

/* Values of a snapshot while it is read; what a run keeps of them is bounded. */
#define READING_BYTES ((size_t)1 << 30)

struct reading {
    struct rbk_store *store;
    struct rbk_replay *replay;
    struct rbk_arena arena;
    struct rbk_error *reterr;
    int error; /* ends the search: the store failed, or the journal was cut */
};

static bool says(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL && strcmp(text, wanted) == 0;
}

/* A number below `end` under a key, or at a place of an array. */
static bool get_number(const json_t *number, uint64_t end, uint64_t *ret_number)
{
    json_int_t value = json_integer_value(number);

    if (!json_is_integer(number) || value < 0 || (uint64_t)value >= end) {
        return false;
    }
    *ret_number = (uint64_t)value;
    return true;
}

static bool get_index(const json_t *object, const char *key, uint32_t end, uint32_t *ret_index)
{
    uint64_t number;

    if (!get_number(json_object_get(object, key), end, &number)) {
        return false;
    }
    *ret_index = (uint32_t)number;
    return true;
}

static bool get_text(struct reading *reading, const json_t *json, struct rbk_str *ret_text)
{
    struct rbk_value value;

    if (rbk_value_from_json(json, &reading->arena, &value) != 0 || value.missing ||
        value.type != RBK_TYPE_TEXT) {
        return false;
    }
    *ret_text = value.as.text;
    return true;
}

/* Something short, into a place of RBK_WHY_BYTES. */
static bool get_line(struct reading *reading, const json_t *json, char *ret_text)
{
    struct rbk_str text;

    if (!get_text(reading, json, &text) || text.bytes >= RBK_WHY_BYTES) {
        return false;
    }
    snprintf(ret_text, RBK_WHY_BYTES, "%.*s", RBK_STR_ARG(text));
    return true;
}

/* A cause is only compared, never used as an index. */
static bool get_cause(const json_t *kind_json, const json_t *index_json,
                      struct rbk_cause *ret_cause)
{
    uint64_t kind, index;

    if (!get_number(kind_json, RBK_CAUSE_COUNT, &kind) ||
        !get_number(index_json, (uint64_t)UINT32_MAX + 1, &index)) {
        return false;
    }
    *ret_cause = (struct rbk_cause){(uint32_t)kind, (uint32_t)index};
    return true;
}

static bool each_row(struct reading *reading, const json_t *array,
                     bool (*read_row)(struct reading *reading, const json_t *row))
{
    const json_t *row;
    size_t i;

    if (!json_is_array(array)) {
        return false;
    }
    json_array_foreach(array, i, row)
    {
        if (!read_row(reading, row)) {
            return false;
        }
    }
    return true;
}

static int digit(char hex)
{
    return hex >= '0' && hex <= '9' ? hex - '0' : hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : -1;
}

static bool read_state(struct reading *reading, const json_t *object)
{
    struct rbk_replay *replay = reading->replay;
    const json_t *json = json_object_get(object, "state");
    const char *hex = json_string_value(json);
    size_t bytes = rbk_state_bytes(replay->machine);
    unsigned char *block = (unsigned char *)replay->state;

    if (hex == NULL || json_string_length(json) != bytes * 2) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        block[i] = (unsigned char)(high << 4 | low);
    }
    return rbk_state_check(replay->machine, replay->state, bytes, NULL) == 0;
}

static bool read_values(struct reading *reading, const json_t *array, struct rbk_values *values)
{
    const json_t *pair;
    size_t i;

    if (!json_is_array(array)) {
        return false;
    }
    json_array_foreach(array, i, pair)
    {
        struct rbk_value value;
        uint64_t index;

        if (!get_number(json_array_get(pair, 0), values->count, &index) ||
            rbk_value_from_json(json_array_get(pair, 1), &reading->arena, &value) != 0 ||
            rbk_values_set(values, index, value) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_in_flight(const struct rbk_replay *replay, uint32_t region)
{
    for (size_t i = 0; i < replay->in_flight_count; i++) {
        if (replay->in_flight[i].region == region) {
            return true;
        }
    }
    return false;
}

/* At most one of each region, which is what the table has room for. */
static bool read_flight(struct reading *reading, const json_t *array)
{
    struct rbk_replay *replay = reading->replay;
    const struct rbk_machine *machine = replay->machine;
    const json_t *object;
    size_t i;

    if (!json_is_array(array) || json_array_size(array) > replay->in_flight_capacity) {
        return false;
    }
    json_array_foreach(array, i, object)
    {
        struct rbk_in_flight row = {.look = json_is_true(json_object_get(object, "look"))};

        if (!get_index(object, "region", machine->region_count, &row.region) ||
            is_in_flight(replay, row.region) ||
            !get_index(object, "state", machine->state_count, &row.state) ||
            machine->states[row.state].effect == RBK_NONE ||
            !get_index(object, "serial", UINT32_MAX, &row.serial) ||
            !get_index(object, "attempt", UINT32_MAX, &row.attempt) ||
            !get_number(json_object_get(object, "since"), INT64_MAX, &row.since_ms) ||
            !get_text(reading, json_object_get(object, "note"), &row.note)) {
            return false;
        }
        row.note = rbk_arena_copy(&replay->notes, row.note);
        replay->in_flight[replay->in_flight_count++] = row;
    }
    return true;
}

static bool read_alert(struct reading *reading, const json_t *object)
{
    struct rbk_replay *replay = reading->replay;
    const json_t *array = json_object_get(object, "labels"), *pair;
    struct rbk_pair labels[RBK_ALERT_LABELS_MAX];
    size_t count = json_array_size(array), i;
    struct rbk_str name;

    if (!json_is_array(array) || count > RBK_ALERT_LABELS_MAX ||
        !get_text(reading, json_object_get(object, "name"), &name)) {
        return false;
    }
    json_array_foreach(array, i, pair)
    {
        if (!get_text(reading, json_array_get(pair, 0), &labels[i].name) ||
            !get_text(reading, json_array_get(pair, 1), &labels[i].value)) {
            return false;
        }
    }
    rbk_alerts_set(&replay->alerts, &replay->alert_texts, name, labels, count, true);
    return true;
}

static bool read_reason(struct reading *reading, const json_t *object)
{
    struct rbk_replay *replay = reading->replay;
    const json_t *told = json_object_get(object, "told");
    struct rbk_str text;

    if (!get_cause(json_array_get(told, 0), json_array_get(told, 1), &replay->told) ||
        !get_text(reading, json_object_get(object, "reason"), &text)) {
        return false;
    }
    replay->reason = rbk_arena_copy(&replay->reasons, text);
    return true;
}

static bool read_way(struct reading *reading, const json_t *row)
{
    struct rbk_replay *replay = reading->replay;
    uint64_t index, level, since_ms;

    if (!get_number(json_array_get(row, 0), replay->machine->strategy_count, &index) ||
        !get_number(json_array_get(row, 1), RBK_LEVEL_COUNT, &level) ||
        !get_number(json_array_get(row, 2), INT64_MAX, &since_ms)) {
        return false;
    }
    replay->ways[index] = (struct rbk_way_known){(enum rbk_level)level, since_ms};
    return true;
}

static bool get_why(struct reading *reading, const json_t *row, struct rbk_why *whys)
{
    uint64_t region;

    return get_number(json_array_get(row, 0), reading->replay->machine->region_count, &region) &&
           get_cause(json_array_get(row, 1), json_array_get(row, 2), &whys[region].cause) &&
           get_line(reading, json_array_get(row, 3), whys[region].text);
}

static bool read_why(struct reading *reading, const json_t *row)
{
    return get_why(reading, row, reading->replay->whys);
}

static bool read_stuck(struct reading *reading, const json_t *row)
{
    return get_why(reading, row, reading->replay->stucks);
}

static bool read_heard(struct reading *reading, const json_t *row)
{
    struct rbk_replay *replay = reading->replay;
    uint64_t index, asks;

    if (!get_number(json_array_get(row, 0), replay->machine->trigger_count, &index) ||
        !get_number(json_array_get(row, 1), 2, &asks) ||
        !get_line(reading, json_array_get(row, 2), replay->heard[index].saw) ||
        !get_line(reading, json_array_get(row, 3), replay->heard[index].lacked) ||
        !get_line(reading, json_array_get(row, 4), replay->heard[index].said)) {
        return false;
    }
    replay->heard[index].asks = asks != 0;
    return true;
}

static bool read_began(struct reading *reading, const json_t *row)
{
    struct rbk_replay *replay = reading->replay;
    uint64_t region, order, at_ms;

    if (!get_number(json_array_get(row, 0), replay->machine->region_count, &region) ||
        !get_number(json_array_get(row, 1), (uint64_t)UINT32_MAX + 1, &order) ||
        !get_number(json_array_get(row, 2), INT64_MAX, &at_ms)) {
        return false;
    }
    replay->began[region] = (struct rbk_began){(uint32_t)order, at_ms};
    return true;
}

static bool read_starters(struct reading *reading, const json_t *array)
{
    struct rbk_str name;

    if (!json_is_array(array) || json_array_size(array) == 0) {
        return false; /* somebody started it */
    }
    for (size_t i = json_array_size(array); i > 0; i--) {
        if (!get_text(reading, json_array_get(array, i - 1), &name)) {
            return false;
        }
        rbk_replay_add_starter(reading->replay, name);
    }
    return true;
}

/* Whether it was written for this run, as it was started, by a program that this one agrees with.
 */
static bool belongs(const struct rbk_replay *replay, const json_t *object, int64_t seq)
{
    char layout[RBK_SNAPSHOT_LAYOUT_BYTES], settings[65];
    uint64_t number;

    rbk_snapshot_layout(layout);
    return json_is_object(object) && rbk_settings_hash(&replay->run, settings) == 0 &&
           get_number(json_object_get(object, "format"), INT64_MAX, &number) &&
           number == RBK_SNAPSHOT_FORMAT &&
           get_number(json_object_get(object, "seq"), INT64_MAX, &number) &&
           number == (uint64_t)seq && says(object, "layout", layout) &&
           says(object, "machine", replay->machine->hash) && says(object, "settings", settings);
}

/* Whether the journal has the event it was written with. */
static bool has_event(struct reading *reading, const json_t *object, int64_t seq)
{
    struct rbk_replay *replay = reading->replay;
    int error = rbk_store_event_hash(reading->store, replay->run.id.data, seq, replay->hash,
                                     reading->reterr);

    if (error == -RBK_ENOTFOUND) {
        reading->error = rbk_error_set(
            reading->reterr, RBK_ECORRUPT,
            "the journal of run %.*s is damaged: it ends before event %lld, which it had",
            RBK_STR_ARG(replay->run.id), (long long)seq);
    } else if (error != 0) {
        reading->error = error;
    }
    return error == 0 && says(object, "event", replay->hash);
}

static bool read_all(struct reading *reading, const json_t *object)
{
    struct rbk_replay *replay = reading->replay;

    return read_state(reading, object) &&
           read_values(reading, json_object_get(object, "slots"), &replay->kept_slots) &&
           read_values(reading, json_object_get(object, "baselines"), &replay->kept_baselines) &&
           read_flight(reading, json_object_get(object, "flight")) &&
           each_row(reading, json_object_get(object, "ways"), read_way) &&
           each_row(reading, json_object_get(object, "began"), read_began) &&
           each_row(reading, json_object_get(object, "stucks"), read_stuck) &&
           each_row(reading, json_object_get(object, "whys"), read_why) &&
           each_row(reading, json_object_get(object, "heard"), read_heard) &&
           each_row(reading, json_object_get(object, "alerts"), read_alert) &&
           read_starters(reading, json_object_get(object, "starters")) &&
           read_reason(reading, object);
}

/* 1 ends the search. */
static int on_snapshot(void *context, int64_t seq, struct rbk_str body)
{
    struct reading *reading = context;
    json_t *object = json_loadb(body.data, body.bytes, JSON_REJECT_DUPLICATES, NULL);
    bool used = false;

    rbk_arena_reset(&reading->arena);
    if (seq > 0 && belongs(reading->replay, object, seq) && has_event(reading, object, seq)) {
        used = read_all(reading, object);
    }
    json_decref(object);
    if (used) {
        reading->replay->seq = reading->replay->snapshot_seq = seq;
        return 1;
    }
    rbk_replay_reset(reading->replay);
    return reading->error != 0 ? 1 : 0;
}

int rbk_snapshot_load(struct rbk_store *store, struct rbk_replay *replay, struct rbk_error *reterr)
{
    struct reading reading = {.store = store, .replay = replay, .reterr = reterr};
    int error;

    rbk_arena_init(&reading.arena, READING_BYTES);
    error = rbk_store_each_snapshot(store, replay->run.id.data, on_snapshot, &reading, reterr);
    rbk_arena_fini(&reading.arena);
    return reading.error != 0 ? reading.error : error < 0 ? error : 0;
}
