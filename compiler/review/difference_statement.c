/*
 * Two statements that were matched: what differs in their fixed parts, then in their clauses, then
 * inside of them.
 *
 * A fixed part that differs is always told: where no sentence of its own fits, by both wordings.
 */
#include "compiler/review/comparison.h"

#include "compiler/review/document.h"
#include "runtime/core/base/arena.h"

static struct rbk_str was(const struct rbk_pair_compared *pair, struct rbk_span span)
{
    return rbk_comparison_before(pair->comparison, span);
}

static struct rbk_str now(const struct rbk_pair_compared *pair, struct rbk_span span)
{
    return rbk_comparison_after(pair->comparison, span);
}

static bool expr_differs(const struct rbk_pair_compared *pair, const struct rbk_tree_expr *before,
                         const struct rbk_tree_expr *after)
{
    if (before == NULL || after == NULL) {
        return before != after;
    }
    return !rbk_comparison_same(pair->comparison, before->span, after->span);
}

/* "what `old` → `new`" */
static void tell_arrow(const struct rbk_pair_compared *pair, enum rbk_change_weight weight,
                       const struct rbk_tree_expr *before, const struct rbk_tree_expr *after)
{
    RBK_TELL(pair, weight, "%.*s " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"), RBK_STR_ARG(pair->name),
             RBK_STR_ARG(was(pair, before->span)), RBK_STR_ARG(now(pair, after->span)));
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static void compare_param(const struct rbk_pair_compared *pair)
{
    const struct rbk_tree_statement *before = pair->before;
    const struct rbk_tree_statement *after = pair->after;
    if (!rbk_comparison_same(pair->comparison, before->type->span, after->type->span)) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s is of type %.*s instead of %.*s",
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, after->type->span)),
                 RBK_STR_ARG(was(pair, before->type->span)));
    }
    if (expr_differs(pair, before->value, after->value)) {
        struct rbk_str old_text =
            before->value != NULL ? was(pair, before->value->span) : RBK_STR("none");
        struct rbk_str new_text =
            after->value != NULL ? now(pair, after->value->span) : RBK_STR("none");
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s: default " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(old_text), RBK_STR_ARG(new_text));
    }
    if (!expr_differs(pair, before->second, after->second)) {
        return;
    }
    if (after->second == NULL) {
        RBK_TELL(pair, RBK_CHANGE_WEAKER, "%.*s need no longer fulfil " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(was(pair, before->second->span)));
    } else if (before->second == NULL) {
        RBK_TELL(pair, RBK_CHANGE_STRONGER, "%.*s must fulfil " RBK_CODE("%.*s") " now",
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, after->second->span)));
    } else {
        int change = rbk_condition_change(pair->comparison, before->second, after->second);
        RBK_TELL(pair,
                 change < 0   ? RBK_CHANGE_WEAKER
                 : change > 0 ? RBK_CHANGE_STRONGER
                              : RBK_CHANGE_OTHER,
                 "%.*s must fulfil " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, after->second->span)),
                 RBK_STR_ARG(was(pair, before->second->span)));
    }
}

/* A condition that turns the run round when it holds. */
static void compare_alarm(const struct rbk_pair_compared *pair)
{
    const struct rbk_tree_expr *before = pair->before->value;
    const struct rbk_tree_expr *after = pair->after->value;
    struct rbk_span old_limit;
    struct rbk_span new_limit;
    if (!expr_differs(pair, before, after)) {
        return;
    }
    int change = rbk_condition_change(pair->comparison, before, after);
    enum rbk_change_weight weight = change > 0   ? RBK_CHANGE_WEAKER
                                    : change < 0 ? RBK_CHANGE_STRONGER
                                                 : RBK_CHANGE_OTHER;
    bool limits = rbk_condition_limits(pair->comparison, before, after, &old_limit, &new_limit);
    if (pair->before->kind == RBK_STATEMENT_ABORT_WHEN) {
        RBK_TELL(pair, weight, "%.*s %s: " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name),
                 change > 0   ? "loosened"
                 : change < 0 ? "tightened"
                              : "changed",
                 RBK_STR_ARG(now(pair, after->span)), RBK_STR_ARG(was(pair, before->span)));
        return;
    }
    RBK_TELL(pair, weight,
             RBK_CODE("%.*s") "%.*s now fires %s " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
             RBK_STR_ARG(pair->after->name->name->text), RBK_STR_ARG(pair->comparison->where),
             limits ? "at" : "when", RBK_STR_ARG(now(pair, limits ? new_limit : after->span)),
             RBK_STR_ARG(was(pair, limits ? old_limit : before->span)));
}

static void compare_trigger(const struct rbk_pair_compared *pair)
{
    const struct rbk_tree_name *before = pair->before->second_name;
    const struct rbk_tree_name *after = pair->after->second_name;
    bool same = before == NULL || after == NULL
                    ? before == after
                    : rbk_str_equal(before->name->text, after->name->text);
    if (!same) {
        struct rbk_str old_name = before != NULL ? before->name->text : RBK_STR("none");
        struct rbk_str new_name = after != NULL ? after->name->text : RBK_STR("none");
        RBK_TELL(pair, RBK_CHANGE_OTHER,
                 "%.*s is of severity " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(new_name), RBK_STR_ARG(old_name));
    }
    compare_alarm(pair);
}

/* A condition that lets the run go on when it holds. */
static void compare_check(const struct rbk_pair_compared *pair)
{
    const struct rbk_tree_expr *before = pair->before->value;
    const struct rbk_tree_expr *after = pair->after->value;
    if (pair->before->text != NULL && pair->after->text != NULL &&
        expr_differs(pair, pair->before->text, pair->after->text)) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s was called " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(was(pair, pair->before->text->span)));
    }
    if (!expr_differs(pair, before, after)) {
        return;
    }
    int change = rbk_condition_change(pair->comparison, before, after);
    RBK_TELL(pair,
             change < 0   ? RBK_CHANGE_WEAKER
             : change > 0 ? RBK_CHANGE_STRONGER
                          : RBK_CHANGE_OTHER,
             "%.*s now wants " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
             RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, after->span)),
             RBK_STR_ARG(was(pair, before->span)));
}

static const struct rbk_tree_name *find_name(const struct rbk_tree_name *names, struct rbk_str name)
{
    while (names != NULL && !rbk_str_equal(names->name->text, name)) {
        names = names->next;
    }
    return names;
}

/* How many people of a role that was asked before, too. */
static void compare_quorum(const struct rbk_pair_compared *pair, const struct rbk_tree_name *before,
                           const struct rbk_tree_name *after)
{
    uint32_t was = rbk_tree_quorum(before), is = rbk_tree_quorum(after);
    if (was != is) {
        RBK_TELL(pair, is < was ? RBK_CHANGE_WEAKER : RBK_CHANGE_STRONGER,
                 "%.*s needs %u of " RBK_CODE("%.*s") " now, %u before", RBK_STR_ARG(pair->name),
                 is, RBK_STR_ARG(after->name->text), was);
    }
}

/* Those of whom something is asked. */
static void compare_roles(const struct rbk_pair_compared *pair)
{
    bool approve = pair->before->kind == RBK_STATEMENT_APPROVE;
    const char *what = approve ? "approval by " : "question to ";
    struct rbk_str of =
        approve ? pair->comparison->where
                : rbk_arena_printf(pair->comparison->arena, " (%.*s)", RBK_STR_ARG(pair->name));
    for (const struct rbk_tree_name *n = pair->before->names; n != NULL; n = n->next) {
        const struct rbk_tree_name *now = find_name(pair->after->names, n->name->text);
        if (now != NULL) {
            compare_quorum(pair, n, now);
        } else {
            RBK_TELL(pair, RBK_CHANGE_WEAKER, "%s" RBK_CODE("%.*s") "%.*s dropped", what,
                     RBK_STR_ARG(n->name->text), RBK_STR_ARG(of));
        }
    }
    for (const struct rbk_tree_name *n = pair->after->names; n != NULL; n = n->next) {
        if (find_name(pair->before->names, n->name->text) == NULL) {
            RBK_TELL(pair, RBK_CHANGE_STRONGER, "%s" RBK_CODE("%.*s") "%.*s added", what,
                     RBK_STR_ARG(n->name->text), RBK_STR_ARG(of));
        }
    }
    if (pair->before->text != NULL && pair->after->text != NULL &&
        expr_differs(pair, pair->before->text, pair->after->text)) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, "%.*s asked " RBK_CODE("%.*s") " before",
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(was(pair, pair->before->text->span)));
    }
}

static int risk_of(struct rbk_str word)
{
    return rbk_str_is(word, "high") ? 3 : rbk_str_is(word, "medium") ? 2 : 1;
}

static void compare_word(const struct rbk_pair_compared *pair)
{
    struct rbk_str before = pair->before->name->name->text;
    struct rbk_str after = pair->after->name->name->text;
    bool lower = pair->before->kind == RBK_STATEMENT_RISK && risk_of(after) < risk_of(before);
    bool higher = pair->before->kind == RBK_STATEMENT_RISK && risk_of(after) > risk_of(before);
    RBK_TELL(pair,
             lower    ? RBK_CHANGE_WEAKER
             : higher ? RBK_CHANGE_STRONGER
                      : RBK_CHANGE_OTHER,
             "%.*s " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"), RBK_STR_ARG(pair->name),
             RBK_STR_ARG(before), RBK_STR_ARG(after));
}

/* A value of the head: title, estimate, observe … */
static void compare_value(const struct rbk_pair_compared *pair)
{
    const struct rbk_tree_expr *before = pair->before->value;
    const struct rbk_tree_expr *after = pair->after->value;
    enum rbk_change_weight weight = RBK_CHANGE_OTHER;
    if (before == NULL || after == NULL || !expr_differs(pair, before, after)) {
        return;
    }
    bool watch =
        pair->before->kind == RBK_STATEMENT_OBSERVE || pair->before->kind == RBK_STATEMENT_GRACE;
    if (watch && before->kind == RBK_EXPR_DURATION && after->kind == RBK_EXPR_DURATION) {
        weight = after->number < before->number ? RBK_CHANGE_WEAKER : RBK_CHANGE_STRONGER;
    }
    tell_arrow(pair, weight, before, after);
}

static void compare_reading(const struct rbk_pair_compared *pair)
{
    if (expr_differs(pair, pair->before->value, pair->after->value)) {
        RBK_TELL(pair, RBK_CHANGE_OTHER,
                 "%.*s reads " RBK_CODE("%.*s") " instead of " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(now(pair, pair->after->value->span)),
                 RBK_STR_ARG(was(pair, pair->before->value->span)));
    }
}

static void compare_title(const struct rbk_pair_compared *pair)
{
    if (pair->before->text != NULL && pair->after->text != NULL &&
        expr_differs(pair, pair->before->text, pair->after->text)) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, "title of %.*s " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair->name), RBK_STR_ARG(was(pair, pair->before->text->span)),
                 RBK_STR_ARG(now(pair, pair->after->text->span)));
    }
}

/* ---- fixed parts ----------------------------------------------------------------------------- */

static void compare_fixed(const struct rbk_pair_compared *pair)
{
    struct rbk_span before = rbk_statement_fixed(pair->before);
    struct rbk_span after = rbk_statement_fixed(pair->after);
    uint32_t told = pair->comparison->count;
    if (rbk_comparison_same(pair->comparison, before, after)) {
        return;
    }
    switch ((enum rbk_statement_kind)pair->before->kind) {
    case RBK_STATEMENT_PARAM:
        compare_param(pair);
        break;
    case RBK_STATEMENT_TRIGGER:
        compare_trigger(pair);
        break;
    case RBK_STATEMENT_ABORT_WHEN:
        compare_alarm(pair);
        break;
    case RBK_STATEMENT_CHECK:
    case RBK_STATEMENT_REQUIRE:
        compare_check(pair);
        break;
    case RBK_STATEMENT_APPROVE:
    case RBK_STATEMENT_ATTEST:
    case RBK_STATEMENT_MANUAL:
    case RBK_STATEMENT_ASK:
        compare_roles(pair);
        break;
    case RBK_STATEMENT_KIND:
    case RBK_STATEMENT_RISK:
        compare_word(pair);
        break;
    case RBK_STATEMENT_PROBE:
    case RBK_STATEMENT_READING:
    case RBK_STATEMENT_LET:
        compare_reading(pair);
        break;
    case RBK_STATEMENT_STAGE:
    case RBK_STATEMENT_RETIRE:
        compare_title(pair);
        break;
    case RBK_STATEMENT_TITLE:
    case RBK_STATEMENT_TICKET:
    case RBK_STATEMENT_OWNER:
    case RBK_STATEMENT_SERVICE:
    case RBK_STATEMENT_ESTIMATE:
    case RBK_STATEMENT_HELD:
    case RBK_STATEMENT_OBSERVE:
    case RBK_STATEMENT_GRACE:
    case RBK_STATEMENT_BASELINE:
    case RBK_STATEMENT_CONNECTION:
    case RBK_STATEMENT_CHANNEL:
        compare_value(pair);
        break;
    default:
        break;
    }
    bool renamed = pair->before->name != NULL && pair->after->name != NULL &&
                   pair->before->declaration != NULL &&
                   !rbk_str_equal(pair->before->name->name->text, pair->after->name->name->text);
    if (pair->comparison->count == told && !renamed) {
        RBK_TELL(pair, RBK_CHANGE_OTHER, RBK_CODE("%.*s") "%.*s became " RBK_CODE("%.*s"),
                 RBK_STR_ARG(was(pair, before)), RBK_STR_ARG(pair->comparison->where),
                 RBK_STR_ARG(now(pair, after)));
    }
}

/* ---- inside ---------------------------------------------------------------------------------- */

/* A block of a statement; @otherwise  the one behind `else`. */
static void compare_block(const struct rbk_pair_compared *pair, const struct rbk_tree_block *before,
                          const struct rbk_tree_block *after)
{
    struct rbk_comparison *comparison = pair->comparison;
    if (before == NULL && after == NULL) {
        return;
    }
    if (before != NULL && after != NULL &&
        rbk_comparison_same(comparison, before->span, after->span)) {
        return;
    }
    struct rbk_str where = comparison->where;
    bool in_rollback = comparison->in_rollback;
    comparison->where = rbk_comparison_where(comparison, true, pair->after);
    comparison->in_rollback = in_rollback || pair->after->kind == RBK_STATEMENT_ROLLBACK ||
                              pair->after->kind == RBK_STATEMENT_BACKUP_RESTORE;
    rbk_comparison_blocks(comparison, before, after);
    comparison->where = where;
    comparison->in_rollback = in_rollback;
}

void rbk_comparison_statements(struct rbk_comparison *comparison,
                               const struct rbk_tree_statement *before,
                               const struct rbk_tree_statement *after)
{
    if (rbk_comparison_same(comparison, before->span, after->span)) {
        return;
    }
    uint32_t told = comparison->count;
    struct rbk_pair_compared pair = {.comparison = comparison, .before = before, .after = after};
    pair.name = rbk_arena_printf(comparison->arena, "%.*s%.*s",
                                 RBK_STR_ARG(rbk_comparison_name(comparison, true, after)),
                                 RBK_STR_ARG(comparison->where));
    compare_fixed(&pair);
    rbk_comparison_clauses(comparison, before, after);
    compare_block(&pair, before->block, after->block);
    if (before->kind == RBK_STATEMENT_IF) {
        compare_block(&pair, before->else_block, after->else_block);
    }
    bool renamed = before->name != NULL && after->name != NULL &&
                   !rbk_str_equal(before->name->name->text, after->name->name->text);
    if (comparison->count == told && !renamed) {
        RBK_TELL(&pair, RBK_CHANGE_OTHER,
                 "%.*s is written otherwise: " RBK_CODE("%.*s") " → " RBK_CODE("%.*s"),
                 RBK_STR_ARG(pair.name), RBK_STR_ARG(was(&pair, before->span)),
                 RBK_STR_ARG(now(&pair, after->span)));
    }
}
