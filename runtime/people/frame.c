/*
 * A picture of a run. What a person must see is drawn whatever the size: the head, the questions
 * and what to do now. The rest is shared between stages and triggers; where not all stages fit,
 * those around the ones under way are shown and the others are counted.
 */
#include "runtime/people/frame.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/people/gauge.h"
#include "runtime/people/pen.h"
#include "runtime/people/when.h"

#define NAME_COLUMNS_MAX 18u
#define ASKED_MAX 8u
#define BAR_COLUMNS 16u

/* A picture being drawn. */
struct drawing {
    const struct rbk_picture *picture;
    const struct rbk_view *view;
    const struct rbk_machine *machine;
    const struct rbk_state *state;
    struct rbk_pen pen;
    size_t name_columns;
    uint32_t *steps; /* owned: steps under way of each region's stage; NULL: out of memory */
};

void rbk_frame_init(struct rbk_frame *frame)
{
    memset(frame, 0, sizeof(*frame));
    rbk_buffer_init(&frame->text, RBK_VIEW_BYTES_MAX);
}

void rbk_frame_fini(struct rbk_frame *frame)
{
    rbk_buffer_fini(&frame->text);
}

static uint64_t span(uint64_t from_ms, uint64_t to_ms)
{
    return from_ms != 0 && to_ms > from_ms ? to_ms - from_ms : 0;
}

static double share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

/* ---- head -------------------------------------------------------------------------------------
 */

static void draw_head(struct drawing *drawing)
{
    const struct rbk_state *state = drawing->state;
    const struct rbk_machine *machine = drawing->machine;
    struct rbk_pen *pen = &drawing->pen;
    enum rbk_status status = (enum rbk_status)state->status;
    uint64_t end_ms = state->ended_ms != 0 ? state->ended_ms : drawing->picture->now_ms;

    rbk_pen_right(pen, rbk_view_status_tone(status), "%s  %s", rbk_status_name(status),
                  rbk_when_ticks(span(state->started_ms, end_ms)).text);
    rbk_pen_bold(pen, machine->name);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    rbk_pen_text(pen, RBK_TONE_PLAIN, machine->title);
    rbk_pen_end(pen);

    rbk_pen_printf(pen, RBK_TONE_DIM, "run %s  ", drawing->view->run);
    if (state->decided_ms != 0) {
        uint64_t taken_ms = span(state->decided_ms, end_ms);
        rbk_pen_right(pen, state->overdue ? RBK_TONE_BAD : RBK_TONE_WARN, "rollback %s of %s",
                      rbk_when_ticks(taken_ms).text,
                      machine->rollback_within_ms != 0
                          ? rbk_when_limit(machine->rollback_within_ms).text
                          : "any time");
        rbk_pen_bar(pen, RBK_TONE_WARN, share_of(taken_ms, machine->rollback_within_ms),
                    BAR_COLUMNS);
    } else if (state->plan_due_ms != 0 && state->ended_ms == 0) {
        rbk_pen_printf(pen, RBK_TONE_BUSY, "%s until %s, %s left", rbk_status_name(status),
                       rbk_when_until(state->plan_due_ms, drawing->picture->now_ms).text,
                       rbk_when_ticks(span(drawing->picture->now_ms, state->plan_due_ms)).text);
    } else if (machine->estimate_ms != 0) {
        uint64_t until_ms = state->all_applied_ms != 0 ? state->all_applied_ms : end_ms;
        uint64_t taken_ms = span(state->first_effect_ms, until_ms);
        if (machine->rollback_within_ms != 0) {
            rbk_pen_right(pen, RBK_TONE_DIM, "back within %s at worst",
                          rbk_when_limit(machine->rollback_within_ms).text);
        }
        rbk_pen_bar(pen, taken_ms > machine->estimate_ms ? RBK_TONE_WARN : RBK_TONE_BUSY,
                    share_of(taken_ms, machine->estimate_ms), BAR_COLUMNS);
        rbk_pen_printf(pen, RBK_TONE_DIM, " %s of %s", rbk_when_ticks(taken_ms).text,
                       rbk_when_limit(machine->estimate_ms).text);
    } else if (machine->rollback_within_ms != 0) {
        rbk_pen_right(pen, RBK_TONE_DIM, "back within %s at worst",
                      rbk_when_limit(machine->rollback_within_ms).text);
    }
    rbk_pen_end(pen);
}

/* ---- stages -----------------------------------------------------------------------------------
 */

static bool is_stage(const struct rbk_region *region)
{
    return region->kind == RBK_REGION_STAGE || region->kind == RBK_REGION_RETIRE;
}

/* Whether a region has a step of its own to show. */
static bool has_step(const struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    switch ((enum rbk_mode)rs->mode) {
    case RBK_MODE_RUNNING:
    case RBK_MODE_RETRY:
    case RBK_MODE_CANCELLING:
    case RBK_MODE_RESOLVING:
    case RBK_MODE_LOOKING:
    case RBK_MODE_PARKED:
    case RBK_MODE_DOUBT:
        return rbk_view_effect(drawing->view, drawing->state, region) != NULL;
    default:
        return false;
    }
}

/* How many lines a stage takes: itself, and each step under way in it or its branches. */
static size_t stage_lines(const struct drawing *drawing, uint32_t stage)
{
    return 1 + (drawing->steps != NULL ? drawing->steps[stage] : 0);
}

/* Count the steps under way of every stage, once for a picture. */
static void count_steps(struct drawing *drawing)
{
    drawing->steps = calloc((size_t)drawing->machine->region_count + 1, sizeof(*drawing->steps));
    for (uint32_t i = 0; drawing->steps != NULL && i < drawing->machine->region_count; i++) {
        if (has_step(drawing, i)) {
            drawing->steps[rbk_region_root(drawing->machine, i)]++;
        }
    }
}

/* `progress EXPR` of a wait, where it can be told from probes and values alone. */
static void draw_progress(struct drawing *drawing, const struct rbk_effect *effect)
{
    const struct rbk_machine *machine = drawing->machine;
    for (uint32_t i = 0; drawing->view->scope != NULL && i < effect->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[effect->args.first + i];
        struct rbk_value value = rbk_value_missing(RBK_TYPE_RATIO);
        struct rbk_arena arena;
        if (arg->kind != RBK_ARG_PROGRESS || machine->exprs[arg->expr].reads.count != 0) {
            continue;
        }
        rbk_arena_init(&arena, RBK_VIEW_BYTES_MAX);
        if (rbk_expr_evaluate(drawing->view->scope, arg->expr, &arena, &value, NULL) == 0 &&
            !value.missing && value.type == RBK_TYPE_RATIO) {
            rbk_pen_bar(&drawing->pen, RBK_TONE_BUSY, value.as.number, BAR_COLUMNS);
            rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
        }
        rbk_arena_fini(&arena);
    }
}

static void draw_step(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    const struct rbk_effect *effect = rbk_view_effect(drawing->view, drawing->state, region);
    struct rbk_pen *pen = &drawing->pen;
    uint64_t now_ms = drawing->picture->now_ms;
    uint64_t since_ms = drawing->picture->track->regions[region].since_ms;
    uint64_t limit_ms = effect->timeout_ms != 0 ? effect->timeout_ms : effect->for_ms;
    enum rbk_tone tone = RBK_TONE_PLAIN;

    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("      "));
    if (rs->mode == RBK_MODE_RETRY) {
        rbk_pen_right(pen, RBK_TONE_WARN, "attempt %u of %u in %s", rs->attempt + 1,
                      effect->retry_count + 1, rbk_when_ticks(span(now_ms, rs->due_ms)).text);
    } else if (rs->mode == RBK_MODE_PARKED) {
        rbk_pen_right(pen, RBK_TONE_DIM, "next");
        tone = RBK_TONE_DIM;
    } else if (since_ms != 0 && limit_ms != 0) {
        uint64_t taken_ms = span(since_ms, now_ms);
        bool late = effect->timeout_ms != 0 && taken_ms > limit_ms / 5 * 4;
        rbk_pen_right(pen, late ? RBK_TONE_WARN : RBK_TONE_DIM, "%s of %s",
                      rbk_when_ticks(taken_ms).text, rbk_when_limit(limit_ms).text);
    } else if (since_ms != 0) {
        rbk_pen_right(pen, RBK_TONE_DIM, "%s", rbk_when_ticks(span(since_ms, now_ms)).text);
    }
    if (rs->mode == RBK_MODE_CANCELLING) {
        rbk_pen_text(pen, RBK_TONE_WARN, RBK_STR("stopping: "));
    }
    draw_progress(drawing, effect);
    rbk_pen_text(pen, tone, effect->text);
    rbk_pen_end(pen);
}

/* The deadline of the innermost block a region is in, as "3m 10s of 10m" at the right. */
static void draw_block(struct drawing *drawing, const struct rbk_region_state *rs, uint32_t region)
{
    uint32_t block = drawing->machine->states[rs->state].block;
    uint64_t now_ms = drawing->picture->now_ms;
    for (uint32_t hops = 0; block < drawing->machine->block_count && hops < RBK_BLOCK_DEPTH_MAX;
         hops++) {
        const struct rbk_block *row = &drawing->machine->blocks[block];
        uint64_t due_ms = row->region == region && row->depth < RBK_BLOCK_DEPTH_MAX
                              ? rs->block_due_ms[row->depth]
                              : 0;
        if (due_ms != 0 && row->within_ms != 0) {
            uint64_t left_ms = span(now_ms, due_ms);
            uint64_t taken_ms = row->within_ms > left_ms ? row->within_ms - left_ms : 0;
            rbk_pen_right(&drawing->pen,
                          left_ms < row->within_ms / 5 ? RBK_TONE_WARN : RBK_TONE_DIM, "%s of %s",
                          rbk_when_ticks(taken_ms).text, rbk_when_limit(row->within_ms).text);
            return;
        }
        block = row->parent;
    }
}

/* A stage that has not begun: its title, or what it waits for. */
static void draw_waiting(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region *row = &drawing->machine->regions[region];
    struct rbk_buffer waits;
    rbk_buffer_init(&waits, RBK_VIEW_BYTES_MAX);
    rbk_view_waits_for(drawing->view, drawing->state, region, &waits);
    if (waits.bytes != 0 && !rbk_str_starts(rbk_buffer_str(&waits), RBK_STR("after "))) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN, "waits %s  ", waits.data);
    }
    rbk_pen_text(&drawing->pen, RBK_TONE_DIM, row->title);
    rbk_buffer_fini(&waits);
}

/* A stage at rest: where, and why unless it went well. */
static void draw_rest(struct drawing *drawing, uint32_t region, enum rbk_tone tone,
                      const char *word)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    struct rbk_buffer cause;
    rbk_pen_text(&drawing->pen, tone, rbk_str_from(word));
    if ((rs->flags & RBK_FLAG_WAY_CLOSED) != 0) {
        rbk_pen_text(&drawing->pen, RBK_TONE_BAD, RBK_STR(", no way back is open"));
    }
    if (tone != RBK_TONE_BAD && tone != RBK_TONE_WARN) {
        return;
    }
    rbk_buffer_init(&cause, RBK_VIEW_BYTES_MAX);
    rbk_view_cause(drawing->view, rs->cause, &cause);
    if (cause.bytes != 0) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, ": %s", cause.data);
    }
    rbk_buffer_fini(&cause);
}

static void draw_stage(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region *row = &drawing->machine->regions[region];
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    const struct rbk_track_region *tracked = &drawing->picture->track->regions[region];
    struct rbk_pen *pen = &drawing->pen;
    enum rbk_tone tone;
    const char *word = rbk_view_region_word(drawing->view, drawing->state, region, &tone);
    bool under_way = rs->mode != RBK_MODE_IDLE && rs->mode != RBK_MODE_DONE;
    uint32_t done, total;

    if (under_way) {
        draw_block(drawing, rs, region);
    } else if (tracked->started_ms != 0 && tracked->rested_ms != 0) {
        rbk_pen_right(pen, RBK_TONE_DIM, "%s",
                      rbk_when_ticks(span(tracked->started_ms, tracked->rested_ms)).text);
    }
    rbk_pen_printf(pen, tone, " %s ", rbk_style_mark(drawing->picture->style, tone));
    rbk_pen_cell(pen, under_way ? RBK_TONE_PLAIN : tone, row->name, drawing->name_columns);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    if (under_way && rs->mode != RBK_MODE_TURN &&
        rbk_track_progress(drawing->picture->track, rs->state, &done, &total)) {
        rbk_pen_cell(pen, tone, rbk_str_from(word), 14);
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
        rbk_pen_bar(pen, tone, share_of(done, total), BAR_COLUMNS);
        rbk_pen_printf(pen, RBK_TONE_DIM, " %u/%u", done, total);
    } else if (tone == RBK_TONE_DIM) {
        draw_waiting(drawing, region);
    } else {
        draw_rest(drawing, region, tone, word);
    }
    rbk_pen_end(pen);
    for (uint32_t i = region; i < drawing->machine->region_count; i++) {
        if (rbk_region_root(drawing->machine, i) == region && has_step(drawing, i)) {
            draw_step(drawing, i);
        }
    }
}

/* The regions to show: from `first` up to `end`, so many lines that they fit. */
static void choose_stages(const struct drawing *drawing, size_t lines_max, uint32_t *ret_first,
                          uint32_t *ret_end)
{
    const struct rbk_machine *machine = drawing->machine;
    uint32_t focus = machine->region_count, first, end;
    size_t lines = 0;

    for (uint32_t i = 0; i < machine->region_count && focus == machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, drawing->state, i);
        if (is_stage(&machine->regions[i]) &&
            (rs->mode != RBK_MODE_IDLE || machine->states[rs->state].kind == RBK_STATE_STUCK)) {
            focus = i;
        }
    }
    for (uint32_t i = 0; i < machine->region_count && focus == machine->region_count; i++) {
        const struct rbk_region_state *rs = rbk_state_region(machine, drawing->state, i);
        if (is_stage(&machine->regions[i]) &&
            machine->states[rs->state].kind != RBK_STATE_APPLIED) {
            focus = i;
        }
    }
    first = end = focus == machine->region_count ? 0 : focus;
    while (end < machine->region_count || first > 0) {
        bool grew = false;
        if (end < machine->region_count) {
            size_t more = is_stage(&machine->regions[end]) ? stage_lines(drawing, end) : 0;
            if (lines + more <= lines_max) {
                lines += more;
                end++;
                grew = true;
            }
        }
        if (first > 0) {
            size_t more =
                is_stage(&machine->regions[first - 1]) ? stage_lines(drawing, first - 1) : 0;
            if (lines + more <= lines_max) {
                lines += more;
                first--;
                grew = true;
            }
        }
        if (!grew) {
            break;
        }
    }
    *ret_first = first;
    *ret_end = end;
}

static void draw_left_out(struct drawing *drawing, uint32_t first, uint32_t end, const char *where)
{
    size_t count = 0, applied = 0;
    for (uint32_t i = first; i < end; i++) {
        if (is_stage(&drawing->machine->regions[i])) {
            count++;
            applied += rbk_stage_applied(drawing->machine, drawing->state, i) ? 1u : 0u;
        }
    }
    if (count != 0) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, "   %zu more %s, %zu applied", count, where,
                       applied);
        rbk_pen_end(&drawing->pen);
    }
}

static void draw_stages(struct drawing *drawing, size_t lines_max)
{
    const struct rbk_machine *machine = drawing->machine;
    uint32_t first = 0, end = machine->region_count;
    size_t lines = 0;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        lines += is_stage(&machine->regions[i]) ? stage_lines(drawing, i) : 0;
    }
    if (lines > lines_max) {
        choose_stages(drawing, lines_max > 3 ? lines_max - 2 : 1, &first, &end);
    }
    draw_left_out(drawing, 0, first, "above");
    for (uint32_t i = first; i < end; i++) {
        if (is_stage(&machine->regions[i])) {
            draw_stage(drawing, i);
        }
    }
    draw_left_out(drawing, end, machine->region_count, "below");
}

/* ---- triggers ---------------------------------------------------------------------------------
 */

static void draw_trigger(struct drawing *drawing, uint32_t index)
{
    const struct rbk_trigger *trigger = &drawing->machine->triggers[index];
    const struct rbk_trigger_state *ts = rbk_state_trigger(drawing->machine, drawing->state, index);
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_arena arena;
    struct rbk_gauge gauge;
    enum rbk_tone tone = ts->level == RBK_LEVEL_TRUE      ? RBK_TONE_BAD
                         : ts->level == RBK_LEVEL_MISSING ? RBK_TONE_WARN
                                                          : RBK_TONE_GOOD;
    rbk_arena_init(&arena, RBK_VIEW_BYTES_MAX);
    bool read = drawing->view->scope != NULL &&
                rbk_gauge_read(drawing->view->scope, trigger->condition, &arena, &gauge);

    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("   "));
    rbk_pen_cell(pen, tone, trigger->name, drawing->name_columns);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    if (read && gauge.has_share) {
        rbk_pen_bar(pen,
                    gauge.share >= 1     ? RBK_TONE_BAD
                    : gauge.share >= 0.8 ? RBK_TONE_WARN
                                         : RBK_TONE_GOOD,
                    gauge.share, BAR_COLUMNS);
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
    }
    if (read) {
        struct rbk_buffer value;
        rbk_buffer_init(&value, RBK_VIEW_BYTES_MAX);
        rbk_gauge_print(gauge.value, &value);
        rbk_pen_cell(pen, gauge.value.missing ? RBK_TONE_WARN : RBK_TONE_PLAIN,
                     rbk_buffer_str(&value), 10);
        rbk_buffer_fini(&value);
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
    } else {
        rbk_pen_cell(pen, tone,
                     rbk_str_from(ts->level == RBK_LEVEL_MISSING ? "no reading"
                                  : ts->level == RBK_LEVEL_TRUE  ? "true"
                                                                 : "quiet"),
                     10);
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
    }
    rbk_pen_text(pen, RBK_TONE_DIM, rbk_view_spelled(drawing->view, trigger->condition));
    if (trigger->for_ms != 0) {
        rbk_pen_printf(pen, RBK_TONE_DIM, " for %s", rbk_when_limit(trigger->for_ms).text);
    } else if (trigger->for_readings != 0) {
        rbk_pen_printf(pen, RBK_TONE_DIM, " for %u readings", trigger->for_readings);
    }
    rbk_pen_end(pen);
    rbk_arena_fini(&arena);
}

static size_t armed_count(const struct drawing *drawing)
{
    size_t count = 0;
    for (uint32_t i = 0; i < drawing->machine->trigger_count; i++) {
        count += rbk_trigger_armed(drawing->machine, drawing->state, i) ? 1u : 0u;
    }
    return count;
}

static void draw_triggers(struct drawing *drawing, size_t lines_max)
{
    size_t armed = armed_count(drawing), shown = 0;
    if (armed == 0 || lines_max < 2) {
        return;
    }
    rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, " %zu %s armed", armed,
                   armed == 1 ? "trigger" : "triggers");
    rbk_pen_end(&drawing->pen);
    for (uint32_t i = 0; i < drawing->machine->trigger_count && shown + 1 < lines_max; i++) {
        if (rbk_trigger_armed(drawing->machine, drawing->state, i)) {
            draw_trigger(drawing, i);
            shown++;
        }
    }
}

/* ---- questions, and what now ------------------------------------------------------------------
 */

/* Draw, or only count the lines when `counted` is not NULL. */
static void draw_asked(struct drawing *drawing, const struct rbk_asked *asked, size_t *counted)
{
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    if (counted != NULL) {
        (*counted)++;
    } else {
        rbk_asked_text(drawing->view, drawing->state, asked, &text);
        if (asked->due_ms != 0) {
            rbk_pen_right(pen, RBK_TONE_WARN, "%s left",
                          rbk_when_ticks(span(drawing->picture->now_ms, asked->due_ms)).text);
        }
        rbk_pen_text(pen, RBK_TONE_ASK, RBK_STR(" ? "));
        rbk_pen_text(pen, RBK_TONE_PLAIN, rbk_buffer_str(&text));
        rbk_pen_end(pen);
        rbk_buffer_clear(&text);
    }
    for (size_t number = 0; rbk_asked_command(drawing->view, drawing->state, asked, number, &text);
         number++) {
        if (counted != NULL) {
            (*counted)++;
        } else {
            rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("     "));
            rbk_pen_text(pen, RBK_TONE_ASK, rbk_buffer_str(&text));
            rbk_pen_end(pen);
        }
        rbk_buffer_clear(&text);
    }
    rbk_buffer_fini(&text);
}

static void draw_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    struct drawing *drawing = context;
    (void)stage;
    rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR(" "));
    rbk_pen_text(&drawing->pen, tone, text);
    rbk_pen_end(&drawing->pen);
}

static void count_line(void *context, enum rbk_tone tone, struct rbk_str stage, struct rbk_str text)
{
    size_t *count = context;
    (void)tone;
    (void)stage;
    (void)text;
    ++*count;
}

void rbk_frame_draw(struct rbk_frame *frame, const struct rbk_picture *picture)
{
    size_t columns = picture->columns < 20 ? 20 : picture->columns;
    size_t rows = picture->rows < 5 ? 5 : picture->rows;
    struct drawing drawing = {.picture = picture,
                              .view = picture->view,
                              .machine = picture->view->machine,
                              .state = picture->state};
    struct rbk_asked asked[ASKED_MAX];
    size_t asked_count = rbk_view_asked(picture->view, picture->state, asked, ASKED_MAX);
    size_t below = 0, left, triggers;

    rbk_buffer_clear(&frame->text);
    frame->line_count = 0;
    rbk_pen_init(&drawing.pen, frame, picture->style, columns - 1, rows - 1);
    for (uint32_t i = 0; i < drawing.machine->region_count; i++) {
        size_t bytes =
            is_stage(&drawing.machine->regions[i]) ? drawing.machine->regions[i].name.bytes : 0;
        drawing.name_columns = bytes > drawing.name_columns ? bytes : drawing.name_columns;
    }
    if (drawing.name_columns > NAME_COLUMNS_MAX) {
        drawing.name_columns = NAME_COLUMNS_MAX;
    }
    asked_count = asked_count < ASKED_MAX ? asked_count : ASKED_MAX;
    for (size_t i = 0; i < asked_count; i++) {
        draw_asked(&drawing, &asked[i], &below);
    }
    rbk_view_explain(picture->view, picture->state, count_line, &below);
    below += picture->interrupted ? 1 : 0;
    if (below > rows - 5) {
        below = rows - 5;
    }
    left = rows - 1 - 2 - below;
    triggers = armed_count(&drawing);
    triggers = triggers == 0 ? 0 : triggers + 1;
    if (triggers > left / 2) {
        triggers = left / 2;
    }
    count_steps(&drawing);
    draw_head(&drawing);
    if (has_step(&drawing, 0) && left - triggers > 1) {
        draw_step(&drawing, 0);
        left--;
    }
    draw_stages(&drawing, left - triggers);
    draw_triggers(&drawing, triggers);
    for (size_t i = 0; i < asked_count; i++) {
        draw_asked(&drawing, &asked[i], NULL);
    }
    rbk_view_explain(picture->view, picture->state, draw_line, &drawing);
    if (picture->interrupted) {
        rbk_pen_text(&drawing.pen, RBK_TONE_WARN,
                     RBK_STR(" Ctrl-C: pauses after this step; again: stops here at once"));
        rbk_pen_end(&drawing.pen);
    }
    free(drawing.steps);
    rbk_pen_fini(&drawing.pen);
}
