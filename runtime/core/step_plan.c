/*
 * The plan region and the run as a whole: stages, observe, grace, retire and end; pausing, holding,
 * aborting and cancelling. The diagram is in step.c.
 *
 * Invariants:
 *   - turned is set once and never taken back. From then on nothing goes forward.
 *   - cancelled is only set while no stage is touched.
 *   - hold is set exactly while hold_due_ms is: somebody, or time, decides.
 *   - A pause is never lost: what is held or stuck is paused when it would go on (`wanted`).
 */
#include "runtime/core/step_internal.h"

static const struct rbk_machine_state *plan_at(const struct step *step)
{
    return rbk_region_at(step->machine, step->state, 0);
}

static void plan_go(struct step *step, enum rbk_outcome outcome)
{
    rbk_step_enter(step, 0, plan_at(step)->next[outcome]);
}

enum rbk_status rbk_step_status_of(const struct rbk_machine *machine, const struct rbk_state *state)
{
    switch (rbk_region_at(machine, state, 0)->kind) {
    case RBK_STATE_COMPLETED:
        return RBK_STATUS_COMPLETED;
    case RBK_STATE_ABORTED:
        return RBK_STATUS_ABORTED;
    case RBK_STATE_CANCELLED:
        return RBK_STATUS_CANCELLED;
    default:
        break;
    }
    if (!state->started_ms) {
        return RBK_STATUS_READY;
    }
    if (state->stuck_ms) {
        return RBK_STATUS_STUCK;
    }
    if (state->turned) {
        return RBK_STATUS_ABORTING;
    }
    if (state->hold) {
        return (enum rbk_status)state->hold;
    }
    switch (rbk_region_at(machine, state, 0)->kind) {
    case RBK_STATE_OBSERVE:
        return RBK_STATUS_OBSERVING;
    case RBK_STATE_GRACE:
        return RBK_STATUS_GRACE;
    default:
        return RBK_STATUS_RUNNING;
    }
}

/* ---- ends ---- */

static void finish(struct step *step)
{
    struct rbk_state *state = step->state;
    state->ended_ms = state->now_ms;
    rbk_step_held_close(step);
    state->hold = 0;
    state->hold_due_ms = 0;
    state->plan_due_ms = 0;
    region_of(step, 0)->mode = RBK_MODE_DONE;
    for (uint32_t i = 0; i < step->machine->report_count; i++) {
        *rbk_state_report_due(step->machine, state, i) = 0;
    }
    if (plan_at(step)->kind == RBK_STATE_COMPLETED) {
        rbk_step_hook(step, RBK_HOOK_COMPLETED, 0);
    } else if (plan_at(step)->kind == RBK_STATE_ABORTED) {
        rbk_step_hook(step, RBK_HOOK_ABORTED, 0);
    } else {
        rbk_step_hook(step, RBK_HOOK_CANCELLED, 0);
    }
    rbk_step_push(step, RBK_ACTION_FINISHED, 0);
}

void rbk_step_plan_entered(struct step *step)
{
    struct rbk_state *state = step->state;
    switch (plan_at(step)->kind) {
    case RBK_STATE_OBSERVE:
        state->plan_due_ms = state->now_ms + step->settings->observe_ms;
        break;
    case RBK_STATE_GRACE:
        state->plan_due_ms = state->now_ms + step->settings->grace_ms;
        break;
    case RBK_STATE_RETIRING:
        if (step->machine->retire_region != RBK_NONE) {
            uint32_t retire = step->machine->retire_region;
            rbk_step_enter(step, retire, step->machine->regions[retire].states.first);
        }
        break;
    case RBK_STATE_COMPLETED:
    case RBK_STATE_ABORTED:
    case RBK_STATE_CANCELLED:
        finish(step);
        break;
    default:
        break;
    }
}

/* ---- settling ---- */

/* What the stages as a whole are like; one pass over the regions. */
struct stages {
    bool all_applied;
    bool any_touched;
    bool all_still;
};

static struct stages look_at_stages(const struct step *step)
{
    struct stages stages = {true, false, true};
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        const struct rbk_region_state *rs = region_of(step, i);
        if (step->machine->regions[i].kind != RBK_REGION_STAGE) {
            continue;
        }
        stages.all_applied &=
            rbk_stage_applied(step->machine, step->state, i) && rs->target == RBK_NONE;
        stages.any_touched |= rs->order != 0;
        stages.all_still &= !rbk_region_active(rs);
    }
    return stages;
}

static bool retire_ended(const struct step *step)
{
    uint32_t retire = step->machine->retire_region;
    return retire == RBK_NONE || region_of(step, retire)->mode == RBK_MODE_DONE ||
           rbk_region_at(step->machine, step->state, retire)->kind == RBK_STATE_APPLIED;
}

static void check_overdue(struct step *step)
{
    struct rbk_state *state = step->state;
    if (state->turned && state->plan_due_ms && state->plan_due_ms <= state->now_ms) {
        state->overdue = 1;
        state->plan_due_ms = 0;
        if (step->machine->escalation_count) {
            rbk_step_push(step, RBK_ACTION_ESCALATE, 0)->index = 0;
        }
    }
}

void rbk_step_plan_settle(struct step *step)
{
    struct rbk_state *state = step->state;
    if (state->ended_ms || !state->started_ms) {
        return;
    }
    struct stages stages = look_at_stages(step);
    if (state->cancelled == 1) {
        if (stages.all_still && !rbk_region_active(region_of(step, 0))) {
            state->cancelled = 2;
            rbk_step_enter(step, 0, step->machine->cancelling_state);
        }
        return;
    }
    switch (plan_at(step)->kind) {
    case RBK_STATE_STAGES:
        if (stages.all_applied && !state->turned) {
            state->all_applied_ms = state->now_ms;
            plan_go(step, RBK_OUTCOME_OK);
        }
        break;
    case RBK_STATE_OBSERVE:
    case RBK_STATE_GRACE:
        if (rbk_plan_time_is_up(step->machine, state)) {
            state->plan_due_ms = 0;
            plan_go(step, RBK_OUTCOME_OK);
        }
        break;
    case RBK_STATE_RETIRING:
        if (retire_ended(step)) {
            plan_go(step, RBK_OUTCOME_OK);
        }
        break;
    case RBK_STATE_ABORTING:
        if (!stages.any_touched && stages.all_still) {
            plan_go(step, RBK_OUTCOME_OK);
        }
        break;
    default:
        break;
    }
    check_overdue(step);
}

/* ---- pausing and holding ---- */

static void hold(struct step *step, enum rbk_status as, struct rbk_cause cause)
{
    rbk_step_held_close(step); /* it was about a pause; now it is held, and may be decided anew */
    if (as == RBK_STATUS_PAUSED) {
        step->state->wanted = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    }
    step->state->hold = as;
    step->state->cause = cause;
    step->state->hold_due_ms = step->state->now_ms + step->machine->held_at_most_ms;
    rbk_step_hook(step, as == RBK_STATUS_HELD ? RBK_HOOK_HOLD : RBK_HOOK_PAUSE, 0);
}

static void go_on(struct step *step)
{
    rbk_step_held_close(step);
    step->state->hold = 0;
    step->state->hold_due_ms = 0;
    step->state->cause = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        rbk_step_doubt_goes_on(step, i);
    }
    step->again = true;
}

/* A pause that cannot be now is one as soon as it can. Of several the first is told of. */
static void want_pause(struct step *step, struct rbk_cause cause)
{
    if (step->state->wanted.kind == RBK_CAUSE_NONE && cause.kind != RBK_CAUSE_INTERRUPT) {
        step->state->wanted = cause;
    }
}

void rbk_step_run_pause(struct step *step, struct rbk_cause cause)
{
    const struct rbk_state *state = step->state;
    /* An interrupt ends by itself with the next runner; a pause somebody wants must outlive it. */
    bool interrupted = state->hold == RBK_STATUS_PAUSED && state->cause.kind == RBK_CAUSE_INTERRUPT;
    if (state->ended_ms || state->turned || state->cancelled) {
        return;
    }
    if (rbk_run_going(state) || interrupted) {
        hold(step, RBK_STATUS_PAUSED, cause);
    } else if (state->hold != RBK_STATUS_PAUSED) {
        want_pause(step, cause);
    }
}

void rbk_step_run_continue(struct step *step)
{
    if (step->state->hold == RBK_STATUS_PAUSED) {
        go_on(step);
    }
    step->state->wanted = (struct rbk_cause){RBK_CAUSE_NONE, 0};
}

void rbk_step_hold_settle(struct step *step)
{
    const struct rbk_state *state = step->state;
    if (state->turned || state->cancelled || state->ended_ms) {
        return;
    }
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (rbk_region_undecided(step->machine, state, i)) {
            if (state->hold == RBK_STATUS_PAUSED) {
                want_pause(step, state->cause);
            }
            if (state->hold != RBK_STATUS_HELD) {
                hold(step, RBK_STATUS_HELD, region_of(step, i)->cause);
            }
            return;
        }
    }
    uint32_t closed = rbk_run_lacks_way_back(step->machine, state);
    if (closed != RBK_NONE) {
        if (!state->hold) {
            hold(step, RBK_STATUS_HELD, (struct rbk_cause){RBK_CAUSE_WAY_BACK, closed});
        }
    } else if (state->wanted.kind != RBK_CAUSE_NONE && !state->stuck_ms) {
        hold(step, RBK_STATUS_PAUSED, state->wanted);
    } else if (state->hold == RBK_STATUS_HELD) {
        go_on(step);
    }
}

void rbk_step_retire_give_up(struct step *step)
{
    uint32_t retire = step->machine->retire_region;
    step->state->wanted = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    if (step->state->hold) {
        go_on(step);
    }
    if (retire != RBK_NONE && !retire_ended(step)) {
        rbk_step_stop(step, retire, RBK_TARGET_STOP);
    }
}

void rbk_step_hold_expire(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_cause cause = {RBK_CAUSE_UNDECIDED, 0};
    uint32_t next = rbk_held_next(machine, step->state);
    const struct rbk_reaction *otherwise = next == RBK_NONE ? NULL : &machine->reactions[next];
    enum rbk_reaction_kind kind = otherwise ? otherwise->kind : RBK_REACTION_ABORT;
    rbk_step_held_close(step);
    if (kind == RBK_REACTION_ASK && otherwise->question != RBK_NONE) {
        rbk_step_held_open(step, next);
        return;
    }
    if (rbk_run_past_grace(machine, step->state)) {
        rbk_step_retire_give_up(
            step); /* there is no way back, and silence never destroys anything */
        return;
    }
    switch (kind) {
    case RBK_REACTION_CANCEL:
        rbk_step_run_cancel_or_abort(step, cause);
        break;
    case RBK_REACTION_NOTIFY:
        rbk_step_push(step, RBK_ACTION_NOTIFY, 0)->index = otherwise->channel;
        RBK_FALLTHROUGH;
    case RBK_REACTION_PAUSE:
    case RBK_REACTION_HOLD:
        step->state->hold_due_ms = step->state->now_ms + machine->held_at_most_ms;
        break;
    default:
        rbk_step_run_abort(step, cause);
        break;
    }
}

/* ---- turning round ---- */

/* Stages that have nothing to take back come to rest where they are, or where they would be held.
 */
static void rest_untouched(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        struct rbk_region_state *rs = region_of(step, i);
        const struct rbk_region *row = &step->machine->regions[i];
        if (row->kind != RBK_REGION_STAGE || rs->order) {
            continue;
        }
        switch (step->machine->states[rs->state].kind) {
        case RBK_STATE_WAITING:
            rs->due_ms = 0;
            break;
        case RBK_STATE_HELD:
        case RBK_STATE_ROLLED_BACK:
            rs->mode = RBK_MODE_DONE;
            break;
        default:
            rbk_step_stop(step, i, row->held);
            break;
        }
    }
}

static void decide(struct step *step, struct rbk_cause cause)
{
    rbk_step_held_close(step);
    step->state->cause = cause;
    step->state->wanted = (struct rbk_cause){RBK_CAUSE_NONE, 0};
    step->state->hold = 0;
    step->state->hold_due_ms = 0;
    step->state->plan_due_ms = 0;
    step->again = true;
}

void rbk_step_run_abort(struct step *step, struct rbk_cause cause)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_state *state = step->state;
    if (state->turned || state->cancelled || state->ended_ms ||
        rbk_run_past_grace(machine, state)) {
        return;
    }
    decide(step, cause);
    state->turned = 1;
    state->decided_ms = state->now_ms;
    if (machine->rollback_within_ms) {
        state->plan_due_ms = state->now_ms + machine->rollback_within_ms;
    }
    rbk_step_hook(step, RBK_HOOK_ABORT, 0);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            rbk_step_roll_back(step, i, cause);
        }
    }
    rest_untouched(step);
    rbk_step_stop(step, 0, machine->aborting_state);
}

void rbk_step_run_cancel(struct step *step, struct rbk_cause cause)
{
    decide(step, cause);
    step->state->cancelled = 1;
    rest_untouched(step);
    rbk_step_stop(
        step, 0,
        RBK_TARGET_STOP); /* rbk_step_plan_settle() goes to the releases once all is still */
}

void rbk_step_run_cancel_or_abort(struct step *step, struct rbk_cause cause)
{
    const struct rbk_state *state = step->state;
    if (state->turned || state->cancelled || state->ended_ms ||
        rbk_run_past_grace(step->machine, state)) {
        return;
    }
    if (look_at_stages(step).any_touched) {
        rbk_step_run_abort(step, cause);
    } else {
        rbk_step_run_cancel(step, cause);
    }
}
