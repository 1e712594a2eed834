/* Effects under way: begun by an action of step(), ended by exactly one record. */
#include "runtime/executor/arming.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/base/buffer.h"
#include "runtime/core/base/limits.h"
#include "runtime/executor/record.h"

/* Beyond this the runner would end; a request with a large statement needs its size a few times. */
#define WORK_ARENA_BYTES ((size_t)1 << 30)
/* Room in an event for what stands beside its value. */
#define EVENT_REST_BYTES ((size_t)512 << 10)

/* ---- life -------------------------------------------------------------------------------------
 */

static struct work *work_new(struct rbk_run *run, const struct rbk_action *action)
{
    const struct rbk_machine *machine = run->replay->machine;
    struct work *work = calloc(1, sizeof(*work));

    if (work == NULL) {
        rbk_run_fail(run, rbk_error_set(&run->error, RBK_ENOMEM, "out of memory"));
        return NULL;
    }
    rbk_arena_init(&work->arena, WORK_ARENA_BYTES);
    rbk_arena_init(&work->scratch, WORK_ARENA_BYTES);
    work->run = run;
    work->serial = action->serial;
    work->region = action->region;
    work->state = action->state;
    work->attempt = action->attempt;
    work->effect = &machine->effects[machine->states[action->state].effect];
    uv_timer_init(&run->loop, &work->timer);
    uv_timer_init(&run->loop, &work->deadline);
    work->timer.data = work->deadline.data = work;
    work->open_handles = 2;
    work->next = run->works;
    run->works = work;
    return work;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct work *work = handle->data;

    if (--work->open_handles == 0) {
        rbk_arena_fini(&work->arena);
        rbk_arena_fini(&work->scratch);
        free(work);
    }
}

void rbk_work_release(struct work *work)
{
    struct work **link = &work->run->works;

    if (!work->finished || work->activity != NULL || work->reading != NULL ||
        uv_is_closing((uv_handle_t *)&work->timer)) {
        return;
    }
    while (*link != NULL && *link != work) {
        link = &(*link)->next;
    }
    if (*link == work) {
        *link = work->next;
    }
    uv_close((uv_handle_t *)&work->timer, on_handle_closed);
    uv_close((uv_handle_t *)&work->deadline, on_handle_closed);
}

static bool keeps_value(const struct work *work)
{
    return !work->look &&
           (work->effect->into != RBK_NONE || work->effect->kind == RBK_EFFECT_BASELINE);
}

/* A value may become several times as long in the journal, by escapes and lists. One that does not
 * fit is missing: the run goes on by what the plan says then, where a failed append would end it
 * for good. */
static bool fits_journal(const struct rbk_record *record)
{
    struct rbk_buffer encoded;
    bool fits;

    rbk_buffer_init(&encoded, RBK_EVENT_BYTES_MAX - EVENT_REST_BYTES);
    fits = rbk_record_encode(record, &encoded) == 0;
    rbk_buffer_fini(&encoded);
    return fits;
}

/* Without a secret in it, whatever its shape. */
static struct rbk_value clean(struct rbk_run *run, struct rbk_arena *arena, struct rbk_value value)
{
    struct rbk_value *items;

    if (value.missing) {
        return value;
    }
    switch (value.type) {
    case RBK_TYPE_SCALAR:
    case RBK_TYPE_TEXT:
    case RBK_TYPE_JSON:
    case RBK_TYPE_URL:
        value.as.text = rbk_secrets_redact(run->secrets, arena, value.as.text);
        break;
    case RBK_TYPE_LIST:
        items = rbk_new_array(arena, struct rbk_value, value.as.list.count + 1u);
        for (size_t i = 0; i < value.as.list.count; i++) {
            items[i] = clean(run, arena, value.as.list.items[i]);
        }
        value.as.list.items = items;
        break;
    default:
        break;
    }
    return value;
}

void rbk_work_fill(struct work *work, struct queued *queued, const struct work_result *result)
{
    struct rbk_run *run = work->run;
    struct rbk_record *record = &queued->record;
    struct rbk_arena *arena = &queued->arena;
    bool fits = true;

    record->event.serial = work->serial;
    record->event.outcome = result->outcome;
    if (result->value != NULL && keeps_value(work)) {
        record->value = rbk_value_copy(arena, clean(run, arena, *result->value));
        record->has_value = true;
        fits = fits_journal(record);
        if (!fits) {
            record->value = rbk_value_missing(record->value.type);
        }
    }
    record->message = rbk_secrets_redact(run->secrets, arena, result->message);
    record->detail = rbk_secrets_redact(
        run->secrets, arena,
        fits ? result->detail : RBK_STR("what it gave is too long for the journal, and missing"));
    record->status = result->status;
    record->elapsed_ms = result->elapsed_ms;
    queued->effect = work->look ? NULL : work->effect;
    queued->region = work->region;
    queued->label = rbk_arena_copy(arena, result->label);
    queued->content = rbk_secrets_redact(run->secrets, arena, result->content);
}

void rbk_work_finish(struct work *work, const struct work_result *result)
{
    struct rbk_run *run = work->run;
    struct queued *queued;

    if (work->finished) {
        return;
    }
    work->finished = true;
    rbk_work_progress_stop(work);
    if (work->arming != NULL) {
        rbk_arming_drop(work);
    }
    uv_timer_stop(&work->timer);
    uv_timer_stop(&work->deadline);
    if (!work->dropped && (queued = rbk_queue_new(run, RBK_EVENT_RESULT)) != NULL) {
        rbk_work_fill(work, queued, result);
        rbk_queue_push(run, queued);
    }
    rbk_work_release(work);
}

void rbk_work_end(struct work *work, enum rbk_outcome outcome, struct rbk_str message)
{
    const struct work_result result = {.outcome = outcome, .message = message, .status = -1};

    rbk_work_finish(work, &result);
}

/* ---- what the parts need ----------------------------------------------------------------------
 */

uint64_t rbk_work_time_left_ms(const struct work *work)
{
    const struct rbk_replay *replay = work->run->replay;

    return rbk_effect_left_ms(replay->machine, replay->state, work->region, work->effect,
                              rbk_run_clock_ms(work->run));
}

struct rbk_str rbk_work_stage(const struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;

    return machine->regions[rbk_region_root(machine, work->region)].name;
}

/* The same for every attempt of one step, and another after the stage was started anew. */
const char *rbk_work_key(struct work *work)
{
    const struct rbk_machine *machine = work->run->replay->machine;
    uint32_t root = rbk_region_root(machine, work->region);
    const struct rbk_region_state *stage =
        rbk_state_region(machine, work->run->replay->state, root);

    return rbk_arena_printf(&work->arena, "%s/%.*s/%u", work->run->id,
                            RBK_STR_ARG(machine->states[work->state].name), stage->stage_attempt)
        .data;
}

struct rbk_value rbk_work_argument(struct work *work, enum rbk_arg_kind kind)
{
    const struct rbk_machine *machine = work->run->replay->machine;

    for (uint32_t i = 0; i < work->effect->args.count; i++) {
        const struct rbk_arg *arg = &machine->args[work->effect->args.first + i];
        struct rbk_value value;

        if (arg->kind == kind &&
            rbk_expr_evaluate(&work->run->open_scope, arg->expr, &work->arena, &value, NULL) == 0) {
            return value;
        }
    }
    return rbk_value_missing(RBK_TYPE_UNKNOWN);
}

/* ---- waits ------------------------------------------------------------------------------------
 */

static void on_wait_over(uv_timer_t *timer)
{
    struct work *work = timer->data;

    rbk_work_end(work, RBK_OUTCOME_OK, (struct rbk_str){NULL, 0});
}

/* A wait is an instant once it has begun: after a crash it ends when it would have ended. */
static void start_wait(struct work *work, uint64_t since_ms)
{
    struct rbk_value length = rbk_work_argument(work, RBK_ARG_DURATION);
    uint64_t now_ms = rbk_run_clock_ms(work->run), until_ms;

    if (length.missing || length.as.integer < 0) {
        rbk_work_end(work, RBK_OUTCOME_FAIL, RBK_STR("the time to wait has no value"));
        return;
    }
    until_ms = since_ms + (uint64_t)length.as.integer;
    if (until_ms <= now_ms) {
        rbk_work_end(work, RBK_OUTCOME_OK, (struct rbk_str){NULL, 0});
        return;
    }
    uv_update_time(&work->run->loop);
    uv_timer_start(&work->timer, on_wait_over, until_ms - now_ms, 0);
}

/* ---- actions ----------------------------------------------------------------------------------
 */

static const struct rbk_in_flight *in_flight(const struct rbk_run *run, uint32_t serial)
{
    for (size_t i = 0; i < run->replay->in_flight_count; i++) {
        if (run->replay->in_flight[i].serial == serial) {
            return &run->replay->in_flight[i];
        }
    }
    return NULL;
}

static struct work *find(struct rbk_run *run, uint32_t serial)
{
    struct work *work = run->works;

    while (work != NULL && (work->serial != serial || work->finished)) {
        work = work->next;
    }
    return work;
}

void rbk_work_dispatch(struct rbk_run *run, const struct rbk_action *action)
{
    const struct rbk_effect *effect =
        &run->replay->machine->effects[run->replay->machine->states[action->state].effect];
    const struct rbk_in_flight *row = in_flight(run, action->serial);
    struct work *work;

    if (effect->kind == RBK_EFFECT_QUESTION) {
        return; /* its question is open; the answer is an event of its own */
    }
    if ((work = work_new(run, action)) == NULL) {
        return;
    }
    work->condition = effect->condition;
    switch (effect->kind) {
    case RBK_EFFECT_RUN:
    case RBK_EFFECT_SHELL:
    case RBK_EFFECT_SQL:
    case RBK_EFFECT_HTTP:
    case RBK_EFFECT_REDIS:
    case RBK_EFFECT_CAPTURE_RUN:
        rbk_work_driver_start(work);
        break;
    case RBK_EFFECT_WAIT:
        start_wait(work, row != NULL ? row->since_ms : rbk_run_clock_ms(run));
        break;
    case RBK_EFFECT_NOTIFY: /* its message is put into the outbox together with this result */
    case RBK_EFFECT_NOTHING:
        rbk_work_end(work, RBK_OUTCOME_OK, (struct rbk_str){NULL, 0});
        break;
    default:
        rbk_work_reading_start(work);
        break;
    }
}

void rbk_work_look(struct rbk_run *run, const struct rbk_action *action)
{
    struct work *work = work_new(run, action);

    if (work == NULL) {
        return;
    }
    work->look = true;
    work->condition = work->effect->done_when;
    rbk_work_reading_start(work);
}

void rbk_work_cancel(struct rbk_run *run, const struct rbk_action *action)
{
    struct work *work = find(run, action->serial);

    if (work == NULL) {
        /* Nothing of it is under way here: its result is already in the queue, or there is nothing
         * to stop, which is a result too. */
        for (struct queued *queued = run->queue; queued != NULL; queued = queued->next) {
            if (queued->record.event.kind == RBK_EVENT_RESULT &&
                queued->record.event.serial == action->serial) {
                return;
            }
        }
        if ((work = work_new(run, action)) != NULL) {
            rbk_work_end(work, RBK_OUTCOME_FAIL, RBK_STR("cancelled"));
        }
        return;
    }
    if (work->activity != NULL) {
        work->driver->ops->cancel(work->activity);
    } else if (work->reading != NULL) {
        rbk_work_reading_cancel(work);
    } else {
        rbk_work_end(work, RBK_OUTCOME_FAIL, RBK_STR("cancelled"));
    }
}

/* After a crash: ask the driver. What has no driver is known not to have happened. */
void rbk_work_resolve(struct rbk_run *run, const struct rbk_action *action)
{
    const struct rbk_in_flight *row = in_flight(run, action->serial);
    struct work *work = work_new(run, action);

    if (work == NULL) {
        return;
    }
    work->recovering = true;
    if (row != NULL) {
        work->attempt = row->attempt;
    }
    rbk_work_driver_recover(work, row != NULL ? row->note : (struct rbk_str){NULL, 0});
}

/* What one looks for while a person is asked does not come from what a driver did: it is looked for
 * until the question is closed, and its result is that of the step. */
void rbk_work_watch(struct rbk_run *run, const struct rbk_action *action)
{
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_effect *effect;
    struct work *work;

    if (action->owner != RBK_OWNER_REGION) {
        return;
    }
    effect = &machine->effects[machine->states[action->state].effect];
    if (effect->kind != RBK_EFFECT_QUESTION || effect->done_when == RBK_NONE ||
        action->question != effect->question || /* what is asked is whether it was done */
        find(run, action->serial) != NULL || (work = work_new(run, action)) == NULL) {
        return;
    }
    work->look = work->watching = true;
    work->condition = effect->done_when;
    rbk_work_reading_start(work);
}

/* Nobody waits for it any more: no result is given. */
static void drop(struct work *work)
{
    work->dropped = true;
    if (work->reading != NULL) {
        rbk_reading_cancel(work->reading);
        work->reading = NULL;
    }
    /* A driver that closes drops its activities without a call back. */
    work->activity = NULL;
    rbk_work_end(work, RBK_OUTCOME_FAIL, (struct rbk_str){NULL, 0});
}

void rbk_work_unwatch(struct rbk_run *run, const struct rbk_action *action)
{
    struct work *work = action->owner == RBK_OWNER_REGION ? find(run, action->serial) : NULL;

    if (work != NULL && work->watching) {
        drop(work);
    }
}

/* Somebody who is asked keeps no runner from leaving, nor does what is looked for meanwhile. */
bool rbk_work_idle(const struct rbk_run *run)
{
    for (const struct work *work = run->works; work != NULL; work = work->next) {
        if (!work->watching) {
            return false;
        }
    }
    return true;
}

void rbk_work_drop_all(struct rbk_run *run)
{
    struct work *next;

    for (struct work *work = run->works; work != NULL; work = next) {
        next = work->next;
        drop(work);
    }
}
