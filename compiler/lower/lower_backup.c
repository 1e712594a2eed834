/*
 * Backups: `take` writes out the backup's own values, how it is taken and how it is verified;
 * `restore` writes out how it is restored, with the values of the last `take`.
 */
#include "compiler/lower/lowering.h"

static void part(struct rbk_lower *lower, const struct rbk_context *context,
                 const struct rbk_tree_statement *statement, enum rbk_phase phase,
                 struct rbk_str name, const char *word)
{
    if (statement == NULL) {
        return;
    }
    struct rbk_context inner = *context;
    inner.phase = phase;
    inner.name = rbk_arena_printf(lower->builder.arena, "%.*s.%s", RBK_STR_ARG(name), word);
    rbk_lower_within(lower, &inner, statement, RBK_CLAUSE_WITHIN);
    rbk_lower_block(lower, &inner, statement->block);
}

void rbk_lower_take(struct rbk_lower *lower, const struct rbk_context *context,
                    const struct rbk_tree_statement *statement, struct rbk_str name)
{
    const struct rbk_declaration *backup = statement->name->ref;
    const struct rbk_program_backup *parts = rbk_program_backup_of(backup->statement);
    const struct rbk_source *source = lower->source;
    struct rbk_context inner = *context;
    struct rbk_inherited inherited;
    uint32_t end;
    rbk_lower_composite(lower, &inner, statement, &inherited, &end);
    inner.label = backup->name->text;
    inner.undoable = false;
    lower->source = backup->file->source;
    for (uint32_t i = 0; i < parts->lets.count; i++) {
        const struct rbk_tree_statement *let = parts->lets.items[i];
        struct rbk_str let_name =
            rbk_arena_printf(lower->builder.arena, "%.*s.let.%.*s", RBK_STR_ARG(name),
                             RBK_STR_ARG(let->name->name->text));
        struct rbk_effect effect = rbk_lower_step_effect(lower, &inner, let, let_name);
        const struct rbk_binding *taken = rbk_lower_binding(lower, let->declaration);
        if (taken != NULL) {
            effect.into = taken->slot; /* taken again: the same slots hold the newer values */
        } else {
            rbk_lower_effect_into(lower, &inner, let, &effect);
        }
        (void)rbk_lower_effect_state(lower, &inner, let_name, effect);
    }
    part(lower, &inner, parts->take, context->phase, name, "take");
    part(lower, &inner, parts->verify, context->phase, name, "verify");
    lower->source = source;
    rbk_lower_composite_end(lower, context, end);
}

void rbk_lower_restore(struct rbk_lower *lower, const struct rbk_context *context,
                       const struct rbk_tree_statement *statement, struct rbk_str name)
{
    const struct rbk_declaration *backup = statement->name->ref;
    const struct rbk_program_backup *parts = rbk_program_backup_of(backup->statement);
    const struct rbk_source *source = lower->source;
    struct rbk_context inner = *context;
    struct rbk_inherited inherited;
    uint32_t end;
    rbk_lower_composite(lower, &inner, statement, &inherited, &end);
    inner.label = backup->name->text;
    inner.undoable = false;
    lower->source = backup->file->source;
    part(lower, &inner, parts->restore, context->phase, name, "restore");
    lower->source = source;
    rbk_lower_composite_end(lower, context, end);
}
