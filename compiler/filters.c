/*
 * Which parameters of readings, actions and channels end in jq is found out when one with
 * parameters is called: its body is walked once, and those of what it calls. What was found is in
 * the flags of the parameters' declarations, so that a call costs a look at each of them.
 */
#include "compiler/filters.h"

#include "compiler/builtins.h"
#include "compiler/compile.h"
#include "compiler/program.h"
#include "runtime/core/base/limits.h"

/* Bits of declaration->flags of what a name in a filter's place stands for. */
enum {
    IS_FILTER = 1u << 0, /* A PARAMETER that becomes a filter; others: their text is noted. */
    IS_KNOWN = 1u << 1,  /* The first PARAMETER: the body of whose it is has been walked. */
};

static void add(struct rbk_compile *compile, const struct rbk_source *source,
                const struct rbk_tree_expr *text)
{
    const struct rbk_program *program = &compile->program;
    if (source->id < program->file_count && program->files[source->id]->is_std) {
        return;
    }
    struct rbk_filter_text *filter = rbk_new(&compile->arena, struct rbk_filter_text);
    filter->text = text->text;
    filter->place = rbk_place_make(source, text->span);
    if (compile->filters.last) {
        compile->filters.last->next = filter;
    } else {
        compile->filters.first = filter;
    }
    compile->filters.last = filter;
    compile->filters.count++;
}

static void add_text(struct rbk_compile *compile, const struct rbk_source *source,
                     const struct rbk_tree_expr *value)
{
    if (value && value->kind == RBK_EXPR_STRING && !value->has_parts) {
        add(compile, source, value);
    }
}

/* A parameter becomes a filter: so does its default. */
static void mark(struct rbk_compile *compile, struct rbk_declaration *parameter)
{
    if (!(parameter->flags & IS_FILTER)) {
        parameter->flags |= IS_FILTER;
        add_text(compile, parameter->file->source, parameter->parameter->value);
    }
}

/* What a name in a filter's place stands for, as far as it is written down. */
static void collect_name(struct rbk_compile *compile, struct rbk_declaration *named)
{
    while (named && (named->kind == RBK_DECLARATION_PARAM || named->kind == RBK_DECLARATION_LET ||
                     named->kind == RBK_DECLARATION_FOREACH)) {
        const struct rbk_tree_expr *value = named->statement->value;
        if (named->flags & IS_FILTER) {
            return;
        }
        named->flags |= IS_FILTER;
        if (value && value->kind == RBK_EXPR_LIST && named->kind == RBK_DECLARATION_FOREACH) {
            for (const struct rbk_tree_expr *item = value->items; item; item = item->next) {
                add_text(compile, named->file->source, item);
            }
            return;
        }
        add_text(compile, named->file->source, value);
        named = value && value->kind == RBK_EXPR_NAME ? value->ref : NULL;
    }
    if (named && named->kind == RBK_DECLARATION_PARAMETER) {
        mark(compile, named);
    }
}

/* ---- parameters that become filters ---------------------------------------------------------- */

static void know(struct rbk_compile *compile, const struct rbk_tree_expr *call, unsigned depth);

/* The value of a filter's place in the body of something with parameters. */
static void mark_value(struct rbk_compile *compile, const struct rbk_tree_expr *value)
{
    if (value && value->kind == RBK_EXPR_NAME && value->ref &&
        value->ref->kind == RBK_DECLARATION_PARAMETER) {
        mark(compile, value->ref);
    }
}

static bool has_declared(const struct rbk_tree_expr *call)
{
    return call->ref &&
           (call->ref->kind == RBK_DECLARATION_READING ||
            call->ref->kind == RBK_DECLARATION_ACTION ||
            call->ref->kind == RBK_DECLARATION_CHANNEL_TYPE) &&
           rbk_call_parameters(call) != NULL;
}

static const struct rbk_tree_expr *given(const struct rbk_tree_expr *call, uint32_t index)
{
    const struct rbk_tree_argument *a = call->arguments;
    while (a && a->index != index) {
        a = a->next;
    }
    return a ? a->value : NULL;
}

static void mark_call(struct rbk_compile *compile, const struct rbk_tree_expr *call, unsigned depth)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    for (uint32_t i = 0; builtin && i < builtin->parameter_count; i++) {
        if (builtin->parameters[i].takes == RBK_TAKES_FILTER) {
            mark_value(compile, given(call, i));
        }
    }
    if (!builtin && has_declared(call)) {
        uint32_t index = 0;
        know(compile, call, depth + 1);
        for (struct rbk_tree_parameter *p = rbk_call_parameters(call); p; p = p->next, index++) {
            if (p->declaration && p->declaration->flags & IS_FILTER) {
                mark_value(compile, given(call, index));
            }
        }
    }
}

/* Depth is bounded by the parser, see tree.h. */
static void mark_expr(struct rbk_compile *compile, const struct rbk_tree_expr *expr, unsigned depth)
{
    if (!expr) {
        return;
    }
    if (expr->kind == RBK_EXPR_CALL) {
        mark_call(compile, expr, depth);
        for (const struct rbk_tree_argument *a = expr->arguments; a; a = a->next) {
            mark_expr(compile, a->value, depth);
        }
    }
    for (const struct rbk_tree_expr *inner = NULL;
         (inner = rbk_expr_inside(expr, inner)) != NULL;) {
        mark_expr(compile, inner, depth);
    }
}

static void mark_statement(struct rbk_compile *compile, const struct rbk_tree_statement *statement,
                           unsigned depth)
{
    mark_expr(compile, statement->value, depth);
    mark_expr(compile, statement->text, depth);
    for (const struct rbk_tree_clause *c = statement->clauses; c; c = c->next) {
        mark_expr(compile, c->value, depth);
        if (c->kind == RBK_CLAUSE_ENV) {
            for (const struct rbk_tree_argument *a = c->arguments; a; a = a->next) {
                mark_expr(compile, a->value, depth);
            }
        }
    }
}

/* Find out which parameters of what is called become filters. What calls itself is an error told
 * elsewhere, and so is what calls too deep: there it ends. */
static void know(struct rbk_compile *compile, const struct rbk_tree_expr *call, unsigned depth)
{
    struct rbk_tree_parameter *first = rbk_call_parameters(call);
    struct rbk_tree_statement *root = call->ref->statement;
    if (!first->declaration || first->declaration->flags & IS_KNOWN ||
        depth > RBK_ACTION_DEPTH_MAX) {
        return;
    }
    first->declaration->flags |= IS_KNOWN;
    for (struct rbk_tree_statement *at = root; at; at = rbk_statement_next(root, at)) {
        mark_statement(compile, at, depth);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void collect_value(struct rbk_compile *compile, const struct rbk_source *source,
                          const struct rbk_tree_expr *value)
{
    add_text(compile, source, value);
    if (value && value->kind == RBK_EXPR_NAME) {
        collect_name(compile, value->ref);
    }
}

void rbk_filters_collect(struct rbk_compile *compile, const struct rbk_source *source,
                         const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    for (uint32_t i = 0; builtin && i < builtin->parameter_count; i++) {
        if (builtin->parameters[i].takes == RBK_TAKES_FILTER) {
            collect_value(compile, source, given(call, i));
        }
    }
    if (builtin || !has_declared(call)) {
        return;
    }
    know(compile, call, 0);
    uint32_t index = 0;
    for (struct rbk_tree_parameter *p = rbk_call_parameters(call); p; p = p->next, index++) {
        if (p->declaration && p->declaration->flags & IS_FILTER) {
            collect_value(compile, source, given(call, index));
        }
    }
}
