/*
 * Machines that pass rbk_machine_check() and make no sense: step() may do nonsense with them, but
 * it neither crashes, nor writes past its actions, nor fails to return. Fields of compiled machines
 * are changed at random until the check lets one through. Seeds are printed; RBK_SEED replays one.
 */
#include "tests/unit/core/step/golden.h"
#include "tests/unit/core/step/random.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A row of a table, with a number that may be one of it, or none. */
static uint32_t some_row(uint64_t *seed, uint32_t count)
{
    return run_below(seed, 8) && count ? run_below(seed, count) : RBK_NONE;
}

static void change_state(struct rbk_machine *m, uint64_t *seed)
{
    struct rbk_machine_state *state = &m->states[run_below(seed, m->state_count)];
    struct rbk_slice own = m->regions[state->region].states;
    switch (run_below(seed, 6)) {
    case 0:
        state->kind = (enum rbk_state_kind)run_below(seed, RBK_STATE_KIND_COUNT);
        break;
    case 1:
        state->phase = (enum rbk_phase)run_below(seed, RBK_PHASE_COUNT);
        break;
    case 2:
        state->guard = some_row(seed, m->state_count);
        break;
    default:
        state->next[run_below(seed, RBK_OUTCOME_COUNT)] =
            run_below(seed, 8) ? own.first + run_below(seed, own.count) : RBK_NONE;
        break;
    }
}

static void change_effect(struct rbk_machine *m, uint64_t *seed)
{
    struct rbk_effect *effect = &m->effects[run_below(seed, m->effect_count)];
    switch (run_below(seed, 4)) {
    case 0:
        effect->crash = (enum rbk_crash_rule)run_below(seed, RBK_CRASH_RULE_COUNT);
        effect->doubt_question = some_row(seed, m->question_count);
        break;
    case 1:
        effect->optional = !effect->optional;
        break;
    case 2:
        effect->kind = (enum rbk_effect_kind)run_below(seed, RBK_EFFECT_KIND_COUNT);
        effect->question = some_row(seed, m->question_count);
        break;
    default:
        effect->retry_count = run_below(seed, 4) ? run_below(seed, 5) : UINT32_MAX;
        break;
    }
}

static void change_region(struct rbk_machine *m, uint64_t *seed)
{
    struct rbk_region *region = &m->regions[run_below(seed, m->region_count)];
    uint32_t *const rows[] = {&region->applied, &region->rollback, &region->rolled_back,
                              &region->held,    &region->stuck,    &region->apply};
    switch (run_below(seed, 3)) {
    case 0:
        region->attempts = run_below(seed, 3) ? 1 + run_below(seed, 3) : UINT32_MAX;
        region->attempts_every_ms = 0;
        break;
    case 1:
        region->not_before_ms = run_below(seed, 2) ? UINT64_MAX : 1;
        break;
    default:
        *rows[run_below(seed, RBK_COUNT(rows))] =
            region->states.first + run_below(seed, region->states.count);
        break;
    }
}

static void change_plan(struct rbk_machine *m, uint64_t *seed)
{
    struct rbk_slice own = m->regions[0].states;
    switch (run_below(seed, 6)) {
    case 0:
        m->aborting_state = own.first + run_below(seed, own.count);
        break;
    case 1:
        m->cancelling_state = own.first + run_below(seed, own.count);
        break;
    case 2:
        m->held_otherwise = some_row(seed, m->reaction_count);
        break;
    case 3:
        m->retire_region = some_row(seed, m->region_count);
        break;
    case 4:
        if (m->block_count) {
            m->blocks[run_below(seed, m->block_count)].expired = some_row(seed, m->state_count);
        }
        break;
    default:
        if (m->predecessor_count) {
            struct rbk_predecessor *row = &m->predecessors[run_below(seed, m->predecessor_count)];
            row->region = run_below(seed, m->region_count);
            row->for_ms = run_below(seed, 4) ? 0 : UINT64_MAX;
        }
        break;
    }
}

static void change_watch(struct rbk_machine *m, uint64_t *seed)
{
    if (!m->trigger_count || !m->reaction_count || !m->question_count) {
        return;
    }
    struct rbk_trigger *trigger = &m->triggers[run_below(seed, m->trigger_count)];
    struct rbk_reaction *reaction = &m->reactions[run_below(seed, m->reaction_count)];
    switch (run_below(seed, 5)) {
    case 0:
        trigger->since = (enum rbk_since)run_below(seed, RBK_SINCE_COUNT);
        trigger->since_region = some_row(seed, m->region_count);
        break;
    case 1:
        trigger->region = some_row(seed, m->region_count);
        break;
    case 2:
        trigger->reaction = some_row(seed, m->reaction_count);
        trigger->missing = some_row(seed, m->reaction_count);
        break;
    case 3:
        reaction->kind = (enum rbk_reaction_kind)run_below(seed, RBK_REACTION_KIND_COUNT);
        reaction->question = some_row(seed, m->question_count);
        reaction->then = some_row(seed, m->reaction_count);
        break;
    default:
        m->questions[run_below(seed, m->question_count)].otherwise =
            some_row(seed, m->reaction_count);
        break;
    }
}

static void change(struct rbk_machine *m, uint64_t *seed)
{
    static void (*const changes[])(struct rbk_machine *, uint64_t *) = {
        change_state, change_state, change_effect, change_region, change_plan, change_watch};
    changes[run_below(seed, RBK_COUNT(changes))](m, seed);
}

START_TEST(no_machine_that_passes_the_check_harms_step)
{
    const char *replay = getenv("RBK_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : 815u + (uint64_t)_i;
    struct rbk_arena arena;
    uint32_t passed = 0;
    fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)seed);
    for (int machines = 0; machines < 60; machines++) {
        rbk_arena_init(&arena, (size_t)64 << 20);
        struct rbk_machine *m = (struct rbk_machine *)(uintptr_t)golden_load(
            &arena, golden_names[(uint32_t)_i % GOLDEN_COUNT]);
        for (uint32_t changes = 1 + run_below(&seed, 4); changes > 0; changes--) {
            change(m, &seed);
        }
        if (rbk_machine_check(m, NULL) == 0) {
            struct run run;
            run_init_machine(&run, m);
            run.senseless = true;
            run_post(&run, (struct rbk_event){.kind = RBK_EVENT_WINDOW, .level = RBK_LEVEL_TRUE});
            run_post(&run, (struct rbk_event){.kind = RBK_EVENT_START});
            for (int events = 0; events < 600 && !run.state->ended_ms; events++) {
                run_random_event(&run, &seed);
            }
            run_fini(&run);
            passed++;
        }
        rbk_arena_fini(&arena);
    }
    fprintf(stderr, "%u machines\n", (unsigned)passed);
    ck_assert_uint_gt(passed, 5);
}
END_TEST

/* A number that some field may take for a row, a count, a time or a word. */
static uint32_t some_number(uint64_t *seed)
{
    const uint32_t numbers[] = {0, 1, 2, 7, 64, RBK_NONE, RBK_TARGET_STOP, run_below(seed, 1000)};
    return numbers[run_below(seed, RBK_COUNT(numbers))];
}

START_TEST(no_state_that_passes_the_check_harms_step)
{
    const char *replay = getenv("RBK_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : 1815u + (uint64_t)_i;
    struct rbk_arena arena;
    uint32_t passed = 0;
    fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)seed);
    rbk_arena_init(&arena, (size_t)64 << 20);
    const struct rbk_machine *m = golden_load(&arena, golden_names[(uint32_t)_i % GOLDEN_COUNT]);
    for (int states = 0; states < 400; states++) {
        struct run run;
        run_init_machine(&run, m);
        run.senseless = true;
        run_post(&run, (struct rbk_event){.kind = RBK_EVENT_WINDOW, .level = RBK_LEVEL_TRUE});
        run_post(&run, (struct rbk_event){.kind = RBK_EVENT_START});
        for (uint32_t events = run_below(&seed, 80); events > 0 && !run.state->ended_ms; events--) {
            run_random_event(&run, &seed);
        }
        uint32_t *words = (uint32_t *)(void *)run.state;
        for (uint32_t changes = 1 + run_below(&seed, 3); changes > 0; changes--) {
            words[1 + run_below(&seed, run.state->bytes / 4 - 1)] = some_number(&seed);
        }
        if (rbk_state_check(m, run.state, rbk_state_bytes(m), NULL) == 0) {
            run_post(&run, (struct rbk_event){.kind = RBK_EVENT_RESUMED});
            for (int events = 0; events < 100 && !run.state->ended_ms; events++) {
                run_random_event(&run, &seed);
            }
            passed++;
        }
        run_fini(&run);
    }
    rbk_arena_fini(&arena);
    fprintf(stderr, "%u states\n", (unsigned)passed);
    ck_assert_uint_gt(passed, 50);
}
END_TEST

/* Whoever tells why a run is where it is looks the row of the cause up. */
START_TEST(a_state_whose_cause_has_no_row_is_not_restored)
{
    struct rbk_arena arena;
    struct run run;
    rbk_arena_init(&arena, (size_t)64 << 20);
    const struct rbk_machine *m = golden_load(&arena, golden_names[0]);
    run_init_machine(&run, m);
    const struct rbk_cause causes[] = {
        {RBK_CAUSE_FAILURE, m->state_count},   {RBK_CAUSE_TIMEOUT, RBK_NONE},
        {RBK_CAUSE_GATE, m->state_count},      {RBK_CAUSE_TRIGGER, m->trigger_count},
        {RBK_CAUSE_TRIGGER_MISSING, RBK_NONE}, {RBK_CAUSE_CRITERION, m->criterion_count},
        {RBK_CAUSE_SIGNAL, m->signal_count},   {RBK_CAUSE_COUNT, 0}};
    struct rbk_cause *const places[] = {&run.state->cause,
                                        &rbk_state_region(m, run.state, 0)->cause,
                                        &rbk_state_region(m, run.state, 0)->failed_back};
    for (size_t i = 0; i < RBK_COUNT(causes); i++) {
        for (size_t k = 0; k < RBK_COUNT(places); k++) {
            *places[k] = causes[i];
            ck_assert_int_ne(rbk_state_check(m, run.state, rbk_state_bytes(m), NULL), 0);
            *places[k] = (struct rbk_cause){RBK_CAUSE_NONE, 0};
        }
    }
    ck_assert_int_eq(rbk_state_check(m, run.state, rbk_state_bytes(m), NULL), 0);
    run_fini(&run);
    rbk_arena_fini(&arena);
}
END_TEST

/* What is due is looked up by the reaction that waits, and these have none. */
START_TEST(a_state_whose_quiet_trigger_is_due_is_not_restored)
{
    struct rbk_arena arena;
    struct run run;
    rbk_arena_init(&arena, (size_t)64 << 20);
    const struct rbk_machine *m = golden_load(&arena, golden_names[0]);
    ck_assert_uint_gt(m->trigger_count, 0);
    run_init_machine(&run, m);
    struct rbk_trigger_state *trigger = rbk_state_trigger(m, run.state, 0);
    const enum rbk_trigger_mode modes[] = {RBK_TRIGGER_QUIET, RBK_TRIGGER_FIRED};
    for (size_t i = 0; i < RBK_COUNT(modes); i++) {
        trigger->mode = modes[i];
        trigger->due_ms = 1;
        ck_assert_int_ne(rbk_state_check(m, run.state, rbk_state_bytes(m), NULL), 0);
        trigger->due_ms = 0;
        ck_assert_int_eq(rbk_state_check(m, run.state, rbk_state_bytes(m), NULL), 0);
    }
    run_fini(&run);
    rbk_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_hostile");
    TCase *tests = tcase_create("hostile");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 50);
    tcase_add_loop_test(tests, no_machine_that_passes_the_check_harms_step, 0, 12);
    tcase_add_loop_test(tests, no_state_that_passes_the_check_harms_step, 0, (int)GOLDEN_COUNT);
    tcase_add_test(tests, a_state_whose_cause_has_no_row_is_not_restored);
    tcase_add_test(tests, a_state_whose_quiet_trigger_is_due_is_not_restored);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
