#ifndef RBK_RUNTIME_REPORT_REPORT_H
#define RBK_RUNTIME_REPORT_REPORT_H

/*
 * The report of a run: what happened and who decided what, on which readings; how long it took
 * against what was estimated and allowed; what was asked, told and kept; and the skeleton of a
 * post-mortem. It is built by feeding it the records of the journal in order, then what the store
 * holds beside them, and written as Markdown, HTML or JSON.
 *
 *   new ─▶ record … (through the view of the run) ─▶ message, request, evidence … ─▶ finish ─▶
 * write
 *
 * Pure but for the clock that is handed in. The sentences are those of people/story and
 * people/view. Every text in it has gone through rbk_sanitize(): one line of printable UTF-8, so
 * that no output of a step can act on whoever reads it; the writers escape what their format needs.
 * Lists have a maximum; what did not fit is counted. So a report's size does not grow with the
 * journal beyond a few megabytes.
 */

#include "runtime/executor/record.h"
#include "runtime/people/view.h"
#include "runtime/store/store.h"

/* The version of the JSON form (docs/report.schema.json). */
#define RBK_REPORT_FORMAT "1.0"

/* How much of each piece of evidence is shown, and of all together. The store has the whole. */
#define RBK_REPORT_EVIDENCE_BYTES_MAX ((size_t)4096)
#define RBK_REPORT_EVIDENCE_TOTAL_MAX ((size_t)256 << 10)

/* A list in the report: `items` is owned, `left_out` did not fit. */
#define RBK_REPORT_LIST(type) \
    struct {                  \
        type *items;          \
        size_t count;         \
        size_t capacity;      \
        size_t left_out;      \
    }

/* A line of what happened, as `rbk log` has it. */
struct rbk_report_line {
    int64_t seq; /* of the event */
    uint64_t at_ms;
    enum rbk_tone tone;
    bool detail; /* a line of a step's output, below what it said */
    struct rbk_str stage, who, text;
    char *owned; /* what the three texts lie in */
};

/* Who decided. X(constant, word) */
#define RBK_REPORT_ACTORS(X)  \
    X(PERSON, "person")       \
    X(TRIGGER, "trigger")     \
    X(CRITERION, "criterion") \
    X(DEADLINE, "deadline")   \
    X(STEP, "step")           \
    X(PLAN, "plan")
#define X(constant, word) RBK_REPORT_BY_##constant,
enum rbk_report_actor { RBK_REPORT_ACTORS(X) RBK_REPORT_ACTOR_COUNT };
#undef X

struct rbk_report_decision {
    int64_t seq;
    uint64_t at_ms;
    struct rbk_str what; /* "abort", "roll back migrate", "pause", "migrate.approve.1: yes" */
    enum rbk_report_actor by;
    struct rbk_str who;     /* the person, the trigger, the criterion's words; empty: see because */
    struct rbk_str because; /* the cause, with the reason a person gave */
    struct rbk_str readings; /* what it was decided on: values seen, a step's message */
    struct rbk_str severity; /* of the trigger that led to it; may be empty */
    bool turns;              /* the run turned round by it */
};

/* What a stage, or the run, does for a while. X(constant, word in JSON, what it says in the legend)
 */
#define RBK_REPORT_SPANS(X)                                 \
    X(NONE, "none", "")                                     \
    X(PEOPLE, "people", "waits for people")                 \
    X(PREPARE, "prepare", "prepare")                        \
    X(APPLY, "apply", "apply")                              \
    X(VERIFY, "verify", "verify")                           \
    X(STANDS, "stands", "stands applied")                   \
    X(TURN, "turn", "waits for its turn to go back")        \
    X(ROLLBACK, "rollback", "rollback")                     \
    X(ROLLBACK_VERIFY, "rollback_verify", "rollback check") \
    X(STUCK, "stuck", "stuck")                              \
    X(GOING, "going", "running")                            \
    X(STILL, "still", "held or paused")                     \
    X(WATCHING, "watching", "observe, grace")
#define X(constant, word, says) RBK_REPORT_SPAN_##constant,
enum rbk_report_span_kind { RBK_REPORT_SPANS(X) RBK_REPORT_SPAN_COUNT };
#undef X

struct rbk_report_span {
    uint32_t row; /* of `stages`; RBK_NONE: the run as a whole */
    enum rbk_report_span_kind kind;
    uint64_t from_ms, to_ms; /* to_ms of one under way: the report's until_ms */
};

/* One pass through a phase of a stage. */
struct rbk_report_phase {
    uint32_t row; /* of `stages` */
    enum rbk_phase phase;
    uint32_t attempt;        /* of the stage, from 1 */
    struct rbk_str strategy; /* ROLLBACK: its name; may be empty */
    uint64_t from_ms, to_ms; /* to_ms 0: under way */
    uint64_t within_ms;      /* 0: no limit of its own */
    const char *ended;       /* "ok", "failed", "stopped", "passed over", "under way" */
};

struct rbk_report_stage {
    uint32_t region;
    struct rbk_str name, title;
    const char *kind, *risk; /* words; NULL: none written */
    struct rbk_str data;     /* the data words of the plan */
    const char *status;      /* where it stands at the end */
    enum rbk_tone tone;
    bool applied;
    uint32_t attempts, rollbacks;
    uint64_t began_ms; /* 0: never */
    uint64_t apply_ms; /* from the beginning of its last apply to where it stood; 0: it never did */
    uint64_t back_ms;  /* its last way back, once done; 0: none */
    uint64_t guideline_ms;    /* for the way back of its kind; 0: none */
    struct rbk_str unwatched; /* why no trigger watches it */
};

/* Somebody's answer. */
struct rbk_report_answer {
    uint64_t at_ms;
    struct rbk_str who, answer, reason;
};

#define RBK_REPORT_ANSWERS_MAX 8

struct rbk_report_question {
    uint32_t serial;
    enum rbk_question_kind kind;
    struct rbk_str name, stage, text;
    uint64_t asked_ms, due_ms, closed_ms; /* due_ms 0: no end; closed_ms 0: open */
    struct rbk_report_answer answers[RBK_REPORT_ANSWERS_MAX];
    size_t answer_count;   /* may be more than are kept */
    struct rbk_str result; /* "yes", "no", "done"; "no answer in time"; "withdrawn"; empty: open */
};

/* The conditions of the plan as they came out: checks, requirements, tests, baselines, arming. One
 * row for each state; counts over all its results. */
struct rbk_report_check {
    uint32_t state;
    enum rbk_effect_kind kind;
    struct rbk_str stage, step, text;
    uint32_t ok, failed; /* results */
    int64_t seq;         /* of the last one */
    uint64_t at_ms;
    enum rbk_outcome outcome;
    struct rbk_str readings; /* owned */
};

/* A step that did not go well, was tried again, stopped, or was in doubt. */
struct rbk_report_trouble {
    int64_t seq;
    uint64_t at_ms;
    struct rbk_str stage, step, what; /* what: as the log says it */
    bool doubt;
    bool lost;            /* a `capture` that went well and kept nothing; no sign of trouble */
    uint64_t ended_ms;    /* a doubt: when it was resolved; 0: it is open */
    struct rbk_str ended; /* how it went on: "tried again", "resolved as done by dana: …" */
};

/* A time in which no runner lived. */
struct rbk_report_gap {
    uint64_t from_ms; /* of the last event before it */
    uint64_t to_ms;   /* 0: nobody has come yet */
    struct rbk_str who;
    uint32_t under_way; /* steps whose fate had to be found out */
};

struct rbk_report_value {
    uint64_t at_ms;
    struct rbk_str stage, name, value;
};

struct rbk_report_trigger {
    struct rbk_str name, severity, condition, reaction, missing;
    uint32_t fired, unreadable; /* how often */
    uint64_t last_ms;           /* of its last change; 0: none */
    struct rbk_str readings;    /* owned: when it last fired or could not be read */
};

/* `abort when …`, `abort on signal …` */
struct rbk_report_criterion {
    struct rbk_str condition, message;
    bool met; /* a decision was taken on it */
};

struct rbk_report_message {
    uint64_t at_ms, sent_ms; /* sent_ms 0: not sent */
    uint64_t aside_ms;       /* since when it is set aside, refused for good; 0: it is not */
    int64_t attempts;
    struct rbk_str channel, text, reason;
};

struct rbk_report_evidence {
    int64_t seq;
    uint64_t at_ms;
    struct rbk_str label, sha256;
    size_t bytes;
    bool genuine;           /* the content still has that hash */
    bool nothing;           /* there was nothing to keep: the content says why */
    struct rbk_str content; /* the beginning of it, line ends kept; see the maxima above */
    bool cut;
};

/* What somebody asked of the run and did not get. */
struct rbk_report_refused {
    uint64_t at_ms;
    struct rbk_str who, what, reply; /* what: kind and body as they stand in the inbox */
};

struct rbk_report_waiver {
    struct rbk_str code, because;
};

/* Something to mark in the picture. X(constant, sign, word) */
#define RBK_REPORT_MARKS(X)        \
    X(TRIGGER, "▲", "trigger")     \
    X(DECISION, "◆", "decision")   \
    X(FAILURE, "✕", "step failed") \
    X(CRASH, "✂", "runner gone")   \
    X(PERSON, "●", "person")       \
    X(END, "■", "end")
#define X(constant, sign, word) RBK_REPORT_MARK_##constant,
enum rbk_report_mark_kind { RBK_REPORT_MARKS(X) RBK_REPORT_MARK_COUNT };
#undef X

struct rbk_report_mark {
    enum rbk_report_mark_kind kind;
    uint64_t at_ms;
    struct rbk_str text;
};

struct rbk_report_building;

struct rbk_run_report {
    struct rbk_arena arena; /* owns what the lists do not */
    struct rbk_report_building *building;

    /* ---- the head ---- */
    struct rbk_str run, plan, title, ticket, owner, service, user, host, directory, machine;
    struct rbk_str unrehearsed; /* why it was started without a rehearsal; may be empty */
    enum rbk_status status;
    struct rbk_str reason; /* why it is where it is; may be empty */
    uint64_t started_ms, first_effect_ms, all_applied_ms, decided_ms, stuck_ms,
        ended_ms;                             /* 0: not */
    uint64_t last_ms;                         /* of the last event */
    uint64_t written_ms;                      /* now */
    uint64_t until_ms;                        /* where what is under way is drawn to */
    uint64_t estimate_ms, rollback_within_ms; /* 0: none */
    bool overdue;
    uint32_t rollbacks;
    bool runner;           /* somebody drives it now */
    int64_t events;        /* of the journal, as far as it verifies */
    struct rbk_str chain;  /* hash of the last of them */
    struct rbk_str broken; /* where the journal stops being one; empty: it is whole */

    /* ---- what there was ---- */
    RBK_REPORT_LIST(struct rbk_str) summary; /* sentences */
    RBK_REPORT_LIST(struct rbk_str) open;    /* what it waits for, with the commands */
    RBK_REPORT_LIST(struct rbk_report_value) params;
    RBK_REPORT_LIST(struct rbk_report_stage) stages;
    RBK_REPORT_LIST(struct rbk_report_span) spans;
    RBK_REPORT_LIST(struct rbk_report_phase) phases;
    RBK_REPORT_LIST(struct rbk_report_mark) marks;
    RBK_REPORT_LIST(struct rbk_report_decision) decisions;
    RBK_REPORT_LIST(struct rbk_report_question) questions;
    RBK_REPORT_LIST(struct rbk_report_check) checks;
    RBK_REPORT_LIST(struct rbk_report_trouble) troubles;
    RBK_REPORT_LIST(struct rbk_report_gap) gaps;
    RBK_REPORT_LIST(struct rbk_report_value) values;
    RBK_REPORT_LIST(struct rbk_report_trigger) triggers;
    RBK_REPORT_LIST(struct rbk_report_criterion) criteria; /* of the plan, then its signals */
    RBK_REPORT_LIST(struct rbk_report_message) messages;
    RBK_REPORT_LIST(struct rbk_report_evidence) evidence;
    RBK_REPORT_LIST(struct rbk_report_waiver) waivers;
    RBK_REPORT_LIST(struct rbk_report_refused) refused;
    RBK_REPORT_LIST(struct rbk_report_line) lines; /* the first and the last of them */
    size_t lines_cut; /* the gap is before this line; 0: none, see lines.left_out */
    RBK_REPORT_LIST(struct rbk_str) commands; /* how to look further */
};

/* ---- building ---------------------------------------------------------------------------------
 */

/* An empty report, or NULL when out of memory. */
struct rbk_run_report *rbk_report_new(void);
void rbk_report_free(struct rbk_run_report *report);

/*
 * The next record of the journal.
 * @view   The same one every time; its machine outlives the report's building, not the report.
 * @after  The state after it; `actions` what step() said then.
 */
void rbk_report_record(struct rbk_run_report *report, const struct rbk_view *view, int64_t seq,
                       const struct rbk_record *record, const struct rbk_state *before,
                       const struct rbk_state *after, const struct rbk_actions *actions);
void rbk_report_message(struct rbk_run_report *report, const struct rbk_view *view,
                        const struct rbk_store_message *message);
/* A request with its reply; those that were accepted are in the journal, and passed over here. */
void rbk_report_request(struct rbk_run_report *report, const struct rbk_store_request *request);
void rbk_report_evidence(struct rbk_run_report *report, const struct rbk_store_evidence *evidence);

/* A line of "What now", as rbk_status_explain() and rbk_view_explain() give them: an rbk_line_fn.
 * Told before the end; the questions that are open come behind them by themselves.
 * @context  The report. */
void rbk_report_open(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text);

/* What is known at the end. */
struct rbk_report_end {
    const struct rbk_store_run *run;
    const struct rbk_state *state; /* after the last record */
    struct rbk_str reason;         /* as replayed; may be empty */
    struct rbk_str chain;          /* hash of the last event */
    struct rbk_str broken; /* why no further event could be read; empty: the journal is whole */
    int64_t events;
    bool runner;
    uint64_t now_ms;
};
/* Close what is open, and put the sentences together. Call it once, before writing. */
void rbk_report_finish(struct rbk_run_report *report, const struct rbk_view *view,
                       const struct rbk_report_end *end);
/* Memory ran out on the way: what was built is not whole. */
bool rbk_report_failed(const struct rbk_run_report *report);

/*
 * All of it at once: read a run from a store and build its report. A journal that is broken gives a
 * report of what can be trusted, with `broken` set.
 * @store_path  To repeat as --store in the commands it names; NULL: not needed.
 * @now_ms      When it is written.
 * @return 0; -RBK_ENOTFOUND, -RBK_ECORRUPT (not even the run and its machine can be read),
 *         -RBK_ENOMEM, a store's error.
 */
RBK_MUST_USE int rbk_report_read(struct rbk_store *store, const char *id, const char *store_path,
                                 uint64_t now_ms, struct rbk_run_report **ret_report,
                                 struct rbk_error *reterr);

/* ---- writing: append to `out`; 0, -RBK_ELIMIT or -RBK_ENOMEM ----------------------------------
 */

RBK_MUST_USE int rbk_report_markdown(const struct rbk_run_report *report, struct rbk_buffer *out);
RBK_MUST_USE int rbk_report_html(const struct rbk_run_report *report, struct rbk_buffer *out);
RBK_MUST_USE int rbk_report_json(const struct rbk_run_report *report, struct rbk_buffer *out);

const char *rbk_report_actor_name(enum rbk_report_actor actor);
const char *rbk_report_span_name(enum rbk_report_span_kind kind);
const char *rbk_report_span_says(enum rbk_report_span_kind kind);
const char *rbk_report_mark_sign(enum rbk_report_mark_kind kind);
const char *rbk_report_mark_name(enum rbk_report_mark_kind kind);

#endif
