/*
 * The two texts are handed over as anonymous files, which the child reads as /dev/fd/N: nothing is
 * written to disk, and no name of the plan is taken for an option.
 */
#include "compiler/show_diff.h"

#include "compiler/write_file.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* An anonymous file with a text, at its beginning; inherited by a child. -1 with errno set. */
static int text_file(struct rbk_str text)
{
    int fd = memfd_create("rbkc-diff", 0);
    if (fd >= 0 && (rbk_write_all(fd, text) != 0 || lseek(fd, 0, SEEK_SET) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int run_diff(const char *path, int before, int after)
{
    char labels[2][4096];
    char files[2][32];
    snprintf(labels[0], sizeof(labels[0]), "--label=a/%s", path);
    snprintf(labels[1], sizeof(labels[1]), "--label=b/%s", path);
    snprintf(files[0], sizeof(files[0]), "/dev/fd/%d", before);
    snprintf(files[1], sizeof(files[1]), "/dev/fd/%d", after);
    char program[] = "diff";
    char unified[] = "-u";
    char *arguments[] = {program, unified, labels[0], labels[1], files[0], files[1], NULL};
    pid_t child;
    fflush(stdout);
    int error = posix_spawnp(&child, program, NULL, NULL, arguments, environ);
    if (error != 0) {
        errno = error;
        return -1;
    }
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) {
        return 0; /* whoever read it has seen enough */
    }
    /* 0: equal; 1: different; more: trouble, which diff has told of. */
    errno = EIO;
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? 0 : -1;
}

int rbk_show_diff(const char *path, struct rbk_str before, struct rbk_str after)
{
    int result = -1;
    int fds[2] = {text_file(before), text_file(after)};
    if (fds[0] >= 0 && fds[1] >= 0) {
        result = run_diff(path, fds[0], fds[1]);
    }
    int error = errno;
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    errno = error;
    return result;
}
