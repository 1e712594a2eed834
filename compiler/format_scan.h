/*
 * Text as a row of tokens and comments, for laying it out anew. Private to rbkc fmt.
 */
#ifndef RBK_COMPILER_FORMAT_SCAN_H
#define RBK_COMPILER_FORMAT_SCAN_H

#include "compiler/parse_state.h"
#include "compiler/source.h"

#include <stdbool.h>

/** A token; a text with all that stands in it is one. */
struct rbk_format_token {
    int kind;             /**< The scanner's token; RBK_TOKEN_TEXT for every text. */
    struct rbk_span span; /**< Where it stands. */
};

/** All tokens and comments of a source, in order. */
struct rbk_format_text {
    struct rbk_format_token *tokens; /**< token_count, and one more that stands at the end. */
    uint32_t token_count;
    struct rbk_comments comments;
};

/** Scan a source that parses without errors. Everything is allocated from @arena. */
void rbk_format_scan(struct rbk_arena *arena, struct rbk_names *names,
                     const struct rbk_source *source, struct rbk_format_text *ret_text);

/** Whether two sources have the same tokens and, blanks at their ends apart, the same comments. */
bool rbk_format_same(const struct rbk_source *a_source, const struct rbk_format_text *a,
                     const struct rbk_source *b_source, const struct rbk_format_text *b);

/** A comment without blanks at its end. */
struct rbk_str rbk_format_comment(const struct rbk_source *source,
                                  const struct rbk_format_text *text, uint32_t index);

#endif
