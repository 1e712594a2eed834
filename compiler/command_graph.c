/*
 * rbkc graph [--format dot|svg|mermaid] [--stages] [-o FILE] PLAN: a plan as a picture.
 *
 * SVG is drawn by Graphviz's `dot`, run as a program: its library keeps global state and may end
 * the process on a large picture.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/graph/graph.h"
#include "compiler/lower/lower.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <popt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run `dot -Tsvg` from one memory file to another. @return 0, or an error number; -1: it failed. */
static int run_dot(int in, int out)
{
    char *const arguments[] = {"dot", "-Tsvg", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int result = posix_spawnp(&child, "dot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0) {
        return result;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* All of a memory file. @return 0, or an error number. */
static int read_all(int fd, struct rbk_buffer *text)
{
    if (lseek(fd, 0, SEEK_SET) < 0) {
        return errno;
    }
    for (;;) {
        char bytes[65536];
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            return text->error ? ENOMEM : 0;
        }
        if (got > 0) {
            (void)rbk_buffer_append(text, bytes, (size_t)got);
        }
    }
}

/* Replace DOT text by the SVG of it. */
static int draw(struct rbk_buffer *text)
{
    int status = RBK_COMMAND_FAILED;
    int in = memfd_create("rbkc-dot", MFD_CLOEXEC);
    int out = memfd_create("rbkc-svg", MFD_CLOEXEC);
    int result = 0;
    if (in < 0 || out < 0 || rbk_write_all(in, rbk_buffer_str(text)) != 0 ||
        lseek(in, 0, SEEK_SET) < 0) {
        result = errno;
    }
    if (result == 0) {
        result = run_dot(in, out);
    }
    if (result == ENOENT) {
        fputs("rbkc: svg is drawn by the program `dot`, which is not installed (Debian's package "
              "graphviz); `--format dot` needs nothing\n",
              stderr);
    } else if (result == 0) {
        rbk_buffer_clear(text);
        result = read_all(out, text);
    }
    if (result == 0) {
        status = RBK_COMMAND_CLEAN;
    } else if (result != ENOENT) {
        fprintf(stderr, "rbkc: the picture was not drawn: %s\n",
                result > 0 ? strerror(result) : "dot failed");
    }
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    return status;
}

struct wanted {
    const char *plan;
    const char *output; /* NULL: stdout */
    bool stages;
    bool svg;
    bool mermaid;
};

static int graph(const struct wanted *wanted)
{
    struct rbk_compile compile;
    struct rbk_machine *machine = NULL;
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    int status = rbk_command_lower(&compile, wanted->plan, &machine);
    if (status == RBK_COMMAND_CLEAN) {
        if (wanted->mermaid) {
            (void)rbk_graph_mermaid(machine, !wanted->stages, &text);
        } else if (wanted->stages) {
            rbk_graph_stages(machine, &text);
        } else {
            rbk_graph_states(machine, &text);
        }
        if (text.error) {
            fputs("rbkc: the picture is too large\n", stderr);
            status = RBK_COMMAND_FAILED;
        }
    }
    if (status == RBK_COMMAND_CLEAN && wanted->svg) {
        status = draw(&text);
    }
    if (status == RBK_COMMAND_CLEAN && rbk_write_file(wanted->output, rbk_buffer_str(&text)) != 0) {
        fprintf(stderr, "rbkc: cannot write %s: %s\n",
                wanted->output ? wanted->output : "the picture", strerror(errno));
        status = RBK_COMMAND_FAILED;
    }
    rbk_buffer_fini(&text);
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_graph(int argc, const char **argv)
{
    char *format = NULL;
    char *output = NULL;
    int stages = 0;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0,
         "`dot' (the default), the text Graphviz reads, `svg', drawn by it, or `mermaid', which "
         "GitHub draws",
         "FORMAT"},
        {"stages", 's', POPT_ARG_NONE, &stages, 0, "stages and their ways back only", NULL},
        {"output", 'o', POPT_ARG_STRING, &output, 0, "write to a file, not to stdout", "FILE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc graph", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    bool svg = format && strcmp(format, "svg") == 0;
    bool mermaid = format && strcmp(format, "mermaid") == 0;
    if (option < -1) {
        fprintf(stderr, "rbkc graph: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format && !svg && !mermaid && strcmp(format, "dot") != 0) {
        fprintf(stderr, "rbkc graph: unknown format \"%s\", expected dot, svg or mermaid\n",
                format);
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc graph: expected one plan\n", stderr);
    } else if (!rbk_command_may_write("graph", plan, output)) {
        status = RBK_COMMAND_USAGE;
    } else {
        status = graph(&(struct wanted){plan, output, stages != 0, svg, mermaid});
    }
    free(format);
    free(output);
    poptFreeContext(context);
    return status;
}
