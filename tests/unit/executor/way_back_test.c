/*
 * The way back is watched, in virtual time: way_back.c itself, with a clock, readings and a queue
 * of the test's own. One stage stands applied, and its only strategy has a condition that is read
 * every minute.
 */
#include "runtime/core/base/attributes.h"
#include "runtime/executor/run_internal.h"

#include <check.h>
#include <stdlib.h>

#define START_MS 1000000u

static uint64_t now_ms, timer_due_ms;
static uv_timer_cb timer_callback; /* NULL: it is stopped */

static unsigned begun;
static void *reading_owner; /* NULL: none is under way */
static rbk_reading_fn *reading_done;

static unsigned posted;
static enum rbk_level posted_level;

static struct rbk_machine machine;
static struct rbk_region region;
static struct rbk_machine_state applied;
static struct rbk_strategy strategy;
static struct rbk_way_known known;
static struct rbk_replay replay;
static struct rbk_run run;

/* ---- the clock, the readings, the queue -------------------------------------------------------
 */

uint64_t uv_now(const uv_loop_t *at)
{
    (void)at;
    return now_ms;
}

void uv_update_time(uv_loop_t *at)
{
    (void)at;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout, uint64_t repeat)
{
    (void)timer;
    ck_assert_uint_eq(repeat, 0);
    timer_callback = callback;
    timer_due_ms = now_ms + timeout;
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    (void)timer;
    timer_callback = NULL;
    return 0;
}

int rbk_reading_start(struct rbk_reader *reader, uint32_t expr, const char *name, const char *stage,
                      uint64_t timeout_ms, void *owner, rbk_reading_fn *on_done,
                      struct rbk_reading **ret_reading, struct rbk_error *reterr)
{
    static char reading;
    (void)reader, (void)expr, (void)name, (void)stage, (void)timeout_ms, (void)reterr;
    ck_assert_msg(reading_owner == NULL, "two readings of one condition at once");
    begun++;
    reading_owner = owner;
    reading_done = on_done;
    *ret_reading = (struct rbk_reading *)(void *)&reading;
    return 0;
}

void rbk_reading_cancel(struct rbk_reading *reading)
{
    (void)reading;
    reading_owner = NULL;
}

void rbk_reading_describe(const struct rbk_reading *reading, struct rbk_buffer *out)
{
    (void)reading, (void)out;
}

struct rbk_str rbk_secrets_redact(const struct rbk_secrets *secrets, struct rbk_arena *arena,
                                  struct rbk_str text)
{
    (void)secrets;
    return rbk_arena_copy(arena, text);
}

uint64_t rbk_run_clock_ms(const struct rbk_run *of)
{
    (void)of;
    return now_ms;
}

struct queued *rbk_queue_new(struct rbk_run *of, enum rbk_event_kind kind)
{
    struct queued *queued = calloc(1, sizeof(*queued));
    (void)of;
    ck_assert_ptr_nonnull(queued);
    ck_assert_int_eq(kind, RBK_EVENT_WAY_BACK);
    rbk_arena_init(&queued->arena, (size_t)1 << 20);
    return queued;
}

/* What step() makes of it. */
void rbk_queue_push(struct rbk_run *of, struct queued *queued)
{
    struct rbk_region_state *state = rbk_state_region(&machine, of->replay->state, 0);
    posted++;
    posted_level = queued->record.event.level;
    state->flags = posted_level == RBK_LEVEL_FALSE     ? RBK_FLAG_WAY_CLOSED
                   : posted_level == RBK_LEVEL_MISSING ? RBK_FLAG_WAY_CLOSING
                                                       : 0;
    rbk_arena_fini(&queued->arena);
    free(queued);
}

/* ---- the stage --------------------------------------------------------------------------------
 */

static void set_up(void)
{
    now_ms = START_MS;
    timer_callback = NULL;
    begun = posted = 0;
    reading_owner = NULL;
    applied = (struct rbk_machine_state){.kind = RBK_STATE_APPLIED};
    strategy = (struct rbk_strategy){.when = 0, .name = RBK_STR("down")};
    region = (struct rbk_region){
        .kind = RBK_REGION_STAGE, .name = RBK_STR("a"), .strategies = {.first = 0, .count = 1}};
    machine = (struct rbk_machine){.regions = &region,
                                   .region_count = 1,
                                   .states = &applied,
                                   .state_count = 1,
                                   .strategies = &strategy,
                                   .strategy_count = 1};
    known = (struct rbk_way_known){RBK_LEVEL_MISSING, 0};
    replay = (struct rbk_replay){.machine = &machine, .ways = &known};
    replay.state = calloc(1, rbk_state_bytes(&machine));
    ck_assert_ptr_nonnull(replay.state);
    replay.state->bytes = (uint32_t)rbk_state_bytes(&machine);
    rbk_state_region(&machine, replay.state, 0)->flags = RBK_FLAG_WAY_UNREAD;
    run.replay = &replay;
    rbk_arena_init(&run.scratch, (size_t)1 << 20);
    ck_assert_int_eq(rbk_ways_open(&run), 0);
    rbk_ways_after_step(&run);
}

static void tear_down(void)
{
    rbk_ways_stop(&run);
    rbk_ways_free(&run);
    rbk_arena_fini(&run.scratch);
    free(replay.state);
}

/* Let time pass, with everything that comes due meanwhile. */
static void pass(uint64_t ms)
{
    uint64_t end_ms = now_ms + ms;
    for (unsigned turns = 0; timer_callback != NULL && timer_due_ms <= end_ms; turns++) {
        uv_timer_cb callback = timer_callback;
        uv_timer_t timer = {.data = &run};
        ck_assert_uint_lt(turns, 1000);
        now_ms = timer_due_ms > now_ms ? timer_due_ms : now_ms;
        timer_callback = NULL;
        callback(&timer);
    }
    now_ms = end_ms;
}

static void answer(struct rbk_value value)
{
    void *owner = reading_owner;
    ck_assert_ptr_nonnull(owner);
    reading_owner = NULL;
    reading_done(owner, NULL, value, RBK_STR(""));
}

/* ---- promises ---------------------------------------------------------------------------------
 */

START_TEST(an_answer_is_told_once_and_asked_for_again_a_minute_later)
{
    pass(0);
    ck_assert_uint_eq(begun, 1);
    answer(rbk_value_bool(true));
    ck_assert_uint_eq(posted, 1);
    ck_assert_int_eq(posted_level, RBK_LEVEL_TRUE);
    pass(59999);
    ck_assert_uint_eq(begun, 1);
    pass(1);
    ck_assert_uint_eq(begun, 2);
    answer(rbk_value_bool(true));
    ck_assert_uint_eq(posted, 1);
}
END_TEST

START_TEST(a_reading_that_never_ends_closes_the_way_back)
{
    pass(10000);
    ck_assert_uint_eq(posted, 0);
    pass(10000);
    /* two looks without an answer: the run is held, and a person asked, instead of waiting */
    ck_assert_uint_eq(posted, 1);
    ck_assert_int_eq(posted_level, RBK_LEVEL_FALSE);
    ck_assert(!rbk_ways_unread(&run));
    pass(600000);
    ck_assert_uint_eq(begun, 1);
    ck_assert_uint_eq(posted, 1);
}
END_TEST

START_TEST(a_reading_that_ends_late_is_taken_anew)
{
    pass(20000);
    ck_assert_int_eq(posted_level, RBK_LEVEL_FALSE);
    answer(rbk_value_bool(true));
    ck_assert_uint_eq(posted, 1);
    pass(5000);
    ck_assert_uint_eq(begun, 2);
    answer(rbk_value_bool(true));
    ck_assert_uint_eq(posted, 2);
    ck_assert_int_eq(posted_level, RBK_LEVEL_TRUE);
}
END_TEST

START_TEST(a_stage_that_stands_no_more_is_let_go_of)
{
    pass(15000);
    applied.kind = RBK_STATE_WAITING;
    rbk_ways_after_step(&run);
    ck_assert_ptr_null(reading_owner);
    ck_assert(timer_callback == NULL);
    applied.kind = RBK_STATE_APPLIED;
    rbk_ways_after_step(&run);
    pass(0);
    answer(rbk_value_bool(true)); /* in time: it is not late any more */
    ck_assert_int_eq(posted_level, RBK_LEVEL_TRUE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor/way_back");
    TCase *cases = tcase_create("way_back");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_answer_is_told_once_and_asked_for_again_a_minute_later);
    tcase_add_test(cases, a_reading_that_never_ends_closes_the_way_back);
    tcase_add_test(cases, a_reading_that_ends_late_is_taken_anew);
    tcase_add_test(cases, a_stage_that_stands_no_more_is_let_go_of);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
