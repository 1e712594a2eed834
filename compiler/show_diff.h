/*
 * Showing how a text would change, as the program diff tells it.
 */
#ifndef RBK_COMPILER_SHOW_DIFF_H
#define RBK_COMPILER_SHOW_DIFF_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/**
 * Print a unified diff to stdout, by the program `diff` (POSIX); nothing when the texts are equal.
 * @path Names both sides in the diff; NUL-terminated.
 * @return 0, or -1 with errno set (ENOENT: there is no `diff`).
 */
RBK_MUST_USE int rbk_show_diff(const char *path, struct rbk_str before, struct rbk_str after);

#endif
