/*
 * What a person asked for: each command first says whether it is possible now, and only then
 * changes anything.
 */
#include "runtime/core/step_internal.h"

static const struct rbk_cause asked = {RBK_CAUSE_COMMAND, 0};

/* Why nothing that turns or stops the run is possible; ACCEPTED when it is. */
static enum rbk_refusal going_refusal(const struct step *step)
{
    const struct rbk_state *state = step->state;
    if (state->turned) {
        return RBK_REFUSAL_TURNED;
    }
    if (state->cancelled || rbk_region_at(step->machine, state, 0)->phase == RBK_PHASE_RELEASE) {
        return RBK_REFUSAL_ENDING;
    }
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal pause(struct step *step, enum rbk_cause_kind cause)
{
    const struct rbk_state *state = step->state;
    enum rbk_refusal refusal = going_refusal(step);
    bool only_interrupted = state->hold == RBK_STATUS_PAUSED && !state->stuck_ms &&
                            state->cause.kind == RBK_CAUSE_INTERRUPT &&
                            cause != RBK_CAUSE_INTERRUPT;
    /* What is held is paused when it would go on. Ctrl-C ends with the runner, and is not kept. */
    bool kept = state->hold == RBK_STATUS_HELD && !state->stuck_ms &&
                state->wanted.kind == RBK_CAUSE_NONE && cause == RBK_CAUSE_COMMAND;
    if (refusal == RBK_REFUSAL_ACCEPTED && !rbk_run_going(state) && !only_interrupted && !kept) {
        refusal = RBK_REFUSAL_ALREADY_STILL;
    }
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        rbk_step_run_pause(step, (struct rbk_cause){cause, 0});
    }
    return refusal;
}

static enum rbk_refusal go_on(struct step *step)
{
    if (step->state->turned) {
        return RBK_REFUSAL_TURNED;
    }
    if (step->state->hold != RBK_STATUS_PAUSED && step->state->wanted.kind == RBK_CAUSE_NONE) {
        return !step->state->hold ? RBK_REFUSAL_NOT_HELD
               : rbk_run_lacks_way_back(step->machine, step->state) != RBK_NONE
                   ? RBK_REFUSAL_NO_WAY_BACK
                   : RBK_REFUSAL_NOT_PAUSED;
    }
    rbk_step_run_continue(step);
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal abort_run(struct step *step, struct rbk_cause cause)
{
    enum rbk_refusal refusal = going_refusal(step);
    if (refusal == RBK_REFUSAL_ACCEPTED && rbk_run_past_grace(step->machine, step->state)) {
        refusal = RBK_REFUSAL_PAST_GRACE;
    }
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        rbk_step_run_abort(step, cause);
    }
    return refusal;
}

static enum rbk_refusal cancel_run(struct step *step)
{
    enum rbk_refusal refusal = going_refusal(step);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        return refusal;
    }
    if (rbk_run_past_grace(step->machine, step->state)) {
        return RBK_REFUSAL_PAST_GRACE;
    }
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (rbk_stage_touched(step->machine, step->state, i)) {
            return RBK_REFUSAL_STANDS_APPLIED;
        }
    }
    rbk_step_run_cancel(step, asked);
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal give_signal(struct step *step)
{
    uint32_t signal = step->event->index;
    if (signal >= step->machine->signal_count || signal >= 64) {
        return RBK_REFUSAL_UNKNOWN;
    }
    enum rbk_refusal refusal = abort_run(step, (struct rbk_cause){RBK_CAUSE_SIGNAL, signal});
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        step->state->signals |= UINT64_C(1) << signal;
    }
    return refusal;
}

/* ---- held and stuck ---- */

static bool is_stuck(const struct step *step, uint32_t region)
{
    return step->machine->regions[region].kind == RBK_REGION_STAGE &&
           rbk_region_at(step->machine, step->state, region)->kind == RBK_STATE_STUCK;
}

/* A stuck stage goes on: so does the rest, with fresh time to decide if it is held. */
static void unstick(struct step *step, uint32_t region, uint32_t next)
{
    struct rbk_state *state = step->state;
    state->stuck_ms = 0;
    state->escalated = 0;
    if (state->hold) {
        state->hold_due_ms = state->now_ms + step->machine->held_at_most_ms;
    }
    rbk_step_enter(step, region, next);
}

static enum rbk_refusal retry(struct step *step)
{
    uint32_t only = step->event->index;
    bool any = false;
    bool was_stuck = step->state->stuck_ms != 0;
    if (only != RBK_NONE && only >= step->machine->region_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (step->state->cancelled) {
        return RBK_REFUSAL_ENDING;
    }
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (only != RBK_NONE && only != i) {
            continue;
        }
        if (is_stuck(step, i)) {
            unstick(step, i, step->machine->regions[i].rollback);
            any = true;
        } else if (!was_stuck && !step->state->turned &&
                   rbk_region_undecided(step->machine, step->state, i)) {
            rbk_step_restart(step, i, 0);
            any = true;
        }
    }
    if (any) {
        return RBK_REFUSAL_ACCEPTED;
    }
    if (step->state->turned && !was_stuck) {
        return RBK_REFUSAL_TURNED;
    }
    if (rbk_run_lacks_way_back(step->machine, step->state) != RBK_NONE) {
        return RBK_REFUSAL_NO_WAY_BACK;
    }
    return only != RBK_NONE && (was_stuck || step->state->hold == RBK_STATUS_HELD)
               ? RBK_REFUSAL_NOT_THIS_ONE
               : RBK_REFUSAL_NOTHING_TO_RETRY;
}

/* A person says what became of something the runtime cannot know. */
static enum rbk_refusal resolve(struct step *step)
{
    uint32_t region = step->event->index;
    enum rbk_answer answer = step->event->answer;
    bool done = answer == RBK_ANSWER_DONE;
    if (region >= step->machine->region_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    const struct rbk_region *row = &step->machine->regions[region];
    if (!done && answer != RBK_ANSWER_NOT_DONE) {
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    if (region_of(step, region)->mode == RBK_MODE_DOUBT) {
        return rbk_step_answer_region(step, region, answer);
    }
    if (is_stuck(step, region)) {
        if (done) { /* taken back by hand */
            unstick(step, region, row->rolled_back);
        }
        return RBK_REFUSAL_ACCEPTED;
    }
    if (row->kind == RBK_REGION_RETIRE &&
        rbk_region_undecided(step->machine, step->state, region)) {
        rbk_step_retire_give_up(
            step); /* done by hand, or not at all: the run need not wait for it */
        return RBK_REFUSAL_ACCEPTED;
    }
    return RBK_REFUSAL_NOT_IN_DOUBT;
}

enum rbk_refusal rbk_step_handle_command(struct step *step)
{
    switch (step->event->command) {
    case RBK_COMMAND_PAUSE:
        return pause(step, RBK_CAUSE_COMMAND);
    case RBK_COMMAND_INTERRUPT:
        return pause(step, RBK_CAUSE_INTERRUPT);
    case RBK_COMMAND_CONTINUE:
        return go_on(step);
    case RBK_COMMAND_ABORT:
        return abort_run(step, asked);
    case RBK_COMMAND_CANCEL:
        return cancel_run(step);
    case RBK_COMMAND_RETRY:
        return retry(step);
    case RBK_COMMAND_RESOLVE:
        return resolve(step);
    case RBK_COMMAND_SIGNAL:
        return give_signal(step);
    case RBK_COMMAND_COUNT:
        break;
    }
    return RBK_REFUSAL_UNKNOWN;
}
