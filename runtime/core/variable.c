/* The variables of a run that follow from its machine and state alone. */
#include "runtime/core/variable.h"

static struct rbk_value duration(uint64_t ms)
{
    return rbk_value_integer(RBK_TYPE_DURATION, (int64_t)ms);
}

/* 0: none is written. */
static struct rbk_value limit(uint64_t ms)
{
    return ms != 0 ? duration(ms) : rbk_value_missing(RBK_TYPE_DURATION);
}

uint64_t rbk_span_ms(uint64_t from_ms, uint64_t to_ms)
{
    return from_ms != 0 && to_ms > from_ms ? to_ms - from_ms : 0;
}

uint32_t rbk_run_stage(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint32_t under_way = RBK_NONE, last = RBK_NONE, order = 0, way_order = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind != RBK_REGION_STAGE &&
            machine->regions[i].kind != RBK_REGION_RETIRE) {
            continue;
        }
        const struct rbk_region_state *region = rbk_state_region(machine, state, i);
        /* On the way back all that stand applied are under way: the latest of them comes first. */
        if ((rbk_stage_under_way(machine, state, i) || region->mode == RBK_MODE_RUNNING) &&
            (under_way == RBK_NONE || region->order > way_order)) {
            under_way = i;
            way_order = region->order;
        }
        if (region->order > order) {
            order = region->order;
            last = i;
        }
    }
    return under_way != RBK_NONE ? under_way : last;
}

bool rbk_run_variable(const struct rbk_machine *machine, const struct rbk_state *state,
                      uint64_t now_ms, enum rbk_variable which, struct rbk_value *ret_value)
{
    uint64_t ended_ms = state->ended_ms != 0 ? state->ended_ms : now_ms;
    switch (which) {
    case RBK_VARIABLE_ROLLBACKS:
        *ret_value = rbk_value_integer(RBK_TYPE_INT, state->rollbacks);
        return true;
    case RBK_VARIABLE_ELAPSED:
        *ret_value = duration(rbk_span_ms(
            state->first_effect_ms, state->all_applied_ms != 0 ? state->all_applied_ms : now_ms));
        return true;
    case RBK_VARIABLE_RUN_ROLLBACK_ELAPSED:
        *ret_value = duration(rbk_span_ms(state->decided_ms, ended_ms));
        return true;
    case RBK_VARIABLE_ESTIMATE:
    case RBK_VARIABLE_PLAN_ESTIMATE:
        *ret_value = limit(machine->estimate_ms);
        return true;
    case RBK_VARIABLE_PLAN_ROLLBACK_WITHIN:
        *ret_value = limit(machine->rollback_within_ms);
        return true;
    case RBK_VARIABLE_PLAN_NAME:
        *ret_value = rbk_value_text(RBK_TYPE_TEXT, machine->name);
        return true;
    case RBK_VARIABLE_PLAN_TITLE:
        *ret_value = rbk_value_text(RBK_TYPE_TEXT,
                                    machine->title.bytes != 0 ? machine->title : machine->name);
        return true;
    case RBK_VARIABLE_PLAN_TICKET:
        *ret_value = rbk_value_text(RBK_TYPE_TEXT, machine->ticket);
        return true;
    case RBK_VARIABLE_PLAN_OWNER:
        *ret_value = rbk_value_text(RBK_TYPE_TEXT, machine->owner);
        return true;
    case RBK_VARIABLE_PLAN_SERVICE:
        *ret_value = rbk_value_text(RBK_TYPE_TEXT, machine->service);
        return true;
    default:
        return false;
    }
}
