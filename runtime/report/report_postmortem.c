/*
 * The skeleton of a post-mortem: the headings that a review after a rollback asks for, with what
 * the journal knows already, and blanks for what only people know. Boxes to tick stand where
 * somebody has to look; what the run has shown is written out beside them, never ticked for them.
 */
#include "runtime/report/report_page.h"

#define HOUR_MS ((uint64_t)3600000)

static void blank(struct rbk_document *document, const char *what)
{
    rbk_document_item(document, 0, "%s: ____", what);
}

/* Captures that had nothing to keep. */
static size_t lost_evidence(const struct rbk_run_report *report)
{
    size_t count = 0;

    for (size_t i = 0; i < report->evidence.count; i++) {
        count += report->evidence.items[i].nothing ? 1u : 0u;
    }
    return count;
}

/* ---- impact and detection ---------------------------------------------------------------------
 */

static void impact(const struct rbk_run_report *report, struct rbk_document *document)
{
    uint64_t from_ms = report->first_effect_ms;
    uint64_t to_ms = report->ended_ms != 0 ? report->ended_ms : report->until_ms;

    rbk_document_heading(document, 3, "Impact");
    if (from_ms != 0) {
        rbk_document_item(document, 0, "Systems were changed from %s; this took %s in all.",
                          rbk_when_full(from_ms).text,
                          rbk_when_span(rbk_when_between(from_ms, to_ms)).text);
    } else {
        rbk_document_item(document, 0, "Nothing was changed: no apply began.");
    }
    for (size_t i = 0; i < report->stages.count; i++) {
        const struct rbk_report_stage *row = &report->stages.items[i];
        if (row->data.bytes != 0 && row->rollbacks != 0) {
            rbk_document_item(
                document, 0,
                "Stage " RBK_CODE("%.*s") " was rolled back; the plan says of its data: %.*s.",
                TEXT(row->name), TEXT(row->data));
        }
    }
    blank(document, "Users and services that noticed, and what they saw");
    blank(document, "Data created or changed meanwhile that needs attention");
}

static void detection(const struct rbk_run_report *report, struct rbk_document *document)
{
    const struct rbk_report_decision *turn = rbk_report_turn(report);

    rbk_document_heading(document, 3, "Detection and decision");
    if (turn != NULL) {
        struct rbk_buffer who;
        rbk_buffer_init(&who, RBK_REPORT_TEXT_MAX * 4);
        rbk_report_decided_by(turn, &who);
        rbk_document_item(document, 0, "Noticed and decided at %s by %s",
                          rbk_when_full(turn->at_ms).text, who.data);
        rbk_buffer_fini(&who);
        if (report->first_effect_ms != 0) {
            rbk_document_item(
                document, 0, "That was %s after the first effect.",
                rbk_when_span(rbk_when_between(report->first_effect_ms, turn->at_ms)).text);
        }
    }
    for (size_t i = 0, told = 0; i < report->troubles.count && told < 10; i++) {
        const struct rbk_report_trouble *row = &report->troubles.items[i];
        if (row->lost) {
            continue;
        }
        told++;
        rbk_document_item(document, 0, "%s %.*s%s%.*s", rbk_report_at(report, row->at_ms).text,
                          TEXT(row->what), row->ended.bytes != 0 ? " - " : "", TEXT(row->ended));
    }
    blank(document, "Could it have been noticed earlier, and how");
    blank(document, "Was the decision right, and fast enough");
}

static void root_cause(struct rbk_document *document)
{
    rbk_document_heading(document, 3, "Root cause");
    blank(document, "What failed first");
    blank(document, "Why (ask five times)");
    blank(document, "Why review, rehearsal and checks did not show it");
}

/* ---- mitigation -------------------------------------------------------------------------------
 */

static void mitigation(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 3, "Mitigation");
    for (size_t i = 0; i < report->phases.count; i++) {
        const struct rbk_report_phase *row = &report->phases.items[i];
        if (row->phase == RBK_PHASE_ROLLBACK) {
            rbk_document_item(
                document, 0, "%s " RBK_CODE("%.*s") " went back%s%.*s in %s: %s",
                rbk_report_at(report, row->from_ms).text, TEXT(report->stages.items[row->row].name),
                row->strategy.bytes != 0 ? " by " : "", TEXT(row->strategy),
                rbk_when_span(
                    rbk_when_between(row->from_ms, row->to_ms != 0 ? row->to_ms : report->until_ms))
                    .text,
                row->ended);
        }
    }
    if (report->status == RBK_STATUS_ABORTED) {
        uint64_t took_ms = rbk_when_between(report->decided_ms, report->ended_ms);
        if (report->rollback_within_ms != 0) {
            rbk_document_item(document, 0, "All back and verified in %s of %s: %s target.",
                              rbk_when_span(took_ms).text,
                              rbk_when_limit(report->rollback_within_ms).text,
                              took_ms <= report->rollback_within_ms ? "within" : "over");
        } else {
            rbk_document_item(document, 0, "All back and verified in %s.",
                              rbk_when_span(took_ms).text);
        }
    }
    blank(document, "What was done beside the plan, by whom");
}

/* ---- learning ---------------------------------------------------------------------------------
 */

static void well(const struct rbk_run_report *report, struct rbk_document *document)
{
    size_t within = 0, limited = 0;

    rbk_document_heading(document, 3, "What went well");
    for (size_t i = 0; i < report->phases.count; i++) {
        const struct rbk_report_phase *row = &report->phases.items[i];
        if (row->within_ms != 0 && row->to_ms != 0) {
            limited++;
            within += rbk_when_between(row->from_ms, row->to_ms) <= row->within_ms ? 1u : 0u;
        }
    }
    if (limited != 0) {
        rbk_document_item(document, 0, "%zu of %zu phases with a limit kept it.", within, limited);
    }
    if (report->troubles.count == 0) {
        rbk_document_item(document, 0, "Every step went well at its first attempt.");
    }
    blank(document, "To keep");
}

static void badly(const struct rbk_run_report *report, struct rbk_document *document)
{
    size_t unsent = 0, silent = 0;

    for (size_t i = 0; i < report->messages.count; i++) {
        unsent += report->messages.items[i].sent_ms == 0 ? 1u : 0u;
    }
    for (size_t i = 0; i < report->questions.count; i++) {
        silent += rbk_str_is(report->questions.items[i].result, "no answer in time") ? 1u : 0u;
    }
    rbk_document_heading(document, 3, "What did not go well, and where we were lucky");
    if (report->estimate_ms != 0 && report->all_applied_ms != 0 &&
        rbk_when_between(report->first_effect_ms, report->all_applied_ms) > report->estimate_ms) {
        rbk_document_item(document, 0, "It took longer than estimated.");
    }
    if (report->overdue) {
        rbk_document_item(document, 0, "The rollback took longer than the plan allows.");
    }
    size_t lost = lost_evidence(report);
    size_t troubles = report->troubles.count + report->troubles.left_out;
    if (troubles > lost) {
        rbk_document_item(document, 0,
                          "Steps that failed, were tried again, or were in doubt: %zu.",
                          troubles - lost);
    }
    if (lost != 0) {
        rbk_document_item(document, 0, "Evidence that could not be kept: %zu.", lost);
    }
    if (report->gaps.count != 0) {
        rbk_document_item(document, 0, "Times without a runner: %zu.", report->gaps.count);
    }
    if (unsent != 0) {
        rbk_document_item(document, 0, "Notifications that were not sent: %zu.", unsent);
    }
    if (silent != 0) {
        rbk_document_item(document, 0, "Questions without an answer in time: %zu.", silent);
    }
    if (report->unrehearsed.bytes != 0) {
        rbk_document_item(document, 0, "It was started without a fresh rehearsal.");
    }
    blank(document, "To change");
}

static void follow_ups(struct rbk_document *document)
{
    static const char *const rows[] = {
        "Fix the root cause",
        "A check or trigger that would have shown it earlier",
        "Thresholds, limits and estimates to correct in the plan",
        "Runbook and procedures to update",
        "Retry: when, off-peak, with which additional monitoring",
    };

    rbk_document_heading(document, 3, "Follow-ups");
    rbk_document_table(document, "What", "Owner", "Due", "Ticket", NULL);
    for (size_t i = 0; i < RBK_COUNT(rows); i++) {
        rbk_document_cell(document, "%s", rows[i]);
        rbk_document_cell(document, "____");
        rbk_document_cell(document, "____");
        rbk_document_cell(document, "____");
        rbk_document_row_end(document);
    }
}

/* ---- to do now --------------------------------------------------------------------------------
 */

static size_t verified_checks(const struct rbk_run_report *report)
{
    size_t count = 0;

    for (size_t i = 0; i < report->checks.count; i++) {
        count += report->checks.items[i].kind == RBK_EFFECT_CHECK &&
                         report->checks.items[i].outcome == RBK_OUTCOME_OK
                     ? 1u
                     : 0u;
    }
    return count;
}

static void checklist(const struct rbk_run_report *report, struct rbk_document *document, bool back)
{
    uint64_t from_ms = report->ended_ms != 0 ? report->ended_ms : report->last_ms;
    struct rbk_str severity = rbk_report_severity(report);
    uint64_t hours = rbk_str_is(severity, "critical") ? 24 : 48;

    rbk_document_heading(document, 3, "To do");
    rbk_document_task(document, 0,
                      "Service health and error rates looked at (%zu checks of the "
                      "plan came out well)",
                      verified_checks(report));
    rbk_document_task(document, 0, "Alerts resolved, silences and freezes taken back");
    rbk_document_task(document, 0, "Team, stakeholders and status page told");
    rbk_document_task(document, 0, "Incident ticket updated%s%.*s with this report",
                      report->ticket.bytes != 0 ? " " : "", TEXT(report->ticket));
    rbk_document_task(document, 0,
                      "Evidence kept: %zu pieces in the store; logs and dashboards of %s to %s "
                      "exported",
                      report->evidence.count + report->evidence.left_out - lost_evidence(report),
                      rbk_when_full(report->started_ms).text, rbk_report_at(report, from_ms).text);
    if (back) {
        rbk_document_task(document, 0, "Post-mortem held by %s (%s%.*s)",
                          rbk_when_full(from_ms + hours * HOUR_MS).text,
                          severity.bytes != 0 ? "within 24 h when critical, else 48 h; severity "
                                              : "within 48 h",
                          TEXT(severity));
        rbk_document_task(document, 0, "Data created or changed in between reconciled");
    } else {
        rbk_document_task(document, 0, "Anomalies of the migration looked for: gaps, drift");
        rbk_document_task(document, 0, "Stakeholders confirmed that it works as expected");
    }
}

void rbk_report_postmortem(const struct rbk_run_report *report, struct rbk_document *document)
{
    bool back = report->decided_ms != 0 || report->rollbacks != 0 ||
                report->status == RBK_STATUS_STUCK || report->status == RBK_STATUS_HELD;

    rbk_document_heading(document, 2, back ? "Post-mortem" : "Review");
    rbk_document_paragraph(document, "Facts are from the journal; ____ is for people.");
    if (back) {
        impact(report, document);
        detection(report, document);
        root_cause(document);
        mitigation(report, document);
    }
    well(report, document);
    badly(report, document);
    follow_ups(document);
    checklist(report, document, back);
}
