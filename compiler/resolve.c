/*
 * The resolver's frame: what each file declares, then file by file, modules before their users,
 * what everything means. A plan's head is declared as a whole before anything in it is resolved, so
 * the order of its declarations is free. Its stages come last, one by one (analysis.h says why).
 */
#include "compiler/analysis.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

/* ---- what files declare ---------------------------------------------------------------------- */

static void declare_members(struct rbk_analysis *analysis, struct rbk_program_file *file,
                            const struct rbk_statements *statements, enum rbk_declaration_kind kind)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        struct rbk_tree_statement *statement = statements->items[i];
        struct rbk_declaration *declaration =
            rbk_declare(analysis, kind, statement->name, statement);
        statement->declaration = declaration;
        if (!rbk_map_add(&file->members, declaration->name->text, declaration)) {
            continue; /* Reported when both come into scope. */
        }
    }
}

static void declare_file(struct rbk_analysis *analysis, struct rbk_program_file *file)
{
    analysis->file = file;
    declare_members(analysis, file, &file->actions, RBK_DECLARATION_ACTION);
    declare_members(analysis, file, &file->readings, RBK_DECLARATION_READING);
    declare_members(analysis, file, &file->channels, RBK_DECLARATION_CHANNEL_TYPE);
}

static void push_all(struct rbk_analysis *analysis, const struct rbk_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        rbk_scope_push(analysis, statements->items[i]->declaration);
    }
}

/* ---- actions, readings, channel types -------------------------------------------------------- */

static void resolve_parameters(struct rbk_analysis *analysis,
                               const struct rbk_tree_statement *statement)
{
    uint32_t count = 0;
    for (struct rbk_tree_parameter *at = statement->parameters; at; at = at->next) {
        rbk_resolve_expr(analysis, at->value);
        if (++count == RBK_PARAMETERS_MAX + 1) {
            rbk_diagnostic_error(&analysis->compile->diagnostics, 170,
                                 rbk_analysis_place(analysis, at->span), "more than %zu parameters",
                                 RBK_PARAMETERS_MAX);
        }
    }
    for (struct rbk_tree_parameter *at = statement->parameters; at; at = at->next) {
        at->declaration = rbk_declare(analysis, RBK_DECLARATION_PARAMETER, &at->name, NULL);
        at->declaration->parameter = at;
        at->name.ref = at->declaration;
        rbk_scope_push(analysis, at->declaration);
    }
}

static void resolve_callable(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    uint32_t mark = analysis->scope.count;
    analysis->caller = statement->declaration;
    analysis->root = statement;

    analysis->in_channel = statement->kind == RBK_STATEMENT_CHANNEL_TYPE;
    analysis->slots.count = 0;
    resolve_parameters(analysis, statement);
    rbk_resolve_expr(analysis, statement->value);
    if (statement->block) {
        rbk_resolve_block(analysis, statement->block, true);
    }
    analysis->slots.count = 0;
    analysis->in_channel = false;
    analysis->caller = NULL;
    rbk_scope_pop(analysis, mark);
}

static void resolve_callables(struct rbk_analysis *analysis,
                              const struct rbk_statements *statements)
{
    for (uint32_t i = 0; i < statements->count; i++) {
        resolve_callable(analysis, statements->items[i]);
    }
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* What a statement at the head of a plan declares; false when it declares nothing. */
static bool head_kind(const struct rbk_tree_statement *statement,
                      enum rbk_declaration_kind *ret_kind)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_PARAM:
        *ret_kind = RBK_DECLARATION_PARAM;
        return true;
    case RBK_STATEMENT_SECRET:
        *ret_kind = RBK_DECLARATION_SECRET;
        return true;
    case RBK_STATEMENT_CONNECTION:
        *ret_kind = RBK_DECLARATION_CONNECTION;
        return true;
    case RBK_STATEMENT_CHANNEL:
        *ret_kind = RBK_DECLARATION_CHANNEL;
        return true;
    case RBK_STATEMENT_PROBE:
        *ret_kind = RBK_DECLARATION_PROBE;
        return true;
    case RBK_STATEMENT_ROLE:
        *ret_kind = RBK_DECLARATION_ROLE;
        return true;
    case RBK_STATEMENT_SEVERITY:
        *ret_kind = RBK_DECLARATION_SEVERITY;
        return true;
    case RBK_STATEMENT_TRIGGER:
        *ret_kind = RBK_DECLARATION_TRIGGER;
        return true;
    case RBK_STATEMENT_ABORT_ON_SIGNAL:
        *ret_kind = RBK_DECLARATION_SIGNAL;
        return true;
    case RBK_STATEMENT_BACKUP:
        *ret_kind = RBK_DECLARATION_BACKUP;
        return true;
    case RBK_STATEMENT_LOCK:
        *ret_kind = RBK_DECLARATION_LOCK;
        return true;
    case RBK_STATEMENT_STAGE:
        *ret_kind = RBK_DECLARATION_STAGE;
        return true;
    default:
        return false;
    }
}

static void declare_head(struct rbk_analysis *analysis, struct rbk_tree_statement *plan)
{
    for (struct rbk_tree_statement *at = plan->block->first; at; at = at->next) {
        enum rbk_declaration_kind kind;
        if (head_kind(at, &kind)) {
            at->declaration = rbk_declare(analysis, kind, at->name, at);
            rbk_scope_push(analysis, at->declaration);
        }
        if (at->kind != RBK_STATEMENT_STAGE) {
            continue;
        }
        const struct rbk_statements *triggers = &rbk_program_stage_of(at)->triggers;
        for (uint32_t i = 0; i < triggers->count; i++) {
            struct rbk_tree_statement *trigger = triggers->items[i];
            trigger->declaration =
                rbk_declare(analysis, RBK_DECLARATION_TRIGGER, trigger->name, trigger);
            rbk_scope_push(analysis, trigger->declaration);
        }
    }
}

static void resolve_plan(struct rbk_analysis *analysis, struct rbk_tree_statement *plan)
{
    plan->declaration = rbk_declare(analysis, RBK_DECLARATION_PLAN, plan->name, plan);
    declare_head(analysis, plan);
    for (struct rbk_tree_statement *at = rbk_head_first(plan); at; at = rbk_head_next(at)) {
        analysis->slots.count = 0;
        analysis->root = at;
        rbk_resolve_statement(analysis, at);
    }
}

void rbk_resolve(struct rbk_analysis *analysis)
{
    const struct rbk_program *program = &analysis->compile->program;
    for (uint32_t i = 0; i < program->file_count; i++) {
        declare_file(analysis, program->files[i]);
    }
    rbk_sort_parts(analysis);
    for (uint32_t i = 0; i < program->file_count; i++) {
        const struct rbk_program_file *file = program->order[i];
        rbk_scope_pop(analysis, 0);
        analysis->file = file;
        rbk_map_init(&analysis->unknown, &analysis->compile->arena);
        push_all(analysis, &file->uses);
        push_all(analysis, &file->actions);
        push_all(analysis, &file->readings);
        push_all(analysis, &file->channels);
        resolve_callables(analysis, &file->actions);
        resolve_callables(analysis, &file->readings);
        resolve_callables(analysis, &file->channels);
        if (file->index == 0 && program->plan) {
            resolve_plan(analysis, program->plan);
        }
    }
    RBK_DCHECK(analysis->file == program->files[0]);
    rbk_resolve_calls(analysis);
}
