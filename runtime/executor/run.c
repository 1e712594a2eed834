/*
 * The one door. Whatever happens becomes a record in the queue; once a turn the queue is taken
 * through step() and into the journal in one transaction, and only then are the actions carried
 * out:
 *
 *   rbk_queue_push ──▶ pump: begin ─▶ step ─▶ append (+ outbox, evidence, status, replies) ─▶
 * commit └─▶ carry_out ─▶ work, timers, questions
 *
 * Commits are made on the loop: on a disk that answers in a fraction of a millisecond, a trip to a
 * thread costs more than it saves. A record that step() refuses is not journalled; if a person
 * asked for it, the refusal is the reply. When a commit fails nothing of the batch is carried out
 * and the run stops at its last durable event.
 */
#include "runtime/executor/run_internal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/base/limits.h"
#include "runtime/executor/snapshot.h"

/* Records of one transaction, and what they may take up together before it ends: more wait for the
 * next turn. */
#define BATCH_MAX 64
#define BATCH_BYTES_MAX ((size_t)64 << 20)
/* A record with its texts, as long as each may be, and copies of them without secrets. */
#define QUEUED_ARENA_BYTES (RBK_EVENT_BYTES_MAX * 32)
/* Why a request was refused, with everybody who may answer. */
#define REPLY_BYTES_MAX ((size_t)64 << 10)

uint64_t rbk_run_clock_ms(const struct rbk_run *run)
{
    struct timespec now;
    uint64_t ms;

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    return ms > run->replay->state->now_ms ? ms : run->replay->state->now_ms;
}

void rbk_run_notice(struct rbk_run *run, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (run->options.observer.on_notice == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    run->options.observer.on_notice(run->options.observer.context, run, text);
}

void rbk_run_fail(struct rbk_run *run, int code)
{
    if (run->failed == 0) {
        run->failed = code;
    }
    run->stopping = true;
    run->leave = true;
    uv_stop(&run->loop);
}

/* ---- the queue --------------------------------------------------------------------------------
 */

struct queued *rbk_queue_new(struct rbk_run *run, enum rbk_event_kind kind)
{
    struct queued *queued = calloc(1, sizeof(*queued));

    if (queued == NULL) {
        rbk_run_fail(run, rbk_error_set(&run->error, RBK_ENOMEM, "out of memory"));
        return NULL;
    }
    rbk_arena_init(&queued->arena, QUEUED_ARENA_BYTES);
    queued->record.event.kind = kind;
    queued->record.status = -1;
    return queued;
}

void rbk_queue_free(struct queued *queued)
{
    rbk_arena_fini(&queued->arena);
    free(queued);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* only keeps the loop from waiting */
}

void rbk_run_wake(struct rbk_run *run)
{
    if (!uv_is_active((uv_handle_t *)&run->idle)) {
        uv_idle_start(&run->idle, on_idle);
    }
}

void rbk_queue_push(struct rbk_run *run, struct queued *queued)
{
    queued->turn = run->turns;
    *run->queue_end = queued;
    run->queue_end = &queued->next;
    rbk_run_wake(run);
}

/* ---- actions ----------------------------------------------------------------------------------
 */

static void carry_out(struct rbk_run *run, const struct rbk_action *action)
{
    switch (action->kind) {
    case RBK_ACTION_DISPATCH:
        rbk_work_dispatch(run, action);
        break;
    case RBK_ACTION_LOOK:
        rbk_work_look(run, action);
        break;
    case RBK_ACTION_CANCEL:
        rbk_work_cancel(run, action);
        break;
    case RBK_ACTION_RESOLVE:
        rbk_work_resolve(run, action);
        break;
    case RBK_ACTION_QUESTION_OPEN:
        rbk_work_watch(run, action);
        break;
    case RBK_ACTION_QUESTION_CLOSE:
        rbk_work_unwatch(run, action);
        break;
    default:
        break; /* messages were put into the outbox with the record; the rest is for observers */
    }
}

/* ---- the door ---------------------------------------------------------------------------------
 */

/* What one record of a batch gave rise to; carried out after the commit. */
struct passed {
    struct queued *queued;
    int64_t seq;
    struct rbk_actions actions; /* owned copies */
    struct rbk_state *before;   /* owned copy; NULL without an observer */
};

/* Actions and state of a large machine take megabytes: not having them is an error like any other.
 */
static int keep_passed(struct rbk_run *run, struct passed *passed)
{
    const struct rbk_actions *actions = &run->replay->actions;

    if (actions->count != 0) {
        passed->actions.items = malloc(actions->count * sizeof(struct rbk_action));
        if (passed->actions.items == NULL) {
            return rbk_error_set(&run->error, RBK_ENOMEM, "out of memory");
        }
        memcpy(passed->actions.items, actions->items, actions->count * sizeof(struct rbk_action));
        passed->actions.count = passed->actions.capacity = actions->count;
    }
    if (run->before != NULL) {
        passed->before = malloc(run->before->bytes);
        if (passed->before == NULL) {
            return rbk_error_set(&run->error, RBK_ENOMEM, "out of memory");
        }
        memcpy(passed->before, run->before, run->before->bytes);
    }
    return 0;
}

static size_t passed_bytes(const struct passed *passed)
{
    return passed->queued->arena.bytes_held + passed->actions.count * sizeof(struct rbk_action) +
           (passed->before != NULL ? passed->before->bytes : 0);
}

static void free_passed(struct passed *passed)
{
    rbk_queue_free(passed->queued);
    free(passed->actions.items);
    free(passed->before);
}

/* A test kills the runner at a chosen commit: RBK_TEST_KILL_AT_COMMIT=N, before or after it. */
static void crash_point(const struct rbk_run *run, const char *variable)
{
    const char *text = getenv(variable);

    if (text != NULL && strtoull(text, NULL, 10) == run->commits + 1) {
        kill(getpid(), SIGKILL);
    }
}

static int append(struct rbk_run *run, struct passed *passed)
{
    struct rbk_replay *replay = run->replay;
    const struct rbk_record *record = &passed->queued->record;
    struct rbk_buffer body;
    struct rbk_store_event event;
    int error;

    rbk_buffer_init(&body, RBK_EVENT_BYTES_MAX);
    if (rbk_record_encode(record, &body) != 0) {
        rbk_buffer_fini(&body);
        return rbk_error_set(&run->error, RBK_ELIMIT, "an event is too large for the journal");
    }
    event = (struct rbk_store_event){.seq = replay->seq + 1,
                                     .at_ms = (int64_t)record->event.now_ms,
                                     .kind = rbk_str_from(rbk_event_name(record->event.kind)),
                                     .body = rbk_buffer_str(&body)};
    error =
        rbk_store_append_event(run->store, run->id, run->epoch, replay->hash, &event, &run->error);
    rbk_buffer_fini(&body);
    if (error != 0) {
        return error;
    }
    passed->seq = replay->seq = event.seq;
    memcpy(replay->hash, event.hash, sizeof(replay->hash));
    return rbk_tell(run, passed->queued, event.seq);
}

static int reply(struct rbk_run *run, const struct queued *queued, enum rbk_refusal refusal)
{
    struct rbk_buffer text;
    int error;

    if (queued->record.request == 0) {
        return 0;
    }
    rbk_buffer_init(&text, REPLY_BYTES_MAX);
    if (refusal == RBK_REFUSAL_ACCEPTED) {
        rbk_buffer_append_text(&text, "accepted");
    } else {
        rbk_inbox_explain(run, &queued->record.event, refusal, &text);
        if (queued->left) {
            const struct rbk_event *event = &queued->record.event;
            rbk_inbox_tell_left(run, queued->record.who,
                                event->kind == RBK_EVENT_COMMAND  ? rbk_command_name(event->command)
                                : event->kind == RBK_EVENT_ANSWER ? rbk_answer_name(event->answer)
                                                                  : "alert",
                                text.data);
        }
    }
    error = rbk_store_reply(run->store, queued->record.request,
                            text.error == 0 ? text.data : rbk_refusal_text(refusal), &run->error);
    rbk_buffer_fini(&text);
    return error;
}

/* One record through step() and into the open transaction. ret_passed->queued stays NULL when it
 * was refused. */
static int pass(struct rbk_run *run, struct queued *queued, struct passed *ret_passed)
{
    struct rbk_replay *replay = run->replay;
    enum rbk_status status = (enum rbk_status)replay->state->status;
    bool holds = replay->state->hold != 0;
    enum rbk_refusal refusal;
    int error;

    memset(ret_passed, 0, sizeof(*ret_passed));
    /* A deadline that came due by the monotonic clock happens no earlier than it was set for. */
    if (queued->record.event.now_ms < rbk_run_clock_ms(run)) {
        queued->record.event.now_ms = rbk_run_clock_ms(run);
    }
    if (run->before != NULL) {
        memcpy(run->before, replay->state, replay->state->bytes);
    }
    if (!rbk_replay_has_room(replay, &queued->record)) {
        queued->record.value = rbk_value_missing(queued->record.value.type);
        queued->record.detail =
            RBK_STR("the values of this run take up all the room they may: this one is missing");
    }
    refusal = rbk_replay_apply(replay, &queued->record);
    if (refusal != RBK_REFUSAL_ACCEPTED) {
        rbk_turn_refused(run, &queued->record.event);
        return reply(run, queued, refusal);
    }
    ret_passed->queued = queued;
    if (holds && replay->state->hold == 0) {
        run->interrupts = 0; /* somebody lets it go on: the next Ctrl-C is a first one again */
    } else if (queued->record.event.kind == RBK_EVENT_COMMAND &&
               queued->record.event.command == RBK_COMMAND_INTERRUPT && run->interrupts == 0) {
        run->interrupts = 1; /* it came while somebody let it go on */
    }
    if (replay->failed != 0) {
        return rbk_error_set(&run->error, (enum rbk_err) - replay->failed, "out of memory");
    }
    if ((error = keep_passed(run, ret_passed)) != 0 || (error = append(run, ret_passed)) != 0 ||
        (error = reply(run, queued, refusal)) != 0) {
        return error;
    }
    if (replay->state->status != status) {
        return rbk_store_set_run_status(run->store, run->id,
                                        rbk_status_name((enum rbk_status)replay->state->status),
                                        (int64_t)replay->state->ended_ms, replay->seq, &run->error);
    }
    return 0;
}

static struct queued *take(struct rbk_run *run)
{
    struct queued *queued = run->queue;

    if (queued == NULL) {
        return NULL;
    }
    run->queue = queued->next;
    if (run->queue == NULL) {
        run->queue_end = &run->queue;
    }
    queued->next = NULL;
    if (run->turns - queued->turn > run->turns_waited_max) {
        run->turns_waited_max = run->turns - queued->turn;
    }
    return queued;
}

static void after_commit(struct rbk_run *run, struct passed *passed)
{
    const struct rbk_event *event = &passed->queued->record.event;

    if (event->kind == RBK_EVENT_RESULT ||
        (event->kind == RBK_EVENT_RESOLVED && event->recovery == RBK_RECOVERY_KNOWN)) {
        rbk_drivers_forget(run->drivers, event->serial);
    }
    if (passed->queued->proceed) {
        rbk_work_proceed(run, event->serial);
    }
    for (size_t i = 0; i < passed->actions.count; i++) {
        carry_out(run, &passed->actions.items[i]);
    }
    if (event->kind == RBK_EVENT_NOTE && passed->queued->record.alert.bytes != 0) {
        const struct rbk_record *record = &passed->queued->record;

        rbk_watcher_alert(run,
                          &(struct rbk_alert){record->alert, record->labels, record->label_count});
    }
    if (run->options.observer.on_record != NULL) {
        run->options.observer.on_record(run->options.observer.context, run, passed->seq,
                                        &passed->queued->record, passed->before, &passed->actions);
    }
}

/* Every so many events, in the transaction of the last of them. A test may want them more often. */
static int snapshot_when_due(struct rbk_run *run)
{
    const char *text = getenv("RBK_TEST_SNAPSHOT_EVERY");
    long long every = text != NULL ? strtoll(text, NULL, 10) : RBK_SNAPSHOT_EVERY;

    if (run->replay->seq - run->replay->snapshot_seq < every) {
        return 0;
    }
    return rbk_snapshot_write(run->store, run->replay, &run->error);
}

/* The one commit of a turn, with what became of messages in it. */
static int commit(struct rbk_run *run)
{
    int error = rbk_outbox_write(run);

    if (error == 0 && (error = rbk_store_commit(run->store, &run->error)) == 0) {
        rbk_outbox_written(run);
    }
    if (++run->turn_commits > run->turn_commits_max) {
        run->turn_commits_max = run->turn_commits;
    }
    return error;
}

void rbk_run_write_outbox(struct rbk_run *run)
{
    int error = rbk_store_begin(run->store, &run->error);

    if (error == 0) {
        error = commit(run);
    }
    if (error != 0) {
        rbk_store_rollback(run->store);
        rbk_run_fail(run, error);
    }
}

static void batch(struct rbk_run *run)
{
    struct passed passed[BATCH_MAX];
    size_t count = 0, bytes = 0;
    struct queued *queued;
    int error = rbk_store_begin(run->store, &run->error);

    if (run->started) {
        rbk_daily_windows_look(run); /* so that what closed since the last look begins nothing */
    }
    rbk_turn_sort(run);
    while (error == 0 && count < BATCH_MAX && bytes < BATCH_BYTES_MAX &&
           (queued = take(run)) != NULL) {
        error = pass(run, queued, &passed[count]);
        if (passed[count].queued != NULL) {
            bytes += passed_bytes(&passed[count]);
            count++;
        } else {
            rbk_queue_free(queued);
        }
    }
    if (error == 0) {
        error = snapshot_when_due(run);
    }
    if (error == 0) {
        crash_point(run, "RBK_TEST_KILL_BEFORE_COMMIT");
        error = commit(run);
        if (error == 0) {
            crash_point(run, "RBK_TEST_KILL_AFTER_COMMIT");
        }
        run->commits++;
    }
    if (error != 0) {
        rbk_store_rollback(run->store);
        rbk_run_fail(run, error);
    }
    for (size_t i = 0; i < count; i++) {
        if (error == 0) {
            after_commit(run, &passed[i]);
        }
        free_passed(&passed[i]);
    }
}

/* ---- a turn -----------------------------------------------------------------------------------
 */

void rbk_run_pump(uv_check_t *check)
{
    struct rbk_run *run = check->data;

    run->turns++;
    run->turn_commits = 0;
    if (run->stopping) {
        return;
    }
    if (run->queue == NULL && rbk_outbox_has_ended(run)) {
        rbk_run_write_outbox(run);
    }
    if (run->queue != NULL) {
        batch(run);
        if (run->stopping) {
            return;
        }
        rbk_watcher_after_step(run);
        rbk_outbox_look(run);
        rbk_due_arm(run);
    }
    if (run->queue == NULL && run->inbox_more) {
        rbk_inbox_look(run);
        if (run->stopping) {
            return;
        }
    }
    if (run->queue == NULL && !rbk_outbox_has_ended(run)) {
        uv_idle_stop(&run->idle);
        rbk_store_checkpoint(run->store);
        if (rbk_run_should_stop(run)) {
            run->stopping = true;
            run->leave = !rbk_status_is_end((enum rbk_status)run->replay->state->status);
            uv_stop(&run->loop);
        }
    }
}

unsigned rbk_run_interrupts(const struct rbk_run *run)
{
    return run->interrupts;
}

void rbk_run_interrupt(struct rbk_run *run)
{
    struct queued *queued;
    uint32_t status = run->replay->state->status;

    run->interrupts++;
    if (run->interrupts > 1) {
        /* Asked twice: stop now. Commands live on under their supervisor, the rest is found out. */
        run->stopping = run->leave = true;
        uv_stop(&run->loop);
        return;
    }
    queued = rbk_queue_new(run, RBK_EVENT_COMMAND);
    if (queued == NULL) {
        return;
    }
    queued->record.event.command = RBK_COMMAND_INTERRUPT;
    queued->record.who = rbk_arena_copy(&queued->arena, rbk_str_from(run->options.user));
    rbk_queue_push(run, queued);
    if (status == RBK_STATUS_ABORTING) {
        rbk_run_notice(run,
                       "a rollback is not stopped by Ctrl-C; a second one leaves the run here, and "
                       "`rbk resume %s` goes on with it",
                       run->id);
    } else if ((status == RBK_STATUS_PAUSED || status == RBK_STATUS_HELD) &&
               run->replay->in_flight_count != 0) {
        /* It stands still already, so that no event of the journal tells what this one does. */
        rbk_run_notice(run,
                       "the runner stops once what is under way has ended; a second Ctrl-C stops it "
                       "at once, and `rbk resume %s` goes on from there",
                       run->id);
    }
}
