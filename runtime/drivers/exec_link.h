/*
 * The runner's connection to the supervisor of its run: finding one that lives, starting one,
 * framing. Knows nothing of commands.
 *
 *          rbk_exec_link_open()            lock free: on_absent(), then start one
 *   IDLE ----------------------> SEEKING ------------------------------------+
 *     ^                            |  ^ lock held: connect, again every 5 ms |
 *     |                            v  |                                      v
 *     |<-- on_failed() ------- GREETING <------------------------------------+
 *     |                            | WELCOME from the process it claims to be: on_ready()
 *     |<-- on_lost() ----------- READY
 *
 * The lock file tells what lives: a supervisor holds it from before its birth (it inherits the
 * lock) to its end; one that is asked and says nothing is ended, for what it runs nobody else can
 * stop. No callback runs inside a function of this header but rbk_exec_link_end(); when
 * rbk_exec_link_send() finds the connection gone, on_lost() follows on a later turn all the same.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_LINK_H
#define RBK_RUNTIME_DRIVERS_EXEC_LINK_H

#include "runtime/drivers/driver.h"
#include "runtime/drivers/exec_protocol.h"

struct rbk_exec_wire; /* one connection; freed in its own close callback */

/** See the diagram. */
enum rbk_exec_link_state {
    RBK_EXEC_LINK_IDLE,
    RBK_EXEC_LINK_SEEKING,
    RBK_EXEC_LINK_GREETING,
    RBK_EXEC_LINK_READY,
    RBK_EXEC_LINK_CLOSED
};

/** What the link's owner is told; `context` is the owner. */
struct rbk_exec_link_events {
    /** Nothing of the run lives, and nothing can begin to before this returns. True: start a
     * supervisor; false: the link goes back to IDLE. */
    bool (*on_absent)(void *context);
    /** Messages can be sent. */
    void (*on_ready)(void *context);
    /** A message came; its fields are borrowed until this returns. False: it breaks the protocol,
     * the connection is dropped and on_lost() follows. */
    bool (*on_message)(void *context, enum rbk_exec_message kind, struct rbk_str fields);
    /** No supervisor could be started or reached, and nothing was sent to one. */
    void (*on_failed)(void *context, const char *why);
    /** The connection is gone, after on_ready(). */
    void (*on_lost)(void *context);
};

/** The link; embedded in its owner. */
struct rbk_exec_link {
    const struct rbk_driver_setup *setup; /**< Borrowed for life. */
    const struct rbk_exec_link_events *events;
    void *context;
    enum rbk_exec_link_state state;
    const char *run_directory; /**< Absolute; borrowed. */
    int directory;             /**< The same, open; borrowed. */
    char boot[RBK_BOOT_ID_BYTES];
    struct rbk_process_id peer; /**< READY: the supervisor; else the one ended last; pid 0: none. */
    uint32_t serial_min;        /**< For HELLO; see there. */
    uint64_t seek_until_ms;     /**< Loop time; when seeking ends. */
    bool late;                  /**< That time has come, a last look is taken. */
    unsigned starts;            /**< Supervisors started since one was ready last. */
    uv_timer_t timer;           /**< SEEKING and GREETING. */
    struct rbk_exec_wire *wire; /**< The present connection; NULL: none. */
    size_t handles;             /**< libuv handles not closed yet. */
    void (*on_closed)(void *context);
};

/** Sets a link up. 0 or a code. */
RBK_MUST_USE int rbk_exec_link_init(struct rbk_exec_link *link, struct rbk_error *reterr);

/** Goes from IDLE to SEEKING; nothing in any other state. on_ready() or on_failed() follows, or
 * on_absent() was answered with false. */
void rbk_exec_link_open(struct rbk_exec_link *link);

/** Sends frames, READY only. They are copied where they cannot be sent at once. */
void rbk_exec_link_send(struct rbk_exec_link *link, struct rbk_str frames);

/** Ends a supervisor that hangs, by SIGKILL, and lets go of it: on_lost() runs before this returns.
 * READY only; else nothing happens. */
void rbk_exec_link_end(struct rbk_exec_link *link);

/** Closes the connection and every handle; no event comes any more, `on_closed` runs on a later
 * turn. */
void rbk_exec_link_close(struct rbk_exec_link *link, void (*on_closed)(void *context));

#endif
