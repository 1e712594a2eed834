/*
 * RBK128: signs of a shell in a command that runs without one. `run "a && b"` gives the word `&&`
 * to `a`, silently; whoever wrote it meant something else.
 */
#ifndef RBK_COMPILER_LOWER_SHELL_SIGNS_H
#define RBK_COMPILER_LOWER_SHELL_SIGNS_H

#include "compiler/diagnostic.h"
#include "compiler/source.h"
#include "compiler/tree.h"

/**
 * Warn of the first sign in a command that is cut into words. What stands between single quotes or
 * behind a backslash is meant as it is, and so is what is handed to another shell (`sh -c`, `ssh`).
 * @command A STRING of @source.
 */
void rbk_shell_signs_check(struct rbk_diagnostics *diagnostics, const struct rbk_source *source,
                           const struct rbk_tree_expr *command);

#endif
