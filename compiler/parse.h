/*
 * Parsing: from a source to its tree.
 *
 * One call, no state left behind. struct rbk_parse is what the scanner and the grammar share while
 * it runs; it is the scanner's `extra`, so that nothing is global and two parses can run side by
 * side. Only grammar/rbk.l, grammar/rbk.y and the compiler's parse, tree and syntax_message files
 * look inside.
 */
#ifndef RBK_COMPILER_PARSE_H
#define RBK_COMPILER_PARSE_H

#include "compiler/source.h"
#include "runtime/core/base/attributes.h"

struct rbk_arena;
struct rbk_diagnostics;
struct rbk_names;
struct rbk_tree_file;

/** The rule that every syntax error is reported under: RBK100. */
#define RBK_RULE_SYNTAX 100
/** The rule for text that could read otherwise than it compiles: RBK161. */
#define RBK_RULE_TEXT 161
/** The rule for limits of nesting, sizes and counts: RBK170. */
#define RBK_RULE_LIMIT 170

/**
 * Check a source's text and parse it.
 * @arena        Owns the tree; must live as long as it is used.
 * @names        The compilation's names; started with rbk_names_init(). Shared by all its sources.
 * @source       Borrowed for as long as the tree.
 * @diagnostics  Takes RBK100, RBK161 and RBK170.
 * @return       Never NULL. After errors `broken` is set and the tree holds what could be parsed:
 *               enough to look for further errors, but not to judge what is absent.
 */
struct rbk_tree_file *rbk_parse_source(struct rbk_arena *arena, struct rbk_names *names,
                                       const struct rbk_source *source,
                                       struct rbk_diagnostics *diagnostics);

#endif
