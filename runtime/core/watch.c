/*
 * Watching, its readings: one struct per probe with its ring and its last good value, and the
 * windows over them. What follows for triggers and criteria is in watch_level.c.
 *
 *     reading -> rbk_watch_feed -> ring, aggregates, failed readings in a row
 *
 * A probe is missing when its readings failed `missing_after` times in a row, and also when none
 * came for as long as so many would have taken: a schedule that stands still must not leave an old
 * value standing. Only good readings take a place in the ring.
 */
#include "runtime/core/watch_internal.h"

#include "runtime/core/base/limits.h"
#include "runtime/core/value_text.h"

#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES_MAX ((size_t)64 << 20)
/* How late a reading may come before it is held against the probe. Not less than what counts as a
 * watch that stood still (poll.c), or a shorter stop would be taken for a source that is down. */
#define LATE_MS 1500u

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
        struct watched_probe *probe = &watch->probes[i];
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
        struct watched_probe *probe = &watch->probes[row->probe];
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
 * for a number per probe. A condition with readings of its own is not judged after one of a probe:
 * its next reading sees it. */
static void each_dependency(struct rbk_watch *watch, uint32_t *marks,
                            void (*note)(struct rbk_watch *, uint32_t, uint32_t))
{
    const struct rbk_machine *machine = watch->machine;
    for (uint32_t i = 0; i < machine->probe_count; i++) {
        marks[i] = RBK_NONE;
    }
    for (uint32_t i = 0; i < watch->condition_count; i++) {
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

static bool is_count(const struct rbk_machine *machine, struct rbk_op_code op)
{
    return op.op == RBK_OP_WINDOW && machine->windows[op.operand].kind == RBK_WINDOW_COUNT &&
           machine->windows[op.operand].over_ms != 0 &&
           !machine->probes[machine->windows[op.operand].probe].pushed;
}

static void note_counts(struct rbk_watch *watch)
{
    const struct rbk_machine *machine = watch->machine;
    for (uint32_t i = 0; i < watch->condition_count; i++) {
        struct rbk_slice code = machine->exprs[watch->conditions[i].expr].code;
        for (uint32_t at = 0; at < code.count; at++) {
            watch->conditions[i].counts |= is_count(machine, machine->codes[code.first + at]);
        }
    }
}

static void count_dependency(struct rbk_watch *watch, uint32_t condition, uint32_t probe)
{
    watch->conditions[condition].probes.count++;
    watch->probes[probe].conditions.count += watch->conditions[condition].own_readings ? 0 : 1;
}

static void list_dependency(struct rbk_watch *watch, uint32_t condition, uint32_t probe)
{
    struct rbk_slice *probes = &watch->conditions[condition].probes;
    struct rbk_slice *conditions = &watch->probes[probe].conditions;
    watch->probe_lists[probes->first + probes->count++] = probe;
    if (!watch->conditions[condition].own_readings) {
        watch->dependents[conditions->first + conditions->count++] = condition;
    }
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
    watch->counted = room(watch, all, sizeof(*watch->counted));
    if (!watch->probe_lists || !watch->dependents || !watch->counted) {
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
    watch->pending = room(watch, watch->condition_count, sizeof(*watch->pending));
    if (!watch->conditions || !watch->pending) {
        return false;
    }
    for (uint32_t i = 0; i < machine->trigger_count; i++) {
        const struct rbk_trigger *row = &machine->triggers[i];
        watch->conditions[i] = (struct condition){.expr = row->condition,
                                                  .for_ms = row->for_ms,
                                                  .for_readings = row->for_readings,
                                                  .confirm_ms = row->confirm_ms,
                                                  .own_readings = row->every_ms != 0};
    }
    for (uint32_t i = 0; i < machine->criterion_count; i++) {
        watch->conditions[machine->trigger_count + i] =
            (struct condition){.expr = machine->criteria[i].condition};
    }
    note_counts(watch);
    return make_dependencies(watch);
}

struct rbk_watch *rbk_watch_new(const struct rbk_machine *machine)
{
    struct rbk_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return NULL;
    }
    watch->machine = machine;
    watch->mark = 1;
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
static bool keep(struct watched_probe *probe, struct rbk_value value)
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

/* The entry of a ring for a good value; what is no number can only be counted. */
static struct rbk_reading reading_of(struct rbk_value value, enum rbk_type type, bool whole,
                                     uint64_t now_ms)
{
    struct rbk_reading reading = {.at_ms = now_ms, .good = !rbk_type_is_number(type)};
    if (value.type == RBK_TYPE_SCALAR) {
        value = rbk_value_parse(RBK_TYPE_NUMBER, value.as.text);
    }
    if (whole && !value.missing) {
        reading.good = true;
        reading.as.integer = value.as.integer;
    } else if (!value.missing && rbk_type_is_real(value.type)) {
        reading.good = true;
        reading.as.number = value.as.number;
    }
    return reading;
}

static void put(struct rbk_watch *watch, struct watched_probe *probe, struct rbk_reading reading)
{
    for (uint32_t i = probe->first_window; i != RBK_NONE; i = watch->next_window[i]) {
        rbk_aggregate_make_room(&watch->aggregates[i]);
    }
    rbk_ring_put(&probe->ring, reading);
    for (uint32_t i = probe->first_window; i != RBK_NONE; i = watch->next_window[i]) {
        rbk_aggregate_take(&watch->aggregates[i]);
    }
}

void rbk_watch_begin(struct rbk_watch *watch, bool trigger, uint32_t index)
{
    if (trigger) {
        watch->conditions[index].own_begun = watch->mark;
    } else {
        watch->probes[index].begun = watch->mark;
    }
}

void rbk_watch_feed(struct rbk_watch *watch, uint32_t probe, struct rbk_value value,
                    uint64_t now_ms)
{
    struct watched_probe *fed = &watch->probes[probe];
    enum rbk_type type = watch->machine->probes[probe].type;
    value = in_type(value, type);
    if (!value.missing && rbk_type_is_real(type)) {
        value = rbk_value_number(type, value.as.number);
    }
    uint64_t begun = fed->begun ? fed->begun : watch->mark;
    fed->begun = 0;
    if (fed->began_ms == 0) {
        fed->began_ms = now_ms;
    }
    if (value.missing || !keep(fed, value)) {
        fed->failed_count++;
        fed->failed_in_row++;
        return;
    }
    fed->good_count++;
    fed->failed_in_row = 0;
    fed->unknown = false;
    fed->last_ms = now_ms;
    fed->fresh = begun;
    put(watch, fed, reading_of(value, type, fed->ring.whole, now_ms));
}

static void forget_readings(struct rbk_watch *watch, struct watched_probe *probe)
{
    rbk_ring_clear(&probe->ring);
    for (uint32_t i = probe->first_window; i != RBK_NONE; i = watch->next_window[i]) {
        rbk_aggregate_clear(&watch->aggregates[i]);
    }
}

void rbk_watch_woke(struct rbk_watch *watch, bool slept, uint64_t now_ms)
{
    for (uint32_t i = 0; i < watch->machine->probe_count; i++) {
        const struct rbk_probe *row = &watch->machine->probes[i];
        struct watched_probe *probe = &watch->probes[i];
        if (slept) {
            forget_readings(watch, probe);
            probe->began_ms = 0;
        }
        if (!row->pushed && probe->good_count != 0 && probe->failed_in_row < row->missing_after) {
            probe->unknown |= slept || now_ms >= probe->last_ms + row->every_ms;
        }
    }
    rbk_watch_woke_levels(watch, now_ms);
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
                                uint64_t now_ms, uint64_t *ret_count)
{
    struct rbk_part part = rbk_ring_sum(&watch->probes[probe].ring, over_ms, now_ms);
    if (ret_count) {
        *ret_count = part.count;
    }
    return mean_of(part, watch->machine->probes[probe].type);
}

/* Whether its last good reading is older than the failed ones may be that make a probe missing. */
static bool is_stale(const struct rbk_watch *watch, uint32_t probe, uint64_t now_ms)
{
    const struct rbk_probe *row = &watch->machine->probes[probe];
    const struct watched_probe *read = &watch->probes[probe];
    uint64_t limit_ms = 0;
    if (row->pushed || read->good_count == 0 || now_ms <= read->last_ms ||
        __builtin_mul_overflow(row->every_ms, (uint64_t)row->missing_after, &limit_ms) ||
        __builtin_add_overflow(limit_ms, row->timeout_ms + LATE_MS, &limit_ms)) {
        return false;
    }
    return now_ms - read->last_ms > limit_ms;
}

bool rbk_watch_probe_missing(const struct rbk_watch *watch, uint32_t probe, uint64_t now_ms)
{
    const struct watched_probe *read = &watch->probes[probe];
    return (read->failed_in_row > 0 &&
            read->failed_in_row >= watch->machine->probes[probe].missing_after) ||
           is_stale(watch, probe, now_ms);
}

static struct rbk_value last_of(const struct rbk_watch *watch, const struct rbk_window *row,
                                uint64_t now_ms)
{
    const struct watched_probe *probe = &watch->probes[row->probe];
    bool stale =
        row->over_ms > 0 && now_ms > probe->last_ms && now_ms - probe->last_ms >= row->over_ms;
    return stale || rbk_watch_probe_missing(watch, row->probe, now_ms)
               ? rbk_value_missing(watch->machine->probes[row->probe].type)
               : probe->last;
}

struct rbk_value rbk_watch_window(const struct rbk_watch *watch, uint32_t window, uint64_t now_ms)
{
    const struct rbk_window *row = &watch->machine->windows[window];
    const struct watched_probe *probe = &watch->probes[row->probe];
    enum rbk_type type = watch->machine->probes[row->probe].type;
    if (row->kind == RBK_WINDOW_LAST) {
        return last_of(watch, row, now_ms);
    }
    /* Only what is too old is dropped: the aggregate's answer for this instant stays the same. */
    struct rbk_part part = rbk_aggregate_at(&watch->aggregates[window], now_ms);
    if (row->kind == RBK_WINDOW_COUNT) {
        return rbk_watch_readings(watch, row->probe) == 0 &&
                       !watch->machine->probes[row->probe].pushed
                   ? rbk_value_missing(RBK_TYPE_INT)
                   : rbk_value_integer(RBK_TYPE_INT, (int64_t)part.count);
    }
    if (!rbk_type_is_number(type) || rbk_watch_probe_missing(watch, row->probe, now_ms)) {
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
