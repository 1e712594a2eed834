/*
 * The check of expressions: each program is run once on types instead of values. After it
 * rbk_expr_evaluate() can neither pop what is not there nor follow an index out of its table, and
 * an operation whose types have no meaning together is refused instead of always missing.
 *
 * UNKNOWN stands for a type that shows only at run time (the item of a list, a reading of the outer
 * expression); it goes with everything.
 *
 * An argument of a reading may use the readings before it: its READ counts within the expression
 * that the reading belongs to. So a program that READs more than its own expression has is kept
 * apart (`outer_reads`), and may only be an argument of readings, each of which stands behind the
 * ones it uses. Such an argument has no readings of its own, so nothing nests.
 */
#include "runtime/core/machine_check.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/expr_ops.h"
#include "runtime/core/value_text.h"

#include <stdlib.h>

#define READS_MAX 256u      /* of one expression */
#define READ_ARGS_MAX 1024u /* of one reading */

/* What was found out about one expression. */
struct finding {
    uint32_t outer_reads; /* how many readings of an outer expression it needs; 0: none */
    bool secret;          /* its program uses a secret itself */
};

struct verifier {
    const struct rbk_machine *machine;
    struct rbk_error *reterr;
    struct finding *findings; /* by expression; owned */
    uint32_t *read_positions; /* by reading: how many stand before it, at least; owned */
    uint32_t expr;            /* under way */
    size_t depth;
    enum rbk_type stack[RBK_STACK_MAX];
};

static int refuse(const struct verifier *verifier, uint32_t at, const char *what)
{
    const struct rbk_expr *expr = &verifier->machine->exprs[verifier->expr];
    struct rbk_op_code code = verifier->machine->codes[expr->code.first + at];
    return rbk_machine_refuse(verifier->reterr, RBK_TABLE_exprs, verifier->expr,
                              "operation %u, \"%s\": %s", at, rbk_op_name(code.op), what);
}

static bool is_any(enum rbk_type type)
{
    return type == RBK_TYPE_UNKNOWN;
}

static bool is_outside(enum rbk_type type)
{
    return type == RBK_TYPE_SCALAR || type == RBK_TYPE_JSON || is_any(type);
}

static bool is_textual(enum rbk_type type)
{
    return rbk_type_is_text(type) || is_any(type);
}

static bool is_numeric(enum rbk_type type)
{
    return rbk_type_is_integer(type) || rbk_type_is_real(type) || is_outside(type);
}

static bool is_truth(enum rbk_type type)
{
    return type == RBK_TYPE_BOOL || is_outside(type);
}

static bool is_list(enum rbk_type type)
{
    return type == RBK_TYPE_LIST || is_any(type);
}

static bool is_comparable(enum rbk_type a, enum rbk_type b, bool ordered)
{
    bool whole = a == RBK_TYPE_LIST || b == RBK_TYPE_LIST;
    if (ordered && (whole || a == RBK_TYPE_BOOL || b == RBK_TYPE_BOOL)) {
        return false;
    }
    if (a == b || is_any(a) || is_any(b) || (rbk_type_is_text(a) && rbk_type_is_text(b))) {
        return true;
    }
    bool numbers =
        (a == RBK_TYPE_INT && b == RBK_TYPE_NUMBER) || (a == RBK_TYPE_NUMBER && b == RBK_TYPE_INT);
    return numbers || (!whole && (is_outside(a) || is_outside(b)));
}

/* The type of an aggregate: means and extremes of text from outside are numbers, the mean of whole
 * numbers is not whole. */
static enum rbk_type window_type(const struct rbk_machine *machine, const struct rbk_window *window)
{
    enum rbk_type type = machine->probes[window->probe].type;
    if (window->kind == RBK_WINDOW_COUNT) {
        return RBK_TYPE_INT;
    }
    if (window->kind == RBK_WINDOW_LAST) {
        return type;
    }
    return type == RBK_TYPE_SCALAR || (type == RBK_TYPE_INT && window->kind == RBK_WINDOW_AVG)
               ? RBK_TYPE_NUMBER
               : type;
}

/* The type a leaf pushes; false when it names what is not there. */
static bool leaf_type(struct verifier *verifier, struct rbk_op_code code, enum rbk_type *ret)
{
    const struct rbk_machine *machine = verifier->machine;
    struct finding *finding = &verifier->findings[verifier->expr];
    uint32_t row = code.operand;
    switch (code.op) {
    case RBK_OP_CONST:
        *ret = row < machine->constant_count ? machine->constants[row].type : RBK_TYPE_UNKNOWN;
        return row < machine->constant_count;
    case RBK_OP_SLOT:
        *ret = row < machine->slot_count ? machine->slots[row].type : RBK_TYPE_UNKNOWN;
        return row < machine->slot_count;
    case RBK_OP_PARAM:
        *ret = row < machine->param_count ? machine->params[row].type : RBK_TYPE_UNKNOWN;
        return row < machine->param_count;
    case RBK_OP_SECRET:
        finding->secret = true;
        *ret = RBK_TYPE_SECRET;
        return row < machine->secret_count;
    case RBK_OP_VARIABLE:
        *ret = rbk_variable_type((enum rbk_variable)row);
        return row < RBK_VARIABLE_COUNT;
    case RBK_OP_READ: {
        struct rbk_slice reads = machine->exprs[verifier->expr].reads;
        *ret = row < reads.count ? rbk_read_kind_type(machine->reads[reads.first + row].kind)
                                 : RBK_TYPE_UNKNOWN;
        if (row >= reads.count && row >= finding->outer_reads) {
            finding->outer_reads = row + 1;
        }
        return row < READS_MAX;
    }
    case RBK_OP_WINDOW:
        *ret = row < machine->window_count ? window_type(machine, &machine->windows[row])
                                           : RBK_TYPE_UNKNOWN;
        return row < machine->window_count;
    case RBK_OP_BASELINE:
        if (row < machine->baseline_count) {
            struct rbk_window mean = {RBK_WINDOW_AVG, machine->baselines[row].probe, 0};
            *ret = window_type(machine, &mean);
        }
        return row < machine->baseline_count;
    default:
        return false;
    }
}

/* A text made of `from`; of a secret it stays one. */
static enum rbk_type text_type(enum rbk_type from)
{
    return from == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_TEXT;
}

static bool arithmetic_type(struct rbk_op_code code, const enum rbk_type *args, enum rbk_type *ret)
{
    *ret = (enum rbk_type)code.operand;
    return code.operand < RBK_TYPE_COUNT && (rbk_type_is_integer(*ret) || rbk_type_is_real(*ret)) &&
           is_numeric(args[0]) && is_numeric(args[1]);
}

static bool joined_type(const enum rbk_type *args, size_t count, enum rbk_type *ret)
{
    *ret = RBK_TYPE_TEXT;
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        fits = fits && is_textual(args[i]);
        *ret = args[i] == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : *ret;
    }
    return fits;
}

static bool coalesced_type(const enum rbk_type *args, enum rbk_type *ret)
{
    bool texts = rbk_type_is_text(args[0]) && rbk_type_is_text(args[1]);
    bool secret = args[0] == RBK_TYPE_SECRET || args[1] == RBK_TYPE_SECRET;
    *ret = args[0] == args[1] ? args[0]
           : texts            ? (secret ? RBK_TYPE_SECRET : RBK_TYPE_TEXT)
                              : RBK_TYPE_UNKNOWN;
    return texts || is_comparable(args[0], args[1], false);
}

static bool read_as_type(struct rbk_op_code code, enum rbk_type from, enum rbk_type *ret)
{
    *ret = (enum rbk_type)code.operand;
    if (code.operand >= RBK_TYPE_COUNT || *ret == RBK_TYPE_UNKNOWN || *ret == RBK_TYPE_SECRET) {
        return false;
    }
    if (from == RBK_TYPE_SECRET) {
        *ret = RBK_TYPE_SECRET; /* printing it does not make it public */
        return rbk_type_is_text((enum rbk_type)code.operand);
    }
    return from == *ret || is_any(from) || (from != RBK_TYPE_LIST && *ret != RBK_TYPE_LIST) ||
           rbk_type_is_text(*ret);
}

/* The type an operation leaves for the types it takes; false when they do not go together. */
static bool result_type(struct rbk_op_code code, const enum rbk_type *args, size_t count,
                        enum rbk_type *ret)
{
    *ret = RBK_TYPE_BOOL;
    switch (code.op) {
    case RBK_OP_NOT:
        return is_truth(args[0]);
    case RBK_OP_AND:
    case RBK_OP_OR:
        return is_truth(args[0]) && is_truth(args[1]);
    case RBK_OP_EQ:
    case RBK_OP_NE:
        return is_comparable(args[0], args[1], false);
    case RBK_OP_LT:
    case RBK_OP_LE:
    case RBK_OP_GT:
    case RBK_OP_GE:
        return is_comparable(args[0], args[1], true);
    case RBK_OP_ADD:
    case RBK_OP_SUBTRACT:
    case RBK_OP_MULTIPLY:
    case RBK_OP_DIVIDE:
        return arithmetic_type(code, args, ret);
    case RBK_OP_NEGATE:
    case RBK_OP_ABS:
        *ret = is_outside(args[0]) ? RBK_TYPE_UNKNOWN : args[0];
        return is_numeric(args[0]);
    case RBK_OP_RATIO:
        *ret = RBK_TYPE_RATIO;
        return is_numeric(args[0]) && is_numeric(args[1]);
    case RBK_OP_COALESCE:
        return coalesced_type(args, ret);
    case RBK_OP_READ_AS:
        return read_as_type(code, args[0], ret);
    case RBK_OP_READ_UNIT:
        *ret = code.operand < RBK_UNIT_BYTE ? RBK_TYPE_DURATION : RBK_TYPE_BYTES;
        return code.operand < RBK_UNIT_COUNT && args[0] != RBK_TYPE_LIST &&
               args[0] != RBK_TYPE_SECRET;
    case RBK_OP_PRINT_AS:
        *ret = RBK_TYPE_NUMBER;
        return code.operand < RBK_UNIT_COUNT &&
               (is_any(args[0]) ||
                args[0] == (code.operand < RBK_UNIT_BYTE ? RBK_TYPE_DURATION : RBK_TYPE_BYTES));
    case RBK_OP_TEXT:
    case RBK_OP_JSON_VALUE:
        *ret = text_type(args[0]);
        return true;
    case RBK_OP_CONCAT:
        return joined_type(args, count, ret);
    case RBK_OP_URL_ENCODE:
    case RBK_OP_URL_BASE:
    case RBK_OP_JSON_ESCAPE:
    case RBK_OP_MAIL_HEADER:
    case RBK_OP_MAIL_TEXT:
        *ret = text_type(args[0]);
        return is_textual(args[0]);
    case RBK_OP_MEMBER:
        *ret = args[0] == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_SCALAR;
        return is_textual(args[0]) && is_textual(args[1]) && args[1] != RBK_TYPE_SECRET;
    case RBK_OP_FIND:
        *ret = args[0] == RBK_TYPE_SECRET ? RBK_TYPE_SECRET : RBK_TYPE_SCALAR;
        return is_textual(args[0]) && is_textual(args[1]) && is_textual(args[2]) &&
               args[1] != RBK_TYPE_SECRET && args[2] != RBK_TYPE_SECRET;
    case RBK_OP_LIST: {
        bool flat = true;
        for (size_t i = 0; i < count; i++) {
            flat = flat && args[i] != RBK_TYPE_LIST && args[i] != RBK_TYPE_SECRET;
        }
        *ret = RBK_TYPE_LIST;
        return flat;
    }
    case RBK_OP_ITEM:
        *ret = RBK_TYPE_UNKNOWN;
        return is_list(args[0]) && (args[1] == RBK_TYPE_INT || is_any(args[1]));
    case RBK_OP_LENGTH:
        *ret = RBK_TYPE_INT;
        return is_list(args[0]);
    case RBK_OP_LINES:
        *ret = RBK_TYPE_LIST;
        return is_textual(args[0]) && args[0] != RBK_TYPE_SECRET;
    case RBK_OP_NO_DASH:
        *ret = args[0];
        return is_textual(args[0]);
    default:
        return false;
    }
}

static int verify_code(struct verifier *verifier, uint32_t at, struct rbk_op_code code)
{
    enum rbk_type type = RBK_TYPE_UNKNOWN;
    size_t count = rbk_op_takes(code);
    if (count > verifier->depth) {
        return refuse(verifier, at, "too few values on the stack");
    }
    const enum rbk_type *args = verifier->stack + (verifier->depth - count);
    if (rbk_op_is_leaf(code.op) ? !leaf_type(verifier, code, &type)
                                : !result_type(code, args, count, &type)) {
        return refuse(verifier, at,
                      rbk_op_is_leaf(code.op) ? "there is no such row" : "wrong types");
    }
    verifier->depth -= count;
    if (verifier->depth == RBK_STACK_MAX) {
        return refuse(verifier, at, "too many values on the stack");
    }
    verifier->stack[verifier->depth++] = type;
    return 0;
}

/* Whether a value of the type a program leaves can be given as one of its expression's. */
static bool gives(enum rbk_type left, enum rbk_type expr)
{
    return left == expr || is_any(left) || is_any(expr) ||
           (rbk_type_is_text(left) && rbk_type_is_text(expr)) ||
           (left == RBK_TYPE_INT && expr == RBK_TYPE_NUMBER) ||
           (is_outside(left) && expr != RBK_TYPE_LIST);
}

static int verify_expr(struct verifier *verifier, uint32_t row)
{
    const struct rbk_expr *expr = &verifier->machine->exprs[row];
    verifier->expr = row;
    verifier->depth = 0;
    for (uint32_t i = 0; i < expr->code.count; i++) {
        int error = verify_code(verifier, i, verifier->machine->codes[expr->code.first + i]);
        if (error) {
            return error;
        }
    }
    if (verifier->depth != 1) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_exprs, row,
                                  "its program leaves %zu values", verifier->depth);
    }
    if (!gives(verifier->stack[0], expr->type)) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_exprs, row,
                                  "its program gives %s, not %s", rbk_type_name(verifier->stack[0]),
                                  rbk_type_name(expr->type));
    }
    if (expr->reads.count > READS_MAX) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_exprs, row, "more than %u readings",
                                  READS_MAX);
    }
    for (uint32_t i = 0; i < expr->reads.count; i++) {
        uint32_t *position = &verifier->read_positions[expr->reads.first + i];
        *position = i < *position ? i : *position;
    }
    if (expr->reads.count > 0 && verifier->findings[row].outer_reads > 0) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_exprs, row,
                                  "it uses a reading it does not have");
    }
    return 0;
}

/* The arguments of a reading use only readings before it, and have none of their own. */
static int verify_read(const struct verifier *verifier, uint32_t row)
{
    const struct rbk_read *read = &verifier->machine->reads[row];
    uint32_t before = verifier->read_positions[row];
    if (read->args.count > READ_ARGS_MAX) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_reads, row, "more than %u arguments",
                                  READ_ARGS_MAX);
    }
    for (uint32_t i = 0; i < read->args.count; i++) {
        const struct rbk_arg *arg = &verifier->machine->args[read->args.first + i];
        uint32_t needed = verifier->findings[arg->expr].outer_reads;
        if (verifier->machine->exprs[arg->expr].reads.count > 0) {
            return rbk_machine_refuse(verifier->reterr, RBK_TABLE_reads, row,
                                      "an argument has readings of its own");
        }
        if (needed > 0 && (before == RBK_NONE || needed > before)) {
            return rbk_machine_refuse(verifier->reterr, RBK_TABLE_reads, row,
                                      "an argument uses a reading that is not taken before");
        }
    }
    return 0;
}

/* What a person sees, or everybody on the host, may hold no secret. */
static bool is_public(enum rbk_arg_kind kind)
{
    return kind == RBK_ARG_WORD || kind == RBK_ARG_CANCEL_WORD || kind == RBK_ARG_LABEL ||
           kind == RBK_ARG_MESSAGE || kind == RBK_ARG_PROGRESS;
}

static int verify_effect(const struct verifier *verifier, uint32_t row)
{
    const struct rbk_effect *effect = &verifier->machine->effects[row];
    if (effect->args.count > RBK_ARGUMENTS_MAX) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_effects, row,
                                  "more than %zu arguments", RBK_ARGUMENTS_MAX);
    }
    for (uint32_t i = 0; i < effect->args.count; i++) {
        const struct rbk_arg *arg = &verifier->machine->args[effect->args.first + i];
        if (verifier->findings[arg->expr].outer_reads > 0) {
            return rbk_machine_refuse(verifier->reterr, RBK_TABLE_effects, row,
                                      "an argument uses a reading that is not there");
        }
    }
    return 0;
}

static int verify_arg(const struct verifier *verifier, uint32_t row)
{
    const struct rbk_arg *arg = &verifier->machine->args[row];
    if (verifier->findings[arg->expr].secret && is_public(arg->kind)) {
        return rbk_machine_refuse(verifier->reterr, RBK_TABLE_args, row,
                                  "a secret in a \"%s\", which others can see",
                                  rbk_arg_kind_name(arg->kind));
    }
    return 0;
}

/* Every other field that names an expression: it stands on its own, and only a connection's address
 * may use a secret, since all else is kept or shown. */
static int verify_uses(const struct verifier *verifier, const struct rbk_table *table,
                       enum rbk_table_id id, const char *first, uint32_t count)
{
    for (size_t i = 0; i < table->field_count; i++) {
        const struct rbk_field *field = &table->fields[i];
        if (field->kind != RBK_FIELD_ROW || field->table != RBK_TABLE_exprs) {
            continue;
        }
        for (uint32_t row = 0; row < count; row++) {
            const char *at = first + (size_t)row * table->row_bytes + field->offset;
            uint32_t expr = *(const uint32_t *)(const void *)at;
            if (expr == RBK_NONE) {
                continue;
            }
            const struct finding *finding = &verifier->findings[expr];
            if (finding->outer_reads > 0) {
                return rbk_machine_refuse(verifier->reterr, id, row,
                                          "%s uses a reading that is not there", field->name);
            }
            if (finding->secret && id != RBK_TABLE_connections) {
                return rbk_machine_refuse(verifier->reterr, id, row, "%s uses a secret",
                                          field->name);
            }
        }
    }
    return 0;
}

static int verify(struct verifier *verifier)
{
    const struct rbk_machine *machine = verifier->machine;
    int error = 0;
    for (uint32_t i = 0; !error && i < machine->expr_count; i++) {
        error = verify_expr(verifier, i);
    }
    for (uint32_t i = 0; !error && i < machine->read_count; i++) {
        error = verify_read(verifier, i);
    }
    for (uint32_t i = 0; !error && i < machine->effect_count; i++) {
        error = verify_effect(verifier, i);
    }
    for (uint32_t i = 0; !error && i < machine->arg_count; i++) {
        error = verify_arg(verifier, i);
    }
    if (!error) {
        error = verify_uses(verifier, &rbk_plan_fields, RBK_TABLE_COUNT, (const char *)machine, 1);
    }
    for (uint32_t id = 0; !error && id < RBK_TABLE_COUNT; id++) {
        if (id != RBK_TABLE_args) {
            enum rbk_table_id table = (enum rbk_table_id)id;
            error = verify_uses(verifier, &rbk_tables[id], table, rbk_table_first(machine, table),
                                rbk_table_rows(machine, table));
        }
    }
    return error;
}

int rbk_machine_check_exprs(const struct rbk_machine *machine, struct rbk_error *reterr)
{
    struct verifier verifier = {.machine = machine, .reterr = reterr};
    verifier.findings = calloc((size_t)machine->expr_count + 1, sizeof(*verifier.findings));
    verifier.read_positions =
        malloc(((size_t)machine->read_count + 1) * sizeof(*verifier.read_positions));
    int error = 0;
    if (!verifier.findings || !verifier.read_positions) {
        error = rbk_error_set(reterr, RBK_ENOMEM, "machine: out of memory");
    } else {
        for (uint32_t i = 0; i < machine->read_count; i++) {
            verifier.read_positions[i] = RBK_NONE;
        }
        error = verify(&verifier);
    }
    free(verifier.findings);
    free(verifier.read_positions);
    return error;
}
