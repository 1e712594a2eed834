/*
 * `rbkc check --fix`: make the changes that findings say are certain.
 *
 * Only the plan's own file is changed, never a module it uses. Changes are made in rounds, since
 * one can bring out or settle another finding, and each round's text is compiled before it counts:
 * a round that leaves more errors than it found is undone.
 */
#ifndef RBK_COMPILER_FIX_H
#define RBK_COMPILER_FIX_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

#include <stdint.h>

struct rbk_arena;
struct rbk_error;

/** What fixing a plan comes to. */
struct rbk_fixed {
    struct rbk_str before; /**< The file as it is. */
    struct rbk_str after;  /**< The same as `before` when there is nothing to fix. */
    uint32_t count;        /**< Changes made. */
};

/**
 * Work out what a plan looks like with all certain fixes made. Writes nothing.
 * @arena     Owns both texts.
 * @path      Of the plan; NUL-terminated.
 * @ret_fixed Set on success.
 * @return 0, or what rbk_compile_load() returns when the plan cannot be read.
 */
RBK_MUST_USE int rbk_fix_plan(struct rbk_arena *arena, const char *path,
                              struct rbk_fixed *ret_fixed, struct rbk_error *reterr);

#endif
