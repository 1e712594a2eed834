/*
 * The tree of stages: what each is doing, how far it is, the steps under way in it, and how the way
 * back of what stands applied looks. Where the tree is higher than there is room for, what is in
 * trouble or under way is shown, then its neighbours, and the others are counted.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/way_back.h"
#include "runtime/people/frame_internal.h"
#include "runtime/people/when.h"

#define FAILURE_LINES 2u /* of what brought a stage to a halt */

bool rbk_frame_is_stage(const struct rbk_region *region)
{
    return region->kind == RBK_REGION_STAGE || region->kind == RBK_REGION_RETIRE;
}

/* ---- a stage ----------------------------------------------------------------------------------
 */

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
            uint64_t left_ms = rbk_when_between(now_ms, due_ms);
            uint64_t taken_ms = row->within_ms > left_ms ? row->within_ms - left_ms : 0;
            rbk_pen_right(&drawing->pen,
                          left_ms < row->within_ms / 5 ? RBK_TONE_WARN : RBK_TONE_DIM, "%s of %s",
                          rbk_when_ticks(taken_ms).text, rbk_when_limit(row->within_ms).text);
            return;
        }
        block = row->parent;
    }
}

/* A stage that has not begun, or was not carried out: what it waits for, and its title. */
static void draw_waiting(struct drawing *drawing, uint32_t region, const char *word)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    const struct rbk_region *row = &drawing->machine->regions[region];
    struct rbk_buffer waits;
    rbk_buffer_init(&waits, RBK_VIEW_BYTES_MAX);
    rbk_view_waits_for(drawing->view, drawing->state, region, &waits);
    if (rs->mode == RBK_MODE_DONE ||
        drawing->machine->states[rs->state].kind == RBK_STATE_APPLIED) {
        rbk_pen_cell(&drawing->pen, RBK_TONE_DIM, rbk_str_from(word), 14);
        rbk_pen_text(&drawing->pen, RBK_TONE_DIM, RBK_STR("  "));
    }
    if (waits.bytes != 0 && !rbk_str_starts(rbk_buffer_str(&waits), RBK_STR("after "))) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_WARN, "waits %s  ", waits.data);
    }
    rbk_pen_text(&drawing->pen, RBK_TONE_DIM, row->title);
    rbk_buffer_fini(&waits);
}

/* What stands applied: is its way back open, and how long does it take? */
static void draw_back(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    uint64_t back_ms = rbk_back_of_stage(&drawing->picture->track->back, region);
    struct rbk_pen *pen = &drawing->pen;

    if (drawing->machine->regions[region].kind != RBK_REGION_STAGE ||
        drawing->state->ended_ms != 0) {
        return;
    }
    bool closing = (rs->flags & RBK_FLAG_WAY_CLOSING) != 0;
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    if (rbk_run_past_grace(drawing->machine, drawing->state)) {
        rbk_pen_text(pen, RBK_TONE_DIM, RBK_STR("kept"));
    } else if ((rs->flags & RBK_FLAG_WAY_CLOSED) != 0) {
        rbk_pen_text(pen, RBK_TONE_BAD, RBK_STR("NO WAY BACK IS OPEN"));
    } else {
        rbk_pen_printf(pen, closing ? RBK_TONE_WARN : RBK_TONE_DIM, "way back %s%s",
                       closing ? "is " : "", rbk_way_back_word(rs));
        if (back_ms != RBK_BACK_UNKNOWN) {
            rbk_pen_printf(pen, RBK_TONE_DIM, ", %s at worst", rbk_when_limit(back_ms).text);
        }
    }
}

static bool is_stuck(const struct drawing *drawing, uint32_t region)
{
    uint32_t at = rbk_state_region(drawing->machine, drawing->state, region)->state;
    return drawing->machine->states[at].kind == RBK_STATE_STUCK;
}

/* Why a stage is where it is, unless that is why the whole run turned round. */
static void draw_cause(struct drawing *drawing, struct rbk_cause cause, bool stuck)
{
    struct rbk_buffer text;
    enum rbk_status status = (enum rbk_status)drawing->state->status;
    if (rbk_view_same_cause(cause, rbk_run_cause(drawing->machine, drawing->state)) &&
        (drawing->state->turned != 0 || status == RBK_STATUS_STUCK)) {
        return; /* it stands at the top */
    }
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    rbk_view_cause(drawing->view, cause, &text);
    if (text.bytes != 0) {
        rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, "%s%s",
                       stuck ? ", going back because of this: " : ": ", text.data);
    }
    rbk_buffer_fini(&text);
}

/* Whether a stage stands where a person has to look: what failed is told below it. */
static bool has_failure(const struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    enum rbk_state_kind kind = drawing->machine->states[rs->state].kind;
    bool undecided = kind == RBK_STATE_STUCK || kind == RBK_STATE_HELD ||
                     (kind == RBK_STATE_ROLLED_BACK && (rs->flags & RBK_FLAG_FOLLOWED) == 0 &&
                      drawing->state->status == RBK_STATUS_HELD);
    return rs->mode == RBK_MODE_IDLE && undecided && rs->cause.kind != RBK_CAUSE_NONE;
}

/* A cause, and what the step said that failed. */
static void append_failure(const struct drawing *drawing, struct rbk_cause cause,
                           struct rbk_buffer *out)
{
    const char *said = rbk_track_failure(drawing->picture->track, cause);
    rbk_view_cause(drawing->view, cause, out);
    if (said[0] != '\0') {
        rbk_buffer_printf(out, ": %s", said);
    }
}

/* What brought it there: of one that is stuck what failed last, of one that was both. */
static void draw_failure(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    struct rbk_buffer text;
    rbk_buffer_init(&text, RBK_VIEW_BYTES_MAX);
    if (is_stuck(drawing, region)) {
        append_failure(drawing, rs->failed_back, &text);
    } else {
        append_failure(drawing, rs->cause, &text);
        if (rs->failed_back.kind != RBK_CAUSE_NONE) {
            rbk_buffer_append_text(&text, "; on its way back: ");
            append_failure(drawing, rs->failed_back, &text);
        }
    }
    rbk_pen_text(&drawing->pen, RBK_TONE_PLAIN, RBK_STR("     "));
    rbk_pen_wrap(&drawing->pen, RBK_TONE_BAD, RBK_STR(""), rbk_buffer_str(&text), FAILURE_LINES);
    rbk_buffer_fini(&text);
}

/* A stage at rest: where, and why unless it went well. */
static void draw_rest(struct drawing *drawing, uint32_t region, enum rbk_tone tone,
                      const char *word)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    if (rbk_stage_applied(drawing->machine, drawing->state, region)) {
        rbk_pen_cell(&drawing->pen, tone, rbk_str_from(word), 14);
        draw_back(drawing, region);
        return;
    }
    rbk_pen_text(&drawing->pen, tone, rbk_str_from(word));
    if ((tone == RBK_TONE_BAD || tone == RBK_TONE_WARN) &&
        (is_stuck(drawing, region) || !has_failure(drawing, region))) {
        draw_cause(drawing, rs->cause, is_stuck(drawing, region));
    }
}

static void draw_under_way(struct drawing *drawing, uint32_t region, enum rbk_tone tone,
                           const char *word)
{
    const struct rbk_region *row = &drawing->machine->regions[region];
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    enum rbk_phase phase = drawing->machine->states[rs->state].phase;
    struct rbk_pen *pen = &drawing->pen;
    uint32_t done = 0, total = 0;

    rbk_pen_cell(pen, tone, rbk_str_from(word), 14);
    if (phase != RBK_PHASE_APPROVE && phase != RBK_PHASE_REQUIRE &&
        rbk_track_progress(drawing->picture->track, rs->state, &done, &total)) {
        rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR(" "));
        rbk_pen_bar(pen, tone, rbk_frame_share(done, total), RBK_BAR_COLUMNS);
        rbk_pen_printf(pen, RBK_TONE_DIM, " %u/%u", done, total);
    }
    if (row->attempts > 1 && rs->stage_attempt > 1) {
        rbk_pen_printf(pen, RBK_TONE_WARN, "  try %u of %u", rs->stage_attempt, row->attempts);
    }
    if (phase == RBK_PHASE_ROLLBACK || phase == RBK_PHASE_ROLLBACK_VERIFY) {
        uint32_t strategy = rbk_view_strategy(drawing->machine, region, rs->state);
        struct rbk_str name =
            strategy == RBK_NONE
                ? RBK_STR("")
                : drawing->machine->strategies[row->strategies.first + strategy].name;
        if (name.bytes != 0) {
            rbk_pen_printf(pen, RBK_TONE_WARN, "  by %.*s", RBK_STR_ARG(name));
        }
        draw_cause(drawing, rs->cause, false);
    } else {
        rbk_pen_whole(pen, RBK_TONE_DIM, row->title);
    }
}

void rbk_frame_draw_stage(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region *row = &drawing->machine->regions[region];
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    const struct rbk_track_region *tracked = &drawing->picture->track->regions[region];
    struct rbk_pen *pen = &drawing->pen;
    enum rbk_tone tone;
    const char *word = rbk_view_region_word(drawing->view, drawing->state, region, &tone);
    bool under_way = rs->mode != RBK_MODE_IDLE && rs->mode != RBK_MODE_DONE;

    if (under_way) {
        draw_block(drawing, rs, region);
    } else if (tracked->started_ms != 0 && tracked->rested_ms != 0) {
        rbk_pen_right(
            pen, RBK_TONE_DIM, "%s",
            rbk_when_ticks(rbk_when_between(tracked->started_ms, tracked->rested_ms)).text);
    }
    rbk_pen_printf(pen, tone, " %s ", rbk_style_mark(drawing->picture->style, tone));
    rbk_pen_name(pen, under_way ? RBK_TONE_PLAIN : tone, row->name, drawing->name_columns);
    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("  "));
    if (under_way && rs->mode != RBK_MODE_TURN) {
        draw_under_way(drawing, region, tone, word);
    } else if (tone == RBK_TONE_DIM) {
        draw_waiting(drawing, region, word);
    } else {
        draw_rest(drawing, region, tone, word);
    }
    rbk_pen_end(pen);
    for (uint32_t i = region; under_way && i < drawing->machine->region_count; i++) {
        if (rbk_region_root(drawing->machine, i) == region && rbk_frame_has_step(drawing, i)) {
            rbk_frame_draw_step(drawing, i);
        }
    }
    if (has_failure(drawing, region)) {
        draw_failure(drawing, region);
    }
}

/* ---- which stages -----------------------------------------------------------------------------
 */

#define NOTHING_SPECIAL 3u

/* A stage that may be shown. */
struct candidate {
    uint32_t region;
    uint32_t worth; /* the smaller, the sooner it is shown */
    uint32_t lines;
    bool shown;
};

/* Trouble, what is under way, what a person decides on, then everything else. */
static uint32_t worth_of(const struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    enum rbk_state_kind kind = drawing->machine->states[rs->state].kind;
    if (kind == RBK_STATE_STUCK || rs->mode == RBK_MODE_DOUBT) {
        return 0;
    }
    if ((rs->flags & (uint32_t)(RBK_FLAG_WAY_CLOSED | RBK_FLAG_WAY_CLOSING)) != 0 ||
        (kind == RBK_STATE_HELD && rs->mode == RBK_MODE_IDLE)) {
        return 1;
    }
    return rs->mode != RBK_MODE_IDLE && rs->mode != RBK_MODE_DONE && rs->mode != RBK_MODE_TURN
               ? 2
               : NOTHING_SPECIAL;
}

static int by_worth(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;
    if (one->worth != other->worth) {
        return one->worth < other->worth ? -1 : 1;
    }
    return one->region < other->region ? -1 : one->region > other->region;
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;
    return one->region < other->region ? -1 : one->region > other->region;
}

/* All stages in the order of the plan. @return How many. */
static uint32_t find_candidates(const struct drawing *drawing, struct candidate *candidates)
{
    const struct rbk_machine *machine = drawing->machine;
    uint32_t count = 0;
    for (uint32_t i = 0; i < machine->region_count; i++) {
        if (rbk_frame_is_stage(&machine->regions[i])) {
            candidates[count++] =
                (struct candidate){.region = i,
                                   .worth = worth_of(drawing, i),
                                   .lines = has_failure(drawing, i) ? 1 + FAILURE_LINES : 1};
        }
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        struct candidate key = {.region = rbk_region_root(machine, i)}, *found;
        if (rbk_frame_has_step(drawing, i) &&
            (found = bsearch(&key, candidates, count, sizeof(key), by_place)) != NULL) {
            found->lines++;
        }
    }
    return count;
}

/* Stages that are nothing special are worth more the nearer they are to one that is; where none is,
 * to the first that does not stand applied. */
static void weigh_neighbours(const struct drawing *drawing, struct candidate *candidates,
                             uint32_t count)
{
    uint32_t focus = 0;
    while (focus < count && candidates[focus].worth >= NOTHING_SPECIAL) {
        focus++;
    }
    for (uint32_t i = 0; focus == count && i < count; i++) {
        if (!rbk_stage_applied(drawing->machine, drawing->state, candidates[i].region)) {
            focus = i;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (candidates[i].worth == NOTHING_SPECIAL) {
            candidates[i].worth += i < focus ? focus - i : i - focus;
        }
    }
}

/* "… 87 more applied, 9 waiting" */
static void draw_left_out(struct drawing *drawing, const struct candidate *candidates,
                          uint32_t count)
{
    static const char *const words[] = {"applied",     "waiting",   "to be rolled back",
                                        "rolled back", "under way", "not applied"};
    size_t counts[RBK_COUNT(words)] = {0};
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t region = candidates[i].region;
        const struct rbk_region_state *rs =
            rbk_state_region(drawing->machine, drawing->state, region);
        enum rbk_state_kind kind = drawing->machine->states[rs->state].kind;
        if (!candidates[i].shown) {
            counts[rbk_stage_applied(drawing->machine, drawing->state, region) ? 0
                   : rs->mode == RBK_MODE_TURN                                 ? 2
                   : kind == RBK_STATE_ROLLED_BACK                             ? 3
                   : rs->mode == RBK_MODE_DONE                                 ? 5
                   : rs->mode != RBK_MODE_IDLE                                 ? 4
                   : rbk_view_turned(drawing->state)                           ? 5
                                                                               : 1]++;
        }
    }
    rbk_pen_text(&drawing->pen, RBK_TONE_DIM,
                 drawing->picture->style->utf8 ? RBK_STR("   … ") : RBK_STR("   ... "));
    for (size_t i = 0; i < RBK_COUNT(words); i++) {
        if (counts[i] != 0) {
            rbk_pen_printf(&drawing->pen, RBK_TONE_DIM, "%s%zu%s %s", first ? "" : ", ", counts[i],
                           first ? " more" : "", words[i]);
            first = false;
        }
    }
    rbk_pen_end(&drawing->pen);
}

/* Mark as many as fit into the lines. @return Whether all do. */
static bool choose(struct candidate *candidates, uint32_t count, size_t lines_max)
{
    size_t lines = 0;
    bool all = true;
    qsort(candidates, count, sizeof(*candidates), by_worth);
    for (uint32_t i = 0; i < count; i++) {
        candidates[i].shown = lines + candidates[i].lines <= lines_max;
        /* One line of a stage in trouble is more than nothing. */
        if (!candidates[i].shown && i == 0 && lines_max != 0) {
            candidates[i].shown = true;
        }
        lines += candidates[i].shown ? candidates[i].lines : 0;
        all = all && candidates[i].shown;
    }
    qsort(candidates, count, sizeof(*candidates), by_place);
    return all;
}

size_t rbk_frame_stage_lines(const struct drawing *drawing)
{
    struct candidate *candidates =
        calloc((size_t)drawing->machine->region_count + 1, sizeof(*candidates));
    uint32_t count = candidates != NULL ? find_candidates(drawing, candidates) : 0;
    size_t lines = 0;
    for (uint32_t i = 0; i < count; i++) {
        lines += candidates[i].lines;
    }
    free(candidates);
    return lines;
}

void rbk_frame_draw_stages(struct drawing *drawing, size_t lines_max)
{
    struct candidate *candidates =
        calloc((size_t)drawing->machine->region_count + 1, sizeof(*candidates));
    if (candidates == NULL || lines_max == 0) {
        free(candidates);
        return;
    }
    uint32_t count = find_candidates(drawing, candidates);
    weigh_neighbours(drawing, candidates, count);
    bool all = choose(candidates, count, lines_max);
    if (!all) {
        (void)choose(candidates, count, lines_max > 1 ? lines_max - 1 : 1);
    }
    /* The first one may take more lines than there are: the rest of it is cut. */
    bool told = !all && lines_max > 1;
    size_t lines_end = drawing->pen.lines_max;
    drawing->pen.lines_max = drawing->pen.frame->line_count + lines_max - (told ? 1 : 0);
    for (uint32_t i = 0; i < count; i++) {
        if (candidates[i].shown) {
            rbk_frame_draw_stage(drawing, candidates[i].region);
        }
    }
    drawing->pen.lines_max = lines_end;
    if (told) {
        draw_left_out(drawing, candidates, count);
    }
    free(candidates);
}
