/* RBK101: every stage has a rollback. */
#include "compiler/rules/rules.h"

void rbk_rule_101(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_program_stage *stage = rbk_program_stage_of(stages->items[i]);
        if (stage->rollbacks.count) {
            continue;
        }
        struct rbk_diagnostic *diagnostic =
            rbk_rule_report(rules, stage, stage->statement->head, "stage `%.*s` has no rollback",
                            RBK_STR_ARG(stage->statement->name->name->text));
        if (stage->apply) {
            rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, stage->apply->head),
                                 "nothing takes back what this does");
        }
        rbk_diagnostic_help(diagnostic, "Add `rollback within … { … verify { … } }` that takes "
                                        "back what `apply` does; `undo` takes back its actions.");
    }
}
