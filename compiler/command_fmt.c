/*
 * rbkc fmt [--check] [--diff] FILE…: lay plans out anew, in place.
 *
 * A file is written only when its layout changes, by a new file that replaces the old one. A file
 * with syntax errors is left as it is, and the errors are printed.
 */
#include "compiler/command.h"
#include "compiler/diagnostic.h"
#include "compiler/format.h"
#include "compiler/name.h"
#include "compiler/parse.h"
#include "compiler/show_diff.h"
#include "compiler/source.h"
#include "compiler/write_file.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>

/* What is done with a file that is laid out differently. */
struct wish {
    bool check; /* name it, and leave it */
    bool diff;  /* show how it would change, and leave it */
};

/* Compare the laid out text with the file, and say or write what is different. */
static int settle(const char *path, struct rbk_str before, struct rbk_str after,
                  const struct wish *wish, struct rbk_error *reterr)
{
    if (rbk_str_equal(before, after)) {
        return RBK_COMMAND_CLEAN;
    }
    if (wish->check) {
        printf("%s\n", path);
    }
    if (wish->diff && rbk_show_diff(path, before, after) != 0) {
        rbk_error_set_system(reterr, RBK_EIO, errno, "cannot run diff");
        return RBK_COMMAND_FAILED;
    }
    if (wish->check || wish->diff) {
        return RBK_COMMAND_FINDINGS;
    }
    if (rbk_replace_file(path, after) != 0) {
        rbk_error_set_system(reterr, RBK_EIO, errno, "cannot write %s", path);
        return RBK_COMMAND_FAILED;
    }
    return RBK_COMMAND_CLEAN;
}

static int format_file(const char *path, const struct wish *wish)
{
    struct rbk_arena arena;
    struct rbk_names names;
    struct rbk_diagnostics diagnostics;
    struct rbk_buffer buffer;
    rbk_arena_init(&arena, RBK_COMPILE_BYTES_MAX);
    rbk_names_init(&names, &arena);
    rbk_diagnostics_init(&diagnostics, &arena);
    rbk_buffer_init(&buffer, RBK_SOURCE_BYTES_MAX);

    int status = RBK_COMMAND_FAILED;
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_source *source;
    if (rbk_source_open(&arena, path, &source, &error) != 0) {
        goto out;
    }
    struct rbk_tree_file *file = rbk_parse_source(&arena, &names, source, &diagnostics);
    if (file->broken) {
        status = RBK_COMMAND_FINDINGS;
        if (rbk_diagnostics_print(&diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr) != 0) {
            status = RBK_COMMAND_FAILED;
        }
        goto out;
    }
    if (rbk_format_file(&arena, file, &buffer, &error) == 0) {
        status = settle(path, source->text, rbk_buffer_str(&buffer), wish, &error);
    }
out:
    if (error.code != RBK_OK) {
        fprintf(stderr, "rbkc: %s\n", error.text);
    }
    rbk_buffer_fini(&buffer);
    rbk_arena_fini(&arena);
    return status;
}

int rbk_command_fmt(int argc, const char **argv)
{
    int only_check = 0;
    int diff = 0;
    const struct poptOption options[] = {
        {"check", 'c', POPT_ARG_NONE, &only_check, 0,
         "write nothing; list the files that are laid out differently", NULL},
        {"diff", 'd', POPT_ARG_NONE, &diff, 0, "write nothing; show what would change", NULL},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc fmt", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] FILE...");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char **files = poptGetArgs(context);
    if (option < -1) {
        fprintf(stderr, "rbkc fmt: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (!files) {
        fputs("rbkc fmt: no file given\n", stderr);
    } else {
        const struct wish wish = {.check = only_check != 0, .diff = diff != 0};
        status = RBK_COMMAND_CLEAN;
        for (; *files; files++) {
            int one = format_file(*files, &wish);
            status = one > status ? one : status;
        }
    }
    poptFreeContext(context);
    return status;
}
