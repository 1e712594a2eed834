/*
 * RBK131: a condition can come out either way. One that never holds is a trigger that never fires,
 * a check that never passes, a branch that is never gone; one that always holds shows nothing. What
 * can become of a condition is found out in condition.c, given the ranges of its values.
 *
 * Where a condition holds for every value but may be missing, its place decides. A trigger would
 * fire at its first reading: an error. A check would still fail when nothing can be read, which
 * somebody may want to know: a warning.
 */
#include "compiler/rules/rule_131.h"

#include "compiler/analysis.h"
#include "compiler/rules/facts.h"

/* What follows from a condition that is decided beforehand. */
struct consequence {
    const char *never;
    const char *always;
    const char *unless_missing; /* when it holds for every value; NULL: as for `always` */
};

static const struct consequence of_trigger = {"the trigger never fires",
                                              "the trigger fires at its first reading", NULL};
static const struct consequence of_criterion = {"the run never aborts by it",
                                                "the run aborts at once", NULL};
static const struct consequence of_check = {"the check never passes", "the check shows nothing",
                                            "the check only fails when there is none"};
static const struct consequence of_require = {"the run never gets past it", "it shows nothing",
                                              "it only fails when there is none"};
static const struct consequence of_wait = {"the wait only ends by its timeout",
                                           "there is nothing to wait for",
                                           "the wait only goes on while there is none"};
static const struct consequence of_if = {"its block is never carried out",
                                         "its block is always carried out", NULL};
static const struct consequence of_rollback = {
    "this rollback is never taken", "no other rollback is ever taken",
    "the rollback is only passed over when there is none"};
static const struct consequence of_done = {"the step is always done again after a crash",
                                           "the step always counts as done after a crash",
                                           "the step always counts as done when there is one"};
static const struct consequence of_hand = {"only people can say that the step is done",
                                           "the step is done before anybody has begun",
                                           "the step is done as soon as there is one"};
static const struct consequence of_where = {"no value is ever accepted", "every value is accepted",
                                            NULL};

/* ---- finding it --------------------------------------------------------------------------------
 */

static unsigned outcomes(const struct rbk_condition_report *report,
                         const struct rbk_tree_expr *expr)
{
    struct rbk_terms none;
    rbk_terms_init(&none);
    return rbk_condition_outcomes(report->condition, expr, &none);
}

/* The smallest part that decides: of an `and` that never holds the side that never does by itself,
 * of an `or` that always holds the side that always does. */
static const struct rbk_tree_expr *culprit_of(const struct rbk_condition_report *report,
                                              const struct rbk_tree_expr *expr, bool truth)
{
    for (;;) {
        bool splits = expr->kind == RBK_EXPR_BINARY &&
                      expr->op == (truth ? RBK_OPERATOR_OR : RBK_OPERATOR_AND);
        unsigned absent = truth ? RBK_CAN_BE_FALSE : RBK_CAN_BE_TRUE;
        if (splits && !(outcomes(report, expr->left) & absent)) {
            expr = expr->left;
        } else if (splits && !(outcomes(report, expr->right) & absent)) {
            expr = expr->right;
        } else {
            return expr;
        }
    }
}

static void report_never(const struct rbk_condition_report *report,
                         const struct rbk_tree_expr *expr, const struct consequence *consequence)
{
    const struct rbk_tree_expr *culprit = culprit_of(report, expr, false);
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(report->rules, report->stage, culprit->span, "this can never hold, so %s",
                        consequence->never);
    rbk_condition_explain(report, diagnostic, culprit);
}

static void report_always(const struct rbk_condition_report *report,
                          const struct rbk_tree_expr *expr, const struct consequence *consequence,
                          bool misses)
{
    const struct rbk_tree_expr *culprit = culprit_of(report, expr, true);
    struct rbk_diagnostic *diagnostic = NULL;
    if (misses && consequence->unless_missing) {
        diagnostic =
            rbk_rule_warn(report->rules, report->stage, culprit->span,
                          "this holds for every value, so %s", consequence->unless_missing);
        rbk_condition_explain(report, diagnostic, culprit);
        rbk_diagnostic_help(diagnostic, "Ask for what the steps before it have changed. Where an "
                                        "answer of any kind is enough, say what a missing one "
                                        "counts as: `(VALUE ?? …)`.");
        return;
    }
    diagnostic =
        rbk_rule_report(report->rules, report->stage, culprit->span, "this %s, so %s",
                        misses ? "holds for every value" : "always holds", consequence->always);
    rbk_condition_explain(report, diagnostic, culprit);
}

/* Sides of an `or` that never hold, while the whole may. */
static void check_sides(const struct rbk_condition_report *report, const struct rbk_tree_expr *expr)
{
    if (expr->kind != RBK_EXPR_BINARY || expr->op != RBK_OPERATOR_OR) {
        return;
    }
    const struct rbk_tree_expr *const sides[] = {expr->left, expr->right};
    for (unsigned i = 0; i < 2; i++) {
        if (outcomes(report, sides[i]) & RBK_CAN_BE_TRUE) {
            check_sides(report, sides[i]);
            continue;
        }
        const struct rbk_tree_expr *culprit = culprit_of(report, sides[i], false);
        struct rbk_diagnostic *diagnostic = rbk_rule_report(
            report->rules, report->stage, culprit->span, "this side of the `or` can never hold");
        rbk_condition_explain(report, diagnostic, culprit);
    }
}

static void check_condition(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                            const struct rbk_tree_expr *expr, const struct consequence *consequence)
{
    struct rbk_condition condition = rbk_condition_make(rules);
    struct rbk_condition_report report = {rules, stage, &condition};
    if (!expr || rbk_expr_type(expr) != RBK_TYPE_BOOL) {
        return;
    }
    unsigned can = outcomes(&report, expr);
    if (!(can & RBK_CAN_BE_TRUE)) {
        report_never(&report, expr, consequence);
    } else if (!(can & RBK_CAN_BE_FALSE)) {
        report_always(&report, expr, consequence, (can & RBK_CAN_BE_MISSING) != 0);
    } else {
        check_sides(&report, expr);
    }
}

/* ---- where conditions stand --------------------------------------------------------------------
 */

/* A `for` that is longer than the timeout around it. */
static void check_span(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *span = rbk_tree_clause_find(statement, RBK_CLAUSE_FOR);
    const struct rbk_tree_clause *timeout = rbk_tree_clause_find(statement, RBK_CLAUSE_TIMEOUT);
    if (!span || !timeout || rbk_clause_duration_ms(span) <= rbk_clause_duration_ms(timeout)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, span->span,
                        "this `for` is longer than its timeout, so it is "
                        "never reached");
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, timeout->span), "ends here");
    rbk_diagnostic_help(diagnostic, "The timeout counts from the first reading; give it more than "
                                    "the condition has to hold for.");
}

/* Whether an expression calls something; a probe that does not is a type error. */
static bool calls(const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_CALL:
        return true;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        return calls(expr->left);
    case RBK_EXPR_BINARY:
        return calls(expr->left) || calls(expr->right);
    default:
        return false;
    }
}

/* A probe that reads what cannot change. */
static void check_probe(struct rbk_rules *rules, const struct rbk_tree_statement *probe)
{
    if (probe->value && calls(probe->value) && rbk_fact_is_constant(rules, probe->value)) {
        struct rbk_diagnostic *diagnostic = rbk_rule_report(rules, NULL, probe->value->span,
                                                            "this probe reads the same whatever "
                                                            "happens");
        rbk_diagnostic_help(diagnostic, "Read something that shows how the service does; a trigger "
                                        "on this would always or never fire.");
    }
}

/* The `where` of a parameter, and its default under it. */
static void check_param(struct rbk_rules *rules, const struct rbk_tree_statement *param)
{
    const struct rbk_tree_expr *where = param->second;
    struct rbk_condition condition = rbk_condition_make(rules);
    struct rbk_terms terms;
    rbk_terms_init(&terms);
    if (!where || rbk_expr_type(where) != RBK_TYPE_BOOL) {
        return;
    }
    condition.depth = RBK_CONDITION_DEPTH_MAX; /* the name is what its type says, not its `where` */
    struct rbk_condition_report report = {rules, NULL, &condition};
    unsigned can = outcomes(&report, where);
    if (!(can & RBK_CAN_BE_TRUE)) {
        report_never(&report, where, &of_where);
        return;
    }
    if (!(can & RBK_CAN_BE_FALSE)) {
        report_always(&report, where, &of_where, (can & RBK_CAN_BE_MISSING) != 0);
        return;
    }
    if (!param->value || !param->declaration) {
        return;
    }
    terms.items[0].range = rbk_condition_range(&condition, param->value, &terms, NULL);
    terms.items[0].expr = rbk_condition_name_in(where, param->declaration);
    terms.count = terms.items[0].expr ? 1 : 0;
    if (terms.count > 0 && !(rbk_condition_outcomes(&condition, where, &terms) & RBK_CAN_BE_TRUE)) {
        struct rbk_diagnostic *diagnostic = rbk_rule_report(
            rules, NULL, param->value->span, "the default of `%.*s` is refused by its own `where`",
            RBK_STR_ARG(param->name->name->text));
        rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, where->span),
                             "does not hold of it");
    }
}

/* Whether RBK104 has said it: the only step of a `verify` is a constant. */
static bool is_idle_verify(const struct rbk_rules *rules, const struct rbk_tree_statement *at)
{
    return at->parent && at->parent->kind == RBK_STATEMENT_VERIFY &&
           at->parent->block->count == 1 && at->value && rbk_fact_is_constant(rules, at->value);
}

static void check_statement(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                            const struct rbk_tree_statement *at)
{
    const struct rbk_tree_clause *clause = NULL;
    switch ((enum rbk_statement_kind)at->kind) {
    case RBK_STATEMENT_TRIGGER:
        check_condition(rules, stage, at->value, &of_trigger);
        break;
    case RBK_STATEMENT_ABORT_WHEN:
        check_condition(rules, stage, at->value, &of_criterion);
        break;
    case RBK_STATEMENT_CHECK:
        if (!is_idle_verify(rules, at)) {
            check_condition(rules, stage, at->value, &of_check);
        }
        check_span(rules, stage, at);
        break;
    case RBK_STATEMENT_REQUIRE:
        check_condition(rules, stage, at->value, &of_require);
        check_span(rules, stage, at);
        break;
    case RBK_STATEMENT_WAIT_UNTIL:
        check_condition(rules, stage, at->value, &of_wait);
        check_span(rules, stage, at);
        break;
    case RBK_STATEMENT_IF:
        check_condition(rules, stage, at->value, &of_if);
        break;
    case RBK_STATEMENT_PROBE:
        check_probe(rules, at);
        break;
    case RBK_STATEMENT_PARAM:
        check_param(rules, at);
        break;
    case RBK_STATEMENT_ROLLBACK:
        clause = rbk_tree_clause_find(at, RBK_CLAUSE_WHEN);
        check_condition(rules, stage, clause ? clause->value : NULL, &of_rollback);
        break;
    default:
        clause = rbk_tree_clause_find(at, RBK_CLAUSE_DONE_WHEN);
        check_condition(rules, stage, clause ? clause->value : NULL,
                        at->kind == RBK_STATEMENT_MANUAL ? &of_hand : &of_done);
        break;
    }
}

void rbk_rule_131_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (struct rbk_tree_statement *at = statement; at; at = rbk_statement_next(statement, at)) {
        check_statement(rules, stage, at);
    }
}

static void check_all(struct rbk_rules *rules, struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        check_statement(rules, NULL, at);
    }
}

void rbk_rule_131(struct rbk_rules *rules)
{
    for (struct rbk_tree_statement *at = rbk_rules_head(rules); at; at = rbk_head_next(at)) {
        check_all(rules, at);
    }
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        rules->source = file->tree->source;
        for (uint32_t j = 0; j < file->actions.count; j++) {
            check_all(rules, file->actions.items[j]);
        }
    }
}
