/*
 * The plan as written, for messages: one line, one spelling.
 *
 * Printed from the tree and not copied from the source, so that layout, comments and `rbkc fmt`
 * change nothing in a machine. Literals keep the spelling they were given (`90m` stays `90m`). Long
 * texts are cut: a person wants to recognise a step, not to read a script.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/utf8.h"

#define TEXT_BYTES_MAX ((size_t)240)
#define LITERAL_BYTES_MAX ((size_t)160)
#define DEPTH_MAX 24u

struct printer {
    struct rbk_lower *lower;
    struct rbk_buffer out;
    unsigned depth;
};

/* Cut after whole characters. */
static struct rbk_str cut(struct rbk_str text, size_t bytes_max)
{
    if (text.bytes <= bytes_max) {
        return text;
    }
    size_t bytes = bytes_max;
    while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xC0u) == 0x80u) {
        bytes--;
    }
    return (struct rbk_str){text.data, bytes};
}

static void put(struct printer *printer, const char *text)
{
    (void)rbk_buffer_append_text(&printer->out, text);
}

/* The first line of a text, each run of blanks as one. @return false when it was cut: then nothing
 * more of the string is to be shown. */
static bool put_flat(struct printer *printer, struct rbk_str text)
{
    size_t end = rbk_str_find(text, '\n');
    bool more = rbk_str_trim(rbk_str_slice(text, end, text.bytes)).bytes > 0;
    struct rbk_str line = rbk_str_slice(text, 0, end);
    struct rbk_str kept = cut(line, LITERAL_BYTES_MAX);
    bool blank = false;
    for (size_t i = 0; i < kept.bytes; i++) {
        char byte = kept.data[i];
        bool is_blank = byte == ' ' || byte == '\t' || byte == '\r';
        if (!is_blank) {
            (void)rbk_buffer_append_byte(&printer->out, byte);
        } else if (!blank) {
            (void)rbk_buffer_append_byte(&printer->out, ' ');
        }
        blank = is_blank;
    }
    more = more || kept.bytes < line.bytes;
    put(printer, more ? " …" : "");
    return !more;
}

static void put_expr(struct printer *printer, const struct rbk_tree_expr *expr);

static bool is_literal(const struct rbk_tree_expr *expr)
{
    return (expr->kind == RBK_EXPR_STRING && !expr->has_parts) || expr->kind == RBK_EXPR_BOOL ||
           expr->kind == RBK_EXPR_INT || expr->kind == RBK_EXPR_NUMBER ||
           expr->kind == RBK_EXPR_RATIO || expr->kind == RBK_EXPR_DURATION ||
           expr->kind == RBK_EXPR_BYTES;
}

static void put_value(struct printer *printer, const struct rbk_tree_expr *expr);

/* The inside of a string. @return false when it was cut. */
static bool put_parts(struct printer *printer, const struct rbk_tree_expr *expr)
{
    if (!expr->has_parts) {
        return put_flat(printer, expr->text);
    }
    size_t start = printer->out.bytes;
    for (const struct rbk_tree_expr *part = expr->parts; part != NULL; part = part->next) {
        if (printer->out.bytes - start > LITERAL_BYTES_MAX) {
            put(printer, "…");
            return false;
        }
        if (part->kind != RBK_EXPR_TEXT) {
            put_value(printer, part);
        } else if (!put_flat(printer, part->text)) {
            return false;
        }
    }
    return true;
}

/* A value inside a text. What a parameter or loop variable stands for is shown in its place:
 * `kubectl scale deployment/shop`, not `deployment/${deployment}`. */
static void put_value(struct printer *printer, const struct rbk_tree_expr *expr)
{
    struct rbk_lower *lower = printer->lower;
    const struct rbk_source *outer = lower->source;
    const struct rbk_source *source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &source);
    bool bare = inner != expr && is_literal(inner);
    lower->source = source;
    if (++printer->depth > DEPTH_MAX) {
        put(printer, "…");
    } else if (inner->kind == RBK_EXPR_STRING) {
        (void)put_parts(printer, inner);
    } else {
        put(printer, bare ? "" : "${");
        put_expr(printer, inner);
        put(printer, bare ? "" : "}");
    }
    printer->depth--;
    lower->source = outer;
}

/* In its quotes, on one line. */
static void put_string(struct printer *printer, const struct rbk_tree_expr *expr)
{
    bool raw = expr->quote == RBK_QUOTE_SINGLE || expr->quote == RBK_QUOTE_TRIPLE_SINGLE;
    put(printer, raw ? "'" : "\"");
    (void)put_parts(printer, expr);
    put(printer, raw ? "'" : "\"");
}

static void put_arguments(struct printer *printer, const struct rbk_tree_argument *arguments)
{
    for (const struct rbk_tree_argument *a = arguments; a != NULL; a = a->next) {
        put(printer, a == arguments ? "" : ", ");
        if (a->name != NULL) {
            (void)rbk_buffer_append_str(&printer->out, a->name->name->text);
            put(printer, ": ");
        }
        put_expr(printer, a->value);
    }
}

static unsigned strength(const struct rbk_tree_expr *expr)
{
    if (expr->kind == RBK_EXPR_NOT) {
        return 3;
    }
    if (expr->kind != RBK_EXPR_BINARY) {
        return 9;
    }
    switch ((enum rbk_operator)expr->op) {
    case RBK_OPERATOR_OR:
        return 1;
    case RBK_OPERATOR_AND:
        return 2;
    case RBK_OPERATOR_COALESCE:
        return 5;
    case RBK_OPERATOR_ADD:
    case RBK_OPERATOR_SUBTRACT:
        return 6;
    case RBK_OPERATOR_MULTIPLY:
    case RBK_OPERATOR_DIVIDE:
        return 7;
    default:
        return 4;
    }
}

static void put_operand(struct printer *printer, const struct rbk_tree_expr *expr, unsigned least)
{
    bool wrapped = strength(expr) < least;
    put(printer, wrapped ? "(" : "");
    put_expr(printer, expr);
    put(printer, wrapped ? ")" : "");
}

/* A name; what a parameter or loop variable stands for is shown in its place. */
static void put_name(struct printer *printer, const struct rbk_tree_expr *expr)
{
    struct rbk_lower *lower = printer->lower;
    const struct rbk_source *outer = lower->source;
    const struct rbk_source *source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &source);
    if (inner == expr) {
        (void)rbk_buffer_append_str(&printer->out, expr->name->name->text);
        return;
    }
    bool wrapped = inner->kind == RBK_EXPR_BINARY || inner->kind == RBK_EXPR_NOT;
    lower->source = source;
    put(printer, wrapped ? "(" : "");
    put_expr(printer, inner);
    put(printer, wrapped ? ")" : "");
    lower->source = outer;
}

static void put_expr(struct printer *printer, const struct rbk_tree_expr *expr)
{
    if (++printer->depth > DEPTH_MAX || printer->out.bytes > TEXT_BYTES_MAX) {
        put(printer, "…");
        printer->depth--;
        return;
    }
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        put_name(printer, expr);
        break;
    case RBK_EXPR_STRING:
        put_string(printer, expr);
        break;
    case RBK_EXPR_MEMBER:
        put_operand(printer, expr->left, 9);
        put(printer, ".");
        (void)rbk_buffer_append_str(&printer->out, expr->name->name->text);
        break;
    case RBK_EXPR_CALL:
        put_operand(printer, expr->left, 9);
        put(printer, "(");
        put_arguments(printer, expr->arguments);
        put(printer, ")");
        break;
    case RBK_EXPR_LIST:
        put(printer, "[");
        for (const struct rbk_tree_expr *item = expr->items; item != NULL; item = item->next) {
            put(printer, item == expr->items ? "" : ", ");
            put_expr(printer, item);
        }
        put(printer, "]");
        break;
    case RBK_EXPR_FILE:
        put(printer, "file ");
        put_expr(printer, expr->left);
        break;
    case RBK_EXPR_NOT:
        put(printer, "not ");
        put_operand(printer, expr->left, 3);
        break;
    case RBK_EXPR_NEGATE:
        put(printer, "-");
        put_operand(printer, expr->left, 8);
        break;
    case RBK_EXPR_AS:
        put_operand(printer, expr->left, 8);
        put(printer, " as ");
        (void)rbk_buffer_append_str(&printer->out, expr->name->name->text);
        break;
    case RBK_EXPR_BINARY:
        put_operand(printer, expr->left, strength(expr));
        put(printer, " ");
        put(printer, rbk_operator_spelling((enum rbk_operator)expr->op));
        put(printer, " ");
        put_operand(printer, expr->right, strength(expr) + 1);
        break;
    case RBK_EXPR_BOOL:
        put(printer, expr->number != 0 ? "true" : "false");
        break;
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES: {
        /* Parentheses around a literal are part of its span. */
        struct rbk_str text = rbk_source_text(printer->lower->source, expr->span);
        while (text.bytes > 0 && (text.data[0] == '(' || text.data[0] == ' ')) {
            text = rbk_str_slice(text, 1, text.bytes);
        }
        size_t bytes = 0;
        while (bytes < text.bytes && text.data[bytes] != ')' && text.data[bytes] != ' ' &&
               text.data[bytes] != '\n') {
            bytes++;
        }
        (void)rbk_buffer_append_str(&printer->out, rbk_str_slice(text, 0, bytes));
        break;
    }
    case RBK_EXPR_TEXT:
    case RBK_EXPR_POISON:
    case RBK_EXPR_KINDS:
        break;
    }
    printer->depth--;
}

static void printer_init(struct printer *printer, struct rbk_lower *lower)
{
    *printer = (struct printer){.lower = lower};
    rbk_buffer_init(&printer->out, (size_t)1 << 16);
}

static struct rbk_str printer_take(struct printer *printer)
{
    struct rbk_str text = rbk_buffer_str(&printer->out);
    struct rbk_str kept = cut(text, TEXT_BYTES_MAX);
    struct rbk_str result = rbk_arena_printf(printer->lower->builder.arena, "%.*s%s",
                                             RBK_STR_ARG(kept), kept.bytes < text.bytes ? "…" : "");
    rbk_buffer_fini(&printer->out);
    return result;
}

struct rbk_str rbk_lower_expr_text(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct printer printer;
    printer_init(&printer, lower);
    put_expr(&printer, expr);
    return printer_take(&printer);
}

static void put_names(struct printer *printer, const struct rbk_tree_name *names)
{
    for (const struct rbk_tree_name *name = names; name != NULL; name = name->next) {
        put(printer, name == names ? " " : ", ");
        if (name->seats_start) {
            (void)rbk_buffer_printf(&printer->out, "%u of ", name->quorum);
        }
        (void)rbk_buffer_append_str(&printer->out, name->name->text);
    }
}

/* Kinds whose text comes before their value, and those whose roles come after `by`. */
static void put_head(struct printer *printer, const struct rbk_tree_statement *statement)
{
    bool by_roles =
        statement->kind == RBK_STATEMENT_ATTEST || statement->kind == RBK_STATEMENT_MANUAL;
    if (statement->name != NULL) {
        put(printer, " ");
        (void)rbk_buffer_append_str(&printer->out, statement->name->name->text);
    }
    if (statement->names != NULL && !by_roles) {
        put_names(printer, statement->names);
    }
    if (statement->kind == RBK_STATEMENT_LET) {
        put(printer, " =");
    } else if (statement->kind == RBK_STATEMENT_FOREACH) {
        put(printer, " in");
    }
    bool reason = statement->kind == RBK_STATEMENT_WAIT || statement->kind == RBK_STATEMENT_NOTHING;
    if (statement->text != NULL && !reason) {
        put(printer, " ");
        put_expr(printer, statement->text);
    }
    if (statement->kind == RBK_STATEMENT_CAPTURE_RUN) {
        put(printer, " run");
    }
    if (statement->value != NULL) {
        put(printer, " ");
        put_expr(printer, statement->value);
    }
    if (statement->text != NULL && reason) {
        put(printer, " because ");
        put_expr(printer, statement->text);
    }
    if (by_roles) {
        put(printer, " by");
        put_names(printer, statement->names);
    }
}

struct rbk_str rbk_lower_statement_text(struct rbk_lower *lower,
                                        const struct rbk_tree_statement *statement)
{
    struct printer printer;
    printer_init(&printer, lower);
    put(&printer, statement->kind == RBK_STATEMENT_CAPTURE_RUN
                      ? "capture"
                      : rbk_statement_words((enum rbk_statement_kind)statement->kind));
    put_head(&printer, statement);
    return printer_take(&printer);
}
