/*
 * Cycles: stages that wait for each other, and actions, readings and channels that call themselves
 * through others. Each cycle is printed whole, once.
 */
#include "compiler/analysis.h"
#include "compiler/cycle.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

/* What a report needs to know about the edges of the graph. */
struct report {
    struct rbk_analysis *analysis;
    struct rbk_declaration *const *nodes;
    const uint32_t *from;
    const uint32_t *to;
    const struct rbk_place *places; /* Edge -> where it is written; no source for an implied one. */
};

/* "`a` -> `b` -> `a`" */
static struct rbk_str print_cycle(const struct report *report, const uint32_t *edges,
                                  uint32_t count)
{
    struct rbk_arena *arena = &report->analysis->compile->arena;
    struct rbk_str text = RBK_STR("");
    for (uint32_t i = 0; i < count; i++) {
        if (i == 12 && count > 16) {
            text = rbk_arena_printf(arena, "%.*s… -> ", RBK_STR_ARG(text));
            i = count - 1;
        }
        text = rbk_arena_printf(arena, "%.*s`%.*s` -> ", RBK_STR_ARG(text),
                                RBK_STR_ARG(report->nodes[report->from[edges[i]]]->name->text));
    }
    return rbk_arena_printf(arena, "%.*s`%.*s`", RBK_STR_ARG(text),
                            RBK_STR_ARG(report->nodes[report->from[edges[0]]]->name->text));
}

static void report_stage_cycle(void *context, const uint32_t *edges, uint32_t count)
{
    const struct report *report = context;
    struct rbk_diagnostics *diagnostics = &report->analysis->compile->diagnostics;
    RBK_ASSERT(count > 0);
    uint32_t first = 0; /* The first edge that is written: what the message points at. */
    while (first < count && !report->places[edges[first]].source) {
        first++;
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        diagnostics, 141, report->places[edges[first % count]], "stages wait for each other: %.*s",
        RBK_STR_ARG(print_cycle(report, edges, count)));
    for (uint32_t i = 0; i < count && i < 8; i++) {
        const struct rbk_declaration *from = report->nodes[report->from[edges[i]]];
        const struct rbk_declaration *to = report->nodes[report->to[edges[i]]];
        if (i == first % count) {
            rbk_diagnostic_mark(diagnostic, "`%.*s` waits for `%.*s`",
                                RBK_STR_ARG(from->name->text), RBK_STR_ARG(to->name->text));
        } else if (report->places[edges[i]].source) {
            rbk_diagnostic_label(diagnostic, report->places[edges[i]], "`%.*s` waits for `%.*s`",
                                 RBK_STR_ARG(from->name->text), RBK_STR_ARG(to->name->text));
        } else {
            rbk_diagnostic_label(diagnostic, rbk_declaration_place(from),
                                 "without `after`, `%.*s` waits for the stage before it, `%.*s`",
                                 RBK_STR_ARG(from->name->text), RBK_STR_ARG(to->name->text));
        }
    }
    rbk_diagnostic_help(diagnostic, "Take one of them out. `after nothing` waits for no stage.");
}

static bool is_declared_twice(const struct rbk_declaration *stage)
{
    return stage->outer && stage->outer->kind == RBK_DECLARATION_STAGE;
}

void rbk_resolve_order(struct rbk_analysis *analysis)
{
    struct rbk_arena *arena = &analysis->compile->arena;
    const struct rbk_statements *stages = &analysis->compile->program.head[RBK_STATEMENT_STAGE];
    if (stages->count > RBK_STAGES_MAX) {
        rbk_diagnostic_error(&analysis->compile->diagnostics, 170,
                             rbk_analysis_place(analysis, stages->items[RBK_STAGES_MAX]->head),
                             "more than %zu stages", RBK_STAGES_MAX);
        return;
    }
    size_t edge_max = stages->count;
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_statements *afters = &rbk_program_stage_of(stages->items[i])->afters;
        for (uint32_t j = 0; j < afters->count; j++) {
            for (const struct rbk_tree_name *name = afters->items[j]->names; name;
                 name = name->next) {
                edge_max++;
            }
        }
    }
    uint32_t *from = rbk_new_array(arena, uint32_t, edge_max);
    uint32_t *to = rbk_new_array(arena, uint32_t, edge_max);
    struct rbk_place *places = rbk_new_array(arena, struct rbk_place, edge_max);
    struct rbk_declaration **nodes = rbk_new_array(arena, struct rbk_declaration *, stages->count);
    uint32_t edge_count = 0;
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_program_stage *stage = rbk_program_stage_of(stages->items[i]);
        nodes[i] = stages->items[i]->declaration;
        if (stage->afters.count == 0 && i > 0) {
            from[edge_count] = i;
            to[edge_count++] = i - 1;
        }
        for (uint32_t j = 0; j < stage->afters.count; j++) {
            const struct rbk_tree_name *name = stage->afters.items[j]->names;
            for (; name; name = name->next) {
                /* A second stage of a name hides the one that was meant; that was reported. */
                if (!name->ref || (name->ref == nodes[i] && is_declared_twice(nodes[i]))) {
                    continue;
                }
                from[edge_count] = i;
                to[edge_count] = rbk_program_stage_of(name->ref->statement)->index;
                places[edge_count++] = rbk_analysis_place(analysis, name->span);
            }
        }
    }
    struct report report = {analysis, nodes, from, to, places};
    rbk_graph_walk(
        arena,
        &(struct rbk_graph){
            .node_count = stages->count, .edge_count = edge_count, .from = from, .to = to},
        report_stage_cycle, &report, NULL);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void report_call_cycle(void *context, const uint32_t *edges, uint32_t count)
{
    const struct report *report = context;
    report->analysis->calls_unsound = true;
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(&report->analysis->compile->diagnostics, 141, report->places[edges[0]],
                             count == 1 ? "a call of itself: %.*s" : "calls that come back: %.*s",
                             RBK_STR_ARG(print_cycle(report, edges, count)));
    for (uint32_t i = 1; i < count && i < 8; i++) {
        rbk_diagnostic_label(diagnostic, report->places[edges[i]], "called here");
    }
    rbk_diagnostic_help(
        diagnostic, "Actions and readings are written out where they are called, so a call "
                    "cannot lead back to itself. Use `retry` or `foreach` to repeat something.");
}

void rbk_resolve_calls(struct rbk_analysis *analysis)
{
    struct rbk_arena *arena = &analysis->compile->arena;
    uint32_t edge_count = analysis->edge_count;
    uint32_t *from = rbk_new_array(arena, uint32_t, edge_count);
    uint32_t *to = rbk_new_array(arena, uint32_t, edge_count);
    struct rbk_place *places = rbk_new_array(arena, struct rbk_place, edge_count);
    struct rbk_declaration **nodes =
        rbk_new_array(arena, struct rbk_declaration *, (size_t)edge_count * 2);
    uint32_t node_count = 0;
    /* While the graph is walked, declaration->index is the node's number plus 1. */
    for (uint32_t i = 0; i < edge_count; i++) {
        struct rbk_declaration *ends[2] = {analysis->edges[i].from, analysis->edges[i].to};
        for (int end = 0; end < 2; end++) {
            if (ends[end]->index == 0) {
                nodes[node_count++] = ends[end];
                ends[end]->index = node_count;
            }
        }
        from[i] = ends[0]->index - 1;
        to[i] = ends[1]->index - 1;
        places[i] = analysis->edges[i].place;
    }
    uint32_t *heights = rbk_new_array(arena, uint32_t, node_count);
    struct report report = {analysis, nodes, from, to, places};
    rbk_graph_walk(arena,
                   &(struct rbk_graph){
                       .node_count = node_count, .edge_count = edge_count, .from = from, .to = to},
                   report_call_cycle, &report, heights);
    for (uint32_t i = 0; i < node_count; i++) {
        nodes[i]->index = 0;
        /* For the typer, which takes callees before their callers. */
        nodes[i]->flags = (uint8_t)(heights[i] < RBK_ACTION_DEPTH_MAX ? heights[i] : 0);
        analysis->calls_unsound |= heights[i] >= RBK_ACTION_DEPTH_MAX;
        if (heights[i] == RBK_ACTION_DEPTH_MAX) {
            rbk_diagnostic_error(&analysis->compile->diagnostics, 170,
                                 rbk_declaration_place(nodes[i]), "`%.*s` calls more than %zu deep",
                                 RBK_STR_ARG(nodes[i]->name->text), RBK_ACTION_DEPTH_MAX);
        }
    }
}
