/*
 * Statements: where each ends, what it is to its transaction, and what it destroys. The lists that
 * are compared with a server's answers are in tests/integration/sql; here is what no server is
 * asked.
 */
#include "compiler/sql_statement.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/attributes.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char shown[8192];

/* The statements of a text as "text|text". */
static const char *cut_as(const char *text, enum rbk_sql_dialect dialect)
{
    struct rbk_sql_reader reader = rbk_sql_read(rbk_str_from(text), dialect);
    struct rbk_sql_statement statement;
    size_t used = 0;
    shown[0] = '\0';
    while (rbk_sql_read_next(&reader, &statement)) {
        used += (size_t)snprintf(shown + used, sizeof(shown) - used, "%s%.*s", used ? "|" : "",
                                 RBK_STR_ARG(statement.text));
    }
    return shown;
}

static const char *cut(const char *text)
{
    return cut_as(text, RBK_SQL_POSTGRES);
}

/* The only statement of a text. */
static struct rbk_sql_statement one_of(const char *text)
{
    struct rbk_sql_reader reader = rbk_sql_read(rbk_str_from(text), RBK_SQL_POSTGRES);
    struct rbk_sql_statement statement;
    ck_assert_msg(rbk_sql_read_next(&reader, &statement), "%s", text);
    return statement;
}

/* What a statement destroys: "DROP TABLE: a b", "" for nothing. */
static const char *loss(const char *text)
{
    struct rbk_sql_statement statement = one_of(text);
    if (statement.loss == RBK_SQL_KEEPS) {
        return "";
    }
    size_t used = (size_t)snprintf(shown, sizeof(shown), "%s:", statement.loses);
    for (uint32_t i = 0; i < statement.names.count; i++) {
        used += (size_t)snprintf(shown + used, sizeof(shown) - used, " %.*s",
                                 RBK_STR_ARG(statement.names.items[i]));
    }
    return shown;
}

START_TEST(semicolons_in_strings_brackets_and_bodies_cut_nothing)
{
    ck_assert_str_eq(cut("a;b; ;\n-- c;\n"), "a|b");
    ck_assert_str_eq(cut("a ';' ; \"b;\" ; $$;$$ ; /* ; */ c"), "a ';'|\"b;\"|$$;$$|c");
    ck_assert_str_eq(cut("CREATE RULE r AS ON INSERT TO t DO (a; b); c"),
                     "CREATE RULE r AS ON INSERT TO t DO (a; b)|c");
    ck_assert_str_eq(
        cut("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; c; END; d"),
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; c; END|d");
    ck_assert_str_eq(cut("BEGIN; a; END; b"), "BEGIN|a|END|b");
    ck_assert_str_eq(cut("SELECT ); a"), "SELECT )|a");
}
END_TEST

START_TEST(the_body_of_a_sqlite_trigger_is_one_statement)
{
    ck_assert_str_eq(cut_as("CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE b "
                            "WHEN 1 THEN 2 END; DELETE FROM u; END; VACUUM",
                            RBK_SQL_SQLITE),
                     "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE b WHEN 1 "
                     "THEN 2 END; DELETE FROM u; END|VACUUM");
}
END_TEST

START_TEST(commands_of_the_clients_are_statements_of_their_own)
{
    struct rbk_sql_statement statement = one_of("\\i other.sql\nSELECT 1");
    ck_assert_int_eq(statement.class, RBK_SQL_CLIENT);
    ck_assert_str_eq(statement.what, "psql");
    ck_assert_str_eq(cut("SELECT 1 \\gset x\nVACUUM"), "SELECT 1|\\gset x|VACUUM");
    ck_assert_str_eq(cut("SELECT '\\i' ; SELECT E'\\n'"), "SELECT '\\i'|SELECT E'\\n'");
    ck_assert_str_eq(cut_as(".read x.sql\nSELECT 1", RBK_SQL_SQLITE), ".read x.sql|SELECT 1");
}
END_TEST

START_TEST(rows_behind_copy_are_no_statements)
{
    ck_assert_str_eq(cut("COPY t (a) FROM stdin;\n1\tVACUUM;\nit's\n\\.\nSELECT 1"),
                     "COPY t (a) FROM stdin|SELECT 1");
    ck_assert_int_eq(one_of("COPY t FROM STDIN;\n\\.\n").class, RBK_SQL_COPIES);
    ck_assert_int_eq(one_of("COPY (SELECT 1) TO STDOUT WITH CSV").class, RBK_SQL_COPIES);
    ck_assert_int_eq(one_of("COPY t FROM '/tmp/x'").class, RBK_SQL_PLAIN);
}
END_TEST

START_TEST(what_is_not_closed_is_the_last_statement)
{
    static const char *const texts[] = {"SELECT 'a; VACUUM",
                                        "SELECT \"a; b",
                                        "DO $$ a; b",
                                        "SELECT 1 /* ; a",
                                        "SELECT E'\\'; a",
                                        "/*",
                                        "'",
                                        "SELECT $x$ ; $y$"};
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        struct rbk_sql_reader reader = rbk_sql_read(rbk_str_from(texts[i]), RBK_SQL_POSTGRES);
        struct rbk_sql_statement statement;
        ck_assert(rbk_sql_read_next(&reader, &statement));
        ck_assert_msg(statement.class == RBK_SQL_UNCLOSED, "%s", texts[i]);
        ck_assert_ptr_nonnull(statement.what);
        ck_assert(!rbk_sql_read_next(&reader, &statement));
    }
    ck_assert_str_eq(cut(""), "");
    ck_assert_str_eq(cut(" ; -- nothing"), "");
}
END_TEST

/* What servers newer than the one of the integration test refuse. */
START_TEST(what_newer_servers_refuse_is_told)
{
    static const char *const texts[] = {"CLUSTER (VERBOSE)",
                                        "ALTER SUBSCRIPTION s SET (failover = true)",
                                        "ALTER SUBSCRIPTION s SET (failover = false, two_phase)",
                                        "ALTER SUBSCRIPTION s SET (two_phase = false)"};
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        ck_assert_msg(one_of(texts[i]).class == RBK_SQL_OUTSIDE, "%s", texts[i]);
    }
    ck_assert_int_eq(one_of("ALTER SUBSCRIPTION s SET (two_phase = true)").class, RBK_SQL_PLAIN);
}
END_TEST

START_TEST(the_words_that_decide_are_marked)
{
    struct rbk_sql_statement statement = one_of(" /* x */ create  index concurrently a on b (c)");
    ck_assert(rbk_str_is(statement.mark, "create  index concurrently"));
    statement = one_of("ALTER TABLE t DETACH PARTITION p CONCURRENTLY");
    ck_assert(rbk_str_is(statement.mark, "ALTER TABLE t DETACH PARTITION p CONCURRENTLY"));
    statement = one_of("ALTER TABLE t ADD a int, DROP COLUMN IF EXISTS b CASCADE");
    ck_assert(rbk_str_is(statement.loss_mark, "DROP COLUMN IF EXISTS b"));
}
END_TEST

START_TEST(what_destroys_data_is_told)
{
    ck_assert_str_eq(loss("DROP TABLE IF EXISTS a, s.b, \"C d\" CASCADE"),
                     "DROP TABLE: a s.b \"C d\"");
    ck_assert_str_eq(loss("drop schema s"), "DROP SCHEMA: s");
    ck_assert_str_eq(loss("DROP DATABASE d"), "DROP DATABASE: d");
    ck_assert_str_eq(loss("DROP TYPE t CASCADE"), "DROP TYPE … CASCADE: t");
    ck_assert_str_eq(loss("ALTER TABLE ONLY a DROP b, DROP COLUMN c"), "DROP COLUMN: b c");
    ck_assert_str_eq(loss("TRUNCATE ONLY a, b * RESTART IDENTITY"), "TRUNCATE: a b");
    ck_assert_str_eq(loss("DELETE FROM a"), "DELETE without WHERE: a");
    ck_assert_str_eq(loss("DELETE FROM ONLY a AS x RETURNING (SELECT 1 WHERE true)"),
                     "DELETE without WHERE: a");
    ck_assert_str_eq(loss("DELETE FROM a WHERE TRUE RETURNING *"), "DELETE without WHERE: a");
    ck_assert_str_eq(loss("DELETE FROM a WHERE 1=1"), "DELETE without WHERE: a");
    ck_assert_str_eq(loss("WITH x AS (DELETE FROM b WHERE c) DELETE FROM a"),
                     "DELETE without WHERE: a");
    ck_assert_str_eq(loss("UPDATE a SET b = 1, c = lower(d), e = e + 1"),
                     "UPDATE without WHERE: b c");
    ck_assert_str_eq(loss("UPDATE a SET b = NULL FROM c"), "UPDATE without WHERE: b");
}
END_TEST

START_TEST(what_can_be_made_again_is_no_loss)
{
    static const char *const texts[] = {
        "DROP INDEX a",
        "DROP VIEW a",
        "DROP MATERIALIZED VIEW a",
        "DROP FUNCTION a()",
        "DROP TYPE t",
        "DROP TRIGGER a ON b",
        "DROP \"table\"",
        "ALTER TABLE a DROP CONSTRAINT b",
        "ALTER TABLE a ALTER COLUMN b DROP NOT NULL, ALTER c DROP DEFAULT",
        "ALTER TABLE a ALTER b DROP EXPRESSION",
        "DELETE FROM a WHERE b = 1",
        "DELETE FROM a USING b WHERE a.id = b.id",
        "DELETE FROM a WHERE true AND b",
        "UPDATE a SET b = b + 1",
        "UPDATE a SET b = 1 WHERE c",
        "UPDATE a SET \"B\" = lower(\"B\")",
        "WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x",
        "SELECT 'DROP TABLE a'",
        "CREATE TABLE a (b text DEFAULT 'DROP TABLE c')",
        "COMMENT ON TABLE a IS 'TRUNCATE'",
    };
    for (size_t i = 0; i < RBK_COUNT(texts); i++) {
        ck_assert_msg(loss(texts[i])[0] == '\0', "%s: %s", texts[i], shown);
    }
}
END_TEST

START_TEST(what_is_made_is_known)
{
    struct rbk_sql_statement statement = one_of("CREATE UNLOGGED TABLE s.a (b int)");
    ck_assert_uint_eq(statement.makes.count, 1);
    ck_assert(rbk_str_is(statement.makes.items[0], "s.a"));
    ck_assert_uint_eq(one_of("CREATE TABLE IF NOT EXISTS a (b int)").makes.count, 0);
    statement = one_of("ALTER TABLE a ADD b int, ADD CONSTRAINT c CHECK (d), ADD COLUMN e int");
    ck_assert(statement.makes_columns);
    ck_assert_uint_eq(statement.makes.count, 2);
    ck_assert(rbk_str_is(statement.makes.items[1], "e"));
}
END_TEST

/* Whether two names are the same; their keys must say so, too. */
static bool are_same(const char *a, const char *b)
{
    struct rbk_arena arena;
    rbk_arena_init(&arena, (size_t)1 << 20);
    bool same = rbk_sql_same_name(rbk_str_from(a), rbk_str_from(b));
    ck_assert(same == rbk_str_equal(rbk_sql_name_key(&arena, rbk_str_from(a)),
                                    rbk_sql_name_key(&arena, rbk_str_from(b))));
    rbk_arena_fini(&arena);
    return same;
}

START_TEST(names_are_the_same_when_the_server_takes_them_for_it)
{
    ck_assert(are_same("Orders", "ORDERS"));
    ck_assert(are_same("orders", "\"orders\""));
    ck_assert(!are_same("Orders", "\"Orders\""));
    ck_assert(are_same("s.orders", "S . orders"));
    ck_assert(!are_same("s.orders", "orders"));
    ck_assert(!are_same("orders", "order"));
    ck_assert(!are_same("", "orders"));
}
END_TEST

/* Words and marks thrown together: reading ends, and all slices lie in the text. */
START_TEST(hostile_statements_end_like_others)
{
    static const char *const words[] = {
        "DROP ",   "TABLE ",   "ALTER ",   "CREATE ",    "BEGIN ",
        "ATOMIC ", "END ",     "TRIGGER ", ";",          "(",
        ")",       "'",        "\"",       "$$",         "/*",
        "*/",      "--",       "\n",       "\\i",        ".",
        ",",       "DELETE ",  "FROM ",    "WHERE ",     "UPDATE ",
        "SET ",    "= ",       "COPY ",    "STDIN ",     "\\.\n",
        "VACUUM ", "CASE ",    "a ",       "WITH ",      "REINDEX ",
        "PRAGMA ", "CLUSTER ", "DETACH ",  "PARTITION ", "SUBSCRIPTION ",
        "ADD ",    "[",        "]",        "IF ",        "EXISTS "};
    uint64_t seed = 99;
    for (unsigned round = 0; round < 20000; round++) {
        char text[512];
        size_t bytes = 0;
        for (unsigned i = 0; i < round % 24; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const char *word = words[(seed >> 33) % RBK_COUNT(words)];
            memcpy(text + bytes, word, strlen(word));
            bytes += strlen(word);
        }
        char *exact = malloc(bytes + 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, text, bytes);
        struct rbk_sql_reader reader = rbk_sql_read((struct rbk_str){exact, bytes},
                                                    round % 2 ? RBK_SQL_SQLITE : RBK_SQL_POSTGRES);
        struct rbk_sql_statement statement;
        unsigned count = 0;
        bool sound = true;
        while (rbk_sql_read_next(&reader, &statement) && sound) {
            sound = statement.text.data >= exact &&
                    statement.text.data + statement.text.bytes <= exact + bytes &&
                    statement.mark.data >= exact &&
                    statement.mark.data + statement.mark.bytes <= exact + bytes && ++count <= 64;
        }
        ck_assert_msg(sound, "%.*s", (int)bytes, exact);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compiler/sql_statement");
    TCase *cases = tcase_create("sql_statement");
    tcase_add_test(cases, semicolons_in_strings_brackets_and_bodies_cut_nothing);
    tcase_add_test(cases, the_body_of_a_sqlite_trigger_is_one_statement);
    tcase_add_test(cases, commands_of_the_clients_are_statements_of_their_own);
    tcase_add_test(cases, rows_behind_copy_are_no_statements);
    tcase_add_test(cases, what_is_not_closed_is_the_last_statement);
    tcase_add_test(cases, what_newer_servers_refuse_is_told);
    tcase_add_test(cases, the_words_that_decide_are_marked);
    tcase_add_test(cases, what_destroys_data_is_told);
    tcase_add_test(cases, what_can_be_made_again_is_no_loss);
    tcase_add_test(cases, what_is_made_is_known);
    tcase_add_test(cases, names_are_the_same_when_the_server_takes_them_for_it);
    tcase_add_test(cases, hostile_statements_end_like_others);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
