/*
 * Stages and branches that run side by side, explored apart.
 *
 * The states of k stages that do not depend on each other multiply. But of each other they notice
 * little: that somebody is at work, waits for a turn, goes back, is stuck or held. So they are
 * explored in turns. In each, one of those that are side by side is explored as it is; another is a
 * sketch, with one step forward and one back, each of which can take any time, succeed or fail; and
 * the rest goes forward and back at once. Why this finds what there is to find is argued in
 * docs/internals.md, "Exploration".
 *
 * A sketch is a change of the machine's tables: rows that do nothing any more are not reached.
 */
#include "compiler/explore/internal.h"

/* How many of those beside the one explored are sketches. */
#define SKETCHES 1u

/* Branches of one fork: the second is the first's sibling. */
static bool branches_side_by_side(const struct model *model, uint32_t a, uint32_t b)
{
    const struct rbk_region *rows = model->cut.regions;
    return a != b && rows[a].kind == RBK_REGION_BRANCH && rows[b].kind == RBK_REGION_BRANCH &&
           model->fork[a] == model->fork[b];
}

static bool beside(const struct model *model, uint32_t a, uint32_t b)
{
    return rbk_explore_beside(model, a, b) || branches_side_by_side(model, a, b);
}

/* Branches have their turns within each turn of the stages. */
static bool is_branch(const struct model *model, uint32_t region)
{
    return model->cut.regions[region].kind == RBK_REGION_BRANCH;
}

/* A branch with branches of its own is always explored as it is. */
static bool has_branches(const struct model *model, uint32_t region)
{
    for (uint32_t i = 0; i < model->cut.region_count; i++) {
        if (is_branch(model, i) && model->cut.regions[i].parent == region) {
            return true;
        }
    }
    return false;
}

struct turns rbk_explore_turns(const struct model *model, uint32_t *ret_turn)
{
    struct turns turns = {1, 1};
    for (uint32_t i = 0; i < model->cut.region_count; i++) {
        uint32_t *most = is_branch(model, i) ? &turns.branches : &turns.stages;
        uint32_t turn = 0;
        bool taken;
        do {
            taken = false;
            for (uint32_t k = 0; k < i && !taken; k++) {
                taken = beside(model, i, k) && ret_turn[k] == turn;
            }
            turn += taken;
        } while (taken);
        ret_turn[i] = turn;
        *most = turn + 1 > *most ? turn + 1 : *most;
    }
    return turns;
}

/* Whether it is a region's turn: where few are side by side, theirs come more than once. */
static bool has_turn(const struct model *model, const uint32_t *turn_of, uint32_t region,
                     uint32_t turn)
{
    uint32_t most = turn_of[region];
    bool alone = true;
    for (uint32_t k = 0; k < model->cut.region_count; k++) {
        if (beside(model, region, k)) {
            alone = false;
            most = turn_of[k] > most ? turn_of[k] : most;
        }
    }
    return alone || turn_of[region] == turn % (most + 1);
}

void rbk_explore_roles(const struct model *model, const uint32_t *turn_of, struct turns turns,
                       uint32_t turn, uint8_t *ret_roles)
{
    uint32_t count = model->cut.region_count;
    for (uint32_t i = 0; i < count; i++) {
        bool branch = is_branch(model, i);
        uint32_t its = branch ? turn / turns.stages : turn % turns.stages;
        bool whole = (branch && has_branches(model, i)) || has_turn(model, turn_of, i, its);
        ret_roles[i] = whole ? ROLE_WHOLE : ROLE_AT_ONCE;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sketches = 0;
        for (uint32_t n = 1; n < count && ret_roles[i] == ROLE_WHOLE && sketches < SKETCHES; n++) {
            uint32_t k = (i + n) % count;
            if (beside(model, i, k) && ret_roles[k] != ROLE_WHOLE) {
                ret_roles[k] = ROLE_SKETCH;
                sketches++;
            }
        }
    }
}

/* ---- changing the tables ---- */

struct cutter {
    struct rbk_machine *cut;
    struct rbk_machine_state *states;
    struct rbk_block *blocks;
    uint32_t step; /* an effect that succeeds or fails */
};

/* The first row of a region whose phase is one of those given as bits. */
static uint32_t first_row(const struct cutter *cutter, uint32_t region, unsigned phases)
{
    struct rbk_slice rows = cutter->cut->regions[region].states;
    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        enum rbk_state_kind kind = cutter->states[i].kind;
        bool works = kind == RBK_STATE_EFFECT || kind == RBK_STATE_FORK ||
                     kind == RBK_STATE_GUARD || kind == RBK_STATE_PASS;
        if (works && phases >> cutter->states[i].phase & 1) {
            return i;
        }
    }
    return RBK_NONE;
}

static void set_next(struct rbk_machine_state *row, uint32_t ok, uint32_t fail)
{
    for (uint32_t i = 0; i < RBK_OUTCOME_COUNT; i++) {
        row->next[i] = RBK_NONE;
    }
    row->next[RBK_OUTCOME_OK] = ok;
    row->next[RBK_OUTCOME_FAIL] = fail;
}

/* Make a row the one step of its part, with a time limit that fails it. */
static void sketch_row(struct cutter *cutter, uint32_t row, uint32_t ok, uint32_t fail)
{
    struct rbk_machine_state *at = &cutter->states[row];
    struct rbk_block *block = &cutter->blocks[cutter->cut->block_count];
    *block = (struct rbk_block){.region = at->region,
                                .parent = RBK_NONE,
                                .within_ms = 1000,
                                .expired = fail,
                                .place = at->place};
    at->block = cutter->cut->block_count++;
    at->kind = RBK_STATE_EFFECT;
    at->effect = cutter->step;
    at->guard = RBK_NONE;
    at->branches = (struct rbk_slice){0, 0};
    set_next(at, ok, fail);
}

#define PHASE(name) (1u << RBK_PHASE_##name)

static void sketch_stage(struct cutter *cutter, uint32_t region, bool at_once)
{
    const struct rbk_region *row = &cutter->cut->regions[region];
    if (row->applied == RBK_NONE || row->rollback == RBK_NONE || row->rolled_back == RBK_NONE ||
        row->stuck == RBK_NONE) {
        return; /* no stage that lowering made: explored as it is */
    }
    uint32_t before = first_row(cutter, region, PHASE(REQUIRE) | PHASE(APPROVE) | PHASE(PREPARE));
    uint32_t apply = first_row(cutter, region, PHASE(APPLY));
    uint32_t back = first_row(cutter, region, PHASE(ROLLBACK));
    uint32_t *start = &cutter->states[row->states.first].next[RBK_OUTCOME_OK];
    uint32_t *turn = &cutter->states[row->rollback].next[RBK_OUTCOME_OK];
    if (at_once || apply == RBK_NONE || back == RBK_NONE) {
        *start = row->applied;
        *turn = row->rolled_back;
        return;
    }
    sketch_row(cutter, apply, row->applied, row->rollback);
    sketch_row(cutter, back, row->rolled_back, row->stuck);
    *start = apply;
    *turn = back;
    if (before != RBK_NONE && row->held != RBK_NONE) {
        sketch_row(cutter, before, apply, row->held);
        *start = before;
    }
}

static void sketch_branch(struct cutter *cutter, uint32_t region, bool at_once)
{
    struct rbk_slice rows = cutter->cut->regions[region].states;
    uint32_t done = RBK_NONE;
    uint32_t failed = RBK_NONE;
    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        done = cutter->states[i].kind == RBK_STATE_BRANCH_DONE ? i : done;
        failed = cutter->states[i].kind == RBK_STATE_BRANCH_FAILED ? i : failed;
    }
    if (done == RBK_NONE || failed == RBK_NONE) {
        return; /* explored as it is */
    }
    if (!at_once) {
        sketch_row(cutter, rows.first, done, failed);
        return;
    }
    cutter->states[rows.first].kind = RBK_STATE_PASS;
    cutter->states[rows.first].effect = RBK_NONE;
    set_next(&cutter->states[rows.first], done, RBK_NONE);
}

void rbk_explore_sketch(struct rbk_machine *cut, struct rbk_arena *arena, const uint8_t *roles)
{
    struct cutter cutter = {.cut = cut, .step = cut->effect_count};
    cutter.states = rbk_new_array(arena, struct rbk_machine_state, cut->state_count + 1u);
    cutter.blocks =
        rbk_new_array(arena, struct rbk_block, cut->block_count + 3u * cut->region_count + 1u);
    struct rbk_effect *effects = rbk_new_array(arena, struct rbk_effect, cut->effect_count + 2u);
    for (uint32_t i = 0; i < cut->state_count; i++) {
        cutter.states[i] = cut->states[i];
    }
    for (uint32_t i = 0; i < cut->block_count; i++) {
        cutter.blocks[i] = cut->blocks[i];
    }
    for (uint32_t i = 0; i < cut->effect_count; i++) {
        effects[i] = cut->effects[i];
    }
    effects[cutter.step] = (struct rbk_effect){.kind = RBK_EFFECT_CHECK,
                                               .connection = RBK_NONE,
                                               .condition = RBK_NONE,
                                               .timeout_ms = 1000,
                                               .crash = RBK_CRASH_AGAIN,
                                               .done_when = RBK_NONE,
                                               .doubt_question = RBK_NONE,
                                               .question = RBK_NONE,
                                               .channel = RBK_NONE,
                                               .into = RBK_NONE};
    cut->effect_count++;
    cut->effects = effects;
    cut->states = cutter.states;
    for (uint32_t i = 0; i < cut->region_count; i++) {
        if (roles[i] == ROLE_WHOLE) {
            continue;
        }
        if (cut->regions[i].kind == RBK_REGION_BRANCH) {
            sketch_branch(&cutter, i, roles[i] == ROLE_AT_ONCE);
        } else {
            sketch_stage(&cutter, i, roles[i] == ROLE_AT_ONCE);
        }
    }
    cut->blocks = cutter.blocks;
}
