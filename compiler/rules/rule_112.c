/* RBK112, a warning: the ways back of a stage are no longer than the guideline of its kind. */
#include "compiler/rules/rules.h"
#include "compiler/times/times.h"

void rbk_rule_112(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    if (rules->facts_unknown) {
        return;
    }
    struct rbk_times *times = rbk_times_of(rules->compile);
    const struct rbk_stage_times *stage = rbk_times_stage(times, statement);
    char back[RBK_TIMES_TEXT_BYTES];
    char guideline[RBK_TIMES_TEXT_BYTES];
    if (stage->guideline_ms == 0 || stage->back_ms <= stage->guideline_ms) {
        return;
    }
    const struct rbk_tree_name *kind = stage->stage->kind->name;
    const struct rbk_tree_statement *rollback = stage->stage->rollbacks.items[0];
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, stage->stage, rollback->head,
        "rolling back `%.*s` may take %s, longer than the %s for a stage of kind %.*s",
        RBK_STR_ARG(statement->name->name->text), rbk_times_text(stage->back_ms, back),
        rbk_times_text(stage->guideline_ms, guideline), RBK_STR_ARG(kind->name->text));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, kind->span), "%.*s: %s at most",
                         RBK_STR_ARG(kind->name->text), guideline);
    for (uint32_t i = 0; i < stage->strategy_count && stage->strategy_count > 1; i++) {
        bool last = i + 1 == stage->strategy_count;
        rollback = stage->stage->rollbacks.items[i];
        struct rbk_str name = rbk_times_block_words(times, rollback);
        rbk_diagnostic_note(
            diagnostic, rbk_rules_place(rules, rollback->head), "%s: %.*s%s",
            rbk_times_text(last ? stage->strategies[i].ok_ms : stage->strategies[i].end_ms, back),
            RBK_STR_ARG(name), last ? "" : ", which fails");
    }
    rbk_diagnostic_help(diagnostic, "Make the way back shorter, split the stage, or say why it is "
                                    "accepted: `allow RBK112 because \"…\"`.");
}
