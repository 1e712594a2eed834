/* The conditions of a plan, for those who read for them. */
#include "runtime/core/condition.h"

#include "runtime/core/base/limits.h"

uint32_t rbk_condition_count(const struct rbk_machine *machine)
{
    uint32_t count = machine->trigger_count;
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        count += machine->criteria[i].reads_probes ? 1u : 0u;
    }
    return count;
}

struct rbk_condition rbk_condition_at(const struct rbk_machine *machine, uint32_t number)
{
    if (number < machine->trigger_count) {
        return (struct rbk_condition){false, number, machine->triggers[number].condition};
    }
    number -= machine->trigger_count;
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        if (machine->criteria[i].reads_probes && number-- == 0) {
            return (struct rbk_condition){true, i, machine->criteria[i].condition};
        }
    }
    return (struct rbk_condition){true, RBK_NONE, RBK_NONE};
}

bool rbk_condition_armed_first(const struct rbk_machine *machine, struct rbk_condition condition)
{
    if (condition.criterion) {
        return true; /* it is judged from the start on */
    }
    const struct rbk_trigger *row = &machine->triggers[condition.index];
    return row->since == RBK_SINCE_FIRST_APPLY && row->region == RBK_NONE && !row->pushed;
}

struct rbk_value rbk_condition_value(const struct rbk_scope *scope, uint32_t expr,
                                     struct rbk_arena *arena)
{
    struct rbk_value plain = rbk_value_missing(RBK_TYPE_BOOL);
    struct rbk_value whole = plain;
    struct rbk_scope strict = *scope;
    strict.all_needed = true;
    if (rbk_expr_evaluate(scope, expr, arena, &plain, NULL) != 0) {
        return rbk_value_missing(RBK_TYPE_BOOL);
    }
    enum rbk_level level = rbk_level_of(plain);
    if (level == RBK_LEVEL_FALSE && rbk_expr_evaluate(&strict, expr, arena, &whole, NULL) == 0) {
        level = rbk_level_of(whole);
    }
    return level == RBK_LEVEL_MISSING ? rbk_value_missing(RBK_TYPE_BOOL)
                                      : rbk_value_bool(level == RBK_LEVEL_TRUE);
}

uint64_t rbk_probe_timeout_ms(uint64_t wanted_ms)
{
    return wanted_ms != 0 && wanted_ms < RBK_PROBE_TIMEOUT_MS_MAX ? wanted_ms
                                                                  : RBK_PROBE_TIMEOUT_MS_MAX;
}

uint64_t rbk_condition_timeout_ms(const struct rbk_machine *machine, struct rbk_condition condition)
{
    return rbk_probe_timeout_ms(condition.criterion ? 0
                                                    : machine->triggers[condition.index].every_ms);
}

uint64_t rbk_baseline_readings(const struct rbk_machine *machine, uint32_t baseline,
                               uint64_t over_ms)
{
    const struct rbk_baseline *row = &machine->baselines[baseline];
    uint64_t every_ms = machine->probes[row->probe].every_ms;
    uint64_t half = every_ms > 0 ? over_ms / every_ms / 2 : 0;
    return row->readings > 0 ? row->readings : half > 0 ? half : 1;
}
