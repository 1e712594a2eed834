/*
 * The hours of stages: `window 22:00 to 02:00 "Europe/Berlin"` and `not before 2026-11-22 06:00
 * "Europe/Berlin"`. A stage may begin while its window is open and the stage could still be done
 * and undone in what is left of it, and when the clocks of the zone have come to its `not before`.
 * What windows mean is core/daily.h's business; here zones are found and clocks looked at.
 *
 * A run does not begin in a zone that this host does not know. One that is resumed on such a host
 * goes on, and back: only what waits for such hours does not begin.
 */
#include "runtime/executor/run_internal.h"

#include <stdlib.h>

#include "runtime/core/base/map.h"
#include "runtime/core/daily.h"
#include "runtime/zones/zones.h"

#define ZONES_BYTES_MAX ((size_t)64 << 20)

struct rbk_hours {
    struct rbk_arena arena;
    const struct rbk_zone **windows; /* of each row of daily_windows; NULL: unknown */
    const struct rbk_zone **regions; /* of each region's `not before`; NULL: none, or unknown */
    uint64_t *until_ms;   /* of each row of daily_windows, as last looked at: closes; 0: closed */
    struct rbk_map zones; /* those found, by name */
    bool told;            /* of zones that are unknown here, once somebody listens */
    uint64_t *worst_ms;   /* of each region: what a stage and its rollback may take at most */
};

/* The longest a stage and its rollback may take: the deadlines of its outermost blocks. */
static void add_up(const struct rbk_machine *machine, uint64_t *worst_ms)
{
    for (uint32_t i = 0; i < machine->block_count; i++) {
        if (machine->blocks[i].depth == 0) {
            worst_ms[machine->blocks[i].region] += machine->blocks[i].within_ms;
        }
    }
}

/* Find one zone. A resumed run does without one that it does not find, and says so later. */
static int find(struct rbk_run *run, struct rbk_str name, const struct rbk_zone **ret_zone,
                struct rbk_error *reterr)
{
    enum rbk_zone_found found;

    *ret_zone = rbk_map_get(&run->hours->zones, name);
    if (*ret_zone != NULL) {
        return 0;
    }
    found = rbk_zones_find(&run->hours->arena, name, ret_zone);
    if (found == RBK_ZONE_FOUND) {
        /* The map is not the one who could change it. */
        rbk_map_set(&run->hours->zones, name, (void *)(uintptr_t)*ret_zone);
    }
    if (found == RBK_ZONE_FOUND || run->resumed) {
        return 0;
    }
    return rbk_error_set(reterr, RBK_EUSAGE, "the time zone \"%.*s\" is not known here: %s",
                         RBK_STR_ARG(name), rbk_zones_why(found));
}

static void tell_unknown(struct rbk_run *run, struct rbk_str name, const struct rbk_zone *zone)
{
    if (zone == NULL && name.bytes != 0) {
        rbk_run_notice(run,
                       "the time zone \"%.*s\" is not known here: %s; no stage that keeps to it "
                       "begins",
                       RBK_STR_ARG(name),
                       rbk_zones_why(rbk_zones_find(&run->hours->arena, name, &zone)));
    }
}

static void tell_all_unknown(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;

    for (uint32_t i = 0; i < machine->daily_window_count; i++) {
        tell_unknown(run, machine->daily_windows[i].zone, run->hours->windows[i]);
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        tell_unknown(run, machine->regions[i].not_before_zone, run->hours->regions[i]);
    }
}

int rbk_daily_windows_start(struct rbk_run *run, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = run->replay->machine;
    int error = 0;

    run->hours = calloc(1, sizeof(*run->hours));
    if (run->hours == NULL) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    rbk_arena_init(&run->hours->arena, ZONES_BYTES_MAX);
    rbk_map_init(&run->hours->zones, &run->hours->arena);
    run->hours->windows = rbk_new_array(&run->hours->arena, const struct rbk_zone *,
                                        (size_t)machine->daily_window_count + 1);
    run->hours->regions = rbk_new_array(&run->hours->arena, const struct rbk_zone *,
                                        (size_t)machine->region_count + 1);
    run->hours->until_ms =
        rbk_new_array(&run->hours->arena, uint64_t, (size_t)machine->daily_window_count + 1);
    run->hours->worst_ms =
        rbk_new_array(&run->hours->arena, uint64_t, (size_t)machine->region_count + 1);
    add_up(machine, run->hours->worst_ms);
    for (uint32_t i = 0; i < machine->daily_window_count && error == 0; i++) {
        error = find(run, machine->daily_windows[i].zone, &run->hours->windows[i], reterr);
    }
    for (uint32_t i = 0; i < machine->region_count && error == 0; i++) {
        if (machine->regions[i].not_before_zone.bytes != 0) {
            error = find(run, machine->regions[i].not_before_zone, &run->hours->regions[i], reterr);
        }
    }
    return error;
}

void rbk_daily_windows_close(struct rbk_run *run)
{
    if (run->hours != NULL) {
        rbk_arena_fini(&run->hours->arena);
        free(run->hours);
        run->hours = NULL;
    }
}

/* When each window closes, of those that are open now. */
static void look_at_windows(struct rbk_run *run, uint64_t now_ms)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_hours *hours = run->hours;

    for (uint32_t i = 0; i < machine->daily_window_count; i++) {
        if (hours->windows[i] == NULL ||
            !rbk_daily_open(&machine->daily_windows[i], hours->windows[i], now_ms,
                            &hours->until_ms[i])) {
            hours->until_ms[i] = 0;
        }
    }
}

static bool window_open(const struct rbk_run *run, uint32_t region, uint64_t now_ms)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_hours *hours = run->hours;
    uint32_t index = machine->regions[region].window != RBK_NONE ? machine->regions[region].window
                                                                 : machine->daily_window;

    return index == RBK_NONE || (hours->until_ms[index] > now_ms &&
                                 hours->worst_ms[region] <= hours->until_ms[index] - now_ms);
}

static bool time_has_come(const struct rbk_run *run, uint32_t region, uint64_t now_ms)
{
    const struct rbk_region *row = &run->replay->machine->regions[region];

    return row->not_before_zone.bytes == 0 ||
           (run->hours->regions[region] != NULL &&
            rbk_daily_instant_ms(run->hours->regions[region], row->not_before_shown_ms) <= now_ms);
}

void rbk_daily_windows_look(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    uint64_t now_ms = rbk_run_clock_ms(run);

    if (!run->hours->told) {
        run->hours->told = true;
        tell_all_unknown(run);
    }
    look_at_windows(run, now_ms);
    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *state;
        struct queued *queued;
        bool open;

        if (machine->regions[i].kind != RBK_REGION_STAGE ||
            !rbk_stage_keeps_hours(machine, &machine->regions[i])) {
            continue;
        }
        state = rbk_state_region(machine, run->replay->state, i);
        open = window_open(run, i, now_ms) && time_has_come(run, i, now_ms);
        if (open == ((state->flags & RBK_FLAG_WINDOW_OPEN) != 0) ||
            (queued = rbk_queue_new(run, RBK_EVENT_WINDOW)) == NULL) {
            continue;
        }
        queued->record.event.index = i;
        queued->record.event.level = open ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
        rbk_queue_push(run, queued);
    }
}
