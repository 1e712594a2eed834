/*
 * Labels of pictures: escaped, wrapped, coloured.
 */
#include "compiler/graph/graph_text.h"

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/utf8.h"

#include <string.h>

#define LINE_CHARACTERS 40u
#define LINES_MAX 4u

/* Whether a `&` begins what Graphviz takes for a character of HTML: `&lt;`, `&#60;`. */
static bool begins_entity(struct rbk_str text, size_t at)
{
    size_t i = at + 1;
    while (i < text.bytes &&
           ((text.data[i] >= 'a' && text.data[i] <= 'z') ||
            (text.data[i] >= 'A' && text.data[i] <= 'Z') ||
            (text.data[i] >= '0' && text.data[i] <= '9') || text.data[i] == '#')) {
        i++;
    }
    return i > at + 1 && i < text.bytes && text.data[i] == ';';
}

void rbk_graph_escape(struct rbk_buffer *out, struct rbk_str text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if (byte == '&' && begins_entity(text, i)) {
            (void)rbk_buffer_append_text(out, "&amp;");
            continue;
        }
        if (byte == '"' || byte == '\\') {
            (void)rbk_buffer_append_byte(out, '\\');
        }
        bool control = (unsigned char)byte < 0x20;
        (void)rbk_buffer_append_byte(out, control ? ' ' : byte);
    }
}

/* How many bytes of `text` make one line: up to the last blank that still fits. */
static size_t line_bytes(struct rbk_str text)
{
    size_t at = 0;
    size_t blank = 0;
    for (size_t characters = 0; at < text.bytes; characters++) {
        if (characters >= LINE_CHARACTERS) {
            return blank > 0 ? blank : at;
        }
        if (text.data[at] == ' ') {
            blank = at;
        }
        size_t bytes = rbk_utf8_decode(text, at, NULL);
        at += bytes > 0 ? bytes : 1;
    }
    return text.bytes;
}

void rbk_graph_escape_mermaid(struct rbk_buffer *out, struct rbk_str text)
{
    /* Mermaid knows the characters of HTML by name or number between `#` and `;`. A `&` would begin
     * an entity of the page around the picture, a backtick a label in Markdown. */
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        if ((unsigned char)byte < 0x20 || byte == 0x7f) {
            (void)rbk_buffer_append_byte(out, ' ');
        } else if (strchr("\"#&;<>`\\%{}[]()|~@$*", byte) != NULL) {
            (void)rbk_buffer_printf(out, "#%d;", byte);
        } else {
            (void)rbk_buffer_append_byte(out, byte);
        }
    }
}

void rbk_graph_wrap(struct rbk_buffer *out, struct rbk_str text, const char *end)
{
    rbk_graph_wrap_as(out, text, end, rbk_graph_escape);
}

void rbk_graph_wrap_as(struct rbk_buffer *out, struct rbk_str text, const char *end,
                       rbk_graph_escape_fn *escape)
{
    for (unsigned line = 0; text.bytes > 0; line++) {
        if (line == LINES_MAX) {
            (void)rbk_buffer_append_text(out, "…");
            (void)rbk_buffer_append_text(out, end);
            return;
        }
        size_t bytes = line_bytes(text);
        escape(out, rbk_str_slice(text, 0, bytes));
        (void)rbk_buffer_append_text(out, end);
        text = rbk_str_trim(rbk_str_slice(text, bytes, text.bytes));
    }
}

void rbk_graph_duration(struct rbk_buffer *out, uint64_t duration_ms)
{
    rbk_value_print(out, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)duration_ms));
}

const char *rbk_graph_colour(enum rbk_phase phase)
{
    switch (phase) {
    case RBK_PHASE_REQUIRE:
        return "#e8e4f3";
    case RBK_PHASE_APPROVE:
        return "#ffe8b3";
    case RBK_PHASE_PREPARE:
        return "#d7ecf7";
    case RBK_PHASE_APPLY:
        return "#bcdcf5";
    case RBK_PHASE_VERIFY:
        return "#cdeccb";
    case RBK_PHASE_APPLIED:
        return "#8fd18c";
    case RBK_PHASE_ROLLBACK:
        return "#f8cfc4";
    case RBK_PHASE_ROLLBACK_VERIFY:
        return "#f3dfc1";
    case RBK_PHASE_RELEASE:
        return "#e3e3e3";
    case RBK_PHASE_PLAN:
    case RBK_PHASE_WAITING:
    case RBK_PHASE_REST:
    case RBK_PHASE_COUNT:
        break;
    }
    return "#f4f4f4";
}
