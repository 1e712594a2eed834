/*
 * rbkc explore [--format human|json] [--states N] [--memory BYTES] PLAN: everything a plan can do,
 * and whether it always comes to an end that can be answered for (RBK150).
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/exit_times.h"
#include "compiler/explore/explore.h"
#include "compiler/explore/print.h"
#include "compiler/write_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <limits.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
    const char *plan;
    bool json;
    struct rbk_explore_options options;
};

/* The names in a machine that no plan made may hold what a terminal obeys. */
static void hide_controls(struct rbk_buffer *text)
{
    for (size_t i = 0; i < text->bytes; i++) {
        unsigned char byte = (unsigned char)text->data[i];
        bool c1 = byte == 0xc2 && i + 1 < text->bytes && (unsigned char)text->data[i + 1] < 0xa0;
        if ((byte < ' ' && byte != '\n') || byte == 0x7f || c1) {
            text->data[i] = '?';
            text->data[i + 1] = c1 ? '?' : text->data[i + 1];
        }
    }
}

static int explore(const struct wanted *wanted)
{
    struct rbk_compile compile;
    const struct rbk_machine *machine = NULL;
    struct rbk_explore_result result;
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    int status = rbk_command_machine(&compile, wanted->plan, &machine);
    if (status == RBK_COMMAND_CLEAN &&
        rbk_explore(&compile.arena, machine, &wanted->options, &result) != 0) {
        fputs("rbkc explore: there is not enough memory to begin\n", stderr);
        status = RBK_COMMAND_FAILED;
    }
    for (uint32_t i = 0;
         status == RBK_COMMAND_CLEAN && compile.program.plan && i < result.exit_count; i++) {
        result.exits[i].worst_ms = rbk_exit_worst_ms(&compile, machine, &result.exits[i]);
    }
    if (status == RBK_COMMAND_CLEAN) {
        if (wanted->json) {
            rbk_explore_print_json(machine, &result, &text);
        } else {
            rbk_explore_print(machine, &result, &text);
            hide_controls(&text);
        }
        bool green = result.complete && result.violations_seen == 0;
        status = green ? RBK_COMMAND_CLEAN : RBK_COMMAND_FINDINGS;
        if (text.error || rbk_write_file(NULL, rbk_buffer_str(&text)) != 0) {
            fputs("rbkc explore: cannot write what was found\n", stderr);
            status = RBK_COMMAND_FAILED;
        }
    }
    rbk_buffer_fini(&text);
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_explore(int argc, const char **argv)
{
    char *format = NULL;
    long long states = LLONG_MIN; /* not given */
    long long memory = LLONG_MIN;
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0, "`human' (the default) or `json'", "FORMAT"},
        {"states", 0, POPT_ARG_LONGLONG, &states, 0, "keep at most N states at once (500000)", "N"},
        {"memory", 0, POPT_ARG_LONGLONG, &memory, 0, "take at most BYTES of memory (524288000)",
         "BYTES"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc explore", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    bool json = format && strcmp(format, "json") == 0;
    if (option < -1) {
        fprintf(stderr, "rbkc explore: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (format && !json && strcmp(format, "human") != 0) {
        fprintf(stderr, "rbkc explore: unknown format \"%s\", expected human or json\n", format);
    } else if ((states != LLONG_MIN && states < 1) || (memory != LLONG_MIN && memory < 1)) {
        fputs("rbkc explore: --states and --memory want a number above 0\n", stderr);
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc explore: expected one plan\n", stderr);
    } else {
        struct wanted wanted = {.plan = plan, .json = json};
        wanted.options.states_max = states > 0 ? (uint64_t)states : 0;
        wanted.options.bytes_max = memory > 0 ? (size_t)memory : 0;
        status = explore(&wanted);
    }
    free(format);
    poptFreeContext(context);
    return status;
}
