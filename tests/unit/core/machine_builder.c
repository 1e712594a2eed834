/*
 * Each region collects its states in a list of its own; a handle is region << 16 | position.
 * Finishing adds the resting states, fills in where a failure leads, and lays the lists one behind
 * the other.
 */
#include "tests/unit/core/machine_builder.h"

#include "runtime/core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS_MAX 64u
#define STATES_MAX 65536u
#define UNSET (RBK_NONE - 7u) /* next: to be filled in when finishing */

struct region_list {
    struct rbk_machine_state *states;
    uint32_t *strategy; /* of each state: number of its strategy, RBK_NONE forward */
    uint32_t count;
    uint32_t capacity;
    uint32_t strategies;
    uint32_t blocks[RBK_PHASE_COUNT];
    uint32_t strategy_blocks[16];
    uint32_t numbers[RBK_PHASE_COUNT];
    uint32_t first; /* row of its first state, once finished */
};

struct machine_builder {
    struct rbk_machine m;
    struct region_list lists[REGIONS_MAX];
    uint32_t locks[16];
    uint32_t lock_count;
    bool observe, grace, finished;
    uint32_t last_stage;
};

/* Append a zeroed row to a table of the machine. */
#define ADD(mb, rows, row)                                                          \
    ((mb)->m.rows = grow((mb)->m.rows, (mb)->m.row##_count, sizeof(*(mb)->m.rows)), \
     &(mb)->m.rows[(mb)->m.row##_count++])

static void *grow(void *rows, uint32_t count, size_t bytes)
{
    if ((count & (count + 1)) == 0) { /* 0, 1, 3, 7, …: double */
        rows = realloc(rows, ((size_t)count * 2 + 2) * bytes);
        RBK_ASSERT(rows);
    }
    memset((char *)rows + count * bytes, 0, bytes);
    return rows;
}

/* "name", "name.word", "name.word.number": an empty word and a number of 0 are left out. */
static struct rbk_str text(const char *name, const char *word, uint32_t number)
{
    char *copy = malloc(96);
    RBK_ASSERT(copy);
    int used = snprintf(copy, 96, "%s%s%s", name, *word ? "." : "", word);
    if (number) {
        snprintf(copy + used, 96 - (size_t)used, ".%u", (unsigned)number);
    }
    return rbk_str_from(copy);
}

static struct rbk_str name_text(const char *name)
{
    return text(name, "", 0);
}

static struct region_list *list_of(struct machine_builder *mb, uint32_t region)
{
    RBK_ASSERT(region < mb->m.region_count);
    return &mb->lists[region];
}

static struct rbk_machine_state *state_of(struct machine_builder *mb, uint32_t handle)
{
    return &mb->lists[handle >> 16].states[handle & 0xffff];
}

static uint32_t add_region(struct machine_builder *mb, enum rbk_region_kind kind, const char *name)
{
    uint32_t index = mb->m.region_count;
    RBK_ASSERT(index < REGIONS_MAX);
    struct rbk_region *row = ADD(mb, regions, region);
    row->kind = kind;
    row->name = name_text(name);
    row->parent = row->applied = row->rollback = row->rolled_back = RBK_NONE;
    row->held = row->stuck = row->apply = row->window = RBK_NONE;
    row->attempts = 1;
    struct region_list *list = &mb->lists[index];
    memset(list->blocks, 0xff, sizeof(list->blocks));
    memset(list->strategy_blocks, 0xff, sizeof(list->strategy_blocks));
    return index;
}

static uint32_t add_state(struct machine_builder *mb, uint32_t region, enum rbk_state_kind kind,
                          enum rbk_phase phase)
{
    struct region_list *list = list_of(mb, region);
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->states = realloc(list->states, list->capacity * sizeof(*list->states));
        list->strategy = realloc(list->strategy, list->capacity * sizeof(*list->strategy));
        RBK_ASSERT(list->states && list->strategy);
    }
    RBK_ASSERT(list->count < STATES_MAX);
    struct rbk_machine_state *row = &list->states[list->count];
    memset(row, 0, sizeof(*row));
    row->kind = kind;
    row->phase = phase;
    row->region = region;
    row->block = row->effect = row->guard = RBK_NONE;
    for (int i = 0; i < RBK_OUTCOME_COUNT; i++) {
        row->next[i] = RBK_NONE;
    }
    bool back = phase == RBK_PHASE_ROLLBACK || phase == RBK_PHASE_ROLLBACK_VERIFY;
    list->strategy[list->count] = back && list->strategies ? list->strategies - 1 : RBK_NONE;
    row->name =
        text(mb->m.regions[region].name.data, rbk_phase_name(phase), ++list->numbers[phase]);
    return region << 16 | list->count++;
}

/* A resting state, named by its kind. */
static uint32_t add_rest(struct machine_builder *mb, uint32_t region, enum rbk_state_kind kind)
{
    uint32_t handle = add_state(mb, region, kind, RBK_PHASE_REST);
    struct rbk_machine_state *row = state_of(mb, handle);
    free((char *)(uintptr_t)row->name.data);
    row->name = text(mb->m.regions[region].name.data, rbk_state_kind_name(kind), 0);
    if (kind == RBK_STATE_WAITING) {
        row->phase = RBK_PHASE_WAITING;
    } else if (kind == RBK_STATE_APPLIED) {
        row->phase = RBK_PHASE_APPLIED;
    } else if (kind == RBK_STATE_ROLLBACK) {
        row->phase = RBK_PHASE_ROLLBACK;
    }
    return handle;
}

static uint32_t add_effect_row(struct machine_builder *mb, enum rbk_effect_kind kind)
{
    struct rbk_effect *effect = ADD(mb, effects, effect);
    effect->kind = kind;
    effect->connection = effect->condition = effect->done_when = RBK_NONE;
    effect->doubt_question = effect->question = effect->channel = effect->into = RBK_NONE;
    switch (kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
        effect->crash = RBK_CRASH_ATTACH;
        break;
    case RBK_EFFECT_SQL:
        effect->crash = RBK_CRASH_TRANSACTION;
        break;
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
        effect->crash = RBK_CRASH_LOOK;
        break;
    case RBK_EFFECT_QUESTION:
    case RBK_EFFECT_WAIT:
    case RBK_EFFECT_NOTHING:
        effect->crash = RBK_CRASH_DURABLE;
        break;
    default:
        effect->crash = RBK_CRASH_AGAIN;
        break;
    }
    return mb->m.effect_count - 1;
}

static uint32_t add_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                         enum rbk_effect_kind kind)
{
    uint32_t handle = add_state(mb, region, RBK_STATE_EFFECT, phase);
    struct rbk_machine_state *row = state_of(mb, handle);
    row->effect = add_effect_row(mb, kind);
    row->next[RBK_OUTCOME_OK] = UNSET;
    row->next[RBK_OUTCOME_FAIL] = UNSET;
    return handle;
}

/* ---- the plan ---- */

struct machine_builder *mb_new(void)
{
    struct machine_builder *mb = calloc(1, sizeof(*mb));
    RBK_ASSERT(mb);
    mb->m.format_version = RBK_MACHINE_FORMAT_VERSION;
    mb->m.name = name_text("test");
    mb->m.held_at_most_ms = 3600000;
    mb->m.held_otherwise = mb->m.observe = mb->m.grace = RBK_NONE;
    mb->m.daily_window = mb->m.retire_region = RBK_NONE;
    mb->last_stage = RBK_NONE;
    add_region(mb, RBK_REGION_PLAN, "plan");
    uint32_t start = add_rest(mb, 0, RBK_STATE_START);
    state_of(mb, start)->next[RBK_OUTCOME_OK] = UNSET;
    return mb;
}

struct rbk_machine *mb_machine(struct machine_builder *mb)
{
    return &mb->m;
}

uint32_t mb_plan_step(struct machine_builder *mb, enum rbk_phase phase, enum rbk_effect_kind kind)
{
    return add_step(mb, 0, phase, kind);
}

uint32_t mb_lock(struct machine_builder *mb)
{
    RBK_ASSERT(mb->lock_count < 16);
    return mb->locks[mb->lock_count++] = add_step(mb, 0, RBK_PHASE_PLAN, RBK_EFFECT_RUN);
}

void mb_observe(struct machine_builder *mb)
{
    mb->observe = true;
}

void mb_grace(struct machine_builder *mb)
{
    mb->grace = true;
}

/* ---- stages ---- */

uint32_t mb_stage(struct machine_builder *mb, const char *name)
{
    uint32_t stage = add_region(mb, RBK_REGION_STAGE, name);
    uint32_t before = mb->last_stage;
    mb->last_stage = stage;
    state_of(mb, add_rest(mb, stage, RBK_STATE_WAITING))->next[RBK_OUTCOME_OK] = UNSET;
    if (before != RBK_NONE) {
        mb_after(mb, stage, before, 0);
    }
    return stage;
}

void mb_after_nothing(struct machine_builder *mb, uint32_t stage)
{
    mb->m.regions[stage].predecessors.count = 0;
}

/* Call right after mb_stage() and mb_after_nothing(), for all predecessors of a stage in turn. */
void mb_after(struct machine_builder *mb, uint32_t stage, uint32_t before, uint64_t for_ms)
{
    struct rbk_slice *slice = &mb->m.regions[stage].predecessors;
    struct rbk_predecessor *row = ADD(mb, predecessors, predecessor);
    row->region = before;
    row->for_ms = for_ms;
    if (!slice->count) {
        slice->first = mb->m.predecessor_count - 1;
    }
    slice->count++;
}

uint32_t mb_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                 enum rbk_effect_kind kind)
{
    return add_step(mb, region, phase, kind);
}

uint32_t mb_guarded_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                         enum rbk_effect_kind kind, uint32_t guarded)
{
    uint32_t guard = add_state(mb, region, RBK_STATE_GUARD, phase);
    state_of(mb, guard)->guard = guarded;
    state_of(mb, guard)->next[RBK_OUTCOME_OK] = UNSET;
    /* Past the step: the state after the next one. */
    state_of(mb, guard)->next[RBK_OUTCOME_FAIL] = UNSET;
    list_of(mb, region)->numbers[phase]--;
    return add_step(mb, region, phase, kind);
}

void mb_within(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
               uint64_t within_ms)
{
    struct rbk_block *block = ADD(mb, blocks, block);
    block->region = region;
    block->parent = RBK_NONE;
    block->within_ms = within_ms;
    block->expired = UNSET;
    list_of(mb, region)->blocks[phase] = mb->m.block_count - 1;
}

void mb_strategy(struct machine_builder *mb, uint32_t stage, bool when, uint64_t within_ms)
{
    struct region_list *list = list_of(mb, stage);
    if (within_ms) {
        mb_within(mb, stage, RBK_PHASE_REST, within_ms);
        list->strategy_blocks[list->strategies] = list->blocks[RBK_PHASE_REST];
        list->blocks[RBK_PHASE_REST] = RBK_NONE;
    }
    list->strategies++;
    if (when) {
        add_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_TEST);
    }
}

uint32_t mb_fork(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                 uint32_t branches)
{
    uint32_t handle = add_state(mb, region, RBK_STATE_FORK, phase);
    uint32_t first = mb->m.region_count;
    for (uint32_t i = 0; i < branches; i++) {
        struct rbk_str name = text(mb->m.regions[region].name.data, "branch", i + 1);
        uint32_t branch = add_region(mb, RBK_REGION_BRANCH, name.data);
        free((char *)(uintptr_t)name.data);
        mb->m.regions[branch].parent = region;
    }
    struct rbk_machine_state *row = state_of(mb, handle);
    row->branches = (struct rbk_slice){first, branches};
    row->next[RBK_OUTCOME_OK] = UNSET;
    row->next[RBK_OUTCOME_FAIL] = UNSET;
    return first;
}

uint32_t mb_retire(struct machine_builder *mb)
{
    return mb->m.retire_region = add_region(mb, RBK_REGION_RETIRE, "retire");
}

uint32_t mb_plain_stage(struct machine_builder *mb, const char *name)
{
    uint32_t stage = mb_stage(mb, name);
    mb_step(mb, stage, RBK_PHASE_APPLY, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_VERIFY, RBK_EFFECT_CHECK);
    mb_strategy(mb, stage, false, 0);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK, RBK_EFFECT_RUN);
    mb_step(mb, stage, RBK_PHASE_ROLLBACK_VERIFY, RBK_EFFECT_CHECK);
    return stage;
}

struct rbk_effect *mb_effect(struct machine_builder *mb, uint32_t step)
{
    return &mb->m.effects[state_of(mb, step)->effect];
}

struct rbk_region *mb_region(struct machine_builder *mb, uint32_t region)
{
    return &mb->m.regions[region];
}

void mb_next(struct machine_builder *mb, uint32_t step, enum rbk_outcome outcome, uint32_t to)
{
    state_of(mb, step)->next[outcome] = to;
}

/* Rests are added when finishing; a handle that means "APPLIED of this region" until then. */
#define REST_HANDLE(region) (0xff000000u | (region))

uint32_t mb_rest(struct machine_builder *mb, uint32_t region)
{
    (void)mb;
    return REST_HANDLE(region);
}

/* ---- people, triggers ---- */

uint32_t mb_role(struct machine_builder *mb, const char *name, const char *member)
{
    struct rbk_str *row = ADD(mb, texts, text);
    *row = name_text(member);
    struct rbk_role *role = ADD(mb, roles, role);
    role->name = name_text(name);
    role->members = (struct rbk_slice){mb->m.text_count - 1, 1};
    return mb->m.role_count - 1;
}

uint32_t mb_question(struct machine_builder *mb, enum rbk_question_kind kind, uint32_t roles,
                     uint64_t within_ms, uint32_t otherwise)
{
    uint32_t first = mb->m.index_count;
    for (uint32_t i = 0; i < roles; i++) {
        uint32_t *index = ADD(mb, indexes, index);
        *index = i;
    }
    struct rbk_question *row = ADD(mb, questions, question);
    row->kind = kind;
    row->text = RBK_NONE;
    row->roles = (struct rbk_slice){first, roles};
    row->within_ms = within_ms;
    row->otherwise = otherwise;
    return mb->m.question_count - 1;
}

uint32_t mb_reaction(struct machine_builder *mb, enum rbk_reaction_kind kind, uint32_t question)
{
    struct rbk_reaction *row = ADD(mb, reactions, reaction);
    row->kind = kind;
    row->question = question;
    row->channel = kind == RBK_REACTION_NOTIFY ? 0 : RBK_NONE;
    row->then = RBK_NONE;
    return mb->m.reaction_count - 1;
}

uint32_t mb_hold(struct machine_builder *mb, uint64_t hold_ms, uint32_t then)
{
    uint32_t reaction = mb_reaction(mb, RBK_REACTION_HOLD, RBK_NONE);
    mb->m.reactions[reaction].hold_ms = hold_ms;
    mb->m.reactions[reaction].then = then;
    return reaction;
}

uint32_t mb_trigger(struct machine_builder *mb, uint32_t stage, uint32_t reaction, uint32_t missing)
{
    struct rbk_trigger *row = ADD(mb, triggers, trigger);
    row->region = stage;
    row->condition = RBK_NONE;
    row->since = stage == RBK_NONE ? RBK_SINCE_FIRST_APPLY : RBK_SINCE_STAGE_STARTED;
    row->since_region = stage;
    row->reaction = reaction;
    row->missing = missing;
    return mb->m.trigger_count - 1;
}

struct rbk_trigger *mb_trigger_row(struct machine_builder *mb, uint32_t trigger)
{
    return &mb->m.triggers[trigger];
}

void mb_except(struct machine_builder *mb, uint32_t trigger, uint32_t stage)
{
    uint32_t *index = ADD(mb, indexes, index);
    *index = stage;
    mb->m.triggers[trigger].except = (struct rbk_slice){mb->m.index_count - 1, 1};
}

static void abort_when(struct machine_builder *mb, enum rbk_variable variable, enum rbk_type type,
                       int64_t limit)
{
    uint32_t first = mb->m.code_count;
    struct rbk_value *constant = ADD(mb, constants, constant);
    *constant = rbk_value_integer(type, limit);
    struct rbk_op_code *op = ADD(mb, codes, code);
    *op = (struct rbk_op_code){RBK_OP_VARIABLE, variable};
    op = ADD(mb, codes, code);
    *op = (struct rbk_op_code){RBK_OP_CONST, mb->m.constant_count - 1};
    op = ADD(mb, codes, code);
    *op = (struct rbk_op_code){RBK_OP_GT, 0};
    struct rbk_expr *expr = ADD(mb, exprs, expr);
    expr->code = (struct rbk_slice){first, 3};
    expr->type = RBK_TYPE_BOOL;
    struct rbk_criterion *row = ADD(mb, criteria, criterion);
    row->condition = mb->m.expr_count - 1;
}

void mb_abort_when_rollbacks(struct machine_builder *mb, int64_t limit)
{
    abort_when(mb, RBK_VARIABLE_ROLLBACKS, RBK_TYPE_INT, limit);
}

void mb_abort_when_elapsed(struct machine_builder *mb, int64_t limit_ms)
{
    abort_when(mb, RBK_VARIABLE_ELAPSED, RBK_TYPE_DURATION, limit_ms);
}

void mb_abort_when_probe(struct machine_builder *mb)
{
    struct rbk_criterion *row = ADD(mb, criteria, criterion);
    row->condition = RBK_NONE;
    row->reads_probes = true;
}

void mb_signal(struct machine_builder *mb, const char *name)
{
    struct rbk_signal *row = ADD(mb, signals, signal);
    row->name = name_text(name);
}

void mb_escalation(struct machine_builder *mb, uint64_t after_ms)
{
    struct rbk_escalation *row = ADD(mb, escalations, escalation);
    row->after_ms = after_ms;
}

void mb_report(struct machine_builder *mb)
{
    struct rbk_report *row = ADD(mb, reports, report);
    row->message = row->every = RBK_NONE;
}

/* ---- finishing ---- */

/* Link the states of `region` from `from` up to `to`: each to the one behind it, the last to
 * `then`, and a failure to `fail`. */
static void link_states(struct machine_builder *mb, uint32_t region, uint32_t from, uint32_t to,
                        uint32_t then, uint32_t fail)
{
    struct region_list *list = list_of(mb, region);
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
    struct region_list *list = list_of(mb, region);
    struct rbk_region *row = &mb->m.regions[region];
    uint32_t end = list->count;
    uint32_t forward = 0;
    uint32_t applied = add_rest(mb, region, RBK_STATE_APPLIED);
    uint32_t held = add_rest(mb, region, RBK_STATE_HELD);
    uint32_t rollback = add_rest(mb, region, RBK_STATE_ROLLBACK);
    uint32_t rolled_back = add_rest(mb, region, RBK_STATE_ROLLED_BACK);
    uint32_t stuck = add_rest(mb, region, RBK_STATE_STUCK);
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
    state_of(mb, rollback)->next[RBK_OUTCOME_OK] =
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
    struct region_list *list = list_of(mb, region);
    uint32_t end = list->count;
    uint32_t done = add_rest(mb, region, RBK_STATE_BRANCH_DONE);
    uint32_t failed = add_rest(mb, region, RBK_STATE_BRANCH_FAILED);
    link_states(mb, region, 0, end, done, failed);
    for (uint32_t i = 0; i < end; i++) {
        set_block(mb, list, i, list->blocks[list->states[i].phase], failed);
    }
}

static void finish_retire(struct machine_builder *mb, uint32_t region)
{
    struct region_list *list = list_of(mb, region);
    uint32_t end = list->count;
    uint32_t applied = add_rest(mb, region, RBK_STATE_APPLIED);
    uint32_t held = add_rest(mb, region, RBK_STATE_HELD);
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
    uint32_t from = list_of(mb, 0)->count;
    for (uint32_t i = mb->lock_count; i-- > 0;) {
        mb_guarded_step(mb, 0, RBK_PHASE_RELEASE, RBK_EFFECT_RUN, mb->locks[i]);
    }
    uint32_t to = list_of(mb, 0)->count;
    uint32_t end = add_rest(mb, 0, kind);
    for (uint32_t i = from; i < to; i++) {
        struct rbk_machine_state *row = &list_of(mb, 0)->states[i];
        if (row->kind == RBK_STATE_EFFECT) { /* a release that fails is passed over */
            row->next[RBK_OUTCOME_FAIL] = row->next[RBK_OUTCOME_OK] = i + 1 < to ? i + 1 : end;
        }
    }
    link_states(mb, 0, from, to, end, end);
    return from < to ? from : end;
}

static void finish_plan(struct machine_builder *mb)
{
    uint32_t head = list_of(mb, 0)->count;
    uint32_t stages = add_rest(mb, 0, RBK_STATE_STAGES);
    uint32_t last = stages;
    enum rbk_state_kind kinds[] = {RBK_STATE_OBSERVE, RBK_STATE_GRACE, RBK_STATE_RETIRING};
    bool has[] = {mb->observe, mb->grace, mb->m.retire_region != RBK_NONE};
    for (int i = 0; i < 3; i++) {
        if (has[i]) {
            uint32_t state = add_rest(mb, 0, kinds[i]);
            state_of(mb, last)->next[RBK_OUTCOME_OK] = state;
            last = state;
        }
    }
    uint32_t completed = add_end(mb, RBK_STATE_COMPLETED);
    state_of(mb, last)->next[RBK_OUTCOME_OK] = completed;
    mb->m.aborting_state = add_rest(mb, 0, RBK_STATE_ABORTING);
    uint32_t aborted = add_end(mb, RBK_STATE_ABORTED);
    state_of(mb, mb->m.aborting_state)->next[RBK_OUTCOME_OK] = aborted;
    mb->m.cancelling_state = add_end(mb, RBK_STATE_CANCELLED);
    mb->m.stages_state = stages;
    uint32_t held = add_rest(mb, 0, RBK_STATE_HELD);
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

static void free_text(struct rbk_str str)
{
    free((char *)(uintptr_t)str.data);
}

void mb_free(struct machine_builder *mb)
{
    if (!mb) {
        return;
    }
    for (uint32_t i = 0; i < mb->m.region_count; i++) {
        for (uint32_t k = 0; k < mb->lists[i].count; k++) {
            free_text(mb->lists[i].states[k].name);
        }
        free(mb->lists[i].states);
        free(mb->lists[i].strategy);
        free_text(mb->m.regions[i].name);
    }
    for (uint32_t i = 0; i < mb->m.role_count; i++) {
        free_text(mb->m.roles[i].name);
        free_text(mb->m.texts[i]);
    }
    for (uint32_t i = 0; i < mb->m.signal_count; i++) {
        free_text(mb->m.signals[i].name);
    }
    free_text(mb->m.name);
#define X(type, rows, row) free(mb->m.rows);
    RBK_MACHINE_TABLES(X)
#undef X
    free(mb);
}
