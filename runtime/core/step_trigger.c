/*
 * Triggers: from the level of a condition to a reaction.
 *
 *   QUIET ---- level true, or missing ----> react()
 *   react() -- `hold D then R` -----------> HOLDING -- rbk_step_triggers_due() -> react(R)
 *           -- `ask R`, `with approval` --> ASKING --- rbk_step_answer_trigger(),
 *                                                      rbk_step_triggers_due() -> carry_out()
 *           -- else ----------------------> carry_out() -> FIRED
 *   HOLDING, FIRED -- level false --------> QUIET
 *   any ------------- no longer armed ----> QUIET   rbk_step_triggers_sweep()
 *
 * Each edge is reacted to once: `seen` remembers, until the level is false, whether "true" and
 * "missing" were. A question that is open stays open when the level falls: the person decides. What
 * happened to the level meanwhile counts when the question is over: the table is in state.h.
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"
#include "runtime/core/turn.h"

#include <string.h>

/* Until the first reading is begun; the longest a reading may take; and for how long at most the
 * end of `observe` waits for a look. */
#define START_MS 250u
#define ANSWER_MS_MAX 5000u
#define LOOK_MS_MAX 600000u

#define SEEN(level) (UINT32_C(1) << (level))

static struct rbk_trigger_state *trigger_of(const struct step *step, uint32_t trigger)
{
    return rbk_state_trigger(step->machine, step->state, trigger);
}

static const struct rbk_reaction *reaction_of(const struct step *step, uint32_t trigger)
{
    return &step->machine->reactions[trigger_of(step, trigger)->reaction];
}

static struct rbk_cause cause_of(const struct step *step, uint32_t trigger)
{
    bool missing = !(trigger_of(step, trigger)->seen & SEEN(RBK_LEVEL_TRUE));
    return (struct rbk_cause){missing ? RBK_CAUSE_TRIGGER_MISSING : RBK_CAUSE_TRIGGER, trigger};
}

static void push_question(struct step *step, uint32_t trigger)
{
    const struct rbk_trigger_state *ts = trigger_of(step, trigger);
    struct rbk_action *action = rbk_step_push(step, RBK_ACTION_QUESTION_OPEN, RBK_NONE);
    action->owner = RBK_OWNER_TRIGGER;
    action->index = trigger;
    action->question = reaction_of(step, trigger)->question;
    action->serial = ts->serial;
    action->due_ms = ts->due_ms;
    action->cause = cause_of(step, trigger);
}

static void ask(struct step *step, uint32_t trigger)
{
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    uint32_t question = reaction_of(step, trigger)->question;
    ts->mode = RBK_TRIGGER_ASKING;
    ts->approvals = ts->proposed = 0;
    ts->serial = step->state->next_serial++;
    ts->due_ms = step->state->now_ms + rbk_step_question_within_ms(step->machine, question);
    push_question(step, trigger);
}

static void close_question(struct step *step, uint32_t trigger)
{
    struct rbk_action *action = rbk_step_push(step, RBK_ACTION_QUESTION_CLOSE, RBK_NONE);
    action->owner = RBK_OWNER_TRIGGER;
    action->index = trigger;
    action->question = reaction_of(step, trigger)->question;
    trigger_of(step, trigger)->serial = 0;
}

/* It has been reacted to: quiet until the next edge. */
static void settle_trigger(struct step *step, uint32_t trigger)
{
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    ts->mode = ts->level == RBK_LEVEL_FALSE ? RBK_TRIGGER_QUIET : RBK_TRIGGER_FIRED;
    ts->approvals = ts->proposed = 0;
    ts->due_ms = 0;
    ts->seen &= ~SEEN(RBK_LEVEL_FALSE);
    if (ts->level == RBK_LEVEL_FALSE) {
        ts->seen = 0;
    }
}

/* Whether data that was good was lost while a question about bad data was open: nobody has reacted
 * to that. */
static bool missed_an_edge(const struct rbk_trigger_state *ts)
{
    return ts->level == RBK_LEVEL_MISSING && (ts->seen & SEEN(RBK_LEVEL_FALSE)) &&
           (ts->seen & SEEN(RBK_LEVEL_TRUE));
}

static void react(struct step *step, uint32_t trigger, uint32_t reaction);

/* The missing rule, which waited for the question to be over; not when the trigger was disarmed by
 * what came of it. */
static void react_to_missed(struct step *step, uint32_t trigger)
{
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    if (rbk_trigger_armed(step->machine, step->state, trigger)) {
        ts->seen = SEEN(RBK_LEVEL_MISSING);
        ts->fired++;
        react(step, trigger, step->machine->triggers[trigger].missing);
    }
}

static void do_reaction(struct step *step, uint32_t trigger, struct rbk_cause cause,
                        enum rbk_reaction_kind kind, uint32_t channel)
{
    uint32_t stage = step->machine->triggers[trigger].region;
    switch (kind) {
    case RBK_REACTION_ROLLBACK:
        if (stage != RBK_NONE) {
            rbk_step_roll_back(step, stage, cause);
            break;
        }
        RBK_FALLTHROUGH; /* a plan's trigger has no stage of its own: everything goes back */
    case RBK_REACTION_ABORT:
        rbk_step_run_abort(step, cause);
        break;
    case RBK_REACTION_PAUSE:
        rbk_step_run_pause(step, cause);
        break;
    case RBK_REACTION_CANCEL:
        rbk_step_run_cancel_or_abort(step, cause);
        break;
    case RBK_REACTION_NOTIFY: {
        struct rbk_action *action = rbk_step_push(step, RBK_ACTION_NOTIFY, RBK_NONE);
        action->index = channel;
        action->cause = cause;
        break;
    }
    case RBK_REACTION_ASK:
    case RBK_REACTION_KEEP:
    case RBK_REACTION_HOLD:
    case RBK_REACTION_KIND_COUNT:
        break;
    }
}

/* The end of a reaction; KEEP: nothing is done. */
static void carry_out(struct step *step, uint32_t trigger, enum rbk_reaction_kind kind,
                      uint32_t channel)
{
    struct rbk_cause cause = cause_of(step, trigger);
    bool missed = missed_an_edge(trigger_of(step, trigger));
    settle_trigger(step, trigger);
    do_reaction(step, trigger, cause, kind, channel);
    if (missed) {
        react_to_missed(step, trigger);
    }
}

/* The `else` of a question may be a question again; the machine's chains of them end. */
static void react(struct step *step, uint32_t trigger, uint32_t reaction)
{
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    if (reaction == RBK_NONE) {
        carry_out(step, trigger, RBK_REACTION_KEEP, RBK_NONE);
        return;
    }
    const struct rbk_reaction *row = &step->machine->reactions[reaction];
    ts->reaction = reaction;
    if (row->kind == RBK_REACTION_HOLD) {
        ts->mode = RBK_TRIGGER_HOLDING;
        ts->due_ms = step->state->now_ms + row->hold_ms;
    } else if (row->question != RBK_NONE) {
        ask(step, trigger);
    } else {
        carry_out(step, trigger, row->kind, row->channel);
    }
}

/* Nobody answered, or approval was not given in time. */
static void expire(struct step *step, uint32_t trigger)
{
    uint32_t question = reaction_of(step, trigger)->question;
    uint32_t otherwise =
        question == RBK_NONE ? RBK_NONE : step->machine->questions[question].otherwise;
    close_question(step, trigger);
    if (otherwise == RBK_NONE) {
        carry_out(step, trigger, RBK_REACTION_ABORT, RBK_NONE);
    } else {
        react(step, trigger, otherwise);
    }
}

/* ---- events ---- */

enum rbk_refusal rbk_step_handle_trigger(struct step *step)
{
    uint32_t trigger = step->event->index;
    enum rbk_level level = step->event->level;
    if (trigger >= step->machine->trigger_count || (unsigned)level >= RBK_LEVEL_COUNT) {
        return RBK_REFUSAL_UNKNOWN;
    }
    if (!rbk_trigger_armed(step->machine, step->state, trigger)) {
        return RBK_REFUSAL_NOT_ARMED;
    }
    const struct rbk_trigger *row = &step->machine->triggers[trigger];
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    ts->level = level;
    if (level == RBK_LEVEL_FALSE) {
        if (ts->mode == RBK_TRIGGER_ASKING) {
            ts->seen |= SEEN(RBK_LEVEL_FALSE);
        } else {
            settle_trigger(step, trigger);
        }
        return RBK_REFUSAL_ACCEPTED;
    }
    bool news = !(ts->seen & SEEN(level)) && !(ts->seen & SEEN(RBK_LEVEL_TRUE));
    ts->seen |= SEEN(level);
    if (level == RBK_LEVEL_TRUE) {
        ts->seen &= ~SEEN(RBK_LEVEL_FALSE);
    }
    if (news) {
        if (ts->mode == RBK_TRIGGER_ASKING) {
            close_question(step, trigger); /* it asked about missing data; now there is some */
        }
        ts->fired++;
        react(step, trigger, level == RBK_LEVEL_TRUE ? row->reaction : row->missing);
    }
    return RBK_REFUSAL_ACCEPTED;
}

/* What was chosen in answer to `ask`. */
static void carry_out_choice(struct step *step, uint32_t trigger, enum rbk_answer answer)
{
    enum rbk_reaction_kind kind = answer == RBK_ANSWER_ABORT      ? RBK_REACTION_ABORT
                                  : answer == RBK_ANSWER_ROLLBACK ? RBK_REACTION_ROLLBACK
                                  : answer == RBK_ANSWER_PAUSE    ? RBK_REACTION_PAUSE
                                                                  : RBK_REACTION_KEEP; /* ignore */
    close_question(step, trigger);
    carry_out(step, trigger, kind, RBK_NONE);
}

/* What a person wants to be done. */
static enum rbk_refusal choose(struct step *step, uint32_t trigger, enum rbk_answer answer)
{
    switch (answer) {
    case RBK_ANSWER_ABORT:
    case RBK_ANSWER_PAUSE:
    case RBK_ANSWER_IGNORE:
        break;
    case RBK_ANSWER_ROLLBACK:
        if (step->machine->triggers[trigger].region != RBK_NONE) {
            break;
        }
        RBK_FALLTHROUGH; /* a plan's trigger has no stage of its own */
    default:
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    uint32_t question = reaction_of(step, trigger)->question;
    bool agreed = false;
    enum rbk_refusal refusal =
        rbk_step_propose(step, question, answer, &ts->approvals, &ts->proposed, &agreed);
    if (agreed) {
        carry_out_choice(step, trigger, answer);
    }
    return refusal;
}

enum rbk_refusal rbk_step_answer_trigger(struct step *step)
{
    uint32_t trigger = step->event->index;
    enum rbk_answer answer = step->event->answer;
    if (trigger >= step->machine->trigger_count) {
        return RBK_REFUSAL_UNKNOWN;
    }
    struct rbk_trigger_state *ts = trigger_of(step, trigger);
    if (ts->mode != RBK_TRIGGER_ASKING) {
        return RBK_REFUSAL_NO_QUESTION;
    }
    if (step->event->serial && step->event->serial != ts->serial) {
        return RBK_REFUSAL_OTHER_QUESTION;
    }
    const struct rbk_reaction *row = reaction_of(step, trigger);
    enum rbk_refusal refusal = rbk_step_answer_refusal(step, row->question, ts->due_ms);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        return refusal;
    }
    if (row->kind == RBK_REACTION_ASK) {
        return choose(step, trigger, answer);
    }
    if (answer == RBK_ANSWER_NO) {
        close_question(step, trigger);
        carry_out(step, trigger, RBK_REACTION_KEEP, RBK_NONE);
    } else if (answer == RBK_ANSWER_YES) {
        refusal = rbk_step_approve(step, row->question, &ts->approvals);
        if (refusal == RBK_REFUSAL_ACCEPTED &&
            rbk_question_missing(step->machine, row->question, ts->approvals) == 0) {
            close_question(step, trigger);
            carry_out(step, trigger, row->kind, row->channel);
        }
    } else {
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    return refusal;
}

/* ---- time ---- */

static bool is_due(const struct step *step, uint32_t trigger)
{
    const struct rbk_trigger_state *ts = trigger_of(step, trigger);
    return ts->due_ms && ts->due_ms <= step->state->now_ms;
}

/* The one of the triggers that are due that comes first; RBK_NONE: none is. */
static uint32_t first_due(const struct step *step)
{
    uint64_t first = UINT64_MAX;
    uint32_t found = RBK_NONE;
    for (uint32_t i = 0; i < step->machine->trigger_count; i++) {
        if (is_due(step, i)) {
            uint64_t number = rbk_trigger_due_number(step->machine, trigger_of(step, i), i);
            found = number < first ? i : found;
            first = number < first ? number : first;
        }
    }
    return found;
}

/* Strongest first, then the order of the plan, until the run has turned. */
void rbk_step_triggers_due(struct step *step)
{
    const struct rbk_state *state = step->state;
    uint32_t trigger;
    while (!state->turned && !state->cancelled && !state->stuck_ms &&
           (trigger = first_due(step)) != RBK_NONE) {
        if (trigger_of(step, trigger)->mode == RBK_TRIGGER_ASKING) {
            expire(step, trigger);
        } else {
            react(step, trigger, reaction_of(step, trigger)->then);
        }
    }
}

/* ---- arming ---- */

/* Whether a trigger's open question still makes sense, although it may not be armed now: a stage it
 * sleeps through passes, a rollback of its own stage or the end of the watch does not. */
static bool question_stands(const struct step *step, uint32_t trigger)
{
    const struct rbk_state *state = step->state;
    uint32_t stage = step->machine->triggers[trigger].region;
    if (state->turned || state->cancelled || state->ended_ms ||
        rbk_run_past_grace(step->machine, state)) {
        return false;
    }
    return stage == RBK_NONE || (rbk_stage_touched(step->machine, state, stage) &&
                                 !rbk_stage_rolling_back(step->machine, state, stage));
}

void rbk_step_triggers_sweep(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->trigger_count; i++) {
        struct rbk_trigger_state *ts = trigger_of(step, i);
        bool fresh = ts->mode == RBK_TRIGGER_QUIET && ts->level == RBK_LEVEL_FALSE && !ts->seen;
        if (fresh || rbk_trigger_armed(step->machine, step->state, i)) {
            continue;
        }
        ts->level = RBK_LEVEL_FALSE;
        if (ts->mode == RBK_TRIGGER_ASKING && question_stands(step, i)) {
            ts->seen |= SEEN(RBK_LEVEL_FALSE); /* it begins anew when it is armed again */
            continue;
        }
        if (ts->mode == RBK_TRIGGER_ASKING) {
            close_question(step, i);
        }
        settle_trigger(step, i);
        ts->reaction = 0;
    }
}

/* How long an armed trigger needs to find out, once somebody watches again: the readings of its
 * sources, as often as it wants them, and its spans. */
static uint64_t look_ms(const struct step *step, uint32_t trigger)
{
    const struct rbk_machine *machine = step->machine;
    const struct rbk_trigger *row = &machine->triggers[trigger];
    struct rbk_slice code = row->condition < machine->expr_count
                                ? machine->exprs[row->condition].code
                                : (struct rbk_slice){0, 0};
    uint64_t every_ms = row->every_ms;
    uint64_t answer_ms = row->every_ms < ANSWER_MS_MAX ? row->every_ms : ANSWER_MS_MAX;
    for (uint32_t i = 0; i < code.count; i++) {
        struct rbk_op_code op = machine->codes[code.first + i];
        if (op.op == RBK_OP_WINDOW) {
            const struct rbk_probe *probe = &machine->probes[machine->windows[op.operand].probe];
            every_ms = probe->every_ms > every_ms ? probe->every_ms : every_ms;
            answer_ms = probe->timeout_ms > answer_ms ? probe->timeout_ms : answer_ms;
        }
    }
    uint64_t more = row->for_readings > 1 ? row->for_readings - 1 : 0;
    uint64_t all_ms = 0;
    if (__builtin_mul_overflow(more, every_ms, &all_ms) ||
        __builtin_add_overflow(all_ms, answer_ms + START_MS, &all_ms) ||
        __builtin_add_overflow(all_ms, row->for_ms, &all_ms) ||
        __builtin_add_overflow(all_ms, row->confirm_ms, &all_ms)) {
        return LOOK_MS_MAX;
    }
    return all_ms < LOOK_MS_MAX ? all_ms : LOOK_MS_MAX;
}

/* `observe` and `grace` are instants, but they do not end unseen: what came true while nobody lived
 * to see it is looked for first, for no longer than they are. */
static void look_before_the_end(struct step *step)
{
    struct rbk_state *state = step->state;
    uint64_t longest_ms = 0;
    enum rbk_state_kind kind = step->machine->states[region_of(step, 0)->state].kind;
    if (!state->plan_due_ms || (kind != RBK_STATE_OBSERVE && kind != RBK_STATE_GRACE)) {
        return;
    }
    for (uint32_t i = 0; i < step->machine->trigger_count; i++) {
        if (rbk_trigger_armed(step->machine, state, i)) {
            uint64_t ms = look_ms(step, i);
            longest_ms = ms > longest_ms ? ms : longest_ms;
        }
    }
    uint64_t whole_ms =
        kind == RBK_STATE_OBSERVE ? step->settings->observe_ms : step->settings->grace_ms;
    longest_ms = longest_ms < whole_ms ? longest_ms : whole_ms;
    if (longest_ms != 0 && state->plan_due_ms < state->now_ms + longest_ms) {
        state->plan_due_ms = state->now_ms + longest_ms;
    }
}

/* What a trigger has reacted to stays known: the same level, found again by a new runner, is no new
 * edge, and the watch compares what it reads with the level that stands here. A `hold` counts a
 * time of readings, and nobody read while no runner lived: it begins anew. */
void rbk_step_triggers_resumed(struct step *step)
{
    for (uint32_t i = 0; i < step->machine->trigger_count; i++) {
        struct rbk_trigger_state *ts = trigger_of(step, i);
        if (ts->mode == RBK_TRIGGER_ASKING) {
            push_question(step, i);
        } else if (ts->mode == RBK_TRIGGER_HOLDING) {
            ts->due_ms = step->state->now_ms + reaction_of(step, i)->hold_ms;
        }
    }
    look_before_the_end(step);
}
