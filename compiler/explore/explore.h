/*
 * Exploration: everything a machine can do, on the transition function that the runtime executes.
 *
 * Breadth first from the start, with every outcome of every effect, every trigger, every answer or
 * none, every command of a person, every deadline and every crash, the promises of a run are shown
 * to hold (RBK150), and what follows from each way a stage can end is collected (the exit table).
 * What is left out because it cannot matter, and why, is argued in docs/internals.md,
 * "Exploration".
 *
 *     struct rbk_explore_result result;
 *     rbk_explore(&arena, machine, NULL, &result);
 *     if (!result.complete) …               // a limit was reached: nothing is proved
 *     if (result.violation_count) …         // result.violations[0].lines is the shortest story
 *
 * Nothing is printed and nothing is global.
 */
#ifndef RBK_COMPILER_EXPLORE_EXPLORE_H
#define RBK_COMPILER_EXPLORE_EXPLORE_H

#include "runtime/core/base/arena.h"
#include "runtime/core/step.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The rule that exploration is for: RBK150. It cannot be waived. */
#define RBK_RULE_EXPLORE 150

/** States kept at once unless the caller says otherwise. */
#define RBK_EXPLORE_STATES_MAX UINT64_C(500000)
/** Bytes taken unless the caller says otherwise. */
#define RBK_EXPLORE_BYTES_MAX ((size_t)500 << 20)
/** Regions of a machine; one with more is not explored at all. */
#define RBK_EXPLORE_REGIONS_MAX 16384u
/** Violations told; what comes after them is counted. */
#define RBK_EXPLORE_VIOLATIONS_MAX 8u

/** What is proved. X(constant, word in JSON, what is wrong when it does not hold) */
#define RBK_EXPLORE_PROPERTIES(X)                                                                \
    X(END, "end", "a state from which no end is reached without a person")                       \
    X(STANDS, "stands", "an end at which a stage stands that is neither kept nor rolled back")   \
    X(FORWARD, "forward",                                                                        \
      "an effect that goes forward while its stage, or one tied to it, goes back")               \
    X(ORDER, "order", "rollbacks that are not in the reverse order of the applies")              \
    X(VERIFY, "verify", "a stage that counts as applied, or as rolled back, without its verify") \
    X(WAIT, "wait", "a wait without an end")                                                     \
    X(DOUBT, "doubt", "an effect in doubt that is taken as done")                                \
    X(ABORT, "abort", "a decision to turn round that is not carried out")                        \
    X(BROKEN, "broken", "a state that contradicts itself")                                       \
    X(UNREACHED, "unreached", "a step that nothing leads to")
#define X(constant, word, text) RBK_EXPLORE_##constant,
enum rbk_explore_property { RBK_EXPLORE_PROPERTIES(X) RBK_EXPLORE_PROPERTY_COUNT };
#undef X

/** The property's word, and what is wrong when it does not hold. */
const char *rbk_explore_property_name(enum rbk_explore_property property);
const char *rbk_explore_property_text(enum rbk_explore_property property);

/** A transition function: rbk_step(), or a changed copy of it in tests. */
typedef enum rbk_refusal rbk_explore_step_fn(const struct rbk_machine *machine,
                                             const struct rbk_settings *settings,
                                             struct rbk_state *state, const struct rbk_event *event,
                                             struct rbk_actions *actions);

/** What is asked for; zero is the default everywhere. */
struct rbk_explore_options {
    uint64_t states_max;       /**< States kept at once; 0: RBK_EXPLORE_STATES_MAX. */
    size_t bytes_max;          /**< Memory taken at most; 0: RBK_EXPLORE_BYTES_MAX. */
    rbk_explore_step_fn *step; /**< NULL: rbk_step(). */
    bool full;  /**< Leave nothing out but time: for tests that compare. Small machines only. */
    bool apart; /**< Explore what runs side by side apart, without trying it together: for tests. */
};

/** A line of a story. */
struct rbk_explore_line {
    struct rbk_str text;            /**< What happens, in the plan's words. */
    struct rbk_machine_place place; /**< Where the plan says so; line 0: nowhere. */
};

/** A property that does not hold, and the shortest way there. */
struct rbk_explore_violation {
    enum rbk_explore_property property;
    struct rbk_str text;            /**< One line: what is wrong, of whom. */
    struct rbk_machine_place place; /**< Of the step or stage concerned; line 0: none. */
    struct rbk_explore_line *lines; /**< From the start on; none for UNREACHED. */
    uint32_t line_count;
};

/** How a stage can end otherwise than by standing applied. X(constant, word, what a person reads)
 */
#define RBK_EXPLORE_EXITS(X)                                       \
    X(STEP_FAILED, "step_failed", "a step fails")                  \
    X(CHECK_FAILED, "check_failed", "a check fails")               \
    X(TIME_OUT, "time_out", "time runs out")                       \
    X(TRIGGER, "trigger", "a trigger fires")                       \
    X(DENIED, "denied", "approval is denied")                      \
    X(EXPIRED, "expired", "a question is not answered")            \
    X(INTERRUPTED, "interrupted", "Ctrl-C, or `rbk pause`")        \
    X(ABORTED, "aborted", "`rbk abort`, a signal or a criterion")  \
    X(CRASHED, "crashed", "the runner dies")                       \
    X(DOUBTED, "doubted", "a step is in doubt")                    \
    X(ROLLBACK_FAILED, "rollback_failed", "a rollback step fails") \
    X(UNDECIDED, "undecided", "nobody decides in time")
#define X(constant, word, text) RBK_EXPLORE_EXIT_##constant,
enum rbk_explore_exit_kind { RBK_EXPLORE_EXITS(X) RBK_EXPLORE_EXIT_COUNT };
#undef X

/** The exit's word, and what a person reads. */
const char *rbk_explore_exit_name(enum rbk_explore_exit_kind kind);
const char *rbk_explore_exit_text(enum rbk_explore_exit_kind kind);

/**
 * One row of the exit table. Sets of statuses have bit `1u << enum rbk_status`.
 */
struct rbk_explore_exit {
    uint32_t stage; /**< A region: a stage, the retire, or 0 for the plan itself. */
    enum rbk_explore_exit_kind kind; /**< How it ends. */
    enum rbk_phase phase;            /**< During which part of the stage's life. */
    uint32_t trigger;                /**< TRIGGER: its row; else RBK_NONE. */
    struct rbk_machine_place place;  /**< Of the first step of that part, or of the trigger. */
    uint32_t next;                   /**< Statuses the run has right after it. */
    uint32_t ends;   /**< COMPLETED, ABORTED, CANCELLED, STUCK, HELD, PAUSED: what can follow from
                          there by drivers and time alone; HELD and PAUSED are left by time, too. */
    bool rolls_back; /**< The stage is told to roll back. */
    bool all_roll_back;  /**< The run turns round. */
    bool asks;           /**< A question is open right after it, or the run is held or paused. */
    struct rbk_str what; /**< What happens next, in one sentence. */
    uint64_t worst_ms; /**< Until it is rolled back; 0. For the caller to fill in: exit_times.h. */
};

/** What was found. Everything in it lives in the arena given to rbk_explore(). */
struct rbk_explore_result {
    bool complete;       /**< Every state was explored; else a limit was reached. */
    uint64_t states;     /**< Distinct states; of all turns, where things were explored apart. */
    uint64_t edges;      /**< Steps taken. */
    uint64_t frontier;   /**< Not complete: states seen and not explored. */
    size_t bytes;        /**< Memory taken. */
    uint64_t states_max; /**< The limits that held. */
    size_t bytes_max;
    struct rbk_explore_violation *violations; /**< Shortest story first. */
    uint32_t violation_count;                 /**< At most RBK_EXPLORE_VIOLATIONS_MAX. */
    uint64_t violations_seen;                 /**< All of them. */
    struct rbk_explore_exit *exits;           /**< By stage, then phase, then kind. */
    uint32_t exit_count;
};

/**
 * Explore a machine.
 * @arena    Owns what @ret_result points at. What the exploration itself needs is taken from the
 *           system and given back.
 * @machine  Checked (rbk_machine_check()), or fresh from rbk_compile_lower().
 * @options  NULL: the defaults.
 * @return   0 with @ret_result set, also when a property is broken or a limit was reached;
 *           -RBK_ENOMEM when the system has no memory left.
 */
RBK_MUST_USE int rbk_explore(struct rbk_arena *arena, const struct rbk_machine *machine,
                             const struct rbk_explore_options *options,
                             struct rbk_explore_result *ret_result);

#endif
