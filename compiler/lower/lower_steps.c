/*
 * Blocks of steps: each statement becomes the states that carry it out, one after the other.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"

void rbk_lower_within(struct rbk_lower *lower, struct rbk_context *context,
                      const struct rbk_tree_statement *statement, enum rbk_clause_kind clause_kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, clause_kind);
    if (clause == NULL) {
        return;
    }
    struct rbk_block block = {
        .region = context->region,
        .parent = context->block,
        .within_ms = rbk_clause_duration_ms(clause),
        .expired = context->failed,
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    if (context->block != RBK_NONE) {
        block.depth = lower->builder.machine->blocks[context->block].depth + 1;
    }
    if (block.depth >= RBK_BLOCK_DEPTH_MAX) {
        rbk_lower_stop(lower, clause->span, "more than four time limits inside another");
        return;
    }
    RBK_ASSERT(context->failed != RBK_REF_NEXT);
    context->block = rbk_build_block(&lower->builder, block);
}

/* `verify` inside a block: "….verify", and "….verify_2" for another one. */
static void verify(struct rbk_lower *lower, const struct rbk_context *context,
                   const struct rbk_tree_statement *statement, uint32_t number)
{
    struct rbk_context inner = *context;
    uint32_t earlier = 0;
    const struct rbk_tree_block *block =
        statement->parent != NULL ? statement->parent->block : NULL;
    const struct rbk_tree_statement *other = block != NULL ? block->first : statement;
    for (; other != NULL && other != statement; other = other->next) {
        earlier += other->kind == RBK_STATEMENT_VERIFY ? 1 : 0;
    }
    (void)number;
    inner.phase = context->verify_phase;
    inner.name = earlier == 0 ? rbk_arena_printf(lower->builder.arena, "%.*s.verify",
                                                 RBK_STR_ARG(context->name))
                              : rbk_arena_printf(lower->builder.arena, "%.*s.verify_%u",
                                                 RBK_STR_ARG(context->name), earlier + 1);
    rbk_lower_within(lower, &inner, statement, RBK_CLAUSE_WITHIN);
    rbk_lower_block(lower, &inner, statement->block);
}

static void effect_step(struct rbk_lower *lower, const struct rbk_context *context,
                        const struct rbk_tree_statement *statement, struct rbk_str name)
{
    struct rbk_effect effect = rbk_lower_step_effect(lower, context, statement, name);
    rbk_lower_effect_into(lower, context, statement, &effect);
    (void)rbk_lower_effect_state(lower, context, name, effect);
}

void rbk_lower_step(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, uint32_t number)
{
    rbk_lower_check_size(lower, statement->head);
    if (lower->stopped) {
        return;
    }
    if (statement->kind == RBK_STATEMENT_VERIFY) {
        verify(lower, context, statement, number);
        return;
    }
    struct rbk_str name =
        rbk_arena_printf(lower->builder.arena, "%.*s.%u", RBK_STR_ARG(context->name), number);
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_DO:
        rbk_lower_do(lower, context, statement, name);
        break;
    case RBK_STATEMENT_UNDO:
        rbk_lower_undo(lower, context, statement, name);
        break;
    case RBK_STATEMENT_TAKE:
        rbk_lower_take(lower, context, statement, name);
        break;
    case RBK_STATEMENT_RESTORE:
        rbk_lower_restore(lower, context, statement, name);
        break;
    case RBK_STATEMENT_FOREACH:
        rbk_lower_foreach(lower, context, statement, name);
        break;
    case RBK_STATEMENT_PARALLEL:
        rbk_lower_parallel(lower, context, statement, name);
        break;
    case RBK_STATEMENT_IF:
        rbk_lower_if(lower, context, statement, name);
        break;
    default:
        if (rbk_lower_is_effect(statement)) {
            rbk_arena_reset(&lower->scratch);
            effect_step(lower, context, statement, name);
        } else {
            rbk_lower_refuse(lower, statement->head, "`%s` as a step",
                             rbk_statement_words((enum rbk_statement_kind)statement->kind));
        }
        break;
    }
}

void rbk_lower_block(struct rbk_lower *lower, const struct rbk_context *context,
                     const struct rbk_tree_block *block)
{
    uint32_t number = 0;
    for (const struct rbk_tree_statement *s = block->first; s != NULL; s = s->next) {
        if (s->kind != RBK_STATEMENT_UNDO_BLOCK) {
            rbk_lower_step(lower, context, s, ++number);
        }
    }
}
