/*
 * The runbook's order is that of a reader at three in the morning: what this is, whom to call, what
 * must be there, who decides what, the steps with their ways back, and lists to tick.
 */
#include "compiler/runbook/runbook.h"

#include "compiler/compile.h"
#include "compiler/runbook/runbook_parts.h"
#include "compiler/source.h"
#include "runtime/core/base/arena.h"

static void put_row(struct rbk_document *document, const char *title, struct rbk_str text)
{
    if (text.bytes > 0) {
        rbk_document_cell(document, "%s", title);
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(text));
        rbk_document_row_end(document);
    }
}

static struct rbk_str duration_or_empty(struct rbk_runbook *runbook, uint64_t duration_ms)
{
    return duration_ms > 0 ? rbk_describe_duration(&runbook->describe, duration_ms) : RBK_STR("");
}

/* The plan's file as a shell takes it; one whose name would have to be quoted is PLAN. */
static struct rbk_str file_words(const struct rbk_compile *compile)
{
    struct rbk_str path = compile->program.files[0]->tree->source->path;
    size_t at = path.bytes;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    struct rbk_str name = rbk_str_slice(path, at, path.bytes);
    for (size_t i = 0; i < name.bytes; i++) {
        char byte = name.data[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' ||
                     (byte == '-' && i > 0);
        if (!plain) {
            return RBK_STR("PLAN");
        }
    }
    return name;
}

/* The names of a stage's strategies in a cell. */
static void put_ways_back(struct rbk_runbook *runbook, const struct rbk_region *region)
{
    struct rbk_str names = RBK_STR("");
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        struct rbk_str name = runbook->machine->strategies[region->strategies.first + i].name;
        names = rbk_arena_printf(runbook->describe.arena, "%.*s%s%.*s", RBK_STR_ARG(names),
                                 i > 0 ? ", then " : "",
                                 RBK_STR_ARG(name.bytes > 0 ? name : RBK_STR("rollback")));
    }
    rbk_document_cell(runbook->document, "%.*s",
                      RBK_STR_ARG(region->kind == RBK_REGION_RETIRE ? RBK_STR("none") : names));
}

static void put_head(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_document *document = runbook->document;
    struct rbk_str title = machine->title.bytes > 0 ? machine->title : machine->name;
    rbk_document_heading(document, 1, "Runbook: %.*s", RBK_STR_ARG(title));
    rbk_document_table(document, "Property", "Value", NULL);
    put_row(
        document, "Plan",
        rbk_arena_printf(runbook->describe.arena, RBK_CODE("%.*s"), RBK_STR_ARG(machine->name)));
    put_row(document, "Ticket", machine->ticket);
    put_row(document, "Owner", machine->owner);
    put_row(document, "Service", machine->service);
    put_row(document, "Estimate", duration_or_empty(runbook, machine->estimate_ms));
    put_row(document, "Rolled back within",
            duration_or_empty(runbook, machine->rollback_within_ms));
    put_row(document, "Window",
            machine->daily_window != RBK_NONE
                ? rbk_describe_window(&runbook->describe, machine->daily_window)
                : RBK_STR(""));
    put_row(document, "Machine",
            rbk_arena_printf(runbook->describe.arena, RBK_CODE("%s"), machine->hash));

    rbk_document_heading(document, 2, "At a glance");
    rbk_document_table(document, "Stage", "What", "Kind", "Risk", "Ways back", NULL);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region *region = &machine->regions[i];
        if (region->kind != RBK_REGION_STAGE && region->kind != RBK_REGION_RETIRE) {
            continue;
        }
        rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(region->name));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(region->title));
        rbk_document_cell(document, "%s",
                          region->has_kind ? rbk_stage_kind_name(region->stage_kind) : "");
        rbk_document_cell(document, "%s", region->has_risk ? rbk_risk_name(region->risk) : "");
        put_ways_back(runbook, region);
        rbk_document_row_end(document);
    }
    rbk_document_code(
        document, 0, "sh",
        rbk_arena_printf(runbook->describe.arena,
                         "rbk run %-15.*s # begin; the run's name is printed\n"
                         "rbk status RUN          # where it stands, what is asked, what is open\n"
                         "rbk abort RUN           # roll everything back, latest stage first\n"
                         "rbk resume RUN          # go on after a crash of the runner",
                         RBK_STR_ARG(file_words(runbook->compile))));
}

static void put_contacts(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_document *document = runbook->document;
    rbk_document_heading(document, 2, "Contacts and escalation");
    if (machine->role_count == 0) {
        rbk_document_paragraph(document, "The plan names no roles.");
    } else {
        rbk_document_table(document, "Role", "Contact", "Members", NULL);
    }
    for (uint32_t i = 0; i < machine->role_count; i++) {
        const struct rbk_role *role = &machine->roles[i];
        struct rbk_str members = RBK_STR("");
        for (uint32_t k = 0; k < role->members.count; k++) {
            members = rbk_arena_printf(runbook->describe.arena, "%.*s%s%.*s", RBK_STR_ARG(members),
                                       k > 0 ? ", " : "",
                                       RBK_STR_ARG(machine->texts[role->members.first + k]));
        }
        rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(role->name));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(role->contact));
        rbk_document_cell(document, "%.*s",
                          RBK_STR_ARG(members.bytes > 0 ? members : RBK_STR("anybody")));
        rbk_document_row_end(document);
    }
}

static void put_stuck(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_document *document = runbook->document;
    rbk_document_heading(document, 2, "When it is stuck");
    rbk_document_paragraph(document,
                           "A stage is stuck when none of its ways back succeeded. Nothing goes on "
                           "by itself then.");
    for (uint32_t i = 0; i < machine->escalation_count; i++) {
        const struct rbk_escalation *step = &machine->escalations[i];
        rbk_document_task(document, 0, "Call " RBK_CODE("%.*s") ": %.*s%s%.*s",
                          RBK_STR_ARG(machine->roles[step->role].name),
                          RBK_STR_ARG(machine->roles[step->role].contact),
                          step->after_ms > 0 ? ", after " : ", at once",
                          RBK_STR_ARG(duration_or_empty(runbook, step->after_ms)));
    }
    rbk_document_task(
        document, 0,
        "Look at what failed: " RBK_CODE("rbk status RUN") ", " RBK_CODE("rbk log RUN"));
    rbk_document_task(document, 0,
                      "Mend it, then try the way back again: " RBK_CODE("rbk retry RUN STAGE"));
    rbk_document_task(document, 0,
                      "Or take it back by hand, following the steps above, and say so: " RBK_CODE(
                          "rbk resolve RUN STAGE done --reason \"what was done\""));
}

/* How messages reach people. */
static void put_messages(struct rbk_runbook *runbook)
{
    static const char *const moments[RBK_HOOK_KIND_COUNT] = {
        [RBK_HOOK_START] = "it starts",
        [RBK_HOOK_PAUSE] = "it is paused",
        [RBK_HOOK_HOLD] = "it is held",
        [RBK_HOOK_ABORT] = "it turns round",
        [RBK_HOOK_STAGE] = "a stage is applied",
        [RBK_HOOK_STUCK] = "it is stuck",
        [RBK_HOOK_ABORTED] = "it is rolled back",
        [RBK_HOOK_COMPLETED] = "it is completed",
        [RBK_HOOK_CANCELLED] = "it is cancelled",
        [RBK_HOOK_NO_WAY_BACK] = "an applied stage has no way back any more",
    };
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    rbk_document_heading(document, 2, "Communication");
    if (machine->hook_count + machine->report_count == 0) {
        rbk_document_paragraph(document, "The plan tells nobody by itself.");
        return;
    }
    rbk_document_table(document, "When", "To", "Message", NULL);
    for (uint32_t i = 0; i < machine->hook_count; i++) {
        const struct rbk_hook *hook = &machine->hooks[i];
        for (uint32_t k = 0; k < hook->messages.count; k++) {
            const struct rbk_message *message = &machine->messages[hook->messages.first + k];
            rbk_document_cell(document, "%s", moments[hook->kind]);
            rbk_document_cell(document, RBK_CODE("%.*s"),
                              RBK_STR_ARG(machine->channels[message->channel].name));
            rbk_document_cell(document, "%.*s",
                              RBK_STR_ARG(rbk_describe_template(describe, message->text)));
            rbk_document_row_end(document);
        }
    }
    for (uint32_t i = 0; i < machine->report_count; i++) {
        const struct rbk_report *report = &machine->reports[i];
        const struct rbk_message *message = &machine->messages[report->message];
        rbk_document_cell(document, "every " RBK_CODE("%.*s"),
                          RBK_STR_ARG(rbk_describe_expr(describe, report->every)));
        rbk_document_cell(document, RBK_CODE("%.*s"),
                          RBK_STR_ARG(machine->channels[message->channel].name));
        rbk_document_cell(document, "%.*s",
                          RBK_STR_ARG(rbk_describe_template(describe, message->text)));
        rbk_document_row_end(document);
    }
}

/* What is released at every end; all three ends release the same, so one is shown. */
static void put_releases(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_slice states = machine->regions[0].states;
    struct rbk_slice released = {0, 0};
    for (uint32_t i = states.first; i < states.first + states.count; i++) {
        if (rbk_str_starts(machine->states[i].name, RBK_STR("plan.completed."))) {
            released.first = released.count == 0 ? i : released.first;
            released.count++;
        }
    }
    if (released.count > 0) {
        rbk_document_heading(runbook->document, 2, "At every end");
        (void)rbk_runbook_steps(runbook, released, RBK_PHASE_RELEASE);
    }
}

static void put_watch(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    if (machine->observe == RBK_NONE && machine->grace == RBK_NONE) {
        return;
    }
    rbk_document_heading(document, 2, "After the last stage");
    if (machine->observe != RBK_NONE) {
        rbk_document_task(document, 0,
                          "Observe for " RBK_CODE(
                              "%.*s") ": triggers stay armed, anything wrong still rolls back",
                          RBK_STR_ARG(rbk_describe_expr(describe, machine->observe)));
    }
    if (machine->grace != RBK_NONE) {
        rbk_document_task(document, 0,
                          "Grace of " RBK_CODE("%.*s") ": the old system stays, " RBK_CODE(
                              "rbk abort RUN") " still works",
                          RBK_STR_ARG(rbk_describe_expr(describe, machine->grace)));
    }
    if (machine->retire_region != RBK_NONE) {
        rbk_document_task(document, 0, "Then retire: " RBK_STRONG("the way back ends there"));
    }
}

/* Every check of a phase over all stages, to tick. */
static void put_checks(struct rbk_runbook *runbook, enum rbk_phase phase)
{
    const struct rbk_machine *machine = runbook->machine;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *state = &machine->states[i];
        if (state->phase != phase || state->kind != RBK_STATE_EFFECT) {
            continue;
        }
        const struct rbk_effect *effect = &machine->effects[state->effect];
        uint32_t region = state->region;
        while (machine->regions[region].parent != RBK_NONE) {
            region = machine->regions[region].parent;
        }
        if (effect->kind == RBK_EFFECT_CHECK) {
            rbk_document_task(runbook->document, 0, RBK_CODE("%.*s") ": " RBK_CODE("%.*s"),
                              RBK_STR_ARG(machine->regions[region].name),
                              RBK_STR_ARG(rbk_describe_text(effect)));
        }
    }
}

static void put_checklists(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_document *document = runbook->document;
    rbk_document_heading(document, 2, "Checklists");
    rbk_document_heading(document, 3, "Applied");
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            rbk_document_task(document, 0, RBK_CODE("%.*s") " stands applied and verified",
                              RBK_STR_ARG(machine->regions[i].name));
        }
    }
    put_checks(runbook, RBK_PHASE_VERIFY);
    rbk_document_heading(document, 3, "Rolled back");
    rbk_document_task(document, 0, "The latest stage first, each verified before the next");
    put_checks(runbook, RBK_PHASE_ROLLBACK_VERIFY);
    rbk_document_heading(document, 3, "Afterwards");
    rbk_document_task(document, 0, "The ticket%s%.*s says how it ended",
                      machine->ticket.bytes > 0 ? " " : "", RBK_STR_ARG(machine->ticket));
    rbk_document_task(document, 0, "The record of the run is kept: " RBK_CODE("rbk log RUN"));
    rbk_document_task(document, 0,
                      "After a rollback: why it was needed, and what changes in the "
                      "plan, is written down");
}

void rbk_runbook_write(struct rbk_compile *compile, const struct rbk_machine *machine,
                       struct rbk_document *document)
{
    struct rbk_runbook runbook = {
        .compile = compile,
        .machine = machine,
        .document = document,
        .describe = {.arena = &compile->arena, .machine = machine},
    };
    rbk_wording_scan(&runbook.wording, &compile->arena, &compile->names,
                     compile->program.files[0]->tree->source);
    put_head(&runbook);
    put_contacts(&runbook);
    rbk_runbook_prerequisites(&runbook);
    rbk_runbook_decisions(&runbook);
    rbk_runbook_stages(&runbook);
    put_watch(&runbook);
    put_releases(&runbook);
    put_stuck(&runbook);
    put_messages(&runbook);
    put_checklists(&runbook);
}
