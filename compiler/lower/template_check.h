/*
 * Checking the templates of a program: what lowering would refuse for the texts of commands,
 * scripts, statements, JSON bodies and SQL files alone.
 *
 * Part of the analysis, so that `rbkc check` says it without building a machine; each text is
 * looked at once, however often its action is written out later.
 */
#ifndef RBK_COMPILER_LOWER_TEMPLATE_CHECK_H
#define RBK_COMPILER_LOWER_TEMPLATE_CHECK_H

struct rbk_arena;
struct rbk_compile;
struct rbk_tree_statement;

/**
 * Look at every text of the program outside of the plan's stages; all of it is resolved.
 * Diagnostics: RBK130, RBK140 (files).
 * @scratch For one text at a time: reset after each.
 */
void rbk_templates_check(struct rbk_compile *compile, struct rbk_arena *scratch);

/** The same for one STAGE or RETIRE. */
void rbk_templates_check_stage(struct rbk_compile *compile, struct rbk_arena *scratch,
                               struct rbk_tree_statement *stage);

#endif
