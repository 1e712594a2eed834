/*
 * Deadlines: the earliest instant at which time alone changes a state. It is read off the state
 * whenever it is asked for, so that no timer can be forgotten, or outlive what it was for.
 *
 * step_time.c acts on exactly these; whoever adds a deadline adds it in both.
 */
#include "runtime/core/step_internal.h"

static void sooner(uint64_t *earliest_ms, uint64_t due_ms)
{
    if (due_ms && (!*earliest_ms || due_ms < *earliest_ms)) {
        *earliest_ms = due_ms;
    }
}

static uint64_t region_due(const struct rbk_machine *machine, const struct rbk_state *state,
                           uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    uint64_t earliest_ms = 0;
    uint32_t block;
    if (rbk_region_active(rs)) {
        sooner(&earliest_ms, rs->due_ms);
        sooner(&earliest_ms, rbk_region_block_due(machine, state, region, &block));
    } else {
        sooner(&earliest_ms, rbk_stage_start_due(machine, state, region));
    }
    return earliest_ms;
}

uint64_t rbk_state_next_due(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint64_t earliest_ms = 0;
    if (!state->started_ms || state->ended_ms) {
        return 0;
    }
    for (uint32_t i = 0; i < machine->report_count; i++) {
        sooner(&earliest_ms, *rbk_state_report_due(machine, state, i));
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        sooner(&earliest_ms, region_due(machine, state, i));
    }
    if (!state->stuck_ms) {
        for (uint32_t i = 0; i < machine->trigger_count; i++) {
            sooner(&earliest_ms, rbk_state_trigger(machine, state, i)->due_ms);
        }
        sooner(&earliest_ms, state->hold_due_ms);
        sooner(&earliest_ms, state->criteria_due_ms);
    } else if (state->escalated < machine->escalation_count) {
        sooner(&earliest_ms, state->stuck_ms + machine->escalations[state->escalated].after_ms);
    }
    /* The end of observe and grace waits for whoever is deciding; their deadlines are above. */
    uint32_t plan = rbk_region_at(machine, state, 0)->kind;
    if ((plan != RBK_STATE_OBSERVE && plan != RBK_STATE_GRACE) ||
        !rbk_run_undecided(machine, state)) {
        sooner(&earliest_ms, state->plan_due_ms);
    }
    return earliest_ms;
}

uint64_t rbk_effect_left_ms(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint32_t region, const struct rbk_effect *effect, uint64_t now_ms)
{
    uint64_t left_ms = effect->timeout_ms;
    for (; region != RBK_NONE; region = machine->regions[region].parent) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
        for (size_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
            uint64_t due_ms = rs->block_due_ms[i];
            uint64_t block_ms = due_ms > now_ms ? due_ms - now_ms : 1;
            if (due_ms != 0 && (left_ms == 0 || block_ms < left_ms)) {
                left_ms = block_ms;
            }
        }
    }
    return left_ms != 0 ? left_ms : RBK_EFFECT_MS_UNLIMITED;
}
