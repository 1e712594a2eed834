/*
 * Who can answer a question, as far as the text tells: the people its roles name, and how many of
 * them it takes. The same arithmetic as at run time (core/seat.h), on the tree.
 */
#ifndef RBK_COMPILER_SEATS_H
#define RBK_COMPILER_SEATS_H

#include "compiler/analysis.h"
#include "runtime/core/seat.h"

/** The people of a question. Texts are the tree's. */
struct rbk_seats {
    struct rbk_seat_demand demands[RBK_QUESTION_ROLES_MAX]; /**< One for each role. */
    uint32_t demand_count;
    struct rbk_str people[RBK_QUESTION_SEATS_MAX]; /**< Each once, in the order named. */
    uint32_t people_count;
    bool open; /**< A role names nobody: there is one seat more, for somebody. */
    bool four_eyes;
};

/**
 * Fill @ret_seats with the people that @roles name.
 * @return false when the text does not tell: a role that does not exist, a name with a value in it,
 *         too many people.
 */
bool rbk_seats_of(const struct rbk_tree_name *roles, bool four_eyes, struct rbk_seats *ret_seats);

/** All seats, as bits. */
uint32_t rbk_seats_all(const struct rbk_seats *seats);

/** Report what nobody could ever answer: `0 of`, more people than a role names, people whom nothing
 * tells apart (RBK130), too many of them (RBK170). For resolved names. */
void rbk_seats_check(struct rbk_analysis *analysis, const struct rbk_tree_name *roles,
                     bool four_eyes);

/** A doubt is resolved by one person, who looked: report a number in `in doubt ask 2 of dba`. */
void rbk_seats_check_doubt(struct rbk_analysis *analysis, const struct rbk_tree_reaction *reaction);

#endif
