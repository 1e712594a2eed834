/*
 * rbkc runbook [--format markdown|html] [-o FILE] PLAN: a plan as a document for people.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/review/document.h"
#include "compiler/runbook/runbook.h"
#include "compiler/write_file.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set the machine's hash, which only writing it does. */
static int hash(struct rbk_machine *machine)
{
    struct rbk_buffer text;
    struct rbk_error error = {.code = RBK_OK};
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    int result = rbk_machine_write(machine, &text, &error);
    rbk_buffer_fini(&text);
    if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        return RBK_COMMAND_FAILED;
    }
    return RBK_COMMAND_CLEAN;
}

static int runbook(const char *plan, const char *output, enum rbk_document_format format)
{
    struct rbk_compile compile;
    struct rbk_machine *machine = NULL;
    int status = rbk_command_lower(&compile, plan, &machine);
    if (status == RBK_COMMAND_CLEAN) {
        status = hash(machine);
    }
    if (status == RBK_COMMAND_CLEAN) {
        struct rbk_document document;
        rbk_document_begin(&document, format,
                           machine->title.bytes > 0 ? machine->title : machine->name,
                           RBK_MACHINE_BYTES_MAX);
        rbk_runbook_write(&compile, machine, &document);
        rbk_document_end(&document);
        if (document.out.error) {
            fputs("rbkc: the runbook is too large\n", stderr);
            status = RBK_COMMAND_FAILED;
        } else if (rbk_write_file(output, rbk_buffer_str(&document.out)) != 0) {
            fprintf(stderr, "rbkc: cannot write %s: %s\n", output ? output : "the runbook",
                    strerror(errno));
            status = RBK_COMMAND_FAILED;
        }
        rbk_document_fini(&document);
    }
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_runbook(int argc, const char **argv)
{
    char *format = NULL;
    char *output = NULL;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0,
         "`markdown' (the default), or `html', one file that needs no other", "FORMAT"},
        {"output", 'o', POPT_ARG_STRING, &output, 0, "write to a file, not to stdout", "FILE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc runbook", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    bool html = format && strcmp(format, "html") == 0;
    if (option < -1) {
        fprintf(stderr, "rbkc runbook: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format && !html && strcmp(format, "markdown") != 0) {
        fprintf(stderr, "rbkc runbook: unknown format \"%s\", expected markdown or html\n", format);
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc runbook: expected one plan\n", stderr);
    } else if (!rbk_command_may_write("runbook", plan, output)) {
        status = RBK_COMMAND_USAGE;
    } else {
        status = runbook(plan, output, html ? RBK_DOCUMENT_HTML : RBK_DOCUMENT_MARKDOWN);
    }
    free(format);
    free(output);
    poptFreeContext(context);
    return status;
}
