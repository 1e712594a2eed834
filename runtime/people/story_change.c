/*
 * What changed because of a record: stages that began, stand, turn round or rest, the run's status,
 * and the questions that are open now with the commands that answer them. Told by comparing the
 * state before with the state after, so that nothing is missed whatever brought it about.
 */
#include "runtime/people/story_internal.h"
#include "runtime/people/when.h"

/* Whether a stage rests where only a person, or an end, leads out of. */
static bool is_rest(enum rbk_state_kind kind)
{
    return kind == RBK_STATE_APPLIED || kind == RBK_STATE_ROLLED_BACK || kind == RBK_STATE_HELD ||
           kind == RBK_STATE_STUCK;
}

/* @was  Where it came from. */
static void tell_rest(struct story *story, uint32_t region, enum rbk_state_kind was,
                      const struct rbk_region_state *is)
{
    struct rbk_buffer *line = &story->line;
    bool retires = region == story->view->machine->retire_region, kept;
    enum rbk_tone tone = RBK_TONE_WARN;
    switch (story->view->machine->states[is->state].kind) {
    case RBK_STATE_APPLIED:
        kept = retires && rbk_view_retired(story->view, story->after) == RBK_VIEW_KEPT;
        rbk_buffer_append_text(line, kept      ? "is not carried out: the old system is kept"
                                     : retires ? "is carried out and verified"
                                               : "stands applied and verified");
        tone = kept ? RBK_TONE_WARN : RBK_TONE_GOOD;
        break;
    case RBK_STATE_ROLLED_BACK:
        /* Out of `stuck` nothing else leads there but the word of a person. */
        rbk_buffer_append_text(line, was == RBK_STATE_STUCK
                                         ? "is rolled back by hand, as somebody said"
                                         : "is rolled back and verified");
        break;
    case RBK_STATE_HELD:
        if (is->mode == RBK_MODE_DONE) {
            rbk_buffer_append_text(line, "ends before its apply: there is nothing to take back");
            tone = RBK_TONE_PLAIN;
            break;
        }
        rbk_buffer_append_text(line, retires ? "is held" : "is held before its apply");
        rbk_story_because(story, is->cause);
        break;
    default:
        rbk_buffer_append_text(line, "is stuck: no way back is left");
        tone = RBK_TONE_BAD;
        break;
    }
    rbk_story_send(story, tone, region);
}

static void tell_phase(struct story *story, uint32_t region, const struct rbk_region_state *was,
                       const struct rbk_region_state *is)
{
    const struct rbk_machine *machine = story->view->machine;
    const struct rbk_machine_state *from = &machine->states[was->state];
    const struct rbk_machine_state *to = &machine->states[is->state];
    const struct rbk_region *row = &machine->regions[region];
    uint32_t strategy;

    bool goes_back = rbk_stage_rolling_back(machine, story->after, region);
    if (goes_back && !rbk_stage_rolling_back(machine, story->before, region)) {
        rbk_buffer_append_text(&story->line, "is to be rolled back");
        rbk_story_because(story, is->cause);
        rbk_story_send(story, RBK_TONE_WARN, region);
    }
    if (was->state == is->state) {
        return;
    }
    strategy = rbk_view_strategy(machine, region, is->state);
    if (strategy != RBK_NONE && strategy != rbk_view_strategy(machine, region, was->state)) {
        struct rbk_str name = machine->strategies[row->strategies.first + strategy].name;
        rbk_buffer_append_text(&story->line, "rolls back");
        if (name.bytes != 0) {
            rbk_buffer_printf(&story->line, " by \"%.*s\"", RBK_STR_ARG(name));
        }
        if (row->strategies.count > 1) {
            rbk_buffer_printf(&story->line, " (way %u of %u)", strategy + 1, row->strategies.count);
        }
        rbk_story_send(story, RBK_TONE_WARN, region);
    }
    if (is_rest(to->kind)) {
        tell_rest(story, region, from->kind, is);
    } else if (to->kind == RBK_STATE_WAITING && is->due_ms != 0) {
        rbk_buffer_printf(&story->line, "is rolled back and verified; try %u of %u follows at %s",
                          is->stage_attempt + 1, row->attempts,
                          rbk_when_until(is->due_ms, story->after->now_ms).text);
        rbk_story_send(story, RBK_TONE_WARN, region);
    } else if (to->phase != from->phase &&
               (to->phase == RBK_PHASE_PREPARE || to->phase == RBK_PHASE_APPLY ||
                to->phase == RBK_PHASE_VERIFY || to->phase == RBK_PHASE_ROLLBACK_VERIFY)) {
        rbk_buffer_append_text(&story->line,
                               rbk_view_region_word(story->view, story->after, region, NULL));
        if (to->block < machine->block_count && machine->blocks[to->block].within_ms != 0) {
            rbk_buffer_printf(&story->line, ", within %s",
                              rbk_when_limit(machine->blocks[to->block].within_ms).text);
        }
        rbk_story_send(story, RBK_TONE_DIM, region);
    }
}

/* The missing rule of a trigger that waited for its question to be over. */
static void tell_missed(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    enum rbk_event_kind kind = story->record->event.kind;
    if (kind != RBK_EVENT_ANSWER && kind != RBK_EVENT_TIME) {
        return;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        if (rbk_state_trigger(machine, story->after, i)->fired ==
            rbk_state_trigger(machine, story->before, i)->fired) {
            continue;
        }
        rbk_buffer_printf(&story->line, "trigger %.*s cannot be read -> ",
                          RBK_STR_ARG(machine->triggers[i].name));
        rbk_view_reaction(story->view, machine->triggers[i].missing, &story->line);
        rbk_story_send(story, RBK_TONE_BAD, machine->triggers[i].region);
    }
}

/* A pause that has to wait has come, or was taken back. */
static void tell_wanted(struct story *story)
{
    bool was = story->before->wanted.kind != RBK_CAUSE_NONE;
    bool is = story->after->wanted.kind != RBK_CAUSE_NONE;
    if (was != is) {
        rbk_buffer_append_text(&story->line, is ? "when the run would go on it is paused instead"
                                                : "the run is not paused when it goes on");
        rbk_story_send(story, RBK_TONE_WARN, RBK_NONE);
    }
}

static void tell_status(struct story *story)
{
    const struct rbk_state *before = story->before, *after = story->after;
    enum rbk_status status = (enum rbk_status)after->status;
    struct rbk_buffer *line = &story->line;
    enum rbk_view_retired retired;

    if (before->status == after->status) {
        if (story->record->event.kind == RBK_EVENT_RESUMED) {
            /* Who comes to a run that waits learns what for, and how it goes on. */
            rbk_view_explain(story->view, after, story->emit, story->context);
            return;
        }
        tell_wanted(story);
        return;
    }
    switch (status) {
    case RBK_STATUS_ABORTING:
        rbk_buffer_append_text(line, "aborting");
        rbk_story_because(story, after->cause);
        if (after->plan_due_ms != 0) {
            rbk_buffer_printf(line, "; to be back by %s",
                              rbk_when_until(after->plan_due_ms, after->now_ms).text);
        }
        break;
    case RBK_STATUS_OBSERVING:
    case RBK_STATUS_GRACE:
        rbk_buffer_append_text(line, status == RBK_STATUS_OBSERVING
                                         ? "every stage stands; observing"
                                         : "grace: the old system stays, `abort` still works");
        if (after->plan_due_ms != 0) {
            rbk_buffer_printf(line, " until %s",
                              rbk_when_until(after->plan_due_ms, after->now_ms).text);
        }
        break;
    case RBK_STATUS_RUNNING:
        if (before->status != RBK_STATUS_PAUSED && before->status != RBK_STATUS_HELD &&
            before->status != RBK_STATUS_STUCK) {
            return;
        }
        rbk_buffer_append_text(line, "goes on");
        break;
    case RBK_STATUS_PAUSED:
    case RBK_STATUS_HELD:
    case RBK_STATUS_STUCK:
        rbk_view_explain(story->view, after, story->emit, story->context);
        return;
    case RBK_STATUS_COMPLETED:
        rbk_buffer_append_text(line, "completed");
        if (after->all_applied_ms > after->first_effect_ms && after->first_effect_ms != 0) {
            rbk_buffer_printf(line, ", everything applied in %s",
                              rbk_when_span(after->all_applied_ms - after->first_effect_ms).text);
        }
        retired = rbk_view_retired(story->view, after);
        rbk_buffer_append_text(line, retired == RBK_VIEW_KEPT       ? "; the old system is kept"
                                     : retired == RBK_VIEW_GIVEN_UP ? "; the retire was given up"
                                                                    : "");
        break;
    case RBK_STATUS_ABORTED:
        if (after->first_effect_ms == 0) {
            rbk_buffer_append_text(line, "aborted: nothing had been applied");
            break;
        }
        rbk_buffer_append_text(line, "aborted: rolled back and verified");
        if (after->decided_ms != 0 && after->ended_ms >= after->decided_ms) {
            rbk_buffer_printf(line, ", %s after the decision",
                              rbk_when_span(after->ended_ms - after->decided_ms).text);
        }
        break;
    case RBK_STATUS_CANCELLED:
        rbk_buffer_append_text(line, "cancelled: nothing stands applied");
        break;
    case RBK_STATUS_READY:
    case RBK_STATUS_COUNT:
        return;
    }
    rbk_story_send(story, rbk_view_status_tone(status), RBK_NONE);
}

static void tell_question(struct story *story, const struct rbk_action *action)
{
    struct rbk_asked asked;
    uint32_t region = action->owner == RBK_OWNER_REGION ? action->index : RBK_NONE;

    if (!rbk_view_asked_by(story->view, story->after, action->owner, action->index, &asked)) {
        return;
    }
    rbk_asked_text(story->view, story->after, &asked, &story->line);
    if (asked.due_ms != 0) {
        rbk_buffer_printf(&story->line, "; until %s",
                          rbk_when_until(asked.due_ms, story->after->now_ms).text);
        rbk_buffer_append_text(&story->line, ", else ");
        rbk_asked_silence(story->view, story->after, &asked, &story->line);
    }
    rbk_story_send(story, RBK_TONE_ASK, region);
    for (size_t number = 0;; number++) {
        rbk_buffer_append_text(&story->line, "  ");
        if (!rbk_asked_command(story->view, story->after, &asked, number, &story->line)) {
            rbk_buffer_clear(&story->line);
            return;
        }
        rbk_story_send(story, RBK_TONE_ASK, region);
    }
}

static void tell_actions(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    for (size_t i = 0; story->actions != NULL && i < story->actions->count; i++) {
        const struct rbk_action *action = &story->actions->items[i];
        if (action->kind == RBK_ACTION_QUESTION_OPEN) {
            tell_question(story, action);
        } else if (action->kind == RBK_ACTION_CANCEL && action->state < machine->state_count &&
                   machine->states[action->state].effect < machine->effect_count) {
            uint32_t effect = machine->states[action->state].effect;
            rbk_buffer_append_text(&story->line, "stops: ");
            rbk_buffer_append_str(&story->line, machine->effects[effect].text);
            rbk_story_send(story, RBK_TONE_WARN, action->region);
        } else if (action->kind == RBK_ACTION_ESCALATE &&
                   action->index < machine->escalation_count) {
            const struct rbk_role *role = &machine->roles[machine->escalations[action->index].role];
            rbk_buffer_printf(&story->line, "escalates to %.*s <%.*s>", RBK_STR_ARG(role->name),
                              RBK_STR_ARG(role->contact));
            rbk_story_send(story, RBK_TONE_BAD, RBK_NONE);
        }
    }
}

static void tell_region(struct story *story, uint32_t region)
{
    const struct rbk_machine *machine = story->view->machine;
    if (machine->regions[region].kind == RBK_REGION_STAGE ||
        machine->regions[region].kind == RBK_REGION_RETIRE) {
        tell_phase(story, region, rbk_state_region(machine, story->before, region),
                   rbk_state_region(machine, story->after, region));
    }
}

void rbk_story_changes(struct story *story)
{
    const struct rbk_machine *machine = story->view->machine;
    tell_missed(story);
    if (story->before->overdue == 0 && story->after->overdue != 0) {
        rbk_buffer_printf(&story->line, "the rollback takes longer than the plan's %s",
                          rbk_when_limit(machine->rollback_within_ms).text);
        rbk_story_send(story, RBK_TONE_BAD, RBK_NONE);
    }
    /* First the stage it happened in, then what follows for others. */
    uint32_t first = rbk_story_region(story->view, story->record, story->before);
    first = first == RBK_NONE ? 0 : rbk_region_root(machine, first);
    if (first != 0) {
        tell_region(story, first);
    }
    for (uint32_t region = 1; region < machine->region_count; region++) {
        if (region != first) {
            tell_region(story, region);
        }
    }
    tell_status(story);
    tell_actions(story);
    if (story->before->escalated < machine->escalation_count &&
        story->after->escalated > machine->escalation_count) {
        rbk_buffer_append_text(&story->line, "nobody further is called: ");
        rbk_buffer_append_str(&story->line, story->record->who);
        rbk_buffer_append_text(&story->line, " has answered");
        rbk_story_send(story, RBK_TONE_PLAIN, RBK_NONE);
    }
}
