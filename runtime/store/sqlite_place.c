/*
 * Whether the store is still where it was opened. A file that was removed, or exchanged for another
 * one, takes writes as before, and what is written is gone with the process that wrote it: a run
 * would be told to be completed that nobody can look up. So before every transaction the names are
 * looked at: two calls of stat(2), a thousandth of what the flush takes.
 */
#include "runtime/store/sqlite_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/core/base/limits.h"

/* Compares what a name means now with what it meant at first, which is noted where it is not known
 * yet. What cannot be looked at (a folder that may not be entered for a while, a server that does
 * not answer) may well be there: the open file still tells what is wrong with it. */
static bool is_same(const char *path, struct rbk_sqlite_place *place)
{
    struct stat now;

    if (stat(path, &now) != 0) {
        /* The log is made with the first transaction. */
        return place->inode == 0 || (errno != ENOENT && errno != ENOTDIR);
    }
    if (place->inode == 0) {
        place->device = now.st_dev;
        place->inode = now.st_ino;
    }
    return place->device == now.st_dev && place->inode == now.st_ino;
}

int rbk_sqlite_check_place(struct rbk_store *store, struct rbk_error *reterr)
{
    char log[RBK_PATH_BYTES_MAX + sizeof("-wal")];

    (void)snprintf(log, sizeof(log), "%s-wal", store->path);
    if (is_same(store->path, &store->file_place) && is_same(log, &store->log_place)) {
        return 0;
    }
    store->failed = true;
    return rbk_error_set(reterr, RBK_ESTORE,
                         "the store \"%s\" was removed or exchanged while it was in use; nothing "
                         "more is written to it: put it back with its -wal file",
                         store->path);
}
