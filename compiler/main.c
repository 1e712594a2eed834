/*
 * rbkc, the compiler of cutover plans: `rbkc COMMAND [OPTION…] …`.
 *
 *     main.c             finds the command
 *     command_*.c        one command each: options in, exit status out
 *     source, scan, text, parse, tree…, clause, syntax_message     text to tree (with grammar/)
 *     diagnostic…        what is said about a plan, and how it is printed
 *     format…            the one layout
 *     lower/             a checked plan to a machine
 *     explore/           everything a machine can do: RBK150 and the exit table
 *     graph/             a machine to a picture
 *     runbook/, review/  a plan to a document for people
 *
 * Exit statuses are those of enum rbk_command_status.
 */
#include "compiler/command.h"

#include "runtime/core/base/attributes.h"

#include <stdio.h>
#include <string.h>

/* What the usage lines of a command begin with. */
#define PROGRAM "rbkc "

static const struct {
    const char
        *title; /* The program and the command; what follows PROGRAM is the command's name. */
    rbk_command_fn *run;
    const char *summary;
} commands[] = {
    {PROGRAM "build", rbk_command_build, "write the machine of a plan"},
    {PROGRAM "check", rbk_command_check, "say what is wrong with plans"},
    {PROGRAM "emit", rbk_command_emit, "write a plan for the model checker Spin"},
    {PROGRAM "explain", rbk_command_explain, "say what a code such as RBK121 means"},
    {PROGRAM "explore", rbk_command_explore, "go through everything a plan can do"},
    {PROGRAM "fmt", rbk_command_fmt, "lay plans out anew"},
    {PROGRAM "graph", rbk_command_graph, "draw a plan"},
    {PROGRAM "review", rbk_command_review, "write a page for the one who has to approve a plan"},
    {PROGRAM "runbook", rbk_command_runbook, "write a plan as a document for people"},
    {PROGRAM "times", rbk_command_times, "say how long a plan takes at worst"},
};

static const char *command_name(size_t index)
{
    return commands[index].title + strlen(PROGRAM);
}

static void print_help(FILE *stream)
{
    fputs("Usage: rbkc COMMAND [OPTION...] ...\n"
          "The compiler of cutover plans.\n\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < RBK_COUNT(commands); i++) {
        fprintf(stream, "  %-8s %s\n", command_name(i), commands[i].summary);
    }
    fputs("\n`rbkc COMMAND --help' lists the options of a command.\n"
          "Exit status: 0 clean, 1 findings, 2 wrong usage, 3 a file cannot be read or written.\n",
          stream);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return RBK_COMMAND_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        print_help(stdout);
        return RBK_COMMAND_CLEAN;
    }
    if (strcmp(name, "--version") == 0) {
        puts("rbkc " RBK_VERSION);
        return RBK_COMMAND_CLEAN;
    }
    for (size_t i = 0; i < RBK_COUNT(commands); i++) {
        if (strcmp(name, command_name(i)) == 0) {
            const char **arguments = (const char **)(argv + 1);
            arguments[0] = commands[i].title;
            return commands[i].run(argc - 1, arguments);
        }
    }
    fprintf(stderr, "rbkc: unknown command \"%s\"; `rbkc --help' lists the commands\n", name);
    return RBK_COMMAND_USAGE;
}
