/*
 * rbkc emit --promela [-o FILE] PLAN: a plan's machine in the language of another tool. PLAN is a
 * plan, or a machine that `rbkc build` wrote. PLAN is a
 * plan, or a machine that `rbkc build` wrote.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/promela/promela.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model is some ten times as long as its plan. */
#define MODEL_BYTES_MAX ((size_t)256 << 20)

static int emit(const char *plan, const char *output)
{
    struct rbk_compile compile;
    const struct rbk_machine *machine = NULL;
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_buffer text;
    rbk_buffer_init(&text, MODEL_BYTES_MAX);
    int status = rbk_command_machine(&compile, plan, &machine);
    if (status == RBK_COMMAND_CLEAN && rbk_promela_write(machine, &text, &error) != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        status = RBK_COMMAND_FAILED;
    } else if (status == RBK_COMMAND_CLEAN && rbk_write_file(output, rbk_buffer_str(&text)) != 0) {
        fprintf(stderr, "rbkc: cannot write %s: %s\n", output ? output : "the model",
                strerror(errno));
        status = RBK_COMMAND_FAILED;
    }
    rbk_buffer_fini(&text);
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_emit(int argc, const char **argv)
{
    char *output = NULL;
    int promela = 0;
    const struct poptOption options[] = {
        {"promela", 'p', POPT_ARG_NONE, &promela, 0, "a model for the model checker Spin", NULL},
        {"output", 'o', POPT_ARG_STRING, &output, 0, "the file (stdout, when not given)", "FILE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc emit", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "--promela [OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    if (option < -1) {
        fprintf(stderr, "rbkc emit: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (!promela) {
        fputs("rbkc emit: say what to write: --promela\n", stderr);
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc emit: expected one plan\n", stderr);
    } else if (!rbk_command_may_write("emit", plan, output)) {
        status = RBK_COMMAND_USAGE;
    } else {
        status = emit(plan, output);
    }
    free(output);
    poptFreeContext(context);
    return status;
}
