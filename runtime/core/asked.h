#ifndef RBK_RUNTIME_CORE_ASKED_H
#define RBK_RUNTIME_CORE_ASKED_H

/*
 * The questions of a run that are open: of its stages, of its triggers, and the one about a run
 * that is held or paused for too long. Pure, of machine and state; who takes answers, who shows
 * questions and who writes about them ask here.
 */

#include "runtime/core/step.h"

/* A question that is open. */
struct rbk_asked {
    enum rbk_question_owner owner;
    enum rbk_question_kind kind;
    uint32_t index;     /* region or trigger; of the run: 0 */
    uint32_t question;  /* row of machine->questions; RBK_NONE: the default doubt question */
    uint32_t serial;    /* which asking of it: no other question of the run ever has this one */
    uint32_t approvals; /* the seats that have agreed (seat.h) */
    uint32_t proposed;  /* what to do, of several people: the answer of those, plus 1; 0: none */
    uint64_t due_ms;    /* silence counts from then on; 0: no end */
};

/* What one owner asks. Any index will do, also one that the machine does not have.
 * @return false: nothing; ret_asked is untouched. */
bool rbk_asked_by(const struct rbk_machine *machine, const struct rbk_state *state,
                  enum rbk_question_owner owner, uint32_t index, struct rbk_asked *ret_asked);

/* The next question that is open: those of regions, of triggers, of the run.
 * @at      0 for the first one; moves on.
 * @return  false: there are no more. */
bool rbk_asked_next(const struct rbk_machine *machine, const struct rbk_state *state, uint32_t *at,
                    struct rbk_asked *ret_asked);

#endif
