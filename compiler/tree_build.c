/*
 * The tree's constructors. Each copies its fields into the arena; what else they do is to keep the
 * promises of tree.h that a single node cannot keep alone: parents, depths, counts, and that a
 * statement has no clause without a meaning.
 *
 * A node that is too deep ends the parse. It is still linked into the tree, one level past the
 * limit, because the parser unwinds through it; nothing deeper is built, as the scanner is at its
 * end.
 */
#include "compiler/tree_build.h"

#include "compiler/clause.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

static unsigned depth_of(const struct rbk_tree_expr *expr)
{
    return expr ? expr->depth : 0;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* How deep the deepest part is; 0 for a leaf. */
static unsigned parts_depth(const struct rbk_tree_expr *expr)
{
    unsigned depth = depth_of(expr->left);
    if (expr->kind == RBK_EXPR_BINARY) {
        return larger(depth, depth_of(expr->right));
    }
    const struct rbk_tree_expr *item = NULL;
    if (expr->kind == RBK_EXPR_LIST) {
        item = expr->items;
    } else if (expr->kind == RBK_EXPR_STRING && expr->has_parts) {
        item = expr->parts;
    }
    for (; item; item = item->next) {
        depth = larger(depth, item->depth);
    }
    if (expr->kind == RBK_EXPR_CALL) {
        for (const struct rbk_tree_argument *argument = expr->arguments; argument;
             argument = argument->next) {
            depth = larger(depth, depth_of(argument->value));
        }
    }
    return depth;
}

struct rbk_tree_expr *rbk_tree_expr(struct rbk_parse *parse, const struct rbk_tree_expr *fields)
{
    struct rbk_tree_expr *expr = rbk_new(parse->arena, struct rbk_tree_expr);
    *expr = *fields;
    unsigned depth = parts_depth(expr) + 1;
    if (depth > RBK_EXPRESSION_DEPTH_MAX) {
        rbk_parse_stop(parse, expr->span, RBK_PARSE_LIMIT_EXPRESSION);
    }
    expr->depth = (uint16_t)(depth < UINT16_MAX ? depth : UINT16_MAX);
    return expr;
}

struct rbk_tree_expr *rbk_tree_path(struct rbk_parse *parse, struct rbk_tree_names path)
{
    struct rbk_tree_expr *expr = rbk_tree_expr(
        parse, &(struct rbk_tree_expr){
                   .kind = RBK_EXPR_NAME, .span = path.first->span, .name = path.first});
    for (struct rbk_tree_name *name = path.first->next; name; name = name->next) {
        expr = rbk_tree_expr(parse,
                             &(struct rbk_tree_expr){.kind = RBK_EXPR_MEMBER,
                                                     .span = rbk_span_join(expr->span, name->span),
                                                     .left = expr,
                                                     .name = name});
    }
    return expr;
}

static void set_parent(struct rbk_tree_block *block, struct rbk_tree_statement *parent)
{
    if (!block) {
        return;
    }
    for (struct rbk_tree_statement *child = block->first; child; child = child->next) {
        child->parent = parent;
    }
}

struct rbk_tree_statement *rbk_tree_statement(struct rbk_parse *parse,
                                              const struct rbk_tree_statement *fields)
{
    struct rbk_tree_statement *statement = rbk_new(parse->arena, struct rbk_tree_statement);
    *statement = *fields;
    set_parent(statement->block, statement);
    if (statement->kind == RBK_STATEMENT_IF) {
        set_parent(statement->else_block, statement);
    }
    if (statement->clauses) {
        rbk_clause_check(parse, statement);
    }
    return statement;
}

struct rbk_tree_clause *rbk_tree_clause(struct rbk_parse *parse,
                                        const struct rbk_tree_clause *fields)
{
    struct rbk_tree_clause *clause = rbk_new(parse->arena, struct rbk_tree_clause);
    *clause = *fields;
    return clause;
}

struct rbk_tree_reaction *rbk_tree_reaction(struct rbk_parse *parse,
                                            const struct rbk_tree_reaction *fields)
{
    struct rbk_tree_reaction *reaction = rbk_new(parse->arena, struct rbk_tree_reaction);
    *reaction = *fields;
    unsigned depth = 1;
    if (reaction->otherwise) {
        depth += reaction->otherwise->depth;
    }
    if (depth > RBK_NESTING_MAX) {
        rbk_parse_stop(parse, reaction->otherwise->span, RBK_PARSE_LIMIT_REACTION);
    }
    reaction->depth = (uint16_t)(depth < UINT16_MAX ? depth : UINT16_MAX);
    return reaction;
}

struct rbk_tree_reaction *rbk_tree_reaction_finish(enum rbk_reaction_kind kind,
                                                   struct rbk_span span,
                                                   struct rbk_tree_name *channel,
                                                   struct rbk_tree_reaction *reaction)
{
    reaction->kind = (uint8_t)kind;
    reaction->span = span;
    reaction->channel = channel;
    return reaction;
}

struct rbk_tree_name *rbk_tree_name(struct rbk_parse *parse, struct rbk_name *word,
                                    struct rbk_span span)
{
    struct rbk_tree_name *name = rbk_new(parse->arena, struct rbk_tree_name);
    name->name = word;
    name->span = span;
    return name;
}

struct rbk_tree_name *rbk_tree_seats(struct rbk_literal quorum, struct rbk_span start,
                                     struct rbk_tree_name *role)
{
    role->seats_start = start.start;
    role->quorum = quorum.number < RBK_QUORUM_MAX ? (uint32_t)quorum.number : RBK_QUORUM_MAX;
    return role;
}

struct rbk_tree_reaction *rbk_tree_reaction_four_eyes(struct rbk_tree_reaction *reaction)
{
    reaction->four_eyes = (uint8_t)(reaction->four_eyes < 2 ? reaction->four_eyes + 1 : 2);
    return reaction;
}

struct rbk_tree_type *rbk_tree_type(struct rbk_parse *parse, const struct rbk_tree_name *name,
                                    struct rbk_tree_type *element, struct rbk_span span)
{
    struct rbk_tree_type *type = rbk_new(parse->arena, struct rbk_tree_type);
    type->name = *name;
    type->element = element;
    type->span = span;
    return type;
}

struct rbk_tree_argument *rbk_tree_argument(struct rbk_parse *parse, struct rbk_tree_name *name,
                                            struct rbk_tree_expr *value)
{
    struct rbk_tree_argument *argument = rbk_new(parse->arena, struct rbk_tree_argument);
    argument->name = name;
    argument->value = value;
    return argument;
}

struct rbk_tree_parameter *rbk_tree_parameter(struct rbk_parse *parse,
                                              const struct rbk_tree_parameter *fields)
{
    struct rbk_tree_parameter *parameter = rbk_new(parse->arena, struct rbk_tree_parameter);
    *parameter = *fields;
    return parameter;
}

static void fill_block(struct rbk_tree_block *block, struct rbk_tree_statements statements,
                       struct rbk_span span)
{
    block->first = statements.first;
    block->last = statements.last;
    block->span = span;
    block->count = 0;
    for (struct rbk_tree_statement *child = block->first; child; child = child->next) {
        block->count++;
    }
}

struct rbk_tree_block *rbk_tree_block(struct rbk_parse *parse,
                                      struct rbk_tree_statements statements, struct rbk_span span)
{
    struct rbk_tree_block *block = rbk_new(parse->arena, struct rbk_tree_block);
    fill_block(block, statements, span);
    return block;
}

void rbk_tree_file_finish(struct rbk_parse *parse, struct rbk_tree_statements statements)
{
    fill_block(&parse->file->block, statements,
               rbk_span_make(0, (uint32_t)parse->source->text.bytes));
}
