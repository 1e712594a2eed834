#ifndef RBK_RUNTIME_PEOPLE_SANITIZE_H
#define RBK_RUNTIME_PEOPLE_SANITIZE_H

/*
 * Text from outside (the output of commands, a server's message, names in a machine) on its way to
 * a terminal. Nothing in it may move the cursor, change colours, hide or reorder what is read, or
 * begin a line of its own: what would is made visible instead.
 */

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

/*
 * Append `text` as one line: printable UTF-8 as it is, a tab as a blank, a line end as "\n",
 * other C0 and C1 controls and bytes that are not UTF-8 as "\x1b", characters that are invisible or
 * change the direction of text as "\u{202e}".
 */
void rbk_sanitize(struct rbk_buffer *out, struct rbk_str text);

/* Append at most `columns_max` columns of it, the last one "…" (or "~" without UTF-8) where it was
 * cut. @return How many columns were written. */
size_t rbk_sanitize_cut(struct rbk_buffer *out, struct rbk_str text, size_t columns_max, bool utf8);

/* How many columns a terminal needs for text that has been sanitized. */
size_t rbk_sanitize_columns(struct rbk_str text);

#endif
