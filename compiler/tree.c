/*
 * The tree's words for messages, and walks along its clauses.
 */
#include "compiler/tree.h"

#include "runtime/core/base/assert.h"

const char *rbk_statement_words(enum rbk_statement_kind kind)
{
    static const char *const words[] = {
#define X(name, text) text,
        RBK_STATEMENTS(X)
#undef X
    };
    RBK_ASSERT(kind < RBK_STATEMENT_KINDS);
    return words[kind];
}

const char *rbk_clause_words(enum rbk_clause_kind kind)
{
    static const char *const words[] = {
#define X(name, text) text,
        RBK_CLAUSES(X)
#undef X
    };
    RBK_ASSERT(kind < RBK_CLAUSE_KINDS);
    return words[kind];
}

const char *rbk_expr_words(enum rbk_expr_kind kind)
{
    static const char *const words[] = {
#define X(name, text) text,
        RBK_EXPRS(X)
#undef X
    };
    RBK_ASSERT(kind < RBK_EXPR_KINDS);
    return words[kind];
}

const char *rbk_operator_spelling(enum rbk_operator op)
{
    static const char *const spellings[] = {
#define X(name, spelling) spelling,
        RBK_OPERATORS(X)
#undef X
    };
    RBK_ASSERT(op < RBK_OPERATOR_KINDS);
    return spellings[op];
}

const char *rbk_declaration_words(enum rbk_declaration_kind kind)
{
    static const char *const words[] = {
#define X(name, text) text,
        RBK_DECLARATIONS(X)
#undef X
    };
    RBK_ASSERT(kind < RBK_DECLARATION_KINDS);
    return words[kind];
}

struct rbk_tree_clause *rbk_tree_clause_find(const struct rbk_tree_statement *statement,
                                             enum rbk_clause_kind kind)
{
    struct rbk_tree_clause *clause = statement->clauses;
    while (clause && clause->kind != kind) {
        clause = clause->next;
    }
    return clause;
}

struct rbk_tree_clause *rbk_tree_clause_next(const struct rbk_tree_clause *clause)
{
    struct rbk_tree_clause *next = clause->next;
    while (next && next->kind != clause->kind) {
        next = next->next;
    }
    return next;
}
