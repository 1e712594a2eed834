/*
 * Channels, and what is sent over them by itself: hooks and reports.
 *
 * A channel is a row of effects that the outbox carries out for each message. Its type's body is
 * written out with its parameters bound; a body can only hold effects, since nobody rolls a
 * message back or waits for it.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"

static bool can_stand_in_channel(const struct rbk_tree_statement *statement)
{
    return statement->kind == RBK_STATEMENT_RUN || statement->kind == RBK_STATEMENT_SHELL ||
           statement->kind == RBK_STATEMENT_HTTP || statement->kind == RBK_STATEMENT_SQL ||
           statement->kind == RBK_STATEMENT_REDIS;
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
    const struct rbk_tree_block *block = call->ref->statement->block;
    for (const struct rbk_tree_statement *s = block->first; s != NULL; s = s->next) {
        if (!can_stand_in_channel(s)) {
            rbk_lower_refuse(lower, s->head, "`%s` in a channel",
                             rbk_statement_words((enum rbk_statement_kind)s->kind));
            continue;
        }
        if (rbk_tree_clause_find(s, RBK_CLAUSE_INTO) != NULL) {
            rbk_lower_refuse(lower, s->head, "`into` in a channel");
        }
        rbk_arena_reset(&lower->scratch);
        struct rbk_effect effect = rbk_lower_step_effect(lower, NULL, s, RBK_STR(""));
        (void)rbk_build_effect(&lower->builder, effect);
        channel.effects.count++;
    }
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
