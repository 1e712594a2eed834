/*
 * One evaluation: the readings of an expression in order, then its program. What cannot be read is
 * missing, and the program decides whether that matters.
 *
 *   start ──▶ next() ──▶ driver or host ──▶ (filter) ──▶ keep ──▶ next() … ──▶ finish() ──▶ freed
 *
 * Exactly one driver request, host reading or filter is under way at a time. A cancelled reading
 * stays allocated, silent, until that one has answered. `turn` (a timer of 0 ms) makes sure that
 * nothing completes inside rbk_reading_start(). The memory of all results is the reading's own
 * arena.
 */
#include "runtime/probes/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/expr_describe.h"
#include "runtime/drivers/host.h"

/* Each result may be as long as a reply, and is copied; a statement may come from a large file.
 * Beyond this the runner would end: a bound against mistakes, that no plan reaches. */
#define READING_ARENA_BYTES ((size_t)1 << 30)

struct rbk_reader {
    struct rbk_reader_setup setup;
    struct rbk_reading *readings; /* not yet released */
};

struct rbk_reading {
    struct rbk_client client; /* first: drivers call back through it */
    struct rbk_reader *reader;
    struct rbk_reading *next_reading, **link; /* in the reader's list; link points to this */
    void *owner;
    rbk_reading_fn *on_done;
    uint32_t expr;
    uint32_t next;            /* which of the expression's readings is taken now */
    const char *name, *stage; /* in the arena */
    uint64_t deadline_ms;     /* loop time */
    struct rbk_value *results;
    struct rbk_str failure; /* why the first that failed did; in the arena */
    struct rbk_str filter;  /* of the reading under way */
    struct rbk_driver *driver;
    struct rbk_activity *activity; /* under way, or NULL */
    struct rbk_host_read *host;    /* under way, or NULL */
    bool waiting;                  /* a driver, host reading or filter will call back */
    bool filtering;
    bool cancelled;
    uv_timer_t turn;
    struct rbk_arena arena;
};

static void on_driver_result(struct rbk_client *client, const struct rbk_result *result);
static void next(struct rbk_reading *reading);

struct rbk_reader *rbk_reader_new(const struct rbk_reader_setup *setup)
{
    struct rbk_reader *reader = calloc(1, sizeof(*reader));

    if (reader != NULL) {
        reader->setup = *setup;
    }
    return reader;
}

void rbk_reader_free(struct rbk_reader *reader)
{
    free(reader);
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct rbk_reading *reading = handle->data;

    rbk_arena_fini(&reading->arena);
    free(reading);
}

static void release(struct rbk_reading *reading)
{
    if (uv_is_closing((uv_handle_t *)&reading->turn)) {
        return;
    }
    *reading->link = reading->next_reading;
    if (reading->next_reading != NULL) {
        reading->next_reading->link = reading->link;
    }
    uv_close((uv_handle_t *)&reading->turn, on_turn_closed);
}

void rbk_reader_drop(struct rbk_reader *reader)
{
    while (reader->readings != NULL) {
        release(reader->readings);
    }
}

static void finish(struct rbk_reading *reading, struct rbk_value value, struct rbk_str message)
{
    if (!reading->cancelled) {
        reading->on_done(reading->owner, reading, value, message);
    }
    release(reading);
}

static void fail(struct rbk_reading *reading, struct rbk_str message)
{
    const struct rbk_expr *expr = &reading->reader->setup.scope->machine->exprs[reading->expr];

    finish(reading, rbk_value_missing(expr->type), message);
}

static const struct rbk_read *current(const struct rbk_reading *reading)
{
    const struct rbk_machine *machine = reading->reader->setup.scope->machine;

    return &machine->reads[machine->exprs[reading->expr].reads.first + reading->next];
}

/* The program, once all readings are there. */
static void evaluate(struct rbk_reading *reading)
{
    struct rbk_scope scope = *reading->reader->setup.scope;
    struct rbk_value value;
    struct rbk_error error;

    scope.reads = reading->results;
    if (rbk_expr_evaluate(&scope, reading->expr, &reading->arena, &value, &error) != 0) {
        fail(reading, rbk_arena_copy(&reading->arena, rbk_str_from(error.text)));
        return;
    }
    if (!value.missing) {
        reading->failure = (struct rbk_str){NULL, 0};
    } else if (reading->failure.bytes == 0) {
        reading->failure = RBK_STR("a value it needs is missing");
    }
    finish(reading, value, reading->failure);
}

void rbk_reading_describe(const struct rbk_reading *reading, struct rbk_buffer *out)
{
    struct rbk_scope scope = *reading->reader->setup.scope;

    if (reading->next == scope.machine->exprs[reading->expr].reads.count) {
        scope.reads = reading->results;
        rbk_expr_describe(&scope, reading->expr, NULL, out);
    }
}

const struct rbk_value *rbk_reading_results(const struct rbk_reading *reading)
{
    return reading->results;
}

/* The reading under way gives nothing. The expression may do without it (`??`, `or`, `and`). */
static void miss(struct rbk_reading *reading, struct rbk_str message)
{
    const struct rbk_read *read = current(reading);

    if (reading->failure.bytes == 0) {
        reading->failure = rbk_arena_copy(
            &reading->arena, message.bytes != 0 ? message : RBK_STR("no value was read"));
    }
    reading->results[reading->next++] = rbk_value_missing(rbk_read_kind_type(read->kind));
    next(reading);
}

/* A reading's value in the type its kind promises; what cannot be that is missing. */
static struct rbk_value shape(const struct rbk_read *read, struct rbk_value value,
                              const struct rbk_result *result)
{
    enum rbk_type type = rbk_read_kind_type(read->kind);
    struct rbk_value number;

    switch (read->kind) {
    case RBK_READ_RUN_EXIT:
        return result->status < 0 ? rbk_value_missing(type)
                                  : rbk_value_integer(type, result->status);
    case RBK_READ_HTTP_LATENCY:
        return rbk_value_integer(type, (int64_t)result->elapsed_ms);
    case RBK_READ_SQL_RATIO:
        number = rbk_value_parse(RBK_TYPE_NUMBER, value.as.text);
        return number.missing ? rbk_value_missing(type) : rbk_value_number(type, number.as.number);
    default:
        break;
    }
    if (value.missing) {
        return rbk_value_missing(type);
    }
    if (value.type == type) {
        return value;
    }
    if (value.type == RBK_TYPE_SCALAR || value.type == RBK_TYPE_TEXT) {
        return type == RBK_TYPE_SCALAR || type == RBK_TYPE_TEXT
                   ? rbk_value_text(type, value.as.text)
                   : rbk_value_parse(type, value.as.text);
    }
    if (value.type == RBK_TYPE_JSON && type == RBK_TYPE_SCALAR) {
        return value;
    }
    return rbk_value_missing(type);
}

static void keep(struct rbk_reading *reading, struct rbk_value value, struct rbk_str message)
{
    if (value.missing) {
        miss(reading, message);
        return;
    }
    reading->results[reading->next++] = rbk_value_copy(&reading->arena, value);
    next(reading);
}

static void on_filtered(void *owner, int error, struct rbk_value value, struct rbk_str message)
{
    struct rbk_reading *reading = owner;

    reading->waiting = reading->filtering = false;
    if (reading->cancelled) {
        release(reading);
        return;
    }
    if (error != 0) {
        value.missing = true;
    } else if (value.missing) {
        message = RBK_STR("the filter gave no value");
    }
    keep(reading, value, message);
}

static void filter(struct rbk_reading *reading, struct rbk_value body)
{
    struct rbk_filter *filters = NULL;
    struct rbk_error error;
    uint64_t now = uv_now(reading->reader->setup.loop);
    uint64_t left_ms = reading->deadline_ms > now ? reading->deadline_ms - now : 1;

    if (rbk_drivers_filter(reading->reader->setup.drivers, &filters, &error) != 0 ||
        rbk_filter_apply(filters, reading->filter, body.as.text, left_ms, reading, on_filtered,
                         &error) != 0) {
        miss(reading, rbk_str_from(error.text));
        return;
    }
    reading->waiting = reading->filtering = true;
}

static void on_driver_result(struct rbk_client *client, const struct rbk_result *result)
{
    struct rbk_reading *reading = (struct rbk_reading *)client;
    const struct rbk_read *read = current(reading);
    struct rbk_str message = result->message;

    reading->activity = NULL;
    reading->waiting = false;
    if (reading->cancelled) {
        release(reading);
        return;
    }
    /* A command that ran and failed is a reading of run.exit, and of nothing else. */
    if (result->outcome != RBK_OUTCOME_OK &&
        !(read->kind == RBK_READ_RUN_EXIT && result->outcome == RBK_OUTCOME_FAIL &&
          result->status >= 0)) {
        miss(reading, message);
        return;
    }
    if (reading->filter.bytes != 0 && !result->value.missing) {
        filter(reading, result->value);
        return;
    }
    if (result->value.missing && result->detail.bytes != 0 && read->kind != RBK_READ_RUN_EXIT) {
        message = rbk_str_slice(result->detail, 0, rbk_str_find(result->detail, '\n'));
    }
    keep(reading, shape(read, result->value, result), message);
}

static void on_host(void *owner, struct rbk_value value, struct rbk_str message)
{
    struct rbk_reading *reading = owner;

    reading->host = NULL;
    reading->waiting = false;
    keep(reading, value, message);
}

static bool reads_host(enum rbk_read_kind kind)
{
    switch (kind) {
    case RBK_READ_FILE_EXISTS:
    case RBK_READ_FILE_SIZE:
    case RBK_READ_FILE_SHA256:
    case RBK_READ_HOST_DISK_FREE:
    case RBK_READ_HOST_LOAD:
    case RBK_READ_ENV:
        return true;
    default:
        return false;
    }
}

static void start_driver(struct rbk_reading *reading, struct rbk_request *request)
{
    const struct rbk_reader_setup *setup = &reading->reader->setup;
    const struct rbk_read *read = current(reading);
    struct rbk_error error;

    request->reading = request->idempotent = request->unbounded = true;
    request->attempt = 1;
    request->rows = read->kind == RBK_READ_SQL_ROWS;
    request->secrets = setup->secrets;
    request->secret_count = setup->secret_count;
    request->status_only = read->kind == RBK_READ_HTTP_STATUS;
    if (request->url.bytes != 0) {
        request->method = RBK_STR("GET");
    }
    if (rbk_drivers_for_read(setup->drivers, setup->scope->machine, read, &reading->driver,
                             &error) != 0 ||
        reading->driver->ops->start(reading->driver, request, &reading->client, &reading->activity,
                                    &error) != 0) {
        miss(reading, rbk_str_from(error.text));
        return;
    }
    reading->waiting = true;
}

/* Take the next reading, or evaluate when there is none left. */
static void next(struct rbk_reading *reading)
{
    const struct rbk_reader_setup *setup = &reading->reader->setup;
    const struct rbk_expr *expr = &setup->scope->machine->exprs[reading->expr];
    struct rbk_scope scope = *setup->scope;
    struct rbk_request_source source;
    struct rbk_request request;
    const struct rbk_read *read;
    struct rbk_error error;
    uint64_t now = uv_now(setup->loop), left_ms;

    if (reading->next == expr->reads.count) {
        evaluate(reading);
        return;
    }
    if (reading->next != 0 && now >= reading->deadline_ms) {
        fail(reading, RBK_STR("its time ran out"));
        return;
    }
    read = current(reading);
    scope.reads = reading->results;
    source = (struct rbk_request_source){.scope = &scope,
                                         .args = read->args,
                                         .connection = read->connection,
                                         .run = setup->run,
                                         .step = reading->name,
                                         .stage = reading->stage,
                                         .key = ""};
    if (rbk_request_build(&source, &reading->arena, &request, &error) != 0 ||
        rbk_request_filter(&source, &reading->arena, &reading->filter, &error) != 0) {
        miss(reading, rbk_str_from(error.text));
        return;
    }
    request.timeout_ms = read->timeout_ms;
    left_ms = reading->deadline_ms > now ? reading->deadline_ms - now : 1;
    if (left_ms < request.timeout_ms) {
        request.timeout_ms = left_ms;
    }

    if (read->kind == RBK_READ_ALERT) {
        bool firing = setup->alert != NULL && setup->alert(setup->context, request.statement,
                                                           request.headers, request.header_count);

        keep(reading, rbk_value_bool(firing), (struct rbk_str){NULL, 0});
    } else if (reads_host(read->kind)) {
        if (rbk_host_read(setup->loop, read->kind, request.statement,
                          rbk_str_from(setup->directory), reading, on_host, &reading->host,
                          &error) != 0) {
            miss(reading, rbk_str_from(error.text));
        } else {
            reading->waiting = true;
        }
    } else {
        start_driver(reading, &request);
    }
}

static void on_turn(uv_timer_t *timer)
{
    next(timer->data);
}

int rbk_reading_start(struct rbk_reader *reader, uint32_t expr, const char *name, const char *stage,
                      uint64_t timeout_ms, void *owner, rbk_reading_fn *on_done,
                      struct rbk_reading **ret_reading, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = reader->setup.scope->machine;
    struct rbk_reading *reading = calloc(1, sizeof(*reading));

    if (reading == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_arena_init(&reading->arena, READING_ARENA_BYTES);
    reading->client = (struct rbk_client){.on_result = on_driver_result};
    reading->reader = reader;
    reading->owner = owner;
    reading->on_done = on_done;
    reading->expr = expr;
    reading->name = rbk_arena_copy(&reading->arena, rbk_str_from(name)).data;
    reading->stage = rbk_arena_copy(&reading->arena, rbk_str_from(stage)).data;
    reading->deadline_ms = uv_now(reader->setup.loop) + timeout_ms;
    reading->results =
        rbk_new_array(&reading->arena, struct rbk_value, machine->exprs[expr].reads.count + 1u);
    reading->next_reading = reader->readings;
    reading->link = &reader->readings;
    if (reading->next_reading != NULL) {
        reading->next_reading->link = &reading->next_reading;
    }
    reader->readings = reading;
    uv_timer_init(reader->setup.loop, &reading->turn);
    reading->turn.data = reading;
    uv_timer_start(&reading->turn, on_turn, 0, 0);
    *ret_reading = reading;
    return 0;
}

void rbk_reading_cancel(struct rbk_reading *reading)
{
    struct rbk_filter *filters = NULL;

    if (reading->cancelled) {
        return;
    }
    reading->cancelled = true;
    uv_timer_stop(&reading->turn);
    if (reading->filtering &&
        rbk_drivers_filter(reading->reader->setup.drivers, &filters, NULL) == 0) {
        rbk_filter_cancel(filters, reading);
        reading->waiting = false;
    }
    if (reading->host != NULL) {
        rbk_host_cancel(reading->host);
        reading->host = NULL;
        reading->waiting = false;
    }
    if (!reading->waiting) {
        release(reading);
    } else if (reading->activity != NULL) {
        reading->driver->ops->cancel(reading->activity);
    }
}
