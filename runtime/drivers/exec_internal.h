/*
 * What the files of the exec driver share: the driver, its activities, and how they end.
 *
 *   exec.c           opening, closing, the operations
 *   exec_activity.c  the list of activities, their one timer, their ends
 *   exec_talk.c      what is said to the supervisor and what it answers; recovery
 *
 *   start()    QUEUED -- the link is ready: START ---------------> SENT -- ENDED --> gone
 *   recover()  QUEUED, asks -- the link is ready: QUERY ---------> SENT -- STATE --> gone, or SENT
 *                           -- no supervisor: look at the disk --> gone
 *   any -- rbk_exec_answer_later() --> ANSWERED -- the next turn: the timer --> gone
 *
 * "Gone" is one function, give(), which calls the executor back; whoever walks the list starts
 * again afterwards, since the callback may start, cancel or close.
 */
#ifndef RBK_RUNTIME_DRIVERS_EXEC_INTERNAL_H
#define RBK_RUNTIME_DRIVERS_EXEC_INTERNAL_H

#include "runtime/drivers/exec_command.h"
#include "runtime/drivers/exec_link.h"
#include "runtime/drivers/exec_result.h"

/** FORGET messages wait for the next START, so that a command costs one message each way. */
#define RBK_EXEC_FORGETS_BYTES ((size_t)16 << 10)

/** The delay that is let pass when the supervisor should have answered. Beyond, it hangs: it is
 * ended, and with it what it runs. */
#define RBK_EXEC_DELAY_MS ((uint64_t)10000)
/** And a last look after that: who was stopped for long itself (Ctrl-Z) finds its time over before
 * it has read what was said in the meantime. */
#define RBK_EXEC_LAST_LOOK_MS ((uint64_t)1000)

enum activity_state { QUEUED, SENT, ANSWERED };

struct exec;

struct rbk_activity {
    struct rbk_activity *next, *previous; /* in exec->activities */
    struct exec *exec;                    /* borrowed, outlives it */
    void *owner;                          /* given to start() */
    struct rbk_request *request;          /* owned */
    uint64_t ticket;
    uint64_t timeout_ms;
    enum activity_state state;
    bool asks;                /* recover() was called and has not been answered */
    bool cancelled;           /* cancel() was called */
    uint64_t silent_ms;       /* loop time at which nobody waits any longer */
    bool late;                /* that time has come, a last look is taken */
    enum rbk_outcome outcome; /* ANSWERED */
    char why[256];            /* ANSWERED */
};

struct exec {
    struct rbk_driver driver; /* first: what rbk_exec_open() gives */
    struct rbk_driver_setup setup;
    char *run_directory;  /* owned, absolute */
    char *plan_directory; /* owned, absolute */
    int directory;        /* run_directory, open */
    struct rbk_exec_link link;
    uv_timer_t timer;
    struct rbk_activity *activities; /* newest first */
    struct rbk_activity *oldest;
    struct rbk_buffer frames;  /* scratch: what is sent in one go */
    struct rbk_buffer forgets; /* FORGET frames that wait */
    uint64_t tickets;
    bool disk_known; /* an exit record was taken from disk: forget() looks there */
    bool closing;
    bool leaving; /* SHUTDOWN was sent, its end is awaited */
    void (*on_closed)(void *context);
    void *closed_context;
};

/** The events of the link, as exec_talk.c handles them; its context is the struct exec. */
extern const struct rbk_exec_link_events rbk_exec_events;

/** Takes an activity out of the list; frees it. */
void rbk_exec_unlink(struct rbk_activity *activity);
void rbk_exec_free(struct rbk_activity *activity);

/** The activity with a ticket; NULL. */
struct rbk_activity *rbk_exec_find(const struct exec *exec, uint64_t ticket);

/** Sets the timer to what comes first: an answer that is due now, or a silence. */
void rbk_exec_arm(struct exec *exec);
void rbk_exec_on_timer(uv_timer_t *timer);

/** Answers on the next turn of the loop; what is in doubt is a failure of a reading. */
void rbk_exec_answer_later(struct rbk_activity *activity, enum rbk_outcome outcome,
                           const char *why);

/** Takes what an activity has started and nobody watches any more out of the world, as far as it
 * can be found: it must not go on beside the next attempt, or while its stage is taken back. */
void rbk_exec_end_orphans(const struct rbk_activity *activity);
/** The same for all that were sent to a supervisor that is gone, in one search. */
void rbk_exec_end_all_orphans(const struct exec *exec);

/** When to wait no longer for the end of an activity whose time is up in `left_ms`, in loop time.
 */
uint64_t rbk_exec_silent_ms(const struct rbk_activity *activity, uint64_t left_ms);

/** The ends of an activity: the executor is called back, and the activity is freed. */
void rbk_exec_give_ended(struct rbk_activity *activity, const struct rbk_exec_ended *ended);
void rbk_exec_give_plain(struct rbk_activity *activity, enum rbk_recovery recovery,
                         enum rbk_outcome outcome, const char *why);

/** Adds a message about one activity to exec->frames. */
void rbk_exec_write_name_of(struct exec *exec, enum rbk_exec_message kind,
                            const struct rbk_activity *activity);
/** Sends and wipes exec->frames. */
void rbk_exec_send_frames(struct exec *exec);
/** Sends the START or QUERY of an activity; the link is ready. */
void rbk_exec_dispatch(struct rbk_activity *activity);

/** Closes what is left of a driver whose supervisor has left, or need not. */
void rbk_exec_finish_close(struct exec *exec);

#endif
