/*
 * Calls in expressions: core readings, functions, aggregates over probes, and readings of modules,
 * which are written out where they are called.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

static void push(struct rbk_lower *lower, enum rbk_op op, uint32_t operand)
{
    rbk_builder_push_code(&lower->builder, op, operand);
}

/* ---- which expressions read ------------------------------------------------------------------ */

/* What is known of a declared reading, in its declaration's index. */
enum { READING_UNKNOWN, READING_PURE, READING_READS };

static bool declared_reads(struct rbk_lower *lower, struct rbk_declaration *reading)
{
    if (reading->index == READING_UNKNOWN) {
        bool reads = rbk_lower_reads(lower, reading->statement->value);
        reading->index = reads ? READING_READS : READING_PURE;
    }
    return reading->index == READING_READS;
}

static bool call_reads(struct rbk_lower *lower, const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    if (builtin != NULL && builtin->kind != RBK_BUILTIN_FUNCTION) {
        return builtin->kind == RBK_BUILTIN_READING;
    }
    if (builtin == NULL && call->ref->kind == RBK_DECLARATION_READING &&
        declared_reads(lower, call->ref)) {
        return true;
    }
    for (const struct rbk_tree_argument *a = call->arguments; a != NULL; a = a->next) {
        if (rbk_lower_reads(lower, a->value)) {
            return true;
        }
    }
    return false;
}

bool rbk_lower_reads(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    const struct rbk_tree_expr *inner = NULL;
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        /* What a parameter or a loop's variable stands for was read when it was bound. */
        return expr->ref != NULL && expr->ref->kind == RBK_DECLARATION_PROBE &&
               !lower->mode.windows;
    case RBK_EXPR_CALL:
        return call_reads(lower, expr);
    case RBK_EXPR_STRING:
        inner = expr->has_parts ? expr->parts : NULL;
        break;
    case RBK_EXPR_LIST:
        inner = expr->items;
        break;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        return rbk_lower_reads(lower, expr->left);
    case RBK_EXPR_BINARY:
        return rbk_lower_reads(lower, expr->left) || rbk_lower_reads(lower, expr->right);
    default:
        return false;
    }
    for (; inner != NULL; inner = inner->next) {
        if (rbk_lower_reads(lower, inner)) {
            return true;
        }
    }
    return false;
}

void rbk_lower_emit_value(struct rbk_lower *lower, const struct rbk_tree_expr *expr)
{
    if (lower->context == NULL || lower->in_reading || !rbk_lower_reads(lower, expr)) {
        rbk_lower_emit(lower, expr);
        return;
    }
    struct rbk_str name = rbk_arena_printf(lower->builder.arena, "%.*s.value.%u",
                                           RBK_STR_ARG(lower->statement_name), ++lower->hoisted);
    push(lower, RBK_OP_SLOT, rbk_lower_let_state(lower, lower->context, name, expr));
}

/* ---- probes ---------------------------------------------------------------------------------- */

static uint32_t window_of(struct rbk_lower *lower, struct rbk_window window)
{
    const struct rbk_machine *machine = lower->builder.machine;
    for (uint32_t i = 0; i < machine->window_count; i++) {
        const struct rbk_window *known = &machine->windows[i];
        if (known->kind == window.kind && known->probe == window.probe &&
            known->over_ms == window.over_ms) {
            return i;
        }
    }
    if (window.over_ms > lower->probe_span_ms[window.probe]) {
        lower->probe_span_ms[window.probe] = window.over_ms;
    }
    return rbk_build_window(&lower->builder, window);
}

/* Note that the expression under way depends on a probe. */
static void note_probe(struct rbk_lower *lower, uint32_t probe)
{
    const struct rbk_probe *row = &lower->builder.machine->probes[probe];
    lower->saw_probe = true;
    lower->only_alerts = lower->only_alerts && row->pushed;
    if (lower->probe_every_ms == 0 || row->every_ms < lower->probe_every_ms) {
        lower->probe_every_ms = row->every_ms;
    }
}

void rbk_lower_emit_probe(struct rbk_lower *lower, const struct rbk_declaration *probe)
{
    note_probe(lower, probe->index);
    if (lower->mode.windows) {
        struct rbk_window last = {.kind = RBK_WINDOW_LAST, .probe = probe->index};
        push(lower, RBK_OP_WINDOW, window_of(lower, last));
        return;
    }
    const struct rbk_source *source = lower->source;
    struct rbk_reading_mode mode = lower->mode;
    const struct rbk_probe *row = &lower->builder.machine->probes[probe->index];
    lower->source = probe->file->source;
    lower->mode.timeout_ms = row->timeout_ms;
    rbk_lower_emit(lower, probe->statement->value);
    lower->mode = mode;
    lower->source = source;
}

static void emit_aggregate(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                           enum rbk_window_kind kind)
{
    const struct rbk_tree_expr *probe = rbk_lower_resolve(lower, rbk_call_value(call, 0), NULL);
    const struct rbk_tree_expr *span = rbk_call_value(call, 1);
    RBK_ASSERT(probe->ref != NULL);
    struct rbk_window window = {.kind = kind, .probe = probe->ref->index};
    if (span != NULL) {
        window.over_ms = rbk_lower_known_duration(lower, span);
    }
    note_probe(lower, window.probe);
    push(lower, RBK_OP_WINDOW, window_of(lower, window));
}

static void emit_baseline(struct rbk_lower *lower, const struct rbk_tree_expr *call)
{
    const struct rbk_tree_expr *probe = rbk_lower_resolve(lower, rbk_call_value(call, 0), NULL);
    RBK_ASSERT(probe->ref != NULL);
    uint32_t baseline = lower->probe_baselines[probe->ref->index];
    if (baseline == RBK_NONE) {
        rbk_lower_refuse(lower, call->span, "a baseline that the plan does not measure");
        return;
    }
    push(lower, RBK_OP_BASELINE, baseline);
}

/* ---- core readings --------------------------------------------------------------------------- */

/* The arguments beyond the first of a repeated parameter, or of labels. */
static const struct rbk_tree_argument *next_of(const struct rbk_tree_argument *argument,
                                               uint32_t index)
{
    while (argument != NULL && argument->index != index) {
        argument = argument->next;
    }
    return argument;
}

static void reading_words(struct rbk_lower *lower, const struct rbk_tree_expr *call, uint32_t index)
{
    const struct rbk_tree_argument *a = next_of(call->arguments, index);
    for (; a != NULL; a = next_of(a->next, index)) {
        rbk_lower_arg_value(lower, RBK_ARG_WORD, a->value);
    }
}

static void reading_labels(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                           uint32_t index)
{
    const struct rbk_tree_argument *a = next_of(call->arguments, index);
    for (; a != NULL; a = next_of(a->next, index)) {
        rbk_lower_arg_text(lower, RBK_ARG_ALERT_LABEL, a->name->name->text, a->value);
    }
}

/* One argument of a core reading, by what its parameter takes. */
static void reading_argument(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                             const struct rbk_builtin *builtin, uint32_t index,
                             struct rbk_read *read)
{
    const struct rbk_builtin_parameter *parameter = &builtin->parameters[index];
    const struct rbk_tree_expr *value = rbk_call_value(call, index);
    if (parameter->labels) {
        reading_labels(lower, call, index);
        return;
    }
    if (value == NULL) {
        return;
    }
    switch ((enum rbk_builtin_parameter_kind)parameter->takes) {
    case RBK_TAKES_URL:
        rbk_lower_arg_url(lower, value);
        break;
    case RBK_TAKES_CONNECTION:
        read->connection = rbk_lower_connection_expr(lower, value);
        break;
    case RBK_TAKES_STATEMENT:
        rbk_lower_arg_statement(lower, value);
        break;
    case RBK_TAKES_COMMAND:
        rbk_lower_arg_words(lower, RBK_ARG_WORD, true, value);
        break;
    case RBK_TAKES_CONSTANT:
        rbk_lower_arg_text(lower, RBK_ARG_NAME, RBK_STR(""), value);
        break;
    case RBK_TAKES_FILTER:
        rbk_lower_arg_text(lower, RBK_ARG_FILTER, RBK_STR(""), value);
        break;
    default: {
        if (parameter->repeated) {
            reading_words(lower, call, index);
        } else {
            bool name = read->kind == RBK_READ_ALERT || read->kind == RBK_READ_ENV;
            rbk_lower_arg_text(lower, name ? RBK_ARG_NAME : RBK_ARG_PATH, RBK_STR(""), value);
        }
        break;
    }
    }
}

/* What a probe without a name is called: as it is written, and told apart from others that are
 * written so (in another criterion, or with other values in a module). Whoever collects what probes
 * give goes by their names. */
static struct rbk_str probe_name(const struct rbk_lower *lower, struct rbk_str written)
{
    const struct rbk_machine *machine = lower->builder.machine;
    struct rbk_str name = written;
    for (uint32_t i = 0, same = 1; i < machine->probe_count; i++) {
        if (rbk_str_equal(machine->probes[i].name, name)) {
            name =
                rbk_arena_printf(lower->builder.arena, "%.*s (%u)", RBK_STR_ARG(written), ++same);
        }
    }
    return name;
}

/* A reading in a condition that is watched all the time, and has no interval of its own: a probe
 * without a name. */
static void emit_as_probe(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                          const struct rbk_builtin *builtin)
{
    struct rbk_reading_mode mode = lower->mode;
    struct rbk_probe probe = {
        .name = probe_name(lower, rbk_lower_expr_text(lower, call)),
        .every_ms = mode.probe_every_ms,
        .timeout_ms = mode.probe_every_ms < RBK_PROBE_TIMEOUT_MS_MAX ? mode.probe_every_ms
                                                                     : RBK_PROBE_TIMEOUT_MS_MAX,
        .missing_after = 1,
        .pushed = builtin->is.read == RBK_READ_ALERT,
        .place = rbk_lower_machine_place(lower, call->span),
    };
    lower->mode.probe_every_ms = 0;
    lower->mode.timeout_ms = probe.timeout_ms;
    probe.expr = rbk_lower_expr(lower, call);
    probe.type = lower->builder.machine->exprs[probe.expr].type;
    lower->mode = mode;
    struct rbk_window last = {.kind = RBK_WINDOW_LAST, .probe = rbk_lower_add_probe(lower, probe)};
    note_probe(lower, last.probe);
    push(lower, RBK_OP_WINDOW, window_of(lower, last));
}

static void emit_reading(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                         const struct rbk_builtin *builtin)
{
    if (lower->mode.probe_every_ms > 0 && !lower->in_reading) {
        emit_as_probe(lower, call, builtin);
        return;
    }
    if (lower->mode.refused) {
        rbk_diagnostic_help(rbk_lower_refuse(lower, call->span, "a reading in this place"),
                            "Name a probe instead: its last value is taken.");
    }
    bool outer = lower->in_reading;
    uint32_t mark = lower->builder.open_arg_count;
    struct rbk_read read = {
        .kind = builtin->is.read,
        .connection = RBK_NONE,
        .timeout_ms = lower->mode.timeout_ms,
        .place = rbk_lower_machine_place(lower, call->span),
    };
    lower->in_reading = true;
    for (uint32_t i = 0; i < builtin->parameter_count; i++) {
        reading_argument(lower, call, builtin, i, &read);
    }
    lower->in_reading = outer;
    read.args = rbk_builder_close_args(&lower->builder, mark);
    uint32_t number = rbk_builder_push_read(&lower->builder, read);
    push(lower, RBK_OP_READ, number - lower->read_base);
}

/* ---- the others ------------------------------------------------------------------------------ */

static void emit_function(struct rbk_lower *lower, const struct rbk_tree_expr *call,
                          const struct rbk_builtin *builtin)
{
    for (uint32_t i = 0; i < builtin->parameter_count; i++) {
        const struct rbk_tree_expr *value = rbk_call_value(call, i);
        if (value != NULL) {
            rbk_lower_emit(lower, value);
        }
    }
    switch (builtin->is.function) {
    case RBK_FUNCTION_RATIO:
        push(lower, RBK_OP_RATIO, 0);
        break;
    case RBK_FUNCTION_ABS:
        push(lower, RBK_OP_ABS, 0);
        break;
    case RBK_FUNCTION_INT:
        if (rbk_expr_type(rbk_call_value(call, 0)) != RBK_TYPE_INT) {
            push(lower, RBK_OP_READ_AS, RBK_TYPE_INT);
        }
        break;
    case RBK_FUNCTION_LINES:
        push(lower, RBK_OP_LINES, 0);
        break;
    case RBK_FUNCTION_COUNT:
        push(lower, RBK_OP_LENGTH, 0);
        break;
    case RBK_FUNCTION_MEMBER:
        push(lower, RBK_OP_MEMBER, 0);
        break;
    case RBK_FUNCTION_FIND:
        push(lower, RBK_OP_FIND, 0);
        break;
    case RBK_FUNCTION_MAIL_HEADER:
        push(lower, RBK_OP_MAIL_HEADER, 0);
        break;
    case RBK_FUNCTION_MAIL_TEXT:
        push(lower, RBK_OP_MAIL_TEXT, 0);
        break;
    }
}

void rbk_lower_bind_arguments(struct rbk_lower *lower, const struct rbk_context *context,
                              struct rbk_str name, const struct rbk_tree_expr *call,
                              const struct rbk_source *caller)
{
    const struct rbk_source *body = lower->source;
    uint32_t index = 0;
    for (struct rbk_tree_parameter *p = rbk_call_parameters(call); p != NULL; p = p->next) {
        const struct rbk_tree_argument *given = next_of(call->arguments, index);
        const struct rbk_tree_expr *value = given != NULL ? given->value : p->value;
        index++;
        if (value == NULL) {
            continue;
        }
        struct rbk_binding binding = {
            .kind = RBK_BINDING_EXPR,
            .expr = value,
            .source = given != NULL ? caller : body,
        };
        if (context != NULL && rbk_lower_reads(lower, value)) {
            struct rbk_str let =
                rbk_arena_printf(lower->builder.arena, "%.*s.argument.%.*s", RBK_STR_ARG(name),
                                 RBK_STR_ARG(p->name.name->text));
            lower->source = binding.source;
            binding.kind = RBK_BINDING_SLOT;
            binding.slot = rbk_lower_let_state(lower, context, let, value);
            lower->source = body;
        }
        rbk_lower_bind(lower, p->declaration, binding);
    }
}

static void emit_declared(struct rbk_lower *lower, const struct rbk_tree_expr *call)
{
    const struct rbk_source *caller = lower->source;
    const struct rbk_declaration *reading = call->ref;
    lower->source = reading->file->source;
    (void)rbk_lower_enter(lower, lower->source);
    rbk_lower_bind_arguments(lower, NULL, RBK_STR(""), call, caller);
    rbk_lower_emit(lower, reading->statement->value);
    rbk_lower_leave(lower, false);
    lower->source = caller;
}

void rbk_lower_emit_call(struct rbk_lower *lower, const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    if (builtin == NULL) {
        if (call->ref->kind == RBK_DECLARATION_READING) {
            emit_declared(lower, call);
        } else {
            rbk_lower_refuse(lower, call->span, "this call as a value");
        }
        return;
    }
    switch ((enum rbk_builtin_kind)builtin->kind) {
    case RBK_BUILTIN_READING:
        emit_reading(lower, call, builtin);
        break;
    case RBK_BUILTIN_FUNCTION:
        emit_function(lower, call, builtin);
        break;
    case RBK_BUILTIN_AGGREGATE:
        emit_aggregate(lower, call, builtin->is.window);
        break;
    case RBK_BUILTIN_BASELINE:
        emit_baseline(lower, call);
        break;
    case RBK_BUILTIN_CONSTRUCTOR:
    case RBK_BUILTIN_VARIABLE:
        rbk_lower_refuse(lower, call->span, "this call as a value");
        break;
    }
}
