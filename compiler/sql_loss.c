/*
 * What a statement destroys: rows, columns, tables. Indexes, views, functions and constraints can
 * be made again from their text and are no loss. What the same plan has made before is no loss
 * either; so what a statement makes is found here, too, and the caller compares.
 */
#include "compiler/sql_statement.h"

#include "runtime/core/base/arena.h"

#include <string.h>

static void add_name(struct rbk_sql_names *names, struct rbk_str name)
{
    if (name.bytes == 0) {
        return;
    }
    if (names->count == RBK_SQL_NAMES_MAX) {
        names->more = true;
        return;
    }
    names->items[names->count++] = name;
}

/* name [*], name [*], … */
static void add_names(struct rbk_sql_names *names, struct rbk_sql_cursor *cursor)
{
    for (;;) {
        (void)rbk_sql_accept(cursor, "ONLY");
        add_name(names, rbk_sql_accept_name(cursor));
        if (rbk_sql_is_symbol(&cursor->token, '*')) {
            rbk_sql_advance(cursor);
        }
        if (!rbk_sql_is_symbol(&cursor->token, ',')) {
            return;
        }
        rbk_sql_advance(cursor);
    }
}

static bool accept_if_exists(struct rbk_sql_cursor *cursor)
{
    if (!rbk_sql_accept(cursor, "IF")) {
        return false;
    }
    (void)rbk_sql_accept(cursor, "NOT");
    (void)rbk_sql_accept(cursor, "EXISTS");
    return true;
}

static void set_loss(struct rbk_sql_statement *statement, enum rbk_sql_loss loss, const char *words,
                     const char *start, const struct rbk_sql_cursor *cursor)
{
    statement->loss = loss;
    statement->loses = words;
    statement->loss_mark = (struct rbk_str){start, (size_t)(cursor->behind - start)};
}

/* Whether a word stands between here and the end, outside of brackets. */
static bool comes(struct rbk_sql_cursor cursor, const char *word)
{
    while (cursor.token.kind != RBK_SQL_END) {
        if (rbk_sql_is_word(&cursor.token, word)) {
            return true;
        }
        rbk_sql_skip(&cursor);
    }
    return false;
}

/* Whether rows are picked: there is a WHERE, and it is not `true` or `1 = 1`. */
static bool picks(struct rbk_sql_cursor cursor)
{
    while (cursor.token.kind != RBK_SQL_END && !rbk_sql_is_word(&cursor.token, "WHERE")) {
        rbk_sql_skip(&cursor);
    }
    if (!rbk_sql_accept(&cursor, "WHERE")) {
        return false;
    }
    struct rbk_sql_token left = cursor.token;
    rbk_sql_advance(&cursor);
    bool all = rbk_sql_is_word(&left, "TRUE");
    if (left.kind == RBK_SQL_NUMBER && rbk_sql_is_symbol(&cursor.token, '=')) {
        rbk_sql_advance(&cursor);
        all = rbk_str_equal(cursor.token.text, left.text);
        rbk_sql_advance(&cursor);
    }
    return !all ||
           (cursor.token.kind != RBK_SQL_END && !rbk_sql_is_word(&cursor.token, "RETURNING"));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void find_drop(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement,
                      const char *start)
{
    static const struct {
        const char *word;
        const char *words;
        bool cascade; /* only with CASCADE does it take columns along */
    } kinds[] = {
        {"TABLE", "DROP TABLE", false},
        {"SCHEMA", "DROP SCHEMA", false},
        {"DATABASE", "DROP DATABASE", false},
        {"OWNED", "DROP OWNED", false},
        {"TYPE", "DROP TYPE … CASCADE", true},
        {"DOMAIN", "DROP DOMAIN … CASCADE", true},
        {"EXTENSION", "DROP EXTENSION … CASCADE", true},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!rbk_sql_accept(cursor, kinds[i].word)) {
            continue;
        }
        (void)accept_if_exists(cursor);
        add_names(&statement->names, cursor);
        if (!kinds[i].cascade || comes(*cursor, "CASCADE")) {
            set_loss(statement, RBK_SQL_DROPS_TABLE, kinds[i].words, start, cursor);
        }
        return;
    }
}

/* Behind ALTER TABLE name: actions, separated by commas. Only what begins one counts: in
 * `ALTER COLUMN a DROP NOT NULL` nothing is dropped. */
static void find_alter_actions(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement)
{
    bool begins = true;
    while (cursor->token.kind != RBK_SQL_END) {
        const char *start = cursor->token.text.data;
        bool drops = begins && rbk_sql_accept(cursor, "DROP");
        bool adds = begins && !drops && rbk_sql_accept(cursor, "ADD");
        if (drops || adds) {
            bool said = rbk_sql_accept(cursor, "COLUMN");
            bool other = !said && (rbk_sql_is_word(&cursor->token, "CONSTRAINT") ||
                                   rbk_sql_is_word(&cursor->token, "EXPRESSION") ||
                                   rbk_sql_is_word(&cursor->token, "PRIMARY") ||
                                   rbk_sql_is_word(&cursor->token, "UNIQUE") ||
                                   rbk_sql_is_word(&cursor->token, "FOREIGN") ||
                                   rbk_sql_is_word(&cursor->token, "CHECK") ||
                                   rbk_sql_is_word(&cursor->token, "EXCLUDE"));
            bool guarded = !other && accept_if_exists(cursor);
            if (!other && drops) {
                add_name(&statement->names, rbk_sql_accept_name(cursor));
                set_loss(statement, RBK_SQL_DROPS_COLUMN, "DROP COLUMN", start, cursor);
            } else if (!other && !guarded) {
                statement->makes_columns = true;
                add_name(&statement->makes, rbk_sql_accept_name(cursor));
            }
            begins = false;
            continue;
        }
        begins = rbk_sql_is_symbol(&cursor->token, ',');
        rbk_sql_skip(cursor);
    }
}

static void find_alter(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement)
{
    if (rbk_sql_accept(cursor, "TABLE")) {
        (void)accept_if_exists(cursor);
        (void)rbk_sql_accept(cursor, "ONLY");
        statement->table = rbk_sql_accept_name(cursor);
        if (rbk_sql_is_symbol(&cursor->token, '*')) {
            rbk_sql_advance(cursor);
        }
        find_alter_actions(cursor, statement);
    }
}

/* CREATE [TEMP] TABLE name, CREATE SCHEMA name. With IF NOT EXISTS it may have been there before.
 */
static void find_create(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement)
{
    bool passed = true;
    while (passed) {
        passed = rbk_sql_accept(cursor, "GLOBAL") || rbk_sql_accept(cursor, "LOCAL") ||
                 rbk_sql_accept(cursor, "TEMP") || rbk_sql_accept(cursor, "TEMPORARY") ||
                 rbk_sql_accept(cursor, "UNLOGGED");
    }
    if ((rbk_sql_accept(cursor, "TABLE") || rbk_sql_accept(cursor, "SCHEMA")) &&
        !accept_if_exists(cursor)) {
        add_name(&statement->makes, rbk_sql_accept_name(cursor));
    }
}

static void find_truncate(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement,
                          const char *start)
{
    (void)rbk_sql_accept(cursor, "TABLE");
    add_names(&statement->names, cursor);
    set_loss(statement, RBK_SQL_EMPTIES, "TRUNCATE", start, cursor);
}

static void find_delete(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement,
                        const char *start)
{
    if (!rbk_sql_accept(cursor, "FROM")) {
        return;
    }
    (void)rbk_sql_accept(cursor, "ONLY");
    add_name(&statement->names, rbk_sql_accept_name(cursor));
    if (!picks(*cursor)) {
        set_loss(statement, RBK_SQL_EMPTIES, "DELETE without WHERE", start, cursor);
    }
}

/* Whether the value at hand, up to the next comma, names the column it is for. */
static bool names_itself(struct rbk_sql_cursor *cursor, struct rbk_str column)
{
    bool found = false;
    size_t depth = 0;
    while (cursor->token.kind != RBK_SQL_END && !rbk_sql_is_word(&cursor->token, "FROM") &&
           !rbk_sql_is_word(&cursor->token, "RETURNING") &&
           (depth > 0 || !rbk_sql_is_symbol(&cursor->token, ','))) {
        depth += rbk_sql_is_symbol(&cursor->token, '(');
        depth -= depth > 0 && rbk_sql_is_symbol(&cursor->token, ')');
        bool name = cursor->token.kind == RBK_SQL_WORD || cursor->token.kind == RBK_SQL_NAME;
        found = found || (name && rbk_sql_same_name(cursor->token.text, column));
        rbk_sql_advance(cursor);
    }
    return found;
}

/* UPDATE name SET column = value, …; one that starts from the old value can be taken back. */
static void find_update(struct rbk_sql_cursor *cursor, struct rbk_sql_statement *statement,
                        const char *start)
{
    if (rbk_sql_accept(cursor, "OR")) { /* SQLite: UPDATE OR IGNORE */
        rbk_sql_advance(cursor);
    }
    (void)rbk_sql_accept(cursor, "ONLY");
    statement->table = rbk_sql_accept_name(cursor);
    statement->updates = true;
    if (!comes(*cursor, "SET") || picks(*cursor)) {
        return;
    }
    while (!rbk_sql_accept(cursor, "SET")) {
        rbk_sql_skip(cursor);
    }
    const struct rbk_sql_cursor marked = *cursor;
    do {
        struct rbk_str column = rbk_sql_accept_name(cursor);
        if (column.bytes == 0) {
            return; /* SET (a, b) = …: not looked into */
        }
        if (!names_itself(cursor, column)) {
            add_name(&statement->names, column);
        }
        if (!rbk_sql_is_symbol(&cursor->token, ',')) {
            break;
        }
        rbk_sql_advance(cursor);
    } while (cursor->token.kind != RBK_SQL_END);
    if (statement->names.count > 0) {
        set_loss(statement, RBK_SQL_OVERWRITES, "UPDATE without WHERE", start, &marked);
    }
}

/* WITH … DELETE: what comes behind the queries in brackets. */
static void skip_with(struct rbk_sql_cursor *cursor)
{
    while (
        cursor->token.kind != RBK_SQL_END && !rbk_sql_is_word(&cursor->token, "DELETE") &&
        !rbk_sql_is_word(&cursor->token, "UPDATE") && !rbk_sql_is_word(&cursor->token, "INSERT") &&
        !rbk_sql_is_word(&cursor->token, "SELECT") && !rbk_sql_is_word(&cursor->token, "MERGE")) {
        rbk_sql_skip(cursor);
    }
}

void rbk_sql_find_loss(struct rbk_sql_statement *statement, enum rbk_sql_dialect dialect)
{
    struct rbk_sql_cursor cursor = rbk_sql_cursor_make(statement->text, dialect);
    if (rbk_sql_is_word(&cursor.token, "WITH")) {
        skip_with(&cursor);
    }
    const char *start = cursor.token.text.data;
    if (rbk_sql_accept(&cursor, "DROP")) {
        find_drop(&cursor, statement, start);
    } else if (rbk_sql_accept(&cursor, "ALTER")) {
        find_alter(&cursor, statement);
    } else if (rbk_sql_accept(&cursor, "CREATE")) {
        find_create(&cursor, statement);
    } else if (rbk_sql_accept(&cursor, "TRUNCATE")) {
        find_truncate(&cursor, statement, start);
    } else if (rbk_sql_accept(&cursor, "DELETE")) {
        find_delete(&cursor, statement, start);
    } else if (rbk_sql_accept(&cursor, "UPDATE")) {
        find_update(&cursor, statement, start);
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The bytes of a part of a name, without its quotes; *ret_folds for a bare one. */
static struct rbk_str part_of(const struct rbk_sql_token *token, bool *ret_folds)
{
    *ret_folds = token->kind == RBK_SQL_WORD;
    size_t edge = token->kind == RBK_SQL_NAME ? 1 : 0;
    return rbk_str_slice(token->text, edge, token->text.bytes - edge);
}

bool rbk_sql_same_name(struct rbk_str a, struct rbk_str b)
{
    struct rbk_sql_lexer left = rbk_sql_lexer_make(a, RBK_SQL_POSTGRES);
    struct rbk_sql_lexer right = rbk_sql_lexer_make(b, RBK_SQL_POSTGRES);
    for (;;) {
        struct rbk_sql_token one = rbk_sql_lex(&left);
        struct rbk_sql_token other = rbk_sql_lex(&right);
        if (one.kind == RBK_SQL_END || other.kind == RBK_SQL_END) {
            return one.kind == other.kind;
        }
        bool folds_one;
        bool folds_other;
        struct rbk_str x = part_of(&one, &folds_one);
        struct rbk_str y = part_of(&other, &folds_other);
        if (x.bytes != y.bytes) {
            return false;
        }
        for (size_t i = 0; i < x.bytes; i++) {
            if ((folds_one ? lower(x.data[i]) : x.data[i]) !=
                (folds_other ? lower(y.data[i]) : y.data[i])) {
                return false;
            }
        }
    }
}

struct rbk_str rbk_sql_name_key(struct rbk_arena *arena, struct rbk_str name)
{
    char *key = rbk_new_array(arena, char, name.bytes * 2 + 1); /* A part has a byte at least. */
    size_t bytes = 0;
    struct rbk_sql_lexer lexer = rbk_sql_lexer_make(name, RBK_SQL_POSTGRES);
    struct rbk_sql_token token = rbk_sql_lex(&lexer);
    for (; token.kind != RBK_SQL_END; token = rbk_sql_lex(&lexer)) {
        bool folds;
        struct rbk_str part = part_of(&token, &folds);
        for (size_t i = 0; i < part.bytes; i++) {
            key[bytes++] = folds ? lower(part.data[i]) : part.data[i];
        }
        key[bytes++] = '\n';
    }
    return (struct rbk_str){key, bytes};
}
