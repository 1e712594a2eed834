/*
 * The block of bytes that is a run's state: its layout, its beginning, and the check of one that
 * was read from a snapshot. What can be asked of a state is in state_query.c, its deadlines are in
 * state_due.c, and what must always hold in it is in state_broken.c.
 */
#include "runtime/core/state.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/step_internal.h"

#include <string.h>

_Static_assert(sizeof(struct rbk_state) % 8 == 0, "the tables behind it start aligned");
_Static_assert(sizeof(struct rbk_region_state) % 8 == 0, "rows stay aligned");
_Static_assert(sizeof(struct rbk_trigger_state) % 8 == 0, "rows stay aligned");

/* Where the tables behind struct rbk_state begin, in bytes from its start. */
struct layout {
    size_t regions;
    size_t triggers;
    size_t reports;
    size_t dispatched;
    size_t end;
};

static struct layout layout_of(const struct rbk_machine *machine)
{
    struct layout at;
    at.regions = sizeof(struct rbk_state);
    at.triggers = at.regions + (size_t)machine->region_count * sizeof(struct rbk_region_state);
    at.reports = at.triggers + (size_t)machine->trigger_count * sizeof(struct rbk_trigger_state);
    at.dispatched = at.reports + (size_t)machine->report_count * sizeof(uint64_t);
    at.end = at.dispatched + ((size_t)machine->state_count + 63) / 64 * sizeof(uint64_t);
    return at;
}

size_t rbk_state_bytes(const struct rbk_machine *machine)
{
    return layout_of(machine).end;
}

void rbk_state_init(const struct rbk_machine *machine, struct rbk_state *block)
{
    size_t bytes = rbk_state_bytes(machine);
    RBK_ASSERT(bytes <= UINT32_MAX);
    memset(block, 0, bytes);
    block->bytes = (uint32_t)bytes;
    block->status = RBK_STATUS_READY;
    block->next_order = 1;
    block->next_serial = 1;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_region_state *region = rbk_state_region(machine, block, i);
        region->state = machine->regions[i].states.first;
        region->target = RBK_NONE;
    }
}

/* The rows live in the same block as the state; the const of a reader is dropped here, once, so
 * that one accessor serves step(), which writes, and everybody else, who only looks. */
static void *at_offset(const struct rbk_state *state, size_t offset)
{
    return (char *)(uintptr_t)(const void *)state + offset;
}

struct rbk_region_state *rbk_state_region(const struct rbk_machine *machine,
                                          const struct rbk_state *state, uint32_t region)
{
    RBK_DCHECK(region < machine->region_count);
    (void)machine;
    return (struct rbk_region_state *)at_offset(state, sizeof(struct rbk_state)) + region;
}

struct rbk_trigger_state *rbk_state_trigger(const struct rbk_machine *machine,
                                            const struct rbk_state *state, uint32_t trigger)
{
    RBK_DCHECK(trigger < machine->trigger_count);
    return (struct rbk_trigger_state *)at_offset(state, layout_of(machine).triggers) + trigger;
}

uint64_t *rbk_state_report_due(const struct rbk_machine *machine, const struct rbk_state *state,
                               uint32_t report)
{
    RBK_DCHECK(report < machine->report_count);
    return (uint64_t *)at_offset(state, layout_of(machine).reports) + report;
}

/* The 64 `dispatched` bits among which that of `machine_state` is. */
static uint64_t *dispatched_word(const struct rbk_machine *machine, const struct rbk_state *state,
                                 uint32_t machine_state)
{
    RBK_DCHECK(machine_state < machine->state_count);
    return (uint64_t *)at_offset(state, layout_of(machine).dispatched) + machine_state / 64;
}

bool rbk_state_dispatched(const struct rbk_machine *machine, const struct rbk_state *state,
                          uint32_t machine_state)
{
    return *dispatched_word(machine, state, machine_state) >> machine_state % 64 & 1;
}

void rbk_state_set_dispatched(const struct rbk_machine *machine, struct rbk_state *state,
                              uint32_t machine_state)
{
    *dispatched_word(machine, state, machine_state) |= UINT64_C(1) << machine_state % 64;
}

void rbk_state_clear_dispatched(const struct rbk_machine *machine, struct rbk_state *state,
                                struct rbk_slice states)
{
    uint32_t end = states.first + states.count;
    for (uint32_t i = states.first; i < end;) {
        uint64_t *word = dispatched_word(machine, state, i);
        uint32_t upto = i - i % 64 + 64;
        if (i % 64 == 0 && upto <= end) {
            *word = 0;
            i = upto;
        } else {
            *word &= ~(UINT64_C(1) << i % 64);
            i++;
        }
    }
}

/* ---- a block from a snapshot ---- */

/* Who tells of a cause looks its row up. */
static bool cause_fits(const struct rbk_machine *machine, struct rbk_cause cause)
{
    switch ((enum rbk_cause_kind)cause.kind) {
    case RBK_CAUSE_FAILURE:
    case RBK_CAUSE_TIMEOUT:
    case RBK_CAUSE_GATE:
        return cause.index < machine->state_count;
    case RBK_CAUSE_TRIGGER:
    case RBK_CAUSE_TRIGGER_MISSING:
        return cause.index < machine->trigger_count;
    case RBK_CAUSE_CRITERION:
        return cause.index < machine->criterion_count;
    case RBK_CAUSE_SIGNAL:
        return cause.index < machine->signal_count;
    case RBK_CAUSE_WAY_BACK:
        return cause.index < machine->region_count;
    case RBK_CAUSE_NONE:
    case RBK_CAUSE_COMMAND:
    case RBK_CAUSE_UNDECIDED:
    case RBK_CAUSE_INTERRUPT:
        return true;
    case RBK_CAUSE_COUNT:
        break;
    }
    return false;
}

static bool region_fits(const struct rbk_machine *machine, uint32_t index,
                        const struct rbk_region_state *region)
{
    struct rbk_slice states = machine->regions[index].states;
    bool inside = region->state >= states.first && region->state - states.first < states.count;
    bool target_inside =
        region->target >= states.first && region->target - states.first < states.count;
    if (!inside || region->mode >= RBK_MODE_COUNT || !cause_fits(machine, region->cause) ||
        !cause_fits(machine, region->failed_back)) {
        return false;
    }
    if (!target_inside && region->target != RBK_NONE && region->target != RBK_TARGET_STOP) {
        return false;
    }
    if (region->flags & ~RBK_FLAGS_REGION) {
        return false;
    }
    switch ((enum rbk_mode)region->mode) {
    case RBK_MODE_PARKED:
    case RBK_MODE_RUNNING:
    case RBK_MODE_RETRY:
    case RBK_MODE_RESOLVING:
    case RBK_MODE_LOOKING:
    case RBK_MODE_DOUBT:
        return machine->states[region->state].kind == RBK_STATE_EFFECT;
    case RBK_MODE_ASKING:
        return machine->states[region->state].kind == RBK_STATE_EFFECT &&
               machine->effects[machine->states[region->state].effect].question != RBK_NONE;
    case RBK_MODE_CANCELLING:
        return machine->states[region->state].kind == RBK_STATE_EFFECT &&
               region->target != RBK_NONE;
    case RBK_MODE_FORKED:
        return machine->states[region->state].kind == RBK_STATE_FORK;
    case RBK_MODE_TURN:
        return machine->states[region->state].kind == RBK_STATE_ROLLBACK;
    case RBK_MODE_IDLE:
    case RBK_MODE_DONE:
    case RBK_MODE_COUNT:
        break;
    }
    return true;
}

static bool trigger_fits(const struct rbk_machine *machine, const struct rbk_trigger_state *trigger)
{
    if (trigger->mode >= RBK_TRIGGER_MODE_COUNT || trigger->level >= RBK_LEVEL_COUNT) {
        return false;
    }
    if (trigger->mode != RBK_TRIGGER_HOLDING && trigger->mode != RBK_TRIGGER_ASKING) {
        return trigger->due_ms == 0; /* its reaction is none, or an old one */
    }
    return trigger->reaction < machine->reaction_count &&
           (trigger->mode == RBK_TRIGGER_HOLDING ||
            machine->reactions[trigger->reaction].question != RBK_NONE);
}

static bool held_fits(const struct rbk_machine *machine, const struct rbk_state *state)
{
    if (!state->held_reaction) {
        return true;
    }
    return state->held_reaction <= machine->reaction_count && state->hold &&
           machine->reactions[state->held_reaction - 1].question != RBK_NONE;
}

int rbk_state_check(const struct rbk_machine *machine, const struct rbk_state *state, size_t bytes,
                    struct rbk_error *reterr)
{
    size_t expected = rbk_state_bytes(machine);
    if (bytes != expected || state->bytes != expected) {
        return rbk_error_set(reterr, RBK_ECORRUPT, "a state of %zu bytes, this machine's has %zu",
                             bytes, expected);
    }
    bool hold_known =
        state->hold == 0 || state->hold == RBK_STATUS_PAUSED || state->hold == RBK_STATUS_HELD;
    if (state->status >= RBK_STATUS_COUNT || !hold_known || state->turned > 1 ||
        state->cancelled > 2 || !cause_fits(machine, state->cause) ||
        !cause_fits(machine, state->wanted) || !state->next_order || !state->next_serial) {
        return rbk_error_set(reterr, RBK_ECORRUPT, "a state with an unknown status");
    }
    if (!held_fits(machine, state)) {
        return rbk_error_set(reterr, RBK_ECORRUPT, "a question about a hold that cannot be");
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (!region_fits(machine, i, rbk_state_region(machine, state, i))) {
            return rbk_error_set(reterr, RBK_ECORRUPT, "a state whose region %u does not fit",
                                 (unsigned)i);
        }
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        if (!trigger_fits(machine, rbk_state_trigger(machine, state, i))) {
            return rbk_error_set(reterr, RBK_ECORRUPT, "a state whose trigger %u does not fit",
                                 (unsigned)i);
        }
    }
    return 0;
}

/* ---- names ---- */

#define X(constant, word, ...) word,
static const char *const status_names[] = {RBK_STATUSES(X)};
static const char *const mode_names[] = {RBK_MODES(X)};
static const char *const trigger_mode_names[] = {RBK_TRIGGER_MODES(X)};
static const char *const level_names[] = {RBK_LEVELS(X)};
#undef X

const char *rbk_status_name(enum rbk_status status)
{
    return (size_t)status < RBK_STATUS_COUNT ? status_names[status] : "?";
}

const char *rbk_mode_name(enum rbk_mode mode)
{
    return (size_t)mode < RBK_MODE_COUNT ? mode_names[mode] : "?";
}

const char *rbk_trigger_mode_name(enum rbk_trigger_mode mode)
{
    return (size_t)mode < RBK_TRIGGER_MODE_COUNT ? trigger_mode_names[mode] : "?";
}

const char *rbk_level_name(enum rbk_level level)
{
    return (size_t)level < RBK_LEVEL_COUNT ? level_names[level] : "?";
}
