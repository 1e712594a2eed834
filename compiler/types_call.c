/*
 * Types of calls: of declared readings, actions and channels by their parameters, of built-ins by
 * how each parameter takes its argument.
 */
#include "compiler/types.h"

#include "runtime/core/base/arena.h"

/* The declaration behind a bare name, or NULL. */
static const struct rbk_declaration *named(const struct rbk_tree_expr *expr,
                                           enum rbk_declaration_kind kind)
{
    return expr->kind == RBK_EXPR_NAME && expr->ref && expr->ref->kind == kind ? expr->ref : NULL;
}

/* ---- declared callees ------------------------------------------------------------------------ */

static void type_declared_argument(const struct rbk_typer *typer, struct rbk_tree_expr *value,
                                   const struct rbk_tree_parameter *parameter)
{
    struct rbk_tree_typing wanted =
        parameter->declaration ? parameter->declaration->typing : parameter->type->typing;
    bool fits = true;
    if (wanted.type == RBK_TYPING_CONNECTION && value->kind == RBK_EXPR_NAME) {
        fits = rbk_type_connection(typer, value->name, wanted.element);
    } else {
        fits = rbk_type_expect(typer, value, wanted, NULL);
    }
    struct rbk_diagnostic *last = typer->analysis->compile->diagnostics.last;
    if (!fits && last && parameter->declaration) {
        rbk_diagnostic_label(last, rbk_declaration_place(parameter->declaration),
                             "the parameter is declared here");
    }
}

static struct rbk_tree_typing type_declared_call(struct rbk_typer *typer,
                                                 const struct rbk_tree_expr *call)
{
    const struct rbk_tree_statement *statement = call->ref->statement;
    for (struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        rbk_type_expr(typer, at->value);
        const struct rbk_tree_parameter *parameter = statement->parameters;
        for (uint32_t i = 0; parameter && i < at->index; i++) {
            parameter = parameter->next;
        }
        if (parameter) {
            type_declared_argument(typer, at->value, parameter);
        }
    }
    return call->ref->kind == RBK_DECLARATION_READING ? call->ref->typing
                                                      : rbk_typing_make(RBK_TYPE_UNKNOWN);
}

/* ---- built-ins ------------------------------------------------------------------------------- */

/* The name of a probe; its type is left for the caller to judge. */
static void type_probe_argument(struct rbk_typer *typer, const struct rbk_builtin *builtin,
                                const struct rbk_tree_expr *value)
{
    const struct rbk_declaration *probe = named(value, RBK_DECLARATION_PROBE);
    if (!probe) {
        if (value->typing.type != RBK_TYPE_UNKNOWN) {
            rbk_diagnostic_help(
                rbk_type_error(typer, value, "`%s` looks at a probe, found %s", builtin->spelling,
                               rbk_expr_words((enum rbk_expr_kind)value->kind)),
                "Declare a probe at the head of the plan: `probe NAME = … every 15s`.");
        }
        return;
    }
    bool any = builtin->kind == RBK_BUILTIN_AGGREGATE &&
               (builtin->is.window == RBK_WINDOW_LAST || builtin->is.window == RBK_WINDOW_COUNT);
    if (any || probe->typing.type == RBK_TYPE_UNKNOWN || rbk_type_is_quantity(probe->typing.type)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_type_error(typer, value, "`%s` of a probe that gives %.*s", builtin->spelling,
                       RBK_STR_ARG(rbk_type_a(typer, probe->typing)));
    rbk_diagnostic_label(diagnostic, rbk_declaration_place(probe), "declared here");
    if (probe->typing.type == RBK_TYPE_SCALAR) {
        rbk_diagnostic_help(diagnostic, "Say there what it is, as in `… as number`.");
    }
}

/* An address that is written in the plan: that no server can be found by it shows at once. */
static void check_address(const struct rbk_typer *typer, const struct rbk_builtin *builtin,
                          const struct rbk_tree_expr *value)
{
    struct rbk_str text = value->text;
    if (value->kind != RBK_EXPR_STRING || value->has_parts) {
        return;
    }
    if (builtin->is.connection == RBK_CONNECTION_POSTGRES &&
        !rbk_str_starts(text, RBK_STR("postgresql://")) &&
        !rbk_str_starts(text, RBK_STR("postgres://")) && rbk_str_find(text, '=') == text.bytes) {
        rbk_diagnostic_help(rbk_type_error(typer, value, "no address of a PostgreSQL server"),
                            "Write `postgresql://USER@HOST/DATABASE`, or `host=… dbname=…`.");
    } else if (builtin->is.connection == RBK_CONNECTION_REDIS &&
               rbk_str_starts(text, RBK_STR("rediss:"))) {
        rbk_diagnostic_help(rbk_type_error(typer, value, "TLS to Redis is not carried out"),
                            "Put a TLS proxy beside the runner, and give its `redis://` address.");
    } else if (builtin->is.connection == RBK_CONNECTION_REDIS &&
               !rbk_str_starts(text, RBK_STR("redis://"))) {
        rbk_diagnostic_help(rbk_type_error(typer, value, "no address of a Redis server"),
                            "Write `redis://HOST:PORT/DATABASE`.");
    }
}

static void type_builtin_argument(struct rbk_typer *typer, const struct rbk_builtin *builtin,
                                  const struct rbk_builtin_parameter *parameter,
                                  struct rbk_tree_expr *value)
{
    struct rbk_tree_typing typing = value->typing;
    switch ((enum rbk_builtin_parameter_kind)parameter->takes) {
    case RBK_TAKES_VALUE:
        if (parameter->repeated || parameter->labels) {
            rbk_type_printable(typer, value, parameter->repeated, "a label");
        } else if (parameter->type == RBK_TYPE_INT &&
                   (typing.type == RBK_TYPE_NUMBER || typing.type == RBK_TYPE_TEXT)) {
            rbk_type_read_as(value, RBK_TYPE_INT);
        } else {
            rbk_type_expect(typer, value, rbk_typing_make(parameter->type), NULL);
        }
        break;
    case RBK_TAKES_QUANTITY:
        if (typing.type == RBK_TYPE_SCALAR) {
            rbk_type_read_as(value, RBK_TYPE_NUMBER);
        } else if (typing.type != RBK_TYPE_UNKNOWN && !rbk_type_is_quantity(typing.type)) {
            rbk_type_error(typer, value, "`%s` takes a quantity, found %.*s", builtin->spelling,
                           RBK_STR_ARG(rbk_type_words(typer, typing)));
        }
        break;
    case RBK_TAKES_URL:
        rbk_type_url(typer, value);
        break;
    case RBK_TAKES_ADDRESS:
        if (typing.type == RBK_TYPE_SECRET || typing.type == RBK_TYPE_URL ||
            rbk_type_expect(typer, value, rbk_typing_make(RBK_TYPE_TEXT), NULL)) {
            check_address(typer, builtin, value);
        }
        break;
    case RBK_TAKES_COMMAND:
        rbk_type_command(typer, value, false, "a command");
        break;
    case RBK_TAKES_STATEMENT:
        rbk_type_statement(typer, value);
        break;
    case RBK_TAKES_CONNECTION:
        if (value->kind == RBK_EXPR_NAME) {
            rbk_type_connection(typer, value->name, parameter->type);
        } else {
            rbk_type_expect(typer, value,
                            (struct rbk_tree_typing){RBK_TYPING_CONNECTION, parameter->type}, NULL);
        }
        break;
    case RBK_TAKES_PROBE:
        type_probe_argument(typer, builtin, value);
        break;
    case RBK_TAKES_SPAN:
        if (value->kind != RBK_EXPR_DURATION && typing.type != RBK_TYPE_UNKNOWN) {
            rbk_diagnostic_help(
                rbk_type_error(typer, value, "`%s` looks back over a duration written in place",
                               builtin->spelling),
                "Write it out, as in `5m`: what is kept of a probe is measured by it.");
        }
        break;
    case RBK_TAKES_CONSTANT:
    case RBK_TAKES_FILTER:
        if (value->kind == RBK_EXPR_STRING && value->has_parts) {
            rbk_diagnostic_help(rbk_type_error(typer, value, "`${}` in the %s of `%s`",
                                               parameter->name, builtin->spelling),
                                "It is a program or a name, and nothing is pasted into those.");
        } else {
            rbk_type_expect(typer, value, rbk_typing_make(RBK_TYPE_TEXT), NULL);
        }
        break;
    case RBK_TAKES_LIST:
        if (typing.type != RBK_TYPE_UNKNOWN && typing.type != RBK_TYPE_LIST) {
            rbk_type_error(typer, value, "`%s` of %.*s", builtin->spelling,
                           RBK_STR_ARG(rbk_type_a(typer, typing)));
        }
        break;
    }
}

/* The quantity that a function of quantities gives back. */
static struct rbk_tree_typing quantity_of(const struct rbk_tree_expr *value)
{
    if (!value) {
        return rbk_typing_make(RBK_TYPE_UNKNOWN);
    }
    unsigned type = rbk_expr_type(value);
    return rbk_typing_make(rbk_type_is_quantity(type) ? type : RBK_TYPE_UNKNOWN);
}

/* ratio(a, b): both of the same unit. */
static void check_ratio(const struct rbk_typer *typer, const struct rbk_tree_expr *call)
{
    const struct rbk_tree_expr *part = rbk_call_value(call, 0);
    const struct rbk_tree_expr *whole = rbk_call_value(call, 1);
    unsigned a = quantity_of(part).type;
    unsigned b = quantity_of(whole).type;
    a = a == RBK_TYPE_INT ? RBK_TYPE_NUMBER : a;
    b = b == RBK_TYPE_INT ? RBK_TYPE_NUMBER : b;
    if (a == b || a == RBK_TYPE_UNKNOWN || b == RBK_TYPE_UNKNOWN) {
        return;
    }
    rbk_diagnostic_label(rbk_diagnostic_mark(rbk_type_error(typer, whole, "a ratio of %s to %s",
                                                            rbk_type_name((enum rbk_type)a),
                                                            rbk_type_name((enum rbk_type)b)),
                                             "%s", rbk_type_name((enum rbk_type)b)),
                         rbk_analysis_place(typer->analysis, part->span), "%s",
                         rbk_type_name((enum rbk_type)a));
}

/* A baseline is measured before the first stage, or it is nothing. */
static void check_measured(const struct rbk_typer *typer, const struct rbk_tree_expr *call,
                           const struct rbk_declaration *probe)
{
    const struct rbk_statements *measured =
        &typer->analysis->compile->program.head[RBK_STATEMENT_BASELINE];
    const struct rbk_tree_name *name = probe->statement->name;
    for (uint32_t i = 0; i < measured->count; i++) {
        if (measured->items[i]->name->name == name->name) {
            return;
        }
    }
    rbk_diagnostic_help(rbk_diagnostic_error(&typer->analysis->compile->diagnostics, 140,
                                             rbk_analysis_place(typer->analysis, call->span),
                                             "nothing measures the baseline of `%.*s`",
                                             RBK_STR_ARG(name->name->text)),
                        "Add `baseline %.*s over 10m` to the head of the plan.",
                        RBK_STR_ARG(name->name->text));
}

static struct rbk_tree_typing builtin_result(const struct rbk_typer *typer,
                                             const struct rbk_builtin *builtin,
                                             const struct rbk_tree_expr *call)
{
    const struct rbk_tree_expr *first = rbk_call_value(call, 0);
    switch ((enum rbk_builtin_kind)builtin->kind) {
    case RBK_BUILTIN_FUNCTION:
        if (builtin->is.function == RBK_FUNCTION_ABS) {
            return quantity_of(first);
        }
        if (builtin->is.function == RBK_FUNCTION_RATIO) {
            check_ratio(typer, call);
        }
        break;
    case RBK_BUILTIN_AGGREGATE:
    case RBK_BUILTIN_BASELINE: {
        const struct rbk_declaration *probe = first ? named(first, RBK_DECLARATION_PROBE) : NULL;
        if (probe && builtin->kind == RBK_BUILTIN_BASELINE) {
            check_measured(typer, call, probe);
        }
        if (builtin->result != RBK_TYPE_UNKNOWN) {
            break;
        }
        if (!probe) {
            return rbk_typing_make(RBK_TYPE_UNKNOWN);
        }
        bool last = builtin->kind == RBK_BUILTIN_AGGREGATE && builtin->is.window == RBK_WINDOW_LAST;
        if (!last && !rbk_type_is_quantity(probe->typing.type)) {
            return rbk_typing_make(RBK_TYPE_UNKNOWN);
        }

        bool average =
            builtin->kind == RBK_BUILTIN_BASELINE || builtin->is.window == RBK_WINDOW_AVG;
        if (average && probe->typing.type == RBK_TYPE_INT) {
            return rbk_typing_make(RBK_TYPE_NUMBER);
        }
        return probe->typing;
    }
    case RBK_BUILTIN_CONSTRUCTOR:
        return (struct rbk_tree_typing){RBK_TYPING_CONNECTION,
                                        (uint8_t)RBK_CONNECTION_BIT(builtin->is.connection)};
    case RBK_BUILTIN_READING:
    case RBK_BUILTIN_VARIABLE:
        break;
    }
    return call->ref->typing;
}

static struct rbk_tree_typing type_builtin_call(struct rbk_typer *typer, struct rbk_tree_expr *call,
                                                const struct rbk_builtin *builtin)
{
    for (struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        rbk_type_expr(typer, at->value);
        if (at->index < builtin->parameter_count) {
            type_builtin_argument(typer, builtin, &builtin->parameters[at->index], at->value);
        }
    }
    return builtin_result(typer, builtin, call);
}

struct rbk_tree_typing rbk_type_call(struct rbk_typer *typer, struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    bool reading = call->ref && (call->ref->kind == RBK_DECLARATION_READING ||
                                 (builtin && builtin->kind == RBK_BUILTIN_READING));
    if (reading) {
        typer->has_reading = true;
        if (typer->place == RBK_PLACE_PARAM) {
            rbk_diagnostic_help(
                rbk_type_error(typer, call, "a reading is not known before the run"),
                "Only params and constants are known before the run starts.");
            return rbk_typing_make(RBK_TYPE_UNKNOWN);
        }
    }
    if (builtin) {
        return type_builtin_call(typer, call, builtin);
    }
    if (call->ref) {
        return type_declared_call(typer, call);
    }
    for (struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        rbk_type_expr(typer, at->value);
    }
    return rbk_typing_make(RBK_TYPE_UNKNOWN);
}
