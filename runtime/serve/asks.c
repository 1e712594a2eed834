/*
 * What people ask of a run: rows of the inbox, by runtime/people/ask.c, and the runner's replies.
 *
 *   rbk_post_… ─▶ ask.c ─▶ inbox      the request waits for the reply (wait.c)
 *   rbk_post_…, called again           it answers; the row is there, and is not put there again
 *
 * Without a runner, or when it does not reply in time, the answer is 202: the row stays in the
 * inbox, and /requests/{id} tells what became of it.
 */
#include "runtime/serve/serve_internal.h"

#include <string.h>

#include "runtime/core/seat_text.h"
#include "runtime/core/state.h"
#include "runtime/people/json_lines.h"

#define ASKED_MAX 64u

/* ---- replies ----------------------------------------------------------------------------------
 */

static json_t *request_json(const struct rbk_store_request *row, const struct rbk_runner *runner)
{
    json_t *object = json_object();
    const char *state = row->reply.bytes == 0                ? "waiting"
                        : rbk_str_is(row->reply, "accepted") ? "accepted"
                                                             : "refused";

    (void)json_object_set_new(object, "request", json_integer((json_int_t)row->id));
    rbk_json_set_time(object, "at", (uint64_t)row->at_ms);
    (void)json_object_set_new(object, "who", rbk_json_text(row->who));
    (void)json_object_set_new(object, "kind", rbk_json_text(row->kind));
    (void)json_object_set_new(object, "state", json_string(state));
    if (row->reply.bytes != 0 && strcmp(state, "refused") == 0) {
        (void)json_object_set_new(object, "reason", rbk_json_text(row->reply));
    }
    (void)json_object_set_new(object, "runner", json_boolean(rbk_runner_lives(runner)));
    (void)json_object_set_new(object, "runner_process", rbk_runner_json(runner));
    return object;
}

/* Read the row again. @return 0, or it was answered with an error. */
static bool read_row(struct request *request, int64_t id, struct rbk_store_request *ret_row,
                     struct rbk_runner *ret_runner, enum MHD_Result *ret_answered)
{
    struct rbk_error error = {0};
    struct rbk_store *store = rbk_server_store(request->server);

    if (rbk_store_get_request(store, request->run, id, &request->arena, ret_row, &error) != 0) {
        *ret_answered = rbk_reply_error(request, &error);
        return false;
    }
    *ret_runner = rbk_runner_look(store, request->run);
    return true;
}

enum MHD_Result rbk_get_request(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_store_request row;
    struct rbk_runner runner;

    if (!read_row(request, request->number, &row, &runner, &answered)) {
        return answered;
    }
    return rbk_reply_json(request, MHD_HTTP_OK, request_json(&row, &runner));
}

/* A runner's reply is the refusal's text, perhaps with more behind it. */
static bool is_refusal(struct rbk_str reply, enum rbk_refusal refusal)
{
    const char *text = rbk_refusal_text(refusal);
    size_t bytes = strlen(text);

    return reply.bytes >= bytes && memcmp(reply.data, text, bytes) == 0;
}

/* The row is in the inbox: its reply, or a wait for it. Called again when there may be one. */
static enum MHD_Result answer_asked(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct rbk_store_request row;
    unsigned status = MHD_HTTP_ACCEPTED;
    struct rbk_runner runner;
    json_t *object;

    if (!read_row(request, request->asked, &row, &runner, &answered)) {
        return answered;
    }
    if (row.reply.bytes == 0 && rbk_runner_lives(&runner) &&
        rbk_wait_for(request, WAITING_REPLY, RBK_SERVE_WAIT_MS)) {
        return MHD_YES;
    }
    object = request_json(&row, &runner);
    if (rbk_str_is(row.reply, "accepted")) {
        status = MHD_HTTP_OK;
    } else if (row.reply.bytes != 0) {
        status = is_refusal(row.reply, RBK_REFUSAL_NOT_YOURS) ||
                         is_refusal(row.reply, RBK_REFUSAL_OWN_RUN)
                     ? MHD_HTTP_FORBIDDEN
                     : MHD_HTTP_CONFLICT;
        (void)json_object_set_new(object, "type", json_string("about:blank"));
        (void)json_object_set_new(object, "title", json_string(MHD_get_reason_phrase_for(status)));
        (void)json_object_set_new(object, "status", json_integer((json_int_t)status));
        (void)json_object_set_new(object, "detail", rbk_json_text(row.reply));
    }
    return rbk_reply_with(request, status, object, NULL, NULL);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* What a body says; texts are borrowed from it. */
struct said {
    json_t *body; /* owned */
    const char *what, *target, *reason;
    int64_t id;
};

/* A text of the body; NULL when it is not there. false: it is no text, or has a NUL inside. */
static bool take_text(const json_t *body, const char *key, const char **ret_text)
{
    const json_t *value = json_object_get(body, key);

    *ret_text = json_string_value(value);
    return value == NULL ||
           (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value));
}

/* Whether a body has no keys but these (a list that ends in NULL); else it was answered. */
static bool only(struct request *request, const json_t *body, const char *const *keys,
                 enum MHD_Result *ret_answered)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)body, key, value)
    {
        size_t i = 0;

        while (keys[i] != NULL && strcmp(keys[i], key) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                                              "\"%.40s\" is not understood here", key);
            return false;
        }
    }
    return true;
}

/* Whether who asks counts for the question. The runner decides again; this only spares the inbox
 * what it would refuse. */
static bool speaks_for(const struct request *request, const struct rbk_machine *machine,
                       uint32_t question)
{
    return rbk_question_seats_of(machine, question, request->identity.person,
                                 request->identity.roles, request->identity.role_count) != 0;
}

static void refuse_not_yours(struct request *request, const struct seen *seen,
                             const struct rbk_asked *asked, enum MHD_Result *ret_answered)
{
    const struct rbk_replay *replay = seen->history.replay;
    struct rbk_buffer who;

    rbk_buffer_init(&who, 4096);
    rbk_seats_wanted_text(replay->machine, asked->question, asked->approvals,
                          rbk_replay_starter_seats(replay, asked->question), &who);
    *ret_answered = rbk_reply_problem(
        request, MHD_HTTP_FORBIDDEN, "%s; it waits for %s%s",
        rbk_refusal_text(RBK_REFUSAL_NOT_YOURS), who.data,
        request->identity.roles != NULL ? "; this token speaks for some roles only" : "");
    rbk_buffer_fini(&who);
}

/* The question is not open; what is, or that the run has ended, is of more use. */
static void refuse_not_open(struct request *request, const struct seen *seen,
                            const struct rbk_asked *asked, size_t count, int64_t id,
                            enum MHD_Result *ret_answered)
{
    enum rbk_status status = (enum rbk_status)seen->history.replay->state->status;
    struct rbk_buffer text;

    rbk_buffer_init(&text, 4096);
    rbk_buffer_printf(&text, "question %lld is not open; ", (long long)id);
    for (size_t i = 0; i < count; i++) {
        rbk_buffer_printf(&text, i == 0 ? "open: %u" : ", %u", asked[i].serial);
    }
    if (rbk_status_is_end(status)) {
        rbk_buffer_printf(&text, "the run has ended: %s", rbk_status_name(status));
    } else if (count == 0) {
        rbk_buffer_append_text(&text, "the run asks nothing now");
    }
    *ret_answered = rbk_reply_problem(request, MHD_HTTP_CONFLICT, "%s", text.data);
    rbk_buffer_fini(&text);
}

/* Whether the question is open and theirs; else it was answered. */
static bool check_question(struct request *request, int64_t id, enum MHD_Result *ret_answered)
{
    struct rbk_error error = {0};
    struct seen *seen = rbk_seen(request->server, request->run, &error);
    struct rbk_asked asked[ASKED_MAX];
    size_t count;

    if (seen == NULL) {
        *ret_answered = rbk_reply_error(request, &error);
        return false;
    }
    count = rbk_view_asked(&seen->history.view, seen->history.replay->state, asked, ASKED_MAX);
    for (size_t i = 0; i < count && i < ASKED_MAX; i++) {
        if (asked[i].serial != id) {
            continue;
        }
        if (speaks_for(request, seen->history.replay->machine, asked[i].question)) {
            return true;
        }
        refuse_not_yours(request, seen, &asked[i], ret_answered);
        return false;
    }
    refuse_not_open(request, seen, asked, count < ASKED_MAX ? count : ASKED_MAX, id, ret_answered);
    return false;
}

static enum MHD_Result post_answer(struct request *request, const struct said *said)
{
    struct rbk_asker asker = rbk_access_asker(request);
    enum MHD_Result answered = MHD_NO;
    struct rbk_error error = {0};
    struct rbk_store *store;
    char question[32];
    int result;

    if (!check_question(request, said->id, &answered)) {
        return answered;
    }
    store = rbk_server_store(request->server);
    asker.replay = rbk_seen_last(request->server, request->run)->history.replay;
    (void)snprintf(question, sizeof(question), "@%lld", (long long)said->id);
    result = strcmp(said->what, "attest") == 0
                 ? rbk_ask_attest(store, request->run, &asker, question, said->reason,
                                  &request->asked, &error)
                 : rbk_ask_answer(store, request->run, &asker, question, said->what, said->reason,
                                  &request->asked, &error);
    if (result != 0) {
        if (error.code == RBK_ESTORE || error.code == RBK_EFULL) {
            rbk_server_store_failed(request->server);
        }
        return rbk_reply_error(request, &error);
    }
    return answer_asked(request);
}

enum MHD_Result rbk_post_answer(struct request *request)
{
    static const char *const keys[] = {"question", "answer", "reason", NULL};
    enum MHD_Result answered = MHD_NO;
    struct said said = {0};

    if (request->asked != 0) {
        return answer_asked(request);
    }
    if ((said.body = rbk_request_json(request, 0, &answered)) == NULL) {
        return answered;
    }
    said.id = json_integer_value(json_object_get(said.body, "question"));
    if (only(request, said.body, keys, &answered)) {
        if (!take_text(said.body, "answer", &said.what) || said.what == NULL ||
            !take_text(said.body, "reason", &said.reason) || said.id <= 0 || said.id > UINT32_MAX) {
            answered = rbk_reply_problem(
                request, MHD_HTTP_BAD_REQUEST,
                "the body is to be {\"question\": its id, \"answer\": \"yes\", …, \"reason\"?}");
        } else {
            answered = post_answer(request, &said);
        }
    }
    json_decref(said.body);
    return answered;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static const struct {
    const char *command;
    const char *target; /* the key that names what it is about; NULL: the run */
    bool needs_target;
} commands[] = {
    {"pause", NULL, false},    {"continue", NULL, false}, {"abort", NULL, false},
    {"cancel", NULL, false},   {"retry", "stage", false}, {"signal", "signal", true},
    {"resolve", "step", true},
};

static enum MHD_Result post_command(struct request *request, const struct said *said, bool done)
{
    struct rbk_asker asker = rbk_access_asker(request);
    struct rbk_error error = {0};
    struct rbk_store *store = rbk_server_store(request->server);
    struct seen *seen;
    int result;

    if (strcmp(said->what, "resolve") == 0) {
        if ((seen = rbk_seen(request->server, request->run, &error)) == NULL) {
            return rbk_reply_error(request, &error);
        }
        asker.replay = seen->history.replay;
    }
    result = strcmp(said->what, "resolve") == 0
                 ? rbk_ask_resolve(store, request->run, &asker, said->target, done, said->reason,
                                   &request->asked, &error)
                 : rbk_ask_command(store, request->run, &asker, said->what, said->target,
                                   said->reason, &request->asked, &error);
    if (result != 0) {
        if (error.code == RBK_ESTORE || error.code == RBK_EFULL) {
            rbk_server_store_failed(request->server);
        }
        return rbk_reply_error(request, &error);
    }
    return answer_asked(request);
}

/* Read a command's own keys. false: it was answered. */
static bool read_command(struct request *request, struct said *said, bool *ret_done,
                         enum MHD_Result *ret_answered)
{
    const char *answer = NULL, *keys[] = {"command", "reason", NULL, NULL, NULL};
    size_t i = 0, count = 2;

    if (!take_text(said->body, "command", &said->what) || said->what == NULL) {
        *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "say which command");
        return false;
    }
    while (i < RBK_COUNT(commands) && strcmp(commands[i].command, said->what) != 0) {
        i++;
    }
    if (i == RBK_COUNT(commands)) {
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                              "there is no such command: pause, continue, abort, cancel, retry, "
                              "signal or resolve");
        return false;
    }
    if (commands[i].target != NULL) {
        keys[count++] = commands[i].target;
    }
    if (strcmp(said->what, "resolve") == 0) {
        keys[count++] = "answer";
    }
    if (!only(request, said->body, keys, ret_answered)) {
        return false;
    }
    if (!take_text(said->body, "reason", &said->reason) ||
        !take_text(said->body, "answer", &answer) ||
        (commands[i].target != NULL && !take_text(said->body, commands[i].target, &said->target)) ||
        (commands[i].needs_target && said->target == NULL)) {
        *ret_answered = rbk_reply_problem(
            request, MHD_HTTP_BAD_REQUEST, "\"%s\" is missing, or is no text",
            commands[i].target != NULL && said->target == NULL ? commands[i].target : "reason");
        return false;
    }
    if (strcmp(said->what, "resolve") == 0 &&
        (answer == NULL || (strcmp(answer, "done") != 0 && strcmp(answer, "not-done") != 0))) {
        *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                                          "\"answer\" is to be done or not-done");
        return false;
    }
    *ret_done = answer != NULL && strcmp(answer, "done") == 0;
    return true;
}

enum MHD_Result rbk_post_command(struct request *request)
{
    enum MHD_Result answered = MHD_NO;
    struct said said = {0};
    bool done = false;

    if (request->asked != 0) {
        return answer_asked(request);
    }
    if ((said.body = rbk_request_json(request, 0, &answered)) == NULL) {
        return answered;
    }
    if (read_command(request, &said, &done, &answered)) {
        answered = post_command(request, &said, done);
    }
    json_decref(said.body);
    return answered;
}
