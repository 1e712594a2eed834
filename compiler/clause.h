/*
 * Which clauses belong to which statement. The grammar takes every clause after every step; here
 * those without a meaning, and those given twice, become errors (RBK100).
 */
#ifndef RBK_COMPILER_CLAUSE_H
#define RBK_COMPILER_CLAUSE_H

#include "compiler/tree.h"

#include <stdbool.h>

struct rbk_parse;

/** Whether a clause of this kind has a meaning in a statement of that kind. */
bool rbk_clause_belongs(enum rbk_statement_kind statement, enum rbk_clause_kind clause);

/** Check a statement just parsed; sets the file's `broken` when something was reported. */
void rbk_clause_check(struct rbk_parse *parse, const struct rbk_tree_statement *statement);

#endif
