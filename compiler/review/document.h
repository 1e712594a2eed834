/*
 * A document for people, written once and laid out as Markdown (what GitHub renders) or as one
 * self-contained HTML file.
 *
 * The writer says headings, paragraphs, lists, tables and blocks of code in order; nothing is kept
 * but what is needed to end the block under way. Running text is a printf format whose result may
 * hold marks for code and emphasis (RBK_CODE, RBK_STRONG); everything else in it is text, whatever
 * it looks like: what a plan says cannot become markup, a link to a person or an issue, or hide the
 * order of its characters. Marks in the text of a plan can at most begin or end code.
 *
 * Failure sticks in `out` (buffer.h): look at `out.error` after rbk_document_end().
 */
#ifndef RBK_COMPILER_REVIEW_DOCUMENT_H
#define RBK_COMPILER_REVIEW_DOCUMENT_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/str.h"

#include <stdarg.h>
#include <stdbool.h>

/** The marks: control characters, which the text of a plan cannot hold. */
#define RBK_MARK_CODE "\001"
#define RBK_MARK_CODE_END "\002"
#define RBK_MARK_STRONG "\003"
#define RBK_MARK_STRONG_END "\004"

/** A format, or a text, as code: RBK_CODE("%.*s"). */
#define RBK_CODE(FORMAT) RBK_MARK_CODE FORMAT RBK_MARK_CODE_END
/** The same, emphasised. */
#define RBK_STRONG(FORMAT) RBK_MARK_STRONG FORMAT RBK_MARK_STRONG_END

/** What a document is laid out as. */
enum rbk_document_format {
    RBK_DOCUMENT_MARKDOWN,
    RBK_DOCUMENT_HTML,
};

/** A document under way; the caller's memory. Fields are private but for `out`. */
struct rbk_document {
    struct rbk_buffer out;  /**< The text so far. */
    struct rbk_buffer line; /**< The formatted running text being put. */
    enum rbk_document_format format;
    unsigned list_depth; /**< Lists open: 0 outside of one. */
    bool in_table;       /**< A table is open. */
    bool row_open;       /**< A row of it has a cell already. */
    bool begun;          /**< Something has been written. */
    const char *tone;    /**< Class of the next row; NULL: none. */
};

/**
 * Begin.
 * @title      The title of the HTML page; not written into Markdown.
 * @bytes_max  The most `out` may become.
 */
void rbk_document_begin(struct rbk_document *document, enum rbk_document_format format,
                        struct rbk_str title, size_t bytes_max);

/** Add rules to the style of an HTML page: after the beginning, before anything else. Nothing of
 *  what a plan says may be in it. */
void rbk_document_style(struct rbk_document *document, const char *css);

/** Put a block of markup of one's own into an HTML page: every text in it is escaped already. Not
 *  written into Markdown. */
void rbk_document_markup(struct rbk_document *document, struct rbk_str html);

/** End what is open, and the page. `out` is complete then. */
void rbk_document_end(struct rbk_document *document);

/** Free the text. */
void rbk_document_fini(struct rbk_document *document);

/** A heading; @level 1 is the page's own. */
RBK_PRINTF(3, 4)
void rbk_document_heading(struct rbk_document *document, unsigned level, const char *format, ...);

/** A paragraph. */
RBK_PRINTF(2, 3)
void rbk_document_paragraph(struct rbk_document *document, const char *format, ...);

/** An item of a list; @depth 0 is the outermost list. A depth is at most one more than that of the
 *  item before: larger ones count as that. */
RBK_PRINTF(3, 4)
void rbk_document_item(struct rbk_document *document, unsigned depth, const char *format, ...);

/** The same with a box to tick. */
RBK_PRINTF(3, 4)
void rbk_document_task(struct rbk_document *document, unsigned depth, const char *format, ...);

/**
 * A block of code.
 * @depth     0: on its own; n + 1: belongs to the last item, which was of depth n.
 * @language  For colouring ("sh", "sql"), may be "".
 */
void rbk_document_code(struct rbk_document *document, unsigned depth, const char *language,
                       struct rbk_str text);

/** A table with the titles of its columns, ended by a NULL. It ends with the next block. */
void rbk_document_table(struct rbk_document *document, ...);

/** The class of the next row in HTML, e.g. "bad"; a constant word. */
void rbk_document_row_tone(struct rbk_document *document, const char *tone);

/** The next cell of the row under way. An empty text is an empty cell. */
RBK_PRINTF(2, 3)
void rbk_document_cell(struct rbk_document *document, const char *format, ...);

/** End a row. */
void rbk_document_row_end(struct rbk_document *document);

/** A part that is folded away until it is opened, and its end. */
RBK_PRINTF(2, 3)
void rbk_document_fold(struct rbk_document *document, const char *format, ...);
void rbk_document_fold_end(struct rbk_document *document);

#endif
