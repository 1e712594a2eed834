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

/** Append text for the inside of a quoted Mermaid label. */
void rbk_graph_escape_mermaid(struct rbk_buffer *out, struct rbk_str text);

/** One of the two functions above. */
typedef void rbk_graph_escape_fn(struct rbk_buffer *out, struct rbk_str text);

/** rbk_graph_wrap() for any escaping. */
void rbk_graph_wrap_as(struct rbk_buffer *out, struct rbk_str text, const char *end,
                       rbk_graph_escape_fn *escape);

/** "90s" as a person writes it: "1m 30s". */
void rbk_graph_duration(struct rbk_buffer *out, uint64_t duration_ms);

/** The fill colour of a phase. */
const char *rbk_graph_colour(enum rbk_phase phase);

#endif
