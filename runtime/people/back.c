/*
 * How long the way back takes at worst, from the machine's tables.
 *
 * The states of a region are walked from the last to the first: lowering writes them in the order
 * they are entered, so what follows a state is known when it is reached. (A machine that goes
 * backwards is legal; such an edge is left out, and the figure is then too small rather than
 * endless.) For each state two times are kept: what remains inside its outermost block, which the
 * block's `within` cuts, and what follows after it. Only ends that are good count: a stage that
 * gets stuck is not back at all.
 */
#include "runtime/people/back.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"
#include "runtime/core/stop_times.h"

#define UNKNOWN RBK_BACK_UNKNOWN
#define READING_MS 10000u      /* a reading outside a block with a limit (executor/work.c) */
#define NEVER (UINT64_MAX - 1) /* no good end can be reached */

/* Being worked out. */
struct walk {
    struct rbk_back *back;
    const struct rbk_machine *machine;
    uint64_t *stop_ms; /* owned, per block: the slowest to stop in it, inner blocks included */
};

static uint64_t add(uint64_t a, uint64_t b)
{
    return a == UNKNOWN || b == UNKNOWN || a > RBK_MACHINE_MS_MAX || b > RBK_MACHINE_MS_MAX
               ? UNKNOWN
               : a + b;
}

static uint64_t cut(uint64_t inside_ms, uint64_t within_ms)
{
    return within_ms != 0 && inside_ms > within_ms ? within_ms : inside_ms;
}

/* The outermost block around a state; RBK_NONE: none. */
static uint32_t outermost(const struct rbk_machine *machine, uint32_t state)
{
    uint32_t block = machine->states[state].block;
    for (uint32_t hops = 0; block < machine->block_count && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        if (machine->blocks[block].parent >= machine->block_count) {
            return block;
        }
        block = machine->blocks[block].parent;
    }
    return RBK_NONE;
}

/* ---- one effect -------------------------------------------------------------------------------
 */

/* From being told to stop to being shown dead. */
static uint64_t stop_of(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_CAPTURE_RUN:
        for (uint32_t i = 0; i < effect->args.count; i++) {
            if (machine->args[effect->args.first + i].kind == RBK_ARG_CANCEL_WORD) {
                return RBK_STOP_EXEC_WITH_CANCEL_MS;
            }
        }
        return RBK_STOP_EXEC_MS;
    case RBK_EFFECT_SQL:
        return effect->connection < machine->connection_count &&
                       machine->connections[effect->connection].kind == RBK_CONNECTION_SQLITE
                   ? RBK_STOP_SQLITE_MS
                   : RBK_STOP_POSTGRES_MS;
    default:
        return RBK_STOP_REQUEST_MS;
    }
}

/* A `wait`'s time, where the machine alone says it. */
static uint64_t wait_of(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    const struct rbk_scope scope = {.machine = machine};
    uint64_t span_ms = UNKNOWN;
    for (uint32_t i = 0; i < effect->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[effect->args.first + i];
        struct rbk_value value;
        struct rbk_arena arena;
        if (arg->kind != RBK_ARG_DURATION || machine->exprs[arg->expr].reads.count != 0) {
            continue;
        }
        rbk_arena_init(&arena, RBK_VIEW_BYTES_MAX);
        if (rbk_expr_evaluate(&scope, arg->expr, &arena, &value, NULL) == 0 && !value.missing &&
            value.type == RBK_TYPE_DURATION && value.as.integer >= 0) {
            span_ms = (uint64_t)value.as.integer;
        }
        rbk_arena_fini(&arena);
    }
    return span_ms;
}

/* A reading that nothing limits: each of those it takes ends after READING_MS. */
static uint64_t unlimited_reading(const struct rbk_machine *machine,
                                  const struct rbk_effect *effect)
{
    uint64_t reads =
        effect->condition < machine->expr_count ? machine->exprs[effect->condition].reads.count : 0;
    uint64_t all_ms = reads * READING_MS;
    if (effect->kind == RBK_EFFECT_WAIT_UNTIL || effect->for_ms != 0) {
        return UNKNOWN;
    }
    for (uint32_t i = 0; i < effect->retry_count && all_ms != UNKNOWN; i++) {
        all_ms = add(all_ms, add(effect->retry_every_ms, reads * READING_MS));
    }
    return all_ms;
}

/* How long those are asked, one after the other, who may know what became of an effect. */
static uint64_t doubt_of(const struct rbk_machine *machine, uint32_t question)
{
    uint64_t all_ms = 0;
    for (; question < machine->question_count;
         question = rbk_question_asked_on(machine, question)) {
        all_ms = add(all_ms, machine->questions[question].within_ms);
    }
    return all_ms;
}

/* Until it has ended well, at the latest; UNKNOWN: it takes what remains of its block, which has a
 * limit when `limited`. */
static uint64_t effect_of(const struct rbk_machine *machine, const struct rbk_effect *effect,
                          bool limited)
{
    uint64_t one_ms = effect->timeout_ms, all_ms;
    switch (effect->kind) {
    case RBK_EFFECT_NOTHING:
    case RBK_EFFECT_NOTIFY:
        return 0;
    case RBK_EFFECT_WAIT:
        return wait_of(machine, effect);
    case RBK_EFFECT_QUESTION:
        return effect->question < machine->question_count
                   ? machine->questions[effect->question].within_ms
                   : UNKNOWN;
    case RBK_EFFECT_LET:
    case RBK_EFFECT_CHECK:
    case RBK_EFFECT_TEST:
    case RBK_EFFECT_REQUIRE:
    case RBK_EFFECT_WAIT_UNTIL:
    case RBK_EFFECT_CAPTURE:
        return one_ms != 0 ? one_ms /* covers its retries */
               : limited   ? UNKNOWN
                           : unlimited_reading(machine, effect);
    default:
        break;
    }
    if (one_ms == 0) {
        return UNKNOWN;
    }
    all_ms = one_ms;
    for (uint32_t i = 0; i < effect->retry_count && all_ms != UNKNOWN; i++) {
        all_ms = add(all_ms, add(one_ms, add(effect->retry_every_ms, stop_of(machine, effect))));
    }
    if (effect->crash == RBK_CRASH_ASK && effect->doubt_question < machine->question_count) {
        all_ms =
            add(all_ms, add(stop_of(machine, effect), doubt_of(machine, effect->doubt_question)));
    }
    return all_ms;
}

/* ---- states -----------------------------------------------------------------------------------
 */

static bool is_good_end(enum rbk_state_kind kind)
{
    return kind == RBK_STATE_ROLLED_BACK || kind == RBK_STATE_BRANCH_DONE ||
           kind == RBK_STATE_APPLIED || kind == RBK_STATE_ABORTED || kind == RBK_STATE_CANCELLED ||
           kind == RBK_STATE_COMPLETED;
}

/* How many expired blocks after one another are followed: more than any plan has ways back. */
#define EXPIRED_MAX 64u

/* From a state that is entered from outside its block to the good end of its region. */
static uint64_t total_in(const struct walk *walk, uint32_t state, unsigned expiries)
{
    const struct rbk_machine *machine = walk->machine;
    uint32_t block = outermost(machine, state);
    uint64_t inside_ms = walk->back->inside[state], outside_ms = walk->back->outside[state];
    uint64_t result = NEVER, within_ms, expired_ms;

    if (outside_ms != NEVER) {
        within_ms = block == RBK_NONE ? 0 : machine->blocks[block].within_ms;
        result = add(cut(inside_ms, within_ms), outside_ms);
    }
    if (block == RBK_NONE || machine->blocks[block].within_ms == 0 ||
        inside_ms <= machine->blocks[block].within_ms) {
        return result;
    }
    uint32_t expired = machine->blocks[block].expired;
    if (expired <= state || expired >= machine->state_count || expiries == EXPIRED_MAX ||
        outermost(machine, expired) == block ||
        (expired_ms = total_in(walk, expired, expiries + 1)) == NEVER) {
        return result;
    }
    expired_ms = add(add(machine->blocks[block].within_ms, walk->stop_ms[block]), expired_ms);
    return result == NEVER || expired_ms > result ? expired_ms : result;
}

static uint64_t total(const struct walk *walk, uint32_t state)
{
    return total_in(walk, state, 0);
}

/* How long the slowest of the branches that a state starts takes. */
static uint64_t branches(const struct walk *walk, const struct rbk_machine_state *state)
{
    uint64_t slowest_ms = 0;
    for (uint32_t i = 0; i < state->branches.count; i++) {
        const struct rbk_region *branch = &walk->machine->regions[state->branches.first + i];
        uint64_t ms = branch->states.count != 0 ? total(walk, branch->states.first) : 0;
        if (ms != NEVER && ms > slowest_ms) {
            slowest_ms = ms;
        }
    }
    return slowest_ms;
}

/* The longest way on from a state. */
static void walk_state(struct walk *walk, uint32_t index)
{
    const struct rbk_machine *machine = walk->machine;
    const struct rbk_machine_state *state = &machine->states[index];
    struct rbk_back *back = walk->back;
    uint32_t block = outermost(machine, index);
    uint64_t within_ms = block == RBK_NONE ? 0 : machine->blocks[block].within_ms;
    uint64_t ok_ms = 0, stop_ms = 0;

    back->inside[index] = 0;
    back->outside[index] = is_good_end(state->kind) ? 0 : NEVER;
    if (state->kind == RBK_STATE_EFFECT && state->effect < machine->effect_count) {
        ok_ms = effect_of(machine, &machine->effects[state->effect], within_ms != 0);
        stop_ms = stop_of(machine, &machine->effects[state->effect]);
    } else if (state->kind == RBK_STATE_FORK) {
        ok_ms = branches(walk, state);
    }
    for (uint32_t outcome = 0; outcome < RBK_OUTCOME_COUNT; outcome++) {
        uint32_t next = state->next[outcome];
        uint64_t here_ms = outcome == RBK_OUTCOME_OK ? ok_ms : add(ok_ms, stop_ms);
        uint64_t inside_ms = here_ms, outside_ms;
        if (next <= index || next >= machine->state_count ||
            machine->states[next].region != state->region) {
            continue;
        }
        if (block == RBK_NONE) {
            inside_ms = 0;
            outside_ms = total(walk, next);
            outside_ms = outside_ms == NEVER ? NEVER : add(here_ms, outside_ms);
        } else if (outermost(machine, next) == block) {
            inside_ms = add(here_ms, back->inside[next]);
            outside_ms = back->outside[next];
        } else {
            outside_ms = total(walk, next);
        }
        if (outside_ms != NEVER &&
            (back->outside[index] == NEVER ||
             add(cut(inside_ms, within_ms), outside_ms) >
                 add(cut(back->inside[index], within_ms), back->outside[index]))) {
            back->inside[index] = inside_ms;
            back->outside[index] = outside_ms;
        }
    }
}

static void find_stops(struct walk *walk)
{
    const struct rbk_machine *machine = walk->machine;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        uint32_t block = outermost(machine, i), effect = machine->states[i].effect;
        if (block != RBK_NONE && effect < machine->effect_count) {
            uint64_t ms = stop_of(machine, &machine->effects[effect]);
            walk->stop_ms[block] = ms > walk->stop_ms[block] ? ms : walk->stop_ms[block];
        }
    }
}

int rbk_back_init(struct rbk_back *back, const struct rbk_machine *machine)
{
    struct walk walk = {.back = back, .machine = machine};
    memset(back, 0, sizeof(*back));
    back->machine = machine;
    back->inside = calloc((size_t)machine->state_count + 1, sizeof(*back->inside));
    back->outside = calloc((size_t)machine->state_count + 1, sizeof(*back->outside));
    back->strategies = calloc((size_t)machine->strategy_count + 1, sizeof(*back->strategies));
    walk.stop_ms = calloc((size_t)machine->block_count + 1, sizeof(*walk.stop_ms));
    if (back->inside == NULL || back->outside == NULL || back->strategies == NULL ||
        walk.stop_ms == NULL) {
        free(walk.stop_ms);
        rbk_back_fini(back);
        return -RBK_ENOMEM;
    }
    find_stops(&walk);
    /* Branches stand behind the region that starts them. */
    for (uint32_t region = machine->region_count; region-- > 0;) {
        struct rbk_slice states = machine->regions[region].states;
        for (uint32_t i = states.first + states.count; i-- > states.first;) {
            walk_state(&walk, i);
        }
    }
    for (uint32_t i = 0; i < machine->strategy_count; i++) {
        uint32_t first = machine->strategies[i].first_state;
        uint64_t ms = first < machine->state_count ? total(&walk, first) : NEVER;
        back->strategies[i] = ms == NEVER ? UNKNOWN : ms;
    }
    free(walk.stop_ms);
    return 0;
}

void rbk_back_fini(struct rbk_back *back)
{
    free(back->inside);
    free(back->outside);
    free(back->strategies);
    memset(back, 0, sizeof(*back));
}

uint64_t rbk_back_of_stage(const struct rbk_back *back, uint32_t region)
{
    const struct rbk_region *row = &back->machine->regions[region];
    return row->strategies.count != 0 ? back->strategies[row->strategies.first] : UNKNOWN;
}

/* ---- a run ------------------------------------------------------------------------------------
 */

/* What is left of a rollback under way. */
static uint64_t rest_of(const struct rbk_back *back, const struct rbk_state *state, uint32_t region,
                        uint64_t now_ms)
{
    const struct rbk_machine *machine = back->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    uint64_t inside_ms = back->inside[rs->state], due_ms = rs->block_due_ms[0];
    if (back->outside[rs->state] == NEVER) {
        return rbk_back_of_stage(back, region);
    }
    if (outermost(machine, rs->state) != RBK_NONE && due_ms != 0) {
        uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
        inside_ms = inside_ms < left_ms ? inside_ms : left_ms;
    }
    return add(inside_ms, back->outside[rs->state]);
}

/* Stopping what is under way. */
static uint64_t stop_of_run(const struct rbk_machine *machine, const struct rbk_state *state)
{
    uint64_t slowest_ms = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        const struct rbk_machine_state *at = &machine->states[rs->state];
        if ((rs->mode == RBK_MODE_RUNNING || rs->mode == RBK_MODE_CANCELLING) &&
            at->phase != RBK_PHASE_ROLLBACK && at->phase != RBK_PHASE_ROLLBACK_VERIFY &&
            at->effect < machine->effect_count) {
            uint64_t ms = stop_of(machine, &machine->effects[at->effect]);
            slowest_ms = ms > slowest_ms ? ms : slowest_ms;
        }
    }
    return slowest_ms;
}

enum rbk_back_kind rbk_back_of_run(const struct rbk_view *view, const struct rbk_state *state,
                                   const struct rbk_back *back, uint64_t now_ms, uint64_t *ret_ms)
{
    const struct rbk_machine *machine = view->machine;
    uint64_t sum_ms = 0;
    bool touched = false, closed = false, stuck = false;

    if (rbk_run_past_grace(machine, state)) {
        return RBK_BACK_GONE;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, state, i);
        const struct rbk_machine_state *at = &machine->states[rs->state];
        if (machine->regions[i].kind != RBK_REGION_STAGE || !rbk_stage_touched(machine, state, i) ||
            at->kind == RBK_STATE_ROLLED_BACK) {
            continue;
        }
        bool rolling = at->phase == RBK_PHASE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK_VERIFY;
        touched = true;
        stuck = stuck || at->kind == RBK_STATE_STUCK;
        closed = closed || (rs->flags & RBK_FLAG_WAY_CLOSED) != 0;
        sum_ms =
            add(sum_ms, rolling && at->kind != RBK_STATE_ROLLBACK ? rest_of(back, state, i, now_ms)
                                                                  : rbk_back_of_stage(back, i));
    }
    if (stuck || !touched) {
        return stuck ? RBK_BACK_STUCK : RBK_BACK_NOTHING;
    }
    if (closed && state->turned == 0) {
        return RBK_BACK_CLOSED;
    }
    sum_ms = add(sum_ms, stop_of_run(machine, state));
    if (machine->aborting_state < machine->state_count) {
        uint32_t next = machine->states[machine->aborting_state].next[RBK_OUTCOME_OK];
        if (next < machine->state_count && back->outside[next] != NEVER) {
            sum_ms = add(sum_ms, add(back->inside[next], back->outside[next]));
        }
    }
    /* The compiler has proved the plan's own limit, with finer means than these. */
    if (machine->rollback_within_ms != 0 && state->turned == 0 &&
        sum_ms > machine->rollback_within_ms) {
        sum_ms = machine->rollback_within_ms;
    }
    if (sum_ms == UNKNOWN) {
        return RBK_BACK_UNBOUNDED;
    }
    *ret_ms = sum_ms;
    return RBK_BACK_OPEN;
}
