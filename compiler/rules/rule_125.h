/*
 * What the two files of RBK125 share: rule_125.c looks at what can run, rule_125_loss.c at what is
 * lost. Private to them.
 */
#ifndef RBK_COMPILER_RULES_RULE_125_H
#define RBK_COMPILER_RULES_RULE_125_H

#include "compiler/rules/sql_text.h"
#include "compiler/sql_statement.h"

/** An SQL step under way. */
struct rbk_sql_step {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage; /**< NULL outside of stages. */
    const struct rbk_tree_statement *statement;
    struct rbk_sql_text text;
    bool autocommit;
    struct rbk_str opened; /**< With autocommit: the BEGIN that is open; no bytes when none is. */
};

/** Where a report about a piece of the step's SQL lies in a file, label it there. @return
 * diagnostic. */
struct rbk_diagnostic *rbk_sql_step_locate(const struct rbk_sql_step *step,
                                           struct rbk_diagnostic *diagnostic, struct rbk_str mark);

/** Whether what a step of this stage destroys is to be told: where it stands in `apply` or
 * `verify`, and the stage does not say itself that it cannot be undone. */
bool rbk_sql_is_watched(const struct rbk_program_stage *stage, const struct rbk_tree_statement *at);

/** Remember what a statement makes, for those that come after it. */
void rbk_sql_remember(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement);

/** Whether a statement destroys something that was there before the plan. */
bool rbk_sql_loses(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement);

/** Warn of that. */
void rbk_sql_warn_loss(const struct rbk_sql_step *step, const struct rbk_sql_statement *statement);

/** Warn of a `do` in a stage whose action destroys something. */
void rbk_sql_check_do(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                      const struct rbk_tree_statement *statement);

#endif
