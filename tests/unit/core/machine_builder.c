/*
 * Each region collects its states in a list of its own; a handle is region << 16 | position.
 * Finishing adds the resting states, fills in where a failure leads, and lays the lists one behind
 * the other.
 */
#include "tests/unit/core/machine_builder_internal.h"

#include "runtime/core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mb_grow(void *rows, uint32_t count, size_t bytes)
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
    return (struct rbk_str){copy, strlen(copy)};
}

static struct rbk_str name_text(const char *name)
{
    return text(name, "", 0);
}

struct region_list *mb_list_of(struct machine_builder *mb, uint32_t region)
{
    RBK_ASSERT(region < mb->m.region_count);
    return &mb->lists[region];
}

struct rbk_machine_state *mb_state_of(struct machine_builder *mb, uint32_t handle)
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
    struct region_list *list = mb_list_of(mb, region);
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
uint32_t mb_add_rest(struct machine_builder *mb, uint32_t region, enum rbk_state_kind kind)
{
    uint32_t handle = add_state(mb, region, kind, RBK_PHASE_REST);
    struct rbk_machine_state *row = mb_state_of(mb, handle);
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
    struct rbk_machine_state *row = mb_state_of(mb, handle);
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
    uint32_t start = mb_add_rest(mb, 0, RBK_STATE_START);
    mb_state_of(mb, start)->next[RBK_OUTCOME_OK] = UNSET;
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
    mb_state_of(mb, mb_add_rest(mb, stage, RBK_STATE_WAITING))->next[RBK_OUTCOME_OK] = UNSET;
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
    mb_state_of(mb, guard)->guard = guarded;
    mb_state_of(mb, guard)->next[RBK_OUTCOME_OK] = UNSET;
    /* Past the step: the state after the next one. */
    mb_state_of(mb, guard)->next[RBK_OUTCOME_FAIL] = UNSET;
    mb_list_of(mb, region)->numbers[phase]--;
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
    mb_list_of(mb, region)->blocks[phase] = mb->m.block_count - 1;
}

void mb_strategy(struct machine_builder *mb, uint32_t stage, bool when, uint64_t within_ms)
{
    struct region_list *list = mb_list_of(mb, stage);
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
    struct rbk_machine_state *row = mb_state_of(mb, handle);
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
    return &mb->m.effects[mb_state_of(mb, step)->effect];
}

struct rbk_region *mb_region(struct machine_builder *mb, uint32_t region)
{
    return &mb->m.regions[region];
}

void mb_next(struct machine_builder *mb, uint32_t step, enum rbk_outcome outcome, uint32_t to)
{
    mb_state_of(mb, step)->next[outcome] = to;
}

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

uint32_t mb_role_of(struct machine_builder *mb, const char *name, const char *const *members,
                    uint32_t member_count)
{
    uint32_t first = mb->m.text_count;
    for (uint32_t i = 0; i < member_count; i++) {
        struct rbk_str *row = ADD(mb, texts, text);
        *row = name_text(members[i]);
    }
    struct rbk_role *role = ADD(mb, roles, role);
    role->name = name_text(name);
    role->members = (struct rbk_slice){first, member_count};
    return mb->m.role_count - 1;
}

void mb_four_eyes(struct machine_builder *mb, uint32_t question)
{
    mb->m.questions[question].four_eyes = true;
}

void mb_quorum(struct machine_builder *mb, uint32_t question, uint32_t role, uint32_t quorum)
{
    mb->m.indexes[mb->m.questions[question].quorums.first + role] = quorum;
}

uint32_t mb_question(struct machine_builder *mb, enum rbk_question_kind kind, uint32_t roles,
                     uint64_t within_ms, uint32_t otherwise)
{
    uint32_t first = mb->m.index_count;
    for (uint32_t i = 0; i < roles; i++) {
        uint32_t *index = ADD(mb, indexes, index);
        *index = i;
    }
    for (uint32_t i = 0; i < roles; i++) {
        uint32_t *quorum = ADD(mb, indexes, index);
        *quorum = 1;
    }
    struct rbk_question *row = ADD(mb, questions, question);
    row->kind = kind;
    row->quorums = (struct rbk_slice){first + roles, roles};
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

/* ---- the end ---- */

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
        for (uint32_t k = 0; k < mb->m.roles[i].members.count; k++) {
            free_text(mb->m.texts[mb->m.roles[i].members.first + k]);
        }
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
