/*
 * Zeros ahead of the write-ahead log: they are there, they cost nobody a commit, whoever else
 * writes at the same time, whoever reads the log alone after a crash, and when the disk is full.
 */
#include "runtime/store/store.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"

#define EVENTS 400
#define REQUESTS 200
#define FRAME_BYTES (24 + 4096)

static char folder[STORE_FOLDER_BYTES];
static char path[128];
static struct rbk_store *store;
static struct rbk_error error;
static char hash[65];
static uint64_t epoch;
static int64_t events;

static void teardown(void)
{
    rbk_store_close(store);
    store = NULL;
    store_fixture_remove(folder);
}

static void setup(void)
{
    store_fixture_folder(folder);
    snprintf(path, sizeof(path), "%s/store.db", folder);
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_take_lease(store, "r1", &epoch, &error), 0);
    hash[0] = '\0';
    events = 0;
}

static int append_one(void)
{
    struct rbk_store_event event = {.seq = events + 1,
                                    .at_ms = 10 * events,
                                    .kind = RBK_STR("result"),
                                    .body = RBK_STR("{\"serial\":1}")};

    if (rbk_store_begin(store, &error) != 0 ||
        rbk_store_append_event(store, "r1", epoch, hash, &event, &error) != 0 ||
        rbk_store_commit(store, &error) != 0) {
        return -1;
    }
    memcpy(hash, event.hash, sizeof(hash));
    events++;
    return 0;
}

static int64_t log_bytes(void)
{
    char name[160];
    struct stat status;

    snprintf(name, sizeof(name), "%s-wal", path);
    return stat(name, &status) == 0 ? (int64_t)status.st_size : 0;
}

static int64_t number_in(const char *database_path, const char *sql)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    int64_t number = -1;

    ck_assert_int_eq(sqlite3_open(database_path, &database), SQLITE_OK);
    /* Closing must not move the log into the file: the next look wants to find it. */
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    ck_assert_int_eq(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return number;
}

START_TEST(a_runner_s_commits_do_not_make_the_log_longer_one_by_one)
{
    int longer = 0;
    int64_t before = log_bytes();

    for (int i = 0; i < EVENTS; i++) {
        ck_assert_int_eq(append_one(), 0);
        longer += log_bytes() != before;
        before = log_bytes();
    }
    ck_assert_int_lt(longer, 8);
    ck_assert_int_gt(log_bytes(), (int64_t)EVENTS * FRAME_BYTES);
}
END_TEST

/* The other process: people's commands, which write to the same log. */
static int write_requests(int start)
{
    struct rbk_store *client;
    int64_t id;
    char byte;

    if (read(start, &byte, 1) != 1 ||
        rbk_store_open(path, RBK_STORE_CLIENT, &client, &error) != 0) {
        return 1;
    }
    for (int i = 0; i < REQUESTS; i++) {
        const struct rbk_store_request request = {
            .who = RBK_STR("dana"), .kind = RBK_STR("pause"), .body = RBK_STR("{}")};

        if (rbk_store_ask(client, "r1", &request, &id, &error) != 0) {
            return 2;
        }
    }
    rbk_store_close(client);
    return 0;
}

START_TEST(what_others_commit_meanwhile_stays)
{
    int start[2], status;
    pid_t child;

    ck_assert_int_eq(pipe(start), 0);
    child = fork();
    if (child == 0) {
        _exit(write_requests(start[0]));
    }
    ck_assert_int_eq(write(start[1], "x", 1), 1);
    for (int i = 0; i < EVENTS; i++) {
        ck_assert_int_eq(append_one(), 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close(start[0]);
    close(start[1]);
    ck_assert_int_eq(number_in(path, "SELECT count(*) FROM events"), EVENTS);
    ck_assert_int_eq(number_in(path, "SELECT count(*) FROM inbox"), REQUESTS);
    ck_assert_int_eq(number_in(path, "SELECT count(*) FROM pragma_integrity_check "
                                     "WHERE integrity_check = 'ok'"),
                     1);
}
END_TEST

static void copy(const char *suffix, const char *to)
{
    char from_name[160], to_name[160];
    static char block[1 << 16];
    FILE *from, *into;
    size_t bytes;

    snprintf(from_name, sizeof(from_name), "%s%s", path, suffix);
    snprintf(to_name, sizeof(to_name), "%s%s", to, suffix);
    ck_assert_ptr_nonnull(from = fopen(from_name, "rb"));
    ck_assert_ptr_nonnull(into = fopen(to_name, "wb"));
    while ((bytes = fread(block, 1, sizeof(block), from)) > 0) {
        ck_assert_uint_eq(fwrite(block, 1, bytes, into), bytes);
    }
    fclose(from);
    ck_assert_int_eq(fclose(into), 0);
}

/* As after the loss of a host: the file and its log, without the index that lived in memory. */
START_TEST(the_log_with_its_zeros_is_recovered_whole)
{
    char other[128], index[160];

    snprintf(other, sizeof(other), "%s/copy.db", folder);
    snprintf(index, sizeof(index), "%s-shm", other);
    for (int i = 0; i < EVENTS; i++) {
        ck_assert_int_eq(append_one(), 0);
        if (i % 100 == 7) {
            copy("", other);
            copy("-wal", other);
            ck_assert_int_eq(number_in(other, "SELECT count(*) FROM events"), i + 1);
            ck_assert_int_eq(remove(index), 0);
        }
    }
}
END_TEST

/* A limit on the length of files stands for a disk with room for a few commits only. */
START_TEST(without_room_for_zeros_commits_take_what_is_left)
{
    struct rlimit limit;
    int64_t before;
    int committed = 0;

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(append_one(), 0);
    }
    before = log_bytes();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)before + 8 * FRAME_BYTES;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* All that fits into what was written ahead, and then eight pages, of which the tree of the
     * table takes some. */
    while (append_one() == 0) {
        committed++;
        ck_assert_int_le(log_bytes(), (int64_t)limit.rlim_cur);
        ck_assert_int_lt(committed, EVENTS);
    }
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_gt(committed, before / FRAME_BYTES / 2);
    ck_assert_int_gt(log_bytes(), before);
    ck_assert_int_eq(number_in(path, "SELECT count(*) FROM events"), 10 + committed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_ahead");
    TCase *tests = tcase_create("ahead");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_runner_s_commits_do_not_make_the_log_longer_one_by_one);
    tcase_add_test(tests, what_others_commit_meanwhile_stays);
    tcase_add_test(tests, the_log_with_its_zeros_is_recovered_whole);
    tcase_add_test(tests, without_room_for_zeros_commits_take_what_is_left);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
