/* The drivers of a run, opened when first needed and closed together. */
#include "runtime/drivers/set.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/drivers/exec.h"
#include "runtime/drivers/http.h"
#include "runtime/drivers/redis.h"
#include "runtime/drivers/sql_postgres.h"
#include "runtime/drivers/sql_sqlite.h"

/* Every driver: X(constant, constructor). */
#define RBK_DRIVER_LIST(X)             \
    X(EXEC, rbk_exec_open)             \
    X(POSTGRES, rbk_sql_postgres_open) \
    X(SQLITE, rbk_sql_sqlite_open)     \
    X(HTTP, rbk_http_open)             \
    X(REDIS, rbk_redis_open)

enum driver_index {
#define X(constant, open) DRIVER_##constant,
    RBK_DRIVER_LIST(X)
#undef X
        DRIVER_COUNT
};

typedef int open_fn(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                    struct rbk_error *reterr);

static open_fn *const openers[] = {
#define X(constant, open) open,
    RBK_DRIVER_LIST(X)
#undef X
};

struct rbk_drivers {
    struct rbk_driver_setup setup;
    struct rbk_driver *drivers[DRIVER_COUNT]; /* owned; NULL until needed */
    struct rbk_filter *filter;                /* owned; NULL until needed */
    unsigned closing;                         /* how many are still to close */
    void (*on_closed)(void *context);
    void *context;
};

static void on_result(void *owner, struct rbk_activity *activity, const struct rbk_result *result)
{
    struct rbk_client *client = owner;

    (void)activity;
    client->on_result(client, result);
}

static void on_note(void *owner, struct rbk_activity *activity, struct rbk_str note)
{
    struct rbk_client *client = owner;

    (void)activity;
    client->on_note(client, note);
}

static void on_recovered(void *owner, struct rbk_activity *activity, enum rbk_recovery recovery,
                         const struct rbk_result *result)
{
    struct rbk_client *client = owner;

    (void)activity;
    client->on_recovered(client, recovery, result);
}

int rbk_drivers_new(const struct rbk_driver_setup *setup, struct rbk_drivers **ret_drivers,
                    struct rbk_error *reterr)
{
    struct rbk_drivers *drivers = calloc(1, sizeof(*drivers));

    if (drivers == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    drivers->setup = *setup;
    drivers->setup.callbacks = (struct rbk_driver_callbacks){
        .on_result = on_result, .on_note = on_note, .on_recovered = on_recovered};
    *ret_drivers = drivers;
    return 0;
}

void rbk_drivers_free(struct rbk_drivers *drivers)
{
    free(drivers);
}

static int get(struct rbk_drivers *drivers, enum driver_index which, struct rbk_driver **ret_driver,
               struct rbk_error *reterr)
{
    if (drivers->drivers[which] == NULL) {
        int error = openers[which](&drivers->setup, &drivers->drivers[which], reterr);

        if (error != 0) {
            return error;
        }
    }
    *ret_driver = drivers->drivers[which];
    return 0;
}

static enum driver_index for_connection(const struct rbk_machine *machine, uint32_t connection)
{
    switch (machine->connections[connection].kind) {
    case RBK_CONNECTION_SQLITE:
        return DRIVER_SQLITE;
    case RBK_CONNECTION_REDIS:
        return DRIVER_REDIS;
    default:
        return DRIVER_POSTGRES;
    }
}

int rbk_drivers_for_effect(struct rbk_drivers *drivers, const struct rbk_machine *machine,
                           const struct rbk_effect *effect, struct rbk_driver **ret_driver,
                           struct rbk_error *reterr)
{
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_CAPTURE_RUN:
        return get(drivers, DRIVER_EXEC, ret_driver, reterr);
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_REDIS:
        return get(drivers, for_connection(machine, effect->connection), ret_driver, reterr);
    case RBK_EFFECT_HTTP:
        return get(drivers, DRIVER_HTTP, ret_driver, reterr);
    default:
        *ret_driver = NULL;
        return 0;
    }
}

int rbk_drivers_for_read(struct rbk_drivers *drivers, const struct rbk_machine *machine,
                         const struct rbk_read *read, struct rbk_driver **ret_driver,
                         struct rbk_error *reterr)
{
    switch (read->kind) {
    case RBK_READ_HTTP_STATUS:
    case RBK_READ_HTTP_JSON:
    case RBK_READ_HTTP_TEXT:
    case RBK_READ_HTTP_LATENCY:
        return get(drivers, DRIVER_HTTP, ret_driver, reterr);
    case RBK_READ_SQL_VALUE:
    case RBK_READ_SQL_RATIO:
    case RBK_READ_SQL_ROWS:
    case RBK_READ_REDIS_VALUE:
        return get(drivers, for_connection(machine, read->connection), ret_driver, reterr);
    case RBK_READ_RUN_EXIT:
    case RBK_READ_RUN_OUTPUT:
    case RBK_READ_RUN_JSON:
        return get(drivers, DRIVER_EXEC, ret_driver, reterr);
    default:
        *ret_driver = NULL;
        return 0;
    }
}

int rbk_drivers_filter(struct rbk_drivers *drivers, struct rbk_filter **ret_filter,
                       struct rbk_error *reterr)
{
    if (drivers->filter == NULL) {
        int error = rbk_filter_open(&drivers->setup, &drivers->filter, reterr);

        if (error != 0) {
            return error;
        }
    }
    *ret_filter = drivers->filter;
    return 0;
}

void rbk_drivers_forget(struct rbk_drivers *drivers, uint32_t serial)
{
    struct rbk_driver *exec = drivers->drivers[DRIVER_EXEC];

    if (exec != NULL && exec->ops->forget != NULL) {
        exec->ops->forget(exec, serial);
    }
}

static void on_one_closed(void *context)
{
    struct rbk_drivers *drivers = context;

    if (--drivers->closing == 0) {
        drivers->on_closed(drivers->context);
    }
}

void rbk_drivers_close(struct rbk_drivers *drivers, bool leave, void (*on_closed)(void *context),
                       void *context)
{
    struct rbk_filter *filter = drivers->filter;

    drivers->on_closed = on_closed;
    drivers->context = context;
    drivers->filter = NULL;
    /* One more than there are, so that a driver which closes at once does not end it early. */
    drivers->closing = 1;
    for (size_t i = 0; i < DRIVER_COUNT; i++) {
        struct rbk_driver *driver = drivers->drivers[i];

        drivers->drivers[i] = NULL;
        if (driver == NULL) {
            continue;
        }
        drivers->closing++;
        driver->ops->close(driver, leave, on_one_closed, drivers);
    }
    if (filter != NULL) {
        drivers->closing++;
        rbk_filter_close(filter, on_one_closed, drivers);
    }
    on_one_closed(drivers);
}
