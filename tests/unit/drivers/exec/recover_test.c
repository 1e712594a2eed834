/*
 * What a new runner learns about the commands of a dead one (see crash.h).
 */
#include "tests/unit/drivers/exec/crash.h"

#include "runtime/drivers/exec.h"
#include "runtime/drivers/exec_record.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void recover(const struct rbk_request *request)
{
    world_open(&world, false);
    world_recover(&world, request, &answer);
    world_wait_recovery(&world, &answer);
}

static void expect_result_of_patient(void)
{
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 5);
    ck_assert_str_eq(answer.message, "exit status 5");
    ck_assert_str_eq(answer.value, "out");
    ck_assert_str_eq(answer.detail, "err");
}

START_TEST(a_command_under_way_is_attached_to)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    ck_assert_uint_eq(answer.results, 0);
    crash_let_go();
    world_wait(&world, &answer);
    expect_result_of_patient();
}
END_TEST

START_TEST(an_attached_command_can_be_cancelled)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    recover(&request);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer.cancelled);
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(a_second_crash_changes_nothing)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    for (int crash = 0; crash < 3; crash++) {
        pid_t next = fork();
        ck_assert_int_ge(next, 0);
        if (next == 0) {
            recover(&request);
            ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
            (void)!write(began, "A", 1);
            for (;;) {
                pause();
            }
        }
        crash_await('A');
        crash_end_runner(next);
    }
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    expect_result_of_patient();
}
END_TEST

START_TEST(a_command_that_ended_without_a_runner_is_known_from_disk)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    crash_let_go();
    world_wait_supervisor_gone(&world);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_KNOWN);
    expect_result_of_patient();
    char byte;
    world.driver->ops->forget(world.driver, request.serial);
    ck_assert_int_eq(world_file(&world, "1.exit", &byte, 1), -1);
}
END_TEST

START_TEST(a_result_told_but_not_forgotten_survives_the_runner)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_let_go();
    crash_await('R');
    crash_end_runner(first);
    world_wait_supervisor_gone(&world);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_KNOWN);
    expect_result_of_patient();
}
END_TEST

/* Milliseconds of the clock that the supervisor counts by. */
static uint64_t clock_ms(void)
{
    return uv_hrtime() / 1000000;
}

START_TEST(time_without_a_runner_does_not_count)
{
    /* 'D' comes when more than its time has passed since it began: it is still there to say so. */
    struct rbk_request request = world_shell(
        &world, "echo C > began; sleep 4; echo D > began; read -r _ < go; echo out; echo err >&2; "
                "exit 5");
    request.timeout_ms = 3000;
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    crash_await('D');
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    expect_result_of_patient();
}
END_TEST

START_TEST(what_is_left_of_its_time_counts_under_the_next_runner)
{
    struct rbk_request request =
        world_shell(&world, "echo C > began; sleep 2; echo D > began; exec sleep 1000");
    request.timeout_ms = 4000;
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_await('D'); /* half of it was used under the first runner */
    crash_end_runner(first);
    uint64_t before_ms = clock_ms();
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_uint_lt(clock_ms() - before_ms, 3500); /* not all of it once more */
    ck_assert_str_eq(answer.message, "timed out");   /* what it was given is not known any more */
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(a_reading_does_not_outlive_its_runner)
{
    struct rbk_request request = crash_patient();
    request.reading = true;
    request.serial = 0;
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    world_wait_supervisor_gone(&world);
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(a_serial_the_living_supervisor_never_heard_of_never_began)
{
    struct rbk_request request = crash_patient();
    struct rbk_request next = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    recover(&next);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_NOT_STARTED);
    static struct answer other;
    world_recover(&world, &request, &other);
    world_wait_recovery(&world, &other);
    ck_assert_int_eq(other.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &other);
}
END_TEST

START_TEST(a_serial_that_no_supervisor_of_a_fresh_run_was_given_never_began)
{
    struct rbk_request request = crash_patient();
    struct rbk_request next = crash_patient();
    recover(&request); /* no command was ever started: there was no supervisor at all */
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_NOT_STARTED);
    world_close(&world, true);
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_let_go();
    crash_await('R');
    crash_end_runner(first);
    world_wait_supervisor_gone(&world); /* one that left of its own accord */
    recover(&next);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_NOT_STARTED);
}
END_TEST

START_TEST(without_the_word_of_a_fresh_run_nothing_is_proved)
{
    char path[128];
    struct rbk_request request = crash_patient();
    snprintf(path, sizeof path, "%s/supervisor.id", world.directory);
    ck_assert_int_eq(unlink(path), 0);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
}
END_TEST

START_TEST(a_killed_supervisor_leaves_doubt)
{
    struct rbk_request request = crash_patient();
    struct rbk_request next = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    ck_assert_int_eq(kill(world_supervisor(&world), SIGKILL), 0);
    world_wait_supervisor_gone(&world);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
    world_recover(&world, &next, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
    /* The next supervisor promises nothing about what the killed one may have been given. */
    static struct answer third;
    struct rbk_request later = world_shell(&world, "echo C > began; exec sleep 1000");
    later.step = "another"; /* as every step that can be under way beside the others */
    world_start(&world, &later, &third);
    while (world_read(&world, began) != 'C') {
    }
    world_recover(&world, &next, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
    struct rbk_request unheard = crash_patient();
    world_recover(&world, &unheard, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_NOT_STARTED);
    world.driver->ops->cancel(third.activity);
    world_wait(&world, &third);
}
END_TEST

START_TEST(what_a_killed_supervisor_has_left_is_ended_before_the_doubt_is_told)
{
    struct rbk_request request =
        world_shell(&world, "setsid sleep 1000 & echo C > began; sleep 1000; true");
    pid_t first = crash_runner(&request);
    crash_await('C');
    while (world_processes(&world) < 3) {
    }
    crash_end_runner(first);
    ck_assert_int_eq(kill(world_supervisor(&world), SIGKILL), 0);
    world_wait_supervisor_gone(&world);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

/* A copy of the store is looked at, or put back from a backup, while the run goes on. */
START_TEST(a_runner_on_a_copy_ends_nothing_of_the_original)
{
    struct rbk_request request =
        world_shell(&world, "setsid sleep 1000 & echo C > began; read -r _ < go; exit 5");
    static struct world copy;
    static struct answer doubt;
    char path[128];
    world_open(&world, false);
    world_start(&world, &request, &answer);
    while (world_read(&world, began) != 'C') {
    }
    /* The one in the background may not be there yet, or be executing another program just now. */
    unsigned processes;
    while ((processes = world_processes(&world)) < 2) {
    }
    world_init(&copy);
    snprintf(path, sizeof path, "%s/supervisor.id", copy.directory);
    ck_assert_int_eq(unlink(path), 0);
    world_recover(&copy, &request, &doubt);
    world_wait_recovery(&copy, &doubt);
    ck_assert_int_eq(doubt.recovery, RBK_RECOVERY_UNKNOWN);
    ck_assert_uint_eq(world_processes(&world), processes);
    world_fini(&copy);
    crash_let_go();
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 5);
}
END_TEST

START_TEST(another_boot_leaves_doubt)
{
    struct rbk_request request = crash_patient();
    struct rbk_supervisor_id id = {.state = RBK_SUPERVISOR_NONE};
    int directory = open(world.directory, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(directory, 0);
    snprintf(id.process.boot, sizeof id.process.boot, "%s", "00000000-0000-0000-0000-000000000000");
    ck_assert_int_eq(rbk_supervisor_id_write(directory, "run-7", &id), 0);
    close(directory);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
}
END_TEST

/* Recovers with 1.exit holding these bytes, supervisor.id saying that none was ever started. */
static enum rbk_recovery recover_with(const char *bytes, size_t count,
                                      const struct rbk_request *request)
{
    char path[128];
    snprintf(path, sizeof path, "%s/1.exit", world.directory);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, bytes, count), (ssize_t)count);
    close(file);
    world_recover(&world, request, &answer);
    world_wait_recovery(&world, &answer);
    return answer.recovery;
}

START_TEST(a_damaged_or_foreign_exit_record_leaves_doubt)
{
    static char record[4096];
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    crash_let_go();
    world_wait_supervisor_gone(&world);
    ssize_t bytes = world_file(&world, "1.exit", record, sizeof record);
    ck_assert_int_gt(bytes, 0);
    size_t count = (size_t)bytes;
    world_open(&world, false);
    ck_assert_int_eq(recover_with(record, count, &request), RBK_RECOVERY_KNOWN);
    for (size_t cut = 0; cut < count; cut++) {
        ck_assert_int_eq(recover_with(record, cut, &request), RBK_RECOVERY_UNKNOWN);
    }
    for (size_t at = 0; at < count; at++) {
        record[at] ^= 1;
        ck_assert_int_eq(recover_with(record, count, &request), RBK_RECOVERY_UNKNOWN);
        record[at] ^= 1;
    }
    struct rbk_request other = request;
    other.attempt = 2;
    ck_assert_int_eq(recover_with(record, count, &other), RBK_RECOVERY_UNKNOWN);
    other = request;
    other.key = "another key";
    ck_assert_int_eq(recover_with(record, count, &other), RBK_RECOVERY_UNKNOWN);
    ck_assert_int_eq(recover_with(record, count, &request), RBK_RECOVERY_KNOWN);
}
END_TEST

START_TEST(a_record_of_another_run_or_boot_is_refused)
{
    struct rbk_buffer memory;
    struct rbk_exec_ended copy;
    struct rbk_exec_ended ended = {.serial = 3, .attempt = 1, .key = RBK_STR("k"), .dead = true};
    struct rbk_exec_name name = {.serial = 3, .attempt = 1, .key = RBK_STR("k")};
    int directory = open(world.directory, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(directory, 0);
    snprintf(ended.process.boot, sizeof ended.process.boot, "%s", "boot");
    ck_assert_int_eq(rbk_exec_record_write(directory, "run-7", &ended), 0);
    ck_assert_int_eq(rbk_exec_record_read(directory, "run-7", "boot", &name, &memory, &copy), 0);
    ck_assert_uint_eq(copy.serial, 3);
    rbk_buffer_fini(&memory);
    ck_assert_int_eq(rbk_exec_record_read(directory, "run-8", "boot", &name, &memory, &copy),
                     -RBK_ECORRUPT);
    rbk_buffer_fini(&memory);
    ck_assert_int_eq(rbk_exec_record_read(directory, "run-7", "other", &name, &memory, &copy),
                     -RBK_ECORRUPT);
    rbk_buffer_fini(&memory);
    rbk_exec_record_remove(directory, 3);
    ck_assert_int_eq(rbk_exec_record_read(directory, "run-7", "boot", &name, &memory, &copy),
                     -RBK_ENOTFOUND);
    rbk_buffer_fini(&memory);
    close(directory);
}
END_TEST

START_TEST(what_is_forgotten_leaves_nothing_behind)
{
    char byte;
    world_open(&world, false);
    for (int index = 0; index < 3; index++) {
        struct rbk_request request = world_shell(&world, ":");
        world_run(&world, &request, &answer);
        if (index < 2) {
            world.driver->ops->forget(world.driver, request.serial);
        }
    }
    world_close(&world, true);
    world_wait_supervisor_gone(&world);
    ck_assert_int_eq(world_file(&world, "1.exit", &byte, 1), -1);
    ck_assert_int_eq(world_file(&world, "2.exit", &byte, 1), -1);
    ck_assert_int_eq(world_file(&world, "3.exit", &byte, 1), 1);
}
END_TEST

START_TEST(a_stopped_runner_is_replaced_and_its_commands_go_on)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request);
    crash_await('C');
    ck_assert_int_eq(kill(first, SIGSTOP), 0);
    recover(&request);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    expect_result_of_patient();
    crash_end_runner(first);
}
END_TEST

START_TEST(a_directory_that_cannot_be_claimed_says_why)
{
    struct rbk_error error = {0};
    ck_assert_int_eq(rbk_exec_claim(world.directory, "run-7", &error), -RBK_EEXISTS);
    ck_assert_msg(strstr(error.text, world.directory) != NULL, "%s", error.text);
    ck_assert_msg(strstr(error.text, ": exists already") != NULL, "%s", error.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec recover");
    TCase *tcase = tcase_create("recover");
    tcase_add_checked_fixture(tcase, crash_setup, crash_teardown);
    tcase_set_timeout(tcase, 50);
    tcase_add_test(tcase, a_command_under_way_is_attached_to);
    tcase_add_test(tcase, an_attached_command_can_be_cancelled);
    tcase_add_test(tcase, a_second_crash_changes_nothing);
    tcase_add_test(tcase, a_command_that_ended_without_a_runner_is_known_from_disk);
    tcase_add_test(tcase, a_result_told_but_not_forgotten_survives_the_runner);
    tcase_add_test(tcase, time_without_a_runner_does_not_count);
    tcase_add_test(tcase, what_is_left_of_its_time_counts_under_the_next_runner);
    tcase_add_test(tcase, a_reading_does_not_outlive_its_runner);
    tcase_add_test(tcase, a_serial_the_living_supervisor_never_heard_of_never_began);
    tcase_add_test(tcase, a_serial_that_no_supervisor_of_a_fresh_run_was_given_never_began);
    tcase_add_test(tcase, without_the_word_of_a_fresh_run_nothing_is_proved);
    tcase_add_test(tcase, a_killed_supervisor_leaves_doubt);
    tcase_add_test(tcase, what_a_killed_supervisor_has_left_is_ended_before_the_doubt_is_told);
    if (!getenv("RBK_TEST_EMULATED")) { /* under valgrind a supervisor's name is another one */
        tcase_add_test(tcase, a_runner_on_a_copy_ends_nothing_of_the_original);
    }
    tcase_add_test(tcase, another_boot_leaves_doubt);
    tcase_add_test(tcase, a_damaged_or_foreign_exit_record_leaves_doubt);
    tcase_add_test(tcase, a_record_of_another_run_or_boot_is_refused);
    tcase_add_test(tcase, what_is_forgotten_leaves_nothing_behind);
    tcase_add_test(tcase, a_stopped_runner_is_replaced_and_its_commands_go_on);
    tcase_add_test(tcase, a_directory_that_cannot_be_claimed_says_why);
    suite_add_tcase(suite, tcase);
    SRunner *suite_runner = srunner_create(suite);
    srunner_run_all(suite_runner, CK_ENV);
    int failed = srunner_ntests_failed(suite_runner);
    srunner_free(suite_runner);
    return failed == 0 ? 0 : 1;
}
