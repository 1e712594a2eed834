/*
 * Readings of this host. Each is a small function of a path that runs on a thread and touches
 * nothing but its own object; the environment, which belongs to the loop's thread, is read before.
 */
#include "runtime/drivers/host.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct rbk_host_read {
    uv_work_t work;
    enum rbk_read_kind kind;
    struct rbk_buffer path; /* or name */
    struct rbk_buffer text; /* of a text value */
    void *owner;
    rbk_host_fn *on_read; /* NULL: cancelled */
    struct rbk_value value;
    char message[256];
    char hash[RBK_SHA256_HEX_BYTES];
};

static struct rbk_value missing(enum rbk_read_kind kind)
{
    static const enum rbk_type types[RBK_READ_KIND_COUNT] = {
        [RBK_READ_FILE_EXISTS] = RBK_TYPE_BOOL, [RBK_READ_FILE_SIZE] = RBK_TYPE_BYTES,
        [RBK_READ_FILE_SHA256] = RBK_TYPE_TEXT, [RBK_READ_HOST_DISK_FREE] = RBK_TYPE_RATIO,
        [RBK_READ_HOST_LOAD] = RBK_TYPE_NUMBER, [RBK_READ_ENV] = RBK_TYPE_TEXT,
    };
    return (struct rbk_value){.type = types[kind], .missing = true};
}

static void fail(struct rbk_host_read *read, int system)
{
    char reason[128];
    uv_strerror_r(-system, reason, sizeof reason);
    snprintf(read->message, sizeof read->message, "%s", reason);
}

static void read_exists(struct rbk_host_read *read)
{
    struct stat status;
    int result = stat(read->path.data, &status);
    if (result != 0 && errno != ENOENT && errno != ENOTDIR) {
        fail(read, errno);
        return;
    }
    read->value.missing = false;
    read->value.as.truth = result == 0;
}

/* Opens a regular file; -1 with the message. A FIFO or a device could block, or never end. */
static int open_regular(struct rbk_host_read *read, struct stat *ret_stat)
{
    int file = open(read->path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0 || fstat(file, ret_stat) != 0) {
        fail(read, errno);
    } else if (!S_ISREG(ret_stat->st_mode)) {
        snprintf(read->message, sizeof read->message, "not a regular file");
    } else {
        return file;
    }
    if (file >= 0) {
        close(file);
    }
    return -1;
}

static void read_size(struct rbk_host_read *read)
{
    struct stat status;
    if (stat(read->path.data, &status) != 0) {
        fail(read, errno);
    } else if (!S_ISREG(status.st_mode)) {
        snprintf(read->message, sizeof read->message, "not a regular file");
    } else {
        read->value.missing = false;
        read->value.as.integer = status.st_size;
    }
}

static void read_sha256(struct rbk_host_read *reading)
{
    struct stat status;
    int file = open_regular(reading, &status);
    if (file < 0) {
        return;
    }
    struct rbk_sha256 hash;
    char bytes[32 << 10];
    ssize_t got;
    rbk_sha256_init(&hash);
    while ((got = read(file, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            break;
        }
        rbk_sha256_update(&hash, bytes, (size_t)got);
    }
    if (got < 0) {
        fail(reading, errno);
    } else {
        rbk_sha256_final_hex(&hash, reading->hash);
        reading->value.missing = false;
        reading->value.as.text = rbk_str_from(reading->hash);
    }
    rbk_sha256_fini(&hash);
    close(file);
}

/* What an ordinary user may still fill, as a share of the whole. */
static void read_disk_free(struct rbk_host_read *read)
{
    struct statvfs disk;
    if (statvfs(read->path.data, &disk) != 0) {
        fail(read, errno);
    } else if (disk.f_blocks == 0) {
        snprintf(read->message, sizeof read->message, "a file system without a size");
    } else {
        read->value.missing = false;
        read->value.as.number = (double)disk.f_bavail / (double)disk.f_blocks;
    }
}

static void read_load(struct rbk_host_read *read)
{
    double load;
    if (getloadavg(&load, 1) != 1) {
        snprintf(read->message, sizeof read->message, "the load is not known");
        return;
    }
    read->value.missing = false;
    read->value.as.number = load;
}

static void read_env(struct rbk_host_read *read)
{
    const char *value = getenv(read->path.data);
    if (!value) {
        snprintf(read->message, sizeof read->message, "not set");
        return;
    }
    rbk_buffer_append_text(&read->text, value);
    if (read->text.error || !rbk_utf8_valid(rbk_buffer_str(&read->text), NULL)) {
        snprintf(read->message, sizeof read->message, "too long, or not valid UTF-8");
        return;
    }
    read->value.missing = false;
    read->value.as.text = rbk_buffer_str(&read->text);
}

static void on_work(uv_work_t *work)
{
    struct rbk_host_read *read = RBK_CONTAINER_OF(work, struct rbk_host_read, work);
    switch (read->kind) {
    case RBK_READ_FILE_EXISTS:
        read_exists(read);
        break;
    case RBK_READ_FILE_SIZE:
        read_size(read);
        break;
    case RBK_READ_FILE_SHA256:
        read_sha256(read);
        break;
    case RBK_READ_HOST_DISK_FREE:
        read_disk_free(read);
        break;
    case RBK_READ_HOST_LOAD:
        read_load(read);
        break;
    case RBK_READ_ENV:
        break;
    default:
        snprintf(read->message, sizeof read->message, "not a reading of this host");
        break;
    }
}

static void after_work(uv_work_t *work, RBK_UNUSED int status)
{
    struct rbk_host_read *read = RBK_CONTAINER_OF(work, struct rbk_host_read, work);
    if (read->on_read) {
        read->on_read(read->owner, read->value, rbk_str_from(read->message));
    }
    rbk_buffer_fini(&read->path);
    rbk_buffer_fini(&read->text);
    free(read);
}

int rbk_host_read(uv_loop_t *loop, enum rbk_read_kind kind, struct rbk_str argument,
                  struct rbk_str directory, void *owner, rbk_host_fn *on_read,
                  struct rbk_host_read **ret_read, struct rbk_error *reterr)
{
    struct rbk_host_read *read = calloc(1, sizeof *read);
    if (!read) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    read->kind = kind;
    read->owner = owner;
    read->on_read = on_read;
    read->value = missing(kind);
    rbk_buffer_init(&read->path, RBK_PATH_BYTES_MAX - 1);
    rbk_buffer_init(&read->text, RBK_VALUE_BYTES_MAX);
    if (kind != RBK_READ_ENV && kind != RBK_READ_HOST_LOAD && directory.bytes &&
        !rbk_str_starts(argument, RBK_STR("/"))) {
        rbk_buffer_append_str(&read->path, directory);
        rbk_buffer_append_byte(&read->path, '/');
    }
    rbk_buffer_append_str(&read->path, argument);
    if (read->path.error || strlen(read->path.data) != read->path.bytes) {
        snprintf(read->message, sizeof read->message, "the name is too long or holds a NUL byte");
        read->kind = RBK_READ_ENV; /* nothing is left for the thread to do */
    } else if (kind == RBK_READ_ENV) {
        read_env(read);
    }
    if (uv_queue_work(loop, &read->work, on_work, after_work) != 0) {
        rbk_buffer_fini(&read->path);
        rbk_buffer_fini(&read->text);
        free(read);
        return rbk_error_set(reterr, RBK_ENOMEM, "cannot queue work");
    }
    if (ret_read) {
        *ret_read = read;
    }
    return 0;
}

void rbk_host_cancel(struct rbk_host_read *read)
{
    read->on_read = NULL;
}
