/*
 * Seats. The people of a personal question are numbered by walking its roles; that is done anew for
 * each call, since questions are few and small, and a machine holds no derived tables.
 *
 * Whether enough different people have agreed under `four eyes` is a matching: each place that is
 * asked for is given a person, and who is wanted elsewhere, too, is moved if somebody else can sit
 * there (Kuhn's augmenting paths). 32 seats and 32 places at most.
 */
#include "runtime/core/seat.h"

/* ---- what is enough ---------------------------------------------------------------------------
 */

#define PLACES_MAX 32u

/* Who sits where: seat -> place + 1, 0: nowhere. */
struct matching {
    const struct rbk_seat_demand *demands;
    uint32_t demand_of[PLACES_MAX];
    uint32_t place_of[32];
    uint32_t filled;
};

/* Find a seat for a place, moving others on. `tried` are seats that were asked in this search. */
static bool seat_place(struct matching *matching, uint32_t place, uint32_t *tried)
{
    uint32_t can = matching->demands[matching->demand_of[place]].seats & matching->filled;

    for (uint32_t seat = 0; seat < 32; seat++) {
        uint32_t bit = UINT32_C(1) << seat;
        if (!(can & bit) || (*tried & bit)) {
            continue;
        }
        *tried |= bit;
        if (matching->place_of[seat] == 0 ||
            seat_place(matching, matching->place_of[seat] - 1, tried)) {
            matching->place_of[seat] = place + 1;
            return true;
        }
    }
    return false;
}

static uint32_t missing_apart(const struct rbk_seat_demand *demands, uint32_t count,
                              uint32_t filled)
{
    struct matching matching = {.demands = demands, .filled = filled};
    uint32_t places = 0, missing = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < demands[i].quorum; k++) {
            uint32_t tried = 0;
            if (places == PLACES_MAX) {
                missing++; /* more places than there can be people */
                continue;
            }
            matching.demand_of[places] = i;
            missing += seat_place(&matching, places, &tried) ? 0 : 1;
            places++;
        }
    }
    return missing;
}

static uint32_t count_bits(uint32_t bits)
{
    return (uint32_t)__builtin_popcount(bits);
}

uint32_t rbk_seats_missing(const struct rbk_seat_demand *demands, uint32_t demand_count,
                           bool four_eyes, uint32_t filled)
{
    uint32_t missing = 0;

    if (four_eyes) {
        return missing_apart(demands, demand_count, filled);
    }
    for (uint32_t i = 0; i < demand_count; i++) {
        uint32_t have = count_bits(demands[i].seats & filled);
        missing += have < demands[i].quorum ? demands[i].quorum - have : 0;
    }
    return missing;
}

/* ---- whose seats ------------------------------------------------------------------------------
 */

static const struct rbk_question *question_at(const struct rbk_machine *machine, uint32_t question)
{
    return question == RBK_NONE ? NULL : &machine->questions[question];
}

/* At most 32 roles count: a machine with more is refused. */
static uint32_t role_count(const struct rbk_question *question)
{
    uint32_t count = question == NULL ? 0 : question->roles.count;
    return count < 32 ? count : 32;
}

static const struct rbk_role *role_at(const struct rbk_machine *machine,
                                      const struct rbk_question *question, uint32_t role)
{
    return &machine->roles[machine->indexes[question->roles.first + role]];
}

static uint32_t quorum_at(const struct rbk_machine *machine, const struct rbk_question *question,
                          uint32_t role)
{
    return machine->indexes[question->quorums.first + role];
}

static bool is_personal(const struct rbk_machine *machine, const struct rbk_question *question)
{
    bool personal = question != NULL && question->four_eyes;

    for (uint32_t i = 0; i < role_count(question) && !personal; i++) {
        personal = quorum_at(machine, question, i) > 1;
    }
    return personal && role_count(question) != 0;
}

/* The people of a question by number, role after role, each once. */
struct people {
    const struct rbk_machine *machine;
    const struct rbk_question *question;
    uint32_t role, member; /* the next to be looked at */
    uint32_t count;        /* numbers given */
    bool open;             /* a role without members was met */
};

/* Whether the member was named before: in an earlier role, or earlier in this one. */
static bool named_before(const struct people *people, uint32_t role, uint32_t member,
                         struct rbk_str name)
{
    for (uint32_t i = 0; i <= role; i++) {
        struct rbk_slice members = role_at(people->machine, people->question, i)->members;
        uint32_t end = i < role ? members.count : member;
        for (uint32_t k = 0; k < end; k++) {
            if (rbk_str_equal(people->machine->texts[members.first + k], name)) {
                return true;
            }
        }
    }
    return false;
}

/* The next person; false: all were met. */
static bool next_person(struct people *people, struct rbk_str *ret_name)
{
    while (people->role < role_count(people->question)) {
        struct rbk_slice members =
            role_at(people->machine, people->question, people->role)->members;
        people->open = people->open || members.count == 0;
        while (people->member < members.count) {
            uint32_t member = people->member++;
            *ret_name = people->machine->texts[members.first + member];
            if (!named_before(people, people->role, member, *ret_name)) {
                people->count++;
                return true;
            }
        }
        people->role++;
        people->member = 0;
    }
    return false;
}

static bool is_member(const struct rbk_machine *machine, const struct rbk_role *role,
                      struct rbk_str user)
{
    for (uint32_t i = 0; i < role->members.count; i++) {
        if (rbk_str_equal(machine->texts[role->members.first + i], user)) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct rbk_str *roles, size_t count, struct rbk_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (rbk_str_equal(roles[i], name)) {
            return true;
        }
    }
    return roles == NULL;
}

/* The seat of a person; that of somebody where no role names it and one names nobody. */
static uint32_t person_seat(const struct rbk_machine *machine, const struct rbk_question *question,
                            struct rbk_str user)
{
    struct people people = {.machine = machine, .question = question};
    struct rbk_str name;

    while (next_person(&people, &name)) {
        if (rbk_str_equal(name, user)) {
            return people.count <= 32 ? UINT32_C(1) << (people.count - 1) : 0;
        }
    }
    return people.open && people.count < 32 ? UINT32_C(1) << people.count : 0;
}

static uint32_t bits_up_to(uint32_t count)
{
    return count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

/* ---- questions --------------------------------------------------------------------------------
 */

bool rbk_question_personal(const struct rbk_machine *machine, uint32_t question)
{
    return is_personal(machine, question_at(machine, question));
}

bool rbk_question_four_eyes(const struct rbk_machine *machine, uint32_t question)
{
    const struct rbk_question *row = question_at(machine, question);
    return row != NULL && row->four_eyes;
}

uint32_t rbk_question_seat_count(const struct rbk_machine *machine, uint32_t question)
{
    const struct rbk_question *row = question_at(machine, question);
    struct people people = {.machine = machine, .question = row};
    struct rbk_str name;

    if (!is_personal(machine, row)) {
        uint32_t count = role_count(row);
        return count == 0 ? 1 : count;
    }
    while (next_person(&people, &name)) {
    }
    return people.count + (people.open ? 1 : 0);
}

uint32_t rbk_question_seats_of(const struct rbk_machine *machine, uint32_t question,
                               struct rbk_str user, const struct rbk_str *roles, size_t limit_count)
{
    const struct rbk_question *row = question_at(machine, question);
    bool personal = is_personal(machine, row);
    uint32_t spoken = 0, asked = 0;

    if (role_count(row) == 0) {
        return 1;
    }
    for (uint32_t i = 0; i < role_count(row); i++) {
        const struct rbk_role *role = role_at(machine, row, i);
        bool speaks = role->members.count == 0 || is_member(machine, role, user);
        asked |= speaks ? UINT32_C(1) << i : 0;
        spoken |= speaks && is_listed(roles, limit_count, role->name) ? UINT32_C(1) << i : 0;
    }
    if (!personal) {
        return spoken;
    }
    return asked == spoken && asked != 0 ? person_seat(machine, row, user) : 0;
}

uint32_t rbk_question_seats(const struct rbk_machine *machine, uint32_t question,
                            struct rbk_str user)
{
    return rbk_question_seats_of(machine, question, user, NULL, 0);
}

uint32_t rbk_question_role_seats(const struct rbk_machine *machine, uint32_t question,
                                 uint32_t role)
{
    const struct rbk_question *row = question_at(machine, question);
    const struct rbk_role *of;
    uint32_t seats = 0;

    if (role >= role_count(row)) {
        return 1;
    }
    if (!is_personal(machine, row)) {
        return UINT32_C(1) << role;
    }
    of = role_at(machine, row, role);
    if (of->members.count == 0) { /* everybody speaks for it */
        return bits_up_to(rbk_question_seat_count(machine, question));
    }
    for (uint32_t i = 0; i < of->members.count; i++) {
        seats |= person_seat(machine, row, machine->texts[of->members.first + i]);
    }
    return seats;
}

uint32_t rbk_question_quorum(const struct rbk_machine *machine, uint32_t question, uint32_t role)
{
    const struct rbk_question *row = question_at(machine, question);
    return role < role_count(row) ? quorum_at(machine, row, role) : 1;
}

uint32_t rbk_question_missing(const struct rbk_machine *machine, uint32_t question, uint32_t filled)
{
    struct rbk_seat_demand demands[32];
    uint32_t count = role_count(question_at(machine, question));

    demands[0] = (struct rbk_seat_demand){1, 1};
    for (uint32_t i = 0; i < count; i++) {
        demands[i] = (struct rbk_seat_demand){rbk_question_role_seats(machine, question, i),
                                              rbk_question_quorum(machine, question, i)};
    }
    return rbk_seats_missing(demands, count == 0 ? 1 : count,
                             rbk_question_four_eyes(machine, question), filled);
}

struct rbk_str rbk_question_seat_name(const struct rbk_machine *machine, uint32_t question,
                                      uint32_t seat)
{
    const struct rbk_question *row = question_at(machine, question);
    struct people people = {.machine = machine, .question = row};
    struct rbk_str name;

    if (!is_personal(machine, row)) {
        return seat < role_count(row) ? role_at(machine, row, seat)->name : RBK_STR("");
    }
    while (next_person(&people, &name)) {
        if (people.count == seat + 1) {
            return name;
        }
    }
    return RBK_STR("");
}
