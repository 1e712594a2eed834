/*
 * Expressions: from the tree to stack code.
 *
 * The code of an expression is pushed onto the builder's open codes; rbk_lower_open() and
 * rbk_lower_close() make it a row. Names of parameters and loop variables are written out as what
 * they stand for. A literal list becomes a constant, so that its length costs no stack.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/expr_ops.h"

#include <string.h>

/* Operands of one CONCAT or LIST; longer rows of texts are joined piecewise. */
#define OPERANDS_MAX 64u
/* Readings of one expression. */
#define READS_MAX 256u
/* Code of one expression once everything is written out. */
#define EXPRESSION_CODES_MAX 200000u

static void push(struct rbk_lower *lower, enum rbk_op op, uint32_t operand)
{
    rbk_builder_push_code(&lower->builder, op, operand);
}

static void push_constant(struct rbk_lower *lower, struct rbk_value value)
{
    push(lower, RBK_OP_CONST, rbk_builder_constant(&lower->builder, value));
}

void rbk_lower_open(struct rbk_lower *lower, struct rbk_expr_open *open)
{
    open->code_mark = lower->builder.open_code_count;
    open->saved_read_base = lower->read_base;
    open->saved_secret = lower->saw_secret;
    lower->saw_secret = false;
    if (!lower->in_reading) {
        lower->read_base = lower->builder.open_read_count;
    }
}

/* What a checked machine may not exceed. */
static void check_sizes(struct rbk_lower *lower, uint32_t code_mark)
{
    const struct rbk_builder *builder = &lower->builder;
    size_t depth = 0;
    size_t depth_max = 0;
    for (uint32_t i = code_mark; i < builder->open_code_count; i++) {
        depth -= rbk_op_takes(builder->open_codes[i]);
        depth++;
        depth_max = depth > depth_max ? depth : depth_max;
    }
    if (depth_max > RBK_STACK_MAX) {
        rbk_lower_stop(lower, rbk_span_make(0, 0),
                       "an expression is nested too deeply once it is written out");
    }
    if (builder->open_read_count - lower->read_base > READS_MAX) {
        rbk_lower_stop(lower, rbk_span_make(0, 0), "more than 256 readings in one expression");
    }
}

uint32_t rbk_lower_close(struct rbk_lower *lower, const struct rbk_expr_open *open,
                         enum rbk_type type, struct rbk_str text)
{
    struct rbk_expr row = {.type = type, .text = text};
    check_sizes(lower, open->code_mark);
    row.code = rbk_builder_close_codes(&lower->builder, open->code_mark);
    if (lower->in_reading) {
        row.reads = (struct rbk_slice){0, 0};
    } else {
        row.reads = rbk_builder_close_reads(&lower->builder, lower->read_base);
    }
    lower->read_base = open->saved_read_base;
    lower->saw_secret = lower->saw_secret || open->saved_secret;
    return rbk_build_expr(&lower->builder, row);
}

uint32_t rbk_lower_expr(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_expr_open open;
    struct rbk_str text = rbk_lower_expr_text(lower, expr);
    const struct rbk_context *context = lower->context;
    lower->context = NULL; /* its readings are its own: they are taken when it is evaluated */
    rbk_lower_open(lower, &open);
    rbk_lower_emit(lower, expr);
    if (lower->saw_secret) {
        lower->saw_secret = false;
        rbk_lower_report_secret(lower, expr->span);
    }
    lower->context = context;
    return rbk_lower_close(lower, &open, rbk_expr_type(expr), text);
}

uint32_t rbk_lower_constant(struct rbk_lower *lower, struct rbk_value value)
{
    struct rbk_expr_open open;
    rbk_lower_open(lower, &open);
    push_constant(lower, value);
    return rbk_lower_close(lower, &open, value.type, RBK_STR(""));
}

uint32_t rbk_lower_constant_text(struct rbk_lower *lower, struct rbk_str text)
{
    return rbk_lower_constant(lower, rbk_value_text(RBK_TYPE_TEXT, text));
}

/* ---- literals -------------------------------------------------------------------------------- */

/* A literal as it is used: an int where a number is wanted is a number, a text may be a url. */
static bool literal_read(const struct rbk_tree_expr *expr, struct rbk_value *ret_value)
{
    if (!rbk_expr_literal(expr, ret_value)) {
        return false;
    }
    enum rbk_type wanted = rbk_expr_read_as(expr);
    if (wanted == RBK_TYPE_UNKNOWN || wanted == ret_value->type) {
        return true;
    }
    if (wanted == RBK_TYPE_NUMBER && ret_value->type == RBK_TYPE_INT) {
        *ret_value = rbk_value_number(RBK_TYPE_NUMBER, (double)expr->number);
        return true;
    }
    bool text = wanted == RBK_TYPE_URL || wanted == RBK_TYPE_JSON || wanted == RBK_TYPE_SCALAR;
    if (text && ret_value->type == RBK_TYPE_TEXT) {
        ret_value->type = wanted;
        return true;
    }
    return false;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static bool is_plain_text(enum rbk_type type)
{
    return type == RBK_TYPE_TEXT || type == RBK_TYPE_SECRET;
}

/* A text with values, each printed; in a url percent-encoded. */
static void emit_string(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    bool url = rbk_expr_read_as(expr) == RBK_TYPE_URL;
    bool json = rbk_expr_read_as(expr) == RBK_TYPE_JSON;
    if (json) {
        rbk_lower_emit_json(lower, expr);
    } else {
        rbk_lower_emit_joined(lower, rbk_lower_pieces(lower, expr), url);
    }
}

static void emit_name(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_declaration *declaration = expr->ref;
    switch ((enum rbk_declaration_kind)declaration->kind) {
    case RBK_DECLARATION_PARAM:
        push(lower, RBK_OP_PARAM, declaration->index);
        break;
    case RBK_DECLARATION_SECRET:
        lower->saw_secret = true;
        push(lower, RBK_OP_SECRET, declaration->index);
        break;
    case RBK_DECLARATION_PROBE:
        rbk_lower_emit_probe(lower, declaration);
        break;
    case RBK_DECLARATION_CORE:
        push(lower, RBK_OP_VARIABLE, (uint32_t)rbk_builtin_of(declaration)->is.variable);
        break;
    case RBK_DECLARATION_LET:
    case RBK_DECLARATION_INTO:
    case RBK_DECLARATION_PARAMETER:
    case RBK_DECLARATION_FOREACH: {
        const struct rbk_binding *binding = rbk_lower_binding(lower, declaration);
        if (binding == NULL) {
            rbk_lower_refuse(lower, expr->span, "a value that nothing before this has set");
        } else if (binding->kind == RBK_BINDING_EXPR) {
            const struct rbk_source *source = lower->source;
            lower->source = binding->source;
            rbk_lower_emit(lower, binding->expr);
            lower->source = source;
        } else {
            push(lower, RBK_OP_SLOT, binding->slot);
            if (binding->kind == RBK_BINDING_ITEM) {
                push_constant(lower, rbk_value_integer(RBK_TYPE_INT, binding->item));
                push(lower, RBK_OP_ITEM, 0);
            }
        }
        break;
    }
    default:
        rbk_lower_refuse(lower, expr->span, "a %s as a value",
                         rbk_declaration_words((enum rbk_declaration_kind)declaration->kind));
        push_constant(lower, rbk_value_bool(false));
        break;
    }
}

static void emit_binary(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    static const enum rbk_op ops[RBK_OPERATOR_KINDS] = {
        [RBK_OPERATOR_OR] = RBK_OP_OR,
        [RBK_OPERATOR_AND] = RBK_OP_AND,
        [RBK_OPERATOR_EQUAL] = RBK_OP_EQ,
        [RBK_OPERATOR_NOT_EQUAL] = RBK_OP_NE,
        [RBK_OPERATOR_LESS] = RBK_OP_LT,
        [RBK_OPERATOR_GREATER] = RBK_OP_GT,
        [RBK_OPERATOR_LESS_EQUAL] = RBK_OP_LE,
        [RBK_OPERATOR_GREATER_EQUAL] = RBK_OP_GE,
        [RBK_OPERATOR_COALESCE] = RBK_OP_COALESCE,
        [RBK_OPERATOR_ADD] = RBK_OP_ADD,
        [RBK_OPERATOR_SUBTRACT] = RBK_OP_SUBTRACT,
        [RBK_OPERATOR_MULTIPLY] = RBK_OP_MULTIPLY,
        [RBK_OPERATOR_DIVIDE] = RBK_OP_DIVIDE,
    };
    rbk_lower_emit(lower, expr->left);
    rbk_lower_emit(lower, expr->right);
    bool arithmetic = expr->op == RBK_OPERATOR_ADD || expr->op == RBK_OPERATOR_SUBTRACT ||
                      expr->op == RBK_OPERATOR_MULTIPLY || expr->op == RBK_OPERATOR_DIVIDE;
    push(lower, ops[expr->op], arithmetic ? expr->typing.type : 0);
}

/* `left as WORD`, see rbk_as_word(). */
static void emit_as(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    enum rbk_unit unit;
    enum rbk_type type;
    bool known = rbk_as_word(expr->name->name->text, &unit, &type);
    RBK_ASSERT(known);
    enum rbk_type from = rbk_expr_type(expr->left);
    rbk_lower_emit(lower, expr->left);
    if (unit == RBK_UNIT_COUNT) {
        push(lower, RBK_OP_READ_AS, (uint32_t)type);
    } else if (from == type) {
        push(lower, RBK_OP_PRINT_AS, (uint32_t)unit);
    } else if (from != RBK_TYPE_INT && from != RBK_TYPE_NUMBER) {
        push(lower, RBK_OP_READ_UNIT, (uint32_t)unit);
    } else {
        push_constant(lower, rbk_value_integer(type, rbk_unit_factor(unit)));
        push(lower, RBK_OP_MULTIPLY, (uint32_t)type);
    }
}

static void emit_list(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    uint32_t count = 0;
    bool literal = true;
    struct rbk_value value;
    for (const struct rbk_tree_expr *item = expr->items; item != NULL; item = item->next) {
        literal = literal && literal_read(item, &value);
        count++;
    }
    if (literal) {
        struct rbk_value *items = rbk_new_array(lower->builder.arena, struct rbk_value, count + 1);
        uint32_t i = 0;
        for (const struct rbk_tree_expr *item = expr->items; item != NULL; item = item->next) {
            (void)literal_read(item, &items[i++]);
        }
        struct rbk_value list = {.type = RBK_TYPE_LIST};
        list.as.list.items = items;
        list.as.list.count = count;
        push_constant(lower, list);
        return;
    }
    if (count > OPERANDS_MAX) {
        rbk_lower_refuse(lower, expr->span, "a list of more than %u values that are not literals",
                         OPERANDS_MAX);
        return;
    }
    for (const struct rbk_tree_expr *item = expr->items; item != NULL; item = item->next) {
        rbk_lower_emit(lower, item);
    }
    push(lower, RBK_OP_LIST, count);
}

void rbk_lower_emit(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_value value = rbk_value_bool(false);
    if (lower->stopped) {
        return;
    }
    if (lower->builder.open_code_count > EXPRESSION_CODES_MAX) {
        rbk_lower_stop(lower, expr->span, "the expression is too large once it is written out");
        return;
    }
    if (literal_read(expr, &value)) {
        push_constant(lower, value);
        return;
    }
    enum rbk_type wanted = rbk_expr_read_as(expr);
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_STRING:
        if (expr->has_parts) {
            emit_string(lower, expr);
            /* Joined text of a url or of JSON is one already. */
            if (wanted == RBK_TYPE_TEXT) {
                return;
            }
            break;
        }
        push_constant(lower, rbk_value_text(RBK_TYPE_TEXT, expr->text));
        break;
    case RBK_EXPR_NAME:
    case RBK_EXPR_MEMBER:
        emit_name(lower, expr);
        break;
    case RBK_EXPR_CALL:
        rbk_lower_emit_call(lower, expr);
        break;
    case RBK_EXPR_LIST:
        emit_list(lower, expr);
        break;
    case RBK_EXPR_NOT:
        rbk_lower_emit(lower, expr->left);
        push(lower, RBK_OP_NOT, 0);
        break;
    case RBK_EXPR_NEGATE:
        rbk_lower_emit(lower, expr->left);
        push(lower, RBK_OP_NEGATE, 0);
        break;
    case RBK_EXPR_AS:
        emit_as(lower, expr);
        break;
    case RBK_EXPR_BINARY:
        emit_binary(lower, expr);
        break;
    default:
        (void)rbk_expr_literal(expr, &value);
        push_constant(lower, value);
        break;
    }
    if (wanted != RBK_TYPE_UNKNOWN && wanted != (enum rbk_type)expr->typing.type) {
        push(lower, RBK_OP_READ_AS, (uint32_t)wanted);
    }
}

/* ---- joined text ----------------------------------------------------------------------------- */

/* Keep the number of values on the stack small while a long text is put together. */
struct joining {
    uint32_t pending; /* values on the stack since the last CONCAT */
};

static void joined_one(struct rbk_lower *lower, struct joining *joining)
{
    if (++joining->pending == OPERANDS_MAX) {
        push(lower, RBK_OP_CONCAT, joining->pending);
        joining->pending = 1;
    }
}

static void join_end(struct rbk_lower *lower, const struct joining *joining)
{
    if (joining->pending == 0) {
        push_constant(lower, rbk_value_text(RBK_TYPE_TEXT, RBK_STR("")));
    } else if (joining->pending > 1) {
        push(lower, RBK_OP_CONCAT, joining->pending);
    }
}

/* The type a value of a text has when it is joined: that of what a parameter stands for decides
 * whether it is a url or a secret already. */
static enum rbk_type piece_type(const struct rbk_lower *lower, const struct rbk_tree_expr *value)
{
    enum rbk_type type = rbk_expr_type(value);
    const struct rbk_tree_expr *inner = rbk_lower_resolve(lower, value, NULL);
    return inner != value && rbk_expr_type(inner) == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : type;
}

/* Whether a piece is a path: an address before it may end with a slash of its own. */
static bool begins_path(struct rbk_pieces pieces, size_t index)
{
    return index < pieces.count && pieces.items[index].value == NULL &&
           pieces.items[index].text.bytes > 0 && pieces.items[index].text.data[0] == '/';
}

void rbk_lower_emit_joined(struct rbk_lower *lower, struct rbk_pieces pieces, bool url)
{
    struct joining joining = {0};
    for (size_t i = 0; i < pieces.count; i++) {
        const struct rbk_piece *piece = &pieces.items[i];
        if (piece->value == NULL) {
            push_constant(lower, rbk_value_text(RBK_TYPE_TEXT, piece->text));
        } else {
            const struct rbk_tree_expr *value = piece->value;
            enum rbk_type type = piece_type(lower, value);
            rbk_lower_emit_value(lower, value);
            if (!is_plain_text(type)) {
                push(lower, RBK_OP_TEXT, 0);
            }
            /* A secret that begins a URL is an address; further on it is a value like others. */
            if (url && type != RBK_TYPE_URL && (type != RBK_TYPE_SECRET || i > 0)) {
                push(lower, RBK_OP_URL_ENCODE, 0);
            } else if (url && begins_path(pieces, i + 1)) {
                push(lower, RBK_OP_URL_BASE, 0);
            }
        }
        joined_one(lower, &joining);
    }
    join_end(lower, &joining);
}

void rbk_lower_emit_json(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    struct rbk_pieces pieces = rbk_lower_pieces(lower, expr);
    const bool *inside;
    size_t values;
    rbk_template_json(&lower->scratch, pieces, &inside, &values);
    struct joining joining = {0};
    size_t next = 0;
    for (size_t i = 0; i < pieces.count; i++) {
        const struct rbk_piece *piece = &pieces.items[i];
        if (piece->value == NULL) {
            push_constant(lower, rbk_value_text(RBK_TYPE_TEXT, piece->text));
        } else {
            const struct rbk_tree_expr *value = piece->value;
            rbk_lower_emit_value(lower, value);
            if (!inside[next++]) {
                push(lower, RBK_OP_JSON_VALUE, 0);
            } else {
                if (!is_plain_text(piece_type(lower, value))) {
                    push(lower, RBK_OP_TEXT, 0);
                }
                push(lower, RBK_OP_JSON_ESCAPE, 0);
            }
        }
        joined_one(lower, &joining);
    }
    join_end(lower, &joining);
}
