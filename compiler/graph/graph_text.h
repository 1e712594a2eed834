/*
 * Labels of pictures; private to compiler/graph.
 */
#ifndef RBK_COMPILER_GRAPH_GRAPH_TEXT_H
#define RBK_COMPILER_GRAPH_GRAPH_TEXT_H

#include "runtime/core/machine.h"

struct rbk_buffer;

/** Append text for the inside of a quoted DOT string. */
void rbk_graph_escape(struct rbk_buffer *out, struct rbk_str text);

/** The same in lines of about 40 characters, each ended by `end` ("\\n", "\\l"); at most four. */
void rbk_graph_wrap(struct rbk_buffer *out, struct rbk_str text, const char *end);

/** "90s" as a person writes it: "1m 30s". */
void rbk_graph_duration(struct rbk_buffer *out, uint64_t duration_ms);

/** The fill colour of a phase. */
const char *rbk_graph_colour(enum rbk_phase phase);

#endif
