/*
 * Activities: their list, their one timer, their ends. The deadline of a command is the
 * supervisor's; the timer here is longer and only notices that the supervisor says nothing any
 * more. Then it is ended, unless only a reading waits for it: one that hangs would keep the run for
 * ever, and what it runs.
 */
#include "runtime/drivers/exec_internal.h"
#include "runtime/drivers/process_mark.h"
#include "runtime/drivers/request.h"

#include <stdio.h>
#include <stdlib.h>

/* Commands whose processes are looked for in one search. */
#define OWNERS_AT_ONCE 64

void rbk_exec_unlink(struct rbk_activity *activity)
{
    struct exec *exec = activity->exec;
    if (activity->next) {
        activity->next->previous = activity->previous;
    } else {
        exec->oldest = activity->previous;
    }
    if (activity->previous) {
        activity->previous->next = activity->next;
    } else {
        exec->activities = activity->next;
    }
}

void rbk_exec_free(struct rbk_activity *activity)
{
    rbk_request_free(activity->request);
    free(activity);
}

struct rbk_activity *rbk_exec_find(const struct exec *exec, uint64_t ticket)
{
    struct rbk_activity *activity = exec->activities;
    while (activity && activity->ticket != ticket) {
        activity = activity->next;
    }
    return activity;
}

uint64_t rbk_exec_silent_ms(const struct rbk_activity *activity, uint64_t left_ms)
{
    uint64_t now = uv_now(activity->exec->setup.loop);
    uint64_t stop_ms =
        activity->request->cancel_word_count != 0 ? RBK_STOP_EXEC_WITH_CANCEL_MS : RBK_STOP_EXEC_MS;
    uint64_t more_ms = now + stop_ms + RBK_EXEC_DELAY_MS;
    return left_ms > UINT64_MAX - more_ms ? UINT64_MAX : left_ms + more_ms;
}

void rbk_exec_end_orphans(const struct rbk_activity *activity)
{
    const struct rbk_request *request = activity->request;
    const struct rbk_process_owner owner = {.step = request->step, .key = request->key};
    if (!rbk_exec_is_reading(request)) {
        rbk_process_end_marked(activity->exec->setup.run, activity->exec->run_directory, &owner, 1);
    }
}

void rbk_exec_end_all_orphans(const struct exec *exec)
{
    struct rbk_process_owner owners[OWNERS_AT_ONCE];
    size_t count = 0;
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        const struct rbk_request *request = activity->request;
        if (activity->state != SENT || activity->asks || rbk_exec_is_reading(request)) {
            continue;
        }
        owners[count++] = (struct rbk_process_owner){.step = request->step, .key = request->key};
        if (count == OWNERS_AT_ONCE) {
            rbk_process_end_marked(exec->setup.run, exec->run_directory, owners, count);
            count = 0;
        }
    }
    rbk_process_end_marked(exec->setup.run, exec->run_directory, owners, count);
}

/* Arms the one timer for what comes first: an answer that is due now, or a silence. */
void rbk_exec_arm(struct exec *exec)
{
    uint64_t due = UINT64_MAX;
    for (struct rbk_activity *activity = exec->activities; activity; activity = activity->next) {
        uint64_t at = activity->state == ANSWERED ? 0 : activity->silent_ms;
        if (at < due) {
            due = at;
        }
    }
    uint64_t now = uv_now(exec->setup.loop);
    if (exec->closing) {
        return;
    }
    if (due == UINT64_MAX) {
        uv_timer_stop(&exec->timer);
    } else if (!uv_is_active((uv_handle_t *)&exec->timer) ||
               now + uv_timer_get_due_in(&exec->timer) > due) {
        uv_timer_start(&exec->timer, rbk_exec_on_timer, due > now ? due - now : 0, 0);
    }
}

/* Answers on the next turn of the loop. */
void rbk_exec_answer_later(struct rbk_activity *activity, enum rbk_outcome outcome, const char *why)
{
    bool reading = rbk_exec_is_reading(activity->request);
    activity->state = ANSWERED;
    activity->outcome = outcome == RBK_OUTCOME_DOUBT && reading ? RBK_OUTCOME_FAIL : outcome;
    snprintf(activity->why, sizeof activity->why, "%s", why);
    rbk_exec_arm(activity->exec);
}

/* The end of an activity: the one place that calls the executor back with a result. */
static void give(struct rbk_activity *activity, enum rbk_recovery recovery,
                 const struct rbk_result *result)
{
    const struct rbk_driver_callbacks *callbacks = &activity->exec->setup.callbacks;
    rbk_exec_unlink(activity);
    if (!activity->exec->activities) {
        uv_timer_stop(&activity->exec->timer);
    }
    if (activity->asks) {
        callbacks->on_recovered(activity->owner, activity, recovery, result);
    } else {
        callbacks->on_result(activity->owner, activity, result);
    }
    rbk_exec_free(activity);
}

void rbk_exec_give_ended(struct rbk_activity *activity, const struct rbk_exec_ended *ended)
{
    struct exec *exec = activity->exec;
    struct rbk_exec_result result;
    rbk_exec_result_init(&result, activity->request, ended, exec->run_directory, exec->directory);
    give(activity,
         result.result.outcome == RBK_OUTCOME_DOUBT ? RBK_RECOVERY_UNKNOWN : RBK_RECOVERY_KNOWN,
         &result.result);
    rbk_exec_result_fini(&result);
}

void rbk_exec_give_plain(struct rbk_activity *activity, enum rbk_recovery recovery,
                         enum rbk_outcome outcome, const char *why)
{
    struct exec *exec = activity->exec;
    struct rbk_exec_result result;
    /* Whatever was given to an earlier supervisor, the next one must promise nothing about it. */
    if (activity->asks && recovery == RBK_RECOVERY_UNKNOWN &&
        exec->link.serial_min <= activity->request->serial) {
        exec->link.serial_min = activity->request->serial + 1;
    }
    rbk_exec_result_init_plain(&result, outcome, why);
    if (activity->cancelled && outcome == RBK_OUTCOME_FAIL) {
        result.result.cancelled = true;
    }
    give(activity, recovery, &result.result);
    rbk_exec_result_fini(&result);
}

/* The next activity that the timer is about; NULL: none. */
static struct rbk_activity *find_due(const struct exec *exec)
{
    uint64_t now = uv_now(exec->setup.loop);
    struct rbk_activity *activity = exec->oldest;
    /* What was given is out of the list, both ways: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    while (activity && activity->state != ANSWERED && activity->silent_ms > now) {
        activity = activity->previous;
    }
    return activity;
}

void rbk_exec_on_timer(uv_timer_t *timer)
{
    struct exec *exec = RBK_CONTAINER_OF(timer, struct exec, timer);
    struct rbk_activity *activity;
    if (exec->leaving) {
        rbk_exec_finish_close(exec);
        return;
    }
    while (!exec->closing && (activity = find_due(exec))) {
        if (activity->state == ANSWERED) {
            rbk_exec_give_plain(activity, RBK_RECOVERY_UNKNOWN, activity->outcome, activity->why);
            continue;
        }
        if (!activity->late) {
            activity->late = true;
            activity->silent_ms = uv_now(exec->setup.loop) + RBK_EXEC_LAST_LOOK_MS;
            continue;
        }
        rbk_exec_answer_later(activity, RBK_OUTCOME_DOUBT,
                              "the supervisor does not answer: how it ended is not known");
        /* Whatever else it runs ends in doubt with it, when the link is lost. For a reading's sake
         * that is too much: a disk that stalls for long may stall it, and a restore must not be
         * killed because a probe was not read. */
        if (!rbk_exec_is_reading(activity->request)) {
            rbk_exec_link_end(&exec->link);
            rbk_exec_end_orphans(activity);
        }
    }
    rbk_exec_arm(exec);
}
