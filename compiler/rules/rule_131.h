/*
 * What the two files of RBK131 share: rule_131.c finds conditions, rule_131_explain.c says why they
 * are what they are. Private to them.
 */
#ifndef RBK_COMPILER_RULES_RULE_131_H
#define RBK_COMPILER_RULES_RULE_131_H

#include "compiler/rules/condition.h"

/** Where a report is made. */
struct rbk_condition_report {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage; /**< NULL outside of stages. */
    struct rbk_condition *condition;
};

/** Label what decides a condition that cannot come out both ways. */
void rbk_condition_explain(const struct rbk_condition_report *report,
                           struct rbk_diagnostic *diagnostic, const struct rbk_tree_expr *culprit);

#endif
