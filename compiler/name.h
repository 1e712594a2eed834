/*
 * Names: each spelling is stored once, so that two names are the same exactly when their pointers
 * are.
 *
 * One table serves a whole compilation (the plan and every module), because a name in one file is
 * resolved against declarations in another. Identifiers are numbered from 0 in the order first
 * seen: a phase that wants to attach something to names uses an array of names->count entries, or
 * the `bound` field, and needs no map of its own. Reserved words are entered first; `token` tells
 * the scanner what they are.
 */
#ifndef RBK_COMPILER_NAME_H
#define RBK_COMPILER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/base/str.h"

struct rbk_arena;
struct rbk_declaration;

/** One spelling. Interned: compare pointers. */
struct rbk_name {
    struct rbk_str text; /**< NUL-terminated. */
    uint32_t id;         /**< 0 … names->count - 1, dense. */
    uint32_t hash;       /**< Of the text. */
    int token;           /**< The scanner's token: a keyword's, or that of an identifier. */
    bool serves_as_name; /**< A reserved word that is a name wherever one may stand. */
    /** For the resolver: the innermost declaration in scope. NULL after parsing. */
    struct rbk_declaration *bound;
};

/** All names of a compilation. */
struct rbk_names {
    struct rbk_arena *arena; /**< Borrowed; owns the names and the slots. */
    struct rbk_name **slots; /**< Open addressing; slot_count is a power of two. */
    uint32_t slot_count;
    uint32_t count;
};

/** Start a table that holds the reserved words only. */
void rbk_names_init(struct rbk_names *names, struct rbk_arena *arena);

/** The name with this spelling, made if it is new. @text is copied when new. Never NULL. */
struct rbk_name *rbk_names_intern(struct rbk_names *names, struct rbk_str text);

/** The name with this spelling, or NULL when nothing in the compilation is spelled so. */
struct rbk_name *rbk_names_find(const struct rbk_names *names, struct rbk_str text);

#endif
