/*
 * RBK143: somebody hears of an abort, of a stuck rollback and of a way back that closes, and a
 * stuck one climbs until somebody answers. Asked of plans in which that matters, or that could:
 * those with a stage of risk above low, and those that have a channel.
 */
#include "compiler/rules/rules.h"

static bool is_asked(const struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_tree_statement *risk = rbk_program_stage_of(stages->items[i])->risk;
        if (risk && !rbk_str_is(risk->name->name->text, "low")) {
            return true;
        }
    }
    return rules->program->head[RBK_STATEMENT_CHANNEL].count > 0;
}

/* Whether a hook of this event, or of the other one, sends something. */
static bool notifies(const struct rbk_rules *rules, const char *event, const char *other)
{
    const struct rbk_statements *hooks = &rules->program->head[RBK_STATEMENT_ON];
    for (uint32_t i = 0; i < hooks->count; i++) {
        const struct rbk_tree_statement *hook = hooks->items[i];
        struct rbk_str name = hook->name->name->text;
        if ((rbk_str_is(name, event) || rbk_str_is(name, other)) && hook->block->first) {
            return true;
        }
    }
    return false;
}

/* Whether every rollback of a stage has a `when`, so that while it stands none may apply. */
static bool is_closable(const struct rbk_program_stage *stage)
{
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        if (!rbk_tree_clause_find(stage->rollbacks.items[i], RBK_CLAUSE_WHEN)) {
            return false;
        }
    }
    return stage->rollbacks.count > 0;
}

/* The run is held then, at best: whoever is called only once it is stuck comes late. */
static void check_ways_back(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    if (notifies(rules, "no_way_back", "no_way_back")) {
        return;
    }
    for (uint32_t i = 0; i < stages->count; i++) {
        const struct rbk_tree_statement *stage = stages->items[i];
        const struct rbk_program_stage *parts = rbk_program_stage_of(stage);
        if (!is_closable(parts)) {
            continue;
        }
        struct rbk_diagnostic *diagnostic = rbk_rule_warn(
            rules, parts, stage->head, "nobody is told when the last way back of `%.*s` closes",
            RBK_STR_ARG(stage->name->name->text));
        rbk_diagnostic_help(diagnostic, "Each of its rollbacks has a `when`, which is read again "
                                        "while the stage stands applied.");
        rbk_diagnostic_help(diagnostic, "Add `on no_way_back { notify CHANNEL \"no way back at the "
                                        "moment: ${run.reason}\" }`.");
        return;
    }
}

void rbk_rule_143(struct rbk_rules *rules)
{
    const struct rbk_tree_statement *plan = rules->program->plan;
    if (!plan || rules->unsound || !is_asked(rules)) {
        return;
    }
    check_ways_back(rules);
    bool abort = notifies(rules, "abort", "aborted");
    bool stuck = notifies(rules, "stuck", "stuck");
    bool escalates = rbk_program_head(rules->program, RBK_STATEMENT_ESCALATE) != NULL;
    struct rbk_str name = plan->name->name->text;
    if (abort && stuck && escalates) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, NULL, plan->head,
        abort && stuck ? "nobody is called when `%.*s` %s" : "nobody is told when `%.*s` %s",
        RBK_STR_ARG(name),
        !abort && !stuck ? "turns round or is stuck"
        : !abort         ? "turns round"
        : !stuck         ? "is stuck"
                         : "is stuck and stays so");
    if (!abort) {
        rbk_diagnostic_help(diagnostic,
                            "Add `on abort { notify CHANNEL \"going back: ${run.reason}\" }`.");
    }
    if (!stuck) {
        rbk_diagnostic_help(diagnostic,
                            "Add `on stuck { notify CHANNEL \"needs a person: ${run.reason}\" }`.");
    }
    if (!escalates) {
        rbk_diagnostic_help(diagnostic, "Add `escalate stuck to ROLE, then OTHER after 10m`.");
    }
}
