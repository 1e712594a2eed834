/*
 * rbk log: the story of a run from its journal; --follow goes on with it until it has ended.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/people/commands.h"
#include "runtime/people/history.h"

#define LOOK_MS 250

static int follow(struct rbk_history *history, struct rbk_show *show, struct rbk_error *reterr)
{
    int error = 0;
    while (error == 0 && !show->failed &&
           !rbk_status_is_end((enum rbk_status)history->replay->state->status)) {
        struct timespec span = {0, LOOK_MS * 1000000L};
        (void)nanosleep(&span, NULL);
        error = rbk_history_follow(history, reterr);
    }
    return error;
}

int rbk_subcommand_log(const struct rbk_options *options)
{
    struct rbk_history history;
    struct rbk_error error = {0};
    struct rbk_show show;
    int result;

    rbk_show_init(&show, options->given[RBK_OPTION_JSON] ? &rbk_show_json : &rbk_show_plain,
                  STDOUT_FILENO);
    result = rbk_history_load(&history, options, &show, &error);
    if (result == 0 && options->given[RBK_OPTION_FOLLOW]) {
        result = follow(&history, &show, &error);
    }
    rbk_show_fini(&show);
    rbk_history_fini(&history);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
