/*
 * A step under way: which try and which turn it is, how long a condition has held, how far a wait
 * is, and its time against its limit.
 */
#include "runtime/people/frame_internal.h"
#include "runtime/people/when.h"

bool rbk_frame_has_step(const struct drawing *drawing, uint32_t region)
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

/* The number behind ".turn_" in a state's name, and where that name begins; 0: it is in no loop. */
static uint32_t turn_of(struct rbk_str name, size_t *ret_begin)
{
    static const char word[] = ".turn_";
    uint32_t turn = 0;
    for (size_t at = name.bytes; at-- > 0;) {
        struct rbk_str rest = rbk_str_slice(name, at, name.bytes);
        if (!rbk_str_starts(rest, RBK_STR(".turn_"))) {
            continue;
        }
        for (size_t i = sizeof(word) - 1;
             i < rest.bytes && rest.data[i] >= '0' && rest.data[i] <= '9' && turn < 100000000u;
             i++) {
            turn = turn * 10 + (uint32_t)(rest.data[i] - '0');
        }
        *ret_begin = at;
        return turn;
    }
    return 0;
}

/* "2 of 3: " in front of a step of a `foreach`. */
static void draw_turn(struct drawing *drawing, uint32_t region, uint32_t state)
{
    const struct rbk_machine *machine = drawing->machine;
    struct rbk_slice states = machine->regions[region].states;
    struct rbk_str name = machine->states[state].name;
    size_t begin = 0, other_begin = 0;
    uint32_t turn = turn_of(name, &begin), last = turn;

    if (turn == 0) {
        return;
    }
    for (uint32_t i = states.first; i < states.first + states.count; i++) {
        struct rbk_str other = machine->states[i].name;
        uint32_t number;
        if (other.bytes > begin && rbk_str_starts(other, rbk_str_slice(name, 0, begin)) &&
            (number = turn_of(other, &other_begin)) > last && other_begin == begin) {
            last = number;
        }
    }
    rbk_pen_printf(&drawing->pen, RBK_TONE_BUSY, "%u of %u: ", turn, last);
}

/* The words of a step, with what is known beside them: how long a `check … for D` has held, which
 * of its tries this is, how far a wait is. */
static void draw_words(struct drawing *drawing, uint32_t region, const struct rbk_effect *effect,
                       enum rbk_tone tone)
{
    const struct rbk_facts *facts = drawing->picture->facts;
    struct rbk_pen *pen = &drawing->pen;
    struct rbk_check_fact fact;
    struct rbk_str brief = rbk_view_short(effect);

    if (facts == NULL || facts->check == NULL || !facts->check(facts->context, region, &fact)) {
        rbk_pen_text(pen, tone, effect->text);
        return;
    }
    if (fact.retries_used != 0 && effect->retry_count != 0) {
        rbk_pen_printf(pen, RBK_TONE_WARN, "try %u of %u: ", fact.retries_used + 1,
                       effect->retry_count + 1);
    }
    if (effect->for_ms != 0) {
        uint64_t held_ms = fact.holds ? fact.held_ms : 0;
        rbk_pen_text(pen, tone, brief);
        rbk_pen_text(pen, tone, RBK_STR("  "));
        rbk_pen_bar(pen, RBK_TONE_BUSY, rbk_frame_share(held_ms, effect->for_ms), RBK_BAR_COLUMNS);
        rbk_pen_printf(pen, fact.holds ? RBK_TONE_PLAIN : RBK_TONE_WARN,
                       fact.holds ? " held %s of %s" : " does not hold, %s of %s",
                       rbk_when_ticks(held_ms).text, rbk_when_limit(effect->for_ms).text);
        rbk_pen_whole(pen, RBK_TONE_DIM,
                      rbk_str_slice(effect->text, brief.bytes, effect->text.bytes));
        return;
    }
    if (fact.has_progress) {
        rbk_pen_bar(pen, RBK_TONE_BUSY, fact.progress, RBK_BAR_COLUMNS);
        rbk_pen_printf(pen, RBK_TONE_PLAIN, " %.0f%% ", fact.progress * 100);
    }
    rbk_pen_text(pen, tone, effect->text);
}

/* At the right end: the time it takes, and has. */
static void draw_time(struct drawing *drawing, uint32_t region, const struct rbk_effect *effect)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    uint64_t now_ms = drawing->picture->now_ms;
    uint64_t since_ms = drawing->picture->track->regions[region].since_ms;
    /* What is in doubt is over, or beyond any timeout. */
    uint64_t limit_ms = rs->mode == RBK_MODE_DOUBT ? 0
                        : effect->timeout_ms != 0  ? effect->timeout_ms
                                                   : effect->for_ms;
    struct rbk_pen *pen = &drawing->pen;

    if (rs->mode == RBK_MODE_RETRY) {
        rbk_pen_right(pen, RBK_TONE_WARN, "try %u of %u in %s", rs->attempt + 1,
                      effect->retry_count + 1,
                      rbk_when_ticks(rbk_when_between(now_ms, rs->due_ms)).text);
    } else if (rs->mode == RBK_MODE_PARKED) {
        rbk_pen_right(pen, RBK_TONE_DIM, "next");
    } else if (since_ms != 0 && limit_ms != 0) {
        uint64_t taken_ms = rbk_when_between(since_ms, now_ms);
        bool late = effect->timeout_ms != 0 && taken_ms > limit_ms / 5 * 4;
        rbk_pen_right(pen, late ? RBK_TONE_WARN : RBK_TONE_DIM, "%s of %s",
                      rbk_when_ticks(taken_ms).text, rbk_when_limit(limit_ms).text);
    } else if (since_ms != 0) {
        rbk_pen_right(pen, RBK_TONE_DIM, "%s",
                      rbk_when_ticks(rbk_when_between(since_ms, now_ms)).text);
    }
}

void rbk_frame_draw_step(struct drawing *drawing, uint32_t region)
{
    const struct rbk_region_state *rs = rbk_state_region(drawing->machine, drawing->state, region);
    const struct rbk_effect *effect = rbk_view_effect(drawing->view, drawing->state, region);
    struct rbk_pen *pen = &drawing->pen;

    rbk_pen_text(pen, RBK_TONE_PLAIN, RBK_STR("     "));
    draw_time(drawing, region, effect);
    if (rs->mode == RBK_MODE_CANCELLING) {
        rbk_pen_text(pen, RBK_TONE_WARN, RBK_STR("stopping: "));
    } else if (rs->mode == RBK_MODE_RESOLVING || rs->mode == RBK_MODE_LOOKING) {
        rbk_pen_text(pen, RBK_TONE_WARN, RBK_STR("did it happen? "));
    } else if (rs->mode == RBK_MODE_DOUBT) {
        rbk_pen_text(pen, RBK_TONE_BAD, RBK_STR("in doubt: "));
    } else if (rs->mode == RBK_MODE_RUNNING && rs->attempt > 1 && effect->retry_count != 0) {
        rbk_pen_printf(pen, RBK_TONE_WARN, "try %u of %u: ", rs->attempt, effect->retry_count + 1);
    }
    draw_turn(drawing, region, rs->state);
    draw_words(drawing, region, effect,
               rs->mode == RBK_MODE_PARKED ? RBK_TONE_DIM : RBK_TONE_PLAIN);
    rbk_pen_end(pen);
}

void rbk_frame_draw_plan_step(struct drawing *drawing)
{
    if (rbk_frame_has_step(drawing, 0)) {
        rbk_frame_draw_step(drawing, 0);
    }
}
