/*
 * The second look of a trigger, and readings that grow too old, in virtual time. The sample machine
 * has the triggers; `slow` (latency > 2 * baseline) is asked to confirm within 10 s, and so are
 * others where a test says so. What is wanted is asked for after each step, as the executor does.
 */
#include "runtime/core/watch.h"

#include "tests/unit/core/machine/sample_machine.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define WANTED_MAX 8u

static struct rbk_arena arena;
static struct rbk_machine *machine;
static struct rbk_state *state;
static struct rbk_watch *watch;
static struct rbk_watch_change changes[16];
static size_t change_count;
static struct {
    bool trigger;
    uint32_t index;
} wanted[WANTED_MAX];
static unsigned wanted_count;

/* After the machine was changed: a new runner. */
static void restart(void)
{
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    ck_assert_ptr_nonnull(watch);
    rbk_watch_set_baseline(watch, 0, rbk_value_integer(RBK_TYPE_DURATION, 100));
}

static void set_up(void)
{
    struct rbk_region_state *plan, *move;

    rbk_arena_init(&arena, (size_t)16 << 20);
    machine = sample_machine(&arena);
    machine->criterion_count = 0;
    machine->triggers[SAMPLE_TRIGGER_SLOW].for_ms = 0;
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 10000;
    machine->probes[SAMPLE_PROBE_LATENCY].timeout_ms = 2000;
    state = rbk_arena_alloc(&arena, rbk_state_bytes(machine), 8);
    rbk_state_init(machine, state);
    plan = rbk_state_region(machine, state, 0);
    move = rbk_state_region(machine, state, SAMPLE_REGION_MOVE);
    state->status = RBK_STATUS_RUNNING;
    state->started_ms = state->first_effect_ms = 1;
    plan->state = machine->stages_state;
    plan->mode = move->mode = RBK_MODE_RUNNING;
    move->state = SAMPLE_STATE_APPLY;
    move->order = 1;
    watch = NULL;
    restart();
    ck_assert(rbk_trigger_armed(machine, state, SAMPLE_TRIGGER_SLOW));
}

static void tear_down(void)
{
    rbk_watch_free(watch);
    rbk_arena_fini(&arena);
}

static void want(void *context, bool trigger, uint32_t index)
{
    (void)context;
    ck_assert_uint_lt(wanted_count, WANTED_MAX);
    wanted[wanted_count].trigger = trigger;
    wanted[wanted_count++].index = index;
}

static void look(uint32_t probe, uint64_t now_ms)
{
    change_count = rbk_watch_evaluate(watch, state, NULL, probe, now_ms, changes);
    wanted_count = 0;
    rbk_watch_wanted(watch, want, NULL);
}

static struct rbk_value duration(int64_t ms)
{
    return rbk_value_integer(RBK_TYPE_DURATION, ms);
}

/* A reading that was begun when it is fed. */
static void read_latency(struct rbk_value value, uint64_t now_ms)
{
    rbk_watch_feed(watch, SAMPLE_PROBE_LATENCY, value, now_ms);
    look(SAMPLE_PROBE_LATENCY, now_ms);
}

static struct rbk_value nothing(void)
{
    return rbk_value_missing(RBK_TYPE_DURATION);
}

/* One piece of news about a trigger. */
static void expect(uint32_t trigger, enum rbk_confirmation confirmation, bool changed,
                   enum rbk_level level)
{
    ck_assert_uint_eq(change_count, 1);
    ck_assert_uint_eq(changes[0].index, trigger);
    ck_assert(!changes[0].criterion);
    ck_assert_int_eq(changes[0].confirmation, confirmation);
    ck_assert_int_eq(changes[0].changed, changed);
    ck_assert_int_eq(changes[0].level, level);
}

static void expect_asked(void)
{
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_ASKED, false, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(wanted_count, 1);
    ck_assert(!wanted[0].trigger);
    ck_assert_uint_eq(wanted[0].index, SAMPLE_PROBE_LATENCY);
}

START_TEST(a_second_reading_that_agrees_fires)
{
    read_latency(duration(300), 1000);
    expect_asked();
    ck_assert_uint_eq(rbk_watch_next_due(watch), 11000);
    look(RBK_NONE, 1001);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(wanted_count, 1);
    read_latency(duration(300), 1200);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(wanted_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    read_latency(duration(300), 6200);
    ck_assert_uint_eq(change_count, 0);
}
END_TEST

START_TEST(a_second_reading_that_disagrees_does_not_fire)
{
    read_latency(duration(300), 1000);
    read_latency(duration(150), 1200);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_REFUTED, false, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(wanted_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    look(RBK_NONE, 5000);
    ck_assert_uint_eq(change_count, 0);
    read_latency(duration(150), 6000);
    look(RBK_NONE, 11000); /* the time the second look had */
    ck_assert_uint_eq(change_count, 0);
    /* the next time is a first time again */
    read_latency(duration(300), 11500);
    expect_asked();
}
END_TEST

START_TEST(no_second_reading_fires_when_the_time_is_up)
{
    read_latency(duration(300), 1000);
    for (uint64_t now_ms = 2000; now_ms < 11000; now_ms += 1000) {
        read_latency(nothing(), now_ms);
        ck_assert_uint_eq(change_count, 0);
        ck_assert_uint_eq(wanted_count, 1);
    }
    look(RBK_NONE, 11000);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_UNANSWERED, true, RBK_LEVEL_TRUE);
    /* from here on it is missing like any other */
    look(RBK_NONE, 11001);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_MISSING);
    /* the same edge is not waited for, and not reported, twice */
    read_latency(duration(300), 12000);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(a_tolerated_failure_is_no_second_look)
{
    machine->probes[SAMPLE_PROBE_LATENCY].missing_after = 4;
    restart();
    read_latency(duration(300), 1000);
    read_latency(nothing(), 1200);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(wanted_count, 1);
    read_latency(duration(300), 2200);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(a_reading_begun_before_the_first_look_is_not_the_second)
{
    machine->triggers[SAMPLE_TRIGGER_SLOW].for_ms = 4000;
    restart();
    read_latency(duration(300), 1000);
    ck_assert_uint_eq(change_count, 0);
    rbk_watch_begin(watch, false, SAMPLE_PROBE_LATENCY);
    look(RBK_NONE, 5000); /* the span is complete while a reading is under way */
    expect_asked();
    read_latency(duration(300), 5100);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(wanted_count, 1);
    rbk_watch_begin(watch, false, SAMPLE_PROBE_LATENCY);
    read_latency(duration(300), 5200);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(refuted_after_a_span_begins_the_span_anew)
{
    machine->triggers[SAMPLE_TRIGGER_SLOW].for_ms = 4000;
    restart();
    read_latency(duration(300), 1000);
    read_latency(duration(300), 5000);
    expect_asked();
    read_latency(duration(100), 5100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_REFUTED, false, RBK_LEVEL_FALSE);
    read_latency(duration(300), 6000);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 10000);
}
END_TEST

START_TEST(a_window_is_judged_with_one_reading_more)
{
    struct rbk_value bad = rbk_value_number(RBK_TYPE_RATIO, 0.09);
    machine->triggers[SAMPLE_TRIGGER_ERRORS].confirm_ms = 10000;
    machine->triggers[SAMPLE_TRIGGER_ERRORS].except.count = 0;
    restart();
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_number(RBK_TYPE_RATIO, 0.02), 1000);
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, bad, 16000);
    look(SAMPLE_PROBE_ERRORS, 16000);
    expect(SAMPLE_TRIGGER_ERRORS, RBK_CONFIRMATION_ASKED, false, RBK_LEVEL_FALSE);
    /* the fresh reading is good enough to bring the mean of all three below 5% */
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_number(RBK_TYPE_RATIO, 0.01), 16100);
    look(SAMPLE_PROBE_ERRORS, 16100);
    expect(SAMPLE_TRIGGER_ERRORS, RBK_CONFIRMATION_REFUTED, false, RBK_LEVEL_FALSE);
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, bad, 31000);
    look(SAMPLE_PROBE_ERRORS, 31000);
    expect(SAMPLE_TRIGGER_ERRORS, RBK_CONFIRMATION_ASKED, false, RBK_LEVEL_FALSE);
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, bad, 31100);
    look(SAMPLE_PROBE_ERRORS, 31100);
    expect(SAMPLE_TRIGGER_ERRORS, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(readings_of_its_own_are_taken_again)
{
    machine->triggers[SAMPLE_TRIGGER_OWN].confirm_ms = 10000;
    machine->triggers[SAMPLE_TRIGGER_OWN].for_readings = 0;
    restart();
    rbk_watch_begin(watch, true, SAMPLE_TRIGGER_OWN);
    change_count = rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 1000, changes);
    expect(SAMPLE_TRIGGER_OWN, RBK_CONFIRMATION_ASKED, false, RBK_LEVEL_FALSE);
    look(RBK_NONE, 1000);
    ck_assert_uint_eq(wanted_count, 1);
    ck_assert(wanted[0].trigger);
    ck_assert_uint_eq(wanted[0].index, SAMPLE_TRIGGER_OWN);
    change_count =
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_MISSING, 1100, changes);
    ck_assert_uint_eq(change_count, 0);
    change_count = rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 2100, changes);
    expect(SAMPLE_TRIGGER_OWN, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(its_own_reading_unanswered_fires_when_the_time_is_up)
{
    machine->triggers[SAMPLE_TRIGGER_OWN].confirm_ms = 10000;
    machine->triggers[SAMPLE_TRIGGER_OWN].for_readings = 0;
    restart();
    (void)rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 1000, changes);
    (void)rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_MISSING, 2000, changes);
    look(RBK_NONE, 10999);
    ck_assert_uint_eq(change_count, 0);
    look(RBK_NONE, 11000);
    expect(SAMPLE_TRIGGER_OWN, RBK_CONFIRMATION_UNANSWERED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(an_alert_in_the_condition_is_not_waited_for)
{
    /* paged and latency > 2 * baseline */
    struct rbk_expr *slow = &machine->exprs[machine->triggers[SAMPLE_TRIGGER_SLOW].condition];
    uint32_t first = machine->code_count;
    for (uint32_t i = 0; i < slow->code.count; i++) {
        machine->codes[machine->code_count++] = machine->codes[slow->code.first + i];
    }
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_WINDOW, 1};
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_AND, 0};
    slow->code = (struct rbk_slice){first, machine->code_count - first};
    restart();
    rbk_watch_feed(watch, SAMPLE_PROBE_PAGED, rbk_value_bool(true), 500);
    read_latency(duration(300), 1000);
    expect_asked();
    read_latency(duration(300), 1100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(a_restart_in_the_middle_looks_twice_again)
{
    read_latency(duration(300), 1000);
    expect_asked();
    restart();
    look(RBK_NONE, 1500);
    ck_assert_uint_eq(change_count, 0);
    read_latency(duration(300), 2000);
    expect_asked();
    read_latency(duration(300), 2100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_CONFIRMED, true, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(what_had_fired_before_a_restart_is_not_confirmed_again)
{
    rbk_state_trigger(machine, state, SAMPLE_TRIGGER_SLOW)->level = RBK_LEVEL_TRUE;
    restart();
    read_latency(duration(300), 1000);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(wanted_count, 0);
}
END_TEST

START_TEST(a_trigger_that_is_disarmed_waits_for_nothing)
{
    read_latency(duration(300), 1000);
    expect_asked();
    state->first_effect_ms = 0;
    rbk_state_region(machine, state, SAMPLE_REGION_MOVE)->order = 0;
    look(RBK_NONE, 1100);
    ck_assert_uint_eq(wanted_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    look(RBK_NONE, 20000);
    ck_assert_uint_eq(change_count, 0);
}
END_TEST

START_TEST(a_schedule_that_stands_still_leaves_no_old_value_standing)
{
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    machine->probes[SAMPLE_PROBE_LATENCY].missing_after = 3;
    restart();
    read_latency(duration(100), 1000);
    /* three intervals of 5 s, the time of one answer, and a second and a half */
    look(RBK_NONE, 19500);
    ck_assert_uint_eq(change_count, 0);
    look(RBK_NONE, 19501);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_MISSING);
    read_latency(duration(100), 19600);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(a_watch_that_stood_still_does_not_know_and_is_not_missing)
{
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    restart();
    read_latency(duration(300), 1000);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
    rbk_watch_woke(watch, false, 3000); /* not yet due */
    look(RBK_NONE, 3000);
    rbk_watch_woke(watch, false, 60000);
    look(RBK_NONE, 60000);
    ck_assert_uint_eq(change_count, 0);
    /* a check sees no old value */
    ck_assert(rbk_watch_window(watch, machine->window_count - 1, 60000).missing);
    read_latency(duration(100), 60100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_FALSE);
    /* what then gives nothing is missing */
    rbk_watch_woke(watch, false, 120000);
    read_latency(nothing(), 120100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_MISSING);
    rbk_watch_woke(watch, false, 180000);
    look(RBK_NONE, 180000);
    ck_assert_uint_eq(change_count, 0);
}
END_TEST

START_TEST(a_span_does_not_go_on_while_nobody_watches)
{
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    machine->triggers[SAMPLE_TRIGGER_SLOW].for_ms = 20000;
    restart();
    read_latency(duration(300), 1000);
    rbk_watch_woke(watch, false, 60000);
    look(RBK_NONE, 60000);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    read_latency(duration(300), 60100);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 80100);
    /* one that was complete stays so */
    read_latency(duration(300), 80100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
    rbk_watch_woke(watch, false, 200000);
    read_latency(duration(300), 200100);
    ck_assert_uint_eq(change_count, 0);
}
END_TEST

START_TEST(a_second_look_has_its_time_when_the_watch_goes_on)
{
    read_latency(duration(300), 1000);
    expect_asked();
    rbk_watch_woke(watch, false, 60000);
    look(RBK_NONE, 60000);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 70000);
    read_latency(duration(100), 60100);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_REFUTED, false, RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(what_was_read_before_a_sleep_leaves_the_windows)
{
    uint64_t count = 9;
    machine->windows[0] = (struct rbk_window){RBK_WINDOW_COUNT, SAMPLE_PROBE_LATENCY, 30000};
    restart();
    read_latency(duration(300), 10000);
    read_latency(duration(300), 15000);
    ck_assert_int_eq(rbk_watch_window(watch, 0, 15000).as.integer, 2);
    rbk_watch_woke(watch, true, 15500);
    ck_assert_uint_eq(rbk_watch_mean(watch, SAMPLE_PROBE_LATENCY, 30000, 15500, &count).missing, 1);
    ck_assert_uint_eq(count, 0);
    read_latency(duration(300), 20100);
    ck_assert_int_eq(rbk_watch_window(watch, 0, 20100).as.integer, 1);
}
END_TEST

START_TEST(an_own_reading_waits_for_probes_nobody_has_read)
{
    machine->triggers[SAMPLE_TRIGGER_OWN].confirm_ms = 0;
    restart();
    change_count =
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_MISSING, 1000, changes);
    expect(SAMPLE_TRIGGER_OWN, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_MISSING);
    /* the same with a probe in it */
    machine->triggers[SAMPLE_TRIGGER_SLOW].every_ms = 5000;
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    restart();
    ck_assert_uint_eq(
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_SLOW, RBK_LEVEL_MISSING, 1000, changes), 0);
    rbk_watch_feed(watch, SAMPLE_PROBE_LATENCY, nothing(), 1100);
    ck_assert_uint_eq(
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_SLOW, RBK_LEVEL_MISSING, 1200, changes), 1);
}
END_TEST

START_TEST(an_average_of_old_readings_is_missing_too)
{
    machine->triggers[SAMPLE_TRIGGER_ERRORS].except.count = 0;
    restart();
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_number(RBK_TYPE_RATIO, 0.01), 1000);
    look(SAMPLE_PROBE_ERRORS, 1000);
    uint64_t limit_ms = machine->probes[SAMPLE_PROBE_ERRORS].every_ms *
                            machine->probes[SAMPLE_PROBE_ERRORS].missing_after +
                        machine->probes[SAMPLE_PROBE_ERRORS].timeout_ms + 1500;
    ck_assert_uint_lt(limit_ms, 60000); /* the reading itself is still in the window */
    look(RBK_NONE, 1000 + limit_ms);
    ck_assert_uint_eq(change_count, 0);
    look(RBK_NONE, 1001 + limit_ms);
    expect(SAMPLE_TRIGGER_ERRORS, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_MISSING);
}
END_TEST

START_TEST(readings_of_two_probes_are_not_two_readings_of_one)
{
    /* errors or latency: as a plan says `errors > 5% or p99 > 1s for 3 readings` */
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    machine->triggers[SAMPLE_TRIGGER_SLOW].for_readings = 3;
    struct rbk_expr *slow = &machine->exprs[machine->triggers[SAMPLE_TRIGGER_SLOW].condition];
    struct rbk_expr *errors = &machine->exprs[machine->triggers[SAMPLE_TRIGGER_ERRORS].condition];
    struct rbk_op_code *both = rbk_new_array(&arena, struct rbk_op_code, 64);
    struct rbk_op_code *codes =
        rbk_new_array(&arena, struct rbk_op_code, machine->code_count + (size_t)64);
    uint32_t count = 0;
    for (uint32_t i = 0; i < slow->code.count; i++) {
        both[count++] = machine->codes[slow->code.first + i];
    }
    for (uint32_t i = 0; i < errors->code.count; i++) {
        both[count++] = machine->codes[errors->code.first + i];
    }
    both[count++] = (struct rbk_op_code){RBK_OP_OR, 0};
    memcpy(codes, machine->codes, machine->code_count * sizeof *codes);
    memcpy(codes + machine->code_count, both, count * sizeof *codes);
    slow->code = (struct rbk_slice){machine->code_count, count};
    machine->codes = codes;
    machine->code_count += count;
    restart();
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_number(RBK_TYPE_RATIO, 0), 900);
    look(RBK_NONE, 900); /* armed */
    read_latency(duration(300), 1000);
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_number(RBK_TYPE_RATIO, 0), 1100);
    look(SAMPLE_PROBE_ERRORS, 1100);
    ck_assert_uint_eq(rbk_watch_true_readings(watch, SAMPLE_TRIGGER_SLOW), 1);
    read_latency(duration(300), 2000);
    ck_assert_uint_eq(change_count, 0);
    ck_assert_uint_eq(rbk_watch_true_readings(watch, SAMPLE_TRIGGER_SLOW), 2);
    read_latency(duration(300), 3000);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
    read_latency(duration(100), 4000);
    ck_assert_uint_eq(rbk_watch_true_readings(watch, SAMPLE_TRIGGER_SLOW), 0);
}
END_TEST

START_TEST(a_count_is_not_judged_by_what_nobody_watched)
{
    /* `count(p99, 20s) < 3`, of a probe every 5 s */
    struct rbk_expr *expr = &machine->exprs[machine->triggers[SAMPLE_TRIGGER_SLOW].condition];
    struct rbk_op_code *codes =
        rbk_new_array(&arena, struct rbk_op_code, machine->code_count + (size_t)3);
    struct rbk_value *constants =
        rbk_new_array(&arena, struct rbk_value, machine->constant_count + (size_t)1);
    memcpy(constants, machine->constants, machine->constant_count * sizeof *constants);
    constants[machine->constant_count] = rbk_value_integer(RBK_TYPE_INT, 3);
    memcpy(codes, machine->codes, machine->code_count * sizeof *codes);
    codes[machine->code_count] = (struct rbk_op_code){RBK_OP_WINDOW, 0};
    codes[machine->code_count + 1] = (struct rbk_op_code){RBK_OP_CONST, machine->constant_count};
    codes[machine->code_count + 2] = (struct rbk_op_code){RBK_OP_LT, 0};
    expr->code = (struct rbk_slice){machine->code_count, 3};
    machine->code_count += 3;
    machine->constant_count++;
    machine->constants = constants;
    machine->codes = codes;
    machine->windows[0] = (struct rbk_window){RBK_WINDOW_COUNT, SAMPLE_PROBE_LATENCY, 20000};
    machine->triggers[SAMPLE_TRIGGER_SLOW].confirm_ms = 0;
    machine->probes[SAMPLE_PROBE_LATENCY].missing_after = 100;
    restart();
    for (uint64_t now_ms = 1000; now_ms <= 11000; now_ms += 5000) {
        read_latency(duration(1), now_ms);
        ck_assert_uint_eq(change_count, 0);
    }
    look(RBK_NONE, 16000);
    ck_assert_uint_eq(change_count, 0); /* three, maybe more */
    look(RBK_NONE, 20000);
    ck_assert_uint_eq(change_count, 0);
    look(RBK_NONE, 21000); /* watched for all of it, and two are left */
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
    read_latency(duration(1), 22000);
    expect(SAMPLE_TRIGGER_SLOW, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(an_alert_does_not_grow_old)
{
    rbk_watch_feed(watch, SAMPLE_PROBE_PAGED, rbk_value_bool(true), 1000);
    look(SAMPLE_PROBE_PAGED, 1000);
    expect(SAMPLE_TRIGGER_PAGED, RBK_CONFIRMATION_NONE, true, RBK_LEVEL_TRUE);
    look(RBK_NONE, UINT64_C(1) << 40);
    ck_assert_uint_eq(change_count, 0);
}
END_TEST

START_TEST(an_alert_nobody_told_of_was_told_of_never)
{
    machine->windows[0] = (struct rbk_window){RBK_WINDOW_COUNT, SAMPLE_PROBE_PAGED, 60000};
    restart();
    ck_assert_int_eq(rbk_watch_window(watch, 0, 1000).as.integer, 0);
    ck_assert(!rbk_watch_window(watch, 0, 1000).missing);
    rbk_watch_feed(watch, SAMPLE_PROBE_PAGED, rbk_value_bool(true), 1000);
    ck_assert_int_eq(rbk_watch_window(watch, 0, 2000).as.integer, 1);
}
END_TEST

START_TEST(what_is_no_finite_value_is_a_failed_reading)
{
    static const double odd[] = {NAN, -NAN, INFINITY, -INFINITY};
    static const char *const words[] = {"", "many", "NaN", "Inf", "1,5", "1 2", "0x10"};
    uint64_t now_ms = 1000;
    machine->probes[SAMPLE_PROBE_ERRORS].type = RBK_TYPE_NUMBER;
    machine->probes[SAMPLE_PROBE_ERRORS].missing_after = 2;
    restart();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct rbk_value value = {.type = RBK_TYPE_NUMBER, .as.number = odd[i]};
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_integer(RBK_TYPE_INT, 7), now_ms++);
        ck_assert(!rbk_watch_window(watch, 0, now_ms).missing);
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, value, now_ms++);
        ck_assert(!rbk_watch_window(watch, 0, now_ms).missing);
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, value, now_ms++);
        ck_assert(rbk_watch_window(watch, 0, now_ms).missing);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct rbk_value value = rbk_value_text(RBK_TYPE_SCALAR, rbk_str_from(words[i]));
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_integer(RBK_TYPE_INT, 7), now_ms++);
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, value, now_ms++);
        rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, value, now_ms++);
        ck_assert_msg(rbk_watch_window(watch, 0, now_ms).missing, "\"%s\" was taken", words[i]);
    }
    /* none of it is in the mean */
    rbk_watch_feed(watch, SAMPLE_PROBE_ERRORS, rbk_value_integer(RBK_TYPE_INT, 7), now_ms);
    ck_assert(rbk_watch_window(watch, 0, now_ms).as.number == 7);
}
END_TEST

START_TEST(a_baseline_knows_how_many_readings_it_comes_of)
{
    uint64_t count = 0;
    struct rbk_value mean;
    read_latency(duration(100), 1000);
    read_latency(nothing(), 6000);
    read_latency(duration(200), 11000);
    mean = rbk_watch_mean(watch, SAMPLE_PROBE_LATENCY, 60000, 11000, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(mean.as.integer, 150);
    mean = rbk_watch_mean(watch, SAMPLE_PROBE_LATENCY, 60000, 200000, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert(mean.missing);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("confirm");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_second_reading_that_agrees_fires);
    tcase_add_test(cases, a_second_reading_that_disagrees_does_not_fire);
    tcase_add_test(cases, no_second_reading_fires_when_the_time_is_up);
    tcase_add_test(cases, a_tolerated_failure_is_no_second_look);
    tcase_add_test(cases, a_reading_begun_before_the_first_look_is_not_the_second);
    tcase_add_test(cases, refuted_after_a_span_begins_the_span_anew);
    tcase_add_test(cases, a_window_is_judged_with_one_reading_more);
    tcase_add_test(cases, readings_of_its_own_are_taken_again);
    tcase_add_test(cases, its_own_reading_unanswered_fires_when_the_time_is_up);
    tcase_add_test(cases, an_alert_in_the_condition_is_not_waited_for);
    tcase_add_test(cases, a_restart_in_the_middle_looks_twice_again);
    tcase_add_test(cases, what_had_fired_before_a_restart_is_not_confirmed_again);
    tcase_add_test(cases, a_trigger_that_is_disarmed_waits_for_nothing);
    tcase_add_test(cases, a_schedule_that_stands_still_leaves_no_old_value_standing);
    tcase_add_test(cases, a_watch_that_stood_still_does_not_know_and_is_not_missing);
    tcase_add_test(cases, a_span_does_not_go_on_while_nobody_watches);
    tcase_add_test(cases, a_second_look_has_its_time_when_the_watch_goes_on);
    tcase_add_test(cases, what_was_read_before_a_sleep_leaves_the_windows);
    tcase_add_test(cases, an_own_reading_waits_for_probes_nobody_has_read);
    tcase_add_test(cases, an_average_of_old_readings_is_missing_too);
    tcase_add_test(cases, readings_of_two_probes_are_not_two_readings_of_one);
    tcase_add_test(cases, a_count_is_not_judged_by_what_nobody_watched);
    tcase_add_test(cases, an_alert_does_not_grow_old);
    tcase_add_test(cases, an_alert_nobody_told_of_was_told_of_never);
    tcase_add_test(cases, what_is_no_finite_value_is_a_failed_reading);
    tcase_add_test(cases, a_baseline_knows_how_many_readings_it_comes_of);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("core/watch_confirm");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count ? EXIT_FAILURE : EXIT_SUCCESS;
}
