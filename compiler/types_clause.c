/*
 * What the value of a clause must be beyond its type: counts that a run can count to, words and
 * names that are told once, names of headers that a request can carry.
 */
#include "compiler/types.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/base/map.h"

#include <string.h>

void rbk_type_count(const struct rbk_typer *typer, struct rbk_span span, uint64_t count,
                    uint64_t least, uint64_t most)
{
    if (count >= least && count <= most) {
        return;
    }
    struct rbk_place place = rbk_analysis_place(typer->analysis, span);
    struct rbk_str text = rbk_source_text(place.source, span);
    bool few = count < least;
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &typer->analysis->compile->diagnostics, few ? 130 : 170, place, "`%.*s` %s",
        RBK_STR_ARG(text), few ? "counts nothing" : "is over the limit");
    if (few) {
        rbk_diagnostic_help(diagnostic, "Say at least %llu, or leave it out.",
                            (unsigned long long)least);
    } else {
        rbk_diagnostic_help(diagnostic, "The limit is %llu.", (unsigned long long)most);
    }
}

/* The text of a constant; empty for anything else, which is reported elsewhere. */
static struct rbk_str constant(const struct rbk_tree_expr *expr)
{
    return expr && expr->kind == RBK_EXPR_STRING && !expr->has_parts ? expr->text : RBK_STR("");
}

/* `members "dana", "dana"`: one person, whatever the number of times they are named. */
static void check_members(const struct rbk_typer *typer, const struct rbk_tree_clause *clause)
{
    struct rbk_map seen;
    rbk_map_init(&seen, &typer->analysis->compile->arena);
    for (struct rbk_tree_expr *at = clause->value; at; at = at->next) {
        struct rbk_str name = constant(at);
        if (name.bytes == 0 || rbk_map_add(&seen, name, at)) {
            continue;
        }
        const struct rbk_tree_expr *first = rbk_map_get(&seen, name);
        rbk_diagnostic_label(rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 140,
                                                  rbk_analysis_place(typer->analysis, at->span),
                                                  "\"%.*s\" is named twice", RBK_STR_ARG(name)),
                             rbk_analysis_place(typer->analysis, first->span), "first named here");
    }
}

/* `env { A: "1", A: "2" }`: which of them a command would get is nobody's wish. */
static void check_environment(const struct rbk_typer *typer, const struct rbk_tree_clause *clause)
{
    struct rbk_map seen;
    rbk_map_init(&seen, &typer->analysis->compile->arena);
    for (struct rbk_tree_argument *at = clause->arguments; at; at = at->next) {
        if (rbk_map_add(&seen, at->name->name->text, at)) {
            continue;
        }
        const struct rbk_tree_argument *first = rbk_map_get(&seen, at->name->name->text);
        rbk_diagnostic_label(
            rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 100,
                                 rbk_analysis_place(typer->analysis, at->name->span),
                                 "`%.*s` is given twice", RBK_STR_ARG(at->name->name->text)),
            rbk_analysis_place(typer->analysis, first->name->span), "first given here");
    }
}

/* The characters of a token of RFC 9110, 5.6.2. */
static bool is_header_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void check_header(const struct rbk_typer *typer, const struct rbk_tree_clause *clause)
{
    struct rbk_str name = constant(clause->second);
    bool fits =
        name.bytes != 0 || clause->second->kind != RBK_EXPR_STRING || clause->second->has_parts;
    for (size_t i = 0; i < name.bytes; i++) {
        fits = fits && is_header_character(name.data[i]);
    }
    if (!fits) {
        rbk_diagnostic_help(
            rbk_type_error(typer, clause->second, "no header can have this name"),
            "A header's name has no blanks and no colon: `header \"Content-Type\" \"text/plain\"`.");
    }
    struct rbk_str value = constant(clause->value);
    if (rbk_str_find(value, '\n') < value.bytes || rbk_str_find(value, '\r') < value.bytes) {
        rbk_diagnostic_help(
            rbk_type_error(typer, clause->value, "a line end in the value of a header"),
            "A header is one line; give each its own `header` clause.");
    }
}

void rbk_type_clause_value(const struct rbk_typer *typer, const struct rbk_tree_clause *clause)
{
    switch ((enum rbk_clause_kind)clause->kind) {
    case RBK_CLAUSE_RETRY:
        rbk_type_count(typer, clause->span, rbk_clause_count(clause), 0, RBK_TIMES_MAX);
        break;
    /* Two limits that happen to be the same number: NOLINTNEXTLINE(bugprone-branch-clone) */
    case RBK_CLAUSE_FOR_READINGS:
    case RBK_CLAUSE_MISSING_AFTER:
        rbk_type_count(typer, clause->span, rbk_clause_count(clause), 1, RBK_WINDOW_READINGS_MAX);
        break;
    case RBK_CLAUSE_AT_MOST:
        rbk_type_count(typer, clause->span, rbk_clause_count(clause), 1, RBK_FOREACH_MAX);
        break;
    case RBK_CLAUSE_MEMBERS:
        check_members(typer, clause);
        break;
    case RBK_CLAUSE_ENV:
        check_environment(typer, clause);
        break;
    case RBK_CLAUSE_HEADER:
        check_header(typer, clause);
        break;
    default:
        break;
    }
}
