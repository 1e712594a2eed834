/*
 * RBK142: four eyes. Who has to approve must be able to be somebody else than who runs it: where
 * all the roles that an `approve` asks have members, and these are one person, that person can
 * approve a run of their own, or there is nobody to start it. With the clause `four eyes` it is
 * exact: whoever of the roles starts the run, enough different people must be left.
 */
#include "compiler/rules/rules.h"
#include "compiler/seats.h"

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

static void check_one(struct rbk_rules *rules, const struct rbk_program_stage *stage,
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

/* Who starts a run does not count under `four eyes`: whose run could nobody approve? */
static void check_without_each(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                               const struct rbk_tree_statement *gate)
{
    struct rbk_seats seats;
    if (!rbk_seats_of(gate->names, true, &seats) ||
        rbk_seats_missing(seats.demands, seats.demand_count, true, rbk_seats_all(&seats)) != 0) {
        return; /* unknown, or an error already */
    }
    const struct rbk_str *first = NULL, *second = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < seats.people_count; i++) {
        uint32_t without = rbk_seats_all(&seats) & ~(UINT32_C(1) << i);
        if (rbk_seats_missing(seats.demands, seats.demand_count, true, without) > 0) {
            count++;
            second = count == 2 ? &seats.people[i] : second;
            first = count == 1 ? &seats.people[i] : first;
        }
    }
    if (!first) {
        return;
    }
    static const char start[] = "too few are left to agree in a run that";
    struct rbk_diagnostic *diagnostic =
        count == 1 ? rbk_rule_warn(rules, stage, gate->head, "%s \"%.*s\" starts", start,
                                   RBK_STR_ARG(*first))
        : count == 2
            ? rbk_rule_warn(rules, stage, gate->head, "%s \"%.*s\" or \"%.*s\" starts", start,
                            RBK_STR_ARG(*first), RBK_STR_ARG(*second))
            : rbk_rule_warn(rules, stage, gate->head, "%s \"%.*s\", or one of %u others, starts",
                            start, RBK_STR_ARG(*first), count - 1);
    rbk_diagnostic_help(diagnostic, "Under `four eyes` who starts or resumes a run does not count, "
                                    "and nobody counts for two roles: add members.");
}

void rbk_rule_142(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (uint32_t i = 0; i < stage->gates.count; i++) {
        const struct rbk_tree_statement *gate = stage->gates.items[i];
        if (rbk_tree_clause_find(gate, RBK_CLAUSE_FOUR_EYES)) {
            check_without_each(rules, stage, gate);
        } else if (gate->kind == RBK_STATEMENT_APPROVE) {
            check_one(rules, stage, gate);
        }
    }
}
