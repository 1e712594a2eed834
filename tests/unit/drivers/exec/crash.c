/*
 * See crash.h.
 */
#include "tests/unit/drivers/exec/crash.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct world world;
struct answer answer;
int began;
int go;

void crash_setup(void)
{
    world_init(&world);
    world_close(&world, true);
    began = world_fifo(&world, "began");
    go = world_fifo(&world, "go");
    ck_assert_int_eq(fcntl(began, F_SETFL, 0), 0);
}

void crash_teardown(void)
{
    close(began);
    close(go);
    world_fini(&world);
}

void crash_await(char expected)
{
    char byte;
    do {
        ck_assert_int_eq(read(began, &byte, 1), 1);
    } while (byte == '\n');
    ck_assert_int_eq(byte, expected);
}

pid_t crash_runner(const struct rbk_request *request)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) {
        return pid;
    }
    world_open(&world, false);
    world_start(&world, request, &answer);
    world_wait(&world, &answer);
    (void)!write(began, "R", 1);
    for (;;) {
        pause();
    }
}

void crash_end_runner(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

struct rbk_request crash_patient(void)
{
    return world_shell(&world, "echo C > began; read -r _ < go; echo out; echo err >&2; exit 5");
}

void crash_let_go(void)
{
    ck_assert_int_eq(write(go, "\n", 1), 1);
}
