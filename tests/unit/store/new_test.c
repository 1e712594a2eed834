/*
 * A new store is written at once, as rbk's build made it, and is the same as one that SQLite makes
 * by its statements; nothing of an earlier store comes back with it.
 */
#include "runtime/store/store.h"

#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"

#define TEXT_BYTES 65536

static char folder[STORE_FOLDER_BYTES];
static char path[128];
static struct rbk_error error;

static void setup(void)
{
    store_fixture_folder(folder);
    snprintf(path, sizeof(path), "%s/store.db", folder);
}

static void teardown(void)
{
    store_fixture_remove(folder);
}

static struct rbk_store *open_as(enum rbk_store_role role)
{
    struct rbk_store *store = NULL;

    ck_assert_msg(rbk_store_open(path, role, &store, &error) == 0, "%s", error.text);
    return store;
}

static int add_row(void *context, int columns, char **values, char **names)
{
    char *text = context;
    size_t used = strlen(text);

    (void)names;
    for (int i = 0; i < columns; i++) {
        int added = snprintf(text + used, TEXT_BYTES - used, "%s\n", values[i] ? values[i] : "-");

        ck_assert_int_gt(added, 0);
        used += (size_t)added;
        ck_assert_uint_lt(used, TEXT_BYTES);
    }
    return 0;
}

/* The store's file as another program sees it. */
static void ask(const char *question, char text[TEXT_BYTES])
{
    sqlite3 *database;

    text[0] = '\0';
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, question, add_row, text, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
}

static void expect(const char *question, const char *answer)
{
    static char text[TEXT_BYTES];

    ask(question, text);
    ck_assert_str_eq(text, answer);
}

static void touch(const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(close(file), 0);
}

static int count_run(void *context, const struct rbk_store_run *run)
{
    (void)run;
    ++*(int *)context;
    return 0;
}

static int runs_of(struct rbk_store *store)
{
    int count = 0;

    ck_assert_int_eq(rbk_store_each_run(store, false, count_run, &count, &error), 0);
    return count;
}

START_TEST(it_is_as_its_statements_make_it)
{
    static const char tables[] =
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2;"
        "PRAGMA application_id; PRAGMA user_version; PRAGMA journal_mode;"
        "PRAGMA page_size; PRAGMA encoding; PRAGMA auto_vacuum;";
    static char written[TEXT_BYTES], stated[TEXT_BYTES];

    rbk_store_close(open_as(RBK_STORE_RUNNER));
    ask(tables, written);
    expect("PRAGMA integrity_check; PRAGMA freelist_count", "ok\n0\n");
    teardown();
    setup();
    touch(path); /* an empty file is taken as it is */
    rbk_store_close(open_as(RBK_STORE_RUNNER));
    ask(tables, stated);
    ck_assert_str_eq(written, stated);
    ck_assert_ptr_nonnull(strstr(written, "CREATE TABLE events"));
}
END_TEST

START_TEST(it_is_its_owners_alone)
{
    mode_t before = umask(0);
    struct stat status;

    rbk_store_close(open_as(RBK_STORE_KEEPER));
    (void)umask(before);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_log_that_was_left_behind_brings_nothing_back)
{
    struct rbk_store *store = open_as(RBK_STORE_RUNNER);
    char name[160];
    struct stat status;

    store_fixture_put_run(store, "r1");
    rbk_store_close(store);
    snprintf(name, sizeof(name), "%s-wal", path);
    ck_assert_int_eq(stat(name, &status), 0);
    ck_assert_int_gt(status.st_size, 0);
    ck_assert_int_eq(unlink(path), 0);

    store = open_as(RBK_STORE_RUNNER);
    ck_assert_int_eq(runs_of(store), 0);
    store_fixture_put_run(store, "r2");
    ck_assert_int_eq(runs_of(store), 1);
    rbk_store_close(store);
    expect("PRAGMA integrity_check", "ok\n");
}
END_TEST

START_TEST(a_journal_that_was_left_behind_changes_nothing)
{
    char name[160];
    struct rbk_store *store;

    snprintf(name, sizeof(name), "%s-journal", path);
    touch(name);
    store = open_as(RBK_STORE_RUNNER);
    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(runs_of(store), 1);
    rbk_store_close(store);
    expect("PRAGMA integrity_check", "ok\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new");
    TCase *tests = tcase_create("new");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_is_as_its_statements_make_it);
    tcase_add_test(tests, it_is_its_owners_alone);
    tcase_add_test(tests, a_log_that_was_left_behind_brings_nothing_back);
    tcase_add_test(tests, a_journal_that_was_left_behind_changes_nothing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
