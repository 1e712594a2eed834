/*
 * What happens at once: whatever the order in which the events of one turn arrive, step() gets them
 * in the same one, so that reactions, their order and the final state are the same.
 */
#include "runtime/core/turn.h"
#include "tests/unit/core/step/run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 7u
#define LOG_MAX 256u

/* The triggers of the plan, the weakest first, so that the plan's order is not the strength's. */
enum {
    T_NOTIFY,
    T_ASK,
    T_ABORT_IF,
    T_PAUSE,
    T_ROLLBACK,
    T_ABORT,
    T_ABORT_TOO,
    T_HOLD, /* missing hold 5s, then abort */
};

static void add_trigger(struct machine_builder *mb, uint32_t reaction)
{
    mb_trigger(mb, RBK_NONE, reaction, mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE));
}

static struct machine_builder *crowded(void)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    mb_plain_stage(mb, "a");
    mb_plain_stage(mb, "b");
    mb_observe(mb);
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    add_trigger(mb, mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE));
    add_trigger(mb, mb_reaction(mb, RBK_REACTION_ASK,
                                mb_question(mb, RBK_QUESTION_DECIDE, 1, 60000, abort)));
    add_trigger(mb, mb_reaction(mb, RBK_REACTION_ABORT,
                                mb_question(mb, RBK_QUESTION_APPROVE, 1, 60000, abort)));
    add_trigger(mb, mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE));
    mb_trigger(mb, 1, mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE),
               mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE));
    add_trigger(mb, abort);
    add_trigger(mb, abort);
    add_trigger(mb, mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE));
    mb_trigger_row(mb, T_HOLD)->missing = mb_hold(mb, 5000, abort);
    mb_abort_when_probe(mb);
    mb_abort_when_probe(mb);
    mb_signal(mb, "broken");
    return mb;
}

static struct rbk_event fires(uint32_t trigger)
{
    return (struct rbk_event){.kind = RBK_EVENT_TRIGGER, .index = trigger, .level = RBK_LEVEL_TRUE};
}

static struct rbk_event criterion(uint32_t index)
{
    return (struct rbk_event){.kind = RBK_EVENT_CRITERION, .index = index};
}

static struct rbk_event says(enum rbk_command command)
{
    return (struct rbk_event){.kind = RBK_EVENT_COMMAND,
                              .command = command,
                              .index = command == RBK_COMMAND_SIGNAL ? 0 : RBK_NONE};
}

/* What a turn led to: every action in its order, and the state. */
struct outcome {
    uint32_t log[LOG_MAX];
    uint32_t logged;
    struct rbk_state *state; /* owned */
};

/* Give a turn to step(), as the runner does. */
static void take_turn(struct run *run, const struct rbk_event *events, const size_t *arrival,
                      size_t count, struct outcome *ret_outcome)
{
    const struct rbk_event *came[EVENTS_MAX] = {NULL};
    struct rbk_turn_item items[EVENTS_MAX];
    for (size_t i = 0; i < count; i++) {
        came[i] = &events[arrival[i]];
    }
    ret_outcome->logged = 0;
    rbk_turn_order(run->machine, run->state, came, count, run->now_ms, items);
    for (size_t i = 0; i < count; i++) {
        struct rbk_event event = *came[items[i].index];
        enum rbk_refusal refusal = run_post(run, event);
        for (size_t k = 0; refusal == RBK_REFUSAL_ACCEPTED && k < run->actions.count; k++) {
            const struct rbk_action *action = &run->actions.items[k];
            ck_assert_uint_lt(ret_outcome->logged + 2, LOG_MAX);
            ret_outcome->log[ret_outcome->logged++] = action->kind;
            ret_outcome->log[ret_outcome->logged++] = action->index;
            ret_outcome->log[ret_outcome->logged++] = action->state;
        }
    }
    ret_outcome->state = run->state;
}

typedef void setup_fn(struct run *run);

static void applying(struct run *run)
{
    run_start(run, crowded());
    run_ok(run, "a.apply.1");
    run_ok(run, "a.verify.1");
    ck_at(run, 2, "b.apply.1 running");
}

static void paused(struct run *run)
{
    applying(run);
    ck_assert_int_eq(run_command(run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
}

/* A hold is over now: it aborts. */
static void hold_over(struct run *run)
{
    applying(run);
    run_trigger(run, T_HOLD, RBK_LEVEL_MISSING);
    run->now_ms += 5000;
}

/* Next permutation in lexicographic order; false after the last. */
static bool permute(size_t *items, size_t count)
{
    size_t i = count - 1, k = count - 1;
    while (i > 0 && items[i - 1] >= items[i]) {
        i--;
    }
    if (i == 0) {
        return false;
    }
    while (items[k] <= items[i - 1]) {
        k--;
    }
    size_t swap = items[i - 1];
    items[i - 1] = items[k];
    items[k] = swap;
    for (size_t left = i, right = count - 1; left < right; left++, right--) {
        swap = items[left];
        items[left] = items[right];
        items[right] = swap;
    }
    return true;
}

/* Every arrival order of the events leads to the same actions in the same order and the same state,
 * which is left in `ret_run`. */
static void every_order(setup_fn *setup, const struct rbk_event *events, size_t count,
                        struct run *ret_run)
{
    struct outcome first, other;
    size_t arrival[EVENTS_MAX];
    for (size_t i = 0; i < count; i++) {
        arrival[i] = i;
    }
    setup(ret_run);
    take_turn(ret_run, events, arrival, count, &first);
    while (permute(arrival, count)) {
        struct run run;
        setup(&run);
        take_turn(&run, events, arrival, count, &other);
        ck_assert_uint_eq(first.logged, other.logged);
        ck_assert_int_eq(memcmp(first.log, other.log, first.logged * sizeof(first.log[0])), 0);
        ck_assert_int_eq(memcmp(first.state, other.state, first.state->bytes), 0);
        run_fini(&run);
    }
}

/* The result of the step under way, whose serial is the same in every run. */
static struct rbk_event result(void)
{
    struct run run;
    applying(&run);
    uint32_t serial = rbk_state_region(run.machine, run.state, 2)->serial;
    run_fini(&run);
    return (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = serial};
}

START_TEST(what_is_weaker_than_an_abort_comes_in_order)
{
    struct run run;
    const struct rbk_event events[] = {fires(T_NOTIFY), fires(T_ASK), fires(T_ABORT_IF),
                                       fires(T_PAUSE),  result(),     says(RBK_COMMAND_PAUSE)};
    every_order(applying, events, RBK_COUNT(events), &run);
    ck_status(&run, "paused");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER);
    ck_assert_uint_eq(run.state->cause.index, T_PAUSE);
    ck_assert_uint_eq(run.notified, 1);
    ck_at(&run, 2, "b.verify.1 parked"); /* what had ended counts, nothing new began */
    /* Both ask; the one that would abort was asked first. */
    ck_assert_uint_lt(rbk_state_trigger(run.machine, run.state, T_ABORT_IF)->serial,
                      rbk_state_trigger(run.machine, run.state, T_ASK)->serial);
    run_fini(&run);
}
END_TEST

START_TEST(a_rollback_comes_before_a_pause_and_after_an_abort)
{
    struct run run;
    const struct rbk_event events[] = {fires(T_PAUSE), fires(T_ROLLBACK), fires(T_NOTIFY), result(),
                                       fires(T_ABORT)};
    every_order(applying, events, RBK_COUNT(events) - 1, &run);
    ck_status(&run, "paused");
    ck_assert(rbk_stage_rolling_back(run.machine, run.state, 1));
    ck_assert_uint_eq(run.notified, 1);
    run_fini(&run);
    every_order(applying, events, RBK_COUNT(events), &run);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->rollbacks, 0);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 0);
    run_fini(&run);
}
END_TEST

/* _i: how many of the strongest are left out. */
START_TEST(of_all_that_abort_the_first_of_the_table_is_the_reason)
{
    struct run run;
    const struct rbk_event events[] = {
        fires(T_NOTIFY), fires(T_ROLLBACK), says(RBK_COMMAND_ABORT), fires(T_ABORT_TOO),
        fires(T_ABORT),  criterion(1),      says(RBK_COMMAND_SIGNAL)};
    const enum rbk_cause_kind causes[] = {RBK_CAUSE_SIGNAL, RBK_CAUSE_CRITERION, RBK_CAUSE_TRIGGER,
                                          RBK_CAUSE_TRIGGER, RBK_CAUSE_COMMAND};
    const uint32_t rows[] = {0, 1, T_ABORT, T_ABORT_TOO, 0};
    every_order(applying, events, RBK_COUNT(events) - (size_t)_i, &run);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, causes[_i]);
    ck_assert_uint_eq(run.state->cause.index, rows[_i]);
    ck_assert_uint_eq(run.notified, 0);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_ABORT], 1);
    ck_assert_uint_eq(run.state->rollbacks, 0);
    run_fini(&run);
}
END_TEST

START_TEST(of_two_criteria_the_one_the_plan_names_first_is_the_reason)
{
    struct run run;
    const struct rbk_event events[] = {criterion(1), criterion(0)};
    every_order(applying, events, RBK_COUNT(events), &run);
    ck_assert_uint_eq(run.state->cause.index, 0);
    run_fini(&run);
}
END_TEST

START_TEST(a_pause_is_stronger_than_going_on)
{
    struct run run;
    const struct rbk_event events[] = {fires(T_PAUSE), says(RBK_COMMAND_CONTINUE)};
    every_order(paused, events, RBK_COUNT(events), &run);
    ck_status(&run, "paused");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER);
    run_fini(&run);
}
END_TEST

START_TEST(what_people_ask_keeps_its_order)
{
    struct run run;
    struct outcome outcome;
    const size_t arrival[] = {0, 1, 2, 3};
    const struct rbk_event events[] = {says(RBK_COMMAND_PAUSE), says(RBK_COMMAND_CONTINUE),
                                       says(RBK_COMMAND_PAUSE), says(RBK_COMMAND_CONTINUE)};
    applying(&run);
    take_turn(&run, events, arrival, 4, &outcome);
    ck_status(&run, "running");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 2);
    run_fini(&run);
    applying(&run);
    take_turn(&run, events, arrival, 3, &outcome);
    ck_status(&run, "paused");
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 2);
    run_fini(&run);
}
END_TEST

START_TEST(what_time_sets_off_comes_with_its_strength)
{
    struct run run;
    const struct rbk_event events[] = {
        fires(T_PAUSE), fires(T_ROLLBACK), result(), {.kind = RBK_EVENT_TIME}};
    every_order(hold_over, events, RBK_COUNT(events), &run);
    ck_status(&run, "aborting");
    ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_TRIGGER_MISSING);
    ck_assert_uint_eq(run.state->cause.index, T_HOLD);
    ck_assert_uint_eq(run.hooks[RBK_HOOK_PAUSE], 0);
    run_fini(&run);
}
END_TEST

/* The level of a trigger may change twice in one turn, when two probes answer: what is known last
 * counts. */
START_TEST(levels_of_one_trigger_keep_their_order)
{
    struct run run;
    struct outcome outcome;
    const size_t arrival[] = {0, 1, 2};
    struct rbk_event events[] = {fires(T_NOTIFY), fires(T_ABORT), fires(T_ABORT)};
    applying(&run);
    events[_i ? 1 : 2].level = RBK_LEVEL_FALSE;
    if (_i) { /* false, then true: one edge, and the abort is not kept waiting */
        take_turn(&run, events, arrival, 3, &outcome);
        ck_status(&run, "aborting");
        ck_assert_uint_eq(run.notified, 0);
    } else { /* true, then false */
        events[1].index = events[2].index = T_PAUSE;
        take_turn(&run, events, arrival, 3, &outcome);
        ck_status(&run, "paused");
        ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, T_PAUSE)->level,
                          RBK_LEVEL_FALSE);
    }
    run_fini(&run);
}
END_TEST

/* But for a window that closes: no result of the turn begins a stage in it. */
START_TEST(facts_keep_the_order_in_which_they_came)
{
    struct run run;
    const struct rbk_event events[] = {{.kind = RBK_EVENT_NOTE, .serial = 7},
                                       {.kind = RBK_EVENT_TIME},
                                       {.kind = RBK_EVENT_RESULT, .serial = 7},
                                       {.kind = RBK_EVENT_ANSWER},
                                       {.kind = RBK_EVENT_WINDOW, .level = RBK_LEVEL_TRUE},
                                       {.kind = RBK_EVENT_WINDOW, .level = RBK_LEVEL_FALSE},
                                       {.kind = RBK_EVENT_RESUMED}};
    const size_t expected[] = {6, 5, 0, 2, 3, 4, 1};
    const struct rbk_event *came[RBK_COUNT(events)];
    struct rbk_turn_item items[RBK_COUNT(events)];
    applying(&run);
    for (size_t i = 0; i < RBK_COUNT(events); i++) {
        came[i] = &events[i];
    }
    rbk_turn_order(run.machine, run.state, came, RBK_COUNT(events), run.now_ms, items);
    for (size_t i = 0; i < RBK_COUNT(events); i++) {
        ck_assert_uint_eq(items[i].index, expected[i]);
    }
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_turn");
    TCase *tests = tcase_create("turn");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_is_weaker_than_an_abort_comes_in_order);
    tcase_add_test(tests, a_rollback_comes_before_a_pause_and_after_an_abort);
    tcase_add_loop_test(tests, of_all_that_abort_the_first_of_the_table_is_the_reason, 0, 5);
    tcase_add_test(tests, of_two_criteria_the_one_the_plan_names_first_is_the_reason);
    tcase_add_test(tests, a_pause_is_stronger_than_going_on);
    tcase_add_test(tests, what_people_ask_keeps_its_order);
    tcase_add_test(tests, what_time_sets_off_comes_with_its_strength);
    tcase_add_loop_test(tests, levels_of_one_trigger_keep_their_order, 0, 2);
    tcase_add_test(tests, facts_keep_the_order_in_which_they_came);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
