/*
 * The shares of a longest path: adding, multiplying, and fitting them under a limit. Invariant: the
 * shares since a mark add up to the worst case of what was walked since, or, before a limit is put
 * around something open, to less by what the open step will take.
 */
#include "compiler/times/walk.h"

#include "runtime/core/base/arena.h"

#include <string.h>

void rbk_times_share(struct rbk_times_walk *walk, enum rbk_share_kind kind,
                     const struct rbk_tree_statement *statement, uint64_t ms, struct rbk_str how)
{
    struct rbk_times_path *path = walk->path;
    if (!path || (ms == 0 && kind != RBK_SHARE_REST)) {
        return;
    }
    if (path->count == path->capacity) {
        uint32_t capacity = path->capacity ? path->capacity * 2 : 16;
        struct rbk_times_share *items =
            rbk_new_array(walk->times->arena, struct rbk_times_share, capacity);
        if (path->count) {
            memcpy(items, path->items, path->count * sizeof(*items));
        }
        path->items = items;
        path->capacity = capacity;
    }
    path->items[path->count++] = (struct rbk_times_share){
        .kind = kind,
        .statement = statement,
        .source = walk->source,
        .how = how,
        .ms = ms,
        .turns = 1,
        .open = kind == RBK_SHARE_REST,
    };
}

uint32_t rbk_times_mark(const struct rbk_times_walk *walk)
{
    return walk->path ? walk->path->count : 0;
}

void rbk_times_share_repeat(struct rbk_times_walk *walk, uint32_t mark, uint64_t count)
{
    for (uint32_t i = mark; walk->path && i < walk->path->count; i++) {
        struct rbk_times_share *share = &walk->path->items[i];
        share->ms = rbk_worst_times_ms(share->ms, count);
        share->turns = rbk_worst_times_ms(share->turns, count);
    }
}

void rbk_times_share_swap(struct rbk_times_walk *walk, uint32_t mark, uint32_t middle)
{
    struct rbk_times_path *path = walk->path;
    if (!path || mark == middle || middle == path->count) {
        return;
    }
    uint32_t count = path->count - mark;
    uint32_t before = middle - mark;
    struct rbk_times_share *items =
        rbk_new_array(walk->times->arena, struct rbk_times_share, count);
    memcpy(items, path->items + middle, (count - before) * sizeof(*items));
    memcpy(items + (count - before), path->items + mark, before * sizeof(*items));
    memcpy(path->items + mark, items, count * sizeof(*items));
}

static uint64_t sum_since(const struct rbk_times_path *path, uint32_t mark)
{
    uint64_t sum_ms = 0;
    for (uint32_t i = mark; i < path->count; i++) {
        sum_ms = rbk_worst_add_ms(sum_ms, path->items[i].ms);
    }
    return sum_ms;
}

/* The first share without a limit; a step with one takes no more than it says, and one that was
 * fitted into an inner limit no more than that. */
static struct rbk_times_share *first_open(const struct rbk_times_path *path, uint32_t mark)
{
    for (uint32_t i = mark; i < path->count; i++) {
        if (path->items[i].open) {
            return &path->items[i];
        }
    }
    return NULL;
}

void rbk_times_share_fit(struct rbk_times_walk *walk, uint32_t mark, uint64_t ms)
{
    struct rbk_times_path *path = walk->path;
    if (!path) {
        return;
    }
    uint64_t sum_ms = sum_since(path, mark);
    struct rbk_times_share *open = first_open(path, mark);
    if (open && sum_ms < ms) {
        open->ms += ms - sum_ms;
        sum_ms = ms;
    }
    for (uint32_t i = path->count; i-- > mark && sum_ms > ms;) {
        uint64_t cut_ms = sum_ms - ms < path->items[i].ms ? sum_ms - ms : path->items[i].ms;
        path->items[i].ms -= cut_ms;
        sum_ms -= cut_ms;
    }
    /* Nothing remains for those without a limit but the first, and nothing for what was cut off. */
    uint32_t kept = mark;
    for (uint32_t i = mark; i < path->count; i++) {
        if (path->items[i].ms > 0) {
            path->items[kept] = path->items[i];
            path->items[kept++].open = false;
        }
    }
    path->count = kept;
}

void rbk_times_share_stop(struct rbk_times_walk *walk, uint32_t mark, uint64_t ms)
{
    if (!walk->path) {
        return;
    }
    uint64_t sum_ms = sum_since(walk->path, mark);
    if (ms > sum_ms) {
        rbk_times_share(walk, RBK_SHARE_STOP, NULL, ms - sum_ms,
                        RBK_STR("stopping what is under way"));
    }
}

static bool same_step(const struct rbk_times_share *a, const struct rbk_times_share *b)
{
    return a->statement && a->statement == b->statement && a->kind == b->kind &&
           rbk_str_equal(a->how, b->how);
}

void rbk_times_path_merge(struct rbk_times_path *path)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        if (kept > 0 && same_step(&path->items[kept - 1], &path->items[i])) {
            struct rbk_times_share *share = &path->items[kept - 1];
            share->ms = rbk_worst_add_ms(share->ms, path->items[i].ms);
            share->turns = rbk_worst_add_ms(share->turns, path->items[i].turns);
        } else {
            path->items[kept++] = path->items[i];
        }
    }
    path->count = kept;
}
