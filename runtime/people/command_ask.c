/*
 * What people ask of a run: each command puts one row into the run's inbox and waits a moment for
 * the runner's reply. A run without a living runner keeps the row until somebody resumes it.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/state.h"
#include "runtime/executor/alerts.h"
#include "runtime/executor/replay.h"
#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/user.h"
#include "runtime/people/view.h"
#include "runtime/people/when.h"

/* How long a reply is waited for, and how often it is looked for. */
#define REPLY_MS 5000u
#define LOOK_MS 20u

/* A request on its way. */
struct asking {
    const struct rbk_options *options;
    struct rbk_store *store;
    char run[RBK_RUN_ID_BYTES];
    int64_t id;
    bool answers;         /* … a question: */
    const char *question; /* as given; NULL: the only one open */
    bool resolves;        /* … about a step in doubt, or there is none */
};

static bool has_ended(struct rbk_str status)
{
    return rbk_str_is(status, rbk_status_name(RBK_STATUS_COMPLETED)) ||
           rbk_str_is(status, rbk_status_name(RBK_STATUS_ABORTED)) ||
           rbk_str_is(status, rbk_status_name(RBK_STATUS_CANCELLED));
}

static int check_run(struct asking *asking, struct rbk_error *reterr)
{
    struct rbk_store_run run;
    struct rbk_arena arena;
    int error;
    rbk_arena_init(&arena, (size_t)16 << 20);
    error = rbk_store_get_run(asking->store, asking->run, &arena, &run, reterr);
    if (error == 0 && (run.ended_ms != 0 || has_ended(run.status))) {
        error = rbk_error_set(reterr, RBK_ESTATE, "run %s has ended: %.*s", asking->run,
                              RBK_STR_ARG(run.status));
    }
    rbk_arena_fini(&arena);
    return error;
}

static int put_request(struct asking *asking, const char *kind, json_t *body,
                       struct rbk_error *reterr)
{
    char user[RBK_USER_BYTES];
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    int error;
    if (text == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_user_name(user);
    struct rbk_store_request request = {
        .at_ms = (int64_t)rbk_when_now_ms(),
        .who = rbk_str_from(user),
        .kind = rbk_str_from(kind),
        .body = rbk_str_from(text),
    };
    error = rbk_store_ask(asking->store, asking->run, &request, &asking->id, reterr);
    free(text);
    return error;
}

static void pause_ms(unsigned span_ms)
{
    struct timespec span = {0, (long)span_ms * 1000000L};
    (void)nanosleep(&span, NULL);
}

/* Look for the reply until it is there or the time is up. @return bytes of the reply, or an error.
 */
static int await_reply(struct asking *asking, struct rbk_arena *arena, struct rbk_str *reply,
                       struct rbk_error *reterr)
{
    for (unsigned waited_ms = 0;; waited_ms += LOOK_MS) {
        int error = rbk_store_get_reply(asking->store, asking->id, arena, reply, reterr);
        if (error != 0 || reply->bytes != 0 || waited_ms >= REPLY_MS) {
            return error;
        }
        if (waited_ms % 500 == 0 && !rbk_store_lease_held(asking->store, asking->run)) {
            /* It may have replied with its last breath. */
            return rbk_store_get_reply(asking->store, asking->id, arena, reply, reterr);
        }
        pause_ms(LOOK_MS);
    }
}

static int tell_reply(struct asking *asking, struct rbk_str reply)
{
    if (rbk_str_is(reply, "accepted")) {
        (void)printf("accepted\n");
        return RBK_EXIT_COMPLETED;
    }
    if (reply.bytes != 0) {
        struct rbk_buffer text;
        rbk_buffer_init(&text, 4096);
        rbk_sanitize(&text, reply);
        (void)fprintf(stderr, "rbk %s: refused: %s\n", asking->options->command, text.data);
        rbk_buffer_fini(&text);
        return RBK_EXIT_FAILED;
    }
    if (!rbk_store_lease_held(asking->store, asking->run)) {
        (void)printf("no runner drives run %s now: the request waits for `rbk resume %s`\n",
                     asking->run, asking->run);
        return RBK_EXIT_COMPLETED;
    }
    (void)fprintf(stderr,
                  "rbk %s: the runner of %s has not replied within %u s; the request stays in its "
                  "inbox (rbk status %s)\n",
                  asking->options->command, asking->run, REPLY_MS / 1000, asking->run);
    return RBK_EXIT_FAILED;
}

/* ---- which question ----------------------------------------------------------------------------
 *
 * Who answers has a question before him. The journal says which one that is, and its serial goes
 * with the answer: should another one be open when the answer arrives, it is refused.
 */

#define ASKED_MAX 64u

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

/* Several are open: "which question? a.approve.1@3, b.approve.1@4". */
static int ask_which(const struct rbk_view *view, const struct rbk_state *state,
                     const struct rbk_asked *asked, size_t count, struct rbk_error *reterr)
{
    struct rbk_buffer names;

    rbk_buffer_init(&names, 4096);
    for (size_t i = 0; i < count; i++) {
        rbk_buffer_append_text(&names, i == 0 ? "" : ", ");
        rbk_asked_name(view, state, &asked[i], &names);
        rbk_buffer_printf(&names, "@%u", asked[i].serial);
    }
    (void)rbk_error_set(reterr, RBK_EUSAGE, "which question? %s", names.data);
    rbk_buffer_fini(&names);
    return -RBK_EUSAGE;
}

/* Put the serial of the question that is meant into the body. A step or stage to be resolved that
 * asks nothing (it is stuck) has none, and needs none. */
static int bind_question(struct asking *asking, json_t *body, struct rbk_error *reterr)
{
    struct rbk_replay *replay = NULL;
    struct rbk_asked asked[ASKED_MAX];
    struct rbk_str name;
    uint32_t serial;
    size_t count, meant = 0;
    int error;

    if (!read_question(asking->question, &name, &serial)) {
        return rbk_error_set(reterr, RBK_EUSAGE, "\"%s\": the number of a question stands behind @",
                             asking->question);
    }
    error = rbk_replay_load(asking->store, asking->run, NULL, NULL, &replay, reterr);
    if (error != 0) {
        return error;
    }
    struct rbk_view view = {.run = asking->run, .machine = replay->machine};
    count = rbk_view_asked(&view, replay->state, asked, ASKED_MAX);
    count = count < ASKED_MAX ? count : ASKED_MAX;
    for (size_t i = 0; i < count; i++) {
        if (is_meant(&view, replay->state, &asked[i], name, serial) &&
            (!asking->resolves || asked[i].kind == RBK_QUESTION_DOUBT)) {
            asked[meant++] = asked[i];
        }
    }
    if (meant == 1) {
        (void)json_object_set_new(body, "id", json_integer(asked[0].serial));
    } else if (meant != 0) {
        error = ask_which(&view, replay->state, asked, meant, reterr);
    } else if (serial != 0) {
        error =
            rbk_error_set(reterr, RBK_ESTATE, "question %s is not open any more", asking->question);
    } else if (!asking->resolves) {
        error = rbk_error_set(reterr, RBK_ESTATE, "no such question is open");
    }
    rbk_replay_free(replay);
    return error;
}

/* Put the request into the inbox of the run it is for. */
static int send_request(struct asking *asking, const char *kind, json_t *body,
                        struct rbk_error *reterr)
{
    int error = 0;
    if (body == NULL) {
        return rbk_error_set(reterr, RBK_EINVALID, "the arguments are not UTF-8");
    }
    error = rbk_run_store_open(asking->options, RBK_STORE_CLIENT, &asking->store, reterr);
    if (error == 0) {
        error = rbk_run_store_find(asking->store, asking->options->words[0], RBK_CHOOSE_UNFINISHED,
                                   asking->run, reterr);
    }
    if (error == 0) {
        error = check_run(asking, reterr);
    }
    if (error == 0 && asking->answers) {
        error = bind_question(asking, body, reterr);
    }
    return error == 0 ? put_request(asking, kind, body, reterr) : error;
}

/* Ask, and print what became of it. Takes `body`. @return The exit status. */
static int carry(struct asking asking, const char *kind, json_t *body)
{
    const struct rbk_options *options = asking.options;
    struct rbk_error error = {0};
    struct rbk_str reply = RBK_STR("");
    struct rbk_arena arena;
    bool waits = !options->given[RBK_OPTION_NO_WAIT];
    int status = RBK_EXIT_COMPLETED;

    rbk_arena_init(&arena, (size_t)16 << 20);
    int result = send_request(&asking, kind, body, &error);
    if (result == 0 && waits) {
        result = await_reply(&asking, &arena, &reply, &error);
    }
    if (result != 0) {
        status = rbk_subcommand_failed(options, &error);
    } else if (waits) {
        status = tell_reply(&asking, reply);
    } else {
        (void)printf("asked; see rbk status %s\n", asking.run);
    }
    rbk_arena_fini(&arena);
    json_decref(body);
    rbk_store_close(asking.store);
    return status;
}

static int ask(const struct rbk_options *options, const char *kind, json_t *body)
{
    return carry((struct asking){.options = options}, kind, body);
}

/* Set a key unless its text is NULL. */
static void set_optional(json_t *body, const char *key, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(body, key, json_string(text));
    }
}

static const char *word(const struct rbk_options *options, size_t index)
{
    return index < options->word_count ? options->words[index] : NULL;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static int ask_command(const struct rbk_options *options, const char *stage)
{
    json_t *body = json_pack("{s:s}", "command", options->command);
    set_optional(body, "stage", stage);
    set_optional(body, "reason", options->values[RBK_OPTION_REASON]);
    return ask(options, "command", body);
}

int rbk_subcommand_pause(const struct rbk_options *options)
{
    return ask_command(options, NULL);
}

int rbk_subcommand_continue(const struct rbk_options *options)
{
    return ask_command(options, NULL);
}

int rbk_subcommand_abort(const struct rbk_options *options)
{
    return ask_command(options, NULL);
}

int rbk_subcommand_cancel(const struct rbk_options *options)
{
    return ask_command(options, NULL);
}

int rbk_subcommand_retry(const struct rbk_options *options)
{
    return ask_command(options, word(options, 1));
}

/* `step` is a step in doubt, perhaps with the number of its question, or a stuck stage. */
static int resolve(const struct rbk_options *options, const char *step, const char *answer)
{
    json_t *body = json_pack("{s:s, s:s, s:s%}", "command", options->command, "answer", answer,
                             "stage", step, strcspn(step, "@"));
    set_optional(body, "reason", options->values[RBK_OPTION_REASON]);
    return carry(
        (struct asking){.options = options, .answers = true, .question = step, .resolves = true},
        "command", body);
}

int rbk_subcommand_resolve(const struct rbk_options *options)
{
    const char *answer = options->words[2];
    if (strcmp(answer, "done") != 0 && strcmp(answer, "not-done") != 0) {
        (void)fprintf(stderr, "rbk resolve: \"%s\" is neither done nor not-done\n", answer);
        return RBK_EXIT_USAGE;
    }
    if (options->values[RBK_OPTION_REASON] == NULL) {
        (void)fprintf(stderr, "rbk resolve: --reason TEXT is missing: say how you know\n");
        return RBK_EXIT_USAGE;
    }
    return resolve(options, options->words[1], answer);
}

int rbk_subcommand_signal(const struct rbk_options *options)
{
    json_t *body = json_pack("{s:s, s:s}", "command", "signal", "signal", options->words[1]);
    set_optional(body, "reason", options->values[RBK_OPTION_REASON]);
    return ask(options, "command", body);
}

/* ---- answers and alerts -----------------------------------------------------------------------
 */

static int ask_answer(const struct rbk_options *options, const char *question, const char *answer)
{
    json_t *body = json_pack("{s:s}", "answer", answer);
    set_optional(body, "reason", options->values[RBK_OPTION_REASON]);
    return carry((struct asking){.options = options, .answers = true, .question = question},
                 "answer", body);
}

int rbk_subcommand_approve(const struct rbk_options *options)
{
    return ask_answer(options, word(options, 1), "yes");
}

int rbk_subcommand_deny(const struct rbk_options *options)
{
    return ask_answer(options, word(options, 1), "no");
}

int rbk_subcommand_answer(const struct rbk_options *options)
{
    static const char *const answers[] = {"yes",   "no",       "done",  "not-done",
                                          "abort", "rollback", "pause", "ignore"};
    const char *answer = options->words[options->word_count - 1];
    for (size_t i = 0; i < RBK_COUNT(answers); i++) {
        if (strcmp(answers[i], answer) == 0) {
            return ask_answer(options, options->word_count == 3 ? options->words[1] : NULL, answer);
        }
    }
    (void)fprintf(stderr,
                  "rbk answer: \"%s\" is no answer: yes, no, done, not-done, abort, rollback, "
                  "pause or ignore\n",
                  answer);
    return RBK_EXIT_USAGE;
}

/* {"service": "leads"} of --label service=leads. NULL: one of them is none; it was said which. */
static json_t *labels_of(const struct rbk_options *options)
{
    json_t *labels = json_object();

    for (size_t i = 0; i < options->set_count; i++) {
        const char *given = options->sets[i];
        size_t bytes = strcspn(given, "=");
        bool named = given[bytes] == '=' && bytes != 0;
        json_t *value = named ? json_string(given + bytes + 1) : NULL;

        if (value == NULL || json_object_getn(labels, given, bytes) != NULL ||
            i == RBK_ALERT_LABELS_MAX || json_object_setn(labels, given, bytes, value) != 0) {
            (void)fprintf(stderr, "rbk alert: --label %s: %s\n", given,
                          !named || value == NULL     ? "give NAME=VALUE, in UTF-8"
                          : i == RBK_ALERT_LABELS_MAX ? "too many labels"
                                                      : "this label is given already");
            json_decref(value);
            json_decref(labels);
            return NULL;
        }
        json_decref(value);
    }
    return labels;
}

int rbk_subcommand_alert(const struct rbk_options *options)
{
    bool firing = strcmp(options->words[2], "firing") == 0;
    json_t *labels;

    if (!firing && strcmp(options->words[2], "resolved") != 0) {
        (void)fprintf(stderr, "rbk alert: \"%s\" is neither firing nor resolved\n",
                      options->words[2]);
        return RBK_EXIT_USAGE;
    }
    if ((labels = labels_of(options)) == NULL) {
        return RBK_EXIT_USAGE;
    }
    return ask(options, "alert",
               json_pack("{s:s, s:b, s:o}", "name", options->words[1], "firing", firing ? 1 : 0,
                         "labels", labels));
}
