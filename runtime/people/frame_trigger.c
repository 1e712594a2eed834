/*
 * The armed triggers: the last reading as a bar towards the threshold, and what a trigger that is
 * not quiet is about to do. Where not all fit, those nearest to firing are shown.
 */
#include <stdlib.h>

#include "runtime/people/frame_internal.h"
#include "runtime/people/when.h"

#define NEAR 0.8 /* of the way to the threshold */

/* What its runner knows of a trigger; all zero when nobody does. */
static struct rbk_trigger_fact fact_of(const struct drawing *drawing, uint32_t trigger)
{
    const struct rbk_facts *facts = drawing->picture->facts;
    struct rbk_trigger_fact fact = {.holds = false};
    if (facts != NULL && facts->trigger != NULL) {
        (void)facts->trigger(facts->context, trigger, &fact);
    }
    return fact;
}

/* ---- how it stands ----------------------------------------------------------------------------
 */

static enum rbk_tone tone_of(const struct drawing *drawing, uint32_t trigger)
{
    const struct rbk_trigger_state *ts =
        rbk_state_trigger(drawing->machine, drawing->state, trigger);
    switch ((enum rbk_level)ts->level) {
    case RBK_LEVEL_TRUE:
        return RBK_TONE_BAD;
    case RBK_LEVEL_MISSING:
        return RBK_TONE_WARN;
    case RBK_LEVEL_FALSE:
    case RBK_LEVEL_COUNT:
        break;
    }
    return RBK_TONE_GOOD;
}

/* Append what follows: "pause", "abort". */
static void append_next(const struct drawing *drawing, uint32_t reaction, struct rbk_buffer *out)
{
    if (reaction < drawing->machine->reaction_count) {
        rbk_buffer_append_text(out,
                               rbk_reaction_kind_name(drawing->machine->reactions[reaction].kind));
    }
}

/* At the right end: what a trigger that is not quiet waits for. */
static void draw_news(struct drawing *drawing, uint32_t trigger,
                      const struct rbk_trigger_fact *fact)
{
    const struct rbk_trigger *row = &drawing->machine->triggers[trigger];
    const struct rbk_trigger_state *ts =
        rbk_state_trigger(drawing->machine, drawing->state, trigger);
    uint64_t left_ms = rbk_when_between(drawing->picture->now_ms, ts->due_ms);
    struct rbk_buffer text;

    rbk_buffer_init(&text, 4096);
    if (ts->mode == RBK_TRIGGER_HOLDING && ts->reaction < drawing->machine->reaction_count) {
        append_next(drawing, drawing->machine->reactions[ts->reaction].then, &text);
        rbk_buffer_printf(&text, " in %s", rbk_when_ticks(left_ms).text);
    } else if (ts->mode == RBK_TRIGGER_ASKING) {
        rbk_buffer_printf(&text, "asks, %s left", rbk_when_ticks(left_ms).text);
    } else if (ts->level == RBK_LEVEL_TRUE) {
        rbk_buffer_append_text(&text, "fired");
    } else if (ts->level == RBK_LEVEL_MISSING) {
        rbk_buffer_append_text(&text, "missing");
    } else if (fact->holds && row->for_ms != 0) {
        rbk_buffer_printf(&text, "holds for %s of %s", rbk_when_ticks(fact->held_ms).text,
                          rbk_when_limit(row->for_ms).text);
    } else if (fact->holds && fact->true_readings < row->for_readings) {
        rbk_buffer_printf(&text, "holds in %u of %u readings", fact->true_readings,
                          row->for_readings);
    } else if (fact->holds && row->confirm_ms != 0) {
        rbk_buffer_append_text(&text, "a second look");
    }
    if (text.bytes != 0) {
        rbk_pen_right(&drawing->pen, ts->level == RBK_LEVEL_TRUE ? RBK_TONE_BAD : RBK_TONE_WARN,
                      "%s", text.data);
    }
    rbk_buffer_fini(&text);
}

/* The last reading, or what stands for it. */
static void draw_value(struct drawing *drawing, enum rbk_tone tone,
                       const struct rbk_trigger_fact *fact)
{
    struct rbk_buffer value;
    rbk_buffer_init(&value, RBK_VIEW_BYTES_MAX);
    if (fact->gauge.compared ? !fact->gauge.has_reading : tone == RBK_TONE_WARN) {
        rbk_buffer_append_text(&value, "no reading");
        tone = RBK_TONE_WARN;
    } else if (fact->gauge.compared) {
        rbk_buffer_append_text(&value, fact->gauge.reading);
        tone = tone == RBK_TONE_BAD ? tone : RBK_TONE_PLAIN;
    } else if (tone == RBK_TONE_BAD) {
        rbk_buffer_append_text(&value, "true");
    } else {
        /* Nobody may take a run without a runner for a quiet one. */
        rbk_buffer_append_text(&value, fact->watched ? "quiet" : "not read");
        tone = fact->watched ? tone : RBK_TONE_WARN;
    }
    rbk_pen_cell(&drawing->pen, tone, rbk_buffer_str(&value), 10);
    rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
    rbk_buffer_fini(&value);
}

static void draw_bar(struct drawing *drawing, const struct rbk_trigger_fact *fact)
{
    double share = fact->gauge.share;
    if (fact->gauge.has_share) {
        rbk_pen_bar(&drawing->pen,
                    share >= 1      ? RBK_TONE_BAD
                    : share >= NEAR ? RBK_TONE_WARN
                                    : RBK_TONE_GOOD,
                    share, RBK_BAR_COLUMNS);
        rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
    } else {
        rbk_pen_cell(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(""), RBK_BAR_COLUMNS + 1);
    }
}

void rbk_frame_draw_trigger(struct drawing *drawing, uint32_t trigger)
{
    const struct rbk_trigger *row = &drawing->machine->triggers[trigger];
    enum rbk_tone tone = tone_of(drawing, trigger);
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_trigger_fact fact = fact_of(drawing, trigger);

    draw_news(drawing, trigger, &fact);
    rbk_pen_printf(pen, tone, " %s ",
                   tone == RBK_TONE_GOOD  ? " "
                   : tone == RBK_TONE_BAD ? rbk_style_mark(drawing->picture->style, tone)
                                          : "!");
    rbk_pen_name(pen, tone, row->name, drawing->name_columns);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    draw_bar(drawing, &fact);
    draw_value(drawing, tone, &fact);
    rbk_pen_text(pen, RBK_TONE_DIM, rbk_view_spelled(drawing->view, row->condition));
    if (row->for_ms != 0) {
        rbk_pen_printf(pen, RBK_TONE_DIM, " for %s", rbk_when_limit(row->for_ms).text);
    } else if (row->for_readings != 0) {
        rbk_pen_printf(pen, RBK_TONE_DIM, " for %u readings", row->for_readings);
    }
    rbk_pen_end(pen);
}

/* ---- which of them ----------------------------------------------------------------------------
 */

/* A trigger that may be shown. */
struct candidate {
    uint32_t trigger;
    double worth; /* the larger, the sooner it is shown */
};

static double worth_of(const struct drawing *drawing, uint32_t trigger)
{
    const struct rbk_trigger_state *ts =
        rbk_state_trigger(drawing->machine, drawing->state, trigger);
    if (ts->mode != RBK_TRIGGER_QUIET || ts->level != RBK_LEVEL_FALSE) {
        return ts->level == RBK_LEVEL_TRUE ? 4 : 3;
    }
    struct rbk_trigger_fact fact = fact_of(drawing, trigger);
    if (fact.holds) {
        return 2;
    }
    return fact.gauge.compared && !fact.gauge.has_reading ? 1.5
           : fact.gauge.has_share                         ? fact.gauge.share
                                                          : 0;
}

static int by_worth(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;
    if (one->worth != other->worth) {
        return one->worth > other->worth ? -1 : 1;
    }
    return one->trigger < other->trigger ? -1 : one->trigger > other->trigger;
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;
    return one->trigger < other->trigger ? -1 : one->trigger > other->trigger;
}

static size_t armed_count(const struct drawing *drawing)
{
    size_t count = 0;
    for (uint32_t i = 0; i < drawing->machine->trigger_count; i++) {
        count += rbk_trigger_armed(drawing->machine, drawing->state, i) ? 1u : 0u;
    }
    return count;
}

size_t rbk_frame_trigger_lines(const struct drawing *drawing)
{
    size_t armed = armed_count(drawing);
    return armed == 0 ? 0 : armed + 1;
}

void rbk_frame_draw_triggers(struct drawing *drawing, size_t lines_max)
{
    size_t armed = armed_count(drawing), count = 0;
    struct candidate *candidates = calloc(armed + 1, sizeof(*candidates));
    if (candidates == NULL || armed == 0 || lines_max == 0) {
        free(candidates);
        return;
    }
    for (uint32_t i = 0; i < drawing->machine->trigger_count && count < armed; i++) {
        if (rbk_trigger_armed(drawing->machine, drawing->state, i)) {
            candidates[count++] =
                (struct candidate){i, lines_max <= armed ? worth_of(drawing, i) : 0};
        }
    }
    size_t shown = lines_max - 1 < count ? lines_max - 1 : count;
    rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, " %zu of %u %s armed", armed,
                   drawing->machine->trigger_count,
                   drawing->machine->trigger_count == 1 ? "trigger" : "triggers");
    if (shown < count) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, "; the %zu nearest to firing:", shown);
    }
    rbk_pen_end(&drawing->pen);
    qsort(candidates, count, sizeof(*candidates), by_worth);
    qsort(candidates, shown, sizeof(*candidates), by_place);
    for (size_t i = 0; i < shown; i++) {
        rbk_frame_draw_trigger(drawing, candidates[i].trigger);
    }
    free(candidates);
}
