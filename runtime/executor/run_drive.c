/*
 * A run on its loop, from the first turn to the last: what is rung for and looked at every second,
 * the first record, the last messages, and everything closed again. What a turn does is in run.c,
 * when the last one has come in run_end.c.
 */
#include "runtime/executor/run_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"
#include "runtime/executor/settings.h"

/* How long the end of a run waits for its last messages to be sent. When the runner only stops,
 * they stay in the outbox and go out when the run goes on. */
#define FAREWELL_MS 10000
#define STOP_MS 500

static void on_second(uv_timer_t *timer)
{
    struct rbk_run *run = timer->data;

    /* What a view evaluates lies there, too: a run that waits for days draws many pictures. */
    rbk_arena_reset(&run->scratch);
    rbk_inbox_look(run);
    rbk_watcher_second(run);
    rbk_outbox_look(run);
}

static void on_bell(uv_fs_event_t *bell, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    if (status == 0) {
        rbk_inbox_look(bell->data);
    }
}

static void ring_on(struct rbk_run *run)
{
    struct rbk_buffer path;
    FILE *file;

    rbk_buffer_init(&path, RBK_PATH_BYTES_MAX);
    rbk_buffer_printf(&path, "%s/bell", run->run_directory);
    file = fopen(path.data, "ae");
    if (file != NULL) {
        fclose(file);
    }
    /* Without it the regular look finds what was asked, a second later. */
    run->bell_open = uv_fs_event_init(&run->loop, &run->bell) == 0;
    run->bell.data = run;
    if (run->bell_open) {
        (void)uv_fs_event_start(&run->bell, on_bell, path.data, 0);
    }
    rbk_buffer_fini(&path);
}

static void start(struct rbk_run *run)
{
    struct queued *queued = rbk_queue_new(run, run->resumed ? RBK_EVENT_RESUMED : RBK_EVENT_START);
    char settings[65];

    if (queued == NULL) {
        return;
    }
    queued->record.who = rbk_arena_copy(&queued->arena, rbk_str_from(run->options.user));
    if (run->resumed && rbk_daily_windows_over(run)) {
        queued->record.event.level = RBK_LEVEL_MISSING;
    }
    if (!run->resumed) {
        if (rbk_settings_hash(&run->replay->run, settings) != 0) {
            rbk_queue_free(queued);
            rbk_run_fail(run, rbk_error_set(&run->error, RBK_ENOMEM, "out of memory"));
            return;
        }
        queued->record.settings = rbk_arena_copy(&queued->arena, rbk_str_from(settings));
    }
    rbk_queue_push(run, queued);
    run->started = true;
    rbk_daily_windows_look(run);
    rbk_inbox_look(run);
}

/* The last messages of a run that has ended: a bounded time, never more. */
static void on_farewell(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void say_farewell(struct rbk_run *run)
{
    bool ended = rbk_status_is_end((enum rbk_status)run->replay->state->status);
    unsigned interrupts = run->interrupts;
    uint64_t wait_ms = ended ? FAREWELL_MS : STOP_MS, until_ms;

    uv_update_time(&run->loop);
    until_ms = uv_now(&run->loop) + wait_ms;
    uv_timer_start(&run->due_timer, on_farewell, wait_ms, 0);
    rbk_outbox_look(run);
    /* Whoever asks to stop now is not kept waiting: what is left goes out when the run is resumed.
     */
    while (!rbk_outbox_idle(run) && uv_now(&run->loop) < until_ms &&
           run->interrupts == interrupts && run->failed == 0) {
        uv_run(&run->loop, UV_RUN_ONCE);
        if (rbk_outbox_has_ended(run)) {
            rbk_run_write_outbox(run);
        }
    }
    uv_timer_stop(&run->due_timer);
    if (ended && !rbk_outbox_idle(run)) {
        rbk_run_notice(run, "messages are left that could not be sent; `rbk resume %s` tries again",
                       run->id);
    }
}

static void on_part_closed(void *context)
{
    struct rbk_run *run = context;

    run->closing--;
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void close_handle(struct rbk_run *run, uv_handle_t *handle)
{
    handle->data = run;
    run->closing++;
    uv_close(handle, on_handle_closed);
}

static void close_all(struct rbk_run *run)
{
    rbk_work_drop_all(run);
    rbk_watcher_stop(run);
    if (run->poll != NULL) {
        run->closing++;
        rbk_poll_close(run->poll, on_part_closed, run);
        run->poll = NULL;
    }
    run->closing++;
    rbk_outbox_close(run, on_part_closed, run);
    run->closing++;
    rbk_drivers_close(run->drivers, run->leave, on_part_closed, run);
    close_handle(run, (uv_handle_t *)&run->idle);
    close_handle(run, (uv_handle_t *)&run->pump);
    close_handle(run, (uv_handle_t *)&run->due_timer);
    close_handle(run, (uv_handle_t *)&run->watch_timer);
    close_handle(run, (uv_handle_t *)&run->second_timer);
    close_handle(run, (uv_handle_t *)&run->way_timer);
    if (run->bell_open) {
        close_handle(run, (uv_handle_t *)&run->bell);
    }
    while (run->closing != 0) {
        uv_run(&run->loop, UV_RUN_ONCE);
    }
    rbk_reader_drop(run->reader);
}

/* A test looks at what held the run up, if anything did: RBK_TEST_TURNS names a file. */
static void tell_turns(const struct rbk_run *run)
{
    const char *path = getenv("RBK_TEST_TURNS");
    FILE *file = path != NULL ? fopen(path, "we") : NULL;

    if (file != NULL) {
        fprintf(file, "{\"waited\": %llu, \"commits\": %llu}\n",
                (unsigned long long)run->turns_waited_max,
                (unsigned long long)run->turn_commits_max);
        fclose(file);
    }
}

int rbk_run_drive(struct rbk_run *run, struct rbk_error *reterr)
{
    uv_check_init(&run->loop, &run->pump);
    uv_idle_init(&run->loop, &run->idle);
    uv_timer_init(&run->loop, &run->due_timer);
    uv_timer_init(&run->loop, &run->watch_timer);
    uv_timer_init(&run->loop, &run->second_timer);
    uv_timer_init(&run->loop, &run->way_timer);
    run->pump.data = run->idle.data = run->due_timer.data = run->watch_timer.data =
        run->second_timer.data = run->way_timer.data = run;
    uv_check_start(&run->pump, rbk_run_pump);
    uv_timer_start(&run->second_timer, on_second, 1000, 1000);
    ring_on(run);
    if (rbk_status_is_end((enum rbk_status)run->replay->state->status)) {
        run->stopping = true; /* only its last messages are left to be sent */
        rbk_inbox_look_ended(run);
    } else {
        start(run);
    }
    while (!run->stopping) {
        uv_run(&run->loop, UV_RUN_DEFAULT);
    }

    uv_check_stop(&run->pump);
    tell_turns(run);
    if (run->failed == 0 && run->interrupts < 2) {
        say_farewell(run);
    }
    close_all(run);
    if (run->failed != 0) {
        *reterr = run->error;
        return 1;
    }
    return rbk_run_exit_status(run);
}
