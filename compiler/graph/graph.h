/*
 * Pictures of a machine, as DOT text for Graphviz.
 *
 * Drawn from the machine and not from the plan, so that a picture shows what runs. The same machine
 * gives the same text.
 */
#ifndef RBK_COMPILER_GRAPH_GRAPH_H
#define RBK_COMPILER_GRAPH_GRAPH_H

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

#endif
