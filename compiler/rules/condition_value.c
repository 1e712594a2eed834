/*
 * Where values can lie: by the reading they come from, by the declaration of a name, by arithmetic.
 *
 * What a reading gives is known from the runtime: an HTTP status has three digits, an exit status
 * is a byte, sizes, counts and latencies are not negative. A `sql.ratio`, the share of a disk that
 * is free and std.prometheus's `ratio` are shares of a whole: 0% to 100%. That the query of a
 * `ratio` gives one is the one thing taken on trust; quotients that may be more are written
 * `ratio(a, b)`. A parameter lies where its `where` lets it, whatever its default.
 */
#include "compiler/rules/condition.h"

#include "compiler/analysis.h"
#include "runtime/core/expr.h"

#include <math.h>

/* Ends up to which sums of a window are exact, so that a mean lies between the readings' ends. */
#define EXACT_END_MAX 1048576.0

static bool is_whole(enum rbk_type type)
{
    return type == RBK_TYPE_INT || type == RBK_TYPE_DURATION || type == RBK_TYPE_BYTES ||
           type == RBK_TYPE_TIME || type == RBK_TYPE_BOOL || type == RBK_TYPE_TEXT;
}

/* All that a type allows. */
static struct rbk_range range_of_type(enum rbk_type type)
{
    return type == RBK_TYPE_BOOL ? rbk_range_between(0, 1, true) : rbk_range_all(is_whole(type));
}

static bool is_literal_text(const struct rbk_tree_expr *expr)
{
    return expr->kind == RBK_EXPR_STRING && !expr->has_parts;
}

/* ---- by reading --------------------------------------------------------------------------------
 */

/* What the core readings give. */
static struct rbk_range range_of_reading(enum rbk_read_kind read, enum rbk_type type,
                                         const char **ret_words)
{
    switch (read) {
    case RBK_READ_HTTP_STATUS:
        *ret_words = "an HTTP status";
        return rbk_range_between(100, 999, true);
    case RBK_READ_HTTP_LATENCY:
        *ret_words = "a latency";
        return rbk_range_between(0, INFINITY, true);
    case RBK_READ_SQL_RATIO:
        *ret_words = "a share";
        return rbk_range_between(0, 1, false);
    case RBK_READ_SQL_ROWS:
        *ret_words = "a number of rows";
        return rbk_range_between(0, INFINITY, true);
    case RBK_READ_RUN_EXIT:
        *ret_words = "an exit status";
        return rbk_range_between(0, 255, true);
    case RBK_READ_FILE_SIZE:
        *ret_words = "a size";
        return rbk_range_between(0, INFINITY, true);
    case RBK_READ_HOST_DISK_FREE:
        *ret_words = "a share";
        return rbk_range_between(0, 1, false);
    case RBK_READ_HOST_LOAD:
        *ret_words = "a load";
        return rbk_range_between(0, INFINITY, false);
    default:
        return range_of_type(type);
    }
}

static void set_origin(struct rbk_range_origin *origin, struct rbk_place place, const char *words)
{
    if (origin && words) {
        *origin = (struct rbk_range_origin){place, words};
    }
}

/* The mean of values in a range. Rounding may carry it past an end that is no small whole number.
 */
static struct rbk_range mean_of(const struct rbk_range *range)
{
    if (range->count == 0) {
        return *range;
    }
    double low = range->pieces[0].low;
    double high = range->pieces[range->count - 1].high;
    bool low_exact = low == trunc(low) && fabs(low) <= EXACT_END_MAX;
    bool high_exact = high == trunc(high) && fabs(high) <= EXACT_END_MAX;
    low = low_exact || isinf(low) ? low : low - fabs(low) * 1e-9;
    high = high_exact || isinf(high) ? high : high + fabs(high) * 1e-9;
    return rbk_range_between(low, high, false);
}

static struct rbk_range hull(const struct rbk_range *range)
{
    return range->count == 0
               ? *range
               : rbk_range_between(range->pieces[0].low, range->pieces[range->count - 1].high,
                                   range->whole);
}

/* A mean of whole values is rounded to one where its type asks for it. */
static struct rbk_range rounded(const struct rbk_range *range, enum rbk_type type)
{
    if (!is_whole(type) || range->count == 0) {
        return *range;
    }
    return rbk_range_between(floor(range->pieces[0].low),
                             ceil(range->pieces[range->count - 1].high), true);
}

static struct rbk_range range_of_aggregate(struct rbk_condition *condition,
                                           const struct rbk_tree_expr *call,
                                           const struct rbk_builtin *builtin,
                                           struct rbk_range_origin *origin)
{
    enum rbk_type type = (enum rbk_type)call->typing.type;
    const struct rbk_tree_expr *probe = rbk_call_value(call, 0);
    if (builtin->kind == RBK_BUILTIN_AGGREGATE && builtin->is.window == RBK_WINDOW_COUNT) {
        set_origin(origin, rbk_place_make(condition->source, call->span), "a count");
        return rbk_range_between(0, INFINITY, true);
    }
    if (!probe || probe->kind != RBK_EXPR_NAME) {
        return range_of_type(type);
    }
    struct rbk_terms none; /* what is known of the last reading is not known of the others */
    rbk_terms_init(&none);
    struct rbk_range range = rbk_condition_range(condition, probe, &none, origin);
    range = hull(&range);
    if (builtin->kind == RBK_BUILTIN_BASELINE || builtin->is.window == RBK_WINDOW_AVG) {
        range = mean_of(&range);
        range = rounded(&range, type);
    }
    return range;
}

static struct rbk_range range_of_function(struct rbk_condition *condition,
                                          const struct rbk_tree_expr *call,
                                          const struct rbk_builtin *builtin,
                                          const struct rbk_terms *terms)
{
    enum rbk_type type = (enum rbk_type)call->typing.type;
    const struct rbk_tree_expr *first = rbk_call_value(call, 0);
    const struct rbk_tree_expr *second = rbk_call_value(call, 1);
    struct rbk_range a;
    struct rbk_range b;
    if (!first) {
        return range_of_type(type);
    }
    switch (builtin->is.function) {
    case RBK_FUNCTION_RATIO:
        if (!second) {
            return range_of_type(type);
        }
        a = rbk_condition_range(condition, first, terms, NULL);
        b = rbk_condition_range(condition, second, terms, NULL);
        return rbk_range_compute(RBK_OPERATOR_DIVIDE, &a, &b, false);
    case RBK_FUNCTION_ABS:
        a = rbk_condition_range(condition, first, terms, NULL);
        return rbk_range_abs(&a);
    case RBK_FUNCTION_COUNT:
        return rbk_range_between(0, INFINITY, true);
    case RBK_FUNCTION_INT:
        /* Of an int it is that; a number or text that is no whole one is missing. */
        if (first->typing.type == RBK_TYPE_INT || is_literal_text(first)) {
            return rbk_condition_range(condition, first, terms, NULL);
        }
        return range_of_type(type);
    default:
        return range_of_type(type);
    }
}

/* ---- by declaration ----------------------------------------------------------------------------
 */

/* Follow an expression that stands elsewhere, where names mean other values. */
static struct rbk_range range_elsewhere(struct rbk_condition *condition,
                                        const struct rbk_source *source,
                                        const struct rbk_tree_expr *expr,
                                        struct rbk_range_origin *origin)
{
    const struct rbk_source *here = condition->source;
    struct rbk_terms none;
    rbk_terms_init(&none);
    condition->source = source;
    condition->depth++;
    struct rbk_range range = rbk_condition_range(condition, expr, &none, origin);
    condition->depth--;
    condition->source = here;
    return range;
}

/* Whether this is std.prometheus's `ratio`. */
static bool is_share_of_std(const struct rbk_condition *condition,
                            const struct rbk_declaration *reading)
{
    const struct rbk_program_file *file =
        condition->rules->program->files[reading->file->source->id];
    return file->is_std && rbk_str_is(file->module, "std.prometheus") &&
           rbk_str_is(reading->name->text, "ratio");
}

static struct rbk_range range_of_call(struct rbk_condition *condition,
                                      const struct rbk_tree_expr *call,
                                      const struct rbk_terms *terms,
                                      struct rbk_range_origin *origin)
{
    enum rbk_type type = (enum rbk_type)call->typing.type;
    const struct rbk_declaration *callee = call->ref;
    const struct rbk_builtin *builtin = rbk_builtin_of(callee);
    struct rbk_place place = rbk_place_make(condition->source, call->span);
    const char *words = NULL;
    if (callee && callee->kind == RBK_DECLARATION_READING && callee->file) {
        if (is_share_of_std(condition, callee)) {
            set_origin(origin, place, "a share");
            return rbk_range_between(0, 1, false);
        }
        struct rbk_range_origin inner = {.words = NULL};
        struct rbk_range range =
            range_elsewhere(condition, callee->file->source, callee->statement->value, &inner);
        set_origin(origin, place, inner.words); /* what the reader knows is the call */
        return range;
    }
    if (!builtin) {
        return range_of_type(type);
    }
    switch ((enum rbk_builtin_kind)builtin->kind) {
    case RBK_BUILTIN_READING: {
        struct rbk_range range = range_of_reading(builtin->is.read, type, &words);
        set_origin(origin, place, words);
        return range;
    }
    case RBK_BUILTIN_AGGREGATE:
    case RBK_BUILTIN_BASELINE:
        return range_of_aggregate(condition, call, builtin, origin);
    case RBK_BUILTIN_FUNCTION:
        return range_of_function(condition, call, builtin, terms);
    default:
        return range_of_type(type);
    }
}

/* Where its `where` lets a parameter lie. */
static struct rbk_range range_of_param(struct rbk_condition *condition,
                                       const struct rbk_tree_expr *name,
                                       struct rbk_range_origin *origin)
{
    const struct rbk_declaration *param = name->ref;
    enum rbk_type type = (enum rbk_type)param->typing.type;
    const struct rbk_tree_expr *where = param->statement->second;
    if (!where) {
        return range_of_type(type);
    }
    const struct rbk_source *here = condition->source;
    uint32_t depth = condition->depth;
    struct rbk_terms terms;
    rbk_terms_init(&terms);
    condition->source = param->file->source;
    condition->depth = RBK_CONDITION_DEPTH_MAX; /* in it, the name is only what its type says */
    rbk_condition_assume(condition, where, true, &terms);
    condition->source = here;
    condition->depth = depth;
    for (uint32_t i = 0; i < terms.count && !terms.impossible; i++) {
        const struct rbk_tree_expr *term = terms.items[i].expr;
        if (term->ref == param && rbk_condition_type(term) == type) {
            set_origin(origin, rbk_place_make(param->file->source, where->span), "by its `where`");
            return terms.items[i].range;
        }
    }
    return range_of_type(type);
}

/* A duration that the plan's head gives as a literal. */
static struct rbk_range range_of_head(const struct rbk_condition *condition,
                                      enum rbk_statement_kind kind, struct rbk_range_origin *origin)
{
    const struct rbk_tree_statement *at = rbk_program_head(condition->rules->program, kind);
    const struct rbk_tree_expr *value = at ? at->value : NULL;
    if (!value || value->kind != RBK_EXPR_DURATION) {
        return rbk_range_between(0, INFINITY, true);
    }
    set_origin(origin, rbk_place_make(condition->rules->program->files[0]->tree->source, at->span),
               "as the plan says");
    return rbk_range_point((double)value->number, true);
}

static struct rbk_range range_of_variable(const struct rbk_condition *condition,
                                          const struct rbk_tree_expr *name,
                                          const struct rbk_builtin *builtin,
                                          struct rbk_range_origin *origin)
{
    enum rbk_type type = (enum rbk_type)name->typing.type;
    struct rbk_place place = rbk_place_make(condition->source, name->span);
    switch (builtin->is.variable) {
    case RBK_VARIABLE_ROLLBACKS:
        set_origin(origin, place, "a count");
        return rbk_range_between(0, INFINITY, true);
    case RBK_VARIABLE_RUN_ELAPSED:
    case RBK_VARIABLE_RUN_ROLLBACK_ELAPSED:
    case RBK_VARIABLE_ELAPSED:
        set_origin(origin, place, "a time that has passed");
        return rbk_range_between(0, INFINITY, true);
    case RBK_VARIABLE_ESTIMATE:
    case RBK_VARIABLE_PLAN_ESTIMATE:
        return range_of_head(condition, RBK_STATEMENT_ESTIMATE, origin);
    default:
        return range_of_type(type);
    }
}

static struct rbk_range range_of_name(struct rbk_condition *condition,
                                      const struct rbk_tree_expr *name,
                                      struct rbk_range_origin *origin)
{
    const struct rbk_declaration *declaration = name->ref;
    enum rbk_type type = (enum rbk_type)name->typing.type;
    if (!declaration || condition->depth >= RBK_CONDITION_DEPTH_MAX) {
        return range_of_type(type);
    }
    switch ((enum rbk_declaration_kind)declaration->kind) {
    case RBK_DECLARATION_PARAM:
        return range_of_param(condition, name, origin);
    case RBK_DECLARATION_PROBE:
    case RBK_DECLARATION_LET:
        if (declaration->statement && declaration->statement->value &&
            declaration->statement->value->typing.type == declaration->typing.type) {
            return range_elsewhere(condition, declaration->file->source,
                                   declaration->statement->value, origin);
        }
        return range_of_type(type);
    case RBK_DECLARATION_CORE: {
        const struct rbk_builtin *builtin = rbk_builtin_of(declaration);
        return builtin && builtin->kind == RBK_BUILTIN_VARIABLE
                   ? range_of_variable(condition, name, builtin, origin)
                   : range_of_type(type);
    }
    default:
        return range_of_type(type);
    }
}

/* ---- expressions -------------------------------------------------------------------------------
 */

/* The number of a literal, as the machine will have it. */
static double number_of(const struct rbk_tree_expr *expr)
{
    return expr->kind == RBK_EXPR_NUMBER || expr->kind == RBK_EXPR_RATIO
               ? (double)expr->number / pow(10.0, expr->decimals)
               : (double)expr->number;
}

/* The number a text stands for: texts that are the same have the same. */
static struct rbk_range range_of_text(struct rbk_condition *condition,
                                      const struct rbk_tree_expr *expr)
{
    if (expr->has_parts) {
        return rbk_range_all(true);
    }
    const uint32_t count_max = sizeof(condition->texts) / sizeof(condition->texts[0]);
    for (uint32_t i = 0; i < condition->text_count; i++) {
        if (rbk_str_equal(condition->texts[i], expr->text)) {
            return rbk_range_point(i, true);
        }
    }
    if (condition->text_count == count_max) {
        return rbk_range_all(true);
    }
    condition->texts[condition->text_count] = expr->text;
    return rbk_range_point(condition->text_count++, true);
}

/* A literal text read as a number of some kind: that number, or nothing at all. */
static struct rbk_range range_of_parsed(const struct rbk_tree_expr *string, enum rbk_type type)
{
    struct rbk_value value = rbk_value_parse(type, string->text);
    if (value.missing) {
        return (struct rbk_range){.whole = is_whole(type)};
    }
    switch (type) {
    case RBK_TYPE_INT:
    case RBK_TYPE_DURATION:
    case RBK_TYPE_BYTES:
    case RBK_TYPE_TIME:
        return rbk_range_point((double)value.as.integer, true);
    case RBK_TYPE_NUMBER:
    case RBK_TYPE_RATIO:
        return rbk_range_point(value.as.number, false);
    case RBK_TYPE_BOOL:
        return rbk_range_point(value.as.truth ? 1 : 0, true);
    default:
        return range_of_type(type);
    }
}

static struct rbk_range range_of_as(struct rbk_condition *condition,
                                    const struct rbk_tree_expr *expr, const struct rbk_terms *terms)
{
    enum rbk_unit unit;
    enum rbk_type type;
    if (!rbk_as_word(expr->name->name->text, &unit, &type)) {
        return range_of_type((enum rbk_type)expr->typing.type);
    }
    if (unit == RBK_UNIT_COUNT) {
        if (is_literal_text(expr->left) && type != RBK_TYPE_TEXT) {
            return range_of_parsed(expr->left, type);
        }
        bool same = expr->left->typing.type == expr->typing.type;
        return same ? rbk_condition_range(condition, expr->left, terms, NULL)
                    : range_of_type((enum rbk_type)expr->typing.type);
    }
    struct rbk_range factor = rbk_range_point((double)rbk_unit_factor(unit), true);
    if (rbk_expr_type(expr->left) == type) { /* printed in that unit */
        struct rbk_range range = rbk_condition_range(condition, expr->left, terms, NULL);
        return rbk_range_compute(RBK_OPERATOR_DIVIDE, &range, &factor, false);
    }
    struct rbk_range range = rbk_condition_range(condition, expr->left, terms, NULL);
    return rbk_range_compute(RBK_OPERATOR_MULTIPLY, &range, &factor, true);
}

static struct rbk_range range_of_binary(struct rbk_condition *condition,
                                        const struct rbk_tree_expr *expr,
                                        const struct rbk_terms *terms,
                                        struct rbk_range_origin *origin)
{
    enum rbk_type type = (enum rbk_type)expr->typing.type;
    switch ((enum rbk_operator)expr->op) {
    case RBK_OPERATOR_ADD:
    case RBK_OPERATOR_SUBTRACT:
    case RBK_OPERATOR_MULTIPLY:
    case RBK_OPERATOR_DIVIDE: {
        struct rbk_range left = rbk_condition_range(condition, expr->left, terms, origin);
        struct rbk_range right = rbk_condition_range(condition, expr->right, terms, origin);
        return rbk_range_compute((enum rbk_operator)expr->op, &left, &right, is_whole(type));
    }
    case RBK_OPERATOR_COALESCE: {
        struct rbk_range left = rbk_condition_range(condition, expr->left, terms, origin);
        struct rbk_range right = rbk_condition_range(condition, expr->right, terms, NULL);
        return rbk_range_join(&left, &right);
    }
    default:
        return range_of_type(type);
    }
}

static struct rbk_range range_of(struct rbk_condition *condition, const struct rbk_tree_expr *expr,
                                 const struct rbk_terms *terms, struct rbk_range_origin *origin)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_BOOL:
    case RBK_EXPR_INT:
    case RBK_EXPR_DURATION:
    case RBK_EXPR_BYTES:
        return rbk_range_point(number_of(expr), true);
    case RBK_EXPR_NUMBER:
    case RBK_EXPR_RATIO:
        return rbk_range_point(number_of(expr), false);
    case RBK_EXPR_STRING:
        return range_of_text(condition, expr);
    case RBK_EXPR_NAME:
    case RBK_EXPR_MEMBER:
        return range_of_name(condition, expr, origin);
    case RBK_EXPR_CALL:
        return range_of_call(condition, expr, terms, origin);
    case RBK_EXPR_NEGATE: {
        struct rbk_range range = rbk_condition_range(condition, expr->left, terms, origin);
        return rbk_range_negate(&range);
    }
    case RBK_EXPR_AS:
        return range_of_as(condition, expr, terms);
    case RBK_EXPR_BINARY:
        return range_of_binary(condition, expr, terms, origin);
    default:
        return range_of_type((enum rbk_type)expr->typing.type);
    }
}

struct rbk_range rbk_condition_range(struct rbk_condition *condition,
                                     const struct rbk_tree_expr *expr,
                                     const struct rbk_terms *terms,
                                     struct rbk_range_origin *ret_origin)
{
    enum rbk_type own = (enum rbk_type)expr->typing.type;
    enum rbk_type type = rbk_expr_type(expr);
    if (rbk_condition_is_tired(condition) || condition->depth > RBK_CONDITION_DEPTH_MAX) {
        return range_of_type(type);
    }
    const struct rbk_term *term = rbk_terms_find(condition, terms, expr);
    if (term) {
        if (ret_origin) {
            (void)range_of(condition, expr, terms, ret_origin);
        }
        return term->range;
    }
    /* Read as something else, a value is not what it was; but an int is the same number. */
    if (rbk_condition_type(expr) != own) {
        return is_literal_text(expr) && type != RBK_TYPE_TEXT ? range_of_parsed(expr, type)
                                                              : range_of_type(type);
    }
    return range_of(condition, expr, terms, ret_origin);
}
