/*
 * rbkc check [--format human|gcc] FILE…: compile plans and print what was found, to stdout.
 */
#include "compiler/command.h"
#include "compiler/diagnostic.h"
#include "compiler/name.h"
#include "compiler/parse.h"
#include "compiler/source.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One plan: its own compilation. */
static int check_file(const char *path, enum rbk_diagnostic_format format)
{
    struct rbk_arena arena;
    struct rbk_names names;
    struct rbk_diagnostics diagnostics;
    rbk_arena_init(&arena, RBK_COMPILE_BYTES_MAX);
    rbk_names_init(&names, &arena);
    rbk_diagnostics_init(&diagnostics, &arena);

    int status = RBK_COMMAND_FAILED;
    struct rbk_source *source;
    struct rbk_error error = {.code = RBK_OK};
    int result = rbk_source_open(&arena, path, &source, &error);
    if (result == -RBK_ELIMIT) {
        rbk_diagnostic_error(&diagnostics, RBK_RULE_LIMIT, rbk_place_none(), "%s", error.text);
    } else if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        goto out;
    } else {
        rbk_parse_source(&arena, &names, source, &diagnostics);
    }
    if (rbk_diagnostics_print(&diagnostics, format, stdout) != 0) {
        fputs("rbkc: cannot write the findings\n", stderr);
        goto out;
    }
    status = diagnostics.errors ? RBK_COMMAND_FINDINGS : RBK_COMMAND_CLEAN;
out:
    rbk_arena_fini(&arena);
    return status;
}

int rbk_command_check(int argc, const char **argv)
{
    char *format_name = NULL;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format_name, 0,
         "how findings are printed: `human' (the default) or `gcc'", "FORMAT"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc check", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] FILE...");
    int status = RBK_COMMAND_USAGE;
    enum rbk_diagnostic_format format = RBK_DIAGNOSTIC_HUMAN;

    int option = poptGetNextOpt(context);
    const char **files = poptGetArgs(context);
    if (option < -1) {
        fprintf(stderr, "rbkc check: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format_name && strcmp(format_name, "human") != 0 &&
               strcmp(format_name, "gcc") != 0) {
        fprintf(stderr, "rbkc check: unknown format \"%s\", expected human or gcc\n", format_name);
    } else if (!files) {
        fputs("rbkc check: no file given\n", stderr);
    } else {
        if (format_name && strcmp(format_name, "gcc") == 0)
            format = RBK_DIAGNOSTIC_GCC;
        status = RBK_COMMAND_CLEAN;
        for (; *files; files++) {
            int one = check_file(*files, format);
            status = one > status ? one : status;
        }
    }
    free(format_name);
    poptFreeContext(context);
    return status;
}
