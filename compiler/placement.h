/*
 * What placement.c and placement_reaction.c share: which reactions mean something where.
 */
#ifndef RBK_COMPILER_PLACEMENT_H
#define RBK_COMPILER_PLACEMENT_H

#include "compiler/analysis.h"

/** Where a reaction stands. */
enum rbk_reacts_in {
    RBK_REACTS_IN_TRIGGER,       /**< A trigger of the plan. */
    RBK_REACTS_IN_STAGE_TRIGGER, /**< A trigger written in a stage: `rollback` means that stage. */
    RBK_REACTS_IN_SEVERITY,      /**< A severity: what its triggers could say. */
    RBK_REACTS_IN_GATE,          /**< A question at the head or before an apply. */
    RBK_REACTS_IN_RETIRE,        /**< A question of `retire`: `keep` gives it up. */
    RBK_REACTS_IN_STEP,          /**< A question among the steps. */
    RBK_REACTS_IN_DOUBT,         /**< A question about a step in doubt. */
    RBK_REACTS_IN_HELD,          /**< `held at most`. */
};

/** Check the reactions among a statement's clauses (RBK100). */
void rbk_placement_check_clauses(struct rbk_analysis *analysis,
                                 const struct rbk_tree_statement *statement,
                                 enum rbk_reacts_in where);

/** Check a trigger: that it reacts, and that its reactions fit; @in_stage: it stands in a stage. */
void rbk_placement_check_trigger(struct rbk_analysis *analysis,
                                 const struct rbk_tree_statement *trigger, bool in_stage);

/** Check that a probe says how often it is read, unless it is pushed. */
void rbk_placement_check_probe(struct rbk_analysis *analysis,
                               const struct rbk_tree_statement *probe);

#endif
