/*
 * Time: what is due at now_ms. state_due.c says when that is; the two name the same deadlines.
 *
 * Of things due together triggers come first, strongest reaction first; then the hold; then regions
 * in the order of the plan. Stages that may start, the ends of observe and grace and the rollback's
 * own deadline need no code here: settling looks at the clock itself.
 */
#include "runtime/core/step_internal.h"

static void expire_block(struct step *step, uint32_t region, uint32_t block)
{
    struct rbk_cause cause = {RBK_CAUSE_TIMEOUT, region_of(step, region)->state};
    rbk_step_fall(step, region, step->machine->blocks[block].expired, cause);
}

static void region_due(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    uint64_t now_ms = step->state->now_ms;
    uint32_t block = RBK_NONE;
    uint64_t block_due_ms = rbk_region_block_due(step->machine, step->state, region, &block);
    if (block_due_ms && block_due_ms <= now_ms) {
        expire_block(step, region, block);
        return;
    }
    if (!rs->due_ms || rs->due_ms > now_ms) {
        return;
    }
    if (rs->mode == RBK_MODE_RETRY) {
        rbk_step_park(step, region);
    } else if (rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT) {
        rbk_step_question_expire(step, region);
    }
}

static void reports_due(struct step *step)
{
    uint64_t now_ms = step->state->now_ms;
    for (uint32_t i = 0; i < step->machine->report_count; i++) {
        uint64_t *due_ms = rbk_state_report_due(step->machine, step->state, i);
        uint64_t every_ms = step->settings->report_every_ms[i];
        if (*due_ms && *due_ms <= now_ms) {
            rbk_step_push(step, RBK_ACTION_REPORT, 0)->index = i;
            *due_ms += (1 + (now_ms - *due_ms) / every_ms) * every_ms; /* missed ones are skipped */
        }
    }
}

void rbk_step_escalate(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_state *state = step->state;
    while (state->stuck_ms && state->escalated < machine->escalation_count &&
           state->stuck_ms + machine->escalations[state->escalated].after_ms <= state->now_ms) {
        rbk_step_push(step, RBK_ACTION_ESCALATE, 0)->index = state->escalated++;
    }
}

void rbk_step_escalation_answered(struct step *step)
{
    const struct rbk_event *event = step->event;
    bool person = event->kind == RBK_EVENT_ANSWER ||
                  (event->kind == RBK_EVENT_COMMAND && event->command != RBK_COMMAND_INTERRUPT);
    if (person && step->state->stuck_ms &&
        step->state->escalated < step->machine->escalation_count) {
        step->state->escalated = step->machine->escalation_count + 1;
    }
}

void rbk_step_handle_time(struct step *step)
{
    struct rbk_state *state = step->state;
    reports_due(step);
    rbk_step_triggers_due(step);
    if (!state->stuck_ms && state->hold_due_ms && state->hold_due_ms <= state->now_ms) {
        rbk_step_hold_expire(step);
    }
    for (uint32_t i = 0; i < step->machine->region_count; i++) {
        if (rbk_region_active(region_of(step, i))) {
            region_due(step, i);
        }
    }
}
