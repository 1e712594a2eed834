/*
 * rbkc build [-o FILE | --stdout] PLAN: compile a plan and write its machine.
 *
 * The file is written beside its final name and renamed, so that a machine is there whole or not at
 * all. What was found is printed to stderr: stdout may be the machine.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/filter_check.h"
#include "compiler/lower/lower.h"
#include "compiler/source.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* `plan.rbk` gives `plan.rbkm`; another name gets `.rbkm` behind it. */
static char *machine_path(const char *plan)
{
    size_t bytes = strlen(plan);
    if (bytes > 4 && strcmp(plan + bytes - 4, ".rbk") == 0) {
        bytes -= 4;
    }
    char *path = malloc(bytes + sizeof ".rbkm");
    if (path) {
        memcpy(path, plan, bytes);
        memcpy(path + bytes, ".rbkm", sizeof ".rbkm");
    }
    return path;
}

bool rbk_command_may_write(const char *command, const char *plan, const char *output)
{
    struct stat there;
    struct stat source;
    if (!output || stat(output, &there) != 0 || !S_ISREG(there.st_mode)) {
        return true;
    }
    bool same =
        stat(plan, &source) == 0 && source.st_dev == there.st_dev && source.st_ino == there.st_ino;
    if (same || rbk_str_ends(rbk_str_from(output), RBK_STR(".rbk"))) {
        fprintf(stderr, "rbkc %s: %s is %s, and would be written over; name another file\n",
                command, output, same ? "the plan itself" : "a plan or module");
        return false;
    }
    return true;
}

/* Write the machine's text where it was asked for. @output  NULL: stdout. */
static int emit(struct rbk_machine *machine, const char *output)
{
    struct rbk_buffer text;
    struct rbk_error error = {.code = RBK_OK};
    int status = RBK_COMMAND_FAILED;
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    int result = rbk_machine_write(machine, &text, &error);
    if (result == 0) {
        result = rbk_machine_check(machine, &error);
    }
    if (result < 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
    } else if (rbk_write_file(output, rbk_buffer_str(&text)) != 0) {
        fprintf(stderr, "rbkc: cannot write %s: %s\n", output ? output : "the machine",
                strerror(errno));
    } else {
        status = RBK_COMMAND_CLEAN;
    }
    rbk_buffer_fini(&text);
    return status;
}

static int build(const char *plan, const char *output)
{
    struct rbk_compile compile;
    struct rbk_machine *machine = NULL;
    int status = rbk_command_lower(&compile, plan, &machine);
    if (status == RBK_COMMAND_CLEAN) {
        status = emit(machine, output);
    }
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_lower(struct rbk_compile *compile, const char *plan,
                      struct rbk_machine **ret_machine)
{
    struct rbk_error error = {.code = RBK_OK};
    rbk_compile_open(compile, NULL);
    int result = rbk_compile_load(compile, plan, &error);
    if (result < 0 && compile->diagnostics.errors == 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        return RBK_COMMAND_FAILED;
    }
    if (result == 0) {
        result = rbk_compile_analyse(compile);
        if (rbk_filter_check_once(compile) != 0) {
            result = -RBK_ECOMPILE;
        }
    }
    if (result == 0) {
        result = rbk_compile_lower(compile, ret_machine);
    }
    if (rbk_diagnostics_print(&compile->diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr) != 0) {
        return RBK_COMMAND_FAILED;
    }
    return result == 0 ? RBK_COMMAND_CLEAN : RBK_COMMAND_FINDINGS;
}

int rbk_command_machine(struct rbk_compile *compile, const char *path,
                        const struct rbk_machine **ret_machine)
{
    struct rbk_machine *lowered = NULL;
    if (!rbk_str_ends(rbk_str_from(path), RBK_STR(".rbkm"))) {
        int status = rbk_command_lower(compile, path, &lowered);
        *ret_machine = lowered;
        return status;
    }
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_source *file = NULL;
    rbk_compile_open(compile, NULL);
    int result = rbk_source_open(&compile->arena, path, &file, &error);
    if (result == 0) {
        result = rbk_machine_read(&compile->arena, file->text, ret_machine, &error);
    }
    if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        return RBK_COMMAND_FAILED;
    }
    return RBK_COMMAND_CLEAN;
}

int rbk_command_build(int argc, const char **argv)
{
    char *output = NULL;
    int to_stdout = 0;
    const struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &output, 0,
         "the machine's file (the plan's name with .rbkm, when not given)", "FILE"},
        {"stdout", '\0', POPT_ARG_NONE, &to_stdout, 0, "write the machine to stdout", NULL},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc build", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    if (option < -1) {
        fprintf(stderr, "rbkc build: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc build: expected one plan\n", stderr);
    } else if (output && to_stdout) {
        fputs("rbkc build: --output and --stdout exclude each other\n", stderr);
    } else {
        if (!output && !to_stdout) {
            output = machine_path(plan);
        }
        if (rbk_command_may_write("build", plan, output)) {
            status = build(plan, output);
        }
    }
    free(output);
    poptFreeContext(context);
    return status;
}
