/*
 * The hours of stages: `window 22:00 to 02:00 "Europe/Berlin"` and `not before 2026-11-22 06:00
 * "Europe/Berlin"`. What they mean, and whether a stage may begin, is core/hours.h's business; here
 * zones are found and clocks looked at.
 *
 * A run does not begin in a zone that this host does not know, nor with parameters that make a
 * stage too long for its window. One that is resumed on such a host goes on, and back: only what
 * waits for such hours does not begin.
 */
#include "runtime/executor/run_internal.h"

#include <stdlib.h>

#include "runtime/core/base/map.h"
#include "runtime/core/daily.h"
#include "runtime/core/hours.h"
#include "runtime/zones/zones.h"

#define ZONES_BYTES_MAX ((size_t)64 << 20)
#define WORDS_BYTES_MAX ((size_t)1 << 12)

struct run_hours {
    struct rbk_arena arena;
    struct rbk_map zones; /* those found, by name */
    struct rbk_hours core;
    bool told; /* of zones that are unknown here, once somebody listens */
};

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
        tell_unknown(run, machine->daily_windows[i].zone, run->hours->core.windows[i]);
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        tell_unknown(run, machine->regions[i].not_before_zone, run->hours->core.regions[i]);
    }
}

/* A stage that by the parameters of this run fits into no window. */
static int refuse_never(const struct rbk_run *run, struct rbk_error *reterr)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_hours *hours = &run->hours->core;
    const struct rbk_daily_window *window =
        &machine->daily_windows[rbk_hours_window(machine, hours->never)];
    struct rbk_buffer takes, when;
    int error;

    rbk_buffer_init(&takes, WORDS_BYTES_MAX);
    rbk_buffer_init(&when, WORDS_BYTES_MAX);
    rbk_value_print(&takes, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)hours->never_ms));
    rbk_daily_print(&when, window);
    error = rbk_error_set(reterr, RBK_EUSAGE,
                          "with these parameters stage %.*s may take %.*s to be done and undone, "
                          "longer than its window %.*s: it would never begin",
                          RBK_STR_ARG(machine->regions[hours->never].name),
                          RBK_STR_ARG(rbk_buffer_str(&takes)), RBK_STR_ARG(rbk_buffer_str(&when)));
    rbk_buffer_fini(&takes);
    rbk_buffer_fini(&when);
    return error;
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
    if (rbk_hours_init(&run->hours->core, machine, run->replay->params) != 0) {
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    if (run->hours->core.never != RBK_NONE && !run->resumed) {
        return refuse_never(run, reterr);
    }
    for (uint32_t i = 0; i < machine->daily_window_count && error == 0; i++) {
        error = find(run, machine->daily_windows[i].zone, &run->hours->core.windows[i], reterr);
    }
    for (uint32_t i = 0; i < machine->region_count && error == 0; i++) {
        if (machine->regions[i].not_before_zone.bytes != 0) {
            error = find(run, machine->regions[i].not_before_zone, &run->hours->core.regions[i],
                         reterr);
        }
    }
    return error;
}

void rbk_daily_windows_close(struct rbk_run *run)
{
    if (run->hours != NULL) {
        rbk_hours_fini(&run->hours->core);
        rbk_arena_fini(&run->hours->arena);
        free(run->hours);
        run->hours = NULL;
    }
}

bool rbk_daily_windows_over(struct rbk_run *run)
{
    return rbk_hours_are_over(&run->hours->core, run->replay->state, rbk_run_clock_ms(run));
}

/* What was found last is not in the state yet. */
static bool is_told(const struct rbk_run *run)
{
    const struct queued *queued = run->queue;

    while (queued != NULL && queued->record.event.kind != RBK_EVENT_WINDOW) {
        queued = queued->next;
    }
    return queued != NULL;
}

void rbk_daily_windows_look(struct rbk_run *run)
{
    uint64_t now_ms = rbk_run_clock_ms(run);
    struct rbk_event event;
    uint32_t region = 0;

    if (!run->hours->told) {
        run->hours->told = true;
        tell_all_unknown(run);
    }
    if (!run->hours->core.any || is_told(run)) {
        return;
    }
    while (rbk_hours_next(&run->hours->core, run->replay->state, now_ms, &region, &event)) {
        struct queued *queued = rbk_queue_new(run, RBK_EVENT_WINDOW);

        if (queued == NULL) {
            return;
        }
        queued->record.event.index = event.index;
        queued->record.event.level = event.level;
        rbk_queue_push(run, queued);
    }
}
