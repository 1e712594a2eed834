/*
 * The report as a page. One text for Markdown and HTML (compiler/review/document.h): what is known
 * stands in tables, each under a heading, and a part without anything in it says so in a sentence
 * or is left out. Nothing here formats twice what another table has.
 */
#include "runtime/report/report_page.h"

static const char *tone_class(enum rbk_tone tone)
{
    switch (tone) {
    case RBK_TONE_GOOD:
        return "good";
    case RBK_TONE_WARN:
        return "warn";
    case RBK_TONE_BAD:
        return "bad";
    case RBK_TONE_ASK:
        return "ask";
    case RBK_TONE_DIM:
        return "dim";
    default:
        return "plain";
    }
}

void rbk_report_left_out(struct rbk_document *document, size_t count, const char *what)
{
    if (count != 0) {
        rbk_document_paragraph(document,
                               "%zu more %s are not shown here; " RBK_CODE("rbk log") " has all.",
                               count, what);
    }
}

/* "4m 10s of 10m" */
static void cell_against(struct rbk_document *document, uint64_t took_ms, uint64_t limit_ms)
{
    if (limit_ms != 0) {
        rbk_document_cell(document, "%s of %s (%llu%%)", rbk_when_span(took_ms).text,
                          rbk_when_limit(limit_ms).text,
                          (unsigned long long)(took_ms * 100 / limit_ms));
    } else {
        rbk_document_cell(document, "%s", rbk_when_span(took_ms).text);
    }
}

/* ---- head -------------------------------------------------------------------------------------
 */

RBK_PRINTF(3, 4)
static void fact(struct rbk_document *document, const char *name, const char *format, ...)
{
    struct rbk_buffer text;
    va_list arguments;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    va_start(arguments, format);
    rbk_buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    rbk_document_cell(document, "%s", name);
    rbk_document_cell(document, "%s", text.data);
    rbk_document_row_end(document);
    rbk_buffer_fini(&text);
}

static void fact_of(struct rbk_document *document, const char *name, struct rbk_str text)
{
    if (text.bytes != 0) {
        fact(document, name, "%.*s", TEXT(text));
    }
}

void rbk_report_page_head(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_table(document, "Fact", "Value", NULL);
    fact(document, "Status", RBK_STRONG("%s"), rbk_status_name(report->status));
    fact_of(document, "Reason", report->reason);
    fact(document, "Run", RBK_CODE("%.*s"), TEXT(report->run));
    fact(document, "Plan", RBK_CODE("%.*s"), TEXT(report->plan));
    fact_of(document, "Ticket", report->ticket);
    fact_of(document, "Owner", report->owner);
    fact_of(document, "Service", report->service);
    fact(document, "Started", "%s by %.*s on %.*s", rbk_when_full(report->started_ms).text,
         TEXT(report->user), TEXT(report->host));
    if (report->ended_ms != 0) {
        fact(document, "Ended", "%s, after %s", rbk_when_full(report->ended_ms).text,
             rbk_when_span(rbk_when_between(report->started_ms, report->ended_ms)).text);
    } else {
        fact(document, "Last event", "%s", rbk_when_full(report->last_ms).text);
    }
    fact_of(document, "Unrehearsed", report->unrehearsed);
    fact(document, "Machine", RBK_CODE("%.*s"), TEXT(report->machine));
    fact(document, "Folder", RBK_CODE("%.*s"), TEXT(report->directory));
    if (report->broken.bytes != 0) {
        fact(document, "Journal", RBK_STRONG("not whole: %.*s"), TEXT(report->broken));
    } else {
        fact(document, "Journal", "%lld events, chain of hashes whole, ends in " RBK_CODE("%.16s"),
             (long long)report->events, report->chain.bytes >= 16 ? report->chain.data : "-");
    }
    fact(document, "Written", "%s", rbk_when_full(report->written_ms).text);
}

/* ---- what it came to --------------------------------------------------------------------------
 */

static void part_summary(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 2, "Summary");
    for (size_t i = 0; i < report->summary.count; i++) {
        rbk_document_item(document, 0, "%.*s", TEXT(report->summary.items[i]));
    }
    if (report->open.count != 0) {
        rbk_document_heading(document, 3, "What now");
        for (size_t i = 0; i < report->open.count; i++) {
            struct rbk_str line = report->open.items[i];
            bool command =
                rbk_str_starts(line, RBK_STR("rbk ")) || rbk_str_starts(line, RBK_STR("kill "));
            rbk_document_item(document, command ? 1 : 0, command ? RBK_CODE("%.*s") : "%.*s",
                              TEXT(line));
        }
    }
}

static void part_decisions(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 2, "Decisions");
    rbk_document_table(document, "When", "Decision", "By", "Because", "Decided on", NULL);
    for (size_t i = 0; i < report->decisions.count; i++) {
        const struct rbk_report_decision *row = &report->decisions.items[i];
        rbk_document_row_tone(document, row->turns ? "bad" : NULL);
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, RBK_STRONG("%.*s"), TEXT(row->what));
        rbk_document_cell(document, "%s%s%.*s", rbk_report_actor_name(row->by),
                          row->who.bytes != 0 ? " " : "", TEXT(row->who));
        rbk_document_cell(document, "%.*s", TEXT(row->because));
        rbk_document_cell(document, "%.*s", TEXT(row->readings));
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->decisions.left_out, "decisions");
}

/* ---- times ------------------------------------------------------------------------------------
 */

/* One of the plan's own times against what it said. */
static void plan_time(const struct rbk_run_report *report, struct rbk_document *document,
                      const char *what, uint64_t from_ms, uint64_t to_ms, uint64_t limit_ms,
                      const char *limit)
{
    bool done = to_ms != 0;
    uint64_t took_ms = rbk_when_between(from_ms, done ? to_ms : report->until_ms);

    if (from_ms == 0) {
        return;
    }
    rbk_document_row_tone(document, limit_ms != 0 && took_ms > limit_ms ? "bad" : NULL);
    rbk_document_cell(document, "%s", what);
    rbk_document_cell(document, "%s%s", rbk_when_span(took_ms).text, done ? "" : " so far");
    if (limit_ms != 0) {
        rbk_document_cell(document, "%s (%s)", rbk_when_limit(limit_ms).text, limit);
        rbk_document_cell(document, "%s, %llu%%", took_ms <= limit_ms ? "within" : "over",
                          (unsigned long long)(took_ms * 100 / limit_ms));
    } else {
        rbk_document_cell(document, "-");
        rbk_document_cell(document, "-");
    }
    rbk_document_row_end(document);
}

static void stage_times(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_table(document, "Stage", "Kind, risk", "Where it stands", "Apply until it stood",
                       "Way back", "Guideline for the kind", NULL);
    for (size_t i = 0; i < report->stages.count; i++) {
        const struct rbk_report_stage *row = &report->stages.items[i];
        bool late = row->guideline_ms != 0 && row->back_ms > row->guideline_ms;
        rbk_document_row_tone(document, late ? "bad" : tone_class(row->tone));
        rbk_document_cell(document, RBK_STRONG("%.*s") " %.*s", TEXT(row->name), TEXT(row->title));
        rbk_document_cell(document, "%s%s%s", row->kind != NULL ? row->kind : "",
                          row->kind != NULL && row->risk != NULL ? ", " : "",
                          row->risk != NULL ? row->risk : "");
        rbk_document_cell(document, "%s%s", row->status, row->attempts > 1 ? ", tried again" : "");
        rbk_document_cell(document, "%s",
                          row->apply_ms != 0 ? rbk_when_span(row->apply_ms).text : "-");
        rbk_document_cell(document, "%s",
                          row->back_ms != 0 ? rbk_when_span(row->back_ms).text : "-");
        rbk_document_cell(document, "%s",
                          row->guideline_ms != 0 ? rbk_when_limit(row->guideline_ms).text : "-");
        rbk_document_row_end(document);
    }
}

static void phase_times(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_table(document, "From", "Stage", "Phase", "Took", "Ended", NULL);
    for (size_t i = 0; i < report->phases.count; i++) {
        const struct rbk_report_phase *row = &report->phases.items[i];
        uint64_t took_ms =
            rbk_when_between(row->from_ms, row->to_ms != 0 ? row->to_ms : report->until_ms);
        bool over = row->within_ms != 0 && took_ms > row->within_ms;
        bool failed = rbk_str_is(rbk_str_from(row->ended), "failed");
        rbk_document_row_tone(document, over || failed ? "bad" : NULL);
        rbk_document_cell(document, "%s", rbk_report_at(report, row->from_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(report->stages.items[row->row].name));
        rbk_document_cell(document, "%s%s%.*s%s", rbk_phase_name(row->phase),
                          row->strategy.bytes != 0 ? " " : "", TEXT(row->strategy),
                          row->attempt > 1 ? " (again)" : "");
        cell_against(document, took_ms, row->within_ms);
        rbk_document_cell(document, "%s%s", row->ended, over ? ", over its limit" : "");
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->phases.left_out, "phases");
}

static void part_times(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 2, "Durations");
    rbk_document_table(document, "What", "Took", "Allowed", "Verdict", NULL);
    if (report->all_applied_ms != 0 || report->decided_ms == 0) {
        plan_time(report, document, "From the first effect until everything stood applied",
                  report->first_effect_ms, report->all_applied_ms, report->estimate_ms, "estimate");
    } else {
        plan_time(report, document, "From the first effect until it turned round",
                  report->first_effect_ms, report->decided_ms, report->estimate_ms, "estimate");
    }
    plan_time(report, document, "From the decision until everything was back and verified",
              report->decided_ms, report->ended_ms, report->rollback_within_ms, "rollback within");
    plan_time(report, document, "The run as a whole", report->started_ms, report->ended_ms, 0, "");
    rbk_document_heading(document, 3, "Stages");
    stage_times(report, document);
    if (report->phases.count != 0) {
        rbk_document_heading(document, 3, "Phases");
        phase_times(report, document);
    }
}

/* ---- people -----------------------------------------------------------------------------------
 */

static void answers_cell(const struct rbk_run_report *report, struct rbk_document *document,
                         const struct rbk_report_question *row)
{
    struct rbk_buffer text;

    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < row->answer_count && i < RBK_REPORT_ANSWERS_MAX; i++) {
        const struct rbk_report_answer *answer = &row->answers[i];
        rbk_buffer_printf(&text, "%s%.*s: %.*s at %s%s%.*s", i == 0 ? "" : "; ", TEXT(answer->who),
                          TEXT(answer->answer), rbk_report_at(report, answer->at_ms).text,
                          answer->reason.bytes != 0 ? ", " : "", TEXT(answer->reason));
    }
    rbk_document_cell(document, "%s", text.data);
    rbk_buffer_fini(&text);
}

static void part_questions(const struct rbk_run_report *report, struct rbk_document *document,
                           bool manual)
{
    size_t count = 0;

    for (size_t i = 0; i < report->questions.count; i++) {
        count += (report->questions.items[i].kind == RBK_QUESTION_MANUAL) == manual ? 1u : 0u;
    }
    if (count == 0) {
        return;
    }
    rbk_document_heading(document, 2, manual ? "Done by hand" : "Questions and approvals");
    rbk_document_table(document, "Asked", "Question", "Answers", "Waited", "Result", NULL);
    for (size_t i = 0; i < report->questions.count; i++) {
        const struct rbk_report_question *row = &report->questions.items[i];
        if ((row->kind == RBK_QUESTION_MANUAL) != manual) {
            continue;
        }
        bool silent = rbk_str_is(row->result, "no answer in time");
        rbk_document_row_tone(document, silent ? "bad" : row->closed_ms == 0 ? "ask" : NULL);
        rbk_document_cell(document, "%s", rbk_report_at(report, row->asked_ms).text);
        rbk_document_cell(document, RBK_CODE("%.*s") " %.*s", TEXT(row->name), TEXT(row->text));
        answers_cell(report, document, row);
        cell_against(document,
                     rbk_when_between(row->asked_ms,
                                      row->closed_ms != 0 ? row->closed_ms : report->until_ms),
                     rbk_when_between(row->asked_ms, row->due_ms));
        rbk_document_cell(document, "%.*s",
                          TEXT(row->closed_ms == 0 ? RBK_STR("open") : row->result));
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, manual ? 0 : report->questions.left_out, "questions");
}

static void part_refused(const struct rbk_run_report *report, struct rbk_document *document)
{
    if (report->refused.count == 0) {
        return;
    }
    rbk_document_heading(document, 2, "Requests that were refused");
    rbk_document_table(document, "When", "Who", "What", "Why not", NULL);
    for (size_t i = 0; i < report->refused.count; i++) {
        const struct rbk_report_refused *row = &report->refused.items[i];
        rbk_document_row_tone(document, "warn");
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->who));
        rbk_document_cell(document, RBK_CODE("%.*s"), TEXT(row->what));
        rbk_document_cell(document, "%.*s", TEXT(row->reply));
        rbk_document_row_end(document);
    }
    rbk_report_left_out(document, report->refused.left_out, "requests");
}

/* ---- everything -------------------------------------------------------------------------------
 */

static void part_waivers(const struct rbk_run_report *report, struct rbk_document *document)
{
    bool any = report->waivers.count != 0 || report->unrehearsed.bytes != 0;

    for (size_t i = 0; i < report->stages.count; i++) {
        any = any || report->stages.items[i].unwatched.bytes != 0;
    }
    if (!any) {
        return;
    }
    rbk_document_heading(document, 2, "Waived");
    for (size_t i = 0; i < report->waivers.count; i++) {
        rbk_document_item(document, 0, RBK_CODE("%.*s") ": %.*s",
                          TEXT(report->waivers.items[i].code),
                          TEXT(report->waivers.items[i].because));
    }
    for (size_t i = 0; i < report->stages.count; i++) {
        if (report->stages.items[i].unwatched.bytes != 0) {
            rbk_document_item(document, 0, "no trigger watches stage " RBK_CODE("%.*s") ": %.*s",
                              TEXT(report->stages.items[i].name),
                              TEXT(report->stages.items[i].unwatched));
        }
    }
    if (report->unrehearsed.bytes != 0) {
        rbk_document_item(document, 0, "no fresh rehearsal: %.*s", TEXT(report->unrehearsed));
    }
}

static void part_lines(const struct rbk_run_report *report, struct rbk_document *document)
{
    rbk_document_heading(document, 2, "Everything that happened");
    rbk_document_fold(document, "%zu lines from the journal", report->lines.count);
    rbk_document_table(document, "When", "Stage", "What", "Who", NULL);
    for (size_t i = 0; i < report->lines.count; i++) {
        const struct rbk_report_line *row = &report->lines.items[i];
        if (report->lines_cut != 0 && i == report->lines_cut) {
            rbk_document_cell(document, "…");
            rbk_document_cell(document, " ");
            rbk_document_cell(document,
                              "%zu lines are left out here; " RBK_CODE("rbk log") " has all",
                              report->lines.left_out);
            rbk_document_cell(document, " ");
            rbk_document_row_end(document);
        }
        rbk_document_row_tone(document, tone_class(row->tone));
        rbk_document_cell(document, "%s", rbk_report_at(report, row->at_ms).text);
        rbk_document_cell(document, "%.*s", TEXT(row->stage));
        rbk_document_cell(document, row->detail ? RBK_CODE("%.*s") : "%.*s", TEXT(row->text));
        rbk_document_cell(document, "%.*s", TEXT(row->who));
        rbk_document_row_end(document);
    }
    rbk_document_fold_end(document);
}

static void part_commands(const struct rbk_run_report *report, struct rbk_document *document)
{
    struct rbk_buffer text;

    rbk_document_heading(document, 2, "To look further");
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    for (size_t i = 0; i < report->commands.count; i++) {
        rbk_buffer_append_str(&text, report->commands.items[i]);
        rbk_buffer_append_byte(&text, '\n');
    }
    rbk_document_code(document, 0, "sh", rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

void rbk_report_page(const struct rbk_run_report *report, struct rbk_document *document)
{
    part_summary(report, document);
    part_decisions(report, document);
    part_times(report, document);
    part_questions(report, document, false);
    part_questions(report, document, true);
    part_refused(report, document);
    rbk_report_page_seen(report, document);
    part_waivers(report, document);
    rbk_report_postmortem(report, document);
    part_lines(report, document);
    part_commands(report, document);
}
