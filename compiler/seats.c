/*
 * The people of a question, read off the members of its roles.
 */
#include "compiler/seats.h"

#include "compiler/parse.h"

#include <stdarg.h>
#include <stdio.h>

/* The members of a role as written; NULL: it names nobody. */
static const struct rbk_tree_expr *members_of(const struct rbk_tree_name *role)
{
    const struct rbk_tree_clause *clause =
        rbk_tree_clause_find(role->ref->statement, RBK_CLAUSE_MEMBERS);
    return clause ? clause->value : NULL;
}

static bool is_plain(const struct rbk_tree_expr *member)
{
    return member->kind == RBK_EXPR_STRING && !member->has_parts;
}

/* How many different people a role names, counted up to @enough. */
static uint32_t count_members(const struct rbk_tree_expr *members, uint32_t enough)
{
    uint32_t count = 0;
    for (const struct rbk_tree_expr *at = members; at && count < enough; at = at->next) {
        const struct rbk_tree_expr *before = members;
        while (before != at && !rbk_str_equal(before->text, at->text)) {
            before = before->next;
        }
        count += before == at ? 1 : 0;
    }
    return count;
}

/* The number of a person, who may be new; UINT32_MAX: one too many. */
static uint32_t person_number(struct rbk_seats *seats, struct rbk_str name)
{
    for (uint32_t i = 0; i < seats->people_count; i++) {
        if (rbk_str_equal(seats->people[i], name)) {
            return i;
        }
    }
    if (seats->people_count == RBK_QUESTION_SEATS_MAX) {
        return UINT32_MAX;
    }
    seats->people[seats->people_count] = name;
    return seats->people_count++;
}

uint32_t rbk_seats_all(const struct rbk_seats *seats)
{
    uint32_t count = seats->people_count + (seats->open ? 1 : 0);
    return count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

bool rbk_seats_of(const struct rbk_tree_name *roles, bool four_eyes, struct rbk_seats *ret_seats)
{
    *ret_seats = (struct rbk_seats){.four_eyes = four_eyes};
    for (const struct rbk_tree_name *role = roles; role; role = role->next) {
        if (!role->ref || !role->ref->statement ||
            ret_seats->demand_count == RBK_QUESTION_ROLES_MAX) {
            return false;
        }
        struct rbk_seat_demand *demand = &ret_seats->demands[ret_seats->demand_count++];
        demand->quorum = rbk_tree_quorum(role);
        const struct rbk_tree_expr *members = members_of(role);
        ret_seats->open = ret_seats->open || !members;
        for (const struct rbk_tree_expr *at = members; at; at = at->next) {
            uint32_t number = is_plain(at) ? person_number(ret_seats, at->text) : UINT32_MAX;
            if (number == UINT32_MAX) {
                return false;
            }
            demand->seats |= UINT32_C(1) << number;
        }
    }
    uint32_t i = 0;
    for (const struct rbk_tree_name *role = roles; role; role = role->next, i++) {
        if (!members_of(role)) { /* everybody speaks for it */
            ret_seats->demands[i].seats = rbk_seats_all(ret_seats);
        }
    }
    return ret_seats->people_count + (ret_seats->open ? 1 : 0) <= RBK_QUESTION_SEATS_MAX;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static struct rbk_diagnostic *report(struct rbk_analysis *analysis, unsigned rule,
                                     struct rbk_span span, const char *format, ...)
    RBK_PRINTF(4, 5);

static struct rbk_diagnostic *report(struct rbk_analysis *analysis, unsigned rule,
                                     struct rbk_span span, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return rbk_diagnostic_error(&analysis->compile->diagnostics, rule,
                                rbk_analysis_place(analysis, span), "%s", text);
}

/* All roles of a question, with their numbers. */
static struct rbk_span span_of(const struct rbk_tree_name *roles)
{
    struct rbk_span span = rbk_tree_seats_span(roles);
    for (const struct rbk_tree_name *role = roles; role; role = role->next) {
        span = rbk_span_join(span, role->span);
    }
    return span;
}

/* The number before one role. */
static void check_quorum(struct rbk_analysis *analysis, const struct rbk_tree_name *role)
{
    uint32_t quorum = rbk_tree_quorum(role);
    struct rbk_span span = rbk_tree_seats_span(role);
    struct rbk_str name = role->name->text;
    struct rbk_diagnostic *diagnostic;
    if (quorum == 0) {
        rbk_diagnostic_help(
            report(analysis, 130, span, "nobody of `%.*s` is asked", RBK_STR_ARG(name)),
            "Leave the number out to ask one person of the role.");
        return;
    }
    if (quorum == 1 || !role->ref || !role->ref->statement) {
        return;
    }
    const struct rbk_tree_expr *members = members_of(role);
    uint32_t count = count_members(members, quorum);
    if (!members) {
        diagnostic =
            report(analysis, 130, span, "%u different people of `%.*s`, which names nobody", quorum,
                   RBK_STR_ARG(name));
        rbk_diagnostic_help(diagnostic, "Who is another person can only be told of people with a "
                                        "name: give the role `members`.");
    } else if (count < quorum) {
        diagnostic = report(analysis, 130, span, "%u different people of `%.*s`, which has %u",
                            quorum, RBK_STR_ARG(name), count);
        rbk_diagnostic_help(diagnostic, "Nobody could ever give this: ask fewer, or add members.");
    } else {
        return;
    }
    rbk_diagnostic_label(diagnostic, rbk_declaration_place(role->ref), "the role");
}

/* Whether people have to be told apart at all. */
static bool is_personal(const struct rbk_tree_name *roles, bool four_eyes)
{
    bool personal = four_eyes;
    for (const struct rbk_tree_name *role = roles; role; role = role->next) {
        personal = personal || rbk_tree_quorum(role) > 1;
    }
    return personal;
}

/* Two roles that anybody speaks for cannot be told to be spoken for by two people. */
static bool check_open(struct rbk_analysis *analysis, const struct rbk_tree_name *roles)
{
    const struct rbk_tree_name *first = NULL;
    for (const struct rbk_tree_name *role = roles; role; role = role->next) {
        if (!role->ref || !role->ref->statement || members_of(role)) {
            continue;
        }
        if (first) {
            struct rbk_diagnostic *diagnostic =
                report(analysis, 130, role->span, "`four eyes` of two roles that name nobody");
            rbk_diagnostic_label(diagnostic, rbk_analysis_place(analysis, first->span),
                                 "the other one");
            rbk_diagnostic_help(diagnostic, "Whether two answers come from two people can only be "
                                            "told where people are named: give one `members`.");
            return false;
        }
        first = role;
    }
    return true;
}

void rbk_seats_check(struct rbk_analysis *analysis, const struct rbk_tree_name *roles,
                     bool four_eyes)
{
    uint32_t count = 0;
    bool whole = true;
    for (const struct rbk_tree_name *role = roles; role; role = role->next) {
        if (role->seats_start) {
            check_quorum(analysis, role);
        }
        whole = whole && role->ref && role->ref->statement && rbk_tree_quorum(role) > 0;
        count++;
    }
    if (count > RBK_QUESTION_ROLES_MAX) {
        report(analysis, 170, span_of(roles), "more than %u roles for one question",
               RBK_QUESTION_ROLES_MAX);
        return;
    }
    if (!roles || !whole || !is_personal(roles, four_eyes) ||
        (four_eyes && !check_open(analysis, roles))) {
        return;
    }
    struct rbk_seats seats;
    if (!rbk_seats_of(roles, four_eyes, &seats)) {
        for (const struct rbk_tree_name *role = roles; role; role = role->next) {
            for (const struct rbk_tree_expr *at = members_of(role); at; at = at->next) {
                if (!is_plain(at)) {
                    return; /* a member with a value in it is reported by who reads the members */
                }
            }
        }
        rbk_diagnostic_help(report(analysis, 170, span_of(roles),
                                   "more than %u people to tell apart in one question",
                                   RBK_QUESTION_SEATS_MAX),
                            "With `four eyes`, or a number of people, the roles of a question may "
                            "name %u of them.",
                            RBK_QUESTION_SEATS_MAX);
        return;
    }
    uint32_t missing =
        rbk_seats_missing(seats.demands, seats.demand_count, four_eyes, rbk_seats_all(&seats));
    if (four_eyes && missing > 0 &&
        rbk_seats_missing(seats.demands, seats.demand_count, false, rbk_seats_all(&seats)) == 0) {
        rbk_diagnostic_help(report(analysis, 130, span_of(roles),
                                   "`four eyes` wants a different person for each role, and %u %s "
                                   "missing",
                                   missing, missing == 1 ? "is" : "are"),
                            "Nobody counts for two roles: add members.");
    }
}

void rbk_seats_check_doubt(struct rbk_analysis *analysis, const struct rbk_tree_reaction *reaction)
{
    for (const struct rbk_tree_name *role = reaction ? reaction->roles : NULL; role;
         role = role->next) {
        if (rbk_tree_quorum(role) > 1) {
            rbk_diagnostic_help(report(analysis, 130, rbk_tree_seats_span(role),
                                       "a doubt is resolved by one person"),
                                "Somebody looks, and says what there is: leave the number out.");
        }
    }
}
