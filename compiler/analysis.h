/*
 * What the passes of the analysis share: resolver, typer and placement check. Private to them and
 * to the rules.
 *
 * One struct rbk_analysis serves a compilation. The resolver keeps the scope: a stack of
 * declarations, each of which is the innermost one of its name (rbk_name.bound) until it is popped.
 * Names of different spaces live side by side on that chain, so that a stage and a connection may
 * share a name; looking one up walks the few declarations of that spelling.
 *
 * A plan's stages are most of it, and the tree of a long plan is larger than the cache: it is
 * walked once. So each pass has a function for everything outside the stages, and one for a single
 * stage; compile.c takes all passes over a stage before the next stage.
 */
#ifndef RBK_COMPILER_ANALYSIS_H
#define RBK_COMPILER_ANALYSIS_H

#include "compiler/compile.h"
#include "compiler/diagnostic.h"
#include "compiler/program.h"
#include "compiler/tree.h"
#include "runtime/core/base/map.h"

#include <stdbool.h>
#include <stdint.h>

/** Which declarations can be confused with one another. */
enum rbk_name_space {
    RBK_SPACE_VALUE,    /**< Params, secrets, connections, probes, slots, parameters, modules. */
    RBK_SPACE_CALLABLE, /**< Actions, readings, channel types. */
    RBK_SPACE_CHANNEL,
    RBK_SPACE_ROLE,
    RBK_SPACE_SEVERITY,
    RBK_SPACE_TRIGGER,
    RBK_SPACE_SIGNAL,
    RBK_SPACE_BACKUP,
    RBK_SPACE_LOCK,
    RBK_SPACE_STAGE,
    RBK_SPACE_STRATEGY,
    RBK_SPACE_NONE, /**< Of plans and built-ins: never looked up by scope. */
};

/** A growing list of declarations. */
struct rbk_declarations {
    struct rbk_declaration **items;
    uint32_t count;
    uint32_t capacity;
};

/** A call from one ACTION, READING or CHANNEL_TYPE to another. */
struct rbk_call_edge {
    struct rbk_declaration *from;
    struct rbk_declaration *to;
    struct rbk_place place; /**< Of the name called. */
};

/** The state of the analysis. */
struct rbk_analysis {
    struct rbk_compile *compile;
    const struct rbk_program_file *file; /**< Being analysed. */
    struct rbk_declarations scope;       /**< What can be seen, outermost first. */
    struct rbk_declarations all;         /**< Declarations made, for the unused ones. */
    struct rbk_declarations slots;       /**< LET and INTO of the stage, action or backup under way,
                                              also those that went out of scope again. */
    struct rbk_map zones;                /**< Time zones looked up so far: enum rbk_zone_found. */
    struct rbk_map unknown;              /**< Names reported as unknown in this file: said once. */
    struct rbk_tree_statement *root; /**< STAGE, ACTION … whose slots are in `slots`, or NULL. */
    struct rbk_declaration *caller;  /**< ACTION, READING, CHANNEL_TYPE under way, or NULL. */
    struct rbk_call_edge *edges;     /**< Calls between declared callables of the same file. */
    uint32_t edge_count;
    uint32_t edge_capacity;
    const struct rbk_declaration
        *param;         /**< PARAM whose default or `where` is resolved, or NULL. */
    bool in_where;      /**< It is the `where`, which may name the param itself. */
    bool in_channel;    /**< Inside a channel type's block: `message` and the like are in scope. */
    bool calls_unsound; /**< Calls go in circles or too deep. */
    bool broken; /**< Some file has syntax errors: what is absent may stand in the broken part. */
};

/** "a" or "an", as stands before a word. */
const char *rbk_article(const char *word);

/** "a stage", "an action" … */
#define RBK_A(WORD) rbk_article(WORD), (WORD)

/** A bit of a statement's annotation_flags: something about it was reported that makes rules about
 *  its meaning pointless. */
#define RBK_STATEMENT_REPORTED 0x8000u

/** The space of a kind of declaration. */
enum rbk_name_space rbk_space_of(enum rbk_declaration_kind kind);

/** A place in the file being analysed. */
static inline struct rbk_place rbk_analysis_place(const struct rbk_analysis *analysis,
                                                  struct rbk_span span)
{
    return rbk_place_make(analysis->file->tree->source, span);
}

/** Where a declaration stands; no place for built-ins. */
struct rbk_place rbk_declaration_place(const struct rbk_declaration *declaration);

/** Add to a list. */
void rbk_declarations_add(struct rbk_arena *arena, struct rbk_declarations *list,
                          struct rbk_declaration *declaration);

/* ---- scope.c --------------------------------------------------------------------------------- */

/** Make a declaration that stands in the file being analysed; not yet in scope. */
struct rbk_declaration *rbk_declare(struct rbk_analysis *analysis, enum rbk_declaration_kind kind,
                                    const struct rbk_tree_name *name,
                                    struct rbk_tree_statement *statement);

/** Bring a declaration into scope. Reports RBK140 when its space has one of that name in scope
 * already. */
void rbk_scope_push(struct rbk_analysis *analysis, struct rbk_declaration *declaration);

/** The same without the check, for slots that come into scope a second time. */
void rbk_scope_push_again(struct rbk_analysis *analysis, struct rbk_declaration *declaration);

/** Take everything out of scope that was pushed after there were @count declarations. */
void rbk_scope_pop(struct rbk_analysis *analysis, uint32_t count);

/** The innermost declaration of a name in a space, or NULL. */
struct rbk_declaration *rbk_scope_find(const struct rbk_name *name, enum rbk_name_space space);

/** Resolve a use: sets name->ref and counts it. Reports an unknown name (RBK140). */
struct rbk_declaration *rbk_scope_use(struct rbk_analysis *analysis, struct rbk_tree_name *name,
                                      enum rbk_name_space space);

/** The same for a value of which only one kind fits; @what is its name in messages ("connection").
 */
struct rbk_declaration *rbk_scope_use_as(struct rbk_analysis *analysis, struct rbk_tree_name *name,
                                         const char *what);

/**
 * Report RBK140 for a name that is not in scope: what it is instead, where it is out of reach, or
 * which one is near. Says nothing the second time, and nothing at all about a broken file.
 * @what What the name should have been, in a word; NULL for what the space holds.
 */
void rbk_scope_report_unknown(struct rbk_analysis *analysis, const struct rbk_tree_name *name,
                              enum rbk_name_space space, const char *what);

/** Forget those made since there were @count declarations that something refers to: when a stage is
 * done, nothing outside it can refer to what it declares. */
void rbk_scope_forget_used(struct rbk_analysis *analysis, uint32_t count);

/** Report declarations that nothing refers to (RBK140, warnings), unless there are errors. */
void rbk_scope_report_unused(struct rbk_analysis *analysis);

/* ---- resolve_expr.c -------------------------------------------------------------------------- */

/** Resolve every name in an expression; NULL is fine. Calls of actions and channel types are
 * refused. */
void rbk_resolve_expr(struct rbk_analysis *analysis, struct rbk_tree_expr *expr);

/** Resolve a call that must be of @kind: an ACTION (`do`), a CHANNEL_TYPE (`channel x = …`) or CORE
 * (`connection`). */
void rbk_resolve_call_of(struct rbk_analysis *analysis, struct rbk_tree_expr *expr,
                         enum rbk_declaration_kind kind);

/** Give each argument of a call the number of its parameter; reports unknown, doubled and missing
 * ones. */
void rbk_resolve_arguments(struct rbk_analysis *analysis, struct rbk_tree_expr *call,
                           const struct rbk_declaration *callee);

/* ---- resolve.c, resolve_step.c ----------------------------------------------------------------*/

/** Resolve all names of all files outside the plan's stages. What the plan's head declares stays in
 * scope for rbk_resolve_stage(). */
void rbk_resolve(struct rbk_analysis *analysis);

/** Resolve what a statement says, its block and what it declares included. */
void rbk_resolve_statement(struct rbk_analysis *analysis, struct rbk_tree_statement *statement);

/** Resolve a block in a scope of its own, or (@open) leaving its declarations in scope. */
void rbk_resolve_block(struct rbk_analysis *analysis, const struct rbk_tree_block *block,
                       bool open);

/** Resolve the names in a statement's clauses, reactions included. */
void rbk_resolve_clauses(struct rbk_analysis *analysis, struct rbk_tree_statement *statement);

/* ---- resolve_stage.c, resolve_graph.c ---------------------------------------------------------*/

/** Find the parts of every stage, backup and action and leave them on their statements. */
void rbk_sort_parts(struct rbk_analysis *analysis);

/** Resolve a STAGE or RETIRE in the order of its life. */
void rbk_resolve_stage(struct rbk_analysis *analysis, struct rbk_tree_statement *statement);

/** Report cycles between callables (RBK141), and chains of calls that are too long (RBK170). */
void rbk_resolve_calls(struct rbk_analysis *analysis);

/** Report cycles in `after` (RBK141) and too many stages (RBK170), once all stages are resolved. */
void rbk_resolve_order(struct rbk_analysis *analysis);

/* ---- placement.c ----------------------------------------------------------------------------- */

/** Report statements outside the plan's stages that cannot stand where they stand (RBK100). */
void rbk_placement_check(struct rbk_analysis *analysis);

/** The same in a STAGE or RETIRE. */
void rbk_placement_check_stage(struct rbk_analysis *analysis,
                               const struct rbk_tree_statement *statement);

/* ---- types*.c -------------------------------------------------------------------------------- */

/** Compute and check the types of everything outside the plan's stages (RBK130). */
void rbk_types(struct rbk_analysis *analysis);

/** The same in a STAGE or RETIRE, which is resolved. */
void rbk_types_stage(struct rbk_analysis *analysis, struct rbk_tree_statement *statement);

#endif
