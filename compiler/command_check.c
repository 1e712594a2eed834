/*
 * rbkc check [--format human|gcc] [--syntax] [--dump=tree] FILE…: compile plans and print what was
 * found, to stdout.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/parse.h"
#include "compiler/source.h"
#include "compiler/tree_dump.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text of a dumped tree: some times the largest source. */
#define DUMP_BYTES_MAX ((size_t)1 << 30)

/* What the command line asks for. */
struct request {
    enum rbk_diagnostic_format format;
    bool only_syntax;
    bool dump_tree;
};

/* Parse one file, and no module it uses; print its tree where asked to. */
static int check_syntax(struct rbk_compile *compile, const char *path, bool dump_tree,
                        struct rbk_error *reterr)
{
    struct rbk_source *source;
    int result = rbk_source_open(&compile->arena, path, &source, reterr);
    if (result != 0) {
        return result;
    }
    struct rbk_tree_file *file =
        rbk_parse_source(&compile->arena, &compile->names, source, &compile->diagnostics);
    if (!dump_tree || file->broken) {
        return 0;
    }
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, DUMP_BYTES_MAX);
    rbk_tree_dump(file, &buffer);
    result = buffer.error;
    if (result != 0) {
        rbk_error_set(reterr, (enum rbk_err) - result, "cannot dump the tree of %s", path);
    } else {
        fwrite(buffer.data, 1, buffer.bytes, stdout);
    }
    rbk_buffer_fini(&buffer);
    return result;
}

/* Everything there is to check; what is found is in the diagnostics. */
static int check_plan(struct rbk_compile *compile, const char *path, struct rbk_error *reterr)
{
    int result = rbk_compile_load(compile, path, reterr);
    if (result != 0) {
        return result;
    }
    result = rbk_compile_analyse(compile);
    return result == -RBK_ECOMPILE ? 0 : result;
}

/* One plan: its own compilation. */
static int check_file(const char *path, const struct request *request)
{
    struct rbk_compile compile;
    struct rbk_error error = {.code = RBK_OK};
    rbk_compile_open(&compile, NULL);

    int status = RBK_COMMAND_FAILED;
    int result = request->only_syntax || request->dump_tree
                     ? check_syntax(&compile, path, request->dump_tree, &error)
                     : check_plan(&compile, path, &error);
    if (result == -RBK_ELIMIT) {
        rbk_diagnostic_error(&compile.diagnostics, RBK_RULE_LIMIT, rbk_place_none(), "%s",
                             error.text);
    } else if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        goto out;
    }
    if (rbk_diagnostics_print(&compile.diagnostics, request->format, stdout) != 0) {
        fputs("rbkc: cannot write the findings\n", stderr);
        goto out;
    }
    status = compile.diagnostics.errors ? RBK_COMMAND_FINDINGS : RBK_COMMAND_CLEAN;
out:
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_check(int argc, const char **argv)
{
    char *format = NULL;
    char *dump = NULL;
    int only_syntax = 0;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0,
         "how findings are printed: `human' (the default) or `gcc'", "FORMAT"},
        {"syntax", 's', POPT_ARG_NONE, &only_syntax, 0,
         "look at the syntax of the files only, not at names, types and rules", NULL},
        {"dump", 0, POPT_ARG_STRING, &dump, 0, "print what was parsed: `tree'", "STAGE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc check", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] FILE...");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char **files = poptGetArgs(context);
    if (option < -1) {
        fprintf(stderr, "rbkc check: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format && strcmp(format, "human") != 0 && strcmp(format, "gcc") != 0) {
        fprintf(stderr, "rbkc check: unknown format \"%s\", expected human or gcc\n", format);
    } else if (dump && strcmp(dump, "tree") != 0) {
        fprintf(stderr, "rbkc check: cannot dump \"%s\", expected tree\n", dump);
    } else if (!files) {
        fputs("rbkc check: no file given\n", stderr);
    } else {
        struct request request = {.format = format && strcmp(format, "gcc") == 0
                                                ? RBK_DIAGNOSTIC_GCC
                                                : RBK_DIAGNOSTIC_HUMAN,
                                  .only_syntax = only_syntax != 0,
                                  .dump_tree = dump != NULL};
        status = RBK_COMMAND_CLEAN;
        for (; *files; files++) {
            int one = check_file(*files, &request);
            status = one > status ? one : status;
        }
    }
    free(format);
    free(dump);
    poptFreeContext(context);
    return status;
}
