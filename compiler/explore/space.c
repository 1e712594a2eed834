/*
 * States: what makes two of them the same, and how they are kept.
 *
 * A state is brought into a form in which nothing is left that cannot influence what follows
 * (canonize_…, argued one by one in docs/internals.md). It is then cut into parts: the head, the
 * bits that guards ask for, the triggers, and one part for each region. Each distinct part is kept
 * once; eight numbers of parts make a node, eight numbers of nodes a node above it, and the one at
 * the top is the state. A step changes one or two parts, so that a new state costs a few nodes.
 */
#include "compiler/explore/internal.h"

#include "runtime/core/base/assert.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct part) == sizeof(struct rbk_region_state) + 8, "no padding");
_Static_assert(sizeof(struct head) == sizeof(struct rbk_state) + 8, "no padding");

/* ---- the parts of a block ---- */

static struct rbk_region_state *region_of(const struct explorer *x, const struct spread *spread,
                                          uint32_t region)
{
    (void)x;
    return spread->regions + region;
}

static struct rbk_trigger_state *triggers_of(const struct explorer *x, const struct spread *spread)
{
    return x->model.cut.trigger_count ? rbk_state_trigger(&x->model.cut, spread->state, 0) : NULL;
}

static uint64_t *bits_of(const struct explorer *x, const struct spread *spread)
{
    char *end = (char *)spread->state + rbk_state_bytes(&x->model.cut);
    return (uint64_t *)(void *)(end - x->space.bits_bytes);
}

static bool spread_make(const struct explorer *x, struct spread *spread)
{
    spread->state = calloc(1, rbk_state_bytes(&x->model.cut));
    spread->regions = spread->state ? rbk_state_region(&x->model.cut, spread->state, 0) : NULL;
    spread->watches = calloc(x->model.cut.region_count + 1u, sizeof(*spread->watches));
    bool made = spread->state && spread->watches;
    for (uint32_t i = 0; i < x->space.levels; i++) {
        spread->numbers[i] = calloc(x->space.level_counts[i] + SPACE_FAN, sizeof(uint32_t));
        made = made && spread->numbers[i];
    }
    return made;
}

static void spread_drop(struct spread *spread)
{
    free(spread->state);
    free(spread->watches);
    for (size_t i = 0; i < 8; i++) {
        free(spread->numbers[i]);
    }
}

bool rbk_explore_space_make(struct explorer *x)
{
    struct space *space = &x->space;
    const struct rbk_machine *machine = &x->model.cut;
    space->trigger_bytes = machine->trigger_count * sizeof(struct rbk_trigger_state);
    space->bits_bytes = ((size_t)machine->state_count + 63) / 64 * sizeof(uint64_t);
    space->level_counts[0] = SPACE_PARTS + machine->region_count;
    space->levels = 1;
    do {
        uint32_t below = space->level_counts[space->levels - 1];
        RBK_ASSERT(space->levels < 8);
        space->level_counts[space->levels++] = (below + SPACE_FAN - 1) / SPACE_FAN;
    } while (space->level_counts[space->levels - 1] > 1);
    rbk_intern_init(&space->heads, &space->budget, sizeof(struct head));
    rbk_intern_init(&space->bits, &space->budget, space->bits_bytes);
    rbk_intern_init(&space->triggers, &space->budget,
                    space->trigger_bytes ? space->trigger_bytes : 4);
    rbk_intern_init(&space->parts, &space->budget, sizeof(struct part));
    rbk_intern_init(&space->nodes, &space->budget, SPACE_FAN * sizeof(uint32_t));
    rbk_intern_init(&space->states, &space->budget, SPACE_FAN * sizeof(uint32_t));
    return spread_make(x, &x->from) && spread_make(x, &x->work);
}

void rbk_explore_space_drop(struct explorer *x)
{
    rbk_intern_fini(&x->space.heads);
    rbk_intern_fini(&x->space.bits);
    rbk_intern_fini(&x->space.triggers);
    rbk_intern_fini(&x->space.parts);
    rbk_intern_fini(&x->space.nodes);
    rbk_intern_fini(&x->space.states);
    spread_drop(&x->from);
    spread_drop(&x->work);
}

/* ---- what makes two states the same ---- */

static uint64_t instant(uint64_t ms)
{
    return ms ? RBK_EXPLORE_LATER : 0;
}

static bool has_serial(uint32_t mode)
{
    return mode == RBK_MODE_RUNNING || mode == RBK_MODE_CANCELLING || mode == RBK_MODE_RESOLVING ||
           mode == RBK_MODE_LOOKING || mode == RBK_MODE_ASKING || mode == RBK_MODE_DOUBT;
}

/* As it was before it began. */
static void reset_region(const struct explorer *x, struct spread *spread, uint32_t region,
                         uint32_t keep_flags)
{
    struct rbk_region_state *rs = region_of(x, spread, region);
    uint32_t flags = rs->flags & keep_flags;
    memset(rs, 0, sizeof(*rs));
    rs->state = x->model.cut.regions[region].states.first;
    rs->target = RBK_NONE;
    rs->flags = flags;
}

static void clear_bits(const struct explorer *x, struct spread *spread, uint32_t region)
{
    struct rbk_slice states = x->model.cut.regions[region].states;
    uint64_t *bits = bits_of(x, spread);
    for (uint32_t i = states.first; i < states.first + states.count; i++) {
        bits[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
}

/* A branch whose fork is not under way: its next start forgets it. */
static bool is_stale_branch(const struct explorer *x, const struct spread *spread, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_region *row = &machine->regions[region];
    if (row->kind != RBK_REGION_BRANCH) {
        return false;
    }
    const struct rbk_region_state *parent = region_of(x, spread, row->parent);
    struct rbk_slice branches = machine->states[parent->state].branches;
    return parent->mode != RBK_MODE_FORKED || region < branches.first ||
           region - branches.first >= branches.count;
}

/* A stage with nothing to take back, and still. */
static bool is_untouched(const struct explorer *x, const struct rbk_region_state *rs,
                         uint32_t region)
{
    return x->model.cut.regions[region].kind == RBK_REGION_STAGE && !rs->order &&
           (rs->mode == RBK_MODE_IDLE || rs->mode == RBK_MODE_DONE);
}

/* Whether every stage it comes after stands: only then does a window matter to it. */
static bool may_come_next(const struct explorer *x, const struct spread *spread, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    struct rbk_slice rows = machine->regions[region].predecessors;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t on = machine->predecessors[rows.first + i].region;
        if (machine->states[region_of(x, spread, on)->state].kind != RBK_STATE_APPLIED) {
            return false;
        }
    }
    return true;
}

/* Whether a stage this one depends on is in a set, given as bits. */
static bool depends_on_any(const struct explorer *x, uint32_t region, const uint64_t *set)
{
    const uint64_t *before = x->model.before + (size_t)region * x->model.words;
    for (uint32_t i = 0; i < x->model.words; i++) {
        if (before[i] & set[i]) {
            return true;
        }
    }
    return false;
}

/* What full exploration does, too. */
static void canonize_region(const struct explorer *x, struct spread *spread, uint32_t region)
{
    struct rbk_region_state *rs = region_of(x, spread, region);
    const struct rbk_region *row = &x->model.cut.regions[region];
    rs->serial = has_serial(rs->mode) ? region + 1 : 0;
    rs->attempt = rs->attempt > 6 ? 6 : rs->attempt;
    rs->stage_attempt = rs->stage_attempt > row->attempts ? row->attempts : rs->stage_attempt;
    rs->rollbacks = 0;
    rs->cause = rs->failed_back = (struct rbk_cause){0, 0};
    rs->due_ms = instant(rs->due_ms);
    rs->applied_ms = rs->applied_ms && x->model.awaited_for[region] ? RBK_EXPLORE_NOW : 0;
    for (uint32_t i = 0; i < RBK_BLOCK_DEPTH_MAX; i++) {
        rs->block_due_ms[i] = instant(rs->block_due_ms[i]);
    }
    if (is_stale_branch(x, spread, region)) {
        reset_region(x, spread, region, 0);
    }
}

/* On its way back, or waiting for its turn; a stage that is stuck is neither. */
static bool goes_back(const struct explorer *x, const struct rbk_region_state *rs, uint32_t region)
{
    const struct rbk_machine *machine = &x->model.cut;
    const struct rbk_machine_state *at = &machine->states[rs->state];
    return machine->regions[region].kind == RBK_REGION_STAGE && rs->order &&
           (at->kind == RBK_STATE_ROLLBACK || at->phase == RBK_PHASE_ROLLBACK ||
            at->phase == RBK_PHASE_ROLLBACK_VERIFY ||
            rs->target == machine->regions[region].rollback);
}

/* The stages that go back, and those that somebody has to decide about after they did: what happens
 * to them, or is decided there, settles what depends on them, too. */
static void note_sets(struct explorer *x, struct spread *spread)
{
    const struct rbk_machine *machine = &x->model.cut;
    memset(x->going_back, 0, x->model.words * sizeof(uint64_t));
    memset(x->undecided, 0, x->model.words * sizeof(uint64_t));
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = region_of(x, spread, i);
        bool undecided = rs->mode == RBK_MODE_IDLE && !(rs->flags & RBK_FLAG_FOLLOWED) &&
                         machine->states[rs->state].kind == RBK_STATE_ROLLED_BACK;
        if (goes_back(x, rs, i)) {
            x->going_back[i / 64] |= UINT64_C(1) << i % 64;
        }
        if (undecided) {
            x->undecided[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
}

/* Still, with nothing to take back, and after a stage that does not stand: it cannot start. */
static bool is_blocked(const struct explorer *x, const struct spread *spread, uint32_t region)
{
    const struct rbk_region_state *rs = region_of(x, spread, region);
    return x->model.cut.regions[region].kind == RBK_REGION_STAGE && !rs->order &&
           rs->mode == RBK_MODE_IDLE && !may_come_next(x, spread, region);
}

/* What is only left out when not everything is asked for. */
static void reduce_region(const struct explorer *x, struct spread *spread, uint32_t region,
                          bool structural)
{
    struct rbk_region_state *rs = region_of(x, spread, region);
    const struct rbk_machine *machine = &x->model.cut;
    enum rbk_state_kind kind = machine->states[rs->state].kind;
    bool ending = spread->state->turned || spread->state->cancelled;
    bool stage = machine->regions[region].kind == RBK_REGION_STAGE;
    bool rests = stage && rs->mode == RBK_MODE_IDLE;
    bool follows = rests && kind == RBK_STATE_ROLLED_BACK && (rs->flags & RBK_FLAG_FOLLOWED);
    if ((ending && stage && is_untouched(x, rs, region)) || follows) {
        reset_region(x, spread, region, 0);
        clear_bits(x, spread, region);
    } else if (rests && kind == RBK_STATE_WAITING) {
        uint64_t due_ms = rs->due_ms;
        bool window = may_come_next(x, spread, region);
        reset_region(x, spread, region, window ? RBK_FLAG_WINDOW_OPEN : 0);
        rs->due_ms = due_ms;
        clear_bits(x, spread, region);
    } else {
        rs->attempt = has_serial(rs->mode) || rs->mode == RBK_MODE_RETRY;
        /* A stage that got stuck is not tried again by itself, even once a person has mended it. */
        rs->stage_attempt =
            kind == RBK_STATE_STUCK ? machine->regions[region].attempts : rs->stage_attempt != 0;
        rs->flags &= ~(uint32_t)RBK_FLAG_WINDOW_OPEN;
        rs->approvals = 0;
        if (spread->state->turned) {
            rs->flags &= ~(uint32_t)RBK_FLAG_FOLLOWED;
        } else if (structural && goes_back(x, rs, region) &&
                   depends_on_any(x, region, x->going_back)) {
            rs->flags |= RBK_FLAG_FOLLOWED;
        }
    }
}

/* Stages that cannot start anyway, and of which somebody is asked whether they are to be tried
 * again: that somebody is asked matters, of which one does not. */
static void reduce_held(const struct explorer *x, struct spread *spread)
{
    const struct rbk_machine *machine = &x->model.cut;
    uint32_t first = RBK_NONE;
    bool asked = false;
    if (spread->state->hold != RBK_STATUS_HELD) {
        return;
    }
    for (uint32_t i = 0; i < machine->region_count && first == RBK_NONE; i++) {
        if (is_blocked(x, spread, i) && machine->regions[i].held != RBK_NONE) {
            first = i;
        }
    }
    for (uint32_t i = 0; i < machine->region_count && first != RBK_NONE; i++) {
        enum rbk_state_kind kind = machine->states[region_of(x, spread, i)->state].kind;
        bool rolled_back = kind == RBK_STATE_ROLLED_BACK;
        if ((rolled_back || kind == RBK_STATE_HELD) && is_blocked(x, spread, i)) {
            asked |= !rolled_back || !depends_on_any(x, i, x->undecided);
            reset_region(x, spread, i, 0);
            clear_bits(x, spread, i);
        }
    }
    if (asked) {
        region_of(x, spread, first)->state = machine->regions[first].held;
    }
}

/* Any way back that is closed, or was not read yet, keeps every stage from starting: which one does
 * not matter. That one is closing decides nothing. */
static void reduce_ways_back(const struct explorer *x, struct spread *spread)
{
    const struct rbk_machine *machine = &x->model.cut;
    uint32_t first = RBK_NONE, flags = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct rbk_region_state *rs = region_of(x, spread, i);
        flags |= rs->flags & (RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_UNREAD);
        rs->flags &= ~RBK_FLAGS_WAY;
        if (first == RBK_NONE && x->model.closable[i] &&
            machine->states[rs->state].kind == RBK_STATE_APPLIED && rs->target == RBK_NONE) {
            first = i;
        }
    }
    if (flags && first != RBK_NONE && !spread->state->turned) {
        region_of(x, spread, first)->flags |=
            flags & RBK_FLAG_WAY_CLOSED ? RBK_FLAG_WAY_CLOSED : RBK_FLAG_WAY_UNREAD;
    }
}

static void canonize_head(const struct explorer *x, struct spread *spread)
{
    struct rbk_state *state = spread->state;
    bool interrupted = state->hold == RBK_STATUS_PAUSED && state->cause.kind == RBK_CAUSE_INTERRUPT;
    state->rollbacks = 0;
    state->next_serial = x->model.cut.region_count + x->model.cut.trigger_count + 2;
    state->escalated = 0;
    state->overdue = 0;
    state->cause.kind = state->hold != RBK_STATUS_PAUSED  ? RBK_CAUSE_NONE
                        : interrupted && x->options->full ? RBK_CAUSE_INTERRUPT
                                                          : RBK_CAUSE_COMMAND;
    state->wanted.kind = state->wanted.kind ? RBK_CAUSE_COMMAND : RBK_CAUSE_NONE;
    state->cause.index = state->wanted.index = 0;
    state->held_serial =
        state->held_reaction ? x->model.cut.region_count + x->model.cut.trigger_count + 1 : 0;
    state->signals = 0;
    state->now_ms = RBK_EXPLORE_NOW;
    state->hold_due_ms = instant(state->hold_due_ms);
    state->started_ms = state->started_ms ? RBK_EXPLORE_NOW : 0;
    state->first_effect_ms = state->first_effect_ms ? RBK_EXPLORE_NOW : 0;
    state->all_applied_ms = 0;
    state->decided_ms = 0;
    state->stuck_ms = state->stuck_ms ? RBK_EXPLORE_NOW : 0;
    state->ended_ms = state->ended_ms ? RBK_EXPLORE_NOW : 0;
    state->plan_due_ms = state->turned ? 0 : instant(state->plan_due_ms);
    state->criteria_due_ms = 0;
}

static void canonize_triggers(const struct explorer *x, struct spread *spread)
{
    struct rbk_trigger_state *triggers = triggers_of(x, spread);
    for (uint32_t i = 0; i < x->model.cut.trigger_count; i++) {
        struct rbk_trigger_state *ts = &triggers[i];
        bool reacting = ts->mode == RBK_TRIGGER_HOLDING || ts->mode == RBK_TRIGGER_ASKING;
        ts->reaction = reacting ? ts->reaction : 0;
        ts->fired = 0;
        ts->serial = ts->serial ? x->model.cut.region_count + 1 + i : 0;
        ts->due_ms = instant(ts->due_ms);
    }
    if (!x->options->full && triggers) {
        memset(triggers, 0, x->space.trigger_bytes);
    }
}

/* Whether a region, or the run, has changed in what the reductions of others look at. */
static bool is_structural(const struct explorer *x, const struct rbk_region_state *was,
                          const struct rbk_region_state *is)
{
    const struct rbk_machine_state *states = x->model.cut.states;
    return states[was->state].kind != states[is->state].kind || was->order != is->order ||
           was->flags != is->flags || was->target != is->target ||
           (was->mode == RBK_MODE_IDLE) != (is->mode == RBK_MODE_IDLE) ||
           is->mode == RBK_MODE_FORKED || states[was->state].phase != states[is->state].phase;
}

static void reduce(struct explorer *x)
{
    struct spread *work = &x->work;
    if (x->structural) {
        note_sets(x, work);
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (x->structural || rbk_explore_changed(x, i)) {
            reduce_region(x, work, i, x->structural);
        }
    }
    if (x->structural) {
        reduce_held(x, work);
        reduce_ways_back(x, work);
    }
}

void rbk_explore_note_changes(struct explorer *x)
{
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (memcmp(&x->work.regions[i], &x->from.regions[i], sizeof(x->work.regions[i])) != 0) {
            x->changed[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
}

static void canonize(struct explorer *x)
{
    struct spread *work = &x->work;
    uint32_t count = x->model.cut.region_count;
    uint64_t *bits = bits_of(x, work);
    const struct rbk_state *was = x->from.state;
    const struct rbk_state *is = work->state;
    bool first = !x->space.states.count;
    x->structural = first || x->options->full || was->hold != is->hold ||
                    was->turned != is->turned || was->cancelled != is->cancelled ||
                    x->move.variant & VARIANT_REVERSED;
    for (size_t i = 0; i < x->space.bits_bytes / sizeof(*bits); i++) {
        bits[i] &= x->model.guarded[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        if (first || rbk_explore_changed(x, i)) {
            x->structural |= first || is_structural(x, &x->from.regions[i], &work->regions[i]);
            canonize_region(x, work, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (x->structural && x->model.cut.regions[i].kind == RBK_REGION_BRANCH &&
            is_stale_branch(x, work, i)) {
            reset_region(x, work, i, 0);
        }
    }
    if (x->structural) {
        rbk_explore_close_orders(x, work);
    }
    canonize_head(x, work);
    canonize_triggers(x, work);
    if (!x->options->full) {
        reduce(x);
    }
}

/* ---- keeping ---- */

static bool keep_parts(struct explorer *x)
{
    struct space *space = &x->space;
    struct spread *work = &x->work;
    struct spread *from = &x->from;
    uint32_t *numbers = work->numbers[0];
    bool new;
    struct head head = {*work->state, work->run};
    if (!rbk_intern_add(&space->heads, &head, &numbers[0], &new) ||
        !rbk_intern_add(&space->bits, bits_of(x, work), &numbers[1], &new)) {
        return false;
    }
    numbers[2] = 0;
    if (space->trigger_bytes &&
        !rbk_intern_add(&space->triggers, triggers_of(x, work), &numbers[2], &new)) {
        return false;
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        const struct rbk_region_state *rs = region_of(x, work, i);
        bool same = x->space.states.count &&
                    memcmp(&work->watches[i], &from->watches[i], sizeof(struct watch)) == 0;
        if (same && (x->structural || rbk_explore_changed(x, i))) {
            same = memcmp(rs, region_of(x, from, i), sizeof(*rs)) == 0;
        }
        if (same) {
            numbers[SPACE_PARTS + i] = from->numbers[0][SPACE_PARTS + i];
            continue;
        }
        struct part part = {*rs, work->watches[i]};
        if (!rbk_intern_add(&space->parts, &part, &numbers[SPACE_PARTS + i], &new)) {
            return false;
        }
    }
    return true;
}

bool rbk_explore_keep(struct explorer *x, uint32_t *ret_number, bool *ret_new)
{
    struct space *space = &x->space;
    canonize(x);
    if (!keep_parts(x)) {
        return false;
    }
    for (uint32_t level = 1; level < space->levels; level++) {
        const uint32_t *below = x->work.numbers[level - 1];
        const uint32_t *below_from = x->from.numbers[level - 1];
        bool top = level == space->levels - 1;
        for (uint32_t i = 0; i < space->level_counts[level]; i++) {
            const uint32_t *item = below + (size_t)i * SPACE_FAN; /* zeros behind the last one */
            uint32_t *number = &x->work.numbers[level][i];
            bool new;
            if (!top && space->states.count &&
                memcmp(item, below_from + (size_t)i * SPACE_FAN, SPACE_FAN * sizeof(*item)) == 0) {
                *number = x->from.numbers[level][i];
            } else if (!rbk_intern_add(top ? &space->states : &space->nodes, item, number, &new)) {
                return false;
            } else if (top) {
                *ret_new = new;
                *ret_number = *number;
            }
        }
    }
    return true;
}

/* ---- spreading out ---- */

void rbk_explore_load(struct explorer *x, uint32_t number)
{
    struct space *space = &x->space;
    struct spread *from = &x->from;
    from->numbers[space->levels - 1][0] = number;
    for (uint32_t level = space->levels - 1; level > 0; level--) {
        bool top = level == space->levels - 1;
        for (uint32_t i = 0; i < space->level_counts[level]; i++) {
            memcpy(from->numbers[level - 1] + (size_t)i * SPACE_FAN,
                   rbk_intern_item(top ? &space->states : &space->nodes, from->numbers[level][i]),
                   SPACE_FAN * sizeof(uint32_t));
        }
    }
    const uint32_t *numbers = from->numbers[0];
    const struct head *head = rbk_intern_item(&space->heads, numbers[0]);
    *from->state = head->state;
    from->run = head->watch;
    memcpy(bits_of(x, from), rbk_intern_item(&space->bits, numbers[1]), space->bits_bytes);
    if (space->trigger_bytes) {
        memcpy(triggers_of(x, from), rbk_intern_item(&space->triggers, numbers[2]),
               space->trigger_bytes);
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        const struct part *part = rbk_intern_item(&space->parts, numbers[SPACE_PARTS + i]);
        *region_of(x, from, i) = part->region;
        from->watches[i] = part->watch;
    }
}

void rbk_explore_copy(struct explorer *x)
{
    memcpy(x->work.state, x->from.state, rbk_state_bytes(&x->model.cut));
    memcpy(x->work.watches, x->from.watches, x->model.cut.region_count * sizeof(*x->work.watches));
    x->work.run = x->from.run;
}

const struct head *rbk_explore_head(const struct explorer *x, uint32_t number)
{
    const struct space *space = &x->space;
    for (uint32_t level = space->levels - 1; level > 0; level--) {
        bool top = level == space->levels - 1;
        const uint32_t *item = rbk_intern_item(top ? &space->states : &space->nodes, number);
        number = item[0]; /* the head is the first of the first of … */
    }
    return rbk_intern_item(&space->heads, number);
}
