/*
 * The one layout of .rbk text. What the plan says is not touched: the formatted text has the same
 * tokens and the same comments, in the same order, which is checked each time.
 */
#ifndef RBK_COMPILER_FORMAT_H
#define RBK_COMPILER_FORMAT_H

#include "compiler/tree.h"
#include "runtime/core/base/attributes.h"

struct rbk_arena;
struct rbk_buffer;
struct rbk_error;

/** Columns a line is kept within, unless a single word or text is longer. */
#define RBK_FORMAT_COLUMNS 100

/**
 * Lay out a file.
 * @file    Parsed without errors; asserted.
 * @buffer  Gets the whole text; started by the caller.
 * @return  0; -RBK_ELIMIT or -RBK_ENOMEM from the buffer; -RBK_EINVALID when the result would not
 *          say the same as the file, which is a mistake in here: then nothing may be written.
 */
RBK_MUST_USE int rbk_format_file(struct rbk_arena *arena, const struct rbk_tree_file *file,
                                 struct rbk_buffer *buffer, struct rbk_error *reterr);

#endif
