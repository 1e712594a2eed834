/*
 * See the header. Looks are made through a connection of their own each, so that they see what
 * is committed and nothing else.
 */
#include "tests/unit/drivers/postgres_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/drivers/postgres/postgres.h"

struct harness harness;
int postgres_port;

static char address_text[4][128];
static unsigned address_next;

static struct rbk_str address_of(int port)
{
    char *text = address_text[address_next++ % 4];
    (void)snprintf(text, sizeof(address_text[0]), "postgresql://postgres@127.0.0.1:%d/postgres",
                   port);
    return rbk_str_from(text);
}

static void ignore_notice(void *context, const char *text)
{
    (void)context;
    (void)text;
}

PGconn *own_connection(const char *application_name)
{
    char conninfo[256];
    (void)snprintf(conninfo, sizeof(conninfo),
                   "host=127.0.0.1 port=%d user=postgres dbname=postgres application_name='%s'",
                   postgres_port, application_name);
    PGconn *connection = PQconnectdb(conninfo);
    ck_assert_msg(PQstatus(connection) == CONNECTION_OK, "%s", PQerrorMessage(connection));
    PQsetNoticeProcessor(connection, ignore_notice, NULL);
    return connection;
}

const char *look(const char *sql)
{
    static char value[1024];
    PGconn *connection = own_connection("look");
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQerrorMessage(connection));
    (void)snprintf(value, sizeof(value), "%s",
                   PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(connection);
    return value;
}

int look_at_number(const char *sql)
{
    return (int)strtol(look(sql), NULL, 10);
}

int backends(void)
{
    return look_at_number("SELECT count(*) FROM pg_stat_activity "
                          "WHERE application_name LIKE 'rbk/run-1/migrate/%'");
}

bool backends_end(void)
{
    for (int i = 0; i < 500; i++) {
        if (backends() == 0) {
            return true;
        }
    }
    return false;
}

struct rbk_request effect(const char *sql)
{
    struct rbk_request request = harness_request();
    request.connection_kind = RBK_CONNECTION_POSTGRES;
    request.address = address_of(postgres_port);
    request.statement = rbk_str_from(sql);
    return request;
}

struct rbk_request reading(const char *sql)
{
    struct rbk_request request = effect(sql);
    request.reading = true;
    request.serial = 0;
    return request;
}

struct rbk_request through(int port, struct rbk_request request)
{
    request.address = address_of(port);
    return request;
}

void postgres_setup(void)
{
    harness_open(&harness, rbk_sql_postgres_open);
    (void)look("DROP TABLE IF EXISTS leads");
    (void)look("CREATE TABLE leads(id int PRIMARY KEY, name text)");
}

void postgres_teardown(void)
{
    harness_close(&harness);
}

int postgres_main(TCase *tests)
{
    tcase_add_checked_fixture(tests, postgres_setup, postgres_teardown);
    tcase_set_timeout(tests, 90);
    postgres_port = servers_start("postgres");
    Suite *suite = suite_create("sql_postgres");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    servers_stop();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
