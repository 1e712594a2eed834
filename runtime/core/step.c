/*
 * step(): the one door through which a run changes. This file takes the event in, refuses it or
 * hands it to its handler, lets everything settle, and derives what people see. The order of work
 * within a step is written in step_internal.h.
 *
 * THE PLAN (region 0), and the function that performs each transition (rbk_step_ left out)
 *
 *   START --start()--> require, attest, lock, baseline, arm effects --conclude()--> STAGES
 *     |  a failing one --fail()--> HELD --restart()--> START
 *   STAGES --plan_settle(): all stages stand applied--> OBSERVE (for observe_ms)
 *     --plan_settle()--> GRACE (for grace_ms) --plan_settle()--> RETIRING
 *     --plan_settle(): retire done, or given up--> releases --conclude()--> COMPLETED
 *   OBSERVE, GRACE --roll_back(): a stage goes back--> STAGES
 *   anything before RETIRING --run_abort()--> ABORTING
 *     --plan_settle(): no stage is touched--> releases --> ABORTED
 *   anything, while no stage is touched --run_cancel()--> (all come to rest)
 *     --plan_settle()--> releases --> CANCELLED
 *
 *   turned holds from run_abort() on; cancelled from run_cancel() on. A release is never parked,
 * and a failing one is passed over.
 *
 * A STAGE
 *
 *   WAITING --stages_settle(): predecessors, not before, window--> require, approve, prepare
 *     --conclude()--> apply --conclude()--> verify --conclude()--> APPLIED
 *   require, approve, prepare --fail(), expire_block()--> HELD (hold_settle() holds the run)
 *   apply, verify --fail(), expire_block(); a trigger: roll_back()--> ROLLBACK (mode TURN)
 *   APPLIED --roll_back(): trigger, abort, a predecessor goes back--> ROLLBACK
 *   ROLLBACK --next_turn()--> `when`, steps and verify of the first strategy that holds
 *     --conclude()--> ROLLED_BACK          a failing one --fail()--> the next strategy, then STUCK
 *   ROLLED_BACK --restart(): attempts left, or `retry`--> WAITING
 *   HELD --restart(): `retry`--> WAITING
 *   STUCK --unstick(): `retry`--> ROLLBACK; `resolve … done`--> ROLLED_BACK
 *
 *   order is set from stage_begin_apply() to rolled_back(): the stage is "touched".
 *
 * AN EFFECT (the mode of a region in an EFFECT state)
 *
 *   enter() -> PARKED --dispatch()--> RUNNING --handle_result()--> conclude(): on to the next state
 *   dispatch() of a question -> ASKING --answer_region(), question_expire()--> conclude(), react()
 *   ASKING --question_shown(): its `done when` holds--> conclude()
 *   ASKING of a manual step `in doubt` --question_doubts(): cut off, or its time is up--> DOUBT
 *   RUNNING --conclude(): failed, retries left--> RETRY --region_due()--> PARKED
 *   RUNNING --doubt()--> PARKED (again) | LOOKING (`done when`) | DOUBT (a person is asked)
 *   LOOKING --conclude_look()--> done | PARKED | DOUBT
 *   DOUBT --doubt_answer(), question_expire()--> done | PARKED | failed
 *   RUNNING --stop()--> CANCELLING --handle_result()--> arrive() at `target`, or doubt_stopped():
 *     LOOKING or DOUBT, and when that is over arrive(); so it is when stop() finds it there
 *   RUNNING, CANCELLING --handle_resumed()--> RESOLVING --handle_resolved()--> as it was, or on
 *   FORKED --fork_settle()--> on, when all branches are still
 */
#include "runtime/core/step.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"
#include "runtime/core/way_back.h"

#include <string.h>

/* ---- actions ---- */

size_t rbk_actions_max(const struct rbk_machine *machine)
{
    /* A region can close a question, notify, be stopped, come to rest with a hook, and dispatch. */
    return (size_t)machine->region_count * 6 + (size_t)machine->trigger_count * 4 +
           machine->report_count + (size_t)machine->escalation_count * 2 + 16;
}

struct rbk_action *rbk_step_push(struct step *step, enum rbk_action_kind kind, uint32_t region)
{
    struct rbk_actions *actions = step->actions;
    RBK_ASSERT(actions->count < actions->capacity);
    struct rbk_action *action = &actions->items[actions->count++];
    memset(action, 0, sizeof(*action));
    action->kind = kind;
    action->region = region;
    action->state = RBK_NONE;
    action->question = RBK_NONE;
    action->owner = RBK_OWNER_REGION;
    action->cause = step->state->cause;
    if (region == RBK_NONE) {
        return action;
    }
    const struct rbk_region_state *rs = region_of(step, region);
    action->index = region;
    action->state = rs->state;
    action->serial = rs->serial;
    action->attempt = rs->attempt;
    if (kind == RBK_ACTION_QUESTION_OPEN || kind == RBK_ACTION_QUESTION_CLOSE) {
        action->question = rbk_region_question(step->machine, step->state, region);
        action->due_ms = rs->due_ms;
    }
    return action;
}

void rbk_step_hook(struct step *step, enum rbk_hook_kind kind, uint32_t region)
{
    struct rbk_action *action = rbk_step_push(step, RBK_ACTION_HOOK, region);
    action->index = kind;
    if (kind == RBK_HOOK_STUCK) {
        action->cause = region_of(step, region)->cause;
    }
}

/* ---- handlers without a file of their own ---- */

static enum rbk_refusal start(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_state *state = step->state;
    state->started_ms = state->now_ms;
    for (uint32_t i = 0; i < machine->report_count; i++) {
        uint64_t every_ms = step->settings->report_every_ms[i];
        *rbk_state_report_due(machine, state, i) = every_ms ? state->now_ms + every_ms : 0;
    }
    rbk_step_hook(step, RBK_HOOK_START, 0);
    rbk_step_enter(step, 0, machine->states[region_of(step, 0)->state].next[RBK_OUTCOME_OK]);
    return RBK_REFUSAL_ACCEPTED;
}

/* The region that awaits something of this serial in one of the modes given as bits. */
static uint32_t region_of_serial(const struct step *step, uint32_t modes)
{
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        const struct rbk_region_state *rs = region_of(step, i);
        if (rs->serial && rs->serial == step->event->serial && modes >> rs->mode & 1) {
            return i;
        }
    }
    return RBK_NONE;
}

#define MODE(name) (UINT32_C(1) << RBK_MODE_##name)

static enum rbk_refusal result(struct step *step)
{
    enum rbk_outcome outcome = step->event->outcome;
    uint32_t region =
        region_of_serial(step, MODE(RUNNING) | MODE(CANCELLING) | MODE(LOOKING) | MODE(ASKING));
    if (outcome != RBK_OUTCOME_OK && outcome != RBK_OUTCOME_FAIL &&
        outcome != RBK_OUTCOME_TIMEOUT && outcome != RBK_OUTCOME_MISSING &&
        outcome != RBK_OUTCOME_DOUBT) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (region == RBK_NONE) {
        return RBK_REFUSAL_STALE;
    }
    if (region_of(step, region)->mode == RBK_MODE_ASKING) {
        return rbk_step_question_shown(step, region);
    }
    rbk_step_handle_result(step, region);
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal resolved(struct step *step)
{
    uint32_t region = region_of_serial(step, MODE(RESOLVING));
    enum rbk_outcome outcome = step->event->outcome;
    if (step->event->recovery == RBK_RECOVERY_KNOWN &&
        (outcome == RBK_OUTCOME_DENIED || outcome == RBK_OUTCOME_EXPIRED ||
         (unsigned)outcome >= RBK_OUTCOME_COUNT)) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (region == RBK_NONE) {
        return RBK_REFUSAL_STALE;
    }
    rbk_step_handle_resolved(step, region);
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal criterion(struct step *step)
{
    uint32_t index = step->event->index;
    if (index >= step->machine->criterion_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (!rbk_criteria_armed(step->machine, step->state)) {
        return RBK_REFUSAL_NOT_ARMED;
    }
    rbk_step_run_abort(step, (struct rbk_cause){RBK_CAUSE_CRITERION, index});
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal answer(struct step *step)
{
    const struct rbk_event *event = step->event;
    if (event->owner == RBK_OWNER_TRIGGER) {
        return rbk_step_answer_trigger(step);
    }
    if (event->owner == RBK_OWNER_RUN) {
        return rbk_step_answer_held(step);
    }
    if (event->index >= step->machine->region_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    return rbk_step_answer_region(step, event->index, event->answer);
}

static void set_flag(struct rbk_region_state *rs, uint32_t flag, bool on)
{
    rs->flags = on ? rs->flags | flag : rs->flags & ~flag;
}

static enum rbk_refusal window(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    bool open = step->event->level == RBK_LEVEL_TRUE;
    uint32_t index = step->event->index;
    if (index >= machine->region_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE &&
            (i == index || (index == 0 && !rbk_stage_own_hours(&machine->regions[i])))) {
            set_flag(region_of(step, i), RBK_FLAG_WINDOW_OPEN, open);
        }
    }
    return RBK_REFUSAL_ACCEPTED;
}

/* A run that goes on by being resumed, in this very step, begins nothing by what a clock showed
 * when the last runner looked at it. */
static void forget_hours(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (step->event->level == RBK_LEVEL_MISSING &&
            machine->regions[i].kind == RBK_REGION_STAGE) {
            set_flag(region_of(step, i), RBK_FLAG_WINDOW_OPEN, false);
        }
    }
}

static enum rbk_refusal way_back(struct step *step)
{
    enum rbk_level level = step->event->level;
    uint32_t index = step->event->index;
    if (index >= step->machine->region_count || (unsigned)level >= RBK_LEVEL_COUNT) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (!rbk_stage_applied(step->machine, step->state, index)) {
        return RBK_REFUSAL_STALE;
    }
    struct rbk_region_state *rs = region_of(step, index);
    if (level == RBK_LEVEL_FALSE && !(rs->flags & RBK_FLAG_WAY_CLOSED)) {
        rbk_step_hook(step, RBK_HOOK_NO_WAY_BACK, index);
    }
    rs->flags = (rs->flags & ~RBK_FLAGS_WAY) | rbk_way_back_flags(level);
    return RBK_REFUSAL_ACCEPTED;
}

static enum rbk_refusal time_passed(struct step *step, uint64_t due_ms)
{
    if (!due_ms || due_ms > step->state->now_ms) {
        return RBK_REFUSAL_NOTHING_DUE;
    }
    rbk_step_handle_time(step);
    return RBK_REFUSAL_ACCEPTED;
}

/* ---- the step ---- */

static enum rbk_refusal handle(struct step *step)
{
    const struct rbk_state *state = step->state;
    enum rbk_event_kind kind = step->event->kind;
    if (state->ended_ms) {
        return RBK_REFUSAL_ENDED;
    }
    if (kind == RBK_EVENT_START) {
        return state->started_ms ? RBK_REFUSAL_STARTED : start(step);
    }
    if (kind == RBK_EVENT_WINDOW) {
        return window(step); /* also before the start: it says whether a stage may begin at once */
    }
    if (!state->started_ms) {
        return RBK_REFUSAL_NOT_STARTED;
    }
    switch (kind) {
    case RBK_EVENT_RESULT:
        return result(step);
    case RBK_EVENT_NOTE:
        return region_of_serial(step, ~UINT32_C(0)) == RBK_NONE ? RBK_REFUSAL_STALE
                                                                : RBK_REFUSAL_ACCEPTED;
    case RBK_EVENT_TIME:
        return time_passed(step, rbk_state_next_due(step->machine, state));
    case RBK_EVENT_TRIGGER:
        return rbk_step_handle_trigger(step);
    case RBK_EVENT_CRITERION:
        return criterion(step);
    case RBK_EVENT_ANSWER:
        return answer(step);
    case RBK_EVENT_COMMAND:
        return rbk_step_handle_command(step);
    case RBK_EVENT_WAY_BACK:
        return way_back(step);
    case RBK_EVENT_RESUMED:
        forget_hours(step);
        rbk_step_handle_resumed(step);
        return RBK_REFUSAL_ACCEPTED;
    case RBK_EVENT_RESOLVED:
        return resolved(step);
    case RBK_EVENT_START:
    case RBK_EVENT_WINDOW:
    case RBK_EVENT_COUNT:
        break;
    }
    return RBK_REFUSAL_UNKNOWN;
}

/* Branches that are to begin, and forks that may be joined or have to stop theirs. */
static void branches_settle(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        struct rbk_region_state *rs = region_of(step, i);
        if (rs->flags & RBK_FLAG_START) {
            rs->flags &= ~(uint32_t)RBK_FLAG_START;
            rbk_step_enter(step, i, step->machine->regions[i].states.first);
        }
        if (rs->mode == RBK_MODE_FORKED) {
            rbk_step_fork_settle(step, i);
        }
    }
}

/* What follows without a new event, in this order: only when all that is higher has come to rest is
 * the next looked at. So every fork is joined and every criterion is judged before a stage starts
 * or gets its turn to roll back: the turn goes to the last of all that go back, however they were
 * told. */
static void (*const settling[])(struct step *) = {
    branches_settle,          rbk_step_plan_settle,   rbk_step_hold_settle,
    rbk_step_criteria_settle, rbk_step_stages_settle,
};

static void settle(struct step *step)
{
    /* Every round moves something forward; the bound only matters to a machine nobody checked. */
    size_t rounds_max = (size_t)step->machine->state_count + step->machine->region_count + 16;
    size_t next = 0;
    for (size_t round = 0; next < RBK_COUNT(settling) && round < rounds_max;) {
        step->again = false;
        settling[next](step);
        next = step->again ? 0 : next + 1;
        round += step->again;
    }
}

enum rbk_refusal rbk_step(const struct rbk_machine *machine, const struct rbk_settings *settings,
                          struct rbk_state *state, const struct rbk_event *event,
                          struct rbk_actions *actions)
{
    struct step step = {machine, settings, state, event, actions, false};
    struct rbk_state before = *state;
    actions->count = 0;
    if (event->now_ms > state->now_ms) {
        state->now_ms = event->now_ms;
    }
    if (!state->now_ms) {
        state->now_ms = 1; /* 0 means "not" in every instant of the state */
    }
    enum rbk_refusal refusal = handle(&step);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        state->now_ms = before.now_ms;
        RBK_DCHECK(actions->count == 0);
        return refusal;
    }
    if (!state->started_ms) {
        return RBK_REFUSAL_ACCEPTED;
    }
    rbk_step_escalation_answered(&step);
    settle(&step);
    if (!state->ended_ms) {
        rbk_step_dispatch_parked(&step);
        rbk_step_escalate(&step);
    }
    rbk_step_triggers_sweep(&step);
    state->status = rbk_step_status_of(machine, state);
    rbk_step_criteria_forecast(&step, &before);
    return RBK_REFUSAL_ACCEPTED;
}

/* ---- names ---- */

#define X(constant, word, ...) word,
static const char *const event_names[] = {RBK_EVENTS(X)};
static const char *const command_names[] = {RBK_COMMANDS(X)};
static const char *const answer_names[] = {RBK_ANSWERS(X)};
static const char *const refusal_texts[] = {RBK_REFUSALS(X)};
#undef X

const char *rbk_event_name(enum rbk_event_kind kind)
{
    return (size_t)kind < RBK_EVENT_COUNT ? event_names[kind] : "?";
}

const char *rbk_command_name(enum rbk_command command)
{
    return (size_t)command < RBK_COMMAND_COUNT ? command_names[command] : "?";
}

const char *rbk_answer_name(enum rbk_answer answer)
{
    return (size_t)answer < RBK_ANSWER_COUNT ? answer_names[answer] : "?";
}

const char *rbk_refusal_text(enum rbk_refusal refusal)
{
    return (size_t)refusal < RBK_REFUSAL_COUNT ? refusal_texts[refusal] : "?";
}
