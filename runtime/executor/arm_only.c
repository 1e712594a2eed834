/*
 * Arming without a run. A run is made that has no store, no outbox and no journal; its readings are
 * taken by a few requests at a time, and it is thrown away together with the folder its drivers
 * had.
 *
 *   probes, READS_MAX at a time ─▶ baselines, from that one reading ─▶ readings of triggers' own
 *     ─▶ every condition is told to `each` ─▶ closed
 */
#include "runtime/executor/arm_only.h"

#include <signal.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/check.h"
#include "runtime/core/expr_describe.h"
#include "runtime/executor/arming.h"

/* Readings that are taken at the same time. */
#define READS_MAX 32u
#define ARENA_BYTES ((size_t)64 << 20)

/* What ends it early: nothing may be left behind then, either. */
static const int signal_numbers[] = {SIGINT, SIGTERM, SIGHUP};

struct arm_only;

/* The one reading of a probe. */
struct once {
    struct arm_only *arm;
    uint32_t probe;
    struct rbk_reading *reading; /* under way, or NULL */
};

struct arm_only {
    struct rbk_run *run;
    rbk_armed_fn *each;
    void *context;
    struct once once[READS_MAX];
    uint32_t under_way;
    uint32_t next_probe;
    uint32_t next_condition;
    struct rbk_reading *reading; /* of a condition's own, under way; or NULL */
    struct rbk_value *baselines; /* by baseline; their memory is the replay's */
    struct rbk_arena arena;      /* of one condition that is told */
    bool ready;
    uv_signal_t signals[RBK_COUNT(signal_numbers)];
    unsigned signals_open;
    bool interrupted;
};

/* ---- telling -----------------------------------------------------------------------------------
 */

/* Whether a condition looks at a value that is only bound once the run has begun. */
static bool needs_run(const struct rbk_machine *machine, uint32_t expr)
{
    const struct rbk_expr *row = &machine->exprs[expr];

    for (uint32_t i = 0; i < row->code.count; i++) {
        if (machine->codes[row->code.first + i].op == RBK_OP_SLOT) {
            return true;
        }
    }
    for (uint32_t i = 0; i < row->reads.count; i++) {
        struct rbk_slice args = machine->reads[row->reads.first + i].args;

        for (uint32_t k = 0; k < args.count; k++) {
            if (needs_run(machine, machine->args[args.first + k].expr)) {
                return true;
            }
        }
    }
    return false;
}

/* @reading  Of a condition that reads itself, during its callback; else NULL. */
static void tell(struct arm_only *arm, uint32_t number, const struct rbk_reading *reading,
                 struct rbk_value value, struct rbk_str failure)
{
    struct rbk_run *run = arm->run;
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_condition condition = rbk_condition_at(machine, number);
    const struct rbk_expr *expr = &machine->exprs[condition.expr];
    struct rbk_scope scope = run->open_scope;
    struct rbk_armed armed = {.criterion = condition.criterion,
                              .index = condition.index,
                              .expr = condition.expr,
                              .level = rbk_level_of(value),
                              .scope = &scope};
    struct rbk_buffer readings, no_data;

    rbk_buffer_init(&readings, RBK_DESCRIBE_BYTES_MAX * 2);
    rbk_buffer_init(&no_data, RBK_MESSAGE_BYTES_MAX);
    if (reading != NULL && !value.missing) {
        rbk_reading_describe(reading, &readings);
        scope.reads = rbk_reading_results(reading);
    } else if (expr->reads.count != 0) {
        /* Nothing was read, or not all: the limit can be told all the same. */
        struct rbk_value *none = rbk_new_array(&arm->arena, struct rbk_value, expr->reads.count);

        for (uint32_t i = 0; i < expr->reads.count; i++) {
            none[i] =
                rbk_value_missing(rbk_read_kind_type(machine->reads[expr->reads.first + i].kind));
        }
        scope.reads = none;
    } else {
        rbk_expr_describe(&scope, condition.expr, NULL, &readings);
    }
    armed.early =
        expr->reads.count == 0 && rbk_watch_too_early(run->watch, condition.criterion,
                                                      condition.index, &scope, uv_now(&run->loop));
    if (armed.level == RBK_LEVEL_MISSING) {
        armed.later = needs_run(machine, condition.expr);
        rbk_arming_explain(run, condition.expr, failure, &no_data);
        arm->ready = arm->ready && armed.later;
    }
    rbk_arena_reset(&run->scratch);
    armed.readings = rbk_secrets_redact(run->secrets, &run->scratch, rbk_buffer_str(&readings));
    armed.no_data = rbk_secrets_redact(run->secrets, &run->scratch, rbk_buffer_str(&no_data));
    arm->each(arm->context, &armed);
    rbk_buffer_fini(&readings);
    rbk_buffer_fini(&no_data);
    rbk_arena_reset(&arm->arena);
}

/* ---- conditions --------------------------------------------------------------------------------
 */

static void next_condition(struct arm_only *arm);

static void on_own(void *owner, struct rbk_reading *reading, struct rbk_value value,
                   struct rbk_str message)
{
    struct arm_only *arm = owner;

    arm->reading = NULL;
    if (!value.missing) {
        struct rbk_scope scope = arm->run->open_scope;

        scope.reads = rbk_reading_results(reading);
        rbk_arena_reset(&arm->run->scratch);
        value = rbk_condition_value(
            &scope, rbk_condition_at(scope.machine, arm->next_condition).expr, &arm->run->scratch);
    }
    tell(arm, arm->next_condition++, reading, value,
         value.missing && message.bytes == 0 ? RBK_STR("not all that it needs gave a value")
                                             : message);
    next_condition(arm);
}

/* Conditions in their order, until one has to be waited for. */
static void next_condition(struct arm_only *arm)
{
    struct rbk_run *run = arm->run;
    const struct rbk_machine *machine = run->replay->machine;

    for (; arm->next_condition < rbk_condition_count(machine); arm->next_condition++) {
        struct rbk_condition condition = rbk_condition_at(machine, arm->next_condition);
        struct rbk_value value = rbk_value_missing(RBK_TYPE_BOOL);
        struct rbk_error error;

        if (machine->exprs[condition.expr].reads.count == 0) {
            rbk_arena_reset(&run->scratch);
            value = rbk_condition_value(&run->open_scope, condition.expr, &run->scratch);
            tell(arm, arm->next_condition, NULL, value, (struct rbk_str){NULL, 0});
        } else if (rbk_reading_start(run->reader, condition.expr, "plan.arm", "",
                                     rbk_condition_timeout_ms(machine, condition), arm, on_own,
                                     &arm->reading, &error) == 0) {
            return; /* on_own() goes on */
        } else {
            tell(arm, arm->next_condition, NULL, value, rbk_str_from(error.text));
        }
    }
    uv_stop(&run->loop);
}

/* ---- probes ------------------------------------------------------------------------------------
 */

/* A baseline is the mean of many readings; here it is the only one there is. */
static void measure_baselines(struct arm_only *arm)
{
    struct rbk_run *run = arm->run;
    const struct rbk_machine *machine = run->replay->machine;

    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        arm->baselines[i] = rbk_watch_mean(run->watch, machine->baselines[i].probe, UINT64_MAX / 2,
                                           uv_now(&run->loop), NULL);
        rbk_watch_set_baseline(run->watch, i, arm->baselines[i]);
    }
}

static void next_probes(struct arm_only *arm);

static void on_probe(void *owner, struct rbk_reading *reading, struct rbk_value value,
                     struct rbk_str message)
{
    struct once *once = owner;
    struct arm_only *arm = once->arm;
    struct rbk_run *run = arm->run;

    (void)reading;
    once->reading = NULL;
    arm->under_way--;
    uv_update_time(&run->loop);
    rbk_watch_feed(run->watch, once->probe, value, uv_now(&run->loop));
    rbk_arena_reset(&run->scratch);
    rbk_arming_note(run, once->probe, value.missing,
                    rbk_secrets_redact(run->secrets, &run->scratch, message));
    next_probes(arm);
}

static void read_probe(struct arm_only *arm, struct once *once)
{
    const struct rbk_probe *row = &arm->run->replay->machine->probes[once->probe];
    uint64_t timeout_ms = rbk_probe_timeout_ms(row->timeout_ms);
    struct rbk_error error;

    arm->under_way++;
    if (rbk_reading_start(arm->run->reader, row->expr, row->name.data, "", timeout_ms, once,
                          on_probe, &once->reading, &error) != 0) {
        arm->under_way--;
        once->reading = NULL;
        rbk_watch_feed(arm->run->watch, once->probe, rbk_value_missing(row->type),
                       uv_now(&arm->run->loop));
        rbk_arming_note(arm->run, once->probe, true, rbk_str_from(error.text));
    }
}

/* Fill the free places; when nothing is left to be read the conditions are looked at. */
static void next_probes(struct arm_only *arm)
{
    const struct rbk_machine *machine = arm->run->replay->machine;

    for (uint32_t i = 0; i < READS_MAX && arm->next_probe < machine->probe_count; i++) {
        if (arm->once[i].reading != NULL) {
            continue;
        }
        while (arm->next_probe < machine->probe_count && arm->once[i].reading == NULL) {
            arm->once[i].arm = arm;
            arm->once[i].probe = arm->next_probe++;
            if (!machine->probes[arm->once[i].probe].pushed) {
                read_probe(arm, &arm->once[i]);
            }
        }
    }
    if (arm->under_way == 0) {
        measure_baselines(arm);
        next_condition(arm);
    }
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void on_signal(uv_signal_t *handle, int number)
{
    struct arm_only *arm = handle->data;

    (void)number;
    arm->interrupted = true;
    uv_stop(&arm->run->loop);
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct arm_only *arm = handle->data;

    arm->signals_open--;
}

static void open_signals(struct arm_only *arm)
{
    for (size_t i = 0; i < RBK_COUNT(signal_numbers); i++) {
        uv_signal_t *handle = &arm->signals[arm->signals_open];

        if (uv_signal_init(&arm->run->loop, handle) != 0) {
            continue;
        }
        handle->data = arm;
        arm->signals_open++;
        (void)uv_signal_start(handle, on_signal, signal_numbers[i]);
        uv_unref((uv_handle_t *)handle);
    }
}

static void close_signals(struct arm_only *arm)
{
    unsigned count = arm->signals_open;

    for (unsigned i = 0; i < count; i++) {
        uv_close((uv_handle_t *)&arm->signals[i], on_signal_closed);
    }
    while (arm->signals_open != 0) {
        uv_run(&arm->run->loop, UV_RUN_NOWAIT);
    }
}

/* Readings still under way: their answers are of no use any more. */
static void drop_readings(struct arm_only *arm)
{
    for (uint32_t i = 0; i < READS_MAX; i++) {
        if (arm->once[i].reading != NULL) {
            rbk_reading_cancel(arm->once[i].reading);
        }
    }
    if (arm->reading != NULL) {
        rbk_reading_cancel(arm->reading);
    }
}

static void on_drivers_closed(void *context)
{
    *(bool *)context = true;
}

/* Commands still under way are ended, their supervisor leaves, and the folder goes. */
static void close_arm(struct rbk_run *run)
{
    bool closed = false;

    if (run->drivers != NULL) {
        rbk_drivers_close(run->drivers, false, on_drivers_closed, &closed);
        while (!closed) {
            uv_run(&run->loop, UV_RUN_ONCE);
        }
        run->started = true; /* so that rbk_run_free() does not close them again */
    }
    rbk_run_remove_folder(run);
    rbk_run_free(run);
}

int rbk_arm_only(const struct rbk_run_options *options, const struct rbk_machine *machine,
                 const char *directory, const struct rbk_run_setting *settings,
                 size_t setting_count, rbk_armed_fn *each, void *context, bool *ret_ready,
                 struct rbk_error *reterr)
{
    struct arm_only arm = {.each = each, .context = context, .ready = true};
    int error =
        rbk_run_create_bare(options, machine, directory, settings, setting_count, &arm.run, reterr);

    if (error != 0) {
        return error;
    }
    arm.baselines =
        rbk_new_array(&arm.run->replay->arena, struct rbk_value, machine->baseline_count + 1u);
    arm.run->scope.baselines = arm.run->open_scope.baselines = arm.baselines;
    uv_update_time(&arm.run->loop);
    rbk_arena_init(&arm.arena, ARENA_BYTES);
    open_signals(&arm);
    next_probes(&arm);
    if (arm.under_way != 0 || arm.reading != NULL) {
        uv_run(&arm.run->loop, UV_RUN_DEFAULT);
    }
    drop_readings(&arm);
    close_signals(&arm);
    close_arm(arm.run);
    rbk_arena_fini(&arm.arena);
    if (arm.interrupted) {
        return rbk_error_set(reterr, RBK_ESTATE, "interrupted before everything was read");
    }
    *ret_ready = arm.ready;
    return 0;
}
