/*
 * The arithmetic of worst cases.
 *
 * Why the latest moments can be added: a step may end at any moment up to its latest, and a step
 * that starts later never ends earlier, limits around it included. So the latest end of a sequence
 * is the one in which each step ends at its latest.
 */
#include "runtime/core/worst.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The slower one to stop; of equals the first. */
static void take_slower(struct rbk_worst *both, const struct rbk_worst *a,
                        const struct rbk_worst *b)
{
    const struct rbk_worst *slower = b->stop_ms > a->stop_ms ? b : a;
    both->stop_ms = slower->stop_ms;
    both->stop_by = slower->stop_by;
    both->stop_source = slower->stop_source;
}

uint64_t rbk_worst_add_ms(uint64_t a, uint64_t b)
{
    return a > RBK_WORST_MS_MAX - smaller(b, RBK_WORST_MS_MAX) ? RBK_WORST_MS_MAX : a + b;
}

uint64_t rbk_worst_times_ms(uint64_t a, uint64_t b)
{
    return b != 0 && a > RBK_WORST_MS_MAX / b ? RBK_WORST_MS_MAX : a * b;
}

struct rbk_worst rbk_worst_of(uint64_t ms)
{
    return (struct rbk_worst){.needs_ms = ms, .ok_ms = ms, .end_ms = ms};
}

struct rbk_worst rbk_worst_open(uint64_t least_ms, uint64_t stop_ms)
{
    struct rbk_worst worst = rbk_worst_of(least_ms);
    worst.stop_ms = stop_ms;
    worst.open_stop_ms = stop_ms;
    worst.open = true;
    return worst;
}

struct rbk_worst rbk_worst_of_effect(const struct rbk_worst_effect *effect)
{
    uint64_t stop_ms =
        rbk_worst_add_ms(effect->dead_ms, rbk_worst_add_ms(effect->asked_ms, effect->look_ms));
    uint64_t again_ms = rbk_worst_times_ms(effect->delay_ms, effect->attempts - 1);
    uint64_t one_ms = rbk_worst_add_ms(effect->timeout_ms, effect->dead_ms);
    if (effect->timeout_ms == 0) {
        return rbk_worst_open(0, stop_ms);
    }
    struct rbk_worst worst = {
        .needs_ms =
            rbk_worst_add_ms(rbk_worst_times_ms(effect->timeout_ms, effect->attempts), again_ms),
        .stop_ms = stop_ms,
    };
    worst.end_ms = rbk_worst_add_ms(rbk_worst_times_ms(one_ms, effect->attempts), again_ms);
    worst.ok_ms = worst.end_ms - effect->dead_ms;
    if (effect->looks) {
        /* Each attempt is looked for; a gap between two is a look or a delay. */
        uint64_t gap_ms = larger(effect->delay_ms, effect->look_ms);
        worst.end_ms = rbk_worst_add_ms(
            rbk_worst_times_ms(one_ms, effect->attempts + RBK_WORST_DOUBTS),
            rbk_worst_add_ms(rbk_worst_times_ms(gap_ms, effect->attempts - 1),
                             rbk_worst_times_ms(effect->look_ms, RBK_WORST_DOUBTS + 1)));
        worst.ok_ms = worst.end_ms;
    } else if (effect->asked_ms) {
        worst.end_ms = rbk_worst_add_ms(worst.end_ms, effect->asked_ms);
        worst.ok_ms = worst.end_ms; /* "done", at the last moment */
    }
    return worst;
}

struct rbk_worst rbk_worst_then(struct rbk_worst first, struct rbk_worst then)
{
    struct rbk_worst both = {
        .needs_ms = rbk_worst_add_ms(first.needs_ms, then.needs_ms),
        .ok_ms = rbk_worst_add_ms(first.ok_ms, then.ok_ms),
        .end_ms = larger(first.end_ms, rbk_worst_add_ms(first.ok_ms, then.end_ms)),
        .open = first.open || then.open,
    };
    take_slower(&both, &first, &then);
    /* What follows something open can begin at any moment up to the end of the limit. */
    both.open_stop_ms = first.open ? larger(first.open_stop_ms, then.stop_ms) : then.open_stop_ms;
    return both;
}

struct rbk_worst rbk_worst_either(struct rbk_worst a, struct rbk_worst b)
{
    struct rbk_worst either = {
        .needs_ms = larger(a.needs_ms, b.needs_ms),
        .ok_ms = larger(a.ok_ms, b.ok_ms),
        .end_ms = larger(a.end_ms, b.end_ms),
        .open_stop_ms = larger(a.open_stop_ms, b.open_stop_ms),
        .open = a.open || b.open,
    };
    take_slower(&either, &a, &b);
    return either;
}

struct rbk_worst rbk_worst_repeat(struct rbk_worst each, uint64_t count)
{
    if (count == 0) {
        return (struct rbk_worst){0};
    }
    struct rbk_worst all = each;
    all.needs_ms = rbk_worst_times_ms(each.needs_ms, count);
    all.ok_ms = rbk_worst_times_ms(each.ok_ms, count);
    all.end_ms = rbk_worst_add_ms(rbk_worst_times_ms(each.ok_ms, count - 1), each.end_ms);
    if (each.open && count > 1) {
        all.open_stop_ms = each.stop_ms;
    }
    return all;
}

struct rbk_worst rbk_worst_within(struct rbk_worst inside, uint64_t within_ms)
{
    if (within_ms == 0) {
        return inside;
    }
    struct rbk_worst block = {
        .stop_ms = inside.stop_ms, .stop_by = inside.stop_by, .stop_source = inside.stop_source};
    block.needs_ms = inside.open ? within_ms : smaller(inside.needs_ms, within_ms);
    block.ok_ms = inside.open ? within_ms : smaller(inside.ok_ms, within_ms);
    /* What ends by itself does so by end_ms; what the limit ends, stop_ms after it. */
    block.end_ms = inside.end_ms <= within_ms
                       ? inside.end_ms
                       : smaller(inside.end_ms, rbk_worst_add_ms(within_ms, inside.stop_ms));
    if (inside.open) {
        block.end_ms = larger(block.end_ms, rbk_worst_add_ms(within_ms, inside.open_stop_ms));
    }
    return block;
}

uint64_t rbk_worst_done_and_undone_ms(const struct rbk_worst *forward, uint64_t back_ms)
{
    return rbk_worst_add_ms(forward->end_ms, back_ms);
}

struct rbk_worst rbk_worst_passed(struct rbk_worst step)
{
    step.ok_ms = step.end_ms;
    return step;
}
