/* RBK101: every stage has a rollback. */
#include "compiler/rules/rules.h"

void rbk_rule_101(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    if (statement->kind != RBK_STATEMENT_STAGE || stage->rollbacks.count) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, statement->head, "stage `%.*s` has no rollback",
                        RBK_STR_ARG(statement->name->name->text));
    if (stage->apply) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, stage->apply->head),
                             "nothing takes back what this does");
    }
    rbk_diagnostic_help(diagnostic, "Add `rollback within … { … verify { … } }` that takes "
                                    "back what `apply` does; `undo` takes back its actions.");
}
