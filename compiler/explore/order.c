/*
 * The order in which applies began, which is that of their rollbacks reversed. Of stages that
 * depend on each other it is kept as it was, whatever it was; of others it is left out, since the
 * pairs that ran side by side would double the states after them, and made up for by
 * VARIANT_REVERSED.
 */
#include "compiler/explore/internal.h"

#include <string.h>

/* One of the two orders that are kept of it: step()'s, and the watcher's. */
struct order {
    uint32_t *stages; /* in their order; room for all regions */
    uint32_t count;
};

static uint32_t place_of(const struct spread *spread, uint32_t region, bool watched)
{
    return watched ? spread->watches[region].rank : spread->regions[region].order;
}

/* The stages that have a place, by it. Few are out of the order of the plan. */
static struct order read_order(const struct explorer *x, const struct spread *spread, bool watched)
{
    struct order order = {x->order, 0};
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        uint32_t place = place_of(spread, i, watched);
        if (!place) {
            continue;
        }
        uint32_t at = order.count++;
        for (; at > 0 && place_of(spread, order.stages[at - 1], watched) > place; at--) {
            order.stages[at] = order.stages[at - 1];
        }
        order.stages[at] = i;
    }
    return order;
}

static void write_order(struct spread *spread, struct order order, bool watched)
{
    for (uint32_t i = 0; i < order.count; i++) {
        if (watched) {
            spread->watches[order.stages[i]].rank = (uint16_t)(i + 1);
        } else {
            spread->regions[order.stages[i]].order = i + 1;
        }
    }
}

/* Exchange neighbours that do not depend on each other until they stand as in the plan, or
 * reversed. Of those that do, whatever their order, none passes the other. */
static void sort_neighbours(const struct explorer *x, struct order order, bool reversed)
{
    for (uint32_t i = 1; i < order.count; i++) {
        for (uint32_t at = i; at > 0; at--) {
            uint32_t first = order.stages[at - 1];
            uint32_t second = order.stages[at];
            bool stands = reversed ? first > second : first < second;
            if (stands || !rbk_explore_beside(&x->model, first, second)) {
                break;
            }
            order.stages[at - 1] = second;
            order.stages[at] = first;
        }
    }
}

/* Places become 1, 2, 3, … of those that count; which of two side by side began first is left out,
 * and made up for by VARIANT_REVERSED. */
void rbk_explore_close_orders(const struct explorer *x, struct spread *spread)
{
    for (int watched = 0; watched < 2; watched++) {
        struct order order = read_order(x, spread, watched);
        if (!x->options->full) {
            sort_neighbours(x, order, false);
        }
        write_order(spread, order, watched);
        if (!watched) {
            spread->state->next_order = order.count + 1;
        }
    }
}

bool rbk_explore_is_unordered(const struct explorer *x)
{
    uint64_t *standing = x->going_back; /* free until the next state is kept */
    memset(standing, 0, x->model.words * sizeof(*standing));
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        if (x->from.regions[i].order) {
            standing[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
    for (uint32_t i = 0; i < x->model.cut.region_count; i++) {
        const uint64_t *beside = x->model.beside + (size_t)i * x->model.words;
        for (uint32_t k = 0; k < x->model.words && x->from.regions[i].order; k++) {
            if (beside[k] & standing[k]) {
                return !x->options->full;
            }
        }
    }
    return false;
}

void rbk_explore_reverse(struct explorer *x)
{
    for (int watched = 0; watched < 2; watched++) {
        struct order order = read_order(x, &x->work, watched);
        sort_neighbours(x, order, true);
        write_order(&x->work, order, watched);
    }
}
