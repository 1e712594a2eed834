/*
 * Parameters from the command line. Values stay text here; the run reads them as the types that the
 * plan declares.
 */
#include "runtime/people/params.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/number.h"

static int add(struct rbk_params *params, struct rbk_str name, struct rbk_str text,
               const char *origin, struct rbk_error *reterr)
{
    for (size_t i = 0; i < params->count; i++) {
        if (rbk_str_equal(params->items[i].name, name)) {
            if (strcmp(params->items[i].origin, origin) == 0) {
                return rbk_error_set(reterr, RBK_EUSAGE, "parameter \"%.*s\" is set twice",
                                     RBK_STR_ARG(name));
            }
            params->items[i] = (struct rbk_run_setting){name, text, origin};
            return 0;
        }
    }
    if (params->count == RBK_PARAMETERS_MAX) {
        return rbk_error_set(reterr, RBK_EUSAGE, "more than %zu parameters", RBK_PARAMETERS_MAX);
    }
    params->items[params->count++] = (struct rbk_run_setting){name, text, origin};
    return 0;
}

/* The text of a JSON value as a plan would have it; missing data for what cannot be one. */
static struct rbk_str scalar_text(struct rbk_arena *arena, const json_t *value)
{
    char number[RBK_NUMBER_BYTES];
    switch (json_typeof(value)) {
    case JSON_STRING:
        return rbk_arena_copy(
            arena, (struct rbk_str){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
        return rbk_arena_printf(arena, "%lld", (long long)json_integer_value(value));
    case JSON_REAL:
        (void)rbk_number_print(number, json_real_value(value), 0);
        return rbk_arena_copy(arena, rbk_str_from(number));
    case JSON_TRUE:
        return RBK_STR("true");
    case JSON_FALSE:
        return RBK_STR("false");
    default:
        return (struct rbk_str){NULL, 0};
    }
}

/* An array as a JSON array of texts. */
static struct rbk_str list_text(struct rbk_arena *arena, const json_t *array)
{
    json_t *texts = json_array(), *item;
    struct rbk_str text = {NULL, 0};
    size_t index;
    json_array_foreach(array, index, item)
    {
        struct rbk_str one = scalar_text(arena, item);
        if (one.data == NULL) {
            json_decref(texts);
            return text;
        }
        (void)json_array_append_new(texts, json_stringn(one.data, one.bytes));
    }
    char *dumped = json_dumps(texts, JSON_COMPACT);
    if (dumped != NULL) {
        text = rbk_arena_copy(arena, rbk_str_from(dumped));
        free(dumped);
    }
    json_decref(texts);
    return text;
}

/* Opened without waiting: a named pipe that nobody writes to is empty, not a wait for ever. */
static json_t *load(const char *path, json_error_t *ret_where)
{
    json_t *object;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) {
        ret_where->line = -1;
        (void)snprintf(ret_where->text, sizeof(ret_where->text), "cannot read %s: %s", path,
                       strerror(errno));
        return NULL;
    }
    (void)fcntl(descriptor, F_SETFL, 0);
    object = json_loadfd(descriptor, JSON_REJECT_DUPLICATES, ret_where);
    (void)close(descriptor);
    return object;
}

static int read_file(struct rbk_params *params, const char *path, struct rbk_error *reterr)
{
    json_error_t where;
    json_t *value, *object = load(path, &where);
    const char *name;
    int error = 0;

    if (object == NULL) {
        (void)rbk_error_set(reterr, RBK_EUSAGE, "%s", where.text);
        if (where.line > 0) {
            rbk_error_set_place(reterr, "%s:%d:%d", path, where.line, where.column);
        } else {
            rbk_error_set_place(reterr, "--params");
        }
        return -RBK_EUSAGE;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        (void)rbk_error_set(reterr, RBK_EUSAGE, "a JSON object is expected: {\"name\": value, …}");
        rbk_error_set_place(reterr, "%s", path);
        return -RBK_EUSAGE;
    }
    json_object_foreach(object, name, value)
    {
        struct rbk_str text = json_is_array(value) ? list_text(&params->arena, value)
                                                   : scalar_text(&params->arena, value);
        if (text.data == NULL) {
            error = rbk_error_set(reterr, RBK_EUSAGE,
                                  "parameter \"%s\" is neither a text, a number, a bool nor a "
                                  "list of them",
                                  name);
        } else {
            error =
                add(params, rbk_arena_copy(&params->arena, rbk_str_from(name)), text, path, reterr);
        }
        if (error != 0) {
            rbk_error_set_place(reterr, "%s", path);
            break;
        }
    }
    json_decref(object);
    return error;
}

static int read_set(struct rbk_params *params, const char *given, struct rbk_error *reterr)
{
    struct rbk_str text = rbk_str_from(given);
    size_t equals = rbk_str_find(text, '=');
    if (equals == 0 || equals == text.bytes) {
        return rbk_error_set(reterr, RBK_EUSAGE, "--set %s: NAME=VALUE is expected", given);
    }
    return add(params, rbk_arena_copy(&params->arena, rbk_str_slice(text, 0, equals)),
               rbk_arena_copy(&params->arena, rbk_str_slice(text, equals + 1, text.bytes)), "--set",
               reterr);
}

int rbk_params_read(const struct rbk_options *options, struct rbk_params *ret_params,
                    struct rbk_error *reterr)
{
    struct rbk_params params = {.count = 0};
    const char *path = options->values[RBK_OPTION_PARAMS];
    int error = 0;

    rbk_arena_init(&params.arena, (size_t)256 << 20);
    params.items = rbk_new_array(&params.arena, struct rbk_run_setting, RBK_PARAMETERS_MAX);
    if (path != NULL) {
        error = read_file(&params, path, reterr);
    }
    for (size_t i = 0; error == 0 && i < options->set_count; i++) {
        error = read_set(&params, options->sets[i], reterr);
    }
    if (error != 0) {
        rbk_arena_fini(&params.arena);
        return error;
    }
    *ret_params = params;
    return 0;
}

void rbk_params_fini(struct rbk_params *params)
{
    rbk_arena_fini(&params->arena);
    memset(params, 0, sizeof(*params));
}
