/*
 * RBK142: four eyes. Who has to approve must be able to be somebody else than who runs it: where
 * all the roles that an `approve` asks have members, and these are one person, that person can
 * approve a run of their own, or there is nobody to start it.
 */
#include "compiler/rules/rules.h"

/* The one person that a role's members and @known are, or NULL when there are more, or anybody. */
static const struct rbk_tree_expr *only_member(const struct rbk_tree_statement *role,
                                               const struct rbk_tree_expr *known)
{
    const struct rbk_tree_clause *members = rbk_tree_clause_find(role, RBK_CLAUSE_MEMBERS);
    if (!members) {
        return NULL;
    }
    for (const struct rbk_tree_expr *at = members->value; at; at = at->next) {
        if (at->kind != RBK_EXPR_STRING || at->has_parts ||
            (known && !rbk_str_equal(known->text, at->text))) {
            return NULL;
        }
        known = at;
    }
    return known;
}

static void check(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                  const struct rbk_tree_statement *approve)
{
    const struct rbk_tree_expr *person = NULL;
    for (const struct rbk_tree_name *at = approve->names; at; at = at->next) {
        person = at->ref ? only_member(at->ref->statement, person) : NULL;
        if (!person) {
            return;
        }
    }
    if (!person) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_rule_warn(
        rules, stage, approve->head, "only \"%.*s\" can approve this, even of a run of their own",
        RBK_STR_ARG(person->text));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, person->span), "nobody else");
    rbk_diagnostic_help(diagnostic, "Add a second member to the role, or ask a second role: "
                                    "`approve dba, lead within 30m else abort`.");
}

void rbk_rule_142(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (uint32_t i = 0; i < stage->gates.count; i++) {
        if (stage->gates.items[i]->kind == RBK_STATEMENT_APPROVE) {
            check(rules, stage, stage->gates.items[i]);
        }
    }
}
