/*
 * RBK121: a value used on the way back is there whenever that way back can begin.
 *
 * A rollback can begin as soon as the apply has: what `prepare` sets on its way through is there,
 * what `apply` and `verify` set may not be, and what stands in an `if` or `foreach` may not be
 * either. The inverse of an action runs once the action's first effect was dispatched: what is set
 * before that effect is there. What a rollback sets itself is there for what follows. A value
 * before `??` may be missing.
 */
#include "compiler/analysis.h"
#include "compiler/rules/facts.h"

/* What one walk over a way back knows. */
struct way_back {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage;     /* Or NULL: the inverse of an action. */
    const struct rbk_tree_statement *rollback; /* ROLLBACK or UNDO_BLOCK. */
    const struct rbk_tree_statement
        *effect; /* The action's first effect, at the top of its block. */
};

/* The statement directly in @owner's block that @statement stands in, and whether every way there
 * is taken for certain. */
static const struct rbk_tree_statement *outermost(const struct rbk_tree_statement *owner,
                                                  const struct rbk_tree_statement *statement,
                                                  bool *ret_certain)
{
    *ret_certain = !rbk_tree_clause_find(statement, RBK_CLAUSE_OPTIONAL);
    while (statement->parent && statement->parent != owner) {
        statement = statement->parent;
        if (statement->kind == RBK_STATEMENT_IF || statement->kind == RBK_STATEMENT_FOREACH) {
            *ret_certain = false;
        }
    }
    return statement;
}

static struct rbk_diagnostic *report(const struct way_back *way, const struct rbk_tree_expr *name)
{
    return rbk_rule_report(way->rules, way->stage, name->span,
                           "`%.*s` may not be set when this %s starts",
                           RBK_STR_ARG(name->name->name->text), way->stage ? "rollback" : "undo");
}

/* A slot of a stage, used in one of its rollbacks. */
static void check_in_rollback(const struct way_back *way, const struct rbk_tree_expr *name)
{
    const struct rbk_declaration *slot = name->ref;
    bool certain;
    const struct rbk_tree_statement *part =
        outermost(way->stage->statement, slot->statement, &certain);
    if (part == way->rollback || (part->kind == RBK_STATEMENT_PREPARE && certain)) {
        return;
    }
    struct rbk_diagnostic *diagnostic = report(way, name);
    rbk_diagnostic_label(diagnostic, rbk_declaration_place(slot), "%s",
                         certain ? "set here, after the rollback can be called for"
                                 : "set here, if this is reached at all");
    if (part->kind == RBK_STATEMENT_PREPARE) {
        rbk_diagnostic_help(diagnostic,
                            "Set it on every way through `prepare`, or give a value for "
                            "the case that it is missing (`… ?? 0`).");
    } else if (slot->kind == RBK_DECLARATION_LET) {
        rbk_diagnostic_help(diagnostic,
                            "Move the `let` into `prepare`, give a value for the case that it is "
                            "missing (`… ?? 0`), or read it again in the rollback.");
    } else {
        rbk_diagnostic_help(diagnostic,
                            "Give a value for the case that it is missing (`… ?? \"\"`), "
                            "or read it again in the rollback.");
    }
}

/* A slot of an action, used in its inverse. */
static void check_in_inverse(const struct way_back *way, const struct rbk_tree_expr *name)
{
    const struct rbk_declaration *slot = name->ref;
    bool certain;
    const struct rbk_tree_statement *part =
        outermost(way->rollback->parent, slot->statement, &certain);
    if (part == way->rollback) {
        return;
    }
    bool before = !way->effect || part->span.start < way->effect->span.start;
    if (before && certain) {
        return;
    }
    struct rbk_diagnostic *diagnostic = report(way, name);
    rbk_diagnostic_label(diagnostic, rbk_declaration_place(slot), "set here");
    if (!before && part != way->effect) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(way->rules, way->effect->head),
                             "the undo runs as soon as this was begun");
    }
    rbk_diagnostic_help(diagnostic, "Set it before the first effect of the action, or give a value "
                                    "for the case that it is missing (`… ?? 0`).");
}

static void check_name(void *context, const struct rbk_tree_expr *name, bool guarded)
{
    const struct way_back *way = context;
    const struct rbk_declaration *ref = name->ref;
    if (guarded || !ref ||
        (ref->kind != RBK_DECLARATION_LET && ref->kind != RBK_DECLARATION_INTO)) {
        return;
    }
    if (way->stage) {
        check_in_rollback(way, name);
    } else {
        check_in_inverse(way, name);
    }
}

/* ---- backups --------------------------------------------------------------------------------- */

/* Note every `take` in a stage with its backup. */
static void find_takes(const struct rbk_rules *rules, struct rbk_tree_statement *stage)
{
    for (struct rbk_tree_statement *at = stage; at; at = rbk_statement_next(stage, at)) {
        if (at->kind == RBK_STATEMENT_TAKE && at->name->ref) {
            rbk_statements_add(&rules->compile->arena,
                               &rbk_program_backup_of(at->name->ref->statement)->takes, at);
        }
    }
}

/* The stage that a step stands in. */
static const struct rbk_tree_statement *stage_around(const struct rbk_tree_statement *statement)
{
    while (statement->kind != RBK_STATEMENT_STAGE) {
        statement = statement->parent;
    }
    return statement;
}

/* Whether a backup has been taken for certain when the apply of the way's stage starts: in its own
 * prepare, or in a stage written before it. Stages are seen in source order: those takes are known.
 */
static bool is_taken(const struct way_back *way, const struct rbk_declaration *backup,
                     const struct rbk_tree_statement **ret_late)
{
    const struct rbk_tree_statement *own = way->stage->statement;
    const struct rbk_statements *takes = &rbk_program_backup_of(backup->statement)->takes;
    for (uint32_t i = 0; i < takes->count; i++) {
        const struct rbk_tree_statement *take = takes->items[i];
        bool certain;
        const struct rbk_tree_statement *stage = stage_around(take);
        const struct rbk_tree_statement *part = outermost(stage, take, &certain);
        if (certain && (stage != own || part->kind == RBK_STATEMENT_PREPARE)) {
            return true;
        }
        *ret_late = take;
    }
    return false;
}

static void check_restore(const struct way_back *way, const struct rbk_tree_statement *restore)
{
    const struct rbk_declaration *backup = restore->name->ref;
    const struct rbk_tree_statement *late = NULL;
    if (!backup || is_taken(way, backup, &late)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(way->rules, way->stage, restore->head,
                        "backup `%.*s` may not have been taken when this rollback starts",
                        RBK_STR_ARG(backup->name->text));
    if (late) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(way->rules, late->head),
                             "taken here, if this is reached");
    }
    rbk_diagnostic_help(diagnostic, "Add `take %.*s` to the `prepare` of the stage.",
                        RBK_STR_ARG(backup->name->text));
}

/* ---- the rule -------------------------------------------------------------------------------- */

static void check_way(struct way_back *way, struct rbk_tree_statement *rollback)
{
    way->rollback = rollback;
    for (struct rbk_tree_statement *at = rollback; at; at = rbk_statement_next(rollback, at)) {
        rbk_fact_each_name_of(at, check_name, way);
        if (at->kind == RBK_STATEMENT_RESTORE && way->stage) {
            check_restore(way, at);
        }
    }
}

/* The statement at the top of an action's block that has, or is, its first effect; or NULL. */
static const struct rbk_tree_statement *first_effect(const struct rbk_tree_statement *action)
{
    for (const struct rbk_tree_statement *at = action->block->first; at; at = at->next) {
        if (at->kind != RBK_STATEMENT_UNDO_BLOCK &&
            (rbk_fact_changes(at) || rbk_fact_first_change(at))) {
            return at;
        }
    }
    return NULL;
}

void rbk_rule_121_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    if (statement->kind != RBK_STATEMENT_STAGE) {
        return;
    }
    struct way_back way = {.rules = rules, .stage = rbk_program_stage_of(statement)};
    find_takes(rules, statement);
    for (uint32_t i = 0; i < way.stage->rollbacks.count; i++) {
        check_way(&way, way.stage->rollbacks.items[i]);
    }
}

void rbk_rule_121(struct rbk_rules *rules)
{
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        rules->source = file->tree->source;
        for (uint32_t j = 0; j < file->actions.count; j++) {
            const struct rbk_tree_statement *action = file->actions.items[j];
            struct rbk_tree_statement *undo = rbk_program_action_of(action)->undo;
            struct way_back way = {.rules = rules, .effect = first_effect(action)};
            if (undo) {
                check_way(&way, undo);
            }
        }
    }
}
