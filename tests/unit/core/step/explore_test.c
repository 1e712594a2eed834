/*
 * A small explorer: every event that could come, from every state that can be reached, on small
 * machines that together have every construct. After each step run.c's promises are asserted; at
 * the end it is shown that from every state an end (or a stuck stage, where a person is called by
 * escalation) is reached by drivers and time alone, that is, without anybody's answer.
 *
 * Two states are the same when they differ only in what cannot decide anything (serials, causes,
 * how often a stage was started beyond its attempts); of deadlines only their order counts.
 */
#include "tests/unit/core/step/run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MAX 400000u
#define SLOTS (1u << 20)

struct edges {
    uint32_t *from, *to;
    size_t count, capacity;
};

struct explorer {
    struct run run; /* the machine, and the block each step works in */
    size_t bytes;
    unsigned char *states;    /* one representative of each, as reached */
    unsigned char *canonical; /* and what it is compared by */
    uint32_t count, capacity;
    uint32_t *slots;    /* hash table of index + 1 */
    struct edges alone; /* steps of drivers and time */
    bool people;        /* commands, answers, triggers too */
};

static struct rbk_state *state_at(const struct explorer *x, uint32_t index)
{
    return (struct rbk_state *)(void *)(x->states + (size_t)index * x->bytes);
}

/* ---- what makes two states the same ---- */

static uint32_t at_most(uint32_t number, uint32_t most)
{
    return number < most ? number : most;
}

static int compare_instants(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Deadlines become their rank among all deadlines: which comes first is what matters. */
static void canonize_deadlines(const struct rbk_machine *m, struct rbk_state *state)
{
    uint64_t *rows[RUN_REGIONS_MAX * (RBK_BLOCK_DEPTH_MAX + 1) + 64];
    uint64_t sorted[RBK_COUNT(rows)];
    size_t count = 0;
    for (uint32_t i = 0; i < m->region_count; i++) {
        struct rbk_region_state *rs = rbk_state_region(m, state, i);
        rows[count++] = &rs->due_ms;
        for (uint32_t k = 0; k < RBK_BLOCK_DEPTH_MAX; k++) {
            rs->block_due_ms[k] = rs->mode == RBK_MODE_DONE ? 0 : rs->block_due_ms[k];
            rows[count++] = &rs->block_due_ms[k];
        }
    }
    for (uint32_t i = 0; i < m->trigger_count; i++) {
        rows[count++] = &rbk_state_trigger(m, state, i)->due_ms;
    }
    rows[count++] = &state->hold_due_ms;
    rows[count++] = &state->plan_due_ms;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = *rows[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_instants);
    for (size_t i = 0; i < count; i++) {
        uint64_t rank = 0;
        for (size_t k = 0; k < count && sorted[k] < *rows[i]; k++) {
            rank += sorted[k] && (k == 0 || sorted[k] != sorted[k - 1]);
        }
        *rows[i] = *rows[i] ? rank + 1 : 0;
    }
}

static void canonize_region(const struct rbk_machine *m, struct rbk_state *state, uint32_t region)
{
    struct rbk_region_state *rs = rbk_state_region(m, state, region);
    rs->serial = 0;
    rs->attempt = at_most(rs->attempt, 4);
    rs->stage_attempt = at_most(rs->stage_attempt, m->regions[region].attempts);
    rs->rollbacks = 0;
    rs->applied_ms = rs->applied_ms != 0;
    rs->cause = (struct rbk_cause){0, 0};
}

/* What was dispatched only matters to guards. */
static void canonize_dispatched(const struct rbk_machine *m, struct rbk_state *state)
{
    size_t words = (m->state_count + 63) / 64;
    uint64_t *bits = (uint64_t *)(void *)((char *)state + state->bytes) - words;
    uint64_t kept[64] = {0};
    ck_assert_uint_le(words, 64);
    for (uint32_t i = 0; i < m->state_count; i++) {
        uint32_t guard = m->states[i].kind == RBK_STATE_GUARD ? m->states[i].guard : RBK_NONE;
        if (guard != RBK_NONE) {
            kept[guard / 64] |= bits[guard / 64] & UINT64_C(1) << guard % 64;
        }
    }
    memcpy(bits, kept, words * sizeof(*bits));
}

static void canonize_orders(const struct rbk_machine *m, struct rbk_state *state)
{
    uint32_t rank[RUN_REGIONS_MAX];
    for (uint32_t i = 0; i < m->region_count; i++) {
        rank[i] = 0;
        for (uint32_t k = 0; k < m->region_count; k++) {
            uint32_t other = rbk_state_region(m, state, k)->order;
            rank[i] += other && other <= rbk_state_region(m, state, i)->order;
        }
    }
    for (uint32_t i = 0; i < m->region_count; i++) {
        rbk_state_region(m, state, i)->order = rank[i];
    }
}

static void canonize(const struct rbk_machine *m, struct rbk_state *state)
{
    canonize_orders(m, state);
    for (uint32_t i = 0; i < m->region_count; i++) {
        canonize_region(m, state, i);
    }
    for (uint32_t i = 0; i < m->trigger_count; i++) {
        struct rbk_trigger_state *ts = rbk_state_trigger(m, state, i);
        bool reacting = ts->mode == RBK_TRIGGER_HOLDING || ts->mode == RBK_TRIGGER_ASKING;
        ts->reaction = reacting ? ts->reaction : 0;
        ts->fired = ts->serial = 0;
    }
    canonize_deadlines(m, state);
    canonize_dispatched(m, state);
    state->rollbacks = at_most(state->rollbacks, 3);
    state->next_order = state->next_serial = 0;
    state->escalated = at_most(state->escalated, 1);
    state->signals = 0;
    state->cause.kind = state->cause.kind == RBK_CAUSE_INTERRUPT;
    state->cause.index = 0;
    state->criteria_due_ms = 0;
    state->started_ms = state->started_ms != 0;
    state->first_effect_ms = state->first_effect_ms != 0;
    state->all_applied_ms = state->all_applied_ms != 0;
    state->decided_ms = state->decided_ms != 0;
    state->stuck_ms = state->stuck_ms != 0;
    state->ended_ms = state->ended_ms != 0;
    state->now_ms = 0;
}

/* ---- the set of states ---- */

static uint64_t hash(const unsigned char *bytes, size_t count)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (size_t i = 0; i + 8 <= count; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return h;
}

/* The index of the run's present state; *ret_new when it was not known. */
static uint32_t remember(struct explorer *x, bool *ret_new)
{
    if (x->count == x->capacity) {
        x->capacity = x->capacity ? x->capacity * 2 : 1024;
        x->states = realloc(x->states, (size_t)x->capacity * x->bytes);
        x->canonical = realloc(x->canonical, (size_t)x->capacity * x->bytes);
        ck_assert_ptr_nonnull(x->states);
        ck_assert_ptr_nonnull(x->canonical);
    }
    unsigned char *fresh = x->canonical + (size_t)x->count * x->bytes;
    memcpy(fresh, x->run.state, x->bytes);
    canonize(x->run.machine, (struct rbk_state *)(void *)fresh);
    uint32_t slot = (uint32_t)hash(fresh, x->bytes) & (SLOTS - 1);
    while (x->slots[slot]) {
        uint32_t index = x->slots[slot] - 1;
        if (memcmp(x->canonical + (size_t)index * x->bytes, fresh, x->bytes) == 0) {
            *ret_new = false;
            return index;
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
    if (x->count == STATES_MAX) {
        ck_abort_msg("more states than a small machine should have");
    }
    memcpy(x->states + (size_t)x->count * x->bytes, x->run.state, x->bytes);
    x->slots[slot] = x->count + 1;
    *ret_new = true;
    return x->count++;
}

static void add_edge(struct edges *edges, uint32_t from, uint32_t to)
{
    if (edges->count == edges->capacity) {
        edges->capacity = edges->capacity ? edges->capacity * 2 : 4096;
        edges->from = realloc(edges->from, edges->capacity * sizeof(uint32_t));
        edges->to = realloc(edges->to, edges->capacity * sizeof(uint32_t));
        ck_assert_ptr_nonnull(edges->from);
        ck_assert_ptr_nonnull(edges->to);
    }
    edges->from[edges->count] = from;
    edges->to[edges->count++] = to;
}

/* ---- one step from a state ---- */

static bool rolls_back_now(const struct rbk_machine *m, const struct rbk_state *state,
                           uint32_t stage)
{
    const struct rbk_region_state *rs = rbk_state_region(m, state, stage);
    return rbk_stage_rolling_back(m, state, stage) && rs->mode != RBK_MODE_TURN &&
           rs->target != m->regions[stage].rollback;
}

/* Promises 3 and 4 for what this step dispatched, without a memory of earlier steps. */
static void check_dispatches(const struct explorer *x, const struct rbk_state *before)
{
    const struct rbk_machine *m = x->run.machine;
    for (size_t i = 0; i < x->run.actions.count; i++) {
        const struct rbk_action *action = &x->run.actions.items[i];
        if (action->kind != RBK_ACTION_DISPATCH && action->kind != RBK_ACTION_QUESTION_OPEN) {
            continue;
        }
        if (action->owner == RBK_OWNER_TRIGGER) {
            continue;
        }
        uint32_t stage = rbk_region_root(m, action->region);
        enum rbk_phase phase = m->states[action->state].phase;
        bool back = phase == RBK_PHASE_ROLLBACK || phase == RBK_PHASE_ROLLBACK_VERIFY;
        if (m->regions[stage].kind != RBK_REGION_STAGE) {
            continue;
        }
        if (phase == RBK_PHASE_APPLY && action->kind == RBK_ACTION_DISPATCH) {
            if (rbk_stage_rolling_back(m, x->run.state, stage) || x->run.state->turned) {
                ck_abort_msg("an apply began while its stage rolls back");
            }
        }
        if (!back || rolls_back_now(m, before, stage)) {
            continue;
        }
        for (uint32_t k = 0; k < m->region_count; k++) {
            if (k != stage && rbk_stage_rolling_back(m, x->run.state, k)) {
                if (rbk_state_region(m, x->run.state, k)->order >=
                    rbk_state_region(m, x->run.state, stage)->order) {
                    ck_abort_msg("a rollback began before that of a stage applied later");
                }
            }
        }
    }
}

static void try_event(struct explorer *x, uint32_t from, struct rbk_event event, bool alone)
{
    bool fresh;
    memcpy(x->run.state, state_at(x, from), x->bytes);
    x->run.now_ms = x->run.state->now_ms;
    if (event.kind == RBK_EVENT_TIME) {
        uint64_t due_ms = rbk_state_next_due(x->run.machine, x->run.state);
        if (!due_ms) {
            return;
        }
        x->run.now_ms = due_ms > x->run.now_ms ? due_ms : x->run.now_ms;
    }
    enum rbk_refusal refusal = run_post(&x->run, event);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        if (event.kind == RBK_EVENT_TIME) {
            ck_abort_msg("a deadline with nothing behind it");
        }
        return;
    }
    check_dispatches(x, state_at(x, from));
    uint32_t to = remember(x, &fresh);
    if (event.kind == RBK_EVENT_TIME && to == from) {
        ck_abort_msg("a deadline that stays for ever");
    }
    if (alone) {
        add_edge(&x->alone, from, to);
    }
}

static void try_region(struct explorer *x, uint32_t from, uint32_t region)
{
    const struct rbk_machine *m = x->run.machine;
    const struct rbk_region_state rs = *rbk_state_region(m, state_at(x, from), region);
    struct rbk_event event = {.kind = RBK_EVENT_RESULT, .serial = rs.serial, .index = region};
    bool awaited = rs.mode == RBK_MODE_RUNNING || rs.mode == RBK_MODE_CANCELLING ||
                   rs.mode == RBK_MODE_LOOKING;
    for (int outcome = 0; awaited && outcome < RBK_OUTCOME_COUNT; outcome++) {
        event.outcome = (enum rbk_outcome)outcome;
        try_event(x, from, event, true);
    }
    event.kind = RBK_EVENT_RESOLVED;
    for (int recovery = 0; rs.mode == RBK_MODE_RESOLVING && recovery < 4; recovery++) {
        event.recovery = (enum rbk_recovery)recovery;
        event.outcome = RBK_OUTCOME_FAIL;
        try_event(x, from, event, true);
        event.outcome = RBK_OUTCOME_OK;
        try_event(x, from, event, true);
    }
    event.kind = RBK_EVENT_ANSWER;
    event.roles = 1;
    for (int answer = 0; x->people && rs.due_ms && answer <= RBK_ANSWER_NOT_DONE; answer++) {
        event.answer = (enum rbk_answer)answer;
        try_event(x, from, event, false);
    }
}

static void try_everything(struct explorer *x, uint32_t from)
{
    const struct rbk_machine *m = x->run.machine;
    try_event(x, from, (struct rbk_event){.kind = RBK_EVENT_TIME}, true);
    try_event(x, from, (struct rbk_event){.kind = RBK_EVENT_RESUMED}, false);
    for (uint32_t i = 0; i < m->region_count; i++) {
        try_region(x, from, i);
    }
    if (!x->people) {
        return;
    }
    for (uint32_t i = 0; i < m->trigger_count; i++) {
        for (int level = 0; level < RBK_LEVEL_COUNT; level++) {
            try_event(x, from,
                      (struct rbk_event){
                          .kind = RBK_EVENT_TRIGGER, .index = i, .level = (enum rbk_level)level},
                      false);
        }
        for (int answer = 0; answer < RBK_ANSWER_COUNT; answer++) {
            try_event(x, from,
                      (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                         .owner = RBK_OWNER_TRIGGER,
                                         .index = i,
                                         .answer = (enum rbk_answer)answer,
                                         .roles = 1},
                      false);
        }
    }
    for (int command = 0; command < RBK_COMMAND_COUNT; command++) {
        struct rbk_event event = {.kind = RBK_EVENT_COMMAND,
                                  .command = (enum rbk_command)command,
                                  .index = RBK_NONE,
                                  .answer = RBK_ANSWER_DONE};
        if (command == RBK_COMMAND_RESOLVE) {
            event.index = 1;
        }
        try_event(x, from, event, false);
    }
}

/* ---- the whole ---- */

/* Which states reach an end, or a stuck stage, by drivers and time alone: backwards from those. */
static void check_ends(const struct explorer *x)
{
    ck_assert_uint_gt(x->count, 0);
    unsigned char *good = calloc(x->count, 1);
    uint32_t *first = calloc((size_t)x->count + 1, sizeof(*first));
    uint32_t *from = calloc(x->alone.count + 1, sizeof(*from));
    uint32_t *queue = malloc((size_t)x->count * sizeof(*queue));
    uint32_t head = 0, tail = 0;
    ck_assert(good && first && from && queue);
    for (size_t i = 0; i < x->alone.count; i++) {
        first[x->alone.to[i] + 1]++;
    }
    for (uint32_t i = 0; i < x->count; i++) {
        first[i + 1] += first[i];
    }
    for (size_t i = x->alone.count; i-- > 0;) {
        uint32_t to = x->alone.to[i];
        from[--first[to + 1]] = x->alone.from[i];
    }
    for (uint32_t i = 0; i < x->count; i++) {
        if (state_at(x, i)->ended_ms || state_at(x, i)->stuck_ms) {
            good[i] = 1;
            queue[tail++] = i;
        }
    }
    while (head < tail) {
        uint32_t to = queue[head++];
        /* After the filling above, row `to` begins at first[to + 1] and ends where the next begins.
         */
        size_t end = to + 2 <= x->count ? first[to + 2] : x->alone.count;
        for (size_t i = first[to + 1]; i < end; i++) {
            if (!good[from[i]]) {
                good[from[i]] = 1;
                queue[tail++] = from[i];
            }
        }
    }
    for (uint32_t i = 0; i < x->count; i++) {
        if (!good[i]) {
            struct run run = x->run;
            memcpy(run.state, state_at(x, i), x->bytes);
            for (uint32_t k = 0; k < run.machine->region_count; k++) {
                fprintf(stderr, "%s\n", run_at(&run, k));
            }
            ck_abort_msg("this state reaches no end by drivers and time alone");
        }
    }
    free(good);
    free(first);
    free(from);
    free(queue);
}

static void explore(struct machine_builder *mb, bool people)
{
    struct explorer x = {.people = people};
    bool fresh;
    run_init(&x.run, mb);
    x.run.quiet = true;
    x.bytes = rbk_state_bytes(x.run.machine);
    x.slots = calloc(SLOTS, sizeof(*x.slots));
    ck_assert_ptr_nonnull(x.slots);
    run_accept(&x.run, (struct rbk_event){.kind = RBK_EVENT_START});
    remember(&x, &fresh);
    for (uint32_t i = 0; i < x.count; i++) {
        if (!state_at(&x, i)->ended_ms) {
            try_everything(&x, i);
        }
    }
    fprintf(stderr, "%u states, %zu steps of drivers and time\n", (unsigned)x.count, x.alone.count);
    check_ends(&x);
    free(x.states);
    free(x.canonical);
    free(x.slots);
    free(x.alone.from);
    free(x.alone.to);
    run_fini(&x.run);
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
    explore(mb, true);
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
    explore(mb, true);
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
    explore(mb, true);
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
    explore(mb, true);
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
    explore(mb, true);
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
