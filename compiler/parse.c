/*
 * Parsing one source: sets up what scanner and grammar share, runs them, and looks after the stack
 * of open brackets and the silence after an error.
 *
 * One mistake is one message. After an error, a further one is an echo of it as long as it stands
 * on the same line and no brace has been seen between the two; echoes are not reported. Everything
 * else about recovery is in the grammar.
 */
#include "compiler/parse.h"

#include "compiler/diagnostic.h"
#include "compiler/parse_state.h"
#include "compiler/scanner.h"
#include "runtime/core/base/assert.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory for the scanner is gone: as with the arena, there is nothing to go on with. */
RBK_NORETURN static void out_of_memory(void)
{
    fputs("rbk: out of memory\n", stderr);
    exit(3);
}

void rbk_scanner_start(struct rbk_parse *parse)
{
    struct rbk_str text = parse->source->text;
    RBK_ASSERT(text.bytes <= RBK_SOURCE_BYTES_MAX);
    yyscan_t scanner;
    if (rbk_yylex_init_extra(parse, &scanner) != 0) {
        out_of_memory();
    }
    /* A byte order mark is no text; the check of the source allows it in the first place only. */
    size_t skip = text.bytes >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    parse->offset = parse->input = (uint32_t)skip;
    parse->scanner = scanner;
}

void rbk_scanner_stop(struct rbk_parse *parse)
{
    rbk_yylex_destroy(parse->scanner);
    parse->scanner = NULL;
}

/* The end of the file, wherever the scanner is. */
static int end_of_text(struct rbk_parse *parse, struct rbk_span *span)
{
    uint32_t end = (uint32_t)parse->source->text.bytes;
    *span = rbk_span_make(end, end);
    return RBK_TOKEN_YYEOF;
}

/* Go to the brace that closes the innermost block and return it; what is inside is not looked at.
 */
static int skip_block(struct rbk_parse *parse, RBK_YYSTYPE *value, struct rbk_span *span)
{
    RBK_DCHECK(parse->open_count > 0);
    uint32_t outside = parse->open_count - 1;
    parse->skip_block = false;
    for (;;) {
        int token = rbk_scan(value, span, parse->scanner);
        if (token == RBK_TOKEN_YYEOF || parse->stopped) {
            return end_of_text(parse, span);
        }
        if (token == '}' && parse->open_count <= outside) {
            /* What stands behind the brace on its line belongs to what was not understood. */
            rbk_parse_mark_error(parse, *span);
            return token;
        }
    }
}

int rbk_yylex(RBK_YYSTYPE *value, struct rbk_span *span, struct rbk_parse *parse)
{
    int token =
        parse->skip_block ? skip_block(parse, value, span) : rbk_scan(value, span, parse->scanner);
    if (parse->stopped) {
        token = end_of_text(parse, span);
    }
    parse->previous_end = parse->last_end;
    parse->last_end = span->end;
    return token;
}

void rbk_parse_stop(struct rbk_parse *parse, struct rbk_span span, enum rbk_parse_limit limit)
{
    static const struct {
        const char *before;
        size_t most;
        const char *after;
        const char *help;
    } limits[] = {
        [RBK_PARSE_LIMIT_NESTING] = {"more than", RBK_NESTING_MAX,
                                     "blocks and brackets inside one another",
                                     "Move inner blocks into an action."},
        [RBK_PARSE_LIMIT_EXPRESSION] = {"more than", RBK_EXPRESSION_DEPTH_MAX,
                                        "operators inside one another",
                                        "Name parts of it with `let`, or make them a reading."},
        [RBK_PARSE_LIMIT_REACTION] = {"more than", RBK_NESTING_MAX, "reactions after one another",
                                      "End the chain earlier."},
        [RBK_PARSE_LIMIT_NAME] = {"name longer than", RBK_NAME_BYTES_MAX, "bytes",
                                  "Choose a shorter name."},
        [RBK_PARSE_LIMIT_TEXT] = {"text longer than", RBK_STRING_BYTES_MAX, "bytes",
                                  "Keep it in a file beside the plan."},
    };
    if (parse->stopped) {
        return;
    }
    parse->stopped = true;
    parse->file->broken = true;
    rbk_diagnostic_help(rbk_diagnostic_error(parse->diagnostics, RBK_RULE_LIMIT,
                                             rbk_parse_place(parse, span), "%s %zu %s",
                                             limits[limit].before, limits[limit].most,
                                             limits[limit].after),
                        "%s", limits[limit].help);
}

bool rbk_parse_is_echo(const struct rbk_parse *parse, struct rbk_span span)
{
    return parse->has_error && parse->braces == parse->error_braces &&
           span.start <= parse->error_line_end;
}

void rbk_parse_mark_error(struct rbk_parse *parse, struct rbk_span span)
{
    struct rbk_str text = parse->source->text;
    /* Another error of the same line does not look for its end again: a line may be the whole file.
     */
    bool same_line =
        parse->has_error && span.start >= parse->error_start && span.start <= parse->error_line_end;
    size_t line_end =
        same_line ? parse->error_line_end
                  : span.start + rbk_str_find(rbk_str_slice(text, span.start, text.bytes), '\n');
    if (!same_line) {
        parse->error_start = span.start;
    }
    parse->has_error = true;
    parse->error_braces = parse->braces;
    parse->error_line_end = (uint32_t)line_end;
}

void rbk_parse_open(struct rbk_parse *parse, char kind, struct rbk_span span)
{
    if (kind == '{') {
        parse->braces++;
    }
    if (parse->open_count == RBK_NESTING_MAX) {
        rbk_parse_stop(parse, span, RBK_PARSE_LIMIT_NESTING);
        return;
    }
    parse->open[parse->open_count++] = (struct rbk_open){.start = span.start,
                                                         .kind = kind,
                                                         .quote = parse->string_quote,
                                                         .text_start = parse->string_start};
}

/* How many brackets are open outside the innermost `{` or `${`, that one included. */
static uint32_t innermost_brace(const struct rbk_parse *parse)
{
    uint32_t count = parse->open_count;
    while (count > 0 && parse->open[count - 1].kind != '{' && parse->open[count - 1].kind != '$') {
        count--;
    }
    return count;
}

void rbk_parse_close(struct rbk_parse *parse, char kind)
{
    if (kind == '}') {
        parse->braces++;
        uint32_t count = innermost_brace(parse);
        if (count > 0) {
            parse->open_count = count - 1;
        }
        return;
    }
    char opening = kind == ')' ? '(' : '[';
    if (parse->open_count > 0 && parse->open[parse->open_count - 1].kind == opening) {
        parse->open_count--;
    }
}

bool rbk_parse_close_interpolation(struct rbk_parse *parse)
{
    uint32_t count = innermost_brace(parse);
    if (count == 0 || parse->open[count - 1].kind != '$') {
        return false;
    }
    parse->string_quote = parse->open[count - 1].quote;
    parse->string_start = parse->open[count - 1].text_start;
    parse->open_count = count - 1;
    return true;
}

void rbk_parse_comment(struct rbk_parse *parse, struct rbk_span span)
{
    struct rbk_comments *comments = parse->comments;
    if (!comments) {
        return;
    }
    if (comments->count == comments->capacity) {
        uint32_t capacity = comments->capacity ? comments->capacity * 2 : 64;
        struct rbk_span *spans = rbk_new_array(parse->arena, struct rbk_span, capacity);
        if (comments->count) {
            memcpy(spans, comments->spans, comments->count * sizeof(*spans));
        }
        comments->spans = spans;
        comments->capacity = capacity;
    }
    comments->spans[comments->count++] = span;
}

struct rbk_tree_file *rbk_parse_source(struct rbk_arena *arena, struct rbk_names *names,
                                       const struct rbk_source *source,
                                       struct rbk_diagnostics *diagnostics)
{
    struct rbk_tree_file *file = rbk_new(arena, struct rbk_tree_file);
    file->source = source;
    file->names = names;
    if (rbk_source_check(source, diagnostics) != 0) {
        file->broken = true;
        return file;
    }

    if (rbk_str_starts(source->text, RBK_STR("{\"format_version\":"))) {
        struct rbk_place place = rbk_place_make(source, rbk_span_make(0, 1));
        rbk_diagnostic_help(
            rbk_diagnostic_error(diagnostics, 100, place, "this is a machine, not a plan"),
            "Give the plan it was built from. `rbk run`, `rbkc explore` and `rbkc emit` take "
            "machines, too, in files called .rbkm.");
        file->broken = true;
        return file;
    }

    struct rbk_parse parse = {
        .arena = arena, .names = names, .source = source, .diagnostics = diagnostics, .file = file};
    rbk_scanner_start(&parse);
    if (rbk_yyparse(&parse) != 0) {
        file->broken = true;
    }
    rbk_scanner_stop(&parse);
    return file;
}
