/*
 * One pipe of output. Bytes go pipe -> redactor -> file or memory, at most `bytes_max` of them;
 * what comes after is read all the same (so that the command never blocks), counted and dropped. A
 * file is made with its first byte, so that the usual silent command costs none. Nothing here is an
 * error to the command: a full disk is noted in the result.
 */
#include "runtime/drivers/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A daemon that writes without end must not hold sink_drain() for ever: a pipe holds no more. */
#define DRAIN_BYTES_MAX ((size_t)1 << 20)

void sink_init(struct sink *sink, struct supervisor *supervisor, const struct command *command,
               const char *suffix)
{
    /* What a reading puts out is a value, compared before anybody sees it: the runner hides secrets
     * in what it keeps of it. */
    bool value = command->start.reading && strcmp(suffix, "out") == 0;
    *sink = (struct sink){
        .watch = {WATCH_SINK},
        .supervisor = supervisor,
        .pipe = -1,
        .file = -1,
        .in_memory = command->start.reading,
        .bytes_max = command->start.output_bytes_max,
    };
    snprintf(sink->name, sizeof sink->name, "%" PRIu32 ".%s", command->start.serial, suffix);
    rbk_buffer_init(&sink->memory, sink->bytes_max);
    rbk_redact_stream_init(&sink->redact, value ? NULL : command->redactor);
}

int sink_open(struct sink *sink, int *ret_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    /* Our end alone must not block; the command's end is its own open file. */
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        int system = errno;
        close(ends[0]);
        close(ends[1]);
        return system;
    }
    sink->pipe = ends[0];
    *ret_write = ends[1];
    return 0;
}

bool sink_watch(struct sink *sink)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &sink->watch};
    if (sink->pipe >= 0 && !sink->watched) {
        sink->watched = epoll_ctl(sink->supervisor->epoll, EPOLL_CTL_ADD, sink->pipe, &event) == 0;
    }
    return sink->pipe < 0 || sink->watched;
}

static void close_pipe(struct sink *sink)
{
    if (sink->pipe < 0) {
        return;
    }
    /* Removed by name: a copy that somebody else holds would keep it in the epoll set. */
    if (sink->watched) {
        epoll_ctl(sink->supervisor->epoll, EPOLL_CTL_DEL, sink->pipe, NULL);
    }
    close(sink->pipe);
    sink->pipe = -1;
    sink->watched = false;
}

static bool open_file(struct sink *sink)
{
    if (sink->file >= 0) {
        return true;
    }
    sink->file = openat(sink->supervisor->directory, sink->name,
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (sink->file < 0) {
        sink->system = errno;
    }
    return sink->file >= 0;
}

/* Writes bytes to the file; false when the file takes no more. */
static bool write_file(struct sink *sink, struct rbk_str bytes)
{
    while (bytes.bytes) {
        ssize_t wrote = write(sink->file, bytes.data, bytes.bytes);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            sink->system = errno;
            sink->dropped += bytes.bytes;
            return false;
        }
        sink->kept += (uint64_t)wrote;
        bytes = rbk_str_slice(bytes, (size_t)wrote, bytes.bytes);
    }
    return true;
}

/* Keeps bytes that are fit to be shown. */
static void keep(struct sink *sink, struct rbk_str bytes)
{
    uint64_t room = sink->bytes_max - sink->kept;
    struct rbk_str fits = rbk_str_slice(bytes, 0, room < bytes.bytes ? (size_t)room : bytes.bytes);
    sink->dropped += bytes.bytes - fits.bytes;
    if (fits.bytes == 0) {
        return;
    }
    if (sink->system || (!sink->in_memory && !open_file(sink))) {
        sink->dropped += fits.bytes;
    } else if (!sink->in_memory) {
        (void)write_file(sink, fits);
    } else if (rbk_buffer_append_str(&sink->memory, fits) == 0) {
        sink->kept += fits.bytes;
    } else {
        sink->system = ENOMEM;
        sink->dropped += fits.bytes;
    }
}

/* Keeps what the redactor gave out. */
static void keep_shown(struct sink *sink)
{
    struct rbk_buffer *shown = &sink->supervisor->shown;
    if (shown->error) {
        sink->system = ENOMEM;
    }
    keep(sink, rbk_buffer_str(shown));
    rbk_buffer_clear(shown);
}

static void take(struct sink *sink, struct rbk_str bytes)
{
    if (sink->kept >= sink->bytes_max || sink->system) {
        sink->dropped += bytes.bytes;
    } else if (!sink->redact.redactor) {
        keep(sink, bytes);
    } else {
        rbk_redact_stream_feed(&sink->redact, bytes, &sink->supervisor->shown);
        keep_shown(sink);
    }
}

bool sink_pump(struct sink *sink)
{
    if (sink->pipe < 0) {
        return false;
    }
    ssize_t got = read(sink->pipe, sink->supervisor->chunk, CHUNK_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return errno == EINTR;
    }
    if (got <= 0) {
        close_pipe(sink);
        return false;
    }
    if (!sink->discard) {
        take(sink, (struct rbk_str){sink->supervisor->chunk, (size_t)got});
    }
    return true;
}

void sink_drain(struct sink *sink, bool leave)
{
    uint64_t before = sink->kept + sink->dropped;
    while (sink_pump(sink)) {
        if (sink->kept + sink->dropped - before >= DRAIN_BYTES_MAX) {
            break;
        }
    }
    if (leave) {
        sink->discard = true;
        /* Where that fails the daemon has no reader, as after the end of the run. */
        (void)sink_watch(sink);
    } else {
        close_pipe(sink);
    }
}

void sink_finish(struct sink *sink)
{
    rbk_redact_stream_end(&sink->redact, &sink->supervisor->shown);
    keep_shown(sink);
    if (sink->file < 0) {
        return;
    }
    if (sink->dropped && !sink->system) {
        char note[96];
        int bytes =
            snprintf(note, sizeof note,
                     "\n[rbk: output limit reached, %" PRIu64 " bytes dropped]\n", sink->dropped);
        uint64_t kept = sink->kept;
        (void)write_file(sink, (struct rbk_str){note, (size_t)bytes});
        sink->kept = kept;
    }
    close(sink->file);
    sink->file = -1;
}

void sink_fini(struct sink *sink)
{
    close_pipe(sink);
    if (sink->file >= 0) {
        close(sink->file);
    }
    sink->file = -1;
    rbk_buffer_fini(&sink->memory);
    rbk_redact_stream_fini(&sink->redact);
}
