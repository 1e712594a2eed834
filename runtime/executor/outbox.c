/*
 * The outbox: rows are sent in order per channel, at least once, with the same key each time. A row
 * that cannot be sent is tried again later and later; it holds up its own channel and nothing else.
 *
 *   waiting ──▶ sending (effects of the channel, one after the other) ──▶ sent
 *      ▲                          └── failed ──┐
 *      └────────── after a pause ◀─────────────┘
 */
#include "runtime/executor/run_internal.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS_FIRST 1000u
#define RETRY_MS_MAX 60000u
#define SEND_TIMEOUT_MS 10000u
/* Messages of one channel that are sent without a driver in one turn of the loop. */
#define TURN_MESSAGES_MAX 64u
#define MESSAGE_ARENA_BYTES ((size_t)16 << 20)

struct mail {
    struct mail *next;
    int64_t id;
    int64_t attempts;
    struct rbk_str key, text, stage; /* in its own arena */
    struct rbk_arena arena;
};

/* One channel's queue and what is being sent. */
struct lane {
    struct rbk_client client; /* first */
    struct outbox *outbox;
    uint32_t channel;
    struct mail *first, **end;
    uint32_t effect; /* of the channel, being carried out */
    bool sending;
    struct rbk_driver *driver;
    struct rbk_activity *activity;
    uv_timer_t timer; /* next attempt */
    struct rbk_scope scope;
    struct rbk_arena arena; /* the request under way */
};

struct outbox {
    struct rbk_run *run;
    struct lane *lanes; /* owned: one per channel, and a last one for terminal and log only */
    uint32_t lane_count;
    int64_t seen;  /* last row loaded */
    unsigned open; /* timers not yet closed */
    void (*on_closed)(void *context);
    void *context;
};

static void send_next(struct lane *lane);

/* ---- rows --------------------------------------------------------------------------------------
 */

static int on_row(void *context, const struct rbk_store_message *row)
{
    struct outbox *outbox = context;
    uint32_t index = row->channel < outbox->lane_count - 1 ? row->channel : outbox->lane_count - 1;
    struct lane *lane = &outbox->lanes[index];
    struct mail *mail;

    if (row->id <= outbox->seen || (mail = calloc(1, sizeof(*mail))) == NULL) {
        return 0;
    }
    outbox->seen = row->id;
    rbk_arena_init(&mail->arena, MESSAGE_ARENA_BYTES);
    mail->id = row->id;
    mail->attempts = row->attempts;
    mail->key = rbk_arena_copy(&mail->arena, row->key);
    mail->text = rbk_arena_copy(&mail->arena, row->text);
    mail->stage = rbk_arena_copy(&mail->arena, row->stage);
    *lane->end = mail;
    lane->end = &mail->next;
    return 0;
}

static void drop_first(struct lane *lane)
{
    struct mail *mail = lane->first;

    lane->first = mail->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    rbk_arena_fini(&mail->arena);
    free(mail);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static void on_retry(uv_timer_t *timer)
{
    send_next(timer->data);
}

/* The end of one attempt. */
static void done(struct lane *lane, bool sent, struct rbk_str reason)
{
    struct rbk_run *run = lane->outbox->run;
    struct mail *mail = lane->first;
    uint64_t pause_ms = RETRY_MS_FIRST;
    struct rbk_str clean;

    lane->sending = false;
    rbk_arena_reset(&run->scratch);
    clean = rbk_secrets_redact(run->secrets, &run->scratch, reason);
    if (rbk_store_message_done(run->store, mail->id, sent, clean.bytes != 0 ? clean.data : "",
                               &run->error) != 0) {
        rbk_run_fail(run, -(int)run->error.code);
        return;
    }
    if (sent) {
        drop_first(lane);
        return;
    }
    rbk_run_notice(run, "channel %.*s: message not sent: %.*s",
                   RBK_STR_ARG(run->replay->machine->channels[lane->channel].name),
                   RBK_STR_ARG(clean));
    mail->attempts++;
    for (int64_t i = 1; i < mail->attempts && pause_ms < RETRY_MS_MAX; i++) {
        pause_ms *= 2;
    }
    uv_timer_start(&lane->timer, on_retry, pause_ms < RETRY_MS_MAX ? pause_ms : RETRY_MS_MAX, 0);
}

/* Variables of the message, over those of the run. */
static struct rbk_value variable(void *context, enum rbk_variable which)
{
    struct lane *lane = context;
    struct rbk_run *run = lane->outbox->run;

    switch (which) {
    case RBK_VARIABLE_MESSAGE:
        return rbk_value_text(RBK_TYPE_TEXT, lane->first->text);
    case RBK_VARIABLE_MESSAGE_KEY:
        return rbk_value_text(RBK_TYPE_TEXT, lane->first->key);
    case RBK_VARIABLE_MESSAGE_STAGE:
        return rbk_value_text(RBK_TYPE_TEXT, lane->first->stage);
    default:
        return run->scope.variable(run, which);
    }
}

static struct rbk_value secret(void *context, uint32_t index)
{
    struct lane *lane = context;

    return rbk_value_text(RBK_TYPE_SECRET, rbk_secrets_get(lane->outbox->run->secrets, index));
}

/* What became of an effect of the channel that was to be begun. */
enum begun { BEGUN_WAITS, BEGUN_AND_OVER, BEGUN_FAILED };

/* Begins the next effect of the message's channel; *ret_error says why it could not be. */
static enum begun begin_effect(struct lane *lane, struct rbk_error *ret_error)
{
    struct rbk_run *run = lane->outbox->run;
    const struct rbk_machine *machine = run->replay->machine;
    const struct rbk_channel *channel = &machine->channels[lane->channel];
    const struct rbk_effect *effect = &machine->effects[channel->effects.first + lane->effect];
    struct rbk_request_source source;
    struct rbk_request request;

    rbk_arena_reset(&lane->arena);
    lane->scope = run->scope;
    lane->scope.context = lane;
    lane->scope.variable = variable;
    lane->scope.secret = secret;
    lane->scope.window = NULL;
    source = (struct rbk_request_source){.scope = &lane->scope,
                                         .args = effect->args,
                                         .connection = effect->connection,
                                         .run = run->id,
                                         .step = channel->name.data,
                                         .stage = lane->first->stage.data,
                                         .key = lane->first->key.data};
    if (rbk_request_build(&source, &lane->arena, &request, ret_error) != 0 ||
        rbk_drivers_for_effect(run->drivers, machine, effect, &lane->driver, ret_error) != 0) {
        return BEGUN_FAILED;
    }
    if (lane->driver == NULL) {
        return BEGUN_AND_OVER;
    }
    /* Not part of the journal: at least once, and no doubt about it. */
    request.idempotent = request.reading = true;
    request.attempt = (uint32_t)lane->first->attempts + 1u;
    request.timeout_ms = effect->timeout_ms != 0 ? effect->timeout_ms : SEND_TIMEOUT_MS;
    request.secrets = rbk_secrets_all(run->secrets);
    request.secret_count = machine->secret_count;
    return lane->driver->ops->start(lane->driver, &request, &lane->client, &lane->activity,
                                    ret_error) == 0
               ? BEGUN_WAITS
               : BEGUN_FAILED;
}

/* Goes on with the first message until it is sent, has failed, or waits for a driver. True: the
 * next one may begin. */
static bool go_on(struct lane *lane)
{
    struct rbk_run *run = lane->outbox->run;
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_error error;

    if (lane->channel == lane->outbox->lane_count - 1) {
        rbk_run_notice(run, "%.*s", RBK_STR_ARG(lane->first->text));
        done(lane, true, (struct rbk_str){NULL, 0});
        return true;
    }
    for (; lane->effect < machine->channels[lane->channel].effects.count; lane->effect++) {
        enum begun begun = begin_effect(lane, &error);

        if (begun == BEGUN_FAILED) {
            done(lane, false, rbk_str_from(error.text));
        }
        if (begun != BEGUN_AND_OVER) {
            return false;
        }
    }
    done(lane, true, (struct rbk_str){NULL, 0});
    return true;
}

/* However many messages wait: one after the other, and some in one turn of the loop. */
static void send_next(struct lane *lane)
{
    for (unsigned sent = 0;
         !lane->sending && lane->first != NULL && lane->outbox->run->failed == 0 &&
         !uv_is_active((uv_handle_t *)&lane->timer);
         sent++) {
        if (sent == TURN_MESSAGES_MAX) {
            uv_timer_start(&lane->timer, on_retry, 0, 0);
            return;
        }
        lane->sending = true;
        lane->effect = 0;
        if (!go_on(lane)) {
            return;
        }
    }
}

static void on_result(struct rbk_client *client, const struct rbk_result *result)
{
    struct lane *lane = (struct lane *)client;

    lane->activity = NULL;
    if (result->outcome != RBK_OUTCOME_OK) {
        done(lane, false, result->message);
        return;
    }
    lane->effect++;
    if (go_on(lane)) {
        send_next(lane);
    }
}

/* ---- life --------------------------------------------------------------------------------------
 */

int rbk_outbox_open(struct rbk_run *run)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    uint32_t count = run->replay->machine->channel_count + 1u;

    if (outbox == NULL || (outbox->lanes = calloc(count, sizeof(*outbox->lanes))) == NULL) {
        free(outbox);
        return rbk_error_set(&run->error, RBK_ENOMEM, "out of memory");
    }
    outbox->run = run;
    outbox->lane_count = count;
    outbox->open = count;
    for (uint32_t i = 0; i < count; i++) {
        struct lane *lane = &outbox->lanes[i];

        lane->client.on_result = on_result;
        lane->outbox = outbox;
        lane->channel = i;
        lane->end = &lane->first;
        uv_timer_init(&run->loop, &lane->timer);
        lane->timer.data = lane;
        rbk_arena_init(&lane->arena, MESSAGE_ARENA_BYTES);
    }
    run->outbox = outbox;
    run->has_mail = true;
    return 0;
}

void rbk_outbox_look(struct rbk_run *run)
{
    if (!run->has_mail) {
        return;
    }
    run->has_mail = false;
    if (rbk_store_each_message(run->store, run->id, on_row, run->outbox, &run->error) != 0) {
        rbk_run_fail(run, -(int)run->error.code);
        return;
    }
    for (uint32_t i = 0; i < run->outbox->lane_count; i++) {
        send_next(&run->outbox->lanes[i]);
    }
}

bool rbk_outbox_idle(const struct rbk_run *run)
{
    for (uint32_t i = 0; i < run->outbox->lane_count; i++) {
        if (run->outbox->lanes[i].first != NULL) {
            return false;
        }
    }
    return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct lane *lane = handle->data;
    struct outbox *outbox = lane->outbox;
    void (*on_closed)(void *context) = outbox->on_closed;
    void *context = outbox->context;

    while (lane->first != NULL) {
        drop_first(lane);
    }
    rbk_arena_fini(&lane->arena);
    if (--outbox->open != 0) {
        return;
    }
    free(outbox->lanes);
    free(outbox);
    on_closed(context);
}

void rbk_outbox_close(struct rbk_run *run, void (*on_closed)(void *context), void *context)
{
    struct outbox *outbox = run->outbox;

    run->outbox = NULL;
    outbox->on_closed = on_closed;
    outbox->context = context;
    for (uint32_t i = 0; i < outbox->lane_count; i++) {
        uv_close((uv_handle_t *)&outbox->lanes[i].timer, on_timer_closed);
    }
}
