/*
 * Finishing a machine: the resting states are added, what was left open is filled in (where a
 * failure leads, what follows), and the lists of the regions are laid one behind the other.
 */
#include "tests/unit/core/machine_builder_internal.h"

#include "runtime/core/base/assert.h"

#include <stdlib.h>

/* Link the states of `region` from `from` up to `to`: each to the one behind it, the last to
 * `then`, and a failure to `fail`. */
static void link_states(struct machine_builder *mb, uint32_t region, uint32_t from, uint32_t to,
                        uint32_t then, uint32_t fail)
{
    struct region_list *list = mb_list_of(mb, region);
    for (uint32_t i = from; i < to; i++) {
        struct rbk_machine_state *row = &list->states[i];
        uint32_t behind = i + 1 < to ? region << 16 | (i + 1) : then;
        uint32_t past = i + 2 < to ? region << 16 | (i + 2) : then;
        if (row->next[RBK_OUTCOME_OK] == UNSET) {
            row->next[RBK_OUTCOME_OK] = behind;
        }
        if (row->next[RBK_OUTCOME_FAIL] == UNSET) {
            row->next[RBK_OUTCOME_FAIL] = row->kind == RBK_STATE_GUARD ? past : fail;
        }
    }
}

/* Give a block to the states from `from` to `to`, and say where its end leads. */
static void set_block(struct machine_builder *mb, struct region_list *list, uint32_t i,
                      uint32_t block, uint32_t expired)
{
    if (block != RBK_NONE) {
        list->states[i].block = block;
        mb->m.blocks[block].expired = expired;
    }
}

static void finish_stage(struct machine_builder *mb, uint32_t region)
{
    struct region_list *list = mb_list_of(mb, region);
    struct rbk_region *row = &mb->m.regions[region];
    uint32_t end = list->count;
    uint32_t forward = 0;
    uint32_t applied = mb_add_rest(mb, region, RBK_STATE_APPLIED);
    uint32_t held = mb_add_rest(mb, region, RBK_STATE_HELD);
    uint32_t rollback = mb_add_rest(mb, region, RBK_STATE_ROLLBACK);
    uint32_t rolled_back = mb_add_rest(mb, region, RBK_STATE_ROLLED_BACK);
    uint32_t stuck = mb_add_rest(mb, region, RBK_STATE_STUCK);
    while (forward < end && list->strategy[forward] == RBK_NONE) {
        struct rbk_machine_state *state = &list->states[forward];
        bool early = state->phase < RBK_PHASE_APPLY;
        uint32_t fail = early ? held : rollback;
        if (state->next[RBK_OUTCOME_FAIL] == UNSET && state->kind != RBK_STATE_GUARD) {
            state->next[RBK_OUTCOME_FAIL] = fail;
        }
        set_block(mb, list, forward, list->blocks[state->phase], fail);
        if (state->phase == RBK_PHASE_APPLY && row->apply == RBK_NONE) {
            row->apply = region << 16 | forward;
        }
        forward++;
    }
    link_states(mb, region, 0, forward, applied, rollback);
    mb_state_of(mb, rollback)->next[RBK_OUTCOME_OK] =
        forward < end ? region << 16 | forward : rolled_back;
    row->strategies = (struct rbk_slice){mb->m.strategy_count, list->strategies};
    for (uint32_t from = forward; from < end;) {
        uint32_t to = from;
        uint32_t number = list->strategy[from];
        while (to < end && list->strategy[to] == number) {
            to++;
        }
        uint32_t fail = to < end ? region << 16 | to : stuck;
        link_states(mb, region, from, to, rolled_back, fail);
        for (uint32_t i = from; i < to; i++) {
            set_block(mb, list, i, list->strategy_blocks[number], fail);
        }
        struct rbk_strategy *strategy = ADD(mb, strategies, strategy);
        strategy->first_state = region << 16 | from;
        strategy->when = RBK_NONE;
        from = to;
    }
    row = &mb->m.regions[region];
    row->applied = applied;
    row->held = held;
    row->rollback = rollback;
    row->rolled_back = rolled_back;
    row->stuck = stuck;
}

static void finish_branch(struct machine_builder *mb, uint32_t region)
{
    struct region_list *list = mb_list_of(mb, region);
    uint32_t end = list->count;
    uint32_t done = mb_add_rest(mb, region, RBK_STATE_BRANCH_DONE);
    uint32_t failed = mb_add_rest(mb, region, RBK_STATE_BRANCH_FAILED);
    link_states(mb, region, 0, end, done, failed);
    for (uint32_t i = 0; i < end; i++) {
        set_block(mb, list, i, list->blocks[list->states[i].phase], failed);
    }
}

static void finish_retire(struct machine_builder *mb, uint32_t region)
{
    struct region_list *list = mb_list_of(mb, region);
    uint32_t end = list->count;
    uint32_t applied = mb_add_rest(mb, region, RBK_STATE_APPLIED);
    uint32_t held = mb_add_rest(mb, region, RBK_STATE_HELD);
    link_states(mb, region, 0, end, applied, held);
    for (uint32_t i = 0; i < end; i++) {
        set_block(mb, list, i, list->blocks[list->states[i].phase], held);
    }
    mb->m.regions[region].applied = applied;
    mb->m.regions[region].held = held;
}

/* The releases of all locks, the last acquired first, before an end state. Returns the first state.
 */
static uint32_t add_end(struct machine_builder *mb, enum rbk_state_kind kind)
{
    uint32_t from = mb_list_of(mb, 0)->count;
    for (uint32_t i = mb->lock_count; i-- > 0;) {
        mb_guarded_step(mb, 0, RBK_PHASE_RELEASE, RBK_EFFECT_RUN, mb->locks[i]);
    }
    uint32_t to = mb_list_of(mb, 0)->count;
    uint32_t end = mb_add_rest(mb, 0, kind);
    for (uint32_t i = from; i < to; i++) {
        struct rbk_machine_state *row = &mb_list_of(mb, 0)->states[i];
        if (row->kind == RBK_STATE_EFFECT) { /* a release that fails is passed over */
            row->next[RBK_OUTCOME_FAIL] = row->next[RBK_OUTCOME_OK] = i + 1 < to ? i + 1 : end;
        }
    }
    link_states(mb, 0, from, to, end, end);
    return from < to ? from : end;
}

static void finish_plan(struct machine_builder *mb)
{
    uint32_t head = mb_list_of(mb, 0)->count;
    uint32_t stages = mb_add_rest(mb, 0, RBK_STATE_STAGES);
    uint32_t last = stages;
    enum rbk_state_kind kinds[] = {RBK_STATE_OBSERVE, RBK_STATE_GRACE, RBK_STATE_RETIRING};
    bool has[] = {mb->observe, mb->grace, mb->m.retire_region != RBK_NONE};
    for (int i = 0; i < 3; i++) {
        if (has[i]) {
            uint32_t state = mb_add_rest(mb, 0, kinds[i]);
            mb_state_of(mb, last)->next[RBK_OUTCOME_OK] = state;
            last = state;
        }
    }
    uint32_t completed = add_end(mb, RBK_STATE_COMPLETED);
    mb_state_of(mb, last)->next[RBK_OUTCOME_OK] = completed;
    mb->m.aborting_state = mb_add_rest(mb, 0, RBK_STATE_ABORTING);
    uint32_t aborted = add_end(mb, RBK_STATE_ABORTED);
    mb_state_of(mb, mb->m.aborting_state)->next[RBK_OUTCOME_OK] = aborted;
    mb->m.cancelling_state = add_end(mb, RBK_STATE_CANCELLED);
    mb->m.stages_state = stages;
    uint32_t held = mb_add_rest(mb, 0, RBK_STATE_HELD);
    link_states(mb, 0, 0, head, stages, held);
}

static void relocate(const struct machine_builder *mb, uint32_t *handle)
{
    if (*handle == RBK_NONE) {
        return;
    }
    RBK_ASSERT(*handle != UNSET);
    *handle = mb_state(mb, *handle);
}

uint32_t mb_state(const struct machine_builder *mb, uint32_t handle)
{
    if (handle >= 0xff000000u) {
        uint32_t applied = mb->m.regions[handle & 0xffffffu].applied;
        return mb->finished ? applied : mb_state(mb, applied);
    }
    return mb->lists[handle >> 16].first + (handle & 0xffff);
}

const struct rbk_machine *mb_finish(struct machine_builder *mb)
{
    uint32_t total = 0;
    for (uint32_t i = 1; i < mb->m.region_count; i++) {
        if (mb->m.regions[i].kind == RBK_REGION_STAGE) {
            finish_stage(mb, i);
        } else if (mb->m.regions[i].kind == RBK_REGION_BRANCH) {
            finish_branch(mb, i);
        } else {
            finish_retire(mb, i);
        }
    }
    finish_plan(mb);
    for (uint32_t i = 0; i < mb->m.region_count; i++) {
        mb->lists[i].first = total;
        mb->m.regions[i].states = (struct rbk_slice){total, mb->lists[i].count};
        total += mb->lists[i].count;
    }
    RBK_ASSERT(total > 0);
    mb->m.states = calloc(total, sizeof(*mb->m.states));
    RBK_ASSERT(mb->m.states);
    mb->m.state_count = total;
    for (uint32_t i = 0; i < mb->m.region_count; i++) {
        struct region_list *list = &mb->lists[i];
        struct rbk_region *row = &mb->m.regions[i];
        for (uint32_t k = 0; k < list->count; k++) {
            struct rbk_machine_state *state = &mb->m.states[list->first + k];
            *state = list->states[k];
            relocate(mb, &state->guard);
            for (int o = 0; o < RBK_OUTCOME_COUNT; o++) {
                relocate(mb, &state->next[o]);
            }
        }
        for (uint32_t k = 0; k < row->strategies.count; k++) {
            relocate(mb, &mb->m.strategies[row->strategies.first + k].first_state);
        }
    }
    for (uint32_t i = 0; i < mb->m.block_count; i++) {
        relocate(mb, &mb->m.blocks[i].expired);
    }
    for (uint32_t i = 0; i < mb->m.region_count; i++) {
        struct rbk_region *row = &mb->m.regions[i];
        uint32_t *rows[] = {&row->applied, &row->rollback, &row->rolled_back,
                            &row->held,    &row->stuck,    &row->apply};
        for (size_t k = 0; k < RBK_COUNT(rows); k++) {
            relocate(mb, rows[k]);
        }
    }
    relocate(mb, &mb->m.aborting_state);
    relocate(mb, &mb->m.cancelling_state);
    relocate(mb, &mb->m.stages_state);
    mb->finished = true;
    return &mb->m;
}
