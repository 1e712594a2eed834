/* Parameters: given, read as their type, checked by their `where`, kept with the run. */
#include "runtime/executor/settings.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/hash.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/base/utf8.h"

/* What a value of a type looks like; for who has just written something else. */
static const char *sample_of(enum rbk_type type)
{
    switch (type) {
    case RBK_TYPE_BOOL:
        return "true";
    case RBK_TYPE_INT:
        return "42";
    case RBK_TYPE_NUMBER:
        return "0.25";
    case RBK_TYPE_RATIO:
        return "5%";
    case RBK_TYPE_DURATION:
        return "90s";
    case RBK_TYPE_BYTES:
        return "10MiB";
    case RBK_TYPE_TIME:
        return "2026-11-22T06:00:00Z";
    case RBK_TYPE_URL:
        return "https://example.com";
    case RBK_TYPE_JSON:
        return "{\"a\": 1}";
    default:
        return "text";
    }
}

static int read_list(const struct rbk_param *param, const struct rbk_run_setting *setting,
                     struct rbk_arena *arena, struct rbk_value *ret_value, struct rbk_error *reterr)
{
    json_error_t where;
    json_t *array =
        json_loadb(setting->text.data, setting->text.bytes, JSON_REJECT_DUPLICATES, &where);
    struct rbk_value *items;
    int error = 0;

    if (!json_is_array(array)) {
        json_decref(array);
        return rbk_error_set(
            reterr, RBK_EUSAGE,
            "parameter `%.*s` is a list: give a JSON array, such as '[\"a\", \"b\"]'",
            RBK_STR_ARG(param->name));
    }
    items = rbk_new_array(arena, struct rbk_value, json_array_size(array) + 1);
    for (size_t i = 0; i < json_array_size(array) && error == 0; i++) {
        const json_t *item = json_array_get(array, i);
        bool plain = !json_is_object(item) && !json_is_array(item) && !json_is_null(item);
        char *text = json_is_string(item) ? NULL : json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);
        struct rbk_str spelled =
            text != NULL ? rbk_str_from(text)
                         : (struct rbk_str){json_string_value(item), json_string_length(item)};

        items[i] = plain ? rbk_value_parse(param->item_type, rbk_arena_copy(arena, spelled))
                         : rbk_value_missing(param->item_type);
        if (items[i].missing) {
            error =
                rbk_error_set(reterr, RBK_EUSAGE,
                              "parameter `%.*s`: item %zu, \"%.*s\", is not of type %s, such as %s",
                              RBK_STR_ARG(param->name), i + 1, RBK_STR_ARG(spelled),
                              rbk_type_name(param->item_type), sample_of(param->item_type));
        }
        free(text);
    }
    *ret_value = (struct rbk_value){.type = RBK_TYPE_LIST};
    ret_value->as.list.items = items;
    ret_value->as.list.count = json_array_size(array);
    json_decref(array);
    return error;
}

static int read_one(const struct rbk_param *param, const struct rbk_run_setting *setting,
                    struct rbk_arena *arena, struct rbk_value *ret_value, struct rbk_error *reterr)
{
    int error = 0;

    if (setting->text.bytes > RBK_VALUE_BYTES_MAX) {
        error = rbk_error_set(reterr, RBK_EUSAGE, "parameter `%.*s` is larger than %zu bytes",
                              RBK_STR_ARG(param->name), RBK_VALUE_BYTES_MAX);
    } else if (!rbk_utf8_valid(setting->text, NULL) ||
               rbk_str_find(setting->text, '\0') < setting->text.bytes) {
        error = rbk_error_set(reterr, RBK_EUSAGE, "parameter `%.*s` is not UTF-8 text",
                              RBK_STR_ARG(param->name));
    } else if (param->type == RBK_TYPE_LIST) {
        error = read_list(param, setting, arena, ret_value, reterr);
    } else {
        *ret_value = rbk_value_copy(arena, rbk_value_parse(param->type, setting->text));
        if (ret_value->missing) {
            error = rbk_error_set(reterr, RBK_EUSAGE,
                                  "parameter `%.*s`: \"%.*s\" is not of type %s, such as %s",
                                  RBK_STR_ARG(param->name), RBK_STR_ARG(setting->text),
                                  rbk_type_name(param->type), sample_of(param->type));
        }
    }
    if (error != 0) {
        rbk_error_set_place(reterr, "%s", setting->origin);
    }
    return error;
}

static const struct rbk_run_setting *find(const struct rbk_run_setting *settings, size_t count,
                                          struct rbk_str name)
{
    const struct rbk_run_setting *found = NULL;

    /* The last one counts, so that --set overrides a file given before it. */
    for (size_t i = 0; i < count; i++) {
        if (rbk_str_equal(settings[i].name, name)) {
            found = &settings[i];
        }
    }
    return found;
}

static int refuse_unknown(const struct rbk_machine *machine, const struct rbk_run_setting *settings,
                          size_t count, struct rbk_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        bool known = false;

        for (uint32_t j = 0; j < machine->param_count && !known; j++) {
            known = rbk_str_equal(machine->params[j].name, settings[i].name);
        }
        if (!known) {
            (void)rbk_error_set(reterr, RBK_EUSAGE, "the plan has no parameter `%.*s`",
                                RBK_STR_ARG(settings[i].name));
            rbk_error_set_place(reterr, "%s", settings[i].origin);
            return -RBK_EUSAGE;
        }
    }
    return 0;
}

static int check_where(const struct rbk_machine *machine, struct rbk_value *params,
                       struct rbk_arena *arena, struct rbk_error *reterr)
{
    const struct rbk_scope scope = {.machine = machine, .params = params};

    for (uint32_t i = 0; i < machine->param_count; i++) {
        const struct rbk_param *param = &machine->params[i];
        struct rbk_value holds;
        int error;

        if (param->where == RBK_NONE) {
            continue;
        }
        if ((error = rbk_expr_evaluate(&scope, param->where, arena, &holds, reterr)) != 0) {
            return error;
        }
        if (holds.missing || !holds.as.truth) {
            return rbk_error_set(reterr, RBK_EUSAGE, "parameter `%.*s`: %.*s",
                                 RBK_STR_ARG(param->name), RBK_STR_ARG(param->message));
        }
    }
    return 0;
}

int rbk_settings_read(const struct rbk_machine *machine, const struct rbk_run_setting *settings,
                      size_t setting_count, struct rbk_arena *arena, struct rbk_value **ret_params,
                      struct rbk_error *reterr)
{
    struct rbk_value *params = rbk_new_array(arena, struct rbk_value, machine->param_count + 1u);
    const struct rbk_scope scope = {.machine = machine, .params = params};
    int error = refuse_unknown(machine, settings, setting_count, reterr);

    for (uint32_t i = 0; i < machine->param_count; i++) {
        params[i] = rbk_value_missing(machine->params[i].type);
    }
    for (uint32_t i = 0; i < machine->param_count && error == 0; i++) {
        const struct rbk_param *param = &machine->params[i];
        const struct rbk_run_setting *given = find(settings, setting_count, param->name);

        if (given != NULL) {
            error = read_one(param, given, arena, &params[i], reterr);
        } else if (param->value != RBK_NONE) {
            error = rbk_expr_evaluate(&scope, param->value, arena, &params[i], reterr);
        } else {
            error = rbk_error_set(
                reterr, RBK_EUSAGE, "parameter `%.*s` (%s) has no default: give --set %.*s=…",
                RBK_STR_ARG(param->name), rbk_type_name(param->type), RBK_STR_ARG(param->name));
        }
    }
    if (error == 0) {
        error = check_where(machine, params, arena, reterr);
    }
    if (error == 0) {
        *ret_params = params;
    }
    return error;
}

static int duration(const struct rbk_scope *scope, uint32_t expr, struct rbk_arena *arena,
                    const char *what, uint64_t *ret_ms, struct rbk_error *reterr)
{
    struct rbk_value value;
    int error;

    *ret_ms = 0;
    if (expr == RBK_NONE) {
        return 0;
    }
    if ((error = rbk_expr_evaluate(scope, expr, arena, &value, reterr)) != 0) {
        return error;
    }
    if (value.missing || value.as.integer <= 0) {
        return rbk_error_set(reterr, RBK_EUSAGE, "`%s` needs a duration above zero", what);
    }
    *ret_ms = (uint64_t)value.as.integer;
    return 0;
}

int rbk_settings_derive(const struct rbk_machine *machine, const struct rbk_value *params,
                        struct rbk_arena *arena, struct rbk_settings *ret_settings,
                        struct rbk_error *reterr)
{
    const struct rbk_scope scope = {.machine = machine, .params = params};
    uint64_t *every = rbk_new_array(arena, uint64_t, machine->report_count + 1u);
    int error;

    *ret_settings = (struct rbk_settings){.report_every_ms = every, .params = params};
    if ((error = duration(&scope, machine->observe, arena, "observe", &ret_settings->observe_ms,
                          reterr)) != 0 ||
        (error = duration(&scope, machine->grace, arena, "grace", &ret_settings->grace_ms,
                          reterr)) != 0) {
        return error;
    }
    for (uint32_t i = 0; i < machine->report_count; i++) {
        if ((error = duration(&scope, machine->reports[i].every, arena, "report", &every[i],
                              reterr)) != 0) {
            return error;
        }
    }
    return 0;
}

int rbk_settings_encode(const struct rbk_machine *machine, const struct rbk_value *params,
                        struct rbk_buffer *out)
{
    json_t *object = json_object();
    char *text;

    for (uint32_t i = 0; i < machine->param_count; i++) {
        json_object_setn_new_nocheck(object, machine->params[i].name.data,
                                     machine->params[i].name.bytes, rbk_value_to_json(params[i]));
    }
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    if (text == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_buffer_append_text(out, text);
    free(text);
    return out->error;
}

int rbk_settings_decode(const struct rbk_machine *machine, struct rbk_str text,
                        struct rbk_arena *arena, struct rbk_value **ret_params,
                        struct rbk_error *reterr)
{
    struct rbk_value *params = rbk_new_array(arena, struct rbk_value, machine->param_count + 1u);
    json_error_t where;
    json_t *object = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, &where);
    int error =
        json_is_object(object)
            ? 0
            : rbk_error_set(reterr, RBK_ECORRUPT, "the store holds no good parameters of the run");

    for (uint32_t i = 0; i < machine->param_count && error == 0; i++) {
        const struct rbk_str name = machine->params[i].name;
        const json_t *value = json_object_getn(object, name.data, name.bytes);

        if (value == NULL || rbk_value_from_json(value, arena, &params[i]) != 0 ||
            params[i].type != machine->params[i].type) {
            error = rbk_error_set(reterr, RBK_ECORRUPT,
                                  "the store holds no good value of parameter `%.*s`",
                                  RBK_STR_ARG(name));
        }
    }
    json_decref(object);
    if (error == 0) {
        *ret_params = params;
    }
    return error;
}

int rbk_settings_hash(const struct rbk_store_run *run, char ret_hex[65])
{
    const struct rbk_pair texts[] = {
        {RBK_STR("directory"), run->directory},
        {RBK_STR("host"), run->host},
        {RBK_STR("machine"), run->machine},
        {RBK_STR("params"), run->params},
        {RBK_STR("plan"), run->plan},
        {RBK_STR("run"), run->id},
        {RBK_STR("title"), run->title},
        {RBK_STR("user"), run->user},
        {RBK_STR("unrehearsed"), run->unrehearsed},
        {RBK_STR("url"), run->url},
    };
    json_t *object = json_pack("{s:I}", "started", (json_int_t)run->started_ms);
    bool failed = object == NULL;
    char *text;

    /* A folder may have any name: what is not UTF-8 is hashed as hex. */
    for (size_t i = 0; i < RBK_COUNT(texts) && !failed; i++) {
        struct rbk_str value = texts[i].value;
        json_t *json = json_stringn(value.bytes != 0 ? value.data : "", value.bytes);
        char hash[65];

        if (json == NULL) {
            rbk_sha256_hex(value.data, value.bytes, hash);
            json = json_pack("[s]", hash);
        }
        failed = json_object_set_new(object, texts[i].name.data, json) != 0;
    }
    text = failed ? NULL : json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    if (text == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_sha256_hex(text, strlen(text), ret_hex);
    free(text);
    return 0;
}
