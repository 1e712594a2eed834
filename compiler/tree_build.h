/*
 * The constructors that the grammar's actions call, one for each node type. They take the node's
 * fields by value, copy them into the arena and keep the invariants of tree.h: parents are set, and
 * depths counted and limited. Private to the front end.
 *
 * Lists grow at their end; in the grammar they are pairs of first and last node.
 */
#ifndef RBK_COMPILER_TREE_BUILD_H
#define RBK_COMPILER_TREE_BUILD_H

#include "compiler/parse_state.h"
#include "compiler/tree.h"

/** A list of TYPE under construction. */
#define RBK_TREE_LIST(NAME, TYPE) \
    struct rbk_tree_##NAME##s {   \
        struct TYPE *first;       \
        struct TYPE *last;        \
    }

RBK_TREE_LIST(name, rbk_tree_name);
RBK_TREE_LIST(expr, rbk_tree_expr);
RBK_TREE_LIST(argument, rbk_tree_argument);
RBK_TREE_LIST(parameter, rbk_tree_parameter);
RBK_TREE_LIST(clause, rbk_tree_clause);
RBK_TREE_LIST(statement, rbk_tree_statement);

#undef RBK_TREE_LIST

/** Append NODE, which may be NULL, to LIST. NODE is evaluated once: it is often a constructor. */
#define RBK_TREE_APPEND(LIST, NODE)                  \
    do {                                             \
        __typeof__((LIST).first) appended_ = (NODE); \
        if (!appended_)                              \
            break;                                   \
        if ((LIST).last)                             \
            (LIST).last->next = appended_;           \
        else                                         \
            (LIST).first = appended_;                \
        (LIST).last = appended_;                     \
    } while (0)

/** A number as scanned: number / 10^decimals. */
struct rbk_literal {
    int64_t number;
    uint8_t decimals;
};

/** A date as scanned. */
struct rbk_date {
    uint16_t year;
    uint8_t month;
    uint8_t day;
};

/** What a token or a rule carries; the field is chosen by the grammar's <tags>. */
union rbk_token_value {
    struct rbk_name *word;      /**< A word as interned. */
    struct rbk_literal literal; /**< A number. */
    struct rbk_date date;
    uint16_t minute; /**< Of the day. */
    uint8_t quote;   /**< enum rbk_quote of a text that begins. */
    uint8_t choice;  /**< One of a small enum. */
    struct rbk_tree_name *name;
    struct rbk_tree_names names;
    struct rbk_tree_type *type;
    struct rbk_tree_expr *expr;
    struct rbk_tree_exprs exprs;
    struct rbk_tree_argument *argument;
    struct rbk_tree_arguments arguments;
    struct rbk_tree_parameter *parameter;
    struct rbk_tree_parameters parameters;
    struct rbk_tree_reaction *reaction;
    struct rbk_tree_clause *clause;
    struct rbk_tree_clauses clauses;
    struct rbk_tree_statement *statement;
    struct rbk_tree_statements statements;
    struct rbk_tree_block *block;
};

/** Keep an expression; counts its depth. */
struct rbk_tree_expr *rbk_tree_expr(struct rbk_parse *parse, const struct rbk_tree_expr *fields);

/** A text without interpolation: the whole literal, quotes included, is @span. */
struct rbk_tree_expr *rbk_tree_text(struct rbk_parse *parse, enum rbk_quote quote,
                                    struct rbk_span span);

/**
 * A text made of pieces: TEXT nodes whose span is what stands in the source and whose text is still
 * empty, and interpolated expressions.
 */
struct rbk_tree_expr *rbk_tree_text_parts(struct rbk_parse *parse, enum rbk_quote quote,
                                          struct rbk_tree_exprs parts, struct rbk_span span);

/** Keep a statement; becomes the parent of what stands in its blocks. */
struct rbk_tree_statement *rbk_tree_statement(struct rbk_parse *parse,
                                              const struct rbk_tree_statement *fields);

/** Keep a clause. */
struct rbk_tree_clause *rbk_tree_clause(struct rbk_parse *parse,
                                        const struct rbk_tree_clause *fields);

/** Keep what follows a reaction's word (who, how long, what else); counts the depth. */
struct rbk_tree_reaction *rbk_tree_reaction(struct rbk_parse *parse,
                                            const struct rbk_tree_reaction *fields);

/** Make @reaction, kept before, whole. @channel is NULL but for NOTIFY. @return reaction. */
struct rbk_tree_reaction *rbk_tree_reaction_finish(enum rbk_reaction_kind kind,
                                                   struct rbk_span span,
                                                   struct rbk_tree_name *channel,
                                                   struct rbk_tree_reaction *reaction);

/** A name where it is used or declared. */
struct rbk_tree_name *rbk_tree_name(struct rbk_parse *parse, struct rbk_name *word,
                                    struct rbk_span span);

/** `2 of dba`: a role and how many people of it. @start: of the number. @return role. */
struct rbk_tree_name *rbk_tree_seats(struct rbk_literal quorum, struct rbk_span start,
                                     struct rbk_tree_name *role);

/** One more `four eyes` of a question. @return reaction. */
struct rbk_tree_reaction *rbk_tree_reaction_four_eyes(struct rbk_tree_reaction *reaction);

/** A dotted path as an expression: NAME, and MEMBER around it for each further word. */
struct rbk_tree_expr *rbk_tree_path(struct rbk_parse *parse, struct rbk_tree_names path);

/** A written type. */
struct rbk_tree_type *rbk_tree_type(struct rbk_parse *parse, const struct rbk_tree_name *name,
                                    struct rbk_tree_type *element, struct rbk_span span);

/** Keep an argument. */
struct rbk_tree_argument *rbk_tree_argument(struct rbk_parse *parse, struct rbk_tree_name *name,
                                            struct rbk_tree_expr *value);

/** Keep a parameter. */
struct rbk_tree_parameter *rbk_tree_parameter(struct rbk_parse *parse,
                                              const struct rbk_tree_parameter *fields);

/** Close a block. */
struct rbk_tree_block *rbk_tree_block(struct rbk_parse *parse,
                                      struct rbk_tree_statements statements, struct rbk_span span);

/** Give the file its statements. */
void rbk_tree_file_finish(struct rbk_parse *parse, struct rbk_tree_statements statements);

#endif
