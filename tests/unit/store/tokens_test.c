/*
 * Version 2 of the store: a file of version 1 is brought up to date with all that is in it, by
 * those who may, and tokens are kept, found, revoked and dated. Requests that are put together are
 * durable together.
 */
#include "runtime/store/store.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"

static char folder[STORE_FOLDER_BYTES];
static char path[128];
static struct rbk_store *store;
static struct rbk_error error;
static struct rbk_arena arena;

static void setup(void)
{
    store_fixture_folder(folder);
    snprintf(path, sizeof(path), "%s/store.db", folder);
    rbk_arena_init(&arena, (size_t)1 << 20);
}

static void teardown(void)
{
    rbk_store_close(store);
    store = NULL;
    rbk_arena_fini(&arena);
    store_fixture_remove(folder);
}

/* As version 1 made it, with one finished run and its first event. */
static const char version_1[] =
    "CREATE TABLE machines (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL "
    "REFERENCES machines(hash), plan TEXT NOT NULL, title TEXT NOT NULL, user TEXT NOT NULL, host "
    "TEXT NOT NULL, directory TEXT NOT NULL, params TEXT NOT NULL, unrehearsed TEXT NOT NULL, "
    "status TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, events "
    "INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE leases (run TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL,"
    " taken_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE snapshots (run TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (run, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE inbox (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " who TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, reply TEXT NOT NULL) STRICT;"
    "CREATE INDEX inbox_open ON inbox (run, id) WHERE reply = '';"
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " channel INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL, stage TEXT NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0, sent_ms INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL "
    "DEFAULT '') STRICT;"
    "CREATE INDEX outbox_open ON outbox (run, id) WHERE sent_ms = 0;"
    "CREATE TABLE evidence (id INTEGER PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, label TEXT NOT NULL, sha256 TEXT NOT NULL, content TEXT NOT NULL)"
    " STRICT;"
    "CREATE INDEX evidence_run ON evidence (run, id);"
    "CREATE TABLE rehearsals (machine TEXT NOT NULL, at_ms INTEGER NOT NULL, record TEXT NOT NULL,"
    " PRIMARY KEY (machine, at_ms)) STRICT;"
    "PRAGMA application_id = 1919052593; PRAGMA user_version = 1;"
    "INSERT INTO machines VALUES ('feed', '{}');"
    "INSERT INTO runs VALUES (1, 'r1', 'feed', 'plan', '', 'alice', 'db-1', '/', '{}', '',"
    " 'completed', 1000, 2000, 1);"
    "INSERT INTO evidence (run, seq, at_ms, label, sha256, content)"
    " VALUES ('r1', 1, 1500, 'rows', 'ab', '17');";

static void execute(const char *sql)
{
    sqlite3 *database = NULL;

    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

/* The tables and indexes of a file, in order, as one text. */
static char *shape_of(const char *file)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    char *shape = calloc(1, 1 << 16);

    ck_assert_ptr_nonnull(shape);
    ck_assert_int_eq(sqlite3_open(file, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(database,
                                        "SELECT s.name || ' ' || count(*) FROM sqlite_schema AS s, "
                                        "pragma_table_info(s.name) GROUP BY s.name ORDER BY s.name",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        strncat(shape, (const char *)sqlite3_column_text(statement, 0), 200);
        strncat(shape, "\n", 2);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return shape;
}

START_TEST(a_store_of_version_1_is_brought_up_to_date_and_keeps_what_is_in_it)
{
    static const enum rbk_store_role roles[] = {RBK_STORE_RUNNER, RBK_STORE_KEEPER};
    struct rbk_store_evidence evidence;
    struct rbk_store_run run;
    struct rbk_store *fresh = NULL;
    char other[160], *shapes[2];

    execute(version_1);
    ck_assert_int_eq(rbk_store_open(path, roles[_i], &store, &error), 0);
    ck_assert_int_eq(rbk_store_get_run(store, "r1", &arena, &run, &error), 0);
    ck_assert_str_eq(run.user.data, "alice");
    ck_assert_int_eq(rbk_store_get_evidence(store, "r1", 1, &arena, &evidence, &error), 0);
    ck_assert_str_eq(evidence.content.data, "17");
    ck_assert_int_eq(rbk_store_get_evidence(store, "r2", 1, &arena, &evidence, &error),
                     -RBK_ENOTFOUND);

    snprintf(other, sizeof(other), "%s/fresh.db", folder);
    ck_assert_int_eq(rbk_store_open(other, RBK_STORE_KEEPER, &fresh, &error), 0);
    rbk_store_close(fresh);
    shapes[0] = shape_of(path);
    shapes[1] = shape_of(other);
    ck_assert_str_eq(shapes[0], shapes[1]);
    free(shapes[0]);
    free(shapes[1]);
}
END_TEST

START_TEST(who_only_asks_or_reads_is_told_what_brings_an_old_store_up_to_date)
{
    static const enum rbk_store_role roles[] = {RBK_STORE_CLIENT, RBK_STORE_READER};

    execute(version_1);
    ck_assert_int_eq(rbk_store_open(path, roles[_i], &store, &error), -RBK_EVERSION);
    ck_assert_ptr_nonnull(strstr(error.text, "version 1"));
    ck_assert_ptr_nonnull(strstr(error.text, "rbk token list"));
    store = NULL;
}
END_TEST

static struct rbk_store_token some_token(const char *id)
{
    return (struct rbk_store_token){.id = rbk_str_from(id),
                                    .sha256 = RBK_STR("beef"),
                                    .person = RBK_STR("alice"),
                                    .roles = RBK_STR("[\"dba\"]"),
                                    .scope = RBK_STR("all"),
                                    .created_by = RBK_STR("root"),
                                    .created_ms = 1000,
                                    .expires_ms = 5000};
}

static int put(const char *id)
{
    const struct rbk_store_token token = some_token(id);
    int result;

    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    result = rbk_store_put_token(store, &token, &error);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    return result;
}

static void open_store(void)
{
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_KEEPER, &store, &error), 0);
}

START_TEST(a_token_is_found_by_its_id_only_and_once)
{
    struct rbk_store_token token;

    open_store();
    ck_assert_int_eq(put("aaaa"), 0);
    ck_assert_int_eq(put("aaaa"), -RBK_EEXISTS);
    ck_assert_int_eq(rbk_store_get_token(store, RBK_STR("aaaa"), &arena, &token, &error), 0);
    ck_assert_str_eq(token.person.data, "alice");
    ck_assert_str_eq(token.roles.data, "[\"dba\"]");
    ck_assert_int_eq(token.expires_ms, 5000);
    ck_assert_int_eq(token.revoked_ms, 0);
    ck_assert_int_eq(rbk_store_get_token(store, RBK_STR("aaab"), &arena, &token, &error),
                     -RBK_ENOTFOUND);
}
END_TEST

START_TEST(a_token_is_revoked_once_and_its_last_use_never_goes_back)
{
    struct rbk_store_token token;

    open_store();
    ck_assert_int_eq(put("aaaa"), 0);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_revoke_token(store, RBK_STR("none"), 7, &error), -RBK_ENOTFOUND);
    ck_assert_int_eq(rbk_store_revoke_token(store, RBK_STR("aaaa"), 7, &error), 0);
    ck_assert_int_eq(rbk_store_revoke_token(store, RBK_STR("aaaa"), 8, &error), -RBK_ESTATE);
    ck_assert_int_eq(rbk_store_touch_token(store, RBK_STR("aaaa"), 9, &error), 0);
    ck_assert_int_eq(rbk_store_touch_token(store, RBK_STR("aaaa"), 3, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_get_token(store, RBK_STR("aaaa"), &arena, &token, &error), 0);
    ck_assert_int_eq(token.revoked_ms, 7);
    ck_assert_int_eq(token.used_ms, 9);
}
END_TEST

START_TEST(requests_of_one_transaction_are_there_together_or_not_at_all)
{
    const struct rbk_store_request request = {
        .who = RBK_STR("alice"), .kind = RBK_STR("alert"), .body = RBK_STR("{}")};
    struct rbk_store_request read;
    int64_t first = 0, second = 0;

    open_store();
    ck_assert_int_eq(rbk_store_put_request(store, "r1", &request, &first, &error), -RBK_ESTORE);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_request(store, "r1", &request, &first, &error), 0);
    rbk_store_rollback(store);
    ck_assert_int_eq(rbk_store_get_request(store, "r1", first, &arena, &read, &error),
                     -RBK_ENOTFOUND);
    ck_assert_int_eq(rbk_store_begin(store, &error), 0);
    ck_assert_int_eq(rbk_store_put_request(store, "r1", &request, &first, &error), 0);
    ck_assert_int_eq(rbk_store_put_request(store, "r2", &request, &second, &error), 0);
    ck_assert_int_eq(rbk_store_commit(store, &error), 0);
    ck_assert_int_eq(rbk_store_get_request(store, "r1", first, &arena, &read, &error), 0);
    ck_assert_int_eq(rbk_store_get_request(store, "r1", second, &arena, &read, &error),
                     -RBK_ENOTFOUND);
}
END_TEST

START_TEST(a_change_by_another_connection_shows)
{
    struct rbk_store *other = NULL;
    int64_t before;

    open_store();
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_READER, &other, &error), 0);
    before = rbk_store_changes(other);
    ck_assert_int_eq(rbk_store_changes(other), before);
    ck_assert_int_eq(put("aaaa"), 0);
    ck_assert_int_ne(rbk_store_changes(other), before);
    rbk_store_close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_tokens");
    TCase *cases = tcase_create("store_tokens");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, a_store_of_version_1_is_brought_up_to_date_and_keeps_what_is_in_it,
                        0, 2);
    tcase_add_loop_test(cases, who_only_asks_or_reads_is_told_what_brings_an_old_store_up_to_date,
                        0, 2);
    tcase_add_test(cases, a_token_is_found_by_its_id_only_and_once);
    tcase_add_test(cases, a_token_is_revoked_once_and_its_last_use_never_goes_back);
    tcase_add_test(cases, requests_of_one_transaction_are_there_together_or_not_at_all);
    tcase_add_test(cases, a_change_by_another_connection_shows);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
