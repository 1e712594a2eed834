/*
 * RBK131, the labels: of a comparison, where its values come from and where they can lie; of two
 * conditions that shut each other out, what each asks for.
 */
#include "compiler/rules/rule_131.h"

#include "runtime/core/base/buffer.h"

/* A short piece of the source, for a message. */
static struct rbk_str quoted(const struct rbk_condition_report *report,
                             const struct rbk_tree_expr *expr)
{
    struct rbk_str text = rbk_source_text(report->rules->source, expr->span);
    return text.bytes <= 60 && rbk_str_find(text, '\n') == text.bytes ? text : RBK_STR("the value");
}

/* Whether a value is computed from others; then those are what there is to say something about. */
static bool is_computed(const struct rbk_tree_expr *expr)
{
    return expr->kind == RBK_EXPR_NEGATE || expr->kind == RBK_EXPR_AS ||
           (expr->kind == RBK_EXPR_BINARY && expr->typing.type != RBK_TYPE_BOOL);
}

/* Label the values in one side of a comparison with where they can lie, where that is known of more
 * than their types. @last: the place that was labelled before. */
static void label_side(const struct rbk_condition_report *report, struct rbk_diagnostic *diagnostic,
                       const struct rbk_tree_expr *side, struct rbk_place *last)
{
    struct rbk_range_origin origin = {.words = NULL};
    struct rbk_terms none;
    rbk_terms_init(&none);
    if (is_computed(side)) {
        label_side(report, diagnostic, side->left, last);
        if (side->kind == RBK_EXPR_BINARY) {
            label_side(report, diagnostic, side->right, last);
        }
        return;
    }
    struct rbk_range range = rbk_condition_range(report->condition, side, &none, &origin);
    enum rbk_type type = (enum rbk_type)side->typing.type;
    bool again = last->source == origin.place.source && last->span.start == origin.place.span.start;
    if (!origin.words || !origin.place.source || again || range.count == 0 ||
        rbk_range_is_all(&range) || type == RBK_TYPE_BOOL || type == RBK_TYPE_TEXT) {
        return;
    }
    struct rbk_buffer words;
    rbk_buffer_init(&words, 512);
    rbk_range_print(&words, &range, type);
    struct rbk_str text = rbk_buffer_str(&words);
    rbk_diagnostic_label(diagnostic, origin.place, "%s: %.*s", origin.words, RBK_STR_ARG(text));
    rbk_buffer_fini(&words);
    *last = origin.place;
}

/* Label one side of `and` or `or` with what it asks of a value that the other side asks about, too.
 */
static void label_part(const struct rbk_condition_report *report, struct rbk_diagnostic *diagnostic,
                       const struct rbk_tree_expr *part, const struct rbk_tree_expr *other,
                       bool truth)
{
    struct rbk_terms mine;
    struct rbk_terms theirs;
    rbk_terms_init(&mine);
    rbk_terms_init(&theirs);
    rbk_condition_assume(report->condition, part, truth, &mine);
    rbk_condition_assume(report->condition, other, truth, &theirs);
    for (uint32_t i = 0; i < mine.count && !mine.impossible; i++) {
        const struct rbk_term *term = &mine.items[i];
        enum rbk_type type = rbk_expr_type(term->expr);
        if (!rbk_terms_find(report->condition, &theirs, term->expr) || type == RBK_TYPE_TEXT ||
            type == RBK_TYPE_BOOL || term->range.count == 0) {
            continue;
        }
        struct rbk_buffer words;
        struct rbk_str name = quoted(report, term->expr);
        rbk_buffer_init(&words, 512);
        rbk_range_print(&words, &term->range, type);
        struct rbk_str text = rbk_buffer_str(&words);
        rbk_diagnostic_label(diagnostic, rbk_rules_place(report->rules, part->span),
                             "%s when `%.*s` is %.*s", truth ? "holds" : "fails", RBK_STR_ARG(name),
                             RBK_STR_ARG(text));
        rbk_buffer_fini(&words);
        return;
    }
}

/* Say of a side that no value can come of that it is missing. @return whether it is. */
static bool mark_missing(const struct rbk_condition_report *report,
                         struct rbk_diagnostic *diagnostic, const struct rbk_tree_expr *side)
{
    struct rbk_terms none;
    rbk_terms_init(&none);
    bool missing = rbk_condition_range(report->condition, side, &none, NULL).count == 0;
    if (missing) {
        rbk_diagnostic_label(diagnostic, rbk_rules_place(report->rules, side->span),
                             "always missing");
    }
    return missing;
}

void rbk_condition_explain(const struct rbk_condition_report *report,
                           struct rbk_diagnostic *diagnostic, const struct rbk_tree_expr *culprit)
{
    while (culprit->kind == RBK_EXPR_NOT) {
        culprit = culprit->left;
    }
    if (culprit->kind != RBK_EXPR_BINARY) {
        return;
    }
    if (culprit->op == RBK_OPERATOR_AND || culprit->op == RBK_OPERATOR_OR) {
        bool truth = culprit->op == RBK_OPERATOR_AND;
        label_part(report, diagnostic, culprit->left, culprit->right, truth);
        label_part(report, diagnostic, culprit->right, culprit->left, truth);
        return;
    }
    if (rbk_condition_is_term(culprit->left) &&
        rbk_condition_is_same(report->condition, culprit->left, culprit->right)) {
        rbk_diagnostic_mark(diagnostic, "the same on both sides");
        return;
    }
    if (mark_missing(report, diagnostic, culprit->left) ||
        mark_missing(report, diagnostic, culprit->right)) {
        return;
    }
    struct rbk_place last = rbk_place_none();
    label_side(report, diagnostic, culprit->left, &last);
    label_side(report, diagnostic, culprit->right, &last);
}
