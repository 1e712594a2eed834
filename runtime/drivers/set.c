/* The drivers of a run, opened when first needed and closed together. */
#include "runtime/drivers/set.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/drivers/exec.h"
#include "runtime/installed/installed.h"
#include "runtime/drivers/redis.h"
#include "runtime/drivers/sql_sqlite.h"

enum driver_index {
    DRIVER_EXEC,
    DRIVER_POSTGRES,
    DRIVER_SQLITE,
    DRIVER_HTTP,
    DRIVER_REDIS,
    DRIVER_COUNT, /* none of them */
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

static enum driver_index for_effect(const struct rbk_machine *machine,
                                    const struct rbk_effect *effect)
{
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_CAPTURE_RUN:
        return DRIVER_EXEC;
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_REDIS:
        return for_connection(machine, effect->connection);
    case RBK_EFFECT_HTTP:
        return DRIVER_HTTP;
    default:
        return DRIVER_COUNT;
    }
}

static enum driver_index for_read(const struct rbk_machine *machine, const struct rbk_read *read)
{
    switch (read->kind) {
    case RBK_READ_HTTP_STATUS:
    case RBK_READ_HTTP_JSON:
    case RBK_READ_HTTP_TEXT:
    case RBK_READ_HTTP_LATENCY:
        return DRIVER_HTTP;
    case RBK_READ_SQL_VALUE:
    case RBK_READ_SQL_RATIO:
    case RBK_READ_SQL_ROWS:
    case RBK_READ_REDIS_VALUE:
        return for_connection(machine, read->connection);
    case RBK_READ_RUN_EXIT:
    case RBK_READ_RUN_OUTPUT:
    case RBK_READ_RUN_JSON:
        return DRIVER_EXEC;
    default:
        return DRIVER_COUNT;
    }
}

static int load(const char *file, const struct rbk_driver_module **ret_module,
                struct rbk_error *reterr)
{
    char *path = rbk_installed_path(file);
    int error;

    if (path == NULL) {
        return rbk_error_set(reterr, RBK_ENOTFOUND, "cannot tell where this program is installed");
    }
    error = rbk_driver_module_load(path, ret_module, reterr);
    free(path);
    return error;
}

int rbk_drivers_load(const struct rbk_machine *machine, struct rbk_driver_modules *ret_modules,
                     struct rbk_error *reterr)
{
    bool needed[DRIVER_COUNT + 1] = {false};

    for (uint32_t i = 0; i < machine->effect_count; i++) {
        needed[for_effect(machine, &machine->effects[i])] = true;
    }
    for (uint32_t i = 0; i < machine->read_count; i++) {
        needed[for_read(machine, &machine->reads[i])] = true;
    }
    /* Also a command that is given the connection needs what reads its address. */
    for (uint32_t i = 0; i < machine->connection_count; i++) {
        needed[for_connection(machine, i)] = true;
    }
    *ret_modules = (struct rbk_driver_modules){.http = NULL};
#define X(member, constant, file)                             \
    if (needed[DRIVER_##constant]) {                          \
        int error = load(file, &ret_modules->member, reterr); \
                                                              \
        if (error != 0) {                                     \
            return error;                                     \
        }                                                     \
    }
    RBK_DRIVER_MODULES(X)
#undef X
    return 0;
}

/* Who opens a driver. */
static rbk_driver_open_fn *opener(const struct rbk_drivers *drivers, enum driver_index which)
{
    switch (which) {
    case DRIVER_EXEC:
        return rbk_exec_open;
    case DRIVER_SQLITE:
        return rbk_sql_sqlite_open;
    case DRIVER_REDIS:
        return rbk_redis_open;
    case DRIVER_HTTP:
        return drivers->setup.modules->http->open;
    default:
        return drivers->setup.modules->postgres->open;
    }
}

static int get(struct rbk_drivers *drivers, enum driver_index which, struct rbk_driver **ret_driver,
               struct rbk_error *reterr)
{
    int error;

    if (which == DRIVER_COUNT) {
        *ret_driver = NULL;
        return 0;
    }
    if (drivers->drivers[which] == NULL &&
        (error = opener(drivers, which)(&drivers->setup, &drivers->drivers[which], reterr)) != 0) {
        return error;
    }
    *ret_driver = drivers->drivers[which];
    return 0;
}

int rbk_drivers_for_effect(struct rbk_drivers *drivers, const struct rbk_machine *machine,
                           const struct rbk_effect *effect, struct rbk_driver **ret_driver,
                           struct rbk_error *reterr)
{
    return get(drivers, for_effect(machine, effect), ret_driver, reterr);
}

int rbk_drivers_for_read(struct rbk_drivers *drivers, const struct rbk_machine *machine,
                         const struct rbk_read *read, struct rbk_driver **ret_driver,
                         struct rbk_error *reterr)
{
    return get(drivers, for_read(machine, read), ret_driver, reterr);
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
