/* RBK122: a stage that modifies data irreversibly has a backup that one of its rollbacks restores.
 */
#include "compiler/rules/facts.h"

/* The first clause of a stage's data that says `modified irreversible`, or NULL. */
static const struct rbk_tree_clause *irreversible(const struct rbk_program_stage *stage)
{
    const struct rbk_tree_clause *at =
        stage->data ? rbk_tree_clause_find(stage->data, RBK_CLAUSE_DATA_MODIFIED) : NULL;
    while (at && !rbk_str_is(at->name->name->text, "irreversible")) {
        at = rbk_tree_clause_next(at);
    }
    return at;
}

/* Whether some rollback restores this backup, or any when it is NULL. */
static bool is_restored(const struct rbk_program_stage *stage, const struct rbk_declaration *backup)
{
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        struct rbk_tree_statement *rollback = stage->rollbacks.items[i];
        for (struct rbk_tree_statement *at = rollback; at; at = rbk_statement_next(rollback, at)) {
            if (at->kind == RBK_STATEMENT_RESTORE && (!backup || at->name->ref == backup)) {
                return true;
            }
        }
    }
    return false;
}

void rbk_rule_122(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    const struct rbk_tree_clause *modified = irreversible(stage);
    if (statement->kind != RBK_STATEMENT_STAGE || !modified) {
        return;
    }
    const struct rbk_tree_clause *backup =
        rbk_tree_clause_find(stage->data, RBK_CLAUSE_DATA_BACKUP);
    if (is_restored(stage, backup ? backup->name->ref : NULL)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, modified->span,
                        "no rollback of `%.*s` restores a backup, and its changes are irreversible",
                        RBK_STR_ARG(statement->name->name->text));
    if (backup) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, backup->span),
                             "never restored in this stage");
        rbk_diagnostic_help(diagnostic, "Add `restore %.*s` to a rollback.",
                            RBK_STR_ARG(backup->name->name->text));
    } else {
        rbk_diagnostic_help(diagnostic,
                            "Declare a `backup`, `take` it in `prepare` and `restore` it in a "
                            "rollback, or waive this: `allow RBK122 because \"…\"`.");
    }
}
