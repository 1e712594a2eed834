/*
 * The SQL of a step as one text, and the way back from a piece of it to the place in the source
 * that a reader knows: in the plan, or in the file it names. For RBK125.
 */
#ifndef RBK_COMPILER_RULES_SQL_TEXT_H
#define RBK_COMPILER_RULES_SQL_TEXT_H

#include "compiler/rules/rules.h"
#include "compiler/sql_lexer.h"

/** The SQL of one step. */
struct rbk_sql_text {
    struct rbk_str text;              /**< `${x}` is `$1`, `$2`, … as the server gets it. */
    const struct rbk_tree_expr *expr; /**< The STRING or FILE it comes from. */
    const struct rbk_source *file;    /**< The file; NULL where it stands in the plan. */
    enum rbk_sql_dialect dialect;
};

/**
 * The text of an SQL step.
 * @return false where there is none to read: a file that cannot be (which is reported elsewhere),
 * or a connection that may be of either kind.
 */
bool rbk_sql_text_of(struct rbk_rules *rules, const struct rbk_tree_statement *statement,
                     struct rbk_sql_text *ret_text);

/** Where a report about a piece of the text points first: at the piece, or at `file "…"`. */
struct rbk_span rbk_sql_text_span(const struct rbk_rules *rules, const struct rbk_sql_text *text,
                                  struct rbk_str piece);

/** Where a piece stands in the file; for texts with a `file` only. */
struct rbk_place rbk_sql_text_place(const struct rbk_sql_text *text, struct rbk_str piece);

#endif
