#ifndef RBK_RUNTIME_DRIVERS_REDACT_H
#define RBK_RUNTIME_DRIVERS_REDACT_H

/*
 * The redactor: replaces the values of secrets, and their base64 (all three alignments), URL-encoded,
 * JSON-escaped and hex forms, by "[secret]" in everything that leaves the process. Works on streams:
 * a value split across two chunks is found.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

struct rbk_redactor; /* the set of values; its memory is locked and wiped */

RBK_MUST_USE struct rbk_redactor *rbk_redactor_new(void);
/* Add one secret's value. Values shorter than 4 bytes are refused (-RBK_EINVALID). */
RBK_MUST_USE int rbk_redactor_add(struct rbk_redactor *redactor, struct rbk_str value);
void rbk_redactor_free(struct rbk_redactor *redactor);

/* Redact a whole text: appends to out. */
void rbk_redact(const struct rbk_redactor *redactor, struct rbk_str text, struct rbk_buffer *out);

/* A stream: bytes that may be the start of a secret are held back until the next chunk. */
struct rbk_redact_stream {
    const struct rbk_redactor *redactor;
    struct rbk_buffer held;
};
void rbk_redact_stream_init(struct rbk_redact_stream *stream, const struct rbk_redactor *redactor);
void rbk_redact_stream_feed(struct rbk_redact_stream *stream, struct rbk_str chunk,
                            struct rbk_buffer *out);
void rbk_redact_stream_end(struct rbk_redact_stream *stream, struct rbk_buffer *out);
void rbk_redact_stream_fini(struct rbk_redact_stream *stream);

#endif
