/*
 * Walking and reading an analysed program: what lowering and the rules ask of the tree.
 */
#include "compiler/program.h"

#include "runtime/core/base/assert.h"

struct rbk_tree_expr *rbk_call_value(const struct rbk_tree_expr *call, uint32_t index)
{
    for (const struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        if (at->index == index) {
            return at->value;
        }
    }
    const struct rbk_tree_parameter *parameter = rbk_call_parameters(call);
    for (uint32_t i = 0; parameter && i < index; i++) {
        parameter = parameter->next;
    }
    return parameter ? parameter->value : NULL;
}

struct rbk_tree_parameter *rbk_call_parameters(const struct rbk_tree_expr *call)
{
    const struct rbk_declaration *callee = call->ref;
    if (!callee || !callee->statement) {
        return NULL;
    }
    return callee->statement->parameters;
}

bool rbk_statement_is_http_read(const struct rbk_tree_statement *statement)
{
    return statement->kind == RBK_STATEMENT_HTTP &&
           (rbk_str_is(statement->name->name->text, "GET") ||
            rbk_str_is(statement->name->name->text, "HEAD"));
}

bool rbk_statement_is_effect(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_REDIS:
    case RBK_STATEMENT_DO:
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_RESTORE:
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_UNDO:
        return true;
    case RBK_STATEMENT_HTTP:
        return !rbk_statement_is_http_read(statement);
    default:
        return false;
    }
}

const struct rbk_tree_expr *rbk_expr_inside(const struct rbk_tree_expr *expr,
                                            const struct rbk_tree_expr *inner)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_BINARY:
        return !inner ? expr->left : inner == expr->left ? expr->right : NULL;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
    case RBK_EXPR_FILE:
        return !inner ? expr->left : NULL;
    case RBK_EXPR_STRING:
        if (!expr->has_parts) {
            return NULL;
        }
        return inner ? inner->next : expr->parts;
    case RBK_EXPR_LIST:
        return inner ? inner->next : expr->items;
    default:
        return NULL;
    }
}

/* The else-block of an `if`; other kinds keep something else in its place. */
static const struct rbk_tree_block *else_block(const struct rbk_tree_statement *statement)
{
    return statement->kind == RBK_STATEMENT_IF ? statement->else_block : NULL;
}

struct rbk_tree_statement *rbk_statement_next(const struct rbk_tree_statement *root,
                                              struct rbk_tree_statement *statement)
{
    if (statement->block && statement->block->first) {
        return statement->block->first;
    }
    if (else_block(statement) && else_block(statement)->first) {
        return else_block(statement)->first;
    }
    while (statement != root) {
        if (statement->next) {
            return statement->next;
        }
        struct rbk_tree_statement *parent = statement->parent;
        RBK_ASSERT(parent);
        const struct rbk_tree_block *other = else_block(parent);
        if (other && other->first && other->last != statement) {
            return other->first;
        }
        statement = parent;
    }
    return NULL;
}

/* ---- head and stages ------------------------------------------------------------------------- */

static bool is_stage(const struct rbk_tree_statement *statement)
{
    return statement->kind == RBK_STATEMENT_STAGE || statement->kind == RBK_STATEMENT_RETIRE;
}

/* @statement or the first one behind it that is a stage, or is not. */
static struct rbk_tree_statement *seek(struct rbk_tree_statement *statement, bool stage)
{
    while (statement && is_stage(statement) != stage) {
        statement = statement->next;
    }
    return statement;
}

struct rbk_tree_statement *rbk_head_first(const struct rbk_tree_statement *plan)
{
    return seek(plan->block->first, false);
}

struct rbk_tree_statement *rbk_head_next(const struct rbk_tree_statement *statement)
{
    return seek(statement->next, false);
}

struct rbk_tree_statement *rbk_stage_first(const struct rbk_tree_statement *plan)
{
    return seek(plan->block->first, true);
}

struct rbk_tree_statement *rbk_stage_next(const struct rbk_tree_statement *statement)
{
    return seek(statement->next, true);
}
