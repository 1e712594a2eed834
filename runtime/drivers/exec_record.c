/*
 * An exit record is a line with magic and run id, one ENDED frame, and a check sum over both. The
 * check sum (64-bit FNV-1a) finds cut and torn files; it is no protection from a forger, who would
 * have to be the same user anyway.
 */
#include "runtime/drivers/exec_record.h"
#include "runtime/core/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_BYTES_MAX ((size_t)64 << 10)
#define ID_NAME "supervisor.id"
#define SUM_BYTES ((size_t)8)

static int code_of(int system)
{
    if (system == ENOENT) {
        return -RBK_ENOTFOUND;
    }
    return system == ENOSPC || system == EDQUOT ? -RBK_EFULL : -RBK_EIO;
}

static int write_all(int file, struct rbk_str bytes)
{
    while (bytes.bytes) {
        ssize_t wrote = write(file, bytes.data, bytes.bytes);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return -errno;
        }
        bytes = rbk_str_slice(bytes, (size_t)wrote, bytes.bytes);
    }
    return 0;
}

/* Writes a file whole: under another name first. 0 or -errno. */
static int replace(int directory, const char *name, struct rbk_str bytes, bool durable)
{
    char temporary[64];
    snprintf(temporary, sizeof temporary, "%s.tmp", name);
    int file =
        openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return -errno;
    }
    int result = write_all(file, bytes);
    if (result == 0 && durable && fsync(file) != 0) {
        result = -errno;
    }
    if (close(file) != 0 && result == 0) {
        result = -errno;
    }
    if (result == 0 && renameat(directory, temporary, directory, name) != 0) {
        result = -errno;
    }
    if (result == 0 && durable && fsync(directory) != 0) {
        result = -errno;
    }
    if (result != 0) {
        unlinkat(directory, temporary, 0);
    }
    return result;
}

/* Appends a whole small file; 0, or an error code, -RBK_ECORRUPT when it is too large. */
static int load(int directory, const char *name, struct rbk_buffer *out)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        return code_of(errno);
    }
    int result = 0;
    for (;;) {
        char bytes[4096];
        ssize_t got = read(file, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            result = -RBK_EIO;
        }
        if (got <= 0) {
            break;
        }
        if (rbk_buffer_append(out, bytes, (size_t)got) != 0) {
            result = -RBK_ECORRUPT;
            break;
        }
    }
    close(file);
    return result;
}

static uint64_t check_sum(struct rbk_str bytes)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t index = 0; index < bytes.bytes; index++) {
        sum = (sum ^ (unsigned char)bytes.data[index]) * 0x100000001b3u;
    }
    return sum;
}

static void record_name(uint32_t serial, char name[32])
{
    snprintf(name, 32, "%" PRIu32 ".exit", serial);
}

int rbk_exec_record_write(int directory, const char *run, const struct rbk_exec_ended *ended)
{
    struct rbk_buffer record;
    rbk_buffer_init(&record, RECORD_BYTES_MAX);
    struct rbk_exec_ended kept = *ended;
    kept.ticket = 0;
    kept.out = kept.err = RBK_STR("");
    rbk_buffer_printf(&record, "rbk-exit %u %s\n", RBK_EXEC_VERSION, run);
    rbk_exec_write_ended(&record, &kept);
    uint64_t sum = check_sum(rbk_buffer_str(&record));
    rbk_buffer_append(&record, &sum, SUM_BYTES);
    int result = record.error;
    if (result == 0) {
        char name[32];
        record_name(ended->serial, name);
        int system = replace(directory, name, rbk_buffer_str(&record), true);
        result = system ? code_of(-system) : 0;
    }
    rbk_buffer_fini(&record);
    return result;
}

/* Reads the record in `text`; whether it is whole and of this run. */
static bool record_parse(struct rbk_str text, const char *run, struct rbk_exec_ended *ret_ended)
{
    if (text.bytes < SUM_BYTES) {
        return false;
    }
    uint64_t sum;
    memcpy(&sum, text.data + text.bytes - SUM_BYTES, SUM_BYTES);
    text.bytes -= SUM_BYTES;
    if (sum != check_sum(text)) {
        return false;
    }
    char head[512];
    int head_bytes = snprintf(head, sizeof head, "rbk-exit %u %s\n", RBK_EXEC_VERSION, run);
    if (head_bytes < 0 || (size_t)head_bytes >= sizeof head) {
        return false;
    }
    if (!rbk_str_starts(text, rbk_str_from(head))) {
        return false;
    }
    struct rbk_str frame = rbk_str_slice(text, (size_t)head_bytes, text.bytes);
    enum rbk_exec_message kind;
    struct rbk_str fields;
    size_t bytes;
    if (rbk_exec_frame(frame, &kind, &fields, &bytes) != 1) {
        return false;
    }
    if (kind != RBK_EXEC_ENDED || bytes != frame.bytes) {
        return false;
    }
    return rbk_exec_read_ended(fields, ret_ended) == 0;
}

int rbk_exec_record_read(int directory, const char *run, const char *boot,
                         const struct rbk_exec_name *name, struct rbk_buffer *memory,
                         struct rbk_exec_ended *ret_ended)
{
    char file[32];
    record_name(name->serial, file);
    rbk_buffer_init(memory, RECORD_BYTES_MAX);
    int result = load(directory, file, memory);
    if (result != 0) {
        return result;
    }
    struct rbk_exec_ended ended;
    if (!record_parse(rbk_buffer_str(memory), run, &ended)) {
        return -RBK_ECORRUPT;
    }
    if (ended.serial != name->serial || ended.attempt != name->attempt) {
        return -RBK_ECORRUPT;
    }
    if (!rbk_str_equal(ended.key, name->key)) {
        return -RBK_ECORRUPT;
    }
    if (boot[0] == '\0' || strcmp(ended.process.boot, boot) != 0) {
        return -RBK_ECORRUPT;
    }
    *ret_ended = ended;
    return 0;
}

void rbk_exec_record_remove(int directory, uint32_t serial)
{
    char name[32];
    record_name(serial, name);
    (void)unlinkat(directory, name, 0);
}

static const char *const state_names[RBK_SUPERVISOR_STATE_COUNT] = {
    [RBK_SUPERVISOR_NONE] = "none",
    [RBK_SUPERVISOR_SERVING] = "serving",
    [RBK_SUPERVISOR_ENDED] = "ended",
};

static void id_print(struct rbk_buffer *out, const char *run, const struct rbk_supervisor_id *id)
{
    rbk_buffer_printf(out, "rbk-supervisor %u\nstate %s\npid %ld\nstart %" PRIu64 "\nboot %s\n",
                      RBK_EXEC_VERSION, state_names[id->state], (long)id->process.pid,
                      id->process.start_time, id->process.boot);
    rbk_buffer_printf(out, "serial_min %" PRIu32 "\nrun %s\nend\n", id->serial_min, run);
}

int rbk_supervisor_id_write(int directory, const char *run, const struct rbk_supervisor_id *id)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, RECORD_BYTES_MAX);
    id_print(&text, run, id);
    int result = text.error;
    if (result == 0) {
        int system = replace(directory, ID_NAME, rbk_buffer_str(&text), false);
        result = system ? code_of(-system) : 0;
    }
    rbk_buffer_fini(&text);
    return result;
}

int rbk_supervisor_id_remove(int directory)
{
    return unlinkat(directory, ID_NAME, 0) == 0 || errno == ENOENT ? 0 : -RBK_EIO;
}

int rbk_supervisor_id_read(int directory, const char *run, struct rbk_supervisor_id *ret_id)
{
    struct rbk_buffer text, again;
    rbk_buffer_init(&text, RECORD_BYTES_MAX);
    rbk_buffer_init(&again, RECORD_BYTES_MAX);
    struct rbk_supervisor_id id = {.state = RBK_SUPERVISOR_STATE_COUNT};
    char state[16];
    long pid = 0;
    int result = load(directory, ID_NAME, &text);
    if (result != 0) {
        goto out;
    }
    result = -RBK_ECORRUPT;
    if (sscanf(text.data,
               "rbk-supervisor 1 state %15s pid %ld start %" SCNu64
               " boot %36s serial_min %" SCNu32,
               state, &pid, &id.process.start_time, id.process.boot, &id.serial_min) != 5) {
        goto out;
    }
    id.process.pid = (pid_t)pid;
    for (int index = 0; index < RBK_SUPERVISOR_STATE_COUNT; index++) {
        if (strcmp(state, state_names[index]) == 0) {
            id.state = (enum rbk_supervisor_state)index;
        }
    }
    if (id.state == RBK_SUPERVISOR_STATE_COUNT) {
        goto out;
    }
    /* Only what would be written again letter by letter is taken: nothing cut, nothing foreign. */
    id_print(&again, run, &id);
    if (again.error || !rbk_str_equal(rbk_buffer_str(&text), rbk_buffer_str(&again))) {
        goto out;
    }
    *ret_id = id;
    result = 0;
out:
    rbk_buffer_fini(&text);
    rbk_buffer_fini(&again);
    return result;
}
