/*
 * What must be there before the first step, and who decides what when something goes wrong.
 */
#include "compiler/runbook/runbook_parts.h"

#include "compiler/compile.h"
#include "runtime/core/base/arena.h"

/* ---- prerequisites --------------------------------------------------------------------------- */

static void put_params(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    if (machine->param_count == 0) {
        return;
    }
    rbk_document_heading(runbook->document, 3, "Parameters");
    rbk_document_paragraph(runbook->document,
                           "Given with " RBK_CODE("rbk run --set NAME=VALUE") ".");
    rbk_document_table(runbook->document, "Parameter", "Type", "Default", "Must hold", NULL);
    for (uint32_t i = 0; i < machine->param_count; i++) {
        const struct rbk_param *param = &machine->params[i];
        rbk_document_cell(runbook->document, RBK_CODE("%.*s"), RBK_STR_ARG(param->name));
        rbk_document_cell(runbook->document, "%s%s%s",
                          param->type == RBK_TYPE_LIST ? "list of " : "",
                          param->type == RBK_TYPE_LIST ? rbk_type_name(param->item_type)
                                                       : rbk_type_name(param->type),
                          "");
        if (param->value == RBK_NONE) {
            rbk_document_cell(runbook->document, "none: must be given");
        } else {
            rbk_document_cell(runbook->document, RBK_CODE("%.*s"),
                              RBK_STR_ARG(rbk_describe_expr(&runbook->describe, param->value)));
        }
        rbk_document_cell(runbook->document, RBK_CODE("%.*s") "%s%.*s",
                          RBK_STR_ARG(rbk_describe_expr(&runbook->describe, param->where)),
                          param->message.bytes > 0 ? " " : "", RBK_STR_ARG(param->message));
        rbk_document_row_end(runbook->document);
    }
}

static void put_connections(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    if (machine->secret_count + machine->connection_count == 0) {
        return;
    }
    rbk_document_heading(document, 3, "Secrets and connections");
    for (uint32_t i = 0; i < machine->secret_count; i++) {
        const struct rbk_secret *secret = &machine->secrets[i];
        const char *from = secret->source == RBK_SECRET_ENV    ? "the environment variable"
                           : secret->source == RBK_SECRET_FILE ? "the file"
                                                               : "the output of";
        rbk_document_task(document, 0,
                          "Secret " RBK_CODE("%.*s") " can be read from %s " RBK_CODE("%.*s"),
                          RBK_STR_ARG(secret->name), from,
                          RBK_STR_ARG(rbk_describe_template(describe, secret->text)));
    }
    for (uint32_t i = 0; i < machine->connection_count; i++) {
        const struct rbk_connection *connection = &machine->connections[i];
        rbk_document_task(document, 0,
                          "Connection " RBK_CODE("%.*s") " (%s) answers at " RBK_CODE("%.*s"),
                          RBK_STR_ARG(connection->name), rbk_connection_kind_name(connection->kind),
                          RBK_STR_ARG(rbk_describe_template(describe, connection->address)));
    }
}

/* How many people of a role the most demanding question wants. */
static uint32_t people_needed(const struct rbk_machine *machine, uint32_t role)
{
    uint32_t people = 1;
    for (uint32_t i = 0; i < machine->question_count; i++) {
        const struct rbk_question *question = &machine->questions[i];
        for (uint32_t k = 0; k < question->roles.count; k++) {
            uint32_t quorum = machine->indexes[question->quorums.first + k];
            if (machine->indexes[question->roles.first + k] == role && quorum > people) {
                people = quorum;
            }
        }
    }
    return people;
}

static void put_conditions(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    rbk_document_heading(document, 3, "Before the first stage");
    if (machine->rehearsed_within_ms > 0) {
        rbk_document_task(
            document, 0, "Rehearsed within the last %.*s (stages of medium and high risk)",
            RBK_STR_ARG(rbk_describe_duration(describe, machine->rehearsed_within_ms)));
    }
    if (machine->daily_window != RBK_NONE) {
        rbk_document_task(document, 0, "It is inside the window: %.*s",
                          RBK_STR_ARG(rbk_describe_window(describe, machine->daily_window)));
    }
    for (uint32_t i = 0; i < machine->role_count; i++) {
        uint32_t people = people_needed(machine, i);
        struct rbk_str who = people > 1 ? rbk_arena_printf(describe->arena, "%u people", people)
                                        : RBK_STR("Somebody");
        rbk_document_task(document, 0, "%.*s of " RBK_CODE("%.*s") " can be reached",
                          RBK_STR_ARG(who), RBK_STR_ARG(machine->roles[i].name));
    }
    struct rbk_slice states = machine->regions[0].states;
    (void)rbk_runbook_steps(runbook, states, RBK_PHASE_REQUIRE);
    (void)rbk_runbook_steps(runbook, states, RBK_PHASE_APPROVE);
    (void)rbk_runbook_steps(runbook, states, RBK_PHASE_PLAN); /* locks */
    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        const struct rbk_baseline *baseline = &machine->baselines[i];
        struct rbk_str least =
            baseline->readings > 0
                ? rbk_arena_printf(describe->arena, ", from at least %u readings",
                                   baseline->readings)
                : RBK_STR("");
        rbk_document_task(
            document, 0, "Baseline of " RBK_CODE("%.*s") " measured over " RBK_CODE("%.*s") "%.*s",
            RBK_STR_ARG(machine->probes[baseline->probe].name),
            RBK_STR_ARG(rbk_describe_expr(describe, baseline->over)), RBK_STR_ARG(least));
    }
}

void rbk_runbook_prerequisites(struct rbk_runbook *runbook)
{
    rbk_document_heading(runbook->document, 2, "Prerequisites");
    put_conditions(runbook);
    put_connections(runbook);
    put_params(runbook);
}

/* ---- decisions ------------------------------------------------------------------------------- */

/* Severities are words of the plan: the machine has them only where a trigger uses them. */
static void put_severities(struct rbk_runbook *runbook)
{
    const struct rbk_statements *severities =
        &runbook->compile->program.head[RBK_STATEMENT_SEVERITY];
    if (severities->count == 0) {
        return;
    }
    rbk_document_table(runbook->document, "Severity", "Triggers", "Decision", NULL);
    for (uint32_t i = 0; i < severities->count; i++) {
        const struct rbk_tree_statement *severity = severities->items[i];
        struct rbk_str name = severity->name->name->text;
        const struct rbk_tree_clause *then = rbk_tree_clause_find(severity, RBK_CLAUSE_THEN);
        struct rbk_str triggers = RBK_STR("");
        for (uint32_t k = 0; k < runbook->machine->trigger_count; k++) {
            const struct rbk_trigger *trigger = &runbook->machine->triggers[k];
            if (rbk_str_equal(trigger->severity, name)) {
                triggers = rbk_arena_printf(runbook->describe.arena, "%.*s%s" RBK_CODE("%.*s"),
                                            RBK_STR_ARG(triggers), triggers.bytes > 0 ? ", " : "",
                                            RBK_STR_ARG(trigger->name));
            }
        }
        rbk_document_cell(runbook->document, RBK_STRONG("%.*s"), RBK_STR_ARG(name));
        rbk_document_cell(runbook->document, "%.*s", RBK_STR_ARG(triggers));
        rbk_document_cell(
            runbook->document, "%.*s",
            RBK_STR_ARG(then == NULL ? RBK_STR("")
                                     : rbk_wording_show(runbook->describe.arena, &runbook->wording,
                                                        then->reaction->span, 400)));
        rbk_document_row_end(runbook->document);
    }
}

static void put_triggers(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    if (machine->trigger_count == 0) {
        rbk_document_paragraph(document, "The plan has no triggers: nothing turns the run round "
                                         "but a failing step and a person.");
        return;
    }
    rbk_document_table(document, "Trigger", "Fires when", "Then", "Armed", "Without data", NULL);
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *trigger = &machine->triggers[i];
        rbk_document_cell(document, RBK_CODE("%.*s") "%s%.*s", RBK_STR_ARG(trigger->name),
                          trigger->severity.bytes > 0 ? " " : "", RBK_STR_ARG(trigger->severity));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(rbk_describe_condition(describe, trigger)));
        rbk_document_cell(document, "%.*s",
                          RBK_STR_ARG(rbk_describe_reaction(describe, trigger->reaction)));
        rbk_document_cell(document, "%.*s", RBK_STR_ARG(rbk_describe_armed(describe, trigger)));
        rbk_document_cell(document, "%.*s",
                          RBK_STR_ARG(trigger->pushed
                                          ? RBK_STR("no alert is no reason")
                                          : rbk_describe_reaction(describe, trigger->missing)));
        rbk_document_row_end(document);
    }
}

static void put_criteria(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    struct rbk_document *document = runbook->document;
    if (machine->criterion_count + machine->signal_count == 0) {
        return;
    }
    rbk_document_heading(document, 3, "Abort criteria");
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        const struct rbk_criterion *criterion = &machine->criteria[i];
        rbk_document_item(document, 0, "Abort when " RBK_CODE("%.*s") "%s%.*s",
                          RBK_STR_ARG(rbk_describe_expr(&runbook->describe, criterion->condition)),
                          criterion->message.bytes > 0 ? ": " : "",
                          RBK_STR_ARG(criterion->message));
    }
    for (uint32_t i = 0; i < machine->signal_count; i++) {
        const struct rbk_signal *signal = &machine->signals[i];
        rbk_document_item(document, 0,
                          "Abort when a person says so: %.*s%s" RBK_CODE("rbk signal RUN %.*s"),
                          RBK_STR_ARG(signal->message), signal->message.bytes > 0 ? " — " : "",
                          RBK_STR_ARG(signal->name));
    }
}

static void put_probes(struct rbk_runbook *runbook)
{
    const struct rbk_machine *machine = runbook->machine;
    const struct rbk_describe *describe = &runbook->describe;
    struct rbk_document *document = runbook->document;
    if (machine->probe_count == 0) {
        return;
    }
    rbk_document_heading(document, 3, "What is watched");
    rbk_document_table(document, "Probe", "Reading", "Every", "Missing after", NULL);
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        const struct rbk_probe *probe = &machine->probes[i];
        rbk_document_cell(document, RBK_CODE("%.*s"), RBK_STR_ARG(probe->name));
        rbk_document_cell(document, RBK_CODE("%.*s"),
                          RBK_STR_ARG(rbk_describe_expr(describe, probe->expr)));
        rbk_document_cell(document, "%.*s",
                          RBK_STR_ARG(probe->pushed
                                          ? RBK_STR("pushed")
                                          : rbk_describe_duration(describe, probe->every_ms)));
        rbk_document_cell(document, "%u failed %s", probe->missing_after,
                          probe->missing_after == 1 ? "reading" : "readings");
        rbk_document_row_end(document);
    }
}

void rbk_runbook_decisions(struct rbk_runbook *runbook)
{
    rbk_document_heading(runbook->document, 2, "Decision matrix");
    put_severities(runbook);
    put_triggers(runbook);
    put_criteria(runbook);
    put_probes(runbook);
    rbk_document_heading(runbook->document, 3, "What a person may decide at any time");
    rbk_document_table(runbook->document, "To", "Command", NULL);
    static const char *const commands[][2] = {
        {"stop starting new steps, and think", "rbk pause RUN"},
        {"go on after a pause or a hold", "rbk continue RUN"},
        {"roll everything back", "rbk abort RUN --reason \"why\""},
        {"end a run that has changed nothing", "rbk cancel RUN"},
        {"try a held or stuck stage again", "rbk retry RUN STAGE"},
        {"answer a question", "rbk answer RUN QUESTION ANSWER"},
    };
    for (size_t i = 0; i < RBK_COUNT(commands); i++) {
        rbk_document_cell(runbook->document, "%s", commands[i][0]);
        rbk_document_cell(runbook->document, RBK_CODE("%s"), commands[i][1]);
        rbk_document_row_end(runbook->document);
    }
}
