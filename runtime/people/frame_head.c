/*
 * The head of a picture: which run, what it is doing, for how long, and how long it takes at worst
 * until everything is back. In trouble also why.
 */
#include <stdio.h>

#include "runtime/people/back.h"
#include "runtime/people/frame_internal.h"
#include "runtime/people/when.h"

#define RBK_RUN_LABEL_BYTES 160 /* any id, which is shorter than 128 */

/* When the clocks of the run stand still. */
static uint64_t end_of(const struct drawing *drawing)
{
    return drawing->state->ended_ms != 0 ? drawing->state->ended_ms : drawing->picture->now_ms;
}

static void draw_status(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    enum rbk_status status = (enum rbk_status)state->status;
    struct rbk_pen *pen = &drawing->pen;

    rbk_pen_right(pen, rbk_view_status_tone(status), "%s  %s", rbk_status_name(status),
                  rbk_when_ticks(rbk_when_between(state->started_ms, end_of(drawing))).text);
    rbk_pen_bold(pen, drawing->machine->name);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    rbk_pen_text(pen, RBK_TONE_PLAIN, drawing->machine->title);
    rbk_pen_end(pen);
}

/* At the right end: how long it takes until everything is back, were it decided now. */
static void draw_way_back(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    struct rbk_pen *pen = &drawing->pen;
    uint64_t back_ms;

    if (state->ended_ms != 0) {
        return;
    }
    switch (rbk_back_of_run(drawing->view, state, &drawing->picture->track->back,
                            drawing->picture->now_ms, &back_ms)) {
    case RBK_BACK_NOTHING:
        rbk_pen_right(pen, RBK_TONE_DIM, "nothing to take back");
        return;
    case RBK_BACK_OPEN:
        rbk_pen_right(pen, RBK_TONE_DIM,
                      state->decided_ms != 0 ? "%s more at worst" : "back in %s at worst",
                      rbk_when_limit(back_ms / 1000 * 1000).text);
        return;
    case RBK_BACK_UNBOUNDED:
        rbk_pen_right(pen, RBK_TONE_DIM, "the way back has no end in time");
        return;
    case RBK_BACK_CLOSED:
        rbk_pen_right(pen, RBK_TONE_BAD, "NO WAY BACK IS OPEN");
        return;
    case RBK_BACK_STUCK:
        rbk_pen_right(pen, RBK_TONE_BAD, "back only by a person");
        return;
    case RBK_BACK_GONE:
        rbk_pen_right(pen, RBK_TONE_DIM, "no way back any more");
        return;
    }
}

static void draw_rollback(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    uint64_t within_ms = drawing->machine->rollback_within_ms;
    uint64_t taken_ms = rbk_when_between(state->decided_ms, end_of(drawing));
    enum rbk_tone tone = state->overdue ? RBK_TONE_BAD : RBK_TONE_WARN;

    if (within_ms != 0) {
        rbk_pen_bar(&drawing->pen, tone, rbk_frame_share(taken_ms, within_ms), RBK_BAR_COLUMNS);
        rbk_pen_printf(&drawing->pen, tone, " %s of %s%s", rbk_when_ticks(taken_ms).text,
                       rbk_when_limit(within_ms).text, state->overdue ? ": OVERDUE" : "");
    } else {
        rbk_pen_printf(&drawing->pen, tone, "rollback for %s", rbk_when_ticks(taken_ms).text);
    }
}

static void draw_progress(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    uint64_t estimate_ms = drawing->machine->estimate_ms, now_ms = drawing->picture->now_ms;

    if (state->decided_ms != 0) {
        draw_rollback(drawing);
    } else if (state->plan_due_ms != 0 && state->ended_ms == 0) {
        uint32_t at = rbk_state_region(drawing->machine, state, 0)->state;
        enum rbk_status stands = drawing->machine->states[at].kind == RBK_STATE_GRACE
                                     ? RBK_STATUS_GRACE
                                     : RBK_STATUS_OBSERVING; /* paused, too */
        rbk_pen_printf(&drawing->pen, RBK_TONE_BUSY, "%s until %s, %s left",
                       rbk_status_name(stands), rbk_when_until(state->plan_due_ms, now_ms).text,
                       rbk_when_ticks(rbk_when_between(now_ms, state->plan_due_ms)).text);
    } else if (estimate_ms != 0) {
        uint64_t until_ms = state->all_applied_ms != 0 ? state->all_applied_ms : end_of(drawing);
        uint64_t taken_ms = rbk_when_between(state->first_effect_ms, until_ms);
        bool late = taken_ms > estimate_ms;
        rbk_pen_bar(&drawing->pen, late ? RBK_TONE_WARN : RBK_TONE_BUSY,
                    rbk_frame_share(taken_ms, estimate_ms), RBK_BAR_COLUMNS);
        rbk_pen_printf(&drawing->pen, late ? RBK_TONE_WARN : RBK_TONE_DIM, " %s of %s",
                       rbk_when_ticks(taken_ms).text, rbk_when_limit(estimate_ms).text);
    }
}

void rbk_frame_draw_way(struct drawing *drawing, const char *label)
{
    draw_way_back(drawing);
    rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, "%s  ", label);
    draw_progress(drawing);
    rbk_pen_end(&drawing->pen);
}

void rbk_frame_draw_head(struct drawing *drawing)
{
    char label[RBK_RUN_LABEL_BYTES];
    draw_status(drawing);
    (void)snprintf(label, sizeof(label), "run %s", drawing->view->run);
    rbk_frame_draw_way(drawing, label);
}

void rbk_frame_draw_reason(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    struct rbk_buffer text;
    if (state->status != RBK_STATUS_ABORTING && state->status != RBK_STATUS_STUCK) {
        return;
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    if (drawing->picture->reason.bytes != 0) {
        rbk_buffer_append_str(&text, drawing->picture->reason);
    } else {
        rbk_view_cause(drawing->view, rbk_run_cause(drawing->machine, state), &text);
    }
    if (text.bytes != 0) {
        rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
        rbk_pen_wrap(&drawing->pen, RBK_TONE_BAD, RBK_STR("why: "), rbk_buffer_str(&text), 2);
    }
    rbk_buffer_fini(&text);
}
