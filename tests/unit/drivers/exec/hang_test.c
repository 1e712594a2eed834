/*
 * A supervisor that hangs (it was stopped, or waits for a disk for ever) does not keep a run: after
 * a while it is ended, with all that it runs, and the next command gets a new one.
 */
#include "tests/unit/drivers/exec/crash.h"

#include <signal.h>
#include <unistd.h>

/* What a command leaves where somebody waits for it: itself, its child, and one in a session of its
 * own. */
static const char family[] = "setsid sleep 1000 & echo C > began; sleep 1000; true";

static void expect_that_commands_work(void)
{
    static struct answer next;
    struct rbk_request request = world_shell(&world, "echo again");
    world_run(&world, &request, &next);
    ck_assert_int_eq(next.outcome, RBK_OUTCOME_OK);
    ck_assert_str_eq(next.value, "again");
}

START_TEST(one_that_hangs_under_a_command_is_ended_and_leaves_doubt)
{
    static struct answer look;
    struct rbk_request request = world_shell(&world, family);
    struct rbk_request reading = world_shell(&world, "exec sleep 1000");
    request.timeout_ms = 1500;
    reading.timeout_ms = 100;
    reading.reading = true;
    reading.serial = 0;
    world_open(&world, false);
    world_start(&world, &request, &answer);
    while (world_read(&world, began) != 'C') {
    }
    pid_t supervisor = world_supervisor(&world);
    ck_assert_int_eq(kill(supervisor, SIGSTOP), 0);
    /* Not for the sake of a reading: what hangs may be a disk, and come back. */
    world_start(&world, &reading, &look);
    world_wait(&world, &look);
    ck_assert_int_eq(look.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(kill(supervisor, 0), 0);
    ck_assert_uint_eq(answer.results, 0);
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_DOUBT);
    ck_assert_str_eq(answer.message, "the supervisor does not answer: how it ended is not known");
    ck_assert_uint_eq(world_processes(&world), 0);
    expect_that_commands_work();
}
END_TEST

START_TEST(one_that_hangs_when_the_next_runner_comes_is_ended_and_leaves_doubt)
{
    struct rbk_request request = world_shell(&world, family);
    pid_t first = crash_runner(&request);
    crash_await('C');
    crash_end_runner(first);
    ck_assert_int_eq(kill(world_supervisor(&world), SIGSTOP), 0);
    world_open(&world, false);
    world_recover(&world, &request, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_UNKNOWN);
    ck_assert_uint_eq(world_processes(&world), 0);
    expect_that_commands_work();
}
END_TEST

static void let_supervisor_go_on(uv_timer_t *timer)
{
    ck_assert_int_eq(kill(*(pid_t *)timer->data, SIGCONT), 0);
    uv_close((uv_handle_t *)timer, NULL);
}

/* As long as a flush may take on a disk that the command keeps busy. */
START_TEST(one_that_only_stalls_when_the_next_runner_comes_keeps_its_command)
{
    struct rbk_request request = crash_patient();
    pid_t first = crash_runner(&request), supervisor;
    uv_timer_t timer;
    crash_await('C');
    crash_end_runner(first);
    supervisor = world_supervisor(&world);
    ck_assert_int_eq(kill(supervisor, SIGSTOP), 0);
    world_open(&world, false);
    ck_assert_int_eq(uv_timer_init(&world.loop, &timer), 0);
    timer.data = &supervisor;
    ck_assert_int_eq(uv_timer_start(&timer, let_supervisor_go_on, 12000, 0), 0);
    world_recover(&world, &request, &answer);
    world_wait_recovery(&world, &answer);
    ck_assert_int_eq(answer.recovery, RBK_RECOVERY_ATTACHED);
    crash_let_go();
    world_wait(&world, &answer);
    ck_assert_int_eq(answer.outcome, RBK_OUTCOME_FAIL);
    ck_assert_int_eq(answer.status, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec hang");
    TCase *tcase = tcase_create("hang");
    tcase_add_checked_fixture(tcase, crash_setup, crash_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, one_that_hangs_under_a_command_is_ended_and_leaves_doubt);
    tcase_add_test(tcase, one_that_hangs_when_the_next_runner_comes_is_ended_and_leaves_doubt);
    tcase_add_test(tcase, one_that_only_stalls_when_the_next_runner_comes_keeps_its_command);
    suite_add_tcase(suite, tcase);
    SRunner *suite_runner = srunner_create(suite);
    srunner_run_all(suite_runner, CK_ENV);
    int failed = srunner_ntests_failed(suite_runner);
    srunner_free(suite_runner);
    return failed == 0 ? 0 : 1;
}
