/*
 * Rings and their aggregates; window.h has the picture.
 *
 * Invariants of an aggregate: start <= middle <= end <= ring->next, and every reading from start to
 * end is still in the ring (rbk_aggregate_make_room() sees to it before one is overwritten).
 */
#include "runtime/core/window.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/error.h"

#include <stdalign.h>

int rbk_ring_init(struct rbk_ring *ring, struct rbk_arena *arena, uint32_t capacity, bool whole)
{
    *ring = (struct rbk_ring){.capacity = capacity ? capacity : 1, .whole = whole};
    ring->readings = rbk_arena_try_alloc(arena, ring->capacity * sizeof(*ring->readings),
                                         alignof(struct rbk_reading));
    return ring->readings ? 0 : -RBK_ENOMEM;
}

int rbk_aggregate_init(struct rbk_aggregate *aggregate, struct rbk_arena *arena,
                       const struct rbk_ring *ring, uint64_t over_ms, bool largest)
{
    *aggregate = (struct rbk_aggregate){.ring = ring, .over_ms = over_ms, .largest = largest};
    aggregate->front = rbk_arena_try_alloc(arena, ring->capacity * sizeof(*aggregate->front),
                                           alignof(struct rbk_part));
    return aggregate->front ? 0 : -RBK_ENOMEM;
}

const struct rbk_reading *rbk_ring_reading(const struct rbk_ring *ring, uint64_t number)
{
    RBK_DCHECK(number < ring->next);
    RBK_DCHECK(ring->next - number <= ring->capacity);
    return &ring->readings[number % ring->capacity];
}

void rbk_ring_put(struct rbk_ring *ring, struct rbk_reading reading)
{
    ring->readings[ring->next % ring->capacity] = reading;
    ring->next++;
}

void rbk_ring_clear(struct rbk_ring *ring)
{
    ring->first = ring->next;
}

void rbk_aggregate_clear(struct rbk_aggregate *aggregate)
{
    aggregate->start = aggregate->middle = aggregate->end = aggregate->ring->next;
    aggregate->back = (struct rbk_part){0};
}

static double number_of(const struct rbk_ring *ring, const struct rbk_reading *reading)
{
    return ring->whole ? (double)reading->as.integer : reading->as.number;
}

static struct rbk_part part_of(const struct rbk_ring *ring, uint64_t number)
{
    const struct rbk_reading *reading = rbk_ring_reading(ring, number);
    if (!reading->good) {
        return (struct rbk_part){0};
    }
    return (struct rbk_part){.sum = number_of(ring, reading), .count = 1, .best = number};
}

/* Whether reading a is smaller than b. */
static bool less(const struct rbk_ring *ring, uint64_t a, uint64_t b)
{
    const struct rbk_reading *left = rbk_ring_reading(ring, a);
    const struct rbk_reading *right = rbk_ring_reading(ring, b);
    return ring->whole ? left->as.integer < right->as.integer : left->as.number < right->as.number;
}

/* `older` and `newer` together. */
static struct rbk_part join(const struct rbk_aggregate *aggregate, struct rbk_part older,
                            struct rbk_part newer)
{
    if (older.count == 0 || newer.count == 0) {
        return older.count == 0 ? newer : older;
    }
    bool is_less = less(aggregate->ring, newer.best, older.best);
    bool is_greater = less(aggregate->ring, older.best, newer.best);
    bool better = aggregate->largest ? is_greater : is_less;
    return (struct rbk_part){.sum = older.sum + newer.sum,
                             .count = older.count + newer.count,
                             .best = better ? newer.best : older.best};
}

/* Turn the back over, so that there is a front to leave from. */
static void turn_over(struct rbk_aggregate *aggregate)
{
    struct rbk_part part = {0};
    for (uint64_t number = aggregate->end; number > aggregate->start; number--) {
        part = join(aggregate, part_of(aggregate->ring, number - 1), part);
        aggregate->front[(number - 1) % aggregate->ring->capacity] = part;
    }
    aggregate->middle = aggregate->end;
    aggregate->back = (struct rbk_part){0};
}

static void leave(struct rbk_aggregate *aggregate)
{
    if (aggregate->start == aggregate->middle) {
        turn_over(aggregate);
    }
    aggregate->start++;
}

void rbk_aggregate_make_room(struct rbk_aggregate *aggregate)
{
    if (aggregate->end - aggregate->start == aggregate->ring->capacity) {
        leave(aggregate);
    }
}

void rbk_aggregate_take(struct rbk_aggregate *aggregate)
{
    RBK_DCHECK(aggregate->end + 1 == aggregate->ring->next);
    aggregate->back = join(aggregate, aggregate->back, part_of(aggregate->ring, aggregate->end));
    aggregate->end++;
}

static bool too_old(const struct rbk_reading *reading, uint64_t over_ms, uint64_t now_ms)
{
    return over_ms > 0 && now_ms > reading->at_ms && now_ms - reading->at_ms >= over_ms;
}

struct rbk_part rbk_aggregate_at(struct rbk_aggregate *aggregate, uint64_t now_ms)
{
    while (
        aggregate->start < aggregate->end &&
        too_old(rbk_ring_reading(aggregate->ring, aggregate->start), aggregate->over_ms, now_ms)) {
        leave(aggregate);
    }
    if (aggregate->start == aggregate->middle) {
        return aggregate->back;
    }
    return join(aggregate, aggregate->front[aggregate->start % aggregate->ring->capacity],
                aggregate->back);
}

struct rbk_part rbk_ring_sum(const struct rbk_ring *ring, uint64_t over_ms, uint64_t now_ms)
{
    struct rbk_part part = {0};
    uint64_t number = ring->next > ring->capacity ? ring->next - ring->capacity : 0;
    number = number > ring->first ? number : ring->first;
    for (; number < ring->next; number++) {
        const struct rbk_reading *reading = rbk_ring_reading(ring, number);
        if (reading->good && !too_old(reading, over_ms, now_ms)) {
            part.sum += number_of(ring, reading);
            part.count++;
            part.best = number;
        }
    }
    return part;
}
