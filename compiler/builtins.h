/*
 * What the language knows without a declaration: readings of the outside world, functions,
 * aggregates over probes, connections' constructors and the variables of a run.
 *
 * One constant table; each compilation makes one declaration of kind RBK_DECLARATION_CORE for each
 * entry, whose `core` points at it. A NAME, MEMBER or CALL that means a built-in has that
 * declaration as its `ref`.
 *
 * A user's declaration is found before a built-in of the same name, except that a module's name
 * does not hide the built-ins behind the same word: after `use std.http`, `http.status` still is
 * the reading unless the module has a `status` of its own. Functions and values are looked up
 * apart: `let count = …` does not hide `count(…)`.
 */
#ifndef RBK_COMPILER_BUILTINS_H
#define RBK_COMPILER_BUILTINS_H

#include "compiler/name.h"
#include "compiler/tree.h"
#include "runtime/core/expr.h"
#include "runtime/core/machine.h"

#include <stdbool.h>
#include <stdint.h>

struct rbk_arena;

/** What an entry is, and which member of `is` tells more. */
enum rbk_builtin_kind {
    RBK_BUILTIN_READING,     /**< `http.status(…)`: is.read. */
    RBK_BUILTIN_FUNCTION,    /**< `ratio(a, b)`: is.function. */
    RBK_BUILTIN_AGGREGATE,   /**< `avg(probe, 5m)`: is.window; `last(probe)` without a span. */
    RBK_BUILTIN_BASELINE,    /**< `baseline(probe)`. */
    RBK_BUILTIN_CONSTRUCTOR, /**< `postgres(…)` after `connection NAME =`: is.connection. */
    RBK_BUILTIN_VARIABLE,    /**< `run.id`, `elapsed`: is.variable; never called. */
};

/** Pure functions. */
enum rbk_function {
    RBK_FUNCTION_RATIO,       /**< ratio(a, b): RBK_OP_RATIO. */
    RBK_FUNCTION_ABS,         /**< abs(a): RBK_OP_ABS, the type of a. */
    RBK_FUNCTION_INT,         /**< int(a): RBK_OP_READ_AS int. */
    RBK_FUNCTION_LINES,       /**< lines(text): RBK_OP_LINES. */
    RBK_FUNCTION_COUNT,       /**< count(list): RBK_OP_LENGTH. */
    RBK_FUNCTION_MEMBER,      /**< member(json, name): RBK_OP_MEMBER. */
    RBK_FUNCTION_FIND,        /**< find(json, path, value): RBK_OP_FIND. */
    RBK_FUNCTION_MAIL_HEADER, /**< mail_header(text): RBK_OP_MAIL_HEADER. */
    RBK_FUNCTION_MAIL_TEXT,   /**< mail_text(text): RBK_OP_MAIL_TEXT. */
};

/** How a parameter of a built-in takes its argument. */
enum rbk_builtin_parameter_kind {
    RBK_TAKES_VALUE,     /**< An expression of `type`. */
    RBK_TAKES_QUANTITY,  /**< int, number, ratio, duration, bytes or scalar (read as number). */
    RBK_TAKES_URL,       /**< A text or url; a STRING is a template whose values are percent-encoded
                              unless they are of type url or secret. Secrets are welcome. */
    RBK_TAKES_ADDRESS,   /**< A text, url or secret: where a connection goes. */
    RBK_TAKES_COMMAND,   /**< A STRING that is cut into words, or a LIST of them. */
    RBK_TAKES_STATEMENT, /**< A STRING whose values are bound, or `file "…"`. */
    RBK_TAKES_CONNECTION, /**< A connection; the kinds in `type` (mask of RBK_CONNECTION_BIT). */
    RBK_TAKES_PROBE,      /**< The NAME of a probe. */
    RBK_TAKES_SPAN,       /**< A duration literal: how far a window reaches back. */
    RBK_TAKES_CONSTANT,   /**< A STRING without interpolation: a name. */
    RBK_TAKES_FILTER,     /**< The same: a program of jq. */
    RBK_TAKES_LIST,       /**< A list of anything. */
};

/** One parameter of a built-in. */
struct rbk_builtin_parameter {
    const char *name; /**< For `name: value` and messages. */
    uint8_t takes;    /**< enum rbk_builtin_parameter_kind. */
    uint8_t type;     /**< enum rbk_type, or the mask of TAKES_CONNECTION. */
    bool optional;    /**< May be left out. */
    bool
        repeated; /**< The last parameter: takes every further positional argument, at least one. */
    bool labels;  /**< The last parameter: takes `word: value` arguments, any word, none needed. */
};

#define RBK_BUILTIN_PARAMETERS_MAX 3

/** One entry. */
struct rbk_builtin {
    const char *spelling; /**< "http.status", "ratio", "run.id": as a plan writes it. */
    uint8_t kind;         /**< enum rbk_builtin_kind. */
    uint8_t result; /**< enum rbk_type; UNKNOWN when it depends on the argument (abs, aggregates,
                         baseline), RBK_TYPING_CONNECTION of constructors. */
    union {
        enum rbk_read_kind read;
        enum rbk_function function;
        enum rbk_window_kind window;
        enum rbk_connection_kind connection;
        enum rbk_variable variable;
    } is;
    uint8_t parameter_count;
    struct rbk_builtin_parameter parameters[RBK_BUILTIN_PARAMETERS_MAX];
};

/** The whole table, in the order of RBK_READ_KINDS, functions, aggregates, constructors,
 * RBK_VARIABLES. */
const struct rbk_builtin *rbk_builtin_table(uint32_t *ret_count);

/** The built-ins of a compilation. */
struct rbk_builtins {
    struct rbk_declaration *declarations; /**< One for each entry of the table, in its order. */
    struct rbk_name **spaces;             /**< Entry -> what stands before the dot, or NULL. */
    uint32_t *next;      /**< Entry -> next with the same last name, plus 1; 0 ends. */
    uint32_t *first;     /**< Name id -> first entry with that last name, plus 1. */
    uint32_t name_count; /**< Length of first: names with a greater id are no built-in's. */
    uint32_t count;      /**< Entries. */
};

/** Make the declarations and enter their names; to be called right after rbk_names_init(). */
void rbk_builtins_init(struct rbk_builtins *builtins, struct rbk_arena *arena,
                       struct rbk_names *names);

/**
 * Look one up. @space: the name before the dot, or NULL for a bare name.
 * @return The declaration, or NULL. For `count` the aggregate: the caller picks the function when
 * the argument is no probe, with rbk_builtins_count_of_list().
 */
struct rbk_declaration *rbk_builtins_find(const struct rbk_builtins *builtins,
                                          const struct rbk_name *space,
                                          const struct rbk_name *name);

/** The declaration of the function count(list), which shares its name with an aggregate. */
struct rbk_declaration *rbk_builtins_count_of_list(const struct rbk_builtins *builtins);

/** Whether any built-in is spelled `space.…`. */
bool rbk_builtins_has_space(const struct rbk_builtins *builtins, const struct rbk_name *space);

/** The entry behind a declaration of kind CORE; NULL for NULL and for other kinds. */
static inline const struct rbk_builtin *rbk_builtin_of(const struct rbk_declaration *declaration)
{
    return declaration && declaration->kind == RBK_DECLARATION_CORE
               ? (const struct rbk_builtin *)declaration->core
               : NULL;
}

/** Whether an entry is seen only inside a channel's block: `message`, `key`, `run`, `stage`. */
static inline bool rbk_builtin_only_in_channel(const struct rbk_builtin *builtin)
{
    return builtin->kind == RBK_BUILTIN_VARIABLE && builtin->is.variable >= RBK_VARIABLE_MESSAGE;
}

#endif
