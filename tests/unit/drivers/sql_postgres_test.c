/*
 * The PostgreSQL driver on a real server: transactions, binds, readings, limits, cancels. What
 * happens when connections and processes die is in sql_postgres_fault_test.c.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "tests/unit/drivers/postgres_fixture.h"

static void note_comes_before_commit(struct harness *self)
{
    ck_assert_ptr_nonnull(strstr(self->note, "\"xid\":\""));
    ck_assert_ptr_nonnull(strstr(self->note, "\"system\":\""));
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}

START_TEST(a_file_is_committed_after_its_note)
{
    harness.on_note = note_comes_before_commit;
    struct rbk_request request =
        effect("-- two rows; really\nINSERT INTO leads VALUES(1, 'ada;');\n"
               "INSERT INTO leads VALUES(2, $$b'ob$$) RETURNING name;\n");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_uint_eq(harness.note_count, 1);
    ck_assert_str_eq(answer->value, "b'ob");
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "2");
    ck_assert(backends_end());
}
END_TEST

START_TEST(a_note_holds_no_secret)
{
    const struct rbk_str secrets[] = {RBK_STR("hunter22")};
    struct rbk_request request = effect("SELECT 'it is hunter22'");
    request.secrets = secrets;
    request.secret_count = 1;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    ck_assert_ptr_null(strstr(harness.note, "hunter22"));
    ck_assert_ptr_nonnull(strstr(harness.note, "it is [secret]"));
}
END_TEST

START_TEST(a_constraint_undoes_the_whole_file)
{
    struct rbk_request request =
        effect("INSERT INTO leads VALUES(1, 'ada'); INSERT INTO leads VALUES(1, 'twice');");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "ERROR 23505: duplicate key"));
    ck_assert_ptr_nonnull(strstr(answer->detail, "DETAIL: Key (id)=(1)"));
    ck_assert_ptr_nonnull(strstr(answer->detail, "CONSTRAINT: leads_pkey"));
    ck_assert_uint_eq(harness.note_count, 0);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(a_deferred_constraint_fails_at_commit)
{
    (void)look("ALTER TABLE leads ADD boss int REFERENCES leads DEFERRABLE INITIALLY DEFERRED");
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'ada', 99)");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "23503"));
    ck_assert_uint_eq(harness.note_count, 1);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(transaction_control_is_refused_before_anything_is_sent)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x'); COMMIT; BEGIN;");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "may not begin, commit or roll back"));
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
    request = effect("SAVEPOINT a; INSERT INTO leads VALUES(1, 'x'); ROLLBACK TO a;");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(a_transaction_that_does_nothing_works)
{
    struct rbk_request request = effect("-- nothing\n");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
    request = effect("SET TRANSACTION READ ONLY; SELECT 42");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(answer->value, "42");
}
END_TEST

START_TEST(binds_are_values_whatever_is_in_them)
{
    struct rbk_value tags[] = {
        {.type = RBK_TYPE_TEXT, .as.text = RBK_STR("a\"b\\c,d")},
        {.type = RBK_TYPE_TEXT, .as.text = RBK_STR("{}")},
    };
    struct rbk_value binds[] = {
        {.type = RBK_TYPE_INT, .as.integer = 41},
        {.type = RBK_TYPE_TEXT, .as.text = RBK_STR("'); DROP TABLE leads; --")},
        {.type = RBK_TYPE_TEXT, .missing = true},
        {.type = RBK_TYPE_DURATION, .as.integer = 90000},
        {.type = RBK_TYPE_RATIO, .as.number = 0.05},
        {.type = RBK_TYPE_TIME, .as.integer = 1500},
        {.type = RBK_TYPE_LIST, .as.list = {tags, 2}},
    };
    /* The second statement names $1 and $3 only, so $2 has no type of its own. */
    struct rbk_request request =
        effect("INSERT INTO leads VALUES($1 + 1, $2); INSERT INTO leads VALUES($1, $3);");
    request.binds = binds;
    request.bind_count = RBK_COUNT(binds);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(look("SELECT name FROM leads WHERE id = 42"), "'); DROP TABLE leads; --");
    ck_assert_str_eq(look("SELECT name IS NULL FROM leads WHERE id = 41"), "t");
    struct rbk_request look_at =
        reading("SELECT concat_ws('|', $4::interval, $5::numeric, "
                "extract(epoch FROM $6::timestamptz)::numeric(9,3), ($7::text[])[1])");
    look_at.binds = binds;
    look_at.bind_count = RBK_COUNT(binds);
    answer = harness_run(&harness, &look_at);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(answer->value, "00:01:30|0.05|1.500|a\"b\\c,d");
}
END_TEST

START_TEST(a_reading_gives_one_value_missing_or_the_number_of_rows)
{
    struct rbk_request request = reading("SELECT count(*)::numeric / 3 FROM leads;");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_ptr_nonnull(strstr(answer->value, "0.0"));
    request = reading("SELECT id FROM leads");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_MISSING);
    request = reading("SELECT NULL");
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_MISSING);
    request = reading("SELECT generate_series(1, 100000)");
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "one row was expected, but there are 100000"));
    request.rows = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_int_eq(answer->integer, 100000);
}
END_TEST

START_TEST(a_reading_cannot_write)
{
    static const char *const writes[] = {"INSERT INTO leads VALUES(1, 'x') RETURNING id",
                                         "SELECT 1; DELETE FROM leads", "COMMIT",
                                         "SELECT 1; COMMIT; INSERT INTO leads VALUES(1, 'x')",
                                         "SELECT set_config('transaction_read_only', 'off', true)"};
    for (size_t i = 0; i < RBK_COUNT(writes); i++) {
        struct rbk_request request = reading(writes[i]);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", writes[i]);
    }
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(readings_share_a_connection_and_replace_a_dead_one)
{
    struct rbk_request request = reading("SELECT pg_backend_pid()");
    char first[64];
    (void)snprintf(first, sizeof(first), "%.63s", harness_run(&harness, &request)->value);
    ck_assert_str_eq(harness_run(&harness, &request)->value, first);
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%s, 5000)", first);
    ck_assert_str_eq(look(sql), "t");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_ne(answer->value, first);
}
END_TEST

START_TEST(only_a_row_is_bounded_not_all_rows_together)
{
    /* More than one row may have, a megabyte at a time. */
    struct rbk_request request =
        effect("SELECT repeat('x', 1 << 20) FROM generate_series(1, 80); SELECT 42");
    ck_assert_uint_gt((size_t)80 << 20, RBK_SQL_ROW_BYTES_MAX);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(answer->value, "42");
}
END_TEST

START_TEST(an_effect_past_its_deadline_is_dead_and_undone)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x'); SELECT pg_sleep(60)");
    request.timeout_ms = harness_ms(300);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(answer->message, "timed out"));
    ck_assert(backends_end());
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(our_deadline_holds_where_the_server_knows_none)
{
    struct rbk_request request = effect("SET LOCAL statement_timeout = 0; SELECT pg_sleep(60)");
    request.timeout_ms = harness_ms(300);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_uint_ge(answer->took_ms, harness_ms(299));
    ck_assert_ptr_nonnull(strstr(answer->detail, "57014"));
    ck_assert(backends_end());
}
END_TEST

START_TEST(waiting_for_a_lock_times_out_with_its_reason)
{
    PGconn *other = own_connection("holder");
    PQclear(PQexec(other, "BEGIN; LOCK TABLE leads"));
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x')");
    request.timeout_ms = harness_ms(400);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(answer->message, "lock timeout"));
    PQfinish(other);
}
END_TEST

START_TEST(a_limit_of_the_plan_itself_is_a_failure)
{
    struct rbk_request request = effect("SET LOCAL statement_timeout = 50; SELECT pg_sleep(60)");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "57014"));
}
END_TEST

static bool sleeper_runs(struct harness *self)
{
    (void)self;
    return look_at_number("SELECT count(*) FROM pg_stat_activity "
                          "WHERE wait_event = 'PgSleep'") > 0;
}

START_TEST(cancel_stops_what_runs_and_undoes_it)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x'); SELECT pg_sleep(60)");
    harness_start(&harness, &request);
    while (!sleeper_runs(&harness)) {
        uv_run(&harness.loop, UV_RUN_NOWAIT);
    }
    harness.driver->ops->cancel(harness.activity);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
    ck_assert(backends_end());
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(cancel_at_once_needs_no_server)
{
    struct rbk_request request = effect("SELECT 1");
    harness_start(&harness, &request);
    harness.driver->ops->cancel(harness.activity);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
}
END_TEST

static bool note_is_there(struct harness *self)
{
    return self->note_count > 0;
}

START_TEST(cancel_between_note_and_commit_rolls_back)
{
    harness.hold_note = true;
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x')");
    harness_start(&harness, &request);
    harness_wait(&harness, note_is_there);
    harness.driver->ops->cancel(harness.activity);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer->cancelled);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(autocommit_runs_what_no_transaction_may)
{
    struct rbk_request request =
        effect("CREATE INDEX CONCURRENTLY leads_name ON leads(name);\nVACUUM leads;\n");
    request.autocommit = true;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_uint_eq(harness.note_count, 0);
    ck_assert_str_eq(look("SELECT indisvalid FROM pg_index WHERE indexrelid = "
                          "'leads_name'::regclass"),
                     "t");
    request = effect("INSERT INTO leads VALUES(1, 'a'); INSERT INTO leads VALUES(1, 'b')");
    request.autocommit = true;
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->detail, "1 statements before"));
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "1");
}
END_TEST

START_TEST(what_cannot_run_in_a_transaction_is_a_clear_failure)
{
    struct rbk_request request = effect("VACUUM leads");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "25001"));
}
END_TEST

START_TEST(notices_and_names_reach_the_journal)
{
    struct rbk_request request = effect("DO $x$ BEGIN RAISE NOTICE 'moved % rows', 7; END $x$; "
                                        "SELECT current_setting('application_name')");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_ptr_nonnull(strstr(answer->detail, "NOTICE: moved 7 rows"));
    ck_assert_str_eq(answer->value, "rbk/run-1/migrate/7");
}
END_TEST

START_TEST(copy_has_nothing_to_talk_to)
{
    static const char *const copies[] = {"COPY leads FROM STDIN", "COPY leads TO STDOUT"};
    for (size_t i = 0; i < RBK_COUNT(copies); i++) {
        struct rbk_request request = effect(copies[i]);
        const struct harness_answer *answer = harness_run(&harness, &request);
        ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
        ck_assert_ptr_nonnull(strstr(answer->message, "COPY"));
    }
}
END_TEST

START_TEST(a_role_without_privileges_is_served_too)
{
    (void)look("DROP ROLE IF EXISTS clerk");
    (void)look("CREATE ROLE clerk LOGIN; GRANT ALL ON leads TO clerk; "
               "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public");
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x')");
    char address[128];
    (void)snprintf(address, sizeof(address), "host=localhost port=%d user=clerk dbname=postgres",
                   postgres_port);
    request.address = rbk_str_from(address);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_ptr_nonnull(strstr(harness.note, "\"system\":\"\""));
    ck_assert_ptr_nonnull(strstr(harness.note, "\"xid\":\""));
    answer = harness_recover(&harness, &request, harness.note);
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_KNOWN);
    (void)look("GRANT EXECUTE ON FUNCTION pg_control_system() TO public; "
               "DROP TABLE leads; DROP ROLE clerk");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sql_postgres");
    tcase_add_test(tests, a_file_is_committed_after_its_note);
    tcase_add_test(tests, a_note_holds_no_secret);
    tcase_add_test(tests, a_constraint_undoes_the_whole_file);
    tcase_add_test(tests, a_deferred_constraint_fails_at_commit);
    tcase_add_test(tests, transaction_control_is_refused_before_anything_is_sent);
    tcase_add_test(tests, a_transaction_that_does_nothing_works);
    tcase_add_test(tests, binds_are_values_whatever_is_in_them);
    tcase_add_test(tests, a_reading_gives_one_value_missing_or_the_number_of_rows);
    tcase_add_test(tests, a_reading_cannot_write);
    tcase_add_test(tests, readings_share_a_connection_and_replace_a_dead_one);
    tcase_add_test(tests, only_a_row_is_bounded_not_all_rows_together);
    tcase_add_test(tests, an_effect_past_its_deadline_is_dead_and_undone);
    tcase_add_test(tests, our_deadline_holds_where_the_server_knows_none);
    tcase_add_test(tests, waiting_for_a_lock_times_out_with_its_reason);
    tcase_add_test(tests, a_limit_of_the_plan_itself_is_a_failure);
    tcase_add_test(tests, cancel_stops_what_runs_and_undoes_it);
    tcase_add_test(tests, cancel_at_once_needs_no_server);
    tcase_add_test(tests, cancel_between_note_and_commit_rolls_back);
    tcase_add_test(tests, autocommit_runs_what_no_transaction_may);
    tcase_add_test(tests, what_cannot_run_in_a_transaction_is_a_clear_failure);
    tcase_add_test(tests, notices_and_names_reach_the_journal);
    tcase_add_test(tests, copy_has_nothing_to_talk_to);
    tcase_add_test(tests, a_role_without_privileges_is_served_too);
    return postgres_main(tests);
}
