/*
 * The order of what happens at once: a number for each event, rank first, then the place in the
 * plan; then they are sorted by it, what came first staying first among equals.
 */
#include "runtime/core/turn.h"

#include <stdlib.h>

/* Layout of an event's number: rank | kind of a question | row. */
#define RANK_SHIFT 48u
#define KIND_SHIFT 32u

enum rbk_rank rbk_reaction_rank(const struct rbk_machine *machine, uint32_t reaction)
{
    if (reaction == RBK_NONE) {
        return RBK_RANK_FACT;
    }
    const struct rbk_reaction *row = &machine->reactions[reaction];
    if (row->kind != RBK_REACTION_HOLD && row->question != RBK_NONE) {
        return RBK_RANK_ASK;
    }
    switch (row->kind) {
    case RBK_REACTION_ABORT:
    case RBK_REACTION_CANCEL:
        return RBK_RANK_ABORT;
    case RBK_REACTION_ROLLBACK:
        return RBK_RANK_ROLLBACK;
    case RBK_REACTION_PAUSE:
        return RBK_RANK_PAUSE;
    case RBK_REACTION_ASK:
        return RBK_RANK_ASK;
    case RBK_REACTION_NOTIFY:
        return RBK_RANK_NOTIFY;
    case RBK_REACTION_KEEP:
    case RBK_REACTION_HOLD:
    case RBK_REACTION_KIND_COUNT:
        break;
    }
    return RBK_RANK_FACT;
}

/* The number of a reaction: of those that ask, the one that asks for more comes first. */
static uint64_t reaction_number(const struct rbk_machine *machine, uint32_t reaction,
                                uint32_t trigger)
{
    enum rbk_rank rank = rbk_reaction_rank(machine, reaction);
    uint64_t kind = rank == RBK_RANK_ASK ? machine->reactions[reaction].kind : 0;
    return (uint64_t)rank << RANK_SHIFT | kind << KIND_SHIFT | trigger;
}

uint64_t rbk_trigger_due_number(const struct rbk_machine *machine,
                                const struct rbk_trigger_state *trigger, uint32_t index)
{
    const struct rbk_reaction *row = &machine->reactions[trigger->reaction];
    uint32_t next = row->then;
    if (trigger->mode == RBK_TRIGGER_ASKING) {
        next = row->question == RBK_NONE ? RBK_NONE : machine->questions[row->question].otherwise;
        if (next == RBK_NONE) { /* silence that the plan has no words for aborts */
            return (uint64_t)RBK_RANK_ABORT << RANK_SHIFT | index;
        }
    }
    return reaction_number(machine, next, index);
}

/* The strongest of what time alone sets off. */
static uint64_t time_number(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint64_t now_ms)
{
    uint64_t first = (uint64_t)RBK_RANK_TIME << RANK_SHIFT;
    if (state->criteria_due_ms && state->criteria_due_ms <= now_ms) {
        return (uint64_t)RBK_RANK_CRITERION << RANK_SHIFT;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger_state *trigger = rbk_state_trigger(machine, state, i);
        if (trigger->due_ms && trigger->due_ms <= now_ms) {
            uint64_t number = rbk_trigger_due_number(machine, trigger, i);
            first = number < first && number >> RANK_SHIFT != RBK_RANK_FACT ? number : first;
        }
    }
    return first;
}

static enum rbk_rank command_rank(enum rbk_command command)
{
    switch (command) {
    case RBK_COMMAND_SIGNAL:
        return RBK_RANK_SIGNAL;
    case RBK_COMMAND_ABORT:
        return RBK_RANK_ABORT_COMMAND;
    case RBK_COMMAND_CONTINUE:
    case RBK_COMMAND_RETRY:
        return RBK_RANK_GO_ON;
    case RBK_COMMAND_PAUSE:
    case RBK_COMMAND_INTERRUPT:
    case RBK_COMMAND_CANCEL:
        return RBK_RANK_STOP_COMMAND;
    case RBK_COMMAND_RESOLVE:
    case RBK_COMMAND_COUNT:
        break;
    }
    return RBK_RANK_FACT;
}

static uint64_t event_number(const struct rbk_machine *machine, const struct rbk_state *state,
                             const struct rbk_event *event, uint64_t now_ms)
{
    enum rbk_rank rank = RBK_RANK_FACT;
    uint64_t row = 0;
    switch (event->kind) {
    case RBK_EVENT_START:
    case RBK_EVENT_RESUMED:
        rank = RBK_RANK_LIFE;
        break;
    case RBK_EVENT_WINDOW:
        rank = event->level == RBK_LEVEL_FALSE ? RBK_RANK_CLOSED : RBK_RANK_FACT;
        break;
    case RBK_EVENT_CRITERION:
        rank = RBK_RANK_CRITERION;
        row = event->index;
        break;
    case RBK_EVENT_TRIGGER:
        if (event->index < machine->trigger_count && event->level != RBK_LEVEL_FALSE) {
            const struct rbk_trigger *trigger = &machine->triggers[event->index];
            return reaction_number(
                machine, event->level == RBK_LEVEL_TRUE ? trigger->reaction : trigger->missing,
                event->index);
        }
        break;
    case RBK_EVENT_COMMAND:
        rank = command_rank(event->command);
        row = rank == RBK_RANK_SIGNAL ? event->index : 0;
        break;
    case RBK_EVENT_TIME:
        return time_number(machine, state, now_ms);
    default:
        break;
    }
    return (uint64_t)rank << RANK_SHIFT | row;
}

/* Events of one group keep the order in which they came: levels of one trigger, and what people ask
 * for one after the other. An abort and a signal make the rest of it moot, and wait for nothing.
 * 0: of none. */
static uint64_t group_of(const struct rbk_event *event)
{
    if (event->kind == RBK_EVENT_TRIGGER) {
        return (uint64_t)event->index + 2;
    }
    return event->kind == RBK_EVENT_COMMAND && command_rank(event->command) >= RBK_RANK_GO_ON ? 1
                                                                                              : 0;
}

static int compare(const void *left, const void *right)
{
    const struct rbk_turn_item *a = left, *b = right;
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

void rbk_turn_order(const struct rbk_machine *machine, const struct rbk_state *state,
                    const struct rbk_event *const *events, size_t count, uint64_t now_ms,
                    struct rbk_turn_item *ret_items)
{
    for (size_t i = 0; i < count; i++) {
        ret_items[i] = (struct rbk_turn_item){group_of(events[i]), i};
    }
    qsort(ret_items, count, sizeof(*ret_items), compare);
    /* Group by group, from the last: an earlier one comes no later than those behind it. */
    uint64_t behind = 0;
    for (size_t i = count; i-- > 0;) {
        uint64_t group = ret_items[i].number;
        uint64_t number = event_number(machine, state, events[ret_items[i].index], now_ms);
        bool first = group != 0 && group == behind && ret_items[i + 1].number < number;
        ret_items[i].number = first ? ret_items[i + 1].number : number;
        behind = group;
    }
    qsort(ret_items, count, sizeof(*ret_items), compare);
}
