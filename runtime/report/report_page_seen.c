/*
 * The middle of the page: what was seen, what was told and what was kept.
 */
#include "runtime/report/report_page.h"

/* ---- what was seen ----------------------------------------------------------------------------
 */

static void part_checks(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->checks.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Checks and conditions");
    rbk_document_table(document, "Last at", "Stage", "Condition", "Result", "Seen", NULL);
    for (size_t i = 0; i < report->checks.count; i++) {
        const struct rbk_report_check *row = &report->checks.items[i];
        bool good = row->outcome == RBK_OUTCOME_OK, test = row->kind == RBK_EFFECT_TEST;
        rbk_document_row_tone(document, good ? "good" : test ? NULL : "bad");
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->stage));
        rbk_document_cell(document, "%.*s", TEXT(row->text));
        if (row->ok + row->failed > 1) {
            rbk_document_cell(document, "%s; %u of %u ok",
                              good || !test ? rbk_outcome_name(row->outcome) : "no", row->ok,
                              row->ok + row->failed);
        } else {
            rbk_document_cell(document, "%s",
                              good   ? test ? "yes" : "ok"
                              : test ? "no"
                                     : rbk_outcome_name(row->outcome));
        }
        rbk_document_cell(document, "%.*s", TEXT(row->readings));
        rbk_document_row_end(document);
    }
}

static void part_troubles(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 2, "Failures, retries and doubts");
    if (report->troubles.count == 0) {
        rbk_document_paragraph(document, "Every step went well at its first attempt.");
        return;
    }
    rbk_document_table(document, "When", "Stage", "What", "How it went on", NULL);
    for (size_t i = 0; i < report->troubles.count; i++) {
        const struct rbk_report_trouble *row = &report->troubles.items[i];
        rbk_document_row_tone(document, row->doubt && row->ended_ms == 0 ? "bad" : "warn");
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->stage));
        rbk_document_cell(document, "%.*s", TEXT(row->what));
        if (row->doubt) {
            rbk_document_cell(document, RBK_STRONG("in doubt") "%s%s%s%.*s",
                              row->ended_ms != 0 ? " until " : ", still open",
                              row->ended_ms != 0 ? rbk_report_at(report, row->ended_ms).text : "",
                              row->ended_ms != 0 ? ": " : "", TEXT(row->ended));
        } else {
            rbk_document_cell(document, "%.*s", TEXT(row->ended));
        }
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->troubles.left_out, "steps");
}

static void part_gaps(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->gaps.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Interruptions");
    rbk_document_paragraph(document, "Times in which no runner lived, counted from the last event "
                                     "before them: at most as long as they say.");
    rbk_document_table(document, "From", "To", "For at most", "Taken over by", "Steps under way",
                       NULL);
    for (size_t i = 0; i < report->gaps.count; i++) {
        const struct rbk_report_gap *row = &report->gaps.items[i];
        rbk_document_row_tone(document, row->to_ms == 0 ? "bad" : "warn");
        rbk_document_cell(document, "%s", rbk_report_at(report, row->from_ms).text);
        rbk_document_cell(document, "%s",
                          row->to_ms != 0 ? rbk_report_at(report, row->to_ms).text : "-");
        rbk_document_cell(
            document, "%s",
            rbk_when_span(
                rbk_when_between(row->from_ms, row->to_ms != 0 ? row->to_ms : report->written_ms))
                .text);
        rbk_document_cell(document, "%.*s",
                          TEXT(row->to_ms != 0 ? row->who : RBK_STR("nobody yet")));
        rbk_document_cell(document, "%u", row->under_way);
        rbk_document_row_end(document);
    }
}

static void part_triggers(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->triggers.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Triggers");
    rbk_document_table(document, "Trigger", "Fires when", "Then", "Fired", "Unreadable",
                       "Last seen", NULL);
    for (size_t i = 0; i < report->triggers.count; i++) {
        const struct rbk_report_trigger *row = &report->triggers.items[i];
        rbk_document_row_tone(document, row->fired != 0        ? "bad"
                                        : row->unreadable != 0 ? "warn"
                                                               : NULL);
        rbk_document_cell(document, RBK_STRONG("%.*s") " %.*s", TEXT(row->name),
                          TEXT(row->severity));
        rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(row->condition));
        rbk_document_cell(document, "%.*s", TEXT(row->reaction));
        rbk_document_cell(document, "%u", row->fired);
        rbk_document_cell(document, "%u", row->unreadable);
        rbk_document_cell(
            document, "%s%s%.*s", row->last_ms != 0 ? rbk_report_at(report, row->last_ms).text : "",
            row->last_ms != 0 && row->readings.bytes != 0 ? ": " : "", TEXT(row->readings));
        rbk_document_row_end(document);
    }
}

static void part_criteria(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->criteria.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Abort criteria");
    rbk_document_table(document, "Abort when", "Because", "Decided on it", NULL);
    for (size_t i = 0; i < report->criteria.count; i++) {
        const struct rbk_report_criterion *row = &report->criteria.items[i];
        rbk_document_row_tone(document, row->met ? "bad" : NULL);
        rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(row->condition));
        rbk_document_cell(document, "%.*s", TEXT(row->message));
        rbk_document_cell(document, "%s", row->met ? "yes" : "no");
        rbk_document_row_end(document);
    }
}

static void part_values(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->params.count != 0) {
        rbk_document_heading(document, 2, "Parameters");
        rbk_document_table(document, "Name", "Value", NULL);
        for (size_t i = 0; i < report->params.count; i++) {
            rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(report->params.items[i].name));
            rbk_document_cell(document, "%.*s", TEXT(report->params.items[i].value));
            rbk_document_row_end(document);
        }
    }
    if (report->values.count != 0) {
        rbk_document_heading(document, 2, "Values read and kept");
        rbk_document_table(document, "When", "Stage", "Name", "Value", NULL);
        for (size_t i = 0; i < report->values.count; i++) {
            const struct rbk_report_value *row = &report->values.items[i];
            rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
            rbk_document_cell(document, "%.*s", TEXT(row->stage));
            rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(row->name));
            rbk_document_cell(document, "%.*s", TEXT(row->value));
            rbk_document_row_end(document);
        }
        rbk_report_left_out(document, report->values.left_out, "values");
    }
}

/* ---- what was told and kept -------------------------------------------------------------------
 */

static void part_messages(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->messages.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Notifications");
    rbk_document_table(document, "Written", "Channel", "Message", "Sent", "Attempts", NULL);
    for (size_t i = 0; i < report->messages.count; i++) {
        const struct rbk_report_message *row = &report->messages.items[i];
        rbk_document_row_tone(document, row->sent_ms == 0 ? "bad" : NULL);
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->channel));
        rbk_document_cell(document, "%.*s", TEXT(row->text));
        if (row->sent_ms != 0) {
            rbk_document_cell(document, "%s", rbk_report_at(report, row->sent_ms).text);
        } else {
            rbk_document_cell(document, RBK_STRONG("%s") "%s%.*s",
                              row->aside_ms != 0 ? "refused, set aside" : "not sent",
                              row->reason.bytes != 0 ? ": " : "", TEXT(row->reason));
        }
        rbk_document_cell(document, "%lld", (long long)row->attempts);
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->messages.left_out, "messages");
}

static void part_evidence(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->evidence.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Evidence");
    rbk_document_table(document, "When", "What", "Event", "Bytes", "SHA-256", NULL);
    for (size_t i = 0; i < report->evidence.count; i++) {
        const struct rbk_report_evidence *row = &report->evidence.items[i];
        rbk_document_row_tone(document, !row->genuine ? "bad" : row->nothing ? "warn" : NULL);
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->label));
        rbk_document_cell(document, "%lld", (long long)row->seq);
        rbk_document_cell(document, "%zu", row->bytes);
        if (row->genuine) {
            rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(row->sha256));
        } else {
            rbk_document_cell(
                document, RBK_STRONG("the content is not the one that was kept: ") RBK_CODE("%.*s"),
                TEXT(row->sha256));
        }
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->evidence.left_out, "pieces of evidence");
    for (size_t i = 0; i < report->evidence.count; i++) {
        const struct rbk_report_evidence *row = &report->evidence.items[i];
        if (row->content.bytes != 0) {
            rbk_document_fold(document, "%.*s%s", TEXT(row->label),
                              row->cut ? " (the beginning)" : "");
            rbk_document_code(document, 0, "", row->content);
            rbk_document_fold_end(document);
        }
    }
}

void rbk_report_page_seen(const struct rbk_run_report *report, struct rbk_document *document)
{
    part_checks(report, document);
    part_troubles(report, document);
    part_gaps(report, document);
    part_triggers(report, document);
    part_criteria(report, document);
    part_values(report, document);
    part_messages(report, document);
    part_evidence(report, document);
}
