#ifndef RBK_RUNTIME_PEOPLE_COMMANDS_H
#define RBK_RUNTIME_PEOPLE_COMMANDS_H

/*
 * The commands of rbk: one table for dispatch, --help and the list of commands.
 */

#include <stddef.h>
#include <stdint.h>

#include "runtime/people/options.h"

/* A command. */
struct rbk_subcommand {
    const char *name;
    const char *words;   /* what it takes beside options, as shown in its help */
    const char *summary; /* one line, no final stop */
    uint32_t options;    /* RBK_TAKES() bits */
    size_t words_min, words_max;
    int (*run)(const struct rbk_options *options); /* the exit status of the program */
};

/* Exit statuses (design: 3-runtime.md, "People"). */
enum rbk_exit {
    RBK_EXIT_COMPLETED = 0,
    RBK_EXIT_FAILED = 1, /* could not start or go on */
    RBK_EXIT_USAGE = 2,
    RBK_EXIT_COMPILE = 3, /* the plan does not compile, the machine is bad */
    RBK_EXIT_ROLLED_BACK = 10,
    RBK_EXIT_STUCK = 20,
    RBK_EXIT_STILL = 30, /* held or paused */
    RBK_EXIT_CANCELLED = 40,
};

/* All commands, in the order of the help. */
extern const struct rbk_subcommand rbk_subcommands[];
extern const size_t rbk_subcommand_count;

int rbk_subcommand_run(const struct rbk_options *options);
int rbk_subcommand_resume(const struct rbk_options *options);
int rbk_subcommand_status(const struct rbk_options *options);
int rbk_subcommand_log(const struct rbk_options *options);
int rbk_subcommand_report(const struct rbk_options *options);
int rbk_subcommand_runs(const struct rbk_options *options);

/* command_ask.c: what people ask of a run, through its inbox. */
int rbk_subcommand_approve(const struct rbk_options *options);
int rbk_subcommand_deny(const struct rbk_options *options);
int rbk_subcommand_attest(const struct rbk_options *options);
int rbk_subcommand_answer(const struct rbk_options *options);
int rbk_subcommand_pause(const struct rbk_options *options);
int rbk_subcommand_continue(const struct rbk_options *options);
int rbk_subcommand_abort(const struct rbk_options *options);
int rbk_subcommand_cancel(const struct rbk_options *options);
int rbk_subcommand_retry(const struct rbk_options *options);
int rbk_subcommand_resolve(const struct rbk_options *options);
int rbk_subcommand_resend(const struct rbk_options *options);
int rbk_subcommand_signal(const struct rbk_options *options);
int rbk_subcommand_alert(const struct rbk_options *options);

/* Beside the runs. */
int rbk_subcommand_serve(const struct rbk_options *options);
int rbk_subcommand_token(const struct rbk_options *options);

struct rbk_error;
/* "rbk COMMAND: text" on stderr, the place in front where there is one. @return its exit status. */
int rbk_subcommand_failed(const struct rbk_options *options, const struct rbk_error *error);

#endif
