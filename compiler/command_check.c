/*
 * rbkc check [--format human|gcc] FILE…: compile plans and print what was found, to stdout.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/parse.h"
#include "runtime/core/base/error.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One plan: its own compilation. */
static int check_file(const char *path, enum rbk_diagnostic_format format)
{
    struct rbk_compile compile;
    struct rbk_error error = {.code = RBK_OK};
    int status = RBK_COMMAND_FAILED;
    rbk_compile_open(&compile, NULL);
    int result = rbk_compile_load(&compile, path, &error);
    if (result == -RBK_ELIMIT) {
        rbk_diagnostic_error(&compile.diagnostics, RBK_RULE_LIMIT, rbk_place_none(), "%s",
                             error.text);
    } else if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        goto out;
    } else {
        result = rbk_compile_analyse(&compile);
    }
    if (rbk_diagnostics_print(&compile.diagnostics, format, stdout) != 0) {
        fputs("rbkc: cannot write the findings\n", stderr);
        goto out;
    }
    status = result != 0 ? RBK_COMMAND_FINDINGS : RBK_COMMAND_CLEAN;
out:
    rbk_compile_close(&compile);
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
