#ifndef RBK_RUNTIME_DRIVERS_TASK_H
#define RBK_RUNTIME_DRIVERS_TASK_H

/*
 * What the drivers of connections (SQL, HTTP, Redis) share: an activity with its own copy of the
 * request, its one timer, and the promise of exactly one answer.
 *
 *   start ──▶ WAITING ──begin()──▶ RUNNING ──rbk_task_answer()──▶ ANSWERED ──last release──▶ freed
 *                │                    │
 *                └── deadline, cancel ┴─▶ stop(): the driver ends it, and then answers
 *
 * A driver embeds struct rbk_task as the first member of its own object. The task is freed, by the
 * driver's destroy(), once it has been answered and every hold on it has been released; a hold is
 * taken for each open handle, request in a library, or work on the pool that points at the task.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/drivers/driver.h"

struct rbk_task;
struct rbk_task_driver;

/** Output carried in a result when the request does not say. */
#define RBK_TASK_OUTPUT_BYTES ((size_t)1 << 20)

/** Why a task is being stopped. */
enum rbk_task_stop {
    RBK_TASK_STOP_NONE,
    RBK_TASK_STOP_DEADLINE, /**< timeout_ms is over. */
    RBK_TASK_STOP_CANCEL,   /**< cancel() was called. */
    RBK_TASK_STOP_CLOSE     /**< The driver is closed: nobody is told of the end any more. */
};

/** What a driver does with its tasks: a constant table. All run on the loop, never inside start(),
 * cancel() or proceed(). */
struct rbk_task_ops {
    /** The size of the driver's object, which begins with the task: for rbk_task_start(). */
    size_t bytes;
    /** The first turn after start() or recover(). */
    void (*begin)(struct rbk_task *task);
    /** End it and answer, now or later; called at most once, and only after begin(). task->stop
     * says why. The timer is the driver's from here on (rbk_task_arm()). With STOP_CLOSE the driver
     * lets go of everything at once and answers. */
    void (*stop)(struct rbk_task *task);
    /** The journal has the note. NULL: the driver gives no notes. */
    void (*proceed)(struct rbk_task *task);
    /** Free the driver's object; the task's own parts have been freed already. */
    void (*destroy)(struct rbk_task *task);
};

/** One activity; its address is the address of the struct rbk_activity. */
struct rbk_task {
    uint32_t magic;
    const struct rbk_task_ops *ops;
    struct rbk_task_driver *driver; /**< Borrowed; outlives the task. */
    struct rbk_task *next;          /**< In driver->tasks. */
    struct rbk_task *previous;
    void *owner;                 /**< What was given to start(). */
    struct rbk_request *request; /**< Owned copy. */
    bool recovering;             /**< The answer goes to on_recovered(). */
    bool begun;
    bool answered;
    enum rbk_task_stop stop;
    unsigned holds;
    uint64_t started_ns; /**< uv_hrtime() at the start. */
    uv_timer_t timer;
    void (*on_timer)(struct rbk_task *task);
    size_t output_bytes_max;

    /* The answer, gathered as the task goes on. */
    struct rbk_value value;    /**< Missing until set. Text may point into `output`. */
    struct rbk_buffer output;  /**< At most output_bytes_max. */
    struct rbk_buffer message; /**< One line. */
    struct rbk_buffer detail;  /**< More lines; what does not fit is dropped. */
    int64_t status;            /**< -1: none. */
    uint64_t retry_after_ms;   /**< As in struct rbk_result. */
    bool whole;                /**< As in struct rbk_result. */
    bool impossible;           /**< As in struct rbk_result. */
};

/** What a driver of tasks embeds as its first member. */
struct rbk_task_driver {
    struct rbk_driver base;
    const struct rbk_driver_setup *setup; /**< Borrowed for the driver's life. */
    struct rbk_task *tasks;               /**< Not yet freed; newest first. */
    unsigned holds;                       /**< Tasks, and whatever else is open on the loop. */
    bool closing;
    bool freeing; /**< The closing handle below is on its way. */
    uv_timer_t closer;
    void (*on_closed)(void *context);
    void *closed_context;
    /** Free the driver's object. */
    void (*destroy)(struct rbk_task_driver *driver);
};

/** Sets up the shared part; cannot fail. */
void rbk_task_driver_init(struct rbk_task_driver *driver, const struct rbk_driver_ops *ops,
                          const struct rbk_driver_setup *setup,
                          void (*destroy)(struct rbk_task_driver *driver));

/** The driver of a struct rbk_driver made by rbk_task_driver_init(). */
struct rbk_task_driver *rbk_task_driver_of(struct rbk_driver *driver);

/** Keeps on_closed back, as long as something of the driver is open beside its tasks. */
void rbk_task_driver_hold(struct rbk_task_driver *driver);
void rbk_task_driver_release(struct rbk_task_driver *driver);

/** The driver's close(): stops every task without telling anybody, then frees the driver and calls
 * on_closed on a later turn. Idle connections must have been closed before by the caller. */
void rbk_task_driver_close(struct rbk_task_driver *driver, void (*on_closed)(void *context),
                           void *context);

/**
 * Sets up a task and puts it on the driver's list; begin() runs on a later turn.
 * @recovering  Whether the answer is one to recover(); such a task has five seconds at least, since
 *              what is left of the effect's own time may be nothing.
 * @return 0, or -RBK_ENOMEM with nothing set up; the caller frees its object then.
 */
RBK_MUST_USE int rbk_task_init(struct rbk_task *task, struct rbk_task_driver *driver,
                               const struct rbk_task_ops *ops, const struct rbk_request *request,
                               bool recovering, void *owner, struct rbk_error *reterr);

/**
 * start() and recover() of a driver whose objects begin with their task: makes one of ops->bytes,
 * zeroed, and sets it up as rbk_task_init() does; ops->destroy frees it.
 * @return 0 with the activity, or what rbk_task_init() says with nothing made.
 */
RBK_MUST_USE int rbk_task_start(struct rbk_driver *driver, const struct rbk_task_ops *ops,
                                const struct rbk_request *request, bool recovering, void *owner,
                                struct rbk_activity **ret_activity, struct rbk_error *reterr);

/** The checked casts between a task and the activity the executor sees. */
struct rbk_activity *rbk_task_activity(struct rbk_task *task);
struct rbk_task *rbk_task_of(struct rbk_activity *activity);

/** cancel() and proceed() of driver.h for any task. */
void rbk_task_cancel(struct rbk_activity *activity);
void rbk_task_proceed(struct rbk_activity *activity);

/** Milliseconds since the start, and up to the deadline (0: it is over). */
uint64_t rbk_task_elapsed_ms(const struct rbk_task *task);
uint64_t rbk_task_left_ms(const struct rbk_task *task);

/** Runs `on_timer` after `delay_ms`, instead of what the timer was armed for. Until stop() was
 * called the timer holds the deadline, and must be left alone. */
void rbk_task_arm(struct rbk_task *task, uint64_t delay_ms,
                  void (*on_timer)(struct rbk_task *task));

void rbk_task_hold(struct rbk_task *task);
void rbk_task_release(struct rbk_task *task);

/** Sets the message (line ends become blanks). */
RBK_PRINTF(2, 3)
void rbk_task_message(struct rbk_task *task, const char *format, ...);

/** Adds a line, or lines, to the detail. */
RBK_PRINTF(2, 3)
void rbk_task_detail(struct rbk_task *task, const char *format, ...);

/** Sets the value to a SCALAR of a copy of `text`; false when it is larger than output_bytes_max.
 */
RBK_MUST_USE bool rbk_task_set_scalar(struct rbk_task *task, struct rbk_str text);

/** Appends `text` with the request's secrets replaced: for what a driver itself keeps somewhere (a
 * note, a receipt). Results are redacted by the executor. @return 0, or a failure: keep nothing. */
RBK_MUST_USE int rbk_task_redact(const struct rbk_task *task, struct rbk_str text,
                                 struct rbk_buffer *out);

/** Reports a note to the executor, unless the driver is closing. */
void rbk_task_note(struct rbk_task *task, struct rbk_str note);

/**
 * Gives the one result; the task's handles must be closed or closing. `cancelled` is set for a FAIL
 * after cancel(). The executor's callback runs inside. The task may be gone afterwards.
 */
void rbk_task_answer(struct rbk_task *task, enum rbk_outcome outcome);

/** As rbk_task_answer(), with a message, and without touching output and detail: for a task whose
 * buffers a thread may still be writing. */
void rbk_task_answer_text(struct rbk_task *task, enum rbk_outcome outcome, const char *message);

/** The answer of a recovering task; `outcome` counts with RBK_RECOVERY_KNOWN. */
void rbk_task_answer_recovered(struct rbk_task *task, enum rbk_recovery recovery,
                               enum rbk_outcome outcome);

/** The outcome that fits what stopped a task which is shown to be dead: TIMEOUT or FAIL; sets the
 * message to say so. */
enum rbk_outcome rbk_task_stopped(struct rbk_task *task);

#endif
