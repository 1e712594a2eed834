/*
 * What is said to the supervisor and what it answers: commands sent once the link is ready,
 * results, and the recovery of what a dead runner had started.
 */
#include "runtime/core/base/limits.h"
#include "runtime/drivers/exec_internal.h"
#include "runtime/drivers/exec_record.h"

#include <string.h>

/* ---- sending --------------------------------------------------------------------------------- */

void rbk_exec_write_name_of(struct exec *exec, enum rbk_exec_message kind,
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

void rbk_exec_send_frames(struct exec *exec)
{
    rbk_exec_link_send(&exec->link, rbk_buffer_str(&exec->frames));
    /* They hold secrets and may have been large. */
    if (exec->frames.capacity) {
        explicit_bzero(exec->frames.data, exec->frames.capacity);
    }
    if (exec->frames.capacity > RBK_EXEC_FORGETS_BYTES * 4) {
        rbk_buffer_fini(&exec->frames);
    } else {
        rbk_buffer_clear(&exec->frames);
    }
}

/* Sends a START or QUERY; the link is ready. */
void rbk_exec_dispatch(struct rbk_activity *activity)
{
    struct exec *exec = activity->exec;
    activity->silent_ms = rbk_exec_silent_ms(activity, activity->timeout_ms);
    rbk_buffer_append_str(&exec->frames, rbk_buffer_str(&exec->forgets));
    rbk_buffer_clear(&exec->forgets);
    if (activity->asks) {
        rbk_exec_write_name_of(exec, RBK_EXEC_QUERY, activity);
    } else {
        struct rbk_buffer why;
        rbk_buffer_init(&why, sizeof activity->why - 1);
        int result = rbk_exec_command_write(&exec->frames, activity->ticket, activity->request,
                                            exec->plan_directory, &why);
        if (result != 0) {
            exec->frames.error = 0; /* what was there before the frame is whole */
            rbk_exec_answer_later(activity, RBK_OUTCOME_FAIL,
                                  why.bytes ? why.data
                                  : result == -RBK_ELIMIT
                                      ? "the command and its input are too large"
                                      : "out of memory");
        }
        rbk_buffer_fini(&why);
    }
    rbk_exec_send_frames(exec);
    if (activity->state == QUEUED) {
        activity->state = SENT;
    }
    rbk_exec_arm(exec);
}

static bool link_on_ready_one(struct exec *exec)
{
    for (struct rbk_activity *activity = exec->oldest; activity; activity = activity->previous) {
        if (activity->state == QUEUED) {
            rbk_exec_dispatch(activity);
            return true;
        }
    }
    return false;
}

static void link_on_ready(void *context)
{
    struct exec *exec = context;
    while (exec->link.state == RBK_EXEC_LINK_READY && link_on_ready_one(exec)) {
    }
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
        rbk_exec_give_ended(activity, &ended);
    } else if (result != -RBK_ENOTFOUND) {
        rbk_exec_give_plain(activity, RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_DOUBT,
                            "the record of how it ended is damaged or not its own");
    } else {
        if (!living && rbk_supervisor_id_read(exec->directory, exec->setup.run, &id) == 0) {
            never = id.state != RBK_SUPERVISOR_SERVING && name.serial >= id.serial_min &&
                    exec->link.boot[0] && strcmp(id.process.boot, exec->link.boot) == 0;
        }
        if (never) {
            rbk_exec_give_plain(activity, RBK_RECOVERY_NOT_STARTED, RBK_OUTCOME_FAIL,
                                "it never began");
        } else {
            rbk_exec_end_orphans(activity);
            rbk_exec_give_plain(activity, RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_DOUBT,
                                "its supervisor is gone and left no record of how it ended");
        }
    }
    rbk_buffer_fini(&memory);
}

static struct rbk_activity *find_asking(const struct exec *exec, enum activity_state state)
{
    struct rbk_activity *activity = exec->oldest;
    while (activity && !(activity->asks && activity->state == state)) {
        activity = activity->previous;
    }
    return activity;
}

static bool link_on_absent(void *context)
{
    struct exec *exec = context;
    struct rbk_activity *activity;
    while (!exec->closing && (activity = find_asking(exec, QUEUED))) {
        recover_from_disk(activity, false, false);
    }
    if (exec->closing) {
        return false;
    }
    for (activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == QUEUED) {
            return true;
        }
    }
    return false;
}

/* ---- what the supervisor says ---------------------------------------------------------------- */

static bool on_ended(struct exec *exec, struct rbk_str fields)
{
    struct rbk_exec_ended ended;
    if (rbk_exec_read_ended(fields, &ended) != 0) {
        return false;
    }
    struct rbk_activity *activity = rbk_exec_find(exec, ended.ticket);
    /* One that was given up after a long silence is of no interest. */
    if (activity && activity->state == SENT && !activity->asks) {
        rbk_exec_give_ended(activity, &ended);
    }
    return true;
}

static bool on_answer(struct exec *exec, struct rbk_str fields)
{
    struct rbk_exec_answer answer;
    if (rbk_exec_read_answer(fields, &answer) != 0) {
        return false;
    }
    struct rbk_activity *activity = rbk_exec_find(exec, answer.ticket);
    if (!activity || activity->state != SENT || !activity->asks) {
        return true;
    }
    switch (answer.state) {
    case RBK_EXEC_STATE_ENDED:
        rbk_exec_give_ended(activity, &answer.ended);
        break;
    case RBK_EXEC_STATE_RUNNING:
        activity->asks = false;
        if (activity->cancelled) {
            rbk_exec_write_name_of(exec, RBK_EXEC_CANCEL, activity);
            rbk_exec_send_frames(exec);
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
    if (kind == RBK_EXEC_ENDED) {
        return on_ended(context, fields);
    }
    if (kind == RBK_EXEC_STATE) {
        return on_answer(context, fields);
    }
    return false;
}

static void link_on_failed(void *context, const char *why)
{
    struct exec *exec = context;
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == QUEUED) {
            rbk_exec_answer_later(activity, activity->asks ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL,
                                  why);
        }
    }
}

static void link_on_lost(void *context)
{
    struct exec *exec = context;
    bool queued = false;
    rbk_buffer_clear(&exec->forgets);
    if (exec->leaving) {
        rbk_exec_finish_close(exec);
        return;
    }
    rbk_exec_end_all_orphans(exec);
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        if (activity->state == SENT && activity->asks) {
            activity->state = QUEUED; /* asking again does no harm */
        } else if (activity->state == SENT) {
            rbk_exec_answer_later(activity, RBK_OUTCOME_DOUBT,
                                  "the supervisor ended while it ran: how it ended is not known");
        }
        queued = queued || activity->state == QUEUED;
    }
    if (queued) {
        rbk_exec_link_open(&exec->link);
    }
}

const struct rbk_exec_link_events rbk_exec_events = {
    .on_absent = link_on_absent,
    .on_ready = link_on_ready,
    .on_message = link_on_message,
    .on_failed = link_on_failed,
    .on_lost = link_on_lost,
};
