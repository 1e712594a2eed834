/*
 * The schedule of probes: each is read at once and then on its interval, never twice at a time,
 * less often while it gives nothing; triggers with readings of their own only while they are armed.
 * The readings are of files; the intervals of the machine are made short.
 */
#include "tests/unit/executor/plan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/probes/poll.h"

#define EVERY_MS 40u
#define READINGS_MAX 16

/* When each reading of one probe or trigger came. */
struct seen {
    unsigned count, missing;
    uint64_t at_ms[READINGS_MAX];
    bool last;
};

static struct plan plan;
static uv_loop_t loop;
static struct rbk_poll *poll;
static struct rbk_reader *reader;
static struct rbk_watch *watch;
static struct rbk_scope scope;
static struct rbk_state *state;
static struct seen probes[2], trigger;
static bool closed;

static void note(struct seen *seen, struct rbk_value value)
{
    ck_assert(!closed);
    if (seen->count < READINGS_MAX) {
        seen->at_ms[seen->count] = uv_now(&loop);
    }
    seen->count++;
    seen->missing += value.missing;
    seen->last = !value.missing && value.type == RBK_TYPE_BOOL && value.as.truth;
    uv_stop(&loop);
}

static void on_probe(void *context, uint32_t probe, struct rbk_value value, struct rbk_str message,
                     uint32_t failures)
{
    (void)context;
    (void)failures;
    ck_assert(!value.missing || message.bytes != 0);
    note(&probes[probe], value);
}

static void on_trigger(void *context, uint32_t index, const struct rbk_reading *reading,
                       struct rbk_value value, struct rbk_str message)
{
    (void)reading;
    (void)context;
    (void)message;
    ck_assert_uint_eq(index, 1);
    note(&trigger, value);
}

/* The language has no intervals as short as a test wants them. */
static void make_quick(const struct rbk_machine *machine)
{
    struct rbk_machine *open = (struct rbk_machine *)(uintptr_t)(const void *)machine;

    for (uint32_t i = 0; i < open->probe_count; i++) {
        ((struct rbk_probe *)(uintptr_t)(const void *)&open->probes[i])->every_ms = EVERY_MS;
    }
    for (uint32_t i = 0; i < open->trigger_count; i++) {
        struct rbk_trigger *row = (struct rbk_trigger *)(uintptr_t)(const void *)&open->triggers[i];

        if (row->every_ms != 0) {
            row->every_ms = EVERY_MS;
        }
    }
}

static void setup(void)
{
    plan_open(&plan,
              "probe there = file.exists(\"there\") every 1s\n"
              "probe large = file.size(\"large\") every 1s missing after 3\n"
              "probe pushed = alert(\"Slow\")\n"
              "trigger gone when there then pause\n"
              "trigger own when file.exists(\"there\") every 1s then pause\n"
              "trigger huge when large > 1GiB then pause\n"
              "trigger slow when pushed then pause\n",
              "run \"touch made\" idempotent");
    make_quick(plan.machine);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    scope = (struct rbk_scope){.machine = plan.machine};
    watch = rbk_watch_new(plan.machine);
    const struct rbk_reader_setup readers = {
        .loop = &loop, .scope = &scope, .run = "run", .directory = plan.folder};
    reader = rbk_reader_new(&readers);
    const struct rbk_poll_setup polls = {.loop = &loop,
                                         .machine = plan.machine,
                                         .reader = reader,
                                         .watch = watch,
                                         .on_probe = on_probe,
                                         .on_trigger = on_trigger};
    poll = rbk_poll_new(&polls);
    state = rbk_arena_alloc(&plan.arena, rbk_state_bytes(plan.machine), 8);
    rbk_state_init(plan.machine, state);
    ck_assert_ptr_nonnull(poll);
}

static void on_closed(void *context)
{
    (void)context;
    closed = true;
}

static void teardown(void)
{
    rbk_poll_close(poll, on_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(closed);
    rbk_reader_drop(reader);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    rbk_reader_free(reader);
    rbk_watch_free(watch);
    plan_close(&plan);
}

/* Turns the loop until there are so many readings. */
static void await_readings(const struct seen *seen, unsigned count)
{
    while (seen->count < count) {
        uv_run(&loop, UV_RUN_DEFAULT);
    }
}

START_TEST(each_probe_is_read_at_once_and_on_its_interval)
{
    uint64_t began_ms = uv_now(&loop);

    rbk_poll_start(poll);
    rbk_poll_start(poll); /* once is enough */
    await_readings(&probes[0], 1);
    ck_assert_uint_lt(probes[0].at_ms[0] - began_ms, EVERY_MS * 10);
    await_readings(&probes[0], 5);
    for (int i = 1; i < 5; i++) {
        /* A reading is late by what it took; the next one is not: two may come closer. */
        ck_assert_uint_ge(probes[0].at_ms[i] - probes[0].at_ms[0],
                          EVERY_MS * (unsigned)i - EVERY_MS / 2);
    }
    ck_assert_uint_eq(probes[0].missing, 0);
    ck_assert(!probes[0].last);
    plan_write(&plan, "there", "", 0);
    await_readings(&probes[0], probes[0].count + 2);
    ck_assert(probes[0].last);
}
END_TEST

START_TEST(one_that_gives_nothing_is_read_less_often)
{
    rbk_poll_start(poll);
    await_readings(&probes[1], 7);
    ck_assert_uint_eq(probes[1].missing, 7);
    /* Until it is missing it is asked as ever; then the interval doubles, up to eight times. */
    ck_assert_uint_ge(probes[1].at_ms[4] - probes[1].at_ms[3], EVERY_MS * 2 - EVERY_MS / 2);
    ck_assert_uint_ge(probes[1].at_ms[6] - probes[1].at_ms[5], EVERY_MS * 8 - EVERY_MS / 2);
    ck_assert_uint_ge(probes[0].count, probes[1].count * 2);
    /* What it gives again counts at once. */
    plan_write(&plan, "large", "12", 2);
    await_readings(&probes[1], 9);
    ck_assert_uint_eq(probes[1].missing, 7);
    ck_assert_uint_lt(probes[1].at_ms[8] - probes[1].at_ms[7], EVERY_MS * 7);
}
END_TEST

START_TEST(a_trigger_of_its_own_is_read_only_while_armed)
{
    rbk_poll_start(poll);
    rbk_poll_arm(poll, state);
    await_readings(&probes[0], 3);
    ck_assert_uint_eq(trigger.count, 0);
    state->started_ms = state->first_effect_ms = 1;
    for (uint32_t i = 0; i < plan.machine->regions[0].states.count; i++) {
        uint32_t row = plan.machine->regions[0].states.first + i;

        if (plan.machine->states[row].kind == RBK_STATE_STAGES) {
            rbk_state_region(plan.machine, state, 0)->state = row;
        }
    }
    ck_assert(rbk_trigger_armed(plan.machine, state, 1));
    rbk_poll_arm(poll, state);
    await_readings(&trigger, 3);
    rbk_state_init(plan.machine, memset(state, 0, rbk_state_bytes(plan.machine)));
    rbk_poll_arm(poll, state);
    unsigned before = trigger.count;
    await_readings(&probes[0], probes[0].count + 4);
    ck_assert_uint_le(trigger.count, before + 1); /* one may have been under way */
}
END_TEST

START_TEST(closing_ends_a_reading_under_way)
{
    rbk_poll_start(poll);
    uv_run(&loop, UV_RUN_ONCE); /* the first are begun, none has answered inside the call */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probes poll");
    TCase *cases = tcase_create("poll");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, each_probe_is_read_at_once_and_on_its_interval);
    tcase_add_test(cases, one_that_gives_nothing_is_read_less_often);
    tcase_add_test(cases, a_trigger_of_its_own_is_read_only_while_armed);
    tcase_add_test(cases, closing_ends_a_reading_under_way);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
