/*
 * What statements are called in sentences, and where they stand.
 */
#include "compiler/review/comparison.h"

#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"

struct rbk_span rbk_statement_fixed(const struct rbk_tree_statement *statement)
{
    uint32_t end = statement->span.end;
    if (statement->block != NULL && statement->block->span.start < end) {
        end = statement->block->span.start;
    }
    if (statement->clauses != NULL && statement->clauses->span.start < end) {
        end = statement->clauses->span.start;
    }
    return rbk_span_make(statement->span.start, end);
}

bool rbk_statement_protects(const struct rbk_tree_statement *statement)
{
    switch ((enum rbk_statement_kind)statement->kind) {
    case RBK_STATEMENT_ROLLBACK_WITHIN:
    case RBK_STATEMENT_REHEARSED_WITHIN:
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_ESCALATE:
    case RBK_STATEMENT_TRIGGER:
    case RBK_STATEMENT_ABORT_WHEN:
    case RBK_STATEMENT_ABORT_ON_SIGNAL:
    case RBK_STATEMENT_REQUIRE:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_APPROVE:
    case RBK_STATEMENT_BACKUP:
    case RBK_STATEMENT_LOCK:
    case RBK_STATEMENT_ON:
    case RBK_STATEMENT_REPORT:
    case RBK_STATEMENT_OBSERVE:
    case RBK_STATEMENT_GRACE:
    case RBK_STATEMENT_VERIFY:
    case RBK_STATEMENT_ROLLBACK:
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_TAKE:
    case RBK_STATEMENT_RESTORE:
    case RBK_STATEMENT_UNDO:
    case RBK_STATEMENT_UNDO_BLOCK:
    case RBK_STATEMENT_ASK:
    case RBK_STATEMENT_NOTIFY:
    case RBK_STATEMENT_CAPTURE:
    case RBK_STATEMENT_CAPTURE_RUN:
        return true;
    default:
        return false;
    }
}

static struct rbk_str shown(const struct rbk_comparison *comparison, bool is_after,
                            struct rbk_span span)
{
    return is_after ? rbk_comparison_after(comparison, span)
                    : rbk_comparison_before(comparison, span);
}

/* "`dba`, `infra_lead`" */
static struct rbk_str names_of(const struct rbk_comparison *comparison,
                               const struct rbk_tree_name *names)
{
    struct rbk_str text = RBK_STR("");
    for (const struct rbk_tree_name *name = names; name != NULL; name = name->next) {
        text = rbk_arena_printf(comparison->arena, "%.*s%s" RBK_CODE("%.*s"), RBK_STR_ARG(text),
                                name == names ? "" : ", ", RBK_STR_ARG(name->name->text));
    }
    return text;
}

/* A word of the language and the statement's name: "trigger `slow`". */
static struct rbk_str word_and_name(const struct rbk_comparison *comparison, const char *word,
                                    const struct rbk_tree_statement *statement)
{
    if (statement->name == NULL) {
        return rbk_str_from(word);
    }
    return rbk_arena_printf(comparison->arena, "%s " RBK_CODE("%.*s"), word,
                            RBK_STR_ARG(statement->name->name->text));
}

/* The statement itself, up to its label where it has one. */
static struct rbk_str as_written(const struct rbk_comparison *comparison, bool is_after,
                                 const struct rbk_tree_statement *statement)
{
    struct rbk_span span = rbk_statement_fixed(statement);
    bool label =
        statement->kind == RBK_STATEMENT_CHECK || statement->kind == RBK_STATEMENT_REQUIRE ||
        statement->kind == RBK_STATEMENT_ATTEST || statement->kind == RBK_STATEMENT_CAPTURE ||
        statement->kind == RBK_STATEMENT_CAPTURE_RUN;
    if (label && statement->text != NULL) {
        span.end = statement->text->span.end;
    }
    return rbk_arena_printf(comparison->arena, RBK_CODE("%.*s"),
                            RBK_STR_ARG(shown(comparison, is_after, span)));
}

struct rbk_str rbk_comparison_name(const struct rbk_comparison *comparison, bool is_after,
                                   const struct rbk_tree_statement *statement)
{
    enum rbk_statement_kind kind = (enum rbk_statement_kind)statement->kind;
    switch (kind) {
    case RBK_STATEMENT_PARAM:
        return word_and_name(comparison, "parameter", statement);
    case RBK_STATEMENT_ABORT_ON_SIGNAL:
        return word_and_name(comparison, "abort on signal", statement);
    case RBK_STATEMENT_BASELINE:
        return word_and_name(comparison, "baseline of", statement);
    case RBK_STATEMENT_REPORT:
        return word_and_name(comparison, "report to", statement);
    case RBK_STATEMENT_ON:
        return word_and_name(comparison, "hook on", statement);
    case RBK_STATEMENT_ALLOW:
        return word_and_name(comparison, "waiver of", statement);
    case RBK_STATEMENT_UNWATCHED:
        return RBK_STR(RBK_CODE("unwatched"));
    case RBK_STATEMENT_LET:
        return word_and_name(comparison, "value", statement);
    case RBK_STATEMENT_ACTION:
    case RBK_STATEMENT_READING:
    case RBK_STATEMENT_CHANNEL_TYPE:
    case RBK_STATEMENT_PLAN:
    case RBK_STATEMENT_SECRET:
    case RBK_STATEMENT_CONNECTION:
    case RBK_STATEMENT_CHANNEL:
    case RBK_STATEMENT_PROBE:
    case RBK_STATEMENT_ROLE:
    case RBK_STATEMENT_ESCALATE:
    case RBK_STATEMENT_SEVERITY:
    case RBK_STATEMENT_TRIGGER:
    case RBK_STATEMENT_BACKUP:
    case RBK_STATEMENT_LOCK:
    case RBK_STATEMENT_STAGE:
    case RBK_STATEMENT_ROLLBACK:
        return word_and_name(comparison, rbk_statement_words(kind), statement);
    case RBK_STATEMENT_APPROVE:
        return rbk_arena_printf(comparison->arena, "approval by %.*s",
                                RBK_STR_ARG(names_of(comparison, statement->names)));
    case RBK_STATEMENT_ABORT_WHEN: {
        struct rbk_span span = statement->text != NULL    ? statement->text->span
                               : statement->value != NULL ? statement->value->span
                                                          : statement->span;
        return rbk_arena_printf(comparison->arena, "abort criterion " RBK_CODE("%.*s"),
                                RBK_STR_ARG(shown(comparison, is_after, span)));
    }
    case RBK_STATEMENT_TITLE:
    case RBK_STATEMENT_TICKET:
    case RBK_STATEMENT_OWNER:
    case RBK_STATEMENT_SERVICE:
    case RBK_STATEMENT_ESTIMATE:
    case RBK_STATEMENT_OBSERVE:
    case RBK_STATEMENT_GRACE:
    case RBK_STATEMENT_WINDOW:
    case RBK_STATEMENT_HELD:
    case RBK_STATEMENT_RETIRE:
    case RBK_STATEMENT_KIND:
    case RBK_STATEMENT_RISK:
    case RBK_STATEMENT_DATA:
    case RBK_STATEMENT_AFTER:
    case RBK_STATEMENT_NOT_BEFORE:
    case RBK_STATEMENT_ATTEMPTS:
    case RBK_STATEMENT_PREPARE:
    case RBK_STATEMENT_APPLY:
    case RBK_STATEMENT_VERIFY:
    case RBK_STATEMENT_BACKUP_TAKE:
    case RBK_STATEMENT_BACKUP_RESTORE:
    case RBK_STATEMENT_ACQUIRE:
    case RBK_STATEMENT_RELEASE:
    case RBK_STATEMENT_ROLLBACK_WITHIN:
    case RBK_STATEMENT_REHEARSED_WITHIN:
    case RBK_STATEMENT_UNDO_BLOCK:
        return rbk_arena_printf(comparison->arena, RBK_CODE("%s"), rbk_statement_words(kind));
    default:
        return as_written(comparison, is_after, statement);
    }
}

struct rbk_str rbk_comparison_where(const struct rbk_comparison *comparison, bool is_after,
                                    const struct rbk_tree_statement *outer)
{
    if (outer == NULL) {
        return comparison->module.bytes == 0
                   ? RBK_STR("")
                   : rbk_arena_printf(comparison->arena, " of module " RBK_CODE("%.*s"),
                                      RBK_STR_ARG(comparison->module));
    }
    struct rbk_str further = rbk_comparison_where(comparison, is_after, outer->parent);
    switch ((enum rbk_statement_kind)outer->kind) {
    case RBK_STATEMENT_PLAN:
    case RBK_STATEMENT_FOREACH:
    case RBK_STATEMENT_IF:
    case RBK_STATEMENT_PARALLEL:
        return further;
    case RBK_STATEMENT_STAGE:
        return rbk_arena_printf(comparison->arena, " of " RBK_CODE("%.*s"),
                                RBK_STR_ARG(outer->name->name->text));
    case RBK_STATEMENT_RETIRE:
        return RBK_STR(" of " RBK_CODE("retire"));
    case RBK_STATEMENT_ROLLBACK:
        return rbk_arena_printf(comparison->arena, " in %.*s%.*s",
                                RBK_STR_ARG(rbk_comparison_name(comparison, is_after, outer)),
                                RBK_STR_ARG(further));
    case RBK_STATEMENT_UNDO_BLOCK:
        return rbk_arena_printf(comparison->arena, " in the inverse%.*s", RBK_STR_ARG(further));
    case RBK_STATEMENT_PREPARE:
    case RBK_STATEMENT_APPLY:
    case RBK_STATEMENT_VERIFY:
    case RBK_STATEMENT_BACKUP_TAKE:
    case RBK_STATEMENT_BACKUP_RESTORE:
    case RBK_STATEMENT_ACQUIRE:
    case RBK_STATEMENT_RELEASE:
        return rbk_arena_printf(comparison->arena, " in the %s%.*s",
                                rbk_statement_words((enum rbk_statement_kind)outer->kind),
                                RBK_STR_ARG(further));
    default:
        return rbk_arena_printf(comparison->arena, " of %.*s%.*s",
                                RBK_STR_ARG(rbk_comparison_name(comparison, is_after, outer)),
                                RBK_STR_ARG(further));
    }
}
