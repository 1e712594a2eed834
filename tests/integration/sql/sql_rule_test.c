/*
 * RBK125 against real servers: each statement of the lists beside this file is sent inside a
 * transaction, and what the server answers is what the compiler says of its text.
 *
 *   setup.sql     what the others need, sent outside of transactions
 *   refused.sql   error 25001 (active_sql_transaction), and RBK_SQL_OUTSIDE
 *   ends.sql      the transaction is over, and RBK_SQL_CLOSES
 *   harmless.sql  no error, the transaction goes on, and RBK_SQL_PLAIN for every statement in it
 *
 * Statements are separated by lines that are `;;`. A list without surprises proves little, so the
 * harmless ones are full of words in quotes, comments and bodies that would be refused outside
 * them.
 */
#include "compiler/sql_statement.h"
#include "runtime/core/base/attributes.h"
#include "tests/unit/drivers/servers.h"

#include <check.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)64 * 1024)
#define SEPARATOR "\n;;\n"

static PGconn *connection;

static void ignore(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static void connect_to(int port)
{
    char address[128];
    (void)snprintf(address, sizeof(address), "host=127.0.0.1 port=%d user=postgres dbname=postgres",
                   port);
    connection = PQconnectdb(address);
    ck_assert_msg(PQstatus(connection) == CONNECTION_OK, "%s", PQerrorMessage(connection));
    (void)PQsetNoticeProcessor(connection, ignore, NULL);
}

/* The text of a list; freed by the caller. */
static char *read_list(const char *name)
{
    const char *source = getenv("RBK_SOURCE");
    char path[512];
    char *text = calloc(1, LIST_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(text);
    (void)snprintf(path, sizeof(path), "%s/tests/integration/sql/%s", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    size_t bytes = fread(text, 1, LIST_BYTES_MAX, file);
    ck_assert_uint_lt(bytes, LIST_BYTES_MAX);
    (void)fclose(file);
    return text;
}

/* The next statement of a list, which is cut; NULL at the end. */
static char *next_of(char **at)
{
    char *statement = *at;
    char *end = statement ? strstr(statement, SEPARATOR) : NULL;
    if (!statement) {
        return NULL;
    }
    *at = end ? end + strlen(SEPARATOR) : NULL;
    if (end) {
        *end = '\0';
    }
    return statement;
}

/* The SQLSTATE of a statement's answer; "" when it was carried out. */
static const char *answer(const char *statement)
{
    static char state[8];
    PGresult *result = PQexec(connection, statement);
    const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    (void)snprintf(state, sizeof(state), "%s", field ? field : "");
    PQclear(result);
    return state;
}

/* What the compiler says of a text: the first class that is not plain. */
static enum rbk_sql_class verdict(const char *text, enum rbk_sql_dialect dialect)
{
    struct rbk_sql_reader reader = rbk_sql_read(rbk_str_from(text), dialect);
    struct rbk_sql_statement statement;
    enum rbk_sql_class class = RBK_SQL_PLAIN;
    while (class == RBK_SQL_PLAIN && rbk_sql_read_next(&reader, &statement)) {
        class = statement.class;
    }
    return class;
}

static void set_up(void)
{
    connect_to(servers_start("postgres"));
    char *list = read_list("setup.sql");
    char *at = list;
    for (char *statement; (statement = next_of(&at));) {
        ck_assert_msg(strcmp(answer(statement), "") == 0, "%s: %s", statement,
                      PQerrorMessage(connection));
    }
    free(list);
}

static void tear_down(void)
{
    PQfinish(connection);
    servers_stop();
}

START_TEST(what_a_transaction_cannot_hold_is_told)
{
    char *list = read_list("refused.sql");
    char *at = list;
    unsigned count = 0;
    for (char *statement; (statement = next_of(&at)); count++) {
        ck_assert_str_eq(answer("BEGIN"), "");
        const char *state = answer(statement);
        ck_assert_msg(strcmp(state, "25001") == 0, "%s: the server says %s", statement, state);
        ck_assert_msg(verdict(statement, RBK_SQL_POSTGRES) == RBK_SQL_OUTSIDE, "%s", statement);
        ck_assert_str_eq(answer("ROLLBACK"), "");
    }
    ck_assert_uint_gt(count, 40);
    free(list);
}
END_TEST

START_TEST(what_ends_a_transaction_is_told)
{
    char *list = read_list("ends.sql");
    char *at = list;
    for (char *statement; (statement = next_of(&at));) {
        ck_assert_str_eq(answer("BEGIN"), "");
        ck_assert_str_eq(answer(statement), "");
        ck_assert_msg(PQtransactionStatus(connection) == PQTRANS_IDLE, "%s", statement);
        ck_assert_msg(verdict(statement, RBK_SQL_POSTGRES) == RBK_SQL_CLOSES, "%s", statement);
    }
    free(list);
}
END_TEST

START_TEST(what_is_harmless_is_left_alone)
{
    char *list = read_list("harmless.sql");
    char *at = list;
    unsigned count = 0;
    for (char *statement; (statement = next_of(&at)); count++) {
        ck_assert_str_eq(answer("BEGIN"), "");
        const char *state = answer(statement);
        ck_assert_msg(strcmp(state, "") == 0, "%s: the server says %s: %s", statement, state,
                      PQerrorMessage(connection));
        ck_assert_msg(PQtransactionStatus(connection) == PQTRANS_INTRANS, "%s", statement);
        enum rbk_sql_class class = verdict(statement, RBK_SQL_POSTGRES);
        ck_assert_msg(class == RBK_SQL_PLAIN, "%s: %u", statement, (unsigned)class);
        ck_assert_str_eq(answer("ROLLBACK"), "");
    }
    ck_assert_uint_ge(count, 200);
    free(list);
}
END_TEST

/* ---- SQLite ------------------------------------------------------------------------------------
 */

static int sqlite_answer(const char *statement)
{
    char path[512];
    sqlite3 *database = NULL;
    (void)snprintf(path, sizeof(path), "%s/rule.db", servers_directory());
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database,
                                  "CREATE TABLE IF NOT EXISTS t (a); BEGIN IMMEDIATE; "
                                  "INSERT INTO t VALUES (1)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    int code = sqlite3_exec(database, statement, NULL, NULL, NULL);
    ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
    (void)remove(path);
    return code;
}

START_TEST(sqlite_refuses_what_is_told)
{
    static const char *const refused[] = {"VACUUM",
                                          "vacuum into '/dev/null'",
                                          "PRAGMA synchronous = OFF",
                                          "PRAGMA main.synchronous(1)",
                                          "PRAGMA wal_checkpoint",
                                          "/* a /* b */ PRAGMA wal_checkpoint(TRUNCATE)"};
    static const char trigger[] =
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE a WHEN 1 THEN 2 END; "
        "DELETE FROM t; END; SELECT 1";
    static const char *const harmless[] = {"PRAGMA synchronous",
                                           "PRAGMA journal_mode",
                                           "PRAGMA user_version = 3",
                                           "SELECT 'VACUUM'",
                                           "SELECT 1 AS [VACUUM; COMMIT]",
                                           "SELECT 1 AS `it's; VACUUM`",
                                           "ANALYZE",
                                           "REINDEX",
                                           trigger,
                                           "SAVEPOINT vacuum; RELEASE vacuum",
                                           "SELECT 'a\\'; SELECT 'VACUUM'",
                                           "PRAGMA cache_size = 9"};
    for (size_t i = 0; i < RBK_COUNT(refused); i++) {
        ck_assert_msg(sqlite_answer(refused[i]) != SQLITE_OK, "%s", refused[i]);
        ck_assert_msg(verdict(refused[i], RBK_SQL_SQLITE) == RBK_SQL_OUTSIDE, "%s", refused[i]);
    }
    for (size_t i = 0; i < RBK_COUNT(harmless); i++) {
        ck_assert_msg(sqlite_answer(harmless[i]) == SQLITE_OK, "%s", harmless[i]);
        ck_assert_msg(verdict(harmless[i], RBK_SQL_SQLITE) == RBK_SQL_PLAIN, "%s", harmless[i]);
    }
}
END_TEST

static int keep_first(void *context, int count, char **values, char **names)
{
    (void)names;
    (void)snprintf(context, 16, "%s", count > 0 && values[0] ? values[0] : "");
    return 0;
}

/* Accepted inside a transaction, and nothing is different afterwards. */
START_TEST(sqlite_passes_over_what_is_told)
{
    static const char *const pragmas[][2] = {{"PRAGMA journal_mode", "memory"},
                                             {"PRAGMA foreign_keys", "1"}};
    for (size_t i = 0; i < RBK_COUNT(pragmas); i++) {
        char set[64];
        char before[16] = "";
        char after[16] = "";
        char path[512];
        sqlite3 *database = NULL;
        (void)snprintf(path, sizeof(path), "%s/passed.db", servers_directory());
        (void)snprintf(set, sizeof(set), "%s = %s", pragmas[i][0], pragmas[i][1]);
        ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(database, pragmas[i][0], keep_first, before, NULL),
                         SQLITE_OK);
        ck_assert_int_eq(
            sqlite3_exec(database, "BEGIN IMMEDIATE; CREATE TABLE t (a)", NULL, NULL, NULL),
            SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(database, set, NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(database, pragmas[i][0], keep_first, after, NULL), SQLITE_OK);
        ck_assert_str_eq(before, after);
        ck_assert_str_ne(before, pragmas[i][1]);
        ck_assert_int_eq(verdict(set, RBK_SQL_SQLITE), RBK_SQL_NOTHING);
        ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
        (void)remove(path);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("integration/sql");
    TCase *cases = tcase_create("sql");
    tcase_add_unchecked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, what_a_transaction_cannot_hold_is_told);
    tcase_add_test(cases, what_ends_a_transaction_is_told);
    tcase_add_test(cases, what_is_harmless_is_left_alone);
    tcase_add_test(cases, sqlite_refuses_what_is_told);
    tcase_add_test(cases, sqlite_passes_over_what_is_told);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* one server and one connection for all */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
