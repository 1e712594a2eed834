/*
 * A supervisor never lingers: however its runner went, it leaves once nothing is left that a runner
 * could come back for. Counted by pid, over all processes of this host; its end is awaited at its
 * lock, which it holds as long as it lives.
 */
#include "tests/unit/drivers/exec/crash.h"

#include "runtime/drivers/exec_protocol.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int lock; /* the supervisor's, open: waited at even where its name is gone */

static void setup(void)
{
    char path[128];
    crash_setup();
    snprintf(path, sizeof path, "%s/%s", world.directory, RBK_EXEC_LOCK_NAME);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(lock, 0);
}

static void teardown(void)
{
    close(lock);
    crash_teardown();
}

/* Exactly one lives, and it is the one that supervisor.id names. The process that made it, and what
 * it forks to execute a command, look the same for a moment. */
static void expect_one(void)
{
    while (world_supervisors(&world) != 1) {
    }
    ck_assert_int_eq(kill(world_supervisor(&world), 0), 0);
}

/* Blocks until it has left; Check's timeout is the bound. */
static void expect_none(void)
{
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    ck_assert_int_eq(flock(lock, LOCK_UN), 0);
    /* It is gone from /proc a moment after the kernel has let go of its files. */
    while (world_supervisors(&world) != 0) {
    }
}

/* A runner whose command has ended, and which does nothing any more. */
static pid_t idle_runner(void)
{
    struct rbk_request request = crash_patient();
    pid_t runner = crash_runner(&request);
    crash_await('C');
    crash_let_go();
    crash_await('R');
    expect_one();
    return runner;
}

/* A runner whose command runs. */
static pid_t busy_runner(struct rbk_request request)
{
    pid_t runner = crash_runner(&request);
    crash_await('C');
    expect_one();
    return runner;
}

static void remove_directory(void)
{
    world_remove(world.directory);
}

static void restore_directory(void)
{
    ck_assert_int_eq(mkdir(world.directory, 0700), 0);
}

START_TEST(it_leaves_with_its_run)
{
    struct rbk_request request = world_shell(&world, ":");
    world_open(&world, false);
    world_run(&world, &request, &answer);
    expect_one();
    world_close(&world, false);
    expect_none();
}
END_TEST

START_TEST(it_leaves_with_its_run_though_a_command_runs)
{
    struct rbk_request request = crash_patient();
    world_open(&world, false);
    world_start(&world, &request, &answer);
    while (world_read(&world, began) != 'C') {
    }
    world_close(&world, false);
    expect_none();
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(it_leaves_when_a_runner_without_commands_stops)
{
    struct rbk_request request = world_shell(&world, ":");
    world_open(&world, false);
    world_run(&world, &request, &answer);
    expect_one();
    world_close(&world, true);
    expect_none();
}
END_TEST

START_TEST(it_leaves_when_an_idle_runner_is_killed)
{
    crash_end_runner(idle_runner());
    expect_none();
}
END_TEST

START_TEST(it_leaves_when_what_outlived_its_runner_has_ended)
{
    pid_t runner = busy_runner(crash_patient());
    crash_end_runner(runner);
    expect_one();
    crash_let_go();
    expect_none();
}
END_TEST

START_TEST(it_leaves_though_a_daemon_of_a_command_lives_on)
{
    struct rbk_request request = world_shell(&world, "sleep 1000 & :");
    pid_t runner = crash_runner(&request);
    crash_await('R');
    crash_end_runner(runner);
    expect_none();
    ck_assert_uint_eq(world_processes(&world), 1);
}
END_TEST

START_TEST(it_leaves_a_removed_directory_without_keeping_records)
{
    pid_t runner = idle_runner();
    remove_directory();
    crash_end_runner(runner);
    expect_none();
    restore_directory();
}
END_TEST

START_TEST(what_runs_for_a_removed_directory_ends_by_its_time)
{
    struct rbk_request request = world_shell(&world, "echo C > began; exec sleep 1000");
    request.timeout_ms = 2000;
    pid_t runner = busy_runner(request);
    crash_end_runner(runner);
    remove_directory();
    expect_none();
    ck_assert_uint_eq(world_processes(&world), 0);
    restore_directory();
}
END_TEST

START_TEST(a_second_one_is_left_alone_by_one_whose_lock_was_removed)
{
    char path[128];
    struct rbk_request request = world_shell(&world, "echo C > began; exec sleep 1000");
    request.timeout_ms = 2000;
    pid_t runner = busy_runner(request);
    crash_end_runner(runner);
    snprintf(path, sizeof path, "%s/%s", world.directory, RBK_EXEC_LOCK_NAME);
    ck_assert_int_eq(unlink(path), 0);
    struct rbk_request second = crash_patient();
    world_open(&world, false);
    world_start(&world, &second, &answer);
    while (world_read(&world, began) != 'C') {
    }
    ck_assert_int_eq(flock(lock, LOCK_EX), 0); /* the first has left: its command's time was up */
    world_close(&world, true);
    /* The socket and supervisor.id are still the second one's. */
    world_open(&world, false);
    world_recover(&world, &second, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.status, 5);
}
END_TEST

START_TEST(a_socket_that_was_removed_is_made_anew)
{
    char path[128];
    struct rbk_request request = crash_patient();
    pid_t runner = busy_runner(request);
    crash_end_runner(runner);
    snprintf(path, sizeof path, "%s/%s", world.directory, RBK_EXEC_SOCKET_NAME);
    ck_assert_int_eq(unlink(path), 0);
    world_open(&world, false);
    world_recover(&world, &request, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    world_close(&world, true);
    expect_none();
}
END_TEST

START_TEST(it_does_not_stay_for_a_connection_that_says_nothing)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pid_t runner = busy_runner(crash_patient());
    crash_end_runner(runner);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", world.directory,
             RBK_EXEC_SOCKET_NAME);
    int silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(silent, 0);
    ck_assert_int_eq(connect(silent, (struct sockaddr *)&address, sizeof address), 0);
    crash_let_go();
    expect_none();
    close(silent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec leave");
    TCase *tcase = tcase_create("leave");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 50);
    tcase_add_test(tcase, it_leaves_with_its_run);
    tcase_add_test(tcase, it_leaves_with_its_run_though_a_command_runs);
    tcase_add_test(tcase, it_leaves_when_a_runner_without_commands_stops);
    tcase_add_test(tcase, it_leaves_when_an_idle_runner_is_killed);
    tcase_add_test(tcase, it_leaves_when_what_outlived_its_runner_has_ended);
    tcase_add_test(tcase, it_leaves_though_a_daemon_of_a_command_lives_on);
    tcase_add_test(tcase, it_leaves_a_removed_directory_without_keeping_records);
    tcase_add_test(tcase, what_runs_for_a_removed_directory_ends_by_its_time);
    tcase_add_test(tcase, a_second_one_is_left_alone_by_one_whose_lock_was_removed);
    tcase_add_test(tcase, a_socket_that_was_removed_is_made_anew);
    tcase_add_test(tcase, it_does_not_stay_for_a_connection_that_says_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *suite_runner = srunner_create(suite);
    srunner_run_all(suite_runner, CK_ENV);
    int failed = srunner_ntests_failed(suite_runner);
    srunner_free(suite_runner);
    return failed == 0 ? 0 : 1;
}
