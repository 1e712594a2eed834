/* Effects that a driver carries out, and finding out about them after a crash. */
#include "runtime/executor/work.h"

#include <string.h>

#include "runtime/core/base/limits.h"

/* What a driver says, and what is kept of it as evidence. */
static struct work_result answer_of(struct work *work, const struct rbk_result *result)
{
    struct rbk_value label;
    struct work_result answer = {.outcome = result->outcome,
                                 .value = &result->value,
                                 .message = result->message,
                                 .detail = result->detail,
                                 .status = result->status,
                                 .elapsed_ms = result->elapsed_ms};

    if (result->cancelled && answer.message.bytes == 0) {
        answer.message = RBK_STR("cancelled");
    }
    if (work->effect->kind == RBK_EFFECT_CAPTURE_RUN && result->outcome == RBK_OUTCOME_OK) {
        label = rbk_work_argument(work, RBK_ARG_LABEL);
        if (!label.missing) {
            answer.label = label.as.text;
        }
        /* Output that is no value (too long, not text) leaves a word about it, never nothing; and
         * the step says so: who looks for it later is not to find that out then. */
        answer.content = result->value.as.text;
        if (result->value.missing) {
            answer.message = rbk_arena_printf(&work->arena, RBK_RECORD_NOTHING_KEPT "%.*s",
                                              RBK_STR_ARG(rbk_str_trim(result->detail)));
            answer.content = answer.message;
        }
    }
    return answer;
}

static void on_result(struct rbk_client *client, const struct rbk_result *result)
{
    struct work *work = (struct work *)client;
    const struct work_result answer = answer_of(work, result);

    work->activity = NULL;
    rbk_work_finish(work, &answer);
}

static void on_note(struct rbk_client *client, struct rbk_str note)
{
    struct work *work = (struct work *)client;
    struct queued *queued = rbk_queue_new(work->run, RBK_EVENT_NOTE);

    if (queued == NULL) {
        return;
    }
    queued->record.event.serial = work->serial;
    queued->record.note = rbk_arena_copy(&queued->arena, note);
    queued->proceed = true;
    rbk_queue_push(work->run, queued);
}

void rbk_work_proceed(struct rbk_run *run, uint32_t serial)
{
    struct work *work = run->works;

    while (work != NULL && (work->serial != serial || work->finished)) {
        work = work->next;
    }
    if (work != NULL && work->activity != NULL && work->driver->ops->proceed != NULL) {
        work->driver->ops->proceed(work->activity);
    }
}

static void resolved(struct work *work, enum rbk_recovery recovery, enum rbk_outcome outcome,
                     const struct rbk_result *result)
{
    struct rbk_run *run = work->run;
    struct queued *queued = rbk_queue_new(run, RBK_EVENT_RESOLVED);
    struct work_result answer = {.status = -1};

    if (queued == NULL) {
        return;
    }
    if (recovery == RBK_RECOVERY_KNOWN) {
        answer = answer_of(work, result);
    } else if (result != NULL) {
        answer.message = result->message;
        answer.detail = result->detail;
        answer.status = result->status;
    }
    answer.outcome = outcome;
    rbk_work_fill(work, queued, &answer);
    queued->record.event.recovery = recovery;
    rbk_queue_push(run, queued);
}

/* The work goes on only when the driver is attached to what still runs. */
static void over(struct work *work)
{
    work->activity = NULL;
    work->finished = true;
    rbk_work_release(work);
}

static void on_recovered(struct rbk_client *client, enum rbk_recovery recovery,
                         const struct rbk_result *result)
{
    struct work *work = (struct work *)client;

    work->recovering = false;
    resolved(work, recovery, recovery == RBK_RECOVERY_KNOWN ? result->outcome : RBK_OUTCOME_DOUBT,
             result);
    if (recovery != RBK_RECOVERY_ATTACHED) {
        over(work);
    }
}

/* The request of the work's effect, its memory in the work's arena. */
static int build(struct work *work, struct rbk_request *ret_request, struct rbk_error *reterr)
{
    struct rbk_run *run = work->run;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_effect *effect = work->effect;
    struct rbk_str stage = rbk_work_stage(work);
    const struct rbk_request_source source = {
        .scope = &run->scope,
        .args = effect->args,
        .connection = effect->connection,
        .environment = effect->kind == RBK_EFFECT_RUN || effect->kind == RBK_EFFECT_SHELL ||
                       effect->kind == RBK_EFFECT_CAPTURE_RUN,
        .modules = &run->modules,
        .run = run->id,
        .step = rbk_arena_copy(&work->arena, machine->states[work->state].name).data,
        .stage = rbk_arena_copy(&work->arena, stage).data,
        .key = rbk_work_key(work)};
    int error = rbk_request_build(&source, &work->arena, ret_request, reterr);

    if (error != 0) {
        return error;
    }
    ret_request->serial = work->serial;
    ret_request->attempt = work->attempt;
    ret_request->timeout_ms = rbk_work_time_left_ms(work);
    ret_request->idempotent = effect->idempotent;
    ret_request->autocommit = effect->autocommit;
    ret_request->secrets = rbk_secrets_all(run->secrets);
    ret_request->secret_count = machine->secret_count;
    ret_request->unbounded = effect->into != RBK_NONE || effect->kind == RBK_EFFECT_CAPTURE_RUN;
    return 0;
}

void rbk_work_driver_start(struct work *work)
{
    struct rbk_request request;
    struct rbk_error error;

    work->client = (struct rbk_client){
        .on_result = on_result, .on_note = on_note, .on_recovered = on_recovered};
    if (build(work, &request, &error) != 0 ||
        rbk_drivers_for_effect(work->run->drivers, work->run->replay->machine, work->effect,
                               &work->driver, &error) != 0 ||
        work->driver->ops->start(work->driver, &request, &work->client, &work->activity, &error) !=
            0) {
        rbk_work_end(work, RBK_OUTCOME_FAIL, rbk_str_from(error.text));
    }
}

void rbk_work_driver_recover(struct work *work, struct rbk_str note)
{
    struct rbk_request request;
    struct rbk_error error = {0};

    work->client = (struct rbk_client){
        .on_result = on_result, .on_note = on_note, .on_recovered = on_recovered};
    if (build(work, &request, &error) == 0 &&
        rbk_drivers_for_effect(work->run->drivers, work->run->replay->machine, work->effect,
                               &work->driver, &error) == 0 &&
        work->driver != NULL && work->driver->ops->recover != NULL &&
        work->driver->ops->recover(work->driver, &request, note, &work->client, &work->activity,
                                   &error) == 0) {
        return;
    }
    if (error.code != RBK_OK) {
        rbk_run_notice(work->run, "%.*s: %s",
                       RBK_STR_ARG(work->run->replay->machine->states[work->state].name),
                       error.text);
    }
    resolved(work, work->driver == NULL ? RBK_RECOVERY_NOT_STARTED : RBK_RECOVERY_UNKNOWN,
             RBK_OUTCOME_DOUBT, NULL);
    over(work);
}
