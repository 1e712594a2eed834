/* RBK103: every rollback has a verify. */
#include "compiler/rules/rules.h"

void rbk_rule_103(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    if (statement->kind != RBK_STATEMENT_STAGE) {
        return;
    }
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        const struct rbk_tree_statement *rollback = stage->rollbacks.items[i];
        const struct rbk_tree_statement *at = rollback->block->first;
        while (at && at->kind != RBK_STATEMENT_VERIFY) {
            at = at->next;
        }
        if (at) {
            continue;
        }
        rbk_diagnostic_help(
            rbk_rule_report(rules, stage, rollback->head,
                            rollback->name ? "rollback `%.*s` of `%.*s` has no verify"
                                           : "the rollback%.*s of `%.*s` has no verify",
                            RBK_STR_ARG(rollback->name ? rollback->name->name->text : RBK_STR("")),
                            RBK_STR_ARG(statement->name->name->text)),
            "End it with `verify { check \"…\" … }` that fails unless the old state is back.");
    }
}
