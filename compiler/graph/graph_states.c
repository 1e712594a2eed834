/*
 * The full picture: every state of every region.
 *
 * Good outcomes are solid and shape the layout; failures are red, dashed, and do not, or they would
 * pull every row towards the rollback. Outcomes that lead to the same place share one edge.
 */
#include "compiler/graph/graph.h"

#include "compiler/graph/graph_text.h"
#include "runtime/core/base/buffer.h"

static void put(struct rbk_buffer *out, const char *text)
{
    (void)rbk_buffer_append_text(out, text);
}

/* The name of a state without that of its stage: the cluster says that one. */
static struct rbk_str short_name(const struct rbk_machine *machine, uint32_t state)
{
    const struct rbk_machine_state *row = &machine->states[state];
    uint32_t region = row->region;
    while (machine->regions[region].parent != RBK_NONE) {
        region = machine->regions[region].parent;
    }
    struct rbk_str prefix = region == 0 ? RBK_STR("plan") : machine->regions[region].name;
    bool inside = rbk_str_starts(row->name, prefix) && row->name.bytes > prefix.bytes &&
                  row->name.data[prefix.bytes] == '.';
    return inside ? rbk_str_slice(row->name, prefix.bytes + 1, row->name.bytes) : row->name;
}

static const char *shape_of(const struct rbk_machine *machine, const struct rbk_machine_state *row)
{
    switch (row->kind) {
    case RBK_STATE_EFFECT: {
        enum rbk_effect_kind kind = machine->effects[row->effect].kind;
        if (kind == RBK_EFFECT_QUESTION) {
            return "shape=note";
        }
        return kind == RBK_EFFECT_TEST ? "shape=diamond, margin=0.02" : "shape=box";
    }
    case RBK_STATE_GUARD:
        return "shape=diamond, margin=0.02";
    case RBK_STATE_FORK:
        return "shape=parallelogram";
    case RBK_STATE_PASS:
        return "shape=point";
    case RBK_STATE_APPLIED:
    case RBK_STATE_ROLLED_BACK:
    case RBK_STATE_COMPLETED:
    case RBK_STATE_ABORTED:
    case RBK_STATE_CANCELLED:
        return "shape=box, style=\"filled,rounded,bold\"";
    case RBK_STATE_STUCK:
    case RBK_STATE_HELD:
        return "shape=octagon";
    default:
        return "shape=box, style=\"filled,rounded\"";
    }
}

static void put_limit(struct rbk_buffer *out, const char *word, uint64_t limit_ms)
{
    if (limit_ms > 0) {
        put(out, word);
        rbk_graph_duration(out, limit_ms);
        put(out, "\\l");
    }
}

/* A node: its name, what it does, its limits. */
static void put_state(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t state)
{
    const struct rbk_machine_state *row = &machine->states[state];
    (void)rbk_buffer_printf(out, "    s%u [%s, fillcolor=\"%s\", label=\"", state,
                            shape_of(machine, row), rbk_graph_colour(row->phase));
    rbk_graph_escape(out, short_name(machine, state));
    if (row->kind == RBK_STATE_EFFECT) {
        const struct rbk_effect *effect = &machine->effects[row->effect];
        put(out, "\\n");
        rbk_graph_wrap(out, effect->text, "\\l");
        put_limit(out, "timeout ", effect->timeout_ms);
        put_limit(out, "for ", effect->for_ms);
        if (effect->optional) {
            put(out, "optional\\l");
        }
    } else if (row->kind == RBK_STATE_GUARD) {
        put(out, "\\nwas begun:\\n");
        rbk_graph_escape(out, short_name(machine, row->guard));
    } else if (row->kind == RBK_STATE_ROLLBACK) {
        put(out, "\\nwaits for its turn");
    }
    put(out, "\"];\n");
}

/* The outcomes of a state that lead to `next`, from `first` on: "fail, timeout". */
static void put_outcomes(struct rbk_buffer *out, const struct rbk_machine_state *row, uint32_t next,
                         size_t first)
{
    const char *separator = "";
    for (size_t outcome = first; outcome < RBK_OUTCOME_COUNT; outcome++) {
        if (row->next[outcome] == next) {
            put(out, separator);
            put(out, rbk_outcome_name((enum rbk_outcome)outcome));
            separator = ", ";
        }
    }
}

/* Whether an earlier outcome has drawn the edge to the same state already. */
static bool drawn(const struct rbk_machine_state *row, size_t outcome)
{
    for (size_t earlier = 1; earlier < outcome; earlier++) {
        if (row->next[earlier] == row->next[outcome]) {
            return true;
        }
    }
    return false;
}

static void put_edges(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t state)
{
    const struct rbk_machine_state *row = &machine->states[state];
    bool choice =
        row->kind == RBK_STATE_GUARD ||
        (row->kind == RBK_STATE_EFFECT && machine->effects[row->effect].kind == RBK_EFFECT_TEST);
    if (row->next[RBK_OUTCOME_OK] != RBK_NONE && row->kind != RBK_STATE_FORK) {
        (void)rbk_buffer_printf(out, "  s%u -> s%u [%s];\n", state, row->next[RBK_OUTCOME_OK],
                                choice ? "label=\"yes\"" : "");
    }
    for (size_t outcome = 1; outcome < RBK_OUTCOME_COUNT; outcome++) {
        uint32_t next = row->next[outcome];
        if (next == RBK_NONE || drawn(row, outcome)) {
            continue;
        }
        if (next == row->next[RBK_OUTCOME_OK] && row->kind != RBK_STATE_FORK) {
            continue; /* passed over: as good as the good outcome */
        }
        bool no = choice && outcome == RBK_OUTCOME_FAIL;
        (void)rbk_buffer_printf(out, "  s%u -> s%u [label=\"", state, next);
        if (no) {
            put(out, "no");
        } else {
            put_outcomes(out, row, next, outcome);
        }
        put(out, no ? "\"];\n"
                    : "\", color=\"#c0392b\", fontcolor=\"#c0392b\", style=dashed, "
                      "constraint=false];\n");
    }
}

/* A fork leads to its branches, and they to what follows it. */
static void put_fork(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t state)
{
    const struct rbk_machine_state *row = &machine->states[state];
    for (uint32_t i = 0; i < row->branches.count; i++) {
        const struct rbk_region *branch = &machine->regions[row->branches.first + i];
        (void)rbk_buffer_printf(out, "  s%u -> s%u [style=bold];\n", state, branch->states.first);
        for (uint32_t k = 0; k < branch->states.count; k++) {
            uint32_t end = branch->states.first + k;
            if (machine->states[end].kind == RBK_STATE_BRANCH_DONE) {
                (void)rbk_buffer_printf(out,
                                        "  s%u -> s%u [style=bold, label=\"when all are done\"];\n",
                                        end, row->next[RBK_OUTCOME_OK]);
            }
        }
    }
}

static void put_region_label(struct rbk_buffer *out, const struct rbk_region *region)
{
    put(out, "    label=\"");
    rbk_graph_escape(out, region->name);
    if (region->title.bytes > 0) {
        put(out, ": ");
        rbk_graph_wrap(out, region->title, "\\n");
    }
    if (region->has_risk) {
        (void)rbk_buffer_printf(out, " (risk %s)", rbk_risk_name(region->risk));
    }
    put(out, "\";\n");
}

static void put_region(struct rbk_buffer *out, const struct rbk_machine *machine, uint32_t region)
{
    const struct rbk_region *row = &machine->regions[region];
    bool branch = row->kind == RBK_REGION_BRANCH;
    (void)rbk_buffer_printf(out, "  subgraph cluster_%u {\n", region);
    put(out, branch ? "    style=\"rounded,dashed\"; color=\"#999999\";\n"
                    : "    style=rounded; color=\"#555555\"; fontsize=14;\n");
    put_region_label(out, row);
    for (uint32_t i = 0; i < row->states.count; i++) {
        put_state(out, machine, row->states.first + i);
    }
    put(out, "  }\n");
}

/* What step() does between regions: starting stages, rolling them back, retiring. */
static void put_life(struct rbk_buffer *out, const struct rbk_machine *machine)
{
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        if (region->kind != RBK_REGION_STAGE) {
            continue;
        }
        if (region->predecessors.count == 0) {
            (void)rbk_buffer_printf(out,
                                    "  s%u -> s%u [label=\"starts\", style=bold, "
                                    "color=\"#555555\"];\n",
                                    machine->stages_state, region->states.first);
        }
        for (uint32_t k = 0; k < region->predecessors.count; k++) {
            const struct rbk_predecessor *before =
                &machine->predecessors[region->predecessors.first + k];
            (void)rbk_buffer_printf(out, "  s%u -> s%u [label=\"then",
                                    machine->regions[before->region].applied, region->states.first);
            put(out, before->for_ms > 0 ? ", after " : "");
            if (before->for_ms > 0) {
                rbk_graph_duration(out, before->for_ms);
            }
            put(out, "\", style=bold, color=\"#555555\"];\n");
        }
        (void)rbk_buffer_printf(out,
                                "  s%u -> s%u [label=\"rolls back\", style=dotted, "
                                "color=\"#c0392b\", constraint=false];\n",
                                machine->aborting_state, region->rollback);
        (void)rbk_buffer_printf(out,
                                "  s%u -> s%u [label=\"trigger, abort\", style=dotted, "
                                "color=\"#c0392b\"];\n",
                                region->applied, region->rollback);
    }
    for (uint32_t i = 0; i < machine->regions[0].states.count; i++) {
        if (machine->states[i].kind == RBK_STATE_RETIRING && machine->retire_region != RBK_NONE) {
            (void)rbk_buffer_printf(
                out, "  s%u -> s%u [label=\"runs\", style=bold, color=\"#555555\"];\n", i,
                machine->regions[machine->retire_region].states.first);
        }
    }
}

void rbk_graph_states(const struct rbk_machine *machine, struct rbk_buffer *out)
{
    put(out, "digraph \"");
    rbk_graph_escape(out, machine->name);
    put(out, "\" {\n"
             "  rankdir=TB; compound=true; fontname=\"Helvetica\"; nodesep=0.3; ranksep=0.35;\n"
             "  node [fontname=\"Helvetica\", fontsize=10, style=filled, fillcolor=\"#f4f4f4\"];\n"
             "  edge [fontname=\"Helvetica\", fontsize=9];\n");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        put_region(out, machine, i);
    }
    for (uint32_t i = 0; i < machine->state_count; i++) {
        put_edges(out, machine, i);
        if (machine->states[i].kind == RBK_STATE_FORK) {
            put_fork(out, machine, i);
        }
    }
    put_life(out, machine);
    put(out, "}\n");
}
