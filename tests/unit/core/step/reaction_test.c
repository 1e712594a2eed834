/*
 * Every reaction in every phase of a run. One machine has them all: stage a stands applied, stage b
 * goes through its life, stage c waits for b, then observe and grace. A phase is a way to drive the
 * run somewhere; a reaction is what fires there, and what a person says to it. What must follow
 * does not depend on the phase, but for pausing what stands still already.
 *
 * run.c asserts promises 3 and 4 after each event: the order of the rollbacks, and that nothing
 * goes forward while something goes back.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>
#include <string.h>

/* ---- the machine ---- */

enum { A = 1, B = 2, C = 5 }; /* behind b lie the regions of its branches */
#define YES_FROM_ALL UINT32_MAX
#define ELAPSED_MS 500000 /* the criterion; no phase takes nearly as long */

/* Triggers, in their order: each is armed from the apply of a on. */
enum {
    T_ABORT,
    T_ROLLBACK,
    T_PAUSE,
    T_NOTIFY,
    T_ASK,
    T_ABORT_IF,
    T_ROLLBACK_IF,
    T_PAUSE_IF,
    T_NOTIFY_IF,
    T_OTHER, /* asks, and is open while another one fires */
    T_HOLD,  /* missing hold, then pause */
    T_COUNT
};

static uint32_t trigger(struct machine_builder *mb, uint32_t stage, uint32_t reaction)
{
    return mb_trigger(mb, stage, reaction, mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE));
}

static void add_triggers(struct machine_builder *mb)
{
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    uint32_t keep = mb_reaction(mb, RBK_REACTION_KEEP, RBK_NONE);
    uint32_t decide = mb_question(mb, RBK_QUESTION_DECIDE, 1, 5000, abort);
    uint32_t approve = mb_question(mb, RBK_QUESTION_APPROVE, 1, 5000, abort);
    uint32_t other = mb_question(mb, RBK_QUESTION_DECIDE, 1, 3600000, keep);
    trigger(mb, A, abort);
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_ROLLBACK, RBK_NONE));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_NOTIFY, RBK_NONE));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_ASK, decide));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_ABORT, approve));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_ROLLBACK, approve));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_PAUSE, approve));
    trigger(mb, A, mb_reaction(mb, RBK_REACTION_NOTIFY, approve));
    trigger(mb, RBK_NONE, mb_reaction(mb, RBK_REACTION_ASK, other));
    uint32_t hold = mb_trigger(mb, A, keep, keep);
    mb_trigger_row(mb, hold)->missing =
        mb_hold(mb, 5000, mb_reaction(mb, RBK_REACTION_PAUSE, RBK_NONE));
}

/* b: require, approve, prepare, then run, retried run, wait, manual, fork, run in doubt. */
static void add_b(struct machine_builder *mb)
{
    uint32_t abort = mb_reaction(mb, RBK_REACTION_ABORT, RBK_NONE);
    ck_assert_uint_eq(mb_stage(mb, "b"), B);
    mb_step(mb, B, RBK_PHASE_REQUIRE, RBK_EFFECT_REQUIRE);
    uint32_t gate = mb_step(mb, B, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION);
    mb_effect(mb, gate)->question = mb_question(mb, RBK_QUESTION_APPROVE, 1, 3600000, abort);
    mb_step(mb, B, RBK_PHASE_PREPARE, RBK_EFFECT_LET);
    uint32_t run = mb_step(mb, B, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_effect(mb, run)->retry_count = 3;
    mb_effect(mb, run)->retry_every_ms = 10000;
    mb_effect(mb, run)->crash = RBK_CRASH_ATTACH;
    mb_step(mb, B, RBK_PHASE_APPLY, RBK_EFFECT_WAIT);
    uint32_t manual = mb_step(mb, B, RBK_PHASE_APPLY, RBK_EFFECT_QUESTION);
    mb_effect(mb, manual)->question = mb_question(mb, RBK_QUESTION_MANUAL, 1, 3600000, abort);
    uint32_t branches = mb_fork(mb, B, RBK_PHASE_APPLY, 2);
    mb_step(mb, branches, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, branches + 1, RBK_PHASE_APPLY, RBK_EFFECT_SQL);
    uint32_t looked = mb_step(mb, B, RBK_PHASE_APPLY, RBK_EFFECT_HTTP);
    mb_effect(mb, looked)->crash = RBK_CRASH_LOOK;
    mb_step(mb, B, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, B, false, 0);
    mb_step(mb, B, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, B, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
}

static struct machine_builder *everything(void)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    ck_assert_uint_eq(mb_plain_stage(mb, "a"), A);
    add_b(mb);
    ck_assert_uint_eq(mb_plain_stage(mb, "c"), C);
    mb_after(mb, C, B, 20000);
    mb_observe(mb);
    mb_grace(mb);
    add_triggers(mb);
    mb_abort_when_probe(mb);
    mb_abort_when_elapsed(mb, ELAPSED_MS);
    mb_signal(mb, "broken");
    mb_machine(mb)->held_at_most_ms = 3600000;
    return mb;
}

/* ---- phases ---- */

static const struct rbk_region_state *region(const struct run *run, uint32_t index)
{
    return rbk_state_region(run->machine, run->state, index);
}

static bool is_at(struct run *run, const char *expected)
{
    return strcmp(run_at(run, B), expected) == 0;
}

/* Whatever goes on by itself or by a person that agrees: one event. False: nothing does. */
static bool go(struct run *run)
{
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        const struct rbk_region_state *rs = region(run, i);
        uint32_t effect = run->machine->states[rs->state].effect;
        if (rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING ||
            rs->mode == RBK_MODE_LOOKING) {
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESULT, .serial = rs->serial});
            return true;
        }
        if (rs->mode == RBK_MODE_RESOLVING) {
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_RESOLVED, .serial = rs->serial});
            return true;
        }
        if (rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT) {
            bool approve = rs->mode == RBK_MODE_ASKING &&
                           run->machine->questions[run->machine->effects[effect].question].kind ==
                               RBK_QUESTION_APPROVE;
            run_accept(run, (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                               .index = i,
                                               .answer = approve ? RBK_ANSWER_YES : RBK_ANSWER_DONE,
                                               .seats = YES_FROM_ALL});
            return true;
        }
    }
    if (run->state->status == RBK_STATUS_HELD || run->state->status == RBK_STATUS_PAUSED) {
        return false; /* somebody decides; the test says what */
    }
    if (rbk_state_next_due(run->machine, run->state)) {
        run_due(run);
        return true;
    }
    return false;
}

/* On and on until b is there. */
static void until_b(struct run *run, const char *expected)
{
    for (int guard = 0; !is_at(run, expected); guard++) {
        ck_assert_msg(guard < 200 && go(run), "%s is never reached; %s", expected, run_at(run, B));
    }
}

static void until_status(struct run *run, enum rbk_status status)
{
    for (int guard = 0; run->state->status != status; guard++) {
        ck_assert_msg(guard < 300 && go(run), "never %s", rbk_status_name(status));
    }
}

static void to_requires(struct run *run)
{
    until_b(run, "b.require.1 running");
}
static void to_gate(struct run *run)
{
    until_b(run, "b.approve.1 asking");
}
static void to_prepare(struct run *run)
{
    until_b(run, "b.prepare.1 running");
}
static void to_apply(struct run *run)
{
    until_b(run, "b.apply.1 running");
}
static void to_wait(struct run *run)
{
    until_b(run, "b.apply.2 running");
}
static void to_manual(struct run *run)
{
    until_b(run, "b.apply.3 asking");
}
static void to_fork(struct run *run)
{
    until_b(run, "b.apply.4 forked");
}
static void to_verify(struct run *run)
{
    until_b(run, "b.verify.1 running");
}
static void to_observe(struct run *run)
{
    until_status(run, RBK_STATUS_OBSERVING);
}
static void to_grace(struct run *run)
{
    until_status(run, RBK_STATUS_GRACE);
}

static void to_own_apply(struct run *run)
{
    ck_assert_str_eq(run_at(run, A), "a.apply.1 running");
}

static void to_retry(struct run *run)
{
    to_apply(run);
    run_fail(run, "b.apply.1");
    ck_assert(is_at(run, "b.apply.1 retry"));
}

static void to_doubt(struct run *run)
{
    to_apply(run);
    run_result(run, "b.apply.1", RBK_OUTCOME_DOUBT);
    ck_assert(is_at(run, "b.apply.1 doubt"));
}

static void to_looking(struct run *run)
{
    until_b(run, "b.apply.5 running");
    run_result(run, "b.apply.5", RBK_OUTCOME_DOUBT);
    ck_assert(is_at(run, "b.apply.5 looking"));
}

static void to_resolving(struct run *run)
{
    to_apply(run);
    run_resume(run);
    ck_assert(is_at(run, "b.apply.1 resolving"));
}

/* b stands applied, and c may not begin yet. */
static void to_between(struct run *run)
{
    to_verify(run);
    run_ok(run, "b.verify.1");
    ck_assert_str_eq(run_at(run, C), "c.waiting idle");
}

/* b failed before its apply. */
static void to_held(struct run *run)
{
    to_prepare(run);
    run_fail(run, "b.prepare.1");
    ck_status(run, "held");
}

/* b was rolled back by itself. */
static void to_held_after_rollback(struct run *run)
{
    to_verify(run);
    run_fail(run, "b.verify.1");
    until_status(run, RBK_STATUS_HELD);
}

static void to_rolling_back(struct run *run)
{
    to_verify(run);
    run_fail(run, "b.verify.1");
    ck_assert(is_at(run, "b.rollback.1 running"));
}

static void to_paused(struct run *run)
{
    to_apply(run);
    ck_assert_int_eq(run_command(run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
}

static void to_paused_and_still(struct run *run)
{
    to_paused(run);
    run_ok(run, "b.apply.1");
    ck_assert(is_at(run, "b.apply.2 parked"));
}

static void to_paused_in_grace(struct run *run)
{
    to_grace(run);
    ck_assert_int_eq(run_command(run, RBK_COMMAND_PAUSE), RBK_REFUSAL_ACCEPTED);
}

/* Another trigger's question is open. */
static void to_other_question(struct run *run)
{
    to_apply(run);
    ck_assert_int_eq(run_trigger(run, T_OTHER, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
}

static void to_other_question_in_grace(struct run *run)
{
    to_grace(run);
    ck_assert_int_eq(run_trigger(run, T_OTHER, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
}

/* Another trigger has no data, and waits whether some comes. */
static void to_other_hold(struct run *run)
{
    to_apply(run);
    ck_assert_int_eq(run_trigger(run, T_HOLD, RBK_LEVEL_MISSING), RBK_REFUSAL_ACCEPTED);
}

static const struct phase {
    const char *name;
    void (*reach)(struct run *run);
    bool still; /* held or paused: pausing changes nothing any more */
} phases[] = {
    {"its own apply", to_own_apply, false},
    {"require", to_requires, false},
    {"gate", to_gate, false},
    {"prepare", to_prepare, false},
    {"apply", to_apply, false},
    {"between attempts", to_retry, false},
    {"in doubt", to_doubt, false},
    {"looking whether it is done", to_looking, false},
    {"finding out after a crash", to_resolving, false},
    {"wait", to_wait, false},
    {"manual step", to_manual, false},
    {"parallel", to_fork, false},
    {"verify", to_verify, false},
    {"between stages", to_between, false},
    {"held", to_held, true},
    {"held after a rollback", to_held_after_rollback, true},
    {"a stage rolls back", to_rolling_back, false},
    {"paused, a step ends", to_paused, true},
    {"paused", to_paused_and_still, true},
    {"observe", to_observe, false},
    {"grace", to_grace, false},
    {"paused in grace", to_paused_in_grace, true},
    {"another trigger asks", to_other_question, false},
    {"another trigger asks in grace", to_other_question_in_grace, false},
    {"another trigger waits for data", to_other_hold, false},
};

/* ---- reactions ---- */

/* What must follow. */
enum effect { ABORTS, ROLLS_BACK, PAUSES, NOTIFIES, NOTHING };

static const struct reaction {
    const char *name;
    uint32_t trigger; /* RBK_NONE: not a trigger */
    enum rbk_event_kind kind;
    bool silence; /* nobody answers */
    enum rbk_answer
        answer; /* what is said to the question; IGNORE to one that wants yes or no: NO */
    bool asks;
    enum effect effect;
} reactions[] = {
    {"abort", T_ABORT, RBK_EVENT_TRIGGER, false, 0, false, ABORTS},
    {"rollback", T_ROLLBACK, RBK_EVENT_TRIGGER, false, 0, false, ROLLS_BACK},
    {"pause", T_PAUSE, RBK_EVENT_TRIGGER, false, 0, false, PAUSES},
    {"notify", T_NOTIFY, RBK_EVENT_TRIGGER, false, 0, false, NOTIFIES},
    {"ask: abort", T_ASK, RBK_EVENT_TRIGGER, false, RBK_ANSWER_ABORT, true, ABORTS},
    {"ask: rollback", T_ASK, RBK_EVENT_TRIGGER, false, RBK_ANSWER_ROLLBACK, true, ROLLS_BACK},
    {"ask: pause", T_ASK, RBK_EVENT_TRIGGER, false, RBK_ANSWER_PAUSE, true, PAUSES},
    {"ask: ignore", T_ASK, RBK_EVENT_TRIGGER, false, RBK_ANSWER_IGNORE, true, NOTHING},
    {"ask: silence", T_ASK, RBK_EVENT_TRIGGER, true, 0, true, ABORTS},
    {"abort with approval", T_ABORT_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_YES, true, ABORTS},
    {"abort denied", T_ABORT_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_NO, true, NOTHING},
    {"abort, silence", T_ABORT_IF, RBK_EVENT_TRIGGER, true, 0, true, ABORTS},
    {"rollback with approval", T_ROLLBACK_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_YES, true,
     ROLLS_BACK},
    {"rollback denied", T_ROLLBACK_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_NO, true, NOTHING},
    {"pause with approval", T_PAUSE_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_YES, true, PAUSES},
    {"notify with approval", T_NOTIFY_IF, RBK_EVENT_TRIGGER, false, RBK_ANSWER_YES, true, NOTIFIES},
    {"criterion over probes", RBK_NONE, RBK_EVENT_CRITERION, false, 0, false, ABORTS},
    {"criterion of time", RBK_NONE, RBK_EVENT_TIME, false, 0, false, ABORTS},
    {"signal", RBK_NONE, RBK_EVENT_COMMAND, false, 0, false, ABORTS},
};

/* Nothing goes forward, and what goes back waits until what it takes back is dead. */
static void ck_dead_first(struct run *run)
{
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        if (action->kind != RBK_ACTION_DISPATCH ||
            run->machine->states[action->state].phase != RBK_PHASE_ROLLBACK) {
            continue;
        }
        for (uint32_t k = 0; k < run->machine->region_count; k++) {
            bool other =
                rbk_region_root(run->machine, k) != rbk_region_root(run->machine, action->region) ||
                k == action->region;
            uint32_t mode = region(run, k)->mode;
            ck_assert_msg(other || (mode != RBK_MODE_CANCELLING && mode != RBK_MODE_DOUBT &&
                                    mode != RBK_MODE_RESOLVING && mode != RBK_MODE_RUNNING),
                          "a rollback begins while %s", run_at(run, k));
        }
    }
}

/* To the end, with everybody agreeing and every stop undone. */
static void to_the_end(struct run *run)
{
    for (int guard = 0; !run->state->ended_ms; guard++) {
        ck_assert_int_lt(guard, 600);
        if (run->state->status == RBK_STATUS_PAUSED) {
            ck_assert_int_eq(run_command(run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
        } else if (!go(run)) {
            ck_assert_int_eq(run_command(run, RBK_COMMAND_RETRY), RBK_REFUSAL_ACCEPTED);
        }
        ck_dead_first(run);
    }
}

/* It fires; the question is answered. */
static void fire(struct run *run, const struct reaction *reaction)
{
    if (reaction->kind == RBK_EVENT_TRIGGER) {
        ck_assert_int_eq(run_trigger(run, reaction->trigger, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
        ck_assert_uint_eq(run_count(run, RBK_ACTION_QUESTION_OPEN), reaction->asks);
    } else if (reaction->kind == RBK_EVENT_CRITERION) {
        run_accept(run, (struct rbk_event){.kind = RBK_EVENT_CRITERION});
    } else if (reaction->kind == RBK_EVENT_COMMAND) {
        ck_assert_int_eq(run_command_at(run, RBK_COMMAND_SIGNAL, 0, RBK_ANSWER_YES),
                         RBK_REFUSAL_ACCEPTED);
    }
    if (reaction->silence) {
        uint64_t due_ms = rbk_state_trigger(run->machine, run->state, reaction->trigger)->due_ms;
        run->now_ms = due_ms;
        run_accept(run, (struct rbk_event){.kind = RBK_EVENT_TIME});
    } else if (reaction->asks) {
        ck_assert_int_eq(run_answer_trigger(run, reaction->trigger, reaction->answer, YES_FROM_ALL),
                         RBK_REFUSAL_ACCEPTED);
        ck_assert_uint_ge(run_count(run, RBK_ACTION_QUESTION_CLOSE), 1);
    }
    ck_dead_first(run);
}

static void ck_aborts(struct run *run)
{
    ck_assert_uint_eq(run->state->turned, 1);
    ck_assert_uint_eq(run->hooks[RBK_HOOK_ABORT], 1);
    to_the_end(run);
    ck_status(run, "aborted");
    ck_assert_uint_eq(run->hooks[RBK_HOOK_ABORTED], 1);
}

/* a goes back, and whatever depends on it before; then the run is held, and may go on. */
static void ck_rolls_back(struct run *run)
{
    ck_assert_uint_eq(run->state->turned, 0);
    ck_assert(rbk_stage_rolling_back(run->machine, run->state, A));
    for (int guard = 0; rbk_stage_touched(run->machine, run->state, A); guard++) {
        ck_assert(guard < 100 && go(run));
        ck_dead_first(run);
    }
    ck_assert(!rbk_stage_touched(run->machine, run->state, B) &&
              !rbk_stage_touched(run->machine, run->state, C));
    ck_status(run, "held");
    to_the_end(run);
    ck_status(run, "completed");
}

static void ck_pauses(struct run *run, const struct phase *phase, enum rbk_status before)
{
    if (phase->still) {
        ck_assert_uint_eq(run->state->status, before);
    } else {
        ck_status(run, "paused");
        ck_assert_uint_eq(run->hooks[RBK_HOOK_PAUSE], 1);
        ck_assert_uint_eq(run->state->cause.kind, RBK_CAUSE_TRIGGER);
    }
    to_the_end(run);
    ck_status(run, "completed");
}

static void one_cell(const struct phase *phase, const struct reaction *reaction)
{
    struct run run;
    run_start(&run, everything());
    phase->reach(&run);
    enum rbk_status before = (enum rbk_status)run.state->status;
    uint32_t notified = run.notified;
    if (reaction->kind == RBK_EVENT_TIME) {
        /* The instant of the criterion, where time has not stopped with the last stage. */
        if (run.state->all_applied_ms) {
            run_fini(&run);
            return;
        }
        run.now_ms = run.state->criteria_due_ms;
        run_accept(&run, (struct rbk_event){.kind = RBK_EVENT_TIME});
        ck_assert_uint_eq(run.state->cause.kind, RBK_CAUSE_CRITERION);
    } else {
        fire(&run, reaction);
    }
    switch (reaction->effect) {
    case ABORTS:
        ck_aborts(&run);
        break;
    case ROLLS_BACK:
        ck_rolls_back(&run);
        break;
    case PAUSES:
        ck_pauses(&run, phase, before);
        break;
    case NOTIFIES:
    case NOTHING:
        ck_assert_uint_eq(run.notified - notified, reaction->effect == NOTIFIES);
        ck_assert_uint_eq(run.state->status, before);
        to_the_end(&run);
        ck_status(&run, "completed");
        break;
    }
    run_fini(&run);
}

START_TEST(every_reaction_does_what_it_says_in_every_phase)
{
    const struct phase *phase = &phases[(size_t)_i / RBK_COUNT(reactions)];
    const struct reaction *reaction = &reactions[(size_t)_i % RBK_COUNT(reactions)];
    ck_assert_msg(phase->reach != NULL, "%s, %s", phase->name, reaction->name);
    one_cell(phase, reaction);
}
END_TEST

/* _i: the phase, and what lies between the readings: nothing, a new runner, a pause and going on.
 */
START_TEST(an_edge_counts_once_in_every_phase)
{
    const struct phase *phase = &phases[_i / 3];
    struct run run;
    run_start(&run, everything());
    phase->reach(&run);
    uint32_t notified = run.notified;
    for (uint32_t edge = 1; edge <= 2; edge++) {
        ck_assert_int_eq(run_trigger(&run, T_NOTIFY, RBK_LEVEL_TRUE), RBK_REFUSAL_ACCEPTED);
        ck_assert_uint_eq(run.notified - notified, edge);
        if (_i % 3 == 1) {
            run_resume(&run);
        } else if (_i % 3 == 2 && run_command(&run, RBK_COMMAND_PAUSE) == RBK_REFUSAL_ACCEPTED) {
            ck_assert_int_eq(run_command(&run, RBK_COMMAND_CONTINUE), RBK_REFUSAL_ACCEPTED);
        }
        ck_assert_uint_eq(rbk_state_trigger(run.machine, run.state, T_NOTIFY)->level,
                          RBK_LEVEL_TRUE);
        (void)run_trigger(&run, T_NOTIFY, RBK_LEVEL_TRUE);
        (void)run_trigger(&run, T_NOTIFY, RBK_LEVEL_MISSING);
        (void)run_trigger(&run, T_NOTIFY, RBK_LEVEL_TRUE);
        ck_assert_uint_eq(run.notified - notified, edge);
        ck_assert_int_eq(run_trigger(&run, T_NOTIFY, RBK_LEVEL_FALSE), RBK_REFUSAL_ACCEPTED);
    }
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_reaction");
    TCase *tests = tcase_create("reaction");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, every_reaction_does_what_it_says_in_every_phase, 0,
                        (int)(RBK_COUNT(phases) * RBK_COUNT(reactions)));
    tcase_add_loop_test(tests, an_edge_counts_once_in_every_phase, 0, 3 * (int)RBK_COUNT(phases));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
