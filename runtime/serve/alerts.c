/*
 * Alertmanager's webhook, version 4 of its format: what fires and what is resolved goes to every
 * unfinished run with an `alert` probe of that name.
 *
 * Alertmanager sends what it has said before again and again; an alert whose state a run knows
 * already, or that waits in its inbox, is not put there again. What is to be written is found out
 * first; then all rows of one call are made durable together, in a moment, so that no runner waits
 * for it, and before it is answered with 200. Anything else is a 5xx, and Alertmanager comes again.
 */
#include "runtime/serve/serve_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/value_text.h"
#include "runtime/executor/alerts.h"
#include "runtime/people/when.h"

#define ALERTS_MAX 10000u
#define RUNS_MAX 1000u
/* One alert's name and labels. A runner refuses rows that are much longer, and these can become up
 * to six times as long there, in escapes. */
#define ALERT_BYTES_MAX ((size_t)32 << 10)
/* Rows that wait in one run's inbox, and the rows of one call. */
#define PENDING_BYTES_MAX ((size_t)16 << 20)
#define CALL_BYTES_MAX ((size_t)64 << 20)

/* One alert of the call; texts are borrowed from the body. */
struct alert {
    struct rbk_str name;
    const struct rbk_pair *labels; /* without alertname, in the request's arena */
    size_t label_count;
    bool firing;
};

/* A call under way. */
struct call {
    struct request *request;
    struct rbk_store *store;
    struct alert *alerts;
    size_t alert_count;
    char (*runs)[RBK_RUN_ID_BYTES]; /* unfinished ones */
    size_t run_count;
    struct row *rows, **rows_end; /* to be written */
    size_t row_count, row_bytes;
};

/* A row to be written. In the request's arena. */
struct row {
    struct row *next;
    const char *run;
    struct rbk_str body;
};

/* ---- reading the body -------------------------------------------------------------------------
 */

/* NULL, or what is wrong with it. */
static const char *read_alert(struct call *call, const json_t *object, struct alert *ret_alert)
{
    struct rbk_arena *arena = &call->request->arena;
    const json_t *labels = json_object_get(object, "labels");
    const char *status = json_string_value(json_object_get(object, "status"));
    const char *name;
    struct rbk_pair *pairs;
    json_t *value;
    size_t bytes, bytes_all = 0;

    if (status == NULL || (strcmp(status, "firing") != 0 && strcmp(status, "resolved") != 0)) {
        return "the status of an alert is \"firing\" or \"resolved\"";
    }
    if (!json_is_object(labels) || json_object_size(labels) > RBK_ALERT_LABELS_MAX) {
        return "an alert has labels, and not more than 64";
    }
    pairs = rbk_new_array(arena, struct rbk_pair, json_object_size(labels) + 1);
    *ret_alert = (struct alert){.labels = pairs, .firing = strcmp(status, "firing") == 0};
    json_object_keylen_foreach((json_t *)labels, name, bytes, value)
    {
        struct rbk_str text = {json_string_value(value), json_string_length(value)};

        if (!json_is_string(value) || bytes == 0) {
            return "a label has a name, and text for a value";
        }
        if ((bytes_all += bytes + text.bytes) > ALERT_BYTES_MAX) {
            return "an alert's labels are not longer than 32768 bytes";
        }
        if (rbk_str_is((struct rbk_str){name, bytes}, "alertname")) {
            ret_alert->name = rbk_arena_copy(arena, text);
        } else if (text.bytes != 0) {
            pairs[ret_alert->label_count++] = (struct rbk_pair){
                rbk_arena_copy(arena, (struct rbk_str){name, bytes}), rbk_arena_copy(arena, text)};
        }
    }
    if (ret_alert->name.bytes == 0 || memchr(ret_alert->name.data, 0, ret_alert->name.bytes)) {
        return "an alert has a label alertname";
    }
    return NULL;
}

/* false: it was answered. */
static bool read_body(struct call *call, const json_t *body, enum MHD_Result *ret_answered)
{
    const char *version = json_string_value(json_object_get(body, "version"));
    const json_t *alerts = json_object_get(body, "alerts");
    const char *wrong = NULL;
    json_t *alert;
    size_t index;

    if (version == NULL || strcmp(version, "4") != 0) {
        wrong = "version \"4\" of Alertmanager's webhook is expected";
    } else if (!json_is_array(alerts) || json_array_size(alerts) > ALERTS_MAX) {
        wrong = "\"alerts\" is to be an array, of not more than 10000";
    } else {
        call->alerts =
            rbk_new_array(&call->request->arena, struct alert, json_array_size(alerts) + 1);
        json_array_foreach(alerts, index, alert)
        {
            if (wrong == NULL) {
                wrong = read_alert(call, alert, &call->alerts[call->alert_count++]);
            }
        }
    }
    if (wrong != NULL) {
        *ret_answered = rbk_reply_problem(call->request, MHD_HTTP_BAD_REQUEST, "%s", wrong);
    }
    return wrong == NULL;
}

/* ---- what a run knows -------------------------------------------------------------------------
 */

/* The names that the alert probes of a run wait for. */
struct names {
    struct rbk_str *items;
    size_t count;
    bool all; /* one cannot be told before the runner evaluates it */
};

static struct names names_of(const struct rbk_history *history, struct rbk_arena *arena)
{
    const struct rbk_machine *machine = history->replay->machine;
    struct names names = {.items = rbk_new_array(arena, struct rbk_str, machine->read_count + 1)};

    for (uint32_t i = 0; i < machine->read_count; i++) {
        const struct rbk_read *read = &machine->reads[i];

        for (uint32_t j = 0; read->kind == RBK_READ_ALERT && j < read->args.count; j++) {
            const struct rbk_arg *arg = &machine->args[read->args.first + j];
            struct rbk_value value;

            if (arg->kind != RBK_ARG_NAME) {
                continue;
            }
            if (rbk_expr_evaluate(&history->scope, arg->expr, arena, &value, NULL) != 0 ||
                value.missing || !rbk_type_is_text(value.type)) {
                names.all = true;
            } else if (names.count < machine->read_count) {
                names.items[names.count++] = rbk_arena_copy(arena, value.as.text);
            }
        }
    }
    return names;
}

static bool waits_for(const struct names *names, struct rbk_str name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (rbk_str_equal(names->items[i], name)) {
            return true;
        }
    }
    return names->all;
}

static bool waits_for_any(const struct names *names, const struct call *call)
{
    for (size_t i = 0; i < call->alert_count; i++) {
        if (waits_for(names, call->alerts[i].name)) {
            return true;
        }
    }
    return false;
}

/* Whose labels stand in the same order, as most do, are compared in one walk. */
static bool same_labels(const struct rbk_pair *a, size_t a_count, const struct alert *alert)
{
    if (a_count != alert->label_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        size_t j = i, looked = 0;

        while (looked < a_count && !(rbk_str_equal(a[i].name, alert->labels[j].name) &&
                                     rbk_str_equal(a[i].value, alert->labels[j].value))) {
            j = j + 1 < a_count ? j + 1 : 0;
            looked++;
        }
        if (looked == a_count) {
            return false;
        }
    }
    return true;
}

/* What waits in the inbox of a run, looked through for one alert after the other. */
struct pending {
    struct rbk_arena arena;
    struct alert *alerts; /* oldest first */
    size_t count, capacity, rows, bytes;
    bool cut; /* there is more than was kept: what a run will know cannot be told */
};

static int keep_pending(void *context, const struct rbk_store_request *row)
{
    struct pending *pending = context;
    json_t *body, *labels, *value;
    struct rbk_pair *pairs;
    struct alert *alert;
    const char *name;
    size_t bytes;

    pending->rows++;
    pending->bytes += row->body.bytes;
    if (pending->count == pending->capacity || pending->bytes > PENDING_BYTES_MAX) {
        pending->cut = true;
        return 1;
    }
    if (!rbk_str_is(row->kind, "alert") ||
        (body = json_loadb(row->body.data, row->body.bytes, 0, NULL)) == NULL) {
        return 0;
    }
    labels = json_object_get(body, "labels");
    alert = &pending->alerts[pending->count++];
    pairs = rbk_new_array(&pending->arena, struct rbk_pair, json_object_size(labels) + 1);
    *alert = (struct alert){
        .name = rbk_arena_copy(&pending->arena,
                               rbk_str_from(json_string_value(json_object_get(body, "name")))),
        .labels = pairs,
        .firing = json_is_true(json_object_get(body, "firing"))};
    json_object_keylen_foreach(labels, name, bytes, value)
    {
        if (json_is_string(value) && json_string_length(value) != 0) {
            pairs[alert->label_count++] = (struct rbk_pair){
                rbk_arena_copy(&pending->arena, (struct rbk_str){name, bytes}),
                rbk_arena_copy(&pending->arena, (struct rbk_str){json_string_value(value),
                                                                 json_string_length(value)})};
        }
    }
    json_decref(body);
    return 0;
}

/* The state that the run will have once it has read its inbox. */
static bool is_known_firing(const struct rbk_history *history, const struct pending *pending,
                            const struct alert *alert)
{
    const struct rbk_alerts *alerts = &history->replay->alerts;
    bool firing = false;

    for (size_t i = 0; i < alerts->count; i++) {
        firing |= rbk_str_equal(alerts->items[i].name, alert->name) &&
                  same_labels(alerts->items[i].labels, alerts->items[i].label_count, alert);
    }
    for (size_t i = 0; i < pending->count; i++) {
        if (rbk_str_equal(pending->alerts[i].name, alert->name) &&
            same_labels(pending->alerts[i].labels, pending->alerts[i].label_count, alert)) {
            firing = pending->alerts[i].firing;
        }
    }
    return firing;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static char *row_body(const char *run, const struct rbk_history *history, const struct alert *alert)
{
    json_t *labels = json_object();
    json_t *body = json_pack("{s:s, s:s, s:s%, s:b, s:o}", "run", run, "machine",
                             history->replay->machine->hash, "name", alert->name.data,
                             alert->name.bytes, "firing", alert->firing ? 1 : 0, "labels", labels);
    char *text;

    for (size_t i = 0; body != NULL && i < alert->label_count; i++) {
        (void)json_object_set_new(
            labels, alert->labels[i].name.data,
            json_stringn(alert->labels[i].value.data, alert->labels[i].value.bytes));
    }
    text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(body);
    return text;
}

static int no_room(const char *run, size_t rows, struct rbk_error *reterr)
{
    return rbk_error_set(reterr, RBK_ELIMIT,
                         "%zu requests wait in the inbox of run %s, and no runner takes them out",
                         rows, run);
}

static int add_row(struct call *call, const char *run, const struct rbk_history *history,
                   const struct alert *alert, struct rbk_error *reterr)
{
    char *body = row_body(run, history, alert);
    struct row *row;

    if (body == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if ((call->row_bytes += strlen(body)) > CALL_BYTES_MAX) {
        free(body);
        return rbk_error_set(reterr, RBK_ELIMIT, "this call says too much to too many runs");
    }
    row = rbk_new(&call->request->arena, struct row);
    *row =
        (struct row){.run = run, .body = rbk_arena_copy(&call->request->arena, rbk_str_from(body))};
    free(body);
    *call->rows_end = row;
    call->rows_end = &row->next;
    call->row_count++;
    return 0;
}

/* What is to be told to one run. */
static int look_at_run(struct call *call, const char *run, struct rbk_error *reterr)
{
    struct seen *seen = rbk_seen(call->request->server, run, reterr);
    struct pending pending = {0};
    struct names names;
    int error = 0;

    if (seen == NULL) {
        return -(int)reterr->code;
    }
    rbk_arena_init(&pending.arena, (size_t)256 << 20);
    names = names_of(&seen->history, &pending.arena);
    if (waits_for_any(&names, call)) {
        pending.capacity = RBK_SERVE_PENDING_MAX + call->alert_count;
        pending.alerts = rbk_new_array(&pending.arena, struct alert, pending.capacity);
        error = rbk_store_each_request(call->store, run, keep_pending, &pending, reterr);
        /* The inbox first, the journal after it: what the runner takes in between is seen in both,
         * and the other way round it would be in neither. */
        if (error == 0 && (seen = rbk_seen(call->request->server, run, reterr)) == NULL) {
            rbk_arena_fini(&pending.arena);
            return -(int)reterr->code;
        }
    }
    for (size_t i = 0; i < call->alert_count && error == 0; i++) {
        const struct alert *alert = &call->alerts[i];

        if (!waits_for(&names, alert->name) ||
            (!pending.cut && is_known_firing(&seen->history, &pending, alert) == alert->firing)) {
            continue;
        }
        if (pending.cut || pending.rows >= RBK_SERVE_PENDING_MAX) {
            error = no_room(run, pending.rows, reterr);
        } else if ((error = add_row(call, run, &seen->history, alert, reterr)) == 0) {
            pending.alerts[pending.count++] = *alert;
            pending.rows++;
        }
    }
    rbk_arena_fini(&pending.arena);
    return error;
}

static int keep_run(void *context, const struct rbk_store_run *run)
{
    struct call *call = context;

    if (call->run_count == RUNS_MAX || run->id.bytes >= RBK_RUN_ID_BYTES) {
        return 1;
    }
    memcpy(call->runs[call->run_count], run->id.data, run->id.bytes);
    call->run_count++;
    return 0;
}

static int list_runs(struct call *call, struct rbk_error *reterr)
{
    call->runs = rbk_arena_alloc_array(&call->request->arena, RUNS_MAX, sizeof(*call->runs), 1);
    call->rows_end = &call->rows;
    return rbk_store_each_run(call->store, true, keep_run, call, reterr);
}

static int write_rows(struct call *call, struct rbk_error *reterr)
{
    int error = call->rows != NULL ? rbk_store_begin(call->store, reterr) : 0;
    int64_t id;

    if (call->rows == NULL || error != 0) {
        return error;
    }
    for (const struct row *row = call->rows; row != NULL && error == 0; row = row->next) {
        const struct rbk_store_request request = {.at_ms = (int64_t)rbk_when_now_ms(),
                                                  .who = call->request->identity.person,
                                                  .kind = RBK_STR("alert"),
                                                  .body = row->body};

        error = rbk_store_put_request(call->store, row->run, &request, &id, reterr);
    }
    if (error != 0) {
        rbk_store_rollback(call->store);
        return error;
    }
    return rbk_store_commit(call->store, reterr);
}

/* What each run can take is made durable; what one run cannot does not keep it from the others. */
static enum MHD_Result feed(struct call *call)
{
    struct rbk_server *server = call->request->server;
    struct rbk_error error = {0}, failure = {0};
    const char *rung = NULL;

    for (size_t i = 0; i < call->run_count; i++) {
        if (look_at_run(call, call->runs[i], &error) != 0) {
            failure = error;
        }
    }
    if (write_rows(call, &error) != 0) {
        if (error.code != RBK_EBUSY) {
            rbk_server_store_failed(server);
        }
        return rbk_reply_problem(call->request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                 "nothing was stored: %s", error.text);
    }
    for (const struct row *row = call->rows; row != NULL; row = row->next) {
        if (row->run != rung) { /* rows of one run stand together */
            rbk_store_ring(call->store, row->run);
            rung = row->run;
        }
    }
    server->alerts_taken += call->alert_count;
    if (failure.code != RBK_OK) {
        return rbk_reply_problem(call->request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                 "not every run could be told: %s", failure.text);
    }
    return rbk_reply_json(
        call->request, MHD_HTTP_OK,
        json_pack("{s:i, s:i}", "alerts", (int)call->alert_count, "stored", (int)call->row_count));
}

enum MHD_Result rbk_post_alerts(struct request *request)
{
    struct call call = {.request = request};
    enum MHD_Result answered = MHD_NO;
    struct rbk_error error = {0};
    json_t *body = rbk_request_json(request, &answered);

    if (body == NULL) {
        return answered;
    }
    if (read_body(&call, body, &answered)) {
        call.store = rbk_server_store(request->server);
        if (list_runs(&call, &error) != 0) {
            answered = rbk_reply_error(request, &error);
        } else {
            answered = feed(&call);
        }
    }
    json_decref(body);
    return answered;
}
