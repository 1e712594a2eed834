/*
 * Commands that are stopped: by their timeout, by cancel(), by having failed and left something
 * behind. After each of them nothing with the command's mark is left on this host.
 */
#include "tests/unit/drivers/exec/world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world world;
static struct answer answer;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_fini(&world);
}

START_TEST(a_timeout_ends_the_command)
{
    struct rbk_request request = world_shell(&world, "echo begun; exec sleep 1000");
    request.timeout_ms = 300;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_str_eq(answer.message, "timed out after 300ms");
    ck_assert(!answer.cancelled);
    ck_assert_str_eq(answer.value, "begun");
    ck_assert_uint_ge(answer.elapsed_ms, 300);
    ck_assert_uint_lt(answer.elapsed_ms, 5000);
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(a_timeout_that_is_handled_well_is_a_timeout_all_the_same)
{
    struct rbk_request request =
        world_shell(&world, "trap 'echo bye; exit 0' TERM; read -r _ < /dev/zero & wait");
    request.timeout_ms = 200;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_int_eq(answer.status, 0);
    ck_assert_str_eq(answer.value, "bye");
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(what_ignores_sigterm_is_killed_after_its_grace)
{
    struct rbk_request request =
        world_shell(&world, "trap '' TERM; sleep 1000 & while :; do sleep 1000; done");
    request.timeout_ms = 200;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_int_eq(answer.status, -1);
    ck_assert_uint_ge(answer.elapsed_ms, 5200);
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(the_whole_tree_goes_even_what_hid_in_other_sessions)
{
    char script[512], seconds[16];
    snprintf(seconds, sizeof seconds, "9%06d", getpid());
    snprintf(
        script, sizeof script,
        "s=%s; setsid sleep ${s}1 &"
        "setsid sh -c \"sleep ${s}2 & (setsid env -i RBK_KEY=no sleep ${s}3 &) ; sleep ${s}4\" &"
        "(setsid sh -c \"(sleep ${s}5 &)\" &);"
        "echo . > gate; wait; sleep ${s}6",
        seconds);
    struct rbk_request request = world_shell(&world, script);
    int fifo = world_fifo(&world, "gate");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer.cancelled);
    ck_assert_str_eq(answer.message, "cancelled");
    ck_assert_uint_lt(answer.elapsed_ms, 5000);
    ck_assert_uint_eq(world_processes(&world), 0);
    ck_assert_uint_eq(world_sleepers(seconds), 0);
    close(fifo);
}
END_TEST

START_TEST(a_stopped_process_can_be_stopped)
{
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request = world_shell(&world, "echo . > gate; kill -STOP $$");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert(answer.cancelled);
    ck_assert_uint_eq(world_processes(&world), 0);
    close(fifo);
}
END_TEST

START_TEST(cancelling_one_leaves_the_other_alone)
{
    static struct answer other;
    int fifo = world_fifo(&world, "gate");
    int go = world_fifo(&world, "go");
    struct rbk_request first =
        world_shell(&world, "(setsid sleep 1000 &); echo . > gate; read -r _ < go; echo well");
    struct rbk_request second = first;
    second.serial = ++world.serial;
    second.step = "migrate.apply.2";
    world_start(&world, &first, &other);
    world_start(&world, &second, &answer);
    world_read(&world, fifo);
    world_read(&world, fifo);
    world_read(&world, fifo);
    world_read(&world, fifo);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert(answer.cancelled);
    ck_assert_uint_eq(other.results, 0);
    ck_assert_int_eq(write(go, "\n", 1), 1);
    world_wait(&world, &other);
    ck_assert_int_eq(other.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(other.value, "well");
    ck_assert_str_eq(other.detail, "it left 1 process running");
    ck_assert_uint_eq(world_processes(&world), 1);
    close(fifo);
    close(go);
}
END_TEST

START_TEST(a_command_cancelled_before_it_is_sent_never_begins)
{
    char byte;
    struct rbk_request request = world_shell(&world, "echo begun");
    world_start(&world, &request, &answer);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer.cancelled);
    ck_assert_int_eq(world_file(&world, "1.out", &byte, 1), -1);
}
END_TEST

START_TEST(a_cancel_that_comes_too_late_changes_nothing)
{
    struct rbk_request request = world_shell(&world, ":");
    world_run(&world, &request, &answer);
    static struct answer second;
    request = world_shell(&world, "exit 0");
    world_start(&world, &request, &second);
    world_wait(&world, &second);
    ck_assert_int_eq(second.outcome, RBK_OUTCOME_OK);
    ck_assert(!second.cancelled);
}
END_TEST

START_TEST(a_daemon_that_keeps_the_pipe_does_not_hang_a_command_that_succeeds)
{
    int gate = world_fifo(&world, "gate"), never = world_fifo(&world, "never");
    struct rbk_request request =
        world_shell(&world, "(setsid sh -c 'echo . > gate; read line < never' &) ; echo started");
    world_run(&world, &request, &answer);
    /* A process that is just starting a program has no environment to be known by. */
    (void)world_read(&world, gate);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer.value, "started");
    ck_assert_str_eq(answer.detail, "it left 1 process running");
    ck_assert_uint_eq(world_processes(&world), 1);
    /* And it is left alone when another command is stopped. */
    request = world_shell(&world, "exec sleep 1000");
    request.step = "migrate.apply.2";
    request.timeout_ms = 100;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_uint_eq(world_processes(&world), 1);
    close(gate);
    close(never);
}
END_TEST

START_TEST(a_daemon_without_a_mark_is_left_alone_by_the_commands_after_it)
{
    char text[32] = "";
    struct rbk_request request = world_shell(&world, "setsid env -i sleep 1000 & echo $! > daemon");
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_int_gt(world_file(&world, "daemon", text, sizeof text - 1), 0);
    pid_t daemon = (pid_t)strtol(text, NULL, 10);
    request = world_shell(&world, "exec sleep 1000");
    request.step = "migrate.apply.2";
    request.timeout_ms = 100;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_TIMEOUT);
    ck_assert_int_eq(kill(daemon, SIGKILL), 0);
}
END_TEST

START_TEST(what_a_failed_command_leaves_behind_is_taken_down)
{
    struct rbk_request request = world_shell(&world, "(setsid sleep 1000 &) ; exit 3");
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 3);
    ck_assert_str_eq(answer.message, "exit status 3");
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(what_a_reading_leaves_behind_is_taken_down)
{
    struct rbk_request request = world_shell(&world, "(setsid sleep 1000 &) ; echo 1");
    request.reading = true;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer.value, "1");
    ck_assert_uint_eq(world_processes(&world), 0);
}
END_TEST

START_TEST(the_cancel_command_runs_after_the_kill)
{
    const struct rbk_str cancel[] = {RBK_STR("/bin/sh"), RBK_STR("-c"),
                                     RBK_STR("kill -0 $(cat pid) 2>/dev/null || echo gone; "
                                             "echo $RBK_STEP")};
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request =
        world_shell(&world, "echo $$ > pid; echo begun; echo . > gate; exec sleep 1000");
    request.cancel_words = cancel;
    request.cancel_word_count = 3;
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    world.driver->ops->cancel(answer.activity);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert(answer.cancelled);
    ck_assert_str_eq(answer.value, "begun\ngone\nmigrate.apply.1");
    close(fifo);
}
END_TEST

START_TEST(a_cancel_command_that_fails_leaves_doubt)
{
    const struct rbk_str fails[] = {RBK_STR("false")};
    const struct rbk_str missing[] = {RBK_STR("/nowhere/cancel")};
    struct rbk_request request = world_shell(&world, "exec sleep 1000");
    request.cancel_words = fails;
    request.cancel_word_count = 1;
    request.timeout_ms = 100;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
    ck_assert_str_eq(answer.message, "timed out after 100ms; its cancel command failed");
    request.serial = ++world.serial;
    request.cancel_words = missing;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
}
END_TEST

START_TEST(a_cancel_command_does_not_run_after_an_ordinary_end)
{
    char byte;
    const struct rbk_str cancel[] = {RBK_STR("touch"), RBK_STR("cancelled")};
    struct rbk_request request = world_shell(&world, "exit 1");
    request.cancel_words = cancel;
    request.cancel_word_count = 2;
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(world_file(&world, "cancelled", &byte, 1), -1);
}
END_TEST

START_TEST(a_supervisor_killed_under_a_command_leaves_doubt_and_the_next_command_works)
{
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request = world_shell(&world, "echo . > gate; exec sleep 1000");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    ck_assert_int_eq(kill(world_supervisor(&world), SIGKILL), 0);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
    request = world_shell(&world, "echo again");
    world_run(&world, &request, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(answer.value, "again");
    close(fifo);
}
END_TEST

START_TEST(a_command_does_not_outlive_a_supervisor_that_is_killed)
{
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request = world_shell(&world, "exec 3> gate; echo . >&3; exec sleep 1000");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    ck_assert_int_eq(kill(world_supervisor(&world), SIGKILL), 0);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
    char path[128], rest[8];
    (void)snprintf(path, sizeof path, "%s/gate", world.directory);
    int reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    close(fifo);
    ck_assert_int_eq(fcntl(reader, F_SETFL, 0), 0);
    while (read(reader, rest, sizeof rest) >
           0) { /* until the command holds the other end no more */
    }
    close(reader);
}
END_TEST

START_TEST(what_a_command_has_started_does_not_outlive_a_supervisor_that_is_killed)
{
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request = world_shell(
        &world, "setsid sh -c 'sleep 1000 & sleep 1000' & echo . > gate; sleep 1000; true");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    while (world_processes(&world) < 5) { /* two shells below it, and what they wait for */
    }
    ck_assert_int_eq(kill(world_supervisor(&world), SIGKILL), 0);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
    ck_assert_uint_eq(world_processes(&world), 0);
    close(fifo);
}
END_TEST

START_TEST(no_signal_of_a_terminal_reaches_the_supervisor)
{
    const int signals[] = {SIGINT, SIGHUP, SIGPIPE, SIGTERM, SIGQUIT, SIGTSTP, SIGUSR1, SIGALRM};
    struct rbk_request request = world_shell(&world, "echo one");
    world_run(&world, &request, &answer);
    pid_t supervisor = world_supervisor(&world);
    for (size_t index = 0; index < RBK_COUNT(signals); index++) {
        ck_assert_int_eq(kill(supervisor, signals[index]), 0);
    }
    request = world_shell(&world, "echo two");
    world_run(&world, &request, &answer);
    ck_assert_str_eq(answer.value, "two");
    ck_assert_int_eq(world_supervisor(&world), supervisor);
}
END_TEST

START_TEST(closing_without_leaving_ends_what_runs_and_the_supervisor)
{
    char byte;
    int fifo = world_fifo(&world, "gate");
    struct rbk_request request = world_shell(&world, "echo . > gate; exec sleep 1000");
    world_start(&world, &request, &answer);
    world_read(&world, fifo);
    world_close(&world, false);
    world_wait_supervisor_gone(&world);
    ck_assert_uint_eq(answer.results, 0);
    ck_assert_uint_eq(world_processes(&world), 0);
    ck_assert_int_eq(world_file(&world, "supervisor.sock", &byte, 1), -1);
    close(fifo);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec stop");
    TCase *tcase = tcase_create("stop");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 50);
    tcase_add_test(tcase, a_timeout_ends_the_command);
    tcase_add_test(tcase, a_timeout_that_is_handled_well_is_a_timeout_all_the_same);
    tcase_add_test(tcase, what_ignores_sigterm_is_killed_after_its_grace);
    tcase_add_test(tcase, the_whole_tree_goes_even_what_hid_in_other_sessions);
    tcase_add_test(tcase, a_stopped_process_can_be_stopped);
    tcase_add_test(tcase, cancelling_one_leaves_the_other_alone);
    tcase_add_test(tcase, a_command_cancelled_before_it_is_sent_never_begins);
    tcase_add_test(tcase, a_cancel_that_comes_too_late_changes_nothing);
    tcase_add_test(tcase, a_daemon_that_keeps_the_pipe_does_not_hang_a_command_that_succeeds);
    tcase_add_test(tcase, a_daemon_without_a_mark_is_left_alone_by_the_commands_after_it);
    tcase_add_test(tcase, what_a_failed_command_leaves_behind_is_taken_down);
    tcase_add_test(tcase, what_a_reading_leaves_behind_is_taken_down);
    tcase_add_test(tcase, the_cancel_command_runs_after_the_kill);
    tcase_add_test(tcase, a_cancel_command_that_fails_leaves_doubt);
    tcase_add_test(tcase, a_cancel_command_does_not_run_after_an_ordinary_end);
    tcase_add_test(tcase,
                   a_supervisor_killed_under_a_command_leaves_doubt_and_the_next_command_works);
    tcase_add_test(tcase, a_command_does_not_outlive_a_supervisor_that_is_killed);
    if (!getenv("RBK_TEST_NO_PIDFD")) { /* valgrind 3.19 has none for the driver */
        tcase_add_test(tcase,
                       what_a_command_has_started_does_not_outlive_a_supervisor_that_is_killed);
    }
    tcase_add_test(tcase, no_signal_of_a_terminal_reaches_the_supervisor);
    tcase_add_test(tcase, closing_without_leaving_ends_what_runs_and_the_supervisor);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
