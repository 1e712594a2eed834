/*
 * Watching: one struct per probe with its ring and its last good value, one per condition (a
 * trigger or a criterion) with its level.
 *
 *     reading -> rbk_watch_feed -> ring, aggregates, failed readings in a row
 *     rbk_watch_evaluate -> raw level of each condition that depends on the probe
 *                        -> `for D`, `for N readings` -> level -> a change, if it differs
 *
 * A condition is judged only while it is armed, and only once each of its probes has given a good
 * reading or has failed `missing_after` times in a row: right after a restart nothing is known yet,
 * which is not the same as missing. A probe that is pushed reads false until something arrives.
 *
 * A `for` counts from the first true evaluation after arming; one that was complete before a
 * restart stays complete until the condition is seen not to hold. A reading that failed, but not
 * often enough to make the probe missing, neither counts as one of `for N readings` nor breaks
 * their row.
 */
#include "runtime/core/watch.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/check.h"
#include "runtime/core/value_text.h"
#include "runtime/core/window.h"

#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES_MAX ((size_t)64 << 20)

struct probe {
    struct rbk_ring ring;
    struct rbk_value last; /* good one; its text lies in `text` */
    uint64_t last_ms;      /* when it came */
    uint32_t good_count;
    uint32_t failed_count;
    uint32_t failed_in_row;
    struct rbk_buffer text;
    struct rbk_slice conditions; /* of watch->dependents */
    uint32_t first_window;       /* of a list through watch->next_window; RBK_NONE: none */
};

/* A trigger or, behind all triggers, a criterion. */
struct condition {
    uint32_t expr;
    uint64_t for_ms;
    uint32_t for_readings;
    bool own_readings;       /* fed by rbk_watch_level() */
    struct rbk_slice probes; /* of watch->probe_lists: those it depends on */
    bool armed;
    enum rbk_level level; /* as last given to the caller, or as the state has it */
    enum rbk_level raw;
    bool stood;   /* TRUE before the restart, and no reading has said otherwise since */
    bool in_span; /* raw is TRUE since since_ms */
    uint64_t since_ms;
    uint32_t readings; /* true ones in a row, counted to for_readings */
    uint64_t seen;     /* good readings of its probes when it was last judged */
};

struct rbk_watch {
    const struct rbk_machine *machine; /* borrowed */
    struct rbk_arena arena;            /* everything below */
    struct rbk_arena scratch;          /* one evaluation */
    struct probe *probes;
    struct rbk_aggregate *aggregates; /* by window; unused for LAST */
    uint32_t *next_window;            /* by window: the next one of the same probe */
    struct condition *conditions;
    uint32_t condition_count;
    uint32_t *dependents;  /* conditions, by probe */
    uint32_t *probe_lists; /* probes, by condition */
    struct rbk_value *baselines;
};

/* ---- making ---------------------------------------------------------------------------------- */

static void *room(struct rbk_watch *watch, size_t count, size_t bytes)
{
    size_t all = 0;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        return NULL;
    }
    return rbk_arena_try_alloc(&watch->arena, all, alignof(max_align_t));
}

/* The type of a probe's numbers; one of texts from outside is read as a number. */
static enum rbk_type number_type(enum rbk_type type)
{
    return type == RBK_TYPE_SCALAR ? RBK_TYPE_NUMBER : type;
}

static bool make_probes(struct rbk_watch *watch)
{
    const struct rbk_machine *machine = watch->machine;
    watch->probes = room(watch, machine->probe_count, sizeof(*watch->probes));
    watch->aggregates = room(watch, machine->window_count, sizeof(*watch->aggregates));
    watch->next_window = room(watch, machine->window_count, sizeof(*watch->next_window));
    watch->baselines = room(watch, machine->baseline_count, sizeof(*watch->baselines));
    if (!watch->probes || !watch->aggregates || !watch->next_window || !watch->baselines) {
        return false;
    }
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        const struct rbk_probe *row = &machine->probes[i];
        struct probe *probe = &watch->probes[i];
        bool whole = rbk_type_is_integer(row->type);
        probe->first_window = RBK_NONE;
        probe->last = row->pushed ? rbk_value_bool(false) : rbk_value_missing(row->type);
        rbk_buffer_init(&probe->text, RBK_VALUE_BYTES_MAX);
        if (rbk_ring_init(&probe->ring, &watch->arena, row->ring_capacity, whole) != 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < machine->window_count; i++) {
        const struct rbk_window *row = &machine->windows[i];
        struct probe *probe = &watch->probes[row->probe];
        if (row->kind == RBK_WINDOW_LAST) {
            continue;
        }
        watch->next_window[i] = probe->first_window;
        probe->first_window = i;
        if (rbk_aggregate_init(&watch->aggregates[i], &watch->arena, &probe->ring, row->over_ms,
                               row->kind == RBK_WINDOW_MAX) != 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        watch->baselines[i] =
            rbk_value_missing(number_type(machine->probes[machine->baselines[i].probe].type));
    }
    return true;
}

/* Calls note(watch, condition, probe) once for each probe a condition depends on. `marks` has room
 * for a number per probe. */
static void each_dependency(struct rbk_watch *watch, uint32_t *marks,
                            void (*note)(struct rbk_watch *, uint32_t, uint32_t))
{
    const struct rbk_machine *machine = watch->machine;
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        marks[i] = RBK_NONE;
    }
    for (uint32_t i = 0; i < watch->condition_count; i++) {
        if (watch->conditions[i].own_readings) {
            continue;
        }
        struct rbk_slice code = machine->exprs[watch->conditions[i].expr].code;
        for (uint32_t at = 0; at < code.count; at++) {
            struct rbk_op_code op = machine->codes[code.first + at];
            if (op.op != RBK_OP_WINDOW) {
                continue;
            }
            uint32_t probe = machine->windows[op.operand].probe;
            if (marks[probe] != i) {
                marks[probe] = i;
                note(watch, i, probe);
            }
        }
    }
}

static void count_dependency(struct rbk_watch *watch, uint32_t condition, uint32_t probe)
{
    watch->conditions[condition].probes.count++;
    watch->probes[probe].conditions.count++;
}

static void list_dependency(struct rbk_watch *watch, uint32_t condition, uint32_t probe)
{
    struct rbk_slice *probes = &watch->conditions[condition].probes;
    struct rbk_slice *conditions = &watch->probes[probe].conditions;
    watch->probe_lists[probes->first + probes->count++] = probe;
    watch->dependents[conditions->first + conditions->count++] = condition;
}

/* Two passes: the lists are counted, laid out behind each other, then filled. */
static bool make_dependencies(struct rbk_watch *watch)
{
    uint32_t *marks = room(watch, watch->machine->probe_count, sizeof(*marks));
    if (!marks) {
        return false;
    }
    each_dependency(watch, marks, count_dependency);
    uint32_t all = 0;
    for (uint32_t i = 0; i < watch->condition_count; i++) {
        watch->conditions[i].probes.first = all;
        all += watch->conditions[i].probes.count;
        watch->conditions[i].probes.count = 0;
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < watch->machine->probe_count; i++) {
        watch->probes[i].conditions.first = first;
        first += watch->probes[i].conditions.count;
        watch->probes[i].conditions.count = 0;
    }
    watch->probe_lists = room(watch, all, sizeof(*watch->probe_lists));
    watch->dependents = room(watch, all, sizeof(*watch->dependents));
    if (!watch->probe_lists || !watch->dependents) {
        return false;
    }
    each_dependency(watch, marks, list_dependency);
    return true;
}

static bool make_conditions(struct rbk_watch *watch)
{
    const struct rbk_machine *machine = watch->machine;
    watch->condition_count = machine->trigger_count + machine->criterion_count;
    watch->conditions = room(watch, watch->condition_count, sizeof(*watch->conditions));
    if (!watch->conditions) {
        return false;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *row = &machine->triggers[i];
        watch->conditions[i] = (struct condition){.expr = row->condition,
                                                  .for_ms = row->for_ms,
                                                  .for_readings = row->for_readings,
                                                  .own_readings = row->every_ms != 0};
    }
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        watch->conditions[machine->trigger_count + i] = (struct condition){
            .expr = machine->criteria[i].condition, .armed = machine->criteria[i].reads_probes};
    }
    return make_dependencies(watch);
}

struct rbk_watch *rbk_watch_new(const struct rbk_machine *machine)
{
    struct rbk_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return NULL;
    }
    watch->machine = machine;
    rbk_arena_init(&watch->arena, RBK_MACHINE_MEMORY_MAX);
    rbk_arena_init(&watch->scratch, SCRATCH_BYTES_MAX);
    if (!make_probes(watch) || !make_conditions(watch)) {
        rbk_watch_free(watch);
        return NULL;
    }
    return watch;
}

void rbk_watch_free(struct rbk_watch *watch)
{
    if (!watch) {
        return;
    }
    for (uint32_t i = 0; watch->probes && i < watch->machine->probe_count; i++) {
        rbk_buffer_fini(&watch->probes[i].text);
    }
    rbk_arena_fini(&watch->scratch);
    rbk_arena_fini(&watch->arena);
    free(watch);
}

/* ---- readings -------------------------------------------------------------------------------- */

/* A reading in the type of its probe, or missing. */
static struct rbk_value in_type(struct rbk_value value, enum rbk_type type)
{
    if (value.missing || value.type == type) {
        return value.type == RBK_TYPE_LIST ? rbk_value_missing(type) : value;
    }
    if (rbk_type_is_text(value.type)) {
        return rbk_value_parse(type, value.as.text);
    }
    if (value.type == RBK_TYPE_INT && type == RBK_TYPE_NUMBER) {
        return rbk_value_number(type, (double)value.as.integer);
    }
    return rbk_value_missing(type);
}

/* Keeps a good value as the last one; false when its text is too long. */
static bool keep(struct probe *probe, struct rbk_value value)
{
    if (rbk_type_is_text(value.type)) {
        if (value.as.text.bytes > RBK_VALUE_BYTES_MAX) {
            return false;
        }
        rbk_buffer_clear(&probe->text);
        if (rbk_buffer_append_str(&probe->text, value.as.text) != 0) {
            return false;
        }
        value.as.text = rbk_buffer_str(&probe->text);
    }
    probe->last = value;
    return true;
}

/* The entry of a ring; a value that is no number only takes its place in time. */
static struct rbk_reading reading_of(struct rbk_value value, bool whole, uint64_t now_ms)
{
    struct rbk_reading reading = {.at_ms = now_ms};
    if (!value.missing && value.type == RBK_TYPE_SCALAR) {
        value = rbk_value_parse(RBK_TYPE_NUMBER, value.as.text);
    }
    if (value.missing) {
        return reading;
    }
    if (whole) {
        reading.good = true;
        reading.as.integer = value.as.integer;
    } else if (rbk_type_is_real(value.type)) {
        reading.good = true;
        reading.as.number = value.as.number;
    }
    return reading;
}

void rbk_watch_feed(struct rbk_watch *watch, uint32_t probe, struct rbk_value value,
                    uint64_t now_ms)
{
    struct probe *fed = &watch->probes[probe];
    enum rbk_type type = watch->machine->probes[probe].type;
    value = in_type(value, type);
    if (!value.missing && rbk_type_is_real(type)) {
        value = rbk_value_number(type, value.as.number);
    }
    bool good = !value.missing && keep(fed, value);
    if (good) {
        fed->good_count++;
        fed->failed_in_row = 0;
        fed->last_ms = now_ms;
    } else {
        value = rbk_value_missing(type);
        fed->failed_count++;
        fed->failed_in_row++;
    }
    uint32_t window = fed->first_window;
    for (uint32_t i = window; i != RBK_NONE; i = watch->next_window[i]) {
        rbk_aggregate_make_room(&watch->aggregates[i]);
    }
    struct rbk_reading reading = reading_of(value, fed->ring.whole, now_ms);
    /* `count` counts readings of every type. */
    reading.good = good && (reading.good || !rbk_type_is_number(type));
    rbk_ring_put(&fed->ring, reading);
    for (uint32_t i = window; i != RBK_NONE; i = watch->next_window[i]) {
        rbk_aggregate_take(&watch->aggregates[i]);
    }
}

void rbk_watch_set_baseline(struct rbk_watch *watch, uint32_t baseline, struct rbk_value value)
{
    bool number = !value.missing && rbk_type_is_number(value.type);
    watch->baselines[baseline] = number ? value : rbk_value_missing(value.type);
}

/* The mean of what readings of a type come to; a whole number of them has a fraction, a duration, a
 * count of bytes and an instant are rounded. */
static struct rbk_value mean_of(struct rbk_part part, enum rbk_type type)
{
    double mean = part.sum / (double)part.count; /* NaN where there is none */
    type = number_type(type);
    if (type == RBK_TYPE_INT) {
        return rbk_value_number(RBK_TYPE_NUMBER, mean);
    }
    if (rbk_type_is_real(type)) {
        return rbk_value_number(type, mean);
    }
    double rounded = nearbyint(mean);
    return rbk_type_is_integer(type) && rounded >= -0x1p63 && rounded < 0x1p63
               ? rbk_value_integer(type, (int64_t)rounded)
               : rbk_value_missing(type);
}

struct rbk_value rbk_watch_mean(const struct rbk_watch *watch, uint32_t probe, uint64_t over_ms,
                                uint64_t now_ms)
{
    return mean_of(rbk_ring_sum(&watch->probes[probe].ring, over_ms, now_ms),
                   watch->machine->probes[probe].type);
}

/* Failed too often in a row. */
static bool is_missing(const struct rbk_watch *watch, uint32_t probe)
{
    return watch->probes[probe].failed_in_row > 0 &&
           watch->probes[probe].failed_in_row >= watch->machine->probes[probe].missing_after;
}

static struct rbk_value last_of(const struct rbk_watch *watch, const struct rbk_window *row,
                                uint64_t now_ms)
{
    const struct probe *probe = &watch->probes[row->probe];
    bool stale =
        row->over_ms > 0 && now_ms > probe->last_ms && now_ms - probe->last_ms >= row->over_ms;
    return stale || is_missing(watch, row->probe)
               ? rbk_value_missing(watch->machine->probes[row->probe].type)
               : probe->last;
}

struct rbk_value rbk_watch_window(const struct rbk_watch *watch, uint32_t window, uint64_t now_ms)
{
    const struct rbk_window *row = &watch->machine->windows[window];
    const struct probe *probe = &watch->probes[row->probe];
    enum rbk_type type = watch->machine->probes[row->probe].type;
    if (row->kind == RBK_WINDOW_LAST) {
        return last_of(watch, row, now_ms);
    }
    /* Only what is too old is dropped: the aggregate's answer for this instant stays the same. */
    struct rbk_part part = rbk_aggregate_at(&watch->aggregates[window], now_ms);
    if (row->kind == RBK_WINDOW_COUNT) {
        return probe->ring.next == 0 ? rbk_value_missing(RBK_TYPE_INT)
                                     : rbk_value_integer(RBK_TYPE_INT, (int64_t)part.count);
    }
    if (!rbk_type_is_number(type) || is_missing(watch, row->probe)) {
        return rbk_value_missing(row->kind == RBK_WINDOW_AVG && type == RBK_TYPE_INT
                                     ? RBK_TYPE_NUMBER
                                     : number_type(type));
    }
    if (row->kind == RBK_WINDOW_AVG) {
        return mean_of(part, type);
    }
    if (part.count == 0) {
        return rbk_value_missing(number_type(type));
    }
    const struct rbk_reading *best = rbk_ring_reading(&probe->ring, part.best);
    return probe->ring.whole ? rbk_value_integer(type, best->as.integer)
                             : rbk_value_number(number_type(type), best->as.number);
}

uint64_t rbk_watch_window_count(const struct rbk_watch *watch, uint32_t window, uint64_t now_ms)
{
    const struct rbk_window *row = &watch->machine->windows[window];

    if (row->kind == RBK_WINDOW_LAST) {
        return last_of(watch, row, now_ms).missing ? 0 : 1;
    }
    return rbk_aggregate_at(&watch->aggregates[window], now_ms).count;
}

uint64_t rbk_watch_last_ms(const struct rbk_watch *watch, uint32_t probe)
{
    return watch->probes[probe].good_count != 0 ? watch->probes[probe].last_ms : 0;
}

uint32_t rbk_watch_readings(const struct rbk_watch *watch, uint32_t probe)
{
    return watch->probes[probe].good_count + watch->probes[probe].failed_count;
}

/* ---- levels ---------------------------------------------------------------------------------- */

/* The scope of one evaluation: ours for windows and baselines, the caller's for the rest. */
struct context {
    const struct rbk_watch *watch;
    const struct rbk_scope *outer; /* may be NULL */
    uint64_t now_ms;
};

static struct rbk_value scope_window(void *data, uint32_t window)
{
    const struct context *context = data;
    return rbk_watch_window(context->watch, window, context->now_ms);
}

static struct rbk_value scope_variable(void *data, enum rbk_variable variable)
{
    const struct context *context = data;
    return context->outer->variable(context->outer->context, variable);
}

static enum rbk_level evaluate(struct rbk_watch *watch, const struct condition *condition,
                               const struct rbk_scope *outer, uint64_t now_ms)
{
    struct context context = {watch, outer, now_ms};
    struct rbk_scope scope = {.machine = watch->machine,
                              .slots = outer ? outer->slots : NULL,
                              .params = outer ? outer->params : NULL,
                              .baselines = watch->baselines,
                              .context = &context,
                              .variable = outer && outer->variable ? scope_variable : NULL,
                              .window = scope_window};
    struct rbk_value value = rbk_value_missing(RBK_TYPE_BOOL);
    int error = rbk_expr_evaluate(&scope, condition->expr, &watch->scratch, &value, NULL);
    enum rbk_level level = error ? RBK_LEVEL_MISSING : rbk_level_of(value);
    rbk_arena_reset(&watch->scratch);
    return level;
}

/* Whether every probe has read well once, or failed often enough to be missing. */
static bool is_known(const struct rbk_watch *watch, const struct condition *condition)
{
    for (uint32_t i = 0; i < condition->probes.count; i++) {
        uint32_t probe = watch->probe_lists[condition->probes.first + i];
        if (watch->probes[probe].good_count == 0 && !is_missing(watch, probe) &&
            !watch->machine->probes[probe].pushed) {
            return false;
        }
    }
    return true;
}

static uint64_t good_readings(const struct rbk_watch *watch, const struct condition *condition)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < condition->probes.count; i++) {
        sum += watch->probes[watch->probe_lists[condition->probes.first + i]].good_count;
    }
    return sum;
}

/* Follows the trigger's arming; a newly armed one begins anew. Whether it is to be judged. */
static bool arm(struct rbk_watch *watch, const struct rbk_state *state, uint32_t index)
{
    struct condition *condition = &watch->conditions[index];
    if (index >= watch->machine->trigger_count) {
        return condition->armed;
    }
    bool armed = rbk_trigger_armed(watch->machine, state, index);
    if (armed && !condition->armed) {
        condition->raw = RBK_LEVEL_FALSE;
        condition->in_span = false;
        condition->since_ms = 0;
        condition->readings = 0;
        condition->seen = good_readings(watch, condition);
        /* FALSE, since step() forgets a trigger that is not armed; after a restart, what it knows.
         */
        condition->level = (enum rbk_level)rbk_state_trigger(watch->machine, state, index)->level;
        condition->stood = condition->level == RBK_LEVEL_TRUE;
    }
    condition->armed = armed;
    return armed;
}

/* The level that `for` makes of a raw one. */
static enum rbk_level judge(struct condition *condition, enum rbk_level raw, bool new_reading,
                            uint64_t now_ms)
{
    condition->raw = raw;
    if (raw != RBK_LEVEL_TRUE) {
        condition->stood = false;
        condition->in_span = false;
        condition->since_ms = 0;
        condition->readings = 0;
        return raw;
    }
    if (!condition->in_span) {
        condition->in_span = true;
        condition->since_ms = now_ms;
    }
    if (new_reading && condition->readings < condition->for_readings) {
        condition->readings++;
    }
    bool complete = condition->stood || (now_ms - condition->since_ms >= condition->for_ms &&
                                         condition->readings >= condition->for_readings);
    return complete ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
}

/* Notes a level; whether it is another than the one before. */
static bool changed(const struct rbk_watch *watch, uint32_t index, enum rbk_level level,
                    struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[index];
    if (condition->level == level) {
        return false;
    }
    uint32_t triggers = watch->machine->trigger_count;
    condition->level = level;
    *change = (struct rbk_watch_change){.criterion = index >= triggers,
                                        .index = index >= triggers ? index - triggers : index,
                                        .level = level};
    return true;
}

static bool evaluate_one(struct rbk_watch *watch, const struct rbk_state *state, uint32_t index,
                         const struct rbk_scope *scope, uint64_t now_ms,
                         struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[index];
    if (!arm(watch, state, index)) {
        return false;
    }
    if (condition->own_readings) {
        /* Without a reading only time can complete a span. */
        return condition->in_span &&
               changed(watch, index, judge(condition, condition->raw, false, now_ms), change);
    }
    if (!is_known(watch, condition)) {
        return false;
    }
    enum rbk_level raw = evaluate(watch, condition, scope, now_ms);
    uint64_t seen = good_readings(watch, condition);
    bool new_reading = seen != condition->seen;
    condition->seen = seen;
    return changed(watch, index, judge(condition, raw, new_reading, now_ms), change);
}

size_t rbk_watch_evaluate(struct rbk_watch *watch, const struct rbk_state *state,
                          const struct rbk_scope *scope, uint32_t probe, uint64_t now_ms,
                          struct rbk_watch_change *changes)
{
    size_t count = 0;
    if (probe == RBK_NONE) {
        for (uint32_t i = 0; i < watch->condition_count; i++) {
            count += evaluate_one(watch, state, i, scope, now_ms, &changes[count]) ? 1 : 0;
        }
        return count;
    }
    struct rbk_slice list = watch->probes[probe].conditions;
    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t index = watch->dependents[list.first + i];
        count += evaluate_one(watch, state, index, scope, now_ms, &changes[count]) ? 1 : 0;
    }
    return count;
}

size_t rbk_watch_level(struct rbk_watch *watch, const struct rbk_state *state, uint32_t trigger,
                       enum rbk_level level, uint64_t now_ms, struct rbk_watch_change *change)
{
    struct condition *condition = &watch->conditions[trigger];
    if (!arm(watch, state, trigger)) {
        return 0;
    }
    bool new_reading = level != RBK_LEVEL_MISSING;
    return changed(watch, trigger, judge(condition, level, new_reading, now_ms), change) ? 1 : 0;
}

uint64_t rbk_watch_next_due(const struct rbk_watch *watch)
{
    uint64_t due_ms = 0;
    for (uint32_t i = 0; i < watch->condition_count; i++) {
        const struct condition *condition = &watch->conditions[i];
        if (!condition->armed || !condition->in_span || condition->for_ms == 0 ||
            condition->level == RBK_LEVEL_TRUE || condition->readings < condition->for_readings) {
            continue;
        }
        uint64_t end_ms = condition->since_ms + condition->for_ms;
        due_ms = due_ms == 0 || end_ms < due_ms ? end_ms : due_ms;
    }
    return due_ms;
}

enum rbk_level rbk_watch_raw_level(const struct rbk_watch *watch, uint32_t trigger,
                                   uint64_t *ret_since_ms)
{
    const struct condition *condition = &watch->conditions[trigger];
    *ret_since_ms = condition->in_span ? condition->since_ms : 0;
    return condition->raw;
}
