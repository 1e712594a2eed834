/*
 * The pure parts of the SQL and Redis drivers: cutting SQL, printing binds, names, addresses.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/drivers/postgres/address.h"
#include "runtime/drivers/postgres/text.h"
#include "runtime/drivers/redis_address.h"
#include "runtime/drivers/sql_bind.h"
#include "runtime/drivers/sql_split.h"

/* The statements of a text, joined by "|". */
static const char *cut(const char *sql)
{
    static char out[4096];
    struct rbk_sql_scan scan = {.text = rbk_str_from(sql)};
    struct rbk_sql_statement statement;
    size_t used = 0;
    out[0] = '\0';
    while (rbk_sql_next(&scan, &statement)) {
        struct rbk_str text = rbk_str_trim(statement.text);
        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%.*s", used ? "|" : "",
                                 RBK_STR_ARG(text));
    }
    return out;
}

START_TEST(semicolons_inside_something_cut_nothing)
{
    ck_assert_str_eq(cut("a;b; ;\n-- c;\n"), "a|b");
    ck_assert_str_eq(cut("SELECT ';', 'it''s;', \"a;b\""), "SELECT ';', 'it''s;', \"a;b\"");
    ck_assert_str_eq(cut("SELECT E'\\';' ;b"), "SELECT E'\\';'|b");
    ck_assert_str_eq(cut("SELECT '\\';b"), "SELECT '\\'|b");
    ck_assert_str_eq(cut("DO $$ a; b $$; c"), "DO $$ a; b $$|c");
    ck_assert_str_eq(cut("DO $x$ a; $$ ; $y$ b $x$; c"), "DO $x$ a; $$ ; $y$ b $x$|c");
    ck_assert_str_eq(cut("a /* ; /* ; */ ; */ b; c"), "a /* ; /* ; */ ; */ b|c");
    ck_assert_str_eq(cut("CREATE RULE r AS ON INSERT TO t DO (a; b); c"),
                     "CREATE RULE r AS ON INSERT TO t DO (a; b)|c");
    ck_assert_str_eq(cut("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN "
                         "true THEN 1 END; END; c"),
                     "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true "
                     "THEN 1 END; END|c");
}
END_TEST

START_TEST(what_never_ends_is_one_statement)
{
    static const char *const texts[] = {"SELECT 'a;", "SELECT \"a;", "DO $$ a; b",
                                        "a /* ;",     "SELECT (a;",  "E'\\"};
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        ck_assert_str_eq(cut(texts[i]), texts[i]);
    }
    ck_assert_str_eq(cut(""), "");
    ck_assert_str_eq(cut(" -- nothing"), "");
}
END_TEST

static bool controls(const char *sql)
{
    struct rbk_sql_scan scan = {.text = rbk_str_from(sql)};
    struct rbk_sql_statement statement;
    return rbk_sql_next(&scan, &statement) && rbk_sql_controls_transaction(&statement);
}

START_TEST(transaction_control_is_recognised)
{
    static const char *const yes[] = {"BEGIN",
                                      "begin work",
                                      "/* x */ Commit",
                                      "END",
                                      "abort",
                                      "ROLLBACK",
                                      "ROLLBACK WORK",
                                      "ROLLBACK TRANSACTION",
                                      "ROLLBACK PREPARED 'to'",
                                      "start transaction",
                                      "PREPARE TRANSACTION 'x'",
                                      "COMMIT PREPARED 'x'"};
    static const char *const no[] = {"SAVEPOINT a",
                                     "ROLLBACK TO a",
                                     "ROLLBACK WORK TO a",
                                     "rollback transaction to savepoint a",
                                     "RELEASE a",
                                     "SELECT 1",
                                     "PREPARE q AS SELECT 1",
                                     "'BEGIN'",
                                     "\"begin\"",
                                     "beginning"};
    for (size_t i = 0; i < RBK_COUNT(yes); i++) {
        ck_assert_msg(controls(yes[i]), "%s", yes[i]);
    }
    for (size_t i = 0; i < RBK_COUNT(no); i++) {
        ck_assert_msg(!controls(no[i]), "%s", no[i]);
    }
}
END_TEST

START_TEST(parameters_are_found_outside_strings_only)
{
    struct rbk_sql_scan scan = {
        .text = RBK_STR("SELECT $2, '$3', $x$ $4 $x$, \"$5\" -- $6\n, a$7, $12::text")};
    struct rbk_sql_statement statement;
    ck_assert(rbk_sql_next(&scan, &statement));
    ck_assert_uint_eq(statement.param_max, 12);
    static const uint32_t there[] = {2, 12};
    static const uint32_t away[] = {1, 3, 4, 5, 6, 7, 0};
    for (size_t i = 0; i < RBK_COUNT(there); i++) {
        ck_assert(rbk_sql_names_param(&statement, there[i]));
    }
    for (size_t i = 0; i < RBK_COUNT(away); i++) {
        ck_assert(!rbk_sql_names_param(&statement, away[i]));
    }
}
END_TEST

static const char *text_of(struct rbk_value value)
{
    static char text[512];
    struct rbk_buffer out;
    rbk_buffer_init(&out, sizeof(text) - 1);
    ck_assert_int_eq(rbk_sql_bind_text(&out, value), 0);
    (void)snprintf(text, sizeof(text), "%s", out.data);
    rbk_buffer_fini(&out);
    return text;
}

START_TEST(binds_are_exact)
{
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_NUMBER, .as.number = 0.1}), "0.1");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_NUMBER, .as.number = 1.0 / 3.0}),
                     "0.3333333333333333");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_RATIO, .as.number = 0.05}),
                     "0.05");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_INT, .as.integer = INT64_MIN}),
                     "-9223372036854775808");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_BOOL, .as.truth = true}), "true");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_TIME, .as.integer = -1}),
                     "1969-12-31T23:59:59.999Z");
    ck_assert_str_eq(text_of((struct rbk_value){.type = RBK_TYPE_DURATION, .as.integer = 1500}),
                     "1500 milliseconds");
}
END_TEST

START_TEST(names_fit_and_differ)
{
    char first[RBK_POSTGRES_NAME_BYTES + 1];
    char second[RBK_POSTGRES_NAME_BYTES + 1];
    struct rbk_request request = {.run = "run-1", .stage = "migrate", .serial = 42};
    rbk_postgres_name(&request, first);
    ck_assert_str_eq(first, "rbk/run-1/migrate/42");
    request.reading = true;
    rbk_postgres_name(&request, first);
    ck_assert_str_eq(first, "rbk/run-1/migrate");
    request.reading = false;
    request.run = "a-very-long-name-of-a-cutover-that-goes-on-and-on-20261121-aaaa";
    rbk_postgres_name(&request, first);
    request.run = "a-very-long-name-of-a-cutover-that-goes-on-and-on-20261121-bbbb";
    rbk_postgres_name(&request, second);
    ck_assert_uint_eq(strlen(first), RBK_POSTGRES_NAME_BYTES);
    ck_assert_str_ne(first, second);
    ck_assert_str_eq(first + strlen(first) - 3, "/42");
}
END_TEST

/* The value libpq is given for a keyword, after `addresses` were found for each name. */
static const char *option(const char *text, const char *keyword, size_t found)
{
    static char value[1024];
    static const struct rbk_dns_address addresses[] = {{"192.0.2.1"}, {"2001:db8::1"}};
    struct rbk_postgres_address *address = NULL;
    const char *const *keywords = NULL;
    const char *const *values = NULL;
    struct rbk_error error = {0};
    ck_assert_int_eq(rbk_postgres_address_parse(text, &address, &error), 0);
    while (rbk_postgres_address_next_name(address)) {
        rbk_postgres_address_resolved(address, addresses, found);
    }
    value[0] = '\0';
    int result = rbk_postgres_address_finish(address, "me", &keywords, &values);
    for (size_t i = 0; result == 0 && keywords[i]; i++) {
        if (strcmp(keywords[i], keyword) == 0) {
            (void)snprintf(value, sizeof(value), "%s", values[i]);
        }
    }
    if (result != 0) {
        (void)snprintf(value, sizeof(value), "error %d", result);
    }
    rbk_postgres_address_free(address);
    return value;
}

START_TEST(every_name_has_an_address_and_a_port)
{
    static const char url[] = "postgresql://u:p%20w@one,10.0.0.2:5433,two:5434/db?sslmode=require";
    ck_assert_str_eq(option(url, "host", 2), "one,one,10.0.0.2,two,two");
    ck_assert_str_eq(option(url, "hostaddr", 2), "192.0.2.1,2001:db8::1,,192.0.2.1,2001:db8::1");
    ck_assert_str_eq(option(url, "port", 2), ",,5433,5434,5434");
    ck_assert_str_eq(option(url, "password", 2), "p w");
    ck_assert_str_eq(option(url, "sslmode", 2), "require");
    ck_assert_str_eq(option(url, "application_name", 2), "me");
    ck_assert_str_eq(option("host=a,b port=5 dbname=x application_name=mine", "port", 1), "5,5");
    ck_assert_str_eq(option("host=a application_name=mine", "application_name", 1), "me");
    ck_assert_str_eq(option("host=/run/postgresql,a", "hostaddr", 1), ",192.0.2.1");
    ck_assert_str_eq(option("host=a hostaddr=192.0.2.9", "hostaddr", 1), "192.0.2.9");
    char nowhere[32];
    (void)snprintf(nowhere, sizeof(nowhere), "error %d", -RBK_ENOTFOUND);
    ck_assert_str_eq(option("host=a", "host", 0), nowhere);
}
END_TEST

START_TEST(redis_addresses_are_read_in_full)
{
    struct rbk_redis_address address;
    struct rbk_error error = {0};
    ck_assert_int_eq(
        rbk_redis_address_parse(RBK_STR("redis://u%40x:p@w@[::1]:7000/12"), &address, &error), 0);
    ck_assert_str_eq(address.host, "::1");
    ck_assert_int_eq(address.port, 7000);
    ck_assert_str_eq(address.user, "u@x");
    ck_assert_str_eq(address.password, "p@w");
    ck_assert_int_eq(address.database, 12);
    ck_assert_int_eq(rbk_redis_address_parse(RBK_STR("redis://host"), &address, &error), 0);
    ck_assert_int_eq(address.port, 6379);
    ck_assert_str_eq(address.password, "");
    static const char *const wrong[] = {"redis://[::1",  "redis://[::1]x",
                                        "redis://h:",    "redis://h:0x",
                                        "redis://h/1/2", "redis://h:99999999999999999999"};
    for (size_t i = 0; i < RBK_COUNT(wrong); i++) {
        int result = rbk_redis_address_parse(rbk_str_from(wrong[i]), &address, &error);
        ck_assert_msg(result == -RBK_EINVALID || strcmp(wrong[i], "redis://h:") == 0, "%s",
                      wrong[i]);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sql_text");
    tcase_add_test(tests, semicolons_inside_something_cut_nothing);
    tcase_add_test(tests, what_never_ends_is_one_statement);
    tcase_add_test(tests, transaction_control_is_recognised);
    tcase_add_test(tests, parameters_are_found_outside_strings_only);
    tcase_add_test(tests, binds_are_exact);
    tcase_add_test(tests, names_fit_and_differ);
    tcase_add_test(tests, every_name_has_an_address_and_a_port);
    tcase_add_test(tests, redis_addresses_are_read_in_full);
    Suite *suite = suite_create("sql_text");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
