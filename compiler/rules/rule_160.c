/*
 * RBK160, the part about credentials: none is written in a plan, not even in a comment of it. A
 * plan is reviewed, mailed, kept with the journal and shown to whoever asks; a secret comes from
 * outside by `secret NAME from …`. (Secrets that could be seen are found with the types.)
 *
 * What a text looks like is credential.c's; here are the places where a literal stands for
 * something that is named as a secret, and `env("X")` of a variable that is a secret's source: it
 * would be a plain text.
 */
#include "compiler/rules/credential.h"
#include "compiler/rules/facts.h"

#include "runtime/core/base/map.h"

#include <string.h>

/* ---- literals where a secret belongs --------------------------------------------------------- */

/* A literal text that could be a credential: no path, no sentence. */
static void check_literal(struct rbk_credentials *scan, struct rbk_str name,
                          const struct rbk_tree_expr *value)
{
    if (!value || value->kind != RBK_EXPR_STRING || value->has_parts ||
        !rbk_credentials_name(name)) {
        return;
    }
    size_t start = value->span.start + 1;
    size_t end = value->span.end - 1;
    if (end > start && !rbk_credentials_has_shape(scan, start) &&
        value->quote <= RBK_QUOTE_SINGLE && rbk_credentials_is_literal(scan, start, end) &&
        !memchr(scan->text + start, ' ', end - start) &&
        !memchr(scan->text + start, '/', end - start)) {
        rbk_credentials_report(scan, start, end, "a password, key or token");
    }
}

static void check_clauses(struct rbk_credentials *scan, const struct rbk_tree_statement *statement)
{
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        if (at->kind == RBK_CLAUSE_ENV) {
            for (const struct rbk_tree_argument *one = at->arguments; one; one = one->next) {
                check_literal(scan, one->name->name->text, one->value);
            }
        } else if (at->kind == RBK_CLAUSE_HEADER && at->second &&
                   at->second->kind == RBK_EXPR_STRING && !at->second->has_parts) {
            check_literal(scan, at->second->text, at->value);
        }
    }
}

/* The source that a secret reads: the name of its variable, or empty. */
static struct rbk_str variable_of(const struct rbk_tree_statement *secret)
{
    const struct rbk_tree_expr *value = secret->value;
    return secret->word == RBK_SECRET_ENV && value && value->kind == RBK_EXPR_STRING &&
                   !value->has_parts
               ? value->text
               : RBK_STR("");
}

/* Whether @at lies in a comment. Good enough: a `#` in a text before it on its line counts, too. */
static bool in_comment(const struct rbk_credentials *scan, size_t at)
{
    while (at && scan->text[at - 1] != '\n') {
        at--;
        if (scan->text[at] == '#') {
            return true;
        }
    }
    return false;
}

/* `env("X")` of a secret's variable: its value as a text that nobody would guard. */
static void check_env(struct rbk_credentials *scan, const struct rbk_map *secrets)
{
    const char *from = scan->text;
    const char *found;
    while ((found = memmem(from, scan->bytes - (size_t)(from - scan->text), "env(\"", 5))) {
        size_t at = (size_t)(found - scan->text);
        from = found + 5;
        struct rbk_str rest = {from, scan->bytes - at - 5};
        struct rbk_str name = rbk_str_slice(rest, 0, rbk_str_find(rest, '"'));
        const struct rbk_tree_statement *secret = rbk_map_get(secrets, name);
        if (!secret || (at && (rbk_credentials_is_token(from[-6]) || from[-6] == '.')) ||
            in_comment(scan, at)) {
            continue;
        }
        size_t end = at + 5 + name.bytes + 1;
        struct rbk_diagnostic *diagnostic = rbk_rule_report(
            scan->rules, NULL, rbk_span_make((uint32_t)at, (uint32_t)end),
            "secret `%.*s` is read as a plain text", RBK_STR_ARG(secret->name->name->text));
        rbk_diagnostic_label(diagnostic, rbk_rules_place(scan->rules, secret->head),
                             "the same variable is guarded here");
        rbk_diagnostic_help(diagnostic,
                            "Use `%.*s`: what `env(…)` gives is journalled and shown "
                            "like any value.",
                            RBK_STR_ARG(secret->name->name->text));
    }
}

void rbk_rule_160_stage(struct rbk_rules *rules, struct rbk_tree_statement *part)
{
    struct rbk_credentials scan = rbk_credentials_of(rules);
    for (struct rbk_tree_statement *at = part; at; at = rbk_statement_next(part, at)) {
        if (at->clauses) {
            check_clauses(&scan, at);
        }
    }
}

void rbk_rule_160(struct rbk_rules *rules)
{
    const struct rbk_statements *head = rules->program->head;
    struct rbk_credentials scan = rbk_credentials_of(rules);
    struct rbk_map secrets;
    rbk_map_init(&secrets, &rules->compile->arena);
    for (uint32_t i = 0; i < head[RBK_STATEMENT_SECRET].count; i++) {
        struct rbk_str variable = variable_of(head[RBK_STATEMENT_SECRET].items[i]);
        if (variable.bytes) {
            rbk_map_set(&secrets, variable, head[RBK_STATEMENT_SECRET].items[i]);
        }
    }
    check_env(&scan, &secrets);
    for (uint32_t i = 0; i < head[RBK_STATEMENT_PARAM].count; i++) {
        const struct rbk_tree_statement *param = head[RBK_STATEMENT_PARAM].items[i];
        check_literal(&scan, param->name->name->text, param->value);
    }
    rbk_fact_each_part(rules, rbk_rule_160_stage);
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        if (!rules->program->files[i]->is_std) {
            rules->source = rules->program->files[i]->tree->source;
            scan = rbk_credentials_of(rules);
            rbk_credentials_scan(&scan);
        }
    }
}
