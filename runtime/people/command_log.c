/*
 * rbk log: the story of a run from its journal, with the messages that were written; --follow goes
 * on with it until it has ended.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/people/commands.h"
#include "runtime/people/history.h"
#include "runtime/people/messages.h"
#include "runtime/people/terminal.h"

#define LOOK_MS 250

/* What a log is made of. */
struct logging {
    struct rbk_history history;
    struct rbk_messages messages;
    bool loaded; /* the messages are */
};

static void load_messages(struct logging *logging)
{
    struct rbk_error ignored; /* a log without its messages is better than none */

    logging->loaded =
        rbk_messages_load(&logging->messages, logging->history.store, logging->history.id,
                          logging->history.replay->machine, &ignored) == 0;
}

static void after_record(struct rbk_show *show, void *context, int64_t seq)
{
    struct logging *logging = context;

    if (!logging->loaded) {
        load_messages(logging);
    }
    rbk_messages_tell(&logging->messages, seq, show);
}

static int follow(struct logging *logging, struct rbk_show *show, struct rbk_error *reterr)
{
    struct rbk_history *history = &logging->history;
    int error = 0;
    while (error == 0 && !show->failed &&
           !rbk_status_is_end((enum rbk_status)history->replay->state->status)) {
        struct timespec span = {0, LOOK_MS * 1000000L};
        (void)nanosleep(&span, NULL);
        logging->loaded = false; /* more may have come with the events */
        error = rbk_history_follow(history, reterr);
    }
    return error;
}

int rbk_subcommand_log(const struct rbk_options *options)
{
    struct logging logging = {.loaded = false};
    struct rbk_error error = {0};
    struct rbk_show show;
    int result;

    rbk_show_init(&show, options->given[RBK_OPTION_JSON] ? &rbk_show_json : &rbk_show_plain,
                  STDOUT_FILENO);
    show.patient = true; /* a pager, or a filter that takes its time */
    show.after_record = after_record;
    show.after_context = &logging;
    if (show.kind == &rbk_show_plain && isatty(STDOUT_FILENO) == 1) {
        size_t rows;
        rbk_terminal_size(STDOUT_FILENO, &show.width, &rows);
    }
    result = rbk_history_load(&logging.history, options, &show, &error);
    if (result == 0 && options->given[RBK_OPTION_FOLLOW]) {
        result = follow(&logging, &show, &error);
    }
    rbk_show_flush(&show);
    if (result == 0 && show.failed && show.failure != EPIPE) {
        result = rbk_error_set_system(&error, RBK_EIO, show.failure, "cannot write the log");
    }
    rbk_show_fini(&show);
    rbk_messages_fini(&logging.messages);
    rbk_history_fini(&logging.history);
    return result == 0 ? RBK_EXIT_COMPLETED : rbk_subcommand_failed(options, &error);
}
