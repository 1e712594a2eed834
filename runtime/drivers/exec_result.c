/*
 * Results of commands. Output comes from the files in the run's directory for effects, so that a
 * result made after a crash is the same as one made at once, and from the message for readings.
 */
#include "runtime/drivers/exec_result.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DETAIL_BYTES ((size_t)4 << 10) /* of output looked at for the detail */
#define DETAIL_LINES 20
#define STATUS_NOT_FOUND 127 /* as shells have it */
#define STATUS_NOT_STARTED 126

size_t rbk_exec_value_bytes(const struct rbk_request *request)
{
    size_t bytes = request->output_bytes_max ? request->output_bytes_max : RBK_EXEC_VALUE_BYTES;
    return bytes < RBK_OUTPUT_BYTES_MAX / 2 ? bytes : RBK_OUTPUT_BYTES_MAX / 2;
}

bool rbk_exec_is_reading(const struct rbk_request *request)
{
    return request->reading || request->serial == 0;
}

static bool harmless(uint32_t character)
{
    if (character == '\n' || character == '\t') {
        return true;
    }
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
        return false;
    }
    if (character == 0x200e || character == 0x200f || character == 0x61c || character == 0xfeff) {
        return false;
    }
    return !(character >= 0x2028 && character <= 0x202e) &&
           !(character >= 0x2066 && character <= 0x2069);
}

void rbk_exec_append_harmless(struct rbk_buffer *out, struct rbk_str text)
{
    for (size_t at = 0; at < text.bytes;) {
        uint32_t character = 0;
        size_t bytes = rbk_utf8_decode(text, at, &character);
        if (bytes == 0 || (bytes == 1 && !harmless(character))) {
            rbk_buffer_printf(out, "\\x%02x", (unsigned)(unsigned char)text.data[at]);
        } else if (!harmless(character)) {
            rbk_buffer_printf(out, "\\u%04" PRIx32, character);
        } else {
            rbk_buffer_append(out, text.data + at, bytes);
        }
        at += bytes ? bytes : 1;
    }
}

static void append_duration(struct rbk_buffer *out, uint64_t ms)
{
    if (ms < 1000 || ms % 1000 != 0) {
        rbk_buffer_printf(out, "%" PRIu64 "ms", ms);
    } else if (ms % 60000 != 0) {
        rbk_buffer_printf(out, "%" PRIu64 "s", ms / 1000);
    } else {
        rbk_buffer_printf(out, "%" PRIu64 "m", ms / 60000);
    }
}

static void append_signal(struct rbk_buffer *out, int number)
{
    const char *name = sigabbrev_np(number);
    if (name) {
        rbk_buffer_printf(out, "SIG%s", name);
    } else {
        rbk_buffer_printf(out, "signal %d", number);
    }
}

/* strerror() with the small first letter our messages have. */
static void append_errno(struct rbk_buffer *out, int system)
{
    const char *text = strerrordesc_np(system);
    if (!text) {
        rbk_buffer_printf(out, "error %d", system);
        return;
    }
    bool word = text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z';
    rbk_buffer_append_byte(out, word ? (char)(text[0] - 'A' + 'a') : text[0]);
    rbk_buffer_append_text(out, text + 1);
}

/* ---- output ---------------------------------------------------------------------------------- */

/* Appends at most `bytes` bytes of a file, from its front or from its end. */
static void read_output(int directory, uint32_t serial, const char *suffix, uint64_t kept,
                        size_t bytes, bool end, struct rbk_buffer *out)
{
    char name[32];
    snprintf(name, sizeof name, "%" PRIu32 ".%s", serial, suffix);
    int file = kept ? openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (file < 0) {
        return;
    }
    uint64_t offset = end && kept > bytes ? kept - bytes : 0;
    size_t left = kept - offset < bytes ? (size_t)(kept - offset) : bytes;
    while (left) {
        size_t part = left < 65536 ? left : 65536;
        char *room = rbk_buffer_reserve(out, part);
        ssize_t got = room ? pread(file, room, part, (off_t)offset) : -1;
        if (got < 0 && room && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        rbk_buffer_commit(out, (size_t)got);
        offset += (uint64_t)got;
        left -= (size_t)got;
    }
    close(file);
}

/* The last lines of a text. */
static struct rbk_str last_lines(struct rbk_str text)
{
    int lines = 0;
    text = rbk_str_trim(text);
    for (size_t at = text.bytes; at > 0; at--) {
        bool cut = text.bytes - at >= DETAIL_BYTES - 1;
        if (text.data[at - 1] == '\n') {
            lines++;
        }
        if (lines == DETAIL_LINES || cut) {
            return rbk_str_slice(text, at, text.bytes);
        }
    }
    return text;
}

static bool is_text(struct rbk_str text)
{
    return (text.bytes == 0 || !memchr(text.data, '\0', text.bytes)) && rbk_utf8_valid(text, NULL);
}

static void make_value(struct rbk_exec_result *result, const struct rbk_request *request,
                       const struct rbk_exec_ended *ended, int directory)
{
    size_t bytes_max = rbk_exec_value_bytes(request);
    struct rbk_str text = ended->out;
    result->result.value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
    if (ended->out_bytes > bytes_max || (ended->out_dropped && rbk_exec_is_reading(request))) {
        rbk_buffer_printf(&result->detail,
                          "its output is longer than the %zu bytes a value can "
                          "have\n",
                          bytes_max);
        return;
    }
    if (!rbk_exec_is_reading(request)) {
        read_output(directory, ended->serial, "out", ended->out_bytes, bytes_max, false,
                    &result->output);
        text = rbk_buffer_str(&result->output);
    } else {
        rbk_buffer_append_str(&result->output, text);
        text = rbk_buffer_str(&result->output);
    }
    if (text.bytes != ended->out_bytes || result->output.error) {
        rbk_buffer_append_text(&result->detail, "its output cannot be read\n");
        return;
    }
    while (text.bytes && (text.data[text.bytes - 1] == '\n' || text.data[text.bytes - 1] == '\r')) {
        text.bytes--;
    }
    if (!is_text(text)) {
        rbk_buffer_append_text(&result->detail, "its output is not text\n");
        return;
    }
    result->result.value.missing = false;
    result->result.value.as.text = text;
}

static void append_tail(struct rbk_exec_result *result, const struct rbk_request *request,
                        const struct rbk_exec_ended *ended, int directory, bool errors)
{
    struct rbk_buffer tail;
    uint64_t kept = errors ? ended->err_bytes : ended->out_bytes;
    struct rbk_str text = errors ? ended->err : ended->out;
    rbk_buffer_init(&tail, DETAIL_BYTES * 2);
    if (!rbk_exec_is_reading(request)) {
        read_output(directory, ended->serial, errors ? "err" : "out", kept, DETAIL_BYTES, true,
                    &tail);
        text = rbk_buffer_str(&tail);
    }
    text = last_lines(text);
    if (text.bytes) {
        rbk_exec_append_harmless(&result->detail, text);
        rbk_buffer_append_byte(&result->detail, '\n');
    }
    rbk_buffer_fini(&tail);
}

static void make_detail(struct rbk_exec_result *result, const struct rbk_request *request,
                        const struct rbk_exec_ended *ended, int directory)
{
    struct rbk_buffer *detail = &result->detail;
    if (ended->left_running) {
        rbk_buffer_printf(detail, "it left %" PRIu32 " process%s running\n", ended->left_running,
                          ended->left_running == 1 ? "" : "es");
    }
    if (ended->output_errno) {
        rbk_buffer_append_text(detail, "its output could not be kept: ");
        append_errno(detail, ended->output_errno);
        rbk_buffer_append_byte(detail, '\n');
    }
    if (ended->err_bytes) {
        append_tail(result, request, ended, directory, true);
    } else if (ended->out_bytes && result->result.outcome != RBK_OUTCOME_OK) {
        append_tail(result, request, ended, directory, false);
    }
}

/* ---- outcome --------------------------------------------------------------------------------- */

static bool expected(const struct rbk_request *request, int64_t status)
{
    for (size_t index = 0; index < request->expect_count; index++) {
        if (request->expect[index] == status) {
            return true;
        }
    }
    return request->expect_count == 0 && status == 0;
}

static void not_started(struct rbk_exec_result *result, const struct rbk_request *request,
                        const struct rbk_exec_ended *ended)
{
    struct rbk_buffer *message = &result->message;
    struct rbk_str name =
        ended->start_step == RBK_EXEC_STEP_DIRECTORY ? request->directory : request->words[0];
    bool missing = ended->status == ENOENT || ended->status == ENOTDIR;
    result->result.status =
        missing && ended->start_step == RBK_EXEC_STEP_EXEC ? STATUS_NOT_FOUND : STATUS_NOT_STARTED;
    rbk_buffer_append_text(message, ended->start_step == RBK_EXEC_STEP_DIRECTORY
                                        ? "cannot enter directory "
                                        : "cannot start ");
    rbk_exec_append_harmless(message, rbk_str_slice(name, 0, 512));
    rbk_buffer_append_text(message, ": ");
    append_errno(message, ended->status);
}

static void make_outcome(struct rbk_exec_result *result, const struct rbk_request *request,
                         const struct rbk_exec_ended *ended)
{
    struct rbk_buffer *message = &result->message;
    struct rbk_result *out = &result->result;
    out->outcome = RBK_OUTCOME_FAIL;
    out->status = -1;
    out->cancelled = ended->cancelled;
    if (ended->end == RBK_EXEC_EXITED) {
        out->status = ended->status;
    }
    if (ended->end == RBK_EXEC_NOT_STARTED) {
        not_started(result, request, ended);
    } else if (ended->end == RBK_EXEC_LOST && ended->process.pid == 0) {
        out->outcome = RBK_OUTCOME_DOUBT;
        rbk_buffer_append_text(message, "it was started before: how it ended is not known");
    } else if (!ended->dead) {
        out->outcome = RBK_OUTCOME_DOUBT;
        rbk_buffer_append_text(message, "it could not be shown dead");
    } else if (ended->timed_out) {
        out->outcome = RBK_OUTCOME_TIMEOUT;
        rbk_buffer_append_text(message, "timed out");
        if (request->timeout_ms != 0) { /* 0: attached to, what it was given is not known */
            rbk_buffer_append_text(message, " after ");
            append_duration(message, request->timeout_ms);
        }
    } else if (ended->cancelled) {
        rbk_buffer_append_text(message, "cancelled");
    } else if (ended->end == RBK_EXEC_SIGNALLED) {
        rbk_buffer_append_text(message, "killed by ");
        append_signal(message, ended->status);
    } else {
        if (expected(request, ended->status)) {
            out->outcome = RBK_OUTCOME_OK;
        }
        rbk_buffer_printf(message, "exit status %" PRId32, ended->status);
    }
    if (ended->cancel == RBK_EXEC_CANCEL_FAILED) {
        /* What it was to stop elsewhere may go on. */
        out->outcome = RBK_OUTCOME_DOUBT;
        rbk_buffer_append_text(message, "; its cancel command failed");
    }
    if (out->outcome == RBK_OUTCOME_DOUBT && rbk_exec_is_reading(request)) {
        out->outcome = RBK_OUTCOME_FAIL; /* it only looked: nothing is in doubt */
    }
}

static void init(struct rbk_exec_result *result)
{
    *result = (struct rbk_exec_result){0};
    result->result.status = -1;
    result->result.value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
    rbk_buffer_init(&result->message, RBK_MESSAGE_BYTES_MAX);
    rbk_buffer_init(&result->detail, DETAIL_BYTES * 8);
    rbk_buffer_init(&result->output, RBK_OUTPUT_BYTES_MAX);
    rbk_buffer_init(&result->path, RBK_PATH_BYTES_MAX);
}

static void set_texts(struct rbk_exec_result *result)
{
    result->result.message = rbk_buffer_str(&result->message);
    result->result.detail = rbk_str_trim(rbk_buffer_str(&result->detail));
    result->result.output_path = rbk_buffer_str(&result->path);
}

void rbk_exec_result_init(struct rbk_exec_result *result, const struct rbk_request *request,
                          const struct rbk_exec_ended *ended, const char *run_directory,
                          int directory)
{
    init(result);
    result->result.elapsed_ms = ended->elapsed_ms;
    make_outcome(result, request, ended);
    if (ended->end != RBK_EXEC_NOT_STARTED) {
        make_value(result, request, ended, directory);
    }
    make_detail(result, request, ended, directory);
    if (!rbk_exec_is_reading(request) && ended->out_bytes) {
        rbk_buffer_printf(&result->path, "%s/%" PRIu32 ".out", run_directory, ended->serial);
    }
    set_texts(result);
}

void rbk_exec_result_init_plain(struct rbk_exec_result *result, enum rbk_outcome outcome,
                                const char *message)
{
    init(result);
    result->result.outcome = outcome;
    rbk_buffer_append_text(&result->message, message);
    set_texts(result);
}

void rbk_exec_result_fini(struct rbk_exec_result *result)
{
    /* `secret … from command` reads its value this way. */
    if (result->output.capacity) {
        explicit_bzero(result->output.data, result->output.capacity);
    }
    rbk_buffer_fini(&result->message);
    rbk_buffer_fini(&result->detail);
    rbk_buffer_fini(&result->output);
    rbk_buffer_fini(&result->path);
}
