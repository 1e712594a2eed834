/*
 * The report as one JSON object: docs/report.schema.json says what each field means. Times are
 * those of the journal, in UTC; spans are milliseconds.
 */
#include "runtime/report/report_internal.h"

#include <jansson.h>
#include <stdlib.h>

#include "runtime/people/json_lines.h"

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void set_span(json_t *object, const char *key, uint64_t ms)
{
    if (ms != 0) {
        set(object, key, json_integer((json_int_t)ms));
    }
}

static void set_word(json_t *object, const char *key, const char *word)
{
    if (word != NULL && word[0] != '\0') {
        set(object, key, json_string(word));
    }
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static json_t *texts(const struct rbk_str *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, rbk_json_text(items[i]));
    }
    return array;
}

static json_t *decisions(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->decisions.count; i++) {
        const struct rbk_report_decision *row = &report->decisions.items[i];
        json_t *object = json_object();
        set(object, "seq", json_integer(row->seq));
        rbk_json_set_time(object, "at", row->at_ms);
        rbk_json_set_text(object, "what", row->what);
        set_word(object, "by", rbk_report_actor_name(row->by));
        rbk_json_set_text(object, "who", row->who);
        rbk_json_set_text(object, "because", row->because);
        rbk_json_set_text(object, "readings", row->readings);
        if (row->turns) {
            set(object, "turns", json_true());
        }
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *phases_of(const struct rbk_run_report *report, uint32_t stage)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->phases.count; i++) {
        const struct rbk_report_phase *row = &report->phases.items[i];
        json_t *object;
        if (row->row != stage) {
            continue;
        }
        object = json_object();
        set_word(object, "phase", rbk_phase_name(row->phase));
        set(object, "attempt", json_integer(row->attempt));
        rbk_json_set_text(object, "strategy", row->strategy);
        rbk_json_set_time(object, "from", row->from_ms);
        rbk_json_set_time(object, "to", row->to_ms);
        set(object, "took_ms",
            json_integer((json_int_t)rbk_when_between(
                row->from_ms, row->to_ms != 0 ? row->to_ms : report->until_ms)));
        set_span(object, "within_ms", row->within_ms);
        set_word(object, "ended", row->ended);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *stages(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->stages.count; i++) {
        const struct rbk_report_stage *row = &report->stages.items[i];
        json_t *object = json_object();
        rbk_json_set_text(object, "stage", row->name);
        rbk_json_set_text(object, "title", row->title);
        set_word(object, "kind", row->kind);
        set_word(object, "risk", row->risk);
        rbk_json_set_text(object, "data", row->data);
        rbk_json_set_text(object, "unwatched", row->unwatched);
        set_word(object, "status", row->status);
        set(object, "applied", json_boolean(row->applied));
        set(object, "attempts", json_integer(row->attempts));
        set(object, "rollbacks", json_integer(row->rollbacks));
        rbk_json_set_time(object, "began", row->began_ms);
        set_span(object, "apply_ms", row->apply_ms);
        set_span(object, "rollback_ms", row->back_ms);
        set_span(object, "rollback_guideline_ms", row->guideline_ms);
        set(object, "phases", phases_of(report, (uint32_t)i));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *answers(const struct rbk_report_question *row)
{
    json_t *array = json_array();
    for (size_t i = 0; i < row->answer_count && i < RBK_REPORT_ANSWERS_MAX; i++) {
        json_t *object = json_object();
        rbk_json_set_time(object, "at", row->answers[i].at_ms);
        rbk_json_set_text(object, "who", row->answers[i].who);
        rbk_json_set_text(object, "answer", row->answers[i].answer);
        rbk_json_set_text(object, "reason", row->answers[i].reason);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *questions(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->questions.count; i++) {
        const struct rbk_report_question *row = &report->questions.items[i];
        json_t *object = json_object();
        set_word(object, "kind", rbk_question_kind_name(row->kind));
        rbk_json_set_text(object, "question", row->name);
        set(object, "serial", json_integer(row->serial));
        rbk_json_set_text(object, "stage", row->stage);
        rbk_json_set_text(object, "text", row->text);
        rbk_json_set_time(object, "asked", row->asked_ms);
        rbk_json_set_time(object, "until", row->due_ms);
        rbk_json_set_time(object, "closed", row->closed_ms);
        set(object, "took_ms",
            json_integer((json_int_t)rbk_when_between(
                row->asked_ms, row->closed_ms != 0 ? row->closed_ms : report->until_ms)));
        set(object, "answers", answers(row));
        rbk_json_set_text(object, "result", row->result);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *checks(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->checks.count; i++) {
        const struct rbk_report_check *row = &report->checks.items[i];
        json_t *object = json_object();
        set_word(object, "kind", rbk_effect_kind_name(row->kind));
        rbk_json_set_text(object, "stage", row->stage);
        rbk_json_set_text(object, "step", row->step);
        rbk_json_set_text(object, "text", row->text);
        set(object, "seq", json_integer(row->seq));
        rbk_json_set_time(object, "at", row->at_ms);
        set_word(object, "outcome", rbk_outcome_name(row->outcome));
        set(object, "ok", json_integer(row->ok));
        set(object, "failed", json_integer(row->failed));
        rbk_json_set_text(object, "readings", row->readings);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *troubles(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->troubles.count; i++) {
        const struct rbk_report_trouble *row = &report->troubles.items[i];
        json_t *object = json_object();
        set(object, "seq", json_integer(row->seq));
        rbk_json_set_time(object, "at", row->at_ms);
        rbk_json_set_text(object, "stage", row->stage);
        rbk_json_set_text(object, "step", row->step);
        rbk_json_set_text(object, "what", row->what);
        set(object, "doubt", json_boolean(row->doubt));
        rbk_json_set_time(object, "resolved", row->ended_ms);
        rbk_json_set_text(object, "went_on", row->ended);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *gaps(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->gaps.count; i++) {
        const struct rbk_report_gap *row = &report->gaps.items[i];
        json_t *object = json_object();
        rbk_json_set_time(object, "from", row->from_ms);
        rbk_json_set_time(object, "to", row->to_ms);
        rbk_json_set_text(object, "who", row->who);
        set(object, "under_way", json_integer(row->under_way));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *values(const struct rbk_report_value *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        rbk_json_set_time(object, "at", items[i].at_ms);
        rbk_json_set_text(object, "stage", items[i].stage);
        rbk_json_set_text(object, "name", items[i].name);
        set(object, "value", rbk_json_text(items[i].value));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *triggers(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->triggers.count; i++) {
        const struct rbk_report_trigger *row = &report->triggers.items[i];
        json_t *object = json_object();
        rbk_json_set_text(object, "trigger", row->name);
        rbk_json_set_text(object, "severity", row->severity);
        rbk_json_set_text(object, "condition", row->condition);
        rbk_json_set_text(object, "reaction", row->reaction);
        rbk_json_set_text(object, "missing", row->missing);
        set(object, "fired", json_integer(row->fired));
        set(object, "unreadable", json_integer(row->unreadable));
        rbk_json_set_time(object, "last", row->last_ms);
        rbk_json_set_text(object, "readings", row->readings);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *criteria(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->criteria.count; i++) {
        const struct rbk_report_criterion *row = &report->criteria.items[i];
        json_t *object = json_object();
        rbk_json_set_text(object, "condition", row->condition);
        rbk_json_set_text(object, "message", row->message);
        set(object, "met", json_boolean(row->met));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *messages(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->messages.count; i++) {
        const struct rbk_report_message *row = &report->messages.items[i];
        json_t *object = json_object();
        rbk_json_set_time(object, "at", row->at_ms);
        rbk_json_set_text(object, "channel", row->channel);
        rbk_json_set_text(object, "text", row->text);
        rbk_json_set_time(object, "sent", row->sent_ms);
        rbk_json_set_time(object, "set_aside", row->aside_ms);
        set(object, "attempts", json_integer(row->attempts));
        rbk_json_set_text(object, "reason", row->reason);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *evidence(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->evidence.count; i++) {
        const struct rbk_report_evidence *row = &report->evidence.items[i];
        json_t *object = json_object();
        set(object, "seq", json_integer(row->seq));
        rbk_json_set_time(object, "at", row->at_ms);
        rbk_json_set_text(object, "label", row->label);
        rbk_json_set_text(object, "sha256", row->sha256);
        set(object, "bytes", json_integer((json_int_t)row->bytes));
        set(object, "genuine", json_boolean(row->genuine));
        set(object, "content", rbk_json_text(row->content));
        set(object, "cut", json_boolean(row->cut));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *refused(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->refused.count; i++) {
        const struct rbk_report_refused *row = &report->refused.items[i];
        json_t *object = json_object();
        rbk_json_set_time(object, "at", row->at_ms);
        rbk_json_set_text(object, "who", row->who);
        rbk_json_set_text(object, "what", row->what);
        rbk_json_set_text(object, "reply", row->reply);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *waivers(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->waivers.count; i++) {
        json_t *object = json_object();
        rbk_json_set_text(object, "code", report->waivers.items[i].code);
        rbk_json_set_text(object, "because", report->waivers.items[i].because);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *lines(const struct rbk_run_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->lines.count; i++) {
        const struct rbk_report_line *row = &report->lines.items[i];
        json_t *object = json_object();
        set(object, "seq", json_integer(row->seq));
        rbk_json_set_time(object, "at", row->at_ms);
        set_word(object, "tone", rbk_tone_name(row->tone));
        rbk_json_set_text(object, "stage", row->stage);
        rbk_json_set_text(object, "who", row->who);
        if (row->detail) {
            set(object, "detail", json_true());
        }
        set(object, "text", rbk_json_text(row->text));
        (void)json_array_append_new(array, object);
    }
    return array;
}

/* ---- the head ---------------------------------------------------------------------------------
 */

static json_t *journal(const struct rbk_run_report *report)
{
    json_t *object = json_object();
    set(object, "events", json_integer(report->events));
    set(object, "whole", json_boolean(report->broken.bytes == 0));
    rbk_json_set_text(object, "broken", report->broken);
    rbk_json_set_text(object, "last_hash", report->chain);
    return object;
}

static json_t *times(const struct rbk_run_report *report)
{
    json_t *object = json_object();
    rbk_json_set_time(object, "started", report->started_ms);
    rbk_json_set_time(object, "first_effect", report->first_effect_ms);
    rbk_json_set_time(object, "all_applied", report->all_applied_ms);
    rbk_json_set_time(object, "decided", report->decided_ms);
    rbk_json_set_time(object, "stuck", report->stuck_ms);
    rbk_json_set_time(object, "ended", report->ended_ms);
    rbk_json_set_time(object, "last_event", report->last_ms);
    rbk_json_set_time(object, "written", report->written_ms);
    set_span(object, "estimate_ms", report->estimate_ms);
    if (report->all_applied_ms != 0) {
        set(object, "applied_in_ms",
            json_integer(
                (json_int_t)rbk_when_between(report->first_effect_ms, report->all_applied_ms)));
    }
    set_span(object, "rollback_within_ms", report->rollback_within_ms);
    if (report->status == RBK_STATUS_ABORTED) {
        set(object, "rolled_back_in_ms",
            json_integer((json_int_t)rbk_when_between(report->decided_ms, report->ended_ms)));
    }
    set(object, "overdue", json_boolean(report->overdue));
    return object;
}

static json_t *left_out(const struct rbk_run_report *report)
{
    json_t *object = json_object();
    set_span(object, "events", report->lines.left_out);
    set_span(object, "decisions", report->decisions.left_out);
    set_span(object, "questions", report->questions.left_out);
    set_span(object, "refused", report->refused.left_out);
    set_span(object, "troubles", report->troubles.left_out);
    set_span(object, "values", report->values.left_out);
    set_span(object, "phases", report->phases.left_out);
    set_span(object, "messages", report->messages.left_out);
    set_span(object, "evidence", report->evidence.left_out);
    return object;
}

static json_t *whole(const struct rbk_run_report *report)
{
    json_t *object = json_object();
    set_word(object, "format_version", RBK_REPORT_FORMAT);
    rbk_json_set_text(object, "run", report->run);
    rbk_json_set_text(object, "plan", report->plan);
    rbk_json_set_text(object, "title", report->title);
    rbk_json_set_text(object, "ticket", report->ticket);
    rbk_json_set_text(object, "owner", report->owner);
    rbk_json_set_text(object, "service", report->service);
    rbk_json_set_text(object, "machine", report->machine);
    rbk_json_set_text(object, "user", report->user);
    rbk_json_set_text(object, "host", report->host);
    rbk_json_set_text(object, "directory", report->directory);
    rbk_json_set_text(object, "unrehearsed", report->unrehearsed);
    set_word(object, "status", rbk_status_name(report->status));
    rbk_json_set_text(object, "reason", report->reason);
    set(object, "runner", json_boolean(report->runner));
    set(object, "rollbacks", json_integer(report->rollbacks));
    set(object, "journal", journal(report));
    set(object, "times", times(report));
    set(object, "summary", texts(report->summary.items, report->summary.count));
    set(object, "what_now", texts(report->open.items, report->open.count));
    set(object, "params", values(report->params.items, report->params.count));
    set(object, "decisions", decisions(report));
    set(object, "stages", stages(report));
    set(object, "questions", questions(report));
    set(object, "refused", refused(report));
    set(object, "checks", checks(report));
    set(object, "troubles", troubles(report));
    set(object, "interruptions", gaps(report));
    set(object, "triggers", triggers(report));
    set(object, "criteria", criteria(report));
    set(object, "values", values(report->values.items, report->values.count));
    set(object, "messages", messages(report));
    set(object, "evidence", evidence(report));
    set(object, "waivers", waivers(report));
    set(object, "events", lines(report));
    set(object, "left_out", left_out(report));
    set(object, "commands", texts(report->commands.items, report->commands.count));
    return object;
}

int rbk_report_json(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    json_t *object = whole(report);
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII);

    json_decref(object);
    if (text == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_buffer_append_text(out, text);
    rbk_buffer_append_byte(out, '\n');
    free(text);
    return out->error;
}
