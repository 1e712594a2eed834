/*
 * Laying out: the tree says where statements, clauses and blocks begin, the tokens say what is
 * written. The rules:
 *
 *   - four columns of indentation for each block; one blank between tokens, none where it would
 * look odd (`f(x)`, `a.b`, `name: value`, `-1`);
 *   - a statement begins a line; what does not fit into RBK_FORMAT_COLUMNS goes on below, indented,
 *     broken before clauses only;
 *   - a block of a single statement without a block of its own stands on its statement's line when
 *     it fits there and has no comment; other blocks have a line for each statement;
 *   - one empty line stays where there were any, except at the edges of a block;
 *   - a comment on a line of its own stays on one, indented like what follows; one behind something
 *     stays behind it, and the line ends there. A comment inside a text's `${}` goes with the text.
 *
 * A line is put together in `line` with the places where it may be broken, and written when it
 * ends.
 */
#include "compiler/format.h"

#include "compiler/format_scan.h"
#include "rbk_parser.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/utf8.h"

#include <string.h>

#define INDENT_COLUMNS 4u
/* Places where one line may be broken; a statement with more clauses than that is broken there. */
#define BREAKS_MAX 64u
#define LINE_BYTES_MAX ((size_t)128 << 20)

/* A layout under way. */
struct layout {
    const struct rbk_source *source;
    const struct rbk_format_text *text;
    struct rbk_buffer *out;
    uint32_t at;         /* The next token. */
    uint32_t comment_at; /* The next comment. */
    uint32_t read_end;   /* Where in the source the last token or comment written ends. */

    struct rbk_buffer line;    /* What the line has so far, without indentation. */
    size_t breaks[BREAKS_MAX]; /* Offsets into `line`: before each, a line may end. */
    size_t break_count;
    unsigned depth;    /* Blocks around the line. */
    bool continues;    /* The line goes on with a statement begun above. */
    bool has_block;    /* A block follows: lines that go on are indented twice. */
    bool tight;        /* No blank before the next token. */
    bool block_begins; /* Nothing has been written in the block yet. */
};

static const struct rbk_format_token *token_at(const struct layout *layout, uint32_t index)
{
    return &layout->text
                ->tokens[index < layout->text->token_count ? index : layout->text->token_count];
}

static struct rbk_str token_text(const struct layout *layout, uint32_t index)
{
    return rbk_source_text(layout->source, token_at(layout, index)->span);
}

/* How many lines end between two offsets of the source. */
static unsigned lines_between(const struct layout *layout, uint32_t start, uint32_t end)
{
    unsigned count = 0;
    for (uint32_t i = start; i < end; i++) {
        count += layout->source->text.data[i] == '\n';
    }
    return count;
}

static size_t columns(struct rbk_str text)
{
    return rbk_utf8_count(text);
}

/* Columns up to the first line end of a text, which may be a text over several lines. */
static size_t first_line_columns(struct rbk_str text)
{
    return columns(rbk_str_slice(text, 0, rbk_str_find(text, '\n')));
}

static void write_indent(struct layout *layout, unsigned depth)
{
    rbk_buffer_printf(layout->out, "%*s", (int)(depth * INDENT_COLUMNS), "");
}

/* Write the line, broken where it is too long, without a line end. */
static void write_line(struct layout *layout)
{
    struct rbk_str line = rbk_buffer_str(&layout->line);
    unsigned further = layout->depth + (layout->has_block ? 2 : 1);
    unsigned indent = layout->continues ? further : layout->depth;
    write_indent(layout, indent);
    size_t column = indent * INDENT_COLUMNS;
    size_t start = 0;
    for (size_t i = 0; i <= layout->break_count; i++) {
        size_t end = i < layout->break_count ? layout->breaks[i] : line.bytes;
        struct rbk_str piece = rbk_str_slice(line, start, end);
        if (start > 0) {
            struct rbk_str bare = rbk_str_trim(piece);
            /* A comment may have ended the line right where it could be broken. */
            if (bare.bytes > 0 && column + 1 + first_line_columns(bare) > RBK_FORMAT_COLUMNS) {
                rbk_buffer_append_byte(layout->out, '\n');
                write_indent(layout, further);
                column = further * INDENT_COLUMNS;
                piece = bare;
            }
        }
        rbk_buffer_append_str(layout->out, piece);
        const char *last = piece.bytes == 0 ? NULL : memrchr(piece.data, '\n', piece.bytes);
        if (last) {
            column = columns(rbk_str_slice(piece, (size_t)(last + 1 - piece.data), piece.bytes));
        } else {
            column += columns(piece);
        }
        start = end;
    }
    rbk_buffer_clear(&layout->line);
    layout->break_count = 0;
    layout->tight = true;
}

static void end_line(struct layout *layout)
{
    if (layout->line.bytes == 0) {
        return;
    }
    write_line(layout);
    rbk_buffer_append_byte(layout->out, '\n');
    layout->continues = true;
}

/* An empty line, if the source had one before @next and it is not at the beginning of a block. */
static void keep_empty_line(struct layout *layout, uint32_t next)
{
    if (!layout->block_begins && lines_between(layout, layout->read_end, next) > 1) {
        rbk_buffer_append_byte(layout->out, '\n');
    }
    layout->block_begins = false;
}

/* Write the comments that stand before an offset of the source. */
static void write_comments(struct layout *layout, uint32_t before, unsigned depth)
{
    while (layout->comment_at < layout->text->comments.count &&
           layout->text->comments.spans[layout->comment_at].start < before) {
        struct rbk_span span = layout->text->comments.spans[layout->comment_at];
        struct rbk_str comment =
            rbk_format_comment(layout->source, layout->text, layout->comment_at);
        layout->comment_at++;
        bool behind =
            layout->read_end > 0 && lines_between(layout, layout->read_end, span.start) == 0;
        if (behind && layout->line.bytes) {
            write_line(layout);
            rbk_buffer_printf(layout->out, "  %.*s\n", RBK_STR_ARG(comment));
            layout->continues = true;
        } else if (behind && layout->out->bytes &&
                   layout->out->data[layout->out->bytes - 1] == '\n') {
            /* The line was ended already, by the brace of a block. */
            rbk_buffer_truncate(layout->out, layout->out->bytes - 1);
            rbk_buffer_printf(layout->out, "  %.*s\n", RBK_STR_ARG(comment));
        } else {
            bool inside = layout->line.bytes != 0 || layout->continues;
            end_line(layout);
            keep_empty_line(layout, span.start);
            write_indent(layout, depth + (inside ? 1 : 0));
            rbk_buffer_printf(layout->out, "%.*s\n", RBK_STR_ARG(comment));
        }
        layout->read_end = span.end;
    }
}

/* Whether the token can end an operand, so that a `-` behind it subtracts. */
static bool ends_operand(const struct layout *layout, uint32_t index)
{
    switch (token_at(layout, index)->kind) {
    case RBK_TOKEN_ID:
    case RBK_TOKEN_INT:
    case RBK_TOKEN_NUMBER:
    case RBK_TOKEN_RATIO:
    case RBK_TOKEN_DURATION:
    case RBK_TOKEN_BYTES:
    case RBK_TOKEN_TEXT:
    case RBK_TOKEN_TRUE:
    case RBK_TOKEN_FALSE:
    case RBK_TOKEN_BASELINE:
    case RBK_TOKEN_BEFORE:
    case RBK_TOKEN_COMMAND:
    case RBK_TOKEN_CONFIRM:
    case RBK_TOKEN_ENV:
    case RBK_TOKEN_ESTIMATE:
    case RBK_TOKEN_EYES:
    case RBK_TOKEN_FILE:
    case RBK_TOKEN_FOUR:
    case RBK_TOKEN_HTTP:
    case RBK_TOKEN_LEAST:
    case RBK_TOKEN_PLAN:
    case RBK_TOKEN_READINGS:
    case RBK_TOKEN_REDIS:
    case RBK_TOKEN_RUN:
    case RBK_TOKEN_SQL:
    case RBK_TOKEN_STUCK:
    case ')':
    case ']':
        return true;
    default:
        return index > 0 && token_at(layout, index - 1)->kind == '.';
    }
}

/* Whether a `(` belongs to the word before it. A channel or a method is no function: the message or
 * the address begins with a bracket there. */
static bool opens_arguments(const struct layout *layout, uint32_t index)
{
    if (index == 0) {
        return false;
    }
    if (index >= 2) {
        int two_before = token_at(layout, index - 2)->kind;
        if (two_before == RBK_TOKEN_NOTIFY || two_before == RBK_TOKEN_HTTP) {
            return false;
        }
        if (two_before == RBK_TOKEN_ACTION || two_before == RBK_TOKEN_READING ||
            two_before == RBK_TOKEN_CHANNEL) {
            return true;
        }
    }
    int before = token_at(layout, index - 1)->kind;
    return before != RBK_TOKEN_TEXT && before != RBK_TOKEN_INT && before != RBK_TOKEN_DURATION &&
           ends_operand(layout, index - 1);
}

/* Whether there is a blank between a token and the one before it. */
static bool has_blank_before(const struct layout *layout, uint32_t index)
{
    if (index == 0) {
        return false;
    }
    int kind = token_at(layout, index)->kind;
    int before = token_at(layout, index - 1)->kind;
    if (before == '(' || before == '[' || before == '.' || kind == ')' || kind == ']' ||
        kind == ',' || kind == '.' || kind == ':') {
        return false;
    }
    if (before == '-' && (index < 2 || !ends_operand(layout, index - 2))) {
        return false;
    }
    return kind != '(' || !opens_arguments(layout, index);
}

/* Put the next token on the line. */
static void add_token(struct layout *layout)
{
    const struct rbk_format_token *token = token_at(layout, layout->at);
    write_comments(layout, token->span.start, layout->depth);
    if (!layout->tight && has_blank_before(layout, layout->at)) {
        rbk_buffer_append_byte(&layout->line, ' ');
    }
    rbk_buffer_append_str(&layout->line, token_text(layout, layout->at));
    layout->tight = false;
    layout->read_end = token->span.end;
    layout->at++;
}

/* Allow the line to be broken before the next token. */
static void allow_break(struct layout *layout)
{
    if (layout->line.bytes == 0) {
        return;
    }
    if (layout->break_count == BREAKS_MAX) {
        end_line(layout);
    } else {
        layout->breaks[layout->break_count++] = layout->line.bytes;
    }
}

/* Columns of the tokens from the next one up to the one that begins at @end, on one line; or more
 * than any line has when they cannot stand on one. */
static size_t columns_on_one_line(const struct layout *layout, uint32_t end)
{
    size_t total = 0;
    for (uint32_t i = layout->at;
         i < layout->text->token_count && token_at(layout, i)->span.start < end; i++) {
        struct rbk_str text = token_text(layout, i);
        if (rbk_str_find(text, '\n') < text.bytes) {
            return SIZE_MAX / 2;
        }
        total += columns(text) + (has_blank_before(layout, i) ? 1 : 0);
        if (total > RBK_FORMAT_COLUMNS) {
            break;
        }
    }
    return total;
}

static bool has_comment_between(const struct layout *layout, uint32_t start, uint32_t end)
{
    for (uint32_t i = layout->comment_at; i < layout->text->comments.count; i++) {
        if (layout->text->comments.spans[i].start >= end) {
            return false;
        }
        if (layout->text->comments.spans[i].start >= start) {
            return true;
        }
    }
    return false;
}

static bool always_opened(enum rbk_statement_kind kind)
{
    return kind == RBK_STATEMENT_PLAN || kind == RBK_STATEMENT_STAGE ||
           kind == RBK_STATEMENT_RETIRE || kind == RBK_STATEMENT_BACKUP ||
           kind == RBK_STATEMENT_LOCK || kind == RBK_STATEMENT_ACTION ||
           kind == RBK_STATEMENT_CHANNEL_TYPE;
}

/* Whether the statement's block goes on its line; the next token is the statement's first. */
static bool fits_on_line(const struct layout *layout, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_block *block = statement->block;
    if (has_comment_between(layout, statement->span.start, block->span.end)) {
        return false;
    }
    if (block->count == 0) {
        return true;
    }
    if (always_opened((enum rbk_statement_kind)statement->kind) || block->count > 1 ||
        block->first->block) {
        return false;
    }
    if (statement->kind == RBK_STATEMENT_IF && statement->else_block) {
        return false;
    }
    return layout->depth * INDENT_COLUMNS + columns_on_one_line(layout, block->span.end) <=
           RBK_FORMAT_COLUMNS;
}

static void add_tokens_before(struct layout *layout, uint32_t end)
{
    while (layout->at < layout->text->token_count &&
           token_at(layout, layout->at)->span.start < end) {
        add_token(layout);
    }
}

static void write_statement(struct layout *layout, const struct rbk_tree_statement *statement);

/* The statements between the braces, a line each; the next token is the opening brace. */
static void write_block(struct layout *layout, const struct rbk_tree_block *block)
{
    unsigned depth = layout->depth;
    add_token(layout);
    end_line(layout);
    layout->continues = false;
    layout->block_begins = true;
    layout->depth = depth + 1;
    for (const struct rbk_tree_statement *statement = block->first; statement;
         statement = statement->next) {
        write_statement(layout, statement);
    }
    write_comments(layout, block->span.end - 1, layout->depth);
    layout->depth = depth;
    layout->block_begins = false;
    layout->continues = false;
    add_token(layout);
}

static void write_statement(struct layout *layout, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_block *block = statement->block;
    write_comments(layout, statement->span.start, layout->depth);
    keep_empty_line(layout, statement->span.start);
    layout->continues = false;
    layout->tight = true;
    layout->has_block = block != NULL;

    bool on_line = block && fits_on_line(layout, statement);
    uint32_t head_end = block && !on_line ? block->span.start : statement->span.end;
    if (!on_line) {
        unsigned before = RBK_CLAUSE_KINDS;
        for (const struct rbk_tree_clause *clause = statement->clauses;
             clause && clause->span.start < head_end; clause = clause->next) {
            add_tokens_before(layout, clause->span.start);
            /* `retry 3 every 5s` is one thing to a reader. */
            if (clause->kind != RBK_CLAUSE_EVERY || before != RBK_CLAUSE_RETRY) {
                allow_break(layout);
            }
            before = clause->kind;
        }
        if (statement->kind == RBK_STATEMENT_READING) {
            add_tokens_before(layout, statement->value->span.start);
            allow_break(layout);
        }
    }
    add_tokens_before(layout, head_end);
    if (block && !on_line) {
        write_block(layout, block);
        if (statement->kind == RBK_STATEMENT_IF && statement->else_block) {
            add_tokens_before(layout, statement->else_block->span.start);
            write_block(layout, statement->else_block);
        }
    }
    write_comments(layout, layout->read_end, layout->depth);
    /* A comment behind the statement stays on its line. */
    uint32_t line_end = layout->read_end +
                        (uint32_t)rbk_str_find(rbk_str_slice(layout->source->text, layout->read_end,
                                                             layout->source->text.bytes),
                                               '\n');
    uint32_t next = token_at(layout, layout->at)->span.start;
    write_comments(layout, line_end < next ? line_end : next, layout->depth);
    end_line(layout);
    layout->continues = false;
}

int rbk_format_file(struct rbk_arena *arena, const struct rbk_tree_file *file,
                    struct rbk_buffer *buffer, struct rbk_error *reterr)
{
    RBK_ASSERT(!file->broken);
    struct rbk_format_text text;
    rbk_format_scan(arena, file->names, file->source, &text);
    struct layout layout = {
        .source = file->source, .text = &text, .out = buffer, .tight = true, .block_begins = true};
    rbk_buffer_init(&layout.line, LINE_BYTES_MAX);
    for (const struct rbk_tree_statement *statement = file->block.first; statement;
         statement = statement->next) {
        write_statement(&layout, statement);
    }
    write_comments(&layout, UINT32_MAX, 0);
    int error = layout.line.error ? layout.line.error : buffer->error;
    rbk_buffer_fini(&layout.line);
    if (error) {
        return rbk_error_set(reterr, (enum rbk_err) - error, "cannot lay out %.*s",
                             RBK_STR_ARG(file->source->path));
    }

    struct rbk_source *result =
        rbk_source_from_text(arena, file->source->path, rbk_buffer_str(buffer));
    struct rbk_format_text result_text;
    rbk_format_scan(arena, file->names, result, &result_text);
    if (!rbk_format_same(file->source, &text, result, &result_text)) {
        return rbk_error_set(reterr, RBK_EINVALID, "laying out %.*s would change it",
                             RBK_STR_ARG(file->source->path));
    }
    return 0;
}
