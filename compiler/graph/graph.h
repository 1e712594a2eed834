/*
 * Pictures of a machine, as DOT text for Graphviz, or as a Mermaid flowchart, which GitHub and
 * GitLab draw where it stands in a page.
 *
 * Drawn from the machine and not from the plan, so that a picture shows what runs. The same machine
 * gives the same text.
 */
#ifndef RBK_COMPILER_GRAPH_GRAPH_H
#define RBK_COMPILER_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

struct rbk_buffer;
struct rbk_machine;

/**
 * Every state: a cluster for the plan and for each stage, colours by phase, edges by outcome, the
 * branches of a `parallel` as clusters of their own.
 * @machine  Checked; borrowed.
 * @out      Takes the text; look at its `error` afterwards.
 */
void rbk_graph_states(const struct rbk_machine *machine, struct rbk_buffer *out);

/** The short picture: stages, the order between them, their ways back, what watches them. */
void rbk_graph_stages(const struct rbk_machine *machine, struct rbk_buffer *out);

/** What GitHub draws: a larger text, or one with more edges, is shown as an error. */
#define RBK_GRAPH_MERMAID_BYTES_MAX ((size_t)50000)
#define RBK_GRAPH_MERMAID_EDGES_MAX 500u

/**
 * Both pictures as Mermaid.
 * @states  Whether every state is drawn, or stages and their ways back only.
 * @return how many edges there are.
 */
unsigned rbk_graph_mermaid(const struct rbk_machine *machine, bool states, struct rbk_buffer *out);

#endif
