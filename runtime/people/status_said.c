/*
 * The status of a run for a person, its last part: who answered or asked for what, and messages
 * that were not sent.
 */
#include <jansson.h>
#include <stdio.h>

#include "runtime/core/timestamp.h"
#include "runtime/people/messages.h"
#include "runtime/people/status_text.h"
#include "runtime/people/when.h"

/* Messages that are listed one by one. */
#define UNSENT_SHOWN_MAX 10u

/* The first of each channel: the others wait for it. */
static void print_unsent(struct rbk_printing *printing, const json_t *messages)
{
    const json_t *unsent = json_object_get(messages, "unsent"), *message;
    size_t index, shown = 0;

    printing->count = 0;
    json_array_foreach(unsent, index, message)
    {
        const char *reason = json_string_value(json_object_get(message, "reason"));
        const char *next = json_string_value(json_object_get(message, "next"));

        rbk_printing_section(printing, "messages not sent");
        if (shown++ == UNSENT_SHOWN_MAX) {
            rbk_buffer_printf(&printing->line, "  and %zu more",
                              json_array_size(unsent) - UNSENT_SHOWN_MAX);
            rbk_printing_line(printing, RBK_TONE_DIM);
            break;
        }
        rbk_buffer_printf(&printing->line, "  %-18s %s",
                          json_string_value(json_object_get(message, "channel")),
                          json_string_value(json_object_get(message, "text")));
        rbk_printing_line(printing, RBK_TONE_WARN);
        if (reason != NULL) {
            int64_t next_ms = 0;

            if (next == NULL || !rbk_timestamp_parse(rbk_str_from(next), &next_ms)) {
                next_ms = 0;
            }
            rbk_buffer_printf(&printing->line, "      %s, attempt %lld", reason,
                              (long long)json_integer_value(json_object_get(message, "attempts")));
            if (rbk_runner_lives(&printing->history->runner) && next_ms != 0) {
                rbk_buffer_printf(&printing->line, "; again at %s",
                                  rbk_when_until((uint64_t)next_ms, printing->now_ms).text);
            }
            rbk_printing_line(printing, RBK_TONE_DIM);
        }
    }
    if (shown != 0 && !rbk_runner_lives(&printing->history->runner)) {
        rbk_buffer_append_text(&printing->line, "      tried again by ");
        rbk_view_command(printing->view, "resume", RBK_STR(""), &printing->line);
        rbk_printing_line(printing, RBK_TONE_ASK);
    }
}

static void print_aside(struct rbk_printing *printing, const json_t *messages)
{
    const json_t *aside = json_object_get(messages, "aside"), *message;
    size_t index;

    printing->count = 0;
    json_array_foreach(aside, index, message)
    {
        const char *reason = json_string_value(json_object_get(message, "reason"));

        rbk_printing_section(printing, "messages refused, and set aside");
        if (index == UNSENT_SHOWN_MAX) {
            rbk_buffer_printf(&printing->line, "  and %zu more",
                              json_array_size(aside) - UNSENT_SHOWN_MAX);
            rbk_printing_line(printing, RBK_TONE_DIM);
            break;
        }
        rbk_buffer_printf(&printing->line, "  %-18s %s",
                          json_string_value(json_object_get(message, "channel")),
                          json_string_value(json_object_get(message, "text")));
        rbk_printing_line(printing, RBK_TONE_WARN);
        rbk_buffer_printf(&printing->line, "      message %lld, refused %lld times: %s",
                          (long long)json_integer_value(json_object_get(message, "id")),
                          (long long)json_integer_value(json_object_get(message, "attempts")),
                          reason != NULL ? reason : "");
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
    if (json_array_size(aside) != 0) {
        rbk_buffer_append_text(&printing->line, "      when that is mended: ");
        rbk_view_command(printing->view, "resend", RBK_STR(""), &printing->line);
        if (rbk_runner_lives(&printing->history->runner)) {
            rbk_buffer_append_text(&printing->line, " sends them again");
        } else {
            rbk_buffer_append_text(&printing->line, ", and then ");
            rbk_view_command(printing->view, "resume", RBK_STR(""), &printing->line);
        }
        rbk_printing_line(printing, RBK_TONE_ASK);
    }
}

static int print_mail(struct rbk_printing *printing, struct rbk_error *reterr)
{
    json_t *messages = rbk_messages_json(printing->history, reterr);

    if (messages == NULL) {
        return -(int)reterr->code;
    }
    print_unsent(printing, messages);
    print_aside(printing, messages);
    json_decref(messages);
    return 0;
}

void rbk_printing_people(struct rbk_printing *printing)
{
    const struct rbk_said_list *list = &printing->history->said;
    printing->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct rbk_said *said = &list->items[i];
        rbk_printing_section(printing, "people");
        rbk_buffer_printf(&printing->line, "  %s  %-10s %s%s%s", rbk_when_clock(said->at_ms).text,
                          said->who, said->word, said->about[0] != '\0' ? ": " : "", said->about);
        if (said->reason[0] != '\0') {
            rbk_buffer_printf(&printing->line, " - %s", said->reason);
        }
        rbk_printing_line(printing, RBK_TONE_PLAIN);
    }
    if (list->total > list->count) {
        rbk_buffer_printf(&printing->line, "  and %zu before: rbk log", list->total - list->count);
        rbk_printing_line(printing, RBK_TONE_DIM);
    }
}

int rbk_printing_messages(struct rbk_printing *printing, struct rbk_error *reterr)
{
    int error = rbk_printing_asked(printing, reterr);

    return error == 0 ? print_mail(printing, reterr) : error;
}
