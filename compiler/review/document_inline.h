/*
 * Running text of a document, escaped: for document.c, and for those who write markup of their own
 * for it (runtime/report/report_picture.c).
 */
#ifndef RBK_COMPILER_REVIEW_DOCUMENT_INLINE_H
#define RBK_COMPILER_REVIEW_DOCUMENT_INLINE_H

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

#include <stdbool.h>

/** Append text with marks as Markdown on one line. @in_table  `|` ends a cell. */
void rbk_inline_markdown(struct rbk_buffer *out, struct rbk_str text, bool in_table);

/** Append text with marks as HTML. Elements always balance. */
void rbk_inline_html(struct rbk_buffer *out, struct rbk_str text);

/**
 * Append the character at text.data[*at] as itself, or U+FFFD for one that is not shown as it is
 * (controls, marks of direction, invisible ones), and step over it. Bytes that are no UTF-8 count
 * as such.
 * @return whether it was itself.
 */
bool rbk_inline_character(struct rbk_buffer *out, struct rbk_str text, size_t *at);

/** Append text between tags, over several lines. */
void rbk_inline_html_text(struct rbk_buffer *out, struct rbk_str text);

#endif
