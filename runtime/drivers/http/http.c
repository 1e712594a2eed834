/*
 * One task is one transfer. See the header for what its end means.
 *
 *   begin() ──▶ under way ──▶ on_transfer_done() ──▶ answered
 *                   └── deadline, cancel: on our timer, outside libcurl: stop() ──▶ answered
 */
#include "runtime/drivers/http/http.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"
#include "runtime/drivers/http/curl_loop.h"
#include "runtime/drivers/http/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is read of a body that nobody asked for, before the connection is closed instead. */
#define UNWANTED_BODY_BYTES ((size_t)64 << 10)
#define SHOWN_BODY_BYTES ((size_t)2048)
#define SAID_BODY_BYTES ((size_t)240) /* in a message of one line */

struct http_driver {
    struct rbk_task_driver base; /* first */
    struct rbk_curl_loop *curl;  /* owned; opened with the first request */
};

struct http_task {
    struct rbk_task task; /* first: struct rbk_activity is this address */
    CURL *easy;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    size_t header_bytes;
    bool head_over; /* of the last answer: its headers came whole */
    size_t unwanted_bytes;
    bool headers_too_large;
    bool body_too_large;
    bool status_is_enough; /* the rest of the body was left */
};

static long status_of(const struct http_task *self)
{
    long status = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_expected(const struct rbk_request *request, long status)
{
    if (request->expect_count == 0) {
        return status >= 200 && status <= 299;
    }
    for (size_t i = 0; i < request->expect_count; i++) {
        if (request->expect[i] == status) {
            return true;
        }
    }
    return false;
}

/* The status has come, and it is all that the request is about. */
static bool has_enough(const struct http_task *self)
{
    const struct rbk_request *request = self->task.request;
    return request->status_enough && self->head_over && is_expected(request, status_of(self));
}

static struct http_task *http_of(struct rbk_task *task)
{
    return RBK_CONTAINER_OF(task, struct http_task, task);
}

static struct http_driver *driver_of(struct rbk_task *task)
{
    return RBK_CONTAINER_OF(task->driver, struct http_driver, base);
}

/* libcurl's signature */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_task *self = context;
    size_t bytes = size * count;
    if (self->task.request->status_only || has_enough(self)) {
        self->unwanted_bytes += bytes;
        self->status_is_enough = self->unwanted_bytes > UNWANTED_BODY_BYTES;
        return self->status_is_enough ? 0 : bytes;
    }
    if (self->task.request->status_enough &&
        self->task.output.bytes + bytes > UNWANTED_BODY_BYTES) {
        self->status_is_enough = true; /* its beginning says what is wrong, if any of it does */
        return 0;
    }
    if (rbk_buffer_append(&self->task.output, data, bytes) != 0) {
        self->body_too_large = true;
        return 0;
    }
    return bytes;
}

/* NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct http_task *self = context;
    self->head_over = size * count > 0 && (data[0] == '\r' || data[0] == '\n');
    self->header_bytes += size * count;
    self->headers_too_large = self->header_bytes > RBK_HTTP_HEADER_BYTES_MAX;
    return self->headers_too_large ? 0 : size * count;
}

/* An effect that may have happened although no full answer came. */
static bool is_doubtful(const struct rbk_task *task)
{
    const struct rbk_request *request = task->request;
    return !request->reading && !request->idempotent && !rbk_http_method_is_safe(request->method);
}

/* Whether a byte of the request was handed to the kernel (a handshake does not count). */
static bool was_sent(const struct http_task *self)
{
    long bytes = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

/* Ends the transfer, if it has not ended, and answers. */
static void end(struct http_task *self, enum rbk_outcome outcome)
{
    struct rbk_task *task = &self->task;
    if (self->easy && driver_of(task)->curl) {
        rbk_curl_loop_remove(driver_of(task)->curl, self->easy);
    }
    curl_easy_cleanup(self->easy);
    self->easy = NULL;
    curl_slist_free_all(self->headers);
    self->headers = NULL;
    if (outcome != RBK_OUTCOME_OK) {
        task->value.missing = true;
    }
    rbk_task_answer(task, outcome);
}

/* The beginning of the body, without the request's secrets: they are taken out before it is cut,
 * for the half of one nobody would find later. @return Whether there is more. */
static bool begin_of_body(struct rbk_task *task, size_t bytes, struct rbk_buffer *out)
{
    struct rbk_str body = rbk_str_slice(rbk_buffer_str(&task->output), 0, UNWANTED_BODY_BYTES);
    if (rbk_task_redact(task, body, out) != 0) {
        rbk_buffer_clear(out);
        return false;
    }
    bool more = out->bytes > bytes || body.bytes < task->output.bytes;
    rbk_buffer_truncate(out, out->bytes < bytes ? out->bytes : bytes);
    return more;
}

static void show_body(struct rbk_task *task)
{
    struct rbk_buffer shown;
    rbk_buffer_init(&shown, UNWANTED_BODY_BYTES * 8);
    bool more = begin_of_body(task, SHOWN_BODY_BYTES, &shown);
    if (shown.bytes > 0) {
        rbk_task_detail(task, "BODY: %s%s", shown.data, more ? " …" : "");
    }
    rbk_buffer_fini(&shown);
}

/* The beginning of the body on one line. */
static void append_said(struct rbk_task *task, struct rbk_buffer *out)
{
    struct rbk_buffer shown;
    rbk_buffer_init(&shown, UNWANTED_BODY_BYTES * 8);
    bool more = begin_of_body(task, SAID_BODY_BYTES, &shown);
    size_t valid = shown.bytes;
    bool whole = rbk_utf8_valid(rbk_buffer_str(&shown), &valid);
    for (size_t i = 0; i < (whole ? shown.bytes : valid); i++) {
        char byte = shown.data[i];
        bool blank = (unsigned char)byte <= ' ' || byte == 0x7f;
        if (!blank) {
            (void)rbk_buffer_append_byte(out, byte);
        } else if (out->bytes > 0 && out->data[out->bytes - 1] != ' ') {
            (void)rbk_buffer_append_byte(out, ' ');
        }
    }
    while (out->bytes > 0 && out->data[out->bytes - 1] == ' ') {
        rbk_buffer_truncate(out, out->bytes - 1);
    }
    if (more && out->bytes > 0) {
        (void)rbk_buffer_append_text(out, " …");
    }
    rbk_buffer_fini(&shown);
}

/* The text of an unexpected status. */
static void describe_status(struct http_task *self, long status)
{
    struct rbk_task *task = &self->task;
    const char *more = "";
    char *location = NULL;
    (void)curl_easy_getinfo(self->easy, CURLINFO_REDIRECT_URL, &location);
    bool redirect = location && status >= 300 && status <= 399;
    if (status == 409 && !rbk_http_method_is_safe(task->request->method)) {
        more = " (with an Idempotency-Key: an earlier request with it may still be under way)";
    } else if (status == 422 && !rbk_http_method_is_safe(task->request->method)) {
        more = " (with an Idempotency-Key: it may have been used for another request before)";
    }
    if (task->request->reading) {
        /* Who reads has no detail to look at, and an API says there what is wrong. */
        struct rbk_buffer said;
        rbk_buffer_init(&said, SAID_BODY_BYTES * 2);
        append_said(task, &said);
        rbk_task_message(task, "HTTP status %ld%s%s%s", status,
                         redirect ? " (a redirect, which is not followed)" : "",
                         said.bytes > 0 ? ": " : "", said.bytes > 0 ? said.data : "");
        rbk_buffer_fini(&said);
    } else {
        rbk_task_message(task, "HTTP status %ld%s", status, more);
    }
    if (redirect) {
        rbk_task_detail(task, "a redirect, which is not followed");
    }
    show_body(task);
}

/* In seconds or as a date; the library reads both. */
static void take_retry_after(struct http_task *self)
{
    curl_off_t after_s = 0;
    if (curl_easy_getinfo(self->easy, CURLINFO_RETRY_AFTER, &after_s) == CURLE_OK && after_s > 0) {
        self->task.retry_after_ms =
            after_s < INT64_MAX / 1000 ? (uint64_t)after_s * 1000 : (uint64_t)INT64_MAX;
    }
}

static void take_answer(struct http_task *self)
{
    struct rbk_task *task = &self->task;
    long status = status_of(self);
    task->status = status;
    task->whole = true;
    if (task->request->status_only) {
        task->value = (struct rbk_value){.type = RBK_TYPE_INT, .as.integer = status};
        end(self, RBK_OUTCOME_OK);
        return;
    }
    if (is_expected(task->request, status)) {
        if (!task->request->status_enough) {
            task->value = (struct rbk_value){.type = RBK_TYPE_SCALAR,
                                             .as.text = rbk_buffer_str(&task->output)};
        }
        end(self, RBK_OUTCOME_OK);
        return;
    }
    take_retry_after(self);
    describe_status(self, status);
    bool unclear = status == 500 || (status >= 502 && status <= 504);
    end(self, unclear && is_doubtful(task) ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL);
}

static void describe_failure(struct http_task *self, CURLcode code)
{
    struct rbk_task *task = &self->task;
    const char *text = *self->error ? self->error : curl_easy_strerror(code);
    if (self->body_too_large) {
        rbk_task_message(task, "the body of the answer is larger than %zu bytes",
                         task->output.bytes_max);
    } else if (self->headers_too_large) {
        rbk_task_message(task, "the headers of the answer are larger than %zu bytes",
                         RBK_HTTP_HEADER_BYTES_MAX);
    } else if (was_sent(self)) {
        rbk_task_message(task, "the request was sent, but no full answer came: %s", text);
    } else {
        rbk_task_message(task, "the request was not sent: %s", text);
    }
}

static void on_transfer_done(void *owner, CURLcode code)
{
    struct http_task *self = owner;
    struct rbk_task *task = &self->task;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && self->status_is_enough) ||
        has_enough(self)) {
        take_answer(self);
        return;
    }
    describe_failure(self, code);
    long status = status_of(self);
    task->status = status > 0 ? status : -1;
    end(self, was_sent(self) && is_doubtful(task) ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL);
}

static void begin(struct rbk_task *task)
{
    struct http_task *self = http_of(task);
    struct http_driver *driver = driver_of(task);
    struct rbk_error error = {0};
    if (!driver->curl && rbk_curl_loop_open(&driver->base, &driver->curl) != 0) {
        rbk_task_message(task, "out of memory");
        end(self, RBK_OUTCOME_FAIL);
        return;
    }
    self->easy = curl_easy_init();
    if (!self->easy || rbk_http_prepare(self->easy, task->request, &self->headers, &error) != 0) {
        rbk_task_message(task, "%s", *error.text ? error.text : "out of memory");
        task->impossible = error.code == RBK_EINVALID;
        end(self, RBK_OUTCOME_FAIL);
        return;
    }
    (void)curl_easy_setopt(self->easy, CURLOPT_ERRORBUFFER, self->error);
    (void)curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, self);
    (void)curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(self->easy, CURLOPT_HEADERDATA, self);
    /* Effects and messages wait for nobody. */
    struct rbk_str host =
        task->request->reading ? rbk_http_host(task->request->url) : (struct rbk_str){NULL, 0};
    if (rbk_curl_loop_add(driver->curl, self->easy, host, on_transfer_done, self) != 0) {
        rbk_task_message(task, "out of memory");
        end(self, RBK_OUTCOME_FAIL);
    }
}

static void stop(struct rbk_task *task)
{
    struct http_task *self = http_of(task);
    if (task->stop == RBK_TASK_STOP_DEADLINE && has_enough(self)) {
        take_answer(self);
        return;
    }
    bool sent = was_sent(self);
    enum rbk_outcome outcome = rbk_task_stopped(task);
    if (sent && is_doubtful(task)) {
        rbk_task_message(task,
                         "%s after %" PRIu64 " ms: the request was sent, and no full answer came",
                         task->stop == RBK_TASK_STOP_CANCEL ? "cancelled" : "timed out",
                         rbk_task_elapsed_ms(task));
        outcome = RBK_OUTCOME_DOUBT;
    }
    end(self, outcome);
}

static void destroy(struct rbk_task *task)
{
    free(http_of(task));
}

static const struct rbk_task_ops task_ops = {
    .bytes = sizeof(struct http_task), .begin = begin, .stop = stop, .destroy = destroy};

static int http_start(struct rbk_driver *driver, const struct rbk_request *request, void *owner,
                      struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    int error = rbk_task_start(driver, &task_ops, request, false, owner, ret_activity, reterr);
    if (error) {
        return error;
    }
    struct rbk_task *task = rbk_task_of(*ret_activity);
    if (task->output_bytes_max > RBK_HTTP_BODY_BYTES_MAX) {
        task->output.bytes_max = RBK_HTTP_BODY_BYTES_MAX;
    }
    return 0;
}

static void http_close(struct rbk_driver *base, bool leave, void (*on_closed)(void *context),
                       void *context)
{
    (void)leave;
    struct rbk_task_driver *tasks = rbk_task_driver_of(base);
    struct http_driver *driver = RBK_CONTAINER_OF(tasks, struct http_driver, base);
    rbk_task_driver_hold(tasks);
    rbk_task_driver_close(tasks, on_closed, context);
    if (driver->curl) {
        rbk_curl_loop_close(driver->curl);
        driver->curl = NULL;
    }
    rbk_task_driver_release(tasks);
}

static const struct rbk_driver_ops ops = {
    .name = "http",
    .start = http_start,
    .cancel = rbk_task_cancel,
    .proceed = rbk_task_proceed,
    .close = http_close,
};

static void destroy_driver(struct rbk_task_driver *driver)
{
    free(RBK_CONTAINER_OF(driver, struct http_driver, base));
    curl_global_cleanup();
}

int rbk_http_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                  struct rbk_error *reterr)
{
    struct http_driver *driver = calloc(1, sizeof(*driver));
    /* Counted by the library: balanced by the clean-up in destroy_driver(). */
    if (!driver || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(driver);
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for the HTTP driver");
    }
    rbk_task_driver_init(&driver->base, &ops, setup, destroy_driver);
    *ret_driver = &driver->base.base;
    return 0;
}
