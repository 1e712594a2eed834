/*
 * Readings of the host: right values, missing ones with a reason, never on the loop's own time.
 */
#include "runtime/drivers/host.h"
#include "runtime/drivers/process.h"
#include "tests/unit/drivers/exec/world.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    unsigned count;
    struct rbk_value value;
    char text[256];
    char message[256];
};

static uv_loop_t loop;
static char directory[64];

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    snprintf(directory, sizeof directory, "%s", "/tmp/rbk-host-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    world_remove(directory);
}

static void on_read(void *owner, struct rbk_value value, struct rbk_str message)
{
    struct seen *seen = owner;
    seen->count++;
    seen->value = value;
    if (value.type == RBK_TYPE_TEXT && !value.missing) {
        snprintf(seen->text, sizeof seen->text, "%.*s", RBK_STR_ARG(value.as.text));
    }
    snprintf(seen->message, sizeof seen->message, "%.*s", RBK_STR_ARG(message));
}

static struct seen take(enum rbk_read_kind kind, const char *argument)
{
    struct seen seen = {0};
    struct rbk_error error;
    ck_assert_int_eq(rbk_host_read(&loop, kind, rbk_str_from(argument), rbk_str_from(directory),
                                   &seen, on_read, NULL, &error),
                     0);
    ck_assert_uint_eq(seen.count, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(seen.count, 1);
    return seen;
}

static void make_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(files_are_measured)
{
    make_file("a", "abc");
    ck_assert(take(RBK_READ_FILE_EXISTS, "a").value.as.truth);
    struct seen seen = take(RBK_READ_FILE_EXISTS, "b");
    ck_assert(!seen.value.missing && !seen.value.as.truth);
    ck_assert(!take(RBK_READ_FILE_EXISTS, "a/b").value.as.truth);
    seen = take(RBK_READ_FILE_SIZE, "a");
    ck_assert_int_eq(seen.value.type, RBK_TYPE_BYTES);
    ck_assert_int_eq(seen.value.as.integer, 3);
    ck_assert_str_eq(take(RBK_READ_FILE_SHA256, "a").text,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(what_cannot_be_read_is_missing_and_says_why)
{
    char path[128];
    struct seen seen = take(RBK_READ_FILE_SIZE, "b");
    ck_assert(seen.value.missing);
    ck_assert_str_eq(seen.message, "no such file or directory");
    ck_assert(take(RBK_READ_FILE_SHA256, "b").value.missing);
    ck_assert_str_eq(take(RBK_READ_FILE_SIZE, ".").message, "not a regular file");
    snprintf(path, sizeof path, "%s/fifo", directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_str_eq(take(RBK_READ_FILE_SHA256, path).message, "not a regular file");
    ck_assert(take(RBK_READ_HOST_DISK_FREE, "nowhere").value.missing);
    ck_assert(take(RBK_READ_HTTP_STATUS, "x").value.missing);
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_str_eq(take(RBK_READ_FILE_EXISTS, name).message,
                     "the name is too long or holds a NUL byte");
}
END_TEST

START_TEST(the_host_is_measured)
{
    struct seen seen = take(RBK_READ_HOST_DISK_FREE, "/");
    ck_assert_int_eq(seen.value.type, RBK_TYPE_RATIO);
    ck_assert(seen.value.as.number >= 0 && seen.value.as.number <= 1);
    seen = take(RBK_READ_HOST_LOAD, "");
    ck_assert_int_eq(seen.value.type, RBK_TYPE_NUMBER);
    ck_assert(!seen.value.missing && seen.value.as.number >= 0);
}
END_TEST

START_TEST(the_environment_is_read_when_the_reading_starts)
{
    struct seen seen = {0};
    struct rbk_error error;
    ck_assert_int_eq(setenv("RBK_TEST_NAME", "before", 1), 0);
    ck_assert_int_eq(rbk_host_read(&loop, RBK_READ_ENV, RBK_STR("RBK_TEST_NAME"), RBK_STR("/"),
                                   &seen, on_read, NULL, &error),
                     0);
    ck_assert_int_eq(setenv("RBK_TEST_NAME", "after", 1), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_str_eq(seen.text, "before");
    ck_assert_int_eq(unsetenv("RBK_TEST_NAME"), 0);
    ck_assert_str_eq(take(RBK_READ_ENV, "RBK_TEST_NAME").message, "not set");
}
END_TEST

START_TEST(a_cancelled_reading_is_not_called_back)
{
    struct seen seen = {0};
    struct rbk_error error;
    struct rbk_host_read *read;
    ck_assert_int_eq(rbk_host_read(&loop, RBK_READ_HOST_LOAD, RBK_STR(""), RBK_STR(""), &seen,
                                   on_read, &read, &error),
                     0);
    rbk_host_cancel(read);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(a_process_is_its_pid_its_start_and_its_boot)
{
    char boot[RBK_BOOT_ID_BYTES];
    rbk_boot_id_read(boot);
    ck_assert_uint_eq(strlen(boot), RBK_BOOT_ID_BYTES - 1);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    struct rbk_process_id process = rbk_process_identify(pid, boot);
    ck_assert(rbk_process_alive(&process, boot));
    ck_assert(!rbk_process_alive(&process, "another boot"));
    struct rbk_process_id other = process;
    other.start_time++;
    ck_assert(!rbk_process_alive(&other, boot));
    ck_assert_int_eq(rbk_process_signal(&other, SIGKILL), -RBK_ENOTFOUND);
    ck_assert(rbk_process_alive(&process, boot));
    ck_assert_int_eq(rbk_process_signal(&process, SIGKILL), 0);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert(!rbk_process_alive(&process, boot));
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(rbk_process_signal(&process, SIGKILL), -RBK_ENOTFOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *tcase = tcase_create("host");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, files_are_measured);
    tcase_add_test(tcase, what_cannot_be_read_is_missing_and_says_why);
    tcase_add_test(tcase, the_host_is_measured);
    tcase_add_test(tcase, the_environment_is_read_when_the_reading_starts);
    tcase_add_test(tcase, a_cancelled_reading_is_not_called_back);
    tcase_add_test(tcase, a_process_is_its_pid_its_start_and_its_boot);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
