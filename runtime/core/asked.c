/* Which questions are open: what the modes of regions, triggers and the run say. */
#include "runtime/core/asked.h"

static enum rbk_question_kind kind_of(const struct rbk_machine *machine, uint32_t question,
                                      enum rbk_question_kind otherwise)
{
    return question < machine->question_count ? machine->questions[question].kind : otherwise;
}

/* The question a region waits for: its effect's own, or the one about a doubt. */
static bool region_asks(const struct rbk_machine *machine, const struct rbk_state *state,
                        uint32_t region, struct rbk_asked *ret_asked)
{
    if (region >= machine->region_count) {
        return false;
    }
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    if ((rs->mode != RBK_MODE_ASKING && rs->mode != RBK_MODE_DOUBT) ||
        machine->states[rs->state].effect == RBK_NONE) {
        return false;
    }
    uint32_t question = rbk_region_question(machine, state, region);
    *ret_asked = (struct rbk_asked){
        .owner = RBK_OWNER_REGION,
        .kind = rs->mode == RBK_MODE_DOUBT ? RBK_QUESTION_DOUBT
                                           : kind_of(machine, question, RBK_QUESTION_ASK),
        .index = region,
        .question = question,
        .serial = rs->serial,
        .approvals = rs->approvals,
        .due_ms = rs->due_ms,
    };
    return true;
}

static bool trigger_asks(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t trigger, struct rbk_asked *ret_asked)
{
    if (trigger >= machine->trigger_count) {
        return false;
    }
    const struct rbk_trigger_state *ts = rbk_state_trigger(machine, state, trigger);
    if (ts->mode != RBK_TRIGGER_ASKING || ts->reaction >= machine->reaction_count) {
        return false;
    }
    uint32_t question = machine->reactions[ts->reaction].question;
    *ret_asked = (struct rbk_asked){
        .owner = RBK_OWNER_TRIGGER,
        .kind = kind_of(machine, question, RBK_QUESTION_DECIDE),
        .index = trigger,
        .question = question,
        .serial = ts->serial,
        .approvals = ts->approvals,
        .proposed = ts->proposed,
        .due_ms = ts->due_ms,
    };
    return true;
}

/* The question about a run that is held or paused for too long. */
static bool run_asks(const struct rbk_machine *machine, const struct rbk_state *state,
                     struct rbk_asked *ret_asked)
{
    if (state->held_reaction == 0) {
        return false;
    }
    *ret_asked = (struct rbk_asked){
        .owner = RBK_OWNER_RUN,
        .kind = RBK_QUESTION_HELD,
        .question = rbk_held_question(machine, state),
        .serial = state->held_serial,
        .approvals = state->held_approvals,
        .proposed = state->held_proposed,
        .due_ms = state->hold_due_ms,
    };
    return true;
}

bool rbk_asked_by(const struct rbk_machine *machine, const struct rbk_state *state,
                  enum rbk_question_owner owner, uint32_t index, struct rbk_asked *ret_asked)
{
    switch (owner) {
    case RBK_OWNER_REGION:
        return region_asks(machine, state, index, ret_asked);
    case RBK_OWNER_TRIGGER:
        return trigger_asks(machine, state, index, ret_asked);
    case RBK_OWNER_RUN:
        return run_asks(machine, state, ret_asked);
    }
    return false;
}

bool rbk_asked_next(const struct rbk_machine *machine, const struct rbk_state *state, uint32_t *at,
                    struct rbk_asked *ret_asked)
{
    const uint32_t triggers = machine->region_count, run = triggers + machine->trigger_count;
    while (*at <= run) {
        uint32_t i = (*at)++;
        if (i < triggers ? region_asks(machine, state, i, ret_asked)
            : i < run    ? trigger_asks(machine, state, i - triggers, ret_asked)
                         : run_asks(machine, state, ret_asked)) {
            return true;
        }
    }
    return false;
}
