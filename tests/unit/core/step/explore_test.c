/*
 * Every event that could come, from every state that can be reached, on small machines that
 * together have every construct: the compiler's explorer (compiler/explore/), leaving nothing out
 * but time. It judges each step by what goes in and what comes out, and shows that from every state
 * an end (or a stuck stage, where a person is called by escalation) is reached by drivers and time
 * alone, that is, without anybody's answer.
 */
#include "compiler/explore/explore.h"

#include "tests/unit/core/machine_builder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define STATES_MAX 400000u
#define ARENA_BYTES_MAX ((size_t)1 << 30)

static void explore(struct machine_builder *mb)
{
    struct rbk_explore_options options = {.full = true, .states_max = STATES_MAX};
    struct rbk_explore_result result;
    struct rbk_arena arena;
    rbk_arena_init(&arena, ARENA_BYTES_MAX);
    mb_finish(mb);
    for (uint32_t i = 0; i < mb_machine(mb)->effect_count; i++) {
        mb_machine(mb)->effects[i].timeout_ms = 5000; /* as the rules of plans want it */
    }
    ck_assert_int_eq(rbk_explore(&arena, mb_machine(mb), &options, &result), 0);
    fprintf(stderr, "%u states, %u steps\n", (unsigned)result.states, (unsigned)result.edges);
    for (uint32_t i = 0; i < result.violation_count; i++) {
        const struct rbk_explore_violation *violation = &result.violations[i];
        for (uint32_t k = 0; k < violation->line_count; k++) {
            fprintf(stderr, "%u. %s\n", (unsigned)k + 1, violation->lines[k].text.data);
        }
        ck_abort_msg("%s: %s", rbk_explore_property_name(violation->property),
                     violation->text.data);
    }
    ck_assert_msg(result.complete, "more states than a small machine should have");
    rbk_arena_fini(&arena);
    mb_free(mb);
}

START_TEST(two_dependent_stages_and_everything_a_person_can_do)
{
    struct machine_builder *mb = mb_new();
    mb_lock(mb);
    uint32_t a = mb_stage(mb, "a");
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, a, false, 0);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    uint32_t b = mb_stage(mb, "b");
    mb_step(mb, b, RBK_PHASE_PREPARE, RBK_EFFECT_LET);
    mb_step(mb, b, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_strategy(mb, b, false, 0);
    mb_step(mb, b, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    uint32_t back = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    mb_trigger(mb, a, back, mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE));
    mb_abort_when_rollbacks(mb, 2);
    explore(mb);
}
END_TEST

START_TEST(gates_doubt_and_a_retire)
{
    struct machine_builder *mb = mb_new();
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t keep = mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE);
    uint32_t a = mb_stage(mb, "a");
    uint32_t step = mb_step(mb, a, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = mb_question(mb, RBK_QUESTION_APPROVE, 0, 3000, pause);
    mb_step(mb, a, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    mb_within(mb, a, RBK_PHASE_APPLY, 10000);
    mb_strategy(mb, a, true, 4000);
    mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_SQL);
    mb_strategy(mb, a, false, 0);
    step = mb_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = mb_question(mb, RBK_QUESTION_MANUAL, 0, 3000, abort);
    mb_grace(mb);
    uint32_t retire = mb_retire(mb);
    step = mb_step(mb, retire, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, step)->question = mb_question(mb, RBK_QUESTION_APPROVE, 0, 3000, keep);
    mb_next(mb, step, RBK_OUTCOME_EXPIRED, mb_rest(mb, retire));
    mb_step(mb, retire, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    uint32_t decide = mb_question(mb, RBK_QUESTION_DECIDE, 0, 2000, abort);
    uint32_t ask = mb_reaction(mb, RBK_REACTION_ASK, decide);
    mb_trigger(mb, RBK_NONE, ask, mb_hold(mb, 1000, pause));
    explore(mb);
}
END_TEST

START_TEST(branches_with_retries_and_attempts)
{
    struct machine_builder *mb = mb_new();
    uint32_t a = mb_stage(mb, "a");
    uint32_t branches = mb_fork(mb, a, RBK_PHASE_APPLY, 2);
    mb_step(mb, branches, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    uint32_t step = mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_effect(mb, step)->retry_count = 1;
    mb_effect(mb, step)->retry_every_ms = 100;
    mb_strategy(mb, a, false, 0);
    mb_guarded_step(mb, a, RBK_PHASE_ROLLBACK, RBK_EFFECT_CHECK, step);
    mb_region(mb, a)->attempts = 2;
    mb_region(mb, a)->attempts_every_ms = 1000;
    explore(mb);
}
END_TEST

START_TEST(two_stages_beside_each_other_and_a_criterion)
{
    struct machine_builder *mb = mb_new();
    for (int i = 0; i < 2; i++) {
        uint32_t stage = mb_stage(mb, i ? "b" : "a");
        mb_after_nothing(mb, stage);
        mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
        mb_strategy(mb, stage, false, 0);
        mb_step(mb, stage, RBK_PHASE_ROLLBACK, i ? RBK_EFFECT_CHECK : RBK_EFFECT_RUN);
    }
    mb_abort_when_rollbacks(mb, 1);
    explore(mb);
}
END_TEST

START_TEST(a_trigger_while_observing_takes_dependants_along)
{
    struct machine_builder *mb = mb_new();
    for (int i = 0; i < 3; i++) {
        const char *const names[] = {"a", "b", "c"};
        uint32_t stage = mb_stage(mb, names[i]);
        mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_WAIT);
        mb_strategy(mb, stage, false, 0);
        mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_CHECK);
    }
    mb_observe(mb);
    mb_grace(mb);
    uint32_t back = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    mb_trigger(mb, 1, back, mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE));
    mb_trigger(mb, 2, back, back);
    explore(mb);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_explore");
    TCase *tests = tcase_create("explore");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 55);
    tcase_add_test(tests, two_dependent_stages_and_everything_a_person_can_do);
    tcase_add_test(tests, gates_doubt_and_a_retire);
    tcase_add_test(tests, branches_with_retries_and_attempts);
    tcase_add_test(tests, two_stages_beside_each_other_and_a_criterion);
    tcase_add_test(tests, a_trigger_while_observing_takes_dependants_along);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
