/*
 * Stages, backups and actions: finding their parts, and resolving a stage in the order of its life.
 * Whatever the order in which its parts are written, a stage's rollbacks and triggers see what its
 * prepare, apply and verify set; whether it is set by then is a rule's question (RBK121).
 */
#include "compiler/analysis.h"
#include "runtime/core/base/arena.h"

/* ---- parts ----------------------------------------------------------------------------------- */

/* Keep a part that may be given once. */
static void keep_once(struct rbk_analysis *analysis, struct rbk_tree_statement **ret_part,
                      struct rbk_tree_statement *statement)
{
    if (!*ret_part) {
        *ret_part = statement;
        return;
    }
    if (analysis->broken && statement->block) {
        return; /* The block around it may have lost its head, as `rollback within 1m {`. */
    }
    struct rbk_str words =
        rbk_str_from(rbk_statement_words((enum rbk_statement_kind)statement->kind));
    rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 100,
                                              rbk_analysis_place(analysis, statement->head),
                                              "`%.*s` is given twice", RBK_STR_ARG(words)),
                         rbk_analysis_place(analysis, (*ret_part)->head), "first given here");
}

static void sort_stage(struct rbk_analysis *analysis, struct rbk_tree_statement *statement,
                       uint32_t index)
{
    struct rbk_arena *arena = &analysis->compile->arena;
    struct rbk_program_stage *stage = rbk_new(arena, struct rbk_program_stage);
    stage->statement = statement;
    stage->index = index;
    statement->annotation = stage;
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        switch ((enum rbk_statement_kind)at->kind) {
        case RBK_STATEMENT_KIND:
            keep_once(analysis, &stage->kind, at);
            break;
        case RBK_STATEMENT_RISK:
            keep_once(analysis, &stage->risk, at);
            break;
        case RBK_STATEMENT_DATA:
            keep_once(analysis, &stage->data, at);
            break;
        case RBK_STATEMENT_NOT_BEFORE:
            keep_once(analysis, &stage->not_before, at);
            break;
        case RBK_STATEMENT_WINDOW:
            keep_once(analysis, &stage->window, at);
            break;
        case RBK_STATEMENT_ATTEMPTS:
            keep_once(analysis, &stage->attempts, at);
            break;
        case RBK_STATEMENT_UNWATCHED:
            keep_once(analysis, &stage->unwatched, at);
            break;
        case RBK_STATEMENT_PREPARE:
            keep_once(analysis, &stage->prepare, at);
            break;
        case RBK_STATEMENT_APPLY:
            keep_once(analysis, &stage->apply, at);
            break;
        case RBK_STATEMENT_VERIFY:
            keep_once(analysis, &stage->verify, at);
            break;
        case RBK_STATEMENT_AFTER:
            rbk_statements_add(arena, &stage->afters, at);
            break;
        case RBK_STATEMENT_REQUIRE:
        case RBK_STATEMENT_ATTEST:
        case RBK_STATEMENT_APPROVE:
            rbk_statements_add(arena, &stage->gates, at);
            break;
        case RBK_STATEMENT_ROLLBACK:
            rbk_statements_add(arena, &stage->rollbacks, at);
            break;
        case RBK_STATEMENT_TRIGGER:
            rbk_statements_add(arena, &stage->triggers, at);
            rbk_statements_add(arena, &analysis->compile->program.triggers, at);
            break;
        case RBK_STATEMENT_ALLOW:
            rbk_statements_add(arena, &stage->allows, at);
            break;
        default:
            break; /* Reported by the placement check. */
        }
    }
}

static void sort_backup(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    struct rbk_arena *arena = &analysis->compile->arena;
    struct rbk_program_backup *backup = rbk_new(arena, struct rbk_program_backup);
    statement->annotation = backup;
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        switch ((enum rbk_statement_kind)at->kind) {
        case RBK_STATEMENT_LET:
            rbk_statements_add(arena, &backup->lets, at);
            break;
        case RBK_STATEMENT_BACKUP_TAKE:
            keep_once(analysis, &backup->take, at);
            break;
        case RBK_STATEMENT_VERIFY:
            keep_once(analysis, &backup->verify, at);
            break;
        case RBK_STATEMENT_BACKUP_RESTORE:
            keep_once(analysis, &backup->restore, at);
            break;
        default:
            break;
        }
    }
}

static void sort_action(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    struct rbk_program_action *action =
        rbk_new(&analysis->compile->arena, struct rbk_program_action);
    statement->annotation = action;
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        if (at->kind == RBK_STATEMENT_UNDO_BLOCK) {
            keep_once(analysis, &action->undo, at);
        }
    }
}

void rbk_sort_parts(struct rbk_analysis *analysis)
{
    struct rbk_program *program = &analysis->compile->program;
    for (uint32_t i = 0; i < program->file_count; i++) {
        analysis->file = program->files[i];
        const struct rbk_statements *actions = &program->files[i]->actions;
        for (uint32_t j = 0; j < actions->count; j++) {
            sort_action(analysis, actions->items[j]);
        }
    }
    analysis->file = program->files[0];
    const struct rbk_statements *head = program->head;
    for (uint32_t i = 0; i < head[RBK_STATEMENT_TRIGGER].count; i++) {
        rbk_statements_add(&analysis->compile->arena, &program->triggers,
                           head[RBK_STATEMENT_TRIGGER].items[i]);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_STAGE].count; i++) {
        sort_stage(analysis, head[RBK_STATEMENT_STAGE].items[i], i);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_RETIRE].count; i++) {
        sort_stage(analysis, head[RBK_STATEMENT_RETIRE].items[i], 0);
    }
    for (uint32_t i = 0; i < head[RBK_STATEMENT_BACKUP].count; i++) {
        sort_backup(analysis, head[RBK_STATEMENT_BACKUP].items[i]);
    }
}

/* ---- resolving ------------------------------------------------------------------------------- */

/* Resolve a part in the stage's own scope. */
static void resolve_open(struct rbk_analysis *analysis, struct rbk_tree_statement *part)
{
    if (!part) {
        return;
    }
    rbk_resolve_clauses(analysis, part);
    rbk_resolve_block(analysis, part->block, true);
}

/* Whether a part of a stage was resolved in the order of life already. */
static bool is_section(const struct rbk_program_stage *stage,
                       const struct rbk_tree_statement *statement)
{
    return statement == stage->prepare || statement == stage->apply || statement == stage->verify;
}

static void declare_strategy(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    if (!statement->name) {
        return;
    }
    statement->declaration =
        rbk_declare(analysis, RBK_DECLARATION_STRATEGY, statement->name, statement);
    rbk_scope_push(analysis, statement->declaration);
}

void rbk_resolve_stage(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    uint32_t mark = analysis->scope.count;
    analysis->slots.count = 0;
    analysis->root = statement;
    rbk_resolve_expr(analysis, statement->text);
    rbk_resolve_clauses(analysis, statement);
    for (uint32_t i = 0; i < stage->gates.count; i++) {
        rbk_resolve_statement(analysis, stage->gates.items[i]);
    }
    resolve_open(analysis, stage->prepare);
    resolve_open(analysis, stage->apply);
    resolve_open(analysis, stage->verify);

    /* Slots of inner blocks come back into sight: the rollback is told that they may be unset,
     * which is a better answer than that they are unknown. */
    uint32_t slots = analysis->slots.count;
    for (uint32_t i = 0; i < slots; i++) {
        struct rbk_declaration *slot = analysis->slots.items[i];
        if (!rbk_scope_find(slot->name, RBK_SPACE_VALUE)) {
            rbk_scope_push_again(analysis, slot);
        }
    }
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        if (at->kind == RBK_STATEMENT_REQUIRE || at->kind == RBK_STATEMENT_ATTEST ||
            at->kind == RBK_STATEMENT_APPROVE || is_section(stage, at)) {
            continue;
        }
        if (at->kind == RBK_STATEMENT_ROLLBACK) {
            declare_strategy(analysis, at);
        }
        rbk_resolve_statement(analysis, at);
    }
    rbk_scope_pop(analysis, mark);
}
