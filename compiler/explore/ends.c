/*
 * The property over all states: from each an end is reached by drivers and time alone, or a person
 * is being asked and escalated to. Backwards from the ends:
 *
 *   - an edge of a driver may be taken at any moment, so that one good one is enough;
 *   - of deadlines nobody knows which is the next, so that all of a state's must be good; but for
 *     one that leaves everything as it was (somebody is asked once more): the others are instants,
 *     and come all the same.
 *
 * Stuck counts as an end (a person is called), and so does a hold that its plan only renews.
 */
#include "compiler/explore/internal.h"

/* Edges into each state: those of state i are items[first[i]] … items[first[i + 1] - 1]. */
struct backwards {
    uint32_t *first;
    uint32_t *items;
};

static struct backwards turn_round(struct rbk_arena *arena, const struct edges *edges,
                                   uint32_t count)
{
    struct backwards back;
    back.first = rbk_new_array(arena, uint32_t, count + 2u);
    back.items = rbk_new_array(arena, uint32_t, edges->count + 1);
    for (size_t i = 0; i < edges->count; i++) {
        back.first[edges->items[i].to + 2]++;
    }
    for (uint32_t i = 2; i < count + 2; i++) {
        back.first[i] += back.first[i - 1];
    }
    for (size_t i = 0; i < edges->count; i++) {
        back.items[back.first[edges->items[i].to + 1]++] = edges->items[i].from;
    }
    return back;
}

#define BIT(status) ((uint16_t)(1u << RBK_STATUS_##status))
#define FINAL (BIT(COMPLETED) | BIT(ABORTED) | BIT(CANCELLED) | BIT(STUCK))

static bool renews_holds(const struct rbk_machine *machine)
{
    enum rbk_reaction_kind kind = rbk_held_end(machine);
    return kind == RBK_REACTION_NOTIFY || kind == RBK_REACTION_PAUSE || kind == RBK_REACTION_HOLD;
}

/* What a state is by itself. */
static uint16_t own_status(const struct explorer *x, uint32_t number)
{
    const struct rbk_state *state = &rbk_explore_head(x, number)->state;
    uint16_t bit = (uint16_t)(1u << state->status);
    return bit & (FINAL | BIT(HELD) | BIT(PAUSED)) ? bit : 0;
}

static void find_good(struct explorer *x, const struct backwards *driver,
                      const struct backwards *time, unsigned char *good)
{
    uint32_t count = x->space.states.count;
    uint32_t *left = rbk_new_array(&x->scratch, uint32_t, count + 1u);
    uint32_t *queue = rbk_new_array(&x->scratch, uint32_t, count + 1u);
    uint32_t head = 0;
    uint32_t tail = 0;
    bool renews = renews_holds(x->model.machine);
    for (size_t i = 0; i < x->time.count; i++) {
        left[x->time.items[i].from] += x->time.items[i].from != x->time.items[i].to;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint16_t own = own_status(x, i);
        if (own & FINAL || (renews && own)) {
            good[i] = 1;
            queue[tail++] = i;
        }
    }
    while (head < tail) {
        uint32_t to = queue[head++];
        for (uint32_t i = driver->first[to]; i < driver->first[to + 1]; i++) {
            uint32_t from = driver->items[i];
            if (!good[from]) {
                good[from] = 1;
                queue[tail++] = from;
            }
        }
        for (uint32_t i = time->first[to]; i < time->first[to + 1]; i++) {
            uint32_t from = time->items[i];
            left[from] -= from != to;
            if (!good[from] && left[from] == 0) {
                good[from] = 1;
                queue[tail++] = from;
            }
        }
    }
}

/* Spread what can follow against the edges until nothing changes. */
static void spread_ends(struct explorer *x, const struct backwards *driver,
                        const struct backwards *time, uint16_t *ends)
{
    uint32_t count = x->space.states.count;
    uint32_t *stack = rbk_new_array(&x->scratch, uint32_t, count + 1u);
    unsigned char *waits = rbk_new_array(&x->scratch, unsigned char, count + 1u);
    uint32_t height = 0;
    for (uint32_t i = 0; i < count; i++) {
        ends[i] = own_status(x, i);
        if (ends[i]) {
            waits[i] = 1;
            stack[height++] = i;
        }
    }
    while (height) {
        uint32_t to = stack[--height];
        waits[to] = 0;
        for (int kind = 0; kind < 2; kind++) {
            const struct backwards *back = kind ? time : driver;
            for (uint32_t i = back->first[to]; i < back->first[to + 1]; i++) {
                uint32_t from = back->items[i];
                uint16_t all = ends[from] | ends[to];
                if (all != ends[from]) {
                    ends[from] = all;
                    if (!waits[from]) {
                        waits[from] = 1;
                        stack[height++] = from;
                    }
                }
            }
        }
    }
}

uint16_t *rbk_explore_ends(struct explorer *x)
{
    uint32_t count = x->space.states.count;
    struct backwards driver = turn_round(&x->scratch, &x->driver, count);
    struct backwards time = turn_round(&x->scratch, &x->time, count);
    unsigned char *good = rbk_new_array(&x->scratch, unsigned char, count + 1u);
    uint16_t *ends = rbk_new_array(&x->scratch, uint16_t, count + 1u);
    find_good(x, &driver, &time, good);
    for (uint32_t i = 0; i < count; i++) {
        if (!good[i] && i != 0) {
            x->current = x->reached[i].from;
            x->move = x->reached[i].move;
            rbk_explore_found(x, RBK_EXPLORE_END, RBK_NONE, RBK_NONE,
                              "from here no end is reached unless somebody does something");
        }
    }
    spread_ends(x, &driver, &time, ends);
    return ends;
}
