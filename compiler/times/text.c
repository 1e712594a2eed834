/*
 * Times and statements as a person reads them.
 */
#include "compiler/times/times.h"
#include "compiler/times/walk.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/utf8.h"

#include <stdio.h>

static const struct {
    const char *word;
    uint64_t ms;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

const char *rbk_times_text(uint64_t ms, char out[RBK_TIMES_TEXT_BYTES])
{
    size_t bytes = 0;
    if (ms >= RBK_WORST_MS_MAX) {
        snprintf(out, RBK_TIMES_TEXT_BYTES, "longer than any run");
        return out;
    }
    snprintf(out, RBK_TIMES_TEXT_BYTES, "0s");
    for (size_t i = 0; i < RBK_COUNT(units); i++) {
        uint64_t count = ms / units[i].ms;
        ms %= units[i].ms;
        if (count) {
            bytes += (size_t)snprintf(out + bytes, RBK_TIMES_TEXT_BYTES - bytes, "%llu%s",
                                      (unsigned long long)count, units[i].word);
        }
    }
    return out;
}

const char *rbk_times_literal(uint64_t ms, char out[RBK_TIMES_TEXT_BYTES])
{
    /* What may be counted in a unit before the next one is taken. */
    static const struct {
        uint64_t above_ms;
        uint64_t grain_ms;
    } grains[] = {{36000000, 3600000}, {120000, 60000}, {1000, 1000}, {0, 1}};
    size_t unit = 0;
    size_t row = 0;
    while (row + 1 < RBK_COUNT(grains) && ms <= grains[row].above_ms) {
        row++;
    }
    uint64_t grain = grains[row].grain_ms;
    ms += (grain - ms % grain) % grain;
    while (ms % units[unit].ms != 0 || ms < units[unit].ms) {
        if (unit + 1 == RBK_COUNT(units)) {
            break;
        }
        unit++;
    }
    snprintf(out, RBK_TIMES_TEXT_BYTES, "%llu%s", (unsigned long long)(ms / units[unit].ms),
             units[unit].word);
    return out;
}

struct rbk_str rbk_times_words(struct rbk_times *times, const struct rbk_source *source,
                               const struct rbk_tree_statement *statement, uint32_t characters_max)
{
    const char *text = source->text.data + statement->head.start;
    size_t left = statement->head.end - statement->head.start;
    char *out = rbk_arena_alloc(times->arena, left + 4, 1);
    size_t bytes = 0;
    uint32_t characters = 0;
    for (size_t at = 0; at < left;) {
        struct rbk_str rest = {text, left};
        size_t length = rbk_utf8_decode(rest, at, NULL);
        bool blank = text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r';
        length = length ? length : 1;
        if (blank && (bytes == 0 || out[bytes - 1] == ' ')) {
            at += length;
            continue;
        }
        if (characters + 1 == characters_max && at + length < left) {
            bytes += (size_t)snprintf(out + bytes, 4, "…");
            return (struct rbk_str){out, bytes};
        }
        for (size_t i = 0; i < length; i++) {
            out[bytes++] = blank ? ' ' : text[at + i];
        }
        characters++;
        at += length;
    }
    while (bytes > 0 && out[bytes - 1] == ' ') {
        bytes--;
    }
    return (struct rbk_str){out, bytes};
}

struct rbk_str rbk_times_file(const struct rbk_times *times, const struct rbk_source *source)
{
    const struct rbk_program *program = times->program;
    for (uint32_t i = 0; i < program->file_count; i++) {
        if (program->files[i]->tree->source == source && program->files[i]->module.bytes) {
            return program->files[i]->module;
        }
    }
    return source->path;
}

struct rbk_str rbk_times_point_words(struct rbk_times *times, const struct rbk_abort_point *point)
{
    const struct rbk_statements *stages = &times->program->head[RBK_STATEMENT_STAGE];
    struct rbk_str name = point->kind == RBK_POINT_EARLY || point->kind == RBK_POINT_STAGE
                              ? stages->items[point->stage]->name->name->text
                              : RBK_STR("");
    switch (point->kind) {
    case RBK_POINT_HEAD:
        return RBK_STR("before the first stage");
    case RBK_POINT_EARLY:
        return rbk_arena_printf(times->arena, "while `%.*s` is prepared", RBK_STR_ARG(name));
    case RBK_POINT_STAGE:
        return rbk_arena_printf(times->arena, "while `%.*s` is applied or verified",
                                RBK_STR_ARG(name));
    default:
        return RBK_STR("while every stage stands applied");
    }
}

struct rbk_str rbk_times_block_words(struct rbk_times *times,
                                     const struct rbk_tree_statement *statement)
{
    const char *words = rbk_statement_words((enum rbk_statement_kind)statement->kind);
    const struct rbk_tree_statement *around = statement->parent;
    if (statement->kind == RBK_STATEMENT_ROLLBACK && statement->name) {
        return rbk_arena_printf(times->arena, "%s %.*s", words,
                                RBK_STR_ARG(statement->name->name->text));
    }
    if (around && around->kind == RBK_STATEMENT_ROLLBACK) {
        struct rbk_str outer = rbk_times_block_words(times, around);
        return rbk_arena_printf(times->arena, "%.*s, %s", RBK_STR_ARG(outer), words);
    }
    if (around && around->kind == RBK_STATEMENT_BACKUP) {
        return rbk_arena_printf(times->arena, "backup %.*s, %s",
                                RBK_STR_ARG(around->name->name->text), words);
    }
    return rbk_str_from(words);
}
