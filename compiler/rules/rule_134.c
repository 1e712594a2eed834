/*
 * RBK134: from the first effect to the end of `grace` at least one trigger is armed: while a stage
 * is under way (its apply and verify), and once it stands applied, in the gates, holds and waits
 * that follow. Or the stage says `unwatched because "…"`. A way back is watched by its own verify.
 */
#include "compiler/rules/armed.h"

typedef bool armed_fn(struct rbk_rules *rules, const struct rbk_tree_statement *trigger,
                      const struct rbk_tree_statement *stage);

static bool is_watched(struct rbk_rules *rules, const struct rbk_statements *triggers,
                       const struct rbk_tree_statement *stage, armed_fn *armed)
{
    for (uint32_t i = 0; i < triggers->count; i++) {
        if (armed(rules, triggers->items[i], stage)) {
            return true;
        }
    }
    return false;
}

/* A stage's own triggers first: they are the likely ones, and few. */
static bool is_watched_at_all(struct rbk_rules *rules, const struct rbk_tree_statement *stage,
                              armed_fn *armed)
{
    return is_watched(rules, &rbk_program_stage_of(stage)->triggers, stage, armed) ||
           is_watched(rules, &rules->program->triggers, stage, armed);
}

/* Why a trigger is not armed in a stage, for a label. */
static void explain(struct rbk_rules *rules, struct rbk_diagnostic *diagnostic,
                    const struct rbk_tree_statement *trigger)
{
    static const struct {
        enum rbk_clause_kind clause;
        const char *text;
    } reasons[] = {{RBK_CLAUSE_DURING_APPLY, "armed only while that apply runs"},
                   {RBK_CLAUSE_EXCEPT_DURING, "not armed then, gates included"},
                   {RBK_CLAUSE_SINCE, "armed only from then on"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        const struct rbk_tree_clause *clause = rbk_tree_clause_find(trigger, reasons[i].clause);
        if (clause) {
            rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, clause->span), "%s",
                                 reasons[i].text);
            return;
        }
    }
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, trigger->head),
                         "armed only once its own stage's apply begins");
}

static void report(struct rbk_rules *rules, const struct rbk_program_stage *stage, bool under_way,
                   bool applied)
{
    const struct rbk_tree_statement *statement = stage->statement;
    struct rbk_str name = statement->name->name->text;
    const char *when = !under_way && !applied ? "from the start of its apply on"
                       : !under_way           ? "while it is applied and verified"
                                              : "once it stands applied";
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage, statement->head, "no trigger watches `%.*s` %s", RBK_STR_ARG(name), when);
    const struct rbk_statements *triggers = &rules->program->triggers;
    for (uint32_t i = 0; i < triggers->count && i < RBK_DIAGNOSTIC_LABELS_MAX; i++) {
        explain(rules, diagnostic, triggers->items[i]);
    }
    rbk_diagnostic_help(diagnostic,
                        triggers->count
                            ? "Arm a trigger then, one without `since` for example, or say why "
                              "nothing needs to be watched: `unwatched because \"…\"`."
                            : "Add a `trigger`, or say in the stage why nothing needs to be "
                              "watched: `unwatched because \"…\"`.");
}

static void check(struct rbk_rules *rules, const struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    if (stage->unwatched) {
        return;
    }
    bool under_way = is_watched_at_all(rules, statement, rbk_armed_under_way);
    bool applied = is_watched_at_all(rules, statement, rbk_armed_applied);
    if (!under_way || !applied) {
        report(rules, stage, under_way, applied);
    }
}

void rbk_rule_134(struct rbk_rules *rules)
{
    const struct rbk_statements *stages = rbk_rules_stages(rules);
    for (uint32_t i = 0; i < stages->count && !rules->unsound; i++) {
        check(rules, stages->items[i]);
    }
}
