/*
 * Watching in virtual time: windows against a naive walk over the whole series, and the levels of
 * triggers with `for`, missing probes and arming. The sample machine has the triggers; the state is
 * set by hand, only as far as arming needs it.
 */
#include "runtime/core/watch.h"

#include "tests/unit/core/machine/sample_machine.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rbk_arena arena;
static struct rbk_machine *machine;
static struct rbk_state *state;
static struct rbk_watch *watch;
static struct rbk_watch_change changes[16];

static void set_up(void)
{
    rbk_arena_init(&arena, (size_t)16 << 20);
    machine = sample_machine(&arena);
    state = rbk_arena_alloc(&arena, rbk_state_bytes(machine), 8);
    rbk_state_init(machine, state);
    watch = rbk_watch_new(machine);
    ck_assert_ptr_nonnull(watch);
}

static void tear_down(void)
{
    rbk_watch_free(watch);
    rbk_arena_fini(&arena);
}

/* The first effect of the first apply has begun: triggers of the plan and of `move` are armed. */
static void start_apply(void)
{
    struct rbk_region_state *plan = rbk_state_region(machine, state, 0);
    struct rbk_region_state *move = rbk_state_region(machine, state, SAMPLE_REGION_MOVE);
    state->status = RBK_STATUS_RUNNING;
    state->started_ms = 1;
    state->first_effect_ms = 1;
    plan->state = machine->stages_state;
    plan->mode = RBK_MODE_RUNNING;
    move->state = SAMPLE_STATE_APPLY;
    move->mode = RBK_MODE_RUNNING;
    move->order = 1;
    ck_assert(rbk_trigger_armed(machine, state, SAMPLE_TRIGGER_PAGED));
}

static size_t feed(uint32_t probe, struct rbk_value value, uint64_t now_ms)
{
    rbk_watch_feed(watch, probe, value, now_ms);
    return rbk_watch_evaluate(watch, state, NULL, probe, now_ms, changes);
}

static struct rbk_value ratio(double number)
{
    return rbk_value_number(RBK_TYPE_RATIO, number);
}

static struct rbk_value duration(int64_t ms)
{
    return rbk_value_integer(RBK_TYPE_DURATION, ms);
}

static struct rbk_value failed(void)
{
    return rbk_value_missing(RBK_TYPE_RATIO);
}

/* One change, of this trigger to this level. */
static void expect_change(size_t count, uint32_t trigger, enum rbk_level level)
{
    ck_assert_uint_eq(count, 1);
    ck_assert(!changes[0].criterion);
    ck_assert_uint_eq(changes[0].index, trigger);
    ck_assert_int_eq(changes[0].level, level);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* ---- windows --------------------------------------------------------------------------------- */

#define SERIES_MAX 4000
struct sample {
    uint64_t at_ms;
    bool good;
    double number;
};

/* What the latest `capacity` good readings of the last over_ms come to, by walking them all. */
static size_t naive(const struct sample *series, size_t count, size_t capacity, uint64_t over_ms,
                    uint64_t now_ms, double *ret_sum, double *ret_min, double *ret_max)
{
    size_t good = 0, first = count;
    for (size_t kept = 0; first > 0 && kept < capacity;) {
        kept += series[--first].good;
    }
    *ret_sum = 0;
    for (size_t i = first; i < count; i++) {
        bool inside = over_ms == 0 || series[i].at_ms + over_ms > now_ms;
        if (!series[i].good || !inside) {
            continue;
        }
        *ret_min = good == 0 || series[i].number < *ret_min ? series[i].number : *ret_min;
        *ret_max = good == 0 || series[i].number > *ret_max ? series[i].number : *ret_max;
        *ret_sum += series[i].number;
        good++;
    }
    return good;
}

static void compare_windows(uint64_t seed, uint32_t capacity, uint64_t over_ms)
{
    static const enum rbk_window_kind kinds[] = {RBK_WINDOW_AVG, RBK_WINDOW_MIN, RBK_WINDOW_MAX,
                                                 RBK_WINDOW_COUNT};
    static struct sample series[SERIES_MAX];
    for (uint32_t i = 0; i < 4; i++) {
        machine->windows[3 + i] = (struct rbk_window){kinds[i], SAMPLE_PROBE_LATENCY, over_ms};
    }
    machine->window_count = 7;
    machine->probes[SAMPLE_PROBE_LATENCY].type = RBK_TYPE_NUMBER;
    machine->probes[SAMPLE_PROBE_LATENCY].ring_capacity = capacity;
    machine->probes[SAMPLE_PROBE_LATENCY].missing_after = SERIES_MAX + 1;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    uint64_t now_ms = 1;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        uint64_t random = next_random(&seed);
        now_ms += random % 700;
        /* Now and then a number that would leave a large error behind if it were subtracted. */
        double number = random % 97 == 0 ? 1e18 : (double)(int64_t)(random >> 40) / 1000;
        series[i] = (struct sample){now_ms, random % 7 != 0, number};
        rbk_watch_feed(watch, SAMPLE_PROBE_LATENCY,
                       series[i].good ? rbk_value_number(RBK_TYPE_NUMBER, number) : failed(),
                       now_ms);
        uint64_t later_ms = now_ms + random / 11 % 900;
        double sum = 0;
        double min = 0;
        double max = 0;
        size_t good = naive(series, i + 1, capacity, over_ms, later_ms, &sum, &min, &max);
        struct rbk_value count = rbk_watch_window(watch, 6, later_ms);
        ck_assert_int_eq(count.as.integer, (int64_t)good);
        struct rbk_value avg = rbk_watch_window(watch, 3, later_ms);
        struct rbk_value mean =
            rbk_watch_mean(watch, SAMPLE_PROBE_LATENCY, over_ms, later_ms, NULL);
        ck_assert_int_eq(avg.missing, good == 0);
        ck_assert_int_eq(mean.missing, good == 0);
        if (good > 0) {
            double expected = sum / (double)good;
            ck_assert(fabs(avg.as.number - expected) <= fabs(expected) * 1e-12);
            ck_assert(mean.as.number == expected);
            ck_assert(rbk_watch_window(watch, 4, later_ms).as.number == min);
            ck_assert(rbk_watch_window(watch, 5, later_ms).as.number == max);
        } else {
            ck_assert(rbk_watch_window(watch, 4, later_ms).missing);
        }
        now_ms = later_ms;
    }
}

START_TEST(windows_agree_with_a_naive_walk)
{
    compare_windows(1, 64, 10000);
    compare_windows(2, 8, 60000);
    compare_windows(3, 1, 500);
    compare_windows(4, 100, 0);
    compare_windows(5, 4096, 1000000);
}
END_TEST

START_TEST(the_mean_of_durations_is_a_rounded_duration)
{
    machine->windows[3] = (struct rbk_window){RBK_WINDOW_AVG, SAMPLE_PROBE_LATENCY, 60000};
    machine->window_count = 4;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    ck_assert(rbk_watch_window(watch, 3, 1).missing);
    (void)feed(SAMPLE_PROBE_LATENCY, duration(1), 1);
    (void)feed(SAMPLE_PROBE_LATENCY, duration(2), 2);
    (void)feed(SAMPLE_PROBE_LATENCY, duration(5), 3);
    struct rbk_value avg = rbk_watch_window(watch, 3, 3);
    ck_assert_int_eq(avg.type, RBK_TYPE_DURATION);
    ck_assert_int_eq(avg.as.integer, 3);
    ck_assert_uint_eq(rbk_watch_readings(watch, SAMPLE_PROBE_LATENCY), 3);
}
END_TEST

START_TEST(the_last_good_value_stands_until_missing_after)
{
    /* `errors` is missing after 2. */
    machine->windows[3] = (struct rbk_window){RBK_WINDOW_LAST, SAMPLE_PROBE_ERRORS, 0};
    machine->window_count = 4;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    (void)feed(SAMPLE_PROBE_ERRORS, ratio(0.25), 1);
    (void)feed(SAMPLE_PROBE_ERRORS, failed(), 2);
    ck_assert(rbk_watch_window(watch, 3, 2).as.number == 0.25);
    (void)feed(SAMPLE_PROBE_ERRORS, ratio((double)NAN), 3);
    ck_assert(rbk_watch_window(watch, 3, 3).missing);
    ck_assert(rbk_watch_window(watch, 0, 3).missing);
    (void)feed(SAMPLE_PROBE_ERRORS, rbk_value_text(RBK_TYPE_SCALAR, RBK_STR("0.5\n")), 4);
    ck_assert(rbk_watch_window(watch, 3, 4).as.number == 0.5);
    ck_assert(rbk_watch_window(watch, 0, 4).as.number == 0.375);
}
END_TEST

START_TEST(text_of_a_probe_is_kept_by_the_watch)
{
    machine->probes[SAMPLE_PROBE_LATENCY].type = RBK_TYPE_SCALAR;
    char bytes[] = "ready";
    rbk_watch_feed(watch, SAMPLE_PROBE_LATENCY,
                   rbk_value_text(RBK_TYPE_SCALAR, rbk_str_from(bytes)), 1);
    (void)memcpy(bytes, "gone!", 5);
    ck_assert(rbk_str_is(rbk_watch_window(watch, 2, 1).as.text, "ready"));
}
END_TEST

/* ---- levels ---------------------------------------------------------------------------------- */

START_TEST(a_trigger_that_is_not_armed_has_no_level)
{
    ck_assert_uint_eq(feed(SAMPLE_PROBE_PAGED, rbk_value_bool(true), 1), 0);
    start_apply();
    expect_change(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 2, changes),
                  SAMPLE_TRIGGER_PAGED, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 3, changes), 0);
    expect_change(feed(SAMPLE_PROBE_PAGED, rbk_value_bool(false), 4), SAMPLE_TRIGGER_PAGED,
                  RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(a_pushed_probe_reads_false_before_anything_arrives)
{
    start_apply();
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 1, changes), 0);
    ck_assert(!rbk_watch_window(watch, 1, 1).missing);
}
END_TEST

START_TEST(a_polled_probe_is_not_missing_before_it_was_read)
{
    start_apply();
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 1, changes), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(100), 2), 1);
    /* its baseline was not measured */
    ck_assert_int_eq(changes[0].level, RBK_LEVEL_MISSING);
}
END_TEST

START_TEST(for_a_span_needs_an_unbroken_one)
{
    start_apply();
    rbk_watch_set_baseline(watch, 0, duration(100));
    uint64_t since_ms = 0;
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 21000);
    ck_assert_int_eq(rbk_watch_raw_level(watch, SAMPLE_TRIGGER_SLOW, &since_ms), RBK_LEVEL_TRUE);
    ck_assert_uint_eq(since_ms, 1000);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(150), 11000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 16000), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 31000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 36000);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 35999, changes), 0);
    expect_change(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 36000, changes),
                  SAMPLE_TRIGGER_SLOW, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(100), 37000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(a_missing_probe_breaks_the_span)
{
    start_apply();
    rbk_watch_set_baseline(watch, 0, duration(100));
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, failed(), 6000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_MISSING);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 11000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 31000);
}
END_TEST

START_TEST(a_span_that_was_complete_stays_so_over_a_gap)
{
    start_apply();
    rbk_watch_set_baseline(watch, 0, duration(100));
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 21000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_TRUE);
    expect_change(feed(SAMPLE_PROBE_LATENCY, failed(), 26000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_MISSING);
    /* it was never seen not to hold: no FALSE comes between, after which TRUE were a new edge */
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 31000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_TRUE);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(100), 36000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 41000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 61000);
}
END_TEST

START_TEST(for_readings_counts_good_ones_in_a_row)
{
    start_apply();
    machine->triggers[SAMPLE_TRIGGER_ERRORS].for_readings = 3;
    machine->triggers[SAMPLE_TRIGGER_ERRORS].except.count = 0;
    machine->criterion_count = 0;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    machine->probes[SAMPLE_PROBE_ERRORS].missing_after = 2;
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 1, changes), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.9), 1000), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.9), 2000), 0);
    /* neither time alone nor a tolerated failure counts */
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 2500, changes), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, failed(), 3000), 0);
    expect_change(feed(SAMPLE_PROBE_ERRORS, ratio(0.9), 4000), SAMPLE_TRIGGER_ERRORS,
                  RBK_LEVEL_TRUE);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.9), 5000), 0);
}
END_TEST

START_TEST(readings_of_its_own_follow_the_same_rules)
{
    start_apply();
    for (uint64_t now_ms = 1000; now_ms < 3000; now_ms += 1000) {
        ck_assert_uint_eq(
            rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, now_ms, changes), 0);
    }
    expect_change(
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_MISSING, 3000, changes),
        SAMPLE_TRIGGER_OWN, RBK_LEVEL_MISSING);
    expect_change(rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 4000, changes),
                  SAMPLE_TRIGGER_OWN, RBK_LEVEL_FALSE);
    ck_assert_uint_eq(
        rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 5000, changes), 0);
    expect_change(rbk_watch_level(watch, state, SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE, 6000, changes),
                  SAMPLE_TRIGGER_OWN, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(arming_again_begins_again)
{
    start_apply();
    rbk_watch_set_baseline(watch, 0, duration(100));
    (void)feed(SAMPLE_PROBE_LATENCY, duration(300), 1000);
    state->first_effect_ms = 0;
    rbk_state_region(machine, state, SAMPLE_REGION_MOVE)->order = 0;
    ck_assert(!rbk_trigger_armed(machine, state, SAMPLE_TRIGGER_SLOW));
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 2000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 0);
    start_apply();
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 30000), 0);
    ck_assert_uint_eq(rbk_watch_next_due(watch), 50000);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 50000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(after_a_restart_the_level_known_to_the_state_is_the_one_before)
{
    start_apply();
    rbk_state_trigger(machine, state, SAMPLE_TRIGGER_PAGED)->level = RBK_LEVEL_TRUE;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_PAGED, rbk_value_bool(true), 1000), 0);
    expect_change(feed(SAMPLE_PROBE_PAGED, rbk_value_bool(false), 2000), SAMPLE_TRIGGER_PAGED,
                  RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(after_a_restart_a_span_that_was_complete_is_not_waited_for_again)
{
    start_apply();
    rbk_state_trigger(machine, state, SAMPLE_TRIGGER_SLOW)->level = RBK_LEVEL_TRUE;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    rbk_watch_set_baseline(watch, 0, duration(100));
    /* nothing read yet is no edge, and neither is the first reading of a condition that holds */
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 500, changes), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), 0);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 6500, changes), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(100), 26000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
    /* from here on the span counts as ever */
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, duration(300), 27000), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 47000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(after_a_restart_missing_stays_missing_until_something_is_read)
{
    start_apply();
    rbk_state_trigger(machine, state, SAMPLE_TRIGGER_SLOW)->level = RBK_LEVEL_MISSING;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    rbk_watch_set_baseline(watch, 0, duration(100));
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 500, changes), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, failed(), 1000), 0);
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(100), 2000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(after_a_restart_in_a_gap_what_was_true_before_it_still_is)
{
    struct rbk_trigger_state *slow;
    start_apply();
    slow = rbk_state_trigger(machine, state, SAMPLE_TRIGGER_SLOW);
    slow->level = RBK_LEVEL_MISSING;
    slow->seen = UINT32_C(1) << RBK_LEVEL_TRUE;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    rbk_watch_set_baseline(watch, 0, duration(100));
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(after_a_restart_in_a_gap_what_was_false_before_it_waits_for_its_span_anew)
{
    struct rbk_trigger_state *slow;
    start_apply();
    slow = rbk_state_trigger(machine, state, SAMPLE_TRIGGER_SLOW);
    slow->level = RBK_LEVEL_MISSING; /* true, then false while its question was open */
    slow->seen = UINT32_C(1) << RBK_LEVEL_TRUE | UINT32_C(1) << RBK_LEVEL_FALSE;
    rbk_watch_free(watch);
    watch = rbk_watch_new(machine);
    rbk_watch_set_baseline(watch, 0, duration(100));
    expect_change(feed(SAMPLE_PROBE_LATENCY, duration(300), 1000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_FALSE);
}
END_TEST

START_TEST(a_criterion_is_judged_beside_the_triggers)
{
    state->started_ms = 1;
    size_t count = feed(SAMPLE_PROBE_ERRORS, ratio(0.5), 1000);
    ck_assert_uint_eq(count, 1);
    ck_assert(changes[0].criterion);
    ck_assert_uint_eq(changes[0].index, 0);
    ck_assert_int_eq(changes[0].level, RBK_LEVEL_TRUE);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.5), 2000), 0);
}
END_TEST

START_TEST(a_criterion_that_holds_while_the_run_is_stuck_is_given_when_it_goes_on)
{
    state->started_ms = 1;
    state->stuck_ms = 1;
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.5), 1000), 0);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.5), 2000), 0);
    state->stuck_ms = 0;
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 2500, changes), 1);
    ck_assert(changes[0].criterion);
}
END_TEST

START_TEST(a_criterion_that_step_refused_is_given_again)
{
    state->started_ms = 1;
    ck_assert_uint_eq(feed(SAMPLE_PROBE_ERRORS, ratio(0.5), 1000), 1);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 1500, changes), 0);
    rbk_watch_refused(watch, true, 0);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, NULL, RBK_NONE, 2000, changes), 1);
}
END_TEST

START_TEST(a_trigger_that_step_refused_begins_anew)
{
    start_apply();
    expect_change(feed(SAMPLE_PROBE_LATENCY, failed(), 1000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_MISSING);
    ck_assert_uint_eq(feed(SAMPLE_PROBE_LATENCY, failed(), 2000), 0);
    rbk_watch_refused(watch, false, SAMPLE_TRIGGER_SLOW);
    expect_change(feed(SAMPLE_PROBE_LATENCY, failed(), 3000), SAMPLE_TRIGGER_SLOW,
                  RBK_LEVEL_MISSING);
}
END_TEST

START_TEST(a_condition_is_judged_with_the_callers_params)
{
    start_apply();
    /* replicas > 2 and paged */
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_PARAM, 0};
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_CONST, 5};
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_GT, 0};
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_WINDOW, 1};
    machine->codes[machine->code_count++] = (struct rbk_op_code){RBK_OP_AND, 0};
    uint32_t expr = machine->triggers[SAMPLE_TRIGGER_PAGED].condition;
    machine->exprs[expr].code = (struct rbk_slice){machine->code_count - 5, 5};
    struct rbk_value replicas = rbk_value_integer(RBK_TYPE_INT, 2);
    struct rbk_scope scope = {.machine = machine, .params = &replicas};
    rbk_watch_feed(watch, SAMPLE_PROBE_PAGED, rbk_value_bool(true), 1);
    ck_assert_uint_eq(rbk_watch_evaluate(watch, state, &scope, SAMPLE_PROBE_PAGED, 1, changes), 0);
    replicas.as.integer = 3;
    expect_change(rbk_watch_evaluate(watch, state, &scope, SAMPLE_PROBE_PAGED, 2, changes),
                  SAMPLE_TRIGGER_PAGED, RBK_LEVEL_TRUE);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("watch");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, windows_agree_with_a_naive_walk);
    tcase_add_test(cases, the_mean_of_durations_is_a_rounded_duration);
    tcase_add_test(cases, the_last_good_value_stands_until_missing_after);
    tcase_add_test(cases, text_of_a_probe_is_kept_by_the_watch);
    tcase_add_test(cases, a_trigger_that_is_not_armed_has_no_level);
    tcase_add_test(cases, a_pushed_probe_reads_false_before_anything_arrives);
    tcase_add_test(cases, a_polled_probe_is_not_missing_before_it_was_read);
    tcase_add_test(cases, for_a_span_needs_an_unbroken_one);
    tcase_add_test(cases, a_missing_probe_breaks_the_span);
    tcase_add_test(cases, a_span_that_was_complete_stays_so_over_a_gap);
    tcase_add_test(cases, for_readings_counts_good_ones_in_a_row);
    tcase_add_test(cases, readings_of_its_own_follow_the_same_rules);
    tcase_add_test(cases, arming_again_begins_again);
    tcase_add_test(cases, after_a_restart_the_level_known_to_the_state_is_the_one_before);
    tcase_add_test(cases, after_a_restart_a_span_that_was_complete_is_not_waited_for_again);
    tcase_add_test(cases, after_a_restart_missing_stays_missing_until_something_is_read);
    tcase_add_test(cases, after_a_restart_in_a_gap_what_was_true_before_it_still_is);
    tcase_add_test(cases,
                   after_a_restart_in_a_gap_what_was_false_before_it_waits_for_its_span_anew);
    tcase_add_test(cases, a_criterion_is_judged_beside_the_triggers);
    tcase_add_test(cases, a_criterion_that_holds_while_the_run_is_stuck_is_given_when_it_goes_on);
    tcase_add_test(cases, a_criterion_that_step_refused_is_given_again);
    tcase_add_test(cases, a_trigger_that_step_refused_begins_anew);
    tcase_add_test(cases, a_condition_is_judged_with_the_callers_params);
    tcase_set_timeout(cases, 30);
    Suite *suite = suite_create("core/watch");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count ? EXIT_FAILURE : EXIT_SUCCESS;
}
