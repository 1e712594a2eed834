/*
 * Stages: what each is, and its steps in the order of its life.
 *
 * Steps are read off the machine's states, which stand in the order of the plan. How deep a step
 * stands in `if` and `foreach` is read off its state's name (`migrate.apply.2.then.1`), and the
 * branches of a `parallel` are the regions its FORK starts.
 */
#include "compiler/runbook/runbook_parts.h"

#include "runtime/core/base/arena.h"

#include <string.h>

/* Lines of a statement or script that are shown. */
#define COMMAND_LINES_MAX 60u
/* Commands up to this length stand on the line of their step. */
#define COMMAND_LINE_BYTES_MAX 100u

/* ---- steps ----------------------------------------------------------------------------------- */

/* How many `then`, `else` and `turn_N` a state's name has. */
static unsigned depth_of(struct rbk_str name)
{
    unsigned depth = 0;
    while (name.bytes > 0) {
        size_t end = rbk_str_find(name, '.');
        struct rbk_str part = rbk_str_slice(name, 0, end);
        depth += rbk_str_is(part, "then") || rbk_str_is(part, "else") ? 1 : 0;
        name = rbk_str_slice(name, end + 1, name.bytes);
    }
    return depth;
}

/* Whether the last part of a state's name begins with a word. */
static bool name_ends_in(struct rbk_str name, const char *word)
{
    size_t start = name.bytes;
    while (start > 0 && name.data[start - 1] != '.') {
        start--;
    }
    return rbk_str_starts(rbk_str_slice(name, start, name.bytes), rbk_str_from(word));
}

static const char *verb_of(enum rbk_effect_kind kind)
{
    switch (kind) {
    case RBK_EFFECT_RUN:
        return "Run";
    case RBK_EFFECT_SHELL:
        return "Run the script";
    case RBK_EFFECT_SQL:
        return "SQL";
    case RBK_EFFECT_HTTP:
        return "HTTP";
    case RBK_EFFECT_REDIS:
        return "Redis";
    case RBK_EFFECT_LET:
        return "Note";
    case RBK_EFFECT_CHECK:
        return "Check";
    case RBK_EFFECT_REQUIRE:
        return "Make sure";
    case RBK_EFFECT_WAIT:
        return "Wait";
    case RBK_EFFECT_WAIT_UNTIL:
        return "Wait until";
    case RBK_EFFECT_CAPTURE:
    case RBK_EFFECT_CAPTURE_RUN:
        return "Keep as evidence";
    case RBK_EFFECT_NOTIFY:
        return "Tell";
    case RBK_EFFECT_NOTHING:
        return "Nothing to do";
    default:
        return "";
    }
}

/* The label of a check, or of what is captured; else empty. */
static struct rbk_str label_of(struct rbk_runbook *runbook, const struct rbk_effect *effect)
{
    for (uint32_t i = 0; i < effect->args.count; i++) {
        const struct rbk_arg *arg = &runbook->machine->args[effect->args.first + i];
        if (arg->kind == RBK_ARG_LABEL || arg->kind == RBK_ARG_MESSAGE) {
            return rbk_describe_template(&runbook->describe, arg->expr);
        }
    }
    return RBK_STR("");
}

/* The first lines of a long text, with a line that says how many more there are. */
static struct rbk_str shortened(struct rbk_runbook *runbook, struct rbk_str text)
{
    unsigned lines = 0;
    size_t end = text.bytes;
    for (size_t i = 0; i < text.bytes; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
        if (lines == COMMAND_LINES_MAX && end == text.bytes) {
            end = i;
        }
    }
    if (end == text.bytes) {
        return text;
    }
    return rbk_arena_printf(runbook->describe.arena, "%.*s\n… and %u more lines", (int)end,
                            text.data, lines - COMMAND_LINES_MAX + 1);
}

/* A step that is carried out by a command, a statement or a request. */
static void put_command(struct rbk_runbook *runbook, const struct rbk_effect *effect,
                        unsigned depth, struct rbk_str command, const char *language,
                        struct rbk_str limits)
{
    const struct rbk_machine *machine = runbook->machine;
    bool in_line =
        command.bytes <= COMMAND_LINE_BYTES_MAX && rbk_str_find(command, '\n') == command.bytes;
    struct rbk_str label = label_of(runbook, effect);
    struct rbk_str where = RBK_STR("");
    if (effect->connection != RBK_NONE) {
        where = rbk_arena_printf(runbook->describe.arena, " on " RBK_CODE("%.*s"),
                                 RBK_STR_ARG(machine->connections[effect->connection].name));
    }
    /* A file of statements is known by its name. */
    struct rbk_str file = RBK_STR("");
    size_t at = effect->text.bytes;
    if (effect->kind == RBK_EFFECT_SQL && !in_line) {
        for (size_t i = 0; i + 6 < effect->text.bytes && at == effect->text.bytes; i++) {
            at = memcmp(effect->text.data + i, " file ", 6) == 0 ? i + 6 : at;
        }
        file = rbk_arena_printf(runbook->describe.arena, ": " RBK_CODE("%.*s"),
                                RBK_STR_ARG(rbk_str_slice(effect->text, at, effect->text.bytes)));
    }
    rbk_document_task(runbook->document, depth, "%s%s%.*s%.*s%.*s%s" RBK_CODE("%.*s") "%s%.*s%s",
                      verb_of(effect->kind), label.bytes > 0 ? " " : "", RBK_STR_ARG(label),
                      RBK_STR_ARG(where), RBK_STR_ARG(file), in_line ? ": " : "",
                      RBK_STR_ARG(in_line ? command : RBK_STR("")), limits.bytes > 0 ? " (" : "",
                      RBK_STR_ARG(limits), limits.bytes > 0 ? ")" : "");
    if (!in_line) {
        rbk_document_code(runbook->document, depth + 1, language, shortened(runbook, command));
    }
}

static void put_effect(struct rbk_runbook *runbook, const struct rbk_machine_state *state,
                       unsigned depth)
{
    const struct rbk_effect *effect = &runbook->machine->effects[state->effect];
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    struct rbk_str limits = rbk_describe_limits(describe, effect);
    const char *open = limits.bytes > 0 ? " (" : "";
    const char *shut = limits.bytes > 0 ? ")" : "";
    const char *language;
    struct rbk_str command = rbk_describe_command(describe, effect, &language);
    if (command.bytes > 0) {
        put_command(runbook, effect, depth, command, language, limits);
        return;
    }
    struct rbk_str label = label_of(runbook, effect);
    switch (effect->kind) {
    case RBK_EFFECT_TEST:
        rbk_document_item(
            document, depth, "%s " RBK_CODE("%.*s") ":",
            name_ends_in(state->name, "turn_") ? "The next of the list, if there is one:" : "If",
            RBK_STR_ARG(name_ends_in(state->name, "turn_")
                            ? effect->text
                            : rbk_describe_expr(describe, effect->condition)));
        break;
    case RBK_EFFECT_QUESTION:
        rbk_document_task(document, depth, "%.*s",
                          RBK_STR_ARG(rbk_describe_asked(describe, effect)));
        break;
    case RBK_EFFECT_NOTIFY:
        rbk_document_task(document, depth, "Tell " RBK_CODE("%.*s") ": “%.*s”",
                          RBK_STR_ARG(runbook->machine->channels[effect->channel].name),
                          RBK_STR_ARG(label));
        break;
    case RBK_EFFECT_WAIT:
    case RBK_EFFECT_LET:
        rbk_document_task(document, depth, "%s " RBK_CODE("%.*s") "%s%.*s%s",
                          effect->kind == RBK_EFFECT_LET ? "Note the value:" : "Wait:",
                          RBK_STR_ARG(rbk_describe_text(effect)), open, RBK_STR_ARG(limits), shut);
        break;
    case RBK_EFFECT_NOTHING:
        rbk_document_task(document, depth, "Nothing to do: %.*s", RBK_STR_ARG(effect->because));
        break;
    case RBK_EFFECT_WAIT_UNTIL: /* it has no label */
        rbk_document_task(document, depth, "%s " RBK_CODE("%.*s") "%s%.*s%s", verb_of(effect->kind),
                          RBK_STR_ARG(rbk_describe_expr(describe, effect->condition)), open,
                          RBK_STR_ARG(limits), shut);
        break;
    default:
        rbk_document_task(document, depth,
                          "%s%s" RBK_STRONG("%.*s") ": " RBK_CODE("%.*s") "%s%.*s%s",
                          verb_of(effect->kind), label.bytes > 0 ? " " : "", RBK_STR_ARG(label),
                          RBK_STR_ARG(rbk_describe_expr(describe, effect->condition)), open,
                          RBK_STR_ARG(limits), shut);
    }
}

/* A state's name up to its last `else`; empty without one. */
static struct rbk_str else_of(struct rbk_str name)
{
    struct rbk_str word = RBK_STR(".else.");
    for (size_t end = name.bytes; end >= word.bytes; end--) {
        struct rbk_str head = rbk_str_slice(name, 0, end);
        if (rbk_str_ends(head, word)) {
            return head;
        }
    }
    return RBK_STR("");
}

/* Say where an `else` begins: the state before is not of it. */
static void put_else(struct rbk_runbook *runbook, uint32_t index, unsigned depth)
{
    struct rbk_str name = runbook->machine->states[index].name;
    struct rbk_str otherwise = else_of(name);
    bool begins =
        otherwise.bytes > 0 &&
        (index == 0 || !rbk_str_starts(runbook->machine->states[index - 1].name, otherwise));
    if (begins && depth > 0) {
        rbk_document_item(runbook->document, depth - 1, "Otherwise:");
    }
}

/* One state, and what it starts. @return whether it was a step. */
static bool put_state(struct rbk_runbook *runbook, uint32_t index, unsigned depth)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_machine_state *state = &machine->states[index];
    depth += depth_of(state->name);
    put_else(runbook, index, depth);
    if (state->kind == RBK_STATE_EFFECT) {
        enum rbk_effect_kind kind = machine->effects[state->effect].kind;
        if (name_ends_in(state->name, "when") || kind == RBK_EFFECT_BASELINE ||
            kind == RBK_EFFECT_ARM) {
            return false; /* said elsewhere: above a strategy's steps, with the probes */
        }
    }
    if (state->kind == RBK_STATE_EFFECT) {
        put_effect(runbook, state, depth);
        return true;
    }
    if (state->kind == RBK_STATE_GUARD) {
        rbk_document_item(runbook->document, depth, "If this was begun: " RBK_CODE("%.*s"),
                          RBK_STR_ARG(machine->effects[machine->states[state->guard].effect].text));
        return false;
    }
    return state->kind == RBK_STATE_FORK;
}

unsigned rbk_runbook_steps(struct rbk_runbook *runbook, struct rbk_slice states,
                           enum rbk_phase phase)
{
    const struct rbk_machine *machine = runbook->machine;
    unsigned count = 0;
    for (uint32_t i = states.first; i < states.first + states.count; i++) {
        const struct rbk_machine_state *state = &machine->states[i];
        if (state->phase != phase || !put_state(runbook, i, 0)) {
            continue;
        }
        count++;
        if (state->kind != RBK_STATE_FORK) {
            continue;
        }
        /* Branches may fork again: theirs are regions of their own, further on in the table. */
        unsigned depth = depth_of(state->name);
        rbk_document_item(runbook->document, depth, "At the same time:");
        for (uint32_t branch = 0; branch < state->branches.count; branch++) {
            struct rbk_slice inner = machine->regions[state->branches.first + branch].states;
            for (uint32_t k = inner.first; k < inner.first + inner.count; k++) {
                (void)put_state(runbook, k, depth + 1);
            }
        }
    }
    return count;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static void put_phase(struct rbk_runbook *runbook, const struct rbk_region *region,
                      enum rbk_phase phase, const char *title)
{
    bool any = false;
    for (uint32_t i = 0; i < region->states.count && !any; i++) {
        const struct rbk_machine_state *state = &runbook->machine->states[region->states.first + i];
        any = state->phase == phase &&
              (state->kind == RBK_STATE_EFFECT || state->kind == RBK_STATE_FORK);
    }
    if (!any) {
        return;
    }
    /* The block's time is that of any of its states. */
    struct rbk_str within = RBK_STR("");
    for (uint32_t i = 0; i < region->states.count && within.bytes == 0; i++) {
        const struct rbk_machine_state *state = &runbook->machine->states[region->states.first + i];
        if (state->phase == phase && state->block != RBK_NONE) {
            uint32_t block = state->block;
            while (runbook->machine->blocks[block].parent != RBK_NONE) {
                block = runbook->machine->blocks[block].parent;
            }
            uint64_t within_ms = runbook->machine->blocks[block].within_ms;
            within = within_ms == 0
                         ? RBK_STR("")
                         : rbk_arena_printf(
                               runbook->describe.arena, ", within %.*s",
                               RBK_STR_ARG(rbk_describe_duration(&runbook->describe, within_ms)));
        }
    }
    rbk_document_paragraph(runbook->document, RBK_STRONG("%s") "%.*s", title, RBK_STR_ARG(within));
    (void)rbk_runbook_steps(runbook, region->states, phase);
}

static void put_order(struct rbk_runbook *runbook, const struct rbk_region *region)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *before =
            &machine->predecessors[region->predecessors.first + i];
        rbk_document_item(document, 0, "After " RBK_CODE("%.*s") "%s%.*s",
                          RBK_STR_ARG(machine->regions[before->region].name),
                          before->for_ms > 0 ? " has stood for " : "",
                          RBK_STR_ARG(before->for_ms > 0
                                          ? rbk_describe_duration(describe, before->for_ms)
                                          : RBK_STR("")));
    }
    if (region->not_before_ms > 0 || region->not_before_zone.bytes > 0) {
        rbk_document_item(document, 0, "Not before %.*s",
                          RBK_STR_ARG(rbk_describe_not_before(describe, region)));
    }
    if (region->window != RBK_NONE) {
        rbk_document_item(document, 0, "Only in the window %.*s",
                          RBK_STR_ARG(rbk_describe_window(describe, region->window)));
    }
    if (region->attempts > 1) {
        rbk_document_item(document, 0, "Up to %u attempts, every %.*s", region->attempts,
                          RBK_STR_ARG(rbk_describe_duration(describe, region->attempts_every_ms)));
    }
    if (region->data.bytes > 0) {
        rbk_document_item(document, 0, "Data: %.*s", RBK_STR_ARG(region->data));
    }
    if (region->unwatched.bytes > 0) {
        rbk_document_item(document, 0, "Not watched by a trigger: %.*s",
                          RBK_STR_ARG(region->unwatched));
    }
    uint32_t index = (uint32_t)(region - machine->regions);
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &machine->triggers[i];
        if (trigger->region == index) {
            rbk_document_item(document, 0, "Trigger " RBK_CODE("%.*s") ": when %.*s, then %.*s",
                              RBK_STR_ARG(trigger->name),
                              RBK_STR_ARG(rbk_describe_condition(describe, trigger)),
                              RBK_STR_ARG(rbk_describe_reaction(describe, trigger->reaction)));
        }
    }
}

/* The states of a strategy: from its first to before the next one's first. */
static struct rbk_slice strategy_states(const struct rbk_machine *machine,
                                        const struct rbk_region *region, uint32_t index)
{
    uint32_t first = machine->strategies[region->strategies.first + index].first_state;
    uint32_t end = region->states.first + region->states.count;
    if (index + 1 < region->strategies.count) {
        end = machine->strategies[region->strategies.first + index + 1].first_state;
    }
    return (struct rbk_slice){first, end > first ? end - first : 0};
}

static void put_rollback(struct rbk_runbook *runbook, const struct rbk_region *region)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy = &machine->strategies[region->strategies.first + i];
        struct rbk_str when = RBK_STR("");
        struct rbk_str within = RBK_STR("");
        if (strategy->when != RBK_NONE) {
            when = rbk_arena_printf(describe->arena, ", when " RBK_CODE("%.*s"),
                                    RBK_STR_ARG(rbk_describe_expr(describe, strategy->when)));
        }
        if (strategy->within_ms > 0) {
            within =
                rbk_arena_printf(describe->arena, ", within %.*s",
                                 RBK_STR_ARG(rbk_describe_duration(describe, strategy->within_ms)));
        }
        rbk_document_paragraph(runbook->document, RBK_STRONG("Rollback%s%.*s") "%.*s%.*s%s",
                               strategy->name.bytes > 0 ? " " : "", RBK_STR_ARG(strategy->name),
                               RBK_STR_ARG(when), RBK_STR_ARG(within),
                               i > 0 ? " (when the one before does not apply, or fails)" : "");
        struct rbk_slice states = strategy_states(machine, region, i);
        (void)rbk_runbook_steps(runbook, states, RBK_PHASE_ROLLBACK);
        rbk_document_paragraph(runbook->document, "Rolled back when:");
        (void)rbk_runbook_steps(runbook, states, RBK_PHASE_ROLLBACK_VERIFY);
    }
    rbk_document_paragraph(
        runbook->document,
        "When none of them succeeds the stage is stuck: see “When it is stuck”.");
}

static void put_stage(struct rbk_runbook *runbook, const struct rbk_region *region, unsigned number)
{
    struct rbk_document *document = runbook->document;
    if (region->kind == RBK_REGION_RETIRE) {
        rbk_document_heading(document, 3, "Retire: %.*s", RBK_STR_ARG(region->title));
        rbk_document_paragraph(document, "After grace. There is no way back from here.");
    } else {
        rbk_document_heading(document, 3, "Stage %u: " RBK_CODE("%.*s") " %.*s", number,
                             RBK_STR_ARG(region->name), RBK_STR_ARG(region->title));
        rbk_document_paragraph(document, "Kind: %s. Risk: %s.",
                               region->has_kind ? rbk_stage_kind_name(region->stage_kind)
                                                : "not said",
                               region->has_risk ? rbk_risk_name(region->risk) : "not said");
    }
    put_order(runbook, region);
    put_phase(runbook, region, RBK_PHASE_REQUIRE, "Before it begins");
    put_phase(runbook, region, RBK_PHASE_APPROVE, "Approval");
    put_phase(runbook, region, RBK_PHASE_PREPARE, "Prepare (nothing to take back yet)");
    put_phase(runbook, region, RBK_PHASE_APPLY, "Apply");
    put_phase(runbook, region, RBK_PHASE_VERIFY, "Verify");
    if (region->kind == RBK_REGION_STAGE) {
        put_rollback(runbook, region);
    }
}

void rbk_runbook_stages(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    unsigned number = 0;
    rbk_document_heading(runbook->document, 2, "Steps");
    rbk_document_paragraph(runbook->document,
                           "rbk carries these out, and takes them back, in this order; a person "
                           "follows them when rbk is not there. What " RBK_CODE(
                               "${…}") " stands for is known when the step begins.");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            put_stage(runbook, &machine->regions[i], ++number);
        }
    }
    if (machine->retire_region != RBK_NONE) {
        put_stage(runbook, &machine->regions[machine->retire_region], 0);
    }
}
