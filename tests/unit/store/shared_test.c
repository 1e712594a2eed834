/*
 * A store that several share: who must not be held up is told at once that another one writes, and
 * its owner can open it whoever else has it open.
 */
#include "runtime/store/store.h"

#include <check.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"

static char folder[STORE_FOLDER_BYTES];
static char path[128];
static struct rbk_store *store;
static struct rbk_error error;

static void setup(void)
{
    store_fixture_folder(folder);
    snprintf(path, sizeof(path), "%s/deep/er/store.db", folder);
    ck_assert_int_eq(rbk_store_open(path, RBK_STORE_RUNNER, &store, &error), 0);
}

static void teardown(void)
{
    rbk_store_close(store);
    store = NULL;
    store_fixture_remove(folder);
}

/* Open the store as somebody else, again and again; ends the process with whether that went well.
 */
RBK_NORETURN static void open_as(uid_t user)
{
    if (setgroups(0, NULL) != 0 || setuid(user) != 0) {
        _exit(2);
    }
    for (int i = 0; i < 300; i++) {
        struct rbk_store *own = NULL;

        if (rbk_store_open(path, RBK_STORE_READER, &own, &error) != 0) {
            (void)fprintf(stderr, "round %d: %s\n", i, error.text);
            _exit(1);
        }
        rbk_store_close(own);
    }
    _exit(0);
}

/* Root looks at a store of somebody else (`rbk status`), and has its log made anew each time. */
START_TEST(the_owner_opens_what_root_makes_at_the_same_time)
{
    const uid_t owner = 65534;
    char beside[160];
    int status = -1;
    pid_t child;

    if (geteuid() != 0) {
        return; /* nobody else to become */
    }
    store_fixture_put_run(store, "r1");
    rbk_store_close(store);
    store = NULL;
    ck_assert_int_eq(chmod(folder, 0755), 0);
    for (const char *const *end = (const char *const[]){"", "-lock", "-wal", "-shm", NULL};
         *end != NULL; end++) {
        snprintf(beside, sizeof(beside), "%s%s", path, *end);
        ck_assert_int_eq(chown(beside, owner, owner), 0);
    }
    for (char *slash = strrchr(path, '/'); slash > path + strlen(folder);) {
        *slash = '\0';
        ck_assert_int_eq(chown(path, owner, owner), 0);
        *slash = '/';
        do {
            slash--;
        } while (*slash != '/');
    }
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        open_as(owner);
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        sqlite3 *database = NULL;

        ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
        (void)sqlite3_busy_timeout(database, 5000);
        (void)sqlite3_exec(database, "UPDATE runs SET title = title", NULL, NULL, NULL);
        sqlite3_close(database);
    }
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(who_must_not_be_held_up_is_told_at_once_that_another_writes)
{
    const struct rbk_store_request request = {
        .at_ms = 5, .who = RBK_STR("dana"), .kind = RBK_STR("command"), .body = RBK_STR("{}")};
    struct rbk_store *hasty = NULL;
    int64_t id = 0;

    store_fixture_put_run(store, "r1");
    ck_assert_int_eq(rbk_store_open_hasty(path, RBK_STORE_KEEPER, &hasty, &error), 0);
    for (int round = 0; round < 2; round++) {
        /* The first time another rbk, the second time somebody with SQLite alone. */
        sqlite3 *database = NULL;

        if (round == 0) {
            ck_assert_int_eq(rbk_store_begin(store, &error), 0);
        } else {
            ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
            ck_assert_int_eq(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                             SQLITE_OK);
        }
        alarm(5); /* waiting, it would take longer */
        ck_assert_int_eq(rbk_store_begin(hasty, &error), -RBK_EBUSY);
        ck_assert_int_eq(rbk_store_ask(hasty, "r1", &request, &id, &error), -RBK_EBUSY);
        alarm(0);
        if (round == 0) {
            rbk_store_rollback(store);
        } else {
            sqlite3_close(database);
        }
        /* Nothing has failed: it goes on once the other has done. */
        ck_assert_int_eq(rbk_store_ask(hasty, "r1", &request, &id, &error), 0);
    }
    rbk_store_close(hasty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_shared");
    TCase *tests = tcase_create("shared");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_owner_opens_what_root_makes_at_the_same_time);
    tcase_add_test(tests, who_must_not_be_held_up_is_told_at_once_that_another_writes);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
