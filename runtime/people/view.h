#ifndef RBK_RUNTIME_PEOPLE_VIEW_H
#define RBK_RUNTIME_PEOPLE_VIEW_H

/*
 * What a run looks like to a person: words for stages and causes, the questions that are open and
 * the exact commands that answer them, what to do when nothing goes on by itself. Pure: machine and
 * state in, text out. Shared by the log lines (story), the live view (frame) and `rbk status`.
 *
 * Text is appended as it is; whoever prints it passes it through rbk_sanitize() once.
 */

#include "runtime/core/asked.h"
#include "runtime/core/base/buffer.h"

/* Memory one label or question may take while it is evaluated. */
#define RBK_VIEW_BYTES_MAX ((size_t)8 << 20)

/* What is needed to tell of a run; everything is borrowed. */
struct rbk_view {
    const char *run;   /* its id, whole */
    const char *store; /* to repeat as --store in commands; NULL: not needed */
    const struct rbk_machine *machine;
    const struct rbk_settings *settings; /* NULL: observe, grace and reports are not known */
    const struct rbk_scope *scope;       /* for labels and questions; NULL: shown as spelled */
};

/* How a line is meant; colours follow from it. X(constant, word in JSON) */
#define RBK_TONES(X)   \
    X(PLAIN, "info")   \
    X(DIM, "quiet")    \
    X(GOOD, "good")    \
    X(BUSY, "busy")    \
    X(WARN, "warning") \
    X(BAD, "bad")      \
    X(ASK, "question")
#define X(constant, word) RBK_TONE_##constant,
enum rbk_tone { RBK_TONES(X) RBK_TONE_COUNT };
#undef X
const char *rbk_tone_name(enum rbk_tone tone);

/* Takes one line. @stage is the name of the stage it belongs to, or empty; text is borrowed. */
typedef void rbk_line_fn(void *context, enum rbk_tone tone, struct rbk_str stage,
                         struct rbk_str text);

/* Append "rbk VERB RUN REST --store PATH", as it can be pasted into a shell. REST may be "". */
void rbk_view_command(const struct rbk_view *view, const char *verb, struct rbk_str rest,
                      struct rbk_buffer *out);

/* Append the value of an expression as people read it; its spelling in the plan when it cannot be
 * evaluated here, nothing for RBK_NONE. */
void rbk_view_expr(const struct rbk_view *view, uint32_t expr, struct rbk_buffer *out);

/* An expression as the plan spells it; empty for RBK_NONE. */
struct rbk_str rbk_view_spelled(const struct rbk_view *view, uint32_t expr);

/* An effect in few words: a check without its condition (`check "no name was lost"`), else its
 * text. */
struct rbk_str rbk_view_short(const struct rbk_effect *effect);

/* Append why something happened: `sql db file "010.sql"` failed (migrate.apply.1). Nothing for no
 * cause. */
void rbk_view_cause(const struct rbk_view *view, struct rbk_cause cause, struct rbk_buffer *out);

/* Whether two causes are the same. */
bool rbk_view_same_cause(struct rbk_cause a, struct rbk_cause b);

/* Append a reaction as a plan spells it: "abort with approval of dba within 2m else abort". */
void rbk_view_reaction(const struct rbk_view *view, uint32_t reaction, struct rbk_buffer *out);

/* Append the roles of a slice of `indexes`: "dba, infra_lead". */
void rbk_view_roles(const struct rbk_view *view, struct rbk_slice roles, struct rbk_buffer *out);

/* The strategy that a state of a stage's rollback belongs to, counted within the region; RBK_NONE
 * elsewhere, and while the stage waits for its turn. (The first effect of a strategy may be
 * anywhere in it: guards before it are passed through.) */
uint32_t rbk_view_strategy(const struct rbk_machine *machine, uint32_t region, uint32_t state);

/* Whether a stage is being taken back, or waits for its turn, whatever the others do: a pause comes
 * after that. */
bool rbk_view_goes_back(const struct rbk_machine *machine, const struct rbk_state *state);

/* Whether a state is part of a way back, or of the check of one. */
bool rbk_view_on_way_back(const struct rbk_machine_state *at);

/* Whether the run goes forward no more: it has turned round, is being cancelled, or has ended. */
bool rbk_view_turned(const struct rbk_state *state);

/* What became of the retire of a plan. */
enum rbk_view_retired {
    RBK_VIEW_NOT_OVER, /* it has not ended, or the plan has none */
    RBK_VIEW_RETIRED,  /* carried out, and verified */
    RBK_VIEW_KEPT,     /* a gate was answered so: the old system is as it was */
    RBK_VIEW_GIVEN_UP, /* it failed, and somebody resolved it (done by hand, or left), or nobody
                          did: the journal says which */
};
enum rbk_view_retired rbk_view_retired(const struct rbk_view *view, const struct rbk_state *state);

/* What a region does, in a word or two ("applying", "rolled back"); ret_tone may be NULL. */
const char *rbk_view_region_word(const struct rbk_view *view, const struct rbk_state *state,
                                 uint32_t region, enum rbk_tone *ret_tone);
enum rbk_tone rbk_view_status_tone(enum rbk_status status);

/* The name of the stage (retire, plan) a region belongs to. */
struct rbk_str rbk_view_stage_name(const struct rbk_view *view, uint32_t region);

/* The effect under way or awaited in a region; NULL: none. */
const struct rbk_effect *rbk_view_effect(const struct rbk_view *view, const struct rbk_state *state,
                                         uint32_t region);

/* ---- questions --------------------------------------------------------------------------------
 */

/* Fill up to `count_max` open questions. @return How many are open. */
size_t rbk_view_asked(const struct rbk_view *view, const struct rbk_state *state,
                      struct rbk_asked *asked, size_t count_max);
/* The same for one owner: rbk_asked_by(). */
bool rbk_view_asked_by(const struct rbk_view *view, const struct rbk_state *state,
                       enum rbk_question_owner owner, uint32_t index, struct rbk_asked *ret_asked);
/* Append "migrate.approve.1" or "trigger.errors"; with "@17" behind it, it is this very question.
 */
void rbk_asked_name(const struct rbk_view *view, const struct rbk_state *state,
                    const struct rbk_asked *asked, struct rbk_buffer *out);
/* Append what is asked, one line: "approve? (dba; infra_lead agreed)". */
void rbk_asked_text(const struct rbk_view *view, const struct rbk_state *state,
                    const struct rbk_asked *asked, struct rbk_buffer *out);
/* The two parts of it: "approve?", and "dba <pager@example.com>, infra_lead (agreed)", which may be
 * nothing. */
void rbk_asked_words(const struct rbk_view *view, const struct rbk_state *state,
                     const struct rbk_asked *asked, struct rbk_buffer *out);
void rbk_asked_roles(const struct rbk_view *view, const struct rbk_asked *asked,
                     struct rbk_buffer *out);
/* Append what silence means, behind "else ": a reaction as the plan spells it, or what follows on a
 * way back, which no `else` turns or stops. Nothing for a question that has no end. */
void rbk_asked_silence(const struct rbk_view *view, const struct rbk_state *state,
                       const struct rbk_asked *asked, struct rbk_buffer *out);
/* Answer number `number` of those that the question about a run that is held or paused takes now,
 * and would not refuse; NULL: there are no more. */
const char *rbk_asked_held_answer(const struct rbk_view *view, const struct rbk_state *state,
                                  size_t number);
/* Append command number `number` that answers it. @return false when there are no more. */
bool rbk_asked_command(const struct rbk_view *view, const struct rbk_state *state,
                       const struct rbk_asked *asked, size_t number, struct rbk_buffer *out);

/* Append who is called for a run that is stuck: "told: dba; infra_lead in 9m 51s", "nobody is told
 * yet; dba in 5m", or that somebody has answered. Nothing of any other run, and where the plan
 * escalates to nobody. */
void rbk_view_called(const struct rbk_view *view, const struct rbk_state *state, uint64_t now_ms,
                     struct rbk_buffer *out);
/* Append who has been told of a run that is stuck, and who is next: "dba; infra_lead in 9m 51s".
 * Nothing of any other run, and where the plan escalates to nobody. */
void rbk_view_escalation(const struct rbk_view *view, const struct rbk_state *state,
                         uint64_t now_ms, struct rbk_buffer *out);

/*
 * Append what a stage that has not begun waits for: "after split", "until 22:00:00", "for its
 * window 22:00 to 02:00 Europe/Berlin", "for a way back of what stands applied". Nothing when it
 * has begun, could begin, or never will.
 */
void rbk_view_waits_for(const struct rbk_view *view, const struct rbk_state *state, uint32_t region,
                        struct rbk_buffer *out);

/* ---- what now ---------------------------------------------------------------------------------
 */

/* Tell why a paused, held or stuck run (or stage) does not go on, and the commands that lead on. */
void rbk_view_explain(const struct rbk_view *view, const struct rbk_state *state, rbk_line_fn *emit,
                      void *context);

/* A deadline or budget that runs. */
struct rbk_timer {
    const char *what;    /* "within of apply", … */
    struct rbk_str name; /* of the state, trigger or stage it belongs to; may be empty */
    uint64_t due_ms;     /* wall clock; 0 for a budget */
    uint64_t span_ms;    /* a budget: how much it allows; time without a runner does not count */
    bool budget;         /* else a wall-clock deadline */
};
typedef void rbk_timer_fn(void *context, const struct rbk_timer *timer);
/* Every deadline that runs in this state. */
void rbk_view_timers(const struct rbk_view *view, const struct rbk_state *state, rbk_timer_fn *emit,
                     void *context);

#endif
