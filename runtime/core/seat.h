#ifndef RBK_RUNTIME_CORE_SEAT_H
#define RBK_RUNTIME_CORE_SEAT_H

/*
 * The seats of a question: who fills which bits of its `approvals`, and when they are enough. Pure,
 * and all there is to say about it: gates, manual steps and triggers decide with it, the inbox and
 * the views ask it, the compiler proves with it.
 *
 * A question that wants one person of each role has a seat for each role: bit i is role i. One that
 * has to tell people apart (`2 of dba`, `four eyes`) has a seat for each *person*: the different
 * members of its roles in the order in which they are first named, and behind them one for somebody
 * whom no role names, where one of the roles has no members. So a state says who has agreed without
 * holding a text, and the same person twice is the same bit.
 *
 * Under `four eyes` no person counts for two roles: there must be a different one for each place
 * that is asked for.
 */

#include "runtime/core/machine.h"

/* What one role wants: so many different seats of these. */
struct rbk_seat_demand {
    uint32_t seats;  /* bits */
    uint32_t quorum; /* at least 1 */
};

/* How many more seats have to be filled before every demand is met; 0: it is enough. At most 32
 * demands. With `four_eyes` a seat counts for one demand alone. */
uint32_t rbk_seats_missing(const struct rbk_seat_demand *demands, uint32_t demand_count,
                           bool four_eyes, uint32_t filled);

/* Whether a question tells people apart: its seats are persons then, else roles. */
bool rbk_question_personal(const struct rbk_machine *machine, uint32_t question);
/* Whether nobody counts who started or resumed the run. */
bool rbk_question_four_eyes(const struct rbk_machine *machine, uint32_t question);

/* How many seats a question has: at most 32 in a machine that was checked. RBK_NONE (a doubt the
 * plan has no words for) and a question without roles have one, for anybody. */
uint32_t rbk_question_seat_count(const struct rbk_machine *machine, uint32_t question);

/* The seats that this person fills by answering; 0: it is not asked. */
uint32_t rbk_question_seats(const struct rbk_machine *machine, uint32_t question,
                            struct rbk_str user);

/*
 * The same for a person who speaks only for some roles (a token is bound to them). Where people are
 * told apart, all asked roles that list the person must be among them: a seat counts for each.
 * @roles  Names; NULL: no limit.
 */
uint32_t rbk_question_seats_of(const struct rbk_machine *machine, uint32_t question,
                               struct rbk_str user, const struct rbk_str *roles, size_t role_count);

/* How many more answers it needs when these seats are filled; 0: it is enough. */
uint32_t rbk_question_missing(const struct rbk_machine *machine, uint32_t question,
                              uint32_t filled);

/* How many different people of role i of the question have to agree. */
uint32_t rbk_question_quorum(const struct rbk_machine *machine, uint32_t question, uint32_t role);

/* Who a seat stands for: a person, or where the question does not tell people apart a role; empty:
 * somebody. Text of the machine. */
struct rbk_str rbk_question_seat_name(const struct rbk_machine *machine, uint32_t question,
                                      uint32_t seat);

/* The seats that count for role i of the question. */
uint32_t rbk_question_role_seats(const struct rbk_machine *machine, uint32_t question,
                                 uint32_t role);

#endif
