#ifndef RBK_RUNTIME_CORE_HOURS_H
#define RBK_RUNTIME_CORE_HOURS_H

/*
 * When stages may begin by the clock: `window` and `not before`. Pure: the tables of zones are
 * given as data, and the time with each question.
 *
 * A stage may begin when the clocks of its zone have come to its `not before`, its window, or the
 * plan's, is open, and in what is left of that it can be done and undone at worst. That is the
 * figure of RBK113 (worst.h), with the parameters of the run, and not the sum of its limits: steps
 * in a block without `within`, gates and stopping count, too.
 *
 *   - What fits into a whole window by RBK113 begins with it: a stage that begins at most
 *     RBK_HOURS_LATE_MS after its window opened counts as begun when it opened.
 *   - A stage that does not fit into a whole one has `allow RBK113`: it keeps to its window, and
 * not to what is left of it. One without is shorter than the machine's figures say (worst_walk.h),
 *     and takes the whole window.
 *   - Where the parameters of the run alone make it too long it never begins: such a run is not to
 *     be begun.
 */

#include "runtime/core/step.h"
#include "runtime/core/zone.h"

/** How late a runner may look at an opening: it looks once a second, and may stand in a commit. */
#define RBK_HOURS_LATE_MS 5000u

/** What keeps a stage from beginning. */
enum rbk_hours_wait {
    RBK_HOURS_COME,       /**< Nothing of this. */
    RBK_HOURS_NOT_BEFORE, /**< The clock has not come to its `not before`. */
    RBK_HOURS_CLOSED,     /**< Its window is closed. */
    RBK_HOURS_TOO_LITTLE, /**< It is open, but the stage does not fit into what is left of it. */
    RBK_HOURS_ZONE,       /**< Its zone is not known here. */
};

/** What the hours of one stage say at an instant. */
struct rbk_hours_answer {
    enum rbk_hours_wait wait;
    uint64_t until_ms; /**< From when on it may say otherwise; RBK_DAILY_NEVER: not by the clock. */
};

/** Of a machine; the caller's memory. */
struct rbk_hours {
    const struct rbk_machine *machine; /**< Borrowed. */
    const struct rbk_zone **windows;   /**< Owned, by row of daily_windows; the zones are borrowed,
                                          and filled in by the caller. NULL: not known here. */
    const struct rbk_zone **regions; /**< Owned, by region: the zone of its `not before`; likewise;
                                        NULL where it has none, too. */
    uint64_t *needs_ms; /**< Owned, by region: what has to be left of a STAGE's window. */
    uint32_t never;     /**< The first stage that by the parameters of this run fits into no window,
                           though by their defaults it would, or they say nothing; RBK_NONE:
                           none. */
    uint64_t never_ms;  /**< What that one takes. */
    bool any;           /**< Any stage keeps hours. */
    struct rbk_hours_answer *kept; /**< Owned, by region: as last asked, … */
    uint64_t *kept_ms;             /**< … and when; 0: not yet. */
};

/**
 * Work out what each stage needs. No zone is known yet.
 * @params  Of the run, as many as the machine has; borrowed until this returns. NULL: their
 * defaults.
 * @return  0, or -RBK_ENOMEM with nothing held.
 */
RBK_MUST_USE int rbk_hours_init(struct rbk_hours *hours, const struct rbk_machine *machine,
                                const struct rbk_value *params);
void rbk_hours_fini(struct rbk_hours *hours);

/** The window that a stage keeps to, its own or the plan's: a row of daily_windows; RBK_NONE: none.
 */
uint32_t rbk_hours_window(const struct rbk_machine *machine, uint32_t region);

/** What they say of a STAGE. */
struct rbk_hours_answer rbk_hours_ask(struct rbk_hours *hours, uint32_t region, uint64_t now_ms);

/** Whether a state has it that a stage may begin whose hours are over, or have not come: a new
 * runner says so with RESUMED. */
bool rbk_hours_are_over(struct rbk_hours *hours, const struct rbk_state *state, uint64_t now_ms);

/**
 * The next stage of which a state has it otherwise.
 * @region     In: where to look from, 0 at first. Out: where to go on.
 * @ret_event  The WINDOW event that tells the state; its now_ms is 0.
 * @return     false: there is none, and ret_event is untouched.
 */
bool rbk_hours_next(struct rbk_hours *hours, const struct rbk_state *state, uint64_t now_ms,
                    uint32_t *region, struct rbk_event *ret_event);

#endif
