/*
 * Abort criteria that look at nothing but the run itself (`abort when rollbacks > 3`, `abort when
 * elapsed > 2 * estimate`). They are judged after every event; those that time alone makes true are
 * forecast, so that rbk_state_next_due() knows the instant and no clock has to be polled.
 *
 * Criteria that read probes come in as EVENT_CRITERION.
 */
#include "runtime/core/base/error.h"
#include "runtime/core/step_internal.h"
#include "runtime/core/variable.h"

/* What one evaluation may take for intermediate texts and lists; numbers need nothing. */
#define CRITERION_BYTES_MAX ((size_t)1 << 20)
/* How far ahead a criterion is looked for: no run lives that long. */
#define FORECAST_MS (UINT64_C(20) * 365 * 86400 * 1000)

/* A moment at which a criterion is judged. */
struct moment {
    const struct step *step;
    uint64_t now_ms;
};

static struct rbk_value variable(void *context, enum rbk_variable variable)
{
    const struct moment *moment = context;
    const struct rbk_machine *machine = moment->step->machine;
    const struct rbk_state *state = moment->step->state;
    struct rbk_value value = rbk_value_missing(rbk_variable_type(variable));
    if (rbk_run_variable(machine, state, moment->now_ms, variable, &value)) {
        return value;
    }
    switch (variable) {
    case RBK_VARIABLE_RUN_ELAPSED:
        return rbk_value_integer(RBK_TYPE_DURATION,
                                 (int64_t)rbk_span_ms(state->started_ms, moment->now_ms));
    case RBK_VARIABLE_RUN_STARTED:
        return rbk_value_integer(RBK_TYPE_TIME, (int64_t)state->started_ms);
    case RBK_VARIABLE_RUN_STATUS:
        return rbk_value_text(RBK_TYPE_TEXT,
                              rbk_str_from(rbk_status_name(rbk_step_status_of(machine, state))));
    default:
        return value;
    }
}

/* Missing is not true: no data turns no run round. */
static bool holds(const struct step *step, uint32_t criterion, uint64_t now_ms)
{
    struct moment moment = {step, now_ms};
    struct rbk_scope scope = {
        .machine = step->machine,
        .params = step->settings->params,
        .context = &moment,
        .variable = variable,
    };
    struct rbk_arena arena;
    struct rbk_error error;
    struct rbk_value value = rbk_value_missing(RBK_TYPE_BOOL);
    rbk_arena_init(&arena, CRITERION_BYTES_MAX);
    int rc = rbk_expr_evaluate(&scope, step->machine->criteria[criterion].condition, &arena, &value,
                               &error);
    bool truth = rc == 0 && value.type == RBK_TYPE_BOOL && !value.missing && value.as.truth;
    rbk_arena_fini(&arena);
    return truth;
}

static bool judged(const struct step *step)
{
    return rbk_criteria_armed(step->machine, step->state);
}

void rbk_step_criteria_settle(struct step *step)
{
    const struct rbk_machine *machine = step->machine;
    for (uint32_t i = 0; i < machine->criterion_count && judged(step); i++) {
        if (!machine->criteria[i].reads_probes && holds(step, i, step->state->now_ms)) {
            rbk_step_run_abort(step, (struct rbk_cause){RBK_CAUSE_CRITERION, i});
        }
    }
}

static bool depends_on_time(const struct rbk_machine *machine, uint32_t criterion)
{
    struct rbk_slice code = machine->exprs[machine->criteria[criterion].condition].code;
    for (uint32_t i = 0; i < code.count; i++) {
        const struct rbk_op_code *op = &machine->codes[code.first + i];
        if (op->op == RBK_OP_VARIABLE &&
            (op->operand == RBK_VARIABLE_ELAPSED || op->operand == RBK_VARIABLE_RUN_ELAPSED)) {
            return true;
        }
    }
    return false;
}

/* The first millisecond at which a criterion that is false now holds; 0: never. Elapsed time only
 * grows, so that the place where the answer changes is found by halving. */
static uint64_t comes_true(const struct step *step, uint32_t criterion)
{
    uint64_t no_ms = step->state->now_ms;
    uint64_t yes_ms = no_ms + FORECAST_MS;
    if (!holds(step, criterion, yes_ms)) {
        return 0;
    }
    while (yes_ms - no_ms > 1) {
        uint64_t middle_ms = no_ms + (yes_ms - no_ms) / 2;
        if (holds(step, criterion, middle_ms)) {
            yes_ms = middle_ms;
        } else {
            no_ms = middle_ms;
        }
    }
    return yes_ms;
}

void rbk_step_criteria_forecast(struct step *step, const struct rbk_state *before)
{
    const struct rbk_machine *machine = step->machine;
    struct rbk_state *state = step->state;
    bool same = state->started_ms == before->started_ms && state->status == before->status &&
                state->first_effect_ms == before->first_effect_ms &&
                state->all_applied_ms == before->all_applied_ms &&
                state->rollbacks == before->rollbacks;
    bool passed = state->criteria_due_ms && state->criteria_due_ms <= state->now_ms;
    if (same && !passed) {
        return;
    }
    state->criteria_due_ms = 0;
    for (uint32_t i = 0; i < machine->criterion_count && judged(step); i++) {
        if (!machine->criteria[i].reads_probes && depends_on_time(machine, i)) {
            uint64_t due_ms = comes_true(step, i);
            if (due_ms && (!state->criteria_due_ms || due_ms < state->criteria_due_ms)) {
                state->criteria_due_ms = due_ms;
            }
        }
    }
}
