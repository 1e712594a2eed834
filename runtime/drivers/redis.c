/*
 * One task is one connection and one command:
 *
 *   RESOLVING ──▶ CONNECTING ──▶ AUTHENTICATING ──▶ SELECTING ──▶ COMMANDING ──▶ answered
 *                     └── next address of the host, when one is refused
 *
 * hiredis calls back with a NULL reply when a connection ends, and frees its context itself then; a
 * context we end by redisAsyncFree() calls back the same way. `context` is NULL from then on.
 */
#include "runtime/drivers/redis.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/dns.h"
#include "runtime/drivers/redis_adapter.h"
#include "runtime/drivers/redis_address.h"
#include "runtime/drivers/redis_reply.h"

#include <hiredis/async.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum phase { RESOLVING, CONNECTING, AUTHENTICATING, SELECTING, COMMANDING, ENDED };

struct redis_task {
    struct rbk_task task; /* first: struct rbk_activity is this address */
    enum phase phase;
    struct rbk_redis_address address;
    struct rbk_dns *dns;
    struct rbk_dns_address addresses[RBK_DNS_ADDRESSES_MAX];
    size_t address_count;
    size_t address_next;
    redisAsyncContext *context; /* the library's; NULL when there is none */
    bool sent;                  /* bytes of the command may have been handed to the kernel */
    bool refused;               /* the reply is beyond a limit; the message says so */
};

static void connect_next(struct redis_task *self);
static void next_phase(struct redis_task *self);

static struct redis_task *redis_of(struct rbk_task *task)
{
    return RBK_CONTAINER_OF(task, struct redis_task, task);
}

/* An effect that may have happened although no reply came. */
static bool is_doubtful(const struct redis_task *self)
{
    const struct rbk_request *request = self->task.request;
    return self->sent && !request->reading && !request->idempotent;
}

static void end(struct redis_task *self, enum rbk_outcome outcome)
{
    redisAsyncContext *context = self->context;
    self->phase = ENDED;
    self->context = NULL;
    rbk_dns_cancel(self->dns);
    self->dns = NULL;
    if (context) {
        redisAsyncFree(context); /* later, when this is one of its callbacks */
    }
    if (outcome != RBK_OUTCOME_OK) {
        self->task.value.missing = true;
    }
    rbk_task_answer(&self->task, outcome);
}

static void fail(struct redis_task *self, const char *text)
{
    rbk_task_message(&self->task, "%s", text);
    end(self, RBK_OUTCOME_FAIL);
}

/* The connection ended before the reply. */
static void take_loss(struct redis_task *self, const redisAsyncContext *context)
{
    const char *text = context->err && context->errstr ? context->errstr : "closed";
    self->context = NULL; /* hiredis frees it */
    if (!self->refused && context->err == REDIS_ERR_PROTOCOL) {
        rbk_task_message(&self->task, "the reply is broken: %s", text);
    } else if (!self->refused) {
        rbk_task_message(&self->task, "the connection was lost%s: %s",
                         self->sent ? " after the command was sent" : "", text);
    }
    end(self, is_doubtful(self) ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL);
}

static void take_reply(struct redis_task *self, const redisReply *reply)
{
    struct rbk_task *task = &self->task;
    struct rbk_buffer text;
    if (reply->type == REDIS_REPLY_NIL) {
        rbk_task_message(task, "nil");
        end(self, task->request->reading ? RBK_OUTCOME_MISSING : RBK_OUTCOME_OK);
        return;
    }
    rbk_buffer_init(&text, task->output_bytes_max);
    bool fits =
        rbk_redis_reply_text(&text, reply) == 0 && rbk_task_set_scalar(task, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    if (!fits && task->request->reading) {
        rbk_task_message(task, "the reply is larger than %zu bytes", task->output_bytes_max);
        end(self, RBK_OUTCOME_FAIL);
        return;
    }
    if (!fits) {
        rbk_task_detail(task, "the reply is larger than %zu bytes and was left out",
                        task->output_bytes_max);
    }
    end(self, RBK_OUTCOME_OK);
}

static void on_reply(redisAsyncContext *context, void *data, void *private)
{
    struct redis_task *self = private;
    const redisReply *reply = data;
    if (self->phase == ENDED) {
        return;
    }
    if (!reply && self->phase == CONNECTING) {
        return; /* on_connect() has dealt with it */
    }
    if (!reply) {
        take_loss(self, context);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        static const char *const steps[] = {[AUTHENTICATING] = "AUTH: ", [SELECTING] = "SELECT: "};
        const char *step =
            self->phase == AUTHENTICATING || self->phase == SELECTING ? steps[self->phase] : "";
        rbk_task_message(&self->task, "%s%.*s", step, (int)reply->len, reply->str);
        end(self, RBK_OUTCOME_FAIL);
    } else if (self->phase == COMMANDING) {
        take_reply(self, reply);
    } else {
        next_phase(self);
    }
}

static void send_words(struct redis_task *self, enum phase phase, int count, const char **words,
                       const size_t *bytes)
{
    self->phase = phase;
    if (redisAsyncCommandArgv(self->context, on_reply, self, count, words, bytes) != REDIS_OK) {
        fail(self, "out of memory");
    }
}

static void send_command(struct redis_task *self)
{
    const struct rbk_request *request = self->task.request;
    const char **words = calloc(request->word_count, sizeof(*words));
    size_t *bytes = calloc(request->word_count, sizeof(*bytes));
    if (words && bytes) {
        for (size_t i = 0; i < request->word_count; i++) {
            words[i] = request->words[i].data;
            bytes[i] = request->words[i].bytes;
        }
        send_words(self, COMMANDING, (int)request->word_count, words, bytes);
    } else {
        fail(self, "out of memory");
    }
    free(words);
    free(bytes);
}

/* Sends what comes after the present phase. */
static void next_phase(struct redis_task *self)
{
    const struct rbk_redis_address *address = &self->address;
    if (self->phase < AUTHENTICATING && *address->password) {
        const char *words[3] = {"AUTH", address->user, address->password};
        const size_t bytes[3] = {4, strlen(address->user), strlen(address->password)};
        if (*address->user) {
            send_words(self, AUTHENTICATING, 3, words, bytes);
        } else {
            words[1] = address->password;
            const size_t without_user[2] = {4, strlen(address->password)};
            send_words(self, AUTHENTICATING, 2, words, without_user);
        }
    } else if (self->phase < SELECTING && address->database != 0) {
        char database[16];
        const char *words[2] = {"SELECT", database};
        (void)snprintf(database, sizeof(database), "%d", address->database);
        const size_t bytes[2] = {6, strlen(database)};
        send_words(self, SELECTING, 2, words, bytes);
    } else {
        send_command(self);
    }
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_task *self = context->data;
    if (self->phase == ENDED) {
        return;
    }
    if (status == REDIS_OK) {
        next_phase(self);
        return;
    }
    self->context = NULL; /* hiredis frees it */
    rbk_task_message(&self->task, "no connection to %s port %d: %s", self->address.host,
                     self->address.port, context->errstr ? context->errstr : "refused");
    connect_next(self);
}

static void on_write(void *owner)
{
    struct redis_task *self = owner;
    self->sent = self->sent || self->phase == COMMANDING;
}

static void on_refused(void *owner, const char *why)
{
    struct redis_task *self = owner;
    self->refused = true;
    rbk_task_message(&self->task, "%s", why);
}

static const struct rbk_redis_adapter_events adapter_events = {.on_write = on_write,
                                                               .on_refused = on_refused};

/* Tries the next address of the host; the message says why the last one failed. */
static void connect_next(struct redis_task *self)
{
    struct rbk_task *task = &self->task;
    while (self->address_next < self->address_count) {
        const char *ip = self->addresses[self->address_next++].text;
        redisAsyncContext *context = redisAsyncConnect(ip, self->address.port);
        self->phase = CONNECTING;
        if (!context) {
            rbk_task_message(task, "out of memory");
            continue;
        }
        context->data = self;
        if (context->err || rbk_redis_attach(task->driver, context, &adapter_events, self) != 0) {
            rbk_task_message(task, "no connection to %s port %d: %s", self->address.host,
                             self->address.port, context->err ? context->errstr : "no socket");
            redisAsyncFree(context);
            continue;
        }
        self->context = context;
        (void)redisAsyncSetConnectCallback(context, on_connect); /* asks for writability */
        return;
    }
    end(self, RBK_OUTCOME_FAIL);
}

static void on_resolved(void *owner, int error, const struct rbk_dns_address *addresses,
                        size_t count)
{
    struct redis_task *self = owner;
    char text[128];
    self->dns = NULL;
    if (error) {
        rbk_task_message(&self->task, "the name \"%s\" cannot be resolved: %s", self->address.host,
                         uv_strerror_r(error, text, sizeof(text)));
        end(self, RBK_OUTCOME_FAIL);
        return;
    }
    memcpy(self->addresses, addresses, count * sizeof(*addresses));
    self->address_count = count;
    connect_next(self);
}

/* Commands after which replies do not answer commands any more. */
static bool is_stream(const struct rbk_request *request)
{
    static const char *const streams[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR",
                                          "SYNC",      "PSYNC",      "HELLO"};
    for (size_t i = 0; i < RBK_COUNT(streams); i++) {
        if (strcasecmp(request->words[0].data, streams[i]) == 0) {
            return true;
        }
    }
    return request->word_count > 1 && strcasecmp(request->words[0].data, "CLIENT") == 0 &&
           strcasecmp(request->words[1].data, "REPLY") == 0;
}

static void begin(struct rbk_task *task)
{
    struct redis_task *self = redis_of(task);
    struct rbk_error error = {0};
    if (task->request->word_count == 0 || task->request->words[0].bytes == 0) {
        fail(self, "there is no command");
    } else if (is_stream(task->request)) {
        fail(self, "this command turns the connection into a stream, and has no reply to wait for");
    } else if (rbk_redis_address_parse(task->request->address, &self->address, &error) != 0) {
        fail(self, error.text);
    } else if (rbk_dns_start(task->driver, self->address.host, on_resolved, self, &self->dns) !=
               0) {
        fail(self, "the host's name cannot be resolved");
    }
}

static void stop(struct rbk_task *task)
{
    struct redis_task *self = redis_of(task);
    enum rbk_outcome outcome = rbk_task_stopped(task);
    if (is_doubtful(self)) {
        rbk_task_message(task, "%s after %" PRIu64 " ms: the command was sent, and no reply came",
                         task->stop == RBK_TASK_STOP_CANCEL ? "cancelled" : "timed out",
                         rbk_task_elapsed_ms(task));
        outcome = RBK_OUTCOME_DOUBT;
    }
    end(self, outcome);
}

static void destroy(struct rbk_task *task)
{
    struct redis_task *self = redis_of(task);
    explicit_bzero(&self->address, sizeof(self->address));
    free(self);
}

static const struct rbk_task_ops task_ops = {
    .bytes = sizeof(struct redis_task), .begin = begin, .stop = stop, .destroy = destroy};

static int redis_start(struct rbk_driver *driver, const struct rbk_request *request, void *owner,
                       struct rbk_activity **ret_activity, struct rbk_error *reterr)
{
    return rbk_task_start(driver, &task_ops, request, false, owner, ret_activity, reterr);
}

static void redis_close(struct rbk_driver *driver, bool leave, void (*on_closed)(void *context),
                        void *context)
{
    (void)leave;
    rbk_task_driver_close(rbk_task_driver_of(driver), on_closed, context);
}

static const struct rbk_driver_ops ops = {
    .name = "redis",
    .start = redis_start,
    .cancel = rbk_task_cancel,
    .proceed = rbk_task_proceed,
    .close = redis_close,
};

static void destroy_driver(struct rbk_task_driver *driver)
{
    free(driver);
}

int rbk_redis_open(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                   struct rbk_error *reterr)
{
    struct rbk_task_driver *driver = malloc(sizeof(*driver));
    if (!driver) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory for the Redis driver");
    }
    rbk_task_driver_init(driver, &ops, setup, destroy_driver);
    *ret_driver = &driver->base;
    return 0;
}
