/*
 * The subcommands of rbkc: one file and one function each. A command parses its own options with
 * popt, does its work, prints what is to be printed, and returns the exit status.
 */
#ifndef RBK_COMPILER_COMMAND_H
#define RBK_COMPILER_COMMAND_H

#include <stdbool.h>

/** Exit statuses of rbkc. */
enum rbk_command_status {
    RBK_COMMAND_CLEAN = 0,    /**< Nothing was found, everything was written. */
    RBK_COMMAND_FINDINGS = 1, /**< Errors in the plan; with `fmt --check`, files to be formatted. */
    RBK_COMMAND_USAGE = 2,    /**< The command line was wrong. */
    RBK_COMMAND_FAILED = 3,   /**< A file could not be read or written, or memory ran out. */
};

/** A subcommand: argv[0] is "rbkc NAME", the rest its arguments. @return enum rbk_command_status.
 */
typedef int rbk_command_fn(int argc, const char **argv);

/** `rbkc check FILE…`: what is wrong with plans. */
rbk_command_fn rbk_command_check;

/** `rbkc explain [CODE…]`: what a rule wants, and why. */
rbk_command_fn rbk_command_explain;

/** `rbkc fmt FILE…`: the one layout. */
rbk_command_fn rbk_command_fmt;

/** `rbkc build PLAN`: a plan's machine, as a file. */
rbk_command_fn rbk_command_build;

/** `rbkc explore PLAN`: everything a plan can do, and whether it always comes to an end. */
rbk_command_fn rbk_command_explore;

/** `rbkc emit --promela PLAN`: a plan's machine in the language of another tool. */
rbk_command_fn rbk_command_emit;

/** `rbkc graph PLAN`: a plan's machine, as a picture. */
rbk_command_fn rbk_command_graph;

/** `rbkc review PLAN`: one page for the one who has to approve a plan. */
rbk_command_fn rbk_command_review;

/** `rbkc runbook PLAN`: a plan as a document for people. */
rbk_command_fn rbk_command_runbook;

/** `rbkc times PLAN`: how long a plan takes at worst. */
rbk_command_fn rbk_command_times;

/**
 * Whether a command may write to @output: anywhere but over a plan or module that is there. Prints
 * why not. @command: its name. @output: NULL is stdout.
 */
bool rbk_command_may_write(const char *command, const char *plan, const char *output);

struct rbk_compile;
struct rbk_machine;

/**
 * What build and graph have in common: open @compile, load, analyse and lower the plan, and print
 * what was found to stderr. The caller closes @compile in every case.
 * @return enum rbk_command_status; @ret_machine is set when it is RBK_COMMAND_CLEAN.
 */
int rbk_command_lower(struct rbk_compile *compile, const char *plan,
                      struct rbk_machine **ret_machine);

/**
 * The same for commands that only look at the machine: a file whose name ends in `.rbkm` is read as
 * the machine it is.
 */
int rbk_command_machine(struct rbk_compile *compile, const char *path,
                        const struct rbk_machine **ret_machine);

#endif
