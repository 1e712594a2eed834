/*
 * Zeros ahead of the write-ahead log.
 *
 * A commit that makes the log longer has its flush write the file's new length, too, and wait for
 * it: a third wait on the disk beside the data's and the one for its cache. So the runner, which
 * commits at every step, writes zeros ahead; a commit into them changes no length. PostgreSQL does
 * the same (wal_init_zero in its manual). To whoever reads the log zeros are no frames: it ends at
 * the first one without the salt of its header (SQLite's file format, section 4.3).
 */
#include "runtime/store/sqlite_internal.h"

/* What one page takes in the log (file format, section 4.1); how many pages must fit before the log
 * is made longer, and by how many bytes at least and at most; how many bytes are written at once,
 * which SQLite limits to 128 KiB. */
#define RBK_SQLITE_FRAME_BYTES (24 + 4096)
#define RBK_SQLITE_AHEAD_PAGES 8
#define RBK_SQLITE_AHEAD_MIN (256 * 1024)
#define RBK_SQLITE_AHEAD_MAX (4 * 1024 * 1024)
#define RBK_SQLITE_AHEAD_PIECE (64 * 1024)

static sqlite3_int64 ahead_of(sqlite3_int64 bytes)
{
    if (bytes < RBK_SQLITE_AHEAD_MIN) {
        return RBK_SQLITE_AHEAD_MIN;
    }
    return bytes < RBK_SQLITE_AHEAD_MAX ? bytes : RBK_SQLITE_AHEAD_MAX;
}

void rbk_sqlite_write_ahead(struct rbk_store *store)
{
    static const char zeros[RBK_SQLITE_AHEAD_PIECE];
    sqlite3_int64 needed =
        (sqlite3_int64)(store->wal_pages + RBK_SQLITE_AHEAD_PAGES) * RBK_SQLITE_FRAME_BYTES;
    sqlite3_int64 bytes = 0, end;
    sqlite3_file *log = NULL;

    if (store->role != RBK_STORE_RUNNER || needed <= store->wal_bytes ||
        sqlite3_file_control(store->database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) !=
            SQLITE_OK ||
        log == NULL || log->pMethods == NULL ||
        log->pMethods->xFileSize(log, &bytes) != SQLITE_OK) {
        return;
    }
    store->wal_bytes = bytes; /* another process may have made it longer */
    if (needed <= bytes) {
        return;
    }
    end = bytes;
    bytes = needed + ahead_of(needed);
    while (end < bytes && log->pMethods->xWrite(log, zeros, sizeof(zeros), end) == SQLITE_OK) {
        end += (sqlite3_int64)sizeof(zeros);
    }
    if (end < bytes) {
        /* The disk is full: what is left of it is for the commits. */
        (void)log->pMethods->xTruncate(log, store->wal_bytes);
        end = INT64_MAX;
    }
    store->wal_bytes = end;
}
