/*
 * Regions, states and blocks: that a walk from state to state stays inside its region and finds
 * what the kinds of the states promise.
 *
 *     region:  its states are consecutive, and every state belongs to the one region that lists it
 *     state:   next[] stays inside the region; each kind has the successors it cannot do without
 *     fork:    its branches are consecutive regions of kind BRANCH with the fork's region as
 * parent, each started by one fork only; parents form no ring block:   depth counts from its
 * outermost one, inside one region
 *
 * Which of next[] an effect may leave open is step()'s knowledge: it has a way on for every
 * failure, but none for success.
 */
#include "runtime/core/machine_check.h"

#include "runtime/core/base/limits.h"

#include <stdlib.h>

#define refuse rbk_machine_refuse
#define MUST(condition, table, row, ...)                                  \
    do {                                                                  \
        if (!(condition)) {                                               \
            return refuse(reterr, RBK_TABLE_##table, (row), __VA_ARGS__); \
        }                                                                 \
    } while (0)

static bool inside(struct rbk_slice slice, uint32_t row)
{
    return row >= slice.first && row - slice.first < slice.count;
}

/* A state of a region, or none where that may be. */
static bool is_state_of(const struct rbk_region *region, uint32_t state, bool optional)
{
    return state == RBK_NONE ? optional : inside(region->states, state);
}

static bool is_kind(const struct rbk_machine *machine, uint32_t state, enum rbk_state_kind kind)
{
    return state == RBK_NONE || machine->states[state].kind == kind;
}

static int check_stage(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_region *region = &machine->regions[row];
    const uint32_t rests[] = {region->applied, region->rollback, region->rolled_back,
                              region->held,    region->stuck,    region->apply};
    for (size_t i = 0; i < RBK_COUNT(rests); i++) {
        MUST(is_state_of(region, rests[i], true), regions, row, "a state of another region");
    }
    MUST(is_kind(machine, region->applied, RBK_STATE_APPLIED) &&
             is_kind(machine, region->rollback, RBK_STATE_ROLLBACK) &&
             is_kind(machine, region->rolled_back, RBK_STATE_ROLLED_BACK) &&
             is_kind(machine, region->held, RBK_STATE_HELD) &&
             is_kind(machine, region->stuck, RBK_STATE_STUCK),
         regions, row, "a state of another kind than its name says");
    if (region->kind == RBK_REGION_STAGE) {
        MUST(region->applied != RBK_NONE && region->rollback != RBK_NONE &&
                 region->rolled_back != RBK_NONE && region->stuck != RBK_NONE &&
                 region->apply != RBK_NONE,
             regions, row, "a stage lacks a part of its life");
        MUST(region->attempts > 0, regions, row, "no attempt at all");
        MUST(machine->states[region->states.first].kind == RBK_STATE_WAITING, regions, row,
             "a stage begins by waiting");
    }
    for (uint32_t i = 0; i < region->predecessors.count; i++) {
        const struct rbk_predecessor *before =
            &machine->predecessors[region->predecessors.first + i];
        MUST(machine->regions[before->region].kind == RBK_REGION_STAGE && before->region != row,
             regions, row, "it comes after what is not another stage");
    }
    for (uint32_t i = 0; i < region->strategies.count; i++) {
        const struct rbk_strategy *strategy = &machine->strategies[region->strategies.first + i];
        MUST(is_state_of(region, strategy->first_state, false), regions, row,
             "a strategy begins in another region");
    }
    return 0;
}

static int check_region(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_region *region = &machine->regions[row];
    MUST((row == 0) == (region->kind == RBK_REGION_PLAN), regions, row,
         "the plan is region 0, and only that");
    MUST(region->states.count > 0, regions, row, "a region without states");
    for (uint32_t i = 0; i < region->states.count; i++) {
        MUST(machine->states[region->states.first + i].region == row, regions, row,
             "one of its states belongs to another region");
    }
    MUST(region->predecessors.count <= RBK_REGIONS_MAX, regions, row, "too many predecessors");
    MUST((region->kind == RBK_REGION_BRANCH) == (region->parent != RBK_NONE), regions, row,
         "a branch, and only a branch, has a parent");
    uint32_t at = row;
    for (size_t depth = 0; machine->regions[at].parent != RBK_NONE; depth++) {
        MUST(depth < RBK_NESTING_MAX, regions, row, "its parents do not end");
        at = machine->regions[at].parent;
    }
    return check_stage(machine, row, reterr);
}

/* The successors and parts a kind of state cannot do without. */
static int check_kind(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_machine_state *state = &machine->states[row];
    bool ok = state->next[RBK_OUTCOME_OK] != RBK_NONE;
    bool fail = state->next[RBK_OUTCOME_FAIL] != RBK_NONE;
    bool both = false;
    bool one = false;
    switch (state->kind) {
    case RBK_STATE_GUARD:
        MUST(state->guard != RBK_NONE && machine->states[state->guard].kind == RBK_STATE_EFFECT,
             states, row, "it guards no effect");
        both = true;
        break;
    case RBK_STATE_FORK:
        MUST(state->branches.count > 0, states, row, "a fork without branches");
        both = true;
        break;
    case RBK_STATE_EFFECT:
        MUST(state->effect != RBK_NONE, states, row, "it has no effect");
        one = true;
        break;
    case RBK_STATE_PASS:
    case RBK_STATE_WAITING:
    case RBK_STATE_ROLLBACK:
    case RBK_STATE_START:
    case RBK_STATE_STAGES:
    case RBK_STATE_ABORTING:
        one = true;
        break;
    default:
        break;
    }
    MUST((!one && !both) || ok, states, row, "nothing follows its success");
    MUST(!both || fail, states, row, "nothing follows its failure");
    MUST(state->kind == RBK_STATE_EFFECT || state->effect == RBK_NONE, states, row,
         "a state of this kind has no effect");
    MUST(state->kind == RBK_STATE_FORK || state->branches.count == 0, states, row,
         "only a fork has branches");
    return 0;
}

static int check_state(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_machine_state *state = &machine->states[row];
    const struct rbk_region *region = &machine->regions[state->region];
    MUST(inside(region->states, row), states, row, "its region does not list it");
    for (size_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        MUST(is_state_of(region, state->next[i], true), states, row,
             "what follows on %s is in another region", rbk_outcome_name((enum rbk_outcome)i));
    }
    MUST(state->block == RBK_NONE || machine->blocks[state->block].region == state->region, states,
         row, "its block is another region's");
    return check_kind(machine, row, reterr);
}

static int check_block(const struct rbk_machine *machine, uint32_t row, struct rbk_error *reterr)
{
    const struct rbk_block *block = &machine->blocks[row];
    MUST(block->depth < RBK_BLOCK_DEPTH_MAX, blocks, row, "blocks nest more than %u deep",
         RBK_BLOCK_DEPTH_MAX);
    MUST(inside(machine->regions[block->region].states, block->expired), blocks, row,
         "when its time is up it goes to another region");
    if (block->parent == RBK_NONE) {
        MUST(block->depth == 0, blocks, row, "an outermost block has depth 0");
        return 0;
    }
    const struct rbk_block *parent = &machine->blocks[block->parent];
    MUST(block->depth == parent->depth + 1 && parent->region == block->region, blocks, row,
         "it does not lie in its parent");
    return 0;
}

/* Each branch is started by one fork. `started` has a byte for each region, 0. */
static int check_fork(const struct rbk_machine *machine, uint32_t row, unsigned char *started,
                      struct rbk_error *reterr)
{
    const struct rbk_machine_state *fork = &machine->states[row];
    for (uint32_t i = 0; i < fork->branches.count; i++) {
        uint32_t branch = fork->branches.first + i;
        const struct rbk_region *region = &machine->regions[branch];
        MUST(region->kind == RBK_REGION_BRANCH && region->parent == fork->region, states, row,
             "it starts a region that is not a branch of its own");
        MUST(!started[branch], states, row, "a branch is started by two forks");
        started[branch] = 1;
    }
    return 0;
}

static int check_plan_states(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    const struct rbk_region *plan = &machine->regions[0];
    const uint32_t states[] = {machine->aborting_state, machine->cancelling_state,
                               machine->stages_state};
    for (size_t i = 0; i < RBK_COUNT(states); i++) {
        if (!inside(plan->states, states[i])) {
            return refuse(reterr, RBK_TABLE_COUNT, 0, "a state of the plan is another region's");
        }
    }
    if (machine->states[machine->aborting_state].kind != RBK_STATE_ABORTING ||
        machine->states[machine->stages_state].kind != RBK_STATE_STAGES ||
        machine->states[plan->states.first].kind != RBK_STATE_START) {
        return refuse(reterr, RBK_TABLE_COUNT, 0, "a state of the plan is of another kind");
    }
    if (machine->retire_region != RBK_NONE &&
        machine->regions[machine->retire_region].kind != RBK_REGION_RETIRE) {
        return refuse(reterr, RBK_TABLE_COUNT, 0, "the retire region is of another kind");
    }
    return 0;
}

int rbk_machine_check_graph(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    if (machine->region_count == 0) {
        return refuse(reterr, RBK_TABLE_COUNT, 0, "it has no regions");
    }
    int error = 0;
    for (uint32_t i = 0; !error && i < machine->state_count; i++) {
        error = check_state(machine, i, reterr);
    }
    for (uint32_t i = 0; !error && i < machine->region_count; i++) {
        error = check_region(machine, i, reterr);
    }
    for (uint32_t i = 0; !error && i < machine->block_count; i++) {
        error = check_block(machine, i, reterr);
    }
    if (error || (error = check_plan_states(machine, reterr))) {
        return error;
    }
    unsigned char *started = calloc(machine->region_count, 1);
    if (!started) {
        return rbk_error_set(reterr, RBK_ENOMEM, "machine: out of memory");
    }
    for (uint32_t i = 0; !error && i < machine->state_count; i++) {
        error = check_fork(machine, i, started, reterr);
    }
    free(started);
    return error;
}
