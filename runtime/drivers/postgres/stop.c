/*
 * The ends nobody wishes for: deadline, cancel, a lost connection, a dead runner. Each has to say
 * truthfully whether the statements took effect, or that it cannot be known.
 */
#include "runtime/core/stop_times.h"
#include "runtime/drivers/postgres/task.h"

#include <stdlib.h>
#include <string.h>

/* How long the server may take to answer a cancel before its backend is ended, and how long ending
 * it may take; beyond the deadline, both. */
#define CANCEL_WAIT_MS RBK_STOP_POSTGRES_CANCEL_MS
#define KILL_WAIT_MS RBK_STOP_POSTGRES_KILL_MS
/* The least time for finding out whether a COMMIT happened, however near the deadline is; the most
 * when the run turns round and waits for it. */
#define COMMIT_WAIT_MS RBK_STOP_POSTGRES_COMMIT_MS

void rbk_postgres_end(struct rbk_postgres_task *self, enum rbk_outcome outcome)
{
    rbk_postgres_link_close(self->link);
    self->link = NULL;
    rbk_postgres_inquiry_close(self->inquiry);
    self->inquiry = NULL;
    if (outcome != RBK_OUTCOME_OK) {
        self->task.value.missing = true;
    }
    rbk_task_answer(&self->task, outcome);
}

/* Gives what the statements gave: from the note, after a crash. */
static void restore_value(struct rbk_postgres_task *self)
{
    if (self->note.value &&
        !rbk_task_set_scalar(&self->task,
                             (struct rbk_str){self->note.value, self->note.value_bytes})) {
        rbk_task_detail(&self->task, "its value is larger than this request may carry");
    }
}

static void end_recovery(struct rbk_postgres_task *self, enum rbk_postgres_fate fate,
                         const char *reason)
{
    struct rbk_task *task = &self->task;
    bool commit_sent = self->note.identity.pid != 0;
    enum rbk_recovery recovery = RBK_RECOVERY_UNKNOWN;
    rbk_task_message(task, "%s", reason);
    if (task->request->autocommit) {
        rbk_task_message(task, "statements outside a transaction leave no trace of their own");
    } else if (fate == RBK_POSTGRES_FATE_COMMITTED) {
        recovery = RBK_RECOVERY_KNOWN;
        restore_value(self);
    } else if (fate == RBK_POSTGRES_FATE_ABORTED) {
        recovery = RBK_RECOVERY_NOT_STARTED;
    } else if (!commit_sent) {
        /* True even where the server cannot be asked: nobody is left who could send COMMIT. */
        rbk_task_detail(task, "%s", reason);
        rbk_task_message(task, "its COMMIT was never sent");
        recovery = RBK_RECOVERY_NOT_STARTED;
    }
    rbk_postgres_inquiry_close(self->inquiry);
    self->inquiry = NULL;
    rbk_task_answer_recovered(task, recovery, RBK_OUTCOME_OK);
}

static void on_fate(void *owner, enum rbk_postgres_fate fate, const char *reason)
{
    struct rbk_postgres_task *self = owner;
    struct rbk_task *task = &self->task;
    bool gone = fate != RBK_POSTGRES_FATE_UNKNOWN;
    switch (self->settlement) {
    case RBK_POSTGRES_SETTLE_RECOVERY:
        end_recovery(self, fate, reason);
        return;
    case RBK_POSTGRES_SETTLE_FAIL:
        rbk_task_detail(task, "%s", reason);
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    case RBK_POSTGRES_SETTLE_DOUBT:
        rbk_task_detail(task, "%s", reason);
        rbk_postgres_end(self, RBK_OUTCOME_DOUBT);
        return;
    case RBK_POSTGRES_SETTLE_STOP:
        rbk_task_detail(task, "the server did not answer the cancel request; %s", reason);
        rbk_postgres_end(self, gone ? rbk_task_stopped(task) : RBK_OUTCOME_DOUBT);
        return;
    case RBK_POSTGRES_SETTLE_COMMIT:
        rbk_task_detail(task, "the answer to COMMIT did not arrive; %s", reason);
        if (fate == RBK_POSTGRES_FATE_COMMITTED) {
            rbk_task_message(task, "committed, though the connection was lost");
            rbk_postgres_end(self, RBK_OUTCOME_OK);
        } else if (fate == RBK_POSTGRES_FATE_ABORTED) {
            rbk_task_message(task, "the connection was lost and the transaction rolled back");
            rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        } else {
            rbk_task_message(task, "COMMIT was sent, and what became of it is not known: %s",
                             reason);
            rbk_postgres_end(self, RBK_OUTCOME_DOUBT);
        }
        return;
    }
}

void rbk_postgres_settle(struct rbk_postgres_task *self, enum rbk_postgres_settlement settlement,
                         bool by_name)
{
    struct rbk_task *task = &self->task;
    uint64_t left_ms = rbk_task_left_ms(task);
    struct rbk_postgres_question question = {
        .request = task->request, .by_name = by_name, .limit_ms = KILL_WAIT_MS};
    if (settlement == RBK_POSTGRES_SETTLE_COMMIT) {
        bool waits = task->stop == RBK_TASK_STOP_NONE && left_ms > COMMIT_WAIT_MS;
        question.limit_ms = waits ? left_ms : COMMIT_WAIT_MS;
    } else if (settlement == RBK_POSTGRES_SETTLE_RECOVERY) {
        question.limit_ms = left_ms;
    }
    if (self->note.identity.pid != 0) {
        question.note = &self->note;
    }
    rbk_postgres_link_close(self->link);
    self->link = NULL;
    self->phase = RBK_POSTGRES_SETTLING;
    self->settlement = settlement;
    if (rbk_postgres_inquire(task->driver, &question, on_fate, self, &self->inquiry) != 0) {
        on_fate(self, RBK_POSTGRES_FATE_UNKNOWN, "out of memory");
    }
}

void rbk_postgres_take_loss(struct rbk_postgres_task *self)
{
    struct rbk_task *task = &self->task;
    if (task->request->reading) {
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    switch (self->phase) {
    case RBK_POSTGRES_COMMITTING:
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_COMMIT, false);
        return;
    case RBK_POSTGRES_CONNECTING:
    case RBK_POSTGRES_IDENTIFYING:
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    default:
        break;
    }
    if (task->request->autocommit && self->phase == RBK_POSTGRES_WORKING) {
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_DOUBT, false);
    } else if (task->stop != RBK_TASK_STOP_NONE) {
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_STOP, false);
    } else {
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_FAIL, false);
    }
}

static void on_cancel_unanswered(struct rbk_task *task)
{
    struct rbk_postgres_task *self = rbk_postgres_task_of(task);
    if (self->phase == RBK_POSTGRES_SETTLING) {
        return;
    }
    if (self->phase == RBK_POSTGRES_COMMITTING) {
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_COMMIT, false);
    } else if (task->request->reading) {
        rbk_postgres_end(self, rbk_task_stopped(task));
    } else {
        rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_STOP, false);
    }
}

void rbk_postgres_stop(struct rbk_task *task)
{
    struct rbk_postgres_task *self = rbk_postgres_task_of(task);
    if (task->stop == RBK_TASK_STOP_CLOSE) {
        rbk_postgres_end(self, RBK_OUTCOME_FAIL);
        return;
    }
    switch (self->phase) {
    case RBK_POSTGRES_CONNECTING:
    case RBK_POSTGRES_IDENTIFYING:
        rbk_postgres_end(self, rbk_task_stopped(task)); /* nothing of the plan was sent */
        break;
    case RBK_POSTGRES_NOTING:
        self->phase = RBK_POSTGRES_UNDOING;
        rbk_postgres_link_send(self->link, "ROLLBACK");
        rbk_task_arm(task, CANCEL_WAIT_MS, on_cancel_unanswered);
        break;
    case RBK_POSTGRES_SETTLING:
        if (self->settlement == RBK_POSTGRES_SETTLE_RECOVERY) {
            rbk_postgres_inquiry_close(self->inquiry);
            self->inquiry = NULL;
            (void)rbk_task_stopped(task);
            on_fate(self, RBK_POSTGRES_FATE_UNKNOWN, "the server could not be asked in time");
        }
        break;                    /* the inquiry has a limit of its own */
    case RBK_POSTGRES_COMMITTING: /* too late to be stopped; its answer counts */
        rbk_task_arm(task, CANCEL_WAIT_MS, on_cancel_unanswered);
        break;
    default:
        if (rbk_postgres_link_connection(self->link)) {
            rbk_postgres_cancel(rbk_postgres_driver_of(self)->cancels,
                                rbk_postgres_link_connection(self->link));
        }
        rbk_task_arm(task, CANCEL_WAIT_MS, on_cancel_unanswered);
        break;
    }
}

void rbk_postgres_begin_recovery(struct rbk_postgres_task *self)
{
    struct rbk_task *task = &self->task;
    if (self->journalled) {
        int error = rbk_postgres_note_read(rbk_str_from(self->journalled), &self->note);
        if (error || self->note.identity.pid == 0) {
            rbk_task_message(task, "the journalled note cannot be read");
            rbk_task_answer_recovered(task, RBK_RECOVERY_UNKNOWN, RBK_OUTCOME_FAIL);
            return;
        }
    }
    rbk_postgres_settle(self, RBK_POSTGRES_SETTLE_RECOVERY, true);
}
