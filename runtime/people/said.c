/*
 * Who said what. A ring would do; 32 items are moved instead.
 */
#include "runtime/people/said.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"

/* Text of one item; what is longer is cut. */
#define TEXT_BYTES_MAX 4096u

static bool is_of_person(const struct rbk_event *event)
{
    return event->kind == RBK_EVENT_ANSWER || event->kind == RBK_EVENT_COMMAND;
}

static bool is_resolve(const struct rbk_event *event)
{
    return event->kind == RBK_EVENT_COMMAND && event->command == RBK_COMMAND_RESOLVE;
}

/* Append what a question asks: its text, else the effect or the condition it is about. */
static void append_asked(const struct rbk_view *view, const struct rbk_state *before,
                         const struct rbk_asked *asked, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;
    const struct rbk_effect *effect;

    /* A doubt is about its effect; others say what they ask. */
    if (asked->question < machine->question_count && asked->kind != RBK_QUESTION_DOUBT &&
        machine->questions[asked->question].text != RBK_NONE) {
        rbk_view_expr(view, machine->questions[asked->question].text, out);
    } else if (asked->owner == RBK_OWNER_TRIGGER) {
        rbk_buffer_append_str(out,
                              rbk_view_spelled(view, machine->triggers[asked->index].condition));
    } else if ((effect = rbk_view_effect(view, before, asked->index)) != NULL) {
        rbk_buffer_append_str(out, rbk_view_short(effect));
    }
}

void rbk_said_about(const struct rbk_view *view, const struct rbk_state *before,
                    const struct rbk_event *event, struct rbk_buffer *out)
{
    enum rbk_question_owner owner = is_resolve(event) ? RBK_OWNER_REGION : event->owner;
    struct rbk_asked asked;

    if ((event->kind == RBK_EVENT_ANSWER || is_resolve(event)) &&
        rbk_view_asked_by(view, before, owner, event->index, &asked)) {
        rbk_asked_name(view, before, &asked, out);
        rbk_buffer_append_text(out, " (");
        append_asked(view, before, &asked, out);
        rbk_buffer_append_text(out, ")");
    }
}

/* What a command is about, where it answers no question. */
static void append_target(const struct rbk_view *view, const struct rbk_event *event,
                          struct rbk_buffer *out)
{
    const struct rbk_machine *machine = view->machine;

    if (event->kind != RBK_EVENT_COMMAND) {
        return;
    }
    if (event->command == RBK_COMMAND_SIGNAL && event->index < machine->signal_count) {
        rbk_buffer_append_str(out, machine->signals[event->index].name);
    } else if ((event->command == RBK_COMMAND_RETRY || event->command == RBK_COMMAND_RESOLVE) &&
               event->index < machine->region_count) {
        rbk_buffer_append_str(out, rbk_view_stage_name(view, event->index));
    }
}

static char *copy(struct rbk_str text)
{
    size_t bytes = text.bytes < TEXT_BYTES_MAX ? text.bytes : TEXT_BYTES_MAX;

    return strndup(bytes != 0 ? text.data : "", bytes);
}

static void forget(struct rbk_said *said)
{
    free(said->who);
    free(said->word);
    free(said->about);
    free(said->reason);
}

int rbk_said_record(struct rbk_said_list *list, const struct rbk_view *view,
                    const struct rbk_record *record, const struct rbk_state *before)
{
    const struct rbk_event *event = &record->event;
    bool answers = event->kind == RBK_EVENT_ANSWER || is_resolve(event);
    struct rbk_buffer about;
    struct rbk_said said;

    if (!is_of_person(event) || record->who.bytes == 0) {
        return 0;
    }
    rbk_buffer_init(&about, RBK_VIEW_BYTES_MAX);
    rbk_said_about(view, before, event, &about);
    if (about.bytes == 0) {
        append_target(view, event, &about);
    }
    said = (struct rbk_said){
        .at_ms = event->now_ms,
        .who = copy(record->who),
        .word = strdup(answers ? rbk_answer_name(event->answer) : rbk_command_name(event->command)),
        .about = copy(rbk_buffer_str(&about)),
        .reason = copy(record->message)};
    rbk_buffer_fini(&about);
    if (said.who == NULL || said.word == NULL || said.about == NULL || said.reason == NULL) {
        forget(&said);
        return -RBK_ENOMEM;
    }
    if (list->count == RBK_SAID_MAX) {
        forget(&list->items[0]);
        memmove(&list->items[0], &list->items[1], (RBK_SAID_MAX - 1) * sizeof(list->items[0]));
        list->count--;
    }
    list->items[list->count++] = said;
    list->total++;
    return 0;
}

void rbk_said_fini(struct rbk_said_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        forget(&list->items[i]);
    }
    *list = (struct rbk_said_list){0};
}
