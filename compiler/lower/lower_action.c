/*
 * Actions and their inverses.
 *
 * `do` writes the action's body out, with its parameters bound to the arguments. In an `apply` the
 * instance is remembered with its frame, its inverse and its first effect. `undo` writes the
 * inverses out, last instance first, each behind a guard that skips it when the instance never
 * began.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

#include <string.h>

static void remember(struct rbk_lower *lower, struct rbk_instance instance)
{
    if (lower->instance_count == lower->instance_capacity) {
        uint32_t capacity = lower->instance_capacity == 0 ? 16 : lower->instance_capacity * 2;
        struct rbk_instance *instances =
            rbk_new_array(lower->builder.arena, struct rbk_instance, capacity);
        if (lower->instance_count > 0) {
            memcpy(instances, lower->instances, lower->instance_count * sizeof *instances);
        }
        lower->instances = instances;
        lower->instance_capacity = capacity;
    }
    lower->instances[lower->instance_count++] = instance;
}

/* Whether the effect of a state changes something, rather than only reads. */
static bool is_change(const struct rbk_machine *machine, uint32_t reference)
{
    const struct rbk_machine_state *state = &machine->states[reference];
    if (state->kind != RBK_STATE_EFFECT) {
        return false;
    }
    switch (machine->effects[state->effect].kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
        return true;
    case RBK_EFFECT_QUESTION:
        return machine->questions[machine->effects[state->effect].question].kind ==
               RBK_QUESTION_MANUAL;
    default:
        return false;
    }
}

/* Whether what follows a state is not known beforehand: later effects may come first. */
static bool is_choice(const struct rbk_machine *machine, uint32_t reference)
{
    const struct rbk_machine_state *state = &machine->states[reference];
    return state->kind == RBK_STATE_FORK ||
           (state->kind == RBK_STATE_EFFECT &&
            machine->effects[state->effect].kind == RBK_EFFECT_TEST);
}

static void add_first_effect(struct rbk_lower *lower, uint32_t state)
{
    if (lower->first_effect_count == lower->first_effect_capacity) {
        uint32_t capacity =
            lower->first_effect_capacity == 0 ? 32 : lower->first_effect_capacity * 2;
        uint32_t *grown = rbk_new_array(lower->builder.arena, uint32_t, capacity);
        if (lower->first_effect_count > 0) {
            memcpy(grown, lower->first_effects, lower->first_effect_count * sizeof *grown);
        }
        lower->first_effects = grown;
        lower->first_effect_capacity = capacity;
    }
    lower->first_effects[lower->first_effect_count++] = state;
}

/* The effects that can be the first of an instance: the first of its states that changes something;
 * after an `if` or in a `parallel` each of them. */
static struct rbk_slice first_effects(struct rbk_lower *lower, uint32_t from)
{
    const struct rbk_machine *machine = lower->builder.machine;
    struct rbk_slice effects = {lower->first_effect_count, 0};
    bool choice = false;
    for (uint32_t i = from; i < machine->state_count; i++) {
        choice = choice || is_choice(machine, i);
        if (is_change(machine, i)) {
            add_first_effect(lower, i);
            effects.count++;
            if (!choice) {
                break;
            }
        }
    }
    return effects;
}

void rbk_lower_composite(struct rbk_lower *lower, struct rbk_context *inner,
                         const struct rbk_tree_statement *statement,
                         struct rbk_inherited *inherited, uint32_t *ret_end)
{
    *ret_end = RBK_NONE;
    if (rbk_tree_clause_find(statement, RBK_CLAUSE_OPTIONAL) != NULL) {
        *ret_end = rbk_builder_label(&lower->builder);
        inner->failed = *ret_end;
    }
    rbk_lower_within(lower, inner, statement, RBK_CLAUSE_TIMEOUT);
    *inherited = (struct rbk_inherited){statement, inner->inherited};
    inner->inherited = inherited;
}

void rbk_lower_composite_end(struct rbk_lower *lower, const struct rbk_context *context,
                             uint32_t end)
{
    if (end != RBK_NONE) {
        rbk_builder_set(&lower->builder, end, context->region);
    }
}

void rbk_lower_do(struct rbk_lower *lower, const struct rbk_context *context,
                  const struct rbk_tree_statement *statement, struct rbk_str name)
{
    const struct rbk_tree_expr *call = statement->value;
    const struct rbk_declaration *action = call->ref;
    const struct rbk_source *caller = lower->source;
    const struct rbk_program_action *parts = rbk_program_action_of(action->statement);
    struct rbk_str word = action->name->text;
    struct rbk_context inner = *context;
    struct rbk_inherited inherited;
    uint32_t end;
    bool undoable = context->undoable && parts->undo != NULL;

    if (++lower->written_out > RBK_ACTION_INSTANCES_MAX) {
        rbk_lower_stop(lower, statement->head,
                       "more than 100000 actions once everything is written out");
        return;
    }
    rbk_lower_composite(lower, &inner, statement, &inherited, &end);
    inner.name =
        rbk_arena_printf(lower->builder.arena, "%.*s.%.*s", RBK_STR_ARG(name), RBK_STR_ARG(word));
    inner.label = rbk_arena_printf(lower->builder.arena, "%.*s.%.*s", RBK_STR_ARG(context->label),
                                   RBK_STR_ARG(word));
    inner.undoable =
        context->undoable && parts->undo == NULL; /* its own inverse is the whole one */

    lower->source = action->file->source;
    struct rbk_frame *frame = rbk_lower_enter(lower, lower->source);
    rbk_lower_bind_arguments(lower, &inner, inner.name, call, caller);
    uint32_t first = lower->builder.machine->state_count;
    rbk_lower_block(lower, &inner, action->statement->block);
    if (undoable) {
        struct rbk_instance instance = {
            .undo = parts->undo,
            .frame = frame,
            .effects = first_effects(lower, first),
            .name = word,
        };
        remember(lower, instance);
    }
    rbk_lower_leave(lower, false);
    lower->source = caller;
    rbk_lower_composite_end(lower, context, end);
}

/* Guards in front of an inverse: to `begun` when one of the effects was dispatched, else to
 * `after`. */
static void guards(struct rbk_lower *lower, const struct rbk_context *context,
                   const struct rbk_instance *instance, uint32_t begun, uint32_t after,
                   struct rbk_machine_place place)
{
    for (uint32_t i = 0; i < instance->effects.count; i++) {
        bool last = i + 1 == instance->effects.count;
        struct rbk_str name = i == 0 ? rbk_arena_printf(lower->builder.arena, "%.*s.guard",
                                                        RBK_STR_ARG(context->name))
                                     : rbk_arena_printf(lower->builder.arena, "%.*s.guard_%u",
                                                        RBK_STR_ARG(context->name), i + 1);
        uint32_t guard = rbk_lower_plain_state(lower, context, RBK_STATE_GUARD, name, place);
        struct rbk_machine_state *state = rbk_lower_state(lower, guard);
        state->guard = lower->first_effects[instance->effects.first + i];
        state->next[RBK_OUTCOME_OK] = begun;
        state->next[RBK_OUTCOME_FAIL] = last ? after : RBK_REF_NEXT;
    }
}

static void undo_instance(struct rbk_lower *lower, const struct rbk_context *context,
                          const struct rbk_instance *instance, struct rbk_str name,
                          struct rbk_machine_place place)
{
    struct rbk_frame *outer = lower->frame;
    const struct rbk_source *source = lower->source;
    struct rbk_context inner = *context;
    uint32_t begun = rbk_builder_label(&lower->builder);
    uint32_t after = rbk_builder_label(&lower->builder);
    inner.name = name;
    inner.undoable = false;
    guards(lower, &inner, instance, begun, after, place);
    rbk_builder_set(&lower->builder, begun, context->region);
    rbk_lower_return(lower, instance->frame);
    rbk_lower_block(lower, &inner, instance->undo->block);
    rbk_lower_abandon(lower, instance->frame);
    lower->frame = outer;
    lower->source = source;
    rbk_builder_set(&lower->builder, after, context->region);
}

void rbk_lower_undo(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, struct rbk_str name)
{
    struct rbk_machine_place place = rbk_lower_machine_place(lower, statement->head);
    uint32_t number = 0;
    for (uint32_t i = lower->instance_count; i-- > 0 && !lower->stopped;) {
        const struct rbk_instance *instance = &lower->instances[i];
        if (instance->effects.count == 0) {
            continue; /* it changes nothing, so there is nothing to take back */
        }
        struct rbk_str undo =
            rbk_arena_printf(lower->builder.arena, "%.*s.undo_%u.%.*s", RBK_STR_ARG(name), ++number,
                             RBK_STR_ARG(instance->name));
        undo_instance(lower, context, instance, undo, place);
    }
}
