/*
 * A byte buffer that grows up to a maximum given at creation. Failure sticks: once an append did
 * not fit or memory ran out, the content stays as it was and every later append does nothing, so
 * that a writer checks once, at the end.
 */
#ifndef RBK_RUNTIME_CORE_BASE_BUFFER_H
#define RBK_RUNTIME_CORE_BASE_BUFFER_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdarg.h>
#include <stddef.h>

/** A buffer; the caller's memory, set up by rbk_buffer_init(). Do not copy it. */
struct rbk_buffer {
    char *data;   /**< Owned; ends in NUL always, never NULL. Write through the functions only. */
    size_t bytes; /**< Content, without the NUL. */
    size_t bytes_max; /**< The most `bytes` may become. */
    size_t capacity;  /**< Bytes allocated, the NUL's included; 0 before the first append. */
    int error;        /**< 0, or the failure that stuck: -RBK_ELIMIT or -RBK_ENOMEM. */
};

/** Sets up an empty buffer. Allocates nothing. */
void rbk_buffer_init(struct rbk_buffer *buffer, size_t bytes_max);

/** Frees the content; the buffer is empty and usable again. A zeroed buffer is fine. */
void rbk_buffer_fini(struct rbk_buffer *buffer);

/** Empties the buffer and forgets a failure; the memory is kept for the next use. */
void rbk_buffer_clear(struct rbk_buffer *buffer);

/**
 * Appends bytes; all of them or, on failure, none. The source may not be the buffer itself.
 * @return 0, or the failure that stuck: -RBK_ELIMIT, -RBK_ENOMEM. May be ignored, see above.
 */
int rbk_buffer_append(struct rbk_buffer *buffer, const void *data, size_t bytes);
int rbk_buffer_append_str(struct rbk_buffer *buffer, struct rbk_str str);
int rbk_buffer_append_text(struct rbk_buffer *buffer, const char *text);
int rbk_buffer_append_byte(struct rbk_buffer *buffer, char byte);

/** Appends formatted text; results as rbk_buffer_append(). */
RBK_PRINTF(2, 3)
int rbk_buffer_printf(struct rbk_buffer *buffer, const char *format, ...);
RBK_PRINTF(2, 0)
int rbk_buffer_vprintf(struct rbk_buffer *buffer, const char *format, va_list arguments);

/** Makes room for `bytes` more and returns where they go, or NULL; then call rbk_buffer_commit().
 */
RBK_MUST_USE void *rbk_buffer_reserve(struct rbk_buffer *buffer, size_t bytes);

/** Takes `bytes` of what was reserved and written as content; at most what was reserved. */
void rbk_buffer_commit(struct rbk_buffer *buffer, size_t bytes);

/** Removes the first `bytes` bytes, at most all, and moves the rest to the front. */
void rbk_buffer_consume(struct rbk_buffer *buffer, size_t bytes);

/** Cuts the content to at most `bytes` bytes. */
void rbk_buffer_truncate(struct rbk_buffer *buffer, size_t bytes);

/** The content; borrowed until the next change of the buffer. */
struct rbk_str rbk_buffer_str(const struct rbk_buffer *buffer);

/**
 * Takes the content out: NUL-terminated, the caller frees it. NULL when the buffer has failed (its
 * content is freed then) or memory ran out. The buffer is empty and usable again in every case.
 * @ret_bytes  May be NULL; the length without the NUL.
 */
RBK_MUST_USE char *rbk_buffer_take(struct rbk_buffer *buffer, size_t *ret_bytes);

#endif
