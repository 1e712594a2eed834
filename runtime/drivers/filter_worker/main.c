/*
 * rbk-filter-worker: applies jq filters for the runtime, and compiles them for the compiler, in a
 * process that has nothing to lose.
 *
 * A filter may run for ever, take all memory, or make libjq abort. So the process has limits on
 * processor time and address space, no environment, no file it could open, and a parent that kills
 * it at the deadline. It speaks the protocol of filter_protocol.h on descriptor 0.
 *
 * What is only compiled is compiled in a child, a fork for each: a plan may hold many filters that
 * are no good, and each would cost the one who asks a new worker.
 *
 * program.c  compiles, keeps and runs filters
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/filter_protocol.h"
#include "runtime/drivers/filter_worker/program.h"

#define CHANNEL 0
#define REPLIED 42 /* an exit status that libjq has no use for */
#define ADDRESS_SPACE_BYTES ((rlim_t)256 << 20)

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void limit(unsigned resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit(resource, &value) != 0) {
        exit(EXIT_FAILURE);
    }
}

static void confine(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C is for the runtime */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* how a child ended is asked for */
    (void)close_range(3, ~0U, 0);   /* what whoever started it forgot to close */
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_NOFILE, 3, 3); /* 0, 1 and 2 are open: nothing else can be */
    if (!SANITIZED) {           /* a sanitizer's shadow alone is larger */
        limit(RLIMIT_AS, ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES);
    }
}

/* Lets the process use `timeout_ms` more of the processor, rounded up, and a second beyond it. */
static void limit_processor(uint32_t timeout_ms)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        rlim_t used = (rlim_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
        limit(RLIMIT_CPU, used + timeout_ms / 1000 + 3, RLIM_INFINITY);
    }
}

/* @return false at the end of the channel. */
static bool read_all(void *data, size_t bytes)
{
    char *at = data;
    while (bytes > 0) {
        ssize_t got = read(CHANNEL, at, bytes);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        at += got > 0 ? got : 0;
        bytes -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool write_all(const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t put = write(CHANNEL, at, bytes);
        if (put <= 0 && !(put < 0 && errno == EINTR)) {
            return false;
        }
        at += put > 0 ? put : 0;
        bytes -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool reply(enum rbk_filter_reply_kind kind, const char *text, size_t bytes)
{
    const struct rbk_filter_reply head = {.kind = kind, .bytes = (uint32_t)bytes};
    return write_all(&head, sizeof(head)) && write_all(text, bytes);
}

/* The child: replies itself, and says so by its exit status. */
static _Noreturn void compile_in_child(const char *program, uint32_t timeout_ms, pid_t worker)
{
    char message[RBK_FILTER_MESSAGE_BYTES_MAX];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != worker) {
        _exit(EXIT_FAILURE); /* it ended before it could take its child with it */
    }
    limit(RLIMIT_CPU, (timeout_ms + 999) / 1000, (timeout_ms + 999) / 1000 + 1);
    bool replied = filter_compiles(program, message)
                       ? reply(RBK_FILTER_COMPILES, "", 0)
                       : reply(RBK_FILTER_INVALID, message, strlen(message));
    _exit(replied ? REPLIED : EXIT_FAILURE);
}

/* @return false when the channel ended, or no child can be had, which is no word on the filter. */
static bool compile(const char *program, uint32_t timeout_ms)
{
    char text[128];
    int status = 0;
    pid_t worker = getpid();
    pid_t child = fork();
    if (child == 0) {
        compile_in_child(program, timeout_ms, worker);
    }
    if (child < 0) {
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == REPLIED) {
        return true;
    }
    int ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (ended_by == SIGXCPU) {
        (void)snprintf(text, sizeof(text), "compiling it takes too much processor time");
    } else if (ended_by == SIGABRT) {
        (void)snprintf(text, sizeof(text), "compiling it takes too much memory");
    } else if (ended_by != 0) {
        (void)snprintf(text, sizeof(text), "compiling it ends libjq with signal %d", ended_by);
    } else {
        (void)snprintf(text, sizeof(text), "compiling it ends libjq");
    }
    return reply(RBK_FILTER_ENDED, text, strlen(text));
}

/* @return false when the channel ended. */
static bool apply(struct filter_cache *cache, const char *program, const char *json,
                  size_t json_bytes, uint32_t timeout_ms)
{
    char *text = NULL;
    size_t bytes = 0;
    limit_processor(timeout_ms);
    enum rbk_filter_reply_kind kind = filter_apply(cache, program, json, json_bytes, &text, &bytes);
    bool fine = reply(kind, text, bytes);
    free(text);
    return fine;
}

/* Serves one request. @return false when the channel ended, or does not follow the protocol. */
static bool serve(struct filter_cache *cache)
{
    struct rbk_filter_request request;
    if (!read_all(&request, sizeof(request)) ||
        request.program_bytes > RBK_FILTER_PROGRAM_BYTES_MAX ||
        request.json_bytes > RBK_FILTER_JSON_BYTES_MAX) {
        return false;
    }
    char *program = malloc((size_t)request.program_bytes + 1);
    char *json = malloc((size_t)request.json_bytes + 1);
    bool fine = program && json && read_all(program, request.program_bytes) &&
                read_all(json, request.json_bytes);
    if (fine) {
        program[request.program_bytes] = '\0';
        fine = request.kind == RBK_FILTER_COMPILE
                   ? compile(program, request.timeout_ms)
                   : apply(cache, program, json, request.json_bytes, request.timeout_ms);
    }
    free(program);
    free(json);
    return fine;
}

int main(void)
{
    /* Empty, not NULL, which is what clearenv() would leave: jq's `env` reads it. */
    char *nothing[] = {NULL};
    environ = nothing;
    confine();
    struct filter_cache *cache = filter_cache_new();
    while (serve(cache)) {
    }
    _exit(EXIT_SUCCESS); /* all memory goes with the process */
}
