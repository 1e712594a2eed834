/*
 * Which effects of a run are under way, or in doubt: for the status in either form.
 */
#include "runtime/people/status.h"

void rbk_status_open_effects(const struct rbk_history *history, rbk_open_effect_fn *emit,
                             void *context)
{
    const struct rbk_replay *replay = history->replay;
    const struct rbk_machine *machine = replay->machine;
    for (uint32_t region = 0; region < machine->region_count; region++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, replay->state, region);
        const struct rbk_effect *effect = rbk_view_effect(&history->view, replay->state, region);
        enum rbk_mode mode = (enum rbk_mode)rs->mode;
        if (effect == NULL ||
            (mode != RBK_MODE_RUNNING && mode != RBK_MODE_CANCELLING &&
             mode != RBK_MODE_RESOLVING && mode != RBK_MODE_LOOKING && mode != RBK_MODE_DOUBT)) {
            continue;
        }
        struct rbk_open_effect open = {.region = region,
                                       .effect = effect,
                                       .step = machine->states[rs->state].name,
                                       .attempt = rs->attempt,
                                       .since_ms = history->track.regions[region].since_ms,
                                       .doubt = mode == RBK_MODE_DOUBT};
        if (open.doubt) {
            open.why = rbk_str_from(history->track.regions[region].doubt);
        }
        for (size_t i = 0; i < replay->in_flight_count; i++) {
            if (replay->in_flight[i].region == region) {
                open.note = replay->in_flight[i].note;
                open.since_ms = replay->in_flight[i].since_ms;
            }
        }
        emit(context, &open);
    }
}
