/*
 * One timer per task serves three purposes, one after the other: the first turn (begin), the
 * deadline, and whatever the driver needs while it stops the task.
 *
 * Invariants: a task is on its driver's list from init to its last release; the timer holds the
 * task until the answer closes it; no callback of the executor runs inside start(), cancel(),
 * proceed(), nor any after close().
 */
#include "runtime/drivers/task.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/drivers/redact.h"
#include "runtime/drivers/request.h"

#include <stdlib.h>
#include <string.h>

#define TASK_MAGIC 0x7461736bU
#define DETAIL_BYTES_MAX ((size_t)32 << 10)
/* The least time to find out what became of an effect, whatever is left of its own. */
#define RECOVERY_MS_MIN 5000
/* Ten years; so that no sum of times overflows. */
#define TIMEOUT_MS_MAX ((uint64_t)3650 * 86400 * 1000)

void rbk_task_driver_init(struct rbk_task_driver *driver, const struct rbk_driver_ops *ops,
                          const struct rbk_driver_setup *setup,
                          void (*destroy)(struct rbk_task_driver *driver))
{
    *driver = (struct rbk_task_driver){.base = {.ops = ops}, .setup = setup, .destroy = destroy};
}

struct rbk_task_driver *rbk_task_driver_of(struct rbk_driver *driver)
{
    return RBK_CONTAINER_OF(driver, struct rbk_task_driver, base);
}

void rbk_task_driver_hold(struct rbk_task_driver *driver)
{
    driver->holds++;
}

static void on_closer_closed(uv_handle_t *handle)
{
    struct rbk_task_driver *driver = RBK_CONTAINER_OF(handle, struct rbk_task_driver, closer);
    void (*on_closed)(void *) = driver->on_closed;
    void *context = driver->closed_context;
    driver->destroy(driver);
    if (on_closed) {
        on_closed(context);
    }
}

void rbk_task_driver_release(struct rbk_task_driver *driver)
{
    RBK_ASSERT(driver->holds > 0);
    driver->holds--;
    if (driver->holds == 0 && driver->closing && !driver->freeing) {
        driver->freeing = true;
        uv_close((uv_handle_t *)&driver->closer, on_closer_closed);
    }
}

/* The stop of a closing driver: the task lets go, and its answer is given to nobody. */
static void close_task(struct rbk_task *task)
{
    if (task->answered) {
        return;
    }
    task->stop = RBK_TASK_STOP_CLOSE;
    if (task->begun) {
        task->ops->stop(task);
    } else {
        rbk_task_answer(task, RBK_OUTCOME_FAIL);
    }
}

void rbk_task_driver_close(struct rbk_task_driver *driver, void (*on_closed)(void *context),
                           void *context)
{
    RBK_ASSERT(!driver->closing);
    driver->closing = true;
    driver->on_closed = on_closed;
    driver->closed_context = context;
    rbk_task_driver_hold(driver);
    RBK_ASSERT(uv_timer_init(driver->setup->loop, &driver->closer) == 0);
    struct rbk_task *next;
    for (struct rbk_task *task = driver->tasks; task; task = next) {
        next = task->next;
        close_task(task);
    }
    rbk_task_driver_release(driver);
}

static void on_task_timer(uv_timer_t *timer)
{
    struct rbk_task *task = RBK_CONTAINER_OF(timer, struct rbk_task, timer);
    task->on_timer(task);
}

static void on_deadline(struct rbk_task *task)
{
    if (task->stop == RBK_TASK_STOP_NONE) {
        task->stop = RBK_TASK_STOP_DEADLINE;
    }
    if (task->begun) {
        task->ops->stop(task);
    } else {
        rbk_task_answer(task, rbk_task_stopped(task));
    }
}

static void on_begin(struct rbk_task *task)
{
    rbk_task_arm(task, rbk_task_left_ms(task), on_deadline);
    task->begun = true;
    task->ops->begin(task);
}

int rbk_task_init(struct rbk_task *task, struct rbk_task_driver *driver,
                  const struct rbk_task_ops *ops, const struct rbk_request *request,
                  bool recovering, void *owner, struct rbk_error *reterr)
{
    if (driver->closing) {
        return rbk_error_set(reterr, RBK_ESTATE, "the driver is closed");
    }
    *task = (struct rbk_task){.magic = TASK_MAGIC,
                              .ops = ops,
                              .driver = driver,
                              .owner = owner,
                              .recovering = recovering};
    task->request = rbk_request_copy(request);
    if (!task->request) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for a request");
    }
    if (recovering && task->request->timeout_ms < RECOVERY_MS_MIN) {
        task->request->timeout_ms = RECOVERY_MS_MIN;
    }
    if (task->request->timeout_ms > TIMEOUT_MS_MAX) {
        task->request->timeout_ms = TIMEOUT_MS_MAX;
    }
    task->started_ns = uv_hrtime();
    task->status = -1;
    task->value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
    task->output_bytes_max =
        request->output_bytes_max ? request->output_bytes_max : RBK_TASK_OUTPUT_BYTES;
    rbk_buffer_init(&task->output, task->output_bytes_max);
    rbk_buffer_init(&task->message, RBK_MESSAGE_BYTES_MAX);
    rbk_buffer_init(&task->detail, DETAIL_BYTES_MAX);
    RBK_ASSERT(uv_timer_init(driver->setup->loop, &task->timer) == 0);
    task->holds = 1; /* the timer's */
    task->next = driver->tasks;
    if (task->next) {
        task->next->previous = task;
    }
    driver->tasks = task;
    rbk_task_driver_hold(driver);
    rbk_task_arm(task, 0, on_begin);
    return 0;
}

int rbk_task_start(struct rbk_driver *driver, const struct rbk_task_ops *ops,
                   const struct rbk_request *request, bool recovering, void *owner,
                   struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    RBK_DCHECK(ops->bytes >= sizeof(struct rbk_task));
    struct rbk_task *task = calloc(1, ops->bytes);
    if (!task) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for a request");
    }
    int error =
        rbk_task_init(task, rbk_task_driver_of(driver), ops, request, recovering, owner, reterr);
    if (error) {
        free(task);
        return error;
    }
    *ret_activity = rbk_task_activity(task);
    return 0;
}

struct rbk_activity *rbk_task_activity(struct rbk_task *task)
{
    return (struct rbk_activity *)task;
}

struct rbk_task *rbk_task_of(struct rbk_activity *activity)
{
    struct rbk_task *task = (struct rbk_task *)(void *)activity;
    RBK_ASSERT(task);
    RBK_ASSERT(task->magic == TASK_MAGIC);
    return task;
}

void rbk_task_cancel(struct rbk_activity *activity)
{
    struct rbk_task *task = rbk_task_of(activity);
    if (task->answered || task->stop != RBK_TASK_STOP_NONE) {
        return; /* it is ending already */
    }
    task->stop = RBK_TASK_STOP_CANCEL;
    rbk_task_arm(task, 0, on_deadline);
}

void rbk_task_proceed(struct rbk_activity *activity)
{
    struct rbk_task *task = rbk_task_of(activity);
    if (!task->answered && task->ops->proceed) {
        task->ops->proceed(task);
    }
}

uint64_t rbk_task_elapsed_ms(const struct rbk_task *task)
{
    return (uv_hrtime() - task->started_ns) / 1000000;
}

uint64_t rbk_task_left_ms(const struct rbk_task *task)
{
    uint64_t elapsed_ms = rbk_task_elapsed_ms(task);
    return task->request->timeout_ms > elapsed_ms ? task->request->timeout_ms - elapsed_ms : 0;
}

void rbk_task_arm(struct rbk_task *task, uint64_t delay_ms, void (*on_timer)(struct rbk_task *task))
{
    if (task->answered) {
        return;
    }
    task->on_timer = on_timer;
    uv_update_time(task->driver->setup->loop);
    RBK_ASSERT(uv_timer_start(&task->timer, on_task_timer, delay_ms, 0) == 0);
}

void rbk_task_hold(struct rbk_task *task)
{
    task->holds++;
}

static void free_task(struct rbk_task *task)
{
    struct rbk_task_driver *driver = task->driver;
    if (task->previous) {
        task->previous->next = task->next;
    } else {
        driver->tasks = task->next;
    }
    if (task->next) {
        task->next->previous = task->previous;
    }
    rbk_request_free(task->request);
    rbk_buffer_fini(&task->output);
    rbk_buffer_fini(&task->message);
    rbk_buffer_fini(&task->detail);
    task->magic = 0;
    task->ops->destroy(task);
    rbk_task_driver_release(driver);
}

void rbk_task_release(struct rbk_task *task)
{
    RBK_ASSERT(task->holds > 0);
    task->holds--;
    if (task->holds == 0) {
        RBK_ASSERT(task->answered);
        free_task(task);
    }
}

void rbk_task_message(struct rbk_task *task, const char *format, ...)
{
    rbk_buffer_clear(&task->message);
    va_list arguments;
    va_start(arguments, format);
    (void)rbk_buffer_vprintf(&task->message, format, arguments);
    va_end(arguments);
    if (task->message.error) {
        rbk_buffer_clear(&task->message);
        (void)rbk_buffer_append_text(&task->message, "the message is too long to be shown");
    }
    while (task->message.bytes > 0 && task->message.data[task->message.bytes - 1] == '\n') {
        rbk_buffer_truncate(&task->message, task->message.bytes - 1);
    }
    for (size_t i = 0; i < task->message.bytes; i++) {
        char *byte = &task->message.data[i];
        *byte = (unsigned char)*byte < ' ' ? ' ' : *byte;
    }
}

void rbk_task_detail(struct rbk_task *task, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)rbk_buffer_vprintf(&task->detail, format, arguments);
    va_end(arguments);
    if (task->detail.bytes > 0 && task->detail.data[task->detail.bytes - 1] != '\n') {
        (void)rbk_buffer_append_byte(&task->detail, '\n');
    }
}

bool rbk_task_set_scalar(struct rbk_task *task, struct rbk_str text)
{
    rbk_buffer_clear(&task->output);
    if (rbk_buffer_append_str(&task->output, text)) {
        rbk_buffer_clear(&task->output);
        return false;
    }
    task->value =
        (struct rbk_value){.type = RBK_TYPE_SCALAR, .as.text = rbk_buffer_str(&task->output)};
    return true;
}

int rbk_task_redact(const struct rbk_task *task, struct rbk_str text, struct rbk_buffer *out)
{
    const struct rbk_request *request = task->request;
    if (request->secret_count == 0) {
        return rbk_buffer_append_str(out, text);
    }
    struct rbk_redactor *redactor = rbk_redactor_new();
    if (!redactor) {
        return -RBK_ENOMEM;
    }
    int error = 0;
    for (size_t i = 0; !error && i < request->secret_count; i++) {
        if (request->secrets[i].bytes > 0) {
            error = rbk_redactor_add(redactor, request->secrets[i]);
        }
    }
    if (!error) {
        rbk_redact(redactor, text, out);
        error = out->error;
    }
    rbk_redactor_free(redactor);
    return error;
}

void rbk_task_note(struct rbk_task *task, struct rbk_str note)
{
    if (!task->driver->closing) {
        task->driver->setup->callbacks.on_note(task->owner, rbk_task_activity(task), note);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    rbk_task_release(RBK_CONTAINER_OF(handle, struct rbk_task, timer));
}

/* Bytes that are no characters become U+FFFD: the journal, a terminal and a page take text only. */
static void make_text(struct rbk_buffer *buffer)
{
    if (rbk_utf8_valid(rbk_buffer_str(buffer), NULL)) {
        return;
    }
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, buffer->bytes_max * 3);
    struct rbk_str str = rbk_buffer_str(buffer);
    for (size_t at = 0; at < str.bytes;) {
        size_t bytes = rbk_utf8_decode(str, at, NULL);
        if (bytes > 0) {
            (void)rbk_buffer_append(&clean, str.data + at, bytes);
        } else {
            (void)rbk_buffer_append_text(&clean, "\xef\xbf\xbd");
        }
        at += bytes > 0 ? bytes : 1;
    }
    rbk_buffer_fini(buffer);
    *buffer = clean;
}

/* The one door through which a result leaves. */
static void deliver(struct rbk_task *task, const struct rbk_result *result,
                    enum rbk_recovery recovery)
{
    RBK_ASSERT(!task->answered);
    task->answered = true;
    const struct rbk_driver_callbacks *callbacks = &task->driver->setup->callbacks;
    bool told = !task->driver->closing && task->stop != RBK_TASK_STOP_CLOSE;
    rbk_task_hold(task);
    uv_close((uv_handle_t *)&task->timer, on_timer_closed);
    if (told && task->recovering) {
        callbacks->on_recovered(task->owner, rbk_task_activity(task), recovery, result);
    } else if (told) {
        callbacks->on_result(task->owner, rbk_task_activity(task), result);
    }
    rbk_task_release(task);
}

static void answer(struct rbk_task *task, enum rbk_outcome outcome, enum rbk_recovery recovery)
{
    bool text_inside = !task->value.missing && task->value.type != RBK_TYPE_BOOL &&
                       task->value.type != RBK_TYPE_INT;
    make_text(&task->message);
    make_text(&task->detail);
    if (text_inside) {
        struct rbk_str text = task->value.as.text;
        /* A value is what was there or nothing: what is made of it may be written back, as if it
         * were the same. */
        if (!rbk_utf8_valid(text, NULL) || rbk_str_find(text, '\0') != text.bytes) {
            task->value = (struct rbk_value){.type = RBK_TYPE_SCALAR, .missing = true};
            if (task->request->reading) {
                rbk_buffer_clear(&task->detail); /* why there is none is its first line */
            }
            rbk_task_detail(task, "the value is not text, but bytes that are not UTF-8 or are NUL");
        }
    }
    struct rbk_result result = {.outcome = outcome,
                                .value = task->value,
                                .message = rbk_buffer_str(&task->message),
                                .detail = rbk_buffer_str(&task->detail),
                                .status = task->status,
                                .elapsed_ms = rbk_task_elapsed_ms(task),
                                .retry_after_ms = task->retry_after_ms,
                                .whole = task->whole,
                                .impossible = task->impossible};
    result.cancelled = outcome == RBK_OUTCOME_FAIL && task->stop == RBK_TASK_STOP_CANCEL;
    deliver(task, &result, recovery);
}

void rbk_task_answer(struct rbk_task *task, enum rbk_outcome outcome)
{
    /* A recovering task that was stopped has found out nothing. */
    answer(task, outcome, RBK_RECOVERY_UNKNOWN);
}

void rbk_task_answer_text(struct rbk_task *task, enum rbk_outcome outcome, const char *message)
{
    struct rbk_result result = {.outcome = outcome,
                                .value = {.type = RBK_TYPE_SCALAR, .missing = true},
                                .message = rbk_str_from(message),
                                .status = -1,
                                .elapsed_ms = rbk_task_elapsed_ms(task)};
    deliver(task, &result, RBK_RECOVERY_UNKNOWN);
}

void rbk_task_answer_recovered(struct rbk_task *task, enum rbk_recovery recovery,
                               enum rbk_outcome outcome)
{
    RBK_ASSERT(task->recovering);
    answer(task, outcome, recovery);
}

enum rbk_outcome rbk_task_stopped(struct rbk_task *task)
{
    if (task->stop == RBK_TASK_STOP_CANCEL) {
        rbk_task_message(task, "cancelled after %llu ms",
                         (unsigned long long)rbk_task_elapsed_ms(task));
        return RBK_OUTCOME_FAIL;
    }
    rbk_task_message(task, "timed out after %llu ms",
                     (unsigned long long)task->request->timeout_ms);
    return RBK_OUTCOME_TIMEOUT;
}
