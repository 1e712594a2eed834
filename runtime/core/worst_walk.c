/*
 * For each state of a range, and each block around it that lies in its region, the worst case from
 * that state to the end of that block is kept; the last column is to the end of the range:
 *
 *     within[state][depth]   from the state until the block at `depth` is left
 *     within[state][END]     … until the range is left: its good end
 *     after[state][depth]    where it is then; RBK_NONE: at the good end
 *
 * A state's own step comes first, then the longer of the states that can follow it; behind the end
 * of an inner block its limit cuts, and what comes after it is added. A step whose failure leads on
 * to where its success leads, or to another step, was passed over.
 */
#include "runtime/core/worst_walk.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"
#include "runtime/core/worst_internal.h"

#define END RBK_BLOCK_DEPTH_MAX
#define LEVELS (RBK_BLOCK_DEPTH_MAX + 1u)

/* What is worked out of one range of states: a strategy, a branch, the releases. */
struct walk {
    const struct rbk_worst_ways *ways;
    const struct rbk_machine *machine;
    struct rbk_slice range;
    struct rbk_worst *within; /* owned: range.count x LEVELS */
    uint32_t *after;          /* owned: range.count x LEVELS */
};

/* ---- blocks -----------------------------------------------------------------------------------
 */

/* The block at a depth around a state that lies in its own region; RBK_NONE: none. */
static uint32_t block_at(const struct walk *walk, uint32_t state, uint32_t depth)
{
    const struct rbk_machine *machine = walk->machine;
    uint32_t block = machine->states[state].block;
    if (depth == 0 && walk->ways->copied[machine->states[state].region]) {
        return RBK_NONE; /* it limits the region that forked this one, too, and earlier */
    }
    for (uint32_t hops = 0; block < machine->block_count && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        const struct rbk_block *row = &machine->blocks[block];
        if (row->depth == depth && row->region == machine->states[state].region) {
            return block;
        }
        block = row->parent;
    }
    return RBK_NONE;
}

static bool is_limited(const struct rbk_machine *machine, uint32_t state)
{
    uint32_t block = machine->states[state].block;
    for (uint32_t hops = 0; block < machine->block_count && hops < RBK_BLOCK_DEPTH_MAX; hops++) {
        if (machine->blocks[block].within_ms) {
            return true;
        }
        block = machine->blocks[block].parent;
    }
    return false;
}

/* ---- the walk ---------------------------------------------------------------------------------
 */

static bool is_bad_end(enum rbk_state_kind kind)
{
    return kind == RBK_STATE_ROLLBACK || kind == RBK_STATE_HELD || kind == RBK_STATE_STUCK ||
           kind == RBK_STATE_BRANCH_FAILED;
}

/* Whether a state comes after another one in the range, so that its figures are known. */
static bool follows(const struct walk *walk, uint32_t state, uint32_t next)
{
    return next > state && next - walk->range.first < walk->range.count;
}

static struct rbk_worst *cell(const struct walk *walk, uint32_t state, uint32_t level)
{
    return &walk->within[(size_t)(state - walk->range.first) * LEVELS + level];
}

static uint32_t *exit_of(const struct walk *walk, uint32_t state, uint32_t level)
{
    return &walk->after[(size_t)(state - walk->range.first) * LEVELS + level];
}

/* Whether a failure that leads to `next` is passed over: it leads on within the range, or to its
 * good end, where success leads, too. */
static bool leads_on(const struct walk *walk, uint32_t state, uint32_t next)
{
    const struct rbk_machine_state *states = walk->machine->states;
    if (next == RBK_NONE || is_bad_end(states[next].kind)) {
        return false;
    }
    return follows(walk, state, next) || next == states[state].next[RBK_OUTCOME_OK];
}

/* A state that follows: the worse of it and what is known so far of all that do. */
static void take_next(const struct walk *walk, uint32_t state, struct rbk_worst step, uint32_t next,
                      bool first)
{
    for (uint32_t level = 0; level < LEVELS; level++) {
        uint32_t block = level == END ? RBK_NONE : block_at(walk, state, level);
        bool inside =
            follows(walk, state, next) && (level == END || block_at(walk, next, level) == block);
        if (level != END && block == RBK_NONE) {
            continue;
        }
        struct rbk_worst worst = inside ? rbk_worst_then(step, *cell(walk, next, level)) : step;
        struct rbk_worst *known = cell(walk, state, level);
        *known = first ? worst : rbk_worst_either(*known, worst);
        uint32_t after = inside                       ? *exit_of(walk, next, level)
                         : follows(walk, state, next) ? next
                                                      : RBK_NONE;
        if (first || after > *exit_of(walk, state, level)) {
            *exit_of(walk, state, level) = after; /* where the longer branch leads, too */
        }
    }
}

/* A block whose time is up leads on: what it does is passed over. */
static struct rbk_worst cut_block(const struct walk *walk, uint32_t block, uint32_t after,
                                  struct rbk_worst inside, uint64_t within_ms)
{
    struct rbk_worst worst = rbk_worst_within(inside, within_ms);
    uint32_t expired = walk->machine->blocks[block].expired;
    return within_ms && expired != RBK_NONE && expired == after ? rbk_worst_passed(worst) : worst;
}

/* From a state to the end of the range, block by block, with the limits of a run under way where
 * there are any. @due_ms  By depth; NULL: none runs. */
static struct rbk_worst outwards(const struct walk *walk, uint32_t state, uint32_t level,
                                 const uint64_t *due_ms, uint64_t now_ms)
{
    const struct rbk_machine *machine = walk->machine;
    struct rbk_worst all = {0};
    bool any = false;
    for (uint32_t depth = RBK_BLOCK_DEPTH_MAX; depth-- > 0 && (level == END || depth > level);) {
        uint32_t block = block_at(walk, state, depth);
        if (block == RBK_NONE) {
            continue;
        }
        uint64_t within_ms = machine->blocks[block].within_ms;
        if (within_ms && due_ms && due_ms[depth]) {
            within_ms = due_ms[depth] > now_ms ? due_ms[depth] - now_ms : 1;
        }
        if (!any) {
            all = *cell(walk, state, depth);
            any = true;
        }
        uint32_t after = *exit_of(walk, state, depth);
        all = cut_block(walk, block, after, all, within_ms);
        /* What comes next: to the end of the block around this one, or of the range. */
        uint32_t outer = END;
        for (uint32_t i = depth; i-- > 0;) {
            if (block_at(walk, state, i) != RBK_NONE) {
                outer = i;
                break;
            }
        }
        bool inside = after != RBK_NONE && (outer == END || block_at(walk, after, outer) ==
                                                                block_at(walk, state, outer));
        all = inside ? rbk_worst_then(all, *cell(walk, after, outer)) : all;
    }
    return any ? all : *cell(walk, state, level);
}

static void walk_state(const struct walk *walk, uint32_t state)
{
    const struct rbk_machine *machine = walk->machine;
    const struct rbk_machine_state *at = &machine->states[state];
    struct rbk_worst step = {0};
    bool failing = at->kind == RBK_STATE_GUARD;
    if (at->kind == RBK_STATE_EFFECT && at->effect < machine->effect_count) {
        const struct rbk_effect *effect = &machine->effects[at->effect];
        step = rbk_worst_of_machine_effect(machine, walk->ways->params, effect,
                                           is_limited(machine, state));
        failing = true;
    } else if (at->kind == RBK_STATE_FORK) {
        for (uint32_t i = 0; i < at->branches.count; i++) {
            step = rbk_worst_either(step, walk->ways->branches[at->branches.first + i]);
        }
        failing = true;
    }
    take_next(walk, state, step, at->next[RBK_OUTCOME_OK], true);
    static const enum rbk_outcome otherwise[] = {RBK_OUTCOME_FAIL, RBK_OUTCOME_EXPIRED};
    for (size_t i = 0; failing && i < sizeof(otherwise) / sizeof(otherwise[0]); i++) {
        uint32_t next = at->next[otherwise[i]];
        if (leads_on(walk, state, next)) {
            take_next(walk, state, rbk_worst_passed(step), next, false);
        }
    }
    /* Inner blocks are cut by their limits on the way to the ends of outer ones. */
    for (uint32_t level = RBK_BLOCK_DEPTH_MAX; level-- > 0;) {
        if (block_at(walk, state, level) != RBK_NONE) {
            *cell(walk, state, level) = outwards(walk, state, level, NULL, 0);
        }
    }
    *cell(walk, state, END) = outwards(walk, state, END, NULL, 0);
}

static void walk_fini(struct walk *walk)
{
    free(walk->within);
    free(walk->after);
}

/* Works a range out. @return 0 or -RBK_ENOMEM with nothing held. */
static int walk_range(struct walk *walk, const struct rbk_worst_ways *ways, struct rbk_slice range)
{
    *walk = (struct walk){.ways = ways, .machine = ways->machine, .range = range};
    walk->within = calloc((size_t)range.count * LEVELS + 1, sizeof(*walk->within));
    walk->after = calloc((size_t)range.count * LEVELS + 1, sizeof(*walk->after));
    if (walk->within == NULL || walk->after == NULL) {
        walk_fini(walk);
        return -RBK_ENOMEM;
    }
    for (uint32_t i = range.first + range.count; i-- > range.first;) {
        walk_state(walk, i);
    }
    return 0;
}

/* From the first state of a range to its good end. */
static int of_range(const struct rbk_worst_ways *ways, struct rbk_slice range,
                    struct rbk_worst *ret_worst)
{
    struct walk walk;
    int error = range.count ? walk_range(&walk, ways, range) : 0;
    if (error == 0 && range.count) {
        *ret_worst = *cell(&walk, range.first, END);
        walk_fini(&walk);
    }
    return error;
}

/* ---- forward ----------------------------------------------------------------------------------
 */

int rbk_worst_forward(const struct rbk_worst_ways *ways, uint32_t region,
                      struct rbk_worst *ret_worst)
{
    const struct rbk_region *row = &ways->machine->regions[region];
    uint32_t first = row->states.first + 1; /* behind WAITING */
    if (row->kind != RBK_REGION_STAGE || row->applied <= first ||
        row->applied - row->states.first >= row->states.count) {
        *ret_worst = (struct rbk_worst){0};
        return 0;
    }
    return of_range(ways, (struct rbk_slice){first, row->applied - first}, ret_worst);
}

uint64_t rbk_worst_round_ms(const struct rbk_worst_ways *ways, uint32_t region,
                            struct rbk_worst forward)
{
    struct rbk_worst back = rbk_worst_way_back(ways, region);
    if (forward.open || back.open) {
        return RBK_WORST_MS_MAX;
    }
    uint64_t all_ms = rbk_worst_done_and_undone_ms(&forward, back.ok_ms);
    return all_ms < RBK_WORST_MS_MAX ? all_ms : RBK_WORST_MS_MAX - 1;
}

/* ---- the ways back ----------------------------------------------------------------------------
 */

/* The states of a strategy: up to the next one, or the end of its region. */
static struct rbk_slice states_of(const struct rbk_machine *machine, uint32_t region, uint32_t i)
{
    struct rbk_slice states = machine->regions[region].states;
    struct rbk_slice rows = machine->regions[region].strategies;
    uint32_t first = machine->strategies[rows.first + i].first_state;
    uint32_t end = i + 1 < rows.count ? machine->strategies[rows.first + i + 1].first_state
                                      : states.first + states.count;
    bool sound = first >= states.first && first < end && end <= states.first + states.count;
    return sound ? (struct rbk_slice){first, end - first} : (struct rbk_slice){states.first, 0};
}

static int find_ways(struct rbk_worst_ways *ways)
{
    const struct rbk_machine *machine = ways->machine;
    int error = 0;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        const struct rbk_machine_state *at = &machine->states[i];
        for (uint32_t k = 0; at->kind == RBK_STATE_FORK && k < at->branches.count; k++) {
            ways->copied[at->branches.first + k] = at->block != RBK_NONE;
        }
    }
    /* Branches stand behind the region that starts them. */
    for (uint32_t region = machine->region_count; region-- > 0 && error == 0;) {
        const struct rbk_region *row = &machine->regions[region];
        if (row->kind == RBK_REGION_BRANCH) {
            error = of_range(ways, row->states, &ways->branches[region]);
        }
        for (uint32_t i = 0; i < row->strategies.count && error == 0; i++) {
            error = of_range(ways, states_of(machine, region, i),
                             &ways->strategies[row->strategies.first + i]);
        }
    }
    uint32_t first = machine->aborting_state < machine->state_count
                         ? machine->states[machine->aborting_state].next[RBK_OUTCOME_OK]
                         : RBK_NONE;
    if (error == 0 && first < machine->state_count) {
        uint32_t last = first; /* the releases of an abort stand in a row before its end */
        uint32_t end = machine->regions[0].states.first + machine->regions[0].states.count;
        while (last + 1 < end && machine->states[last].kind != RBK_STATE_ABORTED) {
            last++;
        }
        error = of_range(ways, (struct rbk_slice){first, last - first + 1}, &ways->release);
    }
    return error;
}

int rbk_worst_ways_init(struct rbk_worst_ways *ways, const struct rbk_machine *machine)
{
    return rbk_worst_ways_init_run(ways, machine, NULL);
}

int rbk_worst_ways_init_run(struct rbk_worst_ways *ways, const struct rbk_machine *machine,
                            const struct rbk_value *params)
{
    *ways = (struct rbk_worst_ways){.machine = machine, .params = params};
    ways->branches = calloc((size_t)machine->region_count + 1, sizeof(*ways->branches));
    ways->strategies = calloc((size_t)machine->strategy_count + 1, sizeof(*ways->strategies));
    ways->copied = calloc((size_t)machine->region_count + 1, sizeof(*ways->copied));
    if (ways->branches == NULL || ways->strategies == NULL || ways->copied == NULL ||
        find_ways(ways) != 0) {
        rbk_worst_ways_fini(ways);
        return -RBK_ENOMEM;
    }
    return 0;
}

void rbk_worst_ways_fini(struct rbk_worst_ways *ways)
{
    free(ways->branches);
    free(ways->strategies);
    free(ways->copied);
    memset(ways, 0, sizeof(*ways));
}

/* Behind `from`, the strategies of a stage from the i-th on. */
static struct rbk_worst add_strategies(const struct rbk_worst_ways *ways, uint32_t region,
                                       uint32_t i, struct rbk_worst all)
{
    struct rbk_slice rows = ways->machine->regions[region].strategies;
    for (; i < rows.count; i++) {
        const struct rbk_worst *way = &ways->strategies[rows.first + i];
        all.ok_ms = rbk_worst_add_ms(all.ok_ms, i + 1 == rows.count ? way->ok_ms : way->end_ms);
        all.open = all.open || way->open;
    }
    return all;
}

struct rbk_worst rbk_worst_way_back(const struct rbk_worst_ways *ways, uint32_t region)
{
    return add_strategies(ways, region, 0, (struct rbk_worst){0});
}

struct rbk_worst rbk_worst_rest(const struct rbk_worst_ways *ways, const struct rbk_state *state,
                                uint32_t region, uint64_t now_ms)
{
    const struct rbk_machine *machine = ways->machine;
    const struct rbk_region_state *rs = rbk_state_region(machine, state, region);
    struct rbk_slice rows = machine->regions[region].strategies;
    for (uint32_t i = 0; i < rows.count; i++) {
        struct rbk_slice range = states_of(machine, region, i);
        struct walk walk;
        if (rs->state - range.first >= range.count) {
            continue;
        }
        if (walk_range(&walk, ways, range) != 0) {
            return rbk_worst_open(0, 0);
        }
        struct rbk_worst rest = outwards(&walk, rs->state, END, rs->block_due_ms, now_ms);
        walk_fini(&walk);
        rest.ok_ms = i + 1 == rows.count ? rest.ok_ms : rest.end_ms;
        return add_strategies(ways, region, i + 1, rest);
    }
    return rbk_worst_way_back(ways, region);
}
