/*
 * Names in statements: what a statement's own names and clauses refer to, what it declares, and how
 * long that can be seen.
 *
 * `let` and `into` are seen by what follows in their block. A block of `if` or `foreach` ends what
 * it declared; the branches of `parallel` do not see each other's, but what follows sees all of
 * them.
 */
#include "compiler/analysis.h"
#include "compiler/calendar.h"
#include "compiler/nearest.h"
#include "compiler/parse.h"
#include "compiler/seats.h"
#include "runtime/core/base/arena.h"
#include "runtime/core/base/assert.h"

/* ---- words from a fixed list ----------------------------------------------------------------- */

#define STAGE_KIND_WORD(constant, word) word,
static const char *const stage_kinds[] = {RBK_STAGE_KINDS(STAGE_KIND_WORD) NULL};
#undef STAGE_KIND_WORD
#define RISK_WORD(constant, word) word,
static const char *const risks[] = {RBK_RISKS(RISK_WORD) NULL};
#undef RISK_WORD
#define HOOK_WORD(constant, word) word,
static const char *const kept_words[] = {"kept", NULL};
static const char *const hooks[] = {RBK_HOOK_KINDS(HOOK_WORD) NULL};
#undef HOOK_WORD
static const char *const created_words[] = {"preserved", "lost", "cleanup", NULL};
static const char *const modified_words[] = {"reversible", "irreversible", NULL};
static const char *const escalated[] = {"stuck", NULL};
static const char *const methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                      "PATCH", "DELETE", "OPTIONS", NULL};

/* Check that a name is one of a list of words; false after a message. */
static bool check_word(struct rbk_analysis *analysis, const struct rbk_tree_name *name,
                       const char *what, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (rbk_str_is(name->name->text, words[i])) {
            return true;
        }
    }
    struct rbk_diagnostic *diagnostic = rbk_diagnostic_error(
        &analysis->compile->diagnostics, 140, rbk_analysis_place(analysis, name->span),
        "unknown %s `%.*s`", what, RBK_STR_ARG(name->name->text));
    struct rbk_nearest nearest;
    rbk_nearest_init(&nearest, name->name->text);
    struct rbk_str list = RBK_STR("");
    for (size_t i = 0; words[i]; i++) {
        rbk_nearest_offer(&nearest, rbk_str_from(words[i]));
        list = rbk_arena_printf(&analysis->compile->arena, "%.*s%s`%s`", RBK_STR_ARG(list),
                                i ? ", " : "", words[i]);
    }
    if (nearest.best.bytes) {
        rbk_diagnostic_help(diagnostic, "Did you mean `%.*s`?", RBK_STR_ARG(nearest.best));
    } else {
        rbk_diagnostic_help(diagnostic, "Choose from %.*s.", RBK_STR_ARG(list));
    }
    return false;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A bit of declaration->flags, set only while one list is looked at. */
#define NAMED_ALREADY 0x80u

static void report_named_twice(struct rbk_analysis *analysis, const struct rbk_tree_name *names,
                               const struct rbk_tree_name *name)
{
    const struct rbk_tree_name *first = names;
    while (first->name != name->name) {
        first = first->next;
    }
    rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                              rbk_analysis_place(analysis, name->span),
                                              "`%.*s` is named twice",
                                              RBK_STR_ARG(name->name->text)),
                         rbk_analysis_place(analysis, first->span), "first named here");
}

static void use_names(struct rbk_analysis *analysis, struct rbk_tree_name *names,
                      enum rbk_name_space space)
{
    for (struct rbk_tree_name *name = names; name; name = name->next) {
        struct rbk_declaration *found = rbk_scope_use(analysis, name, space);
        if (found && (found->flags & NAMED_ALREADY)) {
            report_named_twice(analysis, names, name);
        } else if (found) {
            found->flags |= NAMED_ALREADY;
        }
    }
    for (struct rbk_tree_name *name = names; name; name = name->next) {
        if (name->ref) {
            name->ref->flags &= (uint8_t)~NAMED_ALREADY;
        }
    }
}

/* Say that a name stands for something else than is wanted. */
static void report_kind(struct rbk_analysis *analysis, const struct rbk_tree_name *name,
                        const struct rbk_declaration *found, const char *wanted)
{
    const char *words = rbk_declaration_words((enum rbk_declaration_kind)found->kind);
    rbk_diagnostic_label(rbk_diagnostic_error(&analysis->compile->diagnostics, 140,
                                              rbk_analysis_place(analysis, name->span),
                                              "`%.*s` is %s %s, not a %s",
                                              RBK_STR_ARG(name->name->text), RBK_A(words), wanted),
                         rbk_declaration_place(found), "declared here");
}

/* A connection: one of the plan, or a parameter; the typer checks the parameter's type. */
static void use_connection(struct rbk_analysis *analysis, struct rbk_tree_name *name)
{
    const struct rbk_declaration *found = rbk_scope_use_as(analysis, name, "connection");
    if (!found || found->kind == RBK_DECLARATION_CONNECTION ||
        found->kind == RBK_DECLARATION_PARAMETER) {
        return;
    }
    report_kind(analysis, name, found, "connection");
    name->ref = NULL;
}

static void resolve_reaction(struct rbk_analysis *analysis, struct rbk_tree_reaction *reaction)
{
    for (; reaction; reaction = reaction->otherwise) {
        if (reaction->channel) {
            rbk_scope_use(analysis, reaction->channel, RBK_SPACE_CHANNEL);
        }
        use_names(analysis, reaction->roles, RBK_SPACE_ROLE);
        rbk_seats_check(analysis, reaction->roles, reaction->four_eyes != 0);
        if (reaction->four_eyes > 1) {
            rbk_diagnostic_error(&analysis->compile->diagnostics, RBK_RULE_SYNTAX,
                                 rbk_analysis_place(analysis, reaction->span),
                                 "second `four eyes`");
        }
    }
}

/* ---- slots ----------------------------------------------------------------------------------- */

static struct rbk_declaration *declare_slot(struct rbk_analysis *analysis,
                                            enum rbk_declaration_kind kind,
                                            struct rbk_tree_name *name,
                                            struct rbk_tree_statement *statement)
{
    struct rbk_declaration *slot = rbk_declare(analysis, kind, name, statement);
    if (kind != RBK_DECLARATION_FOREACH) {
        rbk_declarations_add(&analysis->compile->arena, &analysis->slots, slot);
    }
    name->ref = slot;
    rbk_scope_push(analysis, slot);
    return slot;
}

/* ---- clauses --------------------------------------------------------------------------------- */

void rbk_resolve_clauses(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    for (struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        switch ((enum rbk_clause_kind)at->kind) {
        case RBK_CLAUSE_IN_DOUBT:
            resolve_reaction(analysis, at->reaction);
            rbk_seats_check_doubt(analysis, at->reaction);
            break;
        case RBK_CLAUSE_THEN:
        case RBK_CLAUSE_ELSE:
        case RBK_CLAUSE_MISSING:
            resolve_reaction(analysis, at->reaction);
            break;
        case RBK_CLAUSE_SINCE:
        case RBK_CLAUSE_EXCEPT_DURING:
            use_names(analysis, at->name, RBK_SPACE_STAGE);
            break;
        case RBK_CLAUSE_USING:
            use_connection(analysis, at->name);
            break;
        case RBK_CLAUSE_INTO:
            break; /* Declared behind everything else that the statement says. */
        case RBK_CLAUSE_ESCALATE_STEP:
            rbk_scope_use(analysis, at->name, RBK_SPACE_ROLE);
            break;
        case RBK_CLAUSE_DATA_BACKUP:
            rbk_scope_use(analysis, at->name, RBK_SPACE_BACKUP);
            break;
        case RBK_CLAUSE_DATA_CREATED:
            check_word(analysis, at->name, "word for created data", created_words);
            break;
        case RBK_CLAUSE_DATA_MODIFIED:
            check_word(analysis, at->name, "word for modified data", modified_words);
            break;
        case RBK_CLAUSE_ENV:
            for (struct rbk_tree_argument *entry = at->arguments; entry; entry = entry->next) {
                rbk_resolve_expr(analysis, entry->value);
            }
            break;
        default:
            rbk_resolve_expr(analysis, at->value);
            rbk_resolve_expr(analysis, at->second);
            break;
        }
    }
    for (struct rbk_tree_clause *at = statement->clauses; at; at = at->next) {
        if (at->kind != RBK_CLAUSE_INTO) {
            continue;
        }
        if (analysis->in_channel) {
            check_word(analysis, at->name, "name for what a channel keeps", kept_words);
            continue; /* It is a variable of the channel, see RBK_VARIABLES. */
        }
        struct rbk_declaration *slot =
            declare_slot(analysis, RBK_DECLARATION_INTO, at->name, statement);
        slot->clause = at;
        slot->typing = rbk_typing_make(RBK_TYPE_SCALAR);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

void rbk_resolve_block(struct rbk_analysis *analysis, const struct rbk_tree_block *block, bool open)
{
    uint32_t mark = analysis->scope.count;
    for (struct rbk_tree_statement *at = block->first; at; at = at->next) {
        rbk_resolve_statement(analysis, at);
    }
    if (!open) {
        rbk_scope_pop(analysis, mark);
    }
}

static void resolve_parallel(struct rbk_analysis *analysis, const struct rbk_tree_block *block)
{
    RBK_ASSERT(block);
    struct rbk_declarations made = {0};
    uint32_t mark = analysis->scope.count;
    for (struct rbk_tree_statement *at = block->first; at; at = at->next) {
        rbk_resolve_statement(analysis, at);
        for (uint32_t i = mark; i < analysis->scope.count; i++) {
            rbk_declarations_add(&analysis->compile->arena, &made, analysis->scope.items[i]);
        }
        rbk_scope_pop(analysis, mark);
    }
    for (uint32_t i = 0; i < made.count; i++) {
        rbk_scope_push(analysis, made.items[i]);
    }
}

static void resolve_foreach(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    rbk_resolve_expr(analysis, statement->value);
    uint32_t mark = analysis->scope.count;
    statement->declaration =
        declare_slot(analysis, RBK_DECLARATION_FOREACH, statement->name, statement);
    rbk_resolve_block(analysis, statement->block, true);
    rbk_scope_pop(analysis, mark);
}

/* The blocks of a backup: its lets are seen by all of them. */
static void resolve_parts(struct rbk_analysis *analysis, const struct rbk_tree_statement *statement,
                          enum rbk_statement_kind open)
{
    RBK_ASSERT(statement->block);
    uint32_t mark = analysis->scope.count;
    for (struct rbk_tree_statement *at = statement->block->first; at; at = at->next) {
        if (at->block) {
            rbk_resolve_block(analysis, at->block, at->kind == open);
        } else {
            rbk_resolve_statement(analysis, at);
        }
    }
    rbk_scope_pop(analysis, mark);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* What the `name` and `names` of a statement refer to. */
static void resolve_own_names(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    struct rbk_tree_name *name = statement->name;
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_SQL:
    case RBK_STATEMENT_REDIS:
        use_connection(analysis, name);
        break;
    case RBK_STATEMENT_NOTIFY:
    case RBK_STATEMENT_REPORT:
        rbk_scope_use(analysis, name, RBK_SPACE_CHANNEL);
        break;
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_RESTORE:
        rbk_scope_use(analysis, name, RBK_SPACE_BACKUP);
        break;
    case RBK_STATEMENT_BASELINE: {
        const struct rbk_declaration *found = rbk_scope_use_as(analysis, name, "probe");
        if (found && found->kind != RBK_DECLARATION_PROBE) {
            report_kind(analysis, name, found, "probe");
        }
        break;
    }
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
        use_names(analysis, statement->names, RBK_SPACE_ROLE);
        rbk_seats_check(analysis, statement->names,
                        rbk_tree_clause_find(statement, RBK_CLAUSE_FOUR_EYES) != NULL);
        break;
    case RBK_STATEMENT_AFTER:
        use_names(analysis, statement->names, RBK_SPACE_STAGE);
        break;
    case RBK_STATEMENT_TRIGGER:
        if (statement->second_name) {
            rbk_scope_use(analysis, statement->second_name, RBK_SPACE_SEVERITY);
        }
        break;
    case RBK_STATEMENT_ESCALATE:
        check_word(analysis, name, "event to escalate", escalated);
        break;
    case RBK_STATEMENT_ON:
        check_word(analysis, name, "event", hooks);
        break;
    case RBK_STATEMENT_KIND:
        check_word(analysis, name, "kind of stage", stage_kinds);
        break;
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_NOT_BEFORE:
        rbk_calendar_check(analysis, statement);
        break;
    case RBK_STATEMENT_RISK:
        check_word(analysis, name, "risk", risks);
        break;
    case RBK_STATEMENT_HTTP:
        if (!check_word(analysis, name, "HTTP method", methods)) {
            statement->annotation_flags |= RBK_STATEMENT_REPORTED;
        }
        break;
    default:
        break;
    }
}

static void resolve_param(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    analysis->param = statement->declaration;
    analysis->in_where = false;
    rbk_resolve_expr(analysis, statement->value);
    analysis->in_where = true;
    rbk_resolve_expr(analysis, statement->second);
    analysis->param = NULL;
    rbk_resolve_expr(analysis, statement->text);
}

void rbk_resolve_statement(struct rbk_analysis *analysis, struct rbk_tree_statement *statement)
{
    resolve_own_names(analysis, statement);
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_PARAM:
        resolve_param(analysis, statement);
        return;
    case RBK_STATEMENT_CONNECTION:
        rbk_resolve_call_of(analysis, statement->value, RBK_DECLARATION_CONNECTION);
        return;
    case RBK_STATEMENT_CHANNEL:
        rbk_resolve_call_of(analysis, statement->value, RBK_DECLARATION_CHANNEL_TYPE);
        return;
    case RBK_STATEMENT_BACKUP:
        resolve_parts(analysis, statement, RBK_STATEMENT_BACKUP_TAKE);
        return;
    case RBK_STATEMENT_LOCK:
        resolve_parts(analysis, statement, RBK_STATEMENT_ACQUIRE);
        return;
    case RBK_STATEMENT_FOREACH:
        resolve_foreach(analysis, statement);
        return;
    case RBK_STATEMENT_PARALLEL:
        resolve_parallel(analysis, statement->block);
        return;
    case RBK_STATEMENT_DO:
        rbk_resolve_call_of(analysis, statement->value, RBK_DECLARATION_ACTION);
        rbk_resolve_clauses(analysis, statement);
        return;
    default:
        break;
    }
    rbk_resolve_expr(analysis, statement->text);
    rbk_resolve_expr(analysis, statement->value);
    rbk_resolve_clauses(analysis, statement);
    if (statement->kind == RBK_STATEMENT_LET) {
        statement->declaration =
            declare_slot(analysis, RBK_DECLARATION_LET, statement->name, statement);
    }
    if (statement->block) {
        rbk_resolve_block(analysis, statement->block, false);
    }
    if (statement->kind == RBK_STATEMENT_IF && statement->else_block) {
        rbk_resolve_block(analysis, statement->else_block, false);
    }
}
