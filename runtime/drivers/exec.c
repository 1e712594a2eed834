/*
 * The driver of commands: opening, closing and its operations. See exec_internal.h.
 */
#include "runtime/drivers/exec.h"
#include "runtime/core/base/assert.h"
#include "runtime/drivers/exec_internal.h"
#include "runtime/drivers/exec_record.h"
#include "runtime/drivers/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a supervisor may take to leave after SHUTDOWN. */
#define LEAVE_MS ((uint64_t)RBK_STOP_EXEC_WITH_CANCEL_MS + RBK_EXEC_DELAY_MS)

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
    activity->timeout_ms = request->timeout_ms;
    if (asks) {
        activity->request->timeout_ms = 0; /* what is left of it: not what it was given */
    }
    activity->silent_ms = UINT64_MAX;
    activity->next = exec->activities;
    if (activity->next) {
        activity->next->previous = activity;
    } else {
        exec->oldest = activity;
    }
    exec->activities = activity;
    *ret_activity = activity;
    if (exec->link.state == RBK_EXEC_LINK_READY) {
        rbk_exec_dispatch(activity);
    } else {
        rbk_exec_link_open(&exec->link);
    }
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
    if (activity->cancelled) {
        return;
    }
    activity->cancelled = true;
    if (activity->state == QUEUED && !activity->asks) {
        rbk_exec_answer_later(activity, RBK_OUTCOME_FAIL, "cancelled before it began");
    } else if (activity->state == SENT && !activity->asks) {
        rbk_exec_write_name_of(exec, RBK_EXEC_CANCEL, activity);
        rbk_exec_send_frames(exec);
        uint64_t silent_ms = rbk_exec_silent_ms(activity, 0);
        if (silent_ms < activity->silent_ms) {
            activity->silent_ms = silent_ms;
        }
        rbk_exec_arm(exec);
    }
}

static void exec_forget(struct rbk_driver *driver, uint32_t serial)
{
    struct exec *exec = (struct exec *)driver;
    struct rbk_exec_name name = {.serial = serial};
    if (serial == 0) {
        return;
    }
    if (exec->disk_known) {
        rbk_exec_record_remove(exec->directory, serial);
    }
    if (exec->link.state != RBK_EXEC_LINK_READY) {
        return;
    }
    rbk_exec_write_name(&exec->forgets, RBK_EXEC_FORGET, &name);
    if (exec->forgets.bytes < RBK_EXEC_FORGETS_BYTES / 2) {
        return;
    }
    rbk_exec_link_send(&exec->link, rbk_buffer_str(&exec->forgets));
    rbk_buffer_clear(&exec->forgets);
}

static void free_exec(struct exec *exec)
{
    rbk_buffer_fini(&exec->frames);
    rbk_buffer_fini(&exec->forgets);
    if (exec->directory >= 0) {
        close(exec->directory);
    }
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

void rbk_exec_finish_close(struct exec *exec)
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
        rbk_exec_unlink(activity);
        rbk_exec_free(activity);
    }
    uv_timer_stop(&exec->timer);
    if (exec->link.state != RBK_EXEC_LINK_READY) {
        rbk_exec_finish_close(exec);
        return;
    }
    struct rbk_exec_name name = {0};
    rbk_buffer_append_str(&exec->frames, rbk_buffer_str(&exec->forgets));
    if (!leave) {
        rbk_exec_write_name(&exec->frames, RBK_EXEC_SHUTDOWN, &name);
    }
    rbk_exec_send_frames(exec);
    if (leave) {
        rbk_exec_finish_close(exec);
        return;
    }
    exec->leaving = true;
    uv_timer_start(&exec->timer, rbk_exec_on_timer, LEAVE_MS, 0);
}

static const struct rbk_driver_ops exec_ops = {
    .name = "exec",
    .start = exec_start,
    .cancel = exec_cancel,
    .recover = exec_recover,
    .forget = exec_forget,
    .close = exec_close,
};

int rbk_exec_claim(const char *run_directory, const char *run, struct rbk_error *reterr)
{
    struct rbk_supervisor_id id;
    int directory = open(run_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return rbk_error_set_system(reterr, RBK_EIO, errno,
                                    "cannot open the run's directory \"%s\"", run_directory);
    }
    int result = rbk_supervisor_id_read(directory, run, &id) == -RBK_ENOTFOUND ? 0 : -RBK_EEXISTS;
    if (result == 0) {
        id = (struct rbk_supervisor_id){.state = RBK_SUPERVISOR_NONE};
        rbk_boot_id_read(id.process.boot);
        result = rbk_supervisor_id_write(directory, run, &id);
    }
    close(directory);
    return result == 0 ? 0
                       : rbk_error_set(reterr, (enum rbk_err) - result,
                                       "cannot claim the run's directory \"%s\": %s", run_directory,
                                       rbk_error_text(result));
}

static int open_directories(struct exec *exec, struct rbk_error *reterr)
{
    struct stat stat;
    exec->run_directory = realpath(exec->setup.run_directory, NULL);
    if (!exec->run_directory) {
        return rbk_error_set_system(reterr, RBK_EIO, errno, "cannot use the run's directory \"%s\"",
                                    exec->setup.run_directory);
    }
    exec->plan_directory = realpath(exec->setup.plan_directory, NULL);
    if (!exec->plan_directory) {
        return rbk_error_set_system(reterr, RBK_EIO, errno,
                                    "cannot use the plan's directory \"%s\"",
                                    exec->setup.plan_directory);
    }
    exec->directory = open(exec->run_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exec->directory < 0 || fstat(exec->directory, &stat) != 0) {
        return rbk_error_set_system(reterr, RBK_EIO, errno,
                                    "cannot open the run's directory \"%s\"", exec->run_directory);
    }
    if (stat.st_uid != geteuid() || (stat.st_mode & 022) != 0) {
        return rbk_error_set(reterr, RBK_EDENIED,
                             "the run's directory \"%s\" can be written by others",
                             exec->run_directory);
    }
    return 0;
}

int rbk_exec_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                  struct rbk_error *reterr)
{
    struct exec *exec = calloc(1, sizeof *exec);
    if (!exec) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    exec->driver.ops = &exec_ops;
    exec->setup = *setup;
    exec->directory = -1;
    rbk_buffer_init(&exec->frames, RBK_EXEC_FRAME_BYTES_MAX + RBK_EXEC_FORGETS_BYTES);
    rbk_buffer_init(&exec->forgets, RBK_EXEC_FORGETS_BYTES);
    int result = open_directories(exec, reterr);
    if (result != 0) {
        goto failed;
    }
    exec->link.setup = &exec->setup;
    exec->link.events = &rbk_exec_events;
    exec->link.context = exec;
    exec->link.run_directory = exec->run_directory;
    exec->link.directory = exec->directory;
    rbk_boot_id_read(exec->link.boot);
    /* From here on there are handles, which can only be closed by the loop; neither can fail. */
    result = rbk_exec_link_init(&exec->link, reterr);
    if (result != 0) {
        goto failed;
    }
    RBK_ASSERT(uv_timer_init(setup->loop, &exec->timer) == 0);
    *ret_driver = &exec->driver;
    return 0;
failed:
    free_exec(exec);
    return result;
}
