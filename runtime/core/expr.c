/*
 * Running the stack programs of expressions. One loop over the codes, a stack of fixed size, no
 * recursion; operations that take work are in expr_compare.c, expr_number.c and expr_text.c.
 *
 * A machine that was loaded has been checked (expr_check.c): its programs balance and name only
 * what is there. The loop still looks before it pops or follows an index, which costs little, so
 * that a machine made in memory by a faulty compiler ends in an error and not in another row's
 * memory. Only the number of a READ is trusted: how many readings were taken is known to the caller
 * alone.
 */
#include "runtime/core/expr.h"

#include "runtime/core/base/error.h"
#include "runtime/core/base/limits.h"
#include "runtime/core/expr_ops.h"
#include "runtime/core/machine.h"
#include "runtime/core/value_text.h"

struct evaluation {
    const struct rbk_scope *scope;
    const struct rbk_machine *machine;
    struct rbk_arena *arena;
    struct rbk_error *reterr;
    const struct rbk_expr *expr;
    size_t depth; /* of the stack */
    struct rbk_value stack[RBK_STACK_MAX];
};

static int unsound(const struct evaluation *evaluation)
{
    return rbk_error_set(evaluation->reterr, RBK_EMACHINE, "the program of \"%.*s\" is not sound",
                         RBK_STR_ARG(rbk_str_slice(evaluation->expr->text, 0, 200)));
}

/* What came from outside the core keeps its promises, or is missing. */
static struct rbk_value sane(struct rbk_value value)
{
    if (!value.missing && rbk_type_is_real(value.type)) {
        return rbk_value_number(value.type, value.as.number);
    }
    return value;
}

/* The value a code without operands pushes. False: it names what is not there. */
static bool leaf(const struct evaluation *evaluation, struct rbk_op_code code,
                 struct rbk_value *ret)
{
    const struct rbk_scope *scope = evaluation->scope;
    const struct rbk_machine *machine = evaluation->machine;
    uint32_t row = code.operand;
    switch (code.op) {
    case RBK_OP_CONST:
        if (row >= machine->constant_count) {
            return false;
        }
        *ret = machine->constants[row];
        return true;
    case RBK_OP_SLOT:
        if (row >= machine->slot_count) {
            return false;
        }
        *ret = scope->slots ? sane(scope->slots[row]) : rbk_value_missing(machine->slots[row].type);
        return true;
    case RBK_OP_PARAM:
        if (row >= machine->param_count) {
            return false;
        }
        *ret =
            scope->params ? sane(scope->params[row]) : rbk_value_missing(machine->params[row].type);
        return true;
    case RBK_OP_SECRET:
        if (row >= machine->secret_count) {
            return false;
        }
        *ret =
            scope->secret ? scope->secret(scope->context, row) : rbk_value_missing(RBK_TYPE_SECRET);
        return true;
    case RBK_OP_VARIABLE:
        if (row >= RBK_VARIABLE_COUNT) {
            return false;
        }
        *ret = scope->variable ? sane(scope->variable(scope->context, (enum rbk_variable)row))
                               : rbk_value_missing(rbk_variable_type((enum rbk_variable)row));
        return true;
    case RBK_OP_READ:
        *ret = scope->reads ? sane(scope->reads[row]) : rbk_value_missing(RBK_TYPE_UNKNOWN);
        return true;
    case RBK_OP_WINDOW:
        if (row >= machine->window_count) {
            return false;
        }
        *ret = scope->window ? sane(scope->window(scope->context, row))
                             : rbk_value_missing(RBK_TYPE_UNKNOWN);
        return true;
    case RBK_OP_BASELINE:
        if (row >= machine->baseline_count) {
            return false;
        }
        *ret = scope->baselines ? sane(scope->baselines[row]) : rbk_value_missing(RBK_TYPE_UNKNOWN);
        return true;
    default:
        return false;
    }
}

/* An address that a path follows, without slashes of its own at the end. */
static struct rbk_value url_base(struct rbk_value address)
{
    if (address.missing || !rbk_type_is_text(address.type)) {
        return rbk_value_missing(address.type);
    }
    while (address.as.text.bytes > 0 && address.as.text.data[address.as.text.bytes - 1] == '/') {
        address.as.text.bytes--;
    }
    return address;
}

static int no_dash(const struct evaluation *evaluation, struct rbk_value word)
{
    if (word.missing || !rbk_type_is_text(word.type) || word.as.text.bytes == 0 ||
        word.as.text.data[0] != '-') {
        return 0;
    }
    if (word.type == RBK_TYPE_SECRET) {
        return rbk_error_set(evaluation->reterr, RBK_EREFUSED,
                             "a word that is a secret begins with \"-\": put \"--\" before it");
    }
    return rbk_error_set(evaluation->reterr, RBK_EREFUSED,
                         "the word \"%.*s\" begins with \"-\": put \"--\" before it",
                         RBK_STR_ARG(rbk_str_slice(word.as.text, 0, 100)));
}

/* Texts joined; for people each says for itself that it is missing. */
static int concat(const struct evaluation *evaluation, const struct rbk_value *args, size_t count,
                  struct rbk_value *ret)
{
    struct rbk_value printed[RBK_STACK_MAX];

    if (!evaluation->scope->print_missing || count > RBK_STACK_MAX) {
        return rbk_op_concat(evaluation->arena, args, count, ret);
    }
    for (size_t i = 0; i < count; i++) {
        printed[i] =
            args[i].missing ? rbk_value_text(RBK_TYPE_TEXT, RBK_STR("(missing)")) : args[i];
    }
    return rbk_op_concat(evaluation->arena, printed, count, ret);
}

/* Whether a side of `and` or `or` is missing where everything has to be there. */
static bool lacks_side(const struct evaluation *evaluation, const struct rbk_value *args)
{
    return evaluation->scope->all_needed && (args[0].missing || args[1].missing);
}

/* An operation on `args`, the topmost values of the stack; its result replaces them. */
static int apply(const struct evaluation *evaluation, struct rbk_op_code code,
                 const struct rbk_value *args, size_t count, struct rbk_value *ret)
{
    struct rbk_arena *arena = evaluation->arena;
    switch (code.op) {
    case RBK_OP_NOT:
        *ret = rbk_op_not(args[0]);
        return 0;
    case RBK_OP_AND:
        *ret = lacks_side(evaluation, args) ? rbk_value_missing(RBK_TYPE_BOOL)
                                            : rbk_op_and(args[0], args[1]);
        return 0;
    case RBK_OP_OR:
        *ret = lacks_side(evaluation, args) ? rbk_value_missing(RBK_TYPE_BOOL)
                                            : rbk_op_or(args[0], args[1]);
        return 0;
    case RBK_OP_EQ:
    case RBK_OP_NE:
    case RBK_OP_LT:
    case RBK_OP_LE:
    case RBK_OP_GT:
    case RBK_OP_GE:
        *ret = rbk_op_compare(code.op, args[0], args[1]);
        return 0;
    case RBK_OP_ADD:
    case RBK_OP_SUBTRACT:
    case RBK_OP_MULTIPLY:
    case RBK_OP_DIVIDE:
        *ret = rbk_op_arithmetic(code.op, (enum rbk_type)code.operand, args[0], args[1]);
        return 0;
    case RBK_OP_NEGATE:
        *ret = rbk_op_negate(args[0]);
        return 0;
    case RBK_OP_ABS:
        *ret = rbk_op_abs(args[0]);
        return 0;
    case RBK_OP_RATIO:
        *ret = rbk_op_ratio(args[0], args[1]);
        return 0;
    case RBK_OP_COALESCE:
        *ret = args[0].missing ? args[1] : args[0];
        return 0;
    case RBK_OP_READ_AS:
        return rbk_op_read_as(arena, (enum rbk_type)code.operand, args[0], ret);
    case RBK_OP_READ_UNIT:
        *ret = rbk_op_read_unit(args[0], (enum rbk_unit)code.operand);
        return 0;
    case RBK_OP_PRINT_AS:
        *ret = rbk_op_print_as(args[0], (enum rbk_unit)code.operand);
        return 0;
    case RBK_OP_TEXT:
        return rbk_op_text(arena, args[0], ret);
    case RBK_OP_CONCAT:
        return concat(evaluation, args, count, ret);
    case RBK_OP_URL_ENCODE:
        return rbk_op_url_encode(arena, args[0], ret);
    case RBK_OP_URL_BASE:
        *ret = url_base(args[0]);
        return 0;
    case RBK_OP_JSON_VALUE:
        return rbk_op_json_value(arena, args[0], ret);
    case RBK_OP_JSON_ESCAPE:
        return rbk_op_json_escape(arena, args[0], ret);
    case RBK_OP_LIST:
        return rbk_op_list(arena, args, count, ret);
    case RBK_OP_ITEM:
        *ret = rbk_op_item(args[0], args[1]);
        return 0;
    case RBK_OP_LENGTH:
        *ret = rbk_op_length(args[0]);
        return 0;
    case RBK_OP_LINES:
        return rbk_op_lines(arena, args[0], ret);
    case RBK_OP_MEMBER:
        return rbk_op_member(arena, args[0], args[1], ret);
    case RBK_OP_FIND:
        return rbk_op_find(arena, args, ret);
    case RBK_OP_MAIL_HEADER:
        return rbk_op_mail_header(arena, args[0], ret);
    case RBK_OP_MAIL_TEXT:
        return rbk_op_mail_text(arena, args[0], ret);
    case RBK_OP_NO_DASH:
        *ret = args[0];
        return no_dash(evaluation, args[0]);
    default:
        return unsound(evaluation);
    }
}

size_t rbk_op_takes(struct rbk_op_code code)
{
    switch (code.op) {
    case RBK_OP_CONST:
    case RBK_OP_SLOT:
    case RBK_OP_PARAM:
    case RBK_OP_SECRET:
    case RBK_OP_VARIABLE:
    case RBK_OP_READ:
    case RBK_OP_WINDOW:
    case RBK_OP_BASELINE:
        return 0;
    case RBK_OP_NOT:
    case RBK_OP_NEGATE:
    case RBK_OP_ABS:
    case RBK_OP_READ_AS:
    case RBK_OP_READ_UNIT:
    case RBK_OP_PRINT_AS:
    case RBK_OP_TEXT:
    case RBK_OP_URL_ENCODE:
    case RBK_OP_URL_BASE:
    case RBK_OP_JSON_VALUE:
    case RBK_OP_JSON_ESCAPE:
    case RBK_OP_LENGTH:
    case RBK_OP_LINES:
    case RBK_OP_MAIL_HEADER:
    case RBK_OP_MAIL_TEXT:
    case RBK_OP_NO_DASH:
        return 1;
    case RBK_OP_FIND:
        return 3;
    case RBK_OP_CONCAT:
    case RBK_OP_LIST:
        return code.operand;
    default:
        return 2;
    }
}

bool rbk_op_is_leaf(enum rbk_op op)
{
    return op <= RBK_OP_BASELINE;
}

static int run(struct evaluation *evaluation)
{
    const struct rbk_op_code *codes = evaluation->machine->codes + evaluation->expr->code.first;
    for (uint32_t i = 0; i < evaluation->expr->code.count; i++) {
        struct rbk_op_code code = codes[i];
        struct rbk_value result;
        int error = 0;
        size_t count = rbk_op_takes(code);
        if (count > evaluation->depth) {
            return unsound(evaluation);
        }
        struct rbk_value *args = evaluation->stack + (evaluation->depth - count);
        if (rbk_op_is_leaf(code.op)) {
            error = leaf(evaluation, code, &result) ? 0 : unsound(evaluation);
        } else {
            error = apply(evaluation, code, args, count, &result);
        }
        if (error) {
            return error;
        }
        evaluation->depth -= count;
        if (evaluation->depth == RBK_STACK_MAX) {
            return unsound(evaluation);
        }
        evaluation->stack[evaluation->depth++] = result;
    }
    return evaluation->depth == 1 ? 0 : unsound(evaluation);
}

/* The operations on texts give a code alone; here it gets words. */
static int describe(const struct evaluation *evaluation, int error)
{
    if (error == -RBK_ELIMIT) {
        return rbk_error_set(evaluation->reterr, RBK_ELIMIT, "a value of \"%.*s\" grew too large",
                             RBK_STR_ARG(rbk_str_slice(evaluation->expr->text, 0, 200)));
    }
    return error == -RBK_ENOMEM ? rbk_error_set(evaluation->reterr, RBK_ENOMEM, "out of memory")
                                : error;
}

/* The result as a value of the expression's type, or missing: whoever knows the type may read the
 * content. Texts of all kinds stay what they are. */
static struct rbk_value conform(struct rbk_value value, enum rbk_type type)
{
    if (type == RBK_TYPE_UNKNOWN) {
        return value;
    }
    if (value.missing) {
        return rbk_value_missing(type);
    }
    if (value.type == type || (rbk_type_is_text(value.type) && rbk_type_is_text(type))) {
        return value;
    }
    if (value.type == RBK_TYPE_SCALAR || value.type == RBK_TYPE_JSON) {
        return rbk_value_parse(type, value.as.text);
    }
    return value.type == RBK_TYPE_INT && type == RBK_TYPE_NUMBER
               ? rbk_value_number(type, (double)value.as.integer)
               : rbk_value_missing(type);
}

int rbk_expr_evaluate(const struct rbk_scope *scope, uint32_t expr, struct rbk_arena *arena,
                      struct rbk_value *ret_value, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = scope->machine;
    if (expr >= machine->expr_count) {
        return rbk_error_set(reterr, RBK_EMACHINE, "there is no expression %u", expr);
    }
    struct evaluation evaluation; /* the stack is not cleared: only what was pushed is read */
    evaluation.scope = scope;
    evaluation.machine = machine;
    evaluation.arena = arena;
    evaluation.reterr = reterr;
    evaluation.expr = &machine->exprs[expr];
    evaluation.depth = 0;
    const struct rbk_slice code = evaluation.expr->code;
    if (code.first > machine->code_count || code.count > machine->code_count - code.first) {
        return unsound(&evaluation);
    }
    int error = run(&evaluation);
    if (error) {
        return describe(&evaluation, error);
    }
    *ret_value = conform(evaluation.stack[0], evaluation.expr->type);
    return 0;
}
