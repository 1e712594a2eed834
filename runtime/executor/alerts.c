/*
 * The table of firing alerts. An alert that is resolved leaves it; one that fires again with the
 * same labels changes nothing. Runs have few alerts: the table is searched from its beginning.
 */
#include "runtime/executor/alerts.h"

#include <string.h>

static struct rbk_str value_of(const struct rbk_alert *alert, struct rbk_str label)
{
    for (size_t i = 0; i < alert->label_count; i++) {
        if (rbk_str_equal(alert->labels[i].name, label)) {
            return alert->labels[i].value;
        }
    }
    return RBK_STR("");
}

static bool carries(const struct rbk_alert *alert, const struct rbk_pair *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!rbk_str_equal(value_of(alert, labels[i].name), labels[i].value)) {
            return false;
        }
    }
    return true;
}

static size_t worded(const struct rbk_pair *labels, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += labels[i].value.bytes != 0;
    }
    return sum;
}

static struct rbk_alert copy(struct rbk_arena *arena, struct rbk_str name,
                             const struct rbk_pair *labels, size_t count)
{
    struct rbk_pair *own = rbk_new_array(arena, struct rbk_pair, count + 1);
    struct rbk_alert alert = {.name = rbk_arena_copy(arena, name), .labels = own};

    for (size_t i = 0; i < count; i++) {
        if (labels[i].value.bytes != 0) {
            own[alert.label_count++] = (struct rbk_pair){rbk_arena_copy(arena, labels[i].name),
                                                         rbk_arena_copy(arena, labels[i].value)};
        }
    }
    return alert;
}

void rbk_alerts_set(struct rbk_alerts *alerts, struct rbk_arena *arena, struct rbk_str name,
                    const struct rbk_pair *labels, size_t label_count, bool firing)
{
    for (size_t i = 0; i < alerts->count; i++) {
        const struct rbk_alert *alert = &alerts->items[i];

        /* The same: it carries all of them, and no other. */
        if (rbk_str_equal(alert->name, name) && alert->label_count == worded(labels, label_count) &&
            carries(alert, labels, label_count)) {
            if (!firing) {
                alerts->items[i] = alerts->items[--alerts->count];
            }
            return;
        }
    }
    if (!firing) {
        return;
    }
    if (alerts->count == alerts->capacity) {
        size_t capacity = alerts->capacity * 2 + 8;
        struct rbk_alert *items = rbk_new_array(arena, struct rbk_alert, capacity);

        if (alerts->count != 0) {
            memcpy(items, alerts->items, alerts->count * sizeof(*items));
        }
        alerts->items = items;
        alerts->capacity = capacity;
    }
    alerts->items[alerts->count++] = copy(arena, name, labels, label_count);
}

size_t rbk_alerts_bytes(const struct rbk_alerts *alerts)
{
    size_t sum = 0;

    for (size_t i = 0; i < alerts->count; i++) {
        const struct rbk_alert *alert = &alerts->items[i];

        sum += sizeof(*alert) + alert->name.bytes;
        for (size_t j = 0; j < alert->label_count; j++) {
            sum += sizeof(alert->labels[j]) + alert->labels[j].name.bytes +
                   alert->labels[j].value.bytes;
        }
    }
    return sum;
}

bool rbk_alert_is(const struct rbk_alert *alert, struct rbk_str name, const struct rbk_pair *labels,
                  size_t label_count)
{
    return rbk_str_equal(alert->name, name) && carries(alert, labels, label_count);
}

bool rbk_alerts_fire(const struct rbk_alerts *alerts, struct rbk_str name,
                     const struct rbk_pair *labels, size_t label_count)
{
    for (size_t i = 0; i < alerts->count; i++) {
        if (rbk_alert_is(&alerts->items[i], name, labels, label_count)) {
            return true;
        }
    }
    return false;
}
