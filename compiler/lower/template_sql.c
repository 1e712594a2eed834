/*
 * SQL statements: a value becomes a bind parameter.
 *
 * The walk knows what a server reads as text and not as a parameter: quoted literals and names,
 * dollar quotes and comments. A value there would silently be part of the text, so it is refused.
 */
#include "compiler/lower/template.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <string.h>

#define TAG_BYTES_MAX 64u

enum sql_place { BARE, LITERAL, ESCAPED_LITERAL, QUOTED_NAME, LINE_COMMENT, BLOCK_COMMENT, DOLLAR };

struct walk {
    enum sql_place place;
    struct rbk_str text;
    size_t at;
    size_t comment_depth;
    char tag[TAG_BYTES_MAX]; /* of the dollar quote, both `$` included */
    size_t tag_bytes;
};

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || (unsigned char)byte >= 0x80;
}

static char peek(const struct walk *walk, size_t ahead)
{
    return walk->at + ahead < walk->text.bytes ? walk->text.data[walk->at + ahead] : '\0';
}

/* At a `$` outside quotes: the bytes of `$tag$`, or 0 when this is something else (`$1`). */
static size_t dollar_tag_bytes(const struct walk *walk)
{
    if (walk->at > 0 && is_name_byte(walk->text.data[walk->at - 1])) {
        return 0;
    }
    size_t bytes = 1;
    while (is_name_byte(peek(walk, bytes))) {
        if (bytes == 1 && peek(walk, 1) >= '0' && peek(walk, 1) <= '9') {
            return 0;
        }
        bytes++;
    }
    return peek(walk, bytes) == '$' && bytes + 1 <= TAG_BYTES_MAX ? bytes + 1 : 0;
}

/* Whether the quote at `at` opens an E'…' literal, in which a backslash protects. */
static bool is_escape_literal(const struct walk *walk)
{
    if (walk->at == 0) {
        return false;
    }
    char before = walk->text.data[walk->at - 1];
    bool alone = walk->at == 1 || !is_name_byte(walk->text.data[walk->at - 2]);
    return (before == 'E' || before == 'e') && alone;
}

static size_t step_bare(struct walk *walk, char byte)
{
    if (byte == '\'') {
        walk->place = is_escape_literal(walk) ? ESCAPED_LITERAL : LITERAL;
    } else if (byte == '"') {
        walk->place = QUOTED_NAME;
    } else if (byte == '-' && peek(walk, 1) == '-') {
        walk->place = LINE_COMMENT;
        return 2;
    } else if (byte == '/' && peek(walk, 1) == '*') {
        walk->place = BLOCK_COMMENT;
        walk->comment_depth = 1;
        return 2;
    } else if (byte == '$') {
        size_t bytes = dollar_tag_bytes(walk);
        if (bytes > 0) {
            memcpy(walk->tag, walk->text.data + walk->at, bytes);
            walk->tag_bytes = bytes;
            walk->place = DOLLAR;
            return bytes;
        }
    }
    return 1;
}

static size_t step_block_comment(struct walk *walk, char byte)
{
    if (byte == '*' && peek(walk, 1) == '/') {
        if (--walk->comment_depth == 0) {
            walk->place = BARE;
        }
        return 2;
    }
    if (byte == '/' && peek(walk, 1) == '*') {
        walk->comment_depth++;
        return 2;
    }
    return 1;
}

/* Take what stands at `at`; returns its bytes. A doubled quote closes and opens again. */
static size_t step(struct walk *walk)
{
    char byte = peek(walk, 0);
    switch (walk->place) {
    case BARE:
        return step_bare(walk, byte);
    case ESCAPED_LITERAL:
        if (byte == '\\' && walk->at + 1 < walk->text.bytes) {
            return 2;
        }
        walk->place = byte == '\'' ? BARE : ESCAPED_LITERAL;
        return 1;
    case LITERAL:
        walk->place = byte == '\'' ? BARE : LITERAL;
        return 1;
    case QUOTED_NAME:
        walk->place = byte == '"' ? BARE : QUOTED_NAME;
        return 1;
    case LINE_COMMENT:
        walk->place = byte == '\n' ? BARE : LINE_COMMENT;
        return 1;
    case BLOCK_COMMENT:
        return step_block_comment(walk, byte);
    case DOLLAR:
        if (byte == '$' && walk->text.bytes - walk->at >= walk->tag_bytes &&
            memcmp(walk->text.data + walk->at, walk->tag, walk->tag_bytes) == 0) {
            walk->place = BARE;
            return walk->tag_bytes;
        }
        return 1;
    }
    return 1;
}

int rbk_template_sql(struct rbk_arena *arena, struct rbk_pieces statement,
                     struct rbk_taken *ret_taken, const char **ret_fault)
{
    struct rbk_buffer out;
    rbk_buffer_init(&out, RBK_TEMPLATE_BYTES_MAX);
    const void **values = rbk_new_array(arena, const void *, statement.count + 1);
    size_t count = 0;
    struct walk walk = {.place = BARE};
    int result = -1;

    for (size_t i = 0; i < statement.count; i++) {
        const struct rbk_piece *piece = &statement.items[i];
        if (piece->value == NULL) {
            walk.text = piece->text;
            for (walk.at = 0; walk.at < piece->text.bytes;) {
                walk.at += step(&walk);
            }
            rbk_buffer_append_str(&out, piece->text);
            continue;
        }
        if (walk.place != BARE) {
            *ret_fault = walk.place == LINE_COMMENT || walk.place == BLOCK_COMMENT
                             ? "no value can stand in a comment"
                             : "no value can stand inside quotes: it becomes a bind parameter, "
                               "which a quoted text would hide";
            goto out;
        }
        values[count++] = piece->value;
        rbk_buffer_printf(&out, "$%zu", count);
    }
    if (out.error != 0) {
        *ret_fault = "the statement is too large";
        goto out;
    }
    *ret_taken = (struct rbk_taken){rbk_arena_copy(arena, rbk_buffer_str(&out)), values, count};
    result = 0;
out:
    rbk_buffer_fini(&out);
    return result;
}
