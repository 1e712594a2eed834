/* The queue in the order of core/turn.h, once a turn. */
#include "runtime/core/turn.h"

#include "runtime/executor/run_internal.h"

/* Facts keep the order in which they came: without anything that decides there is nothing to do. */
static bool decides(enum rbk_event_kind kind)
{
    return kind == RBK_EVENT_TRIGGER || kind == RBK_EVENT_CRITERION || kind == RBK_EVENT_COMMAND ||
           kind == RBK_EVENT_TIME || kind == RBK_EVENT_WINDOW;
}

void rbk_turn_sort(struct rbk_run *run)
{
    const struct rbk_event **events;
    struct rbk_turn_item *items;
    struct queued **rows;
    size_t count = 0;
    bool any = false;

    for (struct queued *queued = run->queue; queued != NULL; queued = queued->next) {
        any = any || decides(queued->record.event.kind);
        count++;
    }
    if (!any || count < 2) {
        return;
    }
    rbk_arena_reset(&run->scratch);
    events = rbk_new_array(&run->scratch, const struct rbk_event *, count);
    items = rbk_new_array(&run->scratch, struct rbk_turn_item, count);
    rows = rbk_new_array(&run->scratch, struct queued *, count);
    count = 0;
    for (struct queued *queued = run->queue; queued != NULL; queued = queued->next) {
        rows[count] = queued;
        events[count++] = &queued->record.event;
    }
    rbk_turn_order(run->replay->machine, run->replay->state, events, count, rbk_run_clock_ms(run),
                   items);
    run->queue_end = &run->queue;
    for (size_t i = 0; i < count; i++) {
        *run->queue_end = rows[items[i].index];
        run->queue_end = &rows[items[i].index]->next;
    }
    *run->queue_end = NULL;
}

void rbk_turn_refused(struct rbk_run *run, const struct rbk_event *event)
{
    const struct rbk_machine *machine = run->replay->machine;

    if (event->kind == RBK_EVENT_TRIGGER && event->index < machine->trigger_count) {
        rbk_watch_refused(run->watch, false, event->index);
    } else if (event->kind == RBK_EVENT_CRITERION && event->index < machine->criterion_count) {
        rbk_watch_refused(run->watch, true, event->index);
    }
}
