/*
 * Growing by doubling, bounded. An empty buffer points at a constant NUL, so that `data` can be
 * printed at any time; it is never written, because capacity is 0 then.
 */
#include "runtime/core/base/buffer.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN ((size_t)64)

static const char empty[1] = "";

static int fail(struct rbk_buffer *buffer, enum rbk_err code)
{
    buffer->error = -(int)code;
    return buffer->error;
}

/** Makes room for `bytes` more and the NUL. */
static int grow(struct rbk_buffer *buffer, size_t bytes)
{
    if (buffer->error) {
        return buffer->error;
    }
    if (bytes > buffer->bytes_max - buffer->bytes || buffer->bytes + bytes == SIZE_MAX) {
        return fail(buffer, RBK_ELIMIT);
    }
    size_t wanted = buffer->bytes + bytes + 1;
    if (wanted <= buffer->capacity) {
        return 0;
    }
    size_t capacity = buffer->capacity <= SIZE_MAX / 2 ? buffer->capacity * 2 : wanted;
    capacity = capacity > wanted ? capacity : wanted;
    capacity = capacity > CAPACITY_MIN ? capacity : CAPACITY_MIN;
    if (capacity - 1 > buffer->bytes_max) {
        capacity = buffer->bytes_max + 1;
    }
    char *data = realloc(buffer->capacity ? buffer->data : NULL, capacity);
    if (!data) {
        return fail(buffer, RBK_ENOMEM);
    }
    data[buffer->bytes] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

void rbk_buffer_init(struct rbk_buffer *buffer, size_t bytes_max)
{
    *buffer = (struct rbk_buffer){.data = (char *)(uintptr_t)empty, .bytes_max = bytes_max};
}

void rbk_buffer_fini(struct rbk_buffer *buffer)
{
    if (buffer->capacity) {
        free(buffer->data);
    }
    rbk_buffer_init(buffer, buffer->bytes_max);
}

void rbk_buffer_clear(struct rbk_buffer *buffer)
{
    buffer->error = 0;
    rbk_buffer_truncate(buffer, 0);
}

int rbk_buffer_append(struct rbk_buffer *buffer, const void *data, size_t bytes)
{
    int error = grow(buffer, bytes);
    if (error || bytes == 0) {
        return error;
    }
    memcpy(buffer->data + buffer->bytes, data, bytes);
    rbk_buffer_commit(buffer, bytes);
    return 0;
}

int rbk_buffer_append_str(struct rbk_buffer *buffer, struct rbk_str str)
{
    return rbk_buffer_append(buffer, str.data, str.bytes);
}

int rbk_buffer_append_text(struct rbk_buffer *buffer, const char *text)
{
    return rbk_buffer_append(buffer, text, strlen(text));
}

int rbk_buffer_append_byte(struct rbk_buffer *buffer, char byte)
{
    return rbk_buffer_append(buffer, &byte, 1);
}

int rbk_buffer_printf(struct rbk_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int error = rbk_buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
    return error;
}

int rbk_buffer_vprintf(struct rbk_buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    RBK_ASSERT(bytes >= 0);
    int error = grow(buffer, (size_t)bytes);
    if (!error) {
        (void)vsnprintf(buffer->data + buffer->bytes, (size_t)bytes + 1, format, again);
        buffer->bytes += (size_t)bytes;
    }
    va_end(again);
    return error;
}

void *rbk_buffer_reserve(struct rbk_buffer *buffer, size_t bytes)
{
    return grow(buffer, bytes) ? NULL : buffer->data + buffer->bytes;
}

void rbk_buffer_commit(struct rbk_buffer *buffer, size_t bytes)
{
    RBK_ASSERT(buffer->bytes < buffer->capacity);
    RBK_ASSERT(bytes < buffer->capacity - buffer->bytes);
    buffer->bytes += bytes;
    buffer->data[buffer->bytes] = '\0';
}

void rbk_buffer_consume(struct rbk_buffer *buffer, size_t bytes)
{
    size_t removed = bytes < buffer->bytes ? bytes : buffer->bytes;
    if (removed == 0) {
        return;
    }
    buffer->bytes -= removed;
    memmove(buffer->data, buffer->data + removed, buffer->bytes + 1);
}

void rbk_buffer_truncate(struct rbk_buffer *buffer, size_t bytes)
{
    if (bytes < buffer->bytes) {
        buffer->bytes = bytes;
        buffer->data[bytes] = '\0';
    }
}

struct rbk_str rbk_buffer_str(const struct rbk_buffer *buffer)
{
    return (struct rbk_str){buffer->data, buffer->bytes};
}

char *rbk_buffer_take(struct rbk_buffer *buffer, size_t *ret_bytes)
{
    if (grow(buffer, 0) != 0) {
        rbk_buffer_fini(buffer);
        return NULL;
    }
    char *data = buffer->data;
    if (ret_bytes) {
        *ret_bytes = buffer->bytes;
    }
    rbk_buffer_init(buffer, buffer->bytes_max);
    return data;
}
