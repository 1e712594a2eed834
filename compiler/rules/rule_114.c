/*
 * RBK114: every wait ends. An effect has a `timeout` or stands in a block with a `within`; a
 * question has a `within` and an `else`. Lets and plain checks end by themselves: their readings
 * do.
 */
#include "compiler/analysis.h"
#include "compiler/rules/facts.h"

/* A limit of 0 reads as one, and is none. */
static void report_nothing(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           struct rbk_span span, const char *words)
{
    rbk_diagnostic_help(rbk_rule_report(rules, stage, span, "`%s` of 0 is no limit", words),
                        "Say how long it may take at most, as in `30s` or `5m`.");
}

/* ---- questions and reactions ----------------------------------------------------------------- */

static void check_reaction(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           const struct rbk_tree_reaction *reaction)
{
    for (; reaction; reaction = reaction->otherwise) {
        if (reaction->roles && reaction->has_within && reaction->within_ms == 0) {
            report_nothing(rules, stage, reaction->span, "within");
        }
        if (!reaction->roles || (reaction->has_within && reaction->otherwise)) {
            continue;
        }
        rbk_diagnostic_help(
            rbk_rule_report(rules, stage, reaction->span, "a question without `%s`",
                            reaction->has_within ? "else" : "within"),
            "Say how long it is waited for, and what silence means: `within 10m else abort`.");
    }
}

static void check_reactions(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                            const struct rbk_tree_statement *statement)
{
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        if (at->kind == RBK_CLAUSE_THEN || at->kind == RBK_CLAUSE_ELSE ||
            at->kind == RBK_CLAUSE_MISSING || at->kind == RBK_CLAUSE_IN_DOUBT) {
            check_reaction(rules, stage, at->reaction);
        }
    }
}

static void check_question(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *within = rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN);
    if (within && rbk_tree_clause_find(statement, RBK_CLAUSE_ELSE)) {
        return;
    }
    rbk_diagnostic_help(
        rbk_rule_report(rules, stage, statement->head, "`%s` without `%s`",
                        rbk_statement_words((enum rbk_statement_kind)statement->kind),
                        within ? "else" : "within"),
        "Say how long it is waited for, and what silence means: `within 10m else abort`.");
}

/* ---- effects --------------------------------------------------------------------------------- */

/* No block is around a `require`, and a `for` may begin anew for ever. */
static void report_require(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           const struct rbk_tree_statement *statement)
{
    rbk_diagnostic_help(
        rbk_rule_report(rules, stage, statement->head, "`require … for` without a `timeout`"),
        "It is read until it has held for that long; say when to give up, as in `timeout 5m`.");
}

static void report_effect(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                          const struct rbk_tree_statement *statement)
{
    rbk_diagnostic_help(
        rbk_rule_report(rules, stage, statement->head,
                        "`%s` with neither a `timeout` nor a block's `within`",
                        rbk_statement_words((enum rbk_statement_kind)statement->kind)),
        "Add `timeout 30s` to it, or `within 5m` to its block.");
}

/* A call of an action whose effects do not end by themselves. */
static void check_do(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                     const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_statement *action = rbk_fact_action(statement);
    if (!action || rbk_program_action_of(action)->bounded) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage, statement->head, "`do` with neither a `timeout` nor a block's `within`");
    const struct rbk_tree_statement *step = rbk_program_action_of(action)->unbounded;
    if (step) {
        rbk_diagnostic_label(diagnostic,
                             rbk_place_make(action->declaration->file->source, step->head),
                             "does not end by itself");
    }
    rbk_diagnostic_help(diagnostic, "Add `timeout 30s` to it, or `within 5m` to its block.");
}

/* `undo` outside a `within`: each inverse has to end by itself. */
static void check_undo(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement)
{
    if (!stage || !stage->apply) {
        return;
    }
    for (struct rbk_tree_statement *at = stage->apply; at;
         at = rbk_statement_next(stage->apply, at)) {
        const struct rbk_tree_statement *action =
            at->kind == RBK_STATEMENT_DO ? rbk_fact_action(at) : NULL;
        if (!action || rbk_program_action_of(action)->undo_bounded) {
            continue;
        }
        rbk_diagnostic_help(
            rbk_diagnostic_label(
                rbk_rule_report(rules, stage, statement->head,
                                "`undo` in a block without `within`"),
                rbk_place_make(action->declaration->file->source, action->declaration->span),
                "the inverse of this action does not end by itself"),
            "Add `within 5m` to the rollback.");
        return;
    }
}

/* What would be looked at without a pause by an `every` of 0; NULL: what has no meaning of its own.
 */
static const char *looks_on(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_PROBE:
        return "a probe that is read";
    case RBK_STATEMENT_ABORT_WHEN:
        return "a criterion that reads";
    case RBK_STATEMENT_MANUAL:
        return "a step by hand that is looked for";
    default:
        return NULL;
    }
}

/* Limits of 0; what is read every 0 s has no pause. */
static void check_limits(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                         const struct rbk_tree_statement *statement)
{
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        bool limit = at->kind == RBK_CLAUSE_WITHIN || at->kind == RBK_CLAUSE_TIMEOUT ||
                     at->kind == RBK_CLAUSE_CONFIRM;
        if (limit && rbk_clause_duration_ms(at) == 0) {
            report_nothing(rules, stage, at->span,
                           rbk_clause_words((enum rbk_clause_kind)at->kind));
        } else if (at->kind == RBK_CLAUSE_EVERY && looks_on(statement) != NULL &&
                   rbk_clause_duration_ms(at) == 0) {
            rbk_diagnostic_help(rbk_rule_report(rules, stage, at->span,
                                                "%s without a pause, `every` is 0",
                                                looks_on(statement)),
                                "Say how long to wait between two readings: `every 30s`.");
        }
    }
    if (statement->kind == RBK_STATEMENT_HELD && statement->value->kind == RBK_EXPR_DURATION &&
        statement->value->number == 0) {
        report_nothing(rules, stage, statement->head, "held at most");
    }
}

static void check_step(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement, bool bounded)
{
    bounded = bounded || rbk_tree_clause_find(statement, RBK_CLAUSE_TIMEOUT);
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_HTTP:
    case RBK_STATEMENT_REDIS:
    case RBK_STATEMENT_CAPTURE_RUN:
    case RBK_STATEMENT_WAIT_UNTIL:
        if (!bounded) {
            report_effect(rules, stage, statement);
        }
        break;
    case RBK_STATEMENT_CHECK:
        if (!bounded && rbk_tree_clause_find(statement, RBK_CLAUSE_FOR)) {
            report_effect(rules, stage, statement);
        }
        break;
    case RBK_STATEMENT_REQUIRE:
        if (!bounded && rbk_tree_clause_find(statement, RBK_CLAUSE_FOR)) {
            report_require(rules, stage, statement);
        }
        break;
    case RBK_STATEMENT_DO:
        if (!bounded) {
            check_do(rules, stage, statement);
        }
        break;
    case RBK_STATEMENT_UNDO:
        if (!bounded) {
            check_undo(rules, stage, statement);
        }
        break;
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
        check_question(rules, stage, statement);
        break;
    default:
        break;
    }
    check_reactions(rules, stage, statement);
}

static void check_block(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        const struct rbk_tree_block *block, bool bounded);

/* A statement and everything in it; at most RBK_NESTING_MAX deep. */
static void check_statement(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                            const struct rbk_tree_statement *at, bool bounded)
{
    if (at->annotation_flags & RBK_STATEMENT_REPORTED) {
        return;
    }
    check_limits(rules, stage, at);
    check_step(rules, stage, at, bounded);
    if (!at->block) {
        return;
    }
    bool ends = bounded || rbk_tree_clause_find(at, RBK_CLAUSE_WITHIN);
    check_block(rules, stage, at->block, ends);
    if (at->kind == RBK_STATEMENT_IF) {
        check_block(rules, stage, at->else_block, ends);
    }
}

static void check_block(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        const struct rbk_tree_block *block, bool bounded)
{
    for (const struct rbk_tree_statement *at = block ? block->first : NULL; at; at = at->next) {
        check_statement(rules, stage, at, bounded);
    }
}

void rbk_rule_114_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    check_statement(rules, rbk_program_stage_of(statement), statement, false);
}

void rbk_rule_114(struct rbk_rules *rules)
{
    for (struct rbk_tree_statement *at = rbk_rules_head(rules); at; at = rbk_head_next(at)) {
        check_statement(rules, NULL, at, false);
    }
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        rules->source = file->tree->source;
        for (uint32_t j = 0; j < file->channels.count; j++) {
            check_block(rules, NULL, file->channels.items[j]->block, false);
        }
    }
}
