/* See run.h. */
#include "tests/unit/core/step/run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void run_init(struct run *run, struct machine_builder *builder)
{
    run_init_machine(run, mb_finish(builder));
    run->builder = builder;
}

void run_init_machine(struct run *run, const struct rbk_machine *machine)
{
    memset(run, 0, sizeof(*run));
    run->machine = machine;
    ck_assert_uint_le(run->machine->region_count, RUN_REGIONS_MAX);
    run->settings.observe_ms = 60000;
    run->settings.grace_ms = 120000;
    ck_assert_uint_le(machine->report_count, 8);
    for (int i = 0; i < 8; i++) {
        run->report_every_ms[i] = 10000;
    }
    run->settings.report_every_ms = run->report_every_ms;
    run->state = malloc(rbk_state_bytes(run->machine));
    run->before = malloc(rbk_state_bytes(run->machine));
    ck_assert_ptr_nonnull(run->state);
    ck_assert_ptr_nonnull(run->before);
    rbk_state_init(run->machine, run->state);
    run->actions.capacity = rbk_actions_max(run->machine);
    run->actions.items = calloc(run->actions.capacity, sizeof(*run->actions.items));
    ck_assert_ptr_nonnull(run->actions.items);
    run->now_ms = 1000000;
}

void run_fini(struct run *run)
{
    free(run->state);
    free(run->before);
    free(run->actions.items);
    mb_free(run->builder);
}

void run_start(struct run *run, struct machine_builder *builder)
{
    run_init(run, builder);
    run_accept(run, (struct rbk_event){.kind = RBK_EVENT_START});
}

/* As ck_assert_msg(), which notes every success in a file: here they come by the million. */
static void demand(bool holds, const char *what)
{
    if (!holds) {
        ck_abort_msg("%s", what);
    }
}

/* ---- what every action must obey ---- */

static void check_dispatch(struct run *run, const struct rbk_action *action)
{
    const struct rbk_machine *m = run->machine;
    const struct rbk_machine_state *at = &m->states[action->state];
    uint32_t stage = rbk_region_root(m, action->region);
    run->effects++;
    if (m->regions[stage].kind != RBK_REGION_STAGE) {
        return;
    }
    bool back = at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
    if (!back) {
        ck_assert_msg(!rbk_stage_rolling_back(m, run->state, stage),
                      "%s dispatched while its stage rolls back", at->name.data);
        ck_assert_msg(!run->state->turned, "%s dispatched after the run turned", at->name.data);
        run->back[stage] = false;
        return;
    }
    if (run->back[stage]) {
        return;
    }
    run->back[stage] = true;
    for (uint32_t i = 0; i < m->region_count; i++) {
        if (i != stage && rbk_stage_rolling_back(m, run->state, i) && !run->back[i]) {
            ck_assert_msg(rbk_state_region(m, run->state, i)->order <
                              rbk_state_region(m, run->state, stage)->order,
                          "%s began before a stage applied later", at->name.data);
        }
    }
}

static void check_actions(struct run *run)
{
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        switch (action->kind) {
        case RBK_ACTION_DISPATCH:
            check_dispatch(run, action);
            break;
        case RBK_ACTION_HOOK:
            run->hooks[action->index]++;
            break;
        case RBK_ACTION_NOTIFY:
            run->notified++;
            break;
        case RBK_ACTION_REPORT:
            run->reported++;
            break;
        case RBK_ACTION_ESCALATE:
            run->escalated++;
            break;
        case RBK_ACTION_FINISHED:
            run->finished++;
            break;
        default:
            break;
        }
    }
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        if (!rbk_stage_rolling_back(run->machine, run->state, i)) {
            run->back[i] = false;
        }
    }
}

enum rbk_refusal run_post(struct run *run, struct rbk_event event)
{
    size_t bytes = rbk_state_bytes(run->machine);
    memcpy(run->before, run->state, bytes);
    event.now_ms = run->now_ms;
    enum rbk_refusal refusal =
        rbk_step(run->machine, &run->settings, run->state, &event, &run->actions);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        demand(memcmp(run->before, run->state, bytes) == 0, "a refused event changed the state");
        demand(run->actions.count == 0, "a refused event gave actions");
    }
    if (run->senseless) {
        (void)rbk_state_broken(run->machine, run->state);
        return refusal;
    }
    const char *broken = rbk_state_broken(run->machine, run->state);
    demand(!broken, broken);
    demand(rbk_state_check(run->machine, run->state, bytes, NULL) == 0, "not a state to restore");
    if (!run->quiet) {
        check_actions(run);
    }
    return refusal;
}

void run_accept(struct run *run, struct rbk_event event)
{
    enum rbk_refusal refusal = run_post(run, event);
    ck_assert_msg(refusal == RBK_REFUSAL_ACCEPTED, "%s: %s", rbk_event_name(event.kind),
                  rbk_refusal_text(refusal));
}

/* ---- results ---- */

static uint32_t find(const struct run *run, const char *state, uint32_t modes)
{
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, i);
        if (modes >> rs->mode & 1 && rbk_str_is(run->machine->states[rs->state].name, state)) {
            return i;
        }
    }
    ck_abort_msg("%s is not under way", state);
}

#define BIT(mode) (1u << RBK_MODE_##mode)

void run_result(struct run *run, const char *state, enum rbk_outcome outcome)
{
    uint32_t region = find(run, state, BIT(RUNNING) | BIT(CANCELLING) | BIT(LOOKING));
    run_accept(run, (struct rbk_event){
                        .kind = RBK_EVENT_RESULT,
                        .serial = rbk_state_region(run->machine, run->state, region)->serial,
                        .outcome = outcome});
}

void run_ok(struct run *run, const char *state)
{
    run_result(run, state, RBK_OUTCOME_OK);
}

void run_fail(struct run *run, const char *state)
{
    run_result(run, state, RBK_OUTCOME_FAIL);
}

void run_resolved(struct run *run, const char *state, enum rbk_recovery recovery,
                  enum rbk_outcome outcome)
{
    uint32_t region = find(run, state, BIT(RESOLVING));
    run_accept(run, (struct rbk_event){
                        .kind = RBK_EVENT_RESOLVED,
                        .serial = rbk_state_region(run->machine, run->state, region)->serial,
                        .recovery = recovery,
                        .outcome = outcome});
}

void run_drain(struct run *run)
{
    for (int guard = 0; guard < 10000; guard++) {
        uint32_t serial = 0;
        for (uint32_t i = 0; i < run->machine->region_count && !serial; i++) {
            const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, i);
            if ((BIT(RUNNING) | BIT(CANCELLING)) >> rs->mode & 1) {
                serial = rs->serial;
            }
        }
        if (!serial) {
            return;
        }
        run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = serial});
    }
    ck_abort_msg("the run goes on for ever");
}

/* ---- time ---- */

void run_due(struct run *run)
{
    uint64_t due_ms = rbk_state_next_due(run->machine, run->state);
    ck_assert_uint_ne(due_ms, 0);
    run->now_ms = due_ms > run->now_ms ? due_ms : run->now_ms;
    run_accept(run, (struct rbk_event){.kind = RBK_EVENT_TIME});
}

void run_pass(struct run *run, uint64_t ms)
{
    uint64_t end_ms = run->now_ms + ms;
    for (int guard = 0; guard < 10000; guard++) {
        uint64_t due_ms = rbk_state_next_due(run->machine, run->state);
        if (!due_ms || due_ms > end_ms) {
            run->now_ms = end_ms;
            return;
        }
        run_due(run);
    }
    ck_abort_msg("deadlines without end");
}

/* ---- people and triggers ---- */

enum rbk_refusal run_command_at(struct run *run, enum rbk_command command, uint32_t index,
                                enum rbk_answer answer)
{
    return run_post(run, (struct rbk_event){.kind = RBK_EVENT_COMMAND,
                                            .command = command,
                                            .index = index,
                                            .seats = UINT32_MAX,
                                            .answer = answer});
}

enum rbk_refusal run_command(struct run *run, enum rbk_command command)
{
    return run_command_at(run, command, RBK_NONE, RBK_ANSWER_YES);
}

enum rbk_refusal run_answer(struct run *run, const char *state, enum rbk_answer answer,
                            uint32_t roles)
{
    return run_post(run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                            .owner = RBK_OWNER_REGION,
                                            .index = find(run, state, BIT(ASKING) | BIT(DOUBT)),
                                            .answer = answer,
                                            .seats = roles});
}

enum rbk_refusal run_answer_trigger(struct run *run, uint32_t trigger, enum rbk_answer answer,
                                    uint32_t roles)
{
    return run_post(run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                            .owner = RBK_OWNER_TRIGGER,
                                            .index = trigger,
                                            .answer = answer,
                                            .seats = roles});
}

enum rbk_refusal run_trigger(struct run *run, uint32_t trigger, enum rbk_level level)
{
    return run_post(
        run, (struct rbk_event){.kind = RBK_EVENT_TRIGGER, .index = trigger, .level = level});
}

void run_resume(struct run *run)
{
    run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESUMED});
}

/* ---- looking ---- */

const char *run_at(struct run *run, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, region);
    snprintf(run->text, sizeof(run->text), "%s %s", run->machine->states[rs->state].name.data,
             rbk_mode_name((enum rbk_mode)rs->mode));
    return run->text;
}

bool run_did(const struct run *run, enum rbk_action_kind kind, const char *state)
{
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        if (action->kind == kind && action->state != RBK_NONE &&
            rbk_str_is(run->machine->states[action->state].name, state)) {
            return true;
        }
    }
    return false;
}

uint32_t run_count(const struct run *run, enum rbk_action_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < run->actions.count; i++) {
        count += run->actions.items[i].kind == kind;
    }
    return count;
}
