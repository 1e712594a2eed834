/*
 * From arguments to a request: every template is evaluated here, right before the effect or reading
 * starts, so a secret exists in memory only from here to the driver.
 */
#include "runtime/drivers/set.h"

#include <string.h>

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/drivers/module.h"

/* The most arguments of one kind: far more than a plan's limits allow to be written. */
#define ARGUMENTS_MAX 4096

/* Arrays that grow as arguments come in, each with room for all of them. */
struct build {
    const struct rbk_request_source *source;
    struct rbk_arena *arena;
    struct rbk_request *request;
    struct rbk_str *words, *cancel_words;
    struct rbk_pair *environment, *headers;
    struct rbk_value *binds;
    int64_t *expect;
    struct rbk_error *reterr;
};

/* A value as the world gets it. */
static int text_of(struct build *build, struct rbk_value value, struct rbk_str *ret_text)
{
    struct rbk_buffer printed;
    int error = 0;

    switch (value.type) {
    case RBK_TYPE_TEXT:
    case RBK_TYPE_URL:
    case RBK_TYPE_JSON:
    case RBK_TYPE_SCALAR:
    case RBK_TYPE_SECRET:
        *ret_text = rbk_arena_copy(build->arena, value.as.text);
        return 0;
    default:
        rbk_buffer_init(&printed, RBK_TEMPLATE_BYTES_MAX);
        rbk_value_print(&printed, value);
        /* Cut short it would be another value. */
        if (printed.error != 0) {
            error = rbk_error_set(build->reterr, RBK_ELIMIT, "a value is longer than %zu bytes",
                                  RBK_TEMPLATE_BYTES_MAX);
        } else {
            *ret_text = rbk_arena_copy(build->arena, rbk_buffer_str(&printed));
        }
        rbk_buffer_fini(&printed);
        return error;
    }
}

static int evaluate(struct build *build, const struct rbk_arg *arg, struct rbk_value *ret_value)
{
    int error =
        rbk_expr_evaluate(build->source->scope, arg->expr, build->arena, ret_value, build->reterr);

    if (error != 0) {
        return error;
    }
    if (ret_value->missing && arg->kind != RBK_ARG_BIND) {
        const struct rbk_expr *expr = &build->source->scope->machine->exprs[arg->expr];

        return rbk_error_set(build->reterr, RBK_EMISSING, "the %s `%.*s` has no value",
                             rbk_arg_kind_name(arg->kind), RBK_STR_ARG(expr->text));
    }
    return 0;
}

static void put_text(struct build *build, enum rbk_arg_kind kind, struct rbk_str text)
{
    struct rbk_request *request = build->request;

    switch (kind) {
    case RBK_ARG_WORD:
        build->words[request->word_count++] = text;
        break;
    case RBK_ARG_CANCEL_WORD:
        build->cancel_words[request->cancel_word_count++] = text;
        break;
    case RBK_ARG_SCRIPT:
        build->words[0] = RBK_STR("/bin/sh");
        build->words[1] = RBK_STR("-c");
        build->words[2] = text;
        request->word_count = 3;
        break;
    case RBK_ARG_DIRECTORY:
        request->directory = text;
        break;
    case RBK_ARG_STDIN:
        request->input = text;
        request->has_input = true;
        break;
    case RBK_ARG_STATEMENT:
    case RBK_ARG_PATH:
    case RBK_ARG_NAME:
        request->statement = text;
        break;
    case RBK_ARG_METHOD:
        request->method = text;
        break;
    case RBK_ARG_URL:
        request->url = text;
        break;
    case RBK_ARG_BODY:
    case RBK_ARG_JSON:
        request->body = text;
        request->has_body = true;
        break;
    default:
        break; /* labels, messages, filters: read by others */
    }
}

static int put(struct build *build, const struct rbk_arg *arg)
{
    struct rbk_request *request = build->request;
    struct rbk_value value;
    struct rbk_str text = {NULL, 0};
    int error = evaluate(build, arg, &value);

    if (error != 0) {
        return error;
    }
    switch (arg->kind) {
    case RBK_ARG_BIND:
        build->binds[request->bind_count++] = value;
        return 0;
    case RBK_ARG_EXPECT:
        build->expect[request->expect_count++] = value.as.integer;
        return 0;
    default:
        break;
    }
    if ((error = text_of(build, value, &text)) != 0) {
        return error;
    }
    if (text.bytes != 0 && memchr(text.data, '\0', text.bytes) != NULL &&
        arg->kind != RBK_ARG_STDIN && arg->kind != RBK_ARG_BODY) {
        return rbk_error_set(build->reterr, RBK_EREFUSED, "the %s holds a NUL byte",
                             rbk_arg_kind_name(arg->kind));
    }
    if (arg->kind == RBK_ARG_ENVIRONMENT) {
        build->environment[request->environment_count++] = (struct rbk_pair){arg->name, text};
    } else if (arg->kind == RBK_ARG_HEADER || arg->kind == RBK_ARG_ALERT_LABEL) {
        build->headers[request->header_count++] = (struct rbk_pair){arg->name, text};
    } else {
        put_text(build, arg->kind, text);
    }
    return 0;
}

static int put_connection(struct build *build)
{
    const struct rbk_request_source *source = build->source;
    const struct rbk_connection *connection =
        &source->scope->machine->connections[source->connection];
    struct rbk_value value;
    int error =
        rbk_expr_evaluate(source->scope, connection->address, build->arena, &value, build->reterr);

    if (error != 0) {
        return error;
    }
    if (value.missing) {
        return rbk_error_set(build->reterr, RBK_EMISSING,
                             "the address of connection `%.*s` has no value",
                             RBK_STR_ARG(connection->name));
    }
    build->request->connection_kind = connection->kind;
    build->request->connection = rbk_arena_copy(build->arena, connection->name).data;
    if ((error = text_of(build, value, &build->request->address)) != 0) {
        return error;
    }
    if (rbk_str_find(build->request->address, '\0') < build->request->address.bytes) {
        return rbk_error_set(build->reterr, RBK_EREFUSED,
                             "the address of connection `%.*s` holds a NUL byte",
                             RBK_STR_ARG(connection->name));
    }
    return 0;
}

/* `using CONNECTION`: PostgreSQL's variables are those of its own tools; for the others there is no
 * standard, so that they get one each, SQLITE_FILE and REDIS_URL. */
static int put_environment(struct build *build)
{
    struct rbk_request *request = build->request;
    const struct rbk_driver_modules *modules = build->source->modules;
    struct rbk_str variable = RBK_STR("REDIS_URL");

    if (request->connection_kind == RBK_CONNECTION_POSTGRES) {
        RBK_ASSERT(modules != NULL && modules->postgres != NULL);
        return modules->postgres->environment(request->address, build->arena, build->environment,
                                              &request->environment_count, build->reterr);
    }
    if (request->connection_kind == RBK_CONNECTION_SQLITE) {
        variable = RBK_STR("SQLITE_FILE");
    }
    build->environment[request->environment_count++] =
        (struct rbk_pair){variable, request->address};
    return 0;
}

int rbk_request_build(const struct rbk_request_source *source, struct rbk_arena *arena,
                      struct rbk_request *ret_request, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = source->scope->machine;
    size_t room = source->args.count + 3u + RBK_CONNECTION_ENVIRONMENT_MAX;
    struct rbk_request request = {
        .run = source->run, .step = source->step, .stage = source->stage, .key = source->key};
    struct build build = {.source = source, .arena = arena, .request = &request, .reterr = reterr};
    int error;

    if (source->args.count > ARGUMENTS_MAX) {
        return rbk_error_set(reterr, RBK_ELIMIT, "more than %d arguments", ARGUMENTS_MAX);
    }
    build.words = rbk_new_array(arena, struct rbk_str, room);
    build.cancel_words = rbk_new_array(arena, struct rbk_str, room);
    build.environment = rbk_new_array(arena, struct rbk_pair, room);
    build.headers = rbk_new_array(arena, struct rbk_pair, room);
    build.binds = rbk_new_array(arena, struct rbk_value, room);
    build.expect = rbk_new_array(arena, int64_t, room);

    for (uint32_t i = 0; i < source->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[source->args.first + i];

        if (arg->kind == RBK_ARG_FILTER || arg->kind == RBK_ARG_PROGRESS ||
            arg->kind == RBK_ARG_DURATION) {
            continue;
        }
        if ((error = put(&build, arg)) != 0) {
            return error;
        }
    }
    if (source->connection != RBK_NONE) {
        if ((error = put_connection(&build)) != 0) {
            return error;
        }
        if (source->environment && (error = put_environment(&build)) != 0) {
            return error;
        }
    }
    request.words = build.words;
    request.cancel_words = build.cancel_words;
    request.environment = build.environment;
    request.headers = build.headers;
    request.binds = build.binds;
    request.expect = build.expect;
    *ret_request = request;
    return 0;
}

int rbk_request_filter(const struct rbk_request_source *source, struct rbk_arena *arena,
                       struct rbk_str *ret_filter, struct rbk_error *reterr)
{
    struct build build = {.source = source, .arena = arena, .reterr = reterr};
    struct rbk_value value;

    *ret_filter = (struct rbk_str){NULL, 0};
    for (uint32_t i = 0; i < source->args.count; i++) {
        const struct rbk_arg *arg = &source->scope->machine->args[source->args.first + i];
        int error;

        if (arg->kind != RBK_ARG_FILTER) {
            continue;
        }
        if ((error = evaluate(&build, arg, &value)) != 0) {
            return error;
        }
        if ((error = text_of(&build, value, ret_filter)) != 0) {
            return error;
        }
    }
    return 0;
}
