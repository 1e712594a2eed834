#ifndef RBK_RUNTIME_CORE_STEP_INTERNAL_H
#define RBK_RUNTIME_CORE_STEP_INTERNAL_H

/*
 * What the files of step() share: one struct step lives for the length of one rbk_step(). Nobody
 * outside runtime/core/step*.c and state*.c includes this.
 *
 * The order of work within a step, which the files rely on:
 *   1. refusal   step.c decides whether the event is accepted; nothing has changed until then
 *   2. handler   moves regions; an EFFECT state that is entered only becomes PARKED
 *   3. settle    whatever follows without a new event, until nothing moves: forks join, stages take
 *                their turn to roll back or start, the plan goes on, holds begin, criteria are
 * judged
 *   4. dispatch  parked regions that may go are dispatched: once for a region, and never for an
 *                effect that the same event took back
 *   5. finish    triggers that are no longer armed are forgotten, the status is derived
 */

#include "runtime/core/step.h"

struct step {
    const struct rbk_machine *machine;
    const struct rbk_settings *settings;
    struct rbk_state *state;
    const struct rbk_event *event;
    struct rbk_actions *actions;
    bool again; /* something moved: settle once more */
};

/* Only within a step: the stage depends on the one that is being rolled back. */
#define FLAG_MARK 16u

/* ---- the block, state.c ---- */

void rbk_state_set_dispatched(const struct rbk_machine *machine, struct rbk_state *state,
                              uint32_t machine_state);
void rbk_state_clear_dispatched(const struct rbk_machine *machine, struct rbk_state *state,
                                struct rbk_slice states);

/* ---- looking, state_query.c ---- */

static inline struct rbk_region_state *region_of(const struct step *step, uint32_t region)
{
    return rbk_state_region(step->machine, step->state, region);
}

/* The row of the state a region is in. */
const struct rbk_machine_state *rbk_region_at(const struct rbk_machine *machine,
                                              const struct rbk_state *state, uint32_t region);
/* Whether a region awaits something (a result, an answer, an instant, its branches, permission). */
bool rbk_region_active(const struct rbk_region_state *region);
/* Whether a region rests in a place that only a person, or an abort, leads out of. */
bool rbk_region_undecided(const struct rbk_machine *machine, const struct rbk_state *state,
                          uint32_t region);
/* Whether the effects of a state go forward: not a rollback's and not the release of a lock. */
bool rbk_state_forward(const struct rbk_machine_state *state);
/* Whether forward effects may be dispatched now: not held, paused, turned, cancelled or stuck. */
bool rbk_run_going(const struct rbk_state *state);
/* Whether somebody is deciding, or about to be asked, whether the run turns round: it is held or
 * paused, or a trigger holds or asks. Until that is over nothing closes the way back. */
bool rbk_run_undecided(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether observe or grace is over, and nothing is undecided. */
bool rbk_plan_time_is_up(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether nothing but time keeps a stage in WAITING; ret_at_ms: from when it may start, 0: now. */
bool rbk_stage_may_start(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t region, uint64_t *ret_at_ms);
/* The instant at which a stage starts, or would but for a closed way back; 0: time does not matter.
 */
uint64_t rbk_stage_start_due(const struct rbk_machine *machine, const struct rbk_state *state,
                             uint32_t region);
/* The earliest deadline of the blocks a region is in; ret_block says whose. 0: none. */
uint64_t rbk_region_block_due(const struct rbk_machine *machine, const struct rbk_state *state,
                              uint32_t region, uint32_t *ret_block);

/* ---- step.c ---- */

struct rbk_action *rbk_step_push(struct step *step, enum rbk_action_kind kind, uint32_t region);
void rbk_step_hook(struct step *step, enum rbk_hook_kind kind, uint32_t region);

/* ---- step_region.c: one region and its effect ---- */

/* Go to a state, and on through PASS and GUARD. The region must have nothing in flight. */
void rbk_step_enter(struct step *step, uint32_t region, uint32_t next);
/* Go to a state because something failed: records the cause; ROLLBACK takes dependants along. */
void rbk_step_fall(struct step *step, uint32_t region, uint32_t next, struct rbk_cause cause);
/* Stop whatever a region does, then go to `target` (a state, or RBK_TARGET_STOP). */
void rbk_step_stop(struct step *step, uint32_t region, uint32_t target);
/* A region being stopped is still: go where it was told. */
void rbk_step_arrive(struct step *step, uint32_t region);
/* The outcome of the effect of a region is known. */
void rbk_step_conclude(struct step *step, uint32_t region, enum rbk_outcome outcome);
/* The effect failed for good. `outcome` says how; the cause is recorded. */
void rbk_step_fail(struct step *step, uint32_t region, enum rbk_outcome outcome);
/* Carry out the effect of the region's state again: at once, or when the run goes on. */
void rbk_step_park(struct step *step, uint32_t region);
/* Carry out the effect of a PARKED region. */
void rbk_step_dispatch(struct step *step, uint32_t region);
/* Send everything in PARKED that may go. */
void rbk_step_dispatch_parked(struct step *step);

void rbk_step_handle_result(struct step *step, uint32_t region);
void rbk_step_handle_resolved(struct step *step, uint32_t region);
void rbk_step_handle_resumed(struct step *step);

/* ---- step_fork.c ---- */

void rbk_step_fork_enter(struct step *step, uint32_t region);
void rbk_step_fork_settle(struct step *step, uint32_t region);

/* ---- step_stage.c ---- */

/* Roll a touched stage back, its dependants first. Does nothing when it is on its way already. */
void rbk_step_roll_back(struct step *step, uint32_t region, struct rbk_cause cause);
/* Back to WAITING for a new attempt, not before due_ms; dependants that were rolled back follow. */
void rbk_step_restart(struct step *step, uint32_t region, uint64_t due_ms);
void rbk_step_stage_entered(struct step *step, uint32_t region);
void rbk_step_stages_settle(struct step *step);
/* The first effect of a stage's apply is about to be dispatched. */
void rbk_step_stage_begin_apply(struct step *step, uint32_t stage);

/* ---- step_plan.c ---- */

void rbk_step_plan_entered(struct step *step);
void rbk_step_plan_settle(struct step *step);
void rbk_step_hold_settle(struct step *step);
void rbk_step_run_abort(struct step *step, struct rbk_cause cause);
void rbk_step_run_cancel(struct step *step, struct rbk_cause cause);
/* Cancel when no stage is touched, else abort. */
void rbk_step_run_cancel_or_abort(struct step *step, struct rbk_cause cause);
/* Now, or as soon as it is neither held nor stuck. */
void rbk_step_run_pause(struct step *step, struct rbk_cause cause);
/* Go on when it is paused; take back a pause that was to come. */
void rbk_step_run_continue(struct step *step);
/* Held or paused for too long. */
void rbk_step_hold_expire(struct step *step);
/* The retire is given up: the old system stays. */
void rbk_step_retire_give_up(struct step *step);
enum rbk_status rbk_step_status_of(const struct rbk_machine *machine,
                                   const struct rbk_state *state);

/* ---- step_question.c: questions of regions ---- */

void rbk_step_question_open(struct step *step, uint32_t region);
void rbk_step_question_close(struct step *step, uint32_t region);
/* In doubt, and nobody but a person can tell. */
void rbk_step_doubt_open(struct step *step, uint32_t region);
/* The run goes on, or the region is to stop: a question that was to wait as long as the run was
 * still has its own time from now on. */
void rbk_step_doubt_goes_on(struct step *step, uint32_t region);
enum rbk_refusal rbk_step_answer_region(struct step *step, uint32_t region, enum rbk_answer answer);
void rbk_step_question_expire(struct step *step, uint32_t region);
/* A manual step is cut off, or its time is up: put it to those whom its `in doubt` names, if it has
 * one, before anything else begins. @return  Whether it has. */
bool rbk_step_question_doubts(struct step *step, uint32_t region);
/* What a `manual … done when` asks for was looked at: when it is there, nobody has to say so. */
enum rbk_refusal rbk_step_question_shown(struct step *step, uint32_t region);
/* The seats of a question that whoever gave this event fills. */
uint32_t rbk_step_question_seats(const struct step *step, uint32_t question);
/* Why nobody, or not this person, may answer a question that is open until due_ms; ACCEPTED. */
enum rbk_refusal rbk_step_answer_refusal(const struct step *step, uint32_t question,
                                         uint64_t due_ms);
/* Add a yes to `approvals`; NOT_NEEDED when it brings the question no further. */
enum rbk_refusal rbk_step_approve(const struct step *step, uint32_t question, uint32_t *approvals);
/* Somebody who is asked what to do wants this. Where several people have to agree they must want
 * the same: who wants something else begins anew. ret_agreed: it is to be done; else untouched. */
enum rbk_refusal rbk_step_propose(const struct step *step, uint32_t question,
                                  enum rbk_answer answer, uint32_t *approvals, uint32_t *proposed,
                                  bool *ret_agreed);
uint64_t rbk_step_question_within_ms(const struct rbk_machine *machine, uint32_t question);

/* ---- step_held.c: the question about a run that is held or paused ---- */

/* Put it to those whom this reaction asks; nothing must be open. */
void rbk_step_held_open(struct step *step, uint32_t reaction);
/* Close it, if it is open. */
void rbk_step_held_close(struct step *step);
void rbk_step_held_resumed(struct step *step);
enum rbk_refusal rbk_step_answer_held(struct step *step);

/* ---- step_trigger.c ---- */

enum rbk_refusal rbk_step_handle_trigger(struct step *step);
enum rbk_refusal rbk_step_answer_trigger(struct step *step);
void rbk_step_triggers_due(struct step *step);
/* Forget what is no longer armed. */
void rbk_step_triggers_sweep(struct step *step);
void rbk_step_triggers_resumed(struct step *step);

/* ---- step_criterion.c ---- */

void rbk_step_criteria_settle(struct step *step);
/* Work out when a criterion comes true by time alone, if what it depends on has changed. */
void rbk_step_criteria_forecast(struct step *step, const struct rbk_state *before);

/* ---- step_command.c, step_time.c ---- */

enum rbk_refusal rbk_step_handle_command(struct step *step);
void rbk_step_handle_time(struct step *step);
void rbk_step_escalate(struct step *step);
/* A person has done something about a run that is still stuck: nobody further is called. */
void rbk_step_escalation_answered(struct step *step);

#endif
