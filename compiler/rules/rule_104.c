/*
 * RBK104: an apply and a rollback do something, and a verify can fail. What only pretends (`true`,
 * or the whole apply once more as its own rollback) is worse than nothing: it looks safe.
 */
#include "compiler/rules/facts.h"

/* ---- doing ----------------------------------------------------------------------------------- */

static bool is_fake(const struct rbk_tree_statement *statement)
{
    return (statement->kind == RBK_STATEMENT_RUN || statement->kind == RBK_STATEMENT_SHELL) &&
           statement->value && rbk_fact_is_fake_command(statement->value);
}

static bool is_in_verify(const struct rbk_tree_statement *at)
{
    return at->parent && (at->parent->kind == RBK_STATEMENT_VERIFY || is_in_verify(at->parent));
}

/* The next step below @root that changes something, its verify left out. */
static struct rbk_tree_statement *next_change(const struct rbk_tree_statement *root,
                                              struct rbk_tree_statement *at)
{
    do {
        at = rbk_statement_next(root, at);
    } while (at &&
             (!rbk_fact_changes(at) || (root->kind == RBK_STATEMENT_ROLLBACK && is_in_verify(at))));
    return at;
}

/* Whether everything that a block does is a fake; false when it does nothing. */
static const struct rbk_tree_statement *all_fake(struct rbk_tree_statement *root)
{
    const struct rbk_tree_statement *first = next_change(root, root);
    for (struct rbk_tree_statement *at = root; (at = next_change(root, at));) {
        if (!is_fake(at)) {
            return NULL;
        }
    }
    return first;
}

static bool has_nothing(const struct rbk_tree_statement *rollback)
{
    const struct rbk_tree_statement *at = rollback->block->first;
    while (at && at->kind != RBK_STATEMENT_NOTHING) {
        at = at->next;
    }
    return at != NULL;
}

/* Whether two texts are the same but for blanks. */
static bool same_text(struct rbk_str a, struct rbk_str b)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        while (i < a.bytes && (a.data[i] == ' ' || a.data[i] == '\n' || a.data[i] == '\t')) {
            i++;
        }
        while (j < b.bytes && (b.data[j] == ' ' || b.data[j] == '\n' || b.data[j] == '\t')) {
            j++;
        }
        if (i == a.bytes || j == b.bytes) {
            return i == a.bytes && j == b.bytes;
        }
        if (a.data[i++] != b.data[j++]) {
            return false;
        }
    }
}

/* Whether a clause decides what a step does, not only how long and how often. */
static bool says_what(const struct rbk_tree_clause *clause)
{
    switch (clause->kind) {
    case RBK_CLAUSE_HEADER:
    case RBK_CLAUSE_JSON:
    case RBK_CLAUSE_BODY:
    case RBK_CLAUSE_STDIN:
    case RBK_CLAUSE_ENV:
    case RBK_CLAUSE_IN:
    case RBK_CLAUSE_USING:
        return true;
    default:
        return false;
    }
}

/* The next clause from @at on that decides what the step does, or NULL. */
static const struct rbk_tree_clause *next_saying(const struct rbk_tree_clause *at)
{
    while (at && !says_what(at)) {
        at = at->next;
    }
    return at;
}

/* Whether two steps do the same. The head of a `shell` is its word alone: its text counts, too. */
static bool same_step(const struct rbk_rules *rules, const struct rbk_tree_statement *a,
                      const struct rbk_tree_statement *b)
{
    const struct rbk_source *source = rules->source;
    if (!same_text(rbk_source_text(source, a->head), rbk_source_text(source, b->head))) {
        return false;
    }
    if (a->value && b->value &&
        !same_text(rbk_source_text(source, a->value->span),
                   rbk_source_text(source, b->value->span))) {
        return false;
    }
    const struct rbk_tree_clause *left = next_saying(a->clauses);
    const struct rbk_tree_clause *right = next_saying(b->clauses);
    while (left && right &&
           same_text(rbk_source_text(source, left->span), rbk_source_text(source, right->span))) {
        left = next_saying(left->next);
        right = next_saying(right->next);
    }
    return !left && !right;
}

/* Whether a rollback does what the apply does, step by step. */
static bool repeats_apply(const struct rbk_rules *rules, struct rbk_tree_statement *apply,
                          struct rbk_tree_statement *rollback)
{
    struct rbk_tree_statement *a = next_change(apply, apply);
    struct rbk_tree_statement *b = next_change(rollback, rollback);
    if (!a || !b) {
        return false;
    }
    for (; a && b; a = next_change(apply, a), b = next_change(rollback, b)) {
        if (!same_step(rules, a, b)) {
            return false;
        }
    }
    return !a && !b;
}

/* What a stage, or `retire`, is called. */
static struct rbk_str stage_name(const struct rbk_program_stage *stage)
{
    const struct rbk_tree_name *name = stage->statement->name;
    return name ? name->name->text : RBK_STR("retire");
}

static void report_fake(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                        const struct rbk_tree_statement *fake, const char *block)
{
    rbk_diagnostic_help(rbk_rule_report(rules, stage, fake->head,
                                        "the %s of `%.*s` only pretends to do something", block,
                                        RBK_STR_ARG(stage_name(stage))),
                        "This command changes nothing. Write what is really done.");
}

static void check_apply(struct rbk_rules *rules, const struct rbk_program_stage *stage)
{
    const struct rbk_tree_statement *statement = stage->statement;
    struct rbk_str name = stage_name(stage);
    if (!stage->apply) {
        rbk_diagnostic_help(rbk_rule_report(rules, stage, statement->head, "`%.*s` has no apply",
                                            RBK_STR_ARG(name)),
                            "Add `apply within … { … }` with what the stage changes.");
        return;
    }
    if (!next_change(stage->apply, stage->apply)) {
        rbk_diagnostic_help(
            rbk_rule_report(rules, stage, stage->apply->head, "the apply of `%.*s` changes nothing",
                            RBK_STR_ARG(name)),
            "Effects are `run`, `shell`, `sql`, `http` other than GET, `redis`, `do` and `manual`. "
            "A stage that only looks belongs into the `verify` of another.");
        return;
    }
    const struct rbk_tree_statement *fake = all_fake(stage->apply);
    if (fake) {
        report_fake(rules, stage, fake, "apply");
    }
}

static void check_rollback(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           struct rbk_tree_statement *rollback)
{
    struct rbk_str name = stage->statement->name->name->text;
    if (!next_change(rollback, rollback)) {
        if (!has_nothing(rollback)) {
            rbk_diagnostic_help(
                rbk_rule_report(rules, stage, rollback->head,
                                "the rollback of `%.*s` changes nothing", RBK_STR_ARG(name)),
                "Take back what `apply` does, with `undo` or steps of its own. Where there can be "
                "nothing to take back, say so: `rollback NAME when … { nothing because \"…\" … }`.");
        }
        return;
    }
    const struct rbk_tree_statement *fake = all_fake(rollback);
    if (fake) {
        report_fake(rules, stage, fake, "rollback");
    } else if (stage->apply && repeats_apply(rules, stage->apply, rollback)) {
        rbk_diagnostic_help(
            rbk_diagnostic_label(rbk_rule_report(rules, stage, rollback->head,
                                                 "the rollback of `%.*s` is its apply once more",
                                                 RBK_STR_ARG(name)),
                                 rbk_rules_place(rules, stage->apply->head), "the same steps"),
            "A rollback brings back the state before the apply.");
    }
}

/* ---- checking -------------------------------------------------------------------------------- */

/* Whether a step of a verify can end badly by what it finds; *ret_idle is set to a check that
 * cannot. */
static bool can_fail(const struct rbk_rules *rules, const struct rbk_tree_statement *at,
                     const struct rbk_tree_statement **ret_idle)
{
    switch ((enum rbk_statement_kind)at->kind) {
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_MANUAL:
        return true;
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_WAIT_UNTIL:
        if (!rbk_tree_clause_find(at, RBK_CLAUSE_OPTIONAL) &&
            !rbk_fact_is_constant(rules, at->value)) {
            return true;
        }
        *ret_idle = *ret_idle ? *ret_idle : at;
        return false;
    case RBK_STATEMENT_DO: {
        const struct rbk_tree_statement *action = rbk_fact_action(at);
        return !action || (action->annotation_flags & RBK_FACT_CHECKS) != 0;
    }
    default:
        return false;
    }
}

static void check_verify(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                         struct rbk_tree_statement *verify)
{
    const struct rbk_tree_statement *idle = NULL;
    for (struct rbk_tree_statement *at = verify; at; at = rbk_statement_next(verify, at)) {
        if (can_fail(rules, at, &idle)) {
            return;
        }
    }
    if (!idle) {
        rbk_diagnostic_help(rbk_rule_report(rules, stage, verify->head, "a verify without a check"),
                            "Add `check \"…\" …` with a condition that shows it has worked.");
        return;
    }
    bool optional = rbk_tree_clause_find(idle, RBK_CLAUSE_OPTIONAL) != NULL;
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(rules, stage, verify->head, "a verify that cannot fail");
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, idle->value->span), "%s",
                         optional ? "is optional: its failure is passed over"
                                  : "is the same whatever has happened");
    rbk_diagnostic_help(diagnostic, "Check something that the steps before it have changed.");
}

/* The verifies in a block, found wherever they stand. */
static void check_verifies(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                           const struct rbk_tree_block *block)
{
    for (struct rbk_tree_statement *at = block->first; at; at = at->next) {
        if (at->kind == RBK_STATEMENT_VERIFY) {
            check_verify(rules, stage, at);
        }
    }
}

void rbk_rule_104_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    check_apply(rules, stage);
    check_verifies(rules, stage, statement->block);
    if (statement->kind != RBK_STATEMENT_STAGE) {
        return;
    }
    for (uint32_t i = 0; i < stage->rollbacks.count; i++) {
        check_rollback(rules, stage, stage->rollbacks.items[i]);
        check_verifies(rules, stage, stage->rollbacks.items[i]->block);
    }
}

void rbk_rule_104(struct rbk_rules *rules)
{
    const struct rbk_statements *backups = &rules->program->head[RBK_STATEMENT_BACKUP];
    for (uint32_t i = 0; i < backups->count; i++) {
        check_verifies(rules, NULL, backups->items[i]->block);
    }
}
