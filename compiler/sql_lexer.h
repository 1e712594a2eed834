/*
 * SQL as its server cuts it into tokens: PostgreSQL (as scan.l does, standard_conforming_strings
 * on) or SQLite (as tokenize.c does).
 *
 * Not a parser: it knows where strings, names and comments begin and end, so that a word is only
 * taken for one where the server takes it for one. It takes any bytes; what is not closed ends with
 * the text and says so. `$1`, which every `${x}` of a plan becomes, is a parameter.
 */
#ifndef RBK_COMPILER_SQL_LEXER_H
#define RBK_COMPILER_SQL_LEXER_H

#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/** Whose SQL it is. */
enum rbk_sql_dialect { RBK_SQL_POSTGRES, RBK_SQL_SQLITE };

/** Kinds of token. */
enum rbk_sql_token_kind {
    RBK_SQL_END,       /**< The end of the text; again whenever asked. */
    RBK_SQL_WORD,      /**< A keyword or a bare name. */
    RBK_SQL_NAME,      /**< A name in quotes: "…", U&"…"; SQLite's `…` and […], too. */
    RBK_SQL_STRING,    /**< '…', E'…', U&'…', B'…', X'…', N'…', $tag$…$tag$. */
    RBK_SQL_NUMBER,    /**< A number. */
    RBK_SQL_PARAMETER, /**< `$1`; in SQLite also ? ?1 :a @a $a. */
    RBK_SQL_SYMBOL,    /**< One other character: an operator's, a bracket, a comma, a semicolon. */
};

/** One token. */
struct rbk_sql_token {
    enum rbk_sql_token_kind kind;
    struct rbk_str text; /**< As written, quotes included; at END empty, at the end of the text. */
    const char *opened; /**< What the text ends inside of: "a string" …; NULL where it is closed. */
};

/** Where a walk has got to. Begin with rbk_sql_lexer_make(); copy it to look ahead. */
struct rbk_sql_lexer {
    struct rbk_str text;
    size_t at; /**< Of the next byte; at most text.bytes. */
    enum rbk_sql_dialect dialect;
};

/** A lexer at the start of a text, which is borrowed. */
static inline struct rbk_sql_lexer rbk_sql_lexer_make(struct rbk_str text,
                                                      enum rbk_sql_dialect dialect)
{
    return (struct rbk_sql_lexer){text.bytes > 0 ? text : RBK_STR(""), 0, dialect};
}

/** The next token; blanks and comments are passed over. A comment that is not closed is an END with
 * `opened` set, at the place where it opens. */
struct rbk_sql_token rbk_sql_lex(struct rbk_sql_lexer *lexer);

/** Whether a token is this word, whatever its case. @word: in upper case. */
bool rbk_sql_is_word(const struct rbk_sql_token *token, const char *word);

/** Whether a token is this one character. */
static inline bool rbk_sql_is_symbol(const struct rbk_sql_token *token, char symbol)
{
    return token->kind == RBK_SQL_SYMBOL && token->text.data[0] == symbol;
}

#endif
