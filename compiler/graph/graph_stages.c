/*
 * The short picture: one box a stage, with what it costs to take it back, and what watches it.
 */
#include "compiler/graph/graph.h"

#include "compiler/graph/graph_text.h"
#include "runtime/core/base/buffer.h"

static void put(struct rbk_buffer *out, const char *text)
{
    (void)rbk_buffer_append_text(out, text);
}

/* How many effects of a phase a stage has; what only decides whether another is carried out is
 * none. */
static uint32_t count_effects(const struct rbk_machine *machine, const struct rbk_region *region,
                              enum rbk_phase phase)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < region->states.count; i++) {
        const struct rbk_machine_state *state = &machine->states[region->states.first + i];
        count += state->kind == RBK_STATE_EFFECT && state->phase == phase &&
                         machine->effects[state->effect].kind != RBK_EFFECT_TEST
                     ? 1
                     : 0;
    }
    return count;
}

static void put_count(struct rbk_buffer *out, uint32_t count, const char *one, const char *many)
{
    if (count > 0) {
        (void)rbk_buffer_printf(out, "%u %s\\l", count, count == 1 ? one : many);
    }
}

static void put_stage(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t row)
{
    const struct rbk_region *region = &machine->regions[row];
    (void)rbk_buffer_printf(out,
                            "  r%u [shape=box, style=\"filled,rounded\", fillcolor=\"%s\", "
                            "label=\"",
                            row, rbk_graph_colour(RBK_PHASE_APPLY));
    rbk_graph_escape(out, region->name);
    put(out, "\\n");
    rbk_graph_wrap(out, region->title, "\\n");
    if (region->has_risk) {
        (void)rbk_buffer_printf(out, "risk %s\\l", rbk_risk_name(region->risk));
    }
    put_count(out, count_effects(machine, region, RBK_PHASE_REQUIRE), "condition", "conditions");
    put_count(out, count_effects(machine, region, RBK_PHASE_APPROVE), "approval", "approvals");
    put_count(out, count_effects(machine, region, RBK_PHASE_PREPARE), "preparing step",
              "preparing steps");
    put_count(out, count_effects(machine, region, RBK_PHASE_APPLY), "step", "steps");
    put_count(out, count_effects(machine, region, RBK_PHASE_VERIFY), "check", "checks");
    put(out, "\"];\n");
}

/* The ways back of a stage, in the order they are tried. */
static void put_strategies(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t row)
{
    const struct rbk_region *region = &machine->regions[row];
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy = &machine->strategies[region->strategies.first + i];
        (void)rbk_buffer_printf(out,
                                "  r%u_back%u [shape=box, style=filled, fillcolor=\"%s\", "
                                "label=\"rollback",
                                row, i, rbk_graph_colour(RBK_PHASE_ROLLBACK));
        put(out, strategy->name.bytes > 0 ? " " : "");
        rbk_graph_escape(out, strategy->name);
        put(out, "\\n");
        if (strategy->when != RBK_NONE) {
            put(out, "when ");
            rbk_graph_wrap(out, machine->exprs[strategy->when].text, "\\l");
        }
        if (strategy->within_ms > 0) {
            put(out, "within ");
            rbk_graph_duration(out, strategy->within_ms);
            put(out, "\\l");
        }
        put(out, "\"];\n");
        if (i == 0) {
            (void)rbk_buffer_printf(out,
                                    "  r%u -> r%u_back0 [label=\"failure, trigger, abort\", "
                                    "color=\"#c0392b\", style=dashed];\n",
                                    row, row);
        } else {
            (void)rbk_buffer_printf(out,
                                    "  r%u_back%u -> r%u_back%u [label=\"does not apply, or "
                                    "fails\", color=\"#c0392b\", style=dashed];\n",
                                    row, i - 1, row, i);
        }
    }
    if (region->strategies.count > 0) {
        (void)rbk_buffer_printf(out, "  r%u_back%u -> stuck [color=\"#c0392b\", style=dashed];\n",
                                row, region->strategies.count - 1);
    }
}

static void put_order(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t row)
{
    const struct rbk_region *region = &machine->regions[row];
    if (region->predecessors.count == 0) {
        (void)rbk_buffer_printf(out, "  start -> r%u [style=bold];\n", row);
    }
    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *before =
            &machine->predecessors[region->predecessors.first + i];
        (void)rbk_buffer_printf(out, "  r%u -> r%u [style=bold, label=\"", before->region, row);
        if (before->for_ms > 0) {
            put(out, "after ");
            rbk_graph_duration(out, before->for_ms);
        }
        put(out, "\"];\n");
    }
}

/* Whether some stage comes after this one. */
static bool has_follower(const struct rbk_machine *machine, uint32_t row)
{
    for (uint32_t i = 0; i < machine->predecessor_count; i++) {
        if (machine->predecessors[i].region == row) {
            return true;
        }
    }
    return false;
}

/* From the last stages to the end. */
static void put_rest(struct rbk_buffer *out, const struct rbk_machine *machine)
{
    const struct {
        const char *node;
        const char *label;
        bool there;
    } rest[] = {
        {"observe", "observe", machine->observe != RBK_NONE},
        {"grace", "grace", machine->grace != RBK_NONE},
        {"retire", "retire", machine->retire_region != RBK_NONE},
        {"completed", "completed", true},
    };
    const char *last = NULL;
    for (size_t i = 0; i < RBK_COUNT(rest); i++) {
        if (!rest[i].there) {
            continue;
        }
        (void)rbk_buffer_printf(out, "  %s [shape=box, style=\"filled,rounded\", label=\"%s\"];\n",
                                rest[i].node, rest[i].label);
        if (last != NULL) {
            (void)rbk_buffer_printf(out, "  %s -> %s [style=bold];\n", last, rest[i].node);
        }
        for (uint32_t row = 0; last == NULL && row < machine->region_count; row++) {
            if (machine->regions[row].kind == RBK_REGION_STAGE && !has_follower(machine, row)) {
                (void)rbk_buffer_printf(out, "  r%u -> %s [style=bold];\n", row, rest[i].node);
            }
        }
        last = rest[i].node;
    }
}

static void put_triggers(struct rbk_buffer *out, const struct rbk_machine *machine)
{
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &machine->triggers[i];
        (void)rbk_buffer_printf(
            out,
            "  t%u [shape=cds, margin=\"0.25,0.15\", style=filled, fillcolor=\"#fff3c9\", "
            "label=\"trigger ",
            i);
        rbk_graph_escape(out, trigger->name);
        put(out, "\\n");
        rbk_graph_wrap(out, machine->exprs[trigger->condition].text, "\\l");
        (void)rbk_buffer_printf(out, "then %s\\l\"];\n",
                                rbk_reaction_kind_name(machine->reactions[trigger->reaction].kind));
        if (trigger->since_region != RBK_NONE) {
            (void)rbk_buffer_printf(out,
                                    "  t%u -> r%u [style=dotted, arrowhead=none, "
                                    "constraint=false];\n",
                                    i, trigger->since_region);
        }
    }
}

void rbk_graph_stages(const struct rbk_machine *machine, struct rbk_buffer *out)
{
    put(out, "digraph \"");
    rbk_graph_escape(out, machine->name);
    put(out, "\" {\n"
             "  rankdir=TB; fontname=\"Helvetica\"; labelloc=t; nodesep=0.4;\n"
             "  node [fontname=\"Helvetica\", fontsize=11, fillcolor=\"#f4f4f4\"];\n"
             "  edge [fontname=\"Helvetica\", fontsize=9];\n"
             "  label=\"");
    rbk_graph_escape(out, machine->name);
    put(out, machine->title.bytes > 0 ? ": " : "");
    rbk_graph_escape(out, machine->title);
    put(out, "\";\n  start [shape=circle, style=filled, label=\"start\"];\n"
             "  stuck [shape=octagon, style=filled, fillcolor=\"#f8cfc4\", label=\"stuck\"];\n");
    for (uint32_t row = 0; row < machine->region_count; row++) {
        if (machine->regions[row].kind == RBK_REGION_STAGE) {
            put_stage(out, machine, row);
            put_strategies(out, machine, row);
            put_order(out, machine, row);
        }
    }
    put_rest(out, machine);
    put_triggers(out, machine);
    put(out, "}\n");
}
