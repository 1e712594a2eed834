/* See told.h. */
#include "tests/unit/people/told.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void add_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct told *told = context;
    rbk_buffer_printf(&told->lines, "%s|%.*s|%.*s\n", rbk_tone_name(tone), RBK_STR_ARG(stage),
                      RBK_STR_ARG(text));
}

void told_post(struct told *told, struct rbk_record record)
{
    struct run *run = &told->run;
    memcpy(told->before, run->state, run->state->bytes);
    record.event.now_ms = run->now_ms;
    run_accept(run, record.event);
    rbk_buffer_clear(&told->lines);
    rbk_track_record(&told->track, &told->view, &record, told->before, run->state, &run->actions);
    rbk_story_tell(&told->view, &record, told->before, run->state, &run->actions, add_line, told);
}

void told_start(struct told *told, struct machine_builder *builder)
{
    memset(told, 0, sizeof(*told));
    rbk_buffer_init(&told->lines, 1u << 20);
    run_init(&told->run, builder);
    told->before = malloc(rbk_state_bytes(told->run.machine));
    ck_assert_ptr_nonnull(told->before);
    told->view = (struct rbk_view){
        .run = "r1", .machine = told->run.machine, .settings = &told->run.settings};
    ck_assert_int_eq(rbk_track_init(&told->track, told->run.machine, NULL), 0);
    told_post(told,
              (struct rbk_record){.event = {.kind = RBK_EVENT_START}, .who = RBK_STR("dana")});
}

void told_fini(struct told *told)
{
    rbk_track_fini(&told->track);
    rbk_buffer_fini(&told->lines);
    free(told->before);
    run_fini(&told->run);
}

uint32_t told_region(const struct told *told, const char *state)
{
    const struct rbk_machine *machine = told->run.machine;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, told->run.state, i);
        if (rbk_str_is(machine->states[rs->state].name, state)) {
            return i;
        }
    }
    ck_abort_msg("no region is in %s", state);
}

void told_result(struct told *told, const char *state, enum rbk_outcome outcome,
                 const char *message)
{
    uint32_t region = told_region(told, state);
    told_post(
        told,
        (struct rbk_record){
            .event = {.kind = RBK_EVENT_RESULT,
                      .serial =
                          rbk_state_region(told->run.machine, told->run.state, region)->serial,
                      .outcome = outcome},
            .status = -1,
            .elapsed_ms = 1234,
            .message = rbk_str_from(message)});
}

struct machine_builder *told_plan(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t handle;
    mb_role(mb, "dba", "dana");
    mb_machine(mb)->rollback_within_ms = 900000;
    mb_machine(mb)->estimate_ms = 3600000;

    uint32_t stage = mb_stage(mb, "migrate");
    uint32_t cancel = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    handle = mb_step(mb, stage, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, handle)->question =
        mb_question(mb, RBK_QUESTION_APPROVE, 1, 30u * 60u * 1000u, cancel);
    handle = mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    mb_effect(mb, handle)->text = RBK_STR("sql db file \"010_move_leads.sql\"");
    mb_effect(mb, handle)->timeout_ms = 480000;
    handle = mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_effect(mb, handle)->text = RBK_STR("check \"every lead moved\"");
    mb_strategy(mb, stage, false, 0);
    handle = mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_SQL);
    mb_effect(mb, handle)->text = RBK_STR("sql db file \"010_move_leads.down.sql\"");
    handle = mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_effect(mb, handle)->text = RBK_STR("check \"legacy rows are back\"");
    return mb;
}

struct machine_builder *told_plan_of_two_ways(void)
{
    struct machine_builder *mb = mb_new();
    uint32_t stage = mb_stage(mb, "migrate");
    uint32_t step = mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, stage, true, 0);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, stage, false, 0);
    mb_guarded_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN, step);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return mb;
}
