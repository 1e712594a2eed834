/*
 * The live view: what has happened scrolls up as ordinary lines, and below it stands a block that
 * is drawn again a few times a second. Nothing but the block is ever overwritten, so scroll-back
 * stays whole; there is no alternate screen, the cursor stays visible, and a runner that is killed
 * leaves a usable terminal behind.
 *
 * Drawing erases the rows the block takes now, writes the new lines of the log where it began, and
 * the new block below them: one write, so that nothing flickers. Where only some lines of the block
 * have changed - a clock has gone on - only those are written; where none has, nothing is. So a run
 * that waits costs a slow link next to nothing.
 *
 * Ctrl-Z takes the block away before the program stops, and `fg` draws it again below whatever the
 * shell has written. While another program has the terminal (`bg`) there is no block: the lines of
 * the log are all that may appear between somebody else's.
 *
 * A terminal that becomes narrower breaks the old lines anew. How many rows they take is computed
 * from their widths, and all of them are erased.
 *
 * Needs of a terminal: cursor up and clear a line (terminfo cuu, el). Without them: plain lines.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/people/frame.h"
#include "runtime/people/show.h"
#include "runtime/people/story.h"
#include "runtime/people/terminal.h"

#define DRAW_EVERY_MS 100u

struct live {
    struct rbk_frame frame;        /* being drawn */
    struct rbk_frame drawn;        /* the block on the screen; without lines: there is none */
    struct rbk_buffer output;      /* of one write */
    struct rbk_buffer log;         /* lines to be written above the block */
    struct rbk_terminal *terminal; /* owned */
    uint64_t drawn_ms;
    size_t columns, rows;
    bool resized; /* since the block was drawn */
};

/* The kind's own memory, made at the first use; NULL when there is none. */
static struct live *live_of(struct rbk_show *show)
{
    if (show->own != NULL) {
        return show->own;
    }
    struct live *live = calloc(1, sizeof(*live));
    if (live == NULL || (live->terminal = rbk_terminal_open(show->descriptor)) == NULL) {
        free(live);
        show->failed = true;
        return NULL;
    }
    rbk_frame_init(&live->frame);
    rbk_frame_init(&live->drawn);
    rbk_buffer_init(&live->output, RBK_VIEW_BYTES_MAX);
    rbk_buffer_init(&live->log, RBK_VIEW_BYTES_MAX);
    rbk_terminal_size(show->descriptor, &live->columns, &live->rows);
    show->width = live->columns;
    show->own = live;
    return live;
}

/* Append what erases the block on the screen. */
static void append_erase(struct live *live)
{
    size_t rows = 0;
    for (size_t i = 0; i < live->drawn.line_count; i++) {
        size_t needs = live->drawn.line_columns[i];
        rows += needs == 0 ? 1 : (needs + live->columns - 1) / live->columns;
    }
    /* What has scrolled off the top cannot be reached any more. */
    if (rows > live->rows - 1) {
        rows = live->rows - 1;
    }
    if (rows != 0) {
        rbk_terminal_erase(live->terminal, rows, &live->output);
    }
}

/* The next line of a block, without its end. */
static struct rbk_str take_line(struct rbk_str *rest)
{
    size_t end = rbk_str_find(*rest, '\n');
    struct rbk_str line = rbk_str_slice(*rest, 0, end);
    *rest = rbk_str_slice(*rest, end + 1, rest->bytes);
    return line;
}

/* Append the lines of the new block that differ from those on the screen, which has as many. */
static void append_changes(struct live *live)
{
    struct rbk_str old = rbk_buffer_str(&live->drawn.text), new = rbk_buffer_str(&live->frame.text);
    if (rbk_str_equal(old, new)) {
        return;
    }
    rbk_terminal_up(live->terminal, live->frame.line_count, &live->output);
    while (new.bytes != 0) {
        struct rbk_str before = take_line(&old), now = take_line(&new);
        if (!rbk_str_equal(before, now)) {
            rbk_buffer_append_str(&live->output, now);
            rbk_terminal_clear_line(live->terminal, &live->output);
        }
        rbk_buffer_append_byte(&live->output, '\n');
    }
}

/* Whether this program may draw: not while it is in the background of a shell. */
static bool has_terminal(int descriptor)
{
    pid_t group = tcgetpgrp(descriptor);
    return group < 0 || group == getpgrp();
}

/* Draw the picture of now into live->frame. */
static void draw_frame(struct rbk_show *show, struct live *live)
{
    struct rbk_picture picture = {.view = show->view,
                                  .state = show->state,
                                  .track = &show->track,
                                  .style = &show->style,
                                  .facts = show->facts,
                                  .reason = show->reason,
                                  .now_ms = show->now_ms,
                                  .columns = live->columns,
                                  .rows = live->rows,
                                  .interrupted = show->interrupted};
    rbk_frame_draw(&live->frame, &picture);
}

/* What was drawn is on the screen now. */
static void keep_drawn(struct live *live)
{
    struct rbk_frame old = live->drawn;
    live->drawn = live->frame;
    live->frame = old;
    live->resized = false;
}

static void draw(struct rbk_show *show, bool with_block)
{
    struct live *live = live_of(show);
    size_t columns, rows;
    if (live == NULL || show->failed) {
        return;
    }
    /* Asked each time: a picture may be due between a change of size and its signal. */
    rbk_terminal_size(show->descriptor, &columns, &rows);
    live->resized = live->resized || columns != live->columns || rows != live->rows;
    live->columns = columns;
    live->rows = rows;
    show->width = columns;
    rbk_buffer_clear(&live->output);
    if (!has_terminal(show->descriptor)) {
        rbk_frame_clear(&live->drawn);
        with_block = false;
    }
    if (with_block) {
        draw_frame(show, live);
    } else {
        rbk_frame_clear(&live->frame);
    }
    if (live->log.bytes == 0 && !live->resized && live->drawn.line_count != 0 &&
        live->frame.line_count == live->drawn.line_count) {
        append_changes(live);
    } else {
        append_erase(live);
        rbk_buffer_append_str(&live->output, rbk_buffer_str(&live->log));
        rbk_buffer_clear(&live->log);
        rbk_buffer_append_str(&live->output, rbk_buffer_str(&live->frame.text));
    }
    rbk_show_write(show, live->output.data, live->output.bytes);
    keep_drawn(live);
    if (show->stalled) {
        rbk_frame_clear(&live->drawn); /* how much of it arrived nobody knows */
    }
    live->drawn_ms = show->now_ms;
}

static void add_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct rbk_show *show = context;
    struct live *live = live_of(show);
    if (live != NULL) {
        rbk_plain_line(show, show->now_ms, tone, stage, text, &live->log);
    }
}

/* Draw now, or leave it to the next tick when much happens at once. */
static void draw_soon(struct rbk_show *show)
{
    struct live *live = live_of(show);
    if (live != NULL &&
        (show->now_ms >= live->drawn_ms + DRAW_EVERY_MS || live->log.bytes > (size_t)64 << 10)) {
        draw(show, true);
    }
}

static void live_on_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    rbk_story_tell(show->view, shown->record, shown->before, shown->after, shown->actions, add_line,
                   show);
    draw_soon(show);
}

static void live_on_notice(struct rbk_show *show, const char *text)
{
    add_line(show, RBK_TONE_PLAIN, RBK_STR(""), rbk_str_from(text));
    draw_soon(show);
}

static void live_on_tick(struct rbk_show *show)
{
    draw(show, true);
}

static void live_on_resize(struct rbk_show *show)
{
    draw(show, true);
}

static void live_on_suspend(struct rbk_show *show)
{
    draw(show, false);
}

static void live_on_end(struct rbk_show *show, int status)
{
    (void)status;
    draw(show, false);
}

static void live_fini(struct rbk_show *show)
{
    struct live *live = show->own;
    if (live == NULL) {
        return;
    }
    rbk_frame_fini(&live->frame);
    rbk_frame_fini(&live->drawn);
    rbk_buffer_fini(&live->output);
    rbk_buffer_fini(&live->log);
    rbk_terminal_close(live->terminal);
    free(live);
    show->own = NULL;
}

const struct rbk_show_kind rbk_show_live = {
    .name = "live",
    .on_record = live_on_record,
    .on_notice = live_on_notice,
    .on_tick = live_on_tick,
    .on_resize = live_on_resize,
    .on_suspend = live_on_suspend,
    .on_end = live_on_end,
    .fini = live_fini,
};
