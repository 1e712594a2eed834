/*
 * Pictures as Mermaid flowcharts.
 *
 * Only a small part of Mermaid is used, the same everywhere it is drawn: nodes with quoted labels,
 * three kinds of arrows, subgraphs, classes. Identifiers are a letter and a number; every character
 * of a label that means something to Mermaid, HTML or Markdown is written as its number.
 */
#include "compiler/graph/graph.h"

#include "compiler/graph/graph_text.h"
#include "runtime/core/base/buffer.h"

/* A picture being drawn. */
struct chart {
    const struct rbk_machine *machine;
    struct rbk_buffer *out;
    unsigned edges;
};

static void put(struct chart *chart, const char *text)
{
    (void)rbk_buffer_append_text(chart->out, text);
}

static void put_label(struct chart *chart, struct rbk_str text)
{
    rbk_graph_escape_mermaid(chart->out, text);
}

static void put_wrapped(struct chart *chart, const char *before, struct rbk_str text)
{
    if (text.bytes > 0) {
        put(chart, "<br/>");
        put(chart, before);
        /* Lines end in a break; the last one needs none. */
        struct rbk_buffer lines;
        rbk_buffer_init(&lines, (size_t)1 << 16);
        rbk_graph_wrap_as(&lines, text, "<br/>", rbk_graph_escape_mermaid);
        struct rbk_str wrapped = rbk_buffer_str(&lines);
        if (rbk_str_ends(wrapped, RBK_STR("<br/>"))) {
            wrapped.bytes -= 5;
        }
        (void)rbk_buffer_append_str(chart->out, wrapped);
        rbk_buffer_fini(&lines);
    }
}

/* Styles of the phases, so that a picture reads the same in light and dark. */
static void put_classes(struct chart *chart)
{
    for (unsigned phase = 0; phase < RBK_PHASE_COUNT; phase++) {
        (void)rbk_buffer_printf(chart->out, "  classDef %s fill:%s,stroke:#555,color:#111\n",
                                rbk_phase_name((enum rbk_phase)phase),
                                rbk_graph_colour((enum rbk_phase)phase));
    }
}

/* ---- every state ----------------------------------------------------------------------------- */

/* The name of a state without that of its stage. */
static struct rbk_str short_name(const struct rbk_machine *machine,
                                 const struct rbk_machine_state *state)
{
    size_t dot = rbk_str_find(state->name, '.');
    bool branch = machine->regions[state->region].kind == RBK_REGION_BRANCH;
    return branch || dot == state->name.bytes
               ? state->name
               : rbk_str_slice(state->name, dot + 1, state->name.bytes);
}

static void put_state(struct chart *chart, uint32_t index)
{
    const struct rbk_machine_state *state = &chart->machine->states[index];
    const struct rbk_effect *effect =
        state->kind == RBK_STATE_EFFECT ? &chart->machine->effects[state->effect] : NULL;
    bool choice =
        state->kind == RBK_STATE_GUARD || (effect != NULL && (effect->kind == RBK_EFFECT_TEST));
    bool rounded = effect == NULL && !choice;
    (void)rbk_buffer_printf(chart->out, "    s%u%s\"", index, choice ? "{{" : rounded ? "([" : "[");
    put_label(chart, short_name(chart->machine, state));
    if (effect != NULL) {
        put_wrapped(chart, "", effect->text);
    } else if (state->kind == RBK_STATE_GUARD) {
        put_wrapped(chart, "was begun: ",
                    short_name(chart->machine, &chart->machine->states[state->guard]));
    }
    (void)rbk_buffer_printf(chart->out, "\"%s:::%s\n",
                            choice    ? "}}"
                            : rounded ? "])"
                                      : "]",
                            rbk_phase_name(state->phase));
}

static void put_edge(struct chart *chart, uint32_t from, const char *arrow, const char *label,
                     uint32_t to)
{
    (void)rbk_buffer_printf(chart->out, "  s%u %s", from, arrow);
    if (label[0] != '\0') {
        (void)rbk_buffer_printf(chart->out, "|\"%s\"|", label);
    }
    (void)rbk_buffer_printf(chart->out, " s%u\n", to);
    chart->edges++;
}

/* The outcomes of a state other than the good one; those that lead to one place share an edge. */
static void put_failures(struct chart *chart, uint32_t index)
{
    const struct rbk_machine_state *state = &chart->machine->states[index];
    for (unsigned outcome = 1; outcome < RBK_OUTCOME_COUNT; outcome++) {
        uint32_t next = state->next[outcome];
        bool seen = next == RBK_NONE || next == state->next[RBK_OUTCOME_OK];
        for (unsigned earlier = 1; earlier < outcome && !seen; earlier++) {
            seen = state->next[earlier] == next;
        }
        if (seen) {
            continue;
        }
        struct rbk_buffer label;
        rbk_buffer_init(&label, 256);
        for (unsigned same = outcome; same < RBK_OUTCOME_COUNT; same++) {
            if (state->next[same] == next) {
                (void)rbk_buffer_printf(&label, "%s%s", label.bytes > 0 ? ", " : "",
                                        rbk_outcome_name((enum rbk_outcome)same));
            }
        }
        put_edge(chart, index, "-.->", label.data, next);
        rbk_buffer_fini(&label);
    }
}

static void put_edges(struct chart *chart, uint32_t index)
{
    const struct rbk_machine *machine = chart->machine;
    const struct rbk_machine_state *state = &machine->states[index];
    if (state->kind == RBK_STATE_FORK) {
        for (uint32_t i = 0; i < state->branches.count; i++) {
            put_edge(chart, index, "==>", "",
                     machine->regions[state->branches.first + i].states.first);
        }
        put_edge(chart, index, "-->", "all done", state->next[RBK_OUTCOME_OK]);
    } else if (state->next[RBK_OUTCOME_OK] != RBK_NONE) {
        put_edge(chart, index, "-->", "", state->next[RBK_OUTCOME_OK]);
    }
    put_failures(chart, index);
}

/* What happens between regions. */
static void put_life(struct chart *chart)
{
    const struct rbk_machine *machine = chart->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        if (region->kind != RBK_REGION_STAGE) {
            continue;
        }
        if (region->predecessors.count == 0) {
            put_edge(chart, machine->stages_state, "==>", "starts", region->states.first);
        }
        for (uint32_t k = 0; k < region->predecessors.count; k++) {
            const struct rbk_predecessor *before =
                &machine->predecessors[region->predecessors.first + k];
            put_edge(chart, machine->regions[before->region].applied, "==>", "then",
                     region->states.first);
        }
        put_edge(chart, region->applied, "-.->", "trigger, abort", region->rollback);
    }
    for (uint32_t i = 0; i < machine->regions[0].states.count; i++) {
        if (machine->states[i].kind == RBK_STATE_RETIRING && machine->retire_region != RBK_NONE) {
            put_edge(chart, i, "==>", "runs",
                     machine->regions[machine->retire_region].states.first);
        }
    }
}

static void put_states(struct chart *chart)
{
    const struct rbk_machine *machine = chart->machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        (void)rbk_buffer_printf(chart->out, "  subgraph r%u[\"", i);
        put_label(chart, region->name);
        put_wrapped(chart, "", region->title);
        put(chart, "\"]\n");
        for (uint32_t k = 0; k < region->states.count; k++) {
            put_state(chart, region->states.first + k);
        }
        put(chart, "  end\n");
    }
    for (uint32_t i = 0; i < machine->state_count; i++) {
        put_edges(chart, i);
    }
    put_life(chart);
}

/* ---- stages only ----------------------------------------------------------------------------- */

static void put_stage(struct chart *chart, uint32_t index)
{
    const struct rbk_machine *machine = chart->machine;
    const struct rbk_region *region = &machine->regions[index];
    (void)rbk_buffer_printf(chart->out, "  r%u[\"", index);
    put_label(chart, region->name);
    put_wrapped(chart, "", region->title);
    if (region->has_risk) {
        put_wrapped(chart, "risk ", rbk_str_from(rbk_risk_name(region->risk)));
    }
    put(chart, "\"]:::apply\n");
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy = &machine->strategies[region->strategies.first + i];
        (void)rbk_buffer_printf(chart->out, "  r%ub%u[\"rollback", index, i);
        put(chart, strategy->name.bytes > 0 ? " " : "");
        put_label(chart, strategy->name);
        if (strategy->when != RBK_NONE) {
            put_wrapped(chart, "when ", machine->exprs[strategy->when].text);
        }
        put(chart, "\"]:::rollback\n");
        if (i == 0) {
            (void)rbk_buffer_printf(chart->out, "  r%u -.->|\"failure, trigger, abort\"| r%ub0\n",
                                    index, index);
        } else {
            (void)rbk_buffer_printf(chart->out,
                                    "  r%ub%u -.->|\"does not apply, or fails\"| r%ub%u\n", index,
                                    i - 1, index, i);
        }
        chart->edges++;
    }
    if (region->strategies.count > 0) {
        (void)rbk_buffer_printf(chart->out, "  r%ub%u -.-> stuck\n", index,
                                region->strategies.count - 1);
        chart->edges++;
    }
}

static void put_order(struct chart *chart, uint32_t index)
{
    const struct rbk_machine *machine = chart->machine;
    const struct rbk_region *region = &machine->regions[index];
    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *before =
            &machine->predecessors[region->predecessors.first + i];
        (void)rbk_buffer_printf(chart->out, "  r%u ==>", before->region);
        if (before->for_ms > 0) {
            put(chart, "|\"after ");
            rbk_graph_duration(chart->out, before->for_ms);
            put(chart, "\"|");
        }
        (void)rbk_buffer_printf(chart->out, " r%u\n", index);
        chart->edges++;
    }
    if (region->predecessors.count == 0) {
        (void)rbk_buffer_printf(chart->out, "  begin ==> r%u\n", index);
        chart->edges++;
    }
}

/* From the last stages to the end of the plan. */
static void put_end(struct chart *chart)
{
    const struct rbk_machine *machine = chart->machine;
    const struct {
        const char *node;
        const char *label;
        bool there;
    } rest[] = {
        {"observing", "observe", machine->observe != RBK_NONE},
        {"grace", "grace: the old system stays", machine->grace != RBK_NONE},
        {"retire", "retire: no way back", machine->retire_region != RBK_NONE},
        {"completed", "completed", true},
    };
    const char *last = NULL;
    for (size_t i = 0; i < RBK_COUNT(rest); i++) {
        if (!rest[i].there) {
            continue;
        }
        (void)rbk_buffer_printf(chart->out, "  %s([\"%s\"]):::applied\n", rest[i].node,
                                rest[i].label);
        if (last != NULL) {
            (void)rbk_buffer_printf(chart->out, "  %s ==> %s\n", last, rest[i].node);
            chart->edges++;
        }
        for (uint32_t row = 0; last == NULL && row < machine->region_count; row++) {
            bool followed = machine->regions[row].kind != RBK_REGION_STAGE;
            for (uint32_t k = 0; k < machine->predecessor_count; k++) {
                followed = followed || machine->predecessors[k].region == row;
            }
            if (!followed) {
                (void)rbk_buffer_printf(chart->out, "  r%u ==> %s\n", row, rest[i].node);
                chart->edges++;
            }
        }
        last = rest[i].node;
    }
}

static void put_stages(struct chart *chart)
{
    const struct rbk_machine *machine = chart->machine;
    put(chart, "  begin([\"start\"])\n  stuck{{\"stuck: a person is needed\"}}:::rollback\n");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            put_stage(chart, i);
        }
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            put_order(chart, i);
        }
    }
    put_end(chart);
}

unsigned rbk_graph_mermaid(const struct rbk_machine *machine, bool states, struct rbk_buffer *out)
{
    struct chart chart = {.machine = machine, .out = out};
    put(&chart, "flowchart TB\n");
    put_classes(&chart);
    if (states) {
        put_states(&chart);
    } else {
        put_stages(&chart);
    }
    return chart.edges;
}
