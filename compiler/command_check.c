/*
 * rbkc check [--format FORMAT] [--fail-on SEVERITY] [--no-explore | --states N] [--fix [--dry-run]]
 * [--syntax] [--dump=tree] FILE…: compile plans and print what was found, to stdout.
 *
 * The human and the gcc format are printed plan by plan; the others are one document for all plans
 * (findings/). A person also gets a line of summary, on stderr, where it is in nobody's way.
 */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/filter_check.h"
#include "compiler/findings/findings.h"
#include "compiler/fix.h"
#include "compiler/parse.h"
#include "compiler/prove.h"
#include "compiler/show_diff.h"
#include "compiler/source.h"
#include "compiler/tree_dump.h"
#include "compiler/write_file.h"
#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Text of a dumped tree: some times the largest source. */
#define DUMP_BYTES_MAX ((size_t)1 << 30)
/* All findings of a command line, in any format. */
#define REPORT_TEXT_BYTES_MAX ((size_t)512 << 20)

/* What the command line asks for. */
struct request {
    enum rbk_diagnostic_format format; /* when not `whole` */
    enum rbk_findings_format document; /* when `whole` */
    bool whole;                        /* one document for all plans */
    enum rbk_severity fail_on;         /* the least that makes the exit status FINDINGS */
    bool only_syntax;
    bool dump_tree;
    bool explore;
    struct rbk_prove_limits limits;
    bool fix;
    bool dry_run;
};

/* Counts over all plans, by enum rbk_severity. */
struct totals {
    uint32_t counts[3];
    uint32_t plans;
    uint32_t refused; /* plans with errors */
    uint32_t fixable; /* certain fixes that were not made */
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
static int check_plan(struct rbk_compile *compile, const char *path, const struct request *request,
                      struct rbk_filter_check *filters, struct rbk_error *reterr)
{
    int result = rbk_compile_load(compile, path, reterr);
    if (result != 0) {
        return result;
    }
    result = rbk_compile_analyse(compile);
    if (rbk_filter_check_plan(filters, compile) != 0) {
        result = -RBK_ECOMPILE;
    }
    if (result == 0 && request->explore) {
        rbk_prove_plan(compile, &request->limits);
    }
    return result == -RBK_ECOMPILE ? 0 : result;
}

static void count(struct totals *totals, const struct rbk_diagnostics *diagnostics)
{
    totals->plans++;
    totals->refused += diagnostics->errors != 0;
    totals->counts[RBK_SEVERITY_ERROR] += diagnostics->errors;
    totals->counts[RBK_SEVERITY_WARNING] += diagnostics->warnings;
    for (const struct rbk_diagnostic *at = diagnostics->first; at; at = at->next) {
        totals->counts[RBK_SEVERITY_NOTE] += at->severity == RBK_SEVERITY_NOTE;
        for (const struct rbk_diagnostic_note *note = at->notes; note; note = note->next) {
            totals->fixable += note->fix && note->fix->applicability == RBK_FIX_CERTAIN;
        }
    }
}

/* One plan: its own compilation. @return RBK_COMMAND_CLEAN whatever was found, or FAILED. */
static int check_file(const char *path, const struct request *request,
                      struct rbk_filter_check *filters, struct rbk_findings *findings,
                      struct totals *totals)
{
    struct rbk_compile compile;
    struct rbk_error error = {.code = RBK_OK};
    rbk_compile_open(&compile, NULL);

    int status = RBK_COMMAND_FAILED;
    int result = request->only_syntax || request->dump_tree
                     ? check_syntax(&compile, path, request->dump_tree, &error)
                     : check_plan(&compile, path, request, filters, &error);
    if (result == -RBK_ELIMIT) {
        rbk_diagnostic_error(&compile.diagnostics, RBK_RULE_LIMIT, rbk_place_none(), "%s",
                             error.text);
    } else if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        goto out;
    }
    count(totals, &compile.diagnostics);
    if (request->whole) {
        rbk_findings_add(findings, &compile, path);
    } else if (rbk_diagnostics_print(&compile.diagnostics, request->format, stdout) != 0) {
        fputs("rbkc: cannot write the findings\n", stderr);
        goto out;
    }
    status = RBK_COMMAND_CLEAN;
out:
    rbk_compile_close(&compile);
    return status;
}

/* ---- fixing ---------------------------------------------------------------------------------- */

static int write_fixed(const char *path, const struct rbk_fixed *fixed, bool dry_run)
{
    if (dry_run) {
        if (rbk_show_diff(path, fixed->before, fixed->after) != 0) {
            fprintf(stderr, "rbkc: cannot run diff: %s\n", strerror(errno));
            return RBK_COMMAND_FAILED;
        }
        return RBK_COMMAND_CLEAN;
    }
    if (rbk_replace_file(path, fixed->after) != 0) {
        fprintf(stderr, "rbkc: cannot write %s: %s\n", path, strerror(errno));
        return RBK_COMMAND_FAILED;
    }
    fprintf(stderr, "rbkc: %s: %u fixed\n", path, fixed->count);
    return RBK_COMMAND_CLEAN;
}

/* Make the certain changes, or show them. */
static int fix_file(const char *path, bool dry_run)
{
    struct rbk_arena arena;
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_fixed fixed;
    rbk_arena_init(&arena, RBK_COMPILE_BYTES_MAX);
    int status = RBK_COMMAND_CLEAN;
    if (rbk_fix_plan(&arena, path, &fixed, &error) != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        status = RBK_COMMAND_FAILED;
    } else if (fixed.count) {
        status = write_fixed(path, &fixed, dry_run);
    }
    rbk_arena_fini(&arena);
    return status;
}

/* ---- what is said at the end ----------------------------------------------------------------- */

/* A job on GitHub offers a file for its summary, to be appended to; without one there is none. */
static int append_job_summary(struct rbk_findings *findings, struct rbk_error *reterr)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    if (!path || !path[0]) {
        return 0;
    }
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, REPORT_TEXT_BYTES_MAX);
    int result = rbk_findings_write(findings, RBK_FINDINGS_MARKDOWN, &buffer, reterr);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (result == 0 && (fd < 0 || rbk_write_all(fd, rbk_buffer_str(&buffer)) != 0)) {
        result = rbk_error_set_system(reterr, RBK_EIO, errno, "cannot write the summary %s", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    rbk_buffer_fini(&buffer);
    return result;
}

static int write_document(struct rbk_findings *findings, enum rbk_findings_format format)
{
    struct rbk_error error = {.code = RBK_OK};
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, REPORT_TEXT_BYTES_MAX);
    int result = rbk_findings_write(findings, format, &buffer, &error);
    if (result == 0 && rbk_write_all(STDOUT_FILENO, rbk_buffer_str(&buffer)) != 0) {
        result = rbk_error_set_system(&error, RBK_EIO, errno, "cannot write the findings");
    }
    if (result == 0 && format == RBK_FINDINGS_GITHUB) {
        result = append_job_summary(findings, &error);
    }
    rbk_buffer_fini(&buffer);
    if (result != 0) {
        fprintf(stderr, "rbkc: %s\n", error.text);
        return RBK_COMMAND_FAILED;
    }
    return RBK_COMMAND_CLEAN;
}

static void print_summary(const struct totals *totals)
{
    static const char *const words[] = {"error", "warning", "note"};
    const char *separator = "rbkc: ";
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        if (totals->counts[i]) {
            fprintf(stderr, "%s%u %s%s", separator, totals->counts[i], words[i],
                    totals->counts[i] == 1 ? "" : "s");
            separator = ", ";
        }
    }
    if (totals->counts[0] + totals->counts[1] + totals->counts[2] == 0) {
        /* Nothing found is nothing said, but to somebody who waits for a word. */
        if (isatty(STDERR_FILENO)) {
            fprintf(stderr, "rbkc: nothing found; %s accepted\n",
                    totals->plans == 1 ? "plan" : "plans");
        }
        return;
    }
    if (totals->plans == 1) {
        fprintf(stderr, "; plan %s\n", totals->refused ? "not accepted" : "accepted");
    } else {
        fprintf(stderr, "; %u of %u plans accepted\n", totals->plans - totals->refused,
                totals->plans);
    }
    if (totals->fixable) {
        fprintf(stderr, "rbkc: `rbkc check --fix` mends %u of them\n", totals->fixable);
    }
}

static int check_all(const char **files, const struct request *request)
{
    struct rbk_findings findings;
    struct rbk_filter_check filters;
    struct totals totals = {.plans = 0};
    int status = RBK_COMMAND_CLEAN;
    rbk_findings_init(&findings);
    rbk_filter_check_init(&filters);
    for (; *files; files++) {
        int one = RBK_COMMAND_CLEAN;
        if (request->fix) {
            one = fix_file(*files, request->dry_run);
        }
        if (one == RBK_COMMAND_CLEAN && !request->dry_run) {
            one = check_file(*files, request, &filters, &findings, &totals);
        }
        status = one > status ? one : status;
    }
    rbk_filter_check_fini(&filters);
    if (request->whole && !request->dry_run) {
        int one = write_document(&findings, request->document);
        status = one > status ? one : status;
    }
    rbk_findings_fini(&findings);
    if (!request->whole && request->format == RBK_DIAGNOSTIC_HUMAN && !request->dry_run &&
        !request->dump_tree) {
        print_summary(&totals);
    }
    for (unsigned severity = 0; severity <= request->fail_on; severity++) {
        if (status == RBK_COMMAND_CLEAN && totals.counts[severity]) {
            status = RBK_COMMAND_FINDINGS;
        }
    }
    return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool read_format(const char *word, struct request *request)
{
#define X(constant, name) name,
    static const char *const documents[] = {RBK_FINDINGS_FORMATS(X)};
#undef X
    request->format = RBK_DIAGNOSTIC_HUMAN;
    if (!word || strcmp(word, "human") == 0) {
        return true;
    }
    if (strcmp(word, "gcc") == 0) {
        request->format = RBK_DIAGNOSTIC_GCC;
        return true;
    }
    for (size_t i = 0; i < RBK_COUNT(documents); i++) {
        if (strcmp(word, documents[i]) == 0) {
            request->whole = true;
            request->document = (enum rbk_findings_format)i;
            return true;
        }
    }
    return false;
}

static bool read_severity(const char *word, enum rbk_severity *ret_severity)
{
    for (int severity = RBK_SEVERITY_ERROR; severity <= RBK_SEVERITY_NOTE; severity++) {
        if (strcmp(word, rbk_severity_name((enum rbk_severity)severity)) == 0) {
            *ret_severity = (enum rbk_severity)severity;
            return true;
        }
    }
    return false;
}

int rbk_command_check(int argc, const char **argv)
{
    char *format = NULL;
    char *dump = NULL;
    char *fail_on = NULL;
    int only_syntax = 0;
    int fix = 0;
    int dry_run = 0;
    int no_explore = 0;
    long long states = LLONG_MIN; /* not given */
    const struct poptOption options[] = {
        {"format", 'f', POPT_ARG_STRING, &format, 0,
         "how findings are printed: `human' (the default), `gcc', `json', `sarif', `github' or "
         "`markdown'",
         "FORMAT"},
        {"fail-on", 0, POPT_ARG_STRING, &fail_on, 0,
         "the least finding that makes the exit status 1: `error' (the default), `warning' or "
         "`note'",
         "SEVERITY"},
        {"fix", 0, POPT_ARG_NONE, &fix, 0, "make the changes that are certain, then check", NULL},
        {"dry-run", 'n', POPT_ARG_NONE, &dry_run, 0, "with --fix: show the changes and make none",
         NULL},
        {"syntax", 's', POPT_ARG_NONE, &only_syntax, 0,
         "look at the syntax of the files only, not at names, types and rules", NULL},
        {"no-explore", 0, POPT_ARG_NONE, &no_explore, 0,
         "do not go through everything the plan can do (RBK150)", NULL},
        {"states", 0, POPT_ARG_LONGLONG, &states, 0,
         "explore up to N states, however long the plan is", "N"},
        {"dump", 0, POPT_ARG_STRING, &dump, 0, "print what was parsed: `tree'", "STAGE"},
        POPT_AUTOHELP POPT_TABLEEND};
    poptContext context = poptGetContext("rbkc check", argc, argv, options, 0);
    poptSetOtherOptionHelp(context, "[OPTION...] FILE...");
    struct request request = {.fail_on = RBK_SEVERITY_ERROR};
    int status = RBK_COMMAND_USAGE;

    int option = poptGetNextOpt(context);
    const char **files = poptGetArgs(context);
    if (option < -1) {
        fprintf(stderr, "rbkc check: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(option));
    } else if (!read_format(format, &request)) {
        fprintf(stderr,
                "rbkc check: unknown format \"%s\", expected human, gcc, json, sarif, github or "
                "markdown\n",
                format);
    } else if (fail_on && !read_severity(fail_on, &request.fail_on)) {
        fprintf(stderr, "rbkc check: cannot fail on \"%s\", expected error, warning or note\n",
                fail_on);
    } else if (dump && strcmp(dump, "tree") != 0) {
        fprintf(stderr, "rbkc check: cannot dump \"%s\", expected tree\n", dump);
    } else if (dry_run && !fix) {
        fputs("rbkc check: --dry-run goes with --fix\n", stderr);
    } else if (states != LLONG_MIN && (states < 1 || no_explore)) {
        fputs("rbkc check: --states wants a number above 0, and no --no-explore\n", stderr);
    } else if (!files) {
        fputs("rbkc check: no file given\n", stderr);
    } else {
        request.only_syntax = only_syntax != 0;
        request.dump_tree = dump != NULL;
        request.explore = !no_explore;
        request.limits.states_max = states > 0 ? (uint64_t)states : 0;
        request.limits.always = states > 0;
        request.fix = fix != 0;
        request.dry_run = dry_run != 0;
        status = check_all(files, &request);
    }
    free(format);
    free(dump);
    free(fail_on);
    poptFreeContext(context);
    return status;
}
