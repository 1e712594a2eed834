/*
 * Channels, and what is sent over them by itself: hooks and reports.
 *
 * A channel is a row of effects that the outbox carries out for each message. Its type's body is
 * written out with its parameters bound; a body can only hold effects, since nobody rolls a
 * message back or waits for it, and `if` around them: each effect has the conditions of all of
 * these, joined to one. What an effect binds `into kept` stays with the channel.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"

/* An `if` around an effect. */
struct guard {
    const struct guard *outer;
    const struct rbk_tree_expr *condition;
    bool otherwise; /* in its `else` */
};

static bool can_stand_in_channel(const struct rbk_tree_statement *statement)
{
    return statement->kind == RBK_STATEMENT_RUN || statement->kind == RBK_STATEMENT_SHELL ||
           statement->kind == RBK_STATEMENT_HTTP || statement->kind == RBK_STATEMENT_SQL ||
           statement->kind == RBK_STATEMENT_REDIS;
}

/* All guards hold; one that is missing counts as false, so that its `else` is taken. */
static uint32_t guards_hold(struct rbk_lower *lower, const struct guard *guard)
{
    struct rbk_builder *builder = &lower->builder;
    struct rbk_expr_open open;
    struct rbk_str text = rbk_lower_expr_text(lower, guard->condition);
    struct rbk_span span = guard->condition->span;
    rbk_lower_open(lower, &open);
    for (uint32_t count = 0; guard != NULL; guard = guard->outer, count++) {
        rbk_lower_emit(lower, guard->condition);
        rbk_builder_push_code(builder, RBK_OP_CONST,
                              rbk_builder_constant(builder, rbk_value_bool(false)));
        rbk_builder_push_code(builder, RBK_OP_COALESCE, 0);
        if (guard->otherwise) {
            rbk_builder_push_code(builder, RBK_OP_NOT, 0);
        }
        if (count > 0) {
            rbk_builder_push_code(builder, RBK_OP_AND, 0);
        }
    }
    if (lower->saw_secret) {
        lower->saw_secret = false;
        rbk_lower_report_secret(lower, span);
    }
    return rbk_lower_close(lower, &open, RBK_TYPE_BOOL, text);
}

static void lower_body(struct rbk_lower *lower, struct rbk_channel *channel,
                       const struct rbk_tree_block *block, const struct guard *guard);

static void lower_if(struct rbk_lower *lower, struct rbk_channel *channel,
                     const struct rbk_tree_statement *statement, const struct guard *outer)
{
    struct guard guard = {outer, statement->value, false};
    lower_body(lower, channel, statement->block, &guard);
    guard.otherwise = true;
    if (statement->else_block != NULL) {
        lower_body(lower, channel, statement->else_block, &guard);
    }
}

/* The effects of a body, one behind the other in the table. */
static void lower_body(struct rbk_lower *lower, struct rbk_channel *channel,
                       const struct rbk_tree_block *block, const struct guard *guard)
{
    for (const struct rbk_tree_statement *s = block->first; s != NULL && !lower->stopped;
         s = s->next) {
        if (s->kind == RBK_STATEMENT_IF) {
            lower_if(lower, channel, s, guard);
            continue;
        }
        if (!can_stand_in_channel(s)) {
            rbk_lower_refuse(lower, s->head, "`%s` in a channel",
                             rbk_statement_words((enum rbk_statement_kind)s->kind));
            continue;
        }
        rbk_arena_reset(&lower->scratch);
        struct rbk_effect effect = rbk_lower_step_effect(lower, NULL, s, RBK_STR(""));
        if (guard != NULL) {
            effect.condition = guards_hold(lower, guard);
        }
        if (rbk_tree_clause_find(s, RBK_CLAUSE_INTO) != NULL) {
            struct rbk_slot slot = {.name = rbk_arena_printf(lower->builder.arena, "%.*s.kept",
                                                             RBK_STR_ARG(channel->name)),
                                    .type = RBK_TYPE_SCALAR};
            effect.into = rbk_build_slot(&lower->builder, slot);
        }
        (void)rbk_build_effect(&lower->builder, effect);
        channel->effects.count++;
    }
}

static void lower_channel(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_expr *call = statement->value;
    struct rbk_channel channel = {
        .name = statement->name->name->text,
        .effects = {lower->builder.machine->effect_count, 0},
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    if (call->kind != RBK_EXPR_CALL || call->ref == NULL ||
        call->ref->kind != RBK_DECLARATION_CHANNEL_TYPE) {
        rbk_lower_refuse(lower, call->span, "a channel of this type");
        return;
    }
    const struct rbk_source *caller = lower->source;
    struct rbk_reading_mode mode = lower->mode;
    lower->mode.refused = true;
    lower->source = call->ref->file->source;
    (void)rbk_lower_enter(lower, lower->source);
    rbk_lower_bind_arguments(lower, NULL, RBK_STR(""), call, caller);
    lower_body(lower, &channel, call->ref->statement->block, NULL);
    rbk_lower_leave(lower, false);
    lower->source = caller;
    lower->mode = mode;
    statement->declaration->index = rbk_build_channel(&lower->builder, channel);
}

void rbk_lower_channels(struct rbk_lower *lower)
{
    const struct rbk_statements *channels = &lower->program->head[RBK_STATEMENT_CHANNEL];
    for (uint32_t i = 0; i < channels->count; i++) {
        lower_channel(lower, channels->items[i]);
    }
}

/* ---- hooks and reports ----------------------------------------------------------------------- */

static uint32_t message(struct rbk_lower *lower, const struct rbk_tree_name *channel,
                        const struct rbk_tree_expr *text, struct rbk_span span)
{
    struct rbk_message row = {
        .channel = channel->ref->index,
        .text = rbk_lower_text(lower, text),
        .place = rbk_lower_machine_place(lower, span),
    };
    return rbk_build_message(&lower->builder, row);
}

static const char *const hook_words[RBK_HOOK_KIND_COUNT] = {
#define X(constant, spelling) [RBK_HOOK_##constant] = (spelling),
    RBK_HOOK_KINDS(X)
#undef X
};

/* The messages of one `on`. @return how many. */
static uint32_t hook_messages(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    uint32_t count = 0;
    for (const struct rbk_tree_statement *s = statement->block->first; s != NULL; s = s->next) {
        if (s->kind != RBK_STATEMENT_NOTIFY) {
            rbk_lower_refuse(lower, s->head, "`%s` in `on %.*s`",
                             rbk_statement_words((enum rbk_statement_kind)s->kind),
                             RBK_STR_ARG(statement->name->name->text));
            continue;
        }
        (void)message(lower, s->name, s->value, s->head);
        count++;
    }
    return count;
}

/* One row for each event, however often the plan speaks of it. */
static void lower_hooks(struct rbk_lower *lower, const struct rbk_statements *hooks)
{
    for (uint32_t kind = 0; kind < RBK_HOOK_KIND_COUNT; kind++) {
        struct rbk_hook hook = {
            .kind = (enum rbk_hook_kind)kind,
            .messages = {lower->builder.machine->message_count, 0},
        };
        for (uint32_t i = 0; i < hooks->count; i++) {
            if (rbk_str_is(hooks->items[i]->name->name->text, hook_words[kind])) {
                hook.messages.count += hook_messages(lower, hooks->items[i]);
            }
        }
        if (hook.messages.count > 0) {
            (void)rbk_build_hook(&lower->builder, hook);
        }
    }
}

/* `on` an event that no run has. */
static void refuse_hook(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    struct rbk_str word = statement->name->name->text;
    for (uint32_t kind = 0; kind < RBK_HOOK_KIND_COUNT; kind++) {
        if (rbk_str_is(word, hook_words[kind])) {
            return;
        }
    }
    rbk_lower_refuse(lower, statement->head, "`on %.*s`", RBK_STR_ARG(word));
}

void rbk_lower_messages(struct rbk_lower *lower)
{
    const struct rbk_statements *hooks = &lower->program->head[RBK_STATEMENT_ON];
    const struct rbk_statements *reports = &lower->program->head[RBK_STATEMENT_REPORT];
    struct rbk_reading_mode mode = lower->mode;
    lower->mode.refused = true;
    lower->mode.windows = true;
    for (uint32_t i = 0; i < hooks->count; i++) {
        refuse_hook(lower, hooks->items[i]);
    }
    lower_hooks(lower, hooks);
    for (uint32_t i = 0; i < reports->count; i++) {
        const struct rbk_tree_statement *report = reports->items[i];
        struct rbk_report row = {
            .message = message(lower, report->name, report->text, report->head),
            .every = rbk_lower_expr(lower, report->value),
        };
        (void)rbk_build_report(&lower->builder, row);
    }
    lower->mode = mode;
}
