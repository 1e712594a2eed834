/*
 * Laying documents out: which block is open, and how it ends in each format.
 */
#include "compiler/review/document.h"

#include "compiler/review/document_inline.h"

#include <string.h>

#define LINE_BYTES_MAX ((size_t)4 << 20)

/* clang-format off */
static const char html_head[] =
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1a1c1e; --paper: #fff; --line: #c9ced6; --soft: #f1f3f6; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --ink: #e4e7eb; --paper: #14171a; --line: #3c434c; --soft: #1f2429; }\n"
    "}\n"
    "body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;\n"
    "       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 .5em; }\n"
    "h2 { border-bottom: 1px solid var(--line); padding-bottom: .2em; }\n"
    "code, pre { font: .9em/1.45 ui-monospace, monospace; background: var(--soft); border-radius: 3px; }\n"
    "code { padding: .1em .3em; overflow-wrap: anywhere; }\n"
    "pre { padding: .7em .9em; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }\n"
    "pre code { padding: 0; font-size: 1em; background: none; }\n"
    "table { border-collapse: collapse; display: block; overflow-x: auto; }\n"
    "th, td { border: 1px solid var(--line); padding: .3em .6em; text-align: left; vertical-align: top; }\n"
    "th { background: var(--soft); }\n"
    "ul { padding-left: 1.4em; }\n"
    "li.task { list-style: none; margin-left: -1.4em; padding-left: 1.6em; position: relative; }\n"
    "li.task > input { position: absolute; left: 0; top: .3em; }\n"
    "@media print {\n"
    "  :root { --ink: #000; --paper: #fff; --line: #888; --soft: #f3f3f3; color-scheme: light; }\n"
    "  body { font-size: 10.5pt; max-width: none; margin: 0; }\n"
    "  h2, h3, h4 { break-after: avoid; }\n"
    "  table { display: table; width: 100%; }\n"
    "  tr, pre, li { break-inside: avoid; }\n"
    "}\n"
    "</style>\n";
/* clang-format on */

static void put(struct rbk_document *document, const char *text)
{
    (void)rbk_buffer_append_text(&document->out, text);
}

static bool is_html(const struct rbk_document *document)
{
    return document->format == RBK_DOCUMENT_HTML;
}

/* Running text, formatted and escaped. */
RBK_PRINTF(2, 0)
static void put_text(struct rbk_document *document, const char *format, va_list arguments)
{
    rbk_buffer_clear(&document->line);
    (void)rbk_buffer_vprintf(&document->line, format, arguments);
    if (document->line.error) {
        document->out.error = document->line.error;
    } else if (is_html(document)) {
        rbk_inline_html(&document->out, rbk_buffer_str(&document->line));
    } else {
        rbk_inline_markdown(&document->out, rbk_buffer_str(&document->line), document->in_table);
    }
}

/* ---- what is open ---------------------------------------------------------------------------- */

static void close_lists(struct rbk_document *document, unsigned depth)
{
    for (; document->list_depth > depth; document->list_depth--) {
        put(document, is_html(document) ? "</li>\n</ul>\n" : "");
    }
}

/* End lists and tables, and leave an empty line, before the next block. */
static void next_block(struct rbk_document *document)
{
    close_lists(document, 0);
    if (document->in_table) {
        put(document, is_html(document) ? "</tbody>\n</table>\n" : "");
        document->in_table = false;
    }
    if (!is_html(document) && document->begun) {
        put(document, "\n");
    }
    document->begun = true;
}

/* Begin an item: lists are opened and closed until it is in the right one. */
static void next_item(struct rbk_document *document, unsigned depth, bool task)
{
    if (document->list_depth == 0) {
        next_block(document);
    }
    if (depth > document->list_depth) {
        depth = document->list_depth;
    }
    close_lists(document, depth + 1);
    bool deeper = document->list_depth == depth;
    document->list_depth = depth + 1;
    if (is_html(document)) {
        put(document, deeper ? "<ul>\n" : "</li>\n");
        put(document, task ? "<li class=\"task\"><input type=\"checkbox\"> " : "<li>");
    } else {
        (void)rbk_buffer_printf(&document->out, "%*s- %s", (int)depth * 2, "", task ? "[ ] " : "");
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

void rbk_document_begin(struct rbk_document *document, enum rbk_document_format format,
                        struct rbk_str title, size_t bytes_max)
{
    *document = (struct rbk_document){.format = format};
    rbk_buffer_init(&document->out, bytes_max);
    rbk_buffer_init(&document->line, LINE_BYTES_MAX);
    if (is_html(document)) {
        put(document, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" "
                      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<title>");
        rbk_inline_html_text(&document->out, title);
        put(document, "</title>\n");
        put(document, html_head);
        put(document, "</head>\n<body>\n");
    }
}

void rbk_document_style(struct rbk_document *document, const char *css)
{
    const char *open = "</head>\n<body>\n";

    if (is_html(document)) {
        rbk_buffer_truncate(&document->out, document->out.bytes - strlen(open));
        (void)rbk_buffer_printf(&document->out, "<style>\n%s</style>\n%s", css, open);
    }
}

void rbk_document_markup(struct rbk_document *document, struct rbk_str html)
{
    if (is_html(document)) {
        next_block(document);
        (void)rbk_buffer_append_str(&document->out, html);
    }
}

void rbk_document_end(struct rbk_document *document)
{
    bool markdown = !is_html(document);
    document->begun = document->begun && !markdown; /* no empty line at the end */
    next_block(document);
    put(document, markdown ? "" : "</body>\n</html>\n");
}

void rbk_document_fini(struct rbk_document *document)
{
    rbk_buffer_fini(&document->out);
    rbk_buffer_fini(&document->line);
}

void rbk_document_heading(struct rbk_document *document, unsigned level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    next_block(document);
    if (is_html(document)) {
        (void)rbk_buffer_printf(&document->out, "<h%u>", level);
    } else {
        (void)rbk_buffer_append(&document->out, "######", level < 6 ? level : 6);
        put(document, " ");
    }
    put_text(document, format, arguments);
    if (is_html(document)) {
        (void)rbk_buffer_printf(&document->out, "</h%u>", level);
    }
    put(document, "\n");
    va_end(arguments);
}

void rbk_document_paragraph(struct rbk_document *document, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    next_block(document);
    put(document, is_html(document) ? "<p>" : "");
    put_text(document, format, arguments);
    put(document, is_html(document) ? "</p>\n" : "\n");
    va_end(arguments);
}

void rbk_document_item(struct rbk_document *document, unsigned depth, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    next_item(document, depth, false);
    put_text(document, format, arguments);
    put(document, is_html(document) ? "" : "\n");
    va_end(arguments);
}

void rbk_document_task(struct rbk_document *document, unsigned depth, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    next_item(document, depth, true);
    put_text(document, format, arguments);
    put(document, is_html(document) ? "" : "\n");
    va_end(arguments);
}

/* A fence of more backticks than the text has in a row. */
static void put_fence(struct rbk_document *document, struct rbk_str text, unsigned indent)
{
    size_t run = 0;
    size_t longest = 2;
    for (size_t i = 0; i < text.bytes; i++) {
        run = text.data[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    (void)rbk_buffer_printf(&document->out, "%*s", (int)indent, "");
    for (size_t i = 0; i <= longest; i++) {
        put(document, "`");
    }
}

/* The lines of a text, indented; characters that are not shown as they are replaced. */
static void put_lines(struct rbk_document *document, struct rbk_str text, unsigned indent)
{
    bool at_start = true;
    for (size_t at = 0; at < text.bytes;) {
        if (at_start && text.data[at] != '\n') {
            (void)rbk_buffer_printf(&document->out, "%*s", (int)indent, "");
        }
        at_start = text.data[at] == '\n';
        if (text.data[at] == '\n' || text.data[at] == '\t') {
            (void)rbk_buffer_append_byte(&document->out, text.data[at++]);
        } else {
            (void)rbk_inline_character(&document->out, text, &at);
        }
    }
}

void rbk_document_code(struct rbk_document *document, unsigned depth, const char *language,
                       struct rbk_str text)
{
    while (text.bytes > 0 && text.data[text.bytes - 1] == '\n') {
        text.bytes--;
    }
    if (depth > document->list_depth) {
        depth = document->list_depth;
    }
    if (depth == 0) {
        next_block(document);
    }
    if (is_html(document)) {
        put(document, "<pre><code>");
        rbk_inline_html_text(&document->out, text);
        put(document, "</code></pre>\n");
        return;
    }
    put_fence(document, text, depth * 2);
    put(document, language);
    put(document, "\n");
    put_lines(document, text, depth * 2);
    put(document, "\n");
    put_fence(document, text, depth * 2);
    put(document, "\n");
}

void rbk_document_table(struct rbk_document *document, ...)
{
    va_list arguments;
    const char *title;
    unsigned columns = 0;
    next_block(document);
    put(document, is_html(document) ? "<table>\n<thead>\n<tr>" : "|");
    va_start(arguments, document);
    while ((title = va_arg(arguments, const char *)) != NULL) {
        (void)rbk_buffer_printf(&document->out, is_html(document) ? "<th>%s</th>" : " %s |", title);
        columns++;
    }
    va_end(arguments);
    put(document, is_html(document) ? "</tr>\n</thead>\n<tbody>" : "\n|");
    for (unsigned i = 0; i < columns && !is_html(document); i++) {
        put(document, " --- |");
    }
    put(document, "\n");
    document->in_table = true;
    document->row_open = false;
}

void rbk_document_row_tone(struct rbk_document *document, const char *tone)
{
    document->tone = tone;
}

void rbk_document_cell(struct rbk_document *document, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_html(document)) {
        if (!document->row_open && document->tone != NULL) {
            (void)rbk_buffer_printf(&document->out, "<tr class=\"%s\"><td>", document->tone);
        } else {
            put(document, document->row_open ? "<td>" : "<tr><td>");
        }
    } else {
        put(document, document->row_open ? " " : "| ");
    }
    document->row_open = true;
    put_text(document, format, arguments);
    put(document, is_html(document) ? "</td>" : " |");
    va_end(arguments);
}

void rbk_document_row_end(struct rbk_document *document)
{
    put(document, is_html(document) ? "</tr>\n" : "\n");
    document->row_open = false;
    document->tone = NULL;
}

void rbk_document_fold(struct rbk_document *document, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    next_block(document);
    put(document, "<details>\n<summary>");
    rbk_buffer_clear(&document->line);
    (void)rbk_buffer_vprintf(&document->line, format, arguments);
    rbk_inline_html(&document->out, rbk_buffer_str(&document->line));
    put(document, "</summary>\n");
    va_end(arguments);
}

void rbk_document_fold_end(struct rbk_document *document)
{
    next_block(document);
    put(document, "</details>\n");
}
