/* See random.h. */
#include "tests/unit/core/step/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

uint32_t run_below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % limit;
}

bool run_drive(struct run *run, enum rbk_recovery recovery)
{
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, i);
        if (rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING ||
            rs->mode == RBK_MODE_LOOKING) {
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = rs->serial});
            return true;
        }
        uint32_t effect = run->machine->states[rs->state].effect;
        if (rs->mode == RBK_MODE_ASKING && !run->agreeable &&
            run->machine->effects[effect].done_when != RBK_NONE) {
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = rs->serial});
            return true;
        }
        if (rs->mode == RBK_MODE_ASKING && run->agreeable && run->now_ms < rs->due_ms) {
            uint32_t question = run->machine->effects[effect].question;
            bool manual = run->machine->questions[question].kind == RBK_QUESTION_MANUAL;
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                               .index = i,
                                               .answer = manual ? RBK_ANSWER_DONE : RBK_ANSWER_YES,
                                               .seats = UINT32_MAX});
            return true;
        }
        if (rs->mode == RBK_MODE_RESOLVING) {
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESOLVED,
                                               .serial = rs->serial,
                                               .recovery = recovery});
            return true;
        }
    }
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        uint32_t flags = rbk_state_region(run->machine, run->state, i)->flags;
        if (flags & (RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD)) {
            run_accept(run, (struct rbk_event){
                                .kind = RBK_EVENT_WAY_BACK, .index = i, .level = RBK_LEVEL_TRUE});
            return true;
        }
    }
    if (run->state->status == RBK_STATUS_STUCK) {
        ck_assert_int_eq(run_command(run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
        return true;
    }
    if (rbk_state_next_due(run->machine, run->state)) {
        run_due(run);
        return true;
    }
    return false;
}

void run_crash_here(const struct run *run, enum rbk_recovery recovery)
{
    struct run copy = *run;
    copy.state = malloc(rbk_state_bytes(run->machine));
    copy.actions.items = calloc(run->actions.capacity, sizeof(*run->actions.items));
    ck_assert_ptr_nonnull(copy.state);
    ck_assert_ptr_nonnull(copy.actions.items);
    memcpy(copy.state, run->state, rbk_state_bytes(run->machine));
    run_resume(&copy);
    run_drive(&copy, recovery);
    if (!copy.state->ended_ms) {
        run_resume(&copy); /* a crash in the middle of the recovery */
    }
    for (int guard = 0; !copy.state->ended_ms; guard++) {
        ck_assert_msg(guard < 5000, "no end after a crash, recovery %d", (int)recovery);
        ck_assert_msg(run_drive(&copy, recovery), "a resumed run stands still");
    }
    free(copy.state);
    free(copy.actions.items);
}

static enum rbk_outcome some_outcome(uint64_t *seed)
{
    static const enum rbk_outcome outcomes[] = {
        RBK_OUTCOME_OK,      RBK_OUTCOME_OK,      RBK_OUTCOME_OK,
        RBK_OUTCOME_OK,      RBK_OUTCOME_OK,      RBK_OUTCOME_FAIL,
        RBK_OUTCOME_TIMEOUT, RBK_OUTCOME_MISSING, RBK_OUTCOME_DOUBT};
    return outcomes[run_below(seed, RBK_COUNT(outcomes))];
}

enum rbk_refusal run_random_event(struct run *run, uint64_t *seed)
{
    uint32_t region = run_below(seed, run->machine->region_count);
    const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, region);
    struct rbk_event event = {.kind = RBK_EVENT_RESULT, .serial = rs->serial, .index = region};
    event.outcome = some_outcome(seed);
    uint64_t due_ms = rbk_state_next_due(run->machine, run->state);
    switch (run_below(seed, 40)) {
    case 0:
        event.kind = RBK_EVENT_COMMAND;
        event.command = (enum rbk_command)run_below(seed, RBK_COMMAND_COUNT);
        event.index = run_below(seed, 2) ? region : RBK_NONE;
        event.answer = run_below(seed, 2) ? RBK_ANSWER_DONE : RBK_ANSWER_NOT_DONE;
        break;
    case 1:
        event.kind = RBK_EVENT_TRIGGER;
        event.index =
            run->machine->trigger_count ? run_below(seed, run->machine->trigger_count) : 0;
        event.level = (enum rbk_level)run_below(seed, RBK_LEVEL_COUNT);
        break;
    case 2:
        event.kind = RBK_EVENT_RESUMED;
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        event.kind = RBK_EVENT_ANSWER;
        event.owner =
            (enum rbk_question_owner)(run_below(seed, 6) < 4 ? 0 : 1 + run_below(seed, 2));
        event.answer = (enum rbk_answer)run_below(seed, RBK_ANSWER_COUNT);
        event.seats = UINT32_MAX;
        break;
    case 7:
    case 8:
        event.kind = RBK_EVENT_TIME;
        run->now_ms = due_ms > run->now_ms ? due_ms : run->now_ms + 1;
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        event.kind = RBK_EVENT_RESOLVED;
        event.recovery = (enum rbk_recovery)run_below(seed, 4);
        break;
    case 13:
        event.kind = RBK_EVENT_WAY_BACK;
        event.level = (enum rbk_level)run_below(seed, RBK_LEVEL_COUNT);
        break;
    default:
        break;
    }
    return run_post(run, event);
}
