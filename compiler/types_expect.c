/*
 * What a place wants of the expression that stands in it.
 */
#include "compiler/types.h"

#include "runtime/core/base/arena.h"

/* Whether a value of one type is read as another where that is wanted. */
static bool converts(unsigned type, unsigned wanted)
{
    if (type == RBK_TYPE_SCALAR) {
        return wanted == RBK_TYPE_TEXT || wanted == RBK_TYPE_BOOL || wanted == RBK_TYPE_INT ||
               wanted == RBK_TYPE_NUMBER || wanted == RBK_TYPE_URL || wanted == RBK_TYPE_JSON;
    }
    if (type == RBK_TYPE_INT) {
        return wanted == RBK_TYPE_NUMBER;
    }
    if (type == RBK_TYPE_TEXT) {
        return wanted == RBK_TYPE_URL || wanted == RBK_TYPE_JSON || wanted == RBK_TYPE_TIME;
    }
    return type == RBK_TYPE_URL && wanted == RBK_TYPE_TEXT;
}

/* A literal text for a url or time must be one; false after a message. */
static bool check_literal(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                          unsigned wanted)
{
    if (expr->kind != RBK_EXPR_STRING || expr->has_parts) {
        return true;
    }
    size_t colon = rbk_str_find(expr->text, ':');
    struct rbk_str rest = rbk_str_slice(expr->text, colon, expr->text.bytes);
    if (wanted == RBK_TYPE_URL && (colon == 0 || !rbk_str_starts(rest, RBK_STR("://")))) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "expected a url, found another text"),
                            "A url begins with its scheme, as in `https://example.com`.");
        return false;
    }
    if (wanted == RBK_TYPE_URL && (rbk_str_find(expr->text, ' ') < expr->text.bytes ||
                                   rbk_str_find(expr->text, '\t') < expr->text.bytes ||
                                   rbk_str_find(expr->text, '\n') < expr->text.bytes)) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "a blank in a url"),
                            "In a path it is written `%%20`; a value that is put in by `${}` is "
                            "encoded.");
        return false;
    }
    if (wanted == RBK_TYPE_TIME && rbk_value_parse(RBK_TYPE_TIME, expr->text).missing) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "expected a time, found another text"),
                            "A time is written as `2026-11-22T06:00:00Z`.");
        return false;
    }
    return true;
}

static void report_mismatch(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                            struct rbk_tree_typing wanted, const char *what)
{
    struct rbk_str found_words = rbk_type_words(typer, expr->typing);
    struct rbk_str wanted_words = what ? rbk_type_a(typer, wanted) : rbk_type_words(typer, wanted);
    struct rbk_diagnostic *diagnostic =
        rbk_type_error(typer, expr, "%s%s%s%.*s, found %.*s", what ? what : "expected",
                       what ? " is " : " ", wanted.type == RBK_TYPING_CONNECTION ? "a " : "",
                       RBK_STR_ARG(wanted_words), RBK_STR_ARG(found_words));
    rbk_diagnostic_mark(diagnostic, "%.*s", RBK_STR_ARG(found_words));
    unsigned type = expr->typing.type;
    if (type == RBK_TYPE_SECRET) {
        rbk_diagnostic_help(diagnostic, "A secret can only be handed on whole: to a connection, "
                                        "`env`, `stdin`, a url, header or body.");
    } else if (type == RBK_TYPE_SCALAR) {
        rbk_diagnostic_help(diagnostic, "Say what it is, as in `… as %s`.",
                            wanted.type == RBK_TYPE_DURATION ? "seconds"
                            : wanted.type == RBK_TYPE_BYTES
                                ? "MiB"
                                : rbk_type_name((enum rbk_type)wanted.type));
    } else if ((type == RBK_TYPE_INT || type == RBK_TYPE_NUMBER) &&
               (wanted.type == RBK_TYPE_DURATION || wanted.type == RBK_TYPE_BYTES ||
                wanted.type == RBK_TYPE_RATIO)) {
        rbk_diagnostic_help(diagnostic, "Give it a unit, as in `%s`.",
                            wanted.type == RBK_TYPE_DURATION ? "30s"
                            : wanted.type == RBK_TYPE_BYTES  ? "10MiB"
                                                             : "5%");
    } else if (wanted.type == RBK_TYPE_TEXT && type != RBK_TYPING_CONNECTION) {
        rbk_diagnostic_help(diagnostic, "Put it into a text: `\"${…}\"`.");
    }
}

bool rbk_type_expect(const struct rbk_typer *typer, struct rbk_tree_expr *expr,
                     struct rbk_tree_typing wanted, const char *what)
{
    if (!expr || expr->typing.type == RBK_TYPE_UNKNOWN || wanted.type == RBK_TYPE_UNKNOWN) {
        return true;
    }
    unsigned type = expr->typing.type;
    if (expr->kind == RBK_EXPR_FILE) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "`file` stands only for an SQL statement"),
                            "Read a file's content with `run.output` of `cat`.");
        return false;
    }
    if (type == wanted.type && type != RBK_TYPE_LIST) {
        return check_literal(typer, expr, type);
    }
    if (type == wanted.type) {
        unsigned element = expr->typing.element;
        if (element == wanted.element || element == RBK_TYPE_UNKNOWN) {
            return true;
        }
        if (expr->kind == RBK_EXPR_LIST && converts(element, wanted.element)) {
            for (struct rbk_tree_expr *item = expr->items; item; item = item->next) {
                rbk_type_read_as(item, wanted.element);
            }
            expr->typing = wanted;
            return true;
        }
    } else if (wanted.type == RBK_TYPE_SECRET &&
               (type == RBK_TYPE_TEXT || type == RBK_TYPE_URL || type == RBK_TYPE_SCALAR)) {
        return true; /* A text that is treated as a secret from here on. */
    } else if (converts(type, wanted.type)) {
        if (!check_literal(typer, expr, wanted.type)) {
            return false;
        }
        rbk_type_read_as(expr, wanted.type);
        return true;
    }
    report_mismatch(typer, expr, wanted, what);
    return false;
}

void rbk_type_condition(const struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    if (!expr || expr->typing.type == RBK_TYPE_BOOL || expr->typing.type == RBK_TYPE_UNKNOWN) {
        return;
    }
    if (expr->typing.type == RBK_TYPE_SCALAR) {
        rbk_type_read_as(expr, RBK_TYPE_BOOL);
        return;
    }
    struct rbk_str words = rbk_type_words(typer, expr->typing);
    rbk_diagnostic_help(
        rbk_type_error(typer, expr, "expected a condition, found %.*s", RBK_STR_ARG(words)),
        "A condition is true or false: compare the value with something.");
}

void rbk_type_printable(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                        bool secrets, const char *what)
{
    if (!expr) {
        return;
    }
    if (expr->kind == RBK_EXPR_FILE) {
        rbk_type_error(typer, expr, "`file` stands only for an SQL statement");
        return;
    }
    if (expr->typing.type == RBK_TYPING_CONNECTION) {
        rbk_type_error(typer, expr, "a connection has no text");
    } else if (expr->typing.type == RBK_TYPE_SECRET && !secrets) {
        const struct rbk_tree_expr *at = expr;
        if (expr->kind == RBK_EXPR_STRING && expr->has_parts) {
            for (at = expr->parts; at->next && at->typing.type != RBK_TYPE_SECRET;) {
                at = at->next;
            }
        }
        rbk_diagnostic_help(rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 160,
                                                 rbk_analysis_place(typer->analysis, at->span),
                                                 "a secret in %s", what),
                            "It would be shown or kept there. A secret can be handed to a "
                            "connection, `env`, `stdin`, a url, header or body.");
    }
}

void rbk_type_constant(const struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                       const char *what)
{
    if (!expr || expr->kind == RBK_EXPR_POISON) {
        return;
    }
    if (expr->kind != RBK_EXPR_STRING) {
        if (expr->typing.type != RBK_TYPE_UNKNOWN) {
            rbk_type_error(typer, expr, "%s is a text written in place, found %s", what,
                           rbk_expr_words((enum rbk_expr_kind)expr->kind));
        }
        return;
    }
    if (expr->has_parts) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "`${}` in %s", what),
                            "This text is fixed when the plan is compiled.");
    }
}

void rbk_type_url(const struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    if (expr && expr->typing.type == RBK_TYPE_SECRET) {
        return;
    }
    rbk_type_expect(typer, expr, rbk_typing_make(RBK_TYPE_URL), NULL);
}

void rbk_type_command(const struct rbk_typer *typer, const struct rbk_tree_expr *expr, bool secrets,
                      const char *what)
{
    if (!expr || expr->kind == RBK_EXPR_POISON) {
        return;
    }
    if (expr->kind == RBK_EXPR_STRING) {
        rbk_type_printable(typer, expr, secrets, what);
        return;
    }
    if (expr->kind == RBK_EXPR_LIST) {
        if (!expr->items) {
            rbk_type_error(typer, expr, "%s without words", what);
        }
        for (const struct rbk_tree_expr *item = expr->items; item; item = item->next) {
            rbk_type_printable(typer, item, secrets, what);
        }
        return;
    }
    rbk_diagnostic_help(rbk_type_error(typer, expr,
                                       "%s is a text or list written in place, found %s", what,
                                       rbk_expr_words((enum rbk_expr_kind)expr->kind)),
                        "It is cut into words when the plan is compiled; values come in by "
                        "`${…}` or as items of a list.");
}

void rbk_type_statement(const struct rbk_typer *typer, const struct rbk_tree_expr *expr)
{
    if (!expr || expr->kind == RBK_EXPR_POISON || expr->kind == RBK_EXPR_FILE) {
        return;
    }
    if (expr->kind != RBK_EXPR_STRING) {
        rbk_diagnostic_help(
            rbk_type_error(typer, expr, "SQL is a text written in place or a file, found %s",
                           rbk_expr_words((enum rbk_expr_kind)expr->kind)),
            "Write the statement here or name it with `file \"…\"`; values come in by `${…}` and "
            "are bound.");
        return;
    }
    if (!expr->has_parts) {
        return;
    }
    for (const struct rbk_tree_expr *part = expr->parts; part; part = part->next) {
        if (part->typing.type == RBK_TYPE_LIST) {
            rbk_diagnostic_help(rbk_type_error(typer, part, "a list bound in SQL"),
                                "Bind one value; walk over a list with `foreach`.");
        }
    }
}

bool rbk_type_connection(const struct rbk_typer *typer, const struct rbk_tree_name *name,
                         unsigned mask)
{
    struct rbk_declaration *declaration = name->ref;
    if (!declaration || declaration->typing.type == RBK_TYPE_UNKNOWN) {
        return true;
    }
    struct rbk_tree_typing typing = declaration->typing;
    if (typing.type == RBK_TYPING_CONNECTION && (typing.element & mask)) {
        /* What is done with a parameter tells which connections its callers may give. */
        declaration->typing.element = (uint8_t)(typing.element & mask);
        return true;
    }
    struct rbk_tree_typing wanted = {RBK_TYPING_CONNECTION, (uint8_t)mask};
    struct rbk_str found_words = rbk_type_a(typer, typing);
    struct rbk_str wanted_words = rbk_type_a(typer, wanted);
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &typer->analysis->compile->diagnostics, 130,
        rbk_analysis_place(typer->analysis, name->span), "expected %.*s, found %.*s",
        RBK_STR_ARG(wanted_words), RBK_STR_ARG(found_words));
    rbk_diagnostic_label(diagnostic, rbk_declaration_place(declaration), "declared here");
    return false;
}
