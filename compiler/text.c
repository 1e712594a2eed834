/*
 * Texts: from what stands between the quotes to what it means.
 *
 * Three things happen, in this order: the common indentation of a triple-quoted text is removed,
 * then escapes are resolved (not in raw texts), and neighbouring pieces become one. A text in which
 * there is nothing to resolve stays a slice of the source and costs no memory.
 *
 * The indentation of a triple-quoted text: if its first line has nothing but blanks behind the
 * quotes, that line goes, with its end; if its last line has nothing but blanks before the quotes,
 * that line goes, with the line end before it. Of the other lines, those that are not blank count:
 * what blanks and tabs they all begin with is removed from each line. A text on one line is not
 * touched. The line behind an interpolation is not the beginning of a line.
 */
#include "compiler/parse.h"
#include "compiler/tree_build.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"

#include <string.h>

/* A text being worked on. */
struct text {
    struct rbk_parse *parse;
    enum rbk_quote quote;
    uint32_t start;       /* Of what stands between the quotes. */
    uint32_t end;         /* One past it; less than the closing quotes when the last line goes. */
    uint32_t indentation; /* Bytes to remove at the beginning of each line. */
};

static bool is_raw(enum rbk_quote quote)
{
    return quote == RBK_QUOTE_SINGLE || quote == RBK_QUOTE_TRIPLE_SINGLE;
}

static uint32_t quote_bytes(enum rbk_quote quote)
{
    return quote == RBK_QUOTE_DOUBLE || quote == RBK_QUOTE_SINGLE ? 1 : 3;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Where the blanks that begin at @at end. */
static uint32_t skip_blanks(const char *source, uint32_t at, uint32_t end)
{
    while (at < end && is_blank(source[at])) {
        at++;
    }
    return at;
}

/* Find the bounds and the common indentation of a triple-quoted text. */
static void measure(struct text *text)
{
    const char *source = text->parse->source->text.data;
    if (!memchr(source + text->start, '\n', text->end - text->start)) {
        return;
    }

    uint32_t first = skip_blanks(source, text->start, text->end);
    if (source[first] == '\n') {
        text->start = first + 1;
    }
    uint32_t last = text->end;
    while (last > text->start && is_blank(source[last - 1])) {
        last--;
    }
    if (last > text->start && source[last - 1] == '\n') {
        text->end = last - 1;
        if (text->end > text->start && source[text->end - 1] == '\r') {
            text->end--;
        }
    } else if (last == text->start) {
        text->end = last;
    }

    const char *common = NULL;
    uint32_t common_bytes = 0;
    bool at_line = text->start == 0 || source[text->start - 1] == '\n';
    for (uint32_t at = text->start; at < text->end; at_line = true) {
        const char *newline = memchr(source + at, '\n', text->end - at);
        uint32_t line_end = newline ? (uint32_t)(newline - source) : text->end;
        uint32_t content = skip_blanks(source, at, line_end);
        if (at_line && content < line_end) {
            uint32_t bytes = content - at;
            if (!common) {
                common = source + at;
                common_bytes = bytes;
            }
            if (bytes < common_bytes) {
                common_bytes = bytes;
            }
            while (common_bytes && memcmp(common, source + at, common_bytes) != 0) {
                common_bytes--;
            }
        }
        at = line_end + 1;
    }
    text->indentation = common_bytes;
}

/* Report the escape at @at and return how many bytes of it to take as they are. */
static void report_escape(struct text *text, uint32_t at, uint32_t bytes)
{
    struct rbk_parse *parse = text->parse;
    struct rbk_span span = rbk_span_make(at, at + bytes);
    struct rbk_str found = rbk_source_text(parse->source, span);
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        parse->diagnostics, RBK_RULE_SYNTAX, rbk_parse_place(parse, span),
        "unknown escape `%.*s`, expected `\\n`, `\\t`, `\\\"` or `\\\\`", RBK_STR_ARG(found));
    rbk_diagnostic_help(diagnostic, "Write `\\\\` for a backslash, or put the text into single "
                                    "quotes, where every character stands for itself.");
    parse->file->broken = true;
}

/* The length of the character at @at, so that a message never shows half of one. */
static uint32_t character_bytes(const char *source, uint32_t at)
{
    unsigned char byte = (unsigned char)source[at];
    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* Append the escape at @at; return its bytes in the source. */
static uint32_t resolve_escape(struct text *text, uint32_t at, uint32_t end,
                               struct rbk_buffer *buffer)
{
    const char *source = text->parse->source->text.data;
    if (at + 1 >= end) {
        report_escape(text, at, 1);
        return 1;
    }
    switch (source[at + 1]) {
    case 'n':
        rbk_buffer_append_byte(buffer, '\n');
        return 2;
    case 't':
        rbk_buffer_append_byte(buffer, '\t');
        return 2;
    case '"':
    case '\\':
        rbk_buffer_append_byte(buffer, source[at + 1]);
        return 2;
    case '\n':
        report_escape(text, at, 1);
        return 1;
    default: {
        uint32_t bytes = 1 + character_bytes(source, at + 1);
        report_escape(text, at, bytes);
        return bytes;
    }
    }
}

/* The text of the source between two offsets, resolved. */
static struct rbk_str resolve(struct text *text, uint32_t start, uint32_t end)
{
    const char *source = text->parse->source->text.data;
    bool raw = is_raw(text->quote);
    if (start < text->start) {
        start = text->start;
    }
    if (end > text->end) {
        end = text->end;
    }
    if (start >= end) {
        return RBK_STR("");
    }

    struct rbk_str slice = {source + start, end - start};
    bool escapes =
        !raw && (memchr(slice.data, '\\', slice.bytes) || memchr(slice.data, '$', slice.bytes));
    if (!escapes && text->indentation == 0) {
        return slice;
    }

    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, slice.bytes);
    bool at_line = start == text->start && source[start - 1] == '\n';
    for (uint32_t at = start; at < end;) {
        if (at_line) {
            uint32_t blanks = skip_blanks(source, at, end) - at;
            at += blanks < text->indentation ? blanks : text->indentation;
            at_line = false;
        } else if (!raw && source[at] == '\\') {
            at += resolve_escape(text, at, end, &buffer);
        } else if (!raw && source[at] == '$' && end - at >= 3 && source[at + 1] == '$' &&
                   source[at + 2] == '{') {
            rbk_buffer_append(&buffer, "${", 2);
            at += 3;
        } else {
            at_line = source[at] == '\n';
            rbk_buffer_append_byte(&buffer, source[at++]);
        }
    }
    struct rbk_str result = rbk_arena_copy(text->parse->arena, rbk_buffer_str(&buffer));
    rbk_buffer_fini(&buffer);
    return result;
}

static struct text begin(struct rbk_parse *parse, enum rbk_quote quote, struct rbk_span span)
{
    uint32_t quotes = quote_bytes(quote);
    struct text text = {
        .parse = parse, .quote = quote, .start = span.start + quotes, .end = span.end - quotes};
    if (text.end - text.start > RBK_STRING_BYTES_MAX) {
        rbk_parse_stop(parse, rbk_span_make(span.start, text.start), RBK_PARSE_LIMIT_TEXT);
    }
    if (quotes == 3) {
        measure(&text);
    }
    return text;
}

struct rbk_tree_expr *rbk_tree_text(struct rbk_parse *parse, enum rbk_quote quote,
                                    struct rbk_span span)
{
    struct text text = begin(parse, quote, span);
    return rbk_tree_expr(parse,
                         &(struct rbk_tree_expr){.kind = RBK_EXPR_STRING,
                                                 .span = span,
                                                 .quote = (uint8_t)quote,
                                                 .text = resolve(&text, text.start, text.end)});
}

struct rbk_tree_expr *rbk_tree_text_parts(struct rbk_parse *parse, enum rbk_quote quote,
                                          struct rbk_tree_exprs parts, struct rbk_span span)
{
    struct text text = begin(parse, quote, span);
    struct rbk_tree_exprs resolved = {NULL, NULL};
    bool interpolated = false;
    for (struct rbk_tree_expr *part = parts.first; part;) {
        struct rbk_tree_expr *next = part->next;
        if (part->kind == RBK_EXPR_TEXT) {
            while (next && next->kind == RBK_EXPR_TEXT) {
                part->span.end = next->span.end;
                next = next->next;
            }
            part->text = resolve(&text, part->span.start, part->span.end);
        } else {
            interpolated = true;
        }
        part->next = NULL;
        if (part->kind != RBK_EXPR_TEXT || part->text.bytes) {
            RBK_TREE_APPEND(resolved, part);
        }
        part = next;
    }

    struct rbk_tree_expr fields = {.kind = RBK_EXPR_STRING, .span = span, .quote = (uint8_t)quote};
    if (interpolated) {
        fields.has_parts = 1;
        fields.parts = resolved.first;
    } else if (resolved.first) {
        fields.text = resolved.first->text;
    } else {
        fields.text = RBK_STR("");
    }
    return rbk_tree_expr(parse, &fields);
}
