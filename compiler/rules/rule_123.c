/*
 * RBK123: a backup that has never been looked at is a hope, and one that was taken after the change
 * holds the change. The backup a stage protects itself with is taken in its `prepare`, before the
 * first effect of its `apply`, or in a stage before it. (One that is restored and may not have been
 * taken at all is RBK121, which notes where each backup is taken.)
 */
#include "compiler/rules/facts.h"
#include "compiler/rules/order.h"

/* Whether the backup is restored by one of the stage's rollbacks: then RBK121 looks after when it
 * is taken. */
static bool is_restored(const struct rbk_program_stage *stage, const struct rbk_declaration *backup)
{
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        struct rbk_tree_statement *rollback = stage->rollbacks.items[i];
        for (struct rbk_tree_statement *at = rollback; at; at = rbk_statement_next(rollback, at)) {
            if (at->kind == RBK_STATEMENT_RESTORE && at->name->ref == backup) {
                return true;
            }
        }
    }
    return false;
}

/* The stage that a step stands in. */
static const struct rbk_program_stage *stage_around(const struct rbk_tree_statement *at)
{
    while (at->kind != RBK_STATEMENT_STAGE) {
        at = at->parent;
    }
    return rbk_program_stage_of(at);
}

static bool stands_in(const struct rbk_tree_statement *at, const struct rbk_tree_statement *block)
{
    while (at && at != block) {
        at = at->parent;
    }
    return block && at == block;
}

/* Where the backup that a stage's data is protected by is taken, when that is too late; else NULL,
 * and *ret_taken says whether it is taken at all. */
static const struct rbk_tree_statement *taken_late(struct rbk_rules *rules,
                                                   const struct rbk_program_stage *stage,
                                                   const struct rbk_declaration *backup,
                                                   const struct rbk_tree_statement *change,
                                                   bool *ret_taken)
{
    const struct rbk_stage_order *order = rbk_stage_order(rules);
    const struct rbk_statements *takes = &rbk_program_backup_of(backup->statement)->takes;
    *ret_taken = takes->count > 0;
    for (uint32_t i = 0; i < takes->count; i++) {
        const struct rbk_tree_statement *take = takes->items[i];
        const struct rbk_program_stage *in = stage_around(take);
        bool early = in == stage && (stands_in(take, stage->prepare) || !change ||
                                     take->span.start < change->span.start);
        if (early || rbk_stage_before(order, in->index, stage->index)) {
            return NULL;
        }
    }
    return takes->count ? takes->items[0] : NULL;
}

static void check_stage(struct rbk_rules *rules, const struct rbk_program_stage *stage)
{
    const struct rbk_tree_clause *clause =
        stage->data ? rbk_tree_clause_find(stage->data, RBK_CLAUSE_DATA_BACKUP) : NULL;
    const struct rbk_declaration *backup = clause ? clause->name->ref : NULL;
    if (!backup || is_restored(stage, backup)) {
        return;
    }
    bool taken;
    const struct rbk_tree_statement *change =
        stage->apply ? rbk_fact_first_change(stage->apply) : NULL;
    const struct rbk_tree_statement *late = taken_late(rules, stage, backup, change, &taken);
    if (taken && !late) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, late ? late->span : clause->span,
                        late ? "backup `%.*s` is taken after the change it protects"
                             : "backup `%.*s` is never taken",
                        RBK_STR_ARG(backup->name->text));
    if (late) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, clause->span),
                             "protects this data");
        if (change) {
            rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, change->head),
                                 "changes the data first");
        }
    }
    rbk_diagnostic_help(diagnostic, "%s `take %.*s` %s the `prepare` of `%.*s`.",
                        late ? "Move" : "Add", RBK_STR_ARG(backup->name->text),
                        late ? "into" : "to", RBK_STR_ARG(stage->statement->name->name->text));
}

/* A backup that nobody reads again. */
static void check_backups(struct rbk_rules *rules)
{
    const struct rbk_statements *backups = &rules->program->head[RBK_STATEMENT_BACKUP];
    for (uint32_t i = 0; i < backups->count; i++) {
        const struct rbk_program_backup *backup = rbk_program_backup_of(backups->items[i]);
        if (backup->verify) {
            continue;
        }
        struct rbk_diagnostic *diagnostic =
            rbk_rule_report(rules, NULL, backups->items[i]->head, "backup `%.*s` is never verified",
                            RBK_STR_ARG(backups->items[i]->name->name->text));
        if (backup->take) {
            rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, backup->take->head),
                                 "nobody looks at what this made");
        }
        rbk_diagnostic_help(diagnostic,
                            "Add `verify { check \"…\" … }` that reads the backup: that "
                            "an archive can be listed, that a copy is as large.");
    }
}

void rbk_rule_123(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    if (rules->unsound) {
        return;
    }
    check_backups(rules);
    for (uint32_t i = 0; i < stages->count; i++) {
        check_stage(rules, rbk_program_stage_of(stages->items[i]));
    }
}
