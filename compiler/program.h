/*
 * The program: a plan and every module it uses, loaded, and put in an order that later phases need.
 *
 * What the phases leave on the tree (everything below is set when rbk_compile_analyse() returns 0;
 * after errors any of it may be NULL or RBK_TYPE_UNKNOWN):
 *
 *   Names (struct rbk_tree_name.ref). Each name that is *used* points at its declaration:
 * connection of SQL, REDIS and `using` (CONNECTION, or PARAMETER of a connection type); channel of
 * NOTIFY, REPORT and reactions (CHANNEL); roles of questions, reactions and escalation steps
 * (ROLE); stages of AFTER, `since`, `except during` (STAGE); backup of TAKE, RESTORE, `data {
 * backup }` (BACKUP); probe of BASELINE (PROBE); severity of TRIGGER (SEVERITY).
 *
 *   Declarations. Statements that declare have statement->declaration: ACTION READING CHANNEL_TYPE
 *   PARAM SECRET CONNECTION CHANNEL PROBE ROLE SEVERITY TRIGGER ABORT_ON_SIGNAL(SIGNAL) BACKUP LOCK
 *   STAGE ROLLBACK(STRATEGY, when named) LET FOREACH, and PLAN. `use` has its MODULE. A parameter
 * has parameter->declaration. A clause `into x` has clause->name->ref, of kind INTO. Slots are the
 * LET and INTO declarations; the variable of `foreach` is a FOREACH declaration. A slot inside an
 * action, a channel or a backup stands for one slot per instance.
 *
 *   Expressions (struct rbk_tree_expr.ref).
 *     NAME    PARAM SECRET PROBE CONNECTION LET INTO FOREACH PARAMETER, or CORE (a variable of the
 * run) MEMBER  CORE for `run.id` and the like. As the left of a CALL: the same as the CALL's ref.
 *     CALL    CORE, or READING, ACTION (only under DO), CHANNEL_TYPE (only under the head's
 * CHANNEL). The `left` NAME of `module.member` has the MODULE as its ref.
 *
 *   Arguments. argument->index is the number of its parameter, counted from 0, for built-ins and
 * for declared ones alike; a repeated or `labels` parameter gives its number to each of its
 * arguments. rbk_call_value() gives the expression for a parameter, the default included.
 *
 *   Types. expr->typing is set on every expression below a statement (a FILE is text, a CALL of an
 * ACTION or CHANNEL_TYPE stays UNKNOWN); conversions where it is used are in rbk_expr_read_as()
 * (typing.h). declaration->typing is set for PARAM PARAMETER SECRET PROBE LET INTO FOREACH READING
 * CONNECTION. type->typing is set on written types.
 *
 *   Stages. The annotation of a STAGE or RETIRE statement is its struct rbk_program_stage, that of
 * a BACKUP its struct rbk_program_backup, that of an ACTION its struct rbk_program_action.
 *
 * annotation_index of statements and expressions, declaration->index, and clause->annotation_flags
 * are never touched by analysis and are lowering's.
 */
#ifndef RBK_COMPILER_PROGRAM_H
#define RBK_COMPILER_PROGRAM_H

#include "compiler/builtins.h"
#include "compiler/tree.h"
#include "compiler/typing.h"
#include "runtime/core/base/map.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_arena;
struct rbk_compile;
struct rbk_error;

/** Statements in source order; grows in the compilation's arena. */
struct rbk_statements {
    struct rbk_tree_statement **items; /**< count of them. */
    uint32_t count;
    uint32_t capacity;
};

/** One loaded file. */
struct rbk_program_file {
    struct rbk_tree_file *tree;
    struct rbk_str module;  /**< "std.kubernetes"; empty for the plan's own file. */
    bool is_std;            /**< Came from the standard library: its warnings are not the user's. */
    uint8_t state;          /**< Private to program.c: being loaded, or loaded. */
    uint32_t order;         /**< Position in program->order, plus 1. */
    uint32_t index;         /**< Position in program->files; tree->source->id is the same. */
    struct rbk_map members; /**< Name -> struct rbk_declaration: ACTION READING CHANNEL_TYPE. */
    struct rbk_statements uses;     /**< USE statements. */
    struct rbk_statements actions;  /**< ACTION. */
    struct rbk_statements readings; /**< READING. */
    struct rbk_statements channels; /**< CHANNEL_TYPE. */
};

/** The parts of a stage or of `retire`, found once. Absent parts are NULL or empty. */
struct rbk_program_stage {
    struct rbk_tree_statement *statement; /**< STAGE or RETIRE. */
    uint32_t index;                       /**< Among the stages, from 0; stages only. */
    struct rbk_tree_statement *kind, *risk, *data, *not_before, *window, *attempts, *unwatched;
    struct rbk_tree_statement *prepare, *apply, *verify;
    struct rbk_statements afters;    /**< AFTER; none: after the stage written before this one. */
    struct rbk_statements gates;     /**< REQUIRE, ATTEST, APPROVE in source order. */
    struct rbk_statements rollbacks; /**< ROLLBACK: the strategies in order. */
    struct rbk_statements triggers;  /**< TRIGGER. */
    struct rbk_statements allows;    /**< ALLOW. */
};

/** The parts of a backup. */
struct rbk_program_backup {
    struct rbk_statements lets; /**< LET: evaluated when the backup is taken, in order. */
    struct rbk_tree_statement *take, *verify, *restore;
    struct rbk_statements takes; /**< TAKE steps in the stages, in source order; found by RBK121. */
};

/** The parts of an action. */
struct rbk_program_action {
    struct rbk_tree_statement *undo;      /**< UNDO_BLOCK at the end of its block, or NULL. */
    bool has_effect;                      /**< It, or an action it calls, changes something. */
    bool bounded;                         /**< Each of its effects has a `timeout`. */
    bool undo_bounded;                    /**< The same of its inverse. */
    struct rbk_tree_statement *unbounded; /**< The first effect without one, for messages. */
};

/** A plan with its modules. */
struct rbk_program {
    struct rbk_program_file *
        *files; /**< files[0] is the plan's; the others in the order of loading. */
    uint32_t file_count;
    uint32_t file_capacity;
    struct rbk_program_file *
        *order; /**< file_count of them: each module before those that use it. */
    uint32_t order_count;
    struct rbk_map modules; /**< "std.kubernetes" -> struct rbk_program_file. */
    struct rbk_builtins builtins;
    struct rbk_tree_statement *plan; /**< The PLAN statement, or NULL when there is none. */
    struct rbk_statements
        head[RBK_STATEMENT_KINDS];  /**< What stands directly in the plan, by kind:
                                         head[RBK_STATEMENT_STAGE] are the stages. */
    struct rbk_statements triggers; /**< All triggers: the plan's, then each stage's own. */
};

/** Append; the array doubles in the arena. */
void rbk_statements_add(struct rbk_arena *arena, struct rbk_statements *statements,
                        struct rbk_tree_statement *statement);

/** The first, or NULL. */
static inline struct rbk_tree_statement *rbk_statements_first(const struct rbk_statements *list)
{
    return list->count ? list->items[0] : NULL;
}

/** The first statement of a kind at the plan's head, or NULL. */
static inline struct rbk_tree_statement *rbk_program_head(const struct rbk_program *program,
                                                          enum rbk_statement_kind kind)
{
    return rbk_statements_first(&program->head[kind]);
}

/** The parts of a STAGE or RETIRE. */
static inline struct rbk_program_stage *rbk_program_stage_of(
    const struct rbk_tree_statement *statement)
{
    return (struct rbk_program_stage *)statement->annotation;
}

/** The parts of a BACKUP. */
static inline struct rbk_program_backup *rbk_program_backup_of(
    const struct rbk_tree_statement *statement)
{
    return (struct rbk_program_backup *)statement->annotation;
}

/** The parts of an ACTION. */
static inline struct rbk_program_action *rbk_program_action_of(
    const struct rbk_tree_statement *statement)
{
    return (struct rbk_program_action *)statement->annotation;
}

/**
 * The expression given for parameter number @index of a resolved CALL: the argument, else the
 * default of a declared parameter, else NULL (an optional parameter of a built-in). For a repeated
 * or labels parameter this is its first argument; the others follow in call->arguments with the
 * same index.
 */
struct rbk_tree_expr *rbk_call_value(const struct rbk_tree_expr *call, uint32_t index);

/** What a call of a declared ACTION, READING or CHANNEL_TYPE takes; NULL for built-ins. */
struct rbk_tree_parameter *rbk_call_parameters(const struct rbk_tree_expr *call);

/** Whether an HTTP statement only reads (GET or HEAD). */
bool rbk_statement_is_http_read(const struct rbk_tree_statement *statement);

/** Whether a step changes something outside: RUN SHELL SQL REDIS HTTP (not GET) DO MANUAL RESTORE
 * TAKE UNDO. */
bool rbk_statement_is_effect(const struct rbk_tree_statement *statement);

/**
 * The expressions directly inside one, in the order they are written; those of a call are in its
 * arguments, and are not among them.
 * @inner  The one before; NULL: the first is wanted.
 * @return NULL: there are no more.
 */
const struct rbk_tree_expr *rbk_expr_inside(const struct rbk_tree_expr *expr,
                                            const struct rbk_tree_expr *inner);

/**
 * The statement after @statement in a walk over everything inside @root, outer before inner, in
 * source order, else-blocks after blocks; NULL at the end. Start with @root itself. Needs no stack.
 */
struct rbk_tree_statement *rbk_statement_next(const struct rbk_tree_statement *root,
                                              struct rbk_tree_statement *statement);

/** The first statement at a plan's head that is neither STAGE nor RETIRE, or NULL. */
struct rbk_tree_statement *rbk_head_first(const struct rbk_tree_statement *plan);

/** The next one after @statement, or NULL. */
struct rbk_tree_statement *rbk_head_next(const struct rbk_tree_statement *statement);

/** The first STAGE or RETIRE of a plan in source order, or NULL. */
struct rbk_tree_statement *rbk_stage_first(const struct rbk_tree_statement *plan);

/** The next one after @statement, or NULL. */
struct rbk_tree_statement *rbk_stage_next(const struct rbk_tree_statement *statement);

/**
 * Load the plan's source and every module it uses, parse them, find the plan statement and sort its
 * head. Called by rbk_compile_load(). Diagnostics: RBK140 (no such module), RBK141 (modules that
 * use each other), RBK170 (too many, too deep), RBK100 (no plan, two plans).
 */
void rbk_program_load(struct rbk_compile *compile, struct rbk_source *source);

#endif
