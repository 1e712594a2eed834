/*
 * The SQLite driver on real files: what it promises of transactions, receipts, readings, deadlines
 * and cancels. Rows are looked at through a connection of the test's own.
 */
#include "runtime/drivers/sql_sqlite.h"
#include "tests/unit/drivers/harness.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDLESS \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

static struct harness harness;

static void open_driver(void)
{
    harness_open(&harness, rbk_sql_sqlite_open);
}

static void close_driver(void)
{
    harness_close(&harness);
}

static struct rbk_request effect(const char *sql)
{
    struct rbk_request request = harness_request();
    request.connection_kind = RBK_CONNECTION_SQLITE;
    request.address = RBK_STR("sqlite:data.db");
    request.statement = rbk_str_from(sql);
    return request;
}

static struct rbk_request reading(const char *sql)
{
    struct rbk_request request = effect(sql);
    request.reading = true;
    request.serial = 0;
    return request;
}

/* The first value of a query of the test's own. */
static int64_t look(const char *sql)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/data.db", harness.directory);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void make_table(void)
{
    struct rbk_request request = effect("CREATE TABLE leads(id INTEGER PRIMARY KEY, name TEXT);\n"
                                        "INSERT INTO leads VALUES(1, 'ada');");
    request.serial = 1;
    request.key = "setup";
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
}

START_TEST(an_effect_and_its_receipt_are_committed_together)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob') RETURNING id");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer->value, "2");
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 2);
    ck_assert_int_eq(look("SELECT count(*) FROM rbk_receipt WHERE serial = 7"), 1);
}
END_TEST

START_TEST(a_failing_statement_undoes_the_whole_file)
{
    make_table();
    struct rbk_request request =
        effect("INSERT INTO leads VALUES(2, 'bob'); INSERT INTO leads VALUES(1, 'twice');");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "UNIQUE constraint failed"));
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 1);
    ck_assert_int_eq(look("SELECT count(*) FROM rbk_receipt WHERE serial = 7"), 0);
}
END_TEST

START_TEST(transaction_control_is_refused_and_leaves_nothing)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob'); COMMIT; BEGIN;");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "may not begin, commit or roll back"));
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 1);
}
END_TEST

START_TEST(binds_keep_their_types)
{
    make_table();
    struct rbk_value binds[] = {
        {.type = RBK_TYPE_INT, .as.integer = 40},
        {.type = RBK_TYPE_TEXT, .as.text = RBK_STR("o'brien; DROP TABLE leads")},
        {.type = RBK_TYPE_TEXT, .missing = true},
    };
    struct rbk_request request = effect("INSERT INTO leads VALUES($1 + 2, $2); "
                                        "INSERT INTO leads VALUES($1, coalesce($3, 'none'))");
    request.binds = binds;
    request.bind_count = 3;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(look("SELECT count(*) FROM leads WHERE id = 42 AND name LIKE '%DROP%'"), 1);
    ck_assert_int_eq(look("SELECT count(*) FROM leads WHERE id = 40 AND name = 'none'"), 1);
}
END_TEST

START_TEST(a_reading_gives_one_value_missing_or_the_number_of_rows)
{
    make_table();
    struct rbk_request request = reading("SELECT name FROM leads WHERE id = 1 -- who");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer->value, "ada");
    request = reading("SELECT name FROM leads WHERE id = 99");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_MISSING);
    request = reading("SELECT NULL");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_MISSING);
    request = reading("SELECT x'61ff00'");
    answer = harness_run(&harness, &request);
    ck_assert(answer->missing);
    ck_assert_ptr_nonnull(strstr(answer->detail, "not text"));
    request = reading("SELECT 1 UNION SELECT 2");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    request.rows = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->type, RBK_TYPE_INT);
    ck_assert_int_eq(answer->integer, 2);
}
END_TEST

START_TEST(a_reading_writes_nothing_and_creates_no_file)
{
    struct rbk_request request = reading("SELECT 1");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "there is no database file"));
    make_table();
    request = reading("DELETE FROM leads RETURNING id");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    request = reading("SELECT 1; SELECT 2");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 1);
}
END_TEST

START_TEST(an_endless_statement_ends_at_its_deadline_and_is_undone)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob'); " ENDLESS);
    request.timeout_ms = harness_ms(200);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_uint_ge(answer->took_ms, harness_ms(199));
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 1);
}
END_TEST

START_TEST(cancel_stops_a_statement_and_undoes_it)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob'); " ENDLESS);
    harness_start(&harness, &request);
    harness_drain(&harness);
    harness.driver->ops->cancel(harness.activity);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 1);
}
END_TEST

START_TEST(a_locked_file_is_waited_for_up_to_the_deadline)
{
    make_table();
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/data.db", harness.directory);
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob')");
    request.timeout_ms = harness_ms(150);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(answer->detail, "locked"));
    ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    request.timeout_ms = harness_ms(10000);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
}
END_TEST

START_TEST(recover_knows_by_the_receipt)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob') RETURNING name");
    const struct harness_answer *answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_NOT_STARTED); /* no file yet */
    make_table();
    answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_NOT_STARTED);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_KNOWN);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer->value, "bob");
    request.serial = 8; /* the same step, dispatched again */
    answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_NOT_STARTED);
    request.autocommit = true;
    answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_UNKNOWN);
}
END_TEST

START_TEST(a_runner_that_comes_late_undoes_itself)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads(name) VALUES('bob')");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "already"));
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 2);
    request.serial = 8;
    request.attempt = 2;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
}
END_TEST

START_TEST(autocommit_statements_stay_when_a_later_one_fails)
{
    make_table();
    struct rbk_request request =
        effect("INSERT INTO leads VALUES(2, 'bob'); INSERT INTO leads VALUES(1, 'twice');");
    request.autocommit = true;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(look("SELECT count(*) FROM leads"), 2);
}
END_TEST

START_TEST(a_value_beyond_the_limit_is_refused)
{
    make_table();
    struct rbk_request request = reading("SELECT hex(zeroblob(1000))");
    request.output_bytes_max = 100;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "larger than 100 bytes"));
}
END_TEST

START_TEST(a_damaged_file_is_an_error)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/data.db", harness.directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is no database\n", file);
    }
    (void)fclose(file);
    struct rbk_request request = effect("CREATE TABLE t(x)");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "not a database"));
}
END_TEST

START_TEST(a_driver_may_be_closed_inside_its_answer)
{
    make_table();
    struct rbk_request request = effect("INSERT INTO leads VALUES(2, 'bob')");
    ck_assert_int_eq(harness_close_inside(&harness, &request, rbk_sql_sqlite_open)->outcome,
                     RBK_OUTCOME_OK);
}
END_TEST

START_TEST(closing_a_driver_at_work_leaves_nothing_behind)
{
    make_table();
    struct rbk_request request = effect(ENDLESS);
    harness_start(&harness, &request);
    harness_drain(&harness);
    struct rbk_activity *first = harness.activity;
    harness_start(&harness, &request); /* waits for the file */
    ck_assert_ptr_ne(first, harness.activity);
    harness_drain(&harness);
    harness_close(&harness); /* nobody is told */
    ck_assert_uint_eq(harness.answer.count, 0);
    open_driver();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sql_sqlite");
    tcase_add_checked_fixture(tests, open_driver, close_driver);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_effect_and_its_receipt_are_committed_together);
    tcase_add_test(tests, a_failing_statement_undoes_the_whole_file);
    tcase_add_test(tests, transaction_control_is_refused_and_leaves_nothing);
    tcase_add_test(tests, binds_keep_their_types);
    tcase_add_test(tests, a_reading_gives_one_value_missing_or_the_number_of_rows);
    tcase_add_test(tests, a_reading_writes_nothing_and_creates_no_file);
    tcase_add_test(tests, an_endless_statement_ends_at_its_deadline_and_is_undone);
    tcase_add_test(tests, cancel_stops_a_statement_and_undoes_it);
    tcase_add_test(tests, a_locked_file_is_waited_for_up_to_the_deadline);
    tcase_add_test(tests, recover_knows_by_the_receipt);
    tcase_add_test(tests, a_runner_that_comes_late_undoes_itself);
    tcase_add_test(tests, autocommit_statements_stay_when_a_later_one_fails);
    tcase_add_test(tests, a_value_beyond_the_limit_is_refused);
    tcase_add_test(tests, a_damaged_file_is_an_error);
    tcase_add_test(tests, a_driver_may_be_closed_inside_its_answer);
    tcase_add_test(tests, closing_a_driver_at_work_leaves_nothing_behind);
    Suite *suite = suite_create("sql_sqlite");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
