/*
 * The worst case of one effect of a machine, by what the core and the drivers do with it. The same
 * of a step of a plan is compiler/times/leaf.c.
 */
#include "runtime/core/worst_internal.h"

#include <stdlib.h>

#include "runtime/core/expr.h"
#include "runtime/core/stop_times.h"

#define EVALUATION_BYTES_MAX ((size_t)64 << 20)

static uint64_t dead_ms_of(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_CAPTURE_RUN:
        for (uint32_t i = 0; i < effect->args.count; i++) {
            if (machine->args[effect->args.first + i].kind == RBK_ARG_CANCEL_WORD) {
                return RBK_STOP_EXEC_WITH_CANCEL_MS;
            }
        }
        return RBK_STOP_EXEC_MS;
    case RBK_EFFECT_SQL:
        return effect->connection < machine->connection_count &&
                       machine->connections[effect->connection].kind == RBK_CONNECTION_SQLITE
                   ? RBK_STOP_SQLITE_MS
                   : RBK_STOP_POSTGRES_MS;
    default:
        return RBK_STOP_REQUEST_MS;
    }
}

static uint64_t reads_of(const struct rbk_machine *machine, uint32_t expr)
{
    return expr < machine->expr_count ? machine->exprs[expr].reads.count : 0;
}

/* How long those are asked, one after the other, who may know what became of an effect. */
static uint64_t asked_ms_of(const struct rbk_machine *machine, uint32_t question)
{
    uint64_t all_ms = 0;
    for (uint32_t i = 0; question < machine->question_count && i <= machine->question_count; i++) {
        all_ms = rbk_worst_add_ms(all_ms, machine->questions[question].within_ms);
        question = rbk_question_asked_on(machine, question);
    }
    return all_ms;
}

/* An effect that changes something. Without a limit it is open. */
static struct rbk_worst change(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    struct rbk_worst_effect known = {
        .timeout_ms = effect->timeout_ms,
        .attempts = effect->retry_count + UINT64_C(1),
        .delay_ms = effect->retry_count ? effect->retry_every_ms : 0,
        .dead_ms = dead_ms_of(machine, effect),
    };
    bool request = effect->kind == RBK_EFFECT_HTTP || effect->kind == RBK_EFFECT_REDIS;
    if (effect->idempotent || (effect->done_when != RBK_NONE && !request)) {
        return rbk_worst_of_effect(&known);
    }
    if (effect->done_when != RBK_NONE) {
        known.looks = true;
        known.look_ms = rbk_stop_look_ms(effect->timeout_ms, reads_of(machine, effect->done_when));
    } else if (effect->doubt_question != RBK_NONE) {
        known.asked_ms = asked_ms_of(machine, effect->doubt_question);
    } else if (request) {
        known.asked_ms = machine->held_at_most_ms;
    }
    return rbk_worst_of_effect(&known);
}

static struct rbk_worst reading(const struct rbk_machine *machine, const struct rbk_effect *effect,
                                bool limited)
{
    uint64_t reads = reads_of(machine, effect->condition);
    uint64_t attempts = effect->retry_count + UINT64_C(1);
    if (effect->kind == RBK_EFFECT_TEST && reads == 0) {
        return (struct rbk_worst){0};
    }
    if (effect->timeout_ms) {
        return rbk_worst_of(effect->timeout_ms); /* covers its retries */
    }
    if (limited || effect->kind == RBK_EFFECT_WAIT_UNTIL || effect->for_ms) {
        return rbk_worst_open(effect->for_ms, RBK_STOP_READING_MS);
    }
    return rbk_worst_of(rbk_worst_add_ms(rbk_worst_times_ms(reads * RBK_READING_MS_MAX, attempts),
                                         rbk_worst_times_ms(effect->retry_every_ms, attempts - 1)));
}

/* A question; of a manual step also those who are asked when nobody has answered. */
static struct rbk_worst question(const struct rbk_machine *machine, const struct rbk_effect *effect)
{
    if (effect->question >= machine->question_count) {
        return rbk_worst_open(0, 0);
    }
    struct rbk_worst_effect known = {
        .timeout_ms = machine->questions[effect->question].within_ms,
        .attempts = 1,
        .asked_ms = asked_ms_of(machine, effect->doubt_question),
    };
    return rbk_worst_of_effect(&known);
}

/* A `wait`, of the run's parameters or their defaults; open where neither says. */
static struct rbk_worst wait_of(const struct rbk_machine *machine, const struct rbk_value *given,
                                const struct rbk_effect *effect)
{
    struct rbk_worst worst = rbk_worst_open(0, RBK_STOP_READING_MS);
    struct rbk_value *params = calloc((size_t)machine->param_count + 1, sizeof(*params));
    struct rbk_arena arena;
    rbk_arena_init(&arena, EVALUATION_BYTES_MAX);
    const struct rbk_scope scope = {.machine = machine, .params = params};
    for (uint32_t i = 0; params != NULL && i < machine->param_count; i++) {
        const struct rbk_param *param = &machine->params[i];
        params[i] = given != NULL ? given[i] : rbk_value_missing(param->type);
        /* Durations alone: they need next to no memory, whatever else the plan has. */
        if (given == NULL && param->type == RBK_TYPE_DURATION && param->value != RBK_NONE &&
            machine->exprs[param->value].reads.count == 0) {
            struct rbk_value value;
            if (rbk_expr_evaluate(&scope, param->value, &arena, &value, NULL) == 0) {
                params[i] = value;
            }
        }
    }
    for (uint32_t i = 0; params != NULL && i < effect->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[effect->args.first + i];
        struct rbk_value value;
        if (arg->kind == RBK_ARG_DURATION && machine->exprs[arg->expr].type == RBK_TYPE_DURATION &&
            machine->exprs[arg->expr].reads.count == 0 &&
            rbk_expr_evaluate(&scope, arg->expr, &arena, &value, NULL) == 0 && !value.missing &&
            value.type == RBK_TYPE_DURATION && value.as.integer >= 0) {
            worst = rbk_worst_of((uint64_t)value.as.integer);
        }
    }
    rbk_arena_fini(&arena);
    free(params);
    return worst;
}

struct rbk_worst rbk_worst_of_machine_effect(const struct rbk_machine *machine,
                                             const struct rbk_value *params,
                                             const struct rbk_effect *effect, bool limited)
{
    struct rbk_worst worst = {0};
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
    case RBK_EFFECT_CAPTURE_RUN:
        worst = change(machine, effect);
        break;
    case RBK_EFFECT_LET:
    case RBK_EFFECT_CHECK:
    case RBK_EFFECT_TEST:
    case RBK_EFFECT_REQUIRE:
    case RBK_EFFECT_WAIT_UNTIL:
    case RBK_EFFECT_CAPTURE:
        worst = reading(machine, effect, limited);
        break;
    case RBK_EFFECT_WAIT:
        worst = wait_of(machine, params, effect);
        break;
    case RBK_EFFECT_QUESTION:
        worst = question(machine, effect);
        break;
    case RBK_EFFECT_NOTIFY:
    case RBK_EFFECT_BASELINE:
    case RBK_EFFECT_ARM:
    case RBK_EFFECT_NOTHING:
    case RBK_EFFECT_KIND_COUNT:
        break;
    }
    return effect->optional ? rbk_worst_passed(worst) : worst;
}

uint64_t rbk_worst_stop_ms(const struct rbk_machine *machine, uint32_t machine_state)
{
    uint32_t effect = machine->states[machine_state].effect;
    return effect < machine->effect_count
               ? rbk_worst_of_machine_effect(machine, NULL, &machine->effects[effect], true).stop_ms
               : 0;
}
