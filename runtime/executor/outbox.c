/*
 * The outbox: rows are sent in order per channel, at least once, with the same key each time. A row
 * that cannot be sent is tried again, at once and then after longer and longer pauses, for as long
 * as the run lives; it holds up its own channel and nothing else. One that the other side refuses
 * for good is tried a few times and then set aside, so that it does not hold up what comes after
 * it: it stays in the store until a person has it sent again.
 *
 *   waiting ──▶ sending (effects of the channel, one after the other) ──▶ sent
 *    ▲   ▲                  ├── failed ────────┐
 *    │   └── after a pause ◀┴── refused ───────┤
 *    └───── `rbk resend` ── set aside ◀── refused too often
 *
 * What became of attempts goes into the store with the next batch of the journal, or, when the run
 * has nothing to write, once a turn by itself: never more than one commit a turn. A runner that
 * dies before that sends these messages again, in the same order.
 */
#include "runtime/executor/outbox.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pauses between attempts that fail in a row: none, then this, doubled each time up to the other;
 * each up to a quarter shorter or longer, so that many runs do not come back at once. */
#define PAUSE_MS_FIRST 100u
#define PAUSE_MS_MAX 60000u
/* The other side may ask for a longer one, up to here. */
#define PAUSE_MS_ASKED_MAX 600000u
/* A refusal may be a mistake of a moment (a gateway that begins, a page that is just being moved):
 * none, then this, doubled each time. */
#define REFUSED_PAUSE_MS_FIRST 500u
#define REFUSALS_MAX 5u
/* Once one was set aside the next are not given that long: a channel that is refused everything
 * must not spend its time on what nobody will take. */
#define REFUSALS_MAX_AGAIN 2u
/* Messages of one channel that are sent without a driver in one turn of the loop. */
#define TURN_MESSAGES_MAX 64u
/* Messages of one channel in memory; the others wait in the store. */
#define LANE_MESSAGES_MAX 32u
/* Of an answer that a channel keeps beside its messages. A longer one is there for this runner
 * only. */
#define KEPT_BYTES_MAX ((size_t)64 << 10)
#define MESSAGE_ARENA_BYTES ((size_t)16 << 20)

/* An attempt that is over, on its way to the store. */
struct ended {
    struct ended *next;
    int64_t id;
    int64_t next_ms; /* 0: sent, or set aside */
    bool aside;
    char *reason; /* owned */
    char *kept;   /* owned */
};

struct outbox {
    struct rbk_run *run;
    struct lane *lanes; /* owned: one per channel, and a last one for terminal and log only */
    uint32_t lane_count;
    struct ended *ended, **ended_end; /* oldest first */
    unsigned long long attempts;      /* that have ended in this runner, for tests */
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

/* Whether the message is being sent, or is through and the store does not know yet. */
static bool is_known(const struct lane *lane, int64_t id)
{
    for (const struct mail *mail = lane->first; mail != NULL; mail = mail->next) {
        if (mail->id == id) {
            return true;
        }
    }
    for (const struct ended *ended = lane->outbox->ended; ended != NULL; ended = ended->next) {
        if (ended->id == id && ended->next_ms == 0) {
            return true;
        }
    }
    return false;
}

struct loading {
    struct lane *lane;
    unsigned rows;
};

static int on_row(void *context, const struct rbk_store_message *row)
{
    struct loading *loading = context;
    struct lane *lane = loading->lane;
    struct mail *mail;

    loading->rows++;
    lane->loaded = row->id;
    if (is_known(lane, row->id)) {
        return 0;
    }
    if ((mail = calloc(1, sizeof(*mail))) == NULL) {
        return -RBK_ENOMEM;
    }
    rbk_arena_init(&mail->arena, MESSAGE_ARENA_BYTES);
    mail->id = row->id;
    mail->at_ms = row->at_ms;
    mail->attempts = row->attempts;
    mail->key = rbk_arena_copy(&mail->arena, row->key);
    mail->text = rbk_arena_copy(&mail->arena, row->text);
    mail->stage = rbk_arena_copy(&mail->arena, row->stage);
    mail->about = rbk_arena_copy(&mail->arena, row->about);
    *lane->end = mail;
    lane->end = &mail->next;
    return 0;
}

/* The next rows of an empty lane. */
static void refill(struct lane *lane)
{
    struct rbk_run *run = rbk_lane_run(lane);
    struct loading loading = {.lane = lane};
    int error = rbk_store_unsent(run->store, run->id, lane->channel, lane->loaded,
                                 LANE_MESSAGES_MAX, on_row, &loading, &run->error);

    if (error != 0) {
        rbk_run_fail(run, error);
    }
    lane->more = loading.rows == LANE_MESSAGES_MAX && error == 0;
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

void rbk_outbox_rewind(struct rbk_run *run)
{
    for (uint32_t i = 0; i < run->outbox->lane_count; i++) {
        struct lane *lane = &run->outbox->lanes[i];
        struct mail *first = lane->sending ? lane->first : NULL;

        if (first != NULL) {
            lane->first = first->next;
        }
        while (lane->first != NULL) {
            drop_first(lane);
        }
        if (first != NULL) {
            first->next = NULL;
            lane->first = first;
            lane->end = &first->next;
        }
        lane->loaded = 0;
        lane->asides = lane->failures = 0;
        uv_timer_stop(&lane->timer);
    }
    run->has_mail = true;
}

/* ---- attempts ----------------------------------------------------------------------------------
 */

static void on_retry(uv_timer_t *timer)
{
    rbk_lane_next(timer->data);
}

static uint64_t pause_ms(unsigned failures, uint64_t first_ms)
{
    uint64_t pause = first_ms;

    if (failures <= 1) {
        return 0; /* most often it was the connection, not the other side */
    }
    for (unsigned i = 2; i < failures && pause < PAUSE_MS_MAX; i++) {
        pause *= 2;
    }
    pause = pause < PAUSE_MS_MAX ? pause : PAUSE_MS_MAX;
    return pause * 3 / 4 + uv_hrtime() / 1000 % (pause / 2);
}

uint64_t rbk_lane_pause_ms(unsigned failures)
{
    return pause_ms(failures, PAUSE_MS_FIRST);
}

/* A test that is about what comes after them has them shorter. */
uint64_t rbk_lane_refused_pause_ms(unsigned refusals)
{
    const char *text = getenv("RBK_TEST_REFUSED_PAUSE_MS");
    unsigned long long first_ms = text != NULL ? strtoull(text, NULL, 10) : 0;

    return pause_ms(refusals, first_ms >= 2 ? first_ms : REFUSED_PAUSE_MS_FIRST);
}

unsigned rbk_lane_refusals_max(unsigned asides)
{
    return asides == 0 ? REFUSALS_MAX : REFUSALS_MAX_AGAIN;
}

static void free_ended(struct ended *ended)
{
    if (ended != NULL) {
        free(ended->reason);
        free(ended->kept);
        free(ended);
    }
}

/* A test lets the runner die when the other side has answered and nobody has written it down:
 * RBK_TEST_KILL_AFTER_ATTEMPT is the number of the attempt. */
static void crash_point(struct outbox *outbox)
{
    const char *text = getenv("RBK_TEST_KILL_AFTER_ATTEMPT");

    if (text != NULL && strtoull(text, NULL, 10) == ++outbox->attempts) {
        kill(getpid(), SIGKILL);
    }
}

static void put_ended(struct lane *lane, int64_t next_ms, bool aside, struct rbk_str reason)
{
    struct outbox *outbox = lane->outbox;
    struct ended *ended = calloc(1, sizeof(*ended));

    if (ended != NULL) {
        ended->reason = strndup(reason.bytes != 0 ? reason.data : "", reason.bytes);
        ended->kept =
            strdup(lane->kept != NULL && strlen(lane->kept) <= KEPT_BYTES_MAX ? lane->kept : "");
    }
    if (ended == NULL || ended->reason == NULL || ended->kept == NULL) {
        free_ended(ended);
        rbk_run_fail(outbox->run, rbk_error_set(&outbox->run->error, RBK_ENOMEM, "out of memory"));
        return;
    }
    crash_point(outbox);
    ended->id = lane->first->id;
    ended->next_ms = next_ms;
    ended->aside = aside;
    *outbox->ended_end = ended;
    outbox->ended_end = &ended->next;
    rbk_run_wake(outbox->run);
}

/* The message is not sent, and is not tried again by itself. */
static void set_aside(struct lane *lane, struct rbk_str reason)
{
    struct rbk_run *run = rbk_lane_run(lane);
    const struct mail *mail = lane->first;

    rbk_run_notice(run,
                   "channel %.*s: message %lld was refused %u times and is set aside: %.*s; `rbk "
                   "resend %s %lld` sends it again",
                   RBK_STR_ARG(run->replay->machine->channels[lane->channel].name),
                   (long long)mail->id, mail->refusals, RBK_STR_ARG(reason), run->id,
                   (long long)mail->id);
    put_ended(lane, 0, true, reason);
    lane->failures = 0;
    lane->asides++;
    drop_first(lane);
}

static void try_again(struct lane *lane, const struct attempt *attempt, struct rbk_str reason)
{
    struct rbk_run *run = rbk_lane_run(lane);
    uint64_t pause = attempt->end == LANE_REFUSED ? rbk_lane_refused_pause_ms(lane->first->refusals)
                                                  : rbk_lane_pause_ms(lane->failures);
    uint64_t asked = attempt->retry_after_ms;

    asked = asked < PAUSE_MS_ASKED_MAX ? asked : PAUSE_MS_ASKED_MAX;
    pause = pause > asked ? pause : asked;
    put_ended(lane, (int64_t)(rbk_run_clock_ms(run) + pause), false, reason);
    if (pause != 0) {
        rbk_run_notice(run, "channel %.*s: message not sent, tried again in %.1f s: %.*s",
                       RBK_STR_ARG(run->replay->machine->channels[lane->channel].name),
                       (double)pause / 1000.0, RBK_STR_ARG(reason));
    }
    uv_timer_start(&lane->timer, on_retry, pause, 0);
}

void rbk_lane_done(struct lane *lane, const struct attempt *attempt)
{
    struct rbk_run *run = rbk_lane_run(lane);
    struct mail *mail = lane->first;
    struct rbk_str reason;

    lane->sending = false;
    if (attempt->end == LANE_SENT) {
        put_ended(lane, 0, false, (struct rbk_str){NULL, 0});
        lane->failures = lane->asides = 0;
        drop_first(lane);
        return;
    }
    lane->failures++;
    mail->attempts++;
    mail->refusals += attempt->end == LANE_REFUSED ? 1u : 0u;
    rbk_arena_reset(&run->scratch);
    reason = rbk_secrets_redact(run->secrets, &run->scratch, attempt->reason);
    if (mail->refusals >= rbk_lane_refusals_max(lane->asides)) {
        set_aside(lane, reason);
    } else {
        try_again(lane, attempt, reason);
    }
}

/* However many messages wait: one after the other, and some in one turn of the loop. */
void rbk_lane_next(struct lane *lane)
{
    for (unsigned sent = 0; !lane->sending && rbk_lane_run(lane)->failed == 0 &&
                            !uv_is_active((uv_handle_t *)&lane->timer);
         sent++) {
        while (lane->first == NULL && lane->more) {
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
        error = at->aside
                    ? rbk_store_set_aside(run->store, at->id, at->reason, at->kept, &run->error)
                    : rbk_store_message_done(run->store, at->id, at->next_ms, at->reason, at->kept,
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
