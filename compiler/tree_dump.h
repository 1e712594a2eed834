/*
 * The tree as text, for `rbkc check --dump=tree` and tests: one line for each statement and block,
 * everything that was parsed and nothing about where it stood.
 */
#ifndef RBK_COMPILER_TREE_DUMP_H
#define RBK_COMPILER_TREE_DUMP_H

#include "compiler/tree.h"

struct rbk_buffer;

/** Append the file's statements. What does not fit the buffer is missing: look at its error. */
void rbk_tree_dump(const struct rbk_tree_file *file, struct rbk_buffer *buffer);

#endif
