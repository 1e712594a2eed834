/*
 * Reading SQL files.
 */
#include "compiler/lower/sql_file.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read an open regular file whole. @return what went wrong, or NULL. */
static const char *read_whole(struct rbk_arena *arena, int fd, struct rbk_str *ret_text)
{
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return strerror(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return "not a regular file";
    }
    if ((uint64_t)status.st_size > RBK_SQL_FILE_BYTES_MAX) {
        return "larger than 16 MiB";
    }
    size_t bytes_max = (size_t)status.st_size;
    char *data = rbk_arena_alloc(arena, bytes_max + 1, 1);
    size_t bytes = 0;
    while (bytes < bytes_max) {
        ssize_t got = read(fd, data + bytes, bytes_max - bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return strerror(errno);
        }
        if (got == 0) {
            break;
        }
        bytes += (size_t)got;
    }
    *ret_text = (struct rbk_str){data, bytes};
    return NULL;
}

/* The path as seen from the working directory. */
static struct rbk_str path_beside(struct rbk_arena *arena, struct rbk_str from, struct rbk_str name)
{
    size_t slash = from.bytes;
    while (slash > 0 && from.data[slash - 1] != '/') {
        slash--;
    }
    if (name.bytes > 0 && name.data[0] == '/') {
        slash = 0;
    }
    return rbk_arena_printf(arena, "%.*s%.*s", (int)slash, from.data, RBK_STR_ARG(name));
}

const char *rbk_sql_file_read(struct rbk_arena *arena, const struct rbk_source *source,
                              struct rbk_str name, struct rbk_str *ret_text)
{
    struct rbk_str path = path_beside(arena, source->path, name);
    struct rbk_str text = RBK_STR("");
    if (path.bytes >= RBK_PATH_BYTES_MAX || rbk_str_find(path, '\0') < path.bytes) {
        return "not a file name";
    }
    /* Not to hang on a named pipe. */
    int fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return strerror(errno);
    }
    const char *fault = read_whole(arena, fd, &text);
    close(fd);
    if (fault == NULL && (!rbk_utf8_valid(text, NULL) || rbk_str_find(text, '\0') < text.bytes)) {
        fault = "not UTF-8 text";
    }
    if (fault == NULL) {
        *ret_text = text;
    }
    return fault;
}
