/*
 * Advice for mistakes in spelling a plan that are easily made: words of other languages, signs that
 * other languages want, a step outside of its block. Private to the front end.
 */
#ifndef RBK_COMPILER_SYNTAX_ADVICE_H
#define RBK_COMPILER_SYNTAX_ADVICE_H

#include "runtime/core/base/str.h"

#include <stdbool.h>

/** Where statements are read, when an error is met. */
enum rbk_syntax_block {
    RBK_SYNTAX_NO_BLOCK, /**< Inside a statement: none can begin here. */
    RBK_SYNTAX_FILE,     /**< Outside of plans and modules' parts. */
    RBK_SYNTAX_HEAD,     /**< In a plan. */
    RBK_SYNTAX_STAGE,    /**< In a stage. */
    RBK_SYNTAX_STEPS,    /**< Among steps. */
    RBK_SYNTAX_OTHER,    /**< In a block of another kind. */
};

/** What is known of a mistake. */
struct rbk_syntax_mistake {
    const char *found;      /**< Words for the token found, or how a reserved word is spelled. */
    struct rbk_str text;    /**< The token as written. */
    struct rbk_str before;  /**< The word before it; empty where something else stands there. */
    struct rbk_str further; /**< The word before that one. */
    char next;              /**< The byte behind the token; 0 at the end. */
    bool number;            /**< A number stands behind the token. */
    enum rbk_syntax_block block;
    bool expression; /**< An expression could stand here, */
    bool name;       /**< a name, */
    bool string;     /**< a text, */
    bool brace;      /**< `{`, */
    bool colon;      /**< `:`, */
    bool when;       /**< `when`, */
    bool date;       /**< a date, */
    bool time;       /**< a time of day or the `to` behind one, */
    bool zone;       /**< the name of a zone behind a time of day. */
    bool is_step;    /**< The token begins a step, */
    bool is_stage;   /**< or a part of a stage. */
};

/** One or two full sentences, or NULL when nothing is known. Static. */
const char *rbk_syntax_advice(const struct rbk_syntax_mistake *mistake);

#endif
