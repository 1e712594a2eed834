/*
 * Texts of SQL steps. A file is read once however often it is named, and becomes a source, so that
 * reports can show its lines. A text in the plan is used where it lies when nothing is
 * interpolated.
 */
#include "compiler/rules/sql_text.h"

#include "compiler/lower/sql_file.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <string.h>

/* Files of one compilation that are kept to be shown; the others' texts are, too, without a cache.
 */
#define MARK_BYTES_MAX 120u

/* What a connection speaks; false when it may be either. */
static bool dialect_of(const struct rbk_declaration *connection, enum rbk_sql_dialect *ret_dialect)
{
    unsigned mask = connection ? connection->typing.element & RBK_CONNECTIONS_SQL : 0;
    *ret_dialect =
        mask == RBK_CONNECTION_BIT(RBK_CONNECTION_SQLITE) ? RBK_SQL_SQLITE : RBK_SQL_POSTGRES;
    return mask == RBK_CONNECTION_BIT(RBK_CONNECTION_SQLITE) ||
           mask == RBK_CONNECTION_BIT(RBK_CONNECTION_POSTGRES);
}

static struct rbk_str join_parts(struct rbk_arena *arena, const struct rbk_tree_expr *string)
{
    struct rbk_buffer joined;
    unsigned values = 0;
    rbk_buffer_init(&joined, RBK_TEMPLATE_BYTES_MAX);
    for (const struct rbk_tree_expr *part = string->parts; part; part = part->next) {
        if (part->kind == RBK_EXPR_TEXT) {
            (void)rbk_buffer_append_str(&joined, part->text);
        } else {
            (void)rbk_buffer_printf(&joined, "$%u", ++values);
        }
    }
    struct rbk_str text = rbk_arena_copy(arena, rbk_buffer_str(&joined));
    rbk_buffer_fini(&joined);
    return text;
}

/* The path as seen from the working directory, as those of plans and modules are. */
static struct rbk_str path_beside(struct rbk_arena *arena, struct rbk_str from, struct rbk_str name)
{
    size_t slash = from.bytes;
    while (slash > 0 && from.data[slash - 1] != '/') {
        slash--;
    }
    slash = name.bytes > 0 && name.data[0] == '/' ? 0 : slash;
    return rbk_arena_printf(arena, "%.*s%.*s", (int)slash, from.data, RBK_STR_ARG(name));
}

/* The file that a source names, or NULL. */
static const struct rbk_source *file_of(struct rbk_rules *rules, struct rbk_str name)
{
    struct rbk_arena *arena = &rules->compile->arena;
    struct rbk_str key = rbk_arena_printf(arena, "%u %.*s", rules->source->id, RBK_STR_ARG(name));
    if (!rules->sql_files.arena) {
        rbk_map_init(&rules->sql_files, arena);
    }
    struct rbk_map_entry *known = rbk_map_find(&rules->sql_files, key);
    if (known) {
        return known->value.pointer;
    }
    struct rbk_str text;
    struct rbk_source *source = NULL;
    if (rbk_sql_file_read(arena, rules->source, name, &text) == NULL) {
        source = rbk_source_from_text(arena, path_beside(arena, rules->source->path, name), text);
        source->id = UINT32_MAX; /* none of the plan's own */
    }
    rbk_map_set(&rules->sql_files, key, source);
    return source;
}

bool rbk_sql_text_of(struct rbk_rules *rules, const struct rbk_tree_statement *statement,
                     struct rbk_sql_text *ret_text)
{
    const struct rbk_tree_expr *expr = statement->value;
    *ret_text = (struct rbk_sql_text){.expr = expr};
    if (!expr || !statement->name || !dialect_of(statement->name->ref, &ret_text->dialect)) {
        return false;
    }
    if (expr->kind == RBK_EXPR_FILE) {
        if (expr->left->kind != RBK_EXPR_STRING || expr->left->has_parts) {
            return false;
        }
        ret_text->file = file_of(rules, expr->left->text);
        ret_text->text = ret_text->file ? ret_text->file->text : RBK_STR("");
        return ret_text->file != NULL;
    }
    if (expr->kind != RBK_EXPR_STRING) {
        return false;
    }
    ret_text->text = expr->has_parts ? join_parts(&rules->compile->arena, expr) : expr->text;
    return true;
}

/* How often @piece stands in the bytes before @end. */
static size_t count_before(const char *text, const char *end, struct rbk_str piece)
{
    size_t count = 0;
    for (const char *at = text; at < end; at++) {
        at = memmem(at, (size_t)(end - at), piece.data, piece.bytes);
        if (!at) {
            break;
        }
        count++;
    }
    return count;
}

/* As much of a piece as certainly reads in the source as it does in the text: to the end of its
 * line, and not into an escape or a value. */
static struct rbk_str plain_start(struct rbk_str piece)
{
    size_t bytes = 0;
    while (bytes < piece.bytes && !strchr("\n\r\\\"$", piece.data[bytes])) {
        bytes++;
    }
    return rbk_str_trim(rbk_str_slice(piece, 0, bytes));
}

struct rbk_span rbk_sql_text_span(const struct rbk_rules *rules, const struct rbk_sql_text *text,
                                  struct rbk_str piece)
{
    struct rbk_span whole = text->expr->span;
    struct rbk_str mark = plain_start(piece);
    if (text->file || mark.bytes == 0) {
        return whole;
    }
    size_t skipped = count_before(text->text.data, piece.data, mark);
    struct rbk_str source = rbk_source_text(rules->source, whole);
    const char *end = source.data + source.bytes;
    const char *at = source.data;
    for (size_t i = 0; at; i++) {
        at = memmem(at, (size_t)(end - at), mark.data, mark.bytes);
        if (at && i == skipped) {
            uint32_t start = whole.start + (uint32_t)(at - source.data);
            return rbk_span_make(start, start + (uint32_t)mark.bytes);
        }
        at = at ? at + 1 : NULL;
    }
    return whole;
}

struct rbk_place rbk_sql_text_place(const struct rbk_sql_text *text, struct rbk_str piece)
{
    uint32_t start = (uint32_t)(piece.data - text->text.data);
    size_t bytes = 0;
    while (bytes < piece.bytes && bytes < MARK_BYTES_MAX && piece.data[bytes] != '\n') {
        bytes++;
    }
    return rbk_place_make(text->file, rbk_span_make(start, start + (uint32_t)bytes));
}
