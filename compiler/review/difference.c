/*
 * The comparison of whole plans: files, the SQL they read, and the order of what was found.
 */
#include "compiler/review/difference.h"

#include "compiler/compile.h"
#include "compiler/lower/sql_file.h"
#include "compiler/review/comparison.h"
#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/map.h"
#include "runtime/core/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_BYTES_MAX ((size_t)16 << 10)

/* ---- sentences ------------------------------------------------------------------------------- */

void rbk_comparison_add(struct rbk_comparison *comparison, enum rbk_change_weight weight,
                        const struct rbk_span *before, const struct rbk_span *after,
                        const char *format, ...)
{
    va_list arguments;
    struct rbk_buffer text;
    rbk_buffer_init(&text, SENTENCE_BYTES_MAX);
    va_start(arguments, format);
    (void)rbk_buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    struct rbk_change *change = rbk_new(comparison->arena, struct rbk_change);
    *change = (struct rbk_change){
        .weight = weight,
        .text = rbk_arena_copy(comparison->arena, rbk_buffer_str(&text)),
        .module = comparison->module,
    };
    if (before != NULL) {
        change->old_line = rbk_source_position(comparison->before->source, before->start).line;
    }
    if (after != NULL) {
        change->new_line = rbk_source_position(comparison->after->source, after->start).line;
    }
    rbk_buffer_fini(&text);
    if (comparison->last != NULL) {
        comparison->last->next = change;
    } else {
        comparison->first = change;
    }
    comparison->last = change;
    comparison->count++;
}

struct rbk_str rbk_comparison_before(const struct rbk_comparison *comparison, struct rbk_span span)
{
    return rbk_wording_show(comparison->arena, comparison->before, span, RBK_COMPARISON_SHOWN);
}

struct rbk_str rbk_comparison_after(const struct rbk_comparison *comparison, struct rbk_span span)
{
    return rbk_wording_show(comparison->arena, comparison->after, span, RBK_COMPARISON_SHOWN);
}

bool rbk_comparison_same(const struct rbk_comparison *comparison, struct rbk_span before,
                         struct rbk_span after)
{
    return rbk_wording_same(comparison->before, before, comparison->after, after);
}

/* ---- SQL files ------------------------------------------------------------------------------- */

/* The texts of SQL files by the name a plan gives them. */
struct sql_files {
    struct rbk_arena *arena;
    const struct rbk_source *source; /* Of the file being walked. */
    struct rbk_map texts;            /* name -> struct rbk_str */
};

/* Remember the file an expression names. Depth is bounded by the parser. */
static void find_in_expr(struct sql_files *files, const struct rbk_tree_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    find_in_expr(files, expr->left);
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_FILE: {
        struct rbk_str *text = rbk_new(files->arena, struct rbk_str);
        const struct rbk_tree_expr *name = expr->left;
        if (name->kind == RBK_EXPR_STRING && !name->has_parts &&
            rbk_sql_file_read(files->arena, files->source, name->text, text) == NULL) {
            (void)!rbk_map_add(&files->texts, name->text, text);
        }
        break;
    }
    case RBK_EXPR_BINARY:
        find_in_expr(files, expr->right);
        break;
    case RBK_EXPR_CALL:
        for (const struct rbk_tree_argument *a = expr->arguments; a != NULL; a = a->next) {
            find_in_expr(files, a->value);
        }
        break;
    case RBK_EXPR_LIST:
        for (const struct rbk_tree_expr *item = expr->items; item != NULL; item = item->next) {
            find_in_expr(files, item);
        }
        break;
    case RBK_EXPR_STRING:
        for (const struct rbk_tree_expr *part = expr->has_parts ? expr->parts : NULL; part != NULL;
             part = part->next) {
            find_in_expr(files, part);
        }
        break;
    default:
        break;
    }
}

static void find_in_statement(struct sql_files *files, const struct rbk_tree_statement *statement)
{
    find_in_expr(files, statement->value);
    for (const struct rbk_tree_clause *c = statement->clauses; c != NULL; c = c->next) {
        find_in_expr(files, c->value);
    }
}

/* Every SQL file that a file of a program reads. */
static void find_sql(struct sql_files *files, struct rbk_arena *arena,
                     const struct rbk_tree_file *tree)
{
    *files = (struct sql_files){.arena = arena, .source = tree->source};
    rbk_map_init(&files->texts, arena);
    for (struct rbk_tree_statement *root = tree->block.first; root != NULL; root = root->next) {
        for (struct rbk_tree_statement *s = root; s != NULL; s = rbk_statement_next(root, s)) {
            find_in_statement(files, s);
        }
    }
}

/* How many lines of one text the other does not have, counted as often as they occur. */
static uint32_t lines_only_in(struct rbk_arena *arena, struct rbk_str text, struct rbk_str other)
{
    struct rbk_map counts;
    uint32_t result = 0;
    rbk_map_init(&counts, arena);
    while (other.bytes > 0) {
        size_t end = rbk_str_find(other, '\n');
        struct rbk_str line = rbk_str_slice(other, 0, end);
        uint32_t count = 0;
        (void)!rbk_map_get_index(&counts, line, &count);
        rbk_map_set_index(&counts, line, count + 1);
        other = rbk_str_slice(other, end + 1, other.bytes);
    }
    while (text.bytes > 0) {
        size_t end = rbk_str_find(text, '\n');
        struct rbk_str line = rbk_str_slice(text, 0, end);
        uint32_t count = 0;
        if (rbk_map_get_index(&counts, line, &count) && count > 0) {
            rbk_map_set_index(&counts, line, count - 1);
        } else {
            result++;
        }
        text = rbk_str_slice(text, end + 1, text.bytes);
    }
    return result;
}

static void compare_sql(struct rbk_comparison *comparison, const struct rbk_tree_file *before,
                        const struct rbk_tree_file *after)
{
    struct sql_files old_files;
    struct sql_files new_files;
    find_sql(&old_files, comparison->arena, before);
    find_sql(&new_files, comparison->arena, after);
    for (size_t i = 0; i < new_files.texts.count; i++) {
        const struct rbk_map_entry *entry = &new_files.texts.entries[i];
        const struct rbk_str *now = entry->value.pointer;
        const struct rbk_str *was = rbk_map_get(&old_files.texts, entry->key);
        if (was == NULL || rbk_str_equal(*was, *now)) {
            continue; /* a name that is new stands in a statement, which differs */
        }
        uint32_t added = lines_only_in(comparison->arena, *now, *was);
        uint32_t removed = lines_only_in(comparison->arena, *was, *now);
        if (added + removed == 0) {
            rbk_comparison_add(comparison, RBK_CHANGE_OTHER, NULL, NULL,
                               "SQL file " RBK_CODE("%.*s") " changed: the same lines in another "
                                                            "order",
                               RBK_STR_ARG(entry->key));
        } else {
            rbk_comparison_add(comparison, RBK_CHANGE_OTHER, NULL, NULL,
                               "SQL file " RBK_CODE("%.*s") " changed: +%u −%u lines",
                               RBK_STR_ARG(entry->key), added, removed);
        }
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static const struct rbk_program_file *find_file(const struct rbk_program *program,
                                                struct rbk_str module)
{
    for (uint32_t i = 0; i < program->file_count; i++) {
        if (rbk_str_equal(program->files[i]->module, module)) {
            return program->files[i];
        }
    }
    return NULL;
}

static void compare_files(struct rbk_comparison *comparison,
                          const struct rbk_difference_side *before_side,
                          const struct rbk_difference_side *after_side,
                          const struct rbk_program_file *before,
                          const struct rbk_program_file *after)
{
    struct rbk_wording before_wording;
    struct rbk_wording after_wording;
    if (before->tree->broken || after->tree->broken) {
        return;
    }
    bool same_text = rbk_str_equal(before->tree->source->text, after->tree->source->text);
    if (same_text) {
        compare_sql(comparison, before->tree, after->tree);
        return;
    }
    rbk_wording_scan(&before_wording, comparison->arena, &before_side->compile->names,
                     before->tree->source);
    rbk_wording_scan(&after_wording, comparison->arena, &after_side->compile->names,
                     after->tree->source);
    comparison->before = &before_wording;
    comparison->after = &after_wording;
    comparison->module = after->module;
    comparison->where = after->module.bytes == 0
                            ? RBK_STR("")
                            : rbk_arena_printf(comparison->arena, " of module " RBK_CODE("%.*s"),
                                               RBK_STR_ARG(after->module));
    rbk_comparison_blocks(comparison, &before->tree->block, &after->tree->block);
    compare_sql(comparison, before->tree, after->tree);
    comparison->before = comparison->after = NULL;
}

/* Modules that only one of the plans loads. */
static void compare_modules(struct rbk_comparison *comparison, const struct rbk_program *program,
                            const struct rbk_program *other, const char *text)
{
    for (uint32_t i = 0; i < program->file_count; i++) {
        const struct rbk_program_file *file = program->files[i];
        if (find_file(other, file->module) == NULL) {
            rbk_comparison_add(comparison, RBK_CHANGE_OTHER, NULL, NULL,
                               "module " RBK_CODE("%.*s") " %s", RBK_STR_ARG(file->module), text);
        }
    }
}

/* Move the changes of one weight to the end of another list. */
static void take_weight(struct rbk_change **from, enum rbk_change_weight weight,
                        struct rbk_change ***end)
{
    while (*from != NULL) {
        struct rbk_change *change = *from;
        if (change->weight != weight) {
            from = &change->next;
            continue;
        }
        *from = change->next;
        change->next = NULL;
        **end = change;
        *end = &change->next;
    }
}

void rbk_difference_compare(struct rbk_arena *arena, const struct rbk_difference_side *before,
                            const struct rbk_difference_side *after,
                            struct rbk_difference *ret_difference)
{
    const struct rbk_program *old_program = &before->compile->program;
    const struct rbk_program *new_program = &after->compile->program;
    *ret_difference = (struct rbk_difference){.count = 0};
    bool known = before->machine != NULL && after->machine != NULL;
    if (known && strcmp(before->machine->hash, after->machine->hash) == 0) {
        return;
    }
    struct rbk_comparison comparison = {.arena = arena};
    for (uint32_t i = 0; i < new_program->file_count; i++) {
        const struct rbk_program_file *file = new_program->files[i];
        const struct rbk_program_file *old_file = find_file(old_program, file->module);
        if (old_file != NULL) {
            compare_files(&comparison, before, after, old_file, file);
        }
    }
    comparison.module = RBK_STR("");
    compare_modules(&comparison, new_program, old_program, "is used now");
    compare_modules(&comparison, old_program, new_program, "is no longer used");
    if (known) {
        rbk_comparison_times(&comparison, before->compile, after->compile);
    }
    if (known && comparison.count == 0) {
        rbk_comparison_add(&comparison, RBK_CHANGE_OTHER, NULL, NULL,
                           "the machines differ although the plans are written the same: they were "
                           "made by different compilers, or from files that are not shown here");
    }
    struct rbk_change **end = &ret_difference->first;
    for (unsigned weight = RBK_CHANGE_WEAKER; weight <= RBK_CHANGE_STRONGER; weight++) {
        take_weight(&comparison.first, (enum rbk_change_weight)weight, &end);
    }
    for (const struct rbk_change *c = ret_difference->first; c != NULL; c = c->next) {
        ret_difference->count++;
        ret_difference->weaker += c->weight == RBK_CHANGE_WEAKER ? 1 : 0;
    }
}
