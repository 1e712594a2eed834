/*
 * Names inside expressions: bare names, members of modules and of the run, calls and their
 * arguments. Which types fit is the typer's business; here every name gets its declaration and
 * every argument the number of its parameter.
 *
 * Expressions are at most RBK_EXPRESSION_DEPTH_MAX deep, so this recurses.
 */
#include "compiler/analysis.h"
#include "compiler/nearest.h"
#include "runtime/core/base/arena.h"

#include <string.h>

/* A module's file and what it offers. */
static const struct rbk_program_file *module_file(const struct rbk_declaration *module)
{
    return (const struct rbk_program_file *)module->annotation;
}

static void error_with_mark(struct rbk_analysis *analysis, struct rbk_span span,
                            const char *message, struct rbk_str name, const char *help)
{
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, span), "`%.*s` %s",
        RBK_STR_ARG(name), message);
    if (help) {
        rbk_diagnostic_help(diagnostic, "%s", help);
    }
}

/* ---- names that are not called ------------------------------------------------------------- */

static bool is_callable_name(const struct rbk_analysis *analysis, const struct rbk_name *name)
{
    const struct rbk_builtin *builtin =
        rbk_builtin_of(rbk_builtins_find(&analysis->compile->program.builtins, NULL, name));
    return rbk_scope_find(name, RBK_SPACE_CALLABLE) ||
           (builtin && builtin->kind != RBK_BUILTIN_VARIABLE);
}

/* A default may use the params above it, a `where` its own param too: so values can be found in
 * order. */
static void check_param_order(struct rbk_analysis *analysis, const struct rbk_tree_name *name,
                              const struct rbk_declaration *found)
{
    const struct rbk_declaration *param = analysis->param;
    if (!param || found->kind != RBK_DECLARATION_PARAM || found->span.start < param->span.start ||
        (found == param && analysis->in_where)) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, name->span),
        found == param ? "the default of `%.*s` is made of itself" : "`%.*s` is declared below",
        RBK_STR_ARG(name->name->text));
    if (found != param) {
        rbk_diagnostic_label(diagnostic, rbk_declaration_place(found), "declared here");
    }
    rbk_diagnostic_help(diagnostic, "A param's default may use the params above it.");
}

static void resolve_name(struct rbk_analysis *analysis, struct rbk_tree_expr *expr)
{
    struct rbk_tree_name *name = expr->name;
    struct rbk_declaration *found = rbk_scope_find(name->name, RBK_SPACE_VALUE);
    if (found && found->kind != RBK_DECLARATION_MODULE) {
        found->uses++;
        name->ref = expr->ref = found;
        check_param_order(analysis, name, found);
        return;
    }
    struct rbk_declaration *core =
        rbk_builtins_find(&analysis->compile->program.builtins, NULL, name->name);
    const struct rbk_builtin *builtin = rbk_builtin_of(core);
    if (builtin && builtin->kind == RBK_BUILTIN_VARIABLE &&
        (analysis->in_channel || !rbk_builtin_only_in_channel(builtin))) {
        name->ref = expr->ref = core;
        return;
    }
    if (found) {
        found->uses++;
        error_with_mark(analysis, name->span, "is a module, not a value", name->name->text,
                        "Name one of its readings, as in `module.reading(…)`.");
    } else if (is_callable_name(analysis, name->name)) {
        error_with_mark(analysis, name->span, "is called, not named", name->name->text,
                        "Write its arguments in parentheses behind it.");
    } else {
        rbk_scope_report_unknown(analysis, name, RBK_SPACE_VALUE, NULL);
    }
}

/* Report a member that a built-in space, such as `run`, does not have. */
static void report_unknown_member(struct rbk_analysis *analysis, const struct rbk_name *space,
                                  const struct rbk_tree_name *member, bool called)
{
    if (analysis->broken) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, member->span),
        "`%.*s` has no %s `%.*s`", RBK_STR_ARG(space->text), called ? "reading" : "value",
        RBK_STR_ARG(member->name->text));
    struct rbk_arena *arena = &analysis->compile->arena;
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, rbk_arena_printf(arena, "%.*s.%.*s", RBK_STR_ARG(space->text),
                                                RBK_STR_ARG(member->name->text)));
    struct rbk_str list = RBK_STR("");
    uint32_t count;
    const struct rbk_builtin *table = rbk_builtin_table(&count);
    for (uint32_t i = 0; i < count; i++) {
        struct rbk_str spelling = rbk_str_from(table[i].spelling);
        size_t dot = rbk_str_find(spelling, '.');
        if (dot < spelling.bytes && rbk_str_equal(rbk_str_slice(spelling, 0, dot), space->text) &&
            (table[i].kind != RBK_BUILTIN_VARIABLE) == called) {
            rbk_nearest_offer(&nearest, spelling);
            list = rbk_arena_printf(arena, "%.*s%s`%.*s`", RBK_STR_ARG(list),
                                    list.bytes > 0 ? ", " : "", RBK_STR_ARG(spelling));
        }
    }
    for (uint32_t i = 0; i < analysis->scope.count && called; i++) {
        const struct rbk_declaration *at = analysis->scope.items[i];
        if (at->kind == RBK_DECLARATION_MODULE && module_file(at) &&
            rbk_map_get(&module_file(at)->members, member->name->text)) {
            rbk_diagnostic_help(diagnostic, "There is `%.*s.%.*s`.", RBK_STR_ARG(at->name->text),
                                RBK_STR_ARG(member->name->text));
            return;
        }
    }
    /* The space is right: two letters of the rest, or it is another word. */
    if (nearest.best.bytes && nearest.distance <= 2) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    } else if (list.bytes > 0) {
        rbk_diagnostic_help(diagnostic, "There is %.*s.", RBK_STR_ARG(list));
    }
}

/* Whether a name is meant for a module that could not be loaded, which was reported: it was
 * misspelt where it is used, and is spelled well here. */
static bool follows_from_use(const struct rbk_analysis *analysis, const struct rbk_name *name)
{
    for (uint32_t i = 0; i < analysis->scope.count; i++) {
        const struct rbk_declaration *at = analysis->scope.items[i];
        struct rbk_nearest nearest;
        if (at->kind != RBK_DECLARATION_MODULE || module_file(at)) {
            continue;
        }
        rbk_nearest_init(&nearest, name->text);
        rbk_nearest_offer(&nearest, at->name->text);
        if (nearest.best.bytes || rbk_str_ends(at->name->text, name->text)) {
            return true;
        }
    }
    return false;
}

/* Report a member that a module does not have. */
static void report_unknown_in_module(struct rbk_analysis *analysis,
                                     const struct rbk_program_file *file,
                                     const struct rbk_tree_name *member)
{
    if (file->tree->broken) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, member->span),
        "module `%.*s` has no `%.*s`", RBK_STR_ARG(file->module), RBK_STR_ARG(member->name->text));
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, member->name->text);
    for (size_t i = 0; i < file->members.count; i++) {
        rbk_nearest_offer(&nearest, file->members.entries[i].key);
    }
    if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    }
}

/* What `space.member` means; NULL after a message. Sets the refs of the names. */
static struct rbk_declaration *find_member(struct rbk_analysis *analysis,
                                           struct rbk_tree_expr *expr, bool called)
{
    struct rbk_tree_expr *left = expr->left;
    struct rbk_tree_name *member = expr->name;
    if (left->kind != RBK_EXPR_NAME) {
        rbk_resolve_expr(analysis, left);
        if (left->kind != RBK_EXPR_POISON) {
            rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                                     rbk_analysis_place(analysis, expr->span),
                                                     "%s has no members",
                                                     rbk_expr_words(left->kind)),
                                "A dot stands only after a module, or in `run.…` and `plan.…`.");
        }
        return NULL;
    }
    const struct rbk_program *program = &analysis->compile->program;
    struct rbk_tree_name *space = left->name;
    struct rbk_declaration *found = rbk_scope_find(space->name, RBK_SPACE_VALUE);
    struct rbk_declaration *core = rbk_builtins_find(&program->builtins, space->name, member->name);
    if (found) {
        found->uses++;
    }
    if (found && found->kind == RBK_DECLARATION_MODULE) {
        space->ref = left->ref = found;
        const struct rbk_program_file *file = module_file(found);
        if (!file) {
            return core; /* The module could not be loaded, which was reported. */
        }
        struct rbk_declaration *declaration = rbk_map_get(&file->members, member->name->text);
        if (declaration) {
            declaration->uses++;
        } else if (core) {
            found->uses--; /* `http.status` is built in, whether or not `std.http` is named, too. */
        } else {
            report_unknown_in_module(analysis, file, member);
        }
        return declaration ? declaration : core;
    }
    if (core) {
        return core;
    }
    if (found) {
        rbk_diagnostic_label(
            rbk_diagnostic_error(
                &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, member->span),
                "`%.*s` is %s %s and has no members", RBK_STR_ARG(space->name->text),
                RBK_A(rbk_declaration_words((enum rbk_declaration_kind)found->kind))),
            rbk_declaration_place(found), "declared here");
    } else if (rbk_builtins_has_space(&program->builtins, space->name)) {
        report_unknown_member(analysis, space->name, member, called);
    } else if (!follows_from_use(analysis, space->name)) {
        rbk_scope_report_unknown(analysis, space, RBK_SPACE_VALUE, "module");
    }
    return NULL;
}

static void resolve_member(struct rbk_analysis *analysis, struct rbk_tree_expr *expr)
{
    struct rbk_declaration *found = find_member(analysis, expr, false);
    if (!found) {
        return;
    }
    const struct rbk_builtin *builtin = rbk_builtin_of(found);
    if (builtin && builtin->kind == RBK_BUILTIN_VARIABLE) {
        expr->name->ref = expr->ref = found;
    } else {
        error_with_mark(analysis, expr->span, "is called, not named", expr->name->name->text,
                        "Write its arguments in parentheses behind it.");
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void note_call(struct rbk_analysis *analysis, struct rbk_declaration *callee,
                      struct rbk_span span)
{
    if (!analysis->caller || callee->file != analysis->file->tree) {
        return; /* Calls into other modules cannot come back: modules have no cycles. */
    }
    if (analysis->edge_count == analysis->edge_capacity) {
        uint32_t capacity = analysis->edge_capacity ? analysis->edge_capacity * 2 : 64;
        struct rbk_call_edge *edges =
            rbk_new_array(&analysis->compile->arena, struct rbk_call_edge, capacity);
        if (analysis->edge_count) {
            memcpy(edges, analysis->edges, analysis->edge_count * sizeof(edges[0]));
        }
        analysis->edges = edges;
        analysis->edge_capacity = capacity;
    }
    analysis->edges[analysis->edge_count++] =
        (struct rbk_call_edge){analysis->caller, callee, rbk_analysis_place(analysis, span)};
}

/* What a call calls; NULL after a message. */
static struct rbk_declaration *find_callee(struct rbk_analysis *analysis,
                                           struct rbk_tree_expr *call)
{
    struct rbk_tree_expr *left = call->left;
    if (left->kind == RBK_EXPR_MEMBER) {
        return find_member(analysis, left, true);
    }
    if (left->kind != RBK_EXPR_NAME) {
        rbk_resolve_expr(analysis, left);
        if (left->kind != RBK_EXPR_POISON) {
            rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                 rbk_analysis_place(analysis, left->span), "%s cannot be called",
                                 rbk_expr_words(left->kind));
        }
        return NULL;
    }
    struct rbk_declaration *found = rbk_scope_find(left->name->name, RBK_SPACE_CALLABLE);
    if (found) {
        found->uses++;
        return found;
    }
    found = rbk_builtins_find(&analysis->compile->program.builtins, NULL, left->name->name);
    const struct rbk_builtin *builtin = rbk_builtin_of(found);
    if (builtin && builtin->kind != RBK_BUILTIN_VARIABLE) {
        if (builtin->kind == RBK_BUILTIN_AGGREGATE && builtin->is.window == RBK_WINDOW_COUNT &&
            call->arguments && !call->arguments->next) {
            return rbk_builtins_count_of_list(&analysis->compile->program.builtins);
        }
        return found;
    }
    rbk_scope_report_unknown(analysis, left->name, RBK_SPACE_CALLABLE, NULL);
    return NULL;
}

/* Why a callee cannot stand where it stands, or NULL when it can. */
static const char *why_not_here(const struct rbk_declaration *callee,
                                enum rbk_declaration_kind wanted)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(callee);
    bool constructor = builtin && builtin->kind == RBK_BUILTIN_CONSTRUCTOR;
    if (builtin && builtin->kind == RBK_BUILTIN_VARIABLE) {
        return "is a value and cannot be called";
    }
    switch (wanted) {
    case RBK_DECLARATION_ACTION:
        return callee->kind == RBK_DECLARATION_ACTION ? NULL : "is not an action";
    case RBK_DECLARATION_CHANNEL_TYPE:
        return callee->kind == RBK_DECLARATION_CHANNEL_TYPE ? NULL : "is not a channel";
    case RBK_DECLARATION_CONNECTION:
        return constructor ? NULL : "makes no connection";
    default:
        if (callee->kind == RBK_DECLARATION_ACTION) {
            return "is an action, and gives no value";
        }
        if (callee->kind == RBK_DECLARATION_CHANNEL_TYPE) {
            return "is a channel, and gives no value";
        }
        return constructor ? "makes a connection, which is no value" : NULL;
    }
}

/* What to do instead. */
static const char *help_for(enum rbk_declaration_kind wanted, const struct rbk_declaration *callee)
{
    switch (wanted) {
    case RBK_DECLARATION_ACTION:
        return "`do` carries out an action; a reading stands in `let`, `check` or a condition.";
    case RBK_DECLARATION_CHANNEL_TYPE:
        return "A channel comes from a module, as in `channel incident = slack.webhook(url)`.";
    case RBK_DECLARATION_CONNECTION:
        return "Use `postgres(…)`, `sqlite(…)` or `redis(…)`.";
    default:
        if (!callee) {
            return NULL;
        }
        if (callee->kind == RBK_DECLARATION_ACTION) {
            return "Write `do` before it, as a step of its own.";
        }
        if (callee->kind == RBK_DECLARATION_CHANNEL_TYPE) {
            return "Declare it at the head of the plan: `channel NAME = …`.";
        }
        if (callee->kind == RBK_DECLARATION_CORE) {
            return "Declare it at the head of the plan: `connection NAME = …`.";
        }
        return NULL;
    }
}

static void resolve_call(struct rbk_analysis *analysis, struct rbk_tree_expr *call,
                         enum rbk_declaration_kind wanted)
{
    uint32_t errors = analysis->compile->diagnostics.errors;
    struct rbk_declaration *callee = find_callee(analysis, call);
    struct rbk_diagnostic *last = analysis->compile->diagnostics.last;
    if (!callee && last && !last->notes && analysis->compile->diagnostics.errors > errors &&
        (wanted == RBK_DECLARATION_CONNECTION || wanted == RBK_DECLARATION_CHANNEL_TYPE)) {
        rbk_diagnostic_help(last, "%s", help_for(wanted, NULL));
    }
    const char *problem = callee ? why_not_here(callee, wanted) : NULL;
    if (problem) {
        struct rbk_str text = rbk_source_text(analysis->file->tree->source, call->left->span);
        error_with_mark(analysis, call->left->span, problem, text, help_for(wanted, callee));
        callee = NULL;
    }
    if (callee) {
        call->ref = callee;
        call->left->ref = callee;
        if (call->left->kind == RBK_EXPR_NAME || call->left->kind == RBK_EXPR_MEMBER) {
            call->left->name->ref = callee;
        }
        rbk_resolve_arguments(analysis, call, callee);
        if (callee->kind != RBK_DECLARATION_CORE) {
            note_call(analysis, callee, call->left->span);
        }
    }
    for (struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        rbk_resolve_expr(analysis, at->value);
    }
}

void rbk_resolve_call_of(struct rbk_analysis *analysis, struct rbk_tree_expr *expr,
                         enum rbk_declaration_kind kind)
{
    if (expr->kind == RBK_EXPR_CALL) {
        resolve_call(analysis, expr, kind);
        return;
    }
    rbk_resolve_expr(analysis, expr);
    if (expr->kind == RBK_EXPR_POISON) {
        return;
    }
    rbk_diagnostic_help(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                             rbk_analysis_place(analysis, expr->span),
                                             "expected a call, found %s",
                                             rbk_expr_words(expr->kind)),
                        "%s", help_for(kind, NULL));
}

void rbk_resolve_expr(struct rbk_analysis *analysis, struct rbk_tree_expr *expr)
{
    if (!expr) {
        return;
    }
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        resolve_name(analysis, expr);
        break;
    case RBK_EXPR_MEMBER:
        resolve_member(analysis, expr);
        break;
    case RBK_EXPR_CALL:
        resolve_call(analysis, expr, RBK_DECLARATION_READING);
        break;
    case RBK_EXPR_STRING:
        if (expr->has_parts) {
            for (struct rbk_tree_expr *part = expr->parts; part; part = part->next) {
                rbk_resolve_expr(analysis, part);
            }
        }
        break;
    case RBK_EXPR_LIST:
        for (struct rbk_tree_expr *item = expr->items; item; item = item->next) {
            rbk_resolve_expr(analysis, item);
        }
        break;
    case RBK_EXPR_BINARY:
        rbk_resolve_expr(analysis, expr->left);
        rbk_resolve_expr(analysis, expr->right);
        break;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
    case RBK_EXPR_FILE:
        rbk_resolve_expr(analysis, expr->left);
        break;
    case RBK_EXPR_POISON:
    case RBK_EXPR_TEXT:
    case RBK_EXPR_BOOL:
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
    case RBK_EXPR_KINDS:
        break;
    }
}
