/*
 * Facts about blocks, actions and expressions that several rules ask for.
 */
#ifndef RBK_COMPILER_RULES_FACTS_H
#define RBK_COMPILER_RULES_FACTS_H

#include "compiler/rules/rules.h"

/** Bits of an ACTION's annotation_flags, set by rbk_facts_find(). */
enum {
    RBK_FACT_KNOWN = 1u << 0,
    RBK_FACT_CHECKS = 1u << 1, /**< It, or an action it calls, checks something. */
};

/** Find out about every action: its has_effect, bounded, undo_bounded, and RBK_FACT_CHECKS. */
void rbk_facts_find(struct rbk_rules *rules);

/** The action a DO calls, or NULL when it could not be resolved. */
const struct rbk_tree_statement *rbk_fact_action(const struct rbk_tree_statement *statement);

/** Whether a step changes something: an effect; of a `do`, whether its action has one. */
bool rbk_fact_changes(const struct rbk_tree_statement *statement);

/** The first step below @root that changes something, or NULL. @root's `verify` parts are left out.
 */
struct rbk_tree_statement *rbk_fact_first_change(const struct rbk_tree_statement *root);

/** Whether a command only pretends: `true`, `:`, `exit 0`. */
bool rbk_fact_is_fake_command(const struct rbk_tree_expr *command);

/** Whether a condition gives the same answer whatever the world is like. */
bool rbk_fact_is_constant(const struct rbk_rules *rules, const struct rbk_tree_expr *expr);

/** Called for a part of the program that is no stage; rules->source is its file's. */
typedef void rbk_fact_part_fn(struct rbk_rules *rules, struct rbk_tree_statement *part);

/** Call @on_part for each statement at the plan's head but the stages, and for each action and
 * channel type of the plan and of modules that are not the standard library's. */
void rbk_fact_each_part(struct rbk_rules *rules, rbk_fact_part_fn *on_part);

/** Called for a name in an expression. @guarded: it stands before `??`, so that it may be missing.
 */
typedef void rbk_fact_name_fn(void *context, const struct rbk_tree_expr *name, bool guarded);

/** Call @on_name for each NAME in an expression; NULL is fine. */
void rbk_fact_each_name(const struct rbk_tree_expr *expr, rbk_fact_name_fn *on_name, void *context);

/** The same for all expressions of a statement, its clauses included, its blocks left out. */
void rbk_fact_each_name_of(const struct rbk_tree_statement *statement, rbk_fact_name_fn *on_name,
                           void *context);

#endif
