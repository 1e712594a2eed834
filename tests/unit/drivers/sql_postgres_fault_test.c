/*
 * PostgreSQL while connections are cut, backends die or stop, and runners are killed: at each point
 * the driver must say truthfully whether the rows are there.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/drivers/postgres/postgres.h"
#include "tests/unit/drivers/postgres_fixture.h"

#define INSERT "INSERT INTO leads VALUES(1, 'x') RETURNING name"

START_TEST(a_refused_port_fails_at_once)
{
    struct rbk_request request = through(servers_closed_port(), effect(INSERT));
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "no connection"));
    request.reading = true;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_FAIL);
}
END_TEST

START_TEST(a_wrong_address_is_not_repeated)
{
    struct rbk_request request = effect(INSERT);
    request.address = RBK_STR("password=hunter22 wrong");
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_null(strstr(answer->message, "hunter22"));
    ck_assert_ptr_null(strstr(answer->detail, "hunter22"));
}
END_TEST

START_TEST(names_are_resolved_and_the_second_host_is_tried)
{
    char address[256];
    (void)snprintf(address, sizeof(address),
                   "host=127.0.0.1,localhost port=%d,%d user=postgres dbname=postgres",
                   servers_closed_port(), postgres_port);
    struct rbk_request request = effect(INSERT);
    request.address = rbk_str_from(address);
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    request.address = RBK_STR("host=nowhere.invalid user=postgres");
    answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "cannot be resolved"));
}
END_TEST

START_TEST(a_commit_whose_answer_is_lost_is_found_out)
{
    struct proxy proxy = proxy_start(postgres_port, "COMMIT", PROXY_CUT_AFTER, 1);
    struct rbk_request request = through(proxy.port, effect(INSERT));
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_ptr_nonnull(strstr(answer->message, "though the connection was lost"));
    ck_assert_str_eq(answer->value, "x");
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "1");
    proxy_stop(&proxy);
}
END_TEST

START_TEST(a_commit_that_never_arrives_has_failed)
{
    struct proxy proxy = proxy_start(postgres_port, "COMMIT", PROXY_CUT_BEFORE, 1);
    struct rbk_request request = through(proxy.port, effect(INSERT));
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", answer->message);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
    proxy_stop(&proxy);
}
END_TEST

static void cut_everything(struct harness *self)
{
    proxy_stop(self->context); /* from now on the server cannot be reached */
}

START_TEST(a_commit_that_nobody_can_ask_about_is_in_doubt)
{
    struct proxy proxy = proxy_start(postgres_port, "nothing", PROXY_CUT_AFTER, 0);
    struct rbk_request request = through(proxy.port, effect(INSERT));
    request.timeout_ms = 2000;
    harness.context = &proxy;
    harness.on_note = cut_everything;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_DOUBT);
    ck_assert_ptr_nonnull(strstr(answer->message, "is not known"));
}
END_TEST

START_TEST(a_commit_without_an_answer_is_found_out_after_the_deadline)
{
    struct proxy proxy = proxy_start(postgres_port, "COMMIT", PROXY_MUTE, 1);
    struct rbk_request request = through(proxy.port, effect(INSERT));
    request.timeout_ms = 2000;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_OK, "%s", answer->message);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "1");
    proxy_stop(&proxy);
}
END_TEST

START_TEST(a_connection_lost_before_commit_has_failed)
{
    static const char *const points[] = {"pg_control_system", "BEGIN", "INSERT", "pg_current_xact"};
    for (size_t i = 0; i < RBK_COUNT(points); i++) {
        for (int mode = PROXY_CUT_BEFORE; mode <= PROXY_CUT_AFTER; mode++) {
            struct proxy proxy = proxy_start(postgres_port, points[i], (enum proxy_mode)mode, 1);
            struct rbk_request request = through(proxy.port, effect(INSERT));
            const struct harness_answer *answer = harness_run(&harness, &request);
            ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s %d: %s", points[i], mode,
                          answer->message);
            ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
            proxy_stop(&proxy);
        }
    }
}
END_TEST

START_TEST(a_reading_whose_connection_is_lost_fails)
{
    struct proxy proxy = proxy_start(postgres_port, "count", PROXY_CUT_AFTER, 1);
    struct rbk_request request = through(proxy.port, reading("SELECT count(*) FROM leads"));
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_ptr_nonnull(strstr(answer->message, "connection was lost"));
    answer = harness_run(&harness, &request); /* and the next one has a new connection */
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    proxy_stop(&proxy);
}
END_TEST

START_TEST(an_autocommit_statement_whose_answer_is_lost_is_in_doubt)
{
    struct proxy proxy = proxy_start(postgres_port, "INSERT", PROXY_CUT_AFTER, 1);
    struct rbk_request request = through(proxy.port, effect(INSERT));
    request.autocommit = true;
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_DOUBT);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "1");
    proxy_stop(&proxy);
}
END_TEST

static bool backend_works(struct harness *self)
{
    (void)self;
    return look_at_number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
                          "AND application_name LIKE 'rbk/run-1/migrate/%'") == 1;
}

static void wait_for_work(void)
{
    while (!backend_works(&harness)) {
        uv_run(&harness.loop, UV_RUN_NOWAIT);
    }
}

START_TEST(a_backend_that_is_ended_by_somebody_has_failed)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x'); SELECT pg_sleep(60)");
    harness_start(&harness, &request);
    wait_for_work();
    (void)look("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE application_name LIKE 'rbk/run-1/migrate/%'");
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert(!answer->cancelled);
    ck_assert_ptr_nonnull(strstr(answer->message, "57P01"));
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

static bool note_is_there(struct harness *self)
{
    return self->note_count > 0;
}

START_TEST(a_backend_that_is_ended_between_note_and_commit_has_failed)
{
    harness.hold_note = true;
    struct rbk_request request = effect(INSERT);
    harness_start(&harness, &request);
    harness_wait(&harness, note_is_there);
    (void)look("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE application_name LIKE 'rbk/run-1/migrate/%'");
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_FAIL);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(a_server_that_does_not_answer_a_cancel_has_its_backend_ended)
{
    /* The query's connection is mute: cancel requests work, but their effect is not seen. */
    struct proxy proxy = proxy_start(postgres_port, "pg_sleep", PROXY_MUTE, 1);
    struct rbk_request request = through(
        proxy.port, effect("SET LOCAL statement_timeout = 0; INSERT INTO leads VALUES(1, 'x'); "
                           "SELECT pg_sleep(60)"));
    request.timeout_ms = 2000;
    const struct harness_answer *answer = harness_run(&harness, &request);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_TIMEOUT, "%s", answer->message);
    ck_assert_ptr_nonnull(strstr(answer->detail, "its backend is gone"));
    ck_assert_int_eq(backends(), 0);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
    proxy_stop(&proxy);
}
END_TEST

START_TEST(a_backend_that_cannot_be_shown_dead_leaves_doubt)
{
    struct rbk_request request = effect("SELECT pg_sleep(60)");
    request.timeout_ms = 2000;
    harness_start(&harness, &request);
    wait_for_work();
    pid_t pid = (pid_t)look_at_number("SELECT pid FROM pg_stat_activity "
                                      "WHERE application_name LIKE 'rbk/run-1/migrate/%'");
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_DOUBT);
    ck_assert(backends_end());
}
END_TEST

/* A runner that dies with SIGKILL: a child process goes as far as `proceeds` lets it. The note it
 * would have journalled is handed back. */
static void die_at_note(const char *sql, bool proceeds, char *ret_note, size_t room)
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        static struct harness runner;
        harness_open(&runner, rbk_sql_postgres_open);
        runner.hold_note = true;
        struct rbk_request request = effect(sql);
        harness_start(&runner, &request);
        harness_wait(&runner, note_is_there);
        if (proceeds) {
            runner.driver->ops->proceed(runner.activity);
            (void)harness_finish(&runner);
        }
        (void)!write(pipes[1], runner.note, strlen(runner.note) + 1);
        (void)rmdir(runner.directory);
        (void)raise(SIGKILL);
    }
    (void)close(pipes[1]);
    ssize_t bytes = read(pipes[0], ret_note, room);
    ck_assert_int_gt(bytes, 0);
    (void)close(pipes[0]);
    (void)waitpid(pid, NULL, 0);
}

START_TEST(a_runner_killed_before_commit_has_not_started)
{
    char note[8192];
    die_at_note(INSERT, false, note, sizeof(note));
    struct rbk_request request = effect(INSERT);
    const struct harness_answer *answer = harness_recover(&harness, &request, note);
    ck_assert(answer->recovered);
    ck_assert_msg(answer->recovery == RBK_RECOVERY_NOT_STARTED, "%s", answer->message);
    ck_assert_int_eq(backends(), 0);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(a_runner_killed_after_commit_is_known_with_its_value)
{
    char note[8192];
    die_at_note(INSERT, true, note, sizeof(note));
    struct rbk_request request = effect(INSERT);
    const struct harness_answer *answer = harness_recover(&harness, &request, note);
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_KNOWN);
    ck_assert_int_eq(answer->outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer->value, "x");
    request.autocommit = true;
    ck_assert_int_eq(harness_recover(&harness, &request, "")->recovery, RBK_RECOVERY_UNKNOWN);
}
END_TEST

START_TEST(another_server_or_timeline_makes_it_unknown)
{
    char note[8192];
    die_at_note(INSERT, true, note, sizeof(note));
    struct rbk_request request = effect(INSERT);
    char *at = strstr(note, "\"system\":\"");
    ck_assert_ptr_nonnull(at);
    char *digit = at + strlen("\"system\":\"");
    char kept = *digit;
    *digit = kept == '1' ? '2' : '1';
    const struct harness_answer *answer = harness_recover(&harness, &request, note);
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(answer->message, "another history"));
    *digit = kept;
    at = strstr(note, "\"timeline\":\"00000001");
    ck_assert_ptr_nonnull(at);
    at[strlen("\"timeline\":\"0000000")] = '2';
    answer = harness_recover(&harness, &request, note);
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_UNKNOWN);
    answer = harness_recover(&harness, &request, "{not json");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_UNKNOWN);
}
END_TEST

START_TEST(a_backend_left_behind_is_ended_and_only_that)
{
    PGconn *old = own_connection("rbk/run-1/migrate/7");
    PGconn *other = own_connection("rbk/run-1/migrate/8");
    PQclear(PQexec(old, "BEGIN; INSERT INTO leads VALUES(1, 'old')"));
    struct rbk_request request = effect(INSERT);
    const struct harness_answer *answer = harness_recover(&harness, &request, "");
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_NOT_STARTED);
    PGresult *result = PQexec(other, "SELECT 1");
    ck_assert_int_eq(PQresultStatus(result), PGRES_TUPLES_OK);
    PQclear(result);
    ck_assert_int_eq(backends(), 1);
    PQfinish(old);
    PQfinish(other);
    ck_assert_int_eq(harness_run(&harness, &request)->outcome, RBK_OUTCOME_OK);
}
END_TEST

START_TEST(recovery_waits_for_a_server_that_is_away_and_then_gives_up)
{
    char note[8192];
    die_at_note(INSERT, true, note, sizeof(note));
    struct rbk_request request = through(servers_closed_port(), effect(INSERT));
    request.timeout_ms = 400;
    const struct harness_answer *answer = harness_recover(&harness, &request, note);
    ck_assert_int_eq(answer->recovery, RBK_RECOVERY_UNKNOWN);
    ck_assert_uint_ge(answer->took_ms, 4999); /* the least a recovery has */
}
END_TEST

START_TEST(a_server_that_crashes_under_an_effect_has_undone_it)
{
    struct rbk_request request = effect("INSERT INTO leads VALUES(1, 'x'); SELECT pg_sleep(60)");
    harness_start(&harness, &request);
    wait_for_work();
    servers_run("halt", "immediate");
    harness_drain(&harness);
    servers_run("resume", "");
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", answer->message);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

static void crash_the_server(struct harness *self)
{
    (void)self;
    servers_run("halt", "immediate"); /* between the note and COMMIT */
}

START_TEST(a_server_that_crashes_before_commit_has_undone_it)
{
    harness.on_note = crash_the_server;
    struct rbk_request request = effect(INSERT);
    harness_start(&harness, &request);
    harness_wait(&harness, note_is_there);
    harness_drain(&harness);
    servers_run("resume", "");
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_msg(answer->outcome == RBK_OUTCOME_FAIL, "%s", answer->message);
    ck_assert_str_eq(look("SELECT count(*) FROM leads"), "0");
}
END_TEST

START_TEST(recovery_outlives_a_crash_of_the_server)
{
    char note[8192];
    die_at_note(INSERT, true, note, sizeof(note));
    servers_run("halt", "immediate");
    struct rbk_request request = effect(INSERT);
    harness_start_recover(&harness, &request, note);
    harness_drain(&harness);
    servers_run("resume", "");
    const struct harness_answer *answer = harness_finish(&harness);
    ck_assert_msg(answer->recovery == RBK_RECOVERY_KNOWN, "%s", answer->message);
}
END_TEST

/* A runner dies after its note, the server crashes, and somebody else commits. @return whether that
 * was with the number of the note (unless the server had written it out just then). */
static bool give_the_number_away(char *note, size_t room)
{
    char query[128];
    die_at_note(INSERT, false, note, room);
    ck_assert_ptr_null(strstr(note, "\"reset\":0"));
    const char *xid = strstr(note, "\"xid\":\"");
    ck_assert_ptr_nonnull(xid);
    xid += strlen("\"xid\":\"");
    (void)snprintf(query, sizeof(query), "SELECT count(*) FROM leads WHERE xmin::text = '%.*s'",
                   (int)strcspn(xid, "\""), xid);
    servers_run("halt", "immediate");
    servers_run("resume", "");
    for (int i = 0; i < 20; i++) {
        (void)look("INSERT INTO leads SELECT count(*) + 100, 'somebody else' FROM leads");
        if (look_at_number(query) == 1) {
            return true;
        }
    }
    return false;
}

START_TEST(a_number_given_away_again_after_a_crash_is_not_taken_for_ours)
{
    char note[8192];
    bool given_away = false;
    for (int i = 0; !given_away && i < 5; i++) {
        given_away = give_the_number_away(note, sizeof(note));
    }
    ck_assert_msg(given_away, "the number was never given away again");
    struct rbk_request request = effect(INSERT);
    const struct harness_answer *answer = harness_recover(&harness, &request, note);
    ck_assert_msg(answer->recovery == RBK_RECOVERY_UNKNOWN, "%s", answer->message);
    ck_assert_ptr_nonnull(strstr(answer->message, "another transaction with the same number"));
}
END_TEST

START_TEST(a_driver_may_be_closed_inside_its_answer)
{
    struct rbk_request request = reading("SELECT 1");
    (void)harness_run(&harness, &request); /* leaves a kept connection behind */
    request = effect(INSERT);
    ck_assert_int_eq(harness_close_inside(&harness, &request, rbk_sql_postgres_open)->outcome,
                     RBK_OUTCOME_OK);
}
END_TEST

START_TEST(closing_a_driver_at_work_leaves_nothing_behind)
{
    struct rbk_request request = effect("SELECT pg_sleep(60)");
    harness_start(&harness, &request);
    wait_for_work();
    request = reading("SELECT 1");
    harness_start(&harness, &request);
    harness_close(&harness);
    ck_assert_uint_eq(harness.answer.count, 0);
    (void)look("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE application_name LIKE 'rbk/run-1/%'");
    postgres_setup();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sql_postgres_fault");
    tcase_add_test(tests, a_refused_port_fails_at_once);
    tcase_add_test(tests, a_wrong_address_is_not_repeated);
    tcase_add_test(tests, names_are_resolved_and_the_second_host_is_tried);
    tcase_add_test(tests, a_commit_whose_answer_is_lost_is_found_out);
    tcase_add_test(tests, a_commit_that_never_arrives_has_failed);
    tcase_add_test(tests, a_commit_that_nobody_can_ask_about_is_in_doubt);
    tcase_add_test(tests, a_commit_without_an_answer_is_found_out_after_the_deadline);
    tcase_add_test(tests, a_connection_lost_before_commit_has_failed);
    tcase_add_test(tests, a_reading_whose_connection_is_lost_fails);
    tcase_add_test(tests, an_autocommit_statement_whose_answer_is_lost_is_in_doubt);
    tcase_add_test(tests, a_backend_that_is_ended_by_somebody_has_failed);
    tcase_add_test(tests, a_backend_that_is_ended_between_note_and_commit_has_failed);
    tcase_add_test(tests, a_server_that_does_not_answer_a_cancel_has_its_backend_ended);
    tcase_add_test(tests, a_backend_that_cannot_be_shown_dead_leaves_doubt);
    tcase_add_test(tests, a_runner_killed_before_commit_has_not_started);
    tcase_add_test(tests, a_runner_killed_after_commit_is_known_with_its_value);
    tcase_add_test(tests, another_server_or_timeline_makes_it_unknown);
    tcase_add_test(tests, a_backend_left_behind_is_ended_and_only_that);
    tcase_add_test(tests, recovery_waits_for_a_server_that_is_away_and_then_gives_up);
    tcase_add_test(tests, a_server_that_crashes_under_an_effect_has_undone_it);
    tcase_add_test(tests, a_server_that_crashes_before_commit_has_undone_it);
    tcase_add_test(tests, recovery_outlives_a_crash_of_the_server);
    tcase_add_test(tests, a_number_given_away_again_after_a_crash_is_not_taken_for_ours);
    tcase_add_test(tests, a_driver_may_be_closed_inside_its_answer);
    tcase_add_test(tests, closing_a_driver_at_work_leaves_nothing_behind);
    return postgres_main(tests);
}
