/*
 * rbk: a machine in, a cutover out.
 *
 * The map of this program (runtime/people):
 *
 *   main.c            this file: descriptors, signals that kill, which command
 *   commands.c        the table of commands; options.c reads what each takes, by popt
 *   command_run.c     run and
 *   command_resume.c  resume: a runner on this terminal (session.c)
 *   plan_file.c       the plan it runs, and params.c its parameters
 *   command_ask.c     approve, deny, attest, answer, pause, continue, abort, cancel, retry,
 *                     resolve, signal, alert: a row in the run's inbox, and the runner's reply
 *   ask.c             … bound to run, machine and question: the same for every way to ask
 *   command_status.c  status,
 *   command_log.c     log and
 *   command_runs.c    runs: read the journal (history.c), change nothing
 *   command_serve.c   serve: becomes rbk-serve, the runs over HTTP (runtime/serve), and
 *   command_token.c   token: who may speak to it
 *   run_store.c       the store and the run that a command is about
 *
 *   story.c           a record of the journal as lines a person understands
 *   view.c            words for a run: stages, questions, what to do now
 *   track.c           what the display remembers beside the state: since when, why, how far
 *   show.c            where lines go: plain.c, json_lines.c or, on a terminal, live.c
 *   frame.c           what live.c draws, with frame_*.c for its parts and pen.c for a line;
 *                     back.c: the time to be back
 *   sanitize.c        text from outside never controls the terminal
 *   when.c, user.c    times and names
 *
 * Below: runtime/executor (the runner), runtime/store (the journal), compiler (plans to machines).
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/nearest.h"
#include "runtime/people/commands.h"

/* Descriptors 0 to 2 exist from here on: what opens a file later must not get one of them, or
 * messages would be written into it. */
static void open_missing_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
            int opened = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY);
            if (opened != descriptor) {
                _exit(RBK_EXIT_FAILED);
            }
        }
    }
}

static void print_usage(FILE *stream)
{
    (void)fprintf(stream, "usage: rbk COMMAND [OPTION...] ...\n\n");
    for (size_t i = 0; i < rbk_subcommand_count; i++) {
        (void)fprintf(stream, "  %-9s %-30s %s\n", rbk_subcommands[i].name,
                      rbk_subcommands[i].words, rbk_subcommands[i].summary);
    }
    (void)fprintf(stream,
                  "\nA RUN may be shortened to what is unique. `rbk COMMAND --help` lists the "
                  "options.\n"
                  "Exit status: 0 completed, 10 rolled back and verified, 20 stuck, 30 held or "
                  "paused,\n40 cancelled, 1 could not start or go on, 2 usage, 3 the plan does "
                  "not compile.\n");
}

static const struct rbk_subcommand *find_command(const char *name)
{
    for (size_t i = 0; i < rbk_subcommand_count; i++) {
        if (strcmp(rbk_subcommands[i].name, name) == 0) {
            return &rbk_subcommands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    struct rbk_nearest nearest;

    rbk_nearest_init(&nearest, rbk_str_from(name));
    for (size_t i = 0; i < rbk_subcommand_count; i++) {
        rbk_nearest_offer(&nearest, rbk_str_from(rbk_subcommands[i].name));
    }
    (void)fprintf(stderr, "rbk: there is no command \"%s\"", name);
    if (nearest.best.bytes != 0) {
        (void)fprintf(stderr, "; did you mean %.*s?\n", RBK_STR_ARG(nearest.best));
    } else {
        (void)fprintf(stderr, "; see rbk --help\n");
    }
    return RBK_EXIT_USAGE;
}

/* The position of the command's name: the first word that is no option and no option's value. */
static int find_command_word(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            return i;
        }
        if (rbk_option_wants_next(argv[i])) {
            i++;
        }
    }
    return argc;
}

static bool has_argument(int argc, char **argv, const char *argument)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], argument) == 0) {
            return true;
        }
    }
    return false;
}

static int no_command(int argc, char **argv)
{
    if (has_argument(argc, argv, "--version")) {
        (void)printf("rbk %s\n", RBK_VERSION);
        return RBK_EXIT_COMPLETED;
    }
    if (has_argument(argc, argv, "--help") || has_argument(argc, argv, "-h")) {
        print_usage(stdout);
        return RBK_EXIT_COMPLETED;
    }
    print_usage(stderr);
    return RBK_EXIT_USAGE;
}

/* Take argument number `index` out of the list. */
static void remove_argument(int *argc, char **argv, int index)
{
    for (int i = index; i + 1 < *argc; i++) {
        argv[i] = argv[i + 1];
    }
    argv[--*argc] = NULL;
}

static int run_command(int argc, char **argv)
{
    int at = find_command_word(argc, argv);
    bool help = false;
    if (at < argc && strcmp(argv[at], "help") == 0) {
        help = true;
        remove_argument(&argc, argv, at);
        at = find_command_word(argc, argv);
        if (at == argc) {
            print_usage(stdout);
            return RBK_EXIT_COMPLETED;
        }
    }
    if (at == argc) {
        return no_command(argc, argv);
    }
    const struct rbk_subcommand *command = find_command(argv[at]);
    if (command == NULL) {
        return unknown_command(argv[at]);
    }
    remove_argument(&argc, argv, at);

    char help_option[] = "--help";
    char *help_only[] = {help_option, NULL};
    struct rbk_options options;
    int read = help ? rbk_options_read(command, 1, help_only, &options)
                    : rbk_options_read(command, argc - 1, argv + 1, &options);
    int status = read < 0 ? RBK_EXIT_USAGE : read > 0 ? RBK_EXIT_COMPLETED : command->run(&options);
    rbk_options_fini(&options);
    return status;
}

int main(int argc, char **argv)
{
    open_missing_descriptors();
    /* A closed pipe is an error of one write, not the end of a cutover. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setlocale(LC_CTYPE, "");
    /* Threads for what may hang, as readings of a disk that is gone do: with libuv's four a few of
     * them would leave none for the others. */
    (void)setenv("UV_THREADPOOL_SIZE", "16", 0);
    int status = argc > 0 ? run_command(argc, argv) : RBK_EXIT_USAGE;
    /* Half a status in a file on a full disk must not look like one; a reader who has seen enough
     * may leave. */
    errno = 0;
    bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (lost && errno != EPIPE && status == RBK_EXIT_COMPLETED) {
        (void)fprintf(stderr, "rbk: cannot write the output: %s\n",
                      errno != 0 ? strerror(errno) : "a part of it is lost");
        status = RBK_EXIT_FAILED;
    }
    return status;
}
