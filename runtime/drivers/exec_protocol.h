/*
 * What the runner's exec driver and the supervisor say to each other over a Unix stream socket.
 *
 * A frame is a 32-bit little-endian length (of what follows), one byte with the kind of message,
 * and its fields in a fixed order: whole numbers little-endian; a text or a block of bytes as a
 * 32-bit length, the bytes and a NUL (so that a received text can be handed to execve() where it
 * lies); a list as a 32-bit count and its texts. Both sides treat what they read as hostile: a
 * reader that meets anything unexpected fails for good, and the connection is closed.
 *
 *   runner -> supervisor              supervisor -> runner
 *   HELLO     first of all            WELCOME   answer; nothing is started before it is sent
 *   START     run a command           ENDED     exactly one for each START, or QUERY of a running
 * one CANCEL    stop one QUERY     what became of one?     STATE     answer; with ENDED's fields
 * when it has ended FORGET    its result is journalled SHUTDOWN  the run is over
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_PROTOCOL_H
#define RBK_RUNTIME_DRIVERS_EXEC_PROTOCOL_H

#include "runtime/core/base/buffer.h"
#include "runtime/drivers/process.h"

#include <stdbool.h>
#include <stdint.h>

#define RBK_EXEC_VERSION 1u

/** The largest frame, its length and kind included: a START with the largest stdin and argv. */
#define RBK_EXEC_FRAME_BYTES_MAX ((size_t)48 << 20)
/** Bytes of a frame before its fields. */
#define RBK_EXEC_FRAME_HEAD_BYTES ((size_t)5)
/** The most texts of one list. */
#define RBK_EXEC_LIST_MAX ((size_t)65536)

/** The socket and the lock in the run's directory. */
#define RBK_EXEC_SOCKET_NAME "supervisor.sock"
#define RBK_EXEC_LOCK_NAME "supervisor.lock"

/** The descriptors the supervisor is started with: its connection to the runner, and the lock. */
enum { RBK_EXEC_FD_CONNECTION = 3, RBK_EXEC_FD_LOCK = 4 };

/** X(constant): the kinds of message. Numbers from 1, in this order. */
#define RBK_EXEC_MESSAGES(X) \
    X(HELLO)                 \
    X(WELCOME)               \
    X(START)                 \
    X(CANCEL)                \
    X(QUERY)                 \
    X(STATE)                 \
    X(FORGET)                \
    X(SHUTDOWN)              \
    X(ENDED)

enum rbk_exec_message {
    RBK_EXEC_NONE,
#define X(NAME) RBK_EXEC_##NAME,
    RBK_EXEC_MESSAGES(X)
#undef X
        RBK_EXEC_MESSAGE_COUNT
};

/** A list of texts, each ending in NUL. When read: `items` is one allocation that
 * rbk_exec_start_fini() frees, it ends in NULL as execve() wants, and points into the frame. */
struct rbk_exec_list {
    char **items;
    size_t count;
};

/** HELLO. */
struct rbk_exec_hello {
    uint32_t version;    /**< RBK_EXEC_VERSION. */
    struct rbk_str run;  /**< Run id; must be the one the supervisor was started for. */
    uint32_t serial_min; /**< Nothing is promised about serials below: an earlier supervisor may
                              have been given them. 0: no such doubt. */
};

/** WELCOME. */
struct rbk_exec_welcome {
    uint32_t version;
    struct rbk_process_id process; /**< The supervisor itself. */
};

/** START. */
struct rbk_exec_start {
    uint64_t ticket; /**< The runner's name for it on this connection; never 0. */
    uint32_t serial; /**< 0: a reading, which nobody asks for again. */
    uint32_t attempt;
    bool reading;        /**< Output is kept in memory and sent back; whatever it leaves running is
                              killed; it does not outlive the connection. */
    uint64_t timeout_ms; /**< A budget: counted while a runner is connected. */
    uint64_t grace_ms;   /**< From SIGTERM to SIGKILL. */
    uint64_t cancel_timeout_ms; /**< For the cancel command. */
    uint64_t output_bytes_max;  /**< Kept of stdout, and of stderr. */
    struct rbk_str key;         /**< RBK_KEY in the environment: the mark of its processes. */
    struct rbk_str step;        /**< RBK_STEP, likewise. */
    struct rbk_str directory;
    struct rbk_exec_list words;       /**< At least one. */
    struct rbk_exec_list environment; /**< The whole of it, "NAME=value". */
    struct rbk_exec_list cancel_words;
    bool has_input;
    struct rbk_str input;
    struct rbk_str *secrets; /**< Hidden in its output; may hold NUL. One allocation, owned. */
    size_t secret_count;
    int64_t *expect;     /**< Statuses that mean success; one allocation, owned. */
    size_t expect_count; /**< 0: only 0. */
};

/** CANCEL (ticket alone counts), QUERY (all), FORGET (serial alone). */
struct rbk_exec_name {
    uint64_t ticket;
    uint32_t serial;
    uint32_t attempt;
    struct rbk_str key;
};

/** How a command came to its end. */
enum rbk_exec_end {
    RBK_EXEC_EXITED,      /**< `status` is its exit status. */
    RBK_EXEC_SIGNALLED,   /**< `status` is the signal that ended it. */
    RBK_EXEC_NOT_STARTED, /**< `status` is an errno, `start_step` says of what. */
    RBK_EXEC_LOST,        /**< Nobody knows: it could not be waited for. */
    RBK_EXEC_END_COUNT
};

/** What failed when a command could not be started. */
enum rbk_exec_start_step {
    RBK_EXEC_STEP_EXEC,      /**< execve() itself. */
    RBK_EXEC_STEP_DIRECTORY, /**< Its directory. */
    RBK_EXEC_STEP_PREPARE,   /**< Pipes, memory, fork. */
    RBK_EXEC_STEP_COUNT
};

/** How the cancel command ended. */
enum rbk_exec_cancel {
    RBK_EXEC_CANCEL_NONE,
    RBK_EXEC_CANCEL_OK,
    RBK_EXEC_CANCEL_FAILED,
    RBK_EXEC_CANCEL_COUNT
};

/** ENDED; also what an exit record holds. */
struct rbk_exec_ended {
    uint64_t ticket; /**< 0 in an exit record. */
    uint32_t serial;
    uint32_t attempt;
    struct rbk_str key;
    struct rbk_process_id process; /**< The command's first process. */
    enum rbk_exec_end end;
    int32_t status;
    enum rbk_exec_start_step start_step;
    bool timed_out;        /**< It was stopped because its time was up. */
    bool cancelled;        /**< It was stopped because CANCEL came. */
    bool dead;             /**< Nothing of it is left, except what `left_running` counts. */
    uint32_t left_running; /**< Processes a successful command left behind, such as a daemon. */
    enum rbk_exec_cancel cancel;
    uint64_t began_ms; /**< Wall clock, milliseconds since 1970. */
    uint64_t elapsed_ms;
    uint64_t out_bytes; /**< Kept of stdout. */
    uint64_t out_dropped;
    uint64_t err_bytes;
    uint64_t err_dropped;
    int32_t output_errno; /**< Why output could not be kept; 0: it could. */
    struct rbk_str out;   /**< A reading's stdout; else empty: it is in SERIAL.out. */
    struct rbk_str err;   /**< A reading's stderr. */
};

/** What the supervisor knows of a serial. */
enum rbk_exec_state {
    RBK_EXEC_STATE_RUNNING, /**< Attached: ENDED will follow with the ticket of the QUERY. */
    RBK_EXEC_STATE_ENDED,
    RBK_EXEC_STATE_NEVER, /**< Proved never to have been started. */
    RBK_EXEC_STATE_UNKNOWN,
    RBK_EXEC_STATE_COUNT
};

/** STATE. */
struct rbk_exec_answer {
    uint64_t ticket;
    enum rbk_exec_state state;
    struct rbk_exec_ended ended; /**< Only when it has ended. */
};

/**
 * Append one whole frame to a buffer; its sticky failure tells when it did not fit. A failed
 * buffer holds nothing of the frame.
 */
void rbk_exec_write_hello(struct rbk_buffer *out, const struct rbk_exec_hello *hello);
void rbk_exec_write_welcome(struct rbk_buffer *out, const struct rbk_exec_welcome *welcome);
void rbk_exec_write_start(struct rbk_buffer *out, const struct rbk_exec_start *start);
void rbk_exec_write_name(struct rbk_buffer *out, enum rbk_exec_message kind,
                         const struct rbk_exec_name *name);
void rbk_exec_write_answer(struct rbk_buffer *out, const struct rbk_exec_answer *answer);
void rbk_exec_write_ended(struct rbk_buffer *out, const struct rbk_exec_ended *ended);

/**
 * Looks for a whole frame at the front of what was received.
 * @ret_kind    Its kind.
 * @ret_fields  Its fields, borrowed from `received`.
 * @ret_bytes   The bytes of the frame, to be consumed after use.
 * @return 1 when there is one; 0 when more must be read; -RBK_EPROTOCOL when it can be none.
 */
RBK_MUST_USE int rbk_exec_frame(struct rbk_str received, enum rbk_exec_message *ret_kind,
                                struct rbk_str *ret_fields, size_t *ret_bytes);

/**
 * Read the fields of a frame. Texts are borrowed from `fields`.
 * @return 0; -RBK_EPROTOCOL for anything that the writers above would not write; -RBK_ENOMEM.
 */
RBK_MUST_USE int rbk_exec_read_hello(struct rbk_str fields, struct rbk_exec_hello *ret_hello);
RBK_MUST_USE int rbk_exec_read_welcome(struct rbk_str fields, struct rbk_exec_welcome *ret_welcome);
/** Free with rbk_exec_start_fini(). */
RBK_MUST_USE int rbk_exec_read_start(struct rbk_str fields, struct rbk_exec_start *ret_start);
RBK_MUST_USE int rbk_exec_read_name(struct rbk_str fields, struct rbk_exec_name *ret_name);
RBK_MUST_USE int rbk_exec_read_answer(struct rbk_str fields, struct rbk_exec_answer *ret_answer);
RBK_MUST_USE int rbk_exec_read_ended(struct rbk_str fields, struct rbk_exec_ended *ret_ended);

/** Frees what rbk_exec_read_start() allocated; a zeroed one is fine. */
void rbk_exec_start_fini(struct rbk_exec_start *start);

#endif
