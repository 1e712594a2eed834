/*
 * What there is to read: runs, one run, its events, evidence and questions.
 */
#include "runtime/serve/serve_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/people/json_lines.h"
#include "runtime/people/status.h"

static void set_id(json_t *object, const char *key, struct rbk_str text)
{
    (void)json_object_set_new(object, key, rbk_json_text(text));
}

/* ---- all runs ---------------------------------------------------------------------------------
 */

struct listing {
    struct request *request;
    struct rbk_store *store;
    json_t *runs;
    const char *status, *plan; /* filters; NULL: none */
    const char *after;         /* the last one of the page before; NULL: from the newest */
    int64_t limit;
    bool more;
};

static json_t *run_row(struct rbk_store *store, const struct rbk_store_run *run)
{
    json_t *object = json_object();
    struct rbk_runner runner = {0};
    char id[RBK_RUN_ID_BYTES];

    (void)snprintf(id, sizeof(id), "%.*s", RBK_STR_ARG(run->id));
    set_id(object, "run", run->id);
    set_id(object, "plan", run->plan);
    rbk_json_set_text(object, "title", run->title);
    set_id(object, "status", run->status);
    set_id(object, "user", run->user);
    set_id(object, "host", run->host);
    set_id(object, "machine", run->machine);
    rbk_json_set_time(object, "started", (uint64_t)run->started_ms);
    rbk_json_set_time(object, "ended", (uint64_t)run->ended_ms);
    if (run->ended_ms == 0) {
        runner = rbk_runner_look(store, id);
    }
    (void)json_object_set_new(object, "runner", json_boolean(rbk_runner_lives(&runner)));
    (void)json_object_set_new(object, "runner_process", rbk_runner_json(&runner));
    return object;
}

/* Whether a status is one of "running,held". */
static bool is_listed(struct rbk_str status, const char *list)
{
    while (*list != '\0') {
        size_t bytes = strcspn(list, ",");

        if (bytes == status.bytes && memcmp(list, status.data, bytes) == 0) {
            return true;
        }
        list += bytes;
        list += *list == ',';
    }
    return false;
}

static int list_run(void *context, const struct rbk_store_run *run)
{
    struct listing *listing = context;

    if (listing->after != NULL) {
        if (rbk_str_is(run->id, listing->after)) {
            listing->after = NULL;
        }
        return 0;
    }
    if ((listing->status != NULL && !is_listed(run->status, listing->status)) ||
        (listing->plan != NULL && !rbk_str_is(run->plan, listing->plan))) {
        return 0;
    }
    if (listing->limit-- == 0) {
        listing->more = true;
        return 1;
    }
    (void)json_array_append_new(listing->runs, run_row(listing->store, run));
    return 0;
}

/* A status that is none would find nothing, and look like good news. false: it was answered. */
static bool are_statuses(struct request *request, const char *list, enum MHD_Result *ret_answered)
{
    while (list != NULL && *list != '\0') {
        size_t bytes = strcspn(list, ",");
        unsigned i = 0;

        while (i < RBK_STATUS_COUNT &&
               !rbk_str_is((struct rbk_str){list, bytes}, rbk_status_name((enum rbk_status)i))) {
            i++;
        }
        if (i == RBK_STATUS_COUNT) {
            *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                                              "\"%.*s\" is no status of a run", (int)bytes, list);
            return false;
        }
        list += bytes + (list[bytes] == ',');
    }
    return true;
}

enum MHD_Result rbk_get_runs(struct request *request)
{
    struct rbk_error error = {0};
    struct listing listing = {.request = request,
                              .status = rbk_request_query(request, "status"),
                              .plan = rbk_request_query(request, "plan"),
                              .after = rbk_request_query(request, "after")};
    enum MHD_Result answered = MHD_NO;
    bool unfinished;
    json_t *object;
    int result;

    if (!rbk_request_flag(request, "unfinished", &unfinished, &answered) ||
        !are_statuses(request, listing.status, &answered) ||
        !rbk_request_number(request, "limit", 1, RBK_SERVE_PAGE_MAX, 100, &listing.limit,
                            &answered)) {
        return answered;
    }
    listing.store = rbk_server_store(request->server);
    listing.runs = json_array();
    result = rbk_store_each_run(listing.store, unfinished, list_run, &listing, &error);
    if (result != 0) {
        json_decref(listing.runs);
        return rbk_reply_error(request, &error);
    }
    object = json_pack("{s:o}", "runs", listing.runs);
    if (listing.more) {
        json_t *last = json_array_get(listing.runs, json_array_size(listing.runs) - 1);

        (void)json_object_set(object, "next", json_object_get(last, "run"));
    }
    return rbk_reply_json(request, MHD_HTTP_OK, object);
}

/* ---- one run ----------------------------------------------------------------------------------
 */

/* The run of the path; NULL: it was answered. */
static struct seen *run_of(struct request *request, enum MHD_Result *ret_answered)
{
    struct rbk_error error = {0};
    struct seen *seen = rbk_seen(request->server, request->run, &error);

    if (seen == NULL) {
        *ret_answered = rbk_reply_error(request, &error);
    }
    return seen;
}

enum MHD_Result rbk_get_run(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct seen *seen = run_of(request, &answered);
    struct rbk_error error = {0};
    json_t *object;

    if (seen == NULL) {
        return answered;
    }
    if ((object = rbk_status_json(&seen->history, &error)) == NULL) {
        return rbk_reply_error(request, &error);
    }
    return rbk_reply_json(request, MHD_HTTP_OK, object);
}

enum MHD_Result rbk_get_plan(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct seen *seen = run_of(request, &answered);

    return seen == NULL ? answered
                        : rbk_reply_json(request, MHD_HTTP_OK, rbk_plan_json(&seen->history));
}

static json_t *answers_of_held(const struct rbk_view *view, const struct rbk_state *state)
{
    json_t *answers = json_array();
    const char *word;

    for (size_t i = 0; (word = rbk_asked_held_answer(view, state, i)) != NULL; i++) {
        (void)json_array_append_new(answers, json_string(word));
    }
    return answers;
}

/* The answers a question takes now, for buttons. */
static json_t *answers_of(const struct rbk_view *view, const struct rbk_state *state,
                          const struct rbk_asked *asked)
{
    const struct rbk_machine *machine = view->machine;

    switch (asked->kind) {
    case RBK_QUESTION_HELD:
        return answers_of_held(view, state);
    case RBK_QUESTION_MANUAL:
    case RBK_QUESTION_DOUBT:
        return json_pack("[s, s]", "done", "not-done");
    case RBK_QUESTION_DECIDE:
        return asked->owner == RBK_OWNER_TRIGGER &&
                       machine->triggers[asked->index].region != RBK_NONE
                   ? json_pack("[s, s, s, s]", "abort", "rollback", "pause", "ignore")
                   : json_pack("[s, s, s]", "abort", "pause", "ignore");
    case RBK_QUESTION_APPROVE:
    case RBK_QUESTION_ATTEST:
    case RBK_QUESTION_ASK:
    case RBK_QUESTION_KIND_COUNT:
        break;
    }
    return json_pack("[s, s]", "yes", "no");
}

/* Beside what the status says of a question: its answers, and whether this person counts for it. */
static void complete_questions(const struct request *request, const struct seen *seen,
                               json_t *questions)
{
    const struct rbk_machine *machine = seen->history.replay->machine;
    const struct rbk_state *state = seen->history.replay->state;
    const struct identity *identity = &request->identity;
    struct rbk_asked asked[64];
    size_t count = rbk_view_asked(&seen->history.view, state, asked, RBK_COUNT(asked));

    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        json_t *question = json_array_get(questions, i);
        bool mine = identity->scope == RBK_TOKEN_ALL &&
                    rbk_question_seats_of(machine, asked[i].question, identity->person,
                                          identity->roles, identity->role_count) != 0;

        if (question != NULL) {
            (void)json_object_set_new(question, "answers",
                                      answers_of(&seen->history.view, state, &asked[i]));
            (void)json_object_set_new(question, "mine", json_boolean(mine));
        }
    }
}

enum MHD_Result rbk_get_questions(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct seen *seen = run_of(request, &answered);
    struct rbk_error error = {0};
    json_t *status, *object;

    if (seen == NULL) {
        return answered;
    }
    if ((status = rbk_status_json(&seen->history, &error)) == NULL) {
        return rbk_reply_error(request, &error);
    }
    complete_questions(request, seen, json_object_get(status, "questions"));
    object = json_pack("{s:O, s:O, s:O}", "run", json_object_get(status, "run"), "machine",
                       json_object_get(status, "machine"), "questions",
                       json_object_get(status, "questions"));
    json_decref(status);
    return rbk_reply_json(request, MHD_HTTP_OK, object);
}

/* ---- events -----------------------------------------------------------------------------------
 */

/* A page of events: what people are told of each, and the journal's own row. */
struct page {
    json_t *events;
    size_t bytes;
    size_t index; /* of the row being added to */
};

static int add_record(void *context, int64_t seq, const char *text)
{
    struct page *page = context;

    (void)seq;
    (void)json_array_append_new(page->events, json_loads(text, 0, NULL));
    page->bytes += strlen(text);
    return page->bytes > RBK_SERVE_PAGE_BYTES;
}

static int add_row(void *context, const struct rbk_store_event *event)
{
    struct page *page = context;
    json_t *object = json_array_get(page->events, page->index);

    if (object == NULL ||
        json_integer_value(json_object_get(object, "seq")) != (json_int_t)event->seq) {
        return 1;
    }
    page->index++;
    (void)json_object_set_new(object, "hash", json_string(event->hash));
    (void)json_object_set_new(object, "body",
                              json_loadb(event->body.data, event->body.bytes, 0, NULL));
    page->bytes += event->body.bytes;
    if (page->bytes <= 2 * RBK_SERVE_PAGE_BYTES) {
        return 0;
    }
    /* Large bodies: the page ends here, and the rest comes with the next one. */
    while (json_array_size(page->events) > page->index) {
        (void)json_array_remove(page->events, json_array_size(page->events) - 1);
    }
    return 1;
}

enum MHD_Result rbk_get_events(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_error error = {0};
    struct page page = {0};
    struct seen *seen;
    int64_t from, limit, last;
    json_t *object;
    int result;

    if (!rbk_request_number(request, "from", 1, INT32_MAX, 1, &from, &answered) ||
        !rbk_request_number(request, "limit", 1, RBK_SERVE_PAGE_MAX, 200, &limit, &answered) ||
        (seen = run_of(request, &answered)) == NULL) {
        return answered;
    }
    page.events = json_array();
    last = seen->history.seq;
    result = rbk_seen_records(seen, from, limit, add_record, &page, &error);
    if (result == 0 && json_array_size(page.events) != 0) {
        result =
            rbk_store_each_event(seen->history.store, request->run, from, add_row, &page, &error);
    }
    if (result < 0) {
        json_decref(page.events);
        return rbk_reply_error(request, &error);
    }
    object = json_pack("{s:s, s:I, s:o}", "run", request->run, "last", (json_int_t)last, "events",
                       page.events);
    if (json_array_size(page.events) != 0) {
        int64_t next = from + (int64_t)json_array_size(page.events);

        if (next <= last) {
            (void)json_object_set_new(object, "next", json_integer((json_int_t)next));
        }
    }
    return rbk_reply_json(request, MHD_HTTP_OK, object);
}

/* ---- evidence ---------------------------------------------------------------------------------
 */

static json_t *evidence_row(const struct rbk_store_evidence *evidence)
{
    json_t *object = json_object();

    (void)json_object_set_new(object, "id", json_integer((json_int_t)evidence->id));
    (void)json_object_set_new(object, "seq", json_integer((json_int_t)evidence->seq));
    rbk_json_set_time(object, "at", (uint64_t)evidence->at_ms);
    set_id(object, "label", evidence->label);
    set_id(object, "sha256", evidence->sha256);
    (void)json_object_set_new(object, "bytes", json_integer((json_int_t)evidence->content.bytes));
    return object;
}

static int list_evidence(void *context, const struct rbk_store_evidence *evidence)
{
    (void)json_array_append_new(context, evidence_row(evidence));
    return 0;
}

/* Whether the run is there; else it was answered. */
static struct rbk_store *store_with_run(struct request *request, enum MHD_Result *ret_answered)
{
    struct rbk_error error = {0};
    struct rbk_store *store = rbk_server_store(request->server);
    struct rbk_store_run run;

    if (rbk_store_get_run(store, request->run, &request->arena, &run, &error) != 0) {
        *ret_answered = rbk_reply_error(request, &error);
        return NULL;
    }
    return store;
}

enum MHD_Result rbk_get_evidence(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_store *store = store_with_run(request, &answered);
    struct rbk_error error = {0};
    json_t *rows;

    if (store == NULL) {
        return answered;
    }
    rows = json_array();
    if (rbk_store_each_evidence_head(store, request->run, list_evidence, rows, &error) != 0) {
        json_decref(rows);
        return rbk_reply_error(request, &error);
    }
    return rbk_reply_json(request, MHD_HTTP_OK,
                          json_pack("{s:s, s:o}", "run", request->run, "evidence", rows));
}

enum MHD_Result rbk_get_one_evidence(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_store *store = store_with_run(request, &answered);
    struct rbk_store_evidence evidence;
    struct rbk_error error = {0};
    json_t *object;

    if (store == NULL) {
        return answered;
    }
    if (rbk_store_get_evidence(store, request->run, request->number, &request->arena, &evidence,
                               &error) != 0) {
        return rbk_reply_error(request, &error);
    }
    object = evidence_row(&evidence);
    (void)json_object_set_new(object, "content", rbk_json_text(evidence.content));
    return rbk_reply_json(request, MHD_HTTP_OK, object);
}
