/*
 * Writing files whole.
 */
#include "compiler/write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int rbk_write_all(int fd, struct rbk_str text)
{
    while (text.bytes > 0) {
        ssize_t written = write(fd, text.data, text.bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return -1;
        }
        text = rbk_str_slice(text, (size_t)written, text.bytes);
    }
    return 0;
}

/* Write, give the file the permissions it would have had, and close it. */
static int fill(int fd, struct rbk_str text)
{
    mode_t mask = umask(0);
    umask(mask);
    int result = rbk_write_all(fd, text);
    if (result == 0) {
        result = fchmod(fd, 0666 & ~mask);
    }
    if (close(fd) != 0) {
        result = -1;
    }
    return result;
}

/* A file of that name that is whole or not there: written beside it, then renamed. */
static int replace(const char *path, struct rbk_str text)
{
    size_t bytes = strlen(path) + sizeof ".XXXXXX";
    char *beside = malloc(bytes);
    if (!beside) {
        return -1;
    }
    snprintf(beside, bytes, "%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    int result = -1;
    if (fd >= 0) {
        result = fill(fd, text);
        if (result == 0) {
            result = rename(beside, path);
        }
        if (result != 0) {
            int system = errno;
            unlink(beside);
            errno = system;
        }
    }
    free(beside);
    return result;
}

/* A pipe, a terminal or a device is written to, never replaced by a file. */
static int write_through(const char *path, struct rbk_str text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -1;
    }
    int result = rbk_write_all(fd, text);
    int system = errno;
    if (close(fd) != 0 && result == 0) {
        return -1;
    }
    errno = system;
    return result;
}

int rbk_write_file(const char *path, struct rbk_str text)
{
    if (!path) {
        return rbk_write_all(STDOUT_FILENO, text);
    }
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return write_through(path, text);
    }
    /* Through a symbolic link to the file it names: the link stays. */
    char *named = realpath(path, NULL);
    int result = replace(named ? named : path, text);
    int system = errno;
    free(named);
    errno = system;
    return result;
}

int rbk_replace_file(const char *path, struct rbk_str text)
{
    struct stat status;
    if (stat(path, &status) != 0 || rbk_write_file(path, text) != 0) {
        return -1;
    }
    /* A file mended by root stays its owner's; who may not give files away keeps the group, if that
     * is possible, and else owns the new one. Before chmod(): giving away clears bits of the mode.
     */
    if (chown(path, status.st_uid, status.st_gid) != 0) {
        (void)!chown(path, (uid_t)-1, status.st_gid);
    }
    return chmod(path, status.st_mode & 07777);
}
