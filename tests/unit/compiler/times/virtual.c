/*
 * The world of a walk. The limits are the executor's (executor/work.c): the step's timeout or what
 * remains of its blocks, whichever is sooner; a reading without either has ten seconds for each
 * thing it reads. What stopping takes is core/stop_times.h.
 */
#include "tests/unit/compiler/times/virtual.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/state.h"
#include "runtime/core/step.h"
#include "runtime/core/stop_times.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS_MAX 64
#define EVENTS_MAX 2000
#define START_MS UINT64_C(1000000)
#define READING_MS UINT64_C(10000)

/* Something under way: an effect, a look, an open question. */
struct flight {
    bool used;
    bool question;
    bool look;
    bool cut; /* its result will say that it was cut off */
    uint32_t serial;
    uint32_t region;
    uint32_t state;
    uint64_t result_ms; /* UINT64_MAX: only a deadline of the core ends it */
    enum rbk_outcome outcome;
    enum rbk_answer answer;
};

struct world {
    const struct rbk_machine *machine;
    struct rbk_state *state;
    struct rbk_actions actions;
    struct rbk_settings settings;
    struct choices *choices;
    struct measures *measures;
    struct flight flights[FLIGHTS_MAX];
    uint64_t now_ms;
    uint64_t began_ms[STAGES_MAX]; /* 0: it has not, or it was held up */
    uint64_t turned_ms[STAGES_MAX];
};

/* An assertion of Check writes to a pipe each time it holds: too much for every step of every walk.
 */
#define EXPECT(CONDITION)                           \
    do {                                            \
        if (!(CONDITION)) {                         \
            ck_abort_msg("not so: %s", #CONDITION); \
        }                                           \
    } while (0)

uint32_t virtual_below(uint64_t *seed, uint32_t limit)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % limit);
}

static uint32_t choose(struct world *world, uint32_t limit)
{
    struct choices *choices = world->choices;
    size_t at = choices->used++ % CHOICES_MAX;
    return choices->bytes[at] % limit;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What is left of the blocks around a region; 0: there are none. */
static uint64_t block_left_ms(const struct world *world, uint32_t region)
{
    uint64_t left_ms = 0;
    for (; region != RBK_NONE; region = world->machine->regions[region].parent) {
        const struct rbk_region_state *rs = rbk_state_region(world->machine, world->state, region);
        for (size_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
            uint64_t due_ms = rs->block_due_ms[i];
            if (due_ms) {
                left_ms = sooner(left_ms, due_ms > world->now_ms ? due_ms - world->now_ms : 1);
            }
        }
    }
    return left_ms;
}

static bool is_command(const struct rbk_effect *effect)
{
    return effect->kind == RBK_EFFECT_RUN || effect->kind == RBK_EFFECT_SHELL ||
           effect->kind == RBK_EFFECT_CAPTURE_RUN;
}

static bool is_request(const struct rbk_effect *effect)
{
    return effect->kind == RBK_EFFECT_HTTP || effect->kind == RBK_EFFECT_REDIS;
}

static bool is_reading(const struct rbk_effect *effect)
{
    return effect->condition != RBK_NONE;
}

static uint64_t dead_ms_of(const struct world *world, const struct rbk_effect *effect)
{
    const struct rbk_machine *machine = world->machine;
    if (is_command(effect)) {
        for (uint32_t i = 0; i < effect->args.count; i++) {
            if (machine->args[effect->args.first + i].kind == RBK_ARG_CANCEL_WORD) {
                return RBK_STOP_EXEC_WITH_CANCEL_MS;
            }
        }
        return RBK_STOP_EXEC_MS;
    }
    if (effect->kind == RBK_EFFECT_SQL) {
        return machine->connections[effect->connection].kind == RBK_CONNECTION_SQLITE
                   ? RBK_STOP_SQLITE_MS
                   : RBK_STOP_POSTGRES_MS;
    }
    return 0;
}

/* Whether it may be in doubt when it is cut off: a request that was sent always is; of others the
 * plan says whom to ask. */
static bool may_doubt(const struct rbk_effect *effect)
{
    return (is_request(effect) && !effect->idempotent) || effect->crash == RBK_CRASH_ASK;
}

/* What a reading takes that nothing limits. */
static uint64_t readings_ms(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    uint64_t attempts = effect->retry_count + 1u;
    uint64_t delay_ms = effect->retry_every_ms;
    return machine->exprs[effect->condition].reads.count * READING_MS * attempts +
           delay_ms * (attempts - 1);
}

static uint64_t wait_ms(const struct world *world, const struct rbk_effect *effect)
{
    struct rbk_scope scope = {.machine = world->machine};
    struct rbk_value value = rbk_value_missing(RBK_TYPE_DURATION);
    struct rbk_arena arena;
    rbk_arena_init(&arena, (size_t)1 << 16);
    EXPECT(effect->args.count == 1);
    uint32_t expr = world->machine->args[effect->args.first].expr;
    EXPECT(rbk_expr_evaluate(&scope, expr, &arena, &value, NULL) == 0);
    rbk_arena_fini(&arena);
    return (uint64_t)value.as.integer;
}

/* ---- what is under way ----------------------------------------------------------------------- */

static struct flight *new_flight(struct world *world, const struct rbk_action *action)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *flight = &world->flights[i];
        if (!flight->used) {
            *flight = (struct flight){.used = true,
                                      .serial = action->serial,
                                      .region = action->region,
                                      .state = action->state,
                                      .result_ms = world->now_ms};
            return flight;
        }
    }
    ck_abort_msg("more than %d things under way", FLIGHTS_MAX);
}

static const struct rbk_effect *effect_of(const struct world *world, uint32_t state)
{
    return &world->machine->effects[world->machine->states[state].effect];
}

static void start_reading(struct world *world, struct flight *flight,
                          const struct rbk_effect *effect)
{
    uint64_t limit_ms = sooner(effect->timeout_ms, block_left_ms(world, flight->region));
    if (limit_ms == 0) {
        limit_ms = readings_ms(world->machine, effect);
    }
    switch (choose(world, 5)) {
    case 0:
        break;
    case 1:
        flight->result_ms += limit_ms;
        break;
    case 2:
        flight->result_ms += limit_ms;
        flight->outcome = RBK_OUTCOME_FAIL;
        break;
    case 3:
        flight->outcome = RBK_OUTCOME_FAIL;
        break;
    default:
        flight->result_ms += limit_ms;
        flight->outcome = RBK_OUTCOME_TIMEOUT;
        break;
    }
}

static void start_effect(struct world *world, struct flight *flight,
                         const struct rbk_effect *effect)
{
    uint64_t limit_ms = sooner(effect->timeout_ms, block_left_ms(world, flight->region));
    EXPECT(limit_ms != 0); /* RBK114 */
    switch (choose(world, 5)) {
    case 0:
        break;
    case 1:
        flight->result_ms += limit_ms;
        break;
    case 2:
        flight->outcome = RBK_OUTCOME_FAIL;
        break;
    case 3:
        flight->result_ms += limit_ms;
        flight->outcome = RBK_OUTCOME_FAIL;
        break;
    default:
        flight->result_ms += limit_ms + dead_ms_of(world, effect);
        flight->outcome = may_doubt(effect) ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_TIMEOUT;
        flight->cut = true;
        break;
    }
}

static void dispatch(struct world *world, const struct rbk_action *action)
{
    const struct rbk_effect *effect = effect_of(world, action->state);
    struct flight *flight = new_flight(world, action);
    if (effect->kind == RBK_EFFECT_WAIT) {
        flight->result_ms += wait_ms(world, effect);
    } else if (effect->kind == RBK_EFFECT_NOTIFY || effect->kind == RBK_EFFECT_NOTHING) {
        flight->outcome = RBK_OUTCOME_OK;
    } else if (is_reading(effect)) {
        start_reading(world, flight, effect);
    } else {
        start_effect(world, flight, effect);
    }
}

/* `done when`, read once: yes or no, now or at the last moment. */
static void look(struct world *world, const struct rbk_action *action)
{
    const struct rbk_effect *effect = effect_of(world, action->state);
    struct flight *flight = new_flight(world, action);
    flight->look = true;
    const struct rbk_region_state *rs =
        rbk_state_region(world->machine, world->state, action->region);
    uint64_t reads = world->machine->exprs[effect->done_when].reads.count;
    uint64_t limit_ms = rbk_stop_look_ms(effect->timeout_ms, reads);
    if (rs->target == RBK_NONE) {
        limit_ms = sooner(limit_ms, block_left_ms(world, action->region));
    }
    uint32_t choice = choose(world, 4);
    flight->result_ms += choice & 1 && reads ? limit_ms : 0;
    flight->outcome = choice & 2 ? RBK_OUTCOME_FAIL : RBK_OUTCOME_OK;
}

static void cancel(struct world *world, const struct rbk_action *action)
{
    const struct rbk_effect *effect = effect_of(world, action->state);
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *flight = &world->flights[i];
        if (!flight->used || flight->question || flight->serial != action->serial) {
            continue;
        }
        if (flight->cut) { /* it is being stopped, or is about to be */
            uint64_t dead_ms = world->now_ms + dead_ms_of(world, effect);
            flight->result_ms = dead_ms < flight->result_ms ? dead_ms : flight->result_ms;
            return;
        }
        bool at_once = flight->look || is_reading(effect) || effect->kind == RBK_EFFECT_WAIT;
        flight->cut = true;
        flight->result_ms = world->now_ms;
        flight->outcome = RBK_OUTCOME_FAIL;
        if (at_once || choose(world, 3) == 0) {
            return;
        }
        flight->result_ms += dead_ms_of(world, effect);
        flight->outcome = may_doubt(effect) ? RBK_OUTCOME_DOUBT : RBK_OUTCOME_FAIL;
        return;
    }
    ck_abort_msg("nothing to cancel");
}

/* A question: yes at once, no at once, yes at the last moment, or silence. In doubt nobody says
 * "not done": that begins the step anew, as often as they like. */
static void ask(struct world *world, const struct rbk_action *action)
{
    const struct rbk_region_state *rs =
        rbk_state_region(world->machine, world->state, action->index);
    struct flight *flight = new_flight(world, action);
    bool in_doubt = rs->mode == RBK_MODE_DOUBT;
    bool manual =
        !in_doubt && world->machine->questions[action->question].kind == RBK_QUESTION_MANUAL;
    flight->question = true;
    flight->answer = in_doubt || manual ? RBK_ANSWER_DONE : RBK_ANSWER_YES;
    switch (choose(world, 4)) {
    case 0:
        break;
    case 1:
        if (!in_doubt) {
            flight->answer = manual ? RBK_ANSWER_NOT_DONE : RBK_ANSWER_NO;
        }
        break;
    case 2:
        flight->result_ms = action->due_ms - 1;
        break;
    default:
        flight->result_ms = UINT64_MAX;
        break;
    }
}

static void close_question(struct world *world, const struct rbk_action *action)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *flight = &world->flights[i];
        if (flight->used && flight->question && flight->region == action->index) {
            flight->used = false;
        }
    }
}

static void act(struct world *world)
{
    for (size_t i = 0; i < world->actions.count; i++) {
        const struct rbk_action *action = &world->actions.items[i];
        switch (action->kind) {
        case RBK_ACTION_DISPATCH:
            dispatch(world, action);
            break;
        case RBK_ACTION_LOOK:
            look(world, action);
            break;
        case RBK_ACTION_CANCEL:
            cancel(world, action);
            break;
        case RBK_ACTION_QUESTION_OPEN:
            ask(world, action);
            break;
        case RBK_ACTION_QUESTION_CLOSE:
            close_question(world, action);
            break;
        default:
            break;
        }
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* What a stage is at, as far as the clocks are concerned. */
enum stage_at { AT_WAITING, AT_WORK, AT_APPLIED, AT_TURN, AT_ROLLBACK, AT_ROLLED_BACK, AT_STUCK };

static enum stage_at at_of(const struct world *world, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(world->machine, world->state, region);
    const struct rbk_machine_state *at = &world->machine->states[rs->state];
    switch (at->kind) {
    case RBK_STATE_WAITING:
        return AT_WAITING;
    case RBK_STATE_APPLIED:
        return AT_APPLIED;
    case RBK_STATE_ROLLBACK:
        return AT_TURN;
    case RBK_STATE_ROLLED_BACK:
        return AT_ROLLED_BACK;
    case RBK_STATE_STUCK:
        return AT_STUCK;
    default:
        return at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY
                   ? AT_ROLLBACK
                   : AT_WORK;
    }
}

static void keep(uint64_t *longest_ms, uint64_t ms)
{
    *longest_ms = ms > *longest_ms ? ms : *longest_ms;
}

/* A stage came from one place to another, or stayed. */
static void keep_clocks(struct world *world, uint32_t stage, enum stage_at before,
                        enum stage_at after)
{
    struct measures *measures = world->measures;
    if (before == AT_WAITING && after != AT_WAITING) {
        world->began_ms[stage] = world->now_ms;
    }
    if (world->state->hold || world->state->turned) {
        world->began_ms[stage] = 0; /* from here on others hold it up */
    }
    if (after == AT_APPLIED && before != after && world->began_ms[stage]) {
        keep(&measures->stage_forward_ms[stage], world->now_ms - world->began_ms[stage]);
    }
    if (after == AT_ROLLBACK && before != after) {
        world->turned_ms[stage] = world->now_ms;
    }
    if (after == AT_ROLLED_BACK && before == AT_ROLLBACK) {
        keep(&measures->stage_back_ms[stage], world->now_ms - world->turned_ms[stage]);
    }
    if (after == AT_STUCK && before == AT_ROLLBACK) {
        keep(&measures->stage_stuck_ms[stage], world->now_ms - world->turned_ms[stage]);
    }
}

/* One event, and what it means for the clocks that are kept. */
static enum rbk_refusal step(struct world *world, struct rbk_event event)
{
    const struct rbk_machine *machine = world->machine;
    enum stage_at before[STAGES_MAX] = {AT_WAITING};
    uint32_t stage = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            before[stage++] = at_of(world, i);
        }
    }
    event.now_ms = world->now_ms;
    enum rbk_refusal refusal =
        rbk_step(machine, &world->settings, world->state, &event, &world->actions);
    stage = 0;
    for (uint32_t i = 0; refusal == RBK_REFUSAL_ACCEPTED && i < machine->region_count; i++) {
        if (machine->regions[i].kind == RBK_REGION_STAGE) {
            keep_clocks(world, stage, before[stage], at_of(world, i));
            stage++;
        }
    }
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        act(world);
    }
    return refusal;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static struct flight *next_flight(struct world *world)
{
    struct flight *next = NULL;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *flight = &world->flights[i];
        if (flight->used && flight->result_ms != UINT64_MAX &&
            (!next || flight->result_ms < next->result_ms ||
             (flight->result_ms == next->result_ms && choose(world, 2)))) {
            next = flight;
        }
    }
    return next;
}

static void land(struct world *world, struct flight *flight)
{
    struct rbk_event event = {
        .kind = RBK_EVENT_RESULT, .serial = flight->serial, .outcome = flight->outcome};
    if (flight->question) {
        event = (struct rbk_event){.kind = RBK_EVENT_ANSWER,
                                   .owner = RBK_OWNER_REGION,
                                   .index = flight->region,
                                   .answer = flight->answer,
                                   .seats = UINT32_MAX};
    }
    flight->used = false;
    EXPECT(step(world, event) == RBK_REFUSAL_ACCEPTED);
}

/* The first look at the ways back of a stage that has come to stand: one is open. */
static bool look_back(struct world *world)
{
    for (uint32_t i = 0; i < world->machine->region_count; i++) {
        if (rbk_state_region(world->machine, world->state, i)->flags & RBK_FLAG_WAY_UNREAD) {
            EXPECT(step(world, (struct rbk_event){.kind = RBK_EVENT_WAY_BACK,
                                                  .index = i,
                                                  .level = RBK_LEVEL_TRUE}) ==
                   RBK_REFUSAL_ACCEPTED);
            return true;
        }
    }
    return false;
}

/* Whatever comes next. False: nothing more happens by itself. */
static bool go_on(struct world *world, uint32_t number)
{
    if (look_back(world)) {
        return true;
    }
    struct flight *flight = next_flight(world);
    uint64_t due_ms = rbk_state_next_due(world->machine, world->state);
    uint64_t next_ms = flight ? flight->result_ms : UINT64_MAX;
    bool by_time = due_ms && (due_ms < next_ms || (due_ms == next_ms && choose(world, 2)));
    if (!flight && !due_ms) {
        return false;
    }
    next_ms = by_time ? due_ms : next_ms;
    if (number == world->choices->abort_at) {
        if (world->choices->abort_late && next_ms > world->now_ms) {
            world->now_ms = next_ms;
        }
        if (step(world, (struct rbk_event){.kind = RBK_EVENT_COMMAND,
                                           .command = RBK_COMMAND_ABORT}) == RBK_REFUSAL_ACCEPTED) {
            return true;
        }
    }
    world->now_ms = next_ms > world->now_ms ? next_ms : world->now_ms;
    if (by_time || !flight) {
        EXPECT(step(world, (struct rbk_event){.kind = RBK_EVENT_TIME}) == RBK_REFUSAL_ACCEPTED);
    } else {
        land(world, flight);
    }
    return true;
}

void virtual_walk(const struct rbk_machine *machine, struct choices *choices,
                  struct measures *ret_measures)
{
    struct world world = {.machine = machine, .choices = choices, .measures = ret_measures};
    *ret_measures = (struct measures){0};
    choices->used = 0;
    world.now_ms = START_MS;
    world.state = aligned_alloc(8, (rbk_state_bytes(machine) + 7) / 8 * 8);
    world.actions.capacity = rbk_actions_max(machine);
    world.actions.items = calloc(world.actions.capacity, sizeof(*world.actions.items));
    EXPECT(world.state != NULL);
    EXPECT(world.actions.items != NULL);
    rbk_state_init(machine, world.state);
    (void)step(&world, (struct rbk_event){.kind = RBK_EVENT_START});
    while (!world.state->ended_ms && !world.state->stuck_ms && ret_measures->events < EVENTS_MAX &&
           go_on(&world, ret_measures->events + 1)) {
        ret_measures->events++;
    }
    if (world.state->ended_ms && world.state->decided_ms) {
        EXPECT(world.state->status == RBK_STATUS_ABORTED);
        ret_measures->aborted = true;
        ret_measures->back_ms = world.state->ended_ms - world.state->decided_ms;
    }
    free(world.actions.items);
    free(world.state);
}
