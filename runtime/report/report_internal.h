#ifndef RBK_RUNTIME_REPORT_REPORT_INTERNAL_H
#define RBK_RUNTIME_REPORT_REPORT_INTERNAL_H

/*
 * What the files that build a report share.
 *
 *   report.c          life, lists, texts; one record through all parts; what lies beside it
 *   report_end.c      the end
 *   report_lines.c    the lines of the story
 *   report_decide.c   decisions, questions
 *   report_trigger.c  triggers, abort criteria
 *   report_stage.c    spans, phases and stages; times without a runner
 *   report_step.c     checks, values, steps that went wrong or were in doubt
 *   report_facts.c    the summary's sentences
 *   report_page.c     all of it as a page, for Markdown and HTML; report_page_seen.c is its middle,
 *                     report_postmortem.c its last part, report_picture.c the picture
 *   report_md.c, report_html.c, report_json.c
 */

#include "runtime/people/when.h"
#include "runtime/report/report.h"

/* Lines of one record that are kept. */
#define RBK_REPORT_TOLD_MAX 256

/* A line of the story of the record under way. */
struct rbk_report_told {
    enum rbk_tone tone;
    struct rbk_str stage, text; /* in `scratch` */
};

/* What is known of a region while the records go by; RBK_NONE: nothing under way. */
struct rbk_report_region {
    uint32_t row;      /* of `stages`; RBK_NONE: no stage */
    uint32_t span;     /* the open span */
    uint32_t phase;    /* the open phase */
    uint32_t doubt;    /* the open row of `troubles` */
    uint32_t strategy; /* ROLLBACK: which of the stage's, counted from 0 */
    uint64_t apply_ms; /* its present apply began */
    uint64_t back_ms;  /* its present way back began */
};

struct rbk_report_building {
    const struct rbk_machine *machine; /* borrowed */
    bool failed;
    struct rbk_buffer clean; /* a text being sanitized */
    struct rbk_arena scratch;
    struct rbk_report_told told[RBK_REPORT_TOLD_MAX];
    size_t told_count, untold;
    struct rbk_report_region *regions; /* owned: region_count */
    uint32_t *checks;                  /* owned: state_count, row of `checks` */
    struct rbk_str *failures;          /* owned: by state, what its step said when it last failed */
    uint32_t failure_count;
    uint32_t run_span;
    size_t lines_told;     /* all lines so far */
    size_t evidence_bytes; /* of contents shown */
};

/* One record, as the parts of the builder see it. */
struct rbk_report_moment {
    struct rbk_run_report *report;
    struct rbk_report_building *building;
    const struct rbk_view *view;
    const struct rbk_machine *machine;
    int64_t seq;
    uint64_t at_ms;
    const struct rbk_record *record;
    const struct rbk_state *before, *after;
    const struct rbk_actions *actions; /* may be NULL */
};

/* ---- report.c ---- */

/* Make room for one item more; false, and counted as left out, beyond count_max. */
bool rbk_report_room(struct rbk_run_report *report, void **items, size_t *count, size_t *capacity,
                     size_t *left_out, size_t item_bytes, size_t count_max);
/* A zeroed item at the end of a list, or NULL. */
#define rbk_report_push(REPORT, LIST, COUNT_MAX)                                                \
    (rbk_report_room((REPORT), (void **)(void *)&(LIST).items, &(LIST).count, &(LIST).capacity, \
                     &(LIST).left_out, sizeof(*(LIST).items), (COUNT_MAX))                      \
         ? &(LIST).items[(LIST).count - 1]                                                      \
         : NULL)

/* Before the first record, or at the end of a run without any; false: out of memory. */
bool rbk_report_begin(struct rbk_run_report *report, const struct rbk_view *view);

/* A sanitized copy on one line, of at most RBK_REPORT_TEXT_MAX bytes. */
#define RBK_REPORT_TEXT_MAX ((size_t)2000)
struct rbk_str rbk_report_text(struct rbk_run_report *report, struct rbk_str text);
RBK_PRINTF(2, 3)
struct rbk_str rbk_report_printf(struct rbk_run_report *report, const char *format, ...);
/* Not kept and not sanitized: it is gone with the next record. For what a list may have no place
 * for. */
RBK_PRINTF(2, 3)
struct rbk_str rbk_report_passing(struct rbk_run_report *report, const char *format, ...);
/* Replace `readings` of a check or trigger, which is owned by its row. */
void rbk_report_retext(struct rbk_run_report *report, struct rbk_str *text, struct rbk_str now);
/* The sanitized content of a buffer, which is cleared. */
struct rbk_str rbk_report_take(struct rbk_run_report *report, struct rbk_buffer *buffer);
/* Kept as long as there is a place for it. */
void rbk_report_mark(struct rbk_run_report *report, enum rbk_report_mark_kind kind, uint64_t at_ms,
                     struct rbk_str text);

/* A text as it may be shown, of at most RBK_REPORT_TEXT_MAX bytes; borrowed until the next call. */
struct rbk_str rbk_report_clean(struct rbk_run_report *report, struct rbk_str text);

/* ---- the parts: each looks at every record ---- */
void rbk_report_lines(const struct rbk_report_moment *moment);
/* Of this one and the next: triggers first, decisions repeat what they saw. */
void rbk_report_trigger(const struct rbk_report_moment *moment);
void rbk_report_decide(const struct rbk_report_moment *moment);
void rbk_report_stage(const struct rbk_report_moment *moment);
void rbk_report_step(const struct rbk_report_moment *moment);

/* Rows for every stage, trigger and criterion of the plan; before the first record. */
void rbk_report_stages_begin(struct rbk_run_report *report, const struct rbk_view *view);
void rbk_report_triggers_begin(struct rbk_run_report *report, const struct rbk_view *view);
/* The lines in the order in which they were told. */
void rbk_report_lines_end(struct rbk_run_report *report);
/* Close what is open. */
void rbk_report_stages_end(struct rbk_run_report *report, const struct rbk_view *view,
                           const struct rbk_state *state);
/* The sentences, from the finished report. */
void rbk_report_facts(struct rbk_run_report *report);

/* ---- words ---- */

/* "22:04:11", with the day in front where the run took more than one. */
struct rbk_when rbk_report_at(const struct rbk_run_report *report, uint64_t at_ms);
/* The severity of the trigger that turned the run; empty: none did. */
struct rbk_str rbk_report_severity(const struct rbk_run_report *report);
/* Append who took a decision, why and on what: "trigger errors; decided on error_rate = 8%". */
void rbk_report_decided_by(const struct rbk_report_decision *decision, struct rbk_buffer *out);
/* The decision that turned the run round, or NULL. */
const struct rbk_report_decision *rbk_report_turn(const struct rbk_run_report *report);

#endif
