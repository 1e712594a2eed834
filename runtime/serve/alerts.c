/*
 * Alertmanager's webhook, version 4 of its format: what fires and what is resolved goes to every
 * unfinished run with an `alert` probe of that name.
 *
 * Alertmanager sends what it has said before again and again; an alert whose state a run knows
 * already, or that waits in its inbox, is not put there again. What is to be written is found out
 * first, run by run; then it is written, and made durable before it is answered with 200. Anything
 * else is a 5xx, and Alertmanager comes again.
 *
 * An alert that cannot be taken keeps none of the others of its call from being taken: it is passed
 * over, and told with 400 at the end, so that Alertmanager counts a failure and does not repeat it.
 *
 * Neither is done in one turn when it is much: others are answered in between, and no runner waits
 * long for the lock. The call is kept with its request and goes on where it was:
 *
 *   rbk_post_alerts ─▶ look_at_run, one after the other ─▶ write_some, until all is written ─▶ 200
 *                         └─ being read, or enough ─▶ waits      └─ locked, or enough ─▶ waits
 */
#include "runtime/serve/alerts_known.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/executor/alerts.h"
#include "runtime/people/when.h"

#define ALERTS_MAX 10000u
#define RUNS_MAX 1000u
/* One alert's name and labels. A runner refuses rows that are much longer, and these can become up
 * to six times as long there, in escapes. */
#define ALERT_BYTES_MAX ((size_t)32 << 10)
/* The rows of one call. */
#define CALL_BYTES_MAX ((size_t)64 << 20)
/* What is done in one turn: alerts that are compared, rows that are written, and their bytes. */
#define TURN_ALERTS 20000u
/* A run costs as much as so many alerts, whatever is compared. */
#define RUN_COST 100u
#define TURN_ROWS 1000u
#define TURN_ROWS_BYTES ((size_t)1 << 20)

/* A call under way, in its request's arena. */
struct call {
    struct request *request;
    struct rbk_store *store;
    struct alert *alerts;
    size_t alert_count;
    char (*runs)[RBK_RUN_ID_BYTES]; /* unfinished ones */
    size_t run_count;
    size_t run_index;         /* the next one to be looked at */
    size_t alerts_left;       /* to be compared in this turn */
    struct rbk_error failure; /* of a run that could not be told */
    const char *wrong;        /* with an alert that was passed over; NULL: none was */
    size_t wrong_count;
    struct row *rows, **end;   /* to be written */
    const struct row *written; /* the next one to be written; all before it are */
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

static const char no_memory[] = "there is no room for so many labels";

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
    pairs = rbk_arena_try_alloc(arena, (json_object_size(labels) + 1) * sizeof(*pairs),
                                alignof(struct rbk_pair));
    if (pairs == NULL) {
        return no_memory;
    }
    *ret_alert = (struct alert){.labels = pairs, .firing = strcmp(status, "firing") == 0};
    json_object_keylen_foreach((json_t *)labels, name, bytes, value)
    {
        struct rbk_str text = {json_string_value(value), json_string_length(value)};

        if (!json_is_string(value) || bytes == 0) {
            return "a label has a name, and text for a value";
        }
        if (memchr(text.data, 0, text.bytes) != NULL) {
            return "the value of a label has a NUL inside";
        }
        if ((bytes_all += bytes + text.bytes) > ALERT_BYTES_MAX) {
            return "an alert's labels are not longer than 32768 bytes";
        }
        if (rbk_str_is((struct rbk_str){name, bytes}, "alertname")) {
            if (!rbk_request_keep(call->request, text, &ret_alert->name)) {
                return no_memory;
            }
        } else if (text.bytes != 0) {
            struct rbk_pair *pair = &pairs[ret_alert->label_count++];

            if (!rbk_request_keep(call->request, (struct rbk_str){name, bytes}, &pair->name) ||
                !rbk_request_keep(call->request, text, &pair->value)) {
                return no_memory;
            }
        }
    }
    ret_alert->hash = rbk_alert_hash(ret_alert);
    if (ret_alert->name.bytes == 0) {
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
        call->alerts = rbk_arena_try_alloc(&call->request->arena,
                                           (json_array_size(alerts) + 1) * sizeof(*call->alerts),
                                           alignof(struct alert));
        wrong = call->alerts == NULL ? "there is no room for so many alerts" : NULL;
        json_array_foreach(alerts, index, alert)
        {
            const char *why =
                wrong == NULL ? read_alert(call, alert, &call->alerts[call->alert_count]) : NULL;

            if (why == no_memory) {
                (void)rbk_error_set(&call->failure, RBK_ENOMEM, "%s", why);
            } else if (why != NULL) {
                call->wrong = why;
                call->wrong_count++;
            } else {
                call->alert_count++;
            }
        }
    }
    if (wrong != NULL) {
        *ret_answered = rbk_reply_problem(call->request, MHD_HTTP_BAD_REQUEST, "%s", wrong);
    }
    return wrong == NULL;
}

static bool waits_for_any(const struct names *names, const struct call *call)
{
    for (size_t i = 0; i < call->alert_count; i++) {
        if (rbk_alert_waited_for(names, call->alerts[i].name)) {
            return true;
        }
    }
    return false;
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
    row = rbk_arena_try_alloc(&call->request->arena, sizeof(*row), alignof(struct row));
    if (row == NULL || !rbk_request_keep(call->request, rbk_str_from(body), &row->body)) {
        free(body);
        return rbk_error_set(reterr, RBK_ELIMIT, "this call says too much to too many runs");
    }
    free(body);
    row->run = run;
    *call->end = row;
    call->end = &row->next;
    call->row_count++;
    return 0;
}

/* What is to be told to a run that waits for some of it. */
static int compare(struct call *call, const char *run, struct pending *pending,
                   const struct names *names, struct rbk_error *reterr)
{
    struct seen *seen;
    int error;

    if (!rbk_pending_init(pending, RBK_SERVE_PENDING_MAX + call->alert_count)) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    error = rbk_store_each_request(call->store, run, rbk_pending_keep, pending, reterr);
    /* The inbox first, the journal after it: what the runner takes in between is seen in both, and
     * the other way round it would be in neither. */
    if (error == 0 && (seen = rbk_seen(call->request->server, run, reterr)) == NULL) {
        return -(int)reterr->code;
    }
    if (error == 0 && !rbk_pending_add_known(pending, &seen->history)) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < call->alert_count && error == 0; i++) {
        const struct alert *alert = &call->alerts[i];

        if (!rbk_alert_waited_for(names, alert->name) ||
            (!pending->cut && rbk_pending_will_fire(pending, alert) == alert->firing)) {
            continue;
        }
        if (pending->cut || pending->rows >= RBK_SERVE_PENDING_MAX) {
            error = no_room(run, pending->rows, reterr);
        } else if ((error = add_row(call, run, &seen->history, alert, reterr)) == 0) {
            rbk_pending_add(pending, alert);
            pending->rows++;
        }
    }
    return error;
}

/* What is to be told to one run. -RBK_ETIMEOUT: it is still being read. */
static int look_at_run(struct call *call, const char *run, struct rbk_error *reterr)
{
    struct row **end = call->end;
    size_t row_count = call->row_count, row_bytes = call->row_bytes;
    struct seen *seen = rbk_seen(call->request->server, run, reterr);
    struct rbk_arena arena;
    struct pending pending = {.arena = &arena};
    struct names names;
    int error = 0;

    if (seen == NULL) {
        return -(int)reterr->code;
    }
    rbk_arena_init(&arena, (size_t)256 << 20);
    if (!rbk_alert_names(&seen->history, &arena, &names)) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    } else if (waits_for_any(&names, call)) {
        error = compare(call, run, &pending, &names, reterr);
    }
    rbk_arena_fini(&arena);
    if (error == -RBK_ETIMEOUT || error == -RBK_EBUSY) {
        /* It is looked at again. */
        *end = NULL;
        call->end = end;
        call->row_count = row_count;
        call->row_bytes = row_bytes;
    }
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
    call->runs = rbk_arena_try_alloc(&call->request->arena, RUNS_MAX * sizeof(*call->runs), 1);
    if (call->runs == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    return rbk_store_each_run(call->store, true, keep_run, call, reterr);
}

/* Make some of the rows durable, and ring for them. */
static int write_some(struct call *call, struct rbk_error *reterr)
{
    const struct row *first = call->written, *row = first;
    size_t count = 0, bytes = 0;
    int error = rbk_store_begin(call->store, reterr);
    int64_t id;

    if (error != 0) {
        return error;
    }
    for (; row != NULL && count < TURN_ROWS && bytes < TURN_ROWS_BYTES && error == 0;
         row = row->next) {
        const struct rbk_store_request request = {.at_ms = (int64_t)rbk_when_now_ms(),
                                                  .who = call->request->identity.person,
                                                  .kind = RBK_STR("alert"),
                                                  .body = row->body};

        error = rbk_store_put_request(call->store, row->run, &request, &id, reterr);
        count++;
        bytes += row->body.bytes;
    }
    if (error != 0) {
        rbk_store_rollback(call->store);
        return error;
    }
    if ((error = rbk_store_commit(call->store, reterr)) != 0) {
        return error;
    }
    call->written = row;
    for (const char *rung = NULL; first != row; first = first->next) {
        if (first->run != rung) { /* rows of one run stand together */
            rbk_store_ring(call->store, first->run);
            rung = first->run;
        }
    }
    return 0;
}

/* Look at the runs that have not been looked at. What one run cannot take does not keep it from the
 * others. @return Whether it is done; else the request waits. */
static bool look_at_runs(struct call *call)
{
    struct request *request = call->request;

    while (call->run_index < call->run_count) {
        struct rbk_error error = {0};
        size_t cost;
        int result;

        if (call->alerts_left == 0 && rbk_wait_for(request, WAITING_TURN, 0)) {
            return false;
        }
        result = look_at_run(call, call->runs[call->run_index], &error);
        if ((result == -RBK_ETIMEOUT && rbk_wait_for(request, WAITING_RUN, RBK_SERVE_READ_MS)) ||
            (result == -RBK_EBUSY && rbk_wait_for(request, WAITING_LOCK, RBK_SERVE_LOCKED_MS))) {
            return false;
        }
        if (result != 0) {
            call->failure = error;
        }
        cost = RUN_COST + call->alert_count;
        call->alerts_left -= call->alerts_left < cost ? call->alerts_left : cost;
        call->run_index++;
        request->due_ms[WAITING_RUN] = 0; /* the next one has its own time */
        if (call->run_index == call->run_count) {
            call->written = call->rows;
        }
    }
    return true;
}

static enum MHD_Result not_stored(struct call *call, const struct rbk_error *error)
{
    char text[600];

    (void)snprintf(text, sizeof(text), "%s was stored: %s",
                   call->written == call->rows ? "nothing" : "not all", error->text);
    return rbk_reply_later(call->request, text);
}

/* What each run can take is made durable. */
static enum MHD_Result feed(struct call *call)
{
    struct rbk_server *server = call->request->server;
    struct rbk_error error = {0};

    call->store = rbk_server_store(server); /* it may be another one than before */
    call->alerts_left = TURN_ALERTS;
    if (!look_at_runs(call)) {
        return MHD_YES;
    }
    while (call->written != NULL) {
        int result = write_some(call, &error);

        if ((result == -RBK_EBUSY &&
             rbk_wait_for(call->request, WAITING_LOCK, RBK_SERVE_LOCKED_MS)) ||
            (result == 0 && call->written != NULL &&
             rbk_wait_for(call->request, WAITING_TURN, 0))) {
            return MHD_YES;
        }
        if (result != 0) {
            if (result != -RBK_EBUSY) {
                rbk_server_store_failed(server);
            }
            return not_stored(call, &error);
        }
    }
    server->alerts_taken += call->alert_count;
    if (call->failure.code != RBK_OK) {
        char text[600];

        (void)snprintf(text, sizeof(text), "not every run could be told: %s", call->failure.text);
        return rbk_reply_later(call->request, text);
    }
    if (call->wrong != NULL) {
        return rbk_reply_problem(call->request, MHD_HTTP_BAD_REQUEST,
                                 "%zu of %zu alerts cannot be taken, the others were: %s",
                                 call->wrong_count, call->wrong_count + call->alert_count,
                                 call->wrong);
    }
    return rbk_reply_json(
        call->request, MHD_HTTP_OK,
        json_pack("{s:i, s:i}", "alerts", (int)call->alert_count, "stored", (int)call->row_count));
}

enum MHD_Result rbk_post_alerts(struct request *request)
{
    struct call *call = request->job;
    enum MHD_Result answered = MHD_NO;
    struct rbk_error error = {0};
    json_t *body;
    bool good;

    if (call != NULL) {
        return feed(call);
    }
    if ((body = rbk_request_json(request, JSON_ALLOW_NUL, &answered)) == NULL) {
        return answered;
    }
    call = rbk_arena_try_alloc(&request->arena, sizeof(*call), alignof(struct call));
    if (call == NULL) {
        json_decref(body);
        return rbk_reply_later(request, "out of memory");
    }
    *call = (struct call){.request = request, .store = rbk_server_store(request->server)};
    call->end = &call->rows;
    good = read_body(call, body, &answered);
    json_decref(body);
    if (!good) {
        return answered;
    }
    if (list_runs(call, &error) != 0) {
        return rbk_reply_error(request, &error);
    }
    request->job = call;
    return feed(call);
}
