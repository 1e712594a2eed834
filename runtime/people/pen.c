/*
 * Lines of a frame.
 */
#include "runtime/people/pen.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/people/sanitize.h"

void rbk_pen_init(struct rbk_pen *pen, struct rbk_frame *frame, const struct rbk_style *style,
                  size_t width, size_t lines_max)
{
    memset(pen, 0, sizeof(*pen));
    pen->frame = frame;
    pen->style = style;
    pen->width = width;
    pen->lines_max = lines_max < RBK_FRAME_LINES_MAX ? lines_max : RBK_FRAME_LINES_MAX;
    rbk_buffer_init(&pen->right, 4096);
}

void rbk_pen_fini(struct rbk_pen *pen)
{
    rbk_buffer_fini(&pen->right);
}

/* Where what stands at the right end of a line ends: not so far away that the eye loses the line.
 */
#define RIGHT_COLUMN_MAX 119u

static size_t right_end(const struct rbk_pen *pen)
{
    return pen->width < RIGHT_COLUMN_MAX ? pen->width : RIGHT_COLUMN_MAX;
}

/* Columns that are left for text. The right end is given a little more than it needs: text that is
 * cut does not move when a clock goes from 9s to 10s. */
static size_t room(const struct rbk_pen *pen)
{
    size_t right = (rbk_sanitize_columns(rbk_buffer_str(&pen->right)) + 3) / 4 * 4;
    size_t used = pen->column + (right != 0 ? right + 1 : 0);
    size_t end = right != 0 ? right_end(pen) : pen->width;
    return used < end ? end - used : 0;
}

static bool is_full(const struct rbk_pen *pen)
{
    return pen->frame->line_count >= pen->lines_max;
}

static void put(struct rbk_pen *pen, const char *on, struct rbk_str text, size_t columns_max)
{
    struct rbk_buffer *out = &pen->frame->text;
    if (is_full(pen) || columns_max == 0 || text.bytes == 0) {
        return;
    }
    rbk_buffer_append_text(out, on);
    pen->column += rbk_sanitize_cut(out, text, columns_max, pen->style->utf8);
    if (on[0] != '\0') {
        rbk_buffer_append_text(out, pen->style->off);
    }
}

void rbk_pen_text(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text)
{
    put(pen, pen->style->tones[tone], text, room(pen));
}

void rbk_pen_whole(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text)
{
    struct rbk_str trimmed = rbk_str_trim(text);
    if (trimmed.bytes != 0 && rbk_sanitize_columns(trimmed) + 2 <= room(pen)) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
        rbk_pen_text(pen, tone, trimmed);
    }
}

void rbk_pen_bold(struct rbk_pen *pen, struct rbk_str text)
{
    put(pen, pen->style->bold, text, room(pen));
}

void rbk_pen_printf(struct rbk_pen *pen, enum rbk_tone tone, const char *format, ...)
{
    struct rbk_buffer text;
    va_list arguments;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    va_start(arguments, format);
    rbk_buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    rbk_pen_text(pen, tone, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
}

static void blanks(struct rbk_pen *pen, size_t columns)
{
    for (; !is_full(pen) && columns != 0; columns--) {
        rbk_buffer_append_byte(&pen->frame->text, ' ');
        pen->column++;
    }
}

void rbk_pen_cell(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str text, size_t columns)
{
    size_t before = pen->column, left = room(pen);
    size_t width = columns < left ? columns : left;
    put(pen, pen->style->tones[tone], text, width);
    size_t written = pen->column - before;
    blanks(pen, width > written ? width - written : 0);
}

void rbk_pen_name(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str name, size_t columns)
{
    size_t tail = columns / 3, width = rbk_sanitize_columns(name);
    struct rbk_buffer text;
    if (width <= columns || width != name.bytes || columns < 8) {
        rbk_pen_cell(pen, tone, name, columns);
        return;
    }
    rbk_buffer_init(&text, 4096);
    rbk_buffer_append_str(&text, rbk_str_slice(name, 0, columns - 1 - tail));
    rbk_buffer_append_text(&text, pen->style->utf8 ? "…" : "~");
    rbk_buffer_append_str(&text, rbk_str_slice(name, name.bytes - tail, name.bytes));
    rbk_pen_cell(pen, tone, rbk_buffer_str(&text), columns);
    rbk_buffer_fini(&text);
}

void rbk_pen_bar(struct rbk_pen *pen, enum rbk_tone tone, double share, size_t columns)
{
    if (columns < 4 || room(pen) < columns) {
        return;
    }
    size_t inside = columns - 2, full;
    double wanted = share < 0 ? 0 : share > 1 ? 1 : share;
    full = (size_t)(wanted * (double)inside + 0.5);
    full = full == inside && share < 1 ? inside - 1 : full; /* a full bar says: reached */
    struct rbk_buffer text;
    rbk_buffer_init(&text, 4096);
    for (size_t i = 0; i < inside; i++) {
        rbk_buffer_append_text(&text,
                               pen->style->utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "-"));
    }
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("["));
    rbk_pen_text(pen, tone, rbk_buffer_str(&text));
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("]"));
    rbk_buffer_fini(&text);
}

void rbk_pen_rule(struct rbk_pen *pen, enum rbk_tone tone)
{
    struct rbk_buffer text;
    rbk_buffer_init(&text, 4096);
    for (size_t i = 0; i < right_end(pen); i++) {
        rbk_buffer_append_text(&text, pen->style->utf8 ? "─" : "-");
    }
    rbk_pen_text(pen, tone, rbk_buffer_str(&text));
    rbk_pen_end(pen);
    rbk_buffer_fini(&text);
}

void rbk_pen_right(struct rbk_pen *pen, enum rbk_tone tone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    rbk_buffer_clear(&pen->right);
    rbk_buffer_vprintf(&pen->right, format, arguments);
    va_end(arguments);
    pen->right_tone = tone;
    /* On a narrow terminal what stands on the left matters more. */
    if (pen->column + rbk_sanitize_columns(rbk_buffer_str(&pen->right)) + 1 > right_end(pen)) {
        rbk_buffer_clear(&pen->right);
    }
}

void rbk_pen_end(struct rbk_pen *pen)
{
    struct rbk_frame *frame = pen->frame;
    if (!is_full(pen)) {
        size_t right = rbk_sanitize_columns(rbk_buffer_str(&pen->right));
        if (right != 0 && pen->column + right < right_end(pen)) {
            blanks(pen, right_end(pen) - right - pen->column);
            put(pen, pen->style->tones[pen->right_tone], rbk_buffer_str(&pen->right), right);
        }
        rbk_buffer_append_byte(&frame->text, '\n');
        frame->line_columns[frame->line_count++] = pen->column;
    }
    pen->column = 0;
    rbk_buffer_clear(&pen->right);
}

/* How many bytes of text fit into `columns` when it is broken at a blank; all of it when it fits,
 * and none when its first word does not. */
static size_t broken_at(struct rbk_str text, size_t columns)
{
    size_t end = 0;
    for (size_t at = 1; at <= text.bytes; at++) {
        if (at < text.bytes && text.data[at] != ' ') {
            continue;
        }
        if (rbk_sanitize_columns(rbk_str_slice(text, 0, at)) > columns) {
            break;
        }
        end = at;
    }
    return end;
}

void rbk_pen_wrap(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str label,
                  struct rbk_str text, size_t lines_max)
{
    rbk_pen_text(pen, tone, label);
    size_t begin = pen->column;
    for (size_t line = 1; line < lines_max; line++) {
        size_t end = broken_at(text, room(pen));
        if (end == text.bytes || end == 0) {
            break;
        }
        rbk_pen_text(pen, tone, rbk_str_slice(text, 0, end));
        rbk_pen_end(pen);
        blanks(pen, begin);
        text = rbk_str_slice(text, end + 1, text.bytes);
    }
    rbk_pen_text(pen, tone, text);
    rbk_pen_end(pen);
}

void rbk_pen_command(struct rbk_pen *pen, enum rbk_tone tone, struct rbk_str command)
{
    size_t begin = pen->column + 2;
    while (rbk_sanitize_columns(command) > room(pen)) {
        size_t end = broken_at(command, room(pen) > 2 ? room(pen) - 2 : 0);
        if (end == 0) {
            break;
        }
        rbk_pen_text(pen, tone, rbk_str_slice(command, 0, end));
        rbk_pen_text(pen, tone, RBK_STR(" \\"));
        rbk_pen_end(pen);
        blanks(pen, begin);
        command = rbk_str_slice(command, end + 1, command.bytes);
    }
    rbk_pen_text(pen, tone, command);
    rbk_pen_end(pen);
}
