/*
 * What is said of seats.
 */
#include "runtime/core/seat_text.h"

static const struct rbk_role *role_at(const struct rbk_machine *machine, uint32_t question,
                                      uint32_t role)
{
    return &machine->roles[machine->indexes[machine->questions[question].roles.first + role]];
}

void rbk_seat_role_text(const struct rbk_machine *machine, uint32_t question, uint32_t role,
                        struct rbk_buffer *out)
{
    uint32_t quorum = rbk_question_quorum(machine, question, role);

    if (quorum > 1) {
        rbk_buffer_printf(out, "%u of ", quorum);
    }
    rbk_buffer_append_str(out, role_at(machine, question, role)->name);
}

void rbk_seats_names_text(const struct rbk_machine *machine, uint32_t question, uint32_t seats,
                          struct rbk_buffer *out)
{
    const char *between = "";

    for (uint32_t seat = 0; seat < 32; seat++) {
        if (seats >> seat & 1u) {
            struct rbk_str name = rbk_question_seat_name(machine, question, seat);
            rbk_buffer_append_text(out, between);
            rbk_buffer_append_str(out, name.bytes != 0 ? name : RBK_STR("somebody"));
            between = ", ";
        }
    }
}

/* Whether a member of a role sits in one of these seats. */
static bool sits(const struct rbk_machine *machine, uint32_t question, uint32_t seats,
                 struct rbk_str member)
{
    for (uint32_t seat = 0; seat < 32; seat++) {
        if ((seats >> seat & 1u) &&
            rbk_str_equal(rbk_question_seat_name(machine, question, seat), member)) {
            return true;
        }
    }
    return false;
}

/* Whether the member is listed twice, and this is not the first time. */
static bool named_before(const struct rbk_machine *machine, const struct rbk_role *role,
                         uint32_t member)
{
    const struct rbk_str *names = &machine->texts[role->members.first];

    for (uint32_t i = 0; i < member; i++) {
        if (rbk_str_equal(names[i], names[member])) {
            return true;
        }
    }
    return false;
}

/* " (dirk, doris)": the members of a role who have not agreed and may. */
static void append_members(const struct rbk_machine *machine, uint32_t question,
                           const struct rbk_role *role, uint32_t without, struct rbk_buffer *out)
{
    bool personal = rbk_question_personal(machine, question);
    bool any = false;

    for (uint32_t i = 0; i < role->members.count; i++) {
        struct rbk_str member = machine->texts[role->members.first + i];
        if (named_before(machine, role, i)) {
            continue;
        }
        if (!personal || !sits(machine, question, without, member)) {
            rbk_buffer_append_text(out, any ? ", " : " (");
            rbk_buffer_append_str(out, member);
            any = true;
        }
    }
    rbk_buffer_append_text(out, any                        ? ")"
                                : role->members.count == 0 ? " (anybody)"
                                                           : " (nobody is left)");
}

void rbk_seats_wanted_text(const struct rbk_machine *machine, uint32_t question, uint32_t filled,
                           uint32_t excluded, struct rbk_buffer *out)
{
    uint32_t count = question == RBK_NONE ? 0 : machine->questions[question].roles.count;
    const char *between = "";

    if (count == 0) {
        rbk_buffer_append_text(out, "anybody");
    }
    for (uint32_t i = 0; i < count && i < 32; i++) {
        const struct rbk_role *role = role_at(machine, question, i);
        uint32_t have = filled & rbk_question_role_seats(machine, question, i);
        uint32_t quorum = rbk_question_quorum(machine, question, i);
        uint32_t agreed = (uint32_t)__builtin_popcount(have);
        /* Under four eyes who agreed may be needed for another role: each is listed. */
        if (agreed >= quorum && !rbk_question_four_eyes(machine, question)) {
            continue;
        }
        rbk_buffer_append_text(out, between);
        if (agreed > 0 && agreed < quorum) {
            rbk_buffer_printf(out, "%u more of %.*s", quorum - agreed, RBK_STR_ARG(role->name));
        } else {
            rbk_seat_role_text(machine, question, i, out);
        }
        append_members(machine, question, role, filled | excluded, out);
        between = ", ";
    }
}

const char *rbk_question_answers_text(enum rbk_question_kind kind)
{
    switch (kind) {
    case RBK_QUESTION_MANUAL:
    case RBK_QUESTION_DOUBT:
        return "done or not-done";
    case RBK_QUESTION_HELD:
        return "continue, abort, cancel or ignore";
    case RBK_QUESTION_DECIDE:
        return "abort, pause, ignore or, of a stage's trigger, rollback";
    case RBK_QUESTION_APPROVE:
    case RBK_QUESTION_ATTEST:
    case RBK_QUESTION_ASK:
    case RBK_QUESTION_KIND_COUNT:
        break;
    }
    return "yes or no";
}
