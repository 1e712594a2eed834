/*
 * Checking the templates of a program: what lowering would refuse for the texts of commands,
 * scripts, statements, JSON bodies and SQL files alone.
 *
 * Part of the analysis, so that `rbkc check` says it without building a machine; each text is
 * looked at once, however often its action is written out later.
 */
#ifndef RBK_COMPILER_LOWER_TEMPLATE_CHECK_H
#define RBK_COMPILER_LOWER_TEMPLATE_CHECK_H

struct rbk_compile;

/** Look at every text of the program, which is resolved. Diagnostics: RBK130, RBK140 (files). */
void rbk_templates_check(struct rbk_compile *compile);

#endif
