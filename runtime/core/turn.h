#ifndef RBK_RUNTIME_CORE_TURN_H
#define RBK_RUNTIME_CORE_TURN_H

/*
 * What comes first of what happens at once. Events that reach the runner in one turn of its loop
 * happened at the same time as far as anybody can tell: step() is given them in a fixed order, so
 * that what follows does not depend on which socket was read first (docs/language.md, "What comes
 * first").
 */

#include "runtime/core/step.h"

/* From the first to the last. X(constant, what it is) */
#define RBK_RANKS(X)                                                                       \
    X(LIFE, "the start of the run, a new runner")                                          \
    X(CLOSED, "a window that has closed: nothing of the turn begins a stage in it")        \
    X(SIGNAL, "a signal, in the order of the plan")                                        \
    X(CRITERION, "an abort criterion, in the order of the plan")                           \
    X(ABORT, "a trigger that aborts, in the order of the plan")                            \
    X(ABORT_COMMAND, "`rbk abort`")                                                        \
    X(ROLLBACK, "a trigger that rolls its stage back, in the order of the plan")           \
    X(GO_ON, "`rbk continue`, `rbk retry`: what pauses in the same turn is stronger")      \
    X(PAUSE, "a trigger that pauses, in the order of the plan")                            \
    X(ASK, "a trigger that asks, or wants approval: for abort, rollback, pause, then ask") \
    X(NOTIFY, "a trigger that notifies, in the order of the plan")                         \
    X(STOP_COMMAND, "`rbk pause`, `rbk cancel`, Ctrl-C, as they came")                     \
    X(FACT, "results, answers, windows, ways back, everything else, as they came")         \
    X(TIME, "deadlines; with what they set off, where that is a trigger's reaction or a criterion")
#define X(constant, meaning) RBK_RANK_##constant,
enum rbk_rank { RBK_RANKS(X) RBK_RANK_COUNT };
#undef X

/* How strong a trigger's reaction is: ABORT, ROLLBACK, PAUSE, ASK or NOTIFY; FACT for one that does
 * nothing at once (`hold`, `ignore`, RBK_NONE). `cancel` counts as ABORT. */
enum rbk_rank rbk_reaction_rank(const struct rbk_machine *machine, uint32_t reaction);

/* A number by which triggers whose hold or question is over at the same time are taken: the lowest
 * first. `trigger` is HOLDING or ASKING; `index` is its row. */
uint64_t rbk_trigger_due_number(const struct rbk_machine *machine,
                                const struct rbk_trigger_state *trigger, uint32_t index);

/* An event of a turn in its place. */
struct rbk_turn_item {
    uint64_t number; /* what it is ordered by */
    size_t index;    /* of the event, as it came */
};

/*
 * Order the events of a turn.
 * @events     In the order in which they came; not changed.
 * @ret_items  Room for `count` of them: the order in which step() is to have the events.
 * Events of one trigger keep their order, and so do commands but for aborts and signals: an earlier
 * one comes with the strongest later one.
 */
void rbk_turn_order(const struct rbk_machine *machine, const struct rbk_state *state,
                    const struct rbk_event *const *events, size_t count, uint64_t now_ms,
                    struct rbk_turn_item *ret_items);

#endif
