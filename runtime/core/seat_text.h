#ifndef RBK_RUNTIME_CORE_SEAT_TEXT_H
#define RBK_RUNTIME_CORE_SEAT_TEXT_H

/*
 * Words for the seats of a question, the same in a refusal, in `rbk status` and in a review.
 * Text is appended as the machine has it; whoever prints it sanitizes it.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/seat.h"

/* Append one role as a plan spells it: "dba", "2 of dba". */
void rbk_seat_role_text(const struct rbk_machine *machine, uint32_t question, uint32_t role,
                        struct rbk_buffer *out);

/*
 * Append who can still bring a question further: "1 more of dba (dirk, doris), lead (ines)".
 * @filled    Seats that have agreed.
 * @excluded  Seats that do not count: who started the run, under `four eyes`.
 */
void rbk_seats_wanted_text(const struct rbk_machine *machine, uint32_t question, uint32_t filled,
                           uint32_t excluded, struct rbk_buffer *out);

/* Append the names of these seats: "dana, dirk"; "somebody" for the one that has none. */
void rbk_seats_names_text(const struct rbk_machine *machine, uint32_t question, uint32_t seats,
                          struct rbk_buffer *out);

/* The words a question takes, for a person: "yes or no". */
const char *rbk_question_answers_text(enum rbk_question_kind kind);

#endif
