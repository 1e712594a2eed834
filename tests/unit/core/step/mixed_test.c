/*
 * Everything that waits for people, at once: doubts that are put to others and that pause, a run
 * that is held with people asked about it, triggers that ask while their data comes and goes, steps
 * that are cut off and looked for, pauses that wait. Random plans, random events, crashes; after
 * each event the questions that were told as open must be those that the state has open. Seeds are
 * printed; RBK_SEED replays one.
 */
#include "runtime/core/asked.h"
#include "tests/unit/core/step/random.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 512u
#define RUNS 250

struct open {
    uint32_t owner, index, serial;
    uint64_t due_ms;
};

struct opened {
    struct open items[OPEN_MAX];
    uint32_t count;
};

static uint32_t some_end(struct machine_builder *mb, uint64_t *seed)
{
    static const enum rbk_reaction_kind kinds[] = {RBK_REACTION_ABORT,    RBK_REACTION_PAUSE,
                                                   RBK_REACTION_ROLLBACK, RBK_REACTION_PAUSE,
                                                   RBK_REACTION_CANCEL,   RBK_REACTION_NOTIFY};
    return mb_reaction(mb, kinds[run_below(seed, RBK_COUNT(kinds))], RBK_NONE);
}

/* A chain of people who are asked one after the other. */
static uint32_t some_chain(struct machine_builder *mb, enum rbk_question_kind kind, uint32_t end,
                           uint64_t *seed)
{
    uint32_t question = mb_question(mb, kind, run_below(seed, 3), 3000, end);
    for (uint32_t more = run_below(seed, 3); more; more--) {
        uint32_t ask = mb_reaction(mb, RBK_REACTION_ASK, question);
        question = mb_question(mb, kind, run_below(seed, 3), 2000 + more * 500, ask);
    }
    return question;
}

static void some_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                      uint64_t *seed)
{
    static const enum rbk_effect_kind kinds[] = {RBK_EFFECT_SQL, RBK_EFFECT_HTTP, RBK_EFFECT_RUN};
    static const enum rbk_crash_rule rules[] = {RBK_CRASH_ASK, RBK_CRASH_LOOK, RBK_CRASH_ASK,
                                                RBK_CRASH_AGAIN};
    uint32_t step = mb_step(mb, region, phase, kinds[run_below(seed, 3)]);
    uint32_t end = some_end(mb, seed);
    uint32_t question = some_chain(mb, RBK_QUESTION_DOUBT, end, seed);
    struct rbk_effect *effect = mb_effect(mb, step);
    effect->crash = rules[run_below(seed, 4)];
    effect->doubt_question = run_below(seed, 3) ? question : RBK_NONE;
    effect->retry_count = run_below(seed, 3);
    effect->retry_every_ms = run_below(seed, 2) * 1000;
}

static uint32_t some_reaction(struct machine_builder *mb, uint64_t *seed)
{
    uint32_t end = some_end(mb, seed);
    switch (run_below(seed, 4)) {
    case 0:
        return mb_reaction(mb, RBK_REACTION_ASK, some_chain(mb, RBK_QUESTION_DECIDE, end, seed));
    case 1:
        return mb_reaction(mb, run_below(seed, 2) ? RBK_REACTION_ROLLBACK : RBK_REACTION_PAUSE,
                           mb_question(mb, RBK_QUESTION_APPROVE, 2, 2000, end));
    case 2:
        return mb_hold(mb, 1000, end);
    default:
        return end;
    }
}

static void some_stage(struct machine_builder *mb, uint32_t number, uint64_t *seed)
{
    static const char *const names[] = {"a", "b", "c"};
    uint32_t stage = mb_stage(mb, names[number % RBK_COUNT(names)]);
    if (number && run_below(seed, 2)) {
        mb_after_nothing(mb, stage);
    }
    if (run_below(seed, 3) == 0) {
        uint32_t end = some_end(mb, seed);
        uint32_t question = mb_question(mb, RBK_QUESTION_APPROVE, 1, 3000, end);
        mb_effect(mb, mb_step(mb, stage, RBK_PHASE_APPROVE, RBK_EFFECT_QUESTION))->question =
            question;
    }
    if (run_below(seed, 3) == 0) {
        some_step(mb, stage, RBK_PHASE_PREPARE, seed);
    }
    if (run_below(seed, 3) == 0) {
        uint32_t branches = mb_fork(mb, stage, RBK_PHASE_APPLY, 2);
        some_step(mb, branches, RBK_PHASE_APPLY, seed);
        some_step(mb, branches + 1, RBK_PHASE_APPLY, seed);
    }
    some_step(mb, stage, RBK_PHASE_APPLY, seed);
    if (run_below(seed, 2)) {
        mb_within(mb, stage, RBK_PHASE_APPLY, 9000);
    }
    mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    bool when = run_below(seed, 3) == 0;
    mb_strategy(mb, stage, when, run_below(seed, 2) * 20000);
    some_step(mb, stage, RBK_PHASE_ROLLBACK, seed);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    if (run_below(seed, 3) == 0) {
        mb_region(mb, stage)->attempts = 2;
        mb_region(mb, stage)->attempts_every_ms = 1000;
    }
    uint32_t reaction = some_reaction(mb, seed);
    mb_trigger(mb, stage, reaction, some_reaction(mb, seed));
}

static struct machine_builder *some_plan(uint64_t *seed)
{
    struct machine_builder *mb = mb_new();
    mb_role(mb, "dba", "dana");
    mb_role(mb, "ops", "olga");
    if (run_below(seed, 3) == 0) {
        mb_lock(mb);
    }
    uint32_t stages = 1 + run_below(seed, 3);
    for (uint32_t i = 0; i < stages; i++) {
        some_stage(mb, i, seed);
    }
    if (run_below(seed, 2)) {
        mb_observe(mb);
    }
    if (run_below(seed, 2)) {
        mb_grace(mb);
        uint32_t retire = mb_retire(mb);
        some_step(mb, retire, RBK_PHASE_APPLY, seed);
    }
    uint32_t reaction = some_reaction(mb, seed);
    mb_trigger(mb, RBK_NONE, reaction, some_reaction(mb, seed));
    if (run_below(seed, 2)) {
        mb_escalation(mb, 0);
        mb_escalation(mb, 5000);
    }
    uint32_t end = some_end(mb, seed);
    mb_machine(mb)->held_at_most_ms = 4000;
    mb_machine(mb)->held_otherwise =
        run_below(seed, 4)
            ? mb_reaction(mb, RBK_REACTION_ASK, some_chain(mb, RBK_QUESTION_HELD, end, seed))
            : end;
    return mb;
}

/* ---- which questions are open ----------------------------------------------------------------
 */

static void open_in_state(const struct run *run, struct opened *ret_open)
{
    ret_open->count = 0;
    for (uint32_t i = 0; i < run->machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(run->machine, run->state, i);
        if (rs->mode == RBK_MODE_ASKING || rs->mode == RBK_MODE_DOUBT) {
            ret_open->items[ret_open->count++] =
                (struct open){RBK_OWNER_REGION, i, rs->serial, rs->due_ms};
        }
    }
    for (uint32_t i = 0; i < run->machine->trigger_count; i++) {
        const struct rbk_trigger_state *ts = rbk_state_trigger(run->machine, run->state, i);
        if (ts->mode == RBK_TRIGGER_ASKING) {
            ret_open->items[ret_open->count++] =
                (struct open){RBK_OWNER_TRIGGER, i, ts->serial, ts->due_ms};
        }
    }
    if (run->state->held_reaction) {
        ret_open->items[ret_open->count++] = (struct open){
            RBK_OWNER_RUN, RBK_NONE, run->state->held_serial, run->state->hold_due_ms};
    }
}

static uint32_t find_open(const struct opened *open, uint32_t owner, uint32_t serial)
{
    for (uint32_t i = 0; i < open->count; i++) {
        if (open->items[i].owner == owner && open->items[i].serial == serial) {
            return i;
        }
    }
    return RBK_NONE;
}

/* Whether a new runner has told of everything that is open once more. */
static bool tells_again(const struct opened *told, const struct run *run)
{
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        if (action->kind == RBK_ACTION_QUESTION_OPEN &&
            find_open(told, action->owner, action->serial) != RBK_NONE) {
            return true;
        }
    }
    return false;
}

/* What was told as open, after the actions of the last event. */
static void follow(struct opened *told, const struct run *run)
{
    if (tells_again(told, run)) {
        told->count = 0;
    }
    for (size_t i = 0; i < run->actions.count; i++) {
        const struct rbk_action *action = &run->actions.items[i];
        uint32_t at = find_open(told, action->owner, action->serial);
        if (action->kind == RBK_ACTION_QUESTION_OPEN) {
            ck_assert_msg(at == RBK_NONE, "a question is opened twice");
            ck_assert_msg(told->count < OPEN_MAX, "too many questions");
            told->items[told->count++] =
                (struct open){action->owner, action->index, action->serial, action->due_ms};
        } else if (action->kind == RBK_ACTION_QUESTION_CLOSE &&
                   action->owner != RBK_OWNER_TRIGGER) {
            ck_assert_msg(at != RBK_NONE, "a question is closed that was not open");
            told->items[at] = told->items[--told->count];
        } else if (action->kind == RBK_ACTION_QUESTION_CLOSE) {
            for (uint32_t k = 0; k < told->count; k++) {
                if (told->items[k].owner == RBK_OWNER_TRIGGER &&
                    told->items[k].index == action->index) {
                    told->items[k] = told->items[--told->count];
                    break;
                }
            }
        }
    }
}

/* The core's own list of them is the same, in the same order, and so is what each owner asks. */
static void compare_list(const struct opened *open, const struct run *run)
{
    struct rbk_asked asked, again;
    uint32_t at = 0, count = 0;
    while (rbk_asked_next(run->machine, run->state, &at, &asked)) {
        const struct open *one = &open->items[count];
        ck_assert_msg(count++ < open->count, "a question is listed that is not open");
        ck_assert(asked.owner == one->owner && asked.serial == one->serial);
        ck_assert(asked.due_ms == one->due_ms);
        ck_assert(asked.index == (asked.owner == RBK_OWNER_RUN ? 0 : one->index));
        ck_assert(rbk_asked_by(run->machine, run->state, asked.owner, asked.index, &again));
        ck_assert(again.serial == asked.serial && again.question == asked.question);
    }
    ck_assert_msg(count == open->count, "a question is open that is not listed");
    ck_assert(!rbk_asked_by(run->machine, run->state, RBK_OWNER_REGION, RBK_NONE, &asked));
    ck_assert(!rbk_asked_by(run->machine, run->state, RBK_OWNER_TRIGGER, RBK_NONE, &asked));
}

static void compare(const struct opened *told, const struct run *run)
{
    struct opened open;
    open_in_state(run, &open);
    compare_list(&open, run);
    if (run->state->ended_ms) {
        ck_assert_msg(open.count == 0 && told->count == 0, "the run ended with a question open");
        return;
    }
    ck_assert_msg(open.count == told->count, "%u questions open, %u told", (unsigned)open.count,
                  (unsigned)told->count);
    for (uint32_t i = 0; i < open.count; i++) {
        uint32_t at = find_open(told, open.items[i].owner, open.items[i].serial);
        ck_assert_msg(at != RBK_NONE, "a question is open that nobody was told of");
        ck_assert_msg(open.items[i].due_ms <= told->items[at].due_ms,
                      "a question lasts longer than was told");
    }
}

/* What ends a run is said more seldom than the rest, or few runs would last. */
static enum rbk_answer some_answer(uint64_t *seed)
{
    enum rbk_answer answer = (enum rbk_answer)run_below(seed, RBK_ANSWER_COUNT);
    bool ends = answer == RBK_ANSWER_ABORT || answer == RBK_ANSWER_CANCEL;
    return ends ? (enum rbk_answer)run_below(seed, RBK_ANSWER_COUNT) : answer;
}

/* Something that is under way comes to an end, most often one that leaves a doubt. */
static enum rbk_refusal some_result(struct run *run, uint64_t *seed)
{
    static const enum rbk_outcome outcomes[] = {RBK_OUTCOME_OK, RBK_OUTCOME_DOUBT,
                                                RBK_OUTCOME_DOUBT, RBK_OUTCOME_MISSING};
    const uint32_t count = run->machine->region_count, first = run_below(seed, count);
    struct rbk_event event = {.kind = RBK_EVENT_RESULT,
                              .outcome = outcomes[run_below(seed, RBK_COUNT(outcomes))]};
    for (uint32_t i = 0; i < count && !event.serial; i++) {
        const struct rbk_region_state *rs =
            rbk_state_region(run->machine, run->state, (first + i) % count);
        if (rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING ||
            rs->mode == RBK_MODE_LOOKING) {
            event.serial = rs->serial;
        }
    }
    return run_post(run, event);
}

static enum rbk_refusal some_event(struct run *run, uint64_t *seed, struct opened *told)
{
    struct opened open;
    open_in_state(run, &open);
    uint32_t dice = run_below(seed, 24);
    struct rbk_event event = {.kind = RBK_EVENT_TIME};
    if (dice == 23) {
        told->count = 0; /* a new runner is told of everything */
        event.kind = RBK_EVENT_RESUMED;
        return run_post(run, event);
    }
    if (dice < 4 && open.count) {
        const struct open *question = &open.items[run_below(seed, open.count)];
        event.kind = RBK_EVENT_ANSWER;
        event.owner = (enum rbk_question_owner)question->owner;
        event.index = question->index;
        event.serial = run_below(seed, 2) ? question->serial : 0;
        event.answer = some_answer(seed);
        event.seats = 1u + run_below(seed, 3);
        return run_post(run, event);
    }
    if (dice < 9 && run->machine->trigger_count) {
        event.kind = RBK_EVENT_TRIGGER;
        event.index = run_below(seed, run->machine->trigger_count);
        event.level = (enum rbk_level)run_below(seed, RBK_LEVEL_COUNT);
        return run_post(run, event);
    }
    if (dice < 12) {
        uint64_t due_ms = rbk_state_next_due(run->machine, run->state);
        run->now_ms = due_ms > run->now_ms ? due_ms + run_below(seed, 2) * 2500 : run->now_ms;
        return run_post(run, event);
    }
    if (dice < 14) {
        static const enum rbk_command commands[] = {
            RBK_COMMAND_PAUSE,   RBK_COMMAND_CONTINUE, RBK_COMMAND_RETRY,    RBK_COMMAND_INTERRUPT,
            RBK_COMMAND_RESOLVE, RBK_COMMAND_PAUSE,    RBK_COMMAND_CONTINUE, RBK_COMMAND_RETRY};
        event.kind = RBK_EVENT_COMMAND;
        event.command = commands[run_below(seed, RBK_COUNT(commands))];
        event.index = run_below(seed, 2) ? RBK_NONE : run_below(seed, run->machine->region_count);
        event.answer = run_below(seed, 2) ? RBK_ANSWER_DONE : RBK_ANSWER_NOT_DONE;
        event.seats = UINT32_MAX;
        return run_post(run, event);
    }
    return dice < 21 ? some_result(run, seed) : run_random_event(run, seed);
}

START_TEST(all_that_waits_for_people_keeps_the_promises_together)
{
    const char *replay = getenv("RBK_SEED");
    uint64_t seed = replay ? strtoull(replay, NULL, 10) : 771u + (uint64_t)_i * 1000003u;
    struct opened told = {.count = 0};
    struct run run;
    fprintf(stderr, "RBK_SEED=%llu\n", (unsigned long long)seed);
    seed = seed * 7919 + 13;
    run_start(&run, some_plan(&seed));
    follow(&told, &run);
    for (int events = 0; events < 600 && !run.state->ended_ms; events++) {
        uint64_t now_ms = run.state->now_ms;
        bool accepted = run_below(&seed, 3) == 0
                            ? run_drive(&run, RBK_RECOVERY_UNKNOWN)
                            : some_event(&run, &seed, &told) == RBK_REFUSAL_ACCEPTED;
        ck_assert_uint_ge(run.state->now_ms, now_ms);
        if (!accepted) {
            continue;
        }
        follow(&told, &run);
        compare(&told, &run);
        enum rbk_reaction_kind end = rbk_held_end(run.machine);
        bool renews = end == RBK_REACTION_PAUSE || end == RBK_REACTION_NOTIFY;
        if (!run.state->ended_ms && !renews && events % 7 == 0) {
            run_crash_here(&run, (enum rbk_recovery)(events % 4));
        }
    }
    run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step_mixed");
    TCase *tests = tcase_create("mixed");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 50);
    tcase_add_loop_test(tests, all_that_waits_for_people_keeps_the_promises_together, 0, RUNS);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
