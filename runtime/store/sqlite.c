/*
 * The SQLite engine of the store: opening, transactions, errors.
 *
 * WAL with synchronous=FULL: a commit is one flush of the write-ahead log. SQLite before 3.51.3 can
 * lose pages when one connection checkpoints while another writes; so here automatic checkpoints
 * are off in every process, and writing and checkpointing both happen under an exclusive lock on
 * the file PATH-lock, whatever the version. Readers take no lock.
 *
 * After a failed write the connection refuses further ones: what a failed sync left on the disk is
 * not known, and a retry that succeeds would not prove it. Recovery begins with a fresh open.
 */
#include "runtime/store/store.h"

#include "runtime/store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long a writer waits for another one, which holds the lock for one commit only. */
#define RBK_SQLITE_BUSY_MS 10000
#define RBK_SQLITE_BUSY_STEP_MS 2
/* How long files that cannot be opened are tried again, until they have their owner. */
#define RBK_SQLITE_OWNER_MS 500
/* Move the log into the file beyond this many pages (16 MiB at 4 KiB). */
#define RBK_SQLITE_WAL_PAGES_MAX 4096

static const char *const statement_texts[] = {
#define X(constant, text) text,
    RBK_SQLITE_STATEMENTS(X)
#undef X
};

int64_t rbk_sqlite_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int rbk_sqlite_failed(struct rbk_store *store, int code, const char *what, struct rbk_error *reterr)
{
    enum rbk_err result = RBK_ESTORE;

    switch (code & 0xff) {
    case SQLITE_FULL:
        result = RBK_EFULL;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        result = RBK_ECORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        result = RBK_EBUSY;
        break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        result = RBK_EDENIED;
        break;
    case SQLITE_CANTOPEN:
        result = RBK_EIO;
        break;
    default:
        break;
    }
    if (store->in_transaction) {
        store->failed = true;
    }
    return rbk_error_set(reterr, result, "%s \"%s\": %s", what, store->path,
                         store->database != NULL ? sqlite3_errmsg(store->database)
                                                 : sqlite3_errstr(code));
}

sqlite3_stmt *rbk_sqlite_statement(struct rbk_store *store, enum rbk_sqlite_statement which,
                                   struct rbk_error *reterr)
{
    sqlite3_stmt **statement = &store->statements[which];
    int code;

    if (*statement != NULL) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
        return *statement;
    }
    code = sqlite3_prepare_v3(store->database, statement_texts[which], -1,
                              SQLITE_PREPARE_PERSISTENT, statement, NULL);
    if (code != SQLITE_OK) {
        rbk_sqlite_failed(store, code, "cannot use the store", reterr);
        return NULL;
    }
    return *statement;
}

void rbk_sqlite_bind(sqlite3_stmt *statement, int column, struct rbk_str text)
{
    sqlite3_bind_text64(statement, column, text.bytes != 0 ? text.data : "", text.bytes,
                        SQLITE_STATIC, SQLITE_UTF8);
}

struct rbk_str rbk_sqlite_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return (struct rbk_str){text, (size_t)sqlite3_column_bytes(statement, column)};
}

int rbk_sqlite_keep(struct rbk_store *store, sqlite3_stmt *statement, struct rbk_arena *arena,
                    struct rbk_str *const *texts, size_t count, struct rbk_error *reterr)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        char *copy = rbk_arena_try_alloc(arena, texts[i]->bytes + 1, 1);

        if (copy == NULL) {
            error = rbk_error_set(reterr, RBK_ELIMIT,
                                  "a row of the store \"%s\" is larger than there is room for",
                                  store->path);
        } else {
            if (texts[i]->bytes != 0) {
                memcpy(copy, texts[i]->data, texts[i]->bytes);
            }
            texts[i]->data = copy; /* zeroed, so it ends in NUL */
        }
    }
    sqlite3_reset(statement);
    return error;
}

int rbk_sqlite_run(struct rbk_store *store, sqlite3_stmt *statement, const char *what,
                   struct rbk_error *reterr)
{
    int code = sqlite3_step(statement);
    int result = code == SQLITE_DONE ? 0 : rbk_sqlite_failed(store, code, what, reterr);

    sqlite3_reset(statement);
    return result;
}

int rbk_sqlite_writable(struct rbk_store *store, struct rbk_error *reterr)
{
    if (store->failed) {
        return rbk_error_set(reterr, RBK_ESTORE,
                             "the store \"%s\" has failed; nothing more is written to it",
                             store->path);
    }
    if (!store->in_transaction) {
        return rbk_error_set(reterr, RBK_ESTORE, "a write outside a transaction");
    }
    return 0;
}

sqlite3_stmt *rbk_sqlite_writer(struct rbk_store *store, enum rbk_sqlite_statement which,
                                struct rbk_error *reterr)
{
    return rbk_sqlite_writable(store, reterr) != 0 ? NULL
                                                   : rbk_sqlite_statement(store, which, reterr);
}

bool rbk_sqlite_next(struct rbk_store *store, sqlite3_stmt *statement, const char *what, int *error,
                     struct rbk_error *reterr)
{
    int code = *error != 0 ? SQLITE_DONE : sqlite3_step(statement);

    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        *error = rbk_sqlite_failed(store, code, what, reterr);
    }
    sqlite3_reset(statement);
    return false;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

static int lock_writers(struct rbk_store *store, struct rbk_error *reterr)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (int waited_ms = 0; fcntl(store->write_lock, F_OFD_SETLK, &lock) != 0;
         waited_ms += RBK_SQLITE_BUSY_STEP_MS) {
        const struct timespec pause = {.tv_nsec = RBK_SQLITE_BUSY_STEP_MS * 1000000};

        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            return rbk_error_set_system(reterr, RBK_ESTORE, errno, "cannot lock the store \"%s\"",
                                        store->path);
        }
        if (waited_ms >= store->patience_ms) {
            return store->patience_ms == 0
                       ? rbk_error_set(reterr, RBK_EBUSY,
                                       "the store \"%s\" is locked by another process", store->path)
                       : rbk_error_set(
                             reterr, RBK_EBUSY,
                             "the store \"%s\" has been locked by another process for %d s",
                             store->path, store->patience_ms / 1000);
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

static void unlock_writers(struct rbk_store *store)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    fcntl(store->write_lock, F_OFD_SETLK, &lock);
}

int rbk_store_begin(struct rbk_store *store, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    int error;

    if (store->failed) {
        return rbk_error_set(reterr, RBK_ESTORE,
                             "the store \"%s\" has failed; nothing more is written to it",
                             store->path);
    }
    if ((error = lock_writers(store, reterr)) != 0) {
        return error;
    }
    if ((error = rbk_sqlite_check_place(store, reterr)) != 0) {
        unlock_writers(store);
        return error;
    }
    statement = rbk_sqlite_statement(store, RBK_SQLITE_BEGIN, reterr);
    error = statement == NULL
                ? -RBK_ESTORE
                : rbk_sqlite_run(store, statement, "cannot write to the store", reterr);
    if (error != 0) {
        unlock_writers(store);
        return error;
    }
    store->in_transaction = true;
    rbk_sqlite_write_ahead(store);
    return 0;
}

int rbk_store_commit(struct rbk_store *store, struct rbk_error *reterr)
{
    sqlite3_stmt *statement;
    int error;

    if ((error = rbk_sqlite_writable(store, reterr)) != 0) {
        rbk_store_rollback(store);
        return error;
    }
    statement = rbk_sqlite_statement(store, RBK_SQLITE_COMMIT, reterr);
    error = statement == NULL
                ? -RBK_ESTORE
                : rbk_sqlite_run(store, statement, "cannot write to the store", reterr);
    if (error != 0) {
        store->failed = true;
        rbk_store_rollback(store);
        return error;
    }
    store->in_transaction = false;
    unlock_writers(store);
    return 0;
}

void rbk_store_rollback(struct rbk_store *store)
{
    sqlite3_stmt *statement;

    if (!store->in_transaction) {
        return;
    }
    if (!sqlite3_get_autocommit(store->database)) {
        statement = rbk_sqlite_statement(store, RBK_SQLITE_ROLLBACK, NULL);
        if (statement != NULL) {
            (void)rbk_sqlite_run(store, statement, "cannot roll back", NULL);
        }
    }
    store->in_transaction = false;
    unlock_writers(store);
}

void rbk_store_checkpoint(struct rbk_store *store)
{
    if (store->role != RBK_STORE_RUNNER || store->failed || store->in_transaction ||
        store->wal_pages < RBK_SQLITE_WAL_PAGES_MAX) {
        return;
    }
    if (lock_writers(store, NULL) != 0) {
        return;
    }
    /* A failed checkpoint loses nothing: the log stays, and the next one tries again. */
    sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    store->wal_pages = 0;
    unlock_writers(store);
}

int64_t rbk_store_changes(struct rbk_store *store)
{
    sqlite3_stmt *statement = rbk_sqlite_statement(store, RBK_SQLITE_DATA_VERSION, NULL);
    int64_t number = 0;
    int error = 0;

    while (statement != NULL && rbk_sqlite_next(store, statement, "cannot read", &error, NULL)) {
        number = sqlite3_column_int64(statement, 0);
    }
    return number;
}

static int on_wal(void *context, sqlite3 *database, const char *name, int pages)
{
    struct rbk_store *store = context;

    (void)database;
    (void)name;
    store->wal_pages = (uint64_t)pages;
    return SQLITE_OK;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static int make_directories(char *path, struct rbk_error *reterr)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            int result = rbk_error_set_system(reterr, errno == ENOSPC ? RBK_EFULL : RBK_EDENIED,
                                              errno, "cannot create the directory \"%s\"", path);

            *slash = '/';
            return result;
        }
        *slash = '/';
    }
    return 0;
}

static char *absolute(const char *path)
{
    char *current, *result = NULL;

    if (path[0] == '/') {
        return strdup(path);
    }
    current = getcwd(NULL, 0);
    if (current != NULL && asprintf(&result, "%s/%s", current, path) < 0) {
        result = NULL;
    }
    free(current);
    return result;
}

static int open_locks(struct rbk_store *store, struct rbk_error *reterr)
{
    char *path = NULL;

    if (asprintf(&path, "%s-lock", store->path) < 0) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    store->write_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->write_lock < 0) {
        int result = rbk_error_set_system(reterr, errno == ENOSPC ? RBK_EFULL : RBK_EDENIED, errno,
                                          "cannot open \"%s\"", path);

        free(path);
        return result;
    }
    free(path);
    return 0;
}

/* The first look at the file, which opens its log, too. Where root works with the store of somebody
 * else it makes the log's files as its own and gives them to their owner in the next moment, and in
 * between the owner cannot open them. */
static int first_look(struct rbk_store *store)
{
    const struct timespec pause = {.tv_nsec = RBK_SQLITE_BUSY_STEP_MS * 1000000};
    int patience_ms =
        store->patience_ms < RBK_SQLITE_OWNER_MS ? store->patience_ms : RBK_SQLITE_OWNER_MS;
    int code;

    for (int waited_ms = 0;; waited_ms += RBK_SQLITE_BUSY_STEP_MS) {
        code = sqlite3_exec(store->database, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if ((code & 0xff) != SQLITE_CANTOPEN || waited_ms >= patience_ms) {
            return code;
        }
        nanosleep(&pause, NULL);
    }
}

static int configure(struct rbk_store *store, struct rbk_error *reterr)
{
    int code;

    sqlite3_extended_result_codes(store->database, 1);
    sqlite3_busy_timeout(store->database, store->patience_ms);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    code = first_look(store);
    if (code != SQLITE_OK) {
        return rbk_sqlite_failed(store, code, "cannot open the store", reterr);
    }
    code = sqlite3_exec(store->database,
                        "PRAGMA synchronous = FULL;"
                        "PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON;"
                        "PRAGMA cell_size_check = ON; PRAGMA cache_size = -1024",
                        NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return rbk_sqlite_failed(store, code, "cannot open the store", reterr);
    }
    sqlite3_wal_hook(store->database, on_wal, store);
    return 0;
}

static int open_store(const char *path, enum rbk_store_role role, int patience_ms,
                      struct rbk_store **ret_store, struct rbk_error *reterr)
{
    struct rbk_store *store = calloc(1, sizeof(*store));
    int error = -RBK_ENOMEM, flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, code;
    struct stat status;

    if (store == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    store->role = role;
    store->patience_ms = patience_ms;
    store->write_lock = store->lease_lock = -1;
    rbk_sha256_init(&store->sha);
    store->path = absolute(path);
    if (store->path == NULL || (store->directory = strdup(store->path)) == NULL) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
        goto fail;
    }
    *strrchr(store->directory, '/') = '\0';

    if (role == RBK_STORE_RUNNER || role == RBK_STORE_KEEPER) {
        flags |= SQLITE_OPEN_CREATE;
        if ((error = make_directories(store->path, reterr)) != 0) {
            goto fail;
        }
    } else if (access(store->path, F_OK) != 0) {
        error = errno == ENOENT || errno == ENOTDIR
                    ? rbk_error_set_system(reterr, RBK_ENOTFOUND, errno, "no store at \"%s\"",
                                           store->path)
                    : rbk_error_set_system(reterr, RBK_EDENIED, errno, "cannot look at \"%s\"",
                                           store->path);
        goto fail;
    }
    /* A device would do as an empty database, with a log beside it; a pipe would be waited for. */
    if (stat(store->path, &status) == 0 && !S_ISREG(status.st_mode)) {
        error = rbk_error_set(reterr, RBK_ESTORE, "\"%s\" cannot be a store: it is not a file",
                              store->path);
        goto fail;
    }
    if ((error = open_locks(store, reterr)) != 0) {
        goto fail;
    }
    if ((flags & SQLITE_OPEN_CREATE) != 0) {
        rbk_sqlite_make_new(store->path, store->directory);
    }
    code = sqlite3_open_v2(store->path, &store->database, flags, NULL);
    if (code != SQLITE_OK) {
        error = rbk_sqlite_failed(store, code, "cannot open the store", reterr);
        goto fail;
    }
    if ((error = configure(store, reterr)) != 0 ||
        (error = rbk_sqlite_prepare_schema(store, reterr)) != 0) {
        goto fail;
    }
    *ret_store = store;
    return 0;

fail:
    rbk_store_close(store);
    return error;
}

int rbk_store_open(const char *path, enum rbk_store_role role, struct rbk_store **ret_store,
                   struct rbk_error *reterr)
{
    return open_store(path, role, RBK_SQLITE_BUSY_MS, ret_store, reterr);
}

int rbk_store_open_hasty(const char *path, enum rbk_store_role role, struct rbk_store **ret_store,
                         struct rbk_error *reterr)
{
    return open_store(path, role, 0, ret_store, reterr);
}

void rbk_store_hurry(struct rbk_store *store)
{
    store->patience_ms = 0;
    sqlite3_busy_timeout(store->database, 0);
}

void rbk_store_close(struct rbk_store *store)
{
    if (store == NULL) {
        return;
    }
    rbk_store_rollback(store);
    rbk_store_release_lease(store);
    for (size_t i = 0; i < RBK_SQLITE_STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->database);
    if (store->write_lock >= 0) {
        close(store->write_lock);
    }
    rbk_sha256_fini(&store->sha);
    free(store->directory);
    free(store->path);
    free(store);
}

const char *rbk_store_path(const struct rbk_store *store)
{
    return store->path;
}

void rbk_store_run_directory(const struct rbk_store *store, const char *run, struct rbk_buffer *out)
{
    rbk_buffer_printf(out, "%s/runs/%s", store->directory, run);
}

int rbk_store_default_path(struct rbk_buffer *out, struct rbk_error *reterr)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state != NULL && state[0] == '/') {
        return rbk_buffer_printf(out, "%s/rbk/store.db", state);
    }
    if (home != NULL && home[0] == '/') {
        return rbk_buffer_printf(out, "%s/.local/state/rbk/store.db", home);
    }
    return rbk_error_set(reterr, RBK_EUSAGE,
                         "no place for the store: set HOME or XDG_STATE_HOME, or give --store");
}
