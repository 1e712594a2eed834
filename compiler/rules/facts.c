/*
 * Facts, found bottom up. Actions call actions at most RBK_ACTION_DEPTH_MAX deep and never in a
 * circle, or facts_unknown is set and they are taken on trust; so this recurses.
 */
#include "compiler/rules/facts.h"

#include "runtime/core/base/attributes.h"

/* ---- actions --------------------------------------------------------------------------------- */

static void find_action(struct rbk_rules *rules, struct rbk_tree_statement *statement);

const struct rbk_tree_statement *rbk_fact_action(const struct rbk_tree_statement *statement)
{
    const struct rbk_declaration *callee = statement->value ? statement->value->ref : NULL;
    return callee && callee->kind == RBK_DECLARATION_ACTION ? callee->statement : NULL;
}

bool rbk_fact_changes(const struct rbk_tree_statement *statement)
{
    if (statement->kind != RBK_STATEMENT_DO) {
        return rbk_statement_is_effect(statement);
    }
    const struct rbk_tree_statement *action = rbk_fact_action(statement);
    return !action || rbk_program_action_of(action)->has_effect;
}

/* Whether a step is of those that go on until something outside answers. */
static bool needs_end(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_RUN:
    case RBK_STATEMENT_SHELL:
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_HTTP:
    case RBK_STATEMENT_REDIS:
    case RBK_STATEMENT_CAPTURE_RUN:
    case RBK_STATEMENT_WAIT_UNTIL:
        return true;
    case RBK_STATEMENT_CHECK:
        return rbk_tree_clause_find(statement, RBK_CLAUSE_FOR) != NULL;
    default:
        return false;
    }
}

/* What one step adds to the facts of its action or inverse. */
static void add_step(struct rbk_rules *rules, struct rbk_program_action *action,
                     struct rbk_tree_statement *owner, struct rbk_tree_statement *at, bool inverse)
{
    bool *bounded = inverse ? &action->undo_bounded : &action->bounded;
    bool ends = rbk_tree_clause_find(at, RBK_CLAUSE_TIMEOUT) != NULL;
    if (at->kind == RBK_STATEMENT_CHECK && !inverse) {
        owner->annotation_flags |= RBK_FACT_CHECKS;
    }
    if (at->kind == RBK_STATEMENT_DO) {
        struct rbk_tree_statement *callee = (struct rbk_tree_statement *)rbk_fact_action(at);
        if (!callee) {
            return;
        }
        find_action(rules, callee);
        ends |= rbk_program_action_of(callee)->bounded;
        owner->annotation_flags |= callee->annotation_flags & RBK_FACT_CHECKS;
    } else if (!needs_end(at)) {
        ends = true;
    }
    if (!inverse) {
        action->has_effect |= rbk_fact_changes(at);
    }
    if (!ends) {
        *bounded = false;
        if (!action->unbounded) {
            action->unbounded = at;
        }
    }
}

static void find_action(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    if (statement->annotation_flags & RBK_FACT_KNOWN) {
        return;
    }
    struct rbk_program_action *action = rbk_program_action_of(statement);
    statement->annotation_flags |= RBK_FACT_KNOWN;
    action->bounded = action->undo_bounded = true;
    if (rules->facts_unknown) {
        action->has_effect = true;
        statement->annotation_flags |= RBK_FACT_CHECKS;
        return;
    }
    bool inverse = false;
    const struct rbk_tree_statement *undo = action->undo;
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        for (struct rbk_tree_statement *in = at; in; in = rbk_statement_next(at, in)) {
            inverse = at == undo;
            add_step(rules, action, statement, in, inverse);
        }
    }
}

void rbk_facts_find(struct rbk_rules *rules)
{
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_statements *actions = &rules->program->files[i]->actions;
        for (uint32_t j = 0; j < actions->count; j++) {
            find_action(rules, actions->items[j]);
        }
    }
}

static void each_of(struct rbk_rules *rules, const struct rbk_statements *list,
                    rbk_fact_part_fn *on_part)
{
    for (uint32_t i = 0; i < list->count; i++) {
        on_part(rules, list->items[i]);
    }
}

void rbk_fact_each_part(struct rbk_rules *rules, rbk_fact_part_fn *on_part)
{
    const struct rbk_source *source = rules->source;
    for (struct rbk_tree_statement *at = rbk_rules_head(rules); at; at = rbk_head_next(at)) {
        on_part(rules, at);
    }
    for (uint32_t i = 0; i < rules->program->file_count; i++) {
        const struct rbk_program_file *file = rules->program->files[i];
        if (!file->is_std) {
            rules->source = file->tree->source;
            each_of(rules, &file->actions, on_part);
            each_of(rules, &file->channels, on_part);
        }
    }
    rules->source = source;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Whether a statement stands in a `verify` below @root. */
static bool in_verify(const struct rbk_tree_statement *root, const struct rbk_tree_statement *at)
{
    for (; at != root; at = at->parent) {
        if (at->kind == RBK_STATEMENT_VERIFY) {
            return true;
        }
    }
    return false;
}

struct rbk_tree_statement *rbk_fact_first_change(const struct rbk_tree_statement *root)
{
    struct rbk_tree_statement *at = (struct rbk_tree_statement *)root;
    while ((at = rbk_statement_next(root, at))) {
        if (rbk_fact_changes(at) && !in_verify(root, at)) {
            return at;
        }
    }
    return NULL;
}

bool rbk_fact_is_fake_command(const struct rbk_tree_expr *command)
{
    static const char *const fakes[] = {"true",          ":", "exit 0", "exit", "/bin/true",
                                        "/usr/bin/true", ""};
    if (command->kind == RBK_EXPR_LIST) {
        if (!command->items || command->items->next) {
            return false;
        }
        command = command->items;
    }
    if (command->kind != RBK_EXPR_STRING || command->has_parts) {
        return false;
    }
    struct rbk_str text = rbk_str_trim(command->text);
    for (size_t i = 0; i < RBK_COUNT(fakes); i++) {
        if (rbk_str_is(text, fakes[i])) {
            return true;
        }
    }
    return false;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static bool is_fake_exit(const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    if (!builtin || builtin->kind != RBK_BUILTIN_READING || builtin->is.read != RBK_READ_RUN_EXIT) {
        return false;
    }
    const struct rbk_tree_expr *command = rbk_call_value(call, 0);
    return command && rbk_fact_is_fake_command(command);
}

/* Whether all items of a list of expressions are constant. */
static bool all_constant(const struct rbk_rules *rules, const struct rbk_tree_expr *items)
{
    for (; items; items = items->next) {
        if (!rbk_fact_is_constant(rules, items)) {
            return false;
        }
    }
    return true;
}

bool rbk_fact_is_constant(const struct rbk_rules *rules, const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_POISON:
    case RBK_EXPR_NAME:
    case RBK_EXPR_MEMBER:
    case RBK_EXPR_FILE:
    case RBK_EXPR_KINDS:
        return false;
    case RBK_EXPR_CALL: {
        const struct rbk_builtin *builtin = rbk_builtin_of(expr->ref);
        if (!builtin || builtin->kind != RBK_BUILTIN_FUNCTION) {
            return is_fake_exit(expr);
        }
        for (const struct rbk_tree_argument *at = expr->arguments; at; at = at->next) {
            if (!rbk_fact_is_constant(rules, at->value)) {
                return false;
            }
        }
        return true;
    }
    case RBK_EXPR_STRING:
        return !expr->has_parts || all_constant(rules, expr->parts);
    case RBK_EXPR_LIST:
        return all_constant(rules, expr->items);
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        return rbk_fact_is_constant(rules, expr->left);
    case RBK_EXPR_BINARY:
        if (rbk_str_equal(rbk_source_text(rules->source, expr->left->span),
                          rbk_source_text(rules->source, expr->right->span)) &&
            expr->op != RBK_OPERATOR_ADD && expr->op != RBK_OPERATOR_MULTIPLY) {
            return true;
        }
        if (expr->op == RBK_OPERATOR_OR &&
            (expr->left->kind == RBK_EXPR_BOOL || expr->right->kind == RBK_EXPR_BOOL)) {
            return true;
        }
        return rbk_fact_is_constant(rules, expr->left) && rbk_fact_is_constant(rules, expr->right);
    default:
        return true;
    }
}

static void each_name(const struct rbk_tree_expr *expr, rbk_fact_name_fn *on_name, void *context,
                      bool guarded)
{
    if (!expr) {
        return;
    }
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        on_name(context, expr, guarded);
        break;
    case RBK_EXPR_STRING:
        for (const struct rbk_tree_expr *at = expr->has_parts ? expr->parts : NULL; at;
             at = at->next) {
            each_name(at, on_name, context, guarded);
        }
        break;
    case RBK_EXPR_LIST:
        for (const struct rbk_tree_expr *at = expr->items; at; at = at->next) {
            each_name(at, on_name, context, guarded);
        }
        break;
    case RBK_EXPR_CALL:
        for (const struct rbk_tree_argument *at = expr->arguments; at; at = at->next) {
            each_name(at->value, on_name, context, guarded);
        }
        break;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        each_name(expr->left, on_name, context, guarded);
        break;
    case RBK_EXPR_BINARY:
        each_name(expr->left, on_name, context, guarded || expr->op == RBK_OPERATOR_COALESCE);
        each_name(expr->right, on_name, context, guarded);
        break;
    default:
        break;
    }
}

void rbk_fact_each_name(const struct rbk_tree_expr *expr, rbk_fact_name_fn *on_name, void *context)
{
    each_name(expr, on_name, context, false);
}

void rbk_fact_each_name_of(const struct rbk_tree_statement *statement, rbk_fact_name_fn *on_name,
                           void *context)
{
    rbk_fact_each_name(statement->text, on_name, context);
    rbk_fact_each_name(statement->value, on_name, context);
    for (const struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        rbk_fact_each_name(at->value, on_name, context);
        rbk_fact_each_name(at->second, on_name, context);
        for (const struct rbk_tree_argument *entry = at->kind == RBK_CLAUSE_ENV ? at->arguments
                                                                                : NULL;
             entry; entry = entry->next) {
            rbk_fact_each_name(entry->value, on_name, context);
        }
    }
}
