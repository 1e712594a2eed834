/*
 * Seats: who fills which bits of a question's approvals, and when they are enough. The arithmetic
 * is held against counting every way to seat people; step() against the promises of a quorum and of
 * four eyes.
 */
#include "tests/unit/core/step/run.h"

#include "runtime/core/seat_text.h"

#include <check.h>

/* ---- the arithmetic ---- */

/* The most places of `rest` (demand by demand) that different people can take. */
static uint32_t most_seated(const struct rbk_seat_demand *demands, uint32_t count, uint32_t taken,
                            uint32_t people)
{
    uint32_t most = 0;
    if (count == 0) {
        return 0;
    }
    if (taken == demands->quorum) {
        return most_seated(demands + 1, count - 1, 0, people);
    }
    most = most_seated(demands + 1, count - 1, 0, people); /* leave its other places empty */
    for (uint32_t seat = 0; seat < 8; seat++) {
        uint32_t bit = UINT32_C(1) << seat;
        if (people & demands->seats & bit) {
            uint32_t with = 1 + most_seated(demands, count, taken + 1, people & ~bit);
            most = with > most ? with : most;
        }
    }
    return most;
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

START_TEST(different_people_are_counted_as_if_every_seating_were_tried)
{
    uint32_t seed = (uint32_t)_i + 1;
    for (int round = 0; round < 200; round++) {
        struct rbk_seat_demand demands[3];
        uint32_t count = 1 + draw(&seed, 3), places = 0;
        for (uint32_t i = 0; i < count; i++) {
            demands[i] = (struct rbk_seat_demand){draw(&seed, 64), 1 + draw(&seed, 2)};
            places += demands[i].quorum;
        }
        uint32_t filled = draw(&seed, 64);
        ck_assert_uint_eq(rbk_seats_missing(demands, count, true, filled),
                          places - most_seated(demands, count, 0, filled));
    }
}
END_TEST

START_TEST(who_brings_it_no_further_now_never_does)
{
    /* rbk_step_approve() refuses such an answer: it must not be missing later. */
    uint32_t seed = (uint32_t)_i + 77;
    for (int round = 0; round < 200; round++) {
        struct rbk_seat_demand demands[3];
        uint32_t count = 1 + draw(&seed, 3), filled = 0;
        bool four_eyes = draw(&seed, 2) == 0;
        for (uint32_t i = 0; i < count; i++) {
            demands[i] = (struct rbk_seat_demand){draw(&seed, 64), 1 + draw(&seed, 2)};
        }
        for (int answer = 0; answer < 12; answer++) {
            uint32_t with = filled | UINT32_C(1) << draw(&seed, 6);
            if (rbk_seats_missing(demands, count, four_eyes, with) <
                rbk_seats_missing(demands, count, four_eyes, filled)) {
                filled = with;
            }
        }
        for (uint32_t seat = 0; seat < 6; seat++) { /* whoever was not drawn */
            uint32_t with = filled | UINT32_C(1) << seat;
            if (rbk_seats_missing(demands, count, four_eyes, with) <
                rbk_seats_missing(demands, count, four_eyes, filled)) {
                filled = with;
            }
        }
        ck_assert_uint_eq(rbk_seats_missing(demands, count, four_eyes, filled),
                          rbk_seats_missing(demands, count, four_eyes, 63));
    }
}
END_TEST

/* ---- a gate ---- */

/* dba: dana, dirk, dora; lead: dana, ines; ops: anybody. The gate asks the first `roles` of them.
 */
static struct machine_builder *gated(uint32_t roles, uint32_t quorum, bool four_eyes)
{
    static const char *const dba[] = {"dana", "dirk", "dora", "dirk"};
    static const char *const lead[] = {"dana", "ines"};
    struct machine_builder *mb = mb_new();
    mb_role_of(mb, "dba", dba, 4);
    mb_role_of(mb, "lead", lead, 2);
    mb_role_of(mb, "ops", NULL, 0);
    uint32_t a = mb_stage(mb, "a");
    uint32_t reaction = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t gate = mb_step(mb, a, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    uint32_t question = mb_question(mb, RBK_QUESTION_APPROVE, roles, 30000, reaction);
    mb_quorum(mb, question, 0, quorum);
    if (four_eyes) {
        mb_four_eyes(mb, question);
    }
    mb_effect(mb, gate)->question = question;
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, a, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    return mb;
}

static enum rbk_refusal say(struct run *run, const char *who, enum rbk_answer answer, bool own)
{
    return run_post(
        run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                .owner = RBK_OWNER_REGION,
                                .index = 1,
                                .answer = answer,
                                .own = own,
                                .seats = rbk_question_seats(run->machine, 0, rbk_str_from(who))});
}

#define SAY(run, who, refusal) \
    ck_assert_int_eq(say((run), (who), RBK_ANSWER_YES, false), RBK_REFUSAL_##refusal)

START_TEST(a_quorum_wants_different_people)
{
    struct run run;
    run_start(&run, gated(1, 2, false));
    ck_assert(rbk_question_personal(run.machine, 0));
    ck_assert_uint_eq(rbk_question_seat_count(run.machine, 0), 3);
    SAY(&run, "ines", NOT_YOURS);
    SAY(&run, "dirk", ACCEPTED);
    ck_at(&run, 1, "a.approve.1 asking");
    SAY(&run, "dirk", NOT_NEEDED);
    ck_at(&run, 1, "a.approve.1 asking");
    SAY(&run, "dora", ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(one_person_counts_for_two_roles_without_four_eyes)
{
    struct run run;
    run_start(&run, gated(2, 2, false));
    SAY(&run, "dana", ACCEPTED); /* a dba, and the lead */
    SAY(&run, "ines", NOT_NEEDED);
    SAY(&run, "dora", ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(nobody_counts_for_two_roles_under_four_eyes)
{
    struct run run;
    run_start(&run, gated(2, 1, true));
    SAY(&run, "dana", ACCEPTED);
    ck_at(&run, 1, "a.approve.1 asking");
    SAY(&run, "dana", NOT_NEEDED);
    SAY(&run, "dirk", ACCEPTED); /* so dana is the lead */
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);

    run_start(&run, gated(2, 1, true));
    SAY(&run, "dirk", ACCEPTED);
    SAY(&run, "dora", NOT_NEEDED); /* one dba is enough */
    SAY(&run, "ines", ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(who_runs_it_does_not_count_under_four_eyes)
{
    struct run run;
    run_start(&run, gated(1, 1, true));
    ck_assert_int_eq(say(&run, "dana", RBK_ANSWER_YES, true), RBK_REFUSAL_OWN_RUN);
    ck_assert_int_eq(say(&run, "dana", RBK_ANSWER_NO, true), RBK_REFUSAL_OWN_RUN);
    ck_assert_int_eq(say(&run, "eve", RBK_ANSWER_YES, false), RBK_REFUSAL_NOT_YOURS);
    ck_at(&run, 1, "a.approve.1 asking");
    SAY(&run, "dora", ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);

    run_start(&run, gated(1, 1, false)); /* without the clause it does */
    ck_assert_int_eq(say(&run, "dana", RBK_ANSWER_YES, true), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(who_takes_the_run_over_has_agreed_for_nothing)
{
    struct run run;
    struct rbk_event third = {
        .kind = RBK_EVENT_ANSWER, .owner = RBK_OWNER_REGION, .index = 1, .answer = RBK_ANSWER_YES};
    run_start(&run, gated(1, 2, true));
    SAY(&run, "dana", ACCEPTED);
    third.barred = rbk_question_seats(run.machine, 0, RBK_STR("dana"));
    third.seats = rbk_question_seats(run.machine, 0, RBK_STR("dirk"));
    ck_assert_int_eq(run_post(&run, third), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.approve.1 asking");
    ck_assert_int_eq(run_post(&run, third), RBK_REFUSAL_NOT_NEEDED);
    third.seats = rbk_question_seats(run.machine, 0, RBK_STR("dora"));
    ck_assert_int_eq(run_post(&run, third), RBK_REFUSAL_ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_role_without_members_is_one_more_person_under_four_eyes)
{
    struct run run;
    run_start(&run, gated(3, 1, true));
    ck_assert_uint_eq(rbk_question_seat_count(run.machine, 0), 5);
    SAY(&run, "mallory", ACCEPTED);
    SAY(&run, "trudy", NOT_NEEDED); /* nobody tells the two apart */
    SAY(&run, "dana", ACCEPTED);
    SAY(&run, "dora", ACCEPTED);
    ck_at(&run, 1, "a.apply.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(one_no_is_enough_whoever_agreed_before)
{
    struct run run;
    run_start(&run, gated(1, 2, false));
    SAY(&run, "dana", ACCEPTED);
    ck_assert_int_eq(say(&run, "dana", RBK_ANSWER_NO, false), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(a_token_speaks_only_for_its_roles)
{
    static const struct rbk_str lead[] = {RBK_STR("lead")};
    static const struct rbk_str both[] = {RBK_STR("lead"), RBK_STR("dba")};
    struct run run;
    struct rbk_str dana = RBK_STR("dana"), ines = RBK_STR("ines");
    run_init(&run, gated(2, 1, false));
    ck_assert_uint_eq(rbk_question_seats_of(run.machine, 0, dana, NULL, 0), 3);
    ck_assert_uint_eq(rbk_question_seats_of(run.machine, 0, dana, lead, 1), 2);
    ck_assert_uint_eq(rbk_question_seats_of(run.machine, 0, ines, both, 2), 2);
    ck_assert_uint_eq(rbk_question_seats_of(run.machine, 0, dana, lead, 0), 0);
    run_fini(&run);
    /* A person's seat counts for each role that lists it: the token must speak for all. */
    run_init(&run, gated(2, 1, true));
    ck_assert_uint_eq(rbk_question_seats_of(run.machine, 0, dana, lead, 1), 0);
    ck_assert_uint_ne(rbk_question_seats_of(run.machine, 0, dana, both, 2), 0);
    ck_assert_uint_ne(rbk_question_seats_of(run.machine, 0, ines, lead, 1), 0);
    run_fini(&run);
}
END_TEST

START_TEST(who_is_still_wanted_is_said_by_name)
{
    struct run run;
    struct rbk_buffer text;
    rbk_buffer_init(&text, 4096);
    run_init(&run, gated(1, 2, false));
    rbk_seats_wanted_text(run.machine, 0, 0, 0, &text);
    ck_assert_str_eq(text.data, "2 of dba (dana, dirk, dora)");
    rbk_buffer_clear(&text);
    rbk_seats_wanted_text(run.machine, 0, 1, 4, &text);
    ck_assert_str_eq(text.data, "1 more of dba (dirk)");
    rbk_buffer_clear(&text);
    rbk_seats_names_text(run.machine, 0, 5, &text);
    ck_assert_str_eq(text.data, "dana, dora");
    run_fini(&run);
    rbk_buffer_clear(&text);
    run_init(&run, gated(3, 1, false));
    rbk_seats_wanted_text(run.machine, 0, 1, 0, &text);
    ck_assert_str_eq(text.data, "lead (dana, ines), ops (anybody)");
    run_fini(&run);
    rbk_buffer_fini(&text);
}
END_TEST

/* ---- a trigger that asks several what to do ---- */

static enum rbk_refusal choose(struct run *run, uint32_t seats, enum rbk_answer answer)
{
    return run_answer_trigger(run, 0, answer, seats);
}

START_TEST(several_people_must_want_the_same)
{
    struct run run;
    struct machine_builder *mb = gated(1, 1, false);
    uint32_t otherwise = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t question = mb_question(mb, RBK_QUESTION_DECIDE, 1, 30000, otherwise);
    mb_quorum(mb, question, 0, 2);
    uint32_t ask = mb_reaction(mb, RBK_REACTION_ASK, question);
    mb_trigger(mb, RBK_NONE, ask, RBK_NONE);
    run_start(&run, mb);
    SAY(&run, "dana", ACCEPTED);
    ck_assert_int_eq(run_trigger(&run, 0, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
    ck_assert_int_eq(choose(&run, 1, RBK_ANSWER_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_assert_int_eq(choose(&run, 1, RBK_ANSWER_ABORT), RBK_REFUSAL_NOT_NEEDED);
    ck_assert_int_eq(choose(&run, 2, RBK_ANSWER_PAUSE), RBK_REFUSAL_ACCEPTED); /* begins anew */
    ck_status(&run, "running");
    ck_assert_int_eq(choose(&run, 4, RBK_ANSWER_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    ck_assert_int_eq(choose(&run, 1, RBK_ANSWER_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_assert(run.state->turned);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seat");
    TCase *tcase = tcase_create("seat");
    tcase_add_loop_test(tcase, different_people_are_counted_as_if_every_seating_were_tried, 0, 8);
    tcase_add_loop_test(tcase, who_brings_it_no_further_now_never_does, 0, 8);
    tcase_add_test(tcase, a_quorum_wants_different_people);
    tcase_add_test(tcase, one_person_counts_for_two_roles_without_four_eyes);
    tcase_add_test(tcase, nobody_counts_for_two_roles_under_four_eyes);
    tcase_add_test(tcase, who_runs_it_does_not_count_under_four_eyes);
    tcase_add_test(tcase, who_takes_the_run_over_has_agreed_for_nothing);
    tcase_add_test(tcase, a_role_without_members_is_one_more_person_under_four_eyes);
    tcase_add_test(tcase, one_no_is_enough_whoever_agreed_before);
    tcase_add_test(tcase, a_token_speaks_only_for_its_roles);
    tcase_add_test(tcase, who_is_still_wanted_is_said_by_name);
    tcase_add_test(tcase, several_people_must_want_the_same);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
