/*
 * Probes on their intervals. One `struct item` for each probe that is polled and each trigger with
 * readings of its own; an item has one timer and at most one reading under way:
 *
 *   idle ──timer──▶ reading ──answer──▶ idle
 *                      └──deadline──▶ late ──answer, which is dropped──▶ idle
 *
 * Schedule: an item has slots, one in each interval from a phase of its own on. A reading is taken
 * in each slot; how long one takes, or how late the loop is, moves no later slot, and slots that
 * passed meanwhile are left out. Phases follow from the run and the place of the item alone, by the
 * golden ratio: items with the same interval are spread over the whole of it, also when there are
 * few. The very first reading does not wait for its phase, so that a run can be armed soon.
 *
 * Deadline: who reads ends in time by itself, but for a file on a disk that hangs. Such a reading
 * goes on, because there is no way to stop it and a second one would only hang as well; until it
 * comes back each slot counts as a failed reading.
 *
 * Back-off: once a probe is missing anyway, nobody needs to hear so every second: the slots taken
 * grow apart, to eight intervals or 30 s at most, whichever is shorter; never before, since
 * `missing after N` promises N intervals. The first good reading ends it. While a `missing hold`
 * waits for a source there is none: it would be over before the source is asked again.
 *
 * A runner that stood still (rbk_poll_alive) has heard nothing, which says nothing about sources:
 * readings under way have their whole time again, and what they give up is asked for anew.
 *
 * A second look (rbk_poll_again) is a reading between the slots.
 */
#include "runtime/probes/poll.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/condition.h"

#define BACK_OFF_MAX 8u
#define BACK_OFF_MS_MAX 30000u
/* The reading's own limit comes first, and says more; the deadline is for what has none. */
#define DEADLINE_SLACK_MS 250u
/* The first readings are spread over so long, and 1 ms more for every two items. */
#define FIRST_MS 50u
#define FIRST_ITEMS_PER_MS 2u
/* A second look that gave nothing is taken again after so long. */
#define AGAIN_MS 1000u
/* Who has not been heard of for longer stood still; it is heard of every second. */
#define STILL_MS 1500u
/* A reading may miss its deadline, and give nothing after that. */
#define EXCUSES_MAX 2u
/* 2^32 over the golden ratio: its multiples are spread evenly over 32 bits, however many. */
#define GOLDEN 2654435769u

struct item {
    struct rbk_poll *poll;
    uv_timer_t timer;            /* of the next slot; while reading, of the deadline */
    struct rbk_reading *reading; /* under way, or NULL */
    bool used;                   /* it is polled at all: no alert, no trigger over probes */
    bool trigger;
    bool active;
    bool late; /* the reading under way has missed its deadline */
    bool held; /* a trigger's `missing hold` waits whether it comes back */
    uint32_t index;
    uint32_t expr;
    uint32_t missing_after;
    uint64_t every_ms;
    uint64_t timeout_ms;
    uint64_t first_slot_ms; /* loop time of the first slot there ever was, below every_ms */
    uint32_t failures;      /* in a row */
    uint64_t started_ms;    /* loop time of the last poll */
    unsigned excuses;       /* taken since a reading was counted, EXCUSES_MAX at most */
    uint64_t due_ms;        /* loop time that the timer was set for; 0: at once */
};

struct rbk_poll {
    struct rbk_poll_setup setup;
    struct item *items; /* owned; the probes, then the triggers */
    size_t item_count;
    size_t used_count;
    size_t open; /* timers not yet closed */
    struct rbk_poll_counts counts;
    bool holding;           /* an item is `held` */
    uint64_t alive_ms;      /* setup.clock_ms when it was last heard of */
    uint64_t alive_loop_ms; /* likewise, loop time */
    uint64_t woke_ms;       /* loop time at which it went on after it had stood still; 0: never */
    void (*on_closed)(void *context);
    void *context;
};

static void on_timer(uv_timer_t *timer);

static struct rbk_str item_name(const struct item *item)
{
    const struct rbk_machine *machine = item->poll->setup.machine;

    return item->trigger ? machine->triggers[item->index].name : machine->probes[item->index].name;
}

/* ---- when --------------------------------------------------------------------------------------
 */

/* How many slots further the next reading is. */
static uint64_t slots_ahead(const struct item *item)
{
    uint64_t slots = 1, slots_max = BACK_OFF_MS_MAX / item->every_ms;

    if (item->held) {
        return 1;
    }
    for (uint32_t i = item->missing_after; i < item->failures && slots < BACK_OFF_MAX; i++) {
        slots *= 2;
    }
    return slots <= slots_max ? slots : slots_max > 0 ? slots_max : 1;
}

/* The slot to take after a poll that was begun at started_ms. */
static uint64_t next_slot_ms(const struct item *item)
{
    uint64_t now_ms = uv_now(item->poll->setup.loop);
    uint64_t due_ms = item->first_slot_ms + slots_ahead(item) * item->every_ms;

    if (item->started_ms >= item->first_slot_ms) {
        due_ms += (item->started_ms - item->first_slot_ms) / item->every_ms * item->every_ms;
    } else {
        due_ms -= item->every_ms; /* soon after a boot the first slot may lie ahead */
    }
    if (due_ms <= now_ms) {
        due_ms += ((now_ms - due_ms) / item->every_ms + 1) * item->every_ms;
    }
    return due_ms;
}

static void set_timer(struct item *item, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(item->poll->setup.loop);

    item->due_ms = due_ms;
    if (item->active) {
        uv_timer_start(&item->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

/* ---- readings ----------------------------------------------------------------------------------
 */

/* Hand a reading on; `failures` failed in a row before it. */
static void report(struct item *item, const struct rbk_reading *reading, struct rbk_value value,
                   struct rbk_str message, uint32_t failures)
{
    struct rbk_poll *poll = item->poll;

    if (item->trigger) {
        poll->setup.on_trigger(poll->setup.context, item->index, value.missing ? NULL : reading,
                               value, message);
    } else {
        rbk_watch_feed(poll->setup.watch, item->index, value, uv_now(poll->setup.loop));
        poll->setup.on_probe(poll->setup.context, item->index, value, message, failures);
    }
}

static uint64_t clock_ms(const struct rbk_poll *poll)
{
    return poll->setup.clock_ms != NULL ? poll->setup.clock_ms() : uv_now(poll->setup.loop);
}

void rbk_poll_alive(struct rbk_poll *poll)
{
    uint64_t alive_ms = clock_ms(poll), still_ms = alive_ms - poll->alive_ms, counted_ms;

    if (still_ms > STILL_MS) {
        uv_update_time(poll->setup.loop);
        poll->woke_ms = uv_now(poll->setup.loop);
        counted_ms = poll->woke_ms - poll->alive_loop_ms;
        rbk_watch_woke(poll->setup.watch, still_ms > counted_ms + STILL_MS, poll->woke_ms);
    }
    poll->alive_ms = alive_ms;
    poll->alive_loop_ms = uv_now(poll->setup.loop);
}

uint64_t rbk_poll_woke_ms(const struct rbk_poll *poll)
{
    return poll->woke_ms;
}

/* Whether the reading under way was begun before the runner stood still. One that stands still all
 * the time, on a host that has far too much to do, must hear of a source that is down all the same.
 */
static bool excused(struct item *item)
{
    return !item->late && item->poll->woke_ms != 0 && item->started_ms < item->poll->woke_ms &&
           item->excuses++ < EXCUSES_MAX;
}

static void on_read(void *owner, struct rbk_reading *reading, struct rbk_value value,
                    struct rbk_str message)
{
    struct item *item = owner;
    uint32_t failures = item->failures;
    struct rbk_buffer seen;

    rbk_poll_alive(item->poll);
    item->reading = NULL;
    if (value.missing && excused(item)) {
        set_timer(item, 0); /* it ran out of time while nobody listened */
        return;
    }
    if (item->late) {
        item->late = false; /* its slots were counted as failed; the timer stands at the next */
        if (!uv_is_active((uv_handle_t *)&item->timer)) {
            set_timer(item, next_slot_ms(item));
        }
        return;
    }
    uv_update_time(item->poll->setup.loop);
    item->failures = value.missing ? failures + 1 : 0;
    item->excuses = 0;
    set_timer(item, next_slot_ms(item));
    rbk_buffer_init(&seen, RBK_MESSAGE_BYTES_MAX);
    if (item->trigger && !value.missing && reading != NULL) {
        rbk_reading_describe(reading, &seen);
        message = rbk_buffer_str(&seen);
    }
    report(item, reading, value, message, failures);
    rbk_buffer_fini(&seen);
}

static void begin(struct item *item)
{
    struct rbk_poll *poll = item->poll;
    struct rbk_str name = item_name(item);
    struct rbk_error error;
    char text[128];

    item->started_ms = uv_now(poll->setup.loop);
    poll->counts.taken++;
    poll->counts.late += item->due_ms != 0 && item->started_ms > item->due_ms + RBK_POLL_LATE_MS;
    rbk_watch_begin(poll->setup.watch, item->trigger, item->index);
    snprintf(text, sizeof(text), "%s.%.*s", item->trigger ? "trigger" : "probe", RBK_STR_ARG(name));
    if (rbk_reading_start(poll->setup.reader, item->expr, text, "", item->timeout_ms, item, on_read,
                          &item->reading, &error) != 0) {
        on_read(item, NULL, rbk_value_missing(RBK_TYPE_UNKNOWN), rbk_str_from(error.text));
        return;
    }
    set_timer(item, item->started_ms + item->timeout_ms + DEADLINE_SLACK_MS);
}

/* No answer by the deadline, or still none in a later slot. */
static void miss(struct item *item)
{
    char text[128];
    uint64_t now_ms = uv_now(item->poll->setup.loop);

    item->late = true;
    item->excuses = 0;
    item->failures++;
    snprintf(text, sizeof(text), "no answer within %llu ms, asked %llu ms ago",
             (unsigned long long)item->timeout_ms, (unsigned long long)(now_ms - item->started_ms));
    set_timer(item, next_slot_ms(item));
    report(item, NULL, rbk_value_missing(RBK_TYPE_UNKNOWN), rbk_str_from(text), item->failures - 1);
}

static void on_timer(uv_timer_t *timer)
{
    struct item *item = timer->data;

    rbk_poll_alive(item->poll);
    if (item->reading != NULL && excused(item)) {
        set_timer(item, item->poll->woke_ms + item->timeout_ms + DEADLINE_SLACK_MS);
    } else if (item->reading != NULL) {
        miss(item);
    } else {
        begin(item);
    }
}

/* ---- items -------------------------------------------------------------------------------------
 */

static void item_init(struct rbk_poll *poll, struct item *item, bool trigger, uint32_t index)
{
    const struct rbk_machine *machine = poll->setup.machine;

    item->poll = poll;
    item->used = true;
    item->trigger = trigger;
    item->index = index;
    if (trigger) {
        item->expr = machine->triggers[index].condition;
        item->every_ms = machine->triggers[index].every_ms;
        item->timeout_ms = item->every_ms;
        item->missing_after = 1;
    } else {
        item->expr = machine->probes[index].expr;
        item->every_ms = machine->probes[index].every_ms;
        item->timeout_ms = machine->probes[index].timeout_ms;
        item->missing_after = machine->probes[index].missing_after;
    }
    if (item->every_ms == 0) {
        item->every_ms = 1; /* no machine of ours; a loop without a pause it must not be */
    }
    item->timeout_ms = rbk_probe_timeout_ms(item->timeout_ms);
    uv_timer_init(poll->setup.loop, &item->timer);
    item->timer.data = item;
    poll->used_count++;
    poll->open++;
}

/* Where in its interval an item stands, of 2^32; FNV-1a tells runs apart. */
static uint32_t phase_of(const struct item *item)
{
    uint32_t hash = 2166136261u;

    for (const char *at = item->poll->setup.run; at != NULL && *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    }
    return hash + (uint32_t)(item - item->poll->items) * GOLDEN;
}

static uint64_t share(uint64_t span_ms, uint32_t phase)
{
    /* Spans are far below 2^32 ms here, but for intervals of weeks, which need no phase. */
    return span_ms <= UINT32_MAX ? (span_ms * phase) >> 32 : 0;
}

struct rbk_poll *rbk_poll_new(const struct rbk_poll_setup *setup)
{
    const struct rbk_machine *machine = setup->machine;
    struct rbk_poll *poll = calloc(1, sizeof(*poll));

    if (poll == NULL) {
        return NULL;
    }
    poll->setup = *setup;
    poll->item_count = (size_t)machine->probe_count + machine->trigger_count;
    poll->items = calloc(poll->item_count + 1u, sizeof(*poll->items));
    if (poll->items == NULL) {
        free(poll);
        return NULL;
    }
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        if (!machine->probes[i].pushed) {
            item_init(poll, &poll->items[i], false, i);
        }
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        if (machine->triggers[i].every_ms != 0) {
            item_init(poll, &poll->items[machine->probe_count + i], true, i);
        }
    }
    return poll;
}

void rbk_poll_start(struct rbk_poll *poll)
{
    uint64_t now_ms = uv_now(poll->setup.loop);
    uint64_t spread_ms = FIRST_MS + poll->used_count / FIRST_ITEMS_PER_MS;

    poll->alive_ms = clock_ms(poll);
    poll->alive_loop_ms = now_ms;
    for (size_t i = 0; i < poll->item_count; i++) {
        struct item *item = &poll->items[i];
        uint32_t phase;

        if (!item->used || item->active) {
            continue;
        }
        phase = phase_of(item);
        item->first_slot_ms = (now_ms + share(item->every_ms, phase)) % item->every_ms;
        if (!item->trigger) {
            item->active = true;
            set_timer(item, now_ms + share(spread_ms < item->every_ms ? spread_ms : item->every_ms,
                                           phase));
        }
    }
}

/* Which items a trigger's condition reads. */
static void hold(struct rbk_poll *poll, uint32_t trigger)
{
    const struct rbk_machine *machine = poll->setup.machine;
    struct rbk_slice code = machine->exprs[machine->triggers[trigger].condition].code;

    poll->items[machine->probe_count + trigger].held = true;
    for (uint32_t i = 0; i < code.count; i++) {
        struct rbk_op_code op = machine->codes[code.first + i];

        if (op.op == RBK_OP_WINDOW) {
            poll->items[machine->windows[op.operand].probe].held = true;
        }
    }
}

/* Follow what triggers hold for; what had backed off is read in its next slot. */
static void follow_holds(struct rbk_poll *poll, const struct rbk_state *state)
{
    const struct rbk_machine *machine = poll->setup.machine;
    bool holding = false;

    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        holding |= rbk_state_trigger(machine, state, i)->mode == RBK_TRIGGER_HOLDING;
    }
    if (!holding && !poll->holding) {
        return;
    }
    poll->holding = holding;
    for (size_t i = 0; i < poll->item_count; i++) {
        poll->items[i].held = false;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        if (rbk_state_trigger(machine, state, i)->mode == RBK_TRIGGER_HOLDING) {
            hold(poll, i);
        }
    }
    for (size_t i = 0; i < poll->item_count; i++) {
        struct item *item = &poll->items[i];

        if (item->used && item->held && item->reading == NULL &&
            next_slot_ms(item) < item->due_ms) {
            set_timer(item, next_slot_ms(item));
        }
    }
}

void rbk_poll_arm(struct rbk_poll *poll, const struct rbk_state *state)
{
    follow_holds(poll, state);
    for (size_t i = poll->setup.machine->probe_count; i < poll->item_count; i++) {
        struct item *item = &poll->items[i];
        bool armed;

        if (!item->used) {
            continue;
        }
        armed = rbk_trigger_armed(poll->setup.machine, state, item->index);
        if (armed && !item->active) {
            item->active = true;
            item->failures = 0;
            set_timer(item, item->reading == NULL
                                ? 0
                                : item->started_ms + item->timeout_ms + DEADLINE_SLACK_MS);
        } else if (!armed && item->active) {
            item->active = false;
            uv_timer_stop(&item->timer);
        }
    }
}

void rbk_poll_again(struct rbk_poll *poll, bool trigger, uint32_t index)
{
    struct item *item = &poll->items[trigger ? poll->setup.machine->probe_count + index : index];
    uint64_t due_ms = 0, after_ms;

    if (!item->used || !item->active || item->reading != NULL) {
        return;
    }
    if (item->failures != 0) {
        after_ms = item->every_ms < AGAIN_MS ? item->every_ms : AGAIN_MS;
        due_ms = item->started_ms + after_ms;
    }
    if (due_ms < next_slot_ms(item)) {
        set_timer(item, due_ms);
    }
}

struct rbk_poll_counts rbk_poll_counts(const struct rbk_poll *poll)
{
    return poll->counts;
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
    if (poll->open == 0) {
        free(poll->items);
        free(poll);
        on_closed(context);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct item *item = &poll->items[i];

        if (!item->used) {
            continue;
        }
        item->active = false;
        if (item->reading != NULL) {
            rbk_reading_cancel(item->reading);
        }
        item->reading = NULL;
        uv_close((uv_handle_t *)&item->timer, on_item_closed);
    }
}
