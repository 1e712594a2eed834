/*
 * What a run knows of alerts, and what it will know once it has read its inbox: the names that its
 * probes wait for, the alerts that fire, the rows that wait. Found by a hash of name and labels, so
 * that ten thousand alerts are compared with a thousand rows in one go.
 */
#include "runtime/serve/alerts_known.h"

#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/executor/alerts.h"

/* Rows that wait in one run's inbox. */
#define PENDING_BYTES_MAX ((size_t)16 << 20)

/* FNV-1a. */
static uint64_t hash_text(uint64_t hash, struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

uint64_t rbk_alert_hash(const struct alert *alert)
{
    uint64_t hash = hash_text(UINT64_C(14695981039346656037), alert->name);

    for (size_t i = 0; i < alert->label_count; i++) {
        hash += hash_text(hash_text(UINT64_C(14695981039346656037), alert->labels[i].name),
                          alert->labels[i].value);
    }
    return hash;
}

static bool copy(struct rbk_arena *arena, const char *data, size_t bytes, struct rbk_str *ret_copy)
{
    char *text = rbk_arena_try_alloc(arena, bytes + 1, 1);

    if (text != NULL && bytes != 0) {
        memcpy(text, data, bytes);
    }
    *ret_copy = (struct rbk_str){text, bytes};
    return text != NULL;
}

/* false: there is no room for them. */
bool rbk_alert_names(const struct rbk_history *history, struct rbk_arena *arena,
                     struct names *ret_names)
{
    const struct rbk_machine *machine = history->replay->machine;
    struct names names = {
        .items = rbk_arena_try_alloc(arena, (machine->read_count + 1) * sizeof(struct rbk_str),
                                     alignof(struct rbk_str))};

    for (uint32_t i = 0; i < machine->read_count && names.items != NULL; i++) {
        const struct rbk_read *read = &machine->reads[i];

        for (uint32_t j = 0; read->kind == RBK_READ_ALERT && j < read->args.count; j++) {
            const struct rbk_arg *arg = &machine->args[read->args.first + j];
            struct rbk_value value;

            if (arg->kind != RBK_ARG_NAME) {
                continue;
            }
            if (rbk_expr_evaluate(&history->scope, arg->expr, arena, &value, NULL) != 0 ||
                value.missing || !rbk_type_is_text(value.type)) {
                names.all = true;
            } else if (names.count < machine->read_count &&
                       !copy(arena, value.as.text.data, value.as.text.bytes,
                             &names.items[names.count++])) {
                return false; /* what belongs to the history may be another when it is followed */
            }
        }
    }
    *ret_names = names;
    return names.items != NULL;
}

bool rbk_alert_waited_for(const struct names *names, struct rbk_str name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (rbk_str_equal(names->items[i], name)) {
            return true;
        }
    }
    return names->all;
}

/* Whose labels stand in the same order, as most do, are compared in one walk. */
static bool same_labels(const struct rbk_pair *a, size_t a_count, const struct alert *alert)
{
    if (a_count != alert->label_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        size_t j = i, looked = 0;

        while (looked < a_count && !(rbk_str_equal(a[i].name, alert->labels[j].name) &&
                                     rbk_str_equal(a[i].value, alert->labels[j].value))) {
            j = j + 1 < a_count ? j + 1 : 0;
            looked++;
        }
        if (looked == a_count) {
            return false;
        }
    }
    return true;
}

/* false: there is no room. */
bool rbk_pending_init(struct pending *pending, size_t capacity)
{
    pending->capacity = capacity;
    for (pending->size = 16; pending->size < 2 * capacity; pending->size *= 2) {
    }
    pending->alerts = rbk_arena_try_alloc(pending->arena, capacity * sizeof(*pending->alerts),
                                          alignof(struct alert));
    pending->table = rbk_arena_try_alloc(pending->arena, pending->size * sizeof(*pending->table),
                                         alignof(uint32_t));
    return pending->alerts != NULL && pending->table != NULL;
}

static bool same_alert(const struct alert *a, const struct alert *b)
{
    return a->hash == b->hash && rbk_str_equal(a->name, b->name) &&
           same_labels(a->labels, a->label_count, b);
}

/* The slot of an alert: that of its latest row, or a free one. */
static uint32_t *slot_of(struct pending *pending, const struct alert *alert)
{
    size_t at = (size_t)(alert->hash ^ alert->hash >> 32) & (pending->size - 1);

    while (pending->table[at] != 0 &&
           !same_alert(&pending->alerts[pending->table[at] - 1], alert)) {
        at = (at + 1) & (pending->size - 1);
    }
    return &pending->table[at];
}

void rbk_pending_add(struct pending *pending, const struct alert *alert)
{
    uint32_t *slot = slot_of(pending, alert);

    pending->alerts[pending->count++] = *alert;
    *slot = (uint32_t)pending->count;
}

/* An alert as a row says it. false: there is no room, or it says none. */
static bool read_pending(struct pending *pending, json_t *body, struct alert *ret_alert)
{
    json_t *labels = json_object_get(body, "labels"), *value;
    const char *name = json_string_value(json_object_get(body, "name"));
    struct rbk_pair *pairs = rbk_arena_try_alloc(
        pending->arena, (json_object_size(labels) + 1) * sizeof(*pairs), alignof(struct rbk_pair));
    size_t bytes;

    *ret_alert =
        (struct alert){.labels = pairs, .firing = json_is_true(json_object_get(body, "firing"))};
    if (pairs == NULL || name == NULL ||
        !copy(pending->arena, name, strlen(name), &ret_alert->name)) {
        return false;
    }
    json_object_keylen_foreach(labels, name, bytes, value)
    {
        struct rbk_pair *pair = &pairs[ret_alert->label_count];

        if (!json_is_string(value) || json_string_length(value) == 0) {
            continue;
        }
        if (!copy(pending->arena, name, bytes, &pair->name) ||
            !copy(pending->arena, json_string_value(value), json_string_length(value),
                  &pair->value)) {
            return false;
        }
        ret_alert->label_count++;
    }
    ret_alert->hash = rbk_alert_hash(ret_alert);
    return true;
}

int rbk_pending_keep(void *context, const struct rbk_store_request *row)
{
    struct pending *pending = context;
    struct alert alert;
    json_t *body;

    pending->rows++;
    pending->bytes += row->body.bytes;
    if (pending->count == pending->capacity || pending->bytes > PENDING_BYTES_MAX) {
        pending->cut = true;
        return 1;
    }
    if (!rbk_str_is(row->kind, "alert") ||
        (body = json_loadb(row->body.data, row->body.bytes, 0, NULL)) == NULL) {
        return 0;
    }
    if (read_pending(pending, body, &alert)) {
        rbk_pending_add(pending, &alert);
    }
    json_decref(body);
    return 0;
}

/* The alerts that the run knows to fire come first, as if they waited, too. @return false: there is
 * no room. */
bool rbk_pending_add_known(struct pending *pending, const struct rbk_history *history)
{
    const struct rbk_alerts *alerts = &history->replay->alerts;
    struct pending known = {.arena = pending->arena};
    bool kept;

    /* Those of the inbox go behind them again, in their order. */
    kept = rbk_pending_init(&known, pending->count + alerts->count + pending->capacity);
    for (size_t i = 0; kept && i < alerts->count; i++) {
        struct alert alert = {.name = alerts->items[i].name,
                              .labels = alerts->items[i].labels,
                              .label_count = alerts->items[i].label_count,
                              .firing = true};

        alert.hash = rbk_alert_hash(&alert);
        rbk_pending_add(&known, &alert);
    }
    for (size_t i = 0; kept && i < pending->count; i++) {
        rbk_pending_add(&known, &pending->alerts[i]);
    }
    if (kept) {
        pending->alerts = known.alerts;
        pending->table = known.table;
        pending->size = known.size;
        pending->count = known.count;
        pending->capacity = known.capacity;
    }
    return kept;
}

/* The state that the run will have once it has read its inbox. */
bool rbk_pending_will_fire(struct pending *pending, const struct alert *alert)
{
    uint32_t slot = *slot_of(pending, alert);

    return slot != 0 && pending->alerts[slot - 1].firing;
}
