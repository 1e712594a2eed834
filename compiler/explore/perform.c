/*
 * Letting a move happen: the block is prepared (a deadline is set to have passed, a counter that is
 * not kept is set to its limit, a trigger's question is opened), then events are posted as a runner
 * would post them.
 */
#include "compiler/explore/internal.h"

#include "runtime/core/base/assert.h"

#include <string.h>

static bool post(struct explorer *x, struct rbk_event event)
{
    if (!event.now_ms) {
        event.now_ms = RBK_EXPLORE_NOW;
    }
    if (x->step(&x->model.cut, &x->model.settings, x->work.state, &event, &x->actions) !=
        RBK_REFUSAL_ACCEPTED) {
        return false;
    }
    rbk_explore_watch_step(x, &event);
    if (x->told) {
        x->told(x, &event);
    }
    return true;
}

static struct rbk_region_state *work_region(const struct explorer *x, uint32_t region)
{
    return x->work.regions + region;
}

static bool post_time(struct explorer *x)
{
    return post(x, (struct rbk_event){.kind = RBK_EVENT_TIME});
}

/* A stage that waits for an instant: it has come. */
static bool perform_start(struct explorer *x, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region *row = &machine->regions[region];
    work_region(x, region)->due_ms = work_region(x, region)->due_ms ? 1 : 0;
    for (uint32_t i = 0; i < row->predecessors.count; i++) {
        const struct rbk_predecessor *before = &machine->predecessors[row->predecessors.first + i];
        if (before->for_ms) {
            struct rbk_region_state *rs = work_region(x, before->region);
            rs->applied_ms = rs->applied_ms ? 1 : 0;
        }
    }
    return post(x, (struct rbk_event){.kind = RBK_EVENT_TIME, .now_ms = row->not_before_ms});
}

/* ---- triggers ---- */

static bool perform_turn(struct explorer *x, uint32_t trigger, enum trigger_turn turn)
{
    static const enum rbk_answer answers[] = {[TURN_DUE] = RBK_ANSWER_COUNT,
                                              [TURN_YES] = RBK_ANSWER_YES,
                                              [TURN_NO] = RBK_ANSWER_NO,
                                              [TURN_ABORT] = RBK_ANSWER_ABORT,
                                              [TURN_ROLLBACK] = RBK_ANSWER_ROLLBACK,
                                              [TURN_PAUSE] = RBK_ANSWER_PAUSE,
                                              [TURN_IGNORE] = RBK_ANSWER_IGNORE};
    struct rbk_trigger_state *ts = rbk_state_trigger(&x->model.cut, x->work.state, trigger);
    if (turn == TURN_DUE) {
        if (!ts->due_ms) {
            rbk_explore_found(x, RBK_EXPLORE_WAIT, RBK_NONE, RBK_NONE,
                              "a trigger waits, and nothing ends that");
            return false;
        }
        ts->due_ms = RBK_EXPLORE_NOW;
        return post_time(x);
    }
    return post(x, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                      .owner = RBK_OWNER_TRIGGER,
                                      .index = trigger,
                                      .answer = answers[turn],
                                      .seats = UINT32_MAX});
}

/* Open the question of a trigger that may be asleep by now; an event that changes nothing lets
 * step() close it, if it may not stand. */
static bool open_question(struct explorer *x, const struct trigger_path *path)
{
    const struct rbk_machine *machine = &x->model.cut;
    struct rbk_trigger_state *ts = rbk_state_trigger(machine, x->work.state, path->trigger);
    ts->mode = RBK_TRIGGER_ASKING;
    ts->reaction = path->asked;
    ts->seen = 1u << path->level;
    ts->serial = machine->region_count + 1 + path->trigger;
    ts->due_ms = RBK_EXPLORE_LATER;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            bool open = work_region(x, i)->flags & RBK_FLAG_WINDOW_OPEN;
            (void)post(x, (struct rbk_event){.kind = RBK_EVENT_WINDOW,
                                             .index = i,
                                             .level = open ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE});
            return ts->mode == RBK_TRIGGER_ASKING;
        }
    }
    return false;
}

static bool perform_path(struct explorer *x, const struct trigger_path *path)
{
    uint32_t last = path->turn_count;
    if (path->asked != RBK_NONE) {
        if (!open_question(x, path)) {
            return false;
        }
    } else {
        x->decided = last == 0 ? path->final : RBK_NONE;
        if (!post(x, (struct rbk_event){.kind = RBK_EVENT_TRIGGER,
                                        .index = path->trigger,
                                        .level = (enum rbk_level)path->level})) {
            return false;
        }
    }
    for (uint32_t i = 0; i < last; i++) {
        x->decided = i + 1 == last ? path->final : RBK_NONE;
        if (!perform_turn(x, path->trigger, (enum trigger_turn)path->turns[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the rest ---- */

static bool perform_region(struct explorer *x, struct move move)
{
    struct rbk_region_state *rs = work_region(x, move.index);
    struct rbk_event event = {.serial = rs->serial, .index = move.index};
    if (move.variant & VARIANT_ATTEMPTS_OVER) {
        rs->attempt = RBK_EXPLORE_ATTEMPTS_OVER;
    }
    if (move.variant & VARIANT_STAGE_ATTEMPTS_OVER) {
        work_region(x, x->model.roots[move.index])->stage_attempt = RBK_EXPLORE_ATTEMPTS_OVER;
    }
    if (move.variant & VARIANT_LEADS) {
        work_region(x, x->model.roots[move.index])->flags &= ~(uint32_t)RBK_FLAG_FOLLOWED;
    }
    switch ((enum move_kind)move.kind) {
    case MOVE_RESULT:
        event.kind = RBK_EVENT_RESULT;
        event.outcome = (enum rbk_outcome)move.detail;
        return post(x, event);
    case MOVE_RESOLVED:
        event.kind = RBK_EVENT_RESOLVED;
        event.recovery = (enum rbk_recovery)move.detail;
        event.outcome = (enum rbk_outcome)move.more;
        return post(x, event);
    case MOVE_ANSWER:
        event.kind = RBK_EVENT_ANSWER;
        event.answer = (enum rbk_answer)move.detail;
        event.seats = UINT32_MAX;
        return post(x, event);
    case MOVE_TIME_REGION:
        rs->due_ms = RBK_EXPLORE_NOW;
        return post_time(x);
    case MOVE_TIME_BLOCK:
        rs->block_due_ms[move.detail] = RBK_EXPLORE_NOW;
        return post_time(x);
    default:
        return false;
    }
}

bool rbk_explore_perform(struct explorer *x, struct move move)
{
    struct rbk_event event = {.index = move.index, .level = (enum rbk_level)move.detail};
    x->move = move;
    x->decided = RBK_NONE;
    rbk_explore_copy(x);
    memset(x->changed, 0, x->model.words * sizeof(*x->changed));
    if (move.variant & VARIANT_REVERSED) {
        rbk_explore_reverse(x);
    }
    switch ((enum move_kind)move.kind) {
    case MOVE_START:
        event.kind = RBK_EVENT_START;
        return post(x, event);
    case MOVE_TIME_START:
        return perform_start(x, move.index);
    case MOVE_TIME_PLAN:
        x->work.state->plan_due_ms = RBK_EXPLORE_NOW;
        return post_time(x);
    case MOVE_TIME_HOLD:
        x->work.state->hold_due_ms = RBK_EXPLORE_NOW;
        return post_time(x);
    case MOVE_HELD_ANSWER:
        event.kind = RBK_EVENT_ANSWER;
        event.owner = RBK_OWNER_RUN;
        event.answer = (enum rbk_answer)move.detail;
        event.seats = UINT32_MAX;
        x->decided = event.answer == RBK_ANSWER_ABORT    ? RBK_REACTION_ABORT
                     : event.answer == RBK_ANSWER_CANCEL ? RBK_REACTION_CANCEL
                                                         : RBK_NONE;
        return post(x, event);
    case MOVE_TIME_TRIGGER:
        rbk_state_trigger(&x->model.cut, x->work.state, move.index)->due_ms = RBK_EXPLORE_NOW;
        return post_time(x);
    case MOVE_RESUMED:
        event.kind = RBK_EVENT_RESUMED;
        if (move.variant & VARIANT_INTERRUPTED) {
            x->work.state->cause.kind = RBK_CAUSE_INTERRUPT;
        }
        return post(x, event);
    case MOVE_COMMAND:
        event.kind = RBK_EVENT_COMMAND;
        event.command = (enum rbk_command)move.detail;
        event.answer = (enum rbk_answer)move.more;
        event.seats = UINT32_MAX;
        return post(x, event);
    case MOVE_CRITERION:
        event.kind = RBK_EVENT_CRITERION;
        return post(x, event);
    case MOVE_WINDOW:
        event.kind = RBK_EVENT_WINDOW;
        return post(x, event);
    case MOVE_WAY_BACK:
        event.kind = RBK_EVENT_WAY_BACK;
        return post(x, event);
    case MOVE_TRIGGER_LEVEL:
        event.kind = RBK_EVENT_TRIGGER;
        return post(x, event);
    case MOVE_TRIGGER_ANSWER:
        event.kind = RBK_EVENT_ANSWER;
        event.owner = RBK_OWNER_TRIGGER;
        event.answer = (enum rbk_answer)move.detail;
        event.seats = UINT32_MAX;
        return post(x, event);
    case MOVE_TRIGGER_PATH:
        return perform_path(x, &x->model.paths[move.index]);
    default:
        return perform_region(x, move);
    }
}
