/*
 * RBK132: a probe is read often enough for the trigger that looks at it. An average over less than
 * the time between two readings has mostly nothing to go by; a `for` that is shorter than that is
 * decided by one reading; and a `during apply` whose `for` is as long as the apply may last never
 * fires. A `confirm within` needs something that can be read again, and the time to do so; a
 * baseline never gets more readings than its span holds.
 */
#include "compiler/rules/rules.h"

/* How long one reading may take where the plan says nothing shorter (language page). */
#define READING_MS_MAX 5000u

/* What is known of one trigger. */
struct reading {
    struct rbk_rules *rules;
    const struct rbk_program_stage *stage;
    const struct rbk_tree_statement *trigger;
    const struct rbk_tree_statement *slowest; /* Of the probes it names directly. */
    uint64_t every_ms;                        /* Of the slowest; 0: none is read by time. */
    bool aggregates;                          /* It looks at a span of some probe. */
    bool reads;         /* Something in it can be read again: no alert, no constant. */
    uint64_t answer_ms; /* The longest that one such reading may take. */
};

static uint64_t every_of(const struct rbk_tree_statement *probe)
{
    const struct rbk_tree_clause *every = rbk_tree_clause_find(probe, RBK_CLAUSE_EVERY);
    return every ? rbk_clause_duration_ms(every) : 0;
}

/* How long one reading may take, by the clauses of the probe or trigger that takes it. */
static uint64_t answer_of(const struct rbk_tree_statement *reader)
{
    const struct rbk_tree_clause *timeout = rbk_tree_clause_find(reader, RBK_CLAUSE_TIMEOUT);
    uint64_t limit_ms = timeout ? rbk_clause_duration_ms(timeout) : every_of(reader);
    return limit_ms > 0 && limit_ms < READING_MS_MAX ? limit_ms : READING_MS_MAX;
}

static bool is_alert(const struct rbk_tree_expr *expr)
{
    const struct rbk_builtin *builtin =
        expr->kind == RBK_EXPR_CALL ? rbk_builtin_of(expr->ref) : NULL;
    return builtin && builtin->kind == RBK_BUILTIN_READING && builtin->is.read == RBK_READ_ALERT;
}

/* A probe it depends on, or the trigger itself where it takes readings of its own. */
static void note_reader(struct reading *reading, const struct rbk_tree_statement *reader)
{
    if (reader->kind == RBK_STATEMENT_PROBE && is_alert(reader->value)) {
        return; /* told from outside */
    }
    uint64_t answer_ms = answer_of(reader);
    reading->reads = true;
    reading->answer_ms = answer_ms > reading->answer_ms ? answer_ms : reading->answer_ms;
}

/* A duration as it stands in the plan. */
static struct rbk_str written(const struct reading *reading, struct rbk_span span)
{
    struct rbk_str text = rbk_source_text(reading->rules->source, span);
    size_t start = text.bytes;
    while (start > 0 && text.data[start - 1] != ' ') {
        start--;
    }
    return rbk_str_slice(text, start, text.bytes);
}

static void label_every(const struct reading *reading, struct rbk_diagnostic *diagnostic,
                        const struct rbk_tree_statement *probe)
{
    const struct rbk_tree_clause *every = rbk_tree_clause_find(probe, RBK_CLAUSE_EVERY);
    rbk_diagnostic_label(diagnostic, rbk_rules_place(reading->rules, every->span),
                         "`%.*s` is read this often", RBK_STR_ARG(probe->name->name->text));
}

/* `avg(p, 10s)` of a probe read every 15s. */
static void check_span(struct reading *reading, const struct rbk_tree_expr *call)
{
    const struct rbk_tree_expr *name = rbk_call_value(call, 0);
    const struct rbk_tree_expr *span = rbk_call_value(call, 1);
    const struct rbk_declaration *probe = name ? name->ref : NULL;
    reading->aggregates |= span != NULL;
    if (probe && probe->kind == RBK_DECLARATION_PROBE) {
        note_reader(reading, probe->statement);
    }
    if (!span || span->kind != RBK_EXPR_DURATION || !probe ||
        probe->kind != RBK_DECLARATION_PROBE ||
        (uint64_t)span->number >= every_of(probe->statement)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(reading->rules, reading->stage, call->span,
                        "the last %.*s of `%.*s` have no reading most of the time",
                        RBK_STR_ARG(written(reading, span->span)), RBK_STR_ARG(probe->name->text));
    label_every(reading, diagnostic, probe->statement);
    rbk_diagnostic_help(diagnostic,
                        "Look back several readings far, or read the probe more often.");
}

static void look(struct reading *reading, const struct rbk_tree_expr *expr);

static void look_at_call(struct reading *reading, const struct rbk_tree_expr *call)
{
    const struct rbk_builtin *builtin = rbk_builtin_of(call->ref);
    if (builtin && builtin->kind == RBK_BUILTIN_AGGREGATE) {
        check_span(reading, call);
        return;
    }
    if ((builtin && builtin->kind == RBK_BUILTIN_READING && !is_alert(call)) ||
        (call->ref && call->ref->kind == RBK_DECLARATION_READING)) {
        note_reader(reading, reading->trigger);
    }
    for (const struct rbk_tree_argument *at = call->arguments; at; at = at->next) {
        look(reading, at->value);
    }
}

/* Everything in a condition; as deep as expressions are, which is limited. */
static void look(struct reading *reading, const struct rbk_tree_expr *expr)
{
    switch ((enum rbk_expr_kind)expr->kind) {
    case RBK_EXPR_NAME:
        if (expr->ref && expr->ref->kind == RBK_DECLARATION_PROBE) {
            note_reader(reading, expr->ref->statement);
            if (every_of(expr->ref->statement) > reading->every_ms) {
                reading->slowest = expr->ref->statement;
                reading->every_ms = every_of(reading->slowest);
            }
        }
        break;
    case RBK_EXPR_CALL:
        look_at_call(reading, expr);
        break;
    case RBK_EXPR_NOT:
    case RBK_EXPR_NEGATE:
    case RBK_EXPR_AS:
        look(reading, expr->left);
        break;
    case RBK_EXPR_BINARY:
        look(reading, expr->left);
        look(reading, expr->right);
        break;
    default:
        break;
    }
}

/* `for 10s` of a probe read every 15s. */
static void check_for(const struct reading *reading, const struct rbk_tree_clause *span)
{
    if (!reading->slowest || reading->aggregates ||
        rbk_clause_duration_ms(span) >= reading->every_ms) {
        return;
    }
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        reading->rules, reading->stage, span->span,
        "one reading of `%.*s` decides whether it held for %.*s",
        RBK_STR_ARG(reading->slowest->name->name->text), RBK_STR_ARG(written(reading, span->span)));
    label_every(reading, diagnostic, reading->slowest);
    rbk_diagnostic_help(diagnostic,
                        "Let it hold for several readings, read the probe more often, or "
                        "leave the `for` out.");
}

/* `during apply` with a `for` that the apply does not last. */
static void check_during(const struct reading *reading, const struct rbk_tree_clause *span,
                         uint64_t needed_ms)
{
    const struct rbk_tree_statement *apply = reading->stage ? reading->stage->apply : NULL;
    const struct rbk_tree_clause *within =
        apply ? rbk_tree_clause_find(apply, RBK_CLAUSE_WITHIN) : NULL;
    if (!within || !needed_ms || needed_ms < rbk_clause_duration_ms(within)) {
        return;
    }
    struct rbk_diagnostic *diagnostic =
        rbk_rule_report(reading->rules, reading->stage, span->span,
                        "trigger `%.*s` can never fire: its apply ends before this is over",
                        RBK_STR_ARG(reading->trigger->name->name->text));
    rbk_diagnostic_label(diagnostic, rbk_rules_place(reading->rules, within->span),
                         "the apply may last no longer");
    rbk_diagnostic_label(
        diagnostic,
        rbk_rules_place(reading->rules,
                        rbk_tree_clause_find(reading->trigger, RBK_CLAUSE_DURING_APPLY)->span),
        "armed only while it runs");
    rbk_diagnostic_help(diagnostic,
                        "Shorten the `for`, or arm it longer: without `during apply` it "
                        "watches the stage to the end of `grace`.");
}

/* `confirm within 1s` of a probe whose reading may take 5s, or of an alert. */
static void check_confirm(const struct reading *reading, const struct rbk_tree_clause *confirm)
{
    if (!reading->reads) {
        rbk_diagnostic_help(
            rbk_rule_report(reading->rules, reading->stage, confirm->span,
                            "trigger `%.*s` has nothing that could be read again",
                            RBK_STR_ARG(reading->trigger->name->name->text)),
            "An alert is told from outside. Leave the `confirm within` out, or add a probe to the "
            "condition.");
    } else if (rbk_clause_duration_ms(confirm) > 0 &&
               rbk_clause_duration_ms(confirm) < reading->answer_ms) {
        struct rbk_diagnostic *diagnostic =
            rbk_rule_report(reading->rules, reading->stage, confirm->span,
                            "the second reading may take longer than this: up to %llums",
                            (unsigned long long)reading->answer_ms);
        rbk_diagnostic_help(diagnostic,
                            "Without an answer by then, trigger `%.*s` fires. Allow more, or give "
                            "what it reads a shorter `timeout`.",
                            RBK_STR_ARG(reading->trigger->name->name->text));
    }
}

/* `baseline p over 1m at least 10 readings` of a probe read every 30s. */
static void check_baseline(struct rbk_rules *rules, const struct rbk_tree_statement *baseline)
{
    const struct rbk_tree_clause *least = rbk_tree_clause_find(baseline, RBK_CLAUSE_AT_LEAST);
    const struct rbk_declaration *probe = baseline->name->ref;
    if (!least) {
        return;
    }
    if (rbk_clause_count(least) == 0) {
        rbk_diagnostic_help(
            rbk_rule_report(rules, NULL, least->span, "a baseline from no reading at all"),
            "Say how many readings make it worth comparing with.");
        return;
    }
    uint64_t every_ms =
        probe && probe->kind == RBK_DECLARATION_PROBE ? every_of(probe->statement) : 0;
    if (every_ms == 0 || baseline->value->kind != RBK_EXPR_DURATION ||
        rbk_clause_count(least) <= (uint64_t)baseline->value->number / every_ms + 1) {
        return;
    }
    struct reading reading = {.rules = rules, .trigger = baseline};
    struct rbk_diagnostic *diagnostic = rbk_rule_report(
        rules, NULL, least->span, "`%.*s` is never read so often in %.*s",
        RBK_STR_ARG(probe->name->text), RBK_STR_ARG(written(&reading, baseline->value->span)));
    label_every(&reading, diagnostic, probe->statement);
    rbk_diagnostic_help(diagnostic,
                        "Measure for longer, read the probe more often, or ask for fewer.");
}

static void check(struct rbk_rules *rules, const struct rbk_program_stage *stage,
                  const struct rbk_tree_statement *trigger)
{
    struct reading reading = {.rules = rules, .stage = stage, .trigger = trigger};
    look(&reading, trigger->value);
    const struct rbk_tree_clause *span = rbk_tree_clause_find(trigger, RBK_CLAUSE_FOR);
    const struct rbk_tree_clause *readings = rbk_tree_clause_find(trigger, RBK_CLAUSE_FOR_READINGS);
    uint64_t every_ms = reading.every_ms;
    if (!reading.slowest) {
        const struct rbk_tree_clause *own = rbk_tree_clause_find(trigger, RBK_CLAUSE_EVERY);
        every_ms = own ? rbk_clause_duration_ms(own) : 0;
    }
    const struct rbk_tree_clause *confirm = rbk_tree_clause_find(trigger, RBK_CLAUSE_CONFIRM);
    if (span) {
        check_for(&reading, span);
    }
    if (confirm) {
        check_confirm(&reading, confirm);
    }
    if (rbk_tree_clause_find(trigger, RBK_CLAUSE_DURING_APPLY)) {
        if (span) {
            check_during(&reading, span, rbk_clause_duration_ms(span));
        } else if (readings) {
            check_during(&reading, readings, (rbk_clause_count(readings) - 1) * every_ms);
        }
    }
}

void rbk_rule_132_stage(struct rbk_rules *rules, struct rbk_tree_statement *statement)
{
    const struct rbk_program_stage *stage = rbk_program_stage_of(statement);
    for (uint32_t i = 0; i < stage->triggers.count; i++) {
        check(rules, stage, stage->triggers.items[i]);
    }
}

void rbk_rule_132(struct rbk_rules *rules)
{
    const struct rbk_statements *triggers = &rules->program->head[RBK_STATEMENT_TRIGGER];
    for (uint32_t i = 0; i < triggers->count; i++) {
        check(rules, NULL, triggers->items[i]);
    }
    const struct rbk_statements *baselines = &rules->program->head[RBK_STATEMENT_BASELINE];
    for (uint32_t i = 0; i < baselines->count; i++) {
        check_baseline(rules, baselines->items[i]);
    }
}
