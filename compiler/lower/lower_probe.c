/*
 * Probes, their windows' rings, and baselines.
 */
#include "compiler/lower/lowering.h"

#include "runtime/core/base/assert.h"
#include "runtime/core/base/limits.h"

/* Readings beyond what a window spans: jitter, and one before its edge. */
#define RING_SLACK 4u
/* What a baseline is assumed to span when only a run's parameters can tell. */
#define BASELINE_MS_ASSUMED 3600000u

static uint64_t clause_ms(const struct rbk_tree_statement *statement, enum rbk_clause_kind kind)
{
    const struct rbk_tree_clause *clause = rbk_tree_clause_find(statement, kind);
    return clause == NULL ? 0 : rbk_clause_duration_ms(clause);
}

/* `alert(…)` is set from outside and never read. */
static bool is_pushed(const struct rbk_tree_expr *value)
{
    const struct rbk_builtin *builtin =
        value->kind == RBK_EXPR_CALL ? rbk_builtin_of(value->ref) : NULL;
    return builtin != NULL && builtin->kind == RBK_BUILTIN_READING &&
           builtin->is.read == RBK_READ_ALERT;
}

uint32_t rbk_lower_add_probe(struct rbk_lower *lower, struct rbk_probe probe)
{
    uint32_t index = rbk_build_probe(&lower->builder, probe);
    if (index >= lower->probe_capacity) {
        uint32_t capacity = index * 2 + 16;
        uint32_t *baselines = rbk_new_array(lower->builder.arena, uint32_t, capacity);
        uint64_t *span_ms = rbk_new_array(lower->builder.arena, uint64_t, capacity);
        for (uint32_t i = 0; i < index; i++) {
            baselines[i] = lower->probe_baselines[i];
            span_ms[i] = lower->probe_span_ms[i];
        }
        lower->probe_baselines = baselines;
        lower->probe_span_ms = span_ms;
        lower->probe_capacity = capacity;
    }
    lower->probe_baselines[index] = RBK_NONE;
    lower->probe_span_ms[index] = 0;
    return index;
}

static void lower_probe(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    const struct rbk_tree_clause *missing =
        rbk_tree_clause_find(statement, RBK_CLAUSE_MISSING_AFTER);
    struct rbk_reading_mode mode = lower->mode;
    struct rbk_probe probe = {
        .name = statement->name->name->text,
        .type = (enum rbk_type)statement->declaration->typing.type,
        .every_ms = clause_ms(statement, RBK_CLAUSE_EVERY),
        .timeout_ms = clause_ms(statement, RBK_CLAUSE_TIMEOUT),
        .missing_after = missing != NULL ? (uint32_t)rbk_clause_count(missing) : 1,
        .pushed = is_pushed(statement->value),
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    if (probe.every_ms == 0) {
        probe.every_ms = RBK_LOWER_EVERY_MS;
    }
    if (probe.timeout_ms == 0) {
        probe.timeout_ms = probe.every_ms;
    }
    if (probe.timeout_ms > RBK_PROBE_TIMEOUT_MS_MAX) {
        probe.timeout_ms = RBK_PROBE_TIMEOUT_MS_MAX;
    }
    if (probe.missing_after == 0) {
        probe.missing_after = 1;
    }
    lower->mode.timeout_ms = probe.timeout_ms;
    lower->mode.windows = true; /* a probe over another one would see its last value */
    probe.expr = rbk_lower_expr(lower, statement->value);
    lower->mode = mode;
    statement->declaration->index = rbk_lower_add_probe(lower, probe);
}

static void lower_baseline(struct rbk_lower *lower, const struct rbk_tree_statement *statement)
{
    uint32_t probe = statement->name->ref->index;
    if (lower->probe_baselines[probe] != RBK_NONE) {
        rbk_lower_refuse(lower, statement->head, "a second baseline of one probe");
        return;
    }
    struct rbk_reading_mode mode = lower->mode;
    lower->mode.refused = true;
    const struct rbk_tree_clause *least = rbk_tree_clause_find(statement, RBK_CLAUSE_AT_LEAST);
    struct rbk_baseline baseline = {
        .probe = probe,
        .over = rbk_lower_expr(lower, statement->value),
        .readings = least != NULL ? (uint32_t)rbk_clause_count(least) : 0,
        .place = rbk_lower_machine_place(lower, statement->head),
    };
    lower->mode = mode;
    if (least != NULL && rbk_clause_count(least) > RBK_WINDOW_READINGS_MAX) {
        rbk_lower_refuse(lower, least->span, "a baseline from more than 65536 readings");
        return;
    }
    uint64_t over_ms = rbk_lower_known_duration(lower, statement->value);
    if (statement->value->kind != RBK_EXPR_DURATION && over_ms < BASELINE_MS_ASSUMED) {
        over_ms = BASELINE_MS_ASSUMED;
    }
    if (over_ms > lower->probe_span_ms[probe]) {
        lower->probe_span_ms[probe] = over_ms;
    }
    lower->probe_baselines[probe] = rbk_build_baseline(&lower->builder, baseline);
}

void rbk_lower_probes(struct rbk_lower *lower)
{
    const struct rbk_statements *probes = &lower->program->head[RBK_STATEMENT_PROBE];
    const struct rbk_statements *baselines = &lower->program->head[RBK_STATEMENT_BASELINE];
    for (uint32_t i = 0; i < probes->count; i++) {
        lower_probe(lower, probes->items[i]);
    }
    for (uint32_t i = 0; i < baselines->count; i++) {
        lower_baseline(lower, baselines->items[i]);
    }
}

/* Which probes a `confirm within` reads once more: as often again, at worst. */
static const bool *reread_probes(struct rbk_lower *lower)
{
    const struct rbk_machine *machine = lower->builder.machine;
    bool *reread = rbk_new_array(lower->builder.arena, bool, machine->probe_count + 1);
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        struct rbk_slice code = machine->exprs[machine->triggers[i].condition].code;
        for (uint32_t at = 0; machine->triggers[i].confirm_ms > 0 && at < code.count; at++) {
            struct rbk_op_code op = machine->codes[code.first + at];
            if (op.op == RBK_OP_WINDOW) {
                reread[machine->windows[op.operand].probe] = true;
            }
        }
    }
    return reread;
}

void rbk_lower_probe_rings(struct rbk_lower *lower)
{
    struct rbk_machine *machine = lower->builder.machine;
    const bool *reread = reread_probes(lower);
    if (machine->probe_count > RBK_PROBES_MAX) {
        rbk_lower_stop(lower, lower->program->plan->head, "more than 16384 probes");
        return;
    }
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        struct rbk_probe *probe = &machine->probes[i];
        uint64_t readings = lower->probe_span_ms[i] / probe->every_ms + RING_SLACK;
        readings = reread[i] ? 2 * readings : readings;
        if (probe->pushed) {
            readings = RING_SLACK;
        }
        if (readings > RBK_WINDOW_READINGS_MAX) {
            const struct rbk_tree_statement *statement =
                lower->program->head[RBK_STATEMENT_PROBE].items[i];
            rbk_lower_stop(lower, statement->head,
                           "a window over this probe would need more than 65536 readings");
            readings = RBK_WINDOW_READINGS_MAX;
        }
        probe->ring_capacity = (uint32_t)readings;
    }
}
