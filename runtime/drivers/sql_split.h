#ifndef RBK_RUNTIME_DRIVERS_SQL_SPLIT_H
#define RBK_RUNTIME_DRIVERS_SQL_SPLIT_H

/*
 * SQL text cut into statements, as PostgreSQL would cut it: strings (also E'' and $tag$), quoted
 * names, nested comments, brackets and BEGIN ATOMIC bodies are passed over whole. Nothing is
 * checked: what is no SQL is for the server to refuse.
 */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/base/str.h"

/** Where a scan has got to; begin with {.text = the whole text}. */
struct rbk_sql_scan {
    struct rbk_str text;
    size_t at;
};

/** One statement. */
struct rbk_sql_statement {
    struct rbk_str text; /**< Without the semicolon; comments before it are part of it. */
    char first[16];      /**< Its first words in upper case, cut; "" when there are fewer. */
    char second[16];
    char third[16];
    uint32_t param_max; /**< The highest parameter it names: 2 for "$2"; 0: none. */
};

/** Whether a statement names parameter `$number`. */
bool rbk_sql_names_param(const struct rbk_sql_statement *statement, uint32_t number);

/** The next statement that is more than white space and comments; false at the end. */
bool rbk_sql_next(struct rbk_sql_scan *scan, struct rbk_sql_statement *ret_statement);

/** Whether it begins or ends a transaction: BEGIN, START, COMMIT, END, ABORT, ROLLBACK (but not
 * ROLLBACK TO), PREPARE TRANSACTION. Savepoints are no transactions. */
bool rbk_sql_controls_transaction(const struct rbk_sql_statement *statement);

#endif
