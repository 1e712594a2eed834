/*
 * Stages and the retire block: their regions.
 *
 *   waiting -> require -> approve -> prepare -> apply -> verify -> applied
 *                 |          |          |         |        |
 *                 +----------+--> held <+         +--------+--> rollback -> strategies ->
 * rolled_back |  none left
 *                                                                             +-> stuck
 *
 * A failing strategy leads to the first state of the next one. States are made in this order, so
 * that what follows a step when all goes well is mostly the row below it.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/stop_times.h"
#include "runtime/core/way_back.h"

struct rbk_region rbk_lower_region_row(struct rbk_lower *lower, enum rbk_region_kind kind,
                                       struct rbk_span span)
{
    return (struct rbk_region){
        .kind = kind,
        .parent = RBK_NONE,
        .applied = RBK_NONE,
        .rollback = RBK_NONE,
        .rolled_back = RBK_NONE,
        .held = RBK_NONE,
        .stuck = RBK_NONE,
        .apply = RBK_NONE,
        .window = RBK_NONE,
        .attempts = 1,
        .place = rbk_lower_machine_place(lower, span),
    };
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool stage_kind(struct rbk_str word, enum rbk_stage_kind *ret_kind)
{
#define X(constant, spelling)             \
    if (rbk_str_is(word, spelling)) {     \
        *ret_kind = RBK_STAGE_##constant; \
        return true;                      \
    }
    RBK_STAGE_KINDS(X)
#undef X
    return false;
}

static bool risk_of(struct rbk_str word, enum rbk_risk *ret_risk)
{
#define X(constant, spelling)            \
    if (rbk_str_is(word, spelling)) {    \
        *ret_risk = RBK_RISK_##constant; \
        return true;                     \
    }
    RBK_RISKS(X)
#undef X
    return false;
}

/* `created lost, modified irreversible, backup pre_migration` */
static struct rbk_str data_words(struct rbk_lower *lower, const struct rbk_tree_statement *data)
{
    struct rbk_str words = RBK_STR("");
    for (const struct rbk_tree_clause *c = data->clauses; c != NULL; c = c->next) {
        words = rbk_arena_printf(
            lower->builder.arena, "%.*s%s%s %.*s", RBK_STR_ARG(words), words.bytes > 0 ? ", " : "",
            rbk_clause_words((enum rbk_clause_kind)c->kind), RBK_STR_ARG(c->name->name->text));
    }
    return words;
}

/* A retire runs once, right after the grace: what says when, how often or back has no place in it.
 */
static void refuse_in_retire(struct rbk_lower *lower, const struct rbk_program_stage *stage)
{
    const struct rbk_tree_statement *const refused[] = {
        stage->window,
        stage->not_before,
        stage->attempts,
        rbk_statements_first(&stage->afters),
        rbk_statements_first(&stage->rollbacks),
    };
    for (size_t i = 0; i < RBK_COUNT(refused); i++) {
        if (refused[i] != NULL) {
            rbk_lower_refuse(lower, refused[i]->head, "`%s` in `retire`",
                             rbk_statement_words((enum rbk_statement_kind)refused[i]->kind));
        }
    }
}

static struct rbk_region stage_row(struct rbk_lower *lower, enum rbk_region_kind kind,
                                   const struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    struct rbk_region region = rbk_lower_region_row(lower, kind, statement->head);
    region.name = kind == RBK_REGION_RETIRE ? RBK_STR("retire") : statement->name->name->text;
    if (statement->text != NULL) {
        region.title = rbk_lower_literal(lower, statement->text, "a title");
    }
    if (stage->kind != NULL) {
        region.has_kind = stage_kind(stage->kind->name->name->text, &region.stage_kind);
    }
    if (stage->risk != NULL) {
        region.has_risk = risk_of(stage->risk->name->name->text, &region.risk);
    }
    if (stage->data != NULL) {
        region.data = data_words(lower, stage->data);
    }
    if (stage->unwatched != NULL) {
        region.unwatched = rbk_lower_literal(lower, stage->unwatched->text, "a reason");
    }
    if (stage->attempts != NULL) {
        const struct rbk_tree_clause *every =
            rbk_tree_clause_find(stage->attempts, RBK_CLAUSE_EVERY);
        region.attempts = stage->attempts->count > 0 ? (uint32_t)stage->attempts->count : 1;
        region.attempts_every_ms = every != NULL ? rbk_clause_duration_ms(every) : 0;
    }
    if (kind == RBK_REGION_RETIRE) {
        refuse_in_retire(lower, stage);
    }
    region.window = rbk_lower_window(lower, stage->window);
    if (stage->not_before != NULL) {
        rbk_lower_instant(lower, stage->not_before, &region);
    }
    return region;
}

/* `after a, b for 24h`. @return how many rows were added. */
static uint32_t named_predecessors(struct rbk_lower *lower, const struct rbk_tree_statement *after)
{
    const struct rbk_tree_clause *span = rbk_tree_clause_find(after, RBK_CLAUSE_FOR);
    uint32_t count = 0;
    for (const struct rbk_tree_name *name = after->names; name != NULL; name = name->next) {
        struct rbk_predecessor row = {
            .region = name->ref->index,
            .for_ms = span != NULL ? rbk_clause_duration_ms(span) : 0,
        };
        (void)rbk_build_predecessor(&lower->builder, row);
        count++;
    }
    return count;
}

/* The stages a stage comes after: those it names, else the one above it. */
static void predecessors(struct rbk_lower *lower, const struct rbk_tree_statement *statement,
                         uint32_t index)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    struct rbk_slice slice = {lower->builder.machine->predecessor_count, 0};
    if (stage->afters.count == 0) {
        if (index > 0) {
            struct rbk_predecessor above = {.region = lower->first_stage + index - 1};
            (void)rbk_build_predecessor(&lower->builder, above);
            slice.count = 1;
        }
    } else {
        for (uint32_t i = 0; i < stage->afters.count; i++) {
            slice.count += named_predecessors(lower, stage->afters.items[i]);
        }
    }
    lower->builder.machine->regions[lower->first_stage + index].predecessors = slice;
}

void rbk_lower_regions(struct rbk_lower *lower)
{
    const struct rbk_statements *stages = &lower->program->head[RBK_STATEMENT_STAGE];
    const struct rbk_tree_statement *retire =
        rbk_program_head(lower->program, RBK_STATEMENT_RETIRE);
    struct rbk_region plan =
        rbk_lower_region_row(lower, RBK_REGION_PLAN, lower->program->plan->head);
    plan.name = lower->builder.machine->name;
    plan.title = lower->builder.machine->title;
    (void)rbk_build_region(&lower->builder, plan);
    lower->first_stage = lower->builder.machine->region_count;
    if (stages->count > RBK_STAGES_MAX) {
        rbk_lower_stop(lower, stages->items[RBK_STAGES_MAX]->head, "more than 4096 stages");
    }
    for (uint32_t i = 0; i < stages->count; i++) {
        stages->items[i]->declaration->index =
            rbk_build_region(&lower->builder, stage_row(lower, RBK_REGION_STAGE, stages->items[i]));
        rbk_lower_allows(lower, &rbk_program_stage_of(stages->items[i])->allows);
    }
    for (uint32_t i = 0; i < stages->count; i++) {
        predecessors(lower, stages->items[i], i);
    }
    lower->builder.machine->retire_region = RBK_NONE;
    if (retire != NULL) {
        lower->builder.machine->retire_region =
            rbk_build_region(&lower->builder, stage_row(lower, RBK_REGION_RETIRE, retire));
        rbk_lower_allows(lower, &rbk_program_stage_of(retire)->allows);
    }
}

/* ---- states ---------------------------------------------------------------------------------- */

static struct rbk_str dotted(struct rbk_lower *lower, struct rbk_str name, const char *word)
{
    return rbk_arena_printf(lower->builder.arena, "%.*s.%s", RBK_STR_ARG(name), word);
}

/* A state without an effect, `NAME.word`, that leads to `next` (or nowhere). */
static uint32_t plain(struct rbk_lower *lower, const struct rbk_context *context,
                      enum rbk_state_kind kind, const char *word, uint32_t next,
                      const struct rbk_tree_statement *statement)
{
    uint32_t state = rbk_lower_plain_state(lower, context, kind, dotted(lower, context->name, word),
                                           rbk_lower_machine_place(lower, statement->head));
    rbk_lower_state(lower, state)->next[RBK_OUTCOME_OK] = next;
    return state;
}

void rbk_lower_gate(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, uint32_t number)
{
    struct rbk_context gate = *context;
    bool require = statement->kind == RBK_STATEMENT_REQUIRE;
    gate.phase = require ? RBK_PHASE_REQUIRE : RBK_PHASE_APPROVE;
    gate.name = dotted(lower, context->name, require ? "require" : "approve");
    rbk_lower_step(lower, &gate, statement, number);
}

/* The gates before a stage: first what it requires, then whom it asks. */
static void gates(struct rbk_lower *lower, const struct rbk_context *context,
                  const struct rbk_statements *list)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i]->kind == RBK_STATEMENT_REQUIRE) {
            rbk_lower_gate(lower, context, list->items[i], ++number);
        }
    }
    number = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i]->kind != RBK_STATEMENT_REQUIRE) {
            rbk_lower_gate(lower, context, list->items[i], ++number);
        }
    }
}

/* One of `prepare`, `apply`, `verify`; may be absent. */
static void part(struct rbk_lower *lower, const struct rbk_context *context,
                 const struct rbk_tree_statement *statement, enum rbk_phase phase, uint32_t failed)
{
    if (statement == NULL) {
        return;
    }
    struct rbk_context inner = *context;
    inner.phase = phase;
    inner.verify_phase = phase;
    inner.failed = failed;
    inner.undoable = phase == RBK_PHASE_APPLY;
    inner.name =
        dotted(lower, context->name, rbk_statement_words((enum rbk_statement_kind)statement->kind));
    rbk_lower_within(lower, &inner, statement, RBK_CLAUSE_WITHIN);
    rbk_lower_block(lower, &inner, statement->block);
}

/* `rollback NAME when … every … within … { … }` */
static void strategy(struct rbk_lower *lower, const struct rbk_context *context,
                     const struct rbk_tree_statement *statement, uint32_t number, uint32_t first,
                     uint32_t failed)
{
    const struct rbk_tree_clause *when = rbk_tree_clause_find(statement, RBK_CLAUSE_WHEN);
    const struct rbk_tree_clause *every = rbk_tree_clause_find(statement, RBK_CLAUSE_EVERY);
    const struct rbk_tree_clause *within = rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN);
    struct rbk_context inner = *context;
    inner.phase = RBK_PHASE_ROLLBACK;
    inner.verify_phase = RBK_PHASE_ROLLBACK_VERIFY;
    inner.failed = failed;
    struct rbk_strategy row = {
        .first_state = first,
        .when = RBK_NONE,
        .within_ms = within != NULL ? rbk_clause_duration_ms(within) : 0,
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    if (statement->name != NULL) {
        row.name = statement->name->name->text;
        inner.name = rbk_arena_printf(lower->builder.arena, "%.*s.rollback.%.*s",
                                      RBK_STR_ARG(context->name), RBK_STR_ARG(row.name));
    } else if (number == 0) {
        inner.name = dotted(lower, context->name, "rollback");
    } else {
        inner.name = rbk_arena_printf(lower->builder.arena, "%.*s.rollback_%u",
                                      RBK_STR_ARG(context->name), number + 1);
    }
    rbk_lower_within(lower, &inner, statement, RBK_CLAUSE_WITHIN);
    rbk_builder_set(&lower->builder, first, context->region);
    if (when != NULL) {
        struct rbk_effect test = rbk_lower_effect_row(lower, RBK_EFFECT_TEST, when->span);
        struct rbk_str condition = rbk_lower_expr_text(lower, when->value);
        test.text = rbk_arena_printf(lower->builder.arena, "when %.*s", RBK_STR_ARG(condition));
        test.condition = rbk_lower_condition(lower, when->value, 0);
        test.timeout_ms = inner.block == RBK_NONE ? RBK_READING_MS_MAX : 0;
        row.when = test.condition;
        row.when_every_ms = every != NULL ? rbk_clause_duration_ms(every) : RBK_WAY_EVERY_MS;
        (void)rbk_lower_effect_state(lower, &inner, dotted(lower, inner.name, "when"), test);
    }
    rbk_lower_block(lower, &inner, statement->block);
    (void)rbk_build_strategy(&lower->builder, row);
}

/* The strategies, one after the other; `stuck` behind the last. */
static void strategies(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_statements *list, uint32_t rolled_back, uint32_t stuck)
{
    struct rbk_slice slice = {lower->builder.machine->strategy_count, list->count};
    struct rbk_context rest = *context;
    rest.phase = RBK_PHASE_ROLLBACK;
    uint32_t first = rbk_builder_label(&lower->builder);
    for (uint32_t i = 0; i < list->count; i++) {
        bool last = i + 1 == list->count;
        uint32_t next = last ? stuck : rbk_builder_label(&lower->builder);
        strategy(lower, context, list->items[i], i, first, next);
        if (!last) {
            struct rbk_str done = rbk_arena_printf(lower->builder.arena, "%.*s.rollback_done_%u",
                                                   RBK_STR_ARG(context->name), i + 1);
            uint32_t pass =
                rbk_lower_plain_state(lower, &rest, RBK_STATE_PASS, done,
                                      rbk_lower_machine_place(lower, list->items[i]->head));
            rbk_lower_state(lower, pass)->next[RBK_OUTCOME_OK] = rolled_back;
        }
        first = next;
    }
    lower->builder.machine->regions[context->region].strategies = slice;
}

static void lower_stage(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    uint32_t index = statement->declaration->index;
    struct rbk_str name = statement->name->name->text;
    bool reserved = rbk_str_is(name, "plan") || rbk_str_is(name, "retire");
    struct rbk_context context = {
        .region = index,
        .phase = RBK_PHASE_WAITING,
        .block = RBK_NONE,
        /* Names of states stay unique beside those of the plan's own region. */
        .name = reserved ? rbk_arena_printf(lower->builder.arena, "stage.%.*s", RBK_STR_ARG(name))
                         : name,
        .label = name,
    };
    uint32_t held = rbk_builder_label(&lower->builder);
    uint32_t rollback = rbk_builder_label(&lower->builder);
    uint32_t rolled_back = rbk_builder_label(&lower->builder);
    uint32_t stuck = rbk_builder_label(&lower->builder);
    uint32_t apply = rbk_builder_label(&lower->builder);
    lower->instance_count = 0;
    lower->first_effect_count = 0;

    context.failed = held;
    (void)plain(lower, &context, RBK_STATE_WAITING, "waiting", RBK_REF_NEXT, statement);
    gates(lower, &context, &stage->gates);
    part(lower, &context, stage->prepare, RBK_PHASE_PREPARE, held);
    rbk_builder_set(&lower->builder, apply, index);
    part(lower, &context, stage->apply, RBK_PHASE_APPLY, rollback);
    part(lower, &context, stage->verify, RBK_PHASE_VERIFY, rollback);

    context.phase = RBK_PHASE_APPLIED;
    uint32_t applied = plain(lower, &context, RBK_STATE_APPLIED, "applied", RBK_NONE, statement);
    context.phase = RBK_PHASE_ROLLBACK;
    rbk_builder_set(&lower->builder, rollback, index);
    (void)plain(lower, &context, RBK_STATE_ROLLBACK, "rollback", RBK_REF_NEXT, statement);
    strategies(lower, &context, &stage->rollbacks, rolled_back, stuck);
    context.phase = RBK_PHASE_REST;
    rbk_builder_set(&lower->builder, rolled_back, index);
    (void)plain(lower, &context, RBK_STATE_ROLLED_BACK, "rolled_back", RBK_NONE, statement);
    rbk_builder_set(&lower->builder, held, index);
    (void)plain(lower, &context, RBK_STATE_HELD, "held", RBK_NONE, statement);
    rbk_builder_set(&lower->builder, stuck, index);
    (void)plain(lower, &context, RBK_STATE_STUCK, "stuck", RBK_NONE, statement);

    struct rbk_region *region = &lower->builder.machine->regions[index];
    region->applied = applied;
    region->rollback = rollback;
    region->rolled_back = rolled_back;
    region->held = held;
    region->stuck = stuck;
    region->apply = apply;
}

void rbk_lower_stages(struct rbk_lower *lower)
{
    const struct rbk_statements *stages = &lower->program->head[RBK_STATEMENT_STAGE];
    for (uint32_t i = 0; i < stages->count && !lower->stopped; i++) {
        lower_stage(lower, stages->items[i]);
    }
}

/* A gate of `retire … else keep`: no answer, or a no, means that the old system stays. */
static void retire_gates(struct rbk_lower *lower, const struct rbk_context *context,
                         const struct rbk_statements *list, uint32_t keep)
{
    uint32_t first = lower->builder.machine->state_count;
    gates(lower, context, list);
    const struct rbk_machine *machine = lower->builder.machine;
    for (uint32_t i = first; i < machine->state_count; i++) {
        struct rbk_machine_state *state = rbk_lower_state(lower, i);
        if (state->kind != RBK_STATE_EFFECT ||
            machine->effects[state->effect].question == RBK_NONE) {
            continue;
        }
        uint32_t question = machine->effects[state->effect].question;
        uint32_t otherwise = machine->questions[question].otherwise;
        if (machine->reactions[otherwise].kind == RBK_REACTION_KEEP) {
            state->next[RBK_OUTCOME_DENIED] = keep;
            state->next[RBK_OUTCOME_EXPIRED] = keep;
        }
    }
}

void rbk_lower_retire(struct rbk_lower *lower)
{
    const struct rbk_tree_statement *statement =
        rbk_program_head(lower->program, RBK_STATEMENT_RETIRE);
    if (statement == NULL || lower->stopped) {
        return;
    }
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    uint32_t index = lower->builder.machine->retire_region;
    struct rbk_context context = {
        .region = index,
        .phase = RBK_PHASE_APPROVE,
        .block = RBK_NONE,
        .name = RBK_STR("retire"),
        .label = RBK_STR("retire"),
    };
    uint32_t held = rbk_builder_label(&lower->builder);
    uint32_t applied = rbk_builder_label(&lower->builder);
    uint32_t apply = rbk_builder_label(&lower->builder);
    context.failed = held;
    retire_gates(lower, &context, &stage->gates, applied);
    part(lower, &context, stage->prepare, RBK_PHASE_PREPARE, held);
    rbk_builder_set(&lower->builder, apply, index);
    part(lower, &context, stage->apply, RBK_PHASE_APPLY, held);
    part(lower, &context, stage->verify, RBK_PHASE_VERIFY, held);
    context.phase = RBK_PHASE_APPLIED;
    rbk_builder_set(&lower->builder, applied, index);
    (void)plain(lower, &context, RBK_STATE_APPLIED, "applied", RBK_NONE, statement);
    context.phase = RBK_PHASE_REST;
    rbk_builder_set(&lower->builder, held, index);
    (void)plain(lower, &context, RBK_STATE_HELD, "held", RBK_NONE, statement);
    struct rbk_region *region = &lower->builder.machine->regions[index];
    region->applied = applied;
    region->held = held;
    region->apply = apply;
}
