/*
 * rbk status: where a run stands, from its journal alone. It changes nothing and needs no runner.
 */
#include <stdio.h>
#include <unistd.h>

#include "runtime/people/commands.h"
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
        for (size_t i = 0; i < replay->in_flight_count; i++) {
            if (replay->in_flight[i].region == region) {
                open.note = replay->in_flight[i].note;
                open.since_ms = replay->in_flight[i].since_ms;
            }
        }
        emit(context, &open);
    }
}

int rbk_subcommand_status(const struct rbk_options *options)
{
    struct rbk_history history;
    struct rbk_error error = {0};
    int result = rbk_history_load(&history, options, NULL, &error);
    if (result == 0) {
        result = options->given[RBK_OPTION_JSON] ? rbk_status_print_json(&history, &error)
                                                 : rbk_status_print_text(&history, &error);
    }
    rbk_history_fini(&history);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
