/*
 * Diagnostics as text. Two layouts:
 *
 *     error[RBK101]: stage `migrate` has no rollback        plan.rbk:12:5: error: stage … [RBK101]
 *       --> plan.rbk:12:5
 *        |
 *     12 |     stage migrate "Move the rows" {
 *        |     ^^^^^^^^^^^^^ a label
 *        |
 *        = help: Add …
 *
 * A column of the output is a character of the source; a tab is widened to the next multiple of
 * four, in the source line and in the marker line alike. Characters that would change what a
 * terminal shows (controls, bidirectional marks, broken UTF-8) are replaced, because the message
 * about them must not suffer from them. Of a very long line only the part around the first marker
 * is shown. A span over several lines is marked on its first.
 */
#include "compiler/diagnostic.h"

#include "compiler/script.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/error.h"
#include "runtime/core/base/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAB_COLUMNS 4u
/* Columns shown of one source line, and how many of them before the first marker of a long one. */
#define LINE_COLUMNS_MAX 160u
#define LINE_COLUMNS_BEFORE 60u
/* All text of one compilation: a hundred records with a few lines each, and long names. */
#define RENDER_BYTES_MAX ((size_t)16 << 20)

/* What is written to, and how. */
struct printer {
    struct rbk_buffer *buffer;
    bool colour;
    unsigned gutter; /* Digits of the largest line number of the record. */
};

/* A marker below a source line. */
struct marker {
    struct rbk_place place;
    struct rbk_str text;
    bool is_primary;
    uint32_t line;
};

static const char colour_none[] = "\033[0m";
static const char colour_bold[] = "\033[1m";
static const char colour_frame[] = "\033[1;34m";

static void paint(struct printer *printer, const char *colour)
{
    if (printer->colour) {
        rbk_buffer_append_text(printer->buffer, colour);
    }
}

const char *rbk_severity_name(enum rbk_severity severity)
{
    return severity == RBK_SEVERITY_ERROR     ? "error"
           : severity == RBK_SEVERITY_WARNING ? "warning"
                                              : "note";
}

static const char *severity_colour(uint8_t severity)
{
    return severity == RBK_SEVERITY_ERROR     ? "\033[1;31m"
           : severity == RBK_SEVERITY_WARNING ? "\033[1;33m"
                                              : "\033[1;32m";
}

/* The character at @at: its bytes, what to show for it, and the columns that takes from @column. */
static size_t next_character(struct rbk_str line, size_t at, unsigned column,
                             struct rbk_str *ret_shown, unsigned *ret_columns)
{
    uint32_t character = 0;
    size_t bytes = rbk_utf8_decode(line, at, &character);
    *ret_columns = 1;
    if (bytes == 0) {
        *ret_shown = RBK_STR("\xef\xbf\xbd");
        return 1;
    }
    if (character == '\t') {
        *ret_columns = TAB_COLUMNS - column % TAB_COLUMNS;
        *ret_shown = (struct rbk_str){"    ", *ret_columns};
    } else if (character < 0x20 || (character >= 0x7f && character < 0xa0) ||
               rbk_script_is_hidden(character)) {
        *ret_shown = RBK_STR("\xef\xbf\xbd");
    } else {
        *ret_shown = rbk_str_slice(line, at, at + bytes);
    }
    return bytes;
}

/* The column, from 0, at which a byte of the line is shown; counted no further than past `most`. */
static unsigned column_of(struct rbk_str line, size_t offset, unsigned most)
{
    unsigned column = 0;
    for (size_t at = 0; at < line.bytes && at < offset && column <= most;) {
        struct rbk_str shown;
        unsigned columns;
        at += next_character(line, at, column, &shown, &columns);
        column += columns;
    }
    return column;
}

static void write_gutter(struct printer *printer, uint32_t line, const char *bar)
{
    paint(printer, colour_frame);
    if (line) {
        rbk_buffer_printf(printer->buffer, "%*u %s", (int)printer->gutter, line, bar);
    } else {
        rbk_buffer_printf(printer->buffer, "%*s %s", (int)printer->gutter, "", bar);
    }
    paint(printer, colour_none);
}

/* Write the columns from @first on of a source line. */
static void write_source_line(struct printer *printer, struct rbk_str line, uint32_t number,
                              unsigned first)
{
    write_gutter(printer, number, "|");
    if (line.bytes) {
        rbk_buffer_append_byte(printer->buffer, ' ');
    }
    if (first) {
        rbk_buffer_append_text(printer->buffer, "…");
    }
    unsigned column = 0;
    for (size_t at = 0; at < line.bytes;) {
        struct rbk_str shown;
        unsigned columns;
        at += next_character(line, at, column, &shown, &columns);
        if (column >= first + LINE_COLUMNS_MAX) {
            rbk_buffer_append_text(printer->buffer, "…");
            break;
        }
        if (column >= first) {
            rbk_buffer_append_str(printer->buffer, shown);
        }
        column += columns;
    }
    rbk_buffer_append_byte(printer->buffer, '\n');
}

/* Write the line of carets or dashes of one marker. */
static void write_marker(struct printer *printer, const struct marker *marker, struct rbk_str line,
                         unsigned first, const char *colour)
{
    const struct rbk_source *source = marker->place.source;
    uint32_t line_start = source->line_starts[marker->line - 1];
    unsigned start = column_of(line, marker->place.span.start - line_start, UINT_MAX - 1);
    unsigned end =
        marker->place.span.end > line_start
            ? column_of(line, marker->place.span.end - line_start, first + LINE_COLUMNS_MAX)
            : start;
    if (end <= start) {
        end = start + 1;
    }
    if (end > first + LINE_COLUMNS_MAX) {
        end = first + LINE_COLUMNS_MAX;
    }

    write_gutter(printer, 0, "|");
    unsigned indent = start - (start >= first ? first : start) + (first ? 1 : 0);
    rbk_buffer_printf(printer->buffer, " %*s", (int)indent, "");
    paint(printer, marker->is_primary ? colour : colour_frame);
    for (unsigned column = start; column < end; column++) {
        rbk_buffer_append_byte(printer->buffer, marker->is_primary ? '^' : '-');
    }
    if (marker->text.bytes) {
        rbk_buffer_printf(printer->buffer, " %.*s", RBK_STR_ARG(marker->text));
    }
    paint(printer, colour_none);
    rbk_buffer_append_byte(printer->buffer, '\n');
}

/* The path of a source: whatever its name has in it, it stays on its line and moves no cursor. */
static void write_path(struct printer *printer, struct rbk_str path)
{
    for (size_t i = 0; i < path.bytes; i++) {
        unsigned char byte = (unsigned char)path.data[i];
        rbk_buffer_append_byte(printer->buffer, byte < 0x20 || byte == 0x7f ? '?' : path.data[i]);
    }
}

static void write_arrow(struct printer *printer, const char *arrow, struct rbk_place place)
{
    struct rbk_position position = rbk_source_position(place.source, place.span.start);
    paint(printer, colour_frame);
    rbk_buffer_printf(printer->buffer, "%*s%s ", (int)printer->gutter, "", arrow);
    paint(printer, colour_none);
    write_path(printer, place.source->path);
    rbk_buffer_printf(printer->buffer, ":%u:%u\n", position.line, position.column);
}

static int compare_markers(const void *left, const void *right)
{
    const struct marker *a = left;
    const struct marker *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    if (a->is_primary != b->is_primary) {
        return a->is_primary ? -1 : 1;
    }
    return a->place.span.start < b->place.span.start   ? -1
           : a->place.span.start > b->place.span.start ? 1
                                                       : 0;
}

/* Write the source lines that the markers, all of one source, point at. */
static void write_snippet(struct printer *printer, struct marker *markers, size_t count,
                          const char *arrow, const char *colour)
{
    write_arrow(printer, arrow, markers[0].place);
    qsort(markers, count, sizeof(*markers), compare_markers);
    write_gutter(printer, 0, "|");
    rbk_buffer_append_byte(printer->buffer, '\n');
    uint32_t line_before = 0;
    for (size_t i = 0; i < count;) {
        uint32_t number = markers[i].line;
        struct rbk_str line = rbk_source_line(markers[i].place.source, number);
        uint32_t line_start = markers[i].place.source->line_starts[number - 1];
        unsigned first = 0;
        if (column_of(line, line.bytes, LINE_COLUMNS_MAX) > LINE_COLUMNS_MAX) {
            unsigned column =
                column_of(line, markers[i].place.span.start - line_start, UINT_MAX - 1);
            first = column > LINE_COLUMNS_BEFORE ? column - LINE_COLUMNS_BEFORE : 0;
        }
        if (line_before && number > line_before + 1) {
            paint(printer, colour_frame);
            rbk_buffer_append_text(printer->buffer, "...\n");
            paint(printer, colour_none);
        }
        write_source_line(printer, line, number, first);
        for (; i < count && markers[i].line == number; i++) {
            write_marker(printer, &markers[i], line, first, colour);
        }
        line_before = number;
    }
}

static unsigned digits(uint32_t number)
{
    unsigned count = 1;
    while (number >= 10) {
        number /= 10;
        count++;
    }
    return count;
}

static struct marker make_marker(struct rbk_place place, struct rbk_str text, bool is_primary)
{
    return (struct marker){.place = place,
                           .text = text,
                           .is_primary = is_primary,
                           .line = rbk_source_position(place.source, place.span.start).line};
}

/* The record's places, grouped by source, the primary one's first. */
static void write_places(struct printer *printer, const struct rbk_diagnostic *record)
{
    struct marker markers[RBK_DIAGNOSTIC_LABELS_MAX + 1];
    size_t count = 0;
    markers[count++] = make_marker(record->place, record->place_text, true);
    for (size_t i = 0; i < record->label_count; i++) {
        if (record->labels[i].place.source) {
            markers[count++] = make_marker(record->labels[i].place, record->labels[i].text, false);
        }
    }

    uint32_t line_max = 1;
    for (size_t i = 0; i < count; i++) {
        if (markers[i].line > line_max) {
            line_max = markers[i].line;
        }
    }
    printer->gutter = digits(line_max);

    const char *arrow = "-->";
    for (size_t i = 0; i < count;) {
        struct marker group[RBK_DIAGNOSTIC_LABELS_MAX + 1];
        size_t group_count = 0;
        size_t kept = i;
        const struct rbk_source *source = markers[i].place.source;
        for (size_t j = i; j < count; j++) {
            if (markers[j].place.source == source) {
                group[group_count++] = markers[j];
            } else {
                markers[kept++] = markers[j];
            }
        }
        count = kept;
        write_snippet(printer, group, group_count, arrow, severity_colour(record->severity));
        arrow = ":::";
    }
}

static void write_note(struct printer *printer, const struct rbk_diagnostic_note *note)
{
    paint(printer, colour_frame);
    rbk_buffer_printf(printer->buffer, "%*s = ", (int)printer->gutter, "");
    paint(printer, colour_none);
    paint(printer, colour_bold);
    rbk_buffer_append_text(printer->buffer, note->is_help ? "help" : "note");
    paint(printer, colour_none);
    rbk_buffer_printf(printer->buffer, ": %.*s\n", RBK_STR_ARG(note->text));
    if (note->place.source) {
        rbk_buffer_printf(printer->buffer, "   ");
        write_arrow(printer, "-->", note->place);
    }
}

static void write_human(struct printer *printer, const struct rbk_diagnostic *record)
{
    paint(printer, severity_colour(record->severity));
    rbk_buffer_append_text(printer->buffer, rbk_severity_name((enum rbk_severity)record->severity));
    if (record->code) {
        rbk_buffer_printf(printer->buffer, "[RBK%03u]", record->code);
    }
    paint(printer, colour_none);
    paint(printer, colour_bold);
    rbk_buffer_printf(printer->buffer, ": %.*s\n", RBK_STR_ARG(record->message));
    paint(printer, colour_none);
    printer->gutter = 1;
    if (record->place.source) {
        write_places(printer, record);
    }
    if (record->notes && record->place.source) {
        write_gutter(printer, 0, "|");
        rbk_buffer_append_byte(printer->buffer, '\n');
    }
    for (const struct rbk_diagnostic_note *note = record->notes; note; note = note->next) {
        write_note(printer, note);
    }
    rbk_buffer_append_byte(printer->buffer, '\n');
}

static void write_gcc_line(struct printer *printer, struct rbk_place place, const char *severity,
                           struct rbk_str text)
{
    if (place.source) {
        struct rbk_position position = rbk_source_position(place.source, place.span.start);
        write_path(printer, place.source->path);
        rbk_buffer_printf(printer->buffer, ":%u:%u: ", position.line, position.column);
    }
    rbk_buffer_printf(printer->buffer, "%s: %.*s", severity, RBK_STR_ARG(text));
}

static void write_gcc(struct printer *printer, const struct rbk_diagnostic *record)
{
    write_gcc_line(printer, record->place, rbk_severity_name((enum rbk_severity)record->severity),
                   record->message);
    if (record->code) {
        rbk_buffer_printf(printer->buffer, " [RBK%03u]", record->code);
    }
    rbk_buffer_append_byte(printer->buffer, '\n');
    for (size_t i = 0; i < record->label_count; i++) {
        write_gcc_line(printer, record->labels[i].place, "note", record->labels[i].text);
        rbk_buffer_append_byte(printer->buffer, '\n');
    }
    for (const struct rbk_diagnostic_note *note = record->notes; note; note = note->next) {
        write_gcc_line(printer, note->place.source ? note->place : record->place,
                       note->is_help ? "note: help" : "note", note->text);
        rbk_buffer_append_byte(printer->buffer, '\n');
    }
}

/* Records without a place first, then by source, place and the order in which they were found. */
static int compare_records(const void *left, const void *right)
{
    const struct rbk_diagnostic *a = *(const struct rbk_diagnostic *const *)left;
    const struct rbk_diagnostic *b = *(const struct rbk_diagnostic *const *)right;
    if (!a->place.source != !b->place.source) {
        return a->place.source ? 1 : -1;
    }
    if (a->place.source && a->place.source->id != b->place.source->id) {
        return a->place.source->id < b->place.source->id ? -1 : 1;
    }
    if (a->place.span.start != b->place.span.start) {
        return a->place.span.start < b->place.span.start ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order ? 1 : 0;
}

const struct rbk_diagnostic **rbk_diagnostics_sorted(const struct rbk_diagnostics *diagnostics)
{
    const struct rbk_diagnostic **records =
        rbk_new_array(diagnostics->arena, const struct rbk_diagnostic *, diagnostics->count + 1);
    size_t count = 0;
    for (const struct rbk_diagnostic *record = diagnostics->first; record; record = record->next) {
        records[count++] = record;
    }
    qsort(records, count, sizeof(const struct rbk_diagnostic *), compare_records);
    return records;
}

void rbk_diagnostic_render(const struct rbk_diagnostic *diagnostic, bool colour,
                           struct rbk_buffer *buffer)
{
    struct printer printer = {.buffer = buffer, .colour = colour, .gutter = 1};
    write_human(&printer, diagnostic);
}

void rbk_diagnostics_render(const struct rbk_diagnostics *diagnostics,
                            enum rbk_diagnostic_format format, bool colour,
                            struct rbk_buffer *buffer)
{
    struct printer printer = {.buffer = buffer, .colour = colour, .gutter = 1};
    const struct rbk_diagnostic **records = rbk_diagnostics_sorted(diagnostics);
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        if (format == RBK_DIAGNOSTIC_GCC) {
            printer.colour = false;
            write_gcc(&printer, records[i]);
        } else {
            write_human(&printer, records[i]);
        }
    }
    if (diagnostics->dropped) {
        rbk_buffer_printf(buffer, "error: at least %u more not shown\n", diagnostics->dropped);
    }
}

bool rbk_diagnostics_want_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return (!no_colour || !no_colour[0]) && terminal && strcmp(terminal, "dumb") != 0 &&
           isatty(fileno(stream)) == 1;
}

int rbk_diagnostics_print(const struct rbk_diagnostics *diagnostics,
                          enum rbk_diagnostic_format format, FILE *stream)
{
    struct rbk_buffer buffer;
    rbk_buffer_init(&buffer, RENDER_BYTES_MAX);
    rbk_diagnostics_render(diagnostics, format, rbk_diagnostics_want_colour(stream), &buffer);
    struct rbk_str text = rbk_buffer_str(&buffer);
    bool fine = text.bytes == 0 || fwrite(text.data, 1, text.bytes, stream) == text.bytes;
    if (fflush(stream) != 0) {
        fine = false;
    }
    rbk_buffer_fini(&buffer);
    return fine ? 0 : -RBK_EIO;
}
