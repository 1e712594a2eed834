/*
 * RBK133: two triggers that contradict each other. Both look at the same thing, and
 *
 *   - wherever the milder one fires the harder one has fired, so that the milder never decides
 *     anything (`then pause` above 10 % beside `then abort` above 5 %), or
 *   - one of them always holds, so that no run gets through.
 *
 * Triggers are put together by the text of what they compare; a condition that is no comparison
 * with a literal is compared with `true`. A trigger that only notifies contradicts nothing, and
 * neither does a harder one with a longer `for`: that is an escalation.
 */
#include "compiler/rules/armed.h"
#include "compiler/rules/range.h"

#include "runtime/core/base/arena.h"
#include "runtime/core/base/buffer.h"
#include "runtime/core/base/map.h"

/* Places of a value beside two literals: below the first, at it, between, at the second, above. */
enum { PLACES = 5, FIRST = 1, SECOND = 3 };

/* A condition: what it looks at, and how it compares that. */
struct condition {
    const struct rbk_tree_statement *trigger;
    const struct rbk_tree_expr *literal; /* NULL: `true`. */
    bool negated;                        /* `not x`. */
    uint8_t op;                          /* As if the literal stood on the right. */
    uint32_t next;                       /* Of those that look at the same, plus 1. */
};

/* ---- reading conditions ---------------------------------------------------------------------- */

static bool is_literal(const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_BOOL:
    case RBK_EXPR_INT:
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
        return true;
    case RBK_EXPR_STRING:
        return !expr->has_parts;
    default:
        return false;
    }
}

static bool is_comparison(uint8_t op)
{
    return op == RBK_OPERATOR_EQUAL || op == RBK_OPERATOR_NOT_EQUAL ||
           rbk_operator_turned((enum rbk_operator)op) != op;
}

/* Take a condition apart; gives what it looks at. */
static const struct rbk_tree_expr *take_apart(const struct rbk_tree_expr *expr,
                                              struct condition *condition)
{
    condition->op = RBK_OPERATOR_EQUAL;
    if (expr->kind == RBK_EXPR_BINARY && is_comparison(expr->op)) {
        if (is_literal(expr->right)) {
            condition->op = expr->op;
            condition->literal = expr->right;
            return expr->left;
        }
        if (is_literal(expr->left)) {
            condition->op = (uint8_t)rbk_operator_turned((enum rbk_operator)expr->op);
            condition->literal = expr->left;
            return expr->right;
        }
    }
    if (expr->kind == RBK_EXPR_NOT) {
        condition->negated = true;
        return expr->left;
    }
    return expr;
}

/* The text of an expression without blanks, as a key. */
static struct rbk_str key_of(struct rbk_rules *rules, const struct rbk_tree_expr *expr)
{
    struct rbk_str text = rbk_source_text(rules->source, expr->span);
    char *key = rbk_new_array(&rules->compile->arena, char, text.bytes + 1);
    size_t bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\n' && text.data[i] != '\t') {
            key[bytes++] = text.data[i];
        }
    }
    return (struct rbk_str){key, bytes};
}

/* ---- comparing them -------------------------------------------------------------------------- */

static long double number_of(const struct rbk_tree_expr *literal)
{
    long double value = (long double)literal->number;
    for (uint8_t i = 0; i < literal->decimals; i++) {
        value /= 10;
    }
    return value;
}

/* Where the literals of two conditions lie. False when they cannot be compared. */
static bool order_literals(const struct condition *a, const struct condition *b, int *ret_a,
                           int *ret_b, bool *ret_bool)
{
    const struct rbk_tree_expr *left = a->literal;
    const struct rbk_tree_expr *right = b->literal;
    bool a_bool = !left || left->kind == RBK_EXPR_BOOL;
    bool b_bool = !right || right->kind == RBK_EXPR_BOOL;
    *ret_bool = a_bool;
    if (a_bool || b_bool) {
        *ret_a = (!left || left->number) != a->negated ? FIRST : SECOND;
        *ret_b = (!right || right->number) != b->negated ? FIRST : SECOND;
        return a_bool && b_bool;
    }
    *ret_a = *ret_b = FIRST;
    if (left->kind == RBK_EXPR_STRING || right->kind == RBK_EXPR_STRING) {
        if (left->kind != right->kind) {
            return false;
        }
        *ret_b = rbk_str_equal(left->text, right->text) ? FIRST : SECOND;
        return true;
    }
    long double x = number_of(left);
    long double y = number_of(right);
    *ret_a = x > y ? SECOND : FIRST;
    *ret_b = y > x ? SECOND : FIRST;
    return true;
}

/* Whether a condition holds for a value at @place, its literal being at @literal. */
static bool holds(uint8_t op, int place, int literal)
{
    switch (op) {
    case RBK_OPERATOR_EQUAL:
        return place == literal;
    case RBK_OPERATOR_NOT_EQUAL:
        return place != literal;
    case RBK_OPERATOR_LESS:
        return place < literal;
    case RBK_OPERATOR_LESS_EQUAL:
        return place <= literal;
    case RBK_OPERATOR_GREATER:
        return place > literal;
    default:
        return place >= literal;
    }
}

/* How two conditions over the same thing lie to each other. */
struct relation {
    bool a_implies_b;
    bool b_implies_a;
    bool one_always; /* There is no value at which neither holds. */
};

static bool relate(const struct condition *a, const struct condition *b,
                   struct relation *ret_relation)
{
    int at_a;
    int at_b;
    bool is_bool;
    if (!order_literals(a, b, &at_a, &at_b, &is_bool)) {
        return false;
    }
    struct relation relation = {true, true, true};
    for (int place = 0; place < PLACES; place++) {
        if (is_bool && place != FIRST && place != SECOND) {
            continue;
        }
        bool in_a = holds(a->op, place, at_a);
        bool in_b = holds(b->op, place, at_b);
        relation.a_implies_b &= !in_a || in_b;
        relation.b_implies_a &= !in_b || in_a;
        relation.one_always &= in_a || in_b;
    }
    *ret_relation = relation;
    return true;
}

/* ---- what they do ---------------------------------------------------------------------------- */

/* How hard a reaction is: 0 only tells, 1 asks or waits, 2 rolls a stage back, 3 aborts. */
static int hardness(const struct rbk_tree_statement *trigger)
{
    const struct rbk_tree_clause *then = rbk_tree_clause_find(trigger, RBK_CLAUSE_THEN);
    if (!then && trigger->second_name && trigger->second_name->ref) {
        then = rbk_tree_clause_find(trigger->second_name->ref->statement, RBK_CLAUSE_THEN);
    }
    const struct rbk_tree_reaction *reaction = then ? then->reaction : NULL;
    if (!reaction || reaction->kind == RBK_REACTION_NOTIFY) {
        return 0;
    }
    if (reaction->roles) {
        return 1;
    }
    return reaction->kind == RBK_REACTION_ABORT      ? 3
           : reaction->kind == RBK_REACTION_ROLLBACK ? 2
                                                     : 1;
}

/* How long a condition must hold: by a clause of one kind. */
static uint64_t lasting(const struct rbk_tree_statement *trigger, enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(trigger, kind);
    return clause ? clause->amount : 0;
}

/* Whether @a fires no later than @b when both conditions hold. */
static bool fires_first(const struct rbk_tree_statement *a, const struct rbk_tree_statement *b)
{
    return lasting(a, RBK_CLAUSE_FOR) <= lasting(b, RBK_CLAUSE_FOR) &&
           lasting(a, RBK_CLAUSE_FOR_READINGS) <= lasting(b, RBK_CLAUSE_FOR_READINGS) &&
           lasting(a, RBK_CLAUSE_CONFIRM) <= lasting(b, RBK_CLAUSE_CONFIRM);
}

/* Whether a trigger is armed all the time that another is: then it is there to fire first. */
static bool armed_whenever(const struct rbk_tree_statement *a, const struct rbk_tree_statement *b)
{
    static const enum rbk_clause_kind kinds[] = {RBK_CLAUSE_SINCE, RBK_CLAUSE_DURING_APPLY,
                                                 RBK_CLAUSE_EXCEPT_DURING};
    if (rbk_armed_owner(a) && rbk_armed_owner(a) != rbk_armed_owner(b)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct rbk_tree_clause *limit = rbk_tree_clause_find(a, kinds[i]);
        const struct rbk_tree_clause *same = limit ? rbk_tree_clause_find(b, kinds[i]) : NULL;
        if (limit && kinds[i] == RBK_CLAUSE_DURING_APPLY && !same) {
            return false;
        }
        if (limit && kinds[i] != RBK_CLAUSE_DURING_APPLY &&
            (!same || same->flags != limit->flags || same->name->ref != limit->name->ref ||
             same->name->next || limit->name->next)) {
            return false;
        }
    }
    return true;
}

static struct rbk_str name_of(const struct rbk_tree_statement *trigger)
{
    return trigger->name->name->text;
}

/* The stage whose waivers count: the one that the reported trigger stands in. */
static const struct rbk_program_stage *stage_of(const struct rbk_tree_statement *trigger)
{
    const struct rbk_tree_statement *owner = rbk_armed_owner(trigger);
    return owner ? rbk_program_stage_of(owner) : NULL;
}

static void report_pointless(struct rbk_rules *rules, const struct rbk_tree_statement *hard,
                             const struct rbk_tree_statement *mild)
{
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage_of(mild), mild->value->span, "trigger `%.*s` decides nothing: `%.*s` %s first",
        RBK_STR_ARG(name_of(mild)), RBK_STR_ARG(name_of(hard)),
        hardness(hard) == 3 ? "aborts" : "rolls back");
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, hard->value->span),
                         "holds whenever the other does");
    rbk_diagnostic_help(diagnostic,
                        "The harder reaction belongs to the worse value, or to a longer "
                        "`for`. Change one of them, or remove `%.*s`.",
                        RBK_STR_ARG(name_of(mild)));
}

static void report_always(struct rbk_rules *rules, const struct rbk_tree_statement *a,
                          const struct rbk_tree_statement *b)
{
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, stage_of(b), b->value->span, "one of the triggers `%.*s` and `%.*s` always holds",
        RBK_STR_ARG(name_of(a)), RBK_STR_ARG(name_of(b)));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(rules, a->value->span), "or this");
    rbk_diagnostic_help(diagnostic, "No run gets through. Leave a range between the two in which "
                                    "neither fires.");
}

static void compare(struct rbk_rules *rules, const struct condition *a, const struct condition *b)
{
    struct relation relation;
    int hard_a = hardness(a->trigger);
    int hard_b = hardness(b->trigger);
    if (!hard_a || !hard_b || !relate(a, b, &relation)) {
        return;
    }
    const struct rbk_tree_statement *first = a->trigger;
    const struct rbk_tree_statement *second = b->trigger;
    if (relation.b_implies_a && hard_a > hard_b && hard_a > 1 && fires_first(first, second) &&
        armed_whenever(first, second)) {
        report_pointless(rules, first, second);
    } else if (relation.a_implies_b && hard_b > hard_a && hard_b > 1 &&
               fires_first(second, first) && armed_whenever(second, first)) {
        report_pointless(rules, second, first);
    } else if (relation.one_always &&
               (armed_whenever(first, second) || armed_whenever(second, first))) {
        report_always(rules, first, second);
    }
}

void rbk_rule_133(struct rbk_rules *rules)
{
    const struct rbk_statements *triggers = &rules->program->triggers;
    if (triggers->count < 2 || rules->unsound) {
        return;
    }
    struct rbk_arena *arena = &rules->compile->arena;
    struct condition *conditions = rbk_new_array(arena, struct condition, triggers->count);
    struct rbk_map groups;
    rbk_map_init(&groups, arena);
    for (uint32_t i = 0; i < triggers->count; i++) {
        struct condition *condition = &conditions[i];
        condition->trigger = triggers->items[i];
        struct rbk_str key = key_of(rules, take_apart(condition->trigger->value, condition));
        uint32_t last = 0;
        if (rbk_map_get_index(&groups, key, &last)) {
            condition->next = last + 1;
        }
        for (uint32_t at = condition->next; at; at = conditions[at - 1].next) {
            compare(rules, &conditions[at - 1], condition);
        }
        rbk_map_set_index(&groups, key, i);
    }
}
