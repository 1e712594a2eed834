#ifndef RBK_RUNTIME_CORE_WINDOW_H
#define RBK_RUNTIME_CORE_WINDOW_H

/*
 * Rings of readings, and aggregates over the latest of them that cost a constant time a reading.
 * Times are monotonic milliseconds and never go back. Internal to watch.c.
 */

#include "runtime/core/machine.h"

/* One reading that can be counted with; a failed one is kept too, since it takes a place in time.
 */
struct rbk_reading {
    uint64_t at_ms;
    bool good;
    union {
        int64_t integer; /* of a probe of an integer type */
        double number;   /* of any other */
    } as;
};

/* The latest readings of one probe. Readings are numbered from 0; number n is at n % capacity. */
struct rbk_ring {
    struct rbk_reading *readings; /* owned by the arena it was made in */
    uint64_t capacity;            /* at least 1 */
    uint64_t next;                /* number of the next reading */
    uint64_t first;               /* those before are forgotten */
    bool whole;                   /* readings are integers */
};

/* What some readings come to. */
struct rbk_part {
    double sum;
    uint64_t count; /* good ones */
    uint64_t best;  /* number of the smallest (or largest) one, if there is a good one */
};

/*
 * The readings of the last over_ms of a ring, as two stacks: `front` holds for each reading from
 * `start` to `middle` what it and those after it up to `middle` come to; `back` holds what those
 * from `middle` to `end` come to. A reading enters at the back and leaves at the front; when the
 * front is empty the back is turned over. Nothing is ever subtracted, so no rounding error stays
 * behind.
 */
struct rbk_aggregate {
    const struct rbk_ring *ring; /* borrowed */
    struct rbk_part *front;      /* of the ring's capacity; owned by the arena */
    struct rbk_part back;
    uint64_t start, middle, end; /* numbers of readings */
    uint64_t over_ms;            /* 0: all that are in the ring */
    bool largest;                /* `best` is the largest reading */
};

/* Both return -RBK_ENOMEM when the arena is exhausted. */
RBK_MUST_USE int rbk_ring_init(struct rbk_ring *ring, struct rbk_arena *arena, uint32_t capacity,
                               bool whole);
RBK_MUST_USE int rbk_aggregate_init(struct rbk_aggregate *aggregate, struct rbk_arena *arena,
                                    const struct rbk_ring *ring, uint64_t over_ms, bool largest);

/*
 * A reading more: call rbk_aggregate_make_room() for every aggregate of the ring, then
 * rbk_ring_put(), then rbk_aggregate_take() for each.
 */
void rbk_aggregate_make_room(struct rbk_aggregate *aggregate);
void rbk_ring_put(struct rbk_ring *ring, struct rbk_reading reading);
void rbk_aggregate_take(struct rbk_aggregate *aggregate);

/* What the readings later than now_ms - over_ms come to; older ones leave. */
struct rbk_part rbk_aggregate_at(struct rbk_aggregate *aggregate, uint64_t now_ms);
/* The same by walking the ring. */
struct rbk_part rbk_ring_sum(const struct rbk_ring *ring, uint64_t over_ms, uint64_t now_ms);
/* Forget all readings: of the ring, then of each of its aggregates. */
void rbk_ring_clear(struct rbk_ring *ring);
void rbk_aggregate_clear(struct rbk_aggregate *aggregate);
/* A reading that is still in the ring. */
const struct rbk_reading *rbk_ring_reading(const struct rbk_ring *ring, uint64_t number);

#endif
