/*
 * The life of a stage beyond its effects: when it starts, what it means to stand applied, to be
 * told to roll back, to wait for one's turn, and to have been rolled back. The diagram is in
 * step.c.
 *
 * Invariants:
 *   - order != 0 from the first effect of an apply until the stage is ROLLED_BACK: "touched".
 *   - A stage that is told to roll back tells every touched stage that depends on it, first.
 *   - At most one stage rolls back at a time; of those that wait, the one whose apply began last.
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"

#include <string.h>

static bool is_stage(const struct step *step, uint32_t region)
{
    return step->machine->regions[region].kind == RBK_REGION_STAGE;
}

/* ---- dependants ---- */

/* Set FLAG_MARK on every stage that depends on `region`, directly or not. Stages mostly stand in
 * the order they depend on each other, so that two passes over them are the rule. */
static void mark_dependants(struct step *step, uint32_t region)
{
    const struct rbk_machine *machine = step->machine;
    bool found = true;
    while (found) {
        found = false;
        for (uint32_t i = 0; i < machine->region_count; i++) {
            struct rbk_region_state *rs = region_of(step, i);
            struct rbk_slice before = machine->regions[i].predecessors;
            if (!is_stage(step, i) || rs->flags & FLAG_MARK || i == region) {
                continue;
            }
            for (uint32_t k = 0; k < before.count; k++) {
                uint32_t on = machine->predecessors[before.first + k].region;
                if (on == region || region_of(step, on)->flags & FLAG_MARK) {
                    rs->flags |= FLAG_MARK;
                    found = true;
                    break;
                }
            }
        }
    }
}

/* Whether `region` was marked; the mark is taken away. */
static bool take_mark(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    bool marked = rs->flags & FLAG_MARK;
    rs->flags &= ~FLAG_MARK;
    return marked;
}

/* ---- forward ---- */

/* Forget what an earlier attempt of the stage dispatched, its branches included: `undo` and guards
 * look at this attempt alone. */
static void clear_attempt(struct step *step, uint32_t stage)
{
    const struct rbk_machine *machine = step->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (i == stage || (machine->regions[i].kind == RBK_REGION_BRANCH &&
                           rbk_region_root(machine, i) == stage)) {
            rbk_state_clear_dispatched(machine, step->state, machine->regions[i].states);
        }
    }
}

static void start(struct step *step, uint32_t region)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_region_state *rs = region_of(step, region);
    if (rs->stage_attempt++) {
        clear_attempt(step, region);
    }
    rs->flags &= ~(uint32_t)RBK_FLAG_FOLLOWED;
    rs->cause = rs->failed_back = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    rbk_step_enter(step, region, machine->states[rs->state].next[RBK_OUTCOME_OK]);
}

void rbk_step_stage_begin_apply(struct step *step, uint32_t stage)
{
    struct rbk_region_state *rs = region_of(step, stage);
    if (!is_stage(step, stage) || rs->order) {
        return;
    }
    rs->order = step->state->next_order++;
    if (!step->state->first_effect_ms) {
        step->state->first_effect_ms = step->state->now_ms;
    }
}

static void applied(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    rbk_step_stage_begin_apply(
        step, region); /* an apply without an effect still has its place in the order */
    rs->applied_ms = step->state->now_ms;
    rs->flags &= ~RBK_FLAGS_WAY;
    if (rbk_stage_closable(step->machine, region)) {
        rs->flags |= RBK_FLAG_WAY_UNREAD;
    }
    rbk_step_hook(step, RBK_HOOK_STAGE, region);
}

void rbk_step_restart(struct step *step, uint32_t region, uint64_t due_ms)
{
    const struct rbk_machine *machine = step->machine;
    if (is_stage(step, region)) {
        mark_dependants(step, region);
        for (uint32_t i = 0; i < machine->region_count; i++) {
            if (take_mark(step, i) &&
                rbk_region_at(machine, step->state, i)->kind == RBK_STATE_ROLLED_BACK) {
                rbk_step_enter(step, i, machine->regions[i].states.first);
            }
        }
    }
    /* The first state of a retire is an effect, that of the plan START: it leads on by itself. */
    rbk_step_enter(step, region, machine->regions[region].states.first);
    if (is_stage(step, region)) {
        region_of(step, region)->due_ms = due_ms;
    } else if (region == 0) {
        rbk_step_enter(step, 0,
                       machine->states[machine->regions[0].states.first].next[RBK_OUTCOME_OK]);
    }
}

/* ---- back ---- */

/* Tell one stage, without its dependants. */
static void turn_back(struct step *step, uint32_t region, struct rbk_cause cause)
{
    struct rbk_region_state *rs = region_of(step, region);
    rs->cause = cause;
    rs->failed_back = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    rs->applied_ms = 0;
    rs->flags &= ~RBK_FLAGS_WAY;
    rs->rollbacks++;
    if (!step->state->turned) {
        step->state->rollbacks++;
    }
    rbk_step_stop(step, region, step->machine->regions[region].rollback);
}

void rbk_step_roll_back(struct step *step, uint32_t region, struct rbk_cause cause)
{
    const struct rbk_machine *machine = step->machine;
    if (!rbk_stage_touched(machine, step->state, region) ||
        rbk_stage_rolling_back(machine, step->state, region)) {
        return;
    }
    turn_back(step, region, cause);
    if (step->state->turned) {
        return; /* rbk_step_run_abort() tells every stage */
    }
    mark_dependants(step, region);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_region_state *rs = region_of(step, i);
        if (!take_mark(step, i)) {
            continue;
        }
        if (rs->order && !rbk_stage_rolling_back(machine, step->state, i)) {
            rs->flags |= RBK_FLAG_FOLLOWED;
            turn_back(step, i, cause);
        } else if (!rs->order && rbk_region_active(rs)) {
            rbk_step_stop(step, i,
                          machine->regions[i].states.first); /* not begun: it waits again */
        }
    }
    /* Observing, or in grace, the plan stands on stages that all stood: it goes back to them. */
    enum rbk_state_kind plan = rbk_region_at(machine, step->state, 0)->kind;
    if (plan == RBK_STATE_OBSERVE || plan == RBK_STATE_GRACE) {
        step->state->all_applied_ms = 0;
        step->state->plan_due_ms = 0;
        rbk_step_enter(step, 0, machine->stages_state);
    }
}

static void rolled_back(struct step *step, uint32_t region)
{
    const struct rbk_region *row = &step->machine->regions[region];
    struct rbk_region_state *rs = region_of(step, region);
    rs->order = 0;
    rs->applied_ms = 0;
    if (step->state->turned) {
        rs->mode = RBK_MODE_DONE;
    } else if (!(rs->flags & RBK_FLAG_FOLLOWED) && rs->stage_attempt < row->attempts) {
        rbk_step_restart(step, region, step->state->now_ms + row->attempts_every_ms);
    } /* else rbk_step_hold_settle() holds the run for it */
}

static void stuck(struct step *step, uint32_t region)
{
    /* A stage that got stuck is not tried again by itself, even once a person has mended it. */
    struct rbk_region_state *rs = region_of(step, region);
    uint32_t attempts = step->machine->regions[region].attempts;
    rs->stage_attempt = rs->stage_attempt < attempts ? attempts : rs->stage_attempt;
    rs->flags &= ~(uint32_t)RBK_FLAG_FOLLOWED;
    if (!step->state->stuck_ms) {
        step->state->stuck_ms = step->state->now_ms;
        rbk_step_held_close(step); /* nothing is decided about the run before this is */
        step->state->escalated = 0;
    }
    rbk_step_hook(step, RBK_HOOK_STUCK, region);
}

void rbk_step_stage_entered(struct step *step, uint32_t region)
{
    const struct rbk_region *row = &step->machine->regions[region];
    struct rbk_region_state *rs = region_of(step, region);
    bool ending = step->state->turned || step->state->cancelled;
    if (row->kind != RBK_REGION_STAGE) {
        return; /* a retire rests in APPLIED or HELD; rbk_step_plan_settle() and
                   rbk_step_hold_settle() see it */
    }
    switch (step->machine->states[rs->state].kind) {
    case RBK_STATE_APPLIED:
        applied(step, region);
        break;
    case RBK_STATE_ROLLBACK:
        if (rs->order) {
            rs->mode = RBK_MODE_TURN;
        } else { /* its time was up before its first effect: there is nothing to take back */
            rbk_step_enter(step, region, row->held != RBK_NONE ? row->held : row->rolled_back);
        }
        break;
    case RBK_STATE_ROLLED_BACK:
        rolled_back(step, region);
        break;
    case RBK_STATE_HELD:
        rs->mode = ending ? RBK_MODE_DONE : RBK_MODE_IDLE;
        break;
    case RBK_STATE_STUCK:
        stuck(step, region);
        break;
    default:
        break;
    }
}

/* ---- settling ---- */

/* Whether a stage may begin its rollback as far as its dependants go: none of them still works. */
static bool dependants_still(struct step *step, uint32_t region)
{
    bool still = true;
    mark_dependants(step, region);
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (take_mark(step, i) && rbk_region_active(region_of(step, i))) {
            still = false;
        }
    }
    return still;
}

/* Give the turn to the stage whose apply began last, unless one is at it. */
static void next_turn(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    uint32_t last = RBK_NONE;
    uint32_t order = 0;
    if (step->state->stuck_ms) {
        return;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = region_of(step, i);
        if (!rbk_stage_rolling_back(machine, step->state, i)) {
            continue;
        }
        bool before = rs->mode == RBK_MODE_TURN || rs->target == machine->regions[i].rollback;
        if (!before) {
            return; /* one is rolling back */
        }
        if (rs->order > order) {
            order = rs->order;
            last = i;
        }
    }
    if (last != RBK_NONE && region_of(step, last)->mode == RBK_MODE_TURN &&
        dependants_still(step, last)) {
        rbk_step_enter(step, last, rbk_region_at(machine, step->state, last)->next[RBK_OUTCOME_OK]);
    }
}

void rbk_step_stages_settle(struct step *step)
{
    uint64_t at_ms = 0;
    next_turn(step);
    if (!rbk_run_going(step->state)) {
        return;
    }
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (rbk_stage_may_start(step->machine, step->state, i, &at_ms) &&
            at_ms <= step->state->now_ms) {
            start(step, i);
        }
    }
}
