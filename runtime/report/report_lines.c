/*
 * The lines of the story. The first ones and the last ones are kept: how a run began and what it
 * came to are read; what a long one did in between is in the log. Each line owns its texts, so that
 * its place can be taken by a later one.
 */
#include "runtime/report/report_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/people/sanitize.h"
#include "runtime/people/story.h"

#define LINES_FIRST_MAX ((size_t)3000)
#define LINES_LAST_MAX ((size_t)1000)
#define LINES_MAX (LINES_FIRST_MAX + LINES_LAST_MAX)
#define NAME_BYTES_MAX ((size_t)200)

static void on_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct rbk_report_building *building = context;
    struct rbk_report_told *told;

    if (building->told_count == RBK_REPORT_TOLD_MAX) {
        building->untold++;
        return;
    }
    told = &building->told[building->told_count++];
    /* One byte more than is kept, so that it shows that there was more. */
    *told = (struct rbk_report_told){
        tone, rbk_arena_copy(&building->scratch, rbk_str_slice(stage, 0, NAME_BYTES_MAX)),
        rbk_arena_copy(&building->scratch, rbk_str_slice(text, 0, RBK_REPORT_TEXT_MAX + 8))};
}

/* A place for a line: at the end, or that of the oldest of the last ones. */
static struct rbk_report_line *next_line(struct rbk_run_report *report)
{
    size_t number = report->building->lines_told++;
    struct rbk_report_line *line;

    if (number < LINES_MAX) {
        return rbk_report_push(report, report->lines, LINES_MAX);
    }
    report->lines.left_out++;
    if (report->lines.count < LINES_MAX) {
        return NULL; /* there was no memory for all places */
    }
    line = &report->lines.items[LINES_FIRST_MAX + (number - LINES_FIRST_MAX) % LINES_LAST_MAX];
    free(line->owned);
    memset(line, 0, sizeof(*line));
    return line;
}

static void add_line(const struct rbk_report_moment *moment, const struct rbk_report_told *told,
                     struct rbk_str who)
{
    struct rbk_run_report *report = moment->report;
    /* "  | a line of output" below the line that says what happened */
    bool detail = rbk_str_starts(told->text, RBK_STR("  | "));
    struct rbk_str text =
        detail ? rbk_str_slice(told->text, 4, told->text.bytes) : rbk_str_trim(told->text);
    struct rbk_report_line *line;
    struct rbk_buffer *clean = &report->building->clean;
    size_t text_bytes, stage_bytes;

    /* A command to paste answers a question that is closed by now. */
    if (told->tone == RBK_TONE_ASK && rbk_str_starts(told->text, RBK_STR("  rbk "))) {
        return;
    }
    if ((line = next_line(report)) == NULL) {
        return;
    }
    text_bytes = rbk_report_clean(report, text).bytes; /* the three texts lie behind each other */
    rbk_sanitize(clean, told->stage);
    stage_bytes = clean->bytes - text_bytes;
    rbk_sanitize(clean, rbk_str_slice(who, 0, NAME_BYTES_MAX));
    line->owned = malloc(clean->bytes + 1);
    if (line->owned == NULL) {
        report->building->failed = true;
        return;
    }
    memcpy(line->owned, clean->data, clean->bytes);
    line->seq = moment->seq;
    line->at_ms = moment->at_ms;
    line->tone = told->tone;
    line->detail = detail;
    line->text = (struct rbk_str){line->owned, text_bytes};
    line->stage = (struct rbk_str){line->owned + text_bytes, stage_bytes};
    line->who = (struct rbk_str){line->owned + text_bytes + stage_bytes,
                                 clean->bytes - text_bytes - stage_bytes};
}

void rbk_report_lines(const struct rbk_report_moment *moment)
{
    struct rbk_report_building *building = moment->building;

    building->told_count = building->untold = 0;
    rbk_story_tell(moment->view, moment->record, moment->before, moment->after, moment->actions,
                   on_line, building);
    for (size_t i = 0; i < building->told_count; i++) {
        add_line(moment, &building->told[i], i == 0 ? moment->record->who : RBK_STR(""));
    }
    moment->report->lines.left_out += building->untold;
}

/* The lines that came last stand in the order in which their places were taken again. */
void rbk_report_lines_end(struct rbk_run_report *report)
{
    size_t told = report->building->lines_told, first;
    struct rbk_report_line *last, *copy;

    if (told <= LINES_MAX || report->building->failed) {
        return;
    }
    first = (told - LINES_FIRST_MAX) % LINES_LAST_MAX;
    last = report->lines.items + LINES_FIRST_MAX;
    report->lines_cut = LINES_FIRST_MAX;
    copy = malloc(LINES_LAST_MAX * sizeof(*copy));
    if (copy == NULL) {
        report->building->failed = true;
        return;
    }
    for (size_t i = 0; i < LINES_LAST_MAX; i++) {
        copy[i] = last[(first + i) % LINES_LAST_MAX];
    }
    memcpy(last, copy, LINES_LAST_MAX * sizeof(*copy));
    free(copy);
}
