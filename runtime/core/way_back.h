#ifndef RBK_RUNTIME_CORE_WAY_BACK_H
#define RBK_RUNTIME_CORE_WAY_BACK_H

/*
 * The way back of a stage that stands applied (language, principle 8): what its strategies'
 * conditions said last, and what that comes to. Pure; the executor reads the conditions.
 *
 *   open     the first strategy could run: it has no condition, or its condition holds
 *   closing  another one could, or nobody knows for the moment
 *   closed   none could: every condition does not hold, or has not answered twice in a row
 */

#include "runtime/core/state.h"

/* A condition that gave no answer so often in a row counts as one that does not hold. */
#define RBK_WAY_UNANSWERED_MAX 2u

/* What is known of one strategy. */
struct rbk_way {
    enum rbk_level level; /* TRUE: open, FALSE: closed, MISSING: not read, or it gave no answer */
    uint32_t unanswered;  /* looks in a row that gave no answer */
    bool read;            /* looked at since the stage came to stand applied */
};

/* How often the condition of a strategy is read for which the plan does not say it. */
#define RBK_WAY_EVERY_MS 60000u

/* How often the condition of a strategy is read, in milliseconds: as the plan says, else every
 * minute. 0: it has none. */
uint64_t rbk_way_every_ms(const struct rbk_strategy *strategy);

/* A look at the condition of one strategy: what it said, MISSING when it gave no answer. */
void rbk_way_feed(struct rbk_way *way, enum rbk_level level);

/* How a region keeps what EVENT_WAY_BACK says of it, among RBK_FLAGS_WAY; and what was said of one
 * that keeps these. LEVEL_COUNT: nothing yet. */
uint32_t rbk_way_back_flags(enum rbk_level level);
enum rbk_level rbk_way_back_of_flags(uint32_t flags);

/*
 * What the ways of a stage come to, as EVENT_WAY_BACK has it: TRUE open, MISSING closing, FALSE
 * closed.
 * @ways      Of its strategies, in their order.
 * @was_open  It was open or closing until now: neither closed nor unread.
 * @return false while that cannot be said: a condition has not been read yet; or none is known to
 *         hold, one gave no answer, and nothing was open before. The next look decides then: no
 *         data opens nothing, and closes nothing at once.
 */
bool rbk_way_back_level(const struct rbk_machine *machine, uint32_t region,
                        const struct rbk_way *ways, bool was_open, enum rbk_level *ret_level);

/* Whether one is known to be open. One that was not read yet is not, and keeps other stages from
 * starting; of a stage that does not stand applied nothing is closed. */
bool rbk_way_back_open(const struct rbk_region_state *region);

/* The word for a person: of a stage's way back, "open", "closing", "closed"; "unread" before the
 * first look. Only for a stage that stands applied. */
const char *rbk_way_back_word(const struct rbk_region_state *region);
/* The same for one strategy: "open", "closed", "unknown". */
const char *rbk_way_word(enum rbk_level level);

#endif
