/*
 * What people ask for. A request is a row {kind, body} of the store's inbox; here it becomes a
 * record, and its reply is written in the transaction that journals that record. What cannot even
 * be read is answered at once.
 *
 *   command  {"command": …, "stage"?, "id"?, "signal"?, "answer"?, "reason"?, "roles"?}
 *   answer   {"id": the question's serial, "answer": …, "reason"?, "roles"?}
 *   alert    {"name": …, "firing": bool, "labels"?: {name: value}}
 *   resend   {"id"?: a message that was set aside; else all of them}
 *   each     {"run"?: its id, "machine"?: its hash}, which an answer must have
 *
 * A request may lie here for long, or be put here by a program that is not ours. So an answer is
 * bound to run and machine, and names the very question that its sender saw, not the place where it
 * is asked: a late one, or one copied from elsewhere, meets no other. So does a `resolve` of a step
 * in doubt. A body that says more than this version understands is refused whole: nobody is to
 * believe that it was heard.
 */
#include "runtime/executor/run_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/asked.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/seat_text.h"

/* ---- names into indexes ------------------------------------------------------------------------
 */

static bool is_named(struct rbk_str name, const char *text)
{
    return text != NULL && rbk_str_is(name, text);
}

/* A stage by its name, or the region whose current state has that name. */
static uint32_t find_region(const struct rbk_run *run, const char *name)
{
    const struct rbk_machine *machine = run->replay->machine;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind != RBK_REGION_BRANCH &&
            is_named(machine->regions[i].name, name)) {
            return i;
        }
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t state = rbk_state_region(machine, run->replay->state, i)->state;

        if (is_named(machine->states[state].name, name)) {
            return i;
        }
    }
    return RBK_NONE;
}

/* The question that has that serial. false: it is open no more. */
static bool find_question(const struct rbk_run *run, uint32_t serial, struct rbk_asked *ret_asked)
{
    uint32_t at = 0;

    while (rbk_asked_next(run->replay->machine, run->replay->state, &at, ret_asked)) {
        if (ret_asked->serial == serial) {
            return true;
        }
    }
    return false;
}

/* ---- requests into records ---------------------------------------------------------------------
 */

static int word_index(const char *word, unsigned count, const char *(*name)(unsigned index))
{
    for (unsigned i = 0; word != NULL && i < count; i++) {
        if (strcmp(name(i), word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static const char *command_name(unsigned index)
{
    return rbk_command_name((enum rbk_command)index);
}

static const char *answer_name(unsigned index)
{
    return rbk_answer_name((enum rbk_answer)index);
}

/* The serial of a question; 0: none was given. */
static uint32_t id_of(const json_t *body)
{
    json_int_t id = json_integer_value(json_object_get(body, "id"));

    return id > 0 && id <= UINT32_MAX ? (uint32_t)id : 0;
}

static const char *text_of(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));

    return text != NULL ? text : "";
}

/* Each gives NULL, or what the person is told instead. */

/* Which seats of a question the person fills. A body's "roles" only take away from what the name
 * speaks for. */
static void take_seats(struct rbk_run *run, const json_t *body, uint32_t question,
                       struct queued *queued)
{
    const json_t *limit = json_object_get(body, "roles");
    size_t count = json_array_size(limit);
    struct rbk_str *roles = NULL;

    if (limit != NULL) {
        roles = rbk_new_array(&queued->arena, struct rbk_str, count + 1);
        for (size_t i = 0; i < count; i++) {
            const json_t *role = json_array_get(limit, i);

            roles[i] = (struct rbk_str){json_string_value(role), json_string_length(role)};
        }
    }
    queued->record.event.seats =
        rbk_question_seats_of(run->replay->machine, question, queued->record.who, roles, count);
}

static const char *take_command(struct rbk_run *run, const json_t *body, struct queued *queued)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_event *event = &queued->record.event;
    int command = word_index(text_of(body, "command"), RBK_COMMAND_COUNT, command_name);
    const char *stage = text_of(body, "stage"), *signal = text_of(body, "signal");

    if (command < 0 || command == RBK_COMMAND_INTERRUPT) {
        return "there is no such command";
    }
    event->command = (enum rbk_command)command;
    event->index = RBK_NONE;
    if (stage[0] != '\0' && (event->index = find_region(run, stage)) == RBK_NONE) {
        return "the plan has no stage of that name, and no step of that name is under way; `rbk "
               "status` lists them";
    }
    if (event->command == RBK_COMMAND_SIGNAL) {
        for (uint32_t i = 0; i < machine->signal_count; i++) {
            if (is_named(machine->signals[i].name, signal)) {
                event->index = i;
            }
        }
        if (event->index == RBK_NONE) {
            return "the plan has no signal of that name: its `abort on signal` says which it has";
        }
    }
    if (event->command == RBK_COMMAND_RESOLVE) {
        int answer = word_index(text_of(body, "answer"), RBK_ANSWER_COUNT, answer_name);

        if (answer != RBK_ANSWER_DONE && answer != RBK_ANSWER_NOT_DONE) {
            return "say done or not-done";
        }
        if (text_of(body, "reason")[0] == '\0') {
            return "say how you know: a reason is missing";
        }
        event->answer = (enum rbk_answer)answer;
        event->serial = id_of(body);
        if (event->index != RBK_NONE &&
            rbk_state_region(machine, run->replay->state, event->index)->mode == RBK_MODE_DOUBT) {
            if (event->serial == 0) {
                return "say which question it answers";
            }
            take_seats(run, body, rbk_region_question(machine, run->replay->state, event->index),
                       queued);
        }
    }
    queued->record.message =
        rbk_secrets_redact(run->secrets, &queued->arena, rbk_str_from(text_of(body, "reason")));
    return NULL;
}

static const char *take_answer(struct rbk_run *run, const json_t *body, struct queued *queued)
{
    struct rbk_event *event = &queued->record.event;
    struct rbk_asked asked;
    int answer = word_index(text_of(body, "answer"), RBK_ANSWER_COUNT, answer_name);

    if (answer < 0) {
        return "there is no such answer";
    }
    event->serial = id_of(body);
    if (event->serial == 0) {
        return "say which question it answers";
    }
    if (!find_question(run, event->serial, &asked)) {
        return "the question that was meant is not open any more";
    }
    event->owner = asked.owner;
    event->index = asked.index;
    event->answer = (enum rbk_answer)answer;
    queued->record.message =
        rbk_secrets_redact(run->secrets, &queued->arena, rbk_str_from(text_of(body, "reason")));
    take_seats(run, body, asked.question, queued);
    return NULL;
}

/* @return NULL, or what the person is told. */
static const char *take_labels(const json_t *labels, struct queued *queued)
{
    struct rbk_pair *pairs =
        rbk_new_array(&queued->arena, struct rbk_pair, json_object_size(labels) + 1);
    const char *name;
    json_t *value;
    size_t bytes;

    if (json_object_size(labels) > RBK_ALERT_LABELS_MAX) {
        return "the alert has too many labels";
    }
    queued->record.labels = pairs;
    json_object_keylen_foreach((json_t *)labels, name, bytes, value)
    {
        if (bytes == 0 || !json_is_string(value)) {
            return "a label has a name, and text for a value";
        }
        pairs[queued->record.label_count++] = (struct rbk_pair){
            rbk_arena_copy(&queued->arena, (struct rbk_str){name, bytes}),
            rbk_arena_copy(&queued->arena,
                           (struct rbk_str){json_string_value(value), json_string_length(value)})};
    }
    return NULL;
}

static const char *take_alert(struct rbk_run *run, const json_t *body, struct queued *queued)
{
    const json_t *labels = json_object_get(body, "labels");
    const char *name = text_of(body, "name");

    if (name[0] == '\0') {
        return "name the alert";
    }
    if (labels != NULL && !json_is_object(labels)) {
        return "the labels of an alert are an object";
    }
    if (json_is_true(json_object_get(body, "firing")) &&
        rbk_alerts_bytes(&run->replay->alerts) >= RBK_ALERTS_BYTES_MAX) {
        return "too many alerts fire at once";
    }
    queued->record.event.serial = 0;
    queued->record.alert = rbk_arena_copy(&queued->arena, rbk_str_from(name));
    queued->record.firing = json_is_true(json_object_get(body, "firing"));
    return labels != NULL ? take_labels(labels, queued) : NULL;
}

/* ---- the form of a body ------------------------------------------------------------------------
 */

static const struct {
    const char *key;
    json_type type;
    const char *kinds; /* first letters of the kinds of requests that have it */
} keys[] = {
    {"run", JSON_STRING, "caAr"},  {"machine", JSON_STRING, "caAr"}, {"command", JSON_STRING, "c"},
    {"stage", JSON_STRING, "c"},   {"signal", JSON_STRING, "c"},     {"id", JSON_INTEGER, "car"},
    {"answer", JSON_STRING, "ca"}, {"reason", JSON_STRING, "ca"},    {"roles", JSON_ARRAY, "ca"},
    {"name", JSON_STRING, "A"},    {"firing", JSON_TRUE, "A"},       {"labels", JSON_OBJECT, "A"},
};

/* Whether a value may stand under a key of a request of that kind. */
static bool is_known(const char *key, const json_t *value, char kind)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].key, key) == 0 && strchr(keys[i].kinds, kind) != NULL) {
            return keys[i].type == JSON_TRUE ? json_is_boolean(value)
                                             : json_typeof(value) == keys[i].type;
        }
    }
    return false;
}

/* @return NULL, or what is wrong with a body of that kind. */
static const char *check_body(const struct rbk_run *run, const json_t *body, char kind)
{
    const char *key;
    json_t *value;
    size_t index;

    if (!json_is_object(body)) {
        return "the request is no JSON object";
    }
    json_object_foreach((json_t *)body, key, value)
    {
        if (!is_known(key, value, kind)) {
            return "the request says something this version does not understand";
        }
    }
    json_array_foreach(json_object_get(body, "roles"), index, value)
    {
        if (!json_is_string(value)) {
            return "roles are names";
        }
    }
    value = json_object_get(body, "run");
    if ((value == NULL && kind == 'a') ||
        (value != NULL && strcmp(json_string_value(value), run->id) != 0)) {
        return "this was given for another run";
    }
    value = json_object_get(body, "machine");
    if ((value == NULL && kind == 'a') ||
        (value != NULL && strcmp(json_string_value(value), run->replay->machine->hash) != 0)) {
        return "this was given for another version of the plan: look at this one, and answer anew";
    }
    return NULL;
}

static const struct {
    const char *kind;
    char letter; /* of `keys` */
    enum rbk_event_kind event;
    const char *(*take)(struct rbk_run *run, const json_t *body, struct queued *queued);
} kinds[] = {
    {"command", 'c', RBK_EVENT_COMMAND, take_command},
    {"answer", 'a', RBK_EVENT_ANSWER, take_answer},
    {"alert", 'A', RBK_EVENT_NOTE, take_alert},
};

/* ---- refusals ----------------------------------------------------------------------------------
 */

/* What a command that was refused leaves to be done. */
static void tell_next(const struct rbk_run *run, enum rbk_refusal refusal, struct rbk_buffer *out)
{
    switch (refusal) {
    case RBK_REFUSAL_NOT_HELD:
    case RBK_REFUSAL_NOTHING_TO_RETRY:
        rbk_buffer_printf(out, "; it is %s",
                          rbk_status_name((enum rbk_status)run->replay->state->status));
        if (run->replay->state->status == RBK_STATUS_PAUSED) {
            rbk_buffer_printf(out, ", and `rbk continue %s` goes on", run->id);
        }
        break;
    case RBK_REFUSAL_ALREADY_STILL:
    case RBK_REFUSAL_NOT_PAUSED:
    case RBK_REFUSAL_NOT_THIS_ONE:
        rbk_buffer_printf(out, "; `rbk status %s` says what can be done", run->id);
        break;
    case RBK_REFUSAL_STANDS_APPLIED:
        rbk_buffer_printf(out, "; `rbk abort %s` takes it back", run->id);
        break;
    default:
        break;
    }
}

void rbk_inbox_explain(const struct rbk_run *run, const struct rbk_event *event,
                       enum rbk_refusal refusal, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_state *state = run->replay->state;
    bool resolves = event->kind == RBK_EVENT_COMMAND && event->command == RBK_COMMAND_RESOLVE;
    struct rbk_asked asked = {.kind = RBK_QUESTION_DOUBT, .question = RBK_NONE};

    rbk_buffer_append_text(out, rbk_refusal_text(refusal));
    if (event->kind != RBK_EVENT_ANSWER && !resolves) {
        tell_next(run, refusal, out);
        return;
    }
    (void)rbk_asked_by(machine, state, resolves ? RBK_OWNER_REGION : event->owner, event->index,
                       &asked); /* else it is open no more: nobody is waited for by name */
    if (refusal == RBK_REFUSAL_NOT_YOURS || refusal == RBK_REFUSAL_OWN_RUN ||
        refusal == RBK_REFUSAL_NOT_NEEDED) {
        rbk_buffer_append_text(out, "; it waits for ");
        rbk_seats_wanted_text(machine, asked.question, asked.approvals,
                              rbk_replay_starter_seats(run->replay, asked.question), out);
    } else if (refusal == RBK_REFUSAL_WRONG_ANSWER) {
        rbk_buffer_append_text(out, "; it takes ");
        rbk_buffer_append_text(
            out, rbk_question_answers_text(asked.question != RBK_NONE
                                               ? machine->questions[asked.question].kind
                                               : RBK_QUESTION_DOUBT));
    }
}

/* A request that became no record: what is to be told, kept until the walk over the inbox is over.
 */
struct refused {
    int64_t id;
    const char *reply;
};

#define REFUSED_MAX 64
/* Requests taken in one look. More wait in the store, where they take no memory, until these are
 * through. */
#define TAKEN_MAX 64
/* What is asked becomes an event of the journal, which has room for it, escapes included. */
#define BODY_BYTES_MAX ((size_t)256 << 10)

struct walk {
    struct rbk_run *run;
    bool ended; /* the run has */
    struct resend resends[TAKEN_MAX];
    size_t resend_count;
    struct refused refused[REFUSED_MAX];
    size_t refused_count;
    size_t taken_count;
};

/* @return NULL, or what the person is told. */
static const char *take_resend(struct walk *walk, int64_t request, const json_t *body)
{
    const json_t *id = json_object_get(body, "id");
    const char *wrong = check_body(walk->run, body, 'r');

    if (wrong != NULL) {
        return wrong;
    }
    if (id != NULL && json_integer_value(id) <= 0) {
        return "the number of a message is positive";
    }
    walk->resends[walk->resend_count++] = (struct resend){request, json_integer_value(id)};
    return NULL;
}

void rbk_inbox_tell_left(struct rbk_run *run, struct rbk_str who, const char *word,
                         const char *reply)
{
    rbk_run_notice(run, "%.*s had asked for this: %s; it is refused: %s", RBK_STR_ARG(who), word,
                   reply);
}

/* What a request asks for: a command, an answer, else its kind. */
static const char *word_of(const struct rbk_store_request *request, const json_t *body)
{
    const char *command = text_of(body, "command"), *answer = text_of(body, "answer");

    return rbk_str_is(request->kind, "command") && command[0] != '\0' ? command
           : rbk_str_is(request->kind, "answer") && answer[0] != '\0' ? answer
           : rbk_str_is(request->kind, "alert")                       ? "alert"
                                                                      : "a request";
}

static int on_request(void *context, const struct rbk_store_request *request)
{
    struct walk *walk = context;
    struct rbk_run *run = walk->run;
    const char *reply = "there is no such kind of request";
    struct queued *queued;
    json_error_t where;
    json_t *body;

    if (request->id <= run->inbox_seen) {
        return 0;
    }
    if (walk->refused_count == REFUSED_MAX || walk->taken_count == TAKEN_MAX ||
        walk->resend_count == TAKEN_MAX) {
        run->inbox_more = true; /* the rest at the next look */
        return 1;
    }
    run->inbox_seen = request->id;
    if (request->body.bytes > BODY_BYTES_MAX || request->who.bytes > RBK_NAME_BYTES_MAX) {
        walk->refused[walk->refused_count++] =
            (struct refused){request->id, "the request is too long"};
        return 0;
    }
    body = json_loadb(request->body.data, request->body.bytes, JSON_REJECT_DUPLICATES, &where);
    if (rbk_str_is(request->kind, "resend")) {
        reply = take_resend(walk, request->id, body);
    } else if (walk->ended) {
        reply = "the run has ended";
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !walk->ended; i++) {
        if (!rbk_str_is(request->kind, kinds[i].kind)) {
            continue;
        }
        if ((queued = rbk_queue_new(run, kinds[i].event)) == NULL) {
            break;
        }
        queued->record.request = request->id;
        queued->left = request->at_ms <= run->inbox_ms;
        queued->record.who = rbk_arena_copy(&queued->arena, request->who);
        if ((reply = check_body(run, body, kinds[i].letter)) == NULL) {
            reply = kinds[i].take(run, body, queued);
        }
        if (reply == NULL) {
            walk->taken_count++;
            rbk_queue_push(run, queued);
        } else {
            rbk_queue_free(queued);
        }
        break;
    }
    if (reply != NULL && request->at_ms <= run->inbox_ms && !walk->ended) {
        rbk_inbox_tell_left(run, request->who, word_of(request, body), reply);
    }
    json_decref(body);
    if (reply != NULL) {
        walk->refused[walk->refused_count++] = (struct refused){request->id, reply};
    }
    return 0;
}

static void look(struct rbk_run *run, bool ended)
{
    struct walk walk = {.run = run, .ended = ended};
    int error;

    if (run->inbox_ms == 0) {
        run->inbox_ms = (int64_t)rbk_run_clock_ms(run);
    }
    run->inbox_more = false;
    error = rbk_store_each_request(run->store, run->id, on_request, &walk, &run->error);
    if (error == 0 && walk.refused_count != 0) {
        error = rbk_store_begin(run->store, &run->error);
        for (size_t i = 0; i < walk.refused_count && error == 0; i++) {
            error =
                rbk_store_reply(run->store, walk.refused[i].id, walk.refused[i].reply, &run->error);
        }
        if (error == 0) {
            error = rbk_store_commit(run->store, &run->error);
        } else {
            rbk_store_rollback(run->store);
        }
    }
    if (error == 0 && walk.resend_count != 0) {
        error = rbk_resend(run, walk.resends, walk.resend_count);
    }
    if (error != 0) {
        rbk_run_fail(run, error);
    }
}

void rbk_inbox_look(struct rbk_run *run)
{
    if (!run->stopping) {
        look(run, false);
    }
}

void rbk_inbox_look_ended(struct rbk_run *run)
{
    look(run, true);
}
