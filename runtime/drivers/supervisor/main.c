/*
 * rbk-supervisor DIRECTORY RUN: started by the runner's exec driver with the connection to it as
 * descriptor 3 and the locked lock file as descriptor 4; never by hand.
 *
 * The lock stays locked exactly as long as this process lives, since no command inherits it:
 * whoever gets the lock knows that there is no supervisor of this run, nor one about to be.
 */
#include "runtime/drivers/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_MAX 64
/* Redacted output of one chunk: marks can be longer than what they stand for. */
#define SHOWN_BYTES_MAX ((size_t)8 << 20)

/* Nothing is inherited but the connection and the lock; 0 to 2 are /dev/null. */
static int tidy_descriptors(void)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0) {
        return -1;
    }
    for (int file = 0; file <= 2; file++) {
        if (null != file && dup2(null, file) < 0) {
            return -1;
        }
    }
    struct stat stat;
    if (fstat(RBK_EXEC_FD_CONNECTION, &stat) != 0 || !S_ISSOCK(stat.st_mode)) {
        return -1;
    }
    if (fcntl(RBK_EXEC_FD_CONNECTION, F_SETFD, FD_CLOEXEC) != 0) {
        return -1;
    }
    if (fcntl(RBK_EXEC_FD_LOCK, F_SETFD, FD_CLOEXEC) != 0) {
        return -1;
    }
    return close_range(RBK_EXEC_FD_LOCK + 1, ~0U, 0);
}

/* Every signal at its default and blocked: no terminal and no person ends this process by accident,
 * and a command needs no more than an empty mask. */
static int block_signals(struct supervisor *supervisor)
{
    sigset_t all, children;
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL) != 0) {
        return -1;
    }
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    supervisor->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signals < 0 ? -1 : 0;
}

/* Who this is, and what the supervisor before leaves to be promised. */
static void identify(struct supervisor *supervisor)
{
    struct rbk_supervisor_id before;
    rbk_boot_id_read(supervisor->boot);
    supervisor->id.process = rbk_process_identify(getpid(), supervisor->boot);
    supervisor->serial_min_open = true;
    if (rbk_supervisor_id_read(supervisor->directory, supervisor->run, &before) != 0) {
        return;
    }
    if (before.state == RBK_SUPERVISOR_SERVING || before.serial_min == UINT32_MAX ||
        strcmp(before.process.boot, supervisor->boot) != 0) {
        return;
    }
    supervisor->id.serial_min = before.serial_min;
    supervisor->serial_min_open = false;
}

static int open_all(struct supervisor *supervisor, const char *directory, const char *run)
{
    if (strlen(run) >= sizeof supervisor->run) {
        return -1;
    }
    memcpy(supervisor->run, run, strlen(run) + 1);
    if (chdir(directory) != 0) {
        return -1;
    }
    supervisor->directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (supervisor->directory < 0 || supervisor->epoll < 0 || block_signals(supervisor) != 0) {
        return -1;
    }
    supervisor->watch_signals.kind = WATCH_SIGNALS;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &supervisor->watch_signals};
    if (epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, supervisor->signals, &event) != 0) {
        return -1;
    }
    rbk_buffer_init(&supervisor->shown, SHOWN_BYTES_MAX);
    /* Other people's secrets are in its memory: no core dump, no debugger of another process. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return -1;
    }
    identify(supervisor);
    return serve_open(supervisor);
}

static void on_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo signals[4];
    while (read(supervisor->signals, signals, sizeof signals) > 0) {
        supervisor->child_event = true;
    }
    if (supervisor->child_event) {
        command_reap(supervisor);
    }
}

static void on_event(struct supervisor *supervisor, const struct epoll_event *event)
{
    struct watch *watch = event->data.ptr;
    switch (watch->kind) {
    case WATCH_SIGNALS:
        on_signals(supervisor);
        break;
    case WATCH_LISTENER:
        serve_on_listener(supervisor);
        break;
    case WATCH_CONNECTION:
        serve_on_connection(supervisor, event->events);
        break;
    case WATCH_SINK:
        (void)sink_pump((struct sink *)watch);
        break;
    }
}

static int wait_ms(const struct supervisor *supervisor)
{
    uint64_t due = command_due_ms(supervisor);
    if (serve_due_ms(supervisor) < due) {
        due = serve_due_ms(supervisor);
    }
    if (due == UINT64_MAX) {
        return -1;
    }
    uint64_t now = now_ms();
    uint64_t wait = due > now ? due - now : 0;
    return wait > 3600000 ? 3600000 : (int)wait;
}

/* One turn; false when it was the last. */
static bool turn(struct supervisor *supervisor)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(supervisor->epoll, events, EVENTS_MAX, wait_ms(supervisor));
    for (int index = 0; index < count; index++) {
        on_event(supervisor, &events[index]);
    }
    command_advance_all(supervisor);
    serve_flush(supervisor);
    command_free_forgotten(supervisor);
    return !serve_over(supervisor);
}

static void close_all(struct supervisor *supervisor)
{
    struct command *command;
    for (command = supervisor->commands; command; command = command->next) {
        command->forgotten = true;
        sink_fini(&command->out);
        sink_fini(&command->err);
    }
    command_free_forgotten(supervisor);
    while (supervisor->released) {
        tree_forget(supervisor, supervisor->released->pid);
    }
    rbk_buffer_fini(&supervisor->inbox);
    rbk_buffer_fini(&supervisor->outbox);
    rbk_buffer_fini(&supervisor->shown);
    free(supervisor->asked);
    free(supervisor);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("rbk-supervisor: started by rbk, not by hand\n", stderr);
        return 2;
    }
    if (tidy_descriptors() != 0) {
        return 2;
    }
    /* The runner waits for the process it started, and gets it back at once. */
    pid_t pid = fork();
    if (pid != 0) {
        return pid < 0 ? 1 : 0;
    }
    setsid();
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor || open_all(supervisor, argv[1], argv[2]) != 0) {
        free(supervisor);
        return 1;
    }
    while (turn(supervisor)) {
    }
    close_all(supervisor);
    return 0;
}
