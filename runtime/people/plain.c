/*
 * Timestamped lines, for pipes, files, CI logs and terminals that can do no more:
 *
 *     22:04:11  migrate       sql db file "010_move_leads.sql" failed: ERROR 23505 …
 *
 * A step that takes long is told of after ten seconds and then once a minute, so that a log shows
 * what is under way without telling of every step twice.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/people/sanitize.h"
#include "runtime/people/show.h"
#include "runtime/people/story.h"
#include "runtime/people/when.h"

#define LONG_STEP_MS 10000u
#define LONG_STEP_AGAIN_MS 60000u
#define STAGE_COLUMNS 14u
#define TEXT_COLUMN (8u + 2u + STAGE_COLUMNS + 2u)

/* Where the lines of one record are put together. */
struct lines {
    struct rbk_show *show;
    uint64_t at_ms;
    struct rbk_buffer out;
};

/* Append text, broken at blanks into lines that begin under each other; width 0: as it is. */
static void append_broken(struct rbk_buffer *out, struct rbk_str text, size_t width)
{
    size_t room = width > TEXT_COLUMN + 20 ? width - TEXT_COLUMN - 1 : 0;
    while (room != 0 && rbk_sanitize_columns(rbk_str_slice(text, 0, 4 * room + 4)) > room) {
        size_t end = 0;
        for (size_t at = 1; at < text.bytes; at++) {
            if (text.data[at] != ' ') {
                continue;
            }
            if (rbk_sanitize_columns(rbk_str_slice(text, 0, at)) > room) {
                break;
            }
            end = at;
        }
        if (end == 0) {
            break; /* one long word: the terminal breaks it */
        }
        rbk_buffer_append_str(out, rbk_str_slice(text, 0, end));
        rbk_buffer_printf(out, "\n%*s", (int)TEXT_COLUMN, "");
        text = rbk_str_slice(text, end + 1, text.bytes);
    }
    rbk_buffer_append_str(out, text);
}

/* The time in front of a line, and above it the day when that is another one. Many lines may fall
 * into one second: its words are kept. */
static void tell_time(struct rbk_show *show, uint64_t at_ms, struct rbk_buffer *out)
{
    const struct rbk_style *style = &show->style;

    if (show->clock_s != at_ms / 1000 || show->clock[0] == '\0') {
        struct rbk_when day = rbk_when_day(at_ms);

        if (show->with_day && strcmp(day.text, show->day) != 0) {
            rbk_buffer_printf(out, "%s-- %s --%s\n", style->tones[RBK_TONE_DIM], day.text,
                              style->off);
            (void)snprintf(show->day, sizeof(show->day), "%.15s", day.text);
        }
        show->clock_s = at_ms / 1000;
        (void)snprintf(show->clock, sizeof(show->clock), "%.15s", rbk_when_clock(at_ms).text);
    }
    rbk_buffer_append_text(out, style->tones[RBK_TONE_DIM]);
    rbk_buffer_append_text(out, show->clock);
    rbk_buffer_append_text(out, style->tones[RBK_TONE_DIM][0] != '\0' ? style->off : "");
    rbk_buffer_append_text(out, "  ");
}

/* A command that is to be copied stays in one piece, whatever the width; what it is for goes on a
 * line of its own where it is too long for this one. */
static void append_command(struct rbk_buffer *out, struct rbk_str text, size_t width)
{
    size_t comment = 0;
    while (comment < text.bytes &&
           !rbk_str_starts(rbk_str_slice(text, comment, text.bytes), RBK_STR("   # "))) {
        comment++;
    }
    if (comment == text.bytes || width == 0 || TEXT_COLUMN + rbk_sanitize_columns(text) < width) {
        rbk_buffer_append_str(out, text);
        return;
    }
    rbk_buffer_append_str(out, rbk_str_slice(text, 0, comment));
    rbk_buffer_printf(out, "\n%*s", (int)TEXT_COLUMN, "");
    append_broken(out, rbk_str_slice(text, comment, text.bytes), width);
}

void rbk_plain_line(struct rbk_show *show, uint64_t at_ms, enum rbk_tone tone, struct rbk_str stage,
                    struct rbk_str text, struct rbk_buffer *out)
{
    const struct rbk_style *style = &show->style;

    tell_time(show, at_ms, out);
    size_t columns = rbk_sanitize_columns(stage);
    rbk_sanitize(out, stage);
    for (; columns < STAGE_COLUMNS; columns++) {
        rbk_buffer_append_byte(out, ' ');
    }
    rbk_buffer_append_text(out, "  ");
    rbk_buffer_append_text(out, style->tones[tone]);
    struct rbk_buffer clean;
    rbk_buffer_init(&clean, RBK_VIEW_BYTES_MAX);
    rbk_sanitize(&clean, text);
    if (rbk_str_starts(text, RBK_STR("  rbk "))) {
        append_command(out, rbk_buffer_str(&clean), show->width);
    } else {
        append_broken(out, rbk_buffer_str(&clean), show->width);
    }
    rbk_buffer_fini(&clean);
    if (style->tones[tone][0] != '\0') {
        rbk_buffer_append_text(out, style->off);
    }
    rbk_buffer_append_byte(out, '\n');
}

static void add_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct lines *lines = context;
    rbk_plain_line(lines->show, lines->at_ms, tone, stage, text, &lines->out);
}

static void flush_lines(struct lines *lines)
{
    rbk_show_write(lines->show, lines->out.data, lines->out.bytes);
    rbk_buffer_fini(&lines->out);
}

static void plain_on_record(struct rbk_show *show, const struct rbk_shown_record *shown)
{
    struct lines lines = {.show = show, .at_ms = shown->record->event.now_ms};
    rbk_buffer_init(&lines.out, RBK_VIEW_BYTES_MAX);
    rbk_story_tell(show->view, shown->record, shown->before, shown->after, shown->actions, add_line,
                   &lines);
    flush_lines(&lines);
    show->told_ms = 0;
}

static void plain_on_notice(struct rbk_show *show, const char *text)
{
    struct lines lines = {.show = show, .at_ms = show->now_ms};
    rbk_buffer_init(&lines.out, RBK_VIEW_BYTES_MAX);
    add_line(&lines, RBK_TONE_PLAIN, RBK_STR(""), rbk_str_from(text));
    flush_lines(&lines);
}

static void plain_on_tick(struct rbk_show *show)
{
    const struct rbk_machine *machine = show->view->machine;
    struct lines lines = {.show = show, .at_ms = show->now_ms};
    if (show->told_ms != 0 && show->now_ms < show->told_ms + LONG_STEP_AGAIN_MS) {
        return;
    }
    rbk_buffer_init(&lines.out, RBK_VIEW_BYTES_MAX);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, show->state, i);
        const struct rbk_effect *effect = rbk_view_effect(show->view, show->state, i);
        uint64_t since_ms = show->track.regions[i].since_ms;
        if (rs->mode != RBK_MODE_RUNNING || effect == NULL || since_ms == 0 ||
            show->now_ms < since_ms + LONG_STEP_MS) {
            continue;
        }
        struct rbk_buffer text;
        rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
        rbk_buffer_printf(&text, "still: %.*s, %s", RBK_STR_ARG(effect->text),
                          rbk_when_ticks(show->now_ms - since_ms).text);
        if (effect->timeout_ms != 0) {
            rbk_buffer_printf(&text, " of %s", rbk_when_limit(effect->timeout_ms).text);
        }
        add_line(&lines, RBK_TONE_DIM, rbk_view_stage_name(show->view, i), rbk_buffer_str(&text));
        rbk_buffer_fini(&text);
        show->told_ms = show->now_ms;
    }
    flush_lines(&lines);
}

const struct rbk_show_kind rbk_show_plain = {
    .name = "plain",
    .on_record = plain_on_record,
    .on_notice = plain_on_notice,
    .on_tick = plain_on_tick,
};
