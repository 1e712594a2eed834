/*
 * The loop's half: SQLite blocks, so each request is work for libuv's pool (sqlite_job.c).
 *
 *   WAITING ──start_work()──▶ WORKING ──on_worked()──▶ answered
 *      └─ stop(): answered       └─ stop(): told to give up; on_grace_over(): answered as DOUBT
 *
 * Two threads of the pool at most per file: effects wait for effects and readings for readings, or
 * a few requests that wait for one lock would take up the whole pool.
 */
#include "runtime/drivers/sql_sqlite.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/stop_times.h"
#include "runtime/drivers/sqlite_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a thread may take to notice that it has to stop, before the result is in doubt. */
#define GRACE_MS RBK_STOP_SQLITE_MS

struct sqlite_task {
    struct rbk_task task; /* first: struct rbk_activity is this address */
    uv_work_t work;
    struct rbk_sqlite_job job;
    char *path; /* owned */
    bool working;
};

static void start_next(struct rbk_task_driver *driver, const struct sqlite_task *ended);

static struct sqlite_task *sqlite_of(struct rbk_task *task)
{
    return RBK_CONTAINER_OF(task, struct sqlite_task, task);
}

/* The file's path: the address without its scheme, below the plan's directory. NULL: no memory. */
static char *path_of(const struct rbk_driver_setup *setup, struct rbk_str address)
{
    if (rbk_str_starts(address, RBK_STR("sqlite:"))) {
        address = rbk_str_slice(address, strlen("sqlite:"), address.bytes);
        if (rbk_str_starts(address, RBK_STR("//"))) {
            address = rbk_str_slice(address, 2, address.bytes);
        }
    }
    bool absolute = address.bytes > 0 && address.data[0] == '/';
    const char *directory = setup->plan_directory && !absolute ? setup->plan_directory : "";
    const char *slash = *directory ? "/" : "";
    char *path = NULL;
    if (asprintf(&path, "%s%s%.*s", directory, slash, RBK_STR_ARG(address)) < 0) {
        return NULL;
    }
    return path;
}

static void on_work(uv_work_t *work)
{
    struct sqlite_task *self = RBK_CONTAINER_OF(work, struct sqlite_task, work);
    rbk_sqlite_job_run(&self->job);
}

static void on_worked(uv_work_t *work, int status)
{
    (void)status; /* the work is never cancelled: it is told to give up */
    struct sqlite_task *self = RBK_CONTAINER_OF(work, struct sqlite_task, work);
    struct rbk_task *task = &self->task;
    self->working = false;
    if (!task->answered && task->recovering) {
        rbk_task_answer_recovered(task, self->job.recovery, self->job.outcome);
    } else if (!task->answered) {
        rbk_task_answer(task, self->job.outcome);
    }
    start_next(task->driver, self);
    rbk_task_release(task);
}

static bool same_lane(const struct sqlite_task *a, const struct sqlite_task *b)
{
    return a->task.request->reading == b->task.request->reading && a->path && b->path &&
           strcmp(a->path, b->path) == 0;
}

static bool lane_is_busy(const struct sqlite_task *self)
{
    for (struct rbk_task *task = self->task.driver->tasks; task; task = task->next) {
        if (sqlite_of(task)->working && same_lane(sqlite_of(task), self)) {
            return true;
        }
    }
    return false;
}

static void start_work(struct sqlite_task *self)
{
    struct rbk_task *task = &self->task;
    self->job.task = task;
    self->job.path = self->path;
    self->job.deadline_ns = task->started_ns + task->request->timeout_ms * 1000000;
    atomic_init(&self->job.stop, RBK_TASK_STOP_NONE);
    self->job.outcome = RBK_OUTCOME_FAIL;
    self->job.recovery = RBK_RECOVERY_UNKNOWN;
    self->working = true;
    rbk_task_hold(task);
    RBK_ASSERT(uv_queue_work(task->driver->setup->loop, &self->work, on_work, on_worked) == 0);
}

/* The oldest request that waited for the file. The list has the newest first. */
static void start_next(struct rbk_task_driver *driver, const struct sqlite_task *ended)
{
    struct sqlite_task *oldest = NULL;
    for (struct rbk_task *task = driver->tasks; task; task = task->next) {
        struct sqlite_task *self = sqlite_of(task);
        if (task->begun && !task->answered && !self->working && same_lane(self, ended)) {
            oldest = self;
        }
    }
    if (oldest && !lane_is_busy(oldest)) {
        start_work(oldest);
    }
}

static void begin(struct rbk_task *task)
{
    struct sqlite_task *self = sqlite_of(task);
    self->path = path_of(task->driver->setup, task->request->address);
    if (!self->path) {
        rbk_task_message(task, "out of memory");
        rbk_task_answer(task, RBK_OUTCOME_FAIL);
        return;
    }
    if (!lane_is_busy(self)) {
        start_work(self);
    }
}

static void on_grace_over(struct rbk_task *task)
{
    if (task->request->reading || task->recovering) {
        rbk_task_answer_text(task, RBK_OUTCOME_TIMEOUT,
                             "timed out; the disk does not answer either");
    } else {
        rbk_task_answer_text(task, RBK_OUTCOME_DOUBT,
                             "the disk does not answer, so the statements cannot be stopped");
    }
}

static void stop(struct rbk_task *task)
{
    struct sqlite_task *self = sqlite_of(task);
    if (self->working) {
        atomic_store(&self->job.stop, (int)task->stop);
        if (task->stop == RBK_TASK_STOP_CLOSE) {
            rbk_task_answer_text(task, RBK_OUTCOME_FAIL, "");
        } else {
            rbk_task_arm(task, GRACE_MS, on_grace_over);
        }
    } else {
        rbk_task_answer(task, rbk_task_stopped(task));
    }
}

static void destroy(struct rbk_task *task)
{
    struct sqlite_task *self = sqlite_of(task);
    free(self->path);
    free(self);
}

static const struct rbk_task_ops task_ops = {
    .bytes = sizeof(struct sqlite_task), .begin = begin, .stop = stop, .destroy = destroy};

static int sqlite_start(struct rbk_driver *driver, const struct rbk_request *request, void *owner,
                        struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    return rbk_task_start(driver, &task_ops, request, false, owner, ret_activity, reterr);
}

static int sqlite_recover(struct rbk_driver *driver, const struct rbk_request *request,
                          struct rbk_str note, void *owner, struct rbk_activity **ret_activity,
                          struct rbk_error *reterr)
{
    (void)note; /* the receipt knows */
    return rbk_task_start(driver, &task_ops, request, true, owner, ret_activity, reterr);
}

static void sqlite_close(struct rbk_driver *driver, bool leave, void (*on_closed)(void *context),
                         void *context)
{
    (void)leave;
    rbk_task_driver_close(rbk_task_driver_of(driver), on_closed, context);
}

static const struct rbk_driver_ops ops = {
    .name = "sql_sqlite",
    .start = sqlite_start,
    .cancel = rbk_task_cancel,
    .proceed = rbk_task_proceed,
    .recover = sqlite_recover,
    .close = sqlite_close,
};

static void destroy_driver(struct rbk_task_driver *driver)
{
    free(driver);
}

int rbk_sql_sqlite_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                        struct rbk_error *reterr)
{
    struct rbk_task_driver *driver = malloc(sizeof(*driver));
    if (!driver) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for the SQLite driver");
    }
    rbk_task_driver_init(driver, &ops, setup, destroy_driver);
    *ret_driver = &driver->base;
    return 0;
}
