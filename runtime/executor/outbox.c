/*
 * The outbox: rows are sent in order per channel, at least once, with the same key each time. A row
 * that cannot be sent is tried again, at once and then after longer and longer pauses, for as long
 * as the run lives; it holds up its own channel and nothing else.
 *
 *   waiting ──▶ sending (effects of the channel, one after the other) ──▶ sent
 *      ▲                          └── failed ──┐
 *      └────────── after a pause ◀─────────────┘
 *
 * What became of attempts goes into the store with the next batch of the journal, or, when the run
 * has nothing to write, once a turn by itself: never more than one commit a turn. A runner that
 * dies before that sends these messages again, in the same order.
 */
#include "runtime/executor/outbox.h"

#include <stdlib.h>
#include <string.h>

/* Pauses between attempts that fail in a row: none, then this, doubled each time up to the other;
 * each up to a quarter shorter or longer, so that many runs do not come back at once. */
#define PAUSE_MS_FIRST 100u
#define PAUSE_MS_MAX 60000u
/* Messages of one channel that are sent without a driver in one turn of the loop. */
#define TURN_MESSAGES_MAX 64u
/* Messages of one channel in memory; the others wait in the store. */
#define LANE_MESSAGES_MAX 32u
#define MESSAGE_ARENA_BYTES ((size_t)16 << 20)

/* An attempt that is over, on its way to the store. */
struct ended {
    struct ended *next;
    int64_t id;
    int64_t next_ms; /* 0: sent */
    char *reason;    /* owned */
    char *kept;      /* owned */
};

struct outbox {
    struct rbk_run *run;
    struct lane *lanes; /* owned: one per channel, and a last one for terminal and log only */
    uint32_t lane_count;
    struct ended *ended, **ended_end; /* oldest first */
    unsigned open;                    /* timers not yet closed */
    void (*on_closed)(void *context);
    void *context;
};

struct rbk_run *rbk_lane_run(const struct lane *lane)
{
    return lane->outbox->run;
}

/* ---- rows --------------------------------------------------------------------------------------
 */

static int on_row(void *context, const struct rbk_store_message *row)
{
    struct lane *lane = context;
    struct mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_arena_init(&mail->arena, MESSAGE_ARENA_BYTES);
    lane->loaded = mail->id = row->id;
    mail->at_ms = row->at_ms;
    mail->attempts = row->attempts;
    mail->key = rbk_arena_copy(&mail->arena, row->key);
    mail->text = rbk_arena_copy(&mail->arena, row->text);
    mail->stage = rbk_arena_copy(&mail->arena, row->stage);
    mail->about = rbk_arena_copy(&mail->arena, row->about);
    *lane->end = mail;
    lane->end = &mail->next;
    lane->count++;
    return 0;
}

/* The next rows of an empty lane. */
static void refill(struct lane *lane)
{
    struct rbk_run *run = rbk_lane_run(lane);
    int error = rbk_store_unsent(run->store, run->id, lane->channel, lane->loaded,
                                 LANE_MESSAGES_MAX, on_row, lane, &run->error);

    if (error != 0) {
        rbk_run_fail(run, error);
    }
    lane->more = lane->count == LANE_MESSAGES_MAX;
}

static void drop_first(struct lane *lane)
{
    struct mail *mail = lane->first;

    lane->first = mail->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    lane->count--;
    rbk_arena_fini(&mail->arena);
    free(mail);
}

/* ---- attempts ----------------------------------------------------------------------------------
 */

static void on_retry(uv_timer_t *timer)
{
    rbk_lane_next(timer->data);
}

uint64_t rbk_lane_pause_ms(unsigned failures)
{
    uint64_t pause = PAUSE_MS_FIRST;

    if (failures <= 1) {
        return 0; /* most often it was the connection, not the other side */
    }
    for (unsigned i = 2; i < failures && pause < PAUSE_MS_MAX; i++) {
        pause *= 2;
    }
    pause = pause < PAUSE_MS_MAX ? pause : PAUSE_MS_MAX;
    return pause * 3 / 4 + uv_hrtime() / 1000 % (pause / 2);
}

static void free_ended(struct ended *ended)
{
    if (ended != NULL) {
        free(ended->reason);
        free(ended->kept);
        free(ended);
    }
}

static void put_ended(struct lane *lane, int64_t next_ms, struct rbk_str reason)
{
    struct outbox *outbox = lane->outbox;
    struct ended *ended = calloc(1, sizeof(*ended));

    if (ended != NULL) {
        ended->reason = strndup(reason.bytes != 0 ? reason.data : "", reason.bytes);
        ended->kept = strdup(lane->kept != NULL ? lane->kept : "");
    }
    if (ended == NULL || ended->reason == NULL || ended->kept == NULL) {
        free_ended(ended);
        rbk_run_fail(outbox->run, rbk_error_set(&outbox->run->error, RBK_ENOMEM, "out of memory"));
        return;
    }
    ended->id = lane->first->id;
    ended->next_ms = next_ms;
    *outbox->ended_end = ended;
    outbox->ended_end = &ended->next;
    rbk_run_wake(outbox->run);
}

void rbk_lane_done(struct lane *lane, bool sent, struct rbk_str reason)
{
    struct rbk_run *run = rbk_lane_run(lane);
    struct rbk_str clean;
    uint64_t pause;

    lane->sending = false;
    if (sent) {
        put_ended(lane, 0, (struct rbk_str){NULL, 0});
        lane->failures = 0;
        drop_first(lane);
        return;
    }
    lane->failures++;
    lane->first->attempts++;
    pause = rbk_lane_pause_ms(lane->failures);
    rbk_arena_reset(&run->scratch);
    clean = rbk_secrets_redact(run->secrets, &run->scratch, reason);
    put_ended(lane, (int64_t)(rbk_run_clock_ms(run) + pause), clean);
    if (pause != 0) {
        rbk_run_notice(run, "channel %.*s: message not sent, tried again in %.1f s: %.*s",
                       RBK_STR_ARG(run->replay->machine->channels[lane->channel].name),
                       (double)pause / 1000.0, RBK_STR_ARG(clean));
    }
    uv_timer_start(&lane->timer, on_retry, pause, 0);
}

/* However many messages wait: one after the other, and some in one turn of the loop. */
void rbk_lane_next(struct lane *lane)
{
    for (unsigned sent = 0; !lane->sending && rbk_lane_run(lane)->failed == 0 &&
                            !uv_is_active((uv_handle_t *)&lane->timer);
         sent++) {
        if (lane->first == NULL && lane->more) {
            refill(lane);
        }
        if (lane->first == NULL) {
            return;
        }
        if (sent == TURN_MESSAGES_MAX) {
            uv_timer_start(&lane->timer, on_retry, 0, 0);
            return;
        }
        rbk_lane_send(lane);
    }
}

/* ---- the store ---------------------------------------------------------------------------------
 */

bool rbk_outbox_has_ended(const struct rbk_run *run)
{
    return run->outbox->ended != NULL;
}

int rbk_outbox_write(struct rbk_run *run)
{
    int error = 0;

    for (const struct ended *at = run->outbox->ended; at != NULL && error == 0; at = at->next) {
        error = rbk_store_message_done(run->store, at->id, at->next_ms, at->reason, at->kept,
                                       &run->error);
    }
    return error;
}

void rbk_outbox_written(struct rbk_run *run)
{
    struct outbox *outbox = run->outbox;
    struct ended *ended;

    while ((ended = outbox->ended) != NULL) {
        outbox->ended = ended->next;
        free_ended(ended);
    }
    outbox->ended_end = &outbox->ended;
}

/* ---- life --------------------------------------------------------------------------------------
 */

/* Room for the channel's effects, and what it kept before this runner. */
static int prepare(struct lane *lane)
{
    struct rbk_run *run = rbk_lane_run(lane);
    const struct rbk_machine *machine = run->replay->machine;
    struct rbk_str kept;
    int error;

    if (lane->channel != UINT32_MAX) {
        lane->wanted = calloc(machine->channels[lane->channel].effects.count + 1u, sizeof(bool));
        if (lane->wanted == NULL) {
            return rbk_error_set(&run->error, RBK_ENOMEM, "out of memory");
        }
    }
    rbk_arena_reset(&run->scratch);
    error =
        rbk_store_get_kept(run->store, run->id, lane->channel, &run->scratch, &kept, &run->error);
    if (error == 0 && kept.bytes != 0) {
        lane->kept = strdup(kept.data);
    }
    return error;
}

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
    outbox->ended_end = &outbox->ended;
    for (uint32_t i = 0; i < count; i++) {
        struct lane *lane = &outbox->lanes[i];

        lane->outbox = outbox;
        lane->channel = i < count - 1 ? i : UINT32_MAX;
        lane->end = &lane->first;
        uv_timer_init(&run->loop, &lane->timer);
        lane->timer.data = lane;
        rbk_arena_init(&lane->arena, MESSAGE_ARENA_BYTES);
        rbk_arena_init(&lane->arena_about, MESSAGE_ARENA_BYTES);
    }
    run->outbox = outbox;
    run->has_mail = true;
    for (uint32_t i = 0; i < count; i++) {
        int error = prepare(&outbox->lanes[i]);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

void rbk_outbox_look(struct rbk_run *run)
{
    if (!run->has_mail) {
        return;
    }
    run->has_mail = false;
    for (uint32_t i = 0; i < run->outbox->lane_count; i++) {
        run->outbox->lanes[i].more = true;
        rbk_lane_next(&run->outbox->lanes[i]);
    }
}

bool rbk_outbox_idle(const struct rbk_run *run)
{
    for (uint32_t i = 0; i < run->outbox->lane_count; i++) {
        if (run->outbox->lanes[i].first != NULL) {
            return false;
        }
    }
    return run->outbox->ended == NULL;
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
    rbk_arena_fini(&lane->arena_about);
    free(lane->kept);
    free(lane->wanted);
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

    rbk_outbox_written(run);
    run->outbox = NULL;
    outbox->on_closed = on_closed;
    outbox->context = context;
    for (uint32_t i = 0; i < outbox->lane_count; i++) {
        uv_close((uv_handle_t *)&outbox->lanes[i].timer, on_timer_closed);
    }
}
