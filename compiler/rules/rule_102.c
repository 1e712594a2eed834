/* RBK102: every stage has a verify. */
#include "compiler/rules/rules.h"

void rbk_rule_102(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    if (statement->kind != RBK_STATEMENT_STAGE || stage->verify) {
        return;
    }
    rbk_diagnostic_help(
        rbk_rule_report(rules, stage, statement->head, "stage `%.*s` has no verify",
                        RBK_STR_ARG(statement->name->name->text)),
        "Add `verify within … { check \"…\" … }` that fails unless the stage has worked.");
}
