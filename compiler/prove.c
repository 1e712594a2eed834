/* See prove.h. */
#include "compiler/prove.h"

#include "compiler/compile.h"
#include "compiler/explore/explore.h"
#include "compiler/lower/lower.h"
#include "runtime/core/machine.h"

/* Lines of a story that are shown; the whole is in `rbkc explore`. */
#define STORY_LINES_MAX 60u

/* A place of the machine, as one of the compilation: from there to the end of the line. */
static struct rbk_place place_of(const struct rbk_compile *compile, struct rbk_machine_place at)
{
    const struct rbk_program *program = &compile->program;
    if (!at.line || at.source >= program->file_count) {
        return rbk_place_none();
    }
    const struct rbk_source *source = program->files[at.source]->tree->source;
    struct rbk_str line = rbk_source_line(source, at.line);
    /* Columns count characters: one that begins no character is no column. */
    uint32_t start = (uint32_t)(line.data - source->text.data);
    uint32_t end = start + (uint32_t)line.bytes;
    for (uint32_t column = 1; column < at.column && start < end; column++) {
        do {
            start++;
        } while (start < end && ((unsigned char)source->text.data[start] & 0xC0) == 0x80);
    }
    return rbk_place_make(source, rbk_span_make(start, end));
}

static struct rbk_place plan_place(const struct rbk_compile *compile)
{
    struct rbk_machine_place at = {0, 1, 1};
    const struct rbk_statements *stages = &compile->program.head[RBK_STATEMENT_STAGE];
    if (stages->count == 0) {
        return place_of(compile, at);
    }
    return rbk_place_make(compile->program.files[0]->tree->source,
                          stages->items[0]->name ? stages->items[0]->name->span
                                                 : stages->items[0]->span);
}

static void report_violation(struct rbk_compile *compile,
                             const struct rbk_explore_violation *violation)
{
    struct rbk_place place = place_of(compile, violation->place);
    if (!place.source) {
        place = plan_place(compile);
    }
    struct rbk_diagnostic *found =
        rbk_diagnostic_error(&compile->diagnostics, RBK_RULE_EXPLORE, place, "%s",
                             rbk_explore_property_text(violation->property));
    rbk_diagnostic_note(found, rbk_place_none(), "%.*s", (int)violation->text.bytes,
                        violation->text.data);
    for (uint32_t i = 0; i < violation->line_count && i < STORY_LINES_MAX; i++) {
        const struct rbk_explore_line *line = &violation->lines[i];
        if (line->place.line) {
            rbk_diagnostic_note(found, rbk_place_none(), "%u. %.*s (line %u)", (unsigned)i + 1,
                                (int)line->text.bytes, line->text.data, (unsigned)line->place.line);
        } else {
            rbk_diagnostic_note(found, rbk_place_none(), "%u. %.*s", (unsigned)i + 1,
                                (int)line->text.bytes, line->text.data);
        }
    }
    rbk_diagnostic_help(found, "`rbkc explain RBK150` says what each promise means.");
}

static void report_limit(struct rbk_compile *compile, const struct rbk_explore_result *result)
{
    struct rbk_diagnostic *found = rbk_diagnostic_error(
        &compile->diagnostics, RBK_RULE_EXPLORE, plan_place(compile),
        "the plan was not fully explored: %llu states were seen, %llu of them not looked at",
        (unsigned long long)result->states, (unsigned long long)result->frontier);
    rbk_diagnostic_note(found, rbk_place_none(), "the limits are %llu states and %llu MiB",
                        (unsigned long long)result->states_max,
                        (unsigned long long)(result->bytes_max >> 20));
    rbk_diagnostic_help(found, "Give it more room with `--states N`, or put stages and branches "
                               "that run side by side one after the other.");
}

void rbk_prove_plan(struct rbk_compile *compile, const struct rbk_prove_limits *limits)
{
    uint32_t stages = compile->program.head[RBK_STATEMENT_STAGE].count;
    struct rbk_machine *machine = NULL;
    struct rbk_explore_result result;
    struct rbk_explore_options options = {.states_max = limits->states_max};
    bool too_long = !limits->always && stages > RBK_PROVE_STAGES_MAX;
    if (!compile->program.plan) {
        return; /* a module */
    }
    if (!too_long && rbk_compile_lower(compile, &machine) != 0) {
        return; /* it said why */
    }
    too_long |= !limits->always && machine && machine->state_count > RBK_PROVE_MACHINE_STATES_MAX;
    if (too_long) {
        struct rbk_diagnostic *found =
            rbk_diagnostic_error(&compile->diagnostics, RBK_RULE_EXPLORE, plan_place(compile),
                                 "the plan was not explored: it is longer than a check has time "
                                 "for");
        rbk_diagnostic_help(found, "`rbkc explore` goes through it however long it takes; "
                                   "`--no-explore` checks all the rest, and `--states N` explores "
                                   "here as well.");
        return;
    }
    if (rbk_explore(&compile->arena, machine, &options, &result) != 0) {
        rbk_diagnostic_error(&compile->diagnostics, RBK_RULE_EXPLORE, plan_place(compile),
                             "there is not enough memory to explore the plan");
        return;
    }
    for (uint32_t i = 0; i < result.violation_count; i++) {
        report_violation(compile, &result.violations[i]);
    }
    if (!result.complete) {
        report_limit(compile, &result);
    }
}
