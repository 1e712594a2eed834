/* RBK106: what cannot be taken back is approved, verified, and waits for the end of a grace. */
#include "compiler/rules/rules.h"

static bool has_approval(const struct rbk_program_stage *retire)
{
    for (uint32_t i = 0; i < retire->gates.count; i++) {
        if (retire->gates.items[i]->kind == RBK_STATEMENT_APPROVE) {
            return true;
        }
    }
    return false;
}

void rbk_rule_106(struct rbk_rules *rules)
{
    const struct rbk_tree_statement *statement =
        rbk_program_head(rules->program, RBK_STATEMENT_RETIRE);
    if (!statement) {
        return;
    }
    const struct rbk_program_stage *retire = rbk_program_stage_of(statement);
    if (!has_approval(retire)) {
        rbk_diagnostic_help(
            rbk_rule_report(rules, retire, statement->head, "`retire` without an approval"),
            "There is no way back from it: add `approve ROLE within 24h else keep`.");
    }
    if (!retire->verify) {
        rbk_diagnostic_help(
            rbk_rule_report(rules, retire, statement->head, "`retire` without a verify"),
            "Add `verify within … { check \"…\" … }`.");
    }
    if (!rbk_program_head(rules->program, RBK_STATEMENT_GRACE)) {
        rbk_diagnostic_help(
            rbk_rule_report(rules, retire, statement->head, "`retire` in a plan without `grace`"),
            "Say how long the old system stays, as in `grace 72h`.");
    }
}
