/*
 * What `rbkc times` prints for a person: tables whose columns line up, and the longest way back
 * step by step. Plain text, at most as wide as its widest name.
 */
#include "compiler/times/times.h"
#include "compiler/times/walk.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/utf8.h"

#include <string.h>

#define COLUMNS_MAX 8
/* Words of a statement shown in a path. */
#define WORDS_MAX 56

static const char none[] = "\033[0m";
static const char bold[] = "\033[1m";
static const char alarm[] = "\033[1;31m";

struct cell {
    struct rbk_str text;
    const char *colour; /* NULL: none */
    bool right;         /* set against the right edge of its column */
};

struct table {
    struct printer *printer;
    uint32_t columns;
    uint32_t rows;
    uint32_t capacity;
    struct cell *cells; /* row after row */
};

struct printer {
    struct rbk_times *times;
    struct rbk_arena *arena;
    struct rbk_buffer *out;
    bool colour;
};

/* ---- tables ---------------------------------------------------------------------------------- */

static size_t characters(struct rbk_str text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.bytes; count++) {
        size_t bytes = rbk_utf8_decode(text, at, NULL);
        at += bytes ? bytes : 1;
    }
    return count;
}

static struct cell *row(struct table *table)
{
    if (table->rows == table->capacity) {
        uint32_t capacity = table->capacity ? table->capacity * 2 : 16;
        struct cell *cells =
            rbk_new_array(table->printer->arena, struct cell, (size_t)capacity * table->columns);
        if (table->rows) {
            memcpy(cells, table->cells, (size_t)table->rows * table->columns * sizeof(*cells));
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    struct cell *cells = &table->cells[(size_t)table->rows++ * table->columns];
    for (uint32_t i = 0; i < table->columns; i++) {
        cells[i] = (struct cell){.text = RBK_STR("")};
    }
    return cells;
}

static struct cell words(struct rbk_str text)
{
    return (struct cell){.text = text};
}

static struct cell literal(const char *text)
{
    return words(rbk_str_from(text));
}

static struct cell head(const char *text, bool right)
{
    return (struct cell){rbk_str_from(text), bold, right};
}

/* A time; what is longer than it should be stands out. */
static struct cell time_cell(struct printer *printer, uint64_t ms, uint64_t limit_ms)
{
    char text[RBK_TIMES_TEXT_BYTES];
    struct rbk_str copy = rbk_arena_printf(printer->arena, "%s", rbk_times_text(ms, text));
    return (struct cell){copy, limit_ms && ms > limit_ms ? alarm : NULL, true};
}

static struct cell time_or_dash(struct printer *printer, uint64_t ms)
{
    struct cell dash = literal("-");
    dash.right = true;
    return ms ? time_cell(printer, ms, 0) : dash;
}

static void pad(struct printer *printer, size_t count)
{
    while (count-- > 0) {
        rbk_buffer_append_byte(printer->out, ' ');
    }
}

static void paint(struct printer *printer, const char *colour, struct rbk_str text)
{
    bool on = printer->colour && colour && text.bytes;
    rbk_buffer_append_text(printer->out, on ? colour : "");
    rbk_buffer_append_str(printer->out, text);
    rbk_buffer_append_text(printer->out, on ? none : "");
}

static void print_table(struct table *table)
{
    struct printer *printer = table->printer;
    size_t widths[COLUMNS_MAX] = {0};
    for (uint32_t i = 0; i < table->rows * table->columns; i++) {
        size_t width = characters(table->cells[i].text);
        size_t *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (uint32_t i = 0; i < table->rows; i++) {
        const struct cell *cells = &table->cells[(size_t)i * table->columns];
        size_t owed = 2; /* blanks are written before the next text only: no line ends in one */
        for (uint32_t k = 0; k < table->columns; k++) {
            size_t blank = widths[k] - characters(cells[k].text);
            if (cells[k].text.bytes) {
                pad(printer, owed + (cells[k].right ? blank : 0));
                paint(printer, cells[k].colour, cells[k].text);
                owed = cells[k].right ? 0 : blank;
            } else {
                owed += blank;
            }
            owed += 2;
        }
        rbk_buffer_append_byte(printer->out, '\n');
    }
    rbk_buffer_append_byte(printer->out, '\n');
}

static void heading(struct printer *printer, const char *text)
{
    paint(printer, bold, rbk_str_from(text));
    rbk_buffer_append_byte(printer->out, '\n');
}

/* ---- the tables ------------------------------------------------------------------------------ */

static struct rbk_str stage_name(const struct rbk_stage_times *stage)
{
    const struct rbk_tree_statement *statement = stage->stage->statement;
    return statement->kind == RBK_STATEMENT_RETIRE ? RBK_STR("retire")
                                                   : statement->name->name->text;
}

static void stage_row(struct table *table, const struct rbk_stage_times *stage)
{
    struct printer *printer = table->printer;
    struct cell *cells = row(table);
    cells[0] = words(stage_name(stage));
    cells[1] = words(stage->stage->kind ? stage->stage->kind->name->name->text : RBK_STR("-"));
    uint64_t gates_ms = rbk_worst_add_ms(stage->parts[RBK_TIMES_REQUIRE].ok_ms,
                                         stage->parts[RBK_TIMES_APPROVE].ok_ms);
    cells[2] = time_or_dash(printer, gates_ms);
    cells[3] = time_or_dash(printer, stage->parts[RBK_TIMES_PREPARE].ok_ms);
    cells[4] = time_or_dash(printer, stage->parts[RBK_TIMES_APPLY].ok_ms);
    cells[5] = time_or_dash(printer, stage->parts[RBK_TIMES_VERIFY].ok_ms);
    cells[6] = stage->strategy_count ? time_cell(printer, stage->back_ms, stage->guideline_ms)
                                     : time_or_dash(printer, 0);
    cells[7] = time_or_dash(printer, stage->guideline_ms);
}

static void each_stage(struct rbk_times *times, struct table *table,
                       void (*on)(struct table *table, const struct rbk_stage_times *stage))
{
    const enum rbk_statement_kind kinds[] = {RBK_STATEMENT_STAGE, RBK_STATEMENT_RETIRE};
    for (size_t k = 0; k < RBK_COUNT(kinds); k++) {
        const struct rbk_statements *list = &times->program->head[kinds[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            on(table, rbk_times_stage(times, list->items[i]));
        }
    }
}

static void print_stages(struct printer *printer)
{
    struct table table = {.printer = printer, .columns = 8};
    struct cell *cells = row(&table);
    const char *const heads[] = {"stage", "kind",   "gates", "prepare",
                                 "apply", "verify", "back",  "guideline"};
    for (uint32_t i = 0; i < table.columns; i++) {
        cells[i] = head(heads[i], i > 1);
    }
    each_stage(printer->times, &table, stage_row);
    heading(printer, "Stages");
    print_table(&table);
}

static void block_rows(struct table *table, const struct rbk_stage_times *stage)
{
    struct printer *printer = table->printer;
    for (uint32_t i = 0; i < stage->block_count; i++) {
        const struct rbk_times_block *block = &stage->blocks[i];
        struct cell *cells = row(table);
        cells[0] = words(stage_name(stage));
        cells[1] = words(rbk_times_block_words(printer->times, block->statement));
        cells[2] = time_cell(printer, block->within_ms, 0);
        cells[3] = time_cell(printer, block->inside.needs_ms, block->within_ms);
        cells[4] = literal(block->inside.open ? "and steps that take what remains" : "");
    }
}

static void print_blocks(struct printer *printer)
{
    struct table table = {.printer = printer, .columns = 5};
    struct cell *cells = row(&table);
    cells[0] = head("stage", false);
    cells[1] = head("block", false);
    cells[2] = head("within", true);
    cells[3] = head("written", true);
    each_stage(printer->times, &table, block_rows);
    if (table.rows > 1) {
        heading(printer, "Blocks");
        print_table(&table);
    }
}

static uint64_t rollback_within_ms(const struct rbk_times *times)
{
    const struct rbk_tree_statement *statement =
        rbk_program_head(times->program, RBK_STATEMENT_ROLLBACK_WITHIN);
    const struct rbk_tree_clause *within =
        statement ? rbk_tree_clause_find(statement, RBK_CLAUSE_WITHIN) : NULL;
    return within ? rbk_clause_duration_ms(within) : 0;
}

static void print_points(struct printer *printer, const struct rbk_abort_points *points)
{
    uint64_t limit_ms = rollback_within_ms(printer->times);
    struct table table = {.printer = printer, .columns = 5};
    struct cell *cells = row(&table);
    const char *const heads[] = {"decision", "stop", "back", "release", "total"};
    for (uint32_t i = 0; i < table.columns; i++) {
        cells[i] = head(heads[i], i > 0);
    }
    for (uint32_t i = 0; i < points->count; i++) {
        const struct rbk_abort_point *point = &points->items[i];
        cells = row(&table);
        cells[0] = words(rbk_times_point_words(printer->times, point));
        cells[1] = time_or_dash(printer, point->stop_ms);
        cells[2] = time_or_dash(printer, point->back_ms);
        cells[3] = time_or_dash(printer, point->release_ms);
        cells[4] = time_cell(printer, point->total_ms, limit_ms);
    }
    heading(printer, "From the decision to abort to everything back and verified");
    print_table(&table);
}

/* ---- the longest way back -------------------------------------------------------------------- */

static struct rbk_str place_of(struct printer *printer, const struct rbk_times_share *share)
{
    struct rbk_position position = rbk_source_position(share->source, share->statement->head.start);
    struct rbk_str file = rbk_times_file(printer->times, share->source);
    return rbk_arena_printf(printer->arena, "%.*s:%u", RBK_STR_ARG(file), position.line);
}

/* The columns of a way back: a strategy's time, a step's, what, why, where. */
enum { LEG_TIME, STEP_TIME, WHAT, WHY, WHERE, WAY_COLUMNS };

static void share_row(struct table *table, const struct rbk_times_share *share)
{
    struct printer *printer = table->printer;
    struct cell *cells = row(table);
    struct rbk_str how = share->how;
    if (share->turns > 1) {
        how = rbk_arena_printf(printer->arena, "%llu × %.*s", (unsigned long long)share->turns,
                               RBK_STR_ARG(how));
    }
    cells[STEP_TIME] = time_cell(printer, share->ms, 0);
    if (!share->statement) {
        cells[WHAT] = words(how);
        return;
    }
    cells[WHAT] =
        words(rbk_times_words(printer->times, share->source, share->statement, WORDS_MAX));
    cells[WHY] = words(how);
    cells[WHERE] = words(place_of(printer, share));
}

/* A line of the way that has no steps of its own, or stands above them. */
static void leg_row(struct table *table, uint64_t ms, struct rbk_str what)
{
    struct cell *cells = row(table);
    cells[LEG_TIME] = time_cell(table->printer, ms, 0);
    cells[LEG_TIME].colour = bold;
    cells[WHAT] = words(what);
    cells[WHAT].colour = bold;
}

static void leg_rows(struct table *table, const struct rbk_times_leg *leg)
{
    struct printer *printer = table->printer;
    const struct rbk_program_stage *stage = leg->stage->stage;
    struct rbk_times_path path;
    struct rbk_str name =
        rbk_times_block_words(printer->times, stage->rollbacks.items[leg->strategy]);
    leg_row(table, leg->ms,
            rbk_arena_printf(printer->arena, "%.*s: %.*s%s", RBK_STR_ARG(stage_name(leg->stage)),
                             RBK_STR_ARG(name), leg->fails ? ", which fails" : ""));
    rbk_times_path_of_strategy(printer->times, stage, leg->strategy, leg->fails, &path);
    for (uint32_t i = 0; i < path.count; i++) {
        share_row(table, &path.items[i]);
    }
}

static void print_longest(struct printer *printer, const struct rbk_abort_points *points)
{
    const struct rbk_abort_point *point = &points->items[points->worst];
    struct table table = {.printer = printer, .columns = WAY_COLUMNS};
    char text[RBK_TIMES_TEXT_BYTES];
    uint32_t count;
    const struct rbk_times_leg *legs = rbk_times_way_back(printer->times, point, &count);
    if (point->total_ms == 0) {
        return;
    }
    struct rbk_str where = rbk_times_point_words(printer->times, point);
    heading(printer, rbk_arena_printf(printer->arena, "The longest: %s, decided %.*s",
                                      rbk_times_text(point->total_ms, text), RBK_STR_ARG(where))
                         .data);
    if (point->stop_ms) {
        struct rbk_times_share stop = {
            .statement = point->stop_by, .source = point->stop_source, .ms = point->stop_ms};
        leg_row(&table, point->stop_ms, RBK_STR("stopping the step under way"));
        stop.how = RBK_STR("until it is dead, or a person has answered");
        share_row(&table, &stop);
    }
    for (uint32_t i = 0; i < count; i++) {
        leg_rows(&table, &legs[i]);
    }
    if (point->release_ms) {
        leg_row(&table, point->release_ms, RBK_STR("releasing the locks"));
    }
    print_table(&table);
}

static void print_assumed(struct printer *printer)
{
    const struct rbk_statements *assumed = rbk_times_assumed(printer->times);
    for (uint32_t i = 0; i < assumed->count; i++) {
        const struct rbk_tree_expr *value = assumed->items[i]->value;
        char text[RBK_TIMES_TEXT_BYTES];
        rbk_buffer_printf(
            printer->out, "Taken as its default: %.*s = %s\n",
            RBK_STR_ARG(assumed->items[i]->name->name->text),
            value->kind == RBK_EXPR_DURATION ? rbk_times_text((uint64_t)value->number, text) : "…");
    }
}

void rbk_times_print(struct rbk_times *times, bool colour, struct rbk_buffer *out)
{
    struct printer printer = {times, times->arena, out, colour};
    const struct rbk_abort_points *points = rbk_times_points(times);
    uint64_t limit_ms = rollback_within_ms(times);
    char text[RBK_TIMES_TEXT_BYTES];
    rbk_buffer_printf(out, "Forward at most %s, stage by stage as they depend on each other.\n",
                      rbk_times_text(rbk_times_forward_ms(times), text));
    rbk_buffer_printf(out, "Back at most %s",
                      rbk_times_text(points->items[points->worst].total_ms, text));
    if (limit_ms) {
        rbk_buffer_printf(out, ", of `rollback within %s`", rbk_times_text(limit_ms, text));
    }
    rbk_buffer_append_text(out, ".\n\n");
    print_stages(&printer);
    print_blocks(&printer);
    print_points(&printer, points);
    print_longest(&printer, points);
    print_assumed(&printer);
}
