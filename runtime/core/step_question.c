/*
 * Questions that a region asks: gates, manual steps, and doubt about an effect, or about a manual
 * step that is cut off while nobody has said whether it was done. Triggers ask theirs
 * in step_trigger.c.
 *
 * Invariant: a region in mode ASKING or DOUBT has one question open and a due_ms; whatever ends
 * that closes the question first, in rbk_step_question_close().
 */
#include "runtime/core/base/assert.h"
#include "runtime/core/step_internal.h"

uint32_t rbk_step_question_seats(const struct step *step, uint32_t question)
{
    uint32_t count = rbk_question_seat_count(step->machine, question);
    return step->event->seats & (count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1);
}

enum rbk_refusal rbk_step_answer_refusal(const struct step *step, uint32_t question,
                                         uint64_t due_ms)
{
    if (step->state->now_ms >= due_ms) {
        return RBK_REFUSAL_TOO_LATE;
    }
    if (step->event->own && rbk_question_four_eyes(step->machine, question)) {
        return RBK_REFUSAL_OWN_RUN;
    }
    return rbk_step_question_seats(step, question) ? RBK_REFUSAL_ACCEPTED : RBK_REFUSAL_NOT_YOURS;
}

enum rbk_refusal rbk_step_approve(const struct step *step, uint32_t question, uint32_t *approvals)
{
    uint32_t before = *approvals & ~step->event->barred;
    uint32_t with = before | rbk_step_question_seats(step, question);
    /* Who brings it no further now never does: what people can fill together is a matroid. */
    if (rbk_question_missing(step->machine, question, with) ==
        rbk_question_missing(step->machine, question, before)) {
        return RBK_REFUSAL_NOT_NEEDED;
    }
    *approvals = with;
    return RBK_REFUSAL_ACCEPTED;
}

/* Whether one of the roles that are asked what to do has as many people as it needs. */
static bool one_role_agrees(const struct rbk_machine *machine, uint32_t question,
                            uint32_t approvals)
{
    uint32_t count = machine->questions[question].roles.count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t of_role = approvals & rbk_question_role_seats(machine, question, i);
        if ((uint32_t)__builtin_popcount(of_role) >= rbk_question_quorum(machine, question, i)) {
            return true;
        }
    }
    return count == 0;
}

enum rbk_refusal rbk_step_propose(const struct step *step, uint32_t question,
                                  enum rbk_answer answer, uint32_t *approvals, uint32_t *proposed,
                                  bool *ret_agreed)
{
    uint32_t seats = rbk_step_question_seats(step, question);
    uint32_t before = *approvals & ~step->event->barred;
    bool same = *proposed == (uint32_t)answer + 1;
    if (same && !(seats & ~before)) {
        return RBK_REFUSAL_NOT_NEEDED;
    }
    *approvals = same ? before | seats : seats;
    *proposed = (uint32_t)answer + 1;
    *ret_agreed = one_role_agrees(step->machine, question, *approvals);
    return RBK_REFUSAL_ACCEPTED;
}

uint64_t rbk_step_question_within_ms(const struct rbk_machine *machine, uint32_t question)
{
    return question == RBK_NONE ? machine->held_at_most_ms : machine->questions[question].within_ms;
}

/* The time that the open question of a region has. */
static uint64_t within_ms_of(const struct step *step, uint32_t region)
{
    return rbk_step_question_within_ms(step->machine,
                                       rbk_region_question(step->machine, step->state, region));
}

static void ask(struct step *step, uint32_t region, enum rbk_mode mode)
{
    struct rbk_region_state *rs = region_of(step, region);
    rs->mode = mode;
    rs->approvals = 0;
    rs->due_ms = step->state->now_ms + within_ms_of(step, region);
    rbk_step_push(step, RBK_ACTION_QUESTION_OPEN, region);
}

void rbk_step_question_open(struct step *step, uint32_t region)
{
    ask(step, region, RBK_MODE_ASKING);
}

void rbk_step_doubt_open(struct step *step, uint32_t region)
{
    region_of(step, region)->asked_on = 0;
    ask(step, region, RBK_MODE_DOUBT);
}

/* Ask about the doubt again: those who were asked before, or others. */
static void doubt_again(struct step *step, uint32_t region, uint32_t asked_on)
{
    struct rbk_region_state *rs = region_of(step, region);
    rbk_step_question_close(step, region);
    rs->asked_on = asked_on;
    rs->serial = step->state->next_serial++;
    ask(step, region, RBK_MODE_DOUBT);
}

/* The same people, about a run that is still: as long as it is, so that they are not asked time and
 * again for nothing. */
static void doubt_waits(struct step *step, uint32_t region)
{
    const struct rbk_state *state = step->state;
    doubt_again(step, region, region_of(step, region)->asked_on);
    struct rbk_region_state *rs = region_of(step, region);
    if (state->hold_due_ms > rs->due_ms) {
        rs->due_ms = state->hold_due_ms;
        step->actions->items[step->actions->count - 1].due_ms = rs->due_ms;
    }
}

bool rbk_step_question_doubts(struct step *step, uint32_t region)
{
    uint32_t effect = rbk_region_at(step->machine, step->state, region)->effect;
    if (step->machine->effects[effect].doubt_question == RBK_NONE) {
        return false;
    }
    rbk_step_question_close(step, region);
    region_of(step, region)->serial = step->state->next_serial++;
    rbk_step_doubt_open(step, region);
    return true;
}

enum rbk_refusal rbk_step_question_shown(struct step *step, uint32_t region)
{
    uint32_t effect = rbk_region_at(step->machine, step->state, region)->effect;
    if (step->machine->effects[effect].done_when == RBK_NONE ||
        step->event->outcome != RBK_OUTCOME_OK) {
        return RBK_REFUSAL_STALE;
    }
    rbk_step_question_close(step, region);
    rbk_step_conclude(step, region, RBK_OUTCOME_OK);
    return RBK_REFUSAL_ACCEPTED;
}

void rbk_step_question_close(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    rbk_step_push(step, RBK_ACTION_QUESTION_CLOSE, region);
    rs->mode = RBK_MODE_IDLE;
    rs->approvals = 0;
    rs->asked_on = 0;
    rs->due_ms = 0;
}

/* Whether the `else` of a question may turn or stop the run. A rollback is not stopped by a refusal
 * or by silence: it only goes on to what the table says. */
static bool free_to_react(const struct step *step, uint32_t region)
{
    return rbk_state_forward(rbk_region_at(step->machine, step->state, region)) &&
           !step->state->turned && !step->state->cancelled;
}

/* `else …` of a question that was refused, or that nobody answered. It is closed. */
static void react(struct step *step, uint32_t region, uint32_t reaction, enum rbk_outcome outcome)
{
    const struct rbk_machine *machine = step->machine;
    const struct rbk_machine_state *at = rbk_region_at(machine, step->state, region);
    uint32_t root = rbk_region_root(machine, region);
    struct rbk_cause cause = {RBK_CAUSE_GATE, region_of(step, region)->state};
    bool reacts = reaction != RBK_NONE && free_to_react(step, region);
    bool way_back = !rbk_run_past_grace(machine, step->state);
    enum rbk_reaction_kind kind =
        reacts ? machine->reactions[reaction].kind : RBK_REACTION_KIND_COUNT;
    if (kind == RBK_REACTION_ABORT && way_back) {
        rbk_step_run_abort(step, cause);
    } else if (kind == RBK_REACTION_CANCEL && way_back) {
        rbk_step_run_cancel_or_abort(step, cause);
    } else if (kind == RBK_REACTION_PAUSE) {
        rbk_step_park(step, region); /* it is asked again when the run goes on */
        rbk_step_run_pause(step, cause);
    } else if (kind == RBK_REACTION_ROLLBACK && rbk_stage_touched(machine, step->state, root)) {
        rbk_step_roll_back(step, root, cause);
    } else if ((kind == RBK_REACTION_KEEP || kind == RBK_REACTION_ASK) &&
               at->next[RBK_OUTCOME_EXPIRED] != RBK_NONE) {
        /* Of ASK that is the state with the next question. */
        rbk_step_enter(step, region, at->next[RBK_OUTCOME_EXPIRED]);
    } else if (kind == RBK_REACTION_KEEP && root == machine->retire_region) {
        rbk_step_retire_give_up(step);
    } else {
        if (kind == RBK_REACTION_NOTIFY) {
            struct rbk_action *action = rbk_step_push(step, RBK_ACTION_NOTIFY, region);
            action->index = machine->reactions[reaction].channel;
            action->cause = cause;
        }
        rbk_step_fail(step, region, outcome);
    }
}

static enum rbk_refusal doubt_answer(struct step *step, uint32_t region, enum rbk_answer answer)
{
    struct rbk_region_state *rs = region_of(step, region);
    if (answer != RBK_ANSWER_DONE && answer != RBK_ANSWER_NOT_DONE) {
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    uint32_t effect = rbk_region_at(step->machine, step->state, region)->effect;
    uint32_t by_hand = step->machine->effects[effect].question;
    rbk_step_question_close(step, region);
    if (rs->target != RBK_NONE) {
        rbk_step_arrive(step, region);
    } else if (answer == RBK_ANSWER_DONE) {
        rbk_step_conclude(step, region, RBK_OUTCOME_OK);
    } else if (by_hand != RBK_NONE) {
        /* It was asked whether the silence meant that it is done. */
        react(step, region, step->machine->questions[by_hand].otherwise, RBK_OUTCOME_EXPIRED);
    } else {
        rbk_step_park(step, region);
    }
    return RBK_REFUSAL_ACCEPTED;
}

/* Whether an answer is a yes (1) or a no (0) to a question of this kind, or neither (-1). */
static int yes_or_no(enum rbk_question_kind kind, enum rbk_answer answer)
{
    bool manual = kind == RBK_QUESTION_MANUAL;
    if (answer == (manual ? RBK_ANSWER_DONE : RBK_ANSWER_YES)) {
        return 1;
    }
    return answer == (manual ? RBK_ANSWER_NOT_DONE : RBK_ANSWER_NO) ? 0 : -1;
}

enum rbk_refusal rbk_step_answer_region(struct step *step, uint32_t region, enum rbk_answer answer)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_region_state *rs = region_of(step, region);
    if (rs->mode != RBK_MODE_ASKING && rs->mode != RBK_MODE_DOUBT) {
        return RBK_REFUSAL_NO_QUESTION;
    }
    if (step->event->serial && step->event->serial != rs->serial) {
        return RBK_REFUSAL_OTHER_QUESTION;
    }
    uint32_t question = rbk_region_question(machine, step->state, region);
    enum rbk_refusal refusal = rbk_step_answer_refusal(step, question, rs->due_ms);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        return refusal;
    }
    if (rs->mode == RBK_MODE_DOUBT) {
        return doubt_answer(step, region, answer);
    }
    int yes = yes_or_no(machine->questions[question].kind, answer);
    if (yes < 0) {
        return RBK_REFUSAL_WRONG_ANSWER;
    }
    if (!yes) {
        rbk_step_question_close(step, region);
        react(step, region, machine->questions[question].otherwise, RBK_OUTCOME_DENIED);
        return RBK_REFUSAL_ACCEPTED;
    }
    refusal = rbk_step_approve(step, question, &rs->approvals);
    if (refusal == RBK_REFUSAL_ACCEPTED &&
        rbk_question_missing(machine, question, rs->approvals) == 0) {
        rbk_step_question_close(step, region);
        rbk_step_conclude(step, region, RBK_OUTCOME_OK);
    }
    return refusal;
}

/* Nobody said what became of an effect. Whoever is asked next, also while the effect is being
 * stopped, may know; only when all were silent the run goes on without knowing. A pause does not:
 * the doubt outlives it, and the effect is not carried out again. @return Whether it is asked. */
static bool doubt_is_asked_again(struct step *step, uint32_t region, uint32_t question)
{
    const struct rbk_machine *machine = step->machine;
    const struct rbk_region_state *rs = region_of(step, region);
    uint32_t otherwise = question == RBK_NONE ? RBK_NONE : machine->questions[question].otherwise;
    if (rs->mode != RBK_MODE_DOUBT || otherwise == RBK_NONE) {
        return false;
    }
    if (rbk_question_asked_on(machine, question) != RBK_NONE) {
        doubt_again(step, region, rs->asked_on + 1);
        return true;
    }
    if (machine->reactions[otherwise].kind == RBK_REACTION_PAUSE && rs->target == RBK_NONE &&
        free_to_react(step, region)) {
        rbk_step_run_pause(step, (struct rbk_cause){RBK_CAUSE_GATE, rs->state});
        doubt_waits(step, region);
        return true;
    }
    return false;
}

void rbk_step_doubt_goes_on(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    uint64_t due_ms = step->state->now_ms + within_ms_of(step, region);
    if (rs->mode == RBK_MODE_DOUBT && rs->due_ms > due_ms) {
        rs->due_ms = due_ms;
    }
}

void rbk_step_question_expire(struct step *step, uint32_t region)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_region_state *rs = region_of(step, region);
    uint32_t question = rbk_region_question(machine, step->state, region);
    uint32_t otherwise = question == RBK_NONE ? RBK_NONE : machine->questions[question].otherwise;
    if (doubt_is_asked_again(step, region, question) ||
        (rs->mode == RBK_MODE_ASKING && rbk_step_question_doubts(step, region))) {
        return;
    }
    rbk_step_question_close(step, region);
    if (rs->target != RBK_NONE) {
        rbk_step_arrive(step, region);
    } else if (question == RBK_NONE && free_to_react(step, region) &&
               !rbk_run_past_grace(machine, step->state)) {
        /* A doubt that the plan has no words for, and that nobody resolved. */
        rbk_step_run_abort(step, (struct rbk_cause){RBK_CAUSE_UNDECIDED, rs->state});
    } else {
        react(step, region, otherwise, RBK_OUTCOME_EXPIRED);
    }
}
