/*
 * RBK120: for each effect the plan says, or the driver knows, how to find out after a crash whether
 * it happened. A command is attached to again where it runs; elsewhere a person is asked, which is
 * worth a note.
 */
#include "compiler/analysis.h"
#include "compiler/rules/facts.h"

static bool has_crash_rule(const struct rbk_tree_statement *statement)
{
    return rbk_tree_clause_find(statement, RBK_CLAUSE_IDEMPOTENT) ||
           rbk_tree_clause_find(statement, RBK_CLAUSE_DONE_WHEN) ||
           rbk_tree_clause_find(statement, RBK_CLAUSE_IN_DOUBT);
}

/* Why nobody would know, or NULL when it is known. */
static const char *why_unknown(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_HTTP:
        return rbk_statement_is_http_read(statement)
                   ? NULL
                   : "the other side may or may not have got the request";
    case RBK_STATEMENT_REDIS:
        return "the server may or may not have got the command";
    case RBK_STATEMENT_SQL:
        return rbk_tree_clause_find(statement, RBK_CLAUSE_AUTOCOMMIT)
                   ? "outside a transaction the server does not tell"
                   : NULL;
    default:
        return NULL;
    }
}

static void check_effect(struct rbk_rules *rules, const struct rbk_tree_statement *statement,
                         bool is_std)
{
    if (has_crash_rule(statement) || (statement->annotation_flags & RBK_STATEMENT_REPORTED)) {
        return;
    }
    const char *why = why_unknown(statement);
    if (why) {
        struct rbk_diagnostic *diagnostic = rbk_rule_report(
            rules, NULL, statement->head, "nobody knows after a crash whether this `%s` happened",
            rbk_statement_words((enum rbk_statement_kind)statement->kind));
        rbk_diagnostic_mark(diagnostic, "%s", why);
        rbk_diagnostic_help(diagnostic,
                            "Add `idempotent` if it may simply be done again, `done when COND` if "
                            "one can look, or `in doubt ask ROLE within 10m else abort`.");
    } else if (!is_std &&
               (statement->kind == RBK_STATEMENT_RUN || statement->kind == RBK_STATEMENT_SHELL)) {
        rbk_diagnostic_help(
            rbk_diagnostic_add(&rules->compile->diagnostics, RBK_SEVERITY_NOTE, 120,
                               rbk_rules_place(rules, statement->head),
                               "a person is asked whether this happened if its host is lost"),
            "Add `idempotent`, `done when COND` or `in doubt ask …` to answer beforehand.");
    }
}

static void check_all(struct rbk_rules *rules, struct rbk_tree_statement *root, bool is_std)
{
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        check_effect(rules, at, is_std);
    }
}

void rbk_rule_120_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    check_all(rules, statement, false);
}

void rbk_rule_120(struct rbk_rules *rules)
{
    for (struct rbk_tree_statement *at = rbk_rules_head(rules); at; at = rbk_head_next(at)) {
        check_all(rules, at, false);
    }
    /* Channels are left out: a message carries a key, and is sent again. */
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        rules->source = file->tree->source;
        for (uint32_t j = 0; j < file->actions.count; j++) {
            check_all(rules, file->actions.items[j], file->is_std);
        }
    }
}
