#ifndef RBK_RUNTIME_PEOPLE_OPTIONS_H
#define RBK_RUNTIME_PEOPLE_OPTIONS_H

/*
 * Options of every command, in one table, read by popt: each command says which of them it takes,
 * and its --help comes from the same table. Options may stand anywhere among the words.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/base/attributes.h"

/* X(constant, long name, letter or 0, name of its value or NULL, help) */
#define RBK_OPTIONS(X)                                                                             \
    X(STORE, "store", 's', "PATH", "the store's file (else $RBK_STORE, else the user's own)")      \
    X(SET, "set", 0, "NAME=VALUE", "a parameter of the plan; may be given more than once")         \
    X(PARAMS, "params", 0, "FILE", "parameters as a JSON object; --set wins over it")              \
    X(DIRECTORY, "directory", 'C', "DIR", "where commands run (else the folder of the file)")      \
    X(UNREHEARSED, "unrehearsed", 0, "REASON", "start without a fresh rehearsal, and say why")     \
    X(URL, "url", 0, "URL", "where `rbk serve` shows runs (else $RBK_URL), for links in messages") \
    X(ARM_ONLY, "arm-only", 0, NULL, "read every trigger once, tell how far it is, start nothing") \
    X(REASON, "reason", 'm', "TEXT", "why; kept in the journal")                                   \
    X(LABEL, "label", 'l', "NAME=VALUE", "a label of the alert; may be given more than once")      \
    X(JSON, "json", 0, NULL, "one JSON object a line, for programs")                               \
    X(PLAIN, "plain", 0, NULL, "lines with the time in front, on a terminal too")                  \
    X(NO_WAIT, "no-wait", 0, NULL, "end when held, paused or stuck, without a decision")           \
    X(FOLLOW, "follow", 'f', NULL, "go on until the run has ended")                                \
    X(FORMAT, "format", 0, "md|html|json", "what to write it as (else by --output's name)")        \
    X(OUTPUT, "output", 'o', "FILE", "where to write it, instead of the output")                   \
    X(LISTEN, "listen", 0, "ADDRESS:PORT", "where to listen (else 127.0.0.1:7433)")                \
    X(TLS_CERT, "tls-cert", 0, "FILE", "the certificate, with those it was signed by, in PEM")     \
    X(TLS_KEY, "tls-key", 0, "FILE", "its key, in PEM")                                            \
    X(BEHIND_PROXY, "behind-proxy", 0, NULL, "a proxy in front does TLS: plain text is fine")      \
    X(HOST, "host", 0, "NAME", "a name clients call it by; may be given more than once")           \
    X(OPENAPI, "openapi", 0, NULL, "print the description of the API and end")                     \
    X(PERSON, "person", 0, "NAME", "who acts when the token is shown")                             \
    X(ROLE, "role", 0, "ROLE", "it answers only for this role; may be given more than once")       \
    X(EXPIRES, "expires", 0, "SPAN", "when it stops being of use: 8h, 30d (else never)")           \
    X(READ_ONLY, "read-only", 0, NULL, "it may look, and change nothing")                          \
    X(ALERTS_ONLY, "alerts-only", 0, NULL, "it may send alerts, and nothing else: for Alertmanager")

#define X(constant, ...) RBK_OPTION_##constant,
enum rbk_option { RBK_OPTIONS(X) RBK_OPTION_COUNT };
#undef X
#define RBK_TAKES(constant) (1u << RBK_OPTION_##constant)

/* What was given. Owned; give back with rbk_options_fini(). */
struct rbk_options {
    const char *command;            /* borrowed: the command's name */
    bool given[RBK_OPTION_COUNT];   /* flags, and whether an option with a value was given */
    char *values[RBK_OPTION_COUNT]; /* the last value; NULL: not given, or in `sets` */
    char **sets;                    /* all values of SET, LABEL, HOST or ROLE, set_count of them */
    size_t set_count;
    char **words; /* what is no option, in order; NULL at the end */
    size_t word_count;
};

struct rbk_subcommand;

/*
 * Read the arguments of a command. Messages go to stderr, --help to stdout.
 * @argc, @argv  Without the program and the command's name.
 * @return 0: go on; 1: help was printed, end with 0; -RBK_EUSAGE or -RBK_ENOMEM: end with that
 * status. Call rbk_options_fini() in every case.
 */
RBK_MUST_USE int rbk_options_read(const struct rbk_subcommand *command, int argc, char *const *argv,
                                  struct rbk_options *ret_options);
void rbk_options_fini(struct rbk_options *options);

/* Whether an argument is an option whose value is the next argument: `--store PATH`, `-s PATH`. */
bool rbk_option_wants_next(const char *argument);

/* The store to use: --store, else $RBK_STORE, else NULL (the default path). */
const char *rbk_options_store(const struct rbk_options *options);

#endif
