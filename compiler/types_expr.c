/*
 * Types of expressions, bottom up, operators first among them. Expressions are at most
 * RBK_EXPRESSION_DEPTH_MAX deep, so this recurses.
 *
 * Units are types: a ratio, a duration and a number never meet in a sum or a comparison. Between an
 * int and a number the int is read as a number. A scalar has no type of its own: beside a plain
 * value it is read as that, beside a unit it must say its own.
 */
#include "compiler/types.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

#include <stdarg.h>
#include <stdio.h>

struct rbk_diagnostic *rbk_type_error(const struct rbk_typer *typer,
                                      const struct rbk_tree_expr *expr, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 130,
                                rbk_analysis_place(typer->analysis, expr->span), "%s", text);
}

struct rbk_str rbk_type_words(const struct rbk_typer *typer, struct rbk_tree_typing typing)
{
    return rbk_typing_words(&typer->analysis->compile->arena, typing);
}

struct rbk_str rbk_type_a(const struct rbk_typer *typer, struct rbk_tree_typing typing)
{
    struct rbk_str words = rbk_type_words(typer, typing);
    return rbk_arena_printf(&typer->analysis->compile->arena, "%s %.*s", rbk_article(words.data),
                            RBK_STR_ARG(words));
}

void rbk_type_read_as(struct rbk_tree_expr *expr, unsigned type)
{
    if (expr->typing.type != type) {
        expr->annotation_flags = (uint8_t)type;
    }
}

static struct rbk_tree_typing unknown(void)
{
    return rbk_typing_make(RBK_TYPE_UNKNOWN);
}

/* Whether a scalar is read as this type without being told. */
static bool is_plain(unsigned type)
{
    return type == RBK_TYPE_TEXT || type == RBK_TYPE_BOOL || type == RBK_TYPE_INT ||
           type == RBK_TYPE_NUMBER || type == RBK_TYPE_URL || type == RBK_TYPE_JSON;
}

static bool is_number(unsigned type)
{
    return type == RBK_TYPE_INT || type == RBK_TYPE_NUMBER;
}

/* ---- messages about two sides ---------------------------------------------------------------- */

static struct rbk_str source_of(const struct rbk_typer *typer, const struct rbk_tree_expr *expr)
{
    return rbk_source_text(typer->analysis->file->tree->source, expr->span);
}

/* 10^exponent; exponents of literals are small. */
static int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;
    while (exponent-- > 0 && power < INT64_MAX / 10) {
        power *= 10;
    }
    return power;
}

/* How a bare number could be given the unit of the other side. */
static void help_with_unit(const struct rbk_typer *typer, struct rbk_diagnostic *diagnostic,
                           const struct rbk_tree_expr *number, unsigned wanted)
{
    struct rbk_str text = source_of(typer, number);
    bool literal = number->kind == RBK_EXPR_INT || number->kind == RBK_EXPR_NUMBER;
    if (!literal || text.bytes > 40) {
        rbk_diagnostic_help(diagnostic, "Give it a unit with `as`, as in `value as %s`.",
                            wanted == RBK_TYPE_DURATION ? "seconds"
                            : wanted == RBK_TYPE_BYTES  ? "MiB"
                                                        : "ratio");
        return;
    }
    switch (wanted) {
    case RBK_TYPE_RATIO:
        if (number->kind == RBK_EXPR_NUMBER && number->number < power_of_ten(number->decimals)) {
            rbk_diagnostic_help(diagnostic, "Write it as `%g%%`.",
                                100.0 * (double)number->number /
                                    (double)power_of_ten(number->decimals));
        } else {
            rbk_diagnostic_help(diagnostic, "Write `%.*s%%` for %.*s in a hundred.",
                                RBK_STR_ARG(text), RBK_STR_ARG(text));
        }
        break;
    case RBK_TYPE_DURATION:
        rbk_diagnostic_help(diagnostic, "Give it a unit: `%.*sms`, `%.*ss`, `%.*sm` or `%.*sh`.",
                            RBK_STR_ARG(text), RBK_STR_ARG(text), RBK_STR_ARG(text),
                            RBK_STR_ARG(text));
        break;
    default:
        rbk_diagnostic_help(diagnostic, "Give it a unit: `%.*sKiB`, `%.*sMiB` or `%.*sGiB`.",
                            RBK_STR_ARG(text), RBK_STR_ARG(text), RBK_STR_ARG(text));
        break;
    }
}

static void help_with_scalar(struct rbk_diagnostic *diagnostic, unsigned wanted)
{
    rbk_diagnostic_help(diagnostic, "Say what it is measured in, as in `… as %s`.",
                        wanted == RBK_TYPE_DURATION ? "seconds"
                        : wanted == RBK_TYPE_BYTES  ? "MiB"
                        : wanted == RBK_TYPE_TIME   ? "time"
                                                    : "ratio");
}

/* A secret is not compared or computed with: what comes of that is journalled and shown, and tells
 * of it. */
static void report_secret(const struct rbk_typer *typer, const struct rbk_tree_expr *secret)
{
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &typer->analysis->compile->diagnostics, 160,
        rbk_analysis_place(typer->analysis, secret->span), "a secret in a comparison");
    rbk_diagnostic_mark(diagnostic, "what comes of this is kept and shown");
    rbk_diagnostic_help(diagnostic, "A secret can only be handed on whole: to a connection, `env`, "
                                    "`stdin`, a url, header or body.");
}

/* Say that the two sides of an operator do not go together. */
static void report_sides(const struct rbk_typer *typer, const struct rbk_tree_expr *expr)
{
    const struct rbk_tree_expr *left = expr->left;
    const struct rbk_tree_expr *right = expr->right;
    unsigned a = left->typing.type;
    unsigned b = right->typing.type;
    if (a == RBK_TYPE_SECRET || b == RBK_TYPE_SECRET) {
        report_secret(typer, a == RBK_TYPE_SECRET ? left : right);
        return;
    }
    struct rbk_str left_words = rbk_type_words(typer, left->typing);
    struct rbk_str right_words = rbk_type_words(typer, right->typing);
    struct rbk_diagnostic *diagnostic =
        rbk_type_error(typer, right, "`%s` between %.*s and %.*s",
                       rbk_operator_spelling((enum rbk_operator)expr->op), RBK_STR_ARG(left_words),
                       RBK_STR_ARG(right_words));
    rbk_diagnostic_mark(diagnostic, "%.*s", RBK_STR_ARG(right_words));
    rbk_diagnostic_label(diagnostic, rbk_analysis_place(typer->analysis, left->span), "%.*s",
                         RBK_STR_ARG(left_words));
    if (is_number(b) && rbk_type_has_unit(a) && a != RBK_TYPE_TIME) {
        help_with_unit(typer, diagnostic, right, a);
    } else if (is_number(a) && rbk_type_has_unit(b) && b != RBK_TYPE_TIME) {
        help_with_unit(typer, diagnostic, left, b);
    } else if (a == RBK_TYPE_SCALAR || b == RBK_TYPE_SCALAR) {
        help_with_scalar(diagnostic, a == RBK_TYPE_SCALAR ? b : a);
    } else if (expr->op == RBK_OPERATOR_ADD && (a == RBK_TYPE_TEXT || b == RBK_TYPE_TEXT)) {
        rbk_diagnostic_help(diagnostic, "Put texts together by interpolation: `\"${a}${b}\"`.");
    }
}

/* ---- comparing and `??` ---------------------------------------------------------------------- */

/*
 * Bring two sides to one type. @number_for_int: what a scalar beside an int is read as.
 * @return The common typing; UNKNOWN when a side is, or after a message.
 */
static struct rbk_tree_typing unify(const struct rbk_typer *typer, struct rbk_tree_expr *expr,
                                    unsigned number_for_int)
{
    struct rbk_tree_expr *left = expr->left;
    struct rbk_tree_expr *right = expr->right;
    unsigned a = left->typing.type;
    unsigned b = right->typing.type;
    if (a == RBK_TYPE_UNKNOWN || b == RBK_TYPE_UNKNOWN) {
        return unknown();
    }
    bool opaque = a == RBK_TYPE_SECRET || b == RBK_TYPE_SECRET || a == RBK_TYPING_CONNECTION ||
                  b == RBK_TYPING_CONNECTION;
    if (!opaque && a == b) {
        if (a != RBK_TYPE_LIST || left->typing.element == right->typing.element) {
            return left->typing;
        }
    } else if (!opaque && is_number(a) && is_number(b)) {
        rbk_type_read_as(left, RBK_TYPE_NUMBER);
        rbk_type_read_as(right, RBK_TYPE_NUMBER);
        return rbk_typing_make(RBK_TYPE_NUMBER);
    } else if (!opaque && ((a == RBK_TYPE_TEXT && b == RBK_TYPE_URL) ||
                           (a == RBK_TYPE_URL && b == RBK_TYPE_TEXT))) {
        rbk_type_read_as(left, RBK_TYPE_URL);
        rbk_type_read_as(right, RBK_TYPE_URL);
        return rbk_typing_make(RBK_TYPE_URL);
    } else if ((a == RBK_TYPE_SCALAR && is_plain(b)) || (b == RBK_TYPE_SCALAR && is_plain(a))) {
        unsigned type = a == RBK_TYPE_SCALAR ? b : a;
        if (type == RBK_TYPE_INT) {
            type = number_for_int;
        }
        rbk_type_read_as(left, type);
        rbk_type_read_as(right, type);
        return rbk_typing_make(type);
    }
    report_sides(typer, expr);
    return unknown();
}

static struct rbk_tree_typing type_comparison(const struct rbk_typer *typer,
                                              struct rbk_tree_expr *expr)
{
    struct rbk_tree_typing common = unify(typer, expr, RBK_TYPE_NUMBER);
    bool equality = expr->op == RBK_OPERATOR_EQUAL || expr->op == RBK_OPERATOR_NOT_EQUAL;
    unsigned type = common.type;
    bool ordered = rbk_type_is_quantity(type) || type == RBK_TYPE_TIME || type == RBK_TYPE_SCALAR;
    if (type != RBK_TYPE_UNKNOWN && (equality ? type == RBK_TYPE_LIST : !ordered)) {
        struct rbk_str words = rbk_type_words(typer, common);
        struct rbk_diagnostic *diagnostic =
            rbk_type_error(typer, expr, "`%s` does not compare %.*s values",
                           rbk_operator_spelling((enum rbk_operator)expr->op), RBK_STR_ARG(words));
        if (!equality) {
            rbk_diagnostic_help(diagnostic, "Only `==` and `!=` do.");
        }
    }
    /* Two scalars in an order are numbers; for equality their texts are compared. */
    if (!equality && type == RBK_TYPE_SCALAR) {
        rbk_type_read_as(expr->left, RBK_TYPE_NUMBER);
        rbk_type_read_as(expr->right, RBK_TYPE_NUMBER);
    }
    return rbk_typing_make(RBK_TYPE_BOOL);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* The type of a product; UNKNOWN when there is none. */
static unsigned product_type(unsigned a, unsigned b)
{
    if (a == RBK_TYPE_INT && b == RBK_TYPE_INT) {
        return RBK_TYPE_INT;
    }
    if (is_number(a) && is_number(b)) {
        return RBK_TYPE_NUMBER;
    }
    if (!rbk_type_is_quantity(a) || !rbk_type_is_quantity(b)) {
        return RBK_TYPE_UNKNOWN;
    }
    if (is_number(a) || a == RBK_TYPE_RATIO) {
        return b == RBK_TYPE_INT || b == RBK_TYPE_NUMBER ? RBK_TYPE_RATIO : b;
    }
    return is_number(b) || b == RBK_TYPE_RATIO ? a : RBK_TYPE_UNKNOWN;
}

static unsigned quotient_type(unsigned a, unsigned b)
{
    if (!rbk_type_is_quantity(a) || !rbk_type_is_quantity(b)) {
        return RBK_TYPE_UNKNOWN;
    }
    if (is_number(b)) {
        return is_number(a) ? RBK_TYPE_NUMBER : a;
    }
    if (a == b) {
        return RBK_TYPE_NUMBER;
    }
    return b == RBK_TYPE_RATIO ? (is_number(a) ? RBK_TYPE_NUMBER : a) : RBK_TYPE_UNKNOWN;
}

static unsigned sum_type(unsigned op, unsigned a, unsigned b)
{
    if (is_number(a) && is_number(b)) {
        return a == b ? a : RBK_TYPE_NUMBER;
    }
    if (a == b && rbk_type_is_quantity(a)) {
        return a;
    }
    if (a == RBK_TYPE_TIME && b == RBK_TYPE_DURATION) {
        return RBK_TYPE_TIME;
    }
    if (op == RBK_OPERATOR_ADD && a == RBK_TYPE_DURATION && b == RBK_TYPE_TIME) {
        return RBK_TYPE_TIME;
    }
    if (op == RBK_OPERATOR_SUBTRACT && a == RBK_TYPE_TIME && b == RBK_TYPE_TIME) {
        return RBK_TYPE_DURATION;
    }
    return RBK_TYPE_UNKNOWN;
}

static struct rbk_tree_typing type_arithmetic(const struct rbk_typer *typer,
                                              struct rbk_tree_expr *expr)
{
    unsigned a = expr->left->typing.type;
    unsigned b = expr->right->typing.type;
    if (a == RBK_TYPE_UNKNOWN || b == RBK_TYPE_UNKNOWN) {
        return unknown();
    }
    unsigned op = expr->op;
    bool product = op == RBK_OPERATOR_MULTIPLY || op == RBK_OPERATOR_DIVIDE;
    /* A scalar is a plain number here; in a sum the other side has to be one, too. */
    if (a == RBK_TYPE_SCALAR && (product || is_number(b) || b == RBK_TYPE_SCALAR)) {
        a = RBK_TYPE_NUMBER;
    }
    if (b == RBK_TYPE_SCALAR && (product || is_number(a))) {
        b = RBK_TYPE_NUMBER;
    }
    unsigned type = op == RBK_OPERATOR_MULTIPLY ? product_type(a, b)
                    : op == RBK_OPERATOR_DIVIDE ? quotient_type(a, b)
                                                : sum_type(op, a, b);
    if (type == RBK_TYPE_UNKNOWN) {
        report_sides(typer, expr);
        return unknown();
    }
    if (expr->left->typing.type == RBK_TYPE_SCALAR) {
        rbk_type_read_as(expr->left, RBK_TYPE_NUMBER);
    }
    if (expr->right->typing.type == RBK_TYPE_SCALAR) {
        rbk_type_read_as(expr->right, RBK_TYPE_NUMBER);
    }
    if (!product && type == RBK_TYPE_NUMBER) {
        rbk_type_read_as(expr->left, RBK_TYPE_NUMBER);
        rbk_type_read_as(expr->right, RBK_TYPE_NUMBER);
    }
    return rbk_typing_make(type);
}

static struct rbk_tree_typing type_binary(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    rbk_type_expr(typer, expr->left);
    rbk_type_expr(typer, expr->right);
    switch ((enum rbk_operator)expr->op) {
    case RBK_OPERATOR_OR:
    case RBK_OPERATOR_AND:
        rbk_type_condition(typer, expr->left);
        rbk_type_condition(typer, expr->right);
        return rbk_typing_make(RBK_TYPE_BOOL);
    case RBK_OPERATOR_EQUAL:
    case RBK_OPERATOR_NOT_EQUAL:
    case RBK_OPERATOR_LESS:
    case RBK_OPERATOR_GREATER:
    case RBK_OPERATOR_LESS_EQUAL:
    case RBK_OPERATOR_GREATER_EQUAL:
        return type_comparison(typer, expr);
    case RBK_OPERATOR_COALESCE:
        return unify(typer, expr, RBK_TYPE_INT);
    case RBK_OPERATOR_ADD:
    case RBK_OPERATOR_SUBTRACT:
    case RBK_OPERATOR_MULTIPLY:
    case RBK_OPERATOR_DIVIDE:
        return type_arithmetic(typer, expr);
    case RBK_OPERATOR_KINDS:
        break;
    }
    RBK_UNREACHABLE();
}

/* ---- the other kinds ------------------------------------------------------------------------- */

static struct rbk_tree_typing type_negate(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    struct rbk_tree_typing typing = rbk_type_expr(typer, expr->left);
    if (typing.type == RBK_TYPE_SCALAR) {
        rbk_type_read_as(expr->left, RBK_TYPE_NUMBER);
        return rbk_typing_make(RBK_TYPE_NUMBER);
    }
    if (typing.type == RBK_TYPE_UNKNOWN || rbk_type_is_quantity(typing.type)) {
        return typing;
    }
    rbk_type_error(typer, expr, "`-` before %.*s", RBK_STR_ARG(rbk_type_a(typer, typing)));
    return unknown();
}

/* The result of `left as UNIT`, left being typed. */
static struct rbk_tree_typing type_as_unit(const struct rbk_typer *typer,
                                           struct rbk_tree_expr *expr, enum rbk_type quantity)
{
    unsigned type = expr->left->typing.type;
    if (type == quantity) {
        return rbk_typing_make(RBK_TYPE_NUMBER);
    }
    if (type == RBK_TYPE_SCALAR || type == RBK_TYPE_TEXT || is_number(type)) {
        rbk_type_read_as(expr->left, RBK_TYPE_NUMBER);
        return rbk_typing_make(quantity);
    }
    rbk_type_error(typer, expr, "%.*s cannot be given in `%.*s`",
                   RBK_STR_ARG(rbk_type_a(typer, expr->left->typing)),
                   RBK_STR_ARG(expr->name->name->text));
    return unknown();
}

static struct rbk_tree_typing type_as(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    struct rbk_tree_typing left = rbk_type_expr(typer, expr->left);
    enum rbk_unit unit;
    enum rbk_type type;
    if (!rbk_as_word(expr->name->name->text, &unit, &type)) {
        struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
            &typer->analysis->compile->diagnostics, 130,
            rbk_analysis_place(typer->analysis, expr->name->span), "unknown unit or type `%.*s`",
            RBK_STR_ARG(expr->name->name->text));
        rbk_diagnostic_help(diagnostic, "After `as` stands a unit (`ms`, `seconds`, `minutes`, "
                                        "`hours`, `days`, `bytes`, `KiB`, `MiB`, `GiB`, `TiB`) "
                                        "or a type (`int`, `number`, `text`, `bool`, `ratio`, …).");
        return unknown();
    }
    if (left.type == RBK_TYPE_UNKNOWN) {
        return rbk_typing_make(unit == RBK_UNIT_COUNT ? type : RBK_TYPE_UNKNOWN);
    }
    if (unit != RBK_UNIT_COUNT) {
        return type_as_unit(typer, expr, type);
    }
    bool readable = left.type == RBK_TYPE_SCALAR || left.type == RBK_TYPE_TEXT ||
                    left.type == RBK_TYPE_JSON || is_number(left.type);
    bool printable =
        type == RBK_TYPE_TEXT && left.type != RBK_TYPE_SECRET && left.type != RBK_TYPING_CONNECTION;
    if (left.type == type || readable || printable) {
        return rbk_typing_make(type);
    }
    struct rbk_diagnostic *diagnostic =
        rbk_type_error(typer, expr, "%.*s cannot be read as %.*s",
                       RBK_STR_ARG(rbk_type_a(typer, left)), RBK_STR_ARG(expr->name->name->text));
    if (left.type == RBK_TYPE_DURATION || left.type == RBK_TYPE_BYTES) {
        rbk_diagnostic_help(diagnostic, "Say the unit to count in, as in `… as %s`.",
                            left.type == RBK_TYPE_DURATION ? "seconds" : "MiB");
    }
    return unknown();
}

static struct rbk_tree_typing type_string(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    if (!expr->has_parts) {
        return rbk_typing_make(RBK_TYPE_TEXT);
    }
    bool secret = false;
    for (struct rbk_tree_expr *part = expr->parts; part; part = part->next) {
        struct rbk_tree_typing typing = rbk_type_expr(typer, part);
        secret |= typing.type == RBK_TYPE_SECRET;
        if (typing.type == RBK_TYPING_CONNECTION) {
            rbk_diagnostic_help(rbk_type_error(typer, part, "a connection has no text"),
                                "Hand it to a command with `using`.");
        }
    }
    return rbk_typing_make(secret ? RBK_TYPE_SECRET : RBK_TYPE_TEXT);
}

static struct rbk_tree_typing type_list(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    const struct rbk_tree_expr *first = NULL;
    unsigned element = RBK_TYPE_UNKNOWN;
    for (struct rbk_tree_expr *item = expr->items; item; item = item->next) {
        unsigned type = rbk_type_expr(typer, item).type;
        if (type == RBK_TYPE_UNKNOWN) {
            continue;
        }
        if (type == RBK_TYPE_LIST || type == RBK_TYPING_CONNECTION) {
            rbk_type_error(typer, item, "%.*s in a list",
                           RBK_STR_ARG(rbk_type_a(typer, item->typing)));
        } else if (element == RBK_TYPE_UNKNOWN) {
            element = type;
            first = item;
        } else if (is_number(element) && is_number(type)) {
            element = element == type ? element : RBK_TYPE_NUMBER;
        } else if (element != type && (element == RBK_TYPE_SECRET || type == RBK_TYPE_SECRET)) {
            element = RBK_TYPE_SECRET; /* The words of a command; checked where it is used. */
        } else if (element != type) {
            bool words = !rbk_type_has_unit(element) && !rbk_type_has_unit(type);
            if (words && (element == RBK_TYPE_SCALAR || type == RBK_TYPE_SCALAR)) {
                element = element == RBK_TYPE_SCALAR ? type : element;
                continue;
            }
            rbk_diagnostic_label(rbk_type_error(typer, item, "%.*s in a list of %s",
                                                RBK_STR_ARG(rbk_type_a(typer, item->typing)),
                                                rbk_type_name((enum rbk_type)element)),
                                 rbk_analysis_place(typer->analysis, first->span), "%s",
                                 rbk_type_name((enum rbk_type)element));
        }
    }
    for (struct rbk_tree_expr *item = expr->items; item; item = item->next) {
        if ((item->typing.type == RBK_TYPE_INT && element == RBK_TYPE_NUMBER) ||
            item->typing.type == RBK_TYPE_SCALAR) {
            rbk_type_read_as(item, element);
        }
    }
    return rbk_typing_list(element);
}

/* Whether a name may be used in the place at hand; a message if not. */
static bool check_place(struct rbk_typer *typer, const struct rbk_tree_expr *expr,
                        const struct rbk_declaration *declaration)
{
    const char *words = declaration->kind == RBK_DECLARATION_CORE
                            ? "value of the run"
                            : rbk_declaration_words((enum rbk_declaration_kind)declaration->kind);
    if (declaration->kind == RBK_DECLARATION_PROBE) {
        typer->has_probe = true;
    }
    if (typer->place == RBK_PLACE_PARAM && declaration->kind != RBK_DECLARATION_PARAM &&
        declaration->kind != RBK_DECLARATION_SECRET) {
        rbk_diagnostic_help(
            rbk_type_error(typer, expr, "%s %s is not known before the run", RBK_A(words)),
            "Only params and constants are known before the run starts.");
        return false;
    }
    if (typer->place == RBK_PLACE_PROBE && declaration->kind == RBK_DECLARATION_PROBE) {
        rbk_diagnostic_help(rbk_type_error(typer, expr, "a probe that reads another probe"),
                            "Put both into the condition of the trigger or check instead.");
        return false;
    }
    return true;
}

static struct rbk_tree_typing type_reference(struct rbk_typer *typer,
                                             const struct rbk_tree_expr *expr)
{
    const struct rbk_declaration *declaration = expr->ref;
    if (!declaration || !check_place(typer, expr, declaration)) {
        return unknown();
    }
    return declaration->typing;
}

static void type_kind(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_POISON:
    case RBK_EXPR_KINDS:
        expr->typing = unknown();
        break;
    case RBK_EXPR_NAME:
    case RBK_EXPR_MEMBER:
        expr->typing = type_reference(typer, expr);
        break;
    case RBK_EXPR_BOOL:
        expr->typing = rbk_typing_make(RBK_TYPE_BOOL);
        break;
    case RBK_EXPR_STRING:
        expr->typing = type_string(typer, expr);
        break;
    case RBK_EXPR_TEXT:
        expr->typing = rbk_typing_make(RBK_TYPE_TEXT);
        break;
    case RBK_EXPR_INT:
        expr->typing = rbk_typing_make(RBK_TYPE_INT);
        break;
    case RBK_EXPR_NUMBER:
        expr->typing = rbk_typing_make(RBK_TYPE_NUMBER);
        break;
    case RBK_EXPR_RATIO:
        expr->typing = rbk_typing_make(RBK_TYPE_RATIO);
        break;
    case RBK_EXPR_DURATION:
        expr->typing = rbk_typing_make(RBK_TYPE_DURATION);
        break;
    case RBK_EXPR_BYTES:
        expr->typing = rbk_typing_make(RBK_TYPE_BYTES);
        break;
    case RBK_EXPR_CALL:
        expr->typing = rbk_type_call(typer, expr);
        break;
    case RBK_EXPR_LIST:
        expr->typing = type_list(typer, expr);
        break;
    case RBK_EXPR_FILE:
        rbk_type_expr(typer, expr->left);
        rbk_type_constant(typer, expr->left, "the name of a file");
        expr->typing = rbk_typing_make(RBK_TYPE_TEXT);
        break;
    case RBK_EXPR_NOT:
        rbk_type_expr(typer, expr->left);
        rbk_type_condition(typer, expr->left);
        expr->typing = rbk_typing_make(RBK_TYPE_BOOL);
        break;
    case RBK_EXPR_NEGATE:
        expr->typing = type_negate(typer, expr);
        break;
    case RBK_EXPR_AS:
        expr->typing = type_as(typer, expr);
        break;
    case RBK_EXPR_BINARY:
        expr->typing = type_binary(typer, expr);
        break;
    }
}

struct rbk_tree_typing rbk_type_expr(struct rbk_typer *typer, struct rbk_tree_expr *expr)
{
    if (!expr) {
        return unknown();
    }
    bool operand = typer->in_arithmetic;
    bool arithmetic = rbk_type_is_arithmetic(expr);
    typer->in_arithmetic = arithmetic;
    type_kind(typer, expr);
    typer->in_arithmetic = operand;
    if (arithmetic && !operand && !rbk_type_arithmetic(typer, expr)) {
        expr->typing = unknown();
    }
    return expr->typing;
}
