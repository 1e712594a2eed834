/*
 * The status of a run for a person: what was asked for and nobody has handled yet, because no
 * runner lives, it is stopped, or it has only just been asked. Said as the command that asked for
 * it was.
 */
#include <jansson.h>
#include <stdio.h>

#include "runtime/people/status_text.h"
#include "runtime/people/when.h"

static const char *text_of(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));

    return text != NULL ? text : "";
}

/* The name of the question that an answer is for; "question 17" when that is not open any more. */
static void append_question(struct rbk_printing *printing, const json_t *body)
{
    struct rbk_buffer *line = &printing->line;
    json_int_t serial = json_integer_value(json_object_get(body, "id"));
    struct rbk_asked asked[64];
    size_t count = rbk_view_asked(printing->view, printing->state, asked, RBK_COUNT(asked));

    if (serial == 0) {
        return;
    }
    for (size_t i = 0; i < count && i < RBK_COUNT(asked); i++) {
        if (asked[i].serial == serial) {
            rbk_buffer_append_text(line, ": ");
            rbk_asked_name(printing->view, printing->state, &asked[i], line);
            return;
        }
    }
    rbk_buffer_printf(line, ": question %lld", (long long)serial);
}

/* "retry: migrate", "signal: integrity", "resolve: migrate as done" */
static void append_command(struct rbk_printing *printing, const json_t *body)
{
    const char *command = text_of(body, "command"), *stage = text_of(body, "stage");
    const char *signal = text_of(body, "signal"), *answer = text_of(body, "answer");

    rbk_buffer_append_text(&printing->line, command);
    if (stage[0] != '\0' || signal[0] != '\0') {
        rbk_buffer_printf(&printing->line, ": %s", stage[0] != '\0' ? stage : signal);
    }
    if (answer[0] != '\0') {
        rbk_buffer_printf(&printing->line, " as %s", answer);
    }
}

static void append_request(struct rbk_printing *printing, const struct rbk_store_request *request)
{
    json_t *body =
        json_loadb(request->body.data, request->body.bytes, JSON_REJECT_DUPLICATES, NULL);

    if (rbk_str_is(request->kind, "command") && text_of(body, "command")[0] != '\0') {
        append_command(printing, body);
    } else if (rbk_str_is(request->kind, "answer") && text_of(body, "answer")[0] != '\0') {
        rbk_buffer_append_text(&printing->line, text_of(body, "answer"));
        append_question(printing, body);
    } else if (rbk_str_is(request->kind, "alert") && text_of(body, "name")[0] != '\0') {
        rbk_buffer_printf(&printing->line, "alert: %s %s", text_of(body, "name"),
                          json_is_true(json_object_get(body, "firing")) ? "firing" : "resolved");
    } else if (rbk_str_is(request->kind, "resend") && json_is_object(body)) {
        json_int_t message = json_integer_value(json_object_get(body, "id"));

        rbk_buffer_append_text(&printing->line, "resend");
        if (message != 0) {
            rbk_buffer_printf(&printing->line, ": message %lld", (long long)message);
        }
    } else { /* it was not rbk that asked: as it is */
        rbk_buffer_printf(&printing->line, "%.*s  %.*s", RBK_STR_ARG(request->kind),
                          RBK_STR_ARG(request->body));
    }
    if (text_of(body, "reason")[0] != '\0') {
        rbk_buffer_printf(&printing->line, " - %s", text_of(body, "reason"));
    }
    json_decref(body);
}

static int print_request(void *context, const struct rbk_store_request *request)
{
    struct rbk_printing *printing = context;

    rbk_printing_section(printing, "asked for, and not handled yet");
    rbk_buffer_printf(&printing->line, "  %s  %-10.*s ",
                      rbk_when_until((uint64_t)request->at_ms, printing->now_ms).text,
                      RBK_STR_ARG(request->who));
    append_request(printing, request);
    rbk_printing_line(printing, RBK_TONE_PLAIN);
    return 0;
}

int rbk_printing_asked(struct rbk_printing *printing, struct rbk_error *reterr)
{
    int error;

    printing->count = 0;
    error = rbk_store_each_request(printing->history->store, printing->history->id, print_request,
                                   printing, reterr);
    if (error == 0 && printing->count != 0 && !rbk_runner_lives(&printing->history->runner) &&
        printing->state->ended_ms == 0) {
        rbk_buffer_append_text(&printing->line, "      handled by ");
        rbk_view_command(printing->view, "resume", RBK_STR(""), &printing->line);
        rbk_printing_line(printing, RBK_TONE_ASK);
    }
    return error;
}
