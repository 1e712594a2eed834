/*
 * What RBK125 wants to know of SQL: the statements of a text one by one, whether each can run
 * inside a transaction, and whether it destroys data. Built on sql_lexer.h; it looks at the words
 * that decide and passes over the rest, so a statement it does not know is RBK_SQL_PLAIN.
 *
 * The list is that of PreventInTransactionBlock() in PostgreSQL's source (10 to 18), and what
 * SQLite documents and answers; tests/integration/sql_rule_test.py asks both servers about each of
 * them.
 */
#ifndef RBK_COMPILER_SQL_STATEMENT_H
#define RBK_COMPILER_SQL_STATEMENT_H

#include "compiler/sql_lexer.h"

#include <stdint.h>

struct rbk_arena;

/** Names kept of one statement; it may have more. */
#define RBK_SQL_NAMES_MAX 16u

/** What a statement is to the transaction around it. */
enum rbk_sql_class {
    RBK_SQL_PLAIN,    /**< It runs inside one, as far as its text shows. */
    RBK_SQL_OUTSIDE,  /**< The server refuses it inside one. */
    RBK_SQL_NOTHING,  /**< Inside one it is accepted and changes nothing (SQLite's pragmas). */
    RBK_SQL_OPENS,    /**< It begins one. */
    RBK_SQL_CLOSES,   /**< It ends one. */
    RBK_SQL_CLIENT,   /**< No SQL: a command of psql, or of the sqlite3 shell. */
    RBK_SQL_COPIES,   /**< COPY from or to the client, which a plan has none of. */
    RBK_SQL_UNCLOSED, /**< A string, name or comment never ends: what follows cannot be told. */
};

/** What of the data is gone after a statement. */
enum rbk_sql_loss {
    RBK_SQL_KEEPS,
    RBK_SQL_DROPS_TABLE,  /**< A table, schema, database, or all that a role owns; names: which. */
    RBK_SQL_DROPS_COLUMN, /**< names: the columns; table: whose. */
    RBK_SQL_EMPTIES,      /**< TRUNCATE, DELETE without WHERE; names: the tables. */
    RBK_SQL_OVERWRITES,   /**< UPDATE without WHERE that does not start from the old value; names:
                               the columns; table: whose. */
};

/** Names as written, folded as the server folds them: lower case unless in quotes. */
struct rbk_sql_names {
    struct rbk_str items[RBK_SQL_NAMES_MAX]; /**< `schema.name` of a qualified one, as written. */
    uint32_t count;
    bool more; /**< There were more than fit. */
};

/** One statement. All texts are slices of the reader's text. */
struct rbk_sql_statement {
    struct rbk_str text; /**< From its first token to before its semicolon. */
    struct rbk_str mark; /**< What to underline: the words that decide, from the first one on. */
    enum rbk_sql_class class;
    const char *what; /**< The statement in words: "VACUUM", "CREATE INDEX CONCURRENTLY"; of
                           UNCLOSED what is open. NULL for PLAIN. */
    enum rbk_sql_loss loss;
    const char *loses;        /**< "DROP TABLE", …; NULL for KEEPS. */
    struct rbk_str loss_mark; /**< What to underline for that. */
    struct rbk_str table;     /**< Of ALTER TABLE and UPDATE. */
    bool updates;             /**< It is an UPDATE. */
    struct rbk_sql_names names;
    struct rbk_sql_names
        makes;          /**< Tables and schemas it creates, or columns it adds to `table`. */
    bool makes_columns; /**< makes: columns. */
};

/** Where the reading of a text has got to. */
struct rbk_sql_reader {
    struct rbk_sql_lexer lexer;
    bool slot_given_up; /**< A statement before said `slot_name = none`. */
};

/** A reader at the start of a text, which is borrowed. */
struct rbk_sql_reader rbk_sql_read(struct rbk_str text, enum rbk_sql_dialect dialect);

/** The next statement that is more than blanks and comments; false at the end. */
bool rbk_sql_read_next(struct rbk_sql_reader *reader, struct rbk_sql_statement *ret_statement);

/** Whether two names, as `table` and `names` hold them, are the same to the server. */
bool rbk_sql_same_name(struct rbk_str a, struct rbk_str b);

/** The key of a name in a map: those of two names are the same exactly when the names are. */
struct rbk_str rbk_sql_name_key(struct rbk_arena *arena, struct rbk_str name);

/* ---- sql_loss.c: for sql_statement.c alone ----------------------------------------------------
 */

/** A walk over one statement's tokens. */
struct rbk_sql_cursor {
    struct rbk_sql_lexer lexer;
    struct rbk_sql_token token; /**< The one at hand. */
    const char *behind;         /**< The end of the one before it. */
};

/** Go on to the next token. */
void rbk_sql_advance(struct rbk_sql_cursor *cursor);

/** Pass over a word if it is there. @word: in upper case. */
bool rbk_sql_accept(struct rbk_sql_cursor *cursor, const char *word);

/** Pass over a name, qualified or not. @return it as written, or an empty one. */
struct rbk_str rbk_sql_accept_name(struct rbk_sql_cursor *cursor);

/** Pass over a token, or over everything between brackets. */
void rbk_sql_skip(struct rbk_sql_cursor *cursor);

/** A cursor at the first token of a text. */
struct rbk_sql_cursor rbk_sql_cursor_make(struct rbk_str text, enum rbk_sql_dialect dialect);

/** Find out what a statement, whose text is set, destroys and makes. */
void rbk_sql_find_loss(struct rbk_sql_statement *statement, enum rbk_sql_dialect dialect);

#endif
