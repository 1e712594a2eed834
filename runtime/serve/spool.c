/*
 * The file of a spool: texts one behind the other, and in memory where each of them ends. It is
 * made when the first bytes are written, in $TMPDIR or /tmp, never beside the store: what a runner
 * needs that disk for comes first.
 */
#include "runtime/serve/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So much is gathered before it is written. */
#define PENDING_BYTES ((size_t)64 << 10)
#define TEXT_BYTES_MAX ((size_t)64 << 20)

void rbk_spool_init(struct rbk_spool *spool)
{
    *spool = (struct rbk_spool){.file = -1};
    rbk_buffer_init(&spool->pending, PENDING_BYTES + TEXT_BYTES_MAX);
}

void rbk_spool_lose(struct rbk_spool *spool)
{
    if (spool->file >= 0) {
        (void)close(spool->file);
    }
    free(spool->ends);
    rbk_buffer_fini(&spool->pending);
    rbk_spool_init(spool);
    spool->lost = true;
}

void rbk_spool_fini(struct rbk_spool *spool)
{
    rbk_spool_lose(spool);
}

static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    char *path = NULL;
    int file;

    folder = folder != NULL && folder[0] == '/' ? folder : "/tmp";
    file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0 && asprintf(&path, "%s/rbk-serve-XXXXXX", folder) >= 0) {
        /* A file system that knows no files without a name. */
        if ((file = mkostemp(path, O_CLOEXEC)) >= 0) {
            (void)unlink(path);
        }
        free(path);
    }
    return file;
}

/* Write what is pending; what does not fit loses everything. */
static void write_pending(struct rbk_spool *spool)
{
    uint64_t at = spool->bytes - spool->pending.bytes;
    size_t written = 0;

    if (spool->file < 0) {
        spool->file = open_file();
    }
    while (spool->file >= 0 && written < spool->pending.bytes) {
        ssize_t bytes = pwrite(spool->file, spool->pending.data + written,
                               spool->pending.bytes - written, (off_t)(at + written));

        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            break;
        }
        written += (size_t)bytes;
    }
    if (written < spool->pending.bytes) {
        rbk_spool_lose(spool);
    } else {
        rbk_buffer_clear(&spool->pending);
    }
}

static bool grow(struct rbk_spool *spool)
{
    size_t capacity = spool->capacity != 0 ? spool->capacity * 2 : 1024;
    uint64_t *ends;

    if (spool->count < spool->capacity) {
        return true;
    }
    if ((ends = realloc(spool->ends, capacity * sizeof(*ends))) == NULL) {
        return false;
    }
    spool->ends = ends;
    spool->capacity = capacity;
    return true;
}

void rbk_spool_add(struct rbk_spool *spool, const char *text, size_t bytes)
{
    if (spool->lost) {
        return;
    }
    if (bytes > TEXT_BYTES_MAX || !grow(spool) ||
        rbk_buffer_append(&spool->pending, text, bytes) != 0) {
        rbk_spool_lose(spool);
        return;
    }
    spool->bytes += bytes;
    spool->ends[spool->count++] = spool->bytes;
    if (spool->pending.bytes >= PENDING_BYTES) {
        write_pending(spool);
    }
}

static int read_file(struct rbk_spool *spool, uint64_t at, char *data, size_t bytes,
                     struct rbk_error *reterr)
{
    size_t got = 0;

    while (got < bytes) {
        ssize_t part = pread(spool->file, data + got, bytes - got, (off_t)(at + got));

        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return rbk_error_set_system(reterr, RBK_EIO, part < 0 ? errno : EIO,
                                        "older records cannot be read back");
        }
        got += (size_t)part;
    }
    return 0;
}

int rbk_spool_read(struct rbk_spool *spool, size_t index, struct rbk_buffer *out,
                   struct rbk_error *reterr)
{
    uint64_t from, in_file = spool->bytes - spool->pending.bytes;
    size_t bytes;
    char *text;
    int error;

    if (spool->lost || index >= spool->count) {
        return rbk_error_set(reterr, RBK_EFULL,
                             "older records are not at hand: there was no room for them in the "
                             "folder for temporary files");
    }
    from = index != 0 ? spool->ends[index - 1] : 0;
    bytes = (size_t)(spool->ends[index] - from);
    if (from >= in_file) {
        return rbk_buffer_append(out, spool->pending.data + (from - in_file), bytes) == 0
                   ? 0
                   : rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if ((text = malloc(bytes + 1)) == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    error = read_file(spool, from, text, bytes, reterr);
    if (error == 0 && rbk_buffer_append(out, text, bytes) != 0) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    free(text);
    return error;
}
