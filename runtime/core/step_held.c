/*
 * The question that `held at most D else ask R` puts to people when nobody has decided about a run
 * that is held or paused. Pausing and holding themselves are in step_plan.c.
 *
 *   hold() .. held_at_most_ms pass --hold_expire()--> open: R is asked, due at hold_due_ms
 *   open --answer_held(): continue, abort, cancel--> as the command of the same name, given at once
 *   open --answer_held(): ignore--> closed; the time to decide begins anew
 *   open --hold_expire(): nobody answered--> its `else`: others are asked, or the run turns
 *   open --whatever ends the hold, or gets the run stuck--> closed, by held_close()
 *
 * Invariant: held_reaction is set exactly while the question is open, and only while hold is.
 */
#include "runtime/core/step_internal.h"

uint32_t rbk_held_question(const struct rbk_machine *machine, const struct rbk_state *state)
{
    return state->held_reaction ? machine->reactions[state->held_reaction - 1].question : RBK_NONE;
}

uint32_t rbk_held_next(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint32_t question = rbk_held_question(machine, state);
    return question == RBK_NONE ? machine->held_otherwise : machine->questions[question].otherwise;
}

enum rbk_reaction_kind rbk_held_end(const struct rbk_machine *machine)
{
    uint32_t reaction = machine->held_otherwise;
    while (reaction != RBK_NONE && machine->reactions[reaction].kind == RBK_REACTION_ASK &&
           machine->reactions[reaction].question != RBK_NONE) {
        reaction = machine->questions[machine->reactions[reaction].question].otherwise;
    }
    return reaction == RBK_NONE ? RBK_REACTION_ABORT : machine->reactions[reaction].kind;
}

static struct rbk_action *push(struct step *step, enum rbk_action_kind kind)
{
    const struct rbk_state *state = step->state;
    struct rbk_action *action = rbk_step_push(step, kind, RBK_NONE);
    action->owner = RBK_OWNER_RUN;
    action->question = rbk_held_question(step->machine, state);
    action->serial = state->held_serial;
    action->due_ms = state->hold_due_ms;
    return action;
}

void rbk_step_held_close(struct step *step)
{
    struct rbk_state *state = step->state;
    if (state->held_reaction) {
        push(step, RBK_ACTION_QUESTION_CLOSE);
        state->held_reaction = state->held_serial = 0;
        state->held_approvals = state->held_proposed = 0;
    }
}

void rbk_step_held_open(struct step *step, uint32_t reaction)
{
    struct rbk_state *state = step->state;
    uint32_t question = step->machine->reactions[reaction].question;
    state->held_reaction = reaction + 1;
    state->held_serial = state->next_serial++;
    state->hold_due_ms = state->now_ms + step->machine->questions[question].within_ms;
    push(step, RBK_ACTION_QUESTION_OPEN);
    /* Whoever is told of a hold is told that it still lasts, and who is asked now. */
    rbk_step_hook(step, state->hold == RBK_STATUS_HELD ? RBK_HOOK_HOLD : RBK_HOOK_PAUSE, 0);
}

void rbk_step_held_resumed(struct step *step)
{
    if (step->state->held_reaction) {
        push(step, RBK_ACTION_QUESTION_OPEN);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The command that an answer stands for; COUNT: none, and RBK_ANSWER_IGNORE alone is good then. */
static enum rbk_command command_of(const struct step *step, enum rbk_answer answer)
{
    switch (answer) {
    case RBK_ANSWER_CONTINUE:
        return step->state->hold == RBK_STATUS_PAUSED ? RBK_COMMAND_CONTINUE : RBK_COMMAND_RETRY;
    case RBK_ANSWER_ABORT:
        return RBK_COMMAND_ABORT;
    case RBK_ANSWER_CANCEL:
        return RBK_COMMAND_CANCEL;
    default:
        return RBK_COMMAND_COUNT;
    }
}

/* What was agreed on is what the command of that name does, with its conditions. */
static enum rbk_refusal carry_out(struct step *step, enum rbk_answer answer)
{
    if (answer == RBK_ANSWER_IGNORE) {
        rbk_step_held_close(step);
        step->state->hold_due_ms = step->state->now_ms + step->machine->held_at_most_ms;
        return RBK_REFUSAL_ACCEPTED;
    }
    const struct rbk_event *event = step->event;
    struct rbk_event command = *event;
    command.kind = RBK_EVENT_COMMAND;
    command.command = command_of(step, answer);
    command.index = RBK_NONE;
    step->event = &command;
    enum rbk_refusal refusal = rbk_step_handle_command(step);
    step->event = event;
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        rbk_step_held_close(step);
    }
    return refusal;
}

enum rbk_refusal rbk_step_answer_held(struct step *step)
{
    struct rbk_state *state = step->state;
    enum rbk_answer answer = step->event->answer;
    if (!state->held_reaction) {
        return RBK_REFUSAL_NO_QUESTION;
    }
    if (step->event->serial && step->event->serial != state->held_serial) {
        return RBK_REFUSAL_OTHER_QUESTION;
    }
    uint32_t question = rbk_held_question(step->machine, state);
    enum rbk_refusal refusal = rbk_step_answer_refusal(step, question, state->hold_due_ms);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        return refusal;
    }
    if (answer != RBK_ANSWER_IGNORE && command_of(step, answer) == RBK_COMMAND_COUNT) {
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    uint32_t approvals = state->held_approvals, proposed = state->held_proposed;
    bool agreed = false;
    refusal = rbk_step_propose(step, question, answer, &approvals, &proposed, &agreed);
    if (refusal == RBK_REFUSAL_ACCEPTED && agreed) {
        return carry_out(step, answer);
    }
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        state->held_approvals = approvals;
        state->held_proposed = proposed;
    }
    return refusal;
}
