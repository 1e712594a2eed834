/*
 * Processes are found by their marks, wherever the tree of processes has put them: those of all
 * owners that are named end, and nobody else's.
 */
#include "runtime/drivers/process_mark.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char run[64];

/* A process that waits for its input's end, with the mark of a step of a run. */
static pid_t start_marked(const char *of_run, const char *step, const char *key)
{
    char texts[3][128];
    char *environment[] = {texts[0], texts[1], texts[2], NULL};
    char *words[] = {"sh", "-c", "echo; read never", NULL};
    int said[2];
    char byte;
    (void)snprintf(texts[0], sizeof(texts[0]), "RBK_RUN=%s", of_run);
    (void)snprintf(texts[1], sizeof(texts[1]), "RBK_STEP=%s", step);
    (void)snprintf(texts[2], sizeof(texts[2]), "RBK_KEY=%s", key);
    ck_assert_int_eq(pipe(said), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int never[2];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pipe(never) == 0 && dup2(never[0], STDIN_FILENO) == STDIN_FILENO &&
            dup2(said[1], STDOUT_FILENO) == STDOUT_FILENO) {
            (void)execvpe("sh", words, environment); /* holds never[1] itself, so it never ends */
        }
        _exit(127);
    }
    (void)close(said[1]);
    ck_assert_int_eq(read(said[0], &byte, 1), 1); /* the new program has taken the process over */
    (void)close(said[0]);
    ck_assert_int_eq(rbk_process_mark(pid, of_run, step, key), RBK_PROCESS_MARKED);
    return pid;
}

/* How a process ended; 0: it lives. */
static int signal_of(pid_t pid, int options)
{
    int status = 0;
    return waitpid(pid, &status, options) == pid && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(those_of_all_owners_end_and_nobody_elses)
{
    const struct rbk_process_owner owners[] = {{"one", "key1"}, {"two", "key2"}};
    pid_t ours[] = {start_marked(run, "one", "key1"), start_marked(run, "two", "key2"),
                    start_marked(run, "two", "key2")};
    pid_t others[] = {start_marked(run, "one", "key2"), start_marked(run, "three", "key3"),
                      start_marked("of another run", "one", "key1")};
    rbk_process_end_marked(run, "/nowhere", owners, 2);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(signal_of(ours[i], 0), SIGKILL);
        ck_assert_int_eq(signal_of(others[i], WNOHANG), 0);
        ck_assert_int_eq(kill(others[i], SIGKILL), 0);
        ck_assert_int_eq(signal_of(others[i], 0), SIGKILL);
    }
}
END_TEST

START_TEST(nobody_ends_for_no_owner)
{
    pid_t pid = start_marked(run, "one", "key1");
    rbk_process_end_marked(run, "/nowhere", NULL, 0);
    ck_assert_int_eq(signal_of(pid, WNOHANG), 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(signal_of(pid, 0), SIGKILL);
}
END_TEST

int main(void)
{
    (void)snprintf(run, sizeof(run), "mark-test-%ld", (long)getpid());
    TCase *tests = tcase_create("mark");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, those_of_all_owners_end_and_nobody_elses);
    tcase_add_test(tests, nobody_ends_for_no_owner);
    Suite *suite = suite_create("mark");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
