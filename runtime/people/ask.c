/*
 * From what a person says to a row of the inbox. Each function makes the body, binds it, and puts
 * it in; nothing is left behind when one of these fails.
 */
#include "runtime/people/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/state.h"
#include "runtime/core/value_text.h"
#include "runtime/executor/replay.h"
#include "runtime/people/view.h"
#include "runtime/people/when.h"

#define ASKED_MAX 64u
#define ROW_BYTES ((size_t)16 << 20)

/* ---- the run ----------------------------------------------------------------------------------
 */

static bool has_ended(struct rbk_str status)
{
    return rbk_str_is(status, rbk_status_name(RBK_STATUS_COMPLETED)) ||
           rbk_str_is(status, rbk_status_name(RBK_STATUS_ABORTED)) ||
           rbk_str_is(status, rbk_status_name(RBK_STATUS_CANCELLED));
}

/* The run must be there and go on; its id and the hash of its machine go into the body. */
static int bind_run(struct rbk_store *store, const char *id, json_t *body, struct rbk_error *reterr)
{
    struct rbk_store_run run;
    struct rbk_arena arena;
    int error;

    rbk_arena_init(&arena, ROW_BYTES);
    error = rbk_store_get_run(store, id, &arena, &run, reterr);
    if (error == 0 && (run.ended_ms != 0 || has_ended(run.status))) {
        error = rbk_error_set(reterr, RBK_ESTATE, "run %s has ended: %.*s", id,
                              RBK_STR_ARG(run.status));
    }
    if (error == 0 &&
        (json_object_set_new(body, "run", json_string(id)) != 0 ||
         json_object_set_new(body, "machine", json_stringn(run.machine.data, run.machine.bytes)) !=
             0)) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_arena_fini(&arena);
    return error;
}

static bool is_blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t\n")] == '\0';
}

/* ---- which question ----------------------------------------------------------------------------
 *
 * Who answers has a question before him. The journal says which one that is, and its serial goes
 * with the answer: should another one be open when the answer arrives, it is refused.
 */

/* Whether a question is the one called `name` (with `serial` behind an "@", 0: without). */
static bool is_meant(const struct rbk_view *view, const struct rbk_state *state,
                     const struct rbk_asked *asked, struct rbk_str name, uint32_t serial)
{
    struct rbk_buffer own;
    bool same;

    if (serial != 0 && asked->serial != serial) {
        return false;
    }
    rbk_buffer_init(&own, 4096);
    rbk_asked_name(view, state, asked, &own);
    same = name.bytes == 0 || rbk_str_equal(rbk_buffer_str(&own), name) ||
           (asked->owner == RBK_OWNER_REGION &&
            rbk_str_equal(view->machine->regions[asked->index].name, name));
    rbk_buffer_fini(&own);
    return same;
}

/* "NAME@17", "NAME", "@17" or nothing at all. false: what stands behind the @ is no number. */
static bool read_question(const char *given, struct rbk_str *ret_name, uint32_t *ret_serial)
{
    const char *at = given != NULL ? strrchr(given, '@') : NULL;
    unsigned long long number;
    char *end;

    *ret_name = rbk_str_from(given);
    *ret_serial = 0;
    if (at == NULL) {
        return true;
    }
    number = strtoull(at + 1, &end, 10);
    if (at[1] < '0' || at[1] > '9' || *end != '\0' || number == 0 || number > UINT32_MAX) {
        return false;
    }
    ret_name->bytes = (size_t)(at - given);
    *ret_serial = (uint32_t)number;
    return true;
}

/* "a.approve.1@3, b.approve.1@4" */
static void add_names(const struct rbk_view *view, const struct rbk_state *state,
                      const struct rbk_asked *asked, size_t count, struct rbk_buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        rbk_buffer_append_text(out, i == 0 ? "" : ", ");
        rbk_asked_name(view, state, &asked[i], out);
        rbk_buffer_printf(out, "@%u", asked[i].serial);
    }
}

/* Several are open: which one is for whoever asks to say. */
static int ask_which(const struct rbk_view *view, const struct rbk_state *state,
                     const struct rbk_asked *asked, size_t count, struct rbk_error *reterr)
{
    struct rbk_buffer names;

    rbk_buffer_init(&names, 4096);
    add_names(view, state, asked, count, &names);
    (void)rbk_error_set(reterr, RBK_EUSAGE, "which question? %s", names.data);
    rbk_buffer_fini(&names);
    return -RBK_EUSAGE;
}

/* None of those that are open is meant: say so, and which are. */
static int not_open(const struct rbk_view *view, const struct rbk_state *state, const char *what,
                    const struct rbk_asked *asked, size_t count, struct rbk_error *reterr)
{
    struct rbk_buffer names;

    rbk_buffer_init(&names, 4096);
    add_names(view, state, asked, count, &names);
    (void)rbk_error_set(reterr, RBK_ESTATE, "%s%s%s", what,
                        count != 0 ? "; open: " : "; the run asks nothing now",
                        count != 0 ? names.data : "");
    rbk_buffer_fini(&names);
    return -RBK_ESTATE;
}

/* Whether a stage of that name is stuck, or waits to be retired or kept: it is resolved without a
 * question. Names of steps are left to the runner. */
static bool may_be_resolved(const struct rbk_view *view, const struct rbk_state *state,
                            struct rbk_str name)
{
    const struct rbk_machine *machine = view->machine;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *region = rbk_state_region(machine, state, i);

        if (rbk_str_equal(machine->regions[i].name, name) ||
            rbk_str_equal(machine->states[region->state].name, name)) {
            return region->mode != RBK_MODE_ASKING || machine->regions[i].kind == RBK_REGION_RETIRE;
        }
    }
    return true;
}

/* Whether an answer says what became of something. */
static bool takes_reason(const json_t *body)
{
    const char *answer = json_string_value(json_object_get(body, "answer"));

    return answer != NULL && (strcmp(answer, rbk_answer_name(RBK_ANSWER_DONE)) == 0 ||
                              strcmp(answer, rbk_answer_name(RBK_ANSWER_NOT_DONE)) == 0);
}

/* Put the serial of the question that is meant into the body. `only` is the kind it must have,
 * RBK_QUESTION_KIND_COUNT: any. A step or stage to be resolved that asks nothing (it is stuck) has
 * none, and needs none. */
static int bind_question(const struct rbk_replay *replay, const char *run, const char *question,
                         enum rbk_question_kind only, json_t *body, struct rbk_error *reterr)
{
    bool tells = takes_reason(body); /* what became of a step: only with how that is known */
    bool resolves = only == RBK_QUESTION_DOUBT;
    struct rbk_view view = {.run = run, .machine = replay->machine};
    struct rbk_asked asked[ASKED_MAX], one = {0};
    struct rbk_asked several[ASKED_MAX];
    struct rbk_str name;
    uint32_t serial;
    size_t count, meant = 0;
    char what[256];

    if (!read_question(question, &name, &serial)) {
        return rbk_error_set(reterr, RBK_EUSAGE, "\"%s\": the number of a question stands behind @",
                             question);
    }
    count = rbk_view_asked(&view, replay->state, asked, ASKED_MAX);
    count = count < ASKED_MAX ? count : ASKED_MAX;
    for (size_t i = 0; i < count; i++) {
        if (is_meant(&view, replay->state, &asked[i], name, serial) &&
            (only == RBK_QUESTION_KIND_COUNT || asked[i].kind == only)) {
            one = several[meant++] = asked[i];
        }
    }
    if (meant == 1 && one.kind == RBK_QUESTION_DOUBT && tells &&
        is_blank(json_string_value(json_object_get(body, "reason")))) {
        return rbk_error_set(reterr, RBK_EUSAGE,
                             "a reason is missing (--reason TEXT): say how you know whether it "
                             "happened");
    }
    if (meant == 1) {
        return json_object_set_new(body, "id", json_integer(one.serial)) == 0
                   ? 0
                   : rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (meant != 0) {
        return ask_which(&view, replay->state, several, meant, reterr);
    }
    if (serial != 0) {
        (void)snprintf(what, sizeof(what),
                       only == RBK_QUESTION_ATTEST ? "no question %.200s to attest is open"
                                                   : "question %.200s is not open any more",
                       question);
        return not_open(&view, replay->state, what, asked, count, reterr);
    }
    if (resolves && may_be_resolved(&view, replay->state, name)) {
        return 0;
    }
    return not_open(&view, replay->state,
                    resolves                      ? "this is neither in doubt nor stuck"
                    : only == RBK_QUESTION_ATTEST ? "no such question to attest is open"
                                                  : "no such question is open",
                    asked, count, reterr);
}

/* The same with the run as the asker has it, or as the store does. */
static int find_question(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                         const char *question, enum rbk_question_kind only, json_t *body,
                         struct rbk_error *reterr)
{
    struct rbk_replay *replay = NULL;
    int error;

    if (asker->replay != NULL) {
        return bind_question(asker->replay, run, question, only, body, reterr);
    }
    error = rbk_replay_load(store, run, NULL, NULL, &replay, reterr);
    if (error == 0) {
        error = bind_question(replay, run, question, only, body, reterr);
        rbk_replay_free(replay);
    }
    return error;
}

/* ---- the row ----------------------------------------------------------------------------------
 */

/* Set a key unless its text is NULL. */
static int set_optional(json_t *body, const char *key, const char *text)
{
    return text == NULL ? 0 : json_object_set_new(body, key, json_string(text));
}

/* The roles an asker is limited to. Nothing when it is not. */
static int set_roles(json_t *body, const struct rbk_asker *asker)
{
    json_t *roles;

    if (asker->roles == NULL) {
        return 0;
    }
    roles = json_array();
    for (size_t i = 0; i < asker->role_count; i++) {
        if (json_array_append_new(roles,
                                  json_stringn(asker->roles[i].data, asker->roles[i].bytes)) != 0) {
            json_decref(roles);
            return -1;
        }
    }
    return json_object_set_new(body, "roles", roles);
}

static int put(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
               const char *kind, const json_t *body, int64_t *ret_request, struct rbk_error *reterr)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    int error;

    if (text == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    struct rbk_store_request request = {
        .at_ms = (int64_t)rbk_when_now_ms(),
        .who = asker->user,
        .kind = rbk_str_from(kind),
        .body = rbk_str_from(text),
    };
    error = rbk_store_ask(store, run, &request, ret_request, reterr);
    free(text);
    return error;
}

static int not_utf8(struct rbk_error *reterr)
{
    return rbk_error_set(reterr, RBK_EINVALID, "the arguments are not UTF-8");
}

/* ---- what can be asked ------------------------------------------------------------------------
 */

static bool is_answer(const char *word)
{
    for (unsigned i = 0; i < RBK_ANSWER_COUNT; i++) {
        if (strcmp(word, rbk_answer_name((enum rbk_answer)i)) == 0) {
            return true;
        }
    }
    return false;
}

static int answer_question(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                           const char *question, enum rbk_question_kind only, const char *answer,
                           const char *reason, int64_t *ret_request, struct rbk_error *reterr)
{
    json_t *body;
    int error;

    if (!is_answer(answer)) {
        return rbk_error_set(reterr, RBK_EINVALID,
                             "\"%s\" is no answer: yes, no, done, not-done, abort, rollback, "
                             "pause, ignore, continue or cancel",
                             answer);
    }
    body = json_pack("{s:s}", "answer", answer);
    if (body == NULL || set_optional(body, "reason", reason) != 0 || set_roles(body, asker) != 0) {
        error = not_utf8(reterr);
    } else if ((error = bind_run(store, run, body, reterr)) == 0 &&
               (error = find_question(store, run, asker, question, only, body, reterr)) == 0) {
        error = put(store, run, asker, "answer", body, ret_request, reterr);
    }
    json_decref(body);
    return error;
}

int rbk_ask_answer(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                   const char *question, const char *answer, const char *reason,
                   int64_t *ret_request, struct rbk_error *reterr)
{
    return answer_question(store, run, asker, question, RBK_QUESTION_KIND_COUNT, answer, reason,
                           ret_request, reterr);
}

int rbk_ask_attest(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                   const char *question, const char *reason, int64_t *ret_request,
                   struct rbk_error *reterr)
{
    return answer_question(store, run, asker, question, RBK_QUESTION_ATTEST, "yes", reason,
                           ret_request, reterr);
}

int rbk_ask_resolve(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                    const char *step, bool done, const char *reason, int64_t *ret_request,
                    struct rbk_error *reterr)
{
    json_t *body;
    int error;

    if (is_blank(reason)) {
        return rbk_error_set(reterr, RBK_EUSAGE, "a reason is missing: say how you know");
    }
    body =
        json_pack("{s:s, s:s, s:s%, s:s}", "command", "resolve", "answer",
                  done ? "done" : "not-done", "stage", step, strcspn(step, "@"), "reason", reason);
    if (body == NULL || set_roles(body, asker) != 0) {
        error = not_utf8(reterr);
    } else if ((error = bind_run(store, run, body, reterr)) == 0 &&
               (error = find_question(store, run, asker, step, RBK_QUESTION_DOUBT, body, reterr)) ==
                   0) {
        error = put(store, run, asker, "command", body, ret_request, reterr);
    }
    json_decref(body);
    return error;
}

/* Names of stages and signals that are listed. */
#define NAMES_MAX 20u

static void add_name(struct rbk_buffer *names, size_t *count, struct rbk_str name)
{
    if (*count < NAMES_MAX) {
        rbk_buffer_printf(names, "%s%.*s", *count == 0 ? "" : ", ", RBK_STR_ARG(name));
    } else if (*count == NAMES_MAX) {
        rbk_buffer_append_text(names, ", …");
    }
    (*count)++;
}

/* Whether the plan has a signal, or else a stage or step, of that name; if not, which there are. */
static bool has_target(const struct rbk_machine *machine, bool signal, const char *target,
                       struct rbk_buffer *names)
{
    size_t count = 0;
    bool has = false;

    for (uint32_t i = 0; signal && i < machine->signal_count; i++) {
        has |= rbk_str_is(machine->signals[i].name, target);
        add_name(names, &count, machine->signals[i].name);
    }
    for (uint32_t i = 0; !signal && i < machine->region_count; i++) {
        enum rbk_region_kind kind = machine->regions[i].kind;

        has |= rbk_str_is(machine->regions[i].name, target);
        if (kind == RBK_REGION_STAGE || kind == RBK_REGION_RETIRE) {
            add_name(names, &count, machine->regions[i].name);
        }
    }
    for (uint32_t i = 0; !signal && !has && i < machine->state_count; i++) {
        has = rbk_str_is(machine->states[i].name, target);
    }
    return has;
}

/* What is mistyped is said at once: where no runner lives, the one who hears of it is another. */
static int check_target(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                        bool signal, const char *target, struct rbk_error *reterr)
{
    const struct rbk_replay *replay = asker->replay;
    struct rbk_replay *own = NULL;
    struct rbk_buffer names;
    int error = replay == NULL ? rbk_replay_open(store, run, &own, reterr) : 0;

    if (error != 0) {
        return error;
    }
    rbk_buffer_init(&names, 4096);
    replay = replay == NULL ? own : replay;
    if (!has_target(replay->machine, signal, target, &names)) {
        error = rbk_error_set(reterr, RBK_ESTATE, "the plan has no %s \"%.100s\"%s%s",
                              signal ? "signal" : "stage", target,
                              names.bytes != 0 ? "; it has " : "", names.data);
    }
    rbk_buffer_fini(&names);
    rbk_replay_free(own);
    return error;
}

int rbk_ask_command(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                    const char *command, const char *target, const char *reason,
                    int64_t *ret_request, struct rbk_error *reterr)
{
    bool signal = strcmp(command, "signal") == 0;
    json_t *body = json_pack("{s:s}", "command", command);
    int error;

    if (body == NULL || set_optional(body, signal ? "signal" : "stage", target) != 0 ||
        set_optional(body, "reason", reason) != 0) {
        error = not_utf8(reterr);
    } else if ((error = bind_run(store, run, body, reterr)) == 0 &&
               (target == NULL ||
                (error = check_target(store, run, asker, signal, target, reterr)) == 0)) {
        error = put(store, run, asker, "command", body, ret_request, reterr);
    }
    json_decref(body);
    return error;
}

int rbk_ask_alert(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                  const char *name, bool firing, json_t *labels, int64_t *ret_request,
                  struct rbk_error *reterr)
{
    json_t *body = json_pack("{s:s, s:b}", "name", name, "firing", firing ? 1 : 0);
    int error;

    if (body == NULL || (labels != NULL && json_object_set(body, "labels", labels) != 0)) {
        error = not_utf8(reterr);
    } else if ((error = bind_run(store, run, body, reterr)) == 0) {
        error = put(store, run, asker, "alert", body, ret_request, reterr);
    }
    json_decref(body);
    return error;
}

int rbk_ask_resend(struct rbk_store *store, const char *run, const struct rbk_asker *asker,
                   int64_t message, int64_t *ret_request, struct rbk_error *reterr)
{
    json_t *body = json_pack("{s:s}", "run", run);
    int64_t waiting = 0, aside = 0;
    int error;

    if (body == NULL ||
        (message != 0 && json_object_set_new(body, "id", json_integer(message)) != 0)) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    } else if ((error = rbk_store_count_unsent(store, run, &waiting, &aside, reterr)) == 0) {
        error = aside == 0
                    ? rbk_error_set(reterr, RBK_ESTATE, "no message of run %s is set aside%s", run,
                                    waiting != 0 ? "; those not sent yet are tried again" : "")
                    : put(store, run, asker, "resend", body, ret_request, reterr);
    }
    json_decref(body);
    return error;
}

/* ---- who reads an alert ------------------------------------------------------------------------
 */

static struct rbk_value no_variable(void *context, enum rbk_variable which)
{
    (void)context;
    return rbk_value_missing(rbk_variable_type(which));
}

/* A label with an empty value is the same as none. */
static bool is_labelled(const json_t *labels, struct rbk_str name, struct rbk_str value)
{
    const char *given = json_string_value(json_object_getn(labels, name.data, name.bytes));

    return rbk_str_is(value, given != NULL ? given : "");
}

/* Whether a probe may read this alert; appends the one that it does read: "Down with site=a". */
static bool reads(const struct rbk_replay *replay, const struct rbk_read *read, const char *name,
                  const json_t *labels, struct rbk_buffer *out)
{
    const struct rbk_scope scope = {
        .machine = replay->machine, .params = replay->params, .variable = no_variable};
    struct rbk_value value;
    struct rbk_buffer text;
    struct rbk_arena arena;
    bool may = true;
    size_t label_count = 0;

    rbk_arena_init(&arena, ROW_BYTES);
    rbk_buffer_init(&text, ROW_BYTES);
    for (uint32_t i = 0; i < read->args.count; i++) {
        const struct rbk_arg *arg = &replay->machine->args[read->args.first + i];

        if ((arg->kind != RBK_ARG_NAME && arg->kind != RBK_ARG_ALERT_LABEL) ||
            rbk_expr_evaluate(&scope, arg->expr, &arena, &value, NULL) != 0 || value.missing ||
            !rbk_type_is_text(value.type)) {
            continue; /* one that only the runner knows */
        }
        if (arg->kind == RBK_ARG_NAME) {
            may = may && rbk_str_is(value.as.text, name);
            rbk_buffer_append_str(&text, value.as.text);
        } else {
            may = may && is_labelled(labels, arg->name, value.as.text);
            rbk_buffer_printf(&text, "%s%.*s=%.*s", label_count++ == 0 ? " with " : ",",
                              RBK_STR_ARG(arg->name), RBK_STR_ARG(value.as.text));
        }
    }
    if (!may) {
        rbk_buffer_printf(out, "%s%s", out->bytes != 0 ? ", " : "", text.data);
    }
    rbk_buffer_fini(&text);
    rbk_arena_fini(&arena);
    return may;
}

bool rbk_ask_alert_is_read(struct rbk_store *store, const char *run, const char *name,
                           const json_t *labels, struct rbk_buffer *out)
{
    struct rbk_replay *replay = NULL;
    bool may = false;

    if (rbk_replay_open(store, run, &replay, NULL) != 0) {
        return true; /* not known */
    }
    for (uint32_t i = 0; i < replay->machine->read_count; i++) {
        may |= replay->machine->reads[i].kind == RBK_READ_ALERT &&
               reads(replay, &replay->machine->reads[i], name, labels, out);
    }
    rbk_replay_free(replay);
    return may;
}
