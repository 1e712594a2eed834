/* See plan.h. */
#include "tests/unit/compiler/explore/plan.h"

#include <stdbool.h>
#include <stdio.h>

/* Finish the machine, and give each step an end of its own, as the rules want it. */
static struct machine_builder *finish(struct machine_builder *mb)
{
    mb_finish(mb);
    for (uint32_t i = 0; i < mb_machine(mb)->effect_count; i++) {
        mb_machine(mb)->effects[i].timeout_ms = 5000;
    }
    return mb;
}

struct machine_builder *plan_two_stages(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t stages[2];
    mb_lock(mb);
    for (int i = 0; i < 2; i++) {
        uint32_t stage = stages[i] = mb_stage(mb, i ? "b" : "a");
        mb_step(mb, stage, RBK_PHASE_PREPARE, RBK_EFFECT_LET);
        mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
        mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
        mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
        mb_strategy(mb, stage, false, 60000);
        mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
        mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
        mb_within(mb, stage, RBK_PHASE_APPLY, 60000);
    }
    uint32_t back = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    uint32_t pause = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    mb_trigger(mb, stages[0], back, pause);
    mb_trigger(mb, RBK_NONE, abort, mb_hold(mb, 1000, pause));
    mb_observe(mb);
    return finish(mb);
}

/* ---- random ---- */

struct dice {
    struct machine_builder *mb;
    uint64_t seed;
    uint32_t reactions[6];
};

static uint32_t below(struct dice *dice, uint32_t limit)
{
    dice->seed = dice->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->seed >> 33) % limit;
}

static enum rbk_effect_kind some_kind(struct dice *dice)
{
    static const enum rbk_effect_kind kinds[] = {RBK_EFFECT_RUN, RBK_EFFECT_SQL, RBK_EFFECT_HTTP,
                                                 RBK_EFFECT_CHECK, RBK_EFFECT_LET};
    return kinds[below(dice, sizeof(kinds) / sizeof(kinds[0]))];
}

static uint32_t some_step(struct dice *dice, uint32_t region, enum rbk_phase phase)
{
    uint32_t step = mb_step(dice->mb, region, phase, some_kind(dice));
    if (below(dice, 4) == 0) {
        mb_effect(dice->mb, step)->retry_count = 1 + below(dice, 3);
        mb_effect(dice->mb, step)->retry_every_ms = below(dice, 2) * 1000;
    }
    mb_effect(dice->mb, step)->optional = below(dice, 8) == 0;
    return step;
}

static void some_gate(struct dice *dice, uint32_t region)
{
    uint32_t step = mb_step(dice->mb, region, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    uint32_t roles = below(dice, 3);
    uint32_t otherwise = dice->reactions[below(dice, 3)];
    uint32_t question = mb_question(dice->mb, RBK_QUESTION_APPROVE, roles, 3000, otherwise);
    mb_effect(dice->mb, step)->question = question;
}

static void some_strategies(struct dice *dice, uint32_t stage, uint32_t guarded)
{
    struct machine_builder *mb = dice->mb;
    uint32_t count = 1 + below(dice, 2);
    for (uint32_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        mb_strategy(mb, stage, !last || below(dice, 3) == 0, below(dice, 2) ? 60000 : 0);
        if (last && guarded != RBK_NONE) {
            uint32_t step = mb_guarded_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN, guarded);
            mb_effect(mb, step)->timeout_ms = 5000;
        }
        mb_step(mb, stage, RBK_PHASE_ROLLBACK, some_kind(dice));
        mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    }
}

static void some_stage(struct dice *dice, uint32_t number)
{
    static const char *const names[] = {"a", "b", "c"};
    struct machine_builder *mb = dice->mb;
    uint32_t guarded = RBK_NONE;
    uint32_t stage = mb_stage(mb, names[number % RBK_COUNT(names)]);
    if (number && below(dice, 4) == 0) {
        mb_after_nothing(mb, stage);
    }
    if (below(dice, 4) == 0) {
        some_gate(dice, stage);
    }
    if (below(dice, 3) == 0) {
        mb_step(mb, stage, RBK_PHASE_PREPARE, RBK_EFFECT_LET);
    }
    if (number == 0 && below(dice, 3) == 0) {
        uint32_t branches = mb_fork(mb, stage, RBK_PHASE_APPLY, 2);
        guarded = some_step(dice, branches, RBK_PHASE_APPLY);
        some_step(dice, branches + 1, RBK_PHASE_APPLY);
    } else {
        guarded = some_step(dice, stage, RBK_PHASE_APPLY);
    }
    if (below(dice, 3) == 0) {
        mb_within(mb, stage, RBK_PHASE_APPLY, 60000);
    }
    mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    some_strategies(dice, stage, below(dice, 2) ? guarded : RBK_NONE);
    if (below(dice, 5) == 0) {
        mb_region(mb, stage)->attempts = 2;
        mb_region(mb, stage)->attempts_every_ms = 1000;
    }
    if (below(dice, 3) == 0) {
        uint32_t reaction = dice->reactions[3 + below(dice, 3)];
        mb_trigger(mb, stage, reaction, dice->reactions[below(dice, 3)]);
    }
}

/* Who is asked next about what is in doubt, and about a run that waits. */
static void some_asking(struct dice *dice)
{
    struct machine_builder *mb = dice->mb;
    uint32_t end = dice->reactions[below(dice, 2)];
    uint32_t others = mb_question(mb, RBK_QUESTION_DOUBT, 0, 3000, end);
    uint32_t asked =
        mb_question(mb, RBK_QUESTION_DOUBT, 1, 2000, mb_reaction(mb, RBK_REACTION_ASK, others));
    for (uint32_t i = 0; i < mb_machine(mb)->effect_count; i++) {
        struct rbk_effect *effect = &mb_machine(mb)->effects[i];
        bool doubts = effect->kind == RBK_EFFECT_SQL || effect->kind == RBK_EFFECT_HTTP;
        if (doubts && below(dice, 2) == 0) {
            effect->crash = RBK_CRASH_ASK;
            effect->doubt_question = asked;
        }
    }
    if (below(dice, 2) == 0) {
        uint32_t last =
            below(dice, 2) ? dice->reactions[0] : mb_reaction(mb, RBK_REACTION_CANCEL, RBK_NONE);
        uint32_t second = mb_question(mb, RBK_QUESTION_HELD, 0, 3000, last);
        uint32_t first =
            mb_question(mb, RBK_QUESTION_HELD, 1, 2000, mb_reaction(mb, RBK_REACTION_ASK, second));
        mb_machine(mb)->held_otherwise = mb_reaction(mb, RBK_REACTION_ASK, first);
    }
}

struct machine_builder *plan_random(uint64_t seed)
{
    struct dice dice = {.mb = mb_new(), .seed = seed * 7919 + 13};
    struct machine_builder *mb = dice.mb;
    mb_role(mb, "dba", "dana");
    mb_role(mb, "ops", "olga");
    dice.reactions[0] = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    dice.reactions[1] = mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE);
    dice.reactions[2] = mb_hold(mb, 1000, dice.reactions[1]);
    dice.reactions[3] = mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE);
    uint32_t question = mb_question(mb, RBK_QUESTION_DECIDE, 0, 2000, dice.reactions[0]);
    dice.reactions[4] = mb_reaction(mb, RBK_REACTION_ASK, question);
    question = mb_question(mb, RBK_QUESTION_APPROVE, 2, 2000, dice.reactions[3]);
    dice.reactions[5] = mb_reaction(mb, RBK_REACTION_ROLLBACK, question);
    if (below(&dice, 3) == 0) {
        mb_lock(mb);
    }
    uint32_t stages = 1 + below(&dice, 3);
    for (uint32_t i = 0; i < stages; i++) {
        some_stage(&dice, i);
    }
    if (below(&dice, 3) == 0) {
        mb_observe(mb);
    }
    if (below(&dice, 3) == 0) {
        mb_abort_when_rollbacks(mb, 1);
    }
    if (below(&dice, 2) == 0) {
        mb_trigger(mb, RBK_NONE, dice.reactions[below(&dice, 3)], dice.reactions[1]);
    }
    if (below(&dice, 3) == 0) {
        some_asking(&dice);
    }
    return finish(mb);
}
