/*
 * Writing and reading of frames. A writer fills a scratch place at the end of the buffer and goes
 * back to put the length in; a reader carries a sticky `bad`, so that each message is read straight
 * down and judged once at its end, where nothing may be left over.
 */
#include "runtime/drivers/exec_protocol.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing --------------------------------------------------------------------------------- */

static void put_u8(struct rbk_buffer *out, unsigned number)
{
    rbk_buffer_append_byte(out, (char)number);
}

static void number_bytes(uint64_t number, size_t bytes, char *ret_bytes)
{
    for (size_t index = 0; index < bytes; index++) {
        ret_bytes[index] = (char)(number >> (8 * index));
    }
}

static void put_u32(struct rbk_buffer *out, uint32_t number)
{
    char bytes[4];
    number_bytes(number, sizeof bytes, bytes);
    rbk_buffer_append(out, bytes, sizeof bytes);
}

static void put_u64(struct rbk_buffer *out, uint64_t number)
{
    char bytes[8];
    number_bytes(number, sizeof bytes, bytes);
    rbk_buffer_append(out, bytes, sizeof bytes);
}

static void put_bytes(struct rbk_buffer *out, struct rbk_str bytes)
{
    if (bytes.bytes > RBK_EXEC_FRAME_BYTES_MAX) {
        out->error = -RBK_ELIMIT;
        return;
    }
    put_u32(out, (uint32_t)bytes.bytes);
    rbk_buffer_append_str(out, bytes);
    rbk_buffer_append_byte(out, '\0');
}

static void put_list(struct rbk_buffer *out, const struct rbk_exec_list *list)
{
    put_u32(out, (uint32_t)list->count);
    for (size_t index = 0; index < list->count; index++) {
        put_bytes(out, rbk_str_from(list->items[index]));
    }
}

static void put_process(struct rbk_buffer *out, const struct rbk_process_id *process)
{
    put_u32(out, (uint32_t)process->pid);
    put_u64(out, process->start_time);
    put_bytes(out, rbk_str_from(process->boot));
}

/* Begins a frame; returns where, for frame_end(). */
static size_t frame_begin(struct rbk_buffer *out, enum rbk_exec_message kind)
{
    size_t start = out->bytes;
    put_u32(out, 0);
    put_u8(out, kind);
    return start;
}

static void frame_end(struct rbk_buffer *out, size_t start)
{
    if (out->bytes - start > RBK_EXEC_FRAME_BYTES_MAX) {
        out->error = -RBK_ELIMIT;
    }
    if (out->error) {
        rbk_buffer_truncate(out, start);
        return;
    }
    number_bytes(out->bytes - start - 4, 4, out->data + start);
}

void rbk_exec_write_hello(struct rbk_buffer *out, const struct rbk_exec_hello *hello)
{
    size_t start = frame_begin(out, RBK_EXEC_HELLO);
    put_u32(out, hello->version);
    put_bytes(out, hello->run);
    put_u32(out, hello->serial_min);
    frame_end(out, start);
}

void rbk_exec_write_welcome(struct rbk_buffer *out, const struct rbk_exec_welcome *welcome)
{
    size_t start = frame_begin(out, RBK_EXEC_WELCOME);
    put_u32(out, welcome->version);
    put_process(out, &welcome->process);
    frame_end(out, start);
}

void rbk_exec_write_start(struct rbk_buffer *out, const struct rbk_exec_start *start)
{
    size_t at = frame_begin(out, RBK_EXEC_START);
    put_u64(out, start->ticket);
    put_u32(out, start->serial);
    put_u32(out, start->attempt);
    put_u8(out, start->reading);
    put_u64(out, start->timeout_ms);
    put_u64(out, start->grace_ms);
    put_u64(out, start->cancel_timeout_ms);
    put_u64(out, start->output_bytes_max);
    put_bytes(out, start->key);
    put_bytes(out, start->step);
    put_bytes(out, start->directory);
    put_list(out, &start->words);
    put_list(out, &start->environment);
    put_list(out, &start->cancel_words);
    put_u8(out, start->has_input);
    put_bytes(out, start->input);
    put_u32(out, (uint32_t)start->secret_count);
    for (size_t index = 0; index < start->secret_count; index++) {
        put_bytes(out, start->secrets[index]);
    }
    put_u32(out, (uint32_t)start->expect_count);
    for (size_t index = 0; index < start->expect_count; index++) {
        put_u64(out, (uint64_t)start->expect[index]);
    }
    frame_end(out, at);
}

void rbk_exec_write_name(struct rbk_buffer *out, enum rbk_exec_message kind,
                         const struct rbk_exec_name *name)
{
    size_t start = frame_begin(out, kind);
    put_u64(out, name->ticket);
    put_u32(out, name->serial);
    put_u32(out, name->attempt);
    put_bytes(out, name->key);
    frame_end(out, start);
}

static void put_ended(struct rbk_buffer *out, const struct rbk_exec_ended *ended)
{
    put_u64(out, ended->ticket);
    put_u32(out, ended->serial);
    put_u32(out, ended->attempt);
    put_bytes(out, ended->key);
    put_process(out, &ended->process);
    put_u8(out, ended->end);
    put_u32(out, (uint32_t)ended->status);
    put_u8(out, ended->start_step);
    put_u8(out, ended->timed_out);
    put_u8(out, ended->cancelled);
    put_u8(out, ended->dead);
    put_u32(out, ended->left_running);
    put_u8(out, ended->cancel);
    put_u64(out, ended->began_ms);
    put_u64(out, ended->elapsed_ms);
    put_u64(out, ended->out_bytes);
    put_u64(out, ended->out_dropped);
    put_u64(out, ended->err_bytes);
    put_u64(out, ended->err_dropped);
    put_u32(out, (uint32_t)ended->output_errno);
    put_bytes(out, ended->out);
    put_bytes(out, ended->err);
}

void rbk_exec_write_ended(struct rbk_buffer *out, const struct rbk_exec_ended *ended)
{
    size_t start = frame_begin(out, RBK_EXEC_ENDED);
    put_ended(out, ended);
    frame_end(out, start);
}

void rbk_exec_write_answer(struct rbk_buffer *out, const struct rbk_exec_answer *answer)
{
    size_t start = frame_begin(out, RBK_EXEC_STATE);
    put_u64(out, answer->ticket);
    put_u8(out, answer->state);
    if (answer->state == RBK_EXEC_STATE_ENDED) {
        put_ended(out, &answer->ended);
    }
    frame_end(out, start);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    struct rbk_str rest;
    int error; /* sticky: 0, -RBK_EPROTOCOL, -RBK_ENOMEM */
};

static void fail(struct reader *reader)
{
    if (!reader->error) {
        reader->error = -RBK_EPROTOCOL;
    }
}

/* The next bytes, or NULL when there are not so many. */
static const char *take(struct reader *reader, size_t bytes)
{
    if (reader->error || reader->rest.bytes < bytes) {
        fail(reader);
        return NULL;
    }
    const char *data = reader->rest.data;
    reader->rest.data += bytes;
    reader->rest.bytes -= bytes;
    return data;
}

static uint64_t get_number(struct reader *reader, size_t bytes)
{
    const char *data = take(reader, bytes);
    uint64_t number = 0;
    for (size_t index = 0; data && index < bytes; index++) {
        number |= (uint64_t)(unsigned char)data[index] << (8 * index);
    }
    return number;
}

static uint32_t get_u32(struct reader *reader)
{
    return (uint32_t)get_number(reader, 4);
}

static uint64_t get_u64(struct reader *reader)
{
    return get_number(reader, 8);
}

/* A number below `count`. */
static unsigned get_enum(struct reader *reader, unsigned count)
{
    unsigned number = (unsigned)get_number(reader, 1);
    if (number < count) {
        return number;
    }
    fail(reader);
    return 0;
}

static bool get_bool(struct reader *reader)
{
    return get_enum(reader, 2) == 1;
}

static struct rbk_str get_bytes(struct reader *reader)
{
    size_t bytes = get_u32(reader);
    const char *data = take(reader, bytes);
    const char *end = take(reader, 1);
    if (!end || *end != '\0') {
        fail(reader);
        return RBK_STR("");
    }
    return (struct rbk_str){data, bytes};
}

/* Bytes without a NUL among them. */
static struct rbk_str get_text(struct reader *reader)
{
    struct rbk_str text = get_bytes(reader);
    if (text.data && memchr(text.data, '\0', text.bytes)) {
        fail(reader);
        return RBK_STR("");
    }
    return text;
}

/* A count of things that take at least `bytes` each, so that a lie about it costs no memory. */
static size_t get_count(struct reader *reader, size_t bytes)
{
    size_t count = get_u32(reader);
    if (count > RBK_EXEC_LIST_MAX || count > reader->rest.bytes / bytes) {
        fail(reader);
        return 0;
    }
    return count;
}

static void *get_memory(struct reader *reader, size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory && !reader->error) {
        reader->error = -RBK_ENOMEM;
    }
    return memory;
}

static struct rbk_exec_list get_list(struct reader *reader)
{
    struct rbk_exec_list list = {.count = get_count(reader, 5)};
    list.items = get_memory(reader, list.count + 1, sizeof *list.items);
    for (size_t index = 0; list.items && index < list.count; index++) {
        /* The frame's buffer is the reader's to use; execve() only lacks a const. */
        list.items[index] = (char *)(uintptr_t)get_text(reader).data;
    }
    return list;
}

static struct rbk_process_id get_process(struct reader *reader)
{
    struct rbk_process_id process = {.pid = (pid_t)get_u32(reader)};
    process.start_time = get_u64(reader);
    struct rbk_str boot = get_text(reader);
    if (boot.bytes >= sizeof process.boot) {
        fail(reader);
    } else if (boot.data) {
        memcpy(process.boot, boot.data, boot.bytes);
    }
    return process;
}

static int finish(struct reader *reader)
{
    if (reader->rest.bytes != 0) {
        fail(reader);
    }
    return reader->error;
}

int rbk_exec_frame(struct rbk_str received, enum rbk_exec_message *ret_kind,
                   struct rbk_str *ret_fields, size_t *ret_bytes)
{
    if (received.bytes < RBK_EXEC_FRAME_HEAD_BYTES) {
        return 0;
    }
    struct reader reader = {.rest = received};
    size_t length = get_u32(&reader);
    unsigned kind = (unsigned)get_number(&reader, 1);
    if (length < 1 || length > RBK_EXEC_FRAME_BYTES_MAX - 4) {
        return -RBK_EPROTOCOL;
    }
    if (kind == RBK_EXEC_NONE || kind >= RBK_EXEC_MESSAGE_COUNT) {
        return -RBK_EPROTOCOL;
    }
    if (received.bytes - 4 < length) {
        return 0;
    }
    *ret_kind = (enum rbk_exec_message)kind;
    *ret_fields = (struct rbk_str){reader.rest.data, length - 1};
    *ret_bytes = length + 4;
    return 1;
}

int rbk_exec_read_hello(struct rbk_str fields, struct rbk_exec_hello *ret_hello)
{
    struct reader reader = {.rest = fields};
    ret_hello->version = get_u32(&reader);
    ret_hello->run = get_text(&reader);
    ret_hello->serial_min = get_u32(&reader);
    return finish(&reader);
}

int rbk_exec_read_welcome(struct rbk_str fields, struct rbk_exec_welcome *ret_welcome)
{
    struct reader reader = {.rest = fields};
    ret_welcome->version = get_u32(&reader);
    ret_welcome->process = get_process(&reader);
    return finish(&reader);
}

static void get_secrets(struct reader *reader, struct rbk_exec_start *start)
{
    start->secret_count = get_count(reader, 5);
    start->secrets = get_memory(reader, start->secret_count + 1, sizeof *start->secrets);
    for (size_t index = 0; start->secrets && index < start->secret_count; index++) {
        start->secrets[index] = get_bytes(reader);
    }
}

int rbk_exec_read_start(struct rbk_str fields, struct rbk_exec_start *ret_start)
{
    struct reader reader = {.rest = fields};
    struct rbk_exec_start *start = ret_start;
    *start = (struct rbk_exec_start){.ticket = get_u64(&reader)};
    start->serial = get_u32(&reader);
    start->attempt = get_u32(&reader);
    start->reading = get_bool(&reader);
    start->timeout_ms = get_u64(&reader);
    start->grace_ms = get_u64(&reader);
    start->cancel_timeout_ms = get_u64(&reader);
    start->output_bytes_max = get_u64(&reader);
    start->key = get_text(&reader);
    start->step = get_text(&reader);
    start->directory = get_text(&reader);
    start->words = get_list(&reader);
    start->environment = get_list(&reader);
    start->cancel_words = get_list(&reader);
    start->has_input = get_bool(&reader);
    start->input = get_bytes(&reader);
    get_secrets(&reader, start);
    start->expect_count = get_count(&reader, 8);
    start->expect = get_memory(&reader, start->expect_count + 1, sizeof *start->expect);
    for (size_t index = 0; start->expect && index < start->expect_count; index++) {
        start->expect[index] = (int64_t)get_u64(&reader);
    }
    if (start->ticket == 0 || start->words.count == 0) {
        fail(&reader);
    }
    int result = finish(&reader);
    if (result != 0) {
        rbk_exec_start_fini(start);
    }
    return result;
}

void rbk_exec_start_fini(struct rbk_exec_start *start)
{
    free(start->words.items);
    free(start->environment.items);
    free(start->cancel_words.items);
    free(start->secrets);
    free(start->expect);
    *start = (struct rbk_exec_start){0};
}

int rbk_exec_read_name(struct rbk_str fields, struct rbk_exec_name *ret_name)
{
    struct reader reader = {.rest = fields};
    ret_name->ticket = get_u64(&reader);
    ret_name->serial = get_u32(&reader);
    ret_name->attempt = get_u32(&reader);
    ret_name->key = get_text(&reader);
    return finish(&reader);
}

static void get_ended(struct reader *reader, struct rbk_exec_ended *ended)
{
    ended->ticket = get_u64(reader);
    ended->serial = get_u32(reader);
    ended->attempt = get_u32(reader);
    ended->key = get_text(reader);
    ended->process = get_process(reader);
    ended->end = (enum rbk_exec_end)get_enum(reader, RBK_EXEC_END_COUNT);
    ended->status = (int32_t)get_u32(reader);
    ended->start_step = (enum rbk_exec_start_step)get_enum(reader, RBK_EXEC_STEP_COUNT);
    ended->timed_out = get_bool(reader);
    ended->cancelled = get_bool(reader);
    ended->dead = get_bool(reader);
    ended->left_running = get_u32(reader);
    ended->cancel = (enum rbk_exec_cancel)get_enum(reader, RBK_EXEC_CANCEL_COUNT);
    ended->began_ms = get_u64(reader);
    ended->elapsed_ms = get_u64(reader);
    ended->out_bytes = get_u64(reader);
    ended->out_dropped = get_u64(reader);
    ended->err_bytes = get_u64(reader);
    ended->err_dropped = get_u64(reader);
    ended->output_errno = (int32_t)get_u32(reader);
    ended->out = get_bytes(reader);
    ended->err = get_bytes(reader);
}

int rbk_exec_read_ended(struct rbk_str fields, struct rbk_exec_ended *ret_ended)
{
    struct reader reader = {.rest = fields};
    *ret_ended = (struct rbk_exec_ended){0};
    get_ended(&reader, ret_ended);
    return finish(&reader);
}

int rbk_exec_read_answer(struct rbk_str fields, struct rbk_exec_answer *ret_answer)
{
    struct reader reader = {.rest = fields};
    *ret_answer = (struct rbk_exec_answer){.ticket = get_u64(&reader)};
    ret_answer->state = (enum rbk_exec_state)get_enum(&reader, RBK_EXEC_STATE_COUNT);
    if (ret_answer->state == RBK_EXEC_STATE_ENDED) {
        get_ended(&reader, &ret_answer->ended);
    }
    return finish(&reader);
}
