/*
 * The supervisor: one small process per run, in a session of its own, that outlives the runner. It
 * starts the commands, holds their deadlines, keeps their output in bounded files, takes down the
 * whole tree of those that must end, and keeps each result until the runner's journal has it.
 *
 *   main.c     becomes a daemon, sets signals up, runs the loop
 *   serve.c    the connection: messages in, results out; what is on disk; when to leave
 *   command.c  the life of one command (state diagram there)
 *   spawn.c    vfork and execve
 *   tree.c     which processes belong to a command
 *   sink.c     one pipe of output: redacted, bounded, into a file or memory
 *
 * One thread, one epoll. Everything a turn of the loop finds out is collected first (flags, data),
 * then supervisor_turn() acts on it; objects are freed only at the end of a turn, so that no event
 * of the same turn can meet a freed one.
 */
#ifndef RBK_RUNTIME_DRIVERS_SUPERVISOR_SUPERVISOR_H
#define RBK_RUNTIME_DRIVERS_SUPERVISOR_SUPERVISOR_H

#include "runtime/core/base/buffer.h"
#include "runtime/core/stop_times.h"
#include "runtime/drivers/exec_protocol.h"
#include "runtime/drivers/exec_record.h"
#include "runtime/drivers/redact.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Commands under way at one time; more are refused with EAGAIN. */
#define COMMANDS_MAX ((size_t)256)
/** Bytes read from a pipe at once: what a pipe holds. */
#define CHUNK_BYTES ((size_t)64 << 10)
/** Output is read by the loop from this long after the start; most commands have ended by then, and
 * cost no wake-up for the closing of their pipes. */
#define WATCH_AFTER_MS 2u
/** How long after SIGKILL processes may take to go before they count as not shown dead. */
#define KILL_LIMIT_MS RBK_STOP_KILL_MS
/** How often SIGKILL is sent again in that time, to what was forked meanwhile. */
#define KILL_AGAIN_MS 20u

struct supervisor;

/** What an epoll event is about; embedded first in the object it is about. */
struct watch {
    enum { WATCH_SIGNALS, WATCH_LISTENER, WATCH_CONNECTION, WATCH_SINK } kind;
};

/** One stream of output. */
struct sink {
    struct watch watch;            /* WATCH_SINK */
    struct supervisor *supervisor; /* borrowed, outlives it */
    int pipe;                      /* read end; -1: closed */
    int file;                      /* -1: none yet */
    bool in_memory;                /* a reading: kept in `memory` */
    char name[24];                 /* of the file in the run's directory */
    uint64_t bytes_max;
    uint64_t kept;
    uint64_t dropped;
    int system;   /* errno of the first write that failed; 0 */
    bool watched; /* `pipe` is in the epoll set */
    bool discard; /* what comes is of no interest any more */
    struct rbk_buffer memory;
    struct rbk_redact_stream redact;
};

/** A process that was sent SIGTERM. */
struct signalled {
    pid_t pid;
    uint64_t start_time;
};

enum command_state { COMMAND_RUNNING, COMMAND_TERM, COMMAND_KILL, COMMAND_ENDED };

/** One command, from START until the runner forgets it. */
struct command {
    struct command *next; /* in the supervisor's list, owned by it */
    struct supervisor *supervisor;
    struct rbk_exec_start start; /* its texts lie in `block` */
    char *block;                 /* owned; wiped and freed at the end */
    size_t block_bytes;
    char *key;                     /* owned; RBK_KEY, outlives `block` */
    struct rbk_redactor *redactor; /* owned; NULL: nothing to hide */
    enum command_state state;
    bool in_cancel;      /* its cancel command is what runs now */
    bool main_alive;     /* the first process has not been waited for */
    int wait_status;     /* of it, as waitpid() gave it */
    pid_t first;         /* first process of what runs now, also its session and group; 0: none */
    pid_t session;       /* session of the command itself; 0: it never started */
    uint64_t due_ms;     /* monotonic; when the present state ends by force */
    uint64_t left_ms;    /* its time stands still: what is left of it; UINT64_MAX: it is counted */
    uint64_t watch_ms;   /* monotonic; when its output is to be watched; UINT64_MAX: it is */
    uint64_t give_up_ms; /* monotonic; COMMAND_KILL: when it counts as not shown dead */
    struct signalled *asked_to_end; /* owned; who was sent SIGTERM */
    size_t asked_to_end_count;
    uint64_t began_ms; /* monotonic */
    bool stop_cancel;  /* CANCEL came while it ran */
    bool cancel_late;  /* the cancel command had to be stopped itself */
    struct sink out;
    struct sink err;
    struct rbk_exec_ended ended; /* complete in COMMAND_ENDED */
    bool told;                   /* ENDED was handed to the present connection */
    bool durable;                /* its exit record is on disk */
    bool forgotten;              /* the runner's journal has the result, or nobody wants it */
};

/** A process that a successful command left behind: none of ours any more, but our child. */
struct released {
    struct released *next;
    pid_t pid;
};

/** A serial this supervisor was asked to start. */
struct asked {
    uint32_t serial;
    uint32_t attempt;
};

struct supervisor {
    char run[256];
    char boot[RBK_BOOT_ID_BYTES];
    struct rbk_supervisor_id id;
    bool serial_min_open; /* id.serial_min is fixed by the first START of a serial */
    int directory;        /* the run's, also the working directory */
    int epoll;
    int signals;
    int listener;
    int connection; /* -1: no runner */
    bool welcomed;  /* HELLO came on the present connection */
    bool ask_writable;
    struct watch watch_signals, watch_listener, watch_connection;
    struct rbk_buffer inbox;
    struct rbk_buffer outbox;
    struct command *commands;
    size_t running;
    struct released *released;
    struct asked *asked;
    size_t asked_count, asked_room;
    bool childless;      /* no child was left when last waited for, and none was started since */
    bool child_event;    /* SIGCHLD came */
    bool leaving;        /* SHUTDOWN came: no new commands */
    bool abandoned;      /* no new runner can find this process: the run's directory is gone */
    uint64_t look_ms;    /* monotonic; no runner: when to look again whether one can still come */
    uint64_t greet_ms;   /* monotonic; connected, not welcomed: until when HELLO must have come */
    dev_t socket_device; /* of the socket's name in the run's directory */
    ino_t socket_inode;
    uint64_t
        record_retry_ms;     /* monotonic; when to try a failed exit record again; 0: none failed */
    struct rbk_buffer shown; /* redacted output of one chunk */
    char chunk[CHUNK_BYTES];
};

/** Monotonic milliseconds; and wall clock milliseconds since 1970. */
uint64_t now_ms(void);
uint64_t wall_ms(void);

/* ---- serve.c --------------------------------------------------------------------------------- */

/** Begins to listen and to serve the connection of descriptor 3. 0 or -1. */
RBK_MUST_USE int serve_open(struct supervisor *supervisor);
/** A runner wants to connect, or its connection can be read or written. */
void serve_on_listener(struct supervisor *supervisor);
void serve_on_connection(struct supervisor *supervisor, uint32_t events);
/** Sends what is due to be sent, and writes exit records when no runner is there. */
void serve_flush(struct supervisor *supervisor);
/** Whether nothing is left to do; then the socket is gone and supervisor.id says so. */
RBK_MUST_USE bool serve_over(struct supervisor *supervisor);
/** When serve_flush() wants to run again by itself; UINT64_MAX: it does not. */
uint64_t serve_due_ms(const struct supervisor *supervisor);

/* ---- command.c ------------------------------------------------------------------------------- */

/** Starts a command; `fields` are a START's. 0, or -1 when the message is broken or memory ran out;
 * a command that cannot be started is in the list all the same, ended. */
RBK_MUST_USE int command_start(struct supervisor *supervisor, struct rbk_str fields);
/** The time of every command stands still, since no runner lives; or it is counted again. What is
 * being stopped, and a cancel command, have their time in any case. Calling twice is fine. */
void command_hold_time(struct supervisor *supervisor);
void command_count_time(struct supervisor *supervisor);
/** Asks a command to stop; acted upon at the end of the turn. */
void command_cancel(struct command *command);
/** Waits for every process that has ended. */
void command_reap(struct supervisor *supervisor);
/** Moves every command on as far as it can go now. */
void command_advance_all(struct supervisor *supervisor);
/** The next time a command wants to be moved on; UINT64_MAX: none. */
uint64_t command_due_ms(const struct supervisor *supervisor);
/** Frees those that have ended and are forgotten. */
void command_free_forgotten(struct supervisor *supervisor);
/** The newest command of a serial, or the one with a ticket; NULL. */
struct command *command_find(const struct supervisor *supervisor, uint32_t serial);
struct command *command_by_ticket(const struct supervisor *supervisor, uint64_t ticket);

/* ---- spawn.c --------------------------------------------------------------------------------- */

/** What to execute. */
struct spawn {
    char *const *words;       /* ends in NULL */
    char *const *environment; /* ends in NULL; its PATH is searched */
    const char *directory;
    int input;  /* becomes 0; 0: /dev/null */
    int output; /* becomes 1 */
    int errors; /* becomes 2 */
};

/**
 * Starts a process in a session of its own.
 * @ret_step, ret_system  What failed, on failure.
 * @return its pid, or -1.
 */
RBK_MUST_USE pid_t spawn_run(const struct spawn *spawn, enum rbk_exec_start_step *ret_step,
                             int *ret_system);

/* ---- tree.c ---------------------------------------------------------------------------------- */

/** What is left of a command, its first process not counted while it is alive. */
struct tree {
    uint32_t count;    /* processes that are its own */
    uint32_t doubtful; /* processes that may be its own or another's */
};

/** Whether the supervisor has any child but the first processes of commands and released ones: if
 * not, nothing is left of any command whose first process has ended. Cheap. */
RBK_MUST_USE bool tree_any_orphan(const struct supervisor *supervisor);
/** Walks /proc; sends `signal` (0: none) to each process of the command; SIGTERM to each only once,
 * and not to those in `group` (0: none), who have got it already. */
struct tree tree_walk(const struct supervisor *supervisor, struct command *command, int signal,
                      pid_t group);
/** Notes what a successful command left behind, so that it is nobody's from now on. */
void tree_release(struct supervisor *supervisor, const struct command *command);
/** A process that was waited for is released no more. */
void tree_forget(struct supervisor *supervisor, pid_t pid);

/* ---- sink.c ---------------------------------------------------------------------------------- */

/** Sets a sink up; nothing is opened. */
void sink_init(struct sink *sink, struct supervisor *supervisor, const struct command *command,
               const char *suffix);
/** Makes a pipe for it; *ret_write is for the command. 0 or errno. */
RBK_MUST_USE int sink_open(struct sink *sink, int *ret_write);
/** Has the loop read it from now on. Not needed by a command that ends at once: a pipe holds 64 KiB
 * and is drained at the end. False: not possible now. */
bool sink_watch(struct sink *sink);
/** Reads once, at most a pipe full. True while there may be more. */
bool sink_pump(struct sink *sink);
/** Reads what is there and closes the pipe, unless `leave`: then what comes later is read and
 * dropped. The file stays open for what may follow. */
void sink_drain(struct sink *sink, bool leave);
/** Writes what was held back and the note about what was dropped; closes the file. */
void sink_finish(struct sink *sink);
/** Frees everything, wiping it. */
void sink_fini(struct sink *sink);

#endif
