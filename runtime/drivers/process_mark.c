/*
 * Reading marks from /proc/PID/environ. Another user's cannot be read, which counts as none.
 */
#include "runtime/drivers/process_mark.h"
#include "runtime/drivers/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
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

enum rbk_process_mark rbk_process_mark(pid_t pid, const char *run, const char *step,
                                       const char *key)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return RBK_PROCESS_UNMARKED;
    }
    char *block = malloc(ENVIRON_BYTES_MAX);
    size_t bytes = 0;
    while (block && bytes < ENVIRON_BYTES_MAX) {
        ssize_t got = read(file, block + bytes, ENVIRON_BYTES_MAX - bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        bytes += (size_t)got;
    }
    close(file);
    enum rbk_process_mark mark = RBK_PROCESS_UNMARKED;
    if (block && block_has(block, bytes, "RBK_RUN=", run) &&
        block_has(block, bytes, "RBK_KEY=", NULL)) {
        bool same =
            block_has(block, bytes, "RBK_KEY=", key) && block_has(block, bytes, "RBK_STEP=", step);
        mark = same ? RBK_PROCESS_MARKED : RBK_PROCESS_OTHER;
    }
    if (block) {
        explicit_bzero(block, bytes);
    }
    free(block);
    return mark;
}

/* One walk; whether it found any that live. */
static bool end_those_there(const char *run, const char *step, const char *key)
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
        if (pid <= 0 || *end != '\0' || pid == (long)getpid()) {
            continue;
        }
        /* Who it is first: a pid that is used again in between belongs to somebody else. */
        struct rbk_process_id process = rbk_process_identify((pid_t)pid, "");
        if (process.start_time != 0 &&
            rbk_process_mark((pid_t)pid, run, step, key) == RBK_PROCESS_MARKED &&
            rbk_process_signal(&process, SIGKILL) == 0) {
            found = true;
        }
    }
    closedir(directory);
    return found;
}

void rbk_process_end_marked(const char *run, const char *step, const char *key)
{
    const struct timespec pause = {.tv_nsec = WALK_EVERY_NS};
    for (int walk = 0; walk < WALKS_MAX && end_those_there(run, step, key); walk++) {
        nanosleep(&pause, NULL);
    }
}
