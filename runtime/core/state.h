#ifndef RBK_RUNTIME_CORE_STATE_H
#define RBK_RUNTIME_CORE_STATE_H

/*
 * The state of a run: one flat block of bytes, sized from the machine, without pointers. It can be
 * copied with memcpy, compared with memcmp (padding is always zero), hashed, and written to a
 * snapshot. Only step() changes it.
 *
 * Layout: struct rbk_state | region_count x struct rbk_region_state |
 *         trigger_count x struct rbk_trigger_state | report_count x uint64_t |
 *         (state_count + 63) / 64 x uint64_t of `dispatched` bits.
 */

#include "runtime/core/machine.h"

/* What the run as a whole is doing; derived once, in step(). X(constant, word) */
#define RBK_STATUSES(X)       \
    X(READY, "ready")         \
    X(RUNNING, "running")     \
    X(PAUSED, "paused")       \
    X(HELD, "held")           \
    X(ABORTING, "aborting")   \
    X(ABORTED, "aborted")     \
    X(OBSERVING, "observing") \
    X(GRACE, "grace")         \
    X(COMPLETED, "completed") \
    X(CANCELLED, "cancelled") \
    X(STUCK, "stuck")
#define X(constant, word) RBK_STATUS_##constant,
enum rbk_status { RBK_STATUSES(X) RBK_STATUS_COUNT };
#undef X

/* Where a region is with the effect of its state. X(constant, word, meaning) */
#define RBK_MODES(X)                                                                        \
    X(IDLE, "idle", "not started, or resting in a state without an effect")                 \
    X(PARKED, "parked", "would dispatch, but the run is paused, held or not to go forward") \
    X(RUNNING, "running", "dispatched, its result is awaited")                              \
    X(RETRY, "retry", "failed; dispatched again at due_ms")                                 \
    X(CANCELLING, "cancelling", "told to stop; then the region goes to `target`")           \
    X(RESOLVING, "resolving", "a new runner is finding out what happened")                  \
    X(LOOKING, "looking", "in doubt: evaluating the effect's `done when`")                  \
    X(ASKING, "asking", "the effect's question is open until due_ms")                       \
    X(DOUBT, "doubt", "in doubt: a person is asked until due_ms")                           \
    X(FORKED, "forked", "its branches run")                                                 \
    X(TURN, "turn", "a stage about to roll back waits for later ones")                      \
    X(DONE, "done", "an end state")
#define X(constant, word, meaning) RBK_MODE_##constant,
enum rbk_mode { RBK_MODES(X) RBK_MODE_COUNT };
#undef X

/* Why the run paused, was held, turned round or got stuck. `index` says which row. */
#define RBK_CAUSES(X)                                                                      \
    X(NONE, "none", "")                                                                    \
    X(FAILURE, "failure", "an effect failed: index is its state")                          \
    X(TIMEOUT, "timeout", "time ran out: index is the state")                              \
    X(TRIGGER, "trigger", "a trigger fired: index is its row")                             \
    X(TRIGGER_MISSING, "trigger_missing", "a trigger could not be read: index is its row") \
    X(CRITERION, "criterion", "an abort criterion: index is its row")                      \
    X(SIGNAL, "signal", "a signal: index is its row")                                      \
    X(COMMAND, "command", "a person asked for it")                                         \
    X(GATE, "gate", "a question was refused or expired: index is the state")               \
    X(UNDECIDED, "undecided", "held or paused for too long")                               \
    X(INTERRUPT, "interrupt", "Ctrl-C at the runner")                                      \
    X(WAY_BACK, "way_back", "a stage has no way back open: index is its region")
#define X(constant, word, meaning) RBK_CAUSE_##constant,
enum rbk_cause_kind { RBK_CAUSES(X) RBK_CAUSE_COUNT };
#undef X

struct rbk_cause {
    uint32_t kind; /* enum rbk_cause_kind */
    uint32_t index;
};

/* `target` of a region that is to stop where it is (mode DONE), without going anywhere. */
#define RBK_TARGET_STOP (RBK_NONE - 1u)

/* What else is known of a region; bits of rbk_region_state.flags. */
enum rbk_region_flag {
    RBK_FLAG_START = 1,        /* BRANCH: to be started; only set within a step */
    RBK_FLAG_FOLLOWED = 2,     /* STAGE: rolled back because a stage it depends on was */
    RBK_FLAG_WINDOW_OPEN = 4,  /* STAGE: its window, or the plan's, is open, and its `not before`
                                  in a zone is past */
    RBK_FLAG_WAY_CLOSED = 8,   /* STAGE: it stands applied, and none of its ways back is open */
    RBK_FLAG_WAY_UNREAD = 32,  /* STAGE: it stands applied, each of its ways back has a condition,
                                  and none was read yet */
    RBK_FLAG_WAY_CLOSING = 64, /* STAGE: it stands applied, and has a way back, but not its first
                                  one for sure */
};
#define RBK_FLAGS_WAY ((uint32_t)(RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD | RBK_FLAG_WAY_CLOSING))
#define RBK_FLAGS_REGION ((uint32_t)(RBK_FLAG_FOLLOWED | RBK_FLAG_WINDOW_OPEN) | RBK_FLAGS_WAY)

struct rbk_region_state {
    uint32_t state;         /* row of machine->states */
    uint32_t mode;          /* enum rbk_mode */
    uint32_t serial;        /* of the dispatch awaited, or the question open; 0: none */
    uint32_t attempt;       /* of the current effect, from 1 */
    uint32_t target;        /* being stopped: the state to go to then, or RBK_TARGET_STOP; else
                               RBK_NONE. It outlives RESOLVING, LOOKING and DOUBT. */
    uint32_t order;         /* STAGE: when its apply began, from 1; 0: nothing to take back */
    uint32_t stage_attempt; /* STAGE: how often it has been started, from 1 */
    uint32_t approvals;     /* ASKING: the seats of the question that have said yes (seat.h) */
    uint32_t flags;         /* enum rbk_region_flag */
    uint32_t rollbacks;     /* STAGE: how often it has been told to roll back */
    struct rbk_cause cause; /* why it failed, is being rolled back, or is held: what began it, also
                               when it got stuck on the way */
    struct rbk_cause failed_back; /* STAGE: what failed last on its way back, whichever way it was
                                     (that the last one's `when` does not hold counts only where
                                     nothing else failed); it stays when another way is tried, or
                                     somebody resolves or retries, until the stage is told to go
                                     back anew or starts again. NONE: nothing */
    uint32_t asked_on;   /* DOUBT: how often the question was put to others, to whom its `else
                            ask` puts it when nobody answers; else 0 */
    uint32_t unused;     /* 0: keeps the row without padding */
    uint64_t due_ms;     /* RETRY, ASKING, DOUBT, WAITING for its next attempt; 0: none */
    uint64_t applied_ms; /* STAGE: when it came to stand applied; 0: not */
    uint64_t block_due_ms[RBK_BLOCK_DEPTH_MAX]; /* deadlines of the blocks it is in; 0: none */
};

/* A trigger's life: quiet -> (holding | asking) -> fired -> quiet when its level falls. */
#define RBK_TRIGGER_MODES(X) \
    X(QUIET, "quiet")        \
    X(HOLDING, "holding")    \
    X(ASKING, "asking")      \
    X(FIRED, "fired")
#define X(constant, word) RBK_TRIGGER_##constant,
enum rbk_trigger_mode { RBK_TRIGGER_MODES(X) RBK_TRIGGER_MODE_COUNT };
#undef X

/* Three-valued level of a condition. */
#define RBK_LEVELS(X) \
    X(FALSE, "false") \
    X(TRUE, "true")   \
    X(MISSING, "missing")
#define X(constant, word) RBK_LEVEL_##constant,
enum rbk_level { RBK_LEVELS(X) RBK_LEVEL_COUNT };
#undef X

/*
 * While a trigger asks its level goes on changing. What holds then:
 *
 *   asked about | level meanwhile         | what becomes of it
 *   ------------+-------------------------+------------------------------------------------------
 *   missing     | true                    | the question is closed at once, and the trigger reacts
 *               |                         | to "true", as if nothing had been asked
 *   true        | true, missing           | the question stands: it is about this edge, and a gap
 *               |                         | without data is no new one
 *   either      | false                   | the question stands: the person decides, or its `else`
 *   true        | false, then true        | the question stands, for the new edge as well
 *   missing     | false, then missing     | likewise
 *   true        | false, then missing     | the question stands; the missing rule is due when it is
 *               |                         | over, unless the level has changed again by then
 *
 * When it is over (a reaction was agreed to and carried out, refused, or its `else` was), the level
 * of that moment counts:
 *
 *   false    quiet: the next edge is reacted to
 *   true     fired: it was about this
 *   missing  fired; but if the missing rule is due, and the trigger is still armed after what was
 *            carried out, it is reacted to in the same step
 *
 * An `else` that is a question again is the same question. A trigger that is disarmed while its
 * question stands (it sleeps through a stage) counts as false. A run that turns round, ends or gets
 * past its grace closes every question; a new runner finds all this as it was.
 */
struct rbk_trigger_state {
    uint32_t mode;      /* enum rbk_trigger_mode */
    uint32_t level;     /* enum rbk_level, as last posted */
    uint32_t reaction;  /* HOLDING, ASKING: the reaction under way */
    uint32_t approvals; /* ASKING: as in a region */
    uint32_t fired;     /* how often it has fired */
    uint32_t seen;      /* bit RBK_LEVEL_TRUE, RBK_LEVEL_MISSING: reacted to since it was FALSE;
                           RBK_LEVEL_FALSE: ASKING, and it was FALSE since it was last TRUE */
    uint32_t serial;    /* ASKING: of the question open; 0: none */
    uint32_t proposed;  /* ASKING, what to do: the answer of those in approvals, plus 1; 0: none */
    uint64_t due_ms;    /* HOLDING, ASKING */
};

struct rbk_state {
    uint32_t bytes;     /* of the whole block */
    uint32_t status;    /* enum rbk_status */
    uint32_t hold;      /* RBK_STATUS_PAUSED, RBK_STATUS_HELD, or 0: going */
    uint32_t turned;    /* 1 from the decision to abort on */
    uint32_t cancelled; /* 1 from the decision to cancel on, 2 once all stages are still */
    uint32_t rollbacks; /* unplanned stage rollbacks so far */
    uint32_t next_order;
    uint32_t next_serial;
    uint32_t escalated;      /* escalation steps sent since it got stuck; one more than there are:
                                somebody has answered, and nobody further is called */
    uint32_t overdue;        /* 1: the plan's `rollback within` has passed */
    struct rbk_cause cause;  /* why it is paused, held, turned or stuck */
    struct rbk_cause wanted; /* why it is to be paused as soon as it is neither held nor stuck: a
                                pause that came then, or one that a hold came upon; NONE: it is not.
                                Whoever continues, aborts or cancels takes it back. */
    uint32_t held_reaction;  /* the question about a run that is held or paused is open: the row of
                                the reaction that asks it, plus 1; due at hold_due_ms. 0: it is not,
                                and all of the following are 0 */
    uint32_t held_serial;    /* which asking of it */
    uint32_t held_approvals; /* as of a trigger that asks what to do … */
    uint32_t held_proposed;  /* … likewise */
    uint64_t signals;        /* bit i: signal i was given (RBK_SIGNALS_MAX = 64) */
    uint64_t now_ms;         /* of the last event; never goes back */
    uint64_t hold_due_ms;    /* held or paused: when it is decided without a person; 0 */
    uint64_t started_ms;
    uint64_t first_effect_ms; /* first effect of an apply; 0: none yet */
    uint64_t all_applied_ms;  /* last stage applied; 0: not yet */
    uint64_t decided_ms;      /* the decision to abort; 0: none */
    uint64_t stuck_ms;        /* when it got stuck; 0: not */
    uint64_t ended_ms;        /* end state reached; 0: not */
    uint64_t plan_due_ms;     /* OBSERVE, GRACE: until when; rollback: decided_ms + within */
    uint64_t criteria_due_ms; /* when a criterion comes true by time alone; 0: never */
};

/* The block's size for a machine, in bytes. */
size_t rbk_state_bytes(const struct rbk_machine *machine);
/* A fresh state, before the start event. `block` has rbk_state_bytes() bytes, aligned to 8. */
void rbk_state_init(const struct rbk_machine *machine, struct rbk_state *block);

struct rbk_region_state *rbk_state_region(const struct rbk_machine *machine,
                                          const struct rbk_state *state, uint32_t region);
struct rbk_trigger_state *rbk_state_trigger(const struct rbk_machine *machine,
                                            const struct rbk_state *state, uint32_t trigger);
uint64_t *rbk_state_report_due(const struct rbk_machine *machine, const struct rbk_state *state,
                               uint32_t report);
bool rbk_state_dispatched(const struct rbk_machine *machine, const struct rbk_state *state,
                          uint32_t machine_state);

/* The stage, retire or plan region that a branch belongs to; any other region is its own root. */
uint32_t rbk_region_root(const struct rbk_machine *machine, uint32_t region);

/* The question that the effect of a region's state asks in mode ASKING, or in DOUBT: a row of
 * machine->questions; RBK_NONE: none, or the default one of a doubt the plan has no words for. */
uint32_t rbk_region_question(const struct rbk_machine *machine, const struct rbk_state *state,
                             uint32_t region);
/* The question that the `else ask` of another one puts to others; RBK_NONE: its `else` asks nobody.
 * Of a checked machine such chains end. */
uint32_t rbk_question_asked_on(const struct rbk_machine *machine, uint32_t question);

/* `held at most D else …`: the question that is open, and what follows when the time to decide is
 * over, both RBK_NONE for none (an abort follows then); and what it comes to when nobody answers
 * anything. */
uint32_t rbk_held_question(const struct rbk_machine *machine, const struct rbk_state *state);
uint32_t rbk_held_next(const struct rbk_machine *machine, const struct rbk_state *state);
enum rbk_reaction_kind rbk_held_end(const struct rbk_machine *machine);

/* Whether a trigger is armed: a function of machine and state alone. */
bool rbk_trigger_armed(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t trigger);
/* Whether an abort criterion would be reacted to now: from the start of the run on, until it turns,
 * ends, is stuck or has no way back. */
bool rbk_criteria_armed(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether the stage of this region stands applied / would have to be rolled back. */
bool rbk_stage_applied(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t region);
bool rbk_stage_touched(const struct rbk_machine *machine, const struct rbk_state *state,
                       uint32_t region);
/* Whether a stage may begin only while its flag WINDOW_OPEN says so: by a window, its own or the
 * plan's, or by a `not before` in a zone; and whether by hours that are not those of other stages.
 * @region  Of a STAGE. */
bool rbk_stage_keeps_hours(const struct rbk_machine *machine, const struct rbk_region *region);
bool rbk_stage_own_hours(const struct rbk_region *region);
/* Whether every way back of a stage has a condition, so that none may be open. */
bool rbk_stage_closable(const struct rbk_machine *machine, uint32_t region);
/* What keeps a stage in WAITING, whatever the run as a whole does. */
struct rbk_stage_wait {
    bool stages;    /* one before it does not stand, and when it may begin is not known yet */
    bool hours;     /* those it keeps to (rbk_stage_keeps_hours) are not now */
    uint64_t at_ms; /* from when on it may begin, 0: any time; without `stages` */
};
/* @ret_wait  Set when the stage waits.
 * @return    false: no stage, or it has begun. */
bool rbk_stage_waits(const struct rbk_machine *machine, const struct rbk_state *state,
                     uint32_t region, struct rbk_stage_wait *ret_wait);
/* Whether a stage that another one comes after stands: applied, and not on its way back. */
bool rbk_predecessor_stands(const struct rbk_machine *machine, const struct rbk_state *state,
                            const struct rbk_predecessor *before);
/* The first stage with one of these flags (enum rbk_region_flag); RBK_NONE: none has. No stage
 * starts while one has a WAY_CLOSED or a WAY_UNREAD. */
uint32_t rbk_stage_flagged(const struct rbk_machine *machine, const struct rbk_state *state,
                           uint32_t flags);
/* The applied stage without a way back that keeps a stage from starting now, which otherwise would,
 * while no stage is under way; RBK_NONE: none does. */
uint32_t rbk_run_lacks_way_back(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether it is on its way back: told to, waiting for its turn, rolling back, or stuck. */
bool rbk_stage_rolling_back(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint32_t region);
/* Whether a state asks whether something holds: an `if`, or the `when` of a way back. That it does
 * not is no failure of a step. */
bool rbk_state_is_test(const struct rbk_machine *machine, uint32_t machine_state);
/* Why the run is where it is: its own cause; while it has none, that of the stage that is stuck, or
 * else of the first one that is on its way back alone. */
struct rbk_cause rbk_run_cause(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether it has been started and has neither come to stand applied nor to rest otherwise. */
bool rbk_stage_under_way(const struct rbk_machine *machine, const struct rbk_state *state,
                         uint32_t region);
/* Whether the way back is gone: retiring, or releasing locks on the way to the end. */
bool rbk_run_past_grace(const struct rbk_machine *machine, const struct rbk_state *state);
/* Whether the status is an end: completed, aborted, cancelled. (Stuck waits for a person.) */
bool rbk_status_is_end(enum rbk_status status);

/* How long an effect of a region may take from now_ms on, in milliseconds: its timeout, or what is
 * left of a block around it, those of the regions that forked it too; whichever is less. Never 0: a
 * block that is over leaves one, and what has no limit at all (no rule lets it through, but
 * machines may come from elsewhere) RBK_EFFECT_MS_UNLIMITED. */
#define RBK_EFFECT_MS_UNLIMITED 3600000u
uint64_t rbk_effect_left_ms(const struct rbk_machine *machine, const struct rbk_state *state,
                            uint32_t region, const struct rbk_effect *effect, uint64_t now_ms);

/* The earliest instant at which an EVENT_TIME would change something; 0: none. */
uint64_t rbk_state_next_due(const struct rbk_machine *machine, const struct rbk_state *state);

/* A block read from a snapshot: does it fit this machine? 0 or -RBK_ECORRUPT. */
RBK_MUST_USE int rbk_state_check(const struct rbk_machine *machine, const struct rbk_state *state,
                                 size_t bytes, struct rbk_error *reterr);
/* What must hold between two events of any run: NULL, or the sentence that is broken. For tests and
 * the explorer; it looks at every region. */
const char *rbk_state_broken(const struct rbk_machine *machine, const struct rbk_state *state);

const char *rbk_status_name(enum rbk_status status);
const char *rbk_mode_name(enum rbk_mode mode);
const char *rbk_trigger_mode_name(enum rbk_trigger_mode mode);
const char *rbk_level_name(enum rbk_level level);

#endif
