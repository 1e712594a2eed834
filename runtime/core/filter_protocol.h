#ifndef RBK_RUNTIME_CORE_FILTER_PROTOCOL_H
#define RBK_RUNTIME_CORE_FILTER_PROTOCOL_H

/*
 * What is said to rbk-filter-worker and what it answers, over a socket pair, which is the worker's
 * descriptor 0. Strictly in turn: one request, one reply. Both sides are the same build on the same
 * host, so numbers are in the host's order. A worker ends when the socket does.
 *
 * The runtime has filters applied (drivers/filter.c), the compiler asks whether they compile
 * (compiler/filter_judge.c); it stands here because those two know nothing of each other.
 */

#include <stddef.h>
#include <stdint.h>

#define RBK_FILTER_PROGRAM_BYTES_MAX ((size_t)1 << 20)
#define RBK_FILTER_JSON_BYTES_MAX ((size_t)16 << 20)
#define RBK_FILTER_VALUE_BYTES_MAX ((size_t)1 << 20)
#define RBK_FILTER_MESSAGE_BYTES_MAX ((size_t)4096)

enum rbk_filter_request_kind {
    RBK_FILTER_APPLY,  /**< Apply the program to the document; compiled programs are kept. */
    RBK_FILTER_COMPILE /**< See whether the program compiles, in a child of the worker: the worker
                            stays what it was, whatever the program does. No document. */
};

/** Followed by the program, then the document. */
struct rbk_filter_request {
    uint32_t kind;       /**< enum rbk_filter_request_kind */
    uint32_t timeout_ms; /**< Bounds the processor time; the asker sees to the deadline. */
    uint32_t program_bytes;
    uint32_t json_bytes;
};

enum rbk_filter_reply_kind {
    RBK_FILTER_SCALAR,   /**< The text of a string, number or bool. */
    RBK_FILTER_JSON,     /**< An object or array. */
    RBK_FILTER_MISSING,  /**< null, not finite, or no output; no text. */
    RBK_FILTER_FAILED,   /**< The document, or the filter on it; the text says why. */
    RBK_FILTER_INVALID,  /**< The filter does not compile; the text says why. After an APPLY the
                              worker is not to be used again: libjq may have damaged its memory. */
    RBK_FILTER_COMPILES, /**< It compiles; no text. Answers COMPILE. */
    RBK_FILTER_ENDED     /**< Compiling it ended the process; the text says how. Answers COMPILE. */
};

/** Followed by the text. */
struct rbk_filter_reply {
    uint32_t kind; /**< enum rbk_filter_reply_kind */
    uint32_t bytes;
};

#endif
