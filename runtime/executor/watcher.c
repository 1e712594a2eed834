/*
 * Watching: probes are polled from the start of the run, and whenever a reading, a span or the
 * state changes the level of an armed trigger, that becomes a record.
 */
#include "runtime/executor/arming.h"
#include "runtime/executor/readings.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/check.h"
#include "runtime/core/expr_describe.h"
#include "runtime/core/value_text.h"

/* How long a `missing hold` that is over waits for readings when the runner stood still. */
#define READ_FIRST_MS 6000u
/* So many late readings are no news in any run. */
#define LATE_MIN 10u

static void look(struct rbk_run *run, uint32_t probe);

/* ---- levels into records -----------------------------------------------------------------------
 */

/* How many readings a window's value comes of, and how old the latest one is. */
static void note_window(void *context, uint32_t window, struct rbk_buffer *out)
{
    const struct rbk_run *run = context;
    const struct rbk_window *row = &run->replay->machine->windows[window];
    uint64_t now_ms = uv_now(&run->loop), last_ms = rbk_watch_last_ms(run->watch, row->probe);

    if (row->kind != RBK_WINDOW_LAST && row->kind != RBK_WINDOW_COUNT) {
        rbk_buffer_printf(out, " of %llu readings",
                          (unsigned long long)rbk_watch_window_count(run->watch, window, now_ms));
    }
    if (last_ms != 0 && now_ms > last_ms + 1000) {
        rbk_buffer_printf(out, ", read %llu s ago", (unsigned long long)(now_ms - last_ms) / 1000u);
    }
}

/* What the condition saw, for the person who reads why: "error_rate = 8%, avg p99 over 5m = 412ms
 * of 20 readings, baseline p99 = 120ms, for 30 s". */
static struct rbk_str describe(struct rbk_run *run, const struct rbk_watch_change *change,
                               struct rbk_arena *arena)
{
    const struct rbk_machine *machine = run->replay->machine;
    uint32_t expr = change->criterion ? machine->criteria[change->index].condition
                                      : machine->triggers[change->index].condition;
    uint64_t since_ms = 0, now_ms = uv_now(&run->loop);
    struct rbk_buffer text;
    struct rbk_str result;

    rbk_buffer_init(&text, RBK_DESCRIBE_BYTES_MAX * 2);
    rbk_expr_describe(&run->open_scope, expr, note_window, &text);
    if (text.bytes == 0) {
        rbk_buffer_append_str(&text, machine->exprs[expr].text);
    }
    if (!change->criterion && change->level == RBK_LEVEL_TRUE &&
        rbk_watch_raw_level(run->watch, change->index, &since_ms) == RBK_LEVEL_TRUE &&
        since_ms != 0 && now_ms >= since_ms + 1000) {
        rbk_buffer_printf(&text, ", for %llu s", (unsigned long long)(now_ms - since_ms) / 1000u);
    }
    if (change->confirmation != RBK_CONFIRMATION_NONE) {
        rbk_buffer_printf(&text, "; %s", rbk_confirmation_words(change->confirmation));
    }
    result = rbk_secrets_redact(run->secrets, arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return result;
}

static void post(struct rbk_run *run, const struct rbk_watch_change *change, struct rbk_str message)
{
    struct queued *queued;

    if (!change->changed || (change->criterion && change->level != RBK_LEVEL_TRUE)) {
        return;
    }
    queued = rbk_queue_new(run, change->criterion ? RBK_EVENT_CRITERION : RBK_EVENT_TRIGGER);
    if (queued == NULL) {
        return;
    }
    queued->record.event.index = change->index;
    queued->record.event.level = change->level;
    queued->record.message = message.bytes != 0
                                 ? rbk_secrets_redact(run->secrets, &queued->arena, message)
                                 : describe(run, change, &queued->arena);
    rbk_queue_push(run, queued);
}

/* A second look begins, or ends without a reaction: a line for who follows the run. */
static void tell_second_look(struct rbk_run *run, const struct rbk_watch_change *change)
{
    const struct rbk_trigger *trigger;
    struct rbk_str seen;

    /* Criteria have no second look, and there may be no triggers at all. */
    if (change->confirmation != RBK_CONFIRMATION_ASKED &&
        change->confirmation != RBK_CONFIRMATION_REFUTED) {
        return;
    }
    trigger = &run->replay->machine->triggers[change->index];
    seen = describe(run, change, &run->scratch);
    rbk_run_notice(run, "trigger %.*s: %.*s", RBK_STR_ARG(trigger->name), RBK_STR_ARG(seen));
}

static void want(void *context, bool trigger, uint32_t index)
{
    struct rbk_run *run = context;

    rbk_poll_again(run->poll, trigger, index);
}

static void on_watch_due(uv_timer_t *timer)
{
    look(timer->data, RBK_NONE);
}

/* After a look: read again what second looks wait for, and come back when time alone decides. */
static void look_ahead(struct rbk_run *run)
{
    uint64_t now_ms = uv_now(&run->loop), due_ms;

    rbk_watch_wanted(run->watch, want, run);
    due_ms = rbk_watch_next_due(run->watch);
    if (due_ms == 0) {
        uv_timer_stop(&run->watch_timer);
    } else {
        uv_timer_start(&run->watch_timer, on_watch_due, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

static void look(struct rbk_run *run, uint32_t probe)
{
    size_t room = rbk_watch_changes_max(run->watch, probe), count;
    struct rbk_watch_change *changes;

    if (run->poll != NULL) {
        rbk_poll_alive(run->poll);
    }
    if (room == 0) {
        return;
    }
    rbk_arena_reset(&run->scratch);
    changes = rbk_new_array(&run->scratch, struct rbk_watch_change, room);
    count = rbk_watch_evaluate(run->watch, run->replay->state, &run->open_scope, probe,
                               uv_now(&run->loop), changes);
    for (size_t i = 0; i < count; i++) {
        tell_second_look(run, &changes[i]);
        post(run, &changes[i], (struct rbk_str){NULL, 0});
    }
    look_ahead(run);
}

/* Whether a failed reading gets a line: the first of a row, then ever fewer. */
static bool worth_a_line(uint32_t failures_before)
{
    return (failures_before & (failures_before + 1)) == 0;
}

static void on_probe(void *context, uint32_t probe, struct rbk_value value, struct rbk_str message,
                     uint32_t failures)
{
    struct rbk_run *run = context;
    struct rbk_str name = run->replay->machine->probes[probe].name, clean;

    if (!value.missing) {
        if (failures > 0) {
            rbk_run_notice(run, "probe %.*s gives readings again, after %u without",
                           RBK_STR_ARG(name), failures);
        }
        rbk_arming_note(run, probe, false, (struct rbk_str){NULL, 0});
        rbk_readings_note(run, probe, value, (struct rbk_str){NULL, 0});
    } else {
        rbk_arena_reset(&run->scratch);
        clean = rbk_secrets_redact(run->secrets, &run->scratch, message);
        rbk_arming_note(run, probe, true, clean);
        rbk_readings_note(run, probe, value, clean);
        if (worth_a_line(failures)) {
            rbk_run_notice(run, "probe %.*s gives no reading: %.*s", RBK_STR_ARG(name),
                           RBK_STR_ARG(clean));
        }
    }
    look(run, probe);
}

static void on_trigger(void *context, uint32_t trigger, const struct rbk_reading *reading,
                       struct rbk_value value, struct rbk_str message)
{
    struct rbk_run *run = context;
    struct rbk_watch_change change;
    enum rbk_level level = rbk_level_of(value);

    rbk_readings_note_own(run, trigger, reading);
    if (rbk_watch_level(run->watch, run->replay->state, trigger, level, uv_now(&run->loop),
                        &change) != 0) {
        rbk_arena_reset(&run->scratch);
        tell_second_look(run, &change);
        post(run, &change, message);
    }
    look_ahead(run);
}

/* ---- alerts ------------------------------------------------------------------------------------
 */

/* Whether the alert that a probe waits for fires: its name, and all its labels. @ret_is  Whether it
 * is `told` that it waits for. */
static bool fires(struct rbk_run *run, const struct rbk_read *read, const struct rbk_alert *told,
                  bool *ret_is)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_pair labels[RBK_ALERT_LABELS_MAX];
    struct rbk_str name = RBK_STR("");
    size_t count = 0;

    for (uint32_t i = 0; i < read->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[read->args.first + i];
        struct rbk_value value;

        if (rbk_expr_evaluate(&run->open_scope, arg->expr, &run->scratch, &value, NULL) != 0 ||
            value.missing || !rbk_type_is_text(value.type) || count == RBK_COUNT(labels)) {
            return false;
        }
        if (arg->kind == RBK_ARG_NAME) {
            name = value.as.text;
        } else if (arg->kind == RBK_ARG_ALERT_LABEL) {
            labels[count++] = (struct rbk_pair){arg->name, value.as.text};
        }
    }
    *ret_is = *ret_is || (told != NULL && rbk_alert_is(told, name, labels, count));
    return rbk_alerts_fire(&run->replay->alerts, name, labels, count);
}

/* What is told about an alert is a reading of the probes that wait for it, and of no other.
 * @told  NULL: nothing is, but what fires is to be known. @return Whether it was one. */
static bool feed_alert(struct rbk_run *run, uint32_t probe, const struct rbk_alert *told)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_expr *expr = &machine->exprs[machine->probes[probe].expr];
    bool firing = false, is = false;

    rbk_arena_reset(&run->scratch);
    for (uint32_t i = 0; i < expr->reads.count; i++) {
        firing |= fires(run, &machine->reads[expr->reads.first + i], told, &is);
    }
    if (told == NULL ? !firing : !is) {
        return false;
    }
    rbk_watch_feed(run->watch, probe, rbk_value_bool(firing), uv_now(&run->loop));
    rbk_readings_note(run, probe, rbk_value_bool(firing), (struct rbk_str){NULL, 0});
    return true;
}

void rbk_watcher_alert(struct rbk_run *run, const struct rbk_alert *told)
{
    const struct rbk_machine *machine = run->replay->machine;

    for (uint32_t i = 0; i < machine->probe_count; i++) {
        if (machine->probes[i].pushed && feed_alert(run, i, told)) {
            look(run, i);
        }
    }
}

/* ---- life --------------------------------------------------------------------------------------
 */

/* The clock that counts on while the host sleeps. */
static uint64_t boot_clock_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int rbk_watcher_start(struct rbk_run *run)
{
    const struct rbk_poll_setup setup = {.loop = &run->loop,
                                         .clock_ms = boot_clock_ms,
                                         .machine = run->replay->machine,
                                         .reader = run->reader,
                                         .watch = run->watch,
                                         .run = run->id,
                                         .context = run,
                                         .on_probe = on_probe,
                                         .on_trigger = on_trigger};

    run->poll = rbk_poll_new(&setup);
    if (run->poll == NULL) {
        return rbk_error_set(&run->error, RBK_ENOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < run->replay->machine->baseline_count; i++) {
        rbk_watch_set_baseline(run->watch, i, run->replay->baselines[i]);
    }
    rbk_readings_remove(run); /* of a runner that was killed */
    rbk_poll_start(run->poll);
    /* What fired when the last runner stopped fires still. Nobody looks at the levels yet: the
     * first step of this runner does. */
    for (uint32_t i = 0; i < run->replay->machine->probe_count; i++) {
        if (run->replay->machine->probes[i].pushed) {
            (void)feed_alert(run, i, NULL);
        }
    }
    return 0;
}

void rbk_watcher_after_step(struct rbk_run *run)
{
    if (run->poll == NULL) {
        return;
    }
    rbk_poll_arm(run->poll, run->replay->state);
    rbk_ways_after_step(run);
    look(run, RBK_NONE);
}

void rbk_watcher_second(struct rbk_run *run)
{
    rbk_readings_write(run);
    look(run, RBK_NONE); /* what is too old by now to stand */
    rbk_daily_windows_look(run);
}

bool rbk_watcher_reads_first(struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;
    uint64_t woke_ms;

    if (run->poll == NULL) {
        return false;
    }
    rbk_poll_alive(run->poll);
    woke_ms = rbk_poll_woke_ms(run->poll);
    for (uint32_t i = 0; woke_ms != 0 && i < machine->trigger_count; i++) {
        if (rbk_state_trigger(machine, run->replay->state, i)->mode == RBK_TRIGGER_HOLDING) {
            return uv_now(&run->loop) < woke_ms + READ_FIRST_MS;
        }
    }
    return false;
}

/* Whether the probes were read when they should have been: told when more than a few were not, as
 * on a host that has too much to do, or when a test asks. */
static void tell_schedule(struct rbk_run *run)
{
    struct rbk_poll_counts counts;

    if (run->poll == NULL) {
        return;
    }
    counts = rbk_poll_counts(run->poll);
    if (counts.late > LATE_MIN + counts.taken / 20 || getenv("RBK_TEST_SCHEDULE") != NULL) {
        rbk_run_notice(run, "%llu of %llu readings were begun more than %u ms late",
                       (unsigned long long)counts.late, (unsigned long long)counts.taken,
                       RBK_POLL_LATE_MS);
    }
}

void rbk_watcher_stop(struct rbk_run *run)
{
    tell_schedule(run);
    rbk_readings_remove(run);
    rbk_ways_stop(run);
}
