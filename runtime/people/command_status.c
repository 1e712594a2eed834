/*
 * rbk status: where a run stands, from its journal alone. It changes nothing and needs no runner.
 */
#include <stdio.h>
#include <unistd.h>

#include "runtime/people/commands.h"
#include "runtime/people/status.h"

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
