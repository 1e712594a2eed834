/*
 * Probes on their intervals. One `struct item` for each probe that is polled and each trigger with
 * readings of its own; an item has one timer and at most one reading under way:
 *
 *   idle ──timer──▶ reading ──answer──▶ idle, next poll at the next multiple of its interval
 *
 * Jitter spreads the first polls of items with the same interval, so that a plan with thirty probes
 * does not hit its sources in one burst. While a source is down the interval grows, up to eight
 * times.
 */
#include "runtime/probes/poll.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/base/limits.h"

#define BACK_OFF_MAX 8u
/* A reading may take as long as its interval, 5 s at most (language, principle 5). */
#define READING_TIMEOUT_MS_MAX 5000u

struct item {
    struct rbk_poll *poll;
    uv_timer_t timer;
    struct rbk_reading *reading; /* under way, or NULL */
    bool trigger;
    bool active;
    uint32_t index;
    uint32_t expr;
    uint64_t every_ms;
    uint64_t timeout_ms;
    uint32_t failures;   /* in a row */
    uint64_t started_ms; /* loop time of the last poll */
};

struct rbk_poll {
    struct rbk_poll_setup setup;
    struct item *items; /* owned */
    size_t item_count;
    size_t open; /* timers not yet closed */
    void (*on_closed)(void *context);
    void *context;
};

static void on_timer(uv_timer_t *timer);

static struct rbk_str item_name(const struct item *item)
{
    const struct rbk_machine *machine = item->poll->setup.machine;

    return item->trigger ? machine->triggers[item->index].name : machine->probes[item->index].name;
}

static void schedule(struct item *item)
{
    uint64_t factor = 1, due_ms, now_ms = uv_now(item->poll->setup.loop);

    if (!item->active) {
        return;
    }
    for (uint32_t i = 1; i < item->failures && factor < BACK_OFF_MAX; i++) {
        factor *= 2;
    }
    due_ms = item->started_ms + item->every_ms * factor;
    uv_timer_start(&item->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void on_read(void *owner, struct rbk_reading *reading, struct rbk_value value,
                    struct rbk_str message)
{
    struct item *item = owner;
    struct rbk_poll *poll = item->poll;

    struct rbk_buffer seen;

    item->reading = NULL;
    item->failures = value.missing ? item->failures + 1 : 0;
    uv_update_time(poll->setup.loop);
    schedule(item);
    if (item->trigger) {
        rbk_buffer_init(&seen, RBK_MESSAGE_BYTES_MAX);
        if (!value.missing && reading != NULL) {
            rbk_reading_describe(reading, &seen);
            message = rbk_buffer_str(&seen);
        }
        poll->setup.on_trigger(poll->setup.context, item->index, value, message);
        rbk_buffer_fini(&seen);
    } else {
        rbk_watch_feed(poll->setup.watch, item->index, value, uv_now(poll->setup.loop));
        poll->setup.on_probe(poll->setup.context, item->index, value, message);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct item *item = timer->data;
    struct rbk_str name = item_name(item);
    struct rbk_error error;
    char text[128];

    item->started_ms = uv_now(timer->loop);
    snprintf(text, sizeof(text), "%s.%.*s", item->trigger ? "trigger" : "probe", RBK_STR_ARG(name));
    if (rbk_reading_start(item->poll->setup.reader, item->expr, text, "", item->timeout_ms, item,
                          on_read, &item->reading, &error) != 0) {
        on_read(item, NULL, rbk_value_missing(RBK_TYPE_UNKNOWN), rbk_str_from(error.text));
    }
}

static void item_init(struct rbk_poll *poll, struct item *item, bool trigger, uint32_t index)
{
    const struct rbk_machine *machine = poll->setup.machine;

    item->poll = poll;
    item->trigger = trigger;
    item->index = index;
    if (trigger) {
        item->expr = machine->triggers[index].condition;
        item->every_ms = machine->triggers[index].every_ms;
        item->timeout_ms = item->every_ms;
    } else {
        item->expr = machine->probes[index].expr;
        item->every_ms = machine->probes[index].every_ms;
        item->timeout_ms = machine->probes[index].timeout_ms;
    }
    if (item->timeout_ms == 0 || item->timeout_ms > READING_TIMEOUT_MS_MAX) {
        item->timeout_ms = READING_TIMEOUT_MS_MAX;
    }
    uv_timer_init(poll->setup.loop, &item->timer);
    item->timer.data = item;
    poll->open++;
}

struct rbk_poll *rbk_poll_new(const struct rbk_poll_setup *setup)
{
    const struct rbk_machine *machine = setup->machine;
    struct rbk_poll *poll = calloc(1, sizeof(*poll));

    if (poll == NULL) {
        return NULL;
    }
    poll->setup = *setup;
    poll->items =
        calloc((size_t)machine->probe_count + machine->trigger_count + 1u, sizeof(*poll->items));
    if (poll->items == NULL) {
        free(poll);
        return NULL;
    }
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        if (!machine->probes[i].pushed) {
            item_init(poll, &poll->items[poll->item_count++], false, i);
        }
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        if (machine->triggers[i].every_ms != 0) {
            item_init(poll, &poll->items[poll->item_count++], true, i);
        }
    }
    return poll;
}

void rbk_poll_start(struct rbk_poll *poll)
{
    for (size_t i = 0; i < poll->item_count; i++) {
        struct item *item = &poll->items[i];

        if (item->trigger || item->active) {
            continue;
        }
        item->active = true;
        /* The first polls are spread over at most 50 ms; later ones keep their distance. */
        uv_timer_start(&item->timer, on_timer, (i * 7u) % 50u, 0);
    }
}

void rbk_poll_arm(struct rbk_poll *poll, const struct rbk_state *state)
{
    for (size_t i = 0; i < poll->item_count; i++) {
        struct item *item = &poll->items[i];
        bool armed;

        if (!item->trigger) {
            continue;
        }
        armed = rbk_trigger_armed(poll->setup.machine, state, item->index);
        if (armed && !item->active) {
            item->active = true;
            if (item->reading == NULL) {
                uv_timer_start(&item->timer, on_timer, 0, 0);
            }
        } else if (!armed && item->active) {
            item->active = false;
            uv_timer_stop(&item->timer);
        }
    }
}

static void on_item_closed(uv_handle_t *handle)
{
    struct item *item = handle->data;
    struct rbk_poll *poll = item->poll;
    void (*on_closed)(void *context) = poll->on_closed;
    void *context = poll->context;

    if (--poll->open != 0) {
        return;
    }
    free(poll->items);
    free(poll);
    on_closed(context);
}

void rbk_poll_close(struct rbk_poll *poll, void (*on_closed)(void *context), void *context)
{
    size_t count = poll->item_count;

    poll->on_closed = on_closed;
    poll->context = context;
    if (count == 0) {
        free(poll->items);
        free(poll);
        on_closed(context);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct item *item = &poll->items[i];

        item->active = false;
        if (item->reading != NULL) {
            rbk_reading_cancel(item->reading);
        }
        item->reading = NULL;
        uv_close((uv_handle_t *)&item->timer, on_item_closed);
    }
}
