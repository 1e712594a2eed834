/*
 * Messages about syntax, in users' words: what was found, what could have stood there, and advice
 * for mistakes that are easily made. Private to the front end; called from the grammar.
 */
#ifndef RBK_COMPILER_SYNTAX_MESSAGE_H
#define RBK_COMPILER_SYNTAX_MESSAGE_H

#include "compiler/parse_state.h"

#include <stddef.h>

/**
 * Report a syntax error, unless it is an echo of the last one.
 * @found     Words for the token at @span; NULL when there was none.
 * @expected  Words for the tokens that could have stood there; the spelling of a reserved word. The
 *            array is the caller's and may be reordered.
 */
void rbk_syntax_error(struct rbk_parse *parse, struct rbk_span span, const char *found,
                      const char **expected, size_t count);

#endif
