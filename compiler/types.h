/*
 * What the files of the typer share. Private to types*.c.
 *
 * An expression is typed once, bottom up; what it is used for is asked afterwards through the
 * functions below, which report a mismatch (RBK130) and note the conversion that is needed
 * (rbk_expr_read_as()). RBK_TYPE_UNKNOWN fits everywhere and is never reported.
 */
#ifndef RBK_COMPILER_TYPES_H
#define RBK_COMPILER_TYPES_H

#include "compiler/analysis.h"
#include "compiler/typing.h"

/** Where an expression stands, for what it may hold. */
enum rbk_type_place {
    RBK_PLACE_RUN,   /**< In the run: anything but secrets. */
    RBK_PLACE_PARAM, /**< Known before the run starts: params and constants. */
    RBK_PLACE_PROBE, /**< The value of a probe: readings, but no other probe and no slot. */
};

/** The typer. */
struct rbk_typer {
    struct rbk_analysis *analysis;
    enum rbk_type_place place;
    bool has_reading;   /**< A reading was met since the owner cleared it. */
    bool has_probe;     /**< A probe was met since the owner cleared it. */
    bool in_arithmetic; /**< What is typed is an operand of arithmetic. */
};

/** Type an expression and everything in it; NULL gives UNKNOWN. @return expr->typing. */
struct rbk_tree_typing rbk_type_expr(struct rbk_typer *typer, struct rbk_tree_expr *expr);

/** Whether an expression computes with numbers: + - * / and `as`. types_constant.c. */
bool rbk_type_is_arithmetic(const struct rbk_tree_expr *expr);

/** Report what constants in an arithmetic expression come to that no value can hold (RBK170), and
 * divisions by zero (RBK130). Once for its uppermost operator; all in it has been typed.
 * @return false after a message. */
bool rbk_type_arithmetic(const struct rbk_typer *typer, const struct rbk_tree_expr *expr);

/** Type the arguments of a resolved call, and the call itself. */
struct rbk_tree_typing rbk_type_call(struct rbk_typer *typer, struct rbk_tree_expr *call);

/** Report RBK130 at an expression of the file being analysed. */
RBK_PRINTF(3, 4)
struct rbk_diagnostic *rbk_type_error(const struct rbk_typer *typer,
                                      const struct rbk_tree_expr *expr, const char *format, ...);

/** "duration", for messages about a typing. */
struct rbk_str rbk_type_words(const struct rbk_typer *typer, struct rbk_tree_typing typing);

/** "a duration", "an int". */
struct rbk_str rbk_type_a(const struct rbk_typer *typer, struct rbk_tree_typing typing);

/* The functions below expect that the expression has been typed. NULL is fine everywhere. */

/**
 * Make an expression fit a wanted type, or say that it does not.
 * @what What wants it, as in "`timeout`"; NULL when the place speaks for itself.
 * @return false after a message.
 */
bool rbk_type_expect(const struct rbk_typer *typer, struct rbk_tree_expr *expr,
                     struct rbk_tree_typing wanted, const char *what);

/** A condition: a bool, or a scalar read as one. */
void rbk_type_condition(const struct rbk_typer *typer, struct rbk_tree_expr *expr);

/** Anything that has a text; @secrets whether a secret may stand here, @what for the message if
 * not. */
void rbk_type_printable(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                        bool secrets, const char *what);

/** A text that is known when the plan is compiled: a STRING without ${}. */
void rbk_type_constant(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                       const char *what);

/** A url: a text or url, secrets welcome. */
void rbk_type_url(const struct rbk_typer *typer, struct rbk_tree_expr *expr);

/** A command: a STRING or LIST that is cut into words now; no secrets. @secrets as in printable. */
void rbk_type_command(const struct rbk_typer *typer, const struct rbk_tree_expr *expr, bool secrets,
                      const char *what);

/** An SQL statement: a STRING or a FILE. */
void rbk_type_statement(const struct rbk_typer *typer, const struct rbk_tree_expr *expr);

/** The name of a connection, of the kinds in @mask; a parameter is narrowed to them. @return false
 *  after a message. */
bool rbk_type_connection(const struct rbk_typer *typer, const struct rbk_tree_name *name,
                         unsigned mask);

/** Note that an expression's value is read as @type, if it is not of that type. */
void rbk_type_read_as(struct rbk_tree_expr *expr, unsigned type);

/** Type a written type. @parameter: whether `secret`, `connection` and the like are welcome.
 * @result: whether `scalar` is. */
struct rbk_tree_typing rbk_type_written(const struct rbk_typer *typer, struct rbk_tree_type *type,
                                        bool parameter, bool result);

/** Type a PROBE's reading, and the probe by it. */
void rbk_type_probe(struct rbk_typer *typer, struct rbk_tree_statement *statement);

/** Report a count that is too small to mean anything (RBK130), or too large (RBK170). @span: what
 * to underline and quote. */
void rbk_type_count(const struct rbk_typer *typer, struct rbk_span span, uint64_t count,
                    uint64_t least, uint64_t most);

/** What the value of a clause must be beyond its type; the clause has been typed. */
void rbk_type_clause_value(const struct rbk_typer *typer, const struct rbk_tree_clause *clause);

/** Type one statement, its clauses included, but not what is in its blocks. */
void rbk_type_statement_of(struct rbk_typer *typer, struct rbk_tree_statement *statement);

#endif
