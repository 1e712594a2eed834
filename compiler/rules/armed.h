/*
 * When triggers are armed, as far as the plan's text tells. The runtime's own answer is
 * rbk_trigger_armed() in runtime/core/state_query.c; what is said here holds in each state that it
 * speaks of, and is "no" where it depends on how stages that run together happen to lie.
 */
#ifndef RBK_COMPILER_RULES_ARMED_H
#define RBK_COMPILER_RULES_ARMED_H

#include "compiler/rules/rules.h"

#include <stdbool.h>

/** Whether a trigger is armed from the start of a stage's `apply` until it stands applied. */
bool rbk_armed_under_way(struct rbk_rules *rules, const struct rbk_tree_statement *trigger,
                         const struct rbk_tree_statement *stage);

/** Whether a trigger is armed from when a stage stands applied to the end of `grace`, whatever
 * later stages wait for. */
bool rbk_armed_applied(struct rbk_rules *rules, const struct rbk_tree_statement *trigger,
                       const struct rbk_tree_statement *stage);

/** The stage that a trigger is written in, or NULL. */
const struct rbk_tree_statement *rbk_armed_owner(const struct rbk_tree_statement *trigger);

#endif
