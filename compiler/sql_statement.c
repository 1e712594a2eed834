/*
 * Statements are cut where the server cuts them, then looked at once: a table says by the first
 * word which function judges. A judge sees the words after that one and says what the statement is
 * to its transaction; what it does to data is found in sql_loss.c.
 */
#include "compiler/sql_statement.h"

#include "runtime/core/base/attributes.h"

#include <string.h>

/* ---- walking --------------------------------------------------------------------------------- */

struct rbk_sql_cursor rbk_sql_cursor_make(struct rbk_str text, enum rbk_sql_dialect dialect)
{
    struct rbk_sql_cursor cursor = {.lexer = rbk_sql_lexer_make(text, dialect)};
    cursor.token = rbk_sql_lex(&cursor.lexer);
    cursor.behind = text.data;
    return cursor;
}

void rbk_sql_advance(struct rbk_sql_cursor *cursor)
{
    cursor->behind = cursor->token.text.data + cursor->token.text.bytes;
    cursor->token = rbk_sql_lex(&cursor->lexer);
}

bool rbk_sql_accept(struct rbk_sql_cursor *cursor, const char *word)
{
    bool found = rbk_sql_is_word(&cursor->token, word);
    if (found) {
        rbk_sql_advance(cursor);
    }
    return found;
}

static bool is_name(const struct rbk_sql_token *token)
{
    return token->kind == RBK_SQL_WORD || token->kind == RBK_SQL_NAME;
}

struct rbk_str rbk_sql_accept_name(struct rbk_sql_cursor *cursor)
{
    struct rbk_str name = {cursor->token.text.data, 0};
    while (is_name(&cursor->token)) {
        name.bytes = (size_t)(cursor->token.text.data - name.data) + cursor->token.text.bytes;
        rbk_sql_advance(cursor);
        if (!rbk_sql_is_symbol(&cursor->token, '.')) {
            break;
        }
        rbk_sql_advance(cursor);
    }
    return name;
}

void rbk_sql_skip(struct rbk_sql_cursor *cursor)
{
    size_t depth = 0;
    do {
        depth += rbk_sql_is_symbol(&cursor->token, '(');
        depth -= rbk_sql_is_symbol(&cursor->token, ')') && depth > 0;
        rbk_sql_advance(cursor);
    } while (depth > 0 && cursor->token.kind != RBK_SQL_END);
}

/* ---- options: ( NAME [=] VALUE, … ) -----------------------------------------------------------
 */

/* What is said of an option. */
enum option { UNSAID, SAID_NO, SAID_YES };

static bool is_no(const struct rbk_sql_token *token)
{
    static const char *const texts[] = {"0", "'0'", "'false'", "'off'", "'no'", "'none'"};
    if (rbk_sql_is_word(token, "FALSE") || rbk_sql_is_word(token, "OFF") ||
        rbk_sql_is_word(token, "NO") || rbk_sql_is_word(token, "NONE")) {
        return true;
    }
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        if (rbk_str_is(token->text, texts[i])) {
            return true;
        }
    }
    return false;
}

/* Look for an option from here to the end of the statement, whatever stands in between. */
static enum option find_option(struct rbk_sql_cursor cursor, const char *word)
{
    while (cursor.token.kind != RBK_SQL_END) {
        bool opens = rbk_sql_is_symbol(&cursor.token, '(') || rbk_sql_is_symbol(&cursor.token, ',');
        rbk_sql_advance(&cursor);
        if (!opens || !rbk_sql_accept(&cursor, word)) {
            continue;
        }
        if (rbk_sql_is_symbol(&cursor.token, '=')) {
            rbk_sql_advance(&cursor);
        }
        return is_no(&cursor.token) ? SAID_NO : SAID_YES;
    }
    return UNSAID;
}

/* ---- judging --------------------------------------------------------------------------------- */

static void outside(struct rbk_sql_statement *statement, const char *what)
{
    statement->class = RBK_SQL_OUTSIDE;
    statement->what = what;
}

static void judge_vacuum(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                         struct rbk_sql_statement *statement)
{
    (void)reader;
    (void)cursor;
    outside(statement, "VACUUM");
}

static void judge_create(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                         struct rbk_sql_statement *statement)
{
    if (reader->lexer.dialect == RBK_SQL_SQLITE) {
        return;
    }
    if (rbk_sql_accept(cursor, "DATABASE")) {
        outside(statement, "CREATE DATABASE");
    } else if (rbk_sql_accept(cursor, "TABLESPACE")) {
        outside(statement, "CREATE TABLESPACE");
    } else if (rbk_sql_accept(cursor, "SUBSCRIPTION")) {
        /* Without a slot to make on the other side it is an entry in a catalogue. */
        if (find_option(*cursor, "CREATE_SLOT") != SAID_NO &&
            find_option(*cursor, "CONNECT") != SAID_NO) {
            outside(statement, "CREATE SUBSCRIPTION with a slot");
        }
    } else {
        (void)rbk_sql_accept(cursor, "UNIQUE");
        if (rbk_sql_accept(cursor, "INDEX") && rbk_sql_accept(cursor, "CONCURRENTLY")) {
            outside(statement, "CREATE INDEX CONCURRENTLY");
        }
    }
}

static void judge_drop(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                       struct rbk_sql_statement *statement)
{
    if (reader->lexer.dialect == RBK_SQL_SQLITE) {
        return;
    }
    if (rbk_sql_accept(cursor, "DATABASE")) {
        outside(statement, "DROP DATABASE");
    } else if (rbk_sql_accept(cursor, "TABLESPACE")) {
        outside(statement, "DROP TABLESPACE");
    } else if (rbk_sql_accept(cursor, "SUBSCRIPTION")) {
        if (!reader->slot_given_up) {
            outside(statement, "DROP SUBSCRIPTION with a slot");
        }
    } else if (rbk_sql_accept(cursor, "INDEX") && rbk_sql_accept(cursor, "CONCURRENTLY")) {
        outside(statement, "DROP INDEX CONCURRENTLY");
    }
}

static void judge_alter_subscription(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                                     struct rbk_sql_statement *statement)
{
    (void)rbk_sql_accept_name(cursor);
    struct rbk_sql_cursor options = *cursor;
    if (rbk_sql_accept(cursor, "REFRESH")) {
        outside(statement, "ALTER SUBSCRIPTION … REFRESH");
        return;
    }
    bool set = rbk_sql_accept(cursor, "SET");
    if (set || rbk_sql_accept(cursor, "ADD") || rbk_sql_accept(cursor, "DROP")) {
        if (rbk_sql_accept(cursor, "PUBLICATION")) {
            if (find_option(options, "REFRESH") != SAID_NO) {
                outside(statement, "ALTER SUBSCRIPTION … PUBLICATION with refresh");
            }
        } else if (set) {
            reader->slot_given_up |= find_option(options, "SLOT_NAME") == SAID_NO;
            if (find_option(options, "FAILOVER") != UNSAID ||
                find_option(options, "TWO_PHASE") == SAID_NO) {
                outside(statement, "ALTER SUBSCRIPTION … SET of its slot");
            }
        }
    }
}

static void judge_alter_table(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement)
{
    while (cursor->token.kind != RBK_SQL_END) {
        if (!rbk_sql_accept(cursor, "DETACH")) {
            rbk_sql_skip(cursor);
        } else if (rbk_sql_accept(cursor, "PARTITION")) {
            (void)rbk_sql_accept_name(cursor);
            if (rbk_sql_accept(cursor, "CONCURRENTLY")) {
                outside(statement, "ALTER TABLE … DETACH PARTITION … CONCURRENTLY");
            }
        }
    }
}

static void judge_alter(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                        struct rbk_sql_statement *statement)
{
    if (reader->lexer.dialect == RBK_SQL_SQLITE) {
        return;
    }
    if (rbk_sql_accept(cursor, "SYSTEM")) {
        outside(statement, "ALTER SYSTEM");
    } else if (rbk_sql_accept(cursor, "DATABASE")) {
        (void)rbk_sql_accept_name(cursor);
        if (rbk_sql_accept(cursor, "SET") && rbk_sql_accept(cursor, "TABLESPACE")) {
            outside(statement, "ALTER DATABASE … SET TABLESPACE");
        }
    } else if (rbk_sql_accept(cursor, "SUBSCRIPTION")) {
        judge_alter_subscription(reader, cursor, statement);
    } else if (rbk_sql_accept(cursor, "TABLE")) {
        judge_alter_table(cursor, statement);
    }
}

static void judge_reindex(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                          struct rbk_sql_statement *statement)
{
    static const char *const wide[][2] = {{"DATABASE", "REINDEX DATABASE"},
                                          {"SYSTEM", "REINDEX SYSTEM"},
                                          {"SCHEMA", "REINDEX SCHEMA"}};
    if (reader->lexer.dialect == RBK_SQL_SQLITE) {
        return;
    }
    if (rbk_sql_is_symbol(&cursor->token, '(')) {
        if (find_option(*cursor, "CONCURRENTLY") == SAID_YES) {
            outside(statement, "REINDEX CONCURRENTLY");
        }
        rbk_sql_skip(cursor);
    }
    for (size_t i = 0; i < RBK_COUNT(wide); i++) {
        if (rbk_sql_accept(cursor, wide[i][0])) {
            outside(statement, wide[i][1]);
            return;
        }
    }
    rbk_sql_advance(cursor); /* INDEX or TABLE */
    if (rbk_sql_accept(cursor, "CONCURRENTLY")) {
        outside(statement, "REINDEX CONCURRENTLY");
    }
}

/* With a table it is one transaction's work, without one it is a transaction for each table. */
static void judge_cluster(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                          struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_is_symbol(&cursor->token, '(')) {
        rbk_sql_skip(cursor);
    } else {
        (void)rbk_sql_accept(cursor, "VERBOSE");
    }
    if (cursor->token.kind == RBK_SQL_END) {
        outside(statement, "CLUSTER without a table");
    }
}

static void judge_discard(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                          struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_accept(cursor, "ALL")) {
        outside(statement, "DISCARD ALL");
    }
}

static void judge_begin(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                        struct rbk_sql_statement *statement)
{
    (void)reader;
    (void)cursor;
    statement->class = RBK_SQL_OPENS;
    statement->what = "BEGIN";
}

static void judge_start(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                        struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_accept(cursor, "TRANSACTION")) {
        statement->class = RBK_SQL_OPENS;
        statement->what = "START TRANSACTION";
    }
}

static void closes(struct rbk_sql_statement *statement, const char *what)
{
    statement->class = RBK_SQL_CLOSES;
    statement->what = what;
}

static void judge_end(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                      struct rbk_sql_statement *statement)
{
    (void)reader;
    (void)cursor;
    closes(statement, "END");
}

static void judge_abort(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                        struct rbk_sql_statement *statement)
{
    (void)cursor;
    if (reader->lexer.dialect == RBK_SQL_POSTGRES) {
        closes(statement, "ABORT");
    }
}

static void judge_commit(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                         struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_accept(cursor, "PREPARED")) {
        outside(statement, "COMMIT PREPARED");
    } else {
        closes(statement, "COMMIT");
    }
}

/* ROLLBACK TO goes back to a savepoint and leaves the transaction open. */
static void judge_rollback(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                           struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_accept(cursor, "PREPARED")) {
        outside(statement, "ROLLBACK PREPARED");
        return;
    }
    if (!rbk_sql_accept(cursor, "WORK")) {
        (void)rbk_sql_accept(cursor, "TRANSACTION");
    }
    if (!rbk_sql_is_word(&cursor->token, "TO")) {
        closes(statement, "ROLLBACK");
    }
}

static void judge_prepare(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                          struct rbk_sql_statement *statement)
{
    (void)reader;
    if (rbk_sql_accept(cursor, "TRANSACTION")) {
        closes(statement, "PREPARE TRANSACTION");
    }
}

/* COPY … FROM STDIN, COPY … TO STDOUT. A table, a list of columns or a query comes first. */
static void judge_copy(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                       struct rbk_sql_statement *statement)
{
    (void)reader;
    while (cursor->token.kind != RBK_SQL_END) {
        if (rbk_sql_accept(cursor, "FROM")) {
            statement->what = rbk_sql_accept(cursor, "STDIN") ? "COPY … FROM STDIN" : NULL;
            break;
        }
        if (rbk_sql_accept(cursor, "TO")) {
            statement->what = rbk_sql_accept(cursor, "STDOUT") ? "COPY … TO STDOUT" : NULL;
            break;
        }
        rbk_sql_skip(cursor);
    }
    statement->class = statement->what ? RBK_SQL_COPIES : RBK_SQL_PLAIN;
}

/* PRAGMA [schema.]name [= value | (value)]: asking is always possible, setting is not. */
static void judge_pragma(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                         struct rbk_sql_statement *statement)
{
    if (reader->lexer.dialect != RBK_SQL_SQLITE) {
        return;
    }
    struct rbk_sql_token name = cursor->token;
    rbk_sql_advance(cursor);
    if (rbk_sql_is_symbol(&cursor->token, '.')) {
        rbk_sql_advance(cursor);
        name = cursor->token;
        rbk_sql_advance(cursor);
    }
    bool sets = rbk_sql_is_symbol(&cursor->token, '=') || rbk_sql_is_symbol(&cursor->token, '(');
    if (rbk_sql_is_word(&name, "WAL_CHECKPOINT")) {
        outside(statement, "PRAGMA wal_checkpoint");
    } else if (sets && rbk_sql_is_word(&name, "SYNCHRONOUS")) {
        outside(statement, "PRAGMA synchronous");
    } else if (sets && rbk_sql_is_word(&name, "JOURNAL_MODE")) {
        statement->class = RBK_SQL_NOTHING;
        statement->what = "PRAGMA journal_mode";
    } else if (sets && rbk_sql_is_word(&name, "FOREIGN_KEYS")) {
        statement->class = RBK_SQL_NOTHING;
        statement->what = "PRAGMA foreign_keys";
    }
}

/* What begins with which word. */
static const struct judge {
    const char *word;
    void (*judge)(struct rbk_sql_reader *reader, struct rbk_sql_cursor *cursor,
                  struct rbk_sql_statement *statement);
} judges[] = {
    {"ABORT", judge_abort},     {"ALTER", judge_alter},       {"BEGIN", judge_begin},
    {"CLUSTER", judge_cluster}, {"COMMIT", judge_commit},     {"COPY", judge_copy},
    {"CREATE", judge_create},   {"DISCARD", judge_discard},   {"DROP", judge_drop},
    {"END", judge_end},         {"PRAGMA", judge_pragma},     {"PREPARE", judge_prepare},
    {"REINDEX", judge_reindex}, {"ROLLBACK", judge_rollback}, {"START", judge_start},
    {"VACUUM", judge_vacuum},
};

static void judge_statement(struct rbk_sql_reader *reader, struct rbk_sql_statement *statement)
{
    struct rbk_sql_cursor cursor = rbk_sql_cursor_make(statement->text, reader->lexer.dialect);
    const char *start = cursor.token.text.data;
    for (size_t i = 0; i < RBK_COUNT(judges); i++) {
        if (rbk_sql_is_word(&cursor.token, judges[i].word)) {
            rbk_sql_advance(&cursor);
            judges[i].judge(reader, &cursor, statement);
            break;
        }
    }
    statement->mark = (struct rbk_str){start, (size_t)(cursor.behind - start)};
}

/* ---- cutting --------------------------------------------------------------------------------- */

/* What of a statement decides where it ends. */
struct cut {
    struct rbk_sql_token before; /* the token before the one at hand */
    size_t brackets;
    size_t bodies;   /* open BEGIN ATOMIC, and CASE in one */
    unsigned words;  /* seen so far; counts up to 4 */
    bool creates;    /* CREATE comes first */
    bool is_trigger; /* SQLite: CREATE [TEMP] TRIGGER, whose body has semicolons */
    bool in_body;    /* SQLite: behind the BEGIN of a trigger */
    bool body_ends;  /* SQLite: the last two tokens were `;` and END */
};

/* Take note of a token. @return false when it is the semicolon that ends the statement. */
static bool cut_goes_on(struct cut *cut, const struct rbk_sql_token *token,
                        enum rbk_sql_dialect dialect)
{
    bool word = token->kind == RBK_SQL_WORD;
    if (rbk_sql_is_symbol(token, ';')) {
        cut->before = *token;
        return cut->brackets > 0 || cut->bodies > 0 || (cut->in_body && !cut->body_ends);
    }
    cut->body_ends = rbk_sql_is_symbol(&cut->before, ';') && rbk_sql_is_word(token, "END");
    cut->brackets += rbk_sql_is_symbol(token, '(') || rbk_sql_is_symbol(token, '[');
    cut->brackets -=
        cut->brackets > 0 && (rbk_sql_is_symbol(token, ')') || rbk_sql_is_symbol(token, ']'));
    if (word && cut->words < 4) {
        cut->creates = cut->words == 0 ? rbk_sql_is_word(token, "CREATE") : cut->creates;
        cut->is_trigger = cut->is_trigger || (dialect == RBK_SQL_SQLITE && cut->creates &&
                                              rbk_sql_is_word(token, "TRIGGER"));
        cut->words++;
    }
    if (cut->is_trigger && rbk_sql_is_word(token, "BEGIN")) {
        cut->in_body = true;
    }
    if (dialect == RBK_SQL_POSTGRES && cut->creates) {
        bool atomic = rbk_sql_is_word(&cut->before, "BEGIN") && rbk_sql_is_word(token, "ATOMIC");
        cut->bodies += atomic || (cut->bodies > 0 && rbk_sql_is_word(token, "CASE"));
        cut->bodies -= cut->bodies > 0 && rbk_sql_is_word(token, "END");
    }
    cut->before = *token;
    return true;
}

/* A line that is for the client: from its backslash, or SQLite's dot, to the end of the line. */
static void take_client_line(struct rbk_sql_reader *reader, struct rbk_sql_statement *statement,
                             size_t start)
{
    struct rbk_str rest = rbk_str_slice(reader->lexer.text, start, reader->lexer.text.bytes);
    size_t bytes = rbk_str_find(rest, '\n');
    statement->class = RBK_SQL_CLIENT;
    statement->text = statement->mark = rbk_str_trim(rbk_str_slice(rest, 0, bytes));
    statement->what = reader->lexer.dialect == RBK_SQL_SQLITE ? "sqlite3" : "psql";
    reader->lexer.at = start + bytes;
}

/* The rows that follow COPY … FROM STDIN in a dump, up to the line that is `\.`. */
static void skip_rows(struct rbk_sql_lexer *lexer)
{
    struct rbk_sql_lexer ahead = *lexer;
    while (ahead.at < ahead.text.bytes) {
        struct rbk_str rest = rbk_str_slice(ahead.text, ahead.at, ahead.text.bytes);
        size_t bytes = rbk_str_find(rest, '\n');
        ahead.at += bytes + (bytes < rest.bytes);
        struct rbk_str line = rbk_str_slice(rest, 0, bytes);
        if (rbk_str_is(line, "\\.") || rbk_str_is(line, "\\.\r")) {
            *lexer = ahead;
            return;
        }
    }
}

/* The first token of the next statement. */
static struct rbk_sql_token first_token(struct rbk_sql_lexer *lexer)
{
    struct rbk_sql_token token;
    do {
        token = rbk_sql_lex(lexer);
    } while (rbk_sql_is_symbol(&token, ';'));
    return token;
}

static bool is_for_client(const struct rbk_sql_token *token, enum rbk_sql_dialect dialect,
                          bool first)
{
    return dialect == RBK_SQL_POSTGRES ? rbk_sql_is_symbol(token, '\\')
                                       : first && rbk_sql_is_symbol(token, '.');
}

struct rbk_sql_reader rbk_sql_read(struct rbk_str text, enum rbk_sql_dialect dialect)
{
    return (struct rbk_sql_reader){.lexer = rbk_sql_lexer_make(text, dialect)};
}

bool rbk_sql_read_next(struct rbk_sql_reader *reader, struct rbk_sql_statement *ret_statement)
{
    struct rbk_sql_lexer *lexer = &reader->lexer;
    struct rbk_sql_token token = first_token(lexer);
    struct cut cut = {.before = {.text = RBK_STR(" ")}};
    size_t start = (size_t)(token.text.data - lexer->text.data);
    size_t end = start;
    *ret_statement = (struct rbk_sql_statement){.class = RBK_SQL_PLAIN};
    if (token.kind == RBK_SQL_END && !token.opened) {
        return false;
    }
    if (is_for_client(&token, lexer->dialect, true)) {
        take_client_line(reader, ret_statement, start);
        return true;
    }
    while (token.kind != RBK_SQL_END && !token.opened &&
           cut_goes_on(&cut, &token, lexer->dialect) &&
           !is_for_client(&token, lexer->dialect, false)) {
        end = (size_t)(token.text.data - lexer->text.data) + token.text.bytes;
        token = rbk_sql_lex(lexer);
    }
    if (token.opened) {
        ret_statement->class = RBK_SQL_UNCLOSED;
        ret_statement->what = token.opened;
        ret_statement->text = rbk_str_slice(lexer->text, start, lexer->text.bytes);
        ret_statement->mark = token.text;
        lexer->at = lexer->text.bytes;
        return true;
    }
    if (is_for_client(&token, lexer->dialect, false)) {
        lexer->at = (size_t)(token.text.data - lexer->text.data); /* a statement of its own */
    }
    ret_statement->text = rbk_str_slice(lexer->text, start, end);
    judge_statement(reader, ret_statement);
    rbk_sql_find_loss(ret_statement, lexer->dialect);
    if (ret_statement->class == RBK_SQL_COPIES) {
        skip_rows(lexer);
    }
    return true;
}
