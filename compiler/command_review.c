/*
 * rbkc review [--against OLD.rbk|REV] [--fail-on-weaker] [--whole] [-o FILE] PLAN: one page for the
 * one who has to approve a plan.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/explore/explore.h"
#include "compiler/filter_check.h"
#include "compiler/lower/lower.h"
#include "compiler/prove.h"
#include "compiler/review/history.h"
#include "compiler/review/review.h"
#include "compiler/write_file.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/machine.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the command line asks for. */
struct request {
    const char *plan;
    const char *against; /* A file or a revision; NULL: no comparison. */
    const char *output;  /* NULL: stdout. */
    bool fail_on_weaker;
    bool whole;
};

/* The old plan, and where it came from. */
struct old_plan {
    struct rbk_compile compile;
    struct rbk_history history;
    struct rbk_machine *machine; /* NULL when it does not compile. */
    bool there;                  /* Loaded without syntax errors. */
    bool is_new;                 /* The revision has no such plan. */
    struct rbk_error error;      /* Why. */
};

/* Compile as far as it goes. @return 0 when the file could be read; @ret_machine may stay NULL.
 * @filters  Whether filters are checked, too: of the old plan nobody wants to know. */
static int compile_plan(struct rbk_compile *compile, const char *path, bool filters,
                        struct rbk_machine **ret_machine, struct rbk_error *reterr)
{
    struct rbk_machine *machine = NULL;
    struct rbk_buffer text;
    int result = rbk_compile_load(compile, path, reterr);
    if (result != 0 && compile->diagnostics.errors == 0) {
        return result;
    }
    bool sound = rbk_compile_analyse(compile) == 0;
    if (filters && rbk_filter_check_once(compile) != 0) {
        sound = false;
    }
    if (!sound || rbk_compile_lower(compile, &machine) != 0) {
        return 0;
    }
    rbk_buffer_init(&text, RBK_MACHINE_BYTES_MAX);
    result = rbk_machine_write(machine, &text, reterr); /* sets the hash */
    rbk_buffer_fini(&text);
    if (result == 0) {
        *ret_machine = machine;
    }
    return result;
}

static bool has_syntax_errors(const struct rbk_compile *compile)
{
    for (uint32_t i = 0; i < compile->program.file_count; i++) {
        if (compile->program.files[i]->tree == NULL || compile->program.files[i]->tree->broken) {
            return true;
        }
    }
    return compile->program.file_count == 0;
}

/* Find and compile what the plan is compared with. @return enum rbk_command_status. */
static int open_old_plan(const struct request *request, struct old_plan *old)
{
    struct stat status;
    const char *path = request->against;
    rbk_compile_open(&old->compile, NULL);
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        int result = rbk_history_open(&old->compile.arena, request->against, request->plan,
                                      &old->history, &old->error);
        old->is_new = result == -RBK_EMISSING;
        if (result != 0) {
            if (!old->is_new) {
                fprintf(stderr, "rbkc: %s\n", old->error.text);
            }
            return old->is_new ? RBK_COMMAND_CLEAN : RBK_COMMAND_FAILED;
        }
        path = old->history.plan.data;
    }
    if (compile_plan(&old->compile, path, false, &old->machine, &old->error) != 0) {
        fprintf(stderr, "rbkc: %s\n", old->error.text);
        return RBK_COMMAND_FAILED;
    }
    old->there = !has_syntax_errors(&old->compile);
    return RBK_COMMAND_CLEAN;
}

/* Whether a check would explore the plan, too. */
static bool is_short(const struct rbk_compile *compile, const struct rbk_machine *machine)
{
    return compile->program.head[RBK_STATEMENT_STAGE].count <= RBK_PROVE_STAGES_MAX &&
           machine->state_count <= RBK_PROVE_MACHINE_STATES_MAX;
}

/* Write the page of a plan that was compiled. */
static int write_page(const struct request *request, struct rbk_review *review)
{
    struct rbk_str text;
    if (rbk_review_write(review, &text) != 0) {
        fputs("rbkc: the page is too large\n", stderr);
        return RBK_COMMAND_FAILED;
    }
    if (rbk_write_file(request->output, text) != 0) {
        fprintf(stderr, "rbkc: cannot write %s: %s\n",
                request->output ? request->output : "the page", strerror(errno));
        return RBK_COMMAND_FAILED;
    }
    bool weaker = review->difference != NULL && review->difference->weaker > 0;
    bool broken = review->exploration != NULL &&
                  (review->exploration->violations_seen > 0 || !review->exploration->complete);
    return review->compile->diagnostics.errors || broken || (weaker && request->fail_on_weaker)
               ? RBK_COMMAND_FINDINGS
               : RBK_COMMAND_CLEAN;
}

static int review_plan(const struct request *request, struct rbk_compile *compile,
                       struct old_plan *old)
{
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_machine *machine = NULL;
    struct rbk_difference difference;
    if (compile_plan(compile, request->plan, true, &machine, &error) != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        return RBK_COMMAND_FAILED;
    }
    if (compile->program.file_count == 0 || compile->program.files[0]->tree == NULL) {
        (void)!rbk_diagnostics_print(&compile->diagnostics, RBK_DIAGNOSTIC_HUMAN, stderr);
        return RBK_COMMAND_FINDINGS; /* larger than a plan can be: there is nothing to review */
    }
    struct rbk_explore_result exploration;
    bool explored = machine != NULL && is_short(compile, machine);
    if (explored && rbk_explore(&compile->arena, machine, NULL, &exploration) != 0) {
        fputs("rbkc: there is not enough memory to explore the plan\n", stderr);
        return RBK_COMMAND_FAILED;
    }
    struct rbk_review review = {
        .compile = compile,
        .machine = machine,
        .exploration = explored ? &exploration : NULL,
        .against = rbk_str_from(request->against),
        .whole = request->whole,
    };
    if (request->against != NULL) {
        int status = open_old_plan(request, old);
        if (status != RBK_COMMAND_CLEAN) {
            return status;
        }
        if (old->is_new) {
            review.no_old_plan =
                rbk_arena_printf(&compile->arena, "The plan is new: %s.", old->error.text);
        } else if (!old->there) {
            review.no_old_plan = RBK_STR("The old plan has syntax errors; there is nothing to "
                                         "compare with.");
        } else if (has_syntax_errors(compile)) {
            review.no_old_plan = RBK_STR("The plan has syntax errors; it is not compared.");
        } else {
            struct rbk_difference_side before = {&old->compile, old->machine};
            struct rbk_difference_side after = {compile, machine};
            rbk_difference_compare(&compile->arena, &before, &after, &difference);
            review.difference = &difference;
            if (old->machine == NULL) {
                review.no_old_plan =
                    RBK_STR("The old plan has errors: what is written is compared, "
                            "but not how long it takes.");
            }
        }
    }
    return write_page(request, &review);
}

static int review(const struct request *request)
{
    struct rbk_compile compile;
    struct old_plan old = {.there = false};
    rbk_compile_open(&compile, NULL);
    int status = review_plan(request, &compile, &old);
    rbk_history_close(&old.history);
    if (request->against != NULL) {
        rbk_compile_close(&old.compile);
    }
    rbk_compile_close(&compile);
    return status;
}

int rbk_command_review(int argc, const char **argv)
{
    char *against = NULL;
    char *output = NULL;
    int fail_on_weaker = 0;
    int whole = 0;
    const struct poptOption options[] = {
        {"against", 'a', POPT_ARG_STRING, &against, 0,
         "say what differs from another plan, or from this one in a revision of git", "OLD|REV"},
        {"fail-on-weaker", 0, POPT_ARG_NONE, &fail_on_weaker, 0,
         "exit with 1 when something became weaker", NULL},
        {"whole", 0, POPT_ARG_NONE, &whole, 0,
         "leave nothing out, even if the page is too long for a comment", NULL},
        {"output", 'o', POPT_ARG_STRING, &output, 0, "write to a file, not to stdout", "FILE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc review", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] PLAN");
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char *plan = poptGetArg(context);
    if (option < -1) {
        fprintf(stderr, "rbkc review: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (!plan || poptPeekArg(context)) {
        fputs("rbkc review: expected one plan\n", stderr);
    } else if (!rbk_command_may_write("review", plan, output)) {
        status = RBK_COMMAND_USAGE;
    } else if (fail_on_weaker && !against) {
        fputs("rbkc review: --fail-on-weaker needs --against\n", stderr);
    } else {
        status = review(&(struct request){plan, against, output, fail_on_weaker != 0, whole != 0});
    }
    free(against);
    free(output);
    poptFreeContext(context);
    return status;
}
