/*
 * What must hold in a state between two events, whatever happened before: promises 3, 4 and 5 of
 * the machine, as far as one state can show them, and the bookkeeping that step() relies on. Tests
 * and the explorer ask after every event; an answer other than NULL is a mistake in step().
 */
#include "runtime/core/step_internal.h"

static bool in_flight(const struct rbk_region_state *rs)
{
    return rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING ||
           rs->mode == RBK_MODE_RESOLVING || rs->mode == RBK_MODE_LOOKING;
}

/* Whether a stage is carrying out its rollback, not only waiting for it. */
static bool rolls_back_now(const struct rbk_machine *machine, const struct rbk_state *state,
                           uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    return rbk_stage_rolling_back(machine, state, region) && rs->mode != RBK_MODE_TURN &&
           rs->target != machine->regions[region].rollback &&
           machine->states[rs->state].kind != RBK_STATE_STUCK;
}

static bool depends_on(const struct rbk_machine *machine, uint32_t region, uint32_t on)
{
    struct rbk_slice before = machine->regions[region].predecessors;
    for (uint32_t i = 0; i < before.count; i++) {
        if (machine->predecessors[before.first + i].region == on) {
            return true;
        }
    }
    return false;
}

static const char *region_broken(const struct rbk_machine *machine, const struct rbk_state *state,
                                 uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    const struct rbk_machine_state *at = &machine->states[rs->state];
    bool asking = rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT;
    if (in_flight(rs) && !rs->serial) {
        return "an effect in flight without a serial";
    }
    if ((asking || rs->mode == RBK_MODE_RETRY) && !rs->due_ms) {
        return "a question or a retry without a deadline";
    }
    if (rs->mode == RBK_MODE_CANCELLING && rs->target == RBK_NONE) {
        return "an effect is cancelled to go nowhere";
    }
    if ((rs->flags & ~RBK_FLAGS_REGION) || rs->unused) {
        return "a mark was left behind";
    }
    if (rs->asked_on && rs->mode != RBK_MODE_DOUBT) {
        return "a doubt was put to others, and there is none";
    }
    if (rs->mode == RBK_MODE_PARKED && (!rbk_state_forward(at) || rbk_run_going(state))) {
        return "an effect is parked that may go";
    }
    bool not_begun = rs->state == machine->regions[region].states.first;
    if (rs->mode == RBK_MODE_IDLE && at->kind == RBK_STATE_EFFECT && !not_begun) {
        return "a region idles in a state with an effect";
    }
    if (machine->regions[region].kind != RBK_REGION_STAGE) {
        return NULL;
    }
    bool from_apply_on = at->phase == RBK_PHASE_VERIFY || at->kind == RBK_STATE_APPLIED;
    if (from_apply_on && !rs->order) {
        return "a stage stands applied without a place in the order";
    }
    if ((at->kind == RBK_STATE_ROLLED_BACK || at->kind == RBK_STATE_WAITING) && rs->order) {
        return "a stage that was rolled back still has its place in the order";
    }
    return NULL;
}

/* Promises 3 and 4: one rollback at a time; nothing goes forward on what is being taken back. */
static const char *stages_broken(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint32_t rolling = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind != RBK_REGION_STAGE ||
            !rbk_stage_rolling_back(machine, state, i)) {
            continue;
        }
        rolling += rolls_back_now(machine, state, i);
        for (uint32_t k = 0; k < machine->region_count; k++) {
            const struct rbk_region_state *rs = rbk_state_region(machine, state, k);
            if (machine->regions[k].kind != RBK_REGION_STAGE || !depends_on(machine, k, i)) {
                continue;
            }
            if (rbk_region_active(rs) && !rbk_stage_rolling_back(machine, state, k) &&
                rs->target == RBK_NONE) {
                return "a stage goes forward on one that is being rolled back";
            }
            if (rs->order && rolls_back_now(machine, state, i)) {
                return "a stage is rolled back before one that depends on it";
            }
        }
    }
    return rolling > 1 ? "two stages roll back at once" : NULL;
}

/* Promise 5: something is on its way, or time, or a person who is being asked, will move it. */
static const char *stands_still(const struct rbk_machine *machine, const struct rbk_state *state)
{
    if (!state->started_ms || state->ended_ms || state->stuck_ms || state->hold_due_ms) {
        return NULL;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        bool window = machine->regions[i].kind == RBK_REGION_STAGE &&
                      machine->states[rs->state].kind == RBK_STATE_WAITING &&
                      rbk_stage_keeps_hours(machine, &machine->regions[i]) &&
                      !(rs->flags & RBK_FLAG_WINDOW_OPEN);
        bool look = rs->flags & (RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD);
        if (in_flight(rs) || (rbk_region_active(rs) && rs->due_ms) || window || look) {
            return NULL;
        }
    }
    return rbk_state_next_due(machine, state) ? NULL : "nothing will ever happen again";
}

const char *rbk_state_broken(const struct rbk_machine *machine, const struct rbk_state *state)
{
    const char *broken = NULL;
    if ((state->hold != 0) != (state->hold_due_ms != 0)) {
        return "held or paused without a deadline, or the reverse";
    }
    if (state->held_reaction && (!state->hold || !state->held_serial || state->stuck_ms)) {
        return "somebody is asked about a hold that there is not";
    }
    if (!state->held_reaction &&
        (state->held_serial || state->held_approvals || state->held_proposed)) {
        return "something is left of a question about a hold";
    }
    if (state->wanted.kind != RBK_CAUSE_NONE && state->hold != RBK_STATUS_HELD &&
        !state->stuck_ms) {
        return "a pause is wanted, and nothing keeps the run from it";
    }
    if (state->ended_ms && !rbk_status_is_end((enum rbk_status)state->status)) {
        return "ended without an end state";
    }
    for (uint32_t i = 0; i < machine->region_count && !broken && !state->ended_ms; i++) {
        broken = region_broken(machine, state, i);
    }
    for (uint32_t i = 0; i < machine->region_count && !broken && state->ended_ms; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        if (rbk_region_active(rs)) {
            broken = "the run ended, and something is still under way";
        }
        if (rs->order && state->status != RBK_STATUS_COMPLETED) {
            broken = "the run ended aborted or cancelled, and a stage still stands";
        }
    }
    if (!broken) {
        broken = stages_broken(machine, state);
    }
    return broken ? broken : stands_still(machine, state);
}
