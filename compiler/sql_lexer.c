/*
 * One token at a time, after PostgreSQL's scan.l and SQLite's tokenize.c. Every function moves
 * `at` forward and never past the end, so a walk over any text ends.
 *
 * What is easily got wrong, and is right here: comments nest in PostgreSQL and do not in SQLite; a
 * backslash protects a quote in E'…' and nowhere else, but also in a text that continues an E'…' on
 * the next line; `$` begins a dollar quote except inside a name (`a$b$`); a tag cannot begin with a
 * digit, so `$1` is a parameter; doubled quotes stand for one.
 */
#include "compiler/sql_lexer.h"

#include <string.h>

static char peek(const struct rbk_sql_lexer *lexer, size_t ahead)
{
    size_t left = lexer->text.bytes - lexer->at;
    return ahead < left ? lexer->text.data[lexer->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* What may follow inside a name; `$` too, in both dialects. */
static bool is_inner(char c)
{
    return is_letter(c) || is_digit(c) || c == '$';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool rbk_sql_is_word(const struct rbk_sql_token *token, const char *word)
{
    if (token->kind != RBK_SQL_WORD) {
        return false;
    }
    size_t i = 0;
    while (i < token->text.bytes && word[i] != '\0' && upper(token->text.data[i]) == word[i]) {
        i++;
    }
    return i == token->text.bytes && word[i] == '\0';
}

/* ---- blanks and comments --------------------------------------------------------------------- */

static void skip_line(struct rbk_sql_lexer *lexer)
{
    while (lexer->at < lexer->text.bytes && lexer->text.data[lexer->at] != '\n' &&
           (lexer->text.data[lexer->at] != '\r' || lexer->dialect == RBK_SQL_SQLITE)) {
        lexer->at++;
    }
}

/* At a comment's opening; false when it is never closed (in SQLite the end closes it). */
static bool skip_comment(struct rbk_sql_lexer *lexer)
{
    size_t depth = 0;
    while (lexer->at < lexer->text.bytes) {
        if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            lexer->at += 2;
            if (depth <= 1) {
                return true;
            }
            depth--;
        } else if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*' &&
                   (depth == 0 || lexer->dialect == RBK_SQL_POSTGRES)) {
            lexer->at += 2;
            depth++;
        } else {
            lexer->at++;
        }
    }
    return lexer->dialect == RBK_SQL_SQLITE;
}

/* Pass over blanks and comments. @return where a comment opens that is never closed, or NULL. */
static const char *skip_blanks(struct rbk_sql_lexer *lexer)
{
    while (lexer->at < lexer->text.bytes) {
        const char *here = lexer->text.data + lexer->at;
        if (is_blank(*here)) {
            lexer->at++;
        } else if (*here == '-' && peek(lexer, 1) == '-') {
            skip_line(lexer);
        } else if (*here == '/' && peek(lexer, 1) == '*') {
            if (!skip_comment(lexer)) {
                return here;
            }
        } else {
            return NULL;
        }
    }
    return NULL;
}

/* ---- what has an opening and an end ---------------------------------------------------------- */

/* From behind the opening quote to behind the closing one. @return false at the end of the text. */
static bool skip_quoted(struct rbk_sql_lexer *lexer, char quote, bool backslashes)
{
    while (lexer->at < lexer->text.bytes) {
        char c = lexer->text.data[lexer->at++];
        if (c == '\\' && backslashes) {
            lexer->at += lexer->at < lexer->text.bytes;
        } else if (c == quote && peek(lexer, 0) == quote && lexer->at < lexer->text.bytes) {
            lexer->at++;
        } else if (c == quote) {
            return true;
        }
    }
    return false;
}

/* Whether a string goes on behind blanks with a line end among them; moves to behind its quote. */
static bool continues(struct rbk_sql_lexer *lexer)
{
    struct rbk_sql_lexer ahead = *lexer;
    bool line_end = false;
    while (ahead.at < ahead.text.bytes) {
        char c = ahead.text.data[ahead.at];
        if (is_blank(c)) {
            line_end = line_end || c == '\n' || c == '\r';
            ahead.at++;
        } else if (c == '-' && peek(&ahead, 1) == '-') {
            skip_line(&ahead);
        } else {
            break;
        }
    }
    if (!line_end || peek(&ahead, 0) != '\'') {
        return false;
    }
    lexer->at = ahead.at + 1;
    return true;
}

/* A string whose opening quote is at @lexer; @return what is not closed, or NULL. */
static const char *skip_string(struct rbk_sql_lexer *lexer, bool backslashes)
{
    lexer->at++;
    do {
        if (!skip_quoted(lexer, '\'', backslashes)) {
            return "a string";
        }
    } while (lexer->dialect == RBK_SQL_POSTGRES && continues(lexer));
    return NULL;
}

static const char *skip_name(struct rbk_sql_lexer *lexer)
{
    char quote = peek(lexer, 0);
    lexer->at++;
    if (quote != '[') {
        return skip_quoted(lexer, quote, false) ? NULL : "a name in quotes";
    }
    /* The one kind of quotes in which a doubled one stands for nothing. */
    struct rbk_str rest = rbk_str_slice(lexer->text, lexer->at, lexer->text.bytes);
    size_t inside = rbk_str_find(rest, ']');
    lexer->at += inside < rest.bytes ? inside + 1 : inside;
    return inside < rest.bytes ? NULL : "a name in brackets";
}

/* $$…$$, $tag$…$tag$, $1, or a lone `$`. */
static enum rbk_sql_token_kind take_dollar(struct rbk_sql_lexer *lexer, const char **ret_opened)
{
    size_t bytes = 1;
    if (is_digit(peek(lexer, 1))) {
        lexer->at++;
        while (is_digit(peek(lexer, 0))) {
            lexer->at++;
        }
        return RBK_SQL_PARAMETER;
    }
    while (is_letter(peek(lexer, bytes)) || (bytes > 1 && is_digit(peek(lexer, bytes)))) {
        bytes++;
    }
    if (peek(lexer, bytes) != '$') {
        lexer->at++;
        return RBK_SQL_SYMBOL;
    }
    bytes++;
    const char *tag = lexer->text.data + lexer->at;
    lexer->at += bytes;
    const char *end =
        memmem(lexer->text.data + lexer->at, lexer->text.bytes - lexer->at, tag, bytes);
    lexer->at = end ? (size_t)(end - lexer->text.data) + bytes : lexer->text.bytes;
    *ret_opened = end ? NULL : "a dollar-quoted string";
    return RBK_SQL_STRING;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void skip_word(struct rbk_sql_lexer *lexer)
{
    while (is_inner(peek(lexer, 0))) {
        lexer->at++;
    }
}

/* Letters before a quote: E'…', B'…', X'…', N'…', U&'…', U&"…". */
static enum rbk_sql_token_kind take_word(struct rbk_sql_lexer *lexer, const char **ret_opened)
{
    char first = upper(peek(lexer, 0));
    char second = peek(lexer, 1);
    bool postgres = lexer->dialect == RBK_SQL_POSTGRES;
    if (second == '\'' && (first == 'X' || (postgres && strchr("EBN", first)))) {
        lexer->at++;
        *ret_opened = skip_string(lexer, first == 'E');
        return RBK_SQL_STRING;
    }
    if (postgres && first == 'U' && second == '&' && peek(lexer, 2) == '\'') {
        lexer->at += 2;
        *ret_opened = skip_string(lexer, false);
        return RBK_SQL_STRING;
    }
    if (postgres && first == 'U' && second == '&' && peek(lexer, 2) == '"') {
        lexer->at += 2;
        *ret_opened = skip_name(lexer);
        return RBK_SQL_NAME;
    }
    skip_word(lexer);
    return RBK_SQL_WORD;
}

/* 1, 1.5, .5, 1e-5, 0xff, 1_000; letters that stick to it are its own, as `1a` is no two tokens. */
static void skip_number(struct rbk_sql_lexer *lexer)
{
    while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) ||
           (peek(lexer, 0) == '.' && peek(lexer, 1) != '.')) {
        char c = upper(peek(lexer, 0));
        lexer->at++;
        if (c == 'E' && (peek(lexer, 0) == '-' || peek(lexer, 0) == '+') &&
            is_digit(peek(lexer, 1))) {
            lexer->at++;
        }
    }
}

/* SQLite's ?  ?1  :a  @a  $a. */
static bool take_sqlite_parameter(struct rbk_sql_lexer *lexer, char c)
{
    if (c == '?') {
        lexer->at++;
        while (is_digit(peek(lexer, 0))) {
            lexer->at++;
        }
        return true;
    }
    if ((c == ':' || c == '@' || c == '$') && is_inner(peek(lexer, 1))) {
        lexer->at++;
        skip_word(lexer);
        return true;
    }
    return false;
}

struct rbk_sql_token rbk_sql_lex(struct rbk_sql_lexer *lexer)
{
    struct rbk_sql_token token = {RBK_SQL_END, {lexer->text.data, 0}, NULL};
    const char *comment = skip_blanks(lexer);
    size_t start = lexer->at;
    bool sqlite = lexer->dialect == RBK_SQL_SQLITE;
    char c = peek(lexer, 0);
    if (comment || start >= lexer->text.bytes) {
        token.text.data = comment ? comment : lexer->text.data + start;
        token.text.bytes = comment ? 2 : 0;
        token.opened = comment ? "a comment" : NULL;
        return token;
    }
    if (is_letter(c)) {
        token.kind = take_word(lexer, &token.opened);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        token.kind = RBK_SQL_NUMBER;
        skip_number(lexer);
    } else if (c == '\'') {
        token.kind = RBK_SQL_STRING;
        token.opened = skip_string(lexer, false);
    } else if (c == '"' || (sqlite && (c == '`' || c == '['))) {
        token.kind = RBK_SQL_NAME;
        token.opened = skip_name(lexer);
    } else if (sqlite && take_sqlite_parameter(lexer, c)) {
        token.kind = RBK_SQL_PARAMETER;
    } else if (c == '$' && !sqlite) {
        token.kind = take_dollar(lexer, &token.opened);
    } else {
        token.kind = RBK_SQL_SYMBOL;
        lexer->at++;
    }
    token.text = rbk_str_slice(lexer->text, start, lexer->at);
    return token;
}
