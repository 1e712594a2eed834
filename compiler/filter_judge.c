/* See filter_judge.h. Blocking, with a deadline on every step: rbkc has nothing else to do. */
#include "compiler/filter_judge.h"

#include "runtime/core/base/attributes.h"
#include "runtime/installed/installed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKER "rbk-filter-worker"

static uint64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void rbk_filter_judge_init(struct rbk_filter_judge *judge)
{
    *judge = (struct rbk_filter_judge){.answer_ms = RBK_FILTER_ANSWER_MS_MAX};
}

void rbk_filter_judge_begin_plan(struct rbk_filter_judge *judge)
{
    judge->deadline_ms = 0;
}

void rbk_filter_judge_fini(struct rbk_filter_judge *judge)
{
    if (judge->worker == 0) {
        return;
    }
    (void)close(judge->channel);
    (void)kill(judge->worker, SIGKILL); /* what it compiles with goes with it */
    while (waitpid(judge->worker, NULL, 0) < 0 && errno == EINTR) {
    }
    judge->worker = 0;
}

RBK_PRINTF(2, 3)
static enum rbk_filter_answer give_up(struct rbk_filter_judge *judge, const char *format, ...)
{
    va_list arguments;
    rbk_filter_judge_fini(judge);
    va_start(arguments, format);
    (void)vsnprintf(judge->gone, sizeof(judge->gone), format, arguments);
    va_end(arguments);
    return RBK_FILTER_ANSWER_NONE;
}

/* Start a program with a channel as its descriptor 0. @return 0 or an errno. */
static int spawn(const char *path, int channel, pid_t *ret_child)
{
    char name[] = WORKER;
    char *arguments[] = {name, NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_t files;
    int error = posix_spawn_file_actions_init(&files);
    if (error != 0) {
        return error;
    }
    if ((error = posix_spawn_file_actions_adddup2(&files, channel, 0)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)) == 0 &&
        (error = posix_spawn_file_actions_addchdir_np(&files, "/")) == 0) {
        error = posix_spawn(ret_child, path, &files, NULL, arguments, environment);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

/* Our end, away from the place of a standard descriptor that is closed: what rbkc prints is not for
 * the worker. @return -1 with errno when there is none; takes `end`. */
static int away_from_standard(int end)
{
    int moved = fcntl(end, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    (void)close(end);
    errno = error;
    return moved;
}

/* @return 0 or an errno. */
static int start(struct rbk_filter_judge *judge)
{
    int ends[2];
    int error = 0;
    char *path = rbk_installed_path(WORKER);
    if (!path) {
        return ENOENT;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        error = errno;
    } else {
        judge->channel = away_from_standard(ends[0]);
        error = judge->channel < 0 ? errno : spawn(path, ends[1], &judge->worker);
        (void)close(ends[1]);
        if (error != 0) {
            judge->worker = 0;
            if (judge->channel >= 0) {
                (void)close(judge->channel);
            }
        }
    }
    free(path);
    return error;
}

/* Wait until the channel can be read or written. @return false at the deadline. */
static bool wait_for(const struct rbk_filter_judge *judge, short events, uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd channel = {.fd = judge->channel, .events = events};
        uint64_t now = now_ms();
        int ready = now < deadline_ms ? poll(&channel, 1, (int)(deadline_ms - now)) : 0;
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            return false;
        }
    }
}

/* @return 1; 0 at the deadline; -1 when the worker has ended. */
static int send_all(const struct rbk_filter_judge *judge, const void *data, size_t bytes,
                    uint64_t deadline_ms)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t put = send(judge->channel, at, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            at += put;
            bytes -= (size_t)put;
        } else if (put == 0 || (errno != EAGAIN && errno != EINTR)) {
            return -1;
        } else if (!wait_for(judge, POLLOUT, deadline_ms)) {
            return 0;
        }
    }
    return 1;
}

static int receive_all(const struct rbk_filter_judge *judge, void *data, size_t bytes,
                       uint64_t deadline_ms)
{
    char *at = data;
    while (bytes > 0) {
        ssize_t got = recv(judge->channel, at, bytes, MSG_DONTWAIT);
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return -1;
        } else if (!wait_for(judge, POLLIN, deadline_ms)) {
            return 0;
        }
    }
    return 1;
}

static int talk(const struct rbk_filter_judge *judge, struct rbk_str program, uint64_t deadline_ms,
                struct rbk_filter_reply *ret_reply, char ret_message[RBK_FILTER_MESSAGE_BYTES_MAX])
{
    const struct rbk_filter_request request = {.kind = RBK_FILTER_COMPILE,
                                               .timeout_ms = RBK_FILTER_PROCESSOR_MS_MAX,
                                               .program_bytes = (uint32_t)program.bytes};
    int went = send_all(judge, &request, sizeof(request), deadline_ms);
    if (went > 0) {
        went = send_all(judge, program.data, program.bytes, deadline_ms);
    }
    if (went > 0) {
        went = receive_all(judge, ret_reply, sizeof(*ret_reply), deadline_ms);
    }
    if (went > 0 && ret_reply->bytes >= RBK_FILTER_MESSAGE_BYTES_MAX) {
        return -1; /* no worker of ours says so much */
    }
    if (went > 0) {
        went = receive_all(judge, ret_message, ret_reply->bytes, deadline_ms);
        ret_message[ret_reply->bytes] = '\0';
    }
    return went;
}

enum rbk_filter_answer rbk_filter_judge_ask(struct rbk_filter_judge *judge, struct rbk_str program,
                                            char ret_message[RBK_FILTER_MESSAGE_BYTES_MAX])
{
    struct rbk_filter_reply reply = {.kind = 0};
    uint64_t now = now_ms();
    if (judge->gone[0] != '\0') {
        return RBK_FILTER_ANSWER_NONE;
    }
    if (judge->deadline_ms == 0) {
        judge->deadline_ms = now + RBK_FILTER_JUDGE_MS_MAX;
    }
    if (judge->worker == 0) {
        int error = start(judge);
        if (error != 0) {
            judge->missing = error == ENOENT;
            return give_up(judge, "the program `%s`, which compiles them, cannot be started: %s",
                           WORKER, strerror(error));
        }
    }
    uint64_t deadline_ms = now + judge->answer_ms;
    deadline_ms = deadline_ms < judge->deadline_ms ? deadline_ms : judge->deadline_ms;
    int went = talk(judge, program, deadline_ms, &reply, ret_message);
    if (went == 0) {
        return give_up(judge, "the program `%s`, which compiles them, did not answer in time",
                       WORKER);
    }
    if (went > 0) {
        switch (reply.kind) {
        case RBK_FILTER_COMPILES:
            return RBK_FILTER_ANSWER_FINE;
        case RBK_FILTER_INVALID:
            return RBK_FILTER_ANSWER_REFUSED;
        case RBK_FILTER_ENDED:
            return RBK_FILTER_ANSWER_ENDED;
        default:
            break;
        }
    }
    return give_up(judge, "the program `%s`, which compiles them, gave no answer", WORKER);
}
