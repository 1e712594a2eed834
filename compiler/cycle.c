/*
 * Depth-first search with its own stack. An edge to a node on the stack closes a cycle; the edges
 * by which the stack was climbed, from that node up, are the rest of it.
 */
#include "compiler/cycle.h"

#include "runtime/core/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum { NEW = 0, OPEN, DONE };

struct search {
    const struct rbk_graph *graph;
    uint32_t *first; /* Node -> its first edge in `edges`; node_count + 1 numbers. */
    uint32_t *edges; /* Edges, by the node they leave. */
    uint32_t *at;    /* Node -> next edge to take, an index into `edges`. */
    uint8_t *state;  /* Node -> NEW, OPEN, DONE. */
    bool *reported;  /* Node -> in a cycle that was reported. */
    uint32_t *path;  /* The edges climbed, bottom first. */
    uint32_t path_count;
    uint32_t *height; /* Node -> height so far, or NULL. */
    uint32_t *cycle;  /* Room for one report. */
};

/* Put the edges into the order of the nodes they leave. */
static void sort_edges(struct search *search)
{
    const struct rbk_graph *graph = search->graph;
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        search->first[graph->from[i] + 1]++;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        search->first[i + 1] += search->first[i];
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        search->at[i] = search->first[i];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        search->edges[search->at[graph->from[i]]++] = i;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        search->at[i] = search->first[i];
    }
}

static void close_cycle(struct search *search, uint32_t edge, rbk_cycle_fn *on_cycle, void *context)
{
    const struct rbk_graph *graph = search->graph;
    uint32_t target = graph->to[edge];
    uint32_t bottom = search->path_count;
    if (graph->from[edge] != target) {
        while (bottom > 0 && graph->from[search->path[bottom - 1]] != target) {
            bottom--;
        }
        bottom--;
    }
    uint32_t count = 0;
    bool seen = false;
    for (uint32_t i = bottom; i < search->path_count; i++) {
        search->cycle[count++] = search->path[i];
    }
    search->cycle[count++] = edge;
    for (uint32_t i = 0; i < count; i++) {
        seen |= search->reported[graph->from[search->cycle[i]]];
        search->reported[graph->from[search->cycle[i]]] = true;
    }
    if (!seen) {
        on_cycle(context, search->cycle, count);
    }
}

static void raise_to(struct search *search, uint32_t node, uint32_t height)
{
    if (search->height && search->height[node] < height) {
        search->height[node] = height;
    }
}

static void climb_from(struct search *search, uint32_t root, rbk_cycle_fn *on_cycle, void *context)
{
    const struct rbk_graph *graph = search->graph;
    uint32_t node = root;
    search->state[node] = OPEN;
    for (;;) {
        if (search->at[node] == search->first[node + 1]) {
            search->state[node] = DONE;
            if (search->path_count == 0) {
                return;
            }
            uint32_t below = graph->from[search->path[--search->path_count]];
            if (search->height) {
                raise_to(search, below, search->height[node] + 1);
            }
            node = below;
            continue;
        }
        uint32_t edge = search->edges[search->at[node]++];
        uint32_t next = graph->to[edge];
        if (search->state[next] == OPEN) {
            close_cycle(search, edge, on_cycle, context);
        } else if (search->state[next] == DONE) {
            if (search->height) {
                raise_to(search, node, search->height[next] + 1);
            }
        } else {
            search->path[search->path_count++] = edge;
            search->state[next] = OPEN;
            node = next;
        }
    }
}

void rbk_graph_walk(struct rbk_arena *arena, const struct rbk_graph *graph, rbk_cycle_fn *on_cycle,
                    void *context, uint32_t *ret_height)
{
    struct search search = {
        .graph = graph,
        .first = rbk_new_array(arena, uint32_t, (size_t)graph->node_count + 1),
        .edges = rbk_new_array(arena, uint32_t, graph->edge_count),
        .at = rbk_new_array(arena, uint32_t, graph->node_count),
        .state = rbk_new_array(arena, uint8_t, graph->node_count),
        .reported = rbk_new_array(arena, bool, graph->node_count),
        .path = rbk_new_array(arena, uint32_t, graph->node_count),
        .cycle = rbk_new_array(arena, uint32_t, (size_t)graph->node_count + 1),
        .height = ret_height,
    };
    sort_edges(&search);
    for (uint32_t i = 0; ret_height && i < graph->node_count; i++) {
        ret_height[i] = 0;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (search.state[i] == NEW) {
            climb_from(&search, i, on_cycle, context);
        }
    }
}
