/*
 * RBK105: `undo` takes back the actions of an apply; every action in it has an inverse, and what
 * the apply does beside actions is taken back beside `undo`.
 */
#include "compiler/rules/facts.h"

/* A step of the rollback's own that changes something, or NULL. */
static const struct rbk_tree_statement *own_change(const struct rbk_tree_statement *rollback)
{
    struct rbk_tree_statement *at = (struct rbk_tree_statement *)rollback;
    while ((at = rbk_statement_next(rollback, at))) {
        if (at->kind == RBK_STATEMENT_VERIFY) {
            return NULL; /* The last step of a rollback. */
        }
        if (at->kind != RBK_STATEMENT_UNDO && rbk_fact_changes(at)) {
            return at;
        }
    }
    return NULL;
}

static const struct rbk_tree_statement *find_undo(const struct rbk_tree_statement *rollback)
{
    struct rbk_tree_statement *at = (struct rbk_tree_statement *)rollback;
    while (at && at->kind != RBK_STATEMENT_UNDO) {
        at = rbk_statement_next(rollback, at);
    }
    return at;
}

static void report_action(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                          const struct rbk_tree_statement *step,
                          const struct rbk_tree_statement *action,
                          const struct rbk_tree_statement *undo)
{
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, step->head, "action `%.*s` has no inverse",
                        RBK_STR_ARG(action->declaration->name->text));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, undo->head), "does not take it back");
    rbk_diagnostic_label(
        diagnostic, rbk_place_make(action->declaration->file->source, action->declaration->span),
        "declared here, without `undo { … }`");
    rbk_diagnostic_help(diagnostic, "Give the action an `undo`, or take it back by steps in a "
                                    "rollback without `undo`.");
}

static void report_effect(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                          const struct rbk_tree_statement *step,
                          const struct rbk_tree_statement *undo)
{
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage, step->head, "`%s` stands outside an action and is not taken back",
        rbk_statement_words((enum rbk_statement_kind)step->kind));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, undo->head), "takes back actions only");
    rbk_diagnostic_help(diagnostic, "Take it back by a step beside `undo`, or put it into an "
                                    "action that has an inverse.");
}

static void check_rollback(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           const struct rbk_tree_statement *rollback, bool first)
{
    const struct rbk_tree_statement *undo = find_undo(rollback);
    if (!undo || !stage->apply) {
        return;
    }
    const struct rbk_tree_statement *some = stage->apply;
    while (some && some->kind != RBK_STATEMENT_DO) {
        some = rbk_statement_next(stage->apply, (struct rbk_tree_statement *)some);
    }
    if (!some) {
        rbk_diagnostic_help(
            rbk_diagnostic_label(
                rbk_rule_report(rules, stage, undo->head, "`undo` with no action to take back"),
                rbk_rules_place(rules, stage->apply->head), "carries out no action with `do`"),
            "Write the steps that take back what `apply` does.");
        return;
    }
    bool alone = !own_change(rollback);
    for (struct rbk_tree_statement *at = stage->apply; at;
         at = rbk_statement_next(stage->apply, at)) {
        if (at->kind == RBK_STATEMENT_DO) {
            const struct rbk_tree_statement *action = rbk_fact_action(at);
            if (first && action && rbk_fact_changes(at) && !rbk_program_action_of(action)->undo) {
                report_action(rules, stage, at, action, undo);
            }
        } else if (alone && at->kind != RBK_STATEMENT_TAKE && rbk_fact_changes(at)) {
            report_effect(rules, stage, at, undo);
        }
    }
}

void rbk_rule_105(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    if (statement->kind != RBK_STATEMENT_STAGE) {
        return;
    }
    bool first = true; /* An action without inverse is named once a stage. */
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        check_rollback(rules, stage, stage->rollbacks.items[i], first);
        first = first && !find_undo(stage->rollbacks.items[i]);
    }
}
