/*
 * What the grammar's actions are written in: one macro for each node type, which gives a
 * constructor the fields it is to copy. Included by grammar/rbk.y only; `parse` is the parser's
 * parameter.
 */
#ifndef RBK_COMPILER_GRAMMAR_ACTIONS_H
#define RBK_COMPILER_GRAMMAR_ACTIONS_H

#include "compiler/tree_build.h"

/* clang-format off */

/* No plan nests this deep within the limits; it bounds what a hostile one can make us hold. */
#define YYMAXDEPTH 20000

/* An empty rule stands right behind what came before it. */
#define YYLLOC_DEFAULT(Current, Rhs, N)                                             \
    ((Current) = (N) ? rbk_span_join(YYRHSLOC(Rhs, 1), YYRHSLOC(Rhs, N))            \
                     : rbk_span_make(YYRHSLOC(Rhs, 0).end, YYRHSLOC(Rhs, 0).end))

/* A node with the fields given; a statement's head goes from its first word to LAST. */
#define STATEMENT(KIND, WHOLE, LAST, ...)                                           \
    rbk_tree_statement(parse, &(struct rbk_tree_statement){                         \
                                  .kind = RBK_STATEMENT_##KIND,                     \
                                  .span = (WHOLE),                                  \
                                  .head = {(WHOLE).start, (LAST).end},              \
                                  __VA_ARGS__})
#define CLAUSE(KIND, WHOLE, ...)                                                    \
    rbk_tree_clause(parse, &(struct rbk_tree_clause){                               \
                               .kind = RBK_CLAUSE_##KIND, .span = (WHOLE), __VA_ARGS__})
/* A clause that is a duration and nothing else, from its first word to the literal. */
#define DURATION(KIND, FIRST, LAST, LITERAL) \
    CLAUSE(KIND, rbk_span_join(FIRST, LAST), .amount = MILLISECONDS(LITERAL))
/* A statement that is its word, clauses and a block. */
#define BLOCK(KIND, WHOLE, WORD, CLAUSES, BODY) \
    STATEMENT(KIND, WHOLE, WORD, .clauses = (CLAUSES).first, .block = (BODY))
#define EXPR(KIND, WHOLE, ...)                                                      \
    rbk_tree_expr(parse, &(struct rbk_tree_expr){                                   \
                             .kind = RBK_EXPR_##KIND, .span = (WHOLE), __VA_ARGS__})
#define BINARY(OP, WHOLE, LEFT, RIGHT)                                              \
    EXPR(BINARY, WHOLE, .op = RBK_OPERATOR_##OP, .left = (LEFT), .right = (RIGHT))
#define LITERAL(KIND, WHOLE, VALUE)                                                 \
    EXPR(KIND, WHOLE, .number = (VALUE).number, .decimals = (VALUE).decimals)
/* What follows a reaction's word is kept before the word itself is known to it. */
#define ANSWER(...) rbk_tree_reaction(parse, &(struct rbk_tree_reaction){__VA_ARGS__})
#define REACTION(KIND, WHOLE, CHANNEL, REST) \
    rbk_tree_reaction_finish(RBK_REACTION_##KIND, WHOLE, CHANNEL, REST)
#define EMPTY(LIST) ((LIST).first = (LIST).last = NULL)
#define START(LIST, NODE)                                                           \
    do {                                                                            \
        (LIST).first = (LIST).last = NULL;                                          \
        RBK_TREE_APPEND(LIST, NODE);                                                \
    } while (0)
#define MILLISECONDS(LITERAL) ((uint64_t)(LITERAL).number)

/* clang-format on */

#endif
