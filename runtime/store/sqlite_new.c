/*
 * A new store. SQLite would make one in some twenty statements and eight flushes, a third of the
 * time until the first effect of a run. So the file is written as it was when rbk was built
 * (make_empty.c) and gets its name when all of it is on the disk; the name itself is flushed
 * before the first commit, with that of the log (SQLite flushes their folder when it makes one).
 *
 * Where that cannot be the file begins empty, and the tables are made in it as in an older store
 * (sqlite_schema.c): where the file system has no nameless files, where the disk is full, and where
 * a log or journal of an earlier store was left behind, which SQLite throws away beside an empty
 * file and would carry over into any other.
 */
#include "runtime/store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"

#define RBK_SQLITE_LINK_BYTES 64

static bool has_left_behind(const char *path)
{
    static const char *const suffixes[] = {"-wal", "-journal"};
    char name[RBK_PATH_BYTES_MAX];

    for (size_t i = 0; i < RBK_COUNT(suffixes); i++) {
        int bytes = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);

        if (bytes < 0 || (size_t)bytes >= sizeof(name) || access(name, F_OK) == 0 ||
            errno != ENOENT) {
            return true;
        }
    }
    return false;
}

/* The whole file at once, or nothing. Whoever was first wins: a name that is taken stays. */
static bool make_whole(const char *path, const char *folder)
{
    char link[RBK_SQLITE_LINK_BYTES];
    struct rbk_str image = rbk_sqlite_empty_store();
    bool made;
    int file;

    if (image.bytes == 0 || has_left_behind(path) ||
        (file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) < 0) {
        return false;
    }
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    made = write(file, image.data, image.bytes) == (ssize_t)image.bytes && fdatasync(file) == 0 &&
           linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
    (void)close(file);
    return made;
}

void rbk_sqlite_make_new(const char *path, const char *folder)
{
    int file;

    if (access(path, F_OK) == 0 || make_whole(path, folder)) {
        return;
    }
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0) {
        (void)close(file); /* empty: a database without tables. What failed SQLite meets, too. */
    }
}
