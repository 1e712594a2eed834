/*
 * A walk over all statements and their expressions; every kind of text is tried with the function
 * that lowering will use.
 */
#include "compiler/lower/template_check.h"

#include "compiler/compile.h"
#include "compiler/filters.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/shell_signs.h"
#include "compiler/lower/sql_file.h"
#include "compiler/lower/template.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"

#include <jansson.h>

struct checker {
    struct rbk_compile *compile;
    const struct rbk_source *source; /* of the file under way */
    struct rbk_arena *scratch;       /* reset after each text */
};

/* A template in the terms of template.h; values point at their expressions. */
static struct rbk_pieces pieces_of(struct checker *checker, const struct rbk_tree_expr *text)
{
    size_t count = 0;
    for (const struct rbk_tree_expr *part = text->has_parts ? text->parts : NULL; part != NULL;
         part = part->next) {
        count++;
    }
    struct rbk_piece *pieces = rbk_new_array(checker->scratch, struct rbk_piece, count + 1);
    if (!text->has_parts) {
        pieces[0].text = text->text;
        return (struct rbk_pieces){pieces, 1};
    }
    count = 0;
    for (const struct rbk_tree_expr *part = text->parts; part != NULL; part = part->next) {
        if (part->kind == RBK_EXPR_TEXT) {
            pieces[count++].text = part->text;
        } else {
            pieces[count++].value = part;
        }
    }
    return (struct rbk_pieces){pieces, count};
}

static struct rbk_diagnostic *report(struct checker *checker, unsigned rule, struct rbk_span span,
                                     const char *fault)
{
    return rbk_diagnostic_error(&checker->compile->diagnostics, rule,
                                rbk_place_make(checker->source, span), "%s", fault);
}

static void check_words(struct checker *checker, const struct rbk_tree_expr *text)
{
    struct rbk_words words;
    const char *fault;
    if (text->kind == RBK_EXPR_STRING &&
        rbk_template_words(checker->scratch, pieces_of(checker, text), &words, &fault) < 0) {
        (void)report(checker, RBK_RULE_TYPE, text->span, fault);
    }
    rbk_arena_reset(checker->scratch);
}

static void check_command(struct checker *checker, const struct rbk_tree_expr *text)
{
    check_words(checker, text);
    if (text->kind == RBK_EXPR_STRING) {
        rbk_shell_signs_check(&checker->compile->diagnostics, checker->source, text);
    }
}

/* Where a secret comes from: the command is cut into words when the run begins, and by no shell. */
static void check_secret(struct checker *checker, const struct rbk_tree_statement *secret)
{
    const struct rbk_tree_expr *from = secret->value;
    if ((enum rbk_secret_source)secret->word == RBK_SECRET_COMMAND) {
        check_command(checker, from);
    } else if (from->kind == RBK_EXPR_STRING && !from->has_parts &&
               rbk_str_trim(from->text).bytes == 0) {
        (void)report(checker, RBK_RULE_TYPE, from->span, "a secret that comes from nowhere");
    }
}

static void check_script(struct checker *checker, const struct rbk_tree_expr *text)
{
    struct rbk_taken taken;
    const char *fault;
    if (text->kind == RBK_EXPR_STRING &&
        rbk_template_shell(checker->scratch, pieces_of(checker, text), &taken, &fault) < 0) {
        (void)report(checker, RBK_RULE_TYPE, text->span, fault);
    }
    rbk_arena_reset(checker->scratch);
}

static void check_file(struct checker *checker, const struct rbk_tree_expr *file)
{
    const struct rbk_tree_expr *name = file->left;
    struct rbk_str text;
    if (name->kind != RBK_EXPR_STRING || name->has_parts) {
        return; /* reported where types are */
    }
    const char *fault = rbk_sql_file_read(checker->scratch, checker->source, name->text, &text);
    if (fault != NULL) {
        (void)rbk_diagnostic_error(&checker->compile->diagnostics, RBK_RULE_NAME,
                                   rbk_place_make(checker->source, file->span),
                                   "the file `%.*s` cannot be used: %s", RBK_STR_ARG(name->text),
                                   fault);
    }
}

static void check_statement(struct checker *checker, const struct rbk_tree_expr *text)
{
    struct rbk_taken taken;
    const char *fault;
    if (text->kind == RBK_EXPR_FILE) {
        check_file(checker, text);
    } else if (text->kind == RBK_EXPR_STRING && text->has_parts &&
               rbk_template_sql(checker->scratch, pieces_of(checker, text), &taken, &fault) < 0) {
        (void)rbk_diagnostic_help(report(checker, RBK_RULE_TYPE, text->span, fault),
                                  "Put the value outside of quotes: it is sent beside the "
                                  "statement and needs none.");
    }
    rbk_arena_reset(checker->scratch);
}

/* A body is tried with the text 0 for each value: whole outside of strings, bare inside them. */
static void check_json(struct checker *checker, const struct rbk_tree_expr *text)
{
    if (text->kind != RBK_EXPR_STRING) {
        return;
    }
    struct rbk_pieces pieces = pieces_of(checker, text);
    struct rbk_buffer body;
    json_error_t error;
    const bool *inside;
    size_t values;
    size_t value = 0;
    rbk_template_json(checker->scratch, pieces, &inside, &values);
    rbk_buffer_init(&body, RBK_TEMPLATE_BYTES_MAX);
    for (size_t i = 0; i < pieces.count; i++) {
        if (pieces.items[i].value == NULL) {
            (void)rbk_buffer_append_str(&body, pieces.items[i].text);
        } else {
            (void)rbk_buffer_append_text(&body, inside[value] ? "0" : "\"0\"");
            value++;
        }
    }
    json_t *json =
        body.bytes == 0 ? NULL : json_loadb(body.data, body.bytes, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        (void)rbk_diagnostic_error(&checker->compile->diagnostics, RBK_RULE_TYPE,
                                   rbk_place_make(checker->source, text->span),
                                   "the body is not JSON: %s",
                                   body.bytes == 0 ? "it is empty" : error.text);
    }
    json_decref(json);
    rbk_buffer_fini(&body);
    rbk_arena_reset(checker->scratch);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void check_expr(struct checker *checker, const struct rbk_tree_expr *expr);

static void check_call(struct checker *checker, const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    rbk_filters_collect(checker->compile, checker->source, call);
    for (const struct rbk_tree_argument *a = call->arguments; a != NULL; a = a->next) {
        unsigned takes = RBK_TAKES_VALUE;
        if (builtin != NULL && a->index < builtin->parameter_count) {
            takes = builtin->parameters[a->index].takes;
        }
        if (takes == RBK_TAKES_COMMAND) {
            check_command(checker, a->value);
        } else if (takes == RBK_TAKES_STATEMENT) {
            check_statement(checker, a->value);
        }
        check_expr(checker, a->value);
    }
}

/* Depth is bounded by the parser, see tree.h. */
static void check_expr(struct checker *checker, const struct rbk_tree_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    if (expr->kind == RBK_EXPR_CALL) {
        check_call(checker, expr);
    }
    for (const struct rbk_tree_expr *inner = NULL;
         (inner = rbk_expr_inside(expr, inner)) != NULL;) {
        check_expr(checker, inner);
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void check_clauses(struct checker *checker, const struct rbk_tree_statement *statement)
{
    for (const struct rbk_tree_clause *c = statement->clauses; c != NULL; c = c->next) {
        if (c->kind == RBK_CLAUSE_CANCEL) {
            check_command(checker, c->value);
        } else if (c->kind == RBK_CLAUSE_JSON) {
            check_json(checker, c->value);
        } else if (c->kind == RBK_CLAUSE_ENV) {
            for (const struct rbk_tree_argument *a = c->arguments; a != NULL; a = a->next) {
                check_expr(checker, a->value);
            }
        }
        check_expr(checker, c->value);
    }
}

static void check_step(struct checker *checker, const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_CAPTURE_RUN:
        check_command(checker, statement->value);
        break;
    case RBK_STATEMENT_REDIS:
        check_words(checker, statement->value);
        break;
    case RBK_STATEMENT_SECRET:
        check_secret(checker, statement);
        break;
    case RBK_STATEMENT_SHELL:
        check_script(checker, statement->value);
        break;
    case RBK_STATEMENT_SQL:
        check_statement(checker, statement->value);
        break;
    default:
        break;
    }
    check_expr(checker, statement->value);
    check_expr(checker, statement->text);
    check_clauses(checker, statement);
}

static void check_all(struct checker *checker, struct rbk_tree_statement *root)
{
    for (struct rbk_tree_statement *at = root; at != NULL; at = rbk_statement_next(root, at)) {
        check_step(checker, at);
    }
}

void rbk_templates_check(struct rbk_compile *compile, struct rbk_arena *scratch)
{
    struct checker checker = {.compile = compile, .scratch = scratch};
    const struct rbk_tree_statement *plan = compile->program.plan;
    for (uint32_t i = 0; i < compile->program.file_count; i++) {
        const struct rbk_tree_file *file = compile->program.files[i]->tree;
        checker.source = file->source;
        for (struct rbk_tree_statement *top = file->block.first; top != NULL; top = top->next) {
            if (top != plan) {
                check_all(&checker, top);
            }
        }
    }
    checker.source = compile->program.files[0]->tree->source;
    struct rbk_tree_statement *at = plan != NULL ? rbk_head_first(plan) : NULL;
    for (; at != NULL; at = rbk_head_next(at)) {
        check_all(&checker, at);
    }
}

void rbk_templates_check_stage(struct rbk_compile *compile, struct rbk_arena *scratch,
                               struct rbk_tree_statement *stage)
{
    struct checker checker = {
        .compile = compile, .source = compile->program.files[0]->tree->source, .scratch = scratch};
    check_all(&checker, stage);
}
