/*
 * Cycles and heights of a directed graph, in time proportional to its nodes and edges and without
 * recursion: graphs come from plans, and a plan may have a chain of any length.
 */
#ifndef RBK_COMPILER_CYCLE_H
#define RBK_COMPILER_CYCLE_H

#include <stdint.h>

struct rbk_arena;

/** A graph; nodes are 0 … node_count - 1. All arrays are borrowed. */
struct rbk_graph {
    uint32_t node_count;
    uint32_t edge_count;
    const uint32_t *from; /**< Edge -> the node it leaves. */
    const uint32_t *to;   /**< Edge -> the node it reaches. */
};

/**
 * A cycle was found.
 * @edges  @count edges, each beginning where the one before ends, the first where the last ends.
 * Borrowed.
 */
typedef void rbk_cycle_fn(void *context, const uint32_t *edges, uint32_t count);

/**
 * Find cycles: every node that lies on one is on one that is reported or was cut by it, and no node
 * is in two reports. Nodes and edges are taken in their order, so the result is the same in every
 * run.
 * @arena       For working memory.
 * @ret_height  May be NULL; else node_count numbers: edges on the longest way from the node, cycles
 * cut.
 */
void rbk_graph_walk(struct rbk_arena *arena, const struct rbk_graph *graph, rbk_cycle_fn *on_cycle,
                    void *context, uint32_t *ret_height);

#endif
