/*
 * Machines as the compiler makes them: the goldens of tests/golden/machine are walked at random,
 * with a crash at every accepted event, under the same promises as the hand-made ones. Seeds are
 * printed; RBK_SEED replays one.
 */
#include "tests/unit/core/step/golden.h"
#include "tests/unit/core/step/random.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A run whose windows are open. */
static void start(struct run *run, const struct rbk_machine *machine)
{
    run_init_machine(run, machine);
    run->now_ms = UINT64_C(1798761600000); /* 2027, after every `not before` of the goldens */
    for (size_t i = 0; i < RBK_COUNT(run->report_every_ms); i++) {
        run->report_every_ms[i] =
            86400000; /* a stage may wait for days; every report is an event */
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        run_accept(
            run, (struct rbk_event){.kind = RBK_EVENT_WINDOW, .index = i, .level = RBK_LEVEL_TRUE});
    }
    run_accept(run, (struct rbk_event){.kind = RBK_EVENT_START});
}

START_TEST(compiled_machines_keep_the_promises_in_random_runs)
{
    const char *replay = getenv("RBK_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : 4711u + (uint64_t)_i;
    const char *name = golden_names[(size_t)_i % GOLDEN_COUNT];
    struct rbk_arena arena;
    struct run run;
    rbk_arena_init(&arena, (size_t)64 << 20);
    fprintf(stderr, "%s RBK_SEED=%llu\n", name, (unsigned long long)seed);
    start(&run, golden_load(&arena, name));
    for (int events = 0; events < 1500 && !run.state->ended_ms; events++) {
        bool accepted = false;
        run.agreeable = true; /* mostly straight on, so that every part of the plan is reached */
        if (run_below(&seed, 4)) {
            accepted = run_drive(&run, RBK_RECOVERY_KNOWN);
        } else {
            accepted = run_random_event(&run, &seed) == RBK_REFUSAL_ACCEPTED;
        }
        run.agreeable = run_below(&seed, 2);
        if (accepted && !run.state->ended_ms && events % 3 == 0) {
            run_crash_here(&run, (enum rbk_recovery)(events % 4));
        }
    }
    run_fini(&run);
    rbk_arena_fini(&arena);
}
END_TEST

/* _i: each golden, with nobody answering, then with everybody agreeing. */
START_TEST(compiled_machines_end_when_everything_succeeds)
{
    struct rbk_arena arena;
    struct run run;
    rbk_arena_init(&arena, (size_t)64 << 20);
    const char *name = golden_names[(size_t)_i % GOLDEN_COUNT];
    start(&run, golden_load(&arena, name));
    run.agreeable = (size_t)_i >= GOLDEN_COUNT;
    for (int guard = 0; !run.state->ended_ms; guard++) {
        ck_assert_int_lt(guard, 5000);
        ck_assert(run_drive(&run, RBK_RECOVERY_KNOWN));
    }
    fprintf(stderr, "%s: %s\n", name, rbk_status_name((enum rbk_status)run.state->status));
    run_fini(&run);
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_compiled");
    TCase *tests = tcase_create("compiled");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 50);
    tcase_add_loop_test(tests, compiled_machines_keep_the_promises_in_random_runs, 0, 24);
    tcase_add_loop_test(tests, compiled_machines_end_when_everything_succeeds, 0,
                        2 * (int)GOLDEN_COUNT);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
