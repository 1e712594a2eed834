/*
 * Effects that read: let, capture, check, test, require, wait until, a `done when` and the
 * baselines; arming is in arming.c. How often is read and when that decides is core/check.c's
 * business; here the readings are taken and timed.
 */
#include "runtime/executor/arming.h"

#include <stdio.h>
#include <string.h>

#include "runtime/core/base/limits.h"
#include "runtime/core/expr_describe.h"
#include "runtime/core/stop_times.h"

/* After the runner stood still, what gives no value is read again so often, and for so long. */
#define STILL_AGAIN_MS 250u
#define STILL_MS 12000u

static void read_now(struct work *work);

static bool binds(const struct work *work)
{
    return !work->look &&
           (work->effect->kind == RBK_EFFECT_LET || work->effect->kind == RBK_EFFECT_CAPTURE);
}

static void decided(struct work *work, enum rbk_outcome outcome, struct rbk_value value,
                    struct rbk_str message)
{
    struct work_result result = {.outcome = outcome, .message = message, .status = -1};
    struct rbk_buffer printed;
    struct rbk_value label;

    if (outcome == RBK_OUTCOME_OK && binds(work)) {
        result.value = &value;
    }
    rbk_buffer_init(&printed, RBK_VALUE_BYTES_MAX);
    if (outcome == RBK_OUTCOME_OK && !work->look && work->effect->kind == RBK_EFFECT_CAPTURE) {
        label = rbk_work_argument(work, RBK_ARG_LABEL);
        rbk_value_print(&printed, value);
        result.label = label.missing ? RBK_STR("capture") : label.as.text;
        result.content = rbk_buffer_str(&printed);
    }
    rbk_work_finish(work, &result);
    rbk_buffer_fini(&printed);
}

static void look_again(struct work *work);

static void on_next(uv_timer_t *timer)
{
    struct work *work = timer->data;

    if (work->watching) {
        look_again(work);
        return;
    }
    read_now(work);
}

/* What a condition was decided on: the values it saw last, and how often it looked. What `let` and
 * `capture` read is their value. */
static struct rbk_str seen(struct work *work, const struct rbk_reading *reading)
{
    struct rbk_buffer text;
    struct rbk_str copy;

    rbk_buffer_init(&text, RBK_DESCRIBE_BYTES_MAX * 2);
    if (reading != NULL) {
        rbk_reading_describe(reading, &text);
    } else {
        rbk_expr_describe(&work->run->open_scope, work->condition, NULL, &text);
    }
    if (!work->look && work->check.readings > 1) {
        rbk_buffer_printf(&text, "%s(%u readings in %llu ms)", text.bytes != 0 ? " " : "",
                          work->check.readings,
                          (unsigned long long)(uv_now(&work->run->loop) - work->check.started_ms));
    }
    copy = rbk_arena_copy(&work->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return copy;
}

/* Whether the runner stood still since the last reading. Then a span begins anew, and what gives no
 * value is not taken for the source's fault until everything has been read again. */
static bool read_after_still(struct work *work, bool missing, uint64_t now_ms)
{
    uint64_t woke_ms = 0;

    if (work->run->poll != NULL) {
        rbk_poll_alive(work->run->poll);
        woke_ms = rbk_poll_woke_ms(work->run->poll);
    }
    if (woke_ms <= work->fed_ms) {
        return false;
    }
    rbk_check_broken_off(&work->check);
    return missing && now_ms < woke_ms + STILL_MS;
}

/* It does not hold, or nobody can say: the question stays open, and one looks again. */
static void watch_on(struct work *work)
{
    uv_timer_stop(&work->deadline);
    uv_timer_start(&work->timer, on_next, work->effect->every_ms, 0);
}

/* One evaluation: decide, or come back later. */
static void consider(struct work *work, const struct rbk_reading *reading, struct rbk_value value,
                     struct rbk_str message)
{
    enum rbk_level level = !binds(work)    ? rbk_level_of(value)
                           : value.missing ? RBK_LEVEL_MISSING
                                           : RBK_LEVEL_TRUE;
    struct rbk_check_verdict verdict;
    uint64_t now_ms = uv_now(&work->run->loop);

    if (read_after_still(work, value.missing, now_ms)) {
        uv_timer_start(&work->timer, on_next, STILL_AGAIN_MS, 0);
        return;
    }
    work->fed_ms = now_ms;
    if (work->watching && level != RBK_LEVEL_TRUE) {
        watch_on(work);
        return;
    }
    if (work->look) {
        if (!value.missing) {
            message = seen(work, reading);
        }
        decided(work,
                level == RBK_LEVEL_TRUE    ? RBK_OUTCOME_OK
                : level == RBK_LEVEL_FALSE ? RBK_OUTCOME_FAIL
                                           : RBK_OUTCOME_MISSING,
                value, message);
        return;
    }
    verdict = rbk_check_feed(&work->check, level, now_ms);
    if (verdict.decided) {
        if (!value.missing && !binds(work)) {
            message = seen(work, reading);
        }
        decided(work, verdict.outcome, value, message);
        return;
    }
    uv_timer_start(&work->timer, on_next, verdict.next_ms > now_ms ? verdict.next_ms - now_ms : 0,
                   0);
    rbk_work_progress(work);
}

static void on_read(void *owner, struct rbk_reading *reading, struct rbk_value value,
                    struct rbk_str message)
{
    struct work *work = owner;

    work->reading = NULL;
    if (work->finished) {
        rbk_work_release(work);
        return;
    }
    uv_update_time(&work->run->loop);
    consider(work, reading, value, message);
}

/* It could not even be begun to read. */
static void unreadable(struct work *work, struct rbk_str why)
{
    if (work->watching) {
        watch_on(work);
        return;
    }
    rbk_work_end(work, RBK_OUTCOME_FAIL, why);
}

static void read_now(struct work *work)
{
    struct rbk_run *run = work->run;
    const struct rbk_machine *machine = run->replay->machine;
    uint64_t now_ms = uv_now(&run->loop);
    struct rbk_error error;
    struct rbk_value value;

    if (machine->exprs[work->condition].reads.count == 0) {
        /* Nothing outside is asked: no need to go round the loop. */
        rbk_arena_reset(&work->scratch); /* it may be asked every 100 ms for hours */
        if (rbk_expr_evaluate(&run->open_scope, work->condition, &work->scratch, &value, &error) !=
            0) {
            unreadable(work, rbk_str_from(error.text));
        } else {
            consider(work, NULL, value,
                     value.missing ? RBK_STR("a value it needs is missing")
                                   : (struct rbk_str){NULL, 0});
        }
        return;
    }
    if (rbk_reading_start(run->reader, work->condition, work->name, work->stage,
                          work->deadline_ms > now_ms ? work->deadline_ms - now_ms : 1, work,
                          on_read, &work->reading, &error) != 0) {
        unreadable(work, rbk_str_from(error.text));
    }
}

/* ---- baselines ----------------------------------------------------------------------
 */

/* Measure one baseline, and append a word on it; false: too few readings came. */
static bool measure(struct work *work, uint32_t index, struct rbk_value *ret_mean,
                    uint64_t *ret_count, struct rbk_buffer *words)
{
    struct rbk_run *run = work->run;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_baseline *baseline = &machine->baselines[index];
    uint64_t over_ms = 0, wanted;
    struct rbk_value over;
    struct rbk_str failure;

    if (rbk_expr_evaluate(&run->open_scope, baseline->over, &work->arena, &over, NULL) == 0 &&
        !over.missing && over.as.integer > 0) {
        over_ms = (uint64_t)over.as.integer;
    }
    wanted = rbk_baseline_readings(machine, index, over_ms);
    *ret_mean = rbk_watch_mean(run->watch, baseline->probe, over_ms, uv_now(&run->loop), ret_count);
    rbk_buffer_printf(words, "%s%.*s", words->bytes != 0 ? ", " : "",
                      RBK_STR_ARG(machine->probes[baseline->probe].name));
    if (ret_mean->missing || *ret_count < wanted) {
        rbk_buffer_printf(words, " gave %llu readings of at least %llu for its baseline, in ",
                          (unsigned long long)*ret_count, (unsigned long long)wanted);
        rbk_value_print(words, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)over_ms));
        failure = rbk_arming_failure(run, baseline->probe);
        if (failure.bytes == 0 && *ret_count == 0) {
            failure = RBK_STR("it has not answered yet");
        }
        if (failure.bytes != 0) {
            rbk_buffer_printf(words, ": %.*s", RBK_STR_ARG(failure));
        }
        return false;
    }
    rbk_buffer_append_text(words, " = ");
    rbk_value_print(words, *ret_mean);
    rbk_buffer_printf(words, " of %llu readings", (unsigned long long)*ret_count);
    return true;
}

/* The journal keeps the means, and behind them the numbers of readings they come of. */
static void on_baseline(uv_timer_t *timer)
{
    struct work *work = timer->data;
    struct rbk_run *run = work->run;
    uint32_t count = run->replay->machine->baseline_count;
    struct rbk_value *values = rbk_new_array(&work->arena, struct rbk_value, 2u * count + 1u);
    struct rbk_value list = {.type = RBK_TYPE_LIST};
    struct work_result result = {.outcome = RBK_OUTCOME_OK, .value = &list, .status = -1};
    struct rbk_buffer words;
    bool all = true;

    rbk_buffer_init(&words, RBK_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count && all; i++) {
        uint64_t readings = 0;

        all = measure(work, i, &values[i], &readings, &words);
        values[count + i] = rbk_value_integer(RBK_TYPE_INT, (int64_t)readings);
        if (all) {
            rbk_watch_set_baseline(run->watch, i, values[i]);
        }
    }
    result.message = rbk_arena_copy(&work->arena, rbk_buffer_str(&words));
    rbk_buffer_fini(&words);
    if (!all) {
        rbk_work_end(work, RBK_OUTCOME_MISSING, result.message);
        return;
    }
    list.as.list.items = values;
    list.as.list.count = 2u * count;
    rbk_work_finish(work, &result);
}

static void start_baseline(struct work *work)
{
    struct rbk_run *run = work->run;
    const struct rbk_machine *machine = run->replay->machine;
    uint64_t longest_ms = 0;

    for (uint32_t i = 0; i < machine->baseline_count; i++) {
        struct rbk_value over;

        if (rbk_expr_evaluate(&run->open_scope, machine->baselines[i].over, &work->arena, &over,
                              NULL) == 0 &&
            !over.missing && (uint64_t)over.as.integer > longest_ms) {
            longest_ms = (uint64_t)over.as.integer;
        }
    }
    uv_update_time(&run->loop);
    uv_timer_start(&work->timer, on_baseline, longest_ms, 0);
}

/* ---- beginning and stopping --------------------------------------------------------------------
 */

/* Of a `for` also whether it held at last, and for how long. */
static struct rbk_str out_of_time(struct work *work)
{
    const struct rbk_check *check = &work->check;
    uint64_t held_ms;
    struct rbk_buffer text;
    struct rbk_str copy;

    if (work->look || work->effect->for_ms == 0 || check->readings == 0) {
        return RBK_STR("its time ran out");
    }
    held_ms = check->in_span ? uv_now(&work->run->loop) - check->true_from_ms : 0;
    rbk_buffer_init(&text, RBK_DESCRIBE_BYTES_MAX);
    rbk_buffer_append_text(&text, "its time ran out: it had held for ");
    rbk_value_print(&text, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)held_ms));
    rbk_buffer_append_text(&text, " of ");
    rbk_value_print(&text, rbk_value_integer(RBK_TYPE_DURATION, (int64_t)work->effect->for_ms));
    copy = rbk_arena_copy(&work->arena, rbk_buffer_str(&text));
    rbk_buffer_fini(&text);
    return copy;
}

static void on_deadline(uv_timer_t *timer)
{
    struct work *work = timer->data;

    if (work->reading != NULL) {
        rbk_reading_cancel(work->reading);
        work->reading = NULL;
    }
    if (work->watching) {
        watch_on(work);
        return;
    }
    rbk_work_end(work, RBK_OUTCOME_TIMEOUT, out_of_time(work));
}

/* How long a look may take: no longer than the proof counts, and within the blocks of the effect as
 * long as it is not being stopped. */
static uint64_t look_left_ms(const struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;
    const struct rbk_region_state *state =
        rbk_state_region(machine, work->run->replay->state, work->region);
    uint64_t look_ms =
        rbk_stop_look_ms(work->effect->timeout_ms, machine->exprs[work->condition].reads.count);
    uint64_t left_ms = state->target == RBK_NONE ? rbk_work_time_left_ms(work) : look_ms;

    look_ms = left_ms < look_ms ? left_ms : look_ms;
    return look_ms > 0 ? look_ms : 1;
}

/* Another look while its question is open, with as much time as any look has. */
static void look_again(struct work *work)
{
    struct rbk_run *run = work->run;
    uint64_t look_ms =
        rbk_stop_look_ms(0, run->replay->machine->exprs[work->condition].reads.count);

    uv_update_time(&run->loop);
    work->deadline_ms = uv_now(&run->loop) + look_ms;
    if (look_ms != 0) {
        uv_timer_start(&work->deadline, on_deadline, look_ms, 0);
    }
    read_now(work);
}

void rbk_work_reading_start(struct work *work)
{
    struct rbk_run *run = work->run;
    uint64_t left_ms = work->look ? look_left_ms(work) : rbk_work_time_left_ms(work);

    if (work->effect->kind == RBK_EFFECT_BASELINE && !work->look) {
        start_baseline(work);
        return;
    }
    if (work->effect->kind == RBK_EFFECT_ARM && !work->look) {
        rbk_arming_start(work);
        return;
    }
    work->name = rbk_arena_copy(&work->arena, run->replay->machine->states[work->state].name).data;
    work->stage = rbk_arena_copy(&work->arena, rbk_work_stage(work)).data;
    if (work->watching) {
        look_again(work);
        return;
    }
    uv_update_time(&run->loop);
    work->deadline_ms = uv_now(&run->loop) + left_ms;
    uv_timer_start(&work->deadline, on_deadline, left_ms, 0);
    rbk_check_start(&work->check, work->effect, uv_now(&run->loop));
    work->fed_ms = uv_now(&run->loop);
    read_now(work);
}

void rbk_work_reading_cancel(struct work *work)
{
    rbk_reading_cancel(work->reading);
    work->reading = NULL;
    rbk_work_end(work, RBK_OUTCOME_FAIL, RBK_STR("cancelled"));
}
