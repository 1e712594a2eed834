/*
 * Scanning for the formatter: the scanner of the compiler, with the pieces of a text put together
 * again. What stands inside a text, interpolations included, keeps its own layout.
 */
#include "compiler/format_scan.h"

#include "compiler/scanner.h"
#include "runtime/core/base/assert.h"

#include <string.h>

static void add_token(struct rbk_arena *arena, struct rbk_format_text *text, uint32_t *capacity,
                      int kind, struct rbk_span span)
{
    if (text->token_count + 1 >= *capacity) {
        uint32_t larger = *capacity ? *capacity * 2 : 256;
        struct rbk_format_token *tokens = rbk_new_array(arena, struct rbk_format_token, larger);
        if (text->token_count) {
            memcpy(tokens, text->tokens, text->token_count * sizeof(*tokens));
        }
        text->tokens = tokens;
        *capacity = larger;
    }
    text->tokens[text->token_count++] = (struct rbk_format_token){kind, span};
}

void rbk_format_scan(struct rbk_arena *arena, struct rbk_names *names,
                     const struct rbk_source *source, struct rbk_format_text *ret_text)
{
    struct rbk_diagnostics diagnostics;
    rbk_diagnostics_init(&diagnostics, arena);
    struct rbk_tree_file *file = rbk_new(arena, struct rbk_tree_file);
    struct rbk_parse *parse = rbk_new(arena, struct rbk_parse);
    *ret_text = (struct rbk_format_text){.token_count = 0};
    *parse = (struct rbk_parse){.arena = arena,
                                .names = names,
                                .source = source,
                                .diagnostics = &diagnostics,
                                .file = file,
                                .comments = &ret_text->comments};
    rbk_scanner_start(parse);

    uint32_t capacity = 0;
    unsigned text_depth = 0;
    uint32_t text_start = 0;
    uint32_t comments_before = 0;
    for (;;) {
        RBK_YYSTYPE value;
        struct rbk_span span;
        int kind = rbk_scan(&value, &span, parse->scanner);
        if (kind == RBK_TOKEN_YYEOF || parse->stopped) {
            break;
        }
        if (kind == RBK_TOKEN_TEXT_BEGIN && text_depth++ == 0) {
            text_start = span.start;
            comments_before = ret_text->comments.count;
        }
        if (text_depth == 0) {
            add_token(arena, ret_text, &capacity, kind, span);
        }
        if (kind == RBK_TOKEN_TEXT_END && text_depth > 0 && --text_depth == 0) {
            add_token(arena, ret_text, &capacity, RBK_TOKEN_TEXT,
                      rbk_span_make(text_start, span.end));
            ret_text->comments.count = comments_before;
        }
    }
    uint32_t end = (uint32_t)source->text.bytes;
    add_token(arena, ret_text, &capacity, RBK_TOKEN_YYEOF, rbk_span_make(end, end));
    ret_text->token_count--;
    rbk_scanner_stop(parse);
}

struct rbk_str rbk_format_comment(const struct rbk_source *source,
                                  const struct rbk_format_text *text, uint32_t index)
{
    RBK_ASSERT(index < text->comments.count);
    return rbk_str_trim(rbk_source_text(source, text->comments.spans[index]));
}

bool rbk_format_same(const struct rbk_source *a_source, const struct rbk_format_text *a,
                     const struct rbk_source *b_source, const struct rbk_format_text *b)
{
    if (a->token_count != b->token_count || a->comments.count != b->comments.count) {
        return false;
    }
    for (uint32_t i = 0; i < a->token_count; i++) {
        if (!rbk_str_equal(rbk_source_text(a_source, a->tokens[i].span),
                           rbk_source_text(b_source, b->tokens[i].span))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->comments.count; i++) {
        if (!rbk_str_equal(rbk_format_comment(a_source, a, i),
                           rbk_format_comment(b_source, b, i))) {
            return false;
        }
    }
    return true;
}
