/*
 * Process identity, from /proc. The text of /proc/PID/stat holds the program's name in parentheses,
 * which may itself hold parentheses, blanks and line ends: fields are counted from the last ')'.
 */
#include "runtime/drivers/process.h"
#include "runtime/core/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* Reads a small file into a text; its length, or -errno. */
static ssize_t file_read(const char *path, char *text, size_t text_bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -errno;
    }
    ssize_t got;
    do {
        got = read(file, text, text_bytes - 1);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        got = -errno;
    } else {
        text[got] = '\0';
    }
    close(file);
    return got;
}

void rbk_boot_id_read(char ret_boot[RBK_BOOT_ID_BYTES])
{
    char text[RBK_BOOT_ID_BYTES + 2];
    ssize_t got = file_read("/proc/sys/kernel/random/boot_id", text, sizeof text);
    ret_boot[0] = '\0';
    if (got < RBK_BOOT_ID_BYTES - 1) {
        return;
    }
    memcpy(ret_boot, text, RBK_BOOT_ID_BYTES - 1);
    ret_boot[RBK_BOOT_ID_BYTES - 1] = '\0';
}

/* The fields after the name: state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt
 * utime stime cutime cstime priority nice threads itrealvalue starttime. */
enum { FIELD_STATE, FIELD_PARENT, FIELD_GROUP, FIELD_SESSION, FIELD_START = 19 };

int rbk_process_stat_read(pid_t pid, struct rbk_process_stat *ret_stat)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    ssize_t got = file_read(path, text, sizeof text);
    if (got <= 0) {
        return got == -ENOENT || got == -ESRCH ? -RBK_ENOTFOUND : -RBK_EIO;
    }
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ') {
        return -RBK_EIO;
    }
    at += 2;
    struct rbk_process_stat stat = {.state = *at};
    for (int field = FIELD_STATE; field <= FIELD_START; field++) {
        unsigned long long number = strtoull(at, NULL, 10);
        if (field == FIELD_PARENT) {
            stat.parent = (pid_t)number;
        } else if (field == FIELD_GROUP) {
            stat.group = (pid_t)number;
        } else if (field == FIELD_SESSION) {
            stat.session = (pid_t)number;
        } else if (field == FIELD_START) {
            stat.start_time = number;
        }
        at = strchr(at, ' ');
        if (!at) {
            return -RBK_EIO;
        }
        at++;
    }
    *ret_stat = stat;
    return 0;
}

struct rbk_process_id rbk_process_identify(pid_t pid, const char *boot)
{
    struct rbk_process_id process = {.pid = pid};
    struct rbk_process_stat stat;
    if (rbk_process_stat_read(pid, &stat) == 0) {
        process.start_time = stat.start_time;
    }
    snprintf(process.boot, sizeof process.boot, "%s", boot);
    return process;
}

bool rbk_process_alive(const struct rbk_process_id *process, const char *boot)
{
    struct rbk_process_stat stat;
    if (process->pid <= 0 || process->start_time == 0 || process->boot[0] == '\0') {
        return false;
    }
    if (strcmp(process->boot, boot) != 0) {
        return false;
    }
    if (rbk_process_stat_read(process->pid, &stat) != 0) {
        return false;
    }
    return stat.start_time == process->start_time && stat.state != 'Z' && stat.state != 'X';
}

int rbk_process_signal(const struct rbk_process_id *process, int signal)
{
    int handle = pidfd_open(process->pid, 0);
    if (handle < 0) {
        return errno == ESRCH ? -RBK_ENOTFOUND : -RBK_EDENIED;
    }
    /* The handle holds the process that has the pid now; only then is the start time compared. */
    struct rbk_process_stat stat;
    int result = rbk_process_stat_read(process->pid, &stat);
    if (result == 0 && stat.start_time != process->start_time) {
        result = -RBK_ENOTFOUND;
    }
    if (result == 0 && pidfd_send_signal(handle, signal, NULL, 0) != 0) {
        result = errno == ESRCH ? -RBK_ENOTFOUND : -RBK_EDENIED;
    }
    close(handle);
    return result;
}
