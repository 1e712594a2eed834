/* The earliest deadline of the state, on a timer. The deadline is an instant of the wall clock; the
 * timer runs on the monotonic one, so a clock set back never makes a wait endless. */
#include "runtime/executor/run_internal.h"

/* How soon to look again when readings have to come first; and for how long, whatever the runner
 * does: one that stands still time and again, on a host that has far too much to do, has deadlines
 * all the same. */
#define READ_FIRST_MS 250
#define READ_FIRST_MS_MAX 15000
/* A wall clock set forward must not make a deadline late: look at least this often. */
#define LOOK_MS 10000

static bool waits_for_readings(struct rbk_run *run)
{
    if (!rbk_watcher_reads_first(run)) {
        run->read_first_ms = 0;
        return false;
    }
    if (run->read_first_ms == 0) {
        run->read_first_ms = uv_now(&run->loop);
    }
    return uv_now(&run->loop) - run->read_first_ms < READ_FIRST_MS_MAX;
}

static void on_due(uv_timer_t *timer)
{
    struct rbk_run *run = timer->data;
    uint64_t due_ms = run->due_ms;
    struct queued *queued;

    if (rbk_run_clock_ms(run) < due_ms && uv_now(&run->loop) < run->due_loop_ms) {
        rbk_due_arm(run); /* only woken to look at the clock */
        return;
    }
    if (waits_for_readings(run)) {
        uv_timer_start(&run->due_timer, on_due, READ_FIRST_MS, 0);
        return;
    }
    run->due_ms = 0;
    queued = rbk_queue_new(run, RBK_EVENT_TIME);
    if (queued == NULL) {
        return;
    }
    queued->record.event.now_ms = due_ms; /* at least; see pass() in run.c */
    rbk_queue_push(run, queued);
}

void rbk_due_arm(struct rbk_run *run)
{
    uint64_t due_ms = rbk_state_next_due(run->replay->machine, run->replay->state);
    uint64_t now_ms = rbk_run_clock_ms(run), wait_ms, left_ms;

    if (due_ms == 0) {
        uv_timer_stop(&run->due_timer);
        run->due_ms = 0;
        return;
    }
    if (due_ms == run->due_ms && uv_is_active((uv_handle_t *)&run->due_timer)) {
        return;
    }
    uv_update_time(&run->loop);
    wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (due_ms != run->due_ms) {
        run->due_ms = due_ms;
        run->due_loop_ms = uv_now(&run->loop) + wait_ms;
    }
    left_ms = run->due_loop_ms > uv_now(&run->loop) ? run->due_loop_ms - uv_now(&run->loop) : 0;
    if (left_ms < wait_ms) {
        wait_ms = left_ms;
    }
    uv_timer_start(&run->due_timer, on_due, wait_ms < LOOK_MS ? wait_ms : LOOK_MS, 0);
}
