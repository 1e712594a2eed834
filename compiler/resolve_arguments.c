/*
 * Arguments of calls: which parameter each one is for. The callee is known; whether the argument's
 * type fits is the typer's business.
 */
#include "compiler/analysis.h"
#include "compiler/nearest.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/limits.h"

/* What one call's arguments are matched against. */
struct matching {
    struct rbk_analysis *analysis;
    const struct rbk_tree_expr *call;
    const struct rbk_declaration *callee;
    const struct rbk_builtin *builtin; /* Or NULL: a declared callee. */
    uint64_t given[RBK_PARAMETERS_MAX / 64 + 1];
    uint32_t count; /* Parameters. */
};

static const struct rbk_tree_parameter *parameter_at(const struct matching *matching,
                                                     uint32_t index)
{
    const struct rbk_tree_parameter *at = matching->callee->statement->parameters;
    while (at && index-- > 0) {
        at = at->next;
    }
    return at;
}

static struct rbk_str parameter_name(const struct matching *matching, uint32_t index)
{
    if (matching->builtin) {
        return rbk_str_from(matching->builtin->parameters[index].name);
    }
    return parameter_at(matching, index)->name.name->text;
}

/* "`k8s.scale`", for messages: as written at the call. */
static struct rbk_str call_text(const struct matching *matching)
{
    return rbk_source_text(matching->analysis->file->tree->source, matching->call->left->span);
}

static bool is_given(const struct matching *matching, uint32_t index)
{
    return matching->given[index / 64] >> (index % 64) & 1;
}

static void mark_given(struct matching *matching, uint32_t index)
{
    matching->given[index / 64] |= (uint64_t)1 << (index % 64);
}

/* "takes (deployment, replicas, namespace)" as a note at the callee. */
static void note_parameters(const struct matching *matching, struct rbk_diagnostic *diagnostic)
{
    struct rbk_arena *arena = &matching->analysis->compile->arena;
    struct rbk_str list = RBK_STR("");
    for (uint32_t i = 0; i < matching->count && i < 8; i++) {
        struct rbk_str name = parameter_name(matching, i);
        list = rbk_arena_printf(arena, "%.*s%s%.*s", RBK_STR_ARG(list), i ? ", " : "",
                                RBK_STR_ARG(name));
    }
    struct rbk_str takes = matching->count
                               ? rbk_arena_printf(arena, "takes (%.*s%s)", RBK_STR_ARG(list),
                                                  matching->count > 8 ? ", …" : "")
                               : RBK_STR("takes no arguments");
    struct rbk_place place = rbk_declaration_place(matching->callee);
    if (place.source) {
        rbk_diagnostic_label(diagnostic, place, "%.*s", RBK_STR_ARG(takes));
    } else {
        rbk_diagnostic_note(diagnostic, place, "`%.*s` %.*s", RBK_STR_ARG(call_text(matching)),
                            RBK_STR_ARG(takes));
    }
}

/* The number of the parameter called @name, or count. */
static uint32_t find_parameter(const struct matching *matching, const struct rbk_name *name)
{
    uint32_t index = 0;
    if (matching->builtin) {
        while (index < matching->count &&
               !rbk_str_is(name->text, matching->builtin->parameters[index].name)) {
            index++;
        }
        return index;
    }
    const struct rbk_tree_parameter *at = matching->callee->statement->parameters;
    for (; at && at->name.name != name; at = at->next) {
        index++;
    }
    return index;
}

static void report_unknown_argument(const struct matching *matching,
                                    const struct rbk_tree_argument *argument)
{
    const struct rbk_analysis *analysis = matching->analysis;
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, argument->name->span),
        "`%.*s` has no parameter `%.*s`", RBK_STR_ARG(call_text(matching)),
        RBK_STR_ARG(argument->name->name->text));
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, argument->name->name->text);
    for (uint32_t i = 0; i < matching->count; i++) {
        rbk_nearest_offer(&nearest, parameter_name(matching, i));
    }
    if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    }
    note_parameters(matching, diagnostic);
}

/* Number a named argument. @return false after a message. */
static bool match_named(struct matching *matching, struct rbk_tree_argument *argument)
{
    const struct rbk_analysis *analysis = matching->analysis;
    uint32_t last = matching->count - 1;
    if (matching->builtin && matching->count && matching->builtin->parameters[last].labels &&
        find_parameter(matching, argument->name->name) >= last) {
        argument->index = last;
        mark_given(matching, last);
        return true;
    }
    argument->index = find_parameter(matching, argument->name->name);
    if (argument->index == matching->count) {
        report_unknown_argument(matching, argument);
        return false;
    }
    if (is_given(matching, argument->index)) {
        rbk_diagnostic_error(&analysis->compile->diagnostics, 130,
                             rbk_analysis_place(analysis, argument->name->span),
                             "`%.*s` is given twice", RBK_STR_ARG(argument->name->name->text));
    }
    mark_given(matching, argument->index);
    return true;
}

/* Number a positional argument, the next in order. @return false after a message. */
static bool match_positional(struct matching *matching, struct rbk_tree_argument *argument,
                             uint32_t position)
{
    const struct rbk_builtin *builtin = matching->builtin;
    if (builtin && matching->count && position >= matching->count - 1 &&
        builtin->parameters[matching->count - 1].repeated) {
        position = matching->count - 1;
    }
    bool fits = position < matching->count && !(builtin && builtin->parameters[position].labels);
    if (!fits) {
        const struct rbk_analysis *analysis = matching->analysis;
        struct rbk_diagnostic *diagnostic =
            rbk_diagnostic_error(&analysis->compile->diagnostics, 130,
                                 rbk_analysis_place(analysis, argument->value->span),
                                 "too many arguments for `%.*s`", RBK_STR_ARG(call_text(matching)));
        note_parameters(matching, diagnostic);
        return false;
    }
    argument->index = position;
    mark_given(matching, position);
    return true;
}

static bool may_be_left_out(const struct matching *matching, uint32_t index)
{
    if (matching->builtin) {
        return matching->builtin->parameters[index].optional ||
               matching->builtin->parameters[index].labels;
    }
    return parameter_at(matching, index)->value != NULL;
}

static void report_missing(const struct matching *matching)
{
    const struct rbk_analysis *analysis = matching->analysis;
    struct rbk_str list = RBK_STR("");
    uint32_t missing = 0;
    const struct rbk_tree_parameter *at =
        matching->builtin ? NULL : matching->callee->statement->parameters;
    for (uint32_t i = 0; i < matching->count; i++) {
        bool needed = matching->builtin ? !may_be_left_out(matching, i) : !at->value;
        if (needed && !is_given(matching, i)) {
            struct rbk_str name =
                matching->builtin ? parameter_name(matching, i) : at->name.name->text;
            list = rbk_arena_printf(&analysis->compile->arena, "%.*s%s`%.*s`", RBK_STR_ARG(list),
                                    missing++ ? ", " : "", RBK_STR_ARG(name));
        }
        at = at ? at->next : NULL;
    }
    if (missing == 0) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 130, rbk_analysis_place(analysis, matching->call->span),
        "`%.*s` needs %.*s", RBK_STR_ARG(call_text(matching)), RBK_STR_ARG(list));
    rbk_diagnostic_mark(diagnostic, missing == 1 ? "argument missing" : "arguments missing");
    note_parameters(matching, diagnostic);
    /* Which parameter each of the others is meant for is not known: their types are not judged. */
    for (struct rbk_tree_argument *argument = matching->call->arguments; argument;
         argument = argument->next) {
        argument->index = UINT32_MAX;
    }
}

void rbk_resolve_arguments(struct rbk_analysis *analysis, struct rbk_tree_expr *call,
                           const struct rbk_declaration *callee)
{
    struct matching matching = {
        .analysis = analysis, .call = call, .callee = callee, .builtin = rbk_builtin_of(callee)};
    if (matching.builtin) {
        matching.count = matching.builtin->parameter_count;
    } else {
        for (const struct rbk_tree_parameter *at = callee->statement->parameters; at;
             at = at->next) {
            matching.count++;
        }
        if (matching.count > RBK_PARAMETERS_MAX) {
            return; /* Reported where it is declared. */
        }
    }
    bool complete = true;
    uint32_t position = 0;
    bool named = false;
    for (struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        at->index = UINT32_MAX;
        if (at->name) {
            named = true;
            complete &= match_named(&matching, at);
        } else if (named && complete) {
            rbk_diagnostic_help(
                rbk_diagnostic_error(&analysis->compile->diagnostics, 130,
                                     rbk_analysis_place(analysis, at->value->span),
                                     "an argument without a name behind one with a name"),
                "Put the arguments without names first.");
            complete = false;
        } else {
            complete &= match_positional(&matching, at, position++);
        }
    }
    if (complete) {
        report_missing(&matching);
    }
}
