/*
 * See pipeline.h: what is made of a machine.
 */
#include "compiler/explore/explore.h"
#include "compiler/explore/print.h"
#include "compiler/graph/graph.h"
#include "compiler/promela/promela.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"
#include "tests/fuzz/judge.h"
#include "tests/fuzz/pipeline.h"

#define TEXT_BYTES_MAX ((size_t)64 << 20)
#define STATES_MAX UINT64_C(1500)
/* Explored in full, too: machines this small, up to so many states. */
#define REDUCED_STATES_MAX UINT64_C(150)
#define FULL_STATES_MAX UINT64_C(3000)
#define BYTES_MAX ((size_t)32 << 20)
#define ARENA_BYTES_MAX ((size_t)512 << 20)

/* ---- exploration ----------------------------------------------------------------------------- */

/* Whether a plan without errors can still break a promise: END, WAIT and UNREACHED are properties
 * of what is written, the others of step(). */
static bool plan_can_break(enum rbk_explore_property property)
{
    return property == RBK_EXPLORE_UNREACHED;
}

static void check_violations(const struct rbk_machine *machine,
                             const struct rbk_explore_result *result, enum fuzz_origin origin)
{
    RBK_ASSERT(result->violation_count <= RBK_EXPLORE_VIOLATIONS_MAX);
    RBK_ASSERT(result->violation_count <= result->violations_seen);
    for (uint32_t i = 0; i < result->violation_count; i++) {
        const struct rbk_explore_violation *violation = &result->violations[i];
        RBK_ASSERT(violation->property < RBK_EXPLORE_PROPERTY_COUNT);
        RBK_ASSERT(violation->text.bytes > 0);
        RBK_ASSERT(violation->property != RBK_EXPLORE_UNREACHED || violation->line_count == 0);
        RBK_ASSERT(violation->place.line == 0 || violation->place.source < machine->source_count);
        if (origin == FUZZ_FROM_PLAN && !plan_can_break(violation->property)) {
            struct rbk_buffer text;
            rbk_buffer_init(&text, TEXT_BYTES_MAX);
            rbk_explore_print(machine, result, &text);
            fuzz_fail(rbk_buffer_str(&text), "a plan without errors breaks a promise");
        }
    }
}

static void check_exits(const struct rbk_machine *machine, const struct rbk_explore_result *result)
{
    for (uint32_t i = 0; i < result->exit_count; i++) {
        const struct rbk_explore_exit *item = &result->exits[i];
        RBK_ASSERT(item->stage < machine->region_count);
        RBK_ASSERT(item->kind < RBK_EXPLORE_EXIT_COUNT);
        RBK_ASSERT((item->trigger == RBK_NONE) == (item->kind != RBK_EXPLORE_EXIT_TRIGGER));
        RBK_ASSERT(item->trigger == RBK_NONE || item->trigger < machine->trigger_count);
        RBK_ASSERT(item->next != 0);
        RBK_ASSERT(item->what.bytes > 0);
    }
}

static const struct rbk_explore_exit *find_exit(const struct rbk_explore_result *result,
                                                const struct rbk_explore_exit *wanted)
{
    for (uint32_t i = 0; i < result->exit_count; i++) {
        const struct rbk_explore_exit *row = &result->exits[i];
        if (row->stage == wanted->stage && row->kind == wanted->kind &&
            row->phase == wanted->phase) {
            return row;
        }
    }
    return NULL;
}

/* Rows of triggers are left out: one that holds or asks is a part of a state in full exploration
 * only. */
static void check_exits_are_in(const struct rbk_machine *machine,
                               const struct rbk_explore_result *these,
                               const struct rbk_explore_result *those, const char *what)
{
    for (uint32_t i = 0; i < these->exit_count; i++) {
        const struct rbk_explore_exit *row = &these->exits[i];
        const struct rbk_explore_exit *other = find_exit(those, row);
        if (row->kind != RBK_EXPLORE_EXIT_TRIGGER && (!other || row->next != other->next)) {
            struct rbk_buffer text;
            rbk_buffer_init(&text, TEXT_BYTES_MAX);
            rbk_explore_print(machine, these, &text);
            (void)rbk_buffer_append_text(&text, "---- the other ----\n");
            rbk_explore_print(machine, those, &text);
            fuzz_fail(rbk_buffer_str(&text), "%s: `%s` in %s of region %u", what,
                      rbk_explore_exit_name(row->kind), rbk_phase_name(row->phase),
                      (unsigned)row->stage);
        }
    }
}

/* What exploration leaves out changes neither its verdict nor the exits. */
static void check_against_full(const struct rbk_machine *machine, struct rbk_arena *arena,
                               const struct rbk_explore_result *result)
{
    struct rbk_explore_options options = {
        .states_max = FULL_STATES_MAX, .bytes_max = BYTES_MAX, .full = true};
    struct rbk_explore_result full;
    if (!result->complete || result->states > REDUCED_STATES_MAX) {
        return;
    }
    RBK_ASSERT(rbk_explore(arena, machine, &options, &full) == 0);
    if (full.complete) {
        RBK_ASSERT((full.violations_seen == 0) == (result->violations_seen == 0));
        check_exits_are_in(machine, &full, result, "left out");
        check_exits_are_in(machine, result, &full, "too much");
    }
}

void fuzz_check_exploration(const struct rbk_machine *machine, enum fuzz_origin origin)
{
    struct rbk_explore_options options = {.states_max = STATES_MAX, .bytes_max = BYTES_MAX};
    struct rbk_explore_result result;
    struct rbk_arena arena;
    struct rbk_buffer text;
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    RBK_ASSERT(rbk_explore(&arena, machine, &options, &result) == 0);
    RBK_ASSERT(result.states_max == STATES_MAX && result.bytes_max == BYTES_MAX);
    RBK_ASSERT(result.bytes <= BYTES_MAX);
    RBK_ASSERT(!result.complete || result.frontier == 0);
    check_violations(machine, &result, origin);
    check_exits(machine, &result);
    if (origin == FUZZ_FROM_PLAN) {
        check_against_full(machine, &arena, &result);
    }
    rbk_explore_print(machine, &result, &text);
    RBK_ASSERT(!text.error && text.bytes > 0);
    rbk_buffer_clear(&text);
    rbk_explore_print_json(machine, &result, &text);
    RBK_ASSERT(!text.error);
    fuzz_judge_json(rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    rbk_arena_fini(&arena);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* DOT and Promela: outside of strings and comments, brackets balance; strings end. */
static void check_brackets(struct rbk_str text)
{
    long depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (quoted && byte == '\\') {
            i++;
        } else if (byte == '"') {
            quoted = !quoted;
        } else if (!quoted && byte == '/' && i + 1 < text.bytes && text.data[i + 1] == '*') {
            do {
                i++;
            } while (i + 1 < text.bytes && !(text.data[i] == '*' && text.data[i + 1] == '/'));
            i++;
        } else if (!quoted) {
            depth += (byte == '{') - (byte == '}');
            if (depth < 0) {
                fuzz_fail(text, "a bracket closes nothing at byte %zu", i);
            }
        }
    }
    if (quoted || depth != 0) {
        fuzz_fail(text, quoted ? "a string is not closed" : "a bracket is not closed");
    }
}

void fuzz_check_pictures(const struct rbk_machine *machine, enum fuzz_origin origin)
{
    struct rbk_error error = {0};
    struct rbk_buffer text;
    rbk_buffer_init(&text, TEXT_BYTES_MAX);
    rbk_graph_states(machine, &text);
    RBK_ASSERT(!text.error);
    check_brackets(rbk_buffer_str(&text));
    rbk_buffer_clear(&text);
    rbk_graph_stages(machine, &text);
    RBK_ASSERT(!text.error);
    check_brackets(rbk_buffer_str(&text));
    for (int states = 0; states < 2; states++) {
        rbk_buffer_clear(&text);
        (void)rbk_graph_mermaid(machine, states != 0, &text);
        RBK_ASSERT(!text.error && text.bytes > 0);
        if (origin == FUZZ_FROM_PLAN) {
            fuzz_judge_text(rbk_buffer_str(&text));
        }
    }
    rbk_buffer_clear(&text);
    int result = rbk_promela_write(machine, &text, &error);
    RBK_ASSERT(result == 0 || result == -RBK_ELIMIT);
    if (result == 0) {
        check_brackets(rbk_buffer_str(&text));
    }
    rbk_buffer_fini(&text);
}
