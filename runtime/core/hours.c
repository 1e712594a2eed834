/*
 * When stages may begin by the clock.
 *
 * An answer holds until an instant it names, so that asking once a second costs next to nothing; a
 * clock that is set back is looked at anew.
 */
#include "runtime/core/hours.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/error.h"
#include "runtime/core/daily.h"
#include "runtime/core/worst_walk.h"

#define MINUTE_MS UINT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)

uint32_t rbk_hours_window(const struct rbk_machine *machine, uint32_t region)
{
    uint32_t own = machine->regions[region].window;
    return own != RBK_NONE ? own : machine->daily_window;
}

/* ---- what a stage needs -----------------------------------------------------------------------
 */

/* `allow RBK113`: of a stage or of the plan, which a machine does not tell apart. */
static bool waived(const struct rbk_machine *machine)
{
    for (uint32_t i = 0; i < machine->waiver_count; i++) {
        if (rbk_str_is(machine->waivers[i].code, "RBK113")) {
            return true;
        }
    }
    return false;
}

static int round_of(const struct rbk_worst_ways *ways, uint32_t region, uint64_t *ret_ms)
{
    struct rbk_worst forward = {0};
    int error = rbk_worst_forward(ways, region, &forward);
    if (error == 0) {
        *ret_ms = rbk_worst_round_ms(ways, region, forward);
    }
    return error;
}

/* One that does not fit into a whole window. */
static int find_need_of_long(struct rbk_hours *hours, uint32_t region, uint64_t takes_ms,
                             uint64_t length_ms, bool given)
{
    const struct rbk_machine *machine = hours->machine;
    struct rbk_worst_ways ways;
    uint64_t default_ms = takes_ms;
    int error;
    if (waived(machine)) {
        hours->needs_ms[region] = 0;
        return 0;
    }
    if (given) {
        if ((error = rbk_worst_ways_init(&ways, machine)) != 0) {
            return error;
        }
        error = round_of(&ways, region, &default_ms);
        rbk_worst_ways_fini(&ways);
        if (error != 0) {
            return error;
        }
    }
    /* Of one for which no default says how long the compiler could not say it either. */
    bool told =
        default_ms > length_ms && (default_ms != RBK_WORST_MS_MAX || takes_ms == RBK_WORST_MS_MAX);
    hours->needs_ms[region] = told ? length_ms : takes_ms;
    if (!told && hours->never == RBK_NONE) {
        hours->never = region;
        hours->never_ms = takes_ms;
    }
    return 0;
}

static int find_needs(struct rbk_hours *hours, const struct rbk_value *params)
{
    const struct rbk_machine *machine = hours->machine;
    struct rbk_worst_ways ways;
    int error = rbk_worst_ways_init_run(&ways, machine, params);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < machine->region_count && error == 0; i++) {
        uint32_t window = rbk_hours_window(machine, i);
        if (machine->regions[i].kind != RBK_REGION_STAGE || window == RBK_NONE) {
            continue;
        }
        uint64_t length_ms = rbk_daily_minutes(&machine->daily_windows[window]) * MINUTE_MS;
        error = round_of(&ways, i, &hours->needs_ms[i]);
        if (error == 0 && length_ms != 0 && hours->needs_ms[i] > length_ms) {
            error = find_need_of_long(hours, i, hours->needs_ms[i], length_ms, params != NULL);
        }
    }
    rbk_worst_ways_fini(&ways);
    return error;
}

int rbk_hours_init(struct rbk_hours *hours, const struct rbk_machine *machine,
                   const struct rbk_value *params)
{
    size_t regions = (size_t)machine->region_count + 1;
    bool windows = false;
    *hours = (struct rbk_hours){.machine = machine, .never = RBK_NONE};
    hours->windows =
        calloc((size_t)machine->daily_window_count + 1, sizeof(const struct rbk_zone *));
    hours->regions = calloc(regions, sizeof(const struct rbk_zone *));
    hours->needs_ms = calloc(regions, sizeof(*hours->needs_ms));
    hours->kept = calloc(regions, sizeof(*hours->kept));
    hours->kept_ms = calloc(regions, sizeof(*hours->kept_ms));
    for (uint32_t i = 0; i < machine->region_count; i++) {
        bool stage = machine->regions[i].kind == RBK_REGION_STAGE;
        windows = windows || (stage && rbk_hours_window(machine, i) != RBK_NONE);
        hours->any = hours->any || (stage && rbk_stage_keeps_hours(machine, &machine->regions[i]));
    }
    if (hours->windows == NULL || hours->regions == NULL || hours->needs_ms == NULL ||
        hours->kept == NULL || hours->kept_ms == NULL ||
        (windows && find_needs(hours, params) != 0)) {
        rbk_hours_fini(hours);
        return -RBK_ENOMEM;
    }
    return 0;
}

void rbk_hours_fini(struct rbk_hours *hours)
{
    free(hours->windows);
    free(hours->regions);
    free(hours->needs_ms);
    free(hours->kept);
    free(hours->kept_ms);
    memset(hours, 0, sizeof(*hours));
}

/* ---- what the clock says ----------------------------------------------------------------------
 */

/* Until when a stage may begin in an opening; what is before now: it may not any more. */
static uint64_t begins_until(const struct rbk_daily_opening *opening, uint64_t needs_ms)
{
    uint64_t until_ms = 0;
    if (opening->until_ms == RBK_DAILY_NEVER) {
        return RBK_DAILY_NEVER;
    }
    uint64_t whole_ms = opening->until_ms - opening->from_ms;
    if (needs_ms == 0) {
        until_ms = opening->until_ms;
    } else if (needs_ms <= whole_ms) {
        uint64_t spare_ms = whole_ms - needs_ms + 1;
        until_ms = opening->from_ms + (spare_ms > RBK_HOURS_LATE_MS ? spare_ms : RBK_HOURS_LATE_MS);
    }
    return until_ms < opening->until_ms ? until_ms : opening->until_ms;
}

/* Where no opening is found it is looked for again the next day. */
static uint64_t next_opening(const struct rbk_daily_window *window, const struct rbk_zone *zone,
                             uint64_t from_ms)
{
    struct rbk_daily_opening next = rbk_daily_look(window, zone, from_ms);
    return next.open ? from_ms : next.from_ms == RBK_DAILY_NEVER ? from_ms + DAY_MS : next.from_ms;
}

static struct rbk_hours_answer ask_window(const struct rbk_hours *hours, uint32_t region,
                                          uint64_t now_ms)
{
    uint32_t index = rbk_hours_window(hours->machine, region);
    if (index == RBK_NONE) {
        return (struct rbk_hours_answer){RBK_HOURS_COME, RBK_DAILY_NEVER};
    }
    const struct rbk_daily_window *window = &hours->machine->daily_windows[index];
    const struct rbk_zone *zone = hours->windows[index];
    if (zone == NULL) {
        return (struct rbk_hours_answer){RBK_HOURS_ZONE, RBK_DAILY_NEVER};
    }
    struct rbk_daily_opening opening = rbk_daily_look(window, zone, now_ms);
    if (!opening.open) {
        return (struct rbk_hours_answer){RBK_HOURS_CLOSED, next_opening(window, zone, now_ms)};
    }
    uint64_t until_ms = begins_until(&opening, hours->needs_ms[region]);
    if (now_ms < until_ms) {
        return (struct rbk_hours_answer){RBK_HOURS_COME, until_ms};
    }
    return (struct rbk_hours_answer){RBK_HOURS_TOO_LITTLE,
                                     next_opening(window, zone, opening.until_ms)};
}

static struct rbk_hours_answer ask(const struct rbk_hours *hours, uint32_t region, uint64_t now_ms)
{
    const struct rbk_region *row = &hours->machine->regions[region];
    if (row->not_before_zone.bytes != 0) {
        if (hours->regions[region] == NULL) {
            return (struct rbk_hours_answer){RBK_HOURS_ZONE, RBK_DAILY_NEVER};
        }
        uint64_t from_ms = rbk_daily_instant_ms(hours->regions[region], row->not_before_shown_ms);
        if (now_ms < from_ms) {
            return (struct rbk_hours_answer){RBK_HOURS_NOT_BEFORE, from_ms};
        }
    }
    return ask_window(hours, region, now_ms);
}

struct rbk_hours_answer rbk_hours_ask(struct rbk_hours *hours, uint32_t region, uint64_t now_ms)
{
    uint64_t *kept_ms = &hours->kept_ms[region];
    if (*kept_ms == 0 || now_ms < *kept_ms || now_ms >= hours->kept[region].until_ms) {
        hours->kept[region] = ask(hours, region, now_ms);
        *kept_ms = now_ms;
    }
    return hours->kept[region];
}

bool rbk_hours_next(struct rbk_hours *hours, const struct rbk_state *state, uint64_t now_ms,
                    uint32_t *region, struct rbk_event *ret_event)
{
    const struct rbk_machine *machine = hours->machine;
    for (; hours->any && *region < machine->region_count; (*region)++) {
        const struct rbk_region *row = &machine->regions[*region];
        if (row->kind != RBK_REGION_STAGE || !rbk_stage_keeps_hours(machine, row)) {
            continue;
        }
        uint32_t flags = rbk_state_region(machine, state, *region)->flags;
        bool come = rbk_hours_ask(hours, *region, now_ms).wait == RBK_HOURS_COME;
        if (come == ((flags & RBK_FLAG_WINDOW_OPEN) != 0)) {
            continue;
        }
        *ret_event = (struct rbk_event){.kind = RBK_EVENT_WINDOW,
                                        .index = (*region)++,
                                        .level = come ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE};
        return true;
    }
    return false;
}

bool rbk_hours_are_over(struct rbk_hours *hours, const struct rbk_state *state, uint64_t now_ms)
{
    struct rbk_event event = {.level = RBK_LEVEL_TRUE};
    uint32_t region = 0;
    while (rbk_hours_next(hours, state, now_ms, &region, &event)) {
        if (event.level == RBK_LEVEL_FALSE) {
            return true;
        }
    }
    return false;
}
