/*
 * See pipeline.h: compiling, findings, layout, times, fixes.
 */
#include "tests/fuzz/pipeline.h"

#include "compiler/findings/findings.h"
#include "compiler/fix.h"
#include "compiler/format.h"
#include "compiler/lower/lower.h"
#include "compiler/times/times.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "tests/fuzz/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define ROUNDS_MAX 16u /* of fixing, which ends then and may be asked for again */
#define PATH "/nowhere/fuzz.rbk"

/* ---- compiling ------------------------------------------------------------------------------- */

static void check_place(struct rbk_place place)
{
    RBK_ASSERT(place.source);
    RBK_ASSERT(place.span.start <= place.span.end);
    RBK_ASSERT(place.span.end <= place.source->text.bytes);
}

static void check_diagnostics(const struct rbk_diagnostics *diagnostics)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    for (const struct rbk_diagnostic *record = diagnostics->first; record; record = record->next) {
        RBK_ASSERT(record->message.bytes > 0);
        RBK_ASSERT(record->code > 0);
        check_place(record->place);
        for (unsigned i = 0; i < record->label_count; i++) {
            check_place(record->labels[i].place);
        }
    }
    rbk_diagnostics_render(diagnostics, RBK_DIAGNOSTIC_HUMAN, false, &text);
    RBK_ASSERT((text.bytes > 0) == (diagnostics->count > 0));
    fuzz_judge_text(rbk_buffer_str(&text));
    rbk_buffer_clear(&text);
    rbk_diagnostics_render(diagnostics, RBK_DIAGNOSTIC_GCC, false, &text);
    RBK_ASSERT((text.bytes > 0) == (diagnostics->count > 0));
    fuzz_judge_text(rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

/* Write a machine, which sets its hash, and read it back. */
static void check_machine(struct fuzz_plan *plan)
{
    struct rbk_error error = {0};
    struct rbk_arena arena;
    struct rbk_buffer again;
    const struct rbk_machine *read = NULL;
    rbk_arena_init(&arena, RBK_MACHINE_MEMORY_MAX);
    rbk_buffer_init(&again, TEXT_BYTES_MAX);
    if (rbk_machine_write(plan->machine, &plan->text, &error) != 0 ||
        rbk_machine_check(plan->machine, &error) != 0 ||
        rbk_machine_read(&arena, rbk_buffer_str(&plan->text), &read, &error) != 0) {
        fuzz_fail(plan->compile.program.files[0]->tree->source->text,
                  "an accepted plan gives no machine: %s", error.text);
    }
    struct rbk_machine copy = *read;
    RBK_ASSERT(strcmp(copy.hash, plan->machine->hash) == 0);
    RBK_ASSERT(rbk_machine_write(&copy, &again, &error) == 0);
    RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&again), rbk_buffer_str(&plan->text)));
    rbk_buffer_fini(&again);
    rbk_arena_fini(&arena);
}

void fuzz_plan_open(struct fuzz_plan *plan, struct rbk_str text)
{
    struct rbk_compile *compile = &plan->compile;
    *plan = (struct fuzz_plan){.whole = true};
    rbk_buffer_init(&plan->text, TEXT_BYTES_MAX);
    rbk_compile_open(compile, RBK_FUZZ_STDLIB);
    rbk_compile_load_text(compile, PATH, text);
    for (uint32_t i = 0; i < compile->program.file_count; i++) {
        plan->whole = plan->whole && !compile->program.files[i]->tree->broken;
    }
    int result = rbk_compile_analyse(compile);
    RBK_ASSERT((result == 0) == (compile->diagnostics.errors == 0));
    RBK_ASSERT(result != 0 || plan->whole);
    if (result == 0 && compile->program.plan) {
        result = rbk_compile_lower(compile, &plan->machine);
        RBK_ASSERT((result == 0) == (compile->diagnostics.errors == 0));
        RBK_ASSERT((result == 0) == (plan->machine != NULL));
    }
    check_diagnostics(&compile->diagnostics);
    if (plan->machine) {
        check_machine(plan);
    }
}

void fuzz_plan_close(struct fuzz_plan *plan)
{
    rbk_buffer_fini(&plan->text);
    rbk_compile_close(&plan->compile);
}

/* ---- findings -------------------------------------------------------------------------------- */

static void check_findings_of(struct rbk_findings *report)
{
    uint32_t count = 0;
    for (const struct rbk_finding *item = rbk_findings_next(report, NULL); item;
         item = rbk_findings_next(report, item)) {
        RBK_ASSERT(strlen(item->fingerprint) == 32);
        count++;
    }
    RBK_ASSERT(count == report->counts[0] + report->counts[1] + report->counts[2]);
    json_t *json = rbk_findings_json(report);
    RBK_ASSERT(json_array_size(json_object_get(json, "findings")) == count);
    json_decref(json);
    json_t *sarif = rbk_findings_sarif(report);
    json_t *run = json_array_get(json_object_get(sarif, "runs"), 0);
    RBK_ASSERT(json_array_size(json_object_get(run, "results")) == count);
    json_decref(sarif);
}

void fuzz_check_findings(const struct fuzz_plan *plan)
{
    struct rbk_findings report;
    struct rbk_error error = {0};
    struct rbk_buffer text;
    rbk_findings_init(&report);
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_findings_add(&report, &plan->compile, "fuzz.rbk");
    check_findings_of(&report);
    for (int format = 0; format < RBK_FINDINGS_FORMAT_COUNT; format++) {
        rbk_buffer_clear(&text);
        RBK_ASSERT(rbk_findings_write(&report, (enum rbk_findings_format)format, &text, &error) ==
                   0);
        switch ((enum rbk_findings_format)format) {
        case RBK_FINDINGS_GITHUB:
            fuzz_judge_github(rbk_buffer_str(&text));
            break;
        case RBK_FINDINGS_MARKDOWN:
            RBK_ASSERT(text.bytes <= RBK_FINDINGS_MARKDOWN_BYTES);
            fuzz_judge_markdown(rbk_buffer_str(&text));
            break;
        case RBK_FINDINGS_JSON:
        case RBK_FINDINGS_SARIF:
        case RBK_FINDINGS_FORMAT_COUNT:
            fuzz_judge_json(rbk_buffer_str(&text));
            break;
        }
    }
    rbk_buffer_fini(&text);
    rbk_findings_fini(&report);
}

/* ---- layout ---------------------------------------------------------------------------------- */

void fuzz_check_layout(struct fuzz_plan *plan)
{
    struct rbk_error error = {0};
    struct rbk_buffer once;
    struct rbk_buffer twice;
    struct fuzz_plan again;
    if (!plan->whole || plan->compile.program.file_count == 0) {
        return;
    }
    rbk_buffer_init(&once, TEXT_BYTES_MAX);
    rbk_buffer_init(&twice, TEXT_BYTES_MAX);
    RBK_ASSERT(rbk_format_file(&plan->compile.arena, plan->compile.program.files[0]->tree, &once,
                               &error) == 0);
    fuzz_plan_open(&again, rbk_buffer_str(&once));
    RBK_ASSERT(again.whole);
    RBK_ASSERT((again.machine != NULL) == (plan->machine != NULL));
    RBK_ASSERT(again.compile.diagnostics.errors == plan->compile.diagnostics.errors);
    if (plan->machine) {
        RBK_ASSERT(strcmp(plan->machine->hash, again.machine->hash) == 0);
    }
    RBK_ASSERT(rbk_format_file(&again.compile.arena, again.compile.program.files[0]->tree, &twice,
                               &error) == 0);
    RBK_ASSERT(rbk_str_equal(rbk_buffer_str(&once), rbk_buffer_str(&twice)));
    fuzz_plan_close(&again);
    rbk_buffer_fini(&once);
    rbk_buffer_fini(&twice);
}

/* ---- times ----------------------------------------------------------------------------------- */

/* A path's shares add up to what it explains. */
static void check_path(struct rbk_times *times, const struct rbk_times_path *path, uint64_t ms,
                       const char *what)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        RBK_ASSERT(path->items[i].statement || path->items[i].kind == RBK_SHARE_STOP);
        sum = rbk_worst_add_ms(sum, path->items[i].ms);
    }
    if (sum != ms) {
        struct rbk_buffer text;
        rbk_buffer_init(&text, TEXT_BYTES_MAX);
        rbk_times_print(times, false, &text);
        fuzz_fail(rbk_buffer_str(&text), "the path of %s takes %llu ms, its shares %llu", what,
                  (unsigned long long)ms, (unsigned long long)sum);
    }
}

static void check_stage_times(struct rbk_times *times, const struct rbk_tree_statement *statement)
{
    const struct rbk_stage_times *stage = rbk_times_stage(times, statement);
    for (int part = 0; part < RBK_TIMES_PARTS; part++) {
        struct rbk_times_path path = {0};
        RBK_ASSERT(stage->parts[part].ok_ms <= stage->parts[part].end_ms);
        rbk_times_path_of_part(times, stage->stage, (enum rbk_times_part)part, &path);
        check_path(times, &path, stage->parts[part].ok_ms, "a part");
    }
    for (uint32_t i = 0; i < stage->strategy_count; i++) {
        for (int fails = 0; fails < 2; fails++) {
            struct rbk_times_path path = {0};
            rbk_times_path_of_strategy(times, stage->stage, i, fails != 0, &path);
            check_path(times, &path,
                       fails ? stage->strategies[i].end_ms : stage->strategies[i].ok_ms,
                       fails ? "a strategy that fails" : "a strategy");
        }
    }
    for (uint32_t i = 0; i < stage->block_count; i++) {
        struct rbk_times_path path = {0};
        rbk_times_path_of_block(times, stage->stage, &stage->blocks[i], &path);
        check_path(times, &path, stage->blocks[i].inside.needs_ms, "a block");
    }
}

void fuzz_check_times(struct fuzz_plan *plan)
{
    struct rbk_times *times = rbk_times_of(&plan->compile);
    const struct rbk_abort_points *points = rbk_times_points(times);
    const struct rbk_statements *stages = &plan->compile.program.head[RBK_STATEMENT_STAGE];
    struct rbk_buffer text;
    for (uint32_t i = 0; i < stages->count; i++) {
        check_stage_times(times, stages->items[i]);
    }
    for (uint32_t i = 0; i < points->count; i++) {
        const struct rbk_abort_point *point = &points->items[i];
        uint64_t sum = rbk_worst_add_ms(point->stop_ms, point->back_ms);
        RBK_ASSERT(rbk_worst_add_ms(sum, point->release_ms) == point->total_ms);
        RBK_ASSERT(point->total_ms <= points->items[points->worst].total_ms);
        uint32_t count = 0;
        uint64_t back = 0;
        const struct rbk_times_leg *legs = rbk_times_way_back(times, point, &count);
        for (uint32_t leg = 0; leg < count; leg++) {
            back = rbk_worst_add_ms(back, legs[leg].ms);
        }
        RBK_ASSERT(back == point->back_ms);
    }
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_times_print(times, false, &text);
    RBK_ASSERT(!text.error);
    fuzz_judge_text(rbk_buffer_str(&text));
    rbk_buffer_clear(&text);
    RBK_ASSERT(rbk_times_print_json(times, &text) == 0);
    fuzz_judge_json(rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

/* ---- fixes ----------------------------------------------------------------------------------- */

/* Fix a plan: it has to be a file. */
static void fix(struct rbk_arena *arena, struct rbk_str text, struct rbk_fixed *ret_fixed)
{
    struct rbk_error error = {0};
    char path[64];
    int fd = memfd_create("plan", MFD_CLOEXEC);
    RBK_ASSERT(fd >= 0);
    RBK_ASSERT(write(fd, text.data, text.bytes) == (ssize_t)text.bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    RBK_ASSERT(rbk_fix_plan(arena, path, ret_fixed, &error) == 0);
    RBK_ASSERT(rbk_str_equal(ret_fixed->before, text));
    (void)close(fd);
}

static uint32_t errors_of(struct rbk_str text)
{
    struct rbk_compile compile;
    rbk_compile_open(&compile, RBK_FUZZ_STDLIB);
    rbk_compile_load_text(&compile, PATH, text);
    int result = rbk_compile_analyse(&compile);
    uint32_t errors = compile.program.files[0]->tree->broken ? UINT32_MAX
                      : result == 0                          ? 0
                                                             : compile.diagnostics.errors;
    rbk_compile_close(&compile);
    return errors;
}

void fuzz_check_fix(struct rbk_str text)
{
    struct rbk_arena arena;
    struct rbk_fixed once;
    struct rbk_fixed twice;
    RBK_ASSERT(setenv("RBK_STDLIB", RBK_FUZZ_STDLIB, 1) == 0);
    rbk_arena_init(&arena, RBK_COMPILE_BYTES_MAX);
    fix(&arena, text, &once);
    RBK_ASSERT(rbk_str_equal(once.before, once.after) == (once.count == 0));
    if (once.count > 0) {
        RBK_ASSERT(errors_of(once.after) <= errors_of(text));
        fix(&arena, once.after, &twice);
        RBK_ASSERT(twice.count == 0 || once.count >= ROUNDS_MAX);
    }
    rbk_arena_fini(&arena);
}
