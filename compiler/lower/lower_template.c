/*
 * Arguments of effects and readings: texts of the plan, cut by template.h, as rows of `args`.
 *
 * Here it is decided where a secret may stand: in what reaches its receiver without being seen on
 * the way (an environment, standard input, a header, a body, an address), never in an argv, in a
 * statement or in what people read.
 */
#include "compiler/lower/lowering.h"
#include "compiler/lower/sql_file.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

static bool may_hold_secret(enum rbk_arg_kind kind)
{
    return kind == RBK_ARG_ENVIRONMENT || kind == RBK_ARG_STDIN || kind == RBK_ARG_HEADER ||
           kind == RBK_ARG_BODY || kind == RBK_ARG_JSON || kind == RBK_ARG_URL;
}

void rbk_lower_report_secret(struct rbk_lower *lower, struct rbk_span span)
{
    struct rbk_diagnostic *diagnostic =
        rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_SECRET,
                             rbk_lower_place(lower, span), "a secret would become readable here");
    (void)rbk_diagnostic_help(diagnostic, "Hand it over by `env { NAME: … }`, `stdin`, a header, a "
                                          "body, or as the address of a connection or channel.");
}

/* An argument under construction: the expression is opened here and closed by end_arg(). */
static void end_arg(struct rbk_lower *lower, const struct rbk_expr_open *open,
                    enum rbk_arg_kind kind, struct rbk_str name, enum rbk_type type,
                    struct rbk_span span)
{
    bool secret = lower->saw_secret;
    uint32_t expr = rbk_lower_close(lower, open, type, RBK_STR(""));
    lower->saw_secret = open->saved_secret;
    if (secret && !may_hold_secret(kind)) {
        rbk_lower_report_secret(lower, span);
    }
    rbk_builder_push_arg(&lower->builder, (struct rbk_arg){kind, name, expr});
}

static void push(struct rbk_lower *lower, enum rbk_op op, uint32_t operand)
{
    rbk_builder_push_code(&lower->builder, op, operand);
}

/* A value as text. */
static void emit_text(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_piece piece = {.value = expr};
    rbk_lower_emit_joined(lower, (struct rbk_pieces){&piece, 1}, false);
}

struct rbk_pieces rbk_lower_pieces(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    size_t count = 1;
    if (expr->kind == RBK_EXPR_STRING && expr->has_parts) {
        count = 0;
        for (const struct rbk_tree_expr *part = expr->parts; part != NULL; part = part->next) {
            count++;
        }
    }
    struct rbk_piece *pieces = rbk_new_array(&lower->scratch, struct rbk_piece, count + 1);
    if (expr->kind != RBK_EXPR_STRING) {
        pieces[0].value = expr;
    } else if (!expr->has_parts) {
        pieces[0].text = expr->text;
    } else {
        size_t i = 0;
        for (const struct rbk_tree_expr *part = expr->parts; part != NULL; part = part->next) {
            if (part->kind == RBK_EXPR_TEXT) {
                pieces[i++].text = part->text;
            } else {
                pieces[i++].value = part;
            }
        }
    }
    return (struct rbk_pieces){pieces, count};
}

void rbk_lower_arg_text(struct rbk_lower *lower, enum rbk_arg_kind kind, struct rbk_str name,
                        const struct rbk_tree_expr *expr)
{
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    rbk_lower_emit_joined(lower, rbk_lower_pieces(lower, expr), false);
    end_arg(lower, &open, kind, name, RBK_TYPE_TEXT, expr->span);
}

void rbk_lower_arg_constant(struct rbk_lower *lower, enum rbk_arg_kind kind, struct rbk_str text)
{
    uint32_t expr = rbk_lower_constant_text(lower, text);
    rbk_builder_push_arg(&lower->builder, (struct rbk_arg){kind, RBK_STR(""), expr});
}

void rbk_lower_arg_value(struct rbk_lower *lower, enum rbk_arg_kind kind,
                         const struct rbk_tree_expr *expr)
{
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    rbk_lower_emit_value(lower, expr);
    end_arg(lower, &open, kind, RBK_STR(""), rbk_expr_type(expr), expr->span);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_double_dash(struct rbk_pieces word)
{
    return word.count == 1 && word.items[0].value == NULL && rbk_str_is(word.items[0].text, "--");
}

/* One word. @ret_ended  Set once `--` was seen: what follows are no options. */
static void arg_word(struct rbk_lower *lower, enum rbk_arg_kind kind, struct rbk_pieces word,
                     bool dash_refused, bool *ended, struct rbk_span span)
{
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    rbk_lower_emit_joined(lower, word, false);
    if (dash_refused && !*ended && word.count > 0 && word.items[0].value != NULL) {
        push(lower, RBK_OP_NO_DASH, 0);
    }
    *ended = *ended || is_double_dash(word);
    end_arg(lower, &open, kind, RBK_STR(""), RBK_TYPE_TEXT, span);
}

void rbk_lower_arg_words(struct rbk_lower *lower, enum rbk_arg_kind kind, bool dash_refused,
                         const struct rbk_tree_expr *expr)
{
    const struct rbk_source *source = lower->source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &lower->source);
    bool ended = false;
    if (inner->kind == RBK_EXPR_STRING) {
        struct rbk_words words;
        const char *fault;
        if (rbk_template_words(&lower->scratch, rbk_lower_pieces(lower, inner), &words, &fault) <
            0) {
            (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                       rbk_lower_place(lower, inner->span), "%s", fault);
        } else {
            for (size_t i = 0; i < words.count; i++) {
                arg_word(lower, kind, words.items[i], dash_refused, &ended, inner->span);
            }
        }
    } else if (inner->kind == RBK_EXPR_LIST) {
        for (const struct rbk_tree_expr *item = inner->items; item != NULL; item = item->next) {
            if (rbk_expr_type(item) == RBK_TYPE_LIST) {
                rbk_lower_refuse(lower, item->span, "a list inside the words of a command");
            }
            arg_word(lower, kind, rbk_lower_pieces(lower, item), dash_refused, &ended, item->span);
        }
        if (inner->items == NULL) {
            (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                       rbk_lower_place(lower, inner->span),
                                       "the command has no words");
        }
    } else {
        rbk_lower_refuse(lower, expr->span, "a command whose words are only known at run time");
    }
    lower->source = source;
}

/* ---- scripts, urls, json, statements --------------------------------------------------------- */

void rbk_lower_arg_script(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_taken script;
    const char *fault;
    if (rbk_template_shell(&lower->scratch, rbk_lower_pieces(lower, expr), &script, &fault) < 0) {
        (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                   rbk_lower_place(lower, expr->span), "%s", fault);
        return;
    }
    rbk_lower_arg_constant(lower, RBK_ARG_SCRIPT, script.text);
    for (size_t i = 0; i < script.count; i++) {
        const struct rbk_tree_expr *value = script.values[i];
        struct rbk_str name = rbk_arena_printf(lower->builder.arena, "RBK_%zu", i + 1);
        struct rbk_expr_open open;
        rbk_lower_open(lower, &open);
        emit_text(lower, value);
        end_arg(lower, &open, RBK_ARG_ENVIRONMENT, name, RBK_TYPE_TEXT, value->span);
    }
}

void rbk_lower_arg_url(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_source *source = lower->source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &lower->source);
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    if (inner->kind == RBK_EXPR_STRING) {
        rbk_lower_emit_joined(lower, rbk_lower_pieces(lower, inner), true);
    } else {
        emit_text(lower, inner);
    }
    end_arg(lower, &open, RBK_ARG_URL, RBK_STR(""), RBK_TYPE_TEXT, inner->span);
    lower->source = source;
}

void rbk_lower_arg_json(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_source *source = lower->source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &lower->source);
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    if (inner->kind == RBK_EXPR_STRING) {
        rbk_lower_emit_json(lower, inner);
    } else {
        rbk_lower_emit_value(lower, inner);
        push(lower, RBK_OP_JSON_VALUE, 0);
    }
    end_arg(lower, &open, RBK_ARG_JSON, RBK_STR(""), RBK_TYPE_TEXT, inner->span);
    lower->source = source;
}

/* The text of an SQL file; empty after a diagnostic. */
static struct rbk_str sql_file(struct rbk_lower *lower, const struct rbk_tree_expr *file)
{
    struct rbk_str name = rbk_lower_literal(lower, file->left, "a file name");
    struct rbk_str text = RBK_STR("");
    const char *fault = rbk_sql_file_read(&lower->scratch, lower->source, name, &text);
    if (fault != NULL) {
        (void)rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_NAME,
                                   rbk_lower_place(lower, file->span),
                                   "the file `%.*s` cannot be used: %s", RBK_STR_ARG(name), fault);
    }
    return text;
}

void rbk_lower_arg_statement(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_source *source = lower->source;
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, expr, &lower->source);
    struct rbk_taken statement = {.count = 0};
    const char *fault = NULL;
    if (inner->kind == RBK_EXPR_FILE) {
        statement.text = sql_file(lower, inner);
    } else if (inner->kind != RBK_EXPR_STRING) {
        rbk_lower_refuse(lower, expr->span, "a statement that is only known at run time");
    } else if (rbk_template_sql(&lower->scratch, rbk_lower_pieces(lower, inner), &statement,
                                &fault) < 0) {
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(&lower->compile->diagnostics, RBK_RULE_TYPE,
                                 rbk_lower_place(lower, inner->span), "%s", fault);
        (void)rbk_diagnostic_help(diagnostic,
                                  "Put the value outside of quotes: it is sent beside the "
                                  "statement and needs none.");
    }
    rbk_lower_arg_constant(lower, RBK_ARG_STATEMENT, statement.text);
    for (size_t i = 0; i < statement.count; i++) {
        rbk_lower_arg_value(lower, RBK_ARG_BIND, statement.values[i]);
    }
    lower->source = source;
}

uint32_t rbk_lower_text(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_expr_open open;
    struct rbk_str text = rbk_lower_expr_text(lower, expr);
    rbk_lower_open(lower, &open);
    rbk_lower_emit_joined(lower, rbk_lower_pieces(lower, expr), false);
    bool secret = lower->saw_secret;
    uint32_t row = rbk_lower_close(lower, &open, RBK_TYPE_TEXT, text);
    lower->saw_secret = open.saved_secret;
    if (secret) {
        rbk_lower_report_secret(lower, expr->span);
    }
    return row;
}
