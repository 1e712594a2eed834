/*
 * Reading marks from /proc/PID/environ. Where that cannot be read, as another user's, there is
 * none.
 */
#include "runtime/drivers/process_mark.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As much of an environment as is looked at for the mark. */
#define ENVIRON_BYTES_MAX ((size_t)1 << 20)
/* A process that was killed is there until the kernel has taken it apart; one that forks as fast as
 * it can is not caught by a single walk. */
#define WALKS_MAX 50
#define WALK_EVERY_NS 2000000
/* No further walk begins after this, with however many processes: the caller has more to do. */
#define WALKS_NS_MAX INT64_C(2000000000)
/* Generations that are climbed in search of a supervisor. */
#define DEPTH_MAX 10000
#define SUPERVISOR "rbk-supervisor"

/* Whether the block of texts has this one. */
static bool block_has(const char *block, size_t bytes, const char *name, const char *value)
{
    size_t name_bytes = strlen(name);
    for (size_t at = 0; at < bytes;) {
        const char *text = block + at;
        size_t length = strnlen(text, bytes - at);
        if (length >= name_bytes && memcmp(text, name, name_bytes) == 0) {
            const char *found = text + name_bytes;
            size_t found_bytes = length - name_bytes;
            if (!value ||
                (strlen(value) == found_bytes && memcmp(found, value, found_bytes) == 0)) {
                return true;
            }
        }
        at += length + 1;
    }
    return false;
}

/* The bytes of /proc/PID/NAME, as many as fit; 0: it cannot be read. */
static size_t read_all(pid_t pid, const char *name, char *block, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t bytes = 0;
    while (file >= 0 && bytes < room) {
        ssize_t got = read(file, block + bytes, room - bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        bytes += (size_t)got;
    }
    if (file >= 0) {
        close(file);
    }
    return bytes;
}

/* As rbk_process_mark(), for the owner among some; `block` is room for ENVIRON_BYTES_MAX. */
static enum rbk_process_mark mark_of(pid_t pid, const char *run,
                                     const struct rbk_process_owner *owners, size_t count,
                                     char *block)
{
    size_t bytes = read_all(pid, "environ", block, ENVIRON_BYTES_MAX);
    enum rbk_process_mark mark = RBK_PROCESS_UNMARKED;
    if (block_has(block, bytes, "RBK_RUN=", run) && block_has(block, bytes, "RBK_KEY=", NULL)) {
        mark = RBK_PROCESS_OTHER;
        for (size_t i = 0; i < count && mark == RBK_PROCESS_OTHER; i++) {
            bool same = block_has(block, bytes, "RBK_KEY=", owners[i].key) &&
                        block_has(block, bytes, "RBK_STEP=", owners[i].step);
            mark = same ? RBK_PROCESS_MARKED : RBK_PROCESS_OTHER;
        }
    }
    explicit_bzero(block, bytes);
    return mark;
}

enum rbk_process_mark rbk_process_mark(pid_t pid, const char *run, const char *step,
                                       const char *key)
{
    const struct rbk_process_owner owner = {.step = step, .key = key};
    char *block = malloc(ENVIRON_BYTES_MAX);
    enum rbk_process_mark mark = block ? mark_of(pid, run, &owner, 1, block) : RBK_PROCESS_UNMARKED;
    free(block);
    return mark;
}

/* Whether this process is a supervisor of the run that serves another directory: its words are
 * those it was started with, see supervisor/main.c. */
static bool serves_elsewhere(pid_t pid, const char *run, const char *run_directory)
{
    char text[RBK_PATH_BYTES_MAX * 2 + 256];
    const char *words[3] = {"", "", ""};
    size_t bytes = read_all(pid, "cmdline", text, sizeof text - 1);
    size_t at = 0;
    text[bytes] = '\0';
    for (size_t word = 0; word < 3 && at < bytes; word++) {
        words[word] = text + at;
        at += strlen(words[word]) + 1;
    }
    const char *slash = strrchr(words[0], '/');
    return strcmp(slash ? slash + 1 : words[0], SUPERVISOR) == 0 && strcmp(words[2], run) == 0 &&
           strcmp(words[1], run_directory) != 0;
}

/* Whether such a one is among the ancestors of a process. Where one of them ends while we read, the
 * process has another parent now: that counts as watched, and the next walk sees it. */
static bool is_watched_elsewhere(pid_t pid, const char *run, const char *run_directory,
                                 bool *ret_unsure)
{
    struct rbk_process_stat stat;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        if (rbk_process_stat_read(pid, &stat) != 0) {
            *ret_unsure = true;
            return true;
        }
        if (stat.parent <= 1) {
            return false;
        }
        pid = stat.parent;
        if (serves_elsewhere(pid, run, run_directory)) {
            return true;
        }
    }
    return true;
}

/* Whether /proc is that of the pids this process sees: it is not in a new namespace of pids in
 * which nobody has mounted it anew, and then every pid in it may be a stranger's. */
static bool proc_is_ours(void)
{
    char target[32];
    ssize_t bytes = readlink("/proc/self", target, sizeof target - 1);
    if (bytes <= 0) {
        return false;
    }
    target[bytes] = '\0';
    return strtol(target, NULL, 10) == (long)getpid();
}

/* What a walk looks for. */
struct search {
    const char *run;
    const char *run_directory;
    const struct rbk_process_owner *owners;
    size_t count;
    char *block; /* room for an environment */
};

static bool is_marked(const struct search *search, pid_t pid)
{
    return mark_of(pid, search->run, search->owners, search->count, search->block) ==
           RBK_PROCESS_MARKED;
}

/* One walk; whether it found any that live. */
static bool end_those_there(const struct search *search)
{
    DIR *directory = opendir("/proc");
    const struct dirent *item;
    bool found = false;
    if (!directory) {
        return false;
    }
    while ((item = readdir(directory))) {
        char *end;
        long pid = strtol(item->d_name, &end, 10);
        if (pid <= 0 || *end != '\0' || pid == (long)getpid() || !is_marked(search, (pid_t)pid)) {
            continue;
        }
        /* Who it is, and only then whether it is marked: a pid that is used again in between
         * belongs to somebody else. */
        struct rbk_process_id process = rbk_process_identify((pid_t)pid, "");
        if (process.start_time != 0 && is_marked(search, (pid_t)pid) &&
            !is_watched_elsewhere((pid_t)pid, search->run, search->run_directory, &found) &&
            rbk_process_signal(&process, SIGKILL) == 0) {
            found = true;
        }
    }
    closedir(directory);
    return found;
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void rbk_process_end_marked(const char *run, const char *run_directory,
                            const struct rbk_process_owner *owners, size_t count)
{
    const struct timespec pause = {.tv_nsec = WALK_EVERY_NS};
    struct search search = {
        .run = run, .run_directory = run_directory, .owners = owners, .count = count};
    const int64_t end_ns = now_ns() + WALKS_NS_MAX;
    if (count == 0 || !proc_is_ours()) {
        return;
    }
    search.block = malloc(ENVIRON_BYTES_MAX);
    for (int walk = 0;
         search.block && walk < WALKS_MAX && end_those_there(&search) && now_ns() < end_ns;
         walk++) {
        nanosleep(&pause, NULL);
    }
    free(search.block);
}
