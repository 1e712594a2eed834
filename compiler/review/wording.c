/*
 * Spans as tokens. The tokens of a source are in order, so that those of a span are found by
 * bisection.
 */
#include "compiler/review/wording.h"

#include "compiler/scan.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/utf8.h"

#define LINE_BYTES_MAX ((size_t)2 << 20)

void rbk_wording_scan(struct rbk_wording *wording, struct rbk_arena *arena, struct rbk_names *names,
                      const struct rbk_source *source)
{
    wording->source = source;
    rbk_format_scan(arena, names, source, &wording->text);
}

/* The first token that begins at or behind an offset. */
static uint32_t first_token(const struct rbk_wording *wording, uint32_t offset)
{
    uint32_t low = 0;
    uint32_t high = wording->text.token_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (wording->text.tokens[middle].span.start < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct rbk_str token_text(const struct rbk_wording *wording, uint32_t index)
{
    return rbk_source_text(wording->source, wording->text.tokens[index].span);
}

/* Whether a blank stands before a token. `f(` and `-1` go by how they were written. */
static bool has_blank(const struct rbk_wording *wording, uint32_t index)
{
    const struct rbk_format_token *token = &wording->text.tokens[index];
    const struct rbk_format_token *before = token - 1;
    switch (token->kind) {
    case ')':
    case ']':
    case ',':
    case '.':
    case ':':
        return false;
    case '(':
        return token->span.start != before->span.end;
    default:
        break;
    }
    if (before->kind == '-') {
        return token->span.start != before->span.end;
    }
    return before->kind != '(' && before->kind != '[' && before->kind != '.';
}

/* A token; of a text over several lines the first with something in it. */
static void put_token(struct rbk_buffer *out, struct rbk_str text)
{
    size_t end = rbk_str_find(text, '\n');
    if (end == text.bytes) {
        (void)rbk_buffer_append_str(out, text);
        return;
    }
    struct rbk_str head = rbk_str_trim(rbk_str_slice(text, 0, end));
    struct rbk_str rest = rbk_str_trim(rbk_str_slice(text, end, text.bytes));
    (void)rbk_buffer_append_str(out, head);
    (void)rbk_buffer_append_str(out,
                                rbk_str_trim(rbk_str_slice(rest, 0, rbk_str_find(rest, '\n'))));
    (void)rbk_buffer_append_text(out, " …");
}

struct rbk_str rbk_wording_show(struct rbk_arena *arena, const struct rbk_wording *wording,
                                struct rbk_span span, size_t bytes_max)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, LINE_BYTES_MAX);
    uint32_t first = first_token(wording, span.start);
    for (uint32_t i = first; i < wording->text.token_count && out.bytes <= bytes_max &&
                             wording->text.tokens[i].span.start < span.end;
         i++) {
        if (i > first && has_blank(wording, i)) {
            (void)rbk_buffer_append_byte(&out, ' ');
        }
        put_token(&out, token_text(wording, i));
    }
    size_t bytes = out.bytes;
    if (bytes > bytes_max) {
        bytes = bytes_max;
        while (bytes > 0 && ((unsigned char)out.data[bytes] & 0xC0u) == 0x80u) {
            bytes--;
        }
    }
    struct rbk_str result = rbk_arena_printf(arena, "%.*s%s", (int)bytes, out.data ? out.data : "",
                                             bytes < out.bytes ? "…" : "");
    rbk_buffer_fini(&out);
    return result;
}

bool rbk_wording_same(const struct rbk_wording *a, struct rbk_span a_span,
                      const struct rbk_wording *b, struct rbk_span b_span)
{
    uint32_t i = first_token(a, a_span.start);
    uint32_t j = first_token(b, b_span.start);
    for (;; i++, j++) {
        bool a_ends = i >= a->text.token_count || a->text.tokens[i].span.start >= a_span.end;
        bool b_ends = j >= b->text.token_count || b->text.tokens[j].span.start >= b_span.end;
        if (a_ends || b_ends) {
            return a_ends && b_ends;
        }
        if (!rbk_str_equal(token_text(a, i), token_text(b, j))) {
            return false;
        }
    }
}
