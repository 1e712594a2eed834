/*
 * Daily windows: `window 22:00 to 02:00 "Europe/Berlin"`. A stage may start while its window is
 * open and the stage could still be done and undone in what is left of it.
 *
 * Local time comes from the C library's zones. TZ is a variable of the process; its storage is put
 * into the environment once and only its content changes, so that no other thread ever sees the
 * environment move; the zone of the process is back in it whenever anybody else looks.
 */
#include "runtime/executor/run_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_MINUTES 1440u

/* Minutes of the day in the zone, now. */
static unsigned minute_of_day(struct rbk_run *run, struct rbk_str zone)
{
    time_t now = (time_t)(rbk_run_clock_ms(run) / 1000u);
    struct tm local;

    if (run->zone[0] == '\0') {
        const char *own = getenv("TZ");

        run->own_zone = own != NULL ? strdup(own) : NULL;
        snprintf(run->zone, sizeof(run->zone), "TZ=%*s", (int)sizeof(run->zone) - 8, "");
        putenv(run->zone);
    }
    snprintf(run->zone, sizeof(run->zone), "TZ=%.*s", RBK_STR_ARG(zone));
    tzset();
    localtime_r(&now, &local);
    /* Whoever watches reads times in a zone of their own. */
    snprintf(run->zone, sizeof(run->zone), "TZ=%s",
             run->own_zone != NULL ? run->own_zone : ":/etc/localtime");
    tzset();
    return (unsigned)(local.tm_hour * 60 + local.tm_min);
}

void rbk_daily_windows_close(struct rbk_run *run)
{
    if (run->zone[0] == '\0') {
        return;
    }
    if (run->own_zone != NULL) {
        (void)setenv("TZ", run->own_zone, 1);
    } else {
        (void)unsetenv("TZ");
    }
    free(run->own_zone);
}

/* The longest a stage and its rollback may take: the deadlines of its outermost blocks. */
static uint64_t worst_ms(const struct rbk_machine *machine, uint32_t region)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < machine->block_count; i++) {
        if (machine->blocks[i].region == region && machine->blocks[i].depth == 0) {
            sum += machine->blocks[i].within_ms;
        }
    }
    return sum;
}

static bool open_now(struct rbk_run *run, uint32_t region)
{
    const struct rbk_machine *machine = run->replay->machine;
    uint32_t index = machine->regions[region].window != RBK_NONE ? machine->regions[region].window
                                                                 : machine->daily_window;
    const struct rbk_daily_window *window = &machine->daily_windows[index];
    unsigned now = minute_of_day(run, window->zone);
    unsigned length = (window->to_minute + DAY_MINUTES - window->from_minute) % DAY_MINUTES;
    unsigned gone = (now + DAY_MINUTES - window->from_minute) % DAY_MINUTES;

    if (length == 0) {
        length = DAY_MINUTES;
    }
    return gone < length && worst_ms(machine, region) <= (uint64_t)(length - gone) * 60000u;
}

void rbk_daily_windows_look(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;

    for (uint32_t i = 0; i < machine->region_count; i++) {
        const struct rbk_region_state *state;
        struct queued *queued;
        bool open;

        if (machine->regions[i].kind != RBK_REGION_STAGE ||
            (machine->regions[i].window == RBK_NONE && machine->daily_window == RBK_NONE)) {
            continue;
        }
        state = rbk_state_region(machine, run->replay->state, i);
        open = open_now(run, i);
        if (open == ((state->flags & RBK_FLAG_WINDOW_OPEN) != 0) ||
            (queued = rbk_queue_new(run, RBK_EVENT_WINDOW)) == NULL) {
            continue;
        }
        queued->record.event.index = i;
        queued->record.event.level = open ? RBK_LEVEL_TRUE : RBK_LEVEL_FALSE;
        rbk_queue_push(run, queued);
    }
}
