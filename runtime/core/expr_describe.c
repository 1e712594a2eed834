/*
 * Describing what an expression saw. The names come from the tables the codes point into, the
 * values from the same scope the expression is evaluated in.
 */
#include "runtime/core/expr_describe.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/expr_ops.h"
#include "runtime/core/machine.h"
#include "runtime/core/value_text.h"

/* How much of one value is told: the beginning of a text, of its first line. */
#define VALUE_BYTES_MAX ((size_t)120)
#define ELLIPSIS "…"

static void append_duration(struct rbk_buffer *out, uint64_t ms)
{
    rbk_value_print(out, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)ms));
}

static struct rbk_value window_value(const struct rbk_scope *scope, uint32_t index)
{
    const struct rbk_window *window = &scope->machine->windows[index];

    return scope->window != NULL ? scope->window(scope->context, index)
                                 : rbk_value_missing(scope->machine->probes[window->probe].type);
}

/* "avg error_rate over 5m" */
static void name_window(const struct rbk_machine *machine, uint32_t index, struct rbk_buffer *out)
{
    const struct rbk_window *window = &machine->windows[index];

    if (window->kind != RBK_WINDOW_LAST) {
        rbk_buffer_printf(out, "%s ", rbk_window_kind_name(window->kind));
    }
    rbk_buffer_append_str(out, machine->probes[window->probe].name);
    if (window->over_ms != 0) {
        rbk_buffer_append_text(out, " over ");
        append_duration(out, window->over_ms);
    }
}

/* What a code names goes to `out`, what it gives to ret_value. False for an operation, a constant,
 * and a row that is not there. */
static bool look_at(const struct rbk_scope *scope, const struct rbk_expr *expr,
                    struct rbk_op_code code, struct rbk_buffer *out, struct rbk_value *ret_value)
{
    const struct rbk_machine *machine = scope->machine;
    uint32_t row = code.operand;

    *ret_value = rbk_value_missing(RBK_TYPE_UNKNOWN);
    switch (code.op) {
    case RBK_OP_WINDOW:
        if (row >= machine->window_count) {
            return false;
        }
        name_window(machine, row, out);
        *ret_value = window_value(scope, row);
        return true;
    case RBK_OP_BASELINE:
        if (row >= machine->baseline_count) {
            return false;
        }
        rbk_buffer_printf(out, "baseline %.*s",
                          RBK_STR_ARG(machine->probes[machine->baselines[row].probe].name));
        if (scope->baselines != NULL) {
            *ret_value = scope->baselines[row];
        }
        return true;
    case RBK_OP_READ:
        if (row >= expr->reads.count) {
            return false;
        }
        rbk_buffer_append_text(out,
                               rbk_read_kind_name(machine->reads[expr->reads.first + row].kind));
        if (scope->reads != NULL) {
            *ret_value = scope->reads[row];
        }
        return true;
    case RBK_OP_SLOT:
        if (row >= machine->slot_count) {
            return false;
        }
        rbk_buffer_append_str(out, machine->slots[row].name);
        if (scope->slots != NULL) {
            *ret_value = scope->slots[row];
        }
        return true;
    case RBK_OP_PARAM:
        if (row >= machine->param_count) {
            return false;
        }
        rbk_buffer_append_str(out, machine->params[row].name);
        if (scope->params != NULL) {
            *ret_value = scope->params[row];
        }
        return true;
    case RBK_OP_VARIABLE:
        if (row >= RBK_VARIABLE_COUNT) {
            return false;
        }
        rbk_buffer_append_text(out, rbk_variable_name((enum rbk_variable)row));
        if (scope->variable != NULL) {
            *ret_value = scope->variable(scope->context, (enum rbk_variable)row);
        }
        return true;
    case RBK_OP_SECRET:
        if (row >= machine->secret_count) {
            return false;
        }
        rbk_buffer_printf(out, "secret %.*s", RBK_STR_ARG(machine->secrets[row].name));
        *ret_value = rbk_value_text(RBK_TYPE_SECRET, RBK_STR(""));
        return true;
    default:
        return false;
    }
}

/* The beginning of a text that is whole UTF-8 where the text is. */
static struct rbk_str beginning(struct rbk_str text, size_t bytes_max)
{
    size_t end = text.bytes < bytes_max ? text.bytes : bytes_max;

    while (end > 0 && end < text.bytes && ((unsigned char)text.data[end] & 0xc0u) == 0x80u) {
        end--;
    }
    return rbk_str_slice(text, 0, end);
}

/* A mean of readings has digits that nobody reads. */
static struct rbk_value rounded(struct rbk_value value)
{
    char digits[32];

    if (!value.missing && rbk_type_is_real(value.type)) {
        (void)snprintf(digits, sizeof(digits), "%.6g", value.as.number);
        value.as.number = strtod(digits, NULL);
    }
    return value;
}

static void append_value(struct rbk_buffer *out, struct rbk_value value)
{
    struct rbk_buffer text;
    struct rbk_str whole, shown;

    rbk_buffer_init(&text, RBK_VALUE_BYTES_MAX);
    rbk_value_print(&text, rounded(value));
    whole = rbk_str_trim(rbk_buffer_str(&text));
    shown = beginning(rbk_str_slice(whole, 0, rbk_str_find(whole, '\n')), VALUE_BYTES_MAX);
    if (!value.missing && (value.type == RBK_TYPE_TEXT || shown.bytes == 0)) {
        rbk_buffer_printf(out, "\"%.*s\"", RBK_STR_ARG(shown));
    } else {
        rbk_buffer_append_str(out, shown);
    }
    if (text.error != 0 || shown.bytes < whole.bytes) {
        rbk_buffer_append_text(out, ELLIPSIS);
    }
    rbk_buffer_fini(&text);
}

/* Whether the same was looked at before. */
static bool is_repeated(const struct rbk_machine *machine, const struct rbk_expr *expr, uint32_t at)
{
    const struct rbk_op_code *codes = &machine->codes[expr->code.first];

    for (uint32_t i = 0; i < at; i++) {
        if (codes[i].op == codes[at].op && codes[i].operand == codes[at].operand) {
            return true;
        }
    }
    return false;
}

void rbk_expr_describe(const struct rbk_scope *scope, uint32_t expr,
                       rbk_describe_window_fn *window_note, struct rbk_buffer *out)
{
    const struct rbk_machine *machine = scope->machine;
    const struct rbk_expr *row = &machine->exprs[expr];
    struct rbk_buffer part;
    size_t begin = out->bytes;

    rbk_buffer_init(&part, RBK_DESCRIBE_BYTES_MAX);
    for (uint32_t i = 0; i < row->code.count; i++) {
        struct rbk_op_code code = machine->codes[row->code.first + i];
        struct rbk_value value;

        rbk_buffer_clear(&part);
        if (!rbk_op_is_leaf(code.op) || is_repeated(machine, row, i) ||
            !look_at(scope, row, code, &part, &value)) {
            continue;
        }
        if (value.missing || value.type != RBK_TYPE_SECRET) {
            rbk_buffer_append_text(&part, " = ");
            append_value(&part, value);
        }
        if (code.op == RBK_OP_WINDOW && window_note != NULL) {
            window_note(scope->context, code.operand, &part);
        }
        if (part.error != 0 ||
            out->bytes - begin + part.bytes + sizeof(", " ELLIPSIS) > RBK_DESCRIBE_BYTES_MAX) {
            rbk_buffer_append_text(out, out->bytes == begin ? ELLIPSIS : ", " ELLIPSIS);
            break;
        }
        rbk_buffer_append_text(out, out->bytes == begin ? "" : ", ");
        rbk_buffer_append_str(out, rbk_buffer_str(&part));
    }
    rbk_buffer_fini(&part);
}
