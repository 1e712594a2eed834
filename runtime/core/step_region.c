/*
 * One region and the effect of its state: entering a state, dispatching, what follows from an
 * outcome, stopping, and what becomes of an effect in flight when its runner dies. The diagram of
 * the modes is in step.c.
 *
 * Invariants: a region has at most one effect in flight. It leaves a state by next[outcome], or by
 * `target` once it has been told to stop and is still; by nothing else.
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"

#include <string.h>

/* How often an effect in doubt is carried out again beyond the retries written in the plan. */
#define AGAIN_BEYOND_RETRIES 3u

static const struct rbk_machine_state *at_of(const struct step *step, uint32_t region)
{
    return rbk_region_at(step->machine, step->state, region);
}

static const struct rbk_effect *effect_of(const struct step *step, uint32_t region)
{
    return &step->machine->effects[at_of(step, region)->effect];
}

/* The blocks of a state within its region, by depth. */
static void blocks_of(const struct step *step, uint32_t region, uint32_t state,
                      uint32_t ret_blocks[RBK_BLOCK_DEPTH_MAX])
{
    uint32_t block = step->machine->states[state].block;
    for (uint32_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
        ret_blocks[i] = RBK_NONE;
    }
    for (uint32_t hops = 0; block != RBK_NONE && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        const struct rbk_block *row = &step->machine->blocks[block];
        /* A branch's block lies in one of its parent; the parent watches that deadline. */
        if (row->region == region && row->depth < RBK_BLOCK_DEPTH_MAX) {
            ret_blocks[row->depth] = block;
        }
        block = row->parent;
    }
}

/* Deadlines of blocks that go on are kept, those of blocks newly entered begin. */
static void enter_blocks(struct step *step, uint32_t region, uint32_t next)
{
    struct rbk_region_state *rs = region_of(step, region);
    uint32_t left[RBK_BLOCK_DEPTH_MAX];
    uint32_t entered[RBK_BLOCK_DEPTH_MAX];
    blocks_of(step, region, rs->state, left);
    blocks_of(step, region, next, entered);
    for (uint32_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
        uint64_t within_ms =
            entered[i] == RBK_NONE ? 0 : step->machine->blocks[entered[i]].within_ms;
        if (!within_ms) {
            rs->block_due_ms[i] = 0;
        } else if (entered[i] != left[i] || !rs->block_due_ms[i]) {
            rs->block_due_ms[i] = step->state->now_ms + within_ms;
        }
    }
}

void rbk_step_enter(struct step *step, uint32_t region, uint32_t next)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_region_state *rs = region_of(step, region);
    const struct rbk_machine_state *at;
    uint32_t hops = 0;
    step->again = true;
    do {
        /* A checked machine has no ring of PASS and GUARD states; one that has must not hold us. */
        if (next == RBK_NONE || hops++ > machine->regions[region].states.count) {
            rs->mode = RBK_MODE_DONE;
            return;
        }
        at = &machine->states[next];
        RBK_ASSERT(at->region == region);
        enter_blocks(step, region, next);
        rs->state = next;
        if (at->kind == RBK_STATE_PASS) {
            next = at->next[RBK_OUTCOME_OK];
        } else if (at->kind == RBK_STATE_GUARD) {
            bool was = rbk_state_dispatched(machine, step->state, at->guard);
            next = at->next[was ? RBK_OUTCOME_OK : RBK_OUTCOME_FAIL];
        }
    } while (at->kind == RBK_STATE_PASS || at->kind == RBK_STATE_GUARD);

    rs->mode = RBK_MODE_IDLE;
    rs->serial = 0;
    rs->attempt = 0;
    rs->target = RBK_NONE;
    rs->approvals = 0;
    rs->due_ms = 0;
    if (at->kind == RBK_STATE_EFFECT) {
        rs->mode = RBK_MODE_PARKED;
    } else if (at->kind == RBK_STATE_FORK) {
        rbk_step_fork_enter(step, region);
    } else if (at->kind == RBK_STATE_BRANCH_DONE || at->kind == RBK_STATE_BRANCH_FAILED) {
        rs->mode = RBK_MODE_DONE;
    } else if (region == 0) {
        rbk_step_plan_entered(step);
    } else {
        rbk_step_stage_entered(step, region);
    }
}

void rbk_step_fall(struct step *step, uint32_t region, uint32_t next, struct rbk_cause cause)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_region_state *rs = region_of(step, region);
    enum rbk_state_kind kind = next == RBK_NONE || next == RBK_TARGET_STOP
                                   ? RBK_STATE_KIND_COUNT
                                   : machine->states[next].kind;
    if (kind == RBK_STATE_ROLLBACK && rs->order) {
        rbk_step_roll_back(step, region, cause);
        return;
    }
    if (machine->regions[region].kind == RBK_REGION_BRANCH ||
        rbk_state_forward(&machine->states[rs->state])) {
        rs->cause = cause;
    } else if (machine->regions[region].kind == RBK_REGION_STAGE &&
               (rs->failed_back.kind == RBK_CAUSE_NONE ||
                !rbk_state_is_test(machine, cause.index))) {
        rs->failed_back = cause; /* what began the way back stays its cause */
    }
    rbk_step_stop(step, region, next);
}

/* ---- dispatching ---- */

void rbk_step_dispatch(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    const struct rbk_machine_state *at = at_of(step, region);
    if (at->phase == RBK_PHASE_APPLY) {
        rbk_step_stage_begin_apply(step, rbk_region_root(step->machine, region));
    }
    rs->serial = step->state->next_serial++;
    rs->attempt++;
    rs->due_ms = 0;
    rbk_state_set_dispatched(step->machine, step->state, rs->state);
    if (effect_of(step, region)->kind == RBK_EFFECT_QUESTION) {
        rbk_step_question_open(step, region);
        return;
    }
    rs->mode = RBK_MODE_RUNNING;
    rbk_step_push(step, RBK_ACTION_DISPATCH, region);
}

void rbk_step_dispatch_parked(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (region_of(step, i)->mode == RBK_MODE_PARKED &&
            (rbk_run_going(step->state) || !rbk_state_forward(at_of(step, i)))) {
            rbk_step_dispatch(step, i);
        }
    }
}

void rbk_step_park(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    rs->mode = RBK_MODE_PARKED;
    rs->serial = 0;
    rs->approvals = 0;
    rs->due_ms = 0;
}

/* ---- outcomes ---- */

/* Readings have their retries inside the check tracker: one effect, one result. */
static bool is_reading(enum rbk_effect_kind kind)
{
    return kind == RBK_EFFECT_LET || kind == RBK_EFFECT_CHECK || kind == RBK_EFFECT_TEST ||
           kind == RBK_EFFECT_REQUIRE || kind == RBK_EFFECT_WAIT_UNTIL ||
           kind == RBK_EFFECT_CAPTURE;
}

/* Nothing of it can be alive when its runner is dead, and it does no harm twice. */
static bool is_gone_with_runner(enum rbk_effect_kind kind)
{
    return is_reading(kind) || kind == RBK_EFFECT_WAIT || kind == RBK_EFFECT_NOTIFY ||
           kind == RBK_EFFECT_BASELINE || kind == RBK_EFFECT_ARM || kind == RBK_EFFECT_NOTHING;
}

/* Where a failure leads when the table names no state for it. */
static uint32_t fallback(const struct step *step, uint32_t region)
{
    const struct rbk_region *row = &step->machine->regions[region];
    uint32_t next = region_of(step, region)->order ? row->rollback : row->held;
    return row->kind == RBK_REGION_STAGE && next != RBK_NONE ? next : RBK_TARGET_STOP;
}

/* States that only a failure leads to. */
static bool is_failure_kind(enum rbk_state_kind kind)
{
    return kind == RBK_STATE_ROLLBACK || kind == RBK_STATE_HELD || kind == RBK_STATE_STUCK ||
           kind == RBK_STATE_BRANCH_FAILED;
}

void rbk_step_fail(struct step *step, uint32_t region, enum rbk_outcome outcome)
{
    const struct rbk_machine_state *at = at_of(step, region);
    const struct rbk_effect *effect = effect_of(step, region);
    uint32_t next = at->next[outcome] != RBK_NONE ? at->next[outcome] : at->next[RBK_OUTCOME_FAIL];
    if (effect->kind == RBK_EFFECT_TEST && outcome == RBK_OUTCOME_FAIL && next != RBK_NONE &&
        !is_failure_kind(step->machine->states[next].kind)) {
        rbk_step_enter(step, region, next); /* an `if` or `when` that does not hold is no failure */
        return;
    }
    if (effect->optional) {
        rbk_step_enter(step, region, at->next[RBK_OUTCOME_OK]);
        return;
    }
    struct rbk_cause cause = {RBK_CAUSE_FAILURE, region_of(step, region)->state};
    if (outcome == RBK_OUTCOME_TIMEOUT) {
        cause.kind = RBK_CAUSE_TIMEOUT;
    } else if (effect->kind == RBK_EFFECT_QUESTION) {
        cause.kind = RBK_CAUSE_GATE;
    }
    region_of(step, region)->mode = RBK_MODE_IDLE; /* nothing in flight any more */
    rbk_step_fall(step, region, next != RBK_NONE ? next : fallback(step, region), cause);
}

/* What an effect in doubt is found out by; where the server could not say, what the plan says. */
static enum rbk_crash_rule doubt_rule(const struct rbk_effect *effect)
{
    if (effect->crash != RBK_CRASH_TRANSACTION) {
        return effect->crash;
    }
    return effect->idempotent              ? RBK_CRASH_AGAIN
           : effect->done_when != RBK_NONE ? RBK_CRASH_LOOK
                                           : RBK_CRASH_ASK;
}

/* Evaluate its `done when`. */
static void look(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    rs->serial = step->state->next_serial++;
    rs->mode = RBK_MODE_LOOKING;
    rbk_step_push(step, RBK_ACTION_LOOK, region);
}

/* It was stopped and may or may not have happened. It is not carried out again; what follows waits
 * until that is known. */
static void doubt_stopped(struct step *step, uint32_t region)
{
    if (doubt_rule(effect_of(step, region)) == RBK_CRASH_LOOK) {
        look(step, region);
    } else {
        rbk_step_doubt_open(step, region);
    }
}

/* It may or may not have happened: the effect's own rule. */
static void doubt(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    const struct rbk_effect *effect = effect_of(step, region);
    switch (doubt_rule(effect)) {
    case RBK_CRASH_LOOK:
        look(step, region);
        break;
    case RBK_CRASH_AGAIN:
    case RBK_CRASH_DURABLE:
        if (rs->attempt < effect->retry_count + AGAIN_BEYOND_RETRIES) {
            rbk_step_park(step, region);
        } else {
            rbk_step_fail(step, region, RBK_OUTCOME_FAIL);
        }
        break;
    case RBK_CRASH_TRANSACTION:
    case RBK_CRASH_ATTACH:
    case RBK_CRASH_ASK:
    case RBK_CRASH_RULE_COUNT:
        rbk_step_doubt_open(step, region);
        break;
    }
}

void rbk_step_conclude(struct step *step, uint32_t region, enum rbk_outcome outcome)
{
    struct rbk_region_state *rs = region_of(step, region);
    const struct rbk_effect *effect = effect_of(step, region);
    if (outcome == RBK_OUTCOME_OK) {
        rbk_step_enter(step, region, at_of(step, region)->next[RBK_OUTCOME_OK]);
    } else if (outcome == RBK_OUTCOME_DOUBT) {
        doubt(step, region);
    } else if (is_reading(effect->kind) || rs->attempt > effect->retry_count) {
        rbk_step_fail(step, region, outcome);
    } else if (!effect->retry_every_ms) {
        rbk_step_park(step, region);
    } else {
        rbk_step_park(step, region);
        rs->mode = RBK_MODE_RETRY;
        rs->due_ms = step->state->now_ms + effect->retry_every_ms;
    }
}

/* `done when` was evaluated: done, not done, or nobody knows. */
static void conclude_look(struct step *step, uint32_t region, enum rbk_outcome outcome)
{
    struct rbk_region_state *rs = region_of(step, region);
    if (outcome != RBK_OUTCOME_OK && outcome != RBK_OUTCOME_FAIL) {
        rbk_step_doubt_open(step, region);
    } else if (rs->target != RBK_NONE) {
        rbk_step_arrive(step, region);
    } else if (outcome == RBK_OUTCOME_OK) {
        rbk_step_conclude(step, region, outcome);
    } else if (rs->attempt < effect_of(step, region)->retry_count + AGAIN_BEYOND_RETRIES) {
        rbk_step_park(step, region);
    } else {
        rbk_step_fail(step, region, RBK_OUTCOME_FAIL);
    }
}

/* ---- stopping ---- */

void rbk_step_arrive(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    uint32_t target = rs->target;
    if (target != RBK_TARGET_STOP) {
        rbk_step_enter(step, region, target);
        return;
    }
    rs->mode = RBK_MODE_DONE;
    rs->target = RBK_NONE;
    rs->serial = 0;
    rs->due_ms = 0;
    memset(rs->block_due_ms, 0, sizeof(rs->block_due_ms));
    step->again = true;
}

void rbk_step_stop(struct step *step, uint32_t region, uint32_t target)
{
    struct rbk_region_state *rs = region_of(step, region);
    rs->target = target == RBK_NONE ? RBK_TARGET_STOP : target;
    switch ((enum rbk_mode)rs->mode) {
    case RBK_MODE_RUNNING:
        rs->mode = RBK_MODE_CANCELLING;
        rbk_step_push(step, RBK_ACTION_CANCEL, region);
        break;
    case RBK_MODE_DOUBT:
        rbk_step_doubt_goes_on(step, region);
        RBK_FALLTHROUGH;
    case RBK_MODE_LOOKING:
        /* What is in doubt stays so until it is known: the look or the question goes on, only what
         * comes after it is new. */
    case RBK_MODE_CANCELLING:
    case RBK_MODE_RESOLVING:
        break;
    case RBK_MODE_FORKED:
        step->again = true; /* rbk_step_fork_settle() stops the branches */
        break;
    case RBK_MODE_ASKING:
        if (!rbk_step_question_doubts(step, region)) {
            rbk_step_question_close(step, region);
            rbk_step_arrive(step, region);
        }
        break;
    case RBK_MODE_IDLE:
    case RBK_MODE_PARKED:
    case RBK_MODE_RETRY:
    case RBK_MODE_TURN:
    case RBK_MODE_DONE:
    case RBK_MODE_COUNT:
        rbk_step_arrive(step, region);
        break;
    }
}

/* ---- events of effects ---- */

void rbk_step_handle_result(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    enum rbk_outcome outcome = step->event->outcome;
    if (rs->mode == RBK_MODE_LOOKING) {
        conclude_look(step, region, outcome);
    } else if (rs->mode == RBK_MODE_RUNNING) {
        rbk_step_conclude(step, region, outcome);
    } else if (outcome == RBK_OUTCOME_DOUBT) {
        doubt_stopped(step, region);
    } else {
        rbk_step_arrive(step, region);
    }
}

void rbk_step_handle_resolved(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    bool stopping = rs->target != RBK_NONE;
    bool unknown =
        step->event->recovery == RBK_RECOVERY_UNKNOWN ||
        (step->event->recovery == RBK_RECOVERY_KNOWN && step->event->outcome == RBK_OUTCOME_DOUBT);
    if (step->event->recovery == RBK_RECOVERY_ATTACHED) {
        rs->mode = stopping ? RBK_MODE_CANCELLING : RBK_MODE_RUNNING;
        if (stopping) {
            rbk_step_push(step, RBK_ACTION_CANCEL, region);
        }
    } else if (stopping && unknown) {
        doubt_stopped(step, region);
    } else if (stopping) {
        rbk_step_arrive(step, region);
    } else if (unknown) {
        doubt(step, region);
    } else if (step->event->recovery == RBK_RECOVERY_NOT_STARTED) {
        rs->attempt--; /* what never began is not an attempt */
        rbk_step_park(step, region);
    } else {
        rbk_step_conclude(step, region, step->event->outcome);
    }
}

/* The runner that had this effect in flight is dead. */
static void resume_in_flight(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    if (!is_gone_with_runner(effect_of(step, region)->kind)) {
        rs->mode = RBK_MODE_RESOLVING;
        rbk_step_push(step, RBK_ACTION_RESOLVE, region);
    } else if (rs->target != RBK_NONE) {
        rbk_step_arrive(step, region);
    } else {
        rs->serial = step->state->next_serial++;
        rs->mode = RBK_MODE_RUNNING;
        rbk_step_push(step, RBK_ACTION_DISPATCH, region);
    }
}

void rbk_step_handle_resumed(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        struct rbk_region_state *rs = region_of(step, i);
        switch ((enum rbk_mode)rs->mode) {
        case RBK_MODE_RUNNING:
        case RBK_MODE_CANCELLING:
        case RBK_MODE_RESOLVING:
            resume_in_flight(step, i);
            break;
        case RBK_MODE_LOOKING:
            rs->serial = step->state->next_serial++;
            rbk_step_push(step, RBK_ACTION_LOOK, i);
            break;
        case RBK_MODE_ASKING:
        case RBK_MODE_DOUBT:
            rbk_step_push(step, RBK_ACTION_QUESTION_OPEN, i);
            break;
        case RBK_MODE_IDLE:
        case RBK_MODE_PARKED:
        case RBK_MODE_RETRY:
        case RBK_MODE_FORKED:
        case RBK_MODE_TURN:
        case RBK_MODE_DONE:
        case RBK_MODE_COUNT:
            break;
        }
    }
    rbk_step_triggers_resumed(step);
    rbk_step_held_resumed(step);
    if (step->state->hold == RBK_STATUS_PAUSED && step->state->cause.kind == RBK_CAUSE_INTERRUPT) {
        rbk_step_run_continue(step);
    }
}
