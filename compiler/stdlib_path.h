/*
 * Where the standard library is, for compiler and runtime alike.
 */
#ifndef RBK_COMPILER_STDLIB_PATH_H
#define RBK_COMPILER_STDLIB_PATH_H

#include "runtime/core/base/str.h"

struct rbk_arena;

/**
 * The directory that holds the standard modules, `http.rbk` and so on; NUL-terminated, in the
 * arena. The first of: $RBK_STDLIB when it is set and not empty; ../share/rbk/stdlib beside the
 * running program (an installation in any place, and the build tree); the directory of the
 * installation that this program was built for. Whether the modules are there is found out by
 * opening them.
 */
struct rbk_str rbk_stdlib_directory(struct rbk_arena *arena);

#endif
