/*
 * RBK124: what a stage's risk asks for. Medium: a backup where it touches data, and a plan whose
 * way back is rehearsed. High: also a trigger that watches it, and a `grace` in which the old
 * system stays.
 *
 * A stage touches data when its kind is `database` or `data`, or it has a `data` clause. A backup
 * is one that its `data` names, that one of its blocks takes, or that one of its rollbacks
 * restores. A trigger watches it when it is written in the stage, or is armed while the stage is
 * under way or once it stands applied.
 */
#include "compiler/rules/armed.h"

#include <stdio.h>

static bool touches_data(const struct rbk_program_stage *stage)
{
    if (stage->data) {
        return true;
    }
    struct rbk_str kind = stage->kind ? stage->kind->name->name->text : RBK_STR("");
    return rbk_str_is(kind, "database") || rbk_str_is(kind, "data");
}

static bool has_backup(const struct rbk_program_stage *stage)
{
    if (stage->data && rbk_tree_clause_find(stage->data, RBK_CLAUSE_DATA_BACKUP)) {
        return true;
    }
    struct rbk_tree_statement *root = stage->statement;
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        if (at->kind == RBK_STATEMENT_TAKE || at->kind == RBK_STATEMENT_RESTORE) {
            return true;
        }
    }
    return false;
}

static bool is_watched(struct rbk_rules *rules, const struct rbk_program_stage *stage)
{
    if (stage->triggers.count) {
        return true;
    }
    const struct rbk_statements *triggers = &rules->program->triggers;
    for (uint32_t i = 0; i < triggers->count; i++) {
        if (rbk_armed_under_way(rules, triggers->items[i], stage->statement) ||
            rbk_armed_applied(rules, triggers->items[i], stage->statement)) {
            return true;
        }
    }
    return false;
}

static void check(struct rbk_rules *rules, const struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    struct rbk_str risk = stage->risk ? stage->risk->name->name->text : RBK_STR("low");
    bool high = rbk_str_is(risk, "high");
    if (!high && !rbk_str_is(risk, "medium")) {
        return;
    }
    const struct {
        bool lacks;
        const char *what; /* After "has no". */
        const char *help;
    } needs[] = {
        {touches_data(stage) && !has_backup(stage), "backup",
         "Declare a `backup`, `take` it in `prepare`, and name it: `data { … backup NAME }`."},
        {!rbk_program_head(rules->program, RBK_STATEMENT_REHEARSED_WITHIN), "rehearsed way back",
         "Add `rehearsed within 30d` to the plan: `rbk run` then wants a rehearsal of this plan."},
        {high && !is_watched(rules, stage), "trigger that watches it",
         "Add a `trigger` to the stage; `unwatched because` is not enough for risk high."},
        {high && !rbk_program_head(rules->program, RBK_STATEMENT_GRACE), "grace after it",
         "Add `grace 24h` to the plan: as long as it lasts, `rbk abort` still takes all back."},
    };
    char list[128] = "";
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (needs[i].lacks) {
            bytes += (size_t)snprintf(list + bytes, sizeof(list) - bytes, "%s%s",
                                      bytes ? ", no " : "", needs[i].what);
        }
    }
    if (!bytes) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, stage->risk->span, "`%.*s` is of risk %.*s and has no %s",
                        RBK_STR_ARG(statement->name->name->text), RBK_STR_ARG(risk), list);
    if (needs[0].lacks) {
        const struct rbk_tree_statement *data = stage->data ? stage->data : stage->kind;
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, data->span), "touches data");
    }
    if (needs[2].lacks && stage->unwatched) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, stage->unwatched->span),
                             "nothing watches it");
    }
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (needs[i].lacks) {
            rbk_diagnostic_help(diagnostic, "%s", needs[i].help);
        }
    }
}

void rbk_rule_124(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count && !rules->unsound; i++) {
        check(rules, stages->items[i]);
    }
}
