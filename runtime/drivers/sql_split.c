/*
 * One pass over the bytes, a token at a time. Parameters are found in the same pass, since `$1` may
 * also stand in a string, a comment or a $tag$.
 */
#include "runtime/drivers/sql_split.h"

#include "runtime/core/base/attributes.h"

#include <string.h>

/* A statement being scanned. */
struct cutter {
    struct rbk_str text;
    size_t at;
    unsigned words;    /* seen so far */
    unsigned brackets; /* open ( and [ */
    unsigned blocks;   /* open BEGIN ATOMIC and CASE inside one */
    bool after_begin;  /* the last word was BEGIN */
    bool some;         /* there is more than space and comments */
    uint32_t sought;   /* the parameter asked for, 0: none */
    bool found;
    struct rbk_sql_statement *statement;
};

static char peek(const struct cutter *cutter, size_t offset)
{
    size_t at = cutter->at + offset;
    return at < cutter->text.bytes ? cutter->text.data[at] : '\0';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

/* 'text' and "name"; a doubled quote stands for one, and is passed over as two strings in a row. */
static void skip_quoted(struct cutter *cutter, char quote, bool backslashes)
{
    cutter->at++;
    while (cutter->at < cutter->text.bytes) {
        char c = cutter->text.data[cutter->at++];
        if (c == '\\' && backslashes) {
            cutter->at++;
        } else if (c == quote) {
            return;
        }
    }
}

static void skip_line(struct cutter *cutter)
{
    while (cutter->at < cutter->text.bytes && cutter->text.data[cutter->at] != '\n') {
        cutter->at++;
    }
}

static void skip_comment(struct cutter *cutter)
{
    unsigned depth = 0;
    while (cutter->at < cutter->text.bytes) {
        if (peek(cutter, 0) == '/' && peek(cutter, 1) == '*') {
            depth++;
            cutter->at += 2;
        } else if (peek(cutter, 0) == '*' && peek(cutter, 1) == '/') {
            depth--;
            cutter->at += 2;
            if (depth == 0) {
                return;
            }
        } else {
            cutter->at++;
        }
    }
}

/* $1: a parameter. Numbers beyond any request's are for the server to refuse. */
static void take_param(struct cutter *cutter)
{
    uint32_t number = 0;
    cutter->at++;
    while (peek(cutter, 0) >= '0' && peek(cutter, 0) <= '9') {
        uint32_t digit = (uint32_t)(peek(cutter, 0) - '0');
        number = number < 100000 ? number * 10 + digit : number;
        cutter->at++;
    }
    if (number > cutter->statement->param_max) {
        cutter->statement->param_max = number;
    }
    cutter->found = cutter->found || (number != 0 && number == cutter->sought);
}

/* $$…$$ and $tag$…$tag$; a lone $ is one character. */
static void skip_dollar(struct cutter *cutter)
{
    size_t bytes = 1;
    if (peek(cutter, 1) >= '0' && peek(cutter, 1) <= '9') {
        take_param(cutter);
        return;
    }
    if (is_word_start(peek(cutter, 1))) {
        while (is_word(peek(cutter, bytes)) && peek(cutter, bytes) != '$') {
            bytes++;
        }
    }
    if (peek(cutter, bytes) != '$') {
        cutter->at++;
        return;
    }
    bytes++;
    const char *tag = cutter->text.data + cutter->at;
    cutter->at += bytes;
    const char *end =
        cutter->text.bytes > cutter->at
            ? memmem(cutter->text.data + cutter->at, cutter->text.bytes - cutter->at, tag, bytes)
            : NULL;
    cutter->at = end ? (size_t)(end - cutter->text.data) + bytes : cutter->text.bytes;
}

static void upper(char *out, size_t room, struct rbk_str word)
{
    size_t bytes = word.bytes < room - 1 ? word.bytes : room - 1;
    for (size_t i = 0; i < bytes; i++) {
        char c = word.data[i];
        out[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    out[bytes] = '\0';
}

static void take_word(struct cutter *cutter)
{
    size_t start = cutter->at;
    while (is_word(peek(cutter, 0))) {
        cutter->at++;
    }
    char word[16];
    upper(word, sizeof(word), rbk_str_slice(cutter->text, start, cutter->at));
    if (cutter->at - start == 1 && word[0] == 'E' && peek(cutter, 0) == '\'') {
        skip_quoted(cutter, '\'', true);
    }
    char *const kept[] = {cutter->statement->first, cutter->statement->second,
                          cutter->statement->third};
    if (cutter->words < RBK_COUNT(kept)) {
        memcpy(kept[cutter->words], word, sizeof(word));
    }
    cutter->words++;
    /* A function's body in SQL has semicolons of its own: BEGIN ATOMIC …; … END. */
    bool atomic = cutter->after_begin && strcmp(word, "ATOMIC") == 0;
    bool inner = cutter->blocks > 0 && strcmp(word, "CASE") == 0;
    if (atomic || inner) {
        cutter->blocks++;
    } else if (strcmp(word, "END") == 0 && cutter->blocks > 0) {
        cutter->blocks--;
    }
    cutter->after_begin = strcmp(word, "BEGIN") == 0;
}

/* Passes one token. @return false at the statement's end. */
static bool pass(struct cutter *cutter)
{
    char c = peek(cutter, 0);
    if (c == '-' && peek(cutter, 1) == '-') {
        skip_line(cutter);
        return true;
    }
    if (c == '/' && peek(cutter, 1) == '*') {
        skip_comment(cutter);
        return true;
    }
    if (strchr(" \t\r\n\f\v", c)) {
        cutter->at++;
        return true;
    }
    if (c == ';' && cutter->brackets == 0 && cutter->blocks == 0) {
        return false;
    }
    cutter->some = true;
    if (c == '\'' || c == '"') {
        skip_quoted(cutter, c, false);
    } else if (c == '$') {
        skip_dollar(cutter);
    } else if (is_word_start(c)) {
        take_word(cutter);
    } else if (c >= '0' && c <= '9') {
        while (is_word(peek(cutter, 0))) {
            cutter->at++;
        }
    } else {
        cutter->brackets += c == '(' || c == '[';
        cutter->brackets -= (c == ')' || c == ']') && cutter->brackets > 0;
        cutter->at++;
    }
    return true;
}

bool rbk_sql_next(struct rbk_sql_scan *scan, struct rbk_sql_statement *ret_statement)
{
    while (scan->at < scan->text.bytes) {
        *ret_statement = (struct rbk_sql_statement){0};
        struct cutter cutter = {.text = scan->text, .at = scan->at, .statement = ret_statement};
        while (cutter.at < cutter.text.bytes && pass(&cutter)) {
        }
        size_t end = cutter.at < cutter.text.bytes ? cutter.at : cutter.text.bytes;
        ret_statement->text = rbk_str_slice(scan->text, scan->at, end);
        scan->at = end + 1;
        if (cutter.some) {
            return true;
        }
    }
    return false;
}

bool rbk_sql_names_param(const struct rbk_sql_statement *statement, uint32_t number)
{
    struct rbk_sql_statement scratch = {0};
    struct cutter cutter = {.text = statement->text, .statement = &scratch, .sought = number};
    while (cutter.at < cutter.text.bytes && pass(&cutter)) {
    }
    return cutter.found;
}

bool rbk_sql_controls_transaction(const struct rbk_sql_statement *statement)
{
    static const char *const always[] = {"BEGIN", "START", "COMMIT", "END", "ABORT"};
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (strcmp(statement->first, always[i]) == 0) {
            return true;
        }
    }
    if (strcmp(statement->first, "ROLLBACK") == 0) {
        /* Back to a savepoint leaves the transaction open: ROLLBACK [WORK | TRANSACTION] TO … */
        bool filled =
            strcmp(statement->second, "WORK") == 0 || strcmp(statement->second, "TRANSACTION") == 0;
        return strcmp(filled ? statement->third : statement->second, "TO") != 0;
    }
    return strcmp(statement->first, "PREPARE") == 0 &&
           strcmp(statement->second, "TRANSACTION") == 0;
}
