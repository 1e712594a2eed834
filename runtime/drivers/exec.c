/*
 * The driver of commands: activities over the link to the supervisor.
 *
 *   start() --> QUEUED --- the link is ready: on_ready(), dispatch() -------> SENT --- ENDED ---> gone
 *   recover() --> QUEUED (asks) --- on_ready(): QUERY; on_absent(): looks at the disk --> gone, or SENT
 *   any --- answer_later() --> ANSWERED --- the next turn, on_timer() ------> gone
 *
 * "Gone" is one function, give(), which calls the executor back; whatever list was being walked is
 * started again afterwards, since the callback may start, cancel or close.
 *
 * The deadline of a command is the supervisor's; the driver's own is longer and only notices that
 * the supervisor says nothing any more.
 */
#include "runtime/drivers/exec.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/exec_command.h"
#include "runtime/drivers/exec_link.h"
#include "runtime/drivers/exec_record.h"
#include "runtime/drivers/exec_result.h"
#include "runtime/drivers/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the supervisor may take beyond a timeout: SIGTERM, SIGKILL, cancel command (killed itself),
 * and some delay. Beyond, it is taken for dead or stopped. */
#define SILENCE_MS ((uint64_t)2 * (RBK_EXEC_GRACE_MS + 5000u) + RBK_EXEC_CANCEL_MS + 10000u)
/* FORGET messages wait for the next START, so that a command costs one message each way. */
#define FORGETS_BYTES ((size_t)16 << 10)
/* How long a supervisor may take to leave after SHUTDOWN. */
#define LEAVE_MS (SILENCE_MS)

enum activity_state { QUEUED, SENT, ANSWERED };

struct exec;

struct rbk_activity {
    struct rbk_activity *next, *previous; /* in exec->activities */
    struct exec *exec;                    /* borrowed, outlives it */
    void *owner;                          /* given to start() */
    struct rbk_request *request;          /* owned */
    uint64_t ticket;
    enum activity_state state;
    bool asks;          /* recover() was called and has not been answered */
    bool cancelled;     /* cancel() was called */
    uint64_t silent_ms; /* loop time at which nobody waits any longer */
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

static void on_timer(uv_timer_t *timer);

/* ---- activities ------------------------------------------------------------------------------ */

static void unlink_activity(struct rbk_activity *activity)
{
    struct exec *exec = activity->exec;
    if (activity->next)
        activity->next->previous = activity->previous;
    else
        exec->oldest = activity->previous;
    if (activity->previous)
        activity->previous->next = activity->next;
    else
        exec->activities = activity->next;
}

static void free_activity(struct rbk_activity *activity)
{
    rbk_request_free(activity->request);
    free(activity);
}

static struct rbk_activity *find_ticket(const struct exec *exec, uint64_t ticket)
{
    struct rbk_activity *activity = exec->activities;
    while (activity && activity->ticket != ticket)
        activity = activity->next;
    return activity;
}

/* Arms the one timer for what comes first: an answer that is due now, or a silence. */
static void arm(struct exec *exec)
{
    uint64_t due = UINT64_MAX;
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        uint64_t at = activity->state == ANSWERED ? 0 : activity->silent_ms;
        if (at < due)
            due = at;
    }
    uint64_t now = uv_now(exec->setup.loop);
    if (exec->closing)
        return;
    if (due == UINT64_MAX)
        uv_timer_stop(&exec->timer);
    else if (!uv_is_active((uv_handle_t *)&exec->timer) ||
             now + uv_timer_get_due_in(&exec->timer) > due)
        uv_timer_start(&exec->timer, on_timer, due > now ? due - now : 0, 0);
}

/* Answers on the next turn of the loop. */
static void answer_later(struct rbk_activity *activity, enum rbk_outcome outcome, const char *why)
{
    bool reading = rbk_exec_is_reading(activity->request);
    activity->state = ANSWERED;
    activity->outcome = outcome == RBK_OUTCOME_DOUBT && reading ? RBK_OUTCOME_FAIL : outcome;
    snprintf(activity->why, sizeof activity->why, "%s", why);
    arm(activity->exec);
}

/* The end of an activity: the one place that calls the executor back with a result. */
static void give(struct rbk_activity *activity, enum rbk_recovery recovery,
                 const struct rbk_result *result)
{
    const struct rbk_driver_callbacks *callbacks = &activity->exec->setup.callbacks;
    unlink_activity(activity);
    if (activity->asks)
        callbacks->on_recovered(activity->owner, activity, recovery, result);
    else
        callbacks->on_result(activity->owner, activity, result);
    free_activity(activity);
}

static void give_ended(struct rbk_activity *activity, const struct rbk_exec_ended *ended)
{
    struct exec *exec = activity->exec;
    struct rbk_exec_result result;
    rbk_exec_result_init(&result, activity->request, ended, exec->run_directory, exec->directory);
    give(activity, result.result.outcome == RBK_OUTCOME_DOUBT ? RBK_RECOVERY_UNKNOWN
                                                              : RBK_RECOVERY_KNOWN,
         &result.result);
    rbk_exec_result_fini(&result);
}

static void give_plain(struct rbk_activity *activity, enum rbk_recovery recovery,
                       enum rbk_outcome outcome, const char *why)
{
    struct exec *exec = activity->exec;
    struct rbk_exec_result result;
    /* Whatever was given to an earlier supervisor, the next one must promise nothing about it. */
    if (activity->asks && recovery == RBK_RECOVERY_UNKNOWN &&
        exec->link.serial_min <= activity->request->serial)
        exec->link.serial_min = activity->request->serial + 1;
    rbk_exec_result_init_plain(&result, outcome, why);
    if (activity->cancelled && outcome == RBK_OUTCOME_FAIL)
        result.result.cancelled = true;
    give(activity, recovery, &result.result);
    rbk_exec_result_fini(&result);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void write_name(struct exec *exec, enum rbk_exec_message kind,
                       const struct rbk_activity *activity)
{
    struct rbk_exec_name name = {
        .ticket = activity->ticket,
        .serial = activity->request->serial,
        .attempt = activity->request->attempt,
        .key = rbk_str_from(activity->request->key),
    };
    rbk_exec_write_name(&exec->frames, kind, &name);
}

static void send_frames(struct exec *exec)
{
    rbk_exec_link_send(&exec->link, rbk_buffer_str(&exec->frames));
    /* They hold secrets and may have been large. */
    if (exec->frames.capacity)
        explicit_bzero(exec->frames.data, exec->frames.capacity);
    if (exec->frames.capacity > FORGETS_BYTES * 4)
        rbk_buffer_fini(&exec->frames);
    else
        rbk_buffer_clear(&exec->frames);
}

/* Sends a START or QUERY; the link is ready. */
static void dispatch(struct rbk_activity *activity)
{
    struct exec *exec = activity->exec;
    uint64_t now = uv_now(exec->setup.loop);
    uint64_t timeout_ms = activity->request->timeout_ms;
    activity->silent_ms =
        timeout_ms > UINT64_MAX - now - SILENCE_MS ? UINT64_MAX : now + timeout_ms + SILENCE_MS;
    rbk_buffer_append_str(&exec->frames, rbk_buffer_str(&exec->forgets));
    rbk_buffer_clear(&exec->forgets);
    if (activity->asks) {
        write_name(exec, RBK_EXEC_QUERY, activity);
    } else {
        struct rbk_buffer why;
        rbk_buffer_init(&why, sizeof activity->why - 1);
        int result = rbk_exec_command_write(&exec->frames, activity->ticket, activity->request,
                                            exec->plan_directory, &why);
        if (result != 0) {
            exec->frames.error = 0; /* what was there before the frame is whole */
            answer_later(activity, RBK_OUTCOME_FAIL,
                         why.bytes ? why.data
                                   : result == -RBK_ELIMIT ? "the command and its input are too large"
                                                           : "out of memory");
        }
        rbk_buffer_fini(&why);
    }
    send_frames(exec);
    if (activity->state == QUEUED)
        activity->state = SENT;
    arm(exec);
}

static bool link_on_ready_one(struct exec *exec)
{
    for (struct rbk_activity *activity = exec->oldest; activity; activity = activity->previous) {
        if (activity->state == QUEUED) {
            dispatch(activity);
            return true;
        }
    }
    return false;
}

static void link_on_ready(void *context)
{
    struct exec *exec = context;
    while (exec->link.state == RBK_EXEC_LINK_READY && link_on_ready_one(exec))
        continue;
}

/* ---- recovery -------------------------------------------------------------------------------- */

/* What the disk knows of a serial that no living supervisor knows; `never`: a living one swears it
 * was not asked. */
static void recover_from_disk(struct rbk_activity *activity, bool living, bool never)
{
    struct exec *exec = activity->exec;
    struct rbk_exec_name name = {
        .serial = activity->request->serial,
        .attempt = activity->request->attempt,
        .key = rbk_str_from(activity->request->key),
    };
    struct rbk_buffer memory;
    struct rbk_exec_ended ended;
    struct rbk_supervisor_id id;
    int result = rbk_exec_record_read(exec->directory, exec->setup.run, exec->link.boot, &name,
                                      &memory, &ended);
    if (result == 0) {
        exec->disk_known = true;
        give_ended(activity, &ended);
    } else if (result != -RBK_ENOTFOUND) {
        give_plain(activity, RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_DOUBT,
                   "the record of how it ended is damaged or not its own");
    } else {
        if (!living && rbk_supervisor_id_read(exec->directory, exec->setup.run, &id) == 0)
            never = id.state != RBK_SUPERVISOR_SERVING && name.serial >= id.serial_min &&
                    exec->link.boot[0] && strcmp(id.process.boot, exec->link.boot) == 0;
        if (never)
            give_plain(activity, RBK_RECOVERY_NOT_STARTED, RBK_OUTCOME_FAIL, "it never began");
        else
            give_plain(activity, RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_DOUBT,
                       "its supervisor is gone and left no record of how it ended");
    }
    rbk_buffer_fini(&memory);
}

static struct rbk_activity *find_asking(const struct exec *exec, enum activity_state state)
{
    struct rbk_activity *activity = exec->oldest;
    while (activity && !(activity->asks && activity->state == state))
        activity = activity->previous;
    return activity;
}

static bool link_on_absent(void *context)
{
    struct exec *exec = context;
    struct rbk_activity *activity;
    while (!exec->closing && (activity = find_asking(exec, QUEUED)))
        recover_from_disk(activity, false, false);
    if (exec->closing)
        return false;
    for (activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == QUEUED)
            return true;
    }
    return false;
}

/* ---- what the supervisor says ---------------------------------------------------------------- */

static bool on_ended(struct exec *exec, struct rbk_str fields)
{
    struct rbk_exec_ended ended;
    if (rbk_exec_read_ended(fields, &ended) != 0)
        return false;
    struct rbk_activity *activity = find_ticket(exec, ended.ticket);
    /* One that was given up after a long silence is of no interest. */
    if (activity && activity->state == SENT && !activity->asks)
        give_ended(activity, &ended);
    return true;
}

static bool on_answer(struct exec *exec, struct rbk_str fields)
{
    struct rbk_exec_answer answer;
    if (rbk_exec_read_answer(fields, &answer) != 0)
        return false;
    struct rbk_activity *activity = find_ticket(exec, answer.ticket);
    if (!activity || activity->state != SENT || !activity->asks)
        return true;
    switch (answer.state) {
    case RBK_EXEC_STATE_ENDED:
        give_ended(activity, &answer.ended);
        break;
    case RBK_EXEC_STATE_RUNNING:
        activity->asks = false;
        if (activity->cancelled) {
            write_name(exec, RBK_EXEC_CANCEL, activity);
            send_frames(exec);
        }
        exec->setup.callbacks.on_recovered(activity->owner, activity, RBK_RECOVERY_ATTACHED, NULL);
        break;
    default:
        recover_from_disk(activity, true, answer.state == RBK_EXEC_STATE_NEVER);
        break;
    }
    return true;
}

static bool link_on_message(void *context, enum rbk_exec_message kind, struct rbk_str fields)
{
    if (kind == RBK_EXEC_ENDED)
        return on_ended(context, fields);
    if (kind == RBK_EXEC_STATE)
        return on_answer(context, fields);
    return false;
}

static void finish_close(struct exec *exec);

static void link_on_failed(void *context, const char *why)
{
    struct exec *exec = context;
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == QUEUED)
            answer_later(activity, activity->asks ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL, why);
    }
}

static void link_on_lost(void *context)
{
    struct exec *exec = context;
    bool queued = false;
    rbk_buffer_clear(&exec->forgets);
    if (exec->leaving) {
        finish_close(exec);
        return;
    }
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == SENT && activity->asks)
            activity->state = QUEUED; /* asking again does no harm */
        else if (activity->state == SENT)
            answer_later(activity, RBK_OUTCOME_DOUBT,
                         "the supervisor ended while it ran: how it ended is not known");
        queued = queued || activity->state == QUEUED;
    }
    if (queued)
        rbk_exec_link_open(&exec->link);
}

static const struct rbk_exec_link_events link_events = {
    .on_absent = link_on_absent,
    .on_ready = link_on_ready,
    .on_message = link_on_message,
    .on_failed = link_on_failed,
    .on_lost = link_on_lost,
};

/* ---- the driver ------------------------------------------------------------------------------ */

/* The next activity that the timer is about; NULL: none. */
static struct rbk_activity *find_due(const struct exec *exec)
{
    uint64_t now = uv_now(exec->setup.loop);
    struct rbk_activity *activity = exec->oldest;
    while (activity && activity->state != ANSWERED && activity->silent_ms > now)
        activity = activity->previous;
    return activity;
}

static void on_timer(uv_timer_t *timer)
{
    struct exec *exec = RBK_CONTAINER_OF(timer, struct exec, timer);
    struct rbk_activity *activity;
    if (exec->leaving) {
        finish_close(exec);
        return;
    }
    while (!exec->closing && (activity = find_due(exec))) {
        enum rbk_recovery recovery = RBK_RECOVERY_UNKNOWN;
        enum rbk_outcome outcome = activity->outcome;
        if (activity->state != ANSWERED) {
            outcome = rbk_exec_is_reading(activity->request) ? RBK_OUTCOME_FAIL : RBK_OUTCOME_DOUBT;
            snprintf(activity->why, sizeof activity->why,
                     "the supervisor does not answer: how it ended is not known");
        }
        give_plain(activity, recovery, outcome, activity->why);
    }
    arm(exec);
}

/* A new activity at the front of the list, on its way. */
static int begin(struct exec *exec, const struct rbk_request *request, void *owner, bool asks,
                 struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    struct rbk_activity *activity = calloc(1, sizeof *activity);
    if (!activity || !(activity->request = rbk_request_copy(request))) {
        free(activity);
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    activity->exec = exec;
    activity->owner = owner;
    activity->asks = asks;
    activity->ticket = ++exec->tickets;
    activity->silent_ms = UINT64_MAX;
    activity->next = exec->activities;
    if (activity->next)
        activity->next->previous = activity;
    else
        exec->oldest = activity;
    exec->activities = activity;
    *ret_activity = activity;
    if (exec->link.state == RBK_EXEC_LINK_READY)
        dispatch(activity);
    else
        rbk_exec_link_open(&exec->link);
    return 0;
}

static int exec_start(struct rbk_driver *driver, const struct rbk_request *request, void *owner,
                      struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    struct exec *exec = (struct exec *)driver;
    RBK_ASSERT(!exec->closing);
    return begin(exec, request, owner, false, ret_activity, reterr);
}

static int exec_recover(struct rbk_driver *driver, const struct rbk_request *request,
                        RBK_UNUSED struct rbk_str note, void *owner,
                        struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    struct exec *exec = (struct exec *)driver;
    RBK_ASSERT(!exec->closing);
    return begin(exec, request, owner, true, ret_activity, reterr);
}

static void exec_cancel(struct rbk_activity *activity)
{
    struct exec *exec = activity->exec;
    if (activity->cancelled)
        return;
    activity->cancelled = true;
    if (activity->state == QUEUED && !activity->asks) {
        answer_later(activity, RBK_OUTCOME_FAIL, "cancelled before it began");
    } else if (activity->state == SENT && !activity->asks) {
        write_name(exec, RBK_EXEC_CANCEL, activity);
        send_frames(exec);
        uint64_t silent_ms = uv_now(exec->setup.loop) + SILENCE_MS;
        if (silent_ms < activity->silent_ms)
            activity->silent_ms = silent_ms;
        arm(exec);
    }
}

static void exec_forget(struct rbk_driver *driver, uint32_t serial)
{
    struct exec *exec = (struct exec *)driver;
    struct rbk_exec_name name = {.serial = serial};
    if (serial == 0)
        return;
    if (exec->disk_known)
        rbk_exec_record_remove(exec->directory, serial);
    if (exec->link.state != RBK_EXEC_LINK_READY)
        return;
    rbk_exec_write_name(&exec->forgets, RBK_EXEC_FORGET, &name);
    if (exec->forgets.bytes < FORGETS_BYTES / 2)
        return;
    rbk_exec_link_send(&exec->link, rbk_buffer_str(&exec->forgets));
    rbk_buffer_clear(&exec->forgets);
}

static void free_exec(struct exec *exec)
{
    rbk_buffer_fini(&exec->frames);
    rbk_buffer_fini(&exec->forgets);
    if (exec->directory >= 0)
        close(exec->directory);
    free(exec->run_directory);
    free(exec->plan_directory);
    free(exec);
}

static void timer_on_closed(uv_handle_t *handle)
{
    struct exec *exec = RBK_CONTAINER_OF(handle, struct exec, timer);
    void (*on_closed)(void *) = exec->on_closed;
    void *context = exec->closed_context;
    free_exec(exec);
    on_closed(context);
}

static void link_on_closed(void *context)
{
    struct exec *exec = context;
    uv_close((uv_handle_t *)&exec->timer, timer_on_closed);
}

static void finish_close(struct exec *exec)
{
    exec->leaving = false;
    rbk_exec_link_close(&exec->link, link_on_closed);
}

static void exec_close(struct rbk_driver *driver, bool leave, void (*on_closed)(void *context),
                       void *context)
{
    struct exec *exec = (struct exec *)driver;
    RBK_ASSERT(!exec->closing);
    exec->closing = true;
    exec->on_closed = on_closed;
    exec->closed_context = context;
    while (exec->activities) {
        struct rbk_activity *activity = exec->activities;
        unlink_activity(activity);
        free_activity(activity);
    }
    uv_timer_stop(&exec->timer);
    if (exec->link.state != RBK_EXEC_LINK_READY) {
        finish_close(exec);
        return;
    }
    struct rbk_exec_name name = {0};
    rbk_buffer_append_str(&exec->frames, rbk_buffer_str(&exec->forgets));
    if (!leave)
        rbk_exec_write_name(&exec->frames, RBK_EXEC_SHUTDOWN, &name);
    send_frames(exec);
    if (leave) {
        finish_close(exec);
        return;
    }
    exec->leaving = true;
    uv_timer_start(&exec->timer, on_timer, LEAVE_MS, 0);
}

static const struct rbk_driver_ops exec_ops = {
    .name = "exec",
    .start = exec_start,
    .cancel = exec_cancel,
    .recover = exec_recover,
    .forget = exec_forget,
    .close = exec_close,
};

/* Says on disk that no supervisor was ever started, unless something is said already. */
static int claim_fresh(struct exec *exec, struct rbk_error *reterr)
{
    struct rbk_supervisor_id id;
    if (!exec->setup.fresh ||
        rbk_supervisor_id_read(exec->directory, exec->setup.run, &id) != -RBK_ENOTFOUND)
        return 0;
    id = (struct rbk_supervisor_id){.state = RBK_SUPERVISOR_NONE};
    memcpy(id.process.boot, exec->link.boot, sizeof id.process.boot);
    int result = rbk_supervisor_id_write(exec->directory, exec->setup.run, &id);
    if (result == 0)
        return 0;
    return rbk_error_set(reterr, (enum rbk_err)-result, "cannot write to the run's directory \"%s\"",
                         exec->run_directory);
}

static int open_directories(struct exec *exec, struct rbk_error *reterr)
{
    struct stat stat;
    exec->run_directory = realpath(exec->setup.run_directory, NULL);
    if (!exec->run_directory)
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot use the run's directory \"%s\"",
                                    exec->setup.run_directory);
    exec->plan_directory = realpath(exec->setup.plan_directory, NULL);
    if (!exec->plan_directory)
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot use the plan's directory \"%s\"",
                                    exec->setup.plan_directory);
    exec->directory = open(exec->run_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exec->directory < 0 || fstat(exec->directory, &stat) != 0)
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot open the run's directory \"%s\"",
                                    exec->run_directory);
    if (stat.st_uid != geteuid() || (stat.st_mode & 022) != 0)
        return rbk_error_set(reterr, RBK_EDENIED,
                             "the run's directory \"%s\" can be written by others",
                             exec->run_directory);
    return 0;
}

int rbk_exec_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                  struct rbk_error *reterr)
{
    struct exec *exec = calloc(1, sizeof *exec);
    if (!exec)
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    exec->driver.ops = &exec_ops;
    exec->setup = *setup;
    exec->directory = -1;
    rbk_buffer_init(&exec->frames, RBK_EXEC_FRAME_BYTES_MAX + FORGETS_BYTES);
    rbk_buffer_init(&exec->forgets, FORGETS_BYTES);
    int result = open_directories(exec, reterr);
    if (result != 0)
        goto failed;
    exec->link.setup = &exec->setup;
    exec->link.events = &link_events;
    exec->link.context = exec;
    exec->link.run_directory = exec->run_directory;
    exec->link.directory = exec->directory;
    rbk_boot_id_read(exec->link.boot);
    result = claim_fresh(exec, reterr);
    if (result != 0)
        goto failed;
    /* From here on there are handles, which can only be closed by the loop; neither can fail. */
    result = rbk_exec_link_init(&exec->link, reterr);
    if (result != 0)
        goto failed;
    RBK_ASSERT(uv_timer_init(setup->loop, &exec->timer) == 0);
    *ret_driver = &exec->driver;
    return 0;
failed:
    free_exec(exec);
    return result;
}
