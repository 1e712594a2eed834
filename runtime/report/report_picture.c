/*
 * The picture: a row for the run and one for each stage that began, bars for what it did, signs for
 * what happened, one axis of time. It is SVG in the page itself; colours are those of the page's
 * style, so that it is readable in the light, in the dark and on paper, and every bar has a pattern
 * or a word as well, so that colour says nothing alone.
 *
 * A cutover works for minutes and then observes for days. So the axis is not even: what lies
 * between two changes is drawn as long as it took; but a stretch of mere waiting that was longer
 * than all the work together is drawn as a part of it, with a break in the axis that says how long
 * it was.
 */
#include "runtime/report/report_page.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/review/document_inline.h"

#define LEFT 170.0
#define WIDTH 1040.0
#define RIGHT 18.0
#define PLOT (WIDTH - LEFT - RIGHT)
#define ROW_HEIGHT 30.0
#define BAR_HEIGHT 18.0
#define SIGNS_HEIGHT 20.0 /* of one lane of signs */
#define LANES_MAX 6u
#define SIGNS_MAX 40u
#define SIGN_WIDTH 34.0
#define ROWS_MAX 60u
/* A stretch of waiting that is longer than all the work is drawn as this part of it. */
#define WAITING_SHARE 0.2
/* Everything is told at least this wide, so that no bar is invisible. */
#define BAR_WIDTH_MIN 2.0
#define TICKS_MAX 400u

/* A stretch of the axis between two instants at which something changed. */
struct stretch {
    uint64_t from_ms, to_ms;
    double x, width;
    bool working, broken;
};

struct picture {
    const struct rbk_run_report *report;
    struct rbk_buffer *out;
    uint64_t *instants; /* owned */
    size_t instant_count;
    struct stretch *stretches; /* owned */
    size_t stretch_count;
    uint32_t *rows; /* owned: of `stages`, those that are drawn */
    size_t row_count;
    double top, bottom; /* of the rows */
    unsigned lanes[SIGNS_MAX];
};

static void put_text(struct picture *picture, struct rbk_str text)
{
    rbk_inline_html_text(picture->out, text);
}

/* ---- the axis ---------------------------------------------------------------------------------
 */

static int by_instant(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool is_work(enum rbk_report_span_kind kind)
{
    return kind == RBK_REPORT_SPAN_PREPARE || kind == RBK_REPORT_SPAN_APPLY ||
           kind == RBK_REPORT_SPAN_VERIFY || kind == RBK_REPORT_SPAN_ROLLBACK ||
           kind == RBK_REPORT_SPAN_ROLLBACK_VERIFY;
}

static bool collect_instants(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;
    size_t count = 2 + 2 * report->spans.count + report->marks.count + 2 * report->gaps.count;
    size_t kept = 0;

    picture->instants = malloc(count * sizeof(*picture->instants));
    picture->stretches = calloc(count, sizeof(*picture->stretches));
    picture->rows = malloc((report->stages.count + 1) * sizeof(*picture->rows));
    if (picture->instants == NULL || picture->stretches == NULL || picture->rows == NULL) {
        return false;
    }
    count = 0;
    picture->instants[count++] = report->started_ms;
    picture->instants[count++] = report->until_ms;
    for (size_t i = 0; i < report->spans.count; i++) {
        picture->instants[count++] = report->spans.items[i].from_ms;
        picture->instants[count++] = report->spans.items[i].to_ms;
    }
    for (size_t i = 0; i < report->marks.count; i++) {
        picture->instants[count++] = report->marks.items[i].at_ms;
    }
    for (size_t i = 0; i < report->gaps.count; i++) {
        picture->instants[count++] = report->gaps.items[i].from_ms;
        picture->instants[count++] =
            report->gaps.items[i].to_ms != 0 ? report->gaps.items[i].to_ms : report->until_ms;
    }
    qsort(picture->instants, count, sizeof(*picture->instants), by_instant);
    for (size_t i = 0; i < count; i++) {
        if (picture->instants[i] >= report->started_ms &&
            picture->instants[i] <= report->until_ms &&
            (kept == 0 || picture->instants[i] != picture->instants[kept - 1])) {
            picture->instants[kept++] = picture->instants[i];
        }
    }
    picture->instant_count = kept;
    return true;
}

/* Which stretches have somebody at work in them. */
static void find_work(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;

    picture->stretch_count = picture->instant_count > 1 ? picture->instant_count - 1 : 0;
    for (size_t i = 0; i < picture->stretch_count; i++) {
        picture->stretches[i].from_ms = picture->instants[i];
        picture->stretches[i].to_ms = picture->instants[i + 1];
    }
    for (size_t i = 0; i < report->spans.count; i++) {
        const struct rbk_report_span *span = &report->spans.items[i];
        if (span->row == RBK_NONE || !is_work(span->kind)) {
            continue;
        }
        /* Spans begin and end at instants: find the first one by halves, and go on from there. */
        size_t low = 0, high = picture->stretch_count;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (picture->stretches[middle].from_ms < span->from_ms) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (; low < picture->stretch_count && picture->stretches[low].to_ms <= span->to_ms;
             low++) {
            picture->stretches[low].working = true;
        }
    }
    for (size_t i = 0; i < report->gaps.count; i++) {
        const struct rbk_report_gap *gap = &report->gaps.items[i];
        for (size_t j = 0; j < picture->stretch_count; j++) {
            if (picture->stretches[j].from_ms >= gap->from_ms &&
                (gap->to_ms == 0 || picture->stretches[j].to_ms <= gap->to_ms)) {
                picture->stretches[j].working = false; /* nobody was there */
            }
        }
    }
}

static void lay_axis(struct picture *picture)
{
    double work = 0, all = 0, scale, x = LEFT, cap;

    for (size_t i = 0; i < picture->stretch_count; i++) {
        double length = (double)(picture->stretches[i].to_ms - picture->stretches[i].from_ms);
        all += length;
        work += picture->stretches[i].working ? length : 0;
    }
    cap = work > 0 ? work : all;
    all = 0;
    for (size_t i = 0; i < picture->stretch_count; i++) {
        struct stretch *stretch = &picture->stretches[i];
        stretch->width = (double)(stretch->to_ms - stretch->from_ms);
        if (!stretch->working && stretch->width > cap) {
            stretch->broken = true;
            stretch->width = cap * WAITING_SHARE;
        }
        all += stretch->width;
    }
    scale = all > 0 ? PLOT / all : 0;
    for (size_t i = 0; i < picture->stretch_count; i++) {
        picture->stretches[i].x = x;
        picture->stretches[i].width *= scale;
        x += picture->stretches[i].width;
    }
}

static double x_of(const struct picture *picture, uint64_t at_ms)
{
    size_t low = 0, high = picture->stretch_count;
    const struct stretch *stretch;

    if (picture->stretch_count == 0 || at_ms <= picture->stretches[0].from_ms) {
        return LEFT;
    }
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (picture->stretches[middle].from_ms <= at_ms) {
            low = middle;
        } else {
            high = middle;
        }
    }
    stretch = &picture->stretches[low];
    if (at_ms >= stretch->to_ms) {
        return stretch->x + stretch->width;
    }
    return stretch->x + stretch->width * (double)(at_ms - stretch->from_ms) /
                            (double)(stretch->to_ms - stretch->from_ms);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static void choose_rows(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;

    for (size_t i = 0; i < report->stages.count && picture->row_count < ROWS_MAX; i++) {
        picture->rows[picture->row_count++] = (uint32_t)i;
    }
    picture->bottom = picture->top + ROW_HEIGHT * (double)(picture->row_count + 1);
}

static double y_of(const struct picture *picture, size_t row)
{
    return picture->top + ROW_HEIGHT * (double)row;
}

static void draw_bar(struct picture *picture, double y, const struct rbk_report_span *span,
                     bool thin)
{
    double from = x_of(picture, span->from_ms), to = x_of(picture, span->to_ms);
    double height = thin ? 6 : BAR_HEIGHT, width = to - from;

    if (width < BAR_WIDTH_MIN) {
        width = BAR_WIDTH_MIN;
        from = from + width > WIDTH - RIGHT ? WIDTH - RIGHT - width : from;
    }
    rbk_buffer_printf(picture->out,
                      "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                      "rx=\"2\"><title>",
                      rbk_report_span_name(span->kind), from, y + (ROW_HEIGHT - height) / 2, width,
                      height);
    rbk_buffer_printf(picture->out, "%s, %s from %s</title></rect>\n",
                      rbk_report_span_says(span->kind),
                      rbk_when_span(span->to_ms - span->from_ms).text,
                      rbk_report_at(picture->report, span->from_ms).text);
}

/* A name that fits in front of its row. */
static void draw_label(struct picture *picture, double y, struct rbk_str name, const char *kind)
{
    rbk_buffer_printf(picture->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", kind, LEFT - 10,
                      y + ROW_HEIGHT / 2 + 4.5);
    put_text(picture, rbk_str_slice(name, 0, 22));
    rbk_buffer_append_text(picture->out, name.bytes > 22 ? "…<title>" : "<title>");
    put_text(picture, name);
    rbk_buffer_append_text(picture->out, "</title></text>\n");
}

static void draw_rows(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;

    draw_label(picture, y_of(picture, 0), RBK_STR("the run"), "label run");
    for (size_t row = 0; row <= picture->row_count; row++) {
        uint32_t stage = row == 0 ? RBK_NONE : picture->rows[row - 1];
        if (row != 0) {
            draw_label(picture, y_of(picture, row), report->stages.items[stage].name, "label");
        }
        rbk_buffer_printf(
            picture->out,
            "<line class=\"rule\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", LEFT,
            y_of(picture, row) + ROW_HEIGHT / 2, WIDTH - RIGHT,
            y_of(picture, row) + ROW_HEIGHT / 2);
    }
    for (size_t i = 0; i < report->spans.count; i++) {
        const struct rbk_report_span *span = &report->spans.items[i];
        if (span->row == RBK_NONE) {
            draw_bar(picture, y_of(picture, 0), span, false);
        } else if (span->row < picture->row_count) {
            draw_bar(picture, y_of(picture, span->row + 1), span,
                     span->kind == RBK_REPORT_SPAN_STANDS || span->kind == RBK_REPORT_SPAN_TURN);
        }
    }
}

/* ---- time -------------------------------------------------------------------------------------
 */

static void draw_tick(struct picture *picture, double x, struct rbk_when at, const char *where)
{
    rbk_buffer_printf(picture->out,
                      "<line class=\"tick\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                      "<text class=\"time %s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                      x, picture->top, x, picture->bottom + 4, where, x, picture->bottom + 18,
                      at.text);
}

/* Round instants, no nearer to each other than a label is wide. */
static void draw_ticks(struct picture *picture)
{
    static const uint64_t steps[] = {1000,    2000,    5000,     10000,    15000,    30000,
                                     60000,   120000,  300000,   600000,   900000,   1800000,
                                     3600000, 7200000, 14400000, 21600000, 43200000, 86400000};
    const struct rbk_run_report *report = picture->report;
    double last = LEFT;
    uint64_t step = steps[RBK_COUNT(steps) - 1];
    double work = 0, width = 0;
    struct rbk_when first = rbk_report_at(report, report->started_ms);
    double edge = strlen(first.text) > sizeof("00:00:00") ? 150 : 84; /* with the day in front? */

    for (size_t i = 0; i < picture->stretch_count; i++) {
        if (!picture->stretches[i].broken) {
            work += (double)(picture->stretches[i].to_ms - picture->stretches[i].from_ms);
            width += picture->stretches[i].width;
        }
    }
    for (size_t i = RBK_COUNT(steps); i > 0 && work > 0; i--) {
        if ((double)steps[i - 1] / work * width >= 80) {
            step = steps[i - 1];
        }
    }
    draw_tick(picture, LEFT, first, "first");
    for (size_t i = 0, ticks = 0; i < picture->stretch_count; i++) {
        const struct stretch *stretch = &picture->stretches[i];
        uint64_t at_ms = (stretch->from_ms / step + 1) * step;
        for (; !stretch->broken && at_ms < stretch->to_ms && ticks < TICKS_MAX;
             at_ms += step, ticks++) {
            double x = x_of(picture, at_ms);
            if (x - last >= (last > LEFT ? 84 : edge) && WIDTH - RIGHT - x >= edge) {
                draw_tick(picture, x, rbk_when_clock(at_ms), "");
                last = x;
            }
        }
    }
    draw_tick(picture, WIDTH - RIGHT, rbk_report_at(report, report->until_ms), "last");
}

/* Where the axis was broken, and where nobody drove the run. */
static void draw_breaks(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;
    double bottom = picture->bottom;

    for (size_t i = 0; i < report->gaps.count; i++) {
        double from = x_of(picture, report->gaps.items[i].from_ms);
        double to = report->gaps.items[i].to_ms != 0 ? x_of(picture, report->gaps.items[i].to_ms)
                                                     : WIDTH - RIGHT;
        rbk_buffer_printf(picture->out,
                          "<rect class=\"gap\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                          "height=\"%.1f\"><title>no runner</title></rect>\n",
                          from, picture->top, to - from < 3 ? 3 : to - from, bottom - picture->top);
    }
    for (size_t i = 0; i < picture->stretch_count; i++) {
        const struct stretch *stretch = &picture->stretches[i];
        double middle = stretch->x + stretch->width / 2;
        if (!stretch->broken) {
            continue;
        }
        rbk_buffer_printf(
            picture->out,
            "<path class=\"break\" d=\"M%.1f %.1f L%.1f %.1f M%.1f %.1f L%.1f %.1f\"/>", middle - 4,
            bottom + 4, middle, bottom - 8, middle + 1, bottom + 4, middle + 5, bottom - 8);
        if (stretch->width >= 44) {
            uint64_t length_ms = stretch->to_ms - stretch->from_ms;
            length_ms -= length_ms < 1000 ? 0 : length_ms % 1000;
            rbk_buffer_printf(picture->out,
                              "<text class=\"broken\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", middle,
                              bottom + 31, rbk_when_limit(length_ms).text);
        }
    }
}

/* ---- signs ------------------------------------------------------------------------------------
 */

/* There the text of a sign stands left of its line. */
static bool is_at_the_edge(double x)
{
    return x > WIDTH - 60;
}

/* The lane of each sign, so that none is over another. @return How many lanes there are. */
static unsigned choose_lanes(struct picture *picture)
{
    double ends[LANES_MAX] = {0};
    unsigned count = 1;

    for (size_t i = 0; i < picture->report->marks.count && i < SIGNS_MAX; i++) {
        double x = x_of(picture, picture->report->marks.items[i].at_ms);
        double from = is_at_the_edge(x) ? x - SIGN_WIDTH : x;
        unsigned lane = 0;
        while (lane < LANES_MAX && from < ends[lane]) {
            lane++;
        }
        picture->lanes[i] = lane; /* LANES_MAX: too many at once; it is only listed */
        if (lane < LANES_MAX) {
            ends[lane] = from + SIGN_WIDTH;
            count = lane + 1 > count ? lane + 1 : count;
        }
    }
    return count;
}

static void draw_signs(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;

    for (size_t i = 0; i < report->marks.count && i < SIGNS_MAX; i++) {
        const struct rbk_report_mark *mark = &report->marks.items[i];
        double x = x_of(picture, mark->at_ms);
        double y = picture->top - SIGNS_HEIGHT * picture->lanes[i] - 6;
        if (picture->lanes[i] == LANES_MAX) {
            continue;
        }
        rbk_buffer_printf(
            picture->out,
            "<g class=\"sign %s\"><line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
            "y2=\"%.1f\"/><text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s%zu</text><title>",
            rbk_report_mark_name(mark->kind), x, y - 9, x, picture->bottom,
            is_at_the_edge(x) ? "last" : "first", is_at_the_edge(x) ? x - 3 : x + 3, y,
            rbk_report_mark_sign(mark->kind), i + 1);
        put_text(picture, mark->text);
        rbk_buffer_append_text(picture->out, "</title></g>\n");
    }
}

static void list_signs(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;

    rbk_buffer_append_text(picture->out, "<ol class=\"signs\">\n");
    for (size_t i = 0; i < report->marks.count && i < SIGNS_MAX; i++) {
        const struct rbk_report_mark *mark = &report->marks.items[i];
        rbk_buffer_printf(picture->out, "<li class=\"%s\"><b>%s%zu</b> <time>%s</time> ",
                          rbk_report_mark_name(mark->kind), rbk_report_mark_sign(mark->kind), i + 1,
                          rbk_report_at(report, mark->at_ms).text);
        put_text(picture, mark->text);
        rbk_buffer_append_text(picture->out, "</li>\n");
    }
    rbk_buffer_append_text(picture->out, "</ol>\n");
    if (report->marks.count + report->marks.left_out > SIGNS_MAX) {
        rbk_buffer_printf(picture->out, "<p>and %zu more, not drawn</p>\n",
                          report->marks.count + report->marks.left_out - SIGNS_MAX);
    }
}

/* The kinds of bars that are in the picture, in words. */
static void list_bars(struct picture *picture)
{
    const struct rbk_run_report *report = picture->report;
    bool used[RBK_REPORT_SPAN_COUNT] = {false};

    for (size_t i = 0; i < report->spans.count; i++) {
        used[report->spans.items[i].kind] = true;
    }
    rbk_buffer_append_text(picture->out, "<p class=\"legend\">");
    for (unsigned kind = 1; kind < RBK_REPORT_SPAN_COUNT; kind++) {
        if (used[kind]) {
            rbk_buffer_printf(
                picture->out,
                "<span><svg width=\"22\" height=\"12\" aria-hidden=\"true\"><rect class=\"bar %s\" "
                "y=\"%d\" width=\"22\" height=\"%d\" rx=\"2\"/></svg> %s</span> ",
                rbk_report_span_name((enum rbk_report_span_kind)kind),
                kind == RBK_REPORT_SPAN_STANDS || kind == RBK_REPORT_SPAN_TURN ? 3 : 0,
                kind == RBK_REPORT_SPAN_STANDS || kind == RBK_REPORT_SPAN_TURN ? 6 : 12,
                rbk_report_span_says((enum rbk_report_span_kind)kind));
        }
    }
    if (report->gaps.count != 0) {
        rbk_buffer_append_text(picture->out,
                               "<span><svg width=\"22\" height=\"12\" aria-hidden=\"true\"><rect "
                               "class=\"gap\" width=\"22\" height=\"12\"/></svg> no runner</span>");
    }
    rbk_buffer_append_text(picture->out, "</p>\n");
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void draw(struct picture *picture)
{
    double height;

    find_work(picture);
    lay_axis(picture);
    picture->top = SIGNS_HEIGHT * choose_lanes(picture) + 6;
    choose_rows(picture);
    height = picture->bottom + 40;
    rbk_buffer_printf(picture->out,
                      "<figure class=\"picture\"><div class=\"scroll\">\n"
                      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"what each stage "
                      "did when\">\n"
                      "<defs><pattern id=\"back\" width=\"6\" height=\"6\" "
                      "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect "
                      "class=\"ground\" width=\"6\" height=\"6\"/><line class=\"stripe\" x1=\"1\" "
                      "y1=\"0\" x2=\"1\" y2=\"6\"/></pattern>"
                      "<pattern id=\"dots\" width=\"6\" height=\"6\" "
                      "patternUnits=\"userSpaceOnUse\"><rect class=\"ground\" width=\"6\" "
                      "height=\"6\"/><circle class=\"dot\" cx=\"3\" cy=\"3\" r=\"1.3\"/></pattern>"
                      "<pattern id=\"nobody\" width=\"8\" height=\"8\" "
                      "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\"><line "
                      "class=\"hatch\" x1=\"1\" y1=\"0\" x2=\"1\" y2=\"8\"/></pattern></defs>\n",
                      WIDTH, height);
    draw_ticks(picture);
    draw_rows(picture);
    draw_breaks(picture);
    draw_signs(picture);
    rbk_buffer_append_text(picture->out, "</svg></div>\n<figcaption>\n");
    list_bars(picture);
    list_signs(picture);
    if (picture->report->stages.count > picture->row_count) {
        rbk_buffer_printf(picture->out, "<p>%zu more stages are not drawn</p>\n",
                          picture->report->stages.count - picture->row_count);
    }
    rbk_buffer_append_text(picture->out, "</figcaption></figure>\n");
}

void rbk_report_picture(const struct rbk_run_report *report, struct rbk_buffer *out)
{
    struct picture picture = {.report = report, .out = out};

    if (collect_instants(&picture)) {
        draw(&picture);
    } else {
        out->error = -RBK_ENOMEM;
    }
    free(picture.instants);
    free(picture.stretches);
    free(picture.rows);
}
