/*
 * What people ask of a run: each command puts one row into the run's inbox (ask.c), in the name of
 * the operating system's user, and waits a moment for the runner's reply. A run without a living
 * runner keeps the row until somebody resumes it.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/executor/alerts.h"
#include "runtime/people/ask.h"
#include "runtime/people/commands.h"
#include "runtime/people/run_store.h"
#include "runtime/people/runner.h"
#include "runtime/people/sanitize.h"
#include "runtime/people/user.h"

/* How long a reply is waited for, and how often it is looked for. */
#define REPLY_MS 5000u
#define LOOK_MS 20u

/* A request on its way. */
struct asking {
    const struct rbk_options *options;
    struct rbk_store *store;
    char run[RBK_RUN_ID_BYTES];
    int64_t id;
    char user[RBK_USER_BYTES];
    struct rbk_asker asker;
};

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
        struct rbk_runner runner = {.state = RBK_RUNNER_ALIVE};
        if (waited_ms % 500 == 0) {
            runner = rbk_runner_look(asking->store, asking->run);
        }
        if (runner.state == RBK_RUNNER_GONE || runner.state == RBK_RUNNER_STOPPED) {
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
    struct rbk_runner runner = rbk_runner_look(asking->store, asking->run);
    if (runner.state == RBK_RUNNER_STOPPED) {
        (void)fprintf(stderr,
                      "rbk %s: the runner of %s is stopped (Ctrl-Z or SIGSTOP) and handles the "
                      "request when it goes on: `fg` there, or kill -CONT %ld\n",
                      asking->options->command, asking->run, runner.process);
        return RBK_EXIT_FAILED;
    }
    if (runner.state == RBK_RUNNER_GONE) {
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

/* Put a request into the inbox: one of the functions below. */
typedef int send_fn(struct asking *asking, struct rbk_error *reterr);

/* Open the store, find the run, send, and print what became of it. @return The exit status. */
static int carry(const struct rbk_options *options, send_fn *send)
{
    struct asking asking = {.options = options};
    struct rbk_error error = {0};
    struct rbk_str reply = RBK_STR("");
    struct rbk_arena arena;
    bool waits = !options->given[RBK_OPTION_NO_WAIT];
    int status = RBK_EXIT_COMPLETED;

    rbk_arena_init(&arena, (size_t)16 << 20);
    rbk_user_name(asking.user);
    asking.asker.user = rbk_str_from(asking.user);
    int result = rbk_run_store_open(options, RBK_STORE_CLIENT, &asking.store, &error);
    if (result == 0) {
        result = rbk_run_store_find(asking.store, options->words[0], RBK_CHOOSE_UNFINISHED,
                                    asking.run, &error);
    }
    if (result == 0) {
        result = send(&asking, &error);
    }
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
    rbk_store_close(asking.store);
    return status;
}

static const char *word(const struct rbk_options *options, size_t index)
{
    return index < options->word_count ? options->words[index] : NULL;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

/* The stage of `retry` and the name of `signal` are the second word; others have none. */
static int send_command(struct asking *asking, struct rbk_error *reterr)
{
    const struct rbk_options *options = asking->options;

    return rbk_ask_command(asking->store, asking->run, &asking->asker, options->command,
                           word(options, 1), options->values[RBK_OPTION_REASON], &asking->id,
                           reterr);
}

int rbk_subcommand_pause(const struct rbk_options *options)
{
    return carry(options, send_command);
}

int rbk_subcommand_continue(const struct rbk_options *options)
{
    return carry(options, send_command);
}

int rbk_subcommand_abort(const struct rbk_options *options)
{
    return carry(options, send_command);
}

int rbk_subcommand_cancel(const struct rbk_options *options)
{
    return carry(options, send_command);
}

int rbk_subcommand_retry(const struct rbk_options *options)
{
    return carry(options, send_command);
}

int rbk_subcommand_signal(const struct rbk_options *options)
{
    return carry(options, send_command);
}

/* The second word is a step in doubt, perhaps with the number of its question, or a stuck stage. */
static int send_resolve(struct asking *asking, struct rbk_error *reterr)
{
    const struct rbk_options *options = asking->options;

    return rbk_ask_resolve(asking->store, asking->run, &asking->asker, options->words[1],
                           strcmp(options->words[2], "done") == 0,
                           options->values[RBK_OPTION_REASON], &asking->id, reterr);
}

/* The second word is the number of a message, as `rbk status` shows it. */
static bool read_message(const struct rbk_options *options, int64_t *ret_message)
{
    const char *given = word(options, 1);
    char *end = NULL;

    *ret_message = 0;
    if (given == NULL) {
        return true;
    }
    errno = 0;
    *ret_message = strtoll(given, &end, 10);
    return given[0] >= '0' && given[0] <= '9' && *end == '\0' && errno == 0 && *ret_message > 0;
}

static int send_resend(struct asking *asking, struct rbk_error *reterr)
{
    int64_t message;

    if (!read_message(asking->options, &message)) {
        return rbk_error_set(reterr, RBK_EUSAGE,
                             "\"%s\" is no number of a message; rbk status shows them",
                             asking->options->words[1]);
    }
    return rbk_ask_resend(asking->store, asking->run, &asking->asker, message, &asking->id, reterr);
}

int rbk_subcommand_resend(const struct rbk_options *options)
{
    return carry(options, send_resend);
}

int rbk_subcommand_resolve(const struct rbk_options *options)
{
    const char *answer = options->words[2];
    const char *reason = options->values[RBK_OPTION_REASON];

    if (strcmp(answer, "done") != 0 && strcmp(answer, "not-done") != 0) {
        (void)fprintf(stderr, "rbk resolve: \"%s\" is neither done nor not-done\n", answer);
        return RBK_EXIT_USAGE;
    }
    if (reason == NULL || reason[strspn(reason, " \t\n")] == '\0') {
        (void)fprintf(stderr, "rbk resolve: --reason TEXT is missing: say how you know\n");
        return RBK_EXIT_USAGE;
    }
    return carry(options, send_resolve);
}

/* ---- answers and alerts -----------------------------------------------------------------------
 */

static int send_answer(struct asking *asking, const char *question, const char *answer,
                       struct rbk_error *reterr)
{
    return rbk_ask_answer(asking->store, asking->run, &asking->asker, question, answer,
                          asking->options->values[RBK_OPTION_REASON], &asking->id, reterr);
}

static int send_yes(struct asking *asking, struct rbk_error *reterr)
{
    return send_answer(asking, word(asking->options, 1), "yes", reterr);
}

static int send_no(struct asking *asking, struct rbk_error *reterr)
{
    return send_answer(asking, word(asking->options, 1), "no", reterr);
}

int rbk_subcommand_approve(const struct rbk_options *options)
{
    return carry(options, send_yes);
}

static int send_attest(struct asking *asking, struct rbk_error *reterr)
{
    return rbk_ask_attest(asking->store, asking->run, &asking->asker, word(asking->options, 1),
                          asking->options->values[RBK_OPTION_REASON], &asking->id, reterr);
}

int rbk_subcommand_attest(const struct rbk_options *options)
{
    return carry(options, send_attest);
}

int rbk_subcommand_deny(const struct rbk_options *options)
{
    return carry(options, send_no);
}

/* RUN [QUESTION] ANSWER */
static int send_word(struct asking *asking, struct rbk_error *reterr)
{
    const struct rbk_options *options = asking->options;

    return send_answer(asking, options->word_count == 3 ? options->words[1] : NULL,
                       options->words[options->word_count - 1], reterr);
}

int rbk_subcommand_answer(const struct rbk_options *options)
{
    static const char *const answers[] = {"yes",      "no",    "done",   "not-done", "abort",
                                          "rollback", "pause", "ignore", "continue", "cancel"};
    const char *answer = options->words[options->word_count - 1];
    for (size_t i = 0; i < RBK_COUNT(answers); i++) {
        if (strcmp(answers[i], answer) == 0) {
            return carry(options, send_word);
        }
    }
    (void)fprintf(stderr,
                  "rbk answer: \"%s\" is no answer: yes, no, done, not-done, abort, rollback, "
                  "pause, ignore, continue or cancel\n",
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

/* An alert that nobody reads changes nothing: most often its name was mistyped. */
static void tell_unread(const struct asking *asking, const json_t *labels)
{
    const char *name = asking->options->words[1];
    struct rbk_buffer read, text;

    rbk_buffer_init(&read, 4096);
    rbk_buffer_init(&text, 16384);
    if (!rbk_ask_alert_is_read(asking->store, asking->run, name, labels, &read)) {
        rbk_buffer_append_text(&text, "\"");
        rbk_sanitize(&text, rbk_str_from(name));
        rbk_buffer_append_text(&text,
                               json_object_size(labels) != 0 ? "\" with these labels" : "\"");
        rbk_buffer_append_text(&text, read.bytes != 0 ? "; they read: " : "");
        rbk_sanitize(&text, rbk_buffer_str(&read));
        (void)fprintf(stderr, "rbk alert: no probe of this plan reads an alert %s\n", text.data);
    }
    rbk_buffer_fini(&text);
    rbk_buffer_fini(&read);
}

static int send_alert(struct asking *asking, struct rbk_error *reterr)
{
    const struct rbk_options *options = asking->options;
    json_t *labels = labels_of(options);
    int error;

    if (labels == NULL) {
        return rbk_error_set(reterr, RBK_EUSAGE, "the alert was not set");
    }
    error = rbk_ask_alert(asking->store, asking->run, &asking->asker, options->words[1],
                          strcmp(options->words[2], "firing") == 0, labels, &asking->id, reterr);
    if (error == 0) {
        tell_unread(asking, labels);
    }
    json_decref(labels);
    return error;
}

int rbk_subcommand_alert(const struct rbk_options *options)
{
    json_t *labels;

    if (strcmp(options->words[2], "firing") != 0 && strcmp(options->words[2], "resolved") != 0) {
        (void)fprintf(stderr, "rbk alert: \"%s\" is neither firing nor resolved\n",
                      options->words[2]);
        return RBK_EXIT_USAGE;
    }
    if ((labels = labels_of(options)) == NULL) {
        return RBK_EXIT_USAGE;
    }
    json_decref(labels);
    return carry(options, send_alert);
}
