/*
 * Writing snapshots: one function for each key. What is written here is read in snapshot_read.c;
 * whoever adds a key adds it there, in rbk_replay_reset() and in the list of snapshot.h.
 */
#include "runtime/executor/snapshot.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/executor/settings.h"

void rbk_snapshot_layout(char layout[RBK_SNAPSHOT_LAYOUT_BYTES])
{
    const uint16_t order = 1;
    unsigned char first;

    memcpy(&first, &order, 1);
    snprintf(layout, RBK_SNAPSHOT_LAYOUT_BYTES, "%zu.%zu.%zu.%s", sizeof(struct rbk_state),
             sizeof(struct rbk_region_state), sizeof(struct rbk_trigger_state),
             first == 1 ? "little" : "big");
}

static json_t *text_json(struct rbk_str text)
{
    return rbk_value_to_json(rbk_value_text(RBK_TYPE_TEXT, text.bytes != 0 ? text : RBK_STR("")));
}

static json_t *state_json(const struct rbk_replay *replay)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *block = (const unsigned char *)replay->state;
    size_t bytes = rbk_state_bytes(replay->machine);
    char *hex = malloc(bytes * 2 + 1);
    json_t *json;

    if (hex == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes; i++) {
        hex[2 * i] = digits[block[i] >> 4];
        hex[2 * i + 1] = digits[block[i] & 15];
    }
    json = json_stringn_nocheck(hex, bytes * 2);
    free(hex);
    return json;
}

/* What is bound: a place that was never written has a missing value of its own type. */
static json_t *values_json(const struct rbk_values *values)
{
    json_t *array = json_array();

    for (size_t i = 0; i < values->count; i++) {
        json_t *pair;

        if (values->items[i].missing) {
            continue;
        }
        pair = json_pack("[I,o]", (json_int_t)i, rbk_value_to_json(values->items[i]));
        if (pair == NULL || json_array_append_new(array, pair) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *flight_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (size_t i = 0; i < replay->in_flight_count; i++) {
        const struct rbk_in_flight *row = &replay->in_flight[i];
        json_t *object =
            json_pack("{s:I,s:b,s:o,s:I,s:I,s:I,s:I}", "attempt", (json_int_t)row->attempt, "look",
                      row->look, "note", text_json(row->note), "region", (json_int_t)row->region,
                      "serial", (json_int_t)row->serial, "since", (json_int_t)row->since_ms,
                      "state", (json_int_t)row->state);

        if (object == NULL || json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* False: out of memory. */
static bool append_row(json_t *array, uint32_t row, uint32_t what, uint64_t at_ms)
{
    json_t *item = json_pack("[I,I,I]", (json_int_t)row, (json_int_t)what, (json_int_t)at_ms);

    return item != NULL && json_array_append_new(array, item) == 0;
}

/* What was read of strategies: [row, level, since]. */
static json_t *ways_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < replay->machine->strategy_count; i++) {
        const struct rbk_way_known *way = &replay->ways[i];

        if (way->since_ms != 0 && !append_row(array, i, way->level, way->since_ms)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* When applies began: [region, order, ms]. */
static json_t *began_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        const struct rbk_began *began = &replay->began[i];

        if (began->order != 0 && !append_row(array, i, began->order, began->at_ms)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Why regions went back or failed, or what they got stuck by: [region, cause, index, text]. */
static json_t *whys_json(const struct rbk_replay *replay, const struct rbk_why *whys)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < replay->machine->region_count; i++) {
        const struct rbk_why *why = &whys[i];
        json_t *item;

        if (why->cause.kind == RBK_CAUSE_NONE) {
            continue;
        }
        item = json_pack("[I,I,I,o]", (json_int_t)i, (json_int_t)why->cause.kind,
                         (json_int_t)why->cause.index, text_json(rbk_str_from(why->text)));
        if (item == NULL || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* What triggers saw and people said: [trigger, asks, saw, lacked, said]. */
static json_t *heard_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < replay->machine->trigger_count; i++) {
        const struct rbk_heard *heard = &replay->heard[i];
        json_t *item;

        if (!heard->asks && heard->saw[0] == '\0' && heard->lacked[0] == '\0' &&
            heard->said[0] == '\0') {
            continue;
        }
        item =
            json_pack("[I,I,o,o,o]", (json_int_t)i, (json_int_t)heard->asks,
                      text_json(rbk_str_from(heard->saw)), text_json(rbk_str_from(heard->lacked)),
                      text_json(rbk_str_from(heard->said)));
        if (item == NULL || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *alerts_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (size_t i = 0; i < replay->alerts.count; i++) {
        const struct rbk_alert *alert = &replay->alerts.items[i];
        json_t *labels = json_array();
        json_t *object;

        for (size_t j = 0; j < alert->label_count; j++) {
            json_array_append_new(labels, json_pack("[o,o]", text_json(alert->labels[j].name),
                                                    text_json(alert->labels[j].value)));
        }
        object = json_pack("{s:o,s:o}", "labels", labels, "name", text_json(alert->name));
        if (object == NULL || json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *starters_json(const struct rbk_replay *replay)
{
    json_t *array = json_array();

    for (const struct rbk_starter *at = replay->starters; at != NULL; at = at->next) {
        if (json_array_append_new(array, text_json(at->name)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* NULL: out of memory. */
static char *encode(const struct rbk_replay *replay)
{
    char layout[RBK_SNAPSHOT_LAYOUT_BYTES], settings[65], *text = NULL;
    json_t *object;

    rbk_snapshot_layout(layout);
    if (rbk_settings_hash(&replay->run, settings) != 0) {
        return NULL;
    }
    /* json_pack() takes over what it is given, and gives NULL when any of it is NULL. */
    object = json_pack(
        "{s:o,s:o,s:o,s:s,s:o,s:i,s:o,s:s,s:s,s:o,s:I,s:s,s:o,s:o,s:o,s:o,s:[I,I],s:o,s:o}",
        "alerts", alerts_json(replay), "baselines", values_json(&replay->kept_baselines), "began",
        began_json(replay), "event", replay->hash, "flight", flight_json(replay), "format",
        RBK_SNAPSHOT_FORMAT, "heard", heard_json(replay), "layout", layout, "machine",
        replay->machine->hash, "reason", text_json(replay->reason), "seq", (json_int_t)replay->seq,
        "settings", settings, "slots", values_json(&replay->kept_slots), "starters",
        starters_json(replay), "state", state_json(replay), "stucks",
        whys_json(replay, replay->stucks), "told", (json_int_t)replay->told.kind,
        (json_int_t)replay->told.index, "ways", ways_json(replay), "whys",
        whys_json(replay, replay->whys));
    if (object != NULL) {
        text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    }
    json_decref(object);
    return text;
}

int rbk_snapshot_write(struct rbk_store *store, struct rbk_replay *replay, struct rbk_error *reterr)
{
    char *text = encode(replay);
    int error = 0;

    if (text != NULL && strlen(text) <= RBK_SNAPSHOT_BYTES_MAX) {
        error = rbk_store_put_snapshot(store, replay->run.id.data, replay->seq, rbk_str_from(text),
                                       reterr);
    }
    free(text);
    if (error == 0) {
        replay->snapshot_seq = replay->seq;
    }
    return error;
}
