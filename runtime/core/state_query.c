/*
 * What can be asked of a state without changing it: the questions that step(), the executor, the
 * explorer and the display all ask, answered in one place.
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"

const struct rbk_machine_state *rbk_region_at(const struct rbk_machine *machine,
                                              const struct rbk_state *state, uint32_t region)
{
    return &machine->states[rbk_state_region(machine, state, region)->state];
}

bool rbk_region_active(const struct rbk_region_state *region)
{
    switch ((enum rbk_mode)region->mode) {
    case RBK_MODE_PARKED:
    case RBK_MODE_RUNNING:
    case RBK_MODE_RETRY:
    case RBK_MODE_CANCELLING:
    case RBK_MODE_RESOLVING:
    case RBK_MODE_LOOKING:
    case RBK_MODE_ASKING:
    case RBK_MODE_DOUBT:
    case RBK_MODE_FORKED:
        return true;
    case RBK_MODE_IDLE:
    case RBK_MODE_TURN:
    case RBK_MODE_DONE:
    case RBK_MODE_COUNT:
        break;
    }
    return false;
}

uint32_t rbk_region_root(const struct rbk_machine *machine, uint32_t region)
{
    /* Bounded, so that a machine whose parents form a ring cannot hold us. */
    for (uint32_t hops = 0; hops < machine->region_count; hops++) {
        if (machine->regions[region].kind != RBK_REGION_BRANCH) {
            break;
        }
        region = machine->regions[region].parent;
    }
    return region;
}

bool rbk_status_is_end(enum rbk_status status)
{
    return status == RBK_STATUS_COMPLETED || status == RBK_STATUS_ABORTED ||
           status == RBK_STATUS_CANCELLED;
}

bool rbk_state_forward(const struct rbk_machine_state *state)
{
    return state->phase != RBK_PHASE_ROLLBACK && state->phase != RBK_PHASE_ROLLBACK_VERIFY &&
           state->phase != RBK_PHASE_RELEASE;
}

bool rbk_run_going(const struct rbk_state *state)
{
    return !state->hold && !state->turned && !state->cancelled && !state->stuck_ms;
}

bool rbk_run_past_grace(const struct rbk_machine *machine, const struct rbk_state *state)
{
    if (state->turned || state->cancelled) {
        return false;
    }
    const struct rbk_machine_state *at = rbk_region_at(machine, state, 0);
    return at->kind == RBK_STATE_RETIRING || at->phase == RBK_PHASE_RELEASE ||
           at->kind == RBK_STATE_COMPLETED;
}

bool rbk_run_undecided(const struct rbk_machine *machine, const struct rbk_state *state)
{
    if (state->hold) {
        return true;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        uint32_t mode = rbk_state_trigger(machine, state, i)->mode;
        if (mode == RBK_TRIGGER_ASKING || mode == RBK_TRIGGER_HOLDING) {
            return true;
        }
    }
    return false;
}

bool rbk_plan_time_is_up(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint32_t kind = rbk_region_at(machine, state, 0)->kind;
    return (kind == RBK_STATE_OBSERVE || kind == RBK_STATE_GRACE) && !state->turned &&
           state->plan_due_ms <= state->now_ms && !rbk_run_undecided(machine, state);
}

/* ---- stages ---- */

bool rbk_stage_applied(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t region)
{
    return machine->regions[region].kind == RBK_REGION_STAGE &&
           rbk_region_at(machine, state, region)->kind == RBK_STATE_APPLIED;
}

bool rbk_stage_touched(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t region)
{
    return rbk_state_region(machine, state, region)->order != 0;
}

bool rbk_stage_rolling_back(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    const struct rbk_machine_state *at = &machine->states[rs->state];
    if (machine->regions[region].kind != RBK_REGION_STAGE || rs->order == 0) {
        return false;
    }
    return rs->target == machine->regions[region].rollback || at->kind == RBK_STATE_ROLLBACK ||
           at->kind == RBK_STATE_STUCK || at->phase == RBK_PHASE_ROLLBACK ||
           at->phase == RBK_PHASE_ROLLBACK_VERIFY;
}

bool rbk_state_is_test(const struct rbk_machine *machine, uint32_t machine_state)
{
    uint32_t effect =
        machine_state < machine->state_count ? machine->states[machine_state].effect : RBK_NONE;
    return effect < machine->effect_count && machine->effects[effect].kind == RBK_EFFECT_TEST;
}

struct rbk_cause rbk_run_cause(const struct rbk_machine *machine, const struct rbk_state *state)
{
    struct rbk_cause cause = state->cause;
    for (uint32_t i = 0; state->cause.kind == RBK_CAUSE_NONE && i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        bool stuck = machine->states[rs->state].kind == RBK_STATE_STUCK;
        if (stuck || (cause.kind == RBK_CAUSE_NONE && rbk_stage_rolling_back(machine, state, i))) {
            cause = rs->cause;
        }
        if (stuck) {
            break;
        }
    }
    return cause;
}

bool rbk_stage_under_way(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t region)
{
    if (machine->regions[region].kind != RBK_REGION_STAGE) {
        return false;
    }
    return rbk_region_active(rbk_state_region(machine, state, region)) ||
           rbk_stage_rolling_back(machine, state, region);
}

bool rbk_region_undecided(const struct rbk_machine *machine, const struct rbk_state *state,
                          uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    if (rs->mode != RBK_MODE_IDLE) {
        return false;
    }
    enum rbk_state_kind kind = machine->states[rs->state].kind;
    return kind == RBK_STATE_HELD ||
           (kind == RBK_STATE_ROLLED_BACK && !(rs->flags & RBK_FLAG_FOLLOWED));
}

bool rbk_stage_own_hours(const struct rbk_region *region)
{
    return region->window != RBK_NONE || region->not_before_zone.bytes != 0;
}

bool rbk_stage_keeps_hours(const struct rbk_machine *machine, const struct rbk_region *region)
{
    return rbk_stage_own_hours(region) || machine->daily_window != RBK_NONE;
}

/* The hours that a stage has to keep to have come, or there are none. */
static bool window_open(const struct rbk_machine *machine, const struct rbk_region *region,
                        const struct rbk_region_state *rs)
{
    return !rbk_stage_keeps_hours(machine, region) || (rs->flags & RBK_FLAG_WINDOW_OPEN);
}

bool rbk_stage_closable(const struct rbk_machine *machine, uint32_t region)
{
    struct rbk_slice strategies = machine->regions[region].strategies;
    for (uint32_t i = 0; i < strategies.count; i++) {
        if (machine->strategies[strategies.first + i].when == RBK_NONE) {
            return false;
        }
    }
    return machine->regions[region].kind == RBK_REGION_STAGE && strategies.count != 0;
}

uint32_t rbk_stage_flagged(const struct rbk_machine *machine, const struct rbk_state *state,
                           uint32_t flags)
{
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (rbk_state_region(machine, state, i)->flags & flags) {
            return i;
        }
    }
    return RBK_NONE;
}

bool rbk_predecessor_stands(const struct rbk_machine *machine, const struct rbk_state *state,
                            const struct rbk_predecessor *before)
{
    return rbk_stage_applied(machine, state, before->region) &&
           !rbk_stage_rolling_back(machine, state, before->region);
}

bool rbk_stage_waits(const struct rbk_machine *machine, const struct rbk_state *state,
                     uint32_t region, struct rbk_stage_wait *ret_wait)
{
    const struct rbk_region *row = &machine->regions[region];
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    if (row->kind != RBK_REGION_STAGE || machine->states[rs->state].kind != RBK_STATE_WAITING ||
        rs->mode != RBK_MODE_IDLE) {
        return false;
    }
    *ret_wait = (struct rbk_stage_wait){
        .hours = !window_open(machine, row, rs),
        .at_ms = rs->due_ms > row->not_before_ms ? rs->due_ms : row->not_before_ms,
    };
    for (uint32_t i = 0; i < row->predecessors.count; i++) {
        const struct rbk_predecessor *before = &machine->predecessors[row->predecessors.first + i];
        if (!rbk_predecessor_stands(machine, state, before)) {
            ret_wait->stages = true;
            return true;
        }
        uint64_t from_ms =
            rbk_state_region(machine, state, before->region)->applied_ms + before->for_ms;
        ret_wait->at_ms = from_ms > ret_wait->at_ms ? from_ms : ret_wait->at_ms;
    }
    return true;
}

/* Whether nothing but time, the run as a whole and the ways back of others keep a stage in WAITING.
 */
static bool stage_ready(const struct rbk_machine *machine, const struct rbk_state *state,
                        uint32_t region, uint64_t *ret_at_ms)
{
    struct rbk_stage_wait wait;
    if (rbk_region_at(machine, state, 0)->kind != RBK_STATE_STAGES ||
        !rbk_stage_waits(machine, state, region, &wait) || wait.stages || wait.hours) {
        return false;
    }
    *ret_at_ms = wait.at_ms;
    return true;
}

bool rbk_stage_may_start(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t region, uint64_t *ret_at_ms)
{
    return rbk_run_going(state) && stage_ready(machine, state, region, ret_at_ms) &&
           rbk_stage_flagged(machine, state, RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD) == RBK_NONE;
}

static bool any_under_way(const struct rbk_machine *machine, const struct rbk_state *state)
{
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (rbk_stage_under_way(machine, state, i)) {
            return true;
        }
    }
    return false;
}

uint64_t rbk_stage_start_due(const struct rbk_machine *machine, const struct rbk_state *state,
                             uint32_t region)
{
    uint64_t at_ms = 0;
    if (!rbk_run_going(state) || !stage_ready(machine, state, region, &at_ms) ||
        rbk_stage_flagged(machine, state, RBK_FLAG_WAY_UNREAD) != RBK_NONE) {
        return 0; /* the first look at a way back is no matter of time */
    }
    /* A closed one holds the run from then on, unless something else still goes. */
    bool closed = rbk_stage_flagged(machine, state, RBK_FLAG_WAY_CLOSED) != RBK_NONE;
    return closed && any_under_way(machine, state) ? 0 : at_ms;
}

uint32_t rbk_run_lacks_way_back(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint32_t closed = rbk_stage_flagged(machine, state, RBK_FLAG_WAY_CLOSED);
    uint64_t at_ms = 0;
    if (closed == RBK_NONE || state->turned || state->cancelled || state->stuck_ms ||
        any_under_way(machine, state)) {
        return RBK_NONE; /* what is under way goes on meanwhile */
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (stage_ready(machine, state, i, &at_ms) && at_ms <= state->now_ms) {
            return closed;
        }
    }
    return RBK_NONE;
}

/* ---- questions and blocks ---- */

uint32_t rbk_region_question(const struct rbk_machine *machine, const struct rbk_state *state,
                             uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    uint32_t row = machine->states[rs->state].effect;
    if (row == RBK_NONE) {
        return RBK_NONE;
    }
    const struct rbk_effect *effect = &machine->effects[row];
    if (rs->mode != RBK_MODE_DOUBT) {
        return effect->question;
    }
    uint32_t question = effect->doubt_question;
    for (uint32_t i = 0; i < rs->asked_on && question != RBK_NONE; i++) {
        uint32_t next = rbk_question_asked_on(machine, question);
        if (next == RBK_NONE) {
            break; /* a state from elsewhere may say anything */
        }
        question = next;
    }
    return question;
}

uint32_t rbk_question_asked_on(const struct rbk_machine *machine, uint32_t question)
{
    uint32_t otherwise = question == RBK_NONE ? RBK_NONE : machine->questions[question].otherwise;
    bool asks = otherwise != RBK_NONE && machine->reactions[otherwise].kind == RBK_REACTION_ASK;
    return asks ? machine->reactions[otherwise].question : RBK_NONE;
}

uint64_t rbk_region_block_due(const struct rbk_machine *machine, const struct rbk_state *state,
                              uint32_t region, uint32_t *ret_block)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    uint64_t earliest_ms = 0;
    if (!rbk_region_active(rs) || rs->target != RBK_NONE) {
        return 0;
    }
    uint32_t block = machine->states[rs->state].block;
    for (uint32_t hops = 0; block != RBK_NONE && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        const struct rbk_block *row = &machine->blocks[block];
        /* From the innermost outwards: of two that end together the outer one decides. */
        uint64_t due_ms = row->region == region ? rs->block_due_ms[row->depth] : 0;
        if (due_ms && (!earliest_ms || due_ms <= earliest_ms)) {
            earliest_ms = due_ms;
            *ret_block = block;
        }
        block = row->parent;
    }
    return earliest_ms;
}

/* ---- triggers ---- */

/* From the start of its apply on, while it is neither rolling back nor rolled back. */
static bool stands_or_goes(const struct rbk_machine *machine, const struct rbk_state *state,
                           uint32_t region)
{
    return rbk_stage_touched(machine, state, region) &&
           !rbk_stage_rolling_back(machine, state, region);
}

static bool since_met(const struct rbk_machine *machine, const struct rbk_state *state,
                      const struct rbk_trigger *trigger)
{
    uint32_t stage = trigger->since_region;
    switch (trigger->since) {
    case RBK_SINCE_FIRST_APPLY:
        return state->first_effect_ms != 0;
    case RBK_SINCE_STAGE_STARTED:
        return stands_or_goes(machine, state, stage);
    case RBK_SINCE_STAGE_APPLIED:
        return rbk_stage_applied(machine, state, stage) &&
               !rbk_stage_rolling_back(machine, state, stage);
    case RBK_SINCE_DURING_APPLY:
        return stands_or_goes(machine, state, stage) &&
               rbk_region_at(machine, state, stage)->phase == RBK_PHASE_APPLY;
    case RBK_SINCE_COUNT:
        break;
    }
    return false;
}

bool rbk_criteria_armed(const struct rbk_machine *machine, const struct rbk_state *state)
{
    return state->started_ms && !state->ended_ms && !state->turned && !state->cancelled &&
           !state->stuck_ms && !rbk_run_past_grace(machine, state);
}

bool rbk_trigger_armed(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t trigger)
{
    const struct rbk_trigger *row = &machine->triggers[trigger];
    enum rbk_state_kind plan = rbk_region_at(machine, state, 0)->kind;
    if (!state->first_effect_ms || state->turned || state->cancelled || state->stuck_ms) {
        return false;
    }
    if (plan != RBK_STATE_STAGES && plan != RBK_STATE_OBSERVE && plan != RBK_STATE_GRACE) {
        return false;
    }
    if (!since_met(machine, state, row) ||
        (row->region != RBK_NONE && !stands_or_goes(machine, state, row->region))) {
        return false;
    }
    for (uint32_t i = 0; i < row->except.count; i++) {
        uint32_t stage = machine->indexes[row->except.first + i];
        if (rbk_stage_under_way(machine, state, stage)) {
            return false;
        }
    }
    return true;
}
