/*
 * The redactor: replaces the values of secrets by "[secret]" in everything that leaves the process.
 * It also finds their base64 (all three alignments, both alphabets, wrapped lines), URL-encoded,
 * JSON-escaped and hex forms, each line of a value of several lines, and the parts of an address
 * that tell (redact_parts.h). Works on streams: a value split across chunks is found. Where values
 * overlap, all of their bytes are covered.
 */
#ifndef RBK_RUNTIME_DRIVERS_REDACT_H
#define RBK_RUNTIME_DRIVERS_REDACT_H

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

/** The shortest value that can be hidden: shorter ones would blank out ordinary text. */
#define RBK_REDACT_BYTES_MIN ((size_t)4)

/** What stands in place of a secret. */
#define RBK_REDACT_MARK "[secret]"

/** The set of values; its memory is locked, left out of core dumps, and wiped. */
struct rbk_redactor;

/** An empty set; NULL when memory ran out. */
RBK_MUST_USE struct rbk_redactor *rbk_redactor_new(void);

/**
 * Adds one secret's value; copied.
 * @return 0; -RBK_EINVALID when shorter than RBK_REDACT_BYTES_MIN; -RBK_ELIMIT when longer than
 *         RBK_SECRET_BYTES_MAX; -RBK_ENOMEM. The set is unchanged on failure.
 */
RBK_MUST_USE int rbk_redactor_add(struct rbk_redactor *redactor, struct rbk_str value);

/** Wipes and frees the set; NULL is fine. No stream may use it any more. */
void rbk_redactor_free(struct rbk_redactor *redactor);

/**
 * Redacts a whole text: appends to `out`; its sticky failure tells when that did not work.
 * @redactor  NULL: nothing to hide.
 */
void rbk_redact(const struct rbk_redactor *redactor, struct rbk_str text, struct rbk_buffer *out);

/** A stream; the caller's memory. Bytes that may begin a secret are held back until more come. */
struct rbk_redact_stream {
    const struct rbk_redactor *redactor; /**< Borrowed; NULL: nothing to hide. */
    struct rbk_buffer held;              /**< What may be the beginning of a secret. */
    size_t covered; /**< Bytes at the front of `held` that a mark already written stands for. */
};

/** Sets a stream up; nothing is allocated before it is fed. */
void rbk_redact_stream_init(struct rbk_redact_stream *stream, const struct rbk_redactor *redactor);

/** Adds bytes, and appends to `out` what is safe to show. Out of memory: the failure sticks to
 * `out`, and the bytes are dropped, never shown as they are. */
void rbk_redact_stream_feed(struct rbk_redact_stream *stream, struct rbk_str chunk,
                            struct rbk_buffer *out);

/** No more bytes come: appends what was held back. The stream may be fed anew afterwards. */
void rbk_redact_stream_end(struct rbk_redact_stream *stream, struct rbk_buffer *out);

/** Wipes and frees what the stream holds. */
void rbk_redact_stream_fini(struct rbk_redact_stream *stream);

#endif
