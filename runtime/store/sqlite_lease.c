/*
 * Leases: one runner per run. On one host the kernel is the judge: an exclusive lock on a file in
 * the run's directory, which goes away with the process that holds it, however that ends. The epoch
 * in the store fences a runner that somehow writes on after losing it: every append names its
 * epoch.
 */
#include "runtime/store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_lock_file(struct rbk_store *store, const char *run, bool create,
                          struct rbk_error *reterr)
{
    struct rbk_buffer path;
    int descriptor;

    rbk_buffer_init(&path, 4096);
    if (create) {
        rbk_buffer_printf(&path, "%s/runs", store->directory);
        (void)mkdir(path.data, 0700);
        rbk_buffer_printf(&path, "/%s", run);
        (void)mkdir(path.data, 0700);
    } else {
        rbk_store_run_directory(store, run, &path);
    }
    rbk_buffer_printf(&path, "/lock");
    descriptor = open(path.data, create ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        (void)rbk_error_set_system(reterr, errno == ENOSPC ? RBK_EFULL : RBK_EDENIED, errno,
                                   "cannot open \"%s\"", path.data);
    }
    rbk_buffer_fini(&path);
    return descriptor;
}

static int read_epoch(struct rbk_store *store, const char *run, uint64_t *ret_epoch, char *holder,
                      size_t holder_bytes, struct rbk_error *reterr)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_GET_EPOCH, reterr);
    struct rbk_str text;
    int error = 0;

    if (statement == NULL) {
        return -RBK_ESTORE;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    *ret_epoch = 0;
    holder[0] = '\0';
    while (rbk_sqlite_next(store, statement, "cannot read", &error, reterr)) {
        *ret_epoch = (uint64_t)sqlite3_column_int64(statement, 0);
        text = rbk_sqlite_text(statement, 1);
        if (text.bytes < holder_bytes) {
            memcpy(holder, text.data, text.bytes);
            holder[text.bytes] = '\0';
        }
    }
    return error;
}

int rbk_store_take_lease(struct rbk_store *store, const char *run, uint64_t *ret_epoch,
                         struct rbk_error *reterr)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char host[128] = "", holder[192];
    sqlite3_stmt *statement;
    int descriptor, error;

    /* It becomes the name of a folder: an edited store must not lead out of its own. */
    if (run[0] == '\0' || run[0] == '.' || strchr(run, '/') != NULL) {
        return rbk_error_set(reterr, RBK_ECORRUPT, "\"%s\" is not the id of a run", run);
    }
    descriptor = open_lock_file(store, run, true, reterr);
    if (descriptor < 0) {
        return -RBK_EDENIED;
    }
    if (fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
        close(descriptor);
        if (read_epoch(store, run, ret_epoch, holder, sizeof(holder), NULL) != 0 || !holder[0]) {
            snprintf(holder, sizeof(holder), "another process");
        }
        return rbk_error_set(reterr, RBK_EBUSY,
                             "run %s is driven by %s; `rbk status %s` shows it, and `rbk abort %s` "
                             "or `rbk pause %s` reach it",
                             run, holder, run, run, run);
    }
    gethostname(host, sizeof(host) - 1);
    snprintf(holder, sizeof(holder), "process %ld on %s", (long)getpid(), host);

    if ((error = rbk_store_begin(store, reterr)) != 0) {
        goto fail;
    }
    if ((statement = rbk_sqlite_writer(store, RBK_SQLITE_TAKE_EPOCH, reterr)) == NULL) {
        error = -RBK_ESTORE;
        goto fail_transaction;
    }
    rbk_sqlite_bind(statement, 1, rbk_str_from(run));
    rbk_sqlite_bind(statement, 2, rbk_str_from(holder));
    sqlite3_bind_int64(statement, 3, rbk_sqlite_now_ms());
    if ((error = rbk_sqlite_run(store, statement, "cannot take the lease in", reterr)) != 0 ||
        (error = read_epoch(store, run, ret_epoch, holder, sizeof(holder), reterr)) != 0) {
        goto fail_transaction;
    }
    if ((error = rbk_store_commit(store, reterr)) != 0) {
        goto fail;
    }
    store->lease_lock = descriptor;
    return 0;

fail_transaction:
    rbk_store_rollback(store);
fail:
    close(descriptor);
    return error;
}

void rbk_store_release_lease(struct rbk_store *store)
{
    if (store->lease_lock >= 0) {
        close(store->lease_lock);
    }
    store->lease_lock = -1;
}

bool rbk_store_lease_held(struct rbk_store *store, const char *run)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int descriptor = open_lock_file(store, run, false, NULL);
    bool held;

    if (descriptor < 0) {
        return false;
    }
    held = fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(descriptor);
    return held;
}

int rbk_store_lease_holder(struct rbk_store *store, const char *run, struct rbk_buffer *out,
                           struct rbk_error *reterr)
{
    char holder[192];
    uint64_t epoch;
    int error = read_epoch(store, run, &epoch, holder, sizeof(holder), reterr);

    rbk_buffer_append_text(out, error == 0 ? holder : "");
    return error;
}
