/*
 * Triggers and abort criteria.
 *
 * In their conditions a probe's name means its last value. A trigger whose condition takes readings
 * of its own has an interval, at which they are taken. A criterion has none: what it reads becomes
 * a probe.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

/* The reaction written in the trigger, else that of its severity. */
static const struct rbk_tree_reaction *reaction_of(const struct rbk_tree_statement *trigger)
{
    const struct rbk_tree_clause *then = rbk_tree_clause_find(trigger, RBK_CLAUSE_THEN);
    if (then == NULL && trigger->second_name != NULL && trigger->second_name->ref != NULL) {
        then = rbk_tree_clause_find(trigger->second_name->ref->statement, RBK_CLAUSE_THEN);
    }
    return then == NULL ? NULL : then->reaction;
}

static uint32_t missing_reaction(struct rbk_lower *lower, const struct rbk_tree_statement *trigger,
                                 uint32_t text)
{
    const struct rbk_tree_clause *missing = rbk_tree_clause_find(trigger, RBK_CLAUSE_MISSING);
    if (missing == NULL) {
        return rbk_lower_plain_reaction(lower, RBK_REACTION_PAUSE);
    }
    uint32_t then = rbk_lower_reaction(lower, missing->reaction, text);
    if ((missing->flags & RBK_CLAUSE_HOLD) == 0) {
        return then;
    }
    struct rbk_reaction hold = {
        .kind = RBK_REACTION_HOLD,
        .question = RBK_NONE,
        .channel = RBK_NONE,
        .hold_ms = rbk_clause_duration_ms(missing),
        .then = then,
    };
    return rbk_build_reaction(&lower->builder, hold);
}

/* From when on, and where not, it is armed. */
static void arming(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                   struct rbk_trigger *trigger)
{
    const struct rbk_tree_clause *since = rbk_tree_clause_find(statement, RBK_CLAUSE_SINCE);
    const struct rbk_tree_clause *except =
        rbk_tree_clause_find(statement, RBK_CLAUSE_EXCEPT_DURING);
    trigger->since = RBK_SINCE_FIRST_APPLY;
    trigger->since_region = RBK_NONE;
    if (rbk_tree_clause_find(statement, RBK_CLAUSE_DURING_APPLY) != NULL) {
        if (trigger->region == RBK_NONE) {
            rbk_lower_refuse(lower, statement->head, "`during apply` outside a stage");
        }
        trigger->since = RBK_SINCE_DURING_APPLY;
        trigger->since_region = trigger->region;
    } else if (since != NULL) {
        bool started = (since->flags & RBK_CLAUSE_STARTED) != 0;
        trigger->since = started ? RBK_SINCE_STAGE_STARTED : RBK_SINCE_STAGE_APPLIED;
        trigger->since_region = since->name->ref->index;
    } else if (trigger->region != RBK_NONE) {
        trigger->since = RBK_SINCE_STAGE_STARTED;
        trigger->since_region = trigger->region;
    }
    trigger->except = rbk_lower_indexes(lower, except != NULL ? except->name : NULL, 0);
}

/* A condition over probes and readings of its own. */
static uint32_t watched_condition(struct rbk_lower *lower, const struct rbk_tree_expr *condition,
                                  uint64_t timeout_ms)
{
    struct rbk_reading_mode mode = lower->mode;
    lower->mode.windows = true;
    lower->saw_probe = false;
    lower->only_alerts = true;
    uint32_t row = rbk_lower_condition(lower, condition, timeout_ms);
    lower->mode = mode;
    return row;
}

static void lower_trigger(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *span = rbk_tree_clause_find(statement, RBK_CLAUSE_FOR);
    const struct rbk_tree_clause *readings =
        rbk_tree_clause_find(statement, RBK_CLAUSE_FOR_READINGS);
    const struct rbk_tree_clause *every = rbk_tree_clause_find(statement, RBK_CLAUSE_EVERY);
    const struct rbk_tree_clause *timeout = rbk_tree_clause_find(statement, RBK_CLAUSE_TIMEOUT);
    const struct rbk_tree_clause *confirm = rbk_tree_clause_find(statement, RBK_CLAUSE_CONFIRM);
    const struct rbk_tree_reaction *reaction = reaction_of(statement);
    const struct rbk_tree_statement *stage = statement->parent;
    struct rbk_trigger trigger = {
        .name = statement->name->name->text,
        .region = RBK_NONE,
        .for_ms = span != NULL ? rbk_clause_duration_ms(span) : 0,
        .for_readings = readings != NULL ? (uint32_t)rbk_clause_count(readings) : 0,
        .confirm_ms = confirm != NULL ? rbk_clause_duration_ms(confirm) : 0,
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    if (statement->second_name != NULL) {
        trigger.severity = statement->second_name->name->text;
    }
    if (stage != NULL && stage->kind == RBK_STATEMENT_STAGE) {
        trigger.region = stage->declaration->index;
    } else if (stage != NULL && stage->kind == RBK_STATEMENT_RETIRE) {
        rbk_lower_refuse(lower, statement->head, "a trigger in `retire`");
        return;
    }
    trigger.condition = watched_condition(lower, statement->value,
                                          timeout != NULL ? rbk_clause_duration_ms(timeout) : 0);
    bool reads = lower->builder.machine->exprs[trigger.condition].reads.count > 0;
    if (reads) {
        trigger.every_ms = every != NULL ? rbk_clause_duration_ms(every) : RBK_LOWER_EVERY_MS;
    } else if (every != NULL) {
        rbk_diagnostic_help(
            rbk_lower_refuse(lower, every->span, "`every` on a trigger that only looks at probes"),
            "Leave it out: each probe says how often it is read.");
    }
    trigger.pushed = !reads && lower->saw_probe && lower->only_alerts;
    arming(lower, statement, &trigger);

    struct rbk_str asked = rbk_lower_expr_text(lower, statement->value);
    uint32_t text = rbk_lower_constant_text(
        lower, rbk_arena_printf(lower->builder.arena, "Trigger %.*s: %.*s",
                                RBK_STR_ARG(trigger.name), RBK_STR_ARG(asked)));
    trigger.reaction = reaction != NULL ? rbk_lower_reaction(lower, reaction, text)
                                        : rbk_lower_plain_reaction(lower, RBK_REACTION_PAUSE);
    trigger.missing = missing_reaction(lower, statement, text);
    (void)rbk_build_trigger(&lower->builder, trigger);
}

static void lower_criterion(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *every = rbk_tree_clause_find(statement, RBK_CLAUSE_EVERY);
    uint32_t probes = lower->builder.machine->probe_count;
    lower->mode.probe_every_ms = every != NULL ? rbk_clause_duration_ms(every) : RBK_LOWER_EVERY_MS;
    struct rbk_criterion criterion = {
        .condition = watched_condition(lower, statement->value, 0),
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    lower->mode.probe_every_ms = 0;
    if (every != NULL && lower->builder.machine->probe_count == probes) {
        rbk_diagnostic_help(rbk_lower_refuse(lower, every->span,
                                             "`every` on a criterion without readings of its own"),
                            "Leave it out: each probe says how often it is read.");
    }
    criterion.reads_probes = lower->saw_probe;
    if (statement->text != NULL) {
        criterion.message = rbk_lower_literal(lower, statement->text, "a message");
    } else {
        criterion.message = rbk_lower_expr_text(lower, statement->value);
    }
    (void)rbk_build_criterion(&lower->builder, criterion);
}

void rbk_lower_criteria(struct rbk_lower *lower)
{
    const struct rbk_statements *criteria = &lower->program->head[RBK_STATEMENT_ABORT_WHEN];
    for (uint32_t i = 0; i < criteria->count; i++) {
        lower_criterion(lower, criteria->items[i]);
    }
}

void rbk_lower_triggers(struct rbk_lower *lower)
{
    const struct rbk_statements *triggers = &lower->program->triggers;
    const struct rbk_statements *criteria = &lower->program->head[RBK_STATEMENT_ABORT_WHEN];
    for (uint32_t i = 0; i < triggers->count; i++) {
        lower_trigger(lower, triggers->items[i]);
    }
    if (triggers->count > RBK_TRIGGERS_MAX || criteria->count > RBK_TRIGGERS_MAX) {
        rbk_lower_stop(lower, lower->program->plan->head,
                       "more than 4096 triggers or abort criteria");
    }
}
