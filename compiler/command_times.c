/*
 * rbkc times [--format human|json] PLAN: how long a plan takes at worst, forward and back.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/filter_check.h"
#include "compiler/times/times.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

/* Whether nothing but times is wrong with a plan: then its figures are what one wants to see. */
static bool only_times(const struct rbk_diagnostics *found)
{
    if (found->dropped) {
        return false;
    }
    for (const struct rbk_diagnostic *at = found->first; at; at = at->next) {
        if (at->severity == RBK_SEVERITY_ERROR && (at->code < 110 || at->code > 113)) {
            return false;
        }
    }
    return true;
}

static int print(struct rbk_times *times, bool json)
{
    struct rbk_buffer out;
    int status = RBK_COMMAND_CLEAN;
    rbk_buffer_init(&out, OUTPUT_BYTES_MAX);
    if (json) {
        if (rbk_times_print_json(times, &out) != 0) {
            status = RBK_COMMAND_FAILED;
        }
    } else {
        rbk_times_print(times, rbk_diagnostics_want_colour(stdout), &out);
    }
    if (status != RBK_COMMAND_CLEAN || out.error) {
        fputs("rbkc: the times are too large to print\n", stderr);
        status = RBK_COMMAND_FAILED;
    } else if (rbk_write_file(NULL, rbk_buffer_str(&out)) != 0) {
        fprintf(stderr, "rbkc: cannot write the times: %s\n", strerror(errno));
        status = RBK_COMMAND_FAILED;
    }
    rbk_buffer_fini(&out);
    return status;
}

static int times(const char *plan, bool json)
{
    struct rbk_compile compile;
    struct rbk_error error = {.code = RBK_OK};
    int status = RBK_COMMAND_FAILED;
    rbk_compile_open(&compile, NULL);
    int result = rbk_compile_load(&compile, plan, &error);
    if (result < 0 && compile.diagnostics.errors == 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        goto out;
    }
    if (result == 0) {
        result = rbk_compile_analyse(&compile);
        if (rbk_filter_check_once(&compile) != 0) {
            result = -RBK_ECOMPILE;
        }
    }
    if (result == 0 && !compile.program.plan) {
        rbk_diagnostic_error(&compile.diagnostics, 100, rbk_place_none(),
                             "a module has no times, only a plan has");
        result = -RBK_ECOMPILE;
    }
    if (rbk_diagnostics_print(&compile.diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr) != 0) {
        goto out;
    }
    status = result == 0 ? RBK_COMMAND_CLEAN : RBK_COMMAND_FINDINGS;
    if (compile.program.plan && only_times(&compile.diagnostics)) {
        int printed = print(rbk_times_of(&compile), json);
        status = printed == RBK_COMMAND_CLEAN ? status : printed;
    }
out:
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_times(int argc, const char **argv)
{
    char *format = NULL;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0, "`human' (the default) or `json'", "FORMAT"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc times", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    bool json = format && strcmp(format, "json") == 0;
    if (option < -1) {
        fprintf(stderr, "rbkc times: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format && !json && strcmp(format, "human") != 0) {
        fprintf(stderr, "rbkc times: unknown format \"%s\", expected human or json\n", format);
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc times: expected one plan\n", stderr);
    } else {
        status = times(plan, json);
    }
    free(format);
    poptFreeContext(context);
    return status;
}
