/*
 * How long the way back takes at worst: the figures of the machine, put together for where a run
 * is.
 */
#include "runtime/people/back.h"

#include <string.h>

int rbk_back_init(struct rbk_back *back, const struct rbk_machine *machine,
                  const struct rbk_value *params)
{
    memset(back, 0, sizeof(*back));
    return rbk_worst_ways_init_run(&back->ways, machine, params);
}

void rbk_back_fini(struct rbk_back *back)
{
    rbk_worst_ways_fini(&back->ways);
}

static uint64_t known_ms(struct rbk_worst worst)
{
    return worst.open ? RBK_BACK_UNKNOWN : worst.ok_ms;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a == RBK_BACK_UNKNOWN || b == RBK_BACK_UNKNOWN ? RBK_BACK_UNKNOWN
                                                          : rbk_worst_add_ms(a, b);
}

uint64_t rbk_back_of_stage(const struct rbk_back *back, uint32_t region)
{
    return back->ways.machine->regions[region].strategies.count != 0
               ? known_ms(rbk_worst_way_back(&back->ways, region))
               : RBK_BACK_UNKNOWN;
}

/* How long people are asked yet, one after the other, what became of a step: nothing goes back
 * before that is known, or the last of them was silent. */
static uint64_t asked_of(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t region, uint64_t now_ms)
{
    uint64_t due_ms = rbk_state_region(machine, state, region)->due_ms;
    uint32_t question = rbk_region_question(machine, state, region);
    uint64_t own_ms =
        question == RBK_NONE ? machine->held_at_most_ms : machine->questions[question].within_ms;
    uint64_t all_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    all_ms = all_ms < own_ms ? all_ms : own_ms; /* a pause gives it longer, but no abort does */
    for (uint32_t i = 0; question != RBK_NONE && i < machine->question_count; i++) {
        question = rbk_question_asked_on(machine, question);
        all_ms =
            question == RBK_NONE ? all_ms : add(all_ms, machine->questions[question].within_ms);
    }
    return all_ms;
}

/* Stopping what is under way: at once, so that the slowest counts. */
static uint64_t stop_of_run(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint64_t now_ms)
{
    uint64_t slowest_ms = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        const struct rbk_machine_state *at = &machine->states[rs->state];
        if ((rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING ||
             rs->mode == RBK_MODE_LOOKING || rs->mode == RBK_MODE_DOUBT) &&
            at->phase != RBK_PHASE_ROLLBACK && at->phase != RBK_PHASE_ROLLBACK_VERIFY) {
            uint64_t ms = rs->mode == RBK_MODE_DOUBT ? asked_of(machine, state, i, now_ms)
                                                     : rbk_worst_stop_ms(machine, rs->state);
            slowest_ms = ms > slowest_ms ? ms : slowest_ms;
        }
    }
    return slowest_ms;
}

enum rbk_back_kind rbk_back_of_run(const struct rbk_view *view, const struct rbk_state *state,
                                   const struct rbk_back *back, uint64_t now_ms, uint64_t *ret_ms)
{
    const struct rbk_machine *machine = view->machine;
    uint64_t sum_ms = 0;
    bool touched = false, closed = false, stuck = false;

    if (rbk_run_past_grace(machine, state)) {
        return RBK_BACK_GONE;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        const struct rbk_machine_state *at = &machine->states[rs->state];
        if (machine->regions[i].kind != RBK_REGION_STAGE || !rbk_stage_touched(machine, state, i) ||
            at->kind == RBK_STATE_ROLLED_BACK) {
            continue;
        }
        bool rolling = at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
        touched = true;
        stuck = stuck || at->kind == RBK_STATE_STUCK;
        closed = closed || (rs->flags & RBK_FLAG_WAY_CLOSED) != 0;
        sum_ms = add(sum_ms, rolling && at->kind != RBK_STATE_ROLLBACK
                                 ? known_ms(rbk_worst_rest(&back->ways, state, i, now_ms))
                                 : rbk_back_of_stage(back, i));
    }
    if (stuck || !touched) {
        return stuck ? RBK_BACK_STUCK : RBK_BACK_NOTHING;
    }
    if (closed && state->turned == 0) {
        return RBK_BACK_CLOSED;
    }
    sum_ms = add(sum_ms, add(stop_of_run(machine, state, now_ms), known_ms(back->ways.release)));
    if (sum_ms == RBK_BACK_UNKNOWN) {
        return RBK_BACK_UNBOUNDED;
    }
    *ret_ms = sum_ms;
    return RBK_BACK_OPEN;
}
