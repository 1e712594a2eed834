/*
 * What becomes of a trigger whose level changes while its question is open: the table in state.h,
 * for every row of up to four changes, every way the question can end, and with a new runner in the
 * middle. What is expected is said by a model of its own, which knows edges and nothing of step().
 */
#include "tests/unit/core/step/run.h"

#include <check.h>

#define WITHIN_MS 2000u
#define CHANGES_MAX 4u

/* How the question ends. */
enum ending { YES, NO, EXPIRED, ENDING_COUNT };

/* The question is about `about`; the other rule is a message at once. Silence is a message, too. */
static struct machine_builder *asking(enum rbk_level about, enum rbk_reaction_kind kind)
{
    struct machine_builder *mb = mb_new();
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    uint32_t notify = mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE);
    enum rbk_question_kind asks =
        kind == RBK_REACTION_ASK ? RBK_QUESTION_DECIDE : RBK_QUESTION_APPROVE;
    uint32_t asked = mb_reaction(mb, kind, mb_question(mb, asks, 0, WITHIN_MS, notify));
    bool missing = about == RBK_LEVEL_MISSING;
    mb_trigger(mb, 1, missing ? notify : asked, missing ? asked : notify);
    return mb;
}

/* Messages of the last event whose cause is this. */
static uint32_t told_of(const struct run *run, enum rbk_cause_kind cause)
{
    uint32_t count = 0;
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        count += action->kind == RBK_ACTION_NOTIFY && action->cause.kind == cause;
    }
    return count;
}

static const struct rbk_trigger_state *trigger_of(const struct run *run)
{
    return rbk_state_trigger(run->machine, run->state, 0);
}

/* What the table says. */
struct model {
    enum rbk_level about, level;
    bool open;      /* the question is */
    bool was_false; /* since the condition was last true */
};

static void expect_end(struct run *run, const struct model *model, enum ending ending)
{
    bool done = ending != NO;
    bool missing = model->about == RBK_LEVEL_MISSING;
    bool due = !missing && model->level == RBK_LEVEL_MISSING && model->was_false;
    ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_uint_eq(told_of(run, RBK_CAUSE_TRIGGER), !missing && done);
    ck_assert_uint_eq(told_of(run, RBK_CAUSE_TRIGGER_MISSING),
                      (missing && done ? 1u : 0u) + (due ? 1u : 0u));
    ck_assert_uint_eq(trigger_of(run)->mode,
                      model->level == RBK_LEVEL_FALSE ? RBK_TRIGGER_QUIET : RBK_TRIGGER_FIRED);
    ck_assert_uint_eq(rbk_state_next_due(run->machine, run->state), 0);
}

static void end_question(struct run *run, enum ending ending)
{
    if (ending == EXPIRED) {
        run_due(run);
    } else {
        enum rbk_answer answer = ending == YES ? RBK_ANSWER_YES : RBK_ANSWER_NO;
        ck_assert_int_eq(run_answer_trigger(run, 0, answer, 1), RBK_REFUSAL_ACCEPTED);
    }
}

/* One change of the level while the question is open, or after it was closed. */
static void change(struct run *run, struct model *model, enum rbk_level level)
{
    bool overtaken = model->open && model->about == RBK_LEVEL_MISSING && level == RBK_LEVEL_TRUE;
    bool anew = !model->open && level == RBK_LEVEL_MISSING && model->level == RBK_LEVEL_FALSE;
    bool same = level == model->level;
    model->level = level;
    model->was_false = level == RBK_LEVEL_FALSE || (level != RBK_LEVEL_TRUE && model->was_false);
    ck_assert_int_eq(run_trigger(run, 0, level), RBK_REFUSAL_ACCEPTED);
    if (overtaken) {
        model->open = false;
        ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_CLOSE), 1);
        ck_assert_uint_eq(told_of(run, RBK_CAUSE_TRIGGER), 1);
    } else if (anew) { /* after the bad data was reacted to, another gap: it asks about that */
        model->open = true;
        ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_OPEN), 1);
    } else if (model->open || same) {
        ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_CLOSE), 0);
        ck_assert_uint_eq(run_count(run, RBK_ACTION_NOTIFY), 0);
    }
    ck_assert_int_eq(trigger_of(run)->mode == RBK_TRIGGER_ASKING, model->open);
}

/* After all that, an edge is an edge again. */
static void expect_next_edge(struct run *run)
{
    run_trigger(run, 0, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(trigger_of(run)->mode, RBK_TRIGGER_QUIET);
    uint32_t fired = trigger_of(run)->fired;
    run_trigger(run, 0, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(trigger_of(run)->fired, fired + 1);
}

static void one_row(enum rbk_level about, const enum rbk_level *levels, uint32_t count,
                    enum ending ending, uint32_t resume_at)
{
    struct run run;
    struct model model = {.about = about, .level = about, .open = true};
    run_start(&run, asking(about, RBK_REACTION_NOTIFY));
    run_trigger(&run, 0, about);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), 1);
    for (uint32_t i = 0; i <= count; i++) {
        if (i == resume_at) {
            run_resume(&run);
            ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), model.open);
        }
        if (i < count) {
            change(&run, &model, levels[i]);
        }
    }
    if (model.open) {
        end_question(&run, ending);
        expect_end(&run, &model, ending);
    } else {
        ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1), RBK_REFUSAL_NO_QUESTION);
    }
    if (resume_at > count) {
        run_resume(&run);
    }
    expect_next_edge(&run);
    run_fini(&run);
}

/* The i-th row of levels; 0: there are no more. */
static uint32_t levels_of(uint32_t i, enum rbk_level ret_levels[CHANGES_MAX])
{
    uint32_t rows = 1;
    for (uint32_t count = 0; count <= CHANGES_MAX; count++, rows *= RBK_LEVEL_COUNT) {
        if (i < rows) {
            for (uint32_t k = 0; k < count; k++, i /= RBK_LEVEL_COUNT) {
                ret_levels[k] = (enum rbk_level)(i % RBK_LEVEL_COUNT);
            }
            return count;
        }
        i -= rows;
    }
    return UINT32_MAX;
}

START_TEST(whatever_the_level_does_while_it_asks_no_edge_is_lost_and_none_counts_twice)
{
    enum rbk_level about = _i / ENDING_COUNT ? RBK_LEVEL_MISSING : RBK_LEVEL_TRUE;
    enum ending ending = (enum ending)(_i % ENDING_COUNT);
    enum rbk_level levels[CHANGES_MAX] = {RBK_LEVEL_FALSE};
    for (uint32_t row = 0, count = 0; count <= CHANGES_MAX; row++) {
        count = levels_of(row, levels);
        for (uint32_t resume_at = 0; count <= CHANGES_MAX && resume_at <= count + 2; resume_at++) {
            one_row(about, levels, count, ending, resume_at);
        }
    }
}
END_TEST

/* Asked about "true", then false, then missing. */
static void ask_and_lose(struct run *run, struct machine_builder *mb)
{
    run_start(run, mb);
    run_trigger(run, 0, RBK_LEVEL_TRUE);
    run_trigger(run, 0, RBK_LEVEL_FALSE);
    run_trigger(run, 0, RBK_LEVEL_MISSING);
    ck_assert_uint_eq(trigger_of(run)->mode, RBK_TRIGGER_ASKING);
}

START_TEST(data_lost_while_it_asks_is_reacted_to_once_somebody_answers)
{
    static const struct {
        enum rbk_answer answer;
        const char *status;
        uint32_t missing; /* how often the missing rule runs */
    } rows[] = {
        {RBK_ANSWER_IGNORE, "running", 1},
        {RBK_ANSWER_PAUSE, "paused", 1},
        {RBK_ANSWER_ABORT, "aborting", 0},   /* nothing is armed any more */
        {RBK_ANSWER_ROLLBACK, "running", 0}, /* its own stage goes back: it is disarmed */
    };
    struct run run;
    ask_and_lose(&run, asking(RBK_LEVEL_TRUE, RBK_REACTION_ASK));
    ck_assert_int_eq(run_answer_trigger(&run, 0, rows[_i].answer, 1), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, rows[_i].status);
    ck_assert_uint_eq(told_of(&run, RBK_CAUSE_TRIGGER_MISSING), rows[_i].missing);
    run_fini(&run);
}
END_TEST

START_TEST(the_missing_rule_that_waited_is_the_one_of_the_plan)
{
    static const char *const statuses[] = {"aborting", "running", "paused"};
    static const enum rbk_reaction_kind kinds[] = {RBK_REACTION_ABORT, RBK_REACTION_ROLLBACK,
                                                   RBK_REACTION_PAUSE};
    struct run run;
    struct machine_builder *mb = asking(RBK_LEVEL_TRUE, RBK_REACTION_ABORT);
    mb_trigger_row(mb, 0)->missing = mb_reaction(mb, kinds[_i], RBK_NONE);
    ask_and_lose(&run, mb);
    ck_status(&run, "running");
    ck_assert_int_eq(run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1), RBK_REFUSAL_ACCEPTED);
    ck_status(&run, statuses[_i]);
    ck_at(&run, 1, _i == 2 ? "a.apply.1 running" : "a.apply.1 cancelling");
    ck_assert_uint_eq(rbk_state_region(run.machine, run.state, _i == 1)->cause.kind,
                      _i == 1 ? RBK_CAUSE_TRIGGER_MISSING : RBK_CAUSE_NONE);
    if (_i != 1) {
        ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER_MISSING);
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_missing_rule_that_waited_may_hold_and_may_ask_itself)
{
    struct run run;
    struct machine_builder *mb = asking(RBK_LEVEL_TRUE, RBK_REACTION_ABORT);
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t asked =
        mb_reaction(mb, RBK_REACTION_ASK, mb_question(mb, RBK_QUESTION_DECIDE, 0, 500, pause));
    mb_trigger_row(mb, 0)->missing = _i ? asked : mb_hold(mb, 500, pause);
    ask_and_lose(&run, mb);
    run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1);
    ck_assert_uint_eq(trigger_of(&run)->mode, _i ? RBK_TRIGGER_ASKING : RBK_TRIGGER_HOLDING);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_OPEN), (uint32_t)_i);
    ck_assert_uint_eq(rbk_state_next_due(run.machine, run.state), run.now_ms + 500);
    run_due(&run);
    ck_status(&run, "paused");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER_MISSING);
    run_fini(&run);
}
END_TEST

START_TEST(the_next_question_after_silence_is_the_same_one)
{
    struct run run;
    struct machine_builder *mb = asking(RBK_LEVEL_TRUE, RBK_REACTION_ABORT);
    uint32_t notify = mb_trigger_row(mb, 0)->missing;
    uint32_t second = mb_reaction(mb, RBK_REACTION_ASK,
                                  mb_question(mb, RBK_QUESTION_DECIDE, 0, WITHIN_MS, notify));
    uint32_t first = mb_question(mb, RBK_QUESTION_APPROVE, 0, WITHIN_MS, second);
    mb_trigger_row(mb, 0)->reaction = mb_reaction(mb, RBK_REACTION_ABORT, first);
    ask_and_lose(&run, mb);
    run_due(&run);
    ck_assert_uint_eq(trigger_of(&run)->mode, RBK_TRIGGER_ASKING);
    ck_assert_uint_eq(run.notified, 0);
    run_answer_trigger(&run, 0, RBK_ANSWER_IGNORE, 1);
    ck_assert_uint_eq(told_of(&run, RBK_CAUSE_TRIGGER_MISSING), 1);
    run_fini(&run);
}
END_TEST

START_TEST(a_trigger_that_slept_while_it_asked_applies_its_missing_rule_when_it_wakes)
{
    struct run run;
    struct machine_builder *mb = asking(RBK_LEVEL_TRUE, RBK_REACTION_ABORT);
    mb_except(mb, 0, 2);
    run_start(&run, mb);
    run_ok(&run, "a.apply.1");
    run_trigger(&run, 0, RBK_LEVEL_TRUE);
    run_ok(&run, "a.verify.1");
    ck_at(&run, 2, "b.apply.1 running"); /* it sleeps, its question does not */
    ck_assert_int_eq(run_trigger(&run, 0, RBK_LEVEL_MISSING), RBK_REFUSAL_NOT_ARMED);
    if (_i == 0) {
        run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1);
        ck_assert_uint_eq(run.notified, 0);
        ck_assert_uint_eq(trigger_of(&run)->mode, RBK_TRIGGER_QUIET);
    }
    run_fail(&run, "b.apply.1");
    run_drain(&run);
    ck_status(&run, "held");
    run_trigger(&run, 0, RBK_LEVEL_MISSING);
    ck_assert_uint_eq(run.notified, _i == 0 ? 1 : 0);
    if (_i == 1) {
        run_answer_trigger(&run, 0, RBK_ANSWER_NO, 1);
        ck_assert_uint_eq(told_of(&run, RBK_CAUSE_TRIGGER_MISSING), 1);
    }
    run_fini(&run);
}
END_TEST

START_TEST(a_run_that_turns_round_closes_the_question_and_owes_nothing)
{
    struct run run;
    ask_and_lose(&run, asking(RBK_LEVEL_TRUE, RBK_REACTION_ASK));
    run_command(&run, RBK_COMMAND_ABORT);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_QUESTION_CLOSE), 1);
    ck_assert_uint_eq(run_count(&run, RBK_ACTION_NOTIFY), 0);
    ck_assert_uint_eq(trigger_of(&run)->seen, 0);
    run_drain(&run);
    ck_status(&run, "aborted");
    ck_assert_uint_eq(run.notified, 0);
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_asked");
    TCase *tests = tcase_create("asked");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests,
                        whatever_the_level_does_while_it_asks_no_edge_is_lost_and_none_counts_twice,
                        0, 2 * ENDING_COUNT);
    tcase_add_loop_test(tests, data_lost_while_it_asks_is_reacted_to_once_somebody_answers, 0, 4);
    tcase_add_loop_test(tests, the_missing_rule_that_waited_is_the_one_of_the_plan, 0, 3);
    tcase_add_loop_test(tests, a_missing_rule_that_waited_may_hold_and_may_ask_itself, 0, 2);
    tcase_add_test(tests, the_next_question_after_silence_is_the_same_one);
    tcase_add_loop_test(
        tests, a_trigger_that_slept_while_it_asked_applies_its_missing_rule_when_it_wakes, 0, 2);
    tcase_add_test(tests, a_run_that_turns_round_closes_the_question_and_owes_nothing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
