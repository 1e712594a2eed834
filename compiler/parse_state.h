/*
 * What the scanner, the grammar and the tree's constructors share while one source is parsed.
 * Private to the front end.
 */
#ifndef RBK_COMPILER_PARSE_STATE_H
#define RBK_COMPILER_PARSE_STATE_H

#include "compiler/diagnostic.h"
#include "compiler/name.h"
#include "compiler/source.h"
#include "compiler/tree.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

#include <stdbool.h>
#include <stdint.h>

/** A bracket that has not been closed yet. */
struct rbk_open {
    uint32_t start;      /**< Where it stands. */
    char kind;           /**< '{' '(' '[', or '$' for the `${` of an interpolation. */
    uint8_t quote;       /**< '$': enum rbk_quote of the text around it. */
    uint32_t text_start; /**< '$': where that text began. */
};

/** Comments in source order; recorded for `rbkc fmt` only. */
struct rbk_comments {
    struct rbk_span *spans; /**< From `#` to before the line end. */
    uint32_t count;
    uint32_t capacity;
};

/** One parse. The caller's memory; the scanner's `extra`. */
struct rbk_parse {
    struct rbk_arena *arena;             /**< Borrowed; owns the tree. */
    struct rbk_names *names;             /**< Borrowed. */
    const struct rbk_source *source;     /**< Borrowed. */
    struct rbk_diagnostics *diagnostics; /**< Borrowed. */
    struct rbk_tree_file *file;          /**< What is being built. */
    void *scanner;                       /**< The flex scanner; owned by rbk_parse_source(). */

    uint32_t previous_end; /**< Where the token before the last one given to the parser ends. */
    uint32_t last_end;     /**< Where that last one ends. */
    uint32_t offset;       /**< Where the next token begins. */
    uint32_t input;        /**< Where the part of the source begins that was not read yet. */
    uint32_t string_start; /**< Where the text being scanned began. */
    uint8_t string_quote;  /**< enum rbk_quote of the text being scanned. */
    struct rbk_open open[RBK_NESTING_MAX]; /**< Brackets not closed yet, outermost first. */
    uint32_t open_count;
    uint32_t braces;     /**< Braces seen so far; a change ends the silence after an error. */
    bool skip_block;     /**< The next token is to be the brace that closes the innermost block. */
    bool structure_lost; /**< Braces do not match, as was said already; see syntax_message.c. */
    bool stopped; /**< A limit was passed, of the language or of findings: this is the end. */

    bool has_error;          /**< Whether the next three are set. */
    uint32_t error_line_end; /**< End of the line of the last syntax error. */
    uint32_t error_start;    /**< Where the first error of that line was seen. */
    uint32_t error_braces;   /**< Braces seen when it was reported. */

    struct rbk_comments *comments; /**< Filled when not NULL. Borrowed. */
};

/** A place in the source being parsed. */
static inline struct rbk_place rbk_parse_place(const struct rbk_parse *parse, struct rbk_span span)
{
    return rbk_place_make(parse->source, span);
}

/** A limit of the language, for rbk_parse_stop(). */
enum rbk_parse_limit {
    RBK_PARSE_LIMIT_NESTING,    /**< Blocks and brackets in one another. */
    RBK_PARSE_LIMIT_EXPRESSION, /**< Operators in one another. */
    RBK_PARSE_LIMIT_REACTION,   /**< `else` after `else`. */
    RBK_PARSE_LIMIT_NAME,       /**< Bytes of a name. */
    RBK_PARSE_LIMIT_TEXT,       /**< Bytes of a text. */
};

/** Report RBK170, once, and end the scan: what follows is not looked at. */
void rbk_parse_stop(struct rbk_parse *parse, struct rbk_span span, enum rbk_parse_limit limit);

/** Whether an error at @span follows from the last one: on its line, with no brace between. */
bool rbk_parse_is_echo(const struct rbk_parse *parse, struct rbk_span span);

/** Note that an error at @span was reported. */
void rbk_parse_mark_error(struct rbk_parse *parse, struct rbk_span span);

/* The bracket stack, for the scanner. */

/** A bracket opens; past the limit of nesting the parse stops. */
void rbk_parse_open(struct rbk_parse *parse, char kind, struct rbk_span span);

/** A closing bracket: forgets the opening one, and what was left open inside it. */
void rbk_parse_close(struct rbk_parse *parse, char kind);

/**
 * Whether a `}` ends an interpolation. If so the bracket is forgotten, and the text around it is
 * the one being scanned again (string_start, string_quote).
 */
bool rbk_parse_close_interpolation(struct rbk_parse *parse);

/** Remember a comment when the caller of the parse wants them. */
void rbk_parse_comment(struct rbk_parse *parse, struct rbk_span span);

#endif
