#ifndef RBK_RUNTIME_CORE_STEP_H
#define RBK_RUNTIME_CORE_STEP_H

/*
 * step(): the one function that decides. It reads the machine, changes the state, and says what to
 * do. No clock, no I/O, no allocation: time comes in with the event.
 *
 * Whoever calls it (executor, recovery, explorer, simulator) appends the event to the journal, if
 * there is one, before carrying out any of the actions it gave rise to.
 */

#include "runtime/core/seat.h"
#include "runtime/core/state.h"

/* What can happen. X(constant, word in the journal, which fields of the event count) */
#define RBK_EVENTS(X)                                                                          \
    X(START, "start", "the run begins")                                                        \
    X(RESULT, "result",                                                                        \
      "serial, outcome: an effect ended (or was shown dead after a cancel); OK for an open "   \
      "question: its `done when` holds")                                                       \
    X(NOTE, "note", "serial: a driver's durable note, e.g. a transaction id; changes nothing") \
    X(TIME, "time", "a deadline may be due at now_ms")                                         \
    X(TRIGGER, "trigger", "index, level: the level of an armed trigger changed")               \
    X(CRITERION, "criterion", "index: an abort criterion that reads probes came true")         \
    X(ANSWER, "answer", "owner, index, serial, answer, seats: a person answered a question")   \
    X(COMMAND, "command", "command, index, answer: a person asked for something")              \
    X(WINDOW, "window",                                                                        \
      "index, level: a stage may begin by its window and `not before` in a zone (TRUE) or "    \
      "not (FALSE); region 0: all stages without hours of their own")                          \
    X(WAY_BACK, "way_back",                                                                    \
      "index, level: the way back of an applied stage is open (TRUE), closed (FALSE: it has "  \
      "none) or closing (MISSING: not its first one for sure)")                                \
    X(RESUMED, "resumed",                                                                      \
      "level: a new runner took over: everything in flight goes to RESOLVING; MISSING: what "  \
      "the last one said of windows holds no more, and no stage that keeps hours begins "      \
      "before a WINDOW event says so")                                                         \
    X(RESOLVED, "resolved",                                                                    \
      "serial, recovery, outcome: what became of an effect in flight at a crash")

#define X(constant, word, fields) RBK_EVENT_##constant,
enum rbk_event_kind { RBK_EVENTS(X) RBK_EVENT_COUNT };
#undef X

/* What a person may ask for. */
#define RBK_COMMANDS(X)                                                                      \
    X(PAUSE, "pause")         /* start nothing new */                                        \
    X(INTERRUPT, "interrupt") /* the same, from Ctrl-C; a resume continues it */             \
    X(CONTINUE, "continue")                                                                  \
    X(ABORT, "abort")                                                                        \
    X(CANCEL, "cancel")                                                                      \
    X(RETRY, "retry")     /* index: a stage's region, RBK_NONE: whatever is held or stuck */ \
    X(RESOLVE, "resolve") /* index: region in doubt or stuck; answer: DONE or NOT_DONE */    \
    X(SIGNAL, "signal")   /* index: signal */
#define X(constant, word) RBK_COMMAND_##constant,
enum rbk_command { RBK_COMMANDS(X) RBK_COMMAND_COUNT };
#undef X

/* What a person may answer. YES/NO for gates, DONE/NOT_DONE for manual steps and doubt, ABORT to
 * IGNORE for a trigger's `ask`; ABORT, IGNORE, CONTINUE and CANCEL for that of `held at most`. */
#define RBK_ANSWERS(X)      \
    X(YES, "yes")           \
    X(NO, "no")             \
    X(DONE, "done")         \
    X(NOT_DONE, "not-done") \
    X(ABORT, "abort")       \
    X(ROLLBACK, "rollback") \
    X(PAUSE, "pause")       \
    X(IGNORE, "ignore")     \
    X(CONTINUE, "continue") \
    X(CANCEL, "cancel")
#define X(constant, word) RBK_ANSWER_##constant,
enum rbk_answer { RBK_ANSWERS(X) RBK_ANSWER_COUNT };
#undef X

/* What a driver found out about an effect that was in flight when the last runner died. */
enum rbk_recovery {
    RBK_RECOVERY_KNOWN,       /* it ended: see outcome (OK, FAIL, TIMEOUT) */
    RBK_RECOVERY_ATTACHED,    /* it still runs; a RESULT will follow */
    RBK_RECOVERY_NOT_STARTED, /* it is proved never to have begun: dispatch it */
    RBK_RECOVERY_UNKNOWN      /* in doubt: the effect's crash rule decides */
};

/* Whose question an answer is for. */
enum rbk_question_owner {
    RBK_OWNER_REGION,
    RBK_OWNER_TRIGGER,
    RBK_OWNER_RUN /* the run itself, held or paused for too long; `index` says nothing */
};

struct rbk_event {
    enum rbk_event_kind kind;
    uint64_t now_ms; /* wall clock, milliseconds since 1970; step() never lets it go back */
    uint32_t serial; /* RESULT, NOTE, RESOLVED; ANSWER, a RESOLVE of doubt: which question is meant,
                        0: whichever is open */
    enum rbk_outcome outcome;
    enum rbk_recovery recovery; /* RESOLVED: what the driver found; outcome counts with KNOWN */
    uint32_t index; /* TRIGGER, CRITERION, ANSWER (region or trigger), COMMAND, WINDOW, WAY_BACK */
    enum rbk_level level; /* TRIGGER, WINDOW, WAY_BACK, RESUMED */
    enum rbk_command command;
    enum rbk_question_owner owner;
    enum rbk_answer answer;
    uint32_t seats;  /* ANSWER, a RESOLVE of doubt: what this person fills (rbk_question_seats) */
    bool own;        /* likewise: the person started or resumed this run. Not in the journal: under
                        `four eyes` no such answer is accepted, else it means nothing. */
    uint32_t barred; /* ANSWER, under `four eyes`: seats of people who have started or resumed the
                        run, maybe after they agreed: they do not count any more. Not in the journal
                        either: it follows from the events before. */
};

/* What to do now. X(constant, word, which fields count) */
#define RBK_ACTIONS(X)                                                                           \
    X(DISPATCH, "dispatch",                                                                      \
      "region, state, serial, attempt: carry out the state's effect; a "                         \
      "question comes as QUESTION_OPEN instead")                                                 \
    X(LOOK, "look",                                                                              \
      "region, state, serial: evaluate the effect's `done when` (outcome OK: done, "             \
      "FAIL: not done, MISSING: unknown)")                                                       \
    X(CANCEL, "cancel", "region, state, serial: stop it and show it dead; a RESULT follows")     \
    X(RESOLVE, "resolve", "region, state, serial: find out what became of it; RESOLVED follows") \
    X(QUESTION_OPEN, "question_open",                                                            \
      "owner, region or trigger in index, question, serial, due_ms; of "                         \
      "a region also state, attempt")                                                            \
    X(QUESTION_CLOSE, "question_close", "owner, index, question")                                \
    X(HOOK, "hook", "index: the hook kind whose messages are to be sent; region: the stage")     \
    X(NOTIFY, "notify", "index: channel; cause: what to tell of")                                \
    X(REPORT, "report", "index: row of reports")                                                 \
    X(ESCALATE, "escalate", "index: row of escalations")                                         \
    X(FINISHED, "finished", "an end state was reached")

#define X(constant, word, fields) RBK_ACTION_##constant,
enum rbk_action_kind { RBK_ACTIONS(X) RBK_ACTION_COUNT };
#undef X

struct rbk_action {
    enum rbk_action_kind kind;
    uint32_t region;
    uint32_t state; /* row of machine->states */
    uint32_t serial;
    uint32_t attempt;
    uint32_t index;
    uint32_t question; /* row of machine->questions; RBK_NONE: the default doubt question */
    enum rbk_question_owner owner;
    struct rbk_cause cause;
    uint64_t due_ms;
};

/* The actions of one step, in the order they are to be carried out. Owned by the caller, who gives
 * it room for rbk_actions_max(machine) rows; step() sets count. */
struct rbk_actions {
    struct rbk_action *items;
    size_t count;
    size_t capacity;
};

size_t rbk_actions_max(const struct rbk_machine *machine);

/* Values an expression of the core itself may need (observe, grace, report intervals, criteria over
 * run variables): evaluated once when the run starts, the same for its whole life. */
struct rbk_settings {
    uint64_t observe_ms;             /* 0: none */
    uint64_t grace_ms;               /* 0: none */
    const uint64_t *report_every_ms; /* machine->report_count */
    const struct rbk_value *params;  /* machine->param_count; for criteria over run variables */
};

/* Why an event was not accepted. X(constant, what a person is told) */
#define RBK_REFUSALS(X)                                                                     \
    X(ACCEPTED, "")                                                                         \
    X(ENDED, "the run has ended")                                                           \
    X(NOT_STARTED, "the run has not started")                                               \
    X(NO_QUESTION, "no such question is open")                                              \
    X(OTHER_QUESTION, "the question that was meant is no longer open; another one is now")  \
    X(NOT_YOURS, "you do not speak for any role this question waits for")                   \
    X(OWN_RUN, "four eyes: who started or resumed this run does not count")                 \
    X(NOT_NEEDED, "you have agreed already, or nobody of your role is needed any more")     \
    X(WRONG_ANSWER, "this question does not take that answer")                              \
    X(STANDS_APPLIED, "an apply has begun: the run can be aborted, but not cancelled")      \
    X(TURNED, "the run is rolling back already, and a rollback is not stopped")             \
    X(NOT_HELD, "the run is neither held, paused nor stuck")                                \
    X(NOTHING_TO_RETRY, "nothing is held or stuck")                                         \
    X(NOT_THIS_ONE, "this stage is neither held nor stuck")                                 \
    X(NO_WAY_BACK,                                                                          \
      "what stands applied has no way back open: the run goes on by itself when one opens") \
    X(NOT_IN_DOUBT, "this step is not in doubt")                                            \
    X(PAST_GRACE, "the grace is over: there is no way back any more")                       \
    X(ENDING, "the run is ending already")                                                  \
    X(STARTED, "the run has started already")                                               \
    X(ALREADY_STILL, "the run is held, paused or stuck already")                            \
    X(NOT_PAUSED, "the run is not paused: what is held is retried, aborted or cancelled")   \
    X(TOO_LATE, "the time to answer this question has passed")                              \
    X(NOT_ARMED, "this trigger is not armed now")                                           \
    X(NOTHING_DUE, "no deadline has passed")                                                \
    X(UNKNOWN, "there is no such thing in this plan")                                       \
    X(STALE, "this result belongs to an effect that is no longer awaited")
#define X(constant, text) RBK_REFUSAL_##constant,
enum rbk_refusal { RBK_REFUSALS(X) RBK_REFUSAL_COUNT };
#undef X
const char *rbk_refusal_text(enum rbk_refusal refusal);

/*
 * Decide. Changes `state`, fills `actions` (its count starts at 0).
 * @return RBK_REFUSAL_ACCEPTED, or why the event changed nothing (state is untouched then, except
 *         that no action is given). A refused event need not be journalled.
 */
enum rbk_refusal rbk_step(const struct rbk_machine *machine, const struct rbk_settings *settings,
                          struct rbk_state *state, const struct rbk_event *event,
                          struct rbk_actions *actions);

const char *rbk_event_name(enum rbk_event_kind kind);
const char *rbk_command_name(enum rbk_command command);
const char *rbk_answer_name(enum rbk_answer answer);

#endif
