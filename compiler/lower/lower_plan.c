/*
 * The plan's own region: what happens before the stages, while they run, and after.
 *
 *   start -> require, attest -> locks -> baselines -> arm -> stages -> observe -> grace -> retiring
 *         -> releases -> completed
 *   aborting -> releases -> aborted            (machine->aborting_state)
 *   releases -> cancelled                      (machine->cancelling_state)
 *   held                                       (what fails before the stages)
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"

/* Longer than any reading may take, so that every trigger had its chance to be read. */
#define ARM_TIMEOUT_MS 60000u

struct lock {
    const struct rbk_tree_statement *statement;
    uint32_t guard; /* Its first effect that changes something, else its first; RBK_NONE: none. */
};

static uint32_t plain(struct rbk_lower *lower, struct rbk_context *context, enum rbk_phase phase,
                      enum rbk_state_kind kind, const char *name, uint32_t next)
{
    context->phase = phase;
    uint32_t state =
        rbk_lower_plain_state(lower, context, kind, rbk_str_from(name),
                              rbk_lower_machine_place(lower, lower->program->plan->head));
    rbk_lower_state(lower, state)->next[RBK_OUTCOME_OK] = next;
    return state;
}

static void gates(struct rbk_lower *lower, const struct rbk_context *context,
                  enum rbk_statement_kind kind)
{
    const struct rbk_statements *list = &lower->program->head[kind];
    for (uint32_t i = 0; i < list->count; i++) {
        rbk_lower_gate(lower, context, list->items[i], i + 1);
    }
}

static bool is_reading(enum rbk_effect_kind kind)
{
    return kind == RBK_EFFECT_LET || kind == RBK_EFFECT_CHECK || kind == RBK_EFFECT_TEST ||
           kind == RBK_EFFECT_WAIT_UNTIL || kind == RBK_EFFECT_CAPTURE;
}

/* What shows that a lock may be held: see struct lock. */
static uint32_t first_effect(const struct rbk_machine *machine, uint32_t from)
{
    uint32_t first = RBK_NONE;
    for (uint32_t i = from; i < machine->state_count; i++) {
        if (machine->states[i].kind != RBK_STATE_EFFECT) {
            continue;
        }
        if (!is_reading(machine->effects[machine->states[i].effect].kind)) {
            return i;
        }
        first = first == RBK_NONE ? i : first;
    }
    return first;
}

/* The block of an `acquire` or `release`: its steps in a context of their own. */
static void lock_steps(struct rbk_lower *lower, struct rbk_context context, uint32_t expired,
                       const struct rbk_tree_statement *part)
{
    uint32_t failed = context.failed;
    context.failed = expired;
    rbk_lower_within(lower, &context, part, RBK_CLAUSE_WITHIN);
    context.failed = failed;
    rbk_lower_block(lower, &context, part->block);
}

static void acquire(struct rbk_lower *lower, const struct rbk_context *context, struct lock *lock)
{
    struct rbk_context inner = *context;
    uint32_t first = lower->builder.machine->state_count;
    inner.label = lock->statement->name->name->text;
    inner.name =
        rbk_arena_printf(lower->builder.arena, "plan.lock.%.*s.acquire", RBK_STR_ARG(inner.label));
    const struct rbk_tree_statement *part = lock->statement->block->first;
    for (; part != NULL; part = part->next) {
        if (part->kind == RBK_STATEMENT_ACQUIRE) {
            lock_steps(lower, inner, inner.failed, part);
        }
    }
    lock->guard = first_effect(lower->builder.machine, first);
}

/* Give back one lock, if it was ever asked for; what fails there is passed over: a step that fails
 * leads to the next one, time that is up to the end of the block. */
static void release(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct lock *lock, const char *end)
{
    if (lock->guard == RBK_NONE) {
        return;
    }
    struct rbk_context inner = *context;
    uint32_t after = rbk_builder_label(&lower->builder);
    inner.phase = RBK_PHASE_RELEASE;
    inner.failed = RBK_REF_NEXT;
    inner.label = lock->statement->name->name->text;
    inner.name = rbk_arena_printf(lower->builder.arena, "plan.%s.lock.%.*s.release", end,
                                  RBK_STR_ARG(inner.label));
    uint32_t guard = rbk_lower_plain_state(
        lower, &inner, RBK_STATE_GUARD,
        rbk_arena_printf(lower->builder.arena, "%.*s.guard", RBK_STR_ARG(inner.name)),
        rbk_lower_machine_place(lower, lock->statement->head));
    struct rbk_machine_state *state = rbk_lower_state(lower, guard);
    state->guard = lock->guard;
    state->next[RBK_OUTCOME_OK] = RBK_REF_NEXT;
    state->next[RBK_OUTCOME_FAIL] = after;
    const struct rbk_tree_statement *part = lock->statement->block->first;
    for (; part != NULL; part = part->next) {
        if (part->kind == RBK_STATEMENT_RELEASE) {
            lock_steps(lower, inner, after, part);
        }
    }
    rbk_builder_set(&lower->builder, after, context->region);
}

static void releases(struct rbk_lower *lower, const struct rbk_context *context,
                     const struct lock *locks, uint32_t count, const char *end)
{
    for (uint32_t i = count; i-- > 0;) {
        release(lower, context, &locks[i], end);
    }
}

/* An effect of the plan itself, written by nobody. */
static void own_effect(struct rbk_lower *lower, struct rbk_context *context,
                       enum rbk_effect_kind kind, const char *name, const char *text,
                       uint64_t timeout_ms)
{
    context->phase = RBK_PHASE_PLAN;
    struct rbk_effect effect = rbk_lower_effect_row(lower, kind, lower->program->plan->head);
    effect.text = rbk_str_from(text);
    effect.timeout_ms = timeout_ms;
    (void)rbk_lower_effect_state(lower, context, rbk_str_from(name), effect);
}

/* Whether an abort criterion looks at probes: it has to be read, too, before anything begins. */
static bool criteria_read(const struct rbk_lower *lower)
{
    const struct rbk_machine *machine = lower->builder.machine;
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        if (machine->criteria[i].reads_probes) {
            return true;
        }
    }
    return false;
}

/* From the start to the stages. */
static void before_stages(struct rbk_lower *lower, struct rbk_context *context, struct lock *locks,
                          uint32_t lock_count)
{
    (void)plain(lower, context, RBK_PHASE_PLAN, RBK_STATE_START, "plan.start", RBK_REF_NEXT);
    gates(lower, context, RBK_STATEMENT_REQUIRE);
    gates(lower, context, RBK_STATEMENT_ATTEST);
    context->phase = RBK_PHASE_PLAN;
    for (uint32_t i = 0; i < lock_count; i++) {
        acquire(lower, context, &locks[i]);
    }
    if (lower->builder.machine->baseline_count > 0) {
        own_effect(lower, context, RBK_EFFECT_BASELINE, "plan.baseline", "measure the baselines",
                   0);
    }
    if (lower->program->triggers.count > 0 || criteria_read(lower)) {
        own_effect(lower, context, RBK_EFFECT_ARM, "plan.arm", "read every trigger once",
                   ARM_TIMEOUT_MS);
    }
}

void rbk_lower_plan(struct rbk_lower *lower)
{
    struct rbk_machine *machine = lower->builder.machine;
    const struct rbk_statements *lock_statements = &lower->program->head[RBK_STATEMENT_LOCK];
    uint32_t lock_count = lock_statements->count;
    struct lock *locks = rbk_new_array(lower->builder.arena, struct lock, lock_count + 1);
    uint32_t held = rbk_builder_label(&lower->builder);
    uint32_t cancelling = rbk_builder_label(&lower->builder);
    struct rbk_context context = {
        .region = 0,
        .block = RBK_NONE,
        .failed = held,
        .name = RBK_STR("plan"),
        .label = RBK_STR("plan"),
    };
    for (uint32_t i = 0; i < lock_count; i++) {
        locks[i].statement = lock_statements->items[i];
    }
    before_stages(lower, &context, locks, lock_count);
    machine->stages_state =
        plain(lower, &context, RBK_PHASE_PLAN, RBK_STATE_STAGES, "plan.stages", RBK_REF_NEXT);
    if (machine->observe != RBK_NONE) {
        (void)plain(lower, &context, RBK_PHASE_PLAN, RBK_STATE_OBSERVE, "plan.observe",
                    RBK_REF_NEXT);
    }
    if (machine->grace != RBK_NONE) {
        (void)plain(lower, &context, RBK_PHASE_PLAN, RBK_STATE_GRACE, "plan.grace", RBK_REF_NEXT);
    }
    if (machine->retire_region != RBK_NONE) {
        (void)plain(lower, &context, RBK_PHASE_PLAN, RBK_STATE_RETIRING, "plan.retiring",
                    RBK_REF_NEXT);
    }
    releases(lower, &context, locks, lock_count, "completed");
    (void)plain(lower, &context, RBK_PHASE_REST, RBK_STATE_COMPLETED, "plan.completed", RBK_NONE);
    machine->aborting_state =
        plain(lower, &context, RBK_PHASE_PLAN, RBK_STATE_ABORTING, "plan.aborting", RBK_REF_NEXT);
    releases(lower, &context, locks, lock_count, "aborted");
    (void)plain(lower, &context, RBK_PHASE_REST, RBK_STATE_ABORTED, "plan.aborted", RBK_NONE);
    rbk_builder_set(&lower->builder, cancelling, 0);
    releases(lower, &context, locks, lock_count, "cancelled");
    (void)plain(lower, &context, RBK_PHASE_REST, RBK_STATE_CANCELLED, "plan.cancelled", RBK_NONE);
    rbk_builder_set(&lower->builder, held, 0);
    (void)plain(lower, &context, RBK_PHASE_REST, RBK_STATE_HELD, "plan.held", RBK_NONE);
    machine->cancelling_state = cancelling;
    machine->regions[0].held = held;
}
