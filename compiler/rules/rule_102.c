/* RBK102: every stage has a verify. */
#include "compiler/rules/rules.h"

void rbk_rule_102(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_program_stage *stage = rbk_program_stage_of(stages->items[i]);
        if (stage->verify) {
            continue;
        }
        rbk_diagnostic_help(
            rbk_rule_report(rules, stage, stage->statement->head, "stage `%.*s` has no verify",
                            RBK_STR_ARG(stage->statement->name->name->text)),
            "Add `verify within … { check \"…\" … }` that fails unless the stage has worked.");
    }
}
