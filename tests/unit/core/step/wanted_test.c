/*
 * A pause that comes while the run is held or stuck, or that a hold comes upon: it is not lost, but
 * carried out when the run would go on, so that nobody who says `retry` starts what somebody else,
 * or a trigger, wanted to wait.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

enum { T_PAUSE, T_ASK };

/* Stages a and b, a trigger that pauses and one that asks. */
static struct machine_builder *two_stages(void)
{
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    mb_trigger(mb, RBK_NONE, pause, pause);
    uint32_t ask =
        mb_reaction(mb, RBK_REACTION_ASK, mb_question(mb, RBK_QUESTION_DECIDE, 0, 2000, pause));
    mb_trigger(mb, RBK_NONE, ask, pause);
    return mb;
}

/* b has failed and was taken back: somebody has to decide. */
static void to_held(struct run *run)
{
    run_start(run, two_stages());
    run_ok(run, "a.apply.1");
    run_ok(run, "a.verify.1");
    run_fail(run, "b.apply.1");
    run_drain(run);
    ck_status(run, "held");
    ck_assert_uint_eq(run->state->cause.kind, RBK_CAUSE_FAILURE);
}

/* Every way in which a pause can be wanted. Its cause. */
enum want { BY_TRIGGER, BY_MISSING, BY_ANSWER, BY_SILENCE, BY_PERSON, WANT_COUNT };

static enum rbk_cause_kind want(struct run *run, enum want by)
{
    switch (by) {
    case BY_TRIGGER:
    case BY_MISSING:
        run_trigger(run, T_PAUSE, by == BY_TRIGGER ? RBK_LEVEL_TRUE : RBK_LEVEL_MISSING);
        return by == BY_TRIGGER ? RBK_CAUSE_TRIGGER : RBK_CAUSE_TRIGGER_MISSING;
    case BY_ANSWER:
    case BY_SILENCE:
        run_trigger(run, T_ASK, RBK_LEVEL_TRUE);
        if (by == BY_ANSWER) {
            run_answer_trigger(run, T_ASK, RBK_ANSWER_PAUSE, 1);
        } else {
            run_due(run);
        }
        return RBK_CAUSE_TRIGGER;
    case BY_PERSON:
    case WANT_COUNT:
        break;
    }
    ck_assert_int_eq(run_command(run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    return RBK_CAUSE_COMMAND;
}

/* It is paused for that reason, nothing has begun, and who continues starts b again. */
static void ck_paused(struct run *run, enum rbk_cause_kind cause)
{
    ck_status(run, "paused");
    ck_assert_uint_eq(run->state->cause.kind, cause);
    ck_assert_uint_eq(run->state->wanted.kind, RBK_CAUSE_NONE);
    ck_assert_uint_eq(run_count(run, RBK_ACTION_DISPATCH), 0);
    ck_assert_uint_eq(run->state->hold_due_ms, run->now_ms + run->machine->held_at_most_ms);
    ck_assert_uint_eq(run->hooks[RBK_HOOK_PAUSE], 1);
    ck_assert_int_eq(run_command(run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    ck_status(run, "running");
}

START_TEST(a_pause_that_comes_while_the_run_is_held_is_carried_out_when_it_goes_on)
{
    struct run run;
    to_held(&run);
    uint64_t held_until_ms = run.state->hold_due_ms;
    enum rbk_cause_kind cause = want(&run, (enum want)_i);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_FAILURE);
    ck_assert_uint_eq(run.state->wanted.kind, cause);
    ck_assert_uint_eq(run.state->hold_due_ms, held_until_ms);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 0);
    run_resume(&run); /* a new runner knows of it */
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_paused(&run, cause);
    ck_at(&run, 2, "b.apply.1 running");
    run_drain(&run);
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_that_a_hold_comes_upon_is_carried_out_when_the_run_goes_on)
{
    struct run run;
    run_start(&run, two_stages());
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    enum rbk_cause_kind cause = want(&run, (enum want)_i);
    ck_status(&run, "paused");
    run_fail(&run, "b.apply.1");
    run_drain(&run);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->wanted.kind, cause);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    run.hooks[RBK_HOOK_PAUSE]--; /* the first one */
    ck_paused(&run, cause);
    run_fini(&run);
}
END_TEST

START_TEST(an_interrupt_ends_with_its_runner_and_is_not_kept)
{
    struct run run;
    if (_i) {
        to_held(&run);
        ck_assert_int_eq(run_command(&run, RBK_COMMAND_INTERRUPT), RBK_REFUSAL_ALREADY_STILL);
    } else {
        run_start(&run, two_stages());
        run_command(&run, RBK_COMMAND_INTERRUPT);
        run_fail(&run, "a.apply.1");
        run_drain(&run);
    }
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    run_fini(&run);
}
END_TEST

START_TEST(the_first_of_several_is_told_of_and_one_continue_ends_them_all)
{
    struct run run;
    to_held(&run);
    want(&run, BY_TRIGGER);
    want(&run, BY_SILENCE);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ALREADY_STILL);
    ck_assert_uint_eq(run.state->wanted.kind, RBK_CAUSE_TRIGGER);
    ck_assert_uint_eq(run.state->wanted.index, T_PAUSE);
    run_command(&run, RBK_COMMAND_RETRY);
    ck_paused(&run, RBK_CAUSE_TRIGGER);
    run_fini(&run);
}
END_TEST

START_TEST(who_continues_a_held_run_takes_the_pause_back)
{
    struct run run;
    to_held(&run);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_NOT_PAUSED);
    want(&run, BY_PERSON);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    ck_assert_uint_eq(run.state->wanted.kind, RBK_CAUSE_NONE);
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_FAILURE);
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "running");
    run_fini(&run);
}
END_TEST

START_TEST(who_ends_the_run_need_not_wait_for_it)
{
    struct run run;
    to_held(&run);
    want(&run, BY_TRIGGER);
    if (_i == 0) {
        run_command(&run, RBK_COMMAND_ABORT);
    } else {
        run_due(&run); /* nobody decided */
    }
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->wanted.kind, RBK_CAUSE_NONE);
    run_drain(&run);
    ck_status(&run, "aborted");
    run_fini(&run);
}
END_TEST

START_TEST(it_waits_until_the_last_of_what_is_held_goes_on)
{
    struct run run;
    struct machine_builder *mb = two_stages();
    mb_after_nothing(mb, 2);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    run_drain(&run); /* b's apply as well; its verify waits */
    ck_status(&run, "held");
    ck_at(&run, 2, "b.verify.1 parked");
    want(&run, BY_TRIGGER);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RETRY, 1, RBK_ANSWER_YES),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "paused");
    ck_at(&run, 2, "b.verify.1 parked");
    ck_paused(&run, RBK_CAUSE_TRIGGER);
    ck_at(&run, 1, "a.apply.1 running");
    ck_at(&run, 2, "b.verify.1 running");
    run_fini(&run);
}
END_TEST

START_TEST(a_run_held_for_a_way_back_is_paused_when_one_opens)
{
    struct run run;
    run_init(&run, two_stages());
    run.machine->strategies[run.machine->regions[1].strategies.first].when = 0;
    run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_START});
    run_ok(&run, "a.apply.1");
    run_ok(&run, "a.verify.1");
    struct rbk_event way = {.kind = RBK_EVENT_WAY_BACK, .index = 1, .level = RBK_LEVEL_FALSE};
    run_accept(&run, way);
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    way.level = RBK_LEVEL_TRUE;
    run_accept(&run, way);
    ck_paused(&run, RBK_CAUSE_COMMAND);
    ck_at(&run, 2, "b.apply.1 running");
    run_fini(&run);
}
END_TEST

/* A gate that pauses when nobody opens it, while another stage is stuck. */
START_TEST(a_pause_that_comes_while_the_run_is_stuck_is_carried_out_when_it_goes_on)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    uint32_t b = mb_stage(mb, "b");
    mb_after_nothing(mb, b);
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t question = mb_question(mb, RBK_QUESTION_APPROVE, 0, 2000, pause);
    uint32_t gate = mb_step(mb, b, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, gate)->question = question;
    mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, b, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, b, false, 0);
    mb_step(mb, b, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, b, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    run_start(&run, mb);
    run_fail(&run, "a.apply.1");
    run_fail(&run, "a.rollback.1");
    ck_status(&run, "stuck");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ALREADY_STILL);
    run_due(&run);
    ck_at(&run, b, "b.approve.1 parked");
    ck_assert_uint_eq(run.state->wanted.kind, RBK_CAUSE_GATE);
    ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, 1, RBK_ANSWER_DONE),
                     RBK_REFUSAL_ACCEPTED);
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
    ck_paused(&run, RBK_CAUSE_GATE);
    ck_at(&run, b, "b.approve.1 asking");
    run_fini(&run);
}
END_TEST

START_TEST(a_retire_that_is_given_up_is_not_waited_for)
{
    struct run run;
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    run_start(&run, mb);
    run_drain(&run);
    run_due(&run);
    run_fail(&run, "retire.apply.1");
    ck_status(&run, "held");
    ck_assert_int_eq(run_command(&run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
    if (_i) {
        run_due(&run);
    } else {
        ck_assert_int_eq(run_command_at(&run, RBK_COMMAND_RESOLVE, retire, RBK_ANSWER_DONE),
                         RBK_REFUSAL_ACCEPTED);
    }
    ck_status(&run, "completed");
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_wanted");
    TCase *tests = tcase_create("wanted");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests,
                        a_pause_that_comes_while_the_run_is_held_is_carried_out_when_it_goes_on, 0,
                        WANT_COUNT);
    tcase_add_loop_test(tests, a_pause_that_a_hold_comes_upon_is_carried_out_when_the_run_goes_on,
                        0, WANT_COUNT);
    tcase_add_loop_test(tests, an_interrupt_ends_with_its_runner_and_is_not_kept, 0, 2);
    tcase_add_test(tests, the_first_of_several_is_told_of_and_one_continue_ends_them_all);
    tcase_add_test(tests, who_continues_a_held_run_takes_the_pause_back);
    tcase_add_loop_test(tests, who_ends_the_run_need_not_wait_for_it, 0, 2);
    tcase_add_test(tests, it_waits_until_the_last_of_what_is_held_goes_on);
    tcase_add_test(tests, a_run_held_for_a_way_back_is_paused_when_one_opens);
    tcase_add_test(tests, a_pause_that_comes_while_the_run_is_stuck_is_carried_out_when_it_goes_on);
    tcase_add_loop_test(tests, a_retire_that_is_given_up_is_not_waited_for, 0, 2);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
