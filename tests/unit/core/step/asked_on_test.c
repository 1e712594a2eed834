/*
 * Whom silence asks next: about an effect in doubt (`in doubt ask R within D else ask S …`), and
 * about a run that is held or paused for too long (`held at most D else ask R …`). What those may
 * answer, what their silence comes to, and what closes the question before anybody has answered.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

#define FIRST_MS 5000u
#define SECOND_MS 3000u

/* Two questions of this kind, the second to others, and what follows on their silence; gives the
 * first. */
static uint32_t chain(struct machine_builder *mb, enum rbk_question_kind kind,
                      enum rbk_reaction_kind end)
{
    uint32_t last = mb_question(mb, kind, 0, SECOND_MS, mb_reaction(mb, end, RBK_NONE));
    return mb_question(mb, kind, 0, FIRST_MS, mb_reaction(mb, RBK_REACTION_ASK, last));
}

/* ---- doubt ----------------------------------------------------------------------------------- */

/* A stage whose effects, forward and back, ask two roles when they are in doubt. */
static struct machine_builder *doubtful(enum rbk_reaction_kind end)
{
    struct machine_builder *mb = mb_new();
    uint32_t question = chain(mb, RBK_QUESTION_DOUBT, end);
    uint32_t a = mb_stage(mb, "a");
    for (int back = 0; back < 2; back++) {
        if (back) {
            mb_strategy(mb, a, false, 0);
        }
        uint32_t step =
            mb_step(mb, a, back ? RBK_PHASE_ROLLBACK : RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
        mb_effect(mb, step)->crash = RBK_CRASH_ASK;
        mb_effect(mb, step)->doubt_question = question;
    }
    return mb;
}

static const struct rbk_region_state *stage_a(const struct run *run)
{
    return rbk_state_region(run->machine, run->state, 1);
}

/* The times at which questions about an effect are due that is in doubt now. */
static void ck_asks(struct run *run, const char *at, uint64_t within_ms)
{
    ck_at(run, 1, at);
    ck_assert_uint_eq(stage_a(run)->due_ms, run->now_ms + within_ms);
    ck_assert_uint_eq(
        run->machine->questions[rbk_region_question(run->machine, run->state, 1)].within_ms,
        within_ms);
}

START_TEST(silence_about_a_doubt_asks_others)
{
    struct run run;
    run_start(&run, doubtful(RBK_REACTION_ABORT));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_asks(&run, "a.apply.1 doubt", FIRST_MS);
    uint32_t serial = stage_a(&run)->serial;
    run_due(&run);
    ck_asks(&run, "a.apply.1 doubt", SECOND_MS);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 0);
    ck_assert_uint_ne(run.actions.items[0].question, run.actions.items[1].question);
    /* What was meant for the first asking does not answer the second. */
    struct rbk_event late = {.kind = RBK_EVENT_ANSWER,
                             .index = 1,
                             .serial = serial,
                             .answer = RBK_ANSWER_DONE,
                             .seats = 1};
    ck_assert_int_eq(run_post(&run, late), RBK_REFUSAL_OTHER_QUESTION);
    if (_i == 0) {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "completed");
    } else if (_i == 1) {
        ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_NOT_DONE, 1),
                         RBK_REFUSAL_ACCEPTED);
        ck_at(&run, 1, "a.apply.1 running");
        /* The next doubt begins with the first again. */
        run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
        ck_asks(&run, "a.apply.1 doubt", FIRST_MS);
    } else if (_i == 2) { /* a new runner asks those who were asked last */
        run_resume(&run);
        ck_at(&run, 1, "a.apply.1 doubt");
        ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
        ck_assert_uint_eq(run.actions.items[0].due_ms, stage_a(&run)->due_ms);
        ck_assert_uint_eq(run.machine->questions[run.actions.items[0].question].within_ms,
                          SECOND_MS);
    } else {
        run_due(&run);
        ck_status(&run, "aborting");
        ck_at(&run, 1, "a.rollback.1 running");
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_doubt_that_is_to_stop_asks_all_before_it_goes_back)
{
    struct run run;
    run_start(&run, doubtful(_i == 0 ? RBK_REACTION_ABORT : RBK_REACTION_PAUSE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
    ck_asks(&run, "a.apply.1 doubt", FIRST_MS);
    run_due(&run);
    ck_asks(&run, "a.apply.1 doubt", SECOND_MS);
    ck_status(&run, "aborting");
    run_due(&run);
    ck_at(&run, 1, "a.rollback.1 running");
    /* Neither turns the rollback; the way back fails when nobody knows. */
    run_result(&run, "a.rollback.1", RBK_OUTCOME_DOUBT);
    ck_asks(&run, "a.rollback.1 doubt", FIRST_MS);
    run_due(&run);
    ck_asks(&run, "a.rollback.1 doubt", SECOND_MS);
    run_due(&run);
    ck_status(&run, "stuck");
    run_fini(&run);
}
END_TEST

START_TEST(a_doubt_outlives_a_pause_and_nothing_is_done_again)
{
    struct run run;
    run_start(&run, doubtful(RBK_REACTION_PAUSE));
    run_result(&run, "a.apply.1", RBK_OUTCOME_DOUBT);
    run_due(&run);
    run_due(&run);
    ck_status(&run, "paused");
    /* Those who were asked last are asked as long as it is paused, and then for their time. */
    ck_at(&run, 1, "a.apply.1 doubt");
    ck_assert_uint_eq(stage_a(&run)->due_ms, run.state->hold_due_ms);
    ck_assert_uint_eq(run.actions.items[run.actions.count - 1].due_ms, run.state->hold_due_ms);
    if (_i == 1) { /* nobody decides at all */
        run_due(&run);
        ck_status(&run, "aborting");
        ck_at(&run, 1, "a.rollback.1 running");
        run_fini(&run);
        return;
    }
    if (_i == 2) { /* what is to go back does not wait for the end of a pause */
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_ABORT), RBK_REFUSAL_ACCEPTED);
        ck_asks(&run, "a.apply.1 doubt", SECOND_MS);
        run_due(&run);
        ck_at(&run, 1, "a.rollback.1 running");
        run_fini(&run);
        return;
    }
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    ck_asks(&run, "a.apply.1 doubt", SECOND_MS);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_DISPATCH), 0);
    ck_assert_int_eq(run_answer(&run, "a.apply.1", RBK_ANSWER_DONE, 1), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

/* ---- held ------------------------------------------------------------------------------------ */

/* A step of the plan, and a stage; held at most a second, then two roles are asked. */
static struct machine_builder *holding(enum rbk_reaction_kind end)
{
    struct machine_builder *mb = mb_new();
    mb_machine(mb)->held_at_most_ms = 1000;
    mb_machine(mb)->held_otherwise =
        mb_reaction(mb, RBK_REACTION_ASK, chain(mb, RBK_QUESTION_HELD, end));
    mb_plan_step(mb, RBK_PHASE_REQUIRE, RBK_EFFECT_REQUIRE);
    mb_plain_stage(mb, "a");
    return mb;
}

static enum rbk_refusal answer(struct run *run, enum rbk_answer word)
{
    return run_post(
        run, (struct rbk_event){
                 .kind = RBK_EVENT_ANSWER, .owner = RBK_OWNER_RUN, .answer = word, .seats = 1});
}

/* Held before anything was applied (0), held behind a rolled back stage with nothing applied (1),
 * paused while a stage is applied (2). */
static void keep_still(struct run *run, int how)
{
    if (how == 0) {
        run_fail(run, "plan.require.1");
        ck_status(run, "held");
        return;
    }
    run_ok(run, "plan.require.1");
    if (how == 1) {
        run_fail(run, "a.apply.1");
        run_drain(run);
        ck_status(run, "held");
    } else {
        ck_assert_int_eq(run_command(run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
        run_ok(run, "a.apply.1");
        ck_status(run, "paused");
    }
}

static void ck_held_asks(const struct run *run, uint64_t within_ms)
{
    ck_assert_uint_ne(run->state->held_reaction, 0);
    ck_assert_uint_eq(run->state->hold_due_ms, run->now_ms + within_ms);
    ck_assert_uint_eq(
        run->machine->questions[rbk_held_question(run->machine, run->state)].within_ms, within_ms);
}

START_TEST(a_hold_that_nobody_ends_asks_one_after_the_other)
{
    struct run run;
    const enum rbk_reaction_kind ends[] = {RBK_REACTION_ABORT, RBK_REACTION_CANCEL};
    run_start(&run, holding(ends[_i / 3]));
    ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE), RBK_REFUSAL_NO_QUESTION);
    keep_still(&run, _i % 3);
    uint32_t told = run.hooks[RBK_HOOK_HOLD] + run.hooks[RBK_HOOK_PAUSE];
    ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE), RBK_REFUSAL_NO_QUESTION);
    run_due(&run);
    ck_held_asks(&run, FIRST_MS);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    uint32_t serial = run.state->held_serial;
    run_resume(&run);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    run_due(&run);
    ck_held_asks(&run, SECOND_MS);
    ck_assert_uint_ne(run.state->held_serial, serial);
    /* Who is told of a hold is told of each asking. */
    ck_assert_uint_eq(run.hooks[RBK_HOOK_HOLD] + run.hooks[RBK_HOOK_PAUSE], told + 2);
    run_due(&run);
    ck_assert_uint_eq(run.state->held_reaction, 0);
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_UNDECIDED);
    run_drain(&run);
    ck_status(&run, _i / 3 == 1 && _i % 3 != 2 ? "cancelled" : "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(who_is_asked_about_a_hold_decides_as_a_command_would)
{
    struct run run;
    run_start(&run, holding(RBK_REACTION_ABORT));
    keep_still(&run, _i % 3);
    run_due(&run);
    if (_i % 2 == 1) {
        run_due(&run); /* whoever is asked second, too */
    }
    ck_assert_int_eq(answer(&run, RBK_ANSWER_YES), RBK_REFUSAL_WRONG_ANSWER);
    ck_assert_int_eq(answer(&run, RBK_ANSWER_ROLLBACK), RBK_REFUSAL_WRONG_ANSWER);
    if (_i / 6 == 0) {
        ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE), RBK_REFUSAL_ACCEPTED);
        ck_status(&run, "running");
        run_drain(&run);
        ck_status(&run, "completed");
    } else if (_i / 6 == 1) {
        ck_assert_int_eq(answer(&run, RBK_ANSWER_ABORT), RBK_REFUSAL_ACCEPTED);
        ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_COMMAND);
        run_drain(&run);
        ck_status(&run, "aborted");
    } else if (_i / 6 == 2) {
        if (_i % 3 == 2) { /* a stage stands half applied: the question stays as it is */
            ck_assert_int_eq(answer(&run, RBK_ANSWER_CANCEL), RBK_REFUSAL_STANDS_APPLIED);
            ck_assert_uint_ne(run.state->held_reaction, 0);
        } else {
            ck_assert_int_eq(answer(&run, RBK_ANSWER_CANCEL), RBK_REFUSAL_ACCEPTED);
            run_drain(&run);
            ck_status(&run, "cancelled");
        }
    } else {
        ck_assert_int_eq(answer(&run, RBK_ANSWER_IGNORE), RBK_REFUSAL_ACCEPTED);
        ck_assert_uint_eq(run.state->held_reaction, 0);
        ck_assert_uint_eq(run.state->hold_due_ms, run.now_ms + 1000);
        run_due(&run); /* and asked again from the first on */
        ck_held_asks(&run, FIRST_MS);
    }
    run_fini(&run);
}
END_TEST

START_TEST(whatever_ends_a_hold_closes_the_question_about_it)
{
    struct run run;
    const enum rbk_command commands[] = {RBK_COMMAND_RETRY, RBK_COMMAND_ABORT, RBK_COMMAND_CANCEL};
    run_start(&run, holding(RBK_REACTION_ABORT));
    keep_still(&run, 0);
    run_due(&run);
    ck_assert_int_eq(run_command(&run, commands[_i]), RBK_REFUSAL_ACCEPTED);
    ck_assert_uint_eq(run.state->held_reaction, 0);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE),
                     _i == 0 ? RBK_REFUSAL_NO_QUESTION : RBK_REFUSAL_ENDED);
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_that_becomes_a_hold_is_asked_about_anew)
{
    struct run run;
    run_start(&run, holding(RBK_REACTION_ABORT));
    run_ok(&run, "plan.require.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    run_due(&run);
    ck_held_asks(&run, FIRST_MS);
    run_fail(&run, "a.apply.1"); /* what was under way fails, and goes back */
    run_drain(&run);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->held_reaction, 0);
    ck_assert_uint_eq(run.state->hold_due_ms, run.now_ms + 1000);
    run_fini(&run);
}
END_TEST

START_TEST(nobody_is_asked_about_a_hold_while_the_run_is_stuck)
{
    struct run run;
    run_start(&run, holding(RBK_REACTION_ABORT));
    run_ok(&run, "plan.require.1");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    run_due(&run);
    ck_held_asks(&run, FIRST_MS);
    run_fail(&run, "a.apply.1");
    run_fail(&run, "a.rollback.1");
    ck_status(&run, "stuck");
    ck_assert_uint_eq(run.state->held_reaction, 0);
    ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE), RBK_REFUSAL_NO_QUESTION);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_DONE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    run_due(&run); /* with fresh time to decide */
    ck_held_asks(&run, FIRST_MS);
    run_fini(&run);
}
END_TEST

START_TEST(a_retire_that_is_held_is_asked_about_and_never_taken_back)
{
    struct run run;
    struct machine_builder *mb = holding(RBK_REACTION_ABORT);
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    run_start(&run, mb);
    run_ok(&run, "plan.require.1");
    run_ok(&run, "a.apply.1");
    run_drain(&run);
    run_due(&run); /* the end of grace */
    run_fail(&run, "retire.apply.1");
    ck_status(&run, "held");
    run_due(&run);
    ck_held_asks(&run, FIRST_MS);
    ck_assert_int_eq(answer(&run, RBK_ANSWER_ABORT), RBK_REFUSAL_PAST_GRACE);
    ck_assert_int_ne(answer(&run, RBK_ANSWER_CANCEL), RBK_REFUSAL_ACCEPTED);
    ck_held_asks(&run, FIRST_MS);
    if (_i == 0) {
        ck_assert_int_eq(answer(&run, RBK_ANSWER_CONTINUE), RBK_REFUSAL_ACCEPTED);
        run_ok(&run, "retire.apply.1");
    } else { /* silence never destroys anything */
        run_due(&run);
        ck_held_asks(&run, SECOND_MS);
        run_due(&run);
    }
    ck_status(&run, "completed");
    ck_assert_uint_eq(run.state->held_reaction, 0);
    run_fini(&run);
}
END_TEST

START_TEST(of_several_who_are_asked_about_a_hold_two_must_want_the_same)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    const char *const members[] = {"dana", "dirk", "dora"};
    mb_role_of(mb, "dba", members, 3);
    uint32_t question = mb_question(mb, RBK_QUESTION_HELD, 1, FIRST_MS,
                                    mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE));
    mb_quorum(mb, question, 0, 2);
    mb_machine(mb)->held_at_most_ms = 1000;
    mb_machine(mb)->held_otherwise = mb_reaction(mb, RBK_REACTION_ASK, question);
    mb_plan_step(mb, RBK_PHASE_REQUIRE, RBK_EFFECT_REQUIRE);
    mb_plain_stage(mb, "a");
    run_start(&run, mb);
    keep_still(&run, 0);
    run_due(&run);
    struct rbk_event event = {.kind = RBK_EVENT_ANSWER, .owner = RBK_OWNER_RUN};
    event.answer = RBK_ANSWER_ABORT;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_NOT_YOURS);
    event.seats = 1;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_NOT_NEEDED);
    event.seats = 2;
    event.answer = RBK_ANSWER_CONTINUE;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->held_approvals, 2);
    event.seats = 4;
    ck_assert_int_eq(run_post(&run, event), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    ck_assert_uint_eq(run.state->held_approvals, 0);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_asked_on");
    TCase *tests = tcase_create("asked_on");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, silence_about_a_doubt_asks_others, 0, 4);
    tcase_add_loop_test(tests, a_doubt_that_is_to_stop_asks_all_before_it_goes_back, 0, 2);
    tcase_add_loop_test(tests, a_doubt_outlives_a_pause_and_nothing_is_done_again, 0, 3);
    tcase_add_loop_test(tests, a_hold_that_nobody_ends_asks_one_after_the_other, 0, 6);
    tcase_add_loop_test(tests, who_is_asked_about_a_hold_decides_as_a_command_would, 0, 24);
    tcase_add_loop_test(tests, whatever_ends_a_hold_closes_the_question_about_it, 0, 3);
    tcase_add_test(tests, a_pause_that_becomes_a_hold_is_asked_about_anew);
    tcase_add_test(tests, nobody_is_asked_about_a_hold_while_the_run_is_stuck);
    tcase_add_loop_test(tests, a_retire_that_is_held_is_asked_about_and_never_taken_back, 0, 2);
    tcase_add_test(tests, of_several_who_are_asked_about_a_hold_two_must_want_the_same);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
